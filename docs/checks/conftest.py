"""The built site on a local server, and a browser."""

import http.server
import os
import shutil
import threading
from functools import partial
from pathlib import Path

import pytest

BUILD = Path(__file__).parent.parent.parent / "build"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items):
    """Share the pages out among processes; the other files, which start servers, each stay on a process."""
    for item in items:
        if item.path.name != "test_pages.py":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each request."""

    def log_message(self, *_):
        pass


def served(folder):
    """Yield the address of a server of the files in a folder."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def site():
    """The address of the built site."""
    yield from served(BUILD / "site")


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium: of the system, or the one that Playwright has installed."""
    from playwright import sync_api

    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_api.sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except sync_api.Error as error:
            if os.environ.get("SPLINEKAN_NO_BROWSER") == "1":
                pytest.skip("no browser")
            pytest.fail(
                "no browser: install chromium, name its program by CHROMIUM=path, run `playwright install "
                f"chromium`, or leave these checks out by SPLINEKAN_NO_BROWSER=1\n{error}",
                pytrace=False,
            )
        yield chromium
        chromium.close()
