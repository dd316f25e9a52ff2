"""The package's own worker threads, and the threads of BLAS.

python benchmarks/threads.py [REPETITIONS]

First the own threads against concurrent.futures.ThreadPoolExecutor, on the same ranges: a network of a single
spline layer, value and vector-Jacobian product, 2 threads. The two take turns, so that other jobs on the
machine disturb both; minima over the repetitions.

Then what a section of `splinekan._blas` costs, and decompositions with one thread of BLAS and with two, each
followed by kernels, which share the cores with the threads that still spin. `_blas.PAYS` is chosen where two
threads begin to pay.
"""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import numpy as np
import scipy
from threadpoolctl import threadpool_limits

import splinekan as sk
from splinekan import _blas, _threads

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
    sections()
    sizes(max(repetitions // 12, 3))


def sections():
    """Microseconds of a section by itself, and of a section within a section."""

    def seconds(count=20_000):
        start = time.perf_counter()
        for _ in range(count):
            with _blas.one:
                pass
        return (time.perf_counter() - start) / count

    seconds(1)  # finds the libraries
    alone = min(seconds() for _ in range(5))
    with _blas.one:
        inner = min(seconds() for _ in range(5))
    print(
        f"\na section of one thread of BLAS {1e6 * alone:.1f} microseconds, within another {1e6 * inner:.2f}"
    )


DECOMPOSITIONS = {
    "Cholesky": (lambda m: m**3 / 3, lambda a: scipy.linalg.cho_factor(a @ a.T + len(a) * np.eye(len(a)))),
    "singular values": (lambda m: 22.0 * m**3, scipy.linalg.svd),
    "eigenvalues": (lambda m: 9.0 * m**3, lambda a: scipy.linalg.eigh(a + a.T, driver="evd")),
    "product": (lambda m: 2.0 * m**3, lambda a: a @ a),
}


def sizes(repetitions):
    """Milliseconds of a decomposition and three gradients, with one and two threads of BLAS."""
    network = sk.KAN.splines([2, 5, 1], degree=3, intervals=40)
    rng = np.random.default_rng(0)
    objective = sk.LeastSquares(network, rng.uniform(0, 1, (40_000, 2)), rng.normal(size=40_000))
    theta = sk.initialize(network, 0)
    print(f"\n{'milliseconds, then kernels':<34} {'flops':>10} {'one':>10} {'two':>10} {'ratio':>8}")
    for name, (flops, decompose) in DECOMPOSITIONS.items():
        for share in (0.1, 0.5, 1, 2):
            m = int((share * _blas.PAYS / flops(1)) ** (1 / 3))
            matrix = rng.normal(size=(m, m))
            times = {1: [], 2: []}
            for _ in range(repetitions):
                for count, series in times.items():
                    with threadpool_limits(count, user_api="blas"):
                        start = time.perf_counter()
                        decompose(matrix)
                    for _ in range(3):
                        objective.value_and_gradient(theta)
                    series.append(1e3 * (time.perf_counter() - start))
            one, two = (min(series) for series in times.values())
            label = f"{name}, {m} columns"
            print(f"{label:<34} {flops(m):>10.1e} {one:>10.1f} {two:>10.1f} {one / two:>8.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
