"""Taylor mode against slow twins: tables of all basis functions, and derivatives to many digits."""

import mpmath
import numpy as np
import pytest

import splinekan as sk
from splinekan.kernels import _simd
from splinekan.network.layer import Directions, composed
from splinekan.network.slot import Slot

EPS = np.finfo(float).eps
ORDERS = ((), (1,), (2, 1), (2, 2, 2), (4, 3), (1, 4, 2, 3))
SHAPES = ((1, 1), (2, 1), (8, 1), (19, 1), (3, 8), (2, 11), (5, 5))


def curves(directions, n, n_in, low, high, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, directions.channels, n_in))
    x[:, 0] = np.random.default_rng(seed).uniform(low, high, (n, n_in))
    return x


def backwards(layer, params, x, v, directions, want_x=True):
    """Gradient, rows and the two gradients in x; the rows among those of others."""
    gradient, gx = layer.jet_vjp(params, x, v, directions, want_x)
    lengths = layer.segment_lengths
    values = np.full((2 * len(x) + 1, sum(lengths) + 3), np.nan, x.dtype)
    starts = np.full((2 * len(x) + 1, len(lengths) + 1), -1, np.int64)
    slot = Slot(values[:-1], starts[:-1], 2, 1, 0, 2, 1)
    gx_too = layer.jet_jacobian_rows(params, x, v, directions, slot, want_x)
    assert np.isnan(values[::2]).all()
    assert np.isnan(values[:, [0, 1, -1]]).all()
    own = np.ascontiguousarray(values[1::2, 2:-1])
    rows = sk.network.SparseRows(own, starts[1::2, 1:], lengths, layer.n_parameters)
    return gradient, rows.toarray(), gx, gx_too


@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("degree", "intervals"), [(0, 3), (2, 400), (3, 5), (4, 4), (7, 2)])
def test_splines_against_tables_of_all_functions(degree, intervals, shape, orders):
    (n_in, n_out), directions, n = shape, Directions(orders), 100
    knots = sk.KnotVector.uniform(0, intervals, intervals, degree)
    layer, basis = sk.SplineLayer(n_in, n_out, knots), sk.BSplineBasis(knots)
    rng = np.random.default_rng(1)
    x, params = curves(directions, n, n_in, 0, intervals), rng.normal(size=layer.n_parameters)
    c = params.reshape(n_in, -1, n_out)
    v = rng.normal(size=(n, directions.channels, n_out))
    y, rows, gx = np.zeros_like(v), [], np.zeros_like(x)
    for p in range(n_in):
        tables = [basis.tabulate(x[:, 0, p], d) for d in range(directions.order + 2)]
        y += composed(tables[:-1], x[:, :, p : p + 1], directions) @ c[p]
        slopes = composed(tables[1:], x[:, :, p : p + 1], directions) @ c[p]
        for j, d, m in directions.pulls:
            gx[:, j, p] += (slopes[:, d] * v[:, m]).sum(axis=1)
        series = composed(tables[:-1], x[:, :, p : p + 1], directions)
        rows.append(np.einsum("nmi,nmq->niq", series, v).reshape(n, -1))
    rows = np.concatenate(rows, axis=1)
    tolerance = {"rtol": 0, "atol": 1e3 * EPS * max(np.abs(each).max() for each in (y, rows, gx))}
    np.testing.assert_allclose(layer.jet_value(params, x, directions), y, **tolerance)
    for want_x in (True, False):
        gradient, jacobian, *pulled = backwards(layer, params, x, v, directions, want_x)
        np.testing.assert_allclose(jacobian, rows, **tolerance)
        np.testing.assert_allclose(gradient, rows.sum(axis=0), rtol=0, atol=n * tolerance["atol"])
        for each in pulled:
            np.testing.assert_allclose(each, gx if want_x else gx[:0], **tolerance)


@pytest.mark.parametrize("n_out", [1, 3])
def test_single_precision(n_out):
    layer, directions = sk.SplineLayer(3, n_out, sk.KnotVector.uniform(0, 1, 4, 3)), Directions((2, 1))
    rng = np.random.default_rng(0)
    x, params = curves(directions, 50, 3, 0, 1), rng.normal(size=layer.n_parameters)
    v = rng.normal(size=(50, directions.channels, n_out))
    wide = (layer.jet_value(params, x, directions), *backwards(layer, params, x, v, directions))
    x, params, v = (each.astype("f4") for each in (x, params, v))
    single = (layer.jet_value(params, x, directions), *backwards(layer, params, x, v, directions))
    for one, two in zip(wide, single, strict=True):
        assert two.dtype == np.float32
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-5 * np.abs(one).max())


ELEMENTWISE = {
    **{kind: sk.Activation(11, kind, 5) for kind in sk.Activation.kinds},
    **{f"normalizer {kind}": sk.Normalizer(8, kind) for kind in ("tanh", "sigmoid", "affine")},
}


