"""Derivatives of elementary functions to order 5, by formulas that do not cancel.

A rule takes points z and an order and returns a list: phi(z), phi'(z), ..., phi^(order)(z), in the type of z.
Points outside the natural domain must be NaN on entry.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial, pi, sqrt

import numpy as np
from scipy.special import erf, expit

from splinekan._checks import Array

Rule = Callable[[Array, int], list[Array]]
FAR = 64.0
"""exp(-z^2) is 0 from here on, and so are its derivatives."""


def integer_power(exponent: int) -> Rule:
    """z^n for an integer n: factors of the falling factorial n (n - 1) ... times powers of z or 1/z."""

    def rule(z: Array, order: int) -> list[Array]:
        size = abs(exponent) + (order if exponent < 0 else 0)
        with np.errstate(divide="ignore"):
            base = z if exponent >= 0 else 1 / z
        powers = [np.ones_like(z), base]
        while len(powers) <= size:
            powers.append(powers[len(powers) // 2] * powers[(len(powers) + 1) // 2])
        found: list[Array] = []
        factor = 1
        for d in range(order + 1):
            value: Array = float(factor) * powers[abs(exponent - d)] if factor else np.zeros_like(z)
            found.append(value)
            factor *= exponent - d
        return found

    return rule


def half_power(halves: int) -> Rule:
    """z^(halves/2) for an odd number of halves."""

    def rule(z: Array, order: int) -> list[Array]:
        with np.errstate(divide="ignore"):
            inverse = 1 / z
        power: Array = np.sqrt(z) if halves > 0 else np.sqrt(inverse)
        roots = [power]  # z^(1/2), z^(3/2), ..., or z^(-1/2)
        for _ in range((halves - 1) // 2):
            roots.append(roots[-1] * z)
        found, factor, exponent = [], 1.0, halves / 2
        for d in range(order + 1):
            power = roots[-1 - d] if d < len(roots) else power * inverse
            found.append(factor * power)
            factor *= exponent - d
        return found

    return rule


def cycle(*functions: Callable[[Array], Array], signs: tuple[int, ...]) -> Rule:
    """Functions that are each other's derivatives up to sign, such as sin and cos."""

    def rule(z: Array, order: int) -> list[Array]:
        values = [function(z) for function in functions[: order + 1]]
        found = []
        for d in range(order + 1):
            value = values[d % len(values)]
            found.append(value if signs[d % len(signs)] > 0 else -value)
        return found

    return rule


def log(z: Array, order: int) -> list[Array]:
    """(-1)^(d - 1) (d - 1)! z^(-d)."""
    return [np.log(z), *integer_power(-1)(z, order - 1)] if order else [np.log(z)]


def tan(z: Array, order: int) -> list[Array]:
    """Polynomials in t = tan z, times 1 + t^2."""
    t = np.tan(z)
    s = 1 + t * t
    return _of_slope(t, s, 1.0, order)


def tanh(z: Array, order: int) -> list[Array]:
    """Polynomials in t = tanh z and s = 1/cosh^2 z, times s: 1 - t^2 would cancel."""
    t = np.tanh(z)
    if not order:
        return [t]
    s = 1 / np.cosh(z)
    return _of_slope(t, s * s, -1.0, order)


def _of_slope(t: Array, s: Array, sign: float, order: int) -> list[Array]:
    """Derivatives of t with t' = s and s' = 2 sign t s."""
    t2 = t * t if order > 2 else t
    found = [t, s]
    if order > 1:
        found.append(2 * sign * t * s)
    if order > 2:
        found.append(s * (2 * sign * s + 4 * t2))
    if order > 3:
        found.append(s * t * (16 * s + 8 * sign * t2))
    if order > 4:
        found.append(s * (16 * s * s + 88 * sign * s * t2 + 16 * t2 * t2))
    return found[: order + 1]


def asin(z: Array, order: int) -> list[Array]:
    """(1 - z^2) f^(d + 2) = (2 d + 1) z f^(d + 1) + d^2 f^(d)."""
    found = [np.arcsin(z)]
    if not order:
        return found
    with np.errstate(divide="ignore"):
        inverse = 1 / ((1 - z) * (1 + z))
    found.append(np.sqrt(inverse))
    for d in range(order - 1):
        found.append(((2 * d + 1) * z * found[d + 1] + d * d * found[d]) * inverse)
    return found


def acos(z: Array, order: int) -> list[Array]:
    """pi/2 - asin z."""
    return [np.arccos(z), *(-each for each in asin(z, order)[1:])]


def acosh(z: Array, order: int) -> list[Array]:
    """(z^2 - 1) f^(d + 2) = -(2 d + 1) z f^(d + 1) - d^2 f^(d)."""
    found = [np.arccosh(z)]
    if not order:
        return found
    with np.errstate(divide="ignore"):
        inverse = 1 / (z - 1) / (z + 1)
        found.append(1 / (np.sqrt(z - 1) * np.sqrt(z + 1)))
    for d in range(order - 1):
        found.append(-((2 * d + 1) * (z * inverse) * found[d + 1] + d * d * inverse * found[d]))
    return found


def asinh(z: Array, order: int) -> list[Array]:
    """Polynomials in r = 1/sqrt(1 + z^2) and u = z r."""
    r = 1 / np.hypot(z, 1)
    u = np.clip(z, *_finite(z)) * r
    r2, u2 = r * r, u * u
    found = [np.arcsinh(z), r]
    if order > 1:
        found.append(-u * r2)
    if order > 2:
        found.append(r2 * r * (2 * u2 - r2))
    if order > 3:
        found.append(r2 * r2 * u * (9 * r2 - 6 * u2))
    if order > 4:
        found.append(r2 * r2 * r * (9 * r2 * r2 - 72 * r2 * u2 + 24 * u2 * u2))
    return found[: order + 1]


