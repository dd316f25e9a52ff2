"""Figures of explanations: shares of variance, and the functions of edges with their bands."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import integer
from splinekan.plots.models import _cut
from splinekan.plots.style import SERIES, canvas, having

COLUMNS = 4
"""Number of panels side by side."""
BARS = 30
"""Most bars of an output; the largest are drawn."""


def attribution_figure(attribution: Any) -> Any:
    """A bar for every input and hidden node, its length the share of the variance; a panel for each output.

    Parameters
    ----------
    attribution
        The result of `splinekan.attribution`. Of more than 30 inputs and nodes those with the largest shares
        are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    TypeError, ValueError
        For other objects, and more than 100 outputs.
    """
    having("attribution", attribution, "an Attribution", "inputs", "nodes", "names")
    outputs = attribution.names[-1]
    parts = (attribution.inputs, *attribution.nodes)
    labels = [name for names in attribution.names[:-1] for name in names]
    depths = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    values = np.nan_to_num(np.concatenate(parts))
    kept = np.sort(np.argsort(-values.max(axis=1), kind="stable")[:BARS])
    size = (1.2 + 2.6 * len(outputs), 1.0 + 0.24 * len(kept))
    figure, axes = canvas(1, integer("the number of outputs", len(outputs), low=1, high=100), size)
    for o, ax in enumerate(axes[0]):
        at = np.arange(len(kept))
        colours = [SERIES[depths[i] % len(SERIES)]["color"] for i in kept]
        ax.barh(at, 100 * values[kept, o], height=0.7, color=colours)
        ax.set_yticks(at, [_cut(labels[i]) for i in kept] if o == 0 else [])
        ax.invert_yaxis()
        ax.set_xlim(0, None)
        ax.set_xlabel(f"% of the variance of {_cut(outputs[o])}")
        ax.grid(axis="x", linewidth=0.4, color="0.85")
        ax.set_axisbelow(True)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    return figure


def bands_figure(bands: Any, most: int = 24) -> Any:
    """A panel for each edge: its function less its mean, with its band.

    Panels of edges to the same node share the scale of their values.

    Parameters
    ----------
    bands
        The result of `splinekan.confidence_bands`.
    most
        The largest number of panels; the edges with the largest ranges are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    TypeError, ValueError
        For other objects, a number of panels below 1, and bands without edges.
    """
    having("bands", bands, "ConfidenceBands", "edges", "level")
    limit = integer("most", most, low=1, high=100)
    if not bands.edges:
        raise ValueError("bands must hold an edge, got none")
    ranges = _relative_ranges(bands.edges)
    kept = np.sort(np.argsort(-ranges, kind="stable")[:limit])
    edges = [bands.edges[i] for i in kept]
    columns = min(len(edges), COLUMNS)
    rows = -(-len(edges) // columns)
    figure, axes = canvas(rows, columns, (0.6 + 2.4 * columns, 0.3 + 2.0 * rows))
    limits: dict[tuple[int, int], tuple[float, float]] = {}
    for edge in edges:
        half = np.where(np.isfinite(edge.half_width), edge.half_width, 0.0)
        low, high = limits.get((edge.layer, edge.output), (0.0, 0.0))
        ends = min(low, float((edge.values - half).min())), max(high, float((edge.values + half).max()))
        limits[edge.layer, edge.output] = ends
    for ax, edge in zip(axes.flat, edges, strict=False):
        style, (low, high) = SERIES[0], limits[edge.layer, edge.output]
        margin = 0.05 * (high - low) if high > low else 1.0
        half = np.where(np.isfinite(edge.half_width), edge.half_width, 4 * (high - low) + 1)
        ax.fill_between(
            edge.grid, edge.values - half, edge.values + half, color=style["color"], alpha=0.25, linewidth=0
        )
        ax.plot(edge.grid, edge.values, color=style["color"], linewidth=1.4)
        ax.axhline(0.0, color="0.5", linewidth=0.5)
        ax.set_xlim(edge.grid[0], edge.grid[-1] if edge.grid[-1] > edge.grid[0] else edge.grid[0] + 1)
        ax.set_ylim(low - margin, high + margin)
        ax.set_xlabel(_cut(edge.names[0]))
        ax.set_ylabel(f"contribution to {_cut(edge.names[1])}")
    for ax in axes.flat[len(edges) :]:
        ax.set_axis_off()
    return figure


def _relative_ranges(edges: Any) -> Any:
    """Ranges of functions relative to the largest range of an edge to the same layer."""
    ranges = np.array([float(np.ptp(edge.values)) for edge in edges])
    layers = np.array([edge.layer for edge in edges])
    for layer in set(layers.tolist()):
        mine = layers == layer
        ranges[mine] /= max(ranges[mine].max(), np.finfo(np.float64).tiny)
    return ranges
