"""Sweeps on one spline layer: predicted by local Fourier analysis, and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splinekan._checks import Float64Array
from splinekan.complementarity import (
    ModelProblem,
    Sweep,
    cycle_factor,
    harmonics,
    nested_factor,
    smoothing_factor,
    sweep_symbol,
)
from splinekan.studies.complementarity.shares import GEOMETRIES
from splinekan.studies.skeleton.tables import Column, table


@dataclass(frozen=True)
class Factors:
    """Factors of sweeps on the L2 projection for a degree, geometry and number of intervals; dimensionless.

    Attributes
    ----------
    smoothing, smoothing_best
        Largest factor over the oscillatory half of the waves, for the stable step 1/lambda_max and for
        the best step for these waves (predicted).
    nested, cycle, cycle_best
        A coarse solve and one stable sweep; cycles of both; cycles with the step that is best on what
        coarse solves leave. Each (predicted, measured periodic, measured with ends).
    """

    degree: int
    geometry: str
    intervals: int
    smoothing: float
    smoothing_best: float
    nested: tuple[float, float, float]
    cycle: tuple[float, float, float]
    cycle_best: tuple[float, float, float]


@dataclass(frozen=True)
class Modes:
    """Reduction 1 - |factor| of a stable sweep by wave.

    `frequency` is in radians; with ends it is j pi/(m - 1) for the mode with j sign changes.
    """

    geometry: str
    method: str
    kind: str
    frequency: tuple[float, ...]
    reduction: tuple[float, ...]


def sweep_factors(degree: int, geometry: str, intervals: int) -> Factors:
    """Factors predicted by symbols, measured with periodic coefficients and with ends."""
    theta = harmonics(intervals)
    values = sweep_symbol(theta, degree, geometry, 1 / intervals)
    periodic = Sweep(ModelProblem(degree, intervals, periodic=True), geometry)
    ends = Sweep(ModelProblem(degree, intervals), geometry)
    stable, steps = float(1 / values.max()), [ends.step(kind) for kind in ("stable", "complement")]
    around = periodic.step("complement")
    return Factors(
        degree,
        geometry,
        intervals,
        smoothing_factor(values, theta, stable),
        smoothing_factor(values, theta),
        (
            nested_factor(degree, geometry, intervals, stable),
            periodic.nested_factor(stable),
            ends.nested_factor(steps[0]),
        ),
        (
            cycle_factor(degree, geometry, intervals, stable),
            periodic.cycle_factor(stable),
            ends.cycle_factor(steps[0]),
        ),
        (
            cycle_factor(degree, geometry, intervals),
            periodic.cycle_factor(around),
            ends.cycle_factor(steps[1]),
        ),
    )


def mode_reductions(degree: int, intervals: int) -> list[Modes]:
    """Reductions by wave: predicted, measured periodic, measured with ends (gradient descent and Jacobi)."""
    theta, reductions = harmonics(intervals), []
    for geometry in GEOMETRIES:
        values = sweep_symbol(theta, degree, geometry, 1 / intervals)
        step = float(1 / values.max())
        reductions.append(_modes(geometry, "gradient", "predicted", theta, step * values))
        periodic = Sweep(ModelProblem(degree, intervals, periodic=True), geometry)
        waves = np.cos(np.arange(intervals)[:, None] * theta)
        reductions.append(_modes(geometry, "gradient", "periodic", theta, periodic.reductions(waves, step)))
        for method in ("gradient", "jacobi"):
            ends = Sweep(ModelProblem(degree, intervals), geometry, method)
            angle = np.pi * np.arange(len(ends.values)) / (len(ends.values) - 1)
            reduced = ends.reductions(ends.modes, ends.step("stable"))
            reductions.append(_modes(geometry, method, "ends", angle, reduced))
    return reductions


def _modes(geometry: str, method: str, kind: str, theta: Float64Array, reduction: Float64Array) -> Modes:
    return Modes(geometry, method, kind, tuple(theta.tolist()), tuple(reduction.tolist()))


def factor_table(rows: Sequence[Factors]) -> str:
    """A line per degree, geometry and number of intervals, as text."""

    def pair(name: str, field: str) -> tuple[Column, ...]:
        return (
            BAR,
            Column(name, lambda row: _factor(getattr(row, field)[0])),
            Column("with ends", lambda row: _factor(getattr(row, field)[2])),
        )

    columns = (
        Column("k", "degree"),
        Column("geometry", "geometry", left=True),
        Column("G", "intervals"),
        BAR,
        Column("smoothing", lambda row: _factor(row.smoothing)),
        Column("best", lambda row: _factor(row.smoothing_best)),
        *pair("nested", "nested"),
        *pair("cycles", "cycle"),
        *pair("best cycles", "cycle_best"),
    )
    return f"factors of sweeps on one layer, predicted and measured with ends\n{table(columns, rows)}"


BAR = Column("|", lambda _: "|")


def _factor(value: float) -> str:
    """Four digits, or the distance to 1."""
    missing = 1 - value
    if missing >= 5e-4:
        return f"{value:.4f}"
    return f"1-{missing:.0e}" if missing > 1e-13 else "1"
