"""An objective as a sum over chunks of samples plus a penalty: the reduction, written once.

    L(theta) = sum over chunks of (their loss) + penalty

A subclass divides the samples into chunks and makes the `Part` of a chunk at theta. All that an optimiser
needs (value, gradient, J^T J, a triangular factor of J) is a sum over the parts. Memory is bounded by that
of a chunk, independently of the number of samples. The sum runs in this process, or on the workers of an
`Executor`; groups of chunks are added in order, so that the result has the same bits for the same number of
workers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import scipy

from splinekan._arrays import quiet
from splinekan._blas import one, several
from splinekan._checks import Float64Array, affordable, integer, one_of, sequence, shown
from splinekan._checks import function as checked_function
from splinekan._records import Uncached
from splinekan.distributed.executor import DaskExecutor, is_client
from splinekan.network import BASES, KAN
from splinekan.objectives.penalty import QuadraticPenalty
from splinekan.operators import Coordinates, Operator
from splinekan.operators.segments import symmetric

if TYPE_CHECKING:
    from typing_extensions import Self

Group = TypeVar("Group")
Triangle = tuple[float, Float64Array]
"""A sum of losses, and R of J = Q R with Q^T r as its last column."""


class Executor(Protocol):
    """A way to evaluate groups of chunks; `Workers` adapts the executors of `concurrent.futures`."""

    @property
    def workers(self) -> int:
        """The number of groups into which the chunks are divided."""
        ...

    def map(self, function: Callable[[Group], Any], items: Iterable[Group], /) -> Iterable[Any]:
        """function(item) for every item, in order."""
        ...


class Workers:
    """An executor of `concurrent.futures` and its number of workers.

    Raises
    ------
    TypeError, ValueError
        For an executor without a method `map`, or fewer than one worker.
    """

    def __init__(self, executor: Any, workers: int) -> None:
        if not callable(getattr(executor, "map", None)):
            raise TypeError(f"executor must have a method map, got {shown(executor)}")
        self.executor, self.workers = executor, integer("workers", workers, low=1)

    def __copy__(self) -> Workers:
        return self

    def __deepcopy__(self, _memo: Any) -> Workers:
        return self  # copies of an objective share its executor

    def __reduce__(self) -> Any:
        raise TypeError(
            "Workers cannot be pickled, since an executor belongs to its process: pickle the objective with "
            "executor=None, as dataclasses.replace(objective, executor=None) makes it"
        )

    def map(self, function: Callable[[Group], Any], items: Iterable[Group], /) -> Iterable[Any]:
        """function(item) for every item, in order."""
        work, groups = checked_function("function", function), sequence("items", items, empty=True)
        results: Iterable[Any] = self.executor.map(work, groups)
        return results


def checked_executor(executor: Any) -> Executor | None:
    """`executor` if it can evaluate chunks, a `DaskExecutor` for a client; None for this process.

    Raises
    ------
    TypeError, ValueError
        Unless it has a method `map` and a number of workers, or is a client or "active" with a client in
        scope.
    """
    if executor is None or isinstance(executor, DaskExecutor):
        return executor
    if (isinstance(executor, str) and executor == "active") or is_client(executor):
        return DaskExecutor.of(executor)
    if not callable(getattr(executor, "map", None)) or not hasattr(executor, "workers"):
        raise TypeError(
            f"executor must have a method map and a number of workers, got {shown(executor)}: pass those of "
            "concurrent.futures as Workers(executor, workers), a client of Dask directly"
        )
    integer("executor.workers", executor.workers, low=1)
    found: Executor = executor
    return found


class Part(Protocol):
    """A chunk of samples at one theta."""

    @property
    def value(self) -> float:
        """Its loss."""
        ...

    @property
    def residual(self) -> Float64Array:
        """The vector rho with gradient J^T rho; for squared errors the weighted residual r."""
        ...

    def gradient(self) -> Float64Array:
        """The gradient of its loss, (n_parameters,)."""
        ...

    def jacobian(self) -> Any:
        """The rows S J of its samples, with the roots of their weights."""
        ...


class ChunkedSum(Uncached, ABC):
    """A sum over chunks plus `penalty`, with the methods that optimisers need.

    A subclass has `network`, `penalty`, `cost` and `executor`, and gives `_chunks` and `_part`.
    """

    network: KAN
    cost: float | None
    executor: Executor | None

    @property
    @abstractmethod
    def penalty(self) -> QuadraticPenalty:
        """The penalty that is added to the sum."""

    @abstractmethod
    def _chunks(self, purpose: str) -> Sequence[Any]:
        """The chunks for "value" (activations kept), "rows" (of a Jacobian) or "triangle" (dense rows)."""

    @abstractmethod
    def _part(self, theta: Float64Array, chunk: Any) -> Part:
        """A chunk at theta."""

    @property
    def squared(self) -> bool:
        """Whether the loss is half a sum of squares, so that a residual exists."""
        return True

    @quiet
    def value(self, theta: Float64Array) -> float:
        """L."""
        theta = self.network._theta(theta)
        same, T = self._in_splines
        at = theta if T is None else T.apply(theta)
        return sum(same._sum("_values", at, "value"), self.penalty.value(theta))

    @quiet
    def value_and_gradient(self, theta: Float64Array) -> tuple[float, Float64Array]:
        """L and its gradient."""
        theta = self.network._theta(theta)
        same, T = self._in_splines
        at = theta if T is None else T.apply(theta)
        groups = list(same._sum("_gradients", at, "value"))
        total = sum((value for value, _ in groups), 0.0)
        gradient = added([part for _, part in groups])
        if T is not None:
            gradient = T.apply_transpose(gradient)
        if self.penalty.n_rows:
            total += self.penalty.value(theta)
            gradient += self.penalty.product(theta)
        return total, gradient

    def gradient(self, theta: Float64Array) -> Float64Array:
        """The gradient of L."""
        return self.value_and_gradient(theta)[1]

    @quiet
    def residual(self, theta: Float64Array) -> Float64Array:
        """The residual r with the roots of the weights, in the order of the samples, without the penalty."""
        theta = self.network._theta(theta)
        parts = [part for group in self._sum("_residuals", theta, "value") for part in group]
        return np.concatenate(parts).astype(np.float64, copy=False)

    @quiet
    def normal_equations(self, theta: Float64Array) -> tuple[float, Float64Array, Float64Array]:
        """(L, its gradient, sum (S J)^T (S J) + B^T B), the matrix assembled from sparse rows."""
        theta = self.network._theta(theta)
        affordable("the normal matrix", 8.0 * self.network.n_parameters**2)
        total, gradient = self.penalty.value(theta), self.penalty.product(theta)
        matrix: Float64Array | None = None
        for value, part, upper in self._in_order._sum("_normal", theta, "rows"):
            total += value
            gradient += part
            matrix = upper if matrix is None else np.add(matrix, upper, out=matrix)
        assert matrix is not None
        symmetric(matrix)
        self.penalty.add_products(matrix)
        return total, gradient, matrix

    @quiet
    def triangular_factor(self, theta: Float64Array) -> tuple[float, Float64Array, Float64Array]:
        """(L, R, z) with S J = Q R and z = Q^T rho; R is updated chunk by chunk and Q never formed.

        The penalty's rows are below those of the samples. R has at most n_parameters rows.
        """
        theta, m = self.network._theta(theta), self.network.n_parameters
        affordable("the triangular factor", 24.0 * m**2)
        total = self.penalty.value(theta)
        rows = [np.column_stack([self.penalty.root.toarray(), self.penalty.residual(theta)])]
        for value, upper in self._sum("_triangle", theta, "triangle"):
            total += value
            rows.append(upper)
        stacked = triangle(rows)
        return total, stacked[:m, :m], stacked[:m, m]

    @property
    def n_residuals(self) -> int:
        """The number of rows of J, the penalty's included."""
        return self._n_rows + self.penalty.n_rows

    @property
    @abstractmethod
    def _n_rows(self) -> int:
        """The number of rows of J that belong to samples."""

    @abstractmethod
    def linearized(self, theta: Float64Array) -> tuple[float, Float64Array, Operator]:
        """(L, rho, J), J as an operator, with the penalty's rows below."""

    def coordinates(self, name: str) -> Coordinates:
        """The map from theta to the parameters in the basis `name`, "spline" or "relu"."""
        return self.network.coordinates(one_of("name", name, BASES))

    def _sum(self, method: str, theta: Float64Array, purpose: str) -> Iterator[Any]:
        """self.method(theta, group) for groups of chunks, in order: a single group in this process."""
        chunks = self._chunks(purpose)
        if self.executor is None:
            yield getattr(self, method)(theta, chunks)
            return
        count = max(1, min(self.executor.workers, len(chunks)))
        ends = [len(chunks) * i // count for i in range(count + 1)]
        groups = [chunks[start:stop] for start, stop in pairwise(ends)]
        # Objects sent to other processes must not hold the executor, which cannot be pickled.
        alone = copy(self)
        object.__setattr__(alone, "executor", None)
        answers = 0
        for answer in self.executor.map(partial(getattr(alone, method), theta), groups):
            answers += 1
            yield answer
        if answers != count:
            raise ValueError(f"executor.map must return a result for each of {count} groups, got {answers}")

    @property
    def _in_splines(self) -> tuple[Self, Coordinates | None]:
        """The same sum with all layers in the spline basis, and the map to its parameters (None if it is I).

        Layers in the ReLU basis are evaluated through their B-spline coefficients, which are solved for once
        rather than for every chunk.
        """
        return (self, None) if self.network.basis == "spline" else self._converted

    @cached_property
    def _converted(self) -> tuple[Self, Coordinates | None]:
        """Cached only where it differs: a self-reference would live until the next garbage collection."""
        same = copy(self)
        object.__setattr__(same, "network", self.network.with_basis("spline"))
        return same, self.network.coordinates("spline")

    @property
    def _in_order(self) -> Self:
        """The same sum in the order of samples that suits products of rows."""
        return self

    @one
    @quiet
    def _values(self, theta: Float64Array, chunks: Sequence[Any]) -> float:
        return sum((self._part(theta, chunk).value for chunk in chunks), 0.0)

    @one
    @quiet
    def _gradients(self, theta: Float64Array, chunks: Sequence[Any]) -> tuple[float, Float64Array]:
        parts = (self._part(theta, chunk) for chunk in chunks)
        total, gradients = 0.0, list[Float64Array]()
        for part in parts:
            total += part.value
            gradients = [added([*gradients, part.gradient()])]
        return total, gradients[0]

    @one
    @quiet
    def _residuals(self, theta: Float64Array, chunks: Sequence[Any]) -> list[Float64Array]:
        return [self._part(theta, chunk).residual for chunk in chunks]

    @one
    @quiet
    def _normal(self, theta: Float64Array, chunks: Sequence[Any]) -> tuple[float, Float64Array, Float64Array]:
        m = self.network.n_parameters
        total, gradient, upper = 0.0, np.zeros(m), np.zeros((m, m))
        for chunk in chunks:
            part = self._part(theta, chunk)
            rows = part.jacobian()
            total += part.value
            gradient += rows.rmatvec(part.residual) if self.squared else part.gradient()
            rows.add_products(upper)
        return total, gradient, upper

    @one
    @quiet
    def _triangle(self, theta: Float64Array, chunks: Sequence[Any]) -> Triangle:
        m = self.network.n_parameters
        total, waiting = 0.0, [np.zeros((0, m + 1))]
        for chunk in chunks:
            part = self._part(theta, chunk)
            total += part.value
            rows = part.jacobian()
            dense = np.empty((rows.shape[0], m + 1))
            dense[:, :m] = rows.toarray()
            dense[:, m] = part.residual
            waiting.append(dense)
            if sum(map(len, waiting)) > 2 * m:
                waiting = [triangle(waiting)]
        return total, triangle(waiting)


def triangle(rows: list[Float64Array]) -> Float64Array:
    """R of the stacked rows = Q R, at most as many rows as columns."""
    stacked = np.concatenate(rows)
    if not len(stacked):
        return stacked
    longer, shorter = max(stacked.shape), min(stacked.shape)
    with several(2.0 * shorter**2 * (longer - shorter / 3)):
        (upper,) = scipy.linalg.qr(stacked, mode="r", overwrite_a=True, check_finite=False)
    return np.asarray(upper[: upper.shape[1]])


def added(arrays: Sequence[Float64Array]) -> Float64Array:
    """The sum, from first to last, in place in the first array."""
    total = arrays[0]
    for array in arrays[1:]:
        total += array
    return total


def ranges(n: int, bytes_per_sample: int, limit: int, least: int = 1) -> list[tuple[int, int]]:
    """(start, stop) of chunks of `n` samples that take at most `limit` bytes, or `least` samples."""
    size = max(limit // max(bytes_per_sample, 1), least, 1)
    return [(start, min(start + size, n)) for start in range(0, n, size)]
