"""The derived matrices in LaTeX, printed by ``python -m theory --latex``."""

from __future__ import annotations

import sympy as sp

from .gram import bspline_gram
from .matrices import (
    change_of_basis,
    knot_insertion,
    relu_prolongation,
    two_scale,
    uniform_change_of_basis,
)
from .symbols import symbolic_knots, uniform


def matrices() -> list[tuple[str, str, sp.Matrix]]:
    """(description, left-hand side, matrix) for the smallest cases that show the pattern."""
    h = sp.Symbol("h", positive=True)
    tau = sp.Symbol("tau", real=True)
    named = []
    for r in (1, 2, 3):
        A = change_of_basis(symbolic_knots(2 * r), r)
        named.append((f"Change of basis, order {r}, one interval, any knots", f"A^{{[{r}]}}", A))
    for r in (1, 2, 3, 4):
        A = uniform_change_of_basis(5 - r + 1, r, h)
        named.append((f"Change of basis, order {r}, uniform knots of spacing h", f"A^{{[{r}]}}", A))
    for r in (2, 3):
        P = knot_insertion(symbolic_knots(2 * r), tau, r, span=r - 1).applyfunc(sp.factor)
        named.append((f"Insertion of the knot tau in one interval, order {r}", f"P^{{[{r}]}}", P))
    for r in (2, 3, 4):
        named.append(
            (f"Two-scale relation, order {r}, two coarse intervals", f"P^{{[{r}]}}", two_scale(2, r))
        )
    for r in (2, 3):
        R = relu_prolongation(uniform(0, 1, 2, r), uniform(0, 1, 4, r), r)
        named.append((f"The same in the power ReLUs, order {r}, on [0, 1]", rf"P_\psi^{{[{r}]}}", R))
    for r in (2, 3, 4):
        M = bspline_gram(uniform(0, 2, 2, r), r)
        named.append((f"B-spline mass matrix over two unit intervals, order {r}", f"M^{{[{r}]}}", M))
    return named


def document() -> str:
    """All matrices as displayed formulas, each below a comment with its description."""
    general = (
        "% Change of basis, any order r and strictly increasing knots\n"
        r"\[ A^{[r]}_{ij} = (-1)^r \frac{t_{i+r} - t_i}{\prod_{l=i,\, l \ne j}^{i+r} (t_j - t_l)},"
        r" \qquad i \le j \le i + r \]"
    )
    shown = [f"% {what}\n\\[ {name} = {sp.latex(matrix)} \\]" for what, name, matrix in matrices()]
    return "\n\n".join([general, *shown])
