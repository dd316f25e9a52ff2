"""The part of a residual's derivative that comes from values of the unknowns at other places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from splinekan._checks import Float64Array, affordable
from splinekan.equations import Features
from splinekan.equations.places import Place
from splinekan.network import KAN
from splinekan.network.jets import Jets
from splinekan.network.layer import Directions


@dataclass(frozen=True, eq=False)
class PlacePart:
    """The jets at a place, for a chunk of samples, and the derivatives of its residuals in their terms.

    Attributes
    ----------
    place
        The place.
    jets
        Taylor coefficients at all points of the place: q per sample, or q in total if samples share them.
    slopes
        dr_i/d(term at node), (n or 1, q), for every term of the place.
    """

    place: Place
    jets: Jets
    slopes: list[Float64Array]

    def vjp(self, r: Float64Array) -> Float64Array:
        """The gradient in theta of sum_i r_i (residual i)."""
        shape = (len(r), len(self.place.nodes))
        weighted = [np.broadcast_to(slope, shape) * r[:, None] for slope in self.slopes]
        if self.place.shared:
            weighted = [each.sum(axis=0) for each in weighted]
        return self.jets.vjp(self._cotangent([each.ravel() for each in weighted]))

    def rows(self, n: int) -> Float64Array:
        """The rows of n residuals, dense, (n, n_parameters)."""
        q, m = len(self.place.nodes), self.jets.network.n_parameters
        slopes = [np.broadcast_to(slope, (n, q)) for slope in self.slopes]
        if self.place.shared:
            total, nothing = np.zeros((n, m)), np.zeros(q)
            for number, slope in enumerate(slopes):
                each = [np.ones(q) if i == number else nothing for i in range(len(slopes))]
                total += slope @ self.jets.rows(self._cotangent(each)).toarray()
            return total
        rows = self.jets.rows(self._cotangent([slope.ravel() for slope in slopes]))
        stored = rows.tocsr()
        pointers = stored.indptr[::q]  # the points of a sample are adjacent
        summed = scipy.sparse.csr_array((stored.data, stored.indices, pointers), shape=(n, m))
        return np.asarray(summed.toarray())

    def _cotangent(self, slopes: Sequence[Float64Array]) -> Float64Array:
        """The derivative in the Taylor coefficients, from those in the terms."""
        found = np.zeros_like(self.jets.output)
        for term, slope in zip(self.place.channels.terms, slopes, strict=True):
            for channel, weight in term.channels:
                found[:, channel, term.unknown] += weight * slope
        return found


def chunk_of(place: Place, start: int, stop: int) -> slice:
    """The slice of a place's points that belongs to the samples from start to stop."""
    q = len(place.nodes)
    return slice(0, q) if place.shared else slice(start * q, stop * q)


def directions_of(place: Place) -> Directions:
    """The directions of the Taylor coefficients that a place needs."""
    return Directions(place.channels.orders)


ROUNDING = 1e-9
"""Fraction of the length of an interval by which a place may leave it."""


def seed_at(block: int, network: KAN, features: Features, place: Place, points: Float64Array) -> Float64Array:
    """The inputs of the network at a place, with their Taylor coefficients; `block` is named in messages.

    Raises
    ------
    ValueError
        If the place leaves the bounds of a variable in which the network is not periodic.
    MemoryError
        If the points do not fit in memory.
    """
    count = len(place.nodes) * (1 if place.shared else len(points))
    size = 16.0 * count * directions_of(place).channels * features.n_inputs
    affordable(f"blocks[{block}]: an unknown at {count} other points", size)
    there = place.points(points)
    first, entering = network._first_splines, 0
    for i, ends in enumerate(features.bounds or ()):
        if ends is None:
            continue
        low, high = ends
        slack = ROUNDING * (high - low)
        beyond = (there[:, i] < low - slack) | (there[:, i] > high + slack)
        if beyond.any() and not (first is not None and first.knots[entering].periodic):
            raise ValueError(
                f"blocks[{block}] has an unknown at {features.variables[i]} = {there[beyond, i][0]:g}, "
                f"outside of its bounds ({low:g}, {high:g}): with Max or Min a place stays inside, as "
                "u(Max(x - 1/2, 0)) in a branch of a Piecewise that is not taken there"
            )
        entering += 1
    found: Float64Array = features.jets(there, place.channels.directions, place.channels.orders)
    return found
