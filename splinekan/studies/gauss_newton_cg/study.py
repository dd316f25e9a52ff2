"""Conjugate gradients on the damped Gauss-Newton equations of networks, by level and preconditioner.

On every level of three hierarchies, and at the same function on all levels, the equations
(J^T J + damping S^2) dz = b are solved by preconditioned conjugate gradients; iterations, condition numbers
and processor time are measured. Then networks are trained by Levenberg-Marquardt with the same solvers, in
equal processor time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splinekan._checks import each, integer, real
from splinekan._processes import Place
from splinekan.studies.gauss_newton_cg import solves, training
from splinekan.studies.gauss_newton_cg.cases import CASES, case
from splinekan.studies.gauss_newton_cg.solves import Row
from splinekan.studies.gauss_newton_cg.training import Training
from splinekan.studies.skeleton.arguments import affordable_samples, distinct_names, distinct_seeds
from splinekan.studies.skeleton.study import record
from splinekan.studies.skeleton.sweep import Job, Sweep
from splinekan.studies.skeleton.tables import table

SEEDS = (0, 1, 2)
DAMPINGS = (1e-3, 1e-6)
TRAINED: dict[str, dict[int, float]] = {
    "regression": {2: 1.0, 4: 1.0, 6: 2.0},
    "burgers": {2: 3.0, 3: 8.0, 4: 6.0, 6: 12.0},
    "wide": {6: 15.0},
}
"""Levels that are trained, and the limits in processor seconds."""
QUICK: dict[str, Any] = {
    "seeds": SEEDS[:1],
    "rows": ("regression", "burgers"),
    "samples": 1000,
    "levels": 2,
    "limit": 60,
    "share": 0.05,
}
"""A few seconds."""


@dataclass(frozen=True)
class Study:
    """Solves, training, all that they depend on, and where runs were carried out."""

    rows: tuple[Row, ...]
    training: tuple[Training, ...]
    settings: dict[str, Any]
    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)

    def table(self) -> str:
        """Both tables as text."""
        return "\n".join(
            [
                "iterations to relative residuals of 1e-2 and 1e-8; >: beyond the limit",
                table(solves.COLUMNS, self.rows),
                "",
                "Levenberg-Marquardt in equal processor time",
                table(training.COLUMNS, self.training),
            ]
        )

    def record(self) -> dict[str, Any]:
        """Everything in the tables, for JSON."""
        return record("gauss-newton-cg", self.settings, rows=self.rows, training=self.training)


def run(
    seeds: Sequence[int] = SEEDS,
    samples: int = 4000,
    *,
    rows: Sequence[str] = tuple(CASES),
    levels: int = 7,
    dampings: Sequence[float] = DAMPINGS,
    limit: int = 150,
    share: float = 1.0,
    progress: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    checkpoints: str | Path | None = None,
) -> Study:
    """Measure iterations by level, and training.

    Parameters
    ----------
    seeds
        Each draws its own samples and start for training; the first also those of the solves.
    samples
        Number of samples of the regression networks. Burgers' equation has 7,440 collocation points, or 1,860
        for fewer than 4,000 samples.
    rows
        Problems, from `CASES`.
    levels
        The number of levels, 1 to 7; those beyond are left out.
    dampings
        Dampings of the solves, relative to the largest eigenvalue.
    limit
        The largest number of iterations.
    share
        Part of the limits of `TRAINED` that training may take, in (0, 1].
    progress
        Show a bar (tqdm).
    workers, scheduler, checkpoints
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError, MemoryError
        For arguments of the wrong type or out of range.
    """
    numbers = distinct_seeds(seeds)
    samples = affordable_samples(samples, low=100)
    names = distinct_names("rows", rows, CASES)
    count = integer("levels", levels, low=1, high=7)
    relative = tuple(
        each("dampings", dampings, lambda name, value: real(name, value, positive=True, high=1.0))
    )
    limit = integer("limit", limit, low=1)
    share = real("share", share, positive=True, high=1.0)
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    measured = {name: tuple(index for index in CASES[name] if index < count) for name in names}
    trainings = {name: _limits(TRAINED[name], count, share) for name in names}
    how = (relative, limit, numbers[0], samples)
    solved = {
        f"{name}, level {index}": Job(_solved, (name, indices, index, *how), (indices, *how))
        for name, indices in measured.items()
        for index in indices
    }
    timed = {
        f"{name}, training on level {index}": Job(
            training.trained, (name, index, seconds, numbers, samples), (seconds, numbers, samples)
        )
        for name, limits in trainings.items()
        for index, seconds in limits.items()
    }
    swept = sweep.run("gauss-newton-cg", solved | timed)
    found: list[Row] = [row for same in swept.pick(solved) for row in same]
    trained: list[Training] = [row for same in swept.pick(timed) for row in same]
    settings = {
        "seeds": numbers,
        "samples": samples,
        "levels": count,
        "dampings": relative,
        "limit": limit,
        "share": share,
        "rank": solves.RANK,
    }
    return Study(tuple(found), tuple(trained), settings, swept.places)


def _solved(
    name: str,
    indices: tuple[int, ...],
    index: int,
    dampings: tuple[float, ...],
    limit: int,
    seed: int,
    samples: int,
) -> list[Row]:
    return solves.solves(case(name, indices, seed, samples), index, dampings, limit, seed)


def _limits(limits: Mapping[int, float], count: int, share: float) -> dict[int, float]:
    """The limits of the existing levels, or of the last level if these have none."""
    kept = {index: share * seconds for index, seconds in limits.items() if index < count}
    return kept or ({count - 1: share * min(limits.values())} if count > 1 else {})
