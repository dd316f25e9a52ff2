"""Shares of an optimiser's first updates after a refinement that lie outside the coarse space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.complementarity import NOISE, TangentSplit, Update, first_updates
from splinekan.optimize import (
    LBFGS,
    Adam,
    Constant,
    GaussNewton,
    GradientDescent,
    LeastSquaresProblem,
    LevenbergMarquardt,
    Optimizer,
)
from splinekan.studies.skeleton.tables import Column, table

STEPS = (1, 4, 16)
GEOMETRIES = ("spline", "relu")
RATES = tuple(10.0**-n for n in range(1, 9))
"""Rates of Adam, of which the rate with the lowest loss after the last step is used in each geometry."""


@dataclass(frozen=True)
class Share:
    """An optimiser in a geometry after a refinement; medians over the seeds, dimensionless.

    Attributes
    ----------
    coarse
        The setting, and how the level below was trained.
    intervals
        After the refinement.
    optimizer, geometry
        Whose updates; and what to compare with: "random", "dimension", "best"; the coefficients' part of
        the first "gradient" step, where the network has an affine map.
    steps
        Numbers of steps.
    share, reach, corrected, loss
        See `Update`: one entry per number of steps.
    low, high
        Smallest and largest share over the seeds.
    """

    coarse: str
    intervals: int
    optimizer: str
    geometry: str
    steps: tuple[int, ...]
    share: tuple[float, ...]
    reach: tuple[float, ...] = ()
    corrected: tuple[float, ...] = ()
    loss: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


def measured(
    coarse: str,
    intervals: int,
    problem: LeastSquaresProblem,
    theta: Float64Array,
    p: Float64Array,
    rates: Sequence[float],
    affine: int = 0,
) -> list[Share]:
    """All optimisers in both geometries at theta = P theta_coarse, and references to compare them with.

    If the first `affine` parameters are affine maps, also the first update of gradient descent without them.
    """
    _, upper, residual = problem.triangular_factor(theta)
    split = TangentSplit(upper, p)
    row = partial(Share, coarse, intervals)
    rows = []
    for name in ("gradient descent", "Adam", "L-BFGS", "Levenberg-Marquardt", "Gauss-Newton"):
        for geometry in GEOMETRIES:
            columns = problem.coordinates(geometry).solve(np.eye(len(theta)))
            stable = 1 / float(np.linalg.norm(upper @ columns, 2)) ** 2
            # Undamped steps of a network diverge: only the first is meaningful.
            steps = STEPS[:1] if name == "Gauss-Newton" else STEPS
            tries = [
                first_updates(problem, theta, split, residual, optimizer, steps)
                for optimizer in _optimizers(name, geometry, stable, rates)
            ]
            best = min(
                tries, key=lambda updates: updates[-1].loss if np.isfinite(updates[-1].loss) else np.inf
            )
            rows.append(_row(row, name, geometry, best))
    if affine:
        for geometry in GEOMETRIES:
            columns = problem.coordinates(geometry).solve(np.eye(len(theta)))
            part = columns @ (columns.T @ (upper.T @ residual))
            part[:affine] = 0.0
            rows.append(row("gradient, coefficients", geometry, (), (split.share(part),)))
    for geometry in GEOMETRIES:
        columns = problem.coordinates(geometry).solve(np.eye(len(theta)))
        rows.append(row("random", geometry, (), (split.random(columns),)))
    rows.append(row("random", "function space", (), (split.isotropic,)))
    rows.append(row("dimension", "", (), (split.dimension,)))
    rows.append(row("best", "", (), (split.best(residual),)))
    return rows


def _optimizers(name: str, geometry: str, stable: float, rates: Sequence[float]) -> list[Optimizer]:
    makers: dict[str, Callable[[], list[Optimizer]]] = {
        "gradient descent": lambda: [GradientDescent(step=stable, search="armijo", geometry=geometry)],
        "Adam": lambda: [Adam(schedule=Constant(rate), geometry=geometry) for rate in rates],
        "L-BFGS": lambda: [LBFGS(search="armijo", geometry=geometry)],
        "Levenberg-Marquardt": lambda: [LevenbergMarquardt(geometry=geometry)],
        "Gauss-Newton": lambda: [GaussNewton(geometry=geometry)],
    }
    return makers[name]()


def _row(row: Callable[..., Share], name: str, geometry: str, updates: Sequence[Update]) -> Share:
    columns = [
        tuple(float(getattr(update, field)) for update in updates)
        for field in ("share", "reach", "corrected", "loss")
    ]
    return row(name, geometry, tuple(update.steps for update in updates), *columns)


def over_seeds(rows: Sequence[Share]) -> Share:
    """Medians, and the smallest and largest share; NaN if a method took no step from some seed."""
    merged: dict[str, Any] = {}
    for name in ("share", "reach", "corrected", "loss"):
        values = np.array([getattr(row, name) for row in rows])
        merged[name] = tuple(np.median(values, axis=0).tolist())
        if name == "share":
            merged |= {"low": tuple(values.min(axis=0).tolist()), "high": tuple(values.max(axis=0).tolist())}
    return replace(rows[0], **merged)


def share_table(rows: Sequence[Share]) -> str:
    """Per setting a line for every optimiser and geometry; per number of steps a column for every level.

    Shares below `NOISE` may be rounding and are not printed as numbers. A dash: no step was taken (in ReLU
    geometry searches end in rounding), or no such number was measured.
    """
    levels = sorted({row.intervals for row in rows})
    counts = next(row.steps for row in rows if row.steps)
    first, last = counts[0], counts[-1]
    lines: dict[tuple[str, str, str], dict[int, Share]] = {}
    for row in rows:
        lines.setdefault((row.coarse, row.optimizer, row.geometry), {})[row.intervals] = row

    def share(steps: int, level: int) -> Callable[[dict[int, Share]], str]:
        return lambda line: _short(_after(line[level], steps, first), NOISE)

    def finest(value: Callable[[Share], float]) -> Callable[[dict[int, Share]], str]:
        return lambda line: _short(value(line[levels[-1]])) if line[levels[-1]].steps else ""

    columns = [
        Column("share of the update outside range(P)", lambda line: line[levels[0]].optimizer, left=True),
        Column("", lambda line: line[levels[0]].geometry, left=True),
        *(
            Column(f"after {steps}: G={level}" if level == levels[0] else f"G={level}", share(steps, level))
            for steps in (first, last)
            for level in levels
        ),
        Column(f"reach on {levels[-1]} intervals", finest(lambda row: row.reach[0])),
        Column("corrected", finest(lambda row: row.corrected[0])),
        Column(f"loss after {last}", finest(lambda row: row.loss[-1] if row.steps[-1] == last else np.nan)),
    ]
    return table(columns, list(lines.values()), group=lambda line: line[levels[0]].coarse)


def _after(row: Share, steps: int, first: int) -> float:
    """The share after this number of steps. References have none and stand in the first columns."""
    if steps in row.steps:
        return row.share[row.steps.index(steps)]
    return row.share[0] if steps == first else np.nan


def _short(value: float, floor: float = 0.0) -> str:
    if not np.isfinite(value):
        return "-"
    if value < floor:
        return f"<{floor:.0e}"
    return f"{value:.3f}" if value == 0 or 5e-3 <= value < 100 else f"{value:.1e}"
