"""Values that live on workers, one for every shard, and sums over them.

A sum is a task for every shard and a tree of additions, whose shape depends on the number of shards alone:
its last `FAN` terms are added in this process. Every term carries the number of its samples and the numbers
of its shards, which are checked at the end.

Values are Dask futures with a recipe, which Dask repeats when a worker dies. Arrays sent from this process,
which have no recipe, are sent again; the sum is then recomputed, with bitwise the same result.
"""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from splinekan import _threads
from splinekan.distributed.errors import IncompleteSumError, WorkersLostError
from splinekan.distributed.executor import POLL, DaskExecutor, _Opaque
from splinekan.distributed.memory import keep_freed_memory

FAN = 8
"""Number of terms of an addition."""
ATTEMPTS = 8
"""Number of attempts at a sum, restarted because a worker died, before an error is raised."""
LOST = ("cancelled", "lost", "error")
EMBEDDED = 2**18
"""Largest size in bytes of arguments sent with the tasks; larger arguments are first sent to the workers."""
INTERVAL = 0.001
"""Seconds for which messages to the scheduler are collected; Dask's default is ten times as long."""

_tokens = count()
_process = uuid.uuid4().hex[:8]

Combine = Callable[[Sequence[Any]], Any]


@dataclass(frozen=True)
class Term:
    """A term of a sum: its value, its number of samples, and its shards."""

    answer: Any
    samples: int
    shards: tuple[int, ...]

    def __sizeof__(self) -> int:
        return _size(self.answer) + 64 * len(self.shards) + 256


@dataclass(frozen=True)
class Call:
    """A function of a value and of `argument`, with the threads of the kernels for it."""

    function: Callable[[Any, Any], Any]
    argument: Any
    threads: int
    origin: tuple[str, int]

    def __call__(self, value: Any, argument: Any = None) -> Any:
        if (platform.node(), os.getpid()) != self.origin:  # a worker in this process keeps it
            _threads.set_threads(self.threads)
            keep_freed_memory()
        given = self.argument if argument is None else argument.value
        return self.function(value, aligned(given))


class Remote:
    """A value for every shard: function(value of `parent`, argument)."""

    def __init__(self, parent: Remote, function: Callable[[Any, Any], Any], argument: Any) -> None:
        self.parent = parent
        self.executor: DaskExecutor = parent.executor
        self.threads: int = parent.threads
        self.n_shards: int = parent.n_shards
        self.n_samples: int = parent.n_samples
        self.call = self._call(function, argument)
        self.futures: list[Any] = [None] * self.n_shards

    def renewed(self) -> list[Any]:
        """The futures, with lost futures recreated."""
        stale = [i for i, each in enumerate(self.futures) if each is None or each.status in LOST]
        if stale:
            for i, future in zip(stale, self._made(stale), strict=True):
                self.futures[i] = future
        return list(self.futures)

    def _made(self, which: list[int]) -> list[Any]:
        values = self.parent.renewed()
        name = _name(self.call.function)
        graph = {(name, i): (_valued, values[i], self.call) for i in which}
        return list(self.executor.client.get(graph, list(graph), sync=False))

    def sum(self, function: Callable[[Any, Any], Any], argument: Any, combine: Combine) -> Any:
        """The combined results function(value, argument) of all shards.

        `function` returns (result, samples, shard); `combine` receives results in order.

        Raises
        ------
        SchedulerLostError, WorkersLostError
            Without a scheduler, or if workers die repeatedly.
        IncompleteSumError
            If shards are missing or counted twice.
        """
        terms = self._gathered(function, argument, combine)
        shards = [shard for term in terms for shard in term.shards]
        samples = sum(term.samples for term in terms)
        if shards != list(range(self.n_shards)) or samples != self.n_samples:
            missing = sorted(set(range(self.n_shards)) - set(shards))
            raise IncompleteSumError(
                f"a sum must have {self.n_samples} samples of {self.n_shards} shards, got {samples} of "
                f"{len(shards)}" + (f", without shards {missing[:8]}" if missing else "")
            )
        return combine([term.answer for term in terms])

    def every(self, function: Callable[[Any, Any], Any], argument: Any = None) -> list[Any]:
        """The results of all shards, in order."""
        found: list[Any] = self.sum(function, argument, _joined)
        return found

    def _gathered(self, function: Callable[[Any, Any], Any], argument: Any, combine: Combine) -> list[Term]:
        def begin() -> Any:
            values = self.renewed()
            graph, roots = self._graph(values, function, argument, combine)
            return self.executor.client.get(graph, roots, sync=False)

        found: list[Term] = completed(self.executor, begin)
        return found

    def _graph(
        self, values: list[Any], function: Callable[[Any, Any], Any], argument: Any, combine: Combine
    ) -> tuple[dict[Any, Any], list[Any]]:
        name, sent = _name(function), None
        call = self._call(function, argument)
        if combine is not _joined and _size(argument) * len(values) > EMBEDDED:
            sent = self.executor.client.scatter(_Opaque(argument), broadcast=True, hash=False)
            call = self._call(function, None)
        graph: dict[Any, Any] = {}
        level = [(name, 0, i) for i in range(len(values))]
        for key, value in zip(level, values, strict=True):
            graph[key] = (_term, value, call) if sent is None else (_term, value, call, sent)
        wrapped, depth = _Opaque(combine), 0
        while len(level) > FAN and combine is not _joined:
            depth += 1
            groups = [level[i : i + FAN] for i in range(0, len(level), FAN)]
            level = [(name, depth, i) for i in range(len(groups))]
            graph |= {key: (_added, wrapped, group) for key, group in zip(level, groups, strict=True)}
        return graph, level

    def _call(self, function: Callable[[Any, Any], Any], argument: Any) -> Call:
        return Call(function, argument, self.threads, (platform.node(), os.getpid()))


