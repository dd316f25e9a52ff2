"""Calls of networks, their layers and least-squares objectives, against slow twins and differences."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import oracles

import splinekan as sk
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats, record
from fuzz.draw import DEGREE, FREE, KNOTS, MODES, NONNEGATIVE, SEED, Draw
from fuzz.knots import valid
from splinekan.network import SparseRows
from splinekan.network.layer import Directions, Slot

WIDTH = Role("whole", low=1)
BASIS = ("spline", "relu")


def slope(f: Any, h: float = 1e-6) -> np.ndarray:
    """f'(0), a central difference."""
    return (floats(f(h)) - floats(f(-h))) / (2 * h)


def assert_slope(got: Any, f: Any) -> None:
    """f'(0), to what differences of two sizes can tell, away from the kinks that they meet."""
    got, rough, fine = floats(got), slope(f, 1e-5), slope(f)
    assert got.shape == fine.shape, f"shape {got.shape} instead of {fine.shape}"
    middle = floats(f(0.0))
    sizes = (np.abs(each).max(initial=0.0) for each in (rough, fine, middle))
    tolerance = 1e-4 * sum(sizes) + 1e-8
    errors = np.minimum(np.abs(got - rough), np.abs(got - fine))
    # At a kink the two sides differ, or differences of two sizes do because one of them reaches it.
    sides = (floats(f(1e-6)) - 2 * middle + floats(f(-1e-6))) / 1e-6
    kinked = (np.abs(rough - fine) > tolerance) | (np.abs(sides) > tolerance)
    assert (errors[~kinked] <= tolerance).all(), f"derivative {got} instead of {fine}"


# Layers


def _layer(draw: Draw, kind: str, n_in: int | None = None) -> Any:
    p, q = n_in or draw.integer(1, 3), draw.integer(1, 2)
    if kind == "Affine":
        return sk.Affine(p, q, draw.chance())
    if kind == "Activation":
        return sk.Activation(p, draw.one("tanh", "sigmoid", "relu", "power_relu"), draw.integer(2, 4))
    if kind == "Normalizer":
        return sk.Normalizer(p, draw.one("sigmoid", "tanh", "affine"), (-1.0, 1.0), (-2.0, 3.0))
    k = draw.one(3, 3, 5)
    t = draw.one(sk.uniform_knots(0, 1, 3, k), np.cumsum(draw.points(3 + 2 * k, low=0.1, high=0.3)))
    return sk.SplineLayer(
        p, q, t, k, draw.one("linear", "polynomial", "clamp", "zero"), draw.one("spline", "spline", "relu")
    )


def _params(draw: Draw, layer: Any) -> np.ndarray:
    if getattr(layer, "basis", "spline") == "relu":
        u = draw.normal(layer.n_basis, layer.n_in * layer.n_out)
        w = layer.change_of_basis.apply_transpose(u).reshape(layer.n_basis, layer.n_in, layer.n_out)
        return np.ascontiguousarray(w.swapaxes(0, 1)).ravel()
    return draw.normal(layer.n_parameters)


KINDS = ("Affine", "Activation", "Normalizer", "SplineLayer")


def value_of(layer: Any, params: Any, x: Any) -> np.ndarray:
    """The layer by its definition."""
    net = sk.KAN.chain([layer])
    params, x = floats(params), floats(x)
    assert params.shape == (layer.n_parameters,)
    assert x.ndim == 2
    assert x.shape[1] == layer.n_in
    if isinstance(layer, (sk.Affine, sk.SplineLayer)):
        return (
            oracles.network(net, params, x)
            if np.isfinite(x).all()
            else np.full((len(x), layer.n_out), np.nan)
        )
    if layer.kind == "affine":
        (a, b), (c, d) = layer.domain, layer.source
        return a + (b - a) * (x - c) / (d - c)
    with np.errstate(all="ignore"):
        if layer.kind in ("relu", "power_relu"):
            return np.maximum(x, 0) ** (1 if layer.kind == "relu" else layer.degree)
        squashed = np.tanh(x) if layer.kind == "tanh" else 0.5 * (1 + np.tanh(x / 2))
    if isinstance(layer, sk.Activation):
        return squashed
    a, b = layer.domain
    return a + (b - a) * (squashed if layer.kind == "sigmoid" else (1 + squashed) / 2)


