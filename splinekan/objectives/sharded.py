"""Objectives on data whose samples are on the workers of a cluster.

A worker keeps an objective on the samples of its shard and returns the terms of the sums of
`splinekan.objectives.sums`. Symmetric matrices are sent as triangles. Penalties are added in the user's
process.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from splinekan._arrays import F8, trusted
from splinekan._checks import Float64Array, affordable, shown
from splinekan.distributed.executor import DaskExecutor
from splinekan.distributed.packing import packed, packed_factor, unpacked, unpacked_factor
from splinekan.distributed.remote import Remote, added
from splinekan.distributed.resident import Resident, sound
from splinekan.distributed.shards import ShardedArray, Shards, shards_of
from splinekan.distributed.sources import InMemory, Source, source
from splinekan.network import KAN
from splinekan.network.domains import Survey
from splinekan.network.kan import survey_of_inputs, warn_of_surveyed
from splinekan.objectives.sums import triangle

if TYPE_CHECKING:
    from splinekan.objectives.data import DataLoss


class Samples(NamedTuple):
    """x, y and weights of an objective, on workers."""

    x: ShardedArray
    y: ShardedArray
    weights: Any


class Local:
    """An objective on the samples of a shard, on its worker."""

    def __init__(self, shard: Resident, objective: DataLoss) -> None:
        self.shard, self.objective = shard, objective

    def __sizeof__(self) -> int:  # so that tasks are scheduled where the samples are
        return self.shard.__sizeof__()


class Settings(NamedTuple):
    """The settings that all shards share, pickled: the network, the loss, and the factor of the weights."""

    content: bytes

    @staticmethod
    def of(network: KAN, loss: Any, factor: float) -> Settings:
        """The settings.

        Raises
        ------
        TypeError
            For a network or a loss that cannot be pickled.
        """
        from distributed.protocol.pickle import dumps

        for name, value in (("loss", loss), ("network", network)):
            try:
                dumps(value)
            except Exception as error:  # noqa: PERF203
                raise TypeError(f"{name} cannot be sent to workers: {shown(value)}: {error}") from None
        return Settings(dumps((network, loss, factor)))


def resident_samples(network: KAN, x: Any, y: Any, weights: Any, executor: DaskExecutor) -> Samples:
    """x, y and weights on the workers: sent there, loaded there, or already there.

    Raises
    ------
    TypeError, ValueError
        As `DataLoss`; for samples on the workers of another client, or of another executor.
    """
    given = [each for each in (x, y, weights) if isinstance(each, ShardedArray)]
    if given:
        shards = given[0].shards
        if (
            not (isinstance(x, ShardedArray) and isinstance(y, ShardedArray))
            or any(each.shards is not shards for each in given)
            or (x.name, y.name) != ("x", "y")
        ):
            raise ValueError(
                "x, y and weights must be those of the same objective, if they are on workers: "
                "numpy.asarray(x) brings them here"
            )
        if shards.executor.client is not executor.client:
            raise ValueError("x is on the workers of another client: pass the executor of its objective")
        if network.n_in != x.shape[1] or network.n_out != y.shape[1]:
            raise ValueError(
                f"x and y must have shapes (n, {network.n_in}) and (n, {network.n_out}), got {x.shape} and "
                f"{y.shape}"
            )
        if weights is None and shards.sources["weights"] is None:
            return Samples(x, y, None)
        if isinstance(weights, ShardedArray) or weights is shards.sources["weights"]:
            return Samples(x, y, weights)
        raise ValueError(
            "weights must be those that are with x on the workers, or pass x, y and weights anew"
        )
    inputs, targets = source("x", x), source("y", y)
    _check_shape("x", inputs, (None, network.n_in))
    if inputs.shape[0] == 0:
        raise ValueError(f"x must not be empty, got shape {inputs.shape}")
    n = inputs.shape[0]
    _check_shape("y", targets, (n,) if network.n_out == 1 and len(targets.shape) == 1 else (n, network.n_out))
    w: Any = None if weights is None else source("weights", weights)
    if isinstance(w, InMemory) and w.array.ndim == 0:
        w = w.array
        if w < 0:
            raise ValueError(f"weights must not be negative, got {w}")
    elif w is not None and w.shape != (n,):
        raise ValueError(f"weights must be one number or have shape ({n},), got {w.shape}")
    shards = shards_of(executor, inputs, targets, w, network.n_out)
    _check_types(shards)
    kept = ShardedArray(shards, "weights") if w is not None and not isinstance(w, np.ndarray) else w
    return Samples(ShardedArray(shards, "x"), ShardedArray(shards, "y"), kept)


def _check_shape(name: str, found: Source, shape: tuple[int | None, ...]) -> None:
    if len(shape) != len(found.shape) or any(
        want not in (None, n) for want, n in zip(shape, found.shape, strict=True)
    ):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        comma = "," if len(shape) == 1 else ""
        raise ValueError(f"{name} must have shape ({wanted}{comma}), got {found.shape}")


def _check_types(shards: Shards) -> None:
    """Load all samples, and refuse targets that vary too little for float32."""
    from splinekan.objectives.data import refuse_unresolved

    facts = shards.facts()
    if shards.dtype != F8 and shards.sources["y"].dtype != shards.dtype:
        refuse_unresolved("y", shards.dtype, facts.lost, facts.most - facts.least, facts.first)


def locals_of(objective: DataLoss) -> Remote:
    """The objectives of all shards, on their workers."""
    factor = objective._factor
    x: Any = objective.x
    x.shards.settle()
    return Remote(x.shards, _local, Settings.of(objective.network, objective.loss, factor))


def _local(shard: Resident, settings: Settings) -> Local:
    from splinekan.objectives.data import DataLoss, roots

    sound(shard)
    network, loss, factor = pickle.loads(settings.content)
    if callable(check := getattr(loss, "check", None)):
        check(shard.y)
    made = trusted(
        DataLoss,
        network=network,
        x=shard.x,
        y=shard.y,
        weights=shard.weights,
        cost=None,
        smoothing=0.0,
        reduction="sum",
        loss=loss,
        executor=None,
        _root=roots(shard.weights, factor, shard.x),
    )
    return Local(shard, made)


def warn_of_samples(objective: DataLoss, stacklevel: int) -> None:
    """Issue the `DomainWarning` of all samples once; makes the objectives of all shards."""
    surveys = objective._locals.every(_surveyed)
    warn_of_surveyed(objective.network, Survey.joined(surveys), stacklevel + 1)


def _surveyed(local: Local, _: Any) -> tuple[Survey, int, int]:
    found = survey_of_inputs(local.objective.network, local.objective.x)
    return found, len(local.objective.x), local.shard.index


def summed(objective: DataLoss, method: str, theta: Float64Array, purpose: str) -> Iterator[Any]:
    """The results that `ChunkedSum._sum` yields: a single result for all shards, or a result per shard."""
    remote, argument = objective._locals, (method, theta, purpose)
    if method == "_residuals":
        affordable("the residual", 8.0 * objective.n_samples * objective.network.n_out)
        yield from remote.every(_answered, argument)
    elif method == "_triangle":
        value, *factor = remote.sum(_answered, argument, _factored)
        yield value, unpacked_factor(*factor)
    else:
        answer = remote.sum(_answered, argument, added)
        yield (*answer[:-1], unpacked(answer[-1])) if method in ("_normal", "_linear") else answer


def _answered(local: Local, argument: tuple[str, Float64Array, str]) -> tuple[Any, int, int]:
    method, theta, purpose = argument
    objective: Any = local.objective._in_order if method == "_normal" else local.objective
    answer = getattr(objective, method)(theta, objective._chunks(purpose))
    if method in ("_normal", "_linear"):
        answer = (*answer[:-1], packed(answer[-1]))
    elif method == "_triangle":
        answer = (answer[0], *packed_factor(answer[1]))
    return answer, objective.n_samples, local.shard.index


def _factored(answers: Sequence[Any]) -> Any:
    """The sum of losses, and the R factor of stacked triangular factors."""
    upper = triangle([unpacked_factor(*factor) for _, *factor in answers])
    return (sum(value for value, *_ in answers), *packed_factor(upper))
