"""A network in the competition: an architecture and a start, trained on successive levels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.network import KAN, initialize
from splinekan.objectives.last_layer import linear_parameters
from splinekan.optimize import History, LevenbergMarquardt, Result, Status, VariableProjection
from splinekan.solving import networks
from splinekan.solving.hidden_domains import moved
from splinekan.solving.merging import merged
from splinekan.solving.networks import Architecture
from splinekan.solving.options import LevelRecord, Options
from splinekan.solving.pieces import Piece
from splinekan.solving.rules import Cells, Rule, Sobol
from splinekan.solving.statement import Statement

COARSEST = {1: 4, 2: 4, 3: 2}
"""Intervals of networks that are linear in theta, by the number of variables; 4 for more."""
FIRST = {"ridge": 4}
"""Intervals of other networks on the coarsest level; 2 by default."""
LINEAR_STEPS = 50
"""The largest number of iterations on a level for networks that are linear in theta."""
PER_PARAMETER = 20
"""Points per parameter for networks that are not linear in theta."""
LEAST_POINTS = 2
"""Points per parameter in the interior and on every face, in many variables."""
END_CELLS = 0.1
"""Width of additional cells at the ends of each variable, relative to the first and the last cell."""
PATIENCE = {"linear": 3, "projected": 5, "other": 12}
"""A run stops after this number of iterations that lower the loss by less than a tenth: for networks linear
in theta, for networks whose last layer was solved for, and for others."""
NOISE, DAMPING, LATER = 0.3, 1e-2, 1e-4
"""Initial dampings at the start and when training is resumed."""
RIDGE = 1e-13
"""The ridge of variable projection: the last layers of these networks are nearly dependent."""
LINEARITY = 1e-9
"""Relative size of second differences below which a residual is regarded as affine."""
PROJECTED = 0.8
"""Fraction of the work that is spent on variable projection, where it applies."""
PROJECTION_COST = 2.0
"""Work of an iteration of variable projection, in iterations of Levenberg-Marquardt."""


@dataclass(eq=False)
class Contender:
    """An architecture with a start.

    Attributes
    ----------
    architecture, statement, options
        The architecture, the statement for the network's outputs, and the options.
    number
        The number of the start.
    stop
        The time (perf_counter) after which no iteration begins.
    """

    architecture: Architecture
    statement: Statement
    options: Options
    number: int
    stop: float
    histories: list[History] = field(default_factory=list)
    levels: list[LevelRecord] = field(default_factory=list)
    kept: list[tuple[KAN, Float64Array]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.architecture.exact:
            self.statement = self.statement.imposed()
        intervals = FIRST.get(self.architecture.name, 2)
        made = networks.network(self.architecture, self.statement, self.options, intervals)
        if networks.is_linear(made):
            coarsest = COARSEST.get(self.dimension, 4)
            made = networks.network(self.architecture, self.statement, self.options, coarsest)
        if networks.is_periodic(made, self.statement.periodic()):
            self.statement = self.statement.on_periodic_networks()
        self.network, self.began, self.moves, self.loss = made, perf_counter(), 0, np.inf
        self.linear, self.merged_at = networks.is_linear(made), 0
        if self.linear:
            self.theta = initialize(made, self.options.seed, noise=0.0)
            self.theta[: made.n_parameters - len(self.statement.constants)] = 0.0
        else:
            rng = np.random.default_rng([self.options.seed, self.number])
            scheme = "greville" if made.intervals else "noise"
            self.theta = initialize(made, rng, scheme, bounds=(-1.0, 1.0), noise=NOISE)
        self._begin_level()

    @property
    def dimension(self) -> int:
        """The number of variables."""
        return self.statement.region.n_variables

    @property
    def text(self) -> str:
        """The architecture and its widths, without directions that were merged."""
        known, first = self.architecture, self.network.layers[0]
        if known.name == "ridge":
            known = replace(known, hidden=(first.n_out,))
        return known.text(self.dimension, len(self.statement.unknown))

    def _begin_level(self) -> None:
        self.held_out = self.statement.pinn(self.network, self.rule(0, held_out=True))
        self.score = self.held_out.value(self.theta)
        self.moves = 0

    @cached_property
    def projected(self) -> Any:
        """The parameters of the last layer, if the residuals are affine in them; None otherwise.

        r(c1 + c2) - r(c1) - r(c2) + r(0) vanishes for all c1, c2 if and only if r is affine.
        """
        if self.linear or self.statement.constants:
            return None
        try:
            where = linear_parameters(self.network, True)
        except ValueError:
            return None
        rng = np.random.default_rng(0)
        first, second = rng.normal(size=(2, len(where)))
        values = []
        for c in (np.zeros_like(first), first, second, first + second):
            theta = self.theta.copy()
            theta[where] = c
            values.append(self.held_out.residual(theta))
        zero, one, two, both = values
        size = max(np.linalg.norm(one), np.linalg.norm(two), np.linalg.norm(both))
        affine = np.linalg.norm(both - one - two + zero) <= LINEARITY * size
        return int(where[0]) if affine and len(where) < self.network.n_parameters else None

    @property
    def work(self) -> float:
        """An estimate of the floating-point operations of an iteration, in units of the assembly of J^T J."""
        network = self.network
        touched = sum(n for layer in network.layers for n in layer.segment_lengths)
        rows = self.held_out.n_residuals
        return float(rows * touched * (touched + 50 + 10 * self.dimension) + network.n_parameters**3 / 3)

    def train(self, iterations: int) -> None:
        """Iterations on new points; theta changes only if the loss on held-out points falls."""
        if self.linear:
            iterations = max(iterations, LINEAR_STEPS)
            self._run(LevenbergMarquardt(damping=1e-8), iterations)
            return
        damping = DAMPING if not self.histories else LATER
        if self.projected is not None:
            count = max(int(PROJECTED * iterations / PROJECTION_COST), 4)
            where = np.arange(*self._last_layer())
            try:
                self._run(VariableProjection(damping=DAMPING, linear=where, ridge=RIDGE), count)
                iterations = max(int((1 - PROJECTED) * iterations), 4)
            except ValueError:
                # It checks that the residual is affine, which the rounding of large coefficients may hide.
                pass
            damping = LATER
        self._run(LevenbergMarquardt(damping=damping), iterations)

    @property
    def _kind(self) -> str:
        return "linear" if self.linear else "other" if self.projected is None else "projected"

    def _last_layer(self) -> tuple[int, int]:
        where = linear_parameters(self.network, True)
        return int(where[0]), int(where[-1]) + 1

    def _run(self, optimizer: Any, iterations: int) -> None:
        if perf_counter() > self.stop and self.histories:
            return
        problem = self.statement.pinn(self.network, self.rule(self.moves))
        self.moves += 1
        result: Result = optimizer.minimize(
            problem,
            self.theta,
            iterations=iterations,
            callback=_Patience(self.stop, PATIENCE[self._kind]),
            value_tolerance=self.options.tolerance**2 / 8,
            progress=self.options.progress,
        )
        if result.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        self.histories.append(result.history)
        value = self.held_out.value(result.theta)
        before = problem.value(self.theta)
        if value < self.score or (self.linear and result.value < before):
            self.theta, self.score, self.loss = result.theta, value, result.value
        else:
            self.loss = min(self.loss, before)

    def record(self) -> LevelRecord:
        """The record of the current level, which is stored."""
        change = np.nan
        if self.kept:
            before, after = (self._values(*each) for each in (self.kept[-1], (self.network, self.theta)))
            change = relative_change(before, after)
        self.kept.append((self.network, self.theta))
        seconds = perf_counter() - self.began
        n = self.network.n_parameters
        self.levels.append(
            LevelRecord(self.text, self.network.intervals, n, float(self.loss), self.score, change, seconds)
        )
        return self.levels[-1]

    def refine(self) -> None:
        """Move to the next level, with the same function."""
        network, theta = self.network, self.theta
        if self.projected is not None and not isinstance(self.options.network, KAN):
            network, theta = merged(network, theta)
            if network is not self.network:
                self.merged_at = len(self.levels)
        coarse, network = network, network.refined()
        theta = coarse.prolongation(network) @ theta
        if self.projected is not None and self.architecture.name == "ridge":  # the last layer is recomputed
            low, high = np.array(self.statement.bounds).T
            points = self.statement.region.interior(Sobol(512, 0))[0]
            theta = moved(network, theta, 2 * (points - low) / (high - low) - 1)
        self.network, self.theta, self.loss = network, theta, np.inf
        self._begin_level()

    def _values(self, network: KAN, theta: Float64Array) -> Float64Array:
        """The unknowns at fixed points."""
        points, _ = self.statement.region.interior(Sobol(1024, 0))
        return Piece(self.statement, network, theta).values(points)

    def rule(self, move: int, held_out: bool = False) -> Rule:
        """Points for the network, different for every move."""
        d, given = self.dimension, self.options.points
        n = self.network.n_parameters
        if d > networks.TENSOR_VARIABLES:
            patches = 1 + sum(max(len(each.patches), 1) for each in self.statement.posed)
            count = given or int(max(LEAST_POINTS, PER_PARAMETER / patches) * n)
            return Sobol(max(count, 64), 2 * move + held_out + 2000 * self.options.seed)
        order = 2 if held_out else (5 if d == 1 else 4 if self.linear else 3)
        if given is not None:
            cells = max(round(given ** (1 / d) / order), 1)
        elif self.linear:
            cells = max(self.network.intervals, 10 if d == 1 else 6)
        else:
            cells = int(np.ceil((PER_PARAMETER * n) ** (1 / d) / order))
        cells = 2 * cells + 1 if held_out and d < 3 else cells + move
        edges = self.statement.region.uniform((cells,) * d)
        return Cells([_with_end_cells(axis) for axis in edges], order)


def _with_end_cells(edges: Float64Array) -> Float64Array:
    """The edges with thin cells at both ends, beyond which nothing constrains the splines."""
    first = edges[0] + END_CELLS * (edges[1] - edges[0])
    last = edges[-1] - END_CELLS * (edges[-1] - edges[-2])
    return np.unique(np.concatenate([edges[:1], [first], edges[1:-1], [last], edges[-1:]]))


@dataclass
class _Patience:
    """Stops a run after a time, or if a number of iterations lowers the loss by less than a tenth."""

    stop: float
    count: int
    losses: list[float] = field(default_factory=list)

    def __call__(self, iterate: Any) -> bool:
        self.losses.append(iterate.value)
        slow = len(self.losses) > self.count and self.losses[-1] > 0.9 * self.losses[-1 - self.count]
        return slow or perf_counter() > self.stop


def relative_change(before: Float64Array, after: Float64Array) -> float:
    """|after - before| / |after|."""
    return float(np.linalg.norm(after - before) / max(float(np.linalg.norm(after)), 1e-300))
