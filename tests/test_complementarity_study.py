"""The study of complementarity, its figure and its command."""

import json

import numpy as np
import pytest
from small import always

import splinekan as sk
from splinekan import cli, plots
from splinekan.studies.complementarity import study as complementarity
from splinekan.studies.complementarity.settings import COARSE, FROZEN, ONE_LAYER, Coarse, one_layer

OPTIMIZERS = ["gradient descent", "Adam", "L-BFGS", "Levenberg-Marquardt", "Gauss-Newton"]
SHORT = (
    Coarse("network after a few steps", sk.LevenbergMarquardt(), (8, 8, 8), "iterations"),
    Coarse("network after L-BFGS", sk.LBFGS(search="armijo"), (20, 20, 20), "evaluations"),
)


@pytest.fixture(scope="module")
def study():
    return complementarity.run(
        (3, 4), 200, degrees=(1, 3), grids=(16, 32), refinements=2, coarse=SHORT, rates=(1e-2, 1e-4)
    )


def test_all_optimisers_in_both_geometries_and_what_to_compare_with(study):
    settings = list(dict.fromkeys(row.coarse for row in study.shares))
    assert settings == [ONE_LAYER, FROZEN, SHORT[0].name, SHORT[1].name]
    for name in settings:
        for intervals in (10, 20):
            rows = [row for row in study.shares if (row.coarse, row.intervals) == (name, intervals)]
            keys = [(row.optimizer, row.geometry) for row in rows]
            assert len(set(keys)) == len(keys)
            assert set(keys) >= {(o, g) for o in OPTIMIZERS for g in ("spline", "relu")}
            assert {"random", "dimension", "best"} <= {row.optimizer for row in rows}
            values = np.array([value for row in rows for value in row.share])
            assert ((values >= 0) & (values <= 1 + 1e-9) | np.isnan(values)).all()
            for row in rows:
                assert len(row.share) == max(len(row.steps), 1)
                if row.low:
                    assert all(
                        a <= b <= c or np.isnan(b)
                        for a, b, c in zip(row.low, row.share, row.high, strict=True)
                    )


def test_where_the_coarse_level_is_solved_the_argument_holds(study):
    for row in study.shares:
        if row.coarse in (ONE_LAYER, FROZEN) and row.optimizer == "best":
            assert row.share[0] == pytest.approx(1, abs=1e-6)
    for name in (ONE_LAYER, FROZEN):
        for intervals in (10, 20):
            first = {
                row.geometry: row.share[0]
                for row in study.shares
                if (row.coarse, row.intervals, row.optimizer) == (name, intervals, "gradient descent")
            }
            assert first["relu"] < 0.05 * first["spline"]


def test_one_layer_needs_no_seed():
    assert repr(one_layer(1)) == repr(one_layer(1))
    assert {row.intervals for row in one_layer(2)} == {10, 20}


def test_predicted_and_measured_factors_agree(study):
    assert [(row.degree, row.geometry, row.intervals) for row in study.factors][:3] == [
        (1, "spline", 16),
        (1, "spline", 32),
        (1, "relu", 16),
    ]
    for row in study.factors:
        for predicted, periodic, _ in (row.nested, row.cycle, row.cycle_best):
            assert periodic == pytest.approx(predicted, abs=1e-6)
        assert row.cycle_best[2] < 1
        assert row.smoothing_best <= row.smoothing
    predicted = {row.geometry: row for row in study.modes if row.kind == "predicted"}
    measured = {row.geometry: row for row in study.modes if row.kind == "periodic"}
    for geometry, row in predicted.items():
        np.testing.assert_allclose(row.reduction, measured[geometry].reduction, rtol=1e-4)
        assert np.all(np.diff(row.reduction) < 0)


def test_figures_return_labelled_axes(study):
    _, axes = plots.canvas(1, 3, (12.0, 4.0))
    assert plots.share_by_level(axes[0, 0], study.shares, FROZEN) is axes[0, 0]
    assert plots.reduction_by_wave(axes[0, 1], study.modes) is axes[0, 1]
    assert plots.complementarity_panels(axes, study) is axes
    assert "dimensionless" in axes[0, 0].get_ylabel()
    assert "dimensionless" in axes[0, 2].get_ylabel()
    assert all(ax.get_xlabel() and ax.get_yscale() == "log" for ax in axes.flat)
    texts = [text.get_text() for text in axes[0, 0].get_legend().get_texts()]
    assert set(OPTIMIZERS) <= set(texts)


def test_command(tmp_path, capsys, monkeypatch):
    always(monkeypatch, "complementarity", rates=(1e-3,), coarse=SHORT[:1], refinements=1)
    record, figure = tmp_path / "out" / "c.json", tmp_path / "out" / "c.png"
    arguments = ["study", "complementarity", "--quick", "--seeds", "3", "--samples", "200"]
    arguments += ["--json", str(record), "--figure", str(figure)]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "share of the update outside range(P)" in printed
    assert "Gauss-Newton" in printed
    assert "factors of sweeps" in printed
    found = json.loads(record.read_text())
    assert {"shares", "factors", "modes", "seeds", "samples", "cutoff", "noise", "versions"} <= set(found)
    assert "NaN" not in record.read_text()
    assert figure.stat().st_size > 10_000
    assert cli.main(arguments) == 2
    assert "--force" in capsys.readouterr().err


def test_bad_input():
    with pytest.raises(ValueError, match="at least one seed"):
        complementarity.run(())
    with pytest.raises(ValueError, match="at least one way"):
        complementarity.run((1,), coarse=())
    with pytest.raises(ValueError, match="samples"):
        complementarity.run((1,), 0)
    with pytest.raises(ValueError, match=r"grids\[1\] must be even"):
        complementarity.run((1,), 10, grids=(16, 17))
    with pytest.raises(ValueError, match=r"rates\[0\] must be positive"):
        complementarity.run((1,), 10, rates=(0.0,))
    with pytest.raises(ValueError, match="coarse must differ"):
        complementarity.run((1,), 10, coarse=SHORT[:1] * 2)
    with pytest.raises(ValueError, match="between 1 and 3"):
        complementarity.run((1,), 10, refinements=4)
    assert all(len(way.budgets) == 3 for way in COARSE)
