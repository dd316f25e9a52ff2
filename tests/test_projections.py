"""Projections are left inverses of P, to rounding; their norms do not grow with the level."""

import numpy as np
import pytest

import splinekan as sk
from splinekan.multilevel.projections import KINDS, network_projection, projection

EPS = np.finfo(float).eps


def knots(kind, k):
    """Coarse and fine knots."""
    if kind == "uniform":
        coarse = sk.KnotVector.uniform(0, 1, 5, k)
        return coarse, coarse.refine()
    if kind == "clamped":
        coarse = sk.KnotVector.clamped([0, 0.1, 0.4, 1], k)
        return coarse, coarse.refine([0, 2])
    if kind == "periodic":
        coarse = sk.KnotVector.uniform(0, 1, 3, k, periodic=True)
        return coarse, coarse.refine()
    if kind == "repeated":
        coarse = sk.KnotVector.clamped([0, 0.1, 0.4, 1], k).insert([0.4] * min(k, 2))
        return coarse, coarse.insert([0.1] * (k > 0) + [0.35])
    coarse = sk.KnotVector.extended([0, 0.1, 0.4, 1], k)  # not dyadic
    return coarse, coarse.insert([0.3, 0.33, 0.8])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["uniform", "clamped", "periodic", "repeated", "inserted"])
def test_projection_after_prolongation_is_the_identity(kind, family):
    for k in range(8):
        coarse, fine = knots(family, k)
        P, R = sk.prolongation(coarse, fine), projection(coarse, fine, kind=kind)
        assert R.shape == P.shape[::-1]
        size = abs(R).sum(axis=1).max()
        # Values of splines, which "interpolation" combines, are rounded; its weights grow like 4^k.
        growth = 4.0**k if kind == "interpolation" else 4.0
        assert abs(R @ P - np.eye(coarse.n_basis)).max() <= growth * EPS * size


def test_pseudoinverse_l2_and_interpolation_against_dense_twins():
    coarse, fine = knots("inserted", 3)
    P = sk.prolongation(coarse, fine).toarray()
    np.testing.assert_allclose(projection(coarse, fine).toarray(), np.linalg.pinv(P), atol=1e-14)
    M = sk.gram_matrix(fine).toarray()
    twin = np.linalg.solve(P.T @ M @ P, P.T @ M)
    np.testing.assert_allclose(projection(coarse, fine, kind="L2").toarray(), twin, atol=1e-10)
    # L2 projection: the error is orthogonal to all coarse splines
    c = np.random.default_rng(0).normal(size=fine.n_basis)
    error = P @ (projection(coarse, fine, kind="L2") @ c) - c
    assert np.abs(P.T @ M @ error).max() < 1e-13
    # interpolation: coefficient i belongs to the polynomial that agrees with the spline at k + 1 points
    at = 3
    left, right = coarse.breakpoints[coarse.middles[at] : coarse.middles[at] + 2]
    x = left + (right - left) * (1 - np.cos(np.pi * (2 * np.arange(4) + 1) / 8)) / 2
    values = sk.BSplineBasis(fine).evaluate(c, x)
    local = np.linalg.lstsq(sk.BSplineBasis(coarse).tabulate(x), values, rcond=None)[0]
    row = projection(coarse, fine, kind="interpolation")[[at]]
    assert row @ c == pytest.approx(local[at], rel=1e-10)


