"""Objectives on data: a loss per sample, and least squares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinekan._arrays import F8, floats, quiet
from splinekan._blas import one
from splinekan._checks import Array, Float64Array, affordable, boolean, instance, one_of, real, real_array
from splinekan._columns import numbers
from splinekan._records import Uncached
from splinekan.distributed.executor import DaskExecutor
from splinekan.distributed.remote import Remote
from splinekan.distributed.rows import check_rows
from splinekan.model import Model
from splinekan.network import KAN, Linearization, SparseRows
from splinekan.network.kan import warn_of_inputs
from splinekan.objectives import sharded
from splinekan.objectives.last_layer import linear_parameters, tail
from splinekan.objectives.losses import LOSS_ATTRIBUTES, LOSS_METHODS, Loss, SquaredError, curved, unrooted
from splinekan.objectives.penalty import QuadraticPenalty
from splinekan.objectives.sharded_jacobian import ShardedJacobian, ShardedRows
from splinekan.objectives.sums import ChunkedSum, added, checked_executor, ranges
from splinekan.operators import Operator, Stacked
from splinekan.operators.segments import symmetric

if TYPE_CHECKING:
    from typing_extensions import Self

CHUNK_BYTES = 2**26
"""Memory that the activations or the dense rows of a chunk may take."""
ROW_BYTES = 2**23
"""Memory for the Jacobian rows of a chunk, small enough that the allocator reuses it."""
SORTED = 1000
"""The smallest number of samples that are sorted."""
REDUCTIONS = ("sum", "mean")


@dataclass(frozen=True, eq=False)
class DataLoss(ChunkedSum):
    """L(theta) = sum_i w_i l(g(x_i; theta), y_i) + smoothing/2 |D theta|^2 for a loss l.

    D theta holds the jumps of the highest derivative at the inner knots of every edge
    (`SplineLayer.roughness`). A small weight determines the coefficients in whose supports few or no samples
    lie; the jumps of a smooth function are O(h^(k+1)), and so is the bias.

    Every sum runs over chunks of samples, so that memory stays bounded for any number of samples.

    Parameters
    ----------
    network
        The network g.
    x
        (n, n_in); float32 samples are evaluated in float32. Outside the domain of the first splines
        (`KAN.domain`) samples are fitted by the continuation of the splines. Contiguous arrays are kept, not
        copied: do not change them while the objective is in use.
    y
        (n, n_out), or (n,) for one output; kept in the type of x. Float64 values whose variation is lost in
        float32, such as small changes of a large number, are refused: subtract their mean.
    weights
        w: (n,), a number for all samples, or None for 1; non-negative.
    cost
        Work units of an evaluation of value and gradient. None leaves the count to the driver: `Level.cost`
        in nested iteration, else 1.
    smoothing
        Weight of the second term, not negative; its units are those of w y^2 divided by those of squared
        coefficients.
    reduction
        "sum" as above; "mean" divides the sum by n and, for squared errors, leaves out the factor 1/2:
        (1/n) r.r.
    loss
        The loss of a sample: `SquaredError`, `Huber`, `Quantile`, `Logistic`, `Softmax`, `Poisson`, or any
        object with the methods of `splinekan.objectives.losses.Loss`.
    executor
        Where chunks are evaluated: None for this process; `Workers` of `concurrent.futures`; for the workers
        of a Dask cluster a `distributed.Client`, "active" for the client in scope, or a `DaskExecutor`. With
        Dask the workers keep the samples; x, y and weights may also be Dask arrays, data frames or series,
        and workers open memory-mapped arrays themselves. The attributes x, y and weights are then of type
        `ShardedArray`, and objectives for other networks, `dataclasses.replace(objective, network=...)`,
        share the samples.

    Raises
    ------
    TypeError, ValueError
        For wrong shapes, empty or non-finite data, data or weights that float32 cannot hold where x is
        float32, negative weights or smoothing, an unknown reduction, an object that is not a loss, and
        targets that the loss does not admit; with Dask, for a loss that cannot be pickled. The methods raise
        them for theta or vectors of the wrong length, and if a loss returns an array of the wrong shape; NaN
        in theta is admitted and makes the loss NaN.
    MemoryError
        For samples that exceed the memory limits of the workers.
    ImportError
        For a client without Dask, or workers without this package.

    Warns
    -----
    DomainWarning
        If more than 1 % of a column of x lies outside the domain, if a column fills less than 1e-3 of it,
        and, where an affine map comes first, if columns vary on scales that differ by as large a factor.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 50)[:, None]
    >>> network = sk.KAN.splines([1, 1], intervals=4)
    >>> objective = sk.DataLoss(network, x, x[:, 0] > 0.3, loss=sk.Logistic(), reduction="mean")
    >>> round(objective.value(np.zeros(7)), 6)  # log 2
    0.693147
    """

    network: KAN
    x: Array = field(repr=False)
    y: Array = field(repr=False)
    weights: ArrayLike | None = field(default=None, repr=False)
    cost: float | None = None
    smoothing: float = 0.0
    reduction: str = "sum"
    loss: Loss = field(default_factory=SquaredError)
    executor: Any = None
    only: ClassVar[type | None] = None
    """The required type of the loss, if not every type is admitted."""
    _root: Array = field(init=False, repr=False)
    """The square roots of the weights, (n, 1) or a number."""

    def __post_init__(self) -> None:
        instance("network", self.network, KAN)
        executor = checked_executor(self.executor)
        one_of("reduction", self.reduction, REDUCTIONS)
        if self.only is not None:
            instance("loss", self.loss, self.only)
        missing = [name for name in LOSS_METHODS if not callable(getattr(self.loss, name, None))]
        missing += [name for name in LOSS_ATTRIBUTES if not hasattr(self.loss, name)]
        if missing:
            needed = (*LOSS_METHODS, *LOSS_ATTRIBUTES)
            raise TypeError(f"loss must have {', '.join(needed)}, lacks {', '.join(missing)}")
        boolean("loss.squared", self.loss.squared)
        real("loss.mean_factor", self.loss.mean_factor, positive=True)
        checked: dict[str, Any] = {
            "executor": executor,
            "cost": None if self.cost is None else real("cost", self.cost, positive=True),
            "smoothing": real("smoothing", self.smoothing, low=0.0, high=np.inf),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        check_rows({"x": self.x, "y": self.y, "weights": self.weights})
        x, y, weights, root = self._resident() if self._sharded else self._here()
        samples = {"x": x, "y": y, "weights": weights, "_root": root}
        for name, array in samples.items():
            object.__setattr__(self, name, array)
        self._warn_of_inputs()

    def _here(self) -> tuple[Array, Array, Array | None, Array]:
        """x, y, weights and their roots in this process."""
        network = self.network
        x = real_array("x", numbers("x", self.x), shape=(None, network.n_in), empty=False)
        y = numbers("y", self.y)
        if y.ndim == 1 and network.n_out == 1:
            y = y[:, None]
        y = _in_the_type_of(x, "y", real_array("y", y, shape=(x.shape[0], network.n_out)))
        if callable(check := getattr(self.loss, "check", None)):
            check(y)
        weights = None if self.weights is None else numbers("weights", self.weights)
        factor = self.loss.mean_factor / len(x) if self.reduction == "mean" else 1.0
        return x, y, weights, roots(weights, factor, x)

    def _resident(self) -> tuple[Any, Any, Any, Array]:
        """x, y and weights on the workers, which hold the roots of the weights."""
        given = self.x, self.y, self.weights
        return *sharded.resident_samples(self.network, *given, self.executor), np.ones(())

    @property
    def _sharded(self) -> bool:
        """Whether the samples are on the workers of a cluster."""
        return isinstance(self.executor, DaskExecutor)

    @property
    def _factor(self) -> float:
        """The factor of the sum of the losses."""
        return self.loss.mean_factor / self.n_samples if self.reduction == "mean" else 1.0

    def _warn_of_inputs(self) -> None:
        if self._sharded:
            sharded.warn_of_samples(self, stacklevel=4)
        else:
            warn_of_inputs(self.network, self.x, stacklevel=4)

    @cached_property
    def _locals(self) -> Remote:
        """The objectives of all shards, on their workers."""
        return sharded.locals_of(self)

    def _sum(self, method: str, theta: Float64Array, purpose: str) -> Iterator[Any]:
        if self._sharded:
            return sharded.summed(self, method, theta, purpose)
        return super()._sum(method, theta, purpose)

    @property
    def n_samples(self) -> int:
        """The number of samples n."""
        return len(self.x)

    @property
    def squared(self) -> bool:
        """Whether the loss is half a sum of squares."""
        return self.loss.squared

    @cached_property
    def penalty(self) -> QuadraticPenalty:
        """smoothing/2 |D theta|^2."""
        return QuadraticPenalty.roughness(self.network, self.smoothing)

    @one
    @quiet
    def jacobian(self, theta: Float64Array) -> SparseRows:
        """The Jacobian of r without the penalty's rows: row i n_out + o belongs to output o of sample i."""
        return self._part(theta, (0, self.n_samples)).jacobian()

    @quiet
    def hessian_product(self, theta: Float64Array, v: Float64Array) -> Float64Array:
        """The exact Hessian of L times v, J^T l'' J v + sum_i dl/dg_i (Hessian of g_i) v + B^T B v.

        l'' is the Hessian of the loss in g, even where S^T S of `Loss.root` differs from it.
        """
        theta, v = self.network._theta(theta), self.network._theta(v, "v")
        same, T = self._in_splines
        at, along = (theta, v) if T is None else (T.apply(theta), T.apply(v))
        total: Float64Array = added(list(same._sum("_hessian_products", np.stack([at, along]), "value")))
        product = np.asarray(total if T is None else T.apply_transpose(total))
        return np.asarray(self.penalty.product(v) + product)

    @one
    @quiet
    def _hessian_products(self, both: Float64Array, chunks: Sequence[tuple[int, int]]) -> Float64Array:
        """The products for (theta, v) of chunks."""
        total = np.zeros(both.shape[1])
        for chunk in chunks:
            total += self._part(both[0], chunk).hessian_product(both[1])
        return total

    @quiet
    def linearized(self, theta: Float64Array) -> tuple[float, Float64Array, Operator]:
        """(L, rho, J) with the penalty's rows below; products with J run through the network.

        For samples on workers rho becomes an array only when it is passed to `numpy.asarray`.
        """
        theta = self.network._theta(theta)
        if self._sharded:
            return self._linearized_there(theta)
        with one:
            part = self._part(theta, (0, self.n_samples))
            jacobian: Operator = NetworkJacobian(self, part)
            rho = part.residual
        if self.penalty.n_rows:
            jacobian = Stacked([jacobian, self.penalty.jacobian()])
            rho = np.concatenate([rho, self.penalty.residual(theta)])
        return part.value + self.penalty.value(theta), rho, jacobian

    def _linearized_there(self, theta: Float64Array) -> tuple[float, Any, Operator]:
        there = ShardedJacobian(self, theta)
        below = self.penalty.residual(theta) if self.penalty.n_rows else np.zeros(0)
        jacobian = Stacked([there, self.penalty.jacobian()]) if self.penalty.n_rows else there
        return there.value() + self.penalty.value(theta), ShardedRows(there, below), jacobian

    @property
    def linear_parameters(self) -> NDArray[np.int64]:
        """Indices into theta of the parameters of the last layer, in which the residual is affine.

        Splines in the spline basis, with or without a base branch, affine maps and their sums are linear in
        their parameters. Affine maps with fixed coefficients may follow.

        Raises
        ------
        ValueError
            For losses other than squares, and for a last layer that is not linear in its parameters.
        """
        return linear_parameters(self.network, self.squared)

    @quiet
    def linear_equations(self, theta: Float64Array) -> tuple[Float64Array, Float64Array]:
        """(g, H): the entries of the gradient and of J^T J + B^T B that belong to `linear_parameters`.

        Only the last layer is differentiated: H costs a fraction of `normal_equations`.
        """
        theta, where = self.network._theta(theta), self.linear_parameters
        affordable("the normal matrix", 8.0 * len(where) ** 2)
        groups = list(self._sum("_linear", theta, "rows"))
        gradient, matrix = added([part for part, _ in groups]), added([upper for _, upper in groups])
        symmetric(matrix)
        if self.penalty.n_rows:
            root = self.penalty.root[:, where]
            gradient += self.penalty.product(theta)[where]
            matrix += (root.T @ root).toarray()
        return gradient, matrix

    @one
    @quiet
    def _linear(
        self, theta: Float64Array, chunks: Sequence[tuple[int, int]]
    ) -> tuple[Float64Array, Float64Array]:
        last, behind = tail(self.network, self.squared)
        own = theta[self.network.offsets[last] :]
        gradient, upper = np.zeros(len(own)), np.zeros((len(own), len(own)))
        for chunk in chunks:
            part = self._part(theta, chunk)
            alone = DataPart(self.loss, behind.linearize(own, part.at.inputs[last]), part.y, part.root)
            rows = alone.jacobian()
            gradient += rows.rmatvec(alone.residual)
            rows.add_products(upper)
        return gradient, upper

    def model(self, theta: Float64Array) -> Model:
        """The network with the parameters theta."""
        return Model(self.network, theta)

    @property
    def _in_order(self) -> Self:
        """The same sum, its samples sorted by the cells of the first splines.

        Neighbours then have the same active functions, in the first layer and mostly in the others, and
        `splinekan.kernels.segments.products` keeps what it adds up for them in registers.
        """
        ordered = None if self._sharded else self._ordered  # workers order their own samples
        return self if ordered is None else ordered

    @cached_property
    def _ordered(self) -> Self | None:
        order = _order_of_cells(self.network, self.x)
        if order is None:
            return None
        same = copy(self)
        for name in ("x", "y", "_root"):
            array = getattr(self, name)
            object.__setattr__(same, name, array[order] if array.ndim else array)
        return same

    @property
    def _n_rows(self) -> int:
        return self.n_samples * self.network.n_out

    def _chunks(self, purpose: str) -> list[tuple[int, int]]:
        network, outputs = self.network, self.network.n_out
        if purpose == "value":
            kept = self.x.itemsize * sum(3 * layer.n_out for layer in network.layers)
            return ranges(self.n_samples, kept, CHUNK_BYTES)
        if purpose == "rows":
            stored = sum(n for layer in network.layers for n in layer.segment_lengths)
            return ranges(self.n_samples, 8 * (stored + 8) * outputs, ROW_BYTES)
        m = network.n_parameters
        return ranges(self.n_samples, 8 * (m + 1) * outputs, CHUNK_BYTES, least=2 * m)

    def _part(self, theta: Float64Array, chunk: tuple[int, int]) -> DataPart:
        if self._sharded:
            raise ValueError(
                "samples are on workers, and the result would have a row for every sample: "
                "dataclasses.replace(objective, executor=None) brings them here"
            )
        start, stop = chunk
        root = self._root if self._root.ndim == 0 else self._root[start:stop]
        at = self.network.linearize(theta, self.x[start:stop])
        return DataPart(self.loss, at, self.y[start:stop], root)


