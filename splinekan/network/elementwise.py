"""What elementwise layers share: the methods of a layer, from the derivatives of a function of x."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import numpy as np

from splinekan._arrays import floats, quiet, viewable
from splinekan._checks import Array, boolean, instance
from splinekan.network.layer import Directions, Knotless, composed, entering, entering_jets
from splinekan.network.slot import Slot


class Elementwise(Knotless):
    """The layer methods of an elementwise map, from its derivatives."""

    segment_lengths: ClassVar[tuple[int, ...]] = ()
    width: int

    @property
    def n_parameters(self) -> int:
        """None: 0."""
        return 0

    @property
    def n_in(self) -> int:
        """The width."""
        return self.width

    @property
    def n_out(self) -> int:
        """The width."""
        return self.width

    def unpack(self, params: Array) -> dict[str, Array]:
        """No parameters."""
        viewable("params", params, 0)
        return {}

    @quiet
    def value(self, params: Array, x: Array) -> Array:
        """phi(x)."""
        _, x = entering(self, params, x)
        return self._derivatives(x, 0)[0]

    @quiet
    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """phi'(x) dx."""
        _, x = entering(self, params, x)
        floats("dparams", dparams, (0,), x.dtype)
        dx = floats("dx", dx, x.shape, x.dtype)
        return self._derivatives(x, 1)[1] * dx

    @quiet
    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """phi'(x) gy."""
        _, x = entering(self, params, x)
        gy = floats("gy", gy, x.shape, x.dtype)
        boolean("want_x", want_x)
        return np.empty(0, x.dtype), self._derivatives(x, 1)[1] * gy

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

    @quiet
    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """phi'(x) v; nothing to write."""
        _, x = entering(self, params, x)
        v = floats("v", v, x.shape, x.dtype)
        instance("slot", slot, Slot).check(self, x)
        boolean("want_x", want_x)
        return self._derivatives(x, 1)[1] * v

    def _series(self, x: Array, directions: Directions, shift: int) -> Array:
        """Taylor coefficients of phi^(shift)(x(s))."""
        return composed(self._derivatives(x[:, 0], shift + directions.order)[shift:], x, directions)

    def _derivatives(self, x: Array, order: int) -> list[Array]:
        """phi and its derivatives up to `order` at every element."""
        raise AssertionError("a subclass gives the derivatives")

    @quiet
    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Taylor coefficients of phi(x(s))."""
        _, x = entering_jets(self, params, x, directions)
        return self._series(x, directions, 0)

    @quiet
    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """Output channel m depends on input channel j through the coefficient m - j of phi'(x(s))."""
        _, x = entering_jets(self, params, x, directions)
        gy = floats("gy", gy, x.shape, x.dtype)
        boolean("want_x", want_x)
        slopes = self._series(x, directions, 1)
        gx = np.zeros_like(x)
        for j, d, m in directions.pulls:
            gx[:, j] += gy[:, m] * slopes[:, d]
        return np.empty(0, x.dtype), gx

    @quiet
    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """As `jet_vjp`; nothing to write."""
        _, x = entering_jets(self, params, x, directions)
        v = floats("v", v, x.shape, x.dtype)
        instance("slot", slot, Slot).check(self, x)
        boolean("want_x", want_x)
        return self.jet_vjp(params, x, v, directions, want_x)[1]


@cache
def _factors(slope: tuple[float, ...], order: int) -> tuple[tuple[float, ...], ...]:
    """q_1, q_2, ..., coefficients highest first, with phi^(d) = q_d(phi) phi', where phi' = slope(phi).

    The factor phi' keeps its digits where phi saturates.
    """
    first, q = np.polynomial.Polynomial(slope), np.polynomial.Polynomial([1.0])
    found = []
    for _ in range(order):
        found.append(tuple(float(c) for c in q.coef[::-1]))
        q = q.deriv() * first + q * first.deriv()
    return tuple(found)


def polynomial_derivatives(y: Array, slope: tuple[float, ...], order: int) -> list[Array]:
    """phi, phi', ... at points where phi = y."""
    if order == 0:
        return [y]
    found, factor = [y], _horner(slope[::-1], y)
    for q in _factors(slope, order):
        found.append(factor if q == (1.0,) else _horner(q, y) * factor)
    return found


def _horner(coefficients: tuple[float, ...], y: Array) -> Array:
    value = np.full_like(y, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= y
        value += coefficient
    return value


TANH = (1.0, 0.0, -1.0)
SIGMOID = (0.0, 1.0, -1.0)
