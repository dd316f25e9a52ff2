"""The search for a network: many starts on coarse knots, the best of them on finer knots, as long as that pays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from splinekan._checks import Float64Array
from splinekan.fitting.evidence import State, begin, finer, improve
from splinekan.fitting.training import Architecture, Samples, start
from splinekan.record import Trial

PAYS = 1.0
"""What a refinement must gain in V."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A trained network.

    Attributes
    ----------
    architecture
        Its widths.
    state
        Its parameters and weights.
    level
        0 is the coarsest.
    loss, held_out
        Mean losses.
    """

    architecture: Architecture
    state: State = field(repr=False)
    level: int
    loss: float
    held_out: float
    errors: Float64Array = field(repr=False)
    seconds: float = 0.0

    @property
    def criterion(self) -> float:
        """V."""
        return self.state.criterion

    def trial(self) -> Trial:
        """The record."""
        network = self.state.coordinates.network
        return Trial(
            str(self.architecture),
            self.level,
            network.intervals,
            network.n_parameters,
            self.loss,
            self.criterion,
            self.held_out,
            self.seconds,
        )


@dataclass(eq=False)
class Search:
    """The trials of a fit.

    Attributes
    ----------
    train, held
        Samples to train, and to confirm; None without.
    middle
        Where the outputs of a start lie, (n_out,).
    degree, intervals
        Of the coarsest splines.
    smoothing
        The weight of all penalties; None to choose them.
    most
        Parameters of a network that is tried.
    report
        Called with every trial.
    """

    train: Samples
    held: Samples | None
    middle: Float64Array
    degree: int
    intervals: int
    smoothing: float | None
    most: int
    report: Callable[[Trial], object]
    trials: list[Trial] = field(default_factory=list)

    def coarse(self, architectures: Iterable[tuple[Architecture, np.random.Generator]], samples: Samples, rounds: int) -> list[Candidate]:
        """Starts trained on the coarsest knots."""
        found = []
        for architecture, rng in architectures:
            network = architecture.network(self.degree, self.intervals)
            began = perf_counter()
            state = begin(*start(network, self.middle, rng))
            if self.smoothing is not None:
                state = replace(state, weights=np.full_like(state.weights, self.smoothing))
            found.append(self.trained(architecture, state, 0, rounds, began, samples))
        return found

    def trained(self, architecture, state, level, rounds, began, samples=None) -> Candidate:
        """A candidate trained further."""
        data = self.train if samples is None else samples
        network = state.coordinates.network
        state = improve(
            state, data.objective(network), rounds=rounds, known=data.known, fixed=self.smoothing is not None
        )
        held, errors = np.nan, np.zeros(0)
        if self.held is not None:
            errors = self.held.losses(network, state.theta)
            held = self.held.mean(errors)
        loss = data.mean(data.losses(network, state.theta))
        found = Candidate(architecture, state, level, loss, held, errors, perf_counter() - began)
        self.trials.append(found.trial())
        self.report(found.trial())
        return found

    def refined(self, candidate: Candidate, rounds: int) -> Candidate:
        """The candidate on finer knots, trained."""
        began = perf_counter()
        return self.trained(candidate.architecture, finer(candidate.state), candidate.level + 1, rounds, began)

    def pays(self, before: Candidate, after: Candidate) -> bool:
        """Whether V falls, and the held-out loss does not rise by more than its standard error."""
        if not after.criterion < before.criterion - PAYS:
            return False
        return self.held is None or not worse(after, before)


def worse(candidate: Candidate, other: Candidate, errors: float = 1.0) -> bool:
    """Whether the held-out loss is higher, by more than so many standard errors of the difference."""
    difference = candidate.errors - other.errors
    deviation = difference.std(ddof=1) if len(difference) > 1 else np.inf
    return bool(difference.mean() > errors * deviation / np.sqrt(len(difference)))


def best(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """Those of least V."""
    return sorted(candidates, key=lambda candidate: candidate.criterion)[:count]
