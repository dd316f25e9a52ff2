"""The competition of networks: additive splines, ridge functions, products, deeper networks; their starts.

Networks that are linear in theta are trained first, since a few steps solve them. The others, each with
several starts, take part in rounds of successive halving (Jamieson & Talwalkar 2016): in a round all are
given about the same number of floating-point operations, and those with the least loss on held-out points
remain. Work is counted, not timed, so that the same seed gives the same solution. The winner is trained on
finer levels, on new points in every run, while the held-out loss falls. At the end a Gauss-Newton step on
other points shows how sensitive the solution is.

Equations that are linear in the unknown are solved for the last layer by variable projection, before
Levenberg-Marquardt on all parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import numpy as np

from splinekan.optimize import History
from splinekan.solving import networks
from splinekan.solving.contenders import Contender
from splinekan.solving.doubts import doubts
from splinekan.solving.options import LevelRecord, Options, Outcome
from splinekan.solving.pieces import Piece
from splinekan.solving.statement import Statement
from splinekan.solving.uncertainty import standard_errors

STARTS = 20
"""Approximate number of contenders in the first round: 2 to `MOST_STARTS` starts of every architecture."""
MOST_STARTS = 6
ROUNDS = (4, 2)
"""Numbers of contenders after the first round and after the second, which has twice the work for each."""
WORK = 4e9
"""Work of a contender in the first round, in units of the assembly of J^T J."""
FEWEST, MOST = 8, 60
"""Iterations of a contender in a round."""
AFFORDABLE = 3.0
"""Contenders whose minimum number of iterations exceeds the work of a round by this factor do not start."""
RUNS, ITERATIONS = 3, 60
"""Numbers of runs on a level of the winner, each on new points, and of their iterations."""
SLOW = 0.7
"""A run that reduces the held-out loss by less than this factor is the last on its level."""
LARGEST = {1: 2000, 2: 2500, 3: 1500}
"""Largest number of parameters per unknown for refinement, by the number of variables."""
GROWTH = {1: 2.0, 2: 3.0, 3: 2.5}
"""Approximate growth of the number of parameters of a finer tensor-product spline; 2 for other networks."""
DEEPEST = 10
"""The largest number of levels."""
WORTHWHILE = 4.0
"""Two further levels should divide the held-out loss by this."""
ABOUT = 2.0
"""The solution is the finest level whose held-out loss is at most this multiple of the least."""
FAR = 1e4
"""After the second round contenders are dropped if their loss exceeds the leader's by this factor."""


def solve(statement: Statement, options: Options) -> Outcome:
    """The solution of a statement by the network that wins."""
    stop = np.inf if options.seconds is None else perf_counter() + options.seconds
    field = [
        Contender(architecture, statement, options, 0, stop)
        for architecture in networks.architectures(statement, options)
    ]
    lost: list[Contender] = []
    leader: Contender | None = None
    for contender in [each for each in field if each.linear]:
        _all_levels(contender, options, stop)
        leader = _better(leader, contender, lost)
        if _reached(contender, options):
            break
    rivals = [each for each in field if not each.linear]
    if rivals and (leader is None or not _reached(leader, options)):
        winner = _tournament(rivals, statement, options, stop, lost)
        _all_levels(winner, options, stop)
        leader = _better(leader, winner, lost)
    assert leader is not None
    return _outcome(leader, lost)


def _better(leader: Contender | None, other: Contender, lost: list[Contender]) -> Contender:
    """The contender with the lower loss; the other has lost."""
    if leader is None:
        return other
    first, second = sorted((leader, other), key=_least)
    lost.append(second)
    return first


def _least(contender: Contender) -> float:
    scores = [level.held_out for level in contender.levels] or [contender.score]
    return min(score if np.isfinite(score) else np.inf for score in scores)


def _reached(contender: Contender, options: Options) -> bool:
    return _least(contender) <= options.tolerance**2 / 2


