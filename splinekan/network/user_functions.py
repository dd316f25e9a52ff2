"""Expressions of a single symbol: read from text without running it, and compiled with their derivatives."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import sympy
from sympy.printing.str import StrPrinter

from splinekan._checks import Array, shown
from splinekan.network.elementary import Rule

X = sympy.Symbol("x", real=True)
NAMES = """
exp log sin cos tan cot sec csc asin acos atan acot asec acsc atan2
sinh cosh tanh coth sech csch asinh acosh atanh acoth asech acsch
sqrt cbrt Abs sign floor ceiling Max Min Heaviside
erf erfc erfi gamma loggamma polygamma beta
besselj bessely besseli besselk airyai airyaiprime airybi airybiprime
Si Ci Shi Chi Ei fresnels fresnelc LambertW
"""
KNOWN: dict[str, Any] = {name: getattr(sympy, name) for name in NAMES.split()} | {"abs": sympy.Abs}
"""Functions that text may call."""
STEEP = ("gamma", "loggamma", "polygamma", "beta")
"""Functions whose values at integers sympy computes to all digits."""
CONSTANTS = {"pi": sympy.pi, "E": sympy.E}
OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
DIGITS = 17
"""Digits of compiled floats; sympy's default is fewer."""
LONGEST, DEEPEST, LARGEST, STEEPEST = 2000, 60, 1e300, 1000
"""Most characters and levels of an expression; largest moduli of numbers, and of exponents of numbers."""


class _Printer(StrPrinter):  # type: ignore[misc]
    """sympy's text with all digits of floats."""

    def _print_Float(self, expr: Any) -> str:  # noqa: N802 - sympy's name
        return repr(float(expr))


def canonical(expression: Any) -> str:
    """The text of an expression in x, from text or a sympy expression in any symbol.

    Raises
    ------
    TypeError, ValueError
        As `splinekan.network.functions.function`.
    """
    if isinstance(expression, str):
        return _text(parsed(expression))
    if not isinstance(expression, sympy.Expr):
        raise TypeError(f"expression must be a text or a sympy expression, got {shown(expression)}")
    symbols = expression.free_symbols
    if len(symbols) != 1:
        found = ", ".join(sorted(map(str, symbols))) or "none"
        raise ValueError(f"expression must have a single free symbol, got {found} in {shown(expression)}")
    return _text(parsed(_text(expression.xreplace({symbols.pop(): X}))))


def _text(expression: Any) -> str:
    return str(_Printer().doprint(expression))


@cache
def parsed(text: str) -> Any:
    """The sympy expression in x."""
    if len(text) > LONGEST:
        raise ValueError(f"expression must have at most {LONGEST} characters, got {len(text)}")
    try:
        tree = ast.parse(text.replace("^", "**").strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"expression must be a formula of one symbol, got {shown(text)}") from None
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    called = {_called(node) for node in ast.walk(tree)}
    symbols = sorted(names - called - set(CONSTANTS))
    if len(symbols) != 1:
        found = ", ".join(symbols) or "none"
        raise ValueError(f"expression must have a single free symbol, got {found} in {shown(text)}")
    try:
        read = _read(tree, symbols[0], text, 0)
    except (MemoryError, KeyboardInterrupt):
        raise
    except ValueError:
        raise
    except Exception as error:  # from a function of sympy, at arguments that it refuses
        raise ValueError(f"expression {shown(text)} cannot be read by sympy: {error}") from None
    if read.free_symbols != {X} or read.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, sympy.I):
        raise ValueError(f"expression must be a real function of its symbol, got {shown(text)}")
    return read


