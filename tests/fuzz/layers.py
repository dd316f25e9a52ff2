"""Calls of layers, against their definitions and differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles

import splinekan as sk
from fuzz.compare import assert_slope, finite, moderate, slope
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats
from fuzz.draw import FREE, MODES, Draw
from fuzz.knots import valid
from splinekan.network import SparseRows
from splinekan.network.layer import Directions
from splinekan.network.slot import Slot

WIDTH = Role("whole", low=1)
BASIS = ("spline", "relu")


def _layer(draw: Draw, kind: str, n_in: int | None = None) -> Any:
    p, q = n_in or draw.integer(1, 3), draw.integer(1, 2)
    if kind == "Affine":
        return sk.Affine(p, q, draw.chance())
    if kind == "Activation":
        return sk.Activation(p, draw.one("tanh", "sigmoid", "silu", "relu", "power_relu"), draw.integer(2, 4))
    if kind == "FormulaLayer":
        return formula(draw, p, q)
    if kind == "Product":
        return sk.Product(p, [[draw.integer(0, p - 1) for _ in range(draw.integer(1, 3))] for _ in range(q)])
    if kind == "Sum":
        return sk.Sum([draw.splines(p, q, 3, "spline", False), formula(draw, p, q)])
    if kind == "TensorSplineLayer":
        return sk.TensorSplineLayer(draw.inputs(p, draw.one(3, 4)), q, draw.one("linear", "clamp", "zero"))
    if kind == "Normalizer":
        return sk.Normalizer(p, draw.one("sigmoid", "tanh", "affine"), (-1.0, 1.0), (-2.0, 3.0))
    return draw.splines(p, q, draw.one(3, 3, 5), draw.one("spline", "spline", "relu"))


def formula(draw: Draw, p: int, q: int) -> sk.FormulaLayer:
    """A few terms of well-conditioned functions, some constants fixed."""
    terms = []
    for _ in range(draw.integer(0, 4)):
        chain = draw.one((), ("sin",), ("square",), ("tanh", "sin"), ("gaussian",), ("atan",), ("erf",))
        fixed = [draw.one(None, None, draw.real()) for _ in range(1 + 2 * len(chain))]
        terms.append(sk.Term(draw.integer(0, p - 1), draw.integer(0, q - 1), chain, fixed))
    return sk.FormulaLayer(p, q, terms, [draw.one(None, draw.real()) for _ in range(q)])


def _views(part: Any) -> list[np.ndarray]:
    """The arrays of what a layer unpacks."""
    if isinstance(part, (dict, tuple)):
        return [view for each in (part.values() if isinstance(part, dict) else part) for view in _views(each)]
    return [part]


def close(got: Any, want: Any, cotangent: np.ndarray, tolerance: float) -> None:
    """To `tolerance` times the largest entry, or what rounding leaves of the cotangent where all is 0."""
    got, want = floats(got), floats(want)
    assert got.shape == want.shape
    size = np.abs(want).max(initial=0.0) + 1e-3 * np.abs(cotangent).max(initial=0.0)
    assert np.abs(got - want).max(initial=0.0) <= tolerance * size + 1e-300, f"{got} instead of {want}"


def has_relu_basis(net: sk.KAN) -> bool:
    """Whether truncated powers are a basis for all edges."""
    knots = [each for layer in net.layers for each in getattr(layer, "knots", ())]
    return all(each.has_relu_basis for each in knots)


def _params(draw: Draw, layer: Any) -> np.ndarray:
    params = draw.normal(layer.n_parameters)
    if getattr(layer, "basis", "spline") == "relu":
        return sk.KAN.chain([layer.with_basis("spline")]).to_basis(params, "relu")
    return params


KINDS = (
    *("Affine", "Activation", "Normalizer", "SplineLayer", "FormulaLayer", "Product", "Sum"),
    "TensorSplineLayer",
)
BY_TWIN = (sk.Affine, sk.SplineLayer, sk.FormulaLayer, sk.Product, sk.Sum, sk.TensorSplineLayer)
"""What `oracles.network` computes."""


def value_of(layer: Any, params: Any, x: Any) -> np.ndarray:
    """The layer by its definition."""
    net = sk.KAN.chain([layer])
    params, x = floats(params), floats(x)
    assert params.shape == (layer.n_parameters,)
    assert x.ndim == 2
    assert x.shape[1] == layer.n_in
    if isinstance(layer, BY_TWIN):
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
        squashed = x * squashed if layer.kind == "silu" else squashed
    if isinstance(layer, sk.Activation):
        return squashed
    a, b = layer.domain
    return a + (b - a) * (squashed if layer.kind == "sigmoid" else (1 + squashed) / 2)


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
        given, known, _ = draw.given(repeated=draw.chance())
        p, several = draw.integer(1, 3), draw.chance(0.3)
        k = given["degree"] if given["degree"] is not None else given["knots"].degree
        if several:
            given = {"knots": [given["knots"], *(draw.space(k)[0] for _ in range(p - 1))], "degree": k}
            known = {"knots": Role("object"), "degree": Role("whole", low=k, high=k, optional=True)}
        arguments = {
            "n_in": p,
            "n_out": draw.integer(1, 3),
            **given,
            "extrapolate": draw.one(*MODES),
            "basis": draw.one(*BASIS),
            "base": draw.one(None, "identity", "silu"),
        }

    def check(result: Any, args: Any) -> None:
        if name == "SplineLayer":
            whole = isinstance(args["knots"], sk.KnotVector) or np.ndim(args["knots"][0]) == 0
            each = [args["knots"]] * args["n_in"] if whole else list(args["knots"])
            assert len(each) == args["n_in"]
            degree = args["degree"]
            if degree is None and not any(isinstance(one, sk.KnotVector) for one in each):
                degree = 3
            each = [sk.KnotVector(one, degree) if not isinstance(one, sk.KnotVector) else one for one in each]
            assert list(result.knots) == each
            assert all(valid(one.t, one.degree) or one.periodic for one in each)
            assert args["basis"] == "spline" or all(one.has_relu_basis for one in each)
            assert args["base"] is None or not any(one.periodic for one in each)
            weights = args["n_in"] if args["base"] is not None else 0
            want = (sum(one.n_basis for one in each) + weights) * args["n_out"]
        else:
            want = int((args["n_in"] + args["bias"]) * args["n_out"]) if name == "Affine" else 0
            assert sum(result.segment_lengths) == want
        assert result.n_parameters == want
        for field, value in args.items():
            if field in ("knots", "degree"):
                continue
            held = getattr(result, field)
            assert type(held) in (type(value), int, float, bool, str, tuple, np.ndarray)
            assert not isinstance(held, np.generic), f"{field} stays a NumPy scalar"

    roles = known if name == "SplineLayer" else {"degree": Role("whole", low=1)}
    if name == "SplineLayer":
        roles |= {"base": Role("word", optional=True)}
        if roles["degree"].high == 7:
            roles["degree"] = Role("whole", low=0, high=7, optional=True)
    names = ("power ReLUs", "change of basis", "knots")
    return Call(getattr(sk, name), arguments, check, roles, strict=name != "SplineLayer", names=names)


@calls(*(f"{kind}.{m}" for kind in KINDS for m in ("value", "jvp", "vjp", "vjp_tangent", "unpack")))
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    layer, n, tame = _layer(draw, kind), draw.integer(1, 4), True
    x = draw.points(n, layer.n_in, low=-0.3, high=1.3)
    if name == "SplineLayer.value" and draw.chance():  # differences would not see much on such knots
        (t, k), tame = draw.hostile(3), False
        layer = sk.SplineLayer(layer.n_in, layer.n_out, sk.KnotVector(t, k), extrapolate=layer.extrapolate)
        x = draw.inside(t, k, x.size, 0.7).reshape(x.shape).astype(draw.one(np.float64, np.float32))
    params = _params(draw, layer)
    dparams, dx = draw.normal(layer.n_parameters), draw.normal(n, layer.n_in)
    gy, dgy = draw.normal(n, layer.n_out), draw.normal(n, layer.n_out)
    if getattr(layer, "basis", "") == "relu":
        dparams = _params(draw, layer)
    arguments = {
        "value": {"params": params, "x": x},
        "unpack": {"params": params},
        "jvp": {"params": params, "x": x, "dparams": dparams, "dx": dx},
        "vjp": {"params": params, "x": x, "gy": gy, "want_x": draw.chance()},
        "vjp_tangent": {
            "params": params,
            "x": x,
            "gy": gy,
            "dparams": dparams,
            "dx": dx,
            "dgy": dgy,
            "want_x": True,
        },
    }[method]

    def check(result: Any, args: Any) -> None:
        p = floats(args["params"])
        assert p.shape == (layer.n_parameters,), "params of a wrong shape"
        if method == "unpack":
            views = _views(result)
            assert sum(view.size for view in views) == layer.n_parameters
            assert all(np.shares_memory(view, args["params"]) for view in views if view.size)
            return
        x = floats(args["x"])
        assert x.ndim == 2
        assert x.shape[1] == layer.n_in
        if not finite(args) or not moderate(args):
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
            close(result[0], self_p, gy, 1e-3 if result[0].dtype == np.float32 else 1e-9)
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
        close(result[2], layer.vjp(p, x, gy, True)[1], gy, 1e-3 if result[2].dtype == np.float32 else 1e-9)

    # Views share memory, which not every layout allows.
    strict = tame and method != "unpack"
    return Call(getattr(layer, method), arguments, check, _unused(layer), strict, 1e5, ("knots",))


def _unused(layer: Any) -> dict[str, Role]:
    """What layers without parameters are handed as all layers are, and never look at."""
    plain = isinstance(layer, (sk.Activation, sk.Normalizer, sk.Product))
    return dict.fromkeys(("params", "dparams", "slot", "want_x"), FREE) if plain else {}


ROWS = ("jacobian_rows", "jet_value", "jet_vjp", "jet_jacobian_rows")


def _slot(layer: Any, n: int) -> Slot:
    stored, segments = sum(layer.segment_lengths), len(layer.segment_lengths)
    return Slot(np.zeros((n, stored)), np.zeros((n, segments), np.int64), 0, 0, 0, 1, 0)


def _dense(layer: Any, slot: Slot) -> np.ndarray:
    lengths = np.array(layer.segment_lengths, np.int64)
    return SparseRows(slot.values, slot.starts, lengths, layer.n_parameters).toarray()


@calls(*(f"{kind}.{m}" for kind in KINDS for m in ROWS))
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
        "jacobian_rows": {"params": params, "x": x, "v": v, "slot": slot, "want_x": True},
        "jet_value": {"params": params, "x": jets, "directions": directions},
        "jet_vjp": {"params": params, "x": jets, "gy": gy, "directions": directions, "want_x": True},
        "jet_jacobian_rows": {
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
        assert x.ndim == (2 if method == "jacobian_rows" else 3)
        assert x.shape[-1] == layer.n_in
        if not finite(args) or not moderate(args):
            return
        if method == "jacobian_rows":
            v = floats(args["v"])
            assert v.shape == (len(x), layer.n_out)
            gradient, back = layer.vjp(p, x, v, True)
            close(result, back, v, 1e-4)
            if layer.n_parameters:
                close(_dense(layer, args["slot"]).sum(axis=0), gradient, v, 1e-4)
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
            close(result[0], gradient, gy, 1e-9)
            close(result[1], back, gy, 1e-9)
        elif layer.n_parameters:
            close(_dense(layer, args["slot"]).sum(axis=0), gradient, gy, 1e-4)

    roles = {"slot": Role("object"), "directions": Role("object")} | _unused(layer)
    return Call(getattr(layer, method), arguments, check, roles, scale=1e5, writes=True)


@calls(*(f"{kind}.{p}" for kind in KINDS for p in ("refined", "with_basis", "change_of_coordinates")))
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    layer = _layer(draw, kind)
    arguments: dict[str, Any] = {} if method == "refined" else {"basis": draw.one(*BASIS)}
    tensor = kind == "TensorSplineLayer"
    splines = kind == "SplineLayer" or tensor
    if method == "refined" and (splines or draw.chance()):
        marks = [draw.one(None, [0], each.intervals * [True]) for each in layer.knots] if splines else None
        arguments = {"marked": draw.one(None, marks)}

    def check(result: Any, args: Any) -> None:
        if method == "change_of_coordinates":
            assert all(0 <= piece.start < piece.stop <= layer.n_parameters for piece in result)
            inner = layer.layers[0] if kind == "Sum" else layer
            assert not (tensor and args["basis"] == "relu")
            assert bool(result) == (args["basis"] != getattr(inner, "basis", args["basis"]))
            return
        if kind == "Sum":
            assert result.layers[1:] == layer.layers[1:]
            given = [args["basis"]] if method == "with_basis" else []
            want = getattr(layer.layers[0], method)(*given)
            assert (result.layers[0].knots, str(result.layers[0])) == (want.knots, str(want))
            return
        assert (result.n_in, result.n_out) == (layer.n_in, layer.n_out)
        if not splines:
            assert result is layer
        elif method == "with_basis":
            assert result.basis == args["basis"]
            assert result.knots == layer.knots
        else:
            marked = args["marked"]
            marked = [None] * layer.n_in if marked is None else marked
            assert len(marked) == layer.n_in
            want = [each.refine(marks) for each, marks in zip(layer.knots, marked, strict=True)]
            assert list(result.knots) == want
            kept = ("basis", "extrapolate") if tensor else ("basis", "base")
            assert all(getattr(result, each) == getattr(layer, each) for each in kept)

    repeated = tensor or (splines and not all(each.has_relu_basis for each in layer.knots))
    roles = {"marked": Role("object", optional=True, accepts=("junk list of None",))}
    names = ("power ReLUs", "knots", "change of basis", "basis")
    strict = not (repeated and method != "refined")
    return Call(getattr(layer, method), arguments, check, roles, strict, names=names)


@calls(*(f"{kind}.prolongation" for kind in KINDS))
def _(draw: Draw, name: str) -> Call:
    kind = name.split(".")[0]
    layer = _layer(draw, kind)
    finer = layer.refined() if draw.chance(0.7) else _layer(draw, draw.one(*KINDS))

    def check(result: Any, args: Any) -> None:
        fine, params = args["finer"], _params(Draw(4), layer)
        assert result.shape == (fine.n_parameters, layer.n_parameters)
        x = Draw(5).points(5, layer.n_in)
        want, got = layer.value(params, x), fine.value(result @ params, x)
        size = 1 + np.abs(want).max() + np.abs(result @ params).max(initial=0.0)
        assert_near(got, want, size + np.abs(params).max(initial=0.0), 1e7)

    names = ("layers", "coarse_knots", "fine_knots", "domains", "degrees")
    return Call(
        layer.prolongation, {"finer": finer}, check, strict=finer.refined is layer.refined, names=names
    )


@calls(
    *(f"{kind}.{p}" for kind in ("Activation", "Normalizer") for p in ("n_in", "n_out", "n_parameters")),
    *(f"{kind}.{p}" for kind in KINDS[3:5] for p in ("n_parameters", "segment_lengths")),
    *(f"Affine.{p}" for p in ("n_parameters", "segment_lengths")),
    *(f"Sum.{p}" for p in ("n_in", "n_out", "n_parameters", "segment_lengths", "slices", "__str__")),
    *("Product.n_out", "Product.__str__", "FormulaLayer.__str__"),
    *(f"SplineLayer.{p}" for p in ("intervals", "domain", "edges", "common_knots", "roughness", "__str__")),
    *(f"TensorSplineLayer.{p}" for p in ("intervals", "domain", "roughness", "__str__", "n_in")),
    *(f"TensorSplineLayer.{p}" for p in ("n_parameters", "segment_lengths", "shape", "degree", "degrees")),
    "TensorSplineLayer.nodes",
)
def _(draw: Draw, name: str) -> Call:
    kind, what = name.split(".")
    layer = _layer(draw, kind)
    tensor = kind == "TensorSplineLayer"
    splines = kind == "SplineLayer" or tensor

    def check(result: Any, _args: Any) -> None:
        if tensor and what in ("shape", "degrees", "degree", "nodes", "n_in"):
            sizes, degrees = (
                [getattr(each, field) for each in layer.knots] for field in ("n_basis", "degree")
            )
            if what == "nodes":
                assert result.shape == (np.prod(sizes), len(sizes))
                assert (result >= 0).all()
                assert (result <= 1).all()
                return
            want = {"shape": (*sizes, layer.n_out), "degrees": tuple(degrees), "degree": min(degrees)}
            assert result == (want | {"n_in": len(sizes)})[what]
        elif what == "roughness" and tensor:
            assert result.shape[1] == layer.n_parameters
            ones = np.ones(layer.n_parameters)
            assert np.abs(result @ ones).max(initial=0.0) <= 1e-7 * (
                1 + np.abs(result.toarray()).max(initial=0.0)
            )
        elif what == "roughness":
            assert result.shape[1] == layer.n_parameters
            ones = np.concatenate([np.ones(each.n_basis * layer.n_out) for each in layer.knots])
            ones = np.concatenate([ones, np.ones(layer.n_parameters - len(ones) if layer.base else 0)])
            if layer.basis == "relu":
                ones = sk.KAN.chain([layer.with_basis("spline")]).to_basis(ones, "relu")
            size = 1 + np.abs(result.toarray()).max(initial=0.0) * np.abs(ones).max()
            assert np.abs(result @ ones).max(initial=0.0) <= 1e-7 * size
        elif what == "common_knots":
            assert all(each == result for each in layer.knots)
        elif what == "edges":
            found = [edges.knots for edges in result for _ in range(edges.n_in)]
            assert found == list(layer.knots)
        elif splines and what in ("intervals", "domain"):
            each = [getattr(knots, what) for knots in layer.knots]
            assert result == (max(each) if what == "intervals" else tuple(each))
        elif what == "segment_lengths":
            assert sum(result) <= layer.n_parameters
            assert all(type(length) is int and length > 0 for length in result)
        elif what == "__str__":
            assert kind in result
        elif what == "slices":
            assert [each.stop - each.start for each in result] == [each.n_parameters for each in layer.layers]
        elif what in ("n_in", "n_out"):
            groups = getattr(layer, "groups", None)
            first = getattr(layer, "layers", (layer,))[0]
            assert result == (len(groups) if groups else getattr(first, "width", getattr(first, what)))
        else:
            assert result == len(_params(draw, layer))

    several = splines and len(set(layer.knots)) > 1
    target = (lambda: str(layer)) if what == "__str__" else lambda: getattr(layer, what)
    return Call(target, {}, check, strict=not (several and what == "common_knots"), names=("knots",))


@calls("Normalizer.preimage")
def _(draw: Draw, name: str) -> Call:
    source = draw.one((-2.0, 3.0), ((-2.0, 3.0), (0.0, 1e-3)))
    layer = sk.Normalizer(2, "affine", (-1.0, 1.0), source)
    low = draw.real()
    image = draw.one((low, low + 1.0), ((low, low + 1.0), (low - 1.0, low)))

    def check(result: Any, args: Any) -> None:
        image = floats(args["image"])
        want = np.broadcast_to(image, (2, 2)).T
        got = layer.value(np.zeros(0), np.array(result).T)
        assert_near(got, want, 1 + np.abs(want).max(), 1e3)

    role = Role("interval" if np.ndim(image) == 1 else "object", accepts=("interval nested",))
    return Call(layer.preimage, {"image": image}, check, {"image": role})


@calls("Normalizer.__str__")
def _(draw: Draw, name: str) -> Call:
    layer = _layer(draw, "Normalizer")
    return Call(lambda: str(layer), {}, lambda r, _: assert_alike("Normalizer" in r, True))


@calls("TensorSplineLayer")
def _(draw: Draw, name: str) -> Call:
    p, alone = draw.integer(1, 3), draw.chance(0.2)
    knots = [draw.space(draw.integer(0, 3))[0] for _ in range(p)]
    arguments = {
        "knots": knots[0] if alone else knots,
        "n_out": draw.integer(1, 3),
        "extrapolate": draw.one(*MODES),
    }

    def check(result: Any, args: Any) -> None:
        given = [args["knots"]] if isinstance(args["knots"], sk.KnotVector) else list(args["knots"])
        assert list(result.knots) == given
        assert result.n_parameters == np.prod([each.n_basis for each in given]) * args["n_out"]
        assert type(result.n_out) is int
        assert result.extrapolate == args["extrapolate"]

    return Call(sk.TensorSplineLayer, arguments, check, {"knots": Role("object")})


@calls("TensorSplineLayer.interpolate")
def _(draw: Draw, name: str) -> Call:
    knots = [draw._input(draw.one("uniform", "extended", "clamped"), 3) for _ in range(draw.integer(1, 2))]
    layer = sk.TensorSplineLayer(knots, draw.integer(1, 2))

    def function(x: Any) -> Any:
        return np.stack([np.prod(x, axis=1) ** (q + 1) for q in range(layer.n_out)], axis=1)

    def check(result: Any, args: Any) -> None:
        got = layer.value(result, layer.nodes)
        assert_near(
            got, floats(args["function"](layer.nodes)).reshape(got.shape), 1 + np.abs(result).max(), 1e5
        )

    return Call(layer.interpolate, {"function": function}, check)
