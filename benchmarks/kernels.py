"""Times of basis values, the ReLU form, J^T J, a Gauss-Newton iteration, scaling; twins and limits.

    python benchmarks/kernels.py [--parts basis relu normal iteration scaling] [--json FILE]

Times are the best of several in a run; two threads unless a row states otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from time import perf_counter

import numpy as np
import scipy
from layers import best
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
    """All active values at a million points, against SciPy and against writing the same number of bytes."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, points)
    rows = []
    for degree in range(1, 8):
        inner = np.sort(rng.uniform(0, 1, 19))
        for name, knots in (
            ("uniform", sk.uniform_knots(0, 1, 20, degree)),
            ("non-uniform", sk.extended_knots(np.concatenate([[0], inner, [1]]), degree)),
        ):
            b = sk.BSplineBasis(knots, degree)
            spline = BSpline(b.knots, np.ones(b.n_basis), degree)
            value = best(lambda b=b: b.active(x))
            written = best(
                lambda degree=degree: (np.full((degree + 1, points), 1.0), np.full(points, 1), x.sum())
            )
            matrix = best(lambda b=b, degree=degree: BSpline.design_matrix(x, b.knots, degree))
            call = best(lambda spline=spline: spline(x))
            rows.append(
                show(
                    {
                        "degree": degree,
                        "knots": name,
                        "ours_ms": value,
                        "bytes_ms": written,
                        "over_bytes": value / written,
                        "scipy_design_matrix": matrix / value,
                        "scipy_call": call / value,
                    }
                )
            )
    return rows


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
