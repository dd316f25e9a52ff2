"""Networks from trials, and trials from networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.formulas.trial import Edge, Part, Products, SplineEdge, Trial, built, placed
from splinekan.model import Model
from splinekan.network import KAN, Affine, FormulaLayer, Normalizer, Product, SplineLayer, Sum
from splinekan.network.domains import one_each
from splinekan.network.term import Term
from splinekan.splines.knot_vector import KnotVector

FEW = 1
"""Intervals of the knots of inputs without a spline in a layer that needs splines for other inputs."""


def network(
    trials: Sequence[Trial], n_in: int, domains: Sequence[tuple[float, float]]
) -> tuple[KAN, Float64Array]:
    """A network with an output for each trial, and its parameters.

    Each stage is a `FormulaLayer`, with `SplineLayer`s in a `Sum` for edges that are splines, a `Product` and
    a `FormulaLayer` that adds products.

    Parameters
    ----------
    trials
        The trials, in the order of the outputs.
    n_in
        The number of inputs.
    domains
        Intervals of the inputs, for knots.
    """
    layers: list[Any] = []
    theta: list[Float64Array] = [np.zeros(0)]
    width = n_in
    for parts in side_by_side([_lean(trial) for trial in trials]):
        edges, biases, products = parts
        n_nodes = len(biases)
        _add_stage(layers, theta, edges, biases, width, n_nodes, domains)
        groups = [group for each in products for group in each]
        if any(len(group) > 1 for group in groups) or groups != [(i,) for i in range(n_nodes)]:
            layers.append(Product(n_nodes, tuple(groups)))
        if any(len(each) > 1 for each in products):
            sums = [
                Term(i, j, (), (1.0,))
                for i, j in enumerate(j for j, each in enumerate(products) for _ in each)
            ]
            layers.append(FormulaLayer(len(groups), len(products), tuple(sums), 0.0))
        width = len(products)
        domains = [(-1.0, 1.0)] * width
    return KAN(tuple(layers)), np.concatenate(theta)


def side_by_side(trials: Sequence[Trial]) -> Iterator[Part]:
    """Trials of the same inputs combined, stage by stage; short trials are padded with identity stages."""
    each = [trial.parts() for trial in trials]
    idle = Part([(Term(0, 0, (), (1.0,)), np.zeros(0))], [(0.0, 0.0)], (((0,),),))
    before = [0] * len(each)
    for s in range(max(map(len, each))):
        edges: list[tuple[Edge, Float64Array]] = []
        biases: list[tuple[float | None, float]] = []
        products: list[Any] = []
        after = []
        for parts, first in zip(each, before, strict=True):
            part = parts[s] if s < len(parts) else idle
            shift = len(biases)
            for edge, values in part.edges:
                edges.append((placed(edge, edge.input + first, edge.output + shift), values))
            biases += part.biases
            after.append(len(products))
            products += [
                tuple(tuple(node + shift for node in group) for group in groups) for groups in part.products
            ]
        before = after
        yield Part(edges, biases, tuple(products))


def _lean(trial: Trial) -> Trial:
    """The trial without unused nodes, and without a last stage that is the identity."""
    parts = trial.parts()
    last = parts[-1]
    if len(parts) > 1 and len(last.edges) == 1 and last.biases == [(0.0, 0.0)]:
        edge = last.edges[0][0]
        if isinstance(edge, Term) and not edge.functions and edge.fixed == (1.0,) and edge.input == 0:
            parts = parts[:-1]
    return built([_used(part) for part in parts])


def _used(part: Part) -> Part:
    used = sorted({node for groups in part.products for group in groups for node in group})
    at = {node: i for i, node in enumerate(used)}
    edges = [(placed(e, e.input, at[e.output]), values) for e, values in part.edges if e.output in at]
    products: Products = tuple(
        tuple(tuple(at[n] for n in group) for group in groups) for groups in part.products
    )
    return Part(edges, [part.biases[node] for node in used], products)


def _add_stage(
    layers: list[Any],
    theta: list[Float64Array],
    edges: Sequence[tuple[Edge, Float64Array]],
    biases: Sequence[tuple[float | None, float]],
    n_in: int,
    n_out: int,
    domains: Sequence[tuple[float, float]],
) -> None:
    terms = [(edge, values) for edge, values in edges if isinstance(edge, Term)]
    formulas = FormulaLayer(n_in, n_out, tuple(t for t, _ in terms), tuple(fixed for fixed, _ in biases))
    numbers = [values for _, values in terms] + [np.array([v for fixed, v in biases if fixed is None])]
    summands: list[Any] = []
    for splines in _on_equal_knots(edges):
        degree = splines[0][0].knots.degree
        knots = [KnotVector.uniform(*domains[p], FEW, degree) for p in range(n_in)]
        for edge, _ in splines:
            knots[edge.input] = edge.knots
        layer = SplineLayer(n_in, n_out, tuple(knots), degree, "linear")
        params = np.zeros(layer.n_parameters)
        views = layer.unpack(params)
        for edge, values in splines:
            views["coefficients"][edge.input][:, edge.output] += values
        summands.append(layer)
        theta.append(params)
    if not summands or terms or any(fixed != 0 for fixed, _ in biases):
        summands.append(formulas)
        theta += numbers
    layers.append(summands[0] if len(summands) == 1 else Sum(tuple(summands)))


def _on_equal_knots(
    edges: Sequence[tuple[Edge, Float64Array]],
) -> list[list[tuple[SplineEdge, Float64Array]]]:
    """The splines in groups, each with the same knots for all edges from an input, as layers require.

    Outputs whose formulas are not complete may end on different knots.
    """
    groups: list[list[tuple[SplineEdge, Float64Array]]] = []
    for edge, values in edges:
        if isinstance(edge, SplineEdge):
            for group in groups:
                if edge.knots.degree == group[0][0].knots.degree and all(
                    other.knots == edge.knots for other, _ in group if other.input == edge.input
                ):
                    group.append((edge, values))
                    break
            else:
                groups.append([(edge, values)])
    return groups


# From networks


def trials(model: Model) -> list[Trial] | str:
    """A trial for every output of a model, or the reason why there is none.

    Affine normalisers become part of the knots and of the coefficients: the edges are in the units of the
    data.
    """
    layers = list(model.network.layers)
    params = [
        model.theta[a:b] for a, b in zip(model.network.offsets[:-1], model.network.offsets[1:], strict=True)
    ]
    if model.features is not None:
        return "the model has features"
    inputs = outputs = None
    if isinstance(layers[0], Normalizer) and layers[0].kind == "affine":
        inputs, layers, params = layers[0], layers[1:], params[1:]
    if layers and isinstance(layers[-1], Normalizer) and layers[-1].kind == "affine":
        outputs, layers, params = layers[-1], layers[:-1], params[:-1]
    parts: list[Part] = []
    for number, (layer, values) in enumerate(zip(layers, params, strict=True)):
        part = _part(layer, values, inputs if number == 0 else None)
        if isinstance(part, str):
            return part
        parts.append(part)
    if not parts:
        return "the model has no edges"
    return [built(_towards(parts, o, outputs)) for o in range(model.n_out)]


def _part(layer: Any, params: Float64Array, inputs: Normalizer | None) -> Part | str:
    alone: Products = tuple(((q,),) for q in range(layer.n_out))
    if isinstance(layer, SplineLayer):
        if layer.base is not None:
            return "the model has base branches"
        if layer.degree == 0:
            return "the model has splines of degree 0"
        if layer.basis != "spline":
            return _part(layer.with_basis("spline"), _in_splines(layer, params), inputs)
        views = layer.unpack(params)
        edges: list[tuple[Edge, Float64Array]] = []
        for p in range(layer.n_in):
            knots = layer.knots[p]
            if knots.periodic or layer.extrapolate != "linear":
                return "the model has splines that are periodic or not continued by straight lines"
            knots = _in_units(knots, inputs, p)
            for q in range(layer.n_out):
                edges.append((SplineEdge(p, q, knots), np.array(views["coefficients"][p][:, q])))
        return Part(edges, [(0.0, 0.0)] * layer.n_out, alone)
    if isinstance(layer, Affine):
        views = layer.unpack(params)
        weight = np.array(views["weight"])
        bias = np.array(views["bias"]) if layer.bias else np.zeros(layer.n_out)
        if inputs is not None:
            slope, shift = _affine(inputs)
            bias, weight = bias + shift @ weight, weight * slope[:, None]
        lines: list[tuple[Edge, Float64Array]] = [
            (Term(p, q), np.array([weight[p, q]])) for p in range(layer.n_in) for q in range(layer.n_out)
        ]
        return Part(lines, [(None, float(b)) for b in bias], alone)
    return f"the model has a layer {type(layer).__name__}"


def _in_splines(layer: SplineLayer, params: Float64Array) -> Float64Array:
    return KAN((layer,)).to_basis(params, "spline")


def _affine(layer: Normalizer) -> tuple[Float64Array, Float64Array]:
    """The slope and the shift of y = slope x + shift."""
    domain, source = (np.array(one_each(ends, layer.width)) for ends in (layer.domain, layer.source))
    slope = (domain[:, 1] - domain[:, 0]) / (source[:, 1] - source[:, 0])
    return slope, domain[:, 0] - slope * source[:, 0]


def _in_units(knots: KnotVector, inputs: Normalizer | None, p: int) -> KnotVector:
    if inputs is None:
        return knots
    slope, shift = _affine(inputs)
    return KnotVector((knots.t - shift[p]) / slope[p], knots.degree)


def _towards(parts: Sequence[Part], output: int, outputs: Normalizer | None) -> list[Part]:
    """The part of a network that leads to an output, in its units."""
    found: list[Part] = []
    nodes = [output]
    for number, part in reversed(list(enumerate(parts))):
        at = {node: i for i, node in enumerate(nodes)}
        biases = [part.biases[node] for node in nodes]
        kept = [(edge, values) for edge, values in part.edges if edge.output in at]
        nodes = sorted({edge.input for edge, _ in kept})
        source = {node: (i if number else node) for i, node in enumerate(nodes)}
        edges = [(placed(e, source[e.input], at[e.output]), values) for e, values in kept]
        found.append(Part(edges, biases, tuple(((i,),) for i in range(len(biases)))))
    found.reverse()
    if outputs is not None:
        slope, shift = _affine(outputs)
        found[-1] = _in_units_of_outputs(found[-1], float(slope[output]), float(shift[output]))
    return found


def _in_units_of_outputs(last: Part, slope: float, shift: float) -> Part:
    edges = [(edge, values * slope) for edge, values in last.edges]
    biases = [(fixed, value * slope) for fixed, value in last.biases]
    for i, (edge, values) in enumerate(edges):
        if isinstance(edge, SplineEdge):  # B-splines sum to 1
            edges[i] = edge, values + shift
            return Part(edges, biases, last.products)
    return Part(edges, [(None, value + shift) for _, value in biases], last.products)
