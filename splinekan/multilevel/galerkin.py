"""Galerkin hierarchies of a matrix: prolongations of all levels, P^T A P, the coarsest solve.

Matrices are dense arrays, sparse matrices, `KroneckerSum`, or any `GalerkinMatrix`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan._blas import one, several
from splinekan._checks import Float64Array, affordable, each, instance, one_of, real_array, sequence
from splinekan.multilevel.hierarchy import Hierarchy
from splinekan.multilevel.tensor_products import KroneckerSum, sparse_matrix
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.prolongation import prolongation

EPS = float(np.finfo(np.float64).eps)
ASYMMETRY = 1e-10
"""Bound on |A_ij - A_ji| from rounding, relative to the largest entry."""
DENSE = 2048
"""The largest number of unknowns of the coarsest level for a dense decomposition of its matrix."""


@runtime_checkable
class GalerkinMatrix(Protocol):
    """A symmetric positive semidefinite matrix given by products, as BPX and V-cycles require."""

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (n, n)."""
        ...

    def matvec(self, v: Any) -> Any:
        """The product A v."""
        ...

    def diagonal(self) -> Float64Array:
        """The diagonal, (n,)."""
        ...

    def galerkin(self, prolongation: Any) -> Any:
        """P^T A P, a matrix of any accepted kind."""
        ...

    def toarray(self) -> Any:
        """The dense matrix."""
        ...


def symmetric_matrix(name: str, value: Any) -> Any:
    """`value` as a float64 array, a CSR array or a GalerkinMatrix; square, finite and symmetric.

    Raises
    ------
    TypeError, ValueError
        For anything else. For a GalerkinMatrix only shape and diagonal are checked.
    """
    matrix: Any
    if scipy.sparse.issparse(value):
        matrix = sparse_matrix(name, value)
    elif isinstance(value, GalerkinMatrix):
        matrix = value
    else:
        matrix = real_array(name, value, ndim=2).astype(np.float64, copy=False)
    if matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 1:
        raise ValueError(f"{name} must be square and not empty, got shape {tuple(matrix.shape)}")
    if not isinstance(value, GalerkinMatrix) or scipy.sparse.issparse(value):
        scale, off = float(abs(matrix).max()), float(abs(matrix - matrix.T).max())
        if off > ASYMMETRY * scale:
            raise ValueError(f"{name} must be symmetric, got |A - A^T| = {off:.3g}, |A| = {scale:.3g}")
    diagonal = real_array(f"{name}'s diagonal", matrix.diagonal(), shape=(matrix.shape[0],))
    if (diagonal < 0).any():
        raise ValueError(f"{name} must be positive semidefinite, got {diagonal.min():.6g} on its diagonal")
    return matrix


def product(matrix: Any, v: Float64Array) -> Float64Array:
    """A v."""
    if isinstance(matrix, KroneckerSum):
        return matrix._matvec(v)
    if isinstance(matrix, np.ndarray):
        with one:
            return np.asarray(matrix @ v)
    return np.asarray(matrix @ v) if scipy.sparse.issparse(matrix) else np.asarray(matrix.matvec(v))


def coarse_matrix(matrix: Any, P: Any) -> Any:
    """P^T A P, exactly symmetric if it is assembled."""
    if isinstance(matrix, KroneckerSum) and not isinstance(P, KroneckerSum):
        matrix = matrix.tocsr()
    if isinstance(matrix, np.ndarray) or scipy.sparse.issparse(matrix):
        along = P.tocsr() if isinstance(P, KroneckerSum) else P
        with several(2.0 * along.nnz * matrix.shape[0] if isinstance(matrix, np.ndarray) else 0.0):
            result = along.T @ (matrix @ along)
        result = (result + result.T) / 2
        return result if isinstance(result, np.ndarray) else scipy.sparse.csr_array(result)
    return matrix.galerkin(P)


