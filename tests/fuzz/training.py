"""Calls of optimisers, problems, schedules, hierarchies and successive halving."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import oracles

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, OwnError, Role, assert_alike, assert_near, calls, floats, record
from fuzz.draw import ANY, FREE, INDEX, NONNEGATIVE, SEED, Draw
from splinekan import optimize
from splinekan.multilevel import Level, NestedStep
from splinekan.optimize import History
from splinekan.optimize.driver import Frame

METHODS = ("GradientDescent", "Adam", "LBFGS", "GaussNewton", "LevenbergMarquardt")
SECOND = ("GaussNewton", "LevenbergMarquardt")
MAPS = {"skew": optimize.MatrixMap(np.array([[2.0, 1.0], [0.0, 3.0]]))}


def rosenbrock() -> Any:
    """1/2 r.r, r = (10 (y - x^2), 1 - x)."""
    return optimize.ResidualProblem(
        own(lambda z: np.array([10 * (z[1] - z[0] ** 2), 1 - z[0]])),
        own(lambda z: np.array([[-20 * z[0], 10.0], [-1.0, 0.0]])),
        MAPS,
    )


def own(f: Any) -> Any:
    """A user's function: quiet, and with an error of its own for what it does not take."""

    def function(z: Any) -> Any:
        if np.shape(z) != (2,):
            raise OwnError(f"takes two numbers, got {z!r:.40}")
        with np.errstate(all="ignore"):
            return f(z)

    return function


def bowl() -> Any:
    """A quadratic without residuals."""
    A = np.array([[3.0, 1.0], [1.0, 2.0]])
    return optimize.FunctionProblem(own(lambda z: float(z @ A @ z) / 2), own(lambda z: A @ z), MAPS)


SETTINGS: dict[str, Any] = {
    "GradientDescent": {"step": 1e-3, "search": "fixed"},
    "Adam": {
        "schedule": optimize.Constant(1e-2),
        "beta1": 0.8,
        "beta2": 0.99,
        "eps": 1e-8,
        "weight_decay": 0.1,
    },
    "LBFGS": {"memory": 5, "step": 0.5, "search": "armijo"},
    "GaussNewton": {"cutoff": 1e-10},
    "LevenbergMarquardt": {
        "damping": 1e-2,
        "scaling": "none",
        "trials": 10,
        "corrections": 1,
        "solver": optimize.Cholesky(),
    },
}
BOUNDS = {
    "beta1": Role("real", low=0.0, high=1.0),
    "beta2": Role("real", low=0.0, high=1.0),
    "weight_decay": NONNEGATIVE,
    "cutoff": Role("real", low=0.0, high=1.0),
    "geometry": Role("word", optional=True),
    "gradient": Role("word", optional=True),
    "schedule": Role("schedule"),
    "solver": Role("object", optional=True),
    "corrections": Role("whole", low=0, most=10**6),
    "memory": Role("whole", low=1, most=10**6),
}


@calls(*METHODS)
def _(draw: Draw, name: str) -> Call:
    settings = dict(SETTINGS[name])
    searches = {"GradientDescent": ("fixed", "armijo"), "LBFGS": ("fixed", "armijo", "wolfe")}
    if name in searches:
        settings["search"] = draw.one(*searches[name])
    settings |= {"geometry": draw.one(None, "skew"), "gradient": draw.one(None, "skew")}
    if settings["gradient"] not in (None, settings["geometry"]) and "corrections" in settings:
        settings["corrections"] = 0  # they need gradient and geometry in the same coordinates

    def check(result: Any, args: Any) -> None:
        for key, value in args.items():
            assert not isinstance(getattr(result, key), np.generic), f"{key} stays a NumPy scalar"
            assert getattr(result, key) == (float(value) if type(value) is int else value)

    # Names of coordinates are known to problems alone.
    roles = BOUNDS | dict.fromkeys(("geometry", "gradient"), Role("coordinates", optional=True))
    return Call(getattr(optimize, name), settings, check, roles)


def _optimizer(draw: Draw, name: str, default: bool) -> Any:
    kind = getattr(optimize, name)
    if default:
        return kind()
    return kind(geometry=draw.one(None, None, "skew"), **SETTINGS[name])


