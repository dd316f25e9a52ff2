"""Places of conditions: variables and equalities, or points."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from splinekan._checks import real_array, sequence, shown


def places(on: Any) -> Any:
    """Symbols and equalities as a tuple, or points as an array."""
    if isinstance(on, (sympy.Symbol, sympy.Basic)):
        return (_place("on", on),)
    if isinstance(on, (list, tuple)) and on and any(isinstance(each, sympy.Basic) for each in on):
        return tuple(_place(f"on[{i}]", each) for i, each in enumerate(sequence("on", on)))
    points = real_array("on", on, ndim=2, empty=False).astype(np.float64)
    points.setflags(write=False)
    return points


def _place(name: str, on: Any) -> Any:
    if isinstance(on, sympy.Symbol):
        return on
    if isinstance(on, sympy.Equality):
        sides = (on.lhs, on.rhs) if isinstance(on.lhs, sympy.Symbol) else (on.rhs, on.lhs)
        if isinstance(sides[0], sympy.Symbol) and sides[1].is_number and sides[1].is_extended_real:
            return sympy.Eq(*sides, evaluate=False)
    raise TypeError(
        f"{name} must be a variable x for both of its ends, Eq(x, number) for a face, or points, "
        f"got {shown(on)}"
    )


def written(on: Any) -> str:
    """A place as text for messages."""
    return f"{on.lhs} = {on.rhs}" if isinstance(on, sympy.Equality) else str(on)
