"""The settings in which shares are measured: a network after training of its coarse level, and one layer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from splinekan._checks import Array, Float64Array
from splinekan.complementarity import CUTOFF
from splinekan.multilevel import Hierarchy, Level, nested_steps
from splinekan.network import KAN, DomainWarning, initialize
from splinekan.objectives import LeastSquares
from splinekan.optimize import (
    LBFGS,
    IdentityMap,
    LevenbergMarquardt,
    LinearMap,
    MatrixMap,
    Optimizer,
    ResidualProblem,
)
from splinekan.splines.basis import BSplineBasis
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.splines.knots import breakpoints, refine_knots, uniform_knots
from splinekan.splines.prolongation import prolongation
from splinekan.splines.quadrature import gauss_points
from splinekan.studies.complementarity.shares import RATES, Share, measured
from splinekan.studies.regression import training
from splinekan.studies.skeleton.interrupts import whole

INTERVALS = 5
DEGREE = 3
ONE_LAYER = "L2 projection on one layer, coarse level solved"
FROZEN = "spline layer of the network, coarse level solved"


@dataclass(frozen=True)
class Coarse:
    """The training of coarse levels: the optimiser, its budget per level, and the unit of the budget."""

    name: str
    optimizer: Optimizer
    budgets: tuple[int, ...]
    unit: str


COARSE = (
    Coarse("network after Levenberg-Marquardt", LevenbergMarquardt(), (200, 100, 100), "iterations"),
    Coarse("network after L-BFGS", LBFGS(search="armijo"), (640, 320, 160), "evaluations"),
    Coarse(
        "network after L-BFGS in ReLU geometry",
        LBFGS(search="armijo", geometry="relu"),
        (640, 320, 160),
        "evaluations",
    ),
)
"""To convergence; and at the paper's budgets (32, 16, 8 epochs of 20), in both geometries.

The first also gives the affine maps of the setting in which they are fixed.
"""


def network_shares(
    way: Coarse, seed: int, samples: int, refinements: int, rates: Sequence[float], frozen: bool = False
) -> list[Share]:
    """The rows of a seed: train each level, refine, measure, train on.

    With `frozen` also the rows of the spline layer alone, on the hidden values of the trained level.
    """
    start = training.STARTS["rough"]
    x, y, _, _ = training.data(seed, samples)
    coarsest = KAN.affine_first((2, 5, 1), DEGREE, INTERVALS, (0.0, start.width))
    levels = Hierarchy(coarsest, refinements + 1)
    theta = initialize(coarsest, np.random.default_rng([seed, 1]), mean=start.mean, noise=start.noise)
    budgets = (*way.budgets[:refinements], 0)

    def objective(level: Level) -> LeastSquares:
        return LeastSquares(level.network, x, y, 2 / len(x))

    rows = []
    for level, result in nested_steps(levels, objective, way.optimizer, budgets, theta, unit=way.unit):
        trained, finer = whole(result).theta, levels[level.index + 1]
        if frozen:
            with warnings.catch_warnings():  # hidden values may lie outside, as they do in the network
                warnings.simplefilter("ignore", DomainWarning)
                rows += _frozen(level, trained, x, y, rates)
        rows += _refined(way.name, finer, trained, x, y, rates)
    return rows


def _frozen(
    level: Level, theta: Float64Array, x: Array, y: Float64Array, rates: Sequence[float]
) -> list[Share]:
    """Rows of the spline layer alone, solved, on the hidden values of the whole network."""
    hidden = KAN.chain(level.network.layers[:1])(theta[: level.network.offsets[1]], x)
    last = Hierarchy(KAN.chain(level.network.layers[1:]), 2)
    below = LeastSquares(last.network, hidden, y, 2 / len(x))
    _, upper, rest = below.triangular_factor(np.zeros(last.network.n_parameters))
    lengths = np.linalg.norm(upper, axis=0)
    lengths[lengths == 0] = 1.0
    # Columns scaled as in `TangentSplit`: solved in all that it counts as the range.
    solved = np.linalg.lstsq(upper / lengths, -rest, rcond=CUTOFF)[0] / lengths
    return _refined(FROZEN, last[1], solved, hidden, y, rates)


def _refined(
    coarse: str, finer: Level, theta: Array, x: Array, y: Float64Array, rates: Sequence[float]
) -> list[Share]:
    """Rows at P theta."""
    network = finer.network
    objective = LeastSquares(network, x, y, 2 / len(x))
    affine = network.layers[0].n_parameters if len(network.layers) > 1 else 0
    return measured(coarse, network.intervals, objective, finer.P @ theta, finer.P.toarray(), rates, affine)


def one_layer(refinements: int, rates: Sequence[float] = RATES) -> list[Share]:
    """Rows of the L2 projection of a function of one variable, its coarse level solved exactly.

    f(v) = sin(pi v) + sin(2 pi v) + |sin(3 pi v^2)| on [0, 1]; integrals by Gauss points of the finest
    knots, exact for the splines of all levels.
    """
    knots = [uniform_knots(0, 1, INTERVALS, DEGREE)]
    for _ in range(refinements):
        knots.append(refine_knots(knots[-1], DEGREE))
    x, weights = gauss_points(breakpoints(knots[-1], DEGREE), DEGREE + 1)
    root = np.sqrt(weights)
    f = root * (np.sin(np.pi * x) + np.sin(2 * np.pi * x) + np.abs(np.sin(3 * np.pi * x**2)))
    rows = []
    for coarse, fine in pairwise(knots):
        below, above = (
            root[:, None] * np.asarray(BSplineBasis(t, DEGREE).tabulate(x), dtype=np.float64)
            for t in (coarse, fine)
        )
        theta = prolongation(coarse, fine, DEGREE) @ np.linalg.lstsq(below, f, rcond=None)[0]
        maps: dict[str, LinearMap] = {
            "spline": IdentityMap(),
            "relu": MatrixMap(change_of_basis(fine, DEGREE).toarray().T),
        }
        problem = ResidualProblem(partial(_affine_residual, above, f), partial(_constant, above), maps)
        p = prolongation(coarse, fine, DEGREE).toarray()
        rows += measured(ONE_LAYER, len(fine) - 2 * DEGREE - 1, problem, theta, p, rates)
    return rows


def _affine_residual(jacobian: Float64Array, target: Float64Array, theta: Float64Array) -> Float64Array:
    return np.asarray(jacobian @ theta - target)


def _constant(jacobian: Float64Array, theta: Float64Array) -> Float64Array:
    return jacobian
