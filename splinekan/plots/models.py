"""Figures of a model: its network with every edge, and a single edge."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import Float64Array, instance, integer, not_too_large
from splinekan.model import Model
from splinekan.model.places import drawn, framed, located, names_of_inputs, names_of_outputs
from splinekan.network.sum import leaves
from splinekan.plots.edges import breakpoints, by_formula, edge_values, knots_of
from splinekan.plots.mathematics import NAME, Caption, captioned, cut
from splinekan.plots.network import CURVE, FORMULA, LINE, network_diagram
from splinekan.plots.style import canvas

SAMPLES = 400
"""Number of points that are drawn at random if none are given."""
POINTS = 600
"""Number of points of a curve."""


def model_figure(model: Model, x: Any = None, most: int = 24, caption: Caption | None = None) -> Any:
    """The network of a model with the functions on its edges; see `network_diagram`.

    Inputs and outputs have the names and the units of the model. A key explains colours, widths and bars.

    Parameters
    ----------
    model
        The model.
    x
        Points, at least 2, to which ranges and strengths refer; if None, points drawn uniformly from the
        bounds of the training data, or without a record from the domain of the network.
    most
        The largest number of frames in a layer; weaker edges are lines.
    caption
        Formulas to print above the figure, made by `splinekan.formulas.reading.caption`. Sums are broken into
        lines, and long formulas cut; formulas that matplotlib cannot set as mathematics are plain text.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    TypeError, ValueError
        For points that do not fit the model, and without points where no domain is known.
    """
    inputs = _inputs(model, x)
    limit = integer("most", most, low=0)
    if caption is not None:
        instance("caption", caption, Caption)
    layers = [layer for layer in model.network.layers if framed(layer)]
    frames = max((min(layer.n_in * layer.n_out, limit) for layer in layers), default=1)
    names = [_cut(name) for name in (*(names_of_inputs(model) or ()), *(names_of_outputs(model) or ()))]
    figure, axes = canvas(size=(float(np.clip(1.1 * frames, 5, 16)), 1.2 + 2.0 * max(len(layers), 1)))
    network_diagram(axes[0, 0], model.network, model.theta, inputs, names, limit, units=True)
    _key(axes[0, 0])
    if caption is not None:
        captioned(figure, axes[0, 0], caption)
    return figure


def _key(ax: Any) -> None:
    """A key below a network's figure to its curves, ticks, widths of lines and bars."""
    from matplotlib.lines import Line2D

    curves = {frame.lines[0].get_color() for frame in ax.child_axes}
    if not curves:
        return
    entries = [
        (CURVE in curves, "spline, ticks at breakpoints", {"color": CURVE, "linewidth": 1.2}),
        (FORMULA in curves, "formula", {"color": FORMULA, "linewidth": 1.2}),
        (True, "width: contribution to the output", {"color": LINE, "linewidth": 2.2}),
        (
            True,
            "bar: scale of the functions in its layer",
            {"color": "0.3", "linestyle": "none", "marker": "|", "markersize": 7, "markeredgewidth": 2},
        ),
    ]
    handles = [
        Line2D([], [], label=text, **({"linestyle": "-"} | look)) for there, text, look in entries if there
    ]
    ax.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.04), ncols=2, fontsize=7, frameon=False
    )


def edge_figure(model: Model, layer: int, input: int | str, output: int | str, x: Any = None) -> Any:
    """The function of an edge, with its breakpoints.

    The outside of the domain of the splines is shaded. In the first layer of splines or formulas the input is
    in the units of x; in the last the values are the contribution to the output, in its units.

    Parameters
    ----------
    model
        The model.
    layer
        The number of the layer, counted from 0 among layers of splines or formulas and sums of them.
    input, output
        Numbers from 0; names of columns of x in the first such layer if no affine map is in front, names of
        outputs in the last.
    x
        Points whose images at the edge are marked on the axis; None for no marks. An edge without splines is
        drawn on the range of these points, or of points drawn from the bounds of the training data.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    TypeError, ValueError
        For a layer, an input or an output that does not exist, and points that do not fit the model.
    """
    network = instance("model", model, Model).network
    place = located(model, layer, input, output)
    number, p, q, edges = place.number, place.input, place.output, network.layers[place.number]
    ins, outs = names_of_inputs(model, number), names_of_outputs(model, number)
    marks = None if x is None else _entering(model, x, number, p)

    vectors = knots_of(edges, p)
    if vectors:
        a, b = min(knots.domain[0] for knots in vectors), max(knots.domain[1] for knots in vectors)
        strict = any(getattr(leaf, "extrapolate", "") == "error" for leaf in leaves(edges))
        margin = 0.0 if vectors[0].periodic or strict else 0.08 * (b - a)
    else:
        known = _entering(model, x, number, p)
        if not len(known):
            raise ValueError("x must hold samples at which the input of the edge is finite")
        a, b = float(known.min()), float(known.max())
        margin = 0.5 if a == b else 0.0
    periodic = bool(vectors) and vectors[0].periodic
    low, high = a - margin, b + margin
    if marks is not None and not periodic:
        low, high = min(low, float(marks.min(initial=low))), max(high, float(marks.max(initial=high)))
    piece = slice(network.offsets[number], network.offsets[number + 1])
    own, spline = network.to_basis(model.theta, "spline")[piece], edges.with_basis("spline")
    ends = breakpoints(edges, p, low, high)
    curve = np.unique(np.concatenate([np.linspace(low, high, POINTS), ends]))
    values, at_ends = (place.scale * edge_values(spline, own, p, points)[:, q] for points in (curve, ends))

    kind = "spline layer" if vectors else "layer"
    figure, axes = canvas(size=(5.0, 3.2))
    ax = axes[0, 0]
    to_user = place.units.to_x
    color = FORMULA if by_formula(edges)[p, q] else CURVE
    ax.plot(to_user(curve), values, color=color, linewidth=1.5)
    ax.plot(
        to_user(ends), at_ends, linestyle="none", marker="o", markersize=3, color="0.2", label="breakpoints"
    )
    for start, stop in ((low, a), (b, high)):
        if stop > start and vectors:
            ax.axvspan(*to_user(np.array([start, stop])), color="0.92", zorder=0, linewidth=0)
    if marks is not None:
        where = vectors[0].wrap(marks) if periodic else marks
        transform = ax.get_xaxis_transform()
        style = {"marker": "|", "markersize": 6, "alpha": 0.4, "clip_on": False}
        ax.plot(
            to_user(where), np.zeros(len(where)), linestyle="none", color="0.3", transform=transform, **style
        )
    ax.set_xlim(*to_user(np.array([low, high])))
    ax.set_xlabel(f"input {p} of {kind} {layer}" if ins is None else _cut(ins[p]))
    ax.set_ylabel(f"contribution to output {q}" if outs is None else f"contribution to {_cut(outs[q])}")
    return figure


def _entering(model: Model, x: Any, number: int, p: int) -> Float64Array:
    """The finite values of input p of layer `number`."""
    values = model.network.linearize(model.theta, _inputs(model, x)).inputs[number][:, p]
    return np.asarray(values[np.isfinite(values)], dtype=np.float64)


def _inputs(model: Model, x: Any) -> Float64Array:
    """The inputs of the network at points of the model."""
    instance("model", model, Model)
    points = drawn(model, SAMPLES) if x is None else x
    return not_too_large("x", model._inputs(points), 1e150).astype(np.float64)


def _cut(name: str) -> str:
    """A short name that matplotlib takes as plain text."""
    return cut(name, NAME).replace("$", r"\$")
