"""Local refinement: exact, graded, within budget; indicators against brute force; adaptive loops that end."""

import itertools

import cases
import numpy as np
import pytest
import sympy

import splinekan as sk
from splinekan._blas import one
from splinekan.equations.collocation import collocation
from splinekan.model.refinement import closure, sites
from splinekan.multilevel import (
    bulk_marking,
    curvature_indicator,
    gauss_newton_indicator,
    jump_indicator,
    maximum_marking,
    residual_indicator,
)

NETWORKS = {name: net for name, net in cases.networks().items() if net.intervals}
INDICATORS = (residual_indicator, jump_indicator, curvature_indicator, gauss_newton_indicator)


def drawn(net, seed=0, size=0.3):
    return sk.Model(net, size * np.random.default_rng(seed).normal(size=net.n_parameters))


def some_marks(model, rng):
    return {
        key: rng.choice(site.layer.knots[key[1]].intervals, 1)
        for key, site in sites(model.network).items()
        if rng.uniform() < 0.7
    }


def ratio(knots):
    """The largest ratio of the widths of neighbours."""
    widths = np.diff(knots.breakpoints)
    widths = np.append(widths, widths[0]) if knots.periodic else widths
    return np.exp(np.abs(np.diff(np.log(widths))).max(initial=0.0))


# Refinement


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_marked_refinement_leaves_the_function_as_it_is(name, basis):
    net = NETWORKS[name]
    if basis == "relu" and not cases.has_relu_basis(net):
        return
    rng = np.random.default_rng(1)
    model = finer = drawn(net).with_basis(basis)
    x = rng.uniform(-0.4, 1.4, (200, 2))
    for _ in range(2):
        finer = finer.refine(marked=some_marks(finer, rng))
    assert finer.n_parameters > model.n_parameters
    scale = np.abs(finer.theta).max() if basis == "relu" else np.abs(model(x)).max()
    assert np.abs(finer(x) - model(x)).max() <= 1e-12 * max(scale, 1.0)
    assert [layer.basis for layer in finer.network.layers if hasattr(layer, "basis")] == [
        layer.basis for layer in model.network.layers if hasattr(layer, "basis")
    ]


@pytest.mark.parametrize("periodic", [False, True])
def test_knots_stay_graded_and_grow_little(periodic):
    rng = np.random.default_rng(0)
    knots = sk.KnotVector.uniform(0, 1, 6, 3, periodic=periodic)
    model = drawn(sk.KAN([sk.SplineLayer(1, 1, knots)]))
    marks = 0
    for _ in range(40):
        model = model.refine(marked={(0, 0): [rng.integers(knots.intervals)]})
        knots = model.network.layers[0].knots[0]
        marks += 1
        assert ratio(knots) <= 2.0001
    assert knots.intervals <= 6 + 3 * marks  # closure adds a bounded multiple


def test_refinement_towards_a_point_needs_few_intervals():
    model = drawn(sk.KAN.splines([1, 1], intervals=4))
    for _ in range(20):
        model = model.refine(marked={(0, "x"): [0]})
    widths = np.diff(model.network.layers[0].knots[0].breakpoints)
    assert widths[0] == 2.0**-22
    assert len(widths) == 24  # no neighbour had to follow
    assert np.array_equal(widths, [2.0**-22, *2.0 ** np.arange(-22.0, -2), 0.25, 0.25, 0.25])


def naive_closure(points, marked, periodic):
    """Halve the marked intervals, then any that is too wide beside one that was halved, one at a time."""
    cells = [(a, b, m) for a, b, m in zip(points[:-1], points[1:], marked, strict=True)]
    out = []
    for a, b, m in cells:
        out += [(a, (a + b) / 2, True), ((a + b) / 2, b, True)] if m else [(a, b, False)]
    while True:
        n = len(out)
        for i, j in itertools.product(range(n), repeat=2):
            beside = abs(i - j) == 1 or (periodic and n > 1 and {i, j} == {0, n - 1})
            wide = out[i][1] - out[i][0] > 2 * (1 + 1e-6) * (out[j][1] - out[j][0])
            if beside and wide and (out[i][2] or out[j][2]):
                a, b, _ = out[i]
                out[i : i + 1] = [(a, (a + b) / 2, True), ((a + b) / 2, b, True)]
                break
        else:
            return [a for a, _, _ in out] + [out[-1][1]]


