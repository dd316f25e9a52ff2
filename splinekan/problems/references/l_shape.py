"""-Laplace u = 1 on an L with u = 0 on its boundary, by the method of particular solutions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan._checks import Float64Array
from splinekan.problems.exact import known_at

Complex = NDArray[np.complexfloating[Any, Any]]

SINGULAR, SMOOTH, PER_EDGE = 40, 40, 160
"""Numbers of functions singular at the re-entrant corner, of harmonic polynomials, and of points per edge."""
CORNERS = ((1.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (0.0, -1.0))
"""The convex corners of (-1, 1)^2 without [0, 1] x [-1, 0], and below them the direction of an edge: the
corner lies between it and the direction rotated by 90 degrees."""
DIRECTIONS = (1j, -1.0, -1j, 1.0, 1j)
CENTRE, RADIUS = -0.25 + 0.25j, 1.8


@dataclass(frozen=True, eq=False)
class Torsion:
    """u as a sum of functions that satisfy the equation exactly; the boundary values are fitted.

    -r^2/4 satisfies the equation. At a corner of angle pi/2 the term -Im(z^2 log z)/pi makes it vanish on
    both edges, at the re-entrant corner -Im(z^2 log z)/(3 pi), where z^2 log z has the resonance r^2 log r;
    there u also contains the singular functions r^(2k/3) sin(2k theta/3). Without them u is analytic up to
    the boundary, and harmonic polynomials converge geometrically (Fox, Henrici & Moler 1967, SIAM J. Numer.
    Anal. 4, 89; Betcke & Trefethen 2005, SIAM Review 47, 469).

    Attributes
    ----------
    coefficients
        Coefficients of the singular functions, then of the real and imaginary parts of the powers.
    singular, smooth
        Numbers of singular functions and of powers.
    boundary_error
        Largest modulus of u at other points of the boundary, which bounds the error by the maximum principle.
    """

    coefficients: Float64Array
    singular: int
    smooth: int
    boundary_error: float

    def __call__(self, points: Float64Array) -> Float64Array:
        """u at points (n, 2) of the closed L: (n,)."""
        z = points[:, 0] + 1j * points[:, 1]
        value: Float64Array = _particular(z) + _basis(z, self.singular, self.smooth) @ self.coefficients
        return value


@cache
def torsion(singular: int = SINGULAR, smooth: int = SMOOTH, per_edge: int = PER_EDGE) -> Torsion:
    """The solution, computed once."""
    z = _boundary(per_edge)
    matrix = _basis(z, singular, smooth)
    coefficients = scipy.linalg.lstsq(matrix, -_particular(z), cond=1e-15, lapack_driver="gelsd")[0]
    fitted = Torsion(coefficients, singular, smooth, np.nan)
    between = _boundary(2 * per_edge + 1)
    error = float(np.abs(fitted(np.column_stack([between.real, between.imag]))).max())
    return Torsion(coefficients, singular, smooth, error)


def solution(points: Float64Array) -> Float64Array:
    """u at points (n, 2): (n,).

    Raises
    ------
    ValueError
        For points outside the closed L.
    """
    at = known_at(points, ((-1.0, 1.0), (-1.0, 1.0)))
    outside = np.flatnonzero((at[:, 0] > 0) & (at[:, 1] < 0))
    if outside.size:
        raise ValueError(f"points must lie in the L, got {at[outside[0]]} at index {outside[0]}")
    return torsion()(at)


def _angle(z: Complex) -> Float64Array:
    """The angle at the re-entrant corner, from 0 on the edge y = 0 to 3 pi/2 on the edge x = 0."""
    # The branch cut runs through the removed square, along the direction -pi/4.
    turned: Float64Array = np.angle(z * np.exp(-0.75j * np.pi)) + 0.75 * np.pi
    return turned


def _square_log(z: Complex, angle: Float64Array) -> Float64Array:
    """Im(z^2 log z), 0 at 0."""
    r = np.abs(z)
    log = np.log(np.where(r > 0, r, 1.0))
    value: Float64Array = r**2 * (log * np.sin(2 * angle) + angle * np.cos(2 * angle))
    return value


def _particular(z: Complex) -> Float64Array:
    total: Float64Array = -(np.abs(z) ** 2) / 4 - _square_log(z, _angle(z)) / (3 * np.pi)
    for (x, y), direction in zip(CORNERS, DIRECTIONS, strict=True):
        local = (z - (x + 1j * y)) / direction
        total = total - _square_log(local, np.angle(local)) / np.pi
    return total


def _basis(z: Complex, singular: int, smooth: int) -> Float64Array:
    r, angle = np.abs(z) / np.sqrt(2), _angle(z)
    order = 2 * np.arange(1, singular + 1) / 3
    columns = [r[:, None] ** order * np.sin(angle[:, None] * order)]
    powers = ((z - CENTRE) / RADIUS)[:, None] ** np.arange(smooth + 1)
    columns += [powers.real, powers[:, 1:].imag]
    return np.concatenate(columns, axis=1)


def _boundary(count: int) -> Complex:
    """Chebyshev points on every edge."""
    corners = [0.0, *(x + 1j * y for x, y in CORNERS), 0.0]
    s = (1 - np.cos(np.pi * (np.arange(count) + 0.5) / count)) / 2
    sides = [a + s * (b - a) for a, b in pairwise(corners)]
    points: Complex = np.concatenate(sides)
    return points
