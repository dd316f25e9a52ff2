"""Targets, errors and nested training for `choices.py`."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np

import splinekan as sk

SEEDS = (0, 1, 2)
NOISE = 0.1
"""The deviation of the noise, in deviations of the target."""
FRESH = 4000
"""Points at which errors are measured."""


@dataclass(frozen=True)
class Target:
    """A function on the unit cube with mean 0 and deviation 1 at `fresh` points, and samples of it.

    x (n, n_in), y (n,) perhaps with noise, fresh (FRESH, n_in), truth (FRESH,) without noise.
    """

    x: np.ndarray
    y: np.ndarray
    fresh: np.ndarray
    truth: np.ndarray

    def error(self, model: Callable[[np.ndarray], Any]) -> float:
        """The root mean square error at the fresh points, in deviations of the function."""
        return float(np.sqrt(np.mean((np.asarray(model(self.fresh)).ravel() - self.truth) ** 2)))


def wave(x: np.ndarray) -> np.ndarray:
    """sin(6 x_1)."""
    return np.asarray(np.sin(6 * x[:, 0]))


def smooth(x: np.ndarray) -> np.ndarray:
    """exp(sin(pi x_1) + x_2^2)."""
    return np.asarray(np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2))


def kinked(x: np.ndarray) -> np.ndarray:
    """|x_1 - 0.37| + sin(3 x_2)."""
    return np.asarray(np.abs(x[:, 0] - 0.37) + np.sin(3 * x[:, 1]))


def friedman(x: np.ndarray) -> np.ndarray:
    """Friedman's first function of the first five inputs."""
    waves = 10 * np.sin(np.pi * x[:, 0] * x[:, 1])
    return np.asarray(waves + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4])


def target(
    function: Callable[[np.ndarray], np.ndarray], samples: int, noise: float = 0.0, inputs: int = 2
) -> Target:
    """Samples of a function, drawn with seed 0 and scaled to mean 0 and deviation 1."""
    rng = np.random.default_rng(0)
    x, fresh = rng.uniform(0, 1, (samples, inputs)), rng.uniform(0, 1, (FRESH, inputs))
    truth = function(fresh)
    mean, deviation = truth.mean(), truth.std()
    y = (function(x) - mean) / deviation + noise * rng.normal(size=samples)
    return Target(x, y, fresh, (truth - mean) / deviation)


def nested(
    at: Target,
    network: sk.KAN,
    levels: int,
    seed: int,
    budgets: Sequence[int],
    smoothing: float = 0.0,
) -> Iterator[tuple[Any, Any]]:
    """(level, result) of nested Levenberg-Marquardt from a start drawn with `seed`."""

    def objective(level: Any) -> sk.LeastSquares:
        return sk.LeastSquares(level.network, at.x, at.y, reduction="mean", smoothing=smoothing)

    hierarchy = sk.Hierarchy(network, levels)
    start = sk.initialize(hierarchy.network, seed, "greville")
    return iter(sk.nested_steps(hierarchy, objective, sk.LevenbergMarquardt(), list(budgets), start))


def within(seconds: float) -> Callable[[object], bool]:
    """A callback that stops a run after some processor seconds, counted from its making."""
    end = process_time() + seconds
    return lambda _: process_time() >= end


def peak(call: Callable[[], object]) -> float:
    """Megabytes that the arrays of a call take at most, beyond what was allocated before."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def spread(values: Sequence[float]) -> str:
    """The median, and the worst in brackets."""
    return f"{np.median(values):.1e} ({max(values):.0e})"
