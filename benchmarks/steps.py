"""Step rules and solvers of Levenberg-Marquardt on boundary value problems, at equal processor seconds.

    python benchmarks/steps.py [--cases poisson ...] [--methods default ...] [--seeds N] [--levels N]

Nested iteration from a single start (no successive halving), points fixed on every level: what differs
between two rows of a case is the method alone. Seconds are processor seconds of this process, so set
OPENBLAS_NUM_THREADS=1; the first run of every case compiles, and is not counted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np

import splinekan as sk
from splinekan.problems.boundary import problem
from splinekan.problems.networks import HIDDEN
from splinekan.studies.boundary_value.gauss_newton import PROBLEMS, SETTINGS


@dataclass(frozen=True)
class Case:
    """A problem, a coarsest network (None: the problem's own), and cells and iterations per level."""

    problem: str
    cells: tuple[tuple[int, int], ...]
    iterations: tuple[int, ...]
    network: sk.KAN | None = None
    damping: float = 1e-2
    seconds: tuple[float, ...] = ()
    """Processor seconds per level, instead of iterations."""


def setting(name: str, levels: int) -> Case:
    """The first levels of a study's setting."""
    found = SETTINGS[name]
    return Case(PROBLEMS.get(name, name), found.cells[:levels], found.iterations[:levels])


def affine_first(name: str, cells: tuple[tuple[int, int], ...], intervals: int) -> Case:
    """Ridge functions: 2 -> 8 affine, then splines of degree 7."""
    network = sk.KAN.affine_first([2, 8, 1], 7, intervals, (-HIDDEN, HIDDEN), extrapolate="polynomial")
    return Case(name, cells, (80,) * len(cells), network)


CASES = {
    "poisson": setting("poisson", 4),
    "helmholtz": setting("helmholtz", 2),
    "burgers": setting("burgers", 3),
    "poisson-affine": affine_first("poisson", ((10, 10), (14, 14), (20, 20), (28, 28)), 4),
    "helmholtz-affine": affine_first("helmholtz", ((20, 24), (24, 28), (30, 36)), 16),
}
SECONDS = {
    "poisson": (0.3, 0.5, 0.8, 1.2),
    "helmholtz": (2.0, 3.0),
    "burgers": (4.0, 6.0, 10.0),
    "poisson-affine": (0.3, 0.6, 1.2, 2.0),
    "helmholtz-affine": (1.0, 1.8, 4.0),
}
"""About what the default takes for the iterations of the cases."""


def projection(damping: float, network: sk.KAN) -> sk.LevenbergMarquardt:
    """The last layer solved for in every evaluation."""
    linear = np.arange(network.offsets[-2], network.offsets[-1])
    return sk.VariableProjection(damping=damping, linear=linear, nearest=True)


METHODS: dict[str, Callable[[float, sk.KAN], sk.LevenbergMarquardt]] = {
    "default": lambda damping, _: sk.LevenbergMarquardt(damping=damping),
    "1 correction": lambda damping, _: sk.LevenbergMarquardt(damping=damping, corrections=1),
    "2 corrections": lambda damping, _: sk.LevenbergMarquardt(damping=damping, corrections=2),
    "4 corrections": lambda damping, _: sk.LevenbergMarquardt(damping=damping, corrections=4),
    "qr": lambda damping, _: sk.LevenbergMarquardt(damping=damping, solver=sk.QR()),
    "svd": lambda damping, _: sk.LevenbergMarquardt(damping=damping, solver=sk.SVD()),
    "scaling none": lambda damping, _: sk.LevenbergMarquardt(damping=damping, scaling="none"),
    "projection": projection,
}


def run(case: Case, method: str, seed: int, levels: int) -> list[dict[str, float | str]]:
    """A row per level."""
    posed = problem(case.problem)
    first = case.network or posed.network
    hierarchy = sk.Hierarchy(first, min(levels, len(case.cells)))
    bounds = None if case.network is None else (-1.0, 1.0)
    rng = np.random.default_rng(seed)
    theta = sk.initialize(first, rng, "greville", bounds=bounds or (-1.0, 1.0), noise=0.3)
    rows, seconds = [], 0.0
    for level, cells, count in zip(hierarchy.levels, case.cells, case.iterations, strict=False):
        if level.P is not None:
            theta = level.P @ theta
        objective = posed.pinn(level.network, posed.blocks(posed.uniform(cells)))
        optimizer = METHODS[method](case.damping, level.network)
        began, limit = process_time(), case.seconds[level.index] if case.seconds else np.inf

        def late(_: object, began: float = began, limit: float = limit) -> bool:
            return process_time() - began > limit

        iterations = 100_000 if case.seconds else count
        result = optimizer.minimize(objective, theta, iterations=iterations, callback=late)
        seconds += process_time() - began
        theta = result.theta
        error = posed.relative_error(lambda at, n=level.network, t=theta: posed.solution(n, t, at))
        rows.append(
            {
                "parameters": level.network.n_parameters,
                "loss": result.value,
                "error": error,
                "iterations": result.nit,
                "evaluations": float(result.history.evaluations[-1]),
                "seconds": seconds,
                "status": result.status.name,
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--levels", type=int, default=4)
    parser.add_argument("--seconds", action="store_true", help="equal seconds instead of equal iterations")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sk.set_threads(1)
    found = []
    for name in options.cases:
        case = CASES[name]
        objective, start = _small(case)
        for corrections in (0, 1):
            sk.LevenbergMarquardt(corrections=corrections).minimize(objective, start, iterations=2)
        if options.seconds:
            case = replace(case, seconds=SECONDS[name])
        for seed in range(options.seeds):
            for method in options.methods:
                for number, row in enumerate(run(case, method, seed, options.levels)):
                    print(
                        f"{name:17} {method:18} seed {seed} level {number} {row['parameters']:5}  "
                        f"loss {row['loss']:.2e}  error {row['error']:.2e}  {row['iterations']:3} it "
                        f"{row['evaluations']:4.0f} ev {row['seconds']:7.2f} s  {row['status']}",
                        flush=True,
                    )
                    found.append({"case": name, "method": method, "seed": seed, "level": number, **row})
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


def _small(case: Case) -> tuple[object, np.ndarray]:
    posed = problem(case.problem)
    network = case.network or posed.network
    objective = posed.pinn(network, posed.blocks(posed.uniform((2, 2))))
    return objective, sk.initialize(network, 0, "greville", bounds=(-1.0, 1.0))


if __name__ == "__main__":
    main()
