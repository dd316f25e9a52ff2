"""Networks on Taylor series, and equations as a least-squares problem: against sympy and differences."""

import copy
import pickle

import numpy as np
import pytest
import sympy as sp

import splinekan as sk
from splinekan.network.jets import Jets
from splinekan.network.layer import Directions
from splinekan.objectives.attention import Attention

X, T = sp.symbols("x t")
U = sp.Function("u")(X, T)
HEAT = sk.Equation(U.diff(T) - U.diff(X, 2) * (1 + X**2), U, (X, T))
VALUE = sk.Equation(U, U, (X, T))


def networks():
    def spline(n_in, n_out, degree, low=0.0, continuation="polynomial"):
        return sk.SplineLayer(n_in, n_out, sk.uniform_knots(low, 1, 3, degree), degree, continuation)

    ends = sk.KnotVector.extended([-1.0, -0.2, 0.5, 1.0], 5)
    uneven = sk.SplineLayer(2, 5, ends, extrapolate="polynomial")
    smooth = sk.KnotVector.extended([-1.0, -0.4, 0.5, 1.0], 5, [1, 2])
    wave = sk.KnotVector.uniform(-1, 1, 12, 5, periodic=True)
    return {
        "splines": sk.KAN.chain([spline(2, 5, 5, -1.0), spline(5, 1, 5)]),
        "uneven": sk.KAN.chain([uneven, spline(5, 1, 5)]),
        "knots per input": sk.KAN.chain(
            [sk.SplineLayer(2, 3, [ends, smooth], base="silu"), spline(3, 1, 5, continuation="linear")]
        ),
        "periodic": sk.KAN.chain([sk.SplineLayer(2, 4, [wave, ends]), spline(4, 1, 5)]),
        "few periodic": sk.KAN.chain(
            [spline(2, 3, 5, -1.0), sk.SplineLayer(3, 1, sk.KnotVector.uniform(0, 2, 3, 5, periodic=True))]
        ),
        "normalised": sk.KAN.chain([sk.Affine(2, 4), sk.Normalizer(4), spline(4, 3, 5), sk.Affine(3, 1)]),
        "tanh": sk.MLP([2, 6, 1]),
        "sigmoid": sk.MLP([2, 6, 1], "sigmoid"),
        "power": sk.MLP([2, 6, 1], "power_relu", 6),
        "affine and tanh": sk.KAN.chain(
            [
                sk.Normalizer(2, "affine", (-1.0, 2.0)),
                sk.Affine(2, 3),
                sk.Normalizer(3, "tanh"),
                spline(3, 1, 5),
            ]
        ),
    }


NETWORKS = networks()


def start(net, n=30):
    rng = np.random.default_rng(3)
    return 0.5 * rng.normal(size=net.n_parameters), rng.uniform(-0.9, 0.9, (n, 2)), rng


def crossing(net, theta, x, v, steps):
    """Which samples meet a knot of a layer on their way from x + steps[0] v to x + steps[-1] v."""
    meets = np.zeros(len(x), bool)
    for position, layer in enumerate(net.layers):
        if isinstance(layer, sk.SplineLayer):
            knots = layer.knots
        elif isinstance(layer, sk.Activation) and layer.kind == "power_relu":
            knots = [np.zeros(1)] * layer.n_in
        else:
            continue
        front = sk.KAN.chain(net.layers[:position]) if position else lambda _, points: points
        inputs = np.stack([front(theta[: net.offsets[position]], x + s * v) for s in steps])
        for each, points in zip(knots, np.moveaxis(inputs, 2, 0), strict=True):
            spans = np.searchsorted(each, each.wrap(points) if getattr(each, "periodic", False) else points)
            meets |= (spans != spans[0]).any(axis=0)
    return meets


