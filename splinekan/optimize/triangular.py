"""Damped least squares by triangular factors: R of J once, then a QR decomposition for every damping.

The minimiser p of |R p + z|^2 + damping |p|^2 solves R~ p = -z~, where

    [R; sqrt(damping) I] = Q [R~; 0],    [z; 0] = Q [z~; ...].

Both blocks are triangular, and so is the fill-in of Householder reflections: 2 n^3/3 operations in blocks
(`tpqrt` of LAPACK), twice as many as a Cholesky decomposition and a thirtieth of a singular value
decomposition. J^T J is never formed, so that directions are resolved down to singular values of eps |R|
rather than sqrt(eps) |R|.
"""

from __future__ import annotations

import numpy as np
import scipy

from splinekan._blas import several
from splinekan._checks import Float64Array

BLOCK = 32
"""Number of columns in a block of reflections."""


def square(upper: Float64Array) -> Float64Array:
    """R, at most as many rows as columns, with rows of zeros below up to a square, in Fortran's order."""
    n = upper.shape[1]
    full = np.zeros((n, n), order="F")
    full[: len(upper)] = upper
    return full


def damped_factor(
    upper: Float64Array, rotated: Float64Array, damping: float
) -> tuple[Float64Array, Float64Array]:
    """R~ and z~ for a square R and a vector z, as in the formulas of the module.

    Parameters
    ----------
    upper
        R (n, n), upper triangular, in Fortran's order; entries below the diagonal are not read.
    rotated
        z (n,).
    damping
        The damping, positive.
    """
    n = len(rotated)
    with several(2 * n**3 / 3):
        below = np.zeros((n, n), order="F")
        np.fill_diagonal(below, np.sqrt(damping))
        factor, reflectors, triangles, _ = scipy.linalg.lapack.dtpqrt(
            n, min(BLOCK, n), upper, below, overwrite_b=True
        )
    ends, zeros = rotated[:, None], np.zeros((n, 1))
    moved, _, _ = scipy.linalg.lapack.dtpmqrt(n, reflectors, triangles, ends, zeros, trans="T")
    return np.asarray(factor), np.asarray(moved[:, 0])


def solved(factor: Float64Array, right: Float64Array, transposed: bool = False) -> Float64Array:
    """R~^{-1} right, or R~^{-T} right."""
    solution = scipy.linalg.solve_triangular(factor, right, trans=int(transposed), check_finite=False)
    return np.asarray(solution)
