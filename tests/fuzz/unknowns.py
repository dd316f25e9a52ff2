"""Calls of unknown constants, measured values, places and complex equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats, record
from fuzz.draw import FREE, Draw
from splinekan.equations import Equation

X, Y, S = sympy.symbols("x y s")
F = sympy.Function("u")
U = F(X, Y)
H = sympy.Function("h")(X, Y)
K, D = sk.Unknown("k", 0.5), sk.Unknown("d", -1.0)
OBJECT = Role("object")


@calls("Unknown", "Unknown.class_key")
def _(draw: Draw, name: str) -> Call:
    if name == "Unknown.class_key":
        return Call(sk.Unknown.class_key, {}, lambda r, _: assert_alike(r == X.class_key(), True))

    def check(result: Any, args: Any) -> None:
        assert (result.name, result.start) == (args["name"], float(args["start"]))
        assert result == sk.Unknown(args["name"], args["start"])

    return Call(sk.Unknown, {"name": "k", "start": draw.real()}, check, {"name": Role("text"), "start": FREE})


@calls("KAN.with_constants", "KAN.constants")
def _(draw: Draw, name: str) -> Call:
    net, starts = draw.network(), {"k": draw.real(), "d": draw.real()}
    if name == "KAN.with_constants":

        def check(result: Any, args: Any) -> None:
            theta = sk.initialize(result, 0)
            assert result.constants(theta) == starts
            x = Draw(2).points(5, net.n_in)
            assert_alike(result(theta, x)[:, : net.n_out], net(theta[:-2], x))

        given = draw.one(starts, [sk.Unknown(k, c) for k, c in starts.items()])
        return Call(
            net.with_constants,
            {"constants": given},
            check,
            {"constants": Role("object", accepts=("junk dictionary",))},
        )
    made = net.with_constants(starts)

    def read(result: Any, args: Any) -> None:
        assert list(result.values()) == list(floats(args["theta"])[-2:])

    return Call(made.constants, {"theta": draw.theta(made)}, read)


def _problem(draw: Draw) -> Any:
    """A line u' = k, u(0) = 0, from samples: linear least squares."""
    line = F(X)
    net = sk.KAN.splines([1, 1], degree=3, intervals=2).with_constants([K])
    inside, seen = np.linspace(0, 1, 12)[:, None], np.linspace(0.1, 1, 8)
    data = sk.Data(seen[:, None], 2 * seen + 0.1 * draw.normal(8), draw.points(8) + 0.5)
    first = sk.Block(Equation(line.diff(X) - K, line, (X,)), inside, 1e6)
    return sk.PINN(net, [first, sk.Block(Equation(line, line, (X,)), [[0.0]], 1e6), data])


@calls("PINN.constants", "PINN.standard_errors", share=2)
def _(draw: Draw, name: str) -> Call:
    problem = _problem(draw)
    theta = draw.theta(problem.network)
    if name == "PINN.constants":

        def read(result: Any, args: Any) -> None:
            assert result == {"k": floats(args["theta"])[-1]}

        return Call(problem.constants, {"theta": theta}, read)

    def check(result: Any, args: Any) -> None:
        assert floats(args["theta"]).shape == theta.shape
        if finite(args) and moderate(args) and args["variance"] is not None:
            block = problem.blocks[-1]
            size = np.sqrt((block.weight * block.points[:, 0] ** 2).sum())
            assert_near(result["k"], np.sqrt(args["variance"]) / size, 1.0, 1e12)

    arguments = {"theta": theta, "variance": draw.one(None, 0.25)}
    roles = {"variance": Role("real", low=0.0, optional=True)}
    return Call(problem.standard_errors, arguments, check, roles)