@pytest.mark.parametrize("name", NETWORKS)
def test_taylor_coefficients_against_a_fitted_polynomial(name):
    """u(x + s v) is fitted at a few small s by a polynomial: its coefficients are the channels."""
    net = NETWORKS[name]
    theta, x, _ = start(net)
    v = np.array([0.6, -0.8])
    directions = Directions((4, 1))
    channels = np.zeros((len(x), directions.channels, 2))
    channels[:, 0], channels[:, 1], channels[:, 5] = x, v, [0.0, 1.0]
    taylor = Jets.of(net, theta, channels, directions).output[:, :, 0]
    step = 2e-3
    nodes = step * np.cos(np.pi * (np.arange(8) + 0.5) / 8)
    values = np.stack([net(theta, x + s * v)[:, 0] for s in nodes])
    fitted = np.linalg.solve(np.vander(nodes / step, increasing=True), values)
    smooth = ~crossing(net, theta, x, v, nodes)  # at a knot a high derivative jumps, and no polynomial fits
    assert smooth.mean() > 0.9
    for m in range(5):
        error = np.abs(taylor[:, m] * step**m - fitted[m])[smooth]
        assert error.max() < 1e-13 * (1 + np.abs(values).max()), m
    np.testing.assert_allclose(taylor[:, 0], net(theta, x)[:, 0], atol=1e-14)


@pytest.mark.parametrize("name", NETWORKS)
def test_derivatives_in_theta(name):
    net = NETWORKS[name]
    theta, x, rng = start(net)
    directions = Directions((2, 4, 3))
    channels = rng.normal(size=(len(x), directions.channels, 2))
    channels[:, 0] = x
    v = rng.normal(size=(len(x), directions.channels, 1))
    at = Jets.of(net, theta, channels, directions)
    rows = at.rows(v)
    move, step = rng.normal(size=theta.shape), 1e-6
    ahead, behind = (Jets.of(net, theta + e * move, channels, directions).output for e in (step, -step))
    change = ((ahead - behind) / (2 * step) * v).sum(axis=(1, 2))
    np.testing.assert_allclose(rows.matvec(move), change, atol=2e-7 * np.abs(change).max())
    r = rng.normal(size=len(x))
    pulled = rows.rmatvec(r)
    np.testing.assert_allclose(at.vjp(v * r[:, None, None]), pulled, atol=1e-12 * np.abs(pulled).max())


@pytest.mark.parametrize("name", ["splines", "uneven"])
def test_gradient_and_rows_in_the_relu_basis(name):
    net = NETWORKS[name]
    theta, x, _ = start(net)
    relu = net.with_basis("relu")
    w = net.to_basis(theta, "relu")
    one, other = (sk.PINN(n, [sk.Block(HEAT, x)]) for n in (net, relu))
    np.testing.assert_allclose(other.value(w), one.value(theta), rtol=1e-9)
    pulled = net.coordinates("relu").apply_transpose(other.gradient(w))
    gradient = one.gradient(theta)
    np.testing.assert_allclose(pulled, gradient, atol=1e-8 * np.abs(gradient).max())
    jacobian, native = one.jacobian(theta), other.jacobian(w)
    back = net.coordinates("relu").apply_transpose(native.T).T  # J_u = J_w A^T
    np.testing.assert_allclose(back, jacobian, atol=1e-8 * np.abs(jacobian).max())
    _, gradient_w, matrix = other.normal_equations(w)
    np.testing.assert_allclose(matrix, native.T @ native, atol=1e-12 * np.abs(matrix).max())
    np.testing.assert_allclose(gradient_w, other.gradient(w), atol=1e-8 * np.abs(gradient_w).max())


def pieces(layer, c, inputs, at):
    """A spline layer in sympy, on the polynomial pieces that are active at the numbers `at`."""
    s, k = sp.Symbol("s"), layer.degree
    t = [sp.Rational(str(round(float(knot), 12))) for knot in layer.common_knots]
    outputs = [sp.Integer(0)] * layer.n_out
    for p, (symbol, number) in enumerate(zip(inputs, at, strict=True)):
        span = max(i for i in range(k, k + layer.intervals) if t[i] <= number)
        active = {span: sp.Integer(1)}  # Cox-de Boor on one interval
        for d in range(1, k + 1):
            found = {}
            for i in range(span - d, span + 1):
                found[i] = active.get(i, 0) * (s - t[i]) / (t[i + d] - t[i])
                found[i] += active.get(i + 1, 0) * (t[i + d + 1] - s) / (t[i + d + 1] - t[i + 1])
            active = found
        for i, b in active.items():
            polynomial = sp.expand(b).subs(s, symbol)
            outputs = [y + c[p][i][q] * polynomial for q, y in enumerate(outputs)]
    return outputs