def spline_prolongations(knots: Sequence[KnotVector], boundary: str = "free") -> list[scipy.sparse.csr_array]:
    """Exact prolongations between the nested spline spaces of `knots`, coarsest first.

    `boundary` "zero" selects splines that vanish at both ends: the first and the last B-spline, the only
    B-splines that do not vanish there, are left out; their coefficients are 0 on all levels.

    Raises
    ------
    TypeError, ValueError
        For an empty sequence and for knots that are not nested; with `boundary` "zero", also for knots that
        are not clamped and spaces without other functions.

    Examples
    --------
    >>> levels = [KnotVector.clamped([0, 1, 2], 2)]
    >>> levels += [levels[0].refine()]
    >>> [P.shape for P in spline_prolongations(levels)]
    [(6, 4)]
    >>> [P.shape for P in spline_prolongations(levels, boundary="zero")]
    [(4, 2)]
    """
    boundary = one_of("boundary", boundary, ("free", "zero"))
    spaces = each("knots", knots, lambda name, value: instance(name, value, KnotVector))
    if boundary == "zero":
        for number, space in enumerate(spaces):
            if not space.is_clamped or space.n_basis < 3:
                raise ValueError(
                    f"knots[{number}] must be clamped, with 3 basis functions or more, for zero boundary "
                    f"values, got {space}; KnotVector.clamped makes such knots"
                )
    made = []
    for number, (coarse, fine) in enumerate(pairwise(spaces)):
        try:
            P = prolongation(coarse, fine)
        except ValueError as error:
            raise ValueError(f"knots[{number}] is not nested in knots[{number + 1}]: {error}") from None
        made.append(P if boundary == "free" else scipy.sparse.csr_array(P[1:-1, 1:-1]))
    return made


def prolongations_of(name: str, value: Any, size: int) -> list[Any]:
    """Prolongations, coarsest first, as CSR arrays and KroneckerSums of matching sizes.

    Accepted are a `Hierarchy`, KnotVectors from the coarsest to the finest space, and sequences of
    prolongations: arrays, sparse matrices, KroneckerSums, or tuples of factors.

    Raises
    ------
    TypeError, ValueError
        For anything else, and for sizes that do not fit.
    """
    if isinstance(value, Hierarchy):
        made = [sparse_matrix(f"{name}[{i}]", level.P) for i, level in enumerate(value[1:])]
    else:
        items = sequence(name, value, empty=True)
        if items and all(isinstance(item, KnotVector) for item in items):
            made = spline_prolongations(items)
            if not made:
                size_of_one = items[0].n_basis
                if size_of_one != size:
                    raise ValueError(f"{name}[0] must have {size} basis functions, got {size_of_one}")
        else:
            made = [_prolongation(f"{name}[{i}]", item) for i, item in enumerate(items)]
    for i, P in enumerate(made):
        rows = made[i + 1].shape[1] if i + 1 < len(made) else size
        if P.shape[0] != rows:
            what = f"as {name}[{i + 1}] has columns" if i + 1 < len(made) else "as the matrix"
            raise ValueError(f"{name}[{i}] must have {rows} rows, {what}, got shape {P.shape}")
    return made


def _prolongation(name: str, value: Any) -> Any:
    if isinstance(value, KroneckerSum):
        if len(value.terms) != 1:
            raise ValueError(f"{name} must have a single term, got {len(value.terms)}")
        return value
    if isinstance(value, tuple):
        return KroneckerSum([[sparse_matrix(f"{name}[{a}]", each) for a, each in enumerate(value)]])
    return sparse_matrix(name, value)


def new_unknowns(P: Any) -> NDArray[np.int64]:
    """The fine basis functions that are not basis functions of the coarse level."""
    return np.setdiff1d(np.arange(P.shape[0]), shared_unknowns(P)[0])


