"""Hierarchies and nested iteration."""

from itertools import pairwise

import numpy as np
import pytest

import splinekan as sk
from splinekan.multilevel import Level, nested_steps
from splinekan.optimize import Status


def problem(samples=300):
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (samples, 2))
    return x, np.sin(3 * x[:, 0]) * x[:, 1]


@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_nested_iteration_joins_levels_exactly(basis):
    x, y = problem()
    levels = sk.Hierarchy(sk.KAN.affine_first([2, 3, 1], intervals=3, basis=basis), 3)

    def objective(level):
        return sk.LeastSquares(level.network, x, y, 2 / len(x), cost=level.cost)

    theta = sk.initialize(levels.network, 0)
    result = sk.nested_iteration(levels, objective, sk.LevenbergMarquardt(), [4, 0, 3], theta)
    first, second, third = result.results
    assert second is None
    # the finest level starts at the loss at which the coarsest ended
    assert third.history.loss[0] == pytest.approx(first.value, rel=1e-9)
    assert result.marks == ((0, 0), (2, len(first.history.loss)))
    assert result.history.work[-1] == first.history.work[-1] + 4 * third.history.evaluations[-1]
    assert result.value < first.value
    assert objective(levels[2]).value(result.theta) == pytest.approx(result.value, rel=1e-12)


def test_a_callback_stops_all_levels_and_budgets_are_checked():
    x, y = problem()
    levels = sk.Hierarchy(sk.KAN.splines([2, 1], intervals=2), 2)

    def objective(level):
        return sk.LeastSquares(level.network, x, y)

    theta = np.zeros(levels.network.n_parameters)
    method = sk.LBFGS(search="armijo")
    stopped = sk.nested_iteration(levels, objective, method, [5, 5], theta, callback=lambda i: True)
    assert (stopped.status, stopped.level) == (Status.STOPPED, 0)
    counted = sk.nested_iteration(levels, objective, method, [5, 5], theta, unit="evaluations")
    assert counted.history.evaluations[-1] <= 12 + 50
    good = {"hierarchy": levels, "objective": objective, "optimizer": method, "budgets": [1, 1]}
    good["theta0"] = theta
    for bad, error, message in (
        ({"hierarchy": [levels[0]]}, TypeError, "hierarchy must be of type Hierarchy"),
        ({"objective": None}, TypeError, "objective must be callable"),
        ({"objective": lambda level: None}, TypeError, r"objective\(level\) must have the methods"),
        ({"optimizer": sk.LBFGS}, TypeError, "optimizer must be an optimiser or a sequence"),
        ({"optimizer": [method, "LBFGS"]}, TypeError, r"optimizer\[1\] must be of type Optimizer"),
        ({"optimizer": [method]}, ValueError, "optimizer must have as many entries .* 2, got 1"),
        ({"budgets": [5]}, ValueError, "budgets must have as many entries .* 2, got 1"),
        ({"budgets": 5}, TypeError, "budgets must be a sequence"),
        ({"budgets": "55"}, TypeError, "budgets must be a sequence"),
        ({"budgets": [1, 2.5]}, TypeError, r"budgets\[1\] must be an integer"),
        ({"budgets": [1, -1]}, ValueError, r"budgets\[1\] must be at least 0"),
        ({"budgets": [0, 0]}, ValueError, "budgets must allow iterations"),
        ({"theta0": theta[:-1]}, ValueError, "theta0 must have shape"),
        ({"theta0": theta * np.nan}, ValueError, "theta0 must be finite"),
        ({"unit": "epochs"}, ValueError, "unit must be one of"),
        ({"callback": 1}, TypeError, "callback must be callable"),
        ({"tolerance": 1e-3}, TypeError, "options are progress, .*, got 'tolerance'"),
        ({"keep": "all"}, ValueError, "keep must be one of"),
    ):
        with pytest.raises(error, match=message):
            sk.nested_iteration(**(good | bad))


