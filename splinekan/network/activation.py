"""Elementwise layers without parameters: activations, and normalisers into an interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy

from splinekan._checks import Array, integer, one_of, real
from splinekan.network.layer import Directions, Slot

Jet = tuple[Array, Array, Array]
"""Value, first and second derivative at every element."""


def _tanh(x: Array) -> Jet:
    y = np.tanh(x)
    slope = 1 - y * y
    return y, slope, -2 * y * slope


def _sigmoid(x: Array) -> Jet:
    y: Array = scipy.special.expit(x)
    slope = y * (1 - y)
    return y, slope, slope * (1 - 2 * y)


def _power_relu(x: Array, degree: int) -> Jet:
    positive = np.maximum(x, 0)
    # Right-continuous at 0, as the bases are: the k-th derivative jumps there.
    on = (x >= 0).astype(x.dtype)

    def term(factor: int, power: int) -> Array:
        return factor * (positive**power if power > 0 else on) if power >= 0 else np.zeros_like(x)

    return term(1, degree), term(degree, degree - 1), term(degree * (degree - 1), degree - 2)


class _Elementwise:
    """The layer methods of an elementwise map, from its jet."""

    n_parameters: ClassVar[int] = 0
    run_lengths: ClassVar[tuple[int, ...]] = ()
    width: int

    def _jet(self, x: Array) -> Jet:
        raise AssertionError("a subclass gives the jet")

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
        return self._jet(x)[0]

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """phi'(x) dx."""
        return self._jet(x)[1] * dx

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """phi'(x) gy."""
        return np.empty(0, x.dtype), self._jet(x)[1] * gy

    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array
    ) -> tuple[Array, Array]:
        """phi''(x) dx gy + phi'(x) dgy."""
        _, slope, bend = self._jet(x)
        return np.empty(0, x.dtype), bend * dx * gy + slope * dgy

    def rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """phi'(x) v; nothing to write."""
        return self._jet(x)[1] * v

    def _series(self, x: Array, directions: Directions, shift: int) -> Array:
        """Taylor coefficients of phi^(shift)(x(s)), channel by channel (Faa di Bruno to order 4)."""
        f = self._derivatives(x[:, 0], shift + directions.order)[shift:]
        y = np.empty_like(x)
        y[:, 0] = f[0]
        for order, at in zip(directions.orders, directions.offsets, strict=True):
            t = [x[:, at + m] for m in range(order)]
            y[:, at] = f[1] * t[0]
            if order > 1:
                y[:, at + 1] = f[1] * t[1] + f[2] * t[0] ** 2 / 2
            if order > 2:
                y[:, at + 2] = f[1] * t[2] + f[2] * t[0] * t[1] + f[3] * t[0] ** 3 / 6
            if order > 3:
                y[:, at + 3] = (
                    f[1] * t[3]
                    + f[2] * (t[0] * t[2] + t[1] ** 2 / 2)
                    + f[3] * t[0] ** 2 * t[1] / 2
                    + f[4] * t[0] ** 4 / 24
                )
        return y

    def _derivatives(self, x: Array, order: int) -> list[Array]:
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


def _polynomial_derivatives(y: Array, slope: np.polynomial.Polynomial, order: int) -> list[Array]:
    """phi, phi', ... where phi' = slope(phi): derivatives are polynomials in phi."""
    current = np.polynomial.Polynomial([0.0, 1.0])
    found = [y]
    for _ in range(order):
        current = current.deriv() * slope
        found.append(np.asarray(current(y), dtype=y.dtype))
    return found


TANH = np.polynomial.Polynomial([1.0, 0.0, -1.0])
SIGMOID = np.polynomial.Polynomial([0.0, 1.0, -1.0])


def _power_relu_derivatives(x: Array, degree: int, order: int) -> list[Array]:
    """degree!/(degree - d)! max(0, x)^(degree - d), right-continuous at 0."""
    on = x >= 0
    return [
        math.perm(degree, d) * x ** (degree - d) * on if d <= degree else np.zeros_like(x)
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

    def _jet(self, x: Array) -> Jet:
        if self.kind == "tanh":
            return _tanh(x)
        if self.kind == "sigmoid":
            return _sigmoid(x)
        return _power_relu(x, 1 if self.kind == "relu" else self.degree)

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

    def _jet(self, x: Array) -> Jet:
        a, b = self.domain
        if self.kind == "affine":
            c, d = self.source
            slope = (b - a) / (d - c)
            return a + slope * (x - c), np.full_like(x, slope), np.zeros_like(x)
        squash: Callable[[Array], Jet] = _sigmoid if self.kind == "sigmoid" else _tanh
        y, slope_y, bend = squash(x)
        low, scale = (a, b - a) if self.kind == "sigmoid" else ((a + b) / 2, (b - a) / 2)
        return low + scale * y, scale * slope_y, scale * bend

    def _derivatives(self, x: Array, order: int) -> list[Array]:
        value, slope, _ = self._jet(x)
        if self.kind == "affine":
            return [value, slope, *(np.zeros_like(x) for _ in range(order - 1))][: order + 1]
        a, b = self.domain
        squashed = scipy.special.expit(x) if self.kind == "sigmoid" else np.tanh(x)
        polynomial, scale = (SIGMOID, b - a) if self.kind == "sigmoid" else (TANH, (b - a) / 2)
        return [value, *(scale * f for f in _polynomial_derivatives(squashed, polynomial, order)[1:])]

    def refined(self) -> Normalizer:
        """Itself: it has no knots."""
        return self

    def with_basis(self, basis: str) -> Normalizer:
        """Itself: it has no knots."""
        return self


def interval(name: str, value: object) -> tuple[float, float]:
    """`value` as a pair (a, b) of finite numbers with a < b."""
    try:
        a, b = tuple(value)  # type: ignore[arg-type, var-annotated]
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a pair (a, b), got {value!r}") from None
    low, high = real(f"{name}[0]", a), real(f"{name}[1]", b)
    if not low < high:
        raise ValueError(f"{name} must be increasing, got ({low}, {high})")
    return low, high
