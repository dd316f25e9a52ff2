"""Problems, smoothers and methods of the study of cycles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.multilevel import Hierarchy, Level
from splinekan.network import KAN, initialize
from splinekan.objectives import LeastSquares
from splinekan.optimize import LBFGS, Adam, LevenbergMarquardt, Optimizer
from splinekan.optimize.schedules import Constant
from splinekan.problems import boundary
from splinekan.studies.regression.training import STARTS, data

COUNTS = ("work", "evaluations")
"""Equal work in the count of the paper, in which an evaluation costs 2^level; or equally many evaluations,
which take about the same time on all levels here."""
METHODS = {
    "single": "",
    "nested": "",
    "nested, then finest": "",
    "nested, then V": "V MG/OPT",
    "V (FAS)": "V FAS",
    "V (MG/OPT)": "V MG/OPT",
    "V (galerkin)": "V galerkin",
    "W (MG/OPT)": "W MG/OPT",
    "FMG (MG/OPT)": "FMG MG/OPT",
    "FMG (galerkin)": "FMG galerkin",
}
"""Cycle and scheme of every method. "single" trains the finest level; "nested" divides the budget evenly
among the levels; "nested, then" has half of it for nested iteration. All begin with the same function, drawn
on the coarsest level."""


@dataclass(frozen=True)
class Smoother:
    """An optimiser with its budget.

    Attributes
    ----------
    name, optimizer
        As in the table.
    sweeps
        (pre, post, coarsest), in `unit`.
    budgets
        Work, and evaluations.
    """

    name: str
    optimizer: Optimizer
    sweeps: tuple[int, int, int]
    unit: str
    budgets: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Instance:
    """A problem from a seed: its levels, the objective of a level, and the start on the coarsest level."""

    levels: Hierarchy
    objective: Callable[[Level], Any]
    theta: Float64Array


@dataclass(frozen=True)
class Setting:
    """A problem and its smoothers; `instance` takes a seed and a number of samples."""

    name: str
    instance: Callable[[int, int], Instance]
    smoothers: tuple[Smoother, ...]


def _regression(basis: str) -> Callable[[int, int], Instance]:
    start = STARTS["rough"]

    def instance(seed: int, samples: int) -> Instance:
        x, y, _, _ = data(seed, samples)
        network = KAN.affine_first((2, 5, 1), 3, 5, (0.0, start.width))
        theta = initialize(network, np.random.default_rng([seed, 1]), mean=start.mean, noise=start.noise)
        levels = Hierarchy(network.with_basis(basis), 4)
        return Instance(
            levels,
            lambda level: LeastSquares(level.network, x, y, reduction="mean"),
            network.to_basis(theta, basis),
        )

    return instance


def _burgers(seed: int, samples: int) -> Instance:
    """Burgers' equation with exact conditions; points do not depend on the seed."""
    problem = boundary.problem("burgers-hard")
    levels = Hierarchy(problem.network, 3)
    cells = max(int(np.sqrt(samples / 12)), 2)
    blocks = problem.blocks(problem.uniform((2 * cells, cells)), 2)
    theta = initialize(levels.network, np.random.default_rng(seed), "greville", bounds=(-1.0, 1.0), noise=0.3)
    return Instance(levels, lambda level: problem.pinn(level.network, blocks), theta)


def _smoothers(
    lbfgs: tuple[int, int], adam: tuple[int, int], newton: tuple[int, int]
) -> tuple[Smoother, ...]:
    return (
        Smoother("L-BFGS", LBFGS(search="armijo"), (20, 20, 40), "evaluations", lbfgs),
        Smoother("Adam", Adam(schedule=Constant(1e-2)), (20, 20, 40), "iterations", adam),
        Smoother("Levenberg-Marquardt", LevenbergMarquardt(), (2, 2, 4), "iterations", newton),
    )


SETTINGS = (
    Setting("regression", _regression("spline"), _smoothers((960, 480), (960, 480), (400, 200))),
    Setting(
        "regression, ReLU basis", _regression("relu"), _smoothers((960, 480), (960, 480), (400, 200))[:1]
    ),
    Setting("Burgers", _burgers, _smoothers((400, 240), (400, 240), (320, 160))),
)


def shortened(settings: tuple[Setting, ...], divisor: int) -> tuple[Setting, ...]:
    """The settings with budgets divided."""
    return tuple(
        replace(
            setting,
            smoothers=tuple(
                replace(smoother, budgets=(smoother.budgets[0] // divisor, smoother.budgets[1] // divisor))
                for smoother in setting.smoothers
            ),
        )
        for setting in settings
    )
