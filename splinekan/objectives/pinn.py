"""Equations posed on points, as a least-squares problem for a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from splinekan._arrays import quiet
from splinekan._blas import dot, one
from splinekan._checks import Array, Float64Array, instance, real, real_array, sequence
from splinekan.equations import Equation, Features
from splinekan.model import Model
from splinekan.network import KAN, SparseRows, SplineLayer, TensorSplineLayer
from splinekan.network.jets import Jets
from splinekan.network.kan import warn_of_inputs
from splinekan.network.layer import Directions
from splinekan.objectives.penalty import QuadraticPenalty
from splinekan.objectives.sums import ChunkedSum, Executor, checked_executor
from splinekan.operators import Operator, Stacked

CHUNK_BYTES = 2**24
"""Memory that the rows or the channels of a chunk may take."""


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

    The arrays are copied.

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
class PINN(ChunkedSum):
    """L(theta) = 1/2 sum over blocks and points of w r^2 + smoothing/2 |D theta|^2, r the residuals.

    D takes the jumps of the highest derivative at the inner knots of every edge (`SplineLayer.roughness`): a
    small weight determines the function between points.

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
        A variable whose interval is None is not an input.
    cost
        Work units of an evaluation of value and gradient. None for what the driver counts: `Level.cost` in
        nested iteration, else 1.
    smoothing
        Weight of the second term, not negative.
    executor
        Where chunks are worked on; None for this process.

    Raises
    ------
    TypeError, ValueError
        For blocks on other variables, widths that do not fit, or a degree too low for the derivatives: these
        must be continuous, so an equation of order m takes splines of degree m + 1, or m + mu where inner
        knots have multiplicity mu.

    Warns
    -----
    DomainWarning
        Where points leave the domain of the first spline layer; as for `LeastSquares`.
    """

    network: KAN
    blocks: Sequence[Block]
    extra: Sequence[object] = ()
    bounds: Sequence[tuple[float, float] | None] | None = None
    cost: float | None = None
    smoothing: float = 0.0
    executor: Executor | None = None
    _features: Features = field(init=False, repr=False)
    _seeds: tuple[tuple[Float64Array, ...], ...] = field(init=False, repr=False)
    _equations: tuple[Equation, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        network = instance("network", self.network, KAN)
        blocks = sequence("blocks", self.blocks)
        for number, block in enumerate(blocks):
            instance(f"blocks[{number}]", block, Block)
        checked_executor(self.executor)
        settings = {
            "blocks": blocks,
            "extra": sequence("extra", self.extra, empty=True),
            "cost": None if self.cost is None else real("cost", self.cost, positive=True),
            "smoothing": real("smoothing", self.smoothing, low=0.0, high=np.inf),
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)
        variables = blocks[0].equation.variables
        features = Features(variables, self.extra, self.bounds)
        seeds: list[tuple[Float64Array, ...]] = []
        equations: list[Equation] = []
        lengths = [ends[1] - ends[0] if ends else 1.0 for ends in features.bounds or [None] * len(variables)]
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
            for _, layer, _ in network._leaves:
                degree = getattr(layer, "degree", None) if layer.n_parameters else None
                if degree is not None and degree <= equation.order:
                    raise ValueError(
                        f"blocks[{number}] has order {equation.order}: splines of degree at least "
                        f"{equation.order + 1} have such derivatives continuous, got degree {degree}"
                    )
                for knots in layer.knots if isinstance(layer, (SplineLayer, TensorSplineLayer)) else ():
                    if (most := knots.multiplicities.max(initial=1)) > knots.degree - equation.order:
                        raise ValueError(
                            f"blocks[{number}] has order {equation.order}: such derivatives of splines of "
                            f"degree {knots.degree} jump at inner knots of multiplicity {most}, which "
                            "collocation does not see"
                        )
            sides = [block.points] if block.minus is None else [block.points, block.minus]
            equations.append(equation._in_units(lengths))
            ways = equations[-1].directions
            seeds.append(tuple(features.jets(p, ways, equation.orders) for p in sides))
        object.__setattr__(self, "bounds", features.bounds)
        object.__setattr__(self, "_features", features)
        object.__setattr__(self, "_seeds", tuple(seeds))
        object.__setattr__(self, "_equations", tuple(equations))
        inputs = np.concatenate([side[:, 0] for sides in seeds for side in sides])
        warn_of_inputs(network, inputs, stacklevel=3)

    def solution(self, theta: Float64Array, points: Float64Array) -> Array:
        """The unknowns, (n, number of unknowns), at the given values of the variables."""
        return self.network(theta, self._features.jets(points, (), ())[:, 0])

    def model(self, theta: Float64Array) -> Model:
        """The unknowns as functions of the variables."""
        return Model(self.network, theta, self._features)

    @cached_property
    def penalty(self) -> QuadraticPenalty:
        """smoothing/2 |D theta|^2."""
        return QuadraticPenalty.roughness(self.network, self.smoothing)

    @one
    @quiet
    def values(self, theta: Float64Array) -> Float64Array:
        """The blocks' parts of L, without the smoothing."""
        sums = np.zeros(len(self.blocks))
        for part in self.parts(theta):
            sums[part.block] += part.value
        return sums

    @one
    @quiet
    def jacobian(self, theta: Float64Array) -> Float64Array:
        """J, dense; without the penalty's rows."""
        return np.concatenate([part.jacobian().toarray() for part in self.parts(theta)])

    @one
    @quiet
    def linearized(self, theta: Float64Array) -> tuple[float, Float64Array, Operator]:
        """(L, r, J), J as sparse rows, the penalty's below."""
        theta = self.network._theta(theta)
        parts = list(self.parts(theta))
        residuals = [part.residual for part in parts] + [self.penalty.residual(theta)]
        rows: list[Operator] = [part.jacobian() for part in parts]
        r = np.concatenate(residuals)
        return float(r @ r) / 2, r, Stacked([*rows, self.penalty.jacobian()])

    def parts(self, theta: Float64Array) -> Iterator[PointsPart]:
        """L without the smoothing, in pieces: block after block, each block in chunks of points."""
        theta = self.network._theta(theta)
        return (self._part(theta, chunk) for chunk in self._chunks("rows"))

    @property
    def _n_rows(self) -> int:
        return sum(len(block.points) for block in self.blocks)

    def _chunks(self, purpose: str) -> list[tuple[int, int, int]]:
        """(number of the block, start, stop)."""
        stored = 0
        if purpose != "value":
            stored = sum(n for layer in self.network.layers for n in layer.segment_lengths)
        width = sum(layer.n_out for layer in self.network.layers)
        chunks = []
        for number, block in enumerate(self.blocks):
            channels = Directions(block.equation.orders).channels
            size = max(CHUNK_BYTES // (8 * (stored + 2 * width * channels)), 64)
            n = len(block.points)
            chunks += [(number, start, min(start + size, n)) for start in range(0, n, size)]
        return chunks

    @quiet
    def _part(self, theta: Float64Array, chunk: tuple[int, int, int]) -> PointsPart:
        number, start, stop = chunk
        block, some = self.blocks[number], slice(start, stop)
        directions = Directions(block.equation.orders)
        sides = [Jets.of(self.network, theta, seed[some], directions) for seed in self._seeds[number]]
        places = [block.points] if block.minus is None else [block.points, block.minus]
        evaluated = [
            self._equations[number]._evaluate(p[some], side.output)
            for p, side in zip(places, sides, strict=True)
        ]
        root = np.sqrt(np.asarray(block.weight)[some])
        signs = (1.0, -1.0)[: len(sides)]
        r = sum(sign * residual for sign, (residual, _) in zip(signs, evaluated, strict=True))
        cotangents = [sign * root[:, None, None] * v for sign, (_, v) in zip(signs, evaluated, strict=True)]
        return PointsPart(number, start, np.asarray(root * r), np.asarray(r), sides, cotangents)


@dataclass(frozen=True, eq=False)
class PointsPart:
    """Points of a block from number `start` on: their residuals with and without the roots of the weights."""

    block: int
    start: int
    residual: Float64Array
    unweighted: Float64Array
    sides: list[Jets]
    cotangents: list[Array]

    @property
    def value(self) -> float:
        """Its part of L."""
        return dot(self.residual, self.residual) / 2

    @quiet
    def gradient(self, multipliers: Float64Array | float = 1.0) -> Float64Array:
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

    def jacobian(self) -> SparseRows:
        """J; of two sides dense, since their runs overlap."""
        each = [side.rows(v) for side, v in zip(self.sides, self.cotangents, strict=True)]
        if len(each) == 1:
            return each[0]
        dense = each[0].toarray() + each[1].toarray()
        n, m = dense.shape
        return SparseRows(dense, np.zeros((n, 1), np.int64), np.array([m]), m)
