"""Conditions imposed exactly: u = g + B v, where g satisfies the conditions and B vanishes where they hold.

g is the Boolean sum of interpolants along each variable (transfinite interpolation: Gordon & Hall 1973,
Numer. Math. 21): with P_i the interpolant of the data on the faces of variable i, g_i = g_{i-1} +
P_i(data - g_{i-1}). It interpolates the data on all faces if these agree where faces meet. B is the product
over the variables of the distances to the faces with data, squared where a velocity is also given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from splinekan.solving.conditions import Condition
from splinekan.solving.formulas import numeric
from splinekan.solving.region import Region
from splinekan.solving.rules import sobol

AGREEMENT = 1e-9
"""Data agree at edges and corners if their relative difference is at most this."""
TRIALS = 64
KINKED = (
    sympy.Piecewise,
    sympy.Abs,
    sympy.sign,
    sympy.Heaviside,
    sympy.Max,
    sympy.Min,
    sympy.floor,
    sympy.ceiling,
    sympy.frac,
    sympy.Mod,
)


@dataclass(frozen=True, eq=False)
class ExactConditions:
    """Forms of the unknowns in which some conditions hold for any network.

    Attributes
    ----------
    lifts, factors
        g and B of every unknown; 0 and 1 if nothing is imposed.
    conditions
        The remaining conditions.
    notes
        The reasons why conditions were not imposed.
    """

    lifts: tuple[Any, ...]
    factors: tuple[Any, ...]
    conditions: tuple[Condition, ...]
    notes: tuple[str, ...]

    @property
    def imposes(self) -> bool:
        """Whether any condition is imposed."""
        return any(factor != 1 for factor in self.factors)


@dataclass
class _Side:
    """Data at an end of a variable: the value, possibly a velocity, and the conditions that give them."""

    value: Any = None
    velocity: Any = None
    source: tuple[int, ...] = ()


def exact_conditions(
    conditions: Sequence[Condition], unknown: Sequence[Any], region: Region
) -> ExactConditions:
    """The conditions u = value on whole faces, and initial velocities, imposed exactly.

    Other conditions remain, as do all conditions of an unknown whose data do not agree at edges and corners
    or have kinks or jumps, and conditions on domains other than boxes.
    """
    lifts, factors, notes, imposed = [], [], [], set()
    for u in unknown:
        sides = _sides(conditions, u, region)
        lift, factor = _form(sides, region)
        if factor != 1 and any(_has_kinks(v) for s in sides.values() for v in (s.value, s.velocity)):
            notes.append(f"values of {u.func} with kinks or jumps are imposed by weights")
            lift, factor = sympy.Integer(0), sympy.Integer(1)
        if factor != 1 and not _agrees(lift, sides, region):
            notes.append(f"the conditions on {u.func} disagree where faces meet, and are imposed by weights")
            lift, factor = sympy.Integer(0), sympy.Integer(1)
        if factor != 1:
            imposed |= {number for side in sides.values() for number in side.source}
        lifts.append(lift)
        factors.append(factor)
    kept = tuple(c for number, c in enumerate(conditions) if number not in imposed)
    return ExactConditions(tuple(lifts), tuple(factors), kept, tuple(notes))


def _sides(conditions: Sequence[Condition], u: Any, region: Region) -> dict[tuple[int, int], _Side]:
    """The data of an unknown by (variable, end); the first of several conditions on a face."""
    sides: dict[tuple[int, int], _Side] = {}
    if not region.is_box:
        return sides
    timed = {c.on for c in conditions if c.kind == "initial"}
    closed = timed | {c.on for c in conditions if c.kind == "periodic"}
    for number, c in enumerate(conditions):
        read = _read(c, u)
        if read is None:
            continue
        order, value = read
        faces = _faces(c, region, closed)
        if faces is None or (order == 1 and c.kind != "initial"):
            continue
        taken = [
            face for face in faces if getattr(sides.get(face), ("value", "velocity")[order], None) is not None
        ]
        if taken:
            continue  # remains, and contradicts or repeats another condition
        for face in faces:
            side = sides.setdefault(face, _Side())
            setattr(side, ("value", "velocity")[order], value)
            side.source += (number,)
    return {face: side for face, side in sides.items() if side.value is not None}


def _has_kinks(value: Any) -> bool:
    """Whether g would not be smooth: derivatives of its branches would miss the jumps between them."""
    return value is not None and bool(sympy.sympify(value).atoms(*KINKED))


def _read(condition: Condition, u: Any) -> tuple[int, Any] | None:
    """(0, value) for u - value = 0, (1, value) for u_t - value = 0; None for other conditions."""
    if condition.kind not in ("dirichlet", "initial"):
        return None
    for order, leading in ((0, u), (1, u.diff(condition.on) if condition.kind == "initial" else None)):
        if leading is None:
            continue
        value = sympy.expand(leading - condition.residual)
        known = value.free_symbols <= set(u.args) and not value.atoms(AppliedUndef)
        if known:
            return order, leading - condition.residual
    return None


def _faces(condition: Condition, region: Region, closed: set[Any]) -> list[tuple[int, int]] | None:
    """The whole faces (variable, end) of a condition; None if it holds elsewhere."""
    variables = list(region.variables)
    if condition.kind == "initial":
        return [(variables.index(condition.on), 0)] if condition.on in variables else None
    if condition.on is None:
        return [(i, end) for i, v in enumerate(variables) if v not in closed for end in (0, 1)]
    if isinstance(condition.on, np.ndarray):
        return None
    faces = []
    for place in condition.on:
        whole = place in variables
        symbol = place if whole else place.lhs
        if symbol not in variables:
            return None
        i = variables.index(symbol)
        ends = [end for end in (0, 1) if whole or float(place.rhs) == region.bounds[i][end]]
        if not ends:
            return None
        faces += [(i, end) for end in ends]
    return faces


def _form(sides: dict[tuple[int, int], _Side], region: Region) -> tuple[Any, Any]:
    lift, factor = sympy.Integer(0), sympy.Integer(1)
    for i, x in enumerate(region.variables):
        low, high = (sides.get((i, end)) for end in (0, 1))
        if low is None and high is None:
            continue
        a, b = (_exact(end) for end in region.bounds[i])
        part = (x - a) / (b - a)

        def left(side: _Side, at: Any, x: Any = x, lift: Any = lift) -> Any:
            return (side.value - lift).subs(x, at)

        if low is not None and high is not None and low.velocity is None:
            lift += left(low, a) * (1 - part) + left(high, b) * part
            factor *= 4 * part * (1 - part)
        elif low is not None and low.velocity is not None:
            speed = (low.velocity - lift.diff(x)).subs(x, a)
            start = left(low, a)
            if high is None:
                lift += start + (x - a) * speed
                factor *= part**2
            else:
                end = left(high, b) - start - (b - a) * speed
                lift += start + (x - a) * speed + part**2 * end
                factor *= sympy.Rational(27, 4) * part**2 * (1 - part)
        elif low is not None:
            lift += left(low, a)
            factor *= part
        elif high is not None:
            lift += left(high, b)
            factor *= 1 - part
    return lift, factor


def _agrees(lift: Any, sides: dict[tuple[int, int], _Side], region: Region) -> bool:
    """Whether the lift matches all data at random points of the faces, relative to the largest data."""
    found = []
    for (i, end), side in sides.items():
        x = region.variables[i]
        points = sobol(TRIALS, region.bounds, 0)
        points[:, i] = region.bounds[i][end]
        pairs = [(side.value, lift)]
        if side.velocity is not None:
            length = _exact(float(region.lengths[i]))
            pairs.append((side.velocity * length, lift.diff(x) * length))
        try:
            values = numeric("conditions", [form for pair in pairs for form in pair], region.variables)(
                points
            )
        except ValueError:
            return False
        found.append(values)
    size = max(float(np.abs(values).max()) for values in found)
    return all(np.abs(v[:, ::2] - v[:, 1::2]).max() <= AGREEMENT * size for v in found)


def _exact(number: float) -> Any:
    """A float as an exact rational number."""
    return sympy.Rational(*float(number).as_integer_ratio())
