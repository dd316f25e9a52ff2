"""Variable projection: Levenberg-Marquardt on the nonlinear parameters only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import boolean, function, integer, real, real_array, shown, vector
from splinekan.optimize.answers import real_number, require
from splinekan.optimize.driver import Frame, Iterate, Point
from splinekan.optimize.gauss_newton import LevenbergMarquardt, _Damping
from splinekan.optimize.problem import Problem
from splinekan.optimize.projected import Projected
from splinekan.optimize.restriction import Restricted
from splinekan.optimize.result import Result
from splinekan.optimize.solvers import QR, SVD, Cholesky


@dataclass(frozen=True, kw_only=True)
class VariableProjection(LevenbergMarquardt):
    """Levenberg-Marquardt with the linear parameters solved for in every evaluation, in Kaufman's form.

    Golub & Pereyra (1973), Kaufman (1975); see `splinekan.optimize.projected` for the equations.

    For least squares with a network whose last layer is linear in its parameters (splines or an affine map,
    possibly followed by affine maps with fixed coefficients), and for other residuals with linear parameters.
    The iteration runs on the nonlinear parameters; every iterate is optimal in the linear parameters, whose
    start has no effect unless `nearest`. Steps, gradients and tolerances are those of the nonlinear
    parameters.

    The loss and its minima are those of the whole problem. Where the linear parameters are not determined,
    the solution of least norm is chosen, or with `nearest` the solution nearest to their start. An evaluation
    costs an assembly and a factorisation of the last layer more than an evaluation of `LevenbergMarquardt`.

    Parameters
    ----------
    geometry, gradient
        None: the coordinates are those of the problem.
    damping, scaling, trials
        As in `LevenbergMarquardt`.
    corrections
        0: steps are not corrected.
    solver
        `Cholesky`, `QR` or `SVD`; None for `Cholesky`.
    linear
        Indices of the linear parameters; None for the `linear_parameters` of the problem.
    ridge
        Eigenvalues of the scaled normal matrix of the linear parameters far below this are not resolved,
        dimensionless, between 1e-14 and 1e-4.
    nearest
        Whether components of the linear parameters that the samples do not determine keep the values of the
        start; otherwise the solution has the least norm.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type, coordinates other than the native, and other solvers; when a run
        begins, for problems without linear or without nonlinear parameters, residuals that are not affine in
        the linear parameters, and restricted problems.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.random.default_rng(0).uniform(0, 1, (500, 2))
    >>> network = sk.KAN.affine_first([2, 3, 1], intervals=5)
    >>> objective = sk.LeastSquares(network, x, np.sin(4 * x[:, 0] + 3 * x[:, 1]), reduction="mean")
    >>> result = VariableProjection().minimize(objective, sk.initialize(network, 0), iterations=20)
    >>> result.value < 1e-5
    True
    """

    NEEDS: ClassVar[tuple[str, ...]] = (
        "value",
        "value_and_gradient",
        "normal_equations",
        "triangular_factor",
    )

    linear: ArrayLike | None = None
    ridge: float = 1e-10
    nearest: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("geometry", "gradient"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name} must be None: the linear parameters are the same in all coordinates, and the "
                    "others are those of the problem"
                )
        if not isinstance(self.solver, (Cholesky, QR, SVD, type(None))):
            raise ValueError(f"solver must be Cholesky(), QR(), SVD() or None, got {shown(self.solver)}")
        if self.corrections:
            raise ValueError(
                "corrections must be 0: they need the Jacobian of the problem without its linear parameters, "
                f"got {self.corrections}"
            )
        object.__setattr__(self, "nearest", boolean("nearest", self.nearest))
        object.__setattr__(self, "ridge", real("ridge", self.ridge, low=1e-14, high=1e-4))
        if self.linear is not None:
            object.__setattr__(self, "linear", _indices(self.linear))

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
        """The result of a minimisation from `theta0`, with the arguments of `Optimizer.minimize`.

        The loss of the result is at most the loss at theta0. The history begins with the loss of theta0
        after its linear parameters have been solved for.
        """
        self.require("problem", problem)
        function("callback", callback, optional=True)
        theta = vector("theta0", theta0)
        given: Any = self.linear
        linear = _indices(problem.linear_parameters) if given is None else given  # type: ignore[attr-defined]
        reduced = Projected(problem, theta, linear, self.ridge, given is None, self.nearest)

        def called(at: Iterate) -> object:
            return None if callback is None else callback(replace(at, theta=reduced.native(at.theta)))

        result = super().minimize(
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
        # Rounding, or a ridge that is not negligible, may make the solution worse than given optimal values.
        before = real_number("problem.value(theta)", problem.value(theta))
        if keep != "last" and before < result.value:
            model = None if result.model is None else problem.model(theta)  # type: ignore[attr-defined]
            return replace(result, theta=theta.copy(), value=before, model=model)
        return replace(result, theta=reduced.native(result.theta))

    def require(self, name: str, problem: Any) -> None:
        """Refuse a problem, called `name` in messages, without the methods that the optimiser needs."""
        if isinstance(problem, Projected):
            return
        if isinstance(problem, Restricted):
            raise TypeError(
                f"{name} must not be Restricted: linear parameters are solved for without equations"
            )
        require(name, problem, self.NEEDS)
        samples = getattr(getattr(problem, "objective", problem), "x", None)
        if getattr(samples, "dtype", None) == np.float32:
            raise ValueError(
                f"{name} must have samples in float64, got float32, whose rounding hides what a nearly "
                "dependent last layer determines; LevenbergMarquardt() takes them"
            )
        if not hasattr(problem, "cost"):
            raise TypeError(f"{name} must have a cost, which {shown(problem)} lacks")
        if self.linear is None and not hasattr(problem, "linear_parameters"):
            raise TypeError(
                f"{name} must have linear_parameters, as least squares of a network have, which "
                f"{shown(problem)} lacks; else give their indices as `linear`"
            )

    def _begin(self, frame: Frame, start: Point) -> _Damping:
        return _Damping(self.damping, 2.0, np.zeros_like(start.z), self.solver or Cholesky())


def _indices(linear: Any) -> NDArray[np.int64]:
    """Different indices, increasing."""
    given = real_array("linear", linear, ndim=1, empty=False)
    found = sorted(integer(f"linear[{i}]", n, low=0) for i, n in enumerate(np.asarray(linear).tolist()))
    if len(set(found)) < len(given):
        raise ValueError(f"linear must be different indices, got {shown(linear)}")
    return np.array(found, np.int64)
