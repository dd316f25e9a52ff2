"""Calls of executors on Dask workers; a stand-in for the client computes in this process."""

from __future__ import annotations

from typing import Any

import numpy as np

from fuzz.core import Call, Role, calls
from fuzz.draw import Draw
from splinekan.distributed import DaskExecutor, ShardedArray
from splinekan.distributed.sources import InMemory


class StandIn:
    """What a client of Dask has that an executor uses."""

    __module__ = "distributed.stand_in"
    asynchronous, status = False, "running"

    def scheduler_info(self, n_workers: int = 5) -> dict[str, Any]:
        return {"workers": {f"tcp://{i}": {} for i in range(3)}}

    def scatter(self, value: Any, **_: Any) -> Any:
        return value

    def submit(self, function: Any, *args: Any, **_: Any) -> Any:
        return function(*args)

    def gather(self, values: Any) -> Any:
        return values


CLIENT = StandIn()
ROLES = {
    "client": Role("object"),
    "shards": Role("whole", low=1, optional=True),
    "threads": Role("whole", low=1, high=1024, optional=True),
}


@calls("DaskExecutor", "DaskExecutor.of", "DaskExecutor.workers", "DaskExecutor.map")
def _(draw: Draw, name: str) -> Call:
    made = DaskExecutor(CLIENT, shards=2)
    if name == "DaskExecutor":

        def same(result: Any, args: Any) -> None:
            assert result.client is CLIENT
            for each in ("shards", "threads"):
                assert getattr(result, each) is None or type(getattr(result, each)) is int

        given = {"client": CLIENT, "shards": draw.one(None, 3), "threads": draw.one(None, 2)}
        return Call(DaskExecutor, given, same, ROLES)
    if name == "DaskExecutor.of":

        def kept(result: Any, args: Any) -> None:
            assert result is args["client"] or result.client is args["client"]

        return Call(DaskExecutor.of, {"client": draw.one(CLIENT, made)}, kept, ROLES)
    if name == "DaskExecutor.workers":

        def three(result: Any, args: Any) -> None:
            assert result == 3

        return Call(lambda: made.workers, {}, three)

    def mapped(function: Any, items: Any) -> list[Any]:
        return made.map(function, items)

    def check(result: Any, args: Any) -> None:
        if isinstance(args["items"], list):  # a generator has been used up
            assert result == [args["function"](item) for item in args["items"]]

    roles = {
        "function": Role("callable"),
        "items": Role("object", accepts=("junk empty list", "junk generator", "junk list of None")),
    }
    return Call(mapped, {"function": abs, "items": [1, -2, 3]}, check, roles)


class Held:
    """Shards that are in this process."""

    n_samples, n_shards, n_out, dtype = 3, 1, 1, np.dtype(float)
    sources = {"x": InMemory(np.ones((3, 2))), "y": InMemory(np.ones((3, 1))), "weights": None}  # noqa: RUF012

    def array(self, name: str) -> Any:
        return self.sources[name].array


@calls("ShardedArray", "ShardedArray.__len__")
def _(draw: Draw, name: str) -> Call:
    made = ShardedArray(Held(), draw.one("x", "y"))
    if name == "ShardedArray":

        def shaped(result: Any, args: Any) -> None:
            assert np.asarray(result).shape == result.shape == (3, 2 if args["name"] == "x" else 1)

        return Call(
            ShardedArray,
            {"shards": Held(), "name": draw.one("x", "y")},
            shaped,
            {"shards": Role("object"), "name": Role("text")},
        )

    def three(result: Any, args: Any) -> None:
        assert result == 3

    return Call(made.__len__, {}, three)
