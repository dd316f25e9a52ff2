"""The study of a boundary value problem: error, residual and maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import each, instance, integer, one_of, real_array, same_length
from splinekan.plots.histories import STUDY, loss_by_work
from splinekan.plots.style import having, log_axes, looks, many_axes, one_axes, rows_having

FIELDS = ("solution", "error", "residual")


def error_by_level(ax: Any, study: Any) -> Any:
    """For each row the median relative l2 error at the end of every level, against work.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds.
    """
    one_axes("ax", ax)
    rows_having("study.rows", having("study", study, STUDY, "rows").rows, "a row", "levels")
    for row, style in zip(study.rows, looks(study.rows), strict=True):
        work = [level["work"] for level in row.levels]
        ax.plot(work, [level["rel_l2"] for level in row.levels], **style)
    return log_axes(ax, "work (evaluations on the coarsest level)", "relative l2 error (dimensionless)")


def field(ax: Any, values: dict[str, Any], name: str) -> Any:
    """One of the fields of `studies.boundary_value.fields` as a map, its largest modulus in the title.

    The colours span the central 99.5 % of the values, so that extreme values at a corner do not hide the
    rest.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or a name that the fields do not have.
    """
    one_axes("ax", ax)
    one_of("name", name, FIELDS)
    if name not in instance("values", values, dict):
        raise ValueError(f"values must be those of studies.boundary_value.fields, got none named {name!r}")
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
    ax.set_title(f"{name}, maximum {peak:.1e}", fontsize=9)
    ax.set_xlabel("x")
    return ax


def residual_spectra(ax: Any, values: dict[str, Any], intervals: list[int]) -> Any:
    """For each level the residual's mean square Fourier coefficients against the wave number in x.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or numbers of intervals that do not match the levels.
    """
    one_axes("ax", ax)
    if "spectra" not in instance("values", values, dict):
        raise ValueError("values must be those of studies.boundary_value.fields, got none named 'spectra'")
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


def boundary_value_panels(axes: Any, study: Any, values: dict[str, Any], row: str) -> Any:
    """Axes (2, 3): loss and error of all rows; for a single row the residual's spectra and three maps.

    Parameters
    ----------
    axes
        Matplotlib axes (2, 3).
    study
        A `studies.boundary_value.study.Study`.
    values
        `studies.boundary_value.fields.fields` of the row.
    row
        The name of the row.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, or a row that the study does not have.
    """
    axes = many_axes("axes", axes, 2, 3)
    having("study", study, STUDY, "rows", "stages", "name")
    one_of("row", row, [each.name for each in study.rows])
    loss_by_work(axes[0, 0], study)
    error_by_level(axes[0, 1], study)
    levels = next(each.levels for each in study.rows if each.name == row)
    residual_spectra(axes[0, 2], values, [int(level["intervals"]) for level in levels])
    for ax, name in zip(axes[1], FIELDS, strict=True):
        field(ax, values, name)
        ax.set_ylabel(values["second"])
    title = f"{study.name}; maps and spectra: {row.replace('-', ' ')}"
    axes[0, 0].figure.suptitle(title, fontsize=10)
    return axes
