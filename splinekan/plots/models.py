"""Figures of a model: its network with every edge, and a single edge."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import Float64Array, instance, integer, not_too_large, shown
from splinekan._columns import numbered
from splinekan.model import Model
from splinekan.network import Normalizer
from splinekan.network.domains import one_each
from splinekan.network.sum import leaves
from splinekan.plots.edges import breakpoints, by_formula, edge_values, first_framed, framed, knots_of
from splinekan.plots.network import CURVE, FORMULA, network_diagram
from splinekan.plots.style import canvas

SAMPLES = 400
"""Points that are drawn where none are given."""
POINTS = 600
"""Of a curve."""
NAME = 24
"""Characters of a name; longer names are cut."""


def model_figure(model: Model, x: Any = None, most: int = 24) -> Any:
    """The network of a model with the functions on its edges; see `network_diagram`.

    Inputs and outputs have the names and the units of the model.

    Parameters
    ----------
    model
        The model.
    x
        Points, at least 2, to which ranges and strengths refer; if None, points drawn uniformly from the
        bounds of the training data, or without a record from the domain of the network.
    most
        The largest number of frames in a layer; weaker edges are lines.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError, ValueError
        For points that do not fit the model, and without points where no domain is known.
    """
    inputs = _inputs(model, x)
    limit = integer("most", most, low=0)
    layers = [layer for layer in model.network.layers if framed(layer)]
    frames = max((min(layer.n_in * layer.n_out, limit) for layer in layers), default=1)
    names = [_cut(name) for name in (*_input_names(model), *_output_names(model))]
    figure, axes = canvas(size=(float(np.clip(1.1 * frames, 5, 16)), 1.2 + 2.0 * max(len(layers), 1)))
    network_diagram(axes[0, 0], model.network, model.theta, inputs, names, limit, units=True)
    return figure


def edge_figure(model: Model, layer: int, input: int | str, output: int | str, x: Any = None) -> Any:
    """The function of an edge, with its breakpoints.

    What is beyond the domain of the splines is shaded. In the first layer of splines or formulas the input is
    in the units of x, and in the last the values are in those of the output: what the edge adds to it.

    Parameters
    ----------
    model
        The model.
    layer
        The number of the layer of splines or formulas, or of a sum of them, from 0; others do not count.
    input, output
        Numbers from 0; names of columns of x in the first such layer if no affine map is in front, names of
        outputs in the last.
    x
        Points; what enters the edge is marked on the axis. None for no marks. An edge without splines is
        drawn on the range of these points, or of those drawn from the bounds of the training data.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError, ValueError
        For a layer, an input or an output that is not there, and points that do not fit the model.
    """
    network = instance("model", model, Model).network
    numbers = [i for i, each in enumerate(network.layers) if framed(each)]
    if not numbers:
        raise ValueError("model must have spline layers or formulas, got a network without any")
    which = integer("layer", layer, low=0, high=len(numbers) - 1)
    number = numbers[which]
    edges: Any = network.layers[number]
    ins = _input_names(model) if number == first_framed(network) else None
    outs = _output_names(model) if _linear_to_the_end(model, number) is not None else None
    p, q = _index("input", input, edges.n_in, ins), _index("output", output, edges.n_out, outs)
    marks = None if x is None else network.linearize(model.theta, _inputs(model, x)).inputs[number][:, p]

    vectors = knots_of(edges, p)
    if vectors:
        a, b = min(knots.domain[0] for knots in vectors), max(knots.domain[1] for knots in vectors)
        strict = any(getattr(leaf, "extrapolate", "") == "error" for leaf in leaves(edges))
        margin = 0.0 if vectors[0].periodic or strict else 0.08 * (b - a)
    else:
        known = network.linearize(model.theta, _inputs(model, x)).inputs[number][:, p]
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
    unit = 1.0 if outs is None else float(_linear_to_the_end(model, number)[q])  # type: ignore[index]
    values, at_ends = (unit * edge_values(spline, own, p, points)[:, q] for points in (curve, ends))

    kind = "spline layer" if vectors else "layer"
    figure, axes = canvas(size=(5.0, 3.2))
    ax = axes[0, 0]
    to_user = _user_units(model, number, p)
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
    ax.set_xlabel(f"input {p} of {kind} {which}" if ins is None else _cut(ins[p]))
    ax.set_ylabel(f"part of output {q}" if outs is None else f"part of {_cut(outs[q])}")
    return figure


def _inputs(model: Model, x: Any) -> Float64Array:
    """The inputs of the network at points of the model."""
    instance("model", model, Model)
    points = _drawn(model) if x is None else x
    return not_too_large("x", model._inputs(points), 1e150).astype(np.float64)


def _drawn(model: Model) -> Float64Array:
    bounds: Any = model.record.bounds if model.record is not None else None
    if bounds is None:
        bounds = model.network.domain if model.features is None else getattr(model.features, "bounds", None)
    if bounds is None or any(ends is None for ends in bounds):
        raise ValueError("x must be given: neither a record nor the network tells where the inputs lie")
    low, high = np.array(bounds, dtype=np.float64).T
    points = np.random.default_rng(0).uniform(low, high, (SAMPLES, len(low)))
    points[:2] = low, high  # the ranges are those of the bounds
    return points


def _input_names(model: Model) -> tuple[str, ...]:
    """Names of the inputs of the network."""
    if model.features is None:
        return model.names or numbered("x", model.n_in)
    features: Any = model.features
    bounds, extra = getattr(features, "bounds", None), getattr(features, "extra", ())
    names = model.names or [str(each) for each in features.variables]
    entering = [name for i, name in enumerate(names) if bounds is None or bounds[i] is not None]
    found = (*entering, *map(str, extra))
    return found if len(found) == model.network.n_in else numbered("x", model.network.n_in)


def _output_names(model: Model) -> tuple[str, ...]:
    return model.output_names or numbered("y", model.n_out)


def _index(what: str, value: Any, count: int, names: tuple[str, ...] | None) -> int:
    if not isinstance(value, str):
        return integer(what, value, low=0, high=count - 1)
    if names is None:
        raise TypeError(f"{what} must be a number from 0 to {count - 1} in this layer, got {shown(value)}")
    if value not in names:
        raise ValueError(f"{what} must be one of {shown(list(names))}, got {shown(value)}")
    return names.index(value)


def _linear_to_the_end(model: Model, number: int) -> Float64Array | None:
    """What 1 of the values of layer `number` is in the outputs, if only affine normalisers follow."""
    unit = np.ones(model.network.layers[number].n_out)
    for layer in model.network.layers[number + 1 :]:
        if not (isinstance(layer, Normalizer) and layer.kind == "affine"):
            return None
        domain, source = (np.array(one_each(ends, layer.width)) for ends in (layer.domain, layer.source))
        unit = unit * np.diff(domain)[:, 0] / np.diff(source)[:, 0]
    return unit


def _user_units(model: Model, number: int, p: int) -> Any:
    """A function from the units of the knots of input p of layer `number` to those of x."""
    network = model.network
    first = network.layers[0]
    if number != first_framed(network) or not isinstance(first, Normalizer):
        return lambda points: points
    (a, b), (c, d) = one_each(first.domain, first.width)[p], one_each(first.source, first.width)[p]
    return lambda points: c + (points - a) / (b - a) * (d - c)


def _cut(name: str) -> str:
    """A short name that matplotlib takes as plain text."""
    plain = " ".join(name.split())
    plain = plain if len(plain) <= NAME else plain[: NAME - 3] + "..."
    return plain.replace("$", r"\$")