@pytest.mark.parametrize("periodic", [False, True])
def test_closure_is_that_of_halving_one_at_a_time(periodic):
    rng = np.random.default_rng(3)
    for _ in range(60):
        points = np.unique(np.concatenate([[0.0, 1.0], rng.choice(64, rng.integers(1, 9)) / 64]))
        marked = rng.uniform(size=len(points) - 1) < 0.3
        here = points
        for mask in closure(np.diff(points), periodic, marked):
            at = np.flatnonzero(mask)
            here = np.sort(np.concatenate([here, (here[at] + here[at + 1]) / 2]))
        assert np.allclose(here, naive_closure(list(points), marked, periodic), atol=1e-15)


def test_knots_that_were_uneven_before_stay_where_nothing_is_halved():
    knots = sk.KnotVector.clamped([0, 0.01, 0.3, 0.6, 1], 2)
    model = drawn(sk.KAN([sk.SplineLayer(1, 1, knots)]))
    finer = model.refine(marked={(0, 0): [3]})
    assert np.array_equal(finer.network.layers[0].knots[0].breakpoints, [0, 0.01, 0.3, 0.6, 0.8, 1])


def test_the_budget_takes_the_most_important_intervals_first():
    model = drawn(sk.KAN.splines([2, 3, 2], intervals=8))
    rng = np.random.default_rng(0)
    scores = {key: rng.uniform(size=8) for key in sites(model.network)}
    order = sorted(((s, key, i) for key, own in scores.items() for i, s in enumerate(own)), reverse=True)
    for budget in (model.n_parameters, model.n_parameters + 10, model.n_parameters + 37, 10_000):
        finer = model.refine(budget=budget, importance=scores)
        assert finer.n_parameters <= budget
        best, count = model, 0
        for count in range(1, len(order) + 1):
            first = {key: [i for _, k, i in order[:count] if k == key] for key in scores}
            new = model.refine(marked=first)
            if new.n_parameters > budget:
                break
            best = new
        assert finer.network.layers[0].knots == best.network.layers[0].knots
        assert finer.network.layers[1].knots == best.network.layers[1].knots
    assert finer.n_parameters == model.refine().n_parameters


def test_without_importance_the_jumps_count():
    x = np.linspace(0, 1, 400)[:, None]
    network = sk.KAN.splines([1, 1], intervals=8)
    objective = sk.LeastSquares(network, x, np.abs(x - 0.55))
    theta = sk.LevenbergMarquardt().minimize(objective, np.zeros(11), iterations=5).theta
    finer = sk.Model(network, theta).refine(budget=12)
    new = np.setdiff1d(finer.network.layers[0].knots[0].breakpoints, np.linspace(0, 1, 9))
    assert len(new) == 1
    assert abs(new[0] - 0.55) < 0.13


def test_masks_indices_and_names_mean_the_same():
    model = drawn(sk.KAN.splines([2, 2], intervals=3))
    first = model.refine(marked={(0, 1): [2, 0]})
    for marked in ({(0, "x2"): [0, 2]}, {(0, 1): [True, False, True]}, {(0, 1): np.array([0, 2])}):
        assert model.refine(marked=marked).network.layers[0].knots == first.network.layers[0].knots
    assert model.refine(marked={}).network is model.network
    assert model.refine(marked={(0, 0): []}).n_parameters == model.n_parameters


def test_layers_are_counted_as_for_edges():
    network = sk.KAN.splines([2, 2, 1], intervals=3, domain=[(1, 2), (0, 9)])  # a normaliser first
    finer = drawn(network).refine(marked={(1, 0): [1]})
    assert [knots.intervals for knots in finer.network.layers[2].knots] == [4, 3]


