"""Boundary value problems: the paper's schedules with Adam, and nested Gauss-Newton, in one table.

Loss is not error: a network can fulfil the equation where it is asked and be wrong. So every row has the
relative l2 error against the problem's solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from splinekan._checks import affordable, boolean, instance, integer, one_of
from splinekan._files import as_path
from splinekan.problems import boundary as pdes
from splinekan.studies.arguments import distinct_names, distinct_seeds
from splinekan.studies.first_order import RECIPES, FirstOrderRun
from splinekan.studies.gauss_newton import PERCEPTRONS, PROBLEMS, SETTINGS, GaussNewtonRun
from splinekan.studies.runs import Checkpoints, Run, Stage, carry_out

NAMES = tuple(SETTINGS)
SEEDS = (1234, 1244, 1254, 1264, 1274)
"""The paper prints 1234, 1244, ..."""
QUICK = 10
"""In the quick setting budgets of first-order rows are divided by this."""
QUICK_ROWS = ("spline-multilevel", "relu-multilevel", "gauss-newton")


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


@dataclass(frozen=True, eq=False)
class Study:
    """What the study found.

    Attributes
    ----------
    problem
        Its name.
    rows
        One per schedule.
    runs, stages
        Per row those of every seed.
    settings
        Whatever makes the study repeatable.
    """

    problem: str
    rows: tuple[Row, ...]
    runs: dict[str, list[Run]]
    stages: dict[str, list[list[Stage]]]
    settings: dict[str, Any]

    def table(self) -> str:
        """Per row the losses and errors at its end, and medians level by level."""
        lines = [
            f"{'row':<20} {'parameters':>10} {'loss mean (std)':>19} {'fresh':>8} {'rel. l2':>8} "
            f"{'worst':>8} {'work':>7} {'s/seed':>7}  by level (intervals: loss, rel. l2)"
        ]
        for row in self.rows:
            levels = "; ".join(
                f"{int(level['intervals'])}: {level['loss']:.1e}, {level['rel_l2']:.1e}"
                for level in row.levels
            )
            lines.append(
                f"{row.name:<20} {row.parameters:>10} {row.loss_mean:>8.2e} ({row.loss_std:>8.2e}) "
                f"{row.fresh_mean:>8.1e} {np.median(row.rel_l2_per_seed):>8.1e} "
                f"{max(row.rel_l2_per_seed):>8.1e} {row.work:>7.0f} {row.seconds:>7.1f}  {levels}"
            )
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """Everything in the table, for JSON."""
        return {"study": self.problem, **self.settings, "rows": [asdict(row) for row in self.rows]}

    def best(self) -> str:
        """The row with the smallest median error; of spline networks, if there are any."""
        splines = [row for row in self.rows if row.basis == "spline"] or list(self.rows)
        return min(splines, key=lambda row: float(np.median(row.rel_l2_per_seed))).name


def rows_of(name: str) -> tuple[str, ...]:
    """The rows that a problem's table can have.

    Raises
    ------
    ValueError
        For an unknown problem.
    """
    one_of("name", name, NAMES)
    first_order = [schedule.name for schedule in RECIPES[name].schedules] if name in RECIPES else []
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
) -> Study:
    """Solve the problem by every row from every seed.

    Parameters
    ----------
    name
        One of `NAMES`.
    seeds
        Each draws its own starts; None for `SEEDS`, or one of them if quick.
    rows
        Names from `rows_of(name)`; None for all of them, or `QUICK_ROWS` if quick.
    quick
        Budgets of first-order rows are divided by ten. Gauss-Newton stays as it is.
    checkpoints
        A folder that is written to after every level. What it holds already is not computed again. While a
        run is carried out a lock file beside its checkpoint keeps other processes from the same run.
    progress
        Show a bar (tqdm), one tick per level.

    Raises
    ------
    TypeError, ValueError
        For an unknown problem or row, no seeds, seeds or rows given twice; for checkpoints of other settings
        or damaged ones, and while another process works on the same run in the same folder.
    """
    known = rows_of(name)
    quick, progress = boolean("quick", quick), boolean("progress", progress)
    if seeds is None:
        seeds = SEEDS[:1] if quick else SEEDS
    numbers = distinct_seeds(seeds)
    if rows is None:
        rows = [row for row in known if row in QUICK_ROWS or not quick]
    chosen = distinct_names("rows", rows, known)
    store = None if checkpoints is None else Checkpoints(as_path("checkpoints", checkpoints))
    problem = pdes.problem(name)
    runs = {
        row: [_run(problem, row, seed, QUICK if quick else 1) for seed in numbers]
        for row in known
        if row in chosen
    }
    stages: dict[str, list[list[Stage]]] = {row: [] for row in runs}
    total = sum(each.stages for group in runs.values() for each in group)
    with ExitStack() as held, tqdm(total=total, disable=not progress, leave=False) as bar:
        # What cannot be read, or written, is found before any work.
        done = {
            label: [] if store is None else _begun(label, each, store, held)
            for row, group in runs.items()
            for label, each in _labelled(name, row, group)
        }
        for row, group in runs.items():
            for label, each in _labelled(name, row, group):
                bar.set_description(f"{row}, seed {each.seed}")
                bar.update(len(done[label]))

                def advance(index: int, before: Stage | None, each: Run = each) -> Stage:
                    stage = each.advance(index, before)
                    bar.update(1)
                    return stage

                stages[row].append(carry_out(label, each, done[label], advance, store))
    table = tuple(_row(row, runs[row][0], stages[row]) for row in runs)
    settings = {
        "source": problem.source,
        "seeds": numbers,
        "quick": quick,
        "row_settings": {row: group[0].settings for row, group in runs.items()},
    }
    return Study(name, table, runs, stages, settings)


def _labelled(problem: str, row: str, runs: Sequence[Run]) -> list[tuple[str, Run]]:
    """The runs with their checkpoints' names."""
    return [(f"{problem}-{row}-{each.seed}", each) for each in runs]


