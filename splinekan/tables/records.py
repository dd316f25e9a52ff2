"""Records of a CSV file (RFC 4180) as cells of text, with the numbers of their lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from splinekan.tables.blocks import Blocks


class Lines:
    """The lines of a block, and of the following blocks into which its last record extends."""

    def __init__(self, blocks: Blocks, block: bytes, first: int) -> None:
        self.number = first
        """The number of the next line."""
        self._blocks = blocks
        self._lines = blocks.text(block, first).split("\n")[:-1]
        self._at = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left of the block."""
        return self._at == len(self._lines)

    def rest(self) -> bytes:
        """The rest of the block."""
        return "".join(line + "\n" for line in self._lines[self._at :]).encode()

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        if self.done:
            block = self._blocks.take()
            if block is None:
                raise StopIteration
            self._lines, self._at = self._blocks.text(block, self.number).split("\n")[:-1], 0
        self._at += 1
        self.number += 1
        return self._lines[self._at - 1] + "\n"


def records(lines: Lines, separator: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, cells) of every record; a line without characters has no cells.

    Raises
    ------
    ValueError
        For quotes that are not closed, or followed by text.
    """
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while not lines.done:
        number = lines.number
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"{name}, line {number}: {error}; quotes must come in pairs") from None
        yield number, cells
