"""Points of a block at one theta: residuals, and their derivatives."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from splinekan._arrays import quiet
from splinekan._blas import dot
from splinekan._checks import Array, Float64Array, real_array
from splinekan.network import SparseRows
from splinekan.network.jets import Jets
from splinekan.objectives.elsewhere import PlacePart


@dataclass(frozen=True, eq=False)
class PointsPart:
    """Points of a block from number `start` on: their residuals with and without the roots of the weights."""

    block: int
    start: int
    residual: Float64Array
    unweighted: Float64Array
    sides: list[Jets]
    cotangents: list[Array]
    elsewhere: list[PlacePart] = field(default_factory=list)

    @property
    def value(self) -> float:
        """The contribution of these points to L."""
        return dot(self.residual, self.residual) / 2

    @quiet
    def gradient(self, multipliers: Float64Array | float = 1.0) -> Float64Array:
        """J^T (multipliers r), for one multiplier or (n,)."""
        factors = real_array("multipliers", multipliers, finite=False)
        if factors.shape not in ((), self.residual.shape):
            raise ValueError(
                f"multipliers must be one number or have shape {self.residual.shape}, got {factors.shape}"
            )
        residual = factors * self.residual
        scaled = [v * residual[:, None, None] for v in self.cotangents]
        total: Float64Array = sum(
            (side.vjp(v) for side, v in zip(self.sides, scaled, strict=True)), np.zeros(())
        )
        for part in self.elsewhere:
            total = total + part.vjp(residual)
        return total

    def jacobian(self) -> SparseRows:
        """J; dense for two sides and for values at other places, whose row segments overlap."""
        each = [side.rows(v) for side, v in zip(self.sides, self.cotangents, strict=True)]
        if len(each) == 1 and not self.elsewhere:
            return each[0]
        dense = each[0].toarray()
        for rows in each[1:]:
            dense += rows.toarray()
        n, m = dense.shape
        for part in self.elsewhere:
            dense += part.rows(n)
        return SparseRows(dense, np.zeros((n, 1), np.int64), np.array([m]), m)
