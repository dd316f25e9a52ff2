"""Local Fourier analysis of smoothers, cycles and BPX for B-splines on uniform knots.

Without boundaries, the waves u_j = exp(i theta.j) are eigenvectors of mass and stiffness matrices of
B-splines on uniform knots in one or more dimensions. The prolongation couples a coarse wave phi with the 2^d
fine waves phi/2 + pi s, s in {0, 1}^d, that alias to it. A cycle over L levels is therefore a matrix of 2^{d
(L - 1)} rows for every wave of the coarsest level. On periodic knots the analysis is exact for Jacobi and
Chebyshev sweeps. Gauss-Seidel sweeps have symbols on the infinite grid only. On an interval the analysis
describes the behaviour away from the ends. Trottenberg, Oosterlee and Schueller, Multigrid, 2001, chapter 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from splinekan._blas import one
from splinekan._checks import Float64Array, affordable, integer, real
from splinekan.multilevel.fourier_symbols import Complex, Symbols
from splinekan.multilevel.smoothers import Chebyshev, GaussSeidel, Jacobi, smoother_of
from splinekan.multilevel.sweeps import chebyshev

FINE = 2048
"""Number of frequencies on which maxima are sought; in d dimensions, its d-th root per axis."""


@dataclass(frozen=True)
class LocalFourier(Symbols):
    """The local Fourier analysis of a matrix of B-splines on uniform knots of spacing 1.

    The matrix is the mass matrix for `derivative` 0. For 1 it is the stiffness matrix (gradient times
    gradient, sums of Kronecker products in d dimensions) plus `reaction` times the mass matrix.

    Parameters
    ----------
    degree
        k, 1 to 7.
    derivative
        0 or 1.
    dimension
        d, 1 to 3.
    reaction
        c h^2 for the operator -Laplace + c on spacing h, at least 0, dimensionless; for derivative 1.

    Raises
    ------
    TypeError, ValueError
        For numbers out of range.

    Examples
    --------
    >>> linear = LocalFourier(1)
    >>> round(linear.smoothing_factor(Jacobi()), 3), round(linear.cycle_factor("jacobi"), 3)
    (0.333, 0.111)
    >>> quintic = LocalFourier(5, dimension=2)
    >>> quintic.cycle_factor("gauss-seidel", intervals=8) > 0.9
    True
    """

    @cached_property
    def eigenvalue_bound(self) -> float:
        """The largest a(theta)/a_0, a_0 the diagonal entry: the largest eigenvalue of D^{-1} A.

        From values on a grid; the relative error is 1e-5 in one dimension and 1e-2 in three.
        """
        return float(self._symbol(self._grid()).max()) / self._diagonal()

    @cached_property
    def oscillation_ratio(self) -> float:
        """The largest a(theta) divided by the least over the oscillations, where some |theta_a| >= pi/2.

        The condition number for a diagonally scaled smoother: it grows exponentially with the degree, with an
        exponent proportional to the dimension.
        """
        values = self._symbol(self._rough(self._grid()))
        return float(values.max() / values.min())

    def _grid(self) -> Float64Array:
        count = 4 * max(round(FINE ** (1 / self.dimension)) // 4, 4)
        axis = np.linspace(0, np.pi, count + 1)  # all symbols are even in every angle
        return np.stack(np.meshgrid(*[axis] * self.dimension, indexing="ij"), axis=-1).reshape(
            -1, self.dimension
        )

    @staticmethod
    def _rough(angles: Float64Array) -> Float64Array:
        return angles[(angles >= np.pi / 2 * (1 - 1e-12)).any(axis=-1)]

    def smoothing_factor(self, smoother: Any, steps: int = 1) -> float:
        """The largest |1 - S(theta) a(theta)|^steps over the oscillations, from values on a grid.

        Symmetric Gauss-Seidel sweeps are admitted too; `GaussSeidel` sweeps forward.

        Raises
        ------
        TypeError, ValueError
            For an unknown smoother, or steps below 1.
        """
        steps = integer("steps", steps, low=1)
        method = smoother_of("smoother", smoother)
        half = self._rough(self._grid())
        # Forward sweeps are not even in every angle; changing the signs of all angles is conjugation.
        signs = np.array([(1, *rest) for rest in product((1, -1), repeat=self.dimension - 1)])
        angles = (signs[:, None, :] * half).reshape(-1, self.dimension)
        factor = 1 - self._sweep(method, angles, 0) * self._symbol(angles)
        return float(np.abs(factor).max() ** steps)

    def _sweep(self, smoother: Any, angles: Float64Array, coarsenings: int) -> Complex:
        """S(theta)."""
        diagonal = self._diagonal(coarsenings)
        if isinstance(smoother, GaussSeidel):
            lower = self._lower(angles, coarsenings)
            return np.asarray(diagonal / np.abs(lower) ** 2 + 0j if smoother.symmetric else 1 / lower)
        if isinstance(smoother, (Jacobi, Chebyshev)):
            bound = self._bound(coarsenings) if smoother.bound is None else smoother.bound
        if isinstance(smoother, Jacobi):
            return np.full(angles.shape[:-1], smoother.damping / bound / diagonal + 0j)
        if isinstance(smoother, Chebyshev):
            symbol = self._symbol(angles, coarsenings)
            ones = np.ones_like(symbol)
            low, high = bound / smoother.ratio, bound
            polynomial = chebyshev(lambda x: symbol * x, 1 / diagonal, smoother.degree, low, high, ones)
            return np.asarray(polynomial + 0j)
        raise TypeError(f"smoother must be Jacobi, GaussSeidel or Chebyshev, got {smoother!r:.60}")

    def _bound(self, coarsenings: int) -> float:
        if not self.reaction:
            return self.eigenvalue_bound  # the levels are multiples of each other
        return float(self._symbol(self._grid(), coarsenings).max()) / self._diagonal(coarsenings)

    def cycle_factor(self, smoother: Any, levels: int = 2, steps: int = 1, intervals: int = 32) -> float:
        """The spectral radius of I - B A for the V(steps, steps) cycle B; two levels are the two-grid cycle.

        Parameters
        ----------
        smoother
            As for `VCycle`. Gauss-Seidel sweeps forward before and backward after the coarse correction.
            Jacobi and Chebyshev without a bound use `eigenvalue_bound`.
        levels, steps
            At least 2 and 1.
        intervals
            Number of intervals of the coarsest level on every axis; its frequencies are 2 pi j/intervals.
            The result is the factor for a periodic problem, apart from the constants in the null space of a
            stiffness matrix.

        Raises
        ------
        TypeError, ValueError
            For an unknown smoother or numbers out of range.
        MemoryError
            If matrices do not fit in memory.
        """
        steps = integer("steps", steps, low=1)
        method = smoother_of("smoother", smoother)
        waves, A, P, R = self._hierarchy(levels, intervals)
        B = _inverse(A[0])[..., None, :] * np.eye(1)
        for level in range(1, len(A)):
            n = A[level].shape[1]
            S = self._sweep(method, waves[level], len(A) - 1 - level)
            a, eye = A[level][..., None, :], np.eye(n)
            before, after = (1 - s * A[level] for s in (S, S.conj()))
            first, last = (_summed(s, factor, steps) for s, factor in ((S, before), (S.conj(), after)))
            X = first[..., None, :] * eye
            with one:
                X = X + P[level - 1] @ (B @ (R[level - 1] @ (eye - a.swapaxes(1, 2) * X)))
            B = X + last[..., :, None] * (eye - a.swapaxes(1, 2) * X)
        return float(np.abs(1 - self._spectrum(B, A[-1])).max())

    def bpx_condition(self, levels: int = 2, decay: float = 1.0, intervals: int = 32) -> float:
        """The condition number of B A for BPX, without constants in the null space of a stiffness matrix.

        Parameters
        ----------
        levels, intervals
            As for `cycle_factor`.
        decay
            As for `BPX`.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As for `cycle_factor`.
        """
        weight = real("decay", decay, low=0.0, high=1.0)
        _, A, P, R = self._hierarchy(levels, intervals)
        top = len(A) - 1
        B = weight**top * _inverse(A[0])[..., None, :] * np.eye(1)
        for level in range(1, len(A)):
            scale = weight ** (top - level) / self._diagonal(top - level)
            with one:
                B = P[level - 1] @ B @ R[level - 1] + scale * np.eye(A[level].shape[1])
        values = self._spectrum(B, A[-1]).real
        return float(values.max() / values.min())

    def _hierarchy(self, levels: int, intervals: int) -> tuple[Any, ...]:
        """Frequencies and symbols (waves of the coarsest level, waves coupled), P and R of all levels."""
        count, d = integer("levels", levels, low=2, high=12), self.dimension
        G = integer("intervals", intervals, low=2)
        rows = 2 ** (d * (count - 1))
        affordable("the matrices of the coupled waves", 16.0 * 6 * float(G) ** d * rows**2)
        axis = 2 * np.pi * np.arange(G) / G
        coarse = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, 1, d)
        shifts = np.pi * np.array(list(product((0, 1), repeat=d)))
        waves, P = [coarse], []
        for _ in range(count - 1):
            n = waves[-1].shape[1]
            fine = (waves[-1][:, :, None, :] / 2 + shifts).reshape(len(coarse), -1, d)
            members = np.repeat(np.eye(n), 2**d, axis=0)  # the coarse wave of each fine wave
            P.append(self._two_scale(fine)[..., None] * members / 2.0**d)
            waves.append(fine)
        A = [self._symbol(angles, count - 1 - level) for level, angles in enumerate(waves)]
        R = [2.0**d * each.conj().swapaxes(1, 2) for each in P]
        return waves, A, P, R

    def _spectrum(self, B: Any, A: Float64Array) -> Complex:
        """The eigenvalues of B A; constants are left out where A maps them to 0."""
        error = B * A[:, None, :]
        with one:
            if A[0, 0] > 1e-13 * A.max():
                return np.asarray(np.linalg.eigvals(error)).ravel()
            first = np.linalg.eigvals(error[0, 1:, 1:]).ravel()
            return np.concatenate([first, np.linalg.eigvals(error[1:]).ravel()])


def _inverse(symbol: Float64Array) -> Float64Array:
    """1/a, 0 for the constants in a null space."""
    kept = symbol > 1e-13 * symbol.max()
    return np.where(kept, 1 / np.where(kept, symbol, 1.0), 0.0)


def _summed(sweep: Complex, factor: Complex, steps: int) -> Complex:
    """S of `steps` sweeps: (1 + factor + ... + factor^(steps-1)) S."""
    return np.asarray(sum(factor**j for j in range(steps)) * sweep)
