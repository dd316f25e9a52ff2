"""The figure of the gallery: error against seconds, with the records."""

from __future__ import annotations

from splinekan import plots
from splinekan.studies.skeleton.figure import Figure

FIGURES = {
    "pde": Figure(
        "Differential equations: error against time, with the records",
        "Relative l2 errors against seconds for the problems of the gallery: a colour and marker for each "
        "problem, small for every seed and large for the median. Stars of the same colour are the records of "
        "neural networks; those whose time is not reported stand at the right edge. Hardware differs: the "
        "table of the study names it.",
        lambda axes, study: plots.error_by_seconds(axes[0, 0], study.rows),
        size=(9.0, 6.0),
    ),
}
