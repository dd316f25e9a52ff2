"""Local Fourier analysis of sweeps for the L2 projection on a uniform spline layer.

On uniform knots of spacing h, without boundaries, the waves u_j = exp(i j theta) are eigenvectors of the mass
matrix M and of A A^T. A sweep u <- u - omega D (M u - b) with D = I (gradient descent in spline geometry) or
D = (A A^T)^{-1} (in ReLU geometry) multiplies the error of frequency theta by 1 - omega lambda(theta). An
exact coarse solve couples the waves theta and theta + pi, and leaves a one-dimensional error for every such
pair. Method: Trottenberg, Oosterlee, Schueller, Multigrid, 2001, chapter 4.

In both geometries smooth waves are damped first: lambda decreases on [0, pi]. In spline geometry the ratio of
the largest and the smallest value is f(0)/f(pi) for any number of intervals; in ReLU geometry it grows like
G^(2r).
"""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import (
    Float64Array,
    affordable,
    integer,
    one_of,
    real,
    real_array,
    spline_degree,
    vector,
)
from splinekan.splines.gram import gram_stencil

GEOMETRIES = ("spline", "relu")


def harmonics(intervals: int) -> Float64Array:
    """Frequencies 2 pi j/G, j = 1..G/2, of G periodic intervals, without the constants; in radians.

    Raises
    ------
    TypeError, ValueError
        Unless `intervals` is even and at least 4.
    """
    count = integer("intervals", intervals, low=4)
    if count % 2:
        raise ValueError(f"intervals must be even, got {count}")
    affordable(f"{count} intervals", 64.0 * count)
    return 2 * np.pi * np.arange(1, count // 2 + 1) / count


def _angles(theta: ArrayLike) -> Float64Array:
    """Frequencies in radians; beyond 1e8 their multiples modulo 2 pi lose too many digits."""
    angles = real_array("theta", theta).astype(np.float64)
    if (np.abs(angles) > 1e8).any():
        raise ValueError(f"theta must be at most 1e8 in modulus, got {np.abs(angles).max()}")
    return angles


def _spacing(value: float) -> float:
    return real("spacing", value, low=1e-18, high=1e18)


def mass_symbol(theta: ArrayLike, degree: int, spacing: float = 1.0) -> Float64Array:
    """h sum_d N_{2r}(r + d) cos(d theta), the symbol of M: the Euler-Frobenius polynomial.

    N_{2r}(r + d) = <2r-1, r+d-1>/(2r-1)! with Eulerian numbers; h is `spacing`. The symbol decreases from h
    at theta = 0 to its minimum at pi; units of h.
    """
    degree = spline_degree(degree)
    angle, h = _angles(theta), _spacing(spacing)
    values = gram_stencil(degree)
    return np.asarray(h * sum(value * np.cos((m - degree) * angle) for m, value in enumerate(values)))


def difference_symbol(theta: ArrayLike, degree: int, spacing: float = 1.0) -> Float64Array:
    """|1 - exp(i theta)|^(2r)/((k!)^2 h^(2k)), the symbol of A A^T (Corollary 1 of arXiv:2603.04827)."""
    angle, k = _angles(theta), spline_degree(degree)
    h = _spacing(spacing)
    result: Float64Array = (2 * np.sin(angle / 2)) ** (2 * k + 2) / (factorial(k) * h**k) ** 2
    return result


def sweep_symbol(theta: ArrayLike, degree: int, geometry: str, spacing: float = 1.0) -> Float64Array:
    """lambda(theta), the symbol of D M; a sweep multiplies the wave by 1 - omega lambda(theta).

    Raises
    ------
    TypeError, ValueError
        For an unknown geometry; in ReLU geometry for theta = 0 modulo 2 pi, where A A^T is singular.
    """
    one_of("geometry", geometry, GEOMETRIES)
    mass = mass_symbol(theta, degree, spacing)
    if geometry == "spline":
        return mass
    difference = difference_symbol(theta, degree, spacing)
    if (difference == 0).any():
        raise ValueError("theta must not be a multiple of 2 pi: the symbol of A A^T is 0 there")
    return np.asarray(mass / difference)


def complement_symbol(theta: ArrayLike, degree: int, geometry: str, spacing: float = 1.0) -> Float64Array:
    """q(theta), the eigenvalue of D M on the error that a coarse solve leaves of the waves theta, theta + pi.

    With c = cos(theta/2), s = sin(theta/2) and f the symbol of M, the remaining error is orthogonal to the
    coarse functions in the inner product of M. Hence the ratio of its two amplitudes is s^r f(theta + pi) to
    c^r f(theta), and with the two-scale relation f(2 theta) = c^(2r) f(theta) + s^(2r) f(theta + pi)

        q = f(theta) f(theta + pi)/f(2 theta) (c^(2r) + s^(2r))            spline geometry,
        q = f(theta) f(theta + pi)/f(2 theta) 2 (k!)^2 h^(2k)/4^r          ReLU geometry.

    Both are bounded above and below independently of the number of intervals (claim complement-symbol of the
    theory): in ReLU geometry the growth of (A A^T)^{-1} towards smooth waves cancels the factor s^(2r) by
    which a coarse solve reduces them.
    """
    one_of("geometry", geometry, GEOMETRIES)
    degree, spacing = spline_degree(degree), _spacing(spacing)
    angle, r = _angles(theta), degree + 1
    smooth, rough = mass_symbol(angle, degree, spacing), mass_symbol(angle + np.pi, degree, spacing)
    common = smooth * rough / mass_symbol(2 * angle, degree, spacing)
    if geometry == "spline":
        return np.asarray(common * (np.cos(angle / 2) ** (2 * r) + np.sin(angle / 2) ** (2 * r)))
    return np.asarray(common * 2 * (factorial(degree) * spacing**degree) ** 2 / 4.0**r)


def smoothing_factor(values: ArrayLike, theta: ArrayLike, step: float | None = None) -> float:
    """max |1 - omega lambda(theta)| over the oscillatory waves, theta >= pi/2.

    Parameters
    ----------
    values, theta
        lambda at the frequencies theta in (0, pi], both (n,).
    step
        omega; None for the optimal step, 2/(largest + smallest oscillatory lambda).

    Raises
    ------
    ValueError
        For arguments that do not fit each other, or without an oscillatory frequency.
    """
    symbol = vector("values", values)
    angle = vector("theta", theta, len(symbol))
    rough = symbol[angle >= np.pi / 2]
    if rough.size == 0:
        raise ValueError("theta must hold a frequency of at least pi/2")
    omega = best_step(rough) if step is None else real("step", step, positive=True)
    with np.errstate(over="ignore"):
        return float(np.abs(1 - omega * rough).max())


def best_step(values: Float64Array) -> float:
    """2/(largest + smallest), the step that minimises max |1 - omega value|.

    Raises
    ------
    TypeError, ValueError
        Unless the values are a vector of positive numbers.
    """
    values = vector("values", values)
    if values.size == 0 or values.min() <= 0:
        raise ValueError("values must be positive numbers: no step damps modes with other eigenvalues")
    return float(2 / (values.max() + values.min()))


def cycle_factor(degree: int, geometry: str, intervals: int, step: float | None = None) -> float:
    """max |1 - omega q(theta)|, the predicted factor of a cycle of a sweep and an exact coarse solve.

    Parameters
    ----------
    degree, geometry, intervals
        G intervals of length 1/G, periodic; the coarse level has G/2. The pair (0, pi) is not considered.
    step
        omega; None for the optimal step on the complement, 2/(largest + smallest q).
    """
    q = complement_symbol(harmonics(intervals)[:-1], degree, geometry, 1 / integer("intervals", intervals))
    omega = best_step(q) if step is None else real("step", step, positive=True)
    return float(np.abs(1 - omega * q).max())


def nested_factor(degree: int, geometry: str, intervals: int, step: float, sweeps: int = 1) -> float:
    """max |S^n e|/|e| over the errors e after a coarse solve, the predicted factor of nested iteration.

    A level of nested iteration: the coarse level is solved, its solution prolongated, and n sweeps follow.
    Norms are L2 norms of the functions; the pairs are those of `cycle_factor`.
    """
    sweeps = integer("sweeps", sweeps, low=0)
    step = real("step", step, positive=True)
    degree, theta = spline_degree(degree), harmonics(intervals)[:-1]
    h = 1 / integer("intervals", intervals)
    power = 2 * degree + 2
    f = [mass_symbol(theta + shift, degree, h) for shift in (0.0, np.pi)]
    amplitudes = [(np.sin(theta / 2) ** power) * f[1] ** 2, (np.cos(theta / 2) ** power) * f[0] ** 2]
    before, after = np.zeros_like(theta), np.zeros_like(theta)
    for shift, symbol, square in zip((0.0, np.pi), f, amplitudes, strict=True):
        factor = 1 - step * sweep_symbol(theta + shift, degree, geometry, h)
        before += symbol * square
        with np.errstate(over="ignore"):
            after += symbol * square * factor ** (2 * sweeps)
    return float(np.sqrt((after / before).max()))
