"""Residuals of an equation by level, with their Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import integer
from splinekan.plots.style import MAP, SERIES, many_axes, rows_having

DECADES = 8
"""Range of colours of a map, in powers of ten."""


def residuals_by_level(axes: Any, fields: Any, waves: int = 32) -> Any:
    """For each level a row of four axes: residual, its 2-d Fourier transform, and two cuts of the transform.

    Colours and cuts have the same scale on all levels, so that levels can be compared; residuals above the
    power of ten that exceeds the largest root mean square have the last colour.

    Parameters
    ----------
    axes
        Matplotlib axes (levels, 4).
    fields
        `studies.residuals.study.ResidualField`, one per level.
    waves
        The largest wave number shown.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or no fields.
    """
    fields = rows_having(
        "fields", fields, "a studies.residuals.study.ResidualField", "values", "energy", "waves"
    )
    axes = many_axes("axes", axes, len(fields), 4)
    waves = integer("waves", waves, low=1)
    loudest = max(float(np.sqrt(np.mean(f.values**2))) for f in fields)
    tops = (loudest, max(float(f.energy.max()) for f in fields))
    size, energy = (10.0 ** np.ceil(np.log10(top)) if top > 0 else 1.0 for top in tops)
    for row, field in zip(axes, fields, strict=True):
        first, second = field.names
        label = f"{field.intervals} intervals" if field.intervals else "perceptron"
        ends = [
            end
            for axis in field.axes
            for end in (1.5 * axis[0] - 0.5 * axis[1], 1.5 * axis[-1] - 0.5 * axis[-2])
        ]
        _map(row[0], np.abs(field.values), ends, size, DECADES // 2, "|residual| (dimensionless)")
        rms = float(np.sqrt(np.mean(field.values**2)))
        row[0].set_title(f"{label}: rms {rms:.1e}", fontsize=8)
        row[0].set_xlabel(first)
        row[0].set_ylabel(second)
        shown = np.abs(field.waves) <= waves
        edge = waves + 0.5
        _map(
            row[1], field.energy[np.ix_(shown, shown)], [-edge, edge, -edge, edge], energy, DECADES, "energy"
        )
        row[1].set_title("2-d Fourier transform", fontsize=8)
        row[1].set_xlabel(f"wave number in {first}")
        row[1].set_ylabel(f"wave number in {second}")
        for variable, (ax, name) in enumerate(zip(row[2:], field.names, strict=True)):
            other = field.names[1 - variable]
            number, along = field.cut(variable)
            style = SERIES[variable] | {"linestyle": "-", "markersize": 3, "linewidth": 0.9}
            ax.plot(number, along, **style)
            ax.set_yscale("log")
            ax.set_xlim(-0.5, waves + 0.5)
            ax.set_ylim(energy * 10.0**-DECADES / 10, energy)
            ax.set_xlabel(f"wave number in {name}")
            ax.set_ylabel("energy (dimensionless)")
            ax.set_title(f"cut at wave number 0 in {other}", fontsize=8)
    for ax in axes.flat:
        ax.tick_params(labelsize=7)
        ax.xaxis.label.set_size(8)
        ax.yaxis.label.set_size(8)
    return axes


def _map(ax: Any, values: Any, extent: Any, top: float, decades: int, name: str) -> None:
    """Values as log10, from `top` downwards; smaller values have the colour of the smallest."""
    high = np.log10(top)
    logs = np.log10(np.maximum(values, top * 10.0**-decades))
    image = ax.imshow(
        logs.T, origin="lower", extent=extent, aspect="auto", cmap=MAP, vmin=high - decades, vmax=high
    )
    steps = 1 if decades < 6 else 2
    bar = ax.figure.colorbar(image, ax=ax, ticks=np.arange(high - decades, high + 1, steps))
    bar.set_label(f"log10 {name}", fontsize=7)
    bar.ax.tick_params(labelsize=6)
