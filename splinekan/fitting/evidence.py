"""Smoothing chosen by the data: weights of penalties that maximise the restricted likelihood.

Give the modes z of every edge a prior N(0, phi/weight). In the Gauss-Newton approximation the negative
logarithm of the likelihood of the data, with theta integrated out, is (MacKay 1992, Neural Computation 4,
448; Wood 2011, J. R. Stat. Soc. B 73, 3)

    V = (D + z.W z)/(2 phi) + 1/2 log|H| - 1/2 log|W| + n/2 log phi,    H = J^T J + W,

D the deviance (twice the loss), phi the variance of the noise. V is stationary where weight_j |z_j|^2 =
phi gamma_j, with gamma_j = size_j - weight_j tr (H^{-1})_jj the effective number of parameters of group j,
and phi = D/(n - sum of gamma): a fixed point, found by iteration (MacKay 1992; Wood & Fasiolo 2017,
Biometrics 73, 1071). The weight of a group that the data do not need tends to infinity. For robust losses the
variance is that of the sandwich estimator, and phi (n - sum of gamma) takes the place of D.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._blas import several
from splinekan._checks import Float64Array
from splinekan.fitting.modal_problem import ModalProblem
from splinekan.fitting.modes import ModalCoordinates
from splinekan.network import KAN
from splinekan.objectives import DataLoss
from splinekan.optimize import Cholesky, History, LevenbergMarquardt

EPS = float(np.finfo(np.float64).eps)
FIRST = 1e-2
"""The weight of all penalties at first, for outputs with variance 1."""
MOST = 1e7
"""The largest weight, which leaves next to nothing of a mode."""
LEAST, LEAST_KNOWN = 1e-20, 1e-5
"""The least weight, and that for likelihoods: log-odds of separable classes are unbounded."""
GROWTH = 100.0
"""Largest factor by which a weight grows from a choice to the next; it shrinks at most by its square."""
FREE_PRIOR = 1e-2
"""The weight over phi of modes without a penalty: means of nodes, of the order of 1, have deviation 10.

Without a proper prior V would reward nodes that the network does not use, whose means nothing determines.
"""
FLOOR = 1e-16
"""The least variance of noise: residuals of 1e-8 deviations of y count as zero."""
SHARE = 0.1
"""The least share of the samples that is left for the estimate of noise."""


@dataclass(frozen=True, eq=False)
class State:
    """A network in the course of its fit.

    Attributes
    ----------
    coordinates
        The modes and the groups of the network.
    theta
        The parameters.
    weights
        The weights of the penalties of the groups.
    phi
        The variance of the noise, in units of the variance of the outputs; 1 for losses that determine it.
    deviance
        Twice the loss of the samples.
    effective
        Effective number of parameters.
    criterion
        V; lower is better.
    histories
        The histories of the runs so far.
    """

    coordinates: ModalCoordinates
    theta: Float64Array = field(repr=False)
    weights: Float64Array = field(repr=False)
    phi: float = 1.0
    deviance: float = np.nan
    effective: float = np.nan
    criterion: float = np.inf
    histories: tuple[History, ...] = field(default=(), repr=False)

    @property
    def network(self) -> KAN:
        """The network."""
        return self.coordinates.network

    @property
    def assessed(self) -> bool:
        """Whether the restricted likelihood was computed; it is not for large networks."""
        return not np.isnan(self.effective)

    @property
    def diagonal(self) -> Float64Array:
        """The diagonal of W, an entry for every mode."""
        return self.coordinates.spread(np.maximum(self.weights, LEAST), FREE_PRIOR * self.phi, 1.0)


def begin(coordinates: ModalCoordinates, theta: Float64Array, weight: float = FIRST) -> State:
    """A start with equal weights."""
    return State(coordinates, theta, np.full(len(coordinates.groups), weight))


def finer(state: State) -> State:
    """The same function on finer knots, with the same weights: bending does not depend on the knots."""
    network = state.network.refined()
    theta = state.network.prolongation(network) @ state.theta
    return replace(state, coordinates=ModalCoordinates(network), theta=np.asarray(theta), criterion=np.inf)


def improve(
    state: State,
    data: DataLoss,
    *,
    rounds: int,
    iterations: int = 3,
    known: bool = False,
    fixed: bool = False,
    tolerance: float = 0.1,
    damping: float = 1e-3,
    callback: Callable[[State], object] | None = None,
) -> State:
    """The state after training and choices of weights, in turn, until V changes by less than `tolerance`.

    Parameters
    ----------
    state
        The start.
    data
        The sum of the losses of the state's network, without a penalty.
    rounds, iterations
        The largest number of choices, and the number of iterations of Levenberg-Marquardt before each.
    known
        Whether phi is 1 because the loss is a likelihood; else it is estimated.
    fixed
        Whether the weights are held fixed.
    tolerance
        The change of V below which the iteration ends.
    damping
        The initial damping of Levenberg-Marquardt in every round.
    callback
        Called with every state; the iteration ends if it returns True.
    """
    coordinates = state.coordinates
    found, z = state, coordinates.inverse @ state.theta
    method = LevenbergMarquardt(solver=Cholesky(), damping=damping)
    for number in range(rounds):
        problem = ModalProblem(data, coordinates.T, state.diagonal)
        result = method.minimize(problem, z, iterations=iterations)
        z, before = result.theta, state.criterion
        found, gamma = assess(replace(state, histories=(*state.histories, result.history)), problem, z, known)
        if callback is not None and callback(found):
            break
        if number > 1 and abs(before - found.criterion) < tolerance:
            break
        state = (
            found
            if fixed
            else replace(found, weights=_reweighted(found, z, gamma, LEAST_KNOWN if known else LEAST))
        )
    return found


def assess(state: State, problem: ModalProblem, z: Float64Array, known: bool) -> tuple[State, Float64Array]:
    """The state at z with its noise and V, and the effective number of parameters of every group."""
    coordinates, diagonal = state.coordinates, problem.diagonal
    value, _, matrix = problem.normal_equations(z)
    matrix = _decoupled(matrix, diagonal)
    bent = 2 * value
    deviance = bent - float(diagonal @ z**2)
    logdet, inverse = _logdet_and_inverse_diagonal(matrix)
    shares = np.clip(1 - diagonal * inverse, 0.0, 1.0)
    theta = np.asarray(coordinates.T @ z)
    n, effective = _count(problem.data), float(shares.sum())
    rest = max(n - effective, SHARE * n)
    if known:
        phi = 1.0
    elif problem.squared:
        phi = max(deviance / rest, FLOOR)
    else:
        phi = max(_variance(problem.data, theta, deviance) * n / rest, FLOOR)
        deviance = phi * rest
        bent = deviance + float(diagonal @ z**2)
    criterion = bent / (2 * phi) + (logdet - np.log(diagonal).sum() + n * np.log(phi)) / 2
    found = replace(
        state,
        theta=theta,
        phi=phi,
        deviance=deviance,
        effective=effective,
        criterion=float(criterion),
    )
    return found, coordinates.sums(shares)


def _variance(data: DataLoss, theta: Float64Array, deviance: float) -> float:
    """The sum of l'^2 over the sum of l'', bounded wherever outliers lie (Huber 1973, Ann. Stat. 1, 799)."""
    y, loss = np.asarray(data.y), data.loss
    g = data.network(theta, np.asarray(data.x))
    bend = np.asarray(
        loss.curvature(g, y) if hasattr(loss, "curvature") else np.square(np.asarray(loss.root(g, y)))
    )
    weights = np.ones(len(g)) if data.weights is None else np.asarray(data.weights)
    total = float(weights @ np.sum(bend, axis=1))
    if not total > 0:  # every residual lies where the loss is straight
        return deviance / _count(data)
    return float(weights @ np.sum(np.square(loss.gradient(g, y)), axis=1)) / total