@dataclass(frozen=True, eq=False)
class LeastSquares(DataLoss):
    """L(theta) = 1/2 r.r + smoothing/2 |D theta|^2, r = sqrt(w)(g(x; theta) - y).

    With `reduction="mean"` the first term is the mean square error (1/n) r.r. This is `DataLoss` with the
    squared error; errors and warnings are described there.

    Parameters
    ----------
    network
        The network g.
    x
        Inputs (n, n_in).
    y
        Targets (n, n_out), or (n,) for one output.
    weights
        w: (n,), a number for all samples, or None for 1; non-negative.
    cost
        Work units of an evaluation of value and gradient, or None; see `DataLoss`.
    smoothing
        Weight of the second term, not negative.
    reduction
        "sum" for 1/2 r.r, "mean" for (1/n) r.r.
    loss
        `SquaredError()`, the only loss that is accepted.
    executor
        Where chunks of samples are evaluated; see `DataLoss`.

    Examples
    --------
    >>> import numpy as np
    >>> from splinekan import KAN
    >>> x = np.linspace(0, 1, 50)[:, None]
    >>> objective = LeastSquares(KAN.splines([1, 1], intervals=4), x, np.sin(x), reduction="mean")
    >>> objective.value(np.zeros(7)) > 0
    True
    """

    only: ClassVar[type | None] = SquaredError


