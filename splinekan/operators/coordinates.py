"""Changes of coordinates z = T theta, block diagonal: a small matrix for every input of a spline layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from splinekan._arrays import operand
from splinekan._blas import one
from splinekan._checks import Array, Float64Array, instance, integer, real_array, sequence
from splinekan.operators.base import Operator
from splinekan.splines.change_of_basis import ChangeOfBasis

Product = Callable[[Float64Array], Float64Array]


class EdgeMap(NamedTuple):
    """An invertible matrix S given by four products along the first axis of their arguments."""

    apply: Product
    solve: Product
    apply_transpose: Product
    solve_transpose: Product
    matrices: tuple[Float64Array, Float64Array] | None = None
    """The pair (S, S^{-1}) if they are dense."""

    @staticmethod
    def relu_from_spline(change: ChangeOfBasis) -> EdgeMap:
        """S = A^T: w = A^T u (Southworth et al., arXiv:2603.04827, Lemma 3)."""
        change = instance("change", change, ChangeOfBasis)
        return EdgeMap(change.apply_transpose, change.solve_transpose, change.apply, change.solve)

    @staticmethod
    def dense(matrix: Float64Array, inverse: Float64Array) -> EdgeMap:
        """S and its inverse as arrays (m, m).

        Raises
        ------
        TypeError, ValueError
            For anything but two square matrices of the same size.
        """
        matrix = real_array("matrix", matrix, ndim=2).astype(np.float64, copy=False)
        m = len(matrix)
        matrix = real_array("matrix", matrix, shape=(m, m))  # type: ignore[assignment]
        inverse = real_array("inverse", inverse, shape=(m, m)).astype(np.float64, copy=False)
        apply, solve, transposed, back = (
            partial(_along_first, each) for each in (matrix, inverse, matrix.T, inverse.T)
        )
        return EdgeMap(apply, solve, transposed, back, (matrix, inverse))

    def inverse(self) -> EdgeMap:
        """S^{-1}."""
        swapped = None if self.matrices is None else self.matrices[::-1]
        return EdgeMap(self.solve, self.apply, self.solve_transpose, self.apply_transpose, swapped)


class Piece(NamedTuple):
    """A block on which `map` acts: theta[start:stop], read as (n_in, m, n_out), along the middle axis."""

    start: int
    stop: int
    n_in: int
    m: int
    map: EdgeMap


class Coordinates(Operator):
    """The block diagonal matrix T with z = T theta; parameters outside all pieces are unchanged.

    All four products take a vector (n_parameters,) or a matrix (n_parameters, any).

    Parameters
    ----------
    n_parameters
        Length of theta.
    pieces
        Disjoint blocks, in order.

    Raises
    ------
    TypeError, ValueError
        For pieces that do not fit theta; by the products, for arrays of the wrong shape.
    """

    def __init__(self, n_parameters: int, pieces: Sequence[Piece] = ()) -> None:
        self.n_parameters = integer("n_parameters", n_parameters, low=0)
        super().__init__(np.dtype(np.float64), (self.n_parameters,) * 2)
        checked, end = [], 0
        for number, given in enumerate(sequence("pieces", pieces, empty=True)):
            piece = instance(f"pieces[{number}]", given, Piece)
            for name in ("start", "stop", "n_in", "m"):
                integer(f"pieces[{number}].{name}", getattr(piece, name), low=0)
            instance(f"pieces[{number}].map", piece.map, EdgeMap)
            edges = piece.n_in * piece.m
            if not end <= piece.start < piece.stop <= self.n_parameters:
                raise ValueError(
                    f"pieces[{number}] must lie in theta after the piece before it, got {piece[:2]}"
                )
            if edges < 1 or (piece.stop - piece.start) % edges:
                raise ValueError(f"pieces[{number}] must hold whole edges of {piece.m} coefficients")
            if piece.map.matrices is not None and len(piece.map.matrices[0]) != piece.m:
                raise ValueError(f"pieces[{number}].map must be of size {piece.m}, as its m")
            checked.append(piece)
            end = piece.stop
        self.pieces = tuple(checked)

    def apply(self, v: ArrayLike) -> Float64Array:
        """T v."""
        return self._map(v, "apply")

    def solve(self, v: ArrayLike) -> Float64Array:
        """T^{-1} v."""
        return self._map(v, "solve")

    def apply_transpose(self, v: ArrayLike) -> Float64Array:
        """T^T v."""
        return self._map(v, "apply_transpose")

    def solve_transpose(self, v: ArrayLike) -> Float64Array:
        """T^{-T} v."""
        return self._map(v, "solve_transpose")

    def absolute(self) -> Coordinates:
        """The map with the absolute values of all entries, which bounds rounding errors of products.

        Raises
        ------
        ValueError
            Unless all pieces are dense.
        """
        pieces = []
        for piece in self.pieces:
            if piece.map.matrices is None:
                raise ValueError("absolute values are known for dense pieces only")
            pieces.append(piece._replace(map=EdgeMap.dense(*map(np.abs, piece.map.matrices))))
        return Coordinates(self.n_parameters, pieces)

    @one
    def _map(self, v: ArrayLike, product: str) -> Float64Array:
        result = operand("v", v, self.n_parameters)
        for piece in self.pieces:
            here = result[piece.start : piece.stop]
            edges = here.reshape(piece.n_in, piece.m, -1).swapaxes(0, 1)
            result[piece.start : piece.stop] = (
                getattr(piece.map, product)(edges).swapaxes(0, 1).reshape(here.shape)
            )
        return result

    def _matvec(self, v: Array) -> Array:
        return self.apply(v)

    _matmat = _matvec

    def _rmatvec(self, r: Array) -> Array:
        return self.apply_transpose(r)

    _rmatmat = _rmatvec


def _along_first(matrix: Float64Array, v: Float64Array) -> Float64Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.matmul(matrix, v.reshape(len(v), -1)).reshape(v.shape))
