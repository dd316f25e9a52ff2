"""Formulas from networks and from data.

`symbolic(model, X, y)` explains a network, `symbolic_regression(X, y)` data; both return a `Formula`. Read
`search` first: structures (`structures`) are trained as small spline networks (`trial`, `training`); their
edges are compared with families of functions (`curves`, `families`) and replaced one after another
(`snapping`, `changes`); constants are set to simple values where the data allow (`rounding`), and arbitrary
scales and shifts are moved (`gauge`). `assembly` turns the results into models, `expressions` and `tidy` into
expressions of sympy. `reading.read` returns the formulas of a model as lines of text, `reading.caption` those
above a figure.
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
