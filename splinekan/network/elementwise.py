"""The common part of elementwise layers: the methods of a layer, from derivatives of a function of x.

Kernels evaluate the function, its derivatives and its Taylor coefficients; a layer whose function has no
kernel supplies the derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import numpy as np

from splinekan import _threads
from splinekan._arrays import floats, quiet, viewable
from splinekan._checks import Array, Float64Array, boolean, instance
from splinekan.kernels import elementwise
from splinekan.network.layer import Directions, Knotless, entering, entering_jets
from splinekan.network.slot import Slot


class Elementwise(Knotless):
    """The layer methods of an elementwise map, from its derivatives."""

    segment_lengths: ClassVar[tuple[int, ...]] = ()
    width: int

    @property
    def n_parameters(self) -> int:
        """Number of parameters: 0."""
        return 0

    @property
    def n_in(self) -> int:
        """The width of the layer."""
        return self.width

    @property
    def n_out(self) -> int:
        """The width of the layer."""
        return self.width

    def unpack(self, params: Array) -> dict[str, Array]:
        """An empty dictionary: the layer has no parameters."""
        viewable("params", params, 0)
        return {}

    def value(self, params: Array, x: Array) -> Array:
        """phi(x)."""
        _, x = entering(self, params, x)
        return self._evaluated(x[:, None], ALONE)[:, 0]

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """phi'(x) dx."""
        _, x = entering(self, params, x)
        floats("dparams", dparams, (0,), x.dtype)
        dx = floats("dx", dx, x.shape, x.dtype)
        return self._pulled(x[:, None], dx[:, None], ALONE)[:, 0]

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """phi'(x) gy."""
        _, x = entering(self, params, x)
        gy = floats("gy", gy, x.shape, x.dtype)
        boolean("want_x", want_x)
        return np.empty(0, x.dtype), self._pulled(x[:, None], gy[:, None], ALONE)[:, 0]

    @quiet
    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """phi''(x) dx gy + phi'(x) dgy, and phi'(x) gy."""
        _, x = entering(self, params, x)
        floats("dparams", dparams, (0,), x.dtype)
        dx, gy, dgy = (
            floats(name, value, x.shape, x.dtype) for name, value in (("dx", dx), ("gy", gy), ("dgy", dgy))
        )
        boolean("want_x", want_x)
        _, slope, bend = self._derivatives(x, 2)
        return np.empty(0, x.dtype), bend * dx * gy + slope * dgy, slope * gy

    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """phi'(x) v; nothing to write."""
        _, x = entering(self, params, x)
        v = floats("v", v, x.shape, x.dtype)
        instance("slot", slot, Slot).check(self, x)
        boolean("want_x", want_x)
        return self._pulled(x[:, None], v[:, None], ALONE)[:, 0]

    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Taylor coefficients of phi(x(s))."""
        _, x = entering_jets(self, params, x, directions)
        return self._evaluated(x, directions)

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """Output channel m depends on input channel j through the coefficient m - j of phi'(x(s))."""
        _, x = entering_jets(self, params, x, directions)
        gy = floats("gy", gy, x.shape, x.dtype)
        boolean("want_x", want_x)
        return np.empty(0, x.dtype), self._pulled(x, gy, directions)

    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """As `jet_vjp`; nothing to write."""
        _, x = entering_jets(self, params, x, directions)
        v = floats("v", v, x.shape, x.dtype)
        instance("slot", slot, Slot).check(self, x)
        boolean("want_x", want_x)
        return self._pulled(x, v, directions)

    def _evaluated(self, x: Array, directions: Directions) -> Array:
        """Taylor coefficients of phi(x(s)), (n, channels, width)."""
        y, order = np.empty_like(x), directions.order
        arguments = (*self._arguments(x, order), directions.arrays, order, y)
        spread(elementwise.evaluate, x, *arguments)
        return y

    def _pulled(self, x: Array, gy: Array, directions: Directions) -> Array:
        """(dphi(x(s))/dx)^T gy, of the shape of x."""
        gx, order = np.empty_like(x), directions.order
        arguments = (*self._arguments(x, order + 1), directions.arrays, order, gx)
        spread(elementwise.pull, x, gy, *arguments)
        return gx

    @quiet
    def _arguments(self, x: Array, order: int) -> tuple[Array, int, int, Array]:
        """The arguments of the kernels for phi and its derivatives up to `order`."""
        kind, degree = self._function
        if kind != elementwise.GIVEN:
            return np.empty((0, 0), x.dtype), kind, degree, _factors(kind, degree, order)
        given = np.stack(self._derivatives(x[:, 0], order)).reshape(order + 1, -1)
        return given, kind, degree, _factors(kind, degree, 0)

    @property
    def _function(self) -> tuple[int, int]:
        """The codes of phi and its degree in the kernels; `GIVEN` for a function by `_derivatives`."""
        return elementwise.GIVEN, 0

    def _derivatives(self, x: Array, order: int) -> list[Array]:
        """phi and its derivatives up to `order` at every element."""
        return list(derivatives(x, *self._function, order))


ALONE = Directions(())
"""Values without Taylor coefficients."""
GRAIN = 4096
"""Fewest numbers in the range of a thread."""


def spread(kernel: Callable[..., None], x: Array, *arguments: Any) -> None:
    """The kernel on all samples, in ranges of at least `GRAIN` numbers."""
    ranges = _threads.split(len(x), max(GRAIN * len(x) // max(x.size, 1), 1))
    _threads.run(lambda _, start, stop: kernel(x, *arguments, start, stop), ranges)


def derivatives(x: Array, kind: int, degree: int, order: int) -> Array:
    """phi and its derivatives up to `order` at every element, (order + 1, ...), phi one of the kernels'."""
    found = np.empty((order + 1, *x.shape), x.dtype)
    points = np.ascontiguousarray(x).reshape(-1)
    flat, factors = found.reshape(order + 1, -1), _factors(kind, degree, order)
    spread(elementwise.derivatives, points, kind, degree, factors, flat)
    return found


@cache
def _factors(kind: int, degree: int, order: int) -> Float64Array:
    """Factors of the derivatives of phi in the kernels: see `splinekan.kernels.elementwise`."""
    factors = np.zeros((order + 1, max(order, 1)))
    if kind == elementwise.POWER:
        factors[:, 0] = [math.perm(degree, d) for d in range(order + 1)]
        return factors
    slope = np.polynomial.Polynomial([1.0, 0.0, -1.0] if kind == elementwise.TANH else [0.0, 1.0, -1.0])
    q = np.polynomial.Polynomial([1.0])
    for d in range(1, order + 1):
        factors[d, order - len(q.coef) :] = q.coef[::-1]
        q = q.deriv() * slope + q * slope.deriv()
    return factors
