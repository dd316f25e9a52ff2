"""Successive halving: many starts on the coarsest level, fewer on every finer level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
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
from splinekan._processes import Call, ending_processes, on_processes
from splinekan._threads import MOST
from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.optimize import Optimizer, Problem, Result, Status
from splinekan.optimize.answers import real_number


@dataclass(frozen=True)
class Round:
    """A round of successive halving: the best `candidates` of the previous round are trained on `level`.

    Parameters
    ----------
    level
        The level; 0 is the coarsest.
    candidates
        The number of candidates trained; in the first round, the number of starts.
    iterations
        Iterations of the optimiser for every candidate.
    samples
        The number of samples in the objective, None for all. A few samples per parameter suffice for the
        choice among candidates.

    Examples
    --------
    >>> rounds = [Round(0, candidates=20, iterations=10, samples=200), Round(1, candidates=4, iterations=20)]
    >>> sum(each.candidates * each.iterations for each in rounds)
    280
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
    """The best candidate of successive halving.

    Attributes
    ----------
    theta, level
        The winner's parameters, on `level`.
    value, status, message
        Loss, status and message of its last run.
    result
        The last run.
    values
        The losses (or scores) of the candidates of every round, best first.
    winners
        theta of the best candidate of every round, on the level of the round.
    times
        The total time in seconds at the end of every round.
    evaluations, work, seconds
        Totals over all runs of all rounds.
    """

    theta: Float64Array = field(repr=False)
    level: int
    value: float
    status: Status
    message: str
    result: Result = field(repr=False)
    values: tuple[tuple[float, ...], ...]
    winners: tuple[Float64Array, ...] = field(repr=False)
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
    workers: int | None = None,
) -> HalvingResult:
    """The best candidate of nested iteration with successive halving (Jamieson & Talwalkar 2016) over levels.

    The coarse levels, where runs are cheap, determine to which minimum a run converges. Therefore many starts
    are trained there for a few iterations each; the best are prolongated exactly and compared again on finer
    levels. Candidates of a round are compared by their losses on the same samples.

    Parameters
    ----------
    hierarchy
        The levels.
    objective
        A function from a level and a number of samples (None for all) to the problem on the first samples.
    optimizer
        The optimiser of every round.
    rounds
        The rounds, with levels that do not decrease and numbers of candidates that do not increase.
    draw
        A function from a random generator to theta on the level of the first round.
    seed
        A seed or a NumPy Generator.
    score
        A function from a level and theta to a number by which candidates are compared, lowest first, for
        instance the loss on held-out points. Candidates whose score is infinite or NaN come last. None for
        the training loss.
    workers
        The number of local processes in which the candidates of a round are trained (joblib), with bitwise
        the same results as in this process (except for decompositions of more than 4e9 operations). This
        pays off if a candidate takes seconds: processes take seconds to start, and receive the problem with
        its data. None or 1 for this process.

    Returns
    -------
    HalvingResult
        The winner, with the losses of all candidates by round.

    Raises
    ------
    TypeError, ValueError
        Without rounds; for levels that are not in the hierarchy or that decrease, numbers of candidates that
        increase, starts that are not parameters of the first round's level, a round without a finite
        score, or a number of workers below 1.
    ModuleNotFoundError
        For several workers without joblib.
    ChildProcessError
        If the process of a candidate ends repeatedly.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.random.default_rng(0).uniform(0, 1, (400, 2))
    >>> y = np.sin(4 * x[:, 0] * x[:, 1])
    >>> levels = sk.Hierarchy(sk.KAN.splines([2, 2, 1], intervals=2), 2)
    >>> best = successive_halving(
    ...     levels,
    ...     lambda level, n: sk.LeastSquares(level.network, x[:n], y[:n], reduction="mean"),
    ...     sk.LevenbergMarquardt(),
    ...     [Round(0, candidates=6, iterations=5, samples=100), Round(1, candidates=2, iterations=15)],
    ...     draw=lambda rng: sk.initialize(levels.network, rng, scheme="greville"),
    ...     seed=0,
    ... )
    >>> best.level, [len(values) for values in best.values], best.value < 1e-3
    (1, [6, 2], True)
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
    count = 1 if workers is None else integer("workers", workers, low=1, high=MOST)
    rng = generator("seed", seed)
    level = plan[0].level
    size = hierarchy[level].network.n_parameters
    affordable(f"{plan[0].candidates} candidates of {size} parameters", 8.0 * plan[0].candidates * size)
    thetas = [vector("draw(rng)", draw(rng), size).copy() for _ in range(plan[0].candidates)]
    runs: list[Result] = []
    values, winners, times = [], [], []
    best: list[Result] = []
    with ending_processes(count):
        for entry in plan:
            problem = objective(hierarchy[entry.level], entry.samples)
            optimizer.require("objective(level, samples)", problem)
            starts = []
            for theta in thetas[: entry.candidates]:
                for coarse in range(level, entry.level):
                    theta = hierarchy.prolong(theta, coarse)
                starts.append(theta)
            best = _trained(partial(optimizer.minimize, problem, iterations=entry.iterations), starts, count)
            runs += best
            level = entry.level
            scores = [run.value for run in best]
            if score is not None:
                scores = [
                    real_number("score(level, theta)", score(hierarchy[level], run.theta.copy()))
                    for run in best
                ]
            ranks = np.where(np.isfinite(scores), scores, np.inf)
            if not np.isfinite(ranks).any():
                raise ValueError(
                    f"score(level, theta) must be finite for some candidate, got {shown(scores)}"
                )
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


def _trained(
    minimize: Callable[[Float64Array], Result], starts: Sequence[Float64Array], workers: int
) -> list[Result]:
    """The results of the starts in order, up to an interrupt."""
    if workers == 1:
        results = map(minimize, starts)
    else:
        calls = {f"candidate {n}": Call(minimize, (theta,)) for n, theta in enumerate(starts)}
        ended = {}
        for name, done in on_processes(calls.items(), workers, end=False):
            done.warn()
            ended[name] = done.result
        results = map(ended.__getitem__, calls)
    found = []
    for result in results:
        found.append(result)
        if result.status is Status.INTERRUPTED:
            break
    return found
