"""Output of the command: results on standard output, reasons and notes on standard error."""

from __future__ import annotations

import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from splinekan import DomainWarning, __version__

REFUSALS = (ValueError, TypeError, OSError, MemoryError, RecursionError, ModuleNotFoundError)
"""Errors reported in a line. UnicodeError is a ValueError; missing extras raise ModuleNotFoundError."""
BROKEN_PIPE = 141
"""The status that shells report of a program that SIGPIPE ended."""


def versions() -> dict[str, str]:
    """Versions of Python and of the packages on which numbers depend."""
    packages = ("numpy", "scipy", "numba", "sympy", "matplotlib")
    return {
        "splinekan": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def progress() -> bool:
    """Whether to show progress bars: on terminals only."""
    return sys.stderr is not None and sys.stderr.isatty()


def say(text: str) -> int:
    """Print a text, and return the exit status."""
    return pour((text + "\n",))


def pour(pieces: Iterable[str]) -> int:
    """Print the pieces of a long text one after another, and return the exit status."""
    if sys.stdout is None:  # closed by whoever started the command
        return 0
    try:
        for piece in pieces:
            print(printable(piece, sys.stdout), end="")
    except OSError as error:
        return unwritten(error)
    return flush()


def flush() -> int:
    """Flush standard output, and return the exit status; at its end Python would report a broken pipe."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        return unwritten(error)
    return 0


def unwritten(error: OSError) -> int:
    """Discard the rest of the output, and return the exit status."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    complain(f"standard output: {line(error)}")
    return 2


def complain(text: str) -> None:
    """Print a reason on standard error."""
    note(f"splinekan: {text}")


def note(text: str) -> None:
    """Print a line on standard error."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(printable(text, sys.stderr), file=sys.stderr, flush=True)


def printable(text: str, stream: Any) -> str:
    """The text, with characters escaped that the stream's encoding lacks."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def line(error: BaseException) -> str:
    """The message of an error in a single line."""
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    else:
        text = str(error)
    return " ".join(text.split()) or type(error).__name__


def attempt(path: Path, write: Callable[[], object]) -> int:
    """Write a file, report it on standard error, and return the exit status."""
    try:
        write()
    except REFUSALS as error:
        complain(line(error))
        return 2
    note(f"wrote {path}")
    return 0


@contextmanager
def warnings_in_lines() -> Iterator[None]:
    """Show warnings as lines on standard error, each text once."""
    shown: set[str] = set()

    def show(message: Any, *_: Any, **__: Any) -> None:
        text = line(message)
        if text not in shown:
            shown.add(text)
            note(f"splinekan: warning: {text}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", DomainWarning)
        warnings.showwarning = show
        yield
