"""Reading sympy: expressions as functions of real numbers, compiled; the rest is refused by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from splinekan._checks import sequence, shown

NAMES = """
exp log sin cos tan cot sec csc asin acos atan acot asec acsc atan2
sinh cosh tanh coth sech csch asinh acosh atanh acoth asech acsch
Abs sign floor ceiling Max Min Heaviside
erf erfc erfi gamma polygamma beta
besselj bessely besseli besselk airyai airyaiprime airybi airybiprime
Si Ei fresnels fresnelc
"""
FUNCTIONS = frozenset(getattr(sympy, name) for name in NAMES.split())
"""Functions that compile to NumPy or SciPy, besides Piecewise; Mod and frac are written with floor."""

PARTS = (sympy.re, sympy.im, sympy.conjugate)
"""Gone once their arguments are known to be real."""

STEPS = (sympy.sign, sympy.Heaviside, sympy.floor, sympy.ceiling)
"""Constant between jumps."""

PLACES = (sympy.Derivative, sympy.Subs, sympy.Integral, sympy.Sum, sympy.Product, sympy.Limit, sympy.Lambda)
"""What may evaluate its argument elsewhere than at the variables."""

LARGEST = float(np.finfo(np.float64).max)
EXACT = 2**53
"""Larger integers are compiled as floats: NumPy's functions do not take them."""


@contextmanager
def naming(name: str) -> Iterator[None]:
    """What goes wrong with the expressions inside is said of `name`."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def read(name: str, value: Any) -> Any:
    """`value` as an expression; of an equality its left less its right side.

    Raises
    ------
    TypeError
        If it is neither: text, numbers of Python, inequalities, matrices.
    """
    original = value
    if isinstance(value, sympy.Equality) and isinstance(value.lhs, sympy.Expr):
        value = value.lhs - value.rhs
    if not isinstance(value, sympy.Expr) or getattr(value, "is_Matrix", False):
        raise TypeError(f"{name} must be a sympy expression or an Eq of two, got {shown(original)}")
    return value


def read_variables(name: str, value: Any) -> tuple[sympy.Symbol, ...]:
    """`value` as different symbols that may stand for any real number (of one sign, if they say so).

    Raises
    ------
    TypeError, ValueError
        If it holds anything else: text, integer symbols, the same name twice.
    """
    symbols = (value,) if isinstance(value, sympy.Symbol) else sequence(name, value)
    for i, symbol in enumerate(symbols):
        if not isinstance(symbol, sympy.Symbol):
            raise TypeError(f"{name}[{i}] must be a sympy Symbol, got {shown(symbol)}")
        require_real(f"{name}[{i}]", symbol)
    names = [symbol.name for symbol in symbols]
    if len(set(names)) < len(names):
        raise ValueError(f"{name} must have different names, got {', '.join(names)}")
    return symbols


def require_real(name: str, symbol: Any) -> None:
    """Refuse a symbol or function that is declared to be other than a real number on a continuum."""
    wrong = [
        what
        for what in ("integer", "rational", "irrational", "algebraic", "zero", "infinite")
        if getattr(symbol, f"is_{what}")
    ]
    if isinstance(symbol, AppliedUndef) and any(
        getattr(symbol, f"is_extended_{what}") is not None for what in ("positive", "negative", "nonzero")
    ):
        wrong.append("of one sign")  # sympy makes use of it, and a network cannot be held to it
    if symbol.is_real is False or not symbol.is_commutative:
        wrong.append("not real")
    if wrong:
        raise ValueError(f"{name} must stand for any real number, got {symbol}, declared {wrong[0]}")


def applied_to(unknown: Any, arguments: Sequence[Any], form: Any) -> Any:
    """`form`, an expression in the arguments of `unknown`, at other arguments."""
    if tuple(arguments) == tuple(unknown.args):
        return form
    return form.subs(dict(zip(unknown.args, arguments, strict=True)), simultaneous=True)


def replaced(expression: Any, forms: Mapping[Any, Any]) -> Any:
    """Every unknown u(x, ...) replaced by its form, wherever it is evaluated: u(0), too."""
    by_name = {unknown.func: unknown for unknown in forms}
    bound = {s for e in sympy.preorder_traversal(expression) for s in getattr(e, "bound_symbols", ())}
    for unknown, form in forms.items():
        caught = bound & (form.free_symbols - set(unknown.args))
        if caught:
            raise ValueError(f"{caught.pop()} is bound in {shown(expression)}, but free in {shown(form)}")
    found = {}
    for atom in expression.atoms(AppliedUndef):
        if atom.func in by_name:
            unknown = by_name[atom.func]
            if len(atom.args) != len(unknown.args):
                raise ValueError(f"{atom} has {len(atom.args)} arguments, {unknown} has {len(unknown.args)}")
            inner = [replaced(argument, forms) for argument in atom.args]
            found[atom] = applied_to(unknown, inner, forms[unknown])
    return done(expression.xreplace(found), expression)


def done(expression: Any, original: Any, **hints: bool) -> Any:
    """`expression.doit()`, sympy's many errors as ValueError."""
    try:
        return expression.doit(**hints)
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # what sympy raises depends on the function
        raise ValueError(f"sympy cannot evaluate {shown(original)}: {error}") from None