def _finite(args: Any) -> bool:
    return all(
        np.isfinite(floats(v)).all()
        for v in args.values()
        if isinstance(v, np.ndarray) and v.dtype.kind == "f"
    )


def _moderate(args: Any) -> bool:
    return all(
        np.abs(floats(v)).max(initial=0.0) < 1e4
        for v in args.values()
        if isinstance(v, np.ndarray) and v.dtype.kind == "f"
    )


@calls("Affine", "Activation", "Normalizer", "SplineLayer")
def _(draw: Draw, name: str) -> Call:
    if name == "Affine":
        arguments: dict[str, Any] = {
            "n_in": draw.integer(1, 4),
            "n_out": draw.integer(1, 4),
            "bias": draw.chance(),
        }
    elif name == "Activation":
        arguments = {
            "width": draw.integer(1, 4),
            "kind": draw.one("tanh", "relu"),
            "degree": draw.integer(1, 4),
        }
    elif name == "Normalizer":
        arguments = {
            "width": draw.integer(1, 4),
            "kind": draw.one("tanh", "affine"),
            "domain": (0.0, 2.0),
            "source": (-1.0, 1.0),
        }
    else:
        t, k, _ = draw.knots(repeated=False)
        arguments = {
            "n_in": draw.integer(1, 3),
            "n_out": draw.integer(1, 3),
            "knots": t,
            "degree": k,
            "extrapolate": draw.one(*MODES),
            "basis": draw.one(*BASIS),
        }

    def check(result: Any, args: Any) -> None:
        sizes = {
            "Affine": lambda a: (a["n_in"] + a["bias"]) * a["n_out"],
            "SplineLayer": lambda a: a["n_in"] * a["n_out"] * (len(a["knots"]) - a["degree"] - 1),
        }
        want = int(sizes.get(name, lambda a: 0)(args))
        assert result.n_parameters == want
        assert sum(result.run_lengths) in (want, result.n_parameters) or name == "SplineLayer"
        assert name != "SplineLayer" or valid(args["knots"], args["degree"])
        for field, value in args.items():
            held = getattr(result, field)
            assert type(held) in (type(value), int, float, bool, str, tuple, np.ndarray)
            assert not isinstance(held, np.generic), f"{field} stays a NumPy scalar"

    roles = {"knots": KNOTS, "degree": DEGREE} if name == "SplineLayer" else {"degree": Role("whole", low=1)}
    return Call(getattr(sk, name), arguments, check, roles, strict=name != "SplineLayer")


