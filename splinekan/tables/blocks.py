"""A text file in blocks of whole lines, so that memory stays bounded whatever the size of the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

BLOCK = 2**22
"""Number of bytes that are read at a time."""
LONGEST = 2**26
"""Most bytes of a line; files without line ends are not tables."""
BOM = b"\xef\xbb\xbf"
BINARY = {
    b"PK\x03\x04": "a zip archive, as spreadsheets are: export it as CSV",
    b"\x1f\x8b": "compressed by gzip: decompress it",
    b"\x93NUMPY": "a NumPy array: pass it to splinekan.fit in Python",
    b"\x89HDF": "an HDF5 file: export it as CSV",
    b"%PDF": "a PDF file",
    b"PAR1": "a Parquet file: export it as CSV",
    b"\xff\xfe": "in UTF-16: save it in UTF-8",
    b"\xfe\xff": "in UTF-16: save it in UTF-8",
}
"""First bytes of files that are mistaken for CSV."""


class Blocks:
    """Blocks of lines from a file, each line ended by a line feed alone, without a byte order mark.

    Parameters
    ----------
    file
        The file, which is read once from start to end.
    name
        Its name in messages.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.line = 1
        """The number of the first line of the next block."""
        self._source = self._blocks(file)

    def take(self) -> bytes | None:
        """The next block; None at the end.

        Raises
        ------
        ValueError
            For bytes that are not text; the message gives the line.
        OSError
            If the file cannot be read.
        """
        block = next(self._source, None)
        if block is not None:
            if b"\0" in block:
                line = self.line + block.count(b"\n", 0, block.index(b"\0"))
                raise ValueError(f"{self.name} is a binary file, not CSV: line {line} holds a NUL byte")
            self.line += block.count(b"\n")
        return block

    def text(self, block: bytes, first: int) -> str:
        """A block, whose first line has the number `first`, as text.

        Raises
        ------
        ValueError
            If it is not UTF-8; the message gives the line.
        """
        try:
            return block.decode()
        except UnicodeDecodeError as error:
            line = first + block.count(b"\n", 0, error.start)
            byte = block[error.start]
            raise ValueError(
                f"{self.name}, line {line} is not UTF-8 (byte 0x{byte:02x}): save the file in UTF-8"
            ) from None

    def _blocks(self, file: BinaryIO) -> Iterator[bytes]:
        rest = start = file.read(BLOCK)
        for magic, kind in BINARY.items():
            if start.startswith(magic):
                raise ValueError(f"{self.name} is not CSV: it is {kind}")
        rest = rest.removeprefix(BOM)
        while data := file.read(BLOCK):
            # A carriage return at the end may belong to a line feed that comes next.
            whole, rest = _split(rest)
            if whole:
                yield whole
            rest += data
            if len(rest) > LONGEST:
                raise ValueError(f"{self.name} is not CSV: line {self.line} is longer than {LONGEST} bytes")
        rest = _unix(rest)
        if rest:
            yield rest if rest.endswith(b"\n") else rest + b"\n"


def _split(data: bytes) -> tuple[bytes, bytes]:
    """The whole lines, and the rest."""
    held = b"\r" if data.endswith(b"\r") else b""
    data = _unix(data[: len(data) - len(held)])
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:] + held


def _unix(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data
