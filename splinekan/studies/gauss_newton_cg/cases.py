"""The networks of the study: the same function on every level of a hierarchy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from splinekan import problems
from splinekan._checks import Float64Array
from splinekan.multilevel import Hierarchy, Level
from splinekan.network import KAN, initialize
from splinekan.objectives import LeastSquares
from splinekan.optimize import CG, Cholesky, LevenbergMarquardt
from splinekan.problems.boundary import problem
from splinekan.problems.networks import bounded
from splinekan.studies.skeleton.interrupts import whole

STEPS = 15
"""Number of steps of Levenberg-Marquardt on the coarsest level."""
DENSE = 1000
"""Parameters up to which these use Cholesky factors."""


@dataclass(frozen=True, eq=False)
class Case:
    """A problem on a hierarchy.

    Attributes
    ----------
    name
        One of `CASES`.
    levels
        The hierarchy, all of its levels.
    measured
        The levels that are measured.
    objective
        The objective of a level.
    start
        Parameters on the coarsest level, after a few steps of Levenberg-Marquardt.
    """

    name: str
    levels: Hierarchy
    measured: tuple[int, ...]
    objective: Callable[[Level], Any]
    start: Float64Array

    def theta(self, index: int) -> Float64Array:
        """The parameters of the same function on a level."""
        theta = self.start
        for coarser in range(index):
            theta = self.levels.prolong(theta, coarser)
        return theta


CASES: dict[str, tuple[int, ...]] = {
    "regression": (0, 1, 2, 4, 6),
    "burgers": (0, 1, 2, 4, 6),
    "wide": (0, 3, 6),
}
"""The levels that are measured, by name.

[2, 5, 1] with an affine map first and [2, 5, 5, 1] of degree 5 have 5 to 320 intervals, [2, 20, 20, 1] has
2 to 128 (60,260 parameters).
"""


def case(name: str, levels: Sequence[int], seed: int, samples: int) -> Case:
    """A problem of `CASES`; samples, start and collocation points from the arguments."""
    count = max(levels) + 1
    if name == "burgers":
        burgers = problem("burgers")
        hierarchy = Hierarchy(bounded((2, 5, 5, 1), 5, 5), count)
        cells = burgers.uniform((40, 20) if samples >= 4000 else (20, 10))
        start = initialize(hierarchy.network, seed, "greville", bounds=(-1.0, 1.0), noise=0.3)
        return _trained(
            name, hierarchy, levels, lambda level: burgers.pinn(level.network, burgers.blocks(cells)), start
        )
    x, y = problems.regression("rotated-waves").sample(samples, np.random.default_rng(seed))
    y = y - y.mean()
    if name == "regression":
        hierarchy = Hierarchy(KAN.affine_first((2, 5, 1), 3, 5), count)
        start = initialize(hierarchy.network, seed)
    else:
        hierarchy = Hierarchy(KAN.splines((2, 20, 20, 1), 3, 2), count)
        start = initialize(hierarchy.network, seed, "greville")
    return _trained(
        name, hierarchy, levels, lambda level: LeastSquares(level.network, x, y, reduction="mean"), start
    )


def _trained(
    name: str,
    hierarchy: Hierarchy,
    levels: Sequence[int],
    objective: Callable[[Level], Any],
    start: Float64Array,
) -> Case:
    solver = Cholesky() if len(start) <= DENSE else CG()
    result = whole(
        LevenbergMarquardt(solver=solver).minimize(objective(hierarchy[0]), start, iterations=STEPS)
    )
    return Case(name, hierarchy, tuple(levels), objective, result.theta)
