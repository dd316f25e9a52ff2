"""Iterations of preconditioned conjugate gradients by level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from splinekan.plots.style import SERIES, having, log_axes, many_axes, rows_having

DRAWN = ("none", "jacobi", "bpx", "deflation", "layer blocks", "nystrom")
KIND = "a studies.gauss_newton_cg.solves.Row"
ATTRIBUTES = ("problem", "damping", "preconditioner", "intervals", "loose_iterations")


def iterations_shape(rows: Sequence[Any]) -> tuple[int, int]:
    """The rows and columns of axes that `iterations_panels` takes: dampings and problems.

    Raises
    ------
    TypeError, ValueError
        For no rows, or rows of another kind.
    """
    known = rows_having("rows", rows, KIND, *ATTRIBUTES)
    return len({row.damping for row in known}), len({row.problem for row in known})


def iterations_panels(axes: Any, study: Any) -> Any:
    """Iterations to 1e-2 against intervals: a line for each preconditioner, a panel per damping and problem.

    Solves that reach the limit of iterations are arrows at the upper edge.

    Parameters
    ----------
    axes
        Matplotlib axes (dampings, problems).
    study
        `studies.gauss_newton_cg.study.Study`.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or a study without rows.
    """
    having("study", study, "a studies.gauss_newton_cg.study.Study", "rows", "settings")
    rows = rows_having("study.rows", study.rows, KIND, *ATTRIBUTES)
    axes = many_axes("axes", axes, *iterations_shape(rows))
    limit = study.settings["limit"]
    problems, dampings = (
        list(dict.fromkeys(getattr(row, name) for row in rows)) for name in ("problem", "damping")
    )
    for line, damping in zip(axes, dampings, strict=True):
        for ax, problem in zip(line, problems, strict=True):
            here = [row for row in rows if row.problem == problem and row.damping == damping]
            for number, name in enumerate(DRAWN):
                same = [row for row in here if row.preconditioner == name]
                style = SERIES[number % len(SERIES)] | {"linewidth": 1.2, "markersize": 5}
                done = [
                    (row.intervals, row.loose_iterations) for row in same if row.loose_iterations is not None
                ]
                ax.plot([g for g, _ in done], [count for _, count in done], label=name, **style)
                cut = [row.intervals for row in same if row.loose_iterations is None]
                arrows = {"color": style["color"], "marker": "^", "linestyle": "none", "fillstyle": "none"}
                ax.plot(cut, [limit] * len(cut), **arrows)
            log_axes(ax, "intervals G (dimensionless)", "iterations to 1e-2 (dimensionless)")
            counts = sorted({row.intervals for row in here})
            ax.set_xticks(counts, [str(count) for count in counts])
            ax.set_xticks([], minor=True)
            if ax is not axes[0][0] and ax.get_legend() is not None:
                ax.get_legend().remove()
            ax.set_title(f"{problem}, damping {damping:.0e}", fontsize=10)
    return axes
