"""The place of an edge: its layer among those of splines and formulas, its names, the units of its figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from splinekan._checks import Array, Float64Array, integer, shown
from splinekan._columns import numbered
from splinekan.network import KAN, Affine, FormulaLayer, Normalizer, SplineLayer, Sum, TensorSplineLayer
from splinekan.network.domains import one_each
from splinekan.network.layer import Layer

if TYPE_CHECKING:
    from splinekan.model.model import Model


class Units(NamedTuple):
    """The map x -> c + (x - a) (d - c)/(b - a) from the units of the knots, (a, b), to those of x, (c, d)."""

    knots: tuple[float, float]
    x: tuple[float, float]

    def to_x(self, points: Array) -> Array:
        """Points in the units of x."""
        return _mapped(points, self.knots, self.x)

    def to_knots(self, points: Array) -> Array:
        """Points in the units of the knots."""
        return _mapped(points, self.x, self.knots)


def _mapped(points: Array, source: tuple[float, float], target: tuple[float, float]) -> Array:
    if source == target:
        return points
    (a, b), (c, d) = source, target
    mapped: Array = c + (points - a) / (b - a) * (d - c)
    return mapped


class Place(NamedTuple):
    """The place of an edge.

    Attributes
    ----------
    number
        The number of its layer among all layers.
    input, output
        The numbers of its input and output.
    units
        The units of the input: those of x in the first layer, if at most an affine normaliser is in front.
    scale
        The factor from the layer's values to the units of the outputs; 1 in layers other than the last.
    """

    number: int
    input: int
    output: int
    units: Units
    scale: float


def framed(layer: Layer) -> bool:
    """Whether the edges of a layer are univariate functions: splines, formulas, and sums of them."""
    if isinstance(layer, Sum):
        return all(isinstance(leaf, (SplineLayer, FormulaLayer, Affine)) for leaf in layer.layers)
    return isinstance(layer, (SplineLayer, FormulaLayer))


def counted(network: KAN) -> list[int]:
    """The numbers of the layers that users count: splines, univariate or tensor-product, and formulas."""
    return [
        number
        for number, layer in enumerate(network.layers)
        if framed(layer) or isinstance(layer, TensorSplineLayer)
    ]


def first_counted(network: KAN) -> int | None:
    """The number of the counted layer that takes the inputs, possibly after a `Normalizer`."""
    first = network.layers[0]
    number = int(isinstance(first, Normalizer) and first.kind == "affine")
    return number if number in counted(network) else None


def first_framed(network: KAN) -> int | None:
    """`first_counted`, if its edges are univariate functions."""
    number = first_counted(network)
    return number if number is not None and framed(network.layers[number]) else None


def located(model: Model, layer: Any, input: Any, output: Any) -> Place:
    """The place of an edge: layers of such edges counted from 0, inputs and outputs by number or by name.

    Raises
    ------
    TypeError, ValueError
        For a layer, an input or an output that does not exist.
    """
    network = model.network
    numbers = counted(network)
    if not numbers:
        raise ValueError("model must have spline layers or formulas, got a network without any")
    number = numbers[integer("layer", layer, low=0, high=len(numbers) - 1)]
    found, scale = network.layers[number], linear_to_the_end(model, number)
    if isinstance(found, TensorSplineLayer):
        raise ValueError(
            f"layer must be that of functions of single inputs: layer {layer}, {shown(found)}, has no edges"
        )
    p = _index("input", input, found.n_in, names_of_inputs(model, number))
    q = _index("output", output, found.n_out, names_of_outputs(model, number))
    unit = 1.0 if scale is None else float(scale[q])
    return Place(number, p, q, units_of(model, number, p), unit)


def names_of_inputs(model: Model, number: int | None = None) -> tuple[str, ...] | None:
    """Names of the inputs of the network; None where layer `number` takes other inputs."""
    if number is not None and number != first_counted(model.network):
        return None
    if model.features is None:
        return model.names or numbered("x", model.n_in)
    features: Any = model.features
    bounds, extra = getattr(features, "bounds", None), getattr(features, "extra", ())
    names = model.names or [str(each) for each in features.variables]
    entering = [name for i, name in enumerate(names) if bounds is None or bounds[i] is not None]
    found = (*entering, *map(str, extra))
    return found if len(found) == model.network.n_in else numbered("x", model.network.n_in)


def names_of_outputs(model: Model, number: int | None = None) -> tuple[str, ...] | None:
    """Names of the outputs; None where those of layer `number` are others."""
    if number is not None and linear_to_the_end(model, number) is None:
        return None
    return model.output_names or numbered("y", model.n_out)


def linear_to_the_end(model: Model, number: int) -> Float64Array | None:
    """The factors from the values of layer `number` to the outputs, if only affine normalisers follow."""
    unit = np.ones(model.network.layers[number].n_out)
    for layer in model.network.layers[number + 1 :]:
        if not (isinstance(layer, Normalizer) and layer.kind == "affine"):
            return None
        domain, source = (np.array(one_each(ends, layer.width)) for ends in (layer.domain, layer.source))
        unit = unit * np.diff(domain)[:, 0] / np.diff(source)[:, 0]
    return unit


def units_of(model: Model, number: int, p: int) -> Units:
    """The units of input p of layer `number`: those of x in the first layer of splines or formulas."""
    first = model.network.layers[0]
    if number != first_framed(model.network) or not isinstance(first, Normalizer):
        return Units((0.0, 1.0), (0.0, 1.0))
    return Units(one_each(first.domain, first.width)[p], one_each(first.source, first.width)[p])


def drawn(model: Model, count: int) -> Float64Array:
    """Points drawn uniformly from the bounds of the training data, or from the domain of the network.

    The first two are the corners of the box.

    Raises
    ------
    ValueError
        If neither is known.
    """
    bounds: Any = model.record.bounds if model.record is not None else None
    if bounds is None:
        bounds = model.network.domain if model.features is None else getattr(model.features, "bounds", None)
    if bounds is None or any(ends is None for ends in bounds):
        raise ValueError("x must be given: neither a record nor the network gives the range of the inputs")
    low, high = np.array(bounds, dtype=np.float64).T
    points = np.random.default_rng(0).uniform(low, high, (count, len(low)))
    points[:2] = low, high
    return points


def _index(what: str, value: Any, count: int, names: tuple[str, ...] | None) -> int:
    if not isinstance(value, str):
        return integer(what, value, low=0, high=count - 1)
    if names is None:
        raise TypeError(f"{what} must be a number from 0 to {count - 1} in this layer, got {shown(value)}")
    if value not in names:
        raise ValueError(f"{what} must be one of {shown(list(names))}, got {shown(value)}")
    return names.index(value)