def shared_unknowns(P: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The fine basis functions that are also basis functions of the coarse level, and the latter.

    If column j of P is the i-th unit vector, the fine function i is the coarse function j. Uniform refinement
    changes all functions; local refinement leaves most of them unchanged.
    """
    if not isinstance(P, KroneckerSum):
        return _kept(P)
    pairs = [_kept(factor) for factor in P.terms[0]]
    fine, coarse = (np.meshgrid(*(pair[side] for pair in pairs), indexing="ij") for side in (0, 1))
    return (
        np.ravel_multi_index(tuple(fine), P.rows).ravel(),
        np.ravel_multi_index(tuple(coarse), P.columns).ravel(),
    )


def _kept(P: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the unit vectors among the columns of P."""
    columns = scipy.sparse.csc_array(P)
    columns.eliminate_zeros()
    single = np.flatnonzero(np.diff(columns.indptr) == 1)
    at = columns.indptr[single]
    kept = columns.data[at] == 1.0
    return columns.indices[at][kept].astype(np.int64), single[kept].astype(np.int64)


class CoarseSolver:
    """The inverse of the coarsest matrix; its pseudo-inverse if it is singular.

    Up to 2048 unknowns the eigenvalues are computed. Eigenvalues of at most 8 n eps times the largest
    diagonal entry of all levels (`scale`), which determines the rounding of Galerkin products, count as 0;
    the solution has no component there, and `null` is their number. Larger matrices must be positive
    definite; sparse matrices are factored by SuperLU, others by Cholesky.

    Raises
    ------
    ValueError
        For a matrix that is not positive semidefinite, or singular where that is not accepted.
    """

    def __init__(self, matrix: Any, scale: float = 0.0) -> None:
        self._made_of = matrix, scale
        self.null = 0
        if matrix.shape[0] <= DENSE:
            self._solve, self.null = _pseudo_inverse(matrix, scale)
        elif scipy.sparse.issparse(matrix) or isinstance(matrix, KroneckerSum):
            self._solve = _sparse_factor(matrix)
        else:
            self._solve = _dense_factor(matrix)

    def __reduce__(self) -> tuple[Any, ...]:
        return CoarseSolver, self._made_of  # factors of SuperLU cannot be pickled

    def solve(self, r: Float64Array) -> Float64Array:
        """The solution for the right-hand side r, (n,)."""
        with one:
            return np.asarray(self._solve(r))


def _dense(matrix: Any) -> Float64Array:
    n = matrix.shape[0]
    affordable("the coarsest matrix", 24.0 * n * n)
    return matrix if isinstance(matrix, np.ndarray) else np.asarray(matrix.toarray())


def _pseudo_inverse(matrix: Any, scale: float) -> tuple[Any, int]:
    dense, n = _dense(matrix), matrix.shape[0]
    with several(9.0 * n**3):
        values, vectors = scipy.linalg.eigh(dense, check_finite=False)
    rounding = 8 * n * EPS * max(float(np.abs(values).max()), scale)
    if float(values.min()) < -rounding:
        raise ValueError(
            f"the matrix must be positive semidefinite, got the eigenvalue {values.min():.6g} on the "
            "coarsest level"
        )
    kept = values > rounding
    root = vectors[:, kept] / np.sqrt(values[kept])
    return (lambda r: root @ (root.T @ r)), int((~kept).sum())


def _sparse_factor(matrix: Any) -> Any:
    sparse = scipy.sparse.csc_array(matrix.tocsr())
    try:
        factor = scipy.sparse.linalg.splu(sparse, diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    except RuntimeError:  # exactly singular
        raise _not_definite(sparse.shape[0]) from None
    pivots = factor.U.diagonal()
    if not (pivots > len(pivots) * EPS * pivots.max()).all():
        raise _not_definite(len(pivots))
    return factor.solve


def _dense_factor(matrix: Any) -> Any:
    dense, n = _dense(matrix), matrix.shape[0]
    try:
        with several(n**3 / 3):
            factor = scipy.linalg.cho_factor(dense, check_finite=False)
    except np.linalg.LinAlgError:
        raise _not_definite(n) from None
    return lambda r: scipy.linalg.cho_solve(factor, r, check_finite=False)


def _not_definite(n: int) -> ValueError:
    return ValueError(
        f"the coarsest matrix must be positive definite beyond {DENSE} unknowns, got {n} unknowns and a "
        "pivot that is 0 to rounding, or negative; add coarser levels"
    )
