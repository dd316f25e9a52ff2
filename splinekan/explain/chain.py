"""A model at samples: the inputs of its layers, the values of its edges, and the map after a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Array, Float64Array, instance, not_too_large, real_array
from splinekan._columns import numbered
from splinekan.fitting.arguments import inputs_of
from splinekan.model import Model
from splinekan.network import KAN, Affine, SplineLayer
from splinekan.network.elementwise import Elementwise
from splinekan.network.layer import Layer

LARGEST = 1e150
"""Largest modulus of samples; the squares of larger numbers leave float64."""


@dataclass(frozen=True, eq=False)
class Chain:
    """A network in the spline basis at n samples.

    Attributes
    ----------
    network, theta
        The network and its parameters.
    inputs
        The inputs of each layer, (n, n_in of the layer).
    output
        The outputs, (n, n_out).
    weights
        Shares of the samples, (n,), with sum 1.
    mixing
        Numbers of the layers that are not elementwise.
    """

    network: KAN
    theta: Float64Array
    inputs: tuple[Float64Array, ...]
    output: Float64Array
    weights: Float64Array
    mixing: tuple[int, ...]

    @classmethod
    def of(cls, network: KAN, theta: Float64Array, x: Float64Array, weights: Float64Array) -> Chain:
        """The network, in any basis, at x (n, n_in).

        Raises
        ------
        ValueError
            Where an output is not finite.
        """
        parameters = network.to_basis(theta, "spline")
        splines = network.with_basis("spline")
        at = splines.linearize(parameters, x)
        if not np.isfinite(at.output).all():
            bad = int(np.argmax(~np.isfinite(at.output).all(axis=1)))
            raise ValueError(
                f"X must have finite outputs, got {at.output[bad]} for the sample at index {bad}"
            )
        mixing = tuple(i for i, each in enumerate(splines.layers) if not isinstance(each, Elementwise))
        inputs: Any = at.inputs
        return cls(splines, parameters, inputs, np.asarray(at.output), weights, mixing)

    def params(self, number: int) -> Float64Array:
        """The parameters of a layer."""
        start, stop = self.network.offsets[number : number + 2]
        return self.theta[start:stop]

    def values(self, number: int) -> Float64Array:
        """The outputs of a layer, (n, n_out of the layer)."""
        last = number + 1 == len(self.inputs)
        return self.output if last else self.inputs[number + 1]

    def after(self, number: int, values: Array) -> Array:
        """The outputs of the network for these outputs of layer `number`, (any, n_out)."""
        for later in range(number + 1, len(self.network.layers)):
            values = self.network.layers[later].value(self.params(later), values)
        return values

    def edges(self, number: int) -> Iterator[Float64Array]:
        """For every input of a mixing layer the values of its edges, (n, n_out), less their means."""
        layer, params, x = self.network.layers[number], self.params(number), self.inputs[number]
        for p in range(layer.n_in):
            values = edge_values(layer, params, p, x, self.weights)
            yield values - self.weights @ values

    def slopes(self, output: int) -> dict[int, Float64Array]:
        """Derivatives of an output with respect to those of every mixing layer l, (n, n_out of l)."""
        found: dict[int, Float64Array] = {}
        g: Any = np.zeros_like(self.output)
        g[:, output] = 1.0
        for number in reversed(range(len(self.network.layers))):
            if number in self.mixing:
                found[number] = g
            if number > self.mixing[0]:
                layer = self.network.layers[number]
                _, g = layer.vjp(self.params(number), self.inputs[number], g, True)
        return found


def edge_values(
    layer: Layer, params: Float64Array, p: int, x: Float64Array, weights: Float64Array | None = None
) -> Float64Array:
    """Values (n, n_out) of the functions that lead from input p to all outputs, at x (n, n_in).

    For layers other than splines and affine maps: the difference of the outputs from those with input p at
    its mean value, which differs from the function by a constant if the layer is a sum of functions of each
    input.
    """
    if isinstance(layer, SplineLayer):
        alone, own = alone_of(layer, params, p)
        return np.asarray(alone.value(own, x[:, p : p + 1]))
    if isinstance(layer, Affine):
        weight = params[: layer.n_in * layer.n_out].reshape(layer.n_in, layer.n_out)
        return np.asarray(x[:, p : p + 1] * weight[p])
    moved = x.copy()
    moved[:, p] = x[:, p].mean() if weights is None else weights @ x[:, p]
    return np.asarray(layer.value(params, x) - layer.value(params, moved))


def alone_of(layer: SplineLayer, params: Float64Array, p: int) -> tuple[SplineLayer, Float64Array]:
    """The layer of the edges from input p alone, and its parameters."""
    views = layer.unpack(params)
    own = [np.ravel(views["coefficients"][p]), *([views["base"][p]] if "base" in views else [])]
    alone = SplineLayer(1, layer.n_out, layer.knots[p], None, layer.extrapolate, layer.basis, layer.base)
    return alone, np.concatenate(own)


def explained(model: Any, needs: str = "") -> Model:
    """`model` if its network takes the columns of x themselves, and has a layer that mixes them.

    Raises
    ------
    TypeError, ValueError
        If it is not such a model.
    """
    instance("model", model, Model)
    if model.features is not None:
        raise ValueError("model must take x itself, got a model with features of a differential equation")
    if all(isinstance(layer, Elementwise) for layer in model.network.layers):
        raise ValueError("model must have a layer with parameters, got a network of elementwise layers")
    return model  # type: ignore[no-any-return]


def samples_of(model: Model, X: Any, least: int = 2, name: str = "X") -> Float64Array:
    """X as (n, n_in) in float64, n at least `least`."""
    x = not_too_large(name, inputs_of(name, X, model.names, model.n_in), LARGEST).astype(np.float64)
    if len(x) < least:
        raise ValueError(f"{name} must hold at least {least} samples, got {len(x)}")
    return x


def shares(sample_weight: Any, n: int) -> Float64Array:
    """Weights of n samples with sum 1; equal weights if None.

    Raises
    ------
    TypeError, ValueError
        For another length, and weights that are negative or all 0.
    """
    if sample_weight is None:
        return np.full(n, 1 / n)
    w = real_array("sample_weight", sample_weight, shape=(n,)).astype(np.float64)
    if (w < 0).any():
        bad = int(np.argmax(w < 0))
        raise ValueError(f"sample_weight must not be negative, got {w[bad]} at index {bad}")
    largest = w.max(initial=0.0)
    if not largest > 0:
        raise ValueError("sample_weight must not be 0 for all samples")
    w = w / largest  # so that the sum stays in float64
    return np.asarray(w / w.sum())


def input_names(model: Model) -> tuple[str, ...]:
    """Names of the columns of x."""
    return model.names or numbered("x", model.n_in)


def output_names(model: Model) -> tuple[str, ...]:
    """Names of the outputs."""
    return model.output_names or numbered("y", model.n_out)


def node_names(model: Model, mixing: tuple[int, ...]) -> tuple[tuple[str, ...], ...]:
    """Names of the inputs of every mixing layer, and of the outputs of the last.

    Hidden nodes are h1.1, h1.2, ...: layer and number, both from 1.
    """
    hidden = [
        tuple(f"h{depth}.{i}" for i in range(1, model.network.layers[number].n_in + 1))
        for depth, number in enumerate(mixing[1:], start=1)
    ]
    return (input_names(model), *hidden, output_names(model))


def without_record(model: Model) -> Model:
    """The model without its record; it does not warn of points outside the training data."""
    return replace(model, record=None)


Mask = NDArray[Any]
"""A mask of the edges present in a layer, (n_in, n_out)."""
