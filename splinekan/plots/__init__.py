"""Figures: every function takes axes and returns them."""

from splinekan.plots.studies import (
    error_by_level,
    field,
    loss_against_work,
    loss_by_work,
    pde_figure,
    regression_figure,
    residual_spectra,
)
from splinekan.plots.style import STYLES

__all__ = [
    "STYLES",
    "error_by_level",
    "field",
    "loss_against_work",
    "loss_by_work",
    "pde_figure",
    "regression_figure",
    "residual_spectra",
]
