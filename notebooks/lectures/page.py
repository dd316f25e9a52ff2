"""The files of the slides: a page for each lecture, an index, and what the pages load."""

from __future__ import annotations

import base64
import html
import importlib.metadata
import shutil
from collections.abc import Sequence
from pathlib import Path
from string import Template

from lectures.deck import Slide, Talk
from lectures.plan import Lecture
from lectures.rendering import Figure, Piece, Renderer

HERE = Path(__file__).parent


def lecture_slides(lecture: Lecture, talks: Sequence[Talk], renderer: Renderer) -> list[Slide]:
    """The slides of a lecture: openings and lessons by notebook, then references, exercises at the end."""
    number = f"Lecture {lecture.number}"
    slides: list[Slide] = []
    if len(talks) > 1:
        names = "".join(f"<li>{renderer.inline(talk.title.partition(' ')[2])}</li>" for talk in talks)
        slides.append(Slide(number, kind="title", pieces=[Piece("list", f"<ul>{names}</ul>", 0)]))
    else:
        talks[0].opening[0].above = f"{number}, notebook {talks[0].title[:2]}"
    for talk in talks:
        slides += talk.opening
        if talk is talks[0]:
            tasks = lecture.board.split("; ")
            inner = "".join(f"<p>{renderer.inline(task[:1].upper() + task[1:])}</p>" for task in tasks)
            slides.append(Slide("On the board", number, "board", [Piece("text", inner, 0)]))
        slides += talk.lessons
    for talk in talks:
        slides += talk.references
    for talk in talks:
        slides += talk.exercises
    return slides


def slide_html(slide: Slide, renderer: Renderer) -> str:
    """A section of reveal.js."""
    kind = "".join(f" {name}" for name in (slide.kind, "large" if slide.is_large else "") if name)
    notes = "\n".join(renderer.block(note) for note in slide.notes)
    aside = f'\n<aside class="notes">\n{notes}</aside>' if notes else ""
    pieces = "".join(piece.html for piece in slide.pieces)
    return (
        f'<section><div class="frame{kind}">\n<header><p class="above">{renderer.inline(slide.above)}</p>'
        f"<h2>{renderer.inline(slide.title)}</h2></header>\n"
        f'<div class="body">\n{pieces}\n</div>\n</div>{aside}</section>'
    )


def page_html(title: str, slides: Sequence[Slide], renderer: Renderer) -> str:
    """The page of a lecture."""
    body = "\n".join(slide_html(slide, renderer) for slide in slides)
    return _filled("lecture.html", title=html.escape(title), slides=body)


def index_html(rows: Sequence[tuple[Lecture, Sequence[Talk], int]], renderer: Renderer) -> str:
    """The page that links to the lectures: lecture, its notebooks, and how many slides it has."""
    lines = []
    for lecture, talks, count in rows:
        names = "; ".join(renderer.inline(talk.title.partition(" ")[2]) for talk in talks)
        lines.append(
            f'<tr><td>{lecture.number}</td><td><a href="{lecture.page}">{names}</a></td><td>{count}</td></tr>'
        )
    return _filled("index.html", rows="\n".join(lines))


def _filled(name: str, **parts: str) -> str:
    """A template of this folder with its parts."""
    return Template((HERE / name).read_text(encoding="utf-8")).substitute(parts)


def write_figures(figures: Sequence[Figure], folder: Path) -> None:
    """The pictures of a notebook as files."""
    folder.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        text = figure.mime.startswith("image/svg")
        data = figure.data.encode() if text else base64.b64decode(figure.data)
        (folder / figure.name).write_bytes(data)


def write_assets(folder: Path) -> None:
    """reveal.js, MathJax, letters and the style, with their licences, from the installed packages.

    Raises ModuleNotFoundError if sphinx-revealjs or sphinx-mathjax-offline is not installed.
    """
    reveal = _installed("sphinx-revealjs", "sphinx_revealjs/_static/revealjs")
    mathjax = _installed("sphinx-mathjax-offline", "sphinx-mathjax-offline/static/mathjax")
    (folder / "reveal").mkdir(parents=True, exist_ok=True)
    (folder / "mathjax").mkdir(exist_ok=True)
    for name in ("LICENSE", "dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js"):
        shutil.copyfile(reveal / name, folder / "reveal" / Path(name).name)
    letters = folder / "reveal" / "source-sans-pro"
    shutil.copytree(reveal / "dist/theme/fonts/source-sans-pro", letters, dirs_exist_ok=True)
    shutil.copyfile(mathjax / "tex-svg-full.js", folder / "mathjax" / "tex-svg-full.js")
    shutil.copyfile(HERE / "lectures.css", folder / "lectures.css")


def _installed(distribution: str, folder: str) -> Path:
    try:
        found = importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        raise ModuleNotFoundError(
            f'slides need the package {distribution}: pip install "splinekan[docs]"'
        ) from None
    return Path(str(found.locate_file(folder)))
