"""Ranges of samples on a few threads.

Kernels are compiled without Numba's parallel backend and release the GIL; this module splits the samples into
ranges. A kernel then compiles in a fraction of the time, results are bitwise reproducible for a fixed number
of threads, several Python threads may call kernels concurrently, and a forked process starts its own workers.
(Numba's always-present `workqueue` layer aborts on concurrent calls, its OpenMP layer in forked workers.)

Handing a range to a worker and back takes some 10 microseconds if the worker is awake, and 50 to 100 if it
and its processor sleep, as on virtual machines; this is the time of a layer 2 -> 5 for 4096 samples.
Before they sleep, workers therefore poll for the next range for about a tenth of a millisecond, the time
between the kernels of a training step, and callers poll for the end of the last range
(benchmarks/threads.py).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import numpy as np

from splinekan import _spin
from splinekan._checks import integer, shown

Range = tuple[int, int]
Task = Callable[[int, int, int], None]

MOST = 1024
"""Upper bound on the number of threads: more threads than cores gain nothing, and each takes memory."""
ATTEMPTS = 200_000
"""Iterations of `_spin.changed` before a thread sleeps: about a tenth of a millisecond."""
GRACE = 32_000
"""Attempts, some 10 microseconds, in which another thread enters or leaves its kernel. A thread that requests
the GIL in the meantime sleeps."""


class _Job:
    """One range of a task; `done` is released when the range has ended."""

    __slots__ = ("chunk", "done", "ended", "error", "over", "span", "task")

    def __init__(self, task: Task, chunk: int, span: Range) -> None:
        self.task = task
        self.chunk = chunk
        self.span = span
        self.error: BaseException | None = None
        self.ended = False
        self.over = np.zeros(1, np.int64)
        self.done = threading.Lock()
        self.done.acquire()

    def run(self) -> None:
        try:
            self.task(self.chunk, *self.span)
        except BaseException as error:
            self.error = error
        finally:
            self.ended = True
            self.over[0] = 1
            self.done.release()

    def wait(self) -> None:
        """Return when the range has ended; an interrupt in the meantime is recorded as its error."""
        interrupt = None
        while not self.ended:  # and not `while True`: an interrupt may follow the acquisition
            try:
                if not _spin.changed(self.over, 0, ATTEMPTS, GRACE):
                    self.done.acquire()
            except KeyboardInterrupt as error:  # noqa: PERF203
                interrupt = error
        self.error = interrupt or self.error


class _Workers:
    """Daemon threads that take jobs from one queue; started when first needed."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        self.put_so_far = np.zeros(1, np.int64)
        self.started = 0
        self.starting = threading.Lock()
        self.inside = threading.local()

    def ensure(self, count: int) -> bool:
        """Whether there are workers, after starting up to `count`: fewer where the system refuses threads."""
        with self.starting:
            while self.started < count:
                try:
                    threading.Thread(target=self._serve, daemon=True).start()
                except (RuntimeError, MemoryError):
                    break
                self.started += 1
            return self.started > 0

    def put(self, jobs: Sequence[_Job]) -> None:
        """Hand out jobs."""
        for job in jobs:
            self.jobs.put(job)
        _spin.change(self.put_so_far, GRACE)  # after the jobs: a worker that sees the new count finds them

    def _serve(self) -> None:
        self.inside.worker = True
        while True:
            self._next().run()

    def _next(self) -> _Job:
        """The next job; the thread polls for it and then sleeps."""
        watching = True
        while watching:
            seen = int(self.put_so_far[0])
            try:
                return self.jobs.get_nowait()
            except Empty:
                watching = _spin.changed(self.put_so_far, seen, ATTEMPTS, 0)
        return self.jobs.get()


def _available() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


LIMITS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
"""Variables of other libraries that bound the threads of a process: joblib and Dask set them in workers."""


def _limit(name: str) -> int:
    """The number in a variable, or `MOST` if it holds none: foreign variables are never refused."""
    text = os.environ.get(name, "").partition(",")[0].strip()  # OpenMP has a list, for nested regions
    return int(text) or MOST if text.isascii() and text.isdigit() and len(text) < 10 else MOST


