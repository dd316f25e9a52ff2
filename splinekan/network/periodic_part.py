"""Periodic splines of inputs that share their knots."""

from __future__ import annotations

import numpy as np

from splinekan._arrays import trusted
from splinekan._checks import Array
from splinekan.kernels import segments
from splinekan.network.layer import Directions
from splinekan.network.slot import Slot
from splinekan.network.spline_parts import MappedPart, SplinePart, spread


class PeriodicPart(MappedPart):
    """Periodic splines: points are wrapped into [a, b), and c = params[fold] on every edge.

    Neighbouring coefficients have neighbouring columns except at the seam between the last and the first. A
    segment cannot cross the seam, so the first k coefficients are a segment of their own, and the other
    active coefficients are k + 1 neighbours among the rest. A small number of coefficients is a single
    segment.
    """

    def __init__(self, inner: SplinePart) -> None:
        super().__init__(inner)
        self.n_basis, self.degree = inner.knots.n_basis, inner.knots.degree
        self.n_parameters = self.n_in * self.n_basis * self.n_out
        k = self.degree
        self.split = self.n_basis > 2 * k
        each = (k, k + 1)[k == 0 :] if self.split else (self.n_basis,)
        self.segment_lengths = tuple(n * self.n_out for n in each) * self.n_in

    def _coefficients(self, params: Array) -> Array:
        edges = params.reshape(self.n_in, self.n_basis, self.n_out)
        return np.take(edges, self.inner.knots.fold, axis=1).ravel()

    def _pulled(self, gradient: Array) -> Array:
        edges = gradient.reshape(self.inner.shape)
        total = edges[:, : self.n_basis].copy()
        for first in range(self.n_basis, self.inner.shape[1], self.n_basis):
            again = edges[:, first : first + self.n_basis]
            total[:, : again.shape[1]] += again
        return total.ravel()

    def _points(self, x: Array) -> Array:
        if x.ndim == 2:
            return self.inner.knots.wrap(x)
        wrapped = x.copy()
        wrapped[:, 0] = self.inner.knots.wrap(x[:, 0])
        return wrapped

    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """Rows of the active coefficients, and zeros."""
        own = self._scratch(x)
        gx = self.inner.jacobian_rows(self._coefficients(params), self._points(x), v, own, want_x)
        self._write(own, slot)
        return gx

    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """As `jacobian_rows`."""
        own, c = self._scratch(x), self._coefficients(params)
        gx = self.inner.jet_jacobian_rows(c, self._points(x), v, directions, own, want_x)
        self._write(own, slot)
        return gx

    def _scratch(self, x: Array) -> Slot:
        values = np.empty((len(x), sum(self.inner.segment_lengths)), x.dtype)
        starts = np.empty((len(x), self.n_in), np.int64)
        return trusted(Slot, values=values, starts=starts, position=0, segment=0, column=0, stride=1, shift=0)

    def _write(self, own: Slot, slot: Slot) -> None:
        """The rows in `own`, of the unfolded coefficients, to their places in `slot`."""
        sizes = self.n_in, self.n_out, self.inner.shape[1], self.n_basis, self.split
        spread(self.inner._grain(1), segments.fold, own.values, own.starts, *sizes, slot.place)
