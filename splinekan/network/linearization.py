"""A network at one theta and its samples: output, and products with its derivatives in theta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from splinekan._arrays import F8, floats, points, trusted
from splinekan._checks import Array, Float64Array, affordable
from splinekan.network.layer import Layer, Slot
from splinekan.operators.segments import SparseRows

if TYPE_CHECKING:
    from splinekan.network.kan import KAN


@dataclass(frozen=True, eq=False)
class Linearization:
    """A network at one (theta, x): its output and the products with its derivatives.

    Attributes
    ----------
    network
        The network.
    theta
        Its parameters, in the floating-point type of x.
    inputs
        What enters each layer, (n, n_in of the layer).
    output
        (n, n_out).

    Raises
    ------
    TypeError, ValueError
        The products for arguments of other shapes than they name.
    """

    network: KAN
    theta: Array
    inputs: tuple[Array, ...]
    output: Array

    def __post_init__(self) -> None:
        layers = self.network.layers
        if not isinstance(self.inputs, tuple) or len(self.inputs) != len(layers):
            raise ValueError(f"inputs must be a tuple of {len(layers)} arrays, one per layer")
        x = points("inputs[0]", self.inputs[0], self.network.n_in)
        output = floats("output", self.output, (len(x), self.network.n_out), x.dtype)
        theta = floats("theta", self.theta, (self.network.n_parameters,), x.dtype)
        for name, value in (("theta", theta), ("output", output)):
            object.__setattr__(self, name, value)

    def _backwards(self) -> list[tuple[int, Layer, Array, Array]]:
        pieces = self.network._pieces(self.theta)
        return [
            (number, layer, piece, self.inputs[number])
            for number, (layer, piece) in reversed(list(enumerate(pieces)))
        ]

    def tangents(self, v: ArrayLike) -> list[Array]:
        """Changes along v (n_parameters,) of every layer's input and of the output, first to last."""
        changes = [np.zeros_like(self.inputs[0])]
        pieces, moves = self.network._pieces(self.theta), self.network._pieces(self._direction(v))
        with np.errstate(over="ignore", invalid="ignore"):
            for (layer, piece), (_, move), x in zip(pieces, moves, self.inputs, strict=True):
                changes.append(layer.jvp(piece, x, move, changes[-1]))
        return changes

    def jvp(self, v: ArrayLike) -> Array:
        """J v, shape (n, n_out)."""
        return self.tangents(v)[-1]

    def vjp(self, gy: ArrayLike) -> Float64Array:
        """J^T gy, shape (n_parameters,), for gy of the output's shape."""
        gradient = np.empty(self.network.n_parameters)
        g = self._cotangent("gy", gy)
        with np.errstate(over="ignore", invalid="ignore"):
            for number, layer, piece, x in self._backwards():
                start, stop = self.network.offsets[number : number + 2]
                gradient[start:stop], g = layer.vjp(piece, x, g, number > 0)
        return gradient

    def vjp_tangent(self, gy: ArrayLike, v: ArrayLike, dgy: ArrayLike | None = None) -> Float64Array:
        """Derivative of J^T gy when theta moves along v and gy along dgy (0 if None).

        With gy = r and dgy = J v this is the exact Hessian of 1/2 r.r times v.
        """
        changes = self.tangents(v)
        dgy = np.zeros_like(self.output) if dgy is None else dgy
        return self.vjp_change(gy, v, dgy, changes)

    def vjp_change(
        self, gy: ArrayLike, v: ArrayLike, dgy: ArrayLike, changes: Sequence[Array]
    ) -> Float64Array:
        """`vjp_tangent`, for those who have `tangents(v)` already."""
        direction = self._direction(v)
        g, dg = self._cotangent("gy", gy), self._cotangent("dgy", dgy)
        moves = self.network._pieces(direction)
        product = np.empty(self.network.n_parameters)
        with np.errstate(over="ignore", invalid="ignore"):
            for number, layer, piece, x in self._backwards():
                start, stop = self.network.offsets[number : number + 2]
                product[start:stop], dgx = layer.vjp_tangent(
                    piece, x, g, moves[number][1], changes[number], dg
                )
                g, dg = layer.vjp(piece, x, g, True)[1], dgx
        return product

    def _direction(self, v: ArrayLike) -> Array:
        return cast(self.network._theta(v, "v"), self.output)

    def _cotangent(self, name: str, gy: ArrayLike) -> Array:
        return floats(name, gy, self.output.shape, self.output.dtype)

    def jacobian(self) -> SparseRows:
        """J as sparse rows, row i n_out + o for output o of sample i."""
        network, outputs = self.network, self.network.n_out
        lengths = [n for layer in network.layers for n in layer.run_lengths]
        n_rows = self.output.shape[0] * outputs
        affordable("the Jacobian", float(n_rows) * (self.theta.itemsize * sum(lengths) + 8 * len(lengths)))
        values = np.empty((n_rows, sum(lengths)), self.theta.dtype)
        starts = np.empty((n_rows, len(lengths)), np.int64)
        positions = np.cumsum([0] + [sum(layer.run_lengths) for layer in network.layers])
        runs = np.cumsum([0] + [len(layer.run_lengths) for layer in network.layers])
        for output in range(outputs):
            v = np.zeros_like(self.output)
            v[:, output] = 1
            for number, layer, piece, x in self._backwards():
                slot = trusted(
                    Slot,
                    values=values,
                    starts=starts,
                    position=int(positions[number]),
                    run=int(runs[number]),
                    column=network.offsets[number],
                    stride=outputs,
                    shift=output,
                )
                with np.errstate(over="ignore", invalid="ignore"):
                    v = layer.rows(piece, x, v, slot, number > 0)
        return SparseRows.trusted(values, starts, np.array(lengths, np.int64), network.n_parameters)


def cast(vector: Float64Array, like: Array) -> Array:
    """`vector` in the floating-point type of `like`: infinite where it is beyond float32."""
    if like.dtype == F8:
        return vector
    with np.errstate(over="ignore"):
        return vector.astype(like.dtype)
