"""Bands of single edges: the functionals of theta that are values of their functions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy

from splinekan._checks import Float64Array
from splinekan.explain.chain import Chain, node_names
from splinekan.explain.posterior import Posterior, last_unit
from splinekan.model import Model
from splinekan.network import KAN, Affine, Normalizer, SplineLayer


@dataclass(frozen=True, eq=False)
class EdgeBand:
    """The function of an edge with its band.

    Attributes
    ----------
    layer, input, output
        The number of the layer in `model.network.layers`, and those of input and output from 0.
    names
        Names of input and output.
    grid
        Points from the least to the largest value of the input at the samples, (points,): in the units of x
        for inputs of the model, otherwise of the node.
    values, half_width
        The function less its mean over the samples, and the half-width of the band, (points,); in the units
        of y for edges that lead to an output, otherwise of the node.
    """

    layer: int
    input: int
    output: int
    names: tuple[str, str]
    grid: Float64Array = field(repr=False)
    values: Float64Array = field(repr=False)
    half_width: Float64Array = field(repr=False)


class Edges:
    """The functionals of theta that are the values of centred edges on grids."""

    def __init__(self, model: Model, chain: Chain, found: Posterior, count: int, with_mean: bool) -> None:
        self.model, self.chain, self.found, self.count, self.with_mean = model, chain, found, count, with_mean
        self.names = node_names(model, chain.mixing)

    def all(self, level: float) -> tuple[EdgeBand, ...]:
        """The bands, each with its probability."""
        edges = []
        for depth, number in enumerate(self.chain.mixing):
            layer = self.chain.network.layers[number]
            if not isinstance(layer, (SplineLayer, Affine)):
                continue
            for p in range(layer.n_in):
                for q in range(layer.n_out):
                    edges.append(self._band(depth, number, p, q, level))
        return tuple(edges)

    def _band(self, depth: int, number: int, p: int, q: int, level: float) -> EdgeBand:
        grid, values, rows = self.functional(number, p, q)
        names = (self.names[depth][p], self.names[depth + 1][q])
        half = self.found.half_widths(rows, level)
        return EdgeBand(number, p, q, names, grid, values, half)

    def functional(self, number: int, p: int, q: int) -> tuple[Float64Array, Float64Array, Float64Array]:
        """The grid of an edge, its values there, and the rows of their derivatives with respect to theta.

        The values depend on theta through the coefficients of the edge, its mean over the samples, and the
        mean and the deviation of the nodes at its ends, if these are hidden.
        """
        chain, w = self.chain, self.chain.weights
        grid, u = self._grid(number, p)
        at = chain.inputs[number][:, p]
        rows = self._rows(number, p, q, u, 0).toarray()
        average = scipy.sparse.csr_array(w[None]) @ self._rows(number, p, q, at, 0)
        values = rows @ chain.theta - average @ chain.theta
        rows -= average.toarray()
        if chain.network.offsets[number]:  # the input is a hidden node: its unit is the deviation
            size, middle, mean, spread = self._moments(number, at, p)
            if size > 0:
                slope = self._rows(number, p, q, u, 1) @ chain.theta
                rows += slope[:, None] * (mean + ((u - middle) / size)[:, None] * spread)
            slopes = self._rows(number, p, q, at, 1) @ chain.theta
            rows -= self._pulled(number, p, w * slopes)
        if number != chain.mixing[-1]:  # so is the output
            size, _, _, spread = self._moments(number + 1, chain.values(number)[:, q], q)
            if size > 0:
                rows -= (values / size)[:, None] * spread
        elif self._linear_end(number):
            unit = float(last_unit(self.model)[q])
            values, rows = unit * values, unit * rows
            if self.with_mean:
                rows += self._pulled(len(chain.network.layers), q, w)
        return grid, values, rows

    def _grid(self, number: int, p: int) -> tuple[Float64Array, Float64Array]:
        """Points in the units that are shown, and in those of the layer."""
        chain = self.chain
        source = 0 if chain.network.offsets[number] == 0 else number
        column = chain.inputs[source][:, p]
        grid = np.linspace(column.min(), column.max(), self.count)
        values = np.repeat(chain.inputs[source][:1], self.count, axis=0)
        values[:, p] = grid
        for later in range(source, number):
            values = np.asarray(chain.network.layers[later].value(np.zeros(0), values))
        return grid, np.ascontiguousarray(values[:, p])

    def _rows(self, number: int, p: int, q: int, u: Float64Array, derivative: int) -> scipy.sparse.csr_array:
        """Rows whose products with theta are values, or derivatives, of an edge."""
        network = self.chain.network
        layer = network.layers[number]
        if isinstance(layer, SplineLayer):
            return network.edge_rows(number, p, q, u, derivative)
        column = network.indices(number, p, q, "weight")
        values = u if derivative == 0 else np.ones_like(u)
        at = (np.arange(len(u)), np.repeat(column, len(u)))
        return scipy.sparse.csr_array((values, at), shape=(len(u), network.n_parameters))

    def _moments(
        self, number: int, u: Float64Array, p: int
    ) -> tuple[float, float, Float64Array, Float64Array]:
        """Deviation and mean of the values u of input p of a layer, and the rows of mean and deviation."""
        w = self.chain.weights
        middle = float(w @ u)
        size = float(np.sqrt(w @ (u - middle) ** 2))
        spread = w * (u - middle) / size if size > 0 else w
        return size, middle, self._pulled(number, p, w), self._pulled(number, p, spread)

    def _pulled(self, number: int, p: int, g: Float64Array) -> Float64Array:
        """The row of sum_i g_i (input p of layer `number`)_i as a functional of theta."""
        network = self.chain.network
        part = KAN(network.layers[:number])
        start = part.n_parameters
        gy = np.zeros((len(g), part.n_out))
        gy[:, p] = g
        row = np.zeros(network.n_parameters)
        row[:start] = part.vjp(self.chain.theta[:start], self.chain.inputs[0], gy)
        return row

    def _linear_end(self, number: int) -> bool:
        """Whether at most affine normalisers follow."""
        rest = self.chain.network.layers[number + 1 :]
        return not rest or (len(rest) == 1 and isinstance(rest[0], Normalizer) and rest[0].kind == "affine")