@calls(*(f"{name}.minimize" for name in METHODS))
def _(draw: Draw, name: str) -> Call:
    kind = name.split(".")[0]
    if draw.chance(0.3):
        problem = draw.loss("spline")
        begin, optimizer = draw.theta(problem.network), _for_networks(draw, kind)
    else:
        problem = rosenbrock() if kind in SECOND or draw.chance() else bowl()
        begin = draw.normal(2) * draw.one(1.0, 1.0, 3.0, 100.0)
        optimizer = _optimizer(draw, kind, draw.chance())
    arguments = {
        "problem": problem,
        "theta0": begin,
        "iterations": draw.integer(0, 12),
        "evaluations": draw.one(None, 5),
        "callback": draw.one(None, lambda it: it.iteration > 4),
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
        assert result.value == last or abs(result.value - last) <= 1e-9 * abs(first)
        assert np.isfinite(result.theta).all()
        if args["keep"] != "last":
            ups = first * (1 + 1e-12)
            assert result.value <= ups, f"ends at {result.value} above its start {first}"
        assert len(result.history.loss) <= args["iterations"] + 1
        assert result.history.loss[0] == first or abs(result.history.loss[0] - first) <= 1e-9 * abs(first)
        assert result.nit == len(result.history.loss) - 1
        if problem.__class__ is sk.DataLoss:
            assert np.array_equal(result.model.theta, result.theta)
        else:
            assert result.model is None

    roles = {
        "cost": NONNEGATIVE,
        "iterations": Role("whole", low=0, most=10**4),
        "evaluations": Role("whole", low=1, optional=True),
        "callback": Role("callback", optional=True),
        "gradient_tolerance": NONNEGATIVE,
        "value_tolerance": Role("real", optional=True),
        "problem": Role("object"),
    }
    return Call(optimizer.minimize, arguments, check, roles)


def _for_networks(draw: Draw, kind: str) -> Any:
    """An optimiser with coordinates that networks have, and any solver."""
    settings: dict[str, Any] = {"geometry": draw.one(None, None, "relu", "spline")}
    if kind == "LevenbergMarquardt":
        settings["solver"] = draw.one(
            None,
            optimize.Cholesky(),
            optimize.QR(),
            optimize.SVD(),
            optimize.Dual(),
            optimize.CG(iterations=20),
        )
    return getattr(optimize, kind)(**settings)


@calls(*(f"{name}.{method}" for name in METHODS for method in ("mixed", "require")))
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    if method == "mixed":
        gradient = draw.one(None, "skew", "spline")
        found = getattr(optimize, kind)(geometry="skew", gradient=gradient)
        return Call(lambda: found.mixed, {}, lambda r, _: assert_alike(r, gradient == "spline"))
    arguments = {"name": "problem", "problem": rosenbrock()}
    return Call(
        getattr(optimize, kind)().require, arguments, lambda r, _: assert_alike(r, None), {"name": FREE}
    )


SCHEDULES = {
    "Constant": {"rate": 0.5},
    "LinearRamp": {"start": 0.1, "end": 0.5, "steps": 7},
    "ExponentialCyclic": {"low": 0.1, "high": 0.5, "cycle": 7, "gamma": 0.99},
    "Cosine": {"rate": 0.5, "steps": 9, "warmup": 3, "end": 0.1},
}


@calls(*SCHEDULES)
def _(draw: Draw, name: str) -> Call:
    def check(result: Any, args: Any) -> None:
        assert 0 < result(0) < np.inf
        for key in args:
            assert not isinstance(getattr(result, key), np.generic), f"{key} stays a NumPy scalar"

    roles = {"end": NONNEGATIVE, "warmup": INDEX} if name == "Cosine" else {}
    return Call(getattr(optimize, name), SCHEDULES[name], check, roles)


@calls(*(f"{name}.__call__" for name in SCHEDULES))
def _(draw: Draw, name: str) -> Call:
    kind = name.split(".")[0]
    made = getattr(optimize, kind)(**SCHEDULES[kind])

    def check(result: Any, args: Any) -> None:
        i = args["iteration"]
        assert i >= 0
        want = {
            "Constant": lambda: 0.5,
            "LinearRamp": lambda: 0.1 + 0.4 * min(1.0, i / 7),
            "ExponentialCyclic": lambda: 0.1 + 0.4 * (1 - abs(2 * (i % 7) / 7 - 1)) * 0.99 ** min(i, 10**6),
            "Cosine": lambda: (i + 1) / 6 if i < 3 else 0.3 + 0.2 * np.cos(np.pi * min((i - 3) / 6, 1.0)),
        }[kind]()
        assert abs(result - want) <= 1e-12

    return Call(made, {"iteration": draw.integer(0, 30)}, check, {"iteration": INDEX})


# Problems


@calls("FunctionProblem", "ResidualProblem")
def _(draw: Draw, name: str) -> Call:
    problem = bowl() if name == "FunctionProblem" else rosenbrock()
    arguments = {f.name: getattr(problem, f.name) for f in fields(problem)}

    def check(result: Any, args: Any) -> None:
        z = np.array([0.3, 0.4])
        assert result.value(z) == problem.value(z)
        assert result.cost == float(args["cost"])

    # What functions return is known when they are called.
    roles = {key: Role("callable") for key in ("function", "gradient", "residual", "jacobian")}
    roles["cost"] = NONNEGATIVE
    return Call(getattr(optimize, name), arguments, check, roles)


PLAIN = ("value", "value_and_gradient", "coordinates")


@calls(
    *(f"FunctionProblem.{m}" for m in PLAIN),
    *(
        f"ResidualProblem.{m}"
        for m in (*PLAIN, "normal_equations", "triangular_factor", "linearized", "n_residuals")
    ),
)
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    problem = bowl() if kind == "FunctionProblem" else rosenbrock()
    if method == "coordinates":
        return Call(
            problem.coordinates,
            {"name": "skew"},
            lambda r, a: assert_alike(r is MAPS["skew"], True),
            names=("coordinates",),
        )
    if method == "n_residuals":
        return Call(lambda: problem.n_residuals, {}, lambda r, _: assert_alike(r > 0, True))

    def check(result: Any, args: Any) -> None:
        z = floats(args["theta"])
        assert z.shape == (2,), f"theta of shape {z.shape} was accepted"
        if not finite(args) or not moderate(args):
            return
        value = problem.function(z) if kind == "FunctionProblem" else 0.5 * (problem.residual(z) ** 2).sum()
        gradient = (
            problem.gradient(z) if kind == "FunctionProblem" else problem.jacobian(z).T @ problem.residual(z)
        )
        got = result if method == "value" else result[0]
        assert_near(got, value, abs(value) + 1e-30, 1e4)
        if method == "value_and_gradient":
            assert_alike(result[1], gradient)
        elif method == "normal_equations":
            assert_alike(result[2], problem.jacobian(z).T @ problem.jacobian(z))
        elif method == "triangular_factor":
            assert_alike(result[1].T @ result[2], gradient, 1e-9)
        elif method == "linearized":
            assert_alike(result[1], problem.residual(z))

    return Call(getattr(problem, method), {"theta": draw.normal(2)}, check)


@calls(
    "Restricted",
    *(f"Restricted.{m}" for m in ("cost", "value", "value_and_gradient", "coordinates", "reduced")),
)
def _(draw: Draw, name: str) -> Call:
    A, n = draw.normal(6, 4), 4

    def residual(t: Any) -> Any:
        if np.shape(t) != (n,):
            raise OwnError(f"takes {n} numbers, got {t!r:.40}")
        with np.errstate(all="ignore"):
            return A @ t

    problem = optimize.ResidualProblem(
        residual, lambda t: A, {"wide": optimize.MatrixMap(np.diag([1.0, 2.0, 3.0, 4.0]))}
    )
    C, d = draw.normal(2, n), draw.normal(2)
    C[:, 0] = 0.0
    pair, fixed = (C, d), draw.one(None, [1], np.array([False, True, False, False]))
    method = name.rpartition(".")[2]
    if method == "Restricted":

        def kept(result: Any, args: Any) -> None:
            start = np.ones(n)
            try:
                end = optimize.LevenbergMarquardt().minimize(result, start, iterations=3).theta
            except ValueError as error:
                if str(error).startswith(("fixed", "equations")):
                    return  # restrictions that do not fit the start
                raise
            if args["equations"] is pair:
                assert_near(C @ end, d, np.abs(C) @ np.abs(end) + np.abs(d), 1e3)
            if fixed is not None and args["fixed"] is fixed:
                assert end[1] == 1.0

        arguments = {"problem": problem, "fixed": fixed, "equations": pair}
        roles = {
            "problem": Role("object"),
            "fixed": Role("wholes", low=0, optional=True) if type(fixed) is list else Role("free"),
            "equations": Role("object", optional=True),
        }
        return Call(sk.Restricted, arguments, kept, roles)
    restricted = sk.Restricted(problem, fixed, (C, d))
    if method == "cost":
        return Call(lambda: restricted.cost, {}, lambda r, _: assert_alike(r, 1.0))
    if method == "coordinates":
        return Call(
            restricted.coordinates,
            {"name": "wide"},
            lambda r, _: assert_alike(r is problem.maps["wide"], True),
            names=("coordinates",),
        )
    key = "theta0" if method == "reduced" else "theta"

    def check(result: Any, args: Any) -> None:
        t = floats(args[key])
        assert t.shape == (n,), f"{key} of shape {t.shape} was accepted"
        if not finite(args) or not moderate(args):
            return
        if method == "reduced":
            first = result.native(result.start)
            assert_near(C @ first, d, np.abs(C) @ np.abs(first) + np.abs(d) + 1, 1e6)
            assert first[0] == t[0]
            assert fixed is None or first[1] == t[1]
            return
        got = result if method == "value" else result[0]
        assert_near(got, ((A @ t) ** 2).sum() / 2, ((np.abs(A) @ np.abs(t)) ** 2).sum() + 1e-30, 1e4)

    return Call(getattr(restricted, method), {key: draw.normal(n)}, check, strict=method != "reduced")


MATRIX = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.5, 0.0, 1.0]])


