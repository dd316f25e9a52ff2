"""Normalisers: elementwise maps into the domains of splines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from splinekan._checks import Array, Float64Array, integer, one_of
from splinekan.kernels import elementwise
from splinekan.network.domains import Interval, intervals, one_each, shown_intervals
from splinekan.network.elementwise import Elementwise, derivatives


@dataclass(frozen=True)
class Normalizer(Elementwise):
    """A map of every component into the domain [a, b] of the next spline layer.

    The affine map is evaluated in float64 whatever the type of x, so that float32 inputs far from 0 keep
    their digits, and takes c to a and d to b. Rounding never takes a value out of [a, b]; the affine map
    itself takes only [c, d] there.

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
            of_source = (wide >= c) & (wide <= d)  # the images of other points may lie outside
            found[0] = np.where(of_source, np.clip(found[0], *self._limits(x.dtype)), found[0])
            return found
        kind, low, scale = (
            (elementwise.SIGMOID, a, b - a)
            if self.kind == "sigmoid"
            else (elementwise.TANH, (a + b) / 2, (b - a) / 2)
        )
        with np.errstate(over="ignore"):
            low, scale = low.astype(x.dtype), scale.astype(x.dtype)
        found = [scale * f for f in derivatives(x, kind, 1, order)]
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

    def preimage(self, image: Interval | Sequence[Interval]) -> tuple[Interval, ...]:
        """For every component the interval that the affine map takes onto `image`.

        Raises
        ------
        TypeError, ValueError
            Unless `image` is an interval (low, high), low < high, or an interval for each component, and the
            kind is "affine".
        """
        ends = one_each(intervals("image", image, self.width), self.width)
        if self.kind != "affine":
            raise ValueError(f"kind must be 'affine' for a preimage, got {self.kind!r}")
        maps = zip(one_each(self.domain, self.width), one_each(self.source, self.width), ends, strict=True)
        return tuple(
            (c + (low - a) / (b - a) * (d - c), d + (high - b) / (b - a) * (d - c))
            for (a, b), (c, d), (low, high) in maps
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
