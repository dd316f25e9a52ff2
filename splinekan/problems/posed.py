"""A differential equation in the form of the arguments of `solve`, with its solution and published errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import (
    Float64Array,
    affordable,
    boolean,
    function,
    instance,
    integer,
    interval,
    real,
    real_array,
    sequence,
    shown,
)
from splinekan.equations.collocation import collocation
from splinekan.solving import Condition, Solution
from splinekan.solving.region import region

POINTS = 20_000
"""Approximate number of points at which errors are measured."""
GRID_VARIABLES = 3
"""Number of variables up to which the points are a grid with the boundary; beyond, Sobol points."""
TEXTS = ("name", "title", "source", "record_hardware", "record_source", "notes")


@dataclass(frozen=True, eq=False)
class Problem:
    """Equations, conditions and the solution.

    Attributes
    ----------
    name, title, source
        Its name in the gallery, the equation in words, and its origin.
    equations
        Residuals, one or more expressions of sympy that vanish.
    unknown
        The unknowns, u(x, t), ...
    bounds
        The interval of every variable, in the order of the columns of points.
    conditions
        Initial and boundary conditions.
    reference
        The solution, from points (n, d) to (n,) for a single unknown, to (n, m) for the first m of several;
        complex for a complex unknown.
    record, record_seconds, record_hardware, record_source
        The smallest published relative l2 error of a neural network that we know of, its time, its hardware
        and its source; None and "" if we know of none.
    domain, data
        As for `solve`.
    options
        Other arguments of `solve` for this problem.
    parameters
        The parameters of the problem.
    up_to_constant
        Names of unknowns that the equations determine up to a constant; their errors are taken without the
        mean.
    quantity
        The quantity of the reference, an expression in the unknowns, the variables and the constants, unless
        it consists of the first unknowns.
    interior
        Whether errors are measured away from the boundary, at the centres of the cells of the grid: if
        velocities jump at a corner, say.
    notes
        Remarks on its difficulty and on the accuracy of the reference.

    Raises
    ------
    TypeError, ValueError
        For fields of the wrong type, and without equations or unknowns.
    """

    name: str
    title: str
    source: str
    equations: tuple[Any, ...]
    unknown: tuple[Any, ...]
    bounds: Mapping[Any, tuple[float, float]]
    conditions: tuple[Condition, ...]
    reference: Callable[[Float64Array], NDArray[Any]]
    record: float | None = None
    record_hardware: str = ""
    record_source: str = ""
    domain: Any = None
    data: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: str = ""
    record_seconds: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    up_to_constant: tuple[str, ...] = ()
    interior: bool = False
    quantity: Any = None

    def __post_init__(self) -> None:
        for name in TEXTS:
            instance(name, getattr(self, name), str)
        function("reference", self.reference)
        conditions = sequence("conditions", self.conditions, empty=True)
        for i, condition in enumerate(conditions):
            instance(f"conditions[{i}]", condition, Condition)
        bounds = instance("bounds", self.bounds, Mapping)
        settings: dict[str, Any] = {
            "equations": sequence("equations", self.equations),
            "unknown": sequence("unknown", self.unknown),
            "conditions": conditions,
            "bounds": {v: interval(f"bounds[{v}]", ends) for v, ends in bounds.items()},
            "interior": boolean("interior", self.interior),
            "up_to_constant": sequence("up_to_constant", self.up_to_constant, empty=True),
        }
        for name in ("record", "record_seconds"):
            value = getattr(self, name)
            settings[name] = None if value is None else real(name, value, positive=True)
        for name in ("options", "parameters"):
            settings[name] = dict(instance(name, getattr(self, name), Mapping))
        if not settings["bounds"]:
            raise ValueError("bounds must hold an interval for each variable, got none")
        for name, value in settings.items():
            object.__setattr__(self, name, value)

    def __str__(self) -> str:
        made = ", ".join(f"{key}={value}" for key, value in self.parameters.items())
        return f"{self.name}({made}): {self.title}"

    @property
    def variables(self) -> tuple[Any, ...]:
        """The variables, in the order of the columns of points."""
        return tuple(self.bounds)

    @property
    def unknown_names(self) -> tuple[str, ...]:
        """The names of the unknowns."""
        return tuple(str(u.func) for u in self.unknown)

    def solve(self, seed: int = 0, **options: Any) -> Solution:
        """The solution by `solve`; `options` are its arguments and take precedence over the problem's.

        Raises
        ------
        TypeError, ValueError
            As for `solve`.
        """
        from splinekan.solving import solve

        posed = {"unknown": self.unknown, "conditions": self.conditions}
        for name in ("domain", "data"):
            if getattr(self, name) is not None:
                posed[name] = getattr(self, name)
        return solve(self.equations, bounds=self.bounds, seed=seed, **{**posed, **self.options, **options})

    def points(self, count: int = POINTS) -> Float64Array:
        """About `count` points of the closed domain, (n, d), at which errors are measured.

        A grid of equal numbers of points along each of up to three variables, with the ends of the intervals
        unless `interior`; Sobol points for more variables. Points outside the domain are left out.

        Raises
        ------
        TypeError, ValueError, MemoryError
            For a count that is not an integer of at least 1, or does not fit in memory.
        """
        count = integer("count", count, low=1)
        d = len(self.bounds)
        affordable(f"{count} points", 16.0 * count * d)
        ends = list(self.bounds.values())
        if d > GRID_VARIABLES:
            points = collocation("sobol", count, ends)
        else:
            each = max(2, round(count ** (1 / d)))
            unit = (np.arange(each) + 0.5) / each if self.interior else np.linspace(0, 1, each)
            axes = np.meshgrid(*(low + (high - low) * unit for low, high in ends), indexing="ij")
            points = np.stack(axes, axis=-1).reshape(-1, d)
        inside: Float64Array = points[self._region.contains(points)]
        return inside

    @property
    def _region(self) -> Any:
        return region(self.domain, self.bounds)

    def error(
        self, solution: Callable[[Float64Array], NDArray[Any]], points: Float64Array | None = None
    ) -> dict[str, float]:
        """The relative errors |u - reference|/|reference| in the l2 norm, by the names of the unknowns.

        Parameters
        ----------
        solution
            A `Solution`, or any function from points (n, d) to values (n,) or (n, m), like `reference`. Real
            values (n, 2) of a complex unknown are its real and imaginary parts.
        points
            (n, d); None for `points()`.

        Raises
        ------
        TypeError, ValueError
            For values whose shape does not fit the reference, points outside the domain, and if the reference
            is 0 at all points.
        """
        function("solution", solution)
        at = self.points() if points is None else self._checked(points)
        exact = np.asarray(self.reference(at))
        if self.quantity is not None and isinstance(solution, Solution):
            found = solution.evaluate(self.quantity, at)
        else:
            found = np.asarray(solution(at.copy()))
        if np.iscomplexobj(exact) and not np.iscomplexobj(found) and found.shape == (len(at), 2):
            found = found[:, 0] + 1j * found[:, 1]
        exact, found = (each.reshape(len(at), -1) for each in (exact, found))
        if found.shape[1] < exact.shape[1]:
            raise ValueError(
                f"solution(points) must have {exact.shape[1]} columns, got shape {np.shape(solution(at[:1]))}"
            )
        if found.dtype.kind not in "fiuc":
            raise TypeError(f"solution(points) must be numbers, got {shown(found)}")
        errors = {}
        for i, name in enumerate(self.unknown_names[: exact.shape[1]]):
            u, v = exact[:, i], found[:, i]
            if name in self.up_to_constant:
                u, v = u - u.mean(), v - v.mean()
            size = np.linalg.norm(u)
            if size == 0:
                raise ValueError(f"points must hold some where the reference of {name} is not 0")
            errors[name] = float(np.linalg.norm(v - u) / size)
        return errors

    def _checked(self, points: Any) -> Float64Array:
        shape = (None, len(self.bounds))
        at = real_array("points", points, shape=shape, empty=False).astype(np.float64, copy=False)
        outside = np.flatnonzero(~self._region.contains(at))
        if outside.size:
            raise ValueError(f"points must lie in the domain, got {at[outside[0]]} at index {outside[0]}")
        return at
