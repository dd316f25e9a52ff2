"""A network without some of its edges: constants move to other edges, nodes without edges are removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array
from splinekan.explain.chain import Chain, Mask, edge_values
from splinekan.explain.posterior import modal
from splinekan.fitting.modes import ModalCoordinates
from splinekan.network import KAN, Activation, Affine, Normalizer, SplineLayer
from splinekan.network.domains import one_each
from splinekan.network.layer import Layer

Kept = NDArray[Any]
"""Numbers of nodes that are kept."""


@dataclass(frozen=True, eq=False)
class Thinned:
    """A network in the spline basis without some of its edges, whose parameters are 0.

    Attributes
    ----------
    network, theta
        The network and its parameters.
    masks
        For every layer with parameters, by its number, a mask of its edges, (n_in, n_out).
    labels
        For every mixing layer the original numbers of its inputs.
    weights
        Weights of the penalties of the groups of `ModalCoordinates`; None without penalties.
    """

    network: KAN
    theta: Float64Array = field(repr=False)
    masks: dict[int, Mask]
    labels: dict[int, Kept]
    weights: Float64Array | None = field(repr=False)

    @classmethod
    def whole(cls, network: KAN, theta: Float64Array, weights: Float64Array | None) -> Thinned:
        """The network with all edges but those with zero parameters; affine maps get a bias for constants."""
        layers, pieces = [], []
        for layer, start, stop in zip(network.layers, network.offsets, network.offsets[1:], strict=False):
            piece = theta[start:stop]
            if isinstance(layer, Affine) and not layer.bias:
                layer, piece = Affine(layer.n_in, layer.n_out), np.append(piece, np.zeros(layer.n_out))
            layers.append(layer)
            pieces.append(piece)
        network, theta = KAN(tuple(layers)), np.concatenate(pieces)
        masks = {
            number: np.array(
                [
                    [bool(theta[of_edge(network, number, p, q)].any()) for q in range(layer.n_out)]
                    for p in range(layer.n_in)
                ]
            )
            for number, layer in enumerate(network.layers)
            if layer.n_parameters
        }
        labels = {number: np.arange(network.layers[number].n_in) for number in masks}
        return cls(network, theta, masks, labels, weights)

    @property
    def mixing(self) -> tuple[int, ...]:
        """The numbers of the layers with edges."""
        return tuple(self.masks)

    @property
    def n_edges(self) -> int:
        """The number of edges."""
        return int(sum(mask.sum() for mask in self.masks.values()))

    @property
    def n_nodes(self) -> int:
        """The number of hidden nodes."""
        return int(sum(self.network.layers[number].n_in for number in self.mixing[1:]))

    def refined(self) -> Thinned:
        """The same function on knots with every interval halved."""
        network = self.network.refined()
        theta = np.asarray(self.network.prolongation(network) @ self.theta)
        return replace(self, network=network, theta=theta)

    @property
    def fixed(self) -> Kept:
        """Indices of the parameters of removed edges."""
        found = [
            of_edge(self.network, number, int(p), int(q))
            for number, mask in self.masks.items()
            for p, q in np.argwhere(~mask)
        ]
        return np.concatenate([np.zeros(0, np.int64), *found])

    def carrier(self, number: int, q: int) -> int:
        """The input whose edge to node q takes constants: the first with an edge, or else the first."""
        return int(np.argmax(self.masks[number][:, q]))

    def chain(self, x: Float64Array, shares: Float64Array) -> Chain:
        """The network at samples."""
        return Chain.of(self.network, self.theta, x, shares)

    def without(self, edges: dict[int, Mask], chain: Chain) -> Thinned:
        """The network without these edges, given by masks, with their means moved to remaining edges.

        The node that an edge enters changes at the samples by the edge less its mean.
        """
        theta = self.theta.copy()
        masks = {number: mask.copy() for number, mask in self.masks.items()}
        for number, mask in edges.items():
            gone = mask & self.masks[number]
            masks[number] &= ~mask
            slim = replace(self, masks=masks)
            means = self._means(number, chain)
            for q in np.flatnonzero(gone.any(axis=0)):
                total = float(means[gone[:, q], q].sum())
                for p in np.flatnonzero(gone[:, q]):
                    theta[of_edge(self.network, number, int(p), int(q))] = 0.0
                theta[constants(self.network, number, slim.carrier(number, int(q)), int(q))] += total
        return replace(self, theta=theta, masks=masks)

    def _means(self, number: int, chain: Chain) -> Float64Array:
        """Mean values of the edges of a layer where its inputs are those of a chain, (n_in, n_out)."""
        start, stop = self.network.offsets[number : number + 2]
        layer, params, x = self.network.layers[number], self.theta[start:stop], chain.inputs[number]
        return np.array([chain.weights @ edge_values(layer, params, p, x) for p in range(layer.n_in)])

    def narrowed(self, chain: Chain) -> Thinned:
        """The network without hidden nodes that no edge enters or leaves; a layer keeps at least one node.

        A node that no edge enters is a constant; the values of its edges move on with their means.
        """
        state = self
        while True:
            edges: dict[int, Mask] = {}
            for before, after in pairwise(state.mixing):
                entered = np.asarray(state.masks[before].any(axis=0))
                left = np.asarray(state.masks[after].any(axis=1))
                edges[before] = np.broadcast_to(~left, state.masks[before].shape)
                edges[after] = edges.get(after, False) | ~entered[:, None] & state.masks[after]
            edges = {n: mask & state.masks[n] for n, mask in edges.items()}
            if not any(mask.any() for mask in edges.values()):
                break
            state = state.without(edges, chain)
        return state._selected()

    def _selected(self) -> Thinned:
        """The network without the nodes that have no edge left."""
        mixing = self.mixing
        keep: dict[int, Kept] = {}
        for before, after in pairwise(mixing):
            used = np.flatnonzero(self.masks[before].any(axis=0) & self.masks[after].any(axis=1))
            keep[after] = used if len(used) else np.zeros(1, np.int64)
        if all(len(kept) == self.network.layers[number].n_in for number, kept in keep.items()):
            return self
        layers: list[Layer] = []
        pieces, masks, labels = [], {}, {}
        kept: Kept = np.arange(self.network.n_in)
        for number, layer in enumerate(self.network.layers):
            following = next((n for n in mixing if n > number), None)
            wanted = np.arange(layer.n_out)
            if following is not None:
                wanted = keep.get(following, wanted)  # nothing is removed in front of the first edges
            start, stop = self.network.offsets[number : number + 2]
            if number in mixing:
                narrow, piece = selected(layer, self.theta[start:stop], kept, wanted)
                masks[number] = self.masks[number][np.ix_(kept, wanted)]
                labels[number] = self.labels[number][kept]
                pieces.append(piece)
                kept = wanted
            else:
                narrow = resized(layer, kept)
            layers.append(narrow)
        network = KAN(tuple(layers))
        found = replace(self, network=network, theta=np.concatenate(pieces), masks=masks, labels=labels)
        if self.weights is None:
            return found
        return replace(found, weights=self._weights_for(network, keep))

    def _weights_for(self, network: KAN, keep: dict[int, Kept]) -> Float64Array:
        """The weights of the groups of a narrower network."""
        old = ModalCoordinates(self.network).groups
        places = {(g.layer, g.input, g.output, g.kind): i for i, g in enumerate(old)}
        following = dict(pairwise(self.mixing))
        weights: Any = self.weights
        found = []
        for g in ModalCoordinates(network).groups:
            p = int(keep[g.layer][g.input]) if g.layer in keep else g.input
            q = g.output
            if q is not None and g.layer in following:
                q = int(keep[following[g.layer]][q])
            found.append(weights[places[g.layer, p, q, g.kind]])
        return np.array(found)

    def penalised(self) -> bool:
        """Whether the penalties are those of `fit`."""
        return self.weights is not None and modal(self.network)


def of_edge(network: KAN, number: int, p: int, q: int) -> Kept:
    """Indices of the parameters of an edge."""
    return network.indices(number, p, q)


def constants(network: KAN, number: int, p: int, q: int) -> Kept:
    """Indices of the parameters to which a constant is added: B-splines sum to 1."""
    if isinstance(network.layers[number], Affine):
        return network.indices(number, None, q, "bias")
    return network.indices(number, p, q, "coefficients")


def selected(layer: Layer, params: Float64Array, inputs: Kept, outputs: Kept) -> tuple[Layer, Float64Array]:
    """A layer with some of its inputs and outputs."""
    if isinstance(layer, Affine):
        views = layer.unpack(params)
        rows = [views["weight"][np.ix_(inputs, outputs)].ravel(), views["bias"][outputs]]
        return Affine(len(inputs), len(outputs)), np.concatenate(rows)
    assert isinstance(layer, SplineLayer)
    views = layer.unpack(params)
    knots = [layer.knots[p] for p in inputs]
    narrow = SplineLayer(
        len(inputs), len(outputs), knots, layer.degree, layer.extrapolate, layer.basis, layer.base
    )
    rows = [views["coefficients"][p][:, outputs].ravel() for p in inputs]
    if "base" in views:
        rows.append(views["base"][np.ix_(inputs, outputs)].ravel())
    return narrow, np.concatenate(rows)


def resized(layer: Layer, kept: Kept) -> Layer:
    """An elementwise layer for some of its components."""
    if len(kept) == layer.n_in:
        return layer
    if isinstance(layer, Activation):
        return Activation(len(kept), layer.kind, layer.degree)
    assert isinstance(layer, Normalizer)
    ends = [_ends(each, layer.width, kept) for each in (layer.domain, layer.source)]
    return Normalizer(len(kept), layer.kind, *ends)


def _ends(ends: Any, width: int, kept: Sequence[int] | Kept) -> Any:
    each = one_each(ends, width)
    return tuple(each[int(p)] for p in kept)