def test_levels_are_a_sequence():
    levels = sk.Hierarchy(sk.KAN.splines([2, 1], intervals=2), np.int8(3))
    assert type(levels.n_levels) is int
    assert [level.index for level in levels] == [0, 1, 2]
    assert levels[-1] is levels[np.int64(2)] is levels.levels[2]
    assert levels[1:] == levels.levels[1:]
    for index in (3, -4, 10**30):
        with pytest.raises((IndexError, ValueError), match="level must be"):
            levels[index]
    for index in (1.0, "1", None, True, (0, 1), slice(1.0, 2)):
        with pytest.raises(TypeError, match="must be an integer"):
            levels[index]
    theta = np.zeros(levels.network.n_parameters)
    for level, error in ((2, ValueError), (-1, ValueError), (0.0, TypeError)):
        with pytest.raises(error, match="level must be"):
            levels.prolong(theta, level)
    with pytest.raises(ValueError, match="theta must have shape"):
        levels.prolong(theta[:-1], 0)
    with pytest.raises(ValueError, match="cannot be prolongated: the hierarchy has one level"):
        sk.Hierarchy(levels.network, 1).prolong(theta, 0)


def test_hierarchies_that_no_machine_holds_or_float64_cannot_tell_apart():
    net = sk.KAN.splines([2, 1], intervals=2)
    for count in (45, 10**9, 2**62):
        with pytest.raises(MemoryError, match=f"n_levels={count}: level {count - 1} would take"):
            sk.Hierarchy(net, count)
    # Intervals of 2^-20 at 2^27, where float64 resolves 2^-25: halved five times and no more.
    t = 2.0**27 + 2.0**-20 * np.arange(8)
    far = sk.KAN.chain([sk.SplineLayer(1, 1, t, 2)])
    with pytest.raises(
        ValueError, match="n_levels must be at most 6 for the knots of layer 0, got 7: on level 6"
    ):
        sk.Hierarchy(far, 7)
    assert np.diff(sk.Hierarchy(far, 6)[-1].network.layers[0].common_knots).min() == 2.0**-25
    for error, network, count, message in (
        (TypeError, "net", 2, "network must be of type KAN"),
        (TypeError, net, 2.0, "n_levels must be an integer"),
        (ValueError, net, 0, "n_levels must be at least 1"),
        (ValueError, sk.MLP([2, 4, 1]), 2, "n_levels must be 1 for a network without spline layers"),
    ):
        with pytest.raises(error, match=message):
            sk.Hierarchy(network, count)
    for arguments, message in (
        ((0.0, net, 1.0), "index must be an integer"),
        ((0, None, 1.0), "network must be of type KAN"),
        ((0, net, "1"), "cost must be a real number"),
    ):
        with pytest.raises(TypeError, match=message):
            Level(*arguments)


def test_hierarchy_prints_its_levels():
    text = str(sk.Hierarchy(sk.KAN.affine_first([2, 5, 1], intervals=5), 4))
    assert text.splitlines()[-1].split() == ["3", "40", "230", "8"]


def test_a_tournament_keeps_the_best_and_counts_everything():
    x, y = problem()
    levels = sk.Hierarchy(sk.KAN.affine_first([2, 3, 1], intervals=3), 2)
    calls = []

    def objective(level, samples):
        calls.append((level.index, samples))
        return sk.LeastSquares(level.network, x[:samples], y[:samples], 2 / len(x[:samples]), cost=level.cost)

    drawn = []

    def draw(rng):
        drawn.append(sk.initialize(levels.network, rng))
        return drawn[-1]

    rounds = [sk.Round(0, 5, 3, 100), sk.Round(0, 2, 4), sk.Round(1, 1, 5)]
    result = sk.successive_halving(levels, objective, sk.LevenbergMarquardt(), rounds, draw, 0)
    assert calls == [(0, 100), (0, None), (1, None)]
    assert [len(v) for v in result.values] == [5, 2, 1]
    assert all(list(v) == sorted(v) for v in result.values)
    assert (len(drawn), result.level) == (5, 1)
    # what the winner of all could have done alone, it did
    method, best = sk.LevenbergMarquardt(), []
    for theta in drawn:
        first = method.minimize(objective(levels[0], 100), theta, iterations=3)
        best.append((first.value, first.theta))
    best.sort(key=lambda pair: pair[0])
    second = [method.minimize(objective(levels[0], None), theta, iterations=4) for _, theta in best[:2]]
    winner = min(second, key=lambda run: run.value)
    last = method.minimize(objective(levels[1], None), levels.prolong(winner.theta, 0), iterations=5)
    np.testing.assert_array_equal(result.theta, last.theta)
    assert result.work > last.history.work[-1]
    assert result.evaluations >= 5 * 3 + 2 * 4 + 5
    again = sk.successive_halving(levels, objective, sk.LevenbergMarquardt(), rounds, draw, 0)
    assert again.value == result.value


