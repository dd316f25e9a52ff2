"""Preconditioned conjugate gradients on spline spaces: iterations by degree, level and preconditioner.

Systems with the mass matrix, with K + M, and with the stiffness matrix for zero boundary values, on clamped
uniform knots of the unit interval and, as Kronecker products, the unit square. The coarsest level has 4
intervals in each direction. Right-hand sides are normal random vectors; the start is 0; iterations are
counted until the residual's 2-norm is 1e-8 times that of the right-hand side. Condition numbers of B A are
ratios of Ritz values (Lanczos).

Two further tables: convergence factors of two-grid and V-cycles, predicted by local Fourier analysis and
measured, and two-grid factors in the B-spline and in the power ReLU basis.

Results:

- V-cycles are level-independent for every matrix, degree, smoother and dimension. BPX is so for K + M and K;
  for the mass matrix it grows with the number of levels (claim bpx-mass-growth of the theory), where the
  diagonal alone does not.
- Condition numbers grow exponentially with the degree, with an exponent proportional to the dimension:
  smoothers are limited by the condition number of the B-spline basis on the oscillations (column
  "oscillations"), which coarse levels do not reduce.
- In power ReLU coordinates a sweep is not local, and the factor tends to 1 with the number of intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import MAX_DEGREE, affordable, each, integer, one_of, real, shown
from splinekan._processes import Place
from splinekan.studies.preconditioning.factors import (
    SMOOTHERS,
    BasisFactor,
    Factor,
    basis_factor,
    basis_table,
    factor,
    factor_table,
)
from splinekan.studies.preconditioning.problems import (
    COARSEST,
    MATRICES,
    PRECONDITIONERS,
    conjugate_gradients,
    preconditioner,
    size,
    system,
)
from splinekan.studies.skeleton.arguments import distinct_seeds
from splinekan.studies.skeleton.study import record
from splinekan.studies.skeleton.sweep import Job, Sweep
from splinekan.studies.skeleton.tables import Column, table

DEGREES = (1, 2, 3, 4, 5)
LEVELS = (3, 4, 5, 6, 7, 8, 9, 10)
UNKNOWNS = 70_000
LIMIT = 3000
TOLERANCE = 1e-8
BASIS_INTERVALS = (8, 16, 32)
QUICK: dict[str, Any] = {"degrees": (1, 3), "levels": (3, 5, 7), "unknowns": 2000}
"""A few seconds."""


@dataclass(frozen=True)
class Row:
    """Conjugate gradients for a matrix, degree, number of levels and preconditioner.

    Attributes
    ----------
    iterations
        The largest count over the seeds; None if the limit came first.
    condition
        The condition number of B A; NaN if the Ritz values have not settled.
    seconds
        The time of the iterations for the last seed, without setting up the preconditioner.
    """

    matrix: str
    dimension: int
    degree: int
    levels: int
    unknowns: int
    preconditioner: str
    iterations: int | None
    condition: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Study:
    """Iterations, factors, all that they depend on, and where runs were carried out."""

    rows: tuple[Row, ...]
    factors: tuple[Factor, ...]
    bases: tuple[BasisFactor, ...]
    settings: dict[str, Any]
    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)

    def table(self) -> str:
        """All tables as text."""
        return "\n".join(
            [
                f"iterations of conjugate gradients to {self.settings['tolerance']:g}, by number of levels; "
                f"-, not in {self.settings['limit']}; condition number of B A, least and most levels",
                iteration_table(self.rows),
                "",
                "convergence factors of V(1, 1): local Fourier analysis (periodic), and measured (clamped)",
                factor_table(self.factors),
                "",
                "two-grid factors for the mass matrix, by basis; G intervals on the coarse level",
                basis_table(self.bases),
            ]
        )

    def record(self) -> dict[str, Any]:
        """Everything in the tables, for JSON; None for what is not known."""
        return record(
            "preconditioning", self.settings, rows=self.rows, factors=self.factors, bases=self.bases
        )


def iteration_table(rows: Sequence[Row]) -> str:
    """A line for every matrix, dimension, degree and preconditioner, a column for every number of levels."""
    lines: dict[tuple[Any, ...], dict[int, Row]] = {}
    for row in rows:
        key = (row.matrix, row.dimension, row.degree, row.preconditioner)
        lines.setdefault(key, {})[row.levels] = row

    def count(levels: int) -> Any:
        return lambda line: _count(line[levels]) if levels in line else ""

    def first(line: dict[int, Row]) -> Row:
        return next(iter(line.values()))

    columns = [
        Column("matrix", lambda line: first(line).matrix, left=True),
        Column("d", lambda line: first(line).dimension),
        Column("degree", lambda line: first(line).degree),
        Column("preconditioner", lambda line: first(line).preconditioner, left=True),
        *(Column(str(levels), count(levels)) for levels in sorted({row.levels for row in rows})),
        Column("condition", lambda line: _condition(first(line))),
        Column("", lambda line: _condition(list(line.values())[-1])),
    ]
    return table(columns, list(lines.values()))


def _count(row: Row) -> str:
    return "-" if row.iterations is None else str(row.iterations)


def _condition(row: Row) -> str:
    return "-" if np.isnan(row.condition) else f"{row.condition:.3g}"


def run(
    seeds: Sequence[int] = (0,),
    *,
    degrees: Sequence[int] = DEGREES,
    levels: Sequence[int] = LEVELS,
    dimensions: Sequence[int] = (1, 2),
    matrices: Sequence[str] = MATRICES,
    preconditioners: Sequence[str] = PRECONDITIONERS,
    unknowns: int = UNKNOWNS,
    limit: int = LIMIT,
    tolerance: float = TOLERANCE,
    progress: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    checkpoints: str | Path | None = None,
) -> Study:
    """Solve all systems, and measure the factors.

    Parameters
    ----------
    seeds
        Each draws a right-hand side for every system.
    degrees, levels, dimensions, matrices, preconditioners
        The systems: degrees 1 to 7, 2 to 16 levels, dimensions 1 and 2.
    unknowns
        Larger systems are left out.
    limit, tolerance
        The largest number of iterations of conjugate gradients, and their relative residual.
    progress
        Show a bar (tqdm).
    workers, scheduler, checkpoints
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError
        For nothing to do, repeated entries, or numbers out of range.
    MemoryError
        If the systems do not fit in memory.
    """
    numbers = distinct_seeds(seeds)
    orders = _different("degrees", degrees, 1, MAX_DEGREE)
    counts = sorted(_different("levels", levels, 2, 16))
    spaces = _different("dimensions", dimensions, 1, 2)
    chosen = each("matrices", matrices, lambda name, value: one_of(name, value, MATRICES))
    ways = each("preconditioners", preconditioners, lambda name, value: one_of(name, value, PRECONDITIONERS))
    most = integer("unknowns", unknowns, low=16)
    affordable(f"systems with {most} unknowns", 600.0 * most)
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    limit = integer("limit", limit, low=1)
    tolerance = real("tolerance", tolerance, positive=True, high=1.0)
    cases = [
        (matrix, dimension, degree, count)
        for matrix in chosen
        for dimension in spaces
        for degree in orders
        for count in counts
        if size(matrix, dimension, degree, count) <= most
    ]
    if not cases:
        raise ValueError(f"unknowns must admit a system, got {most} for levels {shown(counts)}")
    how = (ways, numbers, limit, tolerance)
    solved = {
        "{}, {} d, degree {}, {} levels".format(*case): Job(_solved, (case, *how), how) for case in cases
    }
    cycled = {
        f"factors, degree {degree}": Job(_factors, (degree, chosen, spaces), (chosen, spaces))
        for degree in orders
    }
    swept = sweep.run("preconditioning", solved | cycled)
    rows: list[Row] = [row for same in swept.pick(solved) for row in same]
    factors: list[Factor] = [row for same in swept.pick(cycled) for row in same]
    bases = [
        basis_factor(degree, smoother, count)
        for degree in orders
        if degree <= 2  # beyond, float64 does not resolve the gap
        for smoother in SMOOTHERS
        for count in BASIS_INTERVALS[: 4 - degree]
    ]
    order = {name: number for number, name in enumerate(ways)}
    rows.sort(
        key=lambda row: (MATRICES.index(row.matrix), row.dimension, row.degree, order[row.preconditioner])
    )
    factors.sort(key=lambda row: (MATRICES.index(row.matrix), row.dimension, row.degree))
    settings = {
        "seeds": numbers,
        "degrees": orders,
        "levels": counts,
        "dimensions": spaces,
        "matrices": chosen,
        "preconditioners": ways,
        "unknowns": most,
        "limit": limit,
        "tolerance": tolerance,
        "coarsest": COARSEST,
    }
    return Study(tuple(rows), tuple(factors), tuple(bases), settings, swept.places)


def _solved(
    case: tuple[str, int, int, int], ways: Sequence[str], seeds: Sequence[int], limit: int, tolerance: float
) -> list[Row]:
    problem, rows = system(*case), []
    for way in ways:
        inverse = preconditioner(way, problem)
        found: list[Any] = []
        begun = 0.0
        for seed in seeds:
            b = np.random.default_rng(seed).normal(size=problem.unknowns)
            begun = perf_counter()
            found.append(conjugate_gradients(problem.matrix, inverse, b, tolerance, limit))
        seconds = perf_counter() - begun
        most = None if any(each.iterations is None for each in found) else max(s.iterations for s in found)
        # Ritz values lie within the spectrum: the largest ratio is the nearest.
        conditions = [each.condition for each in found]
        condition = float("nan") if np.isnan(conditions).all() else float(np.nanmax(conditions))
        rows.append(Row(*case, problem.unknowns, way, most, condition, seconds))
    return rows


def _factors(degree: int, matrices: Sequence[str], dimensions: Sequence[int]) -> list[Factor]:
    return [
        factor(matrix, dimension, degree, smoother)
        for matrix in matrices
        if matrix != "H1"
        for dimension in dimensions
        for smoother in SMOOTHERS
    ]


def _different(name: str, values: Any, low: int, high: int) -> list[int]:
    numbers = each(name, values, lambda where, value: integer(where, value, low=low, high=high))
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{name} must differ, got {shown(numbers)}")
    return numbers
