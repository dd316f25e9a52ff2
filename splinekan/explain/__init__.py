"""What a model does: shares of variance, Sobol indices, confidence bands; and what it does not need."""

from splinekan.explain.attribution import Attribution, attribution
from splinekan.explain.sobol import SobolIndices, sobol_indices

__all__ = ["Attribution", "SobolIndices", "attribution", "sobol_indices"]
