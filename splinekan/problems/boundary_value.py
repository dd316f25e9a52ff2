"""Boundary value problems in two variables: equations, conditions on faces, the solution."""

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
"""Per variable, where the slope of a solution is looked at."""


@dataclass(frozen=True, eq=False)
class Condition:
    """An equation on the face `variable` = `value` of the box, weighted against the interior.

    With `minus`, another value, the residual is the difference between the two faces: periodicity, or the
    jump across an interface whose sides are told by the values' signs.

    Raises
    ------
    TypeError, ValueError
        For a variable other than 0 and 1, a negative weight, and anything that is not of its kind.
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
    """Equations in a box, conditions on faces, and the solution.

    Attributes
    ----------
    name, source
        What it is and where it comes from.
    equation
        In the interior, in two variables.
    bounds
        One interval per variable.
    conditions
        Boundary, initial and interface conditions.
    reference
        (n, 2) points -> (n,) values of the solution.
    network
        A default, to begin with on the coarsest level.
    extra
        Inputs that a network should have in addition.
    scale
        Weight of the interior's mean square residual, so that all terms are of a size.
    form
        u in terms of the unknown v of `equation`, if conditions are built in: an Equation whose residual is
        u. None if v is u.
    entering
        `bounds`, with None for variables that are not inputs of the network.

    Raises
    ------
    TypeError, ValueError
        For equations in other than the same two variables, and anything that is not of its kind.
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
        """Inputs of a network."""
        bounds = self.bounds if self.entering is None else self.entering
        return Features(self.equation.variables, self.extra, bounds).n_inputs

    def blocks(self, edges: Sequence[ArrayLike], order: int = 3) -> list[Block]:
        """The problem on `order` Gauss points per variable in every cell of a tensor grid with these edges.

        The loss is that of the continuous problem, scale times the mean of r^2 over the box and weight
        times its means over faces, up to quadrature. Points inside cells see what lies between knots; those
        that are drawn once at random leave holes in which a network is free.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As for `gauss_cells`; there must be two sequences of edges.
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
        """The problem on any points: 1/2 sum over blocks of w r^2, w twice these weights, scale or weight.

        Parameters
        ----------
        points, weights
            In the interior, (n, 2); one weight, or (n,). 1/n for a mean, 1 for a sum.
        along
            Per variable the points and weights along it, on faces where the other variable is fixed.

        Raises
        ------
        TypeError, ValueError
            For other shapes, and weights that are negative.
        """
        weights = real_array("weights", weights)
        sides = [_line(f"along[{i}]", line) for i, line in enumerate(_pair("along", along))]
        found = [Block(self.equation, points, 2 * self.scale * weights)]
        kinds = dict.fromkeys((one.equation, one.minus is None) for one in self.conditions)
        for equation, plain in kinds:
            # One block for all faces on which the same holds.
            same = [one for one in self.conditions if (one.equation, one.minus is None) == (equation, plain)]
            shares = []
            for one in same:
                places, share = sides[1 - one.variable]
                shares.append(2 * one.weight * np.broadcast_to(share, len(places)))
            faces = []
            for side in ("value",) if plain else ("value", "minus"):
                ends = [(one.variable, getattr(one, side)) for one in same]
                lines = [np.insert(sides[1 - i][0][:, None], i, end, axis=1) for i, end in ends]
                faces.append(np.concatenate(lines))
            found.append(Block(equation, faces[0], np.concatenate(shares), *faces[1:]))
        return found

    def uniform(self, cells: Sequence[int]) -> list[Float64Array]:
        """Edges that cut the interval of variable i into cells[i] equal parts.

        Raises
        ------
        TypeError, ValueError, MemoryError
            For other than two numbers of at least 1.
        """
        return [np.linspace(*ends, n + 1) for ends, n in zip(self.bounds, _cells(cells), strict=True)]

    def adapted(
        self, solution: Callable[[Float64Array], Float64Array], cells: Sequence[int], floor: float = 0.5
    ) -> list[Float64Array]:
        """Edges with half of the cells spread evenly and half where the solution is steep.

        Along each variable the largest slope over the other one is equidistributed.

        Raises
        ------
        TypeError, ValueError, MemoryError
            For other than two numbers of cells, or a solution that is not (n, 2) points -> (n,) values.
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
        """The same problem with another scale, and one weight for each of the different conditions.

        Raises
        ------
        TypeError, ValueError
            For another number of weights, or numbers that are negative or not finite.
        """
        scale = real("scale", scale, low=0.0, high=np.inf)
        values = [real(f"weights[{i}]", w, low=0.0, high=np.inf) for i, w in enumerate(weights)]
        kinds = list(dict.fromkeys(condition.equation for condition in self.conditions))
        if len(values) != len(kinds):
            raise ValueError(
                f"weights must hold one number for {len(kinds)} different conditions, got {values}"
            )
        chosen = dict(zip(kinds, values, strict=True))
        conditions = tuple(replace(one, weight=chosen[one.equation]) for one in self.conditions)
        return replace(self, conditions=conditions, scale=scale)

    def pinn(self, network: KAN, blocks: Sequence[Block], cost: float = 1.0) -> PINN:
        """The objective for a network that has the problem's bounds and extra inputs."""
        return PINN(network, blocks, self.extra, self.entering or self.bounds, cost)

    def solution(self, network: KAN, theta: Float64Array, points: Float64Array) -> Float64Array:
        """u, (n,), of a network."""
        output = np.asarray(self._alone(network, points).solution(theta, points), dtype=np.float64)
        if self.form is None:
            return output[:, 0]
        value, _ = self.form.evaluate(points, output[:, None, :])
        return value

    def residual(self, network: KAN, theta: Float64Array, points: Float64Array) -> Float64Array:
        """The interior equation's residual, (n,), of a network."""
        return self._alone(network, points).residual(theta)

    def _alone(self, network: KAN, points: Float64Array) -> PINN:
        return self.pinn(network, [Block(self.equation, points)])

    def relative_error(self, solution: Callable[[Float64Array], Float64Array], points: int = 101) -> float:
        """|u - reference| / |reference| in l2 on a grid of points^2, its boundary included.

        Raises
        ------
        TypeError, ValueError, MemoryError
            For fewer than 2 points, or a solution that is not (n, 2) points -> (n,) values.
        """
        function("solution", solution)
        points = integer("points", points, low=2)
        affordable(f"points: {points}^2 of them", 64.0 * points * points)
        axes = [np.linspace(*ends, points) for ends in self.bounds]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        exact = self.reference(grid)
        found = real_array("solution(points)", solution(grid.copy()), shape=(len(grid),), finite=False)
        return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def _pair(name: str, value: Sequence[Any]) -> tuple[Any, Any]:
    items = sequence(name, value)
    if len(items) != 2:
        raise ValueError(f"{name} must hold two items, got {len(items)}")
    return items[0], items[1]


def _cells(value: Sequence[int]) -> list[int]:
    counts = [integer(f"cells[{i}]", n, low=1) for i, n in enumerate(_pair("cells", value))]
    affordable(f"cells: {counts} of them", 64.0 * max(counts))
    return counts


def _line(name: str, value: tuple[ArrayLike, ArrayLike]) -> tuple[Float64Array, Float64Array]:
    """Points along one variable, and their weights: one, or as many."""
    places, share = _pair(name, value)
    along = vector(f"{name}[0]", places)
    weights = real_array(f"{name}[1]", share).astype(np.float64, copy=False)
    if weights.shape not in ((), along.shape):
        raise ValueError(f"{name}[1] must be one number or {along.shape}, got {weights.shape}")
    return along, weights
