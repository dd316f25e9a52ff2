"""Affine subspaces theta = p + Z y: some entries of theta fixed, others tied by linear equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan._blas import one, several
from splinekan._checks import Float64Array, affordable
from splinekan.operators import Coordinates
from splinekan.optimize.problem import IdentityMap, LinearMap

RANK = 1e-12
"""An equation, scaled to length 1, is redundant if its part orthogonal to the others is shorter than this."""
CONSISTENT = 1e-10
"""Largest residual of a redundant equation, relative to the sizes of its terms."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Subspace:
    """The points p + Z y, Z^T Z = I, of R^n.

    Entries of theta that the equations involve, the tied entries, are p_t + Q y_t with orthonormal columns Q;
    free entries, which no equation involves, are entries of y themselves, in order, before y_t. Q is kept as
    Householder reflectors: r of length t for r equations among t entries.

    Attributes
    ----------
    origin
        p, (n,): fixed entries, the shortest solution of the equations in the tied entries, 0 elsewhere.
    fixed, free, tied
        Indices of the three kinds of entries.
    rank
        The number of independent equations.
    """

    origin: Float64Array
    fixed: Indices
    free: Indices
    tied: Indices
    rank: int
    _reflectors: tuple[Float64Array, Float64Array]

    @property
    def dimension(self) -> int:
        """Length of y."""
        return len(self.free) + len(self.tied) - self.rank

    def lift(self, y: Float64Array) -> Float64Array:
        """The product Z y for y (m,) or (m, any)."""
        out = np.zeros((len(self.origin), *y.shape[1:]))
        out[self.free] = y[: len(self.free)]
        if len(self.tied):
            padded = np.zeros((len(self.tied), *y.shape[1:]))
            padded[self.rank :] = y[len(self.free) :]
            out[self.tied] = self._rotated(padded, "N")
        return out

    def pull(self, g: Float64Array) -> Float64Array:
        """The product Z^T g for g (n,) or (n, any)."""
        if not len(self.tied):
            return g[self.free]
        return np.concatenate([g[self.free], self._rotated(g[self.tied], "T")[self.rank :]])

    def _rotated(self, v: Float64Array, transposed: str) -> Float64Array:
        return _reflected(self._reflectors, v, transposed)

    @staticmethod
    def through(theta: Float64Array, fixed: Indices, equations: tuple[Any, Float64Array] | None) -> Subspace:
        """The points with the fixed entries of theta that solve the equations (C, d), C sparse rows.

        Raises
        ------
        ValueError
            If there is no such point, or only a single point.
        """
        n = len(theta)
        kept = np.zeros(n, bool)
        kept[fixed] = True
        origin = np.where(kept, theta, 0.0)
        tied, rank = np.zeros(0, np.int64), 0
        reflectors = np.zeros((0, 0)), np.zeros(0)
        if equations is not None:
            matrix, right = equations
            columns = np.bincount(matrix.indices, minlength=n) > 0
            tied = np.flatnonzero(columns & ~kept)
            affordable("the equations", 24.0 * len(tied) * len(right))
            with np.errstate(
                over="ignore", invalid="ignore"
            ):  # equations that overflow have no solution in float64
                rest = right - matrix @ origin
                origin[tied], rank, reflectors = _solved(matrix[:, tied].toarray(), rest)
                left = np.abs(matrix @ origin - right)
                # A row whose terms all vanish is as accurate as the largest entries of theta allow.
                least = abs(matrix).max(axis=1).toarray().ravel() * np.abs(origin[columns]).max(initial=0.0)
                size = np.maximum(abs(matrix) @ np.abs(origin), least) + np.abs(right)
                wrong = np.flatnonzero(~(left <= CONSISTENT * size) | ~np.isfinite(left))
            if wrong.size:
                i = int(wrong[0])
                raise ValueError(
                    "equations must have a solution with the fixed entries of theta0: the nearest point "
                    f"misses equation {i} by {left[i]:.3g}"
                )
            free = np.flatnonzero(~kept & ~columns)
        else:
            free = np.flatnonzero(~kept)
        space = Subspace(origin, fixed, free, tied, rank, reflectors)
        if not space.dimension:
            raise ValueError("fixed and equations must leave parameters to train, but determine all of theta")
        return space


@one
def _solved(
    C: Float64Array,
    d: Float64Array,
) -> tuple[Float64Array, int, tuple[Float64Array, Float64Array]]:
    """The shortest u with C u = d, the rank of C, and Q of C^T = Q R as reflectors, its range first."""
    largest = np.abs(C).max(axis=1, initial=0.0)
    rows = np.flatnonzero(largest)
    if not rows.size:
        return np.zeros(C.shape[1]), 0, (np.zeros((C.shape[1], 0)), np.zeros(0))
    C, d = C[rows] / largest[rows, None], d[rows] / largest[rows]
    lengths = np.sqrt(np.einsum("ij,ij->i", C, C))
    C, d = C / lengths[:, None], d / lengths
    with several(4.0 * C.size * min(C.shape)):
        reflectors, upper, order = scipy.linalg.qr(C.T, mode="raw", pivoting=True, check_finite=False)
    diagonal = np.abs(np.diag(upper))
    rank = int((diagonal > RANK).sum())
    used, square = order[:rank], upper[:rank, :rank]
    solution = np.zeros(C.shape[1])
    for _ in range(2):  # the second pass removes the rounding errors of the first
        rest = np.zeros_like(solution)
        rest[:rank] = scipy.linalg.solve_triangular(
            square, d[used] - C[used] @ solution, trans=1, check_finite=False
        )
        solution += _reflected(reflectors, rest, "N")
    return solution, rank, reflectors


