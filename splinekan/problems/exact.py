"""Expressions of sympy as functions of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from splinekan._checks import Float64Array
from splinekan._records import Uncached


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
        """The values at points (n, d): (n,) of a single expression, (n, m) of several."""
        with np.errstate(over="ignore"):  # 1/cosh far from the centre of a wave
            values = [np.broadcast_to(each(*points.T), len(points)) for each in self._compiled]
        return values[0].copy() if len(values) == 1 else np.column_stack(values)

    @cached_property
    def _compiled(self) -> list[Any]:
        return [sympy.lambdify(self.variables, each, "numpy") for each in self.expressions]


def formulas(variables: Sequence[Any], *expressions: Any) -> Formulas:
    """The expressions as a function of points."""
    return Formulas(tuple(variables), tuple(map(sympy.sympify, expressions)))
