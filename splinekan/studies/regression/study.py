"""The regression experiment: multilevel against single-level training at equal work.

See `splinekan.studies.regression.training` for the setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from splinekan._checks import each, instance, one_of
from splinekan.optimize import History
from splinekan.studies.regression.training import (
    EPOCH,
    SCHEDULES,
    STARTS,
    Marks,
    Run,
    Schedule,
    select,
    train,
)
from splinekan.studies.skeleton.arguments import affordable_samples, distinct_names, distinct_seeds
from splinekan.studies.skeleton.study import TableStudy
from splinekan.studies.skeleton.sweep import Sweep
from splinekan.studies.skeleton.tables import Column

SEEDS = (1234, 1235, 1236, 1237, 1238)
QUICK: dict[str, Any] = {
    "seeds": SEEDS[:2],
    "samples": 4_000,
    "perceptrons": False,
}


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


COLUMNS = (
    Column("row", "name", left=True),
    Column("parameters", "parameters"),
    Column("MSE mean (std)", lambda row: f"{row.mse_mean:.2e} ({row.mse_std:.2e})"),
    Column("median", "mse_median", ".2e"),
    Column("held-out", "test_mse_mean", ".2e"),
    Column("paper", lambda row: row.paper or "-"),
    Column("work", "work", ".0f"),
    Column("s/seed", "seconds", ".2f"),
)


@dataclass(frozen=True, eq=False)
class Study(TableStudy[Row]):
    """The table, with the paper's means beside ours.

    Attributes
    ----------
    histories
        Per schedule the history of every seed and the marks where levels begin.
    """

    histories: dict[str, list[tuple[History, Marks]]]


def run(
    seeds: Sequence[int] = SEEDS,
    samples: int = 20_000,
    schedules: Sequence[Schedule] = SCHEDULES,
    progress: bool = False,
    start: str = "rough",
    rows: Sequence[str] | None = None,
    perceptrons: bool = True,
    workers: int | None = None,
    scheduler: str | None = None,
    checkpoints: str | Path | None = None,
) -> Study:
    """Train every schedule from every seed.

    Parameters
    ----------
    seeds
        Each draws its own points and its own start.
    samples
        Number of training points, and of held-out points.
    schedules
        The schedules that can be trained.
    progress
        Show a bar (tqdm), one tick per run.
    start
        "rough" or "smooth", see `STARTS`.
    rows
        Names of the schedules that are trained; None for all.
    perceptrons
        Whether "all" includes the perceptrons.
    workers, scheduler, checkpoints
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError
        For no seeds or schedules, the same twice, unknown rows, fewer than 2 samples, or an unknown start.
    MemoryError
        If the samples do not fit in memory.
    """
    one_of("start", start, STARTS)
    samples = affordable_samples(samples, low=2)
    numbers = distinct_seeds(seeds)
    known = each("schedules", schedules, lambda name, value: instance(name, value, Schedule))
    names = [schedule.name for schedule in known]
    distinct_names("schedules", names, names)
    chosen = {schedule.name: schedule for schedule in select(rows, perceptrons, known)}
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    runs, places = sweep.every_seed(
        "regression",
        lambda name, seed: train(chosen[name], seed, samples, start),
        dict.fromkeys(chosen, numbers),
        {name: [asdict(schedule), samples, start] for name, schedule in chosen.items()},
    )
    settings = {"seeds": numbers, "samples": samples, "epoch_iterations": EPOCH, "start": start}
    return Study(
        "regression",
        COLUMNS,
        tuple(_row(schedule, runs[name]) for name, schedule in chosen.items()),
        settings,
        {name: [(end.history, end.marks) for end in ends] for name, ends in runs.items()},
        places=places,
    )


def _row(schedule: Schedule, runs: Sequence[Run]) -> Row:
    errors = [run.mse for run in runs]
    return Row(
        schedule.name,
        schedule.basis,
        schedule.kind,
        schedule.optimizer,
        runs[0].parameters,
        float(np.mean(errors)),
        float(np.std(errors)),
        float(np.median(errors)),
        errors,
        float(np.mean([run.test_mse for run in runs])),
        float(runs[0].history.work[-1]) / EPOCH,
        float(np.mean([run.seconds for run in runs])),
        schedule.paper,
    )
