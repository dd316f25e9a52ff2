"""PINNs by nested Gauss-Newton: a tournament of starts on the coarsest level, then refinement.

Three things decide. The network must be smooth (see `splinekan.pdes.networks`). Points must be many, some
twenty per parameter, gather where the solution is steep, and move: a network that is free between points
jumps there, so starts are compared by their loss elsewhere, and halfway through a level other points are
taken. And coarse levels come first, since only there can many starts be tried.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.multilevel import Hierarchy, Round, tournament
from splinekan.network import KAN, MLP, initialize
from splinekan.objectives.pinn import PINN
from splinekan.optimize import History, LevenbergMarquardt
from splinekan.studies.runs import Run, Stage, whole


@dataclass(frozen=True)
class Setting:
    """How a problem is solved.

    Attributes
    ----------
    cells
        Per level the cells of 3 x 3 Gauss points along each variable.
    iterations
        Per level, after the tournament on the first one; half of them on other points than the rest.
    starts
        (candidates, iterations) of the tournament's rounds.
    damping, noise
        Of Levenberg-Marquardt, and of the coefficients at the start.
    network
        On the coarsest level; None for the problem's own.
    """

    cells: tuple[tuple[int, int], ...]
    iterations: tuple[int, ...]
    starts: tuple[tuple[int, int], ...] = ((12, 20), (4, 40))
    damping: float = 1e-2
    noise: float = 0.3
    network: KAN | None = None


SETTINGS = {
    "poisson": Setting(((8, 8), (10, 10), (14, 14), (20, 20)), (60, 60, 60, 60)),
    "interface": Setting(((20, 20), (24, 24), (32, 32)), (80, 150, 150)),
    "helmholtz": Setting(((20, 24), (24, 28), (30, 36)), (80, 120, 100)),
    "advection": Setting(((16, 16), (20, 20), (26, 26), (32, 32)), (60, 80, 80, 60)),
    "burgers": Setting(((24, 12), (36, 16), (48, 24), (64, 32)), (60, 100, 100, 60)),
    "allen-cahn": Setting(((24, 16), (32, 20), (40, 28), (48, 32)), (100, 100, 100, 80)),
    "kdv": Setting(((32, 12), (36, 16), (48, 20), (60, 24)), (60, 80, 80, 60)),
}
PROBLEMS = {"burgers": "burgers-hard", "allen-cahn": "allen-cahn-hard"}
"""Posed otherwise than for Adam."""
PERCEPTRONS = {
    "poisson": Setting(((20, 20),), (400,), ((1, 0),), network=MLP((2, 32, 1), "tanh")),
}
"""The opponent: one hidden layer of tanh, the same method and points."""


@dataclass(frozen=True, eq=False)
class GaussNewtonRun(Run):
    """A stage per level; the first one begins with the tournament."""

    setting: Setting

    def __post_init__(self) -> None:
        coarsest = self.setting.network or self.problem.network
        levels = Hierarchy(coarsest, len(self.setting.cells))
        object.__setattr__(self, "hierarchy", levels)

    @property
    def words(self) -> tuple[str, str, str]:
        """Basis, schedule and optimiser, for the table."""
        method = "Gauss-Newton (Levenberg-Marquardt) after a tournament of starts"
        return (
            ("spline", "multilevel", method) if self.hierarchy.network.intervals else ("none", "mlp", method)
        )

    @property
    def stages(self) -> int:
        """How many."""
        return len(self.setting.cells)

    @property
    def settings(self) -> dict[str, Any]:
        """All that the numbers depend on."""
        chosen = {each.name: getattr(self.setting, each.name) for each in fields(self.setting)}
        return chosen | {"problem": self.problem.name, "network": str(self.hierarchy.network)}

    def advance(self, index: int, before: Stage | None) -> Stage:
        """Draw starts, or refine; then iterate."""
        began = perf_counter()
        cells, iterations = self.setting.cells[index], self.setting.iterations[index]
        fresh = self._objective(index, self.problem.uniform((2 * cells[0], 2 * cells[1])), 2)
        if before is None:
            theta, work = self._start(fresh)
            edges = [self.problem.uniform((cells[0] + more, cells[1] + more)) for more in (0, 1)]
        else:
            theta, work = self.hierarchy.prolong(before.theta, index - 1), before.work
            edges = [
                self.problem.adapted(lambda at: self.solution(before, at), (cells[0] + more, cells[1] + more))
                for more in (0, 1)
            ]
        optimizer = LevenbergMarquardt(damping=self.setting.damping)
        histories = []
        for each, count in zip(edges, (iterations // 2, iterations - iterations // 2), strict=True):
            result = whole(optimizer.minimize(self._objective(index, each), theta, iterations=count))
            theta = result.theta
            histories.append(result.history)
        history = History.join(histories)
        work += float(history.work[-1])
        seconds = perf_counter() - began + (before.seconds if before else 0.0)
        return self._stage(index, replace(result, history=history), result.value, fresh, work, seconds)

    def _objective(self, index: int, edges: list[Float64Array], order: int = 3) -> PINN:
        level = self.hierarchy[index]
        return self.problem.pinn(level.network, self.problem.blocks(edges, order), level.cost)

    def _start(self, fresh: PINN) -> tuple[Float64Array, float]:
        """The tournament's winner, and its work."""
        coarsest = self.hierarchy[0].network
        problem = self._objective(0, self.problem.uniform(self.setting.cells[0]))

        def draw(generator: np.random.Generator) -> Float64Array:
            scheme = "greville" if coarsest.intervals else "noise"
            return initialize(coarsest, generator, scheme, box=(-1.0, 1.0), noise=self.setting.noise)

        found = tournament(
            self.hierarchy,
            lambda *_: problem,
            LevenbergMarquardt(damping=self.setting.damping),
            [Round(0, candidates, count) for candidates, count in self.setting.starts],
            draw,
            np.random.default_rng(self.seed),
            lambda _, theta: fresh.value(theta),
        )
        return whole(found).theta, found.work
