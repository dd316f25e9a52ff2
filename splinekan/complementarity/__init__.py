"""Complementarity: the shares of updates after a refinement that lie outside the coarse space."""

from splinekan.complementarity.split import CUTOFF, NOISE, TangentSplit
from splinekan.complementarity.sweeps import ModelProblem, Sweep
from splinekan.complementarity.symbols import (
    complement_symbol,
    cycle_factor,
    difference_symbol,
    harmonics,
    mass_symbol,
    nested_factor,
    smoothing_factor,
    sweep_symbol,
)
from splinekan.complementarity.updates import Update, first_updates

__all__ = [
    "CUTOFF",
    "NOISE",
    "ModelProblem",
    "Sweep",
    "TangentSplit",
    "Update",
    "complement_symbol",
    "cycle_factor",
    "difference_symbol",
    "first_updates",
    "harmonics",
    "mass_symbol",
    "nested_factor",
    "smoothing_factor",
    "sweep_symbol",
]
