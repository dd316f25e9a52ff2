"""The loop that every optimiser shares: coordinates, recording, tolerances, interruption."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from splinekan._blas import norm
from splinekan._checks import Float64Array, boolean, function, integer, one_of, real, shown, vector
from splinekan.distributed.errors import ClusterError
from splinekan.optimize.answers import finite, parts, real_number, reals, require
from splinekan.optimize.problem import MAP_METHODS, IdentityMap, LinearMap, Problem
from splinekan.optimize.restriction import Restricted
from splinekan.optimize.result import MESSAGES, History, Result, Status

QUIET: dict[str, Any] = {"over": "ignore", "invalid": "ignore", "divide": "ignore"}
"""Trial steps may overflow; the status records whether the run diverged."""


@dataclass(frozen=True, eq=False)
class Point:
    """An iterate: z in the coordinates of the geometry, the same point as theta, its loss and gradients.

    `gradient` is the gradient with respect to z; `fed` is the argument of the direction operator.
    """

    z: Float64Array
    theta: Float64Array
    value: float
    gradient: Float64Array
    fed: Float64Array

    @property
    def finite(self) -> bool:
        """Whether loss and gradient are finite."""
        return math.isfinite(self.value) and finite(self.gradient)


@dataclass(eq=False)
class Frame:
    """A problem in the coordinates z = T theta, with a count of evaluations.

    Points that overflow are not evaluated; their loss is NaN.
    """

    problem: Any
    geometry: LinearMap
    gradient: LinearMap
    evaluations: int = 0

    def native(self, z: Float64Array) -> Float64Array:
        """The parameters theta of z."""
        return self.geometry.solve(z)

    def value(self, z: Float64Array) -> float:
        """The loss at z."""
        theta = self._theta(z)
        return np.nan if theta is None else real_number("problem.value(theta)", self.problem.value(theta))

    def point(self, z: Float64Array) -> Point:
        """Loss and gradients at z."""
        theta = self._theta(z)
        if theta is None:
            return Point(z, z, np.nan, z, z)
        name = "problem.value_and_gradient(theta)"
        value, gradient = parts(name, self.problem.value_and_gradient(theta), 2)
        return self._known(name, z, theta, value, gradient)

    def normal(self, z: Float64Array) -> tuple[Point, Float64Array]:
        """Loss and gradients at z, and the native J^T J, in one pass over the data."""
        self.evaluations += 1
        theta = self.native(z)
        name = "problem.normal_equations(theta)"
        value, gradient, matrix = parts(name, self.problem.normal_equations(theta), 3)
        return self._known(name, z, theta, value, gradient), reals(f"{name}[2]", matrix, 2 * theta.shape)

    def _theta(self, z: Float64Array) -> Float64Array | None:
        """The native point, or None if it is not finite."""
        self.evaluations += 1
        theta = self.native(z)
        return theta if finite(theta) else None

    def _known(self, name: str, z: Float64Array, theta: Float64Array, value: Any, gradient: Any) -> Point:
        loss = real_number(f"{name}[0]", value)
        native = reals(f"{name}[1]", gradient, theta.shape)
        mapped = not (isinstance(self.geometry, IdentityMap) and isinstance(self.gradient, IdentityMap))
        if mapped and not finite(native):  # maps need not accept NaN
            return Point(z, theta, loss, native, native)
        return Point(
            z, theta, loss, self.geometry.solve_transpose(native), self.gradient.solve_transpose(native)
        )


@dataclass(frozen=True)
class Step:
    """The next point, or None and the reason."""

    point: Point | None
    status: Status | None = None


@dataclass(frozen=True, eq=False)
class Iterate:
    """The argument of a callback after each iteration."""

    iteration: int
    theta: Float64Array
    value: float
    gradient_norm: float


@dataclass(eq=False)
class _Log:
    cost: float
    began: float = field(default_factory=perf_counter)
    rows: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, point: Point, step: Float64Array, evaluations: int) -> None:
        self.rows.append(
            (
                point.value,
                norm(point.gradient),
                norm(step),
                float(evaluations),
                evaluations * self.cost,
                perf_counter() - self.began,
            )
        )

    def history(self, evaluations: int) -> History:
        """The columns; evaluations of a failed last search are added to the entry of the last iterate."""
        columns = np.array(self.rows).T
        if evaluations > columns[3, -1]:
            columns[3:, -1] = evaluations, evaluations * self.cost, perf_counter() - self.began
        return History(*columns)


@dataclass(frozen=True, kw_only=True)
class Optimizer(ABC):
    """A method z <- z + direction(gradient), in any row of Table 1 of Southworth et al., arXiv:2603.04827.

    Parameters
    ----------
    geometry
        Name of the coordinates z = T theta in which the method works, for `problem.coordinates`; None for the
        native coordinates.
    gradient
        Name of the coordinates whose gradient is the argument of the direction operator D; None for the
        coordinates of the geometry. Equal names give the two symmetric rows of Table 1, different names the
        mixed rows, where D need not give a descent direction: searches and gain ratios use the true slope,
        and the status records a failure (Southworth et al., arXiv:2603.04827, Table 1).
    """

    geometry: str | None = None
    gradient: str | None = None

    NEEDS: ClassVar[tuple[str, ...]] = ("value_and_gradient",)
    """Methods that a problem must have."""

    def __post_init__(self) -> None:
        for name in ("geometry", "gradient"):
            if not isinstance(getattr(self, name), (str, type(None))):
                raise TypeError(
                    f"{name} must be the name of coordinates or None, got {shown(getattr(self, name))}"
                )

    @property
    def mixed(self) -> bool:
        """Whether the gradient belongs to other coordinates than the geometry."""
        return self.gradient is not None and self.gradient != self.geometry

    @abstractmethod
    def _begin(self, frame: Frame, start: Point) -> Any:
        """The initial state of the method."""

    @abstractmethod
    def _advance(self, frame: Frame, state: Any, point: Point) -> Step:
        """The next iterate."""

    def minimize(
        self,
        problem: Problem,
        theta0: ArrayLike,
        *,
        iterations: int,
        evaluations: int | None = None,
        callback: Callable[[Iterate], object] | None = None,
        progress: bool = False,
        gradient_tolerance: float = 0.0,
        value_tolerance: float | None = None,
        keep: str = "auto",
        cost: float = 1.0,
    ) -> Result:
        """The result of a minimisation from `theta0`, which is not changed.

        Unless `keep` is "last", the loss of the result is at most the loss at the start.

        Parameters
        ----------
        problem
            The problem to be minimised; `Restricted` for fixed parameters and linear equations.
        theta0
            The start in native coordinates, (n,).
        iterations
            The largest number of iterations.
        evaluations
            No new iteration begins once this number of evaluations is reached; None for no limit.
        callback
            Called with an `Iterate` after each iteration; the run stops if it returns True.
        progress
            Whether to show a progress bar (tqdm).
        gradient_tolerance
            Stop when the largest entry of the gradient (in the coordinates of the iteration) is at most this.
        value_tolerance
            Stop when the loss is at most this; None for never.
        keep
            "last" returns the last finite iterate; "best" the iterate with the lowest loss (with a fixed
            step length the last iterate fluctuates about the minimum); "auto" the last iterate, but the
            best if the run diverged, that is, if the loss or its gradient became infinite or NaN or the last
            loss exceeds the initial loss.
        cost
            Work units of an evaluation, for the history, where the problem's own `cost` is None.

        Returns
        -------
        Result
            For the iterate that `keep` selects; for the best iterate if the run was interrupted from the
            keyboard. If a sum on a cluster raises `ClusterError`, the error holds the best iterate as its
            `result`.

        Raises
        ------
        TypeError, ValueError
            For a start that is not a finite vector, or with a loss or gradient that is not finite; for
            negative tolerances, an unknown `keep`, or unknown coordinates; for a problem that lacks a method
            or returns values of the wrong type or length.
        """
        if isinstance(problem, Restricted):
            self.require("problem", problem)
            function("callback", callback, optional=True)
            reduced = problem.reduced(theta0, self.geometry)

            def called(at: Iterate) -> object:
                return None if callback is None else callback(replace(at, theta=reduced.native(at.theta)))

            result = self.minimize(
                reduced,
                reduced.start,
                iterations=iterations,
                evaluations=evaluations,
                callback=called,
                progress=progress,
                gradient_tolerance=gradient_tolerance,
                value_tolerance=value_tolerance,
                keep=keep,
                cost=cost,
            )
            return replace(result, theta=reduced.native(result.theta))
        one_of("keep", keep, ("auto", "last", "best"))
        theta = vector("theta0", theta0).copy()
        if not len(theta):
            raise ValueError("theta0 must not be empty")
        count = integer("iterations", iterations, low=0)
        limit = np.inf if evaluations is None else integer("evaluations", evaluations, low=1)
        floor = real("gradient_tolerance", gradient_tolerance, low=0.0)
        goal = -np.inf if value_tolerance is None else real("value_tolerance", value_tolerance)
        function("callback", callback, optional=True)
        shows = boolean("progress", progress)
        self.require("problem", problem)
        geometry = self._map(problem, self.geometry)
        fed = geometry if self.gradient is None else self._map(problem, self.gradient)
        units = real("cost", cost, low=0.0)
        if problem.cost is not None:
            units = real("problem.cost", problem.cost, low=0.0)
        frame, log = Frame(problem, geometry, fed), _Log(units)
        try:
            moved = geometry.apply(theta)
        except ValueError as error:
            raise ValueError(f"theta0 does not fit the coordinates of the geometry: {error}") from None
        z = vector("theta0 in the coordinates of the geometry", moved, len(theta))
        with np.errstate(**QUIET):
            point = frame.point(z)
            log.add(point, np.zeros(1), frame.evaluations)
        if not point.finite:
            if np.isfinite(point.value):
                raise ValueError("the gradient at theta0 must be finite")
            raise ValueError(f"the loss at theta0 must be finite, got {point.value}")
        model = getattr(problem, "model", None)
        result_model = model(theta) if callable(model) else None  # errors are raised before the run
        start = best = point
        status = Status.ITERATION_LIMIT
        bar = _bar(count) if shows else None
        lost: ClusterError | None = None
        try:
            state = self._begin(frame, point)
            for iteration in range(1, count + 1):
                if point.value <= goal or np.abs(point.gradient).max() <= floor:
                    status = Status.CONVERGED
                    break
                if frame.evaluations >= limit:
                    break
                with np.errstate(**QUIET):
                    step = self._advance(frame, state, point)
                    if step.point is None:
                        status = step.status or Status.STALLED
                        break
                    if not step.point.finite:
                        status = Status.NON_FINITE
                        break
                    log.add(step.point, step.point.z - point.z, frame.evaluations)
                    point = step.point
                    best = point if point.value < best.value else best
                if bar is not None:
                    bar.update(1)
                    bar.set_postfix(loss=f"{point.value:.3e}", refresh=False)
                if callback is not None:
                    stop = callback(Iterate(iteration, point.theta.copy(), point.value, log.rows[-1][1]))
                    if stop is not None and boolean("the answer of callback", stop):
                        status = Status.STOPPED
                        break
        except KeyboardInterrupt:
            keep, status = "best", Status.INTERRUPTED
        except ClusterError as error:  # raised below, with the result so far
            keep, status, lost = "best", Status.INTERRUPTED, error
        finally:
            if bar is not None:
                bar.close()
        diverged = status is Status.NON_FINITE or point.value > start.value
        message = MESSAGES[status]
        if diverged and status is not Status.NON_FINITE:
            message += f"; the loss rose from {start.value:.3g} to {point.value:.3g}"
            message += ", theta is the best iterate" if keep != "last" else ""
        if keep == "best" or (keep == "auto" and diverged):
            point = best
        # The start is returned unchanged, without the rounding errors of T and its inverse.
        final = theta if point is start else point.theta
        history = log.history(frame.evaluations)
        if callable(model) and point is not start:
            result_model = model(final)
        result = Result(final, point.value, status, message, history, result_model)
        if lost is not None:
            lost.result = result
            raise lost
        return result

    def require(self, name: str, problem: Any) -> None:
        """Refuse a problem, called `name` in messages, without the methods that the optimiser needs.

        Raises
        ------
        TypeError
            With the names of the missing methods.
        """
        if isinstance(problem, Restricted):
            self.require(name, problem.problem)
            return
        named = self.geometry is not None or self.gradient is not None
        require(name, problem, self.NEEDS + ("coordinates",) * named)
        if not hasattr(problem, "cost"):
            raise TypeError(f"{name} must have a cost, which {shown(problem)} lacks")

    @staticmethod
    def _map(problem: Problem, name: str | None) -> LinearMap:
        if name is None:
            return IdentityMap()
        coordinates = problem.coordinates(name)
        require(f"problem.coordinates({name!r})", coordinates, MAP_METHODS)
        return coordinates


def _bar(total: int | None) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, leave=False)
