"""Constants fixed at simple values: where they are arbitrary, and where the data allow it.

A scale that two constants share, and a term that can move from a node to the next, are not determined by any
data: fixed at 1 and 0 they disappear from the formula. Constants that are determined are fixed at a simple
number if that does not raise the criterion n log E + K log n.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from splinekan._checks import Float64Array
from splinekan.formulas.gauge import exchanged, scaled_output, shifted_output, uses
from splinekan.formulas.snapping import FLOOR, IRREGULAR, Scored, complexity
from splinekan.formulas.training import trained
from splinekan.formulas.trial import Trial, built, constants
from splinekan.network.term import Term

ITERATIONS = 12
CLOSE = 0.05
"""Simple numbers are tried within this relative distance; arbitrary constants may move any distance."""
DENOMINATORS = (1, 2, 3, 4, 5, 6, 8, 10)
LARGEST = 1000
PERIODIC = ("sin", "cos", "tan")
ANGLE, OTHER = 2, 50
"""The factor in |p q| for multiples of pi, inside trigonometric functions and elsewhere."""
ROUNDING = 1e3
"""Largest factor by which a fixed constant may raise an error that consists of rounding."""


def rounded(scored: Scored, x: Float64Array, y: Float64Array, floor: float) -> Scored:
    """The formula with simple constants fixed, one after another; errors below `floor` count as equal.

    0, 1 and -1 are tried first for all constants, then other numbers. A number p/q has the price 2 log |p q|,
    twice the length of its description (Rissanen 1978, Automatica 14, 465): the larger p and q may be, the
    closer simple numbers lie to any constant.
    """
    best, paid = _scored(scored.trial, x, y, 8, floor), 0.0
    for simple in (_trivial, _rational):
        for place in list(_places(best.trial)):
            current = _at(best.trial, place)
            if current is None:
                continue
            for value, price in simple(current, place, _is_angle(best.trial, place)):
                found = _scored(_fixed(best.trial, place, value), x, y, ITERATIONS, floor)
                if found.criterion + price < best.criterion:
                    best, paid = found, paid + price
                    break
    value = best.criterion + paid + 2 * complexity(best.trial)
    return Scored(best.trial, best.error, value if best.trial.is_regular(x) else value + IRREGULAR)


def _scored(trial: Trial, x: Float64Array, y: Float64Array, iterations: int, floor: float) -> Scored:
    found, error = trained(trial, x, y, iterations, 1e-6)
    n = len(y)
    value = n * np.log(max(error + ROUNDING * FLOOR, floor)) + np.log(n) * len(found.theta)
    return Scored(found, error, float(value))


Place = tuple[int, int, int]
"""Stage, edge and number of a constant; edge -1 for biases, with the node as number."""


def _places(trial: Trial) -> Iterator[Place]:
    """The free constants: biases first, which are often arbitrary, then constants from the outermost stage.

    Inside a stage inner constants come before factors.
    """
    stages = range(len(trial.stages))
    for s in stages:
        for node, fixed in enumerate(trial.stages[s].bias):
            if fixed is None:
                yield s, -1, node
    for s in reversed(stages):
        for e, edge in enumerate(trial.stages[s].edges):
            if isinstance(edge, Term):
                for i in (*range(1, len(edge.fixed)), 0):
                    if edge.fixed[i] is None:
                        yield s, e, i


def _at(trial: Trial, place: Place) -> float | None:
    """The constant; None if it has been fixed."""
    s, e, i = place
    if e < 0:
        return trial.bias(s, i) if trial.stages[s].bias[i] is None else None
    edge, values = trial.edge(s, e)
    assert isinstance(edge, Term)
    return float(constants(edge, values)[i]) if edge.fixed[i] is None else None


def _fixed(trial: Trial, place: Place, value: float) -> Trial:
    """The trial with a constant fixed; a redundant scale or shift is moved elsewhere first."""
    s, e, i = place
    parts = (_moved(trial, place, value) or trial).parts()
    if e < 0:
        parts[s].biases[i] = (value, value)
        return built(parts)
    edge, values = parts[s].edges[e]
    assert isinstance(edge, Term)
    fixed = list(edge.fixed)
    at = sum(each is None for each in fixed[:i])
    fixed[i] = value
    parts[s].edges[e] = Term(edge.input, edge.output, edge.functions, fixed), np.delete(values, at)
    return built(parts)


def _moved(trial: Trial, place: Place, value: float) -> Trial | None:
    """The same function with the constant at `value`, if it is a scale or a shift that can move."""
    s, e, i = place
    now = _at(trial, place)
    if not now:
        return None
    if e < 0:
        for j, group in uses(trial, s, i):
            if len(group) == 1:
                return shifted_output(trial, s, j, value - now)
        return None
    edge = trial.stages[s].edges[e]
    if i == 1 and s:
        return scaled_output(trial, s - 1, edge.input, now / value)
    if i == 0:
        for j, group in uses(trial, s, edge.output):
            if len(group) > 1:
                return exchanged(trial, s, edge.output, value / now)
            return scaled_output(trial, s, j, value / now)
    return None


def _is_angle(trial: Trial, place: Place) -> bool:
    """Whether a constant is inside a trigonometric function."""
    s, e, i = place
    edge = trial.stages[s].edges[e] if e >= 0 else None
    return isinstance(edge, Term) and i > 0 and edge.functions[(i - 1) // 2].name in PERIODIC


def _trivial(value: float, place: Place, _: bool) -> Iterator[tuple[float, float]]:
    """0 for shifts, 1 or -1 for scales, with price 0."""
    e, i = place[1:]
    if e < 0 or (i and i % 2 == 0):
        yield 0.0, 0.0
    if e < 0 or i == 0 or i % 2:
        yield float(np.sign(value)) or 1.0, 0.0


def _rational(value: float, _: Place, angle: bool) -> Iterator[tuple[float, float]]:
    """p/q and p pi/q near a constant with their prices, the cheapest first."""
    found: dict[float, float] = {}
    for denominator in DENOMINATORS:
        for unit in (1.0, np.pi):
            numerator = round(value * denominator / unit)
            if not numerator or abs(numerator) > LARGEST:
                continue
            fraction = Fraction(numerator, denominator)
            simple = float(fraction) * unit
            if abs(simple - value) <= CLOSE * abs(value):
                size = abs(fraction.numerator) * fraction.denominator
                if unit != 1.0:
                    size *= ANGLE if angle else OTHER
                found.setdefault(simple, 2 * float(np.log(size)))
    yield from sorted(found.items(), key=lambda each: each[1])
