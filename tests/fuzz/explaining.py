"""Calls of explanations of models, and of what they return."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, Role, calls, floats, record
from fuzz.draw import INDEX, Draw
from splinekan import explain, plots

WEIGHTS = Role("array", low=0.0, optional=True)
OPTIONAL = Role("object", optional=True)


@cache
def _fitted(hidden: tuple[int, ...], seed: int) -> tuple[sk.Model, np.ndarray, np.ndarray]:
    """A small fitted model with its samples."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (40, 2))
    y = np.sin(3 * x[:, 0]) + seed * x[:, 1] + 0.1 * rng.normal(size=40)
    return sk.fit(x, y, hidden, degree=2, levels=1), x, y


def _case(draw: Draw) -> tuple[sk.Model, np.ndarray, np.ndarray]:
    return _fitted(draw.one((), (2,)), draw.integer(0, 1))


@calls("attribution")
def _(draw: Draw, name: str) -> Call:
    net = draw.network()
    model, n = sk.Model(net, draw.theta(net)), draw.integer(2, 9)
    arguments = {
        "model": model,
        "X": draw.points(n, net.n_in),
        "sample_weight": draw.one(None, draw.points(n, low=0.1)),
        "method": draw.one(None, "exact", "first-order"),
    }

    def check(result: Any, args: Any) -> None:
        x = floats(args["X"])
        shares = (result.inputs, *result.nodes, *result.edges)
        assert all(np.isnan(each).any() or (each >= 0).all() for each in shares)
        if finite(args) and moderate(args):
            w = None if args["sample_weight"] is None else floats(args["sample_weight"])
            f = model(x)
            spread = np.average((f - np.average(f, axis=0, weights=w)) ** 2, axis=0, weights=w)
            assert np.allclose(result.variance, spread, rtol=1e-6, atol=1e-9)

    roles = {"sample_weight": WEIGHTS, "method": Role("word", optional=True)}
    return Call(sk.attribution, arguments, check, roles, scale=1e7)


@calls("sobol_indices", share=1)
def _(draw: Draw, name: str) -> Call:
    net = draw.network()
    n = draw.integer(2, 9)
    arguments: dict[str, Any] = {"model": sk.Model(net, draw.theta(net))}
    roles: dict[str, Role] = {"evaluations": Role("whole", low=1024, most=4096), "seed": Role("whole", low=0)}
    if draw.chance():
        arguments["X"] = draw.points(n, net.n_in)
        arguments["sample_weight"] = draw.one(None, draw.points(n, low=0.1))
        roles["sample_weight"] = WEIGHTS
    else:
        arguments["bounds"] = (0.0, 1.0)
    arguments |= {"evaluations": 1024, "seed": draw.integer(0, 9)}

    def check(result: Any, args: Any) -> None:
        known = ~np.isnan(result.first)
        if result.method != "quasi-Monte Carlo":
            assert (result.first[known] <= result.total[known] * (1 + 1e-6) + 1e-9).all()
            assert (result.total[known] <= 1 + 1e-6).all()
        assert (result.variance >= 0).all()

    return Call(sk.sobol_indices, arguments, check, roles, scale=1e8)


@calls("confidence_bands", share=2)
def _(draw: Draw, name: str) -> Call:
    model, x, y = _case(draw)
    arguments = {
        "model": model,
        "X": x.copy(),
        "y": y.copy(),
        "level": draw.real(0.5, 0.99),
        "sample_weight": draw.one(None, 1.0 + draw.rng.integers(0, 3, len(x))),
        "points": 5,
        "with_mean": draw.chance(),
        "loss": draw.one(None, "squared", sk.SquaredError()),
        "penalty": None,
        "refinements": draw.one(None, 0, 1),
    }
    roles = {
        "level": Role("real", low=5e-324, high=1 - 1e-16),
        "sample_weight": WEIGHTS,
        "points": Role("whole", low=2, most=100),
        "loss": OPTIONAL,
        "penalty": OPTIONAL,
        "refinements": Role("whole", low=0, high=8, optional=True),
    }

    def check(result: Any, args: Any) -> None:
        assert len(result.edges) == sum(layer.n_in * layer.n_out for layer in model.network.layers[1:-1])
        assert all((each.half_width >= 0).all() for each in result.edges)
        assert result(x).half_width.shape == (len(x), 1)

    return Call(sk.confidence_bands, arguments, check, roles, scale=1e10, names=("weights",))


