"""Condition numbers against intervals, and the spectra of a trained network by level and basis.

Two tables. How fast condition numbers grow with the number of intervals, for degrees 1 to 5, against what
theory predicts: like G^(2r), r = degree + 1, for A^T A and all matrices in power ReLUs, and not at all in
B-splines. And the ends of the spectra of Gauss-Newton matrix, exact Hessian and tangent kernel at the end of
every level of a trained network, in the coordinates of either basis (Southworth et al., arXiv:2603.04827,
sections 3 and 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from splinekan._checks import MAX_DEGREE, affordable, each, integer, shown
from splinekan._processes import Place
from splinekan.spectra import Spectrum, change_of_basis_spectrum
from splinekan.splines.knots import uniform_knots
from splinekan.studies.conditioning import growth, levels
from splinekan.studies.conditioning.growth import Growth
from splinekan.studies.conditioning.levels import BUDGETS, MOST_LEVELS, SAMPLES, Kernel, LevelSpectra
from splinekan.studies.skeleton.study import record
from splinekan.studies.skeleton.sweep import Job, Sweep
from splinekan.studies.skeleton.tables import table

DEGREES = (1, 2, 3, 4, 5)
INTERVALS = (8, 16, 32, 64, 128, 256)
LAYER_INTERVALS = (8, 16, 32, 64)
NETWORK_LEVELS = 4
QUICK: dict[str, Any] = {
    "degrees": (1, 3),
    "intervals": (8, 16, 32, 64),
    "layer_intervals": (8, 16, 32),
    "network_levels": 3,
    "budgets": (20, 10),
    "samples": 1000,
}
"""Under half a minute."""
MODES = ((0, 50), (2, 50))
"""(degree, intervals) of which the eigenvectors of A^T A are kept: the paper's r = 1 and 3."""


@dataclass(frozen=True, eq=False)
class Study:
    """The measurements, and the settings that make them reproducible.

    Attributes
    ----------
    growths
        Condition numbers against intervals.
    levels
        Spectra by level and basis, coarsest level first.
    kernels
        Theorem 2 by level.
    modes
        Spectra of A^T A with eigenvectors, by (degree, intervals).
    settings
        All that the numbers depend on.
    places
        Where runs were carried out, by run.
    """

    growths: tuple[Growth, ...]
    levels: tuple[LevelSpectra, ...]
    kernels: tuple[Kernel, ...]
    modes: dict[tuple[int, int], Spectrum]
    settings: dict[str, Any]
    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)

    def table(self) -> str:
        """All tables as text."""
        return "\n".join(
            [
                "condition number against intervals G: exponents (standard error)",
                table(growth.COLUMNS, self.growths),
                "",
                "trained network: ends of the spectra of Gauss-Newton matrix (GN) and Hessian (H)",
                table(levels.COLUMNS, self.levels),
                "zero: directions that are zero to rounding, left out of condition numbers; lost: values "
                "that float64 does not resolve; > a lower bound, from the others; H least: -, where it is "
                "lost",
                "",
                "largest eigenvalue of the tangent kernel (Theorem 2)",
                table(levels.KERNEL_COLUMNS, self.kernels),
            ]
        )

    def record(self) -> dict[str, Any]:
        """Everything in the tables and the whole spectra, for JSON."""
        return record(
            "conditioning", self.settings, growths=self.growths, levels=self.levels, kernels=self.kernels
        )


def run(
    degrees: Sequence[int] = DEGREES,
    intervals: Sequence[int] = INTERVALS,
    layer_intervals: Sequence[int] = LAYER_INTERVALS,
    network_levels: int = NETWORK_LEVELS,
    budgets: Sequence[int] = BUDGETS,
    samples: int = SAMPLES,
    seed: int = 1234,
    progress: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    checkpoints: str | Path | None = None,
) -> Study:
    """Condition numbers of all matrices, and the spectra of a trained network.

    Parameters
    ----------
    degrees
        Degrees of the sequences.
    intervals, layer_intervals
        Sizes for the matrices of a basis, and for the Gauss-Newton matrix of a layer.
    network_levels
        Levels from 4 intervals on for the Gauss-Newton matrix of a network.
    budgets
        Steps of Levenberg-Marquardt on every level of the trained network, from 5 intervals on.
    samples
        The number of its training points, uniform; the target is that of the regression study.
    seed
        Draws points and starts.
    progress
        Show a bar (tqdm).
    workers, scheduler, checkpoints
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError
        For no or bad degrees, sizes, budgets, samples or seed.
    MemoryError
        If matrices or samples do not fit in memory.
    """
    degrees = each("degrees", degrees, lambda name, value: integer(name, value, low=0, high=MAX_DEGREE))
    if len(set(degrees)) < len(degrees):
        raise ValueError(f"degrees must differ, got {shown(degrees)}")
    intervals, layer_intervals = _sizes("intervals", intervals), _sizes("layer_intervals", layer_intervals)
    budgets, samples, seed = levels.training(budgets, samples, seed)
    network_levels = integer("network_levels", network_levels, low=2, high=MOST_LEVELS)
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    sizes = (intervals, layer_intervals, network_levels, seed)
    sequences = {f"degree {degree}": Job(_growths, (degree, *sizes), sizes) for degree in degrees}
    plan = (budgets, samples, seed)
    swept = sweep.run("conditioning", {**sequences, "levels": Job(levels.trained, plan, plan, len(budgets))})
    growths: list[Growth] = [row for same in swept.pick(sequences) for row in same]
    spectra, kernels = swept.results["levels"]
    growths.sort(key=lambda row: (growth.MATRICES.index(row.matrix), row.basis != "spline", row.degree))
    modes = {
        (degree, count): change_of_basis_spectrum(uniform_knots(0, 1, count, degree), degree, vectors=True)
        for degree, count in MODES
    }
    settings = {
        "degrees": list(degrees),
        "intervals": list(intervals),
        "layer_intervals": list(layer_intervals),
        "network_levels": network_levels,
        "budgets": list(budgets),
        "samples": samples,
        "seed": seed,
        "widths": list(levels.WIDTHS),
        "degree": levels.DEGREE,
    }
    return Study(tuple(growths), tuple(spectra), tuple(kernels), modes, settings, swept.places)


def _growths(
    degree: int, intervals: Sequence[int], layer_intervals: Sequence[int], network_levels: int, seed: int
) -> list[Growth]:
    return [
        *growth.of_matrices(degree, intervals),
        *growth.of_layer(degree, layer_intervals),
        *growth.of_network(degree, network_levels, seed),
    ]


def _sizes(name: str, value: Any) -> list[int]:
    sizes = each(name, value, lambda where, size: integer(where, size, low=2))
    if len(sizes) < 2 or sorted(set(sizes)) != sizes:
        raise ValueError(f"{name} must name at least two increasing sizes, got {shown(value)}")
    # A layer 2 -> 1 has two splines to an interval, and some copies of its matrix are needed.
    affordable(f"{name}[-1]={sizes[-1]}", 4 * 8.0 * (2.0 * (sizes[-1] + MAX_DEGREE)) ** 2)
    return sizes
