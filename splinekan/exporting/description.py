"""The description of an exported module, in words."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from splinekan.model import Model

OUTPUTS = {
    "logistic": "log-odds g: the probability is 1/(1 + exp(-g))",
    "softmax": "logits g: the probabilities are exp(g_o)/sum exp(g)",
    "poisson": "logarithms g of rates: the rate is exp(g)",
}
"""Descriptions of outputs that are not predictions."""
LOST = (
    "Values are those of the model up to rounding. Not included: derivatives; the record of the fit;",
    "the warning outside the domain; the basis of the parameters, which are coefficients of B-splines;",
    "float32: such inputs are evaluated in float64, like all others. The module cannot be trained further.",
)
"""The features of a model that its source lacks."""


def description(model: Model, inputs: Sequence[str], outputs: Sequence[str], name: str) -> list[str]:
    """Lines on inputs, outputs, layers, and on the features that were lost."""
    version = import_module("splinekan").__version__
    lines = [f"A spline network, written by splinekan {version}; needs only NumPy.", ""]
    lines += [f"{name}(x) maps x, (n, {model.n_in}), to y, (n, {model.n_out}).", "", "Columns of x:", ""]
    lines += _inputs(model, inputs)
    lines += ["", "Columns of y, in the units of the targets:", ""]
    lines += [f"    {output!r}" for output in outputs]
    loss = None if model.record is None else OUTPUTS.get(model.record.loss)
    if loss is not None:
        lines[-len(outputs) - 2] = f"Columns of y are {loss}:"
    lines += ["", "Layers:", ""]
    lines += [f"    {number}  {layer}" for number, layer in enumerate(model.network.layers)]
    return [*lines, "", *LOST]


def _inputs(model: Model, names: Sequence[str]) -> list[str]:
    """For every column its domain, and the continuation of the function beyond it."""
    domain = model.network.domain if model.record is None else model.record.bounds
    if domain is None:
        return [f"    {name!r}" for name in names]
    splines = model.network._first_splines
    lines = []
    for p, (name, (low, high)) in enumerate(zip(names, domain, strict=True)):
        beyond = ""
        if splines is not None:
            beyond = f", {BEYOND[splines.extrapolate]}"
            if splines.knots[p].periodic:
                beyond = ", periodic"
        lines.append(f"    {name!r} from {low:.12g} to {high:.12g}{beyond}")
    return lines


BEYOND = {
    "linear": "beyond by straight lines",
    "polynomial": "beyond by the polynomials of the ends",
    "clamp": "beyond by the values at the ends",
    "zero": "beyond by zero",
    "error": "refused beyond",
}
"""Continuations of splines."""
