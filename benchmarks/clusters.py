"""Sums on Dask workers: overhead, speed-up, memory, and a model of the cost with its forecast.

    python benchmarks/clusters.py [--samples 100000 1000000 10000000] [--repeats 5] [--json FILE]

Every worker has one thread. For each number of samples, in float32: seconds (best of the repeats) of value
and gradient and of J^T J in one process and on 1 and 2 workers, the speed-up of two workers over one, the
share of overhead of one worker over one process, the peak memory of a worker, and what the model predicts.
The model has a few measured numbers (`Machine`); the forecast uses them for more workers and parameters.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import splinekan as sk
from splinekan.distributed import DaskExecutor
from splinekan.distributed.remote import FAN, added

NETWORK = sk.KAN.splines([2, 5, 1], intervals=10)


@dataclass(frozen=True)
class Machine:
    """The parameters of the cost model of a cluster.

    Attributes
    ----------
    gradient, rows
        Seconds for a sample of value and gradient, and of J^T J, on a core.
    latency, task
        Seconds of a sum of nothing, and for each further task.
    bandwidth
        Bytes in a second, of arrays between a worker and this process.
    factor
        Floating-point operations in a second of a Cholesky decomposition here.
    """

    gradient: float
    rows: float
    latency: float
    task: float
    bandwidth: float
    factor: float

    def messages(self, shards: int) -> float:
        """Seconds for the tasks of a sum and of its tree."""
        tasks, level = shards, shards
        while level > FAN:
            level = -(-level // FAN)
            tasks += level
        return self.latency + self.task * max(tasks - 2, 0)

    def transport(self, size: float, shards: int) -> float:
        """Seconds for terms of `size` bytes up the tree: a node receives its terms one after another."""
        total, level = 0.0, shards
        while level > FAN:
            total += FAN * size / self.bandwidth
            level = -(-level // FAN)
        return total + level * size / self.bandwidth

    def value_and_gradient(self, samples: float, parameters: int, workers: int) -> float:
        """Seconds of an evaluation, a shard for each worker."""
        work = self.gradient * samples / workers
        return work + self.messages(workers) + self.transport(16.0 * parameters, workers)

    def normal_equations(self, samples: float, parameters: int, workers: int) -> float:
        """Seconds of J^T J, without the factorisation."""
        work = self.rows * samples / workers
        return work + self.messages(workers) + self.transport(4.0 * parameters**2, workers)

    def cholesky(self, parameters: int) -> float:
        """Seconds of the factorisation, in this process."""
        return parameters**3 / 3 / self.factor

    def conjugate_gradients(self, samples: float, parameters: int, workers: int, iterations: int) -> float:
        """Seconds of a solution by products; a product costs as much as a gradient, about."""
        return iterations * self.value_and_gradient(samples, parameters, workers)


def best(function: Any, *args: Any, repeats: int) -> float:
    """The shortest of several times, after a first call."""
    function(*args)
    times = []
    for _ in range(repeats):
        began = perf_counter()
        function(*args)
        times.append(perf_counter() - began)
    return min(times)


def data(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets in float32."""
    x = np.random.default_rng(0).uniform(0, 1, (count, 2)).astype(np.float32)
    return x, (np.sin(6 * x[:, 0]) * x[:, 1]).astype(np.float32)


