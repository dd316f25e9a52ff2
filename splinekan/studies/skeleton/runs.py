"""Runs in stages, a stage per level, so that an interrupted study can be resumed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.multilevel import Hierarchy
from splinekan.optimize import History


@dataclass(frozen=True, eq=False)
class Stage:
    """The end of a level.

    Attributes
    ----------
    level, intervals, parameters
        The level, and the size of its network.
    theta
        The parameters.
    loss, fresh_loss
        The losses at the points of training, and at points between them.
    error
        Relative l2 error against the reference.
    work, seconds
        So far, all levels; work in evaluations on the coarsest level.
    history
        The history of the level; for successive halving, of the last round of the best start.
    """

    level: int
    intervals: int
    parameters: int
    theta: Float64Array
    loss: float
    fresh_loss: float
    error: float
    work: float
    seconds: float
    history: History

    def record(self) -> dict[str, Any]:
        """As plain numbers and lists."""
        values = asdict(self) | {"theta": self.theta.tolist()}
        values["history"] = {name: column.tolist() for name, column in asdict(self.history).items()}
        return values

    @property
    def finite(self) -> bool:
        """Whether all of its numbers are finite."""
        numbers = (self.loss, self.fresh_loss, self.error, self.work, self.seconds)
        arrays = (self.theta, *(getattr(self.history, each.name) for each in fields(History)))
        return bool(np.isfinite(numbers).all() and all(np.isfinite(array).all() for array in arrays))


class Run(ABC):
    """A way to solve a problem, from a seed.

    Attributes
    ----------
    seed
        Draws the starts.
    hierarchy
        The levels.
    """

    seed: int
    hierarchy: Hierarchy

    @property
    @abstractmethod
    def levels(self) -> tuple[int, ...]:
        """The level of every stage."""

    @property
    def stages(self) -> int:
        """The number of stages."""
        return len(self.levels)

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """All that the numbers depend on."""

    @abstractmethod
    def advance(self, index: int, before: Stage | None) -> Stage:
        """Stage `index` after the stage before."""
