"""The polynomials of a spline and of its continuation in exact rational arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb

import numpy as np

from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.pp_form import KEPT, taylor


@dataclass(frozen=True)
class Piece:
    """The polynomial sum_p c_p (x - origin)^p, to the left of `end`.

    Attributes
    ----------
    origin
        The centre of the powers.
    coefficients
        c_0, c_1, ...; empty for 0, None where the function is not defined.
    end
        The right end; None for infinity.
    closed
        Whether the end belongs to the piece.
    """

    origin: Fraction
    coefficients: tuple[Fraction, ...] | None
    end: Fraction | None
    closed: bool = False

    @property
    def zero(self) -> bool:
        """Whether the piece is 0."""
        return self.coefficients is not None and not any(self.coefficients)


def rational(values: Sequence[float] | np.ndarray) -> list[Fraction]:
    """The exact rational values of floating-point numbers."""
    return [Fraction(float(value)) for value in values]


def pieces(knots: KnotVector, c: Sequence[Fraction], extrapolate: str, basis: str) -> list[Piece]:
    """The pieces of sum_i c_i b_i, or of sum_j c_j max(0, x - t_j)^k in the ReLU basis, from left to right.

    Pieces are half-open, [t_s, t_{s+1}), except the last, which contains b. For periodic knots they are the
    pieces on [a, b). Knots are the stored numbers, periodic ghost knots exact.
    """
    k, ends = knots.degree, rational(knots.breakpoints)
    inside = _relu(knots, c) if basis == "relu" else _splines(knots, c)
    found = [
        Piece(left, polynomial, right)
        for left, right, polynomial in zip(ends[:-1], ends[1:], inside, strict=True)
    ]
    if knots.periodic or extrapolate == "polynomial":
        return [*found[:-1], Piece(found[-1].origin, inside[-1], None)]
    a, b = ends[0], ends[-1]
    found[-1] = Piece(found[-1].origin, inside[-1], b, closed=True)
    if extrapolate == "error":
        return [Piece(a, None, a), *found, Piece(b, None, None)]
    kept = min(KEPT[extrapolate], k + 1)
    at_b = shifted(inside[-1], b - found[-1].origin)
    return [Piece(a, inside[0][:kept], a), *found, Piece(b, at_b[:kept], None)]


def shifted(c: Sequence[Fraction], step: Fraction) -> tuple[Fraction, ...]:
    """The coefficients in powers of y of the polynomial with coefficients c in powers of y + step."""
    n = len(c)
    return tuple(
        sum((c[p] * comb(p, d) * step ** (p - d) for p in range(d, n)), Fraction(0)) for d in range(n)
    )


def _splines(knots: KnotVector, c: Sequence[Fraction]) -> list[tuple[Fraction, ...]]:
    k, (integers, unit) = knots.degree, knots.exact
    numerators, denominators, widths = taylor(integers, k, knots.first_active + k, 0)
    found = []
    for span, rows, below, width in zip(knots.first_active, numerators, denominators, widths, strict=True):
        active = [c[i] for i in knots.fold[span : span + k + 1]]
        scale = Fraction(unit, int(width))
        found.append(
            tuple(
                sum((int(n) * u for n, u in zip(row, active, strict=True)), Fraction(0))
                * scale**p
                / int(below)
                for p, row in enumerate(rows)
            )
        )
    return found


def _relu(knots: KnotVector, w: Sequence[Fraction]) -> list[tuple[Fraction, ...]]:
    k, t = knots.degree, rational(knots.t)
    found = []
    for span in knots.first_active:
        left = t[span + k]
        total = [Fraction(0)] * (k + 1)
        for j in range(span + k + 1):  # powers that begin further right are 0
            power = [Fraction(0)] * k + [w[j]]
            total = [s + term for s, term in zip(total, shifted(power, left - t[j]), strict=True)]
        found.append(tuple(total))
    return found
