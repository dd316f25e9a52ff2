"""Calls of derivatives with respect to knots, of free knots, and of variable projection."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats
from fuzz.draw import FREE, Draw
from fuzz.training import rosenbrock
from splinekan import optimize
from splinekan.network import knot_jacobian

FRACTION = Role("real", low=5e-324, high=1 - 2**-53)


def twin(knots: sk.KnotVector, c: np.ndarray, x: np.ndarray) -> np.ndarray:
    """By SciPy, on the knots with one of them doubled at a time."""
    t, k = knots.t, knots.degree
    columns = []
    for j in range(k + 1, len(t) - k - 1):
        d = np.zeros((len(c) + 1, *c.shape[1:]))
        for l in range(j - k, j + 1):
            d[l] = (c[l - 1] - c[l]) / (t[l + k] - t[l])
        columns.append(scipy.interpolate.BSpline(np.insert(t, j, t[j]), d, k)(x))
    return np.stack(columns, axis=1)


@calls("knot_derivatives")
def _(draw: Draw, name: str) -> Call:
    k = draw.integer(1, 5)
    knots = sk.KnotVector(draw.tame(k, repeated=False)[0], k)
    while knots.intervals < 2:
        knots = sk.KnotVector(draw.tame(k, repeated=False)[0], k)
    a, b = knots.domain
    columns = draw.one((), (2,))
    arguments = {
        "knots": knots,
        "c": draw.normal(knots.n_basis, *columns),
        "x": a + (b - a) * draw.points(4, high=0.999),
        "degree": draw.one(None, k),
        "extrapolate": draw.one("linear", "polynomial", "clamp"),
    }

    def check(result: Any, args: Any) -> None:
        c, x = floats(args["c"]), floats(args["x"])
        assert c.shape[0] == knots.n_basis
        assert result.shape == (len(x), knots.intervals - 1, *c.shape[1:])
        if finite(args) and moderate(args) and ((x >= a) & (x < b)).all():
            want = twin(knots, c, x)
            assert_near(result, want, np.abs(want).max(initial=0) + np.abs(c).max() / (b - a), 1e6)

    roles = {
        "knots": Role("object"),
        "degree": Role("whole", low=k, high=k, optional=True),
        "extrapolate": Role("word"),
    }
    return Call(sk.knot_derivatives, arguments, check, roles, strict=False, scale=1e6)


def _network(draw: Draw, n_out: int = 1) -> sk.KAN:
    kind = draw.one(sk.KAN.splines, sk.KAN.affine_first)
    return kind([2, 2, n_out], draw.integer(1, 3), draw.integer(2, 4))


@calls("knot_jacobian")
def _(draw: Draw, name: str) -> Call:
    net = _network(draw, draw.integer(1, 2)).with_basis(draw.one("spline", "relu"))
    arguments = {"network": net, "theta": draw.theta(net), "x": draw.points(3, 2), "shared": draw.chance()}

    def check(result: Any, args: Any) -> None:
        x = floats(args["x"])
        assert all(each.shape[:2] == (len(x), net.n_out) for each in result)
        if args["shared"] is False:
            together = knot_jacobian(net, args["theta"], x)
            size = max((np.abs(each).max(initial=0) for each in result), default=0) + 1
            if finite(args) and moderate(args):
                total = sum(each.sum() for each in result)
                assert_near(sum(each.sum() for each in together), total, size, 1e8)

    return Call(knot_jacobian, arguments, check, scale=1e8, strict=False)


def _objective(draw: Draw) -> sk.LeastSquares:
    net = _network(draw)
    n = draw.integer(3, 9)
    return sk.LeastSquares(net, draw.points(n, 2), draw.normal(n, 1), draw.one(None, draw.points(n)))


def _layers(given: Any) -> Role:
    return Role("object", optional=True) if given is None else Role("wholes", low=0, high=1, optional=True)


@calls("FreeKnots")
def _(draw: Draw, name: str) -> Call:
    objective = _objective(draw)

    def check(result: Any, args: Any) -> None:
        theta = np.full(objective.network.n_parameters, 0.1)
        assert result.value(result.start(theta)) == objective.value(theta)
        assert result.n_parameters == len(theta) + result.n_free
        assert 0 < result.least < 1

    arguments = {
        "objective": objective,
        "layers": draw.one(None, [1]),
        "shared": draw.chance(),
        "least": 1e-2,
        "unknowns": draw.one("log-ratios", "knots"),
    }
    roles = {"layers": _layers(arguments["layers"]), "least": FRACTION}
    return Call(sk.FreeKnots, arguments, check, roles)


OFZ = (
    "value",
    "value_and_gradient",
    "normal_equations",
    "triangular_factor",
    "linearized",
    "linear_equations",
    "network",
    "model",
)
LINEAR = ("linear_parameters", "linear_equations")
SIZES = ("cost", "n_free", "n_parameters", "n_residuals", "squared", "linear_parameters")


@calls(*(f"FreeKnots.{m}" for m in OFZ))
def _(draw: Draw, name: str) -> Call:
    problem, method = sk.FreeKnots(_objective(draw), shared=draw.chance()), name.split(".")[1]
    network = problem.objective.network
    z = problem.start(draw.theta(network))
    z[network.n_parameters :] += 0.3 * draw.normal(problem.n_free)

    def check(result: Any, args: Any) -> None:
        at = floats(args["z"])
        assert at.shape == z.shape, f"z of shape {at.shape} was accepted"
        if not finite(args) or not moderate(args):
            return
        placed = sk.LeastSquares(
            problem.network(at), problem.objective.x, problem.objective.y, problem.objective.weights
        )
        theta = at[: network.n_parameters]
        if method in ("network", "model"):
            made = result if method == "network" else result.network
            assert made.layers[-1].knots == placed.network.layers[-1].knots
            return
        want = placed.value(theta)
        if method == "linear_equations":
            for got, truth in zip(result, placed.linear_equations(theta), strict=True):
                assert_near(got, truth, np.abs(truth).max() + want + 1, 1e5)
            return
        value = result if method == "value" else result[0]
        assert_near(value, want, want + 1, 1e5)
        if method != "value":
            _, gradient = problem.value_and_gradient(at)
            matrix = problem.normal_equations(at)[2]
            got = {
                "value_and_gradient": lambda: result[1],
                "normal_equations": lambda: result[1],
                "triangular_factor": lambda: result[1].T @ result[2],
                "linearized": lambda: result[2].rmatvec(result[1]),
            }[method]()
            assert_near(got, gradient, np.sqrt(np.abs(matrix).max() * (want + 1)) + 1, 1e6)
            assert_near(gradient[: len(theta)], placed.gradient(theta), np.abs(gradient).max() + 1, 1e6)

    return Call(getattr(problem, method), {"z": z}, check, strict=False, scale=1e8)


@calls(*(f"FreeKnots.{m}" for m in SIZES), "FreeKnots.start", "FreeKnots.coordinates")
def _(draw: Draw, name: str) -> Call:
    problem, method = sk.FreeKnots(_objective(draw)), name.split(".")[1]
    network = problem.objective.network
    if method == "start":

        def check(result: Any, args: Any) -> None:
            assert_alike(result[: network.n_parameters], floats(args["theta"]))
            assert len(result) == problem.n_parameters

        return Call(problem.start, {"theta": draw.theta(network)}, check)
    if method == "coordinates":
        return Call(problem.coordinates, {"name": "relu"}, None, {}, False, names=("coordinates",))
    want = {
        "cost": problem.objective.cost,
        "n_free": sum(edges.knots.intervals - 1 for layer in network.layers for edges in _edges(layer)),
        "n_residuals": len(problem.objective.x),
        "squared": True,
        "linear_parameters": np.arange(network.offsets[-2], network.offsets[-1]),
    }
    want["n_parameters"] = network.n_parameters + want["n_free"]
    return Call(lambda: getattr(problem, method), {}, lambda r, _: assert_alike(r, want[method]))


def _edges(layer: Any) -> Any:
    return layer.edges if isinstance(layer, sk.SplineLayer) else ()


@calls("free_knots", share=1)
def _(draw: Draw, name: str) -> Call:
    objective = _objective(draw)
    network = objective.network
    model = sk.Model(network, draw.theta(network))
    n = len(objective.x)
    arguments = {
        "model": model,
        "X": objective.x,
        "y": objective.y,
        "sample_weight": draw.one(None, draw.points(n) + 0.1),
        "loss": draw.one(None, sk.Huber(0.5)),
        "layers": draw.one(None, [1]),
        "shared": draw.chance(),
        "least": 1e-2,
        "iterations": draw.integer(0, 3),
        "optimizer": draw.one(None, sk.LevenbergMarquardt()),
        "callback": None,
        "progress": False,
    }

    def check(result: Any, args: Any) -> None:
        X, y = floats(args["X"]), floats(args["y"]).reshape(-1, 1)
        assert result.network.intervals == network.intervals
        if finite(args) and moderate(args) and args["loss"] is None and args["sample_weight"] is None:
            before, after = (float(((each(X) - y) ** 2).mean()) for each in (model, result))
            assert after <= before * (1 + 1e-12)

    roles = {
        "layers": _layers(arguments["layers"]),
        "least": FRACTION,
        "iterations": Role("whole", low=0, most=100),
        "sample_weight": Role("array", optional=True),
        "loss": Role("object", optional=True),
        "optimizer": Role("object", optional=True),
        "callback": Role("callback", optional=True),
    }
    # The model warns of samples outside its domain, as elsewhere.
    return Call(sk.free_knots, arguments, check, roles, strict=False, names=("weights", "x"))


@calls(*(f"{kind}.{m}" for kind in ("DataLoss", "LeastSquares") for m in LINEAR))
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    net = _network(draw)
    n = draw.integer(3, 9)
    x, y, smoothing = draw.points(n, 2), draw.normal(n, 1), draw.one(0.0, 1e-2)
    objective = getattr(sk, kind)(net, x, y, smoothing=smoothing)
    where = np.arange(net.offsets[-2], net.offsets[-1])
    if method == "linear_parameters":
        return Call(lambda: objective.linear_parameters, {}, lambda r, _: assert_alike(r, where))

    def check(result: Any, args: Any) -> None:
        theta = floats(args["theta"])
        assert theta.shape == (net.n_parameters,), f"theta of shape {theta.shape} was accepted"
        if finite(args) and moderate(args):
            _, gradient, matrix = objective.normal_equations(theta)
            size = np.abs(matrix).max() + np.abs(gradient).max() + 1
            assert_near(result[0], gradient[where], size, 1e5)
            assert_near(result[1], matrix[np.ix_(where, where)], size, 1e5)

    return Call(objective.linear_equations, {"theta": draw.theta(net)}, check, strict=False, scale=1e8)


@calls("VariableProjection", "VariableProjection.mixed", "VariableProjection.require")
def _(draw: Draw, name: str) -> Call:
    method = name.split(".")[-1]
    made = optimize.VariableProjection(linear=[0])
    if method == "mixed":
        return Call(lambda: made.mixed, {}, lambda r, _: assert_alike(r, False))
    if method == "require":
        arguments = {"name": "problem", "problem": _objective(draw)}
        return Call(made.require, arguments, lambda r, _: assert_alike(r, None), {"name": FREE})
    settings = {
        "damping": 1e-2,
        "scaling": "none",
        "trials": 10,
        "solver": draw.one(None, optimize.Cholesky(), optimize.SVD()),
        "linear": [0, 2],
        "ridge": 1e-8,
    }

    def check(result: Any, args: Any) -> None:
        for key in ("damping", "ridge"):
            assert type(getattr(result, key)) is float

    roles = {
        "solver": Role("object", optional=True),
        "linear": Role("wholes", low=0, optional=True),
        "ridge": Role("real", low=1e-14, high=1e-4),
    }
    return Call(optimize.VariableProjection, settings, check, roles)


@calls("VariableProjection.minimize")
def _(draw: Draw, name: str) -> Call:
    plain = draw.chance(0.3)
    problem: Any = rosenbrock() if plain else draw.one(_objective(draw), sk.FreeKnots(_objective(draw)))
    if plain:  # (10 (y - x^2), 1 - x) is affine in y
        method, begin = optimize.VariableProjection(linear=[1]), draw.normal(2)
    else:
        method = optimize.VariableProjection()
        free = isinstance(problem, sk.FreeKnots)
        theta = draw.theta((problem.objective if free else problem).network)
        begin = problem.start(theta) if free else theta
    arguments = {
        "problem": problem,
        "theta0": begin,
        "iterations": draw.integer(0, 6),
        "evaluations": draw.one(None, 5),
        "callback": draw.one(None, lambda it: it.iteration > 2),
        "progress": False,
        "gradient_tolerance": draw.one(0.0, 1e-3),
        "value_tolerance": draw.one(None, 1e-6),
        "keep": draw.one("auto", "last", "best"),
        "cost": draw.one(1.0, 3.0),
    }

    def check(result: Any, args: Any) -> None:
        start = floats(args["theta0"])
        assert start.shape == result.theta.shape == begin.shape
        first, last = problem.value(start), problem.value(result.theta)
        assert abs(result.value - last) <= 1e-9 * abs(first)
        if args["keep"] != "last":
            assert result.value <= first * (1 + 1e-9)
        assert result.nit <= args["iterations"]

    roles = {
        "cost": Role("real", low=0.0),
        "iterations": Role("whole", low=0, most=10**3),
        "evaluations": Role("whole", low=1, optional=True),
        "callback": Role("callback", optional=True),
        "gradient_tolerance": Role("real", low=0.0),
        "value_tolerance": Role("real", optional=True),
        "problem": Role("object"),
    }
    return Call(method.minimize, arguments, check, roles, strict=False)
