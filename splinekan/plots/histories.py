"""Loss against work, with the points at which levels begin."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import Float64Array, boolean, each, instance, integer, one_of, real, sequence
from splinekan.optimize import History
from splinekan.plots.style import (
    having,
    line_style,
    log_axes,
    looks,
    many_axes,
    one_axes,
    rows_having,
    same_heights,
)

STUDY = "a studies.boundary_value.study.Study"


def loss_against_work(
    ax: Any,
    runs: dict[str, list[tuple[History, tuple[tuple[int, int], ...]]]],
    unit: float = 1.0,
    scale: str = "log",
) -> Any:
    """Median loss over seeds against work, for each named run, with refinements marked by dots.

    Parameters
    ----------
    ax
        Matplotlib axes.
    runs
        For each name the histories of all seeds, with the entries at which levels begin. The last word of a
        name chooses the style.
    unit
        Evaluations per unit of the work axis.
    scale
        Scale of the work axis, "log" or "linear".

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or no runs.
    """
    one_axes("ax", ax)
    unit = real("unit", unit, positive=True)
    one_of("scale", scale, ("log", "linear"))
    for name, seeds in instance("runs", runs, dict).items():
        for at, pair in enumerate(sequence(f"runs[{name!r}]", seeds)):
            if len(sequence(f"runs[{name!r}][{at}]", pair)) != 2:
                raise ValueError(f"runs[{name!r}][{at}] must be a pair (history, marks)")
            instance(f"runs[{name!r}][{at}][0]", pair[0], History)
    if not runs:
        raise ValueError("runs must not be empty")
    perceptrons = 0
    for name, seeds in runs.items():
        style = line_style(name, perceptrons)
        perceptrons += name.startswith("mlp")
        end = max(history.work[-1] for history, _ in seeds)
        start = max(history.work[0] for history, _ in seeds)
        start = max(start, unit / 20)
        work = np.geomspace(start, end, 400) if scale == "log" else np.linspace(start, end, 800)
        losses = np.array(
            [np.interp(np.log(work), np.log(history.work), np.log(history.loss)) for history, _ in seeds]
        )
        median = np.exp(np.median(losses, axis=0))
        (line,) = ax.plot(work / unit, median, label=name.replace("-", " "), **style)
        marks = [history.work[entry] for history, begins in seeds[:1] for _, entry in begins[1:]]
        ax.plot(
            np.array(marks) / unit,
            np.exp(np.interp(np.log(marks), np.log(work), np.log(median))),
            "o",
            color=line.get_color(),
            markersize=5,
        )
    ax.set_xscale(scale)
    ax.set_yscale("log")
    ax.set_xlabel("work (epochs on the coarsest level)")
    ax.set_ylabel("mean square error (dimensionless)")
    ax.legend(frameon=False, fontsize=8)
    return ax


def regression_losses(axes: Any, study: Any, scale: str = "log", perceptrons: bool = False) -> Any:
    """Loss against work in the regression study: left the spline basis, right the ReLU basis.

    Parameters
    ----------
    axes
        Two matplotlib axes.
    study
        A `studies.regression.study.Study`.
    scale
        Scale of the work axis, "log" or "linear".
    perceptrons
        Whether to draw multilayer perceptrons with the splines.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds.
    """
    axes = many_axes("axes", axes, 2)
    boolean("perceptrons", perceptrons)
    having("study", study, "a studies.regression.study.Study", "histories", "settings")
    sides = (
        ("spline basis", ("spline", "mlp") if perceptrons else ("spline",)),
        ("power ReLU basis", ("relu",)),
    )
    for ax, (title, kinds) in zip(axes, sides, strict=True):
        chosen = {name: runs for name, runs in study.histories.items() if name.split("-")[0] in kinds}
        if chosen:
            loss_against_work(ax, chosen, study.settings["epoch_iterations"], scale)
        ax.set_title(title)
    axes[1].set_ylabel("")
    return same_heights(axes)


def loss_by_work(ax: Any, study: Any) -> Any:
    """For each row the loss of the first seed against work, with a marker where a level begins.

    The smallest loss so far on the level is drawn, because the jumps between epochs of Adam hide the trend.
    It restarts on a new level, where the collocation points may differ.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds.
    """
    one_axes("ax", ax)
    having("study", study, STUDY, "rows", "stages")
    for row, style in zip(study.rows, looks(study.rows), strict=True):
        done = study.stages[row.name][0]
        work = [stage.work - stage.history.work[-1] + stage.history.work for stage in done]
        loss = np.concatenate([np.minimum.accumulate(stage.history.loss) for stage in done])
        begins = np.cumsum([0, *(len(each) for each in work[:-1])])
        every = [int(at) for at in begins[1:]]
        shape = style | {"linewidth": 0.9 if row.basis == "relu" else 1.4}
        ax.plot(np.concatenate(work), loss, markevery=every, **shape)
    return log_axes(ax, "work (evaluations on the coarsest level)", "smallest loss on the level so far")


def equation_losses(axes: Any, study: Any) -> Any:
    """Loss against work when an equation is solved: left splines and perceptrons, right the ReLU basis.

    Medians over seeds of the smallest loss so far on the level; a marker where a level begins, and a vertical
    line with the number of intervals where multilevel training refines.

    Parameters
    ----------
    axes
        Two matplotlib axes.
    study
        A `studies.boundary_value.study.Study`.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds.
    """
    axes = many_axes("axes", axes, 2)
    having("study", study, STUDY, "rows", "stages")
    sides = (("spline basis, and perceptrons", ("spline", "none")), ("power ReLU basis", ("relu",)))
    for ax, (title, bases) in zip(axes, sides, strict=True):
        for row, style in zip(study.rows, looks(study.rows), strict=True):
            if row.basis not in bases:
                continue
            work, loss, begins = median_history(study.stages[row.name])
            ax.plot(work, loss, markevery=begins[1:], **{"linewidth": 1.2} | style)
            if row.schedule == "multilevel":
                for at in begins[1:]:
                    ax.axvline(work[at], color="0.8", linewidth=0.6, zorder=0)
                above = ax.secondary_xaxis("top")
                names = [f"G = {int(level['intervals'])}" for level in row.levels[1:]]
                above.set_xticks([work[at] for at in begins[1:]], names, fontsize=7)
        ax.set_yscale("log")
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("work (epochs on the coarsest level)")
        if ax.lines:
            place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.16)}  # lines fill the axes
            ax.legend(frameon=False, fontsize=7, ncols=3, **place)
    axes[0].set_ylabel("loss, smallest on the level so far\n(dimensionless)")
    return same_heights(axes)


def median_history(seeds: Any, points: int = 300) -> tuple[Float64Array, Float64Array, list[int]]:
    """Work, the median over seeds of the smallest loss so far on a level, and the entries that begin levels.

    Levels are cut into `points` equal parts of their work, which may differ between seeds.

    Parameters
    ----------
    seeds
        For each seed its stages.
    points
        Number of points per level, at least 2.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, no seeds, or seeds with different numbers of stages.
    """
    points = integer("points", points, low=2, high=10**6)
    runs = each("seeds", seeds, sequence)
    for number, stages in enumerate(runs):
        rows_having(f"seeds[{number}]", stages, "a stage of a run", "history", "work")
    if len({len(stages) for stages in runs}) > 1:
        raise ValueError(f"seeds must have equal numbers of stages, got {[len(stages) for stages in runs]}")
    works, losses = [], []
    for stages in zip(*runs, strict=True):
        share = np.linspace(0.0, 1.0, points)
        at, loss = [], []
        for stage in stages:
            work, best = stage.history.work, np.minimum.accumulate(stage.history.loss)
            here = work[0] + share * (work[-1] - work[0])
            at.append(here + stage.work - work[-1])
            loss.append(np.exp(np.interp(here, work, np.log(best))))
        works.append(np.median(at, axis=0))
        losses.append(np.median(loss, axis=0))
    return np.concatenate(works), np.concatenate(losses), [points * level for level in range(len(works))]
