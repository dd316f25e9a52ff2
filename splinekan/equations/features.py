"""Inputs of a network as functions of the variables, with their Taylor coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import factorial
from typing import Any

import numpy as np
import sympy

from splinekan._checks import Float64Array, integer, interval, real, real_array, sequence, shown, vector
from splinekan.equations import expressions

MAX_ORDER = 4
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class Features:
    """Inputs of a network as functions of the variables: the variables, then the `extra` functions.

    With the extra input |x| a network can have a kink at an interface: the derivative of the input is
    sign(x), and higher derivatives are 0. The sign of the coordinate determines the side on which a point of
    the interface lies: use `numpy.nextafter(0, 1)` and `nextafter(0, -1)`.

    With `bounds`, the variables, but not the extra inputs, are mapped from their intervals to [-1, 1]. A
    variable with the interval None is not an input; with the extra input cos(pi x) instead, the network is
    periodic and even in x.

    Parameters
    ----------
    variables
        Symbols with different names.
    extra
        sympy expressions in the variables, composed of functions that `Equation` accepts.
    bounds
        An interval (a, b), a < b, or None for every variable; None to pass the variables unchanged.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type, and if no input remains.
    """

    variables: Sequence[sympy.Symbol]
    extra: Sequence[Any] = ()
    bounds: Sequence[tuple[float, float] | None] | None = None
    _functions: tuple[Any, ...] = field(init=False, repr=False)
    _symbols: tuple[Any, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        variables = expressions.read_variables("variables", self.variables)
        extra = sequence("extra", self.extra, empty=True)
        bounds = None if self.bounds is None else sequence("bounds", self.bounds)
        if bounds is not None:
            if len(bounds) != len(variables):
                raise ValueError(
                    f"bounds must hold an interval (a, b) or None for each of {len(variables)} variables, "
                    f"got {len(bounds)}"
                )
            bounds = tuple(
                None if ends is None else interval(f"bounds[{i}]", ends) for i, ends in enumerate(bounds)
            )
            for i, ends in enumerate(bounds):
                if ends is not None and ends[1] - ends[0] < 4 * TINY:  # 2 / length overflows
                    raise ValueError(f"bounds[{i}] must be an interval of normal length, got {ends}")
        reals = expressions.Reals(variables)
        symbol_of = dict(zip(reals.variables, reals.symbols, strict=True))
        functions = []
        for i, given in enumerate(extra):
            name = f"extra[{i}]"
            try:
                function = expressions.compilable(
                    reals.read(expression(name, given)), symbol_of, reals.original
                )
                expressions.compiled(reals.symbols, [function], shown(given))
            except ValueError as error:
                raise ValueError(f"{name} must be a function of the variables {variables}: {error}") from None
            functions.append(function)
        settings = {
            "variables": variables,
            "extra": extra,
            "bounds": bounds,
            "_functions": tuple(functions),
            "_symbols": tuple(reals.symbols),
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)
        if self.n_inputs == 0:
            raise ValueError(
                "bounds must leave at least one input: every interval is None, and extra is empty"
            )

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return len(self._entering) + len(self.extra)

    @property
    def _entering(self) -> list[int]:
        """Indices of the variables that are inputs."""
        return [i for i in range(len(self.variables)) if self.bounds is None or self.bounds[i] is not None]

    def jets(self, points: Float64Array, directions: Sequence[Sequence[float]], orders: Sequence[int]) -> Any:
        """Taylor coefficients of the inputs, (n, channels, n_inputs).

        Parameters
        ----------
        points
            (n, number of variables).
        directions
            Vectors in the space of the variables.
        orders
            The number of coefficients along each direction, 1 to 4.

        Raises
        ------
        TypeError, ValueError
            For arrays of the wrong shape, and if an extra input or its derivative is not finite at a point.
        """
        points = located("points", points, self.variables)
        ways = [
            vector(f"directions[{i}]", d, len(self.variables))
            for i, d in enumerate(sequence("directions", directions, empty=True))
        ]
        counts = [
            integer(f"orders[{i}]", n, low=1, high=MAX_ORDER)
            for i, n in enumerate(sequence("orders", orders, empty=True))
        ]
        if len(ways) != len(counts):
            raise ValueError(f"orders must have a number for each of {len(ways)} directions, got {counts}")
        n, entering = len(points), self._entering
        m = len(entering)
        x = np.zeros((n, 1 + sum(counts), self.n_inputs))
        scale: Any = 1.0
        x[:, 0, :m] = points[:, entering]
        if self.bounds is not None and m > 0:
            ends = np.array([self.bounds[i] for i in entering], dtype=np.float64)
            scale = 2 / (ends[:, 1] - ends[:, 0])
            x[:, 0, :m] = (x[:, 0, :m] - ends[:, 0]) * scale - 1
        for f, function in enumerate(self._functions):
            x[:, 0, m + f] = self._numbers(f, function, points)
        at = 1
        for direction, order in zip(ways, counts, strict=True):
            x[:, at, :m] = direction[entering] * scale
            current = list(self._functions)
            for j in range(order):
                for f, function in enumerate(current):
                    current[f] = sum(
                        (
                            _exact(v) * expressions.slope(function, s)
                            for v, s in zip(direction, self._symbols, strict=True)
                            if v != 0
                        ),
                        sympy.Integer(0),
                    )
                    x[:, at + j, m + f] = self._numbers(f, current[f], points) / factorial(j + 1)
            at += order
        return x

    def _numbers(self, which: int, function: Any, points: Float64Array) -> Float64Array:
        identity = {symbol: symbol for symbol in self._symbols}
        name = f"extra[{which}] = {self.extra[which]}"
        compiled = expressions.compiled(
            self._symbols, [expressions.compilable(function, identity, str)], f"a derivative of {name}"
        )
        with np.errstate(all="ignore"):
            (values,) = compiled(*points.T)
        column = np.array(np.broadcast_to(values, len(points)), dtype=np.float64)
        if not np.isfinite(column).all():
            bad = int(np.argmin(np.isfinite(column)))
            raise ValueError(
                f"{name} and its derivatives must be finite, got {column[bad]} at points[{bad}], "
                f"{points[bad]}"
            )
        return column


def _exact(v: float) -> Any:
    return sympy.Integer(int(v)) if v.is_integer() else sympy.Float(v, 17)


def located(name: str, value: Any, variables: Sequence[Any]) -> Float64Array:
    """`value` as points, (n, number of variables), with the signs that the variables declare."""
    points = real_array(name, value, shape=(None, len(variables))).astype(np.float64, copy=False)
    for i, symbol in enumerate(variables):
        sign = 1.0 if symbol.is_extended_nonnegative else -1.0 if symbol.is_extended_nonpositive else 0.0
        if sign and len(points) and (sign * points[:, i]).min() < 0:
            bad = points[np.argmin(sign * points[:, i]), i]
            side = ">=" if sign > 0 else "<="
            raise ValueError(f"{name} must have {symbol} {side} 0, as declared, got {bad} in column {i}")
    return points


def expression(name: str, value: Any) -> Any:
    """`value` as an expression; Python numbers are accepted."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = sympy.sympify(real(name, value) if isinstance(value, float) else value)
    if not isinstance(value, sympy.Expr) or getattr(value, "is_Matrix", False):
        raise TypeError(f"{name} must be a sympy expression, got {shown(value)}")
    return value
