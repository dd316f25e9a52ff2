"""Figures of the studies: regression, and boundary value problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from splinekan._checks import each, instance, integer, one_of, real_array, same_length
from splinekan.plots.histories import loss_by_work, regression_losses
from splinekan.plots.style import canvas, file_format, having, log_axes, looks, one_axes, rows_having, save

FIELDS = ("solution", "error", "residual")


def regression_figure(study: Any, path: str | Path) -> None:
    """The regression study, left the spline basis, right the ReLU basis; written as `save` writes."""
    having("study", study, "a studies.regression.Study", "histories", "settings")
    file_format(path)
    figure, axes = canvas(1, 2, (9.0, 3.8))
    regression_losses(axes[0], study)
    save(figure, path)


def error_by_level(ax: Any, study: Any) -> Any:
    """Per row the median relative l2 error at the end of every level, against work.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds.
    """
    one_axes("ax", ax)
    rows_having("study.rows", having("study", study, "a studies.pde.Study", "rows").rows, "a row", "levels")
    for row, style in zip(study.rows, looks(study.rows), strict=True):
        work = [level["work"] for level in row.levels]
        ax.plot(work, [level["rel_l2"] for level in row.levels], **style)
    return log_axes(ax, "work (evaluations on the coarsest level)", "relative l2 error (dimensionless)")


def field(ax: Any, values: dict[str, Any], name: str) -> Any:
    """One of the fields of `studies.pde.fields` as a map, its largest modulus in the title.

    Colours end where all but one in 200 values do, lest a single corner leave the rest white.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or a name that the fields do not have.
    """
    one_axes("ax", ax)
    one_of("name", name, FIELDS)
    if name not in instance("values", values, dict):
        raise ValueError(f"values must be those of studies.pde.fields, got none named {name!r}")
    u = real_array(f"values[{name!r}]", values[name], ndim=2, empty=False)
    size, peak = float(np.quantile(np.abs(u), 0.995)), float(np.abs(u).max())
    x, y = values["x"], values["y"]
    extent = (
        1.5 * x[0] - 0.5 * x[1],
        1.5 * x[-1] - 0.5 * x[-2],
        1.5 * y[0] - 0.5 * y[1],
        1.5 * y[-1] - 0.5 * y[-2],
    )
    image = ax.imshow(u.T, origin="lower", extent=extent, aspect="auto", cmap="PuOr", vmin=-size, vmax=size)
    ax.figure.colorbar(image, ax=ax, extend="both" if peak > size else "neither")
    ax.set_title(f"{name}, at most {peak:.1e}", fontsize=9)
    ax.set_xlabel("x")
    return ax


def residual_spectra(ax: Any, values: dict[str, Any], intervals: list[int]) -> Any:
    """Per level the residual's mean square Fourier coefficients over the wave number in x.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or other numbers of intervals than of levels.
    """
    one_axes("ax", ax)
    if "spectra" not in instance("values", values, dict):
        raise ValueError("values must be those of studies.pde.fields, got none named 'spectra'")
    spectra = values["spectra"]
    counts = each("intervals", intervals, lambda where, count: integer(where, count, low=0))
    same_length(spectra=spectra, intervals=counts)
    greys = np.linspace(0.65, 0.0, len(spectra))
    dashes = [":", "--", "-.", "-"]
    for i, (spectrum, count) in enumerate(zip(spectra, counts, strict=True)):
        label = f"{count} intervals" if count else "perceptron"
        waves = np.arange(1, len(spectrum) + 1)
        ax.plot(waves, spectrum, color=str(greys[i]), linestyle=dashes[i % 4], label=label)
    return log_axes(ax, "wave number in x (periods on the interval)", "energy of the residual")


def pde_figure(study: Any, values: dict[str, Any], row: str, path: str | Path) -> None:
    """Loss and error of all rows; of one row the residual's spectra by level, and three maps.

    Written to `path`, as `save` writes.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or a row that the study does not have.
    """
    having("study", study, "a studies.pde.Study", "rows", "stages", "problem")
    one_of("row", row, [each.name for each in study.rows])
    file_format(path)
    figure, axes = canvas(2, 3, (12.0, 7.0))
    loss_by_work(axes[0, 0], study)
    error_by_level(axes[0, 1], study)
    levels = next(each.levels for each in study.rows if each.name == row)
    residual_spectra(axes[0, 2], values, [int(level["intervals"]) for level in levels])
    for ax, name in zip(axes[1], FIELDS, strict=True):
        field(ax, values, name)
        ax.set_ylabel(values["second"])
    figure.suptitle(f"{study.problem}; maps and spectra: {row.replace('-', ' ')}", fontsize=10)
    save(figure, path, dpi=120)