@calls("MatrixMap", "IdentityMap")
def _(draw: Draw, name: str) -> Call:
    if name == "IdentityMap":
        return Call(optimize.IdentityMap, {}, lambda *_: None)

    def check(result: Any, args: Any) -> None:
        m = floats(args["matrix"])
        assert m.ndim == 2
        assert m.shape[0] == m.shape[1] > 0
        assert np.isfinite(m).all()
        if np.linalg.cond(m) < 1e8:
            assert_near(result.apply(result.solve(np.ones(len(m)))), np.ones(len(m)), 1, 1e10)

    return Call(optimize.MatrixMap, {"matrix": MATRIX}, check)


LINEAR = ("apply", "solve", "solve_transpose")


@calls(*(f"{kind}.{m}" for kind in ("MatrixMap", "IdentityMap") for m in LINEAR))
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    matrix = draw.one(MATRIX, np.triu(MATRIX), np.tril(MATRIX))
    made = optimize.MatrixMap(matrix) if kind == "MatrixMap" else optimize.IdentityMap()
    matrix = np.eye(3) if kind == "IdentityMap" else matrix
    v = draw.normal(3) if draw.chance() else draw.normal(3, 2)

    def check(result: Any, args: Any) -> None:
        v = floats(args["v"])
        assert v.ndim in (1, 2)
        assert kind == "IdentityMap" or len(v) == 3
        if not np.isfinite(v).all() or not moderate(args):
            return
        m = {
            "solve": np.linalg.inv(matrix),
            "solve_transpose": np.linalg.inv(matrix).T,
        }.get(method, matrix)
        want = v if kind == "IdentityMap" else m @ v
        assert_near(result, want, np.abs(want).max(initial=0.0) + 1e-30 + np.abs(v).max(initial=0.0), 1e4)

    return Call(getattr(made, method), {"v": v}, check)


