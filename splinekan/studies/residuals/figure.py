"""Figure 9: residuals by level."""

from __future__ import annotations

from typing import Any

from splinekan import plots
from splinekan.studies.boundary_value.figure import rows_of, solved
from splinekan.studies.skeleton.figure import Figure, Setting


def _residuals(setting: Setting) -> list[Any]:
    from splinekan.studies.residuals.study import residual_fields  # it takes a second

    study = solved("allen-cahn", setting, ("spline-multilevel",))
    return residual_fields(study, study.rows[0].name)


FIGURES = {
    "9": Figure(
        "Figure 9: residual of the Allen-Cahn equation by level",
        "Residual of the Allen-Cahn equation at the end of every level of multilevel training in the "
        "spline basis (or of the row that is named), the best seed: the residual, its 2-d Fourier "
        "transform under a Hann window, and the transform's cuts along both axes. Colours and cuts have "
        "one scale for all levels.",
        plots.residuals_by_level,
        _residuals,
        panels=lambda fields: (len(fields), 4),
        size=lambda fields: (11.5, 2.3 * len(fields)),
        takes=("full", "seeds", "rows", "checkpoints"),
        single=("rows",),
        rows=lambda: rows_of("allen-cahn"),
    ),
}
