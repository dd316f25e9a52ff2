"""Training with different solvers, in equal processor time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np

from splinekan.multilevel import Deflation
from splinekan.optimize import CG, Cholesky, Iterate, LevenbergMarquardt
from splinekan.studies.gauss_newton_cg.cases import Case, case
from splinekan.studies.gauss_newton_cg.solves import COARSE
from splinekan.studies.skeleton.interrupts import whole
from splinekan.studies.skeleton.tables import Column

CHOLESKY = 4000
"""Parameters up to which training with Cholesky factors is measured."""
STEPS = 100_000


@dataclass(frozen=True)
class Training:
    """Levenberg-Marquardt with a solver on a level, from the same function, seed by seed.

    Attributes
    ----------
    problem, intervals, parameters, solver
        The network and the solver.
    limit
        Processor seconds.
    losses
        The losses at the limit, by seed.
    steps
        The number of steps until the limit, by seed.
    target
        The loss of `CG()` at the limit, by seed.
    seconds
        Processor seconds until that loss, by seed; None where it is not reached.
    """

    problem: str
    intervals: int
    parameters: int
    solver: str
    limit: float
    losses: tuple[float, ...]
    steps: tuple[int, ...]
    target: tuple[float, ...]
    seconds: tuple[float | None, ...]


def _geometric_mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def _median(values: Sequence[float | None]) -> str:
    middle = float(np.median([np.inf if value is None else value for value in values]))
    return f"{middle:.1f}" if np.isfinite(middle) else ">"


COLUMNS = (
    Column("problem", "problem", left=True),
    Column("G", "intervals"),
    Column("param.", "parameters"),
    Column("solver", "solver", left=True),
    Column("limit s", "limit", ".0f"),
    Column("steps", lambda row: float(np.median(row.steps)), ".0f"),
    Column("loss (geom. mean)", lambda row: _geometric_mean(row.losses), ".1e"),
    Column("worst", lambda row: max(row.losses), ".1e"),
    Column("s to the loss of CG() (median)", lambda row: _median(row.seconds)),
)


def trained(name: str, index: int, limit: float, seeds: Sequence[int], samples: int) -> list[Training]:
    """All solvers on a level of a problem, the seeds of samples and starts in turn."""
    runs: dict[str, list[list[tuple[float, float]]]] = {}
    for seed in seeds:
        problem = case(name, (index,), seed, samples)
        for solver, made in _solvers(problem, index).items():
            runs.setdefault(solver, []).append(_run(problem, index, made, limit))
    network = problem.levels[index].network
    targets = tuple(_loss(log) for log in runs["CG()"])
    return [
        Training(
            name,
            network.intervals,
            network.n_parameters,
            solver,
            limit,
            tuple(_loss(log) for log in logs),
            tuple(len(log) - 1 for log in logs),
            targets,
            tuple(_reached(log, target) for log, target in zip(logs, targets, strict=True)),
        )
        for solver, logs in runs.items()
    ]


def _solvers(problem: Case, index: int) -> dict[str, Any]:
    levels = problem.levels
    found = {
        "CG()": CG(),
        "CG(Deflation)": CG(Deflation(levels, COARSE[problem.name])),
    }
    return found | ({"Cholesky()": Cholesky()} if levels[index].network.n_parameters <= CHOLESKY else {})


def _run(problem: Case, index: int, solver: Any, limit: float) -> list[tuple[float, float]]:
    """(processor seconds, loss) at the start and after every step within the limit."""
    objective, theta = problem.objective(problem.levels[index]), problem.theta(index)
    log = [(0.0, float(objective.value(theta)))]
    began = process_time()

    def stop(at: Iterate) -> bool:
        seconds = process_time() - began
        if seconds <= limit:
            log.append((seconds, at.value))
        return seconds > limit

    whole(LevenbergMarquardt(solver=solver).minimize(objective, theta, iterations=STEPS, callback=stop))
    return log


def _loss(log: Sequence[tuple[float, float]]) -> float:
    return min(loss for _, loss in log)


def _reached(log: Sequence[tuple[float, float]], target: float) -> float | None:
    return next((seconds for seconds, loss in log if loss <= target), None)
