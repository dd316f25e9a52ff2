"""Knots as functions of unknowns in which every value is admissible: logarithms of ratios of spacings.

The error of a spline as a function of its knots has many stationary points with coincident knots, at which
gradient methods stagnate: by its symmetry in the knots, the derivative normal to the face t_j = t_{j+1} is 0
there ("lethargy", Jupp 1975, SIAM J. Numer. Anal. 12). Jupp (1978, SIAM J. Numer. Anal. 15, section 3) moves
the faces to infinity: with the spacings h_i = t_{i+1} - t_i the unknowns are

    kappa_i = log(h_i / h_{i-1}),   i = 1..G-1.

Here spacings are also bounded below, h_i = (b - a) (least/G + (1 - least) p_i), where p_i are the relative
spacings that the kappa define: knots cannot collapse, and quotients of coefficients by spacings stay bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splinekan._checks import Float64Array
from splinekan.splines.knot_vector import KnotVector

ROUNDING = 1e-6


@dataclass(frozen=True)
class KnotSpacings:
    """The breakpoints of a KnotVector as a function of unknowns, with fixed ends and multiplicities.

    Ghost knots are fixed too.

    Attributes
    ----------
    start
        The initial knots.
    least
        The least spacing, relative to the mean spacing (b - a)/G.
    kind
        "log-ratios" as above, or "knots": the breakpoints themselves, in units of b - a from a, of which not
        all values are admissible.
    """

    start: KnotVector
    least: float
    kind: str

    def unknowns(self) -> Float64Array:
        """The unknowns of the start, (G - 1,).

        Raises
        ------
        ValueError
            If the start has spacings that do not exceed the least spacing.
        """
        (a, b), points = self.start.domain, self.start.breakpoints
        shares = np.diff(points) / (b - a)
        if shares.min() * len(shares) <= self.least:
            raise ValueError(
                f"least must be below the spacing of the given knots relative to the mean spacing, "
                f"{shares.min() * len(shares):.3g}, got {self.least:g}"
            )
        if self.kind == "knots":
            return np.asarray((points[1:-1] - a) / (b - a))
        free = shares - self.least / len(shares)
        return np.diff(np.log(free))

    def breakpoints(self, unknowns: Float64Array) -> Float64Array | None:
        """The breakpoints (G + 1,), None if they are not admissible."""
        (a, b), count = self.start.domain, self.start.intervals
        if self.kind == "knots":
            inside = unknowns
        else:
            if not np.isfinite(unknowns).all():
                return None
            inside = self.least / count * np.arange(1, count) + (1 - self.least) * self._sums(unknowns)
        points = np.concatenate([[a], a + (b - a) * inside, [b]])
        # Rounding may reduce spacings slightly below the least spacing.
        least = (1 - ROUNDING) * self.least * (b - a) / count
        if not (np.diff(points) >= least).all():
            return None
        return points

    def knots(self, unknowns: Float64Array) -> KnotVector | None:
        """The knots, None if they are not admissible."""
        points = self.breakpoints(unknowns)
        if points is None:
            return None
        start, k = self.start, self.start.degree
        inner = np.repeat(points, np.concatenate([[1], start.multiplicities, [1]]))
        return start._like(start.t[:k], inner, start.t[len(start.t) - k :])

    def jacobian(self, unknowns: Float64Array) -> Float64Array:
        """d(inner breakpoints)/d(unknowns), (G - 1, G - 1), in units of x.

        With C_i = p_0 + ... + p_{i-1} it is -(b - a) (1 - least) min(C_i, C_j) (1 - max(C_i, C_j)): minus the
        Green's function of -d^2/ds^2 on [0, 1] at the relative breakpoints.
        """
        a, b = self.start.domain
        if self.kind == "knots":
            return (b - a) * np.eye(len(unknowns))
        sums = self._sums(unknowns)
        green = np.minimum.outer(sums, sums) * (1 - np.maximum.outer(sums, sums))
        return np.asarray(-(b - a) * (1 - self.least) * green)

    @staticmethod
    def _sums(unknowns: Float64Array) -> Float64Array:
        """C_1, ..., C_{G-1}."""
        logarithms = np.concatenate([[0.0], np.cumsum(unknowns)])
        with np.errstate(under="ignore"):
            shares = np.exp(logarithms - logarithms.max())
        return np.asarray(np.cumsum(shares)[:-1] / shares.sum())
