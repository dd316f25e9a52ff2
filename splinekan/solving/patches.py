"""Patches of a boundary: their points, and their outward normals as expressions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from splinekan._checks import Float64Array
from splinekan._records import Uncached
from splinekan.solving.formulas import numeric
from splinekan.solving.rules import Cells, Rule, sobol

if TYPE_CHECKING:
    from splinekan.solving.region import Region

ACROSS = 1e-6
"""Distance from a boundary point at which its two sides are examined, in lengths of the box."""
SHELL = 0.15
"""The fraction of random points, the nearest, that is projected onto a zero set."""
NEWTON = 40
EVEN = 1500
"""The largest number of points of a surface that are spread evenly."""
MOST = 2**15


@dataclass(frozen=True)
class Face:
    """A part of the hyperplane where a variable has a value; `side` is the sign of the outward normal."""

    variable: int
    value: float
    side: int
    bounds: tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class Surface:
    """Points where a level is 0 and beyond which, along `side` times its gradient, the domain ends."""

    level: Any
    side: int


@dataclass(frozen=True, eq=False)
class Patch(Uncached):
    """A part of the boundary of a region."""

    region: Region
    shape: Face | Surface

    @cached_property
    def normal(self) -> tuple[Any, ...]:
        """The outward unit normal, an expression per variable."""
        if isinstance(self.shape, Face):
            units = [0] * self.region.n_variables
            units[self.shape.variable] = self.shape.side
            return tuple(map(sympy.Integer, units))
        slopes = [self.shape.level.diff(v) for v in self.region.variables]
        size = sympy.sqrt(sum(slope**2 for slope in slopes))
        return tuple(self.shape.side * slope / size for slope in slopes)

    def points(self, rule: Rule) -> tuple[Float64Array, Float64Array]:
        """Points, (n, d), and weights with the sum 1, for means over the patch; none if it is empty."""
        if isinstance(self.shape, Surface):
            return self._on_surface(rule)
        points, weights = self._on_face(rule, self.shape)
        if not self.region.is_box and len(points):
            keep = self._ends(points, self._unit(points))
            if not self._of_boxes:  # a surface that only touches the face is not part of it
                keep &= self.region.contains(points, 0.0)
            points, weights = points[keep], weights[keep]
            weights = weights / weights.sum() if len(weights) else weights
        return points, weights

    @property
    def _of_boxes(self) -> bool:
        return hasattr(self.region.domain, "boxes")

    def holds(self, points: Float64Array) -> Any:
        """Which points lie on the patch, (n,) booleans."""
        lengths = self.region.lengths
        inside = self.region.contains(points)
        if isinstance(self.shape, Face):
            i = self.shape.variable
            low, high = np.array(self.shape.bounds).T
            room = ACROSS * 1e-2 * lengths
            within = (points >= low - room) & (points <= high + room)
            within[:, i] = np.abs(points[:, i] - self.shape.value) <= room[i]
            return inside & within.all(axis=1)
        found = self._level(points)
        slope = np.linalg.norm(found[:, 1:] * lengths, axis=1)
        return inside & (np.abs(found[:, 0]) <= 1e-8 * slope) & self._ends(points, self._unit(points))

    def _on_face(self, rule: Rule, face: Face) -> tuple[Float64Array, Float64Array]:
        i, d = face.variable, self.region.n_variables
        others = [j for j in range(d) if j != i]
        if not others:
            return np.array([[face.value]]), np.ones(1)
        if isinstance(rule, Cells):
            edges = [_within(rule.edges[j], face.bounds[j]) for j in others]
            along, weights, _ = Cells(edges, rule.order).gauss()
        else:
            along = sobol(max(rule.count, 2), [face.bounds[j] for j in others], rule.seed + i)
            weights = np.full(len(along), 1 / len(along))
        return np.insert(along, i, face.value, axis=1), weights

    def _unit(self, points: Float64Array) -> Float64Array:
        """Outward directions in lengths of the box, (n, d)."""
        if isinstance(self.shape, Face):
            unit = np.zeros_like(points)
            unit[:, self.shape.variable] = self.shape.side
            return unit
        slope = self._level(points)[:, 1:] * self.region.lengths * self.shape.side
        with np.errstate(all="ignore"):
            return np.asarray(slope / np.linalg.norm(slope, axis=1, keepdims=True))

    def _ends(self, points: Float64Array, unit: Float64Array) -> Any:
        """Where the region lies on the inner side and not on the outer side."""
        step = ACROSS * unit * self.region.lengths
        finite: Any = np.isfinite(step).all(axis=1)
        step = np.where(finite[:, None], step, 0.0)
        low, high = np.array(self.region.bounds).T
        inner = np.clip(points - step, low, high)  # a corner of the box has an inner side too
        return finite & self.region.contains(inner, 0.0) & ~self.region.contains(points + step, 0.0)

    @cached_property
    def _level(self) -> Any:
        """Level and gradient."""
        assert isinstance(self.shape, Surface)
        level, variables = self.shape.level, self.region.variables
        return numeric("domain", [level, *(level.diff(v) for v in variables)], variables)

    def _on_surface(self, rule: Rule) -> tuple[Float64Array, Float64Array]:
        if isinstance(rule, Cells):
            widest = sorted(rule.counts)[1:]
            count = int(min(4 * np.prod([rule.order * n for n in widest], dtype=float), MOST))
            seed = count
        else:
            count, seed = rule.count, rule.seed
        found = self._projected(8 * count, seed)
        if len(found) <= count or count > EVEN:
            found = found[:count]
            return found, np.full(len(found), 1 / max(len(found), 1))
        return _spread(found, count, self.region.lengths)

    def _projected(self, count: int, seed: int) -> Float64Array:
        """Random points near the surface, moved onto it along the gradient by Newton's method."""
        (low, high), lengths = np.array(self.region.bounds).T, self.region.lengths
        points = sobol(int(count / SHELL), self.region.bounds, seed)
        for iteration in range(NEWTON):
            found = self._level(points)
            slope = found[:, 1:] * lengths
            with np.errstate(all="ignore"):
                move = -found[:, :1] * slope / np.sum(slope**2, axis=1, keepdims=True)
            size = np.linalg.norm(move, axis=1)
            keep = np.isfinite(size)
            if iteration == 0:
                keep &= size <= np.quantile(size[keep], SHELL) if keep.any() else keep
            points, move, size = points[keep] + move[keep] * lengths, move[keep], size[keep]
            if not len(points) or size.max() <= 4 * np.finfo(np.float64).eps:
                break
        still = size <= 1e-12 if len(points) else np.zeros(0, bool)
        room = 1e-12 * lengths
        still &= ((points >= low - room) & (points <= high + room)).all(axis=1)
        points = np.clip(points[still], low, high)
        ends = self._ends(points, self._unit(points)) if len(points) else np.zeros(0, bool)
        return np.asarray(points[ends])


def _within(edges: Float64Array, ends: tuple[float, float]) -> Float64Array:
    """The edges between two ends, and the ends, within the range of the edges."""
    ends = max(ends[0], edges[0]), min(ends[1], edges[-1])
    room = 1e-9 * (ends[1] - ends[0])
    inner = edges[(edges > ends[0] + room) & (edges < ends[1] - room)]
    return np.concatenate([[ends[0]], inner, [ends[1]]])


def _spread(points: Float64Array, count: int, lengths: Float64Array) -> tuple[Float64Array, Float64Array]:
    """`count` of the points, each as far as possible from the previous points, and their weights."""
    scaled = points / lengths
    nearest = np.zeros(len(points), int)
    distance = np.full(len(points), np.inf)
    chosen = []
    at = 0
    for k in range(count):
        chosen.append(at)
        new = np.sum((scaled - scaled[at]) ** 2, axis=1)
        nearest = np.where(new < distance, k, nearest)
        distance = np.minimum(distance, new)
        at = int(np.argmax(distance))
    return points[chosen], np.bincount(nearest, minlength=count) / len(points)
