"""The edges of a spline layer: the knots of its inputs, and computations edge by edge."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from splinekan._checks import Array, affordable, sequence
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.splines.knot_vector import KnotVector, knot_vector
from splinekan.splines.pp_form import highest_derivative

DEGREE = 3
"""Of splines on knots that are given as arrays."""


class Edges(NamedTuple):
    """Neighbouring inputs with equal knots, and where their coefficients lie in the layer's parameters.

    The coefficients are params[start:stop], C-ordered as (n_in, knots.n_basis, n_out).
    """

    first: int
    n_in: int
    start: int
    stop: int
    knots: KnotVector


def ranges_of_equal_knots(knots: Sequence[KnotVector], n_out: int) -> tuple[Edges, ...]:
    """The edges of a layer with these knots, one vector for each input."""
    found, first, start = [], 0, 0
    for vector, same in groupby(knots):
        count = len(list(same))
        stop = start + count * vector.n_basis * n_out
        found.append(Edges(first, count, start, stop, vector))
        first, start = first + count, stop
    return tuple(found)


def knots_of_inputs(knots: Any, count: int, degree: int | None) -> tuple[KnotVector, ...]:
    """A KnotVector for every input, from knots for all or for each of `count` inputs.

    Raises
    ------
    TypeError, ValueError
        For bad knots, knots of different degrees, and another number of them.
    """
    if isinstance(knots, KnotVector) or not _several(knots):
        alone = isinstance(knots, KnotVector)
        vector = knot_vector(knots, degree if alone or degree is not None else DEGREE)
        affordable(f"n_in = {count} inputs", 8.0 * count * vector.n_basis)
        return (vector,) * count
    given = sequence("knots", knots)
    if len(given) != count:
        raise ValueError(f"knots must be one knot vector or {count} of them, one per input, got {len(given)}")
    if degree is None:
        degree = next((each.degree for each in given if isinstance(each, KnotVector)), DEGREE)
    known: dict[KnotVector, KnotVector] = {}
    found = []
    for p, each in enumerate(given):
        try:
            vector = knot_vector(each, degree)
        except (TypeError, ValueError) as error:
            raise type(error)(f"knots[{p}]: {error}") from None
        found.append(known.setdefault(vector, vector))
    return tuple(found)


def _several(knots: Any) -> bool:
    if isinstance(knots, np.ndarray):
        return knots.ndim > 1
    return isinstance(knots, (list, tuple)) and any(
        isinstance(each, (KnotVector, list, tuple)) or getattr(each, "ndim", 0) for each in knots
    )


def jumps(knots: KnotVector, basis: str) -> Array:
    """Rows of `SplineLayer.roughness` for an edge."""
    derivatives, widths = highest_derivative(knots), np.diff(knots.breakpoints)
    if knots.periodic:
        derivatives, widths = np.vstack([derivatives[-1:], derivatives]), np.append(widths[-1:], widths)
    spacing = (widths[1:] + widths[:-1]) / 2
    jumps = np.diff(derivatives, axis=0) * spacing[:, None] ** knots.degree
    if basis == "relu":  # u = A^{-T} w
        jumps = change_of_basis(knots).solve(jumps.T).T
    return np.ascontiguousarray(jumps)


def described(edges: Edges) -> str:
    """A short description of the knots of a range of inputs: kind, number and domain."""
    return described_knots(edges.knots)


def described_knots(knots: KnotVector) -> str:
    """A short description of knots: kind, number and domain."""
    (a, b), sizes = knots.domain, np.diff(knots.breakpoints)
    kind = "interval" if np.ptp(sizes) <= 1e-9 * sizes.max() else "uneven interval"
    kind += "s" * (len(sizes) > 1)
    return f"{knots.intervals} {kind} on [{a:g}, {b:g}]" + ", periodic" * knots.periodic
