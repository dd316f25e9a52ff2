"""Complementarity, measured: where updates go after a refinement, and what sweeps reduce.

Southworth et al., arXiv:2603.04827, section 4, argue that after a refinement updates must go into the
new, oscillatory functions, and that spline geometry does this while ReLU geometry, preconditioned by
(A A^T)^{-1}, prefers the smooth functions that the coarse level has already. Here it is measured twice.

Shares: of the first updates of every optimiser in both geometries, the share of their energy that no coarse
update has (`TangentSplit.share`). In three settings: the L2 projection on one spline layer; the spline layer
of the regression study's network, its affine map fixed as trained; and that network as a whole, refined from
5 to 10, 20 and 40 intervals. In the first two the coarse level is solved exactly, as the argument supposes;
no training of the third solves it.

Sweeps: on that layer, what a sweep of gradient descent reduces wave by wave, and the factors of coarse
solves with sweeps, predicted by local Fourier analysis and measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from splinekan._checks import Float64Array, integer
from splinekan.basis import BSplineBasis
from splinekan.complementarity import (
    CUTOFF,
    ModelProblem,
    Sweep,
    TangentSplit,
    Update,
    cycle_factor,
    first_updates,
    harmonics,
    nested_factor,
    smoothing_factor,
    sweep_symbol,
)
from splinekan.knots import breakpoints, refine_knots, uniform_knots
from splinekan.multilevel import Hierarchy
from splinekan.network import KAN, initialize
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
    MatrixMap,
    Optimizer,
    ResidualProblem,
)
from splinekan.quadrature import gauss_points
from splinekan.studies import regression
from splinekan.transforms import change_of_basis, prolongation

SEEDS = (1234, 1235, 1236, 1237, 1238)
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
        Whose updates; for the references "random", "dimension", "best".
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


@dataclass(frozen=True)
class Factors:
    """Sweeps on the L2 projection, one degree, geometry and number of intervals; dimensionless.

    Attributes
    ----------
    smoothing, smoothing_best
        Largest factor over the oscillatory half of the waves, for the stable step 1/lambda_max and for
        the best one for these waves (predicted).
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
    """Reduction 1 - |factor| of one stable sweep by wave; `frequency` in radians, ends: j pi/(m - 1) for
    the mode with j sign changes.
    """

    geometry: str
    method: str
    kind: str
    frequency: tuple[float, ...]
    reduction: tuple[float, ...]


@dataclass(frozen=True)
class Study:
    """What the study found."""

    shares: tuple[Share, ...]
    factors: tuple[Factors, ...]
    modes: tuple[Modes, ...]
    settings: dict[str, Any]

    def table(self) -> str:
        """Both tables as text."""
        return _share_table(self.shares) + "\n\n" + _factor_table(self.factors)

    def record(self) -> dict[str, Any]:
        """Everything, for JSON; None where a method took no step."""
        found = {
            "study": "complementarity",
            **self.settings,
            "shares": [asdict(row) for row in self.shares],
            "factors": [asdict(row) for row in self.factors],
            "modes": [asdict(row) for row in self.modes],
        }
        clean: dict[str, Any] = _without_nan(found)
        return clean


def run(
    seeds: Sequence[int] = SEEDS,
    samples: int = 20_000,
    refinements: int = 3,
    coarse: Sequence[Coarse] = COARSE,
    degrees: Sequence[int] = (1, 2, 3, 4, 5),
    grids: Sequence[int] = (16, 32, 64),
    progress: bool = False,
) -> Study:
    """Measure.

    Parameters
    ----------
    seeds
        Each draws its own points and start, as in the regression study.
    samples
        Points.
    refinements
        1, 2 or 3: from 5 intervals to 10, 20, 40.
    coarse
        Ways to train the coarse levels.
    degrees, grids
        Of the sweeps on one layer.
    progress
        Show a bar (tqdm).

    Raises
    ------
    TypeError, ValueError
        For no seeds, or numbers out of range.
    """
    numbers = [integer("every seed", seed, low=0) for seed in seeds]
    if not numbers:
        raise ValueError("seeds must name at least one seed, got none")
    integer("samples", samples, low=1)
    integer("refinements", refinements, low=1, high=3)
    rows = one_layer(refinements)
    bar = tqdm(total=len(coarse) * len(numbers), disable=not progress, leave=False)
    for way in coarse:
        found = []
        for seed in numbers:
            bar.set_description(f"{way.name}, seed {seed}")
            found.append(network_shares(way, seed, samples, refinements, way is coarse[0]))
            bar.update(1)
        merged = [_over_seeds(same) for same in zip(*found, strict=True)]
        rows += sorted(merged, key=lambda row: row.coarse != FROZEN)
    bar.close()
    factors = [
        sweep_factors(degree, geometry, count)
        for degree in degrees
        for geometry in GEOMETRIES
        for count in grids
    ]
    settings = {
        "seeds": numbers,
        "samples": samples,
        "start": "rough",
        "cutoff": CUTOFF,
        "rates": RATES,
        "coarse": [asdict(replace(way, optimizer=repr(way.optimizer))) for way in coarse],  # type: ignore[arg-type]
    }
    return Study(tuple(rows), tuple(factors), tuple(mode_reductions(DEGREE, max(grids))), settings)


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
        theta = way.optimizer.minimize(objective, theta, iterations=count, evaluations=limit).theta
        if frozen:
            hidden = KAN.chain(level.network.layers[:1])(theta[: level.network.offsets[1]], x)
            last = Hierarchy(KAN.chain(level.network.layers[1:]), 2)
            below = LeastSquares(last.network, hidden, y, 2 / len(x))
            _, upper, rest = below.triangular_factor(np.zeros(last.network.n_parameters))
            solved = np.linalg.lstsq(upper, -rest, rcond=CUTOFF)[0]
            rows += _refined(FROZEN, last, 0, solved, hidden, y)
        rows += _refined(way.name, levels, level.index, theta, x, y)
        theta = levels.prolong(theta, level.index)
    return rows


