"""Calls of networks of other libraries, and of single edges."""

from __future__ import annotations

from typing import Any

import numpy as np

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, Role, assert_near, calls, floats
from fuzz.draw import INDEX, Draw

BASE_FUNCTIONS = {
    "silu": lambda x: x / (1 + np.exp(-x)),
    "identity": lambda x: x,
    "zero": lambda x: 0 * x,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
}
NAMES = ("model", "config", "base")


def _b_splines(x: np.ndarray, t: np.ndarray, k: int) -> np.ndarray:
    """All B-splines at x by the Cox-de Boor recursion, 0 outside of their knots: (len(x), len(t) - k - 1)."""
    x = x[:, None]
    b = ((x >= t[:-1]) & (x < t[1:])).astype(np.float64)
    for d in range(1, k + 1):
        left = (x - t[: -d - 1]) / (t[d:-1] - t[: -d - 1])
        right = (t[d + 1 :] - x) / (t[d + 1 :] - t[1:-d])
        b = left * b[:, :-1] + right * b[:, 1:]
    return b


def _tame(args: dict[str, Any]) -> bool:
    """Whether the recursion in float64 is a twin."""
    if not finite(args) or not moderate(args):
        return False
    steps = np.diff(floats(args["grid"]))
    return bool(steps.min() > 1e-2 * steps.max())


def _layer(x: np.ndarray, grid: Any, c: np.ndarray, weights: Any, base: str) -> np.ndarray:
    """y_q = sum_p (V[p, q] s(x_p) + sum_i c[p, q, i] b_i(x_p))."""
    y = BASE_FUNCTIONS[base](x) @ floats(weights)
    for p, t in enumerate(floats(grid)):
        y += _b_splines(x[:, p], t, len(t) - c.shape[2] - 1) @ c[p].T
    return y


def _grid(draw: Draw) -> tuple[np.ndarray, int, int, int]:
    """Knots, degree, inputs, outputs."""
    k, n_in, n_out = draw.integer(1, 7), draw.integer(1, 3), draw.integer(1, 2)
    steps = draw.points(n_in, draw.integer(1, 4) + 2 * k + 1, low=0.2)
    return draw.real(-3, 0) + np.cumsum(steps, axis=1), k, n_in, n_out


@calls("from_efficient_kan")
def _(draw: Draw, name: str) -> Call:
    grid, k, n_in, n_out = _grid(draw)
    base = draw.one(*BASE_FUNCTIONS)

    def convert(
        grid: Any, base_weight: Any, spline_weight: Any, spline_scaler: Any, base: Any, extrapolate: Any
    ) -> Any:
        state = {"grid": grid, "base_weight": base_weight, "spline_weight": spline_weight}
        if spline_scaler is not None:
            state["spline_scaler"] = spline_scaler
        state = {f"layers.0.{key}": value for key, value in state.items()}
        return sk.from_efficient_kan(state, base, extrapolate=extrapolate)

    arguments = {
        "grid": grid,
        "base_weight": draw.normal(n_out, n_in),
        "spline_weight": draw.normal(n_out, n_in, grid.shape[1] - k - 1),
        "spline_scaler": draw.one(None, draw.normal(n_out, n_in)),
        "base": base,
        "extrapolate": None,
    }

    def check(result: Any, args: Any) -> None:
        if not _tame(args) or args["extrapolate"] is not None:
            return
        x = Draw(3).points(20, result.n_in, low=-5, high=5)
        c = floats(args["spline_weight"]).swapaxes(0, 1)
        if args["spline_scaler"] is not None:
            c = c * floats(args["spline_scaler"]).T[..., None]
        want = _layer(x, args["grid"], c, floats(args["base_weight"]).T, args["base"])
        assert_near(result(x), want, 1 + np.abs(c).max() + np.abs(want).max(), 1e8)

    roles = {"extrapolate": Role("word", optional=True), "spline_scaler": Role("array", optional=True)}
    return Call(convert, arguments, check, roles, names=NAMES, scale=1e6)