def test_scores_rank_candidates_and_those_without_a_number_come_last():
    x, y = problem(50)
    levels = sk.Hierarchy(sk.KAN.splines([2, 1], intervals=2), 1)
    scores = iter([np.nan, 3.0, -np.inf, 2.0, np.inf])
    result = sk.successive_halving(
        levels,
        lambda level, samples: sk.LeastSquares(level.network, x, y),
        sk.LBFGS(),
        [sk.Round(0, 5, 1)],
        lambda rng: rng.normal(size=levels.network.n_parameters),
        np.random.default_rng(0),
        lambda level, theta: next(scores),
    )
    np.testing.assert_array_equal(result.values[0], [2.0, 3.0, np.nan, -np.inf, np.inf])


def test_bad_tournaments():
    x, y = problem(50)
    levels = sk.Hierarchy(sk.KAN.splines([2, 1], intervals=2), 2)
    size = levels.network.n_parameters
    good = {
        "hierarchy": levels,
        "objective": lambda level, samples: sk.LeastSquares(level.network, x, y),
        "optimizer": sk.LBFGS(),
        "rounds": [sk.Round(0, 2, 1)],
        "draw": lambda rng: np.zeros(size),
        "seed": 0,
    }
    for bad, error, message in (
        ({"rounds": []}, ValueError, "rounds must not be empty"),
        ({"rounds": [sk.Round(2, 1, 1)]}, ValueError, r"level of rounds\[0\] must be between 0 and 1"),
        ({"rounds": [sk.Round(1, 1, 1), sk.Round(0, 1, 1)]}, ValueError, "must not decrease"),
        ({"rounds": [sk.Round(0, 1, 1), sk.Round(0, 2, 1)]}, ValueError, "not increase"),
        ({"rounds": [(0, 1, 1)]}, TypeError, r"rounds\[0\] must be of type Round"),
        ({"rounds": [sk.Round(0, 2**62, 1)]}, MemoryError, "4611686018427387904 candidates"),
        ({"hierarchy": None}, TypeError, "hierarchy must be of type Hierarchy"),
        ({"objective": 1}, TypeError, "objective must be callable"),
        ({"objective": lambda *_: 1}, TypeError, r"objective\(level, samples\) must have the methods"),
        ({"optimizer": sk.LBFGS}, TypeError, "optimizer must be of type Optimizer"),
        ({"draw": np.zeros(size)}, TypeError, "draw must be callable"),
        ({"draw": lambda rng: np.zeros(size + 1)}, ValueError, r"draw\(rng\) must have shape"),
        ({"draw": lambda rng: None}, TypeError, r"draw\(rng\) must be an array"),
        ({"seed": None}, TypeError, "seed must be an integer"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"score": 3}, TypeError, "score must be callable"),
        ({"score": lambda *_: "low"}, TypeError, r"score\(level, theta\) must be a real number"),
        ({"score": lambda *_: np.nan}, ValueError, r"score\(level, theta\) must be finite for some"),
    ):
        with pytest.raises(error, match=message):
            sk.successive_halving(**(good | bad))
    for arguments, error, message in (
        ((0, 0, 1), ValueError, "candidates must be at least 1"),
        ((-1, 1, 1), ValueError, "level must be at least 0"),
        ((0, 1, 1.0), TypeError, "iterations must be an integer"),
        ((0, 1, 1, 0), ValueError, "samples must be at least 1"),
    ):
        with pytest.raises(error, match=message):
            sk.Round(*arguments)


