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
