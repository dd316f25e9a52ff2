"""The arrays into which layers write their Jacobian rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from splinekan._arrays import F4, F8, trusted
from splinekan._checks import Array, instance, integer

if TYPE_CHECKING:
    from splinekan.network.layer import Layer


@dataclass(frozen=True)
class Slot:
    """The place of a layer in a Jacobian kept as sparse rows.

    Sample i is row `i stride + shift`; the layer's values begin at `position` of that row, its segments at
    `segment`, and its first parameter is column `column`.

    Raises
    ------
    TypeError, ValueError
        For arrays of other types or shapes, or numbers that are not indices.
    """

    values: Array
    starts: NDArray[np.int64]
    position: int
    segment: int
    column: int
    stride: int
    shift: int

    def __post_init__(self) -> None:
        for name, kinds in (("values", (F4, F8)), ("starts", (np.dtype(np.int64),))):
            array = instance(name, getattr(self, name), np.ndarray)
            if array.ndim != 2 or array.dtype not in kinds or not array.flags.writeable:
                types = " or ".join(map(str, kinds))
                raise TypeError(
                    f"{name} must be a writeable matrix of {types}, got {array.dtype} {array.shape}"
                )
        for name in ("position", "segment", "column", "shift"):
            object.__setattr__(self, name, integer(name, getattr(self, name), low=0))
        object.__setattr__(self, "stride", integer("stride", self.stride, low=1))

    @property
    def place(self) -> tuple[Any, ...]:
        """The fields as the plain tuple that kernels take."""
        return (
            self.values,
            self.starts,
            self.position,
            self.segment,
            self.column,
            self.stride,
            self.shift,
        )

    def moved(self, position: int, segment: int, column: int) -> Slot:
        """The slot of a part of the layer, which begins at these offsets."""
        return trusted(
            Slot,
            values=self.values,
            starts=self.starts,
            position=self.position + position,
            segment=self.segment + segment,
            column=self.column + column,
            stride=self.stride,
            shift=self.shift,
        )

    def check(self, layer: Layer, x: Array) -> None:
        """Refuse a slot without room for the rows that `layer` writes for the samples x.

        Raises
        ------
        TypeError, ValueError
            For such a slot; the message gives the room needed.
        """
        lengths = layer.segment_lengths
        for name, array, columns in (
            ("values", self.values, self.position + sum(lengths)),
            ("starts", self.starts, self.segment + len(lengths)),
        ):
            rows = len(range(self.shift, array.shape[0], self.stride))
            if rows != len(x) or array.shape[1] < columns:
                raise ValueError(
                    f"slot.{name} must have {len(x)} rows for the layer, one per sample, and at least "
                    f"{columns} columns, got {rows} and {array.shape[1]}"
                )
        if self.values.dtype != x.dtype:
            raise TypeError(f"slot.values must be {x.dtype} as x is, got {self.values.dtype}")
