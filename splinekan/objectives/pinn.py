"""Equations posed on points, as a least-squares problem for a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._arrays import quiet
from splinekan._checks import Array, Float64Array, instance, real, real_array, sequence
from splinekan.equations import Equation, Features
from splinekan.network import KAN, SparseRows
from splinekan.network.jets import Jets
from splinekan.network.kan import warn_of_inputs
from splinekan.network.layer import Directions
from splinekan.operators import Coordinates, Matrix, Operator, Stacked
from splinekan.operators.segments import symmetric

CHUNK_BYTES = 2**24
"""Memory that the rows or the channels of one chunk may take."""


@dataclass(frozen=True, eq=False)
class Block:
    """An equation on a set of points.

    Parameters
    ----------
    equation
        The equation.
    points
        (n, number of variables).
    weight
        w of the squared residuals: one number or (n,), not negative. The block's part of the loss is half
        their weighted sum; see `Block.mean` for a mean. Kept as (n,).
    minus
        (n, number of variables) or None: if given, the residual is that at `points` less that at `minus`, for
        periodic conditions and jumps. The equation's residual is then any expression.

    The arrays are copied: what becomes of those that were given has no effect.

    Raises
    ------
    TypeError, ValueError
        For arrays of other shapes, points of a sign that a variable excludes, and negative weights.
    """

    equation: Equation
    points: Float64Array
    weight: ArrayLike = 1.0
    minus: Float64Array | None = None

    def __post_init__(self) -> None:
        equation = instance("equation", self.equation, Equation)
        points = equation._points("points", self.points).copy()
        if len(points) == 0:
            raise ValueError("points must not be empty")
        minus = None if self.minus is None else equation._points("minus", self.minus).copy()
        if minus is not None and minus.shape != points.shape:
            raise ValueError(f"minus must have the shape of points, {points.shape}, got {minus.shape}")
        weight = real_array("weight", self.weight)
        if weight.shape not in ((), (len(points),)):
            raise ValueError(f"weight must be one number or ({len(points)},), got {weight.shape}")
        if (weight < 0).any():
            raise ValueError(f"weight must not be negative, got {weight.min()}")
        weights = np.full(len(points), weight, dtype=np.float64)
        for name, value in (("points", points), ("minus", minus), ("weight", weights)):
            object.__setattr__(self, name, value)

    @staticmethod
    def mean(
        equation: Equation, points: ArrayLike, weight: float = 1.0, minus: ArrayLike | None = None
    ) -> Block:
        """The block whose part of the loss is `weight` times the mean of r^2 over the points.

        Raises
        ------
        TypeError, ValueError
            As for a block, and if `weight` is not one number.
        """
        factor = real("weight", weight, low=0.0, high=np.inf)
        block = Block(equation, points, 1.0, minus)  # type: ignore[arg-type]
        return replace(block, weight=2 * (factor / len(block.points)))


@dataclass(frozen=True, eq=False)
class PINN:
    """L(theta) = 1/2 sum over blocks and points of w r^2 + smoothing/2 |D theta|^2, r the residuals.

    D takes the jumps of the highest derivative at the inner knots of every edge (`SplineLayer.roughness`): a
    little of it settles what the network does between points.

    Parameters
    ----------
    network
        The network; its outputs are the unknowns, its inputs the variables and the extra features.
    blocks
        Equations, boundary and initial conditions, each on its points.
    extra
        Further inputs, sympy expressions in the variables, such as |x|.
    bounds
        One interval per variable, or None: the network's inputs are the variables mapped from it to [-1, 1].
        A variable with None for its interval is no input itself.
    cost
        Work units of one evaluation of value and gradient.
    smoothing
        Weight of the second term, not negative.

    Raises
    ------
    TypeError, ValueError
        For blocks on other variables, widths that do not fit, or a degree too low for the derivatives: these
        must be continuous, so an equation of order m takes splines of degree m + 1.

    Warns
    -----
    DomainWarning
        Where points leave the domain of the first spline layer; as for `LeastSquares`.
    """

    network: KAN
    blocks: Sequence[Block]
    extra: Sequence[object] = ()
    bounds: Sequence[tuple[float, float] | None] | None = None
    cost: float = 1.0
    smoothing: float = 0.0
    _features: Features = field(init=False, repr=False)
    _seeds: tuple[tuple[Float64Array, ...], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        network = instance("network", self.network, KAN)
        blocks = sequence("blocks", self.blocks)
        for number, block in enumerate(blocks):
            instance(f"blocks[{number}]", block, Block)
        settings = {
            "blocks": blocks,
            "extra": sequence("extra", self.extra, empty=True),
            "cost": real("cost", self.cost, positive=True),
            "smoothing": real("smoothing", self.smoothing, low=0.0, high=np.inf),
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)
        variables = blocks[0].equation.variables
        features = Features(variables, self.extra, self.bounds)
        seeds = []
        for number, block in enumerate(blocks):
            equation = block.equation
            if equation.variables != variables:
                raise ValueError(
                    f"blocks[{number}] has variables {equation.variables}, the first block {variables}"
                )
            if network.n_out != equation.n_unknowns or network.n_in != features.n_inputs:
                raise ValueError(
                    f"blocks[{number}] needs a network from {features.n_inputs} inputs to "
                    f"{equation.n_unknowns} outputs, got {network.n_in} to {network.n_out}"
                )
            for layer in network.layers:
                degree = getattr(layer, "degree", None) if layer.n_parameters else None
                if degree is not None and degree <= equation.order:
                    raise ValueError(
                        f"blocks[{number}] has order {equation.order}: splines of degree at least "
                        f"{equation.order + 1} have such derivatives continuous, got degree {degree}"
                    )
            sides = [block.points] if block.minus is None else [block.points, block.minus]
            seeds.append(tuple(features.jets(p, equation.directions, equation.orders) for p in sides))
        object.__setattr__(self, "bounds", features.bounds)
        object.__setattr__(self, "_features", features)
        object.__setattr__(self, "_seeds", tuple(seeds))
        inputs = np.concatenate([side[:, 0] for sides in seeds for side in sides])
        warn_of_inputs(network, inputs, stacklevel=3)

    def solution(self, theta: Float64Array, points: Float64Array) -> Array:
        """The unknowns, (n, number of unknowns), at the given values of the variables."""
        return self.network(theta, self._features.jets(points, (), ())[:, 0])

    @property
    def n_residuals(self) -> int:
        """Length of r, the smoothing's rows included."""
        smooth = self._root.shape[0] if self.smoothing > 0 else 0
        return sum(len(block.points) for block in self.blocks) + smooth

    @quiet
    def residual(self, theta: Float64Array) -> Float64Array:
        """r with the roots of the weights, block after block; without the smoothing's rows."""
        return np.concatenate([part.residual for part in self.parts(theta)])

    @quiet
    def value(self, theta: Float64Array) -> float:
        """L."""
        return sum((part.value for part in self.parts(theta)), self.penalty(theta))

    @quiet
    def penalty(self, theta: Float64Array) -> float:
        """smoothing/2 |D theta|^2."""
        theta = self.network._theta(theta)
        return float(np.sum((self._root @ theta) ** 2)) / 2 if self.smoothing > 0 else 0.0

    @quiet
    def values(self, theta: Float64Array) -> Float64Array:
        """The blocks' parts of L, without the smoothing."""
        found = np.zeros(len(self.blocks))
        for part in self.parts(theta):
            found[part.block] += part.value
        return found

    @quiet
    def value_and_gradient(self, theta: Float64Array) -> tuple[float, Float64Array]:
        """L and its gradient J^T r + smoothing D^T D theta."""
        total, gradient = self.penalty(theta), self._pull(theta)
        for part in self.parts(theta):
            total += part.value
            gradient += part.pull()
        return total, gradient

    def gradient(self, theta: Float64Array) -> Float64Array:
        """J^T r + smoothing D^T D theta."""
        return self.value_and_gradient(theta)[1]

    @quiet
    def jacobian(self, theta: Float64Array) -> Float64Array:
        """J, dense; without the smoothing's rows."""
        return np.concatenate([part.rows().toarray() for part in self.parts(theta)])

    @quiet
    def normal_equations(self, theta: Float64Array) -> tuple[float, Float64Array, Float64Array]:
        """(L, its gradient, J^T J + smoothing D^T D), assembled from sparse rows chunk by chunk."""
        m = self.network.n_parameters
        total, gradient, matrix = self.penalty(theta), self._pull(theta), np.zeros((m, m))
        for part in self.parts(theta):
            rows = part.rows()
            total += part.value
            gradient += rows.rmatvec(part.residual)
            rows.add_products(matrix)
        symmetric(matrix)
        if self.smoothing > 0:
            matrix += (self._root.T @ self._root).toarray()
        return total, gradient, matrix

    @quiet
    def triangular_factor(self, theta: Float64Array) -> tuple[float, Float64Array, Float64Array]:
        """(L, R, z) with J = Q R and z = Q^T r, the smoothing's rows below the others."""
        m = self.network.n_parameters
        total, stacked = self.penalty(theta), np.zeros((0, m + 1))
        waiting: list[Float64Array] = []
        if self.smoothing > 0:
            waiting.append(np.column_stack([self._root.toarray(), self._root @ theta]))
        for part in self.parts(theta):
            total += part.value
            waiting.append(np.column_stack([part.rows().toarray(), part.residual]))
            if sum(map(len, waiting)) > 2 * m:
                stacked, waiting = _triangle(stacked, waiting), []
        stacked = _triangle(stacked, waiting)
        upper = np.zeros((m, m + 1))
        upper[: min(len(stacked), m)] = stacked[:m]
        return total, upper[:, :m], upper[:, m]

    @quiet
    def linearized(self, theta: Float64Array) -> tuple[float, Float64Array, Stacked]:
        """(L, r, J), J by its products."""
        parts = list(self.parts(theta))
        residuals = [part.residual for part in parts]
        rows: list[Operator] = [part.rows() for part in parts]
        if self.smoothing > 0:
            residuals.append(self._root @ theta)
            rows.append(Matrix(self._root))
        r = np.concatenate(residuals)
        return float(r @ r) / 2, r, Stacked(rows)

    def coordinates(self, name: str) -> Coordinates:
        """The map from theta to the parameters in the basis `name`, "spline" or "relu"."""
        return self.network.coordinates(name)

    @cached_property
    def _root(self) -> scipy.sparse.csr_array:
        """sqrt(smoothing) D."""
        return scipy.sparse.csr_array(np.sqrt(self.smoothing) * self.network.roughness)

    @quiet
    def _pull(self, theta: Float64Array) -> Float64Array:
        if self.smoothing == 0:
            return np.zeros(self.network.n_parameters)
        return np.asarray(self._root.T @ (self._root @ self.network._theta(theta)))

    def parts(self, theta: Float64Array) -> Iterator[Part]:
        """L without the smoothing, in pieces: block after block, each block in chunks of points."""
        return self._parts(self.network._theta(theta))

    def _parts(self, theta: Float64Array) -> Iterator[Part]:
        stored = sum(n for layer in self.network.layers for n in layer.run_lengths)
        width = sum(layer.n_out for layer in self.network.layers)
        for number, block in enumerate(self.blocks):
            directions = Directions(block.equation.orders)
            size = max(CHUNK_BYTES // (8 * (stored + 2 * width * directions.channels)), 64)
            for start in range(0, len(block.points), size):
                yield self._part(theta, number, directions, start, start + size)

    @quiet
    def _part(self, theta: Float64Array, number: int, directions: Directions, start: int, stop: int) -> Part:
        block, some = self.blocks[number], slice(start, stop)
        sides = [Jets.of(self.network, theta, seed[some], directions) for seed in self._seeds[number]]
        places = [block.points] if block.minus is None else [block.points, block.minus]
        found = [
            block.equation._evaluate(p[some], side.output) for p, side in zip(places, sides, strict=True)
        ]
        root = np.sqrt(np.asarray(block.weight)[some])
        signs = (1.0, -1.0)[: len(sides)]
        r = sum(sign * each for sign, (each, _) in zip(signs, found, strict=True))
        cotangents = [sign * root[:, None, None] * v for sign, (_, v) in zip(signs, found, strict=True)]
        return Part(number, start, np.asarray(root * r), np.asarray(r), sides, cotangents)


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of one block: from point `start` on, with and without the roots of the weights."""

    block: int
    start: int
    residual: Float64Array
    unweighted: Float64Array
    sides: list[Jets]
    cotangents: list[Array]

    @property
    def value(self) -> float:
        """Its part of L."""
        return float(self.residual @ self.residual) / 2

    @quiet
    def pull(self, multipliers: Float64Array | float = 1.0) -> Float64Array:
        """J^T (multipliers r), for one multiplier or (n,)."""
        factors = real_array("multipliers", multipliers, finite=False)
        if factors.shape not in ((), self.residual.shape):
            raise ValueError(
                f"multipliers must be one number or have shape {self.residual.shape}, got {factors.shape}"
            )
        residual = factors * self.residual
        scaled = [v * residual[:, None, None] for v in self.cotangents]
        total: Float64Array = sum(
            (side.vjp(v) for side, v in zip(self.sides, scaled, strict=True)), np.zeros(())
        )
        return total

    def rows(self) -> SparseRows:
        """J; of two sides dense, since their runs overlap."""
        each = [side.rows(v) for side, v in zip(self.sides, self.cotangents, strict=True)]
        if len(each) == 1:
            return each[0]
        dense = each[0].toarray() + each[1].toarray()
        n, m = dense.shape
        return SparseRows(dense, np.zeros((n, 1), np.int64), np.array([m]), m)


def _triangle(stacked: Float64Array, waiting: list[Float64Array]) -> Float64Array:
    if not waiting:
        return stacked
    (upper,) = scipy.linalg.qr(np.concatenate([stacked, *waiting]), mode="r", check_finite=False)
    return np.asarray(upper[: upper.shape[1]])
