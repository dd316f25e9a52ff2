"""The formulas of a model as text: of a network of formulas its own, of splines those that explain it."""

from __future__ import annotations

from typing import Any, NamedTuple

import sympy

from splinekan._checks import instance
from splinekan._columns import numbered
from splinekan.exporting import export
from splinekan.formulas.regression import symbolic
from splinekan.formulas.result import Formula, short
from splinekan.formulas.tidy import tidy
from splinekan.model import Model
from splinekan.model.places import drawn
from splinekan.network import Affine, FormulaLayer, Normalizer, Product

POINTS = 2000
"""Points drawn from the box of a model, at which formulas explain it."""


class Line(NamedTuple):
    """The formula of an output as an expression, and its largest difference from the model on a grid.

    The difference is None for a network that is a formula.
    """

    name: str
    expression: Any
    error: float | None

    @property
    def plain(self) -> str:
        """The equation as text."""
        return f"{self.name} = {short(self.expression, 4)}{self._about}"

    @property
    def latex(self) -> str:
        """The equation in LaTeX, between dollars."""
        left = sympy.latex(sympy.Symbol(self.name))
        return f"${left} = {sympy.latex(short(self.expression, 4))}${self._about}"

    @property
    def _about(self) -> str:
        return "" if self.error is None else f"   (from the model: at most {self.error:.2g} on a grid)"


def read(model: Model, formula: Formula | None = None) -> tuple[Line, ...]:
    """The formula of every output of a model.

    A network of formulas, products and affine maps is written as it is; any other is explained by `symbolic`
    at points drawn from the bounds of its training data.

    Parameters
    ----------
    model
        The model.
    formula
        What `symbolic` found for it, if that is known.

    Raises
    ------
    TypeError, ValueError
        As of `symbolic`, and where the inputs have no bounds.
    """
    instance("model", model, Model)
    names = model.output_names or numbered("y", model.n_out)
    if formula is None and is_formula(model):
        return tuple(Line(*each, None) for each in zip(names, map(tidy, export(model, "sympy")), strict=True))
    found = symbolic(model, drawn(model, POINTS)) if formula is None else formula
    errors = [None] * len(names) if found.grid_error is None else [float(e) for e in found.grid_error]
    return tuple(Line(*each) for each in zip(names, found.expressions, errors, strict=True))


def is_formula(model: Model) -> bool:
    """Whether a network consists of formulas, products and affine maps."""
    for each in model.network.layers:
        affine = isinstance(each, Normalizer) and each.kind == "affine"
        if not (affine or isinstance(each, (FormulaLayer, Product, Affine))):
            return False
    return True
