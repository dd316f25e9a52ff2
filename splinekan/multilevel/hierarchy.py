"""Levels: the same network on knots halved again and again."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer, real_array
from splinekan.network import KAN, SplineLayer
from splinekan.transforms import prolongation


@dataclass(frozen=True, eq=False)
class Level:
    """One network of a hierarchy.

    Attributes
    ----------
    index
        0 is the coarsest.
    network
        The network on this level's knots.
    cost
        Work units of one evaluation, 2^index: that is how the paper counts, whose evaluation touches
        every basis function. (Here only live functions are touched and an evaluation costs about the
        same on all levels; look at seconds for that.)
    """

    index: int
    network: KAN
    cost: float


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Dyadic levels of a network, properly nested: g_c(x; theta) = g_f(x; P theta) for all x, theta.

    Definition 1 and Lemma 6 of Southworth et al., arXiv:2603.04827. Outside [a, b] it holds for the
    continuations "linear", "polynomial", "clamp" and "zero" alike, because all act on the end pieces.

    Parameters
    ----------
    network
        The coarsest level.
    n_levels
        Number of levels, at least 1.

    Raises
    ------
    TypeError, ValueError
        For a number of levels below 1, or several levels of a network without spline layers.

    Examples
    --------
    >>> print(Hierarchy(KAN.affine_first([2, 5, 1], intervals=5), 2))
    level  intervals  parameters  cost
        0          5          55     1
        1         10          80     2
    """

    network: KAN
    n_levels: int

    def __post_init__(self) -> None:
        integer("n_levels", self.n_levels, low=1)
        if self.n_levels > 1 and self.network.intervals == 0:
            raise ValueError("a network without spline layers cannot be refined: use one level")
        levels = [Level(0, self.network, 1.0)]
        for index in range(1, self.n_levels):
            levels.append(Level(index, levels[-1].network.refined(), 2.0**index))
        object.__setattr__(self, "_levels", tuple(levels))

    @property
    def levels(self) -> tuple[Level, ...]:
        """Coarsest first."""
        found: tuple[Level, ...] = object.__getattribute__(self, "_levels")
        return found

    def __len__(self) -> int:
        return self.n_levels

    def __getitem__(self, index: int) -> Level:
        return self.levels[index]

    def prolong(self, theta: ArrayLike, level: int) -> Float64Array:
        """theta of `level` as theta of `level` + 1: the same function, exactly.

        Raises
        ------
        TypeError, ValueError
            For a level that has no finer one, or theta of a wrong shape.
        """
        index = integer("level", level, low=0, high=self.n_levels - 2)
        coarse, fine = self[index].network, self[index + 1].network
        vector = real_array("theta", theta, shape=(coarse.n_parameters,)).astype(np.float64)
        parts = []
        spans = pairwise(coarse.offsets)
        for layer, finer, (start, stop) in zip(coarse.layers, fine.layers, spans, strict=True):
            piece = vector[start:stop]
            if isinstance(layer, SplineLayer) and isinstance(finer, SplineLayer):
                p = prolongation(layer.knots, finer.knots, layer.degree, layer.basis)
                blocks = piece.reshape(layer.n_in, layer.n_basis, layer.n_out)
                piece = np.concatenate([(p @ block).ravel() for block in blocks])
            parts.append(piece)
        return np.concatenate(parts)

    def __str__(self) -> str:
        lines = ["level  intervals  parameters  cost"]
        for level in self.levels:
            network = level.network
            lines.append(
                f"{level.index:>5}  {network.intervals:>9}  {network.n_parameters:>10}  {level.cost:>4g}"
            )
        return "\n".join(lines)
