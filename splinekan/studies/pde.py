"""Boundary value problems by nested Gauss-Newton: loss, and error against the solution, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from tqdm import tqdm

from splinekan import pdes
from splinekan._checks import Float64Array, integer, one_of
from splinekan.knots import uniform_knots
from splinekan.multilevel import Hierarchy, Level, Round, tournament
from splinekan.network import KAN, SplineLayer, initialize
from splinekan.objectives.pinn import PINN
from splinekan.optimize import LevenbergMarquardt

HIDDEN = 1.5
"""Hidden domains are [-1.5, 1.5]; a start sends values into about half of it."""
SEEDS = (1234, 1235, 1236, 1237, 1238)


@dataclass(frozen=True)
class Setting:
    """How a problem is solved.

    Attributes
    ----------
    widths, degree, intervals
        The network, spline layers throughout, on the coarsest level.
    cells
        Per level the cells of 3 x 3 collocation points, in each direction; they follow the knots.
    rounds
        Of the tournament.
    continuation
        Of hidden values outside their domain. "polynomial" has no kink, but lets narrow features grow in
        time-dependent problems, where a network can jump between two rows of points.
    """

    widths: tuple[int, ...]
    degree: int
    intervals: int
    cells: tuple[tuple[int, int], ...]
    rounds: tuple[Round, ...]
    continuation: str = "polynomial"
    damping: float = 1e-2
    noise: float = 0.3


SETTINGS = {
    "poisson": Setting(
        (2, 2, 1),
        5,
        2,
        ((2, 2), (4, 4), (8, 8), (16, 16)),
        (Round(0, 32, 15), Round(0, 10, 40), Round(1, 6, 60), Round(2, 3, 100), Round(3, 1, 150)),
    ),
}


@dataclass(frozen=True)
class Row:
    """One level: losses, relative l2 errors on a grid of 101 x 101, medians and all seeds; seconds so far."""

    name: str
    basis: str
    schedule: str
    optimizer: str
    intervals: int
    parameters: int
    loss_mean: float
    loss_std: float
    fresh_loss_mean: float
    rel_l2_mean: float
    rel_l2_median: float
    rel_l2_per_seed: list[float]
    work: float
    seconds: float


@dataclass(frozen=True)
class Study:
    """Rows, coarsest level first, and the settings that gave them."""

    rows: tuple[Row, ...]
    settings: dict[str, Any]

    def table(self) -> str:
        """One line per level: how the loss at points of its own and at fresh ones, and the error, fall."""
        heads = ["loss", "fresh", "rel. l2", "worst"]
        lines = [f"{'intervals':>9} {'parameters':>10}" + "".join(f" {h:>9}" for h in heads) + f" {'s':>6}"]
        for row in self.rows:
            lines.append(
                f"{row.intervals:>9} {row.parameters:>10} {row.loss_mean:>9.1e} {row.fresh_loss_mean:>9.1e} "
                f"{row.rel_l2_median:>9.1e} {max(row.rel_l2_per_seed):>9.1e} {row.seconds:>6.1f}"
            )
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """Everything in the table, for JSON."""
        return {"study": self.rows[0].name, **self.settings, "rows": [asdict(row) for row in self.rows]}


def network(setting: Setting, inputs: int) -> KAN:
    """Spline layers; the first on [-1, 1] in every input."""
    layers = []
    for number, (n_in, n_out) in enumerate(pairwise((inputs, *setting.widths[1:]))):
        end = 1.0 if number == 0 else HIDDEN
        knots = uniform_knots(-end, end, setting.intervals, setting.degree)
        continuation = "linear" if number == 0 else setting.continuation
        layers.append(SplineLayer(n_in, n_out, knots, setting.degree, continuation))
    return KAN.chain(layers)


def run(
    name: str,
    seeds: Sequence[int] = SEEDS,
    setting: Setting | None = None,
    progress: bool = False,
) -> Study:
    """Solve the problem from every seed.

    Parameters
    ----------
    name
        One of `SETTINGS`.
    seeds
        Each draws its own starts.
    setting
        In place of `SETTINGS[name]`.
    progress
        Show a bar (tqdm), one tick per seed.

    Raises
    ------
    TypeError, ValueError
        For an unknown problem, or no seeds.
    """
    if setting is None:
        one_of("name", name, SETTINGS)
        setting = SETTINGS[name]
    numbers = [integer("every seed", seed, low=0) for seed in seeds]
    if not numbers:
        raise ValueError("seeds must name at least one seed, got none")
    problem = pdes.problem(name)
    coarsest = network(setting, 2 + len(problem.extra))
    levels = Hierarchy(coarsest, 1 + max(one.level for one in setting.rounds))
    objectives = [
        PINN(level.network, problem.blocks(cells), problem.extra, problem.box, level.cost)
        for level, cells in zip(levels.levels, setting.cells, strict=False)
    ]
    # Two points a cell where training has three: none of them is the same.
    fresh = [
        PINN(level.network, problem.blocks(cells, 2), problem.extra, problem.box)
        for level, cells in zip(levels.levels, setting.cells, strict=False)
    ]

    def objective(level: Level, _: int | None) -> PINN:
        return objectives[level.index]

    def draw(generator: np.random.Generator) -> Float64Array:
        return initialize(coarsest, generator, "greville", box=(-1.0, 1.0), noise=setting.noise)

    found: dict[int, list[tuple[float, float, float, float, float]]] = {}
    for seed in tqdm(numbers, disable=not progress, leave=False):
        optimizer = LevenbergMarquardt(damping=setting.damping)
        result = tournament(levels, objective, optimizer, setting.rounds, draw, np.random.default_rng(seed))
        last = {}
        for one, theta, seconds in zip(setting.rounds, result.winners, result.times, strict=True):
            at = objectives[one.level]

            def solution(points: Float64Array, at: PINN = at, theta: Float64Array = theta) -> Float64Array:
                return np.asarray(at.solution(theta, points)[:, 0])

            error = problem.relative_error(solution)
            last[one.level] = (at.value(theta), fresh[one.level].value(theta), error, result.work, seconds)
        for level, entry in last.items():
            found.setdefault(level, []).append(entry)
    rows = []
    for level in sorted(found):
        loss, loss_fresh, error, work, seconds = np.array(found[level]).T
        rows.append(
            Row(
                name,
                "spline",
                "multilevel",
                "Levenberg-Marquardt (Gauss-Newton), tournament of starts",
                levels[level].network.intervals,
                levels[level].network.n_parameters,
                float(loss.mean()),
                float(loss.std()),
                float(loss_fresh.mean()),
                float(error.mean()),
                float(np.median(error)),
                [float(e) for e in error],
                float(work.mean()),
                float(np.median(seconds)),
            )
        )
    return Study(tuple(rows), {"source": problem.source, "seeds": numbers, "setting": asdict(setting)})
