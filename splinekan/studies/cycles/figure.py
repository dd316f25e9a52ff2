"""The figure of cycles: loss against time in evaluations, and factors of model problems by level."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan.studies.cycles import study
from splinekan.studies.skeleton.figure import Figure

PANELS = (("regression", "L-BFGS"), ("Burgers", "Levenberg-Marquardt"))
"""Methods that are shown if they were run."""
STYLES = {
    "single": ("0.5", ":"),
    "nested": ("#000000", "-"),
    "nested, then finest": ("#0072B2", "-"),
    "nested, then V": ("#D55E00", "-"),
    "V (MG/OPT)": ("#D55E00", ":"),
    "V (galerkin)": ("#009E73", ":"),
    "FMG (MG/OPT)": ("#D55E00", "--"),
    "FMG (galerkin)": ("#009E73", "--"),
}
COUNT = "evaluations"


def draw(axes: Any, data: study.Study) -> Any:
    """Two panels of losses, and a panel of factors."""
    run = list(dict.fromkeys((problem, smoother) for problem, smoother, _, _ in data.histories))
    chosen = sorted(run, key=lambda pair: pair not in PANELS)[:2]
    for ax in axes[0, len(chosen) : 2]:
        ax.set_axis_off()
    for ax, (problem, smoother) in zip(axes[0], chosen, strict=False):
        for method, (colour, line) in STYLES.items():
            histories = data.histories.get((problem, smoother, COUNT, method), [])
            if not histories:
                continue
            end = max(history.evaluations[-1] for history in histories)
            at = np.linspace(1, end, 400)
            best = [
                np.interp(at, history.evaluations, np.log(np.minimum.accumulate(history.loss)))
                for history in histories
            ]
            ax.plot(at, np.exp(np.median(best, axis=0)), color=colour, linestyle=line, label=method, lw=1.3)
        ax.set_yscale("log")
        ax.set_title(f"{problem}, {smoother}", fontsize=10)
        ax.set_xlabel("evaluations on all levels")
        ax.set_ylabel("lowest loss so far (dimensionless)")
    axes[0, 0].legend(frameon=False, fontsize=7)
    ax = axes[0, 2]
    degree = max((row.degree for row in data.factors), default=1)
    for problem, marker in (("L2", "o"), ("H1", "s")):
        for geometry, colour in (("spline", "#0072B2"), ("relu", "#D55E00")):
            for step, cycle, line in (
                ("stable", "V", "-"),
                ("complement", "two-level", "--"),
                ("complement", "V", ":"),
            ):
                key = (problem, degree, geometry, step, cycle)
                rows = [
                    row
                    for row in data.factors
                    if (row.problem, row.degree, row.geometry, row.step, row.cycle) == key
                ]
                ax.plot(
                    [row.intervals for row in rows],
                    [min(row.factor, 1.1) for row in rows],
                    marker=marker,
                    ms=4,
                    lw=1.2,
                    linestyle=line,
                    color=colour,
                    label=f"{problem}, {geometry}, {step} {cycle}",
                )
    ax.axhline(1.0, color="0.7", lw=0.8, zorder=0)
    ax.set_xscale("log", base=2)
    ax.set_ylim(0, 1.12)
    ax.set_title(f"model problems, degree {degree}; above 1: diverges", fontsize=10)
    ax.set_xlabel("intervals")
    ax.set_ylabel("factor of a cycle (dimensionless)")
    ax.legend(frameon=False, fontsize=6, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return axes


FIGURES = {
    "cycles": Figure(
        "Cycles against nested iteration",
        "Left and middle: lowest loss so far against evaluations, medians over seeds, all methods from the "
        "same function. Right: factors by which cycles reduce the energy norm of the error for linear model "
        "problems, by the number of intervals: V-cycles with two stable sweeps before and after a correction "
        "(solid), and with a single sweep whose step is best on the complement of the coarse space, on two "
        "levels (dashed) and on all (dotted).",
        draw,
        lambda setting: study.run(**setting.arguments(study.QUICK)),
        panels=(1, 3),
        size=(15.5, 4.4),
        takes=("full", "seeds"),
    ),
}
