"""Operators: matrices given by their products, with more methods than SciPy's LinearOperator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike
from scipy.sparse.linalg import LinearOperator

from splinekan._arrays import floats
from splinekan._blas import one, several
from splinekan._checks import Array, Float64Array, affordable, each, instance, real_array


class Operator(LinearOperator):  # type: ignore[misc]
    """A SciPy LinearOperator that also gives its normal matrix, its column norms and its dense form.

    A subclass sets `shape` and `dtype` and defines `_matvec` and `_rmatvec`; the other methods follow from
    these and may be overridden. Sums, products and transposes are SciPy's: `J @ P`, `J + K`, `J.T`.

    Raises
    ------
    TypeError, ValueError
        By the products, for operands of the wrong shape or without real entries.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def matvec(self, v: ArrayLike) -> Array:
        """The product J v for v (columns,) or (columns, 1)."""
        return self._product("v", v, self.shape[1], self._matvec)

    def rmatvec(self, r: ArrayLike) -> Array:
        """The product J^T r for r (rows,) or (rows, 1)."""
        return self._product("r", r, self.shape[0], self._rmatvec)

    def _normal_product(self, v: ArrayLike) -> Float64Array:
        """J^T J v for v (columns,)."""
        return np.asarray(self.rmatvec(self.matvec(v)))

    def normal_matrix(self) -> Float64Array:
        """The matrix J^T J, dense and symmetric, (columns, columns)."""
        dense = self.toarray()
        with several(2.0 * dense.size * dense.shape[1]):
            return np.asarray(dense.T @ dense)

    def column_squares(self) -> Float64Array:
        """The diagonal of J^T J, (columns,)."""
        dense = self.toarray()
        return np.asarray(np.einsum("ij,ij->j", dense, dense))

    def column_norms(self) -> Float64Array:
        """The 2-norms of the columns, (columns,)."""
        return np.sqrt(self.column_squares())

    def toarray(self) -> Array:
        """The dense matrix."""
        affordable("the dense matrix", 8.0 * self.shape[0] * self.shape[1])
        return np.asarray(self.matmat(np.eye(self.shape[1])))

    def chunks(self) -> Iterator[Operator]:
        """Operators with stored entries, `SparseRows` or `Matrix`, whose normal matrices sum to J^T J."""
        yield Matrix(self.toarray())

    def _product(self, name: str, value: ArrayLike, size: int, multiply: Any) -> Array:
        if isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1] == 1:
            return np.asarray(multiply(self._vector(name, value[:, 0], size))).reshape(-1, 1)
        return np.asarray(multiply(self._vector(name, value, size)))

    @staticmethod
    def _vector(name: str, value: ArrayLike, size: int) -> Array:
        single = type(value) is np.ndarray and value.dtype == np.float32
        return floats(name, value, (size,), np.dtype(np.float32 if single else np.float64))


class Matrix(Operator):
    """A dense array or a SciPy sparse matrix as an operator.

    Raises
    ------
    TypeError, ValueError
        Unless `matrix` holds real numbers in two axes.
    """

    def __init__(self, matrix: Any) -> None:
        if scipy.sparse.issparse(matrix):
            real_array("matrix", matrix.data, finite=False)
            if matrix.ndim != 2:
                raise ValueError(f"matrix must have 2 axes, got shape {matrix.shape}")
            single = matrix.dtype == np.float32
            matrix = scipy.sparse.csr_array(matrix, dtype=np.float32 if single else np.float64)
        else:
            matrix = real_array("matrix", matrix, ndim=2, finite=False)
        super().__init__(matrix.dtype, matrix.shape)
        self.matrix = matrix

    def _matvec(self, v: Array) -> Array:
        with one, np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(self.matrix @ v)

    def _rmatvec(self, r: Array) -> Array:
        with one, np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(self.matrix.T @ r)

    def _matmat(self, v: Array) -> Array:
        with several(2.0 * self.matrix.size * v.shape[1]):
            return np.asarray(self.matrix @ v)

    def _rmatmat(self, r: Array) -> Array:
        with several(2.0 * self.matrix.size * r.shape[1]):
            return np.asarray(self.matrix.T @ r)

    def normal_matrix(self) -> Float64Array:
        """J^T J, dense."""
        with several(2.0 * self.matrix.size * self.shape[1]):
            product = self.matrix.T @ self.matrix
        return np.asarray(product.toarray() if hasattr(product, "toarray") else product)

    def column_squares(self) -> Float64Array:
        """The diagonal of J^T J."""
        if hasattr(self.matrix, "power"):
            return np.asarray(self.matrix.power(2).sum(axis=0)).ravel()
        return np.asarray(np.einsum("ij,ij->j", self.matrix, self.matrix))

    def toarray(self) -> Array:
        """The dense matrix."""
        return np.asarray(self.matrix.toarray() if hasattr(self.matrix, "toarray") else self.matrix)

    def chunks(self) -> Iterator[Operator]:
        """Itself."""
        yield self


class Stacked(Operator):
    """Operators below one another, with the same columns.

    Raises
    ------
    TypeError, ValueError
        Unless `parts` are operators with the same number of columns.
    """

    def __init__(self, parts: Sequence[Operator]) -> None:
        parts = each("parts", parts, lambda name, part: instance(name, part, Operator))
        if len(columns := {part.shape[1] for part in parts}) > 1:
            raise ValueError(f"parts must have the same number of columns, got {sorted(columns)}")
        rows = sum(part.shape[0] for part in parts)
        super().__init__(np.result_type(*(part.dtype for part in parts)), (rows, parts[0].shape[1]))
        self.parts = parts

    def _matvec(self, v: Array) -> Array:
        return np.concatenate([part.matvec(v) for part in self.parts])

    def _rmatvec(self, r: Array) -> Array:
        ends = np.cumsum([part.shape[0] for part in self.parts])[:-1]
        pieces = zip(self.parts, np.split(r, ends), strict=True)
        return np.asarray(sum((part.rmatvec(piece) for part, piece in pieces), np.zeros(1)))

    def _normal_product(self, v: ArrayLike) -> Float64Array:
        """J^T J v, the sum over the parts."""
        return np.asarray(sum((part._normal_product(v) for part in self.parts), np.zeros(1)))

    def normal_matrix(self) -> Float64Array:
        """J^T J, the sum over the parts."""
        return np.asarray(sum((part.normal_matrix() for part in self.parts), np.zeros(1)))

    def column_squares(self) -> Float64Array:
        """The diagonal of J^T J."""
        return np.asarray(sum((part.column_squares() for part in self.parts), np.zeros(1)))

    def toarray(self) -> Array:
        """The dense matrix."""
        return np.concatenate([part.toarray() for part in self.parts])

    def chunks(self) -> Iterator[Operator]:
        """The chunks of the parts."""
        for part in self.parts:
            yield from part.chunks()
