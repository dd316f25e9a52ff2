"""Fits of a function by a deep spline network, for the toy study and the table of functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from splinekan._checks import Float64Array, each, integer, interval
from splinekan.multilevel import Hierarchy, Level, Round, successive_halving
from splinekan.network import KAN, SplineLayer, initialize
from splinekan.objectives import LeastSquares
from splinekan.optimize import LevenbergMarquardt
from splinekan.problems.regression import RegressionProblem
from splinekan.splines.knots import uniform_knots
from splinekan.studies.skeleton.interrupts import whole

HIDDEN = 1.5
"""Hidden domains are [-1.5, 1.5]; a start sends values into about half of it."""
HELD_OUT = 20_000


@dataclass(frozen=True)
class LevelError:
    """Root mean square errors at the end of a level, in the units of the function, and seconds so far."""

    level: int
    train: float
    test: float
    seconds: float


def deep_network(widths: Sequence[int], bounds: tuple[float, float], intervals: int = 2) -> KAN:
    """Cubic spline layers: the first on the bounds of the inputs, hidden layers on [-1.5, 1.5].

    Hidden values beyond their domain are continued by the end polynomial, without a kink.

    Raises
    ------
    TypeError, ValueError
        For fewer than two widths, widths below 1, or bounds that are not a pair (a, b), a < b.
    """
    widths = each("widths", widths, lambda name, width: integer(name, width, low=1))
    if len(widths) < 2:
        raise ValueError(f"widths must hold at least 2 numbers, got {widths}")
    bounds = interval("bounds", bounds)
    layers = []
    for number, (n_in, n_out) in enumerate(pairwise(widths)):
        low, high = bounds if number == 0 else (-HIDDEN, HIDDEN)
        knots = uniform_knots(low, high, intervals, 3)
        layers.append(SplineLayer(n_in, n_out, knots, 3, "linear" if number == 0 else "polynomial"))
    return KAN.chain(layers)


def fit(
    problem: RegressionProblem,
    levels: Hierarchy,
    rounds: Sequence[Round],
    seed: int,
    samples: int,
    smoothing: float,
    damping: float,
) -> list[LevelError]:
    """Errors of the best network at the end of each level, after successive halving on points of a seed.

    Outputs are scaled to mean 0 and deviation 1 for training; the smoothing refers to the scaled outputs.
    """
    rng = np.random.default_rng(seed)
    x, y = problem.sample(samples, rng)
    x_test, y_test = problem.sample(HELD_OUT, rng)
    mean, deviation = y.mean(), y.std()
    scaled = (y - mean) / deviation

    def objective(level: Level, count: int | None) -> LeastSquares:
        n = samples if count is None else min(count, samples)
        return LeastSquares(level.network, x[:n], scaled[:n], 2.0 / n, level.cost * n / samples, smoothing)

    def draw(generator: np.random.Generator) -> Float64Array:
        return initialize(levels.network, generator, bounds=problem.bounds, noise=0.3)

    result = whole(
        successive_halving(levels, objective, LevenbergMarquardt(damping=damping), rounds, draw, rng)
    )

    def error(level: int, theta: Float64Array, points: Float64Array, values: Float64Array) -> float:
        outputs = mean + deviation * levels[level].network(theta, points)[:, 0]
        return float(np.sqrt(np.mean((outputs - values) ** 2)))

    last = {}
    for entry, theta, seconds in zip(rounds, result.winners, result.times, strict=True):
        train, test = error(entry.level, theta, x, y), error(entry.level, theta, x_test, y_test)
        last[entry.level] = LevelError(entry.level, train, test, seconds)
    return [last[level] for level in sorted(last)]
