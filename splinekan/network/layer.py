"""What a layer of a network is: the protocol that affine maps, activations and splines fulfil."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Array
from splinekan.kernels.jets import MAX_ORDER


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


@dataclass(frozen=True)
class Directions:
    """Directions in the space of inputs, and how many Taylor coefficients are carried along each.

    Channel 0 holds the value; channels offsets[d] .. offsets[d] + orders[d] - 1 hold the coefficients of
    s, s^2, ... of u(x + s v_d), that is D_v^m u / m!.

    Raises
    ------
    ValueError
        For orders outside 1 to 4.
    """

    orders: tuple[int, ...]

    def __post_init__(self) -> None:
        for order in self.orders:
            if not 1 <= order <= MAX_ORDER:
                raise ValueError(f"derivatives of order 1 to {MAX_ORDER} are carried, got {order}")

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """The first channel of each direction."""
        return tuple(1 + sum(self.orders[:d]) for d in range(len(self.orders)))

    @property
    def channels(self) -> int:
        """1 + the sum of the orders."""
        return 1 + sum(self.orders)

    @property
    def order(self) -> int:
        """The largest order."""
        return max(self.orders, default=0)

    @cached_property
    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Orders and offsets as the kernels take them."""
        return np.array(self.orders, np.int64), np.array(self.offsets, np.int64)


def composed(f: Sequence[Array], x: Array, directions: Directions) -> Array:
    """Taylor coefficients of phi(x(s)), channel by channel (Faa di Bruno to order 4).

    f holds phi and its derivatives at the points x[:, 0], up to the largest order; x is (n, channels, m),
    f[d] (n, m) or, for several functions of the same points, (n, m') with m = 1.
    """
    y = np.empty((*x.shape[:2], f[0].shape[1]), x.dtype)
    y[:, 0] = f[0]
    for order, at in zip(directions.orders, directions.offsets, strict=True):
        t = [x[:, at + m] for m in range(order)]
        y[:, at] = f[1] * t[0]
        if order > 1:
            y[:, at + 1] = f[1] * t[1] + f[2] * (t[0] ** 2 / 2)
        if order > 2:
            y[:, at + 2] = f[1] * t[2] + f[2] * (t[0] * t[1]) + f[3] * (t[0] ** 3 / 6)
        if order > 3:
            y[:, at + 3] = (
                f[1] * t[3]
                + f[2] * (t[0] * t[2] + t[1] ** 2 / 2)
                + f[3] * (t[0] ** 2 * t[1] / 2)
                + f[4] * (t[0] ** 4 / 24)
            )
    return y


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

    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Taylor coefficients of y, (n, channels, n_out), from those of x, (n, channels, n_in)."""
        ...

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """`vjp` of `jet_value`."""
        ...

    def jet_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """`rows` of the sum over channels of v_m . y_m."""
        ...

    def refined(self) -> Layer:
        """The layer on knots with every interval halved (itself if it has none)."""
        ...

    def with_basis(self, basis: str) -> Layer:
        """The same space of functions, parametrised in the "spline" or the "relu" basis."""
        ...
