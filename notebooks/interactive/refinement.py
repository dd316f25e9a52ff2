"""A curve in the plane and its control polygon under refinement (notebook 06)."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

import splinekan as sk
from interactive.stage import BLUE, GREY, ORANGE, Slider, show

LEVELS = 5
POLYGON = np.array([(0, 0), (0.6, 2), (2.2, 2.4), (2.3, 0.3), (3.4, -0.6), (5, 0.4), (4.4, 2.2), (6, 2)])
"""Control points of the coarsest curve, (8, 2), for every degree."""
PARAMETER = np.linspace(0, 1, 801)


class Refined(NamedTuple):
    """A level: knots, control points, their Greville points, and the largest distance of these two from the
    curve: of a control point from the curve's point at its Greville point."""

    knots: np.ndarray
    points: np.ndarray
    greville: np.ndarray
    distance: float


@cache
def levels(degree: int) -> tuple[Refined, ...]:
    """The same curve on knots that are halved from level to level."""
    knots = sk.clamped_knots(np.linspace(0, 1, len(POLYGON) - degree + 1), degree)
    points, found = POLYGON, []
    for _ in range(LEVELS):
        greville = sk.greville_points(knots, degree)
        distance = np.linalg.norm(points - curve(knots, points, degree, greville), axis=1).max()
        found.append(Refined(knots, points, greville, float(distance)))
        fine = sk.refine_knots(knots, degree)
        points, knots = sk.prolongation(knots, fine, degree) @ points, fine
    return tuple(found)


def curve(knots: np.ndarray, points: np.ndarray, degree: int, parameter: np.ndarray) -> np.ndarray:
    """Points of the curve, (len(parameter), 2)."""
    return sk.BSplineBasis(knots, degree).tabulate(parameter) @ points


def draw(figure: Figure, level: int, degree: int) -> None:
    """Curve and polygon on a level; distances on all levels."""
    steps = levels(degree)
    now = steps[level]
    line = curve(now.knots, now.points, degree, PARAMETER)
    moved = np.abs(line - curve(steps[0].knots, steps[0].points, degree, PARAMETER)).max()

    ax = figure.add_axes((0.075, 0.14, 0.525, 0.76))
    ax.plot(*POLYGON.T, color=GREY, linestyle=":", linewidth=1, label="polygon of level 0")
    ax.plot(*line.T, color=BLUE, linestyle="-", linewidth=2.5, label="curve")
    ax.plot(*now.points.T, color=ORANGE, linestyle="--", linewidth=1, marker="o", label="control polygon")
    ax.set_aspect("equal")
    ax.set(xlim=(-0.3, 6.3), ylim=(-0.9, 2.8), xlabel="x", ylabel="y")
    ax.set_title(f"level {level}: {len(now.points)} control points; the curve has moved by {moved:.0e}")
    ax.legend(loc="lower left", fontsize=7, borderaxespad=0.2)

    ax = figure.add_axes((0.69, 0.14, 0.30, 0.76))
    floor = 1e-5
    counts = range(LEVELS)
    distances = [max(step.distance, floor) for step in steps]
    ax.semilogy(counts, distances, color=BLUE, linestyle="-", marker="o", label="largest distance")
    if degree > 1:
        quarters = [distances[-1] * 4.0 ** (LEVELS - 1 - n) for n in counts]
        ax.semilogy(counts, quarters, color=GREY, linestyle=":", label="a quarter per level")
    ax.plot(level, distances[level], "o", color=ORANGE, markersize=10, fillstyle="none", markeredgewidth=2)
    ax.set(ylim=(floor, 3), xticks=counts, xlabel="level")
    ax.set_yticks([1e-4, 1e-3, 1e-2, 0.1, 1], ["1e-4", "0.001", "0.01", "0.1", "1"])
    ax.minorticks_off()
    ax.legend(loc="lower left")
    shown = "0 (rounding)" if degree == 1 else f"{now.distance:.1e}"
    ax.set_title(f"distance from the curve: {shown}")


def refine_a_curve() -> None:
    """Display the figure with sliders for level and degree."""
    controls = {"level": Slider("level", 0, LEVELS - 1, 1, 1), "degree": Slider("degree", 1, 5, 1, 3)}
    show(draw, controls, "A cubic curve with its control polygon, and the distance between them by level")