@calls("Data", "Data.block")
def _(draw: Draw, name: str) -> Call:
    n = draw.integer(1, 5)
    missing = draw.one("refuse", "drop")
    arguments = {
        "points": draw.points(n, 2),
        "values": draw.normal(n),
        "weight": draw.one(2.0, draw.points(n)),
        "of": draw.one(None, U.diff(X) + U**2),
        "missing": missing,
    }
    if name == "Data":

        def check(result: Any, args: Any) -> None:
            values, points = floats(args["values"]), floats(args["points"])
            kept = ~np.isnan(values) if args["missing"] == "drop" else np.ones(len(values), bool)
            assert np.array_equal(result.values, values[kept])
            assert np.array_equal(result.points, points[kept])
            assert np.isfinite(result.values).all()
            assert np.isfinite(result.points).all()

        roles = {"of": Role("object", optional=True), "points": Role("array")}
        if isinstance(arguments["weight"], float):
            roles["weight"] = FREE
        return Call(sk.Data, arguments, check, roles)
    data = sk.Data(**arguments)

    def posed(result: Any, args: Any) -> None:
        assert np.array_equal(result.target, data.values)
        assert result.equation.unknown == U

    return Call(
        data.block, {"unknown": U, "variables": (X, Y)}, posed, {"unknown": OBJECT, "variables": OBJECT}
    )


@calls("Place", "Place.points")
def _(draw: Draw, name: str) -> Call:
    residual = draw.one(F(0, Y) + U, F(X / 2, X), sympy.Integral(F(S, Y), (S, 0, X)), F(0, 1) * U)
    (place,) = Equation(residual, U, (X, Y), 4).places
    if name == "Place":
        return record(place)
    variables = draw.points(draw.integer(1, 4), 2)

    def check(result: Any, args: Any) -> None:
        p = floats(args["variables"])
        assert p.ndim == 2
        assert p.shape[1] == 2
        n = 1 if place.shared else len(p)
        assert result.shape == (n * len(place.nodes), 2)

    return Call(place.points, {"variables": variables}, check)


@calls("split_complex", "ComplexParts", "ComplexParts.split", "ComplexParts.assemble", share=1)
def _(draw: Draw, name: str) -> Call:
    residual = draw.one(
        sympy.I * H.diff(Y) + H.diff(X, 2), H * sympy.conjugate(H) - X, sympy.exp(sympy.I * X) * H
    )
    a, b = sympy.Rational(draw.integer(-9, 9), 10), sympy.Rational(draw.integer(1, 9), 10)
    re, im = sympy.sin(X + a) + Y, b * X**2 * Y

    def agrees(parts: Any, expression: Any, unknowns: Any) -> None:
        at = {X: 0.3, Y: 0.7}
        put = dict(zip(unknowns, (re, im), strict=True))
        real = {X: sympy.Symbol("x", real=True), Y: sympy.Symbol("y", real=True)}
        whole = expression.subs(H, re + sympy.I * im).xreplace(real).doit()
        want = complex(sympy.N(whole.subs({real[v]: number for v, number in at.items()})))
        got = [complex(sympy.N(part.subs(put).doit().subs(at))) for part in parts]
        assert abs(got[0] + 1j * got[1] - want) < 1e-12 * (1 + abs(want))

    if name == "split_complex":

        def check(result: Any, args: Any) -> None:
            agrees(result.split(args["residuals"]), args["residuals"], result.unknowns)

        return Call(
            sk.split_complex,
            {"residuals": residual, "unknown": H},
            check,
            {"residuals": OBJECT, "unknown": OBJECT},
        )
    made = sk.split_complex(residual, H)
    if name == "ComplexParts":
        return record(made)
    if name == "ComplexParts.split":
        return Call(
            made.split,
            {"expression": residual},
            lambda r, args: agrees(r, args["expression"], made.unknowns),
            {"expression": OBJECT},
        )

    def joined(result: Any, args: Any) -> None:
        values = floats(args["values"])
        assert values.ndim == 2
        assert values.shape[1] == 2
        assert np.array_equal(result[:, 0], values[:, 0] + 1j * values[:, 1], equal_nan=True)

    return Call(made.assemble, {"values": draw.normal(3, 2)}, joined)
