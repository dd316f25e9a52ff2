"""Many starts on the coarsest level, fewer on each finer one: a tournament through the hierarchy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import (
    Float64Array,
    affordable,
    function,
    generator,
    instance,
    integer,
    sequence,
    shown,
    vector,
)
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.optimize import Optimizer, Problem, Result, Status
from splinekan.optimize.answers import real_number


@dataclass(frozen=True)
class Round:
    """The best `candidates` of the round before are trained for `iterations` on `level`.

    Attributes
    ----------
    level
        0 is the coarsest.
    candidates
        The number of candidates trained; in the first round, of starts drawn.
    iterations
        Of the optimiser, for each candidate.
    samples
        The number of samples that the objective uses, None for all. A fair choice among candidates
        needs only a few samples per parameter.
    """

    level: int
    candidates: int
    iterations: int
    samples: int | None = None

    def __post_init__(self) -> None:
        for name, low in (("level", 0), ("candidates", 1), ("iterations", 0), ("samples", 1)):
            value = getattr(self, name)
            if name != "samples" or value is not None:
                object.__setattr__(self, name, integer(name, value, low=low))


@dataclass(frozen=True, eq=False)
class HalvingResult:
    """The winner.

    Attributes
    ----------
    theta, level
        The winner's parameters, on `level`.
    value, status, message
        Of its last run.
    result
        That run.
    values
        Per round the losses of its candidates (or their scores), best first: how far apart they are.
    winners
        Per round theta of the best, on the level of the round.
    times
        Per round the seconds spent when it ended.
    evaluations, work, seconds
        Of all runs of all rounds.
    """

    theta: Float64Array
    level: int
    value: float
    status: Status
    message: str
    result: Result
    values: tuple[tuple[float, ...], ...]
    winners: tuple[Float64Array, ...]
    times: tuple[float, ...]
    evaluations: int
    work: float
    seconds: float


def successive_halving(
    hierarchy: Hierarchy,
    objective: Callable[[Level, int | None], Problem],
    optimizer: Optimizer,
    rounds: Sequence[Round],
    draw: Callable[[np.random.Generator], ArrayLike],
    seed: int | np.random.Generator,
    score: Callable[[Level, Float64Array], float] | None = None,
) -> HalvingResult:
    """Nested iteration with selection: successive halving (Jamieson & Talwalkar 2016) over the levels.

    Which minimum a run ends in is decided on the coarse levels, where runs are cheap. Therefore many
    starts are trained there for a few iterations each; the best go on, are prolongated exactly, and
    compete again where finer detail separates them. Candidates of a round are compared by their losses on
    the same samples.

    Parameters
    ----------
    hierarchy
        The levels.
    objective
        The problem of a level on the first samples, whose number is the second argument (None: all).
    optimizer
        Used in every round.
    rounds
        Levels must not decrease and candidates must not increase.
    draw
        theta on the level of the first round, from a random generator.
    seed
        A seed or a NumPy Generator.
    score
        A number by which candidates are compared, lowest first, from a level and theta: a loss on held-out
        points, for instance. Candidates whose score is infinite or NaN come last. None for the loss that
        they were trained on.

    Raises
    ------
    TypeError, ValueError
        For no rounds, levels that the hierarchy lacks or that decrease, candidates that increase, starts
        that are not parameters of the first round's level, or a round in which no score is finite.
    """
    instance("hierarchy", hierarchy, Hierarchy)
    function("objective", objective)
    instance("optimizer", optimizer, Optimizer)
    plan = [instance(f"rounds[{i}]", entry, Round) for i, entry in enumerate(sequence("rounds", rounds))]
    for i, entry in enumerate(plan):
        integer(f"the level of rounds[{i}]", entry.level, low=0, high=len(hierarchy) - 1)
    for before, after in pairwise(plan):
        if after.level < before.level or after.candidates > before.candidates:
            raise ValueError(
                f"rounds: levels must not decrease and candidates not increase, got {before}, {after}"
            )
    function("draw", draw)
    function("score", score, optional=True)
    rng = generator("seed", seed)
    level = plan[0].level
    size = hierarchy[level].network.n_parameters
    affordable(f"{plan[0].candidates} candidates of {size} parameters", 8.0 * plan[0].candidates * size)
    thetas = [vector("draw(rng)", draw(rng), size).copy() for _ in range(plan[0].candidates)]
    runs: list[Result] = []
    values, winners, times = [], [], []
    best: list[Result] = []
    for entry in plan:
        problem = objective(hierarchy[entry.level], entry.samples)
        optimizer.require("objective(level, samples)", problem)
        best = []
        for theta in thetas[: entry.candidates]:
            for coarse in range(level, entry.level):
                theta = hierarchy.prolong(theta, coarse)
            best.append(optimizer.minimize(problem, theta, iterations=entry.iterations))
            if best[-1].status is Status.INTERRUPTED:
                break
        runs += best
        level = entry.level
        scores = [run.value for run in best]
        if score is not None:
            scores = [
                real_number("score(level, theta)", score(hierarchy[level], run.theta.copy())) for run in best
            ]
        ranks = np.where(np.isfinite(scores), scores, np.inf)
        if not np.isfinite(ranks).any():
            raise ValueError(f"score(level, theta) must be finite for some candidate, got {shown(scores)}")
        order = np.argsort(ranks, kind="stable")
        best = [best[i] for i in order]
        values.append(tuple(scores[i] for i in order))
        thetas = [run.theta for run in best]
        winners.append(thetas[0])
        times.append(float(sum(run.history.seconds[-1] for run in runs)))
        if any(run.status is Status.INTERRUPTED for run in best):
            break
    winner = best[0]
    return HalvingResult(
        winner.theta,
        level,
        winner.value,
        Status.INTERRUPTED if runs[-1].status is Status.INTERRUPTED else winner.status,
        winner.message,
        winner,
        tuple(values),
        tuple(winners),
        tuple(times),
        int(sum(run.history.evaluations[-1] for run in runs)),
        float(sum(run.history.work[-1] for run in runs)),
        times[-1],
    )