def test_sums_with_formulas_are_refined():
    knots = sk.KnotVector.uniform(0, 1, 4, 3)
    formula = sk.FormulaLayer(2, 1, [sk.Term(0, 0, ["sin"])])
    network = sk.KAN([sk.Sum([formula, sk.SplineLayer(2, 1, knots)])])
    model = drawn(network)
    finer = model.refine(marked={(0, 1): [1]})
    x = np.random.default_rng(0).uniform(0, 1, (50, 2))
    assert finer.n_parameters == model.n_parameters + 1
    assert np.allclose(finer(x), model(x), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"marked": [[0]]}, TypeError, "marked must be a dictionary"),
        ({"marked": {0: [0]}}, TypeError, r"marked must have keys \(layer, input\)"),
        ({"marked": {(2, 0): [0]}}, ValueError, "layer of a key of marked must be between 0 and 1"),
        ({"marked": {(0, 2): [0]}}, ValueError, "input of a key of marked"),
        ({"marked": {(0, "z"): [0]}}, ValueError, "input of a key of marked must be one of"),
        ({"marked": {(0, 0): [4]}}, ValueError, r"marked\[\(0, 0\)\]: marked must be between 0 and 3"),
        ({"marked": {(0, 0): [0.5]}}, TypeError, r"marked\[\(0, 0\)\]"),
        ({"marked": {(0, 0): None}}, TypeError, r"marked\[\(0, 0\)\] must be indices"),
        ({"marked": {(0, 0): [0], (0, "x1"): [1]}}, ValueError, "once"),
        ({"marked": {(0, 0): [0]}, "times": 2}, ValueError, "times must be 1"),
        ({"budget": 1}, ValueError, "budget must be at least"),
        ({"budget": 90.0}, TypeError, "budget must be an integer"),
        ({"budget": 90, "importance": {(0, 0): [1.0, 2.0, 3.0, 4.0]}}, ValueError, "importance must have"),
        ({"budget": 90, "importance": {(0, 0): [1.0]}}, ValueError, r"importance\[\(0, 0\)\]"),
    ],
)
def test_bad_marks_are_refused(arguments, error, message):
    model = drawn(sk.KAN.splines([2, 3, 1], intervals=4))
    with pytest.raises(error, match=message):
        model.refine(**arguments)


def test_models_without_splines_are_refused():
    model = drawn(sk.MLP([2, 3, 1]))
    with pytest.raises(ValueError, match="model must have spline layers"):
        model.refine(marked={})


# Everything else with knots of each input


def test_adapted_models_go_everywhere(tmp_path):
    rng = np.random.default_rng(0)
    model = drawn(sk.KAN.splines([2, 3, 1], intervals=4))
    for _ in range(3):
        model = model.refine(marked=some_marks(model, rng))
    x = rng.uniform(0, 1, (40, 2))
    values = model(x)
    sk.save(tmp_path / "model.npz", model)
    assert np.array_equal(sk.load(tmp_path / "model.npz")(x), values)
    source = {}
    exec(sk.export(model, "numpy"), source)
    found = [each for name, each in source.items() if name in ("predict", "model", "evaluate")]
    assert found
    assert np.allclose(found[0](x), values, atol=1e-12)
    assert model.with_edge(0, 0, 0, model.edge(0, 0, 0)).n_parameters == model.n_parameters
    step = 1e-6
    slopes = (model(x + np.array([step, 0])) - model(x - np.array([step, 0]))) / (2 * step)
    assert np.allclose(model.gradient(x)[:, :, 0], slopes, atol=1e-7)
    assert "interval" in model.summary()
    assert sk.attribution(model, x) is not None
    coarse, change = model.coarsen(0)
    assert coarse.n_parameters == 63
    assert change.max() < 1e-11


# Coarsening to a budget


