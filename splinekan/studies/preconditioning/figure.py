"""The figure of preconditioning: iterations by level, and condition numbers by degree."""

from __future__ import annotations

from splinekan import plots
from splinekan.studies.preconditioning import study
from splinekan.studies.skeleton.figure import Figure

FIGURES = {
    "preconditioning": Figure(
        "Iterations of conjugate gradients by level, and condition numbers by degree",
        "Top: iterations to a relative residual of 1e-8 against the number of levels, a colour and marker "
        "for each preconditioner, solid in one dimension and dashed in two, for the middle degree. Bottom: "
        "condition numbers of B A against the degree, with the most levels.",
        plots.preconditioning_panels,
        lambda setting: study.run(**setting.arguments(study.QUICK)),
        panels=(2, 3),
        size=(12.0, 7.0),
        takes=("full", "seeds"),
    ),
}
