"""Given functions of the variables: their kinks and jumps, and meshes that are fine enough to resolve them.

All points of a coarse mesh may miss a narrow source. Given functions are therefore sampled on dense lines,
and the first mesh has intervals in which a polynomial of low degree approximates them roughly. Further
refinement is driven by the residual.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import scipy
import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from splinekan._checks import Float64Array
from splinekan.equations import Equation
from splinekan.solving.counting import order_in
from splinekan.solving.formulas import numeric
from splinekan.solving.meshes import Mesh, with_kinks
from splinekan.solving.patches import Face
from splinekan.solving.rules import sobol
from splinekan.solving.statement import Statement

SAMPLES = 4096
"""Number of cells of an interval in which a sign change of a level is sought."""
APART = 1e-9
"""Breakpoints at a smaller distance, relative to the interval, are identified."""
MOST = 500
"""Largest number of breakpoints of a variable; if there are more, they are left to refinement."""
DENSE = {1: 2**16}
"""Points of a line, by the number of variables; `ON_A_LINE` for more variables."""
ON_A_LINE = 2**12
LINES = 5
"""Number of lines along every variable, in two or more variables."""
LOOKED = 2**10
"""Number of points among which the largest value, through which lines pass, is sought."""
DEGREE = 4
ROUGHLY = 0.1
"""Admitted deviation from a polynomial of that degree in an interval, relative to the largest value."""
FINEST = 8
"""Least number of steps of a line in an interval; variation on shorter scales is not resolved by division."""


# Kinks and jumps


def breakpoints(
    expressions: Iterable[Any], variables: Sequence[Any], bounds: Sequence[tuple[float, float]]
) -> tuple[tuple[float, ...], ...]:
    """The values of every variable, inside its bounds, where given functions have kinks or jumps.

    They are the zeros of the arguments of |.|, sign, Heaviside, of differences in Max and Min and of both
    sides of the conditions of Piecewise, and the steps of floor, ceiling and Mod, as far as these depend on a
    single variable.
    """
    levels = {level for expression in expressions for level in _levels(expression)}
    found = []
    for variable, (low, high) in zip(variables, bounds, strict=True):
        zeros: list[float] = []
        for level in sorted((each for each in levels if each.free_symbols == {variable}), key=str):
            zeros += _zeros(level, variable, low, high)
        room = APART * (high - low)
        distinct: list[float] = []
        for zero in sorted(zeros):
            if low + room < zero < high - room and (not distinct or zero - distinct[-1] > room):
                distinct.append(zero)
        found.append(tuple(distinct) if len(distinct) <= MOST else ())
    return tuple(found)


def _levels(expression: Any) -> set[Any]:
    found: set[Any] = set()
    for atom in expression.atoms(sympy.Abs, sympy.sign, sympy.Heaviside):
        found.add(atom.args[0])
    for atom in expression.atoms(sympy.Max, sympy.Min):
        found |= {a - b for a, b in combinations(atom.args, 2)}
    for atom in expression.atoms(Relational):
        found.add(atom.lhs - atom.rhs)
    for atom in expression.atoms(sympy.floor, sympy.ceiling, sympy.frac):
        found.add(sympy.sin(sympy.pi * atom.args[0]))
    for atom in expression.atoms(sympy.Mod):
        found.add(sympy.sin(sympy.pi * atom.args[0] / atom.args[1]))
    return {each for each in found if not each.atoms(AppliedUndef, sympy.Derivative)}


def _zeros(level: Any, variable: Any, low: float, high: float) -> list[float]:
    slope = level.diff(variable)
    if slope.is_number and slope != 0:
        zero = float(-level.subs(variable, 0) / slope)
        return [zero]
    try:
        function = numeric("given functions", [level], (variable,))
    except ValueError:
        return []
    at = np.linspace(low, high, SAMPLES + 1)
    values = function(at[:, None])[:, 0]
    zeros: list[float] = at[values == 0].tolist()
    for i in np.flatnonzero(values[1:] * values[:-1] < 0):
        zeros.append(
            scipy.optimize.brentq(
                lambda z: float(function(np.array([[z]]))[0, 0]), at[i], at[i + 1], xtol=1e-15
            )
        )
    return zeros


def kinks(statement: Statement) -> tuple[dict[float, int], ...]:
    """The breakpoints of the equations for every variable, and the smoothness of the unknowns there.

    Unknowns with derivatives of order m in the variable have m - 1 continuous derivatives where a source or a
    coefficient jumps. If no derivative in the variable occurs, there are no breakpoints.
    """
    given = [statement.in_outputs(each) for each in statement.equations]
    found: list[dict[float, int]] = []
    for variable, places in zip(
        statement.variables, breakpoints(given, statement.variables, statement.bounds), strict=True
    ):
        order = max(order_in(statement.equations, u, variable) for u in statement.unknown)
        found.append(dict.fromkeys(places, order - 1) if order else {})
    return tuple(found)


def jumping_coefficients(statement: Statement) -> list[str]:
    """Warnings for coefficients of the highest derivatives that jump.

    sympy differentiates a Piecewise branch by branch: in (k u')' it omits the jump of k at a breakpoint, and
    the remaining equation is solved with a continuous u'.
    """
    found = []
    for equation in statement.equations:
        for u in statement.unknown:
            for variable, ends in zip(statement.variables, statement.bounds, strict=True):
                order = order_in([equation], u, variable)
                if order < (2 if len(statement.unknown) > 1 else 1):
                    continue  # in a system of first order, fluxes are unknowns already
                leading = u.diff((variable, order))
                place = _jump(equation, leading, variable, ends, statement.variables)
                if place is not None:
                    kept = u.diff((variable, order - 1)) if order > 1 else u
                    found.append(
                        f"the coefficient of {leading} jumps at {variable} = {place:.6g}, where {kept} is "
                        "kept continuous, as derivatives of Piecewise are taken branch by branch; for a "
                        f"continuous flux, coefficient times {kept}, make the flux a second unknown"
                    )
    return found


def _jump(
    equation: Any, leading: Any, variable: Any, ends: tuple[float, float], variables: Sequence[Any]
) -> float | None:
    """The place where the coefficient of a derivative jumps along its variable; None without a jump."""
    stand_in = sympy.Dummy(real=True)
    coefficient = equation.xreplace({leading: stand_in}).diff(stand_in)
    held = coefficient.atoms(sympy.Derivative, AppliedUndef, sympy.Subs)
    coefficient = coefficient.xreplace({each: sympy.Integer(1) for each in held})
    others = coefficient.free_symbols - set(variables)
    coefficient = coefficient.subs(dict.fromkeys(others, 1))
    places = breakpoints([coefficient], [variable], [ends])[0]
    middle = {v: sympy.Float(0.4142) for v in variables if v != variable}
    step = 1e-7 * (ends[1] - ends[0])
    for place in places:
        before, after = (
            complex(coefficient.subs({**middle, variable: place + side * step}).evalf()) for side in (-1, 1)
        )
        if abs(after - before) > 1e-3 * max(abs(before), abs(after)):
            return place
    return None


# Narrow functions


@dataclass(frozen=True, eq=False)
class _Source:
    """An equation on the whole domain, or a condition on a face, where a variable has a fixed value."""

    equation: Equation
    fixed: tuple[int, float] | None

    def meets(self, axis: int, bounds: Sequence[tuple[float, float]]) -> bool:
        """Whether there are lines along an axis in this part of the domain."""
        if self.fixed is None:
            return True
        variable, value = self.fixed
        return variable != axis and bounds[variable][0] <= value <= bounds[variable][1]

    def at(self, points: Float64Array) -> Float64Array:
        """The residual where the outputs are 0, and its derivatives, (n, columns)."""
        if self.fixed is not None:
            points = points.copy()
            points[:, self.fixed[0]] = self.fixed[1]
        equation = self.equation
        with np.errstate(all="ignore"):
            residual, slopes = equation.evaluate(
                points, np.zeros((len(points), equation.channels, equation.n_outputs))
            )
        return np.column_stack([residual, slopes.reshape(len(points), -1)])


class Given:
    """The given functions of a statement, for meshes that resolve them."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        t = set(statement.variables)
        self.sources = [
            _Source(equation, None)
            for equation in statement.compiled_equations
            if not equation.places and _explicit(equation.residual) & t
        ]
        self.on_faces: list[_Source] = []
        for equation, posed in zip(statement.compiled_conditions, statement.posed, strict=True):
            for patch in posed.patches:
                if isinstance(patch.shape, Face) and not equation.places and _explicit(equation.residual) & t:
                    self.on_faces.append(_Source(equation, (patch.shape.variable, patch.shape.value)))
        self.breaks = breakpoints(
            (source.equation.residual for source in (*self.sources, *self.on_faces)),
            statement.variables,
            statement.bounds,
        )

    def cells(self, axis: int, bounds: Sequence[tuple[float, float]]) -> Float64Array:
        """Intervals (low, high) along an axis in which given functions are nearly polynomials, (n, 2).

        The intervals of several lines overlap. Without given functions there are none.

        Parameters
        ----------
        axis
            The number of the variable.
        bounds
            The part of the domain that is considered; conditions on faces outside this part are ignored.
        """
        low, high = bounds[axis]
        room = APART * (high - low)
        inner = [value for value in self.breaks[axis] if low + room < value < high - room]
        ends = [low, *inner, high]
        found = [np.empty((0, 2))]
        for source in (*self.sources, *self.on_faces):
            if not source.meets(axis, bounds):
                continue
            lines = self._lines(source, axis, bounds)
            count = max(DENSE.get(len(bounds), ON_A_LINE) // 2 ** int(np.log2(len(ends) - 1)), 256)
            segments = []
            for first, last in pairwise(ends):
                steps = np.linspace(first, last, count + 1)
                steps[[0, -1]] += np.array([1.0, -1.0]) * 1e-9 * (last - first)
                at = np.repeat(lines, len(steps), axis=0)
                at[:, axis] = np.tile(steps, len(lines))
                values = source.at(at).reshape(len(lines), len(steps), -1)
                segments.append((first, last, values))
            size = np.max([np.abs(values).max(axis=(0, 1)) for *_, values in segments], axis=0)
            for first, last, values in segments:
                found += [_resolved(line, size, first, last) for line in values]
        return np.concatenate(found)

    def _lines(self, source: _Source, axis: int, bounds: Sequence[tuple[float, float]]) -> Float64Array:
        """Points through which lines along an axis pass."""
        if len(bounds) == 1:
            return np.array([[bounds[0][0]]])
        points = sobol(LOOKED, bounds, axis)
        values = source.at(points)
        values = np.abs(np.where(np.isfinite(values), values, 0.0))
        size = values.max(axis=0)
        largest = int(np.argmax((values / np.where(size > 0, size, 1.0)).max(axis=1)))
        most = np.argsort(-values[:, 0], kind="stable")[:2]
        return np.concatenate([points[: LINES - 3], points[most], points[[largest]]])

    def seeing(self, mesh: Mesh, axes: Iterable[int], limit: int) -> Mesh:
        """The mesh, divided until it resolves the given functions or has `limit` basis functions."""
        for axis in axes:
            cells = self.cells(axis, mesh.bounds)
            if not len(cells):
                continue
            cells = cells[np.argsort(cells[:, 0], kind="stable")]
            while True:
                t = mesh.breaks[axis]
                coarse = _wider(t, cells)
                if not coarse.any():
                    break
                finer = mesh.divided(axis, coarse.astype(np.float64), 1.0, 1)
                if finer.n_functions > limit:
                    break
                mesh = finer
        return mesh


def seeing(statement: Statement, mesh: Mesh, limit: int) -> Mesh:
    """The mesh with breakpoints at kinks of given functions, divided until it resolves these functions."""
    mesh = with_kinks(mesh, kinks(statement))
    return Given(statement).seeing(mesh, range(len(mesh.breaks)), limit)


def _wider(t: Float64Array, cells: Float64Array) -> Any:
    """Which intervals between breakpoints are wider than a cell that they intersect."""
    widths = np.diff(t)
    least = np.full(len(widths), np.inf)
    first = np.clip(
        np.searchsorted(t, cells[:, 0] + 1e-9 * widths.min(), side="right") - 1, 0, len(widths) - 1
    )
    last = np.clip(np.searchsorted(t, cells[:, 1] - 1e-9 * widths.min(), side="left") - 1, 0, len(widths) - 1)
    for shift in range(int((last - first).max()) + 1 if len(cells) else 0):
        at = np.minimum(first + shift, last)
        np.minimum.at(least, at, cells[:, 1] - cells[:, 0])
    return widths > 1.001 * least


def _resolved(values: Float64Array, size: Float64Array, low: float, high: float) -> Float64Array:
    """Intervals (low, high) of a line in which its values, (n + 1, columns), are nearly polynomials.

    There are none if values vary from point to point.
    """
    values = np.where(np.isfinite(values), values, 0.0)
    varies = np.ptp(values, axis=0) > ROUGHLY * size
    if not varies.any():
        return np.array([[low, high]])
    values = values[:, varies] / size[varies]
    length = n = len(values) - 1
    blocks, found = np.array([0]), []
    while len(blocks):
        steps = np.arange(length + 1)
        matrix = _interpolation(steps / length)
        nodes = values[blocks[:, None] + steps[:: length // DEGREE]]
        off = np.abs(matrix @ nodes - values[blocks[:, None] + steps])
        rough = (off > ROUGHLY).any(axis=(1, 2))
        if rough.any() and length <= FINEST:
            return np.empty((0, 2))
        found += [(start, length) for start in blocks[~rough]]
        length //= 2
        blocks = np.concatenate([blocks[rough], blocks[rough] + length])
    cells = np.array(found, dtype=np.float64)
    starts = low + (high - low) * cells[:, 0] / n
    return np.column_stack([starts, starts + (high - low) * cells[:, 1] / n])


def _interpolation(x: Float64Array) -> Float64Array:
    """The values at x in [0, 1] of the Lagrange polynomials of equally spaced nodes."""
    nodes = np.arange(DEGREE + 1) / DEGREE
    factors = [np.prod([(x - b) / (a - b) for b in nodes if b != a], axis=0) for a in nodes]
    return np.stack(factors, axis=1)


def _explicit(residual: Any) -> set[Any]:
    """The symbols of an expression outside its unknowns."""
    parts = residual.atoms(sympy.Derivative, AppliedUndef, sympy.Subs)
    return set(residual.xreplace({part: sympy.Dummy() for part in parts}).free_symbols)
