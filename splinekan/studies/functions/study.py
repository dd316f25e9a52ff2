"""Special functions, formulas of physics and Friedman's function, fitted by small networks.

The functions are those of papers on KANs (Liu et al., arXiv:2404.19756). All are fitted in the same way,
without tuning for a function: the shape of the network depends on the number of inputs alone. The table
therefore shows where the shape does not suit the function; such rows are marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splinekan import problems
from splinekan._checks import integer
from splinekan.multilevel import Hierarchy, Round
from splinekan.problems.regression import RegressionProblem
from splinekan.studies.functions.fitting import HELD_OUT, LevelError, deep_network, fit
from splinekan.studies.skeleton.arguments import (
    affordable_samples,
    distinct_names,
    distinct_seeds,
    rounds_of,
)
from splinekan.studies.skeleton.study import TableStudy
from splinekan.studies.skeleton.sweep import Sweep
from splinekan.studies.skeleton.tables import Column

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
"""A median error above this fraction of the function's standard deviation is marked as a failure."""
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
    """A function over all seeds; errors are root mean squares over the function's standard deviation."""

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


COLUMNS = (
    Column("function", "name", left=True),
    Column("widths", lambda row: "-".join(map(str, row.widths))),
    Column("intervals", "intervals"),
    Column("parameters", "parameters"),
    Column("train", "train_rmse", ".1e"),
    Column("test", "test_rmse", ".1e"),
    Column("worst", "test_rmse_max", ".1e"),
    Column("s", "seconds", ".1f"),
    Column("", lambda row: "FAILED" if row.failed else "", left=True),
)


def run(
    names: Sequence[str] = NAMES,
    seeds: Sequence[int] = SEEDS,
    samples: int = 4096,
    progress: bool = False,
    rounds: Sequence[Round] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    checkpoints: str | Path | None = None,
) -> TableStudy[Row]:
    """Fit every function from every seed.

    Parameters
    ----------
    names
        Names of functions in `problems.REGRESSION`.
    seeds
        Each draws its own points and starts.
    samples
        Training points; 20,000 others are held out.
    progress
        Show a bar (tqdm), one tick per fit.
    rounds
        Rounds of successive halving; None for those of `shape`.
    workers, scheduler, checkpoints
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, no names or seeds, the same twice, or a number of samples below 2.
    MemoryError
        If the samples do not fit in memory.
    """
    samples = affordable_samples(samples, low=2)
    numbers = distinct_seeds(seeds)
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    chosen = {name: problems.regression(name) for name in distinct_names("names", names, problems.REGRESSION)}
    given = None if rounds is None else rounds_of(rounds)
    plans = {name: shape(problem.n_in)[1] if given is None else given for name, problem in chosen.items()}
    levels = {
        name: Hierarchy(deep_network(shape(problem.n_in)[0], problem.bounds), 1 + plans[name][-1].level)
        for name, problem in chosen.items()
    }
    errors, places = sweep.every_seed(
        "functions",
        lambda name, seed: fit(chosen[name], levels[name], plans[name], seed, samples, SMOOTHING, DAMPING)[
            -1
        ],
        dict.fromkeys(chosen, numbers),
        {
            name: [shape(problem.n_in)[0], plans[name], samples, SMOOTHING, DAMPING]
            for name, problem in chosen.items()
        },
    )
    rows = tuple(_row(problem, levels[name], errors[name]) for name, problem in chosen.items())
    settings = {"seeds": numbers, "samples": samples, "failure_above": FAILURE}
    return TableStudy("functions", COLUMNS, rows, settings, places=places)


def _row(problem: RegressionProblem, levels: Hierarchy, errors: Sequence[LevelError]) -> Row:
    deviation = problem.sample(HELD_OUT, np.random.default_rng(0))[1].std()
    test = np.array([error.test for error in errors]) / deviation
    finest = levels[-1].network
    return Row(
        problem.name,
        problem.source,
        shape(problem.n_in)[0],
        finest.intervals,
        finest.n_parameters,
        float(np.median([error.train for error in errors]) / deviation),
        float(np.median(test)),
        float(test.max()),
        float(np.median([error.seconds for error in errors])),
        bool(np.median(test) > FAILURE),
    )
