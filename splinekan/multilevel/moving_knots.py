"""Models with knots that are optimised together with their parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import instance, integer
from splinekan.model import Model
from splinekan.model.record import Choice, require_squares, without_penalties
from splinekan.multilevel.free_knots import FreeKnots
from splinekan.objectives import DataLoss, LeastSquares, SquaredError
from splinekan.optimize import Iterate, LevenbergMarquardt, Optimizer, VariableProjection


def free_knots(
    model: Model,
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    loss: Any = None,
    layers: Sequence[int] | None = None,
    shared: bool = True,
    least: float = 1e-3,
    iterations: int = 50,
    optimizer: Optimizer | None = None,
    callback: Callable[[Iterate], object] | None = None,
    progress: bool = False,
) -> Model:
    """The model with knots and parameters that minimise the loss together.

    A Levenberg-Marquardt method is applied to parameters and knots together (`FreeKnots`). The numbers of
    knots and coefficients are unchanged; the loss is at most that of the given model. Refinements of the
    result, and prolongations to them, are exact, as for every model.

    There is no smoothing: the knots also follow noise. Few intervals, or held-out data, guard against that.

    Parameters
    ----------
    model
        The model, as `fit` returns it, or a network with trained parameters.
    X, y
        Inputs (n, n_in), and targets (n, n_out), or (n,) for a single output.
    sample_weight
        (n,), not negative; None for 1.
    loss
        As in `DataLoss`; None for the loss with which the model was fitted, or the squared error.
    layers, shared, least
        As in `FreeKnots`.
    iterations
        The largest number of iterations.
    optimizer
        None for `VariableProjection(nearest=True)` if the last layer is linear in its parameters, the loss
        is squared and X is in float64, otherwise for `LevenbergMarquardt`.
    callback, progress
        As in `Optimizer.minimize`.

    Returns
    -------
    Model
        The model, in the basis of the given model and with its names. Its record has no penalties.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type or shape, for models of differential equations (with features), and
        in the cases of `FreeKnots`.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.linspace(-1, 1, 1000)[:, None]
    >>> y = np.tanh(30 * (x - 0.2))
    >>> network = sk.KAN.splines([1, 1], degree=3, intervals=8, domain=(-1, 1))
    >>> fixed = sk.LevenbergMarquardt().minimize(sk.LeastSquares(network, x, y), np.zeros(11), iterations=5)
    >>> moved = free_knots(fixed.model, x, y)
    >>> [float(np.abs(each(x) - y).max()) < 1e-2 for each in (fixed.model, moved)]
    [False, True]
    """
    given = instance("model", model, Model)
    if given.features is not None:
        raise ValueError("model must take X unchanged: models of differential equations have features")
    if loss is None:
        require_squares(given.record, "loss")
    integer("iterations", iterations, low=0)
    network = given.network.with_basis("spline")
    theta = given.network.to_basis(given.theta, "spline")
    kind = SquaredError() if loss is None else loss
    squares = isinstance(kind, SquaredError)
    make: Any = LeastSquares if squares else DataLoss
    named = {} if squares else {"loss": kind}
    objective = make(network, X, y, sample_weight, reduction="mean", **named)
    problem = FreeKnots(objective, layers, shared, least)
    method = _default(problem) if optimizer is None else instance("optimizer", optimizer, Optimizer)
    result = method.minimize(
        problem, problem.start(theta), iterations=iterations, callback=callback, progress=progress
    )
    moved = problem.model(result.theta)
    if not result.value < objective.value(theta):
        return given
    changed = moved.network.with_basis(given.network.basis)
    done = Choice("knots", "moved", "least squares in parameters and knots, without penalties")
    record = without_penalties(given.record, done)
    theta = moved.network.to_basis(moved.theta, given.network.basis)
    return replace(given, network=changed, theta=theta, record=record)


def _default(problem: FreeKnots) -> Optimizer:
    try:
        _ = problem.linear_parameters
    except ValueError:
        return LevenbergMarquardt()
    if problem.objective.x.dtype == np.float32:
        return LevenbergMarquardt()
    return VariableProjection(nearest=True)