def test_dual_is_the_functional_of_de_boor_and_fix():
    """sum_j (-1)^(k-j) psi^(k-j)(x) s^(j)(x)/k! at any x of the piece, psi(x) = prod_j (t_{i+j} - x)."""
    coarse, fine = knots("uniform", 3)
    c = np.random.default_rng(0).normal(size=fine.n_basis)
    R = projection(coarse, fine, kind="dual")
    basis, k = sk.BSplineBasis(fine), 3
    for i in range(coarse.n_basis):
        a, b = coarse.breakpoints[coarse.middles[i] : coarse.middles[i] + 2]
        x = a + 0.6 * (b - a)  # in the fine interval to the right of the middle, which is chosen
        psi = np.poly1d([1.0])
        for t in coarse.t[i + 1 : i + k + 1]:
            psi *= np.poly1d([-1.0, t])
        total = 0.0
        for j in range(k + 1):
            derivative = basis.evaluate(c, [x], derivative=j)[0]
            total += (-1) ** (k - j) * psi.deriv(k - j)(x) * derivative
        assert (R @ c)[i] == pytest.approx(total / 6, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_norms_do_not_grow_with_the_level(kind):
    for k in (1, 3, 5):
        norms = []
        for intervals in (32, 64, 128):
            coarse = sk.KnotVector.uniform(0, 1, intervals, k)
            R = projection(coarse, coarse.refine(), kind=kind)
            norms.append(abs(R).sum(axis=1).max())
        assert max(norms) <= (1 + 1e-4) * norms[0]
    least = 1 / np.linalg.svd(sk.prolongation(coarse, coarse.refine()).toarray(), compute_uv=False)[-1]
    two_norm = np.linalg.norm(R.toarray(), 2)
    assert two_norm >= least * (1 - 1e-12)
    if kind == "pseudoinverse":
        assert two_norm == pytest.approx(least, rel=1e-12)


@pytest.mark.parametrize("kind", [*KINDS, "injection"])
def test_relu_projections(kind):
    for k in (0, 1, 2, 3):
        coarse, fine = knots("uniform", k)
        P = sk.prolongation(coarse, fine, basis="relu")
        R = projection(coarse, fine, basis="relu", kind=kind)
        scale = abs(R) @ abs(P)
        assert abs(R @ P - np.eye(coarse.n_basis)).max() < 1e3 * EPS * scale.max() * 6.0**k
        if kind != "injection":
            w = np.random.default_rng(0).normal(size=fine.n_basis)
            u = projection(coarse, fine, kind=kind) @ sk.spline_from_relu(w, fine)
            np.testing.assert_allclose(R @ w, sk.relu_from_spline(u, coarse), rtol=1e-8, atol=1e-8)


def test_injection_drops_the_powers_at_new_knots():
    coarse, fine = knots("uniform", 2)
    R = projection(coarse, fine, basis="relu", kind="injection")
    w = np.zeros(fine.n_basis)
    w[fine.degree + 1] = 1.0  # the first inner fine knot, which is new
    assert not (R @ w).any()


LAYERS = {
    "plain": lambda basis: sk.KAN.splines([2, 3, 1], 3, 4, basis=basis),
    "affine": lambda basis: sk.KAN.affine_first([2, 3, 1], 2, 3, basis=basis),
    "base": lambda basis: sk.KAN.splines([2, 2], 3, 4, basis=basis, base="silu"),
    "sum": lambda basis: sk.KAN(
        [sk.Sum([sk.Affine(2, 3), sk.SplineLayer(2, 3, sk.uniform_knots(0, 1, 4, 3), 3, basis=basis)])]
    ),
    "unlike knots": lambda basis: sk.KAN(
        [
            sk.SplineLayer(
                2,
                2,
                [sk.KnotVector.uniform(0, 1, 3, 2), sk.KnotVector.extended([0, 0.2, 1], 2)],
                basis=basis,
                extrapolate="polynomial",
            )
        ]
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("basis", ["spline", "relu"])
@pytest.mark.parametrize("name", LAYERS)
def test_whole_networks(name, basis, kind):
    coarse = LAYERS[name](basis)
    fine, rng = coarse.refined(), np.random.default_rng(0)
    theta = rng.normal(size=coarse.n_parameters)
    R = network_projection(coarse, fine, kind)
    assert R.shape == (coarse.n_parameters, fine.n_parameters)
    prolonged = coarse.prolongation(fine) @ theta
    tolerance = 1e-13 if basis == "spline" else 1e-9
    np.testing.assert_allclose(R @ prolonged, theta, atol=tolerance * np.abs(prolonged).max())
    v = rng.normal(size=coarse.n_parameters)
    other = rng.normal(size=fine.n_parameters)
    assert R.rmatvec(v) @ other == pytest.approx(v @ R.matvec(other), rel=1e-9)


def test_local_refinement_and_injection_of_networks():
    coarse = sk.KAN.splines([1, 2, 1], 3, 4, basis="relu")
    fine = coarse.refined([[[1]], [[], [0, 2]]])
    theta = np.random.default_rng(0).normal(size=coarse.n_parameters)
    for kind in (*KINDS, "injection"):
        R = network_projection(coarse, fine, kind)
        np.testing.assert_allclose(R @ (coarse.prolongation(fine) @ theta), theta, atol=1e-7)


def test_bad_arguments():
    coarse, fine = knots("uniform", 2)
    net = sk.KAN.splines([1, 1], 2, 4)
    for call, error, message in (
        (lambda: projection(fine, coarse), ValueError, "breakpoint"),
        (lambda: projection(coarse, fine, kind="best"), ValueError, "kind must be one of"),
        (lambda: projection(coarse, fine, kind="injection"), ValueError, "kind must be one of"),
        (lambda: projection(coarse, fine, basis="monomials"), ValueError, "basis must be one of"),
        (lambda: projection(coarse.t, fine), TypeError, "degree must be given"),
        (lambda: network_projection(net.refined(), net), ValueError, "layer 0"),
        (lambda: network_projection(net, "fine"), TypeError, "fine must be of type KAN"),
        (lambda: network_projection(net, net.refined(), "injection"), ValueError, "kind must be one of"),
        (
            lambda: projection(*knots("periodic", 2), basis="relu"),
            ValueError,
            "needs strictly increasing knots without a period",
        ),
    ):
        with pytest.raises(error, match=message):
            call()