def _begun(label: str, run: Run, store: Checkpoints, held: ExitStack) -> list[Stage]:
    """The stages on disk; unless these are all, no other process may carry out the run meanwhile."""
    done = store.load(label, run)
    if len(done) == run.stages:
        return done
    held.enter_context(store.alone(label))
    return store.load(label, run)


def _run(problem: pdes.BoundaryValueProblem, row: str, seed: int, shorter: int) -> Run:
    name = problem.name
    if row in ("gauss-newton", "mlp-gauss-newton"):
        setting = SETTINGS[name] if row == "gauss-newton" else PERCEPTRONS[name]
        return GaussNewtonRun(pdes.problem(PROBLEMS.get(name, name)), seed, setting)
    recipe = RECIPES[name]
    schedule = next(each for each in recipe.schedules if each.name == row)
    return FirstOrderRun(problem, seed, recipe, schedule, shorter)


def _row(name: str, first: Run, stages: list[list[Stage]]) -> Row:
    ends = [done[-1] for done in stages]
    losses = [end.loss for end in ends]
    levels = []
    for index in range(first.stages):
        at = [done[index] for done in stages]
        middle = {
            "intervals": at[0].intervals,
            "parameters": at[0].parameters,
            "loss": float(np.median([stage.loss for stage in at])),
            "fresh": float(np.median([stage.fresh_loss for stage in at])),
            "rel_l2": float(np.median([stage.error for stage in at])),
            "work": float(np.median([stage.work for stage in at])),
            "seconds": float(np.median([stage.seconds for stage in at])),
        }
        levels.append(middle)
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


def fields(study: Study, row: str, points: int = 200) -> dict[str, Any]:
    """Solution, error and residual of a row's best seed on a grid, for pictures.

    Returns
    -------
    dict
        "x", "y": the grid's axes; "solution", "error", "residual": (points, points), of the last level;
        "spectra": (levels, points // 2), per level the residual's mean square Fourier coefficient over the
        wave number in the first variable; "second": the name of the second variable.

    Raises
    ------
    TypeError, ValueError
        For a row that the study does not have, or fewer than 8 points.
    """
    one_of("row", row, instance("study", study, Study).runs)
    points = integer("points", points, low=8)
    affordable(f"points={points}", 200.0 * points**2)
    which = int(np.argmin([done[-1].error for done in study.stages[row]]))
    each, done = study.runs[row][which], study.stages[row][which]
    problem = each.problem
    axes = [low + (high - low) * (np.arange(points) + 0.5) / points for low, high in problem.bounds]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    shape = (points, points)
    residuals = [each.residual(stage, grid).reshape(shape) for stage in done]
    solution = each.solution(done[-1], grid)
    # A window keeps what happens at the ends of the interval from smearing over all wave numbers.
    window = np.hanning(points)[:, None]
    spectra = [(np.abs(np.fft.rfft(window * r, axis=0)[1:]) ** 2).mean(axis=1) for r in residuals]
    return {
        "x": axes[0],
        "y": axes[1],
        "solution": solution.reshape(shape),
        "error": (solution - problem.reference(grid)).reshape(shape),
        "residual": residuals[-1],
        "spectra": np.array(spectra),
        "second": str(problem.equation.variables[1]),
    }
