"""A run that solves a boundary value problem by collocation, a stage per level."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

import numpy as np

from splinekan._checks import Float64Array
from splinekan.multilevel import Hierarchy
from splinekan.objectives.pinn import PINN
from splinekan.optimize import Result
from splinekan.problems.boundary import BoundaryValueProblem
from splinekan.studies.skeleton.runs import Run, Stage


@dataclass(frozen=True, eq=False)
class EquationRun(Run):
    """A way to solve a boundary value problem, from a seed.

    Attributes
    ----------
    problem, seed
        The problem, and the seed of the starts.
    hierarchy
        The levels.
    """

    problem: BoundaryValueProblem
    seed: int
    hierarchy: Hierarchy = field(init=False, repr=False)

    @property
    @abstractmethod
    def words(self) -> tuple[str, str, str]:
        """Basis, schedule and optimiser, for the table."""

    def solution(self, stage: Stage, points: Float64Array) -> Float64Array:
        """u at points (n, 2)."""
        return self.problem.solution(self.hierarchy[stage.level].network, stage.theta, points)

    def residual(self, stage: Stage, points: Float64Array) -> Float64Array:
        """The equation's residual at points (n, 2)."""
        return self.problem.residual(self.hierarchy[stage.level].network, stage.theta, points)

    def _prolonged(self, stage: Stage) -> Float64Array:
        """The parameters of the stage on the next level."""
        return np.asarray(self.hierarchy[stage.level + 1].P @ stage.theta)

    def _stage(
        self, level: int, result: Result, loss: float, fresh: PINN, work: float, seconds: float
    ) -> Stage:
        network = self.hierarchy[level].network
        return Stage(
            level,
            network.intervals,
            network.n_parameters,
            result.theta,
            loss,
            fresh.value(result.theta),
            self.problem.relative_error(lambda at: self.problem.solution(network, result.theta, at)),
            work,
            seconds,
            result.history,
        )
