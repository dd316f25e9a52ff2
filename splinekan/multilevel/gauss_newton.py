"""Multilevel preconditioners of the damped Gauss-Newton equations of networks, for `CG(preconditioner=...)`.

The equations are (J^T J + damping S^2) dz = -g; in the scaled coordinates S z their matrix is
A = S^{-1} J^T J S^{-1} + damping. Since B-splines are well conditioned, S alone bounds the condition number
of the block of an edge, on every level. The coupling of edges remains.

- `GaussNewtonBPX` scales every level by its diagonal.
- `Deflation` solves the equations of a coarser level exactly, with all couplings; conjugate gradients work
  in the complement of its functions.

Without levels, `LayerBlocks` solves the equations of each layer exactly, and `Nystrom` replaces J^T J by a
randomised approximation of low rank. All are records, called with the Jacobian in scaled coordinates and a
damping; quantities that do not depend on the damping are computed by `prepared`, once for all trial steps of
a linearisation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy
from scipy.sparse.linalg import LinearOperator

from splinekan._checks import Float64Array, affordable, instance, integer, one_of, real
from splinekan._records import Uncached
from splinekan.multilevel.galerkin_rows import Prolongation, add_normal, chunks
from splinekan.multilevel.hierarchy import Hierarchy
from splinekan.multilevel.inverses import (
    Applied,
    Inverse,
    Preconditioner,
    factored,
    index_of,
    own_coordinates,
)
from splinekan.operators.segments import symmetric
from splinekan.optimize.scaled_jacobian import ScaledJacobian

COARSE = ("full", "diagonal")


@dataclass(frozen=True, eq=False)
class GaussNewtonBPX(Uncached, Preconditioner):
    """The additive multilevel preconditioner B = sum_l w_l P_l D_l^{-1} P_l^T of a network's equations.

    P_l maps the parameters of level l to those of the network, and D_l is the exact diagonal of
    P_l^T (J^T J + damping S^2) P_l, from the columns of J P_l (Bramble, Pasciak & Xu 1990, Math. Comp. 55;
    with the diagonals of Xu 1992, SIAM Rev. 34, section 4.2). On the coarsest level the whole matrix is
    factored, unless `coarse` is "diagonal".

    B-splines are stable in L2, so that for networks fitted to data the diagonals of coarser levels do not
    improve on that of the finest level: see docs/gauss-newton-cg.md.

    Parameters
    ----------
    levels
        A hierarchy that contains the network; on its coarsest level the network has no correction.
    decay
        Weights w_l = decay^(L - l), 1 on the finest level; in (0, 1].
    coarse
        "full" or "diagonal".

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.random.default_rng(0).uniform(0, 1, (300, 2))
    >>> levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=4), 3)
    >>> solver = sk.CG(preconditioner=GaussNewtonBPX(levels))
    >>> problem = sk.LeastSquares(levels[-1].network, x, x.prod(axis=1))
    >>> theta = sk.initialize(levels[-1].network, 0, "greville")
    >>> result = sk.LevenbergMarquardt(solver=solver).minimize(problem, theta, iterations=10)
    >>> result.value < problem.value(theta) / 10
    True
    """

    levels: Hierarchy
    decay: float = 1.0
    coarse: str = "full"

    def __post_init__(self) -> None:
        instance("levels", self.levels, Hierarchy)
        object.__setattr__(self, "decay", real("decay", self.decay, positive=True, high=1.0))
        one_of("coarse", self.coarse, COARSE)

    @cached_property
    def _steps(self) -> dict[int, Prolongation]:
        return {}

    def _step(self, level: int) -> Prolongation:
        """The prolongation to a level from the level below."""
        if level not in self._steps:
            self._steps[level] = Prolongation(self.levels[level].P)
        return self._steps[level]

    def prepared(self, J: ScaledJacobian) -> Inverse:
        """B in scaled coordinates, as a function of the damping; see `Preconditioner.prepared`."""
        jacobian, scale = own_coordinates(J)
        at = index_of(self.levels, len(scale))
        full = self.coarse == "full"
        n = len(scale)
        steps = [self._step(number) for number in range(at, 0, -1)]
        sizes = [n, *(step.P.shape[1] for step in steps)]
        squares = [np.zeros(size) for size in sizes]
        lower = np.zeros((sizes[-1], sizes[-1])) if full else None
        for rows in chunks(jacobian):
            for number in range(at + 1):
                if number:
                    rows = steps[number - 1](rows)
                if number == at and lower is not None:
                    add_normal(rows, lower)
                else:
                    squares[number] += rows.column_squares()
        # In scaled coordinates the functions of level l are the columns of S P_l.
        Z = [scipy.sparse.csr_array(scipy.sparse.diags_array(scale))]
        for step in steps:
            Z.append(scipy.sparse.csr_array(Z[-1] @ step.P))
        ridges = [_column_squares(each) for each in Z]
        transposed = [scipy.sparse.csr_array(each.T) for each in Z]
        coarsest = None if lower is None else Galerkin(symmetric(lower), Z[-1])
        weights = [self.decay**number for number in range(at + 1)]

        def inverse(damping: float) -> LinearOperator:
            diagonals = [
                weight / (each + damping * ridge)
                for weight, each, ridge in zip(weights, squares, ridges, strict=True)
            ]
            last = None if coarsest is None else coarsest.solver(damping)

            def product(v: Float64Array) -> Float64Array:
                total = np.zeros(n)
                for number in range(at if last else at + 1):
                    total += Z[number] @ (diagonals[number] * (transposed[number] @ v))
                return total + weights[-1] * last(v) if last else total

            return Applied(n, product)

        return inverse


@dataclass(frozen=True, eq=False)
class Deflation(Uncached, Preconditioner):
    """Conjugate gradients deflated by the Gauss-Newton matrix of a coarser level, with all its couplings.

    With Z = P_c, the prolongation from a coarser level, and A = J^T J + damping S^2, the matrix E = Z^T A Z
    is assembled and factored exactly; Q = Z E^{-1} Z^T. The iteration starts at Q b, and the residuals of
    conjugate gradients, preconditioned by (I - Q A) D^{-1}, D the diagonal of A, stay orthogonal to the
    coarse functions: R-BNN2 of Tang, Nabben, Vuik & Erlangga 2009, J. Sci. Comput. 39, in exact arithmetic
    the balancing preconditioner. (A-DEF2 there adds Q, which multiplies what rounding leaves in the coarse
    space by up to 1/damping; with it, residuals stagnate near 1e-5.)

    Smooth functions that the edges of a network share, such as constants that can be moved between edges,
    have small eigenvalues on every level; the coarse matrix contains these. An iteration costs two products
    with J^T J instead of a single product, and a solve with E.

    Parameters
    ----------
    levels
        A hierarchy that contains the network.
    parameters
        The coarse level is the finest level below the network's with at most this number of parameters.
        Without such a level, nothing is deflated. E takes 8 parameters^2 bytes.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.random.default_rng(0).uniform(0, 1, (300, 2))
    >>> levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=4), 3)
    >>> solver = sk.CG(preconditioner=Deflation(levels), tolerance=0.1)
    >>> problem = sk.LeastSquares(levels[-1].network, x, x.prod(axis=1))
    >>> theta = sk.initialize(levels[-1].network, 0, "greville")
    >>> result = sk.LevenbergMarquardt(solver=solver).minimize(problem, theta, iterations=10)
    >>> result.value < problem.value(theta) / 10
    True
    """

    levels: Hierarchy
    parameters: int = 2000

    def __post_init__(self) -> None:
        instance("levels", self.levels, Hierarchy)
        object.__setattr__(self, "parameters", integer("parameters", self.parameters, low=1))

    @cached_property
    def _prolongations(self) -> dict[tuple[int, int], Prolongation]:
        return {}

    def _prolongation(self, coarse: int, fine: int) -> Prolongation:
        """The prolongation from level `coarse` to level `fine`."""
        if (coarse, fine) not in self._prolongations:
            P = self.levels[coarse + 1].P
            for level in self.levels[coarse + 2 : fine + 1]:
                P = scipy.sparse.csr_array(level.P @ P)
            self._prolongations[coarse, fine] = Prolongation(P)
        return self._prolongations[coarse, fine]

    def coarse_level(self, size: int) -> int | None:
        """The index of the coarse level for a network with `size` parameters, None without one.

        Raises
        ------
        TypeError, ValueError
            If no level has this number of parameters.
        """
        at = index_of(self.levels, integer("size", size, low=1))
        small = [each.index for each in self.levels[:at] if each.network.n_parameters <= self.parameters]
        return small[-1] if small else None

    def prepared(self, J: ScaledJacobian) -> Inverse:
        """The preconditioner in scaled coordinates; see `Preconditioner.prepared`."""
        jacobian, scale = own_coordinates(J)
        n, at = len(scale), index_of(self.levels, len(scale))
        coarse = self.coarse_level(n)
        if coarse is None:
            return lambda damping: Applied(n, lambda v: v)
        prolonged = self._prolongation(coarse, at)
        count = prolonged.P.shape[1]
        affordable("the coarse Gauss-Newton matrix", 24.0 * count**2)
        squares, lower = np.zeros(n), np.zeros((count, count))
        for rows in chunks(jacobian):
            squares += rows.column_squares()
            add_normal(prolonged(rows), lower)
        galerkin = Galerkin(symmetric(lower), scipy.sparse.diags_array(scale) @ prolonged.P)

        def inverse(damping: float) -> LinearOperator:
            diagonal = 1 / (squares / scale**2 + damping)
            Q = galerkin.solver(damping)

            def product(v: Float64Array) -> Float64Array:
                w = diagonal * v
                return w - Q(J.rmatvec(J.matvec(w)) + damping * w)

            return Applied(n, product, Q)

        return inverse


class Galerkin:
    """E = Z^T (J^T J + damping) Z for the columns Z = S P of a coarse level, and Q = Z E^{-1} Z^T."""

    def __init__(self, normal: Float64Array, Z: Any) -> None:
        self.Z, self.transposed = scipy.sparse.csr_array(Z), scipy.sparse.csr_array(Z.T)
        self.normal = normal
        self.ridge = scipy.sparse.csr_array(self.transposed @ self.Z)

    def solver(self, damping: float) -> Callable[[Float64Array], Float64Array]:
        """v -> Q v."""
        matrix = self.normal + damping * self.ridge.toarray()
        size = np.sqrt(np.maximum(np.diag(matrix), np.finfo(np.float64).tiny))
        factor = factored(matrix / np.outer(size, size), 0.0)

        def solve(v: Float64Array) -> Float64Array:
            coarse = self.transposed @ v / size
            return np.asarray(self.Z @ (scipy.linalg.cho_solve(factor, coarse, check_finite=False) / size))

        return solve


def _column_squares(matrix: Any) -> Float64Array:
    return np.asarray(matrix.power(2).sum(axis=0)).ravel()
