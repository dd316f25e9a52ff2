"""Losses by name, in the units in which they are trained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, one_of
from splinekan.objectives import Huber, Logistic, Poisson, Quantile, Softmax, SquaredError

LOSSES: dict[str, Any] = {
    "squared": SquaredError(),
    "huber": Huber(),
    "quantile": Quantile(),
    "logistic": Logistic(),
    "softmax": Softmax(),
    "poisson": Poisson(),
}
ROBUST = ("huber", "quantile")
HUBER, BAND = 0.2, 0.02
"""Half-widths of the middle part of the losses "huber" and "quantile", in deviations of y."""


def named(loss: Any) -> tuple[str, Any]:
    """The name and the loss of a name, or of a loss ("custom" for losses that are not in `LOSSES`).

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if isinstance(loss, str):
        return one_of("loss", loss, LOSSES), LOSSES[loss]
    names = [name for name, each in LOSSES.items() if type(each) is type(loss)]
    return (names[0] if names else "custom"), loss


def in_deviations(name: str, loss: Any, given: bool, deviation: float) -> Any:
    """The loss of targets over `deviation`, with the widths of this module unless it was `given`."""
    if name == "huber":
        return replace(loss, delta=loss.delta / deviation if given else HUBER)
    if name == "quantile":
        return replace(loss, width=loss.width / deviation if given else BAND)
    return loss


def middle(name: str, y: Float64Array, weights: Float64Array | None) -> Float64Array:
    """Outputs whose prediction is the mean of the targets, (n_out,)."""
    mean = np.average(y, axis=0, weights=weights)
    if name == "logistic":
        p = np.clip(mean, 0.01, 0.99)
        return np.asarray(np.log(p / (1 - p)))
    if name == "softmax":
        return np.asarray(np.log(np.clip(mean, 0.01, 1.0)))
    if name == "poisson":
        return np.asarray(np.log(np.maximum(mean, 1e-3)))
    return np.zeros(y.shape[1])
