"""Layers of this package from the parameters of layers of other libraries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from splinekan._checks import LARGEST, MAX_DEGREE, Array, Float64Array, not_too_large, one_of
from splinekan.interop.functions import chain
from splinekan.model import Model
from splinekan.network import KAN, SplineLayer
from splinekan.network.formula import FormulaLayer
from splinekan.network.layer import Layer
from splinekan.network.spline import BASE_FUNCTIONS
from splinekan.network.sum import Sum
from splinekan.network.term import Term
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.pp_form import EXTRAPOLATIONS, SHORTEST

LARGEST_KNOT = LARGEST / 100
"""Bound on the modulus of knots, so that added knots are within the bound of a KnotVector."""
Placed = tuple[Layer, Float64Array]
"""A layer and its parameters."""


@dataclass(frozen=True, eq=False)
class Symbolic:
    """An edge c phi(a x + b)."""

    input: int
    output: int
    function: str
    c: float
    a: float
    b: float


@dataclass(frozen=True, eq=False)
class Edges:
    """The edges y_q = d_q + sum_p (V[p, q] s(x_p) + sum_i C[p, q, i] b_i(x_p)), and symbolic edges.

    Attributes
    ----------
    knots
        All knots of every input, (n_in, G + 2 k + 1), strictly increasing; k on each side are outside the
        grid.
    coefficients
        The coefficients C, (n_in, n_out, G + k).
    base
        The name of s.
    weights
        The weights V, (n_in, n_out).
    bias
        The biases d, (n_out,).
    symbolic
        The symbolic edges.
    splines
        Whether there are edges other than those.
    """

    knots: Float64Array
    coefficients: Float64Array
    base: str
    weights: Float64Array
    bias: Float64Array
    symbolic: tuple[Symbolic, ...] = ()
    splines: bool = field(default=True)


def degree_of(what: str, knots: Array, coefficients: Array) -> int:
    """The degree k, from G + 2 k + 1 knots and G + k coefficients.

    Raises
    ------
    ValueError
        If the numbers are inconsistent, or for degrees above 9.
    """
    m, n = knots.shape[-1], coefficients.shape[-1]
    degree: int = m - n - 1
    if degree < 0 or n - degree < 1:
        raise ValueError(
            f"{what} must have G + k coefficients on G + 2 k + 1 knots for G intervals of degree k, got {n} "
            f"coefficients on {m} knots"
        )
    if degree > MAX_DEGREE:
        raise ValueError(f"{what} must have a degree of at most {MAX_DEGREE}, got {degree}")
    return degree


def check_increasing(what: str, knots: Array) -> None:
    """Refuse knots, (n_in, m), that do not increase strictly in every row, or are too large or too close.

    Raises
    ------
    ValueError
        For such knots, which the message names.
    """
    not_too_large(what, knots, LARGEST_KNOT)
    bad = np.argwhere(np.diff(knots) < SHORTEST)
    if len(bad):
        p, i = (int(each) for each in bad[0])
        raise ValueError(
            f"{what} must increase strictly for every input, got {knots[p, i]} before {knots[p, i + 1]} for "
            f"input {p}"
        )


def continuation(value: Any) -> str | None:
    """`extrapolate`, a mode of splines or None.

    Raises
    ------
    ValueError
        For anything else.
    """
    return None if value is None else one_of("extrapolate", value, EXTRAPOLATIONS)


def assembled(placed: Sequence[Placed], names: tuple[str, ...] | None = None) -> Model:
    """The model of layers in order.

    Raises
    ------
    ValueError
        If a parameter, as the product of a coefficient and scales, is beyond the range of float64.
    """
    theta = np.concatenate([params for _, params in placed])
    if not np.isfinite(theta).all():
        raise ValueError("model must have scales whose products with coefficients are within float64")
    return Model(KAN(tuple(each for each, _ in placed)), theta, names=names)


def layer(edges: Edges, extrapolate: str | None) -> Placed:
    """The layer of these edges: splines, a formula or the sum of both."""
    terms, constants = _terms(edges)
    parts = [_splines(edges, extrapolate)] if edges.splines else []
    if terms or edges.bias.any() or not parts:
        outputs = {edge.output for edge in edges.symbolic}
        free = [bool(edges.bias[q]) or q in outputs for q in range(len(edges.bias))]
        bias = tuple(None if each else 0.0 for each in free)
        formula = FormulaLayer(edges.weights.shape[0], len(edges.bias), tuple(terms), bias)
        parts.append((formula, np.concatenate([*constants, edges.bias[free]])))
    if len(parts) == 1:
        return parts[0]
    return Sum(tuple(each for each, _ in parts)), np.concatenate([params for _, params in parts])


def _splines(edges: Edges, extrapolate: str | None) -> Placed:
    """The spline layer, with a base branch if s is a function of those.

    For `extrapolate` None its domain is that of all knots, extended by further knots with zero coefficients:
    the B-splines vanish at its ends, and are continued by 0.
    """
    knots, c = edges.knots, edges.coefficients
    (n_in, n_out), k = edges.weights.shape, knots.shape[1] - c.shape[2] - 1
    if extrapolate is None:
        after = max(k, 1)  # for degree 0 the last value would apply at the end, where the other library has 0
        steps = np.diff(knots)[:, [0, -1]]
        left = knots[:, :1] - steps[:, :1] * np.arange(k, 0, -1)
        right = knots[:, -1:] + steps[:, 1:] * np.arange(1, after + 1)
        knots = np.concatenate([left, knots, right], axis=1)
        c = np.concatenate([np.zeros((n_in, n_out, k)), c, np.zeros((n_in, n_out, after))], axis=2)
    each = [KnotVector(row, k) for row in knots]
    base = edges.base if edges.base in BASE_FUNCTIONS else None
    made = SplineLayer(n_in, n_out, each, k, extrapolate or "zero", "spline", base)
    params = [np.ascontiguousarray(c.swapaxes(1, 2)).ravel()]
    return made, np.concatenate(params + [edges.weights.ravel()] * (base is not None))


def _terms(edges: Edges) -> tuple[list[Term], list[Float64Array]]:
    """Terms of symbolic edges, and of a base branch that spline layers lack, with their free constants."""
    terms, constants = [], []
    for edge in edges.symbolic:
        functions = chain(edge.function)
        terms.append(Term(edge.input, edge.output, functions))
        own = [edge.c, edge.a, edge.b] if functions else [edge.c * edge.a]
        constants.append(np.array(own))
    if edges.base not in (*BASE_FUNCTIONS, "zero"):
        functions = chain(edges.base)
        for p, q in np.argwhere(edges.weights).tolist():
            terms.append(Term(p, q, functions, (None, 1.0, 0.0)))
            constants.append(edges.weights[p, q, None])
    return terms, constants
