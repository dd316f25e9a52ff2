"""Periodic problems of the gallery: their equations, initial values and numbers of modes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array
from splinekan.problems.references.periodic import (
    Complex,
    PeriodicEquation,
    PeriodicSolution,
    evolve,
)

TAIL_MODES = 2**15
"""Number of modes of the initial values of the Allen-Cahn problem that evolve by the linear equation."""
NEGLIGIBLE = 45.0
"""exp(-NEGLIGIBLE) is neglected."""


@cache
def korteweg_de_vries(dispersion: float, refine: int = 1) -> PeriodicSolution:
    """u_t + u u_x + dispersion^2 u_xxx = 0, u(x, 0) = cos(pi x), period 2."""
    equation = PeriodicEquation(
        2.0, 1.0, lambda k: 1j * dispersion**2 * k**3, lambda k: -0.5j * k, np.square, 2
    )
    # Solitons of width about dispersion: the spectrum decays like exp(-c k dispersion).
    modes = refine * max(32, int(np.ceil(5.0 / dispersion)))
    start = _coefficients(lambda x: np.cos(np.pi * x), -1.0, 2.0, modes)
    return evolve(equation, start, -1.0, 1 / (64 * refine))


@cache
def kuramoto_sivashinsky(
    alpha: float, beta: float, gamma: float, end: float, refine: int = 1
) -> PeriodicSolution:
    """u_t + alpha u u_x + beta u_xx + gamma u_xxxx = 0, u(x, 0) = cos x (1 + sin x), period 2 pi."""
    equation = PeriodicEquation(
        2 * np.pi, end, lambda k: beta * k**2 - gamma * k**4, lambda k: -0.5j * alpha * k, np.square, 2
    )
    # The wave number of fastest growth is sqrt(beta/(2 gamma)); 20 times as many modes are damped away.
    modes = refine * max(64, int(np.ceil(20 * np.sqrt(beta / (2 * gamma)))))
    start = _coefficients(lambda x: np.cos(x) * (1 + np.sin(x)), 0.0, 2 * np.pi, modes)
    return evolve(equation, start, 0.0, end / (128 * refine))


@dataclass(frozen=True, eq=False)
class AllenCahn:
    """u_t = diffusion u_xx + rate (u - u^3), u(x, 0) = x^2 cos(pi x), period 2.

    The periodic extension of the initial values has a kink at x = +-1, and coefficients that decay like
    1/k^2. They are exact here, without aliasing. The modes beyond those of the solution decay so fast that
    the equation linearised about u(+-1, 0) = -1 describes them: they decay like
    exp(-(diffusion k^2 + 2 rate) t). At t = 0 the initial values are evaluated exactly.
    """

    solution: PeriodicSolution
    diffusion: float
    rate: float

    def __call__(self, points: Float64Array) -> Float64Array:
        """u at points (x, t), (n, 2): (n,)."""
        x, t = points.T
        u = self.solution(points)
        modes = len(self.solution.wave_numbers)
        k = np.pi * np.arange(modes, TAIL_MODES)
        tail = _kinked(np.arange(modes, TAIL_MODES)).real
        lives = NEGLIGIBLE / (self.diffusion * k[0] ** 2)
        for time in np.unique(t[(t > 0) & (t < lives)]):
            alive = self.diffusion * k**2 * time < NEGLIGIBLE
            sizes = tail[alive] * np.exp(-(self.diffusion * k[alive] ** 2 + 2 * self.rate) * time)
            for row in np.array_split(np.flatnonzero(t == time), 1 + np.sum(t == time) // 64):
                u[row] += np.cos(np.outer(x[row], k[alive])) @ sizes
        at_start = t == 0
        u[at_start] = x[at_start] ** 2 * np.cos(np.pi * x[at_start])
        return u


@cache
def allen_cahn(diffusion: float, rate: float, refine: int = 1) -> AllenCahn:
    """The Allen-Cahn problem; a thousand modes and a few seconds of a core for the usual parameters."""
    equation = PeriodicEquation(
        2.0, 1.0, lambda k: rate - diffusion * k**2, lambda k: -rate + 0.0 * k, lambda u: u**3, 3
    )
    layers = np.sqrt(diffusion / max(rate, 1e-2))
    modes = refine * int(2 ** np.ceil(np.log2(np.clip(4 / layers, 256, 4096))))
    # Even functions: x is measured from 0, where all sines vanish.
    solution = evolve(equation, _kinked(np.arange(modes)), 0.0, 1 / 32, first=1e-6)
    return AllenCahn(solution, diffusion, rate)


def _kinked(k: NDArray[np.integer[Any]]) -> Complex:
    """Coefficients of x^2 cos(pi x) = sum c_k cos(pi k x)."""

    def moment(j: NDArray[np.integer[Any]]) -> Float64Array:
        """int_-1^1 x^2 cos(pi j x) dx."""
        safe = np.where(j == 0, 1, np.pi * j)
        value: Float64Array = np.where(j == 0, 2 / 3, 4 * (-1.0) ** j / safe**2)
        return value

    coefficients = (moment(k + 1) + moment(np.abs(k - 1))) / 2
    return np.where(k == 0, coefficients / 2, coefficients).astype(complex)


def _coefficients(
    start: Callable[[Float64Array], Float64Array], low: float, length: float, modes: int
) -> Complex:
    """The coefficients of the trigonometric interpolant of degree below `modes`."""
    x = low + length * np.arange(2 * modes) / (2 * modes)
    c = np.fft.rfft(start(x))[:modes] / modes
    c[0] /= 2
    c[np.abs(c) < 1e-15] = 0
    return np.asarray(c, complex)
