"""PINNs by nested Gauss-Newton: a tournament of starts on the coarsest level, then refinement.

Three things decide. The network must be smooth (see `splinekan.problems.networks`). Points must be many, some
twenty per parameter, gather where the solution is steep, and move: a network that is free between points
jumps there, so starts are compared by their loss elsewhere, points move within a level, and what spoils the
loss elsewhere is not kept; along faces, where nothing lies beyond the last point, thin cells help. And
coarse levels come first, since only there can many starts be tried.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.multilevel import Hierarchy, Round, successive_halving
from splinekan.network import KAN, MLP, initialize
from splinekan.objectives.pinn import PINN
from splinekan.optimize import History, LevenbergMarquardt
from splinekan.studies.interrupts import whole
from splinekan.studies.runs import Run, Stage


@dataclass(frozen=True)
class Setting:
    """How a problem is solved.

    Attributes
    ----------
    cells
        Per level the cells of 3 x 3 Gauss points along each variable.
    iterations
        Per level, after the tournament on the first one; points move `MOVES` - 1 times.
    starts
        (candidates, iterations) of the tournament's rounds.
    damping, noise
        Of Levenberg-Marquardt, and of the coefficients at the start.
    ends
        This part of the first and the last cell along each variable is a cell of its own; 0 for none. It
        keeps spikes away that fit between a face and the points next to it.
    network
        On the coarsest level; None for the problem's own.
    """

    cells: tuple[tuple[int, int], ...]
    iterations: tuple[int, ...]
    starts: tuple[tuple[int, int], ...] = ((12, 20), (4, 40))
    damping: float = 1e-2
    noise: float = 0.3
    ends: float = 0.0
    network: KAN | None = None


MOVES = 3
"""Sets of points on a level. What a set has led to is kept if it lowers the loss on points held out."""

SETTINGS = {
    "poisson": Setting(((8, 8), (10, 10), (14, 14), (20, 20)), (60, 60, 60, 60)),
    "interface": Setting(((20, 20), (24, 24), (32, 32)), (80, 150, 150)),
    "helmholtz": Setting(((20, 24), (24, 28), (30, 36)), (200, 360, 320), starts=((24, 30), (6, 60))),
    "advection": Setting(((16, 16), (20, 20), (26, 26), (32, 32)), (60, 80, 80, 60), ends=0.1),
    "burgers": Setting(
        ((36, 18), (40, 20), (52, 26), (68, 34), (88, 44)),
        (100, 100, 100, 60, 80),
        starts=((16, 20), (6, 40)),
        ends=0.1,
    ),
    "allen-cahn": Setting(
        ((24, 16), (32, 20), (40, 28), (48, 32), (64, 40)), (100, 100, 100, 80, 80), ends=0.1
    ),
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
    def levels(self) -> tuple[int, ...]:
        """All of them."""
        return tuple(range(len(self.setting.cells)))

    @property
    def settings(self) -> dict[str, Any]:
        """All that the numbers depend on."""
        chosen = {each.name: getattr(self.setting, each.name) for each in fields(self.setting)}
        return chosen | {"problem": self.problem.name, "network": str(self.hierarchy.network)}

    def advance(self, index: int, before: Stage | None) -> Stage:
        """Draw starts, or refine; then iterate."""
        began = perf_counter()
        level, (nx, ny) = self.hierarchy[index], self.setting.cells[index]
        held_out = self._objective(index, self.problem.uniform((2 * nx, 2 * ny)), 2)
        if before is None:
            theta, work = self._start(held_out)
            cells = self.problem.uniform
        else:
            theta, work = self.hierarchy.prolong(before.theta, index - 1), before.work
            cells = partial(self.problem.adapted, lambda at: self.solution(before, at))
        optimizer = LevenbergMarquardt(damping=self.setting.damping)
        score, histories = held_out.value(theta), []
        counts = np.diff(np.linspace(0, self.setting.iterations[index], MOVES + 1).astype(int))
        for move, count in enumerate(counts):
            problem = self._objective(index, cells((nx + move, ny + move)))
            result = whole(optimizer.minimize(problem, theta, iterations=int(count)))
            histories.append(result.history)
            found = held_out.value(result.theta)
            if found < score:
                theta, score = result.theta, found
        result = replace(result, theta=theta, history=History.join(histories))
        work += float(result.history.work[-1])
        seconds = perf_counter() - began + (before.seconds if before else 0.0)
        fresh = self._objective(index, self.problem.uniform((2 * nx + 1, 2 * ny + 1)), 2)
        return self._stage(level.index, result, problem.value(theta), fresh, work, seconds)

    def _objective(self, index: int, edges: list[Float64Array], order: int = 3) -> PINN:
        level = self.hierarchy[index]
        if self.setting.ends:
            edges = [_with_ends(axis, self.setting.ends) for axis in edges]
        return self.problem.pinn(level.network, self.problem.blocks(edges, order), level.cost)

    def _start(self, held_out: PINN) -> tuple[Float64Array, float]:
        """The tournament's winner, and its work."""
        coarsest = self.hierarchy[0].network
        problem = self._objective(0, self.problem.uniform(self.setting.cells[0]))

        def draw(generator: np.random.Generator) -> Float64Array:
            scheme = "greville" if coarsest.intervals else "noise"
            return initialize(coarsest, generator, scheme, bounds=(-1.0, 1.0), noise=self.setting.noise)

        found = successive_halving(
            self.hierarchy,
            lambda *_: problem,
            LevenbergMarquardt(damping=self.setting.damping),
            [Round(0, candidates, count) for candidates, count in self.setting.starts],
            draw,
            np.random.default_rng(self.seed),
            lambda _, theta: held_out.value(theta),
        )
        return whole(found).theta, found.work


def _with_ends(edges: Float64Array, part: float) -> Float64Array:
    """Edges with a part of the first and of the last cell cut off as cells."""
    first, last = edges[0] + part * (edges[1] - edges[0]), edges[-1] - part * (edges[-1] - edges[-2])
    return np.concatenate([edges[:1], [first], edges[1:-1], [last], edges[-1:]])
