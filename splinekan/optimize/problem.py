"""The problems of optimisers: value, gradient, residual, Jacobian and coordinates, without networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._blas import one, several
from splinekan._checks import Float64Array, function, instance, real, real_array, vector
from splinekan.operators import Matrix
from splinekan.optimize.answers import FLOAT64, finite, real_number, reals, require

Factor = tuple[float, Float64Array, Float64Array]
MAP_METHODS = ("apply", "solve", "solve_transpose")


class LinearMap(Protocol):
    """An invertible matrix T, z = T theta; every product takes vectors (n,) or matrices (n, any)."""

    def apply(self, v: Float64Array, /) -> Float64Array:
        """T v."""
        ...

    def solve(self, v: Float64Array, /) -> Float64Array:
        """T^{-1} v."""
        ...

    def solve_transpose(self, v: Float64Array, /) -> Float64Array:
        """T^{-T} v."""
        ...


class Problem(Protocol):
    """A smooth function of a vector."""

    @property
    def cost(self) -> float | None:
        """Work units of an evaluation of value and gradient; None leaves the count to the driver."""
        ...

    def value(self, theta: Float64Array, /) -> float:
        """The loss."""
        ...

    def value_and_gradient(self, theta: Float64Array, /) -> tuple[float, Float64Array]:
        """The loss and its gradient."""
        ...

    def coordinates(self, name: str, /) -> LinearMap:
        """The map from theta to the coordinates `name`."""
        ...


class Jacobian(Protocol):
    """A Jacobian by its products, such as `splinekan.operators.Operator`."""

    def matvec(self, v: Float64Array, /) -> Any:
        """J v."""
        ...

    def rmatvec(self, r: Float64Array, /) -> Any:
        """J^T r."""
        ...

    def column_squares(self) -> Float64Array:
        """The diagonal of J^T J."""
        ...

    def toarray(self) -> Any:
        """J, dense."""
        ...


class LeastSquaresProblem(Problem, Protocol):
    """A loss 1/2 r.r of a residual r(theta) with Jacobian J."""

    @property
    def n_residuals(self) -> float:
        """Length of r; infinite if it is not known."""
        ...

    def linearized(self, theta: Float64Array, /) -> tuple[float, Float64Array, Jacobian]:
        """(1/2 r.r, r, J)."""
        ...

    def normal_equations(self, theta: Float64Array, /) -> Factor:
        """(1/2 r.r, J^T r, J^T J)."""
        ...

    def triangular_factor(self, theta: Float64Array, /) -> Factor:
        """(1/2 r.r, R, z) with J = Q R and z = Q^T r."""
        ...


def _columns(v: ArrayLike, n: int | None = None) -> Float64Array:
    """`v` as a vector (n,) or a matrix (n, any); NaN passes."""
    if type(v) is np.ndarray and v.dtype == FLOAT64 and v.ndim in (1, 2) and n in (None, len(v)):
        return v
    ndim = v.ndim if isinstance(v, np.ndarray) else np.asarray(v, dtype=object).ndim
    return reals("v", v, (n, None) if ndim == 2 else (n,))


@dataclass(frozen=True)
class IdentityMap:
    """T = I."""

    def apply(self, v: ArrayLike) -> Float64Array:
        """A copy of v."""
        return _columns(v).copy()

    solve = apply
    solve_transpose = apply


@dataclass(frozen=True, eq=False)
class MatrixMap:
    """T = a dense, invertible matrix; triangular matrices are solved by substitution.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not square, not finite and real, or singular; in products, if `v` is not a vector
        (n,) or a matrix (n, any).
    """

    matrix: Float64Array

    def __post_init__(self) -> None:
        matrix = real_array("matrix", self.matrix, ndim=2, empty=False).astype(np.float64)
        if matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"matrix must be square, got shape {matrix.shape}")
        triangle = "upper" if np.array_equal(np.triu(matrix), matrix) else ""
        triangle = triangle or ("lower" if np.array_equal(np.tril(matrix), matrix) else "")
        factor, pivots = matrix, np.empty(0, np.int32)
        if not triangle:
            with several(2 / 3 * len(matrix) ** 3):
                factor, pivots, _ = scipy.linalg.lapack.dgetrf(matrix)
        if not np.diag(factor).all():
            raise ValueError("matrix must be invertible, got a singular matrix")
        for name, value in (("matrix", matrix), ("_lu", (factor, pivots)), ("_triangle", triangle)):
            object.__setattr__(self, name, value)

    def apply(self, v: ArrayLike) -> Float64Array:
        """T v."""
        return _product(self.matrix, _columns(v, len(self.matrix)))

    def solve(self, v: ArrayLike) -> Float64Array:
        """T^{-1} v."""
        return self._solve(v, 0)

    def solve_transpose(self, v: ArrayLike) -> Float64Array:
        """T^{-T} v."""
        return self._solve(v, 1)

    @one
    def _solve(self, v: ArrayLike, transposed: int) -> Float64Array:
        right = _columns(v, len(self.matrix))
        triangle: str = object.__getattribute__(self, "_triangle")
        if triangle:
            lower = triangle == "lower"
            return np.asarray(
                scipy.linalg.solve_triangular(
                    self.matrix, right, trans=transposed, lower=lower, check_finite=False
                )
            )
        lu = object.__getattribute__(self, "_lu")
        return np.asarray(scipy.linalg.lu_solve(lu, right, trans=transposed, check_finite=False))


class _FromFunctions:
    """Checks and coordinates of problems that are defined by functions."""

    maps: Mapping[str, LinearMap]

    def _check(self, *functions: str) -> None:
        for name in functions:
            function(name, getattr(self, name))
        for name, coordinates in instance("maps", self.maps, Mapping).items():
            require(f"maps[{name!r}]", coordinates, MAP_METHODS)
        object.__setattr__(self, "cost", real("cost", self.cost, low=0.0))  # type: ignore[attr-defined]

    def coordinates(self, name: str) -> LinearMap:
        """The map of that name.

        Raises
        ------
        ValueError
            For an unknown name, listing the known names.
        """
        if not isinstance(name, str) or name not in self.maps:
            known = ", ".join(map(repr, self.maps)) or "none but the native ones (None)"
            raise ValueError(f"unknown coordinates {name!r}; this problem has {known}")
        return self.maps[name]

    @staticmethod
    def _theta(theta: ArrayLike) -> Float64Array:
        at = reals("theta", theta, (None,))
        if not finite(at):
            vector("theta", at)  # the message names the position
        return at.copy()  # the functions may change their argument


@dataclass(frozen=True)
class FunctionProblem(_FromFunctions):
    """A problem defined by functions `function(theta)` and `gradient(theta)`.

    Parameters
    ----------
    function
        The loss, a real number.
    gradient
        Its gradient, of the length of theta.
    maps
        Further coordinates z = T theta by name, for `geometry=` and `gradient=` of an optimiser.
    cost
        Work units of an evaluation.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type; on evaluation, if a function returns a value of the wrong type or
        shape. NaN and infinities are passed on to the optimiser.

    Examples
    --------
    >>> import numpy as np
    >>> problem = FunctionProblem(lambda t: np.cosh(t).sum(), np.sinh)
    >>> problem.value(np.zeros(2))
    2.0
    >>> LBFGS().minimize(problem, [1.0, -2.0], iterations=50, gradient_tolerance=1e-8).success
    True
    """

    function: Callable[[Float64Array], float]
    gradient: Callable[[Float64Array], ArrayLike]
    maps: Mapping[str, LinearMap] = field(default_factory=dict)
    cost: float = 1.0

    def __post_init__(self) -> None:
        self._check("function", "gradient")

    def value(self, theta: ArrayLike) -> float:
        """The loss."""
        return real_number("function(theta)", self.function(self._theta(theta)))

    def value_and_gradient(self, theta: ArrayLike) -> tuple[float, Float64Array]:
        """The loss and its gradient."""
        at = self._theta(theta)
        value = real_number("function(theta)", self.function(at.copy()))
        return value, reals("gradient(theta)", self.gradient(at), at.shape)


@dataclass(frozen=True)
class ResidualProblem(_FromFunctions):
    """A least-squares problem 1/2 r.r defined by functions `residual(theta)` and `jacobian(theta)`.

    Parameters
    ----------
    residual
        r, shape (n_residuals,).
    jacobian
        dr/dtheta, shape (n_residuals, n_parameters), dense or a SciPy sparse matrix.
    maps, cost
        As in `FunctionProblem`.

    Raises
    ------
    TypeError, ValueError
        As in `FunctionProblem`.

    Examples
    --------
    An exponential through (0, 2) and (1, 1):

    >>> import numpy as np
    >>> problem = ResidualProblem(
    ...     lambda t: np.array([t[0] - 2, t[0] * np.exp(t[1]) - 1]),
    ...     lambda t: np.array([[1, 0], [np.exp(t[1]), t[0] * np.exp(t[1])]]),
    ... )
    >>> LevenbergMarquardt().minimize(problem, [1.0, 0.0], iterations=20).theta.round(6)
    array([ 2.      , -0.693147])
    """

    residual: Callable[[Float64Array], ArrayLike]
    jacobian: Callable[[Float64Array], Any]
    maps: Mapping[str, LinearMap] = field(default_factory=dict)
    cost: float = 1.0

    def __post_init__(self) -> None:
        self._check("residual", "jacobian")

    def value(self, theta: ArrayLike) -> float:
        """1/2 r.r."""
        return _half_square(self._residual(self._theta(theta)))

    def value_and_gradient(self, theta: ArrayLike) -> tuple[float, Float64Array]:
        """(1/2 r.r, J^T r)."""
        r, jacobian = self._linearized(theta)
        return _half_square(r), _product(jacobian.T, r)

    def normal_equations(self, theta: ArrayLike) -> Factor:
        """(1/2 r.r, J^T r, J^T J)."""
        r, jacobian = self._linearized(theta)
        return _half_square(r), _product(jacobian.T, r), _product(jacobian.T, jacobian)

    def triangular_factor(self, theta: ArrayLike) -> Factor:
        """(1/2 r.r, R, Q^T r)."""
        r, jacobian = self._linearized(theta)
        longer, shorter = max(jacobian.shape), min(jacobian.shape)
        with several(4.0 * shorter**2 * (longer - shorter / 3)):
            q, upper = scipy.linalg.qr(jacobian, mode="economic", check_finite=False)
        return _half_square(r), upper, _product(q.T, r)

    @property
    def n_residuals(self) -> float:
        """Infinity, since the number is unknown before the first evaluation."""
        return np.inf

    def linearized(self, theta: ArrayLike) -> tuple[float, Float64Array, Matrix]:
        """(1/2 r.r, r, J)."""
        r, jacobian = self._linearized(theta)
        return _half_square(r), r, Matrix(jacobian)

    def _residual(self, theta: Float64Array) -> Float64Array:
        r = reals("residual(theta)", self.residual(theta), (None,))
        if not len(r):
            raise ValueError("residual(theta) must not be empty")
        return r

    def _linearized(self, theta: ArrayLike) -> tuple[Float64Array, Float64Array]:
        at = self._theta(theta)
        r = self._residual(at.copy()).copy()  # the function may reuse its memory for the Jacobian
        jacobian = self.jacobian(at)
        dense = jacobian.toarray() if scipy.sparse.issparse(jacobian) else jacobian
        return r, np.ascontiguousarray(reals("jacobian(theta)", dense, (len(r), len(at))))


def _product(a: Float64Array, b: Float64Array) -> Float64Array:
    """a b, without warnings of overflow."""
    flops = 2.0 * a.size * (b.shape[1] if b.ndim == 2 else 1)
    with several(flops), np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(a @ b)


def _half_square(r: Float64Array) -> float:
    return float(_product(r, r)) / 2