def test_derivatives_of_a_small_network_against_sympy():
    """u_xx, u_xt, u_ttt and their derivatives in theta, differentiated by sympy on the active pieces."""
    rng = np.random.default_rng(4)
    knots = sk.uniform_knots(-1.0, 1.0, 2, 5)
    net = sk.KAN.chain([sk.SplineLayer(2, 2, knots, 5), sk.SplineLayer(2, 1, knots, 5)])
    theta = np.round(rng.uniform(-0.45, 0.45, net.n_parameters), 3)
    first, second = (piece["coefficients"] for piece in net.unpack(theta))
    exact = [[[sp.Rational(str(v)) for v in row] for row in edge] for edge in first]
    symbols = sp.symarray("c", second.shape)
    values = {symbols[i]: v for i, v in np.ndenumerate(second)}
    residual = U.diff(X, 2) * U + U.diff(X, T) - U.diff(T, 3)
    for point in rng.uniform(-0.9, 0.9, (1, 2)).round(3):
        numbers = [sp.Rational(str(v)) for v in point]
        there = dict(zip((X, T), numbers, strict=True))
        hidden = pieces(net.layers[0], exact, (X, T), numbers)
        (u,) = pieces(net.layers[1], symbols, hidden, [h.subs(there) for h in hidden])
        r = residual.subs(U, u).doit()
        active = sorted(r.free_symbols - {X, T}, key=str)
        outputs = [r, *(r.diff(c) for c in active)]
        want, *slopes = sp.lambdify([X, T, active], outputs, "math", cse=True)(
            *point, [values[c] for c in active]
        )
        objective = sk.PINN(net, [sk.Block(sk.Equation(residual, U, (X, T)), point[None])])
        np.testing.assert_allclose(objective.residual(theta), want, rtol=1e-11)
        jacobian = objective.jacobian(theta)[0, -second.size :].reshape(second.shape)
        found = [jacobian[index] for index in np.ndindex(second.shape) if symbols[index] in active]
        np.testing.assert_allclose(found, slopes, rtol=1e-9, atol=1e-10 * np.abs(slopes).max())
        assert np.count_nonzero(jacobian) == len(active)


def problem(net, n=40):
    theta, x, rng = start(net, n)
    left = np.stack([np.full(9, -0.8), rng.uniform(-0.9, 0.9, 9)], axis=1)
    blocks = [
        sk.Block(HEAT, x, rng.uniform(0.5, 2, n)),
        sk.Block(VALUE, x[:5], 3.0),
        sk.Block(sk.Equation(U.diff(X), U, (X, T)), left, 2.0, left * [-1, 1]),
    ]
    return sk.PINN(net, blocks), theta, rng


@pytest.mark.parametrize("name", NETWORKS)
def test_every_product_agrees(name, monkeypatch):
    objective, theta, rng = problem(NETWORKS[name])
    r, jacobian = objective.residual(theta), objective.jacobian(theta)
    v, step = rng.normal(size=theta.shape), 1e-6
    change = (objective.residual(theta + step * v) - objective.residual(theta - step * v)) / (2 * step)
    np.testing.assert_allclose(jacobian @ v, change, atol=1e-6 * np.abs(change).max())
    value, gradient, matrix = objective.normal_equations(theta)
    scale = np.abs(matrix).max()
    np.testing.assert_allclose(value, r @ r / 2)
    np.testing.assert_allclose(objective.values(theta).sum(), value)
    np.testing.assert_allclose(gradient, jacobian.T @ r, atol=1e-12 * scale)
    np.testing.assert_allclose(objective.gradient(theta), gradient, atol=1e-12 * scale)
    np.testing.assert_allclose(matrix, jacobian.T @ jacobian, atol=1e-12 * scale)
    _, upper, rotated = objective.triangular_factor(theta)
    np.testing.assert_allclose(upper.T @ upper, matrix, atol=1e-11 * scale)
    np.testing.assert_allclose(upper.T @ rotated, gradient, atol=1e-11 * scale)
    _, other, rows = objective.linearized(theta)
    np.testing.assert_array_equal(other, r)
    np.testing.assert_allclose(rows.toarray(), jacobian)
    np.testing.assert_allclose(rows.matvec(v), jacobian @ v, atol=1e-12 * scale)
    np.testing.assert_allclose(rows.rmatvec(r), gradient, atol=1e-12 * scale)
    np.testing.assert_allclose(rows.column_squares(), np.diag(matrix), atol=1e-12 * scale)
    monkeypatch.setattr("splinekan.objectives.pinn.CHUNK_BYTES", 1)
    np.testing.assert_allclose(objective.normal_equations(theta)[2], matrix, atol=1e-12 * scale)


