"""Line searches: the step length along a direction."""

from __future__ import annotations

import warnings

import numpy as np

from splinekan._blas import dot
from splinekan._checks import Float64Array
from splinekan.optimize.driver import Frame, Point

DECREASE = 1e-4
"""Required decrease, relative to the decrease of the linear model."""


def armijo(frame: Frame, point: Point, direction: Float64Array, step: float) -> Point | None:
    """The first of `step`, `step`/2, `step`/4, ... (50 at most) with sufficient decrease."""
    slope = dot(point.gradient, direction)
    if not slope < 0:
        return None
    for _ in range(50):
        z = point.z + step * direction
        if np.array_equal(z, point.z):
            return None
        # The gradient is computed too, because the first trial is usually accepted and both take a single
        # pass.
        trial = frame.point(z)
        if trial.finite and trial.value <= point.value + DECREASE * step * slope:
            return trial
        step /= 2
    return None


def strong_wolfe(frame: Frame, point: Point, direction: Float64Array, curvature: float = 0.9) -> Point | None:
    """A point with sufficient decrease and |slope| at most `curvature` times the first slope.

    The search is SciPy's; every point that it visits is evaluated once. It may fail along directions without
    a minimum, near kinks, or where the loss overflows. Then the best of its points with sufficient decrease
    is returned; if there is none, the step is halved until the decrease is sufficient.
    """
    from scipy.optimize import line_search  # slow to import, seldom needed

    slope = dot(point.gradient, direction)
    if not slope < 0:
        return None
    visited: dict[bytes, Point] = {}

    def at(z: Float64Array) -> Point:
        key = z.tobytes()
        if key not in visited:
            visited[key] = frame.point(np.array(z))
        return visited[key]

    def value(z: Float64Array) -> float:
        trial = at(z)
        return trial.value if trial.finite else np.inf  # too far

    def gradient(z: Float64Array) -> Float64Array:
        return at(z).gradient

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # after a failure the step is None
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
    for trial in visited.values():
        length = step_length(trial.z - point.z, direction)
        shortest = min(shortest, length) if length > 0 else shortest
        if trial.finite and trial.value <= point.value + DECREASE * length * slope and length > 0:
            lower.append(trial)
    if lower:
        return min(lower, key=lambda trial: trial.value)
    return armijo(frame, point, direction, shortest / 2)


def step_length(s: Float64Array, direction: Float64Array) -> float:
    """The step length t with s = t direction."""
    i = int(np.argmax(np.abs(direction)))
    return float(s[i] / direction[i])
