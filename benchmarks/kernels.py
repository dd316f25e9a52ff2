"""Times of basis values, the ReLU form, J^T J, a Gauss-Newton iteration, scaling; twins and limits.

    python benchmarks/kernels.py [--parts basis relu normal iteration scaling] [--json FILE]

Times are the best of several in a run; two threads unless a row states otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import scipy
from layers import best
from numba import njit
from scipy.interpolate import BSpline

import splinekan as sk
from splinekan.optimize import Cholesky

Rows = list[dict[str, object]]


def show(row: dict[str, object]) -> dict[str, object]:
    """A row, after printing it."""
    cells = (
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
    )
    print("  " + "   ".join(cells), flush=True)
    return row


def basis(points: int = 1_000_000) -> Rows:
    """One spline, all active functions and the design matrix, in ns a point; SciPy's times over ours.

    The limits: a plain loop for uniform cubic splines without care for ends and rounding; new arrays of the
    same size, filled.
    """
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, points)
    rows = []
    for degree in range(1, 8):
        for name, knots in knot_vectors(degree).items():
            rows.append(show(basis_row(degree, name, knots, x)))
    for intervals in (8, 128, 512):
        rows.append(show(basis_row(3, f"uniform {intervals}", sk.KnotVector.uniform(0, 1, intervals, 3), x)))
    return rows


def knot_vectors(degree: int) -> dict[str, sk.KnotVector]:
    """32 intervals, or about as many: uniform, dyadically refined, uneven, graded."""
    inner = np.sort(np.random.default_rng(1).uniform(0, 1, 31))
    return {
        "uniform": sk.KnotVector.uniform(0, 1, 32, degree),
        "dyadic": sk.KnotVector.uniform(0, 1, 16, degree).refine(range(4, 12)).refine([5, 6, 7, 8]),
        "uneven": sk.KnotVector.extended(np.concatenate([[0], inner, [1]]), degree),
        "graded": sk.KnotVector.extended([0, *0.5 ** np.arange(31, -1, -1)], degree),
    }


def fastest(function: Callable[[], object]) -> float:
    """Milliseconds of the fastest call in 0.3 s: there are hundreds of them."""
    return best(function, 0.3)


def basis_row(degree: int, name: str, knots: sk.KnotVector, x: np.ndarray) -> dict[str, object]:
    """The times on some knots, and SciPy's."""
    b, n = sk.BSplineBasis(knots), len(x)
    c = np.random.default_rng(0).normal(size=b.n_basis)
    spline, nonzeros = BSpline(knots.t, c, degree), (degree + 1) * n
    few = x[:512]
    times = {
        "evaluate": fastest(lambda: b.evaluate(c, x)),
        "slopes": fastest(lambda: b.evaluate(c, x, 1)),
        "active": fastest(lambda: b.active(x)),
        "design": fastest(lambda: b.design_matrix(x)),
    }
    limits = {
        "active_filled": fastest(lambda: (np.full((degree + 1, n), 1.0), np.full(n, 1))),
        "design_filled": fastest(
            lambda: (np.full(nonzeros, 1.0), np.full(nonzeros, 1, np.int32), np.full(n, 1, np.int32))
        ),
    }
    if degree == 3 and name.startswith("uniform"):
        limits["numba_loop"] = fastest(lambda: plain(x, 0.0, float(knots.intervals), c, np.empty(n)))
    scipys = {
        "scipy_evaluate": fastest(lambda: spline(x)) / times["evaluate"],
        "scipy_design": fastest(lambda: BSpline.design_matrix(x, knots.t, degree)) / times["design"],
    }
    small = {
        "us_for_1": 1e3 * fastest(lambda: b.evaluate(c, x[:1])),
        "us_for_512": 1e3 * fastest(lambda: b.evaluate(c, few)),
    }
    per_point = {key: 1e6 * value / n for key, value in (times | limits).items()}
    return {"degree": degree, "knots": name, **per_point, **scipys, **small}


@njit(cache=True, nogil=True, fastmath=True)
def plain(x, a, per_unit, c, y):
    """A uniform cubic spline, one point after another."""
    for i in range(x.shape[0]):
        u = (x[i] - a) * per_unit
        span = min(max(int(u), 0), c.shape[0] - 4)
        r = u - span
        s = 1 - r
        inner = c[span + 1] * (4 - 3 * r * r * (1 + s)) + c[span + 2] * (4 - 3 * s * s * (1 + r))
        y[i] = (c[span] * s * s * s + inner + c[span + 3] * r * r * r) / 6


def relu(points: int = 20_000) -> Rows:
    """Dense tables of all functions: through the powers as they stand, their sums, and Cox-de Boor."""
    x = np.random.default_rng(0).uniform(0, 1, points)
    rows = []
    for degree in range(1, 8):
        for intervals in (8, 64):
            knots = sk.uniform_knots(0, 1, intervals, degree)
            b, psi = sk.BSplineBasis(knots, degree), sk.PowerReLUBasis(knots, degree)
            value = best(lambda b=b: b.tabulate(x), 0.3)
            powers = best(lambda psi=psi: psi.tabulate(x), 0.3)
            form = best(lambda b=b: b.tabulate_relu_form(x), 0.3)
            rows.append(
                show(
                    {
                        "degree": degree,
                        "intervals": intervals,
                        "cox_de_boor_ms": value,
                        "powers": powers / value,
                        "relu_form": form / value,
                    }
                )
            )
    return rows


