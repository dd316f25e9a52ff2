"""Bounds on networks over boxes: ranges of values, slopes, and the effect of a change of splines.

Coefficients bound a spline and its slope on the domain, |s| <= max |c|; the end polynomials bound its
continuation. A change e of the inputs of a layer changes its outputs by at most |slope| e, and a change of
its splines adds to that. All bounds are computed in floating point and widened by a bound on rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any, NamedTuple

import numpy as np

from splinekan._checks import Array, Float64Array
from splinekan.network import KAN, Activation, Affine, Normalizer, SplineLayer
from splinekan.splines.basis import BSplineBasis
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.spacing import unevenness

EPS = float(np.finfo(np.float64).eps)
SILU_LOWEST, SILU_STEEPEST = -1.2784645427610738, 1.0998393194672155
"""The minimiser of x/(1 + exp(-x)), and the largest modulus of its slope."""
TERMS = {"linear": 2, "clamp": 1, "zero": 0, "error": 0}
"""Number of derivatives at the ends of the domain, the value included, on which a continuation depends."""


class Change(NamedTuple):
    """A change of the splines of an input, a column for every output; or several such changes.

    Attributes
    ----------
    inside
        Bound on its modulus in the domain, (m,) or (changes, m).
    ends
        Moduli of its value and derivatives at a and b, (2, terms, ...), on which the continuation depends.
    """

    inside: Float64Array
    ends: Float64Array


@dataclass(frozen=True, eq=False)
class Edge:
    """Bounds on the splines of an input, (m,) for m outputs."""

    knots: KnotVector
    mode: str
    least: Float64Array
    most: Float64Array
    slope: Float64Array
    ends: Float64Array
    at_ends: Float64Array
    """Rows (2, terms, n_basis) that take coefficients to values and derivatives at a and b."""
    rounding: float
    """Bound on the rounding of a value, relative to its parts."""
    base: str | None
    weight: Float64Array
    """|V|, (m,); 0 without a base branch."""

    @staticmethod
    def of(knots: KnotVector, mode: str, c: Float64Array, base: str | None, weight: Float64Array) -> Edge:
        """The bounds for coefficients c, (n_basis, m), and weights V, (m,)."""
        k, unfolded = knots.degree, c[knots.fold]
        steps = np.abs(np.diff(unfolded, axis=0))
        if k == 0:
            widths = np.zeros(len(steps))
            steps = np.vstack([steps, np.ptp(unfolded, axis=0, keepdims=True)])
            widths = np.append(widths, 0.0)
        else:
            widths = (knots.t[k + 1 : -1] - knots.t[1 : -k - 1]) / k
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            slopes = np.where(steps == 0, 0.0, steps / widths[:, None])
        terms = 0 if knots.periodic else TERMS.get(mode, k + 1)
        basis = BSplineBasis(knots)
        rows = [basis.tabulate(np.array(knots.domain), order) for order in range(min(terms, k + 1))]
        at_ends = np.stack(rows, axis=1) if rows else np.zeros((2, 0, knots.n_basis))
        uneven = unevenness(knots.inner) if knots.is_uniform else 0.0
        return Edge(
            knots,
            mode,
            unfolded.min(axis=0),
            unfolded.max(axis=0),
            slopes.max(axis=0, initial=0.0),
            np.asarray(at_ends @ c),
            np.asarray(at_ends, dtype=np.float64),
            64 * (k + 2) * EPS + 16 * (k + 1) * uneven,
            base,
            np.abs(weight),
        )

    def _beyond(self, low: float, high: float) -> tuple[float, float]:
        """The distances by which a range extends below a and above b."""
        if self.knots.periodic:
            return 0.0, 0.0
        a, b = self.knots.domain
        return max(a - low, 0.0), max(high - b, 0.0)

    def range(self, low: float, high: float) -> tuple[Float64Array, Float64Array]:
        """Bounds on the values for inputs in [low, high]; V s(x) is not among them."""
        least, most = self.least, self.most
        for end, beyond in zip(self.ends, self._beyond(low, high), strict=True):
            if beyond > 0:
                value = end[0] if len(end) else np.zeros_like(least)
                reach = _taylor(np.abs(end[1:]), beyond, 1)
                least, most = np.minimum(least, value - reach), np.maximum(most, value + reach)
        return least, most

    def steepest(self, low: float, high: float) -> Float64Array:
        """Bound on the Lipschitz constants for inputs in [low, high], V s(x) included."""
        slope = self.slope
        for end, beyond in zip(self.ends, self._beyond(low, high), strict=True):
            if beyond > 0 and self.mode == "zero":
                slope = np.where(np.abs(self.least) + np.abs(self.most) > 0, np.inf, slope)
            elif beyond > 0 and self.mode == "error":  # a change may turn a value into an error
                slope = np.full_like(slope, np.inf)
            elif beyond > 0:
                slope = np.maximum(slope, _taylor(np.abs(end[1:]), beyond, 0))
        return slope + self.weight * (SILU_STEEPEST if self.base == "silu" else 1.0)

    def change(self, change: Change, low: float, high: float) -> Float64Array:
        """Bound on a change of the splines for inputs in [low, high]."""
        size = change.inside
        for end, beyond in zip(change.ends, self._beyond(low, high), strict=True):
            if beyond > 0:
                size = np.maximum(size, _taylor(end, beyond, 0))
        return size

    def rounded(self, low: float, high: float) -> Float64Array:
        """Bound on the rounding of the values for inputs in [low, high]."""
        least, most = self.range(low, high)
        base = self.weight * max(abs(low), abs(high))
        return self.rounding * (np.maximum(np.abs(least), np.abs(most)) + base)


def edges_of(layer: SplineLayer, params: Array) -> list[Edge]:
    """The bounds for every input of a spline layer in the spline basis."""
    views = layer.unpack(params)
    c, nothing = views["coefficients"], np.zeros(layer.n_out)
    weights = views.get("base", [nothing] * layer.n_in)
    each = zip(layer.knots, c, weights, strict=True)
    return [Edge.of(knots, layer.extrapolate, own, layer.base, weight) for knots, own, weight in each]


class Box(NamedTuple):
    """Ranges of a layer's inputs, and bounds on their change by earlier layers, (n_in,) each."""

    low: Float64Array
    high: Float64Array
    moved: Float64Array


