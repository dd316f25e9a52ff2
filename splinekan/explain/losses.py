"""The losses of fitted models by the names in their records."""

from __future__ import annotations

from typing import Any, NamedTuple

from splinekan._checks import shown
from splinekan.fitting.named_losses import ROBUST, named
from splinekan.model import Model
from splinekan.model.record import LIKELIHOODS
from splinekan.objectives.losses import LOSS_ATTRIBUTES, LOSS_METHODS


class Known(NamedTuple):
    """A loss in the units of y, its name, and whether it is itself a likelihood."""

    loss: Any
    name: str
    likelihood: bool


def loss_of(model: Model, loss: Any, refused: tuple[str, ...] = ()) -> Known:
    """The given loss, by name or as an object, or that of the record; squares without a record.

    Raises
    ------
    TypeError, ValueError
        For other objects, losses whose width or class the record does not hold, and names in `refused`.
    """
    wanted = loss
    if loss is None:
        wanted = "squared" if model.record is None else model.record.loss
        if wanted == "custom" and wanted not in refused:
            raise ValueError("loss must be given: the record of the model does not hold a user-defined loss")
    name, found = named(wanted)
    lacking = [each for each in (*LOSS_METHODS, *LOSS_ATTRIBUTES) if not hasattr(found, each)]
    if isinstance(found, type) or lacking:
        raise TypeError(f"loss must be a name or a loss, such as Huber(0.5), got {shown(wanted)}")
    if name in refused:
        raise ValueError(f"loss must not be {name!r}, got {shown(wanted)}")
    if name in ROBUST and isinstance(wanted, str):
        raise ValueError(
            f"loss must be given in the units of y, as Huber(delta) or Quantile(q, width), got {name!r}"
        )
    return Known(found, name, name in LIKELIHOODS or name == "custom")
