"""Makes the slides of the lectures in docs/course.md from the notebooks.

    python notebooks/slides.py [--output DIR] [--lecture N] [--sharp]

Writes lecture-01.html to lecture-12.html and index.html with everything that they load. --sharp runs the
notebooks again, for figures with three times as many pixels in each direction, and keeps them in
build/executed until a notebook changes; otherwise the figures are those stored in the notebooks.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lectures.deck import Talk
from lectures.maker import Maker
from lectures.page import index_html, lecture_slides, page_html, write_assets, write_figures
from lectures.plan import Lecture, find_notebook, read_plan
from lectures.rendering import Renderer, nowhere

FOLDER = Path(__file__).parent
PLAN = FOLDER.parent / "docs" / "course.md"
EXECUTED = FOLDER.parent / "build" / "executed"
RESOLUTION = 240
"""Dots per inch of sharp figures; the style of the course has 80."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the slides, and prints how many each lecture has."""
    parser = argparse.ArgumentParser(
        description="Slides for the lectures in docs/course.md, from the notebooks."
    )
    parser.add_argument("--output", type=Path, default=FOLDER.parent / "build" / "slides", metavar="DIR")
    parser.add_argument("--lecture", type=int, metavar="N", help="this lecture alone, without the index")
    parser.add_argument(
        "--sharp", action="store_true", help="run the notebooks, for figures in high resolution"
    )
    options = parser.parse_args(arguments)
    plan = read_plan(PLAN.read_text(encoding="utf-8"))
    numbers = [lecture.number for lecture in plan]
    if options.lecture is not None and options.lecture not in numbers:
        parser.error(f"--lecture: expected a number from 1 to {numbers[-1]}, got {options.lecture}")
    output = options.output
    if output.exists() and not (
        output.is_dir() and ((output / "lectures.css").is_file() or not any(output.iterdir()))
    ):
        parser.error(f"--output: expected an empty folder or a folder of slides, got {output}")
    write_assets(options.output)
    renderer = Renderer(lambda link: target(link, plan))
    rows = []
    lectures = [lecture for lecture in plan if options.lecture in (None, lecture.number)]
    if options.sharp:  # kernels are processes of their own: a notebook for each core
        notebooks = dict.fromkeys(number for lecture in lectures for number in lecture.notebooks)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda number: executed(find_notebook(FOLDER, number)), notebooks))
    for lecture in lectures:
        talks = [talk(lecture, number, renderer, sharp=options.sharp) for number in lecture.notebooks]
        for made in talks:
            write_figures(made.figures, options.output / "figures")
        slides = lecture_slides(lecture, talks, renderer)
        names = "; ".join(made.title.partition(" ")[2] for made in talks)
        page = page_html(f"Lecture {lecture.number}: {names}", slides, renderer)
        (options.output / lecture.page).write_text(page, encoding="utf-8")
        print(f"lecture {lecture.number:2d}: {len(slides)} slides")
        rows.append((lecture, talks, len(slides)))
    if options.lecture is None:
        (options.output / "index.html").write_text(index_html(rows, renderer), encoding="utf-8")


def talk(lecture: Lecture, number: str, renderer: Renderer, *, sharp: bool) -> Talk:
    """The slides of a notebook of a lecture."""
    path = find_notebook(FOLDER, number)
    if sharp:
        path = executed(path)
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    homework = lecture.homework.get(number, ())
    return Maker(cells, number, renderer, homework, brief=len(lecture.notebooks) > 1).make()


def target(link: str, plan: Sequence[Lecture]) -> str | None:
    """A notebook's lecture, other sites as they are; the other links of a notebook lead nowhere from here."""
    if link.endswith(".ipynb"):
        return next((lecture.page for lecture in plan if link[:2] in lecture.notebooks), None)
    return nowhere(link)


def executed(path: Path) -> Path:
    """A copy of a notebook, run again for sharp figures; it is kept until the notebook changes."""
    import nbformat
    from nbclient import NotebookClient

    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    copy = EXECUTED / f"{path.stem}-{digest}.ipynb"
    if copy.exists():
        return copy
    notebook = nbformat.read(path, as_version=4)
    setting = f"set_matplotlib_formats('png', dpi={RESOLUTION})"
    first = f"from matplotlib_inline.backend_inline import set_matplotlib_formats\n{setting}"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(first))
    place = {"metadata": {"path": FOLDER}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    del notebook.cells[0]
    EXECUTED.mkdir(parents=True, exist_ok=True)
    for old in EXECUTED.glob(f"{path.stem}-*.ipynb"):
        old.unlink()
    part = copy.with_suffix(".part")
    nbformat.write(notebook, part)
    part.replace(copy)
    return copy


if __name__ == "__main__":
    main()
