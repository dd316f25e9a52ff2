"""Equations of complex unknowns as real equations of their real and imaginary parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from splinekan._checks import real_array, sequence, shown
from splinekan.equations import expressions


@dataclass(frozen=True, eq=False)
class ComplexParts:
    """The real and imaginary parts of unknowns, and of expressions in them.

    Made by `split_complex`.

    Attributes
    ----------
    given
        The unknowns, complex or declared real.
    unknowns
        Real unknowns: the real and the imaginary part of each complex unknown, in their order.
    residuals
        The parts of every residual as real expressions: the real and the imaginary part, or the part that
        does not vanish identically.
    """

    given: tuple[Any, ...]
    unknowns: tuple[Any, ...]
    residuals: tuple[tuple[Any, ...], ...]
    _parts: tuple[tuple[Any, ...], ...] = field(repr=False)

    def split(self, expression: Any) -> tuple[Any, Any]:
        """(real part, imaginary part) of an expression in the given unknowns, for real variables.

        Raises
        ------
        TypeError, ValueError
            For anything but an expression or an `Eq`, and for an expression that sympy cannot split.
        """
        return _split(expressions.read("expression", expression), self.given, self._parts)

    def assemble(self, values: ArrayLike) -> NDArray[np.complex128]:
        """Complex values of `given`, (n, len(given)), from real values of `unknowns`, (n, len(unknowns)).

        Raises
        ------
        TypeError, ValueError
            For values of the wrong shape.
        """
        array = real_array("values", values, shape=(None, len(self.unknowns)), finite=False)
        columns, at = [], 0
        for parts in self._parts:
            own = array[:, at : at + len(parts)].astype(np.complex128)
            columns.append(own[:, 0] + 1j * own[:, 1] if len(parts) == 2 else own[:, 0])
            at += len(parts)
        return np.stack(columns, axis=1)


def split_complex(residuals: Any, unknown: Any) -> ComplexParts:
    """Real equations for the real and imaginary parts of complex unknowns.

    h = h_re + i h_im is substituted into the residuals, whose real and imaginary parts are returned; conj(h),
    |h|, re and im become functions of the parts. Variables and `Unknown` constants are real. Unknowns that
    are declared real, Function("p", real=True), are left unchanged.

    Parameters
    ----------
    residuals
        A residual or an `Eq`, or a sequence of them: equations and conditions.
    unknown
        u(x, ...), an applied function of sympy, or a sequence of applied functions.

    Returns
    -------
    ComplexParts
        The real unknowns and the real residuals, with methods that split further expressions and assemble
        complex values.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type, unknown parts whose names are taken, and residuals that sympy cannot
        split.

    Examples
    --------
    >>> from sympy import Abs, Function, I, symbols
    >>> x, t = symbols("x t")
    >>> h = Function("h")(x, t)
    >>> parts = split_complex(I * h.diff(t) + h.diff(x, 2) / 2 + Abs(h) ** 2 * h, h)
    >>> parts.unknowns
    (h_re(x, t), h_im(x, t))
    >>> for residual in parts.residuals[0]:
    ...     print(residual)
    (h_im(x, t)**2 + h_re(x, t)**2)*h_re(x, t) - Derivative(h_im(x, t), t) + Derivative(h_re(x, t), (x, 2))/2
    (h_im(x, t)**2 + h_re(x, t)**2)*h_im(x, t) + Derivative(h_im(x, t), (x, 2))/2 + Derivative(h_re(x, t), t)
    """
    several = isinstance(residuals, (list, tuple))
    items = sequence("residuals", residuals) if several else (residuals,)
    read = [expressions.read(f"residuals[{i}]" if several else "residuals", r) for i, r in enumerate(items)]
    given = tuple(sequence("unknown", unknown)) if isinstance(unknown, (list, tuple)) else (unknown,)
    for u in given:
        if not isinstance(u, AppliedUndef):
            raise TypeError(f"unknown must be written u(x, ...), got {shown(u)}")
        if not all(isinstance(s, sympy.Symbol) for s in u.args) or len(set(u.args)) < len(u.args):
            raise ValueError(f"unknown must be a function of different symbols, got {u}")
    taken = {atom.func.__name__ for r in read for atom in r.atoms(AppliedUndef)}
    parts: list[tuple[Any, ...]] = []
    for u in given:
        names = [u.func.__name__] if u.is_real else [f"{u.func.__name__}_{part}" for part in ("re", "im")]
        if len(names) == 2 and taken & set(names):
            raise ValueError(f"unknown: the parts of {u} would be named {names}, which are taken")
        parts.append((u,) if u.is_real else tuple(sympy.Function(name)(*u.args) for name in names))
    split = [tuple(part for part in _split(r, given, parts) if part != 0) for r in read]
    return ComplexParts(given, tuple(u for own in parts for u in own), tuple(split), tuple(parts))


def is_complex(residual: Any, unknown: Any) -> bool:
    """Whether a residual needs `split_complex`: it contains I, or an unknown is declared complex."""
    given = unknown if isinstance(unknown, (list, tuple)) else (unknown,)
    declared = any(getattr(u, "is_complex", False) and not u.is_real for u in given)
    return bool(declared or expressions.read("residual", residual).has(sympy.I))


def _split(expression: Any, given: Sequence[Any], parts: Sequence[tuple[Any, ...]]) -> tuple[Any, Any]:
    """The parts of an expression, with unknowns replaced by their parts and terms evaluated by sympy."""
    functions = {
        u.func: [sympy.Function(part.func.__name__, real=True) for part in own]
        for u, own in zip(given, parts, strict=True)
    }
    symbols = {
        s: sympy.Dummy(s.name, real=True)
        for s in sorted(expression.atoms(sympy.Symbol), key=str)
        if s.is_real is None and s.is_commutative
    }
    put = {}
    for atom in expression.atoms(AppliedUndef):
        if atom.func in functions:
            real, *imaginary = (part(*atom.args) for part in functions[atom.func])
            put[atom] = real + sympy.I * imaginary[0] if imaginary else real
    whole = expressions.done(expression.xreplace(put).xreplace(symbols), expression, integrals=False)
    try:
        found = _parts_of(whole)
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # from sympy
        raise ValueError(
            f"{shown(expression)} cannot be split into real and imaginary parts: {error}"
        ) from None
    back: dict[Any, Any] = {real: s for s, real in symbols.items()}
    plain = {
        real: own
        for u, ours in zip(given, parts, strict=True)
        for real, own in zip(functions[u.func], ours, strict=True)
    }
    result = []
    for part in found:
        if part.has(sympy.I, sympy.re, sympy.im, sympy.arg):
            raise ValueError(f"{shown(expression)} cannot be split into real and imaginary parts by sympy")
        renamed = {a: plain[a.func].func(*a.args) for a in part.atoms(AppliedUndef) if a.func in plain}
        result.append(part.xreplace(renamed).xreplace(back))
    return result[0], result[1]


def _parts_of(expression: Any) -> tuple[Any, Any]:
    """(re, im) of an expression in real functions."""
    held: dict[Any, Any] = {}

    def keep(term: Any) -> Any:
        """A real symbol for a real term."""
        return term if term == 0 else held.setdefault(term, sympy.Dummy(f"d{len(held)}", real=True))

    def joined(pairs: Sequence[tuple[Any, Any]], make: Callable[[Sequence[Any]], Any]) -> Any:
        """make(real parts) + i make(imaginary parts), for a `make` that keeps 0 and real values."""
        parts = [
            make(part) if any(e != 0 for e in part) else sympy.Integer(0) for part in zip(*pairs, strict=True)
        ]
        return keep(parts[0]) + sympy.I * keep(parts[1])

    def hold(term: Any) -> Any:
        """The term with real symbols for unknowns, their derivatives, and real parts of integrals."""
        if not term.has(AppliedUndef):
            return term
        if isinstance(term, (AppliedUndef, sympy.Derivative)):
            return keep(term)
        if isinstance(term, sympy.Subs):
            return joined([_parts_of(term.expr)], lambda e: sympy.Subs(e[0], term.variables, term.point))
        if isinstance(term, sympy.Integral):
            return joined([_parts_of(term.function)], lambda e: sympy.Integral(e[0], *term.limits))
        if isinstance(term, sympy.Piecewise):
            conditions = [condition(where) for _, where in term.args]
            return joined(
                [_parts_of(piece) for piece, _ in term.args],
                lambda e: sympy.Piecewise(*zip(e, conditions, strict=True)),
            )
        inner = [hold(each) for each in term.args]
        if isinstance(term, (sympy.sign, sympy.arg)) and inner[0].is_real is not True:
            real, imaginary = inner[0].expand(complex=True).as_real_imag()
            return (
                inner[0] / sympy.Abs(inner[0])
                if isinstance(term, sympy.sign)
                else sympy.atan2(imaginary, real)
            )
        return term.func(*inner)

    def condition(term: Any) -> Any:
        if isinstance(term, (sympy.And, sympy.Or, sympy.Not)):
            return term.func(*map(condition, term.args))
        if not isinstance(term, Relational) or not term.has(AppliedUndef):
            return term
        sides = [_parts_of(side) for side in term.args]
        if any(imaginary != 0 for _, imaginary in sides):
            raise ValueError(f"{term} compares complex numbers")
        return term.func(*(real for real, _ in sides))

    whole = hold(expression)
    parts = whole.as_real_imag()
    if any(part.has(sympy.re, sympy.im) for part in parts):
        parts = whole.expand(complex=True).as_real_imag()
    back = {symbol: term for term, symbol in held.items()}
    real, imaginary = (sympy.expand_mul(part, deep=False).xreplace(back) for part in parts)
    return real, imaginary
