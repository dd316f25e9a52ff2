"""The reduction of the loss that a Gauss-Newton step predicts when an interval is halved."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan._blas import several
from splinekan._checks import Float64Array
from splinekan.model import Model
from splinekan.model.refinement import Key, Site, sites
from splinekan.multilevel.indicators import Objective, Scores, checked, knots_of
from splinekan.network import KAN
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.prolongation import prolongation

REGULAR = (1e-13, 1e-11, 1e-9)
"""Multiples of the diagonal, times the number of unknowns, added to J^T J, which is singular where a constant
can move between edges: the first with which the matrix has a Cholesky factor is used."""
CUTOFF = 1e-9
"""New directions with a smaller fraction outside the span of the old directions are treated as old."""


def gauss_newton_indicator(model: Model, objective: Objective) -> Scores:
    """1/2 g^T S^-1 g, the reduction of the loss that a Gauss-Newton step predicts for halving I alone.

    With the midpoint of I the splines of an input gain one function psi per output. Let J = [J_old, J_new] be
    the Jacobian of the refined network at the same function, with J_new the columns of psi for all outputs of
    the layer, and H = J^T J and g = J^T r, in the same blocks. Eliminating the old unknowns gives

        S = H_nn - H_no H_oo^-1 H_on,    g = g_n - H_no H_oo^-1 g_o,

    and 1/2 g^T S^-1 g is exactly the difference between the least values of 1/2 |r + J d|^2 over steps d of
    the old unknowns and over steps of old and new unknowns. It does not depend on the choice of psi (here the
    middle of the B-splines that have the midpoint as a knot). For a network of a single layer and squared
    errors, where the outputs are linear in the coefficients, it is the exact reduction of the loss without
    smoothing; a penalty is that of the network with every interval halved.

    Directions of the old unknowns in which the scaled J^T J has eigenvalues below about 1e-13 are omitted:
    constants that can move between edges, and directions that rounding does not resolve. All columns come
    from J^T J of the network with every interval halved, m' ~ 2 m unknowns: memory 8 m'^2 bytes, work of
    order m^3. Weights of samples and smoothing are included.

    Parameters, errors and result are those of `residual_indicator`.

    Examples
    --------
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 200)[:, None]
    >>> model = sk.Model(sk.KAN.splines([1, 1], intervals=4), np.zeros(7))
    >>> scores = gauss_newton_indicator(model, lambda network: sk.LeastSquares(network, x, abs(x - 0.6)))
    >>> int(scores[0, 0].argmax())  # the interval [0.5, 0.75] holds the kink
    2
    """
    plain = checked(model, objective)
    fine = plain.network.refined()
    P = plain.network.prolongation(fine)
    problem: Any = objective(fine)
    _, gradient, H = problem.normal_equations(P @ plain.theta)
    if not (np.isfinite(gradient).all() and np.isfinite(H).all()):
        raise ValueError("objective(network) must have finite normal equations at the parameters of model")
    finer = sites(fine)
    columns = {key: new_functions(site, finer[key], fine) for key, site in plain.sites.items()}
    E = scipy.sparse.hstack(list(columns.values()), format="csc")
    with several(2.0 * P.shape[1] ** 2 * (P.shape[1] + E.shape[1])):
        return _gains(plain.sites, P, E, H, gradient)


def _gains(known: dict[Key, Site], P: Any, E: Any, H: Float64Array, gradient: Float64Array) -> Scores:
    """1/2 g^T S^-1 g for every interval: old unknowns P and new unknowns E, in the refined network."""
    HE = H @ E
    scale = np.sqrt(np.maximum(P.T.multiply(P.T @ H).sum(axis=1), 0.0))
    scale = np.where(scale > 0, scale, 1.0)
    A = np.asarray(P.T @ (H @ P)) / scale / scale[:, None]
    factor = _factor(A)
    Z = scipy.linalg.solve_triangular(factor, np.asarray(P.T @ HE) / scale[:, None], lower=True)
    old = scipy.linalg.solve_triangular(factor, (P.T @ gradient) / scale, lower=True)
    g = E.T @ gradient - Z.T @ old
    EH = np.asarray(E.T @ HE)
    scores, at = {}, 0
    for key, site in known.items():
        count, m = knots_of(site).intervals, site.layer.n_out
        own = np.arange(at, at + count * m).reshape(count, m)
        at += count * m
        full = EH[own[:, :, None], own[:, None, :]]
        S = full - np.einsum("kim,kin->imn", Z[:, own], Z[:, own])
        scores[key] = _quadratic(S, g[own], np.einsum("imm->i", full))
    return scores


def new_functions(site: Site, finer: Site, fine: KAN) -> scipy.sparse.csc_array:
    """Coefficients in `fine` of psi for every interval and output, (n_parameters, intervals n_out).

    Midpoints of intervals k apart are inserted together: the middle of the B-splines that have a midpoint as
    a knot then contains no other new knot.
    """
    knots, outputs = knots_of(site), site.layer.n_out
    k, breaks = knots.degree, knots.breakpoints
    on_fine = np.zeros((knots_of(finer).n_basis, knots.intervals))
    for chosen in _apart(knots.intervals, max(k, 1), knots.periodic):
        mids = (breaks[chosen] + breaks[chosen + 1]) / 2
        inserted: KnotVector = knots.insert(mids)
        at = np.searchsorted(inserted.t, mids) - (k + 1) // 2
        Q = prolongation(inserted, knots_of(finer)).tocsc()
        on_fine[:, chosen] = Q[:, inserted.fold[at]].toarray()
    local = scipy.sparse.kron(on_fine, scipy.sparse.eye_array(outputs), format="coo")
    rows: Any = local.row + finer.where.start
    return scipy.sparse.csc_array((local.data, (rows, local.col)), shape=(fine.n_parameters, local.shape[1]))


def _factor(A: Float64Array) -> Float64Array:
    """The Cholesky factor of a scaled matrix, with the necessary addition to its diagonal."""
    for share in REGULAR:
        factor, failed = scipy.linalg.lapack.dpotrf(
            A + share * len(A) * np.eye(len(A)), lower=True, clean=True
        )
        if not failed:
            return np.asarray(factor)
    raise ValueError("objective(network) must have a positive semidefinite J^T J at the parameters of model")


def _apart(count: int, stride: int, periodic: bool) -> list[NDArray[np.intp]]:
    """Groups of intervals that are at least `stride` apart, also around the end if periodic."""
    groups = [np.arange(first, count, stride) for first in range(min(stride, count))]
    if not periodic:
        return groups
    whole: list[NDArray[np.intp]] = []
    for group in groups:
        close = len(group) > 1 and group[0] + count - group[-1] < stride
        whole += [group[:-1], group[-1:]] if close else [group]
    return whole


def _quadratic(S: Float64Array, g: Float64Array, size: Float64Array) -> Float64Array:
    """1/2 g^T S^+ g for every interval; eigenvalues of S below `CUTOFF` times `size` count as 0."""
    values, vectors = np.linalg.eigh(S)
    along = np.einsum("imn,im->in", vectors, g)
    resolved = (values > CUTOFF * size[:, None]) & (values > 0)
    safe = np.where(resolved, values, 1.0)
    return np.asarray((np.where(resolved, along, 0.0) * (along / safe)).sum(axis=1) / 2)