def test_a_boundary_value_problem_converges_at_the_order_of_its_space():
    """u_xx = f on [-1, 1] with u = 0 at the ends, one edge: error h^(k+1) for collocation at Gauss points."""
    x = sp.Symbol("x")
    u = sp.Function("u")(x)
    exact = sp.sin(sp.pi * x) * sp.exp(x)
    equation = sk.Equation(u.diff(x, 2) - exact.diff(x, 2), u, (x,))
    errors = []
    for intervals in (8, 16, 32):
        net = sk.KAN.splines([1, 1], 5, intervals, (-1.0, 1.0))
        points, weights = gauss_points(intervals)
        blocks = [
            sk.Block(equation, points[:, None], weights),
            sk.Block(sk.Equation(u, u, (x,)), np.array([[-1.0], [1.0]]), 1e4),
        ]
        theta = np.zeros(net.n_parameters)
        result = sk.LevenbergMarquardt(damping=1e-9).minimize(sk.PINN(net, blocks), theta, iterations=4)
        fine = np.linspace(-1, 1, 501)
        errors.append(np.abs(net(result.theta, fine[:, None])[:, 0] - sp.lambdify(x, exact)(fine)).max())
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (orders > 5.5).all(), errors


def gauss_points(intervals):
    nodes, weights = np.polynomial.legendre.leggauss(6)
    h = 2 / intervals
    left = -1 + h * np.arange(intervals)
    return (left[:, None] + h * (nodes + 1) / 2).ravel(), np.tile(weights * h / 2, intervals)


def test_sums_and_means():
    net = NETWORKS["splines"]
    theta, x, _ = start(net)
    r = sk.PINN(net, [sk.Block(HEAT, x)]).residual(theta)
    one, other = (
        sk.PINN(net, [block]).value(theta) for block in (sk.Block(HEAT, x), sk.Block.mean(HEAT, x, 3.0))
    )
    assert one == pytest.approx(np.sum(r**2) / 2)
    assert other == pytest.approx(3 * np.mean(r**2))
    paired = sk.Block.mean(HEAT, x, minus=x)
    assert sk.PINN(net, [paired]).value(theta) == 0
    with pytest.raises(ValueError, match="weight"):
        sk.Block.mean(HEAT, x, -1.0)


def test_wrong_uses_are_explained():
    net, cubic = NETWORKS["splines"], sk.KAN.splines([2, 3, 1], 2)
    points = np.zeros((3, 2))
    with pytest.raises(ValueError, match="degree at least 3"):
        sk.PINN(cubic, [sk.Block(HEAT, points)])
    double = [sk.KnotVector.clamped([0, 0.3, 1], 3, often) for often in (3, 2)]
    rough, smooth = (sk.KAN.chain([sk.SplineLayer(2, 1, knots)]) for knots in double)
    assert sk.PINN(smooth, [sk.Block(HEAT, points)]).value(np.zeros(smooth.n_parameters)) >= 0
    with pytest.raises(ValueError, match="of degree 3 jump at inner knots of multiplicity 3"):
        sk.PINN(rough, [sk.Block(HEAT, points)])
    with pytest.raises(ValueError, match="from 3 inputs"):
        sk.PINN(net, [sk.Block(HEAT, points)], extra=(sp.Abs(X),))
    with pytest.raises(ValueError, match="blocks must not be empty"):
        sk.PINN(net, [])
    with pytest.raises(ValueError, match="negative"):
        sk.Block(HEAT, points, -1.0)
    with pytest.raises(ValueError, match="weight"):
        sk.Block(HEAT, points, np.ones(2))
    with pytest.raises(ValueError, match="shape"):
        sk.Block(HEAT, points[:, :1])
    with pytest.raises(ValueError, match="order 1 to 4"):
        Directions((5,))
    other = sk.Equation(sp.Function("w")(T, X), sp.Function("w")(T, X), (T, X))
    with pytest.raises(ValueError, match="variables"):
        sk.PINN(net, [sk.Block(HEAT, points), sk.Block(other, points)])


