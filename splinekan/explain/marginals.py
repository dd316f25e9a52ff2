"""Distributions of single inputs as quadrature rules: uniform on an interval, or empirical."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from splinekan._checks import Float64Array
from splinekan.model import Model
from splinekan.network import Normalizer
from splinekan.network.domains import Interval, one_each
from splinekan.splines.quadrature import gauss_points

PANELS = 8
"""Number of equal pieces of an interval if the breakpoints of the function are not known."""


class Rule(NamedTuple):
    """Nodes and weights with sum 1: the mean of a function of an input is weights @ function(nodes)."""

    nodes: Float64Array
    weights: Float64Array


class Uniform(NamedTuple):
    """The uniform distribution on [low, high], with the ends of its pieces."""

    pieces: Float64Array

    def rule(self, points: int) -> Rule:
        """Gauss points in every piece, exact for piecewise polynomials of degree 2 points - 1."""
        nodes, weights = gauss_points(self.pieces, points)
        return Rule(nodes, weights / (self.pieces[-1] - self.pieces[0]))

    def quantile(self, u: Float64Array) -> Float64Array:
        """low + u (high - low)."""
        low, high = self.pieces[0], self.pieces[-1]
        return np.asarray(np.clip(low + (high - low) * u, low, high))


class Empirical(NamedTuple):
    """The empirical distribution of samples: distinct values, increasing, with their shares."""

    values: Float64Array
    shares: Float64Array

    @classmethod
    def of(cls, column: Float64Array, weights: Float64Array) -> Empirical:
        """The distribution of a column whose samples have these shares."""
        values, where = np.unique(column, return_inverse=True)
        shares = np.bincount(where, weights, minlength=len(values)).astype(np.float64)
        return cls(values[shares > 0], shares[shares > 0])

    def rule(self, points: int) -> Rule:
        """The values themselves, whatever the number of points."""
        return Rule(self.values, self.shares)

    def quantile(self, u: Float64Array) -> Float64Array:
        """The least value whose cumulative share is at least u."""
        at = np.searchsorted(np.cumsum(self.shares), u)
        return self.values[np.minimum(at, len(self.values) - 1)]


Marginal = Uniform | Empirical


def uniform(model: Model, bounds: Sequence[Interval]) -> tuple[tuple[Uniform, ...], bool]:
    """The uniform distributions on `bounds`, and whether their pieces are those of the splines.

    They are if the first splines take the inputs directly, or through an affine normaliser.
    """
    splines, first = model.network._first_splines, model.network.layers[0]
    if splines is None:
        return tuple(Uniform(np.linspace(low, high, PANELS + 1)) for low, high in bounds), False
    found = []
    for p, (low, high) in enumerate(bounds):
        knots = splines.knots[p]
        ends, (a, b) = knots.breakpoints.astype(np.float64), knots.domain
        scale, shift = 1.0, 0.0
        if isinstance(first, Normalizer):
            (y, z), (c, d) = one_each(first.domain, first.width)[p], one_each(first.source, first.width)[p]
            scale, shift = (d - c) / (z - y), c - y * (d - c) / (z - y)
        ends, a, b = shift + scale * ends, shift + scale * a, shift + scale * b
        if knots.periodic:
            periods = np.arange(np.floor((low - a) / (b - a)), np.floor((high - a) / (b - a)) + 1)
            ends = np.unique(ends + periods[:, None] * (b - a))
        # Pieces that arise by rounding in the map to the units of x are left out.
        margin = 1e-9 * (high - low)
        inner = ends[(ends > low + margin) & (ends < high - margin)]
        inner = inner[np.diff(inner, prepend=-np.inf) > margin]
        found.append(Uniform(np.array([low, *inner, high])))
    return tuple(found), True
