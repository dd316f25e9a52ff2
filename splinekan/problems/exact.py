"""References as functions of points: expressions of sympy; a check of points for computed references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from splinekan._checks import Float64Array, real_array
from splinekan._records import Uncached

ROUNDING = 1e-10
"""Points at most this far from a box, in its lengths, belong to it."""


def known_at(points: Any, bounds: Sequence[tuple[float, float]]) -> Float64Array:
    """Points (n, d) if they lie in a box, where a computed reference is known.

    Raises
    ------
    TypeError, ValueError
        For points of the wrong shape, and for points outside, with the first of them.
    """
    at = real_array("points", points, shape=(None, len(bounds))).astype(np.float64, copy=False)
    low, high = np.array(bounds, dtype=np.float64).T
    room = ROUNDING * (high - low)
    outside = np.flatnonzero(~((at >= low - room) & (at <= high + room)).all(axis=1))
    if outside.size:
        raise ValueError(
            f"points must lie in the box {[tuple(map(float, ends)) for ends in bounds]}, where the solution "
            f"is known, got {at[outside[0]]} at index {outside[0]}"
        )
    return np.asarray(np.clip(at, low, high))


@dataclass(frozen=True, eq=False)
class Formulas(Uncached):
    """One or several expressions in variables as a function of points.

    Attributes
    ----------
    variables
        Symbols, in the order of the columns of points.
    expressions
        In these variables.
    """

    variables: tuple[Any, ...]
    expressions: tuple[Any, ...]

    def __call__(self, points: Float64Array) -> NDArray[Any]:
        """The values at points (n, d): (n,) for a single expression, (n, m) for several."""
        at = real_array("points", points, shape=(None, len(self.variables)))
        with np.errstate(over="ignore"):  # 1/cosh far from the centre of a wave
            values = [np.broadcast_to(each(*at.T), len(at)) for each in self._compiled]
        return values[0].copy() if len(values) == 1 else np.column_stack(values)

    @cached_property
    def _compiled(self) -> list[Any]:
        return [sympy.lambdify(self.variables, each, "numpy") for each in self.expressions]


def formulas(variables: Sequence[Any], *expressions: Any) -> Formulas:
    """The expressions as a function of points."""
    return Formulas(tuple(variables), tuple(map(sympy.sympify, expressions)))
