"""Preconditioners from the assembled matrix of small networks, to bound the gain from further structure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

from splinekan._checks import Float64Array
from splinekan.network import KAN, SplineLayer
from splinekan.optimize.scaled_jacobian import ScaledJacobian

DENSE = 700
"""Parameters up to which matrices are assembled."""


@dataclass(frozen=True, eq=False)
class Assembled:
    """The inverse of the assembled matrix with `structure` imposed on J^T J."""

    structure: Callable[[Float64Array], Float64Array]
    indefinite: bool = False

    def prepared(self, J: ScaledJacobian) -> Callable[[float], Any]:
        """The inverse, as a function of the damping."""
        normal = J.jacobian.normal_matrix() / np.outer(J.scale, J.scale)
        kept = self.structure(normal)
        n = len(kept)
        # Diagonal blocks are semidefinite; a nearest Kronecker product need not be.
        least = float(np.linalg.eigvalsh(kept)[0]) if self.indefinite else 0.0

        def inverse(damping: float) -> LinearOperator:
            shift = damping + 2 * max(-least, 0.0)
            factor = scipy.linalg.cho_factor(kept + shift * np.eye(n))
            return LinearOperator(
                (n, n), matvec=lambda v: scipy.linalg.cho_solve(factor, np.ravel(v)), dtype=np.float64
            )

        return inverse


def edge_blocks(network: KAN) -> Assembled:
    """The diagonal blocks of single edges, and of layers without splines."""
    layer, source, target = _labels(network)
    return _blocks(layer, source, target)


def output_blocks(network: KAN) -> Assembled:
    """The diagonal blocks of all edges into the same node."""
    layer, _, target = _labels(network)
    return _blocks(layer, target)


def kronecker(network: KAN) -> Assembled:
    """The nearest Kronecker product (basis functions by outputs) to the block of every layer.

    The nearest in the Frobenius norm (Van Loan & Pitsianis 1993), so that no factors computed from averages
    over the samples, as in K-FAC (Martens & Grosse 2015, arXiv:1503.05671), are nearer.
    """

    def structure(matrix: Float64Array) -> Float64Array:
        kept = np.zeros_like(matrix)
        for _, layer, start in network._leaves:
            if not layer.n_parameters:
                continue
            c = layer.n_out if isinstance(layer, SplineLayer) else 1
            a = layer.n_parameters // c
            where = slice(start, start + layer.n_parameters)
            shuffled = matrix[where, where].reshape(a, c, a, c).transpose(0, 2, 1, 3).reshape(a * a, c * c)
            right = np.eye(c).ravel()
            for _ in range(8):  # power iterations for the largest singular value
                left = shuffled @ right
                left /= np.linalg.norm(left)
                right = shuffled.T @ left
            product = np.kron(left.reshape(a, a), right.reshape(c, c))
            kept[where, where] = (product + product.T) / 2
        return kept

    return Assembled(structure, indefinite=True)


def _blocks(*labels: NDArray[np.int64]) -> Assembled:
    def structure(matrix: Float64Array) -> Float64Array:
        same = np.ones(matrix.shape, dtype=bool)
        for label in labels:
            same &= label[:, None] == label
        return np.where(same, matrix, 0.0)

    return Assembled(structure)


def _labels(network: KAN) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The layer, the input and the output of every parameter; 0 and 0 for layers without splines."""
    layer_of, source, target = (np.zeros(network.n_parameters, np.int64) for _ in range(3))
    for number, (_, layer, start) in enumerate(network._leaves):
        layer_of[start : start + layer.n_parameters] = number
        for at in layer.edges if isinstance(layer, SplineLayer) else ():
            shape = (at.n_in, at.knots.n_basis, layer.n_out)
            inputs, _, outputs = np.indices(shape)
            source[start + at.start : start + at.stop] = inputs.ravel() + at.first
            target[start + at.start : start + at.stop] = outputs.ravel()
    return layer_of, source, target
