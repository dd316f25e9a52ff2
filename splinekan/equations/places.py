"""Values of the unknowns at places other than the variables, and integrals of the unknowns, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import factorial
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, real_array
from splinekan.equations.expressions import Compiled
from splinekan.equations.polarisation import Direction, Index, combination

PANEL = 8
"""Gauss-Legendre nodes of a panel."""


@dataclass(frozen=True)
class DerivativeTerm:
    """A symbol of the residual: the sum of weights times channels of an unknown.

    Unknown constants are counted after the unknown functions. `index` holds the orders of the derivative, ()
    for a constant.
    """

    unknown: int
    channels: tuple[tuple[int, float], ...]
    index: tuple[int, ...] = ()

    def _value(self, jets: Float64Array) -> Any:
        """(n,), from the Taylor coefficients at n points."""
        return sum(weight * jets[:, channel, self.unknown] for channel, weight in self.channels)


@dataclass(frozen=True)
class Channels:
    """Directions in the space of the variables, the number of Taylor coefficients along each, and terms.

    Channel 0 is the value; the coefficients along the directions follow, direction by direction.
    """

    directions: tuple[tuple[float, ...], ...]
    orders: tuple[int, ...]
    terms: tuple[DerivativeTerm, ...]

    @staticmethod
    def of(kinds: Sequence[tuple[int, Index]], lengths: Sequence[float] | None = None) -> Channels:
        """The channels for derivatives: pairs of an unknown and the orders of the derivative.

        With `lengths`, directions of several variables are in units of these: D_{x+y}^2 u = u_xx + 2 u_xy +
        u_yy loses the middle term to rounding if x and y vary on very different scales. D along
        h_x e_x + h_y e_y, with the lengths h of these scales, avoids this.
        """
        orders: dict[Direction, int] = {}
        for _, index in kinds:
            for direction, _ in combination(index) if any(index) else ():
                orders[direction] = max(orders.get(direction, 0), sum(index))
        ends = np.cumsum([1, *orders.values()])
        first = {direction: int(at) for direction, at in zip(orders, ends, strict=False)}
        h = [1.0] * len(kinds[0][1]) if lengths is None and kinds else list(lengths or ())
        terms = []
        for which, index in kinds:
            order, channels = sum(index), [] if any(index) else [(0, 1.0)]
            for direction, weight in combination(index) if order else ():
                scale = 1 / np.prod([length**n for length, n in zip(h, index, strict=True)])
                if sum(map(bool, direction)) == 1:  # a single variable keeps its unit
                    (axis,) = np.flatnonzero(direction)
                    scale *= h[axis] ** order
                factor = float(weight * factorial(order)) * float(scale)
                channels.append((first[direction] + order - 1, factor))
            terms.append(DerivativeTerm(which, tuple(channels), index))
        scaled = tuple(
            tuple(v * length for v, length in zip(way, h, strict=True)) if sum(map(bool, way)) > 1 else way
            for way in orders
        )
        return Channels(scaled, tuple(orders.values()), tuple(terms))


@dataclass(frozen=True, eq=False)
class Place:
    """A map from the variables, and from the nodes of an integral, to points where unknowns are evaluated.

    Attributes
    ----------
    map
        From the variables and the nodes to the coordinates of the point.
    nodes
        (q, number of variables of integration), the nodes in the unit cube; (1, 0) without an integral.
    shared
        Whether the points are those of all samples: they do not depend on the variables.
    channels
        The derivatives that are evaluated there.
    """

    map: Compiled
    nodes: Float64Array
    shared: bool
    channels: Channels

    def points(self, variables: Float64Array) -> Float64Array:
        """The points for variables (n, d): (q, d) if they are shared, else (n q, d), sample after sample.

        Raises
        ------
        TypeError, ValueError
            For variables of the wrong shape.
        """
        count = len(self.map.symbols) - self.nodes.shape[1]
        variables = real_array("variables", variables, shape=(None, count)).astype(np.float64, copy=False)
        n, q = 1 if self.shared else len(variables), len(self.nodes)
        given = variables[:1] if self.shared else variables
        if self.shared and len(given) == 0:
            n, given = 1, np.zeros((1, variables.shape[1]))
        with np.errstate(all="ignore"):
            found = self.map(*(column[:, None] for column in given.T), *(node[None] for node in self.nodes.T))
        columns = [np.broadcast_to(each, (n, q)).reshape(-1) for each in found]
        return np.array(columns, dtype=np.float64).T


@dataclass(frozen=True, eq=False)
class Integral:
    """An integral of the unknowns, by a rule on the unit cube.

    Attributes
    ----------
    integrand
        A function of variables, symbols of the residual, nodes, and symbols of the integrand that returns its
        value and its derivatives: in the `outer` symbols of the residual, then in its own symbols.
    weights
        (q,).
    nodes
        (q, number of variables of integration).
    outer
        The symbols of the residual that occur in it.
    inner
        The indices of its own places.
    """

    integrand: Compiled
    weights: Float64Array
    nodes: Float64Array
    outer: tuple[int, ...]
    inner: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """The places of an equation, its integrals, and the places that are pointwise."""

    places: tuple[Place, ...] = ()
    integrals: tuple[Integral, ...] = ()
    pointwise: tuple[int, ...] = field(default=())

    def values(self, jets: Sequence[Float64Array]) -> list[list[Float64Array]]:
        """The values of every term at every place, (n, q) or (1, q)."""
        found = []
        for place, each in zip(self.places, jets, strict=True):
            shape = (-1, len(place.nodes))
            found.append([np.asarray(term._value(each)).reshape(shape) for term in place.channels.terms])
        return found


def gauss_panels(count: int, variables: int) -> tuple[Float64Array, Float64Array]:
    """Nodes, (q, variables), and weights, (q,), of the composite Gauss-Legendre rule on the unit cube.

    There are at least `count` nodes per variable: up to 8 in a single panel, otherwise in equal panels of at
    most 8.
    """
    panels = -(-count // PANEL)
    nodes, weights = np.polynomial.legendre.leggauss(-(-count // panels))
    line = ((nodes + 1) / 2 + np.arange(panels)[:, None]).ravel() / panels
    shares = np.tile(weights / (2 * panels), panels)
    grid = np.meshgrid(*[line] * variables, indexing="ij")
    products = shares
    for _ in range(variables - 1):
        products = np.multiply.outer(products, shares)
    return np.stack(grid, axis=-1).reshape(-1, variables), products.ravel()
