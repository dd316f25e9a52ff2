"""The Allen-Cahn equation, and its solution by a Fourier method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import scipy
import sympy

from splinekan._checks import Float64Array, affordable, integer, real, real_array
from splinekan.equations import Equation, ansatz
from splinekan.problems.boundary_value import BoundaryValueProblem, Condition
from splinekan.problems.networks import bounded

X, T = sympy.symbols("x t")
MODES, STEPS = 2048, 1000
"""Number of modes of the reference solution."""
MAX_DIFFUSION = 1e6
STEPS_PER_RATE = 20
"""Least number of time steps at reaction rate 1."""


def allen_cahn(diffusion: float = 1e-4, rate: float = 5.0) -> BoundaryValueProblem:
    """u_t = diffusion u_xx + rate (u - u^3), periodic on [-1, 1], u(x, 0) = x^2 cos(pi x).

    The reference solution is computed by a Fourier method, see `allen_cahn_solution`.

    Raises
    ------
    TypeError, ValueError
        As for `allen_cahn_solution`.
    """
    diffusion, rate, _, _ = _resolved(diffusion, rate, MODES, STEPS)
    u = sympy.Function("u")(X, T)
    variables = (X, T)
    value, slope = Equation(u, u, variables), Equation(u.diff(X), u, variables)
    return BoundaryValueProblem(
        "allen-cahn",
        "Southworth et al., arXiv:2603.04827, 6.4; the data of Raissi, Perdikaris & Karniadakis 2019",
        Equation(u.diff(T) - diffusion * u.diff(X, 2) + rate * (u**3 - u), u, variables),
        ((-1.0, 1.0), (0.0, 1.0)),
        (
            Condition(Equation(u - X**2 * sympy.cos(sympy.pi * X), u, variables), 1, 0.0, 100.0),
            Condition(value, 0, -1.0, 1.0, 1.0),
            Condition(slope, 0, -1.0, 1.0, 1.0),
        ),
        partial(_reference, diffusion, rate),
        bounded((2, 5, 5, 1), 4, 4),
    )


def _reference(diffusion: float, rate: float, points: Float64Array) -> Float64Array:
    return allen_cahn_solution(diffusion, rate)(points[:, 0], points[:, 1])


def allen_cahn_hard(diffusion: float = 1e-4, rate: float = 5.0) -> BoundaryValueProblem:
    """The Allen-Cahn problem on [0, 1] with exact conditions, u = x^2 cos(pi x) + w + t v(cos(pi x), t).

    Errors in the initial values would grow like exp(rate t). Like the solution, u is even about 0 and 1. The
    even extension of the initial values has a kink at x = 1, which diffusion smooths immediately. Since v is
    smooth, w represents this layer: it solves w_t = diffusion w_xx with w = 0 initially and slope 2 at x = 1,
    w = 2 s (exp(-z^2)/sqrt(pi) - z erfc(z)), s = sqrt(4 diffusion t), z = (1 - x)/s (Carslaw & Jaeger 1959).

    Raises
    ------
    TypeError, ValueError
        As for `allen_cahn_solution`.
    """
    diffusion, rate, _, _ = _resolved(diffusion, rate, MODES, STEPS)
    v = sympy.Function("v")(X, T)
    residual = v.diff(T) - diffusion * v.diff(X, 2) + rate * (v**3 - v)
    width = sympy.sqrt(4 * diffusion * (T + sympy.Rational(1, 10**30)))  # no division by 0 at the start
    z = (1 - X) / width
    rounding = 2 * width * (sympy.exp(-(z**2)) / sympy.sqrt(sympy.pi) - z * sympy.erfc(z))
    form = X**2 * sympy.cos(sympy.pi * X) + rounding + T * v
    return replace(
        allen_cahn(diffusion, rate),
        name="allen-cahn-hard",
        equation=Equation(ansatz(residual, v, form), v, (X, T)),
        bounds=((0.0, 1.0), (0.0, 1.0)),
        conditions=(),
        extra=(sympy.cos(sympy.pi * X),),
        form=Equation(form, v, (X, T)),
        entering=(None, (0.0, 1.0)),
    )


def allen_cahn_solution(
    diffusion: float = 1e-4, rate: float = 5.0, modes: int = MODES, steps: int = STEPS
) -> Callable[[Float64Array, Float64Array], Float64Array]:
    """u(x, t) by Fourier series and Lawson's fourth-order exponential integrator, interpolated bicubically.

    The initial values have a kink at x = +-1, so that their coefficients decay like 1/modes^2. With twice the
    modes and twice the steps u changes by less than 1e-6 of its norm. Computed once, in a few seconds.

    Parameters
    ----------
    diffusion
        Positive, at most 1e6.
    rate
        Not negative.
    modes
        Number of points, even and at least 8; their spacing 2/modes must be at most the width
        sqrt(diffusion/rate) of the layers.
    steps
        At least 4, and 20 rate.

    Returns
    -------
    Callable
        u for arrays x (u has period 2) and t (in [0, 1]) of the same shape.

    Raises
    ------
    TypeError, ValueError
        For parameters out of range, for which the method is not accurate.
    MemoryError
        For more modes and steps than fit in memory.
    """
    return _solution(*_resolved(diffusion, rate, modes, steps))


def _resolved(diffusion: float, rate: float, modes: int, steps: int) -> tuple[float, float, int, int]:
    """The parameters, refused unless the method is accurate for them."""
    modes, steps = integer("modes", modes, low=8), integer("steps", steps, low=4)
    if modes % 2:
        raise ValueError(f"modes must be even, got {modes}")
    affordable(f"modes {modes} and steps {steps}", 32.0 * modes * steps)
    diffusion = real("diffusion", diffusion, positive=True)
    if diffusion > MAX_DIFFUSION:
        raise ValueError(f"diffusion must be at most {MAX_DIFFUSION:g}, got {diffusion}")
    rate = real("rate", rate, low=0.0, high=np.inf)
    if STEPS_PER_RATE * rate > steps:
        raise ValueError(
            f"rate must be at most steps/{STEPS_PER_RATE} = {steps / STEPS_PER_RATE}, got {rate}"
        )
    least = rate * (2 / modes) ** 2
    if diffusion < least:
        raise ValueError(f"diffusion must be at least rate (2/modes)^2 = {least:.3g}, got {diffusion}")
    return diffusion, rate, modes, steps


@cache
def _solution(
    diffusion: float, rate: float, modes: int, steps: int
) -> Callable[[Float64Array, Float64Array], Float64Array]:
    x = np.linspace(-1.0, 1.0, modes, endpoint=False)
    k = np.pi * np.arange(modes // 2 + 1)
    half = np.exp((rate - diffusion * k**2) / steps / 2)

    def reaction(v: Any) -> Any:
        return -rate * np.fft.rfft(np.fft.irfft(v) ** 3) / steps

    v: Any = np.fft.rfft(x**2 * np.cos(np.pi * x))
    rows = [v]
    for _ in range(steps):
        a = reaction(v)
        b = reaction(half * (v + a / 2))
        c = reaction(half * v + b / 2)
        d = reaction(half**2 * v + half * c)
        v = half**2 * v + (half**2 * a + 2 * half * (b + c) + d) / 6
        rows.append(v)
    u = np.fft.irfft(np.array(rows)[:: max(steps // 250, 1)]).T
    around = np.concatenate([u, u[:1]])  # x = 1 is x = -1
    table = scipy.interpolate.RectBivariateSpline(
        np.linspace(-1.0, 1.0, modes + 1), np.linspace(0.0, 1.0, u.shape[1]), around
    )

    def solution(at_x: Float64Array, at_t: Float64Array) -> Float64Array:
        x, t = real_array("x", at_x), real_array("t", at_t)
        if x.shape != t.shape:
            raise ValueError(f"x and t must have the same shape, got {x.shape} and {t.shape}")
        if t.size and not (t.min() >= 0 and t.max() <= 1):
            raise ValueError(f"t must lie in [0, 1], where the solution is known, got [{t.min()}, {t.max()}]")
        return np.asarray(table((x + 1) % 2 - 1, t, grid=False))

    return solution
