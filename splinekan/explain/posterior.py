"""The distribution of the parameters of a fitted model about their estimates, for bands.

With a Gaussian prior whose negative logarithm is the penalty, z.W z/(2 phi), the parameters have in the
Gauss-Newton approximation the posterior covariance phi H^{-1}, H = J^T J + W, about their estimates (Wahba
1983, J. R. Stat. Soc. B 45, 133). It includes the bias by smoothing: averaged over a function, its intervals
cover the truth with their nominal frequency (Nychka 1988, J. Am. Stat. Assoc. 83, 1134).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy
import scipy.sparse.linalg

from splinekan._blas import several
from splinekan._checks import Float64Array, affordable
from splinekan.fitting.balance import UNLIKE
from splinekan.fitting.evidence import FLOOR, FREE_PRIOR, LEAST, n_varying
from splinekan.fitting.modal_problem import ModalProblem
from splinekan.fitting.modes import ModalCoordinates
from splinekan.model import Model
from splinekan.network import KAN, Affine, Normalizer, SplineLayer
from splinekan.network.domains import one_each
from splinekan.network.elementwise import Elementwise
from splinekan.objectives import DataLoss, QuadraticPenalty

EPS = float(np.finfo(np.float64).eps)
BISECTIONS = 52
DETERMINED = 1e-6
"""The largest part of a functional, relative to its size, in directions that nothing determines."""


class Samples(DataLoss):
    """The loss of training samples, without further warnings about their domains."""

    def _warn_of_inputs(self) -> None:
        pass


class Coordinates(NamedTuple):
    """Coordinates z, theta = T z, and the diagonal W of the penalties of z."""

    T: scipy.sparse.csr_array
    diagonal: Float64Array


@dataclass(frozen=True, eq=False)
class Posterior:
    """A normal distribution of theta.

    Attributes
    ----------
    step
        The step from z of the model to the mean of the distribution: 0 at a minimum of the penalised loss; on
        refined knots, the correction by these.
    root
        The matrix R, (n_parameters, rank), with R R^T the covariance of z.
    null
        Orthonormal directions of scaled z that neither samples nor penalties determine.
    scale
        The scaling of z.
    T
        The matrix T, theta = T z.
    phi
        The variance of the noise, in the units in which outputs were compared.
    scales
        These units in the units of every output.
    effective
        Effective number of parameters.
    n
        The number of values of y.
    known
        Whether phi is 1 because the loss is a likelihood.
    """

    step: Float64Array = field(repr=False)
    root: Float64Array = field(repr=False)
    null: Float64Array = field(repr=False)
    scale: Float64Array = field(repr=False)
    T: scipy.sparse.csr_array = field(repr=False)
    phi: float
    scales: Float64Array
    effective: float
    n: float
    known: bool

    def deviations(self, rows: Any) -> Float64Array:
        """sqrt(var(C theta)) for rows C, (any, n_parameters), sparse or dense; infinite if undetermined."""
        modal = rows @ self.T
        modal = modal.toarray() if scipy.sparse.issparse(modal) else np.asarray(modal)
        variance = np.einsum("ij,ij->i", part := modal @ self.root, part)
        if self.null.shape[1]:
            scaled = modal * self.scale
            lost = np.einsum("ij,ij->i", part := scaled @ self.null, part)
            size = np.einsum("ij,ij->i", scaled, scaled)
            variance = np.where(lost > DETERMINED**2 * size, np.inf, variance)
        return np.asarray(np.sqrt(variance))

    def half_widths(self, rows: Any, level: float) -> Float64Array:
        """Half-widths of intervals of C theta with probability `level`, for rows C."""
        deviations = self.deviations(rows)
        shift = np.abs(rows @ (self.T @ self.step))
        relative = shift / np.where(deviations > 0, deviations, 1.0)
        return np.asarray(deviations * interval(relative, level, self.freedom))

    @property
    def freedom(self) -> float:
        """Degrees of freedom left for the noise; infinite if its variance is known."""
        return np.inf if self.known else self.n - self.effective


def interval(shift: Float64Array, level: float, freedom: float) -> Float64Array:
    """The h with P(|t + shift| <= h) = level, for Student's or the normal distribution of t; shift >= 0."""
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    known = np.isinf(freedom)
    of = ndtr if known else partial(stdtr, freedom)
    at = ndtri if known else partial(stdtrit, freedom)
    both = float(at((1 + level) / 2))
    low, high = np.maximum(shift + float(at(level)), both), shift + both
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        short = of(middle - shift) - of(-middle - shift) < level
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.asarray(high)


