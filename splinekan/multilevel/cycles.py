"""Multigrid cycles for nonlinear problems, with any optimiser as smoother.

A cycle on level l, for the problem F with parameters theta:

1. Smooth: `pre` iterations of the optimiser.
2. Restrict: v0 = R theta on level l - 1, R a projection. The coarse problem F_c has grad F_c(v0) =
   P^T grad F(theta): to first order, F_c changes along e as F does along P e. Stationary points theta are
   fixed points of the correction.
3. Cycle on level l - 1 from v0, once ("V") or twice ("W"), on level 0 by iterations of the optimiser: v.
4. Correct: theta + s P (v - v0).
5. Smooth: `post` iterations.

The schemes differ in F_c and s:

- "FAS", the full approximation scheme (Brandt 1977; Briggs, Henson & McCormick 2000, chapter 6):
  F_c(v) = f_c(v) - tau.(v - v0), tau = grad f_c(v0) - P^T grad F(theta), and s = 1.
- "MG/OPT" (Nash 2000; Lewis & Nash 2005): the same coarse problem; s by backtracking. If v improves a convex
  F_c, P (v - v0) is a descent direction of F, because grad F . P (v - v0) = grad F_c(v0).(v - v0) <=
  F_c(v) - F_c(v0) < 0. Without convexity this may fail; then the correction is rejected.
- "galerkin", subspace correction (Tai & Xu 2001): F_c(v) = F(theta + P (v - v0)), and s = 1. Every coarse
  step that lowers F_c lowers F, but costs an evaluation of F.

For nested networks f_c(v) = f(P v). All schemes are then the same for a linear least-squares problem, and for
any problem where theta = P v0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from splinekan._blas import dot, norm
from splinekan._checks import Float64Array
from splinekan.multilevel.coarse_problems import Pulled, Tilted
from splinekan.multilevel.cycle_record import Correction, Ledger
from splinekan.multilevel.hierarchy import Hierarchy
from splinekan.multilevel.projections import network_projection
from splinekan.optimize import Optimizer, Status
from splinekan.optimize.answers import finite, parts, real_number, reals
from splinekan.optimize.driver import QUIET
from splinekan.optimize.search import DECREASE

SCHEMES = ("FAS", "MG/OPT", "galerkin")
TRIALS = 10
"""The number of steps 1, 1/2, 1/4, ... that MG/OPT tries."""


@dataclass(frozen=True)
class Settings:
    """The options of cycles; `multigrid` describes them.

    `visits` is the number of visits to level l - 1 in a cycle on level l: 1 in V-cycles, 2 in W-cycles.
    """

    scheme: str
    visits: int
    pre: int
    post: int
    coarsest: int
    counted: bool
    projection: str
    floor: float
    keep: str
    goal: float | None


class Stop(Exception):  # noqa: N818 - not an error
    """The end of a run within a cycle."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status = status


