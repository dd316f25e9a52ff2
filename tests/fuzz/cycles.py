"""Calls of multigrid and of projections."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import splinekan as sk
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats, record
from fuzz.draw import NONNEGATIVE, Draw
from splinekan.multilevel import Correction, Level
from splinekan.multilevel.projections import KINDS


def _setting(draw: Draw) -> tuple[Any, Any, Any]:
    """Levels, an objective, and the start on the finest level."""
    levels = sk.Hierarchy(sk.KAN.splines([1, 1], degree=3, intervals=2), 2)
    x = draw.points(12, 1)

    def objective(level: Level) -> Any:
        return sk.LeastSquares(level.network, x, np.sin(3 * x))

    return levels, objective, draw.normal(levels[1].network.n_parameters)


@cache
def _ended() -> Any:
    levels, objective, theta = _setting(Draw(0))
    return sk.multigrid(levels, objective, sk.LevenbergMarquardt(), theta, cycles=2)


@calls("multigrid")
def _(draw: Draw, name: str) -> Call:
    levels, objective, theta = _setting(draw)
    full = draw.chance(0.3)
    arguments = {
        "hierarchy": levels,
        "objective": objective,
        "optimizer": draw.one(sk.LevenbergMarquardt(), sk.LBFGS(search="armijo")),
        "theta0": theta[:5] if full else theta,
        "cycle": "FMG" if full else draw.one("V", "W"),
        "scheme": draw.one("FAS", "MG/OPT", "galerkin"),
        "cycles": draw.integer(1, 2),
        "pre": draw.integer(0, 2),
        "post": draw.integer(0, 2),
        "coarsest": draw.integer(1, 3),
        "unit": draw.one("iterations", "evaluations"),
        "work": draw.one(None, 50.0),
        "seconds": draw.one(None, 5.0),
        "projection": draw.one(*KINDS),
        "callback": draw.one(None, lambda it: False),
        "gradient_tolerance": 0.0,
        "value_tolerance": draw.one(None, 1e-12),
        "keep": draw.one("auto", "best"),
    }

    def check(result: Any, args: Any) -> None:
        start = floats(args["theta0"])
        first = levels[0 if args["cycle"] == "FMG" else 1]
        assert start.shape == (first.network.n_parameters,)
        assert result.value <= objective(first).value(start) * (1 + 1e-9) + 1e-20
        again = objective(levels[result.level]).value(result.theta)
        assert abs(result.value - again) <= 1e-9 * (1 + result.value)

    sizes = dict.fromkeys(("pre", "post"), Role("whole", low=0, most=50))
    limits = dict.fromkeys(("work", "seconds"), Role("real", low=5e-324, optional=True))
    roles = {
        **sizes,
        **limits,
        "cycles": Role("whole", low=1, most=50),
        "coarsest": Role("whole", low=1, most=50),
        "callback": Role("callback", optional=True),
        "gradient_tolerance": NONNEGATIVE,
        "value_tolerance": Role("real", optional=True),
    }
    return Call(sk.multigrid, arguments, check, roles, names=("optimizers", "levels"))


@calls("MultigridResult", "Correction")
def _(draw: Draw, name: str) -> Call:
    return record(_ended() if name == "MultigridResult" else Correction(1, -1.0, 1.0, 2.0, 1.0))


@calls("MultigridResult.success", "MultigridResult.nit", "MultigridResult.losses")
def _(draw: Draw, name: str) -> Call:
    result, what = _ended(), name.split(".")[1]
    want = {
        "success": result.status.value in ("converged", "stalled"),
        "nit": len(result.marks) - 1,
        "losses": np.array([result.history.loss[entry] for _, entry in result.marks]),
    }[what]
    return Call(lambda: getattr(result, what), {}, lambda r, _: assert_alike(r, want))


@calls("projection")
def _(draw: Draw, name: str) -> Call:
    basis = draw.one("spline", "spline", "relu")
    k = draw.integer(0, 3)
    coarse = sk.KnotVector.extended(np.cumsum(draw.points(5, low=0.2)), k)
    fine = draw.one(coarse.refine(), coarse.insert([float(np.mean(coarse.breakpoints[1:3]))]))
    arguments = {
        "coarse_knots": coarse,
        "fine_knots": fine,
        "degree": draw.one(None, k),
        "basis": basis,
        "kind": draw.one(*KINDS, *(["injection"] if basis == "relu" else [])),
    }

    def check(result: Any, args: Any) -> None:
        given = [args[key] for key in ("coarse_knots", "fine_knots")]
        P = sk.prolongation(*given, args["degree"], args["basis"])
        size = (abs(result) @ abs(P)).max() + 1
        n = P.shape[1]
        assert_near(
            (result @ P).toarray(), np.eye(n), np.full((n, n), size), 1e7 if args["basis"] == "relu" else 1e5
        )

    roles = {"degree": Role("whole", low=0, high=7, optional=True)}
    return Call(sk.projection, arguments, check, roles, names=("knots",))


@calls("network_projection")
def _(draw: Draw, name: str) -> Call:
    coarse = draw.network(basis=draw.one("spline", "relu"))
    fine, theta = coarse.refined(), draw.theta(coarse)
    arguments = {"coarse": coarse, "fine": fine, "kind": draw.one(*KINDS)}

    def check(result: Any, args: Any) -> None:
        prolonged = args["coarse"].prolongation(args["fine"]) @ theta
        size = np.abs(prolonged).max(initial=0.0) + 1
        assert_near(result @ prolonged, theta, size, 1e6 if coarse.basis == "spline" else 1e10)

    return Call(sk.network_projection, arguments, check, names=("layer",))
