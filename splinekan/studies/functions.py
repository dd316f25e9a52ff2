"""Special functions, formulas of physics and Friedman's function: a table of what small networks can do.

The functions are of the kind that papers on KANs use (Liu et al., arXiv:2404.19756). Every one is fitted in
the same way, with no tuning per function: the shape depends on the number of inputs alone. So the table shows
where the shape does not suit the function; such rows are marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from splinekan import problems
from splinekan._checks import boolean, each, instance, integer
from splinekan.multilevel import Hierarchy, Round
from splinekan.studies.arguments import affordable_samples, distinct_names, distinct_seeds
from splinekan.studies.fitting import deep_network, fit

NAMES = (
    "exp-sine",
    "peak",
    "ridges",
    "products",
    "bessel-j",
    "bessel-k",
    "elliptic-f",
    "elliptic-sn",
    "feynman-I.6.2b",
    "feynman-I.9.18",
    "feynman-I.16.6",
    "feynman-I.26.2",
    "feynman-I.29.16",
    "friedman-1",
)
SEEDS = (0, 1, 2)
FAILURE = 1e-3
"""A median error above this part of the function's deviation is marked as a failure."""
FLAT = (
    Round(0, 12, 12, 1000),
    Round(0, 4, 25, 1000),
    Round(1, 4, 20, 1500),
    Round(2, 4, 20, 2500),
    Round(3, 2, 20),
    Round(4, 1, 20),
)
DEEP = (Round(0, 10, 12, 1500), Round(0, 3, 30, 2500), Round(1, 3, 25, 2500), Round(2, 2, 25))
WIDE = (Round(0, 6, 12, 2000), Round(0, 2, 20, 3000), Round(1, 2, 15, 3000), Round(2, 1, 20))
SMOOTHING, DAMPING = 1e-9, 1e-6


def shape(n_in: int) -> tuple[tuple[int, ...], tuple[Round, ...]]:
    """Widths and rounds for a number of inputs: two, a few, many."""
    n_in = integer("n_in", n_in, low=1)
    if n_in <= 2:
        return (n_in, 5, 1), FLAT
    return ((n_in, 5, 5, 1), DEEP) if n_in <= 6 else ((n_in, 5, 1), WIDE)


@dataclass(frozen=True)
class Row:
    """One function over all seeds; errors are root mean squares over the function's standard deviation."""

    name: str
    source: str
    widths: tuple[int, ...]
    intervals: int
    parameters: int
    train_rmse: float
    test_rmse: float
    test_rmse_max: float
    seconds: float
    failed: bool


@dataclass(frozen=True)
class Study:
    """The rows and what makes them repeatable."""

    rows: tuple[Row, ...]
    settings: dict[str, Any]

    def table(self) -> str:
        """The table as text."""
        lines = [
            f"{'function':<16} {'widths':>10} {'intervals':>9} {'parameters':>10} {'train':>9} "
            f"{'test':>9} {'worst':>9} {'s':>6}"
        ]
        for row in self.rows:
            widths = "-".join(map(str, row.widths))
            lines.append(
                f"{row.name:<16} {widths:>10} {row.intervals:>9} {row.parameters:>10} "
                f"{row.train_rmse:>9.1e} {row.test_rmse:>9.1e} {row.test_rmse_max:>9.1e} "
                f"{row.seconds:>6.1f}" + ("  FAILED" if row.failed else "")
            )
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """Everything in the table, for JSON."""
        return {"study": "functions", **self.settings, "rows": [asdict(row) for row in self.rows]}


def run(
    names: Sequence[str] = NAMES,
    seeds: Sequence[int] = SEEDS,
    samples: int = 4096,
    progress: bool = False,
    rounds: Sequence[Round] | None = None,
) -> Study:
    """Fit every function from every seed.

    Parameters
    ----------
    names
        Functions, as `problems.REGRESSION` knows them.
    seeds
        Each draws its own points and starts.
    samples
        Training points; 20,000 others are held out.
    progress
        Show a bar (tqdm), one tick per fit.
    rounds
        Of every tournament; None for those of `shape`.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, no names or seeds, the same twice, or a number of samples below 2.
    MemoryError
        If the samples do not fit into this machine.
    """
    samples = affordable_samples(samples, low=2)
    numbers = distinct_seeds(seeds)
    progress = boolean("progress", progress)
    chosen = [problems.regression(name) for name in distinct_names("names", names, problems.REGRESSION)]
    given = None
    if rounds is not None:
        given = each("rounds", rounds, lambda name, value: instance(name, value, Round))
    rows = []
    bar = tqdm(total=len(chosen) * len(numbers), disable=not progress, leave=False)
    for problem in chosen:
        widths, usual = shape(problem.n_in)
        plan = usual if given is None else given
        levels = Hierarchy(deep_network(widths, problem.bounds), 1 + plan[-1].level)
        deviation = problem.sample(20_000, np.random.default_rng(0))[1].std()
        ends = []
        for seed in numbers:
            bar.set_description(f"{problem.name}, seed {seed}")
            ends.append(fit(problem, levels, plan, seed, samples, SMOOTHING, DAMPING)[-1])
            bar.update(1)
        test = np.array([end.test for end in ends]) / deviation
        finest = levels[plan[-1].level].network
        rows.append(
            Row(
                problem.name,
                problem.source,
                widths,
                finest.intervals,
                finest.n_parameters,
                float(np.median([end.train for end in ends]) / deviation),
                float(np.median(test)),
                float(test.max()),
                float(np.median([end.seconds for end in ends])),
                bool(np.median(test) > FAILURE),
            )
        )
    bar.close()
    settings = {"seeds": numbers, "samples": samples, "failure_above": FAILURE}
    return Study(tuple(rows), settings)
