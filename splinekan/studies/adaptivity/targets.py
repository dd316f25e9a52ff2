"""The problems: three functions of a variable that are not smooth everywhere, and layers in two variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array
from splinekan.network import KAN
from splinekan.problems import boundary
from splinekan.splines.quadrature import gauss_points
from splinekan.studies.functions.fitting import deep_network

START = 4
"""Number of intervals at the start."""
DEPTH = 44
"""Points are graded towards a singularity to the distance 2^-44."""
SMOOTHING = 1e-9
"""Smoothing of the networks, which determines coefficients without samples."""


@dataclass(frozen=True)
class Curve:
    """A function on [0, 1], fitted by a cubic spline in the L2 norm.

    Attributes
    ----------
    name
        As in the table.
    function
        It.
    at
        Where it is singular, or steep.
    exponent
        alpha of |x - at|^alpha; None for a smooth function.
    """

    name: str
    function: Callable[[Float64Array], Float64Array]
    at: float
    exponent: float | None

    @property
    def uniform_orders(self) -> tuple[float, float]:
        """The orders of uniform knots in L2 and in the maximum norm: alpha + 1/2 and alpha, at most 4."""
        alpha = 4.0 if self.exponent is None else self.exponent
        return min(alpha + 0.5, 4.0), min(alpha, 4.0)

    @property
    def adaptive_orders(self) -> tuple[float, float]:
        """The order of the best knots in L2, k + 1 = 4, and that of these knots in the maximum norm.

        The errors of all intervals are alike, N^-9/2 each; that of the interval at the singularity, of width
        h, is h^(alpha + 1/2) in L2 and h^alpha in the maximum norm.
        """
        alpha = self.exponent
        return 4.0, 4.0 if alpha is None else 4.5 * alpha / (alpha + 0.5)

    def quadrature(self, uniform: int) -> tuple[Float64Array, Float64Array]:
        """Points and weights on [0, 1], four to a piece: uniform pieces, and pieces graded towards `at`."""
        rings = [np.linspace(0.0, 1.0, uniform + 1)]
        for j in range(1, DEPTH):
            for side in (-1, 1):
                rings.append(self.at + side * np.linspace(2.0 ** -(j + 1), 2.0**-j, 17))
        ends = np.unique(np.concatenate(rings))
        ends = ends[(ends >= 0.0) & (ends <= 1.0)]
        ends = ends[np.append(True, np.diff(ends) > 2.0**-50)]
        ends[-1] = 1.0
        x, w = gauss_points(ends, 4)
        return x.ravel(), w.ravel()


@dataclass(frozen=True)
class Field:
    """A function of two variables in [-1, 1], fitted by a network to random samples.

    Attributes
    ----------
    name
        As in the table.
    function
        From points (n, 2) to values (n,).
    widths
        Widths of the network, cubic splines on 4 intervals at the start.
    """

    name: str
    function: Callable[[Float64Array], Float64Array]
    widths: tuple[int, ...]

    def network(self) -> KAN:
        """The network at the start."""
        return deep_network(self.widths, (-1.0, 1.0), START)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Float64Array, Float64Array]:
        """n points, uniform, and their values."""
        x = rng.uniform(-1.0, 1.0, (n, 2))
        return x, self.function(x)


def _ridge(x: Float64Array) -> Float64Array:
    return np.asarray(np.tanh(100 * (x[:, 0] + x[:, 1])))


@cache
def _solution(name: str) -> Callable[[Float64Array], Float64Array]:
    """The reference solution of a boundary value problem on [-1, 1]^2."""
    problem = boundary.burgers(0.01 / np.pi) if name == "burgers" else boundary.problem(name)
    low, high = np.array(problem.bounds).T

    def solution(x: Float64Array) -> Float64Array:
        return np.asarray(problem.reference(low + (high - low) * (x + 1) / 2)).reshape(-1)

    return solution


def _burgers(x: Float64Array) -> Float64Array:
    return _solution("burgers")(x)


def _allen_cahn(x: Float64Array) -> Float64Array:
    return _solution("allen-cahn")(x)


def _power(x: ArrayLike) -> Float64Array:
    return np.abs(np.asarray(x, np.float64) - 0.3) ** 0.6


def _peak(x: ArrayLike) -> Float64Array:
    return np.exp(-(((np.asarray(x, np.float64) - 0.5) / 1e-2) ** 2))


CURVES = (
    Curve("|x - 0.3|^0.6", _power, 0.3, 0.6),
    Curve("sqrt(x)", np.sqrt, 0.0, 0.5),
    Curve("peak of width 0.01", _peak, 0.5, None),
)
FIELDS = (
    Field("tanh(100(x + y)), 2-1-1", _ridge, (2, 1, 1)),
    Field("tanh(100(x + y)), 2-2-1", _ridge, (2, 2, 1)),
    Field("Burgers' layer, 2-4-1", _burgers, (2, 4, 1)),
    Field("Burgers' layer, 2-8-1", _burgers, (2, 8, 1)),
    Field("Allen-Cahn, 2-4-1", _allen_cahn, (2, 4, 1)),
)
PROBLEMS: dict[str, Curve | Field] = {
    "power": CURVES[0],
    "root": CURVES[1],
    "peak": CURVES[2],
    "ridge-1": FIELDS[0],
    "ridge-2": FIELDS[1],
    "burgers-4": FIELDS[2],
    "burgers-8": FIELDS[3],
    "allen-cahn": FIELDS[4],
}
"""The problems by their names on the command line."""
