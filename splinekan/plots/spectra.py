"""Spectra of a trained network's curvature, by level and basis."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan.plots.style import SERIES, many_axes, rows_having, same_heights

MATRICES = {"gauss_newton": "Gauss-Newton matrix", "hessian": "Hessian"}
BASES = {"spline": "spline basis", "relu": "power ReLU basis"}
PRECONDITIONED = {"bpx": "Gauss-Newton matrix, BPX", "deflation": "Gauss-Newton matrix, deflated"}


def spectra_by_level(axes: Any, rows: Any) -> Any:
    """Eigenvalues of Gauss-Newton matrix and Hessian: a line for each level, a column of axes for each basis.

    Moduli in decreasing order are drawn against their place, as a share of the number of parameters, so that
    levels can be compared. Values that float64 does not resolve, and zeros, are left out: where a line ends
    early, the rest cannot be distinguished from zero. Crosses mark negative eigenvalues.

    Parameters
    ----------
    axes
        Matplotlib axes (2, 2).
    rows
        `studies.conditioning.levels.LevelSpectra` with the bases "spline" and "relu"; others are not drawn.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or no rows.
    """
    axes = many_axes("axes", axes, 2, 2)
    kind = "a studies.conditioning.levels.LevelSpectra"
    rows = rows_having("rows", rows, kind, "basis", "intervals", "gauss_newton", "hessian")
    if not any(row.basis in BASES for row in rows):
        raise ValueError(f"rows must have one of the bases {', '.join(BASES)}, got none")
    for line, (name, matrix) in zip(axes, MATRICES.items(), strict=True):
        for ax, (basis, title) in zip(line, BASES.items(), strict=True):
            for at, row in enumerate(row for row in rows if row.basis == basis):
                spectrum = getattr(row, name)
                style = SERIES[at % len(SERIES)] | {"marker": "", "linewidth": 1.2}
                order = np.argsort(-np.abs(spectrum.values), kind="stable")
                values = np.where(spectrum.resolved, spectrum.values, np.nan)[order]
                place = (np.arange(len(values)) + 0.5) / len(values)
                ax.plot(place, np.abs(values), label=f"G = {row.intervals}", **style)
                below = values < 0
                crosses = {"color": style["color"], "marker": "x", "linestyle": "none", "markersize": 3.5}
                ax.plot(place[below], -values[below], **crosses)
            ax.set_yscale("log")
            ax.set_xlim(0, 1)
            ax.set_title(f"{matrix}, {title}", fontsize=10)
            ax.set_xlabel("index of the eigenvalue, as a share of all")
        line[0].set_ylabel("|eigenvalue| (dimensionless)")
    if axes[0][0].lines:
        axes[0][0].legend(frameon=False, fontsize=8, loc="lower left")
    for line in axes:
        same_heights(line)
    return axes


def preconditioned_by_level(axes: Any, rows: Any) -> Any:
    """Eigenvalues of the preconditioned, damped Gauss-Newton matrix: a line for each level.

    Top: with BPX. Bottom: deflated by the next coarser level. Dotted lines of the same colour are with the
    scaling by the columns of J alone. Eigenvalues that deflation removes are left out.

    Parameters
    ----------
    axes
        Matplotlib axes (2, 1).
    rows
        As for `spectra_by_level`; rows without `preconditioned` spectra are not drawn.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or no rows.
    """
    axes = many_axes("axes", axes, 2, 1)
    kind = "a studies.conditioning.levels.LevelSpectra"
    rows = rows_having("rows", rows, kind, "basis", "intervals", "preconditioned")
    for ax, (name, title) in zip(axes[:, 0], PRECONDITIONED.items(), strict=True):
        for at, row in enumerate(row for row in rows if row.preconditioned):
            style = SERIES[at % len(SERIES)] | {"marker": "", "linewidth": 1.2}
            for which, line in (("jacobi", {"linestyle": ":"}), (name, {"linestyle": "-"})):
                if which in row.preconditioned:
                    values = row.preconditioned[which].values
                    place = (np.arange(len(values)) + 0.5) / len(values)
                    label = f"G = {row.intervals}" if which == name else None
                    ax.plot(place, values, label=label, **(style | line))
        ax.set_yscale("log")
        ax.set_xlim(0, 1)
        ax.set_title(f"{title} (dotted: Jacobi)", fontsize=10)
        ax.set_xlabel("index of the eigenvalue, as a share of all")
    if len(axes[0, 0].lines) > 1:
        axes[0, 0].legend(frameon=False, fontsize=8, loc="lower left")
    return axes


def spectra_panels(axes: Any, rows: Any) -> Any:
    """Axes (2, 3): `spectra_by_level`, and on the right `preconditioned_by_level`.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or no rows.
    """
    axes = many_axes("axes", axes, 2, 3)
    spectra_by_level(axes[:, :2], rows)
    preconditioned_by_level(axes[:, 2:], rows)
    return axes
