"""Training of the remaining network, with its penalties, and the criterion by which removals are judged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy

from splinekan._checks import Float64Array
from splinekan.explain.posterior import Samples
from splinekan.explain.thinned import Thinned, constants
from splinekan.fitting.evidence import (
    FLOOR,
    FREE_PRIOR,
    GROWTH,
    LEAST,
    LEAST_KNOWN,
    MOST,
    _logdet_and_inverse_diagonal,
    n_varying,
)
from splinekan.fitting.modal_problem import ModalProblem
from splinekan.fitting.modes import ModalCoordinates
from splinekan.network import KAN, Affine, Normalizer
from splinekan.optimize import Cholesky, LevenbergMarquardt, Restricted

HOPELESS = 100.0
"""A deviance above its goal by this factor after two rounds is not expected to reach it."""


LITTLE, NEXT_TO_NOTHING = 1e-2, 1e-4
"""Runs end, after a removal and finally, if four iterations lower the loss by less than this share."""


@dataclass(frozen=True, eq=False)
class Task:
    """The samples and the loss with which networks are trained.

    Attributes
    ----------
    x, y, weights
        Training samples, y over `scales`.
    loss, likelihood
        The loss, and whether it is itself a likelihood.
    scales
        The units of y, (n_out,); 1 for losses other than squares.
    """

    x: Float64Array = field(repr=False)
    y: Float64Array = field(repr=False)
    weights: Float64Array | None = field(repr=False)
    loss: Any
    likelihood: bool
    scales: Float64Array

    @property
    def total(self) -> float:
        """The number of values of y with noise, repeated samples counted."""
        return float(n_varying(self.y) * (len(self.x) if self.weights is None else self.weights.sum()))

    def data(self, network: KAN) -> Samples:
        """The sum of the losses of a network whose outputs have the units of the model."""
        if self.loss.squared:
            ends = tuple((-float(each), float(each)) for each in self.scales)
            network = KAN((*network.layers, Normalizer(len(ends), "affine", (-1.0, 1.0), ends)))
        return Samples(network, self.x, self.y, self.weights, loss=self.loss)


@dataclass(frozen=True, eq=False)
class Trained:
    """A network after training.

    Attributes
    ----------
    state
        The network.
    deviance
        Twice the loss.
    effective
        Effective number of parameters.
    phi
        The variance of the noise, estimated with this network.
    """

    state: Thinned
    deviance: float
    effective: float
    phi: float


def retrained(
    state: Thinned, task: Task, *, rounds: int, iterations: int, goal: float | None = None
) -> Trained:
    """The network after Levenberg-Marquardt on its edges, with weights of penalties chosen between rounds.

    Training ends early if the deviance is at most `goal`.
    """
    coordinates = ModalCoordinates(state.network) if state.penalised() else None
    m = state.network.n_parameters
    T = scipy.sparse.eye_array(m, format="csr") if coordinates is None else coordinates.T
    z = state.theta if coordinates is None else np.asarray(coordinates.inverse @ state.theta)
    fixed = state.fixed
    free = np.setdiff1d(np.arange(m), fixed)
    phi, before = 1.0, np.inf
    method = LevenbergMarquardt(solver=Cholesky(), damping=1e-4)
    found: Trained | None = None
    data = task.data(state.network)
    for number in range(rounds):
        phi = _phi(task, 2 * data.value(T @ z), 0.0) if found is None else found.phi
        diagonal = _diagonal(state, coordinates, phi)
        problem = ModalProblem(data, T, diagonal)
        if len(free):
            restricted = Restricted(problem, fixed=fixed) if len(fixed) else problem
            stop = None if goal is None else goal / 2
            result = method.minimize(
                restricted,
                z,
                iterations=iterations,
                value_tolerance=stop,
                callback=_Stagnation(LITTLE if goal is not None else NEXT_TO_NOTHING),
            )
            z = result.theta
        found, shares = _assessed(replace(state, theta=np.asarray(T @ z)), task, problem, z, free)
        if goal is not None and found.deviance <= goal:
            break
        if number and found.deviance > before * (1 - 1e-3):
            break
        if number and goal is not None and found.deviance > max(HOPELESS * goal, before / 2):
            break
        before = found.deviance
        if coordinates is not None and (task.loss.squared or task.likelihood):
            state = _reweighted(found, coordinates, z, shares, task.likelihood)
    assert found is not None
    return found


class _Stagnation:
    """A callback that ends a run whose loss has fallen by less than that share in four iterations."""

    def __init__(self, share: float) -> None:
        self.values: list[float] = []
        self.share = share

    def __call__(self, at: Any) -> bool:
        """Whether the run should end."""
        self.values.append(at.value)
        return len(self.values) > 4 and self.values[-5] - at.value < self.share * abs(at.value)


def _diagonal(state: Thinned, coordinates: ModalCoordinates | None, phi: float) -> Float64Array:
    """The diagonal W: constants are free on the edge that carries them, and not needed on others."""
    if coordinates is None:
        return np.zeros(state.network.n_parameters)
    weights: Any = state.weights
    diagonal = coordinates.spread(np.maximum(weights, LEAST), FREE_PRIOR * phi, 1.0)
    for number, mask in state.masks.items():
        if isinstance(state.network.layers[number], Affine):
            continue
        for q in range(mask.shape[1]):
            carrier = state.carrier(number, q)
            for p in np.flatnonzero(mask[:, q]):
                at = constants(state.network, number, int(p), q)[0]
                diagonal[at] = FREE_PRIOR * phi if p == carrier else 1.0
    return diagonal


def _assessed(
    state: Thinned, task: Task, problem: ModalProblem, z: Float64Array, free: Any
) -> tuple[Trained, Float64Array]:
    """Deviance, effective parameters and noise; and the share of every parameter that is effective."""
    value, _, matrix = problem.normal_equations(z)
    deviance = 2 * value - float(problem.diagonal @ z**2)
    shares = np.zeros(len(z))
    if len(free):
        part = matrix[np.ix_(free, free)]
        if problem.diagonal.any():
            _, inverse = _logdet_and_inverse_diagonal(part)
            shares[free] = np.clip(1 - problem.diagonal[free] * inverse, 0.0, 1.0)
        else:
            scale = 1 / np.sqrt(np.maximum(np.diag(part), np.finfo(np.float64).tiny))
            sizes = np.linalg.eigvalsh(part * scale * scale[:, None])
            rank = int((sizes > 64 * len(free) * np.finfo(np.float64).eps * sizes[-1]).sum())
            shares[free] = rank / len(free)
    effective = float(shares.sum())
    return Trained(state, deviance, effective, _phi(task, deviance, effective)), shares


def _phi(task: Task, deviance: float, effective: float) -> float:
    if task.likelihood:
        return 1.0
    return max(deviance / max(task.total - effective, 0.1 * task.total), FLOOR)


def _reweighted(
    found: Trained, coordinates: ModalCoordinates, z: Float64Array, shares: Float64Array, known: bool
) -> Thinned:
    """The weights phi gamma_j/|z_j|^2 of the fixed point, within bounds, for the groups that remain."""
    weights: Any = found.state.weights
    gamma, squares = coordinates.sums(shares), coordinates.sums(z**2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        wanted = found.phi * gamma / squares
    wanted = np.where(np.isfinite(wanted) & (squares > 0), wanted, weights)
    low, high = weights / GROWTH**2, weights * GROWTH
    wanted = np.clip(np.clip(wanted, low, high), LEAST_KNOWN if known else LEAST, MOST)
    return replace(found.state, weights=np.asarray(wanted))
