"""Networks: chains of affine maps, elementwise maps and spline layers, with exact derivatives."""

from splinekan.network.activation import Activation, Normalizer
from splinekan.network.affine import Affine
from splinekan.network.chain import KAN, MLP, CoefficientMap, Linearization
from splinekan.network.domains import DomainWarning
from splinekan.network.initialization import initialize
from splinekan.network.layer import BASES, Layer
from splinekan.network.rows import SparseRows
from splinekan.network.spline import SplineLayer

__all__ = [
    "BASES",
    "KAN",
    "MLP",
    "Activation",
    "Affine",
    "CoefficientMap",
    "DomainWarning",
    "Layer",
    "Linearization",
    "Normalizer",
    "SparseRows",
    "SplineLayer",
    "initialize",
]
