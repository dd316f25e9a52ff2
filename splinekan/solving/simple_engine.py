"""The whole domain at once: nested Levenberg-Marquardt on networks that compete on the coarsest level.

Networks that are linear in theta start from zero. Others start from many random theta, of which successive
halving leaves the best, by the loss on points that are not trained on; the points of the training move within
a level, and a step that raises the loss on other points is not kept. Levels are added while they lower that
loss. At the end a Gauss-Newton step on other points shows what the solution is sensitive to.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np
import scipy

from splinekan._checks import Float64Array
from splinekan.multilevel import Hierarchy, Round, successive_halving
from splinekan.network import KAN, initialize
from splinekan.optimize import History, LevenbergMarquardt, Result, Status
from splinekan.solving import networks
from splinekan.solving.options import LevelRecord, Options, Outcome
from splinekan.solving.pieces import Piece
from splinekan.solving.rules import Cells, Rule, Sobol
from splinekan.solving.statement import Statement
from splinekan.solving.uncertainty import standard_errors

STARTS = ((12, 20), (4, 40))
"""(candidates, iterations) of the rounds of successive halving."""
MOVES = 3
"""Sets of points on a level, for networks that are not linear in theta."""
ITERATIONS = {True: 50, False: 60}
"""Per level, of networks that are linear in theta, and of others."""
INTERVALS = {1: 4, 2: 4, 3: 2}
"""On the coarsest level of such networks, by the number of variables; 2 for others."""
PER_PARAMETER = 20
"""Points for each parameter of networks that are not linear in theta."""
LARGEST = {1: 2000, 2: 2500, 3: 1500}
"""Parameters for each unknown up to which such networks are refined, by the number of variables."""
GROWTH = {1: 2.0, 2: 3.0, 3: 2.5}
"""How many times as many parameters a finer level has, about."""
END_CELLS = 0.1
"""Width of additional cells at the ends of each variable, as a part of the first and of the last cell."""
DEEPEST = 5
"""Levels of other networks, at most."""
WORTHWHILE = 4.0
"""Two further levels should divide the held-out loss by this."""
ABOUT = 2.0
"""The finest level is the solution among those whose held-out loss is at most this many times the least."""
PATIENCE = {True: 3, False: 8}
"""Iterations that lower the loss by less than a tenth, after which a run stops."""
NOISE, DAMPING = 0.3, 1e-2


def solve(statement: Statement, options: Options) -> Outcome:
    """The solution of a statement."""
    stop = np.inf if options.seconds is None else perf_counter() + options.seconds
    posed = statement.imposed() if options.exact is not False else statement
    found: list[Outcome] = []
    names = networks.names(statement, options)
    for number, name in enumerate(names):
        share = perf_counter() + (stop - perf_counter()) / (len(names) - number)
        found.append(_Run(name, posed, options, share).outcome())
    return min(found, key=lambda outcome: outcome.held_out)


@dataclass
class _Run:
    """A network by name on all its levels."""

    name: str
    statement: Statement
    options: Options
    stop: float

    def __post_init__(self) -> None:
        self.linear = self.name == "tensor"
        coarsest = self._network(INTERVALS.get(self.statement.region.n_variables, 2) if self.linear else 2)
        if networks.is_periodic(coarsest, self.statement.periodic()):
            self.statement = self.statement.on_periodic_networks()
        self.network, self.theta = coarsest, np.zeros(0)

    def _network(self, intervals: int) -> KAN:
        return networks.network(self.name, self.statement, self.options, intervals)

    def outcome(self) -> Outcome:
        """Level after level, while it is worth it."""
        histories: list[History] = []
        levels: list[LevelRecord] = []
        kept: list[tuple[KAN, Float64Array]] = []
        began = perf_counter()
        while True:
            network = self.network
            held_out = self.statement.pinn(network, self._rule(network, 1, held_out=True))
            if not kept:
                theta, history = self._start(held_out)
                histories += history
            else:
                theta = self.theta
            theta, loss, history = self._level(held_out, theta)
            histories += history
            change = np.nan
            if kept:
                before, after = (self._values(*each) for each in (kept[-1], (network, theta)))
                change = relative_change(before, after)
            kept.append((network, theta))
            levels.append(
                LevelRecord(
                    self.name,
                    network.intervals,
                    network.n_parameters,
                    loss,
                    held_out.value(theta),
                    change,
                    perf_counter() - began,
                )
            )
            if self._done(levels):
                break
            self.network = network.refined()
            self.theta = network.prolongation(self.network) @ theta
        least = min(level.held_out for level in levels)
        best = max(i for i, level in enumerate(levels) if level.held_out <= ABOUT * least)
        network, theta = kept[best]
        piece = Piece(self.statement, network, theta)
        errors = {}
        if self.statement.constants:
            self.network = network
            errors = standard_errors(self.statement, network, theta, self._rule(network, 0))
        doubts = self._doubts(levels[: best + 1], piece)
        return Outcome((piece,), History.join(histories), tuple(levels[: best + 1]), doubts, errors)

    def _done(self, levels: list[LevelRecord]) -> bool:
        last = levels[-1]
        if self.options.levels is not None:
            return len(levels) >= self.options.levels or perf_counter() > self.stop
        if perf_counter() > self.stop or last.held_out <= self.options.tolerance**2 / 2:
            return True
        if len(levels) > 2 and last.held_out * WORTHWHILE > min(each.held_out for each in levels[:-2]):
            return True
        d = self.statement.region.n_variables
        if self.linear:
            return last.parameters * GROWTH[d] > LARGEST[d] * len(self.statement.unknown)
        return len(levels) >= DEEPEST

    def _rule(self, network: KAN, move: int, held_out: bool = False) -> Rule:
        """Points for a network; every move gives others."""
        d, given = self.statement.region.n_variables, self.options.points
        if d > networks.TENSOR_VARIABLES:
            count = given or PER_PARAMETER * network.n_parameters
            return Sobol(count, 2 * move + held_out + 2 * MOVES * self.options.seed)
        order = 2 if held_out else (5 if d == 1 else 4 if self.linear else 3)
        if given is not None:
            cells = max(round(given ** (1 / d) / order), 1)
        elif self.linear:
            cells = max(network.intervals, 10 if d == 1 else 6)
        else:
            cells = int(np.ceil((PER_PARAMETER * network.n_parameters) ** (1 / d) / order))
        cells = 2 * cells + 1 if held_out and d < 3 else cells + move
        edges = self.statement.region.uniform((cells,) * d)
        return Cells([_with_end_cells(axis) for axis in edges], order)

    def _start(self, held_out: Any) -> tuple[Float64Array, list[History]]:
        """Theta on the coarsest level."""
        network = self.network
        if self.linear:
            theta = initialize(network, self.options.seed, noise=0.0)
            own = network.n_parameters - len(self.statement.constants)
            theta[:own] = 0.0
            return theta, []
        problem = self.statement.pinn(network, self._rule(network, 0))
        scheme = "noise" if not network.intervals else "greville"

        def draw(generator: np.random.Generator) -> Float64Array:
            return initialize(network, generator, scheme, bounds=(-1.0, 1.0), noise=NOISE)

        best = successive_halving(
            Hierarchy(network, 1),
            lambda *_: problem,
            LevenbergMarquardt(damping=DAMPING),
            [Round(0, candidates, count) for candidates, count in STARTS],
            draw,
            np.random.default_rng(self.options.seed),
            lambda _, theta: held_out.value(theta),
        )
        return best.theta, [best.result.history]

    def _level(self, held_out: Any, theta: Float64Array) -> tuple[Float64Array, float, list[History]]:
        """Theta after the iterations of a level, the loss on the points trained on, and histories."""
        score, histories, loss = held_out.value(theta), [], np.inf
        moves = 1 if self.linear else MOVES
        for move in range(moves):
            problem = self.statement.pinn(self.network, self._rule(self.network, move))
            result = self._minimised(problem, theta, ITERATIONS[self.linear] // moves)
            histories.append(result.history)
            value = held_out.value(result.theta)
            if value < score or (self.linear and result.value < problem.value(theta)):
                theta, score, loss = result.theta, value, result.value
            else:
                loss = min(loss, problem.value(theta))
        return theta, float(loss), histories

    def _minimised(self, problem: Any, theta: Float64Array, count: int) -> Result:
        optimizer = LevenbergMarquardt(damping=1e-8 if self.linear else DAMPING)
        goal = self.options.tolerance**2 / 8
        result = optimizer.minimize(
            problem,
            theta,
            iterations=count,
            callback=_Patience(self.stop, PATIENCE[self.linear]),
            value_tolerance=goal,
            progress=self.options.progress,
        )
        if result.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        return result

    def _values(self, network: KAN, theta: Float64Array) -> Float64Array:
        """The outputs at fixed points."""
        points, _ = self.statement.region.interior(Sobol(1024, 0))
        return Piece(self.statement, network, theta).values(points)

    def _doubts(self, levels: list[LevelRecord], piece: Piece) -> tuple[str, ...]:
        return doubts(levels, piece, self.statement.pinn(piece.network, self._rule(piece.network, 2, True)))


def _with_end_cells(edges: Float64Array) -> Float64Array:
    """The edges, with a part of the first and of the last cell cut off: beyond them nothing holds splines."""
    first = edges[0] + END_CELLS * (edges[1] - edges[0])
    last = edges[-1] - END_CELLS * (edges[-1] - edges[-2])
    return np.unique(np.concatenate([edges[:1], [first], edges[1:-1], [last], edges[-1:]]))


@dataclass
class _Patience:
    """Stops a run after a time, or where a number of iterations lowers the loss by less than a tenth."""

    stop: float
    count: int
    losses: list[float] = field(default_factory=list)

    def __call__(self, iterate: Any) -> bool:
        self.losses.append(iterate.value)
        slow = len(self.losses) > self.count and self.losses[-1] > 0.9 * self.losses[-1 - self.count]
        return slow or perf_counter() > self.stop


def doubts(levels: list[LevelRecord], piece: Piece, other: Any) -> tuple[str, ...]:
    """Warnings about a solution, from its levels and from an objective on other points."""
    found = []
    last = levels[-1]
    if last.held_out > 1e-8 and last.held_out > 100 * last.loss:
        found.append(
            f"the residual between the points of the training is {np.sqrt(last.held_out / last.loss):.0f} "
            "times that at the points: more points are needed"
        )
    if last.change > 1e-2:
        found.append(
            f"the last two levels differ by {last.change:.1g}, relative: more levels or parameters are needed"
        )
    if last.held_out > 1e-6:
        found.append(
            f"the equations are fulfilled up to a relative residual of {np.sqrt(2 * last.held_out):.1g} only"
        )
    size = sensitivity(piece, other)
    if size > 1e-2:
        found.append(
            f"a Gauss-Newton step on other points changes the solution by {size:.1g}, relative: a small "
            "residual does not determine it"
        )
    return tuple(found)


def sensitivity(piece: Piece, other: Any) -> float:
    """The relative change of the unknowns by a Gauss-Newton step on other points.

    An equation with an unstable state has almost solutions near it, with small residuals, which that step
    leaves.
    """
    if piece.network.n_parameters > max(LARGEST.values()) * 2:
        return 0.0
    _, gradient, matrix = other.normal_equations(piece.theta)
    scale = np.sqrt(np.maximum(np.diag(matrix), np.diag(matrix).max() * 1e-28))
    scaled = matrix / np.outer(scale, scale) + 1e-13 * np.eye(len(scale))
    try:
        step = -scipy.linalg.solve(scaled, gradient / scale, assume_a="pos") / scale
    except (np.linalg.LinAlgError, ValueError):
        return 0.0
    points, _ = piece.statement.region.interior(Sobol(1024, 0))
    before = piece.values(points)
    after = replace(piece, theta=piece.theta + step).values(points)
    return relative_change(after, before)


def relative_change(before: Float64Array, after: Float64Array) -> float:
    """|after - before| / |after|."""
    return float(np.linalg.norm(after - before) / max(float(np.linalg.norm(after)), 1e-300))
