"""Sources of samples: memory, files, Dask collections."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import blake2b
from mmap import ACCESS_READ, mmap
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Array, affordable, real_array, shown
from splinekan._columns import check_columns, numbers

Range = tuple[int, int]


class Source(Protocol):
    """Rows of numbers that can be divided into pieces."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, columns) or (n,)."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type in which the numbers are stored."""
        ...

    @property
    def token(self) -> tuple[Any, ...]:
        """A token that is equal for equal rows."""
        ...

    def pieces(self, ranges: list[Range]) -> list[Any]:
        """The pieces that workers receive, one per range of rows."""
        ...


@dataclass(frozen=True, eq=False)
class InMemory:
    """An array of this process, checked."""

    array: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array."""
        return self.array.dtype

    @property
    def token(self) -> tuple[Any, ...]:
        """A digest of all bytes."""
        digest = blake2b(np.ascontiguousarray(self.array).data, digest_size=16).hexdigest()
        return ("array", self.shape, self.dtype.str, digest)

    def pieces(self, ranges: list[Range]) -> list[Array]:
        """Slices."""
        return [self.array[start:stop] for start, stop in ranges]


@dataclass(frozen=True)
class Mapped:
    """Numbers in a file, which workers open themselves.

    Attributes
    ----------
    path
        Absolute path.
    offset, strides
        Offset of the first number, and strides between rows and between columns, in bytes.
    shape, dtype
        Shape and type of the array.
    size, changed
        Size of the file in bytes, and the time of its last change in nanoseconds: a changed file is refused.
    """

    path: str
    offset: int
    strides: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    size: int
    changed: int

    @property
    def token(self) -> tuple[Any, ...]:
        """Path, position and time."""
        place = (self.path, self.offset, self.strides, self.shape, self.dtype.str)
        return ("file", *place, self.size, self.changed)

    def pieces(self, ranges: list[Range]) -> list[Mapped]:
        """The same file with other offsets."""
        return [self._rows(start, stop) for start, stop in ranges]

    def _rows(self, start: int, stop: int) -> Mapped:
        offset, shape = self.offset + start * self.strides[0], (stop - start, *self.shape[1:])
        return Mapped(self.path, offset, self.strides, shape, self.dtype, self.size, self.changed)

    def read(self, name: str) -> NDArray[Any]:
        """A copy of the numbers.

        Raises
        ------
        FileNotFoundError, ValueError
            If the file is missing or has changed.
        """
        try:
            with open(self.path, "rb") as file:
                status = os.fstat(file.fileno())
                if (status.st_size, status.st_mtime_ns) != (self.size, self.changed):
                    raise ValueError(f"{name} is mapped to {self.path}, which has changed since")
                mapped = mmap(file.fileno(), 0, access=ACCESS_READ)
        except OSError as error:
            raise FileNotFoundError(
                f"{name} is mapped to {self.path}, which a worker cannot open ({error.strerror}): workers "
                f"need the same file system, or pass numpy.array({name}) to send the numbers"
            ) from None
        view: NDArray[Any] = np.ndarray(self.shape, self.dtype, mapped, self.offset, self.strides)
        return view.copy()


