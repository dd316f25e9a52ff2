"""Trainable constants beside the outputs of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from splinekan._arrays import floats, viewable
from splinekan._checks import Array, boolean, instance, integer, real, sequence, shown
from splinekan.network.layer import Directions, Knotless, entering, entering_jets
from splinekan.network.slot import Slot


@dataclass(frozen=True)
class Constants(Knotless):
    """The layer y = (x, c): the inputs, followed by trainable constants c that depend on no input.

    As the last layer of a network it holds the unknown constants of differential equations, at the end of
    theta. All derivatives of c with respect to the inputs are 0. `KAN.with_constants` appends it.

    Parameters
    ----------
    n_in
        Number of inputs.
    names
        Different names of the constants, at least one.
    start
        A starting value for each, which `initialize` writes into theta.

    Raises
    ------
    TypeError, ValueError
        For a number of inputs below 1, names that are not distinct strings, and starting values that are not
        a finite number for each name.

    Examples
    --------
    >>> Constants(1, ("k",), (2.0,)).value(np.array([3.0]), np.array([[0.5], [0.7]]))
    array([[0.5, 3. ],
           [0.7, 3. ]])
    """

    n_in: int
    names: tuple[str, ...]
    start: tuple[float, ...]

    def __post_init__(self) -> None:
        names = sequence("names", self.names)
        for i, name in enumerate(names):
            if not instance(f"names[{i}]", name, str):
                raise ValueError(f"names[{i}] must not be empty")
        if len(set(names)) < len(names):
            raise ValueError(f"names must be different, got {shown(names)}")
        given = sequence("start", self.start)
        if len(given) != len(names):
            raise ValueError(f"start must hold a number for each of {len(names)} names, got {shown(given)}")
        object.__setattr__(self, "n_in", integer("n_in", self.n_in, low=1))
        object.__setattr__(self, "names", tuple(names))
        object.__setattr__(self, "start", tuple(real(f"start[{i}]", c) for i, c in enumerate(given)))

    @property
    def n_out(self) -> int:
        """Number of inputs and constants."""
        return self.n_in + len(self.names)

    @property
    def n_parameters(self) -> int:
        """The number of constants."""
        return len(self.names)

    @property
    def segment_lengths(self) -> tuple[int, ...]:
        """Every sample touches all constants: one segment."""
        return (len(self.names),)

    def unpack(self, params: Array) -> dict[str, Array]:
        """View "constants", (number of constants,)."""
        return {"constants": viewable("params", params, self.n_parameters)}

    def value(self, params: Array, x: Array) -> Array:
        """y = (x, c)."""
        params, x = entering(self, params, x)
        return np.concatenate([x, np.broadcast_to(params, (len(x), len(params)))], axis=1)

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """(dx, dc)."""
        params, x = entering(self, params, x)
        dx, dparams = floats("dx", dx, x.shape, x.dtype), floats("dparams", dparams, params.shape, x.dtype)
        return self.value(dparams, dx)

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """The sum of the last components of gy, and the first components of gy."""
        params, x = entering(self, params, x)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        return gy[:, self.n_in :].sum(axis=0), self._first(gy, boolean("want_x", want_x))

    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """`vjp` of dgy, since the map is linear, and the first components of gy."""
        params, x = entering(self, params, x)
        floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        change, first = self.vjp(params, x, floats("dgy", dgy, gy.shape, x.dtype), want_x)
        return change, first, self._first(gy, want_x)

    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """The last components of v."""
        params, x = entering(self, params, x)
        v = floats("v", v, (len(x), self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        self._write(v, slot)
        return self._first(v, boolean("want_x", want_x))

    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """The constants belong to the value alone."""
        params, x = entering_jets(self, params, x, directions)
        y = np.zeros((*x.shape[:2], self.n_out), x.dtype)
        y[:, :, : self.n_in] = x
        y[:, 0, self.n_in :] = params
        return y

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """`vjp` of the values; all channels for the inputs."""
        params, x = entering_jets(self, params, x, directions)
        gy = floats("gy", gy, (*x.shape[:2], self.n_out), x.dtype)
        return gy[:, 0, self.n_in :].sum(axis=0), self._first(gy, boolean("want_x", want_x))

    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """The last components of v in the channel of the values."""
        params, x = entering_jets(self, params, x, directions)
        v = floats("v", v, (*x.shape[:2], self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        self._write(v[:, 0], slot)
        return self._first(v, boolean("want_x", want_x))

    def _first(self, v: Array, wanted: bool) -> Array:
        """The components of v that belong to the inputs; empty unless wanted."""
        if not wanted:
            return np.empty((0, *v.shape[1:-1], self.n_in), v.dtype)
        return np.ascontiguousarray(v[..., : self.n_in])

    def _write(self, v: Array, slot: Slot) -> None:
        stop = slot.position + len(self.names)
        slot.values[slot.shift :: slot.stride, slot.position : stop] = v[:, self.n_in :]
        slot.starts[slot.shift :: slot.stride, slot.segment] = slot.column

    def __str__(self) -> str:
        pairs = zip(self.names, self.start, strict=True)
        return f"Constants({self.n_in} -> {self.n_out}, {', '.join(f'{k} from {c:g}' for k, c in pairs)})"


def named_starts(constants: Any) -> dict[str, float]:
    """A mapping from names to starting values, or objects with `name` and `start`, as a dictionary.

    Raises
    ------
    TypeError, ValueError
        For anything else, for an empty argument, and where a name has two starting values.
    """
    if isinstance(constants, Mapping):
        pairs: Sequence[tuple[Any, Any]] = list(constants.items())
        if not pairs:
            raise ValueError("constants must not be empty")
    else:
        pairs = []
        for i, each in enumerate(sequence("constants", constants)):
            if not hasattr(each, "name") or not hasattr(each, "start"):
                raise TypeError(
                    f"constants[{i}] must be an unknown constant with a name and a starting value, got "
                    f"{shown(each)}; or give a mapping from names to starting values"
                )
            pairs.append((each.name, each.start))
    found: dict[str, float] = {}
    for name, start in pairs:
        value = real(f"the starting value of {shown(name)}", start)
        if found.setdefault(instance("the name of a constant", name, str), value) != value:
            raise ValueError(f"constants: {name} has two starting values, {found[name]} and {value}")
    return found
