"""The success rate of successive halving for other seeds, other angles and other targets.

The setting is that of the regression study: an affine map 2 -> 5 and one cubic spline layer 5 -> 1, from 5 to
40 intervals. A run succeeds if its mean square error is at most `FACTOR` times that of the best run on its
target, by whichever method. (The scale is that of outputs in [0, 1].)

The methods are successive halving of starts and nested iteration from a single start, both by
Levenberg-Marquardt and with variable projection of the last layer. An iteration of the latter takes longer:
"single, longer" gives Levenberg-Marquardt three times as many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from splinekan import problems
from splinekan._checks import each, instance, integer, one_of, real, sequence
from splinekan.studies.regression.training import Schedule, select, train
from splinekan.studies.skeleton.arguments import affordable_samples, distinct_names
from splinekan.studies.skeleton.study import TableStudy
from splinekan.studies.skeleton.sweep import Sweep
from splinekan.studies.skeleton.tables import Column

CASES = (
    ("rotated-waves", 20),
    ("rotated-waves-0.5", 5),
    ("rotated-waves-0.9", 5),
    ("rotated-waves-1.3", 5),
    ("peak", 5),
    ("ridges", 5),
    ("products", 5),
)
"""(target, number of seeds)."""
METHODS = {
    "halving": ("spline-tournament", "Gauss-Newton", 1),
    "halving, projected": ("spline-tournament", "variable projection", 1),
    "single": ("spline-gauss-newton", "Gauss-Newton", 1),
    "single, projected": ("spline-gauss-newton", "variable projection", 1),
    "single, longer": ("spline-gauss-newton", "Gauss-Newton", 3),
}
"""(schedule of the regression study, optimiser, multiple of its iterations)."""
FIRST_SEED = 3000
FACTOR = 10.0
MOST = 10**6
"""Seeds of a target: results are kept in memory."""


@dataclass(frozen=True)
class Row:
    """A target over its seeds, by a method."""

    name: str
    method: str
    successes: int
    runs: int
    best: float
    median: float
    worst: float
    test_median: float
    seconds: float


COLUMNS = (
    Column("target", "name", left=True),
    Column("method", "method", left=True),
    Column("success", lambda row: f"{row.successes}/{row.runs}"),
    Column("best", "best", ".1e"),
    Column("median", "median", ".1e"),
    Column("worst", "worst", ".1e"),
    Column("held-out", "test_median", ".1e"),
    Column("s/seed", "seconds", ".1f"),
)


def run(
    cases: Sequence[tuple[str, int]] = CASES,
    samples: int = 20_000,
    progress: bool = False,
    schedule: Schedule | None = None,
    targets: Sequence[str] | None = None,
    factor: float = FACTOR,
    methods: Sequence[str] = ("halving",),
    workers: int | None = None,
    scheduler: str | None = None,
    checkpoints: str | Path | None = None,
) -> TableStudy[Row]:
    """Train on every target from its number of seeds, 3000 and following.

    Parameters
    ----------
    cases
        Pairs of a target, a name in `problems.REGRESSION`, and a number of seeds.
    samples
        Number of training points, and of held-out points.
    progress
        Show a bar (tqdm), one tick per run.
    schedule
        Another schedule than those of the methods, each with their optimisers.
    targets
        Names of the cases that are run; None for all.
    factor
        A run succeeds if its error is at most this multiple of the best, over all methods that are run.
    methods
        Names of `METHODS`.
    workers, scheduler, checkpoints
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError
        For an unknown target or method, either given twice, no cases, numbers of seeds below 1 or of samples
        below 2, or a factor below 1.
    MemoryError
        If the samples do not fit in memory.
    """
    samples = affordable_samples(samples, low=2)
    if not sequence("cases", cases, empty=True):
        raise ValueError("cases must name at least one target, got none")
    known = each("cases", cases, _case)
    names = distinct_names("targets", [name for name, _ in known], problems.REGRESSION)
    wanted = names if targets is None else distinct_names("targets", targets, names)
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    chosen = distinct_names("methods", methods, METHODS)
    if schedule is not None:
        instance("schedule", schedule, Schedule)
    schedules = {}
    for method in chosen:
        given, optimizer, times = METHODS[method]
        taken = select([given])[0] if schedule is None else schedule
        budgets = tuple(times * count for count in taken.budgets)
        schedules[method] = replace(taken, optimizer=optimizer, budgets=budgets)
    seeds = {name: range(FIRST_SEED, FIRST_SEED + count) for name, count in known if name in wanted}
    factor = real("factor", factor, low=1.0)

    def ends(name: str, seed: int) -> list[tuple[float, float, float]]:
        runs = [train(schedules[method], seed, samples, target=name) for method in chosen]
        return [(run.mse, run.test_mse, run.seconds) for run in runs]

    described = [[method, asdict(schedules[method])] for method in chosen]
    settings = {name: [described, samples] for name in seeds}
    runs, places = sweep.every_seed("robustness", ends, seeds, settings)
    rows = []
    for name, ended in runs.items():
        best = min(mse for each in ended for mse, _, _ in each)
        for method, values in zip(chosen, zip(*ended, strict=True), strict=True):
            rows.append(_row(name, method, factor * best, *zip(*values, strict=True)))
    stated = {"first_seed": FIRST_SEED, "samples": samples, "factor": factor}
    return TableStudy("robustness", COLUMNS, tuple(rows), stated, places=places)


def _row(
    name: str,
    method: str,
    enough: float,
    errors: Sequence[float],
    held_out: Sequence[float],
    seconds: Sequence[float],
) -> Row:
    return Row(
        name,
        method,
        sum(error <= enough for error in errors),
        len(errors),
        min(errors),
        float(np.median(errors)),
        max(errors),
        float(np.median(held_out)),
        float(np.mean(seconds)),
    )


def _case(name: str, value: Any) -> tuple[str, int]:
    parts = sequence(name, value)
    if len(parts) != 2:
        raise ValueError(f"{name} must be a pair (target, number of seeds), got {value!r}")
    target, count = parts
    return one_of(f"{name}[0]", target, problems.REGRESSION), integer(f"{name}[1]", count, low=1, high=MOST)
