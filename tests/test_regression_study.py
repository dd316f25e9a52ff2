"""The regression study and the command that runs it."""

import json

import pytest

from splinekan import cli
from splinekan.studies import regression


def test_all_schedules_cost_the_same_work():
    for schedule in regression.SCHEDULES:
        if schedule.optimizer == "L-BFGS":
            costs = [n * 2**level for level, n in enumerate(schedule.budgets)]
            assert sum(costs) == 128 * regression.EPOCH


def vars_of(schedule):
    return (schedule.kind, schedule.basis, schedule.optimizer, schedule.budgets)


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


def test_command_reports_versions_and_bad_input(capsys):
    assert cli.main(["info"]) == 0
    assert "numba" in capsys.readouterr().out
    assert cli.main(["study", "regression", "--seeds", "-1"]) == 2
    assert "at least 0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["study", "unknown"])
