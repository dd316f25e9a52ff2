"""Line searches: how far to go along a direction."""

from __future__ import annotations

import warnings

import numpy as np

from splinekan._checks import Float64Array
from splinekan.optimize.driver import Frame, Point


def armijo(frame: Frame, point: Point, direction: Float64Array, step: float) -> Point | None:
    """Halve `step` until the loss falls by 1e-4 of what the slope promises (50 times at most)."""
    slope = float(point.gradient @ direction)
    if not slope < 0:
        return None
    for _ in range(50):
        # Gradient included: the first try is mostly taken, and both cost one pass over the data.
        found = frame.point(point.z + step * direction)
        if found.finite and found.value <= point.value + 1e-4 * step * slope:
            return found
        step /= 2
    return None


def strong_wolfe(frame: Frame, point: Point, direction: Float64Array, curvature: float = 0.9) -> Point | None:
    """A step with sufficient decrease (1e-4) and |slope| at most `curvature` times the first one's.

    The search itself is SciPy's; every point it visits is evaluated once.
    """
    from scipy.optimize import line_search  # slow to import, seldom needed

    if not point.gradient @ direction < 0:
        return None
    seen: dict[bytes, Point] = {}

    def at(z: Float64Array) -> Point:
        key = z.tobytes()
        if key not in seen:
            seen[key] = frame.point(np.array(z))
        return seen[key]

    def value(z: Float64Array) -> float:
        return at(z).value

    def gradient(z: Float64Array) -> Float64Array:
        return at(z).gradient

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # failure is told by the answer None
        found = line_search(
            value,
            gradient,
            point.z,
            direction,
            gfk=point.gradient,
            old_fval=point.value,
            c2=curvature,
            maxiter=25,
        )[0]
    return None if found is None else at(point.z + found * direction)
