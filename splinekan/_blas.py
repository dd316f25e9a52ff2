"""The number of threads of BLAS, a function of sizes and of `set_threads`.

Threads of OpenBLAS spin for some 20 ms after a product before they sleep, on the cores that the kernels need
next. All calls of BLAS or LAPACK here are therefore in a section: `with one:` (or `@one`) for a single
thread, and `with several(flops):` around a large decomposition, which gets as many threads as the kernels.
Then results depend on `set_threads` alone, not on OPENBLAS_NUM_THREADS or on other Python threads.

The number belongs to the process. It is set when the first section begins, and restored when the last ends. A
section of several threads runs alone: it waits for the others, and later sections wait for it. A section must
therefore neither wait for another thread that calls BLAS, nor run code of the user that does (an executor, a
callback); a section within a section of the same thread does not wait. Entering and leaving take some 4
microseconds, within another section a third of a microsecond (`benchmarks/threads.py`).

numpy and scipy have an OpenBLAS each; threadpoolctl finds these, MKL and BLIS. If it finds nothing
(Accelerate, a reference BLAS), nothing is set.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from splinekan import _threads
from splinekan._checks import Float64Array

Function = TypeVar("Function", bound=Callable[..., Any])

PAYS = 4e9
"""Least number of floating-point operations for several threads, given the time that they spin afterwards.

`benchmarks/threads.py` measures it: Cholesky factors from 2300 columns, singular values from 550."""
SHORT = 8192
"""Products of vectors up to this length take one thread whatever the limit (OpenBLAS: up to 10,000)."""
PATIENCE = 60.0
"""Seconds after which a section no longer waits for others."""


class _Sections:
    """The sections that run, and the libraries whose threads they set."""

    def __init__(self) -> None:
        self.libraries: list[Any] | None = None
        self.per_thread: list[bool] = []
        self.before: list[int] | None = None
        """Threads of each library before the sections that run; None if none runs."""
        self.ones = self.several = self.waiting = 0
        """Python threads in sections of a single thread, in those of several, and waiting for the latter."""
        self.now: list[int] = []
        """Threads of each library, while a section runs."""
        self.inside = threading.local()
        self.unlock()

    def unlock(self) -> None:
        """Make new locks, which no thread holds."""
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)

    def enter(self) -> None:
        """Begin a section of a single thread."""
        inside = self.inside.__dict__
        depth = inside.get("depth", 0)
        if not depth and not inside.get("wide"):
            with self.lock:
                if self.several or self.waiting:
                    self.changed.wait_for(lambda: not (self.several or self.waiting), PATIENCE)
                if not self.several:
                    self.set(1)
                self.ones += 1
        inside["depth"] = depth + 1

    def leave(self) -> None:
        """End a section of a single thread."""
        inside = self.inside.__dict__
        inside["depth"] -= 1
        if not inside["depth"] and not inside.get("wide"):
            with self.lock:
                self.ones -= 1
                self.restore()
                if self.waiting:
                    self.changed.notify_all()

    def widen(self) -> None:
        """Begin a section of several threads, alone."""
        inside = self.inside.__dict__
        if inside.get("wide"):
            inside["wide"] += 1
            return
        own = bool(inside.get("depth"))
        with self.lock:
            self.ones -= own
            self.waiting += 1
            self.changed.notify_all()
            try:
                self.changed.wait_for(lambda: not (self.several or self.ones), PATIENCE)
            except BaseException:
                self.ones += own
                raise
            finally:
                self.waiting -= 1
            self.set(_threads.threads())
            self.several += 1
        inside["wide"] = 1

    def narrow(self) -> None:
        """End a section of several threads."""
        inside = self.inside.__dict__
        inside["wide"] -= 1
        if inside["wide"]:
            return
        with self.lock:
            self.several -= 1
            self.ones += bool(inside.get("depth"))
            if self.ones and not self.several:
                self.set(1)
            self.restore()
            self.changed.notify_all()

    def set(self, count: int) -> None:
        """Set the threads of every library."""
        if self.libraries is None:
            self.libraries = _libraries()
            self.per_thread = list(map(_per_thread, self.libraries))
        if self.before is None:
            self.before = [library.get_num_threads() for library in self.libraries]
            self.now = self.before
        wanted = [count] * len(self.libraries)
        if self.now != wanted or any(self.per_thread):
            for library in self.libraries:
                library.set_num_threads(count)
            self.now = wanted

    def restore(self) -> None:
        """Restore the threads of the libraries, if no section is left."""
        if self.libraries is None or self.before is None:
            return
        last = not (self.ones or self.several)
        counts = zip(self.libraries, self.before, self.now, self.per_thread, strict=True)
        for library, count, now, per_thread in counts:
            if (last and count != now) or per_thread:
                library.set_num_threads(count)
        if last:
            self.before = None

    def after_fork(self) -> None:
        """In a child process: sections of other threads do not exist there."""
        inside = self.inside.__dict__
        wide = bool(inside.get("wide"))
        self.unlock()
        self.waiting, self.several, self.ones = 0, int(wide), int(not wide and inside.get("depth", 0) > 0)
        self.restore()


def _libraries() -> list[Any]:
    """The BLAS libraries of numpy and scipy."""
    import scipy.linalg  # noqa: F401 - loads the library of scipy
    from threadpoolctl import ThreadpoolController

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about several OpenMP libraries, which are not set here
        found: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
    return found


def _per_thread(library: Any) -> bool:
    """Whether the number belongs to the calling thread."""
    return bool(library.internal_api == "openblas" and library.threading_layer == "openmp")


_sections = _Sections()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_sections.after_fork)


class _One:
    """A section of a single thread, as a context manager or a decorator."""

    def __enter__(self) -> None:
        _sections.enter()

    def __exit__(self, *_: object) -> None:
        _sections.leave()

    def __call__(self, function: Function) -> Function:
        @wraps(function)
        def section(*args: Any, **kwargs: Any) -> Any:
            _sections.enter()
            try:
                return function(*args, **kwargs)
            finally:
                _sections.leave()

        return section  # type: ignore[return-value]


class _Several:
    """A section of as many threads as the kernels use."""

    def __enter__(self) -> None:
        _sections.widen()

    def __exit__(self, *_: object) -> None:
        _sections.narrow()


one = _One()
_all = _Several()


def several(flops: float) -> _One | _Several:
    """The section for `flops` floating-point operations: of several threads if that is faster."""
    return one if flops < PAYS or _threads.threads() == 1 else _all


def dot(a: Float64Array, b: Float64Array) -> float:
    """a.b of vectors."""
    if a.size <= SHORT:
        return float(a @ b)
    with one:
        return float(a @ b)


def norm(a: Float64Array) -> float:
    """The 2-norm of a vector."""
    if a.size <= SHORT:
        return float(np.linalg.norm(a))
    with one:
        return float(np.linalg.norm(a))
