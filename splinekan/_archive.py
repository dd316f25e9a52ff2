"""Arrays in an .npz file: deterministic bytes, a checksum, and reading that validates everything in the file.

Entries are stored, not compressed, so that reading takes no more memory than the length of the file.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENDING = ".npy"
CHECKSUM = "checksum"
"""The array that holds the SHA-256 of the others."""
KINDS = ("<f8", "<i8", "<U")
"""Types of arrays, or prefixes of their names; no other type is written or read."""
DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip file can hold, so that equal arrays give equal bytes."""


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of an .npz file with these arrays, in their order, and their checksum."""
    entries = {name: _written(array) for name, array in arrays.items()}
    entries[CHECKSUM] = _written(np.array(_digest(entries)))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name + ENDING, DATE)
            info.external_attr, info.create_system = 0o644 << 16, 3
            archive.writestr(info, data)
    return file.getvalue()


def entries_of(data: bytes) -> dict[str, bytes]:
    """The entries of an .npz file as bytes, by the names of their arrays.

    Raises
    ------
    ValueError
        If it is not such a file, is damaged, or holds entries of other kinds.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            names = [info.filename for info in infos]
            if len(set(names)) < len(names) or not all(name.endswith(ENDING) for name in names):
                raise ValueError("it holds entries other than arrays with distinct names")
            if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
                raise ValueError("it holds compressed entries")
            if sum(info.file_size for info in infos) > len(data):
                raise ValueError("its entries claim to be longer than the file")
            return {info.filename[: -len(ENDING)]: archive.read(info) for info in infos}
    except ValueError:
        raise
    except Exception as error:  # zipfile raises many kinds for damaged files
        raise ValueError(f"it is not an .npz file, or is cut short or damaged ({error})") from None


def check(entries: Mapping[str, bytes]) -> None:
    """Refuse entries that do not match the stored checksum.

    Raises
    ------
    ValueError
        If the checksum is missing or differs.
    """
    if CHECKSUM not in entries:
        raise ValueError("it holds no checksum")
    others = {name: data for name, data in entries.items() if name != CHECKSUM}
    if text(entries, CHECKSUM) != _digest(others):
        raise ValueError("its content does not match its checksum: the file is damaged")


def array(entries: Mapping[str, bytes], name: str) -> NDArray[Any]:
    """The array of that name: float64, int64 or text, never Python objects.

    Raises
    ------
    ValueError
        If it is missing, of another type, or of a length other than that of its shape.
    """
    if name not in entries:
        raise ValueError(f"it lacks the array {name!r}")
    file = io.BytesIO(entries[name])
    try:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"version {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    except Exception as error:  # headers are parsed as Python literals, with Python's errors
        raise ValueError(f"its array {name!r} has a header that cannot be read ({error})") from None
    if fortran or not dtype.str.startswith(KINDS) or dtype.names is not None:
        raise ValueError(f"its array {name!r} has a type that is not supported: {dtype}")
    rest = file.read()
    if any(n < 0 for n in shape) or prod(shape) * dtype.itemsize != len(rest) or dtype.itemsize == 0:
        raise ValueError(f"its array {name!r} does not have the length of its shape")
    return np.frombuffer(rest, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def text(entries: Mapping[str, bytes], name: str) -> str:
    """The text in the array of that name; raises as `array`."""
    found = array(entries, name)
    if found.dtype.kind != "U" or found.shape != ():
        raise ValueError(f"its array {name!r} must hold a text")
    return str(found)


def _written(value: NDArray[Any]) -> bytes:
    little = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).reshape(value.shape)
    if not little.dtype.str.startswith(KINDS):
        raise TypeError(f"an array of type {value.dtype} cannot be written")
    file = io.BytesIO()
    np.lib.format.write_array(file, little, version=(1, 0), allow_pickle=False)
    return file.getvalue()


def _digest(entries: Mapping[str, bytes]) -> str:
    """SHA-256 of names, lengths and bytes, in the order of the names."""
    total = hashlib.sha256()
    for name in sorted(entries):
        total.update(f"{name}\0{len(entries[name])}\0".encode("utf-8", "surrogateescape"))
        total.update(entries[name])
    return total.hexdigest()
