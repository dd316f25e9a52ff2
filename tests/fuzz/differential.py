"""Calls of equations, collocation, residual problems and boundary value problems."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import sympy

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats, record
from fuzz.draw import ANY, FREE, NONNEGATIVE, SEED, Draw
from fuzz.objectives import SHARED, described, problem_check
from splinekan.equations import Equation, Features, collocation
from splinekan.objectives import attention, pinn
from splinekan.problems import boundary as pdes

X, Y, A = sympy.symbols("x y a")
U = sympy.Function("u")(X, Y)
V = sympy.Function("v")(X, Y)
LINE = sympy.Function("u")(X)

GOOD = (
    lambda: U.diff(X, 2) + U.diff(Y, 2) - sympy.sin(X),
    lambda: U.diff(Y) + U * U.diff(X),
    lambda: U.diff(X, Y) + U**2,
    lambda: sympy.Eq(U.diff(X), sympy.exp(-Y) * U),
    lambda: sympy.Piecewise((U, X > 0), (2 * U, True)) + U.diff(X),
    lambda: U.diff(X, 3) + sympy.Rational(1, 3) * U,
)
QUESTIONABLE = {
    "modulus": lambda: abs(U),
    "sign": lambda: sympy.sign(U) + U.diff(X),
    "real part": lambda: sympy.re(U),
    "floor": lambda: sympy.floor(U),
    "Dirac": lambda: U.diff(X) + sympy.DiracDelta(X),
    "Heaviside": lambda: U + sympy.Heaviside(X),
    "integral": lambda: U + sympy.Integral(U, (X, 0, 1)),
    "integral of a function": lambda: U + sympy.Integral(sympy.exp(-(A**2)), (A, 0, X)),
    "unsolved integral": lambda: U + sympy.Integral(sympy.sin(sympy.sin(A)), (A, 0, X)),
    "limit": lambda: U + sympy.Limit(U, X, 0),
    "value at a point": lambda: U.diff(X).subs(X, 0) + U,
    "value of u at a point": lambda: U.subs(X, 0) + U,
    "shifted": lambda: U.subs(X, X + 1) + U,
    "imaginary": lambda: sympy.I * U,
    "infinite": lambda: U + sympy.oo,
    "complex infinity": lambda: U + sympy.zoo,
    "not a number": lambda: sympy.nan * U,
    "foreign symbol": lambda: A * U,
    "foreign function": lambda: U + V,
    "order 5": lambda: U.diff(X, 5),
    "mixed order 3": lambda: U.diff(X, 2, Y),
    "no unknown": lambda: X + Y,
    "relation": lambda: U > 0,
    "truth": lambda: sympy.true,
    "matrix": lambda: sympy.Matrix([U]),
    "sum": lambda: U + sympy.Sum(A * X, (A, 1, 3)),
    "huge number": lambda: U * 10**400,
    "tiny power": lambda: U ** sympy.Rational(1, 2),
    "division by zero": lambda: U / (X - X + 0 * Y + sympy.Integer(0) + 1 - 1 + X * 0 + sympy.Symbol("x")),
    "gamma": lambda: sympy.gamma(X + 2) + U,
    "zeta": lambda: sympy.zeta(X + 3) + U,
    "elliptic": lambda: sympy.elliptic_k(X / 4) + U,
    "bessel": lambda: sympy.besselj(1, X) + U,
    "maximum": lambda: sympy.Max(U, 0),
    "lambda": lambda: sympy.Lambda(X, U),
    "tuple": lambda: (U, U),
    "float": lambda: 0.0,
}


def truth(residual: Any, points: np.ndarray, u: Any) -> np.ndarray:
    """The residual where the unknown is the expression u, by substitution, point by point."""
    if isinstance(residual, sympy.Equality):
        residual = residual.lhs - residual.rhs
    # Values at a point and integrals are meant as sympy means them: the function itself is put in.
    put = residual.replace(
        U.func, lambda *at: u.subs(dict(zip((X, Y), at, strict=True)), simultaneous=True)
    ).doit()
    return np.array(
        [
            complex(sympy.N(put.subs({X: sympy.Float(p[0], 30), Y: sympy.Float(p[1], 30)}).doit()))
            for p in points
        ]
    )


def _field(draw: Draw) -> Any:
    c = [sympy.Rational(draw.integer(-9, 9), 10) for _ in range(5)]
    return 1 + c[0] * X + c[1] * Y + c[2] * X * Y + c[3] * X**3 * Y + c[4] * sympy.sin(X + 2 * Y)


def _jets(equation: Any, u: Any, points: np.ndarray) -> np.ndarray:
    """Taylor coefficients of u along the equation's directions, by differentiation."""
    s = sympy.Symbol("s")
    columns = [u]
    for direction, order in zip(equation.directions, equation.orders, strict=True):
        along = u.subs({X: X + s * direction[0], Y: Y + s * direction[1]}, simultaneous=True)
        columns += [along.diff(s, m).subs(s, 0) / sympy.factorial(m) for m in range(1, order + 1)]
    f = sympy.lambdify([X, Y], columns)
    return np.array([np.broadcast_to(c, len(points)) for c in f(*points.T)]).T[:, :, None].astype(float)


