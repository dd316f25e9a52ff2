"""Calls of searches for formulas, and of what they return."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import sympy

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, Role, calls, floats, record
from fuzz.draw import Draw
from splinekan.formulas import Formula

OPTIONAL = Role("object", optional=True)
ROLES = {
    "library": OPTIONAL,
    "structures": OPTIONAL,
    "names": OPTIONAL,
    "output_names": OPTIONAL,
    "tolerance": Role("real", low=0.0),
    "seed": Role("whole", low=0),
}
KINDS = ("product", "sum", "constant", "noise")


def _samples(draw: Draw) -> tuple[np.ndarray, np.ndarray]:
    """A few columns in odd units, and a function of them, or of none."""
    n, n_in = draw.integer(20, 60), draw.integer(1, 2)
    x = draw.points(n, n_in, low=0.1)
    kind = draw.one(*KINDS)
    if kind == "product":
        y = np.exp(x[:, 0]) * x[:, -1]
    elif kind == "sum":
        y = 3 * x[:, 0] ** 2 + x[:, -1]
    elif kind == "constant":
        y = np.full(n, draw.real())
    else:
        y = draw.normal(n)
    if draw.chance(0.2):
        x = np.column_stack([x, np.full(n, draw.real())])
    y = y * 10.0 ** draw.integer(-6, 6)
    return x * 10.0 ** draw.rng.integers(-4, 5, x.shape[1]), y if draw.chance() else y[:, None]


def _options(draw: Draw) -> dict[str, Any]:
    return {
        "library": draw.one(["square", "exp"], ("sqrt",), [("square", "exp"), "log"], ["t*exp(t)"]),
        "structures": draw.one(["sum"], ("u", "sum")),
        "seed": draw.integer(0, 99),
        "verbose": False,
    }


def _agrees(found: Formula, args: dict[str, Any]) -> None:
    """Errors are those of the values, which are those of the expressions."""
    if not (finite(args) and moderate(args)):
        return
    x = floats(args["X"])
    value = found(x)
    if args.get("y") is not None:
        residual = value - floats(args["y"]).reshape(len(x), -1)
        assert np.allclose(found.rms_error, np.sqrt((residual**2).mean(axis=0)), rtol=1e-9)
        assert np.allclose(found.max_error, np.abs(residual).max(axis=0), rtol=1e-9)
    names = found.model.names or ("x",) * (x.shape[1] == 1) or [f"x{i + 1}" for i in range(x.shape[1])]
    for o, (each, known) in enumerate(zip(found.expressions, found.is_complete, strict=True)):
        assert known == (not each.atoms(sympy.core.function.AppliedUndef))
        if known:
            point = dict(zip(map(sympy.Symbol, names), map(sympy.Float, x[0]), strict=True))
            exact = complex(each.xreplace(point).evalf(30))
            size = np.abs(value[:, o]).max()
            assert abs(exact - value[0, o]) <= 1e-6 * size + 1e-300


@calls("symbolic_regression", share=1)
def _(draw: Draw, name: str) -> Call:
    x, y = _samples(draw)
    names = draw.one(None, tuple("abc"[: x.shape[1]]))
    more = {"tolerance": draw.one(0.0, 1e-3), "names": names, "output_names": draw.one(None, ("u",))}
    arguments = {"X": x, "y": y, **_options(draw), **more}
    return Call(sk.symbolic_regression, arguments, _agrees, ROLES, scale=1e12)


@calls("symbolic", share=1)
def _(draw: Draw, name: str) -> Call:
    n_in = draw.integer(1, 2)
    net = sk.KAN([draw.splines(n_in, 1, 3, "spline", repeated=False)])
    n = draw.integer(20, 40)
    arguments = {"model": sk.Model(net, draw.theta(net)), "X": draw.points(n, n_in)}
    arguments |= {
        "y": draw.one(None, draw.points(n)),
        "tolerance": draw.one(None, 0.0, 1e-4),
        **_options(draw),
    }
    roles = ROLES | {"y": Role("array", optional=True), "tolerance": Role("real", low=0.0, optional=True)}
    return Call(sk.symbolic, arguments, _agrees, roles, scale=1e12)


@cache
def _formula() -> Formula:
    x = np.random.default_rng(0).uniform(0, 1, (60, 2))
    y = np.column_stack([1.23 * x[:, 0] ** 2, np.sin(9 * x[:, 1])])
    return sk.symbolic_regression(x, y, structures=["sum"], library=["square"])


@calls("Formula", "formulas.Constant", "Tried", share=1)
def _(draw: Draw, name: str) -> Call:
    found = _formula()
    return record({"Formula": found, "formulas.Constant": found.constants[0], "Tried": found.tried[0]}[name])


@calls("Formula.__call__")
def _(draw: Draw, name: str) -> Call:
    found = _formula()

    def check(result: Any, args: Any) -> None:
        assert np.array_equal(result, found.model(args["x"]), equal_nan=True)

    return Call(found.__call__, {"x": draw.points(draw.integer(1, 9), 2)}, check, scale=1e8)


@calls("Formula.__str__", "Formula.latex", "Formula.expression", share=1)
def _(draw: Draw, name: str) -> Call:
    found = _formula()
    what = name.split(".")[1]

    def check(result: Any, _: Any) -> None:
        assert isinstance(result, str)
        assert result.count("\n") >= 1

    if what == "expression":  # of two outputs
        one = sk.symbolic_regression(
            np.linspace(0, 1, 30)[:, None], np.linspace(2, 4, 30), structures=["sum"], library=["exp"]
        )
        return Call(lambda: one.expression, {}, lambda r, _: _equal(r, 2 * sympy.Symbol("x") + 2))
    return Call(getattr(found, what), {}, check)


def _equal(one: Any, other: Any) -> None:
    assert one == other