@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_maps_against_their_derivatives(name, orders):
    layer, directions, n = ELEMENTWISE[name], Directions(orders), 700
    x = curves(directions, n, layer.width, -3, 3)
    v = np.random.default_rng(1).normal(size=x.shape)
    f = layer._derivatives(x[:, 0], directions.order + 1)
    y, slopes, gx = composed(f[:-1], x, directions), composed(f[1:], x, directions), np.zeros_like(x)
    for j, d, m in directions.pulls:
        gx[:, j] += slopes[:, d] * v[:, m]
    nothing = np.zeros(0)
    tolerance = {"rtol": 0, "atol": 1e2 * EPS * max(np.abs(y).max(), np.abs(gx).max())}
    np.testing.assert_allclose(layer.jet_value(nothing, x, directions), y, **tolerance)
    np.testing.assert_allclose(layer.jet_vjp(nothing, x, v, directions, True)[1], gx, **tolerance)
    if not orders:
        x, v = x[:, 0].copy(), v[:, 0].copy()
        np.testing.assert_array_equal(
            layer.value(nothing, x), layer.jet_value(nothing, x[:, None], directions)[:, 0]
        )
        np.testing.assert_allclose(layer.vjp(nothing, x, v, True)[1], gx[:, 0], **tolerance)
        np.testing.assert_allclose(layer.jvp(nothing, x, nothing, v), gx[:, 0], **tolerance)


@pytest.mark.parametrize("kind", ["tanh", "sigmoid"])
def test_squashing_functions_to_a_few_ulp(kind):
    near = [sign * 10.0**e for e in range(-300, 0, 20) for sign in (1, -1)]
    x = np.array([0.0, -0.0, *near, *np.linspace(-40, 40, 321), 300.0, -300.0])
    value, slope = sk.Activation(1, kind)._derivatives(x, 1)
    with mpmath.workdps(50):
        for at, y, dy in zip(x, value, slope, strict=True):
            at = mpmath.mpf(float(at))
            want = mpmath.tanh(at) if kind == "tanh" else 1 / (1 + mpmath.exp(-at))
            steep = 1 / mpmath.cosh(at) ** 2 if kind == "tanh" else 1 / (2 + mpmath.exp(at) + mpmath.exp(-at))
            assert abs(y - want) <= 4 * EPS * abs(want), (at, y)
            assert abs(dy - steep) <= 6 * EPS * steep, (at, dy)  # also where y is nearly 1
    far = np.array([-1e300, -np.inf, np.inf, 1e300, np.nan])
    value, slope = sk.Activation(1, kind)._derivatives(far, 1)
    low = -1.0 if kind == "tanh" else 0.0
    np.testing.assert_array_equal(value, [low, low, 1.0, 1.0, np.nan])
    np.testing.assert_array_equal(slope, [0.0, 0.0, 0.0, 0.0, np.nan])
    signs = np.signbit(sk.Activation(1, "tanh").value(np.zeros(0), np.array([[0.0], [-1e-300]])))
    assert signs.ravel().tolist() == [False, True]


@pytest.mark.parametrize("kind", ["relu", "power_relu"])
def test_powers_and_their_derivatives(kind):
    x = np.array([-np.inf, -2.0, -0.0, 0.0, 0.5, 3.0, np.inf])
    layer = sk.Activation(1, kind, 3)
    degree = 1 if kind == "relu" else 3
    with np.errstate(invalid="ignore"):
        for d, found in enumerate(layer._derivatives(x, 5)):
            factor = float(np.prod(np.arange(degree - d + 1, degree + 1))) if d <= degree else 0.0
            want = np.where(x >= 0, factor * np.maximum(x, 0) ** max(degree - d, 0), 0.0)
            np.testing.assert_array_equal(found, want, err_msg=str(d))
    assert np.isnan(layer.value(np.zeros(0), np.array([[np.nan]]))).all()


def test_vectors_of_some_lanes():
    """The compiled vectors and NumPy: loads, stores and sums of parts of vectors."""
    import numba

    lanes, a = _simd.NARROW, np.arange(1.0, 20.0)
    load = numba.njit(lambda out, a, i, n: _simd.store(out, 0, _simd.load_first(lanes, a, i, n)))
    keep = numba.njit(lambda out, a, n: _simd.store_first(out, 3, _simd.load(lanes, a, 0), n))
    for n in range(1, 12):
        out, some = np.full(8, -1.0), min(n, 8)
        load(out, a, 5, n)
        np.testing.assert_array_equal(out, [*a[5 : 5 + some], *[0.0] * (8 - some)])
        out = np.full(15, -1.0)
        keep(out, a, n)
        np.testing.assert_array_equal(out, [*[-1.0] * 3, *a[:some], *[-1.0] * (12 - some)])
    for tag in ((0,) * n for n in range(1, 9)):
        total = numba.njit(lambda a, tag=tag: _simd.total(_simd.load(tag, a, 2)))
        assert total(a) == a[2 : 2 + len(tag)].sum()
