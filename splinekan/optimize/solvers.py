"""Solvers of the damped equations (J^T J + damping S^2) dz = -g of Gauss-Newton and Levenberg-Marquardt.

All work on the scaled Jacobian J S^{-1}, in the coordinates of the frame.

- `Cholesky`: J^T J is assembled and factored while the damping is far above its rounding errors; below, `SVD`
  takes over, because J^T J loses half the digits.
- `SVD`: singular values of R, J = Q R.
- `Dual`: dz = -J^T (J J^T + damping)^{-1} r when there are fewer residuals than parameters; the same step,
  because J^T (J J^T + damping) = (J^T J + damping) J^T.
- `CG`: products with J and J^T instead of matrices, for many parameters.

A solver is a record of its options; `linearize` gives the equations at a point.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import scipy
from scipy.sparse.linalg import LinearOperator, cg

from splinekan._blas import one, several
from splinekan._checks import Float64Array, function, integer, real
from splinekan.optimize.answers import parts, reals, require
from splinekan.optimize.driver import Frame, Point
from splinekan.optimize.problem import IdentityMap
from splinekan.optimize.scaled_jacobian import ScaledJacobian

EPS = float(np.finfo(np.float64).eps)
MANY = 5000
"""Number of parameters above which `default_solver` avoids matrices."""

Damped = Callable[[float], Float64Array]
"""dz(damping)."""
Preconditioner = Callable[[ScaledJacobian, float], Any]
"""(J S^{-1}, damping) -> an operator that approximates the inverse of S^{-1} J^T J S^{-1} + damping."""


class System(Protocol):
    """The damped equations at a point."""

    columns: Float64Array
    """Norms of the columns of J."""

    def damped(self, scale: Float64Array) -> Damped:
        """The steps for S = diag(scale)."""
        ...


class Solver(Protocol):
    """A way to solve the damped equations."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The methods that a problem must have."""
        ...

    @property
    def assembles(self) -> bool:
        """Whether `linearize` takes J^T J where it is known."""
        ...

    def linearize(
        self, frame: Frame, point: Point, mixed: bool, matrix: Float64Array | None = None
    ) -> System:
        """The equations at `point`; `mixed` if the gradient is that of other coordinates."""
        ...


SOLVER_MEMBERS = ("needs", "assembles", "linearize")


@dataclass(frozen=True)
class SVD:
    """Singular values of R, J = Q R, from chunks of J.

    Parameters
    ----------
    cutoff
        Singular values below this times the largest are omitted, dimensionless.
    """

    cutoff: float = 1e-14

    needs = ("triangular_factor",)
    assembles = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "cutoff", real("cutoff", self.cutoff, low=0.0, high=1.0))

    def linearize(
        self, frame: Frame, point: Point, mixed: bool, matrix: Float64Array | None = None
    ) -> Triangular:
        """R at `point`."""
        return Triangular(frame, point, self.cutoff, mixed)


@dataclass(frozen=True)
class Cholesky:
    """J^T J assembled and Cholesky-factored; singular values where that is not accurate enough.

    Parameters
    ----------
    cutoff
        Of the singular values, as in `SVD`.
    """

    cutoff: float = 1e-14

    needs = ("normal_equations", "triangular_factor")
    assembles = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "cutoff", real("cutoff", self.cutoff, low=0.0, high=1.0))

    def linearize(
        self, frame: Frame, point: Point, mixed: bool, matrix: Float64Array | None = None
    ) -> Normal:
        """J^T J at `point`, assembled unless it is given."""
        return Normal(frame, point, self.cutoff, mixed, matrix)


@dataclass(frozen=True)
class Dual:
    """J J^T and its eigenvalues, for fewer residuals than parameters.

    Gradient and geometry must be in the same coordinates (ValueError otherwise).
    """

    needs = ("linearized",)
    assembles = False

    def linearize(
        self, frame: Frame, point: Point, mixed: bool, matrix: Float64Array | None = None
    ) -> DualSystem:
        """J at `point`, dense."""
        return DualSystem(frame, point)


@dataclass(frozen=True)
class CG:
    """Truncated conjugate gradients with products by J and J^T.

    B-splines are a well conditioned basis, so that after scaling only the coupling of the edges remains. The
    iteration is truncated early, since the next linearisation gains more than further digits of the step.

    Parameters
    ----------
    preconditioner
        Called with J S^{-1} (a LinearOperator with the attributes of `ScaledJacobian`) and the damping;
        returns a matrix or LinearOperator that approximates the inverse of S^{-1} J^T J S^{-1} + damping. If
        it has a method `prepared`, this is called with J S^{-1} once per linearisation, and its answer with
        every damping. If what is returned has a method `start`, the iteration begins at start(right-hand
        side). `splinekan.multilevel` has `GaussNewtonBPX`, `Deflation`, `LayerBlocks` and `Nystrom`. None
        for the scaling S alone.
    tolerance
        Relative residual at which the iteration ends.
    iterations
        The largest number of iterations per step.
    """

    preconditioner: Preconditioner | None = None
    tolerance: float = 0.3
    iterations: int = 50

    needs = ("linearized",)
    assembles = False

    def __post_init__(self) -> None:
        function("preconditioner", self.preconditioner, optional=True)
        object.__setattr__(self, "tolerance", real("tolerance", self.tolerance, positive=True, high=1.0))
        object.__setattr__(self, "iterations", integer("iterations", self.iterations, low=1))

    def linearize(
        self, frame: Frame, point: Point, mixed: bool, matrix: Float64Array | None = None
    ) -> Krylov:
        """J at `point`, as an operator."""
        return Krylov(frame, point, self)


