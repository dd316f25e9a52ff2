"""Figures: functions take axes and return them; functions whose names end with `figure` make a figure."""

from splinekan.plots.adaptivity import adaptivity_panels, error_by_parameters
from splinekan.plots.boundary_value import (
    boundary_value_panels,
    error_by_level,
    field,
    residual_spectra,
)
from splinekan.plots.complementarity import (
    complementarity_panels,
    reduction_by_wave,
    share_by_level,
)
from splinekan.plots.conditioning import condition_by_basis, conditioning_panels
from splinekan.plots.edges import strengths
from splinekan.plots.explanations import attribution_figure, bands_figure
from splinekan.plots.histories import (
    equation_losses,
    loss_against_work,
    loss_by_work,
    median_history,
    regression_losses,
)
from splinekan.plots.level_spectra import level_spectra
from splinekan.plots.matrices import condition_growth, extreme_modes, sign_change_counts
from splinekan.plots.models import edge_figure, model_figure
from splinekan.plots.network import network_diagram
from splinekan.plots.preconditioning import (
    condition_by_degree,
    iterations_by_level,
    preconditioning_panels,
)
from splinekan.plots.records import error_by_seconds
from splinekan.plots.residuals import residuals_by_level
from splinekan.plots.solutions import solution_figure
from splinekan.plots.solvers import iterations_panels, iterations_shape
from splinekan.plots.spectra import preconditioned_by_level, spectra_by_level, spectra_panels
from splinekan.plots.speed import seconds_by_order
from splinekan.plots.style import MAP, SERIES, STYLES, canvas, file_format, save

__all__ = [
    "MAP",
    "SERIES",
    "STYLES",
    "adaptivity_panels",
    "attribution_figure",
    "bands_figure",
    "boundary_value_panels",
    "canvas",
    "complementarity_panels",
    "condition_by_basis",
    "condition_by_degree",
    "condition_growth",
    "conditioning_panels",
    "edge_figure",
    "equation_losses",
    "error_by_level",
    "error_by_parameters",
    "error_by_seconds",
    "extreme_modes",
    "field",
    "file_format",
    "iterations_by_level",
    "iterations_panels",
    "iterations_shape",
    "level_spectra",
    "loss_against_work",
    "loss_by_work",
    "median_history",
    "model_figure",
    "network_diagram",
    "preconditioned_by_level",
    "preconditioning_panels",
    "reduction_by_wave",
    "regression_losses",
    "residual_spectra",
    "residuals_by_level",
    "save",
    "seconds_by_order",
    "share_by_level",
    "sign_change_counts",
    "solution_figure",
    "spectra_by_level",
    "spectra_panels",
    "strengths",
]
