"""Calls of indicators, markings, adaptive refinement and its figures."""

from __future__ import annotations

from itertools import islice, pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

import splinekan as sk
from fuzz.core import Call, Role, assert_near, calls
from fuzz.draw import Draw
from splinekan import multilevel, plots
from splinekan.model.refinement import sites

INDICATORS = ("residual_indicator", "jump_indicator", "curvature_indicator", "gauss_newton_indicator")


def _setting(draw: Draw) -> tuple[Any, Any, Any]:
    """A model, samples, and the problem of a network."""
    while True:
        net = draw.network()
        if net.intervals and sites(net):
            break
    x, y = draw.points(12, net.n_in), draw.normal(12, net.n_out)

    def objective(network: Any) -> Any:
        return sk.LeastSquares(network, x, y)

    return sk.Model(net, draw.theta(net)), (x, y), objective


@calls(*INDICATORS)
def _(draw: Draw, name: str) -> Call:
    model, _, objective = _setting(draw)

    def check(result: Any, args: Any) -> None:
        known = sites(args["model"].network)
        assert set(result) == set(known)
        total = objective(args["model"].network).value(args["model"].theta)
        for key, scores in result.items():
            knots = known[key].layer.knots[key[1]]
            assert scores.shape == (knots.intervals,)
            assert np.isfinite(scores).all()
            assert (scores >= 0).all()
            if name == "residual_indicator":
                assert_near(scores.sum(), total, 1 + abs(total), 1e6)
            if name == "gauss_newton_indicator":
                assert scores.max() <= total * (1 + 1e-6) + 1e-9

    return Call(
        getattr(multilevel, name), {"model": model, "objective": objective}, check, names=("network",)
    )


@calls("bulk_marking", "maximum_marking")
def _(draw: Draw, name: str) -> Call:
    scores = {(0, p): np.abs(draw.normal(draw.integer(1, 5))) for p in range(draw.integer(1, 3))}
    arguments = {"scores": scores, "fraction": draw.one(0.1, 0.5, 1.0)}

    def check(result: Any, args: Any) -> None:
        flat = np.concatenate([np.asarray(own, float) for own in args["scores"].values()] or [np.zeros(0)])
        marked = np.concatenate(
            [np.asarray(args["scores"][key], float)[own] for key, own in result.items()] or [np.zeros(0)]
        )
        if name == "bulk_marking":
            assert marked.sum() >= args["fraction"] * flat.sum() * (1 - 1e-9)
        else:
            assert (marked >= args["fraction"] * flat.max(initial=0.0)).all()

    roles = {
        "scores": Role("object", accepts=("junk dictionary",)),
        "fraction": Role("real", low=5e-324, high=1.0),
    }
    return Call(getattr(multilevel, name), arguments, check, roles)


@calls("adapt", share=2)
def _(draw: Draw, name: str) -> Call:
    model, (x, y), _ = _setting(draw)
    arguments = {
        "model": model,
        "X": x,
        "y": y,
        "indicator": draw.one("residual", "jump", "gauss-newton"),
        "marking": draw.one("bulk", "maximum"),
        "fraction": draw.one(0.2, 0.9),
        "budget": draw.one(None, model.n_parameters + draw.integer(0, 20)),
        "tolerance": 0.0,
        "optimizer": draw.one(None, sk.LBFGS()),
        "iterations": 2,
        "objective": None,
        "least_samples": draw.integer(1, 4),
    }

    def models(**given: Any) -> list[Any]:
        return list(islice(sk.adapt(**given), 3))

    def check(result: Any, args: Any) -> None:
        sizes = [one.n_parameters for one in result]
        assert sizes == sorted(set(sizes))
        assert args["budget"] is None or sizes[-1] <= args["budget"]
        losses = [sk.LeastSquares(one.network, x, y).value(one.theta) for one in result]
        assert all(b <= a * (1 + 1e-6) + 1e-9 for a, b in pairwise(losses))

    roles = {
        "budget": Role("whole", low=model.n_parameters, optional=True),
        "tolerance": Role("real", low=0.0),
        "fraction": Role("real", low=5e-324, high=1.0),
        "optimizer": Role("object", optional=True),
        "objective": Role("object", optional=True),
        "iterations": Role("whole", low=1, most=50),
        "least_samples": Role("whole", low=1),
        "indicator": Role("word"),
    }
    return Call(models, arguments, check, roles, names=("x", "y", "network", *arguments))


@calls("adaptivity_panels", "error_by_parameters", share=1)
def _(draw: Draw, name: str) -> Call:
    rows = [
        SimpleNamespace(problem="a", method=method, seed=0, parameters=size, error=1.0 / size)
        for method in ("uniform", "jump")
        for size in (5, 8, 13)
    ]
    if name == "error_by_parameters":
        ax = plots.canvas(1, 1)[1][0, 0]
        return Call(plots.error_by_parameters, {"ax": ax, "rows": rows, "problem": "a"})
    axes = plots.canvas(2, 4)[1]
    return Call(plots.adaptivity_panels, {"axes": axes, "study": SimpleNamespace(rows=rows)})
