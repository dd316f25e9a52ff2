"""Sweeps of the smoothers: operators that linear iterations apply to residuals, and bounds on D^{-1} A."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
import scipy

from splinekan._blas import dot, norm, one
from splinekan._checks import Float64Array, shown
from splinekan.multilevel.galerkin import product
from splinekan.multilevel.tensor_products import KroneckerSum

LANCZOS = 12
"""Number of Lanczos steps of the estimate of the largest eigenvalue."""
SAFETY = 1.1
"""Safety factor of the estimate."""


class Sweep(Protocol):
    """S of a smoother on a matrix, with its transpose."""

    def apply(self, r: Float64Array) -> Float64Array:
        """S r."""
        ...

    def apply_transpose(self, r: Float64Array) -> Float64Array:
        """S^T r."""
        ...


def inverse_diagonal(matrix: Any) -> Float64Array:
    """1/A_ii, and 0 where A_ii is 0: a semidefinite matrix has a row of zeros there."""
    diagonal = np.asarray(matrix.diagonal(), dtype=np.float64)
    inverse = np.zeros_like(diagonal)
    np.divide(1.0, diagonal, out=inverse, where=diagonal > 0)
    return inverse


def eigenvalue_bound(matrix: Any) -> float:
    """A bound on the eigenvalues of D^{-1} A, the smaller of two bounds.

    The row sums max_i sum_j |A_ij|/A_ii are a bound (Gershgorin), sharp for mass matrices. The largest Ritz
    value of twelve Lanczos steps for D^{-1/2} A D^{-1/2}, from a fixed random vector, times 1.1, is a bound
    if these steps approximate the largest eigenvalue to 9 %; sweeps still converge if they approximate it to
    50 % (Jacobi with the default damping: 39 %).
    """
    inverse = inverse_diagonal(matrix)
    root = np.sqrt(inverse)
    n = len(inverse)
    start = np.random.default_rng(0).normal(size=n)
    v = start / norm(start)
    before, beta = np.zeros(n), 0.0
    diagonal: list[float] = []
    off: list[float] = []
    for _ in range(min(LANCZOS, n)):
        w = root * product(matrix, root * v)
        alpha = dot(v, w)
        diagonal.append(alpha)
        w = w - alpha * v - beta * before
        beta = norm(w)
        off.append(beta)
        if beta <= 1e-12 * max(map(abs, diagonal)):
            break
        before, v = v, w / beta
    with one:
        ritz = scipy.linalg.eigvalsh_tridiagonal(diagonal, off[: len(diagonal) - 1])
    bound = SAFETY * float(ritz[-1])
    sums = _absolute_row_sums(matrix)
    if sums is not None:
        bound = min(bound, float((sums * inverse).max()))
    return bound if bound > 0 else 1.0


def _absolute_row_sums(matrix: Any) -> Float64Array | None:
    if isinstance(matrix, KroneckerSum):
        return matrix.absolute_row_sums()
    if isinstance(matrix, np.ndarray) or scipy.sparse.issparse(matrix):
        return np.asarray(abs(matrix).sum(axis=1)).ravel()
    return None


class Repeated:
    """Several sweeps as a single S, I - S A = (I - S_1 A)^steps."""

    def __init__(self, sweep: Sweep, matrix: Any, steps: int) -> None:
        self._sweep, self._matrix, self._steps = sweep, matrix, steps

    def apply(self, r: Float64Array) -> Float64Array:
        """S r."""
        x = self._sweep.apply(r)
        for _ in range(self._steps - 1):
            x = x + self._sweep.apply(r - product(self._matrix, x))
        return x

    def apply_transpose(self, r: Float64Array) -> Float64Array:
        """S^T r."""
        x = self._sweep.apply_transpose(r)
        for _ in range(self._steps - 1):
            x = x + self._sweep.apply_transpose(r - product(self._matrix, x))
        return x


class Diagonal:
    """S = diag(scale)."""

    def __init__(self, scale: Float64Array) -> None:
        self._scale = scale

    def apply(self, r: Float64Array) -> Float64Array:
        """S r."""
        return self._scale * r

    apply_transpose = apply


class Triangle:
    """S = (D + L)^{-1}, or the symmetric sweep."""

    def __init__(self, matrix: Any, symmetric: bool) -> None:
        self._made_of = matrix, symmetric
        if isinstance(matrix, KroneckerSum):
            matrix = matrix.tocsr()
        diagonal = np.array(matrix.diagonal(), dtype=np.float64)
        missing = np.where(diagonal > 0, 0.0, 1.0)  # zero rows, whose residual is 0
        self._diagonal = diagonal + missing if symmetric else None
        self._dense: Float64Array | None = None
        if isinstance(matrix, np.ndarray):
            self._dense = np.tril(matrix) + np.diag(missing)
        elif scipy.sparse.issparse(matrix):
            lower = scipy.sparse.csc_array(scipy.sparse.tril(matrix) + scipy.sparse.diags_array(missing))
            options = {"Equil": False, "SymmetricMode": True}
            self._factor = scipy.sparse.linalg.splu(
                lower, permc_spec="NATURAL", diag_pivot_thresh=0.0, relax=1, options=options
            )
        else:
            raise TypeError(
                "matrix must have entries for Gauss-Seidel sweeps, got "
                f"{shown(matrix)}, known by its products; use Jacobi or Chebyshev sweeps"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return Triangle, self._made_of  # factors of SuperLU cannot be pickled

    def apply(self, r: Float64Array) -> Float64Array:
        """S r."""
        x = self._solve(r, False)
        return x if self._diagonal is None else self._solve(self._diagonal * x, True)

    def apply_transpose(self, r: Float64Array) -> Float64Array:
        """S^T r."""
        return self._solve(r, True) if self._diagonal is None else self.apply(r)

    def _solve(self, r: Float64Array, transposed: bool) -> Float64Array:
        with one:
            if self._dense is not None:
                return np.asarray(
                    scipy.linalg.solve_triangular(
                        self._dense, r, trans=int(transposed), lower=True, check_finite=False
                    )
                )
            return np.asarray(self._factor.solve(r, "T" if transposed else "N"))


class Polynomial:
    """The sweep S of `Chebyshev` on [low, high]."""

    def __init__(self, matrix: Any, degree: int, low: float, high: float) -> None:
        self._multiply = partial(product, matrix)
        self._inverse = inverse_diagonal(matrix)
        self._degree, self._low, self._high = degree, low, high

    def apply(self, r: Float64Array) -> Float64Array:
        return np.asarray(chebyshev(self._multiply, self._inverse, self._degree, self._low, self._high, r))

    apply_transpose = apply


def chebyshev(
    multiply: Callable[[Any], Any], inverse: Any, degree: int, low: float, high: float, r: Any
) -> Any:
    """S r of `Chebyshev` for the interval [low, high], by products and the inverse diagonal.

    Saad, Iterative Methods for Sparse Linear Systems, 2003, Algorithm 12.1.
    """
    middle, half = (high + low) / 2, (high - low) / 2
    sigma = middle / half
    rho = 1 / sigma
    step = inverse * r / middle
    x, residual = step, r
    for _ in range(degree - 1):
        residual = residual - multiply(step)
        following = 1 / (2 * sigma - rho)
        step = following * rho * step + (2 * following / half) * (inverse * residual)
        x, rho = x + step, following
    return x
