"""The linear systems of the study, their preconditioners, and conjugate gradients that watch the spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from splinekan._blas import one
from splinekan._checks import Float64Array
from splinekan.multilevel import BPX, KroneckerSum, VCycle, spline_prolongations
from splinekan.splines.gram import gram_matrix
from splinekan.splines.knot_vector import KnotVector

MATRICES = ("mass", "H1", "stiffness")
"""M; K + M, without boundary conditions; K for splines that vanish on the boundary."""
PRECONDITIONERS = ("none", "jacobi", "bpx", "bpx-half", "v-jacobi", "v-gauss-seidel", "v-chebyshev")
"""BPX with decay 1 and 1/2; V(1, 1) cycles."""
COARSEST = 4
"""Intervals of the coarsest level."""
RESOLVED = 1e-3
"""Relative change in `SETTLED` further steps below which an extreme Ritz value counts as converged."""
SETTLED = 8


@dataclass(frozen=True, eq=False)
class System:
    """A matrix and its prolongations, coarsest first; in two dimensions a KroneckerSum, tuples of factors."""

    matrix: Any
    prolongations: list[Any]

    @property
    def unknowns(self) -> int:
        """Rows of the matrix."""
        return int(self.matrix.shape[0])


def spaces(degree: int, levels: int) -> list[KnotVector]:
    """Clamped uniform knots on [0, 1], from 4 intervals on, halved from level to level."""
    knots = [KnotVector.clamped(np.linspace(0.0, 1.0, COARSEST + 1), degree)]
    for _ in range(levels - 1):
        knots.append(knots[-1].refine())
    return knots


def size(matrix: str, dimension: int, degree: int, levels: int) -> int:
    """The number of unknowns."""
    along = COARSEST * 2 ** (levels - 1) + degree - (2 if matrix == "stiffness" else 0)
    return int(along**dimension)


def system(matrix: str, dimension: int, degree: int, levels: int) -> System:
    """A matrix of `MATRICES` on the unit interval or square."""
    knots = spaces(degree, levels)
    M, K = gram_matrix(knots[-1]), gram_matrix(knots[-1], derivative=1)
    fixed = matrix == "stiffness"
    P = spline_prolongations(knots, "zero" if fixed else "free")
    if fixed:
        M, K = (scipy.sparse.csr_array(each[1:-1, 1:-1]) for each in (M, K))
    if dimension == 1:
        return System({"mass": M, "H1": scipy.sparse.csr_array(K + M), "stiffness": K}[matrix], P)
    terms = {
        "mass": [(M, M)],
        "H1": [(K, M), (M, K), (M, M)],
        "stiffness": [(K, M), (M, K)],
    }[matrix]
    return System(KroneckerSum(terms), [(each, each) for each in P])


def preconditioner(name: str, problem: System) -> Any:
    """A preconditioner of `PRECONDITIONERS`, an operator or None."""
    if name == "none":
        return None
    if name == "jacobi":
        return scipy.sparse.linalg.aslinearoperator(scipy.sparse.diags_array(1 / problem.matrix.diagonal()))
    if name.startswith("bpx"):
        return BPX(problem.matrix, problem.prolongations, decay=0.5 if name == "bpx-half" else 1.0)
    return VCycle(problem.matrix, problem.prolongations, name.removeprefix("v-"))


@dataclass(frozen=True)
class Solution:
    """Iterations until |b - A x| <= tolerance |b|, None if the limit comes first, and the condition number.

    `condition` is the ratio of the extreme Ritz values of B A (Lanczos), nan unless they have converged.
    """

    iterations: int | None
    condition: float


@one
def conjugate_gradients(matrix: Any, inverse: Any, b: Float64Array, tolerance: float, limit: int) -> Solution:
    """Preconditioned conjugate gradients from 0, in the 2-norm of the recursive residual as `scipy`'s.

    The coefficients of the iteration are those of the Lanczos method for B A (Saad, Iterative Methods for
    Sparse Linear Systems, 2003, section 6.7.3). After the last iteration that is counted, the recursion goes
    on until the extreme Ritz values have settled, for at most as many steps again and 60.
    """
    r = b.copy()
    target = tolerance * float(np.linalg.norm(b))
    z = r if inverse is None else inverse.matvec(r)
    p, rho = z.copy(), float(r @ z)
    diagonal: list[float] = []
    off: list[float] = []
    found: int | None = None
    past = np.array([np.nan, np.nan])
    condition = np.nan
    step, most, carried = 0, limit, 0.0
    while step < most and rho > 0:
        q = matrix @ p
        alpha = rho / float(p @ q)
        r -= alpha * q
        step += 1
        diagonal.append(1 / alpha + carried)
        z = r if inverse is None else inverse.matvec(r)
        before, rho = rho, float(r @ z)
        beta = rho / before
        carried = beta / alpha
        if found is None and float(np.linalg.norm(r)) <= target:
            found, most = step, 2 * step + 60
        if (found is not None and (step - found) % SETTLED == 0) or rho <= 0:
            ends = scipy.linalg.eigvalsh_tridiagonal(diagonal, off)[[0, -1]]
            if (np.abs(ends - past) <= RESOLVED * np.abs(ends)).all() or rho <= 0:
                condition = float(ends[1] / ends[0])
                break
            past = ends
        off.append(float(np.sqrt(beta)) / alpha)
        p = z + beta * p
    return Solution(found, condition)