def _compare(equation: Any, residual: Any, draw: Draw) -> None:
    points, u = draw.points(2, 2, low=0.2, high=0.8), _field(draw)
    there = [_jets(place.channels, u, place.points(points)) for place in equation.places]
    got, _ = equation.evaluate(points, _jets(equation, u, points), there)
    want = truth(residual, points, u)
    assert np.abs(want.imag).max() < 1e-9, "a complex residual was accepted"
    assert np.isfinite(got).all()
    assert_near(got, want.real, 1 + np.abs(want), 1e7)


@calls("Equation", share=1)
def _(draw: Draw, name: str) -> Call:
    strict = draw.chance()
    kind = draw.one(*QUESTIONABLE)
    residual = draw.one(*GOOD)() if strict else QUESTIONABLE[kind]()

    def check(result: Any, args: Any) -> None:
        _compare(result, args["residual"], Draw(5))

    arguments = {"residual": residual, "unknown": U, "variables": (X, Y), "quadrature": draw.one(32, 40)}
    roles = {k: Role("object") for k in arguments} | {"quadrature": Role("whole", low=1, high=1024, most=64)}
    return Call(Equation, arguments, check, roles, strict=strict)


@cache
def _equation(which: int) -> Any:
    return Equation(GOOD[which](), U, (X, Y))


@calls("Equation.evaluate")
def _(draw: Draw, name: str) -> Call:
    which = draw.integer(0, len(GOOD) - 1)
    equation, n = _equation(which), draw.integer(1, 4)
    points = draw.points(n, 2)
    jets = draw.normal(n, equation.channels, 1)

    def check(result: Any, args: Any) -> None:
        p, j = floats(args["points"]), floats(args["jets"])
        assert p.ndim == 2
        assert p.shape[1] == 2
        assert j.shape == (len(p), equation.channels, 1)
        if not finite(args) or not moderate(args):
            return
        again = [equation.evaluate(p[i : i + 1], j[i : i + 1]) for i in range(len(p))]
        for part in (0, 1):
            whole = np.concatenate([each[part] for each in again]) if again else np.zeros_like(result[part])
            assert_near(result[part], whole, 1 + np.abs(whole).max(initial=0.0), 1e4)
        for c in range(equation.channels):  # the partial derivatives by differences
            step = np.zeros_like(j)
            step[:, c] = 1e-6
            slope = (equation.evaluate(p, j + step)[0] - equation.evaluate(p, j - step)[0]) / 2e-6
            assert_near(result[1][:, c, 0], slope, 1 + np.abs(slope) + np.abs(j).max(initial=0) ** 3, 1e11)

    arguments = {"points": points, "jets": jets, "elsewhere": ()}
    nothing = Role("object", accepts=("junk empty list", "junk generator"))
    return Call(equation.evaluate, arguments, check, {"elsewhere": nothing})


@calls("Equation.channels", "Equation.n_unknowns", "Equation.n_outputs", "DerivativeTerm")
def _(draw: Draw, name: str) -> Call:
    equation = _equation(draw.integer(0, len(GOOD) - 1))
    if name == "DerivativeTerm":
        return record(equation.terms[0])
    want = {"channels": 1 + sum(equation.orders), "n_unknowns": 1, "n_outputs": 1}[name.split(".")[1]]
    return Call(lambda: getattr(equation, name.split(".")[1]), {}, lambda r, _: assert_alike(r, want))


