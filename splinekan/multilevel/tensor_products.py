"""Sums of Kronecker products: matrices and prolongations of tensor-product splines, not assembled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import scipy

from splinekan._blas import one
from splinekan._checks import Array, Float64Array, affordable, instance, real_array, sequence
from splinekan.operators import Operator


class KroneckerSum(Operator):
    """sum_t A_t1 (x) A_t2 (x) ... (x) A_td, applied factor by factor.

    With M and K the mass and stiffness matrix of an interval, K (x) M + M (x) K is the stiffness matrix of a
    rectangle; P (x) P is a prolongation. Vectors hold the coefficients c[i_1, ..., i_d] with the last index
    running fastest. For n^d unknowns and factors with at most q entries per row a product takes about
    2 d q n^d operations per term; the assembled matrix would hold q^d n^d entries.

    Parameters
    ----------
    terms
        The factors A_t1, ..., A_td of every term t: arrays or SciPy sparse matrices. Factors at the same
        place have the same shape in all terms.

    Attributes
    ----------
    terms
        The factors in CSR form.
    rows, columns
        The shapes of the factors: (rows[a], columns[a]) at place a.

    Raises
    ------
    TypeError, ValueError
        For an empty list, and for factors that are not finite real matrices or whose shapes differ from term
        to term.

    Examples
    --------
    >>> import numpy as np
    >>> knots = [0.0, 0, 0.5, 1, 1]
    >>> from splinekan import gram_matrix
    >>> M, K = gram_matrix(knots, 1), gram_matrix(knots, 1, derivative=1)
    >>> A = KroneckerSum([(K, M), (M, K)])
    >>> bool(np.allclose(A.toarray(), np.kron(K.toarray(), M.toarray()) + np.kron(M.toarray(), K.toarray())))
    True
    """

    def __init__(self, terms: Sequence[Sequence[Any]]) -> None:
        made = []
        for t, given in enumerate(sequence("terms", terms)):
            factors = sequence(f"terms[{t}]", given)
            made.append(tuple(sparse_matrix(f"terms[{t}][{a}]", each) for a, each in enumerate(factors)))
        shapes = [tuple(factor.shape for factor in factors) for factors in made]
        for t, shape in enumerate(shapes):
            if shape != shapes[0]:
                raise ValueError(
                    f"terms[{t}] must have factors of the shapes of terms[0], {shapes[0]}, got {shape}"
                )
        self.terms: tuple[tuple[Any, ...], ...] = tuple(made)
        self.rows = tuple(int(shape[0]) for shape in shapes[0])
        self.columns = tuple(int(shape[1]) for shape in shapes[0])
        size = (int(np.prod(self.rows)), int(np.prod(self.columns)))
        super().__init__(np.dtype(np.float64), size)
        self._transposed: tuple[tuple[Any, ...], ...] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_transposed": None}  # recomputed when it is used

    def _matvec(self, v: Array) -> Float64Array:
        return _applied(self.terms, self.columns, v)

    def _rmatvec(self, r: Array) -> Float64Array:
        if self._transposed is None:
            self._transposed = tuple(
                tuple(scipy.sparse.csr_array(factor.T) for factor in factors) for factors in self.terms
            )
        return _applied(self._transposed, self.rows, r)

    def diagonal(self) -> Float64Array:
        """The diagonal of a square matrix: sums of Kronecker products of diagonals."""
        return _sum_of_products([[factor.diagonal() for factor in factors] for factors in self.terms])

    def absolute_row_sums(self) -> Float64Array:
        """Bounds on sum_j |A_ij|, exact for a single term."""
        return _sum_of_products(
            [[np.asarray(abs(factor).sum(axis=1)).ravel() for factor in factors] for factors in self.terms]
        )

    def galerkin(self, prolongation: KroneckerSum) -> KroneckerSum:
        """P^T A P for a prolongation with a single term, factor by factor.

        Raises
        ------
        TypeError, ValueError
            For a prolongation of another type, or sizes that do not match.
        """
        P = instance("prolongation", prolongation, KroneckerSum)
        if len(P.terms) != 1:
            raise ValueError(f"prolongation must have a single term, got {len(P.terms)}")
        if not P.rows == self.rows == self.columns:
            raise ValueError(f"prolongation must have {self.columns} rows in its factors, got {P.rows}")
        made: dict[tuple[int, int], Any] = {}  # mass and stiffness occur several times
        for factors in self.terms:
            for place, factor in enumerate(factors):
                key = (id(factor), place)
                if key not in made:
                    along = P.terms[0][place]
                    made[key] = scipy.sparse.csr_array(along.T @ factor @ along)
        return KroneckerSum(
            [[made[id(factor), place] for place, factor in enumerate(factors)] for factors in self.terms]
        )

    def tocsr(self) -> scipy.sparse.csr_array:
        """The assembled matrix.

        Raises
        ------
        MemoryError
            If it does not fit in memory.
        """
        entries = sum(float(np.prod([float(factor.nnz) for factor in factors])) for factors in self.terms)
        affordable("the assembled matrix", 24.0 * entries)
        terms = [
            reduce(lambda A, B: scipy.sparse.kron(A, B, format="csr"), factors) for factors in self.terms
        ]
        return scipy.sparse.csr_array(sum(terms[1:], terms[0]))


def sparse_matrix(name: str, value: Any) -> scipy.sparse.csr_array:
    """`value` as a finite float64 CSR array without explicit zeros; arrays and sparse matrices are accepted.

    Raises
    ------
    TypeError, ValueError
        For another type, another number of axes, or entries that are not finite.
    """
    if scipy.sparse.issparse(value):
        if value.ndim != 2:
            raise ValueError(f"{name} must have 2 axes, got shape {value.shape}")
        real_array(f"{name}'s entries", value.data)
        result = scipy.sparse.csr_array(value, dtype=np.float64)
    else:
        result = scipy.sparse.csr_array(real_array(name, value, ndim=2), dtype=np.float64)
    if min(result.shape) < 1:
        raise ValueError(f"{name} must not be empty, got shape {result.shape}")
    return result


def _applied(terms: Any, sizes: tuple[int, ...], v: Array) -> Float64Array:
    """Apply every factor to the leading axis, which then becomes the last; d rotations restore the order."""
    total = None
    with one, np.errstate(over="ignore", invalid="ignore"):
        for factors in terms:
            block = v.reshape(sizes[0], -1)
            for place, factor in enumerate(factors):
                if place:
                    block = np.ascontiguousarray(block.T).reshape(sizes[place], -1)
                block = factor @ block
            total = block if total is None else total + block
    return np.ascontiguousarray(np.asarray(total).T).ravel()


def _sum_of_products(terms: Sequence[Sequence[Float64Array]]) -> Float64Array:
    total: Float64Array = np.zeros(1)
    for factors in terms:
        product: Float64Array = np.ones(1)
        for factor in factors:
            product = np.asarray(np.kron(product, factor))
        total = total + product
    return total