def posterior(
    model: Model,
    x: Float64Array,
    y: Float64Array,
    weights: Float64Array | None,
    loss: Any,
    known: bool,
    penalty: QuadraticPenalty | None,
) -> Posterior:
    """The posterior of a model in the spline basis with its training samples, for a loss in their units."""
    plain = known or penalty is not None  # a given penalty is relative to the loss in the units of y
    scales = np.ones(y.shape[1]) if plain else units(model, x, y, weights)
    network = model.network
    if not known:
        ends = tuple((-float(each), float(each)) for each in scales)
        network = KAN((*network.layers, Normalizer(len(ends), "affine", (-1.0, 1.0), ends)))
    data = Samples(network, x, y / scales, weights, loss=loss)
    total = float(len(x) if weights is None else weights.sum()) * n_varying(y)
    deviance = 2 * data.value(model.theta)
    least = FLOOR * floor_unit(y, weights, scales)
    first = 1.0 if known else max(deviance / total, least)
    coordinates = penalties(model, first)
    problem = ModalProblem(data, coordinates.T, coordinates.diagonal)
    m = len(coordinates.diagonal)
    affordable("the covariance of the parameters", 32.0 * m**2)
    z = scipy.sparse.linalg.spsolve(coordinates.T.tocsc(), model.theta) if m > 1 else model.theta
    _, gradient, matrix = problem.normal_equations(np.atleast_1d(z))
    gradient, matrix = np.array(gradient), matrix.copy()
    own = np.diag(coordinates.diagonal)
    if penalty is not None:
        roots = np.asarray((penalty.root @ coordinates.T).toarray())
        own = own + roots.T @ roots
        matrix += roots.T @ roots
        gradient += roots.T @ (roots @ np.atleast_1d(z))
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), np.finfo(np.float64).tiny))
    with several(10.0 * m**3):
        sizes, vectors = np.linalg.eigh(matrix * scale * scale[:, None])
    kept = sizes > max(m, 64) * EPS * sizes[-1]
    root = scale[:, None] * vectors[:, kept] / np.sqrt(sizes[kept])
    effective = float(kept.sum() - np.einsum("ij,ik,kj->", root, own, root, optimize=True))
    rest = total - effective
    if not known and rest < 1:
        raise ValueError(
            f"X must hold more samples than the model has effective parameters, {effective:.0f}, to estimate "
            f"the noise, got {total:.0f} values of y"
        )
    phi = 1.0 if known else max(deviance / rest, least)
    step = -root @ (root.T @ gradient)
    return Posterior(
        step,
        np.sqrt(phi) * root,
        vectors[:, ~kept],
        scale,
        coordinates.T,
        phi,
        scales,
        effective,
        total,
        known,
    )


def units(model: Model, x: Float64Array, y: Float64Array, weights: Float64Array | None) -> Float64Array:
    """Units of the outputs, (n_out,): their deviations times their noise relative to that of all outputs."""
    penalised = model.record is not None and len(model.record.weights) > 0
    spread = last_unit(model) if penalised else deviations_of(y, weights)
    spread = np.where(spread > 0, spread, 1.0)
    residual = (model.network(model.theta, x) - y) / spread
    squares = np.maximum(np.average(residual**2, axis=0, weights=weights), FLOOR)
    if model.record is not None and model.record.noise:
        squares = (np.array(model.record.noise) / spread) ** 2
    unlike = np.sqrt(squares / squares.mean())
    if unlike.max() < UNLIKE * unlike.min():
        return spread
    return np.asarray(spread * unlike)


def deviations_of(y: Float64Array, weights: Float64Array | None) -> Float64Array:
    """The deviations of the outputs, (n_out,); 0 for constant outputs."""
    found = np.sqrt(np.average((y - np.average(y, axis=0, weights=weights)) ** 2, axis=0, weights=weights))
    return np.where(found > 64 * EPS * np.abs(y).max(axis=0), found, 0.0)


def floor_unit(y: Float64Array, weights: Float64Array | None, scales: Float64Array) -> float:
    """The mean square deviation of y/scales over the outputs that vary; 1 if none varies."""
    relative = deviations_of(y, weights) / scales
    return float(np.mean(relative[relative > 0] ** 2)) if relative.any() else 1.0


def last_unit(model: Model) -> Float64Array:
    """The factors by which the last affine normalisers multiply, (n_out,)."""
    last = model.network.layers[-1]
    if not isinstance(last, Normalizer) or last.kind != "affine":
        return np.ones(model.n_out)
    domain, source = (np.array(one_each(ends, last.width)) for ends in (last.domain, last.source))
    return np.asarray(np.diff(domain)[:, 0] / np.diff(source)[:, 0])


def penalties(model: Model, phi: float) -> Coordinates:
    """The coordinates of a model of `fit` with its penalties; for other models theta, without penalties.

    Raises
    ------
    ValueError
        For a record whose penalties are not those of the network.
    """
    network, record = model.network, model.record
    if record is None or not record.weights or not modal(network):
        m = network.n_parameters
        return Coordinates(scipy.sparse.eye_array(m, format="csr"), np.zeros(m))
    coordinates = ModalCoordinates(network)
    weights = np.array(record.weights)
    if len(weights) == 1:
        weights = np.repeat(weights, len(coordinates.groups))
    if len(weights) != len(coordinates.groups):
        raise ValueError(
            f"model.record must hold the penalties of its network, {len(coordinates.groups)}, got "
            f"{len(weights)}: the network was changed"
        )
    diagonal = coordinates.spread(np.maximum(weights, LEAST), FREE_PRIOR * phi, 1.0)
    return Coordinates(coordinates.T, diagonal)


def modal(network: KAN) -> bool:
    """Whether the network has modes: splines in the spline basis, without base branch, of degree >= 1."""
    return all(
        isinstance(layer, (Affine, Elementwise))
        or (isinstance(layer, SplineLayer) and layer.base is None and layer.degree > 0)
        for layer in network.layers
    )