def _called(node: ast.AST) -> str | None:
    """The name of the function that a node calls."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def _read(node: ast.AST, symbol: str, text: str, depth: int) -> Any:
    if depth > DEEPEST:
        raise ValueError(f"expression must have at most {DEEPEST} levels, got {shown(text)}")
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        result = sympy.Integer(node.value) if type(node.value) is int else sympy.Float(node.value, DIGITS)
    elif isinstance(node, ast.Name):
        result = X if node.id == symbol else CONSTANTS[node.id]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inner = _read(node.operand, symbol, text, depth + 1)
        result = -inner if isinstance(node.op, ast.USub) else inner
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = (_read(side, symbol, text, depth + 1) for side in (node.left, node.right))
        if isinstance(node.op, ast.Pow) and left.is_number and right.is_number:
            _small(right, text)
        result = OPERATORS[type(node.op)](left, right)
    elif isinstance(node, ast.Call) and not node.keywords and (name := _called(node)) is not None:
        if name not in KNOWN:
            raise ValueError(f"expression must be made of {', '.join(KNOWN)}, got {name} in {shown(text)}")
        arguments = [_read(each, symbol, text, depth + 1) for each in node.args]
        if name in STEEP:
            for each in arguments:
                if each.is_number:
                    _small(each, text)
        result = KNOWN[name](*arguments)
    else:
        raise ValueError(f"expression must be arithmetic and calls of functions, got {shown(text)}")
    if result.is_number:
        _bounded(result, LARGEST, text)
    return result


def _small(number: Any, text: str) -> None:
    _bounded(number, STEEPEST, text)


def _bounded(number: Any, most: float, text: str) -> None:
    value = number.evalf(17)
    if not value.is_real or not abs(value) <= most:
        raise ValueError(
            f"expression holds {shown(number)} in {shown(text)}: its modulus must be at most {most:g}"
        )


def size(text: str) -> int:
    """The number of nodes of an expression."""
    return sum(1 for _ in sympy.preorder_traversal(parsed(text)))


@cache
def rule(text: str) -> Rule:
    """phi and its derivatives from text; each is compiled on first use.

    Raises
    ------
    ValueError
        If phi or its slope does not compile.
    """
    expression = parsed(text)
    compiled = [_compiled(expression, text)]
    derivatives = [expression]

    def at_least(order: int) -> None:
        while len(compiled) <= order:
            derivatives.append(_slope(derivatives[-1], text))
            compiled.append(_compiled(derivatives[-1], text))

    def evaluate(z: Array, order: int) -> list[Array]:
        at_least(order)
        with np.errstate(all="ignore"):
            found: list[Array] = []
            for each in compiled[: order + 1]:
                value = np.asarray(each(z))
                if np.iscomplexobj(value):
                    value = np.where(value.imag == 0, value.real, np.nan)
                found.append(np.array(np.broadcast_to(value, z.shape), z.dtype))
            undefined = np.isnan(found[0])
            if undefined.any():
                for values in found:
                    values[undefined] = np.nan
        return found

    at_least(1)
    return evaluate


def _slope(expression: Any, text: str) -> Any:
    """The derivative almost everywhere: jumps do not contribute."""
    try:
        found = expression.diff(X).replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
        steps = (sympy.floor, sympy.ceiling, sympy.sign, sympy.Heaviside)
        found = found.replace(
            lambda each: isinstance(each, sympy.Derivative) and isinstance(each.expr, steps),
            lambda _: sympy.Integer(0),
        )
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise ValueError(f"expression {shown(text)} has no derivative in sympy: {error}") from None
    if found.has(sympy.Derivative, sympy.Subs):
        raise ValueError(f"expression must have derivatives that compile, got {shown(text)}")
    return found


def _compiled(expression: Any, text: str) -> Callable[[Array], Any]:
    """A function of an array, after a trial."""
    try:
        made: Callable[[Array], Any] = sympy.lambdify([X], expression, modules=["scipy", "numpy"], cse=True)
        with np.errstate(all="ignore"):
            value = np.asarray(made(np.array([0.3, 1.7])))
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # from the printer, Python, or a special function
        raise ValueError(f"expression {shown(text)} cannot be compiled: {error}") from None
    if value.dtype.kind not in "fiuc" or value.shape not in ((), (2,)):
        raise ValueError(f"expression must be a real function of its symbol, got {shown(text)}")
    return made
