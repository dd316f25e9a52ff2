"""The tables of the study of cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from splinekan.studies.cycles.model_problems import Factor, Norm
from splinekan.studies.skeleton.tables import Column, table

Line = tuple[tuple[Any, ...], dict[int, Any]]
"""The label of a line, and its entries by the number of intervals."""


@dataclass(frozen=True)
class Row:
    """A method over all seeds.

    Attributes
    ----------
    problem, smoother, method
        Which.
    count
        The quantity that is equal for all methods: "work" or "evaluations".
    parameters
        The number of parameters on the finest level.
    work, evaluations, seconds
        Medians. With "evaluations", work is the number of evaluations.
    loss_per_seed
        The lowest loss of the run.
    loss_in_time_per_seed
        The lowest loss up to `time`, that of the fastest method with the same problem, smoother and count.
    accepted
        The share of coarse corrections of the finest level that were accepted; None without.
    by_corrections
        The share of the decrease of log(loss) that these corrections achieved, the median over seeds.
    """

    problem: str
    smoother: str
    count: str
    method: str
    parameters: int
    work: float
    evaluations: float
    seconds: float
    time: float
    loss_per_seed: list[float]
    loss_in_time_per_seed: list[float]
    accepted: float | None
    by_corrections: float | None

    @property
    def median(self) -> float:
        """The median of the losses."""
        return float(np.median(self.loss_per_seed))

    @property
    def in_time(self) -> float:
        """Median of the losses in equal time."""
        return float(np.median(self.loss_in_time_per_seed))


ROW_COLUMNS = (
    Column("method", "method", left=True),
    Column("work", "work", ".0f"),
    Column("evaluations", "evaluations", ".0f"),
    Column("s", "seconds", ".2f"),
    Column("loss, median", "median", ".1e"),
    Column("worst", lambda row: max(row.loss_per_seed), ".1e"),
    Column("in equal time", "in_time", ".1e"),
    Column("accepted", lambda row: "" if row.accepted is None else f"{row.accepted:.2f}"),
    Column("by corrections", lambda row: "" if row.by_corrections is None else f"{row.by_corrections:.2f}"),
)


def loss_table(rows: Sequence[Row]) -> str:
    """A line per method, grouped by problem, smoother and what is equal."""
    return table(ROW_COLUMNS, rows, lambda row: f"{row.problem}, {row.smoother}, equal {row.count}")


def factor_table(rows: Sequence[Factor]) -> str:
    """A line per problem, degree, geometry, step and cycle; a column per number of intervals."""
    lines: dict[tuple[Any, ...], dict[int, Any]] = {}
    for row in rows:
        key = (row.problem, row.degree, row.geometry, row.step, row.cycle)
        lines.setdefault(key, {})[row.intervals] = row.factor
    sizes = sorted({row.intervals for row in rows})
    columns = _keys("problem", "k", "geometry", "step", "cycle")
    columns += [Column(f"G = {size}", partial(_factor, size)) for size in sizes]
    return f"factors of cycles for linear model problems\n{table(columns, list(lines.items()))}"


def norm_table(rows: Sequence[Norm]) -> str:
    """A line per degree, basis and projection; norms for the smallest and the largest number of intervals."""
    lines: dict[tuple[Any, ...], dict[int, Any]] = {}
    for row in rows:
        lines.setdefault((row.degree, row.basis, row.kind), {})[row.intervals] = row
    sizes = sorted({row.intervals for row in rows})
    columns = _keys("k", "basis", "projection")
    for field, name in (("largest", "max norm"), ("functions", "L2 norm")):
        for size in dict.fromkeys((sizes[0], sizes[-1])):
            columns.append(Column(f"{name}, G = {size}", partial(_norm, field, size)))
    return f"norms of projections\n{table(columns, list(lines.items()))}"


def _keys(*names: str) -> list[Column]:
    return [Column(name, partial(_key, at), left=True) for at, name in enumerate(names)]


def _key(at: int, line: Line) -> str:
    return str(line[0][at])


def _norm(field: str, size: int, line: Line) -> str:
    return f"{getattr(line[1][size], field):.3g}"


def _factor(size: int, line: Line) -> str:
    value = line[1].get(size, np.nan)
    if np.isnan(value):
        return ""
    if value >= 1.0005:
        return "diverges"
    return f"{value:.4f}" if 1 - value > 5e-5 else f"1-{1 - value:.0e}"
