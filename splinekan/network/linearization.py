"""A network linearised at a given theta: output at samples, and products with its derivatives in theta."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from splinekan._arrays import F8, floats, points, quiet, trusted
from splinekan._checks import Array, Float64Array, affordable, real_array
from splinekan.network.layer import Layer
from splinekan.network.slot import Slot
from splinekan.operators.segments import SparseRows

if TYPE_CHECKING:
    from splinekan.network.kan import KAN


@dataclass(frozen=True, eq=False)
class Linearization:
    """A network linearised at (theta, x): its output and the products with its derivatives.

    Attributes
    ----------
    network
        The network.
    theta
        Its parameters, in the floating-point type of x.
    inputs
        The input of each layer, (n, n_in of the layer).
    output
        The output of the network, (n, n_out).

    Raises
    ------
    TypeError, ValueError
        By the products, for arguments of shapes other than those documented.
    """

    network: KAN
    theta: Array
    inputs: tuple[Array, ...]
    output: Array
    splines: tuple[KAN, Array] = field(init=False, repr=False)
    """The network in the spline basis and its parameters, used for everything except the rows."""

    def __post_init__(self) -> None:
        layers = self.network.layers
        if not isinstance(self.inputs, tuple) or len(self.inputs) != len(layers):
            raise ValueError(f"inputs must be a tuple of {len(layers)} arrays, one per layer")
        x = points("inputs[0]", self.inputs[0], self.network.n_in)
        output = floats("output", self.output, (len(x), self.network.n_out), x.dtype)
        theta = floats("theta", self.theta, (self.network.n_parameters,), x.dtype)
        splines = self.network._in_splines(theta.astype(np.float64, copy=False), x)
        for name, value in (("theta", theta), ("output", output), ("splines", splines)):
            object.__setattr__(self, name, value)

    def _backwards(self, network: KAN, theta: Array) -> list[tuple[int, Layer, slice, Array, Array]]:
        """Number, layer, place in theta, parameters and input of every layer, last to first."""
        slices = reversed(list(enumerate(network._slices)))
        return [(number, layer, at, theta[at], self.inputs[number]) for number, (layer, at) in slices]

    def _pulled(self, gradient: Float64Array) -> Float64Array:
        """A gradient in the spline basis, in the network's own."""
        if self.splines[0] is self.network:
            return gradient
        return self.network.coordinates("spline").apply_transpose(gradient)

    @quiet
    def tangents(self, v: ArrayLike) -> list[Array]:
        """Changes along v (n_parameters,) of every layer's input and of the output, first to last."""
        changes, (network, theta), moves = [np.zeros_like(self.inputs[0])], self.splines, self._direction(v)
        for (layer, at), x in zip(network._slices, self.inputs, strict=True):
            changes.append(layer.jvp(theta[at], x, moves[at], changes[-1]))
        return changes

    def jvp(self, v: ArrayLike) -> Array:
        """J v, shape (n, n_out)."""
        return self.tangents(v)[-1]

    @quiet
    def vjp(self, gy: ArrayLike) -> Float64Array:
        """J^T gy, shape (n_parameters,), for gy of the output's shape."""
        gradient = np.empty(self.network.n_parameters)
        g = self._cotangent("gy", gy)
        for number, layer, at, piece, x in self._backwards(*self.splines):
            gradient[at], g = layer.vjp(piece, x, g, number > 0)
        return self._pulled(gradient)

    def vjp_tangent(self, gy: ArrayLike, v: ArrayLike, dgy: ArrayLike | None = None) -> Float64Array:
        """Derivative of J^T gy when theta moves along v and gy along dgy (0 if None).

        With gy = r and dgy = J v this is the exact Hessian of 1/2 r.r times v.
        """
        changes = self.tangents(v)
        dgy = np.zeros_like(self.output) if dgy is None else dgy
        return self.vjp_change(gy, v, dgy, changes)

    @quiet
    def vjp_change(
        self, gy: ArrayLike, v: ArrayLike, dgy: ArrayLike, changes: Sequence[Array]
    ) -> Float64Array:
        """`vjp_tangent` where `tangents(v)` has been computed already."""
        moves = self._direction(v)
        g, dg = self._cotangent("gy", gy), self._cotangent("dgy", dgy)
        product = np.empty(self.network.n_parameters)
        for number, layer, at, piece, x in self._backwards(*self.splines):
            product[at], dg, g = layer.vjp_tangent(piece, x, g, moves[at], changes[number], dg, number > 0)
        return self._pulled(product)

    def _direction(self, v: ArrayLike) -> Array:
        return self.network._in_splines(self.network._theta(v, "v"), self.output)[1]

    def _cotangent(self, name: str, gy: ArrayLike) -> Array:
        return floats(name, gy, self.output.shape, self.output.dtype)

    def jacobian(self) -> SparseRows:
        """J as sparse rows, row i n_out + o for output o of sample i."""
        return self.rows(np.eye(self.network.n_out)[None])

    @quiet
    def rows(self, S: Array) -> SparseRows:
        """The sparse rows of S J for S (n, n_out, n_out), or (1, n_out, n_out) for all samples alike.

        Row i n_out + o is sum_q S[i, o, q] J[i n_out + q].

        Raises
        ------
        TypeError, ValueError
            For S of another kind or shape.
        """
        outputs, n_rows = self.network.n_out, self.output.size
        S = real_array("S", S, ndim=3, finite=False)
        S = floats("S", S, (1 if len(S) == 1 else len(self.output), outputs, outputs), self.output.dtype)
        lengths = [n for layer in self.network.layers for n in layer.segment_lengths]
        affordable("the Jacobian", float(n_rows) * (self.theta.itemsize * sum(lengths) + 8 * len(lengths)))
        values = np.empty((n_rows, sum(lengths)), self.theta.dtype)
        starts = np.empty((n_rows, len(lengths)), np.int64)
        backwards = self._backwards(self.network, self.theta)
        places = list(places_of_layers(self.network))
        for output in range(outputs):
            v = np.empty_like(self.output)
            v[:] = S[:, output]
            for number, layer, _, piece, x in backwards:
                position, segment, column = places[number]
                slot = trusted(
                    Slot,
                    values=values,
                    starts=starts,
                    position=position,
                    segment=segment,
                    column=column,
                    stride=outputs,
                    shift=output,
                )
                v = layer.jacobian_rows(piece, x, v, slot, number > 0)
        return SparseRows.trusted(values, starts, np.array(lengths, np.int64), self.network.n_parameters)


def places_of_layers(network: KAN) -> Iterator[tuple[int, int, int]]:
    """Positions at which the values, segments and columns of every layer begin in a row of the Jacobian."""
    position, segment = 0, 0
    for layer, column in zip(network.layers, network.offsets, strict=False):
        yield position, segment, column
        position += sum(layer.segment_lengths)
        segment += len(layer.segment_lengths)


def cast(vector: Float64Array, like: Array) -> Array:
    """`vector` in the floating-point type of `like`: infinite where it is beyond float32."""
    if like.dtype == F8:
        return vector
    with np.errstate(over="ignore"):
        return vector.astype(like.dtype)