SOLVERS = {
    "Cholesky": {"cutoff": 1e-12},
    "QR": {"cutoff": 1e-12},
    "SVD": {"cutoff": 1e-12},
    "Dual": {},
    "CG": {"preconditioner": None, "tolerance": 0.1, "iterations": 7},
}


@calls(*SOLVERS)
def _(draw: Draw, name: str) -> Call:
    def check(result: Any, args: Any) -> None:
        for key, value in args.items():
            assert getattr(result, key) == value
            assert not isinstance(getattr(result, key), np.generic), f"{key} stays a NumPy scalar"
        found = optimize.LevenbergMarquardt(solver=result).minimize(rosenbrock(), [1.2, 1.0], iterations=30)
        assert found.value < 1.0

    roles = {
        "cutoff": Role("real", low=0.0, high=1.0),
        "tolerance": Role("real", low=5e-324, high=1.0),
        "preconditioner": Role("callback", optional=True),
    }
    # A cut-off that leaves no singular value leaves no step.
    return Call(getattr(optimize, name), SOLVERS[name], check if name in ("Dual",) else None, roles)


@calls(*(f"{name}.linearize" for name in SOLVERS))
def _(draw: Draw, name: str) -> Call:
    solver = getattr(optimize, name.split(".")[0])()
    problem, z = rosenbrock(), draw.normal(2)
    frame = Frame(problem, optimize.IdentityMap(), optimize.IdentityMap())
    point = frame.point(z)

    def check(result: Any, args: Any) -> None:
        J = problem.jacobian(z)
        assert_near(result.columns, np.sqrt((J**2).sum(axis=0)), 1 + np.abs(J).max(), 1e4)
        step = result.damped(np.ones(2))(0.5)
        if name != "CG.linearize":
            want = -np.linalg.solve(J.T @ J + 0.5 * np.eye(2), J.T @ problem.residual(z))
            assert_near(step, want, 1 + np.abs(want).max(), 1e8)

    arguments = {"frame": frame, "point": point, "mixed": False}
    return Call(solver.linearize, arguments, check, {"mixed": FREE, "frame": FREE, "point": FREE})


