"""Elementwise layers without parameters: activations, and normalisers into an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy

from splinekan._arrays import floats, quiet, viewable
from splinekan._checks import Array, Float64Array, boolean, instance, integer, interval, one_of
from splinekan.network.domains import Interval, intervals, one_each, shown_intervals
from splinekan.network.layer import BASES, Directions, Slot, composed, entering, entering_jets

if TYPE_CHECKING:
    from typing_extensions import Self


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
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array
    ) -> tuple[Array, Array]:
        """phi''(x) dx gy + phi'(x) dgy."""
        _, x = entering(self, params, x)
        floats("dparams", dparams, (0,), x.dtype)
        dx, gy, dgy = (
            floats(name, value, x.shape, x.dtype) for name, value in (("dx", dx), ("gy", gy), ("dgy", dgy))
        )
        _, slope, bend = self._derivatives(x, 2)
        return np.empty(0, x.dtype), bend * dx * gy + slope * dgy

    @quiet
    def rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
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
        gx = gy * slopes[:, :1]
        for order, at in zip(directions.orders, directions.offsets, strict=True):
            for m in range(order):
                gx[:, 0] += gy[:, at + m] * slopes[:, at + m]
                for j in range(m):
                    gx[:, at + j] += gy[:, at + m] * slopes[:, at + m - j - 1]
        return np.empty(0, x.dtype), gx

    @quiet
    def jet_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """As `jet_vjp`; nothing to write."""
        _, x = entering_jets(self, params, x, directions)
        v = floats("v", v, x.shape, x.dtype)
        instance("slot", slot, Slot).check(self, x)
        boolean("want_x", want_x)
        return self.jet_vjp(params, x, v, directions, want_x)[1]

    def refined(self) -> Self:
        """Itself: it has no knots."""
        return self

    def with_basis(self, basis: str) -> Self:
        """Itself: it has no knots."""
        one_of("basis", basis, BASES)
        return self


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
MAX_POWER = 64
"""Of a power ReLU: beyond, it is a step from 0 to overflow."""


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
        The power of "power_relu", 1 to 64; unused by the others.

    Raises
    ------
    TypeError, ValueError
        For a width or degree that is not a positive integer, or an unknown kind.
    """

    width: int
    kind: str = "tanh"
    degree: int = 3

    kinds: ClassVar[tuple[str, ...]] = ("relu", "power_relu", "tanh", "sigmoid")

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", integer("width", self.width, low=1))
        object.__setattr__(self, "kind", one_of("kind", self.kind, self.kinds))
        object.__setattr__(self, "degree", integer("degree", self.degree, low=1, high=MAX_POWER))

    def _derivatives(self, x: Array, order: int) -> list[Array]:
        if self.kind == "tanh":
            return _polynomial_derivatives(np.tanh(x), TANH, order)
        if self.kind == "sigmoid":
            return _polynomial_derivatives(scipy.special.expit(x), SIGMOID, order)
        return _power_relu_derivatives(x, 1 if self.kind == "relu" else self.degree, order)


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
        (a, b), in the units of the knots; or a sequence of such pairs, one for each component.
    source
        (c, d) of the affine map, in the units of x; or a sequence of such pairs, one for each component,
        for inputs in unlike units.

    The affine map is evaluated in float64 whatever the type of x, so that float32 inputs far from 0 keep
    their digits, and takes c to a and d to b. No value leaves [a, b] by rounding (but c to d is all that the
    affine map takes there).

    Raises
    ------
    TypeError, ValueError
        For a width that is not a positive integer, an unknown kind, or an interval that is not increasing.

    Examples
    --------
    >>> Normalizer(2, "affine", source=[(1e5, 1e6), (0, 1e-3)]).value(np.zeros(0), np.array([[1e6, 5e-4]]))
    array([[1. , 0.5]])
    """

    width: int
    kind: str = "sigmoid"
    domain: Interval | tuple[Interval, ...] = (0.0, 1.0)
    source: Interval | tuple[Interval, ...] = (-1.0, 1.0)

    kinds: ClassVar[tuple[str, ...]] = ("sigmoid", "tanh", "affine")

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", integer("width", self.width, low=1))
        object.__setattr__(self, "kind", one_of("kind", self.kind, self.kinds))
        for name in ("domain", "source"):
            found = intervals(name, getattr(self, name), self.width)
            object.__setattr__(self, name, found)

    @cached_property
    def _ends(self) -> tuple[Float64Array, ...]:
        """a, b, c and d: numbers, or (width,)."""
        domain, source = (np.array(ends, dtype=np.float64).T for ends in (self.domain, self.source))
        return domain[0], domain[1], source[0], source[1]

    def _derivatives(self, x: Array, order: int) -> list[Array]:
        a, b, c, d = self._ends
        if self.kind == "affine":
            with np.errstate(over="ignore", invalid="ignore"):
                wide = x.astype(np.float64, copy=False)
                exact = self._affine(wide, order)
            found = [f.astype(x.dtype, copy=False) for f in exact]
            of_source = (wide >= c) & (wide <= d)  # others may go where the map takes them
            found[0] = np.where(of_source, np.clip(found[0], *self._limits(x.dtype)), found[0])
            return found
        squashed = scipy.special.expit(x) if self.kind == "sigmoid" else np.tanh(x)
        polynomial, low, scale = (
            (SIGMOID, a, b - a) if self.kind == "sigmoid" else (TANH, (a + b) / 2, (b - a) / 2)
        )
        with np.errstate(over="ignore"):
            low, scale = low.astype(x.dtype), scale.astype(x.dtype)
        found = [scale * f for f in _polynomial_derivatives(squashed, polynomial, order)]
        found[0] = np.clip(found[0] + low, *self._limits(x.dtype))
        return found

    def _limits(self, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        """The smallest and the largest number of that type in [a, b]: rounding must not leave the domain."""
        if dtype not in self._rounded:
            a, b, *_ = self._ends
            with np.errstate(over="ignore"):
                low, high = a.astype(dtype), b.astype(dtype)
                low = np.where(low < a, np.nextafter(low, np.array(np.inf, dtype)), low)
                high = np.where(high > b, np.nextafter(high, np.array(-np.inf, dtype)), high)
            self._rounded[dtype] = low, high
        return self._rounded[dtype]

    @cached_property
    def _rounded(self) -> dict[np.dtype[Any], tuple[Array, Array]]:
        return {}

    def preimage(self, low: float, high: float) -> tuple[Interval, ...]:
        """For every component the interval that the affine map takes onto [low, high].

        Raises
        ------
        TypeError, ValueError
            Unless low < high are finite, and the kind is "affine".
        """
        low, high = interval("(low, high)", (low, high))
        if self.kind != "affine":
            raise ValueError(f"kind must be 'affine' for a preimage, got {self.kind!r}")
        pairs = zip(one_each(self.domain, self.width), one_each(self.source, self.width), strict=True)
        return tuple(
            (c + (low - a) / (b - a) * (d - c), d + (high - b) / (b - a) * (d - c))
            for (a, b), (c, d) in pairs
        )

    def _affine(self, x: Array, order: int) -> list[Array]:
        a, b, c, d = self._ends
        t = (x - c) / (d - c)
        y = np.where(t < 0.5, a + (b - a) * t, b - (b - a) * (1 - t))  # exact at both ends
        slope = np.full_like(x, (b - a) / (d - c))
        return [y, slope, *([np.zeros_like(x)] * order)][: order + 1]

    def __str__(self) -> str:
        image = f" onto {shown_intervals(self.domain)}"
        source = f" from {shown_intervals(self.source)}" if self.kind == "affine" else ""
        return f"Normalizer({self.width}, {self.kind}{source}{image})"
