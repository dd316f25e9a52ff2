"""Families of candidate curves for an edge: chains of functions without redundant constants.

    c phi_m(a_m ... phi_1(a_1 x + b_1) ... + b_m) + d

has more constants than it needs for most functions: of a power a_1 moves into c, of a logarithm into d, and
b_1 of an exponential into c. Such constants are fixed, so that Gauss-Newton matrices are regular and the
remaining constants are meaningful.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, sequence, shown
from splinekan.network.functions import FUNCTIONS, Function, function

Chain = tuple[Function, ...]
POWERS = {
    "square": 2.0,
    "cube": 3.0,
    "x^4": 4.0,
    "x^5": 5.0,
    "reciprocal": -1.0,
    "x^-2": -2.0,
    "x^-3": -3.0,
    "x^-4": -4.0,
    "x^-5": -5.0,
    "sqrt": 0.5,
    "x^(3/2)": 1.5,
    "rsqrt": -0.5,
    "abs": 1.0,
}
"""phi(k x) = k^p phi(x) for k > 0."""
EVEN = ("square", "x^4", "x^-2", "x^-4", "abs", "cosh", "gaussian")
ODD = (
    "cube",
    "x^5",
    "reciprocal",
    "x^-3",
    "x^-5",
    "sin",
    "tan",
    "sinh",
    "tanh",
    "asin",
    "atan",
    "asinh",
    "atanh",
    "erf",
)


@dataclass(frozen=True)
class Family:
    """A chain of functions, its free constants, and starting values for a search.

    Attributes
    ----------
    functions
        (phi_1, ..., phi_m); () for straight lines.
    free
        For each of (a_1, b_1, ..., a_m, b_m) whether it is fitted.
    grid
        Starting values of all these constants, (any, 2 m), for x in [-1, 1].
    """

    functions: Chain
    free: tuple[bool, ...] = ()
    grid: Callable[[], Float64Array] = field(default=lambda: np.zeros((1, 0)), compare=False)

    @property
    def complexity(self) -> int:
        """1 plus the complexities of the functions."""
        return 1 + sum(each.complexity for each in self.functions)


def library(names: Iterable[Any] | None = None) -> tuple[Family, ...]:
    """The families of the functions in `names`; straight lines belong to every library.

    Parameters
    ----------
    names
        Names in `FUNCTIONS`, functions, expressions in a single symbol, or tuples of these for chains, the
        innermost first; None for `DEFAULT`.

    Raises
    ------
    TypeError, ValueError
        For anything else.
    """
    given = DEFAULT if names is None else sequence("library", names)
    found = [Family(())]
    for i, each in enumerate(given):
        parts = each if isinstance(each, tuple) else (each,)
        if not parts:
            raise ValueError(f"library[{i}] must name functions, got ()")
        found.append(_family(tuple(_function(f"library[{i}]", part) for part in parts)))
    return tuple(dict.fromkeys(found))


def _function(name: str, value: Any) -> Function:
    if isinstance(value, Function):
        return value
    if isinstance(value, str) and value in FUNCTIONS:
        return FUNCTIONS[value]
    if isinstance(value, str) and value.strip().isidentifier():  # a symbol alone is an expression elsewhere
        raise ValueError(
            f"{name} must be an expression in one symbol or one of {', '.join(FUNCTIONS)}, got {shown(value)}"
        )
    try:
        return function(value)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{name} must be a name of splinekan.network.FUNCTIONS, a Function or an expression in one "
            f"symbol, got {shown(value)}: {error}"
        ) from None


@cache
def _family(functions: Chain) -> Family:
    """The free constants of a chain and its grid: the product of those of its functions."""
    free: list[bool] = []
    for each in functions:
        free += [each.name not in POWERS and each.name != "log", each.name != "exp"]
    return Family(functions, tuple(free), lambda: _grid(functions))


def _grid(functions: Chain) -> Float64Array:
    """Constants of the whole chain, each function on the range of those before it."""
    rows: list[tuple[Float64Array, float, float]] = [(np.zeros(0), -1.0, 1.0)]
    for number, each in enumerate(functions):
        longer = []
        for row, low, high in rows:
            for a, b in _starts(each, low, high, few=number > 0):
                values = each.derivatives(a * np.linspace(low, high, 201) + b)[0]
                ends = float(values.min()), float(values.max())
                if np.isfinite(ends).all() and ends[0] < ends[1]:
                    longer.append((np.append(row, [a, b]), *ends))
        rows = longer
    return np.array([row for row, _, _ in rows]).reshape(-1, 2 * len(functions))


def _starts(each: Function, low: float, high: float, few: bool = False) -> Float64Array:
    """Constants (a, b) of phi(a u + b) for u in [low, high] that come close enough to all others."""
    middle, half = (low + high) / 2, (high - low) / 2
    a, b = _unit_starts(each, few)
    # phi(a v + b) with v = (u - middle)/half, without the constant that is redundant.
    scale, shift = a / half, b - a * middle / half
    if each.name in POWERS or each.name == "log":
        scale, shift = np.sign(scale), shift / np.abs(scale)
    if each.name == "exp":
        shift = np.zeros_like(shift)
    return np.column_stack([scale, shift])


def _geometric(low: float, high: float, count: int) -> Float64Array:
    return np.geomspace(low, high, count)


def _unit_starts(each: Function, few: bool) -> tuple[Float64Array, Float64Array]:
    """(a, b) for an argument in [-1, 1]."""
    name, thin = each.name, 3 if few else 1
    if name in POWERS and each.low == -np.inf and each.hole is None:
        b = _geometric(0.05, 8.0, 15 // thin)
        b = np.concatenate([-b[::-1], [0.0], b]) if name != "abs" else np.linspace(-0.95, 0.95, 39)
        return np.ones_like(b), b
    if name in POWERS and each.hole is not None:
        beyond = 1 + _geometric(3e-3, 10.0, 20 // thin)
        return np.ones(2 * len(beyond)), np.concatenate([beyond, -beyond])
    if name == "log" or (name in POWERS and each.low == 0):
        beyond = 1 + _geometric(1e-4, 10.0, 22 // thin)
        return np.repeat([1.0, -1.0], len(beyond)), np.tile(beyond, 2)
    if name == "exp":
        a = _geometric(0.05, 8.0, 22 // thin)
        return np.concatenate([a, -a]), np.zeros(2 * len(a))
    if name in ("sin", "cos"):
        return _pairs(
            _geometric(0.2, 40.0, 60) if not few else _geometric(0.3, 6.0, 10),
            np.arange(8 // min(thin, 2)) * np.pi * min(thin, 2) / 8,
        )
    if np.isfinite([each.low, each.high]).all() or name == "tan":
        ends = 1 - _geometric(1e-4, 1.0, 10 if not few else 4)
        ends = np.concatenate([-ends, ends[-2::-1]]) * (np.pi / 2 if name == "tan" else 1.0)
        if name != "tan":
            ends = (each.low + each.high) / 2 + ends * (each.high - each.low) / 2
        left, right = _pairs(ends, ends)
        kept = right - left > 0.02 * (ends[-1] - ends[0])
        left, right = left[kept], right[kept]
        return (right - left) / 2, (right + left) / 2
    a, centre = _pairs(
        _geometric(0.2, 15.0 if name not in ("sinh", "cosh") else 6.0, 14 // thin),
        np.linspace(-1.6, 1.6, 13 // thin),
    )
    return a, -a * centre


def _pairs(first: Float64Array, second: Float64Array) -> tuple[Float64Array, Float64Array]:
    a, b = np.meshgrid(first, second)
    return a.ravel(), b.ravel()


def along(functions: Chain, inner: Any, x: Float64Array) -> Float64Array:
    """phi_m(a_m ... phi_1(a_1 x + b_1) ... + b_m), for inner = (a_1, b_1, ..., a_m, b_m)."""
    v: Any = x
    for i, each in enumerate(functions):
        v = each.derivatives(inner[2 * i] * v + inner[2 * i + 1])[0]
    return np.asarray(v)


def differentiated(
    functions: Chain, inner: Any, free: Sequence[bool], x: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """The values of `along`, the slopes, and the derivatives with respect to free constants, (any, n)."""
    v: Any = x
    slope: Any = np.ones_like(x)
    rows: list[Any] = []
    for i, each in enumerate(functions):
        a, b = inner[2 * i : 2 * i + 2]
        value, bend = each.derivatives(a * v + b, 1)
        rows = [bend * a * row for row in rows]
        rows += [row for row, wanted in ((bend * v, free[2 * i]), (bend, free[2 * i + 1])) if wanted]
        v, slope = value, bend * a * slope
    return v, slope, np.array(rows).reshape(len(rows), len(x))


def plain(functions: Chain, constants: Float64Array) -> tuple[Float64Array, float]:
    """(c, a_1, b_1, ...) with the redundant constants at 1, -1 or 0, and the number added to d.

    The curve stays the same: positive factors are taken out of powers, factors out of logarithms as terms,
    terms out of exponentials as factors, and signs out of even and odd functions.
    """
    found, shift = np.array(constants, dtype=np.float64), 0.0
    for i, each in enumerate(functions):
        a, b = 1 + 2 * i, 2 + 2 * i
        last = i == len(functions) - 1
        factor, term = 1.0, 0.0
        if each.name in POWERS and found[a] != 0:
            size = abs(found[a])
            factor = size ** POWERS[each.name]
            found[a], found[b] = np.sign(found[a]), found[b] / size
        elif each.name == "log" and found[a] != 0:
            size = abs(found[a])
            term = np.log(size)
            found[a], found[b] = np.sign(found[a]), found[b] / size
        elif each.name == "exp":
            factor, found[b] = np.exp(found[b]), 0.0
        if found[a] < 0 and (each.name in EVEN or each.name in ODD):
            found[a], found[b] = -found[a], -found[b]
            factor *= 1.0 if each.name in EVEN else -1.0
        if last:
            found[0] *= factor
            shift = found[0] * term
        else:
            found[b + 2] += found[a + 2] * term
            found[a + 2] *= factor
    return found, shift


DEFAULT: tuple[str | tuple[str, ...], ...] = (
    "square",
    "cube",
    "x^4",
    "reciprocal",
    "x^-2",
    "sqrt",
    "rsqrt",
    "exp",
    "log",
    "sin",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "asin",
    "atan",
    "atanh",
    "abs",
    "erf",
    ("square", "exp"),
    ("square", "sqrt"),
    ("square", "rsqrt"),
    ("square", "reciprocal"),
    ("square", "log"),
    ("cosh", "reciprocal"),
    ("log", "exp"),
)
"""Functions and chains; the chains are Gaussians, square roots and so on of quadratics, 1/cosh,
and powers x^p."""
