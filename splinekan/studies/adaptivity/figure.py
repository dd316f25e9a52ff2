"""The figure of adaptivity: error against parameters."""

from __future__ import annotations

from splinekan import plots
from splinekan.studies.adaptivity import study
from splinekan.studies.skeleton.figure import Figure


def _panels(found: study.Study) -> tuple[int, int]:
    """A row of up to four problems, or two rows."""
    count = len(dict.fromkeys(row.problem for row in found.rows))
    return (1, count) if count <= 4 else (2, (count + 1) // 2)


FIGURES = {
    "adaptivity": Figure(
        "Error against parameters, with uniform and with adaptive knots",
        "Root mean square errors of fits by cubic splines (curves) and by networks, against their "
        "parameters: knots halved everywhere, knots halved where one of four indicators is large, and "
        "for curves the knots of SciPy's generate_knots (FITPACK). A line for every seed; the dotted line "
        "has order 4, that of cubic splines for smooth functions.",
        plots.adaptivity_panels,
        lambda setting: study.run(**setting.arguments(study.QUICK)),
        panels=_panels,
        size=(15.0, 7.4),
        takes=("full", "seeds"),
    ),
}
