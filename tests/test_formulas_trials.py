"""Trials: values, Jacobians, training, moves along the gauge, snapping, networks and back."""

import pickle
import warnings

import numpy as np
import pytest
import scipy
from formula_trials import ALONE, formula, mixed, points, spline, term

import splinekan as sk
from splinekan.formulas.assembly import network, trials
from splinekan.formulas.changes import with_spline, with_term, without
from splinekan.formulas.curves import Candidate
from splinekan.formulas.families import library, plain
from splinekan.formulas.gauge import exchanged, scaled_output, shifted_output
from splinekan.formulas.snapping import Scored, Snapping, rank
from splinekan.formulas.structures import STRUCTURES, refined, regauged, simplest, start
from splinekan.formulas.training import trained
from splinekan.formulas.trial import Part, SplineEdge, Trial, built, constants, relabelled, restricted
from splinekan.network.functions import FUNCTIONS
from splinekan.network.term import Term

KINDS = {"mixed": mixed, "formula": formula}


def drawn(seed, n_in=2):
    """Small trials of all structures, and those with everything."""
    rng = np.random.default_rng(seed)
    x = points(rng, 60, n_in)
    y = np.sin(3 * x[0]) * x[-1] + x[0] ** 2
    for name in STRUCTURES:
        yield name, start(name, x, y, 3, rng), x
    for name, make in KINDS.items():
        yield name, make(rng), points(rng)


def slow(trial, x):
    """The value, written out sample by sample with SciPy's splines."""
    found = []
    for sample in x.T:
        entering = list(sample)
        for s, stage in enumerate(trial.stages):
            nodes = list(trial.biases(s, trial.theta))
            for e, edge in enumerate(stage.edges):
                values, v = trial.edge(s, e)[1], entering[edge.input]
                if isinstance(edge, SplineEdge):
                    curve = scipy.interpolate.BSpline(edge.knots.t, values, edge.knots.degree)
                    a, b = edge.knots.domain
                    at = min(max(v, a), b)
                    nodes[edge.output] += curve(at) + curve(at, 1) * (v - at)
                else:
                    free = iter(values)
                    c, *inner = (next(free) if each is None else each for each in edge.fixed)
                    for i, phi in enumerate(edge.functions):
                        v = phi.derivatives(inner[2 * i] * v + inner[2 * i + 1])[0]
                    nodes[edge.output] += c * v
            entering = [
                sum(float(np.prod([nodes[i] for i in group])) for group in groups)
                for groups in stage.products
            ]
        found.append(entering[0])
    return np.array(found, dtype=np.float64)


def test_values_are_those_of_the_sum_written_out():
    for name, trial, x in drawn(0):
        np.testing.assert_allclose(trial.value(trial.theta, x), slow(trial, x), atol=1e-12, err_msg=name)


def test_jacobians_are_central_differences():
    for name, trial, x in drawn(1):
        value, J = trial.jacobian(trial.theta, x)
        assert J.shape == (x.shape[1], len(trial.theta))
        assert (value == trial.value(trial.theta, x)).all()
        h = 1e-6
        for j in range(len(trial.theta)):
            step = np.zeros(len(trial.theta))
            step[j] = h
            difference = (trial.value(trial.theta + step, x) - trial.value(trial.theta - step, x)) / (2 * h)
            np.testing.assert_allclose(J[:, j], difference, atol=1e-6, rtol=1e-6, err_msg=f"{name} {j}")


def test_sensitivities_are_derivatives_in_the_nodes():
    for name, trial, x in drawn(2):
        felt = trial.sensitivities(x)
        h = 1e-6
        for s, stage in enumerate(trial.stages):
            assert felt[s].shape == (len(stage.bias), x.shape[1])
            for node in range(len(stage.bias)):
                values = []
                for by in (h, -h):
                    parts = trial.parts()
                    fixed, value = parts[s].biases[node]
                    parts[s].biases[node] = fixed if fixed is None else fixed + by, value + by
                    moved = built(parts)
                    values.append(moved.value(moved.theta, x))
                difference = (values[0] - values[1]) / (2 * h)
                np.testing.assert_allclose(felt[s][node], difference, atol=1e-6, rtol=1e-6, err_msg=name)


