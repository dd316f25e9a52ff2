"""A slab of time: a tensor-product spline that starts from the final values of the previous slab.

A slab is solved for a length and a mesh. If its residual is too large, it is solved again with a finer mesh
in space, with a finer mesh in time if it begins with a layer, or with a smaller length, depending on the
parts of the residual (see `splinekan.solving.meshes`). Changes that do not lower the loss are undone and soon
no longer tried: the parts are then rounding errors, or the solution is not smooth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.equations import Equation
from splinekan.equations.collocation import gauss_cells
from splinekan.objectives.blocks import Block
from splinekan.objectives.pinn import PINN
from splinekan.solving.bands import band
from splinekan.solving.counting import order_in
from splinekan.solving.given import Given
from splinekan.solving.meshes import Mesh, Residual, constant_start, interpolated, measured
from splinekan.solving.newton import newton
from splinekan.solving.pieces import Piece
from splinekan.solving.progress import Progress
from splinekan.solving.rescaling import rescaled
from splinekan.solving.rules import Cells
from splinekan.solving.slab import Slab
from splinekan.solving.statement import CONDITION_WEIGHT, Statement

STEPS = 8
"""Number of intervals of a slab in time, unless it has a layer."""
ORDINARY_STEPS = 24
"""Number of intervals of a slab of ordinary equations, where an interval is cheap."""
MOST_STEPS = 40
"""Approximate number of intervals of a slab with a layer."""
ITERATIONS = 12
DAMPED = 3
"""Largest number of shortened steps of an iteration if a shorter slab may be tried."""
CARRIED = 100.0
"""Weight of the initial values of a slab, relative to that of other conditions."""
LARGEST = 20_000
"""Largest number of parameters of a slab."""
ROUGH = 1_500
"""Largest number of parameters of a slab with a solution that is not smooth."""
SHORTEST = 1e-6
"""Least length of a slab, relative to the whole interval."""
REDUCTION = 256.0
"""Largest factor by which a finer mesh divides the largest part of the residual."""
LAYER = 30.0
"""A slab has a layer, which is divided, if its largest part in time exceeds this times the median."""
LOST, LOST_SHARE = 0.02, 4.0
"""Slabs are shortened at once above this relative residual, and this multiple of the part due to the mesh."""
USEFUL = 0.1
"""Relative residual below which a further attempt starts from the previous attempt."""
PROGRESS = 0.6
"""An attempt is successful if it reduces the loss by at least this factor."""
PATIENCE = 2
"""Number of unsuccessful attempts of a kind after which it is not tried again."""
SHORTER = 40
"""Largest number of attempts for ordinary equations."""
SMALL = 1e-6
"""Relative residual below which unsuccessful attempts indicate rounding errors."""
ATTEMPTS = 16
FEW = 6
"""Number of attempts after an unsolved slab: for solutions that are not smooth, more attempts gain little."""


class Way(Enum):
    """The change that the next attempt makes."""

    SPACE = "space"
    TIME = "time"


@dataclass(eq=False)
class SlabSolver:
    """Slabs of a statement, along the variable number `axis`.

    Attributes
    ----------
    tolerance
        Tolerance of relative residuals.
    fixed
        Whether the length of slabs is given.
    stop
        The time (perf_counter) at which to stop.
    bar
        Where progress is shown.
    losses
        The losses of all iterates so far.
    spent
        The parameters of all attempts so far.
    rough
        Whether further attempts gain little, since initial values are not smooth.
    """

    statement: Statement
    axis: int
    tolerance: float
    fixed: bool
    stop: float
    bar: Progress = field(default_factory=lambda: Progress(False))

    def __post_init__(self) -> None:
        self.losses: list[float] = []
        self.spent, self.rough = 0, False
        self.n_equations = len(self.statement.equations)
        self.space = [i for i in range(self.statement.region.n_variables) if i != self.axis]
        self._carried: dict[int, tuple[Statement, list[tuple[Equation, float]]]] = {}
        self.given = Given(self.statement)
        self.steps = STEPS if self.space or self.fixed else ORDINARY_STEPS
        self.equal = np.linspace(0.0, 1.0, self.steps + 1)

    def solve(self, now: float, end: float, mesh: Mesh, before: Slab | None) -> Slab:
        """The slab from `now` to the given end or earlier, on this mesh or a finer mesh in space."""
        mesh = self._in_time(mesh, now, end, self.equal)
        mesh = self.given.seeing(mesh, self.space, LARGEST // (2 * len(self.statement.unknown)))
        found = self._attempt(mesh, before, None)
        if not self.space and not self.fixed:
            return self._ordinary(found, now, before)
        vain = {Way.SPACE: 0 if self.space else PATIENCE, Way.TIME: 0}
        last: Way | None = None
        few = self.rough or (before is not None and before.exhausted)
        for _ in range(FEW if few else ATTEMPTS):
            if found.residual.relative <= self.tolerance or perf_counter() > self.stop:
                return found
            if not few and self._lost(found, before):
                half = self._in_time(found.mesh, now, (now + found.end) / 2, self.equal)
                found = self._attempt(half, before, None)
                continue
            way = self._way(found.residual, vain, last)
            mesh_or_none = None if way is None else self._changed(found, way, now, before)
            if way is None or mesh_or_none is None:
                break
            trial = self._attempt(mesh_or_none, before, found)
            if trial.loss < PROGRESS * found.loss:
                found, last = trial, None
            else:
                vain[way] += 1
                last = way
        return replace(found, exhausted=True)

    def _lost(self, found: Slab, before: Slab | None) -> bool:
        """Whether no mesh would help: the iteration ended far from a solution, unrelated to the mesh."""
        residual = found.residual
        short = found.end - found.mesh.bounds[self.axis][0] < self.shortest
        if self.fixed or short or before is None or before.exhausted:
            return False
        return residual.relative > max(LOST, LOST_SHARE * max(residual.largest))

    def _ordinary(self, found: Slab, now: float, before: Slab | None) -> Slab:
        """The slab of ordinary equations, shortened until it is solved up to rounding errors."""
        tried, vain = [found], 0
        for _ in range(SHORTER):
            last = tried[-1]
            if last.residual.relative <= self.tolerance:
                return last
            statement = rescaled(last.piece, last.mesh, last.residual)
            if statement is not None and len(tried) < SHORTER:
                self.statement = statement
                tried.append(self._attempt(last.mesh, before, last))
                continue
            mesh = self._changed(last, Way.TIME, now, before)
            if mesh is None or perf_counter() > self.stop:
                break
            tried.append(self._attempt(mesh, before, last))
            vain = 0 if tried[-1].loss < PROGRESS * last.loss else vain + 1
            if vain >= PATIENCE and last.residual.relative < SMALL:
                break
        least = min(each.residual.relative for each in tried)
        best = next(each for each in tried if each.residual.relative <= 2 * least)
        return replace(best, exhausted=True)

    def again(self, slab: Slab, before: Slab | None) -> tuple[Slab, float]:
        """The slab solved on other points, from the end of `before`, and its initial loss there."""
        mesh, network = slab.mesh, slab.piece.network
        self.statement = slab.piece.statement
        pinn = PINN(network, self._blocks(mesh.rule(shifted=True), before), bounds=mesh.bounds)
        ordering = band(mesh.layer(len(self.statement.unknown)))
        theta, loss, losses = newton(pinn, slab.piece.theta, 2, stop=self.stop, ordering=ordering)
        return replace(slab, piece=replace(slab.piece, theta=theta), loss=loss), losses[0]

    @property
    def shortest(self) -> float:
        """The least length of slabs."""
        low, high = self.statement.bounds[self.axis]
        return (SHORTEST if self.space else 0.1 * SHORTEST) * (high - low)

    def _way(self, residual: Residual, vain: dict[Way, int], last: Way | None) -> Way | None:
        in_space = max((residual.largest[i] for i in self.space), default=0.0)
        order = [Way.TIME, Way.SPACE] if residual.largest[self.axis] > in_space else [Way.SPACE, Way.TIME]
        if last is not None:
            order = [way for way in order if way is not last]
        return next((way for way in order if vain[way] < PATIENCE), None)

    def _changed(self, found: Slab, way: Way, now: float, before: Slab | None) -> Mesh | None:
        """The mesh of the next attempt; None at the limits."""
        mesh, residual = found.mesh, found.residual
        over = residual.relative / self.tolerance
        if way is Way.SPACE:
            axis = max(self.space, key=lambda i: residual.largest[i])
            aim = residual.largest[axis] / min(max(2 * over, 2.0), REDUCTION)
            mesh = mesh.divided(axis, residual.parts[axis], aim)
            largest = min(ROUGH, LARGEST) if self.rough else LARGEST
            return mesh if mesh.n_functions * len(self.statement.unknown) <= largest else None
        t, parts = mesh.breaks[self.axis], residual.parts[self.axis]
        fractions = (t - now) / (t[-1] - now)
        if parts.max() > LAYER * np.median(parts):
            divided = mesh.divided(self.axis, parts, parts.max() / REDUCTION)
            most = MOST_STEPS + self.steps - STEPS
            if self.space or (len(parts) < most and residual.relative < USEFUL):
                return divided if len(parts) < most else None
            fractions = self.equal
        length = t[-1] - now
        if self.fixed or length < self.shortest:
            return None
        shorter = length * float(np.clip(0.9 * over ** (-1 / (mesh.degrees[self.axis] - 1)), 0.3, 0.7))
        return self._in_time(mesh, now, now + shorter, fractions)

    def _in_time(self, mesh: Mesh, now: float, end: float, fractions: Float64Array) -> Mesh:
        low, high = self.statement.bounds[self.axis]
        end = high if end > high - 1e-12 * (high - low) else end
        times = now + (end - now) * fractions
        times[-1] = end
        return replace(mesh, breaks=tuple(times if i == self.axis else t for i, t in enumerate(mesh.breaks)))

    def _attempt(self, mesh: Mesh, before: Slab | None, found: Slab | None) -> Slab:
        network = mesh.network(len(self.statement.unknown))
        pinn = PINN(network, self._blocks(mesh.rule(), before), bounds=mesh.bounds)
        start = self._start(pinn, mesh, before, found)
        ordering = band(mesh.layer(len(self.statement.unknown)))
        # A shorter slab is cheaper than many shortened steps.
        damped = None if self.fixed or before is None or not self.space else DAMPED
        theta, loss, losses = newton(
            pinn, start, ITERATIONS, stop=self.stop, ordering=ordering, damped=damped
        )
        self.losses += losses
        self.spent += len(theta)
        self.bar.show(
            mesh.bounds[self.axis][0] - self.statement.bounds[self.axis][0], **self._numbers(mesh, loss)
        )
        conditions = len(pinn.blocks) - self.n_equations
        residual = measured(pinn, theta, mesh, self.n_equations, self.statement.region, conditions)
        piece = Piece(self.statement, network, theta, mesh.bounds[self.axis], self.axis, mesh.bounds)
        return Slab(piece, mesh, residual, loss)

    def _numbers(self, mesh: Mesh, loss: float) -> dict[str, Any]:
        """The numbers that are displayed for an attempt."""
        now, end = mesh.bounds[self.axis]
        number = mesh.n_functions * len(self.statement.unknown)
        variable = self.statement.variables[self.axis]
        residual = f"{np.sqrt(2 * loss):.1e}"
        return {str(variable): f"{now:.4g}..{end:.4g}", "parameters": number, "residual": residual}

    def _start(self, pinn: PINN, mesh: Mesh, before: Slab | None, found: Slab | None) -> Float64Array:
        """The outputs of the previous attempt if they are useful, otherwise constant in time."""
        layer: Any = pinn.network.layers[0]
        if found is not None and found.residual.relative < USEFUL:
            return interpolated(layer, mesh, self._outputs_of(found.piece))
        if before is None:
            return constant_start(pinn, np.zeros(pinn.network.n_parameters))
        now, ended = mesh.bounds[self.axis][0], self._outputs_of(before.piece)

        def values(points: Float64Array) -> Float64Array:
            at = points.copy()
            at[:, self.axis] = now
            return ended(at)

        return interpolated(layer, mesh, values)

    def _outputs_of(self, piece: Piece) -> Callable[[Float64Array], Float64Array]:
        """The outputs of a piece in the current scales."""
        if piece.statement is self.statement:
            return piece.outputs
        factors = np.array(piece.statement.scales) / np.array(self.statement.scales)
        return lambda points: piece.outputs(points) * factors

    # The initial values of a slab

    def carried(self, statement: Statement) -> list[tuple[Equation, float]]:
        """The unknowns and their time derivatives that continue into a slab, with their sizes.

        They are equations for the outputs of networks in the scales of the statement.
        """
        if id(statement) not in self._carried:
            found: list[tuple[Equation, float]] = []
            self._carried[id(statement)] = statement, found
            t = statement.variables[self.axis]
            low, high = statement.bounds[self.axis]
            for u, scale in zip(statement.unknown, statement.scales, strict=True):
                for order in range(order_in(statement.equations, u, t)):
                    what = u.diff((t, order)) if order else u
                    found.append((statement.compiled("carried", what), scale * (2 / (high - low)) ** order))
        return self._carried[id(statement)][1]

    def initial_blocks(self, rule: Cells) -> list[Block]:
        """The blocks of the initial conditions."""
        blocks = self.statement.blocks(rule)
        return [block for number, block in enumerate(blocks) if self._is_initial(number)]

    def _is_initial(self, number: int) -> bool:
        at, posed = number - self.n_equations, self.statement.posed
        return 0 <= at < len(posed) and self.statement.conditions[posed[at].number].kind == "initial"

    def _blocks(self, rule: Cells, before: Slab | None) -> list[Block]:
        blocks = self.statement.blocks(rule)
        if before is None:
            return [
                replace(block, weight=CARRIED * np.asarray(block.weight)) if self._is_initial(i) else block
                for i, block in enumerate(blocks)
            ]
        kept = [block for i, block in enumerate(blocks) if not self._is_initial(i)]
        points, weights = self._beginning(rule)
        earlier = self.carried(before.piece.statement)
        for (equation, size), (other, _) in zip(self.carried(self.statement), earlier, strict=True):
            values = before.piece.at(other, points)
            kept.append(
                Block(equation, points, 2 * CONDITION_WEIGHT * CARRIED / size**2 * weights, target=values)
            )
        return kept

    def _beginning(self, rule: Cells) -> tuple[Float64Array, Float64Array]:
        """Points at the beginning of a slab, and weights with the sum 1."""
        now = float(rule.edges[self.axis][0])
        if not self.space:
            return np.array([[now]]), np.ones(1)
        points, weights = gauss_cells([rule.edges[i] for i in self.space], rule.order)
        return np.insert(points, self.axis, now, axis=1), weights