@calls("manufactured", "ansatz", share=1)
def _(draw: Draw, name: str) -> Call:
    residual = draw.one(*GOOD[:3], QUESTIONABLE["value at a point"])()
    u = _field(draw)
    if name == "manufactured":

        def check(result: Any, args: Any) -> None:
            p = Draw(6).points(1, 2, low=0.2, high=0.8)
            want = truth(args["residual"], p, u)
            got = complex(sympy.N(result.subs({X: p[0, 0], Y: p[0, 1]})))
            assert abs(got - want[0]) < 1e-9 * (1 + abs(want[0]))

        return Call(
            sk.manufactured,
            {"residual": residual, "substitutions": {U: u}},
            check,
            {"residual": Role("object"), "substitutions": Role("object", accepts=("junk dictionary",))},
            strict=residual != QUESTIONABLE["value at a point"](),
        )

    form = X * (1 - X) * U + sympy.cos(Y)

    def same(result: Any, args: Any) -> None:
        p = Draw(6).points(1, 2, low=0.2, high=0.8)
        want = truth(args["residual"], p, X * (1 - X) * u + sympy.cos(Y))
        got = truth(result, p, u)
        assert abs(got[0] - want[0]) < 1e-9 * (1 + abs(want[0]))

    arguments = {"residual": residual, "unknown": U, "form": form}
    return Call(
        sk.ansatz,
        arguments,
        same,
        {k: Role("object") for k in arguments},
        strict=residual != QUESTIONABLE["value at a point"](),
    )


@calls("Features", "Features.jets", "Features.n_inputs")
def _(draw: Draw, name: str) -> Call:
    extra = draw.one((), (sympy.Abs(X),), (sympy.cos(sympy.pi * X), X * Y))
    box = draw.one(None, ((-1.0, 2.0), (0.0, 1.0)), (None, (0.0, 1.0)))
    arguments = {"variables": (X, Y), "extra": extra, "bounds": box}
    inputs = sum(box is None or one is not None for one in (box or (1, 1))) + len(extra)
    if name == "Features":

        def made(result: Any, args: Any) -> None:
            assert result.n_inputs >= 0

        return Call(
            Features,
            arguments,
            made,
            {
                "variables": Role("object"),
                "extra": Role("object", accepts=("junk empty list", "junk generator")),
                "bounds": Role("object", optional=True),
            },
        )
    features = Features(**arguments)
    if name == "Features.n_inputs":
        return Call(lambda: features.n_inputs, {}, lambda r, _: assert_alike(r, inputs))
    n = draw.integer(1, 4)
    directions, orders = draw.one(((), ()), (((1, 0),), (2,)), (((1, 1), (0, 1)), (2, 1)))

    def check(result: Any, args: Any) -> None:
        p = floats(args["points"])
        assert result.shape == (len(p), 1 + sum(args["orders"]), inputs)
        assert p.ndim == 2
        assert p.shape[1] == 2
        if not finite(args) or not moderate(args):
            return
        at = inputs - len(extra)
        for f, function in enumerate(extra):
            want = sympy.lambdify([X, Y], function)(*p.T)
            assert_near(result[:, 0, at + f], np.broadcast_to(want, len(p)), 1 + np.abs(want), 1e5)

    return Call(
        features.jets,
        {"points": draw.points(n, 2), "directions": directions, "orders": orders},
        check,
        {"directions": Role("object"), "orders": Role("object", accepts=("junk empty list", "junk set"))},
    )


# Collocation


@calls("collocation")
def _(draw: Draw, name: str) -> Call:
    d = draw.integer(1, 3)
    kind = draw.one("random", "sobol", "grid", "midpoints")
    count = 2**d if kind == "sobol" else draw.integer(1, 3) ** d
    count = max(count, 2**d) if kind == "grid" else count

    def check(result: Any, args: Any) -> None:
        box = floats(args["bounds"])
        assert box.ndim == 2
        assert box.shape[1] == 2
        assert np.isfinite(box).all()
        assert (box[:, 0] < box[:, 1]).all()
        assert result.shape == (args["count"], len(box))
        slack = 4 * np.spacing(np.abs(box).max())
        assert ((result >= box[:, 0] - slack) & (result <= box[:, 1] + slack)).all()
        if not isinstance(args["seed"], np.random.Generator):
            assert np.array_equal(
                result,
                collocation.collocation(args["kind"], args["count"], args["bounds"], int(args["seed"])),
            )

    box = np.sort(draw.normal(d, 2), axis=1)
    arguments = {"kind": kind, "count": count, "bounds": box, "seed": draw.integer(0, 99)}
    return Call(collocation.collocation, arguments, check, {"seed": SEED, "count": Role("whole", low=1)})