Changes = Sequence[Change | None]


def through(network: KAN, pieces: Sequence[Any], box: Box, changes: Sequence[Changes | None]) -> list[Box]:
    """The boxes that enter every layer, and the box of the outputs.

    `pieces` holds `edges_of` of every spline layer, and the parameters of the others; `changes` holds for
    every spline layer the change of the splines of each input, None for no change.
    """
    boxes = [box]
    with np.errstate(over="ignore", invalid="ignore"):
        for layer, piece, change in zip(network.layers, pieces, changes, strict=True):
            boxes.append(_widened(step(layer, piece, boxes[-1], change)))
    return boxes


def step(layer: Any, piece: Any, box: Box, changes: Changes | None = None) -> Box:
    """The box of a layer's outputs.

    Raises
    ------
    TypeError
        For layers of other classes than those of the package.
    """
    low, high, moved = box
    if type(layer) is SplineLayer:
        return _splines(layer, piece, box, changes)
    if type(layer) is Affine:
        views = layer.unpack(piece)
        weight, bias = views["weight"], views.get("bias", 0.0)
        up, down = np.maximum(weight, 0.0), np.minimum(weight, 0.0)
        sizes = np.maximum(np.abs(low), np.abs(high)) @ np.abs(weight) + np.abs(bias)
        error = np.where(moved.any(), 8 * len(low) * EPS * sizes, 0.0)
        return Box(
            low @ up + high @ down + bias, high @ up + low @ down + bias, moved @ np.abs(weight) + error
        )
    if type(layer) not in (Activation, Normalizer):
        raise TypeError(f"a layer of the class {type(layer).__qualname__} has no bounds")
    ends = layer.value(np.zeros(0), np.stack([low, high]))
    least, most = ends.min(axis=0), ends.max(axis=0)
    if getattr(layer, "kind", "") == "silu":
        lowest = SILU_LOWEST / (1 + np.exp(-SILU_LOWEST))
        least = np.where((low < SILU_LOWEST) & (high > SILU_LOWEST), lowest, least)
    slope = _steepest(layer, low - moved, high + moved)
    error = np.where(moved > 0, 16 * EPS * (np.abs(least) + np.abs(most) + slope * np.abs(high - low)), 0.0)
    return Box(least, most, np.where(moved > 0, slope * moved, 0.0) + error)


