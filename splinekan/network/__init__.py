"""Networks: chains of affine maps, elementwise maps and spline layers, with exact derivatives."""

from splinekan.network.activation import Activation
from splinekan.network.affine import Affine
from splinekan.network.domains import DomainWarning
from splinekan.network.formula import FormulaLayer
from splinekan.network.functions import FUNCTIONS, Function, function
from splinekan.network.initialization import initialize
from splinekan.network.kan import KAN, MLP
from splinekan.network.knot_derivatives import knot_jacobian
from splinekan.network.layer import BASES, Layer
from splinekan.network.linearization import Linearization
from splinekan.network.normalizer import Normalizer
from splinekan.network.product import Product
from splinekan.network.spline import SplineLayer
from splinekan.network.sum import Sum
from splinekan.network.tensor_spline import TensorSplineLayer
from splinekan.network.term import Term
from splinekan.operators.segments import SparseRows

__all__ = [
    "BASES",
    "FUNCTIONS",
    "KAN",
    "MLP",
    "Activation",
    "Affine",
    "DomainWarning",
    "FormulaLayer",
    "Function",
    "Layer",
    "Linearization",
    "Normalizer",
    "Product",
    "SparseRows",
    "SplineLayer",
    "Sum",
    "TensorSplineLayer",
    "Term",
    "function",
    "initialize",
    "knot_jacobian",
]