@dataclass(frozen=True, eq=False)
class DataPart(Uncached):
    """Samples at one theta: outputs g, targets y, and the roots of the weights."""

    loss: Loss
    at: Linearization
    y: Array
    root: Array

    @property
    def value(self) -> float:
        """sum_i w_i l_i."""
        if self.loss.squared:
            flat = self._rooted.ravel()
            return float(np.einsum("i,i->", flat, flat, dtype=np.float64)) / 2
        weights = np.asarray(self.root, dtype=np.float64).reshape(-1) ** 2
        values = floats("loss.value(g, y)", self.loss.value(*self._seen), self.y.shape[:1], F8)
        return float((weights * values).sum())

    @property
    def _seen(self) -> tuple[Array, Array]:
        """(g, y) as they are passed to a loss: read-only."""
        g, y = self.at.output.view(), self.y.view()
        g.flags.writeable = y.flags.writeable = False
        return g, y

    @cached_property
    def _rooted(self) -> Array:
        """sqrt(w) dl/dg."""
        gradient = self.loss.gradient(*self._seen)
        return self.root * floats("loss.gradient(g, y)", gradient, self.y.shape, self.y.dtype)

    @cached_property
    def _S(self) -> Array | None:  # noqa: N802 - a matrix
        """S, the roots of the Hessians of the losses, as `Loss.root` returns them."""
        root = self.loss.root(*self._seen)
        if root is None:
            return None
        if self.loss.squared:
            raise ValueError("loss.root(g, y) must be None for a loss that is squared")
        n, outputs = self.y.shape
        shape = (n, outputs, outputs) if np.ndim(root) == 3 else (n, outputs)
        return floats("loss.root(g, y)", root, shape, self.y.dtype)

    @property
    def residual(self) -> Float64Array:
        """The vector rho with (S J)^T rho = gradient, (n n_out,)."""
        if callable(formula := getattr(self.loss, "residual", None)):
            rho = floats("loss.residual(g, y)", formula(*self._seen), self.y.shape, self.y.dtype)
            return (self.root * rho).ravel().astype(np.float64)
        return unrooted(self._S, self._rooted).ravel().astype(np.float64)

    def _curved(self, change: Array) -> Array:
        """The Hessian of the loss of every sample times a change of its outputs."""
        if callable(formula := getattr(self.loss, "curvature", None)):
            return floats("loss.curvature(g, y)", formula(*self._seen), self.y.shape, self.y.dtype) * change
        return curved(self._S, change)

    def gradient(self) -> Float64Array:
        """sum_i w_i J_i^T dl_i/dg."""
        return self.at.vjp(self.root * self._rooted)

    @property
    def _matrices(self) -> Array:
        """sqrt(w_i) S_i as matrices, (n, n_out, n_out), or (1, n_out, n_out) for all samples alike."""
        S, outputs = self._S, self.y.shape[1]
        if S is None or S.ndim == 2:
            diagonal = np.ones((1, 1), self.y.dtype) if S is None else S
            S = np.zeros((len(diagonal), outputs, outputs), self.y.dtype)
            S[:, range(outputs), range(outputs)] = diagonal
        return self.root.reshape(-1, 1, 1) * S

    def jacobian(self) -> SparseRows:
        """The rows sqrt(w_i) S_i J_i."""
        return self.at.rows(self._matrices)

    def hessian_product(self, v: Float64Array) -> Float64Array:
        """sum_i w_i (J_i^T l_i'' J_i v + dl_i/dg (Hessian of g_i) v)."""
        changes = self.at.tangents(v)
        bent = self.root**2 * self._curved(changes[-1])
        return self.at.vjp_change(self.root * self._rooted, v, bent, changes)


