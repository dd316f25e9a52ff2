"""Many starts on the coarsest level, fewer on each finer one: a tournament through the hierarchy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.optimize import Optimizer, Problem, Result, Status


@dataclass(frozen=True)
class Round:
    """The best `candidates` of the round before are trained for `iterations` on `level`.

    Attributes
    ----------
    level
        0 is the coarsest.
    candidates
        How many are trained; in the first round, how many starts are drawn.
    iterations
        Of the optimiser, for each.
    samples
        Passed to the objective: how many samples serve, None for all. A fair choice among candidates
        needs a few samples per parameter only.
    """

    level: int
    candidates: int
    iterations: int
    samples: int | None = None

    def __post_init__(self) -> None:
        integer("level", self.level, low=0)
        integer("candidates", self.candidates, low=1)
        integer("iterations", self.iterations, low=0)
        if self.samples is not None:
            integer("samples", self.samples, low=1)


@dataclass(frozen=True, eq=False)
class TournamentResult:
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


def tournament(
    hierarchy: Hierarchy,
    objective: Callable[[Level, int | None], Problem],
    optimizer: Optimizer,
    rounds: Sequence[Round],
    draw: Callable[[np.random.Generator], ArrayLike],
    seed: int | np.random.Generator,
    score: Callable[[Level, Float64Array], float] | None = None,
) -> TournamentResult:
    """Nested iteration with selection: successive halving (Jamieson & Talwalkar 2016) over the levels.

    Which minimum a run ends in is decided on the coarse levels, where a run is cheap. So many starts are
    trained there for a few iterations each; the best of them go on, are prolongated exactly, and compete
    again where finer detail separates them. Candidates of a round are compared by their losses on the
    same samples.

    Parameters
    ----------
    hierarchy
        The levels.
    objective
        The problem of a level on the first so many samples (None: all).
    optimizer
        Used in every round.
    rounds
        Levels must not decrease and candidates must not increase.
    draw
        theta on the level of the first round, from a random generator.
    seed
        A seed or a NumPy Generator.
    score
        What candidates are compared by, from a level and theta: a loss on held-out points, for instance.
        None for the loss that they were trained on.

    Raises
    ------
    TypeError, ValueError
        For no rounds, levels that the hierarchy lacks or that decrease, or candidates that increase.
    """
    plan = list(rounds)
    if not plan:
        raise ValueError("a tournament needs at least one round, got none")
    for one in plan:
        integer("level of every round", one.level, low=0, high=len(hierarchy) - 1)
    for before, after in pairwise(plan):
        if after.level < before.level or after.candidates > before.candidates:
            raise ValueError(f"levels must not decrease and candidates not increase, got {before}, {after}")
    rng = np.random.default_rng(seed)
    thetas = [np.array(draw(rng), dtype=np.float64) for _ in range(plan[0].candidates)]
    level = plan[0].level
    runs: list[Result] = []
    values, winners, times = [], [], []
    best: list[Result] = []
    for one in plan:
        problem = objective(hierarchy[one.level], one.samples)
        best = []
        for theta in thetas[: one.candidates]:
            for coarse in range(level, one.level):
                theta = hierarchy.prolong(theta, coarse)
            best.append(optimizer.minimize(problem, theta, iterations=one.iterations))
            if best[-1].status is Status.INTERRUPTED:
                break
        runs += best
        level = one.level
        scores = [run.value if score is None else score(hierarchy[level], run.theta) for run in best]
        order = np.argsort(scores, kind="stable")
        best = [best[i] for i in order]
        values.append(tuple(scores[i] for i in order))
        thetas = [run.theta for run in best]
        winners.append(thetas[0])
        times.append(float(sum(run.history.seconds[-1] for run in runs)))
        if any(run.status is Status.INTERRUPTED for run in best):
            break
    winner = best[0]
    return TournamentResult(
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
