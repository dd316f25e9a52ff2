"""Nested iteration, the regression study and the command."""

import json

import numpy as np
import pytest

import splinekan as sk
from splinekan import cli
from splinekan.optimize import Status
from splinekan.studies import regression


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


def test_all_schedules_cost_the_same_work():
    for schedule in regression.SCHEDULES:
        if schedule.optimizer == "L-BFGS":
            costs = [n * 2**level for level, n in enumerate(schedule.budgets)]
            assert sum(costs) == 128 * regression.EPOCH


def test_study_writes_table_figure_and_json(tmp_path, capsys, monkeypatch):
    short = [
        regression.Schedule(f"{basis}-{kind}", kind, basis, method, budgets)
        for basis in ("spline", "relu")
        for kind, method, budgets in (
            ("fine", "L-BFGS", (0, 0, 0, 5)),
            ("multilevel", "L-BFGS", (5, 4, 3, 2)),
            ("multilevel", "Gauss-Newton", (3, 2, 1, 1)),
        )
    ]
    short[2] = regression.Schedule("spline-gauss-newton", *vars_of(short[2]))
    short[5] = regression.Schedule("relu-gauss-newton", *vars_of(short[5]))
    monkeypatch.setattr(regression, "SCHEDULES", tuple(short))
    record, figure = tmp_path / "out" / "r.json", tmp_path / "out" / "r.png"
    arguments = ["study", "regression", "--seeds", "3", "--samples", "400"]
    arguments += ["--json", str(record), "--figure", str(figure)]
    assert cli.main(arguments) == 0
    assert "spline-multilevel" in capsys.readouterr().out
    found = json.loads(record.read_text())
    assert {"rows", "seeds", "versions", "threads"} <= set(found)
    keys = "name basis schedule optimizer parameters mse_mean mse_std mse_per_seed test_mse_mean work seconds"
    assert all(set(keys.split()) <= set(row) for row in found["rows"])
    assert figure.stat().st_size > 10_000
    before = record.read_text()
    assert cli.main(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert record.read_text() == before


def vars_of(schedule):
    return (schedule.kind, schedule.basis, schedule.optimizer, schedule.budgets)


def test_command_reports_versions_and_bad_input(capsys):
    assert cli.main(["info"]) == 0
    assert "numba" in capsys.readouterr().out
    assert cli.main(["study", "regression", "--seeds", "-1"]) == 2
    assert "at least 0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["study", "unknown"])
