"""Sums of layers of the same inputs and outputs: splines and formulas side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import scipy

from splinekan._arrays import floats, viewable
from splinekan._checks import Array, boolean, instance, one_of, sequence, shown
from splinekan._records import Uncached
from splinekan.network import parts
from splinekan.network.layer import BASES, Directions, Layer, entering, entering_jets, fulfilling
from splinekan.network.slot import Slot
from splinekan.network.spline import SplineLayer
from splinekan.operators.coordinates import Piece


@dataclass(frozen=True)
class Sum(Uncached):
    """The sum of layers of the same inputs, with the same number of outputs.

    The parameters are those of the layers, one layer after the other. With a `SplineLayer` and a
    `FormulaLayer` some edges are splines and others formulas.

    Parameters
    ----------
    layers
        The layers, at least one. A sum among them is replaced by its layers.

    Raises
    ------
    TypeError, ValueError
        For no layers, objects that are not layers, and numbers of inputs or outputs that differ.

    Examples
    --------
    >>> import splinekan as sk
    >>> layer = Sum([sk.SplineLayer(2, 1, sk.uniform_knots(0, 1, 4, 3)), sk.Affine(2, 1)])
    >>> layer.n_parameters
    17
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        given = sequence("layers", self.layers)
        found: list[Layer] = []
        for number, each in enumerate(given):
            layer = fulfilling(f"layers[{number}]", each)
            found += layer.layers if isinstance(layer, Sum) else [layer]
            for name, what in (("n_in", "inputs"), ("n_out", "outputs")):
                count, first = getattr(layer, name), getattr(given[0], name)
                if count != first:
                    raise ValueError(
                        f"layers must have the same number of {what}, got {first} of layers[0] and {count} "
                        f"of layers[{number}]"
                    )
        object.__setattr__(self, "layers", tuple(found))

    @property
    def n_in(self) -> int:
        """The number of inputs of every layer."""
        return self.layers[0].n_in

    @property
    def n_out(self) -> int:
        """The number of outputs of every layer."""
        return self.layers[0].n_out

    @property
    def n_parameters(self) -> int:
        """Number of parameters: the sum over the layers."""
        return self._map.n_parameters

    @property
    def segment_lengths(self) -> tuple[int, ...]:
        """The segments of the layers, side by side."""
        return self._map.segment_lengths

    @cached_property
    def _map(self) -> parts.Sum:
        return parts.Sum(self.n_in, [(layer, 0) for layer in self.layers])

    @property
    def slices(self) -> tuple[slice, ...]:
        """The range of the parameters of every layer."""
        return tuple(at.parameters for at in self._map.placed)

    def unpack(self, params: Array) -> dict[str, Any]:
        """View "layers": a tuple of the views of every layer."""
        viewable("params", params, self.n_parameters)
        pairs = zip(self.layers, self.slices, strict=True)
        return {"layers": tuple(layer.unpack(params[at]) for layer, at in pairs)}

    # Values and derivatives

    def value(self, params: Array, x: Array) -> Array:
        """The values y, (n, n_out)."""
        params, x = entering(self, params, x)
        return self._map.value(params, x)

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """The sum of the layers' changes."""
        params, x = entering(self, params, x)
        dparams, dx = floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        return self._map.jvp(params, x, dparams, dx)

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """Gradients in the parameters side by side; those in x added, if wanted."""
        params, x = entering(self, params, x)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        return self._map.vjp(params, x, gy, boolean("want_x", want_x))

    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """Derivatives of both results of `vjp` along (dparams, dx, dgy), and its second result."""
        params, x = entering(self, params, x)
        dparams, dx = floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        dgy = floats("dgy", dgy, gy.shape, x.dtype)
        return self._map.vjp_tangent(params, x, gy, dparams, dx, dgy, boolean("want_x", want_x))

    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """The rows of the layers side by side."""
        params, x = entering(self, params, x)
        v = floats("v", v, (len(x), self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        return self._map.jacobian_rows(params, x, v, slot, boolean("want_x", want_x))

    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Taylor coefficients of y."""
        params, x = entering_jets(self, params, x, directions)
        return self._map.jet_value(params, x, directions)

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """`vjp` of `jet_value`."""
        params, x = entering_jets(self, params, x, directions)
        gy = floats("gy", gy, (*x.shape[:2], self.n_out), x.dtype)
        return self._map.jet_vjp(params, x, gy, directions, boolean("want_x", want_x))

    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """`jacobian_rows` of sum_m v_m . y_m over the channels."""
        params, x = entering_jets(self, params, x, directions)
        v = floats("v", v, (*x.shape[:2], self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        return self._map.jet_jacobian_rows(params, x, v, directions, slot, boolean("want_x", want_x))

    # Other layers

    def refined(self, marked: Sequence[Any] | None = None) -> Sum:
        """The sum of the refined layers; `marked` holds marks for each layer, None for all its intervals."""
        marks = [None] * len(self.layers) if marked is None else list(sequence("marked", marked))
        if len(marks) != len(self.layers):
            raise ValueError(
                f"marked must hold marks for each of {len(self.layers)} layers, got {len(marks)}"
            )
        return self._of([layer.refined(each) for layer, each in zip(self.layers, marks, strict=True)])

    def with_basis(self, basis: str) -> Sum:
        """The sum with spline layers in `basis`."""
        one_of("basis", basis, BASES)
        return self._of([layer.with_basis(basis) for layer in self.layers])

    def _of(self, layers: Sequence[Layer]) -> Sum:
        """Itself, if these are its layers."""
        same = all(mine is other for mine, other in zip(self.layers, layers, strict=True))
        return self if same else Sum(tuple(layers))

    def change_of_coordinates(self, basis: str) -> list[Piece]:
        """The blocks of the layers."""
        one_of("basis", basis, BASES)
        found = []
        for layer, at in zip(self.layers, self.slices, strict=True):
            for piece in layer.change_of_coordinates(basis):
                found.append(piece._replace(start=piece.start + at.start, stop=piece.stop + at.start))
        return found

    def prolongation(self, finer: Layer) -> scipy.sparse.csr_array:
        """Block diagonal: the prolongation of every layer.

        Raises
        ------
        ValueError
            Unless `finer` is a sum of as many layers to which those of this sum have prolongations.
        """
        if not isinstance(finer, Sum) or len(finer.layers) != len(self.layers):
            raise ValueError(f"layers differ: {shown(self)} has no prolongation to {shown(finer)}")
        pairs = zip(self.layers, finer.layers, strict=True)
        blocks = [layer.prolongation(other) for layer, other in pairs]
        return scipy.sparse.csr_array(scipy.sparse.block_diag(blocks, format="csr"))

    def __str__(self) -> str:
        return f"Sum({' + '.join(map(str, self.layers))})"


def leaves(layer: Layer) -> Iterator[Layer]:
    """The layers of a sum, or the layer itself."""
    yield from layer.layers if isinstance(layer, Sum) else (layer,)


def splines_of(layer: Layer) -> list[SplineLayer]:
    """The spline layers among `leaves`."""
    return [each for each in leaves(layer) if isinstance(each, SplineLayer)]
