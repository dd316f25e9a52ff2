"""Complementarity: shares of updates by level, reductions of sweeps by wave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from splinekan._checks import integer, one_of
from splinekan.complementarity import NOISE
from splinekan.plots.style import SERIES, having, many_axes, one_axes, rows_having

REFERENCES = {"best": "all that is reducible", "random": "random in function space"}


def share_by_level(ax: Any, shares: Sequence[Any], coarse: str, steps: int = 1) -> Any:
    """For each optimiser and geometry the share outside range(P) against the intervals of the level.

    Optimisers differ by colour and marker; spline geometry is drawn solid with full markers, ReLU geometry
    dashed with open markers. Shares that may be rounding are arrows at the lower edge. Optimisers are
    slightly offset along the axis, since several coincide.

    Parameters
    ----------
    ax
        Matplotlib axes.
    shares
        Rows of the study (`studies.complementarity.shares.Share`).
    coarse
        The setting to show.
    steps
        The number of steps after which shares are shown.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, no shares, or a setting or a number of steps that is not among them.
    """
    one_axes("ax", ax)
    known = rows_having(
        "shares",
        shares,
        "a studies.complementarity.shares.Share",
        "coarse",
        "optimizer",
        "geometry",
        "steps",
        "share",
        "intervals",
    )
    one_of("coarse", coarse, dict.fromkeys(row.coarse for row in known))
    rows = [row for row in known if row.coarse == coarse]
    steps = integer("steps", steps, low=1)
    counts = sorted({count for row in rows for count in row.steps})
    if steps not in counts:
        raise ValueError(f"steps must be one of {counts}, got {steps}")
    names = list(dict.fromkeys(row.optimizer for row in rows if row.steps))
    for place, (name, style) in enumerate(zip(names, SERIES, strict=False)):
        beside = 2.0 ** (0.05 * (place - (len(names) - 1) / 2))
        for geometry in ("spline", "relu"):
            same = [
                row
                for row in rows
                if (row.optimizer, row.geometry) == (name, geometry) and steps in row.steps
            ]
            values = np.array([row.share[row.steps.index(steps)] for row in same])
            x = beside * np.array([row.intervals for row in same])
            ax.plot(x[values <= NOISE], values[values <= NOISE] * 0 + NOISE, **_arrow(style["color"]))
            ax.plot(
                x,
                np.where(values > NOISE, values, np.nan),
                color=style["color"],
                marker=style["marker"],
                linestyle="-" if geometry == "spline" else "--",
                fillstyle="full" if geometry == "spline" else "none",
                markersize=6,
                linewidth=1.2,
                label=name if geometry == "spline" else None,
            )
    for dots, (name, label) in zip((":", "-."), REFERENCES.items(), strict=True):
        same = [row for row in rows if row.optimizer == name and row.geometry in ("", "function space")]
        ax.plot(
            [row.intervals for row in same],
            [row.share[0] for row in same],
            color="0.45",
            linestyle=dots,
            linewidth=2.2,
            zorder=1,
            label=label,
        )
    ax.plot([], [], "k-o", fillstyle="full", label="spline geometry")
    ax.plot([], [], "k--o", fillstyle="none", label="ReLU geometry")
    ax.plot([], [], label="below rounding", **_arrow("k"))
    ax.set_xscale("log", base=2)
    counts = sorted({row.intervals for row in rows})
    ax.set_xticks(counts, [str(count) for count in counts])
    ax.set_xticks([], minor=True)
    ax.set_yscale("log")
    ax.set_ylim(NOISE / 3, 3)
    ax.set_xlabel("intervals after the refinement")
    ax.set_ylabel("share of the update outside range(P) (dimensionless)")
    return ax


def _arrow(color: str) -> dict[str, Any]:
    return {"color": color, "marker": r"$\downarrow$", "linestyle": "none", "markersize": 9}


def reduction_by_wave(ax: Any, modes: Sequence[Any]) -> Any:
    """For each geometry the part of every wave that a stable sweep removes, predicted (lines) and measured.

    Parameters
    ----------
    ax
        Matplotlib axes.
    modes
        Rows of the study (`studies.complementarity.sweeps.Modes`), gradient descent.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or no modes.
    """
    one_axes("ax", ax)
    modes = rows_having(
        "modes", modes, "a studies.complementarity.sweeps.Modes", "method", "geometry", "kind", "frequency"
    )
    looks = {
        "spline": ({"color": "#0072B2", "linestyle": "-"}, "o", "full"),
        "relu": ({"color": "#D55E00", "linestyle": "--"}, "s", "none"),
    }
    words = {"spline": "spline", "relu": "ReLU"}
    marks: dict[str, dict[str, Any]] = {
        "periodic": {"markersize": 6},
        "ends": {"markersize": 4, "marker": "x"},
    }
    for row in modes:
        if row.method != "gradient":
            continue
        style, marker, fill = looks[row.geometry]
        x, y = np.array(row.frequency) / np.pi, np.array(row.reduction)
        if row.kind == "predicted":
            ax.plot(x, y, label=f"{words[row.geometry]}, predicted", **style)
            continue
        look: dict[str, Any] = {"marker": marker, "fillstyle": fill} | marks[row.kind]
        label = "periodic" if row.kind == "periodic" else "with ends"
        ax.plot(x, y, linestyle="none", color=style["color"], label=f"{words[row.geometry]}, {label}", **look)
    ax.axvspan(0.5, 1.0, color="0.92", zorder=0)
    ax.set_yscale("log")
    ax.set_xlim(0, 1.02)
    ax.text(
        0.99, 0.02, "oscillatory", ha="right", va="bottom", fontsize=8, transform=ax.get_xaxis_transform()
    )
    ax.set_xlabel("frequency of the wave / pi (dimensionless)")
    ax.set_ylabel("fraction removed by a sweep, 1 - |factor| (dimensionless)")
    ax.legend(frameon=False, fontsize=7, loc="center right", bbox_to_anchor=(0.95, 0.73))
    return ax


def complementarity_panels(axes: Any, study: Any) -> Any:
    """Axes (1, 3): shares in two settings, and the reduction of waves.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds.
    """
    axes = many_axes("axes", axes, 1, 3)
    having("study", study, "a studies.complementarity.study.Study", "shares", "modes")
    settings = list(dict.fromkeys(row.coarse for row in study.shares))
    solved = [name for name in settings if "solved" in name]
    trained = [name for name in settings if "solved" not in name]
    chosen = [solved[-1], trained[-1] if len(trained) < 2 else trained[1]]
    for ax, coarse in zip(axes[0], chosen, strict=False):
        share_by_level(ax, study.shares, coarse)
        ax.set_title(coarse, fontsize=9)
    axes[0, 1].set_ylabel("")
    axes[0, 0].legend(frameon=False, fontsize=7, ncols=2, loc="center", bbox_to_anchor=(0.5, 0.68))
    reduction_by_wave(axes[0, 2], study.modes)
    axes[0, 2].set_title(r"one sweep on one layer, step $1/\lambda_{\max}$", fontsize=9)
    return axes
