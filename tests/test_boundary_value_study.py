"""Boundary value problems: runs in stages, checkpoints, the table and its command."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small import always

import splinekan as sk
from splinekan import cli
from splinekan.problems import boundary
from splinekan.problems.networks import bounded, free
from splinekan.studies.boundary_value import first_order, gauss_newton
from splinekan.studies.boundary_value import study as boundary_value
from splinekan.studies.boundary_value.first_order import RECIPES
from splinekan.studies.registry import STUDIES

TINY = gauss_newton.Setting(((5, 5), (6, 6)), (5, 5), ((2, 3), (1, 3)), network=bounded((2, 3, 1), 4, 2))


SCHEDULES = tuple(
    replace(one, budgets=tuple(n // 100 for n in one.budgets)) for one in RECIPES["burgers"].schedules
)
SHORT = {
    "recipe": replace(RECIPES["burgers"], points=(8, 8), schedules=SCHEDULES),
    "setting": TINY,
}


def test_the_command_knows_the_problems():
    entries = [entry for entry in STUDIES.values() if entry.package == "boundary_value"]
    assert [entry.arguments["name"] for entry in entries] == list(boundary_value.NAMES)
    for name in boundary_value.NAMES:
        assert "gauss-newton" in boundary_value.rows_of(name)


@pytest.mark.parametrize("name", RECIPES)
def test_multilevel_rows_take_no_more_work_and_networks_have_the_paper_sizes(name):
    work = {s.name: sum(n * 2**level for level, n in enumerate(s.budgets)) for s in RECIPES[name].schedules}
    assert all(work[f"{basis}-multilevel"] <= min(work.values()) + 8 for basis in ("spline", "relu"))
    assert max(work.values()) <= 3200 if name == "burgers" else max(work.values()) - min(work.values()) < 8
    sizes = {"interface": (140, 700), "burgers": (3400, 9700), "allen-cahn": (280, 1400)}
    problem, recipe = boundary.problem(name), RECIPES[name]
    multilevel = next(s for s in recipe.schedules if s.kind == "multilevel")
    levels = first_order.FirstOrderRun(problem, 0, recipe, multilevel).hierarchy
    assert (levels[0].network.n_parameters, levels[-1].network.n_parameters) == sizes[name]
    assert levels.network.n_in == problem.n_inputs
    interior, *others = first_order.posed(problem, recipe)
    np.testing.assert_allclose(interior.weight.sum(), 2 * recipe.weights[0])
    assert len(others) == len(recipe.weights) - 1


@pytest.mark.parametrize("name", gauss_newton.SETTINGS)
def test_networks_fit_their_problems(name):
    setting = gauss_newton.SETTINGS[name]
    problem = boundary.problem(gauss_newton.PROBLEMS.get(name, name))
    run = gauss_newton.GaussNewtonRun(problem, 0, setting)
    assert run.hierarchy.network.n_in == problem.n_inputs
    assert len(setting.cells) == len(setting.iterations)
    fine = run.hierarchy[-1].network.n_parameters
    assert 9 * np.prod(setting.cells[-1]) > 5 * fine, "too few points"


def test_table_figure_and_json(monkeypatch, tmp_path, capsys):
    always(monkeypatch, "burgers", **SHORT)
    record, figure = tmp_path / "out" / "b.json", tmp_path / "out" / "b.png"
    arguments = ["study", "burgers", "--seeds", "3", "4", "--json", str(record), "--figure", str(figure)]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    found = json.loads(record.read_text())
    names = [row["name"] for row in found["rows"]]
    assert names == list(boundary_value.rows_of("burgers"))
    assert all(name in printed for name in names)
    keys = (
        "name basis schedule optimizer parameters loss_mean loss_std rel_l2_mean rel_l2_per_seed work seconds"
    )
    assert all(set(keys.split()) <= set(row) for row in found["rows"])
    assert all(len(row["rel_l2_per_seed"]) == 2 for row in found["rows"])
    optimizers = {row["name"]: row["optimizer"] for row in found["rows"]}
    assert "Gauss-Newton" in optimizers["gauss-newton"]
    assert optimizers["spline-fine"] == "AdamW"
    multilevel = found["rows"][names.index("spline-multilevel")]["levels"]
    assert [level["intervals"] for level in multilevel] == [5, 10, 20]
    assert figure.stat().st_size > 10_000
    assert cli.main(arguments) == 2
    assert "--force" in capsys.readouterr().err


def test_a_resumed_run_ends_in_the_same_numbers(tmp_path, monkeypatch):
    rows = ["spline-multilevel", "gauss-newton"]
    whole = boundary_value.run("burgers", [5], rows, **SHORT)

    def interrupted_on_the_last_level(method, finest):
        def advance(self, frame, state, point):
            if len(point.z) == finest:
                raise KeyboardInterrupt
            return method(self, frame, state, point)

        return advance

    for kind, row in zip((sk.Adam, sk.LevenbergMarquardt), rows, strict=True):
        sizes = [stage.parameters for stage in whole.stages[row][0]]
        with monkeypatch.context() as patched:
            patched.setattr(kind, "_advance", interrupted_on_the_last_level(kind._advance, max(sizes)))
            with pytest.raises(KeyboardInterrupt):
                boundary_value.run("burgers", [5], [row], checkpoints=tmp_path, **SHORT)
        kept = json.loads((tmp_path / f"burgers-{row}-5.json").read_text())["stages"]
        assert len(kept) == len(sizes) - 1
    assert len(list(tmp_path.iterdir())) == 2
    resumed = boundary_value.run("burgers", [5], rows, checkpoints=tmp_path, **SHORT)
    for row in rows:
        for one, other in zip(whole.stages[row][0], resumed.stages[row][0], strict=True):
            np.testing.assert_array_equal(one.theta, other.theta)
            assert (one.loss, one.error, one.work) == (other.loss, other.error, other.work)
            np.testing.assert_array_equal(one.history.loss, other.history.loss)

    def never(*_):
        raise AssertionError("nothing is left to do")

    monkeypatch.setattr(first_order.FirstOrderRun, "advance", never)
    boundary_value.run("burgers", [5], rows[:1], checkpoints=tmp_path, **SHORT)
    with pytest.raises(ValueError, match="other settings"):
        boundary_value.run("burgers", [5], rows[:1], quick=True, checkpoints=tmp_path, **SHORT)
    file = next(tmp_path.glob("*spline*"))
    file.write_text("{}")
    with pytest.raises(ValueError, match="not a checkpoint of this run"):
        boundary_value.run("burgers", [5], rows[:1], checkpoints=tmp_path, **SHORT)


def test_gauss_newton_lowers_the_error_level_by_level():
    setting = gauss_newton.Setting(
        ((6, 6), (8, 8), (12, 12)), (30, 30, 30), ((8, 15), (2, 30)), network=free((2, 3, 1), 5, 2)
    )
    run = gauss_newton.GaussNewtonRun(boundary.problem("poisson"), 2, setting)
    stages = [run.advance(0, None)]
    for index in (1, 2):
        stages.append(run.advance(index, stages[-1]))
    errors = [stage.error for stage in stages]
    assert errors[0] > 5 * errors[1] > 5 * errors[2]
    assert errors[2] < 1e-3
    assert stages[-1].fresh_loss < 5 * stages[-1].loss
    points = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    np.testing.assert_allclose(run.solution(stages[-1], points), run.problem.reference(points), atol=1e-2)
    assert np.abs(run.residual(stages[-1], points)).max() < 0.5


def test_end_cells_bring_points_closer_to_the_faces():
    nearest = []
    for part, cells in ((0.0, 4), (0.1, 6)):
        setting = replace(
            gauss_newton.SETTINGS["advection"], cells=((4, 4),), iterations=(1,), end_cells=part
        )
        run = gauss_newton.GaussNewtonRun(boundary.problem("advection"), 0, setting)
        interior = run._objective(0, run.problem.uniform((4, 4))).blocks[0]
        assert len(interior.points) == 9 * cells**2
        assert np.sum(interior.weight) == pytest.approx(2.0)
        nearest.append(np.abs(interior.points - 1).min(axis=0))
    np.testing.assert_allclose(nearest[1], 0.1 * nearest[0])


def test_bad_input_is_explained(capsys, monkeypatch, tmp_path):
    assert cli.main(["study", "burgers", "--rows", "spline-middle"]) == 2
    assert "spline-multilevel" in capsys.readouterr().err

    def work(*_, **__):
        raise AssertionError("work was done")

    monkeypatch.setattr(boundary_value.FirstOrderRun, "advance", work)
    old = tmp_path / "old.json"
    old.touch()
    cases = {
        ("--figure", "burgers.svg"): "one of '.png', '.pdf'",
        ("--json", str(old)): "give --force",
        ("--json", str(tmp_path), "--force"): "is a folder",
    }
    for arguments, message in cases.items():
        assert cli.main(["study", "burgers", "--rows", "spline-fine", *arguments]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(ValueError, match="at least one seed"):
        boundary_value.run("burgers", [])
    with pytest.raises(ValueError, match="helmholtz"):
        boundary_value.run("wave")
