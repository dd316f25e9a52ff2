"""A network drawn as a graph, with the function of every edge on the edge."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Array, boolean, instance, integer, not_too_large, real_array, sequence
from splinekan.model.places import first_framed, framed
from splinekan.network import KAN, Affine, Normalizer, Product
from splinekan.network.domains import one_each
from splinekan.network.layer import Layer
from splinekan.plots.edges import (
    breakpoints,
    by_formula,
    edge_values,
    knots_of,
    present,
    shown_range,
    strengths,
)
from splinekan.plots.style import STYLES, one_axes

NODE = {"color": "#000000", "marker": "o", "markersize": 7, "zorder": 3}
LINE = STYLES["coarse"]["color"]
CURVE = STYLES["multilevel"]["color"]
FORMULA = STYLES["gauss-newton"]["color"]


def network_diagram(
    ax: Any,
    network: KAN,
    theta: ArrayLike,
    x: ArrayLike,
    names: Any = None,
    most: int = 24,
    units: bool = False,
) -> Any:
    """Draw nodes, edges and the function of every edge of splines or formulas; inputs at the bottom.

    Such an edge carries a small frame: the function phi_qp on the range of the data that reach it, with
    ticks at the breakpoints in that range (a periodic function on at most a period); formulas are green.
    Frames of a layer share the scale of their values, each moved to its own middle, since constants of
    different edges are interchangeable. An edge of an affine map is a plain line, dashed for a negative
    weight. The width of a line grows with the strength of the edge: the standard deviation over the data of
    its contribution to its output, relative to the strongest edge of its layer. Activations and normalisers
    are named on the nodes on which they act, and the node of a product has a ×.

    With `units` the ends of the ranges of the inputs and the outputs are labelled in their units, whatever
    affine normalisers come first and last, and a bar beside the frames of a layer is a scale for their
    values: in the units of the output in the last layer of a network with a single output.

    Parameters
    ----------
    ax
        Matplotlib axes; their own frame is switched off.
    network, theta
        The network and its parameters; both bases look the same.
    x
        Data (n, n_in), n at least 2; ranges and strengths refer to points at which the network is finite.
    names
        Names of the inputs, then of the outputs; x_1, ..., y_1, ... if None.
    most
        The largest number of frames in a layer; weaker edges are lines.
    units
        Whether ranges and scales are labelled.

    Raises
    ------
    TypeError, ValueError
        For theta or x that do not fit the network, fewer than 2 samples at which it is finite, or the wrong
        number of names.

    Examples
    --------
    >>> from splinekan.plots import canvas
    >>> network = KAN.splines([2, 3, 1])
    >>> x = np.random.default_rng(0).uniform(size=(100, 2))
    >>> figure, axes = canvas()
    >>> ax = network_diagram(axes[0, 0], network, initialize(network, 0, "greville"), x)
    >>> len(ax.child_axes)
    9
    """
    one_axes("ax", ax)
    instance("network", network, KAN)
    data = real_array("x", x, shape=(None, network.n_in)).astype(np.float64)
    not_too_large("x", data, 1e150)
    if len(data) < 2:
        raise ValueError(f"x must hold at least 2 samples, got {len(data)}")
    limit, numbered = integer("most", most, low=0), boolean("units", units)
    real_array("theta", theta)
    parameters = np.array(network.to_basis(theta, "spline"))
    spline = network.with_basis("spline")
    labels = _labels(network, names)
    known = spline.linearize(parameters, data)
    defined = np.all([np.isfinite(values).all(axis=1) for values in (*known.inputs, known.output)], axis=0)
    if defined.sum() < 2:
        raise ValueError("x must hold at least 2 samples at which the network is finite, got fewer")
    data, inputs = data[defined], [values[defined] for values in known.inputs]
    views = spline.unpack(parameters)
    ax.set_axis_off()
    ax.set_xlim(0, 1.06 if numbered else 1)
    mixing = [layer for layer in spline.layers if not _elementwise(layer)]
    heights = np.cumsum([0.0, *(1.0 if framed(layer) else 0.6 for layer in mixing)])
    ax.set_ylim(-0.18, heights[-1] + 0.18)
    level = 0
    _nodes(ax, network.n_in, heights[0])
    pieces = zip(spline.layers, inputs, views, pairwise(spline.offsets), strict=True)
    for number, (layer, values, view, (start, stop)) in enumerate(pieces):
        low = heights[level]
        if framed(layer):
            scale = _Scale(*_units(spline, number, data)) if numbered else None
            place = (low, heights[level + 1])
            _framed_edges(ax, layer, values, parameters[start:stop], place, limit, scale)
        elif isinstance(layer, Affine):
            _affine_edges(ax, view["weight"], values, low, heights[level + 1])
        elif not _elementwise(layer):
            _plain_edges(ax, layer, low, heights[level + 1])
        else:
            if numbered and number in _numbered_normalizers(spline):
                continue
            for at in _places(layer.n_in):
                text = str(getattr(layer, "kind", type(layer).__name__.lower()))
                ax.annotate(text, (at, low), (6, -2), textcoords="offset points", fontsize=6)
            continue
        level += 1
        _nodes(ax, layer.n_out, heights[level])
    if numbered:
        outputs = network(theta, data)
        ends = [*data.T, *outputs.T]
        labels = [
            f"{label}\n{_number(v.min())} … {_number(v.max())}" for label, v in zip(labels, ends, strict=True)
        ]
    style = _name_style(network.n_in)
    for at, text in zip(_places(network.n_in), labels, strict=False):
        ax.annotate(text, (at, 0), (0, -9), textcoords="offset points", va="top", **style)
    style = _name_style(network.n_out)
    for at, text in zip(_places(network.n_out), labels[network.n_in :], strict=True):
        top = (at, heights[-1])
        ax.annotate(text, top, (0, 8), textcoords="offset points", va="bottom", **style)
    return ax


class _Scale(NamedTuple):
    """The labels on the frames of a layer: the ranges of its inputs, and the unit of its values."""

    ends: list[tuple[float, float]] | None
    unit: float


def _units(network: KAN, number: int, data: Array) -> tuple[list[tuple[float, float]] | None, float]:
    """The ranges of the data if this layer takes the inputs, and the unit of its values."""
    layer, last = network.layers[number], network.layers[-1]
    ends = None
    if number == first_framed(network):
        domains = network.domain or [(-np.inf, np.inf)] * layer.n_in
        ends = [
            domain
            if any(knots.periodic for knots in knots_of(layer, p)) and np.ptp(x) > domain[1] - domain[0]
            else (float(x.min()), float(x.max()))
            for p, (domain, x) in enumerate(zip(domains, data.T, strict=True))
        ]
    unit = 1.0
    if number == len(network.layers) - 2 and number + 1 in _numbered_normalizers(network) and last.n_out == 1:
        (low, high), (c, d) = one_each(last.domain, 1)[0], one_each(last.source, 1)[0]  # type: ignore[attr-defined]
        unit = (high - low) / (d - c)
    return ends, unit


def _numbered_normalizers(network: KAN) -> set[int]:
    """The affine normalisers before and after all other layers, whose units are labelled."""
    ends = {0: network.layers[0], len(network.layers) - 1: network.layers[-1]}
    return {i for i, layer in ends.items() if isinstance(layer, Normalizer) and layer.kind == "affine"}


def _number(value: float) -> str:
    """A number with three digits, thousands (years, say) with four, and short exponents."""
    text = f"{value:.4g}" if 999.5 <= abs(value) < 9999.5 else f"{value:.3g}"
    return re.sub(r"e([+-])0*", lambda found: "e" + found[1].strip("+"), text)


def _name_style(count: int) -> dict[str, Any]:
    """The style of names, which are small and rotated for many nodes."""
    if count <= 10:
        return {"ha": "center", "fontsize": 9 if count <= 6 else 7}
    return {"ha": "center", "rotation": 90, "fontsize": max(7.0 - 0.05 * count, 3.5)}


def _elementwise(layer: Layer) -> bool:
    """Whether a layer acts on every node alone."""
    return hasattr(layer, "width")


def _framed_edges(
    ax: Any,
    layer: Any,
    x: Array,
    params: Array,
    place: tuple[float, float],
    limit: int,
    scale: _Scale | None,
) -> None:
    low, high = place
    strength, there, formulas = np.nan_to_num(strengths(layer, params, x)), present(layer), by_formula(layer)
    relative = strength / max(strength.max(), np.finfo(float).tiny)
    order = np.argsort(np.where(there, -strength, 1.0), axis=None, kind="stable")
    order = order[: min(limit, there.sum())]
    framed = {(int(at) // layer.n_out, int(at) % layer.n_out) for at in order}
    # Frames are placed in the order of their edges' inputs, so that few lines cross.
    slots = dict(zip(sorted(framed), _places(len(framed)), strict=True))
    width = min(0.85 / max(len(framed), 1), 0.24 if scale is None else 0.20)
    bottom, top = low + 0.30 * (high - low), low + 0.62 * (high - low)
    spread = 0.0
    curves = {}
    for p, q in framed:
        at = np.linspace(*shown_range(layer, p, x[:, p]), 120)
        values = edge_values(layer, params, p, at)[:, q]
        finite = values[np.isfinite(values)]
        low_value, high_value = finite.min(initial=np.inf), finite.max(initial=-np.inf)
        middle = (high_value + low_value) / 2 if len(finite) else 0.0
        spread = max(spread, float(high_value - low_value))
        curves[p, q] = at, np.where(np.isfinite(values), values - middle, np.nan)
    inner, outer = _places(layer.n_in), _places(layer.n_out)
    if scale is not None and framed and spread > 0:
        _bar(ax, (bottom + top) / 2, top - bottom, 1.16 * spread, scale.unit)
    for p in range(layer.n_in):
        for q in range(layer.n_out):
            weight = 0.3 + 2.2 * float(relative[p, q])
            if not there[p, q]:
                continue
            if (p, q) not in slots:
                ax.plot(
                    [inner[p], outer[q]], [low, high], color="0.8", linewidth=0.5, linestyle="-", zorder=0
                )
                continue
            middle = slots[p, q]
            ax.plot([inner[p], middle], [low, bottom], color=LINE, linewidth=weight, linestyle="-", zorder=1)
            ax.plot([middle, outer[q]], [top, high], color=LINE, linewidth=weight, linestyle="-", zorder=1)
            frame = ax.inset_axes((middle - width / 2, bottom, width, top - bottom), transform=ax.transData)
            at, values = curves[p, q]
            color = FORMULA if formulas[p, q] else CURVE
            _frame(frame, breakpoints(layer, p, at[0], at[-1]), at, values, spread, color)
            if scale is not None and scale.ends is not None and len(framed) <= 12:
                for end, side, text in zip((0.0, 1.0), ("left", "right"), scale.ends[p], strict=True):
                    style: dict[str, Any] = {
                        "ha": side,
                        "va": "top",
                        "fontsize": 6 if len(framed) <= 6 else 4.5,
                    }
                    style["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
                    frame.text(end, -0.06, _number(text), transform=frame.transAxes, **style)


def _frame(ax: Any, ends: Array, x: Array, values: Array, spread: float, color: str) -> None:
    ax.plot(x, values, color=color, linewidth=1.2, linestyle="-")
    ax.grid(False)
    ax.set_xticks(ends)
    ax.set_yticks([])
    ax.tick_params(length=2.5, width=0.5, direction="in", labelbottom=False)
    half = 0.58 * spread if spread > 0 else 1.0
    ax.set_ylim(-half, half)
    if x[-1] > x[0]:
        ax.set_xlim(x[0], x[-1])
    for side in ax.spines.values():
        side.set_linewidth(0.5)


def _bar(ax: Any, middle: float, height: float, spread: float, unit: float) -> None:
    """A bar at the right, a round number long, for frames of this height that span `spread`."""
    whole = spread * unit
    power = 10.0 ** np.floor(np.log10(0.8 * whole))
    length = next(power * step for step in (5, 2, 1) if power * step <= 0.8 * whole)
    half = length / whole * height / 2
    ax.plot(
        [1.03, 1.03],
        [middle - half, middle + half],
        color="0.3",
        linewidth=2,
        linestyle="-",
        solid_capstyle="butt",
    )
    style = {"ha": "left", "va": "center", "rotation": 90, "fontsize": 8}
    ax.annotate(_number(length), (1.03, middle), (2, 0), textcoords="offset points", **style)


def _affine_edges(ax: Any, weight: Array, x: Array, low: float, high: float) -> None:
    strength = np.abs(weight) * x.std(axis=0)[:, None]
    relative = strength / max(strength.max(), np.finfo(float).tiny)
    for p, left in enumerate(_places(weight.shape[0])):
        for q, right in enumerate(_places(weight.shape[1])):
            dashes = "-" if weight[p, q] >= 0 else (0, (4, 2))
            width = 0.3 + 2.2 * float(relative[p, q])
            ax.plot([left, right], [low, high], color=LINE, linewidth=width, linestyle=dashes, zorder=1)


def _plain_edges(ax: Any, layer: Layer, low: float, high: float) -> None:
    """Lines from every input that an output depends on; products have a sign on their nodes."""
    inner, outer = _places(layer.n_in), _places(layer.n_out)
    groups = layer.groups if isinstance(layer, Product) else [range(layer.n_in)] * layer.n_out
    for right, group in zip(outer, groups, strict=True):
        for p in group:
            ax.plot([inner[p], right], [low, high], color=LINE, linewidth=1.0, linestyle="-", zorder=1)
        if len(group) > 1 and isinstance(layer, Product):
            ax.annotate("×", (right, high), (6, -3), textcoords="offset points", fontsize=9)


def _nodes(ax: Any, count: int, height: float) -> None:
    ax.plot(_places(count), np.full(count, height), linestyle="none", **NODE)


def _places(count: int) -> list[float]:
    """Centres of `count` equal parts of [0, 1]."""
    return [(at + 0.5) / count for at in range(count)]


def _labels(network: KAN, names: Any) -> list[str]:
    if names is None:
        ends = (("x", network.n_in), ("y", network.n_out))
        return [f"${letter}_{{{at + 1}}}$" for letter, count in ends for at in range(count)]
    labels = [str(name) for name in (names if isinstance(names, str) else sequence("names", names))]
    if len(labels) != network.n_in + network.n_out:
        raise ValueError(
            f"names must hold {network.n_in} inputs and {network.n_out} outputs, got {len(labels)} names"
        )
    return labels
