"""Convergence factors of cycles: predicted by local Fourier analysis, measured on an interval and a square.

They are also measured in power ReLU coordinates: the coarse correction is the same, but sweeps differ, with
the diagonal and the triangle of another matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from splinekan._blas import several
from splinekan._checks import Float64Array
from splinekan.multilevel import VCycle
from splinekan.multilevel.local_fourier import LocalFourier
from splinekan.multilevel.smoothers import smoother_of
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.splines.gram import gram_factor, gram_matrix
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.prolongation import prolongation
from splinekan.studies.preconditioning.problems import COARSEST, system
from splinekan.studies.skeleton.tables import Column, table

SMOOTHERS = ("jacobi", "gauss-seidel", "chebyshev")
DEPTH = 5
"""Levels of the V-cycles in one dimension; 3 in two, where the matrices are decomposed densely."""


@dataclass(frozen=True)
class Factor:
    """Factors of a V(1, 1) cycle for a matrix, degree and smoother; dimensionless.

    Attributes
    ----------
    matrix
        "mass", or "stiffness" with zero boundary values.
    smoothing
        Largest factor of a sweep over the oscillations, predicted.
    oscillations
        Condition number of the symbol over the oscillations, which limits the smoother.
    two_grid, cycle
        Spectral radii of the cycle with two and with all levels, predicted on periodic knots.
    two_grid_measured, cycle_measured
        The same, measured on clamped knots, from the eigenvalues of a dense matrix.
    """

    matrix: str
    dimension: int
    degree: int
    smoother: str
    oscillations: float
    smoothing: float
    two_grid: float
    two_grid_measured: float
    cycle: float
    cycle_measured: float


@dataclass(frozen=True)
class BasisFactor:
    """Two-grid factors for the mass matrix on [0, 1] in both bases; dimensionless, 1 - factor as well.

    Attributes
    ----------
    spline, relu
        The factors.
    relu_gap
        1 - relu, from the eigenvalues of B M: the factor itself is 1 to the digits that are printed.
    """

    degree: int
    smoother: str
    intervals: int
    spline: float
    relu: float
    relu_gap: float


COLUMNS = (
    Column("matrix", "matrix", left=True),
    Column("d", "dimension"),
    Column("degree", "degree"),
    Column("smoother", "smoother", left=True),
    Column("oscillations", "oscillations", ".4g"),
    Column("smoothing", "smoothing", ".3f"),
    Column("two-grid", "two_grid", ".3f"),
    Column("measured", "two_grid_measured", ".3f"),
    Column("V-cycle", "cycle", ".3f"),
    Column("measured", "cycle_measured", ".3f"),
)
BASIS_COLUMNS = (
    Column("degree", "degree"),
    Column("smoother", "smoother", left=True),
    Column("G", "intervals"),
    Column("spline", "spline", ".3f"),
    Column("ReLU", "relu", ".6f"),
    Column("1 - ReLU", "relu_gap", ".1e"),
)


def factor(matrix: str, dimension: int, degree: int, smoother: str) -> Factor:
    """Predicted and measured factors, on the finest level of `DEPTH` levels."""
    depth = DEPTH if dimension == 1 else 3
    analysis = LocalFourier(degree, int(matrix == "stiffness"), dimension)
    coarsest = COARSEST * 2 ** (depth - 2)
    problem = system(matrix, dimension, degree, depth)
    A = problem.matrix.tocsr()
    measured = []
    for P in (problem.prolongations[-1:], problem.prolongations):
        # Assembled, for the sake of the same bounds of Jacobi and Chebyshev in both dimensions.
        measured.append(_radius(A.toarray(), np.asarray(VCycle(A, P, smoother).toarray(), dtype=np.float64)))
    return Factor(
        matrix,
        dimension,
        degree,
        smoother,
        analysis.oscillation_ratio,
        analysis.smoothing_factor(smoother),
        analysis.cycle_factor(smoother, 2, intervals=coarsest),
        measured[0],
        analysis.cycle_factor(smoother, depth, intervals=COARSEST),
        measured[1],
    )


def _gap(A: Float64Array, B: Float64Array) -> float:
    """1 - |I - B A|_A = the least eigenvalue of B A; the largest is 1 at the most."""
    with several(4.0 * len(A) ** 3):
        root = np.linalg.cholesky(A)
        values = scipy.linalg.eigvalsh(root.T @ B @ root, check_finite=False)
    return float(values[0])


def _radius(A: Float64Array, B: Float64Array) -> float:
    return 1 - _gap(A, B)


def basis_factor(degree: int, smoother: str, intervals: int) -> BasisFactor:
    """Two-grid factors on uniform knots with `intervals` intervals on the coarse level, in both bases.

    With w = A^T u a sweep S_w on the ReLU matrix A^{-1} M A^{-T} is the sweep A^{-T} S_w A^{-1} on M.
    """
    coarse = KnotVector.uniform(0.0, 1.0, intervals, degree)
    fine = coarse.refine()
    F, P = gram_factor(fine), prolongation(coarse, fine).toarray()
    M = np.asarray((F.T @ F).toarray())
    change = change_of_basis(fine)
    relu = np.asarray(gram_matrix(fine, basis="relu"))
    method = smoother_of("smoother", smoother)
    gaps = []
    one = np.eye(len(M))
    for matrix, inverse in ((M, one), (relu, change.solve(one))):
        sweep = method.on(matrix)
        S = inverse.T @ np.stack([sweep.apply(e) for e in one], axis=1) @ inverse
        # B = S + S^T - S^T M S + (I - S^T M) C (I - M S) with the coarse solve C.
        C = P @ np.linalg.solve(P.T @ M @ P, P.T)
        B = S + S.T - S.T @ M @ S + (one - S.T @ M) @ C @ (one - M @ S)
        gaps.append(_gap(M, (B + B.T) / 2))
    return BasisFactor(degree, smoother, intervals, 1 - gaps[0], 1 - gaps[1], gaps[1])


def factor_table(factors: list[Factor] | tuple[Factor, ...]) -> str:
    """The table of factors."""
    return table(COLUMNS, factors)


def basis_table(factors: list[BasisFactor] | tuple[BasisFactor, ...]) -> str:
    """The table of factors in both bases."""
    return table(BASIS_COLUMNS, factors)