# Records, and their joining


@cache
def _result() -> Any:
    return optimize.LevenbergMarquardt().minimize(rosenbrock(), [1.0, 2.0], iterations=4)


@calls("History", "Result", "Iterate", "Level", "NestedResult", "NestedStep", "HalvingResult", "Round")
def _(draw: Draw, name: str) -> Call:
    if name == "Round":

        def check(result: Any, args: Any) -> None:
            for key, value in args.items():
                assert getattr(result, key) == value
                assert not isinstance(getattr(result, key), np.generic), f"{key} stays a NumPy scalar"

        arguments = {"level": 0, "candidates": 3, "iterations": 2, "samples": draw.one(None, 7)}
        roles = {"level": INDEX, "iterations": INDEX, "samples": Role("whole", low=1, optional=True)}
        return Call(sk.Round, arguments, check, roles)
    nested, won = _nested(), _tournament()
    made = {
        "History": _result().history,
        "Result": _result(),
        "Iterate": optimize.Iterate(1, np.zeros(2), 1.0, 2.0),
        "Level": Level(0, sk.KAN.splines([1, 1]), 1.0),
        "NestedResult": nested,
        "NestedStep": NestedStep(_setting(Draw(0))[0][0], _result()),
        "HalvingResult": won,
    }[name]
    return record(made)


@calls("Result.success", "Result.nit", "NestedResult.success", "NestedResult.nit", "Level.P", "Level.R")
def _(draw: Draw, name: str) -> Call:
    kind, what = name.split(".")
    if kind == "Level":
        levels = _setting(draw)[0]
        shape = (levels[1].network.n_parameters, levels[0].network.n_parameters)
        want = shape if what == "P" else shape[::-1]
        return Call(lambda: getattr(levels[1], what), {}, lambda r, _: assert_alike(r.shape, want))
    result = _result() if kind == "Result" else _nested()
    want = (
        result.status.value in ("converged", "stalled")
        if what == "success"
        else len(result.history.loss) - (1 if kind == "Result" else 2)
    )
    return Call(lambda: getattr(result, what), {}, lambda r, _: assert_alike(r, want))