def _splines(layer: SplineLayer, edges: Sequence[Edge], box: Box, changes: Changes | None) -> Box:
    low, high, total = np.zeros((3, layer.n_out))
    for p, (edge, a, b, moved) in enumerate(zip(edges, *box, strict=True)):
        least, most = edge.range(a, b)
        own = _base_range(edge.base, a, b)
        base = edge.weight * max(-own[0], own[1], 0.0)
        low, high = low + least - base, high + most + base
        change = None if changes is None else changes[p]
        left, right = a - moved, b + moved
        if moved > 0:
            steepest = edge.steepest(left, right)
            total = total + np.where(steepest > 0, steepest * moved, 0.0)
        if change is not None:
            total = total + edge.change(change, left, right)
        if moved > 0 or change is not None:
            total = total + 2 * edge.rounded(left, right)
    if total.any():
        total = total + 2 * layer.n_in * EPS * np.maximum(np.abs(low), np.abs(high))
    return Box(low, high, total)


def _base_range(base: str | None, low: float, high: float) -> tuple[float, float]:
    """A range of s on [low, high]."""
    if base != "silu":
        return low, high
    return min(low, -0.2785, 0.0) if low < -0.2785 else low, max(high, 0.0)


def _steepest(layer: Any, low: Array, high: Array) -> Float64Array:
    """Bound on the slopes of an elementwise layer for inputs in [low, high], (width,)."""
    if isinstance(layer, Normalizer):
        a, b, c, d = layer._ends
        factor = {"sigmoid": 0.25, "tanh": 0.5}.get(layer.kind, 1.0 / (d - c))
        return np.broadcast_to((b - a) * factor * (1 + 4 * EPS), low.shape)
    if layer.kind == "power_relu":
        steep: Float64Array = layer.degree * np.maximum(high, 0.0) ** (layer.degree - 1)
        return steep
    known = {"relu": 1.0, "tanh": 1.0, "sigmoid": 0.25, "silu": SILU_STEEPEST}
    return np.full(low.shape, known[layer.kind])


def _taylor(derivatives: Float64Array, length: float, first: int) -> Float64Array:
    """sum_j derivatives_j length^(j + first)/(j + first)!."""
    total = np.zeros(derivatives.shape[1:])
    for j, size in enumerate(derivatives, first):
        total = total + np.where(size > 0, size * (length**j / factorial(j)), 0.0)
    return total


def _widened(box: Box) -> Box:
    """A box widened by its own rounding; infinite in place of NaN."""
    low, high, moved = box
    margin = 1e-12 * np.maximum(np.abs(low), np.abs(high))
    return Box(
        np.nan_to_num(low - margin, nan=-np.inf, posinf=np.inf, neginf=-np.inf),
        np.nan_to_num(high + margin, nan=np.inf, posinf=np.inf, neginf=-np.inf),
        np.nan_to_num(moved * (1 + 1e-12), nan=np.inf, posinf=np.inf),
    )
