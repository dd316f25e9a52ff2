"""Free knots: a least-squares problem whose unknowns are the parameters of a network and its knots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinekan._arrays import quiet
from splinekan._blas import one
from splinekan._checks import Float64Array, affordable, boolean, each, instance, integer, one_of, real, vector
from splinekan._records import Uncached
from splinekan.model import Model
from splinekan.multilevel.knot_spacings import KnotSpacings
from splinekan.network import KAN, SparseRows
from splinekan.network.knot_derivatives import knot_groups, knot_rows, pulled_to_knots, with_knots
from splinekan.objectives import DataLoss
from splinekan.objectives.data import DataPart
from splinekan.objectives.sums import triangle
from splinekan.operators.segments import symmetric
from splinekan.optimize import IdentityMap

UNKNOWNS = ("log-ratios", "knots")


@dataclass(frozen=True, eq=False)
class FreeKnots(Uncached):
    """L(theta, kappa): the loss of a network with parameters theta on the knots t(kappa).

    The unknowns z are theta, followed, for every group of inputs that share their knots, by G - 1 numbers
    kappa, the logarithms of the ratios of neighbouring spacings (Jupp 1978); the knots are in order for every
    z. Inner breakpoints move, the ends of the domain and the ghost knots are fixed, and repeated breakpoints
    remain repeated. Every optimiser can be used; Gauss-Newton methods use the exact Jacobian in all unknowns,
    and `VariableProjection` solves for the last layer.

    Parameters
    ----------
    objective
        `LeastSquares`, or `DataLoss` with another loss, without smoothing, since the penalty of jumps itself
        depends on the knots. Sums run in this process: `executor` must be None.
    layers
        Indices of the layers whose knots are free; None for all spline layers with inner breakpoints.
    shared
        Whether neighbouring inputs of a layer with equal knots keep equal knots. If False, the knots of
        every input move independently.
    least
        The least spacing relative to the mean spacing (b - a)/G, in (0, 1).
    unknowns
        "log-ratios" for kappa; "knots" for the breakpoints in units of b - a. The loss is NaN for breakpoints
        that are out of order or closer than the least spacing.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type, objectives with smoothing or an executor, networks without movable
        knots, and knots closer than the least spacing. The methods raise them for z of the wrong length.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 400)[:, None]
    >>> network = sk.KAN.splines([1, 1], degree=1, intervals=4)
    >>> problem = FreeKnots(sk.LeastSquares(network, x, np.abs(x - 0.3), reduction="mean"))
    >>> result = sk.VariableProjection().minimize(problem, problem.start(np.zeros(5)), iterations=50)
    >>> bool(np.abs(result.model.network.layers[0].knots[0].breakpoints - 0.3).min() < 1e-3)
    True
    """

    objective: DataLoss
    layers: Sequence[int] | None = None
    shared: bool = True
    least: float = 1e-3
    unknowns: str = "log-ratios"

    def __post_init__(self) -> None:
        objective = instance("objective", self.objective, DataLoss)
        if objective.smoothing:
            raise ValueError(
                f"objective must have smoothing 0, got {objective.smoothing}: the penalty of jumps depends "
                "on the knots"
            )
        if objective.executor is not None:
            raise ValueError("objective must have the executor None: knots are moved in this process")
        object.__setattr__(self, "shared", boolean("shared", self.shared))
        object.__setattr__(self, "least", real("least", self.least, positive=True, high=1.0))
        one_of("unknowns", self.unknowns, UNKNOWNS)
        if self.least >= 1:
            raise ValueError("least must be below 1: knots that are equally spaced could not move")
        if self.layers is not None:
            numbers = each("layers", self.layers, integer)
            object.__setattr__(self, "layers", tuple(numbers))
        _ = self._first  # knots that cannot move, or are too close, are refused here

    # The unknowns

    @cached_property
    def _groups(self) -> tuple[Any, ...]:
        return knot_groups(self.objective.network, self.layers, self.shared)

    @cached_property
    def _spacings(self) -> tuple[KnotSpacings, ...]:
        return tuple(KnotSpacings(group.knots, self.least, self.unknowns) for group in self._groups)

    @cached_property
    def _kept(self) -> dict[bytes, DataLoss]:
        """Objectives on the most recent knots, by the unknowns of the knots."""
        return {}

    @cached_property
    def _first(self) -> Float64Array:
        return np.concatenate([spacings.unknowns() for spacings in self._spacings])

    @property
    def n_parameters(self) -> int:
        """The length of z."""
        return self.objective.network.n_parameters + self.n_free

    @property
    def n_free(self) -> int:
        """The number of knots that move."""
        return len(self._first)

    def start(self, theta: ArrayLike) -> Float64Array:
        """The unknowns z of the parameters theta on the knots of the objective's network."""
        size = self.objective.network.n_parameters
        return np.concatenate([vector("theta", theta, size), self._first])

    def network(self, z: ArrayLike) -> KAN:
        """The network on the knots of z.

        Raises
        ------
        ValueError
            For unknowns "knots" that are out of order or closer than the least spacing.
        """
        placed = self._at(self._checked(z))
        if placed is None:
            raise ValueError("z must hold knots in order, and not closer than the least spacing")
        return placed.network

    def model(self, z: ArrayLike) -> Model:
        """The network on the knots of z, with the parameters theta of z."""
        unknowns = vector("z", z, self.n_parameters)
        network = self.network(unknowns)
        return Model(network, unknowns[: network.n_parameters])

    def _checked(self, z: ArrayLike) -> Float64Array:
        return vector("z", z, self.n_parameters, finite=False)

    def _at(self, z: Float64Array) -> DataLoss | None:
        """The objective on the knots of z, None if they are not admissible. The last three are cached."""
        kappa = z[self.objective.network.n_parameters :]
        key = kappa.tobytes()
        if key in self._kept:
            return self._kept[key]
        if np.array_equal(kappa, self._first):  # exactly the given knots
            placed = self.objective
        else:
            network = self._network(kappa)
            if network is None:
                return None
            placed = copy(self.objective)
            object.__setattr__(placed, "network", network)
        while len(self._kept) > 2:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = placed
        return placed

    def _network(self, kappa: Float64Array) -> KAN | None:
        network, start = self.objective.network, 0
        changed: dict[int, list[Any]] = {}
        for group, spacings in zip(self._groups, self._spacings, strict=True):
            knots = spacings.knots(kappa[start : start + group.n_free])
            if knots is None:
                return None
            layer = network._splines[group.leaf][1]
            vectors = changed.setdefault(group.leaf, list(layer.knots))
            for p in group.inputs:
                vectors[p] = knots
            start += group.n_free
        return with_knots(network, changed)

    def _chain(self, z: Float64Array, rows: Float64Array) -> Float64Array:
        """Derivatives with respect to the unknowns, from those with respect to breakpoints, (any, n_free)."""
        out, start, first = np.empty_like(rows), 0, self.objective.network.n_parameters
        for spacings in self._spacings:
            stop = start + spacings.start.intervals - 1
            jacobian = spacings.jacobian(z[first + start : first + stop])
            np.matmul(rows[:, start:stop], jacobian, out=out[:, start:stop])
            start = stop
        return out

    # The methods that optimisers need

    @property
    def cost(self) -> float | None:
        """Work units of an evaluation, those of the objective."""
        return self.objective.cost

    @property
    def squared(self) -> bool:
        """Whether the loss is half a sum of squares."""
        return self.objective.squared

    @property
    def n_residuals(self) -> int:
        """The number of rows of the Jacobian."""
        return self.objective.n_residuals

    def coordinates(self, name: str) -> IdentityMap:
        """Raise an error: only native coordinates exist, as the change of basis depends on the knots.

        Raises
        ------
        ValueError
            For any name.
        """
        raise ValueError(f"unknown coordinates {name!r}: free knots have none but the native ones (None)")

    def value(self, z: ArrayLike) -> float:
        """L; NaN for knots that are not admissible."""
        unknowns = self._checked(z)
        placed = self._at(unknowns)
        return np.nan if placed is None else placed.value(unknowns[: placed.network.n_parameters])

    @one
    @quiet
    def value_and_gradient(self, z: ArrayLike) -> tuple[float, Float64Array]:
        """L and its gradient in z."""
        unknowns = self._checked(z)
        placed = self._at(unknowns)
        if placed is None:
            return np.nan, np.full(len(unknowns), np.nan)
        size = placed.network.n_parameters
        total, gradient, knots = 0.0, np.zeros(size), np.zeros((1, self.n_free))
        for part in self._parts(
            placed, unknowns, "rows"
        ):  # the derivatives in the knots take the memory of a row
            total += part.value
            gradient += part.gradient()
            pulled = pulled_to_knots(part.at, self._groups, part.root * part._rooted)
            knots += pulled.sum(axis=0)
        return total, np.concatenate([gradient, self._chain(unknowns, knots)[0]])

    @one
    @quiet
    def normal_equations(self, z: ArrayLike) -> tuple[float, Float64Array, Float64Array]:
        """(L, its gradient, sum (S J)^T (S J)), J with respect to theta and kappa."""
        unknowns = self._checked(z)
        affordable("the normal matrix", 8.0 * len(unknowns) ** 2)
        total, gradient = 0.0, np.zeros(len(unknowns))
        matrix = np.zeros((len(unknowns), len(unknowns)))
        for part, rows in self._rows(unknowns, "rows"):
            total += part.value
            gradient += rows.rmatvec(part.residual)
            rows.add_products(matrix)
        if not self.squared:
            gradient = self.value_and_gradient(unknowns)[1]
        return total, gradient, symmetric(matrix)

    @one
    @quiet
    def triangular_factor(self, z: ArrayLike) -> tuple[float, Float64Array, Float64Array]:
        """(L, R, q) with S J = Q R and q = Q^T rho."""
        unknowns = self._checked(z)
        m = len(unknowns)
        affordable("the triangular factor", 24.0 * m**2)
        total, upper = 0.0, np.zeros((0, m + 1))
        for part, rows in self._rows(unknowns, "triangle"):
            total += part.value
            upper = triangle([upper, np.column_stack([rows.toarray(), part.residual])])
        return total, upper[:m, :m], upper[:m, m]

    @one
    @quiet
    def linearized(self, z: ArrayLike) -> tuple[float, Float64Array, SparseRows]:
        """(L, rho, S J), the Jacobian as sparse rows."""
        unknowns = self._checked(z)
        placed = self._admissible(unknowns)
        part = placed._part(unknowns[: placed.network.n_parameters], (0, placed.n_samples))
        return part.value, part.residual, self._extended(part, unknowns)

    @property
    def linear_parameters(self) -> NDArray[np.int64]:
        """The linear parameters of the objective, which are also indices into z."""
        return self.objective.linear_parameters

    def linear_equations(self, z: ArrayLike) -> tuple[Float64Array, Float64Array]:
        """The linear equations of the objective on the knots of z."""
        unknowns = self._checked(z)
        placed = self._at(unknowns)
        if placed is None:
            count = len(self.linear_parameters)
            return np.full(count, np.nan), np.full((count, count), np.nan)
        return placed.linear_equations(unknowns[: placed.network.n_parameters])

    def _admissible(self, z: Float64Array) -> DataLoss:
        placed = self._at(z)
        if placed is None:
            raise ValueError("z must hold knots in order, and not closer than the least spacing")
        return placed

    def _parts(self, placed: DataLoss, z: Float64Array, purpose: str) -> Iterator[DataPart]:
        theta = z[: placed.network.n_parameters]
        for chunk in placed._chunks(purpose):
            yield placed._part(theta, chunk)

    def _rows(self, z: Float64Array, purpose: str) -> Iterator[tuple[DataPart, SparseRows]]:
        for part in self._parts(self._admissible(z), z, purpose):
            yield part, self._extended(part, z)

    def _extended(self, part: DataPart, z: Float64Array) -> SparseRows:
        """The rows of the objective, followed by a segment for the knots."""
        rows = part.jacobian()
        knots = self._chain(z, knot_rows(part.at, self._groups, part._matrices))
        return SparseRows.trusted(
            np.hstack([rows.values, knots.astype(rows.values.dtype, copy=False)]),
            np.hstack([rows.starts, np.full((len(knots), 1), rows.n_columns, np.int64)]),
            np.append(rows.lengths, self.n_free),
            rows.n_columns + self.n_free,
        )
