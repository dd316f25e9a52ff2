"""The Jacobian of an objective whose samples are on the workers of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._arrays import F8
from splinekan._checks import Array, Float64Array, affordable
from splinekan.distributed.remote import Remote, added
from splinekan.objectives.sharded import Local
from splinekan.operators import Operator, SparseRows

if TYPE_CHECKING:
    from splinekan.objectives.data import DataLoss


class ShardedJacobian(Operator):
    """J at one theta, whose rows are on the workers that hold the samples.

    `_normal_product` and `column_squares` are sums over shards; vectors with an entry per row are split and
    concatenated in the user's process.
    """

    def __init__(self, objective: DataLoss, theta: Float64Array) -> None:
        rows, columns = objective.n_samples * objective.network.n_out, objective.network.n_parameters
        super().__init__(F8, (rows, columns))
        self.linear = Remote(objective._locals, _linearized, theta)
        x: Any = objective.x
        self._ends = [stop * objective.network.n_out for _, stop in x.shards.ranges[:-1]]

    def value(self) -> float:
        """The loss."""
        return float(self.linear.sum(_linear_answer, ("value",), added))

    def residual(self) -> Float64Array:
        """rho, in this process."""
        affordable("the residual", 8.0 * self.shape[0])
        return np.concatenate(self.linear.every(_linear_answer, ("residual",)))

    def _normal_product(self, v: ArrayLike) -> Float64Array:
        """J^T J v."""
        given = self._vector("v", v, self.shape[1])
        return np.asarray(self.linear.sum(_linear_answer, ("normal", given), added))

    def column_squares(self) -> Float64Array:
        """The diagonal of J^T J."""
        return np.asarray(self.linear.sum(_linear_answer, ("squares",), added))

    def _matvec(self, v: Array) -> Array:
        affordable("J v", 8.0 * self.shape[0])
        return np.concatenate(self.linear.every(_linear_answer, ("matvec", v)))

    def _rmatvec(self, r: Array) -> Array:
        pieces = np.split(r, self._ends)
        return np.asarray(self.linear.sum(_linear_answer, ("rmatvec", pieces), added))

    def toarray(self) -> Array:
        """The dense matrix."""
        affordable("the dense matrix", 8.0 * self.shape[0] * self.shape[1])
        return np.concatenate(self.linear.every(_linear_answer, ("dense",)))

    def chunks(self) -> Iterator[SparseRows]:
        """The sparse rows, received in chunks."""
        counts = self.linear.every(_linear_answer, ("count",))
        for number in range(max(counts)):
            yield from (
                each for each in self.linear.every(_linear_answer, ("chunk", number)) if each is not None
            )


def _linearized(local: Local, theta: Float64Array) -> tuple[Local, Any]:
    from splinekan.objectives.data import NetworkJacobian

    objective = local.objective
    return local, NetworkJacobian(objective, objective._part(theta, (0, objective.n_samples)))


def _linear_answer(value: tuple[Local, Any], argument: tuple[Any, ...]) -> tuple[Any, int, int]:
    (local, jacobian), (name, *given) = value, argument
    index, n = local.shard.index, local.objective.n_samples
    if name == "rmatvec":
        return jacobian.rmatvec(given[0][index]), n, index
    if name == "chunk":
        chunks = local.objective._in_order._chunks("rows")
        theta = jacobian.part.at.theta.astype(np.float64)
        same = local.objective._in_order
        return same._part(theta, chunks[given[0]]).jacobian() if given[0] < len(chunks) else None, n, index
    answers = {
        "value": lambda: jacobian.part.value,
        "residual": lambda: jacobian.part.residual,
        "normal": lambda: jacobian.rmatvec(jacobian.matvec(given[0])),
        "squares": jacobian.column_squares,
        "matvec": lambda: jacobian.matvec(given[0]),
        "dense": jacobian.toarray,
        "count": lambda: len(local.objective._in_order._chunks("rows")),
    }
    return answers[name](), n, index


class ShardedRows:
    """rho of all samples with the penalty's rows below, gathered when it is passed to `numpy.asarray`."""

    def __init__(self, jacobian: ShardedJacobian, below: Float64Array) -> None:
        self.jacobian, self.below = jacobian, below
        self.shape = (jacobian.shape[0] + len(below),)
        self.dtype, self.ndim = F8, 1

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.concatenate([self.jacobian.residual(), self.below]).astype(dtype or F8, copy=False)