@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_coarsening_to_a_budget(basis):
    network = sk.KAN.splines([2, 3, 2], intervals=6)
    model = drawn(network).with_basis(basis).refine()
    x = np.random.default_rng(1).uniform(0, 1, (4000, 2))
    changes = []
    for budget in (model.n_parameters, 150, 100, 80):
        coarse, change = model.coarsen(budget=budget)
        assert coarse.n_parameters <= budget
        assert (np.abs(coarse(x) - model(x)).max(axis=0) <= change).all()
        changes.append(change.max())
    assert changes == sorted(changes)
    assert changes[0] < 1e-9
    both, change = model.coarsen(10 * changes[-1], budget=100)
    assert both.n_parameters <= 100
    assert change.max() == changes[2]
    assert model.coarsen(10 * changes[-1]).model.n_parameters < both.n_parameters


def test_budgets_that_cannot_be_met():
    model = drawn(sk.KAN.splines([2, 3, 1], intervals=4))
    with pytest.raises(ValueError, match=r"budget must be at least .*fewest parameters within the tolerance"):
        model.coarsen(1e-9, budget=50)
    with pytest.raises(ValueError, match="budget must be at least 36"):
        model.coarsen(budget=10)
    with pytest.raises(ValueError, match="tolerance or budget must be given"):
        model.coarsen()
    jumping = drawn(sk.KAN.splines([2, 3, 1], intervals=4, extrapolate="error"))
    with pytest.raises(ValueError, match="with a bounded change"):
        jumping.coarsen(budget=40)


# Indicators


def kinked(n=600, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (n, 2))
    return x, np.stack([np.abs(x[:, 0] - 0.3), np.sqrt(x[:, 1])], axis=1)


def networks_for_indicators():
    a = sk.KnotVector.clamped([0, 0.3, 0.5, 1], 2)
    b = sk.KnotVector.uniform(0, 1, 5, 2, periodic=True)
    return {
        "cubic": sk.KAN.splines([2, 3, 2], intervals=4),
        "linear": sk.KAN.splines([2, 3, 2], degree=1, intervals=4),
        "own knots": sk.KAN([sk.SplineLayer(2, 2, [a, b]), sk.SplineLayer(2, 2, a)]),
        "relu": sk.KAN.splines([2, 2, 2], degree=2, intervals=3, basis="relu"),
        "affine first": sk.KAN.affine_first([2, 3, 2], degree=2, intervals=3),
        "base": sk.KAN.splines([2, 2, 2], intervals=3, base="identity"),
    }


def weighted(x, y):
    weights = np.linspace(0.5, 2, len(x))
    return lambda network: sk.LeastSquares(network, x, y, weights=weights)


def entering(model, x):
    """What enters every layer."""
    return model.network.linearize(model.theta, x).inputs


@pytest.mark.parametrize("name", networks_for_indicators())
def test_residual_indicator_against_loops(name):
    model = drawn(networks_for_indicators()[name])
    x, y = kinked()
    objective = weighted(x, y)
    scores = residual_indicator(model, objective)
    squares = (objective(model.network).residual(model.theta).reshape(len(x), 2) ** 2).sum(axis=1) / 2
    for key, site in sites(model.network).items():
        knots = site.layer.knots[site.input]
        inputs = entering(model, x)[site.number][:, site.input]
        inputs = knots.wrap(inputs) if knots.periodic else np.clip(inputs, *knots.domain)
        for i, (a, b) in enumerate(itertools.pairwise(knots.breakpoints)):
            last = i == knots.intervals - 1
            inside = (inputs >= a) & ((inputs < b) | (last & (inputs == b)))
            assert np.isclose(scores[key][i], squares[inside].sum(), rtol=1e-12, atol=1e-14)
        assert np.isclose(scores[key].sum(), objective(model.network).value(model.theta))


