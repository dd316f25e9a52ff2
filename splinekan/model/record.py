"""How a model was fitted: what was tried, what was chosen and why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from splinekan.optimize import History

LIKELIHOODS = ("logistic", "softmax", "poisson")
"""Losses that are negative log-likelihoods without a scale; outputs are log-odds or logarithms of rates."""


class Choice(NamedTuple):
    """A quantity that was chosen, its value as text, and the reason."""

    quantity: str
    value: str
    reason: str


class Trial(NamedTuple):
    """A network that was trained on the way to the model.

    Attributes
    ----------
    network
        The widths and the first layer, as text.
    level
        The level; 0 is the coarsest.
    intervals, parameters
        The numbers of intervals and of parameters.
    loss
        The mean loss of the training samples; for squares the mean square error, in deviations of y.
    score
        The criterion by which trials were compared, lowest first; NaN if it was not computed.
    held_out
        The mean loss of the held-out samples; NaN without any.
    seconds
        Wall time.
    """

    network: str
    level: int
    intervals: int
    parameters: int
    loss: float
    score: float
    held_out: float
    seconds: float


@dataclass(frozen=True, eq=False)
class FitRecord:
    """The record of a fit by `splinekan.fit`.

    Attributes
    ----------
    bounds
        (low, high) of every column of x, in its units: the domain of the model, a margin wider than the data.
    loss
        The name of the loss: "squared", "huber", "logistic", "softmax", "poisson", "quantile" or "custom".
    n_samples
        The number of training samples.
    choices
        The choices made from the data, and the reasons for them.
    trials
        The networks that were trained, in order; the model itself is the last.
    history
        Loss, work and time of the training of the model itself, an entry per iteration.
    weights
        Weights of the penalties of slope and bending of every edge, in the order of the groups of
        `splinekan.fitting.modes.ModalCoordinates`, for outputs in deviations and the sum of the losses; a
        single weight if all are equal; () if unknown.
    noise
        The deviation of the noise of every output, in its units; () for losses other than squares, and where
        it was not estimated.
    """

    bounds: tuple[tuple[float, float], ...]
    loss: str
    n_samples: int
    choices: tuple[Choice, ...] = ()
    trials: tuple[Trial, ...] = ()
    history: History | None = field(default=None, repr=False)
    weights: tuple[float, ...] = field(default=(), repr=False)
    noise: tuple[float, ...] = ()


def without_penalties(record: FitRecord | None, choice: Choice) -> FitRecord | None:
    """The record of a model that was changed and trained again without penalties."""
    if record is None:
        return None
    return replace(record, choices=(*record.choices, choice), weights=(), noise=())


def require_squares(record: FitRecord | None, argument: str) -> None:
    """Refuse squared errors for a model that was fitted with another loss.

    Raises
    ------
    ValueError
        If the model has a record with a loss other than squares.
    """
    if record is not None and record.loss != "squared":
        raise ValueError(
            f"{argument} must be given: the model was fitted with the loss {record.loss!r}, and squared "
            "errors would take its place"
        )
