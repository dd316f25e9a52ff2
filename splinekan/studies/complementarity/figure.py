"""The figure of complementarity: shares by level, and the reduction of waves."""

from __future__ import annotations

from splinekan import plots
from splinekan.studies.complementarity import study
from splinekan.studies.skeleton.figure import Figure

FIGURES = {
    "complementarity": Figure(
        "Where updates go after a refinement, and what sweeps remove",
        "Left and middle: share of an update's energy outside the coarse space, by level, for first- and "
        "second-order methods in spline and in ReLU geometry, with coarse levels solved and as trained. "
        "Right: fraction of a wave that a sweep of gradient descent removes, predicted by local Fourier "
        "analysis and measured.",
        plots.complementarity_panels,
        lambda setting: study.run(**setting.arguments(study.QUICK)),
        panels=(1, 3),
        size=(13.0, 4.4),
        takes=("full", "seeds"),
    ),
}