def atan(z: Array, order: int) -> list[Array]:
    """(-1)^(d - 1) (d - 1)! r^d sin(d t) with r = 1/sqrt(1 + z^2), t = atan(1/z); at |z|, then by parity."""
    found = [np.arctan(z)]
    if not order:
        return found
    size, sign = np.abs(z), np.sign(z)
    r = 1 / np.hypot(z, 1)
    found.append(r * r)
    angle, power = np.arctan2(1, size).astype(z.dtype, copy=False), r
    for d in range(2, order + 1):
        power = power * r
        value = (-1) ** (d - 1) * factorial(d - 1) * (power * np.sin(d * angle))
        if d % 2 == 0:
            # Near t = pi/2, where z is 0, sin(d t) is computed from the distance to pi/2.
            near = (-1) ** (d // 2 + 1) * np.sin(d * np.arctan(size))
            exact = (-1) ** (d - 1) * factorial(d - 1) * (power * near)
            value = sign * np.where(size < 1, exact, value)
        found.append(value)
    return found


def atanh(z: Array, order: int) -> list[Array]:
    """(1 - z^2) f^(d + 2) = 2 (d + 1) z f^(d + 1) + d (d + 1) f^(d)."""
    found = [np.arctanh(z)]
    if not order:
        return found
    inverse = 1 / ((1 - z) * (1 + z))
    found.append(inverse)
    for d in range(order - 1):
        found.append((2 * (d + 1) * z * found[d + 1] + d * (d + 1) * found[d]) * inverse)
    return found


def absolute(z: Array, order: int) -> list[Array]:
    """The slope is 0 at the kink."""
    return [np.abs(z), np.sign(z), *(np.zeros_like(z) for _ in range(order - 1))][: order + 1]


def sign(z: Array, order: int) -> list[Array]:
    """All derivatives are 0, at the jump too."""
    return [np.sign(z), *(0 * np.sign(z) for _ in range(order))]


def gaussian(z: Array, order: int) -> list[Array]:
    """(-1)^d H_d(z) exp(-z^2) with the Hermite polynomials H_d."""
    value: Array = np.exp(-z * z)
    found = [value]
    near = np.clip(z, -FAR, FAR)
    before, hermite = np.zeros_like(z), np.ones_like(z)
    for d in range(order):
        before, hermite = hermite, 2 * near * hermite - 2 * d * before
        found.append((hermite if d % 2 else -hermite) * value)
    return found


def error_function(z: Array, order: int) -> list[Array]:
    """erf' = 2/sqrt(pi) exp(-z^2)."""
    found = [erf(z)]
    return found + [2 / sqrt(pi) * each for each in gaussian(z, order - 1)] if order else found


def sigmoid(z: Array, order: int) -> list[Array]:
    """Polynomials in w = s (1 - s) and d = -tanh(z/2), where s' = w, w' = w d, d' = -2 w."""
    s = expit(z)
    if not order:
        return [s]
    w = s * expit(-z)
    found = [s, w]
    if order > 1:
        d = -np.tanh(z / 2)
        found.append(w * d)
    if order > 2:
        d2 = d * d
        found.append(w * (d2 - 2 * w))
    if order > 3:
        found.append(w * d * (d2 - 8 * w))
    if order > 4:
        found.append(w * (d2 * d2 - 22 * w * d2 + 16 * w * w))
    return found


def silu(z: Array, order: int) -> list[Array]:
    """z s^(d) + d s^(d - 1) of the sigmoid s."""
    s, finite = sigmoid(z, order), np.clip(z, *_finite(z))
    found: list[Array] = [finite * s[0]]
    return found + [finite * s[d] + d * s[d - 1] for d in range(1, order + 1)]


def softplus(z: Array, order: int) -> list[Array]:
    """The integral of the sigmoid."""
    value = np.logaddexp(z, np.zeros((), z.dtype))
    return [value, *sigmoid(z, order - 1)] if order else [value]


def _finite(z: Array) -> tuple[float, float]:
    largest = float(np.finfo(z.dtype).max)
    return -largest, largest


RULES: dict[str, Rule] = {
    "square": integer_power(2),
    "cube": integer_power(3),
    "x^4": integer_power(4),
    "x^5": integer_power(5),
    "reciprocal": integer_power(-1),
    "x^-2": integer_power(-2),
    "x^-3": integer_power(-3),
    "x^-4": integer_power(-4),
    "x^-5": integer_power(-5),
    "sqrt": half_power(1),
    "x^(3/2)": half_power(3),
    "rsqrt": half_power(-1),
    "exp": cycle(np.exp, signs=(1,)),
    "log": log,
    "sin": cycle(np.sin, np.cos, signs=(1, 1, -1, -1)),
    "cos": cycle(np.cos, np.sin, signs=(1, -1, -1, 1)),
    "tan": tan,
    "sinh": cycle(np.sinh, np.cosh, signs=(1,)),
    "cosh": cycle(np.cosh, np.sinh, signs=(1,)),
    "tanh": tanh,
    "asin": asin,
    "acos": acos,
    "atan": atan,
    "asinh": asinh,
    "acosh": acosh,
    "atanh": atanh,
    "abs": absolute,
    "sign": sign,
    "gaussian": gaussian,
    "erf": error_function,
    "sigmoid": sigmoid,
    "silu": silu,
    "softplus": softplus,
}
"""By the names of `splinekan.network.functions.FUNCTIONS`."""