@calls("from_pykan")
def _(draw: Draw, name: str) -> Call:
    grid, k, n_in, n_out = _grid(draw)

    def convert(coef: Any, affine: Any, base_fun_name: Any, extrapolate: Any, **edges: Any) -> Any:
        state = {f"act_fun.0.{key}": edges[key] for key in ("grid", "mask", "scale_base", "scale_sp")}
        state |= {"act_fun.0.coef": coef, "symbolic_fun.0.affine": affine}
        state["symbolic_fun.0.mask"] = edges["symbolic"]
        for key in ("node_scale", "node_bias", "subnode_scale", "subnode_bias"):
            state[f"{key}_0"] = edges[key]
        config = {"symbolic.funs_name.0": [["sin"] * n_in] * n_out, "base_fun_name": base_fun_name}
        return sk.from_pykan(state, config, extrapolate=extrapolate)

    def target(
        grid: Any,
        coef: Any,
        mask: Any,
        scale_base: Any,
        scale_sp: Any,
        symbolic: Any,
        affine: Any,
        node_scale: Any,
        node_bias: Any,
        subnode_scale: Any,
        subnode_bias: Any,
        base_fun_name: Any,
        extrapolate: Any,
    ) -> Any:
        return convert(**locals())

    arguments = {
        "grid": grid,
        "coef": draw.normal(n_in, n_out, grid.shape[1] - k - 1),
        "mask": draw.rng.integers(0, 2, (n_in, n_out)).astype(np.float64),
        "scale_base": draw.normal(n_in, n_out),
        "scale_sp": draw.normal(n_in, n_out),
        "symbolic": draw.rng.integers(0, 2, (n_out, n_in)) * draw.one(0.0, 1.0),
        "affine": draw.normal(n_out, n_in, 4),
        "node_scale": draw.one(np.ones(n_out), draw.normal(n_out)),
        "node_bias": draw.one(np.zeros(n_out), draw.normal(n_out)),
        "subnode_scale": draw.one(np.ones(n_out), draw.normal(n_out)),
        "subnode_bias": draw.one(np.zeros(n_out), draw.normal(n_out)),
        "base_fun_name": draw.one(*BASE_FUNCTIONS),
        "extrapolate": None,
    }

    def check(result: Any, args: Any) -> None:
        if not _tame(args) or args["extrapolate"] is not None:
            return
        assert (result.n_in, result.n_out) == (n_in, n_out)
        x = Draw(3).points(20, n_in, low=-5, high=5)
        each = {key: floats(value) for key, value in args.items() if isinstance(value, np.ndarray)}
        c = (each["mask"] * each["scale_sp"])[..., None] * each["coef"]
        s = _layer(x, each["grid"], c, each["mask"] * each["scale_base"], args["base_fun_name"])
        a, b, factor, d = np.moveaxis(each["affine"], 2, 0)
        s += (each["symbolic"] * (factor * np.sin(a * x[:, None] + b) + d)).sum(axis=2)
        inner = each["subnode_scale"] * s + each["subnode_bias"]
        want = each["node_scale"] * inner + each["node_bias"]
        size = 1 + np.abs(want).max() + np.abs(each["node_scale"]).max() * (np.abs(c).max() + np.abs(s).max())
        assert_near(result(x), want, size * (1 + np.abs(a).max()), 1e8)

    roles = {"extrapolate": Role("word", optional=True)}
    return Call(target, arguments, check, roles, names=NAMES, scale=1e6)


@calls("Model.edge", "Model.with_edge")
def _(draw: Draw, name: str) -> Call:
    k, n_in, n_out = draw.integer(0, 7), draw.integer(1, 3), draw.integer(1, 2)
    splines = draw.splines(n_in, n_out, k, draw.one("spline", "spline", "relu"))
    source = tuple((low, low + width) for low, width in draw.points(n_in, 2, low=0.3))
    front = draw.one([], [sk.Normalizer(n_in, "affine", (0.0, 1.0), source)])
    net = sk.KAN.chain([*front, splines])
    model = sk.Model(net, draw.normal(net.n_parameters))
    p, q = draw.integer(0, n_in - 1), draw.integer(0, n_out - 1)
    at = {"layer": 0, "input": p, "output": q}
    roles = dict.fromkeys(at, INDEX)
    points = np.linspace(*(source[p] if front else (0.0, 1.0)), 12)
    if name == "Model.edge":

        def check(result: Any, args: Any) -> None:
            x = np.tile([np.mean(each) for each in net.domain], (len(points), 1))
            x[:, args["input"]] = points
            rest = x.copy()
            rest[:, args["input"]] = points[0]
            want = (model(x) - model(rest))[:, args["output"]]
            if splines.base is None or args["base"]:
                got = result(points) - result(points[0])
                assert_near(got, want, 1 + np.abs(model.theta).max() * np.abs(want).max(), 1e8)

        arguments = {**at, "base": draw.one(False, splines.base is None)}
        return Call(model.edge, arguments, check, roles, strict=True, names=("base",))
    knots = model.edge(0, p, q, base=False).knots
    given = draw.one(knots, knots.refine(), knots.refine([0]))
    if given.degree and not given.periodic and splines.basis == "spline" and draw.chance():
        given = knots.insert([draw.real(*knots.domain)])
    mode = "periodic" if given.periodic else splines.extrapolate
    spline = sk.Spline(given, draw.normal(given.n_basis), extrapolate=mode)

    def check_edge(result: Any, args: Any) -> None:
        got = result.edge(0, args["input"], args["output"], base=False)(points)
        assert_near(got, args["spline"](points), 1 + np.abs(args["spline"].c).max(), 1e9)
        assert result.n_parameters >= model.n_parameters

    arguments = {**at, "spline": draw.one(spline, spline.to_scipy()), "base": draw.chance()}
    roles["spline"] = Role("object")
    return Call(model.with_edge, arguments, check_edge, roles, strict=True, names=("knots",))
