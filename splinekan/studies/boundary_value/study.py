"""Boundary value problems: the paper's schedules with Adam, and nested Gauss-Newton, in one table.

Loss is not error: a network can satisfy the equation at the collocation points and be wrong. Therefore every
row has the relative l2 error with respect to the problem's solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splinekan._checks import boolean, instance, one_of
from splinekan.problems import boundary
from splinekan.studies.boundary_value.first_order import RECIPES, FirstOrderRun, Recipe
from splinekan.studies.boundary_value.gauss_newton import (
    PERCEPTRONS,
    PROBLEMS,
    SETTINGS,
    GaussNewtonRun,
    Setting,
)
from splinekan.studies.boundary_value.runs import EquationRun
from splinekan.studies.skeleton.arguments import distinct_names, distinct_seeds
from splinekan.studies.skeleton.runs import Stage
from splinekan.studies.skeleton.staged import carry_out
from splinekan.studies.skeleton.study import TableStudy
from splinekan.studies.skeleton.sweep import Sweep
from splinekan.studies.skeleton.tables import Column

NAMES = tuple(SETTINGS)
SEEDS = (1234, 1244, 1254, 1264, 1274)
"""The paper prints 1234, 1244, ..."""
SHORTER = 10
"""In the quick setting budgets of first-order rows are divided by this."""
QUICK_ROWS = ("spline-multilevel", "relu-multilevel", "gauss-newton")
QUICK = {"quick": True}


@dataclass(frozen=True)
class Row:
    """A row of the table, over all seeds.

    `loss_mean` and `loss_std` refer to the points of training on the last level, `fresh_mean` to points
    between them. `levels` holds the medians at the end of every level.
    """

    name: str
    basis: str
    schedule: str
    optimizer: str
    parameters: int
    loss_mean: float
    loss_std: float
    fresh_mean: float
    rel_l2_mean: float
    rel_l2_per_seed: list[float]
    work: float
    seconds: float
    levels: list[dict[str, float]]


MEDIANS = {
    "loss": "loss",
    "fresh": "fresh_loss",
    "rel_l2": "error",
    "work": "work",
    "seconds": "seconds",
}
"""Entries of `Row.levels` at the end of a level, with the corresponding attributes of `Stage`."""


def _by_level(row: Row) -> str:
    return "; ".join(
        f"{level['intervals']}: {level['loss']:.1e}, {level['rel_l2']:.1e}" for level in row.levels
    )


COLUMNS = (
    Column("row", "name", left=True),
    Column("parameters", "parameters"),
    Column("loss mean (std)", lambda row: f"{row.loss_mean:.2e} ({row.loss_std:.2e})"),
    Column("fresh", "fresh_mean", ".1e"),
    Column("rel. l2", lambda row: np.median(row.rel_l2_per_seed), ".1e"),
    Column("worst", lambda row: max(row.rel_l2_per_seed), ".1e"),
    Column("work", "work", ".0f"),
    Column("s/seed", "seconds", ".1f"),
    Column("by level (intervals: loss, rel. l2)", _by_level, left=True),
)


@dataclass(frozen=True, eq=False)
class Study(TableStudy[Row]):
    """The final losses and errors of every row, and medians by level.

    Attributes
    ----------
    runs, stages
        The runs of every row and their stages, by seed.
    """

    runs: dict[str, list[EquationRun]]
    stages: dict[str, list[list[Stage]]]

    def best(self) -> str:
        """The row with the smallest median error, among spline networks if there are any."""
        splines = [row for row in self.rows if row.basis == "spline"] or list(self.rows)
        return min(splines, key=lambda row: float(np.median(row.rel_l2_per_seed))).name

    def best_seed(self, row: str) -> tuple[EquationRun, list[Stage]]:
        """The run of a row with the smallest error, and its stages.

        Raises
        ------
        ValueError
            For a row that the study does not have.
        """
        one_of("row", row, self.runs)
        which = int(np.argmin([stages[-1].error for stages in self.stages[row]]))
        return self.runs[row][which], self.stages[row][which]


def rows_of(name: str, recipe: Recipe | None = None) -> tuple[str, ...]:
    """The rows that a problem's table can have, with its own recipe or another.

    Raises
    ------
    ValueError
        For an unknown problem.
    """
    one_of("name", name, NAMES)
    recipe = recipe or RECIPES.get(name)
    first_order = [] if recipe is None else [schedule.name for schedule in recipe.schedules]
    perceptron = ["mlp-gauss-newton"] if name in PERCEPTRONS else []
    return (*first_order, "gauss-newton", *perceptron)


def run(
    name: str,
    seeds: Sequence[int] | None = None,
    rows: Sequence[str] | None = None,
    *,
    quick: bool = False,
    checkpoints: str | Path | None = None,
    progress: bool = False,
    recipe: Recipe | None = None,
    setting: Setting | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Study:
    """Solve the problem by every row from every seed.

    Parameters
    ----------
    name
        One of `NAMES`.
    seeds
        Each draws its own starts; None for `SEEDS`, or the first of them if quick.
    rows
        Names from `rows_of(name)`; None for all of them, or `QUICK_ROWS` if quick.
    quick
        Budgets of first-order rows are divided by ten. Gauss-Newton is unchanged.
    checkpoints
        A folder that is written to after every level. Stages that it holds are not computed again. While a
        run is carried out a lock file beside its checkpoint keeps other processes from the same run.
    progress
        Show a bar (tqdm), one tick per level.
    recipe, setting
        Options of the first-order rows and of the row "gauss-newton"; None for `RECIPES[name]`,
        `SETTINGS[name]`.
    workers, scheduler
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError
        For an unknown problem or row, no seeds, seeds or rows given twice; for checkpoints of other settings
        or damaged ones, and while another process works on the same run in the same folder.
    """
    if recipe is not None:
        instance("recipe", recipe, Recipe)
    if setting is not None:
        instance("setting", setting, Setting)
    known = rows_of(name, recipe)
    quick = boolean("quick", quick)
    if seeds is None:
        seeds = SEEDS[:1] if quick else SEEDS
    numbers = distinct_seeds(seeds)
    if rows is None:
        rows = [row for row in known if row in QUICK_ROWS or not quick]
    wanted = distinct_names("rows", rows, known)
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    problem = boundary.problem(name)

    def prepared(row: str, seed: int) -> EquationRun:
        if row in ("gauss-newton", "mlp-gauss-newton"):
            chosen = setting or SETTINGS[name] if row == "gauss-newton" else PERCEPTRONS[name]
            return GaussNewtonRun(boundary.problem(PROBLEMS.get(name, name)), seed, chosen)
        first_order = recipe or RECIPES[name]
        schedule = next(each for each in first_order.schedules if each.name == row)
        return FirstOrderRun(problem, seed, first_order, schedule, SHORTER if quick else 1)

    runs = {row: [prepared(row, seed) for seed in numbers] for row in known if row in wanted}
    labels = {f"{name}-{row}-{each.seed}": each for row, group in runs.items() for each in group}
    done = carry_out(name, labels, sweep)
    stages = {row: done.pick(f"{name}-{row}-{each.seed}" for each in group) for row, group in runs.items()}
    table = tuple(_row(row, runs[row][0], stages[row]) for row in runs)
    settings = {
        "source": problem.source,
        "seeds": numbers,
        "quick": quick,
        "row_settings": {row: group[0].settings for row, group in runs.items()},
    }
    return Study(name, COLUMNS, table, settings, runs, stages, places=done.places)


def _row(name: str, first: EquationRun, stages: list[list[Stage]]) -> Row:
    ends = [done[-1] for done in stages]
    losses = [end.loss for end in ends]
    levels = []
    for index in range(first.stages):
        at = [done[index] for done in stages]
        medians = {
            key: float(np.median([getattr(stage, name) for stage in at])) for key, name in MEDIANS.items()
        }
        levels.append({"intervals": at[0].intervals, "parameters": at[0].parameters, **medians})
    return Row(
        name,
        *first.words,
        ends[0].parameters,
        float(np.mean(losses)),
        float(np.std(losses)),
        float(np.mean([end.fresh_loss for end in ends])),
        float(np.mean([end.error for end in ends])),
        [end.error for end in ends],
        float(np.mean([end.work for end in ends])),
        float(np.mean([end.seconds for end in ends])),
        levels,
    )
