"""Rules for points: Gauss points in the cells of a grid, or a Sobol sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from splinekan._checks import Float64Array
from splinekan.equations.collocation import gauss_cells


@dataclass(frozen=True, eq=False)
class Cells:
    """`order` Gauss points per variable in every cell of a tensor grid with these edges."""

    edges: Sequence[Float64Array]
    order: int

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of cells along each variable."""
        return tuple(len(t) - 1 for t in self.edges)

    def gauss(self) -> tuple[Float64Array, Float64Array, Any]:
        """Points, weights with the sum 1, and the number of the cell of each point."""
        points, weights = gauss_cells(self.edges, self.order)
        cells = [np.repeat(np.arange(n), self.order) for n in self.counts]
        grid = np.meshgrid(*cells, indexing="ij")
        number = np.ravel_multi_index(tuple(axis.ravel() for axis in grid), self.counts)
        return points, weights, number

    def halved(self, times: Sequence[int]) -> Cells:
        """The rule with every cell divided into 2^times[i] cells along variable i."""
        edges = []
        for t, count in zip(self.edges, times, strict=True):
            for _ in range(count):
                t = np.sort(np.concatenate([t, (t[1:] + t[:-1]) / 2]))
            edges.append(t)
        return Cells(edges, self.order)

    def number_of(self, points: Float64Array) -> Any:
        """The number of the cell of each point."""
        places = [
            np.clip(np.searchsorted(t, x, side="right") - 1, 0, len(t) - 2)
            for t, x in zip(self.edges, points.T, strict=True)
        ]
        return np.ravel_multi_index(tuple(places), self.counts)


@dataclass(frozen=True)
class Sobol:
    """`count` points of a scrambled Sobol sequence."""

    count: int
    seed: int


Rule = Cells | Sobol


def sobol(count: int, bounds: Sequence[tuple[float, float]], seed: int) -> Float64Array:
    """Points of a scrambled Sobol sequence in a box, (count, d)."""
    low, high = np.array(bounds, dtype=np.float64).T
    whole = max(count - 1, 1).bit_length()
    unit = scipy.stats.qmc.Sobol(len(low), rng=np.random.default_rng(seed)).random_base2(whole)[:count]
    return np.asarray(np.clip(low + (high - low) * unit, low, high))
