"""An iteration of Levenberg-Marquardt by part, and training with and without OPENBLAS_NUM_THREADS=1.

    python benchmarks/solvers.py [--parts iteration study] [--threads N]

The first part prints the ratio of an iteration to the sum of its kernels (loss of the trial, and loss, J^T r
and J^T J at the next point) and its factorisation. The second runs a study as it comes and with a single
thread of BLAS: both should take the same time, because the package sets the threads of BLAS itself.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from functools import partial
from time import perf_counter

import numpy as np
import scipy
from kernels import networks, problem
from layers import best

import splinekan as sk
from splinekan import _blas
from splinekan.optimize import Cholesky

STUDY = ("-m", "splinekan", "study", "poisson", "--quick", "--rows", "gauss-newton")


def iteration(samples: int = 20_000) -> None:
    """Milliseconds of an iteration with one trial, and of its parts."""
    for name, network in networks().items():
        objective, theta = problem(network, samples)
        _, gradient, matrix = objective.normal_equations(theta)
        damped = matrix + 1e-3 * np.diag(np.diag(matrix) + 1.0)

        @_blas.one
        def solve(damped: np.ndarray = damped, gradient: np.ndarray = gradient) -> np.ndarray:
            factor = scipy.linalg.cho_factor(damped.T, check_finite=False)
            return scipy.linalg.cho_solve(factor, gradient, check_finite=False)

        parts = {
            "loss": best(partial(objective.value, theta)),
            "normal equations": best(partial(objective.normal_equations, theta)),
            "Cholesky": best(solve),
        }
        method, least = sk.LevenbergMarquardt(solver=Cholesky()), np.inf
        for _ in range(3):
            ends: list[float] = []
            method.minimize(objective, theta, iterations=20, callback=partial(_note, ends))
            least = min(least, 1e3 * float(np.diff(ends).min()))
        total = sum(parts.values())
        cells = "   ".join(f"{part} {value:.2f}" for part, value in parts.items())
        print(f"  {name}, {network.n_parameters} parameters: iteration {least:.2f} ms   {cells}")
        print(f"    iteration over the sum of its parts: {least / total:.2f} (aim: below 1.5)", flush=True)


def _note(ends: list[float], _: object) -> None:
    """Append the time."""
    ends.append(perf_counter())


def study() -> None:
    """Seconds of a study, least of two runs of each kind in turn, the second time with compiled kernels."""
    kinds = {"as it comes": {}, "OPENBLAS_NUM_THREADS=1": {"OPENBLAS_NUM_THREADS": "1"}}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    plain = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    for _ in range(2):
        for kind, more in kinds.items():
            start = perf_counter()
            subprocess.run([sys.executable, *STUDY], env=plain | more, stdout=subprocess.DEVNULL, check=True)
            times[kind].append(perf_counter() - start)
    least = {kind: min(series) for kind, series in times.items()}
    print("  " + "   ".join(f"{kind} {seconds:.1f} s" for kind, seconds in least.items()))
    first, second = least.values()
    print(f"    ratio: {first / second:.2f} (aim: 0.9 to 1.1)", flush=True)


PARTS = {"iteration": iteration, "study": study}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    sk.set_threads(options.threads)
    for name in options.parts:
        print(f"{name}: {PARTS[name].__doc__}")
        PARTS[name]()


if __name__ == "__main__":
    main()
