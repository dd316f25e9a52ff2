"""The formulas of a model as text: its own if it is a network of formulas, else formulas that explain it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import sympy
from numpy.typing import ArrayLike
from sympy.core.alphabets import greeks

from splinekan._checks import Float64Array, instance, shown
from splinekan._columns import numbered
from splinekan.exporting import export
from splinekan.fitting.arguments import inputs_of
from splinekan.fitting.scaling import MARGIN
from splinekan.formulas.regression import LEAST, symbolic
from splinekan.formulas.result import Formula, short
from splinekan.formulas.tidy import LARGE, tidy
from splinekan.model import Model
from splinekan.model.places import drawn
from splinekan.network import Affine, FormulaLayer, Normalizer, Product
from splinekan.plots.mathematics import NAME, Caption, Written, cut

POINTS = 400
"""Number of points drawn from the box of a model, at which formulas explain it."""
DIGITS = 4
"""Digits of numbers in formulas."""
OUTPUTS = {"logistic": "log-odds", "softmax": "logits", "poisson": "logarithms of rates"}
"""Names of the outputs of models that are not predictions."""


class Line(NamedTuple):
    """The formula of an output as an expression, and its largest difference from the model.

    The difference is None for a network that is a formula, and where it is not known.
    """

    name: str
    expression: Any
    error: float | None

    @property
    def plain(self) -> str:
        """The equation as text."""
        about = "" if self.error is None else f"   (from the model: at most {self.error:.2g})"
        return f"{self.name} = {short(self.expression, DIGITS)}{about}"

    @property
    def latex(self) -> str:
        """The equation in LaTeX, between dollars."""
        written = self.written
        right = "".join(each if each.startswith("-") else f" + {each}" for each in written.terms)
        return f"${written.name} = {right.removeprefix(' + ')}$"

    @property
    def written(self) -> Written:
        """The terms of the equation in LaTeX."""
        brief = short(self.expression, DIGITS)
        symbols = {each: in_latex(each.name) for each in brief.free_symbols}
        terms = brief.as_ordered_terms() if brief.is_Add else [brief]
        latex = tuple(sympy.latex(each, symbol_names=symbols) for each in terms)
        return Written(in_latex(self.name), latex, f"{cut(self.name, NAME)} = {brief}")


def read(model: Model, formula: Any = None, X: ArrayLike | None = None) -> tuple[Line, ...]:
    """The formula of every output of a model.

    A network of formulas, products and affine maps is written out; any other network is explained by
    `symbolic`.

    Parameters
    ----------
    model
        The model.
    formula
        Known formulas: a `Formula` returned by `symbolic`, or expressions of sympy in symbols with the names
        of the inputs, for every output or for the only output.
    X
        Points, (n, n_in), at which the model is explained, at least 20, or compared with expressions. None
        for 400 points, drawn from the box of the training data.

    Raises
    ------
    TypeError, ValueError
        As `symbolic`; if the inputs have no bounds; for formulas with other outputs or inputs.
    """
    instance("model", model, Model)
    names = model.output_names or numbered("y", model.n_out)
    if formula is None and is_formula(model):
        found = [_simplest(each) for each in export(model, "sympy")]
        return tuple(Line(*each, None) for each in zip(names, found, strict=True))
    if formula is None:
        formula = explained(model, X)
    errors: list[float | None]
    if isinstance(formula, Formula):
        given, listed = _checked(model, formula.expressions), formula.grid_error
        errors = [None] * len(names) if listed is None else [float(e) for e in listed]
    else:
        given = _checked(model, formula)
        errors = _differences(model, given, X)
    return tuple(Line(*each) for each in zip(names, given, errors, strict=True))


def explained(model: Model, X: ArrayLike | None = None) -> Formula:
    """The result of `symbolic` for the values of a model, at points X or at points drawn from its box.

    Raises
    ------
    TypeError, ValueError
        As `symbolic`, and if the inputs have no bounds.
    """
    points = _inside(drawn(model, POINTS)) if X is None else inputs_of("x", X, model.names, model.n_in)
    points = points[np.isfinite(model(points)).all(axis=1)]
    if len(points) < LEAST:
        raise ValueError(
            f"x must hold at least {LEAST} points at which the model is finite, to be explained by formulas, "
            f"got {len(points)}"
        )
    return symbolic(model, points)


def is_formula(model: Model) -> bool:
    """Whether a network consists of formulas, products and affine maps."""
    for each in model.network.layers:
        affine = isinstance(each, Normalizer) and each.kind == "affine"
        if not (affine or isinstance(each, (FormulaLayer, Product, Affine))):
            return False
    return True


def caption(model: Model, formula: Any = None, X: ArrayLike | None = None) -> Caption:
    """The formulas of a model for a figure, with a note on their errors; see `read`."""
    if formula is None and not is_formula(model):
        formula = explained(model, X)
    lines = read(model, formula, X)
    if isinstance(formula, Formula):
        notes = [_errors(formula, o) for o in range(len(lines))]
    elif formula is None:
        notes = []
    else:
        notes = [
            "the difference from the model is not known"
            if line.error is None
            else f"largest difference from the model {line.error:.2g}"
            for line in lines
        ]
    if len(notes) > 1:
        notes = [f"{cut(line.name, NAME)}: {note}" for line, note in zip(lines, notes, strict=True)]
    kind = None if model.record is None else OUTPUTS.get(model.record.loss)
    notes += [] if kind is None else [f"outputs are {kind}"]
    return Caption(tuple(line.written for line in lines), "; ".join(notes))


def in_latex(name: str) -> str:
    """The name of a column in LaTeX: a letter with a number as its index, a Greek letter, or upright text."""
    indexed = re.fullmatch(r"([A-Za-z])_?(\d*)", name)
    if indexed:
        return f"{indexed[1]}_{{{indexed[2]}}}" if indexed[2] else indexed[1]
    if name in greeks and name != "pi":  # which would be read as the number
        return f"\\{name}"
    escaped = re.sub(r"([%${}_ ])", r"\\\1", cut(name, NAME))
    return rf"\mathrm{{{escaped}}}"


def _simplest(expression: Any) -> Any:
    return tidy(expression) if expression.count_ops() <= LARGE else expression


def _inside(x: Float64Array) -> Float64Array:
    """Points of a box, moved to the range of the data: the bounds of `fit` include a margin on each side."""
    low, high = x.min(axis=0), x.max(axis=0)
    middle = low + (high - low) / 2
    return np.asarray(middle + (x - middle) / (1 + 2 * MARGIN))


def _errors(formula: Formula, o: int) -> str:
    text = f"root mean square error {formula.rms_error[o]:.2g}, largest {formula.max_error[o]:.2g}"
    if formula.grid_error is not None:
        text += f", from the model {formula.grid_error[o]:.2g}"
    return text if formula.is_complete[o] else f"{text}; s1, s2, ... are splines"


def _checked(model: Model, formula: Any) -> tuple[Any, ...]:
    """An expression for every output, in the symbols of the inputs."""
    alone = isinstance(formula, (sympy.Basic, str)) or not isinstance(formula, Iterable)
    listed = tuple([formula] if alone else formula)
    for each in listed:
        if not isinstance(each, sympy.Expr):
            raise TypeError(
                "formula must be a Formula, an expression of sympy for every output, True or False, got "
                f"{shown(each)}"
            )
    if len(listed) != model.n_out:
        raise ValueError(f"formula must hold an expression for {model.n_out} outputs, got {len(listed)}")
    names = _inputs(model)
    other = sorted({each.name for expression in listed for each in expression.free_symbols} - set(names))
    if other:
        raise ValueError(f"formula must be in the symbols {shown(list(names))}, got {shown(other)} too")
    return listed


def _inputs(model: Model) -> tuple[str, ...]:
    if model.names is None and model.features is not None:
        return tuple(str(each) for each in model.features.variables)
    return model.names or numbered("x", model.n_in)


def _differences(model: Model, given: Sequence[Any], X: Any) -> list[float | None]:
    """The largest |expression - model| at the points; None where it is not known."""
    points = _inside(drawn(model, POINTS)) if X is None else inputs_of("x", X, model.names, model.n_in)
    points, expected = points.astype(np.float64), model(points)
    found: list[float | None] = []
    for o, each in enumerate(given):
        values = _values(each, _inputs(model), points)
        difference = np.nan if values is None else np.abs(values - expected[:, o]).max()
        found.append(float(difference) if np.isfinite(difference) else None)
    return found


def _values(expression: Any, names: Sequence[str], x: Float64Array) -> Float64Array | None:
    """Values, (n,); None for an expression that does not compile to real values, such as s1 for a spline."""
    known = {each.name: each for each in expression.free_symbols}
    symbols = [known.get(name, sympy.Symbol(name)) for name in names]
    try:
        function = sympy.lambdify(symbols, expression, ["scipy", "numpy"])
        with np.errstate(all="ignore"):
            values = np.asarray(function(*x.T))
    except (NameError, TypeError, ValueError, AttributeError, SyntaxError, ImportError):
        return None
    real = np.isrealobj(values) and values.dtype.kind in "biuf"
    return np.broadcast_to(values, (len(x),)).astype(np.float64) if real else None
