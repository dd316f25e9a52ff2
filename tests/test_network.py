"""Networks: values against a slow twin, derivatives against each other, refinement."""

import numpy as np
import oracles
import pytest
from cases import EPS, amplification, bases, has_relu_basis, networks, start

import splinekan as sk
from splinekan.network import SparseRows
from splinekan.splines.change_of_basis import ChangeOfBasis

NETWORKS = networks()


def test_parameter_counts_of_the_paper():
    assert [sk.KAN.affine_first([2, 5, 1], intervals=g).n_parameters for g in (5, 40)] == [55, 230]
    burgers = [sk.KAN.affine_first([2, 20, 20, 1], intervals=g, bias=False) for g in (5, 10, 20)]
    assert [net.n_parameters for net in burgers] == [3400, 5500, 9700]
    poisson = [sk.KAN.splines([3, 5, 1], intervals=g) for g in (4, 8, 16, 32)]
    assert [net.n_parameters for net in poisson] == [140, 220, 380, 700]


@pytest.mark.parametrize("name", NETWORKS)
def test_value_against_slow_twin(name):
    net = NETWORKS[name]
    theta, x, _ = start(net)
    want = oracles.network(net, theta, x)
    scale = np.abs(want).max()
    np.testing.assert_allclose(net(theta, x), want, atol=1e-13 * scale, rtol=0)
    if not has_relu_basis(net):
        return
    relu = net.with_basis("relu")
    got = relu(net.to_basis(theta, "relu"), x)
    np.testing.assert_allclose(got, want, atol=1e2 * EPS * amplification(net) * scale, rtol=0)


@pytest.mark.parametrize(("name", "basis"), bases(NETWORKS))
def test_derivatives_are_consistent(name, basis):
    net = NETWORKS[name].with_basis(basis)
    theta, x, rng = start(NETWORKS[name])
    theta = NETWORKS[name].to_basis(theta, basis)
    v, gy = rng.normal(size=theta.shape), rng.normal(size=(40, 2))
    jacobian = net.jacobian(theta, x)
    dense = jacobian.toarray()
    tolerance = 1e2 * EPS * (1 if basis == "spline" else amplification(net))
    jv, jtg = dense @ v, dense.T @ gy.ravel()
    np.testing.assert_allclose(net.jvp(theta, x, v).ravel(), jv, atol=tolerance * np.abs(dense @ v).max())
    np.testing.assert_allclose(net.vjp(theta, x, gy), jtg, atol=tolerance * np.abs(jtg).max())
    np.testing.assert_allclose(jacobian.matvec(v), jv, atol=1e-13 * np.abs(jv).max())
    np.testing.assert_allclose(jacobian.rmatvec(gy.ravel()), jtg, atol=1e-13 * np.abs(jtg).max())
    np.testing.assert_allclose(jacobian.normal_matrix(), dense.T @ dense, rtol=1e-12, atol=1e-12)
    assert not (jacobian.tocsr() - dense).any()


def test_spline_coefficients_of_the_relu_basis_are_solved_for_once(monkeypatch):
    net = NETWORKS["knots-per-input"].with_basis("relu")
    theta, x, rng = start(net)
    v, gy = rng.normal(size=theta.shape), rng.normal(size=(40, 2))
    edges = sum(len(layer.edges) for layer in net.layers)
    solved = []
    for name in ("solve", "solve_transpose"):
        original = getattr(ChangeOfBasis, name)
        monkeypatch.setattr(ChangeOfBasis, name, lambda self, v, f=original: solved.append(1) or f(self, v))
    at = net.linearize(theta, x)
    assert len(solved) == edges
    for call, more in ((lambda: at.jvp(v), 1), (lambda: at.vjp(gy), 1), (lambda: at.vjp_tangent(gy, v), 3)):
        solved.clear()
        call()
        assert len(solved) == more * edges  # v, the gradient; v twice and the product
    solved.clear()
    assert net(theta, x).tobytes() == at.output.tobytes()
    assert len(solved) == edges


