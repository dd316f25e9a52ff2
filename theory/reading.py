"""Knots as a user writes them: integers, fractions, text such as "1/3", symbols and names of symbols."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Set
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import sympy as sp

from .exact import expression, increasing_knots, integer, less
from .symbols import symbolic_knots, x

LONGEST = 200
"""Largest number of characters of a knot in text."""
HIGHEST = 64
"""Largest exponent of a power in text: 9**9**9 would not end."""
LARGEST = 300
"""Largest decimal exponent of a number in text: 1e999999999 would fill the memory."""

NOT_NAMES = frozenset({"nan", "inf", "infinity", "oo", "zoo", "none", "true", "false"})


def read_knots(name: str, knots: Any, degree: int) -> tuple[sp.Expr, ...]:
    """Exact simple knots for this degree, ghosts included, at least 2 (degree + 1).

    `knots` is a sequence, or text with commas between the knots. A knot is an integer, a Fraction or Decimal,
    a rational of sympy, a real expression of sympy, or text: "1/3", "0.25" (a quarter, exactly), "h",
    "2*h + 1", "sqrt(2)". A name in text is a real symbol. The text "symbolic" is t0, t1, ..., as many as a
    single interval needs, and "symbolic:G" as many as G intervals need.

    Raises
    ------
    TypeError
        For floats, and for anything but a sequence of knots.
    ValueError
        For too few knots, for knots that decrease or repeat, also for every value of a single symbol, and
        for text that cannot be read.

    Examples
    --------
    >>> read_knots("knots", ["-1/2", 0, "0.25", 2], 1)
    (-1/2, 0, 1/4, 2)
    >>> read_knots("knots", "symbolic", 1)
    (t0, t1, t2, t3)
    """
    degree = integer("degree", degree, 0)
    if isinstance(knots, str):
        knots = _split(name, knots, degree)
    elif isinstance(knots, (bytes, Mapping, Set)) or not isinstance(knots, Iterable):
        raise TypeError(f"{name} must be a sequence of knots, or text such as '0, 1/3, 1', got {knots!r:.60}")
    exact = [sp.expand(_knot(f"{name}[{i}]", t)) for i, t in enumerate(knots)]
    least = 2 * (degree + 1)
    if len(exact) < least:
        raise ValueError(
            f"{name} must hold at least {least} knots for degree {degree} (an interval and {degree} ghost "
            f"knots on each side), got {len(exact)}"
        )
    for i, t in enumerate(exact):
        if any(symbol.name == x.name for symbol in t.free_symbols):
            raise ValueError(f"{name}[{i}] must not contain x, the variable of the splines, got {t}")
    require_single_symbols(name, exact)
    _refuse_repeated(name, exact)
    knots = increasing_knots(name, exact, least)
    _require_possible(name, knots)
    return knots


def _require_possible(name: str, knots: Iterable[sp.Expr]) -> None:
    """Refuse linear functions of a single symbol that no value of it puts in this order."""
    knots = tuple(knots)
    symbols = set().union(*(t.free_symbols for t in knots))
    if len(symbols) != 1:
        return
    (h,) = symbols
    low, high = None, None  # of h, each with the condition that it comes from
    for left, right in pairwise(knots):
        slope = sp.diff(right - left, h)
        rest = sp.expand(right - left - slope * h)
        if slope == 0 or slope.free_symbols or rest.free_symbols:
            continue
        bound = -rest / slope, f"{left} < {right}"
        if less(sp.Integer(0), slope):
            low = bound if low is None or less(low[0], bound[0]) else low
        else:
            high = bound if high is None or less(bound[0], high[0]) else high
    if low is not None and high is not None and not less(low[0], high[0]):
        raise ValueError(f"{name} must increase for some {h}, got both {low[1]} and {high[1]}")


def require_single_symbols(name: str, knots: Iterable[sp.Expr]) -> None:
    """Refuse two symbols of the same name, which sympy distinguishes and a record would not.

    Raises
    ------
    ValueError
        If the knots hold such symbols.
    """
    named: dict[str, sp.Basic] = {}
    for symbol in sorted(set().union(*(t.free_symbols for t in knots)), key=str):
        if named.setdefault(symbol.name, symbol) != symbol:
            raise ValueError(
                f"{name} must have a single symbol for every name, got two for {symbol.name}: in text, "
                f'{symbol.name} is Symbol("{symbol.name}", real=True)'
            )


def _split(name: str, text: str, degree: int) -> list[Any]:
    word, _, count = text.strip().partition(":")
    if word.strip() == "symbolic":
        if count and not count.strip().isdecimal():
            raise ValueError(f"{name} must be 'symbolic' or 'symbolic:G' with G intervals, got {text!r:.60}")
        return list(symbolic_knots(integer("intervals", int(count or 1), 1, 1000) + 2 * degree + 1))
    return [part for part in text.split(",") if part.strip() or "," in text]


def _knot(name: str, value: Any) -> sp.Expr:
    if isinstance(value, str):
        return _parsed(name, value)
    if isinstance(value, (Fraction, Decimal)):
        try:
            return sp.Rational(str(value))
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be finite, got {value}") from None
    kind = type(value)
    of_numpy = hasattr(kind, "__float__") and hasattr(kind, "dtype") and not hasattr(kind, "__index__")
    if isinstance(value, float) or of_numpy:
        raise TypeError(
            f"{name} must be exact, got the float {value!s:.40}: write '1/3' or '0.1' as text, or "
            "sympy.Rational(1, 3); sympy.Rational(0.1) is the float next to 0.1"
        )
    return expression(name, value)


def _refuse_repeated(name: str, knots: list[sp.Expr]) -> None:
    seen: dict[sp.Expr, int] = {}
    for j, t in enumerate(knots):
        i = seen.setdefault(t, j)
        if i != j:
            raise ValueError(
                f"{name} must be simple, got {name}[{i}] = {name}[{j}] = {t}: a repeated knot has B-splines, "
                "but its power ReLUs are a single function, so that A does not exist"
            )


def _parsed(name: str, text: str) -> sp.Expr:
    """The expression in `text`, by arithmetic on numbers and names alone, without evaluation by Python."""
    stripped = text.strip()
    refusal = (
        f"{name} must be a number such as 1/3 or 0.25, a name, or arithmetic with both, got {text!r:.60}"
    )
    if not stripped or len(stripped) > LONGEST:
        raise ValueError(refusal)
    try:
        tree = ast.parse(stripped, mode="eval")
        value = _evaluated(tree.body, stripped)
    except (SyntaxError, TypeError, ValueError, KeyError, RecursionError, MemoryError):
        raise ValueError(refusal) from None
    return expression(name, value)


def _evaluated(node: ast.expr, text: str) -> sp.Expr:
    match node:
        case ast.Constant(value=bool() | complex() | str() | bytes() | None):
            raise ValueError("not a number")
        case ast.Constant():
            number = (ast.get_source_segment(text, node) or "").replace("_", "")
            if abs(int(number.lower().partition("e")[2] or 0)) > LARGEST:
                raise ValueError("not a number of moderate size")
            return sp.Rational(number)
        case ast.Name(id=word) if word.lower() not in NOT_NAMES:
            return sp.pi if word == "pi" else sp.Symbol(word, real=True)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_evaluated(inner, text)
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _evaluated(inner, text)
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner], keywords=[]):
            return sp.sqrt(_evaluated(inner, text))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            exponent = _evaluated(right, text)
            if not exponent.is_Integer or abs(exponent) > HIGHEST:
                raise ValueError("not a small integer exponent")
            return _evaluated(left, text) ** exponent
        case ast.BinOp(left=left, op=op, right=right):
            p, q = _evaluated(left, text), _evaluated(right, text)
            return {ast.Add: p + q, ast.Sub: p - q, ast.Mult: p * q, ast.Div: p / q}[type(op)]
    raise ValueError("not arithmetic")
