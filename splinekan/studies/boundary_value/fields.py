"""Solution, error and residual on a grid, for pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import Float64Array, affordable, instance, integer
from splinekan.problems.boundary import BoundaryValueProblem
from splinekan.studies.boundary_value.study import Study


def midpoints(problem: BoundaryValueProblem, n: int) -> tuple[list[Float64Array], Float64Array]:
    """The two axes of a grid of n x n midpoints on the problem's domain, and its points (n^2, 2)."""
    axes = [low + (high - low) * (np.arange(n) + 0.5) / n for low, high in problem.bounds]
    return axes, np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def fields(study: Study, row: str, points: int = 200) -> dict[str, Any]:
    """Solution, error and residual of a row's best seed on a grid, for pictures.

    Returns
    -------
    dict
        "x", "y": the grid's axes; "solution", "error", "residual": (points, points), of the last level;
        "spectra": (levels, points // 2), per level the residual's mean square Fourier coefficient over the
        wave number in the first variable; "second": the name of the second variable.

    Raises
    ------
    TypeError, ValueError
        For a row that the study does not have, or fewer than 8 points.
    """
    run, stages = instance("study", study, Study).best_seed(row)
    points = integer("points", points, low=8)
    affordable(f"points={points}", 200.0 * points**2)
    axes, grid = midpoints(run.problem, points)
    shape = (points, points)
    residuals = [run.residual(stage, grid).reshape(shape) for stage in stages]
    solution = run.solution(stages[-1], grid)
    # A window keeps the jump between the ends of the interval from smearing over all wave numbers.
    window = np.hanning(points)[:, None]
    spectra = [(np.abs(np.fft.rfft(window * r, axis=0)[1:]) ** 2).mean(axis=1) for r in residuals]
    return {
        "x": axes[0],
        "y": axes[1],
        "solution": solution.reshape(shape),
        "error": (solution - run.problem.reference(grid)).reshape(shape),
        "residual": residuals[-1],
        "spectra": np.array(spectra),
        "second": str(run.problem.equation.variables[1]),
    }
