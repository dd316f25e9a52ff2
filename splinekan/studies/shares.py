"""Shares: how much of an optimiser's first updates after a refinement the coarse level does not have."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from splinekan._checks import Array, Float64Array
from splinekan.complementarity import CUTOFF, NOISE, TangentSplit, Update, first_updates
from splinekan.multilevel import Hierarchy
from splinekan.multilevel.hierarchy import Level
from splinekan.network import KAN, DomainWarning, initialize
from splinekan.objectives import LeastSquares
from splinekan.optimize import (
    LBFGS,
    Adam,
    Constant,
    GaussNewton,
    GradientDescent,
    IdentityMap,
    LeastSquaresProblem,
    LevenbergMarquardt,
    LinearMap,
    MatrixMap,
    Optimizer,
    ResidualProblem,
)
from splinekan.splines.basis import BSplineBasis
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.splines.knots import breakpoints, refine_knots, uniform_knots
from splinekan.splines.prolongation import prolongation
from splinekan.splines.quadrature import gauss_points
from splinekan.studies import regression
from splinekan.studies.interrupts import whole

STEPS = (1, 4, 16)
GEOMETRIES = ("spline", "relu")
RATES = tuple(10.0**-n for n in range(1, 9))
"""Adam's: the one with the lowest loss after the last step is taken, for every geometry anew."""
INTERVALS = 5
DEGREE = 3
ONE_LAYER = "L2 projection on one layer, coarse level solved"
FROZEN = "spline layer of the network, coarse level solved"


@dataclass(frozen=True)
class Coarse:
    """How coarse levels are trained: all in spline geometry unless it says otherwise."""

    name: str
    optimizer: Optimizer
    budgets: tuple[int, ...]
    unit: str


COARSE = (
    Coarse("network after Levenberg-Marquardt", LevenbergMarquardt(), (200, 100, 100), "iterations"),
    Coarse("network after L-BFGS", LBFGS(search="armijo"), (640, 320, 160), "evaluations"),
    Coarse(
        "network after L-BFGS in ReLU geometry",
        LBFGS(search="armijo", geometry="relu"),
        (640, 320, 160),
        "evaluations",
    ),
)
"""As well as can be; and at the paper's budgets (32, 16, 8 epochs of 20), in both geometries.

The first one also gives the affine maps of the setting in which they are fixed.
"""


@dataclass(frozen=True)
class Share:
    """One optimiser in one geometry after one refinement; medians over the seeds, dimensionless.

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


def network_shares(
    way: Coarse, seed: int, samples: int, refinements: int, frozen: bool = False
) -> list[Share]:
    """Train each level, refine, measure, train on: the rows of one seed.

    With `frozen` those of the spline layer alone, too, on the hidden values that the trained level has.
    """
    start = regression.STARTS["rough"]
    x, y, _, _ = regression.data(seed, samples)
    coarsest = KAN.affine_first((2, 5, 1), DEGREE, INTERVALS, (0.0, start.width))
    levels = Hierarchy(coarsest, refinements + 1)
    theta = initialize(coarsest, np.random.default_rng([seed, 1]), mean=start.mean, noise=start.noise)
    rows = []
    for level in levels.levels[:-1]:
        count = way.budgets[level.index]
        limit = count if way.unit == "evaluations" else None
        objective = LeastSquares(level.network, x, y, 2 / len(x))
        theta = whole(way.optimizer.minimize(objective, theta, iterations=count, evaluations=limit)).theta
        if frozen:
            with warnings.catch_warnings():  # hidden values may lie outside, as they do in the network
                warnings.simplefilter("ignore", DomainWarning)
                rows += _frozen(level, theta, x, y)
        rows += _refined(way.name, levels, level.index, theta, x, y)
        theta = levels.prolong(theta, level.index)
    return rows


def _frozen(level: Level, theta: Float64Array, x: Array, y: Float64Array) -> list[Share]:
    """Rows of the spline layer alone, solved, on the hidden values of the whole network."""
    hidden = KAN.chain(level.network.layers[:1])(theta[: level.network.offsets[1]], x)
    last = Hierarchy(KAN.chain(level.network.layers[1:]), 2)
    below = LeastSquares(last.network, hidden, y, 2 / len(x))
    _, upper, rest = below.triangular_factor(np.zeros(last.network.n_parameters))
    lengths = np.linalg.norm(upper, axis=0)
    lengths[lengths == 0] = 1.0
    # As `TangentSplit` scales columns: solved for what it counts as the range, and no less.
    solved = np.linalg.lstsq(upper / lengths, -rest, rcond=CUTOFF)[0] / lengths
    return _refined(FROZEN, last, 0, solved, hidden, y)


def _refined(
    coarse: str, levels: Hierarchy, index: int, theta: Array, x: Array, y: Float64Array
) -> list[Share]:
    """Rows at P theta."""
    columns = [levels.prolong(e, index) for e in np.eye(len(theta))]
    fine = levels[index + 1].network
    objective = LeastSquares(fine, x, y, 2 / len(x))
    affine = fine.layers[0].n_parameters if len(fine.layers) > 1 else 0
    start = levels.prolong(theta, index)
    return measured(coarse, fine.intervals, objective, start, np.stack(columns, axis=1), affine)


def one_layer(refinements: int) -> list[Share]:
    """The same for the L2 projection of one variable's part of the target, solved exactly below.

    f(v) = sin(pi v) + sin(2 pi v) + |sin(3 pi v^2)| on [0, 1]; integrals by Gauss points of the finest
    knots, exact for the splines of all levels.
    """
    knots = [uniform_knots(0, 1, INTERVALS, DEGREE)]
    for _ in range(refinements):
        knots.append(refine_knots(knots[-1], DEGREE))
    x, weights = gauss_points(breakpoints(knots[-1], DEGREE), DEGREE + 1)
    root = np.sqrt(weights)
    f = root * (np.sin(np.pi * x) + np.sin(2 * np.pi * x) + np.abs(np.sin(3 * np.pi * x**2)))
    rows = []
    for coarse, fine in pairwise(knots):
        below, above = (
            root[:, None] * np.asarray(BSplineBasis(t, DEGREE).tabulate(x), dtype=np.float64)
            for t in (coarse, fine)
        )
        theta = prolongation(coarse, fine, DEGREE) @ np.linalg.lstsq(below, f, rcond=None)[0]
        maps: dict[str, LinearMap] = {
            "spline": IdentityMap(),
            "relu": MatrixMap(change_of_basis(fine, DEGREE).toarray().T),
        }
        problem = ResidualProblem(partial(_affine_residual, above, f), partial(_constant, above), maps)
        p = prolongation(coarse, fine, DEGREE).toarray()
        rows += measured(ONE_LAYER, len(fine) - 2 * DEGREE - 1, problem, theta, p)
    return rows


def _affine_residual(jacobian: Float64Array, target: Float64Array, theta: Float64Array) -> Float64Array:
    return np.asarray(jacobian @ theta - target)


def _constant(jacobian: Float64Array, theta: Float64Array) -> Float64Array:
    return jacobian


def measured(
    coarse: str,
    intervals: int,
    problem: LeastSquaresProblem,
    theta: Float64Array,
    p: Float64Array,
    affine: int = 0,
) -> list[Share]:
    """All optimisers in both geometries at theta = P theta_coarse, and what to compare them with.

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
            tries = [
                # Undamped steps of a network run wild: only the first one says something.
                first_updates(
                    problem, theta, split, residual, optimizer, STEPS[:1] if name == "Gauss-Newton" else STEPS
                )
                for optimizer in _optimizers(name, geometry, stable)
            ]
            best = min(tries, key=lambda found: found[-1].loss if np.isfinite(found[-1].loss) else np.inf)
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


