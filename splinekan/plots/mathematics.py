"""Formulas above a figure, as lines of mathematics that fit its width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

SIZE = 11.0
"""Size of the type in points."""
LINES = 3
"""Most lines of a formula; the rest is cut."""
FORMULAS = 4
"""Most formulas above a figure."""
ASPECT = 0.58
"""Mean width of a character of plain text, over its size."""
NAME = 24
"""Most characters of a name; longer names are cut."""
FAILURES = (ValueError, RuntimeError, RecursionError)
"""Errors that matplotlib raises for mathematics that it does not support."""


class Written(NamedTuple):
    """A formula as text.

    Attributes
    ----------
    name
        The left-hand side, in LaTeX.
    terms
        The terms of its sum, in LaTeX.
    plain
        The whole formula without LaTeX, in case matplotlib cannot set it.
    """

    name: str
    terms: tuple[str, ...]
    plain: str


class Caption(NamedTuple):
    """The text above a figure: formulas, and a note on their errors."""

    formulas: tuple[Written, ...]
    note: str = ""


def captioned(figure: Any, ax: Any, caption: Caption) -> Any:
    """Put formulas and their note above the only axes of a figure, which grows by their height."""
    width, height = figure.get_size_inches()
    room = 72.0 * width - 24.0
    lines = [line for each in caption.formulas[:FORMULAS] for line in arranged(each, room)]
    left = len(caption.formulas) - FORMULAS
    if left > 0:
        lines.append(f"... and {left} more")
    note = textwrap.wrap(_literal(caption.note), int(room / (7.0 * ASPECT)))
    figure.suptitle("\n".join(lines), fontsize=SIZE, linespacing=1.5)
    if note:
        ax.set_title("\n".join(note), fontsize=7, color="0.35", pad=12)
    figure.set_size_inches(width, height + 0.26 * len(lines) + 0.2 * bool(note))
    return figure


def arranged(formula: Written, room: float) -> list[str]:
    """The lines of a formula, at most `LINES`, none wider than `room` points.

    A sum is broken in front of its terms. If a term is too wide, or matplotlib does not support its LaTeX,
    the formula is plain text.
    """
    try:
        return list(_broken(formula, room))
    except FAILURES:
        return _plain(formula.plain, room)


def _broken(formula: Written, room: float) -> Iterator[str]:
    line, count = f"{formula.name} =", 1
    for number, term in enumerate(formula.terms):
        piece = _signed(term) if number else term
        if _width(f"{line} {piece}") <= room - (24.0 if count == LINES else 0.0):
            line = f"{line} {piece}"
            continue
        if not number or _width(rf"\quad {piece}") > room - 24.0:
            raise ValueError("a term is too wide")
        if count == LINES:
            line = rf"{line} + \ldots"
            break
        yield f"${line}$"
        line, count = rf"\quad {piece}", count + 1
    yield f"${line}$"


def _signed(term: str) -> str:
    return f"- {term[1:].lstrip()}" if term.startswith("-") else f"+ {term}"


def _width(mathematics: str) -> float:
    """The width of a line in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import MathTextParser

    parser: Any = MathTextParser("path")
    return float(parser.parse(f"${mathematics}$", dpi=72, prop=FontProperties(size=SIZE))[0])


def _plain(text: str, room: float) -> list[str]:
    lines = textwrap.wrap(" ".join(text.split()), max(int(room / (SIZE * ASPECT)), 20))
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], lines[LINES - 1][:-4] + " ..."]
    return [_literal(line) for line in lines]


def _literal(text: str) -> str:
    """Text escaped so that matplotlib draws it literally."""
    return text.replace("$", r"\$")


def cut(name: str, length: int) -> str:
    """A name in a line of at most `length` characters."""
    words: Sequence[str] = name.split()
    text = " ".join(words)
    return text if len(text) <= length else text[: length - 3] + "..."
