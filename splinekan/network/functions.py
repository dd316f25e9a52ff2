"""Named functions of a real variable, with derivatives to order 5: the building blocks of formulas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._arrays import quiet
from splinekan._checks import Array, boolean, integer, real, real_array, shown
from splinekan._records import Uncached
from splinekan.network.elementary import RULES, Rule

MAX_DERIVATIVE = 5
"""Highest derivative: gradients of Taylor coefficients of order 4 need it."""
INF = float("inf")
_PLACES = re.compile(r"(?P<bare>(?:(?<=\()|(?<=, ))x(?=[,)]))|\bx\b")
"""Occurrences of x in an expression: between parentheses or commas, and elsewhere."""


@dataclass(frozen=True)
class Function(Uncached):
    """A function phi of a real variable, on an interval that is its natural domain.

    The functions in `FUNCTIONS` have hand-written derivatives; `function` makes others from an expression.

    Attributes
    ----------
    name
        The name of the function.
    expression
        phi(x) as text that sympy reads, "sin(x)" or "x**2"; read, and possibly refused, as by `function`.
    low, high
        The ends of the domain, possibly infinite.
    closed
        Whether `low` and whether `high` belong to the domain.
    hole
        An interior point at which phi is not defined, such as 0 for 1/x; or None.
    complexity
        A small integer by which formulas are compared: the simpler the function, the smaller.

    Raises
    ------
    TypeError, ValueError
        For attributes of other kinds, and for a name in `FUNCTIONS` with attributes other than those there.

    Examples
    --------
    >>> FUNCTIONS["sqrt"].derivatives([4.0, -1.0], 1)
    [array([ 2., nan]), array([0.25,  nan])]
    """

    name: str
    expression: str
    low: float = -INF
    high: float = INF
    closed: tuple[bool, bool] = (False, False)
    hole: float | None = None
    complexity: int = 3

    def __post_init__(self) -> None:
        for field in ("name", "expression"):
            text = getattr(self, field)
            if not isinstance(text, str):
                raise TypeError(f"{field} must be a text, got {shown(text)}")
            if not text.strip():
                raise ValueError(f"{field} must not be empty, got {text!r}")
        for field, infinite in (("low", -INF), ("high", INF)):
            value = getattr(self, field)
            known = infinite if isinstance(value, float) and value == infinite else real(field, value)
            object.__setattr__(self, field, known)
        if not self.low < self.high:
            raise ValueError(f"low must be less than high, got ({self.low}, {self.high})")
        if not isinstance(self.closed, (tuple, list)) or len(self.closed) != 2:
            raise TypeError(f"closed must be a pair of True or False, got {shown(self.closed)}")
        ends = tuple(boolean(f"closed[{i}]", each) for i, each in enumerate(self.closed))
        object.__setattr__(self, "closed", ends)
        if self.hole is not None:
            object.__setattr__(self, "hole", real("hole", self.hole))
        object.__setattr__(self, "complexity", integer("complexity", self.complexity, low=0))
        built_in = _BUILT_IN.get(self.name)
        if built_in is not None and built_in != _content(self):
            raise ValueError(f"name must not be that of another function, got {self.name!r}")
        if built_in is None:
            from splinekan.network.user_functions import canonical, rule  # sympy takes long to import

            object.__setattr__(self, "expression", canonical(self.expression))
            rule(self.expression)  # refuses what does not compile

    def derivatives(self, z: ArrayLike, order: int = 0) -> list[Array]:
        """phi(z), phi'(z), ..., phi^(order)(z), of the shape of z.

        Outside the domain all values are NaN, and values beyond the range of float64 are infinite, without
        a warning. At a closed end where a derivative is infinite, such as that of sqrt(x) at 0, the value
        a rounding unit inside is returned: the chain rule multiplies it by zero slopes there, and 0 times
        infinity would not be 0. The slope of |x| at 0 is 0.

        Parameters
        ----------
        z
            Points, an array of any shape; float32 stays float32.
        order
            The highest derivative, 0 to 5.

        Raises
        ------
        TypeError, ValueError
            For anything but real numbers, and another order.
        """
        highest = integer("order", order, low=0, high=MAX_DERIVATIVE)
        points = real_array("z", z, finite=False)
        flat = self._derivatives(np.atleast_1d(points), highest)
        return [each.reshape(points.shape) for each in flat]

    def regular(self, low: float, high: float) -> bool:
        """Whether phi is defined on all of [low, high], ends and poles of the tangent included.

        Raises
        ------
        TypeError, ValueError
            Unless low and high are finite with low <= high.
        """
        a, b = real("low", low), real("high", high)
        if a > b:
            raise ValueError(f"low must be at most high, got ({a}, {b})")
        inside = (a > self.low or (a == self.low and self.closed[0])) and (
            b < self.high or (b == self.high and self.closed[1])
        )
        if self.name == "tan":
            inside = bool(np.floor(a / np.pi - 0.5) == np.floor(b / np.pi - 0.5))
        return inside and (self.hole is None or not a <= self.hole <= b)

    @cached_property
    def _rule(self) -> Rule:
        if self.name in RULES:
            return RULES[self.name]
        from splinekan.network.user_functions import rule

        return rule(self.expression)

    @quiet
    def _derivatives(self, z: Array, order: int) -> list[Array]:
        """`derivatives` of an array with at least one axis, without checks."""
        z = self._masked(z)
        found = self._rule(z, order)
        for end, inwards, closed in ((self.low, 1, self.closed[0]), (self.high, -1, self.closed[1])):
            if not (closed and order):
                continue
            there = z == end
            if there.any():
                near = self._rule(np.full(1, end + inwards * np.finfo(z.dtype).eps, z.dtype), order)
                for value, beside in zip(found[1:], near[1:], strict=True):
                    value[there & ~np.isfinite(value)] = beside[0]
        return found

    def _masked(self, z: Array) -> Array:
        """z, with NaN in place of points outside the domain."""
        outside = None
        if self.low > -INF:
            outside = z < self.low if self.closed[0] else z <= self.low
        if self.high < INF:
            above = z > self.high if self.closed[1] else z >= self.high
            outside = above if outside is None else outside | above
        if self.hole is not None:
            outside = z == self.hole if outside is None else outside | (z == self.hole)
        if outside is None or not outside.any():
            return z
        return np.where(outside, np.array(np.nan, z.dtype), z)

    def of(self, argument: str) -> str:
        """The text of phi(argument), powers with ^.

        Examples
        --------
        >>> FUNCTIONS["square"].of("a x0 + b"), FUNCTIONS["sin"].of("x0")
        ('(a x0 + b)^2', 'sin(x0)')
        """
        if not isinstance(argument, str):
            raise TypeError(f"argument must be a text, got {shown(argument)}")
        alone = argument if re.fullmatch(r"\w+", argument) else f"({argument})"
        text = self.expression.replace("**", "^")
        return _PLACES.sub(lambda at: argument if at["bare"] else alone, text)

    def __repr__(self) -> str:
        if self.name in _BUILT_IN:
            return f"FUNCTIONS[{self.name!r}]"
        others = [field for field in fields(self)[2:] if getattr(self, field.name) != field.default]
        more = "".join(f", {field.name}={getattr(self, field.name)!r}" for field in others)
        return f"Function({self.name!r}, {self.expression!r}{more})"

    def __str__(self) -> str:
        return self.name


def _content(function: Function) -> tuple[Any, ...]:
    each = function.expression, function.low, function.high, function.closed, function.hole
    return (*each, function.complexity)


_ALL, _INSIDE, _POSITIVE = (-INF, INF, (False, False)), (-1.0, 1.0), (0.0, INF)
_BUILT_IN: dict[str, tuple[Any, ...]] = {
    "square": ("x**2", *_ALL, None, 2),
    "cube": ("x**3", *_ALL, None, 3),
    "x^4": ("x**4", *_ALL, None, 3),
    "x^5": ("x**5", *_ALL, None, 4),
    "reciprocal": ("1/x", *_ALL, 0.0, 2),
    "x^-2": ("x**(-2)", *_ALL, 0.0, 3),
    "x^-3": ("x**(-3)", *_ALL, 0.0, 4),
    "x^-4": ("x**(-4)", *_ALL, 0.0, 4),
    "x^-5": ("x**(-5)", *_ALL, 0.0, 5),
    "sqrt": ("sqrt(x)", *_POSITIVE, (True, False), None, 2),
    "x^(3/2)": ("x**(3/2)", *_POSITIVE, (True, False), None, 4),
    "rsqrt": ("1/sqrt(x)", *_POSITIVE, (False, False), None, 3),
    "exp": ("exp(x)", *_ALL, None, 2),
    "log": ("log(x)", *_POSITIVE, (False, False), None, 2),
    "sin": ("sin(x)", *_ALL, None, 2),
    "cos": ("cos(x)", *_ALL, None, 2),
    "tan": ("tan(x)", *_ALL, None, 3),
    "sinh": ("sinh(x)", *_ALL, None, 3),
    "cosh": ("cosh(x)", *_ALL, None, 3),
    "tanh": ("tanh(x)", *_ALL, None, 3),
    "asin": ("asin(x)", *_INSIDE, (True, True), None, 4),
    "acos": ("acos(x)", *_INSIDE, (True, True), None, 4),
    "atan": ("atan(x)", *_ALL, None, 4),
    "asinh": ("asinh(x)", *_ALL, None, 4),
    "acosh": ("acosh(x)", 1.0, INF, (True, False), None, 4),
    "atanh": ("atanh(x)", *_INSIDE, (False, False), None, 4),
    "abs": ("Abs(x)", *_ALL, None, 3),
    "sign": ("sign(x)", *_ALL, None, 3),
    "gaussian": ("exp(-x**2)", *_ALL, None, 3),
    "erf": ("erf(x)", *_ALL, None, 4),
    "sigmoid": ("1/(1 + exp(-x))", *_ALL, None, 4),
    "silu": ("x/(1 + exp(-x))", *_ALL, None, 5),
    "softplus": ("log(1 + exp(x))", *_ALL, None, 5),
}
FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {name: Function(name, *content) for name, content in _BUILT_IN.items()}
)
"""The functions with hand-written derivatives, by name. "cos", a shifted "sin", is needed for imports."""


def function(expression: Any, name: str | None = None) -> Function:
    """The function that an expression describes; its derivatives are those of sympy.

    Parameters
    ----------
    expression
        Text such as "besselj(0, x)", or a sympy expression, with a single free symbol, whatever its name.
        Text is read as arithmetic, pi, E and functions by their names in sympy, and never run. ^ is a power.
    name
        Its name in formulas; if None the expression itself, or the name of an equal function of `FUNCTIONS`.

    Returns
    -------
    Function
        A function defined wherever its value is real. Functions with the same expression and name are equal.

    Raises
    ------
    TypeError, ValueError
        For arguments that are neither text nor a sympy expression, for no symbol or several, for functions
        that do not compile to NumPy or SciPy, and for the name of another function in `FUNCTIONS`.

    Examples
    --------
    >>> bessel = function("besselj(0, t)", "J0")
    >>> bessel.expression, bessel.derivatives(0.0, 2)
    ('besselj(0, x)', [array(1.), array(-0.), array(-0.5)])
    >>> function("t^2") is FUNCTIONS["square"]
    True
    """
    from splinekan.network.user_functions import canonical, size

    if name is not None and not isinstance(name, str):
        raise TypeError(f"name must be a text or None, got {shown(name)}")
    text = canonical(expression)
    for known in FUNCTIONS.values():
        if text == canonical(known.expression) and name in (None, known.name):
            return known
    if name in FUNCTIONS:
        raise ValueError(f"name must not be that of another function, got {name!r}")
    return Function(text if name is None else name, text, complexity=size(text))