def _tournament(
    rivals: list[Contender], statement: Statement, options: Options, stop: float, lost: list[Contender]
) -> Contender:
    """The winner of the rounds, on its coarsest level."""
    light = [each for each in rivals if FEWEST * each.work <= AFFORDABLE * WORK]
    rivals = light or [min(rivals, key=lambda each: each.work)]
    count = int(np.clip(STARTS // len(rivals), 2, MOST_STARTS))
    field = [
        each if number == 0 else Contender(each.architecture, statement, options, number, stop)
        for number in range(count)
        for each in rivals
    ]
    for number, left in enumerate((*ROUNDS, 1)):
        for contender in field:
            share = WORK * 2**number / contender.work
            contender.train(int(np.clip(share, FEWEST, MOST)))
            if _reached(contender, options) or (perf_counter() > stop and np.isfinite(contender.score)):
                break
        field.sort(key=lambda each: each.score if np.isfinite(each.score) else np.inf)
        stays = _staying(field, left)
        for contender in field:
            if contender not in stays:
                contender.record()
                lost.append(contender)
        field = stays
        if len(field) == 1 or _reached(field[0], options):
            break
    for contender in field[1:]:
        contender.record()
        lost.append(contender)
    return field[0]


def _staying(field: Sequence[Contender], count: int) -> list[Contender]:
    """The best contenders, at most half of them of the same architecture unless there is only one."""
    stays: list[Contender] = []
    several = len({each.architecture for each in field}) > 1
    for each in field:
        same = sum(other.architecture == each.architecture for other in stays)
        hopeless = stays and not each.score <= FAR * stays[0].score
        if len(stays) < count and not hopeless and (not several or same < max(count // 2, 1)):
            stays.append(each)
    return stays


def _all_levels(contender: Contender, options: Options, stop: float) -> None:
    """Train on successive levels while this reduces the loss enough."""
    while True:
        for _ in range(1 if contender.linear else RUNS):
            before = contender.score
            if before <= options.tolerance**2 / 2 and contender.histories:
                break
            contender.train(ITERATIONS)
            if not contender.score <= SLOW * before:
                break
        contender.record()
        if _done(contender, options, stop):
            return
        contender.refine()


def _done(contender: Contender, options: Options, stop: float) -> bool:
    levels = contender.levels
    if perf_counter() > stop:
        return True
    if options.levels is not None:
        return len(levels) >= options.levels
    if _reached(contender, options) or len(levels) >= DEEPEST:
        return True
    comparable = levels[contender.merged_at :]
    if len(comparable) > 2:
        before = min(each.held_out for each in comparable[:-2])
        if not comparable[-1].held_out * WORTHWHILE <= before:
            return True
    d = contender.dimension
    growth = GROWTH.get(d, 4.0) if contender.architecture.name == "tensor" else 2.0
    return levels[-1].parameters * growth > LARGEST.get(d, 2000) * len(contender.statement.unknown)


def _outcome(winner: Contender, lost: Sequence[Contender]) -> Outcome:
    """The solution, with the last levels of the losers, the worst first."""
    least = _least(winner)
    at = max(i for i, level in enumerate(winner.levels) if not level.held_out > ABOUT * least)
    network, theta = winner.kept[at]
    piece = Piece(winner.statement, network, theta)
    errors = {}
    if winner.statement.constants:
        winner.network = network
        errors = standard_errors(winner.statement, network, theta, winner.rule(0))
    own = winner.levels[: at + 1]
    winner.network = network
    found = doubts(own, piece, winner.statement.pinn(network, winner.rule(2, True)))
    others = sorted((best for best in _best_of_each(lost, winner)), key=lambda level: -level.held_out)
    return Outcome((piece,), History.join(winner.histories), (*others, *own), found, errors)


def _best_of_each(lost: Sequence[Contender], winner: Contender) -> list[LevelRecord]:
    """The best level of every other architecture."""
    found: dict[networks.Architecture, LevelRecord] = {}
    for contender in lost:
        level = min(contender.levels, key=lambda each: each.held_out)
        kind = contender.architecture
        if kind != winner.architecture and (kind not in found or level.held_out < found[kind].held_out):
            found[kind] = level
    return list(found.values())
