"""Writing files atomically; only regular files are replaced.

A file is written beside its target under another name and renamed when it is complete, so that after a full
disk, a kill or an error the old file is unchanged.
"""

from __future__ import annotations

import json
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from splinekan._checks import shown

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}
PREFIX = ".splinekan-"
"""Prefix of the names of temporary files."""
BLOCK = 4096
"""Size of a test file in bytes; an empty file could be created even on a full disk."""


def as_path(name: str, value: Any) -> Path:
    """`value` as a path.

    Raises
    ------
    TypeError
        If it is neither text nor path-like.
    ValueError
        If it is empty or holds a NUL.
    """
    if not isinstance(value, (str, os.PathLike)) or not isinstance(os.fspath(value), str):
        raise TypeError(f"{name} must be a path (str or pathlib.Path), got {shown(value)}")
    text = os.fspath(value)
    if not text or "\0" in text:
        raise ValueError(f"{name} must be a path, not empty and without NUL, got {shown(text)}")
    return Path(text)


def destination(path: Path) -> Path:
    """The file that writing to `path` creates or replaces: symbolic links are followed and stay links.

    Raises
    ------
    ValueError
        If the file exists and is not regular, or is write-protected.
    OSError
        If it cannot be examined: the name is too long, a folder may not be searched, links form a cycle.
    """
    with suppress(FileNotFoundError):
        kind = stat.S_IFMT(os.stat(path).st_mode)
        if kind != stat.S_IFREG:
            what = KINDS.get(kind, "not a regular file")
            raise ValueError(f"{path} is {what}: name a regular file or a new file")
        if not os.access(path, os.W_OK):
            raise ValueError(f"{path} is write-protected")
    return Path(os.path.realpath(path))


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which replaces `path` when the block ends; missing folders are created.

    If the block ends in an error, or the disk is full, the old file is unchanged and no other file remains. A
    new file has the mode that the umask gives; a replaced file keeps its mode (and its owner, where the
    process may set it).

    Raises
    ------
    ValueError
        As in `destination`.
    OSError
        If the file cannot be written; the message names `path`.
    """
    target = destination(path)
    with _named(path):
        target.parent.mkdir(parents=True, exist_ok=True)
    with _named(path), _temporary(target.parent) as (file, temporary):
        yield file
        file.flush()
        _take_mode(file.fileno(), target)
        os.fsync(file.fileno())
        file.close()
        os.replace(temporary, target)
    _sync(target.parent)


def check_writable(path: Path) -> None:
    """Refuse a file that cannot be written: a block beside it is written, synchronised and removed.

    Missing folders are created for this test and removed again.

    Raises
    ------
    ValueError, OSError
        As in `replacing`.
    """
    target = destination(path)
    made: list[Path] = []
    try:
        with _named(path):
            for folder in reversed([folder for folder in target.parents if not folder.exists()]):
                folder.mkdir()
                made.append(folder)
            with _temporary(target.parent) as (file, _):
                file.write(bytes(BLOCK))
                file.flush()
                os.fsync(file.fileno())
    finally:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()


def same_file(first: Path, second: Path) -> bool:
    """Whether two paths name the same file, existing or not, up to links, spelling and case.

    Names that differ only in case count as the same on every system.
    """
    with suppress(OSError):
        if os.path.samefile(first, second):
            return True
    names = {unicodedata.normalize("NFC", os.path.realpath(path)).casefold() for path in (first, second)}
    return len(names) == 1


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write a record as JSON; NaN and infinities, which JSON lacks, become null.

    Raises
    ------
    ValueError, OSError
        As in `replacing`.
    """
    text = json.dumps(finite_or_none(record), indent=2, allow_nan=False)
    with replacing(path) as file:
        file.write(text.encode())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on the file `path` against other processes and threads; the file is removed at the end.

    The kernel releases the lock when the process ends, even if it is killed, so that a file left behind locks
    nothing. On file systems without locks this context does nothing.

    Raises
    ------
    BlockingIOError
        If another process or thread holds the lock.
    OSError
        If the file cannot be created.
    """
    try:
        import fcntl
    except ImportError:  # not on every system
        yield
        return
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise
            except OSError:
                pass
            # The previous holder may have removed the file after it was opened here.
            if not _is_open_file(path, file):
                continue
            try:
                yield
            finally:
                with suppress(OSError):
                    path.unlink()
            return
        finally:
            os.close(file)


def _is_open_file(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name `path` in errors that name the temporary file."""
    try:
        yield
    except OSError as error:
        if error.errno is None or (error.filename is not None and not _is_ours(error.filename)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _is_ours(name: Any) -> bool:
    return Path(name).name.startswith(PREFIX)


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file with a short name; removed at the end unless it was renamed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    path = folder / f"{PREFIX}{os.urandom(8).hex()}.tmp"
    # tempfile would create it with mode 0600, whatever the umask.
    descriptor = os.open(path, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


def _take_mode(file: int, target: Path) -> None:
    """Give a file the mode and the owner of the file that it replaces."""
    if not hasattr(os, "fchmod"):  # not on every system
        return
    with suppress(FileNotFoundError):
        old = os.stat(target)
        with suppress(PermissionError):
            os.fchown(file, old.st_uid, old.st_gid)
        os.fchmod(file, stat.S_IMODE(old.st_mode))


def _sync(folder: Path) -> None:
    """Write the new name to disk, where folders can be synchronised."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def finite_or_none(value: Any) -> Any:
    """A record with None in place of NaN and infinities, which JSON lacks."""
    if isinstance(value, dict):
        return {name: finite_or_none(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite_or_none(entry) for entry in value]
    return None if isinstance(value, float) and not isfinite(value) else value
