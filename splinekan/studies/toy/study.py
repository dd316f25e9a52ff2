"""exp(sin(pi x) + y^2) to six digits: a deep spline network, refined from 2 to 64 intervals.

The network is all splines, 2 -> 5 -> 1, cubic. It has more hidden units than the function needs, so there
are many near-minima: successive halving chooses among starts. The error on held-out points is then largest
at the rim: corners hold few samples, and hidden values reach the ends of the range seen in training. Three
measures help. The hidden domain is wider than the values that a start sends there; beyond it the end
polynomials continue, without a kink; and a little smoothing determines what the data do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splinekan import problems
from splinekan.multilevel import Hierarchy, Round
from splinekan.studies.functions.fitting import deep_network, fit
from splinekan.studies.skeleton.arguments import affordable_samples, distinct_seeds, rounds_of
from splinekan.studies.skeleton.study import TableStudy
from splinekan.studies.skeleton.sweep import Sweep
from splinekan.studies.skeleton.tables import Column

SEEDS = tuple(range(10))
ROUNDS = (
    Round(0, 12, 12, 1000),
    Round(0, 4, 25, 1000),
    Round(1, 4, 20, 1500),
    Round(2, 4, 20, 1500),
    Round(3, 4, 15, 2500),
    Round(4, 2, 15),
    Round(5, 1, 15),
)
"""From twelve starts on 2 intervals to one network on 64. First steps of every round are nearly undamped."""
SMOOTHING = 1e-9
DAMPING = 1e-6


@dataclass(frozen=True)
class Row:
    """A level, over all seeds. Errors are root mean squares in the units of the function."""

    intervals: int
    parameters: int
    train_rmse: float
    test_rmse: float
    test_rmse_max: float
    seconds: float


COLUMNS = (
    Column("intervals", "intervals"),
    Column("parameters", "parameters"),
    Column("train RMSE", "train_rmse", ".2e"),
    Column("test RMSE", "test_rmse", ".2e"),
    Column("worst", "test_rmse_max", ".2e"),
    Column("s", "seconds", ".2f"),
)


def run(
    seeds: Sequence[int] = SEEDS,
    samples: int = 4096,
    rounds: Sequence[Round] = ROUNDS,
    progress: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    checkpoints: str | Path | None = None,
) -> TableStudy[Row]:
    """Train from every seed: a row per level, the finest last.

    Parameters
    ----------
    seeds
        Each draws its own points and starts.
    samples
        Training points, uniform in [-1, 1]^2; 20,000 others are held out.
    rounds
        Rounds of successive halving.
    progress
        Show a bar (tqdm), one tick per seed.
    workers, scheduler, checkpoints
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError
        For no seeds or rounds, the same seed twice, or a number of samples below 2.
    MemoryError
        If the samples do not fit in memory.
    """
    samples = affordable_samples(samples, low=2)
    numbers = distinct_seeds(seeds)
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    plan = rounds_of(rounds)
    problem = problems.regression("exp-sine")
    levels = Hierarchy(deep_network([2, 5, 1], problem.bounds), 1 + max(entry.level for entry in plan))
    errors, places = sweep.every_seed(
        "toy",
        lambda _, seed: fit(problem, levels, plan, seed, samples, SMOOTHING, DAMPING),
        {problem.name: numbers},
        {problem.name: [plan, samples, SMOOTHING, DAMPING]},
    )
    rows = []
    for same in zip(*errors[problem.name], strict=True):
        network = levels[same[0].level].network
        train, test, seconds = np.array([(error.train, error.test, error.seconds) for error in same]).T
        rows.append(
            Row(
                network.intervals,
                network.n_parameters,
                float(np.median(train)),
                float(np.median(test)),
                float(test.max()),
                float(np.median(seconds)),
            )
        )
    settings = {"seeds": numbers, "samples": samples, "smoothing": SMOOTHING, "damping": DAMPING}
    return TableStudy("toy", COLUMNS, tuple(rows), settings, places=places)