@calls("gauss_cells")
def _(draw: Draw, name: str) -> Call:
    edges = [np.cumsum(draw.points(draw.integer(2, 4), low=0.1)) for _ in range(draw.integer(1, 2))]

    def check(result: Any, args: Any) -> None:
        points, weights = result
        assert len(list(args["edges"])) > 0
        assert points.shape == (len(weights), len(args["edges"]))
        assert abs(weights.sum() - 1) < 1e-10
        for i, t in enumerate(args["edges"]):
            t = floats(t)
            assert (np.diff(t) > 0).all()
            want = (t[0] + t[-1]) / 2
            assert abs(weights @ points[:, i] - want) <= 1e-9 * max(np.abs(t).max(), 1e-300)

    return Call(
        collocation.gauss_cells,
        {"edges": edges, "order": draw.integer(1, 4)},
        check,
        {"edges": Role("object")},
    )


@calls("equidistributed")
def _(draw: Draw, name: str) -> Call:
    edges = np.cumsum(draw.points(draw.integer(2, 6), low=0.1))

    def check(result: Any, args: Any) -> None:
        t, m, n, floor = floats(args["edges"]), floats(args["monitor"]), args["cells"], args["floor"]
        assert (np.diff(t) > 0).all()
        assert m.shape == (len(t) - 1,)
        assert (m >= 0).all()
        assert result.shape == (n + 1,)
        assert result[0] == t[0]
        assert result[-1] == t[-1]
        assert (np.diff(result) > 0).all() or floor == 0
        total = m @ np.diff(t)
        if not (np.isfinite(total) and 1e-200 < total < 1e200):
            return
        density = floor / (t[-1] - t[0]) + (1 - floor) * m / total
        mass = np.concatenate([[0], np.cumsum(density * np.diff(t))])
        assert np.abs(np.interp(result, t, mass) - np.linspace(0, mass[-1], n + 1)).max() < 1e-7

    arguments = {
        "edges": edges,
        "monitor": draw.points(len(edges) - 1),
        "cells": draw.integer(1, 6),
        "floor": draw.one(0.0, 0.5, 1.0),
    }
    return Call(
        collocation.equidistributed,
        arguments,
        check,
        {"edges": Role("knots"), "floor": Role("real", low=0.0, high=1.0)},
    )


@calls("resampled")
def _(draw: Draw, name: str) -> Call:
    def residual(points: Any) -> Any:
        return points[:, 0] ** 2 - 0.5

    def check(result: Any, args: Any) -> None:
        box = floats(args["bounds"])
        assert box.ndim == 2
        assert (box[:, 0] < box[:, 1]).all()
        assert result.shape == (args["count"], len(box))
        assert ((result >= box[:, 0]) & (result <= box[:, 1])).all()
        assert len(np.unique(result, axis=0)) == len(result)

    arguments = {
        "residual": residual,
        "count": draw.integer(1, 8),
        "bounds": np.array([[0.0, 1.0], [-2.0, 3.0]]),
        "seed": draw.integer(0, 99),
        "power": 1.5,
        "floor": 0.5,
        "pool": 5,
    }
    return Call(
        collocation.resampled,
        arguments,
        check,
        {"seed": SEED, "power": NONNEGATIVE, "floor": NONNEGATIVE, "pool": Role("whole", low=2)},
    )


# Residual problems


def _problem(draw: Draw) -> Any:
    equation = _equation(draw.integer(0, 3))
    net = sk.KAN.splines([2, 2, 1], degree=draw.one(3, 5), intervals=2)
    n = draw.integer(3, 6)
    blocks = [pinn.Block(equation, draw.points(n, 2), draw.points(n))]
    if draw.chance():
        blocks.append(pinn.Block(_equation(1), draw.points(2, 2), 3.0, draw.points(2, 2)))
    return pinn.PINN(
        net, blocks, bounds=draw.one(None, ((-1.0, 2.0), (-1.0, 2.0))), smoothing=draw.one(0.0, 1e-3)
    )


