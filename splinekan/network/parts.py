"""The parts of a spline layer: maps of neighbouring inputs with neighbouring parameters, which are summed.

Parts have the methods of a layer that evaluate and differentiate. Their arguments have been checked by the
layer, or are checked by the layers of which parts are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from splinekan._arrays import quiet
from splinekan._checks import Array
from splinekan.network.activation import Activation
from splinekan.network.affine import Affine
from splinekan.network.layer import Directions
from splinekan.network.slot import Slot


class Part(Protocol):
    """The methods of `splinekan.network.layer.Layer` that evaluate and differentiate, and its sizes."""

    @property
    def n_in(self) -> int: ...

    @property
    def n_out(self) -> int: ...

    @property
    def n_parameters(self) -> int: ...

    @property
    def segment_lengths(self) -> tuple[int, ...]: ...

    def value(self, params: Array, x: Array) -> Array: ...

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array: ...

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]: ...

    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]: ...

    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array: ...

    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array: ...

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]: ...

    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array: ...


class _Placed(NamedTuple):
    """A part, its inputs and parameters, and the positions of its values and segments in the sum."""

    part: Part
    inputs: slice
    parameters: slice
    position: int
    segment: int

    def of(self, x: Array) -> Array:
        """The columns of x that are the inputs."""
        return np.ascontiguousarray(x[..., self.inputs])


class Sum:
    """y = sum over parts, each with parameters of its own and its range of the inputs.

    Parameters
    ----------
    n_in
        Number of inputs.
    parts
        The parts, in the order of their parameters, and the first input of each.
    """

    def __init__(self, n_in: int, parts: Sequence[tuple[Part, int]]) -> None:
        self.n_in, self.n_out = n_in, parts[0][0].n_out
        self.segment_lengths = tuple(n for part, _ in parts for n in part.segment_lengths)
        placed, start, position, segment = [], 0, 0, 0
        for part, first in parts:
            stop = start + part.n_parameters
            inputs = slice(first, first + part.n_in)
            placed.append(_Placed(part, inputs, slice(start, stop), position, segment))
            start, segment = stop, segment + len(part.segment_lengths)
            position += sum(part.segment_lengths)
        self.n_parameters = start
        self.placed = tuple(placed)

    @quiet
    def value(self, params: Array, x: Array) -> Array:
        """The values y, (n, n_out)."""
        y = np.zeros((len(x), self.n_out), x.dtype)
        for at in self.placed:
            y += at.part.value(params[at.parameters], at.of(x))
        return y

    @quiet
    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """The sum of the parts' changes."""
        dy = np.zeros((len(x), self.n_out), x.dtype)
        for at in self.placed:
            dy += at.part.jvp(params[at.parameters], at.of(x), dparams[at.parameters], at.of(dx))
        return dy

    @quiet
    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """Gradients in the parameters side by side; those in the inputs added."""
        gradient, gx = np.empty(self.n_parameters, x.dtype), self._zeros(x, want_x)
        for at in self.placed:
            gradient[at.parameters], g = at.part.vjp(params[at.parameters], at.of(x), gy, want_x)
            gx[..., at.inputs] += g
        return gradient, gx

    @quiet
    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """As `vjp`."""
        change, dgx, gx = np.empty(self.n_parameters, x.dtype), self._zeros(x, want_x), self._zeros(x, want_x)
        for at in self.placed:
            own, moved = params[at.parameters], dparams[at.parameters]
            change[at.parameters], dg, g = at.part.vjp_tangent(
                own, at.of(x), gy, moved, at.of(dx), dgy, want_x
            )
            dgx[:, at.inputs] += dg
            gx[:, at.inputs] += g
        return change, dgx, gx

    @quiet
    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """The parts' segments side by side."""
        gx = self._zeros(x, want_x)
        for at in self.placed:
            own = slot.moved(at.position, at.segment, at.parameters.start)
            gx[:, at.inputs] += at.part.jacobian_rows(params[at.parameters], at.of(x), v, own, want_x)
        return gx

    @quiet
    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """The values y, (n, n_out)."""
        y = np.zeros((*x.shape[:2], self.n_out), x.dtype)
        for at in self.placed:
            y += at.part.jet_value(params[at.parameters], at.of(x), directions)
        return y

    @quiet
    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """As `vjp`."""
        gradient, gx = np.empty(self.n_parameters, x.dtype), self._zeros(x, want_x)
        for at in self.placed:
            gradient[at.parameters], g = at.part.jet_vjp(
                params[at.parameters], at.of(x), gy, directions, want_x
            )
            gx[..., at.inputs] += g
        return gradient, gx

    @quiet
    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """As `jacobian_rows`."""
        gx = self._zeros(x, want_x)
        for at in self.placed:
            own = slot.moved(at.position, at.segment, at.parameters.start)
            gx[..., at.inputs] += at.part.jet_jacobian_rows(
                params[at.parameters], at.of(x), v, directions, own, want_x
            )
        return gx

    def _zeros(self, x: Array, wanted: bool) -> Array:
        return np.zeros(x.shape if wanted else (0, *x.shape[1:]), x.dtype)


class Activated:
    """y_q = sum_p V[p, q] phi(x_p): an activation, then a matrix."""

    def __init__(self, activation: Activation, n_out: int) -> None:
        self.activation, self.matrix = activation, Affine(activation.width, n_out, bias=False)
        self.n_in, self.n_out = self.matrix.n_in, n_out
        self.n_parameters, self.segment_lengths = self.matrix.n_parameters, self.matrix.segment_lengths

    def value(self, params: Array, x: Array) -> Array:
        """The values y, (n, n_out)."""
        return self.matrix.value(params, self._series(x, 0)[0])

    @quiet
    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """phi(x) dV + phi'(x) dx V."""
        s, slope = self._series(x, 1)
        return self.matrix.jvp(params, s, dparams, slope * dx)

    @quiet
    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """phi(x)^T gy, and phi'(x) gy V^T."""
        s, slope = self._series(x, 1)
        gradient, gs = self.matrix.vjp(params, s, gy, want_x)
        return gradient, slope * gs if want_x else gs

    @quiet
    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """The chain rule applied to `vjp`."""
        s, slope, bend = self._series(x, 2)
        change, dgs, gs = self.matrix.vjp_tangent(params, s, gy, dparams, slope * dx, dgy, want_x)
        return (change, bend * dx * gs + slope * dgs, slope * gs) if want_x else (change, dgs, gs)

    @quiet
    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """Rows phi(x_p) v_q."""
        s, slope = self._series(x, 1)
        gs = self.matrix.jacobian_rows(params, s, v, slot, want_x)
        return slope * gs if want_x else gs

    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Channels of y."""
        return self.matrix.jet_value(params, self._jets(x, directions), directions)

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """`vjp`, channel by channel."""
        gradient, gs = self.matrix.jet_vjp(params, self._jets(x, directions), gy, directions, want_x)
        return gradient, self._pulled(x, gs, directions) if want_x else gs

    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """As `jacobian_rows`."""
        s = self._jets(x, directions)
        gs = self.matrix.jet_jacobian_rows(params, s, v, directions, slot, want_x)
        return self._pulled(x, gs, directions) if want_x else gs

    def _series(self, x: Array, order: int) -> list[Array]:
        return self.activation._derivatives(x, order)

    def _jets(self, x: Array, directions: Directions) -> Array:
        return self.activation.jet_value(np.empty(0, x.dtype), x, directions)

    def _pulled(self, x: Array, gs: Array, directions: Directions) -> Array:
        return self.activation.jet_vjp(np.empty(0, x.dtype), x, gs, directions, True)[1]
