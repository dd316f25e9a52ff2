"""The equivalence theorem for given knots: A, its inverse and P, every identity verified exactly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sympy as sp

from .exact import integer
from .matrices import (
    change_of_basis,
    inverse_change_of_basis,
    midpoints,
    prolongation,
    relu_prolongation,
)
from .reading import read_knots, require_single_symbols
from .verification import affine_coordinates, verified_by_order, verified_directly

WIDEST = 14
"""Characters of an entry in a printed table; wider matrices are printed entry by entry."""
FACTORED = 4
"""Highest degree at which the entries of P are factored."""


@dataclass(frozen=True)
class Equivalence:
    """The result of `verify_equivalence`: the matrices, and the verified identities between the bases.

    It can be printed or displayed in a notebook; `latex` and `to_json` return it as text.

    Attributes
    ----------
    knots, degree
        Extended knots t_0 < ... < t_{m+k}, the domain is [a, b] = [t_k, t_m].
    A
        b = A psi on [a, b], m x m.
    A_inverse
        psi = A^{-1} b, positive on and above the diagonal.
    refined
        The finer knots t', extended.
    P, P_relu
        Coefficients of the same function on the finer knots, u' = P u and w' = P_relu w, m' x m.
    assumptions
        "t0 < t1", ...: the order of knots if it does not follow from their values.
    checks
        The verified identities, a line for each.
    """

    knots: tuple[sp.Expr, ...]
    degree: int
    A: sp.ImmutableMatrix
    A_inverse: sp.ImmutableMatrix
    refined: tuple[sp.Expr, ...]
    P: sp.ImmutableMatrix
    P_relu: sp.ImmutableMatrix
    assumptions: tuple[str, ...]
    checks: tuple[str, ...]

    @property
    def domain(self) -> tuple[sp.Expr, sp.Expr]:
        """(a, b) = (t_k, t_m)."""
        return self.knots[self.degree], self.knots[-1 - self.degree]

    def __str__(self) -> str:
        a, b = self.domain
        k, m = self.degree, self.A.rows
        lines = [
            f"Equivalence of B-splines and power ReLUs on [{a}, {b}]",
            f"degree {k}, {m - k} interval{'s' * (m > k + 1)}, {m} functions",
            "knots t   " + ", ".join(map(str, self.knots)),
        ]
        if self.assumptions:
            lines.append("assuming  " + ", ".join(self.assumptions))
        lines += ["", "A, b = A psi", *_shown(self.A), "", "A^-1, psi = A^-1 b", *_shown(self.A_inverse), ""]
        lines += ["refined knots t'   " + ", ".join(map(str, self.refined)), ""]
        lines += ["P, u' = P u", *_shown(self.P), "", "P_w, w' = P_w w", *_shown(self.P_relu), ""]
        return "\n".join([*lines, "verified exactly:", *(f"- {check}" for check in self.checks)])

    def formulas(self) -> tuple[str, ...]:
        """The knots and the four matrices in LaTeX, without delimiters."""
        listed = [r",\, ".join(map(sp.latex, knots)) for knots in (self.knots, self.refined)]
        return (
            f"t = ({listed[0]})",
            f"A = {sp.latex(self.A)}",
            f"A^{{-1}} = {sp.latex(self.A_inverse)}",
            f"t' = ({listed[1]})",
            f"P = {sp.latex(self.P)}",
            rf"P_\psi = {sp.latex(self.P_relu)}",
        )

    def latex(self) -> str:
        r"""The formulas, each displayed between ``\[`` and ``\]``."""
        return "\n\n".join(f"\\[ {formula} \\]" for formula in self.formulas())

    def _repr_latex_(self) -> str:
        return "\n\n".join(f"$$ {formula} $$" for formula in self.formulas())

    def to_dict(self) -> dict[str, Any]:
        """The record as lists and text; numbers are also text ("1/3"), so that nothing is rounded."""
        matrices = {name: getattr(self, name).tolist() for name in ("A", "A_inverse", "P", "P_relu")}
        return {
            "degree": self.degree,
            "knots": [str(t) for t in self.knots],
            "refined": [str(t) for t in self.refined],
            **{name: [[str(entry) for entry in row] for row in rows] for name, rows in matrices.items()},
            "assumptions": list(self.assumptions),
            "checks": list(self.checks),
        }

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2) + "\n"


def verify_equivalence(knots: Any, degree: int, refined: Any = None) -> Equivalence:
    """The equivalence theorem, verified in exact arithmetic for these knots.

    On [a, b] = [t_k, t_m] the B-splines and the power ReLUs psi_j(x) = max(0, x - t_j)^k span the same
    functions (Southworth et al., arXiv:2603.04827, Lemmas 1 to 3). Verified are: A by the recursion of Lemma
    2 = A in closed form; A A^{-1} = I, with A^{-1} by Marsden's identity and positive; b_i = sum_j A_ij psi_j
    for every function on every interval; b = P^T b' and psi = P_w^T psi' on every interval of a refinement.

    Numbers are multiplied out. With symbols every identity is verified order by order (claims lemma-2,
    marsden-inverse, prolongation), each step as a rational identity in the knots; if all knots are means of
    symbols, these are measured from a middle knot in units of the adjacent interval. A single symbolic
    interval takes 2 s of processor time at degree 4 and 4 s at degree 5, ten intervals 4 s at degree 3 and 12
    s at degree 4.

    Parameters
    ----------
    knots
        Extended knots, k ghosts included on each side, at least 2 k + 2, strictly increasing: a sequence, or
        text with commas. Integers, Fractions, text such as "1/3" or "0.25", sympy's exact numbers, symbols
        and names of symbols; "symbolic" is t0, t1, ... for a single interval, and "symbolic:G" for G
        intervals. Floats are refused: they would be exact only in binary.
    degree
        k >= 0.
    refined
        Finer knots, extended, whose breakpoints contain those of `knots`; by default every interval is
        halved.

    Raises
    ------
    TypeError
        For floats and other objects that are not exact, and a degree that is not an integer.
    ValueError
        For too few knots, knots that decrease or repeat (in a single symbol, also if no value of it avoids
        this), two symbols of the same name, and a refinement that is not nested.
    ArithmeticError
        If an identity could not be verified, for numbers whose equality sympy cannot determine.

    Examples
    --------
    >>> record = verify_equivalence("0, 1/3, 1/2, 2", degree=1)
    >>> print(record.A)
    Matrix([[3, -9], [0, 6]])
    >>> print(record.A_inverse)
    Matrix([[1/3, 1/2], [0, 1/6]])
    >>> for check in record.checks:
    ...     print(check)
    A by the recursion = A in closed form
    A A^-1 = I, A^-1 by Marsden's identity, positive on and above the diagonal
    b_i = sum_j A_ij psi_j on every interval of [a, b] (2 identities)
    b = P^T b', psi = P_w^T psi' on every interval of the refinement (8 identities)

    >>> verify_equivalence(["0", "h", "2*h", "3*h"], degree=1).assumptions
    ('0 < h', 'h < 2*h', '2*h < 3*h')
    """
    degree = integer("degree", degree, 0)
    order = degree + 1
    t = read_knots("knots", knots, degree)
    s = tuple(midpoints(t, order)) if refined is None else read_knots("refined", refined, degree)
    require_single_symbols("knots and refined", (*t, *s))
    _require_nested(t, s, degree)
    if any(knot.free_symbols for knot in (*t, *s)):
        checks = verified_by_order(*affine_coordinates(t, s), order)
    else:
        checks = verified_directly(t, s, order)
    P, P_relu = prolongation(t, s, order), relu_prolongation(t, s, order)
    if degree <= FACTORED:
        P, P_relu = P.applyfunc(sp.factor), P_relu.applyfunc(sp.factor)
    return Equivalence(
        knots=t,
        degree=degree,
        A=sp.ImmutableMatrix(change_of_basis(t, order)),
        A_inverse=sp.ImmutableMatrix(inverse_change_of_basis(t, order)),
        refined=s,
        P=sp.ImmutableMatrix(P),
        P_relu=sp.ImmutableMatrix(P_relu),
        assumptions=_assumptions(t, t if refined is None else s),
        checks=checks,
    )


def _require_nested(t: Sequence[sp.Expr], s: Sequence[sp.Expr], k: int) -> None:
    """Refuse s unless it has the breakpoints of t, with the same ends."""
    coarse, fine = t[k : len(t) - k], s[k : len(s) - k]
    if (coarse[0], coarse[-1]) != (fine[0], fine[-1]):
        raise ValueError(
            f"refined must have the [a, b] of knots, [{coarse[0]}, {coarse[-1]}], without {k} ghost knots "
            f"on each side, got [{fine[0]}, {fine[-1]}]"
        )
    for breakpoint in coarse:
        if breakpoint not in fine:
            raise ValueError(f"refined must contain all breakpoints of knots, got none at {breakpoint}")


def _assumptions(t: Sequence[sp.Expr], s: Sequence[sp.Expr]) -> tuple[str, ...]:
    """The order of neighbours if it does not follow from their values."""
    pairs = dict.fromkeys([*pairwise(t), *pairwise(s)])
    return tuple(f"{p} < {q}" for p, q in pairs if (q - p).is_positive is None)


def _shown(matrix: sp.ImmutableMatrix) -> list[str]:
    """The rows of a table if entries are short, otherwise the nonzero entries, a line for each."""
    rows = [[str(entry) for entry in row] for row in matrix.tolist()]
    width = max(len(entry) for row in rows for entry in row)
    if width <= WIDEST:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return [
            "  " + "  ".join(f"{e:>{w}}" for e, w in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
    return [f"  [{i}, {j}]  {e}" for i, row in enumerate(rows) for j, e in enumerate(row) if e != "0"]
