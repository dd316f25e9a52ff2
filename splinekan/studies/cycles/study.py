"""Cycles against nested iteration: loss at equal work and in equal time; factors of model problems.

A run is the best of its iterates. Methods, smoothers and budgets: `splinekan.studies.cycles.settings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from splinekan._checks import MAX_DEGREE, each, instance, integer, sequence
from splinekan._processes import Place
from splinekan.optimize import History
from splinekan.studies.cycles.model_problems import FACTORS, PROJECTIONS, Factor, Norm, factor, norms
from splinekan.studies.cycles.settings import COUNTS, METHODS, SETTINGS, Setting, Smoother, shortened
from splinekan.studies.cycles.tables import Row, factor_table, loss_table, norm_table
from splinekan.studies.cycles.training import Run, train
from splinekan.studies.skeleton.arguments import affordable_samples, distinct_names, distinct_seeds
from splinekan.studies.skeleton.study import record
from splinekan.studies.skeleton.sweep import Job, Sweep

SEEDS = (1234, 1235, 1236, 1237, 1238)
QUICK: dict[str, Any] = {
    "seeds": SEEDS[:2],
    "samples": 500,
    "settings": shortened(SETTINGS[:1], 4),
    "levels": (2, 3, 4),
    "degrees": (1,),
}


@dataclass(frozen=True, eq=False)
class Study:
    """Rows, factors and norms; histories by (problem, smoother, count, method), for the figure; places."""

    rows: tuple[Row, ...]
    factors: tuple[Factor, ...]
    norms: tuple[Norm, ...]
    settings: dict[str, Any]
    histories: dict[tuple[str, str, str, str], list[History]]
    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)

    def table(self) -> str:
        """The tables as text."""
        return f"{loss_table(self.rows)}\n\n{factor_table(self.factors)}\n\n{norm_table(self.norms)}"

    def record(self) -> dict[str, Any]:
        """Everything but the histories, for JSON."""
        return record("cycles", self.settings, rows=self.rows, factors=self.factors, norms=self.norms)


def run(
    seeds: Sequence[int] = SEEDS,
    samples: int = 1500,
    *,
    settings: Sequence[Setting] = SETTINGS,
    methods: Sequence[str] = tuple(METHODS),
    levels: Sequence[int] = (2, 3, 4, 5, 6),
    degrees: Sequence[int] = (1, 3),
    progress: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    checkpoints: str | Path | None = None,
) -> Study:
    """Train every method from every seed; measure factors and norms.

    Parameters
    ----------
    seeds
        Each draws its own start, and of regression its own points.
    samples
        Number of samples of regression; the number of collocation points is two thirds of it.
    settings
        Problems and smoothers.
    methods
        Names of `METHODS`.
    levels, degrees
        Numbers of levels and degrees of the model problems.
    progress
        Show a bar (tqdm).
    workers, scheduler, checkpoints
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError
        For no seeds, settings or methods, the same twice, and numbers out of range.
    MemoryError
        If the samples do not fit in memory.
    """
    numbers = distinct_seeds(seeds)
    samples = affordable_samples(samples, low=32)
    stated = each(
        "settings", sequence("settings", settings), lambda name, value: instance(name, value, Setting)
    )
    names = [setting.name for setting in stated]
    distinct_names("settings", names, names)
    chosen = distinct_names("methods", methods, METHODS)
    counts = each("levels", levels, lambda name, value: integer(name, value, low=2, high=10))
    orders = each("degrees", degrees, lambda name, value: integer(name, value, low=1, high=MAX_DEGREE))
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    groups = {
        f"{setting.name}, {smoother.name}, equal {count}": (setting, smoother, count)
        for setting in stated
        for smoother in setting.smoothers
        for count in COUNTS
    }
    models = {
        f"{problem}, degree {degree}, {geometry}, {step}, {cycle}": (problem, degree, geometry, step, cycle)
        for problem, degree, geometry, step, cycle in FACTORS
        if degree in orders
    }
    jobs = {
        name: Job(
            _group,
            (*group, chosen, numbers, samples),
            [repr(group[1]), group[2], chosen, numbers, samples],
            len(chosen) * len(numbers),
        )
        for name, group in groups.items()
    }
    jobs |= {name: Job(_factors, (model, counts), [model, counts]) for name, model in models.items()}
    swept = sweep.run("cycles", jobs)
    rows: list[Row] = []
    histories: dict[tuple[str, str, str, str], list[History]] = {}
    for name, (setting, smoother, count) in groups.items():
        runs = swept.results[name]
        rows += _rows(setting, smoother, count, runs)
        for method, same in runs.items():
            histories[setting.name, smoother.name, count, method] = [run.history for run in same]
    factors = [each for same in swept.pick(models) for each in same]
    sizes = [4 * 2 ** (number - 1) for number in counts]
    constants = [norms(*which, degree, size) for degree in orders for which in PROJECTIONS for size in sizes]
    described = {
        "seeds": numbers,
        "samples": samples,
        "smoothers": {
            setting.name: {
                smoother.name: {
                    "optimizer": repr(smoother.optimizer),
                    "sweeps": smoother.sweeps,
                    "unit": smoother.unit,
                    "budgets": dict(zip(COUNTS, smoother.budgets, strict=True)),
                }
                for smoother in setting.smoothers
            }
            for setting in stated
        },
    }
    return Study(tuple(rows), tuple(factors), tuple(constants), described, histories, swept.places)


def _group(
    setting: Setting,
    smoother: Smoother,
    count: str,
    methods: Sequence[str],
    seeds: Sequence[int],
    samples: int,
) -> dict[str, list[Run]]:
    """Runs whose times are compared: method after method for every seed, after a run that is not counted."""
    runs: dict[str, list[Run]] = {method: [] for method in methods}
    for seed in seeds:
        stated = setting.instance(seed, samples)
        if seed == seeds[0]:
            train(methods[0], shortened_smoother(smoother), stated, count)
        for method in methods:
            runs[method].append(train(method, smoother, stated, count))
    return runs


def _factors(model: tuple[str, int, str, str, str], counts: Sequence[int]) -> list[Factor]:
    return [factor(*model, number) for number in counts]


def shortened_smoother(smoother: Smoother) -> Smoother:
    """The smoother with a small budget: what is compiled or cached on first use is not timed."""
    return Smoother(smoother.name, smoother.optimizer, smoother.sweeps, smoother.unit, (16, 4))


def _rows(setting: Setting, smoother: Smoother, count: str, runs: dict[str, list[Run]]) -> list[Row]:
    time = min(float(np.median([run.seconds for run in same])) for same in runs.values())
    rows = []
    for method, same in runs.items():
        made = [correction for run in same for correction in run.corrections]
        rows.append(
            Row(
                setting.name,
                smoother.name,
                count,
                method,
                same[0].parameters,
                float(np.median([run.history.work[-1] for run in same])),
                float(np.median([run.history.evaluations[-1] for run in same])),
                float(np.median([run.seconds for run in same])),
                time,
                [run.loss for run in same],
                [run.loss_at(time) for run in same],
                float(np.mean([correction.step > 0 for correction in made])) if made else None,
                float(np.median([run.by_corrections for run in same])) if made else None,
            )
        )
    return rows