def _initial_threads() -> int:
    text = os.environ.get("SPLINEKAN_NUM_THREADS", "").strip()
    if not text:
        return min(_available(), MOST, *map(_limit, LIMITS))
    # str.isdigit accepts digits of every script, and int() refuses strings of more than 4300 digits.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST):
        raise ValueError(
            f"SPLINEKAN_NUM_THREADS must be an integer between 1 and {MOST}, got {shown(text)}: set it anew, "
            "unset it, or call set_threads"
        )
    return int(text)


_workers = _Workers()
_threads: int | None = None
"""None until first used, since an environment variable must not make the import fail."""


def _forget_workers() -> None:
    global _workers
    _workers = _Workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)


def set_threads(count: int) -> None:
    """Set the number of threads that the kernels use.

    The default is SPLINEKAN_NUM_THREADS; without that variable, the number of cores that the process may
    use, but at most NUMBA_NUM_THREADS and OMP_NUM_THREADS. joblib (loky) and Dask set these in their workers,
    so that all workers together have a thread per core.

    Results are bitwise reproducible for a fixed number of threads.

    Parameters
    ----------
    count
        The number of threads, from 1 to 1024.

    Raises
    ------
    TypeError, ValueError
        If `count` is not an integer between 1 and 1024.

    Examples
    --------
    >>> before = threads()
    >>> set_threads(2)
    >>> threads()
    2
    >>> set_threads(before)
    """
    global _threads
    _threads = integer("count", count, low=1, high=MOST)


def threads() -> int:
    """The number of threads that the kernels use.

    Returns
    -------
    int
        The number set by `set_threads`, which describes the default.

    Raises
    ------
    ValueError
        If `set_threads` was not called and SPLINEKAN_NUM_THREADS is not an integer between 1 and 1024.

    Examples
    --------
    >>> 1 <= threads() <= 1024
    True
    """
    global _threads
    if _threads is None:
        _threads = _initial_threads()
    return _threads


_fixed = threading.local()


@contextmanager
def parts(count: int) -> Iterator[None]:
    """Split samples as for `count` threads, independently of their number, in calls of this Python thread.

    A process with fewer threads then obtains bitwise the same results as a process with `count` threads.
    Decompositions to which `_blas.several` gives several threads are exempt.
    """
    before = getattr(_fixed, "parts", None)
    _fixed.parts = count
    try:
        yield
    finally:
        _fixed.parts = before


def split(n: int, grain: int = 1024) -> list[Range]:
    """Equal ranges of `n` items, one per thread, none shorter than `grain` unless alone."""
    count = max(1, min(getattr(_fixed, "parts", None) or threads(), n // grain))
    return [(n * i // count, n * (i + 1) // count) for i in range(count)]


def run(task: Task, ranges: Sequence[Range]) -> None:
    """Call `task(chunk, start, stop)` for every range, in parallel.

    The first range runs in the calling thread. When every range has ended, the error of the first range that
    failed is raised; KeyboardInterrupt, too, waits for the ranges.
    """
    if len(ranges) == 1:
        task(0, *ranges[0])
        return
    if getattr(_fixed, "parts", None) and len(ranges) > threads():
        _run_in_groups(task, ranges)
        return
    jobs = [_Job(task, chunk, span) for chunk, span in enumerate(ranges)]
    # A worker does not wait for other workers: all of them might wait for each other.
    if getattr(_workers.inside, "worker", False) or not _workers.ensure(len(ranges) - 1):
        for job in jobs:
            job.run()
    else:
        _workers.put(jobs[1:])
        jobs[0].run()
        for job in jobs[1:]:
            job.wait()
    for job in jobs:
        if job.error is not None:
            raise job.error


def _run_in_groups(task: Task, ranges: Sequence[Range]) -> None:
    """Every thread takes several ranges, one after the other; an error ends its group."""

    def group(_: int, first: int, last: int) -> None:
        for chunk in range(first, last):
            task(chunk, *ranges[chunk])

    count, total = threads(), len(ranges)
    run(group, [(total * i // count, total * (i + 1) // count) for i in range(count)])
