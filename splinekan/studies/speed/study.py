"""Speed of the forms in which a spline layer can be evaluated: recursion, power ReLUs, local pieces.

The experiment of Southworth et al., arXiv:2603.04827, Figure 3: a network with three hidden layers of width
64. Is b = A psi, which needs no recursion, faster than Cox-de Boor? Both are whole-array NumPy programs over
all basis functions of all inputs, like codes on top of an array library; the kernels of this package touch
the k+1 active functions only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import affordable, each, integer
from splinekan.network import KAN, initialize
from splinekan.studies.skeleton.arguments import distinct_names
from splinekan.studies.speed.forms import FORMS, DenseNetwork

WIDTHS = (2, 64, 64, 64, 1)
ORDERS = (2, 3, 4, 5, 6)
LOCAL = "splinekan, local"


@dataclass(frozen=True, eq=False)
class Speed:
    """Seconds per call, the fastest of `repeats`.

    Attributes
    ----------
    orders
        r = degree + 1.
    value, gradient
        By form, a number per order: all outputs; outputs and all derivatives of a weighted sum of them.
    settings
        Widths, intervals, samples, repeats.
    """

    orders: tuple[int, ...]
    value: dict[str, list[float]]
    gradient: dict[str, list[float]]
    settings: dict[str, Any]


def run(
    orders: Sequence[int] = ORDERS,
    widths: Sequence[int] = WIDTHS,
    intervals: int = 10,
    samples: int = 256,
    repeats: int = 9,
    forms: Sequence[str] = tuple(FORMS),
) -> Speed:
    """Times of every form for every order.

    Raises
    ------
    TypeError, ValueError
        For no orders or an order outside 2 to 8, unknown forms or none, bad widths, or no intervals, samples
        or repeats.
    MemoryError
        If the values of all basis functions do not fit in memory.
    """
    numbers = each("orders", orders, lambda name, r: integer(name, r, low=2, high=8))
    degrees = [r - 1 for r in numbers]
    widths = each("widths", widths, lambda name, width: integer(name, width, low=1))
    if len(widths) < 2:
        raise ValueError(f"widths must hold at least 2 numbers, got {widths}")
    intervals = integer("intervals", intervals, low=1)
    count, times = integer("samples", samples, low=1), integer("repeats", repeats, low=1)
    chosen = distinct_names("forms", forms, FORMS)
    # Dense forms keep all basis functions of all inputs, twice, with temporaries.
    affordable(
        f"samples={count} on intervals={intervals} and widths={widths}",
        6 * 8.0 * count * max(widths) * (intervals + 7),
    )
    x = np.random.default_rng(0).uniform(0.0, 1.0, (count, widths[0]))
    gy = np.full((count, widths[-1]), 1.0 / count)
    value: dict[str, list[float]] = {form: [] for form in (*chosen, LOCAL)}
    gradient: dict[str, list[float]] = {form: [] for form in value}
    for degree in degrees:
        network = KAN.splines(widths, degree, intervals, extrapolate="clamp")
        theta = initialize(network, 0, "greville")
        calls: list[tuple[list[float], Callable[[], Any]]] = []
        for form in chosen:
            dense, z = DenseNetwork(network, form), network.to_basis(theta, FORMS[form][1])
            calls.append((value[form], partial(dense.value, z, x)))
            calls.append((gradient[form], partial(dense.gradient, z, x, gy)))
        calls.append((value[LOCAL], partial(network, theta, x)))
        calls.append((gradient[LOCAL], partial(network.vjp, theta, x, gy)))
        for (column, _), seconds in zip(calls, _fastest(times, [call for _, call in calls]), strict=True):
            column.append(seconds)
    settings = {"widths": widths, "intervals": intervals, "samples": count, "repeats": times}
    return Speed(tuple(numbers), value, gradient, settings)


def _fastest(repeats: int, calls: Sequence[Callable[[], Any]]) -> list[float]:
    """Per call its fastest run. Calls take turns, so that a busy machine slows all of them alike."""
    for call in calls:  # the first run may compile
        call()
    best = [np.inf] * len(calls)
    for _ in range(repeats):
        for at, call in enumerate(calls):
            began = perf_counter()
            call()
            best[at] = min(best[at], perf_counter() - began)
    return best
