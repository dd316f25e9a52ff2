"""`fit`: a model from a table of inputs and targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import generator, integer, one_of, real_array
from splinekan._columns import checked_names, names_of, table
from splinekan.model import Model
from splinekan.multilevel import Hierarchy, nested_iteration
from splinekan.network import KAN, Normalizer, initialize
from splinekan.objectives import DataLoss, Huber, Logistic, Poisson, Quantile, Softmax, SquaredError
from splinekan.optimize import LevenbergMarquardt
from splinekan.record import Choice, FitRecord, Trial


def fit(
    X: Any,
    y: Any,
    hidden: Sequence[int] | None = None,
    *,
    degree: int = 3,
    loss: Any = "squared",
    sample_weight: ArrayLike | None = None,
    held_out: Any = None,
    first: str | None = None,
    levels: int | None = None,
    smoothing: float | None = None,
    names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> Model:
    """A spline network fitted to data of any scale and unit."""
    x = table("X", X).astype(np.float64)
    t = real_array("y", y).astype(np.float64)
    t = t[:, None] if t.ndim == 1 else t
    inputs = names_of(X) if names is None else checked_names("names", names, x.shape[1])
    outputs = names_of(y) if output_names is None else checked_names("output_names", output_names, t.shape[1])
    integer("seed", seed, low=0)
    generator("seed", seed)
    low, high = x.min(axis=0), x.max(axis=0)
    half = np.where(high > low, (high - low) / 2, np.maximum(np.abs(low), 1.0))
    middle = low + (high - low) / 2
    bounds = tuple(zip((middle - 1.05 * half).tolist(), (middle + 1.05 * half).tolist(), strict=True))
    w = np.ones(len(x)) if sample_weight is None else real_array("sample_weight", sample_weight)
    centre = np.average(t, axis=0, weights=w)
    deviation = np.sqrt(np.average((t - centre) ** 2, axis=0, weights=w))
    deviation = np.where(deviation > 1e-12 * np.abs(centre), deviation, 1.0)
    sizes = [x.shape[1], *((5,) if hidden is None else hidden), t.shape[1]]
    core = KAN.splines(sizes, degree, 2, bounds)
    hierarchy = Hierarchy(core, levels or 2)
    names_of_losses = {"squared": SquaredError, "huber": Huber, "logistic": Logistic, "softmax": Softmax}
    names_of_losses |= {"poisson": Poisson, "quantile": Quantile}
    chosen = names_of_losses[one_of("loss", loss, names_of_losses)]() if isinstance(loss, str) else loss
    if loss not in ("squared", "huber", "quantile"):
        centre, deviation = np.zeros(t.shape[1]), np.ones(t.shape[1])
    result = nested_iteration(
        hierarchy,
        lambda level: DataLoss(
            level.network,
            x,
            (t - centre) / deviation,
            w / w.mean(),
            reduction="mean",
            smoothing=1e-4,
            loss=chosen,
        ),
        LevenbergMarquardt(),
        [20] * len(hierarchy),
        initialize(core, seed, "greville"),
    )
    trained = result.model.network
    units = Normalizer(
        t.shape[1], "affine", tuple(zip(centre - deviation, centre + deviation, strict=True)), (-1.0, 1.0)
    )
    record = FitRecord(
        bounds,
        "squared",
        len(x),
        (Choice("widths", str(sizes), "as given"),),
        (
            Trial(
                str(sizes),
                result.level,
                trained.intervals,
                trained.n_parameters,
                result.value,
                np.nan,
                np.nan,
                0.0,
            ),
        ),
        result.history,
    )
    return Model(
        KAN((*trained.layers, units)), result.theta, names=inputs, output_names=outputs, record=record
    )
