"""Smoothers: Jacobi, Gauss-Seidel and Chebyshev iterations for symmetric positive semidefinite matrices.

A smoother is a record of options. `on(matrix)` gives its sweep S: x <- x + S (b - A x). Sweeps converge in
the energy norm of A, |I - S A|_A < 1 on its range, which makes V-cycles symmetric positive definite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import scipy

from splinekan._blas import dot, norm, one
from splinekan._checks import Float64Array, boolean, integer, one_of, real, shown
from splinekan.multilevel.galerkin import product
from splinekan.multilevel.tensor_products import KroneckerSum

LANCZOS = 12
"""Steps of the estimate of the largest eigenvalue."""
SAFETY = 1.1
"""Its factor."""


def _given_bound(value: float | None) -> float | None:
    return None if value is None else real("bound", value, positive=True)


class Sweep(Protocol):
    """S of a smoother on a matrix, with its transpose."""

    def apply(self, r: Float64Array) -> Float64Array:
        """S r."""
        ...

    def apply_transpose(self, r: Float64Array) -> Float64Array:
        """S^T r."""
        ...


class Smoother(Protocol):
    """A way to smooth."""

    def on(self, matrix: Any) -> Sweep:
        """Its sweep for a matrix."""
        ...


@dataclass(frozen=True)
class Jacobi:
    """Damped Jacobi: S = omega D^{-1}, D = diag(A).

    Parameters
    ----------
    damping
        omega times the bound of `eigenvalue_bound` on the eigenvalues of D^{-1} A, in (0, 2). The default
        4/3 takes the factor on the upper three quarters of the spectrum to 1/3 at the most: for linear
        elements, whose eigenvalues lie below 2, it is the classical omega = 2/3.
    bound
        The bound on the eigenvalues of D^{-1} A on all levels, where it is known; None to compute it.
    """

    damping: float = 4 / 3
    bound: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "bound", _given_bound(self.bound))
        damping = real("damping", self.damping, positive=True, high=2.0)
        if damping == 2.0:
            raise ValueError("damping must be below 2, got 2.0: the sweep would not converge")
        object.__setattr__(self, "damping", damping)

    def on(self, matrix: Any) -> Sweep:
        """omega D^{-1} of `matrix`; unknowns with a zero diagonal stay as they are."""
        inverse = inverse_diagonal(matrix)
        bound = eigenvalue_bound(matrix) if self.bound is None else self.bound
        return _Diagonal(self.damping / bound * inverse)


@dataclass(frozen=True)
class GaussSeidel:
    """Gauss-Seidel: S = (D + L)^{-1}, forward, and S^T = (D + L^T)^{-1}, backward.

    A V-cycle sweeps forward before the coarse correction and backward after it. The triangle is factored once
    (SuperLU, natural order, no fill); `KroneckerSum` is assembled.

    Parameters
    ----------
    symmetric
        A forward and a backward sweep each time, S = (D + L^T)^{-1} D (D + L)^{-1}.
    """

    symmetric: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "symmetric", boolean("symmetric", self.symmetric))

    def on(self, matrix: Any) -> Sweep:
        """(D + L)^{-1} of `matrix`.

        Raises
        ------
        TypeError
            For a matrix without entries, known by its products only.
        """
        return _Triangle(matrix, self.symmetric)


@dataclass(frozen=True)
class Chebyshev:
    """A polynomial in D^{-1} A, small on the upper part [b/ratio, b] of the spectrum.

    I - S A = T_m((b + a - 2 D^{-1} A)/(b - a))/T_m((b + a)/(b - a)) with a = b/ratio, b of `eigenvalue_bound`
    and the degree m: the least factor on [a, b] (Adams, Brezina, Hu, Tuminaro 2003, J. Comput. Phys. 188).
    S is symmetric. It needs products only.

    Parameters
    ----------
    degree
        m, products with the matrix in a sweep, at least 1.
    ratio
        b/a > 1. Larger values reach further down: B-splines of a high degree have small eigenvalues
        on oscillations too.
    bound
        b on all levels, where it is known; None to compute it.
    """

    degree: int = 3
    ratio: float = 10.0
    bound: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "bound", _given_bound(self.bound))
        object.__setattr__(self, "degree", integer("degree", self.degree, low=1, high=100))
        ratio = real("ratio", self.ratio, high=1e8)
        if ratio <= 1.0:
            raise ValueError(f"ratio must be greater than 1, got {ratio}")
        object.__setattr__(self, "ratio", ratio)

    def on(self, matrix: Any) -> Sweep:
        """The polynomial of `matrix`."""
        high = eigenvalue_bound(matrix) if self.bound is None else self.bound
        return _Polynomial(matrix, self.degree, high / self.ratio, high)


SMOOTHERS: dict[str, Smoother] = {
    "jacobi": Jacobi(),
    "gauss-seidel": GaussSeidel(),
    "chebyshev": Chebyshev(),
}
"""By name."""


def smoother_of(name: str, value: Any) -> Smoother:
    """A smoother by its name, or the smoother that is given.

    Raises
    ------
    TypeError, ValueError
        For anything else.
    """
    if isinstance(value, str):
        return SMOOTHERS[one_of(name, value, SMOOTHERS)]
    if isinstance(value, type) or not callable(getattr(value, "on", None)):
        raise TypeError(
            f"{name} must be one of {', '.join(map(repr, SMOOTHERS))}, or a smoother such as "
            f"Jacobi(), got {shown(value)}"
        )
    smoother: Smoother = value
    return smoother


def inverse_diagonal(matrix: Any) -> Float64Array:
    """1/A_ii, and 0 where A_ii is 0: a semidefinite matrix has a row of zeros there."""
    diagonal = np.asarray(matrix.diagonal(), dtype=np.float64)
    inverse = np.zeros_like(diagonal)
    np.divide(1.0, diagonal, out=inverse, where=diagonal > 0)
    return inverse


def eigenvalue_bound(matrix: Any) -> float:
    """A bound on the eigenvalues of D^{-1} A: the less of two.

    The row sums max_i sum_j |A_ij|/A_ii are a bound (Gershgorin), sharp for mass matrices. The largest Ritz
    value of twelve Lanczos steps for D^{-1/2} A D^{-1/2}, from a fixed random vector, times 1.1, is a bound
    wherever these steps find the largest eigenvalue to 9 %; sweeps still converge where they find it to 50 %
    (Jacobi with the default damping: 39 %).
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


class _Diagonal:
    def __init__(self, scale: Float64Array) -> None:
        self._scale = scale

    def apply(self, r: Float64Array) -> Float64Array:
        return self._scale * r

    apply_transpose = apply


class _Triangle:
    def __init__(self, matrix: Any, symmetric: bool) -> None:
        if isinstance(matrix, KroneckerSum):
            matrix = matrix.tocsr()
        diagonal = np.array(matrix.diagonal(), dtype=np.float64)
        missing = np.where(diagonal > 0, 0.0, 1.0)  # rows of zeros: their residual is 0
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

    def apply(self, r: Float64Array) -> Float64Array:
        x = self._solve(r, False)
        return x if self._diagonal is None else self._solve(self._diagonal * x, True)

    def apply_transpose(self, r: Float64Array) -> Float64Array:
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


class _Polynomial:
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
