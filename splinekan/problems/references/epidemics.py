"""An epidemic: S' = -b S I, I' = b S I - g I, R' = g I."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import scipy

from splinekan._checks import Float64Array

STEP = 0.25
"""Longest step in units of 1/(contact + recovery): so short that the interpolant is accurate to rounding."""


@cache
def _solution(contact: float, recovery: float, infected: float, end: float, step: float) -> Any:
    def rates(_: float, y: Float64Array) -> list[float]:
        new, recovered = contact * y[0] * y[1], recovery * y[1]
        return [-new, new - recovered, recovered]

    return scipy.integrate.solve_ivp(
        rates,
        (0.0, end),
        [1.0 - infected, infected, 0.0],
        "DOP853",
        dense_output=True,
        rtol=3e-14,
        atol=1e-18,
        max_step=step / (contact + recovery),
    ).sol


def epidemic(
    t: Float64Array, contact: float, recovery: float, infected: float, end: float, step: float = STEP
) -> Float64Array:
    """S, I and R at times t (n,): (n, 3); by the method of Dormand & Prince of order 8 with short steps."""
    values = _solution(contact, recovery, infected, end, step)(np.clip(t, 0.0, end))
    result: Float64Array = np.ascontiguousarray(values.T)
    return result
