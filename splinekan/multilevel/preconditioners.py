"""BPX and V-cycles on nested spaces, as SciPy LinearOperators for conjugate gradients.

For a symmetric positive (semi)definite matrix A and prolongations P_1, ..., P_L the matrices of the levels
are the Galerkin products A_{l-1} = P_l^T A_l P_l, so that only A and the prolongations are needed. Both
preconditioners are symmetric positive definite by construction, and cost O(n) operations and memory if the
sizes of the levels decrease geometrically.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import Array, Float64Array, integer, one_of, real, real_array, sequence, shown
from splinekan.multilevel.galerkin import (
    CoarseSolver,
    coarse_matrix,
    new_unknowns,
    product,
    prolongations_of,
    shared_unknowns,
    symmetric_matrix,
)
from splinekan.multilevel.smoothers import smoother_of
from splinekan.multilevel.sweeps import Repeated, inverse_diagonal
from splinekan.multilevel.tensor_products import KroneckerSum
from splinekan.operators import Operator

__all__ = ["BPX", "VCycle"]


class _Levels(Operator):
    """Matrices, prolongations and the coarsest solve of both preconditioners."""

    def __init__(self, matrix: Any, prolongations: Any) -> None:
        finest = symmetric_matrix("matrix", matrix)
        self._P = prolongations_of("prolongations", prolongations, finest.shape[0])
        # In this form products with the transpose also run along rows.
        self._R = [P.T if isinstance(P, KroneckerSum) else P.T.tocsr() for P in self._P]
        levels = [finest]
        for P in reversed(self._P):
            levels.append(coarse_matrix(levels[-1], P))
        self._A = levels[::-1]
        self._scale = max(float(np.max(A.diagonal())) for A in levels)
        super().__init__(np.dtype(np.float64), finest.shape)

    @property
    def n_levels(self) -> int:
        """The number of levels, the finest included."""
        return len(self._A)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of unknowns of every level, coarsest first."""
        return tuple(int(A.shape[0]) for A in self._A)

    def _rmatvec(self, r: Array) -> Array:
        return np.asarray(self._matvec(r))

    def _adjoint(self) -> Any:
        return self

    def _transpose(self) -> Any:
        return self

    def _lift(self, level: int, x: Float64Array) -> Float64Array:
        P = self._P[level - 1]
        return P._matvec(x) if isinstance(P, KroneckerSum) else np.asarray(P @ x)

    def _restrict(self, level: int, r: Float64Array) -> Float64Array:
        P = self._P[level - 1]
        return P._rmatvec(r) if isinstance(P, KroneckerSum) else np.asarray(self._R[level - 1] @ r)