class Reals:
    """The variables, and unknown functions of them, as real ones under private names.

    sympy then knows that |u|' = sign(u) u', and no name clashes with a keyword or a bound symbol.

    Parameters
    ----------
    variables
        Symbols with different names.
    unknowns
        Applied functions of exactly these.

    Attributes
    ----------
    variables, unknowns
        Their real counterparts.
    """

    def __init__(self, variables: Sequence[Any], unknowns: Sequence[Any] = ()) -> None:
        self.variables = [sympy.Dummy(symbol.name, real=True) for symbol in variables]
        self._to = dict(zip(variables, self.variables, strict=True))
        self._functions = {u.func: sympy.Function(u.func.__name__, real=True) for u in unknowns}
        self.unknowns = [self._functions[u.func](*self.variables) for u in unknowns]
        self._from = {real: symbol for symbol, real in self._to.items()}
        self._back = {real: function for function, real in self._functions.items()}
        # Final names sort as the variables' own do: so do the terms of sums, to the last bit.
        self.symbols = [sympy.Symbol(f"v_{symbol.name}", real=True) for symbol in variables]

    def read(self, expression: Any) -> Any:
        """`expression` in the real counterparts, evaluated as far as sympy can.

        Raises
        ------
        ValueError
            For functions that are not among the unknowns, and integrals over unknowns.
        """
        for atom in sorted(expression.atoms(AppliedUndef), key=str):
            if atom.func not in self._functions:
                raise ValueError(
                    f"the expression holds {atom}: name every unknown function in `unknown`, and give "
                    "expressions for the others"
                )
        real = done(self._renamed(expression, self._to, self._functions), expression, integrals=False)
        for integral in real.atoms(sympy.Integral):
            bound = {limit[0] for limit in integral.limits}
            if any(bound & atom.free_symbols for atom in integral.atoms(AppliedUndef)):
                raise ValueError(
                    f"the expression holds {self.original(integral)}: integrals over an unknown are not "
                    "supported"
                )
        real = done(real, expression)
        if not isinstance(real, sympy.Expr) or getattr(real, "is_Matrix", False):
            raise ValueError(f"{shown(expression)} is not a scalar")
        real = real.replace(sympy.Mod, lambda a, b: a - b * sympy.floor(a / b))
        return real.replace(sympy.frac, lambda a: a - sympy.floor(a))

    def original(self, expression: Any) -> str:
        """`expression` as the user writes it, for messages."""
        try:
            text = str(self._renamed(expression, self._from, self._back))
        except Exception:  # a message must not fail
            return shown(expression)
        return text if len(text) <= 200 else text[:197] + "..."

    @staticmethod
    def _renamed(expression: Any, symbols: Mapping[Any, Any], functions: Mapping[Any, Any]) -> Any:
        names: dict[Any, Any] = dict(symbols)
        for atom in expression.atoms(AppliedUndef):
            if atom.func in functions:
                names[atom] = functions[atom.func](*(a.xreplace(symbols) for a in atom.args))
        try:
            return expression.xreplace(names)
        except Exception as error:  # evaluated anew, a term may turn out meaningless
            raise ValueError(f"sympy cannot evaluate {shown(expression)}: {error}") from None


