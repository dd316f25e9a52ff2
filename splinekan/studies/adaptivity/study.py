"""Error against parameters: uniform refinement, adaptive refinement by four indicators, FITPACK's knots.

Three curves with a singularity or a peak, fitted by cubic splines in the L2 norm on points that resolve it:
the coefficients are determined exactly, so that orders of convergence can be compared with theory. Five
networks, fitted to samples of a steep ridge and of the reference solutions of Burgers' and the Allen-Cahn
equation (the solutions, not the equations: training on residuals takes minutes for a single run). Uniform and
adaptive runs of a seed have the same samples and the same start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, integer
from splinekan._processes import Place
from splinekan.studies.adaptivity.runs import CURVE_METHODS, FIELD_METHODS, Row, curve_rows, field_rows
from splinekan.studies.adaptivity.targets import PROBLEMS, Curve, Field
from splinekan.studies.skeleton.arguments import affordable_samples, distinct_names, distinct_seeds
from splinekan.studies.skeleton.study import record
from splinekan.studies.skeleton.sweep import Job, Sweep
from splinekan.studies.skeleton.tables import Column, table

SEEDS = (0, 1, 2)
QUICK: dict[str, Any] = {
    "seeds": (0,),
    "samples": 2000,
    "curve_levels": 6,
    "field_levels": 3,
    "budget": 60,
    "problems": ("power", "root", "peak", "ridge-1", "burgers-4"),
}
"""A few seconds."""


@dataclass(frozen=True)
class Summary:
    """A method on a problem, medians over the seeds.

    Attributes
    ----------
    problem, method
        The names of the problem and the method.
    parameters, error
        The number of parameters and the error at the end.
    order, predicted
        The order of the error in the parameters, fitted over the stages with at least a quarter of the final
        parameters, and its theoretical value; None for networks.
    maximum_order, predicted_maximum
        The same in the maximum norm.
    reached
        The number of seeds for which the method reaches the final error of uniform refinement.
    needed
        The number of parameters with which it does; infinite if it does not.
    saving, faster
        The final parameters and seconds of uniform refinement divided by those that the method needs.
    """

    problem: str
    method: str
    parameters: float
    error: float
    order: float | None
    predicted: float | None
    maximum_order: float | None
    predicted_maximum: float | None
    reached: int
    needed: float
    saving: float
    faster: float


def _number(value: float | None, form: str) -> str:
    return "-" if value is None or not np.isfinite(value) else format(value, form)


def _orders(measured: float | None, predicted: float | None) -> str:
    if measured is None:
        return "-"
    return f"{_number(measured, '.2f')}" + ("" if predicted is None else f" ({predicted:.2f})")


COLUMNS = (
    Column("method", "method", left=True),
    Column("parameters", "parameters", ".0f"),
    Column("error", "error", ".1e"),
    Column("order (theory)", lambda row: _orders(row.order, row.predicted)),
    Column("in max norm", lambda row: _orders(row.maximum_order, row.predicted_maximum)),
    Column("reached", "reached"),
    Column("needed", lambda row: _number(row.needed, ".0f")),
    Column("fewer parameters", lambda row: _number(row.saving or None, ".1f")),
    Column("fewer seconds", lambda row: _number(row.faster or None, ".1f")),
)


@dataclass(frozen=True, eq=False)
class Study:
    """All stages of all runs, and the summary that is printed.

    Attributes
    ----------
    rows
        The stages of all runs, ordered by problem, method and seed.
    summaries
        A line for every method on every problem.
    settings
        All that the numbers depend on.
    places
        Where runs were carried out, by run.
    """

    rows: tuple[Row, ...] = field(repr=False)
    summaries: tuple[Summary, ...]
    settings: dict[str, Any]
    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)

    def table(self) -> str:
        """The summary as text."""
        lines = table(COLUMNS, self.summaries, lambda row: row.problem)
        return (
            f"{lines}\nreached: seeds with which a method reaches the last error of uniform refinement; "
            "needed: parameters for that; fewer: how many times"
        )

    def record(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return record("adaptivity", self.settings, rows=self.rows, summaries=self.summaries)


def run(
    seeds: Sequence[int] = SEEDS,
    samples: int = 20_000,
    problems: Sequence[str] = tuple(PROBLEMS),
    curve_levels: int = 9,
    field_levels: int = 5,
    budget: int = 250,
    progress: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    checkpoints: str | Path | None = None,
) -> Study:
    """All methods on all problems.

    Parameters
    ----------
    seeds
        Seeds of samples and starts of the networks.
    samples
        The number of training samples, and of test samples.
    problems
        Names in `targets.PROBLEMS`.
    curve_levels, field_levels
        Uniform levels, the first with 4 intervals. The networks' adaptive refinement ends with half the
        parameters of the last level.
    budget
        The largest number of parameters of the curves' adaptive refinement.
    progress
        Show a bar (tqdm), a tick for every run.
    workers, scheduler, checkpoints
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError
        For no or repeated seeds or problems, unknown problems, fewer than 100 samples, and levels or budgets
        that are too small or too large.
    MemoryError
        If the samples do not fit in memory.
    """
    numbers = distinct_seeds(seeds)
    samples = affordable_samples(samples, low=100)
    names = distinct_names("problems", problems, PROBLEMS)
    if not names:
        raise ValueError("problems must not be empty")
    curve_levels = integer("curve_levels", curve_levels, low=2, high=12)
    field_levels = integer("field_levels", field_levels, low=2, high=8)
    budget = integer("budget", budget, low=8, high=2000)
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    jobs: dict[str, Job] = {}
    for name in names:
        problem = PROBLEMS[name]
        if isinstance(problem, Curve):
            pieces = 2 * 2 ** (curve_levels + 1)
            budgets = (budget, curve_levels, pieces)
            jobs |= {
                f"{name}, {method}": Job(curve_rows, (problem, method, *budgets), budgets)
                for method in CURVE_METHODS
            }
        else:
            sizes = (samples, field_levels)
            jobs |= {
                f"{name}, {method}, seed {seed}": Job(field_rows, (problem, method, seed, *sizes), sizes)
                for method in FIELD_METHODS
                for seed in numbers
            }
    swept = sweep.run("adaptivity", jobs)
    rows = [row for same in swept.pick(jobs) for row in same]
    summaries = [each for name in names for each in summarised(PROBLEMS[name], rows)]
    settings = {
        "seeds": numbers,
        "samples": samples,
        "problems": names,
        "curve_levels": curve_levels,
        "field_levels": field_levels,
        "budget": budget,
    }
    return Study(tuple(rows), tuple(summaries), settings, swept.places)


def summarised(problem: Curve | Field, rows: Sequence[Row]) -> list[Summary]:
    """A line for every method, in the order of the rows."""
    own = [row for row in rows if row.problem == problem.name]
    runs: dict[str, dict[int, list[Row]]] = {}
    for row in own:
        runs.setdefault(row.method, {}).setdefault(row.seed, []).append(row)
    last = {seed: run[-1] for seed, run in runs["uniform"].items()}
    found = []
    for method, by_seed in runs.items():
        reached = [_reached(run, last[seed].error) for seed, run in by_seed.items()]
        ends = [run[-1] for run in by_seed.values()]
        uniform = [last[seed] for seed in by_seed]
        saving = [end.parameters / at[0] for end, at in zip(uniform, reached, strict=True)]
        faster = [end.seconds / at[1] for end, at in zip(uniform, reached, strict=True)]
        orders: tuple[float | None, float | None, float | None, float | None] = (None, None, None, None)
        if isinstance(problem, Curve):
            run = next(iter(by_seed.values()))
            theory = problem.uniform_orders if method == "uniform" else problem.adaptive_orders
            if problem.exponent is None and method == "uniform":
                theory = (4.0, 4.0)
            orders = (_order(run, "error"), theory[0], _order(run, "maximum"), theory[1])
        found.append(
            Summary(
                problem.name,
                method,
                float(np.median([end.parameters for end in ends])),
                float(np.median([end.error for end in ends])),
                *orders,
                sum(bool(np.isfinite(at[0])) for at in reached),
                float(np.median([at[0] for at in reached])),
                float(np.median(saving)),
                float(np.median(faster)),
            )
        )
    return found


def _reached(run: Sequence[Row], error: float) -> tuple[float, float]:
    """Parameters and seconds of the first stage with at most this error."""
    for row in run:
        if row.error <= error:
            return float(row.parameters), max(row.seconds, 1e-9)
    return np.inf, np.inf


def _order(run: Sequence[Row], norm: str) -> float:
    """-d log error/d log parameters, least squares over the last part of a run."""
    late = [row for row in run if 4 * row.parameters >= run[-1].parameters]
    if len(late) < 3:
        return float("nan")
    sizes: Float64Array = np.log([row.parameters for row in late])
    return -float(np.polyfit(sizes, np.log([getattr(row, norm) for row in late]), 1)[0])
