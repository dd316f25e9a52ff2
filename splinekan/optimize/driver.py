"""The loop that every optimiser shares: coordinates, recording, tolerances, interruption."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer, one_of, real, real_array
from splinekan.optimize.problem import IdentityMap, LinearMap, Problem
from splinekan.optimize.result import MESSAGES, History, Result, Status


@dataclass(frozen=True, eq=False)
class Point:
    """An iterate: z in the coordinates of the geometry, the same point as theta, loss and gradients.

    `gradient` is the true gradient with respect to z; `fed` is what the direction operator gets.
    """

    z: Float64Array
    theta: Float64Array
    value: float
    gradient: Float64Array
    fed: Float64Array

    @property
    def finite(self) -> bool:
        """Whether loss and gradient are finite."""
        return bool(np.isfinite(self.value) and np.isfinite(self.gradient).all())


@dataclass(eq=False)
class Frame:
    """A problem seen in the coordinates z = T theta, counting evaluations."""

    problem: Any
    geometry: LinearMap
    gradient: LinearMap
    evaluations: int = 0

    def native(self, z: Float64Array) -> Float64Array:
        """theta of z."""
        return self.geometry.solve(z)

    def value(self, z: Float64Array) -> float:
        """The loss at z."""
        self.evaluations += 1
        return float(self.problem.value(self.native(z)))

    def point(self, z: Float64Array) -> Point:
        """Loss and gradients at z."""
        self.evaluations += 1
        theta = self.native(z)
        value, gradient = self.problem.value_and_gradient(theta)
        return self.known(z, theta, value, gradient)

    def linearized(self, z: Float64Array) -> tuple[Point, Float64Array]:
        """Loss and gradients at z, and the native J^T J, in one pass over the data."""
        self.evaluations += 1
        theta = self.native(z)
        value, gradient, matrix = self.problem.normal_equations(theta)
        return self.known(z, theta, value, gradient), matrix

    def known(self, z: Float64Array, theta: Float64Array, value: float, gradient: Float64Array) -> Point:
        """The point whose loss and native gradient are known."""
        return Point(
            z,
            theta,
            float(value),
            self.geometry.solve_transpose(gradient),
            self.gradient.solve_transpose(gradient),
        )


@dataclass(frozen=True)
class Step:
    """Where an optimiser goes: the next point, or None and why there is none."""

    point: Point | None
    status: Status | None = None


@dataclass(frozen=True, eq=False)
class Iterate:
    """What a callback sees after each iteration. Returning True stops."""

    iteration: int
    theta: Float64Array
    value: float
    gradient_norm: float


@dataclass(eq=False)
class _Log:
    cost: float
    began: float = field(default_factory=perf_counter)
    rows: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, point: Point, step: float, evaluations: int) -> None:
        self.rows.append(
            (
                point.value,
                float(np.linalg.norm(point.gradient)),
                step,
                float(evaluations),
                evaluations * self.cost,
                perf_counter() - self.began,
            )
        )

    def history(self) -> History:
        return History(*np.array(self.rows).T)


@dataclass(frozen=True, kw_only=True)
class Optimizer(ABC):
    """A method z <- z + direction(fed gradient), in any row of the paper's Table 1.

    Parameters
    ----------
    geometry
        Name of the coordinates that move, z = T theta, as `problem.coordinates` knows them; None for
        the native ones.
    gradient
        Name of the coordinates whose gradient the direction operator D is fed; None for the same.
        Equal names give the two symmetric rows of Table 1, different ones the mixed rows, where D need
        not give a descent direction: searches and gain ratios use the true slope and say when they fail
        (Southworth et al., arXiv:2603.04827, Table 1).
    """

    geometry: str | None = None
    gradient: str | None = None

    @abstractmethod
    def _begin(self, frame: Frame, start: Point) -> Any:
        """The method's state."""

    @abstractmethod
    def _advance(self, frame: Frame, state: Any, point: Point) -> Step:
        """One iteration."""

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
        keep: str = "last",
    ) -> Result:
        """Minimise from `theta0`, which is left as it is.

        Parameters
        ----------
        problem
            What is minimised.
        theta0
            Native start, shape (n,).
        iterations
            At most so many.
        evaluations
            No new iteration once so many evaluations are spent; None for no limit.
        callback
            Called with an `Iterate` after each iteration; a true answer stops.
        progress
            Show a bar (tqdm).
        gradient_tolerance
            Stop when the largest entry of the gradient (in the coordinates iterated on) is at most this.
        value_tolerance
            Stop when the loss is at most this; None for never.
        keep
            "last" point or "best", that of the least loss: a method with fixed steps ends anywhere in
            its own noise.

        Returns
        -------
        Result
            With the last point, or the best; always the best if interrupted; the last finite one if the
            loss or the gradient became infinite or NaN.

        Raises
        ------
        TypeError, ValueError
            For a start that is no finite vector or has no finite loss, negative tolerances, an unknown
            `keep`, or coordinates that the problem does not have.
        """
        one_of("keep", keep, ("last", "best"))
        theta = real_array("theta0", theta0, ndim=1, empty=False).astype(np.float64)
        count = integer("iterations", iterations, low=0)
        limit = np.inf if evaluations is None else integer("evaluations", evaluations, low=1)
        floor = real("gradient_tolerance", gradient_tolerance, low=0.0, high=np.inf)
        goal = -np.inf if value_tolerance is None else real("value_tolerance", value_tolerance)
        geometry = self._map(problem, self.geometry)
        fed = geometry if self.gradient is None else self._map(problem, self.gradient)
        frame, log = Frame(problem, geometry, fed), _Log(problem.cost)
        point = frame.point(geometry.apply(theta))
        if not point.finite:
            raise ValueError(f"the loss at theta0 must be finite, got {point.value}")
        log.add(point, 0.0, frame.evaluations)
        start = best = point
        status = Status.ITERATION_LIMIT
        bar = _bar(count) if progress else None
        try:
            state = self._begin(frame, point)
            for iteration in range(1, count + 1):
                if point.value <= goal or np.abs(point.gradient).max() <= floor:
                    status = Status.CONVERGED
                    break
                if frame.evaluations >= limit:
                    break
                step = self._advance(frame, state, point)
                if step.point is None:
                    status = step.status or Status.STALLED
                    break
                if not step.point.finite:
                    status = Status.NON_FINITE
                    break
                length = float(np.linalg.norm(step.point.z - point.z))
                point = step.point
                best = point if point.value < best.value else best
                log.add(point, length, frame.evaluations)
                if bar is not None:
                    bar.update(1)
                    bar.set_postfix(loss=f"{point.value:.3e}", refresh=False)
                if callback is not None and callback(
                    Iterate(iteration, point.theta, point.value, log.rows[-1][1])
                ):
                    status = Status.STOPPED
                    break
        except KeyboardInterrupt:
            keep, status = "best", Status.INTERRUPTED
        finally:
            if bar is not None:
                bar.close()
        point = best if keep == "best" else point
        # A start that comes back unchanged must not have gone through T and its inverse.
        final = theta if point is start else point.theta
        return Result(final, point.value, status, MESSAGES[status], log.history())

    @staticmethod
    def _map(problem: Problem, name: str | None) -> LinearMap:
        return IdentityMap() if name is None else problem.coordinates(name)


def _bar(total: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, leave=False)