@pytest.mark.parametrize("indicator", [jump_indicator, curvature_indicator])
@pytest.mark.parametrize("name", ["cubic", "linear", "own knots", "relu"])
def test_local_indicators_against_edges_and_differences(name, indicator):
    """Edges one by one, as splines; slopes of the outputs by differences."""
    model = drawn(networks_for_indicators()[name])
    x, y = kinked(60)
    scores = indicator(model, weighted(x, y))
    spline = model.with_basis("spline")
    layers = list(spline.network._pieces(spline.theta))
    h = 1e-6
    for (number, p), got in scores.items():
        knots = spline.network.layers[number].knots[p]
        k, points = knots.degree, knots.breakpoints
        widths = np.diff(points)
        inputs = entering(spline, x)[number][:, p]
        inputs = knots.wrap(inputs) if knots.periodic else inputs
        where = np.clip(np.searchsorted(points, inputs, side="right") - 1, 0, len(widths) - 1)
        hidden = entering(spline, x)[number + 1] if number + 1 < len(layers) else spline(x)
        want = np.zeros(len(widths))
        for q in range(hidden.shape[1]):
            slopes = 0.0
            ends = []
            for sign in (1, -1):
                moved = hidden + sign * h * np.eye(hidden.shape[1])[q]
                for layer, piece in layers[number + 1 :]:
                    moved = layer.value(piece, moved)
                ends.append(moved)
            slopes = (((ends[0] - ends[1]) / (2 * h)) ** 2).sum(axis=1)
            edge = spline.edge(number, p, q)
            if indicator is jump_indicator:
                inner = (points[:-1] + points[1:]) / 2
                high = edge(inner, k)
                left = np.append(high[-1], high) if knots.periodic else np.append(high[0], high)
                right = np.append(high, high[0]) if knots.periodic else np.append(high, high[-1])
                before = np.append(widths[-1], widths) if knots.periodic else np.append(widths[0], widths)
                after = np.append(widths, widths[0]) if knots.periodic else np.append(widths, widths[-1])
                jumps = ((right - left) * ((before + after) / 2) ** k) ** 2
                local = (jumps[1:] + jumps[:-1]) / 2
            else:
                order = min(k, 2)
                nodes, weights = np.polynomial.legendre.leggauss(6)
                at = points[:-1, None] + widths[:, None] * (nodes + 1) / 2
                integral = (edge(at.ravel(), order).reshape(at.shape) ** 2 * weights).sum(axis=1) * widths / 2
                local = integral * widths ** (2 * order - 1)
            np.add.at(want, where, np.linspace(0.5, 2, len(x)) * slopes * local[where] / 2)
        assert np.allclose(got, want, rtol=1e-5, atol=1e-9 * max(want.max(), 1e-12))


def least(J, r):
    """The least value of 1/2 |r + J d|^2."""
    with one:
        u, s, _ = np.linalg.svd(J, full_matrices=False)
    u = u[:, s > 1e-10 * s[0]]
    return float(((r - u @ (u.T @ r)) ** 2).sum() / 2)


@pytest.mark.parametrize("name", networks_for_indicators())
def test_gauss_newton_indicator_against_dense_least_squares(name):
    """Each interval halved alone, dense Jacobians, singular values."""
    model = drawn(networks_for_indicators()[name])
    x, y = kinked(300)
    objective = weighted(x, y)
    scores = gauss_newton_indicator(model, objective)
    spline = model.with_basis("spline")
    for key, own in scores.items():
        for i, score in enumerate(own):
            knots = sites(spline.network)[key].layer.knots[key[1]]
            finer = refined_alone(spline, key, i)
            problem = objective(finer.network)
            r, J = problem.residual(finer.theta), problem.linearized(finer.theta)[2].toarray()
            P = spline.network.prolongation(finer.network).toarray()
            want = least(J @ P, r) - least(J, r)
            assert np.isclose(score, want, rtol=1e-3, atol=1e-8 * (r @ r)), (key, i, knots)
    assert max(own.max() for own in scores.values()) > 1e-6


