"""Speed of the forms in which a spline layer can be evaluated: recursion, power ReLUs, local pieces.

The experiment of Southworth et al., arXiv:2603.04827, Figure 3: a network with three hidden layers of width
64. Its question is whether b = A psi, which needs no recursion, is faster than Cox-de Boor. Both are written
here as whole-array NumPy programs over all basis functions of all inputs, as codes on top of an array library
are; the package's own kernels touch the k+1 active functions only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, affordable, each, integer
from splinekan.network import KAN, initialize
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.studies.arguments import distinct_names

WIDTHS = (2, 64, 64, 64, 1)
ORDERS = (2, 3, 4, 5, 6)

Tabulate = Callable[[Float64Array, Float64Array, int], tuple[Float64Array, Float64Array]]


def cox_de_boor(x: Float64Array, knots: Float64Array, degree: int) -> tuple[Float64Array, Float64Array]:
    """All B-splines and their slopes at x in [a, b], by the recursion over degrees.

    b_i^k = (x - t_i)/(t_{i+k} - t_i) b_i^{k-1} + (t_{i+k+1} - x)/(t_{i+k+1} - t_{i+1}) b_{i+1}^{k-1}, from
    the indicators of the knot intervals on; the slopes come from the last but one degree.

    Parameters
    ----------
    x
        (n, p), inside the domain.
    knots, degree
        Extended knots, degree at least 1.

    Returns
    -------
    values, slopes
        (n, p, n_basis), dimensionless and in the units of 1/x.
    """
    t = knots
    beyond = x[..., None] - t  # x - t_i, for all degrees
    # The right end of the domain belongs to its last interval.
    span = np.clip(np.searchsorted(t, x, side="right") - 1, degree, len(t) - degree - 2)
    basis = (span[..., None] == np.arange(len(t) - 1)).astype(float)
    slopes = basis
    for k in range(1, degree + 1):
        m = len(t) - k - 1
        up, down = 1 / (t[k : k + m] - t[:m]), 1 / (t[k + 1 : k + 1 + m] - t[1 : 1 + m])
        if k == degree:
            slopes = k * (up * basis[..., :m] - down * basis[..., 1:])
        left = beyond[..., :m] * basis[..., :m]
        right = beyond[..., k + 1 : k + 1 + m] * basis[..., 1:]
        basis = up * left - down * right
    return basis, slopes


def power_relus(x: Float64Array, knots: Float64Array, degree: int) -> tuple[Float64Array, Float64Array]:
    """psi_j = max(0, x - t_j)^k and slopes, shaped as in `cox_de_boor`, degree at least 1."""
    active = np.maximum(x[..., None] - knots[: len(knots) - degree - 1], 0.0)
    power: Any = (active > 0).astype(float) if degree == 1 else active
    for _ in range(degree - 2):
        power = power * active
    return power * active, degree * power


def relu_form(x: Float64Array, knots: Float64Array, degree: int) -> tuple[Float64Array, Float64Array]:
    """b = A psi and slopes, shaped as in `cox_de_boor`: degree + 2 shifted copies of the powers, no "
    "recursion."""
    bands = change_of_basis(knots, degree).bands
    results = []
    for psi in power_relus(x, knots, degree):
        m = psi.shape[-1]
        total = bands[0] * psi
        for d in range(1, min(degree + 2, m)):
            total[..., : m - d] += bands[d, : m - d] * psi[..., d:]
        results.append(total)
    return results[0], results[1]


FORMS: dict[str, tuple[Tabulate, str]] = {
    "Cox-de Boor": (cox_de_boor, "spline"),
    "ReLU form": (relu_form, "spline"),
    "ReLU layer": (power_relus, "relu"),
}
"""Dense evaluators, and the basis of the coefficients they go with: y = U b, y = U A psi, y = W psi."""
LOCAL = "splinekan, local"


@dataclass(frozen=True)
class DenseNetwork:
    """A chain of spline layers that tabulates every basis function: what `KAN` is compared with.

    Inputs of a layer are clamped to its domain, as `extrapolate="clamp"` does.
    """

    network: KAN
    form: str

    def value(self, theta: Float64Array, x: Float64Array) -> Float64Array:
        """Outputs (n, n_out); theta in the basis that the form goes with."""
        for coefficients, layer in self._layers(theta):
            basis, _ = self._tabulate(x, layer)
            x = basis.reshape(len(x), -1) @ coefficients.reshape(-1, layer.n_out)
        return x

    def gradient(self, theta: Float64Array, x: Float64Array, gy: Float64Array) -> Float64Array:
        """J^T gy, as `KAN.vjp`."""
        kept = []
        for coefficients, layer in self._layers(theta):
            basis, slopes = self._tabulate(x, layer)
            kept.append((basis, slopes, coefficients, layer))
            x = basis.reshape(len(x), -1) @ coefficients.reshape(-1, layer.n_out)
        parts = []
        for basis, slopes, coefficients, layer in reversed(kept):
            parts.append((basis.reshape(len(gy), -1).T @ gy).ravel())
            pulled = (gy @ coefficients.reshape(-1, layer.n_out).T).reshape(basis.shape)
            gy = (slopes * pulled).sum(axis=2)
        return np.concatenate(parts[::-1])

    def _layers(self, theta: Float64Array) -> list[tuple[Float64Array, Any]]:
        pieces = zip(self.network.layers, pairwise(self.network.offsets), strict=True)
        return [(theta[start:stop], layer) for layer, (start, stop) in pieces]

    def _tabulate(self, x: Float64Array, layer: Any) -> tuple[Float64Array, Float64Array]:
        knots = layer.common_knots
        inside = np.clip(x, *knots.domain)
        basis, slopes = FORMS[self.form][0](inside, knots.t, knots.degree)
        return basis, slopes * (x == inside)[..., None]


@dataclass(frozen=True, eq=False)
class Speed:
    """Seconds per call, the fastest of `repeats`.

    Attributes
    ----------
    orders
        r = degree + 1.
    value, gradient
        By form, one number per order: all outputs; outputs and all derivatives of a weighted sum of them.
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
    """Time every form for every order.

    Raises
    ------
    TypeError, ValueError
        For no orders or one outside 2 to 8, unknown forms or none, bad widths, or no intervals, samples or
        repeats.
    MemoryError
        If the values of all basis functions do not fit into this machine.
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
    """Per call its fastest run; they take turns, so that a busy spell of the machine falls on all of them."""
    for call in calls:  # the first run may compile
        call()
    best = [np.inf] * len(calls)
    for _ in range(repeats):
        for at, call in enumerate(calls):
            began = perf_counter()
            call()
            best[at] = min(best[at], perf_counter() - began)
    return best
