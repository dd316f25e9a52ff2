"""Printed tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """A column of a printed table.

    Attributes
    ----------
    header
        Its heading.
    value
        Attribute of the row, or a function of the row.
    form
        Format specification of the value. Text is printed unchanged.
    left
        Align on the left, like names, instead of on the right, like numbers.
    """

    header: str
    value: str | Callable[[Any], Any]
    form: str = ""
    left: bool = False

    def text(self, row: Any) -> str:
        """The entry of a row."""
        value = self.value(row) if callable(self.value) else getattr(row, self.value)
        return value if isinstance(value, str) else format(value, self.form)


def table(columns: Sequence[Column], rows: Sequence[Any], group: Callable[[Any], str] | None = None) -> str:
    """Rows under their headings, columns as wide as their longest entry.

    With `group`, rows are indented, and a line with the group's name stands above the rows of each group.
    """
    lines = [
        [column.header for column in columns],
        *([column.text(row) for column in columns] for row in rows),
    ]
    widths = [max(map(len, entries)) for entries in zip(*lines, strict=True)]
    indent = "" if group is None else "  "
    printed = []
    for number, line in enumerate(lines):
        if group is not None and number > 0:
            name = group(rows[number - 1])
            if number == 1 or name != group(rows[number - 2]):
                printed.append(name)
        entries = zip(columns, line, widths, strict=True)
        texts = [text.ljust(width) if column.left else text.rjust(width) for column, text, width in entries]
        printed.append((indent + "  ".join(texts)).rstrip())
    return "\n".join(printed)
