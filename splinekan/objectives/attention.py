"""Residual-based attention: the weights of points grow while their residuals stay large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from splinekan._arrays import quiet
from splinekan._blas import one
from splinekan._checks import Float64Array, each, instance, integer, real
from splinekan.objectives.pinn import PINN, PointsPart
from splinekan.operators.coordinates import Coordinates


@dataclass(eq=False)
class Attention:
    """L = 1/2 sum of w lambda r^2, and lambda <- (1 - rate) lambda + rate |r| / max |r| at each evaluation.

    The problem's smoothing, if any, is added unchanged.

    The multipliers, one per point of the chosen blocks, start at 1 and are updated whenever
    `value_and_gradient` is called (Anagnostopoulos et al. 2024; in the form of Southworth et al.,
    arXiv:2603.04827, section 6.2), unless residuals are not finite. The class is therefore meant for
    optimisers that evaluate once per step, such as Adam. `value` leaves the multipliers unchanged.

    Parameters
    ----------
    problem
        The objective.
    blocks
        Indices of the blocks that are weighted; the other blocks keep their weights.
    rate
        The rate of the update, in [0, 1].

    Attributes
    ----------
    multipliers
        lambda of each chosen block, (n,).

    Raises
    ------
    TypeError, ValueError
        For a rate outside [0, 1], for indices that the problem's blocks do not have, and without any index.
    """

    problem: PINN
    blocks: Sequence[int] = (0,)
    rate: float = 1e-4
    multipliers: dict[int, Float64Array] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        instance("problem", self.problem, PINN)
        self.rate = real("rate", self.rate, low=0.0, high=1.0)
        last = len(self.problem.blocks) - 1
        chosen = each("blocks", self.blocks, lambda name, n: integer(name, n, low=0, high=last))
        self.blocks = tuple(chosen)
        self.multipliers = {number: np.ones(len(self.problem.blocks[number].points)) for number in chosen}

    @property
    def cost(self) -> float | None:
        """Work units of one evaluation of value and gradient."""
        return self.problem.cost

    @one
    @quiet
    def value(self, theta: Float64Array) -> float:
        """L with the current multipliers."""
        parts = (float(part.residual**2 @ self._of(part)) / 2 for part in self.problem.parts(theta))
        return sum(parts, self.problem.penalty.value(theta))

    @one
    @quiet
    def value_and_gradient(self, theta: Float64Array) -> tuple[float, Float64Array]:
        """L and its gradient with the current multipliers, which are then updated."""
        penalty = self.problem.penalty
        total, gradient = penalty.value(theta), penalty.product(theta)
        sizes: dict[int, list[Float64Array]] = {number: [] for number in self.multipliers}
        for part in self.problem.parts(theta):
            multipliers = self._of(part)
            total += float(part.residual**2 @ multipliers) / 2
            gradient += part.gradient(multipliers)
            if part.block in sizes:
                sizes[part.block].append(np.abs(part.unweighted))
        for number, pieces in sizes.items():
            size = np.concatenate(pieces)
            largest = size.max()
            if not np.isfinite(largest):
                continue
            share = size / max(largest, np.finfo(np.float64).tiny)
            self.multipliers[number] += self.rate * (share - self.multipliers[number])
        return total, gradient

    def coordinates(self, name: str) -> Coordinates:
        """The map from theta to the parameters in the basis `name`, "spline" or "relu"."""
        return self.problem.coordinates(name)

    def _of(self, part: PointsPart) -> Float64Array:
        count = len(part.residual)
        if part.block not in self.multipliers:
            return np.ones(count)
        return self.multipliers[part.block][part.start : part.start + count]
