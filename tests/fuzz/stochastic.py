"""Calls of batches and of training in batches."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats, record
from fuzz.draw import INDEX, NONNEGATIVE, Draw, PseudoHuber
from splinekan.optimize import Constant

RANKS = {name: Role("whole", low=1) for name in ("size", "block")} | {"seed": INDEX}


@calls("Batches", "Batches.__len__", "Batches.n_samples", "Batches.epoch")
def _(draw: Draw, name: str) -> Call:
    n = draw.integer(1, 12)
    x = draw.one(draw.normal(n, 2), draw.rng.integers(0, 255, (n, 2), dtype=np.uint8))
    arguments = {
        "x": x,
        "y": draw.one(draw.normal(n), draw.normal(n, 2)),
        "weights": draw.one(None, draw.points(n)),
        "size": draw.integer(1, 15),
        "shuffle": draw.chance(),
        "seed": draw.integer(0, 9),
        "drop_last": False,
        "block": draw.integer(1, 4),
        "transform": draw.one(None, lambda x: x / 2),
        "target_transform": None,
    }
    method = name.split(".")[-1]
    if method == "Batches":

        def read(**given: Any) -> list[Any]:
            return list(sk.Batches(**given))

        def check(result: Any, args: Any) -> None:
            found = np.concatenate([batch[1] for batch in result])
            if not args["drop_last"]:
                assert_alike(np.sort(found, axis=0), np.sort(floats(args["y"]), axis=0))
            assert np.isfinite(found).all()
            assert all(len(batch[0]) == len(batch[1]) <= args["size"] for batch in result)
            if args["transform"] is None and not args["shuffle"] and not args["drop_last"]:
                assert_alike(np.concatenate([batch[0] for batch in result]), floats(args["x"]))

        roles = RANKS | {
            "weights": Role("array", optional=True),
            "transform": Role("function" if arguments["transform"] else "callback", optional=True),
            "target_transform": Role("callback", optional=True),
        }
        return Call(read, arguments, check, roles)
    made = sk.Batches(**arguments)
    if method == "epoch":

        def listed(number: Any, start: Any) -> list[Any]:
            return list(made.epoch(number, start))

        def rest(result: Any, args: Any) -> None:
            assert len(result) == max(0, len(made) - int(args["start"]))

        whole = {"number": draw.integer(0, 5), "start": draw.integer(0, 3)}
        return Call(listed, whole, rest, {"number": INDEX, "start": INDEX})
    if method == "n_samples":
        return Call(lambda: made.n_samples, {}, lambda r, _: assert_alike(r, n))
    return Call(lambda: len(made), {}, lambda r, _: assert_alike(r, len(list(made))))


def _data(draw: Draw) -> tuple[Any, Any, Any]:
    net = draw.network()
    n = draw.integer(3, 9)
    return net, draw.points(n, net.n_in), draw.normal(n, net.n_out)


@calls("minibatch_training")
def _(draw: Draw, name: str) -> Call:
    net, x, y = _data(draw)
    batches = sk.Batches(x, y, size=draw.integer(1, 9), seed=draw.integer(0, 9))
    source = draw.one(batches, list(batches), lambda: batches.epoch(0))
    held = draw.one(None, (x, y), sk.Batches(x, y, size=2))
    optimizer = draw.one(None, sk.Adam(schedule=Constant(1e-2), geometry=draw.one(None, "spline")))
    arguments = {
        "network": net,
        "batches": source,
        "theta0": draw.theta(net),
        "optimizer": optimizer,
        "loss": draw.one(None, sk.SquaredError(), PseudoHuber()),
        "epochs": draw.integer(1, 3),
        "held_out": held,
        "patience": None if held is None else draw.one(None, 1),
        "smoothing": draw.one(0.0, 1e-3),
        "callback": draw.one(None, lambda epoch: epoch.epoch > 1),
        "progress": False,
        "resume": None,
    }

    def check(result: Any, args: Any) -> None:
        start = floats(args["theta0"])
        assert start.shape == result.theta.shape == (net.n_parameters,)
        assert np.isfinite(start).all()
        assert np.isfinite(result.theta).all()
        assert_alike(result.model.theta, result.theta)
        assert len(result.history.loss) <= args["epochs"]
        if not finite(args) or not moderate(args):
            return
        again = sk.minibatch_training(**{**args, "theta0": start})
        assert_alike(again.theta, result.theta)
        if args["held_out"] is not None:
            loss = sk.SquaredError() if args["loss"] is None else args["loss"]
            whole = sk.DataLoss(net, x, y, loss=loss, reduction="mean")
            want = whole.value(result.theta)
            assert_near(result.value, want, abs(want), 1e5)
            assert result.value <= whole.value(start) * (1 + 1e-9)

    roles = {
        "batches": Role("callable"),
        "optimizer": Role("object", optional=True),
        "loss": Role("object", optional=True),
        "epochs": Role("whole", low=1, most=20),
        "held_out": Role("object", optional=True),
        "patience": Role("whole", low=1, optional=True),
        "smoothing": NONNEGATIVE,
        "callback": Role("callback", optional=True),
        "resume": Role("object", optional=True),
    }
    return Call(sk.minibatch_training, arguments, check, roles, names=("held_out", "held-out", "batch"))


@cache
def _result() -> tuple[Any, Any]:
    net, x, y = _data(Draw(0))
    epochs: list[Any] = []
    result = sk.minibatch_training(
        net, sk.Batches(x, y, size=2), np.zeros(net.n_parameters), epochs=2, callback=epochs.append
    )
    return result, epochs[0]


@calls("MinibatchResult", "Epoch", "Checkpoint", "EpochHistory")
def _(draw: Draw, name: str) -> Call:
    result, epoch = _result()
    return record(
        {
            "MinibatchResult": result,
            "Epoch": epoch,
            "Checkpoint": result.checkpoint,
            "EpochHistory": result.history,
        }[name]
    )


@calls("MinibatchResult.success", "MinibatchResult.nit")
def _(draw: Draw, name: str) -> Call:
    result, _epoch = _result()
    if name.endswith("success"):
        return Call(lambda: result.success, {}, lambda r, _: assert_alike(r, False))
    return Call(lambda: result.nit, {}, lambda r, _: assert_alike(r, int(result.history.steps[-1])))
