"""The study of conditioning and its command."""

import json

import numpy as np
import pytest
from small import always

import splinekan as sk
from splinekan import cli
from splinekan.studies.conditioning import growth, levels
from splinekan.studies.conditioning import study as conditioning
from splinekan.studies.skeleton.study import record
from splinekan.studies.skeleton.tables import table

SMALL = {
    "degrees": (1, 2),
    "intervals": (8, 16, 32, 64),
    "layer_intervals": (4, 8, 16),
    "network_levels": 2,
    "budgets": (8, 4),
    "samples": 400,
}


@pytest.fixture(scope="module")
def study():
    return conditioning.run(**SMALL)


def test_exponents_approach_the_predicted_ones(study):
    assert len(study.growths) == 2 * 10
    for one in study.growths:
        if one.matrix in ("A", "A^T A", "mass"):
            assert one.bounds is not False
            assert one.corrected == pytest.approx(one.predicted, abs=0.25)
            assert abs(one.corrected - one.predicted) <= abs(one.slope - one.predicted) + 1e-2
        assert np.isfinite(one.condition).all()
    within = [one for one in study.growths if one.bounds]
    assert {(one.matrix, one.basis) for one in within} == {("A", "-"), ("A^T A", "-"), ("mass", "relu")}
    layers = {(one.basis, one.degree): one for one in study.growths if one.matrix == "layer 2-1"}
    for degree in (1, 2):
        spline, relu = layers["spline", degree], layers["relu", degree]
        assert spline.nullity == relu.nullity == (1, 1, 1)
        assert spline.slope == pytest.approx(0, abs=0.2)
        assert relu.slope > degree + 1


def test_a_violated_bound_and_a_lost_size_are_said_so():
    one = growth.growth(
        "A^T A",
        "-",
        1,
        (4, 8),
        lambda count: sk.change_of_basis_spectrum(sk.uniform_knots(0, 1, count, 1), 1),
        4,
        lambda count, condition: condition < 1,
    )
    assert one.bounds is False
    assert "VIOLATED" in table(growth.COLUMNS, [one])

    def lost(count):
        unknown = np.array([1.0, 1e-20]), np.array([1e-16, 1e-16])
        return sk.Spectrum(*unknown, "made up")

    one = growth.growth("A", "-", 1, (4, 8, 16), lost, None)
    assert "unresolved at G = 4, 8, 16" in table(growth.COLUMNS, [one])
    assert np.isnan(one.slope)
    (kept,) = record("conditioning", {}, growths=[one])["growths"]
    assert kept["condition"] == [None, None, None]
    assert kept["slope"] is None


def test_exponents_of_known_laws():
    sizes = (8, 16, 32, 64, 128)
    slope, error = growth.exponent(sizes, [3.0 * g**2.5 for g in sizes])
    assert slope == pytest.approx(2.5, abs=1e-10)
    assert error == pytest.approx(0, abs=1e-7)
    law = [g**6.0 * np.exp(-9 / g) for g in sizes]
    slope, error = growth.exponent(sizes, law)
    assert slope > 6.05
    assert error > 0.01
    assert growth.exponent(sizes, law, correction=True)[0] == pytest.approx(6, abs=1e-9)
    # A size that is lost does not enter.
    assert growth.exponent(sizes, [*law[:-1], np.nan], correction=True)[0] == pytest.approx(6, abs=1e-8)
    assert np.isnan(growth.exponent((4, 8), (1.0, 2.0))[1])


def test_spectra_by_level_and_basis(study):
    assert [(row.intervals, row.basis) for row in study.levels] == [
        (count, basis) for count in (5, 10) for basis in levels.BASES
    ]
    for first in (0, 4):
        rows = study.levels[first : first + 4]
        assert len({row.loss for row in rows}) == 1
        assert len({row.gauss_newton.nullity for row in rows}) == 1
        assert all(len(row.gauss_newton) == len(row.hessian) == row.parameters for row in rows)
        assert all(sum(map(len, row.layers)) == row.parameters for row in rows)
        spline, relu = rows[:2]
        assert relu.gauss_newton.condition_seen > spline.gauss_newton.condition_seen
    for kernel in study.kernels:
        assert kernel.ratio <= kernel.worst <= kernel.constant * (1 + 1e-9)
        assert kernel.constant == pytest.approx(4**4 / 36)
    assert set(study.modes) == set(conditioning.MODES)
    for (degree, count), spectrum in study.modes.items():
        assert spectrum.vectors.shape == (count + degree,) * 2


def test_table(study):
    text = study.table()
    assert len(text.splitlines()) == 2 + 20 + 3 + 8 + 1 + 3 + 2
    assert "nan" not in text


def test_command(tmp_path, capsys, monkeypatch):
    always(monkeypatch, "conditioning", **{**SMALL, "degrees": (1,), "intervals": (4, 8, 16)})
    record, figure = tmp_path / "c.json", tmp_path / "c.png"
    arguments = ["study", "conditioning", "--quick", "--json", str(record), "--figure", str(figure)]
    assert cli.main(arguments) == 0
    assert "Theorem 2" in capsys.readouterr().out
    found = json.loads(record.read_text())
    assert {"growths", "levels", "kernels", "seed", "versions", "threads"} <= set(found)
    assert len(found["levels"][0]["gauss_newton"]["values"]) == 55
    assert figure.stat().st_size > 10_000
    assert cli.main(arguments) == 2
    assert "--force" in capsys.readouterr().err


def test_bad_input():
    with pytest.raises(ValueError, match="degrees must not be empty"):
        conditioning.run(degrees=())
    with pytest.raises(ValueError, match="between 0 and 9"):
        conditioning.run(degrees=(10,))
    with pytest.raises(ValueError, match="two increasing sizes"):
        conditioning.run(intervals=(8, 4))
    with pytest.raises(ValueError, match="layer_intervals"):
        conditioning.run(layer_intervals=(8,))
    with pytest.raises(ValueError, match="network_levels must be between 2"):
        conditioning.run(network_levels=1)
    with pytest.raises(ValueError, match=r"budgets\[0\]"):
        conditioning.run(budgets=(0,))
    with pytest.raises(ValueError, match="samples"):
        conditioning.run(samples=0)
