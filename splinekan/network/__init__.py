"""Networks: chains of affine maps, elementwise maps and spline layers, with exact derivatives."""

from splinekan.network.activation import Activation, Normalizer
from splinekan.network.affine import Affine
from splinekan.network.chain import KAN, MLP, CoefficientMap, Linearization
from splinekan.network.initialization import initialize
from splinekan.network.layer import Layer
from splinekan.network.rows import SparseRows
from splinekan.network.spline import BASES, SplineLayer

__all__ = [
    "BASES",
    "KAN",
    "MLP",
    "Activation",
    "Affine",
    "CoefficientMap",
    "Layer",
    "Linearization",
    "Normalizer",
    "SparseRows",
    "SplineLayer",
    "initialize",
]
