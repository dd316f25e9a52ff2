"""What figures show: computed here, drawn by `splinekan.plots`, put together in `studies.figures`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from splinekan._checks import boolean, each, instance
from splinekan._files import as_path
from splinekan.spectra import Spectrum, change_of_basis_spectrum
from splinekan.splines.knots import uniform_knots
from splinekan.studies.arguments import distinct_names, distinct_seeds

OPTIONS = ("full", "seeds", "rows", "checkpoints")
"""What a figure can depend on."""


@dataclass(frozen=True)
class Setting:
    """How a figure's study is run.

    Attributes
    ----------
    full
        The study's full setting, the paper's where there is one; otherwise its quick one.
    seeds, rows
        Of the study; None for its own choice.
    checkpoints
        A folder as `studies.pde.run` takes it.
    progress
        Show a bar.

    Raises
    ------
    TypeError, ValueError
        For seeds or rows that are not sequences of different integers or names, or other wrong kinds.
    """

    full: bool = False
    seeds: tuple[int, ...] | None = None
    rows: tuple[str, ...] | None = None
    checkpoints: str | Path | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        checked = {
            "full": boolean("full", self.full),
            "seeds": None if self.seeds is None else tuple(distinct_seeds(self.seeds)),
            "rows": None if self.rows is None else self._names(),
            "checkpoints": None if self.checkpoints is None else as_path("checkpoints", self.checkpoints),
            "progress": boolean("progress", self.progress),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def _names(self) -> tuple[str, ...]:
        """Figures know what rows there are."""
        names = each("rows", self.rows, lambda name, row: instance(name, row, str))
        return tuple(distinct_names("rows", names, names))

    @property
    def given(self) -> tuple[str, ...]:
        """The names of what was chosen, apart from the bar."""
        return tuple(name for name in OPTIONS if getattr(self, name))

    @property
    def options(self) -> str:
        """As typed after the figure's name."""
        words = ["--full"] if self.full else []
        for name, values in (("--seeds", self.seeds), ("--rows", self.rows)):
            words += [name, *map(str, values)] if values is not None else []
        return " ".join(words)


def modes_of(intervals: int, orders: tuple[int, ...]) -> dict[int, Spectrum]:
    """Spectra of A^T A, with vectors, on uniform knots of [0, 1], by order r."""
    found = {}
    for r in orders:
        knots = uniform_knots(0.0, 1.0, intervals, r - 1)
        found[r] = change_of_basis_spectrum(knots, r - 1, "A^T A", vectors=True)
    return found


def ratios(_: Setting) -> tuple[list[int], dict[int, list[float]]]:
    """Numbers of intervals, and by order r the ratios of the extreme eigenvalues of A^T A."""
    counts, orders = [4, 8, 16, 32, 64, 128, 256, 512], (1, 2, 3, 4)
    by_count = [modes_of(count, orders) for count in counts]
    return counts, {r: [found[r].condition for found in by_count] for r in orders}


def speeds(_: Setting) -> Any:
    """The study of speed."""
    from splinekan.studies import speed

    return speed.run()


def regression_of(paper_only: bool) -> Callable[[Setting], Any]:
    """The regression study without perceptrons; if `paper_only`, L-BFGS alone; or the rows named."""

    def data(setting: Setting) -> Any:
        from splinekan.studies import regression

        rows = setting.rows
        if rows is None:
            known = regression.select(perceptrons=False)
            rows = tuple(s.name for s in known if s.optimizer == "L-BFGS" or not paper_only)
        seeds = regression.SEEDS if setting.full else regression.SEEDS[:2]
        return regression.run(
            seeds=seeds if setting.seeds is None else setting.seeds,
            samples=20_000 if setting.full else 4_000,
            schedules=regression.select(rows),
            progress=setting.progress,
        )

    return data


def regression_rows(perceptrons: bool) -> Callable[[], tuple[str, ...]]:
    """The rows of the regression study, with or without perceptrons."""

    def rows() -> tuple[str, ...]:
        from splinekan.studies import regression

        return tuple(schedule.name for schedule in regression.select(perceptrons=perceptrons))

    return rows


def equation_rows(name: str) -> Callable[[], tuple[str, ...]]:
    """The rows of the study of a boundary value problem."""

    def rows() -> tuple[str, ...]:
        from splinekan.studies import pde

        return pde.rows_of(name)

    return rows


def equation(name: str, multilevel_only: bool = False) -> Callable[[Setting], Any]:
    """The study of a boundary value problem: the paper's rows, or those that are named."""

    def data(setting: Setting) -> Any:
        from splinekan.studies import first_order, pde

        rows = setting.rows
        if rows is None:
            rows = tuple(schedule.name for schedule in first_order.RECIPES[name].schedules)
            if multilevel_only:
                rows = ("spline-multilevel",)
        return pde.run(
            name,
            setting.seeds,
            rows,
            quick=not setting.full,
            checkpoints=setting.checkpoints,
            progress=setting.progress,
        )

    return data


def residuals(setting: Setting) -> Any:
    """Residuals of the Allen-Cahn equation by level."""
    from splinekan.studies.residuals import residual_fields

    study = equation("allen-cahn", multilevel_only=True)(setting)
    return residual_fields(study, study.rows[0].name)


def curvatures(setting: Setting) -> Any:
    """Spectra of a network trained on the regression problem, by level and basis."""
    from splinekan.studies import conditioning

    samples = conditioning.SAMPLES if setting.full else 1000
    seed = 1234 if setting.seeds is None else setting.seeds[0]
    return conditioning.trained(conditioning.BUDGETS, samples, seed)[0]


def updates(setting: Setting) -> Any:
    """The study of complementarity."""
    from splinekan.studies import complementarity

    return complementarity.run(setting.seeds, quick=not setting.full, progress=setting.progress)


def fitted_network(_: Setting) -> tuple[Any, ...]:
    """exp(sin(pi x) + y^2) on [-1, 1]^2 fitted by a network 2 -> 5 -> 1 on 8 intervals."""
    from splinekan.network import KAN, initialize
    from splinekan.objectives import LeastSquares
    from splinekan.optimize import LevenbergMarquardt
    from splinekan.studies.interrupts import whole

    x = np.random.default_rng(0).uniform(-1.0, 1.0, (2000, 2))
    y = np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)
    network = KAN.splines([2, 5, 1], degree=3, intervals=8, domain=(-1.0, 1.0))
    theta = initialize(network, 0, "greville", bounds=(-1.0, 1.0))
    objective = LeastSquares(network, x, (y - y.min()) / np.ptp(y), weights=2 / len(x))
    found = whole(LevenbergMarquardt().minimize(objective, theta, iterations=50))
    return network, found.theta, x, ("x", "y", "u")