@calls("Block", "Block.mean")
def _(draw: Draw, name: str) -> Call:
    n, equation = draw.integer(1, 4), _equation(draw.integer(0, 3))
    weight = 2.0 if name == "Block.mean" else draw.one(2.0, draw.points(n))
    arguments = {
        "equation": equation,
        "points": draw.points(n, 2),
        "weight": weight,
        "minus": draw.one(None, draw.points(n, 2)),
        "target": draw.one(None, draw.normal(n)),
    }

    def check(result: Any, args: Any) -> None:
        p = floats(args["points"])
        assert p.ndim == 2
        assert p.shape[1] == 2
        assert np.isfinite(p).all()
        assert np.array_equal(result.points, p)
        w = floats(args["weight"])
        assert_near(
            result.weight,
            np.broadcast_to(2 * w / len(p) if name == "Block.mean" else w, len(p)),
            np.abs(w).max(initial=0.0),
            100,
        )
        if args["minus"] is not None:
            assert np.shape(args["minus"]) == p.shape
        if args["target"] is not None:
            assert np.array_equal(result.target, floats(args["target"]))

    roles = {name: Role("array", optional=True) for name in ("minus", "target")}
    if isinstance(weight, float):
        roles["weight"] = NONNEGATIVE if name == "Block.mean" else FREE
    return Call(pinn.Block if name == "Block" else pinn.Block.mean, arguments, check, roles)


@calls("PINN")
def _(draw: Draw, name: str) -> Call:
    made = _problem(draw)
    arguments = {
        "network": made.network,
        "blocks": list(made.blocks),
        "extra": (),
        "bounds": made.bounds,
        "cost": 2.0,
        "smoothing": made.smoothing,
    }

    def check(result: Any, args: Any) -> None:
        theta = Draw(7).normal(made.network.n_parameters)
        if args["bounds"] is None and made.bounds is not None:
            return
        want = made.values(theta).sum() + result.penalty.value(theta)
        assert_near(result.value(theta), want, want + 1, 1e6)

    roles = {
        "blocks": Role("object"),
        "extra": Role("object", accepts=("junk empty list", "junk generator")),
        "bounds": Role("object", optional=True),
        "smoothing": NONNEGATIVE,
    }
    return Call(pinn.PINN, arguments, check, roles, scale=1e5)


class PointTruth:
    """r and J of a PINN, block by block, side by side."""

    def __init__(self, problem: Any) -> None:
        self.problem, self.net = problem, problem.network

    def residual(self, theta: Any) -> np.ndarray:
        found = []
        for block in self.problem.blocks:
            sides = []
            for points in (block.points, block.minus):
                if points is not None:
                    alone = pinn.PINN(
                        self.net, [pinn.Block(block.equation, points)], bounds=self.problem.bounds
                    )
                    sides.append(np.concatenate([part.unweighted for part in alone.parts(theta)]))
            found.append(np.sqrt(block.weight) * (sides[0] - (sides[1] if len(sides) > 1 else 0)))
        return np.concatenate(found)

    def value(self, theta: Any) -> float:
        return float((self.residual(theta) ** 2).sum()) / 2

    def jacobian(self, theta: Any) -> np.ndarray:
        h = 1e-6
        unit = np.eye(self.net.n_parameters)
        rough = np.stack(
            [(self.residual(theta + h * e) - self.residual(theta - h * e)) / (2 * h) for e in unit], axis=1
        )
        exact = np.concatenate([part.jacobian().toarray() for part in self.problem.parts(theta)])
        assert np.abs(exact - rough).max() <= 1e-4 * (1 + np.abs(rough).max())
        return exact

    def penalty(self) -> np.ndarray:
        smoothing = self.problem.smoothing
        return np.sqrt(smoothing) * self.net.roughness.toarray() if smoothing else np.zeros((0, 0))