class NetworkJacobian(Operator):
    """The rows sqrt(w) S J of all samples at one theta, by products that run through the network."""

    def __init__(self, objective: DataLoss, part: DataPart) -> None:
        super().__init__(F8, (part.at.output.size, objective.network.n_parameters))
        self.objective, self.part = objective, part
        self._S = part._S

    @one
    @quiet
    def _matvec(self, v: Array) -> Array:
        change = self.part.at.jvp(v)
        if self._S is not None:
            change = self._S * change if self._S.ndim == 2 else np.einsum("nij,nj->ni", self._S, change)
        return (self.part.root * change).ravel().astype(np.float64)

    @one
    @quiet
    def _rmatvec(self, r: Array) -> Array:
        pulled = self.part.root * r.reshape(self.part.at.output.shape)
        if self._S is not None:
            pulled = self._S * pulled if self._S.ndim == 2 else np.einsum("nij,ni->nj", self._S, pulled)
        return self.part.at.vjp(pulled)

    @one
    @quiet
    def column_squares(self) -> Float64Array:
        """The diagonal of J^T J, from chunks of sparse rows."""
        theta = self.part.at.theta.astype(np.float64)
        chunks = self.objective._chunks("rows")
        parts = (self.objective._part(theta, chunk).jacobian().column_squares() for chunk in chunks)
        return np.asarray(sum(parts, np.zeros(self.shape[1])))

    def chunks(self) -> Iterator[SparseRows]:
        """The sparse rows chunk by chunk, in the order that suits their products."""
        theta = self.part.at.theta.astype(np.float64)
        same = self.objective._in_order
        for chunk in same._chunks("rows"):
            with one, np.errstate(over="ignore", invalid="ignore"):
                rows = same._part(theta, chunk).jacobian()
            yield rows

    @one
    @quiet
    def toarray(self) -> Array:
        """The dense matrix."""
        return self.part.jacobian().toarray().astype(np.float64)


