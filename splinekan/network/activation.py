"""Elementwise layers without parameters: activations, and normalisers into an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import scipy

from splinekan._checks import Array, integer, interval, one_of
from splinekan.network.layer import Directions, Slot, composed


class _Elementwise:
    """The layer methods of an elementwise map, from its derivatives."""

    n_parameters: ClassVar[int] = 0
    run_lengths: ClassVar[tuple[int, ...]] = ()
    width: int

    @property
    def n_in(self) -> int:
        """The width."""
        return self.width

    @property
    def n_out(self) -> int:
        """The width."""
        return self.width

    def blocks(self, params: Array) -> dict[str, Array]:
        """No parameters."""
        return {}

    def value(self, params: Array, x: Array) -> Array:
        """phi(x)."""
        return self._derivatives(x, 0)[0]

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """phi'(x) dx."""
        return self._derivatives(x, 1)[1] * dx

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """phi'(x) gy."""
        return np.empty(0, x.dtype), self._derivatives(x, 1)[1] * gy

    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array
    ) -> tuple[Array, Array]:
        """phi''(x) dx gy + phi'(x) dgy."""
        _, slope, bend = self._derivatives(x, 2)
        return np.empty(0, x.dtype), bend * dx * gy + slope * dgy

    def rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """phi'(x) v; nothing to write."""
        return self._derivatives(x, 1)[1] * v

    def _series(self, x: Array, directions: Directions, shift: int) -> Array:
        """Taylor coefficients of phi^(shift)(x(s))."""
        return composed(self._derivatives(x[:, 0], shift + directions.order)[shift:], x, directions)

    def _derivatives(self, x: Array, order: int) -> list[Array]:
        """phi and its derivatives up to `order` at every element."""
        raise AssertionError("a subclass gives the derivatives")

    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Taylor coefficients of phi(x(s))."""
        return self._series(x, directions, 0)

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """Output channel m depends on input channel j through the coefficient m - j of phi'(x(s))."""
        slopes = self._series(x, directions, 1)
        gx = gy * slopes[:, :1]
        for order, at in zip(directions.orders, directions.offsets, strict=True):
            for m in range(order):
                gx[:, 0] += gy[:, at + m] * slopes[:, at + m]
                for j in range(m):
                    gx[:, at + j] += gy[:, at + m] * slopes[:, at + m - j - 1]
        return np.empty(0, x.dtype), gx

    def jet_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """As `jet_vjp`; nothing to write."""
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


def _polynomial_derivatives(y: Array, slope: tuple[float, ...], order: int) -> list[Array]:
    """phi, phi', ... at points where phi = y."""
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


def _power_relu_derivatives(x: Array, degree: int, order: int) -> list[Array]:
    """degree!/(degree - d)! max(0, x)^(degree - d), right-continuous at 0, as the bases are."""
    positive, on = np.maximum(x, 0), (x >= 0).astype(x.dtype)
    return [
        math.perm(degree, d) * positive ** max(degree - d, 0) * (on if d >= degree else 1)
        for d in range(order + 1)
    ]


@dataclass(frozen=True)
class Activation(_Elementwise):
    """y = phi(x), elementwise.

    Parameters
    ----------
    width
        Number of inputs, and of outputs.
    kind
        "relu" max(0, x); "power_relu" max(0, x)^degree; "tanh"; "sigmoid" 1/(1 + exp(-x)).
    degree
        The power of "power_relu"; unused by the others.

    Raises
    ------
    TypeError, ValueError
        For a width or degree that is no positive integer, or an unknown kind.
    """

    width: int
    kind: str = "tanh"
    degree: int = 3

    kinds: ClassVar[tuple[str, ...]] = ("relu", "power_relu", "tanh", "sigmoid")

    def __post_init__(self) -> None:
        integer("width", self.width, low=1)
        one_of("kind", self.kind, self.kinds)
        integer("degree", self.degree, low=1)

    def _derivatives(self, x: Array, order: int) -> list[Array]:
        if self.kind == "tanh":
            return _polynomial_derivatives(np.tanh(x), TANH, order)
        if self.kind == "sigmoid":
            return _polynomial_derivatives(scipy.special.expit(x), SIGMOID, order)
        return _power_relu_derivatives(x, 1 if self.kind == "relu" else self.degree, order)

    def refined(self) -> Activation:
        """Itself: it has no knots."""
        return self

    def with_basis(self, basis: str) -> Activation:
        """Itself: it has no knots."""
        return self


@dataclass(frozen=True)
class Normalizer(_Elementwise):
    """A map of every component into the interval [a, b] on which the next spline layer lives.

    Parameters
    ----------
    width
        Number of inputs, and of outputs.
    kind
        "sigmoid": a + (b - a)/(1 + exp(-x)); "tanh": a + (b - a)(1 + tanh x)/2; "affine": the map
        that takes `source` = (c, d) onto [a, b], a + (b - a)(x - c)/(d - c).
    domain
        (a, b), in the units of the knots.
    source
        (c, d) of the affine map, in the units of x.

    Raises
    ------
    TypeError, ValueError
        For a width that is no positive integer, an unknown kind, or an interval that is not increasing.
    """

    width: int
    kind: str = "sigmoid"
    domain: tuple[float, float] = (0.0, 1.0)
    source: tuple[float, float] = (-1.0, 1.0)

    kinds: ClassVar[tuple[str, ...]] = ("sigmoid", "tanh", "affine")

    def __post_init__(self) -> None:
        integer("width", self.width, low=1)
        one_of("kind", self.kind, self.kinds)
        object.__setattr__(self, "domain", interval("domain", self.domain))
        object.__setattr__(self, "source", interval("source", self.source))

    def _derivatives(self, x: Array, order: int) -> list[Array]:
        a, b = self.domain
        if self.kind == "affine":
            c, d = self.source
            slope = (b - a) / (d - c)
            return [a + slope * (x - c), np.full_like(x, slope), *([np.zeros_like(x)] * order)][: order + 1]
        squashed = scipy.special.expit(x) if self.kind == "sigmoid" else np.tanh(x)
        polynomial, low, scale = (
            (SIGMOID, a, b - a) if self.kind == "sigmoid" else (TANH, (a + b) / 2, (b - a) / 2)
        )
        found = [scale * f for f in _polynomial_derivatives(squashed, polynomial, order)]
        found[0] += low
        return found

    def refined(self) -> Normalizer:
        """Itself: it has no knots."""
        return self

    def with_basis(self, basis: str) -> Normalizer:
        """Itself: it has no knots."""
        return self
