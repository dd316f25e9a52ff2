"""Calls of networks, against slow twins and differences."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import oracles

import splinekan as sk
from fuzz.compare import assert_slope, eps_of, finite, moderate
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats, record
from fuzz.draw import DEGREE, FREE, MODES, NONNEGATIVE, SEED, Draw
from fuzz.layers import BASIS, has_relu_basis

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
            "base": draw.one(None, "identity", "silu"),
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
            basis += args["base"] is not None
            want = first + sum(p * q * basis for p, q in pairs)
        assert result.n_parameters == want, f"{result.n_parameters} parameters instead of {want}"
        assert (result.n_in, result.n_out) == (w[0], w[-1])

    roles = {"degree": DEGREE if name != "MLP" else Role("whole", low=1)}
    roles["base"] = Role("word", optional=True)
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
        if not finite(args) or not moderate(args):
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
            assert_near(result, dense.T @ gy.ravel(), size, 1e5, eps=eps_of(args["x"]))

    return Call(target, arguments, check, {}, scale=1e5)


def _direction(net: sk.KAN) -> np.ndarray:
    draw = Draw(1)
    return draw.theta(net)


@calls("KAN.unpack", "KAN.blocks")
def _(draw: Draw, name: str) -> Call:
    net = draw.network()

    def check(result: Any, args: Any) -> None:
        parts = [part for layer in result for part in layer.values()]
        views = [view for part in parts for view in (part if type(part) is tuple else [part])]
        assert all(np.shares_memory(view, args["theta"]) for view in views)
        assert sum(view.size for view in views) == net.n_parameters

    return Call(getattr(net, name.split(".")[1]), {"theta": draw.theta(net)}, check, strict=False)


@calls("KAN.indices", "KAN.edge_rows")
def _(draw: Draw, name: str) -> Call:
    net, rows = draw.network(), name == "KAN.edge_rows"
    while rows and not net.intervals:
        net = draw.network()
    numbers = [k for k, layer in enumerate(net.layers) if not rows or isinstance(layer, sk.SplineLayer)]
    layer = draw.one(*numbers)
    made = net.layers[layer]
    arguments: dict[str, Any] = {
        "layer": layer,
        "input": draw.integer(0, made.n_in - 1),
        "output": draw.integer(0, made.n_out - 1),
    }
    roles = {
        "layer": Role("whole", low=0, high=len(net.layers) - 1),
        "input": Role("whole", low=0, high=made.n_in - 1, optional=not rows),
        "output": Role("whole", low=0, high=made.n_out - 1, optional=not rows),
        "derivative": Role("whole", low=0, high=4),
    }
    if rows:
        a, b = made.domain[arguments["input"]]
        arguments |= {"x": a + (b - a) * draw.points(3, 1)[:, 0] % 1.0, "derivative": draw.integer(0, 2)}
        arguments["x"] = np.clip(arguments["x"], a, b)

    def check(result: Any, args: Any) -> None:
        number = int(args["layer"])
        start, stop = net.offsets[number], net.offsets[number + 1]
        columns = result.indices if rows else result
        assert ((columns >= start) & (columns < stop)).all()
        if not rows:
            assert (np.diff(result) > 0).all()
            whole = args["input"] is None and args["output"] is None
            assert len(result) == stop - start or not whole
        elif finite(args) and moderate(args) and args["layer"] == layer and args["derivative"] == 0:
            theta, p, q = _direction(net)[start:stop].copy(), int(args["input"]), int(args["output"])
            theta[np.setdiff1d(np.arange(stop - start), net.indices(number, p, q) - start)] = 0.0
            x = floats(args["x"])
            points = np.full((len(x), made.n_in), made.domain[0][0])
            for column, (low, high) in enumerate(made.domain):
                points[:, column] = (low + high) / 2
            points[:, p] = x
            want = made.value(theta, points)[:, q]
            assert_near(
                result[:, start:stop] @ theta,
                want,
                1 + np.abs(theta).sum() * (1 + np.abs(result.data).max(initial=0.0)),
                1e4,
            )

    return Call(getattr(net, name.split(".")[1]), arguments, check, roles, scale=1e9, strict=False)


@calls("KAN.refined", "KAN.with_basis", "KAN.to_basis", "KAN.coordinates")
def _(draw: Draw, name: str) -> Call:
    net, method = draw.network(), name.split(".")[1]
    arguments: dict[str, Any] = {} if method == "refined" else {"basis": draw.one(*BASIS)}
    if method == "refined":
        marks = [[[0]] * layer.n_in if isinstance(layer, sk.SplineLayer) else None for layer in net.layers]
        arguments = {"marked": draw.one(None, marks)}
    if method == "to_basis":
        arguments = {"theta": draw.theta(net), **arguments}

    def check(result: Any, args: Any) -> None:
        if method in ("refined", "with_basis"):
            assert (result.n_in, result.n_out) == (net.n_in, net.n_out)
            assert method == "refined" or net.intervals == 0 or result.basis == args["basis"]
            if method == "refined":
                x = Draw(2).points(5, net.n_in)
                want = net(_direction(net), x)
                got = result(net.prolongation(result) @ _direction(net), x)
                size = 1 + np.abs(want).max() + np.abs(_direction(net)).max()
                assert_near(got, want, size, 1e5 if net.basis == "spline" else 1e9)
        if method == "to_basis":
            theta = floats(args["theta"])
            assert theta.shape == (net.n_parameters,)
            if not finite(args) or not moderate(args):
                return
            x = Draw(2).points(5, net.n_in)
            want = oracles.network(net, theta, x)
            got = oracles.network(net.with_basis(args["basis"]), result, x)
            assert_near(got, want, 1 + np.abs(want).max() + np.abs(theta).max() + np.abs(result).max(), 1e8)

    roles = {"marked": Role("object", optional=True, accepts=("junk list of None",))}
    names = ("power ReLUs", "knots", "change of basis", "interval")
    strict = method == "refined" or has_relu_basis(net)
    return Call(getattr(net, method), arguments, check, roles, strict, names=names)


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
        if not finite(args) or not moderate(args):
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


@calls("Linearization.rows")
def _(draw: Draw, name: str) -> Call:
    net, n = draw.network(), draw.integer(1, 4)
    at = net.linearize(draw.theta(net), draw.points(n, net.n_in))
    S = draw.normal(draw.one(1, n), net.n_out, net.n_out)

    def check(result: Any, args: Any) -> None:
        shape = np.shape(args["S"])
        assert shape in {(1, net.n_out, net.n_out), (n, net.n_out, net.n_out)}, f"{shape} was accepted"
        if moderate(args) and finite(args):
            dense = at.jacobian().toarray().reshape(n, net.n_out, -1)
            S = np.broadcast_to(floats(args["S"]), (n, net.n_out, net.n_out))
            product, sizes = (np.einsum("noq,nqj->noj", *each) for each in ((S, dense), (abs(S), abs(dense))))
            assert_near(result.toarray(), product.reshape(n * net.n_out, -1), sizes.max(initial=0.0) + 1, 1e6)

    return Call(at.rows, {"S": S}, check, scale=1e6)


@calls("Linearization.vjp_change")
def _(draw: Draw, name: str) -> Call:
    net = draw.network()
    theta, x, v = draw.theta(net), draw.points(3, net.n_in), draw.theta(net)
    at = net.linearize(theta, x)
    gy, dgy = draw.normal(3, net.n_out), draw.normal(3, net.n_out)
    changes = at.tangents(v)

    def check(result: Any, args: Any) -> None:
        if moderate(args) and finite(args):
            assert_alike(result, at.vjp_tangent(args["gy"], args["v"], args["dgy"]), 1e-9)

    arguments = {"gy": gy, "v": v, "dgy": dgy, "changes": changes}
    # What `tangents` gave for v belongs to v.
    return Call(at.vjp_change, arguments, check, {"changes": FREE, "v": FREE}, scale=1e6)


@calls("KAN.domain")
def _(draw: Draw, name: str) -> Call:
    net = sk.KAN.splines([2, 1], domain=(-1.0, 2.0))
    return Call(lambda: net.domain, {}, lambda r, _: assert_alike(r, ((-1.0, 2.0), (-1.0, 2.0))))


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
