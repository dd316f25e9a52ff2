"""Figures of the solution of a differential equation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from splinekan._checks import Float64Array, instance, sequence, shown
from splinekan.plots.style import canvas

if TYPE_CHECKING:
    from splinekan.solving.solution import Solution

CURVE = 600
"""Number of points of a curve."""
MAP = 161
"""Number of points along each side of a map."""
RESIDUAL = "residual"


def solution_figure(solution: Solution, unknowns: Sequence[Any]) -> Any:
    """Unknowns of a solution and the modulus of its residuals; see `Solution.plot`.

    For complex unknowns the real and the imaginary part are drawn.

    Functions of a single variable are curves. Functions of several variables are maps over the first and the
    last; the others are fixed at the middle of their bounds. Points outside the domain are left blank.

    Parameters
    ----------
    solution
        The solution.
    unknowns
        The unknowns to draw.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, and unknowns that the solution does not have.
    """
    from splinekan.solving.solution import Solution  # which imports sympy

    instance("solution", solution, Solution)
    chosen = list(sequence("unknowns", unknowns))
    for i, u in enumerate(chosen):
        if u not in solution.unknown:
            raise ValueError(f"unknowns[{i}] must be one of {solution.unknown}, got {shown(u)}")
    parts = solution.statement.parts
    real = (
        {u: (u,) for u in solution.unknown}
        if parts is None
        else dict(zip(parts.given, parts._parts, strict=True))
    )
    columns = [solution.statement.unknown.index(part) for u in chosen for part in real[u]]
    if len(solution.variables) == 1:
        return _curves(solution, columns)
    return _maps(solution, columns)


def _curves(solution: Solution, columns: Sequence[int]) -> Any:
    points = np.linspace(*solution.bounds[0], CURVE)[:, None]
    values, residual = _fields(solution, points)
    figure, axes = canvas(2, 1, (6.0, 5.0))
    for column in columns:
        axes[0, 0].plot(points[:, 0], values[:, column], label=str(solution.statement.unknown[column].func))
    axes[0, 0].set_ylabel(", ".join(str(solution.statement.unknown[column].func) for column in columns))
    if len(columns) > 1:
        axes[0, 0].legend()
    axes[1, 0].plot(points[:, 0], np.maximum(residual, np.finfo(np.float64).tiny), color="0.4")
    axes[1, 0].set_yscale("log")
    axes[1, 0].set_ylabel(f"|{RESIDUAL}|")
    axes[1, 0].set_xlabel(str(solution.variables[0]))
    return figure


def _maps(solution: Solution, columns: Sequence[int]) -> Any:
    bounds = solution.bounds
    sides = [np.linspace(*bounds[i], MAP) for i in (0, -1)]
    grid = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)
    points = np.tile([(a + b) / 2 for a, b in bounds], (len(grid), 1))
    points[:, 0], points[:, -1] = grid.T
    values, residual = _fields(solution, points)
    figure, axes = canvas(1, len(columns) + 1, (min(3.8 * (len(columns) + 1), 16.0), 3.4))
    extent = (*bounds[0], *bounds[-1])
    pictures = [
        (str(solution.statement.unknown[column].func), values[:, column], "PuOr") for column in columns
    ]
    pictures.append((f"|{RESIDUAL}|", residual, "Greys"))
    middle = ", ".join(
        f"{v} = {(a + b) / 2:.3g}" for v, (a, b) in list(zip(solution.variables, bounds, strict=True))[1:-1]
    )
    for ax, (name, field, colours) in zip(axes[0], pictures, strict=True):
        image = ax.imshow(
            field.reshape(MAP, MAP).T, origin="lower", extent=extent, aspect="auto", cmap=colours
        )
        figure.colorbar(image, ax=ax)
        ax.set_title(name + (f", {middle}" if middle else ""), fontsize=9)
        ax.set_xlabel(str(solution.variables[0]))
        ax.set_ylabel(str(solution.variables[-1]))
    return figure


def _fields(solution: Solution, points: Float64Array) -> tuple[Float64Array, Float64Array]:
    """The unknowns, (n, m), and the largest modulus of the residuals, (n,); NaN outside the domain."""
    values = solution.parts_at(points, outside="nan")
    residual = np.abs(solution.residual(points, outside="nan")).max(axis=1)
    return values, residual
