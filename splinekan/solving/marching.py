"""Evolution equations, slab after slab: tensor-product splines that begin with the end of the slab before.

The splines of a slab have a single interval in time. Its length, and the mesh in space, follow from the
residual: it is to be small relative to the terms of the equations, and it tells what it comes from (see
`splinekan.solving.meshes`). A slab that fails is solved again with a shorter one, or a finer mesh.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.equations import Equation
from splinekan.objectives.pinn import PINN, Block
from splinekan.solving.bands import band
from splinekan.solving.counting import order_in
from splinekan.solving.meshes import Mesh, Residual, constant_start, interpolated, measured, uniform
from splinekan.solving.newton import history as recorded
from splinekan.solving.newton import newton
from splinekan.solving.options import LevelRecord, Options, Outcome
from splinekan.solving.pieces import Piece
from splinekan.solving.statement import CONDITION_WEIGHT, Statement

FIRST = 1 / 16
"""Length of the first slab, as a part of the interval of time."""
INTERVALS = 12
"""Of the first mesh, along every variable in space."""
STEPS = 8
"""Intervals of a slab in time."""
FEWEST = 4
LONGEST = 1 / 4
"""Of the interval of time."""
SHORTEST = 1e-6
STARTING = 16
"""Divisions of the first mesh before the first slab, at most."""
STRETCH = 1.3
"""By which the last slab may be longer than planned."""
ITERATIONS = 12
USEFUL = 0.1
"""Relative residual below which a further attempt begins with the best before."""
CARRIED = 100.0
"""Weight of the values that a slab takes over, relative to that of other conditions."""
LARGEST = 20000
"""Functions of a slab."""
GROWTH = 2.0
REDUCTION = 256.0
"""By which a finer mesh divides the largest part of the residual, at most."""
LAYER = 30.0
"""Parts in time with the largest this many times the median have a layer, for which intervals are divided."""
FLOOR = 1e-6
"""Largest relative residual that later slabs may have where an earlier one cannot do better, with rounding."""
PROGRESS = 0.6
"""Share of the loss that an attempt leaves at most, if it was not in vain."""
PATIENCE = 2
"""Attempts in vain, in time or in space, after which only the other is tried."""
ATTEMPTS = 16


def evolution_variable(statement: Statement) -> int | None:
    """The number of the variable in which the equations evolve: with initial conditions only, that suffice."""
    if statement.constants or statement.data or not statement.region.is_box:
        return None
    timed = {c.on for c in statement.conditions if c.kind == "initial"}
    if len(timed) != 1:
        return None
    (t,) = timed
    i = statement.variables.index(t)
    for each in statement.posed:
        faces = [patch.shape for patch in each.patches]
        if any(getattr(face, "variable", None) == i for face in faces):
            if statement.conditions[each.number].kind != "initial":
                return None
        if each.opposite is not None and each.opposite[0] == i:
            return None
        if each.points is not None:
            return None
    for u in statement.unknown:
        order = order_in(statement.equations, u, t)
        count = sum(
            c.kind == "initial" and (c.residual.has(u.func)) for c in statement.conditions
        )
        if order == 0 or count < order:
            return None
    return i


@dataclass(eq=False)
class Marching:
    """The slabs of a statement."""

    statement: Statement
    options: Options
    axis: int
    stop: float

    def __post_init__(self) -> None:
        self.periodic = self.statement.periodic()
        if any(self.periodic):
            self.statement = self.statement.on_periodic_networks()
        d = self.statement.region.n_variables
        degree = self.options.degree if self.options.degree is not None else (7 if d < 3 else 5)
        self.degrees = (degree,) * d
        self.n_equations = len(self.statement.equations)
        self.carried = self._carried()
        self.tolerance = self.options.tolerance
        self.began = perf_counter()

    def _carried(self) -> list[tuple[Equation, Any, float]]:
        """(the unknown or a derivative in time, as an equation for the outputs; as an expression; its size)."""
        found = []
        t = self.statement.variables[self.axis]
        low, high = self.statement.bounds[self.axis]
        for k, u in enumerate(self.statement.unknown):
            for order in range(order_in(self.statement.equations, u, t)):
                what = u.diff((t, order)) if order else u
                size = self.statement.scales[k] * (2 / (high - low)) ** order
                found.append((self.statement.compiled("carried", what), what, size))
        return found

    def outcome(self) -> Outcome:
        """Slab after slab to the end of the interval."""
        low, high = self.statement.bounds[self.axis]
        length = (high - low) * FIRST
        if self.options.slabs is not None:
            length = (high - low) / self.options.slabs
        mesh = self._resolving_start(self._first_mesh(low, length))
        pieces: list[Piece] = []
        levels: list[LevelRecord] = []
        losses: list[float] = []
        doubts: list[str] = []
        now = low
        while now < high * (1 - 1e-14) or now < high - 1e-14 * (high - low):
            left = high - now
            if length > left / STRETCH:
                length = left
            elif length > left / 2:
                length = left / 2
            piece, mesh, residual, loss, history = self._slab(now, length, mesh, pieces)
            losses += history
            end = piece.interval[1]  # type: ignore[index]
            pieces.append(piece)
            levels.append(
                LevelRecord(
                    "tensor",
                    max(mesh.intervals),
                    piece.network.n_parameters,
                    loss,
                    residual.relative**2 / 2,
                    np.nan,
                    perf_counter() - self.began,
                )
            )
            length = self._next_length(mesh, residual)
            mesh = self._coarser(mesh, residual)
            now = end if end < high else high
            if perf_counter() > self.stop and now < high:
                t = self.statement.variables[self.axis]
                doubts.append(f"the time allowed ended the search at {t} = {now:.4g}: there is no solution beyond")
                break
        worst = max(level.held_out for level in levels)
        if worst > 50 * self.options.tolerance**2:
            doubts.append(
                f"the equations are fulfilled up to a relative residual of {np.sqrt(2 * worst):.1g} only, where "
                f"{self.options.tolerance:.1g} was asked for"
            )
        return Outcome(tuple(pieces), recorded(losses), tuple(levels), tuple(doubts), {})

    # A slab

    def _slab(
        self, now: float, length: float, mesh: Mesh, pieces: list[Piece]
    ) -> tuple[Piece, Mesh, Residual, float, list[float]]:
        low, high = self.statement.bounds[self.axis]
        before = pieces[-1] if pieces else None
        losses: list[float] = []
        best: Any = None
        space = [i for i in range(len(mesh.breaks)) if i != self.axis]
        failures = {True: 0, False: 0 if space else PATIENCE}
        previous: Any = None
        fractions = np.linspace(0.0, 1.0, STEPS + 1)
        for attempt in range(ATTEMPTS):
            end = high if now + length > high - 1e-12 * (high - low) else now + length
            mesh = self._in_time(mesh, now, end, fractions)
            network = mesh.network(len(self.statement.unknown))
            pinn = self._pinn(network, mesh, before)
            theta = self._start(pinn, mesh, before, best)
            ordering = band(network.layers[0])  # type: ignore[arg-type]
            theta, loss, history = newton(pinn, theta, ITERATIONS, stop=self.stop, ordering=ordering)
            losses += history
            residual = self._measured(pinn, theta, mesh)
            piece = Piece(
                self.statement, network, theta, (now, end), self.axis, mesh.bounds
            )
            if best is None or loss < best[3]:
                best = piece, mesh, residual, loss
            over = residual.relative / self.tolerance
            if DEBUG:
                print(f"  [{now:.4g},{end:.4g}] {mesh.intervals} loss {loss:.1e} rel {residual.relative:.1e} parts {[f'{v:.1e}' for v in residual.largest]} its {len(history)} {perf_counter()-self.began:.1f}s", flush=True)
            if over <= 1 or perf_counter() > self.stop:
                break
            largest = residual.largest
            worst = max(space, key=lambda i: largest[i], default=None)
            in_time = worst is None or largest[self.axis] > largest[worst] or not np.isfinite(loss)
            if previous is not None and not loss < PROGRESS * previous[1]:
                # The parts are dominated by rounding, or the solution is not smooth.
                failures[previous[0]] += 1
                in_time = not previous[0]
                mesh, length, fractions, residual = previous[2]
                over = residual.relative / self.tolerance
            if failures[in_time] >= PATIENCE:
                in_time = not in_time
            if min(failures.values()) >= PATIENCE:
                if 2 * best[2].relative <= FLOOR:
                    self.tolerance = max(self.tolerance, 2 * best[2].relative)
                break
            if previous is None or loss < PROGRESS * previous[1]:
                previous = in_time, loss, (mesh, length, fractions, residual)
            else:
                previous = in_time, previous[1], previous[2]
            if not in_time and worst is not None:
                finer = self._finer(mesh, worst, residual, over)
                if finer is None:
                    break
                mesh = finer
            elif self._layer(residual) and len(fractions) < 4 * STEPS:
                t = mesh.divided(self.axis, residual.parts[self.axis], largest[self.axis] / REDUCTION).breaks[self.axis]
                fractions = (t - now) / (end - now)
            elif self.options.slabs is not None or length < SHORTEST * (high - low):
                break
            else:
                length *= max(0.3, min(0.7, 0.9 * over ** (-1 / (self.degrees[self.axis] - 1))))
        piece, mesh, residual, loss = best
        return piece, mesh, residual, loss, losses

    def _layer(self, residual: Residual) -> bool:
        parts = residual.parts[self.axis]
        return bool(parts.max() > LAYER * np.median(parts))

    def _finer(self, mesh: Mesh, axis: int, residual: Residual, over: float) -> Mesh | None:
        """The mesh with more intervals along an axis; None at the limit."""
        finer = mesh.divided(axis, residual.parts[axis], residual.largest[axis] / min(max(over * 2, 2.0), REDUCTION))
        if finer.n_functions * len(self.statement.unknown) > LARGEST:
            return None
        return finer

    def _in_time(self, mesh: Mesh, now: float, end: float, fractions: Float64Array) -> Mesh:
        breaks = list(mesh.breaks)
        breaks[self.axis] = now + (end - now) * fractions
        breaks[self.axis][-1] = end
        return replace(mesh, breaks=tuple(breaks))

    def _measured(self, pinn: Any, theta: Float64Array, mesh: Mesh) -> Residual:
        n_conditions = len(pinn.blocks) - self.n_equations - len(self.statement.data)
        return measured(pinn, theta, mesh, self.n_equations, self.statement.region, n_conditions)

    def _pinn(self, network: Any, mesh: Mesh, before: Piece | None) -> PINN:
        rule = mesh.rule()
        blocks = self.statement.blocks(rule)
        if before is not None:
            kept = [self.statement.conditions[each.number].kind != "initial" for each in self.statement.posed]
            n = self.n_equations
            blocks = [
                block for number, block in enumerate(blocks) if not (n <= number < n + len(kept)) or kept[number - n]
            ]
            points, weights = self._at_start(rule)
            for equation, what, size in self.carried:
                values = before._at(equation, points)
                weight = 2 * CONDITION_WEIGHT * CARRIED / size**2
                blocks.append(Block(equation, points, weight * weights, target=values))
        else:
            blocks = [
                replace(block, weight=CARRIED * np.asarray(block.weight))
                if self._is_initial(number)
                else block
                for number, block in enumerate(blocks)
            ]
        return PINN(network, blocks, bounds=mesh.bounds)

    def _is_initial(self, number: int) -> bool:
        at = number - self.n_equations
        posed = self.statement.posed
        return 0 <= at < len(posed) and self.statement.conditions[posed[at].number].kind == "initial"

    def _at_start(self, rule: Any) -> tuple[Float64Array, Float64Array]:
        """Points at the beginning of the slab, and their weights."""
        from splinekan.equations.collocation import gauss_cells

        edges = [t for i, t in enumerate(rule.edges) if i != self.axis]
        now = float(rule.edges[self.axis][0])
        if not edges:
            return np.array([[now]]), np.ones(1)
        points, weights = gauss_cells(edges, rule.order)
        return np.insert(points, self.axis, now, axis=1), weights

    def _start(self, pinn: PINN, mesh: Mesh, before: Piece | None, best: Any) -> Float64Array:
        """Outputs of the best attempt before, if it is of use; else constant in time, or zero."""
        layer: Any = pinn.network.layers[0]
        now = mesh.bounds[self.axis][0]
        if best is not None and best[2].relative < USEFUL:
            return interpolated(layer, mesh, best[0].outputs)
        if before is None:
            return constant_start(pinn, np.zeros(pinn.network.n_parameters))

        def values(points: Float64Array) -> Float64Array:
            at = points.copy()
            at[:, self.axis] = now
            return before.outputs(at)

        return interpolated(layer, mesh, values)

    # Between slabs

    def _first_mesh(self, low: float, length: float) -> Mesh:
        counts = [INTERVALS] * len(self.degrees)
        counts[self.axis] = STEPS
        bounds = list(self.statement.bounds)
        bounds[self.axis] = (low, low + length)
        return uniform(bounds, counts, self.degrees, self.periodic)

    def _next_length(self, mesh: Mesh, residual: Residual) -> float:
        low, high = self.statement.bounds[self.axis]
        now, end = mesh.bounds[self.axis]
        if self.options.slabs is not None:
            return (high - low) / self.options.slabs
        over = max(residual.relative / self.tolerance, 1e-300)
        in_space = max((v for i, v in enumerate(residual.largest) if i != self.axis), default=0.0)
        if in_space > 0:  # what space leaves does not limit the steps in time
            over *= min(1.0, 10 * residual.largest[self.axis] / in_space)
        growth = min(GROWTH, 0.9 * max(over, 1e-300) ** (-1 / (self.degrees[self.axis] - 1)))
        return min((end - now) * max(growth, 0.5), LONGEST * (high - low))

    def _resolving_start(self, mesh: Mesh) -> Mesh:
        """The mesh divided in space until it represents the initial values: where these have kinks, finely."""
        space = [i for i in range(len(mesh.breaks)) if i != self.axis]
        left = np.inf
        for _ in range(STARTING if space else 0):
            network = mesh.network(len(self.statement.unknown))
            blocks = self.statement.blocks(mesh.rule())
            chosen = [block for number, block in enumerate(blocks) if self._is_initial(number)]
            pinn = PINN(network, chosen, bounds=mesh.bounds)
            ordering = band(network.layers[0])  # type: ignore[arg-type]
            theta, _, _ = newton(pinn, np.zeros(network.n_parameters), 2, ordering=ordering)
            residual = measured(pinn, theta, mesh, 0, self.statement.region, len(chosen))
            if residual.relative <= self.tolerance or residual.relative > 0.7 * left:
                break
            left = residual.relative
            finer, largest = mesh, max(residual.largest[axis] for axis in space)
            for axis in space:
                finer = finer.divided(axis, residual.parts[axis], largest / 16)
            if finer.n_functions * len(self.statement.unknown) > LARGEST / 4:
                break
            mesh = finer
        return mesh

    def _coarser(self, mesh: Mesh, residual: Residual) -> Mesh:
        """The mesh without breakpoints in space that are not needed by far."""
        over = min(residual.relative / self.tolerance, 1.0)
        for axis in range(len(mesh.breaks)):
            if axis != self.axis:
                mesh = mesh.merged(axis, residual.parts[axis], residual.largest[axis] / over)
        return mesh


DEBUG = False