def completed(executor: DaskExecutor, begin: Callable[[], Any]) -> Any:
    """The results of the futures that `begin` returns, restarted when workers die.

    Raises
    ------
    SchedulerLostError, WorkersLostError
        As `Remote.sum`.
    """
    import distributed

    lost: tuple[type[BaseException], ...] = (
        CancelledError,
        distributed.CancelledError,
        distributed.scheduler.KilledWorker,
        distributed.comm.CommClosedError,
    )
    error: BaseException | None = None
    for _ in range(ATTEMPTS):
        try:
            comm: Any = getattr(executor.client, "scheduler_comm", None)
            if getattr(comm, "interval", 0) > INTERVAL:
                comm.interval = INTERVAL
            futures = begin()
            _wait(executor, futures)
            return executor.client.gather(futures)
        except lost as failure:  # noqa: PERF203
            executor._require_scheduler(failure)
            executor._require_workers()
            error = failure
        except (OSError, RuntimeError) as failure:
            if executor.client.status == "running":
                raise
            executor._require_scheduler(failure)  # the client was closed in the meantime
            error = failure
    raise WorkersLostError(
        f"workers died in each of {ATTEMPTS} attempts at the same sum ({error}), mostly for want of memory: "
        "see their logs, take more and smaller shards, or give workers more memory"
    ) from error


def _wait(executor: DaskExecutor, futures: Any) -> None:
    """Return when all futures are done; check the cluster from time to time."""
    import distributed

    while True:
        try:
            with executor.client.as_current():  # it need not be the default client
                distributed.wait(futures, timeout=POLL)
            return
        except (TimeoutError, distributed.TimeoutError):  # noqa: PERF203
            executor._require_scheduler()
            executor._require_workers()


def added(answers: Sequence[Any]) -> Any:
    """Sums of numbers, of arrays, or of tuples of these, first to last."""
    first = answers[0]
    if isinstance(first, tuple):
        return tuple(added(parts) for parts in zip(*answers, strict=True))
    if isinstance(first, np.ndarray):
        total = first.copy()
        for each in answers[1:]:
            total += each
        return total
    return sum(answers[1:], first)


def aligned(value: Any) -> Any:
    """An array, or a tuple or list of arrays and other values, in aligned memory.

    Arrays in messages may not be aligned: kernels would be recompiled for these, and be slower.
    """
    if isinstance(value, np.ndarray):
        return np.require(value, requirements=["C", "A", "W"])
    return type(value)(map(aligned, value)) if type(value) in (tuple, list) else value


def _joined(answers: Sequence[Any]) -> list[Any]:
    return list(answers)


def _valued(value: Any, call: Call) -> Any:
    return call(value)


def _term(value: Any, call: Call, sent: _Opaque | None = None) -> Term:
    answer, samples, shard = call(value, sent)
    return Term(answer, samples, (shard,))


def _added(combine: _Opaque, terms: Sequence[Term]) -> Term:
    shards = tuple(shard for term in terms for shard in term.shards)
    return Term(combine.value([term.answer for term in terms]), sum(term.samples for term in terms), shards)


def _size(value: Any) -> int:
    """The approximate size in bytes."""
    if isinstance(value, (tuple, list)):
        return sum(map(_size, value))
    size = getattr(value, "nbytes", None)
    return 64 if size is None else int(size)


def _name(function: Any) -> str:
    label = getattr(function, "__name__", "part").strip("_")
    return f"splinekan-{label}-{_process}-{next(_tokens)}"
