"""Solvers of the damped equations (J^T J + damping S^2) dz = -g of Gauss-Newton and Levenberg-Marquardt.

All work on the scaled Jacobian J S^{-1}, in the coordinates of the frame.

- `Cholesky`: J^T J is assembled and factored while the damping is far above its rounding errors; below that,
  `QR` takes over, because J^T J loses half the digits.
- `QR`: R of J = Q R, and a QR decomposition of R and the damping for every damping.
- `SVD`: singular values of R.
- `Dual`: dz = -J^T (J J^T + damping)^{-1} r when there are fewer residuals than parameters; the same step,
  because J^T (J J^T + damping) = (J^T J + damping) J^T.
- `CG`: products with J and J^T instead of matrices, for many parameters.

A solver is a record of its options; `linearize` gives the equations at a point, see
`splinekan.optimize.systems`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from scipy.sparse.linalg import LinearOperator

from splinekan._checks import Float64Array, function, integer, real
from splinekan.optimize.driver import Frame, Point
from splinekan.optimize.krylov import Krylov
from splinekan.optimize.scaled_jacobian import ScaledJacobian
from splinekan.optimize.systems import DualSystem, Normal, System, Triangular

MANY = 5000
"""Number of parameters above which `default_solver` avoids matrices."""

Preconditioner = Callable[[ScaledJacobian, float], Any]
"""(J S^{-1}, damping) -> an operator that approximates the inverse of S^{-1} J^T J S^{-1} + damping."""


class Solver(Protocol):
    """A way to solve the damped equations."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The methods that a problem must have."""
        ...

    @property
    def assembles(self) -> bool:
        """Whether `linearize` accepts a known J^T J."""
        ...

    def linearize(
        self, frame: Frame, point: Point, mixed: bool, matrix: Float64Array | None = None
    ) -> System:
        """The equations at `point`; `mixed` if the gradient belongs to other coordinates."""
        ...


SOLVER_MEMBERS = ("needs", "assembles", "linearize")


@dataclass(frozen=True)
class SVD:
    """The solver by singular values of R, J = Q R, from chunks of J.

    Parameters
    ----------
    cutoff
        Singular values below this times the largest are omitted, dimensionless.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]])  # singular
    >>> problem = ResidualProblem(lambda t: A @ t - 2, lambda t: A)
    >>> LevenbergMarquardt(solver=SVD()).minimize(problem, [0.0, 0.0], iterations=20).theta.round(6)
    array([1., 1.])
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
class QR:
    """The solver by R of J = Q R, and for every damping by the triangular factor of [R; sqrt(damping) S].

    R is computed from chunks of J. As accurate as `SVD` where the damping is positive, and many times faster
    for more than a few hundred parameters: see `splinekan.optimize.triangular`. Without damping, and for
    gradients that are not J^T r, singular values are used.

    Parameters
    ----------
    cutoff
        Relative cut-off of these singular values, as in `SVD`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(0.0, 1.0, 20)
    >>> powers = np.vander(x, 9)  # condition number 3e7
    >>> problem = ResidualProblem(lambda c: powers @ c - np.exp(x), lambda c: powers)
    >>> result = LevenbergMarquardt(solver=QR()).minimize(problem, np.zeros(9), iterations=40)
    >>> bool(np.abs(powers @ result.theta - np.exp(x)).max() < 1e-9)
    True
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
        return Triangular(frame, point, self.cutoff, mixed, values=False)


@dataclass(frozen=True)
class Cholesky:
    """The solver by Cholesky factors of the assembled J^T J; `QR` where these are not accurate enough.

    Parameters
    ----------
    cutoff
        Relative cut-off of the singular values that `QR` uses, as in `SVD`.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 100)[:, None]
    >>> objective = sk.LeastSquares(sk.KAN.splines([1, 1], intervals=4), x, np.exp(x))
    >>> result = sk.LevenbergMarquardt(solver=Cholesky()).minimize(objective, np.zeros(7), iterations=10)
    >>> result.value < 1e-6
    True
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
    """The solver by the eigenvalues of J J^T, for fewer residuals than parameters.

    Gradient and geometry must be in the same coordinates (ValueError otherwise).

    Examples
    --------
    An equation in three unknowns; the solution nearest to 0:

    >>> import numpy as np
    >>> problem = ResidualProblem(lambda t: np.array([t.sum() - 3]), lambda t: np.ones((1, 3)))
    >>> LevenbergMarquardt(solver=Dual()).minimize(problem, np.zeros(3), iterations=20).theta.round(6)
    array([1., 1., 1.])
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
    """The solver by truncated conjugate gradients with products by J and J^T.

    B-splines are a well conditioned basis, so that after scaling only the coupling of the edges remains. The
    iteration is truncated early, since a new linearisation gains more than further digits of the step.

    Parameters
    ----------
    preconditioner
        Called with J S^{-1} (a LinearOperator with the attributes of `ScaledJacobian`) and the damping;
        returns a matrix or LinearOperator that approximates the inverse of S^{-1} J^T J S^{-1} + damping. If
        it has a method `prepared`, this is called with J S^{-1} once per linearisation, and its result is
        called with every damping. If the operator has a method `start`, the iteration begins at
        start(right-hand side). `splinekan.multilevel` has `GaussNewtonBPX`, `Deflation`, `LayerBlocks` and
        `Nystrom`. None for the scaling S alone.
    tolerance
        Relative residual at which the iteration ends.
    iterations
        The largest number of iterations per step.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 100)[:, None]
    >>> objective = sk.LeastSquares(sk.KAN.splines([1, 1], intervals=4), x, np.exp(x))
    >>> method = sk.LevenbergMarquardt(solver=CG(tolerance=0.1))
    >>> method.minimize(objective, np.zeros(7), iterations=20).value < 1e-6
    True
    """

    preconditioner: Preconditioner | None = None
    tolerance: float = 0.3
    iterations: int = 50

    needs = ("linearized",)
    assembles = False

    def __post_init__(self) -> None:
        function("preconditioner", self.preconditioner, optional=True)
        if isinstance(self.preconditioner, LinearOperator):  # can be called, too: its product
            raise TypeError(
                "preconditioner must be a function of the scaled Jacobian and the damping, such as "
                "splinekan.multilevel.GaussNewtonBPX(hierarchy), got an operator for a single matrix, "
                f"{type(self.preconditioner).__name__}"
            )
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
