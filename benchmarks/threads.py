"""The package's own worker threads against concurrent.futures.ThreadPoolExecutor, on the same ranges.

python benchmarks/threads.py [REPETITIONS]

A network of a single spline layer, value and vector-Jacobian product, 2 threads. The two take turns, so that
other jobs on the machine disturb both; minima over the repetitions.
"""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import numpy as np

import splinekan as sk
from splinekan import _threads

THREADS = 2
CASES = [((2, 5), 512), ((2, 5), 4096), ((64, 64), 4096), ((64, 64), 20_000)]

_inside = threading.local()
_executor = ThreadPoolExecutor(THREADS - 1, initializer=partial(setattr, _inside, "worker", True))


def run_on_executor(task, ranges):
    """As `_threads.run`: the first range in the calling thread, errors when every range has ended."""
    if len(ranges) == 1 or getattr(_inside, "worker", False):
        for chunk, span in enumerate(ranges):
            task(chunk, *span)
        return
    futures = [_executor.submit(task, chunk, *span) for chunk, span in enumerate(ranges) if chunk]
    try:
        task(0, *ranges[0])
    finally:
        wait(futures)
    for future in futures:
        future.result()


RUNS = {"own": _threads.run, "executor": run_on_executor}


def minima(call, repetitions):
    """Shortest time of `call` in seconds with each of the two, called in turn."""
    times = {name: [] for name in RUNS}
    for _ in range(repetitions):
        for name, run in RUNS.items():
            _threads.run = run
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    _threads.run = RUNS["own"]
    return {name: min(series) for name, series in times.items()}


def row(label, times):
    own, executor = times["own"] * 1e6, times["executor"] * 1e6
    print(f"{label:<34} {own:>10.1f} {executor:>10.1f} {executor / own - 1:>+8.1%}", flush=True)


def main(repetitions):
    sk.set_threads(THREADS)
    print(f"{'microseconds':<34} {'own':>10} {'executor':>10} {'slower':>8}")
    ranges = [(0, 1)] * THREADS
    row("two empty ranges", minima(lambda: _threads.run(lambda *_: None, ranges), 50 * repetitions))
    for (n_in, n_out), samples in CASES:
        network = sk.KAN.splines([n_in, n_out], degree=3, intervals=20)
        rng = np.random.default_rng(0)
        x, gy = rng.uniform(0, 1, (samples, n_in)), rng.normal(size=(samples, n_out))
        theta = rng.normal(size=network.n_parameters)
        count = repetitions if n_in > 8 else 20 * repetitions
        label = f"{n_in} -> {n_out}, {samples} samples"
        row(f"{label}, value", minima(partial(network, theta, x), count))
        row(f"{label}, vjp", minima(partial(network.vjp, theta, x, gy), count))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