def test_parts_build_the_same_trial():
    for _, trial, x in drawn(3):
        again = built(trial.parts())
        assert again.stages == trial.stages
        assert (again.theta == trial.theta).all()
        named = relabelled(trial, [1, 0])
        assert (named.value(named.theta, x[::-1]) == trial.value(trial.theta, x)).all()


def test_inputs_at_a_value():
    for name, trial, x in drawn(4):
        x = np.array([x[0], np.full(x.shape[1], 0.3)])
        less = restricted(trial, [0], np.array([9.0, 0.3]))
        got, want = less.value(less.theta, x[:1]), trial.value(trial.theta, x)
        np.testing.assert_allclose(got, want, atol=1e-12, err_msg=name)


def test_refined_and_regauged_trials_are_the_same_functions():
    for name, trial, x in drawn(5):
        finer = refined(trial)
        np.testing.assert_allclose(
            finer.value(finer.theta, x), trial.value(trial.theta, x), atol=1e-12, err_msg=name
        )
        assert len(finer.theta) >= len(trial.theta)
        moved = regauged(trial, x)
        runs = moved.run(moved.theta, x)
        for s, e in moved.splines():
            edge = moved.stages[s].edges[e]
            if s:
                before = trial.run(trial.theta, x)[s].x[edge.input]
                assert edge.knots.domain == pytest.approx((before.min(), before.max()))
        assert np.isfinite(runs[-1].x).all()


# Training


def test_training_reaches_the_least_squares_solution():
    rng = np.random.default_rng(6)
    trial = built([Part([spline(rng, 0, 0), spline(rng, 1, 0)], [(0.0, 0.0)], ALONE)])
    x, y = rng.uniform(-1, 1, (2, 200)), rng.normal(size=200)
    found, error = trained(trial, x, y, 30)
    _, J = trial.jacobian(trial.theta, x)
    best = np.linalg.lstsq(J, y, rcond=None)[0]
    least = np.mean((J @ best - y) ** 2) / np.var(y)
    assert error == pytest.approx(least, rel=1e-9)
    assert np.mean((found.value(found.theta, x) - y) ** 2) / np.var(y) == pytest.approx(error, rel=1e-12)


