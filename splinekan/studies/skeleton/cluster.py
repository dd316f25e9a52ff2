"""Independent calls on the workers of a running Dask cluster, with results as soon as they are available."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from splinekan import __version__, _threads
from splinekan._checks import shown
from splinekan._processes import Call, Done, carried_out_elsewhere

Key = TypeVar("Key")

TIMEOUT = 10.0
"""Seconds in which a scheduler must answer, and have workers."""
AHEAD = 2
"""Calls in the scheduler's hands for each thread of its workers, so that none waits for this process."""
LEAST, MOST = 32, 500
"""Bounds on the number of these calls; each may hold a lock file open."""


def on_cluster(calls: Iterable[tuple[Key, Call]], address: str) -> Iterator[tuple[Key, Done]]:
    """Results as they come, by key; calls are taken from the iterator when there is room on the cluster.

    The scheduler begins a call again when its worker is lost, as often as its setting
    `distributed.scheduler.allowed-failures` admits, three times by default. Calls that are not
    needed any more are cancelled.

    Raises
    ------
    ModuleNotFoundError
        Without Dask.
    ValueError
        For an invalid address, and for workers with another version of splinekan, or without it.
    ConnectionError
        If the scheduler does not answer, has no workers, or is lost.
    ChildProcessError
        If the workers of a call are lost repeatedly.
    """
    with _connected(address) as client:
        from distributed import KilledWorker, as_completed
        from distributed.client import FutureCancelledError

        _refuse_other_versions(client)
        room = min(max(AHEAD * sum(client.nthreads().values()), LEAST), MOST)
        waiting, keys = iter(calls), {}
        parts = _threads.threads()
        completed = as_completed(loop=client.loop, raise_errors=False)

        def hand_out() -> None:
            for key, call in waiting:
                future = client.submit(_on_worker, call, parts, __version__, pure=False)
                keys[future] = key
                completed.add(future)
                if len(keys) >= room:
                    break

        try:
            hand_out()
            for future in completed:
                key = keys.pop(future)
                try:
                    done = future.result()
                except KilledWorker:
                    raise ChildProcessError(
                        f"{key}: its worker was lost repeatedly before the run ended, killed by the "
                        "system (is memory short?) or by a crash"
                    ) from None
                except FutureCancelledError:
                    raise ConnectionError(
                        f"scheduler {address} was lost, or cancelled {key}: what a folder of checkpoints "
                        "holds is not computed again"
                    ) from None
                future.release()
                yield key, done
                hand_out()
        finally:
            with suppress(Exception):  # a scheduler that is lost has nothing to cancel
                client.cancel(list(keys), force=True)


def _on_worker(call: Call, parts: int, version: str) -> Done:
    """The call on a worker, which may have joined after the versions were compared."""
    from distributed import get_worker

    if version != __version__:
        raise ValueError(_unlike({__version__}, version))
    return carried_out_elsewhere(call, parts, get_worker().address)


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
        from distributed.comm import connect
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a scheduler needs Dask: install splinekan with its extra 'distributed'"
        ) from None

    async def reach() -> None:
        await (await connect(address, timeout=TIMEOUT)).close()

    try:  # first without a Client, which would try again when Python ends
        with ThreadPoolExecutor(1) as thread:  # this one may have a running loop
            thread.submit(asyncio.run, reach()).result()
        client = Client(address, timeout=TIMEOUT, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise ConnectionError(
            f"scheduler {address} does not answer within {TIMEOUT:.0f} s: "
            "give the address that `dask scheduler` prints, tcp://HOST:PORT"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"scheduler must be an address tcp://HOST:PORT, got {shown(address)}") from error
    with client:
        yield client


def _refuse_other_versions(client: Any) -> None:
    def version() -> str | None:  # by value: a worker without splinekan could not import it
        from importlib import import_module

        try:
            return str(import_module("splinekan").__version__)
        except ImportError:
            return None

    try:
        client.wait_for_workers(1, timeout=TIMEOUT)
    except TimeoutError:
        raise ConnectionError(
            f"scheduler {client.scheduler.address} has no workers after {TIMEOUT:.0f} s: start some first"
        ) from None
    found = set(client.run(version).values())
    if found != {__version__}:
        raise ValueError(_unlike(found - {__version__}, __version__))


def _unlike(found: set[Any], version: str) -> str:
    others = ", ".join(sorted("no splinekan" if each is None else f"splinekan {each}" for each in found))
    return f"workers of the scheduler have {others}, this process has splinekan {version}: they must be equal"
