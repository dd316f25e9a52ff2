"""Worst relative errors of change of basis, prolongation and Jacobian by degree.

python benchmarks/accuracy.py
"""

import sys
from pathlib import Path

import numpy as np

import splinekan as sk

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import oracles


def knots(kind, degree, intervals, rng):
    if kind == "uniform":
        return sk.uniform_knots(-1, 2, intervals, degree)
    return np.cumsum(rng.uniform(0.3, 1, intervals + 2 * degree + 1))


def change_of_basis(t, degree):
    exact = np.array([[float(v) for v in row] for row in oracles.change_of_basis(t, degree)])
    inside = exact != 0
    return np.abs(sk.change_of_basis(t, degree).toarray()[inside] / exact[inside] - 1).max()


def prolongation(t, degree, rng):
    fine = sk.refine_knots(t, degree)
    p = sk.prolongation(t, fine, degree)
    c = rng.normal(size=p.shape[1])
    x = rng.uniform(t[degree], t[-degree - 1], 500)
    coarse = sk.BSplineBasis(t, degree).evaluate(c, x)
    return np.abs(sk.BSplineBasis(fine, degree).evaluate(p @ c, x) - coarse).max() / np.abs(coarse).max()


def jacobian(t, degree, rng):
    """Error of J for a spline layer, which is linear in theta, so that J is its tabulated basis."""
    layer = sk.SplineLayer(1, 1, t, degree)
    net = sk.KAN.chain([layer])
    x = rng.uniform(t[degree], t[-degree - 1], 60)
    want = oracles.tabulate(t, degree, x)
    got = net.jacobian(rng.normal(size=net.n_parameters), x[:, None]).toarray()
    return np.abs(got - want).max() / np.abs(want).max()


def main():
    print(f"{'degree':>6} {'knots':>8} {'A':>9} {'P':>9} {'J':>9}")
    for degree in range(8):
        for kind in ("uniform", "random"):
            rng = np.random.default_rng(degree)
            worst = np.zeros(3)
            for intervals in (1, 3, 8):
                t = knots(kind, degree, intervals, rng)
                errors = (
                    change_of_basis(t, degree),
                    prolongation(t, degree, rng),
                    jacobian(t, degree, rng),
                )
                worst = np.maximum(worst, errors)
            print(f"{degree:>6} {kind:>8} " + " ".join(f"{e:9.1e}" for e in worst))


if __name__ == "__main__":
    main()
