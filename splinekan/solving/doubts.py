"""Checks that cast doubt on a solution, and their warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.equations import Equation
from splinekan.solving.bands import Band
from splinekan.solving.contenders import relative_change
from splinekan.solving.networks import is_linear
from splinekan.solving.newton import NormalEquations, NormalMatrix
from splinekan.solving.options import LevelRecord
from splinekan.solving.pieces import Piece
from splinekan.solving.rules import Cells, Sobol, sobol
from splinekan.solving.statement import Statement

MANY = 5000
"""Dense normal equations are not examined for more parameters."""
SENSITIVE = 1e-2
"""A relative change above this is doubtful."""
NULL = 1e-12
"""Eigenvalues of the scaled J^T J below this are rounding errors; those of well posed problems are larger."""
SEEN = 1e-3
"""A function of a null vector with values above this fraction of a random function's is undetermined."""
GIVEN = 0.02
"""Fraction of the mean size of a given function that points may miss."""
ROUNDING = 1e-9
"""Given functions below this, in units of the size of an equation, are rounding errors."""
LARGE = 1000.0
"""Factors above this are not printed."""
DENSE = 2**17
"""Number of points at which given functions are sampled."""


def doubts(
    levels: list[LevelRecord], piece: Piece, other: Any, ordering: Band | None = None
) -> tuple[str, ...]:
    """Warnings about a solution, from its levels and from an objective on other points.

    Large networks are examined if there is an ordering that makes J^T J a band.
    """
    found = []
    last = levels[-1]
    if last.held_out > 1e-8 and last.held_out > 100 * last.loss:
        times = np.sqrt(last.held_out / max(last.loss, 1e-300))
        many = f"{times:.0f}" if times < LARGE else f"more than {LARGE:.0f}"
        found.append(
            f"the residual between the collocation points is {many} times that at the points: more points "
            "are needed"
        )
    if last.change > SENSITIVE:
        found.append(
            f"the last two levels differ by {_readable(last.change)}: more levels or parameters are needed"
        )
    if last.held_out > 1e-6:
        found.append(
            f"the equations are satisfied only up to a relative residual of {np.sqrt(2 * last.held_out):.1g}"
        )
    if ordering is not None or piece.network.n_parameters <= MANY:
        found += _of_normal_equations(piece, other, ordering)
    return tuple(found)


def _readable(change: float) -> str:
    """A relative change as text; relative to almost 0 it is meaningless."""
    return f"{change:.1g}, relative" if change < LARGE else "far more than its size"


def sensitivity(piece: Piece, other: Any, ordering: Band | None = None) -> float:
    """The relative change of the unknowns by a Gauss-Newton step on other points.

    Near an unstable state of an equation there are functions with small residuals that are not solutions;
    that step moves away from them.
    """
    _, gradient, matrix = NormalEquations(other, ordering).at(piece.theta)
    return _sensitivity(piece, gradient, matrix)


def _of_normal_equations(piece: Piece, other: Any, ordering: Band | None) -> list[str]:
    _, gradient, matrix = NormalEquations(other, ordering).at(piece.theta)
    if not (np.isfinite(matrix.diagonal()).all() and np.isfinite(gradient).all()):
        return ["the residual is not finite between the collocation points"]
    found = []
    size = _sensitivity(piece, gradient, matrix)
    if not size <= SENSITIVE:
        found.append(
            f"a Gauss-Newton step on other points changes the solution by {_readable(size)}: a small "
            "residual does not determine the solution"
        )
    if is_linear(piece.network) and _undetermined(piece, matrix):
        found.append("other functions near the solution also satisfy the equations and conditions")
    return found


def _scale(matrix: NormalMatrix) -> Float64Array:
    """Roots of the diagonal of J^T J; those of columns without a residual are tiny."""
    diagonal = matrix.diagonal()
    return np.asarray(np.sqrt(np.maximum(diagonal, max(float(diagonal.max()), 1e-300) * 1e-28)))


