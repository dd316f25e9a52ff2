"""The methods of every kind of layer against each other, slow twins and differences."""

from fractions import Fraction

import numpy as np
import oracles
import pytest
from cases import BENT, EPS, layers

import splinekan as sk
from splinekan.network.layer import Directions
from splinekan.network.slot import Slot

LAYERS = layers()
SPLINES = {name: layer for name, layer in LAYERS.items() if isinstance(layer, sk.SplineLayer)}
SMOOTH = {name: layer for name, layer in LAYERS.items() if "constant" not in name}
DTYPES = (np.float64, np.float32)
N = 300  # more than a block of any kernel, and enough for two threads in Taylor mode
STEP = 1e-6


def given(layer, n=N, dtype=np.float64, seed=0):
    """Parameters, points inside and outside the domain, a tangent and a cotangent."""
    rng = np.random.default_rng(seed)
    params, dparams = rng.normal(size=(2, layer.n_parameters))
    x, dx = rng.uniform(-1.5, 2, (n, layer.n_in)), rng.normal(size=(n, layer.n_in))
    return [each.astype(dtype) for each in (params, x, dparams, dx, rng.normal(size=(n, layer.n_out)))]


def scale(layer, dtype=np.float64):
    """Rounding, and what it grows by in the ReLU basis."""
    worst = 1.0
    for leaf in getattr(layer, "layers", [layer]):
        if getattr(leaf, "basis", "spline") == "relu":
            worst = max(sk.change_of_basis(knots).condition_number() for knots in leaf.knots)
    return 1e2 * worst * np.finfo(dtype).eps


def close(got, want, tolerance):
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * max(1.0, np.abs(want).max(initial=0.0)))


