"""Targets for regression, by name, shared by the studies, tests and notebooks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy

from splinekan._checks import (
    Float64Array,
    affordable,
    function,
    generator,
    instance,
    integer,
    interval,
    one_of,
)


@dataclass(frozen=True)
class RegressionProblem:
    """A function to fit from samples in a box.

    Attributes
    ----------
    name, source
        The name of the problem and its origin.
    function
        The vectorised target, from (n, n_in) to (n,), dimensionless.
    n_in
        Number of inputs.
    bounds
        The interval from which every input is drawn uniformly.

    Raises
    ------
    TypeError, ValueError
        For a function that cannot be called, a number of inputs below 1, or bounds that are not an interval.
    """

    name: str
    source: str
    function: Callable[[Float64Array], Float64Array]
    n_in: int
    bounds: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        for name in ("name", "source"):
            instance(name, getattr(self, name), str)
        function("function", self.function)
        object.__setattr__(self, "n_in", integer("n_in", self.n_in, low=1))
        object.__setattr__(self, "bounds", interval("bounds", self.bounds))

    def sample(self, n: int, rng: int | np.random.Generator) -> tuple[Float64Array, Float64Array]:
        """n points (n, n_in), uniform in the bounds, and the function there (n,).

        Raises
        ------
        TypeError, ValueError, MemoryError
            Unless n is an integer of at least 1 that fits in memory, and `rng` a seed or a NumPy Generator.
        """
        count = integer("n", n, low=1)
        affordable(f"n = {count} samples", 8.0 * count * (self.n_in + 1))
        x = generator("rng", rng).uniform(*self.bounds, size=(count, self.n_in))
        return x, self.function(x)


def _waves(x: Float64Array, angle: float) -> Float64Array:
    u = np.cos(angle) * x[:, 0] - np.sin(angle) * x[:, 1]
    v = np.sin(angle) * x[:, 0] + np.cos(angle) * x[:, 1]
    value: Float64Array = (
        np.cos(4 * np.pi * u) + np.sin(np.pi * v) + np.sin(2 * np.pi * v) + np.abs(np.sin(3 * np.pi * v**2))
    )
    return value


def _exp_sine(x: Float64Array) -> Float64Array:
    """exp(sin(pi x) + y^2)."""
    value: Float64Array = np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)
    return value


def _between(x: Float64Array, low: float, high: float) -> Float64Array:
    """x in [0, 1] mapped to [low, high]."""
    return low + (high - low) * x


def _peak(x: Float64Array) -> Float64Array:
    """A Gaussian bump, which is not a sum of a few ridge functions."""
    value: Float64Array = np.exp(-20 * ((x[:, 0] - 0.4) ** 2 + (x[:, 1] - 0.6) ** 2))
    return value


def _ridges(x: Float64Array) -> Float64Array:
    """A steep front across a wave."""
    value: Float64Array = np.tanh(10 * (x[:, 0] + x[:, 1] / 2 - 0.7)) + np.sin(6 * x[:, 1])
    return value


def _products(x: Float64Array) -> Float64Array:
    """Products of the inputs."""
    value: Float64Array = np.sin(2 * np.pi * x[:, 0]) * x[:, 1] ** 2 + np.cos(3 * x[:, 0] * x[:, 1])
    return value


def _bessel_j(x: Float64Array) -> Float64Array:
    """J_nu(z), nu in [0, 5], z in [0, 15]."""
    return np.asarray(scipy.special.jv(_between(x[:, 0], 0, 5), _between(x[:, 1], 0, 15)))


def _bessel_k(x: Float64Array) -> Float64Array:
    """K_nu(z), nu in [0, 2], z in [1/2, 5]."""
    return np.asarray(scipy.special.kv(_between(x[:, 0], 0, 2), _between(x[:, 1], 0.5, 5)))


def _elliptic_f(x: Float64Array) -> Float64Array:
    """F(phi | m), phi in [0, pi/2], m in [0, 0.95]."""
    return np.asarray(scipy.special.ellipkinc(_between(x[:, 0], 0, np.pi / 2), 0.95 * x[:, 1]))


def _elliptic_sn(x: Float64Array) -> Float64Array:
    """sn(z | m), z in [0, 6], m in [0, 0.95]."""
    return np.asarray(scipy.special.ellipj(_between(x[:, 0], 0, 6), 0.95 * x[:, 1])[0])


def _gaussian(x: Float64Array) -> Float64Array:
    """exp(-(theta - theta_1)^2/(2 sigma^2))/sqrt(2 pi sigma^2), theta in [-1, 1], sigma in [1/2, 2]."""
    theta, other = _between(x[:, 0], -1, 1), _between(x[:, 1], -1, 1)
    sigma = _between(x[:, 2], 0.5, 2)
    value: Float64Array = np.exp(-(((theta - other) / sigma) ** 2) / 2) / np.sqrt(2 * np.pi * sigma**2)
    return value


def _velocities(x: Float64Array) -> Float64Array:
    """(a + b)/(1 + a b), a and b in [0, 1]."""
    value: Float64Array = (x[:, 0] + x[:, 1]) / (1 + x[:, 0] * x[:, 1])
    return value


def _waves_interfering(x: Float64Array) -> Float64Array:
    """sqrt(1 + a^2 - 2 a cos(theta)), a in [0, 2], theta in [0, 2 pi]: a cone at a = 1, theta = 0."""
    a, theta = _between(x[:, 0], 0, 2), _between(x[:, 1], 0, 2 * np.pi)
    value: Float64Array = np.sqrt(np.maximum(1 + a**2 - 2 * a * np.cos(theta), 0))
    return value


def _snell(x: Float64Array) -> Float64Array:
    """arcsin(n sin(theta)), n in [0, 0.95], theta in [-pi/2, pi/2]."""
    value: Float64Array = np.arcsin(0.95 * x[:, 0] * np.sin(_between(x[:, 1], -np.pi / 2, np.pi / 2)))
    return value


def _gravitation(x: Float64Array) -> Float64Array:
    """a/((b - 1)^2 + (c - d)^2 + (e - f)^2), a, c, e in [0, 1], b in [2, 3], d, f in [1, 2]."""
    a, b, c, d, e, f = x.T
    value: Float64Array = a / ((b + 1) ** 2 + (c - d - 1) ** 2 + (e - f - 1) ** 2)
    return value


def _friedman(x: Float64Array) -> Float64Array:
    """10 sin(pi x_1 x_2) + 20 (x_3 - 1/2)^2 + 10 x_4 + 5 x_5; the value is independent of five inputs."""
    value: Float64Array = (
        10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    )
    return value


_FEYNMAN = "the Feynman Lectures, in dimensionless form as in arXiv:2404.19756"

REGRESSION = {
    problem.name: problem
    for problem in (
        RegressionProblem(
            "rotated-waves",
            "Southworth et al., arXiv:2603.04827, section 6.1",
            partial(_waves, angle=0.175),
            2,
            (1e-4, 1 - 1e-4),
        ),
        RegressionProblem(
            "exp-sine",
            "Liu et al., KAN: Kolmogorov-Arnold Networks, arXiv:2404.19756, the toy example",
            _exp_sine,
            2,
            (-1.0, 1.0),
        ),
        *(
            RegressionProblem(
                f"rotated-waves-{angle}", "rotated-waves, another angle", partial(_waves, angle=angle), 2
            )
            for angle in (0.5, 0.9, 1.3)
        ),
        RegressionProblem("peak", "ours", _peak, 2),
        RegressionProblem("ridges", "ours", _ridges, 2),
        RegressionProblem("products", "ours", _products, 2),
        RegressionProblem("bessel-j", "DLMF 10.2, as in arXiv:2404.19756", _bessel_j, 2),
        RegressionProblem("bessel-k", "DLMF 10.25, as in arXiv:2404.19756", _bessel_k, 2),
        RegressionProblem("elliptic-f", "DLMF 19.2, as in arXiv:2404.19756", _elliptic_f, 2),
        RegressionProblem("elliptic-sn", "DLMF 22.2, as in arXiv:2404.19756", _elliptic_sn, 2),
        RegressionProblem("feynman-I.6.2b", _FEYNMAN, _gaussian, 3),
        RegressionProblem("feynman-I.9.18", _FEYNMAN, _gravitation, 6),
        RegressionProblem("feynman-I.16.6", _FEYNMAN, _velocities, 2),
        RegressionProblem("feynman-I.26.2", _FEYNMAN, _snell, 2),
        RegressionProblem("feynman-I.29.16", _FEYNMAN, _waves_interfering, 2),
        RegressionProblem("friedman-1", "Friedman 1991, without noise", _friedman, 10),
    )
}
"""All problems by name. Inputs are uniform in [0, 1] unless `bounds` differs."""


def regression(name: str) -> RegressionProblem:
    """The regression problem of that name.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    return REGRESSION[one_of("name", name, REGRESSION)]