def test_knots_are_told_apart_where_they_lie():
    t = sk.extended_knots([0, 1e-8, 1, 1 + 1e-8, 2, 1e8], 3)
    levels = sk.Hierarchy(sk.KAN.chain([sk.SplineLayer(1, 1, t, 3)]), 3)
    np.testing.assert_array_equal(levels[1].network.layers[0].common_knots, sk.refine_knots(t, 3))
    short = sk.extended_knots([1, 1 + 2**-51, 2], 1)
    with pytest.raises(ValueError, match="n_levels must be at most 2 for the knots of layer 0"):
        sk.Hierarchy(sk.KAN.chain([sk.SplineLayer(1, 1, short, 1)]), 3)


@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_levels_carry_the_prolongation(basis):
    net = sk.KAN.chain(
        [
            sk.Affine(2, 3),
            sk.Activation(3),
            sk.SplineLayer(3, 2, sk.extended_knots([0, 0.1, 0.4, 1], 3), 3, basis=basis),
        ]
    )
    levels = sk.Hierarchy(net, 3)
    assert levels[0].P is levels[0].R is None
    rng = np.random.default_rng(0)
    theta, x = rng.normal(size=net.n_parameters), rng.uniform(0, 1, (20, 2))
    for coarse, fine in pairwise(levels):
        assert fine.P.shape == (fine.network.n_parameters, coarse.network.n_parameters)
        assert fine.P.format == "csr"
        np.testing.assert_array_equal(fine.R.toarray(), fine.P.toarray().T)
        np.testing.assert_array_equal(fine.P @ theta, levels.prolong(theta, coarse.index))
        scale = 1e-13 if basis == "spline" else 1e-9
        np.testing.assert_allclose(
            fine.network(fine.P @ theta, x), coarse.network(theta, x), atol=scale * np.abs(theta).max()
        )
        theta = fine.P @ theta


def local_levels():
    """Knots inserted near 0.3 only, and a third of an interval."""
    t = sk.uniform_knots(0, 1, 4, 3)
    finer = sk.insert_knots(t, [0.3], 3)
    finest = sk.insert_knots(finer, [0.26, 0.28, 1 / 3, 0.35], 3)
    return [sk.KAN.chain([sk.SplineLayer(1, 1, knots, 3)]) for knots in (t, finer, finest)]


def test_a_hierarchy_of_given_networks_need_not_be_dyadic():
    networks = local_levels()
    levels = sk.Hierarchy(networks)
    assert [level.network for level in levels] == networks
    assert [level.cost for level in levels] == [1.0, 5 / 4, 9 / 4]
    assert (levels.network, levels.n_levels) == (networks[0], 3)
    x = np.linspace(0, 1, 400)[:, None]
    y = np.abs(x - 0.3)
    theta = np.zeros(7)
    result = sk.nested_iteration(
        levels, lambda level: sk.LeastSquares(level.network, x, y), sk.GaussNewton(), [1, 1, 1], theta
    )
    losses = [each.value for each in result.results]
    assert losses[0] > 1.2 * losses[1] > 2 * losses[2]
    for index, (coarse, fine) in enumerate(pairwise(levels)):
        theta = result.results[index].theta
        np.testing.assert_allclose(fine.network(fine.P @ theta, x), coarse.network(theta, x), atol=1e-14)


def test_networks_that_are_not_nested_are_refused():
    coarse, fine, _ = local_levels()
    other = sk.KAN.splines([1, 1], intervals=5)
    for given, error, message in (
        ([fine, coarse], ValueError, r"network\[0\] is not nested in network\[1\]"),
        ([coarse, other], ValueError, r"network\[0\] is not nested in network\[1\]"),
        ([coarse, sk.KAN.splines([1, 2, 1], intervals=8)], ValueError, "not nested"),
        ([coarse, "net"], TypeError, r"network\[1\] must be of type KAN"),
        ([], ValueError, "network must not be empty"),
    ):
        with pytest.raises(error, match=message):
            sk.Hierarchy(given)
    with pytest.raises(ValueError, match="n_levels must not be given"):
        sk.Hierarchy([coarse, fine], 2)