@calls(*(f"PINN.{m}" for m in ("coordinates", "penalty", "n_residuals", "squared")))
def _(draw: Draw, name: str) -> Call:
    problem, method = _problem(draw), name.split(".")[1]
    rows = sum(len(block.points) for block in problem.blocks)
    rows += problem.network.roughness.shape[0] if problem.smoothing else 0
    return described(problem, draw, method, rows)


@calls(*(f"PINN.{m}" for m in (*SHARED, "values", "solution", "parts")))
def _(draw: Draw, name: str) -> Call:
    problem, method = _problem(draw), name.split(".")[1]
    net = problem.network
    arguments = {"theta": draw.theta(net)}
    if method == "solution":
        arguments["points"] = draw.points(draw.integer(0, 4), 2)
    truth = PointTruth(problem)
    shared = problem_check(problem, method, truth)

    def check(result: Any, args: Any) -> None:
        theta = floats(args["theta"])
        if method == "parts":
            assert theta.shape == (net.n_parameters,)
            result = np.concatenate([part.residual for part in result])
            if finite(args) and moderate(args):
                assert_near(result, truth.residual(theta), 1 + np.abs(result).max(), 1e6)
        elif method == "values":
            assert theta.shape == (net.n_parameters,)
            if finite(args) and moderate(args):
                assert_near(result.sum(), truth.value(theta), 1 + result.sum(), 1e6)
        elif method == "solution":
            p = floats(args["points"])
            assert theta.shape == (net.n_parameters,)
            assert p.ndim == 2
            assert p.shape[1] == 2
            if finite(args) and moderate(args):
                x = p if problem.bounds is None else (p + 1) * 2 / 3 - 1
                assert_near(result, net(theta, x), 1 + np.abs(result).max(initial=0.0), 1e6)
        else:
            shared(result, args)

    target = (lambda theta: list(problem.parts(theta))) if method == "parts" else getattr(problem, method)
    return Call(target, arguments, check, scale=1e7)


@calls("PointsPart", "PointsPart.gradient", "PointsPart.jacobian", "PointsPart.value")
def _(draw: Draw, name: str) -> Call:
    problem = _problem(draw)
    part = draw.one(*problem.parts(draw.theta(problem.network)))
    if name == "PointsPart":
        return record(part)
    dense = part.jacobian().toarray()
    if name == "PointsPart.gradient":
        m = draw.points(len(part.residual))

        def check(result: Any, args: Any) -> None:
            m = floats(args["multipliers"])
            assert m.shape in ((), part.residual.shape)
            want = dense.T @ (m * part.residual)
            if np.isfinite(m).all() and moderate(args):
                assert_near(result, want, 1 + np.abs(want).max(initial=0.0), 1e6)

        return Call(
            part.gradient, {"multipliers": draw.one(m, m, 0.5)}, check, {"multipliers": Role("array")}
        )
    if name == "PointsPart.jacobian":
        residual = part.residual

        def rows(result: Any, _args: Any) -> None:
            assert_near(
                result.rmatvec(residual), part.gradient(), 1 + np.abs(dense).T @ np.abs(residual), 1e5
            )

        return Call(part.jacobian, {}, rows)
    return Call(
        lambda: part.value, {}, lambda r, _: assert_near(r, 0.5 * (part.residual**2).sum(), r + 1, 10)
    )


@calls(
    "Attention", "Attention.value", "Attention.value_and_gradient", "Attention.coordinates", "Attention.cost"
)
def _(draw: Draw, name: str) -> Call:
    problem = _problem(draw)
    net = problem.network
    if name == "Attention":
        arguments = {"problem": problem, "blocks": (0,), "rate": 0.1}
        roles = {
            "blocks": Role("wholes", low=0, high=len(problem.blocks) - 1),
            "rate": Role("real", low=0.0, high=1.0),
        }

        def made(result: Any, args: Any) -> None:
            assert set(result.multipliers) == {int(b) for b in args["blocks"]}

        return Call(attention.Attention, arguments, made, roles)
    weighted = attention.Attention(problem, (0,), 0.1)
    state = weighted.multipliers

    def afresh(theta: Any) -> Any:
        state[0] = np.ones(len(problem.blocks[0].points))
        return weighted.value_and_gradient(theta)

    method = name.split(".")[1]
    if method == "cost":
        return Call(lambda: weighted.cost, {}, lambda r, _: assert_alike(r, problem.cost))
    if method == "coordinates":
        return Call(
            weighted.coordinates,
            {"name": draw.one("spline", "relu")},
            lambda r, a: assert_alike(r.toarray(), net.coordinates(a["name"]).toarray()),
            names=("basis",),
        )

    def check(result: Any, args: Any) -> None:
        theta = floats(args["theta"])
        assert theta.shape == (net.n_parameters,)
        if not finite(args) or not moderate(args):
            return
        whole = sum(part.value for part in problem.parts(theta)) + problem.penalty.value(theta)
        assert_near(result if method == "value" else result[0], whole, whole + 1e-9, 1e6)
        moved = weighted.multipliers[0]
        assert (moved >= 0.9 - 1e-9).all()
        assert (moved <= 1 + 1e-9).all()
        if method == "value":
            assert (moved == 1).all()

    target = weighted.value if method == "value" else afresh
    return Call(target, {"theta": draw.theta(net)}, check, scale=1e7)


