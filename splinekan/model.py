"""A model: a network with its parameters, which is what training returns and what users call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Array, Float64Array, instance, integer, shown, vector
from splinekan._columns import checked_names, table
from splinekan.network import KAN
from splinekan.network.jets import Jets
from splinekan.network.layer import Directions
from splinekan.record import FitRecord


class Inputs(Protocol):
    """What lies between the variables and the inputs of a network (see `splinekan.equations.Features`)."""

    @property
    def variables(self) -> Sequence[Any]:
        """The variables, in the order of the columns of points."""
        ...

    @property
    def n_inputs(self) -> int:
        """The number of inputs of the network."""
        ...

    def jets(self, points: Any, directions: Any, orders: Any, /) -> Any:
        """Taylor coefficients of the network's inputs along directions in the space of the variables."""
        ...


@dataclass(frozen=True, eq=False)
class Model:
    """u(x) = g(x; theta), a network g bound to its parameters.

    Parameters
    ----------
    network
        The network g.
    theta
        Its parameters, (n_parameters,); copied.
    features
        Maps the variables of a differential equation to the inputs of the network; None if x enters as it is.
    names, output_names
        Names of the columns of x and of the outputs; None for x1, x2, ... and y1, y2, ...
    record
        How the model was fitted, as `splinekan.fit` gives it; None for other models.

    Raises
    ------
    TypeError, ValueError
        For theta of another length or not finite, features that are none or do not fit the network; the
        methods for points of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from splinekan import KAN, initialize
    >>> network = KAN.splines([2, 1], intervals=4)
    >>> model = Model(network, initialize(network, 0))
    >>> model.gradient(np.zeros((3, 2))).shape
    (3, 1, 2)
    """

    network: KAN
    theta: Float64Array = field(repr=False)
    features: Inputs | None = None
    names: tuple[str, ...] | None = None
    output_names: tuple[str, ...] | None = None
    record: FitRecord | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        network = instance("network", self.network, KAN)
        object.__setattr__(self, "theta", vector("theta", self.theta, network.n_parameters).copy())
        for name, count in (("names", self.n_in), ("output_names", self.n_out)):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, checked_names(name, getattr(self, name), count))
        if self.record is not None:
            instance("record", self.record, FitRecord)
        if self.features is None:
            return
        missing = [name for name in ("variables", "n_inputs", "jets") if not hasattr(self.features, name)]
        if missing:
            raise TypeError(
                f"features must have variables, n_inputs and jets, as splinekan.equations.Features has: "
                f"{shown(self.features)} has no {', '.join(missing)}"
            )
        if self.features.n_inputs != network.n_in:
            raise ValueError(
                f"features must give the {network.n_in} inputs of the network, got {self.features.n_inputs}"
            )

    @property
    def n_in(self) -> int:
        """Number of columns of x."""
        return self.network.n_in if self.features is None else len(self.features.variables)

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return self.network.n_out

    @property
    def n_parameters(self) -> int:
        """Length of theta."""
        return self.network.n_parameters

    @property
    def basis(self) -> str:
        """The basis of the spline layers, "spline" or "relu"."""
        return self.network.basis

    def __call__(self, x: ArrayLike) -> Array:
        """u, (n, n_out), at the rows of x, (n, n_in)."""
        if self.features is None:
            return self.network(self.theta, self._points(x))
        return self.network(self.theta, self.features.jets(self._points(x), (), ())[:, 0])

    def gradient(self, x: ArrayLike) -> Float64Array:
        """du_o/dx_p, (n, n_out, n_in)."""
        units = np.eye(self.n_in)
        taylor = self._taylor(x, units, [1] * self.n_in)
        return np.ascontiguousarray(taylor[:, 1:].swapaxes(1, 2))

    def hessian(self, x: ArrayLike) -> Float64Array:
        """d^2 u_o/dx_p dx_q, (n, n_out, n_in, n_in).

        Mixed derivatives come by polarisation, 2 u_pq = D_{p+q}^2 u - u_pp - u_qq, in units of x_p and x_q in
        which the slopes of u are of the same size: otherwise the largest term would swamp the others.
        """
        n_in, units = self.n_in, np.eye(self.n_in)
        along = self._taylor(x, units, [2] * n_in)
        slopes, second = along[:, 1::2], 2 * along[:, 2::2]
        hessian = np.empty((len(along), self.n_out, n_in, n_in))
        hessian[:, :, range(n_in), range(n_in)] = second.swapaxes(1, 2)
        pairs = [(p, q) for p in range(n_in) for q in range(p + 1, n_in)]
        if not pairs:
            return hessian
        sizes = np.abs(slopes).max(axis=(0, 2), initial=0.0)
        sizes[~(np.isfinite(sizes) & (sizes > 0))] = 1.0
        length = np.exp2(-np.round(np.log2(sizes)))
        ways = [length[p] * units[p] + length[q] * units[q] for p, q in pairs]
        mixed = 2 * self._taylor(x, ways, [2] * len(ways))[:, 2::2]
        for (p, q), both in zip(pairs, np.moveaxis(mixed, 1, 0), strict=True):
            rest = both - length[p] ** 2 * second[:, p] - length[q] ** 2 * second[:, q]
            hessian[:, :, p, q] = hessian[:, :, q, p] = rest / (2 * length[p] * length[q])
        return hessian

    def derivative(self, x: ArrayLike, direction: ArrayLike, order: int = 1) -> Float64Array:
        """d^m u(x + s v)/ds^m at s = 0, (n, n_out), for v = `direction` (n_in,) and m = `order`, 1 to 4."""
        m = integer("order", order, low=1, high=4)
        v = vector("direction", direction, self.n_in)
        factorial = float(np.prod(np.arange(1, m + 1)))
        return factorial * self._taylor(x, v[None], [m])[:, m]

    def refined(self) -> Model:
        """The same function on knots with every interval halved, exactly."""
        finer = self.network.refined()
        return Model(finer, self.network.prolongation(finer) @ self.theta, self.features)

    def with_basis(self, basis: str) -> Model:
        """The same function in the basis `basis`, "spline" or "relu" (w = A^T u on every edge)."""
        return Model(self.network.with_basis(basis), self.network.to_basis(self.theta, basis), self.features)

    def summary(self) -> str:
        """The layers with their numbers of parameters."""
        return str(self.network)

    def _points(self, x: ArrayLike) -> Array:
        return table("x", x, self.names, n_columns=self.n_in)

    def _taylor(self, x: ArrayLike, directions: Any, orders: list[int]) -> Float64Array:
        """Taylor coefficients of u along directions, (n, 1 + sum of orders, n_out)."""
        points = self._points(x).astype(np.float64, copy=False)
        carried = Directions(tuple(orders))
        if self.features is not None:
            seed = self.features.jets(points, directions, orders)
        else:
            seed = np.zeros((len(points), carried.channels, self.n_in))
            seed[:, 0] = points
            for way, at in zip(directions, carried.offsets, strict=True):
                seed[:, at] = way
        return Jets.of(self.network, self.theta, seed, carried).output
