"""Inner knots moved by hand: the B-splines, the matrix A, and three condition numbers (notebook 02)."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

import splinekan as sk
from interactive.stage import BLACK, BLUE, GREEN, ORANGE, Slider, show
from splinekan.splines.quadrature import gauss_points

EQUAL = (0.25, 0.5, 0.75)
LARGEST = 1e5
"""End of the scale of colours for entries of A."""


class Conditions(NamedTuple):
    """Condition numbers: of A, and of the Gram matrices of both bases, their functions scaled to norm 1."""

    change_of_basis: float
    splines: float
    powers: float


def conditions(knots: np.ndarray, degree: int) -> Conditions:
    """The condition numbers for a knot vector.

    A Gram matrix is V^T V, where V holds values at Gauss points times square roots of weights. Its condition
    number is the square of that of V, which does not lose digits.
    """
    nodes, weights = gauss_points(sk.KnotVector(knots, degree).breakpoints, degree + 1)
    squares = []
    for basis in (sk.BSplineBasis(knots, degree), sk.PowerReLUBasis(knots, degree)):
        V = np.sqrt(weights)[:, None] * basis.tabulate(nodes)
        squares.append(float(np.linalg.cond(V / np.linalg.norm(V, axis=0)) ** 2))
    return Conditions(float(np.linalg.cond(sk.change_of_basis(knots, degree).toarray())), *squares)


@cache
def at_equal_knots(degree: int) -> Conditions:
    """The condition numbers for intervals of equal length."""
    return conditions(sk.extended_knots([0, *EQUAL, 1], degree), degree)


def draw(figure: Figure, t1: float, t2: float, t3: float, degree: int) -> None:
    """The picture for the inner knots t1 < t2 < t3 of four intervals on [0, 1]."""
    knots = sk.extended_knots([0, t1, t2, t3, 1], degree)
    now = conditions(knots, degree)
    equal = at_equal_knots(degree)

    ax = figure.add_axes((0.06, 0.15, 0.30, 0.75))
    x = np.linspace(0, 1, 401)
    ax.plot(x, sk.BSplineBasis(knots, degree).tabulate(x), linestyle="-")
    ax.vlines((0, t1, t2, t3, 1), 0, 1.05, colors="0.7", linewidth=0.8, zorder=0)
    ax.plot((t1, t2, t3), np.zeros(3), "^", color=BLACK, markersize=7, clip_on=False)
    ax.grid(False)
    ax.set(xlabel="x", ylabel="value", xlim=(0, 1), ylim=(0, 1.05), title="B-splines; triangles: knots")

    ax = figure.add_axes((0.42, 0.22, 0.26, 0.61))
    A = sk.change_of_basis(knots, degree).toarray()
    norm = SymLogNorm(1.0, vmin=-LARGEST, vmax=LARGEST)
    image = ax.imshow(A, cmap="PuOr", norm=norm)
    ax.grid(False)
    ticks = range(0, len(A), 2)
    ax.set(title="entries of A", xlabel="power ReLU", xticks=ticks, yticks=ticks)
    bar = figure.colorbar(image, cax=figure.add_axes((0.695, 0.22, 0.012, 0.61)))
    bar.set_ticks([-1e4, -1e2, 0, 1e2, 1e4], labels=["-1e4", "-100", "0", "100", "1e4"])
    bar.ax.minorticks_off()
    ax.set_ylabel("B-spline", labelpad=0)

    ax = figure.add_axes((0.805, 0.15, 0.185, 0.75))
    bars = ax.bar(range(3), now, color=(BLACK, BLUE, ORANGE), width=0.6)
    ax.bar_label(bars, [f"{value:.1e}" for value in now], fontsize=8)
    ax.plot(range(3), equal, "_", color=GREEN, markersize=26, markeredgewidth=2, label="equal knots")
    ax.set_yscale("log")
    ax.set(xlim=(-0.65, 2.65), ylim=(1, 1e18), title="condition numbers")
    ax.set_yticks([1, 1e4, 1e8, 1e12, 1e16], ["1", "1e4", "1e8", "1e12", "1e16"])
    ax.minorticks_off()
    ax.set_xticks(range(3), ["A", "Gram,\nB-splines", "Gram,\nReLUs"])
    ax.legend(loc="upper left", markerscale=0.5)


def drag_a_knot() -> None:
    """Display the figure with sliders for three inner knots and the degree."""
    controls = {
        "t1": Slider("first knot", 0.04, 0.32, 0.01, EQUAL[0]),
        "t2": Slider("second knot", 0.36, 0.64, 0.01, EQUAL[1]),
        "t3": Slider("third knot", 0.68, 0.96, 0.01, EQUAL[2]),
        "degree": Slider("degree", 1, 3, 1, 3),
    }
    show(draw, controls, "B-splines on four intervals, their matrix A, and three condition numbers")
