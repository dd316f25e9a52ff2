"""Figures of the studies: regression, and boundary value problems."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan.optimize import History
from splinekan.plots.style import STYLES, log_axes, look


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


def error_by_level(ax: Any, study: Any) -> Any:
    """Per row the median relative l2 error at the end of every level, against work."""
    for row in study.rows:
        work = [level["work"] for level in row.levels]
        ax.plot(work, [level["rel_l2"] for level in row.levels], **look(row))
    return log_axes(ax, "work (evaluations on the coarsest level)", "relative l2 error (dimensionless)")


def loss_by_work(ax: Any, study: Any) -> Any:
    """Per row the loss of the first seed against work; a marker where a level begins.

    The best loss so far: every epoch of Adam jumps, and thousands of jumps hide the trend. On a new level
    it begins anew, because the points may be others.
    """
    for row in study.rows:
        done = study.stages[row.name][0]
        work = [stage.work - stage.history.work[-1] + stage.history.work for stage in done]
        loss = np.concatenate([np.minimum.accumulate(stage.history.loss) for stage in done])
        begins = np.cumsum([0, *(len(each) for each in work[:-1])])
        every = [int(at) for at in begins[1:]]
        shape = look(row) | {"linewidth": 0.9 if row.basis == "relu" else 1.4}
        ax.plot(np.concatenate(work), loss, markevery=every, **shape)
    return log_axes(ax, "work (evaluations on the coarsest level)", "smallest loss on the level so far")


def field(ax: Any, values: dict[str, Any], name: str, symmetric: bool = True) -> Any:
    """One of the fields of `studies.pde.fields` as a map, its range in the title."""
    u = values[name]
    size = float(np.abs(u).max())
    limits = {"vmin": -size, "vmax": size} if symmetric else {}
    x, y = values["x"], values["y"]
    extent = (
        1.5 * x[0] - 0.5 * x[1],
        1.5 * x[-1] - 0.5 * x[-2],
        1.5 * y[0] - 0.5 * y[1],
        1.5 * y[-1] - 0.5 * y[-2],
    )
    image = ax.imshow(u.T, origin="lower", extent=extent, aspect="auto", cmap="PuOr", **limits)
    ax.figure.colorbar(image, ax=ax)
    ax.set_title(f"{name}, at most {size:.1e}", fontsize=9)
    ax.set_xlabel("x")
    return ax


def residual_spectra(ax: Any, values: dict[str, Any], intervals: list[int]) -> Any:
    """Per level the residual's mean square Fourier coefficients over the wave number in x."""
    spectra = values["spectra"]
    greys = np.linspace(0.65, 0.0, len(spectra))
    dashes = [":", "--", "-.", "-"]
    for i, (spectrum, count) in enumerate(zip(spectra, intervals, strict=True)):
        label = f"{count} intervals" if count else "perceptron"
        waves = np.arange(1, len(spectrum) + 1)
        ax.plot(waves, spectrum, color=str(greys[i]), linestyle=dashes[i % 4], label=label)
    return log_axes(ax, "wave number in x (periods on the interval)", "energy of the residual")


def pde_figure(study: Any, values: dict[str, Any], row: str, path: str) -> None:
    """Loss and error of all rows; of one row the residual's spectra by level, and three maps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), layout="constrained")
    axes = figure.subplots(2, 3)
    loss_by_work(axes[0, 0], study)
    error_by_level(axes[0, 1], study)
    levels = next(each.levels for each in study.rows if each.name == row)
    residual_spectra(axes[0, 2], values, [int(level["intervals"]) for level in levels])
    for ax, name in zip(axes[1], ("solution", "error", "residual"), strict=True):
        field(ax, values, name)
        ax.set_ylabel(values["second"])
    figure.suptitle(f"{study.problem}; maps and spectra: {row.replace('-', ' ')}", fontsize=10)
    figure.savefig(path, dpi=120)
