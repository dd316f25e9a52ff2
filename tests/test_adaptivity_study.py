"""The study of adaptivity: rows, orders, what is counted, and its command."""

import json

import numpy as np
import pytest
from small import always

from splinekan import cli, plots
from splinekan.studies.adaptivity import study as adaptivity
from splinekan.studies.adaptivity.runs import CURVE_METHODS, FIELD_METHODS, Row, field_rows
from splinekan.studies.adaptivity.targets import CURVES, FIELDS, PROBLEMS

SMALL = {
    "seeds": (0, 1),
    "samples": 200,
    "problems": ("root", "ridge-1"),
    "curve_levels": 5,
    "field_levels": 3,
    "budget": 40,
}


@pytest.fixture(scope="module")
def small():
    return adaptivity.run(**SMALL)


def runs(study, problem, method):
    rows = [row for row in study.rows if (row.problem, row.method) == (problem, method)]
    return [[row for row in rows if row.seed == seed] for seed in dict.fromkeys(row.seed for row in rows)]


def test_every_method_on_every_problem(small):
    curve, network = CURVES[1].name, FIELDS[0].name
    found = dict.fromkeys((row.problem, row.method) for row in small.rows)
    assert list(found) == [(curve, m) for m in CURVE_METHODS] + [(network, m) for m in FIELD_METHODS]
    for problem, method in found:
        each = runs(small, problem, method)
        assert len(each) == (1 if problem == curve else 2)
        for run in each:
            sizes = [row.parameters for row in run]
            assert sizes == sorted(set(sizes))
            assert all(row.error <= row.maximum for row in run)
            assert all(np.diff([row.seconds for row in run]) >= 0)
            assert all(np.diff([row.iterations for row in run]) >= 0)
            if method == "uniform":
                count = 5 if problem == curve else 3
                expected = [4 * 2**level + 3 for level in range(count)]
                assert sizes == [3 * n if problem == network else n for n in expected]
            elif problem == curve:
                assert sizes[-1] <= 40
            else:
                assert sizes[-1] <= 3 * 19 // 2


def test_starts_are_the_same_for_all_methods():
    first = {m: field_rows(FIELDS[0], m, 0, 200, 2)[0] for m in ("gauss-newton", "jump", "uniform")}
    assert len({row.error for row in first.values()}) == 1  # five iterations each, from the same start


def test_uniform_knots_have_the_order_of_the_singularity(small):
    root = next(s for s in small.summaries if s.method == "uniform")
    assert root.predicted == 1.0
    assert abs(root.order - 1.0) < 0.1
    assert abs(root.maximum_order - 0.5) < 0.1
    assert root.saving == root.faster == 1.0
    assert root.needed == 67


def test_adaptive_knots_and_those_of_fitpack_need_fewer(small):
    for summary in small.summaries[1:6]:
        assert summary.saving > 2.5
        assert summary.needed < 30
        assert summary.order > 2.0


def test_orders_and_theory_of_curves():
    power = PROBLEMS["power"]
    assert power.uniform_orders == (1.1, 0.6)
    assert power.adaptive_orders[0] == 4.0
    assert np.isclose(power.adaptive_orders[1], 2.4545, atol=1e-4)
    assert PROBLEMS["peak"].uniform_orders == PROBLEMS["peak"].adaptive_orders == (4.0, 4.0)


@pytest.mark.parametrize("curve", CURVES)
def test_quadrature_integrates_the_curves(curve):
    x, w = curve.quadrature(64)
    assert np.isclose(w.sum(), 1.0, rtol=1e-12)
    assert (w > 0).all()
    assert (np.diff(x) > 0).all()
    squares = {
        "|x - 0.3|^0.6": (0.3**2.2 + 0.7**2.2) / 2.2,
        "sqrt(x)": 0.5,
        "peak of width 0.01": 0.01 * np.sqrt(np.pi / 2),
    }
    assert np.isclose(w @ curve.function(x) ** 2, squares[curve.name], rtol=1e-9)


@pytest.mark.parametrize("field", FIELDS)
def test_fields_have_values_and_networks(field):
    x, y = field.sample(50, np.random.default_rng(0))
    assert x.shape == (50, 2)
    assert y.shape == (50,)
    assert np.abs(y).max() <= 1.01
    assert field.network().n_in == 2


def test_reached_and_medians():
    def row(method, seed, parameters, error, seconds):
        return Row(FIELDS[0].name, method, seed, parameters, error, error, 1, seconds)

    rows = [
        row("uniform", 0, 10, 1.0, 1.0),
        row("uniform", 0, 40, 0.1, 4.0),
        row("uniform", 1, 10, 1.0, 1.0),
        row("uniform", 1, 40, 0.2, 4.0),
        row("jump", 0, 10, 1.0, 1.0),
        row("jump", 0, 20, 0.05, 2.0),
        row("jump", 1, 8, 0.2, 1.0),
    ]
    uniform, jump = adaptivity.summarised(FIELDS[0], rows)
    assert (uniform.needed, uniform.saving, uniform.faster) == (40, 1, 1)
    assert (jump.needed, jump.saving, jump.faster) == (14, 3.5, 3.0)
    assert jump.order is None
    never = adaptivity.summarised(FIELDS[0], [*rows[:4], row("jump", 0, 10, 1.0, 1.0)])[1]
    assert (never.reached, never.needed, never.saving) == (0, np.inf, 0.0)
    assert (uniform.reached, jump.reached) == (2, 2)
    text = adaptivity.table(adaptivity.COLUMNS, [never]).splitlines()[1].split()
    assert text[-4:] == ["0", "-", "-", "-"]


def test_command(tmp_path, capsys, monkeypatch):
    always(monkeypatch, "adaptivity", **{**SMALL, "problems": ("root",)})
    record, figure = tmp_path / "a.json", tmp_path / "a.png"
    arguments = ["study", "adaptivity", "--json", str(record), "--figure", str(figure)]
    assert cli.main(arguments) == 0
    assert "order (theory)" in capsys.readouterr().out
    found = json.loads(record.read_text())
    assert {"problem", "method", "parameters", "error"} < set(found["rows"][0])
    assert len(found["summaries"]) == len(CURVE_METHODS)
    assert figure.stat().st_size > 10_000


def test_the_panels_show_every_method(small):
    axes = plots.canvas(2, 4, (12.0, 6.0))[1]
    plots.adaptivity_panels(axes, small)
    labels = [line.get_label() for line in axes[0, 0].get_lines()]
    assert [name for name in labels if not name.startswith("_")] == [
        "uniform",
        "adaptive, gauss-newton",
        "adaptive, residual",
        "adaptive, jump",
        "adaptive, curvature",
        "FITPACK",
    ]
    assert axes[0, 1].get_title() == FIELDS[0].name
    assert not axes[1, 3].axison
    with pytest.raises(ValueError, match="problem must be one of"):
        plots.error_by_parameters(axes[0, 0], small.rows, "none")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": ()}, "at least one seed"),
        ({"problems": ("none",)}, "must be one of"),
        ({"problems": ()}, "problems must not be empty"),
        ({"problems": ("root", "root")}, "problems must differ"),
        ({"samples": 10}, "samples must be at least 100"),
        ({"curve_levels": 1}, "curve_levels must be between"),
        ({"field_levels": 20}, "field_levels must be between"),
        ({"budget": 3}, "budget must be between"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        adaptivity.run(**arguments)
