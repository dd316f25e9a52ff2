"""Tensor-product splines of several variables: against SciPy, differences, sympy and other layers."""

from itertools import product

import numpy as np
import pytest
import scipy
import sympy
from scipy.interpolate import BSpline

import splinekan as sk
from splinekan.network.jets import Jets
from splinekan.network.layer import Directions
from splinekan.network.slot import Slot
from splinekan.operators.segments import SparseRows

K = sk.KnotVector
EPS = np.finfo(float).eps
UNEVEN = K.extended([0, 0.1, 0.15, 0.6, 1], 2)


def spaces():
    """Knots of every input: uneven, repeated, periodic in any place, few; up to three inputs."""
    x, t = K.uniform(0, 1, 4, 3), K.uniform(-1, 1, 5, 2)
    ring, few = K.uniform(0, 1, 9, 3, periodic=True), K.uniform(0, 1, 2, 3, periodic=True)
    uneven_ring = K.extended([0, 0.2, 0.3, 0.7, 0.8, 1], 2, periodic=True)
    return {
        "one": [x],
        "one, periodic": [ring],
        "two": [x, t],
        "uneven": [UNEVEN, K.clamped([0, 0.2, 0.9, 1], 4)],
        "repeated": [K.clamped([0, 0.3, 1], 3, [3]), K.clamped([0, 0.3, 1], 2, [2])],
        "periodic first": [ring, t],
        "periodic last": [t, ring],
        "periodic": [uneven_ring, uneven_ring],
        "few": [few, few],
        "as many as active": [K.uniform(0, 1, 4, 3, periodic=True), K.uniform(0, 1, 6, 3, periodic=True)],
        "constant": [K.uniform(0, 1, 3, 0, periodic=True), K.uniform(0, 1, 3, 0)],
        "three": [x, UNEVEN, K.clamped([0, 0.5, 1], 1)],
        "three, periodic": [ring, t, few],
    }


SPACES = spaces()
CASES = list(product(SPACES, (1, 2)))


def drawn(name, n_out=1, n=50, extrapolate="polynomial"):
    """A layer, its parameters, points inside of its domain and a generator."""
    rng = np.random.default_rng(3)
    layer = sk.TensorSplineLayer(SPACES[name], n_out, extrapolate)
    x = np.stack([rng.uniform(a, b, n) for a, b in layer.domain], axis=1)
    return layer, rng.normal(size=layer.n_parameters), x, rng


def tabulated(knots, x, derivative=0):
    """All B-splines of an input by SciPy, (n, n_basis); of periodic knots the sum over periods."""
    t, k = np.asarray(knots.t), knots.degree
    if knots.periodic:
        t = line(knots)
        x = knots.wrap(x)
    count = len(t) - k - 1
    values = np.zeros((len(x), knots.n_basis))
    inside = np.clip(x, t[k], np.nextafter(t[-k - 1], -np.inf))  # SciPy has no limit from the left
    for i in range(count):
        spline = BSpline(t, np.eye(count)[i], k)
        values[:, i % knots.n_basis] += spline(inside) if derivative == 0 else spline(inside, derivative)
    return values