@pytest.mark.parametrize("lengths", [(1, 4, 4), (3, 20, 5, 8), (7, 2, 17, 4)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_of_segments_of_any_length(lengths, dtype):
    rng = np.random.default_rng(sum(lengths))
    room = 30 * len(lengths)  # each segment keeps to 30 columns, which makes the dense product the dearer one
    starts = 30 * np.arange(len(lengths)) + rng.integers(0, 31 - np.array(lengths), (700, len(lengths)))
    values = rng.normal(size=(700, sum(lengths))).astype(dtype)
    rows = SparseRows(values, starts, np.array(lengths), room)
    assert room > 2 * sum(lengths)
    dense = rows.toarray().astype(np.float64)
    np.testing.assert_allclose(rows.normal_matrix(), dense.T @ dense, atol=1e-12 * 700)


@pytest.mark.parametrize(("name", "basis"), bases(NETWORKS))
def test_refinement_is_exact_outside_the_domain_too(name, basis):
    net = NETWORKS[name].with_basis(basis)
    if net.intervals == 0:
        with pytest.raises(ValueError, match="cannot be refined"):
            sk.Hierarchy(net, 2)
        return
    theta, _, rng = start(NETWORKS[name])
    theta = NETWORKS[name].to_basis(theta, basis)
    x = rng.uniform(-1, 2, (60, 2))
    levels = sk.Hierarchy(net, 3)
    values = levels[0].network(theta, x)
    for level in (0, 1):
        theta = levels.prolong(theta, level)
        fine = levels[level + 1].network(theta, x)
        growth = 1 if basis == "spline" else amplification(levels[level + 1].network)
        assert np.abs(fine - values).max() <= 40 * EPS * growth * np.abs(values).max()


def test_unpacked_are_views():
    net = sk.KAN.affine_first([2, 5, 1], intervals=5)
    theta = np.zeros(net.n_parameters)
    affine, spline = net.unpack(theta)
    affine["bias"][:] = 2
    spline["coefficients"][4, 7, 0] = 3
    assert theta.sum() == 13
    assert theta[-1] == 3
    assert affine["weight"].shape == (2, 5)


def test_bad_input():
    net = NETWORKS["splines"]
    theta, x, _ = start(net)
    with pytest.raises(ValueError, match=r"\(any, 2\)"):
        net(theta, x[:, :1])
    with pytest.raises(ValueError, match="theta must have shape"):
        net(theta[1:], x)
    with pytest.raises(ValueError, match="finite"):
        net(theta, np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="layer 0 has 3 outputs"):
        sk.KAN.chain([sk.Affine(2, 3), sk.Affine(4, 1)])
    with pytest.raises(ValueError, match="at least one layer"):
        sk.KAN.chain([])
    with pytest.raises(ValueError, match="'spline', 'relu'"):
        net.with_basis("fourier")
    with pytest.raises(ValueError, match="kind must be one of"):
        sk.Activation(3, "swish")
    with pytest.raises(ValueError, match="increasing"):
        sk.Normalizer(3, domain=(1, 0))
    with pytest.raises(ValueError, match="strictly increasing"):
        sk.SplineLayer(1, 1, sk.clamped_knots([0, 1], 3), basis="relu")
    with pytest.raises(ValueError, match="empty"):
        sk.LeastSquares(net, np.empty((0, 2)), np.empty((0, 2)))
    with pytest.raises(ValueError, match="y must have shape"):
        sk.LeastSquares(net, x, np.ones((40, 3)))
    with pytest.raises(ValueError, match="negative"):
        sk.LeastSquares(net, x, np.ones((40, 2)), -1.0)
    with pytest.raises(TypeError, match="float64 array"):
        net.unpack([0.0])
    with pytest.raises(ValueError, match="scheme"):
        sk.initialize(net, 0, "zeros")
    error = sk.KAN.splines([2, 1], extrapolate="error")
    with pytest.raises(ValueError, match="lies outside"):
        error(np.zeros(16), np.array([[0.5, 1.5]]))


def test_printing_a_network_shows_layers_and_their_knots():
    text = str(networks()["non-uniform"])
    assert text.splitlines()[0].startswith("KAN with ")
    assert text.count("uneven intervals") == 2
    assert "SplineLayer(2 -> 5, degree 3, 40 intervals on [0, 1], linear beyond, spline basis)" in str(
        sk.KAN.splines([2, 5, 1], intervals=40)
    )


@pytest.mark.parametrize("extrapolate", ["linear", "polynomial", "clamp", "zero"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e300])
def test_hidden_values_out_of_range_are_no_error_in_the_relu_basis(value, extrapolate):
    net = sk.KAN.splines([1, 2, 1], 3, 4, basis="relu", extrapolate=extrapolate)
    theta = np.ones(net.n_parameters)
    theta[1] = value
    rows = net.jacobian(theta, np.array([[0.3], [0.6]])).toarray()
    assert rows.shape == (2, net.n_parameters)
    if not np.isfinite(value):
        assert np.isnan(rows).any()
