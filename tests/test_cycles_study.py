"""The study of cycles, its figure and its command."""

import json

import numpy as np
import pytest
from small import always

from splinekan import cli, plots
from splinekan.studies.cycles import study as cycles
from splinekan.studies.cycles.figure import draw
from splinekan.studies.cycles.model_problems import factor, norms
from splinekan.studies.cycles.settings import COUNTS, METHODS, SETTINGS, shortened

SHORT = shortened(SETTINGS, 16)


@pytest.fixture(scope="module")
def study():
    return cycles.run((3, 4), 100, settings=SHORT[:2], levels=(2, 3), degrees=(1,))


def test_rows_are_complete_and_consistent(study):
    keys = [(row.problem, row.smoother, row.count, row.method) for row in study.rows]
    assert len(set(keys)) == len(keys) == (3 + 1) * len(COUNTS) * len(METHODS)
    budgets = {setting.name: {each.name: each.budgets for each in setting.smoothers} for setting in SHORT}
    for row in study.rows:
        assert len(row.loss_per_seed) == len(row.loss_in_time_per_seed) == 2
        best = zip(row.loss_per_seed, row.loss_in_time_per_seed, strict=True)
        assert all(whole <= part for whole, part in best)
        assert row.time <= row.seconds
        budget = budgets[row.problem][row.smoother][COUNTS.index(row.count)]
        assert row.work <= 1.5 * budget + 130  # a line search, or a correction, may exceed it
        assert (row.accepted is None) == (not METHODS[row.method] or row.by_corrections is None)
        if row.count == "evaluations":
            assert row.work == row.evaluations
        assert row.accepted != 0 or row.by_corrections == 0


def test_tables_have_a_line_for_everything(study):
    text = study.table()
    assert all(method in text for method in METHODS)
    assert "regression, ReLU basis, L-BFGS, equal work" in text
    assert "factors of cycles" in text
    assert "norms of projections" in text


def test_factors_against_dense_iteration_matrices():
    """The two-level cycle of a sweep and a coarse solve is a matrix; its spectral radius is the factor."""
    from splinekan.complementarity import ModelProblem, Sweep

    for geometry in ("spline", "relu"):
        measured = factor("L2", 1, geometry, "complement", "two-level", 3).factor
        model = ModelProblem(1, 16)
        sweep = Sweep(model, geometry)
        step = sweep.step("complement")
        matrix = sweep.solve_coarse(sweep.apply(np.eye(model.size), step))
        radius = np.abs(np.linalg.eigvals(matrix)).max()
        assert measured == pytest.approx(radius, rel=1e-2)
        assert measured <= sweep.cycle_factor(step) * 1.001


def test_three_levels_with_the_step_of_the_complement_diverge_in_the_relu_basis():
    assert factor("L2", 1, "relu", "complement", "V", 2).factor < 1
    assert factor("L2", 1, "relu", "complement", "V", 3).factor > 10
    assert factor("L2", 1, "spline", "complement", "V", 3).factor < 0.6


def test_norms_of_injection_grow_as_maps_of_functions():
    small, large = (norms("injection", "relu", 3, size) for size in (8, 16))
    assert large.functions > 4 * small.functions
    assert large.largest == pytest.approx(small.largest, rel=1e-6)
    for basis in ("spline", "relu"):
        assert norms("L2", basis, 3, 8).functions == pytest.approx(1, rel=1e-6)


def test_the_figure_has_labelled_axes(study):
    _, axes = plots.canvas(1, 3, (12.0, 4.0))
    assert draw(axes, study) is axes
    assert all(ax.get_xlabel() and ax.get_ylabel() and ax.get_title() for ax in axes.flat)


def test_command(tmp_path, capsys, monkeypatch):
    always(monkeypatch, "cycles", settings=SHORT[:1], methods=("nested", "nested, then V"), levels=(2,))
    record, figure = tmp_path / "c.json", tmp_path / "c.png"
    arguments = ["study", "cycles", "--quick", "--seeds", "3", "--samples", "100"]
    assert cli.main([*arguments, "--json", str(record), "--figure", str(figure)]) == 0
    assert "nested, then V" in capsys.readouterr().out
    found = json.loads(record.read_text())
    wanted = {"problem", "method", "smoother", "work", "seconds", "loss_per_seed"}
    assert all(wanted <= set(row) for row in found["rows"])
    assert {"rows", "factors", "norms", "seeds", "versions", "threads"} <= set(found)
    assert figure.stat().st_size > 1000


def test_bad_input():
    for arguments, message in (
        ({"seeds": ()}, "at least one seed"),
        ({"samples": 1}, "samples must be at least 32"),
        ({"methods": ("Z",)}, "must be one of"),
        ({"methods": ()}, "methods"),
        ({"settings": ()}, "settings must not be empty"),
        ({"settings": SETTINGS[:1] * 2}, "settings must differ"),
        ({"levels": (1,)}, "levels"),
        ({"degrees": (0,)}, "degrees"),
    ):
        with pytest.raises(ValueError, match=message):
            cycles.run(**arguments)
