"""The notebooks run, teach in the agreed form, and carry small, clean outputs."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from test_documents import BANNED

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NUMBERS = [f"{number:02d}" for number in range(16)]
SOLUTIONS = sorted((FOLDER / "solutions").glob("*.py"))
LARGEST = 300_000
"""Bytes of one file, figures included."""
LONGEST = 24_000
"""Characters of text and code: what can be read in an hour."""
CELL_SECONDS = 120
"""A cell that takes longer hangs."""
SCRIPT = """
import sys
import nbformat
from nbclient import NotebookClient

path, out, folder, seconds = sys.argv[1:]
notebook = nbformat.read(path, as_version=4)
resources = {"metadata": {"path": folder}}
NotebookClient(notebook, timeout=int(seconds), kernel_name="python3", resources=resources).execute()
nbformat.write(notebook, out)
"""
"""In a process of its own: what the client leaves to be collected would be another test's warning."""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def markdown(path):
    """The text of all markdown cells, one after the other."""
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_the_course_is_complete():
    assert [path.name[:2] for path in NOTEBOOKS] == NUMBERS


@each_notebook
def test_notebook_runs(path, tmp_path):
    out = tmp_path / path.name
    command = [sys.executable, "-c", SCRIPT, str(path), str(out), str(FOLDER), str(CELL_SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not warnings_and_errors(nbformat.read(out, as_version=4))


def warnings_and_errors(notebook):
    """Every output that is an error or was written to stderr, as text."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return [
        out.get("text") or out.get("evalue")
        for out in outputs
        if out.output_type == "error" or out.get("name") == "stderr"
    ]


@each_notebook
def test_notebook_has_the_parts_of_a_lesson(path):
    cells = nbformat.read(path, as_version=4).cells
    first, text = cells[0], markdown(path)
    assert first.cell_type == "markdown"
    assert re.match(rf"# {path.name[:2]} \S", first.source), "the title begins with the number"
    assert re.search(r"(?i)you will learn", text), "learning goals"
    assert re.search(r"(?i)predict", text), "an exercise asks for a prediction"
    assert text.count("<details>") == text.count("</details>") >= 1, "answers are folded"
    assert "## References" in text
    assert "arXiv:2603.04827" in text


@each_notebook
def test_the_first_cell_tells_what_to_expect(path):
    opening = nbformat.read(path, as_version=4).cells[0].source
    parts = (r"\*\*[^*]+\?\*\*", r"\*\*What you will learn\*\*\n\n-", r"\*\*Before you begin\*\*: \S")
    minutes = r"\*\*Time\*\*: about \d+ minutes"
    places = [re.search(part, opening) for part in (*parts, minutes)]
    assert all(places), "a question, goals, prerequisites, minutes"
    assert [place.start() for place in places] == sorted(place.start() for place in places)


@each_notebook
def test_three_exercises_close_a_notebook(path):
    exercises = markdown(path).partition("## Exercises\n")[2].partition("## References")[0]
    assert re.findall(r"^(\d+)\. ", exercises, re.MULTILINE) == ["1", "2", "3"]
    assert f"(solutions/{path.stem}.py)" in exercises


def test_every_notebook_has_solutions():
    assert [path.stem for path in SOLUTIONS] == [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", SOLUTIONS, ids=[path.stem for path in SOLUTIONS])
def test_solutions(path):
    names = runpy.run_path(str(path))
    for number in (1, 2, 3):
        solution = names[f"exercise_{number}"]
        assert solution.__doc__, "the answer and its reason"
        solution()


def test_every_notebook_leads_to_the_next():
    followers = [*NOTEBOOKS[1:], NOTEBOOKS[0]]
    for path, follower in zip(NOTEBOOKS, followers, strict=True):
        last = nbformat.read(path, as_version=4).cells[-1].source.rstrip().splitlines()[-1]
        assert re.findall(r"\]\((.+?)\)", last) == [follower.name], path.stem


@each_notebook
def test_notebook_is_not_too_long(path):
    cells = nbformat.read(path, as_version=4).cells
    assert sum(len(cell.source) for cell in cells) < LONGEST


@each_notebook
def test_figures_have_the_style_of_the_course(path):
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert sum('plt.style.use("course.mplstyle")' in source for source in code) == 1


@each_notebook
def test_prose(path):
    text = re.sub(r"```.*?```|`[^`]*`", "", markdown(path), flags=re.DOTALL)
    assert [match.group() for match in BANNED.finditer(text)] == []


@each_notebook
def test_links_lead_to_files(path):
    for target in re.findall(r"\]\(([^)#:]+)\)", markdown(path)):
        assert (FOLDER / target).exists(), target


def test_the_index_lists_every_notebook():
    linked = re.findall(r"\]\(([^)]+\.ipynb)\)", markdown(FOLDER / "00_index.ipynb"))
    assert sorted(set(linked)) == [path.name for path in NOTEBOOKS if path.name != "00_index.ipynb"]


@each_notebook
def test_committed_outputs_are_there_clean_and_small(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < LARGEST
    assert not warnings_and_errors(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run whole, in order"
    assert "widgets" not in notebook.metadata, "states of widgets"
    kinds = {kind for cell in code for out in cell.outputs for kind in out.get("data", {})}
    assert not [kind for kind in kinds if "widget" in kind], "views of widgets, which need a kernel"
    assert any("image/png" in out.get("data", {}) for cell in code for out in cell.outputs)
    assert all(not cell.metadata for cell in notebook.cells), "no timings"
    text = "\n".join(
        str(out.get("text", "")) + str(out.get("data", {}).get("text/plain", ""))
        for cell in code
        for out in cell.outputs
    )
    assert not re.search(r"/(?:home|Users|tmp|root)/| at 0x[0-9a-f]+", text), "paths and addresses"
