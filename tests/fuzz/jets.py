"""Calls of Taylor coefficients through networks, and of what layers are handed with their samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from fuzz.compare import assert_slope, finite, moderate
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats, record
from fuzz.draw import FREE, INDEX, Draw
from fuzz.layers import _slot
from fuzz.networks import _direction
from splinekan.network.jets import Jets
from splinekan.network.layer import Directions
from splinekan.network.slot import Slot

ORDERS = ((), (1,), (2,), (2, 1), (4, 3))


@calls("Directions", *(f"Directions.{p}" for p in ("offsets", "channels", "order", "pulls", "arrays")))
def _(draw: Draw, name: str) -> Call:
    orders = draw.one(*ORDERS)
    if name != "Directions":
        made, what = Directions(orders), name.split(".")[1]
        starts = tuple(1 + sum(orders[:d]) for d in range(len(orders)))
        ways = [[0, *range(at, at + order)] for at, order in zip(starts, orders, strict=True)] or [[0]]
        products = {
            (way[j], way[m - j], way[m]) for way in ways for m in range(len(way)) for j in range(m + 1)
        }
        want = {
            "offsets": starts,
            "channels": 1 + sum(orders),
            "order": max(orders, default=0),
        }
        if what in ("pulls", "arrays"):

            def check_pulls(result: Any, _args: Any) -> None:
                if what == "arrays":
                    assert_alike(result[:2], (np.array(orders, int), np.array(starts, int)))
                pulls = result if what == "pulls" else result[2]
                assert {tuple(map(int, pull)) for pull in pulls} == products
                assert len(pulls) == len(products)

            return Call(lambda: getattr(made, what), {}, check_pulls)
        want = want[what]
        return Call(lambda: getattr(made, what), {}, lambda r, _: assert_alike(r, want))

    def check(result: Any, args: Any) -> None:
        assert result.orders == tuple(args["orders"])
        assert all(type(order) is int for order in result.orders)

    return Call(
        Directions,
        {"orders": orders},
        check,
        {"orders": Role("wholes", low=1, high=4, accepts=("junk empty list", "empty", "array of floats"))},
    )


def _seeded(draw: Draw) -> tuple[Any, Any, Any, np.ndarray]:
    net, directions = draw.network(), Directions(draw.one(*ORDERS))
    x = draw.normal(draw.integer(1, 4), directions.channels, net.n_in)
    x[:, 0] = draw.points(len(x), net.n_in, low=0.1, high=0.9)
    return net, draw.theta(net), directions, x


@calls("Jets", "Jets.of")
def _(draw: Draw, name: str) -> Call:
    net, theta, directions, x = _seeded(draw)
    if name == "Jets":
        return record(Jets.of(net, theta, x, directions))

    def check(result: Any, args: Any) -> None:
        theta, x = floats(args["theta"]), floats(args["x"])
        assert theta.shape == (net.n_parameters,)
        assert x.ndim == 3
        assert x.shape[1:] == (directions.channels, net.n_in)
        if not finite(args) or not moderate(args):
            return
        assert_near(result.output[:, 0], net(theta, x[:, 0]), 1 + np.abs(result.output).max(initial=0), 1e6)
        for at in directions.offsets:
            move = x[:, at]
            assert_slope(result.output[:, at], lambda s, v=move: net(theta, x[:, 0] + s * v))

    arguments = {"network": net, "theta": theta, "x": x, "directions": directions}
    return Call(Jets.of, arguments, check, {"directions": Role("object")}, scale=1e6)


@calls("Jets.vjp", "Jets.rows")
def _(draw: Draw, name: str) -> Call:
    net, theta, directions, x = _seeded(draw)
    at, method = Jets.of(net, theta, x, directions), name.split(".")[1]

    def check(result: Any, args: Any) -> None:
        v, w = floats(args["v"]), _direction(net)
        assert v.shape == at.output.shape, f"v of shape {v.shape} was accepted"
        if not finite(args) or not moderate(args):
            return

        def pulled(s: float) -> np.ndarray:
            return np.einsum("nco,nco->n", v, Jets.of(net, theta + s * w, x, directions).output)

        along = result.matvec(w) if method == "rows" else np.atleast_1d(result @ w)
        assert_slope(along, pulled if method == "rows" else lambda s: np.atleast_1d(pulled(s).sum()))

    return Call(getattr(at, method), {"v": draw.normal(*at.output.shape)}, check, scale=1e6)


@calls("Slot", "Slot.check", "Slot.moved", "Slot.place")
def _(draw: Draw, name: str) -> Call:
    net, n = draw.network(), draw.integer(1, 4)
    layer = draw.one(*net.layers)
    slot = _slot(layer, n)
    if name == "Slot.place":
        want = (slot.values, slot.starts, slot.position, slot.segment, slot.column, slot.stride, slot.shift)
        return Call(lambda: slot.place, {}, lambda r, _: assert_alike(r, want))
    if name == "Slot.moved":  # by layers, which know how far: nothing is checked
        arguments = {"position": 1, "segment": 2, "column": 3}

        def moved(result: Any, args: Any) -> None:
            assert result.values is slot.values
            assert (result.position, result.segment, result.column) == (1, 2, 3)

        return Call(slot.moved, arguments, moved, dict.fromkeys(arguments, FREE))
    if name == "Slot":
        made = record(slot)
        roles = dict.fromkeys(("position", "segment", "column", "shift"), INDEX) | {
            "stride": Role("whole", low=1)
        }
        # What may be written to is taken as it is: nothing is copied.
        roles |= {"values": FREE, "starts": FREE}

        def same(result: Any, args: Any) -> None:
            for key in roles:
                assert getattr(result, key) is args[key] or type(getattr(result, key)) is int
                assert np.all(getattr(result, key) == args[key])

        return Call(Slot, made.arguments, same, roles)

    def refuses(x: Any, values: Any) -> bool:
        try:
            Slot(values, slot.starts, 0, 0, 0, 1, 0).check(layer, x)
        except (TypeError, ValueError):
            return True
        return False

    def check(result: Any, _args: Any) -> None:
        assert result == (fewer or narrow)

    fewer = draw.chance()
    narrow = not fewer and bool(slot.values.shape[1]) and draw.chance()
    x = np.zeros((n + fewer, layer.n_in))
    values = slot.values[:, :-1] if narrow else slot.values
    return Call(refuses, {"x": x, "values": values}, check, {"x": FREE, "values": FREE})


@calls("KAN.prolongation")
def _(draw: Draw, name: str) -> Call:
    net = draw.network(basis="spline")
    wrong = draw.chance(0.3)
    finer = draw.network() if wrong else net.refined()

    def check(result: Any, args: Any) -> None:
        fine, x = args["finer"], draw.points(4, net.n_in)
        assert (fine.n_in, fine.n_out) == (net.n_in, net.n_out), "networks of other widths"
        assert result.shape == (fine.n_parameters, net.n_parameters)
        theta = _direction(net)
        want, got = net(theta, x), fine(result @ theta, x)
        assert_near(got, want, 1 + np.abs(want).max() + np.abs(theta).max(), 1e5)

    names = ("layer", "coarse_knots", "fine_knots")
    return Call(net.prolongation, {"finer": finer}, check, strict=not wrong, names=names)
