"""Tables as text and as columns for data frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST = 40
"""Most rows of a printed table; the end of longer tables is left out."""
NAME = 24
"""Most characters of a name; longer names are cut."""


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], left: int, most: int = MOST) -> str:
    """Lines with aligned columns, the first `left` to the left."""
    shown = [list(head), *(list(map(cut, row)) for row in rows[:most])]
    widths = [max(len(row[i]) for row in shown) for i in range(len(head))]
    lines = []
    for row in shown:
        cells = [
            f"{cell:<{width}}" if i < left else f"{cell:>{width}}"
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    if len(rows) > most:
        lines.append(f"... {len(rows) - most} more")
    return "\n".join(lines)


def cut(text: str) -> str:
    """A name on a line of its own length."""
    plain = " ".join(text.split())
    return plain if len(plain) <= NAME else plain[: NAME - 3] + "..."


def percent(share: float) -> str:
    """A share in percent with two decimal places; a dash for NaN."""
    return "-" if share != share else f"{100 * share:.2f}"


def columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """Rows as a dictionary of columns, for `pandas.DataFrame`."""
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}
