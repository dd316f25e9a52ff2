"""Equations on points, and measured values, as the parts of a PINN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, instance, one_of, real, real_array, sequence, vector
from splinekan.equations import Equation
from splinekan.equations.expressions import read

MISSING = ("refuse", "drop")
"""Treatments of measured values that are NaN."""


@dataclass(frozen=True, eq=False)
class Block:
    """An equation on a set of points, a part of a `PINN`; the arrays are copied.

    Its part of the loss is 1/2 sum_i w_i r_i^2, r_i the residual of the equation at point i.

    Parameters
    ----------
    equation
        The equation.
    points
        (n, number of variables).
    weight
        w, a number or (n,), not negative; kept as (n,). `Block.mean` divides it by the number of points.
    minus
        (n, number of variables) or None. If given, r_i is the residual at `points` minus the residual at
        `minus`, for periodic conditions and jumps. The equation may then be any expression.
    target
        (n,) or None. If given, it is subtracted from the residual and treated as measured: its errors are
        those that `PINN.standard_errors` propagates. Weights 1/sigma^2 give weighted least squares. `Data`
        makes such blocks.

    Raises
    ------
    TypeError, ValueError
        For arrays of the wrong shape, points of a sign that a variable excludes, negative weights, and
        targets that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from sympy import Function, symbols
    >>> x = symbols("x")
    >>> u = Function("u")(x)
    >>> equation = Equation(u.diff(x, 2) + u, unknown=u, variables=(x,))
    >>> Block(equation, np.linspace(0, 1, 4)[:, None], weight=0.25).weight
    array([0.25, 0.25, 0.25, 0.25])
    """

    equation: Equation
    points: Float64Array
    weight: ArrayLike = 1.0
    minus: Float64Array | None = None
    target: Float64Array | None = None

    def __post_init__(self) -> None:
        equation = instance("equation", self.equation, Equation)
        points = equation._points("points", self.points).copy()
        if len(points) == 0:
            raise ValueError("points must not be empty")
        minus = None if self.minus is None else equation._points("minus", self.minus).copy()
        if minus is not None and minus.shape != points.shape:
            raise ValueError(f"minus must have the shape of points, {points.shape}, got {minus.shape}")
        target = None if self.target is None else vector("target", self.target, len(points)).copy()
        weights = _weights(self.weight, len(points))
        found = (("points", points), ("minus", minus), ("weight", weights), ("target", target))
        for name, value in found:
            object.__setattr__(self, name, value)

    @staticmethod
    def mean(
        equation: Equation,
        points: ArrayLike,
        weight: float = 1.0,
        minus: ArrayLike | None = None,
        target: ArrayLike | None = None,
    ) -> Block:
        """The block whose part of the loss is `weight` times the mean of r^2 over the points.

        Raises
        ------
        TypeError, ValueError
            As for a block, and if `weight` is not a single number.
        """
        factor = real("weight", weight, low=0.0, high=np.inf)
        block = Block(equation, points, 1.0, minus, target)  # type: ignore[arg-type]
        return replace(block, weight=2 * (factor / len(block.points)))


@dataclass(frozen=True, eq=False)
class Data:
    """Measured values: the expression `of` is equal to `values` at the points, up to errors.

    The arrays are copied. Among the blocks of a `PINN` it adds 1/2 sum_i w_i (of(x_i) - values_i)^2 to the
    loss. Weights w_i = 1/sigma_i^2, with the standard deviations of the errors, are those of maximum
    likelihood for normal errors; weights that are right up to a common factor serve `PINN.standard_errors`,
    which estimates it.

    Parameters
    ----------
    points
        (n, number of variables).
    values
        (n,), finite unless `missing` is "drop".
    weight
        A number or (n,), not negative.
    of
        An expression of sympy in the unknowns, their derivatives and the variables; None for the unknown, if
        there is only one.
    missing
        "refuse" raises an error for values that are NaN, "drop" removes them with their points and weights.

    Raises
    ------
    TypeError, ValueError
        For arrays of the wrong type or shape, values that are not finite, negative weights, and if no value
        remains.

    Examples
    --------
    >>> from sympy import Function, symbols
    >>> t = symbols("t")
    >>> u = Function("u")(t)
    >>> data = Data([[0.0], [1.0], [2.0]], [1.0, float("nan"), 0.1], weight=25.0, of=u, missing="drop")
    >>> data.block(u, (t,)).target
    array([1. , 0.1])
    """

    points: Float64Array
    values: Float64Array
    weight: ArrayLike = 1.0
    of: Any = None
    missing: str = "refuse"

    def __post_init__(self) -> None:
        one_of("missing", self.missing, MISSING)
        points = real_array("points", self.points, ndim=2).astype(np.float64)
        values = vector("values", self.values, len(points), finite=False).copy()
        weight = _weights(self.weight, len(points))
        kept = np.ones(len(points), bool) if self.missing == "refuse" else ~np.isnan(values)
        vector("values", values[kept], finite=True)
        if not kept.any():
            raise ValueError(f"values must hold a number, got {len(values)} values, all of them missing")
        if self.of is not None:
            read("of", self.of)
        for name, array in (("points", points[kept]), ("values", values[kept]), ("weight", weight[kept])):
            object.__setattr__(self, name, array)

    def block(self, unknown: Any, variables: Sequence[Any]) -> Block:
        """The block of these values, for the unknowns and variables of an equation.

        Raises
        ------
        TypeError, ValueError
            As for `Equation` and `Block`; if there are several unknowns and `of` is None.
        """
        several = isinstance(unknown, (list, tuple))
        if self.of is None and several and len(unknown) != 1:
            raise ValueError(f"of must be given, since there are several unknowns: {unknown}")
        what = self.of if self.of is not None else unknown[0] if several else unknown
        return Block(Equation(what, unknown, variables), self.points, self.weight, target=self.values)


def _weights(weight: ArrayLike, count: int) -> Float64Array:
    """A number or (count,), not negative, as (count,)."""
    given = real_array("weight", weight)
    if given.shape not in ((), (count,)):
        raise ValueError(f"weight must be one number or ({count},), got {given.shape}")
    if (given < 0).any():
        raise ValueError(f"weight must not be negative, got {given.min()}")
    return np.full(count, given, dtype=np.float64)


def blocks_of(given: Sequence[Block | Data]) -> tuple[Block, ...]:
    """Blocks, with measured values as blocks for the unknowns and variables of the first equation."""
    items = sequence("blocks", given)
    for number, item in enumerate(items):
        if not isinstance(item, Data):
            instance(f"blocks[{number}]", item, Block)
    equation = next((item.equation for item in items if isinstance(item, Block)), None)
    if equation is None:
        raise ValueError(
            "blocks must hold an equation besides measured values: use LeastSquares for data alone"
        )
    blocks = []
    for number, item in enumerate(items):
        if isinstance(item, Data):
            try:
                item = item.block(equation.unknown, equation.variables)
            except (TypeError, ValueError) as error:
                raise type(error)(f"blocks[{number}]: {error}") from None
        blocks.append(item)
    return tuple(blocks)
