"""Networks on truncated Taylor series: derivatives in the inputs, and their derivatives in theta."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from splinekan._arrays import F8, floats, points, quiet
from splinekan._checks import Array, Float64Array, instance
from splinekan.network.kan import KAN
from splinekan.network.layer import Directions
from splinekan.network.linearization import places_of_layers
from splinekan.network.slot import Slot
from splinekan.operators.segments import SparseRows


@dataclass(frozen=True, eq=False)
class Jets:
    """A network's Taylor coefficients at one theta, and the products with their derivative in theta.

    Taylor mode: every layer maps the channels of its inputs to those of its outputs (see
    `splinekan.kernels.jets`); going back through the layers gives derivatives in theta.

    Attributes
    ----------
    network, theta, directions
        The network, its parameters, and the directions, which list the coefficients carried.
    inputs
        The input of each layer, (n, channels, n_in of the layer).
    output
        The output of the network, (n, channels, n_out).
    """

    network: KAN
    theta: Float64Array
    directions: Directions
    inputs: tuple[Float64Array, ...]
    output: Float64Array
    splines: tuple[KAN, Array] = field(repr=False)
    """The network in the spline basis and its parameters, used for everything except the rows."""

    @staticmethod
    @quiet
    def of(network: KAN, theta: ArrayLike, x: Array, directions: Directions) -> Jets:
        """Carry x, (n, channels, n_in), through the network.

        Raises
        ------
        TypeError, ValueError
            For arguments of other kinds or shapes.
        """
        instance("network", network, KAN)
        instance("directions", directions, Directions)
        parameters = network._theta(theta)
        channels = points("x", x, directions.channels, network.n_in)
        found = [np.ascontiguousarray(channels, dtype=np.float64)]
        splines = network._in_splines(parameters, found[0])
        for layer, piece in splines[0]._pieces(splines[1]):
            output = layer.jet_value(piece, found[-1], directions)
            found.append(np.ascontiguousarray(output, dtype=np.float64))
        return Jets(network, parameters, directions, tuple(found[:-1]), found[-1], splines)

    @quiet
    def vjp(self, v: Array) -> Float64Array:
        """The gradient in theta of sum(v * output), v (n, channels, n_out)."""
        network, theta = self.splines
        v = floats("v", v, self.output.shape, F8)
        gradient = np.empty(network.n_parameters)
        for number, (layer, at) in reversed(list(enumerate(network._slices))):
            gradient[at], v = layer.jet_vjp(theta[at], self.inputs[number], v, self.directions, number > 0)
        if network is self.network:
            return gradient
        return self.network.coordinates("spline").apply_transpose(gradient)

    @quiet
    def rows(self, v: Array) -> SparseRows:
        """The Jacobian in theta of r_i = sum(v_i * output_i), one row per sample, v (n, channels, n_out)."""
        network, n = self.network, len(self.output)
        v = floats("v", v, self.output.shape, F8)
        lengths = [length for layer in network.layers for length in layer.segment_lengths]
        values, starts = np.empty((n, sum(lengths))), np.empty((n, len(lengths)), np.int64)
        places = list(places_of_layers(network))
        for number, (layer, at) in reversed(list(enumerate(network._slices))):
            position, segment, column = places[number]
            slot = Slot(values, starts, position, segment, column, 1, 0)
            v = layer.jet_jacobian_rows(
                self.theta[at], self.inputs[number], v, self.directions, slot, number > 0
            )
        return SparseRows.trusted(values, starts, np.array(lengths, np.int64), network.n_parameters)
