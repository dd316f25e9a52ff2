"""Figures: every function takes axes and returns them."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan.optimize import History

# Okabe and Ito's palette, safe for the colour-blind; dashes keep lines apart in black and white.
STYLES: dict[str, dict[str, Any]] = {
    "coarse": {"color": "#0072B2", "linestyle": ":"},
    "fine": {"color": "#E69F00", "linestyle": "--"},
    "multilevel": {"color": "#D55E00", "linestyle": "-"},
    "gauss-newton": {"color": "#009E73", "linestyle": "-."},
    "tournament": {"color": "#CC79A7", "linestyle": (0, (5, 1))},
}


def loss_against_work(
    ax: Any,
    runs: dict[str, list[tuple[History, tuple[tuple[int, int], ...]]]],
    unit: float = 1.0,
) -> Any:
    """Median loss over seeds against work, for each named run, with refinements marked by dots.

    Parameters
    ----------
    ax
        Matplotlib axes.
    runs
        Per name the histories of all seeds, with the entries where levels begin. A name's last word
        chooses the style.
    unit
        Evaluations per unit of the work axis.
    """
    for name, seeds in runs.items():
        style = next((s for key, s in STYLES.items() if name.endswith(key)), {})
        end = max(history.work[-1] for history, _ in seeds)
        start = max(history.work[0] for history, _ in seeds)
        work = np.geomspace(max(start, unit / 20), end, 400)
        losses = np.array(
            [np.interp(np.log(work), np.log(history.work), np.log(history.loss)) for history, _ in seeds]
        )
        median = np.exp(np.median(losses, axis=0))
        (line,) = ax.plot(work / unit, median, label=name.replace("-", " "), **style)
        marks = [history.work[entry] for history, found in seeds[:1] for _, entry in found[1:]]
        ax.plot(
            np.array(marks) / unit,
            np.exp(np.interp(np.log(marks), np.log(work), np.log(median))),
            "o",
            color=line.get_color(),
            markersize=5,
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("work (epochs on the coarsest level)")
    ax.set_ylabel("mean square error (dimensionless)")
    ax.legend(frameon=False, fontsize=8)
    return ax


def regression_figure(study: Any, path: str) -> None:
    """The regression study: left the spline basis, right the ReLU basis; written to `path`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, basis, title in zip(axes, ("spline", "relu"), ("spline basis", "power ReLU basis"), strict=True):
        chosen = {name: runs for name, runs in study.histories.items() if name.startswith(f"{basis}-")}
        loss_against_work(ax, chosen, study.settings["epoch_iterations"])
        ax.set_title(title)
    axes[1].set_ylabel("")
    figure.savefig(path, dpi=150)
