"""The study of the gallery: rows, records, checkpoints, failures, its figure and its command."""

import json

import numpy as np
import pytest

from splinekan import cli, plots
from splinekan.problems import gallery
from splinekan.studies.pde import outcomes, study
from splinekan.studies.registry import GALLERY, STUDIES

KEYS = "name network parameters rel_l2_per_seed seconds record record_hardware"


@pytest.fixture
def solved(monkeypatch):
    """`Problem.solve` gives the reference with a relative error of 1e-6 (seed + 1); runs are kept."""
    calls = []

    def solve(self, seed=0, **options):
        calls.append((self.name, seed, options))
        if options.get("network") == "tensor" and len(self.bounds) > 3:
            raise ValueError("network must have at most three variables")

        def found(points):
            return (1 + 1e-6 * (seed + 1)) * self.reference(points)

        found.network_name = options.get("network", "spline 2-1")
        found.n_parameters = 100 + seed
        found.warnings = ("in doubt",) if seed == 1 else ()
        return found

    monkeypatch.setattr(gallery.Problem, "solve", solve)
    return calls


def test_the_registry_has_every_problem_of_the_gallery():
    named = {name for name, entry in STUDIES.items() if entry.package == "boundary_value"}
    assert set(GALLERY) == set(gallery.PROBLEMS) - named
    assert all(STUDIES[name].arguments == {"problems": (name,), "name": name} for name in GALLERY)


def test_rows(solved):
    found = study.run(["poisson", "helmholtz", "kovasznay"], (0, 1, 2))
    assert [row.name for row in found.rows] == ["poisson", "helmholtz", "kovasznay"]
    for row in found.rows:
        np.testing.assert_allclose(row.rel_l2_per_seed, [1e-6, 2e-6, 3e-6], rtol=1e-6)
        assert row.median == row.rel_l2_per_seed[1]
        assert row.worst == row.rel_l2_per_seed[2]
        assert row.parameters == 101
        assert row.network == "spline 2-1"
        assert row.warnings == [[], ["in doubt"], []]
    poisson, helmholtz, kovasznay = found.rows
    assert poisson.record is None
    assert helmholtz.record == gallery.helmholtz().record
    assert set(kovasznay.unknowns) == {"u", "v", "p"}
    printed = found.table()
    assert "none known" in printed
    assert "2.0e-09 (a GPU, 251 to 540 s)" in printed
    assert "1 with warnings" in printed
    record = found.record()
    assert record["study"] == "pde"
    assert all(set(KEYS.split()) <= set(row) for row in record["rows"])
    json.dumps(record, allow_nan=False)


def test_networks_make_rows_and_failures_are_shown(solved):
    found = study.run(["poisson", "poisson-5d"], (0,), ("tensor", "ridge"))
    assert [(row.name, row.network) for row in found.rows] == [
        ("poisson", "tensor"),
        ("poisson", "ridge"),
        ("poisson-5d", "tensor"),
        ("poisson-5d", "ridge"),
    ]
    failed = found.rows[2]
    assert np.isnan([failed.median, failed.worst, *failed.rel_l2_per_seed]).all()
    assert failed.failures == ["ValueError: network must have at most three variables"]
    assert "failed: ValueError" in found.table()
    assert found.record()["rows"][2]["median"] is None


def test_checkpoints(solved, tmp_path):
    first = study.run(["poisson"], (0, 1), checkpoints=tmp_path)
    assert len(solved) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "pde-poisson-default-0.json",
        "pde-poisson-default-1.json",
    ]
    again = study.run(["poisson"], (0, 1, 2), checkpoints=tmp_path)
    assert len(solved) == 3
    assert again.rows[0].rel_l2_per_seed[:2] == first.rows[0].rel_l2_per_seed
    with pytest.raises(ValueError, match="written with other settings"):
        study.run(["poisson"], (0,), seconds=3.0, checkpoints=tmp_path)
    path = tmp_path / "pde-poisson-default-0.json"
    record = json.loads(path.read_text())
    record["outcome"]["errors"]["u"] = 1e-9
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match="not those that were written"):
        study.run(["poisson"], (0,), checkpoints=tmp_path)
    path.write_text("{")
    with pytest.raises(ValueError, match="is not a checkpoint of this run"):
        study.run(["poisson"], (0,), checkpoints=tmp_path)
    assert len(solved) == 3


def test_solutions_that_do_not_depend_on_the_seed_are_found_once(solved):
    found = study.run(["poisson"], (0, 1), ("tensor",))
    assert found.rows[0].rel_l2_per_seed[0] == found.rows[0].rel_l2_per_seed[1]
    assert len(solved) == 1
    study.run(["poisson"], (0, 1), ("tensor",), seconds=5)  # a limit makes them depend on the machine
    assert len(solved) == 3


def test_failures_are_not_kept_and_two_processes_are_kept_apart(solved, tmp_path):
    study.run(["poisson-5d"], (0,), ("tensor",), checkpoints=tmp_path)
    assert list(tmp_path.iterdir()) == []
    run = outcomes.Run("poisson", "default", 0, None)
    store = outcomes.Store(tmp_path, "pde")
    with store.alone(run), pytest.raises(ValueError, match="another process is at work"):
        study.run(["poisson"], (0,), checkpoints=tmp_path)


def test_the_command(solved, tmp_path, capsys):
    record, figure = tmp_path / "out" / "pde.json", tmp_path / "out" / "pde.png"
    arguments = ["study", "pde", "--problems", "poisson", "burgers", "--seeds", "0", "1"]
    assert cli.main([*arguments, "--json", str(record), "--figure", str(figure)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(record.read_text())
    assert [row["name"] for row in found["rows"]] == ["poisson", "burgers"]
    assert "NVIDIA H100, 346 s" in printed
    assert figure.stat().st_size > 10_000


def test_a_problem_has_a_command_and_a_quick_setting(solved, tmp_path):
    path = tmp_path / "disk.json"
    assert cli.main(["study", "disk", "--quick", "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    assert found["study"] == "disk"
    assert found["seconds_limit"] == study.QUICK_SECONDS
    assert solved == [("disk", 0, {"seconds": study.QUICK_SECONDS})]
    assert study.run(quick=True).settings["problems"] == list(study.QUICK_PROBLEMS)


def test_the_figure_shows_records_without_a_time_and_problems_without_errors(solved):
    found = study.run(["helmholtz", "burgers", "poisson-5d"], (0,), ("default", "tensor"))
    _, axes = plots.canvas()
    ax = plots.error_by_seconds(axes[0, 0], found.rows)
    marks = [line.get_marker() for line in ax.lines]
    assert marks.count("*") == 3
    times = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "*"]
    assert times[1] == 346.1
    assert times[0] == times[2] == pytest.approx(3 * 346.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: study.run(["burger"]), r"problems\[0\] must be one of"),
        (lambda: study.run([]), "problems must not be empty"),
        (lambda: study.run(["poisson", "poisson"]), "problems must differ"),
        (lambda: study.run(["poisson"], ()), "seeds must name at least one"),
        (lambda: study.run(["poisson"], (0,), ["mlp"]), r"networks\[0\] must be one of"),
        (lambda: study.run(["poisson"], seconds=0), "seconds must be positive"),
        (lambda: study.run(["poisson"], name="gallery"), "name must be one of"),
        (lambda: plots.error_by_seconds(3, []), "ax must be of type Axes"),
        (lambda: plots.error_by_seconds(plots.canvas()[1][0, 0], [3]), "must be a studies.pde.study.Row"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
