"""Boundary value problems in two variables: equation, conditions on faces, solution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import (
    Float64Array,
    affordable,
    each,
    function,
    instance,
    integer,
    interval,
    real,
    real_array,
    sequence,
    shown,
    vector,
)
from splinekan.equations import Equation, Features
from splinekan.equations.collocation import equidistributed, gauss_cells
from splinekan.network import KAN
from splinekan.objectives.pinn import PINN, Block

PIECES = 256
"""Number of pieces per variable on which the slope of a solution is estimated."""


@dataclass(frozen=True, eq=False)
class Condition:
    """An equation on the face `variable` = `value` of the box, with a weight relative to the interior.

    With `minus`, another value, the residual is the difference between the two faces, for periodicity, or for
    the jump across an interface whose sides are distinguished by the signs of the values.

    Raises
    ------
    TypeError, ValueError
        For a variable other than 0 and 1, a negative weight, and arguments of the wrong type.
    """

    equation: Equation
    variable: int
    value: float
    weight: float
    minus: float | None = None

    def __post_init__(self) -> None:
        instance("equation", self.equation, Equation)
        settings = {
            "variable": integer("variable", self.variable, low=0, high=1),
            "value": real("value", self.value),
            "weight": real("weight", self.weight, low=0.0, high=np.inf),
            "minus": None if self.minus is None else real("minus", self.minus),
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class BoundaryValueProblem:
    """An equation in a box, conditions on its faces, and the solution.

    Attributes
    ----------
    name, source
        The name of the problem and its origin.
    equation
        The equation in the interior, in two variables.
    bounds
        An interval per variable.
    conditions
        Boundary, initial and interface conditions.
    reference
        The solution, from points (n, 2) to values (n,).
    network
        A network for the coarsest level.
    extra
        Additional inputs of the network.
    scale
        Weight of the mean square residual in the interior, to balance it with the conditions.
    form
        u in terms of the unknown v of `equation`, if the conditions are imposed exactly: an Equation whose
        residual is u. None if v = u.
    entering
        `bounds`, with None for variables that are not inputs of the network.

    Raises
    ------
    TypeError, ValueError
        Unless all equations have the same two variables; for arguments of the wrong type.
    """

    name: str
    source: str
    equation: Equation
    bounds: tuple[tuple[float, float], tuple[float, float]]
    conditions: tuple[Condition, ...]
    reference: Callable[[Float64Array], Float64Array]
    network: KAN
    extra: tuple[Any, ...] = ()
    scale: float = 1.0
    form: Equation | None = None
    entering: tuple[tuple[float, float] | None, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("name", "source"):
            instance(name, getattr(self, name), str)
        variables = instance("equation", self.equation, Equation).variables
        if len(variables) != 2:
            raise ValueError(f"equation must have two variables, got {variables}")
        conditions = sequence("conditions", self.conditions, empty=True)
        for i, condition in enumerate(conditions):
            if instance(f"conditions[{i}]", condition, Condition).equation.variables != variables:
                raise ValueError(
                    f"conditions[{i}] has variables {condition.equation.variables}, equation {variables}"
                )
        if self.form is not None:
            form = instance("form", self.form, Equation)
            if form.variables != variables or form.order > 0:
                raise ValueError(
                    f"form must give u in terms of the unknown itself, got {shown(form.residual)}"
                )
        bounds = tuple(each("bounds", self.bounds, interval))
        if len(bounds) != 2:
            raise ValueError(f"bounds must hold an interval for each of two variables, got {len(bounds)}")
        entering = bounds if self.entering is None else self.entering
        features = Features(variables, self.extra, entering)
        function("reference", self.reference)
        instance("network", self.network, KAN)
        settings = {
            "bounds": bounds,
            "conditions": conditions,
            "extra": features.extra,
            "scale": real("scale", self.scale, low=0.0, high=np.inf),
            "entering": None if self.entering is None else features.bounds,
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)

    @property
    def n_inputs(self) -> int:
        """Number of inputs of the network."""
        bounds = self.bounds if self.entering is None else self.entering
        return Features(self.equation.variables, self.extra, bounds).n_inputs

    def blocks(self, edges: Sequence[ArrayLike], order: int = 3) -> list[Block]:
        """The blocks of a PINN on `order` Gauss points per variable in every cell of a tensor grid.

        Up to quadrature, the loss is that of the continuous problem: scale times the mean of r^2 over the box
        plus weights times its means over the faces. There are points in every cell, whereas nothing
        constrains a network in the gaps between points drawn once at random.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As for `gauss_cells`; unless there are two sequences of edges.
        """
        edges = _pair("edges", edges)
        points, weights = gauss_cells(edges, order)
        rules = [gauss_cells([ends], order) for ends in edges]
        return self.posed(points, weights, [(axis[:, 0], shares) for axis, shares in rules])

    def posed(
        self,
        points: Float64Array,
        weights: ArrayLike,
        along: Sequence[tuple[Float64Array, ArrayLike]],
    ) -> list[Block]:
        """The blocks of a PINN on given points, for the sums of w r^2 times `scale` or a condition's weight.

        Parameters
        ----------
        points, weights
            Points in the interior, (n, 2), and their weights, a number or (n,): 1/n for a mean, 1 for a sum.
        along
            For every variable, points and weights along it, on the faces where the other variable is fixed.

        Raises
        ------
        TypeError, ValueError
            For arrays of the wrong shape, and negative weights.
        """
        weights = real_array("weights", weights)
        sides = [_line(f"along[{i}]", line) for i, line in enumerate(_pair("along", along))]
        blocks = [Block(self.equation, points, 2 * self.scale * weights)]
        kinds = dict.fromkeys((condition.equation, condition.minus is None) for condition in self.conditions)
        for equation, plain in kinds:
            # A single block for all faces with the same condition.
            same = [c for c in self.conditions if (c.equation, c.minus is None) == (equation, plain)]
            shares = []
            for condition in same:
                places, share = sides[1 - condition.variable]
                shares.append(2 * condition.weight * np.broadcast_to(share, len(places)))
            faces = []
            for side in ("value",) if plain else ("value", "minus"):
                ends = [(condition.variable, getattr(condition, side)) for condition in same]
                lines = [np.insert(sides[1 - i][0][:, None], i, end, axis=1) for i, end in ends]
                faces.append(np.concatenate(lines))
            blocks.append(Block(equation, faces[0], np.concatenate(shares), *faces[1:]))
        return blocks

    def uniform(self, cells: Sequence[int]) -> list[Float64Array]:
        """Edges that divide the interval of variable i into cells[i] equal parts.

        Raises
        ------
        TypeError, ValueError, MemoryError
            Unless there are two numbers of at least 1.
        """
        return [np.linspace(*ends, n + 1) for ends, n in zip(self.bounds, _cells(cells), strict=True)]

    def adapted(
        self, solution: Callable[[Float64Array], Float64Array], cells: Sequence[int], floor: float = 0.5
    ) -> list[Float64Array]:
        """Edges of cells, a fraction `floor` of them uniform and the rest where the solution is steep.

        Along each variable the largest slope over the other variable is equidistributed.

        Raises
        ------
        TypeError, ValueError, MemoryError
            Unless there are two numbers of cells, and the solution maps points (n, 2) to values (n,).
        """
        function("solution", solution)
        counts = _cells(cells)
        fine = self.uniform((PIECES, PIECES))
        grid = np.stack(np.meshgrid(*fine, indexing="ij"), axis=-1).reshape(-1, 2)
        u = real_array("solution(points)", solution(grid), shape=(len(grid),)).reshape(PIECES + 1, PIECES + 1)
        steep = [np.abs(np.diff(u, axis=i)).max(axis=1 - i) for i in (0, 1)]
        return [
            equidistributed(ends, slope, n, floor) for ends, slope, n in zip(fine, steep, counts, strict=True)
        ]

    def reweighted(self, scale: float, *weights: float) -> BoundaryValueProblem:
        """The same problem with another scale, and a weight for each of the different conditions.

        Raises
        ------
        TypeError, ValueError
            For the wrong number of weights, and for numbers that are negative or not finite.
        """
        scale = real("scale", scale, low=0.0, high=np.inf)
        values = [real(f"weights[{i}]", w, low=0.0, high=np.inf) for i, w in enumerate(weights)]
        kinds = list(dict.fromkeys(condition.equation for condition in self.conditions))
        if len(values) != len(kinds):
            raise ValueError(
                f"weights must hold a number for each of {len(kinds)} different conditions, got {values}"
            )
        chosen = dict(zip(kinds, values, strict=True))
        conditions = tuple(replace(c, weight=chosen[c.equation]) for c in self.conditions)
        return replace(self, conditions=conditions, scale=scale)

    def pinn(self, network: KAN, blocks: Sequence[Block], cost: float = 1.0) -> PINN:
        """The objective for a network with the bounds and the extra inputs of the problem."""
        return PINN(network, blocks, self.extra, self.entering or self.bounds, cost)

    def solution(self, network: KAN, theta: Float64Array, points: Float64Array) -> Float64Array:
        """u, (n,), for a network with parameters theta."""
        output = np.asarray(self._alone(network, points).solution(theta, points), dtype=np.float64)
        if self.form is None:
            return output[:, 0]
        value, _ = self.form.evaluate(points, output[:, None, :])
        return value

    def residual(self, network: KAN, theta: Float64Array, points: Float64Array) -> Float64Array:
        """The residual of the equation, (n,), for a network with parameters theta."""
        return self._alone(network, points).residual(theta)

    def _alone(self, network: KAN, points: Float64Array) -> PINN:
        return self.pinn(network, [Block(self.equation, points)])

    def relative_error(self, solution: Callable[[Float64Array], Float64Array], points: int = 101) -> float:
        """The relative error |u - reference|/|reference| in the l2 norm on a grid with points^2 points.

        The grid includes the boundary.

        Raises
        ------
        TypeError, ValueError, MemoryError
            For fewer than 2 points, or unless the solution maps points (n, 2) to values (n,).
        """
        function("solution", solution)
        points = integer("points", points, low=2)
        affordable(f"a grid of {points}^2 points", 64.0 * points * points)
        axes = [np.linspace(*ends, points) for ends in self.bounds]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        exact = self.reference(grid)
        values = real_array("solution(points)", solution(grid.copy()), shape=(len(grid),), finite=False)
        return float(np.linalg.norm(values - exact) / np.linalg.norm(exact))


def _pair(name: str, value: Sequence[Any]) -> tuple[Any, Any]:
    items = sequence(name, value)
    if len(items) != 2:
        raise ValueError(f"{name} must hold two items, got {len(items)}")
    return items[0], items[1]


def _cells(value: Sequence[int]) -> list[int]:
    counts = [integer(f"cells[{i}]", n, low=1) for i, n in enumerate(_pair("cells", value))]
    affordable(f"{max(counts)} cells", 64.0 * max(counts))
    return counts


def _line(name: str, value: tuple[ArrayLike, ArrayLike]) -> tuple[Float64Array, Float64Array]:
    """Points along a variable, (n,), and their weights, a number or (n,)."""
    places, share = _pair(name, value)
    along = vector(f"{name}[0]", places)
    weights = real_array(f"{name}[1]", share).astype(np.float64, copy=False)
    if weights.shape not in ((), along.shape):
        raise ValueError(f"{name}[1] must be a number or have shape {along.shape}, got {weights.shape}")
    return along, weights
