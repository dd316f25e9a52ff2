"""Differential equations written in sympy, compiled: residuals and their exact partial derivatives.

    x, t = symbols("x t")
    u = Function("u")(x, t)
    burgers = Equation(u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2), unknown=u, variables=(x, t))

Whatever stands for the unknown, a network for instance, is asked for Taylor coefficients along a few
directions: pure derivatives along the axes, u_xy by polarisation from x + y, because
D_{x+y}^2 u = u_xx + 2 u_xy + u_yy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import factorial
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from splinekan._checks import Float64Array, real_array

MAX_ORDER = 4


@dataclass(frozen=True)
class Term:
    """What one symbol of the residual stands for: sum of weight times channel, of one unknown."""

    unknown: int
    channels: tuple[tuple[int, float], ...]


@dataclass(frozen=True, eq=False)
class Equation:
    """residual = 0, for one or several unknown functions of the variables.

    Boundary, initial and interface conditions are equations too, posed on other points.

    Parameters
    ----------
    residual
        A sympy expression, or an `Eq`, in the variables, the unknowns and their derivatives up to order 4;
        mixed derivatives of order 2 only. Coefficients may be any functions of the variables, Piecewise too.
    unknown
        u(x, ...) as sympy writes an applied function, or a sequence of them: the outputs of the network.
    variables
        Symbols in the order of the points' columns.

    Attributes
    ----------
    directions
        Vectors in the space of the variables.
    orders
        Taylor coefficients that are needed along each.

    Raises
    ------
    TypeError, ValueError
        If something in the residual is neither a variable nor an unknown nor a number; for unknowns that do
        not depend on the variables; for derivatives that are not carried; if no unknown occurs.

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
    directions: tuple[tuple[int, ...], ...] = field(init=False)
    orders: tuple[int, ...] = field(init=False)
    order: int = field(init=False)
    terms: tuple[Term, ...] = field(init=False, repr=False)
    _compiled: Callable[..., Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        expression, unknowns, variables = self._read()
        derivatives = self._derivatives(expression, unknowns, variables)
        directions: dict[tuple[int, ...], int] = {}
        for _, index in derivatives:
            for direction, order in _needed(index):
                directions[direction] = max(directions.get(direction, 0), order)
        ends = np.cumsum([1, *directions.values()])
        first = {direction: int(at) for direction, at in zip(directions, ends, strict=False)}
        terms = tuple(Term(which, _weights(index, first)) for which, index in derivatives)
        names = sympy.symbols(f"_q0:{len(derivatives)}", seq=True)
        replaced = expression
        # The highest derivatives first: the function itself is part of every one of them.
        for (which, index), name in sorted(
            zip(derivatives, names, strict=True), key=lambda pair: -sum(pair[0][1])
        ):
            replaced = replaced.subs(_derivative(unknowns[which], variables, index), name)
        foreign = replaced.free_symbols - set(variables) - set(names)
        if foreign or replaced.atoms(AppliedUndef):
            strange = ", ".join(sorted(str(s) for s in foreign | replaced.atoms(AppliedUndef)))
            raise ValueError(
                f"the residual holds {strange}: give numbers for parameters, and name every unknown function "
                f"in `unknown` and every variable in `variables`"
            )
        outputs = [replaced, *(replaced.diff(name) for name in names)]
        compiled = sympy.lambdify([*variables, *names], outputs, modules=["numpy", "scipy"], cse=True)
        settings = {
            "directions": tuple(directions),
            "orders": tuple(directions.values()),
            "order": max((sum(index) for _, index in derivatives), default=0),
            "terms": terms,
            "_compiled": compiled,
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)

    @property
    def n_unknowns(self) -> int:
        """Number of unknown functions."""
        return len(self.unknown) if isinstance(self.unknown, (list, tuple)) else 1

    @property
    def channels(self) -> int:
        """1 + the sum of the orders."""
        return 1 + sum(self.orders)

    def evaluate(self, points: Float64Array, jets: Float64Array) -> tuple[Float64Array, Float64Array]:
        """r, (n,), and dr/d(jets), (n, channels, n_unknowns), from Taylor coefficients of that shape."""
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

    def _read(self) -> tuple[Any, list[Any], list[sympy.Symbol]]:
        expression = self.residual
        if isinstance(expression, sympy.Equality):
            expression = expression.lhs - expression.rhs
        if not isinstance(expression, sympy.Expr):
            raise TypeError(f"residual must be a sympy expression, got {self.residual!r:.60}")
        unknowns = list(self.unknown) if isinstance(self.unknown, (list, tuple)) else [self.unknown]
        variables = list(self.variables)
        for u in unknowns:
            if not isinstance(u, AppliedUndef):
                raise TypeError(f"an unknown is written u(x, ...), got {u!r:.60}")
            if tuple(u.args) != tuple(variables):
                raise ValueError(
                    f"unknown {u} must depend on the variables {tuple(variables)}, in that order"
                )
        return expression.doit(), unknowns, variables

    @staticmethod
    def _derivatives(expression: Any, unknowns: list[Any], variables: list[Any]) -> list[Any]:
        found: list[tuple[int, tuple[int, ...]]] = []
        for atom in sorted(expression.atoms(sympy.Derivative) | expression.atoms(AppliedUndef), key=str):
            function = atom.expr if isinstance(atom, sympy.Derivative) else atom
            if function not in unknowns:
                continue
            counts = dict(atom.variable_count) if isinstance(atom, sympy.Derivative) else {}
            index = tuple(int(counts.get(v, 0)) for v in variables)
            mixed = sum(n > 0 for n in index) > 1
            if sum(index) > (2 if mixed else MAX_ORDER):
                raise ValueError(
                    f"{atom} is not carried: derivatives go up to order {MAX_ORDER} in one variable, "
                    "and up to order 2 in several"
                )
            if (unknowns.index(function), index) not in found:
                found.append((unknowns.index(function), index))
        if not found:
            raise ValueError(f"no unknown of {unknowns} occurs in {expression}")
        return found


def manufactured(residual: Any, substitutions: Mapping[Any, Any]) -> Any:
    """The value of `residual` when the unknowns are the given expressions: the forcing that they need."""
    return residual.subs(substitutions).doit()


def ansatz(residual: Any, unknown: Any, form: Any) -> Any:
    """`residual` with the unknown replaced by `form`, which holds it again.

    So conditions are built in: with form = x (1 - x) u the replaced function vanishes at 0 and 1.
    """
    stand_in = sympy.Function("_stand_in")(*unknown.args)
    return residual.subs(unknown, form.subs(unknown, stand_in)).doit().subs(stand_in, unknown).doit()


@dataclass(frozen=True, eq=False)
class Features:
    """Inputs of a network as functions of the variables: the variables themselves, then `extra` ones.

    |x| is one that lets a network bend at an interface: its derivative is sign(x), and 0 beyond. Which
    side a point on the interface belongs to is told by the sign of the coordinate: take points
    `numpy.nextafter(0, 1)` and `nextafter(0, -1)`.

    With `box`, one interval per variable, the variables enter mapped from it to [-1, 1]; extra ones do not.
    A variable whose interval is None does not enter: cos(pi x) in its place is periodic and even.
    """

    variables: Sequence[sympy.Symbol]
    extra: Sequence[Any] = ()
    box: Sequence[tuple[float, float] | None] | None = None

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return len(self._entering) + len(self.extra)

    @property
    def _entering(self) -> list[int]:
        """Which variables are inputs themselves."""
        every = range(len(self.variables))
        return [i for i in every if self.box is None or i >= len(self.box) or self.box[i] is not None]

    def jets(self, points: Float64Array, directions: Sequence[Sequence[int]], orders: Sequence[int]) -> Any:
        """Taylor coefficients of the inputs, (n, channels, n_inputs)."""
        given = real_array("points", points, shape=(None, len(self.variables)))
        points = given.astype(np.float64, copy=False)
        n, entering = len(points), self._entering
        m = len(entering)
        x = np.zeros((n, 1 + sum(orders), self.n_inputs))
        scale: Any = 1.0
        x[:, 0, :m] = points[:, entering]
        if self.box is not None:
            given_ends = [self.box[i] for i in entering if i < len(self.box)]
            ends = np.array(given_ends, dtype=np.float64)
            fits = len(self.box) == len(self.variables) and ends.shape == (m, 2)
            if not fits or not (ends[:, 0] < ends[:, 1]).all():
                raise ValueError(
                    f"box must hold an interval (a, b), a < b, or None for each of {len(self.variables)} "
                    f"variables, got {self.box}"
                )
            scale = 2 / (ends[:, 1] - ends[:, 0])
            x[:, 0, :m] = (x[:, 0, :m] - ends[:, 0]) * scale - 1  # both ends map to -1 and 1 exactly
        for f, function in enumerate(self.extra):
            x[:, 0, m + f] = _numbers(function, self.variables, points)
        at = 1
        for direction, order in zip(directions, orders, strict=True):
            x[:, at, :m] = np.array(direction, dtype=np.float64)[entering] * scale
            current = list(self.extra)
            for j in range(order):
                for f, function in enumerate(current):
                    terms = zip(direction, self.variables, strict=True)
                    slope = sum((v * function.diff(s) for v, s in terms), sympy.Integer(0))
                    current[f] = _smooth(slope)
                    x[:, at + j, m + f] = _numbers(current[f], self.variables, points) / factorial(j + 1)
            at += order
        return x


def _smooth(expression: Any) -> Any:
    """d|x|/dx = sign x and nothing at the kink."""
    expression = expression.replace(
        lambda e: isinstance(e, sympy.Derivative) and isinstance(e.expr, sympy.sign),
        lambda e: sympy.Integer(0),
    )
    expression = expression.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
    # For symbols not said to be real, sympy differentiates through real and imaginary parts.
    real = {s: sympy.Symbol(s.name, real=True) for s in expression.free_symbols}
    back = {r: s for s, r in real.items()}
    return expression.subs(real).doit().subs(back)


def _numbers(expression: Any, variables: Sequence[Any], points: Float64Array) -> Float64Array:
    values = sympy.lambdify(list(variables), expression, modules=["numpy", "scipy"])(*points.T)
    return np.array(np.broadcast_to(values, len(points)), dtype=np.float64)


def _derivative(u: Any, variables: list[Any], index: tuple[int, ...]) -> Any:
    counts = [(v, n) for v, n in zip(variables, index, strict=True) if n > 0]
    return u.diff(*counts) if counts else u


def _axis(index: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(n > 0) for n in index)


def _needed(index: tuple[int, ...]) -> list[tuple[tuple[int, ...], int]]:
    """Directions and orders from which one derivative is made."""
    active = [i for i, n in enumerate(index) if n > 0]
    if not active:
        return []
    if len(active) == 1:
        return [(_axis(index), sum(index))]
    units = [tuple(int(i == a) for i in range(len(index))) for a in active]
    return [(_axis(index), 2), *((unit, 2) for unit in units)]


def _weights(index: tuple[int, ...], first: dict[tuple[int, ...], int]) -> tuple[tuple[int, float], ...]:
    """The derivative as a combination of channels."""
    needed = _needed(index)
    if not needed:
        return ((0, 1.0),)
    if len(needed) == 1:
        direction, order = needed[0]
        return ((first[direction] + order - 1, float(factorial(order))),)
    both, *single = (first[direction] + 1 for direction, _ in needed)
    return ((both, 1.0), *((channel, -1.0) for channel in single))
