"""Runs with a worker killed at a random moment, compared bit by bit with an undisturbed run.

    python benchmarks/worker_deaths.py [--runs 20] [--samples 20000] [--seed 0] [--source array|file|dask]

Every run trains by Levenberg-Marquardt on two levels, on a new cluster of two processes. A thread kills a
worker by its process id (SIGKILL); its nanny starts another. The last line counts runs with the same bits.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

import splinekan as sk
from splinekan.distributed import DaskExecutor


def samples(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets."""
    x = np.random.default_rng(0).uniform(0, 1, (count, 2))
    return x, np.sin(6 * x[:, 0]) * x[:, 1] + np.exp(-x[:, 1])


def given(source: str, count: int, folder: str):
    """The samples as an array, a file or a Dask array."""
    x, y = samples(count)
    if source == "file":
        path = Path(folder) / "x.npy"
        np.save(path, x)
        x = np.load(path, mmap_mode="r")
    if source == "dask":
        import dask.array as da

        x, y = da.from_array(x, chunks=(count // 5, 2)), da.from_array(y, chunks=count // 5)
    return x, y


def train(x, y, client) -> tuple[np.ndarray, float]:
    """theta after both levels, and the seconds that took."""
    began, executor = time.perf_counter(), DaskExecutor(client, shards=2)
    levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=4), 2)
    first = sk.LeastSquares(levels[0].network, x, y, reduction="mean", executor=executor)
    result = sk.nested_iteration(
        levels,
        lambda level: replace(first, network=level.network),
        sk.LevenbergMarquardt(),
        [6, 6],
        sk.initialize(levels[0].network, 0),
    )
    return result.theta, time.perf_counter() - began


@contextmanager
def cluster():
    """A client of two new processes."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as processes,
        Client(processes) as client,
    ):
        yield client


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--source", choices=("array", "file", "dask"), default="array")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    same = 0
    with tempfile.TemporaryDirectory() as folder:
        x, y = given(options.source, options.samples, folder)
        with cluster() as client:
            want, seconds = train(x, y, client)
        print(f"undisturbed: {seconds:.2f} s", flush=True)
        for run in range(options.runs):
            with cluster() as client:
                pids = sorted(client.run(os.getpid).values())
                delay, victim = rng.uniform(0, 0.9 * seconds), int(rng.choice(pids))
                timer = threading.Timer(delay, os.kill, (victim, signal.SIGKILL))
                timer.start()
                theta, took = train(x, y, client)
                timer.join()
            equal = np.array_equal(theta, want)
            same += equal
            bits = "same" if equal else "OTHER"
            print(f"run {run}: killed after {delay:.2f} s, took {took:.2f} s, {bits} bits", flush=True)
    print(f"{same} of {options.runs} runs have the same bits")


if __name__ == "__main__":
    main()
