"""Products of inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from splinekan._arrays import floats, quiet, viewable
from splinekan._checks import Array, boolean, instance, integer, sequence
from splinekan.network import series
from splinekan.network.elementwise import ALONE
from splinekan.network.layer import Directions, Knotless, entering, entering_jets
from splinekan.network.slot import Slot

SHOWN = 6
"""Most groups shown in the text of a layer."""


@dataclass(frozen=True)
class Product(Knotless):
    """The layer y_q = the product of the inputs in group q, without parameters.

    Parameters
    ----------
    n_in
        Number of inputs.
    groups
        For every output the numbers of its inputs, counted from 0, at least one: (0, 1) is x0 x1, (2,) is x2,
        and (0, 0) is x0^2. Inputs may be in several groups, or in none.

    Raises
    ------
    TypeError, ValueError
        If n_in is not a positive integer, for no groups, empty groups, and numbers beyond the inputs.

    Examples
    --------
    >>> layer = Product(3, [(0, 1), (2,)])
    >>> print(layer)
    Product(3 -> 2: x0 x1, x2)
    >>> layer.value(np.zeros(0), np.array([[2.0, 3.0, 5.0]]))
    array([[6., 5.]])
    """

    n_in: int
    groups: tuple[tuple[int, ...], ...]

    n_parameters: ClassVar[int] = 0
    segment_lengths: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "n_in", integer("n_in", self.n_in, low=1))
        groups = []
        for q, group in enumerate(sequence("groups", self.groups)):
            numbers = sequence(f"groups[{q}]", group)
            high = self.n_in - 1
            each = (integer(f"groups[{q}][{i}]", p, low=0, high=high) for i, p in enumerate(numbers))
            groups.append(tuple(each))
        put(self, "groups", tuple(groups))

    @property
    def n_out(self) -> int:
        """Number of outputs: that of the groups."""
        return len(self.groups)

    def unpack(self, params: Array) -> dict[str, Array]:
        """An empty dictionary: the layer has no parameters."""
        viewable("params", params, 0)
        return {}

    @quiet
    def value(self, params: Array, x: Array) -> Array:
        """The values y, (n, n_out)."""
        _, x = entering(self, params, x)
        return self._value(x[:, None], ALONE)[:, 0]

    @quiet
    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """The sum over inputs of dx_p times the product of the others."""
        _, x = entering(self, params, x)
        floats("dparams", dparams, (0,), x.dtype)
        dx = floats("dx", dx, x.shape, x.dtype)
        dy = np.zeros((len(x), self.n_out), x.dtype)
        for q, (others, _) in enumerate(self._others(x.T[:, None], None)):
            for p, other in zip(self.groups[q], others, strict=True):
                dy[:, q] += other[0] * dx[:, p]
        return dy

    @quiet
    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """gy times the product of the others."""
        _, x = entering(self, params, x)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        boolean("want_x", want_x)
        return np.empty(0, x.dtype), self._pulled(x[:, None], gy[:, None], ALONE)[:, 0]

    @quiet
    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """The product rule applied to `vjp`, and its second result."""
        _, x = entering(self, params, x)
        floats("dparams", dparams, (0,), x.dtype)
        dx = floats("dx", dx, x.shape, x.dtype)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        dgy = floats("dgy", dgy, gy.shape, x.dtype)
        boolean("want_x", want_x)
        change, gx = np.zeros(x.shape, x.dtype), np.zeros(x.shape, x.dtype)
        for q, (others, turns) in enumerate(self._others(x.T[:, None], dx.T[:, None])):
            for p, other, turn in zip(self.groups[q], others, turns, strict=True):
                gx[:, p] += other[0] * gy[:, q]
                change[:, p] += other[0] * dgy[:, q] + turn[0] * gy[:, q]
        return np.empty(0, x.dtype), change, gx

    @quiet
    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """As `vjp`; nothing to write."""
        _, x = entering(self, params, x)
        v = floats("v", v, (len(x), self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        boolean("want_x", want_x)
        return self._pulled(x[:, None], v[:, None], ALONE)[:, 0]

    @quiet
    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Taylor coefficients of y."""
        _, x = entering_jets(self, params, x, directions)
        return self._value(x, directions)

    @quiet
    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """`vjp` of `jet_value`."""
        _, x = entering_jets(self, params, x, directions)
        gy = floats("gy", gy, (*x.shape[:2], self.n_out), x.dtype)
        boolean("want_x", want_x)
        return np.empty(0, x.dtype), self._pulled(x, gy, directions)

    @quiet
    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """As `jet_vjp`; nothing to write."""
        _, x = entering_jets(self, params, x, directions)
        v = floats("v", v, (*x.shape[:2], self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        boolean("want_x", want_x)
        return self._pulled(x, v, directions)

    def _value(self, x: Array, directions: Directions) -> Array:
        """(n, channels, n_out)."""
        factors = np.ascontiguousarray(x.transpose(2, 1, 0))
        y = np.empty((len(x), x.shape[1], self.n_out), x.dtype)
        for q, (first, *others) in enumerate(self.groups):
            value = factors[first]
            for p in others:
                value = series.product(value, factors[p], directions)
            y[:, :, q] = value.T
        return y

    def _pulled(self, x: Array, gy: Array, directions: Directions) -> Array:
        """(dy/dx)^T gy, of the shape of x."""
        gx = np.zeros((x.shape[2], x.shape[1], len(x)), x.dtype)
        cotangent = np.ascontiguousarray(gy.transpose(2, 1, 0))
        for q, (others, _) in enumerate(self._others(x.transpose(2, 1, 0), None, directions)):
            for p, other in zip(self.groups[q], others, strict=True):
                gx[p] += series.pulled(other, cotangent[q], directions)
        return np.ascontiguousarray(gx.transpose(2, 1, 0))

    def _others(
        self, x: Array, dx: Array | None, directions: Directions = ALONE
    ) -> list[tuple[list[Array], list[Array]]]:
        """For every output and every factor the product of the other factors, and its change along dx.

        x and dx are (n_in, channels, n). The product of the factors before times that of the factors after
        avoids division.
        """
        one: Array = np.zeros(x.shape[1:], x.dtype)
        one[0] = 1.0
        zero = np.zeros_like(one)
        found = []
        for group in self.groups:
            values = [x[p] for p in group]
            moves = [zero if dx is None else dx[p] for p in group]
            before = _running(values, moves, one, zero, directions)
            after = _running(values[::-1], moves[::-1], one, zero, directions)[::-1]
            others: list[Array] = []
            turns: list[Array] = []
            for (left, dleft), (right, dright) in zip(before, after, strict=True):
                others.append(series.product(left, right, directions))
                if dx is not None:
                    turns.append(dleft * right + left * dright)
            found.append((others, turns))
        return found

    def __str__(self) -> str:
        each = [" ".join(f"x{p}" for p in group) for group in self.groups]
        if len(each) > SHOWN:
            each[SHOWN - 1 :] = [f"... {len(each) - SHOWN + 1} more outputs"]
        return f"Product({self.n_in} -> {self.n_out}: {', '.join(each)})"


def _running(
    values: list[Array], moves: list[Array], one: Array, zero: Array, directions: Directions
) -> list[tuple[Array, Array]]:
    """The product of all values before each, and its change (without channels)."""
    found = [(one, zero)]
    for value, move in zip(values[:-1], moves[:-1], strict=True):
        product, change = found[-1]
        turned = change * value + product * move if directions.channels == 1 else zero
        found.append((series.product(product, value, directions), turned))
    return found
