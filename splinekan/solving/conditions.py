"""Conditions of a differential equation on faces, on the boundary, or at points.

    conditions = [initial(u, -sin(pi * x), t), dirichlet(u, 0, x)]

A condition is an equation, residual = 0, and the places where it holds. `normal_derivative(u)` stands for the
derivative of u along the outward normal of the face or boundary on which the condition is posed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from splinekan._checks import one_of, real, shown
from splinekan.equations import expressions
from splinekan.solving.places import places, written

KINDS = ("condition", "dirichlet", "neumann", "robin", "periodic", "initial")


class NormalDerivative(sympy.Function):  # type: ignore[misc]
    """du/dn, the derivative of an unknown u along the outward normal."""

    nargs = 1


@dataclass(frozen=True, eq=False)
class Condition:
    """The equation residual = 0 on a part of the boundary, or at points.

    Conditions are usually made by `dirichlet`, `neumann`, `robin`, `periodic`, `initial` and `condition`.

    Parameters
    ----------
    residual
        A sympy expression, or an `Eq`, in the variables, the unknowns, their derivatives, and
        `normal_derivative(u)`.
    on
        Where the condition holds. None: the whole boundary, except for the ends of variables that have an
        initial condition. A symbol x: both ends of x. `Eq(x, -1)`: that face. A sequence of symbols and
        equalities: their union. Points, (n, number of variables).
    weight
        Weight of the mean square of the residual on this part of the boundary, relative to the mean square of
        the residual in the interior, both in units in which the terms of an equation are of size 1. None for
        a default.
    kind
        "initial": `on` is a variable, and the condition holds at its lower end. "periodic": the residual at
        the upper end of the variable `on` equals that at its lower end. Other kinds are names without effect.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type.

    Examples
    --------
    >>> from sympy import Eq, Function, symbols
    >>> x, y = symbols("x y")
    >>> u = Function("u")(x, y)
    >>> print(Condition(u.diff(x) - y, on=Eq(x, 1)))
    -y + Derivative(u(x, y), x) = 0 on x = 1
    """

    residual: Any
    on: Any = None
    weight: float | None = None
    kind: str = "condition"

    def __post_init__(self) -> None:
        residual = expressions.read("residual", self.residual)
        kind = one_of("kind", self.kind, KINDS)
        weight = None if self.weight is None else real("weight", self.weight, positive=True)
        on = self.on
        if kind in ("initial", "periodic"):
            on = _symbol("on", on)
        elif on is not None:
            on = places(on)
        for name, value in (("residual", residual), ("on", on), ("weight", weight), ("kind", kind)):
            object.__setattr__(self, name, value)

    def __str__(self) -> str:
        if self.on is None:
            where = "the boundary"
        elif isinstance(self.on, np.ndarray):
            where = f"{len(self.on)} points"
        elif isinstance(self.on, tuple):
            where = ", ".join(map(written, self.on))
        else:
            where = f"{self.on} at its lower end" if self.kind == "initial" else f"the ends of {self.on}"
        if self.kind == "periodic":
            return f"{self.residual} periodic in {self.on}"
        return f"{self.residual} = 0 on {where}"


def normal_derivative(u: Any) -> Any:
    """du/dn, the derivative of u along the outward normal, for use in `condition`.

    Parameters
    ----------
    u
        An unknown, u(x, ...).

    Returns
    -------
    sympy.Expr
        A symbolic function of u, which is replaced on each face by the derivative along its normal.

    Raises
    ------
    TypeError
        For anything but an unknown.

    Examples
    --------
    Radiation from both ends of x:

    >>> from sympy import Function, symbols
    >>> x = symbols("x")
    >>> u = Function("u")(x)
    >>> radiation = condition(normal_derivative(u) + u**4 - 1, on=x)
    """
    return NormalDerivative(_unknown(u))


def dirichlet(u: Any, value: Any, on: Any = None, weight: float | None = None) -> Condition:
    """The condition u = value.

    Parameters
    ----------
    u
        An unknown, u(x, ...).
    value
        A number, or an expression in the variables.
    on, weight
        As for `Condition`.

    Returns
    -------
    Condition
        For `solve`.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type.

    Examples
    --------
    >>> from sympy import Eq, Function, symbols
    >>> x, y = symbols("x y")
    >>> u = Function("u")(x, y)
    >>> print(dirichlet(u, x**2, on=Eq(y, 0)))
    -x**2 + u(x, y) = 0 on y = 0
    """
    return Condition(_unknown(u) - _value("value", value), on, weight, "dirichlet")


def neumann(u: Any, value: Any, on: Any = None, weight: float | None = None) -> Condition:
    """The condition du/dn = value for the derivative along the outward normal.

    The units are those of u divided by those of length.

    Parameters
    ----------
    u, value, on, weight
        As for `dirichlet`.

    Returns
    -------
    Condition
        For `solve`.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type.

    Examples
    --------
    >>> from sympy import Eq, Function, symbols
    >>> x, y = symbols("x y")
    >>> u = Function("u")(x, y)
    >>> insulated = neumann(u, 0, on=[Eq(x, 0), y])
    """
    return Condition(normal_derivative(u) - _value("value", value), on, weight, "neumann")


def robin(u: Any, a: Any, b: Any, value: Any, on: Any = None, weight: float | None = None) -> Condition:
    """The condition a u + b du/dn = value, with the derivative along the outward normal.

    Parameters
    ----------
    u
        An unknown, u(x, ...).
    a, b, value
        Numbers, or expressions in the variables.
    on, weight
        As for `Condition`.

    Returns
    -------
    Condition
        For `solve`.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type, and if a and b are both 0.

    Examples
    --------
    Heat transfer to surroundings at temperature 20, with the coefficient 3:

    >>> from sympy import Function, symbols
    >>> x = symbols("x")
    >>> u = Function("u")(x)
    >>> cooling = robin(u, 3, 1, 3 * 20, on=x)
    """
    a, b = _value("a", a), _value("b", b)
    if a == 0 and b == 0:
        raise ValueError("a and b must not both be 0")
    residual = a * _unknown(u) + b * normal_derivative(u) - _value("value", value)
    return Condition(residual, on, weight, "robin")


def periodic(u: Any, x: Any, weight: float | None = None) -> Condition:
    """The condition that u is periodic in x, with the derivatives that the equations require.

    Networks of splines are exactly periodic, by their knots.

    Parameters
    ----------
    u
        An unknown, u(x, ...).
    x
        One of its variables.
    weight
        As for `Condition`; for networks that are not periodic by construction.

    Returns
    -------
    Condition
        For `solve`.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type, and for a variable on which u does not depend.

    Examples
    --------
    >>> from sympy import Function, symbols
    >>> x, t = symbols("x t")
    >>> u = Function("u")(x, t)
    >>> print(periodic(u, x))
    u(x, t) periodic in x
    """
    u, x = _unknown(u), _symbol("x", x)
    if x not in u.args:
        raise ValueError(f"x must be a variable of {u}, got {x}")
    return Condition(u, x, weight, "periodic")


def initial(u: Any, value: Any, t: Any, weight: float | None = None) -> Condition:
    """The condition u = value at the lower end of t, or on the velocity if u is u.diff(t).

    Parameters
    ----------
    u
        An unknown, u(x, ..., t), or a derivative of it with respect to t.
    value
        A number, or an expression in the variables.
    t
        The variable.
    weight
        As for `Condition`.

    Returns
    -------
    Condition
        For `solve`.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type, and for a variable on which u does not depend.

    Examples
    --------
    >>> from sympy import Function, sin, symbols
    >>> x, t = symbols("x t")
    >>> u = Function("u")(x, t)
    >>> print(initial(u.diff(t), sin(x), t))
    -sin(x) + Derivative(u(x, t), t) = 0 on t at its lower end
    """
    function = u.expr if isinstance(u, sympy.Derivative) else u
    t = _symbol("t", t)
    if t not in _unknown(function).args:
        raise ValueError(f"t must be a variable of {function}, got {t}")
    if isinstance(u, sympy.Derivative) and set(u.variables) != {t}:
        raise ValueError(f"u must be differentiated with respect to {t} only, got {u}")
    return Condition(u - _value("value", value), t, weight, "initial")


def condition(residual: Any, on: Any = None, weight: float | None = None) -> Condition:
    """The condition residual = 0.

    Parameters
    ----------
    residual
        A sympy expression, or an `Eq`, in the variables, the unknowns and their derivatives;
        `normal_derivative(u)` is the derivative along the outward normal.
    on, weight
        As for `Condition`.

    Returns
    -------
    Condition
        For `solve`.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type.

    Examples
    --------
    >>> from sympy import Function, symbols
    >>> x, y = symbols("x y")
    >>> u, v = Function("u")(x, y), Function("v")(x, y)
    >>> print(condition(u - 2 * v, on=x))
    u(x, y) - 2*v(x, y) = 0 on x
    """
    return Condition(residual, on, weight, "condition")


def _unknown(u: Any) -> Any:
    if not isinstance(u, AppliedUndef):
        raise TypeError(f"u must be an unknown, written u(x, ...), got {shown(u)}")
    return u


def _symbol(name: str, value: Any) -> Any:
    if not isinstance(value, sympy.Symbol):
        raise TypeError(f"{name} must be a variable, a sympy Symbol, got {shown(value)}")
    return value


def _value(name: str, value: Any) -> Any:
    """A number or an expression."""
    if isinstance(value, sympy.Expr) and not getattr(value, "is_Matrix", False):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return sympy.Integer(value)
    number = real(name, value)
    short = sympy.Float(number)
    return short if float(str(short)) == number else sympy.Float(number, 17)  # as it will be compiled
