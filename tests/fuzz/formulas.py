"""Calls of what formulas are made of: functions, terms, and the layers' constructors."""

from __future__ import annotations

import re
from typing import Any

import mpmath
import numpy as np
import sympy

import splinekan as sk
from fuzz.core import Call, Role, calls, floats
from fuzz.draw import INDEX, Draw
from fuzz.layers import formula
from splinekan.network import FUNCTIONS, Function, function

WHOLE = Role("whole", low=1)
EXPRESSIONS = ("sin(t)**2", "besselj(0, 2*x)", "x^2/(1 + x^2)", "erf(x) + 1.5*x", "tanh(x)**3")
"""Of functions of the user, defined everywhere."""


@calls("Term", "FormulaLayer", "Product", "Sum")
def _(draw: Draw, name: str) -> Call:
    p, q = draw.integer(1, 3), draw.integer(1, 2)
    roles: dict[str, Role] = {}
    if name == "Term":
        chain = draw.one((), ("sin",), ("square", FUNCTIONS["exp"]))
        arguments: dict[str, Any] = {
            "input": p,
            "output": q,
            "functions": chain,
            "fixed": draw.one(None, [draw.one(None, draw.real()) for _ in range(1 + 2 * len(chain))]),
        }
        roles = {"input": INDEX, "output": INDEX}
        roles["functions"] = Role("object", accepts=("junk empty list",) if not chain else ())
        fits = {1: ("junk list of None",), 3: ("junk generator",)}.get(1 + 2 * len(chain), ())
        roles["fixed"] = Role("object", optional=True, accepts=fits)
    elif name == "FormulaLayer":
        made = formula(draw, p, q)
        arguments = {"n_in": p, "n_out": q, "terms": made.terms, "bias": draw.one(None, 0.5, made.bias)}
        roles = {"n_in": WHOLE, "n_out": WHOLE}
        roles["terms"] = Role("object", accepts=("junk empty list",))
        several = ("junk list of None",) if q == 1 else ()
        roles["bias"] = Role("object", optional=True, accepts=("junk huge integer", *several))
    elif name == "Product":
        groups = [tuple(draw.integer(0, p - 1) for _ in range(draw.integer(1, 3))) for _ in range(q)]
        arguments, roles = {"n_in": p, "groups": groups}, {"n_in": WHOLE, "groups": Role("object")}
    else:
        arguments = {"layers": [sk.Affine(p, q), formula(draw, p, q), sk.Sum([sk.Affine(p, q)])]}

    def check(result: Any, args: Any) -> None:
        if name == "Term":
            assert (result.input, result.output) == (args["input"], args["output"])
            if args["fixed"] is None or isinstance(args["fixed"], list):
                free = [each is None for each in args["fixed"] or [None] * (1 + 2 * len(args["functions"]))]
                assert result.n_free == sum(free)
        elif name == "FormulaLayer":
            assert result.n_parameters == sum(term.n_free for term in args["terms"]) + sum(
                each is None for each in result.bias
            )
            assert max((term.input for term in result.terms), default=0) < result.n_in
        elif name == "Product":
            assert result.groups == tuple(map(tuple, args["groups"]))
            assert all(0 <= p < args["n_in"] for group in result.groups for p in group)
        else:
            assert len(result.layers) == 3
            assert result.n_parameters == sum(layer.n_parameters for layer in args["layers"])

    strict = name not in ("FormulaLayer", "Product")  # their sizes may be too small for the rest
    return Call(getattr(sk, name), arguments, check, roles, strict, names=("input", "output"))


@calls("Function", "function")
def _(draw: Draw, name: str) -> Call:
    text = draw.one(*EXPRESSIONS)
    if name == "function":
        arguments: dict[str, Any] = {"expression": text, "name": draw.one(None, "mine")}
        roles = {"expression": Role("object", accepts=("junk text",)), "name": Role("text", optional=True)}
    else:
        arguments = {"name": "mine", "expression": text, "low": draw.real(-3, -2), "high": draw.real(2, 3)}
        arguments |= {"closed": (draw.chance(), True), "hole": draw.one(None, 0.5), "complexity": 3}
        roles = {
            "name": Role("text"),
            "expression": Role("object", accepts=("junk text",)),
            "complexity": INDEX,
        }
        roles |= {"low": Role("real", high=1.9), "high": Role("real", low=-1.9), "closed": Role("object")}
        roles |= {"hole": Role("real", optional=True)}

    def check(result: Any, args: Any) -> None:
        low, high = args.get("low", -1.5), args.get("high", 1.5)
        assert low < high
        x = np.clip(np.array([-1.3, 0.7]), low, high)
        x = x[(x > low) & (x < high)]
        with np.errstate(all="ignore"):
            given = re.sub(r"\bt\b", "x", text) if args["expression"] == text else "x"
            assert_values(result, result.derivatives(x, 1), x, sympy.sympify(given))

    # Infinite ends are the defaults.
    accepts = {"low": ("number -inf",), "high": ("number inf",)}
    roles |= {
        key: Role("real", role.low, role.high, accepts=accepts[key])
        for key, role in roles.items()
        if key in accepts
    }
    return Call({"Function": Function, "function": function}[name], arguments, check, roles)


