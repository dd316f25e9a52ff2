"""Limits of exports: classes of layers, and sizes of expressions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from splinekan.model import Model
from splinekan.network import Activation, Affine, FormulaLayer, Product, SplineLayer, Sum
from splinekan.network.constants import Constants
from splinekan.network.sum import leaves

MOST_PIECES = 20_000
"""Most polynomials in expanded expressions."""


def unknown(number: Any, layer: Any, known: Collection[type]) -> TypeError:
    """The error for a layer of another class than those that are `known`."""
    return TypeError(
        f"model.network.layers[{number}] is of the class {type(layer).__qualname__}, which cannot be "
        f"exported: only {', '.join(kind.__name__ for kind in known)} can"
    )


def affordable(model: Model, n_inputs: int, known: Collection[type]) -> None:
    """Refuse networks of other layers, or of too many pieces, before any work.

    Raises
    ------
    TypeError, ValueError
        For such a network; the message gives the class, or the number of pieces.
    """
    counts = [0] * n_inputs
    for number, layer in enumerate(model.network.layers):
        for leaf in leaves(layer):
            if type(leaf) not in known:
                raise unknown(number, leaf, known)
        counts = written(layer, counts)
    if sum(counts) > MOST_PIECES:
        raise ValueError(
            f"model must have at most {MOST_PIECES} pieces, written out, for expressions of sympy, got about "
            f"{sum(counts)}: every piece of a layer holds all pieces of the layers before. Take fewer "
            "intervals, nodes or layers, or export the model as 'numpy'"
        )


def written(layer: Any, counts: Sequence[int]) -> list[int]:
    """The number of pieces of every expanded output, from those of the inputs."""
    if isinstance(layer, SplineLayer):
        total = 0
        for knots, count in zip(layer.knots, counts, strict=True):
            own = knots.intervals + 2
            occurrences = own + knots.degree + 2 * (layer.base is not None)
            total += own + occurrences * count * (1 + knots.periodic)
        return [total] * layer.n_out
    if isinstance(layer, Affine):
        return [sum(counts)] * layer.n_out
    if isinstance(layer, Activation) and layer.kind not in ("tanh", "sigmoid"):
        return [2 * count + 2 for count in counts]
    if isinstance(layer, FormulaLayer):
        found = [0] * layer.n_out
        for term in layer.terms:
            found[term.output] += 1 + counts[term.input]
        return found
    if isinstance(layer, Sum):
        return [sum(each) for each in zip(*(written(leaf, counts) for leaf in layer.layers), strict=True)]
    if isinstance(layer, Product):
        return [sum(counts[p] for p in group) for group in layer.groups]
    if isinstance(layer, Constants):
        return [*counts, *([1] * layer.n_parameters)]
    return list(counts)
