"""Burgers' equation by the integral of Hopf and Cole."""

from __future__ import annotations

import numpy as np

from splinekan._checks import Float64Array

DECAY = 40.0
"""Tails and error of the rule are below exp(-DECAY) of the maximum of the integrand."""
CHUNK = 1 << 21
"""Number of values of the integrand in memory."""


def cole_hopf(viscosity: float, points: Float64Array, refine: float = 1.0) -> Float64Array:
    """u(x, t) for u_t + u u_x = viscosity u_xx, u(x, 0) = -sin(pi x), on the whole line.

    With u = -2 viscosity phi_x/phi, phi solves the heat equation (Hopf 1950, Cole 1951), so that

        u(x, t) = -int sin(pi y) w(s) ds / int w(s) ds,   y = x - s sqrt(4 viscosity t),
        w(s) = exp(-s^2 - cos(pi y)/(2 pi viscosity)).

    The integrands are entire and decay like Gaussians, so the trapezoidal rule converges geometrically: with
    spacing h its error is at most a multiple of exp(-2 pi a/h) times the largest modulus on the lines
    Im s = +-a (Trefethen & Weideman 2014, SIAM Review 56, 385, theorem 5.1). The modulus grows there by

        exp(a^2 + (cosh(2 pi a sqrt(viscosity t)) - 1)/(2 pi viscosity)),

    and h is the largest spacing for which some a makes the product exp(-40). The range follows from the
    variation 1/(pi viscosity) of the exponent, and its rounding limits the accuracy to about
    2e-16/(pi viscosity).

    Parameters
    ----------
    viscosity
        Positive.
    points
        x and t in columns, (n, 2), 0 <= t <= 1.
    refine
        Divides the spacing in s, to measure the error.

    Returns
    -------
    Float64Array
        u, (n,).
    """
    reach = np.sqrt(1 / (np.pi * viscosity) + DECAY)
    step = _spacing(viscosity) / refine
    count = int(np.ceil(reach / step))
    s = step * np.arange(-count, count + 1)
    u = np.empty(len(points))
    rows = max(1, CHUNK // len(s))
    for start in range(0, len(points), rows):
        x, t = points[start : start + rows].T
        angle = np.pi * (x[:, None] - np.sqrt(4 * viscosity * t)[:, None] * s)
        exponent = -(s**2) - np.cos(angle) / (2 * np.pi * viscosity)
        weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
        u[start : start + rows] = -(np.sin(angle) * weight).sum(axis=1) / weight.sum(axis=1)
    return u


def _spacing(viscosity: float) -> float:
    """The spacing of the trapezoidal rule for t <= 1."""
    a = np.linspace(0.01, 8.0, 800)
    growth = a**2 + (np.cosh(2 * np.pi * np.sqrt(viscosity) * a) - 1) / (2 * np.pi * viscosity)
    return float((2 * np.pi * a / (DECAY + growth)).max())
