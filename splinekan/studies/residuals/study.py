"""Residuals by level and their Fourier transforms: the modes that a level leaves to the next level.

Southworth et al., arXiv:2603.04827, Figure 9, for the Allen-Cahn equation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splinekan._checks import Float64Array, affordable, instance, integer, real_array
from splinekan.studies.boundary_value.fields import midpoints
from splinekan.studies.boundary_value.study import Study


@dataclass(frozen=True, eq=False)
class ResidualField:
    """The residual of the equation at the end of a level, on a grid of midpoints.

    Attributes
    ----------
    intervals
        The number of intervals of the level's network; 0 for a perceptron.
    axes
        The grid along the two variables, (n,) each.
    names
        The variables' names.
    values
        (n, n), residual at (axes[0][i], axes[1][j]).
    energy
        (n, n), |F|^2, zero frequency in the middle: F is the transform of the residual under a Hann window in
        both variables, normalised so that the energies add up to the mean square of the windowed residual.
    waves
        (n,), wave numbers in periods on the variable's range.
    """

    intervals: int
    axes: tuple[Float64Array, Float64Array]
    names: tuple[str, str]
    values: Float64Array
    energy: Float64Array
    waves: Float64Array

    def cut(self, variable: int) -> tuple[Float64Array, Float64Array]:
        """Wave numbers 0, 1, ... of a variable and the energy there, at wave number 0 of the other."""
        middle = len(self.waves) // 2
        along = self.energy[middle:, middle] if variable == 0 else self.energy[middle, middle:]
        return self.waves[middle:], along


def spectrum(values: Float64Array) -> Float64Array:
    """Energies of the windowed 2-d Fourier transform of values (n, n), zero frequency at (n // 2, n // 2).

    Without a window the jump between opposite ends would smear along the axes.

    Raises
    ------
    TypeError, ValueError
        For values that are not a square matrix of finite numbers.
    """
    values = np.asarray(real_array("values", values, ndim=2, empty=False), dtype=np.float64)
    n = len(values)
    if values.shape != (n, n):
        raise ValueError(f"values must be square, got shape {values.shape}")
    window = np.hanning(n)
    coefficients = np.fft.fft2(window[:, None] * window * values) / n**2
    return np.asarray(np.fft.fftshift(np.abs(coefficients) ** 2))


def residual_fields(study: Study, row: str, points: int = 128) -> list[ResidualField]:
    """The residuals of a row's best seed, level by level.

    Parameters
    ----------
    study
        A study of a problem in two variables.
    row
        One of its rows.
    points
        Number of points of the grid along each variable; wave numbers up to half of it are resolved.

    Raises
    ------
    TypeError, ValueError
        For a row that the study does not have, or fewer than 8 points.
    """
    run, stages = instance("study", study, Study).best_seed(row)
    n = integer("points", points, low=8)
    affordable(f"points={n}", 200.0 * n**2)
    (first, second), grid = midpoints(run.problem, n)
    waves = np.arange(-(n // 2), n - n // 2).astype(np.float64)
    names = (str(run.problem.equation.variables[0]), str(run.problem.equation.variables[1]))
    fields = []
    for stage in stages:
        values = np.asarray(run.residual(stage, grid)).reshape(n, n)
        fields.append(ResidualField(stage.intervals, (first, second), names, values, spectrum(values), waves))
    return fields
