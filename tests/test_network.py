"""Networks: values against a slow twin, derivatives against each other and against differences."""

import os
import threading

import numpy as np
import oracles
import pytest
from cases import networks

import splinekan as sk
from splinekan.objectives import least_squares

EPS = np.finfo(float).eps
NETWORKS = networks()


def start(net, seed=0):
    rng = np.random.default_rng(seed)
    return 0.5 * rng.normal(size=net.n_parameters), rng.uniform(-0.2, 1.2, (40, 2)), rng


def amplification(net):
    """What rounding grows by between the bases: the worst cond(A) of any layer."""
    return max(
        [layer.change_of_basis.condition_number() for layer in net.layers if hasattr(layer, "knots")],
        default=1.0,
    )


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
    relu = net.with_basis("relu")
    got = relu(net.to_basis(theta, "relu"), x)
    np.testing.assert_allclose(got, want, atol=1e2 * EPS * amplification(net) * scale, rtol=0)


@pytest.mark.parametrize("basis", ["spline", "relu"])
@pytest.mark.parametrize("name", NETWORKS)
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


@pytest.mark.parametrize("name", NETWORKS)
def test_derivatives_against_differences(name):
    net = NETWORKS[name]
    theta, x, rng = start(net)
    objective = sk.LeastSquares(net, x, rng.normal(size=(40, 2)), rng.uniform(0.5, 1, 40))
    v = rng.normal(size=theta.shape)
    v /= np.linalg.norm(v)
    # Fourth-order differences; the third derivative of a cubic spline network jumps, so the order is
    # not seen everywhere, and the bound is what rounding and a jump allow.
    h = 2e-4

    def difference(f):
        return (8 * (f(theta + h * v) - f(theta - h * v)) - f(theta + 2 * h * v) + f(theta - 2 * h * v)) / (
            12 * h
        )

    slope = objective.gradient(theta) @ v
    assert difference(objective.value) == pytest.approx(slope, rel=1e-8, abs=1e-8)
    product = objective.hessian_product(theta, v)
    error = np.abs(difference(objective.gradient) - product).max()
    assert error < (1e-8 if name in ("tanh", "sigmoid") else 2e-4) * np.abs(product).max()


@pytest.mark.parametrize("name", ["affine-first", "splines", "normalised", "non-uniform"])
def test_hessian_product_is_symmetric_and_transforms(name):
    net = NETWORKS[name]
    theta, x, rng = start(net)
    y = rng.normal(size=(40, 2))
    spline, relu = sk.LeastSquares(net, x, y), sk.LeastSquares(net.with_basis("relu"), x, y)
    u, v = rng.normal(size=(2, len(theta)))
    hu, hv = spline.hessian_product(theta, u), spline.hessian_product(theta, v)
    assert u @ hv == pytest.approx(v @ hu, rel=1e-10, abs=1e-10 * np.abs(hu).max())
    # H_u = A H_w A^T
    to_relu = net.coordinates("relu")
    hw = relu.hessian_product(to_relu.apply(theta), to_relu.apply(v))
    tolerance = 1e2 * EPS * amplification(net) * np.abs(hv).max()
    np.testing.assert_allclose(to_relu.apply_transpose(hw), hv, atol=tolerance)
    gradient = relu.gradient(to_relu.apply(theta))
    want = spline.gradient(theta)
    np.testing.assert_allclose(
        to_relu.apply_transpose(gradient), want, atol=1e2 * EPS * amplification(net) * np.abs(want).max()
    )
    back = to_relu.solve(to_relu.apply(v))
    np.testing.assert_allclose(back, v, atol=1e2 * EPS * amplification(net) * np.abs(v).max())
    np.testing.assert_allclose(
        to_relu.solve_transpose(to_relu.apply_transpose(v)),
        v,
        atol=1e2 * EPS * amplification(net) * np.abs(v).max(),
    )


@pytest.mark.parametrize("basis", ["spline", "relu"])
@pytest.mark.parametrize("name", NETWORKS)
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
        factor = 1 if basis == "spline" else 10 * EPS * 1e12 * amplification(levels[level + 1].network)
        assert np.abs(fine - values).max() <= 1e-12 * factor * np.abs(values).max()


def test_training_the_coarse_model_is_training_the_fine_one_in_the_range_of_p():
    levels = sk.Hierarchy(NETWORKS["splines"], 2)
    theta, x, rng = start(levels[0].network)
    y = rng.normal(size=(40, 2))
    coarse, fine = (sk.LeastSquares(level.network, x, y) for level in levels.levels)
    up = np.stack([levels.prolong(e, 0) for e in np.eye(len(theta))], axis=1)
    assert fine.value(up @ theta) == pytest.approx(coarse.value(theta), rel=1e-12)
    np.testing.assert_allclose(
        up.T @ fine.gradient(up @ theta), coarse.gradient(theta), rtol=1e-10, atol=1e-10
    )