def line(knots):
    """Periodic knots continued by whole periods, k on each side."""
    k, inner = knots.degree, np.asarray(knots.inner)
    period, spans = inner[-1] - inner[0], len(inner) - 1
    number = np.arange(-k, spans + k + 1)
    return inner[number % spans] + period * (number // spans)


def dense(layer, params, x, derivatives=None):
    """By definition: Kronecker products of rows of tables."""
    orders = derivatives or [0] * layer.n_in
    rows = np.ones((len(x), 1))
    for p, (knots, order) in enumerate(zip(layer.knots, orders, strict=True)):
        rows = np.einsum("na,nb->nab", rows, tabulated(knots, x[:, p], order)).reshape(len(x), -1)
    return rows @ params.reshape(-1, layer.n_out)


def rows_of(layer, call, n):
    """What a method writes, as a dense matrix, and what it returns."""
    values = np.full((n, sum(layer.segment_lengths)), np.nan)
    starts = np.full((n, len(layer.segment_lengths)), -1)
    result = call(Slot(values, starts, 0, 0, 0, 1, 0))
    rows = SparseRows(values, starts, np.array(layer.segment_lengths), layer.n_parameters)  # looks at starts
    return rows, result


@pytest.mark.parametrize(("name", "n_out"), CASES)
def test_values_and_slopes_are_those_of_scipy(name, n_out):
    layer, params, x, rng = drawn(name, n_out)
    assert np.abs(layer.value(params, x) - dense(layer, params, x)).max() <= 1e-13
    gy = rng.normal(size=(len(x), n_out))
    gradient, gx = layer.vjp(params, x, gy, True)
    want = [(dense(layer, params, x, list(unit)) * gy).sum(axis=1) for unit in np.eye(layer.n_in, dtype=int)]
    if min(layer.degrees) > 0:
        np.testing.assert_allclose(gx, np.stack(want, axis=1), atol=1e-11)
    rows, again = rows_of(layer, lambda slot: layer.jacobian_rows(params, x, gy, slot, True), len(x))
    np.testing.assert_allclose(rows @ params, (dense(layer, params, x) * gy).sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(gradient, rows.toarray().sum(axis=0), atol=1e-12)
    np.testing.assert_array_equal(gx, again)


@pytest.mark.parametrize(("name", "n_out"), [case for case in CASES if case[0] != "constant"])
def test_changes_are_differences(name, n_out):
    layer, params, x, rng = drawn(name, n_out, n=20)
    gy, dgy = rng.normal(size=(2, len(x), n_out))
    dparams, dx = rng.normal(size=params.shape), 0.1 * rng.normal(size=x.shape)
    h = 1e-6
    (gp, xp), (gm, xm) = (layer.vjp(params + s * dparams, x + s * dx, gy + s * dgy, True) for s in (h, -h))
    ahead = layer.value(params + h * dparams, x + h * dx) - layer.value(params - h * dparams, x - h * dx)
    moved = layer.jvp(params, x, dparams, dx)
    assert np.median(np.abs(ahead / (2 * h) - moved)) <= 1e-7
    change, dgx, gx = layer.vjp_tangent(params, x, gy, dparams, dx, dgy, True)
    assert np.median(np.abs((gp - gm) / (2 * h) - change)) <= 1e-6
    assert np.median(np.abs((xp - xm) / (2 * h) - dgx)) <= 1e-5
    np.testing.assert_allclose(gx, layer.vjp(params, x, gy, True)[1], atol=1e-13)
    # <dgy, jvp> = <vjp, d>: exact
    assert (moved * gy).sum() == pytest.approx(
        layer.vjp(params, x, gy, True)[0] @ dparams + (gx * dx).sum(), rel=1e-11, abs=1e-11
    )


@pytest.mark.parametrize(("name", "n_out"), CASES)
def test_jets_are_consistent(name, n_out):
    """Along curves through a point the series is that of the value; both gradients are differences."""
    layer, params, x, rng = drawn(name, n_out, n=12)
    directions = Directions((3, 2, 4))
    curves = 0.1 * rng.normal(size=(len(x), directions.channels, layer.n_in))
    curves[:, 0] = x
    curves[:, 4:6, 0] = 0.0  # the second direction does not move the first input
    y = layer.jet_value(params, curves, directions)
    v = rng.normal(size=y.shape)
    gradient, gx = layer.jet_vjp(params, curves, v, directions, True)
    rows, again = rows_of(
        layer, lambda slot: layer.jet_jacobian_rows(params, curves, v, directions, slot, True), len(x)
    )
    np.testing.assert_array_equal(gx, again)
    scale = 1 + np.abs(y * v).max()
    assert np.abs(rows @ params - (y * v).sum(axis=(1, 2))).max() <= 1e-11 * scale
    np.testing.assert_allclose(gradient, rows.toarray().sum(axis=0), atol=1e-11 * scale)
    np.testing.assert_allclose(y[:, 0], layer.value(params, x), atol=1e-13)
    h = 1e-6
    for m, j in product(range(directions.channels), range(layer.n_in)):
        ends = []
        for s in (h, -h):
            moved = curves.copy()
            moved[:, m, j] += s
            ends.append((layer.jet_value(params, moved, directions) * v).sum(axis=(1, 2)))
        difference = (ends[0] - ends[1]) / (2 * h)
        assert np.median(np.abs(difference - gx[:, m, j]) / (1 + np.abs(difference))) <= 1e-6


def test_jets_of_polynomials_are_those_of_sympy():
    """Polynomials of the degrees of the inputs are in the space: derivatives of all orders are exact."""
    x, y = sympy.symbols("x y")
    polynomial = 3 * x**4 * y**2 - x**3 * y + x * y**2 / 2 - 7
    layer = sk.TensorSplineLayer([K.clamped([0, 0.2, 0.9, 1], 4), UNEVEN])
    value = sympy.lambdify((x, y), polynomial)
    params = layer.interpolate(lambda p: value(p[:, 0], p[:, 1]))
    rng = np.random.default_rng(0)
    points, ways = rng.uniform(-0.1, 1.1, (30, 2)), rng.normal(size=(2, 2))
    directions = Directions((4, 3))
    curves = np.zeros((30, directions.channels, 2))
    curves[:, 0], curves[:, 1], curves[:, 5] = points, ways[0], ways[1]
    found = layer.jet_value(params, curves, directions)
    s = sympy.Symbol("s")
    for way, at, order in ((ways[0], 1, 4), (ways[1], 5, 3)):
        along = sympy.Poly(polynomial.subs({x: x + s * way[0], y: y + s * way[1]}, simultaneous=True), s)
        for m in range(1, order + 1):
            want = sympy.lambdify((x, y), along.coeff_monomial(s**m))(*points.T)
            np.testing.assert_allclose(found[:, at + m - 1, 0], want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", ["linear", "polynomial", "clamp", "zero"])
@pytest.mark.parametrize("name", ["one", "one, periodic"])
def test_a_single_input_is_a_spline_layer(name, mode):
    layer, params, x, rng = drawn(name, 2, extrapolate=mode)
    other = sk.SplineLayer(1, 2, SPACES[name][0], extrapolate=mode)
    x = 3 * x - 1
    np.testing.assert_allclose(layer.value(params, x), other.value(params, x), atol=1e-13)
    v = rng.normal(size=(len(x), 4, 2))
    curves, directions = rng.normal(size=(len(x), 4, 1)), Directions((3,))
    curves[:, 0] = x
    ours, theirs = (
        rows_of(
            each, lambda slot, one=each: one.jet_jacobian_rows(params, curves, v, directions, slot, True), 50
        )
        for each in (layer, other)
    )
    np.testing.assert_allclose(ours[0].toarray(), theirs[0].toarray(), atol=1e-10)
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-8)
    np.testing.assert_allclose(layer.roughness.toarray(), other.roughness.toarray(), atol=1e-13)


def test_continuation_is_that_of_every_factor():
    layer, params, _, _ = drawn("two")
    cases = {mode: sk.TensorSplineLayer(layer.knots, 1, mode) for mode in ("linear", "clamp", "zero")}
    corner, move = np.array([[1.0, 1.0]]), np.array([[0.3, 0.2]])
    value = layer.value(params, corner)[0, 0]
    slope = layer.vjp(params, corner, np.ones((1, 1)), True)[1][0]
    assert cases["clamp"].value(params, corner + move)[0, 0] == pytest.approx(value)
    assert cases["zero"].value(params, corner + np.array([[0.3, -0.1]]))[0, 0] == 0
    h = 1e-4
    mixed = (
        sum(
            a * b * layer.value(params, corner - np.array([[h * (a < 0), h * (b < 0)]]))[0, 0]
            for a, b in product((1, -1), repeat=2)
        )
        / h**2
    )
    want = value + slope @ move[0] + mixed * move[0].prod()
    assert cases["linear"].value(params, corner + move)[0, 0] == pytest.approx(want, abs=1e-2)
    with pytest.raises(ValueError, match="outside the domain"):
        sk.TensorSplineLayer(layer.knots, 1, "error").value(params, corner + move)


def test_periodic_splines_are_periodic():
    layer, params, x, _ = drawn("periodic first")
    np.testing.assert_allclose(
        layer.value(params, x + np.array([3.0, 0.0])), layer.value(params, x), atol=1e-13
    )
    ends = np.array([[0.0, 0.5], [1.0, 0.5]])
    assert np.ptp(layer.value(params, ends)) == 0


@pytest.mark.parametrize(("name", "n_out"), CASES)
def test_prolongation_is_exact(name, n_out):
    layer, params, x, _ = drawn(name, n_out)
    marked = [None, *([0],) * (layer.n_in - 1)]
    for finer in (layer.refined(), layer.refined(marked)):
        P = layer.prolongation(finer)
        assert scipy.sparse.issparse(P)
        assert P.shape == (finer.n_parameters, layer.n_parameters)
        assert np.abs(finer.value(P @ params, x) - layer.value(params, x)).max() <= 1e-13
    coarse, fine = sk.KAN([layer]), sk.KAN([layer.refined()])
    R = sk.network_projection(coarse, fine)
    np.testing.assert_allclose(R @ (coarse.prolongation(fine) @ params), params, atol=1e-11)


def test_what_is_not_nested_has_no_prolongation():
    layer = drawn("periodic first")[0]
    ring, t = layer.knots
    for other, message in (
        (sk.Affine(2, 1), "layers differ"),
        (sk.TensorSplineLayer([ring, t], 2), "n_out"),
        (sk.TensorSplineLayer([ring, t], 1, "linear"), "extrapolate"),
        (sk.TensorSplineLayer([K.uniform(0, 1, 9, 3), t]), "input 0 is periodic in one"),
        (sk.TensorSplineLayer([ring, K.uniform(-1, 1, 7, 2)]), "input 1: "),
        (sk.TensorSplineLayer([ring]), "n_in"),
    ):
        with pytest.raises(ValueError, match=message):
            layer.prolongation(other)


@pytest.mark.parametrize("name", [name for name in SPACES if name != "constant"])
def test_interpolation_reproduces_the_space(name):
    layer, params, _, _ = drawn(name, 2)
    low, high = np.array(layer.domain).T
    assert ((layer.nodes >= low) & (layer.nodes <= high)).all()
    found = layer.interpolate(lambda p: dense(layer, params, p))
    np.testing.assert_allclose(found, params, atol=1e-11)


def test_interpolation_converges_and_refuses():
    errors = []
    for count in (8, 16, 32):
        knots = [K.uniform(0, 2 * np.pi, count, 5, periodic=True), K.uniform(0, 1, count // 2, 4)]
        layer = sk.TensorSplineLayer(knots)
        x = np.random.default_rng(0).uniform(size=(500, 2)) * [2 * np.pi, 1]
        params = layer.interpolate(lambda p: np.sin(p[:, 0]) * np.exp(p[:, 1]))
        errors.append(np.abs(layer.value(params, x)[:, 0] - np.sin(x[:, 0]) * np.exp(x[:, 1])).max())
    assert errors[2] < errors[1] / 25 < errors[0] / 600
    with pytest.raises(ValueError, match=r"function must return values of shape \(\d+, 1\) or \(\d+,\)"):
        layer.interpolate(lambda p: p)
    with pytest.raises(ValueError, match="finite"):
        layer.interpolate(lambda p: p[:, 0] * np.nan)
    with pytest.raises(TypeError, match="function"):
        layer.interpolate(3)
    jumps = sk.TensorSplineLayer(K.clamped([0, 0.5, 1], 2, [3]))
    with pytest.raises(ValueError, match=r"knots\[0\]: .* not unique"):
        jumps.interpolate(lambda p: p[:, 0])


def test_roughness_is_zero_for_polynomials_alone():
    layer = drawn("uneven")[0]
    flat = layer.interpolate(lambda p: p[:, 0] ** 2 * p[:, 1] ** 4 - p[:, 0])
    assert np.abs(layer.roughness @ flat).max() <= 1e-11
    # A truncated power of the first input: its jumps alone, the other factor a B-spline.
    x, y = layer.knots
    c = sk.TensorSplineLayer(x).interpolate(lambda p: np.maximum(p[:, 0] - 0.15, 0) ** 2)
    params = np.zeros(layer.shape[:2])
    params[:, 2] = c
    found = (layer.roughness @ params.ravel()).reshape(-1)
    jump = np.zeros((x.intervals - 1, y.n_basis))
    jump[1, 2] = 2 * ((0.6 - 0.1) / 2) ** 2
    np.testing.assert_allclose(found[: jump.size], jump.ravel(), atol=1e-11)
    network = sk.KAN([layer])
    np.testing.assert_array_equal(network.roughness.toarray(), layer.roughness.toarray())


def poisson(network, count=24):
    """Laplace u = f on the unit square, u = sin(pi x) sin(pi y), as a least-squares problem."""
    x, y = sympy.symbols("x y")
    u = sympy.Function("u")(x, y)
    f = 2 * sympy.pi**2 * sympy.sin(sympy.pi * x) * sympy.sin(sympy.pi * y)
    inside = sk.Equation(u.diff(x, 2) + u.diff(y, 2) + f, unknown=u, variables=(x, y))
    boundary = sk.Equation(u, unknown=u, variables=(x, y))
    nodes = (1 - np.cos(np.pi * np.arange(count + 1) / count)) / 2
    grid = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    edge = grid[np.isin(grid, (0.0, 1.0)).any(axis=1)]
    return sk.PINN(network, [sk.Block.mean(inside, grid), sk.Block.mean(boundary, edge, 1000.0)]), grid


def test_a_single_gauss_newton_step_solves_poissons_equation():
    knots = K.clamped(np.linspace(0, 1, 13), 7)
    network = sk.KAN([sk.TensorSplineLayer([knots, knots])])
    problem, grid = poisson(network, 30)
    theta = sk.initialize(network, 0)
    r, J = problem.linearized(theta)[1:]
    model = problem.model(theta - np.linalg.lstsq(J.toarray(), r, rcond=None)[0])
    assert np.abs(model(grid)[:, 0] - np.sin(np.pi * grid).prod(axis=1)).max() <= 1e-10


def test_levels():
    """Of a linear problem: every level ends near the minimum, and prolongation starts the next."""
    levels = sk.Hierarchy(sk.KAN([sk.TensorSplineLayer([K.uniform(0, 1, 1, 5)] * 2)]), 3)
    result = sk.nested_iteration(
        levels,
        lambda level: poisson(level.network)[0],
        sk.LevenbergMarquardt(),
        budgets=[6, 6, 6],
        theta0=sk.initialize(levels.network, 0),
    )
    grid = np.random.default_rng(0).uniform(size=(200, 2))
    assert np.abs(result.model(grid)[:, 0] - np.sin(np.pi * grid).prod(axis=1)).max() <= 5e-5


def chained(seed=0):
    """A network in which tensor-product splines come behind other layers, and before."""
    affine, spline = sk.Affine(2, 2), sk.SplineLayer(2, 2, K.uniform(-1, 1, 4, 3), extrapolate="polynomial")
    t, ring = K.uniform(-1, 1, 3, 3), K.uniform(-1, 1, 6, 5, periodic=True)
    network = sk.KAN.chain(
        [affine, spline, sk.TensorSplineLayer([ring, t], 2), sk.Product(2, [(0, 1), (1,)]), sk.Affine(2, 1)]
    )
    return network, 0.3 * np.random.default_rng(seed).normal(size=network.n_parameters)


def test_chains_have_exact_derivatives():
    network, theta = chained()
    rng = np.random.default_rng(1)
    x, v, h = rng.uniform(-1, 1, (15, 2)), rng.normal(size=theta.shape), 1e-6
    at = network.linearize(theta, x)
    difference = (network(theta + h * v, x) - network(theta - h * v, x)) / (2 * h)
    assert np.abs(at.jvp(v) - difference).max() <= 1e-7
    np.testing.assert_allclose(at.jacobian() @ v, at.jvp(v).ravel(), atol=1e-11)
    gy = rng.normal(size=(15, 1))
    np.testing.assert_allclose(at.jacobian().rmatvec(gy.ravel()), at.vjp(gy), atol=1e-11)
    difference = (
        network.linearize(theta + h * v, x).vjp(gy) - network.linearize(theta - h * v, x).vjp(gy)
    ) / (2 * h)
    assert np.abs(at.vjp_tangent(gy, v) - difference).max() <= 1e-6
    problem = poisson(network)[0]
    gradient = problem.gradient(theta)
    ahead, behind = problem.value(theta + h * v), problem.value(theta - h * v)
    assert gradient @ v == pytest.approx((ahead - behind) / (2 * h), rel=1e-6)
    _, g, H = problem.normal_equations(theta)
    _, r, J = problem.linearized(theta)
    np.testing.assert_allclose(g, J.toarray().T @ r, rtol=1e-9, atol=1e-9 * np.abs(g).max())
    np.testing.assert_allclose(H, J.toarray().T @ J.toarray(), rtol=1e-9, atol=1e-12 * np.abs(H).max())
    fine = network.refined()
    np.testing.assert_allclose(fine(network.prolongation(fine) @ theta, x), network(theta, x), atol=1e-11)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("name", ["two", "periodic last", "three"])
def test_normal_matrices_are_those_of_dense_rows(name, threads):
    """Segments share columns: threads must not write to the same entries."""
    layer, _, x, rng = drawn(name, 1, n=5000)
    finer = layer.refined() if layer.n_in == 3 else layer.refined().refined()
    before = sk.threads()
    try:
        sk.set_threads(threads)
        rows = sk.KAN([finer]).jacobian(finer.interpolate(lambda p: p[:, 0]), x)
        assert rows.n_columns > 1.25 * rows.values.shape[1]  # not the dense product
        found = rows.normal_matrix()
        gradient = rows.rmatvec(rng.normal(size=len(x)))
    finally:
        sk.set_threads(before)
    dense_rows = rows.toarray()
    np.testing.assert_allclose(found, dense_rows.T @ dense_rows, atol=1e-11 * len(x) / 100)
    assert gradient.shape == (finer.n_parameters,)


def test_float32_is_close():
    layer, params, x, _ = drawn("periodic first", 2)
    single = layer.value(params.astype("f4"), x.astype("f4"))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, layer.value(params, x), atol=1e-5)
    gradient = layer.vjp(params.astype("f4"), x.astype("f4"), np.ones((50, 2), "f4"), True)
    assert gradient[0].dtype == gradient[1].dtype == np.float32


def test_what_is_not_finite_stays_where_it_is():
    layer, params, x, _ = drawn("periodic first")
    x[3, 0], x[5, 1] = np.nan, np.inf
    y = layer.value(params, x)[:, 0]
    assert np.flatnonzero(~np.isfinite(y)).tolist() == [3, 5]


@pytest.mark.parametrize("scheme", ["frames", "greville", "noise"])
def test_starts(scheme):
    layer = sk.TensorSplineLayer([K.uniform(0, 1, 30, 3, periodic=True), K.uniform(0, 1, 30, 3)], 40)
    theta = sk.initialize(sk.KAN([layer]), 0, scheme, noise=0.01)
    x = np.random.default_rng(0).uniform(size=(2000, 2))
    y = layer.value(theta, x)
    if scheme == "noise":
        assert 0.9 < y.var() < 1.1
    elif scheme == "frames":
        assert np.abs(y).max() < 0.05
    else:  # +-(x - 1/2)/2 for the second input, a sine for the first
        assert np.abs(y - 0.5).max() < 0.55
        assert np.ptp(y) > 0.9
    network = sk.KAN([sk.Affine(2, 2), layer])
    inside = sk.initialize(network, 0, "frames", bounds=(0, 3))
    images = network.layers[0].value(inside[:6], 3 * x)
    assert images.min() > -1e-9
    assert images.max() < 1 + 1e-9


def test_a_model_on_it():
    layer = sk.TensorSplineLayer([K.uniform(0, 1, 4, 3), K.uniform(0, 2, 3, 4)])
    network = sk.KAN([layer])
    assert network.domain == layer.domain
    assert network.intervals == 4
    assert network.basis == "spline"
    model = sk.Model(network, layer.interpolate(lambda p: np.sin(p[:, 0]) + p[:, 1]), names=("a", "b"))
    x = np.random.default_rng(0).uniform(size=(50, 2))
    assert "TensorSplineLayer(2 -> 1, degree 3" in model.summary()
    finer = model.refine(marked={(0, "b"): [1]})
    assert [knots.intervals for knots in finer.network.layers[0].knots] == [4, 4]
    np.testing.assert_allclose(finer(x), model(x), atol=1e-13)
    limited = model.refine(budget=60)
    assert model.n_parameters < limited.n_parameters <= 60
    assert sum(knots.intervals for knots in limited.network.layers[0].knots) > 7
    np.testing.assert_allclose(limited(x), model(x), atol=1e-13)
    both = model.refine(marked={(0, 0): [0, 1], (0, 1): [0]}, budget=9 * 8)
    assert both.network.layers[0].shape == (9, 8, 1)
    for call, message in (
        (lambda: model.edge(0, 0, 0), "has no edges"),
        (lambda: model.plot_edge(0, 0, 0), "has no edges"),
        (lambda: network.with_basis("relu"), "tensor-product"),
        (lambda: network.coordinates("relu"), "tensor-product"),
        (lambda: network.indices(0, input=0), "belong to all of its inputs"),
        (lambda: layer.refined([None]), "each of 2 inputs"),
        (lambda: layer.refined(3), "sequence"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            call()
    with pytest.raises(TypeError, match="TensorSplineLayer"):
        model.coarsen(1e-3)
    assert network.indices(0, output=0).tolist() == list(range(layer.n_parameters))
    objective = sk.LeastSquares(network, x, np.sin(x[:, 0]) + x[:, 1])
    with pytest.raises(ValueError, match="basis must be 'spline'"):
        sk.gauss_newton_spectrum(objective, model.theta, basis="relu")
    assert sk.gauss_newton_spectrum(objective, model.theta).resolved.any()


@pytest.mark.parametrize("name", SPACES)
def test_files_and_exported_modules(name, tmp_path):
    layer, params, x, _ = drawn(name, 2, extrapolate="linear")
    model = sk.Model(sk.KAN([layer]), params)
    sk.save(tmp_path / "model.npz", model)
    again = sk.load(tmp_path / "model.npz")
    assert again.network.layers[0].knots == layer.knots
    assert again.theta.tobytes() == model.theta.tobytes()
    assert again.network.layers[0].extrapolate == "linear"
    names = {}
    exec(sk.export(model, "numpy"), names)
    wide = 1.5 * x - 0.2
    np.testing.assert_allclose(names["predict"](wide), model(wide), atol=1e-12)
    with pytest.raises(TypeError, match="cannot be exported"):
        sk.export(model, "sympy")


def test_least_squares_are_fitted_in_a_single_step():
    layer, params, x, _ = drawn("periodic first", 2, n=400)
    network = sk.KAN([layer])
    problem = sk.LeastSquares(network, x, dense(layer, params, x))
    _, g, H = problem.normal_equations(np.zeros(layer.n_parameters))
    np.testing.assert_allclose(np.linalg.solve(H, -g), params, atol=1e-8)


def test_jets_through_a_network():
    network, theta = chained(2)
    rng = np.random.default_rng(0)
    directions, x = Directions((2, 1)), rng.uniform(-0.9, 0.9, (8, 4, 2))
    at, h, v = Jets.of(network, theta, x, directions), 1e-6, rng.normal(size=theta.shape)
    w = rng.normal(size=at.output.shape)
    ends = [(Jets.of(network, theta + s * v, x, directions).output * w).sum() for s in (h, -h)]
    assert at.vjp(w) @ v == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6)
    np.testing.assert_allclose(at.rows(w).toarray().sum(axis=0), at.vjp(w), atol=1e-10)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: sk.TensorSplineLayer([]), ValueError, "knots must not be empty"),
        (lambda: sk.TensorSplineLayer([UNEVEN, np.arange(9.0)]), TypeError, r"knots\[1\] must be of type"),
        (lambda: sk.TensorSplineLayer(np.arange(9.0)), TypeError, r"knots\[0\]"),
        (lambda: sk.TensorSplineLayer([UNEVEN], 0), ValueError, "n_out"),
        (lambda: sk.TensorSplineLayer([UNEVEN], 1.0), TypeError, "n_out"),
        (lambda: sk.TensorSplineLayer([UNEVEN], extrapolate="cubic"), ValueError, "extrapolate"),
        (lambda: sk.TensorSplineLayer([K.uniform(0, 1, 2000, 3)] * 4), MemoryError, "parameters"),
    ],
)
def test_bad_descriptions(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
