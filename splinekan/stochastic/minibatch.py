"""Training in batches: Adam with the gradients of small random samples of the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Array, boolean, function, instance, integer, real, shown, vector
from splinekan.model import Model
from splinekan.network import KAN
from splinekan.network.kan import warn_of_inputs
from splinekan.objectives import Loss, SquaredError
from splinekan.optimize import Adam, Status
from splinekan.optimize.driver import QUIET, _bar
from splinekan.optimize.result import MESSAGES
from splinekan.stochastic.loss import BatchLoss, HeldOut
from splinekan.stochastic.records import Checkpoint, Epoch, MinibatchResult
from splinekan.stochastic.run import Run
from splinekan.stochastic.source import Source, source

LOOKED_AT = 2048
"""Samples of the first epoch that are compared with the domain of the network."""


def minibatch_training(
    network: KAN,
    batches: Any,
    theta0: ArrayLike | None = None,
    *,
    optimizer: Adam | None = None,
    loss: Loss | None = None,
    epochs: int = 10,
    held_out: Any = None,
    patience: int | None = None,
    smoothing: float = 0.0,
    callback: Callable[[Epoch], object] | None = None,
    progress: bool = False,
    resume: MinibatchResult | Checkpoint | None = None,
) -> MinibatchResult:
    """The result of Adam with a step per batch, a stochastic gradient method (Bottou et al. 2018).

    The objective of a batch is that of `DataLoss` with `reduction="mean"`: the mean of w l over its samples
    plus smoothing/2 |D theta|^2. Only one batch is in memory at a time. A run on the same batches with the
    same number of threads is bitwise reproducible, resumed or not.

    Parameters
    ----------
    network
        The network.
    batches
        `Batches` of arrays; an iterable, such as a list, of tuples (x, y) or (x, y, weights), which is
        iterated over once per epoch; or a function without arguments that returns an iterator over such
        tuples for every epoch. A generator or another iterator serves a single epoch.
    theta0
        The start, (n_parameters,); not changed. None only with `resume`.
    optimizer
        `Adam()` by default. Its schedule is evaluated at the number of the step; its `weight_decay` (AdamW)
        acts on all parameters.
    loss
        The loss of a sample, `SquaredError()` by default; see `DataLoss`.
    epochs
        Passes over the data, including those of the run that is resumed.
    held_out
        Samples for validation, (x, y), (x, y, weights) or `Batches`: their mean loss is computed at the start
        and after every epoch, and the result is the theta for which it is lowest.
    patience
        Stop when the held-out loss has not fallen below its lowest value for this number of epochs; None
        never stops early.
    smoothing
        Weight of the penalty.
    callback
        Called with an `Epoch` after each epoch; the run stops if it returns True.
    progress
        Whether to show a progress bar (tqdm).
    resume
        A result, or the `Checkpoint` of a result or an `Epoch`, whose run is continued, if necessary from
        the middle of an epoch. A function or a list of batches must yield the same batches as in the first
        run.

    Returns
    -------
    MinibatchResult
        Parameters, history and the reason for stopping, also if the run was interrupted from the keyboard.

    Raises
    ------
    TypeError, ValueError
        For arguments that are not as described, a first loss that is not finite, batches that hold NaN or
        infinite entries or do not fit the network (with the number of the row or batch), an epoch without
        batches.

    Warns
    -----
    DomainWarning
        At most once, for the first 2048 samples, under the conditions of `DataLoss`.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.random.default_rng(0).uniform(0, 1, (5000, 2))
    >>> y = np.sin(6 * x[:, 0]) * x[:, 1]
    >>> network = sk.KAN.splines([2, 5, 1], intervals=4)
    >>> result = minibatch_training(
    ...     network,
    ...     sk.Batches(x[:4000], y[:4000], size=100),
    ...     sk.initialize(network, seed=0, scheme="greville"),
    ...     optimizer=sk.Adam(schedule=sk.optimize.Cosine(rate=2e-2, steps=200, warmup=20)),
    ...     epochs=5,
    ...     held_out=(x[4000:], y[4000:]),
    ... )
    >>> result.value < 1e-3, result.history.steps
    (True, array([ 40.,  80., 120., 160., 200.]))
    """
    network = instance("network", network, KAN)
    optimizer = Adam() if optimizer is None else instance("optimizer", optimizer, Adam)
    criterion: Any = SquaredError() if loss is None else loss
    count = integer("epochs", epochs, low=1)
    if patience is not None:
        integer("patience", patience, low=1)
        if held_out is None:
            raise ValueError("patience needs held_out samples, got None")
    smoothing = real("smoothing", smoothing, low=0.0, high=np.inf)
    function("callback", callback, optional=True)
    shows = boolean("progress", progress)
    run = _begun(network, optimizer, theta0, resume, held_out is not None)
    found = source(batches)
    if found.once and count - run.epoch > 1:
        raise ValueError(
            f"batches is an iterator, {shown(batches)}, which serves a single epoch, and epochs asks for "
            f"{count - run.epoch}: give a function that returns a new iterator, a list, or splinekan.Batches"
        )
    validation = None if held_out is None else HeldOut(network, held_out, criterion)
    training = _Training(network, found, criterion, smoothing, validation, run)
    bar = _bar(_steps_left(found, run, count)) if shows else None
    try:
        status = training.until(count, patience, callback, bar)
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    finally:
        if bar is not None:
            bar.close()
    return training.result(status, patience)


class _Training:
    """The loop over epochs and batches."""

    def __init__(
        self, network: KAN, batches: Source, loss: Loss, smoothing: float, held_out: HeldOut | None, run: Run
    ) -> None:
        self.network, self.batches, self.loss, self.smoothing = network, batches, loss, smoothing
        self.held_out, self.run = held_out, run
        self.objective: BatchLoss | None = None
        self.seen: list[Array] | None = None if run.steps else []
        if held_out is not None and not run.steps:
            value = held_out.value(run.theta)
            if not math.isfinite(value):
                raise ValueError(f"the held-out loss at theta0 must be finite, got {value}")
            run.keep(value)

    def until(self, count: int, patience: int | None, callback: Any, bar: Any) -> Status:
        """Train until `count` epochs are finished; the reason why the run stops."""
        run = self.run
        while run.epoch < count:
            if self._waited(patience):  # a run that is resumed
                return Status.STALLED
            if not self._epoch(bar):
                return Status.NON_FINITE
            if not run.samples:
                raise ValueError(f"batches must hold a batch, epoch {run.epoch} has none")
            self._look(math.inf, stacklevel=4)
            held = math.nan if self.held_out is None else self.held_out.value(run.theta)
            if self.held_out is not None and not math.isfinite(held):
                return Status.NON_FINITE
            run.finish(held)
            if bar is not None:
                bar.set_postfix(loss=f"{run.rows[-1][0]:.3e}", held_out=f"{held:.3e}", refresh=False)
            if callback is not None:
                stop = callback(
                    Epoch(run.epoch, *run.rows[-1], Model(self.network, run.theta), run.checkpoint())
                )
                if stop is not None and boolean("the answer of callback", stop):
                    return Status.STOPPED
        return Status.STALLED if self._waited(patience) else Status.ITERATION_LIMIT

    def _epoch(self, bar: Any) -> bool:
        """Finish an epoch; False if the run diverged."""
        run = self.run
        for samples in self.batches.epoch(run.epoch, run.batch):
            objective = self._on(samples)
            with np.errstate(**QUIET):
                value, gradient = objective.value_and_gradient(run.theta)
                if not math.isfinite(value):
                    if not run.steps:
                        raise ValueError(f"the loss of the first batch at theta0 must be finite, got {value}")
                    return False
                if not run.steps and self.held_out is None:
                    run.keep(value)
                if not run.step(gradient, value, len(objective.x)):
                    return False
            self._look(LOOKED_AT, stacklevel=5)
            if bar is not None:
                bar.update(1)
        return True

    def _on(self, samples: Any) -> BatchLoss:
        run = self.run
        if self.objective is None:
            self.objective = BatchLoss.of(self.network, samples, self.loss, self.smoothing)
        try:
            objective = self.objective.on(samples)
        except (TypeError, ValueError) as error:
            raise type(error)(f"batch {run.batch} of epoch {run.epoch} of batches: {error}") from error
        if self.seen is not None:
            self.seen.append(objective.x)
        return objective

    def _look(self, enough: float, stacklevel: int) -> None:
        """Warn, once, if the first samples do not fit the network's domain."""
        if self.seen is not None and (enough == math.inf or sum(map(len, self.seen)) >= enough):
            x, self.seen = np.concatenate(self.seen), None
            warn_of_inputs(self.network, x, stacklevel)

    def _waited(self, patience: int | None) -> bool:
        return patience is not None and self.run.epoch - self.run.best_epoch >= patience

    def result(self, status: Status, patience: int | None) -> MinibatchResult:
        """The result of a run that stopped for this reason."""
        run, message = self.run, MESSAGES[status]
        diverged = status is Status.NON_FINITE
        best = self.held_out is not None or diverged
        if status is Status.STALLED:
            message = f"the held-out loss has not fallen for {patience} epochs; theta is that of the best"
        elif status is Status.ITERATION_LIMIT:
            message = "all epochs were done"
        elif status is Status.INTERRUPTED and not best:
            message = "interrupted from the keyboard; theta is that of the last step"
        rows = run.rows
        if not best and len(rows) > 1 and rows[-1][0] > rows[0][0]:
            message += f"; the mean loss of an epoch rose from {rows[0][0]:.3g} to {rows[-1][0]:.3g}"
        theta, value = (run.best, run.best_value) if best else (run.theta.copy(), run.value)
        checkpoint = None if diverged else run.checkpoint()
        return MinibatchResult(
            theta, value, status, message, run.history(), Model(self.network, theta), checkpoint
        )


def _begun(network: KAN, optimizer: Adam, theta0: Any, resume: Any, held_out: bool) -> Run:
    if resume is None:
        if theta0 is None:
            raise TypeError("theta0 must be an array, got None: a start, unless a run is resumed")
        return Run.start(network, optimizer, vector("theta0", theta0, network.n_parameters), held_out)
    if theta0 is not None:
        raise ValueError("theta0 must be None with resume, which has its own")
    checkpoint: Any = instance("resume", resume, (MinibatchResult, Checkpoint))
    if isinstance(checkpoint, MinibatchResult):
        checkpoint = checkpoint.checkpoint
    if checkpoint is None:
        raise ValueError("resume must hold a checkpoint, and the checkpoint of a run that diverged is None")
    return Run.resumed(network, optimizer, checkpoint, held_out)


def _steps_left(found: Source, run: Run, count: int) -> int | None:
    return None if found.length is None else (count - run.epoch) * found.length - run.batch