def test_float32_data():
    net = NETWORKS["splines"]
    theta, x, rng = start(net)
    y = rng.normal(size=(40, 2))
    double, single = sk.LeastSquares(net, x, y), sk.LeastSquares(net, x.astype("f4"), y.astype("f4"))
    assert net(theta, x.astype("f4")).dtype == np.float32
    assert single.value(theta) == pytest.approx(double.value(theta), rel=1e-4)
    want = double.gradient(theta)
    np.testing.assert_allclose(single.gradient(theta), want, atol=1e-3 * np.abs(want).max())
    result = sk.LevenbergMarquardt().minimize(single, theta, iterations=3)
    assert result.value < single.value(theta)


def test_chunks_change_nothing(monkeypatch):
    net = NETWORKS["splines"]
    theta, x, rng = start(net)
    objective = sk.LeastSquares(net, x, rng.normal(size=(40, 2)), rng.uniform(0.5, 1, 40))
    v = rng.normal(size=theta.shape)

    def everything():
        value, gradient, matrix = objective.normal_equations(theta)
        upper = objective.triangular_factor(theta)[1]
        return [value, gradient, matrix, upper.T @ upper, objective.hessian_product(theta, v)]

    whole = everything()
    monkeypatch.setattr(least_squares, "CHUNK_BYTES", 4096)
    for one, other in zip(whole, everything(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12 * np.abs(one).max())
    np.testing.assert_allclose(objective.residual(theta) @ objective.residual(theta) / 2, whole[0])


def test_same_threads_same_bits_and_concurrent_calls():
    net = NETWORKS["splines"]
    theta, _, rng = start(net)
    x, gy = rng.uniform(0, 1, (3000, 2)), rng.normal(size=(3000, 2))
    before = sk.threads()
    try:
        sk.set_threads(3)
        want = net.vjp(theta, x, gy)
        found = []
        callers = [
            threading.Thread(target=lambda: found.extend(net.vjp(theta, x, gy) for _ in range(5)))
            for _ in range(4)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert len(found) == 20
        assert all(np.array_equal(one, want) for one in found)
    finally:
        sk.set_threads(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_workers():
    net = NETWORKS["splines"]
    theta, _, rng = start(net)
    x = rng.uniform(0, 1, (3000, 2))
    before = sk.threads()
    try:
        sk.set_threads(2)
        want = net(theta, x)
        child = os.fork()
        if child == 0:
            os._exit(0 if np.array_equal(net(theta, x), want) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        sk.set_threads(before)


def test_an_error_in_a_worker_is_raised():
    from splinekan import _threads

    def task(chunk, start, stop):
        if chunk == 1:
            raise ArithmeticError("in a worker")

    with pytest.raises(ArithmeticError, match="in a worker"):
        _threads.run(task, [(0, 1), (1, 2)])


@pytest.mark.parametrize("scheme", ["frames", "greville", "noise"])
def test_starts_are_seeded_and_the_same_function_in_both_bases(scheme):
    net = sk.KAN.affine_first([2, 5, 1], intervals=5)
    theta = sk.initialize(net, 7, scheme)
    assert np.array_equal(theta, sk.initialize(net, np.random.default_rng(7), scheme))
    w = sk.initialize(net.with_basis("relu"), 7, scheme)
    np.testing.assert_allclose(net.to_basis(theta, "relu"), w, rtol=1e-14)
    if scheme != "noise":  # the image of the box just fills the domain
        corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
        image = net.layers[0].value(theta[:15], corners)
        np.testing.assert_allclose(image.min(axis=0), 0, atol=1e-14)
        np.testing.assert_allclose(image.max(axis=0), 1, atol=1e-14)


def test_noise_preserves_the_variance():
    net = sk.KAN.splines([3, 2000], intervals=6)
    x = np.random.default_rng(0).uniform(0, 1, (50, 3))
    assert net(sk.initialize(net, 1, "noise"), x).var() == pytest.approx(1, rel=0.1)


def test_blocks_are_views():
    net = sk.KAN.affine_first([2, 5, 1], intervals=5)
    theta = np.zeros(net.n_parameters)
    affine, spline = net.blocks(theta)
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
        net.blocks([0.0])
    with pytest.raises(ValueError, match="scheme"):
        sk.initialize(net, 0, "zeros")
    error = sk.KAN.splines([2, 1], extrapolate="error")
    with pytest.raises(ValueError, match="lies outside"):
        error(np.zeros(16), np.array([[0.5, 1.5]]))
