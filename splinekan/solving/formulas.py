"""Formulas in the variables as functions of points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from splinekan._checks import Float64Array, shown
from splinekan.equations import expressions


def numeric(
    name: str, forms: Sequence[Any], variables: Sequence[Any]
) -> Callable[[Float64Array], Float64Array]:
    """A function from points, (n, d), to the values of the expressions, (n, len(forms)).

    Raises
    ------
    ValueError
        For an expression that is not a real function of the variables.
    """
    reals = expressions.Reals(variables)
    symbol_of = dict(zip(reals.variables, reals.symbols, strict=True))
    with expressions.naming(name):
        outputs = [
            expressions.compilable(reals.read(sympy.sympify(form)), symbol_of, reals.original)
            for form in forms
        ]
        compiled = expressions.compiled(reals.symbols, outputs, shown(forms))

    def evaluated(points: Float64Array) -> Float64Array:
        with np.errstate(all="ignore"):
            columns = compiled(*points.T)
        return np.stack([np.broadcast_to(column, len(points)) for column in columns], axis=1).astype(float)

    return evaluated