# Boundary value problems


@cache
def _bvp(name: str) -> Any:
    return pdes.problem(name)


SIMPLE = ("poisson", "helmholtz", "interface", "korteweg_de_vries")


@calls(*SIMPLE, "problem", "advection", "burgers", "burgers_hard", "allen_cahn", "allen_cahn_hard", share=1)
def _(draw: Draw, name: str) -> Call:
    arguments: dict[str, Any] = {}
    roles: dict[str, Role] = {}
    if name == "problem":
        arguments = {"name": draw.one("poisson", "burgers", "advection")}
    elif name == "advection":
        arguments, roles = {"speed": draw.real()}, {"speed": ANY}
    elif name.startswith("burgers"):
        arguments = {"viscosity": draw.one(0.01, 0.1)}
    elif name.startswith("allen"):
        arguments, roles = (
            {"diffusion": draw.one(1e-4, 1e-2), "rate": draw.one(1.0, 5.0)},
            {"rate": NONNEGATIVE},
        )

    def check(result: Any, args: Any) -> None:
        assert np.isfinite(floats(result.bounds)).all()
        if name in ("poisson", "helmholtz", "korteweg_de_vries", "advection", "problem", "burgers"):
            box = floats(result.bounds)
            p = box[:, 0] + (box[:, 1] - box[:, 0]) * Draw(8).points(3, 2)
            if name != "advection" or abs(args["speed"]) < 1e10:
                assert np.isfinite(result.reference(p)).all()

    return Call(getattr(pdes, name), arguments, check, roles)


@calls("allen_cahn_solution", share=1)
def _(draw: Draw, name: str) -> Call:
    arguments = {"diffusion": 1e-2, "rate": 0.5, "modes": draw.one(16, 32), "steps": 20}

    def check(result: Any, args: Any) -> None:
        x = np.linspace(-0.9, 0.9, 5)
        start = result(x, np.zeros(5))
        assert np.abs(start - x**2 * np.cos(np.pi * x)).max() < 0.1
        assert np.isfinite(result(x, np.ones(5))).all()

    roles = {
        "rate": NONNEGATIVE,
        "modes": Role("whole", low=4, most=10**5),
        "steps": Role("whole", low=4, most=10**5),
    }
    return Call(pdes.allen_cahn_solution, arguments, check, roles)


@calls("BoundaryValueProblem", "problems.Condition", share=1)
def _(draw: Draw, name: str) -> Call:
    made = _bvp("burgers")
    if name == "problems.Condition":
        arguments: dict[str, Any] = {
            "equation": _equation(0),
            "variable": draw.integer(0, 1),
            "value": draw.real(),
            "weight": 2.0,
            "minus": draw.one(None, 1.0),
        }
        roles = {
            "variable": Role("whole", low=0, high=1),
            "value": ANY,
            "weight": NONNEGATIVE,
            "minus": Role("real", optional=True),
        }
        return Call(pdes.Condition, arguments, lambda r, a: assert_alike(r.variable, a["variable"]), roles)
    from dataclasses import fields

    arguments = {f.name: getattr(made, f.name) for f in fields(made)}
    roles = dict.fromkeys(("name", "source"), FREE) | {
        key: Role("object", optional=True) for key in ("form", "entering")
    }
    roles |= {
        "bounds": Role("object"),
        "conditions": Role("object", accepts=("junk empty list",)),
        "extra": Role("object", accepts=("junk empty list", "junk generator")),
        "reference": Role("callable"),
    }
    return Call(
        pdes.BoundaryValueProblem, arguments, lambda r, a: assert_alike(r.n_inputs, made.n_inputs), roles
    )