@calls("prune", share=1)
def _(draw: Draw, name: str) -> Call:
    model, x, y = _case(draw)
    arguments = {
        "model": model,
        "X": x.copy(),
        "y": y.copy(),
        "sample_weight": draw.one(None, 1.0 + draw.rng.integers(0, 3, len(x))),
        "loss": draw.one(None, "squared", sk.SquaredError()),
        "tolerance": draw.one(None, draw.real(0.0, 1.0)),
        "floor": draw.real(0.0, 1e-3),
        "attempts": draw.integer(0, 4),
        "refinements": draw.integer(0, 2),
    }
    roles = {
        "sample_weight": WEIGHTS,
        "loss": OPTIONAL,
        "tolerance": Role("real", low=0.0, optional=True),
        "floor": Role("real", low=0.0, high=1.0),
        "attempts": Role("whole", low=0, optional=True),
        "refinements": Role("whole", low=0, high=2),
    }
    theta = model.theta.copy()

    def check(result: Any, args: Any) -> None:
        assert np.array_equal(model.theta, theta)
        assert np.isfinite(result.model(x)).all()
        assert result.model is model or any(each.removed for each in result.removals)

    # Whether a removal is accepted may hang on rounding.
    return Call(sk.prune, arguments, check, roles, scale=1e30, names=("weights",))


@cache
def _records(hidden: tuple[int, ...], seed: int) -> dict[str, Any]:
    model, x, y = _fitted(hidden, seed)
    bands = sk.confidence_bands(model, x, y, points=5)
    return {
        "Attribution": sk.attribution(model, x),
        "SobolIndices": sk.sobol_indices(model),
        "ConfidenceBands": bands,
        "EdgeBand": bands.edges[0],
        "Band": bands(x),
        "Pruned": sk.prune(model, x, y),
        "Removal": explain.Removal("edge", "x1 -> y", 0.5, 1.0, 1.5, False),
    }


@calls("Attribution", "SobolIndices", "ConfidenceBands", "EdgeBand", "Band", "Pruned", "Removal")
def _(draw: Draw, name: str) -> Call:
    return record(_records(draw.one((), (2,)), draw.integer(0, 1))[name])


@calls(
    *(
        f"{name}.{way}"
        for name in ("Attribution", "SobolIndices", "ConfidenceBands", "Pruned")
        for way in ("to_dict", "__str__")
    )
)
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    made = _records(draw.one((), (2,)), draw.integer(0, 1))[kind]

    def check(result: Any, args: Any) -> None:
        if method == "__str__":
            assert max(map(len, result.split("\n"))) < 130
        else:
            assert len({len(column) for column in result.values()}) == 1

    return Call(getattr(made, method), {}, check)


@calls("ConfidenceBands.__call__")
def _(draw: Draw, name: str) -> Call:
    bands = _records(draw.one((), (2,)), draw.integer(0, 1))["ConfidenceBands"]

    def check(result: Any, args: Any) -> None:
        assert result.values.shape == result.half_width.shape == (len(floats(args["x"])), 1)
        assert (result.half_width >= 0).all()

    return Call(bands, {"x": draw.points(draw.integer(1, 5), 2)}, check, scale=1e8)


@calls("ConfidenceBands.edge")
def _(draw: Draw, name: str) -> Call:
    bands = _records((2,), draw.integer(0, 1))["ConfidenceBands"]
    arguments = {"layer": 1, "input": draw.integer(0, 1), "output": draw.integer(0, 1)}

    def check(result: Any, args: Any) -> None:
        assert (result.layer, result.input, result.output) == tuple(args.values())

    return Call(bands.edge, arguments, check, dict.fromkeys(arguments, INDEX))


@calls("Pruned.widths")
def _(draw: Draw, name: str) -> Call:
    made = _records(draw.one((), (2,)), draw.integer(0, 1))["Pruned"]

    def check(result: Any, args: Any) -> None:
        assert (result[0], result[-1]) == (2, 1)

    return Call(lambda: made.widths, {}, check)


@calls("Attribution.plot", "attribution_figure", share=1)
def _(draw: Draw, name: str) -> Call:
    made = _records(draw.one((), (2,)), draw.integer(0, 1))["Attribution"]

    def check(figure: Any, args: Any) -> None:
        assert len(figure.axes) == 1

    if "." in name:
        return Call(made.plot, {}, check)
    return Call(plots.attribution_figure, {"attribution": made}, check)


@calls("ConfidenceBands.plot", "bands_figure", share=1)
def _(draw: Draw, name: str) -> Call:
    made = _records(draw.one((), (2,)), draw.integer(0, 1))["ConfidenceBands"]
    arguments: dict[str, Any] = {"most": draw.integer(1, 3)}

    def check(figure: Any, args: Any) -> None:
        drawn = [ax for ax in figure.axes if ax.axison]
        assert len(drawn) == min(args["most"], len(made.edges))

    roles = {"most": Role("whole", low=1, high=100)}
    if "." in name:
        return Call(made.plot, arguments, check, roles)
    return Call(plots.bands_figure, {"bands": made, **arguments}, check, roles)
