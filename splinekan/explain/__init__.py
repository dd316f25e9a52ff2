"""What a model does: shares of variance, Sobol indices, confidence bands; and what it does not need."""

from splinekan.explain.attribution import Attribution, attribution
from splinekan.explain.bands import Band, ConfidenceBands, EdgeBand, confidence_bands
from splinekan.explain.pruning import Pruned, Removal, prune
from splinekan.explain.sobol import SobolIndices, sobol_indices

__all__ = [
    "Attribution",
    "Band",
    "ConfidenceBands",
    "EdgeBand",
    "Pruned",
    "Removal",
    "SobolIndices",
    "attribution",
    "confidence_bands",
    "prune",
    "sobol_indices",
]
