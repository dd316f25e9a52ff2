"""The four figures with sliders: live in JupyterLab in a browser, and as pictures without a kernel."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import nbformat
import pytest

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = ROOT / "notebooks"
PICTURES = ROOT / "build" / "pictures" / "interactive"
SECONDS = 60
"""For whatever is waited for."""
FIGURES = {
    "02_truncated_powers_and_change_of_basis": ("drag_a_knot", 4),
    "06_refinement_is_exact": ("refine_a_curve", 2),
    "07_multilevel_training": ("step_through_training", 1),
    "08_gauss_newton": ("damp_a_step", 2),
}
"""The figure of a notebook, and its number of sliders."""
PICTURE = ".jp-OutputArea-output img.widget-image"
HANDLE = ".jp-OutputArea-output .noUi-handle"
READOUT = ".jp-OutputArea-output .widget-readout"


RUN_ALL = """async () => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = app.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    await app.commands.execute("notebook:run-all-cells");
}"""
"""As the entry of the menu does, once there is a kernel."""


def shortened(path):
    """The notebook with its first code cell and the figure only: what is tested here is the figure."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    figure = [cell for cell in code if "from interactive import" in cell.source]
    assert len(figure) == 1
    notebook.cells = [code[0], *figure]
    for cell in notebook.cells:
        cell.outputs, cell.execution_count = [], None
    return notebook


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab on a copy of the notebooks, without settings or plugins of the user."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(NOTEBOOKS, folder / "notebooks", ignore=shutil.ignore_patterns("*.ipynb", "__pycache__"))
    for name in FIGURES:
        nbformat.write(shortened(NOTEBOOKS / f"{name}.ipynb"), folder / "notebooks" / f"{name}.ipynb")
    settings = {
        "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {
            "fetchNews": "false",
            "checkForUpdates": False,
        },
    }
    for name, values in settings.items():
        file = folder / "settings" / name
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    homes = {
        name: str(folder / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {
        **os.environ,
        **homes,
        "PYTHONPATH": path,
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(
            f"--port={port}",
            "--ServerApp.port_retries=0",
            "--IdentityProvider.token=",
            "--ServerApp.password=",
        ),
        "--LabApp.news_url=",
        "--LabApp.expose_app_in_browser=True",
        f"--ServerApp.root_dir={folder / 'notebooks'}",
    ]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: answers(port) or server.poll() is not None, "JupyterLab answers")
            assert server.poll() is None, (folder / "log").read_text()[-3000:]
            yield address
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def answers(port):
    """Whether anything listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition, what, wait=lambda milliseconds: sleep(milliseconds / 1000)):
    """Return once the condition holds; `wait` passes the time between two looks."""
    end = monotonic() + SECONDS
    while not condition():
        assert monotonic() < end, f"waited {SECONDS} seconds in vain: {what}"
        wait(100)


@pytest.fixture
def page(browser):
    """A page of a usual size that keeps the errors of its console."""
    opened = browser.new_page(viewport={"width": 1400, "height": 1000})
    opened.set_default_timeout(1000 * SECONDS)
    opened.errors = []
    opened.on("console", lambda said: opened.errors.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    yield opened
    opened.close()


def concerning_widgets(errors):
    """Those errors of a console that a figure may have caused."""
    return [text for text in errors if re.search(r"widget|comm|ipywidgets|model|render", text, re.IGNORECASE)]


def seen(page):
    """A digest of the picture that the browser shows."""
    return page.locator(PICTURE).evaluate(
        """async image => {
            const bytes = await (await fetch(image.src)).arrayBuffer();
            return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).join(" ");
        }"""
    )


def shown(readout):
    """The number beside a slider."""
    return float(readout.inner_text().replace("−", "-"))


def settled(page):
    """The digest once two looks in a row agree."""
    looks = [None]

    def same():
        looks.append(seen(page))
        return looks[-1] == looks[-2]

    wait_until(same, "the picture comes to rest", page.wait_for_timeout)
    return looks[-1]


def opened(page, lab, name):
    """The notebook in JupyterLab, run from top to bottom until the figure is there."""
    page.goto(f"{lab}/lab/tree/{name}.ipynb?reset")
    page.locator(".jp-Notebook").wait_for()
    page.evaluate(RUN_ALL)
    page.locator(PICTURE).wait_for()
    page.locator(PICTURE).scroll_into_view_if_needed()


@pytest.mark.parametrize("name", FIGURES)
def test_every_slider_moves_the_picture(lab, page, name):
    figure, count = FIGURES[name]
    opened(page, lab, name)
    handles, readouts = page.locator(HANDLE), page.locator(READOUT)
    assert handles.count() == count
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{figure}-begin.png")
    for index in range(count):
        before, value = settled(page), shown(readouts.nth(index))
        forth, back = ("ArrowRight", "ArrowLeft") if index % 2 == 0 else ("ArrowLeft", "ArrowRight")
        handles.nth(index).focus()
        page.keyboard.press(forth)
        wait_until(lambda before=before: seen(page) != before, "the picture changes", page.wait_for_timeout)
        moved = settled(page)
        assert (shown(readouts.nth(index)) > value) == (forth == "ArrowRight")
        page.keyboard.press(back)
        wait_until(lambda moved=moved: seen(page) != moved, "the picture changes back", page.wait_for_timeout)
        assert settled(page) == before, "the same numbers give the same picture"
    for choice in page.locator(".jp-OutputArea-output select").all():
        for option in choice.locator("option").all()[1:]:
            before = settled(page)
            choice.select_option(label=option.inner_text())
            wait_until(
                lambda before=before: seen(page) != before, "the picture changes", page.wait_for_timeout
            )
    settled(page)
    page.screenshot(path=PICTURES / f"{figure}-end.png")
    assert page.locator(".jp-RenderedText[data-mime-type$=stderr], .jp-OutputArea-error").count() == 0
    assert concerning_widgets(page.errors) == []


@pytest.mark.parametrize("name", FIGURES)
def test_a_page_without_kernel_shows_the_picture(browser, name, tmp_path):
    page = browser.new_page(viewport={"width": 1400, "height": 1000}, offline=True)
    from nbconvert import HTMLExporter

    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if "from interactive import" in cell.source]
    notebook.cells = cells
    file = tmp_path / f"{name}.html"
    file.write_text(HTMLExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    page.goto(file.as_uri(), wait_until="domcontentloaded")
    picture = page.locator(".jp-RenderedImage img")
    assert picture.count() == 1
    assert picture.evaluate("image => image.complete && image.naturalWidth") >= 800
    assert picture.bounding_box()["width"] > 500
    assert page.locator(".jp-OutputArea-output .widget-slider").count() == 0
    page.close()
