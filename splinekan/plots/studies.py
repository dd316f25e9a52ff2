"""Figures of the studies: regression, and boundary value problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from splinekan.plots.histories import loss_by_work, regression_losses
from splinekan.plots.style import canvas, file_format, log_axes, looks, save


def regression_figure(study: Any, path: str | Path) -> None:
    """The regression study: left the spline basis, right the ReLU basis; written to `path`."""
    file_format(path)
    figure, axes = canvas(1, 2, (9.0, 3.8))
    regression_losses(axes[0], study)
    save(figure, path)


def error_by_level(ax: Any, study: Any) -> Any:
    """Per row the median relative l2 error at the end of every level, against work."""
    for row, style in zip(study.rows, looks(study.rows), strict=True):
        work = [level["work"] for level in row.levels]
        ax.plot(work, [level["rel_l2"] for level in row.levels], **style)
    return log_axes(ax, "work (evaluations on the coarsest level)", "relative l2 error (dimensionless)")


def field(ax: Any, values: dict[str, Any], name: str) -> Any:
    """One of the fields of `studies.pde.fields` as a map, its largest modulus in the title.

    Colours end where all but one in 200 values do, lest a single corner leave the rest white.
    """
    u = values[name]
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
    """Per level the residual's mean square Fourier coefficients over the wave number in x."""
    spectra = values["spectra"]
    greys = np.linspace(0.65, 0.0, len(spectra))
    dashes = [":", "--", "-.", "-"]
    for i, (spectrum, count) in enumerate(zip(spectra, intervals, strict=True)):
        label = f"{count} intervals" if count else "perceptron"
        waves = np.arange(1, len(spectrum) + 1)
        ax.plot(waves, spectrum, color=str(greys[i]), linestyle=dashes[i % 4], label=label)
    return log_axes(ax, "wave number in x (periods on the interval)", "energy of the residual")


def pde_figure(study: Any, values: dict[str, Any], row: str, path: str | Path) -> None:
    """Loss and error of all rows; of one row the residual's spectra by level, and three maps."""
    file_format(path)
    figure, axes = canvas(2, 3, (12.0, 7.0))
    loss_by_work(axes[0, 0], study)
    error_by_level(axes[0, 1], study)
    levels = next(each.levels for each in study.rows if each.name == row)
    residual_spectra(axes[0, 2], values, [int(level["intervals"]) for level in levels])
    for ax, name in zip(axes[1], ("solution", "error", "residual"), strict=True):
        field(ax, values, name)
        ax.set_ylabel(values["second"])
    figure.suptitle(f"{study.problem}; maps and spectra: {row.replace('-', ' ')}", fontsize=10)
    save(figure, path, dpi=120)
