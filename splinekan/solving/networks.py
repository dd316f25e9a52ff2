"""Networks for equations in d variables, on inputs in [-1, 1].

Hidden domains are wider than the initial values, and continued by the end polynomials, since optimisers stall
on residuals that are not smooth in theta.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from splinekan.network import KAN, Affine, Layer, Product, SplineLayer, TensorSplineLayer
from splinekan.solving.options import Options
from splinekan.solving.statement import Statement
from splinekan.splines.knot_vector import KnotVector

HIDDEN = 1.5
"""Initially the hidden values lie in about half of [-1.5, 1.5]."""
WIDTHS = {"spline": 6, "ridge": 8, "separable": 8}
TENSOR_VARIABLES = 3
"""Up to this number of variables tensor-product splines are affordable."""


def names(statement: Statement, options: Options) -> tuple[str, ...]:
    """The networks that compete: those asked for, or a choice by the number of variables."""
    if isinstance(options.network, KAN):
        return ("given",)
    if options.network is not None:
        return (options.network,)
    if options.hidden is not None:
        return ("spline",)
    if statement.region.n_variables <= TENSOR_VARIABLES:
        return ("tensor",)
    return ("ridge", "spline", "separable")


def network(name: str, statement: Statement, options: Options, intervals: int) -> KAN:
    """A network by name, with the unknown constants of the statement."""
    d, m = statement.region.n_variables, len(statement.unknown)
    if isinstance(options.network, KAN):
        made = options.network
        if made.n_in != d or made.n_out != m:
            raise ValueError(f"network must map {d} inputs to {m} outputs, got {made.n_in} to {made.n_out}")
        return statement.with_constants(made)
    degree = options.degree if options.degree is not None else (7 if d < 3 else 5)
    first = [
        KnotVector.uniform(-1.0, 1.0, intervals, degree, periodic=periodic)
        for periodic in statement.periodic()
    ]
    inner = KnotVector.uniform(-HIDDEN, HIDDEN, intervals, degree)
    layers: list[Layer]
    if name == "tensor":
        layers = [
            SplineLayer(1, m, first, extrapolate="polynomial") if d == 1 else TensorSplineLayer(first, m)
        ]
    elif name == "ridge":
        width = WIDTHS[name]
        layers = [Affine(d, width), SplineLayer(width, m, inner, extrapolate="polynomial")]
    elif name == "separable":
        rank = WIDTHS[name]
        groups = tuple(tuple(range(d * r, d * r + d)) for r in range(rank))
        layers = [
            SplineLayer(d, d * rank, first, extrapolate="polynomial"),
            Product(d * rank, groups),
            Affine(rank, m),
        ]
    else:
        hidden = (WIDTHS[name],) if options.hidden is None else options.hidden
        layers = [
            SplineLayer(p, q, inner if i else first, extrapolate="polynomial")
            for i, (p, q) in enumerate(pairwise((d, *hidden, m)))
        ]
    return statement.with_constants(KAN(tuple(layers)))


def is_periodic(made: KAN, periods: Sequence[bool]) -> bool:
    """Whether a network is periodic in all variables in which it should be."""
    first = made.layers[0]
    knots = getattr(first, "knots", None)
    if knots is None:
        return not any(periods)
    return all(k.periodic or not period for k, period in zip(knots, periods, strict=True))