def test_smoothing_adds_its_rows_to_every_product():
    plain, theta, rng = problem(NETWORKS["splines"])
    net = plain.network
    objective = sk.PINN(net, plain.blocks, smoothing=0.3)
    d = net.roughness.toarray()
    penalty = 0.15 * np.sum((d @ theta) ** 2)
    assert objective.value(theta) == pytest.approx(plain.value(theta) + penalty)
    value, gradient, matrix = objective.normal_equations(theta)
    _, plain_gradient, plain_matrix = plain.normal_equations(theta)
    assert value == pytest.approx(plain.value(theta) + penalty)
    np.testing.assert_allclose(gradient, plain_gradient + 0.3 * d.T @ (d @ theta), atol=1e-8)
    np.testing.assert_allclose(matrix, plain_matrix + 0.3 * d.T @ d, atol=1e-8)
    np.testing.assert_allclose(objective.gradient(theta), gradient, atol=1e-8)
    _, upper, rotated = objective.triangular_factor(theta)
    np.testing.assert_allclose(upper.T @ upper, matrix, atol=1e-10 * matrix.max())
    np.testing.assert_allclose(upper.T @ rotated, gradient, atol=1e-10 * matrix.max())
    total, r, rows = objective.linearized(theta)
    v = rng.normal(size=theta.shape)
    assert total == pytest.approx(value)
    assert len(r) == objective.n_residuals == plain.n_residuals + len(d)
    np.testing.assert_allclose(rows.rmatvec(rows.matvec(v)), matrix @ v, atol=1e-9 * matrix.max())
    np.testing.assert_allclose(rows.column_squares(), np.diag(matrix), atol=1e-9 * matrix.max())
    np.testing.assert_allclose(rows.toarray().T @ r, gradient, atol=1e-9 * matrix.max())
    with pytest.raises(ValueError, match="smoothing"):
        sk.PINN(net, plain.blocks, smoothing=-1.0)


def test_attention_weighs_large_residuals(monkeypatch):
    objective, theta, _ = problem(NETWORKS["splines"])
    attention = Attention(objective, (0, 2), 0.25)
    first, gradient = attention.value_and_gradient(theta)
    assert first == pytest.approx(objective.value(theta))
    np.testing.assert_allclose(gradient, objective.gradient(theta))
    block = objective.blocks[0]
    size = np.abs(objective.residual(theta)[: len(block.points)] / np.sqrt(block.weight))
    np.testing.assert_allclose(attention.multipliers[0], 0.75 + 0.25 * size / size.max())
    # The value at fixed multipliers is what the gradient belongs to, chunk by chunk too.
    fixed = Attention(objective, (0, 2), 0.0)
    fixed.multipliers = {number: values.copy() for number, values in attention.multipliers.items()}
    monkeypatch.setattr("splinekan.objectives.pinn.CHUNK_BYTES", 1)
    _, gradient = fixed.value_and_gradient(theta)
    v, step = np.random.default_rng(0).normal(size=theta.shape), 1e-6
    change = (fixed.value(theta + step * v) - fixed.value(theta - step * v)) / (2 * step)
    assert gradient @ v == pytest.approx(change, rel=1e-6)
    with pytest.raises(ValueError, match="block"):
        Attention(objective, (3,))
    with pytest.raises(ValueError, match="rate"):
        Attention(objective, rate=2.0)


def test_a_variable_may_enter_through_a_function_only():
    """cos(pi x) in place of x: the network is even and periodic."""
    net = sk.KAN.splines([2, 3, 1], 5, 4, (-1.0, 1.0))
    theta, _, rng = start(net)
    objective = sk.PINN(
        net, [sk.Block(HEAT, rng.uniform(0, 1, (5, 2)))], (sp.cos(sp.pi * X),), (None, (0, 1))
    )
    points = rng.uniform(0.1, 0.9, (6, 2))
    inside = np.stack([2 * points[:, 1] - 1, np.cos(np.pi * points[:, 0])], axis=1)
    np.testing.assert_allclose(objective.solution(theta, points), net(theta, inside))
    np.testing.assert_allclose(
        objective.solution(theta, points * [-1, 1] + [2, 0]), net(theta, inside), atol=1e-12
    )
    with pytest.raises(ValueError, match="bounds must hold"):
        sk.PINN(net, [sk.Block(HEAT, points)], (sp.cos(sp.pi * X),), (None,))


