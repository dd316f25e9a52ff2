"""Options of the engine, and its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from splinekan._checks import MAX_DEGREE, boolean, integer, one_of, real, sequence, spline_degree
from splinekan.network import KAN
from splinekan.optimize import History
from splinekan.solving.pieces import Piece

NETWORKS = ("tensor", "spline", "ridge", "separable", "compete")


@dataclass(frozen=True)
class Options:
    """The checked options of `solve`, which describes them."""

    network: str | KAN | None = None
    hidden: Sequence[int] | None = None
    degree: int | None = None
    levels: int | None = None
    points: int | None = None
    exact: bool | None = None
    slabs: int | None = None
    tolerance: float = 1e-8
    seed: int = 0
    seconds: float | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        network = self.network
        if network is not None and not isinstance(network, KAN):
            if not isinstance(network, str):
                raise TypeError(f"network must be a name or a KAN, got {type(network).__name__}")
            one_of("network", network, NETWORKS)
        hidden = self.hidden
        if hidden is not None:
            hidden = tuple(
                integer(f"hidden[{i}]", n, low=1)
                for i, n in enumerate(sequence("hidden", hidden, empty=True))
            )
            if network not in (None, "spline"):
                raise ValueError("hidden must be None for networks other than 'spline'")
        found: dict[str, Any] = {
            "hidden": hidden,
            "degree": None if self.degree is None else spline_degree(self.degree),
            "exact": None if self.exact is None else boolean("exact", self.exact),
            "tolerance": real("tolerance", self.tolerance, low=0.0, high=1.0),
            "seed": integer("seed", self.seed, low=0),
            "seconds": None if self.seconds is None else real("seconds", self.seconds, positive=True),
            "progress": boolean("progress", self.progress),
        }
        for name in ("levels", "points", "slabs"):
            value = getattr(self, name)
            found[name] = None if value is None else integer(name, value, low=1)
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def degree_for(self, n_variables: int, order: int) -> int:
        """The degree of tensor-product splines: as given, or by the number of variables and the order.

        Residuals are O(h^(k + 1 - order)), so that orders above two require higher degrees k.
        """
        if self.degree is not None:
            return self.degree
        return min(7 + max(order - 2, 0), MAX_DEGREE) if n_variables < 3 else 5


class LevelRecord(NamedTuple):
    """A level of the run, or a slab of time.

    Attributes
    ----------
    network
        The name of the network.
    intervals, parameters
        The largest number of intervals of any variable, and the number of parameters.
    loss, held_out
        The loss on the collocation points, and on other points: the mean square of the relative residuals.
        The latter is NaN for slabs that were not solved again within the time limit.
    change
        The relative l2 change of the unknowns from the previous level, NaN on the first; on the last slab the
        largest change of the unknowns when all slabs are solved again on other points.
    seconds
        Wall time.
    """

    network: str
    intervals: int
    parameters: int
    loss: float
    held_out: float
    change: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """The outcome of an engine: the solution in pieces, and the record of its computation."""

    pieces: tuple[Piece, ...]
    history: History = field(repr=False)
    levels: tuple[LevelRecord, ...] = ()
    warnings: tuple[str, ...] = ()
    standard_errors: dict[str, float] = field(default_factory=dict)

    @property
    def held_out(self) -> float:
        """The loss on held-out points at the end."""
        return self.levels[-1].held_out if self.levels else np.nan
