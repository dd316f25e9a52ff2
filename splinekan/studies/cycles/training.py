"""A method trained from a seed, at equal work or with equally many evaluations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.multilevel import Correction, Level, multigrid, nested_iteration
from splinekan.optimize import History
from splinekan.studies.cycles.settings import METHODS, Instance, Smoother
from splinekan.studies.skeleton.interrupts import whole

UNLIMITED = 10**6


@dataclass(frozen=True, eq=False)
class Run:
    """The history of a run, over its parts, and the corrections of the finest level."""

    history: History
    corrections: tuple[Correction, ...]
    seconds: float
    parameters: int

    @property
    def loss(self) -> float:
        """The lowest loss."""
        return float(self.history.loss.min())

    @property
    def by_corrections(self) -> float:
        """The share of the decrease of log(loss), up to the lowest, that the corrections achieved."""
        total = np.log(self.history.loss[0] / self.loss)
        gained = sum(np.log(made.before / made.after) for made in self.corrections)
        return float(gained / total) if total > 0 else 0.0

    def loss_at(self, seconds: float) -> float:
        """The lowest loss up to that time."""
        seen = self.history.loss[self.history.seconds <= seconds]
        return float(seen.min(initial=self.history.loss[0]))


def train(method: str, smoother: Smoother, instance: Instance, count: str) -> Run:
    """Train; `count` is "work" or "evaluations"."""
    levels, budget = instance.levels, float(smoother.budgets[count == "evaluations"])
    costs = [level.cost if count == "work" else 1.0 for level in levels]
    finest = instance.theta
    for level in levels[1:]:
        finest = level.P @ finest

    def objective(level: Level) -> Any:
        return replace(instance.objective(level), cost=costs[level.index])

    began = perf_counter()
    histories, corrections, theta = [], (), finest
    if method.startswith("nested"):
        share = budget if method == "nested" else budget / 2
        counts = [max(int(share / len(levels) / cost), 1) for cost in costs]
        result: Any = nested_iteration(
            levels, objective, smoother.optimizer, counts, instance.theta, unit="evaluations"
        )
        histories, theta = [whole(result).history], result.theta
    if method in ("single", "nested, then finest"):
        rest = budget if method == "single" else budget / 2
        result = smoother.optimizer.minimize(
            objective(levels[-1]), theta, iterations=UNLIMITED, evaluations=max(int(rest / costs[-1]), 1)
        )
        histories.append(whole(result).history)
    if METHODS[method]:
        cycle, scheme = METHODS[method].split()
        pre, post, coarsest = smoother.sweeps
        rest = budget / 2 if histories else budget
        result = multigrid(
            levels,
            objective,
            smoother.optimizer,
            instance.theta if cycle == "FMG" else theta,
            cycle=cycle,
            scheme=scheme,
            cycles=_cycles(smoother.sweeps, costs, rest) if cycle == "FMG" else UNLIMITED,
            pre=pre,
            post=post,
            coarsest=coarsest,
            unit=smoother.unit,
            work=rest,
        )
        histories.append(whole(result).history)
        corrections = tuple(made for made in result.corrections if made.level == len(levels) - 1)
    seconds = perf_counter() - began
    return Run(History.join(histories), corrections, seconds, levels[-1].network.n_parameters)


def _cycles(sweeps: tuple[int, int, int], costs: list[float], budget: float) -> list[int]:
    """Cycles on the levels of full multigrid, such that the levels have about equal shares of the budget."""
    pre, post, coarsest = sweeps
    needed = np.cumsum([coarsest * costs[0], *((pre + post) * cost for cost in costs[1:])])
    counts: Float64Array = np.maximum(np.round(budget / len(costs) / needed), 1)
    return [*(int(count) for count in counts[:-1]), UNLIMITED]
