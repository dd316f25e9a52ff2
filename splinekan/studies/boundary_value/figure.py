"""Figures of boundary value problems: loss against work, error, residual and maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from splinekan import plots
from splinekan.studies.skeleton.figure import Figure, Setting

if TYPE_CHECKING:
    from splinekan.studies.boundary_value.study import Study


def _losses(number: str, problem: str, name: str) -> Figure:
    return Figure(
        f"Figure {number}: loss against work, {problem}",
        f"Loss against work for {problem}, work counted in epochs on the coarsest level: single-level "
        "training on the coarsest and on the finest knots and multilevel training, in both bases, and "
        "perceptrons; each line ends with its budget. Medians over seeds of the smallest loss so far "
        "on a level; markers where levels begin, lines where multilevel training refines. A level starts "
        "from the best parameters of the previous level, but not from its attention weights, so a line may "
        "rise there.",
        lambda axes, study: plots.equation_losses(axes[0], study),
        lambda setting: solved(name, setting),
        panels=(1, 2),
        size=(9.0, 4.2),
        takes=("full", "seeds", "rows", "checkpoints"),
        rows=lambda: rows_of(name),
    )


def solved(name: str, setting: Setting, rows: tuple[str, ...] | None = None) -> Study:
    """The study of a problem: the rows of the setting, else these rows; None for the paper's."""
    from splinekan.studies.boundary_value import first_order, study  # they take a second

    if rows is None:
        rows = tuple(schedule.name for schedule in first_order.RECIPES[name].schedules)
    return study.run(name, **setting.arguments(study.QUICK, rows=rows))


def rows_of(name: str) -> tuple[str, ...]:
    """The rows of the study of a problem."""
    from splinekan.studies.boundary_value import study

    return study.rows_of(name)


def _overview(axes: Any, study: Study) -> Any:
    from splinekan.studies.boundary_value.fields import fields

    best = study.best()
    return plots.boundary_value_panels(axes, study, fields(study, best), best)


FIGURES = {
    "6": _losses("6", "the Poisson interface problem", "interface"),
    "7": _losses("7", "Burgers' equation", "burgers"),
    "8": _losses("8", "the Allen-Cahn equation", "allen-cahn"),
    "boundary-value": Figure(
        "A boundary value problem: loss, error and residual",
        "Top: loss of the first seed and median relative l2 error of all rows against work, and the energy "
        "of the residual by wave number at the end of every level. Bottom: solution, error and residual at "
        "the end. Residuals and maps are those of the best seed of the row with the smallest median error, "
        "of a spline network if the study has any; its name stands above.",
        _overview,
        panels=(2, 3),
        size=(12.0, 7.0),
    ),
}