@one
def _reflected(
    reflectors: tuple[Float64Array, Float64Array], v: Float64Array, transposed: str
) -> Float64Array:
    """Q v or Q^T v for v (t,) or (t, any)."""
    qr, tau = reflectors
    columns = np.asfortranarray(v.reshape(len(v), -1), dtype=np.float64)
    if not len(tau) or not columns.shape[1]:
        return v.copy()
    product, _, failed = scipy.linalg.lapack.dormqr(
        "L", transposed, qr[:, : len(tau)], tau, columns, 64 * columns.shape[1]
    )
    assert failed == 0
    return np.ascontiguousarray(product).reshape(v.shape)


class SubspaceMap:
    """The map y -> w with |w| = |T Z y| for coordinates z = T theta, so that steps are in the metric of T.

    With T Z = Q R, Q with orthonormal columns, w = R y. Blocks of T in which all entries are free keep the
    coordinates of T. The dense R covers the remaining entries: for `Coordinates` the edges with fixed or tied
    entries, for other maps all of y.
    """

    def __init__(self, coordinates: LinearMap, space: Subspace) -> None:
        self._coordinates, self._space = coordinates, space
        mixed = _mixed(coordinates, space)
        within = np.concatenate(
            [mixed[space.free], np.full(space.dimension - len(space.free), mixed[space.tied].any())]
        )
        self._inside = np.flatnonzero(within)
        """Entries of y in blocks with fixed or tied entries."""
        self._rest = np.flatnonzero(~within)
        n, m = len(mixed), len(self._inside)
        affordable("coordinates of the restricted problem", 24.0 * n * m)
        columns = np.zeros((space.dimension, m))
        columns[self._inside, range(m)] = 1.0
        columns = coordinates.apply(space.lift(columns))[mixed]
        upper = np.zeros((0, 0))
        if m:
            with several(2.0 * n * m**2):
                (upper,) = scipy.linalg.qr(columns, mode="r", check_finite=False)
        signs = np.where(np.diag(upper) < 0, -1.0, 1.0)
        self._upper = signs[:m, None] * upper[:m]
        self._columns, self._mixed = columns, mixed

    def nearest(self) -> Float64Array:
        """The y at which |T (p + Z y)| is least."""
        y = np.zeros(self._space.dimension)
        if len(self._inside):
            slope = self._columns.T @ self._coordinates.apply(self._space.origin)[self._mixed]
            y[self._inside] = -self._triangular(self._triangular(slope, 1), 0)
        return y

    def apply(self, v: Float64Array) -> Float64Array:
        """The w that belongs to y = v."""
        return self._product(v, self._coordinates.apply, lambda u: np.asarray(self._upper @ u))

    def solve(self, v: Float64Array) -> Float64Array:
        """The y that belongs to w = v."""
        return self._product(v, self._coordinates.solve, lambda u: self._triangular(u, 0))

    def solve_transpose(self, v: Float64Array) -> Float64Array:
        """The gradient with respect to w, from that with respect to y."""
        return self._product(v, self._coordinates.solve_transpose, lambda u: self._triangular(u, 1))

    @one
    def _triangular(self, v: Float64Array, transposed: int) -> Float64Array:
        return np.asarray(scipy.linalg.solve_triangular(self._upper, v, trans=transposed, check_finite=False))

    def _product(
        self,
        v: Float64Array,
        outside: Callable[[Float64Array], Float64Array],
        inside: Callable[[Float64Array], Float64Array],
    ) -> Float64Array:
        out = np.empty(v.shape)
        if len(self._inside):
            out[self._inside] = inside(v[self._inside])
        if len(self._rest):
            alone = np.zeros(v.shape)
            alone[self._rest] = v[self._rest]
            out[self._rest] = self._space.pull(outside(self._space.lift(alone)))[self._rest]
        return out


def coordinates_on(coordinates: LinearMap, space: Subspace) -> LinearMap:
    """The map of y that belongs to z = T theta."""
    if isinstance(coordinates, IdentityMap) or (
        isinstance(coordinates, Coordinates) and not coordinates.pieces
    ):
        return IdentityMap()
    return SubspaceMap(coordinates, space)


def _mixed(coordinates: LinearMap, space: Subspace) -> NDArray[np.bool_]:
    """The entries of theta in blocks of T with fixed or tied entries; all where the blocks are not known."""
    n = len(space.origin)
    if not isinstance(coordinates, Coordinates):
        return np.ones(n, bool)
    bound, mixed = np.ones(n, bool), np.zeros(n, bool)
    bound[space.free] = False
    for piece in coordinates.pieces:
        edges = bound[piece.start : piece.stop].reshape(piece.n_in, piece.m, -1)
        touched = np.broadcast_to(edges.any(axis=1, keepdims=True), edges.shape)
        mixed[piece.start : piece.stop] = touched.ravel()
    if mixed[space.tied].any():
        mixed[space.tied] = True
    return mixed
