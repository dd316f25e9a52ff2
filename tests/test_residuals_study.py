"""Residuals by level and their Fourier transforms."""

from dataclasses import replace

import numpy as np
import pytest

from splinekan.studies.boundary_value import study as boundary_value
from splinekan.studies.boundary_value.first_order import RECIPES
from splinekan.studies.residuals.study import residual_fields, spectrum

EPS = np.finfo(float).eps


def test_energies_add_up_to_the_mean_square():
    values = np.random.default_rng(0).normal(size=(32, 32))
    window = np.hanning(32)
    windowed = values * window * window[:, None]
    np.testing.assert_allclose(spectrum(values).sum(), np.mean(windowed**2), rtol=100 * EPS)


def test_a_wave_is_found_at_its_wave_numbers():
    n = 64
    x = (np.arange(n) + 0.5) / n
    values = np.cos(2 * np.pi * (5 * x[:, None] + 9 * x))
    energy = spectrum(values)
    peak = np.unravel_index(energy.argmax(), energy.shape)
    assert sorted([peak, (n - peak[0], n - peak[1])]) == [(n // 2 - 5, n // 2 - 9), (n // 2 + 5, n // 2 + 9)]


@pytest.fixture
def study():
    schedules = tuple(
        replace(one, budgets=tuple(min(n, 3) for n in one.budgets)) for one in RECIPES["allen-cahn"].schedules
    )
    recipe = replace(RECIPES["allen-cahn"], points=(8, 8), schedules=schedules)
    return boundary_value.run("allen-cahn", [3, 4], ["spline-multilevel"], recipe=recipe)


def test_fields_are_the_residuals_of_the_best_seed(study):
    fields = residual_fields(study, "spline-multilevel", 12)
    assert [field.intervals for field in fields] == [4, 8, 16, 32]
    which = int(np.argmin([done[-1].error for done in study.stages["spline-multilevel"]]))
    run, stages = study.runs["spline-multilevel"][which], study.stages["spline-multilevel"][which]
    for field, stage in zip(fields, stages, strict=True):
        assert field.names == ("x", "t")
        point = np.array([[field.axes[0][7], field.axes[1][2]]])
        expected = float(run.residual(stage, point)[0])
        np.testing.assert_allclose(field.values[7, 2], expected, rtol=1e-9)
        np.testing.assert_array_equal(field.energy, spectrum(field.values))
        for variable in (0, 1):
            waves, along = field.cut(variable)
            np.testing.assert_array_equal(waves, np.arange(6))
            assert along[0] == field.energy[6, 6]
        assert field.cut(0)[1][3] == field.energy[9, 6]
        assert field.cut(1)[1][3] == field.energy[6, 9]


def test_bad_input(study):
    with pytest.raises(ValueError, match="row must be one of"):
        residual_fields(study, "relu-fine")
    with pytest.raises(ValueError, match="points must be at least 8"):
        residual_fields(study, "spline-multilevel", 4)
