"""The regression study and the command that runs it."""

import json

import pytest
from small import always

import splinekan as sk
from splinekan import cli
from splinekan.studies.regression import study as regression
from splinekan.studies.regression import training
from splinekan.studies.regression.training import Schedule


def test_all_schedules_cost_the_same_work():
    for schedule in training.SCHEDULES:
        if schedule.optimizer == "L-BFGS":
            costs = [n * 2**level for level, n in enumerate(schedule.budgets)]
            assert sum(costs) == 128 * training.EPOCH


def vars_of(schedule):
    return (schedule.kind, schedule.basis, schedule.optimizer, schedule.budgets)


def test_study_writes_table_figure_and_json(tmp_path, capsys, monkeypatch):
    short = [
        Schedule(f"{basis}-{kind}", kind, basis, method, budgets)
        for basis in ("spline", "relu")
        for kind, method, budgets in (
            ("fine", "L-BFGS", (0, 0, 0, 5)),
            ("multilevel", "L-BFGS", (5, 4, 3, 2)),
            ("multilevel", "Gauss-Newton", (3, 2, 1, 1)),
        )
    ]
    short[2] = Schedule("spline-gauss-newton", *vars_of(short[2]))
    short[5] = Schedule("relu-gauss-newton", *vars_of(short[5]))
    always(monkeypatch, "regression", schedules=short)
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


def test_starts_are_named_and_recorded(tmp_path):
    record = tmp_path / "r.json"
    one = Schedule("spline-coarse", "coarse", "spline", "L-BFGS", (40, 0, 0, 0))
    losses = {}
    for start in training.STARTS:
        study = regression.run(seeds=(3,), samples=300, schedules=(one,), start=start)
        assert study.record()["start"] == start
        assert study.record()["samples"] == 300
        losses[start] = study.rows[0].mse_per_seed
    assert len({tuple(v) for v in losses.values()}) == len(training.STARTS)
    with pytest.raises(ValueError, match="'rough', 'smooth'"):
        regression.run(seeds=(3,), samples=300, schedules=(one,), start="flat")
    with pytest.raises(ValueError, match="at least one seed"):
        regression.run(seeds=(), samples=300, schedules=(one,))
    with pytest.raises(SystemExit):
        cli.main(["study", "regression", "--start", "flat", "--json", str(record)])
    assert not record.exists()


def test_a_study_repeats_bit_for_bit():
    one = Schedule("spline-multilevel", "multilevel", "spline", "L-BFGS", (30, 20, 0, 5))
    first, second = (regression.run(seeds=(5, 6), samples=500, schedules=(one,)).rows[0] for _ in range(2))
    assert first.mse_per_seed == second.mse_per_seed
    assert first.mse_per_seed[0] != first.mse_per_seed[1]


def test_rows_are_chosen_by_name(capsys):
    assert [s.name for s in training.select(["spline-fine", "relu-fine"])] == ["relu-fine", "spline-fine"]
    assert "mlp-5" not in [s.name for s in training.select(perceptrons=False)]
    assert cli.main(["study", "regression", "--rows", "spline-best"]) == 2
    assert "'spline-tournament'" in capsys.readouterr().err


def test_a_tournament_row_counts_all_its_work():
    rounds = (sk.Round(0, 3, 2, 100), sk.Round(1, 1, 3))
    one = Schedule("spline-tournament", "tournament", "spline", "Gauss-Newton", (), rounds=rounds)
    study = regression.run(seeds=(3,), samples=400, schedules=(one,))
    history = study.histories["spline-tournament"][0][0]
    assert study.rows[0].parameters == 15 + 5 * 13
    assert study.rows[0].mse_per_seed == [history.loss[-1]]
    # three starts of two iterations on a quarter of the samples, and three iterations on two units each
    assert history.work[0] >= 3 * 3 / 4
    assert history.work[-1] >= history.work[0] + 3 * 2