def _refined(
    coarse: str, levels: Hierarchy, index: int, theta: Float64Array, x: Any, y: Float64Array
) -> list[Share]:
    """Rows at P theta."""
    columns = [levels.prolong(e, index) for e in np.eye(len(theta))]
    fine = levels[index + 1].network
    objective = LeastSquares(fine, x, y, 2 / len(x))
    return measured(
        coarse, fine.intervals, objective, levels.prolong(theta, index), np.stack(columns, axis=1)
    )


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
    for coarse, fine in zip(knots, knots[1:], strict=False):
        below, above = (
            root[:, None] * np.asarray(BSplineBasis(t, DEGREE).tabulate(x), dtype=np.float64)
            for t in (coarse, fine)
        )
        theta = prolongation(coarse, fine, DEGREE) @ np.linalg.lstsq(below, f, rcond=None)[0]
        maps = {
            "spline": IdentityMap(),
            "relu": MatrixMap(change_of_basis(fine, DEGREE).toarray().T),
        }
        problem = ResidualProblem(partial(_affine_residual, above, f), lambda _, j=above: j, maps)
        p = prolongation(coarse, fine, DEGREE).toarray()
        rows += measured(ONE_LAYER, len(fine) - 2 * DEGREE - 1, problem, theta, p)
    return rows


def _affine_residual(jacobian: Float64Array, target: Float64Array, theta: Float64Array) -> Float64Array:
    return np.asarray(jacobian @ theta - target)


def measured(
    coarse: str, intervals: int, problem: LeastSquaresProblem, theta: Float64Array, p: Float64Array
) -> list[Share]:
    """All optimisers in both geometries at theta = P theta_coarse, and what to compare them with."""
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


def _over_seeds(rows: Sequence[Share]) -> Share:
    first = rows[0]
    values = {
        name: np.array([getattr(row, name) for row in rows])
        for name in ("share", "reach", "corrected", "loss")
    }
    medians = {name: tuple(np.median(value, axis=0).tolist()) for name, value in values.items()}
    ends = {"low": values["share"].min(axis=0), "high": values["share"].max(axis=0)}
    return replace(first, **medians, **{name: tuple(value.tolist()) for name, value in ends.items()})


def sweep_factors(degree: int, geometry: str, intervals: int) -> Factors:
    """Predicted by symbols, measured with periodic coefficients and with ends."""
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
    """Per wave: predicted, measured periodic, measured with ends (gradient descent and Jacobi)."""
    theta, found = harmonics(intervals), []
    for geometry in GEOMETRIES:
        values = sweep_symbol(theta, degree, geometry, 1 / intervals)
        step = float(1 / values.max())
        found.append(_modes(geometry, "gradient", "predicted", theta, step * values))
        periodic = Sweep(ModelProblem(degree, intervals, periodic=True), geometry)
        waves = np.cos(np.arange(intervals)[:, None] * theta)
        found.append(_modes(geometry, "gradient", "periodic", theta, periodic.reductions(waves, step)))
        for method in ("gradient", "jacobi"):
            ends = Sweep(ModelProblem(degree, intervals), geometry, method)
            angle = np.pi * np.arange(len(ends.values)) / (len(ends.values) - 1)
            reduced = ends.reductions(ends.modes, ends.step("stable"))
            found.append(_modes(geometry, method, "ends", angle, reduced))
    return found


def _modes(geometry: str, method: str, kind: str, theta: Float64Array, reduction: Float64Array) -> Modes:
    return Modes(geometry, method, kind, tuple(theta.tolist()), tuple(reduction.tolist()))


def _share_table(rows: Sequence[Share]) -> str:
    """One line per optimiser and geometry; per number of steps one column per level."""
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
                line += f"  {_short(found[0]):>14}" + "".join(f"{_short(value):>9}" for value in found[1:])
            if same[-1].steps:
                row = same[-1]
                loss = row.loss[-1] if row.steps[-1] == shown[1] else np.nan
                line += f"  {_short(row.reach[0]):>22} {_short(row.corrected[0]):>9} {_short(loss):>13}"
            lines.append(line)
    return "\n".join(lines)


def _factor_table(rows: Sequence[Factors]) -> str:
    names = ("nested", "cycles", "best cycles")
    head = f"{'k':>2} {'geometry':<8} {'G':>4} | {'smoothing':>9} {'best':>9} | " + " | ".join(
        f"{name:>11} {'with ends':>9}" for name in names
    )
    lines = ["factors of sweeps on one layer, predicted and measured with ends", head]
    for row in rows:
        parts = [
            f"{row.degree:>2} {row.geometry:<8} {row.intervals:>4}",
            f"{_factor(row.smoothing):>9} {_factor(row.smoothing_best):>9}",
        ]
        for found in (row.nested, row.cycle, row.cycle_best):
            parts.append(f"{_factor(found[0]):>11} {_factor(found[2]):>9}")
        lines.append(" | ".join(parts))
    return "\n".join(lines)


def _short(value: float) -> str:
    if not np.isfinite(value):
        return "-"
    return f"{value:.3f}" if value == 0 or 5e-3 <= value < 100 else f"{value:.1e}"


def _factor(value: float) -> str:
    """Four digits, or how much is missing to 1."""
    missing = 1 - value
    if missing >= 5e-4:
        return f"{value:.4f}"
    return f"1-{missing:.0e}" if missing > 1e-13 else "1"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and np.isnan(value) else value
