"""The paper's figures and ours by name: `FIGURES`, and `make`, which draws one and writes it.

Numbers are those of Southworth et al., arXiv:2603.04827.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splinekan import plots
from splinekan._checks import instance, one_of, shown
from splinekan._files import as_path, check_writable
from splinekan.studies import figure_data as data
from splinekan.studies.figure_data import OPTIONS, Setting


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
    takes
        What of a `Setting` its study depends on; nothing for a figure without a study.
    single
        What it takes one of only, of "seeds" and "rows".
    rows
        The rows that can be chosen, if it takes rows.
    """

    title: str
    caption: str
    data: Callable[[Setting], Any]
    draw: Callable[[Any, Any], Any]
    panels: Callable[[Any], tuple[int, int]] = lambda _: (1, 1)
    size: Callable[[Any], tuple[float, float]] = lambda _: (6.0, 4.2)
    takes: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    rows: Callable[[], tuple[str, ...]] = tuple

    def described(self, name: str, setting: Setting) -> str:
        """The caption, the setting if it matters, and the command."""
        command = f"splinekan figure {name}"
        text = self.caption
        if self.takes:
            command = f"{command} {setting.options}".rstrip()
            text += " The study's full setting." if setting.full else " The study's quick setting."
        return f"{text} Made by `{command}`."

    def part_of(self, setting: Setting) -> Setting:
        """What it takes of a setting that was made for many figures; the first, where it takes one only."""
        known = self.rows()
        names = [name for name in setting.given if name in self.takes]
        chosen: dict[str, Any] = {name: getattr(setting, name) for name in names}
        if "rows" in chosen:
            chosen["rows"] = tuple(row for row in chosen["rows"] if row in known) or None
        for name in self.single:
            if chosen.get(name):
                chosen[name] = chosen[name][:1]
        return Setting(**chosen, progress=setting.progress)


def make(name: str, path: str | Path, setting: Setting | None = None) -> str:
    """Compute, draw and write a figure; the caption.

    Raises
    ------
    TypeError, ValueError, OSError
        As `check`.
    """
    chosen = Setting() if setting is None else setting
    target = check(name, path, chosen)
    figure = FIGURES[name]
    found = figure.data(chosen)
    sheet, axes = plots.canvas(*figure.panels(found), figure.size(found))
    figure.draw(axes, found)
    caption = figure.described(name, chosen)
    plots.save(sheet, target, figure.title, caption)
    return caption


def check(name: str, path: str | Path, setting: Setting) -> Path:
    """Refuse what `make` cannot do, before any work; the path.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, a path that ends neither in .png nor in .pdf, settings that the figure does not
        depend on, or rows that its study does not have.
    OSError
        If the file cannot be written.
    """
    one_of("figure", name, FIGURES)
    target = as_path("path", path)
    plots.file_format(target)
    check_setting(name, instance("setting", setting, Setting))
    check_writable(target)
    return target


def check_setting(name: str, setting: Setting) -> None:
    """Refuse what a figure does not depend on, and rows that it does not have; "all" for any figure.

    Raises
    ------
    ValueError
        Naming what the figure takes, or its rows.
    """
    figures = list(FIGURES.values()) if name == "all" else [FIGURES[name]]
    takes = [option for option in OPTIONS if any(option in figure.takes for figure in figures)]
    for option in setting.given:
        if option not in takes:
            accepted = f"takes {', '.join(takes)} only" if takes else "takes none of these"
            raise ValueError(f"{option} must not be given for figure {name}, which {accepted}")
    if name != "all":
        for option in figures[0].single:
            values = getattr(setting, option)
            if values is not None and len(values) > 1:
                raise ValueError(f"{option} must name one only for figure {name}, got {shown(values)}")
    known = dict.fromkeys(row for figure in figures for row in figure.rows())
    for row in setting.rows or ():
        one_of("row", row, known)


