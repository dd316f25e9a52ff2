"""Errors of solutions of differential equations against their times, with published records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from splinekan.plots.style import SERIES, log_axes, one_axes, rows_having

FACTOR = 3.0
"""Records without a time are drawn at this multiple of the longest time."""
LEAST = 1e-17
"""Smaller errors are drawn here, since a logarithmic axis has no 0."""


def error_by_seconds(ax: Any, rows: Sequence[Any]) -> Any:
    """Relative l2 errors against seconds: small marks for seeds, large marks for medians, stars for records.

    Parameters
    ----------
    ax
        Matplotlib axes.
    rows
        `studies.pde.study.Row`. Rows without finite errors are left out.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, and no rows.
    """
    one_axes("ax", ax)
    known = rows_having(
        "rows",
        rows,
        "a studies.pde.study.Row",
        "name",
        "network",
        "rel_l2_per_seed",
        "median",
        "seconds",
        "record",
        "record_seconds",
    )
    solved = [row for row in known if np.isfinite(row.median)]
    times = [row.seconds for row in solved] + [row.record_seconds for row in known if row.record_seconds]
    edge = FACTOR * max(times, default=1.0)
    several = len({row.network for row in solved}) > 1
    for at, name in enumerate(dict.fromkeys(row.name for row in known)):
        style = SERIES[at % len(SERIES)]
        fill = "full" if at < len(SERIES) else "none" if at < 2 * len(SERIES) else "left"
        look = {"color": style["color"], "marker": style["marker"], "fillstyle": fill, "linestyle": "none"}
        own = [row for row in solved if row.name == name]
        for row in own:
            label = f"{name}, {row.network}" if several else name
            errors = np.maximum(row.rel_l2_per_seed, LEAST)
            ax.plot([row.seconds] * len(errors), errors, alpha=0.5, markersize=3, **look)
            ax.plot(row.seconds, max(row.median, LEAST), markersize=7, label=label, **look)
        held = next(row for row in known if row.name == name)
        if held.record is not None:
            star = {**look, "marker": "*", "markersize": 11, "markeredgecolor": "black"}
            label = "" if own else f"{name}, record"
            at_time = edge if held.record_seconds is None else held.record_seconds
            ax.plot(at_time, max(held.record, LEAST), label=label, markeredgewidth=0.5, **star)
            if own:
                ax.plot([own[0].seconds, at_time], [own[0].median, held.record], color=style["color"], lw=0.4)
    log_axes(ax, "time (s)", "relative l2 error (dimensionless)")
    ax.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax
