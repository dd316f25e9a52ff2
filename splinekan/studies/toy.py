"""exp(sin(pi x) + y^2) to six digits: a deep spline network, refined from 2 to 64 intervals.

The network is all splines, 2 -> 5 -> 1, cubic. It has more hidden units than the function needs, so there
are many near-minima: a tournament chooses among starts. What decides the error on held-out points is then
the rim: corners hold few samples, and hidden values reach the ends of what was seen. Three things settle
it. The hidden domain is wider than the values that a start sends there; beyond it the end polynomials
continue, without a kink; and a little smoothing determines what the data do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from splinekan import problems
from splinekan._checks import boolean, each, instance
from splinekan.multilevel import Hierarchy, Round
from splinekan.studies.arguments import affordable_samples, distinct_seeds
from splinekan.studies.fitting import deep_network, fit

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
"""Twelve starts on 2 intervals, one end on 64. The first steps of every round are nearly undamped."""
SMOOTHING = 1e-9
DAMPING = 1e-6


@dataclass(frozen=True)
class Row:
    """One level, over all seeds. Errors are root mean squares in the units of the function."""

    intervals: int
    parameters: int
    train_rmse: float
    test_rmse: float
    test_rmse_max: float
    seconds: float


@dataclass(frozen=True)
class Study:
    """Rows, the finest level last, and what makes them repeatable."""

    rows: tuple[Row, ...]
    settings: dict[str, Any]

    def table(self) -> str:
        """The table as text."""
        lines = [
            f"{'intervals':>9} {'parameters':>10} {'train RMSE':>10} {'test RMSE':>10} {'worst':>9} {'s':>6}"
        ]
        for row in self.rows:
            lines.append(
                f"{row.intervals:>9} {row.parameters:>10} {row.train_rmse:>10.2e} {row.test_rmse:>10.2e} "
                f"{row.test_rmse_max:>9.2e} {row.seconds:>6.2f}"
            )
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """Everything in the table, for JSON."""
        return {"study": "toy", **self.settings, "rows": [asdict(row) for row in self.rows]}


def run(
    seeds: Sequence[int] = SEEDS,
    samples: int = 4096,
    rounds: Sequence[Round] = ROUNDS,
    progress: bool = False,
) -> Study:
    """Train from every seed.

    Parameters
    ----------
    seeds
        Each draws its own points and starts.
    samples
        Training points, uniform in [-1, 1]^2; 20,000 others are held out.
    rounds
        Of the tournament.
    progress
        Show a bar (tqdm), one tick per seed.

    Raises
    ------
    TypeError, ValueError
        For no seeds or rounds, the same seed twice, or a number of samples below 2.
    MemoryError
        If the samples do not fit into this machine.
    """
    samples = affordable_samples(samples, low=2)
    numbers = distinct_seeds(seeds)
    progress = boolean("progress", progress)
    plan = each("rounds", rounds, lambda name, value: instance(name, value, Round))
    problem = problems.regression("exp-sine")
    levels = Hierarchy(deep_network([2, 5, 1], problem.bounds), 1 + max(one.level for one in plan))
    found = []
    for seed in tqdm(numbers, disable=not progress, leave=False):
        found.append(fit(problem, levels, plan, seed, samples, SMOOTHING, DAMPING))
    rows = []
    for errors in zip(*found, strict=True):
        level = errors[0].level
        train, test, seconds = np.array([(e.train, e.test, e.seconds) for e in errors]).T
        rows.append(
            Row(
                levels[level].network.intervals,
                levels[level].network.n_parameters,
                float(np.median(train)),
                float(np.median(test)),
                float(test.max()),
                float(np.median(seconds)),
            )
        )
    settings = {"seeds": numbers, "samples": samples, "smoothing": SMOOTHING, "damping": DAMPING}
    return Study(tuple(rows), settings)
