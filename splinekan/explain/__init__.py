"""Explanations of models: shares of variance, Sobol indices, confidence bands; and pruning."""

from splinekan.explain.bands import Band, ConfidenceBands, confidence_bands
from splinekan.explain.contributions import Attribution, attribution
from splinekan.explain.edge_bands import EdgeBand
from splinekan.explain.elimination import Removal
from splinekan.explain.pruning import Pruned, prune
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
