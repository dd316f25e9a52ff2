"""Compilation of sympy expressions to functions of real numbers; other terms are refused by name."""

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
"""Functions that compile to NumPy or SciPy, besides Piecewise; sympy writes Mod and frac with floor."""

PARTS = (sympy.re, sympy.im, sympy.conjugate)
"""Functions that disappear when their arguments are real."""

STEPS = (sympy.sign, sympy.Heaviside, sympy.floor, sympy.ceiling)
"""Functions that are constant between jumps."""

PLACES = (sympy.Derivative, sympy.Subs, sympy.Integral, sympy.Sum, sympy.Product, sympy.Limit, sympy.Lambda)
"""Terms that may evaluate their arguments at points other than the variables."""

POINT_LOAD = (
    "it has no values at points. Replace a point load at a by a narrow Gaussian, "
    "exp(-(x - a)**2/(2*w**2))/(w*sqrt(2*pi)), or leave it out and pose the jump that it makes in a "
    "derivative as a condition, a Block with `minus` points on the other side of a; the derivative of a jump "
    "in an unknown, such as sign(u), cannot be collocated"
)
"""The reason for refusing DiracDelta."""

LARGEST = float(np.finfo(np.float64).max)
EXACT = 2**53
"""Larger integers are compiled as floats, since NumPy's functions do not accept them."""


@contextmanager
def naming(name: str, hint: str = "") -> Iterator[None]:
    """Name the argument in errors about its expressions, which end with the hint."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}: {error}{hint}") from None


def read(name: str, value: Any) -> Any:
    """`value` as an expression; for an equality, the left side minus the right side.

    Raises
    ------
    TypeError
        For text, Python numbers, inequalities and matrices.
    """
    original = value
    if isinstance(value, sympy.Equality) and isinstance(value.lhs, sympy.Expr):
        value = value.lhs - value.rhs
    if not isinstance(value, sympy.Expr) or getattr(value, "is_Matrix", False):
        raise TypeError(
            f"{name} must be a sympy expression or an Eq of two expressions, got {shown(original)}"
        )
    return value


def read_variables(name: str, value: Any) -> tuple[sympy.Symbol, ...]:
    """`value` as symbols with different names for real numbers, possibly of a declared sign.

    Raises
    ------
    TypeError, ValueError
        For anything else, such as text, integer symbols, or a repeated name.
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
    """Refuse a symbol or function whose declaration excludes real numbers (except by signs of symbols)."""
    wrong = [
        what
        for what in ("integer", "rational", "irrational", "algebraic", "zero", "infinite")
        if getattr(symbol, f"is_{what}")
    ]
    if isinstance(symbol, AppliedUndef) and any(
        getattr(symbol, f"is_extended_{what}") is not None for what in ("positive", "negative", "nonzero")
    ):
        wrong.append("of one sign")  # sympy would simplify with it, and a network may have either sign
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
    """`expression` with every unknown u(x, ...) replaced by its form, including values such as u(0)."""
    by_name = {unknown.func: unknown for unknown in forms}
    bound = {s for e in sympy.preorder_traversal(expression) for s in getattr(e, "bound_symbols", ())}
    for unknown, form in forms.items():
        caught = bound & (form.free_symbols - set(unknown.args))
        if caught:
            raise ValueError(f"{caught.pop()} is bound in {shown(expression)}, but free in {shown(form)}")
    values = {}
    for atom in expression.atoms(AppliedUndef):
        if atom.func in by_name:
            unknown = by_name[atom.func]
            if len(atom.args) != len(unknown.args):
                raise ValueError(f"{atom} has {len(atom.args)} arguments, {unknown} has {len(unknown.args)}")
            inner = [replaced(argument, forms) for argument in atom.args]
            values[atom] = applied_to(unknown, inner, forms[unknown])
    return done(expression.xreplace(values), expression)


def done(expression: Any, original: Any, **hints: bool) -> Any:
    """`expression.doit()`, with sympy's errors converted to ValueError."""
    try:
        return expression.doit(**hints)
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # the type depends on the function
        raise ValueError(f"sympy cannot evaluate {shown(original)}: {error}") from None


class Reals:
    """Variables and unknown functions as real symbols and functions under private names.

    sympy then evaluates |u|' = sign(u) u', and names do not clash with keywords or bound symbols.

    Parameters
    ----------
    variables
        Symbols with different names.
    unknowns
        Functions applied to these variables.

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
        # The final names sort like the given names, and so do the terms of sums, so that results are bitwise
        # the same.
        self.symbols = [sympy.Symbol(f"v_{symbol.name}", real=True) for symbol in variables]

    def renamed(self, expression: Any) -> Any:
        """`expression` in the real symbols and functions, evaluated by sympy except for its integrals.

        Raises
        ------
        ValueError
            For functions that are not among the unknowns.
        """
        for atom in sorted(expression.atoms(AppliedUndef), key=str):
            if atom.func not in self._functions:
                raise ValueError(
                    f"the expression holds {atom}: name every unknown function in `unknown`, and give "
                    "expressions for the others"
                )
        return done(self._renamed(expression, self._to, self._functions), expression, integrals=False)

    def done(self, real: Any) -> Any:
        """A renamed expression, evaluated by sympy as far as possible."""
        real = done(real, real)
        if not isinstance(real, sympy.Expr) or getattr(real, "is_Matrix", False):
            raise ValueError(f"{shown(self.original(real))} is not a scalar")
        real = real.replace(sympy.Mod, lambda a, b: a - b * sympy.floor(a / b))
        return real.replace(sympy.frac, lambda a: a - sympy.floor(a))

    def read(self, expression: Any) -> Any:
        """`expression` in the real symbols and functions, evaluated by sympy as far as possible.

        Raises
        ------
        ValueError
            As `renamed`, and for expressions that are not scalars.
        """
        return self.done(self.renamed(expression))

    def original(self, expression: Any) -> str:
        """`expression` in the user's names, for messages."""
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
        except Exception as error:  # a term may have no value when evaluated again
            raise ValueError(f"sympy cannot evaluate {shown(expression)}: {error}") from None


