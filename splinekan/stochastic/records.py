"""Records of training in batches: results, histories, checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from splinekan._checks import Float64Array, same_length, vector
from splinekan.model import Model
from splinekan.optimize import Status


@dataclass(frozen=True, eq=False)
class EpochHistory:
    """Columns with an entry for every finished epoch.

    Attributes
    ----------
    loss
        The mean loss of the batches (weighted by their lengths), each at the theta before its step.
    held_out
        The held-out loss at the end of the epoch; NaN without held-out samples.
    steps, seconds
        So far: steps, and wall time.
    """

    loss: Float64Array
    held_out: Float64Array
    steps: Float64Array
    seconds: Float64Array

    def __post_init__(self) -> None:
        columns: dict[str, Any] = {
            column.name: vector(column.name, getattr(self, column.name), finite=False)
            for column in fields(self)
        }
        same_length(**columns)
        for name, column in columns.items():
            object.__setattr__(self, name, column)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state of a run, for `minibatch_training(resume=...)`; a plain record that can be pickled.

    Attributes
    ----------
    z, first_moment, second_moment, steps
        The unknowns of the optimiser in its coordinates, (n_parameters,), the moments of Adam, and the number
        of steps.
    coordinates
        `geometry` and `gradient` of the optimiser.
    epoch, batch
        Numbers of finished epochs, and of finished batches of the next epoch.
    total, samples
        The sum of the losses of these batches, and the number of their samples.
    best, best_value, best_epoch
        theta with the lowest held-out loss (without held-out samples, mean loss of an epoch), that loss, and
        the number of epochs before it.
    held_out
        Whether `best_value` is a held-out loss.
    history
        The finished epochs.
    """

    z: Float64Array = field(repr=False)
    first_moment: Float64Array = field(repr=False)
    second_moment: Float64Array = field(repr=False)
    steps: int
    coordinates: tuple[str | None, str | None]
    epoch: int
    batch: int
    total: float
    samples: int
    best: Float64Array = field(repr=False)
    best_value: float
    best_epoch: int
    held_out: bool
    history: EpochHistory = field(repr=False)


@dataclass(frozen=True, eq=False)
class Epoch:
    """The argument of a callback after each epoch.

    Attributes
    ----------
    epoch
        The number of epochs so far.
    loss, held_out, steps, seconds
        As in `EpochHistory`.
    model
        The network at the end of the epoch.
    checkpoint
        The state from which the run can be resumed.
    """

    epoch: int
    loss: float
    held_out: float
    steps: int
    seconds: float
    model: Model = field(repr=False)
    checkpoint: Checkpoint = field(repr=False)


@dataclass(frozen=True, eq=False)
class MinibatchResult:
    """The end of a training in batches.

    Attributes
    ----------
    theta
        With held-out samples, the parameters of the epoch with the lowest held-out loss, the start included.
        Without, those after the last step; if the run diverged, those of the epoch with the lowest mean loss.
    value
        The held-out loss at theta; without held-out samples the mean loss of the epoch that ends with theta.
    status, message
        The reason why it stopped.
    history
        An entry per epoch.
    model
        The network with theta.
    checkpoint
        The argument for `resume=`: the state after the last step, not theta. None if the run diverged.
    """

    theta: Float64Array = field(repr=False)
    value: float
    status: Status
    message: str
    history: EpochHistory = field(repr=False)
    model: Model = field(repr=False)
    checkpoint: Checkpoint | None = field(repr=False)

    @property
    def success(self) -> bool:
        """Whether the run ended by itself: the held-out loss had stopped falling."""
        return self.status is Status.STALLED

    @property
    def nit(self) -> int:
        """The number of steps in finished epochs."""
        return int(self.history.steps[-1]) if len(self.history.steps) else 0
