"""The paper's figures and ours by name: `FIGURES`, and `make`, which draws one and writes it.

Numbers are those of Southworth et al., arXiv:2603.04827.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splinekan import plots
from splinekan._checks import one_of


@dataclass(frozen=True)
class Setting:
    """How a figure's study is run; figures without a study ignore it.

    Attributes
    ----------
    full
        The paper's budgets, seeds and samples; otherwise the study's quick setting.
    seeds, rows
        Of the study; None for its own choice.
    checkpoints
        A folder as `studies.pde.run` takes it.
    progress
        Show a bar.
    """

    full: bool = False
    seeds: tuple[int, ...] | None = None
    rows: tuple[str, ...] | None = None
    checkpoints: Path | None = None
    progress: bool = False

    @property
    def options(self) -> str:
        """As typed after the figure's name."""
        words = ["--full"] if self.full else []
        for name, values in (("--seeds", self.seeds), ("--rows", self.rows)):
            words += [name, *map(str, values)] if values else []
        return " ".join(words)


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes
    ----------
    title
        One line.
    caption
        What is seen, and how it was computed.
    data
        What `draw` needs, computed in a setting.
    draw
        Takes axes, an array (rows, columns), and the data; returns the axes.
    panels, size
        Rows and columns of axes, and inches, both from the data.
    study
        Whether the setting matters.
    """

    title: str
    caption: str
    data: Callable[[Setting], Any]
    draw: Callable[[Any, Any], Any]
    panels: Callable[[Any], tuple[int, int]] = lambda _: (1, 1)
    size: Callable[[Any], tuple[float, float]] = lambda _: (6.0, 4.2)
    study: bool = False

    def described(self, name: str, setting: Setting) -> str:
        """The caption, the setting if it matters, and the command."""
        command = f"splinekan figure {name}"
        text = self.caption
        if self.study:
            command = f"{command} {setting.options}".rstrip()
            text += " The paper's setting." if setting.full else " The study's quick setting."
        return f"{text} Made by `{command}`."


def make(name: str, path: Path, setting: Setting | None = None) -> str:
    """Compute, draw and write a figure; the caption.

    Raises
    ------
    ValueError
        For an unknown name, a path that ends neither in .png nor in .pdf, or rows that the study does not have.
    """
    figure = FIGURES[one_of("figure", name, FIGURES)]
    one_of("the ending of a figure's file", path.suffix.lower(), plots.FORMATS)
    chosen = setting or Setting()
    data = figure.data(chosen)
    sheet, axes = plots.canvas(*figure.panels(data), figure.size(data))
    figure.draw(axes, data)
    caption = figure.described(name, chosen)
    plots.save(sheet, path, figure.title, caption)
    return caption


def _modes(intervals: int, orders: tuple[int, ...]) -> dict[int, Any]:
    from splinekan.knots import uniform_knots
    from splinekan.modes import modes

    return {r: modes(uniform_knots(0.0, 1.0, intervals, r - 1), r - 1) for r in orders}


def _ratios(_: Setting) -> tuple[list[int], dict[int, list[float]]]:
    counts, orders = [4, 8, 16, 32, 64, 128, 256, 512], (1, 2, 3, 4)
    by_count = [_modes(count, orders) for count in counts]
    return counts, {r: [found[r].ratio for found in by_count] for r in orders}


def _speed(_: Setting) -> Any:
    from splinekan.studies import speed

    return speed.run()


def _regression(paper_only: bool) -> Callable[[Setting], Any]:
    def data(setting: Setting) -> Any:
        from splinekan.studies import regression

        rows = setting.rows
        if rows is None:
            known = regression.select(perceptrons=False)
            rows = tuple(s.name for s in known if s.optimizer == "L-BFGS" or not paper_only)
        seeds = regression.SEEDS if setting.full else regression.SEEDS[:2]
        return regression.run(
            seeds=setting.seeds or seeds,
            samples=20_000 if setting.full else 4_000,
            schedules=regression.select(rows),
            progress=setting.progress,
        )

    return data


def _equation(name: str, multilevel_only: bool = False) -> Callable[[Setting], Any]:
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


def _residuals(setting: Setting) -> Any:
    from splinekan.studies.residuals import residual_fields

    study = _equation("allen-cahn", multilevel_only=True)(setting)
    return residual_fields(study, study.rows[0].name)


def _network(_: Setting) -> tuple[Any, Any, Any]:
    """exp(sin(pi x) + y^2) on [-1, 1]^2 fitted by a network 2 -> 5 -> 1 on 8 intervals."""
    import numpy as np

    from splinekan.network import KAN, initialize
    from splinekan.objectives import LeastSquares
    from splinekan.optimize import LevenbergMarquardt

    x = np.random.default_rng(0).uniform(-1.0, 1.0, (2000, 2))
    y = np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)
    network = KAN.splines([2, 5, 1], degree=3, intervals=8, domain=(-1.0, 1.0))
    theta = initialize(network, 0, "greville", box=(-1.0, 1.0))
    objective = LeastSquares(network, x, (y - y.min()) / np.ptp(y), weights=2 / len(x))
    return network, LevenbergMarquardt().minimize(objective, theta, iterations=50).theta, x


def _first_row(draw: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda axes, data: draw(axes[0], data)


def _two(width: float = 9.0, height: float = 3.8) -> dict[str, Any]:
    return {"panels": lambda _: (1, 2), "size": lambda _: (width, height)}


def _history(number: str, problem: str, name: str) -> Figure:
    return Figure(
        f"Figure {number}: loss against work, {problem}",
        f"Loss against work for {problem}, work counted in epochs on the coarsest level: single-level training on "
        "the coarsest and on the finest knots and multilevel training, at equal work, in both bases, and "
        "perceptrons. Medians over seeds of the smallest loss so far on a level; markers where levels begin, "
        "lines where multilevel training refines.",
        _equation(name),
        _first_row(plots.equation_losses),
        **_two(),
        study=True,
    )


FIGURES: dict[str, Figure] = {
    "1": Figure(
        "Figure 1: eigenvalues and extreme eigenvectors of A^T A",
        "Eigenvalues of A^T A and its eigenvectors at both ends of the spectrum, G = 50 uniform intervals on "
        "[0, 1], orders r = 1 and 3. A is the change of basis b = A psi from power ReLUs to B-splines; the more an "
        "eigenvector changes its sign, the larger its eigenvalue.",
        lambda _: _modes(50, (1, 3)),
        plots.extreme_modes,
        lambda data: (len(data), 3),
        lambda data: (11.0, 2.9 * len(data)),
    ),
    "2a": Figure(
        "Figure 2a: ratio of the extreme eigenvalues of A^T A",
        "Largest over smallest eigenvalue of A^T A against the number G of uniform intervals, orders r = 1 to 4; "
        "grey lines grow like G^(2r). The largest comes from A, the smallest from the entrywise exact inverse, so "
        "no ratio is limited by rounding.",
        _ratios,
        lambda axes, data: plots.condition_growth(axes[0, 0], *data),
    ),
    "2b": Figure(
        "Figure 2b: sign changes of the eigenvectors of A^T A",
        "Number of sign changes of every eigenvector of A^T A, G = 100 uniform intervals, orders r = 1 to 4: "
        "eigenvector j changes its sign j times, whatever r is. Every number is sure: no change of an entry "
        "within its error alters it.",
        lambda _: _modes(100, (1, 2, 3, 4)),
        lambda axes, data: plots.sign_change_counts(axes[0, 0], data),
    ),
    "3": Figure(
        "Figure 3: speed of the forms of a spline layer",
        "Time of one evaluation of a network with three hidden layers of width 64 (2 inputs, 1 output, 10 "
        "intervals) against the order r: Cox-de Boor recursion, ReLU form b = A psi and ReLU layer W psi as "
        "whole-array NumPy programs over all basis functions, and this package's kernels, which touch the live "
        "functions only. Fastest of several runs, on the machine that made the figure.",
        _speed,
        _first_row(plots.seconds_by_order),
        **_two(),
    ),
    "4": Figure(
        "Figure 4: loss against work, regression",
        "Mean square error against work for the regression problem, work counted in epochs of L-BFGS on the "
        "coarsest level: single-level training on the coarsest and on the finest knots and multilevel training, at "
        "equal work. Left the spline basis, right the power ReLU basis. Medians over seeds; dots where levels "
        "begin.",
        _regression(paper_only=True),
        lambda axes, data: plots.regression_losses(axes[0], data, "linear"),
        **_two(),
        study=True,
    ),
    "6": _history("6", "the Poisson interface problem", "interface"),
    "7": _history("7", "Burgers' equation", "burgers"),
    "8": _history("8", "the Allen-Cahn equation", "allen-cahn"),
    "9": Figure(
        "Figure 9: residual of the Allen-Cahn equation by level",
        "Residual of the Allen-Cahn equation at the end of every level of multilevel training in the spline basis "
        "(or of the row that is named), the best seed: the residual, its 2-d Fourier transform under a Hann "
        "window, and the transform's cuts along both axes. Colours and cuts have one scale for all levels.",
        _residuals,
        plots.residuals_by_level,
        lambda data: (len(data), 4),
        lambda data: (11.5, 2.3 * len(data)),
        study=True,
    ),
    "network": Figure(
        "A network with the function of every edge",
        "A network 2 -> 5 -> 1 of cubic splines on 8 intervals, fitted to exp(sin(pi x) + y^2) on [-1, 1]^2: on "
        "every edge its function over the range of the data, with ticks at the knots; a line is the heavier, the "
        "more the edge moves its output.",
        _network,
        lambda axes, data: plots.network_diagram(axes[0, 0], *data, names=("x", "y", "u")),
        size=lambda _: (9.0, 5.0),
    ),
    "regression": Figure(
        "Loss against work: single-level and multilevel training in both bases",
        "Mean square error against work for the regression problem, all methods: L-BFGS on one level and on many, "
        "Gauss-Newton (Levenberg-Marquardt) on many, and a tournament of starts. Medians over seeds; dots where "
        "levels begin.",
        _regression(paper_only=False),
        _first_row(plots.regression_losses),
        **_two(),
        study=True,
    ),
}
"""By the name that `splinekan figure` takes."""
