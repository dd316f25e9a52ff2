"""PINNs by nested Gauss-Newton: a tournament of starts on the coarsest level, then refinement.

Three things decide. The network must be smooth: a spline continued linearly has jumps in its second
derivative, and a residual that jumps as theta moves stalls every method. So hidden values are brought into
the domain of the next layer by tanh, or the splines continue as polynomials. Points must be many, some
twenty per parameter, and gather where the solution is steep: a network that is free between points jumps
there. And coarse levels come first, since only there can many starts be tried.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.knots import uniform_knots
from splinekan.multilevel import Hierarchy, Round, tournament
from splinekan.network import KAN, MLP, Normalizer, SplineLayer, initialize
from splinekan.objectives.pinn import PINN
from splinekan.optimize import LevenbergMarquardt, Result
from splinekan.studies.runs import Run, Stage


@dataclass(frozen=True)
class Setting:
    """How a problem is solved.

    Attributes
    ----------
    widths, degree, intervals
        The network on the coarsest level, all splines; without `intervals` a tanh perceptron, which has
        one level.
    hidden
        "tanh": between spline layers. "polynomial": nothing there, hidden domains [-1.5, 1.5] continued by
        the end polynomials; faster, and exact for products, but where solutions are steep it runs wild.
    cells
        Per level the cells of 3 x 3 Gauss points along each variable.
    iterations
        Per level, after the tournament on the first one.
    starts
        (candidates, iterations) of the tournament's rounds.
    damping, noise
        Of Levenberg-Marquardt, and of the coefficients at the start.
    """

    widths: tuple[int, ...]
    degree: int
    intervals: int
    hidden: str
    cells: tuple[tuple[int, int], ...]
    iterations: tuple[int, ...]
    starts: tuple[tuple[int, int], ...] = ((12, 20), (4, 40))
    damping: float = 1e-2
    noise: float = 0.3


HIDDEN = 1.5
"""A start sends hidden values into about half of [-1.5, 1.5]."""

SETTINGS = {
    "poisson": Setting((2, 4, 1), 5, 2, "polynomial", ((8, 8), (10, 10), (14, 14), (20, 20)), (60,) * 4),
}
PERCEPTRONS = {
    "poisson": Setting((2, 32, 1), 0, 0, "tanh", ((20, 20),), (400,), ((1, 0),)),
}
"""The opponent: one hidden layer, as many parameters or so, the same method and points."""


def network(setting: Setting) -> KAN:
    """The coarsest one."""
    if not setting.intervals:
        return MLP(setting.widths, "tanh")
    layers: list[Any] = []
    for n_in, n_out in pairwise(setting.widths):
        free = bool(layers) and setting.hidden == "polynomial"
        if layers and not free:
            layers.append(Normalizer(n_in, "tanh", (-1.0, 1.0)))
        end = HIDDEN if free else 1.0
        knots = uniform_knots(-end, end, setting.intervals, setting.degree)
        layers.append(SplineLayer(n_in, n_out, knots, setting.degree, "polynomial" if free else "linear"))
    return KAN.chain(layers)


@dataclass(frozen=True, eq=False)
class GaussNewtonRun(Run):
    """A stage per level; the first one begins with the tournament."""

    setting: Setting

    def __post_init__(self) -> None:
        levels = Hierarchy(network(self.setting), len(self.setting.cells))
        object.__setattr__(self, "hierarchy", levels)

    @property
    def words(self) -> tuple[str, str, str]:
        """Basis, schedule and optimiser, for the table."""
        method = "Gauss-Newton (Levenberg-Marquardt) after a tournament of starts"
        return ("spline", "multilevel", method) if self.setting.intervals else ("none", "mlp", method)

    @property
    def stages(self) -> int:
        """How many."""
        return len(self.setting.cells)

    @property
    def settings(self) -> dict[str, Any]:
        """All that the numbers depend on."""
        return asdict(self.setting)

    def advance(self, index: int, before: Stage | None) -> Stage:
        """Draw starts, or refine; then iterate."""
        began = perf_counter()
        cells, iterations = self.setting.cells[index], self.setting.iterations[index]
        optimizer = LevenbergMarquardt(damping=self.setting.damping)
        if before is None:
            result, work = self._first(self._objective(0, self.problem.uniform(cells)), optimizer, iterations)
        else:
            edges = self.problem.adapted(lambda at: self.solution(before, at), cells)
            theta = self.hierarchy.prolong(before.theta, index - 1)
            result = optimizer.minimize(self._objective(index, edges), theta, iterations=iterations)
            work = before.work + float(result.history.work[-1])
        seconds = perf_counter() - began + (before.seconds if before else 0.0)
        # Elsewhere: on cells that are spread evenly, with points of another rule.
        fresh = self._objective(index, self.problem.uniform((2 * cells[0], 2 * cells[1])), 2)
        return self._stage(index, result, result.value, fresh, work, seconds)

    def _objective(self, index: int, edges: list[Float64Array], order: int = 3) -> PINN:
        level = self.hierarchy[index]
        return self.problem.pinn(level.network, self.problem.blocks(edges, order), level.cost)

    def _first(self, problem: PINN, optimizer: LevenbergMarquardt, iterations: int) -> tuple[Result, float]:
        coarsest = self.hierarchy[0].network
        rounds = [Round(0, candidates, count) for candidates, count in self.setting.starts]

        def draw(generator: np.random.Generator) -> Float64Array:
            scheme = "greville" if self.setting.intervals else "noise"
            return initialize(coarsest, generator, scheme, box=(-1.0, 1.0), noise=self.setting.noise)

        found = tournament(
            self.hierarchy,
            lambda *_: problem,
            optimizer,
            [*rounds, Round(0, 1, iterations)],
            draw,
            np.random.default_rng(self.seed),
        )
        return found.result, found.work
