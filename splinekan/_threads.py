"""Ranges of samples on a few threads.

Kernels are compiled without numba's parallel backend and release the GIL; this module splits the samples into
ranges. A kernel then compiles in a fraction of the time, results have the same bits for the same number of
threads, several Python threads may call at once, and a forked process starts its own workers. (Numba's
always-present `workqueue` layer aborts on concurrent calls, its OpenMP layer in forked workers.)

Handing a range to a worker and back takes some 10 microseconds if the worker is awake, and 50 to 100 if it
sleeps and its processor with it, as on virtual machines: as long as a layer 2 -> 5 takes for 4096 samples.
Before they sleep, workers therefore watch for the next range for about a tenth of a millisecond, the time
between the kernels of a training step; callers watch for the end of the last range (benchmarks/threads.py).
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
"""Most threads: more than a machine has cores gain nothing, and each takes memory."""
ATTEMPTS = 200_000
"""Attempts of `_spin.changed` before a thread sleeps: about a tenth of a millisecond."""
GRACE = 32_000
"""Attempts, some 10 microseconds, in which another thread enters or leaves its kernel. A thread that asked
for the GIL in the meantime would sleep."""


class _Job:
    """A range of a task; `done` is released when the range has ended."""

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
        """Return when the range has ended; an interrupt in the meantime counts as its error."""
        interrupt = None
        while not self.ended:  # and not `while True`: an interrupt may follow the acquisition
            try:
                if not _spin.changed(self.over, 0, ATTEMPTS, GRACE):
                    self.done.acquire()
            except KeyboardInterrupt as error:  # noqa: PERF203
                interrupt = error
        self.error = interrupt or self.error


class _Workers:
    """Daemon threads that take jobs from a common queue; started on first use."""

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
        _spin.change(self.put_so_far, GRACE)  # after the jobs: a thread that sees the change finds them

    def _serve(self) -> None:
        self.inside.worker = True
        while True:
            self._next().run()

    def _next(self) -> _Job:
        """The next job; the thread watches for it, then sleeps until it comes."""
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
    """The number in a variable of another library; `MOST`, and no error, if it holds none."""
    text = os.environ.get(name, "").partition(",")[0].strip()  # OpenMP has a list, for nested regions
    return int(text) or MOST if text.isascii() and text.isdigit() and len(text) < 10 else MOST


def _initial_threads() -> int:
    text = os.environ.get("SPLINEKAN_NUM_THREADS", "").strip()
    if not text:
        return min(_available(), MOST, *map(_limit, LIMITS))
    # str.isdigit accepts digits of every script, and int() refuses strings of more than 4300 digits.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST):
        raise ValueError(
            f"SPLINEKAN_NUM_THREADS must be an integer between 1 and {MOST}, got {shown(text)}: change it, "
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

    Initially it is SPLINEKAN_NUM_THREADS; without that variable the number of cores that the process may use,
    but at most NUMBA_NUM_THREADS and OMP_NUM_THREADS. Workers of joblib (loky) and Dask have these set, so
    that all workers together have a thread for each core.

    Results have the same bits for the same number of threads.

    Parameters
    ----------
    count
        The number of threads, 1 to 1024.

    Raises
    ------
    TypeError, ValueError
        If `count` is not an integer between 1 and 1024.

    Examples
    --------
    >>> before = threads()
    >>> set_threads(1)
    >>> threads()
    1
    >>> set_threads(before)
    """
    global _threads
    _threads = integer("count", count, low=1, high=MOST)


def threads() -> int:
    """The number of threads that the kernels use.

    Returns
    -------
    int
        As given to `set_threads`, which documents the initial number.

    Raises
    ------
    ValueError
        If `set_threads` was not called and SPLINEKAN_NUM_THREADS is not an integer between 1 and 1024.

    Examples
    --------
    >>> threads() >= 1
    True
    """
    global _threads
    if _threads is None:
        _threads = _initial_threads()
    return _threads


_fixed = threading.local()


@contextmanager
def parts(count: int) -> Iterator[None]:
    """Split samples as `count` threads would, whatever the number of threads, in calls of this Python thread.

    A process with fewer threads then ends in the same bits as a process with `count` threads. Decompositions
    to which `_blas.several` gives several threads are exempt.
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
    failed is raised; KeyboardInterrupt also waits for the ranges.
    """
    if len(ranges) == 1:
        task(0, *ranges[0])
        return
    if getattr(_fixed, "parts", None) and len(ranges) > threads():
        _run_in_groups(task, ranges)
        return
    jobs = [_Job(task, chunk, span) for chunk, span in enumerate(ranges)]
    # A worker does not wait for other workers, all of which might wait for each other.
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
