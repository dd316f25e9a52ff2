"""The whole domain at once: a tensor-product spline on a mesh that is refined where the residual is large."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.network import KAN, initialize
from splinekan.objectives.pinn import PINN
from splinekan.solving.bands import band
from splinekan.solving.doubts import doubts, missed
from splinekan.solving.given import seeing
from splinekan.solving.meshes import SAFETY, Mesh, Residual, constant_start, interpolated, measured, uniform
from splinekan.solving.newton import history, newton
from splinekan.solving.options import LevelRecord, Options, Outcome
from splinekan.solving.pieces import Piece
from splinekan.solving.progress import Progress
from splinekan.solving.statement import Statement
from splinekan.solving.uncertainty import standard_errors

INTERVALS = {1: 8, 2: 6, 3: 3}
"""Number of intervals of the first mesh, by the number of variables."""
LARGEST = {1: 20000, 2: 20000, 3: 6000}
"""The largest number of parameters."""
ITERATIONS = 30
LEVELS = 14
REDUCTION = 32.0
"""Largest factor by which a level divides the largest part of the residual."""
GAIN = 0.95
"""A level fails if it reduces the residual by less than this factor; after two failures the search ends."""
FAILURES = 2
UNRESOLVED = 1e-3
"""Relative residuals above this need not decrease: thin layers and kinks are resolved late."""
DOUBTFUL = 10.0
"""Relative residuals above this times the tolerance are doubtful, if the number of levels is not given."""


@dataclass(eq=False)
class Adaptive:
    """Levels of a tensor-product spline."""

    statement: Statement
    options: Options
    stop: float

    def __post_init__(self) -> None:
        self.periodic = self.statement.periodic()
        if any(self.periodic):
            self.statement = self.statement.on_periodic_networks()
        d = self.statement.region.n_variables
        self.degrees = (self.options.degree_for(d, self.statement.order),) * d
        self.n_equations = len(self.statement.equations)
        self.began = perf_counter()

    def outcome(self, start: Any = None) -> Outcome:
        """The solution on successive levels, while the residual decreases.

        Parameters
        ----------
        start
            A function of points, (n, number of unknowns), for the outputs on the first level; None for zero.
        """
        d, m = self.statement.region.n_variables, len(self.statement.unknown)
        mesh = uniform(self.statement.bounds, (INTERVALS[d],) * d, self.degrees, self.periodic)
        mesh = seeing(self.statement, mesh, LARGEST[d] // (2 * m))
        theta: Float64Array | None = None
        network: KAN | None = None
        levels: list[LevelRecord] = []
        kept: list[tuple[KAN, Float64Array, float, Mesh]] = []
        residuals: list[float] = []
        losses: list[float] = []
        failures, bar = 0, Progress(self.options.progress)
        for _ in range(self.options.levels or LEVELS):
            finer = self.statement.with_constants(mesh.network(m))
            pinn = self._pinn(finer, mesh)
            theta = self._started(pinn, mesh, start) if theta is None else _prolonged(network, finer, theta)
            network = finer
            ordering = band(mesh.layer(m))
            theta, loss, more = newton(pinn, theta, ITERATIONS, stop=self.stop, ordering=ordering)
            losses += more
            residual = self._measured(pinn, theta, mesh)
            kept.append((network, theta, loss, mesh))
            residuals.append(residual.relative)
            levels.append(self._record(mesh, network, theta, loss, residual, kept))
            bar.show(len(kept), parameters=network.n_parameters, residual=f"{residual.relative:.1e}")
            best = min(each[2] for each in kept[:-1]) if len(kept) > 1 else np.inf
            failures = failures + 1 if not loss < GAIN * best else 0
            if self.options.levels is None and (
                residual.relative <= self.options.tolerance
                or (failures >= FAILURES and residual.relative < UNRESOLVED)
            ):
                break
            if perf_counter() > self.stop:
                break
            mesh = self._finer(mesh, residual)
            if mesh.n_functions * m > LARGEST[d]:
                break
        bar.close()
        at = int(np.argmin([each[2] for each in kept]))
        network, theta, _, mesh = kept[at]
        piece = Piece(self.statement, network, theta)
        errors = {}
        if self.statement.constants:
            errors = standard_errors(self.statement, network, theta, mesh.rule())
        levels = levels[: at + 1]
        found = self._doubts(levels, piece, mesh, residuals[at])
        return Outcome((piece,), history(losses), tuple(levels), found, errors)

    def _doubts(
        self, levels: list[LevelRecord], piece: Piece, mesh: Mesh, relative: float
    ) -> tuple[str, ...]:
        """The doubts of all networks, and a residual above the tolerance, unless data contradict it."""
        blocks = self.statement.blocks(mesh.rule(shifted=True))
        reached = relative <= DOUBTFUL * self.options.tolerance
        if reached:  # the previous level may have been far from it
            levels = [*levels[:-1], levels[-1]._replace(change=np.nan)]
        other = PINN(piece.network, blocks, bounds=self.statement.bounds)
        found = doubts(levels, piece, other, band(mesh.layer(len(self.statement.unknown))))
        free = self.options.levels is None and not self.statement.data
        if free and not reached:
            asked = f"above the tolerance {self.options.tolerance:.1g}"
            found = (f"the relative residual is {relative:.1g}, {asked}", *found)
        return (*found, *missed(self.statement, [(mesh.rule(), 1.0)], {}))

    def _finer(self, mesh: Mesh, residual: Residual) -> Mesh:
        """The mesh with every axis divided where its parts of the residual are large."""
        over = residual.relative / max(self.options.tolerance, 1e-300)
        largest = max(residual.largest)
        aim = largest / min(max(2 * over, 2.0), REDUCTION)
        for axis, parts in enumerate(residual.parts):
            if (parts > SAFETY * aim).any():
                mesh = mesh.divided(axis, parts, aim, 1)
        return mesh

    def _measured(self, pinn: Any, theta: Float64Array, mesh: Mesh) -> Residual:
        n_conditions = len(pinn.blocks) - self.n_equations - len(self.statement.data)
        return measured(pinn, theta, mesh, self.n_equations, self.statement.region, n_conditions)

    def _pinn(self, network: KAN, mesh: Mesh) -> Any:
        return PINN(network, self.statement.blocks(mesh.rule()), bounds=self.statement.bounds)

    def _started(self, pinn: PINN, mesh: Mesh, start: Any) -> Float64Array:
        layer: Any = pinn.network.layers[0]
        theta = initialize(pinn.network, self.options.seed, noise=0.0)
        if start is None:
            return constant_start(pinn, theta)
        theta[: layer.n_parameters] = interpolated(layer, mesh, start)
        return theta

    def _record(
        self, mesh: Mesh, network: KAN, theta: Float64Array, loss: float, residual: Residual, kept: list[Any]
    ) -> LevelRecord:
        change = np.nan
        if len(kept) > 1:
            points, _ = self.statement.region.interior(mesh.rule(shifted=True))
            after = Piece(self.statement, network, theta).outputs(points)
            before = Piece(self.statement, kept[-2][0], kept[-2][1]).outputs(points)
            change = float(np.linalg.norm(after - before) / max(float(np.linalg.norm(after)), 1e-300))
        other = PINN(network, self.statement.blocks(mesh.rule(shifted=True)), bounds=self.statement.bounds)
        return LevelRecord(
            "tensor",
            max(mesh.intervals),
            network.n_parameters,
            loss,
            other.value(theta),
            change,
            perf_counter() - self.began,
        )


def _prolonged(coarse: Any, finer: Any, theta: Float64Array) -> Float64Array:
    return np.asarray(coarse.prolongation(finer) @ theta)
