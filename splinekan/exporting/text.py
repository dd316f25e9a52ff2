"""Numbers as Python source: every float64 number is read back bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

WIDTH = 108
"""Largest length of a line."""
LINE = 80
"""Largest length of an array that is written on the line of its name."""


def array(values: ArrayLike) -> str:
    """The text of an array of numbers, in the order of C and with its shape."""
    numbers = np.asarray(values)
    rows = numbers.ravel().tolist()
    shape = "" if numbers.ndim == 1 else f".reshape({', '.join(map(str, numbers.shape))})"
    if len(rows) <= WIDTH:
        line = f"np.array([{', '.join(map(repr, rows))}]){shape}"
        if len(line) <= LINE:
            return line
    return f"np.array(\n    [\n{_wrapped(map(repr, rows), 8)}\n    ]\n){shape}"


def names(values: Iterable[str]) -> str:
    """The text of a tuple of names."""
    items = [repr(value) for value in values]
    line = f"({', '.join(items)}{',' * (len(items) == 1)})"
    return line if len(line) < WIDTH - 10 else f"(\n{_wrapped(items, 4)}\n)"


def docstring(lines: Iterable[str]) -> str:
    """Lines as a docstring, whatever characters they hold."""
    text = "\n".join("".join(map(_printable, line)) for line in lines)
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'"""{text}\n"""'


def _printable(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]


def sum_of(terms: Sequence[str]) -> str:
    """The text of a sum."""
    return " + ".join(terms)


def _wrapped(items: Iterable[str], indent: int) -> str:
    """Items with commas, as many per line as fit."""
    lines: list[str] = []
    line = " " * indent
    for item in items:
        if len(line) + len(item) + 1 > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = " " * indent
        line += f"{item}, "
    lines.append(line.rstrip())
    return "\n".join(lines)
