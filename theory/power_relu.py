"""Power ReLUs psi_j(x) = max(0, x - t_j)^(r-1), exactly, span by span."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from .exact import increasing_knots, integer
from .symbols import x


def on_span(knots: Sequence[sp.Expr], order: int, span: int) -> list[sp.Expr]:
    """psi_0, ..., psi_{m-1} on [t_span, t_{span+1}), m = len(knots) - order.

    (x - t_j)^(r-1) where t_j <= t_span, else 0 (arXiv:2603.04827, definition of the bases). Order 1 is the
    Heaviside function, continuous from the right as the B-splines of order 1 are.

    Raises
    ------
    TypeError, ValueError
        For knots that are not exact or do not increase, and a span that they do not have.
    """
    order = integer("order", order, 1)
    t = increasing_knots("knots", knots, order + 1)
    span = integer("span", span, 0, len(t) - 2)
    return [(x - t[j]) ** (order - 1) if j <= span else sp.Integer(0) for j in range(len(t) - order)]
