"""Samples divided into shards, each of which is kept by a worker."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from splinekan._checks import Array, affordable, one_of, shown
from splinekan.distributed.errors import WorkersLostError
from splinekan.distributed.executor import DaskExecutor, Worker, share
from splinekan.distributed.remote import Remote
from splinekan.distributed.resident import Facts, Resident, resident, sound
from splinekan.distributed.sources import Collection, InMemory, Range, Source

NAMES = ("x", "y", "weights")
ROOM = 0.7
"""The fraction of a worker's memory limit for its shards and quantities computed from them."""
COPIES = 2.0
"""Largest number of copies of the samples; the second is in the order of cells, for J^T J."""
BALANCED = 1.25
"""Shards end where chunks of a Dask array end if the largest exceeds the mean by at most this factor."""


class Shards(Remote):
    """The samples, divided into shards.

    Parameters
    ----------
    executor
        The workers.
    x, y, weights
        Sources with the same number of rows; weights may be a number or None.
    n_out
        The number of outputs.

    Raises
    ------
    MemoryError
        If the shards do not fit into the memory limits of the workers.
    TypeError, ValueError
        For rows that are not finite real numbers, and negative weights.
    """

    _sent = False

    def __init__(
        self, executor: DaskExecutor, x: Source, y: Source, weights: Source | Array | None, n_out: int
    ) -> None:
        workers: list[Worker] = executor._survey()
        self.executor, self.n_samples = executor, x.shape[0]
        self.sources: dict[str, Any] = {"x": x, "y": y, "weights": weights}
        self.n_out = n_out
        self.dtype = np.dtype(np.float32 if x.dtype == np.float32 else np.float64)
        self.n_shards = min(executor.shards or len(workers), self.n_samples)
        self.threads = executor.threads or (1 if executor.shards else share(workers))
        self.ranges = _ranges(self.n_samples, self.n_shards, x)
        self.n_shards = len(self.ranges)
        self._require_memory(workers)
        self.futures = [None] * self.n_shards
        self._tokens = self._digests()

    def _digests(self) -> dict[str, Any]:
        """Digests that reveal changes of arrays in this process."""
        arrays = {name: each for name, each in self.sources.items() if isinstance(each, InMemory)}
        return {name: each.token for name, each in arrays.items()}

    def _require_memory(self, workers: list[Worker]) -> None:
        width = self.sources["x"].shape[1] + self.n_out + (self.sources["weights"] is not None)
        largest = max(stop - start for start, stop in self.ranges)
        need = COPIES * largest * width * self.dtype.itemsize * -(-self.n_shards // len(workers))
        limit = min((worker.memory for worker in workers if worker.memory), default=0)
        if limit and need > ROOM * limit:
            count = int(np.ceil(len(workers) * need / (ROOM * limit)))
            raise MemoryError(
                f"{self.n_samples} samples on {len(workers)} workers would take {need / 2**30:.3g} GiB on a "
                f"worker, whose limit is {limit / 2**30:.3g} GiB: start at least {count} such workers, give "
                "them more memory, or pass the data in float32"
            )

    def _made(self, which: list[int]) -> list[Any]:
        client = self.executor.client
        if self._sent and self._digests() != self._tokens:
            raise ValueError(
                "x, y and weights must not change while they are in use: workers lost samples, and what "
                "would be sent again has changed since"
            )
        self._sent = True
        places = self._free(len(which))
        pieces = {name: self._pieces(name, which) for name in self.sources}
        found = []
        for position, i in enumerate(which):
            parts = [pieces[name][position] for name in ("x", "y", "weights")]
            at = [places[position]]
            start = self.ranges[i][0]
            if all(part is None or isinstance(part, np.ndarray) for part in parts):
                shard = resident(i, start, *parts, dtype=self.dtype, n_out=self.n_out)
                found.append(client.scatter(shard, workers=at, hash=False))
                continue
            found.append(self._loaded(i, start, parts, at))
        return found

    def settle(self) -> None:
        """Move shards to workers that joined later, if other workers have more than their share."""
        try:
            held = self._held()
        except OSError as error:
            self.executor._require_scheduler(error)
            raise
        most = -(-self.n_shards // max(len(held), 1))
        for shards in held.values():
            for i in shards[most:]:
                self.futures[i] = None

    def _held(self) -> dict[str, list[int]]:
        """The shards of every worker."""
        client = self.executor.client
        held: dict[str, list[int]] = {address: [] for address in sorted(self.executor._addresses())}
        alive = {
            each.key: i
            for i, each in enumerate(self.futures)
            if each is not None and each.status == "finished"
        }
        if alive:
            known = client.who_has([self.futures[i] for i in alive.values()])
            for key, i in alive.items():
                at = next((address for address in known.get(key, ()) if address in held), None)
                if at is not None:
                    held[at].append(i)
        return held

    def _free(self, count: int) -> list[str]:
        """The workers for `count` shards: those with the fewest shards."""
        self.executor._require_workers()
        load = {address: len(shards) for address, shards in self._held().items()}
        if not load:
            raise WorkersLostError("none of the workers answers")
        found = []
        for _ in range(count):
            at = min(load, key=lambda address: load[address])
            load[at] += 1
            found.append(at)
        return found

    def _loaded(self, index: int, start: int, parts: list[Any], at: list[str]) -> Any:
        """A shard that is loaded by its worker."""
        from dask import delayed

        client = self.executor.client
        given = [
            client.scatter(part, workers=at, hash=False)
            if isinstance(part, np.ndarray) and part.ndim
            else part
            for part in parts
        ]
        task = delayed(resident, pure=False)(index, start, *given, dtype=self.dtype, n_out=self.n_out)
        return client.compute(task, workers=at, allow_other_workers=True)

    def _pieces(self, name: str, which: list[int]) -> list[Any]:
        value = self.sources[name]
        if value is None or isinstance(value, np.ndarray):
            return [value] * len(which)
        if isinstance(value, Collection):  # chunks of all ranges, since they must be consecutive
            pieces = value.pieces(self.ranges)
            return [pieces[i] for i in which]
        return value.pieces([self.ranges[i] for i in which])  # type: ignore[no-any-return]

    def facts(self) -> Facts:
        """The facts about all targets.

        Raises
        ------
        ValueError
            For the first sample that is not finite, or has a negative weight.
        """
        found = self.every(_facts)
        faults = [each.fault for each in found if each.fault is not None]
        if faults:
            labels = {name: getattr(each, "labels", None) for name, each in self.sources.items()}
            raise ValueError(min(faults).message(labels))
        least, most, lost = (
            np.array([getattr(each, name) for each in found]) for name in ("least", "most", "lost")
        )
        return Facts(least.min(axis=0), most.max(axis=0), found[0].first, lost.max(axis=0), None)

    def array(self, name: str) -> Array:
        """x, y or weights, gathered from the workers."""
        value = self.sources[name]
        if isinstance(value, InMemory):
            return value.array
        shape = (self.n_samples, *{"x": self.sources["x"].shape[1:], "y": (self.n_out,)}.get(name, ()))
        affordable(f"{name} in one process", float(np.prod(shape)) * self.dtype.itemsize)
        return np.concatenate(self.every(_rows, name))


class ShardedArray:
    """x, y or weights whose rows are on workers; `numpy.asarray` gathers them in this process.

    Attributes
    ----------
    shards
        The samples on workers.
    name
        "x", "y" or "weights".
    shape, dtype
        Shape and type of the array.
    """

    def __init__(self, shards: Any, name: str) -> None:
        if not (hasattr(shards, "array") and hasattr(shards, "sources")):
            raise TypeError(f"shards must be samples on workers, got {shown(shards)}")
        self.shards, self.name = shards, one_of("name", name, NAMES)
        columns = {"x": shards.sources["x"].shape[1:], "y": (shards.n_out,)}.get(name, ())
        self.shape: tuple[int, ...] = (shards.n_samples, *columns)
        self.dtype = shards.dtype if name != "weights" else np.dtype(np.float64)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        found = np.asarray(self.shards.array(self.name), dtype=dtype)
        return found.copy() if copy else found

    def __repr__(self) -> str:
        return f"ShardedArray({self.name}, {self.shape}, {self.dtype}, {self.shards.n_shards} shards)"

    def __copy__(self) -> ShardedArray:
        return self

    def __deepcopy__(self, _memo: Any) -> ShardedArray:
        return self

    def __reduce__(self) -> Any:
        raise TypeError(
            "samples on workers cannot be pickled: pickle the objective with executor=None, as "
            "dataclasses.replace(objective, executor=None) makes it"
        )


_known: WeakValueDictionary[Any, Shards] = WeakValueDictionary()


def shards_of(
    executor: DaskExecutor, x: Source, y: Source, weights: Source | Array | None, n_out: int
) -> Shards:
    """The shards of these samples: existing shards, if the same samples were sent before."""
    known = weights.tobytes() if isinstance(weights, np.ndarray) else weights and weights.token
    key = (executor.client.id, executor.shards, executor.threads, x.token, y.token, known, n_out)
    found = _known.get(key)
    if found is None:
        found = Shards(executor, x, y, weights, n_out)
        _known[key] = found
    return found


def _ranges(n: int, count: int, x: Source) -> list[Range]:
    """`count` ranges of rows: equal, or ending where chunks of a Dask array end if these are nearly equal."""
    ends = [n * i // count for i in range(1, count + 1)]
    if isinstance(x, Collection) and len(x.ends) >= count:
        at = np.array(x.ends)
        chosen = sorted({int(at[np.argmin(np.abs(at - end))]) for end in ends})
        sizes = np.diff([0, *chosen])
        if (
            len(chosen) == count
            and chosen[-1] == n
            and sizes.max() <= BALANCED * n / count
            and sizes.min() > 0
        ):
            ends = chosen
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _facts(shard: Resident, _: Any) -> tuple[Any, int, int]:
    return shard.facts, len(shard.y), shard.index


def _rows(shard: Resident, name: str) -> tuple[Any, int, int]:
    sound(shard)
    return getattr(shard, name), len(shard.x), shard.index
