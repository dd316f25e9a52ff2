"""Projections: coefficients on fine knots to coefficients on coarse knots, left inverses R of P.

The restriction P^T maps gradients to the level below; a point theta needs a projection. R P = I makes P R a
projection onto the coarse splines. Kinds:

- "pseudoinverse": R = (P^T P)^{-1} P^T. Among all left inverses it has the least 2-norm, 1/sigma_min(P). Rows
  decay exponentially away from the diagonal.
- "L2": R = (P^T M P)^{-1} P^T M with the mass matrix M on the fine knots: the nearest coarse spline in
  L2(a, b).
- "interpolation": coefficient i of the polynomial that interpolates the fine spline at k + 1 Chebyshev points
  of a coarse interval near the middle of the support of b_i (Lee, Lyche & Morken 2001).
- "dual": coefficient i of the polynomial piece on a fine interval near that middle, which is the functional
  of de Boor & Fix (1973): the blossom of the piece at t_{i+1}, ..., t_{i+k}.
- "injection", in the ReLU basis only: powers at new knots are dropped.

In the spline basis the norms of the first four are bounded independently of the number of intervals, since
they are local (or decay) and invariant under scaling; the constants grow with the degree. On knots that are
not clamped, the B-splines at the ends have little mass in [a, b], and "L2" has large entries there. Dropping
a power w_j max(0, x - t_j)^k changes the function everywhere to the right of t_j: as a map of functions,
injection is not bounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike
from scipy.sparse.linalg import splu

from splinekan._checks import Array, affordable, instance, one_of
from splinekan.network import KAN, SplineLayer, TensorSplineLayer
from splinekan.network.tensor_spline import kronecker
from splinekan.operators import Matrix, Operator
from splinekan.splines.basis import BSplineBasis
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.splines.gram import gram_matrix
from splinekan.splines.knot_vector import KnotVector, knot_vector
from splinekan.splines.prolongation import _blossoms, prolongation

KINDS = ("pseudoinverse", "L2", "interpolation", "dual")
"""The kinds for both bases."""
NEGLIGIBLE = 2.0**-56
"""Entries below this times the largest entry of their row are dropped."""


def projection(
    coarse_knots: KnotVector | ArrayLike,
    fine_knots: KnotVector | ArrayLike,
    degree: int | None = None,
    basis: str = "spline",
    kind: str = "pseudoinverse",
) -> scipy.sparse.csr_array:
    """R with R P = I: coefficients on nested coarse knots of an approximation of a spline on fine knots.

    Parameters
    ----------
    coarse_knots, fine_knots, degree, basis
        As for `prolongation`. In the ReLU basis the first four kinds are A_c^T R A_f^{-T}, the same maps of
        functions.
    kind
        "pseudoinverse", "L2", "interpolation" or "dual"; also "injection" in the ReLU basis. They are
        defined in `splinekan.multilevel.projections`.

    Returns
    -------
    scipy.sparse.csr_array
        (n_basis of the coarse knots, n_basis of the fine knots), dimensionless.

    Raises
    ------
    TypeError, ValueError
        For knots that are not nested, an unknown kind or basis, repeated or periodic knots in the ReLU basis.
    MemoryError
        For "L2" and "pseudoinverse", if the dense matrix does not fit into memory.

    Examples
    --------
    >>> import numpy as np
    >>> from splinekan import KnotVector
    >>> coarse = KnotVector.uniform(0, 1, 4, 3)
    >>> P = prolongation(coarse, coarse.refine())
    >>> bool(np.abs(projection(coarse, coarse.refine()) @ P - np.eye(7)).max() < 1e-14)
    True
    """
    one_of("basis", basis, ("spline", "relu"))
    one_of("kind", kind, (*KINDS, "injection") if basis == "relu" else KINDS)
    coarse, fine = knot_vector(coarse_knots, degree), knot_vector(fine_knots, degree)
    if kind == "injection":
        return _injection(prolongation(coarse, fine, basis="relu"), coarse.degree)
    if basis == "relu":
        a_coarse, a_fine = change_of_basis(coarse), change_of_basis(fine)
    P = prolongation(coarse, fine)
    if kind in ("L2", "pseudoinverse"):
        weights: Any = gram_matrix(fine) if kind == "L2" else scipy.sparse.eye_array(fine.n_basis)
        R = _weighted_left_inverse(P, weights)
    elif kind == "dual":
        R = _dual(coarse, fine)
    else:
        R = _interpolation(coarse, fine)
    if basis == "spline":
        return R
    affordable("the projection in the ReLU basis", 32.0 * P.shape[0] * P.shape[1])
    return scipy.sparse.csr_array(a_fine.solve(np.asarray(R.T @ a_coarse.toarray())).T)


def network_projection(coarse: KAN, fine: KAN, kind: str = "pseudoinverse") -> Operator:
    """R with R P = I for the parameters of nested networks: `projection` edge by edge.

    For a tensor-product layer R is the Kronecker product of the projections of its inputs. Parameters
    without knots are kept. Coefficients in the ReLU basis are converted to B-splines, projected, and
    converted back (except for "injection"), which keeps digits that a product of the three matrices would
    lose.

    Parameters
    ----------
    coarse, fine
        Networks of the same layers on nested knots.
    kind
        As for `projection`; "injection" if all spline layers have the ReLU basis.

    Returns
    -------
    Operator
        R, (coarse.n_parameters, fine.n_parameters), with products R theta and R^T v.

    Raises
    ------
    TypeError, ValueError
        Unless the networks are nested, and for an unknown kind.

    Examples
    --------
    >>> import splinekan as sk
    >>> coarse = sk.KAN.splines([2, 3, 1], intervals=4)
    >>> theta = sk.initialize(coarse, seed=0)
    >>> fine = coarse.refined()
    >>> R = network_projection(coarse, fine)
    >>> bool(abs(R @ (coarse.prolongation(fine) @ theta) - theta).max() < 1e-14)
    True
    """
    instance("coarse", coarse, KAN).prolongation(instance("fine", fine, KAN))
    bases = {layer.basis for _, layer, _ in coarse._on_knots}
    one_of("kind", kind, (*KINDS, "injection") if bases == {"relu"} else KINDS)
    known: dict[Any, scipy.sparse.csr_array] = {}
    blocks = []
    for (_, layer, _), (_, finer, _) in zip(coarse._leaves, fine._leaves, strict=True):
        if isinstance(layer, TensorSplineLayer) and isinstance(finer, TensorSplineLayer):
            factors = [projection(*pair, kind=kind) for pair in zip(layer.knots, finer.knots, strict=True)]
            blocks.append(kronecker([*factors, scipy.sparse.eye_array(layer.n_out)]))
            continue
        if not isinstance(layer, SplineLayer) or not isinstance(finer, SplineLayer):
            blocks.append(scipy.sparse.eye_array(layer.n_parameters))
            continue
        for pair in zip(layer.knots, finer.knots, strict=True):
            if pair not in known:
                known[pair] = projection(*pair, basis="relu" if kind == "injection" else "spline", kind=kind)
            blocks.append(scipy.sparse.kron(known[pair], scipy.sparse.eye_array(layer.n_out)))
        if layer.base is not None:
            blocks.append(scipy.sparse.eye_array(layer.n_in * layer.n_out))
    R = Matrix(scipy.sparse.csr_array(scipy.sparse.block_diag(blocks, format="csr")))
    return R if kind == "injection" or "relu" not in bases else _ThroughSplines(R, coarse, fine)


class _ThroughSplines(Operator):
    """T_c^{-1} R T_f, T the coordinates in the spline basis."""

    def __init__(self, R: Matrix, coarse: KAN, fine: KAN) -> None:
        super().__init__(np.dtype(np.float64), R.shape)
        self._R, self._coarse, self._fine = R, coarse.coordinates("spline"), fine.coordinates("spline")

    def _matvec(self, v: Array) -> Array:
        return np.asarray(self._coarse.solve(self._R.matvec(self._fine.apply(v))))

    def _rmatvec(self, r: Array) -> Array:
        return np.asarray(self._fine.apply_transpose(self._R.rmatvec(self._coarse.solve_transpose(r))))


def _weighted_left_inverse(P: scipy.sparse.csr_array, M: Any) -> scipy.sparse.csr_array:
    """R = (P^T M P)^{-1} P^T M; the normal matrix is scaled to unit diagonal."""
    affordable("the projection", 32.0 * P.shape[0] * P.shape[1])
    scale = 1 / np.sqrt(np.asarray((M @ P).multiply(P).sum(axis=0)).ravel())
    scaled = scipy.sparse.csr_array(P @ scipy.sparse.diags_array(scale))
    right = scipy.sparse.csr_array(scaled.T @ M)
    R = scale[:, None] * splu(scipy.sparse.csc_array(right @ scaled)).solve(right.toarray())
    # I - R P, the rounding error of the normal equations, is squared.
    R += R - np.asarray(P.T @ R.T).T @ R
    R[np.abs(R) < NEGLIGIBLE * np.abs(R).max(axis=1, keepdims=True)] = 0.0
    return scipy.sparse.csr_array(R)


def _interpolation(coarse: KnotVector, fine: KnotVector) -> scipy.sparse.csr_array:
    """Coefficient i of the polynomial through k + 1 values near the middle of the support of b_i."""
    k, n = coarse.degree, coarse.n_basis
    left, right = coarse.breakpoints[coarse.middles], coarse.breakpoints[coarse.middles + 1]
    chebyshev = (1 - np.cos(np.pi * (2 * np.arange(k + 1) + 1) / (2 * k + 2))) / 2
    points = (left[:, None] + (right - left)[:, None] * chebyshev).ravel()
    values, first = BSplineBasis(coarse).active(points)
    spans = first.reshape(n, k + 1)[:, 0]
    which = np.argmax(coarse.fold[spans[:, None] + np.arange(k + 1)] == np.arange(n)[:, None], axis=1)
    units = np.eye(k + 1)[which]
    # (k + 1 points, k + 1 functions) for every i; its inverse maps values to coefficients.
    local = np.asarray(values).T.reshape(n, k + 1, k + 1)
    weights = np.linalg.solve(local.transpose(0, 2, 1), units[:, :, None]).ravel()
    rows, columns = np.repeat(np.arange(n), k + 1), np.arange(n * (k + 1))
    functionals = scipy.sparse.csr_array((weights, (rows, columns)), shape=(n, n * (k + 1)))
    return scipy.sparse.csr_array(functionals @ BSplineBasis(fine).design_matrix(points))


def _dual(coarse: KnotVector, fine: KnotVector) -> scipy.sparse.csr_array:
    """Row i: the blossom at coarse knots of the fine piece near the middle of b_i's support.

    Entries are correctly rounded.

    This is knot insertion with the knots exchanged: P holds blossoms of coarse pieces at fine knots.
    """
    where = fine.locate(coarse)
    within = np.searchsorted(where, np.arange(fine.intervals), side="right") - 1
    chosen = (where[:-1] + where[1:]) // 2
    # `_blossoms` uses the last fine interval whose entry is that of the coarse interval.
    entries = within + (np.arange(fine.intervals) > chosen[within])
    return _blossoms(fine, coarse, np.append(entries, coarse.intervals))


def _injection(P: scipy.sparse.csr_array, degree: int) -> scipy.sparse.csr_array:
    """The coefficients at the coarse inner knots, and the polynomial part in the coarse ghost powers."""
    k, dense = degree, P[: degree + 1, : degree + 1].toarray()
    inner = scipy.sparse.csr_array(P[k + 1 :, k + 1 :].T)
    ghosts = scipy.sparse.csr_array(np.linalg.inv(dense))
    return scipy.sparse.csr_array(scipy.sparse.block_diag([ghosts, inner], format="csr"))