@calls(
    *(
        f"BoundaryValueProblem.{m}"
        for m in (
            "blocks",
            "posed",
            "uniform",
            "adapted",
            "reweighted",
            "pinn",
            "solution",
            "residual",
            "relative_error",
            "n_inputs",
        )
    ),
    share=1,
)
def _(draw: Draw, name: str) -> Call:
    made, method = _bvp(draw.one("poisson", "burgers", "burgers-hard")), name.split(".")[1]
    edges = made.uniform((2, 3))
    net = made.network
    theta, points = draw.theta(net) * 0.1, draw.points(3, 2)
    if method == "n_inputs":
        return Call(lambda: made.n_inputs, {}, lambda r, _: assert_alike(r, 2))
    if method == "blocks":

        def blocks(result: Any, args: Any) -> None:
            n = np.prod([len(e) - 1 for e in args["edges"]]) * args["order"] ** 2
            assert len(result[0].points) == n
            assert abs(result[0].weight.sum() / (2 * made.scale) - 1) < 1e-9

        return Call(
            made.blocks, {"edges": edges, "order": draw.integer(1, 3)}, blocks, {"edges": Role("object")}
        )
    if method == "posed":
        along = [(draw.points(2), 0.5), (draw.points(2), 0.5)]
        arguments = {"points": points, "weights": 0.25, "along": along}
        return Call(
            made.posed,
            arguments,
            lambda r, a: assert_alike(np.array_equal(r[0].points, floats(a["points"])), True),
            {"along": Role("object"), "weights": FREE},
            names=("weight",),
        )
    if method in ("uniform", "adapted"):

        def cells(result: Any, args: Any) -> None:
            assert [len(e) - 1 for e in result] == [int(n) for n in args["cells"]]
            assert all((np.diff(e) > 0).all() for e in result)

        arguments = {"cells": [draw.integer(1, 4), draw.integer(1, 4)]}
        if method == "adapted":
            arguments = {"solution": lambda p: np.tanh(9 * p[:, 0]), **arguments, "floor": 0.5}
        return Call(getattr(made, method), arguments, cells, {"floor": Role("real", low=0.0, high=1.0)})
    if method == "reweighted":
        count = len({id(c.equation) for c in made.conditions})

        def reweighted(scale: Any, weight: Any) -> Any:
            return made.reweighted(scale, *[weight] * count)

        def weighed(result: Any, args: Any) -> None:
            assert result.scale == float(args["scale"])
            assert all(c.weight == float(args["weight"]) for c in result.conditions)

        roles = {"scale": NONNEGATIVE, "weight": NONNEGATIVE if count else FREE}
        return Call(reweighted, {"scale": 2.0, "weight": 3.0}, weighed, roles, names=("weights",))
    if method == "pinn":
        arguments = {"network": net, "blocks": made.blocks(edges, 1), "cost": 2.0}
        return Call(
            made.pinn,
            arguments,
            lambda r, a: assert_alike(r.cost, float(a["cost"])),
            {"blocks": Role("object")},
        )
    if method == "relative_error":

        def error(result: Any, args: Any) -> None:
            assert abs(result) < 1e-12

        return Call(
            made.relative_error,
            {"solution": made.reference, "points": draw.integer(3, 9)},
            error,
            {"solution": Role("function"), "points": Role("whole", low=2)},
        )

    def value(result: Any, args: Any) -> None:
        theta, p = floats(args["theta"]), floats(args["points"])
        assert theta.shape == (net.n_parameters,)
        assert p.ndim == 2
        assert p.shape[1] == 2
        assert result.shape == (len(p),)
        if finite(args) and moderate(args):
            each = [getattr(made, method)(net, theta, p[i : i + 1])[0] for i in range(len(p))]
            assert_near(result, each, 1 + np.abs(each), 1e7)

    return Call(getattr(made, method), {"network": net, "theta": theta, "points": points}, value)
