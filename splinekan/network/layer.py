"""What a layer of a network is: the protocol that affine maps, activations and splines fulfil."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Array


@dataclass(frozen=True)
class Slot:
    """Where a layer writes its part of a Jacobian kept as sparse rows.

    Sample i is row `i stride + shift`; the layer's values begin at `position` of that row, its runs
    at `run`, and its first parameter is column `column`.
    """

    values: Array
    starts: NDArray[np.int64]
    position: int
    run: int
    column: int
    stride: int
    shift: int


class Layer(Protocol):
    """A map y = layer(params, x) from (n, n_in) to (n, n_out), with exact derivatives.

    `params` is the layer's flat piece of theta. Every method is pure. Names: gy is the gradient of a
    scalar with respect to y, (dparams, dx) a tangent.
    """

    @property
    def n_in(self) -> int: ...

    @property
    def n_out(self) -> int: ...

    @property
    def n_parameters(self) -> int: ...

    @property
    def run_lengths(self) -> tuple[int, ...]:
        """Lengths of the runs of neighbouring parameters that one sample touches."""
        ...

    def blocks(self, params: Array) -> dict[str, Array]:
        """Named views of `params`."""
        ...

    def value(self, params: Array, x: Array) -> Array:
        """y, shape (n, n_out)."""
        ...

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """(dy/dparams) dparams + (dy/dx) dx, shape (n, n_out)."""
        ...

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """(dy/dparams)^T gy summed over samples, and (dy/dx)^T gy (empty unless wanted)."""
        ...

    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array
    ) -> tuple[Array, Array]:
        """Derivative of `vjp` along the tangent (dparams, dx, dgy)."""
        ...

    def rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """Write d(v . y)/dparams of every sample into `slot`; return (dy/dx)^T v."""
        ...

    def refined(self) -> Layer:
        """The layer on knots with every interval halved (itself if it has none)."""
        ...

    def with_basis(self, basis: str) -> Layer:
        """The same space of functions, parametrised in the "spline" or the "relu" basis."""
        ...
