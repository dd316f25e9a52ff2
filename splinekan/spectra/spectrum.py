"""The record of a spectrum: eigenvalues with estimates of their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array, instance, integer, real_array, vector

TOLERANCE = 0.1
"""Largest relative error of a resolved value."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of a symmetric matrix in decreasing order, each with an estimate of its error.

    Parameters
    ----------
    values
        (n,), in the units of the matrix. A value that cannot be distinguished from zero is 0.
    error
        (n,), estimates of the absolute errors from eps, sizes and norms; they are upper bounds rather than
        sharp, and infinite if no bound is known.
    method
        A description of how the values were computed.
    nullity
        Number of values that are zero to rounding, the dimension of the null space.
    vectors
        (n of the matrix, n of the values), orthonormal columns, or None if they were not computed.

    Raises
    ------
    TypeError, ValueError
        For values that are not finite or not decreasing, errors that are negative, NaN or of the wrong
        length, or a nullity that exceeds the number of values.

    Examples
    --------
    >>> import numpy as np
    >>> s = Spectrum(np.array([4.0, 1.0, 1e-17]), np.array([1e-15, 1e-15, 1e-15]), "example")
    >>> s.resolved.tolist(), s.noise, s.condition
    ([True, True, False], 1e-15, nan)
    """

    values: Float64Array
    error: Float64Array
    method: str
    nullity: int = 0
    vectors: Float64Array | None = None

    def __post_init__(self) -> None:
        values = vector("values", self.values)
        error = vector("error", self.error, len(values), finite=False)
        if not (error >= 0).all():
            raise ValueError("error must not be negative or NaN")
        if (np.diff(values) > 0).any():
            raise ValueError("values must be in decreasing order")
        fields = {
            "values": values,
            "error": error,
            "method": instance("method", self.method, str),
            "nullity": integer("nullity", self.nullity, low=0, high=len(values)),
        }
        if self.vectors is not None:
            fields["vectors"] = real_array("vectors", self.vectors, shape=(None, len(values)))
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def resolved(self) -> NDArray[np.bool_]:
        """Whether the error is below a tenth of the value, (n,); False for 0."""
        size = np.abs(self.values)
        return np.asarray((self.error <= TOLERANCE * size) & (size > 0))

    @property
    def unresolved(self) -> int:
        """The number of values that are neither resolved nor zero to rounding."""
        return max(len(self) - self.nullity - int(self.resolved.sum()), 0)

    @property
    def noise(self) -> float:
        """The largest error of an unresolved value, below which values are rounding errors; 0 without any.

        Infinite if an unresolved value has no bound.
        """
        return float(self.error[~self.resolved].max(initial=0.0))

    @property
    def largest(self) -> float:
        """The largest resolved value; NaN if no value is resolved."""
        return float(self.values[self.resolved].max()) if self.resolved.any() else np.nan

    @property
    def least(self) -> float:
        """The least resolved value (for an indefinite matrix the most negative); NaN without any."""
        return float(self.values[self.resolved].min()) if self.resolved.any() else np.nan

    @property
    def smallest(self) -> float:
        """The resolved value of smallest modulus, with its sign; NaN if no value is resolved."""
        kept = self.values[self.resolved]
        return float(kept[np.argmin(np.abs(kept))]) if len(kept) else np.nan

    @property
    def condition(self) -> float:
        """Ratio of the largest to the smallest nonzero modulus; NaN if a value is unresolved."""
        if self.unresolved or not self.resolved.any():
            return np.nan
        size = np.abs(self.values[self.resolved])
        return float(size.max() / size.min())

    @property
    def condition_seen(self) -> float:
        """Ratio of the extreme moduli of the resolved values, a lower bound if `condition` is NaN."""
        size = np.abs(self.values[self.resolved])
        return float(size.max() / size.min()) if len(size) else np.nan

    @property
    def negative(self) -> int:
        """The number of negative resolved values."""
        return int((self.values[self.resolved] < 0).sum())

    def record(self) -> dict[str, Any]:
        """All fields but the vectors, for JSON; errors without a bound are None."""
        return {
            "method": self.method,
            "values": self.values.tolist(),
            "error": [e if np.isfinite(e) else None for e in self.error.tolist()],
            "resolved": self.resolved.tolist(),
            "noise": self.noise if np.isfinite(self.noise) else None,
            "nullity": self.nullity,
        }