def _order_of_cells(network: KAN, x: Array) -> NDArray[np.int64] | None:
    """An order of the samples that runs from cell to neighbouring cell; None if there are few samples.

    Cells are those of the first spline layer if its knots are uniform, otherwise the same number of cells of
    equal width, in the largest number of columns that have at most as many cells as there are samples.
    """
    if len(x) < SORTED:
        return None
    intervals = max(network.intervals, 1)
    ends = network.domain or tuple(zip(x.min(axis=0), x.max(axis=0), strict=True))
    key, cells = np.zeros(len(x), np.int64), 1
    for column, (a, b) in zip(x.T, ends, strict=True):
        if cells > 1 and cells * intervals > len(x):
            break
        width = max(float(b) - float(a), np.finfo(np.float64).tiny)
        share = np.clip((column.astype(np.float64) - a) / width, 0.0, 1.0)
        cell = np.minimum((share * intervals).astype(np.int64), intervals - 1)
        key = key * intervals + np.where(key % 2, intervals - 1 - cell, cell)  # boustrophedon
        cells *= intervals
    return np.argsort(key, kind="stable")


def roots(weights: Array | None, factor: float, x: Array) -> Array:
    """Square roots of factor * weights in the type of x: a number, or (n, 1)."""
    w = np.ones(()) if weights is None else weights
    if w.ndim > 1 or (w.ndim == 1 and w.shape != x.shape[:1]):
        raise ValueError(f"weights must be one number or have shape ({len(x)},), got {w.shape}")
    if (w < 0).any():
        raise ValueError(f"weights must not be negative, got {w.min()}")
    root = np.sqrt(factor * (w if w.ndim == 0 else w[:, None]).astype(np.float64))
    with np.errstate(over="ignore", under="ignore"):
        cast: Array = np.asarray(root).astype(x.dtype)
    if not np.isfinite(cast).all() or ((cast == 0) & (root > 0)).any():
        raise ValueError("weights must have roots within the range of float32, as x is float32")
    return cast