def test_nested_steps_are_the_nested_iteration():
    x = np.random.default_rng(0).uniform(0, 1, (200, 2))
    y = np.sin(4 * x.sum(axis=1))
    levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=2), 4)
    theta = sk.initialize(levels.network, 0, "greville")

    def objective(level):
        return sk.LeastSquares(level.network, x, y)

    arguments = (levels, objective, sk.LevenbergMarquardt(), [3, 0, 2, 0], theta)
    whole = sk.nested_iteration(*arguments)
    steps = list(nested_steps(*arguments))
    assert [step.level.index for step in steps] == [0, 2]
    assert whole.results[1] is whole.results[3] is None
    for level, result in steps:
        np.testing.assert_array_equal(result.theta, whole.results[level.index].theta)
    np.testing.assert_array_equal(levels[3].P @ steps[-1].result.theta, whole.theta)
    assert (whole.level, whole.nit, len(whole.results)) == (3, 5, 4)
    # work is counted in the levels' costs without a word from the objective
    evaluations = [result.history.evaluations[-1] for _, result in steps]
    assert whole.history.work[-1] == evaluations[0] + 4 * evaluations[1]
    with pytest.raises(ValueError, match="budgets must have as many entries"):
        nested_steps(levels, objective, sk.LevenbergMarquardt(), [3], theta)  # before any step is asked for


def test_nested_steps_end_where_a_run_is_stopped():
    x = np.linspace(0, 1, 50)[:, None]
    levels = sk.Hierarchy(sk.KAN.splines([1, 1], intervals=2), 3)
    steps = nested_steps(
        levels,
        lambda level: sk.LeastSquares(level.network, x, np.sin(9 * x)),
        sk.LevenbergMarquardt(),
        [4, 4, 4],
        np.zeros(5),
        callback=lambda iterate: len(iterate.theta) > 5,
    )
    assert [(step.level.index, step.result.status.value) for step in steps][-1] == (1, "stopped")


def test_what_is_done_to_a_step_does_not_change_the_next():
    x = np.linspace(0, 1, 50)[:, None]
    levels = sk.Hierarchy(sk.KAN.splines([1, 1], intervals=2), 3)

    def values(spoil):
        steps = nested_steps(
            levels,
            lambda level: sk.LeastSquares(level.network, x, np.sin(9 * x)),
            sk.LevenbergMarquardt(),
            [2, 2, 2],
            np.zeros(5),
        )
        found = []
        for _, result in steps:
            found.append(result.value)
            result.theta[:] = 7.0 if spoil else result.theta
        return found

    assert values(spoil=True) == values(spoil=False)


def test_what_is_printed_fits_on_a_screen():
    x = np.linspace(0, 1, 50)[:, None]
    levels = sk.Hierarchy(sk.KAN.splines([1, 1], intervals=2), 2)

    def objective(level):
        return sk.LeastSquares(level.network, x, np.sin(x))

    result = sk.nested_iteration(levels, objective, sk.LevenbergMarquardt(), [2, 2], np.zeros(5))
    for shown in (result, result.results[0], result.model, levels[1], objective(levels[0])):
        assert "array" not in repr(shown)
        assert len(repr(shown)) < 500


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: sk.Hierarchy(net), "n_levels must be given with a network"),
        (
            lambda net: sk.nested_iteration(
                sk.Hierarchy(net, 1), lambda level: None, sk.LevenbergMarquardt, [1], np.zeros(5)
            ),
            "optimizer must be an optimiser or a sequence of them",
        ),
    ],
)
def test_forgotten_arguments_and_brackets(call, message):
    with pytest.raises(TypeError, match=message):
        call(sk.KAN.splines([1, 1], intervals=2))