def compilable(expression: Any, leaves: Mapping[Any, Any], original: Callable[[Any], str]) -> Any:
    """`expression` with its leaves replaced, after a check that it compiles to real numbers.

    Parameters
    ----------
    expression
        An evaluated expression (`Reals.read`).
    leaves
        A dictionary from symbols, unknowns and derivatives to their symbols in the compiled function.
    original
        The text of a term in messages.

    Raises
    ------
    ValueError
        For a number that is not real and finite in float64, an unknown at another point, an integral or a
        limit, or a function without a compiled form; the message names the term.
    """

    def refuse(term: Any, why: str) -> ValueError:
        return ValueError(f"the expression holds {original(term)}: {why}")

    def number(term: Any) -> None:
        try:
            value = term.evalf()
        except Exception:  # sympy fails for numbers beyond its range
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
                "unknowns and their derivatives are evaluated at the variables, in their order, not at other "
                "points and not under an integral or a limit",
            )
        if term.is_Symbol:
            raise refuse(
                term,
                "give a number for it, or name it in `variables`; equations may hold Unknown constants",
            )
        if term.is_Number:
            number(term)
            return sympy.Float(term, 17) if term.is_Integer and abs(term) > EXACT else term
        if term.is_NumberSymbol:
            return term if term in (sympy.pi, sympy.E) else sympy.Float(term, 17)
        if isinstance(term, sympy.Piecewise):
            return sympy.Piecewise(*((scalar(piece), condition(where)) for piece, where in term.args))
        if term is sympy.I:
            number(term)
        if isinstance(term, sympy.DiracDelta):
            raise refuse(term, POINT_LOAD)
        known = term.is_Add or term.is_Mul or term.is_Pow or type(term) in FUNCTIONS
        result = term.func(*map(scalar, term.args)) if known or isinstance(term, PARTS) else term
        if type(result) is type(term) and not known:
            raise refuse(term, f"{type(term).__name__} cannot be compiled to a function of real numbers")
        if term.is_number:  # after its parts, since sympy may not finish evaluating functions of huge numbers
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
    """A derivative almost everywhere, without the contributions of jumps and kinks."""
    expression = expression.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
    flat = expression.replace(
        lambda e: isinstance(e, sympy.Derivative) and isinstance(e.expr, STEPS),
        lambda _: sympy.Integer(0),
    )
    return flat if flat == expression else flat.doit()


def slope(expression: Any, symbol: Any) -> Any:
    """The derivative of an expression with respect to a symbol, almost everywhere."""
    try:
        return almost_everywhere(expression.diff(symbol))
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # for instance for a derivative with respect to an index
        raise ValueError(f"sympy cannot differentiate {shown(expression)}: {error}") from None


class Compiled:
    """`compiled` expressions, which are recompiled when a copy is unpickled.

    Parameters
    ----------
    symbols, outputs, shown_as
        As for `compiled`.
    """

    def __init__(self, symbols: Sequence[Any], outputs: Sequence[Any], shown_as: str) -> None:
        self.symbols, self.outputs, self.shown_as = tuple(symbols), tuple(outputs), shown_as
        self._function = compiled(self.symbols, self.outputs, shown_as)

    def __call__(self, *values: Any) -> Any:
        """The outputs at the values of the symbols."""
        return self._function(*values)

    def __reduce__(self) -> Any:
        return Compiled, (self.symbols, self.outputs, self.shown_as)


def compiled(symbols: Sequence[Any], outputs: Sequence[Any], shown_as: str) -> Callable[..., Any]:
    """A function from an array per symbol to an array or number per output, after a trial at two points.

    Raises
    ------
    ValueError
        If the trial fails, or its values are not real numbers.
    """
    try:
        function: Callable[..., Any] = sympy.lambdify(
            list(symbols), list(outputs), modules=["numpy", "scipy"], cse=True
        )
        places = [np.array([0.3, 0.6]) + 0.01 * i for i in range(len(symbols))]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            values = [np.asarray(value) for value in function(*places)]
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # from the printer, Python, or a special function
        raise ValueError(f"{shown_as} cannot be compiled to a function of real numbers: {error}") from None
    for value in values:
        if value.dtype.kind not in "fiu" or value.shape not in ((), (2,)):
            raise ValueError(f"{shown_as} is not a real number at real arguments")
    return function
