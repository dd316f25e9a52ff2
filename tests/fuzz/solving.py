"""Calls of `solve`, of conditions and domains, and of solutions."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import sympy

import splinekan as sk
from fuzz.core import Call, Role, assert_alike, calls, floats
from fuzz.draw import INDEX, Draw

X, Y = sympy.symbols("x y")
U = sympy.Function("u")(X, Y)
W = sympy.Function("w")(X)
OBJECT, SOME = Role("object"), Role("object", optional=True)
WEIGHT = Role("real", optional=True, low=5e-324)


@calls("condition", "Condition", share=1)
def _(draw: Draw, name: str) -> Call:
    arguments = {
        "residual": draw.one(U - 1, U.diff(X) + U**2, sk.normal_derivative(U) + U),
        "on": draw.one(None, X, sympy.Eq(X, 0), [X, sympy.Eq(Y, 1)]),
        "weight": draw.one(None, 2.0),
    }
    roles = {"residual": OBJECT, "on": SOME, "weight": WEIGHT}
    if name.endswith("Condition"):
        arguments["kind"] = "condition"
    target = sk.condition if name == "condition" else sk.Condition
    return Call(target, arguments, lambda r, a: assert_alike(str(r.residual), str(a["residual"])), roles)


@calls("Condition.__str__")
def _(draw: Draw, name: str) -> Call:
    made = draw.one(sk.dirichlet(U, 0), sk.initial(U, 1, Y), sk.periodic(U, X), sk.neumann(U, X, Y))
    return Call(made.__str__, {}, lambda r, _: assert_alike("u(x, y)" in r, True))


@calls("dirichlet", "neumann", "robin", "periodic", "initial", "normal_derivative", share=1)
def _(draw: Draw, name: str) -> Call:
    value = draw.one(0, 1.5, X**2)
    roles: dict[str, Role] = {"u": OBJECT, "on": SOME, "weight": WEIGHT} | dict.fromkeys(
        ("value", "a", "b", "x", "t"), OBJECT
    )
    arguments: dict[str, Any] = {"u": U, "value": value, "on": draw.one(None, Y), "weight": None}
    if name == "robin":
        arguments = {"u": U, "a": 1, "b": X, "value": value, "on": None, "weight": 1.0}
    elif name == "periodic":
        arguments = {"u": U, "x": X, "weight": None}
    elif name == "initial":
        arguments = {"u": draw.one(U, U.diff(Y)), "value": value, "t": Y, "weight": None}
    elif name == "normal_derivative":
        arguments = {"u": U}
    roles = {key: role for key, role in roles.items() if key in arguments}
    if isinstance(arguments.get("value"), (int, float)):
        roles["value"] = Role("real")
    if name == "robin":
        roles["a"] = Role("real")

    def check(result: Any, args: Any) -> None:
        if name == "dirichlet":
            assert sympy.simplify(U - result.residual - sympy.sympify(args["value"])) == 0
        if name in ("dirichlet", "neumann", "robin", "periodic", "initial"):
            assert result.kind == name

    return Call(getattr(sk, name), arguments, check, roles)


@calls("SignedDistance", "Boxes", share=1)
def _(draw: Draw, name: str) -> Call:
    if name == "SignedDistance":
        arguments: dict[str, Any] = {"expression": X**2 + Y**2 - 1}
        return Call(sk.SignedDistance, arguments, None, {"expression": OBJECT})
    arguments = {"boxes": [[(-1.0, 0.0), (-1.0, 1.0)], [(-1.0, 1.0), (0.0, 1.0)]]}
    return Call(
        sk.Boxes, arguments, lambda r, a: assert_alike(floats(r.boxes), floats(a["boxes"])), {"boxes": OBJECT}
    )


@cache
def _solved(which: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if which == 0:
            conditions = [sk.initial(W, 1, X)]
            return sk.solve(W.diff(X) + W, {X: (0, 1)}, conditions, levels=2)
        truth = X**2 - Y**2
        return sk.solve(
            U.diff(X, 2) + U.diff(Y, 2), {X: (-1, 1), Y: (0, 2)}, [sk.dirichlet(U, truth)], levels=1
        )


TRUTH = (lambda p: np.exp(-p[:, 0]), lambda p: p[:, 0] ** 2 - p[:, 1] ** 2)
FORMS = (sympy.exp(-X), X**2 - Y**2)


@calls(*(f"Solution.{m}" for m in ("__call__", "evaluate", "parts_at", "residual", "error", "sample")))
def _(draw: Draw, name: str) -> Call:
    which = draw.integer(0, 1)
    solution, method = _solved(which), name.split(".")[1]
    d = which + 1
    points = draw.points(draw.integer(1, 5), d)
    word = {"outside": draw.one("refuse", "nan", "continue")}
    roles = {"expression": OBJECT, "exact": OBJECT}

    def check(result: Any, args: Any) -> None:
        if method == "error":
            assert result < 1e-5
            return
        if method == "sample":
            assert solution.statement.region.contains(result).all()
            return
        at = floats(args["points"]).reshape(-1, d)
        inside = solution.statement.region.contains(at)
        want = np.zeros((len(at), 1)) if method == "residual" else TRUTH[which](at)
        want = want[:, None] if method == "parts_at" else want
        assert np.abs(result[inside] - want[inside]).max(initial=0.0) < 1e-4

    if method == "__call__":
        return Call(solution, {"points": points} | word, check, roles)
    if method == "evaluate":
        what = solution.unknown[0] + 0 * X
        return Call(solution.evaluate, {"expression": what, "points": points} | word, check, roles)
    if method in ("residual", "parts_at"):
        return Call(getattr(solution, method), {"points": points} | word, check, roles)
    if method == "sample":
        count = Role("whole", low=2, most=1000, optional=True)
        return Call(solution.sample, {"count": draw.one(None, 5)}, check, {"count": count}, names=("points",))
    exact = {"exact": FORMS[which], "points": draw.one(None, 5)}
    return Call(solution.error, exact, check, roles | {"points": SOME})


PLAIN = ("__str__", "unknown", "variables", "bounds", "models", "n_parameters")


@calls(*(f"Solution.{m}" for m in PLAIN), share=1)
def _(draw: Draw, name: str) -> Call:
    solution, what = _solved(draw.integer(0, 1)), name.split(".")[1]

    def read() -> Any:
        found = getattr(solution, what)
        return found() if callable(found) else found

    return Call(read, {}, None)


@calls("Solution.plot", "solution_figure", share=1)
def _(draw: Draw, name: str) -> Call:
    solution = _solved(0)

    def check(result: Any, args: Any) -> None:
        assert len(result.axes) == 2

    if name == "Solution.plot":
        return Call(solution.plot, {"unknown": draw.one(None, W)}, check, {"unknown": SOME})
    from splinekan import plots

    arguments = {"solution": solution, "unknowns": [W]}
    return Call(plots.solution_figure, arguments, check, dict.fromkeys(arguments, OBJECT))


@calls("Solution", share=1)
def _(draw: Draw, name: str) -> Call:
    """Made by `solve` only; its fields are checked there."""
    return Call(lambda: _solved(draw.integer(0, 1)), {}, None)


@calls("solve", share=1)
def _(draw: Draw, name: str) -> Call:
    arguments: dict[str, Any] = {
        "equations": W.diff(X) + W,
        "bounds": {X: (0.0, 1.0)},
        "conditions": [sk.initial(W, 1, X)],
        "unknown": draw.one(None, W),
        "domain": None,
        "data": [],
        "network": draw.one(None, "tensor"),
        "hidden": None,
        "degree": draw.one(None, 5),
        "levels": 1,
        "points": draw.one(None, 40),
        "exact": draw.one(None, True, False),
        "slabs": None,
        "tolerance": 1e-8,
        "seed": draw.integer(0, 9),
        "seconds": 60.0,
        "progress": False,
    }
    roles = {
        "equations": OBJECT,
        "bounds": OBJECT,
        "conditions": Role("object", accepts=("junk empty list", "junk generator")),
        "unknown": SOME,
        "domain": Role("object", optional=True),
        "data": Role("object", accepts=("junk empty list", "junk generator")),
        "network": Role("object", optional=True),
        "hidden": Role("object", optional=True, accepts=("junk empty list", "junk generator")),
        "degree": Role("whole", low=2, high=7, optional=True),
        "levels": Role("whole", low=1, most=3, optional=True),
        "points": Role("whole", low=1, most=10**4, optional=True),
        "exact": Role("flag", optional=True),
        "slabs": Role("whole", low=1, most=4, optional=True),
        "tolerance": Role("real", low=0.0, high=1.0),
        "seed": INDEX,
        "seconds": Role("real", low=5e-324, optional=True),
        "progress": Role("flag"),
    }

    def solved(**given: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sk.SolutionWarning)
            return sk.solve(**given)

    def check(result: Any, args: Any) -> None:
        at = np.linspace(0, 1, 5)[:, None]
        if args["points"] is None and args["degree"] is None and len(args["conditions"]):
            assert np.abs(result(at) - np.exp(-at[:, 0])).max() < 0.1

    return Call(solved, arguments, check, roles, names=tuple(arguments))
