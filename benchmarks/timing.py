"""Times of calls: medians and minima after a warm-up, calls in turn, and the processors of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from time import perf_counter, sleep

import numpy as np

Call = Callable[[], object]
BUDGET = 10.0
"""Seconds that the repetitions of a call may take."""
RUNS = 5
"""Repetitions, at least, within the budget."""
PAUSE = 0.05
"""Seconds before a measurement: threads of BLAS that have nothing to do keep a core busy for a while."""
POOLS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Time:
    """Milliseconds, and a note: "" for all repetitions, "*" for fewer, "~" for a time that was scaled."""

    median: float
    least: float
    runs: int
    note: str = ""

    def __str__(self) -> str:
        return f"{self.median:.3g}{self.note}" if self.median < 1000 else f"{self.median:.0f}{self.note}"

    @property
    def record(self) -> dict[str, float | int | str]:
        """The fields, for JSON."""
        return asdict(self)


def bind(threads: int) -> None:
    """Start the script anew with `threads` processors and BLAS threads, unless it has them.

    Libraries start as many threads as the process may use processors, or as these variables ask for: now no
    library has more of them than another. Systems without affinity set the variables only.
    """
    wanted = {name: str(threads) for name in POOLS}
    change = any(os.environ.get(name) != value for name, value in wanted.items())
    if hasattr(os, "sched_setaffinity"):
        processors = sorted(os.sched_getaffinity(0))
        change = change or len(processors) > threads
        os.sched_setaffinity(0, processors[:threads])
    if change:
        os.environ.update(wanted)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def load() -> float:
    """Processes that ran or waited in the last minute, on average; NaN where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def elapsed(call: Call, clock: Callable[[], float] = perf_counter) -> float:
    """Seconds of a call."""
    start = clock()
    call()
    return clock() - start


def of(times: list[float], note: str = "") -> Time:
    """The summary of seconds."""
    return Time(1e3 * float(np.median(times)), 1e3 * min(times), len(times), note)


def measure(call: Call, seconds: float = 1.0, budget: float = BUDGET) -> Time:
    """The time of a call after a first, compiling call; that of the first if the budget allows no other."""
    sleep(PAUSE)
    first, times = elapsed(call), []
    while len(times) < RUNS or sum(times) < seconds:
        if first + sum(times) > budget:
            return of(times or [first], "*" if len(times) < RUNS else "")
        times.append(elapsed(call))
    return of(times)


def in_turn(calls: Mapping[str, Call], seconds: float = 1.0) -> dict[str, Time]:
    """Times of calls that take turns, so that other work on the machine disturbs all of them."""
    sleep(PAUSE)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    began = perf_counter()
    while perf_counter() - began < seconds * len(calls) or len(next(iter(times.values()))) < RUNS:
        for name, call in calls.items():
            times[name].append(elapsed(call))
    return {name: of(series) for name, series in times.items()}


def best(function: Call, seconds: float = 1.0) -> float:
    """Milliseconds of the fastest call after a first, compiling call."""
    function()
    times: list[float] = []
    began = perf_counter()
    while perf_counter() - began < seconds or len(times) < 3:
        times.append(elapsed(function))
    return 1e3 * min(times)
