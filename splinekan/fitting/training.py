"""The common part of all trials of a fit: scaled samples, architectures and starts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array
from splinekan.distributed import DaskExecutor
from splinekan.fitting.modes import ModalCoordinates
from splinekan.network import KAN, initialize
from splinekan.objectives import DataLoss

DOMAIN = (0.0, 1.0)
"""The domain of all splines."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples with inputs in `DOMAIN` and targets in the units of the loss.

    Attributes
    ----------
    x, y
        Inputs (n, n_in) and targets (n, n_out).
    weights
        Multiplicities, (n,), or None for 1.
    loss
        The loss of a sample.
    known
        Whether the loss itself is the negative log-likelihood, without a variance of noise to estimate.
    executor
        The workers that sum over the samples and keep them; None for this process.
    """

    x: Float64Array = field(repr=False)
    y: Float64Array = field(repr=False)
    weights: Float64Array | None = field(repr=False)
    loss: Any
    known: bool
    executor: DaskExecutor | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def total(self) -> float:
        """The sum of the weights."""
        return float(len(self.x) if self.weights is None else self.weights.sum())

    def at(self, rows: NDArray[Any]) -> Samples:
        """Some of the samples."""
        weights = None if self.weights is None else self.weights[rows]
        return replace(self, x=self.x[rows], y=self.y[rows], weights=weights)

    def first(self, count: int, rng: np.random.Generator) -> Samples:
        """At most `count` of the samples, drawn at random."""
        if len(self) <= count:
            return self
        few = self.at(np.sort(rng.permutation(len(self))[:count]))
        return replace(few, executor=None)  # summing here is faster than sending

    def objective(self, network: KAN) -> DataLoss:
        """The sum of the losses of the samples."""
        if self.executor is None:
            return DataLoss(network, self.x, self.y, self.weights, loss=self.loss)
        x, y, weights = vars(self).get("_there", (self.x, self.y, self.weights))
        made = DataLoss(network, x, y, weights, loss=self.loss, executor=self.executor)
        vars(self)["_there"] = made.x, made.y, made.weights  # sent once
        return made

    def losses(self, network: KAN, theta: Float64Array) -> Float64Array:
        """The loss of every sample, (n,), times `mean_factor`: for squares the square error."""
        values = self.loss.value(network(theta, self.x), self.y)
        return np.asarray(self.loss.mean_factor * values)

    def mean(self, values: Float64Array) -> float:
        """The weighted mean of values of the samples."""
        return float(np.average(values, weights=self.weights))


class Architecture(NamedTuple):
    """A chain of layers by its widths, (n_in, ..., n_out), and whether an affine map comes first."""

    widths: tuple[int, ...]
    affine: bool

    def network(self, degree: int, intervals: int) -> KAN:
        """The network on uniform knots."""
        make = KAN.affine_first if self.affine else KAN.splines
        return make(self.widths, degree, intervals, DOMAIN)

    def size(self, degree: int, intervals: int) -> int:
        """The number of parameters, without making the network."""
        n_in, first, *_ = self.widths
        splines = self.widths[1:] if self.affine else self.widths
        edges = sum(p * q for p, q in pairwise(splines))
        return edges * (intervals + degree) + (self.affine and (n_in + 1) * first)

    def __str__(self) -> str:
        return f"{' -> '.join(map(str, self.widths))}, {'affine map' if self.affine else 'splines'} first"


def start(
    network: KAN, middle: Float64Array, rng: np.random.Generator
) -> tuple[ModalCoordinates, Float64Array]:
    """Random parameters, with outputs about `middle`, (n_out,)."""
    theta = initialize(network, rng, "greville", bounds=DOMAIN)
    last, at = network.layers[-1], slice(network.offsets[-2], network.offsets[-1])
    # B-splines sum to 1, and the scheme gives outputs about the middle of the domain.
    shift = (middle - sum(DOMAIN) / 2) / last.n_in
    theta[at] = (theta[at].reshape(-1, last.n_out) + shift).ravel()
    return ModalCoordinates(network), theta
