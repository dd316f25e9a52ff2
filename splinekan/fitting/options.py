"""The checked options of a fit, and the networks that are tried where none are given."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from splinekan._checks import integer, one_of, real, sequence
from splinekan.fitting.training import Architecture

FIRST = ("splines", "affine")
INTERVALS = 3
"""Intervals of the coarsest splines."""
DENSE = 1500
"""Most parameters with which the restricted likelihood chooses."""
LARGEST = 200_000
"""Most parameters of a network that is tried by default."""
STARTS = (((), 1, 0), ((1,), 2, 1), ((2,), 2, 2), ((3,), 3, 0), ((5,), 3, 3))
"""Hidden widths with the number of starts, with splines and with an affine map first."""
WIDER = (((10,), 2, 2),)
LARGE = (((), 1, 0), ((10,), 1, 0), ((30,), 0, 1), ((100,), 0, 1))
"""As `STARTS`, for networks that are too large for the restricted likelihood."""
MEDIUM = (((), 1, 0), ((3,), 1, 1), ((10,), 1, 1))
"""As `LARGE`, for losses without a likelihood."""
GIVEN = 4
"""Starts of an architecture that is given."""


class Options(NamedTuple):
    """The checked options."""

    hidden: tuple[int, ...] | None
    degree: int
    first: str | None
    levels: int | None
    smoothing: float | None
    seed: int

    @classmethod
    def checked(cls, hidden: Any, degree: Any, first: Any, levels: Any, smoothing: Any, seed: Any) -> Options:
        if hidden is not None:
            listed = (
                (hidden,) if isinstance(hidden, (int, np.integer)) else sequence("hidden", hidden, empty=True)
            )
            hidden = tuple(integer(f"hidden[{i}]", width, low=1) for i, width in enumerate(listed))
        if first is not None:
            one_of("first", first, FIRST)
            if first == "affine" and hidden == ():
                raise ValueError("first='affine' needs a hidden layer, got hidden=()")
        return cls(
            hidden,
            integer("degree", degree, low=1, high=7),
            first,
            None if levels is None else integer("levels", levels, low=1),
            None if smoothing is None else real("smoothing", smoothing, low=0.0),
            integer("seed", seed, low=0),
        )

    def architectures(self, plan: Any, n_in: int, n_out: int) -> list[Architecture]:
        """The starts of a plan, or those of the hidden widths that were given."""
        if self.hidden is not None:
            plan = ((self.hidden, GIVEN if self.hidden else 1, GIVEN if self.hidden else 0),)
        found = []
        for hidden, splines, affine in plan:
            widths = (n_in, *hidden, n_out)
            found += [Architecture(widths, False)] * (splines if self.first != "affine" else 0)
            found += [Architecture(widths, True)] * (affine if self.first != "splines" else 0)
        return found

    def is_large(self, n_in: int, n_out: int) -> bool:
        """Whether networks have too many parameters for the restricted likelihood."""
        starts = self.architectures(STARTS, n_in, n_out)
        return max(each.size(self.degree, INTERVALS) for each in starts) > DENSE

    def paths(self, n_in: int, n_out: int) -> list[Architecture]:
        """The networks whose smoothing the held-out loss chooses."""
        if self.hidden is not None:
            return self.architectures((), n_in, n_out)[::GIVEN]
        plan = LARGE if self.is_large(n_in, n_out) else MEDIUM
        found = self.architectures(plan, n_in, n_out)
        return [each for each in found if each.size(self.degree, INTERVALS) <= LARGEST] or found[:1]