@dataclass(frozen=True, eq=False)
class Collection:
    """A Dask array, with the names of its columns if it comes from a data frame or a series."""

    array: Any
    labels: tuple[str, ...] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return tuple(int(n) for n in self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    @property
    def token(self) -> tuple[Any, ...]:
        """Its name, which Dask derives from its content."""
        return ("dask", self.array.name)

    @property
    def ends(self) -> list[int]:
        """The ends of its chunks of rows."""
        return [int(end) for end in np.cumsum(self.array.chunks[0])]

    def pieces(self, ranges: list[Range]) -> list[Any]:
        """Its chunks as delayed arrays, divided and joined where ranges differ from them."""
        chunks = (tuple(stop - start for start, stop in ranges), *((n,) for n in self.shape[1:]))
        return list(self.array.rechunk(chunks).to_delayed().ravel())


def source(name: str, value: Any) -> Source:
    """The source of the samples in `value`.

    Raises
    ------
    TypeError, ValueError
        As `numbers` for arrays and data frames of pandas, for Dask collections of anything but real numbers
        in plain arrays, and for Dask arrays of unknown length.
    """
    if is_collection(value):
        return _collection(name, value)
    found = _mapped(value)
    if found is not None:
        return found
    return InMemory(numbers(name, value))


def is_collection(value: Any) -> bool:
    """Whether `value` is a Dask array, data frame or series; Dask is not imported."""
    return type(value).__module__.split(".")[0] in ("dask", "dask_expr") and hasattr(value, "__dask_graph__")


def is_frame(value: Any) -> bool:
    """Whether a Dask collection is a data frame or a series."""
    return hasattr(value, "to_dask_array") and hasattr(value, "dtypes")


def _collection(name: str, value: Any) -> Collection:
    if is_frame(value):
        check_columns(name, value)
        labels = tuple(f"{name}[{str(label)!r}]" for label in value.columns) if value.ndim == 2 else (name,)
        return Collection(_floats(value).to_dask_array(lengths=True), labels)
    if not (hasattr(value, "rechunk") and hasattr(value, "chunks")):
        raise TypeError(
            f"{name} must be an array, or an array, data frame or series of Dask, got {shown(value)}"
        )
    if any(not isinstance(n, (int, np.integer)) for n in value.shape):
        raise ValueError(
            f"{name} must have known chunk sizes: call compute_chunk_sizes() of the Dask array first"
        )
    if type(value._meta) is not np.ndarray:
        raise TypeError(f"{name} must be a Dask array of plain arrays, not of {type(value._meta).__name__}")
    if value.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of real numbers, got dtype {value.dtype}")
    return Collection(value)


def _floats(frame: Any) -> Any:
    """A Dask data frame or series with columns of floats; missing values are NaN."""
    if frame.ndim == 1:
        return frame if _is_float(frame.dtype) else frame.astype(_float_of(frame.dtype))
    others = {
        label: _float_of(dtype)
        for label, dtype in zip(frame.columns, frame.dtypes, strict=True)
        if not _is_float(dtype)
    }
    return frame.astype(others) if others else frame


def _is_float(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind == "f"


def _float_of(dtype: Any) -> str:
    return "float32" if dtype.kind == "f" and dtype.itemsize == 4 else "float64"


def _mapped(value: Any) -> Mapped | None:
    """The file behind an array with one or two axes, None if there is none."""
    root = value
    while isinstance(root, np.ndarray) and not isinstance(getattr(root, "base", None), mmap):
        root = root.base
    if not isinstance(root, np.memmap) or root.filename is None or type(value) not in (np.ndarray, np.memmap):
        return None
    if value.dtype.kind not in "fiub" or not value.size or any(step <= 0 for step in value.strides):
        return None
    path = os.path.abspath(root.filename)
    start = value.__array_interface__["data"][0] - root.__array_interface__["data"][0] + root.offset
    if root.flags.writeable:
        root.flush()
    status = os.stat(path)
    last = start + sum((n - 1) * step for n, step in zip(value.shape, value.strides, strict=True))
    if (
        start < 0 or last + value.itemsize > status.st_size or root.mode == "c"
    ):  # copy on write: not in the file
        return None
    return Mapped(path, start, value.strides, value.shape, value.dtype, status.st_size, status.st_mtime_ns)


def gathered(name: str, found: Source) -> Array:
    """All rows, gathered in this process."""
    affordable(f"{name} in one process", float(np.prod(found.shape)) * max(found.dtype.itemsize, 8))
    if isinstance(found, InMemory):
        return found.array
    if isinstance(found, Mapped):
        return real_array(name, found.read(name))
    return real_array(name, found.array.compute())  # type: ignore[attr-defined]
