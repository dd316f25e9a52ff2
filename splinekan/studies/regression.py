"""The regression experiment: multilevel against single-level training at equal work.

Setting of Southworth et al., arXiv:2603.04827, section 6.1: an affine map 2 -> 5 and one cubic spline
layer 5 -> 1 on 5, 10, 20, 40 intervals; L-BFGS with 100 pairs and steps of length 1. One epoch is one step
of the usual deep-learning L-BFGS: 20 inner evaluations of loss and gradient (without its inner stopping
tests). Fixed unit steps diverge from some starts in either basis, so a step is halved until the loss falls
enough (Armijo); the evaluations that takes are part of the epoch. The paper counts an evaluation on G
intervals as G/5 units; so all schedules cost 128 epochs on the coarsest level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np
from tqdm import tqdm

from splinekan import problems
from splinekan._checks import Float64Array, boolean, each, instance, integer, one_of
from splinekan.multilevel import Hierarchy, Level, Round, nested_iteration, successive_halving
from splinekan.network import KAN, MLP, initialize
from splinekan.objectives import LeastSquares
from splinekan.optimize import LBFGS, History, LevenbergMarquardt, Optimizer
from splinekan.studies.arguments import affordable_samples, distinct_names, distinct_seeds
from splinekan.studies.interrupts import whole

EPOCH = 20
"""Inner iterations of one epoch of L-BFGS."""


@dataclass(frozen=True)
class Start:
    """How runs start: the domain [0, width] of the splines, and mean and noise of `initialize`.

    Directions are spread evenly and fill the domain. A wider domain is the same network with its affine
    map measured in smaller units: its entries then move less, the coefficients more.
    """

    width: float
    mean: float
    noise: float


STARTS = {
    "rough": Start(width=2.0, mean=0.0, noise=1.0),
    "smooth": Start(width=10 / 3, mean=0.5, noise=0.5),
}
"""Two starts, because the gap between the schedules depends on the start.