def test_training_of_constants_reaches_the_stationary_point_of_scipy():
    rng = np.random.default_rng(7)
    trial = built([Part([(Term(0, 0, ("tanh",)), np.array([1.0, 1.0, 0.0]))], [(None, 0.0)], ALONE)])
    x = rng.uniform(-1, 1, (1, 150))
    y = 2 * np.tanh(1.5 * x[0] + 0.4) - 1 + 0.1 * rng.normal(size=150)
    found, error = trained(trial, x, y, 100)
    twin = scipy.optimize.least_squares(
        lambda theta: trial.value(theta, x) - y, trial.theta, xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    assert error == pytest.approx(np.mean(twin.fun**2) / np.var(y), rel=1e-6)
    np.testing.assert_allclose(found.theta, twin.x, rtol=1e-2)


def test_training_lowers_the_error_of_every_trial_and_keeps_the_number_of_parameters():
    for name, trial, x in drawn(8):
        y = np.cos(2 * x[0]) + x[1] * x[0]
        before = np.mean((trial.value(trial.theta, x) - y) ** 2) / np.var(y)
        found, error = trained(trial, x, y, 15)
        assert error <= before, name
        assert found.stages == trial.stages
        assert np.mean((found.value(found.theta, x) - y) ** 2) / np.var(y) == pytest.approx(error, rel=1e-9)


@pytest.mark.parametrize(
    ("functions", "values"),
    [
        (("log",), [1.0, 1.0, 0.0]),
        (("sqrt",), [1.0, 1.0, -0.5]),
        (("reciprocal",), [1.0, 1.0, 0.0]),
        (("exp",), [1.0, 1e6, 0.0]),
    ],
)
def test_starts_that_are_not_defined_have_an_infinite_error(functions, values):
    trial = built([Part([(Term(0, 0, functions), np.array(values))], [(None, 0.0)], ALONE)])
    x = np.linspace(0, 1, 50)[None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, error = trained(trial, x, x[0] ** 2, 10)
    assert error == np.inf
    assert found is trial
    assert Snapping(x, x[0] ** 2, library(), 0.0).criterion(trial, error) == np.inf


def test_steps_out_of_the_domain_are_not_taken():
    x = np.linspace(1e-3, 1, 80)[None]
    trial = built(
        [Part([(Term(0, 0, ("log",), (None, 1.0, None)), np.array([1.0, 0.5]))], [(None, 0.0)], ALONE)]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, error = trained(trial, x, np.log(x[0]), 100)
    assert error < 1e-6
    assert np.isfinite(found.theta).all()


def test_no_parameters_are_trained():
    trial = built([Part([(Term(0, 0, (), (2.0,)), np.zeros(0))], [(1.0, 1.0)], ALONE)])
    x = np.linspace(0, 1, 30)[None]
    found, error = trained(trial, x, 2 * x[0] + 1.5, 10)
    assert found is trial
    assert error == pytest.approx(0.25 / np.var(2 * x[0]))


# Moves along the gauge


def moves(trial, by):
    for s, stage in enumerate(trial.stages):
        for j in range(len(stage.products)):
            yield f"scaled {s} {j}", scaled_output(trial, s, j, by)
            yield f"shifted {s} {j}", shifted_output(trial, s, j, by)
        for node in range(len(stage.bias)):
            yield f"exchanged {s} {node}", exchanged(trial, s, node, by)


def shared(rng):
    """Nodes that several products and outputs use."""
    first = Part(
        [term(rng, 0, 0), term(rng, 1, 1), term(rng, 0, 2, ("sin",))],
        [(None, 0.3), (None, 0.2), (None, -0.4)],
        (((0,), (0, 1)), ((0,), (2,)), ((1, 1), (2,)), ((0,), (1, 0))),
    )
    second = Part([term(rng, q, 0, ("tanh",)) for q in range(4)], [(None, 0.0)], ALONE)
    return built([first, second])


def test_moves_leave_the_function_as_it_is():
    rng = np.random.default_rng(9)
    done = set()
    for name, trial, x in [
        *drawn(10),
        ("shared", shared(rng), points(rng)),
        ("ends", ends(rng), points(rng)),
    ]:
        want = trial.value(trial.theta, x)
        for by in (2.0, -0.5, 1.3):
            for move, moved in moves(trial, by):
                if moved is None:
                    continue
                done.add(move.split()[0])
                got = moved.value(moved.theta, x)
                np.testing.assert_allclose(got, want, atol=1e-11, rtol=1e-11, err_msg=f"{name} {move} {by}")
    assert done == {"scaled", "shifted", "exchanged"}


def ends(rng):
    """A function for each way to undo a move: powers, logarithms, exponentials, lines, fixed constants."""
    first = Part(
        [term(rng, p, q) for p, q in ((0, 0), (1, 1), (0, 2), (1, 3), (0, 4), (1, 5))],
        [(None, 3.0)] * 6,
        tuple(((q,),) for q in range(6)),
    )
    free = (None, 1.0, None)
    second = Part(
        [
            term(rng, 0, 0, ("sqrt",), free),
            term(rng, 1, 0, ("log",), free),
            term(rng, 2, 0, ("exp",), (None, None, 0.0)),
            term(rng, 3, 0),
            term(rng, 4, 0, ("sin",), (None, 2.0, None)),
            term(rng, 5, 0, ("square",), free),
        ],
        [(None, 0.0)],
        ALONE,
    )
    return built([first, second])


def test_moves_are_made_where_they_can_be_and_only_there():
    trial = ends(np.random.default_rng(11))
    possible = [
        [move(trial, 0, j, 2.0) is not None for j in range(6)] for move in (scaled_output, shifted_output)
    ]
    assert possible == [[True, True, True, True, False, True], [True] * 6]
    assert scaled_output(trial, 0, 0, -2.0) is None  # sqrt(-x)
    assert scaled_output(trial, 0, 5, -2.0) is not None  # a square is even
    assert scaled_output(trial, 1, 0, 2.0) is None
    assert scaled_output(trial, 0, 0, 0.0) is None
    assert exchanged(trial, 0, 0, 2.0) is None


# Edges removed and replaced


def means(trial, x):
    """Means of the nodes of the first stage."""
    return trial.run(trial.theta, x)[0].nodes.mean(axis=1)


def test_without_an_edge_means_stay():
    rng = np.random.default_rng(12)
    for name, trial, x in drawn(13):
        for s, stage in enumerate(trial.stages):
            for e, edge in enumerate(stage.edges):
                found = without(trial, s, e, x)
                alone = sum(each.output == edge.output for each in stage.edges) == 1
                if found is None:
                    assert len(stage.edges) == 1
                    continue
                assert len(found.stages[s].edges) == len(stage.edges) - 1
                if not alone:
                    before, after = trial.run(trial.theta, x)[s], found.run(found.theta, x)[s]
                    got, want = after.nodes.mean(axis=1), before.nodes.mean(axis=1)
                    np.testing.assert_allclose(got, want, atol=1e-12, err_msg=f"{name} {s} {e}")
    assert rng


def test_a_factor_without_edges_is_a_number():
    rng = np.random.default_rng(14)
    x = points(rng)
    parts = [Part([term(rng, 0, 0, ("sin",)), term(rng, 1, 1)], [(None, 0.5), (None, 2.0)], (((0, 1),),))]
    trial = built(parts)
    found = without(trial, 0, 1, x)
    assert found.stages[0].products == (((0,),),)
    nodes = trial.run(trial.theta, x)[0].nodes
    np.testing.assert_allclose(found.value(found.theta, x), nodes[0] * nodes[1].mean(), atol=1e-13)
    # The last factor leaves a constant output.
    assert without(found, 0, 0, x) is None


def test_a_factor_without_edges_is_taken_by_a_factor_with_a_fixed_constant():
    rng = np.random.default_rng(15)
    x = points(rng)
    first = term(rng, 0, 0, ("sin",), (2.0, None, None))
    trial = built([Part([first, term(rng, 1, 1)], [(0.25, 0.25), (None, 3.0)], (((0, 1),),))])
    nodes = trial.run(trial.theta, x)[0].nodes
    found = without(trial, 0, 1, x)
    np.testing.assert_allclose(found.value(found.theta, x), nodes[0] * nodes[1].mean(), atol=1e-13)


def test_a_node_that_another_edge_needs_stays():
    rng = np.random.default_rng(16)
    x = points(rng)
    first = Part(
        [term(rng, 0, 0, ("sin",)), term(rng, 1, 1)],
        [(None, 0.5), (None, 2.0)],
        (((0, 1),), ((1,),)),
    )
    second = Part([term(rng, 0, 0), term(rng, 1, 0, ("tanh",))], [(None, 0.0)], ALONE)
    trial = built([first, second])
    run = trial.run(trial.theta, x)[0]
    found = without(trial, 0, 0, x)  # node 0 becomes a number, which node 1 alone of the product takes
    number = run.nodes[0].mean()
    c, (_, a, b) = trial.edge(1, 0)[1][0], trial.edge(1, 1)[1]
    tanh = trial.edge(1, 1)[1][0]
    want = trial.bias(1, 0) + c * number * run.nodes[1] + tanh * np.tanh(a * run.nodes[1] + b)
    np.testing.assert_allclose(found.value(found.theta, x), want, atol=1e-12)


def test_with_a_term_the_mean_of_the_node_stays():
    for name, trial, x in drawn(17):
        snapping = Snapping(x, np.cos(3 * x[0]) + x[1], library(["sin", "square", "log", "exp"]), 1e-12)
        for s, e in trial.splines():
            found = snapping._candidates(trial, s, e)
            for candidate in found[:3]:
                changed = with_term(trial, s, e, candidate, x)
                if changed is None:
                    continue
                edge, values = changed.edge(s, e)
                assert edge.functions == candidate.functions
                np.testing.assert_allclose(constants(edge, values), candidate.constants, rtol=1e-15)
                before, after = trial.run(trial.theta, x)[s], changed.run(changed.theta, x)[s]
                if np.isfinite(after.nodes).all():
                    got, want = after.nodes.mean(axis=1), before.nodes.mean(axis=1)
                    size = np.abs(after.nodes).max() + np.abs(after.edges[e]).max()
                    np.testing.assert_allclose(got, want, atol=1e-11 * size, err_msg=name)


def test_terms_that_are_not_defined_are_no_change():
    rng = np.random.default_rng(18)
    trial = built([Part([spline(rng, 0, 0)], [(0.0, 0.0)], ALONE)])
    x = np.linspace(-1, 1, 30)[None]
    log = Candidate(0.0, (FUNCTIONS["log"],), np.array([1.0, 1.0, 0.5]), (True, False, True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert with_term(trial, 0, 0, log, x) is None


def test_a_further_spline_changes_nothing_yet():
    rng = np.random.default_rng(25)
    for name, trial, x in drawn(26):
        edge, _ = spline(rng, 1, 0)
        found = with_spline(trial, edge)
        assert (found.value(found.theta, x) == trial.value(trial.theta, x)).all(), name
        assert len(found.theta) == len(trial.theta) + edge.n_free
        assert next(found.splines()) is not None


def test_redundant_parameters_do_not_count():
    rng = np.random.default_rng(19)
    x = points(rng, 200)
    one, two = spline(rng, 0, 0), spline(rng, 1, 0)
    trial = built([Part([one, two], [(0.0, 0.0)], ALONE)])
    assert rank(trial, x) == len(trial.theta) - 1  # constants of both
    twice = built([Part([one, one], [(None, 0.0)], ALONE)])
    assert rank(twice, x) == one[0].n_free
    assert rank(built([Part([term(rng, 0, 0)], [(None, 0.0)], ALONE)]), x) == 2
    scales = [Part([term(rng, 0, 0)], [(0.0, 0.0)], ALONE), Part([term(rng, 0, 0)], [(None, 0.0)], ALONE)]
    assert rank(built(scales), x) == 2


def test_edges_that_are_not_needed_go_and_equal_columns_are_redundant():
    rng = np.random.default_rng(20)
    x = rng.uniform(-1, 1, (3, 200))
    x[2] = x[0]
    y = np.exp(x[0])
    trial = built([Part([spline(rng, p, 0, ends=(-1, 1)) for p in range(3)], [(0.0, 0.0)], ALONE)])
    snapping = Snapping(x, y, library(), 1e-8)
    best = snapping.pruned(Scored(trial, 1.0, np.inf))
    assert len(best.trial.stages[0].edges) == 1
    assert best.trial.stages[0].edges[0].input in (0, 2)
    snapped = snapping.snapped(best)[0]
    assert [phi.name for phi in snapped.trial.stages[0].edges[0].functions] == ["exp"]


def test_structures_of_a_single_input():
    assert {simplest(name, 1) for name in STRUCTURES} == {"sum", "g(sum)"}
    assert [simplest(name, 2) for name in STRUCTURES] == list(STRUCTURES)


# Networks


def test_networks_of_trials_are_the_trials():
    for name, trial, x in drawn(21):
        kan, theta = network([trial], 2, [(-1, 1), (-1, 1)])
        np.testing.assert_allclose(
            kan(theta, x.T)[:, 0], trial.value(trial.theta, x), atol=1e-12, err_msg=name
        )
    several = [trial for _, trial, _ in drawn(22)]
    x = points(np.random.default_rng(23))
    short = built([Part([], [(1.5, 1.5)], ALONE)])
    all_of_them = [several[0], short, several[-1], several[4], several[-2], short]
    kan, theta = network(all_of_them, 2, [(-1, 1), (-1, 1)])
    want = np.array([each.value(each.theta, x) for each in all_of_them]).T
    np.testing.assert_allclose(kan(theta, x.T), want, atol=1e-12)


def test_networks_of_trials_have_derivatives_and_survive_files(tmp_path):
    rng = np.random.default_rng(24)
    for make in KINDS.values():
        trial = make(rng)
        kan, theta = network([trial, trial], 2, [(-1, 1), (-1, 1)])
        model = sk.Model(kan, theta, names=("a", "b"))
        x, h = rng.uniform(-0.9, 0.9, (20, 2)), 1e-6
        for p in range(2):
            step = h * np.eye(2)[p]
            difference = (model(x + step) - model(x - step)) / (2 * h)
            np.testing.assert_allclose(model.gradient(x)[:, :, p], difference, atol=1e-6)
        direction = rng.normal(size=len(theta))
        difference = (kan(theta + h * direction, x) - kan(theta - h * direction, x)) / (2 * h)
        np.testing.assert_allclose(model.jacobian(x) @ direction, difference.ravel(), atol=1e-6)
        path = tmp_path / f"{make.__name__}.npz"
        sk.save(path, model)
        for again in (sk.load(path), pickle.loads(pickle.dumps(model))):
            assert (again(x) == model(x)).all()
            assert again.names == ("a", "b")


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", ["splines", "hidden", "affine", "scaled", "relu", "normalised", "layers"])
def test_trials_of_models_are_the_models(kind, degree):
    rng = np.random.default_rng(degree)
    x, options = rng.uniform(-0.2, 1.2, (50, 2)), {"degree": degree, "intervals": 3}
    if kind == "splines":
        kan = sk.KAN.splines([2, 2], **options)
    elif kind == "hidden":
        kan = sk.KAN.splines([2, 2, 3, 2], **options)
    elif kind == "affine":
        kan = sk.KAN.affine_first([2, 3, 2], **options)
    elif kind == "scaled":
        x = x * [1e6, 1e-6] + [3e5, 0]
        kan = sk.KAN.splines([2, 2, 1], domain=[(2e5, 1.4e6), (-1e-7, 1e-6)], **options)
    elif kind == "relu":
        kan = sk.KAN.splines([2, 2, 1], basis="relu", **options)
    else:
        knots = sk.KnotVector.clamped([0.0, 0.4, 1.0], degree)
        inner = [sk.Affine(2, 2)] if kind == "layers" else [sk.SplineLayer(2, 2, knots)]
        kan = sk.KAN(
            [
                sk.Normalizer(2, "affine", source=[(-1, 2), (0, 1.5)]),
                *inner,
                sk.SplineLayer(2, 2, [knots, knots]),
                sk.Normalizer(2, "affine", domain=[(-5, 5), (100, 101)], source=(0, 1)),
            ]
        )
    model = sk.Model(kan, rng.normal(size=kan.n_parameters))
    found = trials(model)
    assert len(found) == model.n_out
    for o, trial in enumerate(found):
        want = model(x)[:, o]
        atol = 1e-11 * max(np.abs(want).max(), 1.0)
        np.testing.assert_allclose(trial.value(trial.theta, np.ascontiguousarray(x.T)), want, atol=atol)
    kan, theta = network(found, 2, [(-0.2, 1.2)] * 2)
    np.testing.assert_allclose(kan(theta, x), model(x), atol=1e-11 * max(np.abs(model(x)).max(), 1.0))


def test_models_whose_edges_are_left_aside():
    def model(*layers):
        kan = sk.KAN(layers)
        return sk.Model(kan, sk.initialize(kan, 0))

    periodic = sk.KnotVector.uniform(0, 1, intervals=4, degree=3, periodic=True)
    plain_knots = sk.KnotVector.uniform(0, 1, 3, 3)
    for layers, reason in (
        ([sk.SplineLayer(2, 1, plain_knots, base="silu")], "base branches"),
        ([sk.SplineLayer(2, 1, periodic)], "periodic"),
        ([sk.SplineLayer(2, 1, plain_knots, extrapolate="clamp")], "continued by straight lines"),
        ([sk.SplineLayer(2, 1, sk.KnotVector.uniform(0, 1, 3, 0))], "degree 0"),
        ([sk.Normalizer(2, "affine", source=(0, 2))], "no edges"),
        ([sk.Affine(2, 2), sk.Activation(2, "tanh"), sk.Affine(2, 1)], "layer Activation"),
        ([sk.FormulaLayer(2, 1, [sk.Term(0, 0)])], "layer FormulaLayer"),
    ):
        assert reason in trials(model(*layers))


def test_plain_is_what_moves_use():
    found, shift = plain((FUNCTIONS["log"],), np.array([2.0, 3.0, 6.0]))
    assert found == pytest.approx([2.0, 1.0, 2.0])
    assert shift == pytest.approx(2 * np.log(3))
    assert isinstance(built([Part([], [(0.0, 0.0)], ALONE)]), Trial)
