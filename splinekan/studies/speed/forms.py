"""Forms in which a spline layer can be evaluated, as whole-array NumPy programs over all basis functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.network import KAN
from splinekan.splines.change_of_basis import change_of_basis

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
    """b = A psi and slopes, shaped as in `cox_de_boor`: degree + 2 shifted powers and no recursion."""
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
"""Dense evaluators, and the basis of their coefficients: y = U b, y = U A psi, y = W psi."""


@dataclass(frozen=True)
class DenseNetwork:
    """A chain of spline layers that tabulates every basis function, for comparison with `KAN`.

    Inputs of a layer are clamped to its domain, as `extrapolate="clamp"` does.
    """

    network: KAN
    form: str

    def value(self, theta: Float64Array, x: Float64Array) -> Float64Array:
        """Outputs (n, n_out); theta in the basis of the form."""
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
