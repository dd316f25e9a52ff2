"""The last layer of a network as linear parameters of a least-squares problem (for variable projection)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import shown
from splinekan.network import KAN, Affine, Normalizer, SplineLayer, TensorSplineLayer
from splinekan.network.sum import leaves


def linear_layer(network: KAN, squared: bool) -> int:
    """The index of the last layer with parameters, if the residual is affine in them.

    Affine maps with fixed coefficients may follow, such as the map from deviations to the units of y.

    Raises
    ------
    ValueError
        For losses other than squares; for a last layer that is not made of splines in the spline basis and
        affine maps, or is followed by nonlinear maps.
    """
    if not squared:
        raise ValueError("loss must be squared: minimisers of other losses are not linear in the last layer")
    trained = [number for number, layer in enumerate(network.layers) if layer.n_parameters]
    if not trained:
        raise ValueError("network must have parameters")
    last = trained[-1]
    for layer in network.layers[last + 1 :]:
        if not (isinstance(layer, Normalizer) and layer.kind == "affine"):
            raise ValueError(f"what follows the last layer with parameters must be affine, got {layer}")
    for leaf in leaves(network.layers[last]):
        if not isinstance(leaf, (SplineLayer, TensorSplineLayer, Affine)):
            raise ValueError(
                f"layer {last} must be linear in its parameters, splines or an affine map, got {shown(leaf)}"
            )
        if isinstance(leaf, SplineLayer) and leaf.basis != "spline":
            raise ValueError(
                f"layer {last} must be in the spline basis: the normal equations of power ReLUs are not "
                "resolved in float64. network.with_basis('spline') has the same minimum"
            )
    return last


def linear_parameters(network: KAN, squared: bool) -> NDArray[np.int64]:
    """Indices into theta of the parameters of `linear_layer`."""
    last = linear_layer(network, squared)
    return np.arange(network.offsets[last], network.offsets[last + 1])


def tail(network: KAN, squared: bool) -> tuple[int, KAN]:
    """The index of the last layer with parameters, and the network from that layer on."""
    last = linear_layer(network, squared)
    return last, KAN(network.layers[last:])
