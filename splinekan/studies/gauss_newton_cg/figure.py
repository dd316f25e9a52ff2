"""The figure of preconditioned conjugate gradients: iterations by level, and training."""

from __future__ import annotations

from splinekan import plots
from splinekan.studies.gauss_newton_cg import study
from splinekan.studies.gauss_newton_cg.cases import CASES
from splinekan.studies.skeleton.figure import Figure


def _size(data: study.Study) -> tuple[float, float]:
    rows, columns = plots.iterations_shape(data.rows)
    return 4.2 * columns, 3.6 * rows


FIGURES = {
    "gauss-newton-cg": Figure(
        "Conjugate gradients on Gauss-Newton equations: iterations by level",
        "Iterations to a relative residual of 1e-2 against the number of intervals, a column for each "
        "problem and a row for each damping (relative to the largest eigenvalue): without preconditioner, "
        "scaled by the columns of J (Jacobi), with BPX, deflated by a coarser level, with the blocks of the "
        "layers and with a Nystrom approximation. Arrows: not within the limit.",
        plots.iterations_panels,
        lambda setting: study.run(**setting.arguments(study.QUICK)),
        panels=lambda data: plots.iterations_shape(data.rows),
        size=_size,
        takes=("full", "seeds", "rows"),
        rows=lambda: tuple(CASES),
    ),
}
