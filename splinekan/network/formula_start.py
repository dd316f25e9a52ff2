"""Starts of formulas: constants that take the range of an input into the domain of every function."""

from __future__ import annotations

import numpy as np

from splinekan._checks import Array, Float64Array
from splinekan.network.formula import FormulaLayer
from splinekan.network.functions import Function
from splinekan.network.term import Term

POINTS = 33
"""Number of points at which a function is evaluated to find its range."""


def draw_formula(
    layer: FormulaLayer, params: Array, ranges: Float64Array, rng: np.random.Generator
) -> Float64Array:
    """Fill `params`, and return ranges of the outputs, (n_out, 2), given those of the inputs, (n_in, 2).

    Free a and b map the range of a function's argument to an interval inside its domain, with the sign of a
    drawn at random where the interval is symmetric; c is N(0, 1) over the root of the number of terms of its
    output, and d is 0.
    """
    views = layer.unpack(params)
    counts = np.bincount([term.output for term in layer.terms], minlength=layer.n_out)
    image = np.zeros((layer.n_out, 2))
    for term, view in zip(layer.terms, views["terms"], strict=True):
        drawn = rng.normal() / np.sqrt(counts[term.output])
        constants, ends = _constants(term, drawn, ranges[term.input], rng)
        view[:] = [value for value, fixed in zip(constants, term.fixed, strict=True) if fixed is None]
        image[term.output] += np.sort(constants[0] * ends)
    views["bias"][:] = 0.0
    known = [0.0 if value is None else value for value in layer.constants(params)[1]]
    image += np.array(known)[:, None]
    return image


def _constants(
    term: Term, drawn: float, ends: Float64Array, rng: np.random.Generator
) -> tuple[list[float], Float64Array]:
    """All constants of a term, and the range of its last function."""
    c, *inner = term.fixed
    found = [drawn if c is None else c]
    for function, a, b in zip(term.functions, inner[::2], inner[1::2], strict=True):
        low, high = _target(function)
        middle, half = (ends[0] + ends[1]) / 2, max((ends[1] - ends[0]) / 2, 1e-300)
        if a is None:
            a = (high - low) / 2 / half
            if not np.isfinite(a):
                a = 1.0
            a = -a if low == -high and rng.uniform() < 0.5 else a
        if b is None:
            b = (low + high) / 2 - a * middle
        found += [float(a), float(b)]
        values = function.derivatives(np.linspace(a * ends[0] + b, a * ends[1] + b, POINTS))[0]
        finite = values[np.isfinite(values)]
        ends = np.array([finite.min(), finite.max()]) if len(finite) else np.array([-1.0, 1.0])
    return found, np.asarray(ends, dtype=np.float64)


def _target(function: Function) -> tuple[float, float]:
    """An interval of moderate numbers in the domain of a function."""
    if function.hole is not None:
        return function.hole + 0.5, function.hole + 2.0
    if np.isfinite(function.low) and np.isfinite(function.high):
        margin = 0.1 * (function.high - function.low)
        return function.low + margin, function.high - margin
    if np.isfinite(function.low):
        return function.low + 0.5, function.low + 2.0
    if np.isfinite(function.high):
        return function.high - 2.0, function.high - 0.5
    return -1.0, 1.0
