"""Boundary value problems in two variables: equations, conditions on faces, the solution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer
from splinekan.collocation import equidistributed, gauss_cells
from splinekan.equations import Equation, Features
from splinekan.network import KAN
from splinekan.objectives.pinn import PINN, Block

PIECES = 256
"""Per variable, where the slope of a solution is looked at."""


@dataclass(frozen=True, eq=False)
class Condition:
    """An equation on the face `variable` = `value` of the box, weighted against the interior.

    With `minus`, another value, the residual is the difference between the two faces: periodicity, or the
    jump across an interface whose sides are told by the values' signs.
    """

    equation: Equation
    variable: int
    value: float
    weight: float
    minus: float | None = None


@dataclass(frozen=True, eq=False)
class BoundaryValueProblem:
    """Equations in a box, conditions on faces, and the solution.

    Attributes
    ----------
    name, source
        What it is and where it comes from.
    equation
        In the interior, in two variables.
    box
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
        `box`, with None for variables that are no inputs of the network.
    """

    name: str
    source: str
    equation: Equation
    box: tuple[tuple[float, float], tuple[float, float]]
    conditions: tuple[Condition, ...]
    reference: Callable[[Float64Array], Float64Array]
    network: KAN
    extra: tuple[Any, ...] = ()
    scale: float = 1.0
    form: Equation | None = None
    entering: tuple[tuple[float, float] | None, ...] | None = None

    @property
    def n_inputs(self) -> int:
        """Inputs of a network."""
        box = self.box if self.entering is None else self.entering
        return Features(self.equation.variables, self.extra, box).n_inputs

    def blocks(self, edges: Sequence[ArrayLike], order: int = 3) -> list[Block]:
        """The problem on `order` Gauss points per variable in every cell of a tensor grid with these edges.

        The loss is that of the continuous problem, scale times the mean of r^2 over the box and weight
        times its means over faces, up to quadrature. Points inside cells see what lies between knots; those
        that are drawn once at random leave holes in which a network is free.
        """
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
        """
        found = [Block(self.equation, points, 2 * self.scale * np.asarray(weights))]
        for equation in dict.fromkeys(condition.equation for condition in self.conditions):
            # One block for all faces on which the same holds.
            same = [condition for condition in self.conditions if condition.equation is equation]
            shares = []
            for one in same:
                places, share = along[1 - one.variable]
                shares.append(2 * one.weight * np.broadcast_to(share, len(places)))
            sides = []
            for side in ("value", "minus"):
                ends = [(one.variable, getattr(one, side)) for one in same]
                if all(end is not None for _, end in ends):
                    faces = [np.insert(along[1 - i][0][:, None], i, end, axis=1) for i, end in ends]
                    sides.append(np.concatenate(faces))
            found.append(Block(equation, sides[0], np.concatenate(shares), *sides[1:]))
        return found

    def uniform(self, cells: Sequence[int]) -> list[Float64Array]:
        """Edges that cut the interval of variable i into cells[i] equal parts."""
        counts = [integer("every number of cells", n, low=1) for n in cells]
        return [np.linspace(*interval, n + 1) for interval, n in zip(self.box, counts, strict=True)]

    def adapted(
        self, solution: Callable[[Float64Array], Float64Array], cells: Sequence[int], floor: float = 0.5
    ) -> list[Float64Array]:
        """Edges with half of the cells spread evenly and half where the solution is steep.

        Along each variable the largest slope over the other one is equidistributed.
        """
        counts = [integer("every number of cells", n, low=1) for n in cells]
        fine = self.uniform((PIECES, PIECES))
        grid = np.stack(np.meshgrid(*fine, indexing="ij"), axis=-1).reshape(-1, 2)
        u = solution(grid).reshape(PIECES + 1, PIECES + 1)
        steep = [np.abs(np.diff(u, axis=i)).max(axis=1 - i) for i in (0, 1)]
        return [
            equidistributed(ends, slope, n, floor) for ends, slope, n in zip(fine, steep, counts, strict=True)
        ]

    def reweighted(self, scale: float, *weights: float) -> BoundaryValueProblem:
        """The same problem with another scale, and one weight for each of the different conditions."""
        kinds = list(dict.fromkeys(condition.equation for condition in self.conditions))
        if len(weights) != len(kinds):
            raise ValueError(f"{self.name} has {len(kinds)} different conditions, got weights {weights}")
        chosen = dict(zip(kinds, weights, strict=True))
        conditions = tuple(replace(one, weight=chosen[one.equation]) for one in self.conditions)
        return replace(self, conditions=conditions, scale=scale)

    def pinn(self, network: KAN, blocks: Sequence[Block], cost: float = 1.0) -> PINN:
        """The objective for a network that has the problem's box and extra inputs."""
        return PINN(network, blocks, self.extra, self.entering or self.box, cost)

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
        """|u - reference| / |reference| in l2 on a grid of points^2, its boundary included."""
        axes = [np.linspace(*interval, points) for interval in self.box]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        exact = self.reference(grid)
        return float(np.linalg.norm(solution(grid) - exact) / np.linalg.norm(exact))
