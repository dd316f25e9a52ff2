"""Spectra of a user's own network by level, in the user's own style."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import Float64Array, instance, integer
from splinekan.plots.style import SERIES, canvas, one_axes, untouched
from splinekan.spectra.density import Density
from splinekan.spectra.level_record import LevelSpectrum, SpectraByLevel

DASHES = {"spline": "-", "relu": "--", "scaled-relu": "-.", "mass": ":"}
PRECONDITIONED: Any = (0, (1, 1))
GRID = 400
"""Number of points of the band of a density."""


def level_spectra(ax: Any, spectra: SpectraByLevel, layer: int | None = None) -> Any:
    """Draw the figure of `SpectraByLevel.plot` on `ax` or on new axes, and return the axes.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or a layer that is not among the rows.
    """
    instance("spectra", spectra, SpectraByLevel)
    layer = None if layer is None else integer("layer", layer, low=0)
    if ax is not None:
        one_axes("ax", ax)
    rows = [row for row in spectra.rows if row.layer == layer]
    if not rows:
        known = sorted({row.layer for row in spectra.rows if row.layer is not None})
        raise ValueError(f"layer must be None or one of {known}, got {layer}")
    options: dict[str, Any] = {}
    if ax is None:
        options = {"loc": "upper left", "bbox_to_anchor": (1, 1)}  # lines fill the axes from corner to corner
        figure, axes = canvas(size=_size())
        ax = axes[0, 0]
        ax._repr_png_ = figure._repr_png_  # what a cell ends with is what Jupyter shows
    colours: dict[int, Any] = {}
    for row in rows:
        style = {"linestyle": PRECONDITIONED if row.matrix == "preconditioned" else DASHES[row.basis]}
        if row.level in colours:
            style["color"] = colours[row.level]
        elif untouched("axes.prop_cycle"):
            style["color"] = SERIES[len(colours) % len(SERIES)]["color"]
        if untouched("lines.linewidth"):
            style["linewidth"] = 1.2
        what = "preconditioned" if row.matrix == "preconditioned" else row.basis
        line = _draw(ax, row, f"G = {row.intervals}, {what}", style)
        colours[row.level] = line.get_color()
    ax.set_yscale("log")
    ax.set_xlim(0, 1)
    ax.set_xlabel("index of the eigenvalue, as a share of all")
    ax.set_ylabel("|eigenvalue|")
    if untouched("legend.frameon"):
        options["frameon"] = False
    if untouched("legend.fontsize"):
        options["fontsize"] = "small"
    ax.legend(**options)
    return ax


def _draw(ax: Any, row: LevelSpectrum, label: str, style: dict[str, Any]) -> Any:
    """The line of a spectrum, or of a density with the band of its bounds."""
    if row.density is not None:
        return _band(ax, row, row.density, label, style)
    spectrum = row.spectrum
    order = np.argsort(-np.abs(spectrum.values), kind="stable")
    values = np.where(spectrum.resolved, spectrum.values, np.nan)[order]
    place = (np.arange(len(values)) + 0.5) / len(values)
    (line,) = ax.plot(place, np.abs(values), label=label, marker="", **style)
    below = values < 0
    if below.any():
        ax.plot(place[below], -values[below], color=line.get_color(), marker="x", linestyle="none")
    return line


def _band(ax: Any, row: LevelSpectrum, density: Density, label: str, style: dict[str, Any]) -> Any:
    nodes = np.abs(density.nodes[density.weights > 0])
    largest = float(nodes.max()) or 1.0
    noise = density.size * float(np.finfo(np.float64).eps) * largest
    values = np.geomspace(noise, largest, GRID)
    low, high = _share_up_to(density, values, row.matrix == "hessian")
    share = min(density.size / row.parameters, 1.0)  # of a tangent kernel; the other eigenvalues are 0
    (line,) = ax.plot(share * (1 - (low + high) / 2), values, label=label, marker="", **style)
    sides = share * (1 - high), share * (1 - low)
    ax.fill_betweenx(values, *sides, color=line.get_color(), alpha=0.2, linewidth=0)
    return line


def _share_up_to(
    density: Density, values: Float64Array, indefinite: bool
) -> tuple[Float64Array, Float64Array]:
    """Bounds on the share of eigenvalues with moduli up to each of `values`."""
    low, high = density.cumulative(values)
    if indefinite:
        below, above = density.cumulative(-values)
        low, high = np.maximum(low - above, 0.0), np.minimum(high - below, 1.0)
    return low, high


def _size() -> tuple[float, float]:
    from matplotlib import rcParams

    if untouched("figure.figsize"):
        return 6.0, 4.0
    width, height = rcParams["figure.figsize"]
    return float(width), float(height)
