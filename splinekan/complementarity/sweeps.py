"""Sweeps for the L2 projection on a spline layer as matrices, periodic or with the ends of an interval."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._checks import (
    Float64Array,
    affordable,
    boolean,
    instance,
    integer,
    one_of,
    real,
    real_array,
    spline_degree,
)
from splinekan.complementarity.symbols import GEOMETRIES, best_step
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.splines.gram import gram_matrix
from splinekan.splines.knots import refine_knots, uniform_knots
from splinekan.splines.prolongation import prolongation

METHODS = ("gradient", "jacobi")
MAX_SWEEPS = 10**6
STEPS = ("stable", "smoothing", "complement")


@dataclass(frozen=True, eq=False)
class ModelProblem:
    """min 1/2 |sum u_i b_i - f|^2 in L2(0, 1): M u = b on G uniform intervals, with a coarse level of G/2.

    Parameters
    ----------
    degree
        k.
    intervals
        G, even and at least 4.
    periodic
        Whether the coefficients have period G; otherwise there are G + k coefficients.

    Attributes
    ----------
    mass
        M, dense, in units of length.
    change
        A, dense; if periodic, circulant, with the constants in its null space.
    prolongation
        P, dense.
    """

    degree: int
    intervals: int
    periodic: bool = False
    mass: Float64Array = field(init=False, repr=False)
    change: Float64Array = field(init=False, repr=False)
    prolongation: Float64Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        k, count = spline_degree(self.degree), integer("intervals", self.intervals, low=4)
        if count % 2:
            raise ValueError(f"intervals must be even, got {count}")
        affordable(f"the matrices on {count} intervals", 48.0 * count**2)
        periodic = boolean("periodic", self.periodic)
        for name, number in (("degree", k), ("intervals", count), ("periodic", periodic)):
            object.__setattr__(self, name, number)
        coarse = uniform_knots(0, 1, count // 2, k)
        fine = refine_knots(coarse, k)
        gram: Any = gram_matrix(fine, k)
        mass, p = gram.toarray(), prolongation(coarse, fine, k).toarray()
        bands = change_of_basis(fine, k)
        change = bands.toarray()
        if self.periodic:
            repeat, below = _repeat(count, k), _repeat(count // 2, k)
            mass, p = repeat.T @ mass @ repeat, (p @ below)[:count]
            change = sum(band[0] * np.roll(np.eye(count), d, axis=1) for d, band in enumerate(bands.bands))
        for name, value in (("mass", mass), ("change", change), ("prolongation", p)):
            object.__setattr__(self, name, np.asarray(value))

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return len(self.mass)


def _repeat(count: int, degree: int) -> Float64Array:
    """(count + degree, count), the periodic extension of `count` coefficients."""
    return np.eye(count)[np.arange(count + degree) % count]


@dataclass(frozen=True, eq=False)
class Sweep:
    """u <- u - omega D (M u - b), D = C C^T; for the error, e <- (I - omega D M) e.

    Parameters
    ----------
    problem
        The model problem.
    geometry
        "spline" or "relu", the coordinates z in which the method works.
    method
        "gradient" descent, or damped "jacobi": the gradient divided by the diagonal of the Gram matrix in
        these coordinates. In ReLU coordinates that diagonal, (b - t_j)^(2k+1)/(2k+1), varies with the knot,
        so that Jacobi's method has no symbol.

    Attributes
    ----------
    root
        C, dense: I, diag(M)^(-1/2), A^{-T}, A^{-T} diag(A^{-1} M A^{-T})^(-1/2). If periodic, A^{-1} is the
        pseudo-inverse, and constants do not change.
    values
        Eigenvalues of D M, decreasing, computed as the squared singular values of M^(1/2) C, which preserves
        twice as many digits of the small eigenvalues as D M does.
    modes
        (size, size), their eigenvectors, |e|^2 = e^T M e = 1. With "gradient" and not periodic, mode j has j
        sign changes, since A^{-1} and M are totally nonnegative.
    """

    problem: ModelProblem
    geometry: str
    method: str = "gradient"
    root: Float64Array = field(init=False, repr=False)
    values: Float64Array = field(init=False, repr=False)
    modes: Float64Array = field(init=False, repr=False)
    _upper: Float64Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        instance("problem", self.problem, ModelProblem)
        one_of("geometry", self.geometry, GEOMETRIES)
        one_of("method", self.method, METHODS)
        upper = scipy.linalg.cholesky(self.problem.mass)
        root: Float64Array = np.eye(self.problem.size)
        if self.geometry == "relu" and self.problem.periodic:
            inverse = np.linalg.pinv(self.problem.change, rcond=1e-15 * self.problem.size)
            root = np.asarray(inverse.T, dtype=np.float64)
        elif self.geometry == "relu":
            root = scipy.linalg.solve_triangular(self.problem.change, root, trans=1)
        if self.method == "jacobi":
            root = np.asarray(root / np.linalg.norm(upper @ root, axis=0))
        left, singular, _ = scipy.linalg.svd(upper @ root)
        modes = scipy.linalg.solve_triangular(upper, left)
        if self.problem.periodic and self.geometry == "relu":
            singular, modes = singular[:-1], modes[:, :-1]
        for name, value in (("root", root), ("values", singular**2), ("modes", modes), ("_upper", upper)):
            object.__setattr__(self, name, np.asarray(value))

    def step(self, kind: str) -> float:
        """The step omega.

        "stable": 1/(largest eigenvalue); "smoothing": optimal for the oscillatory half of the modes;
        "complement": optimal on the complement of the coarse space.
        """
        one_of("kind", kind, STEPS)
        if kind == "stable":
            return float(1 / self.values[0])
        half = self.values[len(self.values) // 2 :]
        return best_step(half if kind == "smoothing" else self.complement_values)

    @property
    def complement_values(self) -> Float64Array:
        """Eigenvalues of D M on the complement of range(P), orthogonal in the inner product of M."""
        rest = self._upper @ self._remaining()
        singular = scipy.linalg.svd((self._upper @ self.root).T @ rest, compute_uv=False)
        return np.asarray(singular**2)

    @np.errstate(over="ignore", invalid="ignore")  # divergent sweeps overflow to infinity
    def apply(self, error: ArrayLike, step: float, sweeps: int = 1) -> Float64Array:
        """(I - omega D M)^sweeps e along the first axis."""
        e = self._vectors(error)
        step = real("step", step, positive=True)
        for _ in range(integer("sweeps", sweeps, low=0, high=MAX_SWEEPS)):
            e = e - step * (self.root @ (self.root.T @ (self.problem.mass @ e)))
        return e

    def solve_coarse(self, error: ArrayLike) -> Float64Array:
        """e - P (P^T M P)^{-1} P^T M e, the error after an exact coarse solve."""
        e, p, mass = self._vectors(error), self.problem.prolongation, self.problem.mass
        for _ in range(2):  # the second pass removes the rounding errors of the first
            e = e - p @ np.linalg.solve(p.T @ mass @ p, p.T @ (mass @ e))
        return e

    def energy(self, error: ArrayLike) -> Float64Array:
        """sqrt(e^T M e) along the first axis, the L2 norm of the function; infinite where it overflows."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(np.linalg.norm(self._upper @ self._vectors(error), axis=0))

    @np.errstate(over="ignore", invalid="ignore")
    def reductions(self, errors: ArrayLike, step: float) -> Float64Array:
        """|e - S e|/|e| per column; for an eigenvector with omega lambda <= 1 this is 1 minus the factor.

        It remains accurate if the factor itself rounds to 1.
        """
        e, step = self._vectors(errors, "errors"), real("step", step, positive=True)
        if not (e != 0).any(axis=0).all():
            raise ValueError("errors must not be zero: |e - S e|/|e| is undefined there")
        moved = step * (self.root @ (self.root.T @ (self.problem.mass @ e)))
        if not np.isfinite(moved).all():
            raise ValueError(f"step must keep the sweep within the range of float64, got {step}")
        return self.energy(moved) / self.energy(e)

    def nested_factor(self, step: float, sweeps: int = 1) -> float:
        """max |S^n K e|/|K e|, K the coarse solve: nested iteration, without a subsequent coarse solve."""
        return self._largest(self.apply(self._remaining(), step, sweeps))

    def cycle_factor(self, step: float) -> float:
        """max |K S K e|/|K e|, the factor of cycles of a sweep and a coarse solve.

        The iteration is symmetric, so this is also its spectral radius.
        """
        swept = self.apply(self._remaining(), step)
        return self._largest(self.solve_coarse(swept)) if np.isfinite(swept).all() else np.inf

    @np.errstate(over="ignore", invalid="ignore")
    def _largest(self, errors: Float64Array) -> float:
        """max |E c| over |c| = 1; infinite where that overflows."""
        scaled = self._upper @ errors
        return float(np.linalg.norm(scaled, 2)) if np.isfinite(scaled).all() else np.inf

    def _remaining(self) -> Float64Array:
        """An orthonormal basis, as columns, of the errors that remain after a coarse solve."""
        used = self.problem.prolongation
        if self.problem.periodic:  # without the pair (0, pi), as for the symbols
            used = np.column_stack([used, (-1.0) ** np.arange(self.problem.size)])
        full, _ = scipy.linalg.qr(self._upper @ used)
        return np.asarray(scipy.linalg.solve_triangular(self._upper, full[:, used.shape[1] :]))

    def _vectors(self, error: ArrayLike, name: str = "error") -> Float64Array:
        e = real_array(name, error).astype(np.float64)
        if e.ndim not in (1, 2) or e.shape[0] != self.problem.size:
            raise ValueError(f"{name} must have {self.problem.size} entries along axis 0, got {e.shape}")
        return e
