"""Figures of conditioning: growth of condition numbers, spectra by level and basis."""

from __future__ import annotations

from splinekan import plots
from splinekan.studies.conditioning import levels
from splinekan.studies.skeleton.figure import Figure, Setting


def _trained(setting: Setting) -> list[levels.LevelSpectra]:
    samples = levels.SAMPLES if setting.full else 1000
    seed = 1234 if setting.seeds is None else setting.seeds[0]
    return levels.trained(levels.BUDGETS, samples, seed)[0]


FIGURES = {
    "hessian-spectra": Figure(
        "Spectra of Gauss-Newton matrix and Hessian by level and basis",
        "Eigenvalues of the Gauss-Newton matrix and of the exact Hessian of the regression problem (2 -> "
        "5 -> 1, cubic), at the end of every level of multilevel training, with respect to the "
        "coefficients in the spline and in the power ReLU basis: the same function, other coordinates. "
        "Moduli in decreasing order; crosses are negative eigenvalues; values that float64 does not resolve "
        "are left out. Right: the preconditioned Gauss-Newton matrix in the spline basis, "
        "damped by 1e-6 of its largest eigenvalue: scaled by the columns of J (dotted), with BPX, and "
        "deflated by the level below, whose part is left out.",
        plots.spectra_panels,
        _trained,
        panels=(2, 3),
        size=(13.5, 7.0),
        takes=("full", "seeds"),
        single=("seeds",),
    ),
    "conditioning": Figure(
        "Condition numbers against intervals, and spectra by level and basis",
        "Left: condition numbers of the mass matrices and of the Gauss-Newton matrix of a network's spline "
        "layer against the number of intervals G, degrees and bases by colour and dashes, with the exponents "
        "of G, fitted and predicted. Middle and right: eigenvalues of the Gauss-Newton matrix and of the "
        "exact Hessian of the regression network at the end of every level of multilevel training, in the "
        "spline and in the power ReLU basis; crosses are negative eigenvalues; values that float64 does not "
        "resolve are left out.",
        plots.conditioning_panels,
        panels=(2, 3),
        size=(13.5, 7.5),
    ),
}
