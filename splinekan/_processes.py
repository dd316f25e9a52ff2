"""Independent calls on processes of this machine, by joblib: results are returned as they become available.

A call gives the same bits wherever it is carried out: its samples are split as the calling process would
split them (`_threads.parts`), whatever the number of threads of the process.
"""

from __future__ import annotations

import os
import socket
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

from splinekan import _blas, _threads

Key = TypeVar("Key", bound=Hashable)

RESTARTS = 3
"""Number of times that a call is restarted after its process has ended."""


@dataclass(frozen=True)
class Call:
    """A function and its arguments. Processes receive them by cloudpickle, so that closures are accepted."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()

    def __call__(self) -> Any:
        """The result, in this process."""
        return self.function(*self.arguments)


@dataclass(frozen=True)
class Place:
    """The place where a call was carried out, and its duration.

    Attributes
    ----------
    host
        The name of the machine.
    process
        The process id.
    worker
        The address of the worker of Dask; "" elsewhere.
    seconds
        Wall time of the call.
    """

    host: str
    process: int
    worker: str
    seconds: float


class Done(NamedTuple):
    """The result of a call, its place if known, and the warnings that it issued."""

    result: Any
    place: Place | None
    warnings: tuple[tuple[str, type[Warning]], ...] = ()

    def warn(self) -> None:
        """Issue the warnings in this process too."""
        for text, category in self.warnings:
            warnings.warn(text, category, stacklevel=2)


def carried_out(call: Call, worker: str = "") -> Done:
    """The result of a call, and its place.

    BLAS has a single thread even outside the sections of `_blas`: results depend on the kernels' parts alone.
    """
    began = perf_counter()
    with _blas.one:
        result = call()
    return Done(result, Place(socket.gethostname(), os.getpid(), worker, perf_counter() - began))


def carried_out_elsewhere(call: Call, parts: int, worker: str = "") -> Done:
    """The result of a call with the bits of a process of `parts` threads, and its warnings.

    Filters of warnings belong to the process, not to a thread: warnings are collected in a main thread only.
    """
    with _threads.parts(parts):
        if threading.current_thread() is not threading.main_thread():
            return carried_out(call, worker)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            done = carried_out(call, worker)
    return done._replace(warnings=tuple((str(each.message), each.category) for each in caught))


def cores() -> int:
    """The number of cores that this process may use."""
    return _threads._available()


@dataclass
class Attempts:
    """Calls that were handed out and have not ended, with the number of times that their process ended."""

    limit: int
    running: dict[Any, Call] = field(default_factory=dict)
    lost: Counter[Any] = field(default_factory=Counter)

    def handed_out(self, calls: Iterable[tuple[Key, Call]]) -> Iterator[tuple[Key, Call]]:
        """The calls; each counts as running once it is returned."""
        for key, call in calls:
            self.running[key] = call
            yield key, call

    def after_loss(self) -> list[tuple[Any, Call]]:
        """The calls that ran when a process ended, to be restarted.

        Raises
        ------
        ChildProcessError
            For calls that were restarted too often, which the message names.
        """
        self.lost.update(self.running.keys())
        given_up = [str(key) for key in self.running if self.lost[key] > self.limit]
        if given_up:
            raise ChildProcessError(
                f"{'; '.join(given_up)}: the process ended {self.limit + 1} times before the run did, "
                "killed by the system (is memory short?) or by a crash"
            )
        again = list(self.running.items())
        self.running.clear()
        return again


def on_processes(
    calls: Iterable[tuple[Key, Call]], workers: int, *, end: bool = True
) -> Iterator[tuple[Key, Done]]:
    """Results as they come, by key; calls are taken from the iterator when a process is free.

    Every process has an equal share of the cores for its threads. If a process ends (out of memory, say), the
    calls that ran are restarted, each at most `RESTARTS` times. The processes end with the iteration; if
    `end` is false, only after an error, and otherwise with the block of `ending_processes`.

    Raises
    ------
    ModuleNotFoundError
        Without joblib.
    ChildProcessError
        If the processes of a call end again and again.
    """
    try:
        from joblib import Parallel, delayed, parallel_config
        from joblib.externals.loky.process_executor import TerminatedWorkerError
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "several processes need joblib: install splinekan with its extra 'distributed'"
        ) from None
    parts, attempts = _threads.threads(), Attempts(RESTARTS)
    waiting: Iterator[tuple[Any, Call]] = iter(calls)
    whole = False
    try:
        while not whole:
            jobs = (
                delayed(_keyed)(key, call, parts, max(1, cores() // workers))
                for key, call in attempts.handed_out(waiting)
            )
            with parallel_config("loky", inner_max_num_threads=max(1, cores() // workers)):
                pool = Parallel(
                    workers,
                    return_as="generator_unordered",
                    pre_dispatch="n_jobs",
                    batch_size=1,
                    max_nbytes=None,
                )
                results = pool(jobs)
            try:
                for key, done in results:
                    del attempts.running[key]
                    yield key, done
                whole = True
            except TerminatedWorkerError:
                waiting = chain(attempts.after_loss(), waiting)
            finally:
                with warnings.catch_warnings():  # about calls that are given up
                    warnings.simplefilter("ignore")
                    results.close()
    finally:
        if end or not whole:
            _end(kill=not whole)


@contextmanager
def ending_processes(workers: int) -> Iterator[None]:
    """End the processes that `on_processes` left when the block ends."""
    whole = False
    try:
        yield
        whole = True
    finally:
        if workers > 1:
            _end(kill=not whole)


def _end(kill: bool) -> None:
    with suppress(ModuleNotFoundError):
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True, kill_workers=kill)


def _keyed(key: Any, call: Call, parts: int, threads: int) -> tuple[Any, Done]:
    _threads.set_threads(threads)
    return key, carried_out_elsewhere(call, parts)
