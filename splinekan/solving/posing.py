"""Conditions on the patches of a boundary: real residuals and where their points lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.solving.conditions import Condition, NormalDerivative
from splinekan.solving.patches import Face, Patch, Surface
from splinekan.solving.region import Region
from splinekan.solving.rules import Rule, Sobol


@dataclass(frozen=True, eq=False)
class Posed:
    """A residual on patches or at points; for a periodic condition, minus the residual on the opposite face.

    Attributes
    ----------
    residual
        The residual, without normal derivatives.
    number
        The number of the condition from which it comes.
    weight
        The weight of that condition.
    patches, points
        Where it holds: patches, or points; the other is empty or None.
    opposite
        The number of the variable in which it is periodic, and the value at its lower end; None otherwise.
    """

    residual: Any
    number: int
    weight: float | None
    patches: tuple[Patch, ...] = ()
    points: Float64Array | None = None
    opposite: tuple[int, float] | None = None

    def places(self, rule: Rule) -> tuple[Float64Array, Float64Array, Float64Array | None]:
        """Points, their weights and the opposite points; the weights of each patch have the sum 1."""
        if self.points is not None:
            return self.points, np.full(len(self.points), 1 / len(self.points)), None
        found = [patch.points(rule) for patch in self.patches]
        points, weights = (np.concatenate([each[k] for each in found]) for k in (0, 1))
        if self.opposite is None:
            return points, weights, None
        minus = points.copy()
        minus[:, self.opposite[0]] = self.opposite[1]
        return points, weights, minus


def posed(condition: Condition, number: int, region: Region, closed: set[Any], orders: Any) -> list[Posed]:
    """The residuals of a condition.

    Parameters
    ----------
    condition, number
        The condition, and its number in messages.
    region
        The domain.
    closed
        Variables at whose ends conditions on the whole boundary do not hold: those with initial or periodic
        conditions.
    orders
        A function from an unknown and the number of a variable to the order of the equations in it.

    Raises
    ------
    ValueError
        For places outside the boundary.
    """
    name = f"conditions[{number}]"
    residual, weight, variables = condition.residual, condition.weight, list(region.variables)
    if condition.kind in ("initial", "periodic"):
        if condition.on not in variables:
            raise ValueError(f"{name} must be on a variable of bounds, got {condition.on}")
        i = variables.index(condition.on)
        low, high = region.bounds[i]
        if condition.kind == "initial":
            return _on_patches(residual, number, weight, _faces(name, region, i, low))
        faces = _faces(name, region, i, high)
        _faces(name, region, i, low)
        return [
            Posed(residual.diff((variables[i], k)) if k else residual, number, weight, faces, None, (i, low))
            for k in range(max(orders(residual, i), 1))
        ]
    if isinstance(condition.on, np.ndarray):
        return _at_points(name, condition, number, region)
    if condition.on is None:
        if callable(region.domain) and not hasattr(region.domain, "free_symbols"):
            raise ValueError(
                f"{name}: the boundary of a domain that is a function is unknown: give points on it, or "
                "describe the domain by inequalities of sympy, SignedDistance or Boxes"
            )
        patches = tuple(
            patch
            for patch in region.patches
            if not (isinstance(patch.shape, Face) and variables[patch.shape.variable] in closed)
        )
        if not patches:
            raise ValueError(f"{name}: no boundary is left beside those of {', '.join(map(str, closed))}")
        return _on_patches(residual, number, weight, patches)
    chosen: list[Patch] = []
    for place in condition.on:
        symbol = place if place in variables else getattr(place, "lhs", place)
        if symbol not in variables:
            raise ValueError(f"{name} must be on variables of bounds, got {place}")
        i = variables.index(symbol)
        values = region.bounds[i] if place in variables else (float(place.rhs),)
        for value in values:
            chosen += _faces(name, region, i, value)
    return _on_patches(residual, number, weight, tuple(chosen))


def _faces(name: str, region: Region, i: int, value: float) -> tuple[Patch, ...]:
    """The patches where variable i has the value; inner faces of domains of inequalities are included."""
    found = region.face(i, value)
    low, high = region.bounds[i]
    if not found and not region.is_box and low < value < high:
        sides = [Patch(region, Face(i, value, side, region.bounds)) for side in (-1, 1)]
        found = tuple(patch for patch in sides if len(patch.points(Sobol(256, 0))[0]))
    if not found:
        raise ValueError(
            f"{name}: {region.variables[i]} = {value:g} is not a part of the boundary; the bounds of "
            f"{region.variables[i]} are ({low:g}, {high:g})"
        )
    return found


def _along_normal(residual: Any, patch: Patch) -> Any:
    """The residual with normal derivatives expressed by the normal of the patch."""

    def written(u: Any) -> Any:
        terms = zip(patch.normal, patch.region.variables, strict=True)
        return sum(n * u.diff(v) for n, v in terms if n != 0)

    return residual.replace(NormalDerivative, written)


def _on_patches(residual: Any, number: int, weight: float | None, patches: Sequence[Patch]) -> list[Posed]:
    if not residual.has(NormalDerivative):
        return [Posed(residual, number, weight, tuple(patches))]
    groups: dict[Any, list[Patch]] = {}
    for patch in patches:
        groups.setdefault(_along_normal(residual, patch), []).append(patch)
    return [Posed(form, number, weight, tuple(group)) for form, group in groups.items()]


def _at_points(name: str, condition: Condition, number: int, region: Region) -> list[Posed]:
    points = condition.on
    if points.shape[1] != region.n_variables:
        raise ValueError(f"{name} must be on points of shape (n, {region.n_variables}), got {points.shape}")
    outside = ~region.contains(points)
    if outside.any():
        raise ValueError(f"{name}: the point {points[np.argmax(outside)]} lies outside of the domain")
    residual, weight = condition.residual, condition.weight
    if not residual.has(NormalDerivative):
        return [Posed(residual, number, weight, (), points)]
    left = np.ones(len(points), bool)
    found = []
    for patch in region.patches:
        mine = left & patch.holds(points)
        if mine.any():
            found.append(Posed(_along_normal(residual, patch), number, weight, (), points[mine]))
            left &= ~mine
    if left.any():
        raise ValueError(
            f"{name} holds a normal derivative: its points must lie on the boundary, got "
            f"{points[np.argmax(left)]}"
        )
    return found


__all__ = ["Face", "Posed", "Surface", "posed"]