Noise in the coefficients is oscillation: a fine level must remove it again, a coarse one cannot even
represent it. From the rough start single-level training on the fine knots is held up, as in the paper;
from the smooth one it comes close to multilevel training, and fewer runs of either are caught in poor
minima of the directions.
"""

SEEDS = (1234, 1235, 1236, 1237, 1238)


@dataclass(frozen=True)
class Schedule:
    """One row of the table: a network, a basis, a method, its budget per level (or a tournament's rounds)."""

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
"""Forty starts on 5 intervals, one end on 40. Some ten samples per parameter serve for the choice."""


def _epochs(*counts: int) -> tuple[int, ...]:
    return tuple(EPOCH * n for n in counts)


SCHEDULES = (
    Schedule("relu-coarse", "coarse", "relu", "L-BFGS", _epochs(128, 0, 0, 0), paper="1.10e-2"),
    Schedule("relu-fine", "fine", "relu", "L-BFGS", _epochs(0, 0, 0, 16), paper="1.35e0"),
    Schedule("relu-multilevel", "multilevel", "relu", "L-BFGS", _epochs(32, 16, 8, 4), paper="1.06e-2"),
    Schedule("spline-coarse", "coarse", "spline", "L-BFGS", _epochs(128, 0, 0, 0), paper="1.65e-3"),
    Schedule("spline-fine", "fine", "spline", "L-BFGS", _epochs(0, 0, 0, 16), paper="2.54e-3"),
    Schedule(
        "spline-multilevel",
        "multilevel",
        "spline",
        "L-BFGS",
        _epochs(32, 16, 8, 4),
        paper="3.67e-5",
    ),
    Schedule("mlp-5", "mlp", "none", "L-BFGS", _epochs(128), (2, 5, 1), "2.94e-2"),
    Schedule("mlp-30", "mlp", "none", "L-BFGS", _epochs(128), (2, 30, 1), "1.02e-3"),
    Schedule("mlp-20-20", "mlp", "none", "L-BFGS", _epochs(128), (2, 20, 20, 1), "3.33e-4"),
    Schedule("spline-gauss-newton", "multilevel", "spline", "Gauss-Newton", (30, 15, 10, 10)),
    Schedule("relu-gauss-newton", "multilevel", "relu", "Gauss-Newton", (30, 15, 10, 10)),
    Schedule("spline-tournament", "tournament", "spline", "Gauss-Newton", (), rounds=ROUNDS),
)


def select(names: Sequence[str] | None = None, perceptrons: bool = True) -> list[Schedule]:
    """The schedules of these names in the order of the table; all, with or without perceptrons, for None.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, no name, or the same name twice.
    """
    perceptrons = boolean("perceptrons", perceptrons)
    known = [schedule.name for schedule in SCHEDULES]
    if names is None:
        return [schedule for schedule in SCHEDULES if perceptrons or schedule.kind != "mlp"]
    wanted = distinct_names("rows", names, known)
    return [schedule for schedule in SCHEDULES if schedule.name in wanted]


@dataclass(frozen=True, eq=False)
class Row:
    """A row of the table, over all seeds. Mean square errors are in the scale of outputs in [0, 1]."""

    name: str
    basis: str
    schedule: str
    optimizer: str
    parameters: int
    mse_mean: float
    mse_std: float
    mse_median: float
    mse_per_seed: list[float]
    test_mse_mean: float
    work: float
    seconds: float
    paper: str


@dataclass(frozen=True, eq=False)
class Study:
    """What the study found.

    Attributes
    ----------
    rows
        One per schedule.
    histories
        Per schedule the history of every seed and the marks where levels begin.
    settings
        Seeds, samples, and whatever else makes the run repeatable.
    """

    rows: tuple[Row, ...]
    histories: dict[str, list[tuple[History, tuple[tuple[int, int], ...]]]]
    settings: dict[str, Any]

    def table(self) -> str:
        """The table as text, the paper's mean beside ours."""
        head = (
            f"{'row':<20} {'parameters':>10} {'MSE mean (std)':>21} {'median':>9} "
            f"{'held-out':>9} {'paper':>8} {'work':>6} {'s/seed':>7}"
        )
        lines = [head]
        for row in self.rows:
            lines.append(
                f"{row.name:<20} {row.parameters:>10} "
                f"{row.mse_mean:>10.2e} ({row.mse_std:.2e}) {row.mse_median:>9.2e} "
                f"{row.test_mse_mean:>9.2e} {row.paper or '-':>8} {row.work:>6.0f} "
                f"{row.seconds:>7.2f}"
            )
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """Everything in the table, for JSON."""
        return {"study": "regression", **self.settings, "rows": [asdict(row) for row in self.rows]}


def run(
    seeds: Sequence[int] = SEEDS,
    samples: int = 20_000,
    schedules: Sequence[Schedule] = SCHEDULES,
    progress: bool = False,
    start: str = "rough",
) -> Study:
    """Train every schedule from every seed.

    Parameters
    ----------
    seeds
        Each draws its own points and its own start.
    samples
        Training points; as many fresh ones are held out.
    schedules
        Rows to run.
    progress
        Show a bar (tqdm), one tick per run.
    start
        "rough" or "smooth", see `STARTS`.

    Raises
    ------
    TypeError, ValueError
        For no seeds or schedules, the same twice, a number of samples below 2, or an unknown start.
    MemoryError
        If the samples do not fit into this machine.
    """
    one_of("start", start, STARTS)
    samples = affordable_samples(samples, low=2)
    numbers = distinct_seeds(seeds)
    chosen = each("schedules", schedules, lambda name, value: instance(name, value, Schedule))
    distinct_names("schedules", [schedule.name for schedule in chosen], [one.name for one in chosen])
    progress = boolean("progress", progress)
    rows, histories = [], {}
    bar = tqdm(total=len(chosen) * len(numbers), disable=not progress, leave=False)
    for schedule in chosen:
        runs = []
        for seed in numbers:
            bar.set_description(f"{schedule.name}, seed {seed}")
            runs.append(train(schedule, seed, samples, start))
            bar.update(1)
        errors = [r.mse for r in runs]
        history = runs[0].history
        rows.append(
            Row(
                schedule.name,
                schedule.basis,
                schedule.kind,
                schedule.optimizer,
                runs[0].parameters,
                float(np.mean(errors)),
                float(np.std(errors)),
                float(np.median(errors)),
                errors,
                float(np.mean([r.test_mse for r in runs])),
                float(history.work[-1]) / EPOCH,
                float(np.mean([r.seconds for r in runs])),
                schedule.paper,
            )
        )
        histories[schedule.name] = [(r.history, r.marks) for r in runs]
    bar.close()
    settings = {"seeds": numbers, "samples": samples, "epoch_iterations": EPOCH, "start": start}
    return Study(tuple(rows), histories, settings)


def data(
    seed: int, samples: int, target: str = "rotated-waves"
) -> tuple[Float64Array, Float64Array, Float64Array, Float64Array]:
    """Training and held-out points and outputs, the outputs scaled by the training ones to [0, 1].

    Raises
    ------
    TypeError, ValueError
        For an unknown target, a negative seed, or fewer than 2 samples, which have no scale.
    MemoryError
        If the samples do not fit into this machine.
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
    """One schedule from one seed."""

    mse: float
    test_mse: float
    history: History
    marks: tuple[tuple[int, int], ...]
    seconds: float
    parameters: int


def train(
    schedule: Schedule, seed: int, samples: int, start: str = "rough", target: str = "rotated-waves"
) -> Run:
    """Train a schedule on points of that seed, from a start of that seed.

    Raises
    ------
    TypeError, ValueError, MemoryError
        For an unknown start or target, and as `run`.
    """
    instance("schedule", schedule, Schedule)
    chosen = STARTS[one_of("start", start, STARTS)]
    x, y, x_test, y_test = data(seed, samples, target)
    began = perf_counter()
    method = _tournament if schedule.rounds else _nested
    value, theta, final, history, marks = method(schedule, x, y, np.random.default_rng([seed, 1]), chosen)
    seconds = perf_counter() - began
    held_out = float(np.mean((final(theta, x_test)[:, 0] - y_test) ** 2))
    return Run(value, held_out, history, marks, seconds, final.n_parameters)


def _nested(
    schedule: Schedule, x: Float64Array, y: Float64Array, rng: np.random.Generator, start: Start
) -> tuple[Any, ...]:
    used = np.flatnonzero(schedule.budgets)
    levels = Hierarchy(network(schedule, start), int(used[-1]) + 1)
    skipped = next(i for i, n in enumerate(schedule.budgets) if n)
    if schedule.kind == "fine":  # drawn on the level it trains on
        levels = Hierarchy(levels[skipped].network, 1)
        budgets, base = schedule.budgets[skipped : used[-1] + 1], 2.0**skipped
    else:
        budgets, base = schedule.budgets[: used[-1] + 1], 1.0
    theta = initialize(levels.network, rng, mean=start.mean, noise=start.noise)

    def objective(level: Level) -> LeastSquares:
        return LeastSquares(level.network, x, y, 2.0 / len(x), cost=base * level.cost)

    first_order = schedule.optimizer == "L-BFGS"
    method: Optimizer = LBFGS(memory=100, search="armijo") if first_order else LevenbergMarquardt()
    unit = "evaluations" if first_order else "iterations"
    result = whole(nested_iteration(levels, objective, method, budgets, theta, unit=unit))
    return result.value, result.theta, levels[result.level].network, result.history, result.marks


def _tournament(
    schedule: Schedule, x: Float64Array, y: Float64Array, rng: np.random.Generator, start: Start
) -> tuple[Any, ...]:
    levels = Hierarchy(network(schedule, start), 1 + max(one.level for one in schedule.rounds))

    def objective(level: Level, samples: int | None) -> LeastSquares:
        count = len(x) if samples is None else min(samples, len(x))
        cost = level.cost * count / len(x)
        return LeastSquares(level.network, x[:count], y[:count], 2.0 / count, cost=cost)

    def draw(generator: np.random.Generator) -> Float64Array:
        return initialize(levels.network, generator, mean=start.mean, noise=start.noise)

    found = whole(successive_halving(levels, objective, LevenbergMarquardt(), schedule.rounds, draw, rng))
    # Earlier rounds saw fewer samples: the history is the last run's, after all the work before it.
    history = found.result.history.ending_at(found.evaluations, found.work, found.seconds)
    return found.value, found.theta, levels[found.level].network, history, ((found.level, 0),)