class Cycles:
    """Cycles on the levels of a hierarchy.

    Attributes
    ----------
    top
        The level that is trained; the levels below serve its corrections.
    theta, value
        The current point on that level, and its value.
    best, best_value
        The best point on that level, and its value.
    converged
        Whether the last smoothing on that level met a tolerance.
    """

    def __init__(
        self,
        hierarchy: Hierarchy,
        problems: list[Any],
        methods: list[Optimizer],
        settings: Settings,
        ledger: Ledger,
    ) -> None:
        self.hierarchy, self.problems, self.methods = hierarchy, problems, methods
        self.settings, self.ledger = settings, ledger
        self.R: list[Any] = [
            None
            if level.coarser is None
            else network_projection(level.coarser, level.network, settings.projection)
            for level in hierarchy.levels
        ]
        self.corrections: list[Correction] = []
        self.top, self.converged = 0, False
        self.theta = self.best = np.zeros(0)
        self.value = self.best_value = np.inf

    def cycle(self, index: int, problem: Any, theta: Float64Array) -> Float64Array:
        """Steps 1 to 5."""
        self.converged = False
        if index == 0:
            return self._smooth(0, problem, theta, self.settings.coarsest)
        theta = self._smooth(index, problem, theta, self.settings.pre)
        if not (self.converged and index == self.top):
            theta = self._correct(index, problem, theta)
            theta = self._smooth(index, problem, theta, self.settings.post)
        return theta

    def _smooth(self, index: int, problem: Any, theta: Float64Array, count: int) -> Float64Array:
        """Steps 1 and 5, and the solution on level 0."""
        cost, ledger, trained = self.cost(problem, index), self.ledger, problem is self.problems[self.top]
        if count == 0 or ledger.spent:
            return theta
        limits = [count if self.settings.counted else None, ledger.affordable(cost)]
        result = self.methods[index].minimize(
            problem,
            theta,
            iterations=count,
            evaluations=min((limit for limit in limits if limit is not None), default=None),
            callback=lambda _: ledger.late,
            gradient_tolerance=self.settings.floor,
            value_tolerance=self.settings.goal if trained else None,
            keep=self.settings.keep,
            cost=cost,
        )
        ledger.ran(result, trained)
        if trained:
            self.moved(result.theta, result.value)
            self.converged = result.status is Status.CONVERGED
            if result.status is Status.NON_FINITE:
                raise Stop(Status.NON_FINITE)
        if result.status is Status.INTERRUPTED:
            raise Stop(Status.INTERRUPTED)
        return np.asarray(result.theta)

    @np.errstate(**QUIET)
    def _correct(self, index: int, problem: Any, theta: Float64Array) -> Float64Array:
        """Steps 2 to 4."""
        if self.ledger.spent:
            return theta
        P, coarse, below = self.hierarchy[index].P, self.problems[index - 1], index - 1
        value, gradient = self.evaluated(index, problem, theta)
        v0 = np.asarray(self.R[index] @ theta)
        if self.settings.scheme == "galerkin":
            model: Any = Pulled(problem, P, theta, v0, coarse, self.cost(problem, index))
        else:
            height, steepness = self.evaluated(below, coarse, v0)
            if not (np.isfinite(height) and finite(steepness)):
                return self._corrected(index, theta, Correction(index, 0.0, 0.0, value, value))
            model = Tilted(coarse, steepness - P.T @ gradient, v0, self.cost(coarse, below))
        v = v0
        for _ in range(self.settings.visits if below else 1):
            v = self.cycle(below, model, v)
        direction = P @ (v - v0)
        slope, step = dot(gradient, direction), 1.0
        searches = self.settings.scheme == "MG/OPT"
        for _ in range(TRIALS if searches else 1):
            if (searches and not slope < 0) or not direction.any():
                break
            moved = theta + step * direction
            after, steepness = self.evaluated(index, problem, moved)
            enough = after <= value + DECREASE * step * slope if searches else np.isfinite(after)
            if enough and finite(steepness):
                made = Correction(index, slope, step, value, after)
                return self._corrected(index, moved, made, norm(steepness), problem)
            step /= 2
        return self._corrected(index, theta, Correction(index, slope, 0.0, value, value))

    def _corrected(
        self, index: int, theta: Float64Array, made: Correction, gradient: float = 0.0, problem: Any = None
    ) -> Float64Array:
        """The corrected theta, with the correction recorded."""
        self.corrections.append(made)
        self.converged = False
        if problem is self.problems[self.top]:
            self.ledger.entry(made.after, gradient, norm(theta - self.theta))
            self.moved(theta, made.after)
        return theta

    def cost(self, problem: Any, index: int) -> float:
        """Work units of an evaluation on level `index`."""
        return float(self.hierarchy[index].cost if problem.cost is None else problem.cost)

    def evaluated(self, index: int, problem: Any, theta: Float64Array) -> tuple[float, Float64Array]:
        """Value and gradient, counted."""
        self.ledger.evaluated(self.cost(problem, index))
        name = "problem.value_and_gradient(theta)"
        value, gradient = parts(name, problem.value_and_gradient(theta), 2)
        return real_number(f"{name}[0]", value), reals(f"{name}[1]", gradient, theta.shape)

    def moved(self, theta: Float64Array, value: float) -> None:
        """Move to theta on the level that is trained."""
        self.theta, self.value = theta, value
        if value < self.best_value:
            self.best, self.best_value = theta, value
