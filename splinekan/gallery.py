"""Named problems with known answers: every study, test and notebook takes its problem from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from splinekan._checks import Float64Array, integer, one_of


@dataclass(frozen=True)
class RegressionProblem:
    """A function to fit from samples in a box.

    Attributes
    ----------
    name, source
        What it is and where it comes from.
    function
        Vectorised: (n, n_in) -> (n,), dimensionless.
    n_in
        Number of inputs.
    box
        Every input is drawn uniformly from this interval.
    """

    name: str
    source: str
    function: Callable[[Float64Array], Float64Array]
    n_in: int
    box: tuple[float, float]

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Float64Array, Float64Array]:
        """n points (n, n_in), uniform in the box, and the function there (n,)."""
        x = rng.uniform(*self.box, size=(integer("n", n, low=1), self.n_in))
        return x, self.function(x)


def _rotated_waves(x: Float64Array) -> Float64Array:
    angle = 0.175
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


REGRESSION = {
    problem.name: problem
    for problem in (
        RegressionProblem(
            "rotated-waves",
            "Southworth et al., arXiv:2603.04827, section 6.1",
            _rotated_waves,
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
    )
}


def regression(name: str) -> RegressionProblem:
    """The regression problem of that name.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    return REGRESSION[one_of("problem", name, REGRESSION)]
