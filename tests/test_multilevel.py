"""Hierarchies and nested iteration."""

import numpy as np
import pytest

import splinekan as sk
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
    with pytest.raises(ValueError, match="as many budgets"):
        sk.nested_iteration(levels, objective, method, [5], theta)
    with pytest.raises(ValueError, match="needs iterations"):
        sk.nested_iteration(levels, objective, method, [0, 0], theta)
    with pytest.raises(ValueError, match="unit"):
        sk.nested_iteration(levels, objective, method, [1, 1], theta, unit="epochs")
    with pytest.raises(ValueError, match="between 0 and 0"):
        levels.prolong(theta, 1)


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
    result = sk.tournament(levels, objective, sk.LevenbergMarquardt(), rounds, draw, 0)
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
    again = sk.tournament(levels, objective, sk.LevenbergMarquardt(), rounds, draw, 0)
    assert again.value == result.value


def test_bad_tournaments():
    levels = sk.Hierarchy(sk.KAN.splines([2, 1], intervals=2), 2)
    arguments = (lambda level, samples: None, sk.LBFGS())
    for rounds, message in (
        ([], "at least one round"),
        ([sk.Round(2, 1, 1)], "between 0 and 1"),
        ([sk.Round(1, 1, 1), sk.Round(0, 1, 1)], "must not decrease"),
        ([sk.Round(0, 1, 1), sk.Round(0, 2, 1)], "not increase"),
    ):
        with pytest.raises(ValueError, match=message):
            sk.tournament(levels, *arguments, rounds, lambda rng: np.zeros(10), 0)
    with pytest.raises(ValueError, match="candidates must be at least 1"):
        sk.Round(0, 0, 1)