@calls(*(f"{kind}.{m}" for kind in KINDS for m in ("value", "jvp", "vjp", "vjp_tangent", "blocks")))
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    layer, n, tame = _layer(draw, kind), draw.integer(1, 4), True
    x = draw.points(n, layer.n_in, low=-0.3, high=1.3)
    if name == "SplineLayer.value" and draw.chance():  # differences would not see much on such knots
        (t, k), tame = draw.hostile(3), False
        layer = sk.SplineLayer(layer.n_in, layer.n_out, t, k, layer.extrapolate)
        x = draw.inside(t, k, x.size, 0.7).reshape(x.shape).astype(draw.one(np.float64, np.float32))
    params = _params(draw, layer)
    dparams, dx = draw.normal(layer.n_parameters), draw.normal(n, layer.n_in)
    gy, dgy = draw.normal(n, layer.n_out), draw.normal(n, layer.n_out)
    if getattr(layer, "basis", "") == "relu":
        dparams = _params(draw, layer)
    arguments = {
        "value": {"params": params, "x": x},
        "blocks": {"params": params},
        "jvp": {"params": params, "x": x, "dparams": dparams, "dx": dx},
        "vjp": {"params": params, "x": x, "gy": gy, "want_x": draw.chance()},
        "vjp_tangent": {"params": params, "x": x, "gy": gy, "dparams": dparams, "dx": dx, "dgy": dgy},
    }[method]

    def check(result: Any, args: Any) -> None:
        p = floats(args["params"])
        assert p.shape == (layer.n_parameters,), "params of a wrong shape"
        if method == "blocks":
            assert sum(block.size for block in result.values()) == layer.n_parameters
            return
        x = floats(args["x"])
        assert x.ndim == 2
        assert x.shape[1] == layer.n_in
        if not _finite(args) or not _moderate(args):
            return
        want = value_of(layer, p, x)
        if method == "value":
            size = 1 + np.abs(want).max(initial=0.0) + 30 * np.abs(p).max(initial=0.0)
            assert_near(result, want, size, 1e5 if getattr(layer, "basis", "") == "relu" else 1e3)
            return
        if np.abs(x).min(initial=1.0) < 1e-4:  # a kink, or an end of the domain: differences straddle it
            return
        if method == "jvp":
            dp, dx = floats(args["dparams"]), floats(args["dx"])
            assert dp.shape == p.shape
            assert dx.shape == x.shape
            assert_slope(result, lambda s: value_of(layer, p + s * dp, x + s * dx))
            return
        gy = floats(args["gy"])
        assert gy.shape == want.shape
        if method == "vjp":
            self_p, self_x = layer.vjp(p, x, gy, True)
            dp, dx = np.ones_like(p) / 2, np.ones_like(x)
            ahead = layer.jvp(p, x, dp, dx)
            assert abs((ahead * gy).sum() - self_p @ dp - (self_x * dx).sum()) <= 1e-8 * (
                1 + np.abs(ahead).sum() + np.abs(self_p).sum() + np.abs(self_x).sum()
            ) * (1 + np.abs(gy).max(initial=0))
            assert_alike(result[0], self_p, 1e-3 if result[0].dtype == np.float32 else 1e-9)
            assert not args["want_x"] or result[1].shape == x.shape
            return
        dp, dx, dgy = (floats(args[one]) for one in ("dparams", "dx", "dgy"))
        assert dp.shape == p.shape
        assert dx.shape == x.shape
        assert dgy.shape == gy.shape
        for which in (0, 1):
            assert_slope(
                result[which], lambda s, at=which: layer.vjp(p + s * dp, x + s * dx, gy + s * dgy, True)[at]
            )

    # Blocks are views, which not every layout allows.
    strict = tame and method != "blocks"
    return Call(getattr(layer, method), arguments, check, _unused(layer), strict, 1e5, ("knots",))


def _unused(layer: Any) -> dict[str, Role]:
    """What elementwise layers are handed as all layers are, and never look at: they have no parameters."""
    elementwise = isinstance(layer, (sk.Activation, sk.Normalizer))
    return dict.fromkeys(("params", "dparams", "slot", "want_x"), FREE) if elementwise else {}


def _slot(layer: Any, n: int) -> Slot:
    stored, runs = sum(layer.run_lengths), len(layer.run_lengths)
    return Slot(np.zeros((n, stored)), np.zeros((n, runs), np.int64), 0, 0, 0, 1, 0)


def _dense(layer: Any, slot: Slot) -> np.ndarray:
    lengths = np.array(layer.run_lengths, np.int64)
    return SparseRows(slot.values, slot.starts, lengths, layer.n_parameters).toarray()