def refined_alone(model, key, interval):
    """Without closure."""
    site = sites(model.network)[key]
    marks = [None if not hasattr(layer, "knots") else [[]] * layer.n_in for layer in model.network.layers]
    marks[site.number] = [[interval] if p == key[1] else [] for p in range(site.layer.n_in)]
    network = model.network.refined(marks)
    return sk.Model(network, model.network.prolongation(network) @ model.theta)


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_gauss_newton_indicator_is_the_reduction_for_a_single_layer(degree):
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (400, 2))
    y = np.abs(x[:, 0] - 0.3) + np.cos(5 * x[:, 1])
    model = sk.Model(sk.KAN.splines([2, 1], degree=degree, intervals=4), np.zeros(2 * (4 + degree)))

    def objective(network):
        return sk.LeastSquares(network, x, y)

    def solved(model):
        problem = objective(model.network)
        result = sk.LevenbergMarquardt(damping=1e-9).minimize(problem, model.theta, iterations=20)
        return result.value

    before = solved(model)
    for (_, p), own in gauss_newton_indicator(model, objective).items():
        for i, score in enumerate(own):
            after = solved(refined_alone(model, (0, p), i))
            assert np.isclose(score, before - after, rtol=1e-5, atol=1e-9 * before)


def test_indicators_take_differential_equations():
    t = sympy.Symbol("t")
    u = sympy.Function("u")(t)
    layer = sk.Equation(u.diff(t) + 50 * u, u, (t,))
    start = sk.Equation(u - 1, u, (t,))
    inside = collocation("midpoints", 400, [(0, 1)])

    def objective(network):
        return sk.PINN(network, [sk.Block.mean(layer, inside), sk.Block.mean(start, [[0.0]], 2000.0)])

    model = sk.Model(sk.KAN.splines([1, 1], degree=4, intervals=2), np.zeros(6))
    for indicator in INDICATORS:
        models = list(sk.adapt(model, objective=objective, indicator=indicator, budget=20, iterations=5))
        knots = models[-1].network.layers[0].knots[0]
        assert models[-1].n_parameters <= 20
        assert np.diff(knots.breakpoints).argmin() <= 2  # the layer is at 0
        assert np.abs(models[-1](inside)[:, 0] - np.exp(-50 * inside[:, 0])).max() < 2e-2


@pytest.mark.parametrize("indicator", INDICATORS)
def test_indicators_refuse_what_they_cannot_use(indicator):
    x, y = kinked(30)
    model = drawn(sk.KAN.splines([2, 2], intervals=3))
    with pytest.raises(TypeError, match="model must be of type Model"):
        indicator(model.network, weighted(x, y))
    with pytest.raises(TypeError, match="objective must be callable"):
        indicator(model, 3)
    with pytest.raises(TypeError, match=r"objective\(network\) must be a DataLoss or a PINN"):
        indicator(model, lambda network: 3)
    other = sk.KAN.splines([2, 2], intervals=5)
    with pytest.raises(ValueError, match="the network that it is given"):
        indicator(model, lambda network: sk.LeastSquares(other, x, y))
    with pytest.raises(ValueError, match="spline layers"):
        indicator(drawn(sk.MLP([2, 3, 2])), weighted(x, y))


def test_curvature_needs_a_slope():
    x, y = kinked(30)
    with pytest.raises(ValueError, match="degree at least 1"):
        curvature_indicator(drawn(sk.KAN.splines([2, 2], degree=0, intervals=3)), weighted(x, y))


# Markings


def test_bulk_marking_is_the_smallest_set():
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores = {(0, 0): rng.uniform(size=4), (1, 2): rng.uniform(size=3)}
        flat = np.concatenate(list(scores.values()))
        for fraction in (0.1, 0.5, 0.9, 1.0):
            marks = bulk_marking(scores, fraction)
            total = sum(scores[key][own].sum() for key, own in marks.items())
            count = sum(map(len, marks.values()))
            assert total >= fraction * flat.sum() * (1 - 1e-9)
            best = max(sum(c) for c in itertools.combinations(flat, count - 1))
            assert best < fraction * flat.sum()
            assert all((np.diff(scores[key][own]) <= 0).all() for key, own in marks.items())


