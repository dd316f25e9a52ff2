"""The functions on the edges of a network: splines, formulas, and sums of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import Array, instance, not_too_large, real_array
from splinekan.model.places import framed
from splinekan.network import Affine, FormulaLayer, SplineLayer, Sum
from splinekan.network.layer import Layer
from splinekan.network.sum import leaves, splines_of
from splinekan.splines.knot_vector import KnotVector


def strengths(layer: SplineLayer | FormulaLayer | Sum, params: ArrayLike, x: ArrayLike) -> Array:
    """Standard deviation of phi_qp(x_p) over the data, (n_in, n_out), in the units of the outputs.

    `params` are the layer's parameters, its piece of theta.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds or shapes, or no data.
    """
    instance("layer", layer, (SplineLayer, FormulaLayer, Sum))
    if not framed(layer):
        raise TypeError(f"layer must be a sum of splines, formulas and affine maps, got {layer}")
    own = real_array("params", params, shape=(layer.n_parameters,)).astype(np.float64)
    not_too_large("params", own, 1e150)
    points = not_too_large("x", real_array("x", x, shape=(None, layer.n_in), empty=False), 1e150)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array([edge_values(layer, own, p, points[:, p]).std(axis=0) for p in range(layer.n_in)])


def edge_values(layer: Layer, params: Array, p: int, x: Array) -> Array:
    """Values (n, n_out) of the functions that lead from input p to all outputs."""
    if isinstance(layer, Sum):
        pairs = zip(layer.layers, layer.slices, strict=True)
        return np.asarray(sum(edge_values(leaf, params[at], p, x) for leaf, at in pairs))
    views: Any = layer.unpack(params)
    if isinstance(layer, Affine):
        return np.asarray(x[:, None] * views["weight"][p])
    if isinstance(layer, FormulaLayer):
        chosen = [
            (term, view) for term, view in zip(layer.terms, views["terms"], strict=True) if term.input == p
        ]
        terms = tuple(term for term, _ in chosen)
        alone = FormulaLayer(layer.n_in, layer.n_out, terms, 0.0)
        inputs = np.zeros((len(x), layer.n_in))
        inputs[:, p] = x
        return alone.value(np.concatenate([np.zeros(0), *(view for _, view in chosen)]), inputs)
    splines: Any = layer
    own = [views["coefficients"][p].ravel(), *([views["base"][p]] if "base" in views else [])]
    single = SplineLayer(
        1, layer.n_out, splines.knots[p], None, splines.extrapolate, splines.basis, splines.base
    )
    return single.value(np.concatenate(own), x[:, None])


def by_formula(layer: Layer) -> NDArray[np.bool_]:
    """A mask of the edges that have a term of a formula, (n_in, n_out)."""
    found = np.zeros((layer.n_in, layer.n_out), bool)
    for leaf in leaves(layer):
        for term in leaf.terms if isinstance(leaf, FormulaLayer) else ():
            found[term.input, term.output] = True
    return found


def present(layer: Layer) -> NDArray[np.bool_]:
    """A mask of the edges present, (n_in, n_out): of formulas, those with a term."""
    return by_formula(layer) | any(not isinstance(leaf, FormulaLayer) for leaf in leaves(layer))


def knots_of(layer: Layer, p: int) -> list[KnotVector]:
    """The knots of input p, of every spline layer in a sum."""
    return [splines.knots[p] for splines in splines_of(layer)]


def shown_range(layer: Layer, p: int, x: Array) -> tuple[float, float]:
    """The range on which functions are drawn: that of the data, for periodic functions at most a period."""
    low, high = float(x.min()), float(x.max())
    if isinstance(layer, SplineLayer) and layer.knots[p].periodic:
        a, b = layer.knots[p].domain
        return (a, b) if high - low > b - a else (low, high)
    return low, high


def breakpoints(layer: Layer, p: int, low: float, high: float) -> Array:
    """The breakpoints from `low` to `high`; for periodic knots also those beyond the domain."""
    found = [np.zeros(0)]
    for knots in knots_of(layer, p):
        ends, (a, b) = knots.breakpoints, knots.domain
        if knots.periodic:
            periods = np.arange(np.floor((low - a) / (b - a)), np.floor((high - a) / (b - a)) + 1)
            ends = np.unique(ends + periods[:, None] * (b - a))
        found.append(ends[(ends >= low) & (ends <= high)])
    return np.unique(np.concatenate(found))