def rows(layer, params, x, v, directions=None, want_x=True):
    """Dense Jacobian rows, written between what belongs to others, and the gradient in x."""
    lengths, n = layer.segment_lengths, len(x)
    values = np.full((2 * n, sum(lengths) + 5), np.nan, x.dtype)
    starts = np.full((2 * n, len(lengths) + 2), -1, np.int64)
    slot = Slot(values, starts, 3, 1, 7, 2, 1)
    if directions is None:
        gx = layer.jacobian_rows(params, x, v, slot, want_x)
    else:
        gx = layer.jet_jacobian_rows(params, x, v, directions, slot, want_x)
    inside = np.zeros_like(values, bool)
    inside[1::2, 3 : 3 + sum(lengths)] = True
    np.testing.assert_array_equal(np.isnan(values), ~inside)
    inside = np.zeros_like(starts, bool)
    inside[1::2, 1 : 1 + len(lengths)] = True
    np.testing.assert_array_equal(starts >= 0, inside)
    own = np.ascontiguousarray(values[1::2, 3 : 3 + sum(lengths)])
    matrix = sk.network.SparseRows(own, starts[1::2, 1 : 1 + len(lengths)] - 7, lengths, layer.n_parameters)
    return matrix.toarray(), gx


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SPLINES)
def test_values_against_the_recursion_in_rationals(name, dtype):
    layer = SPLINES[name]
    params, x, *_ = given(layer, 12, dtype)
    x = np.clip(x, *[[knots.domain[i] for knots in layer.knots] for i in (0, 1)]).astype(dtype)
    spline = layer.with_basis("spline")
    u = np.array(params, float)
    for piece in layer.change_of_coordinates("spline"):
        edges = u[piece.start : piece.stop].reshape(piece.n_in, piece.m, -1).swapaxes(0, 1)
        u[piece.start : piece.stop] = piece.map.apply(edges).swapaxes(0, 1).ravel()
    views = spline.unpack(u)
    want = np.zeros((len(x), layer.n_out))
    for p, knots in enumerate(layer.knots):
        t, k, c = oracles.rational(knots), knots.degree, views["coefficients"][p]
        for i, point in enumerate(map(Fraction, x[:, p].astype(float).tolist())):
            if knots.periodic and point == t[-k - 1]:
                point = t[k]
            side = -1 if point == t[-k - 1] else 1
            for j in range(len(t) - k - 1):  # periodic coefficients are used again
                want[i] += float(oracles.bspline(t, k, j, point, side)) * c[j % len(c)]
    if layer.base is not None:
        wide = x.astype(float)
        s = wide if layer.base == "identity" else wide / (1 + np.exp(-wide))
        want += s @ views["base"]
    close(layer.value(params, x), want, scale(layer, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAYERS)
def test_products_agree_with_each_other(name, dtype):
    layer = LAYERS[name]
    params, x, dparams, dx, gy = given(layer, dtype=dtype)
    tolerance = scale(layer, dtype)
    gradient, gx = layer.vjp(params, x, gy, True)
    change = layer.jvp(params, x, dparams, dx)
    forward = np.sum(change.astype(float) * gy)
    backward = gradient.astype(float) @ dparams + np.sum(gx.astype(float) * dx)
    assert abs(forward - backward) <= tolerance * np.abs(change * gy).sum()
    jacobian, gx_too = rows(layer, params, x, gy)
    close(jacobian.sum(axis=0), gradient, N * tolerance)
    close(gx_too, gx, tolerance)
    linear = jacobian.astype(float) @ dparams
    close((layer.jvp(params, x, dparams, 0 * dx).astype(float) * gy).sum(axis=1), linear, tolerance)
    for empty in (layer.vjp(params, x, gy, False)[1], rows(layer, params, x, gy, want_x=False)[1]):
        assert empty.shape[1:] == x.shape[1:]
    np.testing.assert_array_equal(layer.vjp(params, x, gy, False)[0], gradient)
    assert gradient.dtype == gx.dtype == change.dtype == jacobian.dtype == dtype


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_against_differences(name):
    layer = SMOOTH[name]
    params, x, dparams, dx, gy = given(layer, 60)
    dgy = np.random.default_rng(1).normal(size=gy.shape)
    ends = [(params + e * dparams, x + e * dx, gy + e * dgy) for e in (STEP, -STEP)]
    tolerance = scale(layer) / EPS * 1e-10

    def difference(function):
        ahead, behind = (function(*end) for end in ends)
        return (np.asarray(ahead) - behind) / (2 * STEP)

    close(layer.jvp(params, x, dparams, dx), difference(lambda p, y, g: layer.value(p, y)), tolerance)
    changes = layer.vjp_tangent(params, x, gy, dparams, dx, dgy, True)
    close(changes[0], difference(lambda p, y, g: layer.vjp(p, y, g, True)[0]), 60 * tolerance)
    close(changes[1], difference(lambda p, y, g: layer.vjp(p, y, g, True)[1]), 1e2 * tolerance)
    close(changes[2], layer.vjp(params, x, gy, True)[1], scale(layer))
    alone = layer.vjp_tangent(params, x, gy, dparams, dx, dgy, False)
    np.testing.assert_array_equal(alone[0], changes[0])


@pytest.mark.parametrize("name", LAYERS)
def test_hessians_are_symmetric(name):
    """The bilinear form of two tangents (dparams, dx) with the cotangent gy held fixed."""
    layer = LAYERS[name]
    params, x, dparams, dx, gy = given(layer)
    _, _, other, dother, _ = given(layer, seed=1)
    forms = []
    for (p, d), (q, e) in (((dparams, dx), (other, dother)), ((other, dother), (dparams, dx))):
        gp, gx, _ = layer.vjp_tangent(params, x, gy, p, d, 0 * gy, True)
        forms.append((gp @ q + np.sum(gx * e), np.abs(gp) @ np.abs(q) + np.abs(gx * e).sum()))
    assert abs(forms[0][0] - forms[1][0]) <= scale(layer) * forms[0][1]


@pytest.mark.parametrize("name", SMOOTH)
def test_taylor_mode_against_first_derivatives_and_polynomials(name):
    layer = SMOOTH[name]
    params, x, _, dx, _ = given(layer, 60)
    directions = Directions((1, 4))
    channels = np.zeros((60, directions.channels, layer.n_in))
    rng = np.random.default_rng(2)
    channels[:, 0], channels[:, 1], channels[:, 2:] = x, dx, rng.normal(size=(60, 4, layer.n_in))
    found = layer.jet_value(params, channels, directions)
    tolerance = scale(layer)
    close(found[:, 0], layer.value(params, x), tolerance)
    close(found[:, 1], layer.jvp(params, x, 0 * params, dx), tolerance)
    # y(x(s)) at few small s, fitted by a polynomial; on curves that cross a knot a derivative jumps.
    step = 2e-3
    nodes = step * np.cos(np.pi * (np.arange(8) + 0.5) / 8)
    curve = [x + sum(s**m * channels[:, 1 + m] for m in range(1, 5)) for s in nodes]
    values = np.stack([layer.value(params, at) for at in curve]).reshape(8, -1)
    fitted = np.linalg.solve(np.vander(nodes / step, increasing=True), values)
    for m in range(1, 5):
        error = np.sort(np.abs(found[:, 1 + m].ravel() * step**m - fitted[m]))
        assert error[: -len(error) // 5].max() < 1e2 * tolerance * (1 + np.abs(values).max()), m


@pytest.mark.parametrize("want_x", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_taylor_mode_backwards(name, want_x):
    layer = LAYERS[name]
    params, x, dparams, *_ = given(layer)
    directions = Directions((3, 2, 4))
    rng = np.random.default_rng(2)
    channels, move = rng.normal(size=(2, N, directions.channels, layer.n_in))
    channels[:, 0] = x
    v = rng.normal(size=(N, directions.channels, layer.n_out))
    gradient, gx = layer.jet_vjp(params, channels, v, directions, want_x)
    jacobian, gx_too = rows(layer, params, channels, v, directions, want_x)
    tolerance = scale(layer)
    close(jacobian.sum(axis=0), gradient, N * tolerance)
    close(gx_too, gx, tolerance)
    if layer.n_parameters and name not in BENT:  # affine in the parameters
        shift = layer.jet_value(params + dparams, channels, directions)
        shift -= layer.jet_value(params, channels, directions)
        close(jacobian @ dparams, (shift * v).sum(axis=(1, 2)), 1e2 * tolerance)
    if want_x:
        # The forward derivative along `move` is the backward one: each is exact but for rounding.
        ahead, behind = (layer.jet_value(params, channels + e * move, directions) for e in (STEP, -STEP))
        change = ((ahead - behind) / (2 * STEP) * v).sum(axis=(1, 2))
        error = np.abs(change - (gx * move).sum(axis=(1, 2)))
        assert np.sort(error)[: -N // 10].max() < tolerance / EPS * 1e-9 * (1 + np.abs(change).max())


@pytest.mark.parametrize("name", LAYERS)
def test_one_sample_and_none(name):
    layer = LAYERS[name]
    params, x, dparams, dx, gy = given(layer)
    for some in (slice(0), slice(1)):
        one = layer.value(params, x[some])
        np.testing.assert_array_equal(one, layer.value(params, x)[some])
        np.testing.assert_array_equal(
            layer.jvp(params, x[some], dparams, dx[some]), layer.jvp(params, x, dparams, dx)[some]
        )
        gradient, gx = layer.vjp(params, x[some], gy[some], True)
        assert gx.shape == x[some].shape
        matrix, pulled = rows(layer, params, x[some], gy[some])
        close(matrix.sum(axis=0), gradient, scale(layer))
        close(pulled, gx, scale(layer))
        directions = Directions((2,))
        channels = np.stack([x[some], dx[some], x[some]], axis=1)
        weights = np.stack([gy[some]] * 3, axis=1)
        gradient, gx = layer.jet_vjp(params, channels, weights, directions, True)
        matrix, pulled = rows(layer, params, channels, weights, directions)
        close(matrix.sum(axis=0), gradient, scale(layer))
        close(pulled, gx, scale(layer))


@pytest.mark.parametrize("name", ["spline", "knots per input", "periodic", "silu"])
def test_thread_counts_change_sums_by_rounding_only(name):
    layer = LAYERS[name]
    params, x, dparams, dx, gy = given(layer, 2000)
    before, answers = sk.threads(), []
    try:
        for count in (1, 3):
            sk.set_threads(count)
            twice = [
                (
                    layer.value(params, x),
                    *layer.vjp(params, x, gy, True),
                    *layer.vjp_tangent(params, x, gy, dparams, dx, gy, True),
                )
                for _ in range(2)
            ]
            for one, other in zip(*twice, strict=True):
                np.testing.assert_array_equal(one, other)
            answers.append(twice[0])
    finally:
        sk.set_threads(before)
    for one, other in zip(*answers, strict=True):
        close(other, one, 1e-12)