POINTS = np.random.default_rng(5).uniform(-0.9, 0.9, (6, 2))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((3, POINTS), "equation must be of type Equation"),
        ((HEAT, "a"), "points must be an array of real numbers"),
        ((HEAT, 3), "points must have shape"),
        ((HEAT, POINTS[:0]), "points must not be empty"),
        ((HEAT, np.ma.masked_array(POINTS)), "points must not be a masked array"),
        ((HEAT, POINTS * 1j), "points must be an array of real numbers"),
        ((HEAT, POINTS * np.nan), "points must be finite"),
        ((HEAT, POINTS, np.ma.ones(6)), "weight must not be a masked array"),
        ((HEAT, POINTS, "a"), "weight must be"),
        ((HEAT, POINTS, np.inf), "weight must be finite"),
        ((HEAT, POINTS, np.ones((6, 1))), "weight must be one number or"),
        ((HEAT, POINTS, 1.0, POINTS[:3]), "minus must have the shape of points"),
        ((HEAT, POINTS, 1.0, "a"), "minus must be"),
    ],
)
def test_arguments_of_a_block(arguments, words):
    with pytest.raises((TypeError, ValueError), match=words):
        sk.Block(*arguments)
    if len(arguments) < 3:
        with pytest.raises((TypeError, ValueError), match=words):
            sk.Block.mean(*arguments)


def test_a_block_keeps_its_own_arrays():
    points, weight = POINTS.copy(), np.ones(6)
    block = sk.Block(HEAT, points, weight, points)
    points[:], weight[:] = 7, 7
    np.testing.assert_array_equal(block.points, POINTS)
    np.testing.assert_array_equal(block.minus, POINTS)
    np.testing.assert_array_equal(block.weight, 1)
    one = sk.Block(HEAT, POINTS, 2.0).weight
    assert one.strides == (8,)
    one[0] = 3.0
    np.testing.assert_array_equal(one, [3, 2, 2, 2, 2, 2])
    time = sp.Symbol("t", nonnegative=True)
    decay = sk.Equation(sp.Function("u")(time), sp.Function("u")(time), (time,))
    assert len(sk.Block(decay, [[0.0], [1.0]]).points) == 2
    with pytest.raises(ValueError, match="points must have t >= 0"):
        sk.Block(decay, [[0.0], [-1.0]])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"network": 3}, "network must be of type KAN"),
        ({"blocks": 3}, "blocks must be a sequence"),
        ({"blocks": (3,)}, r"blocks\[0\] must be of type Block"),
        ({"blocks": HEAT}, "blocks must be a sequence"),
        ({"extra": 3}, "extra must be a sequence"),
        ({"extra": (3j,)}, r"extra\[0\]"),
        ({"bounds": (0,)}, "bounds must hold an interval"),
        ({"bounds": 3}, "bounds must be a sequence"),
        ({"cost": 0}, "cost must be positive"),
        ({"cost": "a"}, "cost must be a real number"),
        ({"smoothing": np.nan}, "smoothing must be finite"),
    ],
)
def test_arguments_of_a_pinn(arguments, words):
    with pytest.raises((TypeError, ValueError), match=words):
        sk.PINN(**{"network": NETWORKS["splines"], "blocks": [sk.Block(HEAT, POINTS)], **arguments})


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_lengths_of_vectors(smoothing):
    net = NETWORKS["splines"]
    objective = sk.PINN(net, [sk.Block(HEAT, POINTS)], smoothing=smoothing)
    theta = np.zeros(net.n_parameters)
    names = ("value", "values", "gradient", "value_and_gradient", "residual", "jacobian", "normal_equations")
    names += ("triangular_factor", "linearized", "parts")
    calls = [getattr(objective, name) for name in names]
    calls += [getattr(Attention(objective), name) for name in ("value", "value_and_gradient")]
    calls += [objective.penalty.value]
    calls += [lambda theta: objective.solution(theta, POINTS)]
    for call in calls:
        for wrong in (
            theta[:-1],
            np.append(theta, 0),
            theta[:, None],
            "a",
            theta * 1j,
            np.ma.masked_array(theta),
        ):
            with pytest.raises((TypeError, ValueError), match="theta must"):
                call(wrong)
    _, r, rows = objective.linearized(theta)
    assert rows.shape == (objective.n_residuals, net.n_parameters)
    for wrong in (theta[:-1], np.append(theta, 0), "a"):
        with pytest.raises((TypeError, ValueError), match="v must"):
            rows.matvec(wrong)
    for wrong in (r[:-1], np.append(r, 0), "a"):
        with pytest.raises((TypeError, ValueError), match="r must"):
            rows.rmatvec(wrong)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((3,), "problem must be of type PINN"),
        ((None, 3), "blocks must be a sequence"),
        ((None, ()), "blocks must not be empty"),
        ((None, (0.0,)), r"blocks\[0\] must be an integer"),
        ((None, (-1,)), r"blocks\[0\] must be between"),
        ((None, (0,), "a"), "rate must be a real number"),
    ],
)
def test_arguments_of_attention(arguments, words):
    objective = sk.PINN(NETWORKS["splines"], [sk.Block(HEAT, POINTS)])
    with pytest.raises((TypeError, ValueError), match=words):
        Attention(arguments[0] or objective, *arguments[1:])


