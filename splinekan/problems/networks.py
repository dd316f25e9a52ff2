"""Networks for differential equations, smooth for all theta.

The second derivative of a linearly continued spline jumps at the ends of its domain, and optimisers stall on
a residual that is discontinuous in theta. Hidden values are therefore mapped into the domain of the next
layer, or the splines are continued as polynomials.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from splinekan._checks import each, integer
from splinekan.network import KAN, Layer, Normalizer, SplineLayer
from splinekan.splines.knots import uniform_knots

HIDDEN = 1.5
"""Initially the hidden values fill about half of [-1.5, 1.5]."""


def bounded(widths: Sequence[int], degree: int, intervals: int) -> KAN:
    """A network of spline layers on [-1, 1] with tanh between them, for inputs in [-1, 1]."""
    layers: list[Layer] = []
    knots = uniform_knots(-1.0, 1.0, intervals, degree)
    for n_in, n_out in _layers(widths):
        if layers:
            layers.append(Normalizer(n_in, "tanh", (-1.0, 1.0)))
        layers.append(SplineLayer(n_in, n_out, knots, degree))
    return KAN.chain(layers)


def free(widths: Sequence[int], degree: int, intervals: int) -> KAN:
    """A network of spline layers only; the hidden domains [-1.5, 1.5] are continued by the end polynomials.

    Faster than `bounded`, and exact for products, but unstable for steep solutions.
    """
    layers: list[Layer] = []
    for n_in, n_out in _layers(widths):
        end = HIDDEN if layers else 1.0
        knots = uniform_knots(-end, end, intervals, degree)
        layers.append(SplineLayer(n_in, n_out, knots, degree, "polynomial" if layers else "linear"))
    return KAN.chain(layers)


def _layers(widths: Sequence[int]) -> list[tuple[int, int]]:
    sizes = each("widths", widths, lambda name, n: integer(name, n, low=1))
    if len(sizes) < 2:
        raise ValueError(f"widths must hold at least two numbers, got {sizes}")
    return list(pairwise(sizes))