@calls("History.join", "History.ending_at")
def _(draw: Draw, name: str) -> Call:
    history = _result().history
    if name == "History.join":
        count = draw.integer(1, 3)

        def check(result: Any, args: Any) -> None:
            assert len(result.loss) == len(list(args["parts"])) * len(history.loss) > 0
            assert (np.diff(result.work) >= 0).all()

        return Call(History.join, {"parts": [history] * count}, check, {"parts": Role("object")})

    def ends(result: Any, args: Any) -> None:
        for key, value in args.items():
            assert_near(getattr(result, key)[-1], value, abs(value) + 100, 100)

    arguments = {"evaluations": 100.0, "work": 200.0, "seconds": 3.0}
    return Call(history.ending_at, arguments, ends, dict.fromkeys(arguments, ANY))


# Hierarchies


@calls("Hierarchy")
def _(draw: Draw, name: str) -> Call:
    net = draw.network(basis=draw.one("spline", "relu"))
    if draw.chance(0.3):
        marks = [[[0]] * layer.n_in if isinstance(layer, sk.SplineLayer) else None for layer in net.layers]
        networks = [net, draw.one(net.refined(), net.refined(marks))]

        def nested(result: Any, args: Any) -> None:
            assert [level.network for level in result] == networks
            theta = draw.theta(net)
            x = draw.points(4, net.n_in)
            want, got = net(theta, x), networks[1](result.prolong(theta, 0), x)
            size = 1 + np.abs(want).max() + np.abs(theta).max()
            assert_near(got, want, size, 1e6 if net.basis == "spline" else 1e10)

        return Call(sk.Hierarchy, {"network": networks}, nested, {"network": Role("object")})

    def check(result: Any, args: Any) -> None:
        n = args["n_levels"]
        assert len(result) == len(result.levels) == n
        assert type(result.n_levels) is int
        assert [level.network.intervals for level in result.levels] == [
            net.intervals * 2**i for i in range(n)
        ]

    return Call(sk.Hierarchy, {"network": net, "n_levels": draw.integer(1, 3)}, check)


@calls(
    "Hierarchy.prolong", "Hierarchy.__getitem__", "Hierarchy.__len__", "Hierarchy.levels", "Hierarchy.__str__"
)
def _(draw: Draw, name: str) -> Call:
    net = draw.network(basis=draw.one("spline", "relu"))
    made, method = sk.Hierarchy(net, 3), name.split(".")[1]
    if method == "prolong":
        level = draw.integer(0, 1)

        def check(result: Any, args: Any) -> None:
            coarse, fine = made[args["level"]].network, made[args["level"] + 1].network
            theta, x = floats(args["theta"]), Draw(3).points(5, net.n_in)
            assert theta.shape == (coarse.n_parameters,)
            assert np.isfinite(theta).all()
            if not moderate(args):
                return
            want, got = oracles.network(coarse, theta, x), oracles.network(fine, result, x)
            factor = 1e5 if net.basis == "spline" else 1e9
            assert_near(
                got, want, 1 + np.abs(want).max() + np.abs(theta).max() + np.abs(result).max(), factor
            )

        arguments = {"theta": draw.theta(made[level].network), "level": level}
        return Call(made.prolong, arguments, check, {"level": Role("whole", low=0, high=1)})
    if method == "__getitem__":
        role = Role("whole", low=-3, high=2)
        return Call(
            made.__getitem__,
            {"index": draw.integer(0, 2)},
            lambda r, a: assert_alike(r.index, int(a["index"]) % 3),
            {"index": role},
            names=("level",),
            also=(IndexError,),  # what iteration ends with
        )
    target = {"__len__": lambda: len(made), "levels": lambda: made.levels, "__str__": lambda: str(made)}[
        method
    ]
    return Call(target, {}, lambda r, _: assert_alike(bool(r), True))


def _setting(draw: Draw) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    net = sk.KAN.splines([1, 1], degree=3, intervals=2)
    x = draw.points(12, 1)
    return sk.Hierarchy(net, 2), net, x, np.sin(3 * x)


