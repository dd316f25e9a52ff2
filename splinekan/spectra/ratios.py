"""Condition numbers of singular and of partly resolved matrices, with bounds instead of NaN."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from splinekan.spectra.density import Density
from splinekan.spectra.spectrum import TOLERANCE, Spectrum

LOWEST = 0.1
"""The quantile that bounds the smallest eigenvalue which is not zero."""
NOTHING = "no eigenvalue is resolved"


class Ratio(NamedTuple):
    """A ratio of moduli of eigenvalues, with bounds.

    Attributes
    ----------
    value
        The ratio; NaN if there is no estimate, for the reason in `note`.
    low, high
        Bounds of the exact ratio, provided that the errors of the eigenvalues are correct. `high` is infinite
        if only a lower bound is known.
    note
        The reason why the value is NaN or only a lower bound; empty otherwise.
    """

    value: float
    low: float
    high: float
    note: str = ""

    def __str__(self) -> str:
        if np.isfinite(self.value) and np.isfinite(self.high):
            return f"{self.value:.1e}"
        bound = self.value if np.isfinite(self.value) else self.low
        return f">{bound:.1e}" if np.isfinite(bound) and bound > 1 else "-"

    def record(self) -> dict[str, Any]:
        """All fields, for JSON, with None for NaN and infinities."""
        found: dict[str, Any] = {
            name: value if np.isfinite(value) else None
            for name, value in zip(("value", "low", "high"), self[:3], strict=True)
        }
        return {**found, "note": self.note}


def dense_condition(spectrum: Spectrum) -> Ratio:
    """The largest divided by the smallest resolved modulus; a lower bound if a value is not resolved."""
    kept = spectrum.resolved
    if not kept.any():
        return Ratio(np.nan, np.nan, np.nan, NOTHING)
    size, error = np.abs(spectrum.values[kept]), spectrum.error[kept]
    least = int(np.argmin(size))
    top, top_error, bottom, bottom_error = (
        float(size.max()),
        float(error[np.argmax(size)]),
        float(size[least]),
        float(error[least]),
    )
    low = max((top - top_error) / (bottom + bottom_error), 1.0)
    if spectrum.unresolved:
        count = spectrum.unresolved
        note = f"{count} eigenvalues are neither resolved nor zero to rounding: a lower bound"
        return Ratio(top / bottom, low, np.inf, note)
    return Ratio(top / bottom, low, (top + top_error) / (bottom - bottom_error))


def dense_quantiles(spectrum: Spectrum, high: float, low: float) -> Ratio:
    """The ratio of two quantiles of the moduli, without eigenvalues that are zero to rounding.

    The exact modulus of rank p lies between the p-th lower end and the p-th upper end of all intervals
    |value| -+ error.
    """
    size, error = np.abs(spectrum.values), spectrum.error
    zeros = np.flatnonzero(size == 0)
    dropped = zeros[np.argsort(error[zeros], kind="stable")][: spectrum.nullity]
    kept = np.delete(np.arange(len(size)), dropped)
    if not len(kept):
        return Ratio(np.nan, np.nan, np.nan, NOTHING)
    size, error = size[kept], error[kept]

    def at(share: float) -> tuple[float, float, float]:
        ends = (size, np.maximum(size - error, 0.0), size + error)
        value, below, above = (float(np.sort(end)[_place(share, len(end))]) for end in ends)
        return value, below, above

    return _quotient(at(high), at(low))


def lanczos_condition(spectrum: Spectrum, density: Density, definite: bool) -> Ratio:
    """The largest divided by the smallest resolved modulus of the eigenvalues from the Lanczos method.

    `definite` if no eigenvalue is negative. If the smallest eigenvalue is not resolved, the first decile of
    the nonzero eigenvalues, which is not below it, gives a lower bound.
    """
    if not spectrum.resolved.any():
        return Ratio(np.nan, np.nan, np.nan, NOTHING)
    found = dense_condition(spectrum)
    if not definite:
        why = "the eigenvalues next to 0 are inside the spectrum, where Lanczos does not converge"
        return Ratio(found.value, found.low, np.inf, f"{why}: a lower bound")
    if spectrum.resolved.all():
        return found
    least = _beyond_zeros(density, LOWEST)[1]
    value = max(found.value, spectrum.largest / least if 0 < least < np.inf else 0.0)
    low = max(found.low, value * (1 - TOLERANCE))
    return Ratio(
        value, low, np.inf, "eigenvalues at the ends of the spectrum are not resolved: a lower bound"
    )


def lanczos_quantiles(density: Density, high: float, low: float) -> Ratio:
    """The ratio of two quantiles of a semidefinite matrix, without zeros.

    The value of a quantile is the geometric mean of its bounds.
    """

    def at(share: float) -> tuple[float, float, float]:
        below, above = _beyond_zeros(density, share)
        middle = np.sqrt(below * above) if below > 0 and above < np.inf else np.nan
        return float(middle), below, above

    return _quotient(at(high), at(low))


def _beyond_zeros(density: Density, share: float) -> tuple[float, float]:
    """Bounds (low, high) on a quantile of the eigenvalues that are not zero to rounding."""
    noise = density.size * float(np.finfo(np.float64).eps) * float(np.abs(density.nodes).max())
    fewest, most = (float(end[0]) for end in density.cumulative(np.array([noise])))
    below = density.quantile(fewest + share * (1 - fewest))[0]
    above = density.quantile(min(most + share * (1 - most), 1.0))[1]
    return max(below, 0.0), above


def _place(share: float, n: int) -> int:
    """The index of a quantile among n values in increasing order."""
    return min(max(int(np.ceil(share * n)) - 1, 0), n - 1)


def _quotient(top: tuple[float, float, float], bottom: tuple[float, float, float]) -> Ratio:
    """The ratio of two quantities, each (value, low, high)."""
    low = top[1] / bottom[2] if 0 < bottom[2] < np.inf else np.nan
    high = top[2] / bottom[1] if bottom[1] > 0 else np.inf
    low = max(low, 1.0) if np.isfinite(low) else 1.0
    if not np.isfinite(high):
        return Ratio(np.nan, low, np.inf, "the lower quantile is not distinguished from 0: a lower bound")
    return Ratio(top[0] / bottom[0], low, high)
