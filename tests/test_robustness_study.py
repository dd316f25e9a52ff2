"""The robustness study and its command."""

import json
from dataclasses import replace

import pytest
from small import always

import splinekan as sk
from splinekan import cli
from splinekan.studies.regression.training import Schedule, train
from splinekan.studies.robustness import study as robustness

SHORT = Schedule(
    "spline-tournament",
    "tournament",
    "spline",
    "Gauss-Newton",
    (),
    rounds=(sk.Round(0, 2, 3, 100), sk.Round(1, 1, 2)),
)


def test_successes_are_counted_against_the_best_of_the_target():
    study = robustness.run([("products", 3)], samples=300, schedule=SHORT)
    (row,) = study.rows
    errors = [train(SHORT, seed, 300, target="products").mse for seed in (3000, 3001, 3002)]
    assert (row.best, row.worst) == (min(errors), max(errors))
    assert row.successes == sum(error <= 10 * row.best for error in errors)
    strict = robustness.run([("products", 3)], samples=300, schedule=SHORT, factor=1.0)
    assert strict.rows[0].successes == 1


def test_methods_are_compared_with_the_best_of_all():
    both = ["halving", "halving, projected"]
    study = robustness.run([("products", 2)], samples=300, schedule=SHORT, methods=both)
    assert [row.method for row in study.rows] == both
    best = min(row.best for row in study.rows)
    for row, optimizer in zip(study.rows, ("Gauss-Newton", "variable projection"), strict=True):
        schedule = replace(SHORT, optimizer=optimizer)
        errors = [train(schedule, seed, 300, target="products").mse for seed in (3000, 3001)]
        assert (row.best, row.worst) == (min(errors), max(errors))
        assert row.successes == sum(error <= 10 * best for error in errors)
    with pytest.raises(ValueError, match="methods"):
        robustness.run([("products", 2)], methods=["halving", "halving"])


def test_command_and_bad_input(tmp_path, capsys, monkeypatch):
    always(monkeypatch, "robustness", schedule=SHORT, cases=(("products", 2), ("peak", 1)))
    record = tmp_path / "r.json"
    arguments = ["study", "robustness", "--samples", "200", "--json", str(record)]
    assert cli.main(arguments) == 0
    assert [row["runs"] for row in json.loads(record.read_text())["rows"]] == [2, 1]
    assert cli.main(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert cli.main(["study", "robustness", "--targets", "ridges"]) == 2
    assert "'products', 'peak'" in capsys.readouterr().err
    with pytest.raises(ValueError, match="at least one target"):
        robustness.run([])
    with pytest.raises(ValueError, match=r"cases\[0\]\[1\] must be between 1"):
        robustness.run([("peak", 0)])
