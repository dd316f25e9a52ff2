"""Data for the comparison with other regressors and classifiers: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split

from splinekan.problems import regression
from splinekan.problems.regression import REGRESSION, RegressionProblem

TRAIN, TEST = 400, 2000
"""Samples of a function that is known: for the fit, and for its error."""
NOISE = 0.1
"""Deviation of the noise, in deviations of the function."""
INFORMATIVE, LINEAR_INPUTS = 10, 20
BREIMAN = {"friedman1": 1.0, "friedman2": 125.0, "friedman3": 0.1}
"""Deviations of the noise in Breiman, Bagging predictors (1996); a third of the functions' own or less."""


class Split(NamedTuple):
    """Samples to fit, and samples for the error: values without noise where the function is known."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


@dataclass(frozen=True)
class Case:
    """A data set with a way to draw training and test samples by a seed.

    `classes` marks classification. `seeds` is how many draws the median needs at least.
    """

    name: str
    group: str
    draw: Callable[[int], Split]
    classes: bool = False
    seeds: int = 0


def sampled(problem: RegressionProblem, noise: float, seed: int) -> Split:
    """Samples of a function, noise on the values to fit."""
    rng = np.random.default_rng(seed)
    x, y = problem.sample(TRAIN, rng)
    x_test, y_test = problem.sample(TEST, rng)
    return Split(x, y + noise * y_test.std() * rng.normal(size=TRAIN), x_test, y_test)


def made(name: str, noise: float, seed: int) -> Split:
    """A function of scikit-learn with noise of the deviation `noise`, or of `NOISE` for -1."""
    make = getattr(datasets, f"make_{name}")
    inputs = {"n_features": LINEAR_INPUTS, "n_informative": INFORMATIVE} if name == "regression" else {}
    x, y = make(TRAIN + TEST, noise=0.0, random_state=seed, **inputs)
    deviation = NOISE * y.std() if noise < 0 else noise
    noisy = y[:TRAIN] + deviation * np.random.default_rng(seed).normal(size=TRAIN)
    return Split(x[:TRAIN], noisy, x[TRAIN:], y[TRAIN:])


def loaded(name: str, classes: bool, seed: int) -> Split:
    """A data set that comes with scikit-learn, a third of it held out."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        x, y, test_size=1 / 3, random_state=seed, stratify=y if classes else None
    )
    return Split(x, y, x_test, y_test)


def _jumps(x: np.ndarray) -> np.ndarray:
    """A sum of steps, one in each of five inputs."""
    places, heights = np.array([0.3, 0.4, 0.5, 0.6, 0.7]), np.array([1.0, -0.8, 0.6, 1.2, -1.0])
    return (x > places) @ heights


JUMPS = RegressionProblem("jumps", "ours", _jumps, 5)


def cases() -> list[Case]:
    """Every case, in the order of the tables."""
    both = ((0.0, ""), (NOISE, f", noise {NOISE:.0%}"))
    gallery = [
        Case(name + text, "functions", partial(sampled, regression(name), noise))
        for name in REGRESSION
        for noise, text in both
    ]
    friedman = f"friedman-1, noise {NOISE:.0%}"
    gallery = [replace(case, seeds=10) if case.name == friedman else case for case in gallery]
    steps = [Case("jumps" + text, "functions", partial(sampled, JUMPS, noise)) for noise, text in both]
    synthetic = [
        Case(name + text, "scikit-learn", partial(made, name, level))
        for name, noise in (*BREIMAN.items(), ("regression", -1.0))
        for level, text in ((0.0, ""), (noise, ", noisy"))
    ]
    data = [Case(name, "scikit-learn", partial(loaded, name, False)) for name in ("diabetes", "linnerud")]
    classes = [
        Case(name, "classes", partial(loaded, name, True), classes=True)
        for name in ("iris", "wine", "breast_cancer", "digits")
    ]
    return [*gallery, *steps, *synthetic, *data, *classes]
