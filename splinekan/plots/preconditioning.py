"""Preconditioned conjugate gradients: iterations by level, condition numbers by degree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from splinekan._checks import integer, one_of
from splinekan.plots.style import SERIES, having, log_axes, many_axes, one_axes, rows_having

ROW = ("matrix", "dimension", "degree", "levels", "preconditioner", "iterations", "condition")
STYLES = ({"color": "#000000", "marker": "x"}, *SERIES)
"""Black for the first preconditioner, none."""


def _rows(rows: Any, matrix: Any) -> list[Any]:
    known = rows_having("rows", rows, "a studies.preconditioning.study.Row", *ROW)
    one_of("matrix", matrix, dict.fromkeys(row.matrix for row in known))
    return [row for row in known if row.matrix == matrix]


def _lines(rows: list[Any]) -> list[tuple[str, int, dict[str, Any], list[Any]]]:
    """(preconditioner, dimension, look, its rows)."""
    names = list(dict.fromkeys(row.preconditioner for row in rows))
    lines = []
    for name, style in zip(names, STYLES, strict=False):
        for dimension in sorted({row.dimension for row in rows}):
            look = {"color": style["color"], "marker": style["marker"], "markersize": 5, "linewidth": 1.2}
            look |= {"linestyle": "-" if dimension == 1 else "--"}
            look |= {"fillstyle": "full" if dimension == 1 else "none"}
            same = [row for row in rows if (row.preconditioner, row.dimension) == (name, dimension)]
            lines.append((name, dimension, look, same))
    return lines


def iterations_by_level(ax: Any, rows: Sequence[Any], matrix: str, degree: int) -> Any:
    """Iterations against the number of levels: a colour per preconditioner, two dimensions dashed.

    Parameters
    ----------
    ax
        Matplotlib axes.
    rows
        Rows of the study (`studies.preconditioning.study.Row`).
    matrix, degree
        The matrix and the degree to show.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, no rows, or a matrix or degree that is not among them.
    """
    one_axes("ax", ax)
    same = _rows(rows, matrix)
    degrees = sorted({row.degree for row in same})
    degree = integer("degree", degree)
    if degree not in degrees:
        raise ValueError(f"degree must be one of {degrees}, got {degree}")
    for name, dimension, look, line in _lines([row for row in same if row.degree == degree]):
        solved = [row for row in line if row.iterations is not None]
        label = name if dimension == min(row.dimension for row in same) else None
        ax.plot([row.levels for row in solved], [row.iterations for row in solved], label=label, **look)
    log_axes(ax, "levels", "iterations")
    ax.set_xscale("linear")
    return ax


def condition_by_degree(ax: Any, rows: Sequence[Any], matrix: str) -> Any:
    """Condition numbers of B A against the degree, with the most levels; styled as `iterations_by_level`.

    Parameters
    ----------
    ax
        Matplotlib axes.
    rows
        Rows of the study.
    matrix
        The matrix to show.

    Raises
    ------
    TypeError, ValueError
        As `iterations_by_level`.
    """
    one_axes("ax", ax)
    same = _rows(rows, matrix)
    for name, dimension, look, line in _lines(same):
        most = max((row.levels for row in line), default=0)
        known = [row for row in line if row.levels == most and row.condition == row.condition]
        label = name if dimension == min(row.dimension for row in same) else None
        ax.plot([row.degree for row in known], [row.condition for row in known], label=label, **look)
    log_axes(ax, "degree", "condition number of B A (dimensionless)")
    ax.set_xscale("linear")
    ax.set_xticks(sorted({row.degree for row in same}))
    return ax


def preconditioning_panels(axes: Any, study: Any) -> Any:
    """Axes (2, 3), a column for each matrix: iterations for the middle degree, and condition numbers.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds.
    """
    axes = many_axes("axes", axes, 2, 3)
    having("study", study, "a studies.preconditioning.study.Study", "rows")
    degrees = sorted({row.degree for row in study.rows})
    degree = degrees[len(degrees) // 2]
    for (top, bottom), matrix in zip(axes.T, dict.fromkeys(row.matrix for row in study.rows), strict=False):
        iterations_by_level(top, study.rows, matrix, degree)
        top.set_title(f"{matrix}, degree {degree}", fontsize=9)
        condition_by_degree(bottom, study.rows, matrix)
        bottom.set_title(matrix, fontsize=9)
    for ax in axes.ravel():
        if ax.get_legend() is not None:
            ax.get_legend().remove()
    axes[1, 0].legend(frameon=False, fontsize=8, loc="upper left")
    return axes
