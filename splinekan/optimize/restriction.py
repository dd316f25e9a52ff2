"""Minimisation on an affine subspace: fixed parameters and linear equations, for every optimiser."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import MAX_INTEGER, Float64Array, real_array, shown, vector
from splinekan.optimize.answers import parts, real_number, reals, require
from splinekan.optimize.problem import MAP_METHODS, Factor, LinearMap, Problem
from splinekan.optimize.subspace import Indices, Subspace, SubspaceMap, coordinates_on

JACOBIAN_METHODS = ("matvec", "rmatvec", "column_squares", "toarray")
EXACT = 32
"""Columns of J are computed for up to this number of tied directions; beyond, their norms are estimated."""
PROBES = 8


@dataclass(frozen=True, eq=False)
class Restricted:
    """A problem on the affine subspace {theta: theta[fixed] = theta0[fixed], C theta = d}.

    Every optimiser minimises it exactly on the subspace, theta = p + Z y with Z^T Z = I, by iterating on y:
    fixed entries are bitwise those of the start, and C theta = d to rounding in every iterate. The optimiser
    is given the loss at p + Z y, the gradient Z^T g and the Jacobian J Z; results and callbacks hold theta.
    Tolerances, step norms and gradient norms are those of y. In coordinates z = T theta, methods work in the
    metric of T on the subspace; weight decay pulls towards the point of the subspace with the smallest |z|.

    The start of a run need not solve the equations: it is projected orthogonally, its fixed entries kept.
    Redundant equations are admitted.

    Parameters
    ----------
    problem
        The problem without restrictions: an objective, `FunctionProblem`, `ResidualProblem`.
    fixed
        Entries of theta that keep the values of the start: a mask (n,), or indices (any,) from 0 to n - 1
        (`KAN.indices` gives those of layers and edges); None for none.
    equations
        (C, d): C (rows, n), dense or SciPy sparse, and d (rows,), in the units of theta; None for none.
        `KAN.edge_rows` gives rows for values and derivatives of a spline.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type or shape. When a run begins, for entries beyond theta0, equations
        without a solution that has the fixed entries of theta0, and restrictions that determine all of theta.

    Examples
    --------
    >>> import numpy as np
    >>> bowl = FunctionProblem(lambda t: t @ t / 2, lambda t: t)
    >>> on_a_line = Restricted(bowl, fixed=[0], equations=([[1.0, 1.0, 1.0]], [4.0]))
    >>> LBFGS().minimize(on_a_line, [1.0, 0.0, 0.0], iterations=20).theta.round(6)
    array([1. , 1.5, 1.5])
    """

    problem: Problem
    fixed: ArrayLike | None = None
    equations: tuple[Any, ArrayLike] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.problem, Restricted):
            raise TypeError(
                "problem must not be Restricted itself: give all fixed entries and equations at once"
            )
        require("problem", self.problem, ("value_and_gradient",))
        if self.fixed is not None:
            object.__setattr__(self, "fixed", _entries(self.fixed))
        if self.equations is not None:
            object.__setattr__(self, "equations", _rows(self.equations))

    @property
    def cost(self) -> float | None:
        """Work units of an evaluation, those of the problem."""
        return self.problem.cost

    def value(self, theta: Float64Array) -> float:
        """The loss at any theta."""
        return self.problem.value(theta)

    def value_and_gradient(self, theta: Float64Array) -> tuple[float, Float64Array]:
        """The loss and its gradient at any theta, without the restrictions."""
        return self.problem.value_and_gradient(theta)

    def coordinates(self, name: str) -> LinearMap:
        """The map from theta to the coordinates `name`."""
        return self.problem.coordinates(name)

    def reduced(self, theta0: ArrayLike, geometry: str | None = None) -> Reduced:
        """The problem as a function of y; y = 0 is the point of the subspace nearest to 0 in `geometry`."""
        theta = vector("theta0", theta0)
        n = len(theta)
        fixed: Any = np.zeros(0, np.int64) if self.fixed is None else self.fixed
        if fixed.dtype == bool:
            if len(fixed) != n:
                raise ValueError(f"fixed must have as many entries as theta0, {n}, got {len(fixed)}")
            fixed = np.flatnonzero(fixed)
        elif len(fixed) and fixed.max() >= n:
            raise ValueError(f"fixed must be indices below the length {n} of theta0, got {fixed.max()}")
        equations: Any = self.equations
        if equations is not None and equations[0].shape[1] != n:
            raise ValueError(
                f"equations must have a column for each of the {n} entries of theta0, "
                f"got {equations[0].shape[1]}"
            )
        return Reduced(self.problem, theta, Subspace.through(theta, fixed, equations), geometry)


class Reduced:
    """A problem as a function of y, theta = p + Z y; it has the same methods as the problem."""

    OFFERED = ("value", "normal_equations", "triangular_factor", "linearized", "n_residuals", "model")

    def __init__(self, problem: Any, theta: Float64Array, space: Subspace, geometry: str | None) -> None:
        self.problem, self.space, self.cost = problem, space, problem.cost
        self.squared = getattr(problem, "squared", True)
        self._maps: dict[str, LinearMap] = {}
        self.origin = space.origin
        self.start = space.pull(theta - self.origin)
        self._first = self._point(self.start)
        if geometry is not None:
            along = self.coordinates(geometry)
            if isinstance(along, SubspaceMap):
                nearest = along.nearest()
                self.origin = self.origin + space.lift(nearest)
                self.start = self.start - nearest

    def __repr__(self) -> str:
        return f"Restricted({self.problem!r})"

    def __getattr__(self, name: str) -> Any:
        if name in Reduced.OFFERED and hasattr(self.problem, name):
            return self.problem.n_residuals if name == "n_residuals" else getattr(self, f"_{name}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def native(self, y: Float64Array) -> Float64Array:
        """The parameters theta; the start is reproduced exactly, without rounding."""
        if np.array_equal(y, self.start):
            return self._first.copy()
        return self._point(y)

    def _point(self, y: Float64Array) -> Float64Array:
        theta = np.asarray(self.origin + self.space.lift(y))
        theta[self.space.fixed] = self.space.origin[self.space.fixed]  # -0.0 + 0.0 is 0.0
        return theta

    def coordinates(self, name: str) -> LinearMap:
        """The map from y to coordinates in which lengths are those in T theta."""
        if name not in self._maps:
            coordinates = self.problem.coordinates(name)
            require(f"problem.coordinates({name!r})", coordinates, MAP_METHODS)
            self._maps[name] = coordinates_on(coordinates, self.space)
        return self._maps[name]

    def value_and_gradient(self, y: Float64Array) -> tuple[float, Float64Array]:
        """The loss and Z^T g."""
        theta = self.native(y)
        name = "problem.value_and_gradient(theta)"
        value, gradient = parts(name, self.problem.value_and_gradient(theta), 2)
        return real_number(f"{name}[0]", value), self.space.pull(reals(f"{name}[1]", gradient, theta.shape))

    def _value(self, y: Float64Array) -> float:
        return real_number("problem.value(theta)", self.problem.value(self.native(y)))

    def _normal_equations(self, y: Float64Array) -> Factor:
        theta = self.native(y)
        name = "problem.normal_equations(theta)"
        value, gradient, matrix = parts(name, self.problem.normal_equations(theta), 3)
        gradient = reals(f"{name}[1]", gradient, theta.shape)
        matrix = reals(f"{name}[2]", matrix, 2 * theta.shape)
        pull = self.space.pull
        return real_number(f"{name}[0]", value), pull(gradient), np.ascontiguousarray(pull(pull(matrix).T).T)

    def _triangular_factor(self, y: Float64Array) -> Factor:
        theta = self.native(y)
        name = "problem.triangular_factor(theta)"
        value, triangle, rotated = parts(name, self.problem.triangular_factor(theta), 3)
        triangle = reals(f"{name}[1]", triangle, (None, len(theta)))
        return value, np.ascontiguousarray(self.space.pull(triangle.T).T), rotated

    def _linearized(self, y: Float64Array) -> tuple[float, Float64Array, ReducedJacobian]:
        name = "problem.linearized(theta)"
        value, r, jacobian = parts(name, self.problem.linearized(self.native(y)), 3)
        require(f"{name}[2]", jacobian, JACOBIAN_METHODS)
        return value, r, ReducedJacobian(jacobian, self.space)

    def _model(self, y: Float64Array) -> Any:
        return self.problem.model(self.native(y))


class ReducedJacobian:
    """J Z by its products."""

    def __init__(self, jacobian: Any, space: Subspace) -> None:
        self._jacobian, self._space = jacobian, space

    def matvec(self, v: Float64Array) -> Float64Array:
        """J Z v."""
        return np.asarray(self._jacobian.matvec(self._space.lift(v)))

    def rmatvec(self, r: Float64Array) -> Float64Array:
        """Z^T J^T r."""
        return self._space.pull(np.asarray(self._jacobian.rmatvec(r)))

    def _normal_product(self, v: Float64Array) -> Float64Array:
        """Z^T J^T J Z v."""
        fused = getattr(self._jacobian, "_normal_product", None)
        if fused is None:
            return self.rmatvec(self.matvec(v))
        return self._space.pull(np.asarray(fused(self._space.lift(v))))

    def column_squares(self) -> Float64Array:
        """The diagonal of Z^T J^T J Z; for more than 32 tied directions an estimate of their entries."""
        space = self._space
        squares = np.empty(space.dimension)
        count = len(space.free)
        squares[:count] = self._jacobian.column_squares()[space.free]
        tied = space.dimension - count
        if tied <= EXACT:
            for i in range(count, space.dimension):
                unit = np.zeros(space.dimension)
                unit[i] = 1.0
                squares[i] = float(np.sum(self.matvec(unit) ** 2))
            return squares
        rng, rows = np.random.default_rng(0), self.matvec(np.zeros(space.dimension)).shape
        signs = rng.choice([-1.0, 1.0], (PROBES, *rows))
        squares[count:] = np.mean([self.rmatvec(each)[count:] ** 2 for each in signs], axis=0)
        return squares

    def toarray(self) -> Float64Array:
        """J Z, dense."""
        return np.ascontiguousarray(self._space.pull(np.asarray(self._jacobian.toarray()).T).T)


def _entries(fixed: ArrayLike) -> Indices | NDArray[np.bool_]:
    """A mask, or indices that are not negative."""
    numbers = real_array("fixed", fixed, ndim=1)
    given = np.asarray(fixed)
    if given.dtype == bool:
        return given.copy()
    mixed = isinstance(fixed, (list, tuple)) and any(isinstance(each, (bool, np.bool_)) for each in fixed)
    if mixed or (given.dtype.kind not in "iu" and given.size):
        raise TypeError(f"fixed must be a mask or indices, got {shown(fixed)}")
    outside = numbers[(numbers < 0) | (numbers > MAX_INTEGER)]
    if outside.size:
        raise ValueError(f"fixed must be indices from 0, got {outside[0]:.0f}")
    indices = np.unique(given.astype(np.int64))
    if len(indices) < given.size:  # a mask of zeros and ones, perhaps
        raise ValueError(f"fixed must be different indices, or a mask of booleans, got {shown(fixed)}")
    return indices


def _rows(equations: Any) -> tuple[Any, Float64Array]:
    """C in sparse rows, and d."""
    if not isinstance(equations, (tuple, list)) or len(equations) != 2:
        raise TypeError(f"equations must be a pair (C, d), got {shown(equations)}")
    C, d = equations
    if scipy.sparse.issparse(C):
        if C.ndim != 2:
            raise ValueError(f"equations[0] must have 2 axes, got shape {C.shape}")
        real_array("equations[0]", C.data)
    else:
        C = real_array("equations[0]", C, ndim=2)
    matrix = scipy.sparse.csr_array(C, dtype=np.float64)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix, vector("equations[1]", d, matrix.shape[0]).copy()
