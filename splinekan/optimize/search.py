"""Line searches: how far to go along a direction."""

from __future__ import annotations

import warnings

import numpy as np

from splinekan._checks import Float64Array
from splinekan.optimize.driver import Frame, Point

DECREASE = 1e-4
"""The share of the decrease promised by the slope that every search asks for."""


def armijo(frame: Frame, point: Point, direction: Float64Array, step: float) -> Point | None:
    """The first of `step`, `step`/2, `step`/4, ... (50 at most) at which the loss falls enough."""
    slope = float(point.gradient @ direction)
    if not slope < 0:
        return None
    for _ in range(50):
        z = point.z + step * direction
        if np.array_equal(z, point.z):
            return None
        # Gradient included: the first try is mostly taken, and both cost one pass over the data.
        found = frame.point(z)
        if found.finite and found.value <= point.value + DECREASE * step * slope:
            return found
        step /= 2
    return None


def strong_wolfe(frame: Frame, point: Point, direction: Float64Array, curvature: float = 0.9) -> Point | None:
    """A point with sufficient decrease and |slope| at most `curvature` times the first slope.

    The search is SciPy's; every point that it visits is evaluated once. It may fail: along directions
    without a minimum, beside kinks, where the loss overflows. Then the best of its points with sufficient
    decrease is taken, or else the step is halved until there is one.
    """
    from scipy.optimize import line_search  # slow to import, seldom needed

    slope = float(point.gradient @ direction)
    if not slope < 0:
        return None
    seen: dict[bytes, Point] = {}

    def at(z: Float64Array) -> Point:
        key = z.tobytes()
        if key not in seen:
            seen[key] = frame.point(np.array(z))
        return seen[key]

    def value(z: Float64Array) -> float:
        found = at(z)
        return found.value if found.finite else np.inf  # too far

    def gradient(z: Float64Array) -> Float64Array:
        return at(z).gradient

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # failure is told by the answer None
        step = line_search(
            value,
            gradient,
            point.z,
            direction,
            gfk=point.gradient,
            old_fval=point.value,
            c1=DECREASE,
            c2=curvature,
            maxiter=25,
        )[0]
    if step is not None:
        return at(point.z + step * direction)
    shortest = 1.0
    lower = []
    for found in seen.values():
        length = step_length(found.z - point.z, direction)
        shortest = min(shortest, length) if length > 0 else shortest
        if found.finite and found.value <= point.value + DECREASE * length * slope and length > 0:
            lower.append(found)
    if lower:
        return min(lower, key=lambda found: found.value)
    return armijo(frame, point, direction, shortest / 2)


def step_length(s: Float64Array, direction: Float64Array) -> float:
    """The step length t with s = t direction."""
    i = int(np.argmax(np.abs(direction)))
    return float(s[i] / direction[i])