@cache
def _nested() -> Any:
    hierarchy, net, x, y = _setting(Draw(0))
    return sk.nested_iteration(
        hierarchy,
        lambda level: sk.LeastSquares(level.network, x, y),
        sk.LevenbergMarquardt(),
        [1, 1],
        np.zeros(net.n_parameters),
    )


@cache
def _tournament() -> Any:
    hierarchy, net, x, y = _setting(Draw(0))
    plan = [sk.Round(0, 2, 1), sk.Round(1, 1, 1)]
    return sk.successive_halving(
        hierarchy,
        lambda level, _: sk.LeastSquares(level.network, x, y),
        sk.LevenbergMarquardt(),
        plan,
        lambda rng: rng.normal(size=net.n_parameters),
        0,
    )


@calls("nested_iteration", "nested_steps")
def _(draw: Draw, name: str) -> Call:
    hierarchy, net, x, y = _setting(draw)

    def objective(level: Level) -> Any:
        return sk.LeastSquares(level.network, x, y)

    arguments = {
        "hierarchy": hierarchy,
        "objective": objective,
        "optimizer": draw.one(sk.LevenbergMarquardt(), sk.LBFGS(search="wolfe")),
        "budgets": [draw.integer(1, 4), draw.integer(1, 4)],
        "theta0": draw.normal(net.n_parameters),
        "unit": draw.one("iterations", "evaluations"),
        "callback": draw.one(None, lambda it: False),
    }

    def check(result: Any, args: Any) -> None:
        start = floats(args["theta0"])
        assert start.shape == (net.n_parameters,)
        assert len(list(args["budgets"])) == 2
        assert result.value <= objective(hierarchy[0]).value(start) * (1 + 1e-9) + 1e-20
        assert abs(result.value - objective(hierarchy[result.level]).value(result.theta)) <= 1e-9 * (
            1 + result.value
        )

    def steps(**given: Any) -> Any:
        return list(sk.nested_steps(**given))

    def stepped(result: Any, args: Any) -> None:
        whole = sk.nested_iteration(**args)
        ran = [one for one in whole.results if one is not None]
        assert_alike([step.result.theta for step in result], [one.theta for one in ran])

    roles = {"budgets": Role("wholes", low=0, most=1000), "callback": Role("callback", optional=True)}
    if name == "nested_steps":
        return Call(steps, arguments, stepped, roles, names=("optimizers", "levels"))
    return Call(sk.nested_iteration, arguments, check, roles, names=("optimizers", "levels"))


@calls("successive_halving")
def _(draw: Draw, name: str) -> Call:
    hierarchy, net, x, y = _setting(draw)

    def objective(level: Level, samples: int | None) -> Any:
        return sk.LeastSquares(level.network, x[:samples], y[:samples])

    def begin(rng: np.random.Generator) -> np.ndarray:
        return rng.normal(size=net.n_parameters)

    arguments = {
        "hierarchy": hierarchy,
        "objective": objective,
        "optimizer": sk.LevenbergMarquardt(),
        "rounds": [sk.Round(0, 3, 2, draw.one(None, 8)), sk.Round(1, 1, 2)],
        "draw": begin,
        "seed": draw.integer(0, 99),
        "score": draw.one(None, lambda level, theta: float(np.abs(theta).max())),
        "workers": draw.one(None, 1),
    }

    def check(result: Any, args: Any) -> None:
        assert abs(result.value - objective(hierarchy[result.level], None).value(result.theta)) <= 1e-9 * (
            1 + result.value
        )
        seed = args["seed"]
        if not isinstance(seed, np.random.Generator):
            assert_alike(result.theta, sk.successive_halving(**{**args, "seed": int(seed)}).theta)

    roles = {
        "seed": SEED,
        "score": Role("callback", optional=True),
        "rounds": Role("object"),
        "workers": Role("whole", low=1, high=1024, optional=True, most=1),  # processes take seconds to start
    }
    return Call(sk.successive_halving, arguments, check, roles, names=("levels", "candidates"))
