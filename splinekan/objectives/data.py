"""The least-squares objective of a network on data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._arrays import F8, floats
from splinekan._checks import Array, Float64Array, affordable, instance, one_of, real, real_array
from splinekan.network import BASES, KAN, Linearization, SparseRows
from splinekan.network.kan import warn_of_inputs
from splinekan.operators.coordinates import Coordinates
from splinekan.operators.segments import symmetric

CHUNK_BYTES = 2**26
"""Memory that one chunk of activations or dense rows may take."""
ROW_BYTES = 2**23
"""Memory for one chunk of Jacobian rows, small enough that its memory is used again and again."""


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """L(theta) = 1/2 r.r + smoothing/2 |D theta|^2, r = sqrt(w)(g(x; theta) - y).

    D takes the jumps of the highest derivative at the inner knots of every edge (`SplineLayer.roughness`).
    A little of it settles the coefficients that no sample, or hardly any, sees; jumps of a smooth function
    fall like h^(k+1), and with them the bias.

    Every sum runs over chunks of samples, so memory stays bounded whatever their number. weights = 2/n
    makes the first term the mean square error.

    Parameters
    ----------
    network
        The network g.
    x
        (n, n_in); float32 is computed in float32. Samples outside the domain of the splines that take them
        (`KAN.domain`) are fitted by what continues the splines: more than 1 % of them in a column make a
        `DomainWarning`. So do columns that fill less than 1e-3 of their domain, and, where an affine map
        comes first, columns that vary on scales as far apart. Contiguous arrays are kept, not copied: do not
        change them while the objective is in use.
    y
        (n, n_out), or (n,) for one output; kept in the type of x. Float64 values whose variation is lost in
        float32, such as small changes of a large number, are refused: subtract their mean.
    weights
        w: (n,), one number for all, or None for 1; non-negative.
    cost
        Work units of one evaluation of value and gradient.
    smoothing
        Weight of the second term, not negative; in the units of w y^2 by those of coefficients squared.

    Raises
    ------
    TypeError, ValueError
        For wrong shapes, empty or non-finite data, data or weights that float32 cannot hold where x is
        float32, negative weights or smoothing. The methods for theta or vectors of another length; NaN in
        theta is taken, and makes the loss NaN.

    Warns
    -----
    DomainWarning
        See x.

    Examples
    --------
    >>> import numpy as np
    >>> from splinekan import KAN
    >>> x = np.linspace(0, 1, 50)[:, None]
    >>> objective = LeastSquares(KAN.splines([1, 1], intervals=4), x, np.sin(x))
    >>> objective.value(np.zeros(7)) > 0
    True
    """

    network: KAN
    x: Array
    y: Array
    weights: ArrayLike | None = None
    cost: float = 1.0
    smoothing: float = 0.0
    _root: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        network = instance("network", self.network, KAN)
        x = real_array("x", self.x, shape=(None, network.n_in), empty=False)
        y = real_array("y", self.y)
        if y.ndim == 1 and network.n_out == 1:
            y = y[:, None]
        y = _held("y", real_array("y", y, shape=(x.shape[0], network.n_out)), x)
        w = None if self.weights is None else real_array("weights", self.weights)
        root = np.ones((), x.dtype)
        if w is not None:
            if w.ndim > 1 or (w.ndim == 1 and w.shape != x.shape[:1]):
                raise ValueError(f"weights must be one number or have shape ({len(x)},), got {w.shape}")
            if (w < 0).any():
                raise ValueError(f"weights must not be negative, got {w.min()}")
            root = np.sqrt(w if w.ndim == 0 else w[:, None]).astype(np.float64)
            with np.errstate(over="ignore", under="ignore"):
                cast = root.astype(x.dtype)
            if not np.isfinite(cast).all() or ((cast == 0) & (root > 0)).any():
                raise ValueError("weights must have roots within the range of float32, as x is float32")
            root = cast
        cost = real("cost", self.cost, positive=True)
        smoothing = real("smoothing", self.smoothing, low=0.0, high=np.inf)
        fields = {"x": x, "y": y, "weights": w, "cost": cost, "smoothing": smoothing, "_root": root}
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        warn_of_inputs(network, x, stacklevel=3)

    @property
    def n_samples(self) -> int:
        """n."""
        return len(self.x)

    def penalty(self, theta: Float64Array) -> float:
        """smoothing/2 |D theta|^2."""
        theta = self.network._theta(theta)
        if self.smoothing == 0:
            return 0.0
        return self.smoothing * _square(self.network.roughness @ theta) / 2

    @np.errstate(over="ignore", invalid="ignore")
    def value(self, theta: Float64Array) -> float:
        """L."""
        total = self.penalty(theta)
        for start, stop in self._chunks(self._activation_bytes):
            _, r = self._residual(theta, start, stop)
            total += _square(r) / 2
        return total

    @np.errstate(over="ignore", invalid="ignore")
    def value_and_gradient(self, theta: Float64Array) -> tuple[float, Float64Array]:
        """L and its gradient J^T r + smoothing D^T D theta."""
        theta = self.network._theta(theta)
        total, gradient = self.penalty(theta), self._pull(theta)
        for start, stop in self._chunks(self._activation_bytes):
            at, r = self._residual(theta, start, stop)
            total += _square(r) / 2
            gradient += at.vjp(self._roots(start, stop) * r)
        return total, gradient

    def gradient(self, theta: Float64Array) -> Float64Array:
        """J^T r + smoothing D^T D theta."""
        return self.value_and_gradient(theta)[1]

    def residual(self, theta: Float64Array) -> Float64Array:
        """r, shape (n n_out,), sample after sample; the data's, without the smoothing's rows."""
        theta = self.network._theta(theta)
        parts = [
            self._residual(theta, start, stop)[1].ravel()
            for start, stop in self._chunks(self._activation_bytes)
        ]
        return np.concatenate(parts).astype(np.float64)

    def jacobian(self, theta: Float64Array) -> SparseRows:
        """J of r, whole: row i n_out + o belongs to output o of sample i; without the smoothing's rows."""
        return self._rows(self.network.linearize(theta, self.x), 0, self.n_samples)

    @np.errstate(over="ignore", invalid="ignore")
    def hessian_product(self, theta: Float64Array, v: Float64Array) -> Float64Array:
        """The exact Hessian of L times v: J^T J v + sum_i r_i (Hessian of r_i) v + smoothing D^T D v."""
        theta, v = self.network._theta(theta), self.network._theta(v, "v")
        product = self._pull(v)
        for start, stop in self._chunks(self._activation_bytes):
            at, r = self._residual(theta, start, stop)
            root = self._roots(start, stop)
            changes = at.tangents(v)
            product += at.vjp_change(root * r, v, root**2 * changes[-1], changes)
        return product

    @np.errstate(over="ignore", invalid="ignore")
    def normal_equations(self, theta: Float64Array) -> tuple[float, Float64Array, Float64Array]:
        """(L, its gradient, J^T J + smoothing D^T D), the matrix assembled from the sparse rows."""
        theta, m = self.network._theta(theta), self.network.n_parameters
        affordable("the normal matrix", 8.0 * m**2)
        total, gradient, matrix = self.penalty(theta), self._pull(theta), np.zeros((m, m))
        for start, stop in self._row_chunks():
            at, r = self._residual(theta, start, stop)
            rows = self._rows(at, start, stop)
            total += _square(r) / 2
            gradient += rows.rmatvec(r.ravel())
            rows.add_products(matrix)
        symmetric(matrix)
        if self.smoothing > 0:
            d = self.network.roughness
            matrix += (self.smoothing * (d.T @ d)).toarray()
        return total, gradient, matrix

    @np.errstate(over="ignore", invalid="ignore")
    def triangular_factor(self, theta: Float64Array) -> tuple[float, Float64Array, Float64Array]:
        """(L, R, z) with J = Q R and z = Q^T r; R is updated chunk by chunk and Q never formed.

        With smoothing, J and r have the rows sqrt(smoothing) D and sqrt(smoothing) D theta below them.
        """
        theta, m = self.network._theta(theta), self.network.n_parameters
        affordable("the triangular factor", 24.0 * m**2)
        total, stacked = self.penalty(theta), np.zeros((0, m + 1))
        if self.smoothing > 0:
            d = self.network.roughness
            stacked = np.sqrt(self.smoothing) * np.column_stack([d.toarray(), d @ theta])
        for start, stop in self._chunks(8 * (m + 1) * self.network.n_out, least=2 * m):
            at, r = self._residual(theta, start, stop)
            total += _square(r) / 2
            dense = np.empty((r.size, m + 1))
            dense[:, :m] = self._rows(at, start, stop).toarray()
            dense[:, m] = r.ravel()
            (upper,) = scipy.linalg.qr(
                np.concatenate([stacked, dense]), mode="r", overwrite_a=True, check_finite=False
            )
            stacked = upper[: m + 1]
        return total, stacked[:m, :m], stacked[:m, m]

    @property
    def n_residuals(self) -> int:
        """Length of r, the smoothing's rows included."""
        smooth = self.network.roughness.shape[0] if self.smoothing > 0 else 0
        return self.n_samples * self.network.n_out + smooth

    @np.errstate(over="ignore", invalid="ignore")
    def linearized(self, theta: Float64Array) -> tuple[float, Float64Array, ResidualJacobian]:
        """(L, r, J), J by its products only, with the smoothing's rows below."""
        theta = self.network._theta(theta)
        at, r = self._residual(theta, 0, self.n_samples)
        below = np.zeros(0)
        if self.smoothing > 0:
            below = np.sqrt(self.smoothing) * (self.network.roughness @ theta)
        both = np.concatenate([r.ravel().astype(np.float64), below])
        return float(both @ both) / 2, both, ResidualJacobian(self, at)

    def coordinates(self, name: str) -> Coordinates:
        """The map from theta to the parameters in the basis `name`, "spline" or "relu"."""
        return self.network.coordinates(one_of("name", name, BASES))

    def _pull(self, v: Float64Array) -> Float64Array:
        """smoothing D^T D v."""
        if self.smoothing == 0:
            return np.zeros(self.network.n_parameters)
        d = self.network.roughness
        product: Float64Array = self.smoothing * (d.T @ (d @ v))
        return product

    @property
    def _activation_bytes(self) -> int:
        return self.x.itemsize * sum(3 * layer.n_out for layer in self.network.layers)

    def _row_chunks(self) -> Iterator[tuple[int, int]]:
        stored = sum(n for layer in self.network.layers for n in layer.run_lengths)
        return self._chunks(8 * (stored + 8) * self.network.n_out, ROW_BYTES)

    def _chunks(
        self, bytes_per_sample: int, limit: int = CHUNK_BYTES, least: int = 1
    ) -> Iterator[tuple[int, int]]:
        size = max(limit // max(bytes_per_sample, 1), least, 1)
        for start in range(0, self.n_samples, size):
            yield start, min(start + size, self.n_samples)

    def _roots(self, start: int, stop: int) -> Array:
        return self._root if self._root.ndim == 0 else self._root[start:stop]

    def _residual(self, theta: Float64Array, start: int, stop: int) -> tuple[Linearization, Array]:
        at = self.network.linearize(theta, self.x[start:stop])
        return at, self._roots(start, stop) * (at.output - self.y[start:stop])

    def _rows(self, at: Linearization, start: int, stop: int) -> SparseRows:
        rows = at.jacobian()
        root = self._roots(start, stop)
        scaled = rows.values.reshape(stop - start, -1)
        scaled *= root
        return rows


@dataclass(frozen=True, eq=False)
class ResidualJacobian:
    """J of the residual at one theta: products run through the network and store no row."""

    objective: LeastSquares
    at: Linearization

    @property
    def _below(self) -> scipy.sparse.csr_array | None:
        weight = self.objective.smoothing
        return np.sqrt(weight) * self.at.network.roughness if weight > 0 else None

    def matvec(self, v: Float64Array) -> Float64Array:
        """J v, shape (objective.n_residuals,), for v (n_parameters,)."""
        v = self.at.network._theta(v, "v")
        above = (self._root * self.at.jvp(v)).ravel().astype(np.float64)
        below = self._below
        return above if below is None else np.concatenate([above, below @ v])

    def rmatvec(self, r: Float64Array) -> Float64Array:
        """J^T r, shape (n_parameters,), for r (objective.n_residuals,)."""
        r = floats("r", r, (self.objective.n_residuals,), F8)  # type: ignore[assignment]
        n = self.at.output.size
        pulled = self.at.vjp(self._root * r[:n].reshape(self.at.output.shape))
        below = self._below
        return pulled if below is None else pulled + below.T @ r[n:]

    def column_squares(self) -> Float64Array:
        """The diagonal of J^T J, from the sparse rows chunk by chunk."""
        objective, theta = self.objective, self.at.theta.astype(np.float64)
        squares = np.zeros(self.at.network.n_parameters)
        for start, stop in objective._row_chunks():
            at = self.at.network.linearize(theta, objective.x[start:stop])
            squares += objective._rows(at, start, stop).column_squares()
        below = self._below
        return squares if below is None else squares + below.power(2).sum(axis=0)

    def toarray(self) -> Float64Array:
        """J, dense."""
        above = self.objective._rows(self.at, 0, self.objective.n_samples).toarray().astype(np.float64)
        below = self._below
        return above if below is None else np.vstack([above, below.toarray()])

    @property
    def _root(self) -> Array:
        return self.objective._root


def _held(name: str, value: Array, x: Array) -> Array:
    """`value` in the type of x, if that holds what varies in its columns to three digits or more."""
    if value.dtype == x.dtype or x.dtype == F8:
        return value.astype(x.dtype, copy=False)
    with np.errstate(over="ignore"):
        cast = value.astype(x.dtype)
    if not np.isfinite(cast).all():
        raise ValueError(f"{name} must be within the range of {x.dtype}, as x is {x.dtype}")
    lost, spread = np.abs(cast - value).max(axis=0), np.ptp(value, axis=0)
    unresolved = np.flatnonzero((lost > 1e-3 * spread) & (spread > 0))
    if len(unresolved):
        at = int(unresolved[0])
        raise ValueError(
            f"{name} varies by {spread[at]:g} around {value[0, at]:g}, which {x.dtype} does not resolve: "
            "subtract the mean, or give x in float64"
        )
    return cast


def _square(r: Array) -> float:
    flat = r.ravel()
    return float(np.einsum("i,i->", flat, flat, dtype=np.float64))
