"""Sums over samples on the workers of a Dask cluster: the executor."""

from __future__ import annotations

import os
import pickle
import platform
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, NamedTuple

from splinekan._checks import function as checked_function
from splinekan._checks import integer, sequence, shown
from splinekan.distributed.errors import SchedulerLostError, WorkersLostError

EXTRA = "Dask is needed to work on several processes: pip install 'splinekan[distributed]'"
POLL = 2.0
"""Seconds between checks of the cluster while a sum is computed."""
PATIENCE = 60.0
"""Seconds to wait for a worker if no worker is left."""


class Place(NamedTuple):
    """The environment of a worker: host, process, usable cores, and the version of this package."""

    host: str
    process: int
    cores: int
    version: str


class Worker(NamedTuple):
    """A worker: address, number of concurrent tasks, memory limit in bytes (0 for none), and environment."""

    address: str
    tasks: int
    memory: int
    place: Place


def here() -> Place:
    """The environment of this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Place(platform.node(), os.getpid(), cores, _version())


def _version() -> str:
    return str(import_module("splinekan").__version__)


def is_client(value: Any) -> bool:
    """Whether `value` is a Dask client; Dask is not imported."""
    return any(kind.__module__.startswith("distributed.") for kind in type(value).__mro__) and hasattr(
        value, "scatter"
    )


class DaskExecutor:
    """Workers of a Dask cluster, which keep shards of the samples and sum over them.

    `executor=client` in an objective is short for `DaskExecutor(client)`.

    Parameters
    ----------
    client
        A `distributed.Client`, or "active" for the client in scope.
    shards
        The number of shards, at most the number of samples; None for the number of workers. Sums are bitwise
        reproducible for fixed numbers of shards and threads, independently of the number of workers.
    threads
        The number of threads of the kernels in every worker. None: 1 if `shards` is given, otherwise the
        number of cores of the busiest host divided by the number of concurrent tasks of its workers.

    Raises
    ------
    ImportError
        Without Dask.
    TypeError, ValueError
        For anything but a synchronous client and numbers of at least 1, and for "active" without a client in
        scope.
    """

    def __init__(self, client: Any = "active", shards: int | None = None, threads: int | None = None) -> None:
        self.shards = None if shards is None else integer("shards", shards, low=1)
        self.threads = None if threads is None else integer("threads", threads, low=1, high=1024)
        self.client = _checked_client(client)
        self._address = str(getattr(getattr(self.client, "scheduler", None), "address", ""))

    @classmethod
    def of(cls, client: Any) -> DaskExecutor:
        """The executor of a client or of "active"; an executor is returned unchanged."""
        return client if isinstance(client, cls) else cls(client)

    def __repr__(self) -> str:
        return f"DaskExecutor({shown(self.client)}, shards={self.shards}, threads={self.threads})"

    def __copy__(self) -> DaskExecutor:
        return self

    def __deepcopy__(self, _memo: Any) -> DaskExecutor:
        return self  # copies of an objective share its cluster

    def __reduce__(self) -> Any:
        raise TypeError(
            "a DaskExecutor cannot be pickled, since a client belongs to its process: pickle the objective "
            "with executor=None, as dataclasses.replace(objective, executor=None) makes it"
        )

    @property
    def workers(self) -> int:
        """The current number of workers."""
        return max(len(self._known()), 1)

    def map(self, function: Callable[[Any], Any], items: Iterable[Any], /) -> list[Any]:
        """function(item) for every item, in order; the function is sent once."""
        work, groups = checked_function("function", function), sequence("items", items, empty=True)
        from distributed.protocol.pickle import dumps

        sent = self.client.scatter(_Opaque(dumps(work)), broadcast=True, hash=False)
        futures = [self.client.submit(_applied, sent, _Opaque(dumps(item)), pure=False) for item in groups]
        return list(self.client.gather(futures))

    def _survey(self) -> list[Worker]:
        """The workers, in the order of their addresses.

        Raises
        ------
        SchedulerLostError, WorkersLostError
            Without a scheduler, or without workers.
        ImportError
            If a worker lacks this package, or has another version of it.
        """
        self._require_scheduler()
        self._require_workers()
        known = self._known()
        found = self.client.run(here, on_error="return")
        workers = []
        for address in sorted(found):
            place = found[address]
            if isinstance(place, ImportError):
                raise ImportError(f"worker {address} cannot import splinekan: {place}") from None
            if isinstance(place, Place) and address in known:  # other workers are about to leave
                if place.version != _version():
                    raise ImportError(
                        f"workers must have splinekan {_version()}, {address} has {place.version}"
                    )
                info = known[address]
                workers.append(Worker(address, info["nthreads"], info["memory_limit"] or 0, place))
        if not workers:
            raise WorkersLostError("none of the workers answers")
        return workers

    def _require_scheduler(self, cause: BaseException | None = None) -> None:
        """Refuse a client that is closed, or that fails to reconnect to its scheduler.

        Raises
        ------
        SchedulerLostError
            With the address, if it is known.
        """
        while self.client.status == "connecting":
            time.sleep(0.02)
        if self.client.status not in ("running", "newly-created"):
            address = getattr(getattr(self.client, "scheduler", None), "address", "") or self._address
            raise SchedulerLostError(
                f"the client of the scheduler {address or 'of a cluster'} is {self.client.status}: it was "
                "closed, or the scheduler does not answer any more; start a cluster and a client anew"
            ) from cause

    def _require_workers(self) -> None:
        """Wait for a worker if there is none.

        Raises
        ------
        WorkersLostError
            If no worker joins within a minute.
        """
        until = time.monotonic() + PATIENCE
        while not self._known():
            self._require_scheduler()
            if time.monotonic() > until:
                raise WorkersLostError(f"the cluster has had no workers for {PATIENCE:g} seconds")
            time.sleep(0.1)

    def _addresses(self) -> list[str]:
        """The addresses of all current workers."""
        return list(self._known())

    def _known(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.client.scheduler_info(n_workers=-1)["workers"]
        except (OSError, KeyError) as error:
            self._require_scheduler(error)
            return {}
        return found


def share(workers: list[Worker]) -> int:
    """Threads of the kernels for each task, so that no host has more threads than cores."""
    tasks: dict[str, int] = {}
    for worker in workers:
        tasks[worker.place.host] = tasks.get(worker.place.host, 0) + worker.tasks
    return max(1, min(worker.place.cores // tasks[worker.place.host] for worker in workers))


class _Opaque:
    """A wrapper that Dask does not traverse: it would replace strings that are equal to names of tasks."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> Any:
        return _Opaque, (self.value,)


def _applied(function: _Opaque, item: _Opaque) -> Any:
    return pickle.loads(function.value)(pickle.loads(item.value))


def _checked_client(client: Any) -> Any:
    if isinstance(client, str) and client == "active":
        try:
            from distributed import Client
        except ImportError:
            raise ImportError(EXTRA) from None
        try:
            client = Client.current()
        except ValueError:
            raise ValueError(
                "client is 'active', but none is in scope: make one by distributed.Client(), or pass it"
            ) from None
    if not is_client(client):
        raise TypeError(f"client must be a distributed.Client or 'active', got {shown(client)}")
    if client.asynchronous:
        raise TypeError("client must be synchronous: distributed.Client(..., asynchronous=False)")
    return client