@calls(*(f"{kind}.{m}" for kind in KINDS for m in ("rows", "jet_value", "jet_vjp", "jet_rows")))
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    layer = _layer(draw, kind)
    n, params = draw.integer(1, 4), _params(draw, layer)
    directions = Directions(draw.one((), (1,), (2,), (2, 1)))
    m = directions.channels
    x = draw.points(n, layer.n_in, low=0.1, high=0.9)
    jets = np.concatenate([x[:, None], draw.normal(n, m - 1, layer.n_in)], axis=1)
    v, gy = draw.normal(n, layer.n_out), draw.normal(n, m, layer.n_out)
    slot = _slot(layer, n)
    arguments = {
        "rows": {"params": params, "x": x, "v": v, "slot": slot, "want_x": True},
        "jet_value": {"params": params, "x": jets, "directions": directions},
        "jet_vjp": {"params": params, "x": jets, "gy": gy, "directions": directions, "want_x": True},
        "jet_rows": {
            "params": params,
            "x": jets,
            "v": gy,
            "directions": directions,
            "slot": slot,
            "want_x": True,
        },
    }[method]

    def check(result: Any, args: Any) -> None:
        p, x = floats(args["params"]), floats(args["x"])
        assert p.shape == (layer.n_parameters,)
        assert x.ndim == (2 if method == "rows" else 3)
        assert x.shape[-1] == layer.n_in
        if not _finite(args) or not _moderate(args):
            return
        if method == "rows":
            v = floats(args["v"])
            assert v.shape == (len(x), layer.n_out)
            gradient, back = layer.vjp(p, x, v, True)
            assert_alike(floats(result), back, 1e-4)
            if layer.n_parameters:
                assert_alike(_dense(layer, args["slot"]).sum(axis=0), gradient, 1e-4)
            return
        assert x.shape[1] == m
        value = layer.jet_value(p, x, directions)
        if method == "jet_value":
            size = 1 + np.abs(value).max(initial=0.0)
            assert_near(result, value, size, 1e6)
            assert_near(value[:, 0], value_of(layer, p, x[:, 0]), size + 30 * np.abs(p).max(initial=0.0), 1e5)
            zero, at_rest = np.zeros_like(p), np.ascontiguousarray(x[:, 0])
            for order, at in zip(directions.orders, directions.offsets, strict=True):
                move = np.ascontiguousarray(x[:, at])
                first = layer.jvp(p, at_rest, zero, move)
                assert_near(value[:, at], first, size + np.abs(first).max(initial=0.0), 1e7)
                if order == 2 and len(x) and np.abs(at_rest).min() > 1e-4:
                    bend = slope(lambda s, v=move: layer.jvp(p, at_rest + s * v, zero, v))
                    straight = layer.jvp(p, at_rest, zero, np.ascontiguousarray(x[:, at + 1]))
                    off = np.abs(value[:, at + 1] - bend / 2 - straight)
                    # Where a knot or a kink lies at the point, the difference means nothing.
                    assert np.median(off) <= 1e-3 * (size + np.abs(bend).max(initial=0.0)), (
                        "second coefficient"
                    )
            return
        gy = floats(args["gy" if method == "jet_vjp" else "v"])
        assert gy.shape == (len(x), m, layer.n_out)
        gradient, back = layer.jet_vjp(p, x, gy, directions, True)
        if isinstance(layer, (sk.Affine, sk.SplineLayer)):  # linear in the parameters
            q = _params(Draw(0), layer)
            ahead = layer.jet_value(q, x, directions)
            off = abs((ahead * gy).sum() - gradient @ q)
            assert off <= 1e-7 * (np.abs(ahead * gy).sum() + np.abs(gradient * q).sum() + 1)
        if method == "jet_vjp":
            assert_alike(result[0], gradient, 1e-9)
            assert_alike(result[1], back, 1e-9)
        elif layer.n_parameters:
            assert_alike(_dense(layer, args["slot"]).sum(axis=0), gradient, 1e-4)

    roles = {"slot": Role("object"), "directions": Role("object")} | _unused(layer)
    return Call(getattr(layer, method), arguments, check, roles, scale=1e5, writes=True)


PROPERTIES = ("n_in", "n_out", "refined", "with_basis", "__str__", "n_parameters", "run_lengths")


@calls(*(f"{kind}.{p}" for kind in KINDS for p in ("refined", "with_basis")))
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    layer = _layer(draw, kind)
    target = getattr(layer, method)

    def check(result: Any, args: Any) -> None:
        assert (result.n_in, result.n_out) == (layer.n_in, layer.n_out)
        if kind == "SplineLayer":
            assert result.basis == args.get("basis", layer.basis)
            assert result.intervals == layer.intervals * (2 if method == "refined" else 1)

    return Call(target, {} if method == "refined" else {"basis": draw.one(*BASIS)}, check)


@calls(
    "Affine.n_parameters", "Affine.run_lengths", "Activation.n_in", "Activation.n_out", "Normalizer.n_in",
    "Normalizer.n_out", "SplineLayer.intervals", "SplineLayer.n_basis", "SplineLayer.domain",
    "SplineLayer.n_parameters", "SplineLayer.run_lengths", "SplineLayer.change_of_basis",
    "SplineLayer.roughness", "SplineLayer.__str__",
)  # fmt: skip
def _(draw: Draw, name: str) -> Call:
    kind, what = name.split(".")
    layer = _layer(draw, kind)

    def check(result: Any, _args: Any) -> None:
        if what == "roughness":
            p = layer.n_basis
            assert result.shape == (layer.intervals - 1, p)
            u = np.ones(p) if layer.basis == "spline" else layer.change_of_basis.apply_transpose(np.ones(p))
            assert np.abs(result @ u).max(initial=0.0) <= 1e-7 * (
                1 + np.abs(result).max(initial=0.0) * np.abs(u).max()
            )
        elif what == "n_parameters" and kind == "SplineLayer":
            assert result == layer.n_in * layer.n_out * (len(layer.knots) - layer.degree - 1)
        else:
            assert result is not None

    return Call(lambda: str(layer) if what == "__str__" else getattr(layer, what), {}, check)


