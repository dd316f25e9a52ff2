"""Figures of the regression experiment: loss against work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from splinekan import plots
from splinekan.studies.regression import study
from splinekan.studies.regression.training import select
from splinekan.studies.skeleton.figure import Figure, Setting


def _single_and_multilevel(setting: Setting) -> study.Study:
    """The study with L-BFGS only, without perceptrons; or the rows that are named."""
    rows = tuple(s.name for s in select(perceptrons=False) if s.optimizer == "L-BFGS")
    return study.run(**setting.arguments(study.QUICK, rows=rows))


def _all_methods(setting: Setting) -> study.Study:
    return study.run(**setting.arguments(study.QUICK, perceptrons=False))


def _names(perceptrons: bool) -> tuple[str, ...]:
    return tuple(schedule.name for schedule in select(perceptrons=perceptrons))


def _refuse(arguments: Mapping[str, Any]) -> None:
    """Perceptrons alone leave both panels empty."""
    chosen = select(arguments.get("rows"), schedules=arguments.get("schedules"))
    if all(schedule.kind == "mlp" for schedule in chosen):
        raise ValueError("--figure shows spline and ReLU networks, and --rows names none of them")


FIGURES = {
    "4": Figure(
        "Figure 4: loss against work, regression",
        "Mean square error against work for the regression problem, work counted in epochs of L-BFGS on "
        "the coarsest level: single-level training on the coarsest and on the finest knots and multilevel "
        "training, at equal work. Left the spline basis, right the power ReLU basis. Medians over seeds; "
        "dots where levels begin.",
        lambda axes, data: plots.regression_losses(axes[0], data, "linear", True),
        _single_and_multilevel,
        panels=(1, 2),
        size=(9.0, 3.8),
        takes=("full", "seeds", "rows"),
        rows=lambda: _names(perceptrons=True),
    ),
    "regression": Figure(
        "Loss against work: single-level and multilevel training in both bases",
        "Mean square error against work for the regression problem, all methods: L-BFGS on one level and "
        "on many, Gauss-Newton (Levenberg-Marquardt) on many, and a tournament of starts. Medians over "
        "seeds; dots where levels begin.",
        lambda axes, data: plots.regression_losses(axes[0], data),
        _all_methods,
        panels=(1, 2),
        size=(9.0, 3.8),
        takes=("full", "seeds", "rows"),
        rows=lambda: _names(perceptrons=False),
        refuse=_refuse,
    ),
}