def default_solver(problem: Any, size: int, mixed: bool) -> Solver:
    """`CG` above 5000 parameters, else `Dual` for fewer residuals than parameters, else `Cholesky`."""
    if size > MANY:
        return CG()
    return Dual() if problem.n_residuals < size and not mixed else Cholesky()


class Triangular:
    """R of J = Q R, and z = Q^T r."""

    def __init__(self, frame: Frame, point: Point, cutoff: float, mixed: bool) -> None:
        name = "problem.triangular_factor(theta)"
        _, triangle, rotated = parts(name, frame.problem.triangular_factor(point.theta), 3)
        triangle = reals(f"{name}[1]", triangle, (None, len(point.z)))
        self._rotated = reals(f"{name}[2]", rotated, (len(triangle),))
        self._upper = frame.geometry.solve_transpose(triangle.T).T
        self.columns = np.sqrt(np.einsum("ij,ij->j", self._upper, self._upper))
        # For the true gradient of half a sum of squares, J^T r = V s (U^T z): s need not be squared.
        self._fed = point.fed if mixed or not squared(frame) else None
        self._beyond = not squared(frame)
        self._cutoff = cutoff

    def damped(self, scale: Float64Array) -> Damped:
        """By a singular value decomposition of the scaled R, which serves every damping."""
        fed = None if self._fed is None else self._fed / scale
        return _by_singular_values(self._upper / scale, scale, self._cutoff, self._rotated, fed, self._beyond)


class Normal:
    """J^T J assembled; R when that is not accurate enough."""

    def __init__(
        self, frame: Frame, point: Point, cutoff: float, mixed: bool, matrix: Float64Array | None
    ) -> None:
        if matrix is None:
            name = "problem.normal_equations(theta)"
            matrix = parts(name, frame.problem.normal_equations(point.theta), 3)[2]
            matrix = reals(f"{name}[2]", matrix, 2 * point.theta.shape)
        if not isinstance(frame.geometry, IdentityMap):
            matrix = frame.geometry.solve_transpose(frame.geometry.solve_transpose(matrix).T)
        self.matrix = matrix
        self.columns = np.sqrt(np.maximum(np.diag(self.matrix), 0.0))
        self._accurate = partial(Triangular, frame, point, cutoff, mixed)
        self._fed = point.fed

    def damped(self, scale: Float64Array) -> Damped:
        """By Cholesky factors, or by singular values, decomposed once."""
        accurate: Damped | None = None

        @one
        def step(damping: float) -> Float64Array:
            nonlocal accurate
            # Assembling and factoring perturb the scaled matrix by about n eps: with a damping far above,
            # the step is accurate. (Cholesky factors are as accurate without the scaling: Demmel 1989,
            # LAPACK Working Note 14.)
            if accurate is None and damping > 100 * len(scale) * EPS:
                solution = _cholesky_solve(self.matrix, self._fed, damping * scale**2)
                if solution is not None:
                    return -solution
            accurate = accurate or self._accurate().damped(scale)
            return accurate(damping)

        return step


class DualSystem:
    """J J^T, for fewer residuals than parameters."""

    def __init__(self, frame: Frame, point: Point) -> None:
        _, self._r, jacobian = _linearized(frame, point, ("toarray",))
        self._jacobian = frame.geometry.solve_transpose(jacobian.toarray().T).T  # J T^{-1}
        self.columns = np.sqrt(np.einsum("ij,ij->j", self._jacobian, self._jacobian))
        self._fed = None if squared(frame) else point.fed

    def damped(self, scale: Float64Array) -> Damped:
        """By the eigenvalues of J J^T: a single decomposition serves every damping.

        Where the gradient is not J^T r, by the singular values of J.
        """
        scaled = self._jacobian / scale
        if self._fed is not None:
            return _by_singular_values(scaled, scale, EPS, self._r, self._fed / scale, True)
        if not np.isfinite(scaled).all():
            return lambda damping: np.full_like(scale, np.nan)
        with several(2.0 * scaled.size * len(scaled)):
            products = scaled @ scaled.T
        with several(9.0 * len(scaled) ** 3):
            values, vectors = scipy.linalg.eigh(products, check_finite=False, driver="evd")
        with one:
            data = vectors.T @ self._r
        kept = values > len(values) * EPS * values[-1]  # the others are rounding
        values, vectors, data = values[kept], vectors[:, kept], data[kept]

        @one
        def step(damping: float) -> Float64Array:
            return np.asarray(-(scaled.T @ (vectors @ (data / (values + damping)))) / scale)

        return step


