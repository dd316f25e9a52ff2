"""Coordinates of a network's parameters: z = T u, u the B-spline coefficients."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._blas import several
from splinekan._checks import (
    Float64Array,
    affordable,
    instance,
    integer,
    one_of,
)
from splinekan.network import KAN, SplineLayer, TensorSplineLayer
from splinekan.operators import Coordinates, EdgeMap, Piece
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.splines.gram import gram_matrix
from splinekan.splines.knot_vector import KnotVector, knot_vector

BASES = ("spline", "relu", "scaled-relu", "mass")
"""B-splines; power ReLUs; power ReLUs divided by h^k, h the mean spacing; functions orthonormal on [a, b]."""


def basis_matrices(
    knots: KnotVector | ArrayLike, degree: int | None, basis: str
) -> tuple[Float64Array, Float64Array]:
    """(T, T^{-1}), each (n_basis, n_basis), with z = T u on an edge.

    "relu" has T = A^T (Lemma 3 of Southworth et al., arXiv:2603.04827), "scaled-relu" T = h^k A^T, with the
    functions ((x - t_j)_+/h)^k (Theorem 2), "mass" T = L^T with the mass matrix M = L L^T, so that a matrix
    in z has the eigenvalues of the generalised problem H v = lambda M v.

    The inverse of A is computed from psi_j = sum_i b_i prod_{l=1..k} max(0, t_{i+l} - t_j) (the blossom of
    the truncated power), without cancellation: every entry is accurate to a few eps. Inverting A numerically
    would lose a factor cond(A).

    Raises
    ------
    TypeError, ValueError
        For invalid knots, degree or basis; for repeated or periodic knots in a ReLU basis, and for knots so
        far apart that its functions leave the range of float64.
    """
    one_of("basis", basis, BASES)
    vector = knot_vector(knots, degree)
    t, k, m = vector.t, vector.degree, vector.n_basis
    affordable(f"the matrices of {m} basis functions", 32.0 * m**2)
    if basis == "spline":
        return np.eye(m), np.eye(m)
    if basis == "mass":
        with several(1.0 * m**3):
            lower = np.linalg.cholesky(np.asarray(gram_matrix(vector).toarray()))  # type: ignore[union-attr]
            inverse = scipy.linalg.solve_triangular(lower, np.eye(m), lower=True)
        return np.ascontiguousarray(lower.T), np.ascontiguousarray(inverse.T)
    vector.check_relu_basis("a ReLU basis")
    forward = change_of_basis(vector).toarray().T
    index = np.arange(m)
    backward = np.array(index[:, None] >= index, dtype=np.float64)  # entry (i, j): A^{-1}_ji
    with np.errstate(all="ignore"):
        for l in range(1, k + 1):
            backward *= np.maximum(t[index + l][:, None] - t[:m], 0.0)
        if basis == "scaled-relu":
            scale = np.diff(vector.breakpoints).mean() ** k
            forward, backward = scale * forward, backward / scale
    if not (np.isfinite(forward).all() and np.isfinite(backward).all()):
        steps = np.diff(t)
        raise ValueError(
            f"knots must have spacings whose powers up to {k} are within the range of float64, got spacings "
            f"from {steps.min():g} to {steps.max():g}: rescale them"
        )
    return forward, backward


def edge_coordinates(matrix: Float64Array, inverse: Float64Array) -> Coordinates:
    """The coordinates z = T u of the coefficients of an edge, from T and its inverse."""
    m = len(matrix)
    return Coordinates(m, [Piece(0, m, 1, m, EdgeMap.dense(matrix, inverse))])


def coordinates(network: KAN, basis: str, layer: int | None = None) -> Coordinates:
    """The coordinates `basis` for theta of `network`, which must be parametrised in B-splines.

    Parameters
    ----------
    network
        The network, its layers in the spline basis.
    basis
        One of `BASES`.
    layer
        The layer whose parameters are transformed; all layers if None.

    Raises
    ------
    TypeError, ValueError
        For an unknown basis, a network in the ReLU basis, or a layer that does not exist.
    """
    one_of("basis", basis, BASES)
    instance("network", network, KAN)
    layer = layer_number(network, layer)
    if network.basis != "spline":
        raise ValueError("coordinates start from B-spline coefficients: use network.with_basis('spline')")
    where = layer_slice(network, layer)
    pieces = []
    for _, part, start in network._leaves:
        inside = where.start <= start < where.stop
        if inside and isinstance(part, TensorSplineLayer) and basis != "spline":
            raise ValueError(f"basis must be 'spline' for {part}: its splines are those of several variables")
        if inside and isinstance(part, SplineLayer) and basis != "spline":
            begin = start - where.start
            for at in part.edges:
                edges = EdgeMap.dense(*basis_matrices(at.knots, None, basis))
                pieces.append(Piece(begin + at.start, begin + at.stop, at.n_in, at.knots.n_basis, edges))
    return Coordinates(where.stop - where.start, pieces)


def layer_number(network: KAN, layer: int | None) -> int | None:
    """`layer` as an index into the network's layers, None for all."""
    return None if layer is None else integer("layer", layer, low=0, high=len(network.layers) - 1)


def layer_slice(network: KAN, layer: int | None) -> slice:
    """The slice of theta that holds the parameters of a layer."""
    if layer is None:
        return slice(0, network.n_parameters)
    start, stop = list(pairwise(network.offsets))[layer]
    return slice(start, stop)
