"""Schedules of the regression experiment and the training of a schedule from a seed.

Setting of Southworth et al., arXiv:2603.04827, section 6.1: an affine map 2 -> 5 and one cubic spline
layer 5 -> 1 on 5, 10, 20, 40 intervals; L-BFGS with 100 pairs and steps of length 1. One epoch is one step
of the usual deep-learning L-BFGS: 20 inner evaluations of loss and gradient, without its inner stopping
tests. Fixed unit steps diverge from some starts in either basis, so a step is halved until the loss falls
enough (Armijo); the evaluations of this search are part of the epoch. The paper counts an evaluation on G
intervals as G/5 units, so that all schedules cost 128 epochs on the coarsest level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from splinekan import problems
from splinekan._checks import Float64Array, boolean, instance, integer, one_of
from splinekan.multilevel import Hierarchy, Level, NestedResult, Round, nested_iteration, successive_halving
from splinekan.network import KAN, MLP, initialize
from splinekan.objectives import LeastSquares
from splinekan.optimize import LBFGS, History, LevenbergMarquardt, Optimizer, Result, VariableProjection
from splinekan.studies.skeleton.arguments import affordable_samples, distinct_names
from splinekan.studies.skeleton.interrupts import whole

EPOCH = 20
"""Inner iterations of one epoch of L-BFGS."""
Marks = tuple[tuple[int, int], ...]
"""(level, entry of the history at which it begins)."""


@dataclass(frozen=True)
class Start:
    """The start of runs: the domain [0, width] of the splines, and mean and noise of `initialize`.

    Directions are spread evenly and fill the domain. A wider domain gives the same network with its affine
    map in smaller units: its entries then change less, and the coefficients more.
    """

    width: float
    mean: float
    noise: float


STARTS = {
    "rough": Start(width=2.0, mean=0.0, noise=1.0),
    "smooth": Start(width=10 / 3, mean=0.5, noise=0.5),
}
"""Two starts, because the gap between the schedules depends on the start.

