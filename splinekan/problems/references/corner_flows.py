"""The flow where a moving lid meets a wall at rest at a right angle: singular parts of the stream function.

With lid velocity 1 the stream function begins with r F(theta) (Goodier 1934, Taylor 1962) and
r^2 Re G(theta), the inertia of the first part; their vorticity is infinite. With lid velocity 4 x it begins
with r^2 F(theta), whose vorticity has no limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

from splinekan._checks import Float64Array

ANGLES = 24
"""Polynomial degree in theta."""


@dataclass(frozen=True, eq=False)
class CornerFlow:
    """r^power F(theta), 0 <= theta <= pi/2, F by Chebyshev coefficients; theta = 0 is the lid.

    Its Laplacian's Laplacian is r^(power - 4) times the function with the coefficients `forcing`.
    """

    power: int
    coefficients: Float64Array
    forcing: Float64Array

    def derivative(self, order: int, theta: Float64Array) -> Float64Array:
        """A derivative of F."""
        series = chebyshev.chebder(self.coefficients, order) * (4 / np.pi) ** order
        value: Float64Array = chebyshev.chebval(4 * theta / np.pi - 1, series)
        return value

    def evaluate(self, along: Float64Array, below: Float64Array) -> list[Float64Array]:
        """psi, its first derivatives, the Laplacian, its first derivatives and its Laplacian.

        Derivatives are along the lid and away from it.
        """
        r, theta = np.hypot(along, below), np.arctan2(below, along)
        safe = np.where(r > 0, r, 1.0)
        n = self.power
        f, f1, f2, f3 = (self.derivative(order, theta) for order in range(4))
        omega, omega1 = f2 + n**2 * f, f3 + n**2 * f1
        cos, sin = along / safe, below / safe

        def gradient(m: int, g: Float64Array, g1: Float64Array) -> tuple[Float64Array, Float64Array]:
            radial, around = safe ** (m - 1.0) * m * g, safe ** (m - 1.0) * g1
            return cos * radial - sin * around, sin * radial + cos * around

        return [
            safe**n * f * (r > 0),
            *gradient(n, f, f1),
            safe ** (n - 2.0) * omega,
            *gradient(n - 2, omega, omega1),
            safe ** (n - 4.0) * chebyshev.chebval(4 * theta / np.pi - 1, self.forcing),
        ]


def corner_flows(reynolds: float, lid: str) -> list[CornerFlow]:
    """The singular parts at a corner, in coordinates along the lid and away from it.

    Here psi_below = -(lid velocity) on the lid, as y decreases away from it.
    """
    theta: Float64Array = np.pi / 4 * (1 + np.cos(np.pi * np.arange(ANGLES + 1) / ANGLES))
    half = np.pi / 2
    if lid == "parabolic":
        # 4 x on the lid: a cos 2 theta + b sin 2 theta + c theta + d, with F' = -4 at 0.
        c = -2.0
        b, d = c / 2, -c * half / 2
        return [_fitted(2, theta, -d * np.cos(2 * theta) + b * np.sin(2 * theta) + c * theta + d)]
    # F'''' + 2 F'' + F = 0 with F = 0 at both ends, F' = -1 at 0 and 0 at pi/2.
    basis: list[Callable[[Any], Any]] = [np.cos, np.sin, lambda t: t * np.cos(t), lambda t: t * np.sin(t)]
    slopes: list[Callable[[Any], Any]] = [
        lambda t: -np.sin(t),
        np.cos,
        lambda t: np.cos(t) - t * np.sin(t),
        lambda t: np.sin(t) + t * np.cos(t),
    ]
    matrix = np.array([[f(end) for f in part] for part in (basis, slopes) for end in (0.0, half)])
    weights = np.linalg.solve(matrix, np.array([0.0, 0.0, -1.0, 0.0]))
    first = _fitted(1, theta, np.sum([w * f(theta) for w, f in zip(weights, basis, strict=True)], axis=0))
    return [first, _inertia(first, reynolds, theta)]


def _fitted(power: int, theta: Float64Array, values: Float64Array) -> CornerFlow:
    return CornerFlow(power, _series(theta, values), np.zeros(1))


def _inertia(flow: CornerFlow, reynolds: float, theta: Float64Array) -> CornerFlow:
    """The part r^2 G of the corner flow that balances the inertia of r F.

    With omega = (F'' + F)/r, Laplace^2 (r^2 G) = (G'''' + 4 G'')/r^2 equals
    Re (psi_r omega_theta - psi_theta omega_r)/r, where y decreases away from the lid.
    """
    f, f1, f2, f3 = (flow.derivative(order, theta) for order in range(4))
    source = f1 * (f2 + f) + f * (f3 + f1)
    at, scale = 4 * theta / np.pi - 1, 4 / np.pi
    identity = np.eye(ANGLES + 1)

    def derived(order: int, where: Float64Array = at) -> Float64Array:
        values: Float64Array = chebyshev.chebval(where, scale**order * chebyshev.chebder(identity, order)).T
        return values

    ends = np.array([-1.0, 1.0])
    inner = slice(2, -2)  # four rows are replaced by the conditions
    rows = np.concatenate([(derived(4) + 4 * derived(2))[inner], derived(0, ends), derived(1, ends)])
    right = reynolds * source
    coefficients = np.linalg.solve(rows, np.concatenate([right[inner], np.zeros(4)]))
    return CornerFlow(2, coefficients, _series(theta, right))


def _series(theta: Float64Array, values: Float64Array) -> Float64Array:
    return np.asarray(chebyshev.chebfit(4 * theta / np.pi - 1, values, ANGLES), dtype=np.float64)


Flows = tuple[tuple[CornerFlow, ...], tuple[CornerFlow, ...]]
"""At the left and at the right corner."""


def corner_values(flows: Flows, x: Float64Array, y: Float64Array) -> Float64Array:
    """Both flows: psi, psi_x, psi_y, omega = Laplace psi, omega_x, omega_y and Laplace omega, (7, ...)."""
    total = np.zeros((7, *np.shape(x)))
    for side, group in enumerate(flows):
        sign = -1.0 if side else 1.0
        for flow in group:
            parts = flow.evaluate(1 - x if side else x, 1 - y)
            signs = (1.0, sign, -1.0, 1.0, sign, -1.0, 1.0)
            total += np.array([s * part for s, part in zip(signs, parts, strict=True)])
    return total
