"""The study of conditioning: growth of condition numbers, spectra by level and basis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from splinekan._checks import one_of
from splinekan.plots.spectra import spectra_by_level
from splinekan.plots.style import (
    SERIES,
    having,
    log_axes,
    many_axes,
    one_axes,
    rows_having,
)


def condition_by_basis(ax: Any, growths: Sequence[Any], matrix: str) -> Any:
    """Condition numbers of a matrix against the number of intervals: a line per degree, solid for splines.

    ReLU bases are dashed, with open markers. Sizes that float64 does not resolve are left out.

    Parameters
    ----------
    ax
        Matplotlib axes.
    growths
        `studies.conditioning.growth.Growth`, of any matrices.
    matrix
        The matrix to draw.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, no growths, or a matrix that is not among them.
    """
    one_axes("ax", ax)
    known = rows_having(
        "growths",
        growths,
        "a studies.conditioning.growth.Growth",
        "matrix",
        "degree",
        "intervals",
        "condition",
    )
    one_of("matrix", matrix, dict.fromkeys(growth.matrix for growth in known))
    chosen = [growth for growth in known if growth.matrix == matrix]
    degrees = sorted({growth.degree for growth in chosen})
    for growth in chosen:
        style = SERIES[degrees.index(growth.degree) % len(SERIES)] | {"linestyle": "-", "markersize": 4}
        if growth.basis == "relu":
            style |= {"linestyle": "--", "fillstyle": "none"}
        theory = "" if growth.predicted is None else f" ({growth.predicted:g})"
        label = f"degree {growth.degree}, {growth.basis}: {round(growth.corrected, 1) + 0.0:.1f}{theory}"
        ax.plot(growth.intervals, growth.condition, label=label, **style)
    ax.set_title(f"{matrix}: exponents, fitted (predicted)", fontsize=10)
    ax = log_axes(ax, "intervals G (dimensionless)", "condition number (dimensionless)")
    counts = chosen[0].intervals
    ax.set_xticks(counts, [str(n) for n in counts])
    ax.set_xticks([], minor=True)
    ax.legend(frameon=False, fontsize=6, ncols=2, loc="upper left")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.45)  # room for the legend
    return ax


def conditioning_panels(axes: Any, study: Any) -> Any:
    """Axes (2, 3): on the left the growth of condition numbers, on the right `spectra_by_level`.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds.
    """
    axes = many_axes("axes", axes, 2, 3)
    having("study", study, "a studies.conditioning.study.Study", "growths", "levels")
    condition_by_basis(axes[0, 0], study.growths, "mass")
    condition_by_basis(axes[1, 0], study.growths, "block of 2-3-1")
    spectra_by_level(axes[:, 1:], study.levels)
    return axes
