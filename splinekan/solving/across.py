"""Integrals of unknowns, and values at other places, of a solution in several pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from splinekan._checks import Float64Array, shown
from splinekan.equations import Equation, Features
from splinekan.equations.equation import MAX_NODES
from splinekan.equations.places import Channels
from splinekan.network.jets import Jets
from splinekan.network.layer import Directions
from splinekan.solving.pieces import Piece

NODES = 64
"""Number of nodes of the first quadrature, per variable; doubled until two results agree."""
AGREEMENT = 1e-9
"""Relative difference at which two results agree."""
AT_ONCE = 2**17
"""Number of points and nodes that are evaluated together."""


def looks_elsewhere(expression: Any, variables: Sequence[Any]) -> bool:
    """Whether an expression contains integrals or unknowns at other places."""
    if expression.has(sympy.Integral, sympy.Subs):
        return True
    return any(tuple(atom.args) != tuple(variables) for atom in expression.atoms(AppliedUndef))


def across(
    pieces: Sequence[Piece], piece_of: Callable[[Float64Array], Any], expression: Any, points: Float64Array
) -> Float64Array:
    """An expression at points, (n,), whose integrals and other places reach into any of the pieces.

    The number of nodes of integrals is doubled until two results agree.

    Raises
    ------
    ValueError
        For places where there is no solution, and integrals that the largest number of nodes does not
        resolve.
    """
    statement = pieces[0].statement
    unknown = statement.unknown if len(statement.unknown) > 1 else statement.unknown[0]
    count, before = NODES, None
    while True:
        equation = Equation(expression, unknown, statement.variables, count)
        values = _values(equation, pieces, piece_of, points)
        if not equation._elsewhere.integrals or not len(points):
            return values
        if before is not None:
            size = np.abs(values[np.isfinite(values)]).max(initial=0.0)
            if not (np.abs(values - before) > AGREEMENT * size).any():
                return values
        if 2 * count > MAX_NODES:
            raise ValueError(
                f"expression {shown(expression)}: {count} nodes are too few for its integral: divide its "
                "interval"
            )
        count, before = 2 * count, values


def _values(
    equation: Equation,
    pieces: Sequence[Piece],
    piece_of: Callable[[Float64Array], Any],
    points: Float64Array,
) -> Float64Array:
    lengths = [high - low for low, high in pieces[0].statement.bounds]
    equation = equation._in_units(lengths)
    here = Channels(equation.directions, equation.orders, equation.terms)
    step = max(AT_ONCE // max([len(place.nodes) for place in equation.places], default=1), 1)
    found = []
    for start in range(0, len(points), step):
        at = points[start : start + step]
        jets = _jets(pieces, piece_of, at, here)
        elsewhere = [_jets(pieces, piece_of, place.points(at), place.channels) for place in equation.places]
        found.append(equation._evaluate(at, jets, elsewhere)[0])
    return np.concatenate(found) if found else np.zeros(0)


def _jets(
    pieces: Sequence[Piece],
    piece_of: Callable[[Float64Array], Any],
    points: Float64Array,
    channels: Channels,
) -> Float64Array:
    """The Taylor coefficients of the unknowns along the directions, (n, channels, number of unknowns)."""
    first, along = pieces[0], pieces[0].along
    low, high = first.statement.bounds[along][0], pieces[-1].bounds[along][1]  # type: ignore[index]
    room = 1e-10 * (high - low)
    outside = (points[:, along] < low - room) | (points[:, along] > high + room)
    if outside.any():
        raise ValueError(
            f"expression has an unknown at {first.statement.variables[along]} = "
            f"{points[outside, along][0]:g}, where there is no solution: it reaches from {low:g} to {high:g}"
        )
    found = np.empty((len(points), 1 + sum(channels.orders), len(first.statement.unknown)))
    chosen = piece_of(points)
    for number in np.unique(chosen):
        piece, mine = pieces[number], chosen == number
        at = points[mine]
        at[:, along] = np.clip(at[:, along], *piece.box[along])
        features = Features(piece.statement.variables, (), piece.box)
        seeds = features.jets(at, channels.directions, channels.orders)
        jets = Jets.of(piece.network, piece.theta, seeds, Directions(channels.orders))
        found[mine] = jets.output * np.array(piece.statement.scales)
    return found