# Networks


@calls("KAN", "KAN.chain")
def _(draw: Draw, name: str) -> Call:
    layers = list(draw.network().layers)

    def check(result: Any, args: Any) -> None:
        assert all(a is b for a, b in zip(result.layers, args["layers"], strict=True))
        assert result.n_parameters == sum(layer.n_parameters for layer in layers)

    target = sk.KAN if name == "KAN" else sk.KAN.chain
    return Call(target, {"layers": tuple(layers)}, check, {"layers": Role("object")})


@calls("KAN.splines", "KAN.affine_first", "MLP")
def _(draw: Draw, name: str) -> Call:
    widths = [draw.integer(1, 4) for _ in range(draw.integer(3, 4))]
    if name == "MLP":
        arguments: dict[str, Any] = {"widths": widths, "activation": draw.one("tanh", "relu"), "degree": 3}
        target: Any = sk.MLP
    else:
        arguments = {
            "widths": widths,
            "degree": draw.integer(0, 5),
            "intervals": draw.integer(1, 6),
            "domain": (-1.0, 1.0),
            "basis": draw.one(*BASIS),
            "extrapolate": draw.one(*MODES),
        }
        if name == "KAN.affine_first":
            arguments["bias"] = draw.chance()
        target = getattr(sk.KAN, name.split(".")[1])

    def check(result: Any, args: Any) -> None:
        w = [int(n) for n in args["widths"]]
        pairs = list(pairwise(w))
        if name == "MLP":
            want = sum(p * q + q for p, q in pairs)
        else:
            basis = int(args["degree"]) + int(args["intervals"])
            first = 0
            if name == "KAN.affine_first":
                first, pairs = (w[0] + bool(args["bias"])) * w[1], pairs[1:]
            want = first + sum(p * q * basis for p, q in pairs)
        assert result.n_parameters == want, f"{result.n_parameters} parameters instead of {want}"
        assert (result.n_in, result.n_out) == (w[0], w[-1])

    roles = {"degree": DEGREE if name != "MLP" else Role("whole", low=1)}
    roles["domain"] = Role("interval", accepts=("interval nested",))
    return Call(target, arguments, check, roles)


@calls("KAN.__call__", "KAN.linearize", "KAN.jvp", "KAN.vjp", "KAN.jacobian")
def _(draw: Draw, name: str) -> Call:
    net, n = draw.network(), draw.integer(0, 5)
    method = name.split(".")[1]
    arguments: dict[str, Any] = {"theta": draw.theta(net), "x": draw.points(n, net.n_in, low=-0.2, high=1.2)}
    if method == "jvp":
        arguments["v"] = draw.theta(net)
    if method == "vjp":
        arguments["gy"] = draw.normal(n, net.n_out)
    target = net if method == "__call__" else getattr(net, method)

    def check(result: Any, args: Any) -> None:
        theta, x = floats(args["theta"]), floats(args["x"])
        assert theta.shape == (net.n_parameters,)
        assert x.ndim == 2
        assert x.shape[1] == net.n_in
        if not _finite(args) or not _moderate(args):
            return
        want = oracles.network(net, theta, x)
        size = (
            1 + np.abs(want).max(initial=0.0) + 1e3 * np.abs(theta).max(initial=0.0) * (net.basis == "relu")
        )
        if method in ("__call__", "linearize"):
            assert_near(getattr(result, "output", result), want, size, 1e5)
            return
        if method == "jvp":
            v = floats(args["v"])
            assert v.shape == theta.shape
            assert_slope(result, lambda s: oracles.network(net, theta + s * v, x))
            return
        dense = floats((result if method == "jacobian" else net.jacobian(theta, x)).toarray())
        v = _direction(net)
        assert_slope((dense @ v).reshape(want.shape), lambda s: oracles.network(net, theta + s * v, x))
        if method == "vjp":
            gy = floats(args["gy"])
            assert gy.shape == want.shape
            size = (np.abs(dense).T @ np.abs(gy.ravel())).max(initial=0.0)
            assert_near(result, dense.T @ gy.ravel(), size, 1e5, eps=_eps(args["x"]))

    return Call(target, arguments, check, {}, scale=1e5)