def test_markings_of_known_scores():
    scores = {(0, 0): [4.0, 0.0, 1.0], (0, 1): [0.0, 3.0]}
    assert {k: v.tolist() for k, v in bulk_marking(scores, 0.5).items()} == {(0, 0): [0]}
    assert {k: v.tolist() for k, v in bulk_marking(scores, 0.6).items()} == {(0, 0): [0], (0, 1): [1]}
    assert {k: v.tolist() for k, v in bulk_marking(scores, 1.0).items()} == {(0, 0): [0, 2], (0, 1): [1]}
    assert {k: v.tolist() for k, v in maximum_marking(scores, 0.7).items()} == {(0, 0): [0], (0, 1): [1]}
    assert maximum_marking(scores, 1.0)[0, 0].tolist() == [0]
    for marking in (bulk_marking, maximum_marking):
        assert marking({(0, 0): [0.0, 0.0]}) == {}
        assert marking({}) == {}
        with pytest.raises(TypeError, match="scores must be a dictionary"):
            marking([1.0])
        with pytest.raises(ValueError, match="must not be negative"):
            marking({(0, 0): [-1.0]})
        with pytest.raises(ValueError, match="finite"):
            marking({(0, 0): [np.nan]})
        for fraction in (0.0, 1.5):
            with pytest.raises(ValueError, match="fraction"):
                marking(scores, fraction)


# The adaptive loop


def graded():
    """Points that resolve sqrt(x) at 0, with the weights of a quadrature rule."""
    points = np.concatenate([[0.0], 2.0 ** np.linspace(-40, 0, 2001)])
    nodes, weights = np.polynomial.legendre.leggauss(3)
    widths = np.diff(points)
    x = (points[:-1, None] + widths[:, None] * (nodes + 1) / 2).ravel()
    return x, (widths[:, None] * weights / 2).ravel()


@pytest.mark.parametrize("indicator", ["gauss-newton", "residual", "jump"])
def test_adaptive_knots_restore_the_order_at_a_square_root(indicator):
    x, w = graded()
    y = np.sqrt(x)
    start = sk.Model(sk.KAN.splines([1, 1], intervals=4), np.zeros(7))
    sizes, errors = [], []
    for model in sk.adapt(
        start,
        objective=lambda network: sk.LeastSquares(network, x[:, None], y, weights=w),
        indicator=indicator,
        budget=100,
    ):
        sizes.append(model.n_parameters)
        errors.append(np.sqrt((w * (model(x[:, None])[:, 0] - y) ** 2).sum()))
    sizes, errors = np.array(sizes), np.array(errors)
    assert 90 < sizes[-1] <= 100
    assert errors[-1] < 1e-7  # uniform knots: 4.1e-3 (7/n), 1e-3 on 19 and 3e-5 on 515 parameters
    late = sizes > 30
    order = -np.polyfit(np.log(sizes[late]), np.log(errors[late]), 1)[0]
    assert 3.5 < order < 5.5  # k + 1 = 4


def noise_free(n=1500):
    x = np.linspace(0, 1, n)[:, None]
    return x, np.abs(x[:, 0] - 0.3) ** 0.6


def start(intervals=4):
    return sk.Model(sk.KAN.splines([1, 1], intervals=intervals), np.zeros(intervals + 3))


def test_every_end():
    x, y = noise_free()
    by_budget = list(sk.adapt(start(), x, y, budget=15))
    assert [m.n_parameters for m in by_budget] == sorted({m.n_parameters for m in by_budget})
    assert by_budget[-1].n_parameters <= 15
    losses = [np.mean((m(x)[:, 0] - y) ** 2) for m in by_budget]
    assert losses == sorted(losses, reverse=True)
    by_tolerance = list(sk.adapt(start(), x, y, tolerance=losses[2]))
    assert len(by_tolerance) == 3
    by_samples = list(sk.adapt(start(), x, y, least_samples=100))
    knots = by_samples[-1].network.layers[0].knots[0].breakpoints
    counts = np.histogram(x[:, 0], knots)[0]
    assert counts.max() < 375
    assert counts.min() >= 40  # halved at 100, or beside a halved interval
    exact = list(sk.adapt(start(), x, x[:, 0] ** 3, tolerance=1e-20))
    assert len(exact) == 1
    zero = list(sk.adapt(start(), x, y, indicator=lambda model, objective: {(0, 0): np.zeros(4)}))
    assert len(zero) == 1


