"""The state of a run: unknowns, moments, counters, and the best theta so far."""

from __future__ import annotations

import math
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, vector
from splinekan.network import KAN
from splinekan.operators import Coordinates
from splinekan.optimize import Adam
from splinekan.optimize.answers import finite
from splinekan.stochastic.records import Checkpoint, EpochHistory


class Run:
    """Adam's unknowns z = T theta, with moments, between two batches."""

    def __init__(self, network: KAN, optimizer: Adam, z: Float64Array, held_out: bool) -> None:
        self.optimizer, self.held_out = optimizer, held_out
        self.coordinates = optimizer.geometry, optimizer.gradient
        self.geometry = _map(network, optimizer.geometry)
        self.fed = self.geometry if optimizer.gradient is None else _map(network, optimizer.gradient)
        self.z, self.spare = z, np.empty_like(z)
        self.theta = z if self.geometry is None else self.geometry.solve(z)
        self.adam: dict[str, Any] = {"t": 0, "m": np.zeros_like(z), "v": np.zeros_like(z)}
        self.epoch = self.batch = self.samples = self.best_epoch = 0
        self.total = 0.0
        self.best, self.best_value = self.theta.copy(), math.nan
        self.rows: list[tuple[float, float, int, float]] = []
        self.began = perf_counter()

    @staticmethod
    def start(network: KAN, optimizer: Adam, theta0: Float64Array, held_out: bool) -> Run:
        """The start at theta0."""
        geometry = _map(network, optimizer.geometry)
        z = theta0.copy() if geometry is None else geometry.apply(theta0)
        run = Run(network, optimizer, z, held_out)
        run.best = theta0.copy()  # without the rounding errors of T and its inverse
        return run

    @staticmethod
    def resumed(network: KAN, optimizer: Adam, at: Checkpoint, held_out: bool) -> Run:
        """The run continued from a checkpoint, which is not changed."""
        n = network.n_parameters
        run = Run(network, optimizer, vector("resume.z", at.z, n).copy(), held_out)
        if at.held_out != held_out:  # the best loss so far would be compared with a loss of the other kind
            needed = "samples" if at.held_out else "None"
            raise ValueError(f"held_out must be {needed}, as in the run that is resumed")
        if tuple(at.coordinates) != run.coordinates:
            raise ValueError(
                f"resume: the optimiser's geometry and gradient must be {at.coordinates}, as in the run "
                f"that is resumed, got {run.coordinates}"
            )
        run.adam = {
            "t": at.steps,
            "m": vector("resume.first_moment", at.first_moment, n).copy(),
            "v": vector("resume.second_moment", at.second_moment, n).copy(),
        }
        run.epoch, run.batch, run.samples, run.total = at.epoch, at.batch, at.samples, at.total
        run.best = vector("resume.best", at.best, n).copy()
        run.best_value, run.best_epoch = at.best_value, at.best_epoch
        old = at.history
        columns = zip(old.loss, old.held_out, old.steps, old.seconds, strict=True)
        run.rows = [(float(a), float(b), int(c), float(d)) for a, b, c, d in columns]
        run.began -= run.rows[-1][3] if run.rows else 0.0
        return run

    @property
    def steps(self) -> int:
        """Steps so far."""
        return int(self.adam["t"])

    def step(self, gradient: Float64Array, value: float, samples: int) -> bool:
        """A step with the gradient of a batch whose loss is `value`; False if it is not finite."""
        if self.fed is not None:
            if not finite(gradient):  # maps need not accept NaN
                return False
            gradient = self.fed.solve_transpose(gradient)
        if not self.optimizer._step(self.adam, self.z, gradient, self.spare):
            return False
        if self.geometry is not None and not finite(self.spare):
            return False
        self.z, self.spare = self.spare, self.z
        self.theta = self.z if self.geometry is None else self.geometry.solve(self.z)
        self.batch += 1
        self.total += samples * value
        self.samples += samples
        return True

    def finish(self, held_out: float) -> None:
        """End an epoch."""
        loss = self.total / self.samples
        self.rows.append((loss, held_out, self.steps, perf_counter() - self.began))
        self.epoch, self.batch, self.samples, self.total = self.epoch + 1, 0, 0, 0.0
        value = loss if math.isnan(held_out) else held_out
        if not value >= self.best_value:
            self.keep(value)

    def keep(self, value: float) -> None:
        """Record theta as the best so far."""
        if self.steps:
            self.best = self.theta.copy()
        self.best_value, self.best_epoch = value, self.epoch

    @property
    def value(self) -> float:
        """The mean loss of the batches of the current epoch, or of the last."""
        if self.samples:
            return self.total / self.samples
        return self.rows[-1][0] if self.rows else self.best_value

    def history(self) -> EpochHistory:
        """The columns."""
        rows = np.array(self.rows, dtype=np.float64).reshape(-1, 4)
        return EpochHistory(*(np.ascontiguousarray(column) for column in rows.T))

    def checkpoint(self) -> Checkpoint:
        """A copy of the state, for `resumed`."""
        return Checkpoint(
            self.z.copy(),
            self.adam["m"].copy(),
            self.adam["v"].copy(),
            self.steps,
            self.coordinates,
            self.epoch,
            self.batch,
            self.total,
            self.samples,
            self.best,
            self.best_value,
            self.best_epoch,
            self.held_out,
            self.history(),
        )


def _map(network: KAN, name: str | None) -> Coordinates | None:
    """T, None for the identity."""
    return None if name is None else network.coordinates(name)