class BPX(_Levels):
    """The additive preconditioner B = sum_l w_l P_l D_l^{-1} P_l^T, D_l = diag(P_l^T A P_l).

    P_l here maps level l to the finest level; the coarsest term is the exact solve with P_0^T A P_0, a
    pseudo-inverse if that matrix is singular. Bramble, Pasciak and Xu 1990, Math. Comp. 55, with the diagonal
    in place of h_l^{2-d} (Xu 1992, SIAM Rev. 34, section 4.2), which is valid for any scaling and damping.

    The weights are w_l = decay^(L - l), 1 on the finest level. The best decay depends on the matrix:

    - 1, the default, for stiffness matrices, of order 2: the condition number of B A is bounded
      independently of the number of levels.
    - 0 or 1/2 for mass matrices, of order 0, and similar matrices, such as Gauss-Newton matrices. With
      decay = 1 every level adds at least 1 to the largest eigenvalue of B A, while the least stays bounded:
      the condition number grows linearly with the number of levels. With decay < 1 it is bounded
      independently of the number of levels (claims bpx-mass-growth and bpx-mass-weighted of the theory). The
      B-splines of the finest level are stable in L2, and decay = 0, which is Jacobi, is best.

    A basis function that a locally refined level shares with the level below is scaled on the coarser level
    only, with the weight of the finest level that has it: scaled on every level, it would make the condition
    number grow with the number of levels.

    Parameters
    ----------
    matrix
        A, (n, n), symmetric positive semidefinite: an array, a sparse matrix, a `KroneckerSum`, or any
        `GalerkinMatrix`.
    prolongations
        Prolongations from each level to the next, coarsest first: arrays, sparse matrices, KroneckerSums, or
        tuples of factors of Kronecker products. Or a `Hierarchy`; or the KnotVectors of all levels.
    decay
        The ratio of the weights of neighbouring levels, in [0, 1].

    Raises
    ------
    TypeError, ValueError
        For a matrix that is not symmetric, or not finite, or with a negative diagonal; for prolongations
        that do not fit; if the coarsest matrix is not positive semidefinite.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy
    >>> import splinekan as sk
    >>> knots = [sk.KnotVector.uniform(0, 1, 4, 3)]
    >>> for _ in range(6):
    ...     knots.append(knots[-1].refine())
    >>> A = sk.gram_matrix(knots[-1]) + sk.gram_matrix(knots[-1], derivative=1)
    >>> x, info = scipy.sparse.linalg.cg(A, np.ones(A.shape[0]), M=sk.BPX(A, knots))
    >>> info
    0
    """

    def __init__(self, matrix: Any, prolongations: Any, decay: float = 1.0) -> None:
        decay = real("decay", decay, low=0.0, high=1.0)
        super().__init__(matrix, prolongations)
        self.decay = decay
        self._coarse = CoarseSolver(self._A[0], self._scale)
        weights = self._weights(decay)
        self._scales: list[Float64Array] = [np.zeros(0)]
        for level, P in enumerate(self._P, start=1):
            scale = np.zeros(self._A[level].shape[0])
            new = new_unknowns(P)
            scale[new] = (weights[level] * inverse_diagonal(self._A[level]))[new]
            self._scales.append(scale)
        self._coarse_roots = np.sqrt(weights[0])
        self._A = self._A[:0]  # products with the matrices of the levels are not needed
        self._sizes = tuple([P.shape[1] for P in self._P] + [self.shape[0]])

    def _weights(self, decay: float) -> list[Float64Array]:
        """decay^j for every function of every level, j the depth of the finest level that has it."""
        top = len(self._P)
        weights = [np.ones(self._A[top].shape[0])]
        for level in range(top - 1, -1, -1):
            P = self._P[level]
            own = np.full(P.shape[1], decay ** (top - level))
            fine, coarse = shared_unknowns(P)
            own[coarse] = weights[-1][fine]
            weights.append(own)
        return weights[::-1]

    @property
    def n_levels(self) -> int:
        """The number of levels, the finest included."""
        return len(self._P) + 1

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of unknowns of every level, coarsest first."""
        return self._sizes

    def _matvec(self, v: Array) -> Float64Array:
        with np.errstate(over="ignore", invalid="ignore"):
            residuals = [np.asarray(v, dtype=np.float64).ravel()]
            for level in range(self.n_levels - 1, 0, -1):
                residuals.append(self._restrict(level, residuals[-1]))
            residuals.reverse()
            x = self._coarse_roots * self._coarse.solve(self._coarse_roots * residuals[0])
            for level in range(1, self.n_levels):
                x = self._lift(level, x) + self._scales[level] * residuals[level]
            return x


class VCycle(_Levels):
    """The V(steps, steps) cycle from a zero start, a symmetric positive definite approximation of A^{-1}.

    On every level: `steps` sweeps x <- x + S (b - A x), the coarse correction x <- x + P B' P^T (b - A x)
    with the cycle B' of the level below, and `steps` sweeps with S^T. The coarsest level is solved exactly,
    by the pseudo-inverse if its matrix is singular. The error propagation I - B A is that of the stationary
    iteration x <- x + B (b - A x). Trottenberg, Oosterlee and Schueller, Multigrid, 2001, section 2.4.

    Parameters
    ----------
    matrix, prolongations
        As for `BPX`.
    smoother
        "jacobi", "gauss-seidel" (forward before, backward after the coarse correction), "chebyshev", or
        `Jacobi`, `GaussSeidel`, `Chebyshev` with options.
    steps
        Sweeps before and after the coarse correction, at least 1.
    unknowns
        The unknowns that are smoothed: "all"; "new" (functions that a locally refined level does not share
        with the level below, so that the work is proportional to their number); or for each level, coarsest
        first, their indices or None for all. On the coarsest level they are solved for; unknowns that no
        level lists (boundary values, say) are fixed.

    Raises
    ------
    TypeError, ValueError
        As for `BPX`; for an unknown smoother, for indices that do not fit, and for Gauss-Seidel with a matrix
        that is given by its products only.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> knots = [sk.KnotVector.clamped([0, 0.5, 1], 2)]
    >>> for _ in range(5):
    ...     knots.append(knots[-1].refine())
    >>> A, b = sk.gram_matrix(knots[-1]), np.ones(knots[-1].n_basis)
    >>> B = sk.VCycle(A, knots, smoother="gauss-seidel")
    >>> x = np.zeros_like(b)
    >>> for _ in range(10):
    ...     x += B @ (b - A @ x)
    >>> bool(np.linalg.norm(b - A @ x) < 1e-4 * np.linalg.norm(b))
    True
    """

    def __init__(
        self,
        matrix: Any,
        prolongations: Any,
        smoother: Any = "gauss-seidel",
        steps: int = 1,
        unknowns: Any = "all",
    ) -> None:
        method = smoother_of("smoother", smoother)
        steps = integer("steps", steps, low=1)
        super().__init__(matrix, prolongations)
        self.smoother, self.steps = method, steps
        self._unknowns = self._indices(unknowns)
        self._sweeps: list[Any] = [None]
        for level in range(1, self.n_levels):
            A = self._part(level)
            sweep = method.on(A)
            self._sweeps.append(sweep if steps == 1 else Repeated(sweep, A, steps))
        self._coarse = CoarseSolver(self._part(0), self._scale)

    def _indices(self, unknowns: Any) -> list[Any]:
        """The indices of the smoothed unknowns by level, None for all."""
        if isinstance(unknowns, str):
            chosen: list[Any] = [None] * self.n_levels
            if one_of("unknowns", unknowns, ("all", "new")) == "new":
                chosen[1:] = [new_unknowns(P) for P in self._P]
        else:
            chosen = list(sequence("unknowns", unknowns))
            if len(chosen) != self.n_levels:
                raise ValueError(
                    f"unknowns must have {self.n_levels} entries, a level each, got {len(chosen)}"
                )
        result: list[Any] = []
        for level, given in enumerate(chosen):
            size = self.sizes[level]
            if given is None or (len(given) == size and np.array_equal(given, np.arange(size))):
                result.append(None)
                continue
            index = real_array(f"unknowns[{level}]", given, ndim=1)
            if (index != np.floor(index)).any() or (index < 0).any() or (index >= size).any():
                raise ValueError(
                    f"unknowns[{level}] must hold indices from 0 to {size - 1}, got {shown(given)}"
                )
            if len(np.unique(index)) < len(index):
                raise ValueError(f"unknowns[{level}] must hold different indices, got {shown(given)}")
            result.append(index.astype(np.int64))
        return result

    def _part(self, level: int) -> Any:
        """The matrix of a level, restricted to the unknowns that are smoothed."""
        A, index = self._A[level], self._unknowns[level]
        if index is None:
            return A
        if isinstance(A, KroneckerSum):
            A = A.tocsr()
        if not hasattr(A, "__getitem__"):
            raise TypeError("unknowns must be 'all' for a matrix that is known by its products")
        return A[index][:, index]

    def _matvec(self, v: Array) -> Float64Array:
        with np.errstate(over="ignore", invalid="ignore"):
            return self._cycle(self.n_levels - 1, np.asarray(v, dtype=np.float64).ravel())

    def _cycle(self, level: int, b: Float64Array) -> Float64Array:
        index = self._unknowns[level]
        solve = self._coarse.solve if level == 0 else self._sweeps[level].apply
        if index is None:
            x = solve(b)
        else:
            x = np.zeros_like(b)
            x[index] = solve(b[index])
        if level == 0:
            return np.asarray(x)
        A = self._A[level]
        x = x + self._lift(level, self._cycle(level - 1, self._restrict(level, b - product(A, x))))
        r = b - product(A, x)
        if index is None:
            return np.asarray(x + self._sweeps[level].apply_transpose(r))
        x[index] += self._sweeps[level].apply_transpose(r[index])
        return x
