"""Evolution equations, solved on successive slabs of time whose lengths and meshes follow from residuals."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from splinekan.objectives.pinn import PINN
from splinekan.solving.bands import band
from splinekan.solving.doubts import SENSITIVE, missed
from splinekan.solving.given import breakpoints, kinks
from splinekan.solving.meshes import Mesh, measured, uniform, with_kinks
from splinekan.solving.newton import history, newton
from splinekan.solving.options import LevelRecord, Options, Outcome
from splinekan.solving.progress import Progress
from splinekan.solving.rules import sobol
from splinekan.solving.slab import Slab
from splinekan.solving.slabs import LARGEST, SlabSolver
from splinekan.solving.statement import CONDITION_WEIGHT, Statement

FIRST = 1 / 16
"""Length of the first slab, relative to the interval of time."""
LONGEST = 1 / 4
GROWTH = 2.0
"""Largest growth factor of the length of slabs."""
STRETCH = 1.3
"""Factor by which the last slab may be longer than planned."""
MERGERS = 4
"""Largest number of times that intervals are merged after a slab."""
INTERVALS = 16
"""Number of intervals of the first mesh along every variable in space."""
DIVISIONS = 16
"""Largest number of refinements of the first mesh before the first slab."""
ROUNDING = 1e-6
"""Largest relative residual that is attributed to rounding if nothing lowers it, on later slabs too."""
UNRESOLVED = 1e-4
"""Relative residual of an exhausted slab that indicates a solution that is not smooth."""
UNSOLVED = 0.02
"""Relative residual above which a slab is not accepted as a solution."""
IN_VAIN = 150_000
"""Number of parameters of unsuccessful attempts after which a search ends, if no time limit is given."""
MOST_SLABS, MOST_PARAMETERS = 10_000, 1_000_000
"""Numbers of slabs and of parameters of all attempts after which a search ends without a time limit."""
PROBES = 256
"""Number of points of a slab at which solutions are compared."""
DOUBTFUL = 10.0
"""Relative residuals above this times the tolerance are doubtful."""


@dataclass(eq=False)
class Marching:
    """The slabs of a statement, along the variable number `axis`, until the time `stop` (perf_counter)."""

    statement: Statement
    options: Options
    axis: int
    stop: float

    def __post_init__(self) -> None:
        self.periodic = self.statement.periodic()
        if any(self.periodic):
            self.statement = self.statement.on_periodic_networks()
        self.low, self.high = self.statement.bounds[self.axis]
        tolerance = max(self.options.tolerance, float(np.finfo(np.float64).eps))
        fixed = self.options.slabs is not None
        self.bar = Progress(self.options.progress, self.high - self.low)
        self.slabs = SlabSolver(self.statement, self.axis, tolerance, fixed, self.stop, self.bar)
        self.in_vain = 0
        given = [*self.statement.equations, *(each.residual for each in self.statement.posed)]
        kinks = breakpoints(given, self.statement.variables, self.statement.bounds)
        self.ends = (*kinks[self.axis], self.high)
        """Times that no slab crosses, where given functions have kinks or jumps."""
        self.kinks = kinks
        cells = self.slabs.given.cells(self.axis, self.statement.bounds)
        self.cells = cells[np.argsort(cells[:, 0], kind="stable")]

    def outcome(self) -> Outcome:
        """The solution on successive slabs to the end of the interval."""
        with self.bar:
            return self._outcome()

    def _outcome(self) -> Outcome:
        began, total = perf_counter(), self.high - self.low
        planned = total * FIRST if self.options.slabs is None else total / self.options.slabs
        mesh = self._first_mesh(planned)
        found: list[Slab] = []
        levels: list[LevelRecord] = []
        now = self.low
        while now < self.high and (not found or perf_counter() <= self.stop):
            if found and self._too_long(found):
                break
            end, before = self._end(now, planned), self.slabs.spent
            slab = self.slabs.solve(now, end, mesh, found[-1] if found else None)
            if slab.exhausted and slab.residual.relative > UNSOLVED:
                self.in_vain += self.slabs.spent - before
            shorter = self.slabs.space and not self.slabs.rough and slab.end - now > 4 * self.slabs.shortest
            if self._unsolved(slab) and shorter and not self._too_long(found):
                planned = (slab.end - now) / 4
                continue
            if found and (self._unfinished(slab) or (self._unsolved(slab) and not self.slabs.rough)):
                break
            if slab.exhausted and slab.residual.relative < ROUNDING:
                self.slabs.tolerance = max(self.slabs.tolerance, 2 * slab.residual.relative)
            found.append(slab)
            levels.append(self._record(slab, perf_counter() - began))
            cut = slab.end == end < now + planned  # a slab that is short for other reasons
            planned, mesh = max(self._next_length(slab), planned if cut else 0.0), self._coarser(slab)
            now = slab.end
        held_out, change = self._on_other_points(found)
        levels = [level._replace(held_out=loss) for level, loss in zip(levels, held_out, strict=True)]
        levels[-1] = levels[-1]._replace(change=change)
        pieces = tuple(slab.piece for slab in found)
        return Outcome(pieces, history(self.slabs.losses), tuple(levels), self._doubts(found, change))

    def _too_long(self, found: list[Slab]) -> bool:
        """Whether to stop if no time limit is given: without progress, or after too much work."""
        if self.options.seconds is not None:
            return False
        return self.in_vain > IN_VAIN or len(found) >= MOST_SLABS or self.slabs.spent > MOST_PARAMETERS

    def _end(self, now: float, planned: float) -> float:
        """The end of the next slab: as planned, unless given functions require a shorter slab."""
        if self.options.slabs is not None:
            left = self.high - now
            return self.high if planned > left / STRETCH else now + min(planned, left / 2)
        for low, high in self.cells:  # that end after now and begin before the slab ends
            if high > now and low < now + planned:
                planned = min(planned, max(low - now, self.slabs.steps * (high - low)))
        last = next(end for end in self.ends if end > now)
        left = last - now
        return last if planned > left / STRETCH else now + min(planned, left / 2)

    def _unsolved(self, slab: Slab) -> bool:
        """Whether the equations cannot be solved on the slab, for instance at a pole of the solution."""
        free = self.options.slabs is None
        most = UNSOLVED if self.slabs.space else UNRESOLVED
        return free and slab.exhausted and slab.residual.relative > most

    def _on_other_points(self, found: list[Slab]) -> tuple[list[float], float]:
        """The losses of all slabs on other points, and the change of the unknowns if solved again there.

        The slabs are solved one after another, so that the relative change shows the growth of small errors.
        NaN if the time limit is reached before.
        """
        losses, largest, size = [np.nan] * len(found), 0.0, 0.0
        before: Slab | None = None
        for number, slab in enumerate(found):
            if perf_counter() > self.stop:
                return losses, np.nan
            before, losses[number] = self.slabs.again(slab, before)
            points = sobol(PROBES, slab.mesh.bounds, 0)
            factors = np.array(slab.piece.statement.scales) / np.array(self.statement.scales)
            values, others = slab.piece.outputs(points) * factors, before.piece.outputs(points) * factors
            size = max(size, float(np.sqrt(np.mean(values**2))))
            largest = max(largest, float(np.sqrt(np.mean((others - values) ** 2))))
        return losses, largest / size if size > 0 else 0.0

    def _unfinished(self, slab: Slab) -> bool:
        """Whether the time limit was reached before the slab was solved."""
        solved = slab.exhausted or slab.residual.relative <= DOUBTFUL * self.slabs.tolerance
        return perf_counter() > self.stop and not solved

    def _record(self, slab: Slab, seconds: float) -> LevelRecord:
        sizes = max(slab.mesh.intervals), slab.piece.network.n_parameters
        return LevelRecord("tensor", *sizes, slab.loss, np.nan, np.nan, seconds)

    def _doubts(self, found: list[Slab], change: float) -> tuple[str, ...]:
        doubts = []
        t, end = self.statement.variables[self.axis], found[-1].end
        if end < self.high:
            why = "nothing lowers the residual enough"
            if perf_counter() > self.stop:
                why = "the time limit ended the search"
            elif self._too_long(found) and self.in_vain <= IN_VAIN:
                why = f"the search ended after {len(found)} slabs (`seconds` allows for more)"
            doubts.append(f"{why} at {t} = {end:.6g}: there is no solution beyond")
        worst = max(slab.residual.relative for slab in found)
        if worst > DOUBTFUL * self.options.tolerance:
            doubts.append(
                f"the relative residual is up to {worst:.1g}, "
                f"above the tolerance {self.options.tolerance:.1g}"
            )
        if np.isnan(change) and end == self.high:
            doubts.append("the time limit left no time to solve again on other points")
        elif change > SENSITIVE:
            doubts.append(
                f"the solution on other points differs by {change:.1g} (relative): small errors grow"
            )
        rules = [(slab.mesh.rule(), np.ptp(slab.mesh.breaks[self.axis])) for slab in found]
        return (*doubts, *missed(self.statement, rules, {self.axis: (self.low, end)}))

    # From one slab to the next

    def _next_length(self, slab: Slab) -> float:
        length, total = slab.end - slab.mesh.bounds[self.axis][0], self.high - self.low
        if slab.exhausted and slab.residual.relative > UNRESOLVED:
            return min(length, LONGEST * total)  # shorter slabs would not be solved either
        if self.options.slabs is not None:
            return total / self.options.slabs
        largest = slab.residual.largest
        over = slab.residual.relative / self.slabs.tolerance
        in_space = max((largest[i] for i in self.slabs.space), default=0.0)
        if in_space > 0:  # the residual in space does not limit the steps in time
            over *= min(1.0, 10 * largest[self.axis] / in_space)
        growth = 0.9 * max(over, 1e-300) ** (-1 / (slab.mesh.degrees[self.axis] - 1))
        return min(length * float(np.clip(growth, 0.5, GROWTH)), LONGEST * total)

    def _coarser(self, slab: Slab) -> Mesh:
        """The mesh without breakpoints in space that are clearly unnecessary."""
        mesh, residual = slab.mesh, slab.residual
        over = min(residual.relative / self.slabs.tolerance, 1.0)
        for axis in self.slabs.space:
            # If rounding keeps the residual large, short intervals are the cause.
            aim = max(residual.largest[axis] / max(over, 1e-300), self.slabs.tolerance)
            parts = residual.parts[axis]
            for _ in range(MERGERS):
                mesh, parts = mesh.merged(axis, parts, aim)
        return mesh

    # The first mesh

    def _first_mesh(self, length: float) -> Mesh:
        """The first mesh, divided in space until it represents the initial values and their kinks."""
        d, m = self.statement.region.n_variables, len(self.statement.unknown)
        degree = self.options.degree_for(d, self.statement.order)
        counts = [self.slabs.steps if i == self.axis else INTERVALS for i in range(d)]
        bounds = list(self.statement.bounds)
        bounds[self.axis] = self.low, self.low + length
        mesh = uniform(bounds, counts, (degree,) * d, self.periodic)
        mesh = with_kinks(mesh, self._kinks_in_space(degree))
        mesh = self.slabs.given.seeing(mesh, self.slabs.space, LARGEST // (2 * m))
        left, failures, error = np.inf, 0, 0.0
        for _ in range(DIVISIONS if self.slabs.space else 0):
            pinn = PINN(mesh.network(m), self.slabs.initial_blocks(mesh.rule()), bounds=mesh.bounds)
            zero, ordering = np.zeros(pinn.network.n_parameters), band(mesh.layer(m))
            theta, loss, _ = newton(pinn, zero, 2, ordering=ordering)
            error = float(np.sqrt(loss / CONDITION_WEIGHT))
            residual = measured(pinn, theta, mesh, 0, self.statement.region, len(pinn.blocks))
            failures = 0 if residual.relative < 0.7 * left else failures + 1
            if residual.relative <= self.options.tolerance or failures > 1:
                break  # a kink in the middle of an interval is a kink at a breakpoint after a division
            left, finer = residual.relative, mesh
            largest = max(residual.largest[axis] for axis in self.slabs.space)
            for axis in self.slabs.space:
                finer = finer.divided(axis, residual.parts[axis], largest / 16)
            if finer.n_functions * m > LARGEST / 4:
                break
            mesh = finer
        if error > UNRESOLVED:  # it exceeds the errors of later slabs
            self.slabs.rough = True
            self.slabs.tolerance = max(self.slabs.tolerance, UNRESOLVED)
        return mesh

    def _kinks_in_space(self, degree: int) -> list[dict[float, int]]:
        """Kinks of solutions from the equations, and breakpoints at the kinks of conditions."""
        found = []
        for axis, (lasting, all_of) in enumerate(zip(kinks(self.statement), self.kinks, strict=True)):
            found.append({} if axis == self.axis else dict.fromkeys(all_of, degree - 1) | lasting)
        return found
