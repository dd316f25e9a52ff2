"""The layout of a CSV file: comments at the top, the separator, a header or none."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from splinekan._checks import shown
from splinekan.tables.blocks import Blocks
from splinekan.tables.numbers import numeric

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
SAMPLE = 20
"""Number of lines that are searched for the separator."""
BLANKS = " \t"
"""Blanks, which are ignored around cells."""


def without_comments(blocks: Blocks) -> tuple[int, bytes]:
    """The number of the first line that is neither blank nor begins with #, and the block from there on.

    Raises
    ------
    ValueError
        If there is none.
    """
    line, start = 1, 0
    block = blocks.take()
    while block is not None:
        while start < len(block):
            end = block.index(b"\n", start) + 1
            first = block[start:end].lstrip()
            if first and not first.startswith(b"#"):
                return line, block[start:]
            line, start = line + 1, end
        block, start = blocks.take(), 0
    raise ValueError(f"{blocks.name} is empty" if line == 1 else f"{blocks.name} has no rows")


def sniffed(text: str, first: int, name: str) -> str:
    """The separator of the first line: the only candidate in it with the same count in all lines.

    Parameters
    ----------
    text
        Lines, of which the first has the number `first`.
    name
        The name of the file in messages.

    Raises
    ------
    ValueError
        If several are possible.
    """
    sample = text.split("\n", SAMPLE)[:SAMPLE]
    counts = {}
    for separator in SEPARATORS.values():
        reader = csv.reader(sample, delimiter=separator)
        try:
            rows = [len(row) for row in reader if row]
        except csv.Error as error:
            raise ValueError(f"{name} is not CSV, line {first + reader.line_num - 1}: {error}") from None
        if rows[0] > 1:
            counts[separator] = rows
    if len(counts) > 1:
        even = [each for each, rows in counts.items() if len(set(rows)) == 1]
        if len(even) != 1:
            raise ValueError(
                f"{name}: columns may be separated by each of {shown(sorted(counts))}; give --separator"
            )
        return even[0]
    return next(iter(counts), ",")


def are_names(cells: Sequence[str], line: int, name: str) -> bool:
    """Whether the cells of the first row are names: none of them is a number.

    Raises
    ------
    ValueError
        If some are numbers and some not.
    """
    found = [numeric(cell) for cell in cells]
    if any(found) and not all(found):
        number, other = cells[found.index(True)], cells[found.index(False)]
        raise ValueError(
            f"{name}, line {line}: {shown(number)} is a number and {shown(other)} is not: give --header if "
            "they are names of columns, else --no-header"
        )
    return not any(found)
