"""Cells as numbers: in C for clean blocks, cell by cell if an error must be located.

A number is an optional sign, digits with or without a decimal point, and an optional exponent. All ways of
reading round it to the nearest float64.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array, shown

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
DECIMAL_COMMA = re.compile(r"[+-]?[\d.]*,\d+(?:[eE][+-]?\d+)?", re.ASCII)
MISSING = frozenset(("na", "n/a", "nan", "-nan", "+nan", "null", "none", "<na>", "#n/a", "?", "-"))
INFINITE = frozenset(sign + word for sign in ("", "+", "-") for word in ("inf", "infinity"))
CHARACTERS = b"0123456789+-.eE \t"
"""The characters of numbers and of blanks around them."""
LARGE = 2**20
"""Least size in bytes for pandas, which takes half a second to import and reads eight times as fast."""


def numeric(cell: str) -> bool:
    """Whether a cell holds a number, NaN or an infinity: names of columns do not."""
    return bool(NUMBER.fullmatch(cell)) or cell.lower() in INFINITE or cell.lower() in ("nan", "-nan", "+nan")


def floats(cells: Sequence[str]) -> Float64Array | None:
    """The cells as numbers; None if some are not finite numbers."""
    try:
        if ",".join(cells).encode("ascii").translate(None, CHARACTERS + b","):
            return None
        values = np.array(list(map(float, cells)))
    except ValueError:  # UnicodeEncodeError included
        return None
    return values if np.isfinite(values).all() else None


def complaint(cell: str) -> str:
    """The reason why a cell is not a finite number; empty if it is."""
    low = cell.lower()
    if not cell:
        return "the cell is empty"
    if NUMBER.fullmatch(cell):
        return "" if np.isfinite(float(cell)) else f"{shown(cell)[1:-1]} is beyond the range of float64"
    if low in MISSING:
        return f"{cell} stands for a missing value"
    if low in INFINITE:
        return f"{cell} is not finite"
    if DECIMAL_COMMA.fullmatch(cell):
        return f"{shown(cell)} has a decimal comma: write a decimal point"
    return f"{shown(cell)} is not a number"


def clean(block: bytes, separator: str, n: int, columns: Sequence[int]) -> Float64Array | None:
    """The numbers in `columns` of a block of lines; None if the block is not clean.

    A clean block has `n` cells on every line, numbers in `columns`, and no quotes. It is UTF-8.
    """
    if not block or b'"' in block or not _utf8(block):
        return None
    data = np.frombuffer(block, np.uint8)
    ends, marks = np.flatnonzero(data == ord("\n")), np.flatnonzero(data == ord(separator))
    if len(marks) != (n - 1) * len(ends):
        return None
    stops = np.column_stack([marks.reshape(len(ends), n - 1), ends])
    if n > 1 and ((stops[:, -2] > ends).any() or (stops[1:, 0] < ends[:-1]).any()):
        return None
    kept = sorted(columns)
    if len(kept) < n:
        block = _selected(data, stops, kept)
    if block.translate(None, CHARACTERS + separator.encode() + b"\n"):
        return None
    if len(kept) == 1 and (b"\n\n" in block or block[:1] == b"\n" or b" " in block or b"\t" in block):
        return None  # readers skip blank lines
    try:
        read = _by_pandas if len(block) >= LARGE and _plain(block, separator) and _pandas() else _by_numpy
        values = read(block, separator)
    except ValueError:
        return None
    if values.shape != (len(ends), len(kept)) or not np.isfinite(values).all():
        return None
    return values if list(columns) == kept else values[:, [kept.index(p) for p in columns]]


def _utf8(block: bytes) -> bool:
    try:
        return block.isascii() or bool(block.decode())
    except UnicodeDecodeError:
        return False


def _selected(data: NDArray[np.uint8], stops: NDArray[np.int64], columns: Sequence[int]) -> bytes:
    """The lines with the cells in `columns` only; (lines, cells) `stops` are where cells end."""
    lengths = np.diff(stops.ravel(), prepend=-1).reshape(stops.shape)
    kept = np.zeros(stops.shape, dtype=bool)
    kept[:, columns] = True
    rest = data[np.repeat(kept.ravel(), lengths.ravel())]
    rest[np.cumsum(lengths[:, columns].sum(axis=1)) - 1] = ord("\n")
    selected: bytes = rest.tobytes()
    return selected


def _plain(block: bytes, separator: str) -> bool:
    """Whether there are no blanks and no signs of positive numbers: pandas 3.1 reads "+3e50 " inexactly.

    It also reads "+1e 1" as 10.
    """
    signs = block.count(b"e+") + block.count(b"E+")
    return b" " not in block and (separator == "\t" or b"\t" not in block) and block.count(b"+") == signs


def _by_numpy(block: bytes, separator: str) -> NDArray[Any]:
    text = io.StringIO(block.decode("ascii"))
    return np.loadtxt(text, np.float64, comments=None, delimiter=separator, ndmin=2)


def _by_pandas(block: bytes, separator: str) -> NDArray[Any]:
    pandas = _pandas()
    version = tuple(int(part) for part in pandas.__version__.split(".")[:2])
    # Later versions round correctly by default, and do not take this argument.
    exact = {"float_precision": "round_trip"} if version < (3, 1) else {}
    frame = pandas.read_csv(
        io.BytesIO(block),
        header=None,
        sep=separator,
        dtype=np.float64,
        engine="c",
        index_col=False,
        na_filter=False,
        skip_blank_lines=False,
        **exact,
    )
    return np.ascontiguousarray(frame.to_numpy())


@cache
def _pandas() -> Any:
    """The module; None if it is not installed."""
    try:
        return import_module("pandas")
    except ImportError:
        return None
