"""Formulas from networks and from data.

`symbolic(model, X, y)` explains a network, `symbolic_regression(X, y)` data; both return a `Formula`. Begin
with `search`: structures (`structures`) are trained as small spline networks (`trial`, `training`); their
edges are compared with families of functions (`curves`, `families`) and replaced one after the other
(`snapping`, `changes`); constants become simple where the data allow (`rounding`), and scales and shifts that
are arbitrary move (`gauge`). `assembly` makes models of them, `expressions` and `tidy` expressions of sympy.
`reading.read` gives the formulas of a model as lines of text, `reading.caption` those above a figure.
"""

from splinekan.formulas.families import DEFAULT
from splinekan.formulas.regression import symbolic, symbolic_regression
from splinekan.formulas.result import Constant, Formula, Tried
from splinekan.formulas.structures import STRUCTURES

__all__ = [
    "DEFAULT",
    "STRUCTURES",
    "Constant",
    "Formula",
    "Tried",
    "symbolic",
    "symbolic_regression",
]
