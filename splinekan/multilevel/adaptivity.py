"""Adaptive refinement: solve, estimate, mark, refine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, function, instance, integer, one_of, real, shown
from splinekan.model import Model
from splinekan.model.record import Choice, require_squares, without_penalties
from splinekan.model.refinement import Key, keyed
from splinekan.multilevel.indicators import (
    Indicator,
    Objective,
    Scores,
    checked,
    curvature_indicator,
    jump_indicator,
    knots_of,
    residual_indicator,
)
from splinekan.multilevel.marking import bulk_marking, maximum_marking
from splinekan.multilevel.prediction import gauss_newton_indicator
from splinekan.objectives import LeastSquares
from splinekan.optimize import LevenbergMarquardt, Optimizer, Status

INDICATORS: dict[str, Indicator] = {
    "gauss-newton": gauss_newton_indicator,
    "residual": residual_indicator,
    "jump": jump_indicator,
    "curvature": curvature_indicator,
}
"""Indicators by the names that `adapt` accepts."""
MARKINGS = {"bulk": bulk_marking, "maximum": maximum_marking}
NARROWEST = 2.0**12
"""Intervals that contain fewer floating-point numbers, approximately, are not halved."""


def adapt(
    model: Model,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    indicator: str | Indicator = "gauss-newton",
    marking: str = "bulk",
    fraction: float = 0.5,
    budget: int | None = None,
    tolerance: float = 0.0,
    optimizer: Optimizer | None = None,
    iterations: int = 20,
    objective: Objective | None = None,
    least_samples: int = 4,
) -> Iterator[Model]:
    """A generator of trained models whose knots are refined where an indicator is large.

    The given model is trained and yielded. Then intervals are marked and halved exactly (`Model.refine`), the
    finer model is trained from there and yielded, and so on. Neither smoothing nor held-out samples are used:
    with noise the loss continues to fall while the error rises. The penalties of a model of `fit` are
    dropped. The generator ends when the loss is at most the tolerance, the budget allows no further interval,
    no marked interval holds enough samples, or all scores are 0.

    Parameters
    ----------
    model
        The initial model.
    X, y
        The data, as for `LeastSquares`; the loss is the mean square error. Omitted with `objective`, which is
        required for models of `fit` with another loss.
    indicator
        "gauss-newton" (`gauss_newton_indicator`, the most accurate, memory of order n_parameters^2),
        "residual", "jump", "curvature"; or a function of the model and the objective that returns, for every
        key (layer, input), a nonnegative score per interval.
    marking, fraction
        "bulk": the fewest intervals with `fraction` of the sum of all scores; "maximum": the intervals with
        at least `fraction` of the largest score.
    budget
        The largest number of parameters; None for no limit.
    tolerance
        The generator ends with the first model whose loss is at most this.
    optimizer
        The optimiser of every model; None for `LevenbergMarquardt()`.
    iterations
        The largest number of iterations for every model. A run that converges ends sooner.
    objective
        A function from a network to its problem, `DataLoss` or `PINN`, in place of `X` and `y`: for other
        losses, weights, smoothing, or a differential equation.
    least_samples
        Intervals with fewer samples (or collocation points) are not halved.

    Returns
    -------
    Iterator of Model
        The models, coarsest first, with the parameters of the optimiser's result. The record of a fit keeps
        its loss but not its penalties.

    Raises
    ------
    TypeError, ValueError
        When the generator is created: for arguments of the wrong type, for data together with an objective,
        for neither, and for a budget below the number of parameters. During iteration: for scores that are
        not as described.

    Examples
    --------
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 2000)[:, None]
    >>> start = sk.Model(sk.KAN.splines([1, 1], intervals=4), np.zeros(7))
    >>> for model in adapt(start, x, np.sqrt(x), budget=20):
    ...     knots = model.network.layers[0].knots[0]
    >>> widths = np.diff(knots.breakpoints)
    >>> model.n_parameters, int(widths.argmin()), bool(widths[0] < 0.002)
    (20, 0, True)
    """
    instance("model", model, Model)
    if callable(indicator):
        chosen: Indicator = indicator
    else:
        chosen = INDICATORS[one_of("indicator", indicator, INDICATORS)]
    one_of("marking", marking, MARKINGS)
    share = real("fraction", fraction, positive=True, high=1.0)
    limit = None if budget is None else integer("budget", budget, low=0)
    if limit is not None and limit < model.n_parameters:
        raise ValueError(
            f"budget must be at least {model.n_parameters}, the parameters of the model, got {limit}; "
            "`model.coarsen(budget=...)` makes it smaller"
        )
    goal = real("tolerance", tolerance, low=0.0)
    method = LevenbergMarquardt() if optimizer is None else instance("optimizer", optimizer, Optimizer)
    count = integer("iterations", iterations, low=1)
    least = integer("least_samples", least_samples, low=1)
    if objective is None:
        require_squares(model.record, "objective")
    problem_of = _objective(X, y, objective)
    method.require("objective(network)", problem_of(model.network))
    checked(model, problem_of)

    def models(model: Model) -> Iterator[Model]:
        done = Choice("knots", "refined where it helps", "an indicator; trained without penalties")
        model = replace(model, record=without_penalties(model.record, done))
        while True:
            problem: Any = problem_of(model.network)
            result = method.minimize(problem, model.theta, iterations=count, value_tolerance=goal)
            model = replace(model, theta=result.theta)
            yield model
            if result.value <= goal or result.status in (Status.INTERRUPTED, Status.NON_FINITE):
                return
            scores = _scores(chosen(model, problem_of), model, problem_of, least)
            marked: Any = MARKINGS[marking](scores, share)
            importance: Any = scores
            finer = model.refine(marked=marked, budget=limit, importance=importance)
            if finer.n_parameters == model.n_parameters:
                return
            model = finer

    return models(model)


def _objective(X: Any, y: Any, objective: Any) -> Objective:
    if objective is not None:
        if X is not None or y is not None:
            raise ValueError("X and y must be omitted with an objective, which holds its own data")
        made: Objective = function("objective", objective)
        return made
    if X is None or y is None:
        raise TypeError("X and y must be given, or an objective")
    return lambda network: LeastSquares(network, X, y, reduction="mean")


def _scores(given: Any, model: Model, objective: Objective, least: int) -> Scores:
    """Checked scores, 0 where an interval holds too few samples or too few floating-point numbers."""
    plain = checked(model, objective)
    if not isinstance(given, Mapping):
        raise TypeError(f"indicator must return a dictionary with keys (layer, input), got {shown(given)}")
    scores: dict[Key, Float64Array] = {}
    counts = plain.counts()
    for key, value in keyed(model, plain.sites, "the answer of indicator", given).items():
        knots = knots_of(plain.sites[key])
        own = np.array(value, dtype=np.float64)
        if own.shape != (knots.intervals,) or not (own >= 0).all() or not np.isfinite(own).all():
            raise ValueError(
                f"indicator must return {knots.intervals} finite scores of at least 0 for {key}, "
                f"got {shown(value)}"
            )
        size = np.abs(knots.breakpoints)
        narrow = np.diff(knots.breakpoints) < NARROWEST * np.spacing(np.maximum(size[1:], size[:-1]))
        own[narrow | (counts[key] < least)] = 0.0
        scores[key] = own
    return scores
