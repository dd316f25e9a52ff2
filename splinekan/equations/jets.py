"""Terms of an equation: derivatives of the unknowns, their places, and integrals over them.

In an evaluated expression every unknown or derivative is a jet: the number of the unknown, the orders of the
derivative, and the arguments, a place. u(x, t) and its derivatives are at the place (x, t) of the variables;
u(0, t), u(x/2, t) and Subs(Derivative(u(x, t), x), x, 0) are at others. Integrals of unknowns are integrals
of jets over nodes in the unit cube.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from splinekan.equations import expressions

Kind = tuple[int, tuple[int, ...]]
"""The number of an unknown, and the orders of its derivative."""


@dataclass(frozen=True)
class UnitIntegral:
    """An integral over the unit cube in the directions of the nodes, and its symbol in the residual."""

    symbol: Any
    integrand: Any
    nodes: tuple[Any, ...]


@dataclass
class Jets:
    """An expression with jets instead of unknowns, and its integrals.

    Parameters
    ----------
    reals
        The real variables and unknowns.

    Attributes
    ----------
    kinds
        The kind of every function that stands for a jet.
    integrals
        The symbols that represent the integrals in the expression.
    """

    reals: expressions.Reals
    kinds: dict[Any, Kind] = field(default_factory=dict)
    integrals: list[UnitIntegral] = field(default_factory=list)

    def read(self, expression: Any) -> Any:
        """The expression, evaluated, in which symbols stand for integrals and functions for jets elsewhere.

        Jets at the variables remain unknowns and their derivatives.
        """
        if not any(map(self._elsewhere, expression.atoms(AppliedUndef, *expressions.PLACES))):
            return self.reals.done(expression)
        return self._at_variables(self._without_integrals(self._jets(expression), expression))

    def _elsewhere(self, term: Any) -> bool:
        """Whether a term may evaluate an unknown at points other than the variables."""
        if isinstance(term, AppliedUndef):
            return term not in self.reals.unknowns
        if isinstance(term, sympy.Derivative):
            return False  # the function inside is visited separately
        return bool(term.has(AppliedUndef))

    def of(self, jet: Any) -> Kind | None:
        """The kind of a jet; None for other terms."""
        return self.kinds.get(jet.func) if isinstance(jet, AppliedUndef) else None

    def function(self, kind: Kind) -> Any:
        """The function that stands for jets of a kind."""
        function = sympy.Function(f"_jet_{kind[0]}_{'_'.join(map(str, kind[1]))}", real=True)
        self.kinds[function] = kind
        return function

    def original(self, expression: Any) -> str:
        """`expression` in the names of the user, for messages."""
        back = {}
        for jet in expression.atoms(AppliedUndef):
            kind = self.of(jet)
            if kind is not None:
                symbols = [sympy.Dummy(v.name, real=True) for v in self.reals.variables]
                unknown = self.reals.unknowns[kind[0]].func(*symbols)
                inner = unknown.diff(*_counts(symbols, kind[1])) if any(kind[1]) else unknown
                changed = [
                    (s, a)
                    for s, a, n in zip(symbols, jet.args, kind[1], strict=True)
                    if n and not a.is_Symbol
                ]
                plain = {
                    s: a for s, a, n in zip(symbols, jet.args, kind[1], strict=True) if not n or a.is_Symbol
                }
                inner = inner.xreplace(plain)
                back[jet] = sympy.Subs(inner, *zip(*changed, strict=True)) if changed else inner
        for integral in self.integrals:
            if expression.has(integral.symbol):
                back[integral.symbol] = sympy.Symbol("Integral(...)")
        return self.reals.original(expression.xreplace(back))

    def _refuse(self, term: Any, why: str) -> ValueError:
        return ValueError(f"the expression holds {self.original(term)}: {why}")

    def _jets(self, term: Any) -> Any:
        """`term` with a jet for every unknown; integrals are over the unit cube."""
        if not term.has(AppliedUndef):
            return term
        if isinstance(term, AppliedUndef):
            return self._jet(term, (0,) * len(term.args))
        if isinstance(term, sympy.Derivative):
            return self._derivative(term)
        if isinstance(term, sympy.Subs):
            inner = self._jets(term.expr)
            at = [self._place(point, term) for point in term.point]
            return inner.xreplace(dict(zip(term.variables, at, strict=True)))
        if isinstance(term, sympy.Integral):
            return self._integral(term)
        if isinstance(term, expressions.PLACES):
            raise self._refuse(
                term,
                f"unknowns under {type(term).__name__} are not supported, unless sympy can evaluate the term",
            )
        return term.func(*map(self._jets, term.args))

    def _jet(self, function: Any, index: tuple[int, ...]) -> Any:
        which = [u.func for u in self.reals.unknowns].index(function.func)
        count = len(self.reals.variables)
        if len(function.args) != count:
            raise self._refuse(function, f"the unknown has {count} arguments, got {len(function.args)}")
        return self.function((which, index))(*(self._place(argument, function) for argument in function.args))

    def _derivative(self, term: Any) -> Any:
        function = term.expr
        if not isinstance(function, AppliedUndef):
            raise self._refuse(term, "sympy cannot differentiate it")
        index = [0] * len(function.args)
        for symbol, count in term.variable_count:
            at = [i for i, a in enumerate(function.args) if a == symbol]
            others = [a for i, a in enumerate(function.args) if [i] != at]
            if len(at) != 1 or any(a.has(symbol) for a in others) or not count.is_Integer:
                raise self._refuse(term, "derivatives are taken in the arguments of an unknown")
            index[at[0]] += int(count)
        return self._jet(function, tuple(index))

    def _place(self, argument: Any, term: Any) -> Any:
        if argument.has(AppliedUndef):
            raise self._refuse(
                term,
                "places and limits of integrals that depend on an unknown are not supported",
            )
        return argument

    def _integral(self, term: Any) -> Any:
        """An integral over the unit cube: s = a + (b - a) node."""
        integrand = self._jets(expressions.done(term.function, term, integrals=False))
        nodes = []
        for limit in term.limits:
            if len(limit) != 3:
                raise self._refuse(term, "an integral of an unknown needs limits, Integral(f, (s, a, b))")
            s, low, high = limit[0], self._place(limit[1], term), self._place(limit[2], term)
            if low.is_infinite or high.is_infinite:
                raise self._refuse(term, "an integral of an unknown needs finite limits")
            node = sympy.Dummy("node", real=True)
            integrand = integrand.xreplace({s: low + (high - low) * node}) * (high - low)
            nodes.append(node)
        return sympy.Integral(integrand, *((node, 0, 1) for node in nodes))

    def _without_integrals(self, expression: Any, original: Any) -> Any:
        """A symbol for every integral of jets; integrals of the other terms are evaluated."""
        found = {}
        for integral in _outermost(expression):
            total = sympy.Integer(0)
            for integrand, nodes in self._merged(integral, original):
                symbol = sympy.Symbol(f"_i{len(self.integrals)}", real=True)
                done = self._at_variables(self.reals.done(integrand))
                self.integrals.append(UnitIntegral(symbol, done, nodes))
                total += symbol
            found[integral] = total
        return self.reals.done(expression.xreplace(found))

    def _merged(self, integral: Any, original: Any) -> list[tuple[Any, tuple[Any, ...]]]:
        """An integral as a sum of integrals without inner integrals: integrands and nodes."""
        inner = _outermost(integral.function)
        stand_in = {each: sympy.Dummy("integral", real=True) for each in inner}
        nodes = tuple(limit[0] for limit in integral.limits)
        outer = integral.function.xreplace(stand_in)
        slopes = {each: outer.diff(symbol) for each, symbol in stand_in.items()}
        if any(slope.has(*stand_in.values()) for slope in slopes.values()):
            raise self._refuse(
                original, "an integral in the integrand of another integral may occur linearly only"
            )
        rest = outer.xreplace(dict.fromkeys(stand_in.values(), sympy.Integer(0)))
        found = [(rest, nodes)] if rest != 0 else []
        for each, slope in slopes.items():
            found += [(slope * integrand, (*nodes, *own)) for integrand, own in self._merged(each, original)]
        return found

    def _at_variables(self, expression: Any) -> Any:
        """The expression with unknowns and their derivatives for the jets at the variables."""
        variables = tuple(self.reals.variables)
        here = {}
        for jet in expression.atoms(AppliedUndef):
            kind = self.of(jet)
            if kind is not None and jet.args == variables:
                u = self.reals.unknowns[kind[0]]
                here[jet] = u.diff(*_counts(variables, kind[1])) if any(kind[1]) else u
        return expression.xreplace(here)


def _counts(variables: Sequence[Any], index: Sequence[int]) -> list[tuple[Any, int]]:
    return [(v, n) for v, n in zip(variables, index, strict=True) if n > 0]


def _outermost(expression: Any) -> list[Any]:
    """The integrals of jets that lie in no other integral."""
    if not expression.has(sympy.Integral) or not expression.has(AppliedUndef):
        return []
    if isinstance(expression, sympy.Integral):
        return [expression]
    found = [each for argument in expression.args for each in _outermost(argument)]
    return list(dict.fromkeys(found))