Noise in the coefficients is oscillatory: a fine level must remove it, and a coarse level cannot represent it.
From the rough start single-level training on the fine knots is delayed, as in the paper; from the smooth
start it comes close to multilevel training, and fewer runs of either end in poor minima of the directions.
"""


@dataclass(frozen=True)
class Schedule:
    """A row of the table: a network, a basis, a method, and its budget per level.

    A schedule with `rounds` is successive halving of starts, and has no budgets.
    """

    name: str
    kind: str
    basis: str
    optimizer: str
    budgets: tuple[int, ...]
    widths: tuple[int, ...] = (2, 5, 1)
    paper: str = ""
    rounds: tuple[Round, ...] = ()


ROUNDS = (
    Round(0, 40, 10, 2500),
    Round(0, 16, 25, 2500),
    Round(1, 16, 20, 2500),
    Round(2, 6, 25, 2500),
    Round(3, 1, 50),
)
"""From forty starts on 5 intervals to a single network on 40. Ten samples per parameter suffice to choose."""


def _epochs(*counts: int) -> tuple[int, ...]:
    return tuple(EPOCH * n for n in counts)


SCHEDULES = (
    Schedule("relu-coarse", "coarse", "relu", "L-BFGS", _epochs(128, 0, 0, 0), paper="1.10e-2"),
    Schedule("relu-fine", "fine", "relu", "L-BFGS", _epochs(0, 0, 0, 16), paper="1.35e0"),
    Schedule("relu-multilevel", "multilevel", "relu", "L-BFGS", _epochs(32, 16, 8, 4), paper="1.06e-2"),
    Schedule("spline-coarse", "coarse", "spline", "L-BFGS", _epochs(128, 0, 0, 0), paper="1.65e-3"),
    Schedule("spline-fine", "fine", "spline", "L-BFGS", _epochs(0, 0, 0, 16), paper="2.54e-3"),
    Schedule("spline-multilevel", "multilevel", "spline", "L-BFGS", _epochs(32, 16, 8, 4), paper="3.67e-5"),
    Schedule("mlp-5", "mlp", "none", "L-BFGS", _epochs(128), (2, 5, 1), "2.94e-2"),
    Schedule("mlp-30", "mlp", "none", "L-BFGS", _epochs(128), (2, 30, 1), "1.02e-3"),
    Schedule("mlp-20-20", "mlp", "none", "L-BFGS", _epochs(128), (2, 20, 20, 1), "3.33e-4"),
    Schedule("spline-gauss-newton", "multilevel", "spline", "Gauss-Newton", (30, 15, 10, 10)),
    Schedule("relu-gauss-newton", "multilevel", "relu", "Gauss-Newton", (30, 15, 10, 10)),
    Schedule("spline-tournament", "tournament", "spline", "Gauss-Newton", (), rounds=ROUNDS),
)


def select(
    names: Sequence[str] | None = None,
    perceptrons: bool = True,
    schedules: Sequence[Schedule] | None = None,
) -> list[Schedule]:
    """The schedules of these names in the order of the table; for None all, with or without perceptrons.

    Parameters
    ----------
    names
        Names of schedules.
    perceptrons
        Whether perceptrons are among them, if no names are given.
    schedules
        The table; None for `SCHEDULES`.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, no name, or the same name twice.
    """
    perceptrons = boolean("perceptrons", perceptrons)
    known = SCHEDULES if schedules is None else schedules
    if names is None:
        return [schedule for schedule in known if perceptrons or schedule.kind != "mlp"]
    wanted = distinct_names("rows", names, [schedule.name for schedule in known])
    return [schedule for schedule in known if schedule.name in wanted]


def data(
    seed: int, samples: int, target: str = "rotated-waves"
) -> tuple[Float64Array, Float64Array, Float64Array, Float64Array]:
    """Training and held-out points and outputs, the outputs scaled by the training outputs to [0, 1].

    Raises
    ------
    TypeError, ValueError
        For an unknown target, a negative seed, or fewer than 2 samples, which have no scale.
    MemoryError
        If the samples do not fit in memory.
    """
    problem = problems.regression(one_of("target", target, problems.REGRESSION))
    samples = affordable_samples(samples, low=2)
    rng = np.random.default_rng(integer("seed", seed, low=0))
    x, y = problem.sample(samples, rng)
    x_test, y_test = problem.sample(samples, rng)
    low, high = y.min(), y.max()
    return x, (y - low) / (high - low), x_test, (y_test - low) / (high - low)


def network(schedule: Schedule, start: Start) -> KAN:
    """The network of a schedule, on its coarsest level."""
    if schedule.kind == "mlp":
        return MLP(schedule.widths, "relu")
    return KAN.affine_first(
        schedule.widths, degree=3, intervals=5, domain=(0.0, start.width), basis=schedule.basis
    )


@dataclass(frozen=True, eq=False)
class Run:
    """A schedule trained from a seed; mean square errors of training and held-out points."""

    mse: float
    test_mse: float
    history: History
    marks: Marks
    seconds: float
    parameters: int


def train(
    schedule: Schedule, seed: int, samples: int, start: str = "rough", target: str = "rotated-waves"
) -> Run:
    """Train a schedule on points and from a start that the seed draws.

    Raises
    ------
    TypeError, ValueError, MemoryError
        For an unknown start or target, and as `data`.
    """
    instance("schedule", schedule, Schedule)
    chosen = STARTS[one_of("start", start, STARTS)]
    x, y, x_test, y_test = data(seed, samples, target)
    began = perf_counter()
    method = _halved if schedule.rounds else _nested
    end, marks = method(schedule, x, y, np.random.default_rng([seed, 1]), chosen)
    seconds = perf_counter() - began
    held_out = float(np.mean((end.model(x_test)[:, 0] - y_test) ** 2))
    return Run(end.value, held_out, end.history, marks, seconds, end.model.n_parameters)


def _optimizer(schedule: Schedule) -> Optimizer:
    if schedule.optimizer == "L-BFGS":
        return LBFGS(memory=100, search="armijo")
    return VariableProjection() if schedule.optimizer == "variable projection" else LevenbergMarquardt()


def _nested(
    schedule: Schedule, x: Float64Array, y: Float64Array, rng: np.random.Generator, start: Start
) -> tuple[NestedResult, Marks]:
    """Nested iteration, or training on a single level."""
    used = np.flatnonzero(schedule.budgets)
    levels = Hierarchy(network(schedule, start), int(used[-1]) + 1)
    skipped = int(used[0])
    if schedule.kind == "fine":  # drawn on the level it trains on
        levels = Hierarchy(levels[skipped].network, 1)
        budgets, base = schedule.budgets[skipped : used[-1] + 1], 2.0**skipped
    else:
        budgets, base = schedule.budgets[: used[-1] + 1], 1.0
    theta = initialize(levels.network, rng, mean=start.mean, noise=start.noise)

    def objective(level: Level) -> LeastSquares:
        return LeastSquares(level.network, x, y, 2.0 / len(x), cost=base * level.cost)

    unit = "evaluations" if schedule.optimizer == "L-BFGS" else "iterations"
    result = whole(nested_iteration(levels, objective, _optimizer(schedule), budgets, theta, unit=unit))
    return result, result.marks


def _halved(
    schedule: Schedule, x: Float64Array, y: Float64Array, rng: np.random.Generator, start: Start
) -> tuple[Result, Marks]:
    """Successive halving of starts."""
    levels = Hierarchy(network(schedule, start), 1 + max(entry.level for entry in schedule.rounds))

    def objective(level: Level, samples: int | None) -> LeastSquares:
        count = len(x) if samples is None else min(samples, len(x))
        cost = level.cost * count / len(x)
        return LeastSquares(level.network, x[:count], y[:count], 2.0 / count, cost=cost)

    def draw(generator: np.random.Generator) -> Float64Array:
        return initialize(levels.network, generator, mean=start.mean, noise=start.noise)

    best = whole(successive_halving(levels, objective, _optimizer(schedule), schedule.rounds, draw, rng))
    # Earlier rounds saw fewer samples: the history is the last run's, after all the work before it.
    history = best.result.history.ending_at(best.evaluations, best.work, best.seconds)
    return replace(best.result, history=history), ((best.level, 0),)