def problem(network: sk.KAN, samples: int, dtype: type = np.float64) -> tuple[sk.LeastSquares, np.ndarray]:
    """Random data and a start."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (samples, network.n_in)).astype(dtype)
    y = rng.normal(size=(samples, network.n_out)).astype(dtype)
    return sk.LeastSquares(network, x, y), sk.initialize(network, 0)


def normal() -> Rows:
    """J^T J, J^T r and the loss on 20,000 samples, against dense or compressed rows and their products."""
    rows = []
    for name, network in networks().items():
        objective, theta = problem(network, 20_000)

        def dense(objective: sk.LeastSquares = objective, theta: np.ndarray = theta) -> object:
            r, jacobian = objective.residual(theta), objective.jacobian(theta).toarray()
            return jacobian.T @ jacobian, jacobian.T @ r

        def compressed(objective: sk.LeastSquares = objective, theta: np.ndarray = theta) -> object:
            r, jacobian = objective.residual(theta), objective.jacobian(theta).tocsr()
            return (jacobian.T @ jacobian).toarray(), jacobian.T @ r

        matrix = objective.normal_equations(theta)[2]
        np.testing.assert_allclose(dense()[0], matrix, atol=1e-10 * np.abs(matrix).max())
        ours = best(lambda objective=objective, theta=theta: objective.normal_equations(theta))
        rows.append(
            show(
                {
                    "network": name,
                    "parameters": network.n_parameters,
                    "ours_ms": ours,
                    "dense_rows_and_blas": best(dense) / ours,
                    "scipy_csr": best(compressed) / ours,
                }
            )
        )
    return rows


def iteration() -> Rows:
    """One Levenberg-Marquardt iteration by part, 20,000 samples."""
    rows = []
    for name, network in networks().items():
        objective, theta = problem(network, 20_000)
        at = network.linearize(theta, objective.x)
        jacobian, r = at.jacobian(), objective.residual(theta)
        _, gradient, matrix = objective.normal_equations(theta)
        damped = matrix + 1e-3 * np.diag(np.diag(matrix) + 1.0)
        parts = {
            "value_of_the_trial": best(lambda o=objective, t=theta: o.value(t)),
            "linearize": best(lambda n=network, t=theta, o=objective: n.linearize(t, o.x)),
            "rows": best(at.jacobian),
            "products": best(jacobian.normal_matrix),
            "gradient": best(lambda j=jacobian, r=r: j.rmatvec(r)),
            "cholesky": best(
                lambda m=damped, g=gradient: scipy.linalg.cho_solve(scipy.linalg.cho_factor(m), g)
            ),
        }
        start = perf_counter()
        result = sk.LevenbergMarquardt(solver=Cholesky()).minimize(objective, theta, iterations=20)
        whole = 1e3 * (perf_counter() - start) / max(len(result.history.loss) - 1, 1)
        rest = whole - sum(parts.values())
        rows.append(show({"network": name, "iteration_ms": whole, **parts, "everything_else": rest}))
    return rows


def scaling() -> Rows:
    """Loss and gradient: samples, threads, float32."""
    network = networks()["2-5-1"]
    rows = []
    for samples in (1_000, 10_000, 100_000, 1_000_000):
        objective, theta = problem(network, samples)
        time = best(lambda o=objective, t=theta: o.value_and_gradient(t))
        rows.append(show({"samples": samples, "threads": 2, "ns_per_sample": 1e6 * time / samples}))
    for dtype in (np.float64, np.float32):
        objective, theta = problem(network, 100_000, dtype)
        for threads in (1, 2, 4, 8, 16):
            if threads > (os.cpu_count() or 1):
                break
            sk.set_threads(threads)
            time = best(lambda o=objective, t=theta: o.value_and_gradient(t))
            matrix = best(lambda o=objective, t=theta: o.normal_equations(t))
            rows.append(
                show({"type": dtype.__name__, "threads": threads, "gradient_ms": time, "normal_ms": matrix})
            )
        sk.set_threads(2)
    return rows


def networks() -> dict[str, sk.KAN]:
    """The paper's regression network, and the same with splines in both layers."""
    return {
        "affine 2-5, splines 5-1": sk.KAN.affine_first([2, 5, 1], intervals=40),
        "2-5-1": sk.KAN.splines([2, 5, 1], intervals=40),
    }


PARTS = {"basis": basis, "relu": relu, "normal": normal, "iteration": iteration, "scaling": scaling}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.json is not None and options.json.exists():
        parser.error(f"{options.json} exists")
    sk.set_threads(2)
    rows = {}
    for name in options.parts:
        print(f"{name}: {PARTS[name].__doc__}")
        rows[name] = PARTS[name]()
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