def assert_values(made: Function, found: list[Any], x: np.ndarray, expression: Any) -> None:
    """phi and its derivatives at x, against mpmath."""
    symbol = sympy.Symbol("x", real=True)
    expression = expression.subs("x", symbol)
    for d, got in enumerate(found):
        twin = sympy.lambdify(symbol, expression.diff(symbol, d), "mpmath")
        slope = sympy.lambdify(symbol, expression.diff(symbol, d + 1), "mpmath")
        for point, value in zip(np.ravel(x), np.ravel(got), strict=True):
            inside = made.regular(float(point), float(point)) if np.isfinite(point) else False
            assert inside or np.isnan(value) or not np.isfinite(point)
            if not inside or abs(point) > 1e4:
                continue
            with mpmath.workdps(40):
                exact = complex(twin(mpmath.mpf(float(point))))
                bend = complex(slope(mpmath.mpf(float(point))))
            if exact.imag or not abs(exact) < 1e300:
                continue
            size = abs(exact) + abs(point * bend) + 1e-300
            eps = np.finfo(np.asarray(got).dtype).eps
            assert abs(value - exact.real) <= 32 * eps * size, f"{value} instead of {exact.real}"


@calls("Function.derivatives", "Function.regular", "Function.of", "Function.__str__")
def _(draw: Draw, name: str) -> Call:
    made = FUNCTIONS[draw.one(*FUNCTIONS)]
    if name == "Function.__str__":
        return Call(lambda: str(made), {}, lambda r, _: assert_true(r == made.name))
    if name == "Function.of":
        return Call(
            made.of, {"argument": "a x0"}, lambda r, args: assert_true("x0" in r), {"argument": Role("text")}
        )
    if name == "Function.regular":
        low = draw.real(-2, 2)
        arguments: dict[str, Any] = {"low": low, "high": low + draw.real(0, 2)}

        def defined(result: Any, args: Any) -> None:
            assert args["low"] <= args["high"]
            ends = float(args["low"]), float(args["high"])
            values = made.derivatives(np.linspace(*ends, 101))[0]
            assert not result or not np.isnan(values).any()

        return Call(made.regular, arguments, defined, dict.fromkeys(arguments, Role("real")))
    middle = 2.0 if made.name == "acosh" else 0.4
    z = np.array([middle, middle + draw.real(-0.2, 0.2)])

    def check(result: Any, args: Any) -> None:
        points = floats(args["z"])
        assert len(result) == args["order"] + 1
        assert all(each.shape == points.shape for each in result)
        if made.name not in ("abs", "sign"):
            expression = sympy.sympify(made.expression)
            assert_values(made, result, np.asarray(args["z"]).astype(result[0].dtype), expression)

    return Call(
        made.derivatives,
        {"z": z, "order": draw.integer(0, 5)},
        check,
        {"order": Role("whole", low=0, high=5)},
        scale=1e6,
    )


@calls("Term.__str__", "Term.complexity", "Term.n_free", "FormulaLayer.constants")
def _(draw: Draw, name: str) -> Call:
    layer = formula(draw, 2, 2)
    if name == "FormulaLayer.constants":

        def check(result: Any, args: Any) -> None:
            params = floats(args["params"])
            assert params.shape == (layer.n_parameters,)
            given = [fixed for term in layer.terms for fixed in term.fixed] + list(layer.bias)
            flat = [value for term in result[0] for value in term] + list(result[1])
            free = [value for value, fixed in zip(flat, given, strict=True) if fixed is None]
            np.testing.assert_array_equal(free, params)
            assert all(v == fixed for v, fixed in zip(flat, given, strict=True) if fixed is not None)

        return Call(layer.constants, {"params": draw.normal(layer.n_parameters)}, check)
    term = sk.Term(1, 0, draw.one((), ("sin",)), None)
    if name == "Term.__str__":
        return Call(lambda: str(term), {}, lambda r, _: assert_true("x1" in r))
    want = {"complexity": 1 + sum(each.complexity for each in term.functions), "n_free": len(term.fixed)}
    what = name.split(".")[1]
    return Call(lambda: getattr(term, what), {}, lambda r, _: assert_true(r == want[what]))


def assert_true(value: bool) -> None:
    assert value