def _eps(x: Any) -> float:
    return float(np.finfo(np.asarray(x).dtype).eps) if np.asarray(x).dtype.kind == "f" else 2.3e-16


def _direction(net: sk.KAN) -> np.ndarray:
    draw = Draw(1)
    return draw.theta(net)


@calls("KAN.blocks")
def _(draw: Draw, name: str) -> Call:
    net = draw.network()

    def check(result: Any, args: Any) -> None:
        assert all(np.shares_memory(block, args["theta"]) for layer in result for block in layer.values())
        assert sum(block.size for layer in result for block in layer.values()) == net.n_parameters

    return Call(net.blocks, {"theta": draw.theta(net)}, check, strict=False)


@calls("KAN.refined", "KAN.with_basis", "KAN.to_basis", "KAN.coordinates")
def _(draw: Draw, name: str) -> Call:
    net, method = draw.network(), name.split(".")[1]
    arguments: dict[str, Any] = {} if method == "refined" else {"basis": draw.one(*BASIS)}
    if method == "to_basis":
        arguments = {"theta": draw.theta(net), **arguments}

    def check(result: Any, args: Any) -> None:
        if method in ("refined", "with_basis"):
            assert (result.n_in, result.n_out) == (net.n_in, net.n_out)
            assert method == "refined" or net.intervals == 0 or result.basis == args["basis"]
        if method == "to_basis":
            theta = floats(args["theta"])
            assert theta.shape == (net.n_parameters,)
            if not _finite(args) or not _moderate(args):
                return
            x = Draw(2).points(5, net.n_in)
            want = oracles.network(net, theta, x)
            got = oracles.network(net.with_basis(args["basis"]), result, x)
            assert_near(got, want, 1 + np.abs(want).max() + np.abs(theta).max() + np.abs(result).max(), 1e8)

    return Call(getattr(net, method), arguments, check)


@calls(
    *(
        f"KAN.{p}"
        for p in ("n_in", "n_out", "offsets", "n_parameters", "intervals", "basis", "roughness", "__str__")
    )
)
def _(draw: Draw, name: str) -> Call:
    net, what = draw.network(), name.split(".")[1]

    def check(result: Any, _args: Any) -> None:
        if what == "roughness":
            assert result.shape[1] == net.n_parameters
        if what == "offsets":
            assert result[-1] == sum(layer.n_parameters for layer in net.layers)

    return Call(lambda: str(net) if what == "__str__" else getattr(net, what), {}, check)


@calls(
    "Linearization.jvp",
    "Linearization.tangents",
    "Linearization.vjp",
    "Linearization.vjp_tangent",
    "Linearization.jacobian",
)
def _(draw: Draw, name: str) -> Call:
    net, n = draw.network(), draw.integer(1, 4)
    theta, x = draw.theta(net), draw.points(n, net.n_in)
    at, method = net.linearize(theta, x), name.split(".")[1]
    v, gy, dgy = draw.theta(net), draw.normal(n, net.n_out), draw.normal(n, net.n_out)
    arguments: dict[str, Any] = {
        "jvp": {"v": v},
        "tangents": {"v": v},
        "vjp": {"gy": gy},
        "vjp_tangent": {"gy": gy, "v": v, "dgy": draw.one(None, dgy)},
        "jacobian": {},
    }[method]

    def check(result: Any, args: Any) -> None:
        for letter in ("v", "gy", "dgy"):
            if args.get(letter) is not None:
                want = (net.n_parameters,) if letter == "v" else (n, net.n_out)
                assert np.shape(args[letter]) == want, (
                    f"{letter} of shape {np.shape(args[letter])} was accepted"
                )
        if not _finite(args) or not _moderate(args):
            return
        dense = at.jacobian().toarray()
        if method in ("jvp", "tangents"):
            got = result[-1] if method == "tangents" else result
            assert_near(
                got.ravel(), dense @ floats(args["v"]), np.abs(dense) @ np.abs(floats(args["v"])) + 1, 1e6
            )
        elif method == "vjp":
            gy = floats(args["gy"]).ravel()
            assert_near(result, dense.T @ gy, (np.abs(dense).T @ np.abs(gy)).max(initial=0.0) + 1, 1e6)
        elif method == "jacobian":
            w = _direction(net)
            assert_slope((dense @ w).reshape(n, -1), lambda s: oracles.network(net, theta + s * w, x))
        else:
            gy, v = floats(args["gy"]), floats(args["v"])
            dgy = np.zeros_like(gy) if args["dgy"] is None else floats(args["dgy"])
            assert_slope(result, lambda s: net.vjp(theta + s * v, x, gy + s * dgy))

    roles = {"dgy": Role("array", optional=True)}
    return Call(getattr(at, method), arguments, check, roles, scale=1e6)


