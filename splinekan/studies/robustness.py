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

from splinekan import gallery
from splinekan._checks import integer, one_of
from splinekan.studies import regression

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
        (target, as `gallery.REGRESSION` knows it, and number of seeds).
    samples
        Training points; as many fresh ones are held out.
    progress
        Show a bar (tqdm), one tick per run.
    schedule
        Another schedule than the regression study's "spline-tournament".

    Raises
    ------
    TypeError, ValueError
        For an unknown target, no cases, or numbers below 1.
    """
    integer("samples", samples, low=1)
    chosen = [
        (one_of("target", name, gallery.REGRESSION), integer("number of seeds", count, low=1))
        for name, count in cases
    ]
    if not chosen:
        raise ValueError("cases must name at least one target, got none")
    method = regression.select(["spline-tournament"])[0] if schedule is None else schedule
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
