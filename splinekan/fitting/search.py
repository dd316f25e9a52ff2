"""A tournament: many starts on coarse knots, the best of which are refined as long as the fit improves.

Networks are compared by the restricted likelihood V of `splinekan.fitting.evidence`, which weighs the fit
against the effective number of parameters; held-out samples confirm its choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from splinekan._checks import Float64Array
from splinekan.fitting.evidence import State, begin, finer, improve
from splinekan.fitting.training import Architecture, Samples, start
from splinekan.model.record import Choice, Trial

PAYS = 1.0
"""Least gain in V of a refinement: a factor e of likelihood."""
CLEARLY = 2.0
"""Standard errors by which a held-out loss must be lower to overrule V."""
SMALL = 1500
"""Number of samples in the tournament on the coarsest level."""
STAGES = ((6, 25), (5, 20), (3, 20), (2, 20))
"""Numbers of candidates and of rounds of training on level 0, 1, ...; the last for all further levels."""
FINALISTS = 4
"""Number of candidates that are finally trained with all samples."""
WIDE = 5
"""Wider networks are tried if a network of this width is the best."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A trained network, its level, mean losses, and the held-out loss of every sample, times its weight.

    `rank` is V, or the lower value on a coarser level if the held-out loss justified the refinement.
    """

    architecture: Architecture
    state: State = field(repr=False)
    level: int
    loss: float
    held_out: float
    losses: Float64Array = field(repr=False)
    seconds: float
    rank: float

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        state: State,
        level: int,
        train: Samples,
        held: Samples | None,
        began: float,
    ) -> Candidate:
        """The candidate with its losses, and the seconds since `began`."""
        loss = train.mean(train.losses(state.network, state.theta))
        apart, losses = np.nan, np.zeros(0)
        if held is not None:
            losses = held.losses(state.network, state.theta)
            apart = held.mean(losses)
            if held.weights is not None:
                losses = losses * (held.weights / held.weights.mean())
        return cls(architecture, state, level, loss, apart, losses, perf_counter() - began, state.criterion)

    @property
    def criterion(self) -> float:
        """The restricted likelihood V."""
        return self.state.criterion

    def trial(self) -> Trial:
        """The record."""
        network = self.state.network
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


@dataclass(frozen=True, eq=False)
class Found:
    """The result of a search: the best candidate, and how it was chosen.

    `others` are the candidates with the next higher V, with their descriptions; empty if held-out samples
    chose the best.
    """

    best: Candidate
    choices: tuple[Choice, ...]
    others: tuple[Found, ...] = ()


@dataclass(frozen=True, eq=False)
class Search:
    """A tournament and its settings.

    Attributes
    ----------
    train, held
        Samples for training, and for confirmation; None without held-out samples.
    middle
        The centre of the outputs of a start, (n_out,).
    degree, intervals
        The degree and the number of intervals of the coarsest splines.
    levels
        The largest number of levels; None for as many as improve the fit.
    weight
        The weight of all penalties; None to choose weights by V.
    most
        The largest number of parameters.
    seed
        The seed of the starts.
    report
        Called with every candidate.
    """

    train: Samples
    held: Samples | None
    middle: Float64Array
    degree: int
    intervals: int
    levels: int | None
    weight: float | None
    most: int
    seed: int
    report: Callable[[Candidate], object]

    def run(self, starts: Sequence[Architecture], wider: Sequence[Architecture]) -> Found:
        """The best candidate: `wider` architectures are tried if one of the widest of `starts` leads."""
        small = self.train.first(SMALL, np.random.default_rng([self.seed, 1]))
        coarse = [self._begun(each, number, small) for number, each in enumerate(starts)]
        widest = max(best(coarse)[0].architecture.widths[1:-1], default=0)
        if widest >= WIDE:
            coarse += [self._begun(each, len(starts) + i, small) for i, each in enumerate(wider)]
        ended: list[Candidate] = []
        reasons: dict[int, str] = {}
        count, rounds = STAGES[0]
        running = [self._trained(each, rounds) for each in best(coarse)[:count]]
        level = 0
        while running:
            level += 1
            count, rounds = STAGES[min(level, len(STAGES) - 1)]
            ordered, running = best(running), []
            ended += ordered[count:]
            for each in ordered[:count]:
                reason, after = self._refined(each, rounds)
                if after is None:
                    reasons[id(each)] = reason
                    ended.append(each)
                else:
                    running.append(after)
        ranked = best(ended)
        chosen, why = self._confirmed(ranked)

        def found(candidate: Candidate, why: str) -> Found:
            level = f"{candidate.level}, {candidate.state.network.intervals} intervals"
            reason = reasons.get(id(candidate), "others had lower V on finer levels")
            network = Choice("network", str(candidate.architecture), f"{why} among {len(coarse)} starts")
            return Found(candidate, (network, Choice("level", level, reason)))

        others = ranked[1:FINALISTS] if chosen is ranked[0] else ()
        again = "least V with all samples"
        return replace(found(chosen, why), others=tuple(found(each, again) for each in others))

    def _begun(self, architecture: Architecture, number: int, samples: Samples) -> Candidate:
        """A start on the coarsest level, trained briefly."""
        began = perf_counter()
        network = architecture.network(self.degree, self.intervals)
        state = begin(*start(network, self.middle, np.random.default_rng([self.seed, 2, number])))
        if self.weight is not None:
            state = replace(state, weights=np.full_like(state.weights, self.weight))
        return self._improved(architecture, state, 0, samples, rounds=8, iterations=3, began=began)

    def _trained(self, candidate: Candidate, rounds: int) -> Candidate:
        return self._improved(
            candidate.architecture, candidate.state, candidate.level, self.train, rounds=rounds
        )

    def _refined(self, candidate: Candidate, rounds: int) -> tuple[str, Candidate | None]:
        """The candidate on finer knots, or the reason why not."""
        if self.levels is not None and candidate.level + 1 >= self.levels:
            return f"levels={self.levels}", None
        network, began = candidate.state.network, perf_counter()
        intervals = 2 * network.intervals
        if candidate.architecture.size(self.degree, intervals) > self.most:
            return f"{intervals} intervals need more than {self.most} parameters", None
        after = self._improved(
            candidate.architecture,
            finer(candidate.state),
            candidate.level + 1,
            self.train,
            rounds=rounds,
            began=began,
        )
        held = f"held-out loss {after.held_out:.3g} instead of {candidate.held_out:.3g}"
        if self.held is not None and worse(after, candidate, 1.0):
            return f"{intervals} intervals: {held}", None
        likelier = after.criterion < candidate.criterion - PAYS
        # The prior of the bending modes is too rough for smooth targets without noise: their held-out loss
        # may fall while V rises.
        if not likelier and (self.held is None or not worse(candidate, after, CLEARLY)):
            why = f"V {after.criterion:.1f} instead of {candidate.criterion:.1f}"
            return f"{intervals} intervals: {why}", None
        return "", replace(after, rank=min(after.criterion, candidate.rank))

    def _improved(
        self,
        architecture: Architecture,
        state: State,
        level: int,
        samples: Samples,
        *,
        rounds: int,
        iterations: int = 5,
        began: float | None = None,
    ) -> Candidate:
        began = perf_counter() if began is None else began
        state = improve(
            state,
            samples.objective(state.network),
            rounds=rounds if self.weight is None else 4,
            iterations=iterations if self.weight is None else 20,
            known=samples.known,
            fixed=self.weight is not None,
        )
        found = Candidate.of(architecture, state, level, samples, self.held, began)
        self.report(found)
        return found

    def _confirmed(self, ranked: Sequence[Candidate]) -> tuple[Candidate, str]:
        """The best by V, unless another is better on held-out samples by two standard errors."""
        chosen = ranked[0]
        why = f"least V ({chosen.criterion:.1f})"
        for other in ranked[1:3]:
            if self.held is not None and worse(chosen, other, CLEARLY):
                chosen, why = other, f"held-out loss {other.held_out:.3g} instead of {chosen.held_out:.3g}"
        return chosen, why


def worse(candidate: Candidate, other: Candidate, errors: float) -> bool:
    """Whether the held-out loss is higher, by more than `errors` standard errors of the difference."""
    if not (np.isfinite(candidate.losses).all() and np.isfinite(other.losses).all()):
        return not bool(np.isfinite(candidate.losses).all())
    difference = candidate.losses - other.losses
    if len(difference) < 2:
        return False
    return bool(difference.mean() > errors * difference.std(ddof=1) / np.sqrt(len(difference)))


def best(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates ordered by rank."""
    return sorted(candidates, key=lambda candidate: candidate.rank)
