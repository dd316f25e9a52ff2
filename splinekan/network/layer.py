"""The protocol of a layer, which affine maps, activations and splines implement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan._arrays import floats, points
from splinekan._checks import Array, instance, integer, one_of, sequence, shown
from splinekan._records import Uncached
from splinekan.kernels.jets import MAX_ORDER

if TYPE_CHECKING:
    from typing_extensions import Self

    from splinekan.network.slot import Slot
    from splinekan.operators.coordinates import Piece

BASES = ("spline", "relu")
"""The bases in which spline layers are parametrised."""


@dataclass(frozen=True)
class Directions(Uncached):
    """Directions in the space of inputs, and the number of Taylor coefficients carried along each.

    Channel 0 holds the value; channels offsets[d] .. offsets[d] + orders[d] - 1 hold the coefficients of
    s, s^2, ... of u(x + s v_d), that is D_v^m u / m!.

    Raises
    ------
    TypeError, ValueError
        For orders that are not integers from 1 to 4.
    """

    orders: tuple[int, ...]

    def __post_init__(self) -> None:
        orders = sequence("orders", self.orders, empty=True)
        orders = tuple(integer(f"orders[{d}]", order) for d, order in enumerate(orders))
        for order in orders:
            if not 1 <= order <= MAX_ORDER:
                raise ValueError(f"orders: derivatives of order 1 to {MAX_ORDER} are carried, got {order}")
        object.__setattr__(self, "orders", orders)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """The first channel of each direction."""
        return tuple(1 + sum(self.orders[:d]) for d in range(len(self.orders)))

    @cached_property
    def channels(self) -> int:
        """Number of channels: 1 + the sum of the orders."""
        return 1 + sum(self.orders)

    @property
    def order(self) -> int:
        """The largest order."""
        return max(self.orders, default=0)

    @cached_property
    def pulls(self) -> tuple[tuple[int, int, int], ...]:
        """Triples (j, d, m): output channel m depends on input channel j through channel d of phi'(x(s))."""
        found = [(0, m, m) for m in range(self.channels)]
        for order, at in zip(self.orders, self.offsets, strict=True):
            for j in range(order):
                found.append((at + j, 0, at + j))
                found += [(at + j, at + m - j - 1, at + m) for m in range(j + 1, order)]
        return tuple(found)

    @cached_property
    def arrays(self) -> tuple[NDArray[np.int64], ...]:
        """Orders, offsets and pulls as arguments of the kernels."""
        return tuple(np.array(each, np.int64) for each in (self.orders, self.offsets, self.pulls))


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


def entering(layer: Layer, params: Array, x: Array) -> tuple[Array, Array]:
    """(params, x) checked for the methods of a layer, params in the floating-point type of x."""
    x = points("x", x, layer.n_in)
    return floats("params", params, (layer.n_parameters,), x.dtype), x


def entering_jets(layer: Layer, params: Array, x: Array, directions: Directions) -> tuple[Array, Array]:
    """As `entering`, for x with the channels of `directions`."""
    instance("directions", directions, Directions)
    x = points("x", x, directions.channels, layer.n_in)
    return floats("params", params, (layer.n_parameters,), x.dtype), x


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
    def segment_lengths(self) -> tuple[int, ...]:
        """Lengths of the segments of neighbouring parameters that a sample touches."""
        ...

    def unpack(self, params: Array) -> dict[str, Any]:
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
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """Derivatives of both results of `vjp` along the tangent (dparams, dx, dgy), and (dy/dx)^T gy.

        The second and the third are empty unless wanted.
        """
        ...

    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
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

    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """`jacobian_rows` of the sum over channels of v_m . y_m."""
        ...

    def refined(self, marked: Any = None) -> Layer:
        """The layer with every interval halved, or the marked intervals (itself if it has no knots)."""
        ...

    def with_basis(self, basis: str) -> Layer:
        """The same space of functions, parametrised in the "spline" or the "relu" basis."""
        ...

    def change_of_coordinates(self, basis: str) -> list[Piece]:
        """The blocks other than I of T, where T params are the parameters of the same function in `basis`."""
        ...

    def prolongation(self, finer: Layer) -> scipy.sparse.csr_array:
        """P, (finer.n_parameters, n_parameters): P params are the parameters in `finer` of the same map.

        Raises
        ------
        ValueError
            If the functions of this layer are not all functions of `finer`.
        """
        ...


PROTOCOL = tuple(name for name in vars(Layer) if not name.startswith("_"))
"""The names of the protocol's properties and methods."""


class Knotless(Uncached):
    """The common part of layers without knots, which are the same on all levels and in all bases."""

    def refined(self, marked: None = None) -> Self:
        """The layer itself."""
        if marked is not None:
            raise ValueError(f"marked must be None for a layer without intervals, got {shown(marked)}")
        return self

    def with_basis(self, basis: str) -> Self:
        """The layer itself."""
        one_of("basis", basis, BASES)
        return self

    def change_of_coordinates(self, basis: str) -> list[Piece]:
        """No block: the parameters are the same in every basis."""
        one_of("basis", basis, BASES)
        return []

    def prolongation(self, finer: Layer) -> scipy.sparse.csr_array:
        """The identity.

        Raises
        ------
        ValueError
            Unless `finer` is the same layer.
        """
        mine: object = self
        other: object = finer
        if not isinstance(other, type(self)) or mine != other:
            raise ValueError(f"layers differ: {shown(self)} has no prolongation to {shown(finer)}")
        return scipy.sparse.eye_array(finer.n_parameters, format="csr")


def fulfilling(name: str, value: Any) -> Layer:
    """`value`, if it implements the protocol, with at least 1 input and 1 output.

    Raises
    ------
    TypeError, ValueError
        For anything else; the message names the missing methods, or the invalid size.
    """
    missing = [member for member in PROTOCOL if not hasattr(value, member)]
    if missing:
        raise TypeError(f"{name} must be a layer: {shown(value)} has no {', '.join(missing)}")
    layer: Layer = value
    integer(f"{name}.n_in", layer.n_in, low=1)
    integer(f"{name}.n_out", layer.n_out, low=1)
    integer(f"{name}.n_parameters", layer.n_parameters, low=0)
    return layer
