"""A CSV file: its separator and header first, then the requested columns."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from splinekan._checks import Float64Array
from splinekan.tables.blocks import Blocks
from splinekan.tables.layout import BLANKS, are_names, sniffed, without_comments
from splinekan.tables.numbers import clean, complaint, floats
from splinekan.tables.records import Lines, records

BATCH = 4096
"""Number of records that are read as text at a time."""


class Columns(NamedTuple):
    """Columns of a table.

    Attributes
    ----------
    numbers
        Cells as numbers, (n, columns).
    texts
        Cells as text, column by column, without surrounding blanks.
    """

    numbers: Float64Array
    texts: tuple[list[str], ...]


class Table:
    """A CSV file that is being read.

    Attributes
    ----------
    name
        The path, as in messages.
    separator
        The separator: "," ";" or a tab.
    header
        Whether the first line holds names.
    names
        Names of the columns; x1, x2, ... without a header.
    """

    def __init__(self, blocks: Blocks, separator: str | None, header: bool | None) -> None:
        self.name, self._blocks = blocks.name, blocks
        self._line, self._block = without_comments(blocks)
        if separator is None:
            separator = sniffed(blocks.text(self._block, self._line), self._line, self.name)
        self.separator = separator
        lines, behind = Lines(blocks, self._block, self._line), blocks.line
        _, first = next(records(lines, self.separator, self.name))
        first = [cell.strip(BLANKS) for cell in first]
        self.header = are_names(first, self._line, self.name) if header is None else header
        if blocks.line > behind and not self.header:
            raise ValueError(f"{self.name}, line {self._line}: the first row is longer than a block of 4 MiB")
        self.names = tuple(first) if self.header else tuple(f"x{i + 1}" for i in range(len(first)))
        if self.header:
            self._line, self._block = lines.number, lines.rest()

    def position(self, name: str, role: str) -> int:
        """The position of the column of that name, counted from 0.

        Raises
        ------
        ValueError
            If it is missing (the message lists the names) or occurs twice.
        """
        if not self.header and name.isdecimal() and name.isascii() and 1 <= int(name) <= len(self.names):
            return int(name) - 1
        count = self.names.count(name)
        if count == 1:
            return self.names.index(name)
        if count > 1:
            raise ValueError(f"{role}: {self.name} has {count} columns named {name!r}; rename them")
        raise ValueError(f"{role}: {self.name} has no column {name!r}{self._instead(name)}")

    def read(
        self,
        numbers: Sequence[int],
        labels: Sequence[int] = (),
        texts: Sequence[int] = (),
        advice: Mapping[int, str] | None = None,
    ) -> Columns:
        """The columns at these positions: as numbers, as nonempty text, and as any text. Call it only once.

        Parameters
        ----------
        numbers, labels, texts
            Positions, counted from 0; labels come before texts in the result.
        advice
            By position, a hint for the message about text in place of a number.

        Raises
        ------
        ValueError
            For a cell of another kind, with its line and column; for lines whose number of cells differs from
            that of the first; for no lines.
        """
        wanted = _Wanted(tuple(numbers), tuple(labels), tuple(texts), advice or {})
        parts: list[Float64Array] = []
        words: tuple[list[str], ...] = tuple([] for _ in (*labels, *texts))
        blank = 0
        block: bytes | None = self._block
        while block is not None:
            values = None
            if not words and not blank:
                values = clean(block, self.separator, len(self.names), wanted.numbers)
            if values is not None:
                parts.append(values)
            elif block:
                blank = self._with_care(block, wanted, parts, words, blank)
            self._line = self._blocks.line
            block = self._blocks.take()
        self._block = b""
        n = sum(map(len, parts))
        if n == 0:
            what = "a header and no rows" if self.header else "no rows"
            raise ValueError(f"{self.name} has {what}")
        return Columns(parts[0] if len(parts) == 1 else np.concatenate(parts), words)

    def _with_care(
        self,
        block: bytes,
        wanted: _Wanted,
        parts: list[Float64Array],
        words: tuple[list[str], ...],
        blank: int,
    ) -> int:
        """Read a block as text; return the line of a blank at the end of a single column, or 0."""
        single = len(self.names) == 1
        source = records(Lines(self._blocks, block, self._line), self.separator, self.name)
        for batch, error in _batches(source):
            rows: list[tuple[int, list[str]]] = []
            trouble = ""
            for number, cells in batch:
                if len(cells) <= 1 and not "".join(cells).strip(BLANKS):
                    blank = blank or number
                elif single and blank:  # either a missing value or a blank line
                    trouble = f"{self.name}, line {blank}, column {self.names[0]!r}: the cell is empty"
                    break
                elif len(cells) != len(self.names):
                    first = "the header" if self.header else "the first line"
                    found = _counted(len(cells))
                    trouble = f"{self.name}, line {number} has {found}, and {first} {len(self.names)}"
                    break
                else:
                    rows.append((number, cells))
            if rows:
                self._convert(rows, wanted, parts, words)
            if trouble:
                raise ValueError(trouble)
            if error is not None:
                raise error
        return blank if single else 0

    def _convert(
        self,
        rows: list[tuple[int, list[str]]],
        wanted: _Wanted,
        parts: list[Float64Array],
        words: tuple[list[str], ...],
    ) -> None:
        columns = list(zip(*(cells for _, cells in rows), strict=True))
        found = [floats(columns[p]) for p in wanted.numbers]
        texts = [[cell.strip(BLANKS) for cell in columns[p]] for p in (*wanted.labels, *wanted.texts)]
        missing = any("" in cells for cells in texts[: len(wanted.labels)])
        if missing or any(values is None for values in found):
            self._complain(rows, wanted)
        parts.append(np.column_stack(found) if found else np.empty((len(rows), 0)))  # type: ignore[arg-type]
        for kept, cells in zip(words, texts, strict=True):
            kept.extend(cells)

    def _complain(self, rows: list[tuple[int, list[str]]], wanted: _Wanted) -> None:
        """Raise ValueError for the first bad cell."""
        for number, cells in rows:
            for p in sorted({*wanted.numbers, *wanted.labels}):
                cell = cells[p].strip(BLANKS)
                why = complaint(cell) if p in wanted.numbers else "" if cell else complaint("")
                if why:
                    advice = wanted.advice.get(p, "") if why.endswith("is not a number") else ""
                    raise ValueError(f"{self.name}, line {number}, column {self.names[p]!r}: {why}{advice}")

    def _instead(self, name: str) -> str:
        if not self.header:
            return f": it has no header, and its columns are x1 to x{len(self.names)}"
        folded = {each.casefold(): each for each in self.names}
        near = difflib.get_close_matches(name.casefold(), folded, 1)
        meant = f"; did you mean {folded[near[0]]!r}?" if near else ""
        return f", but {listed(self.names)}{meant}"


class _Wanted(NamedTuple):
    numbers: tuple[int, ...]
    labels: tuple[int, ...]
    texts: tuple[int, ...]
    advice: Mapping[int, str]


@contextmanager
def opened(path: Path, *, separator: str | None = None, header: bool | None = None) -> Iterator[Table]:
    """A CSV file in UTF-8, opened for reading.

    Lines at the top that are blank or begin with # are skipped. Cells may be in double quotes (RFC 4180), and
    blanks around them are ignored. Blank lines are skipped, except between numbers of a single column, where
    they may stand for a missing value.

    Parameters
    ----------
    path
        The file, possibly a pipe.
    separator
        "," ";" or a tab; None to detect it from the first lines.
    header
        Whether the first line holds names; None to assume names unless all its cells are numbers. If only
        some cells are numbers, it must be given.

    Raises
    ------
    ValueError
        If it is empty or not a table.
    OSError
        If it cannot be read.
    """
    with open(path, "rb") as file:
        yield Table(Blocks(file, str(path)), separator, header)


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names in quotes, shortened."""
    every = [repr(name) for name in names]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def _batches(
    found: Iterator[tuple[int, list[str]]],
) -> Iterator[tuple[list[tuple[int, list[str]]], ValueError | None]]:
    """Records in batches; an error comes with the records before it, which may contain an earlier error."""
    batch = []
    try:
        for record in found:
            batch.append(record)
            if len(batch) == BATCH:
                yield batch, None
                batch = []
    except ValueError as error:
        yield batch, error
        return
    yield batch, None


def _counted(cells: int) -> str:
    return "1 cell" if cells == 1 else f"{cells} cells"