class Krylov:
    """Products with J and J^T only, preconditioned by the column norms that S holds."""

    PROBES = 8

    def __init__(self, frame: Frame, point: Point, options: CG) -> None:
        _, _, self._jacobian = _linearized(frame, point, ("matvec", "rmatvec", "column_squares"))
        self._frame, self._fed, self._options = frame, point.fed, options
        self.columns = np.sqrt(self._column_squares())

    def _column_squares(self) -> Float64Array:
        geometry = self._frame.geometry
        if isinstance(geometry, IdentityMap):
            return np.asarray(self._jacobian.column_squares())
        # In other coordinates they would need the matrix: the mean square of J^T v over random signs v.
        rng = np.random.default_rng(0)
        total = np.zeros_like(self._fed)
        for _ in range(self.PROBES):
            signs = rng.choice([-1.0, 1.0], self._jacobian.matvec(np.zeros_like(self._fed)).shape)
            total += geometry.solve_transpose(self._jacobian.rmatvec(signs)) ** 2
        return total / self.PROBES

    def damped(self, scale: Float64Array) -> Damped:
        """By conjugate gradients, anew for every damping."""
        options, n, right = self._options, len(scale), self._fed / scale
        scaled = ScaledJacobian(self._jacobian, self._frame.geometry, scale)
        given: Any = options.preconditioner
        prepare = getattr(given, "prepared", lambda jacobian: partial(given, jacobian))
        inverse_at = (lambda damping: None) if given is None else prepare(scaled)

        def step(damping: float) -> Float64Array:
            def product(v: Float64Array) -> Float64Array:
                return np.asarray(scaled.rmatvec(scaled.matvec(v.ravel()))) + damping * v.ravel()

            inverse = inverse_at(damping)
            start = getattr(inverse, "start", None)
            with one if inverse is None else nullcontext():  # a preconditioner of the user may use threads
                solution, _ = cg(
                    LinearOperator((n, n), matvec=product, dtype=np.float64),
                    right,
                    x0=None if start is None else start(right),
                    rtol=options.tolerance,
                    maxiter=options.iterations,
                    M=inverse,
                )
            # A preconditioner may fill in what no residual depends on, and residuals do not see it.
            return np.where((self.columns == 0) & (right == 0), 0.0, -solution / scale)

        return step


@one
def _by_singular_values(
    scaled: Float64Array,
    scale: Float64Array,
    cutoff: float,
    rotated: Float64Array,
    fed: Float64Array | None,
    beyond: bool,
) -> Damped:
    """Steps for the scaled J = U s V^T and the gradient J^T rotated, or `fed` if that is given.

    `beyond` the range of J^T nothing but the damping bounds the step along `fed`. That part is left out
    without a damping, and where it may be rounding.
    """
    if not np.isfinite(scaled).all():
        return lambda damping: np.full_like(scale, np.nan)
    # Columns of zeros, whose scale is tiny, are left out: what rounding puts there into V would be large.
    seen = scaled.any(axis=0)
    with several(22.0 * scaled.size * min(scaled.shape)):
        u, s, v = scipy.linalg.svd(
            scaled[:, seen], full_matrices=False, check_finite=False, lapack_driver="gesdd"
        )
    vt = v if seen.all() else np.zeros((len(s), len(scale)))
    vt[:, seen] = v
    kept = s > cutoff * s.max(initial=0.0)
    u, s, vt = u[:, kept], s[kept], vt[kept]
    data = s * (u.T @ rotated) if fed is None else vt @ fed
    rest = np.zeros_like(scale)
    if fed is not None and beyond:
        rest = fed - vt.T @ data
        rest -= vt.T @ (vt @ rest)  # the rounding of the first projection
        if np.linalg.norm(rest) <= 100 * len(scale) * EPS * np.linalg.norm(fed):
            rest[:] = 0.0

    @one
    def step(damping: float) -> Float64Array:
        moved = vt.T @ (data / (s**2 + damping))
        if damping > 0 and rest.any():
            moved += rest / damping
        return np.asarray(-moved / scale)

    return step


def squared(frame: Frame) -> bool:
    """Whether the gradient is J^T r: not for losses other than squares, whose Hessian may be singular."""
    return bool(getattr(frame.problem, "squared", True))


def _linearized(frame: Frame, point: Point, methods: tuple[str, ...]) -> tuple[Any, ...]:
    name = "problem.linearized(theta)"
    answer = parts(name, frame.problem.linearized(point.theta), 3)
    require(f"{name}[2]", answer[2], methods)
    return answer


def _cholesky_solve(
    matrix: Float64Array, gradient: Float64Array, damping: Float64Array
) -> Float64Array | None:
    damped = matrix.copy()
    damped[np.diag_indices_from(damped)] += damping
    try:  # LAPACK reads columns: the transpose of a symmetric matrix spares it a copy
        with several(len(damped) ** 3 / 3):
            factor = scipy.linalg.cho_factor(damped.T, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    return np.asarray(scipy.linalg.cho_solve(factor, gradient, check_finite=False))