def _first_row(draw: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda axes, found: draw(axes[0], found)


def _two(width: float = 9.0, height: float = 3.8) -> dict[str, Any]:
    return {"panels": lambda _: (1, 2), "size": lambda _: (width, height)}


def _history(number: str, problem: str, name: str) -> Figure:
    return Figure(
        f"Figure {number}: loss against work, {problem}",
        f"Loss against work for {problem}, work counted in epochs on the coarsest level: single-level "
        "training on the coarsest and on the finest knots and multilevel training, in both bases, and "
        "perceptrons; each line ends where its budget does. Medians over seeds of the smallest loss so far "
        "on a level; markers where levels begin, lines where multilevel training refines. A level takes over "
        "the best parameters of the one before, but not the weights of attention, so a line may rise there.",
        data.equation(name),
        _first_row(plots.equation_losses),
        **_two(9.0, 4.2),
        takes=("full", "seeds", "rows", "checkpoints"),
        rows=data.equation_rows(name),
    )


FIGURES: dict[str, Figure] = {
    "1": Figure(
        "Figure 1: eigenvalues and extreme eigenvectors of A^T A",
        "Eigenvalues of A^T A and its eigenvectors at both ends of the spectrum, G = 50 uniform intervals "
        "on [0, 1], orders r = 1 and 3. A is the change of basis b = A psi from power ReLUs to B-splines; "
        "the more an eigenvector changes its sign, the larger its eigenvalue. Vectors on the right are "
        "shifted against each other.",
        lambda _: data.modes_of(50, (1, 3)),
        plots.extreme_modes,
        lambda found: (len(found), 3),
        lambda found: (11.0, 2.9 * len(found)),
    ),
    "2a": Figure(
        "Figure 2a: ratio of the extreme eigenvalues of A^T A",
        "Largest over smallest eigenvalue of A^T A against the number G of uniform intervals, orders r = "
        "1 to 4; grey lines grow like G^(2r). The largest comes from A, the smallest from the entrywise "
        "exact inverse, so no ratio is limited by rounding.",
        data.ratios,
        lambda axes, found: plots.condition_growth(axes[0, 0], *found),
    ),
    "2b": Figure(
        "Figure 2b: sign changes of the eigenvectors of A^T A",
        "Number of sign changes of every eigenvector of A^T A, G = 100 uniform intervals, orders r = 1 to 4: "
        "eigenvector j changes its sign j times, whatever r is. Every number is sure: no change of an entry "
        "within its error alters it.",
        lambda _: data.modes_of(100, (1, 2, 3, 4)),
        lambda axes, found: plots.sign_change_counts(axes[0, 0], found),
    ),
    "3": Figure(
        "Figure 3: speed of the forms of a spline layer",
        "Time of one evaluation of a network with three hidden layers of width 64 (2 inputs, 1 output, 10 "
        "intervals) against the order r: Cox-de Boor recursion, ReLU form b = A psi and ReLU layer W psi "
        "as whole-array NumPy programs over all basis functions, and this package's kernels, which touch "
        "the active functions only. Fastest of several runs, on the machine that made the figure.",
        data.speeds,
        _first_row(plots.seconds_by_order),
        **_two(),
    ),
    "4": Figure(
        "Figure 4: loss against work, regression",
        "Mean square error against work for the regression problem, work counted in epochs of L-BFGS on "
        "the coarsest level: single-level training on the coarsest and on the finest knots and multilevel "
        "training, at equal work. Left the spline basis, right the power ReLU basis. Medians over seeds; "
        "dots where levels begin.",
        data.regression_of(paper_only=True),
        lambda axes, found: plots.regression_losses(axes[0], found, "linear", True),
        **_two(),
        takes=("full", "seeds", "rows"),
        rows=data.regression_rows(perceptrons=True),
    ),
    "6": _history("6", "the Poisson interface problem", "interface"),
    "7": _history("7", "Burgers' equation", "burgers"),
    "8": _history("8", "the Allen-Cahn equation", "allen-cahn"),
    "9": Figure(
        "Figure 9: residual of the Allen-Cahn equation by level",
        "Residual of the Allen-Cahn equation at the end of every level of multilevel training in the "
        "spline basis (or of the row that is named), the best seed: the residual, its 2-d Fourier "
        "transform under a Hann window, and the transform's cuts along both axes. Colours and cuts have "
        "one scale for all levels.",
        data.residuals,
        plots.residuals_by_level,
        lambda found: (len(found), 4),
        lambda found: (11.5, 2.3 * len(found)),
        takes=("full", "seeds", "rows", "checkpoints"),
        single=("rows",),
        rows=data.equation_rows("allen-cahn"),
    ),
    "hessian-spectra": Figure(
        "Spectra of Gauss-Newton matrix and Hessian by level and basis",
        "Eigenvalues of the Gauss-Newton matrix and of the exact Hessian of the regression problem (2 -> "
        "5 -> 1, cubic), at the end of every level of multilevel training, with respect to the "
        "coefficients in the spline and in the power ReLU basis: the same function, other coordinates. "
        "Moduli in falling order; crosses are negative eigenvalues; values that float64 does not resolve "
        "are left out.",
        data.curvatures,
        plots.spectra_by_level,
        lambda _: (2, 2),
        lambda _: (9.0, 7.0),
        takes=("full", "seeds"),
        single=("seeds",),
    ),
    "complementarity": Figure(
        "Where updates go after a refinement, and what sweeps remove",
        "Left and middle: share of an update's energy that no coarse update has, by level, for first- and "
        "second-order methods in spline and in ReLU geometry, with coarse levels solved and as trained. "
        "Right: part of a wave that one sweep of gradient descent removes, predicted by local Fourier "
        "analysis and measured.",
        data.updates,
        plots.complementarity_panels,
        lambda _: (1, 3),
        lambda _: (13.0, 4.4),
        takes=("full", "seeds"),
    ),
    "network": Figure(
        "A network with the function of every edge",
        "A network 2 -> 5 -> 1 of cubic splines on 8 intervals, fitted to exp(sin(pi x) + y^2) on [-1, "
        "1]^2: on every edge its function over the range of the data, with ticks at the knots; a line is "
        "the heavier, the more the edge moves its output.",
        data.fitted_network,
        lambda axes, found: plots.network_diagram(axes[0, 0], *found),
        size=lambda _: (9.0, 5.0),
    ),
    "regression": Figure(
        "Loss against work: single-level and multilevel training in both bases",
        "Mean square error against work for the regression problem, all methods: L-BFGS on one level and "
        "on many, Gauss-Newton (Levenberg-Marquardt) on many, and a tournament of starts. Medians over "
        "seeds; dots where levels begin.",
        data.regression_of(paper_only=False),
        _first_row(plots.regression_losses),
        **_two(),
        takes=("full", "seeds", "rows"),
        rows=data.regression_rows(perceptrons=False),
    ),
}
"""By the name that `splinekan figure` takes."""
