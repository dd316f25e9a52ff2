"""Equations posed on points, as a least-squares problem for a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from splinekan._arrays import quiet
from splinekan._blas import one
from splinekan._checks import Array, Float64Array, instance, real, sequence
from splinekan.equations import Equation, Features, Unknown
from splinekan.model import Model
from splinekan.network import KAN, SplineLayer, TensorSplineLayer
from splinekan.network.jets import Jets
from splinekan.network.kan import warn_of_inputs
from splinekan.network.layer import Directions
from splinekan.objectives.blocks import Block, Data, blocks_of
from splinekan.objectives.elsewhere import PlacePart, chunk_of, directions_of, seed_at
from splinekan.objectives.part import PointsPart
from splinekan.objectives.penalty import QuadraticPenalty
from splinekan.objectives.standard_errors import standard_errors
from splinekan.objectives.sums import ChunkedSum, checked_executor
from splinekan.operators import Operator, Stacked

__all__ = ["PINN", "Block", "Data", "PointsPart"]

CHUNK_BYTES = 2**24
"""Memory that the rows or the channels of a chunk may take."""


@dataclass(frozen=True, eq=False)
class PINN(ChunkedSum):
    """L(theta) = 1/2 sum over blocks and points of w r^2 + smoothing/2 |D theta|^2, r the residuals.

    D theta holds the jumps of the highest derivative at the inner knots of every edge
    (`SplineLayer.roughness`): a small weight determines the function between points.

    Unknown constants (`Unknown`) of the equations are the last parameters of a network with constants, in
    the order in which they are passed to `KAN.with_constants`.

    Parameters
    ----------
    network
        The network; its outputs are the unknowns, its inputs the variables and the extra features. If the
        equations have unknown constants, `network.with_constants(...)`.
    blocks
        Equations, boundary conditions and initial conditions, each on its points, and measured values, as
        `Data`. All are kept as blocks.
    extra
        Further inputs of the network, sympy expressions in the variables, such as |x|.
    bounds
        An interval per variable, or None: the network's inputs are the variables mapped from it to [-1, 1].
        A variable whose interval is None is not an input.
    cost
        Work units of an evaluation of value and gradient. None leaves the count to the driver: `Level.cost`
        in nested iteration, else 1.
    smoothing
        Weight of the second term, not negative.
    executor
        Where chunks are evaluated: None for this process, `Workers`, or a Dask client, to which the points
        are sent at every evaluation.

    Raises
    ------
    TypeError, ValueError
        For blocks on different variables, widths that do not fit, unknown constants that the network does
        not have, measured values without an equation, unknowns at places outside the bounds, or a degree too
        low for the derivatives: an equation of order m requires splines of degree m + 1, or m + mu - 1 where
        inner knots have multiplicity mu, so that derivatives of order m - 1 are continuous. Derivatives of
        order m may jump at repeated knots, as a source does.

    Warns
    -----
    DomainWarning
        If points leave the domain of the first spline layer; as for `DataLoss`.

    Examples
    --------
    u' = u with u(0) = 1:

    >>> import numpy as np
    >>> import splinekan as sk
    >>> from sympy import Function, symbols
    >>> x = symbols("x")
    >>> u = Function("u")(x)
    >>> growth = sk.Equation(u.diff(x) - u, unknown=u, variables=(x,))
    >>> start = sk.Equation(u - 1, unknown=u, variables=(x,))
    >>> blocks = [sk.Block.mean(growth, np.linspace(0, 1, 40)[:, None]), sk.Block(start, [[0.0]])]
    >>> problem = sk.PINN(sk.KAN.splines([1, 1], intervals=8), blocks)
    >>> result = sk.LevenbergMarquardt().minimize(problem, np.zeros(11), iterations=10)
    >>> bool(abs(problem.solution(result.theta, np.array([[1.0]]))[0, 0] - np.e) < 1e-4)
    True
    """

    network: KAN
    blocks: Sequence[Any]
    extra: Sequence[object] = ()
    bounds: Sequence[tuple[float, float] | None] | None = None
    cost: float | None = None
    smoothing: float = 0.0
    executor: Any = None
    _features: Features = field(init=False, repr=False)
    _seeds: tuple[tuple[Float64Array, ...], ...] = field(init=False, repr=False)
    _elsewhere: tuple[tuple[tuple[Float64Array, ...], ...], ...] = field(init=False, repr=False)
    _equations: tuple[Equation, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        network = instance("network", self.network, KAN)
        blocks = blocks_of(self.blocks)
        object.__setattr__(self, "executor", checked_executor(self.executor))
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
        elsewhere: list[tuple[tuple[Float64Array, ...], ...]] = []
        equations: list[Equation] = []
        known = network._constants
        n_out = network.n_out - (known.n_parameters if known else 0)
        constants: dict[str, Unknown] = {}
        lengths = [ends[1] - ends[0] if ends else 1.0 for ends in features.bounds or [None] * len(variables)]
        for number, block in enumerate(blocks):
            equation = block.equation
            if equation.variables != variables:
                raise ValueError(
                    f"blocks[{number}] has variables {equation.variables}, the first block {variables}"
                )
            if n_out != equation.n_unknowns or network.n_in != features.n_inputs:
                raise ValueError(
                    f"blocks[{number}] needs a network from {features.n_inputs} inputs to "
                    f"{equation.n_unknowns} outputs, got {network.n_in} to {n_out}"
                )
            for constant in equation.constants:
                if known is None or constant.name not in known.names:
                    raise ValueError(
                        f"blocks[{number}] has the unknown constant {constant}, and the network does not: "
                        f"pass network.with_constants({{{constant.name!r}: {constant.start}, ...}})"
                    )
                if constants.setdefault(constant.name, constant) != constant:
                    raise ValueError(
                        f"blocks[{number}] has the unknown constant {constant} with the starting value "
                        f"{constant.start}, another block with {constants[constant.name].start}"
                    )
            for _, layer, _ in network._leaves:
                degree = getattr(layer, "degree", None) if layer.n_parameters else None
                if degree is not None and degree <= equation.order:
                    raise ValueError(
                        f"blocks[{number}] has order {equation.order}: splines of degree at least "
                        f"{equation.order + 1} have such derivatives continuous, got degree {degree}"
                    )
                every = layer.knots if isinstance(layer, (SplineLayer, TensorSplineLayer)) else ()
                for i, knots in enumerate(every):
                    order = equation.order
                    if isinstance(layer, TensorSplineLayer) and len(every) == len(variables):
                        order = _order_along(equation, i)
                    if (most := knots.multiplicities.max(initial=1)) > knots.degree - max(order - 1, 0):
                        raise ValueError(
                            f"blocks[{number}] has order {order}: derivatives of order "
                            f"{max(order - 1, 0)} of splines of degree {knots.degree} jump at inner knots "
                            f"of multiplicity {most}, which collocation does not see"
                        )
            sides = [block.points] if block.minus is None else [block.points, block.minus]
            posed = equation._among(known.names) if known is not None else equation
            equations.append(posed._in_units(lengths))
            ways, places = equations[-1].directions, equations[-1].places
            seeds.append(tuple(features.jets(p, ways, equation.orders) for p in sides))
            elsewhere.append(
                tuple(tuple(seed_at(number, network, features, place, p) for place in places) for p in sides)
            )
        object.__setattr__(self, "bounds", features.bounds)
        object.__setattr__(self, "_features", features)
        object.__setattr__(self, "_seeds", tuple(seeds))
        object.__setattr__(self, "_elsewhere", tuple(elsewhere))
        object.__setattr__(self, "_equations", tuple(equations))
        others = [seed for sides in elsewhere for side in sides for seed in side]
        inputs = np.concatenate([side[:, 0] for side in [*(s for sides in seeds for s in sides), *others]])
        warn_of_inputs(network, inputs, stacklevel=3)

    def solution(self, theta: Float64Array, points: Float64Array) -> Array:
        """The unknowns, (n, number of unknowns), at the given values of the variables."""
        outputs = self.network(theta, self._features.jets(points, (), ())[:, 0])
        count: int = self.blocks[0].equation.n_unknowns
        return outputs[:, :count]

    def constants(self, theta: Float64Array) -> dict[str, float]:
        """The unknown constants by name, in the order of theta; empty without any."""
        return self.network.constants(theta)

    def standard_errors(self, theta: Float64Array, variance: float | None = None) -> dict[str, float]:
        """The standard errors of the unknown constants at the minimum, by name.

        theta-hat is linearised in the errors of the measured values, which are the targets of blocks:
        theta-hat - theta = J^+ e. With J the rows of all blocks and of the smoothing, each times the root of
        its weight, and d the measured rows,

            errors^2 = s^2 diag(J^+_d J^+_d^T),   s^2 = |r_d|^2 / tr((I - H)^2),   H = J_d J^+_d.

        The other rows, those of equations and conditions, are exact. If no block has a target, all rows are
        treated as measured: errors^2 = s^2 diag((J^T J)^-1), s^2 = |r|^2/(n - rank J). The degrees of freedom
        tr((I - H)^2) = n_d - 2 tr H + tr H^2 are those of a linear smoother (Hastie and Tibshirani,
        Generalized Additive Models, 1990, section 3.5).

        The formulas assume a minimum of the loss, independent errors with variances proportional to
        1/weight, a correct model, and errors small enough for the linearisation. The error of the network
        itself (too few knots or points) is not included. The cost is that of a singular value decomposition,
        O(n_parameters^3).

        Parameters
        ----------
        theta
            The parameters at the end of training.
        variance
            s^2, where it is known: 1 if the weights are 1/sigma^2. None to estimate it.

        Returns
        -------
        dict
            The standard error of every constant; infinite if the constant is not identifiable, that is, if
            theta can change along it without changing J theta beyond rounding, and if there are no degrees
            of freedom.
        """
        if variance is not None:
            variance = real("variance", variance, low=0.0, high=np.inf)
        return standard_errors(self, self.network._theta(theta), variance)

    def model(self, theta: Float64Array) -> Model:
        """The unknowns as functions of the variables, followed by the unknown constants, if any."""
        return Model(self.network, theta, self._features)

    @cached_property
    def penalty(self) -> QuadraticPenalty:
        """smoothing/2 |D theta|^2."""
        return QuadraticPenalty.roughness(self.network, self.smoothing)

    @one
    @quiet
    def values(self, theta: Float64Array) -> Float64Array:
        """The contribution of each block to L, without the smoothing."""
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
        """(index of the block, start, stop)."""
        stored = 0
        if purpose != "value":
            stored = sum(n for layer in self.network.layers for n in layer.segment_lengths)
        width = sum(layer.n_out for layer in self.network.layers)
        chunks = []
        for number, block in enumerate(self.blocks):
            channels = Directions(block.equation.orders).channels
            bytes_per_sample = 8 * (stored + 2 * width * channels)
            for place in block.equation.places:
                points = len(place.nodes) if not place.shared else 1
                bytes_per_sample += 8 * points * (stored + 2 * width * directions_of(place).channels)
                bytes_per_sample += 8 * (self.network.n_parameters + 4 * len(place.nodes))
            size = max(CHUNK_BYTES // bytes_per_sample, 64)
            n = len(block.points)
            chunks += [(number, start, min(start + size, n)) for start in range(0, n, size)]
        return chunks

    @quiet
    def _part(self, theta: Float64Array, chunk: tuple[int, int, int]) -> PointsPart:
        number, start, stop = chunk
        block, equation, some = self.blocks[number], self._equations[number], slice(start, stop)
        directions = Directions(block.equation.orders)
        root = np.sqrt(np.asarray(block.weight)[some])
        given = [block.points] if block.minus is None else [block.points, block.minus]
        sides, cotangents, others = [], [], []
        r = np.zeros(len(root)) if block.target is None else -block.target[some]
        for sign, points, seed, elsewhere in zip(
            (1.0, -1.0), given, self._seeds[number], self._elsewhere[number], strict=False
        ):
            side = Jets.of(self.network, theta, seed[some], directions)
            there = [
                Jets.of(self.network, theta, each[chunk_of(place, start, stop)], directions_of(place))
                for place, each in zip(equation.places, elsewhere, strict=True)
            ]
            residual, cotangent, slopes = equation._evaluate(
                points[some], side.output, [jets.output for jets in there]
            )
            r = r + sign * residual
            sides.append(side)
            cotangents.append(sign * root[:, None, None] * cotangent)
            for place, jets, each in zip(equation.places, there, slopes, strict=True):
                others.append(PlacePart(place, jets, [sign * root[:, None] * slope for slope in each]))
        return PointsPart(number, start, root * r, r, sides, cotangents, others)


def _order_along(equation: Equation, variable: int) -> int:
    """The largest order of derivatives along directions on which the variable is not constant."""
    ways = zip(equation.directions, equation.orders, strict=True)
    return max((order for way, order in ways if way[variable] != 0), default=0)
