"""Differential equations written in sympy, compiled: residuals and their exact partial derivatives.

    x, t = symbols("x t")
    u = Function("u")(x, t)
    burgers = Equation(u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2), unknown=u, variables=(x, t))

An equation is evaluated from the Taylor coefficients of the unknown, for instance of a network, along a few
directions: pure derivatives along the axes, and u_xy by polarisation, D_{x+y}^2 u = u_xx + 2 u_xy + u_yy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import factorial
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from splinekan._arrays import trusted
from splinekan._checks import Float64Array, real_array, sequence, shown
from splinekan.equations import expressions
from splinekan.equations.features import MAX_ORDER, expression, located
from splinekan.equations.unknown import Unknown


@dataclass(frozen=True)
class DerivativeTerm:
    """A symbol of the residual: the sum of weights times channels of an unknown.

    Unknown constants are counted after the unknown functions.
    """

    unknown: int
    channels: tuple[tuple[int, float], ...]


@dataclass(frozen=True, eq=False)
class Equation:
    """The equation residual = 0 for one or more unknown functions of the variables.

    Boundary, initial and interface conditions are equations too, posed on other points. The residual may hold
    unknown constants (`Unknown`), which are estimated with the unknown functions.

    Parameters
    ----------
    residual
        A sympy expression, or an `Eq`, in the variables, the unknowns and their derivatives up to order 4;
        mixed derivatives of order 2 only. Coefficients may be functions of the variables that NumPy or SciPy
        compute. All quantities are real: |u|, sign, Max, floor and Piecewise are differentiated almost
        everywhere, and re(u) is u. Unknowns are evaluated at the variables only: u(0), u'(0) and integrals of
        u are refused.
    unknown
        u(x, ...), an applied function of sympy, or a sequence of applied functions: the outputs of the
        network.
    variables
        Symbols with different names, in the order of the columns of points. sympy simplifies with the
        declared signs of symbols (positive=True), so points of the other sign are refused.

    Attributes
    ----------
    directions
        Vectors in the space of the variables.
    orders
        The number of Taylor coefficients along each direction.
    constants
        The unknown constants of the residual, by name.

    Raises
    ------
    TypeError, ValueError
        For a term of the residual, which the message names, that is not made of variables, unknowns and real
        numbers, or cannot be compiled; for unknowns that do not depend on the variables; for derivatives of
        higher order; if no unknown occurs.

    Examples
    --------
    >>> from sympy import Function, symbols
    >>> x, y = symbols("x y")
    >>> u = Function("u")(x, y)
    >>> laplace = Equation(u.diff(x, 2) + u.diff(y, 2), unknown=u, variables=(x, y))
    >>> laplace.order, laplace.orders
    (2, (2, 2))
    """

    residual: Any
    unknown: Any
    variables: Sequence[sympy.Symbol]
    directions: tuple[tuple[float, ...], ...] = field(init=False)
    orders: tuple[int, ...] = field(init=False)
    order: int = field(init=False)
    constants: tuple[Unknown, ...] = field(init=False)
    terms: tuple[DerivativeTerm, ...] = field(init=False, repr=False)
    _outputs: tuple[Any, ...] = field(init=False, repr=False)
    _symbols: tuple[Any, ...] = field(init=False, repr=False)
    _compiled: Callable[..., Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        expression, unknowns, variables = self._read()
        reals = expressions.Reals(variables, unknowns)
        with expressions.naming("residual"):
            real = reals.read(expression)
            constants = _constants(real, variables)
            derivatives = self._derivatives(real, reals, constants)
            directions: dict[tuple[int, ...], int] = {}
            for _, index in derivatives:
                for direction, order in _needed(index):
                    directions[direction] = max(directions.get(direction, 0), order)
            ends = np.cumsum([1, *directions.values()])
            first = {direction: int(at) for direction, at in zip(directions, ends, strict=False)}
            count = len(derivatives)
            names = [sympy.Symbol(f"_q{i}", real=True) for i in range(count + len(constants))]
            symbol_of: dict[Any, Any] = dict(zip(reals.variables, reals.symbols, strict=True))
            symbol_of |= zip(constants, names[count:], strict=True)
            for (which, index), name in zip(derivatives, names, strict=False):
                symbol_of[_derivative(reals.unknowns[which], reals.variables, index)] = name
            residual = expressions.compilable(real, symbol_of, reals.original)
            meaning = {symbol: term for term, symbol in symbol_of.items()}
            outputs = [residual]
            for name in names:
                slope = expressions.slope(residual, name)
                outputs.append(
                    expressions.compilable(
                        slope,
                        {symbol: symbol for symbol in meaning},
                        lambda term: (
                            f"{reals.original(term.xreplace(meaning))}, a derivative of the residual"
                        ),
                    )
                )
        settings = {
            "unknown": tuple(unknowns) if isinstance(self.unknown, (list, tuple)) else unknowns[0],
            "variables": variables,
            "directions": tuple(directions),
            "orders": tuple(directions.values()),
            "order": max((sum(index) for _, index in derivatives), default=0),
            "constants": constants,
            "terms": (
                *(DerivativeTerm(which, _weights(index, first)) for which, index in derivatives),
                *(DerivativeTerm(len(unknowns) + i, ((0, 1.0),)) for i in range(len(constants))),
            ),
            "_outputs": tuple(outputs),
            "_symbols": (*reals.symbols, *names),
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)
        self._compile()

    def _compile(self) -> None:
        compiled = expressions.compiled(self._symbols, self._outputs, f"the residual {shown(self.residual)}")
        object.__setattr__(self, "_compiled", compiled)

    def __getstate__(self) -> dict[str, Any]:
        """All but the compiled function, which is compiled again from the same expressions."""
        return {name: value for name, value in self.__dict__.items() if name != "_compiled"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._compile()

    @property
    def n_unknowns(self) -> int:
        """Number of unknown functions."""
        return len(self.unknown) if isinstance(self.unknown, (list, tuple)) else 1

    @property
    def n_outputs(self) -> int:
        """Number of unknown functions and of unknown constants."""
        return self.n_unknowns + len(self.constants)

    @property
    def channels(self) -> int:
        """1 + the sum of the orders."""
        return 1 + sum(self.orders)

    def evaluate(self, points: Float64Array, jets: Float64Array) -> tuple[Float64Array, Float64Array]:
        """r, (n,), and dr/d(jets), (n, channels, n_outputs), from Taylor coefficients of that shape.

        Unknown constants are the last outputs; only their channel 0 counts.

        Raises
        ------
        TypeError, ValueError
            For points and coefficients of other shapes or kinds, and points of a sign that the declaration of
            a variable excludes.
        """
        points = self._points("points", points)
        shape = (len(points), self.channels, self.n_outputs)
        jets = real_array("jets", jets, shape=shape, finite=False).astype(np.float64, copy=False)
        return self._evaluate(points, jets)

    def _evaluate(self, points: Float64Array, jets: Float64Array) -> tuple[Float64Array, Float64Array]:
        n = len(points)
        derivatives = [
            sum(weight * jets[:, channel, term.unknown] for channel, weight in term.channels)
            for term in self.terms
        ]
        with np.errstate(all="ignore"):  # Piecewise evaluates every branch everywhere
            residual, *partials = self._compiled(*points.T, *derivatives)
        cotangent = np.zeros_like(jets)
        for term, partial in zip(self.terms, partials, strict=True):
            for channel, weight in term.channels:
                cotangent[:, channel, term.unknown] += weight * partial
        return np.array(np.broadcast_to(residual, n), dtype=np.float64), cotangent

    def _in_units(self, lengths: Sequence[float]) -> Equation:
        """The equation with the directions of mixed derivatives in units of the variables.

        D_{x+y}^2 u = u_xx + 2 u_xy + u_yy loses the middle term to rounding where x and y vary on scales far
        apart. With the lengths h of these scales, D along h_x e_x + h_y e_y serves instead.
        """
        h = [2.0 ** round(np.log2(length / max(lengths))) for length in lengths]  # products are exact
        mixed = [sum(map(bool, way)) > 1 for way in self.directions]
        if len(set(h)) == 1 or not any(mixed):
            return self
        directions = [
            tuple(v * length for v, length in zip(way, h, strict=True)) if both else way
            for way, both in zip(self.directions, mixed, strict=True)
        ]
        first = np.cumsum([1, *self.orders]).tolist()
        way_of = {first[d] + 1: way for d, way in enumerate(self.directions) if self.orders[d] > 1}
        terms = []
        for term in self.terms:
            channels = term.channels
            if len(channels) > 1:
                (both, _), *single = channels
                x, y = (next(i for i, v in enumerate(way_of[channel]) if v) for channel, _ in single)
                weights = (1 / (h[x] * h[y]), -h[x] / h[y], -h[y] / h[x])
                channels = tuple(zip((both, single[0][0], single[1][0]), weights, strict=True))
            terms.append(DerivativeTerm(term.unknown, channels))
        return trusted(Equation, **vars(self) | {"directions": tuple(directions), "terms": tuple(terms)})

    def _among(self, names: Sequence[str]) -> Equation:
        """The equation with its constants in the places of these names, behind the unknown functions."""
        m = self.n_unknowns
        terms = tuple(
            replace(term, unknown=m + names.index(self.constants[term.unknown - m].name))
            if term.unknown >= m
            else term
            for term in self.terms
        )
        return self if terms == self.terms else trusted(Equation, **vars(self) | {"terms": terms})

    def _points(self, name: str, value: Any) -> Float64Array:
        return located(name, value, self.variables)

    def _read(self) -> tuple[Any, list[Any], tuple[sympy.Symbol, ...]]:
        variables = expressions.read_variables("variables", self.variables)
        several = isinstance(self.unknown, (list, tuple))
        unknowns = list(sequence("unknown", self.unknown)) if several else [self.unknown]
        for u in unknowns:
            if not isinstance(u, AppliedUndef):
                raise TypeError(f"unknown must be written u(x, ...), got {shown(u)}")
            if tuple(u.args) != variables:
                raise ValueError(f"unknown {u} must depend on the variables {variables}, in that order")
            expressions.require_real("unknown", u)
        if len({u.func.__name__ for u in unknowns}) < len(unknowns):
            raise ValueError(f"unknown must hold different functions, got {unknowns}")
        return expressions.read("residual", self.residual), unknowns, variables

    @staticmethod
    def _derivatives(
        expression: Any, reals: expressions.Reals, constants: Sequence[Unknown]
    ) -> list[tuple[int, tuple[int, ...]]]:
        """(unknown, orders) of every unknown and derivative in the expression, sorted by name."""
        occurring: list[tuple[int, tuple[int, ...]]] = []
        atoms = expression.atoms(sympy.Derivative) | expression.atoms(AppliedUndef)
        for atom in sorted(atoms, key=reals.original):
            is_derivative = isinstance(atom, sympy.Derivative)
            function = atom.expr if is_derivative else atom
            if function not in reals.unknowns:
                continue
            counts = dict(atom.variable_count) if is_derivative else {}
            if not all(s in reals.variables and n.is_Integer for s, n in counts.items()):
                continue  # `compilable` refuses it by name
            index = tuple(int(counts.get(v, 0)) for v in reals.variables)
            mixed = sum(n > 0 for n in index) > 1
            if sum(index) > (2 if mixed else MAX_ORDER):
                raise ValueError(
                    f"{reals.original(atom)} is not available: derivatives go up to order {MAX_ORDER} in a "
                    "single variable and to order 2 in several variables"
                )
            occurring.append((reals.unknowns.index(function), index))
        if not occurring and not constants:
            known = {symbol: symbol for symbol in reals.variables}
            expressions.compilable(expression, known, reals.original)  # u + oo is oo, which this refuses
            raise ValueError(
                f"no unknown of {', '.join(map(reals.original, reals.unknowns))} occurs in "
                f"{reals.original(expression)}"
            )
        return list(dict.fromkeys(occurring))


def manufactured(residual: Any, substitutions: Mapping[Any, Any]) -> Any:
    """The residual of given expressions for the unknowns, which is the forcing of a manufactured solution.

    Values at other points, u'(0) for instance, are the values of the expressions there.

    Parameters
    ----------
    residual
        A sympy expression, or an `Eq`.
    substitutions
        A dictionary from u(x, ...), applied to different symbols, to an expression in these symbols.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, and for expressions that sympy cannot evaluate.
    """
    if not isinstance(substitutions, Mapping) or not substitutions:
        raise TypeError(
            f"substitutions must be a dictionary from unknowns to expressions, got {shown(substitutions)}"
        )
    forms = {
        _unknown("every key of substitutions", unknown): expression(f"substitutions[{unknown}]", form)
        for unknown, form in substitutions.items()
    }
    return expressions.replaced(expressions.read("residual", residual), forms)


def ansatz(residual: Any, unknown: Any, form: Any) -> Any:
    """`residual` with the unknown replaced by `form`, an expression in the same unknown.

    Conditions are imposed exactly in this way: with form = x (1 - x) u the function vanishes at 0 and 1.

    Parameters
    ----------
    residual
        A sympy expression, or an `Eq`, with the unknown.
    unknown
        u(x, ...), applied to different symbols.
    form
        An expression with u(x, ...) or its derivatives, evaluated at the variables only.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, and for expressions that sympy cannot evaluate.
    """
    unknown, form = _unknown("unknown", unknown), expression("form", form)
    residual = expressions.read("residual", residual)
    evaluated = expressions.done(form, form)
    inside = {atom for atom in evaluated.atoms(AppliedUndef) if atom.func == unknown.func}
    if not inside:
        raise ValueError(f"form must hold the unknown {unknown}, got {shown(form)}")
    elsewhere = inside - {unknown}
    elsewhere |= {
        term
        for term in evaluated.atoms(*expressions.PLACES)
        if term.has(unknown.func) and not (isinstance(term, sympy.Derivative) and term.expr == unknown)
    }
    if elsewhere:
        raise ValueError(
            f"form must hold {unknown} and its derivatives at the variables only, got {elsewhere.pop()}"
        )
    if not any(atom.func == unknown.func for atom in residual.atoms(AppliedUndef)):
        raise ValueError(f"residual must hold the unknown {unknown}, got {shown(residual)}")
    stand_in = sympy.Function("_stand_in")(*unknown.args)
    inner = evaluated.xreplace({unknown: stand_in})
    return expressions.replaced(expressions.replaced(residual, {unknown: inner}), {stand_in: unknown})


def _unknown(name: str, value: Any) -> Any:
    if not isinstance(value, AppliedUndef):
        raise TypeError(f"{name} must be written u(x, ...), got {shown(value)}")
    if not all(isinstance(s, sympy.Symbol) for s in value.args) or len(set(value.args)) < len(value.args):
        raise ValueError(f"{name} must be a function of different symbols, got {value}")
    return value


def _constants(expression: Any, variables: Sequence[Any]) -> tuple[Unknown, ...]:
    """The unknown constants in an evaluated expression, sorted by name."""
    found = sorted((s for s in expression.free_symbols if isinstance(s, Unknown)), key=lambda s: s.name)
    names = [s.name for s in found]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ValueError(f"the expression holds the unknown constant {name} with two starting values")
        if name in [variable.name for variable in variables]:
            raise ValueError(f"the expression holds an unknown constant named {name}, as a variable is")
    return tuple(found)


def _derivative(u: Any, variables: Sequence[Any], index: tuple[int, ...]) -> Any:
    counts = [(v, n) for v, n in zip(variables, index, strict=True) if n > 0]
    return u.diff(*counts) if counts else u


def _axis(index: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(n > 0) for n in index)


def _needed(index: tuple[int, ...]) -> list[tuple[tuple[int, ...], int]]:
    """The directions and orders whose Taylor coefficients give a derivative."""
    active = [i for i, n in enumerate(index) if n > 0]
    if not active:
        return []
    if len(active) == 1:
        return [(_axis(index), sum(index))]
    units = [tuple(int(i == a) for i in range(len(index))) for a in active]
    return [(_axis(index), 2), *((unit, 2) for unit in units)]


def _weights(index: tuple[int, ...], first: dict[tuple[int, ...], int]) -> tuple[tuple[int, float], ...]:
    """A derivative as a combination of channels."""
    needed = _needed(index)
    if not needed:
        return ((0, 1.0),)
    if len(needed) == 1:
        direction, order = needed[0]
        return ((first[direction] + order - 1, float(factorial(order))),)
    both, *single = (first[direction] + 1 for direction, _ in needed)
    return ((both, 1.0), *((channel, -1.0) for channel in single))