def _sensitivity(piece: Piece, gradient: Float64Array, matrix: NormalMatrix) -> float:
    # Along null vectors of nonlinear networks, which leave the function unchanged to first order, steps are
    # bounded.
    shift = 1e-13 if is_linear(piece.network) else 1e-9
    step = matrix.solve(_scale(matrix), shift, -gradient)
    if step is None or not np.isfinite(step).all():
        return 0.0
    moved, values = _values(replace(piece, theta=piece.theta + step)), _values(piece)
    # If the solution is 0, changes are compared with its scale.
    least = ROUNDING * min(piece.statement.scales) * np.sqrt(values.size)
    return min(relative_change(moved, values), float(np.linalg.norm(moved - values) / max(least, 1e-300)))


def _undetermined(piece: Piece, matrix: NormalMatrix) -> bool:
    """Whether a null vector of J^T J, by inverse iteration, changes the unknowns in the domain.

    Coefficients of functions outside the domain are in the null space of every problem. Networks that are not
    linear in theta also have null vectors along which their function does not change to first order.
    """
    scale = _scale(matrix)
    n = len(scale)
    shift = 1e-14 * n
    random = np.random.default_rng(0).normal(size=n)
    random /= np.linalg.norm(random)
    vector, least = random, np.inf
    for _ in range(3):
        solved = matrix.solve(scale, shift, scale * vector)
        if solved is None or not np.isfinite(solved).all():
            return False
        vector = scale * solved
        size = float(np.linalg.norm(vector))
        vector, least = vector / size, 1 / size - shift
    if least > NULL * n:
        return False
    base = _values(piece)
    length = max(float(np.linalg.norm(piece.theta * scale)), 1.0) * 1e-3
    moved = [
        float(np.linalg.norm(_values(replace(piece, theta=piece.theta + length * way / scale)) - base))
        for way in (vector, random)
    ]
    return moved[0] > SEEN * moved[1]


def _values(piece: Piece) -> Float64Array:
    points, _ = piece.statement.region.interior(Sobol(1024, 0))
    return piece.values(points)


def missed(
    statement: Statement, rules: Sequence[tuple[Cells, float]], limits: Mapping[int, tuple[float, float]]
) -> tuple[str, ...]:
    """Warnings about given functions that vary between the points: sources that the points miss.

    Parameters
    ----------
    statement
        The equations.
    rules
        The collocation points, with the weight of each rule.
    limits
        The part of the interval of a variable on which there is a solution, by the number of the variable.
    """
    bounds = [limits.get(i, ends) for i, ends in enumerate(statement.bounds)]
    if len(bounds) == 1:
        (low, high), steps = bounds[0], (np.arange(DENSE) + 0.5) / DENSE
        dense = (low + (high - low) * steps)[:, None]
    else:
        dense = sobol(DENSE, bounds, 0)
    dense = dense[statement.region.contains(dense)]
    interiors = [(*statement.region.interior(rule), weight) for rule, weight in rules]
    total = sum(weight for _, weight in rules)
    found = []
    for number, equation in enumerate(statement.compiled_equations):
        if equation.places or not len(dense):
            continue
        truth = float(np.mean(_given(equation, dense)))
        seen = sum(weight * float(share @ _given(equation, at)) for at, share, weight in interiors) / total
        size = ROUNDING * (1.0 if statement.sizes is None else statement.sizes.equations[number])
        if np.isfinite([truth, seen]).all() and abs(truth - seen) > max(GIVEN * max(truth, seen), size):
            found.append(
                f"given functions in equations[{number}] vary between the points: their mean size is "
                f"{truth:.3g}, but {seen:.3g} at the points"
            )
    return tuple(found)


def _given(equation: Equation, points: Float64Array) -> Float64Array:
    """The size of the residual where the outputs are 0."""
    residual, _ = equation.evaluate(points, np.zeros((len(points), equation.channels, equation.n_outputs)))
    return np.abs(residual)
