"""A method on a problem: errors at every stage of the refinement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import scipy

from splinekan._checks import Float64Array
from splinekan.model import Model
from splinekan.multilevel import adapt
from splinekan.network import KAN, initialize
from splinekan.objectives import LeastSquares
from splinekan.optimize import LevenbergMarquardt
from splinekan.studies.adaptivity.targets import SMOOTHING, START, Curve, Field
from splinekan.studies.skeleton.interrupts import whole

INDICATORS = ("gauss-newton", "residual", "jump", "curvature")
CURVE_METHODS = ("uniform", *INDICATORS, "FITPACK")
FIELD_METHODS = ("uniform", *INDICATORS)
UNIFORM, ADAPTIVE = 20, 10
"""Largest numbers of iterations of networks on a uniform level and between two adaptive refinements."""
SHORT = 5
"""Both numbers for the network 2-1-1, which converges to a poor minimum if trained longer on coarse knots."""


@dataclass(frozen=True)
class Row:
    """A stage of a run.

    Attributes
    ----------
    problem, method
        The names of the problem and the method.
    seed
        The seed of samples and start; 0 for curves.
    parameters
        The number of parameters of the spline or the network.
    error
        The root mean square error; for networks over test samples.
    maximum
        The largest error in modulus over the same points.
    iterations
        The number of iterations of Levenberg-Marquardt so far.
    seconds
        The time so far.
    """

    problem: str
    method: str
    seed: int
    parameters: int
    error: float
    maximum: float
    iterations: int
    seconds: float


def curve_rows(curve: Curve, method: str, budget: int, levels: int, uniform: int) -> list[Row]:
    """A curve from 4 intervals on: uniform `levels`, or refinement to at most `budget` parameters."""
    x, w = curve.quadrature(uniform)
    y = curve.function(x)

    def objective(network: KAN) -> LeastSquares:
        return LeastSquares(network, x[:, None], y, weights=w)

    if method == "FITPACK":
        return list(_fitpack(curve, x, y, w, budget))
    network = KAN.splines([1, 1], intervals=START)
    start = Model(network, np.zeros(network.n_parameters))
    stages = _stages(start, objective, method, budget, levels, (10, 10))

    def row(parameters: int, model: Model, iterations: int, seconds: float) -> Row:
        errors = model(x[:, None])[:, 0] - y
        rms = float(np.sqrt(w @ errors**2))
        worst = float(np.abs(errors).max())
        return Row(curve.name, method, 0, parameters, rms, worst, iterations, seconds)

    return [row(*stage) for stage in stages]


def field_rows(field: Field, method: str, seed: int, samples: int, levels: int) -> list[Row]:
    """A network: `levels` uniform levels, or refinement to half the parameters of the finest of them."""
    rng = np.random.default_rng(seed)
    x, y = field.sample(samples, rng)
    x_test, y_test = field.sample(samples, rng)
    mean, deviation = y.mean(), y.std()
    network = field.network()

    def objective(network: KAN) -> LeastSquares:
        return LeastSquares(network, x, (y - mean) / deviation, reduction="mean", smoothing=SMOOTHING)

    theta = initialize(network, rng, bounds=(-1.0, 1.0), noise=0.1, scheme="greville")
    finest = network
    for _ in range(levels - 1):
        finest = finest.refined()
    iterations = (SHORT, SHORT) if field.widths == (2, 1, 1) else (UNIFORM, ADAPTIVE)
    budget = max(finest.n_parameters // 2, network.n_parameters)
    stages = _stages(Model(network, theta), objective, method, budget, levels, iterations)

    def row(parameters: int, model: Model, iterations: int, seconds: float) -> Row:
        errors = mean + deviation * model(x_test)[:, 0] - y_test
        rms = float(np.sqrt(np.mean(errors**2)))
        worst = float(np.abs(errors).max())
        return Row(field.name, method, seed, parameters, rms, worst, iterations, seconds)

    return [row(*stage) for stage in stages]


class _Counting(LevenbergMarquardt):
    """Levenberg-Marquardt that counts its iterations, over all its runs."""

    def minimize(self, *args: Any, **options: Any) -> Any:
        """The result of Levenberg-Marquardt."""
        result = whole(super().minimize(*args, **options))
        object.__setattr__(self, "total", getattr(self, "total", 0) + result.nit)
        return result


def _stages(
    model: Model, objective: Any, method: str, budget: int, levels: int, iterations: tuple[int, int]
) -> Iterator[tuple[int, Model, int, float]]:
    """(parameters, model, iterations so far, seconds so far); evaluations of the errors are not counted."""
    optimizer: Any = _Counting()
    options: dict[str, Any] = {"objective": objective, "optimizer": optimizer}
    if method == "uniform":
        models = _uniform(model, objective, optimizer, levels, iterations[0])
    else:
        models = adapt(model, **options, indicator=method, budget=budget, iterations=iterations[1])
    seconds, began = 0.0, perf_counter()
    for each in models:
        seconds += perf_counter() - began
        yield each.n_parameters, each, optimizer.total, seconds
        began = perf_counter()


def _uniform(model: Model, objective: Any, optimizer: Any, levels: int, iterations: int) -> Iterator[Model]:
    for level in range(levels):
        model = model if level == 0 else model.refine()
        result = optimizer.minimize(objective(model.network), model.theta, iterations=iterations)
        model = replace(model, theta=result.theta)
        yield model


def _fitpack(curve: Curve, x: Float64Array, y: Float64Array, w: Float64Array, budget: int) -> Iterator[Row]:
    """The knots of SciPy's `generate_knots` (FITPACK's choice) with the least-squares splines on them."""
    root, began, seconds = np.sqrt(w), perf_counter(), 0.0
    fits = scipy.interpolate
    for t in fits.generate_knots(x, y, w=root, xb=0.0, xe=1.0, k=3, s=1e-30, nest=budget + 4):
        if len(t) - 4 > budget:
            return
        spline = fits.make_lsq_spline(x, y, t, 3, w=root)
        seconds += perf_counter() - began
        errors = spline(x) - y
        rms, worst = float(np.sqrt(w @ errors**2)), float(np.abs(errors).max())
        yield Row(curve.name, "FITPACK", 0, len(t) - 4, rms, worst, 0, seconds)
        began = perf_counter()
