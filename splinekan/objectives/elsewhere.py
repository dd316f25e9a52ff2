"""The part of a residual's derivative that comes from values of the unknowns at other places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from splinekan._checks import Float64Array
from splinekan.equations.places import Place
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
        Of all points of the place, q for every sample, or q for all of them if they are shared.
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
        pointers = stored.indptr[::q]  # the points of a sample are neighbours
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
    """Where the points of samples start to stop are among those of a place."""
    q = len(place.nodes)
    return slice(0, q) if place.shared else slice(start * q, stop * q)


def directions_of(place: Place) -> Directions:
    """What is carried through the network at a place."""
    return Directions(place.channels.orders)
