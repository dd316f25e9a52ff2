"""Figures 1 and 2: the change of basis A from power ReLUs to B-splines, its spectrum and its eigenvectors."""

from __future__ import annotations

from splinekan import plots
from splinekan.spectra import Spectrum, change_of_basis_spectrum
from splinekan.splines.knots import uniform_knots
from splinekan.studies.skeleton.figure import Figure, Setting

COUNTS = (4, 8, 16, 32, 64, 128, 256, 512)
ORDERS = (1, 2, 3, 4)


def modes_of(intervals: int, orders: tuple[int, ...]) -> dict[int, Spectrum]:
    """Spectra of A^T A, with vectors, on uniform knots of [0, 1], by order r."""
    spectra = {}
    for r in orders:
        knots = uniform_knots(0.0, 1.0, intervals, r - 1)
        spectra[r] = change_of_basis_spectrum(knots, r - 1, "A^T A", vectors=True)
    return spectra


def ratios(_: Setting) -> tuple[list[int], dict[int, list[float]]]:
    """Numbers of intervals, and by order r the ratios of the extreme eigenvalues of A^T A."""
    by_count = [modes_of(count, ORDERS) for count in COUNTS]
    return list(COUNTS), {r: [spectra[r].condition for spectra in by_count] for r in ORDERS}


FIGURES = {
    "1": Figure(
        "Figure 1: eigenvalues and extreme eigenvectors of A^T A",
        "Eigenvalues of A^T A and its eigenvectors at both ends of the spectrum, G = 50 uniform intervals "
        "on [0, 1], orders r = 1 and 3. A is the change of basis b = A psi from power ReLUs to B-splines; "
        "eigenvectors with more sign changes have larger eigenvalues. Vectors on the right are offset "
        "vertically.",
        plots.extreme_modes,
        lambda _: modes_of(50, (1, 3)),
        panels=lambda spectra: (len(spectra), 3),
        size=lambda spectra: (11.0, 2.9 * len(spectra)),
    ),
    "2a": Figure(
        "Figure 2a: ratio of the extreme eigenvalues of A^T A",
        "Largest over smallest eigenvalue of A^T A against the number G of uniform intervals, orders r = "
        "1 to 4; grey lines grow like G^(2r). The largest comes from A, the smallest from the entrywise "
        "exact inverse, so no ratio is limited by rounding.",
        lambda axes, data: plots.condition_growth(axes[0, 0], *data),
        ratios,
    ),
    "2b": Figure(
        "Figure 2b: sign changes of the eigenvectors of A^T A",
        "Eigenvalues of A^T A over the smallest, against the number of sign changes of the eigenvector, G = "
        "100 uniform intervals, orders r = 1 to 4. Each count from 0 on occurs once, in the order of the "
        "eigenvalues, for every r; grey lines grow like the power 2r. All counts are certain: no change of "
        "an entry within its error alters them.",
        lambda axes, spectra: plots.sign_change_counts(axes[0, 0], spectra),
        lambda _: modes_of(100, ORDERS),
    ),
}
