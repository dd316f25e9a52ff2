"""The toy study and its command."""

import json

import pytest
from small import always

from splinekan import Round, cli
from splinekan.studies.toy import study as toy

SHORT = (Round(0, 3, 5, 200), Round(1, 2, 5, 300), Round(2, 1, 8))


def test_rows_are_levels_and_errors_fall():
    study = toy.run(seeds=(1, 2), samples=600, rounds=SHORT)
    assert [row.intervals for row in study.rows] == [2, 4, 8]
    assert [row.parameters for row in study.rows] == [15 * (g + 3) for g in (2, 4, 8)]
    assert study.rows[0].train_rmse > study.rows[1].train_rmse > study.rows[2].train_rmse
    assert study.rows[0].seconds < study.rows[2].seconds
    assert all(row.test_rmse <= row.test_rmse_max for row in study.rows)
    assert len(study.table().splitlines()) == 4


def test_command(tmp_path, capsys, monkeypatch):
    always(monkeypatch, "toy", rounds=SHORT)
    record = tmp_path / "toy.json"
    arguments = ["study", "toy", "--seeds", "1", "--samples", "500", "--json", str(record)]
    assert cli.main(arguments) == 0
    assert "intervals" in capsys.readouterr().out
    found = json.loads(record.read_text())
    keys = {"intervals", "parameters", "train_rmse", "test_rmse", "test_rmse_max", "seconds"}
    assert all(set(row) == keys for row in found["rows"])
    assert [row["intervals"] for row in found["rows"]] == [2, 4, 8]
    assert {"seeds", "versions", "threads"} <= set(found)
    assert cli.main(arguments) == 2
    assert "--force" in capsys.readouterr().err


def test_bad_input():
    with pytest.raises(ValueError, match="at least one seed"):
        toy.run(seeds=())
    with pytest.raises(ValueError, match="samples must be at least 2"):
        toy.run(samples=0)