def _reweighted(state: State, z: Float64Array, gamma: Float64Array, least: float) -> Float64Array:
    """phi gamma_j/|z_j|^2, within bounds."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        wanted = state.phi * gamma / state.coordinates.sums(z**2)
    wanted = np.where(np.isfinite(wanted), wanted, MOST)
    low, high = state.weights / GROWTH**2, state.weights * GROWTH
    return np.asarray(np.clip(np.clip(wanted, low, high), least, MOST))


def _count(data: DataLoss) -> float:
    total = data.n_samples if data.weights is None else np.sum(np.asarray(data.weights))
    return float(total) * n_varying(data.y)


def n_varying(y: ArrayLike) -> int:
    """The number of outputs with noise: targets that do not vary have none; at least 1."""
    y = np.asarray(y, dtype=np.float64)
    columns = y.reshape(len(y), -1)
    rounding = 64 * EPS * np.abs(columns).max(axis=0)
    return max(int(np.sum(np.ptp(columns, axis=0) > rounding)), 1)


def _decoupled(matrix: Float64Array, diagonal: Float64Array) -> Float64Array:
    """H with the penalties alone in the rows of modes on which samples act by rounding only."""
    unseen = np.diag(matrix) <= diagonal
    if not unseen.any():
        return matrix
    found = matrix.copy()
    found[unseen], found[:, unseen] = 0.0, 0.0
    found[unseen, unseen] = diagonal[unseen]
    return found


def _logdet_and_inverse_diagonal(matrix: Float64Array) -> tuple[float, Float64Array]:
    """log |H|, and the diagonal of H^{-1}, for H positive definite up to rounding."""
    scale = 1 / np.sqrt(np.diag(matrix))
    scaled = matrix * scale * scale[:, None]
    size, jitter = len(scaled), 0.0
    while True:
        with several(size**3.0):
            factor, failed = scipy.linalg.lapack.dpotrf(scaled, lower=1)
            if not failed:
                inverse, _ = scipy.linalg.lapack.dtrtri(factor, lower=1)
                break
        jitter = max(10 * jitter, size * EPS)
        scaled[np.diag_indices_from(scaled)] += jitter
    lower = np.tril(inverse)
    diagonal = np.einsum("ij,ij->j", lower, lower) * scale**2
    return 2 * float(np.log(np.diag(factor)).sum() - np.log(scale).sum()), diagonal
