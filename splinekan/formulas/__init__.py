"""Formulas from networks and from data.

`symbolic(model, X, y)` explains a network, `symbolic_regression(X, y)` data; both return a `Formula`. The
page to begin with is `search`: structures (`structures`) are trained as small spline networks (`trial`), their
edges compared with families of functions (`curves`, `families`) and replaced one after the other (`snapping`);
constants become simple where the data allow (`rounding`), scales and shifts that are arbitrary move (`gauge`).
"""

from splinekan.formulas.families import DEFAULT
from splinekan.formulas.result import Constant, Formula, Tried
from splinekan.formulas.structures import STRUCTURES
from splinekan.formulas.symbolic import symbolic, symbolic_regression

__all__ = ["DEFAULT", "STRUCTURES", "Constant", "Formula", "Tried", "symbolic", "symbolic_regression"]