def compilable(expression: Any, leaves: Mapping[Any, Any], original: Callable[[Any], str]) -> Any:
    """`expression` with its leaves replaced; everything in it can be compiled to real numbers.

    Parameters
    ----------
    expression
        Evaluated (`Reals.read`).
    leaves
        From symbols, unknowns and derivatives to their symbols in the compiled function.
    original
        How messages show a term.

    Raises
    ------
    ValueError
        Naming the term: numbers that are not real, infinite or beyond float64; unknowns at other places;
        integrals, limits and the like; functions without a compiled form.
    """

    def refuse(term: Any, why: str) -> ValueError:
        return ValueError(f"the expression holds {original(term)}: {why}")

    def number(term: Any) -> None:
        try:
            value = term.evalf()
        except Exception:  # sympy fails on numbers beyond its range
            value = sympy.nan
        if value.is_extended_real is False or value.has(sympy.I):
            raise refuse(term, "only real numbers can be compiled")
        if not (value.is_Float or value.is_Rational) or not abs(value) <= LARGEST:
            raise refuse(term, "only finite numbers within the range of float64 can be compiled")

    def scalar(term: Any) -> Any:
        if term in leaves:
            return leaves[term]
        if isinstance(term, sympy.Derivative) and not isinstance(term.expr, AppliedUndef):
            raise refuse(term, "sympy cannot differentiate it")
        if isinstance(term, AppliedUndef) or (isinstance(term, PLACES) and term.has(AppliedUndef)):
            raise refuse(
                term,
                "unknowns and their derivatives are evaluated at the variables themselves, in their order, "
                "not at other places and not under an integral or a limit",
            )
        if term.is_Symbol:
            raise refuse(term, "give numbers for parameters, and name every variable in `variables`")
        if term.is_Number:
            number(term)
            return sympy.Float(term, 17) if term.is_Integer and abs(term) > EXACT else term
        if term.is_NumberSymbol:
            return term if term in (sympy.pi, sympy.E) else sympy.Float(term, 17)
        if isinstance(term, sympy.Piecewise):
            return sympy.Piecewise(*((scalar(piece), condition(where)) for piece, where in term.args))
        if term is sympy.I:
            number(term)
        known = term.is_Add or term.is_Mul or term.is_Pow or type(term) in FUNCTIONS
        result = term.func(*map(scalar, term.args)) if known or isinstance(term, PARTS) else term
        if type(result) is type(term) and not known:
            raise refuse(term, f"{type(term).__name__} cannot be compiled to a function of real numbers")
        if term.is_number:  # after its parts: sympy can take forever to evaluate functions of huge numbers
            number(term)
        return result

    def condition(term: Any) -> Any:
        if term in (sympy.true, sympy.false):
            return term
        if isinstance(term, (sympy.And, sympy.Or, sympy.Not)):
            return term.func(*map(condition, term.args))
        if isinstance(term, Relational):
            return term.func(*map(scalar, term.args))
        raise refuse(term, "conditions are inequalities, joined by And, Or, Not")

    result = scalar(expression)
    if result.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, sympy.I):
        raise refuse(expression, "it is not a finite real number")
    return result


def almost_everywhere(expression: Any) -> Any:
    """A derivative in the sense of almost every point: jumps and kinks have no part in it."""
    expression = expression.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
    flat = expression.replace(
        lambda e: isinstance(e, sympy.Derivative) and isinstance(e.expr, STEPS),
        lambda _: sympy.Integer(0),
    )
    return flat if flat == expression else flat.doit()


def slope(expression: Any, symbol: Any) -> Any:
    """d expression / d symbol, almost everywhere."""
    try:
        return almost_everywhere(expression.diff(symbol))
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # derivatives in an index, for instance
        raise ValueError(f"sympy cannot differentiate {shown(expression)}: {error}") from None


def compiled(symbols: Sequence[Any], outputs: Sequence[Any], shown_as: str) -> Callable[..., Any]:
    """A function from arrays, one per symbol, to arrays or numbers, one per output; tried on two points.

    Raises
    ------
    ValueError
        If that fails, or gives anything but real numbers.
    """
    try:
        function: Callable[..., Any] = sympy.lambdify(
            list(symbols), list(outputs), modules=["numpy", "scipy"], cse=True
        )
        places = [np.array([0.3, 0.6]) + 0.01 * i for i in range(len(symbols))]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # it is values that are tried here
            found = [np.asarray(value) for value in function(*places)]
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # the printer's, Python's, or that of a special function
        raise ValueError(f"{shown_as} cannot be compiled to a function of real numbers: {error}") from None
    for value in found:
        if value.dtype.kind not in "fiu" or value.shape not in ((), (2,)):
            raise ValueError(f"{shown_as} is not a real number at real arguments")
    return function
