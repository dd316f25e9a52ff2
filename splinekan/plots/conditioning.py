"""The study of conditioning: growth of condition numbers, spectra by level and basis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from splinekan.plots.spectra import spectra_by_level
from splinekan.plots.style import SERIES, canvas, file_format, log_axes, save


def condition_by_basis(ax: Any, growths: Sequence[Any], matrix: str) -> Any:
    """Condition numbers of one matrix against the number of intervals: a line a degree, solid for splines.

    ReLU bases are dashed, with open markers. Sizes that float64 does not resolve are left out.

    Parameters
    ----------
    ax
        Matplotlib axes.
    growths
        `studies.growth.Growth`, of any matrices.
    matrix
        The one to draw.
    """
    chosen = [one for one in growths if one.matrix == matrix]
    degrees = sorted({one.degree for one in chosen})
    for one in chosen:
        style = SERIES[degrees.index(one.degree) % len(SERIES)] | {"linestyle": "-", "markersize": 4}
        if one.basis == "relu":
            style |= {"linestyle": "--", "fillstyle": "none"}
        theory = "" if one.predicted is None else f" ({one.predicted:g})"
        label = f"degree {one.degree}, {one.basis}: {round(one.corrected, 1) + 0.0:.1f}{theory}"
        ax.plot(one.intervals, one.condition, label=label, **style)
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
    """Axes (2, 3): left how condition numbers grow, the rest `spectra_by_level`."""
    condition_by_basis(axes[0, 0], study.growths, "mass")
    condition_by_basis(axes[1, 0], study.growths, "block of 2-3-1")
    spectra_by_level(np.asarray(axes)[:, 1:], study.levels)
    return axes


def conditioning_figure(study: Any, path: str | Path) -> None:
    """The study's figure, written to `path`."""
    file_format(path)
    figure, axes = canvas(2, 3, (13.5, 7.5))
    conditioning_panels(axes, study)
    save(figure, path)
