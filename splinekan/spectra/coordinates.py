"""Coordinates in which a network's parameters are measured: z = T u, u the B-spline coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._checks import (
    Float64Array,
    affordable,
    instance,
    integer,
    one_of,
    real_array,
    sequence,
    spline_degree,
)
from splinekan.gram import gram_matrix
from splinekan.knots import is_clamped, validate_knots
from splinekan.network import KAN, SplineLayer
from splinekan.network.chain import operand
from splinekan.transforms import change_of_basis

BASES = ("spline", "relu", "scaled-relu", "mass")
"""B-splines; power ReLUs; power ReLUs over h^k, h the mean spacing; functions orthonormal on [a, b]."""


def basis_matrices(knots: ArrayLike, degree: int, basis: str) -> tuple[Float64Array, Float64Array]:
    """(T, T^{-1}), each (n_basis, n_basis), for one edge: z = T u.

    "relu" has T = A^T (Lemma 3 of Southworth et al., arXiv:2603.04827), "scaled-relu" T = h^k A^T, its
    functions ((x - t_j)_+/h)^k (Theorem 2), "mass" T = L^T with the mass matrix M = L L^T, so that a matrix
    in z has the eigenvalues of its generalised problem H v = lambda M v.

    The inverse of A has its own formula, psi_j = sum_i b_i prod_{l=1..k} max(0, t_{i+l} - t_j) (the blossom
    of the truncated power): no cancellation, every entry to a few eps, where inverting A would lose cond(A).

    Raises
    ------
    TypeError, ValueError
        For bad knots, degree or basis; for clamped knots in a ReLU basis.
    """
    one_of("basis", basis, BASES)
    degree = spline_degree(degree)
    t = validate_knots(knots, degree)
    m = len(t) - degree - 1
    affordable(f"the matrices of {m} basis functions", 32.0 * m**2)
    if basis == "spline":
        return np.eye(m), np.eye(m)
    if basis == "mass":
        lower = np.linalg.cholesky(np.asarray(gram_matrix(t, degree).toarray()))  # type: ignore[union-attr]
        inverse = scipy.linalg.solve_triangular(lower, np.eye(m), lower=True)
        return np.ascontiguousarray(lower.T), np.ascontiguousarray(inverse.T)
    if is_clamped(t, degree):
        raise ValueError("the ReLU bases need strictly increasing knots, got clamped ones")
    forward = change_of_basis(t, degree).toarray().T
    index = np.arange(m)
    backward = np.array(index[:, None] >= index, dtype=np.float64)  # entry (i, j): A^{-1}_ji
    for l in range(1, degree + 1):
        backward *= np.maximum(t[index + l][:, None] - t[:m], 0.0)
    if basis == "scaled-relu":
        scale = float(np.diff(t[degree : len(t) - degree]).mean()) ** degree
        return scale * forward, backward / scale
    return forward, backward


@dataclass(frozen=True, eq=False)
class Coordinates:
    """T and its inverse for a whole network (or one of its layers): block diagonal, a block for every edge.

    Parameters that are not spline coefficients stay as they are. All products take (n,) or (n, any).

    Attributes
    ----------
    basis
        One of `BASES`.
    blocks
        Per layer (number of parameters, edges in, edges out, T, T^{-1}), the last two None for the identity.

    Raises
    ------
    TypeError, ValueError
        For blocks that are not such tuples; the products for arrays of another shape.
    """

    basis: str
    blocks: tuple[tuple[int, int, int, Float64Array | None, Float64Array | None], ...]

    def __post_init__(self) -> None:
        one_of("basis", self.basis, BASES)
        checked = []
        for number, block in enumerate(sequence("blocks", self.blocks, empty=True)):
            name = f"blocks[{number}]"
            parts = sequence(name, block)
            if len(parts) != 5:
                raise ValueError(f"{name} must hold three sizes and two matrices, got {len(parts)} items")
            n, n_in, n_out = (integer(f"{name}[{i}]", parts[i], low=int(i > 0)) for i in range(3))
            matrices: list[Float64Array | None] = []
            for i in (3, 4):
                if parts[i] is None:
                    matrices.append(None)
                    continue
                m, left = divmod(n, n_in * n_out)
                if left:
                    raise ValueError(f"{name}[0] must be a multiple of the {n_in * n_out} edges, got {n}")
                found = real_array(f"{name}[{i}]", parts[i], shape=(m, m))
                matrices.append(found.astype(np.float64, copy=False))
            checked.append((n, n_in, n_out, matrices[0], matrices[1]))
        object.__setattr__(self, "blocks", tuple(checked))

    @cached_property
    def n_parameters(self) -> int:
        """n."""
        return sum(block[0] for block in self.blocks)

    def apply(self, v: Float64Array) -> Float64Array:
        """T v."""
        return self._map(v, 3, False)

    def apply_transpose(self, v: Float64Array) -> Float64Array:
        """T^T v."""
        return self._map(v, 3, True)

    def solve(self, v: Float64Array) -> Float64Array:
        """T^{-1} v."""
        return self._map(v, 4, False)

    def solve_transpose(self, v: Float64Array) -> Float64Array:
        """T^{-T} v."""
        return self._map(v, 4, True)

    def absolute(self) -> Coordinates:
        """The same with the absolute values of all entries: what rounding in a product is bounded by."""
        blocks = tuple(
            (n, p, q, None if T is None else np.abs(T), None if inverse is None else np.abs(inverse))
            for n, p, q, T, inverse in self.blocks
        )
        return Coordinates(self.basis, blocks)

    def _map(self, v: Float64Array, which: int, transposed: bool) -> Float64Array:
        result = operand("v", v, self.n_parameters)
        start = 0
        for block in self.blocks:
            n, n_in = block[:2]
            matrix: Float64Array | None = block[which]  # type: ignore[assignment]
            if matrix is not None:
                here = result[start : start + n]
                edges = here.reshape(n_in, len(matrix), -1)
                with np.errstate(over="ignore", invalid="ignore"):
                    product = np.matmul(matrix.T if transposed else matrix, edges)
                result[start : start + n] = product.reshape(here.shape)
            start += n
        return result


def coordinates(network: KAN, basis: str, layer: int | None = None) -> Coordinates:
    """The coordinates `basis` for theta of `network`, which must be parametrised in B-splines.

    Parameters
    ----------
    network
        The network, its layers in the spline basis.
    basis
        One of `BASES`.
    layer
        Only this layer's parameters; all if None.

    Raises
    ------
    TypeError, ValueError
        For an unknown basis, a network in the ReLU basis, or a layer that is not there.
    """
    one_of("basis", basis, BASES)
    instance("network", network, KAN)
    layer = layer_number(network, layer)
    if network.basis != "spline":
        raise ValueError("coordinates start from B-spline coefficients: use network.with_basis('spline')")
    layers = network.layers if layer is None else (network.layers[layer],)
    blocks: list[tuple[int, int, int, Float64Array | None, Float64Array | None]] = []
    for one in layers:
        if isinstance(one, SplineLayer) and basis != "spline":
            T, inverse = basis_matrices(one.knots, one.degree, basis)
            blocks.append((one.n_parameters, one.n_in, one.n_out, T, inverse))
        else:
            blocks.append((one.n_parameters, one.n_in, one.n_out, None, None))
    return Coordinates(basis, tuple(blocks))


def layer_number(network: KAN, layer: int | None) -> int | None:
    """`layer` as an index into the network's layers, None for all."""
    return None if layer is None else integer("layer", layer, low=0, high=len(network.layers) - 1)


def layer_slice(network: KAN, layer: int | None) -> slice:
    """Where the parameters of a layer lie in theta."""
    if layer is None:
        return slice(0, network.n_parameters)
    start, stop = list(pairwise(network.offsets))[layer]
    return slice(start, stop)
