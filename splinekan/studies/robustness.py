"""How often the tournament arrives: other seeds, other angles, other targets.

The setting is that of the regression study: an affine map 2 -> 5 and one cubic spline layer 5 -> 1, from 5 to
40 intervals. A run succeeds if its mean square error is at most `FACTOR` times the best of all runs on its
target: what one start reached, the others should. (The scale is that of outputs in [0, 1].)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from splinekan import problems
from splinekan._checks import boolean, each, instance, integer, one_of, sequence
from splinekan.studies import regression
from splinekan.studies.arguments import affordable_samples, distinct_names

CASES = (
    ("rotated-waves", 20),
    ("rotated-waves-0.5", 5),
    ("rotated-waves-0.9", 5),
    ("rotated-waves-1.3", 5),
    ("peak", 5),
    ("ridges", 5),
    ("products", 5),
)
"""(target, number of seeds)."""
FIRST_SEED = 3000
FACTOR = 10.0
MOST = 10**6
"""Seeds of a target: results are kept in memory."""


@dataclass(frozen=True)
class Row:
    """One target over its seeds."""

    name: str
    successes: int
    runs: int
    best: float
    median: float
    worst: float
    test_median: float
    seconds: float


@dataclass(frozen=True)
class Study:
    """The rows and what makes them repeatable."""

    rows: tuple[Row, ...]
    settings: dict[str, Any]

    def table(self) -> str:
        """The table as text."""
        lines = [
            f"{'target':<18} {'success':>8} {'best':>9} {'median':>9} {'worst':>9} {'held-out':>9} "
            f"{'s/seed':>7}"
        ]
        for row in self.rows:
            lines.append(
                f"{row.name:<18} {f'{row.successes}/{row.runs}':>8} {row.best:>9.1e} {row.median:>9.1e} "
                f"{row.worst:>9.1e} {row.test_median:>9.1e} {row.seconds:>7.1f}"
            )
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """Everything in the table, for JSON."""
        return {"study": "robustness", **self.settings, "rows": [asdict(row) for row in self.rows]}


def run(
    cases: Sequence[tuple[str, int]] = CASES,
    samples: int = 20_000,
    progress: bool = False,
    schedule: regression.Schedule | None = None,
) -> Study:
    """Train on every target from as many seeds as asked, 3000 and following.

    Parameters
    ----------
    cases
        (target, as `problems.REGRESSION` knows it, and number of seeds).
    samples
        Training points; as many fresh ones are held out.
    progress
        Show a bar (tqdm), one tick per run.
    schedule
        Another schedule than the regression study's "spline-tournament".

    Raises
    ------
    TypeError, ValueError
        For an unknown target, a target given twice, no cases, numbers of seeds below 1 or of samples below 2.
    MemoryError
        If the samples do not fit into this machine.
    """
    samples = affordable_samples(samples, low=2)
    if not sequence("cases", cases, empty=True):
        raise ValueError("cases must name at least one target, got none")
    chosen = each("cases", cases, _case)
    distinct_names("targets", [name for name, _ in chosen], problems.REGRESSION)
    progress = boolean("progress", progress)
    method = regression.select(["spline-tournament"])[0] if schedule is None else schedule
    instance("schedule", method, regression.Schedule)
    rows = []
    bar = tqdm(total=sum(count for _, count in chosen), disable=not progress, leave=False)
    for name, count in chosen:
        errors, held_out, seconds = [], [], []
        for seed in range(FIRST_SEED, FIRST_SEED + count):
            bar.set_description(f"{name}, seed {seed}")
            trained = regression.train(method, seed, samples, target=name)
            errors.append(trained.mse)
            held_out.append(trained.test_mse)
            seconds.append(trained.seconds)
            bar.update(1)
        best = min(errors)
        rows.append(
            Row(
                name,
                sum(error <= FACTOR * best for error in errors),
                count,
                best,
                float(np.median(errors)),
                max(errors),
                float(np.median(held_out)),
                float(np.mean(seconds)),
            )
        )
    bar.close()
    return Study(tuple(rows), {"first_seed": FIRST_SEED, "samples": samples, "factor": FACTOR})


def _case(name: str, value: Any) -> tuple[str, int]:
    parts = sequence(name, value)
    if len(parts) != 2:
        raise ValueError(f"{name} must be a pair (target, number of seeds), got {value!r}")
    target, count = parts
    return one_of(f"{name}[0]", target, problems.REGRESSION), integer(f"{name}[1]", count, low=1, high=MOST)
