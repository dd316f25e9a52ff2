"""The mean loss of a batch, with checks that cost little compared with its gradient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from splinekan._checks import Array, Float64Array, real_array
from splinekan.objectives.data import DataLoss, roots
from splinekan.operators import Coordinates
from splinekan.stochastic.batches import Batches, Samples

if TYPE_CHECKING:
    from typing_extensions import Self

HELD_OUT = 4096
"""Samples of a batch of held-out arrays."""


@dataclass(frozen=True, eq=False)
class BatchLoss(DataLoss):
    """A `DataLoss` that is made once, and moved from batch to batch by `on`."""

    _twin: tuple[Any, Coordinates] | None = field(init=False, repr=False, default=None)
    """For a basis other than "spline": the same loss in the spline basis, and the map to its parameters."""
    _unweighted: dict[tuple[int, Any], Array] = field(init=False, repr=False, default_factory=dict)
    """Roots of the factor of a batch without weights, by length and type of the batch."""

    @staticmethod
    def of(network: Any, samples: Samples, loss: Any, smoothing: float) -> BatchLoss:
        """The mean loss of a first batch, checked as a `DataLoss`, without domain warnings."""
        x, y, *rest = samples
        weights = rest[0] if rest else None
        made = BatchLoss(network, x, y, weights, smoothing=smoothing, reduction="mean", loss=loss)
        made.penalty  # noqa: B018 - computed once, for all batches
        if made.network.basis != "spline":
            plain = made._with(made.x, made.y, made._root)
            vars(plain)["network"] = made.network.with_basis("spline")
            vars(made)["_twin"] = plain, made.network.coordinates("spline")
        return made

    def _warn_of_inputs(self) -> None:
        """Do nothing: a batch has too few samples for the warning; see `minibatch`."""

    def on(self, samples: Samples) -> Self:
        """The same loss of other samples."""
        x = real_array("x", samples[0], shape=(None, self.network.n_in), finite=False, empty=False)
        y = samples[1]
        if y.ndim == 1 and self.network.n_out == 1:
            y = y[:, None]
        y = real_array("y", y, shape=(len(x), self.network.n_out), finite=False)
        check = getattr(self.loss, "check", None)
        if callable(check):
            check(y)
        moved = self._with(x, _cast(x, y), self._rooted(x, samples[2] if len(samples) == 3 else None))
        if self._twin is not None:
            plain, T = self._twin
            vars(moved)["_twin"] = plain._with(x, moved.y, moved._root), T
        return moved

    @property
    def _in_splines(self) -> tuple[Any, Coordinates | None]:
        """As in `ChunkedSum`, but not cached: an object that refers to itself outlives its batch."""
        return (self, None) if self._twin is None else self._twin

    def _with(self, x: Array, y: Array, root: Array) -> Self:
        same = object.__new__(type(self))  # `copy` takes several times as long
        vars(same).update(vars(self), x=x, y=y, _root=root)
        return same

    def _rooted(self, x: Array, weights: Array | None) -> Array:
        factor = self.loss.mean_factor / len(x)
        if weights is not None:
            return roots(weights, factor, x)
        key = len(x), x.dtype
        if key not in self._unweighted:
            self._unweighted[key] = roots(None, factor, x)
        return self._unweighted[key]


class HeldOut:
    """The mean loss of held-out samples, evaluated in batches in the order of the arrays."""

    def __init__(self, network: Any, held_out: Any, loss: Any) -> None:
        if not isinstance(held_out, Batches):
            if not isinstance(held_out, (tuple, list)) or len(held_out) not in (2, 3):
                raise TypeError("held_out must be (x, y), (x, y, weights) or splinekan.Batches")
            try:
                x, y, *rest = held_out
                held_out = Batches(x, y, rest[0] if rest else None, HELD_OUT, shuffle=False)
            except (TypeError, ValueError) as error:
                raise type(error)(f"held_out: {error}") from None
        self.batches = held_out
        self.loss = BatchLoss.of(network, next(iter(held_out)), loss, 0.0)

    def value(self, theta: Float64Array) -> float:
        """The loss at theta."""
        total, count = 0.0, 0
        for samples in self.batches:
            total += len(samples[0]) * self.loss.on(samples).value(theta)
            count += len(samples[0])
        return total / count


def _cast(x: Array, y: Array) -> Array:
    """`y` in the type of x; the check of `DataLoss` is omitted, as values may vary little within a batch."""
    with np.errstate(over="ignore"):
        cast: Array = y.astype(x.dtype, copy=False)
    if cast is not y and not np.isfinite(cast).all():
        raise ValueError(f"y must be within the range of {x.dtype}, as x is {x.dtype}")
    return cast
