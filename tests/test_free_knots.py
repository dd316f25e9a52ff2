"""Derivatives with respect to knots against exact rationals and differences; knots that move."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import scipy

import splinekan as sk
from splinekan.multilevel.knot_spacings import KnotSpacings
from splinekan.network import knot_jacobian
from splinekan.network.knot_derivatives import knot_groups, with_knots
from splinekan.splines.knot_derivatives import knot_derivative_matrix

MODES = ("linear", "polynomial", "clamp", "zero")
POINTS = [0, Fraction(1, 8), Fraction(1, 3), Fraction(5, 8), Fraction(3, 4), 1]


def vector(points, k, kind):
    """Knots of a kind on the breakpoints."""
    points = [float(p) for p in points]
    if kind == "repeated":
        return sk.KnotVector.clamped(points, k, [1, min(2, k), 1, min(3, k)])
    if kind == "clamped":
        return sk.KnotVector.clamped(points, k)
    return sk.KnotVector.extended(points, k, periodic=kind == "periodic")


def displaced(knots, j, h):
    """The knots with the j-th inner breakpoint moved by h; the ghost knots stay, periodic ones follow."""
    points = knots.breakpoints.copy()
    points[j + 1] += h
    inner = np.repeat(points, np.concatenate([[1], knots.multiplicities, [1]]))
    if knots.periodic:
        return sk.KnotVector._cyclic(inner, knots.degree)
    k = knots.degree
    return sk.KnotVector(np.concatenate([knots.t[:k], inner, knots.t[len(knots.t) - k :]]), k)


def exact_spline(t, k, c, x):
    """sum_i c_i b_i(x) by the recursion of de Boor and Cox, in rationals."""
    last = len(t) - k - 2
    span = max(i for i in range(k, last + 1) if t[i] <= x and t[i] < t[i + 1])
    d = [c[span - k + j] for j in range(k + 1)]
    for level in range(1, k + 1):
        for j in range(k, level - 1, -1):
            left, right = t[span - k + j], t[span + j - level + 1]
            share = (x - left) / (right - left)
            d[j] = (1 - share) * d[j - 1] + share * d[j]
    return d[k]


@pytest.mark.parametrize("k", [1, 2, 3, 5, 7])
def test_derivatives_against_exact_rational_differences(k):
    """Central differences in rationals, to the limit by Richardson."""
    rng = np.random.default_rng(k)
    c = [Fraction(int(n), 7) for n in rng.integers(-20, 20, len(POINTS) - 1 + k)]
    knots = vector(POINTS, k, "extended")
    xs = [Fraction(n, 61) for n in range(61)]
    got = sk.knot_derivatives(knots, [float(v) for v in c], [float(x) for x in xs])
    t = [Fraction(v) for v in knots.t.tolist()]
    for j in range(got.shape[1]):
        for n, x in enumerate(xs):
            x = Fraction(float(x))
            estimates = []
            for h in (Fraction(1, 2**12), Fraction(1, 2**13), Fraction(1, 2**14)):
                ends = []
                for sign in (1, -1):
                    moved = list(t)
                    moved[k + 1 + j] += sign * h
                    ends.append(exact_spline(moved, k, c, x))
                estimates.append((ends[0] - ends[1]) / (2 * h))
            if abs(x - t[k + 1 + j]) < Fraction(1, 2**11):
                continue
            once = [(4 * b - a) / 3 for a, b in pairwise(estimates)]
            limit = (16 * once[1] - once[0]) / 15
            assert abs(float(limit) - got[n, j]) < 1e-9 * (1 + np.abs(got).max())


@pytest.mark.parametrize("kind", ["extended", "clamped", "repeated", "periodic"])
@pytest.mark.parametrize("mode", MODES)
def test_continuations_and_kinds_of_knots_against_central_differences(kind, mode):
    rng, h = np.random.default_rng(0), 1e-5
    for k in (1, 2, 3, 4):
        knots = vector(POINTS, k, kind)
        c, x = rng.normal(size=(knots.n_basis, 2)), rng.uniform(-0.4, 1.4, 150)
        x = x[np.abs(x[:, None] - knots.breakpoints).min(axis=1) > 2 * h]
        got = sk.knot_derivatives(knots, c, x, extrapolate=mode)
        for j in range(knots.intervals - 1):
            ends = [sk.BSplineBasis(displaced(knots, j, s), extrapolate=mode).evaluate(c, x) for s in (h, -h)]
            difference = (ends[0] - ends[1]) / (2 * h)
            scale = np.abs(got).max()
            near = np.abs(x - knots.breakpoints[j + 1]) < 0.02  # a jump of a higher derivative is near
            assert np.abs(difference - got[:, j])[~near].max() < 1e-6 * scale
            assert np.abs(difference - got[:, j]).max() < 1e-2 * scale


def test_moving_all_knots_moves_the_spline():
    """The sum over all breakpoints is minus the derivative; where the ends do not reach, over the inner."""
    for k in (1, 2, 3, 5):
        knots = sk.KnotVector.uniform(0, 1, 4 * k, k)
        c = np.random.default_rng(k).normal(size=knots.n_basis)
        x = np.linspace(*knots.breakpoints[[k + 1, -k - 2]], 41)[:-1] + 1e-3
        total = sk.knot_derivatives(knots, c, x).sum(axis=1)
        assert np.allclose(total, -sk.BSplineBasis(knots).evaluate(c, x, 1), rtol=0, atol=1e-11)


def test_constants_do_not_depend_on_knots():
    """Their coefficients are equal, and the differences vanish."""
    x = np.linspace(-1, 2, 50)
    for kind in ("extended", "clamped", "periodic", "repeated"):
        knots = vector(POINTS, 3, kind)
        assert np.abs(sk.knot_derivatives(knots, np.ones(knots.n_basis), x)).max() < 1e-13


def test_the_formula_entry_by_entry():
    """-1/k times coefficients of the derivative, on the knots with t_j doubled."""
    k = 3
    knots = vector(POINTS, k, "clamped")
    c = np.random.default_rng(3).normal(size=knots.n_basis)
    x = np.linspace(0, 0.999, 200)
    got = sk.knot_derivatives(knots, c, x)
    t = knots.t
    for j in range(k + 1, len(t) - k - 1):
        doubled = np.insert(t, j, t[j])
        d = np.zeros(len(c) + 1)
        for l in range(j - k, j + 1):
            d[l] = (c[l - 1] - c[l]) / (t[l + k] - t[l])
        want = scipy.interpolate.BSpline(doubled, d, k)(x)
        assert np.allclose(got[:, j - k - 1], want, rtol=0, atol=1e-12 * np.abs(want).max())


def test_knots_that_have_no_derivative_are_refused():
    c = np.zeros(4)
    with pytest.raises(ValueError, match="degree must be at least 1"):
        sk.knot_derivatives(sk.KnotVector.uniform(0, 1, 4, 0), c, [0.5])
    with pytest.raises(ValueError, match="inner breakpoint"):
        sk.knot_derivatives(sk.KnotVector.uniform(0, 1, 1, 3), c, [0.5])
    with pytest.raises(ValueError, match="at most degree = 1 times"):
        sk.knot_derivatives(sk.KnotVector.clamped([0, 1, 2], 1, 2), c, [0.5])
    with pytest.raises(ValueError, match="c must have shape"):
        sk.knot_derivatives(sk.KnotVector.uniform(0, 1, 2, 1), c, [0.5])
    with pytest.raises(ValueError, match="outside the domain"):
        sk.knot_derivatives(sk.KnotVector.uniform(0, 1, 2, 2), c, [1.5], extrapolate="error")


# Networks


def networks():
    mixed = sk.KAN(
        [
            sk.SplineLayer(3, 2, [vector(POINTS, 3, kind) for kind in ("periodic", "repeated", "repeated")]),
            sk.Sum([sk.SplineLayer(2, 2, sk.KnotVector.uniform(-1, 1, 3, 3), base="silu"), sk.Affine(2, 2)]),
            sk.Affine(2, 2),
        ]
    )
    yield "mixed", mixed
    for basis in ("spline", "relu"):
        for k in (1, 3):
            yield f"{basis} {k}", sk.KAN.splines([2, 3, 2], k, 4, basis=basis)
    yield "affine first", sk.KAN.affine_first([2, 3, 1], 2, 5)


@pytest.mark.parametrize(("name", "network"), list(networks()))
@pytest.mark.parametrize("shared", [True, False])
def test_hidden_layers_against_central_differences(name, network, shared):
    rng, h = np.random.default_rng(0), 1e-6
    theta, x = sk.initialize(network, 0, noise=0.5), rng.uniform(-0.1, 1.1, (80, network.n_in))
    groups = knot_groups(network, shared=shared)
    for group, got in zip(groups, knot_jacobian(network, theta, x, shared=shared), strict=True):
        layer = network._splines[group.leaf][1]
        assert got.shape == (80, network.n_out, group.n_free)
        for j in range(group.n_free):
            ends = []
            for s in (h, -h):
                knots = list(layer.knots)
                for p in group.inputs:
                    knots[p] = displaced(group.knots, j, s)
                ends.append(with_knots(network, {group.leaf: knots})(theta, x))
            error = np.abs((ends[0] - ends[1]) / (2 * h) - got[:, :, j])
            assert np.quantile(error, 0.95) < 1e-6 * np.abs(theta).max()  # the others are at a knot


def test_shared_knots_have_the_sum_of_the_derivatives_of_every_input():
    network = sk.KAN.splines([3, 2], 2, 4)
    theta, x = sk.initialize(network, 1, "noise"), np.random.default_rng(0).uniform(0, 1, (20, 3))
    (together,) = knot_jacobian(network, theta, x)
    alone = knot_jacobian(network, theta, x, shared=False)
    assert len(alone) == 3
    assert np.allclose(together, sum(alone), rtol=0, atol=1e-13)


# Knots as functions of unknowns


@pytest.mark.parametrize("kind", ["log-ratios", "knots"])
def test_spacings_hit_the_start_and_have_the_jacobian_of_differences(kind):
    knots = vector(POINTS, 3, "repeated")
    spacings = KnotSpacings(knots, 1e-3, kind)
    unknowns = spacings.unknowns()
    assert np.allclose(spacings.breakpoints(unknowns), knots.breakpoints, rtol=0, atol=1e-15)
    assert np.array_equal(spacings.knots(unknowns).multiplicities, knots.multiplicities)
    h = 1e-6
    for j, unit in enumerate(np.eye(len(unknowns))):
        ends = [spacings.breakpoints(unknowns + s * unit)[1:-1] for s in (h, -h)]
        column = spacings.jacobian(unknowns)[:, j]
        assert np.allclose((ends[0] - ends[1]) / (2 * h), column, rtol=0, atol=1e-9)


def test_every_value_of_the_log_ratios_is_admissible_and_the_least_spacing_holds():
    knots = sk.KnotVector.uniform(-2, 3, 9, 2)
    spacings = KnotSpacings(knots, 0.01, "log-ratios")
    for scale in (1.0, 10.0, 1e3, 1e6):
        points = spacings.breakpoints(scale * np.random.default_rng(0).normal(size=8))
        assert np.diff(points).min() >= 0.01 * 5 / 9 * (1 - 1e-9)
        assert (points[0], points[-1]) == (-2, 3)
    disorder = KnotSpacings(knots, 0.01, "knots")
    assert disorder.breakpoints(disorder.unknowns()[::-1].copy()) is None


# Problems


def ridge(n=200, seed=0):
    x = np.random.default_rng(seed).uniform(0, 1, (n, 2))
    return x, np.tanh(6 * (x[:, :1] + x[:, 1:] - 1))


@pytest.mark.parametrize("loss", [None, sk.Huber(0.1), sk.Logistic()])
@pytest.mark.parametrize("unknowns", ["log-ratios", "knots"])
def test_gradient_normal_equations_and_factor_agree(loss, unknowns):
    x, y = ridge()
    network = sk.KAN.splines([2, 2, 1], 2, 4)
    weights = np.linspace(0.5, 2, len(x))
    if loss is None:
        objective = sk.LeastSquares(network, x, y, weights)
    else:
        objective = sk.DataLoss(network, x, y / 2 + 0.5, weights, loss=loss)
    problem = sk.FreeKnots(objective, shared=False, unknowns=unknowns)
    rng = np.random.default_rng(1)
    z = problem.start(sk.initialize(network, 0, noise=0.3))
    z[-problem.n_free :] += 0.02 * rng.normal(size=problem.n_free)
    value, gradient = problem.value_and_gradient(z)
    assert value == pytest.approx(problem.value(z), rel=1e-14)
    for _ in range(3):
        v, h = rng.normal(size=len(z)), 1e-6
        slope = (problem.value(z + h * v) - problem.value(z - h * v)) / (2 * h)
        assert slope == pytest.approx(gradient @ v, abs=1e-6 * np.abs(gradient).max())
    _, same, matrix = problem.normal_equations(z)
    _, upper, rotated = problem.triangular_factor(z)
    _, rho, rows = problem.linearized(z)
    scale = np.abs(matrix).max()
    assert np.allclose(same, gradient, rtol=0, atol=1e-12 * np.abs(gradient).max())
    assert np.allclose(upper.T @ upper, matrix, rtol=0, atol=1e-13 * scale)
    assert np.allclose(upper.T @ rotated, gradient, rtol=0, atol=1e-10 * np.abs(gradient).max())
    assert np.allclose(rows.normal_matrix(), matrix, rtol=0, atol=1e-13 * scale)
    assert np.allclose(rows.rmatvec(rho), gradient, rtol=0, atol=1e-10 * np.abs(gradient).max())


def test_the_start_is_the_network_that_was_given():
    x, y = ridge()
    network = sk.KAN.affine_first([2, 3, 1], intervals=5)
    objective = sk.LeastSquares(network, x, y)
    problem, theta = sk.FreeKnots(objective), sk.initialize(network, 0)
    z = problem.start(theta)
    assert problem.network(z) is network
    assert problem.value(z) == objective.value(theta)
    assert (problem.n_parameters, problem.n_free) == (network.n_parameters + 4, 4)


@pytest.mark.parametrize("optimizer", [sk.LevenbergMarquardt(), sk.VariableProjection(), sk.LBFGS()])
def test_every_optimiser_lowers_the_loss_at_every_step(optimizer):
    x, y = ridge()
    network = sk.KAN.affine_first([2, 2, 1], degree=2, intervals=4)
    problem = sk.FreeKnots(sk.LeastSquares(network, x, y, reduction="mean"))
    result = optimizer.minimize(problem, problem.start(sk.initialize(network, 0)), iterations=25)
    assert (np.diff(result.history.loss) <= 0).all()
    assert result.value == pytest.approx(float(np.mean((result.model(x) - y) ** 2)), rel=1e-12)


def test_a_kink_is_found_and_the_least_squares_fit_is_exact():
    """|x - 0.3| is a spline of degree 1 with a knot at 0.3."""
    x = np.linspace(0, 1, 301)[:, None]
    y = np.abs(x - 0.3)
    network = sk.KAN.splines([1, 1], 1, 3)
    model = sk.Model(network, np.zeros(4))
    moved = sk.free_knots(model, x, y, iterations=100)
    points = moved.network.layers[0].knots[0].breakpoints
    assert np.abs(points - 0.3).min() < 1e-6
    assert np.abs(moved(x) - y).max() < 1e-6


def test_degrees_of_freedom_against_scipy_on_the_reduced_functional():
    """The same minimum as least_squares over the knots alone, with splines fitted by SciPy."""
    x = np.linspace(0, 1, 400)
    y = np.tanh(20 * (x - 0.43))
    network = sk.KAN.splines([1, 1], 3, 5, extrapolate="linear")
    spacings = KnotSpacings(network.layers[0].knots[0], 1e-3, "log-ratios")

    def residual(kappa):
        knots = spacings.knots(kappa)
        table = sk.BSplineBasis(knots).tabulate(x)
        return table @ np.linalg.lstsq(table, y, rcond=None)[0] - y

    # From 0 the first trust region of SciPy, relative to the start, would be empty.
    twin = scipy.optimize.least_squares(residual, spacings.unknowns() + 0.1, xtol=1e-12, ftol=1e-12)
    problem = sk.FreeKnots(sk.LeastSquares(network, x[:, None], y))
    result = sk.VariableProjection().minimize(problem, problem.start(np.zeros(8)), iterations=200)
    assert result.value == pytest.approx(twin.cost, rel=1e-6)


@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_a_moved_model_is_nested_in_its_refinements(basis):
    x, y = ridge()
    network = sk.KAN.splines([2, 2, 1], 3, 4, basis=basis)
    model = sk.Model(network, sk.initialize(network, 0, "greville"), names=("a", "b"))
    moved = sk.free_knots(model, x, y, iterations=8)
    before = np.mean((model(x) - y) ** 2)
    assert np.mean((moved(x) - y) ** 2) < 0.5 * before
    assert moved.names == ("a", "b")
    assert moved.basis == basis
    assert not moved.network.layers[0].knots[0].is_uniform
    fine = moved.refine()
    P = moved.network.prolongation(fine.network)
    scale = np.abs(moved(x)).max()
    assert np.abs(fine(x) - moved(x)).max() < 1e-9 * scale * (1 if basis == "spline" else 1e3)
    assert np.allclose(P @ moved.theta, fine.theta, rtol=0, atol=1e-12 * np.abs(fine.theta).max())


def test_the_given_model_is_returned_where_nothing_is_gained():
    x = np.linspace(0, 1, 50)[:, None]
    network = sk.KAN.splines([1, 1], 2, 4)
    theta = np.linspace(0, 1, 6)
    model = sk.Model(network, theta)
    assert sk.free_knots(model, x, model(x), iterations=5) is model
    assert sk.free_knots(model, x, np.sin(x), iterations=0, optimizer=sk.LevenbergMarquardt()) is model


def test_layers_can_be_chosen_and_other_losses_are_trained():
    x, y = ridge()
    network = sk.KAN.splines([2, 2, 1], 2, 4)
    model = sk.Model(network, sk.initialize(network, 0, "greville"))
    moved = sk.free_knots(model, x, y, layers=[1], iterations=5)
    assert moved.network.layers[0].knots == network.layers[0].knots
    assert moved.network.layers[1].knots != network.layers[1].knots
    objective = sk.DataLoss(network, x, y, loss=sk.Huber(0.1), reduction="mean")
    robust = sk.free_knots(model, x, y, loss=sk.Huber(0.1), iterations=5)
    on = sk.DataLoss(robust.network, x, y, loss=sk.Huber(0.1), reduction="mean")
    assert on.value(robust.theta) < objective.value(model.theta)


def test_bad_arguments_are_refused():
    x, y = ridge(20)
    network = sk.KAN.splines([2, 1], 2, 4)
    objective = sk.LeastSquares(network, x, y)
    with pytest.raises(ValueError, match="smoothing 0"):
        sk.FreeKnots(sk.LeastSquares(network, x, y, smoothing=1.0))
    with pytest.raises(ValueError, match="least must be below"):
        sk.FreeKnots(objective, least=1.0)
    close = sk.LeastSquares(sk.KAN([sk.SplineLayer(2, 1, sk.KnotVector.clamped([0, 1e-5, 1], 2))]), x, y)
    with pytest.raises(ValueError, match="relative to the mean spacing"):
        sk.FreeKnots(close)
    with pytest.raises(ValueError, match=r"layers must be numbers of spline layers, \[0\]"):
        sk.FreeKnots(objective, layers=[1])
    with pytest.raises(ValueError, match="inner breakpoints"):
        sk.FreeKnots(sk.LeastSquares(sk.KAN.splines([2, 1], 2, 1), x, y))
    with pytest.raises(ValueError, match="inner breakpoints"):
        sk.FreeKnots(sk.LeastSquares(sk.KAN([sk.Affine(2, 1)]), x, y))
    with pytest.raises(ValueError, match="unknowns"):
        sk.FreeKnots(objective, unknowns="softmax")
    with pytest.raises(ValueError, match="none but the native"):
        sk.LBFGS(geometry="relu").minimize(sk.FreeKnots(objective), np.zeros(15), iterations=1)
    problem = sk.FreeKnots(objective, unknowns="knots")
    z = problem.start(np.zeros(12))
    z[-3:] = [0.5, 0.4, 0.6]
    assert np.isnan(problem.value(z))
    with pytest.raises(ValueError, match="in order"):
        problem.network(z)


def test_matrices_of_knots_are_kept_by_content():
    knots = sk.KnotVector.uniform(0, 1, 5, 3)
    assert knot_derivative_matrix(knots) is knot_derivative_matrix(sk.KnotVector(knots.t, 3))


def test_models_of_fit_keep_their_loss_and_lose_their_penalties():
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, (200, 1))
    y = np.tanh(20 * x[:, 0]) + 0.05 * rng.normal(size=200)
    model = sk.fit(x, y, hidden=(), levels=1)
    moved = sk.free_knots(model, x, y, iterations=10)
    assert moved.record.weights == moved.record.noise == ()
    assert moved.record.choices[-1].quantity == "knots"
    assert model.record.weights
    labels = (y > 0).astype(float)
    classifier = sk.fit(x, labels, hidden=(), levels=1, loss="logistic")
    with pytest.raises(ValueError, match="loss must be given: the model was fitted with the loss 'logistic'"):
        sk.free_knots(classifier, x, labels)
    with pytest.raises(ValueError, match="objective must be given"):
        sk.adapt(classifier, x, labels)


def test_what_no_weighted_sample_determines_keeps_its_function():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (500, 1))
    y = np.sin(6 * x)
    network = sk.KAN.splines([1, 1], intervals=8)
    start = np.zeros(network.n_parameters)
    model = sk.LevenbergMarquardt().minimize(sk.LeastSquares(network, x, y), start, iterations=10).model
    weights = (x[:, 0] < 0.5) * 1.0
    layers = sk.KAN([sk.Affine(1, 1), *network.layers])
    deep = sk.Model(layers, np.concatenate([[1.0, 0.0], model.theta]))
    problem = sk.LeastSquares(layers, x, y, weights)
    away = np.flatnonzero(layers.jacobian(deep.theta, x[weights > 0]).column_squares() == 0)
    assert len(away) >= 3
    for nearest, same in ((True, True), (False, False)):
        method = sk.VariableProjection(nearest=nearest)
        found = method.minimize(problem, deep.theta + 1e-3, iterations=1).theta
        kept = away[1:]  # the affine map may move samples into the first
        assert np.allclose(found[kept], deep.theta[kept] + 1e-3) == same


def test_samples_in_float32_are_refused_by_projection_and_taken_by_free_knots():
    x = np.random.default_rng(0).uniform(0, 1, (300, 1))
    y = np.abs(x - 0.4)
    network = sk.KAN.splines([1, 2, 1], intervals=3)
    problem = sk.LeastSquares(network, x.astype(np.float32), y)
    theta = sk.initialize(network, 0, "greville")
    with pytest.raises(ValueError, match="must have samples in float64, got float32"):
        sk.VariableProjection().minimize(problem, theta, iterations=3)
    model = sk.Model(network, theta)
    moved = sk.free_knots(model, x.astype(np.float32), y, iterations=5)
    assert np.mean((moved(x) - y) ** 2) < np.mean((model(x) - y) ** 2)
