"""A warning when a model is evaluated outside the range of its training data."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

import numpy as np

from splinekan._checks import Array
from splinekan.network import DomainWarning
from splinekan.network.domains import Interval

MOST = 4
"""Most columns that a warning names."""


def warn_outside(
    points: Array, bounds: Sequence[Interval], names: Sequence[str], periodic: Sequence[bool]
) -> bool:
    """Whether points lie outside the bounds; if so, a `DomainWarning` names the columns.

    Columns marked in `periodic` have no outside.
    """
    low, high = np.array(bounds, dtype=np.float64).T
    outside = ((points < low) | (points > high)) & ~np.array(periodic, dtype=bool)
    columns = np.flatnonzero(outside.any(axis=0))
    if not len(columns):
        return False
    parts = [
        f"{outside[:, p].sum()} of {len(points)} samples in column {names[p]!r} (from {points[:, p].min():g} "
        f"to {points[:, p].max():g}) outside [{low[p]:g}, {high[p]:g}]"
        for p in columns[:MOST]
    ]
    more = f"; and {len(columns) - MOST} more columns" if len(columns) > MOST else ""
    warnings.warn(
        f"x leaves the range of the training data: {'; '.join(parts)}{more}. There the model extrapolates. "
        "A model warns once",
        DomainWarning,
        stacklevel=level_outside_of_the_package(),
    )
    return True


def level_outside_of_the_package() -> int:
    """The `stacklevel` of the nearest caller outside this package, for a function that warns."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("splinekan."):
        level, frame = level + 1, frame.f_back
    return level
