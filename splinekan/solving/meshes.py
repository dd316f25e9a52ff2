"""Meshes of tensor-product splines: networks, collocation points, and indicators for refinement.

The residual of a spline of degree k on a mesh with intervals h consists, up to rounding, of the part of the
solution that the spline cannot represent. Along an axis that is about the last term of its expansion in an
interval: the derivative
of order k is constant there, and a polynomial of degree k - o whose leading coefficient is
u^(k) / (k - o)! deviates from those of lower degree by 2 (h/4)^(k-o) times that coefficient (Chebyshev). The
contribution of the derivative of order o is this deviation times the derivative of the residual with respect
to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array
from splinekan.network import KAN, TensorSplineLayer
from splinekan.objectives.pinn import PINN
from splinekan.solving.region import Region
from splinekan.solving.rules import Cells
from splinekan.splines.basis import BSplineBasis
from splinekan.splines.knot_vector import KnotVector

OVERSAMPLING = 1.5
"""Least number of points per function along an axis."""
ORDER = 3
"""Gauss points per cell along an axis."""
SNAP = 2.0**-40
"""Knots in [-1, 1] are multiples of this, unless intervals are tiny."""
LEVELS = (0.0, 1.0, -1.0)
"""Constant functions that serve as starts, in units of the scales of the unknowns."""
FLOOR = 1e-3
"""Lower bound on the terms of an equation, relative to their size for unknowns that vary on the scale of the
domain: for constant unknowns all terms are rounding errors."""
SPARE = 0.02
"""Admitted contribution of merged intervals, relative to the tolerance."""
SAFETY = 0.5
"""Target of a new mesh, relative to the tolerance."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Breakpoints of every variable, in the units of the variables.

    Attributes
    ----------
    breaks
        Breakpoints of every variable, increasing from its lower to its upper bound.
    degrees, periodic
        Degree and periodicity of the splines along each variable.
    kinks
        For each variable the breakpoints where the splines have fewer continuous derivatives than elsewhere,
        because of repeated knots, with the number of derivatives; empty if there are none.
    """

    breaks: tuple[Float64Array, ...]
    degrees: tuple[int, ...]
    periodic: tuple[bool, ...]
    kinks: tuple[Mapping[float, int], ...] = ()

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """An interval per variable."""
        return tuple((float(t[0]), float(t[-1])) for t in self.breaks)

    @property
    def intervals(self) -> tuple[int, ...]:
        """The number of intervals of every variable."""
        return tuple(len(t) - 1 for t in self.breaks)

    @property
    def n_functions(self) -> int:
        """The dimension of the space of splines."""
        along = zip(self.intervals, self.degrees, self.periodic, strict=True)
        more = [int(np.sum(self.multiplicities(i) - 1)) for i in range(len(self.breaks))]
        counts = [n if periodic else n + k for n, k, periodic in along]
        return int(np.prod(np.add(counts, more)))

    def multiplicities(self, axis: int) -> NDArray[np.int64]:
        """The multiplicities of the knots at the inner breakpoints along an axis."""
        t, k = self.breaks[axis], self.degrees[axis]
        found = np.ones(max(len(t) - 2, 0), np.int64)
        for value, smooth in self.kinks[axis].items() if self.kinks else ():
            found[t[1:-1] == value] = max(k - smooth, 1)
        return found

    def layer(self, n_out: int) -> TensorSplineLayer:
        """The layer of these splines, for inputs in [-1, 1]."""
        knots = []
        for axis, (t, k, periodic) in enumerate(zip(self.breaks, self.degrees, self.periodic, strict=True)):
            repeats = self.multiplicities(axis)
            often: Any = repeats if (repeats > 1).any() else 1
            unit = 2 * (t - t[0]) / (t[-1] - t[0]) - 1
            if np.diff(unit).min() > SNAP * 2**20:  # intervals halved alike share their tables
                unit = np.round(unit / SNAP) * SNAP
            unit[[0, -1]] = -1.0, 1.0
            if periodic:
                knots.append(KnotVector.extended(unit, k, often, periodic=True))
            else:
                # Repeated end knots make the basis well conditioned at the ends too.
                knots.append(KnotVector.clamped(unit, k, often))
        return TensorSplineLayer(knots, n_out)

    def network(self, n_out: int) -> KAN:
        """The layer as a network."""
        return KAN((self.layer(n_out),))

    def rule(self, shifted: bool = False) -> Cells:
        """Cells of collocation points; `shifted` for other points, which are not used in training."""
        edges = []
        for axis, (t, k, periodic) in enumerate(zip(self.breaks, self.degrees, self.periodic, strict=True)):
            at = 1 + np.flatnonzero(self.multiplicities(axis) > 1)
            ends = [0, *at.tolist(), len(t) - 1]
            parts = [_cells(t[a : b + 1], k, periodic and len(ends) == 2, shifted) for a, b in pairwise(ends)]
            edges.append(np.concatenate([parts[0], *(part[1:] for part in parts[1:])]))
        return Cells(edges, ORDER)

    def divided(self, axis: int, parts: Float64Array, aim: float, most: int = 2) -> Mesh:
        """The mesh with intervals divided along an axis if their parts of the residual exceed `aim`.

        They are halved as often as the order of the splines requires, at most `most` times; neighbours are
        graded. The spaces are nested.
        """
        t = self.breaks[axis]
        order = max(self.degrees[axis] - 2, 1)
        if not aim > 0:  # the parts do not explain the residual
            return self.divided(axis, np.ones_like(parts), 1.0, 1)
        times = np.ceil(np.log2(np.maximum(parts / (SAFETY * aim), 1e-300)) / order)
        times = np.clip(times, 0, most)
        widths = np.diff(t)
        periodic = self.periodic[axis]
        for _ in range(len(t)):
            size = widths / 2**times
            left, right = np.roll(size, 1), np.roll(size, -1)
            if not periodic:
                left[0] = right[-1] = np.inf
            coarse = size > 2.001 * np.minimum(left, right)
            if not coarse.any():
                break
            times[coarse] += 1
        pieces = [
            a + (b - a) * np.arange(2**n) / 2**n
            for a, b, n in zip(t[:-1], t[1:], times.astype(int), strict=True)
        ]
        finer = np.append(np.concatenate(pieces), t[-1])
        return replace(self, breaks=tuple(finer if i == axis else b for i, b in enumerate(self.breaks)))

    def merged(self, axis: int, parts: Float64Array, aim: float) -> tuple[Mesh, Float64Array]:
        """The mesh with pairs of equal intervals along an axis merged if their parts stay far below `aim`.

        The new parts are returned too.
        """
        t = self.breaks[axis]
        widths = np.diff(t)
        growth = 2.0 ** self.degrees[axis]
        keep = np.ones(len(t), bool)
        kept = np.isin(t, list(self.kinks[axis]) if self.kinks else [])
        joined = []
        i = 0
        while i < len(widths):
            w, pair = widths[i], parts[i : i + 2].max()
            equal = i + 1 < len(widths) and abs(widths[i + 1] - w) < 1e-6 * w
            left = widths[i - 1] if i else np.inf
            right = widths[i + 2] if i + 2 < len(widths) else np.inf
            graded = left > 0.999 * w and right > 0.999 * w
            if equal and graded and not kept[i + 1] and growth / SPARE * pair < aim:
                keep[i + 1] = False
                joined.append(growth * pair)
                i += 2
            else:
                joined.append(parts[i])
                i += 1
        if keep.all() or keep.sum() - 1 < 4:
            return self, parts
        breaks = tuple(t[keep] if j == axis else b for j, b in enumerate(self.breaks))
        return replace(self, breaks=breaks), np.array(joined)


def _cells(t: Float64Array, k: int, periodic: bool, shifted: bool) -> Float64Array:
    """Edges of cells between breakpoints; `shifted` for different cells."""
    n = len(t) - 1
    functions = n if periodic else n + k
    pieces = int(np.ceil(OVERSAMPLING * functions / (ORDER * n))) + shifted
    share = np.arange(pieces) / pieces
    inner = (t[:-1, None] + np.diff(t)[:, None] * share).ravel()
    cells = np.append(inner, t[-1])
    if periodic:
        return cells
    # Thin cells at the ends, since no points lie beyond the ends.
    first = cells[0] + 0.2 * (cells[1] - cells[0])
    last = cells[-1] - 0.2 * (cells[-1] - cells[-2])
    return np.concatenate([cells[:1], [first], cells[1:-1], [last], cells[-1:]])


@dataclass(frozen=True, eq=False)
class Residual:
    """A residual and its contributions.

    Attributes
    ----------
    relative
        The root mean square residual of every equation, relative to the largest of its terms.
    parts
        The unrepresented part for every axis and interval, relative to the largest term.
    sizes
        The root mean square of the largest term of every equation, and of every condition.
    """

    relative: float
    parts: tuple[Float64Array, ...]
    sizes: tuple[float, ...] = ()

    @property
    def largest(self) -> tuple[float, ...]:
        """The largest part along every axis."""
        return tuple(float(each.max()) for each in self.parts)


def measured(
    pinn: PINN, theta: Float64Array, mesh: Mesh, n_equations: int, region: Region, n_conditions: int
) -> Residual:
    """The residuals of all blocks, the equations first, and their contributions.

    An equation is compared with the root mean square of the largest of its terms, or with `FLOOR` times that
    of other unknowns of the same size; a condition, whose terms may all be small, with the latter.
    """
    layer: Any = pinn.network.layers[0]
    d, m = layer.n_in, layer.n_out
    coefficients = theta[: layer.n_parameters].reshape(layer.shape)
    last = [_last_derivative(layer, coefficients, axis, mesh, region) for axis in range(d)]
    rates = [2 / (high - low) for low, high in mesh.bounds]
    found = [_Terms() for _ in pinn.blocks[: n_equations + n_conditions]]
    inner = np.zeros(m)
    for part in pinn.parts(theta):
        if part.block >= len(found):  # data, which the unknowns need not match
            continue
        weights = np.asarray(pinn.blocks[part.block].weight)[part.start : part.start + len(part.residual)]
        found[part.block].add(part, np.sqrt(weights), m)
    for terms in found[:n_equations]:
        inner = np.maximum(inner, terms.sizes())
    relative, parts = 0.0, [np.zeros(n) for n in mesh.intervals]
    for number, terms in enumerate(found):
        scale = terms.scale()
        expected = terms.expected(pinn._equations[number], inner, rates)
        scale = max(scale, expected * (FLOOR if number < n_equations else 1.0))
        if not scale > 0:
            continue
        share = terms.residual() / scale
        relative = max(relative, share)
        equation: Any = pinn._equations[number]
        own = []
        for axis in range(d):
            k, h = mesh.degrees[axis], 2 * np.diff(mesh.breaks[axis]) / np.ptp(mesh.breaks[axis])
            missing = np.zeros(len(h))
            for order, slope in _by_order(equation, terms.slopes, axis):
                if order <= k:
                    size = 2 * (h / 4) ** (k - order) / factorial(k - order) if order < k else np.ones_like(h)
                    missing += size * (last[axis] @ slope) * rates[axis] ** order / factorial(order)
            own.append(missing / scale)
        largest = max(float(each.max()) for each in own)
        for axis, each in enumerate(own):
            # The parts of a condition are scaled to the measured residual.
            factor = 1.0 if number < n_equations else min(share / max(largest, 1e-300), 1e6)
            parts[axis] = np.maximum(parts[axis], factor * each)
    return Residual(relative, tuple(parts), tuple(terms.scale() for terms in found))


class _Terms:
    """Sums over the points of a block: the residual, its terms, and its derivatives."""

    def __init__(self) -> None:
        self.count, self.squares, self.largest, self.values = 0, 0.0, 0.0, 0.0
        self.slopes: Any = 0.0

    def add(self, part: Any, root: Float64Array, m: int) -> None:
        divisor = np.where(root > 0, root, 1.0)[:, None, None]
        slope = part.cotangents[0][:, :, :m] / divisor
        jets = part.sides[0].output[:, :, :m]
        terms = slope * jets
        rest = part.unweighted - terms.sum(axis=(1, 2))
        self.count += len(root)
        self.squares += float(part.unweighted @ part.unweighted)
        self.largest += float(np.sum(np.maximum(np.abs(terms).max(axis=(1, 2)), np.abs(rest)) ** 2))
        self.values = self.values + np.sum(jets[:, 0] ** 2, axis=0)
        self.slopes = np.maximum(self.slopes, np.abs(slope).max(axis=0))

    def residual(self) -> float:
        return float(np.sqrt(self.squares / self.count))

    def scale(self) -> float:
        return float(np.sqrt(self.largest / self.count))

    def expected(self, equation: Any, inner: Float64Array, rates: list[float]) -> float:
        """The size of the residual for unknowns of these sizes that vary on the scale of the domain."""
        found = float(self.slopes[0] @ inner)
        for axis, rate in enumerate(rates):
            for order, slope in _by_order(equation, self.slopes, axis)[1:]:
                found = max(found, float(slope @ inner) * rate**order)
        return found

    def sizes(self) -> Float64Array:
        return np.asarray(np.sqrt(self.values / self.count))


def _by_order(equation: Any, slopes: Float64Array, axis: int) -> list[tuple[int, Float64Array]]:
    """(order of differentiation along an axis, the largest derivatives of the residual by unknown)."""
    found = [(0, slopes[0])]
    channel = 1
    for direction, count in zip(equation.directions, equation.orders, strict=True):
        for order in range(1, count + 1):
            if direction[axis] != 0:
                found.append((order, slopes[channel] * abs(direction[axis]) ** order))
            channel += 1
    return found


def _last_derivative(
    layer: Any, coefficients: Float64Array, axis: int, mesh: Mesh, region: Region
) -> Float64Array:
    """The largest |u^(k)| along an axis over the other axes, for every interval and output."""
    knots = layer.knots[axis]
    t = knots.breakpoints
    middle = (t[1:] + t[:-1]) / 2
    values = np.abs(np.tensordot(BSplineBasis(knots).tabulate(middle, knots.degree), coefficients, (1, axis)))
    if not region.is_box:  # nothing determines coefficients outside the domain
        others = [i for i in range(layer.n_in) if i != axis]
        along = [middle, *(np.asarray(layer.knots[i].greville) for i in others)]
        grids = np.meshgrid(*along, indexing="ij")
        points = np.empty((grids[0].size, layer.n_in))
        for i, grid in zip((axis, *others), grids, strict=True):
            low, high = mesh.bounds[i]
            points[:, i] = np.clip(low + (high - low) * (grid.ravel() + 1) / 2, low, high)
        values = values * region.contains(points).reshape(grids[0].shape)[..., None]
    over = tuple(range(1, values.ndim - 1))
    return np.asarray(values.max(axis=over) if over else values)


def interpolated(layer: TensorSplineLayer, mesh: Mesh, values: Any) -> Float64Array:
    """The coefficients of the interpolant of a function of points in the units of the variables."""
    low, high = np.array(mesh.bounds, dtype=np.float64).T

    def function(unit: Float64Array) -> Float64Array:
        return np.asarray(values(np.clip(low + (high - low) * (unit + 1) / 2, low, high)))

    return layer.interpolate(function)


def constant_start(pinn: PINN, theta: Float64Array) -> Float64Array:
    """The parameters of the first of a few constant functions at which the residual is finite.

    Raises
    ------
    ValueError
        If there is no such function.
    """
    own = pinn.network.layers[0].n_parameters
    for level in LEVELS:  # B-splines have the sum 1
        theta = np.concatenate([np.full(own, level), theta[own:]])
        if np.isfinite(pinn.value(theta)):
            return theta
    raise ValueError(
        f"equations must have a finite residual at one of the constant functions {LEVELS}, times the scales "
        "of the unknowns"
    )


def with_kinks(mesh: Mesh, kinks: Sequence[Mapping[float, int]]) -> Mesh:
    """The mesh with breakpoints at the kinks inside its bounds, and nearly equal intervals between them."""
    breaks = []
    for t, places in zip(mesh.breaks, kinks, strict=True):
        inside = sorted(value for value in places if t[0] < value < t[-1])
        ends = [t[0], *inside, t[-1]]
        counts = [max(round((len(t) - 1) * (b - a) / (t[-1] - t[0])), 1) for a, b in pairwise(ends)]
        pieces = [np.linspace(a, b, n + 1)[:-1] for (a, b), n in zip(pairwise(ends), counts, strict=True)]
        breaks.append(np.append(np.concatenate(pieces), t[-1]) if inside else t)
    return replace(mesh, breaks=tuple(breaks), kinks=tuple(kinks))


def uniform(
    bounds: Sequence[tuple[float, float]],
    counts: Sequence[int],
    degrees: Sequence[int],
    periodic: Sequence[bool],
) -> Mesh:
    """The mesh with equal intervals."""
    breaks = tuple(np.linspace(low, high, n + 1) for (low, high), n in zip(bounds, counts, strict=True))
    return Mesh(breaks, tuple(degrees), tuple(periodic))