def test_attention_keeps_smoothing_and_survives_a_diverged_step():
    objective, theta, _ = problem(NETWORKS["splines"])
    smooth = sk.PINN(objective.network, objective.blocks, smoothing=0.3)
    attention = Attention(smooth, (0,), 0.5)
    value, gradient = smooth.value_and_gradient(theta)
    found, slope = attention.value_and_gradient(theta * np.nan)
    assert np.isnan(found)
    np.testing.assert_array_equal(attention.multipliers[0], 1)
    assert attention.value(theta) == pytest.approx(value)
    found, slope = attention.value_and_gradient(theta)
    assert found == pytest.approx(value)
    np.testing.assert_allclose(slope, gradient, atol=1e-10 * np.abs(gradient).max())


@pytest.mark.parametrize("through", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_a_copied_pinn_gives_the_same_bits(through):
    net = sk.KAN.splines([3, 3, 1], 5, 4, (-1.0, 1.0))
    objective = sk.PINN(net, [sk.Block(HEAT, POINTS)], (sp.Abs(X),), smoothing=0.1)
    theta = np.random.default_rng(1).normal(size=net.n_parameters)
    one, other = (o.value_and_gradient(theta) for o in (objective, through(objective)))
    assert one[0] == other[0]
    assert one[1].tobytes() == other[1].tobytes()


@pytest.mark.parametrize("lengths", [(1.0, 0.25), (1e9, 1e-6), (1e-12, 1.0)])
def test_mixed_derivatives_of_variables_on_unlike_scales(lengths):
    # The same equation in units of (-1, 1)^2 and of (-h_x, h_x) x (-h_t, h_t).
    net = sk.KAN.splines([2, 3, 1], 4, 4, (-1, 1))
    theta = sk.initialize(net, 0, "greville")
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2))

    def problem(x, t):
        residual = x * t * U.diff(X, T) + x**2 * U * U.diff(X, 2) + t * U.diff(T)
        blocks = [sk.Block(sk.Equation(residual, U, (X, T)), points * [x, t])]
        return sk.PINN(net, blocks, bounds=[(-x, x), (-t, t)])

    want, got = problem(1.0, 1.0), problem(*lengths)
    size = np.abs(want.residual(theta)).max()
    np.testing.assert_allclose(got.residual(theta), want.residual(theta), atol=1e-13 * size)
    J = want.jacobian(theta)
    np.testing.assert_allclose(got.jacobian(theta), J, atol=1e-13 * np.abs(J).max())
    np.testing.assert_allclose(got.gradient(theta), want.gradient(theta), atol=1e-12 * size * np.abs(J).max())