@calls("Linearization.vjp_change")
def _(draw: Draw, name: str) -> Call:
    net = draw.network()
    theta, x, v = draw.theta(net), draw.points(3, net.n_in), draw.theta(net)
    at = net.linearize(theta, x)
    gy, dgy = draw.normal(3, net.n_out), draw.normal(3, net.n_out)
    changes = at.tangents(v)

    def check(result: Any, args: Any) -> None:
        if _moderate(args) and _finite(args):
            assert_alike(result, at.vjp_tangent(args["gy"], args["v"], args["dgy"]), 1e-9)

    arguments = {"gy": gy, "v": v, "dgy": dgy, "changes": changes}
    # What `tangents` gave for v belongs to v.
    return Call(at.vjp_change, arguments, check, {"changes": FREE, "v": FREE}, scale=1e6)


@calls("Normalizer.preimage")
def _(draw: Draw, name: str) -> Call:
    layer = sk.Normalizer(2, "affine", (-1.0, 1.0), (-2.0, 3.0))

    def check(result: Any, args: Any) -> None:
        assert args["low"] < args["high"]
        ends = np.array(result).T
        want = np.array([[args["low"]] * 2, [args["high"]] * 2])
        assert_near(layer.value(np.zeros(0), ends), want, 1 + np.abs(want).max(), 100)

    low = draw.real()
    roles = {"low": Role("real"), "high": Role("real")}
    return Call(layer.preimage, {"low": low, "high": low + 1.0}, check, roles)


@calls("KAN.domain", "Normalizer.__str__")
def _(draw: Draw, name: str) -> Call:
    if name == "KAN.domain":
        net = sk.KAN.splines([2, 1], domain=(-1.0, 2.0))
        return Call(lambda: net.domain, {}, lambda r, _: assert_alike(r, ((-1.0, 2.0), (-1.0, 2.0))))
    return Call(
        lambda: str(_layer(draw, "Normalizer")), {}, lambda r, _: assert_alike("Normalizer" in r, True)
    )


@calls("Linearization")
def _(draw: Draw, name: str) -> Call:
    net = draw.network()
    return record(net.linearize(draw.theta(net), draw.points(3, net.n_in)))


@calls("initialize")
def _(draw: Draw, name: str) -> Call:
    net = draw.network()
    arguments = {
        "network": net,
        "seed": draw.integer(0, 99),
        "scheme": draw.one("frames", "greville", "noise"),
        "bounds": (0.0, 2.0),
        "noise": 0.1,
        "mean": 0.5,
    }

    def check(result: Any, args: Any) -> None:
        assert result.shape == (net.n_parameters,)
        assert np.isfinite(result).all()
        seed = args["seed"]
        if not isinstance(seed, np.random.Generator):
            assert np.array_equal(result, sk.initialize(**{**args, "seed": int(seed)}))

    # Under another name where one interval for each input is taken.
    parameters = _parameters(sk.initialize)
    if "bounds" not in parameters:
        arguments["bounds"] = arguments.pop("bounds")
    roles = {"seed": SEED, "noise": NONNEGATIVE, "mean": Role("real")}
    roles["bounds"] = Role("interval", optional=True)
    return Call(sk.initialize, arguments, check, roles, names=("bounds", "bounds"))


def _parameters(target: Any) -> tuple[str, ...]:
    import inspect

    return tuple(inspect.signature(target).parameters)