def _in_the_type_of(x: Array, name: str, value: Array) -> Array:
    """`value` in the type of x, if that holds what varies in its columns to three digits or more."""
    if value.dtype == x.dtype or x.dtype == F8:
        return value.astype(x.dtype, copy=False)
    with np.errstate(over="ignore"):
        cast = value.astype(x.dtype)
    if not np.isfinite(cast).all():
        raise ValueError(f"{name} must be within the range of {x.dtype}, as x is {x.dtype}")
    refuse_unresolved(name, x.dtype, np.abs(cast - value).max(axis=0), np.ptp(value, axis=0), value[0])
    return cast


def refuse_unresolved(name: str, dtype: np.dtype[Any], lost: Array, spread: Array, around: Array) -> None:
    """Refuse columns that vary by `spread` and lose three or more digits of it in another type."""
    if not np.isfinite(lost).all():
        raise ValueError(f"{name} must be within the range of {dtype}, as x is {dtype}")
    unresolved = np.flatnonzero((lost > 1e-3 * spread) & (spread > 0))
    if len(unresolved):
        at = int(unresolved[0])
        raise ValueError(
            f"{name} varies by {spread[at]:g} around {around[at]:g}, which {dtype} does not resolve: "
            "subtract the mean, or give x in float64"
        )