def test_options():
    x, y = noise_free()
    first = next(sk.adapt(start(), x, y, optimizer=sk.LBFGS(), iterations=3))
    assert first.n_parameters == 7
    assert first.theta.any()
    all_marked = list(
        sk.adapt(start(), x, y, marking="maximum", fraction=1e-12, indicator="residual", budget=11)
    )
    assert [m.n_parameters for m in all_marked] == [7, 11]

    def left(model, objective):
        return {(0, 0): np.eye(model.network.layers[0].intervals)[0]}

    last = list(sk.adapt(start(), x, y, indicator=left, budget=12))[-1]
    assert np.diff(last.network.layers[0].knots[0].breakpoints).min() == 0.25 / 2**5
    huber = lambda network: sk.DataLoss(network, x, y, loss=sk.Huber(0.1))  # noqa: E731
    assert list(sk.adapt(start(), objective=huber, budget=10))[-1].n_parameters <= 10


def test_networks_are_refined_where_the_layer_is():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (3000, 2))
    y = np.tanh(30 * x[:, 0]) + x[:, 1] ** 2
    network = sk.KAN.splines([2, 1], intervals=4, domain=(-1, 1))
    model = list(sk.adapt(sk.Model(network, np.zeros(14)), x, y, budget=40))[-1]
    first, second = model.network.layers[0].knots
    assert first.intervals > 5 * second.intervals == 20
    near = first.breakpoints[np.abs(first.breakpoints) < 0.15]
    assert len(near) > first.intervals / 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"indicator": "best"}, ValueError, "indicator must be one of"),
        ({"marking": "none"}, ValueError, "marking must be one of"),
        ({"fraction": 0.0}, ValueError, "fraction must be positive"),
        ({"fraction": 1.5}, ValueError, "fraction must be"),
        ({"budget": 3}, ValueError, "budget must be at least 7"),
        ({"tolerance": -1.0}, ValueError, "tolerance must be at least 0"),
        ({"optimizer": "adam"}, TypeError, "optimizer must be"),
        ({"iterations": 0}, ValueError, "iterations must be at least 1"),
        ({"least_samples": 0}, ValueError, "least_samples must be at least 1"),
        ({"objective": lambda network: None}, ValueError, "X and y must be omitted"),
    ],
)
def test_bad_arguments_are_refused_before_the_first_model(arguments, error, message):
    x, y = noise_free(50)
    with pytest.raises(error, match=message):
        sk.adapt(start(), x, y, **arguments)


def test_bad_data_and_scores():
    x, y = noise_free(50)
    with pytest.raises(TypeError, match="X and y must be given"):
        sk.adapt(start())
    with pytest.raises(ValueError, match="finite"):
        sk.adapt(start(), x, np.full(50, np.nan))
    with pytest.raises(TypeError, match="model must be of type Model"):
        sk.adapt(start().network, x, y)
    for scores, message in (
        ({(0, 0): [1.0]}, "4 finite scores"),
        ({(0, 0): [-1.0, 0, 0, 0]}, "at least 0"),
        ({(0, 0): [np.nan, 0, 0, 0]}, "finite scores"),
        ({(1, 0): [0.0] * 4}, "layer of a key"),
        ([1.0], "indicator must return a dictionary"),
    ):
        models = sk.adapt(start(), x, y, indicator=lambda model, objective, s=scores: s)
        next(models)
        with pytest.raises((TypeError, ValueError), match=message):
            next(models)


def test_models_of_fit_keep_their_loss():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (200, 1))
    counts = rng.poisson(np.exp(1 + np.sin(5 * x[:, 0]))).astype(float)
    model = sk.fit(x, counts, hidden=(), levels=1, loss="poisson")

    def objective(network):
        return sk.DataLoss(network, x, counts, loss=sk.Poisson(), reduction="mean")

    *_, last = sk.adapt(model, objective=objective, budget=model.n_parameters + 2, iterations=3)
    assert last.record.loss == "poisson"
    assert last.record.weights == last.record.noise == ()
    with pytest.raises(ValueError, match="loss must be given"):
        sk.free_knots(last, x, counts)
