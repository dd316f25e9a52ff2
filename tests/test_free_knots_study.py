"""The study of free knots and its command."""

import json

import pytest
from small import always

from splinekan import cli
from splinekan.studies.free_knots import study as free_knots


def test_moved_knots_are_better_than_as_many_unknowns_on_uniform_knots():
    study = free_knots.run(seeds=[0], samples=300, iterations=30, targets=["cusp"])
    rows = {row.method: row for row in study.rows}
    assert rows["free"].parameters == rows["uniform, 2G-1"].parameters == 18
    assert rows["uniform, G"].parameters == 11
    assert rows["free"].error < rows["uniform, 2G-1"].error < rows["uniform, G"].error
    assert rows["uniform, G"].least == pytest.approx(1)
    assert 1e-3 * (1 - 1e-6) <= rows["free, projected"].least < 1
    assert rows["free"].error_per_seed == (rows["free"].error,)


def test_every_method_of_a_network_has_its_number_of_unknowns():
    study = free_knots.run(seeds=[0], samples=100, iterations=3, targets=["rotated-waves"])
    assert [row.parameters for row in study.rows] == [55, 75, 230, 59, 75, 75, 75]


def test_command_and_bad_input(tmp_path, capsys, monkeypatch):
    always(monkeypatch, "free-knots", samples=100, iterations=3)
    record = tmp_path / "r.json"
    arguments = ["study", "free-knots", "--seeds", "1", "--targets", "peak", "--json", str(record)]
    assert cli.main(arguments) == 0
    rows = json.loads(record.read_text())["rows"]
    assert {row["problem"] for row in rows} == {"peak"}
    assert set(rows[0]) >= {"problem", "method", "parameters", "error", "error_per_seed", "seconds"}
    assert cli.main(["study", "free-knots", "--targets", "trough"]) == 2
    assert "'peak'" in capsys.readouterr().err
    with pytest.raises(ValueError, match="iterations must be"):
        free_knots.run(iterations=2)