def _optimizers(name: str, geometry: str, stable: float) -> list[Optimizer]:
    makers: dict[str, Callable[[], list[Optimizer]]] = {
        "gradient descent": lambda: [GradientDescent(step=stable, search="armijo", geometry=geometry)],
        "Adam": lambda: [Adam(schedule=Constant(rate), geometry=geometry) for rate in RATES],
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
    found: dict[str, Any] = {}
    for name in ("share", "reach", "corrected", "loss"):
        values = np.array([getattr(row, name) for row in rows])
        found[name] = tuple(np.median(values, axis=0).tolist())
        if name == "share":
            found |= {"low": tuple(values.min(axis=0).tolist()), "high": tuple(values.max(axis=0).tolist())}
    return replace(rows[0], **found)


def share_table(rows: Sequence[Share]) -> str:
    """One line per optimiser and geometry; per number of steps one column per level.

    Shares below `NOISE` may be rounding and are not printed as numbers. A dash: no step was taken (in ReLU
    geometry searches end in rounding), or no such number was measured.
    """
    levels = sorted({row.intervals for row in rows})
    counts = next(row.steps for row in rows if row.steps)
    shown, finest = (counts[0], counts[-1]), f"on {levels[-1]} intervals"
    head = f"{'share of the update outside range(P)':<40}"
    for n in shown:
        head += f"  {f'after {n}: G={levels[0]}':>14}" + "".join(f"{f'G={g}':>9}" for g in levels[1:])
    lines = [f"{head}  {f'reach {finest}':>22} {'corrected':>9} {f'loss after {shown[1]}':>13}"]
    for coarse in dict.fromkeys(row.coarse for row in rows):
        lines.append(coarse)
        group = [row for row in rows if row.coarse == coarse]
        for key in dict.fromkeys((row.optimizer, row.geometry) for row in group):
            same = [row for row in group if (row.optimizer, row.geometry) == key]
            line = f"  {key[0]:<22} {key[1]:<15}"
            for at, n in enumerate(shown):
                # References do not depend on the number of steps and stand in the first columns.
                found = [
                    row.share[row.steps.index(n)] if n in row.steps else row.share[0] if at == 0 else np.nan
                    for row in same
                ]
                line += f"  {_short(found[0], NOISE):>14}" + "".join(
                    f"{_short(value, NOISE):>9}" for value in found[1:]
                )
            if same[-1].steps:
                row = same[-1]
                loss = row.loss[-1] if row.steps[-1] == shown[1] else np.nan
                line += f"  {_short(row.reach[0]):>22} {_short(row.corrected[0]):>9} {_short(loss):>13}"
            lines.append(line)
    return "\n".join(lines)


def _short(value: float, floor: float = 0.0) -> str:
    if not np.isfinite(value):
        return "-"
    if value < floor:
        return f"<{floor:.0e}"
    return f"{value:.3f}" if value == 0 or 5e-3 <= value < 100 else f"{value:.1e}"
