"""Conversion of features to plain lists of names and numbers, and back, without running any code."""

from __future__ import annotations

from typing import Any

import sympy
from sympy.core import relational

from splinekan._checks import instance, shown
from splinekan.equations.expressions import FUNCTIONS
from splinekan.equations.features import Features

CLASSES = {
    kind.__name__: kind
    for kind in (
        sympy.Add,
        sympy.Mul,
        sympy.Pow,
        sympy.Piecewise,
        sympy.functions.elementary.piecewise.ExprCondPair,
        sympy.And,
        sympy.Or,
        sympy.Not,
        sympy.Mod,
        sympy.frac,
        relational.Equality,
        relational.Unequality,
        relational.StrictLessThan,
        relational.LessThan,
        relational.StrictGreaterThan,
        relational.GreaterThan,
        *FUNCTIONS,
    )
}
"""The building blocks of expressions, by name."""
CONSTANTS = {
    "pi": sympy.pi,
    "E": sympy.E,
    "GoldenRatio": sympy.GoldenRatio,
    "EulerGamma": sympy.EulerGamma,
    "true": sympy.true,
    "false": sympy.false,
}
DEEPEST = 100
"""The largest depth of an expression."""


def described(features: Features) -> dict[str, Any]:
    """`features` as dictionaries, lists, texts, integers and floats, from which `rebuilt` restores them.

    Raises
    ------
    TypeError, ValueError
        For anything but Features, and for extra inputs that would not be restored exactly.
    """
    instance("features", features, Features)
    tree: dict[str, Any] = {
        "variables": [_symbol(symbol) for symbol in features.variables],
        "extra": [_tree(sympy.sympify(each)) for each in features.extra],
        "bounds": None if features.bounds is None else [e and list(e) for e in features.bounds],
    }
    again = rebuilt(tree)
    for name in ("variables", "extra", "bounds"):
        if tuple(getattr(again, name) or ()) != tuple(getattr(features, name) or ()):
            raise ValueError(f"features with {name} = {shown(getattr(features, name))} cannot be described")
    return tree


def rebuilt(tree: dict[str, Any]) -> Features:
    """The features that `described` described.

    Raises
    ------
    TypeError, ValueError
        For anything else.
    """
    variables = [_read(each, 0) for each in tree["variables"]]
    extra = [_read(each, 0) for each in tree["extra"]]
    bounds = tree["bounds"]
    return Features(variables, extra, None if bounds is None else [e and (e[0], e[1]) for e in bounds])


def _symbol(symbol: Any) -> list[Any]:
    if type(symbol) is not sympy.Symbol:
        raise ValueError(f"features with the symbol {symbol!r} cannot be described: it is not a plain Symbol")
    return ["Symbol", symbol.name, dict(sorted(symbol.assumptions0.items()))]


def _tree(term: Any, depth: int = 0) -> list[Any]:
    if depth > DEEPEST:
        raise ValueError("features with expressions that deep cannot be described")
    if term.is_Symbol:
        return _symbol(term)
    if term.is_Rational:
        return ["Rational", str(term.p), str(term.q)]
    if term.is_Float:
        sign, mantissa, exponent, _ = term._mpf_
        return ["Float", int(sign), str(int(mantissa)), int(exponent), int(term._prec)]
    for name, constant in CONSTANTS.items():
        if term is constant:
            return ["Constant", name]
    if type(term).__name__ not in CLASSES or CLASSES[type(term).__name__] is not type(term):
        raise ValueError(f"features with {shown(term)} cannot be described")
    return [type(term).__name__, *(_tree(argument, depth + 1) for argument in term.args)]


def _read(tree: Any, depth: int) -> Any:
    if not isinstance(tree, list) or not tree or depth > DEEPEST:
        raise ValueError("features hold an expression that cannot be read")
    kind, *rest = tree
    if kind == "Symbol":
        name, assumptions = rest
        given = {str(key): bool(value) for key, value in assumptions.items()}
        return sympy.Symbol(str(name), **given)
    if kind == "Rational":
        return sympy.Rational(int(rest[0]), int(rest[1]))
    if kind == "Float":
        sign, mantissa, exponent, precision = (int(each) for each in rest)
        return sympy.Float((sign, mantissa, exponent, mantissa.bit_length()), precision=precision)
    if kind == "Constant":
        return CONSTANTS[rest[0]]
    parts = [_read(each, depth + 1) for each in rest]
    # Evaluated by sympy like the original; `described` compares the two.
    return CLASSES[kind](*parts)
