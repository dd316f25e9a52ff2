"""PINNs by nested Gauss-Newton: successive halving of starts on the coarsest level, then refinement.

Three ingredients matter. The network must be smooth (see `splinekan.problems.networks`). There must be many
points, some twenty per parameter, which gather where the solution is steep, and move: nothing constrains the
network between collocation points. Therefore starts are compared by their loss at other points, points move
within a level, and a step that raises the loss at other points is rejected; along faces, with no points
beyond, thin cells help. Coarse levels come first, since many starts can be tried only there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.multilevel import Hierarchy, Round, successive_halving
from splinekan.network import KAN, MLP, initialize
from splinekan.objectives.pinn import PINN
from splinekan.optimize import History, LevenbergMarquardt
from splinekan.studies.boundary_value.runs import EquationRun
from splinekan.studies.skeleton.interrupts import whole
from splinekan.studies.skeleton.runs import Stage


@dataclass(frozen=True)
class Setting:
    """The options with which a problem is solved.

    Attributes
    ----------
    cells
        Numbers of cells of 3 x 3 Gauss points along each variable, per level.
    iterations
        Numbers of iterations per level, on the first after successive halving; points move `MOVES` - 1 times.
    starts
        (candidates, iterations) of the rounds of successive halving.
    damping, noise
        Initial damping of Levenberg-Marquardt, and noise of the initial coefficients.
    end_cells
        Width of an additional cell at both ends of each variable, relative to the first and the last cell; 0
        for none. It suppresses spikes between a face and the nearest points.
    network
        The network on the coarsest level; None for that of the problem.
    """

    cells: tuple[tuple[int, int], ...]
    iterations: tuple[int, ...]
    starts: tuple[tuple[int, int], ...] = ((12, 20), (4, 40))
    damping: float = 1e-2
    noise: float = 0.3
    end_cells: float = 0.0
    network: KAN | None = None


MOVES = 3
"""Sets of points on a level. The iterate of a set is kept if it lowers the loss on held-out points."""

SETTINGS = {
    "poisson": Setting(((8, 8), (10, 10), (14, 14), (20, 20)), (60, 60, 60, 60)),
    "interface": Setting(((20, 20), (24, 24), (32, 32)), (80, 150, 150)),
    "helmholtz": Setting(((20, 24), (24, 28), (30, 36)), (200, 360, 320), starts=((24, 30), (6, 60))),
    "advection": Setting(((16, 16), (20, 20), (26, 26), (32, 32)), (60, 80, 80, 60), end_cells=0.1),
    "burgers": Setting(
        ((36, 18), (40, 20), (52, 26), (68, 34), (88, 44)),
        (100, 100, 100, 60, 80),
        starts=((16, 20), (6, 40)),
        end_cells=0.1,
    ),
    "allen-cahn": Setting(
        ((24, 16), (32, 20), (40, 28), (48, 32), (64, 40)), (100, 100, 100, 80, 80), end_cells=0.1
    ),
    "kdv": Setting(((32, 12), (36, 16), (48, 20), (60, 24)), (60, 80, 80, 60)),
}
PROBLEMS = {"burgers": "burgers-hard", "allen-cahn": "allen-cahn-hard"}
"""Problems that are posed differently than for Adam."""
PERCEPTRONS = {
    "poisson": Setting(((20, 20),), (400,), ((1, 0),), network=MLP((2, 32, 1), "tanh")),
}
"""For comparison: one hidden layer of tanh, the same method and points."""


@dataclass(frozen=True, eq=False)
class GaussNewtonRun(EquationRun):
    """A stage per level; the first begins with successive halving of starts."""

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
        """All levels."""
        return tuple(range(len(self.setting.cells)))

    @property
    def settings(self) -> dict[str, Any]:
        """All that the numbers depend on."""
        return {
            "cells": self.setting.cells,
            "iterations": self.setting.iterations,
            "starts": self.setting.starts,
            "damping": self.setting.damping,
            "noise": self.setting.noise,
            "ends": self.setting.end_cells,
            "network": str(self.hierarchy.network),
            "problem": self.problem.name,
        }

    def advance(self, index: int, before: Stage | None) -> Stage:
        """Draw starts, or refine; then iterate."""
        began = perf_counter()
        level, (nx, ny) = self.hierarchy[index], self.setting.cells[index]
        held_out = self._objective(index, self.problem.uniform((2 * nx, 2 * ny)), 2)
        if before is None:
            theta, work = self._start(held_out)
            cells = self.problem.uniform
        else:
            theta, work = self._prolonged(before), before.work
            cells = partial(self.problem.adapted, lambda at: self.solution(before, at))
        optimizer = LevenbergMarquardt(damping=self.setting.damping)
        score, histories = held_out.value(theta), []
        counts = np.diff(np.linspace(0, self.setting.iterations[index], MOVES + 1).astype(int))
        for move, count in enumerate(counts):
            problem = self._objective(index, cells((nx + move, ny + move)))
            result = whole(optimizer.minimize(problem, theta, iterations=int(count)))
            histories.append(result.history)
            value = held_out.value(result.theta)
            if value < score:
                theta, score = result.theta, value
        result = replace(result, theta=theta, history=History.join(histories))
        work += float(result.history.work[-1])
        seconds = perf_counter() - began + (before.seconds if before else 0.0)
        fresh = self._objective(index, self.problem.uniform((2 * nx + 1, 2 * ny + 1)), 2)
        return self._stage(level.index, result, problem.value(theta), fresh, work, seconds)

    def _objective(self, index: int, edges: list[Float64Array], order: int = 3) -> PINN:
        level = self.hierarchy[index]
        if self.setting.end_cells:
            edges = [_with_end_cells(axis, self.setting.end_cells) for axis in edges]
        return self.problem.pinn(level.network, self.problem.blocks(edges, order), level.cost)

    def _start(self, held_out: PINN) -> tuple[Float64Array, float]:
        """The best start, and the work of successive halving."""
        coarsest = self.hierarchy[0].network
        problem = self._objective(0, self.problem.uniform(self.setting.cells[0]))

        def draw(generator: np.random.Generator) -> Float64Array:
            scheme = "greville" if coarsest.intervals else "noise"
            return initialize(coarsest, generator, scheme, bounds=(-1.0, 1.0), noise=self.setting.noise)

        best = successive_halving(
            self.hierarchy,
            lambda *_: problem,
            LevenbergMarquardt(damping=self.setting.damping),
            [Round(0, candidates, count) for candidates, count in self.setting.starts],
            draw,
            np.random.default_rng(self.seed),
            lambda _, theta: held_out.value(theta),
        )
        return whole(best).theta, best.work


def _with_end_cells(edges: Float64Array, part: float) -> Float64Array:
    """The edges with thin cells at both ends."""
    first, last = edges[0] + part * (edges[1] - edges[0]), edges[-1] - part * (edges[-1] - edges[-2])
    return np.concatenate([edges[:1], [first], edges[1:-1], [last], edges[-1:]])