def peak() -> float:
    """The peak memory of a process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def nothing(local: Any, _: Any) -> Any:
    """A term without work."""
    return 0.0, local.objective.n_samples, local.shard.index


def ballast(local: Any, size: int) -> Any:
    """A term of `size` numbers."""
    return np.zeros(size), local.objective.n_samples, local.shard.index


def measured(repeats: int) -> Machine:
    """The numbers of this machine, from a million samples on a worker, and from sums of nothing."""
    from distributed import Client, LocalCluster

    x, y = data(1_000_000)
    theta = sk.initialize(NETWORK, 0)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        few, many = (sk.LeastSquares(NETWORK, x, y, executor=DaskExecutor(client, s)) for s in (1, 8))

        def term(objective: sk.LeastSquares, function: Any, argument: Any) -> Any:
            return objective._locals.sum(function, argument, added)

        latency = best(term, few, nothing, None, repeats=5 * repeats)
        task = max(best(term, many, nothing, None, repeats=5 * repeats) - latency, 1e-5) / 7
        size = 2**21
        bandwidth = 8 * size / max(best(term, few, ballast, size, repeats=repeats) - latency, 1e-4)
        gradient = best(few.value_and_gradient, theta, repeats=repeats) - latency
        rows = best(few.normal_equations, theta, repeats=repeats) - latency
    matrix = np.eye(1500) + 1e-3
    factor = 1500**3 / 3 / best(np.linalg.cholesky, matrix, repeats=repeats)
    return Machine(gradient / len(x), rows / len(x), latency, task, bandwidth, factor)


def compared(count: int, machine: Machine, repeats: int) -> dict[str, Any]:
    """A row of the table: one process, one worker, two workers."""
    from distributed import Client, LocalCluster

    x, y = data(count)
    theta = sk.initialize(NETWORK, 0)
    m = NETWORK.n_parameters
    sk.set_threads(1)
    here = sk.LeastSquares(NETWORK, x, y)
    row: dict[str, Any] = {"samples": count}
    names = ("value_and_gradient", "normal_equations")
    for name in names:
        row[name] = {"process": best(getattr(here, name), theta, repeats=repeats)}
    del here
    for workers in (1, 2):
        with (
            LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0") as cluster,
            Client(cluster) as client,
        ):
            there = sk.LeastSquares(NETWORK, x, y, executor=DaskExecutor(client, threads=1))
            for name in names:
                row[name][f"{workers} workers"] = best(getattr(there, name), theta, repeats=repeats)
                row[name][f"{workers} predicted"] = getattr(machine, name)(count, m, workers)
            row[f"MB, {workers} workers"] = max(client.run(peak).values())
            del there
    for name in names:
        times = row[name]
        times["overhead"] = times["1 workers"] / times["process"] - 1
        times["speed-up"] = times["1 workers"] / times["2 workers"]
    return row


def forecast(machine: Machine, samples: float = 1e8, iterations: int = 100) -> list[dict[str, float]]:
    """Seconds of a step by J^T J and by conjugate gradients, for many workers and parameters."""
    found = []
    for workers in (64, 1000):
        for parameters in (1_000, 10_000, 100_000, 1_000_000):
            found.append(
                {
                    "workers": workers,
                    "parameters": parameters,
                    "GB of J^T J": 4e-9 * parameters**2,
                    "J^T J": machine.normal_equations(samples, parameters, workers),
                    "Cholesky": machine.cholesky(parameters),
                    "CG": machine.conjugate_gradients(samples, parameters, workers, iterations),
                }
            )
    return found


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    machine = measured(options.repeats)
    print(f"{NETWORK.n_parameters} parameters; {machine}")
    rows = []
    for count in options.samples:
        rows.append(compared(count, machine, options.repeats))
        row = rows[-1]
        for name in ("value_and_gradient", "normal_equations"):
            times = row[name]
            ratios = [times[f"{w} predicted"] / times[f"{w} workers"] for w in (1, 2)]
            errors = [abs(math.log(ratio)) for ratio in ratios]
            print(f"{count:>10} {name:>20}: process {times['process']:.4f} s", end=", ")
            print(f"1 worker {times['1 workers']:.4f}, 2 workers {times['2 workers']:.4f}", end="; ")
            print(f"overhead {100 * times['overhead']:.1f} %, speed-up {times['speed-up']:.2f}", end=", ")
            print(f"model off by {100 * (math.exp(max(errors)) - 1):.0f} %", flush=True)
        memory = [row[f"MB, {w} workers"] for w in (1, 2)]
        print(
            f"{'':>10} peak memory of a worker: {memory[0]:.0f} MB of one, {memory[1]:.0f} MB of two",
            flush=True,
        )
    print("workers  parameters  GB of J^T J   J^T J/s  Cholesky/s  100 CG/s")
    table = forecast(machine)
    for line in table:
        workers, parameters, *rest = line.values()
        print(f"{workers:>7}  {parameters:>10}  " + "  ".join(f"{value:>10.3g}" for value in rest))
    if options.json:
        record = {"machine": asdict(machine), "measured": rows, "forecast": table}
        options.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
