"""The study of adaptivity: error against parameters, a panel for every problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from splinekan._checks import one_of
from splinekan.plots.style import SERIES, having, log_axes, many_axes, one_axes, rows_having


def error_by_parameters(ax: Any, rows: Sequence[Any], problem: str) -> Any:
    """Errors of a problem against the number of parameters: a line for every method.

    Every seed has a line, with markers at some of the stages.

    Parameters
    ----------
    ax
        Matplotlib axes.
    rows
        `studies.adaptivity.runs.Row`, of any problems.
    problem
        The problem to draw.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, no rows, or a problem that is not among them.
    """
    one_axes("ax", ax)
    known = rows_having(
        "rows", rows, "a studies.adaptivity.runs.Row", "problem", "method", "seed", "parameters", "error"
    )
    one_of("problem", problem, dict.fromkeys(row.problem for row in known))
    own = [row for row in known if row.problem == problem]
    for style, method in zip(SERIES, dict.fromkeys(row.method for row in own), strict=False):
        label = method if method in ("uniform", "FITPACK") else f"adaptive, {method}"
        look = {**style, "markersize": 3.5, "linewidth": 1.1}
        for seed in dict.fromkeys(row.seed for row in own if row.method == method):
            run = [row for row in own if (row.method, row.seed) == (method, seed)]
            sizes, errors = [row.parameters for row in run], [row.error for row in run]
            every = 1 if method == "uniform" else max(len(run) // 8, 1)
            ax.plot(sizes, errors, label=label, markevery=every, **look)
            label = ""
    ax.set_title(problem, fontsize=10)
    return log_axes(ax, "parameters (dimensionless)", "root mean square error (units of the function)")


def adaptivity_panels(axes: Any, study: Any) -> Any:
    """`error_by_parameters` for every problem, on axes of any shape; axes without a problem are blank.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, and fewer axes than problems.
    """
    flat = many_axes("axes", axes.ravel() if isinstance(axes, np.ndarray) else axes, None)
    having("study", study, "a studies.adaptivity.study.Study", "rows")
    problems = list(dict.fromkeys(row.problem for row in study.rows))
    if len(flat) < len(problems):
        raise ValueError(f"axes must hold axes for each of {len(problems)} problems, got {len(flat)}")
    for number, ax in enumerate(flat):
        if number < len(problems):
            error_by_parameters(ax, study.rows, problems[number])
            if number:
                ax.get_legend().remove()
            else:
                ax.legend(frameon=False, fontsize=7, loc="lower left")
        else:
            ax.set_axis_off()
    _guide(flat[0], np.array([30.0, 250.0]), 4.0)
    return axes


def _guide(ax: Any, sizes: Any, order: float) -> None:
    """A line with the slope of the order beside the data; the limits of the axes are kept."""
    limits = ax.get_xlim(), ax.get_ylim()
    start = 2e-2 * limits[1][1]
    ax.plot(sizes, start * (sizes / sizes[0]) ** -order, color="grey", linestyle=":", linewidth=1)
    at = sizes[-1] * 1.1, start * (sizes[-1] / sizes[0]) ** -order
    ax.text(*at, f"order {order:g}", fontsize=7, color="grey", clip_on=True)
    ax.set_xlim(*limits[0])
    ax.set_ylim(*limits[1])
