"""Networks that compete for differential equations: errors, parameters and processor seconds, several seeds.

python benchmarks/competition.py [NAME ...] [--seeds 5]
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
from sympy import Function, Rational, cos, pi, sin, symbols  # noqa: E402

import splinekan as sk  # noqa: E402


@dataclass(frozen=True)
class Case:
    """An equation with a known solution, and options of `solve`."""

    equation: Any
    bounds: dict[Any, tuple[float, float]]
    conditions: list[sk.Condition]
    exact: Any
    options: dict[str, Any] = field(default_factory=dict)


def laplacian(u: Any, variables: Any) -> Any:
    """The sum of the second derivatives."""
    return sum(u.diff(v, 2) for v in variables)


def sum_of_cosines() -> Case:
    """Poisson in five variables, with an additive solution."""
    variables = symbols("x1:6")
    u = Function("u")(*variables)
    truth = sum(cos(pi * v) for v in variables)
    equation = laplacian(u, variables) + pi**2 * truth
    return Case(equation, dict.fromkeys(variables, (0, 1)), [sk.dirichlet(u, truth)], truth)


def quadratic_form() -> Case:
    """Laplace in ten variables; the solution is a sum of squares after an affine map."""
    variables = symbols("x1:11")
    u = Function("u")(*variables)
    truth = sum(variables[2 * i] * variables[2 * i + 1] for i in range(5))
    bounds = dict.fromkeys(variables, (0, 1))
    return Case(laplacian(u, variables), bounds, [sk.dirichlet(u, truth)], truth)


def poisson(network: str = "ridge") -> Case:
    """Poisson in two variables."""
    x, y = symbols("x y")
    u = Function("u")(x, y)
    truth = sin(pi * x) * sin(pi * y)
    equation = laplacian(u, (x, y)) + 2 * pi**2 * truth
    bounds = {x: (-1, 1), y: (-1, 1)}
    return Case(equation, bounds, [sk.dirichlet(u, 0)], truth, {"network": network})


def helmholtz(network: str = "ridge") -> Case:
    """Helmholtz in two variables, frequencies 1 and 4."""
    x, y = symbols("x y")
    u = Function("u")(x, y)
    truth = sin(pi * x) * sin(4 * pi * y)
    equation = laplacian(u, (x, y)) + u + (17 * pi**2 - 1) * truth
    bounds = {x: (-1, 1), y: (-1, 1)}
    return Case(equation, bounds, [sk.dirichlet(u, 0)], truth, {"network": network})


def burgers() -> Case:
    """Burgers' equation with viscosity 0.01, by spline networks."""
    x, t = symbols("x t")
    u = Function("u")(x, t)
    equation = u.diff(t) + u * u.diff(x) - Rational(1, 100) * u.diff(x, 2)
    conditions = [sk.initial(u, -sin(pi * x), t), sk.dirichlet(u, 0, x)]
    options = {"network": "spline", "hidden": (6, 6)}
    return Case(equation, {x: (-1, 1), t: (0, 1)}, conditions, cole_hopf, options)


def cole_hopf(points: np.ndarray) -> np.ndarray:
    """u of Burgers' equation: the Cole-Hopf integrals by Gauss-Hermite quadrature (Basdevant et al. 1986)."""
    nu = 0.01
    z, weights = np.polynomial.hermite.hermgauss(200)
    x, t = points.T
    at = x[:, None] - np.sqrt(4 * nu * t)[:, None] * z
    kernel = weights * np.exp(-(np.cos(np.pi * at) + 1) / (2 * np.pi * nu))
    return np.asarray(-(kernel * np.sin(np.pi * at)).sum(axis=1) / kernel.sum(axis=1))


CASES: dict[str, Callable[[], Case]] = {
    "poisson-5d": sum_of_cosines,
    "laplace-10d": quadratic_form,
    "poisson": poisson,
    "helmholtz": helmholtz,
    "poisson-all": lambda: poisson("compete"),
    "helmholtz-all": lambda: helmholtz("compete"),
    "burgers": burgers,
}


def measured(case: Case, seed: int, shown: bool) -> tuple[float, float]:
    """Error and processor seconds of a seed; prints a line, and the competition if `shown`."""
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.SolutionWarning)
        solution = sk.solve(case.equation, case.bounds, case.conditions, seed=seed, **case.options)
    seconds = time.process_time() - began
    error = float(solution.error(case.exact))
    if shown:
        for level in solution.levels:
            print(
                f"    {level.network:40} {level.intervals:4} intervals {level.parameters:5} parameters  "
                f"held-out loss {level.held_out:.1e}"
            )
    print(
        f"  seed {seed}: {solution.network_name}, {solution.n_parameters} parameters, error {error:.1e}, "
        f"{seconds:.0f} s; {'; '.join(solution.warnings) or 'no warnings'}",
        flush=True,
    )
    return error, seconds


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    for name in given.names or list(CASES):
        print(name)
        found = np.array([measured(CASES[name](), seed, seed == 0) for seed in range(given.seeds)])
        print(
            f"  error: median {np.median(found[:, 0]):.1e}, worst {found[:, 0].max():.1e}; "
            f"processor seconds: median {np.median(found[:, 1]):.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
