"""Calls of fits that choose for themselves, and of what they return."""

from __future__ import annotations

from typing import Any

import numpy as np

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, Role, calls, floats, record
from fuzz.draw import FREE, Draw
from splinekan.model import Choice, FitRecord, Trial

LOSSES = ("squared", "huber", "quantile", "logistic", "softmax", "poisson")
OPTIONAL = Role("object", optional=True)


def _targets(draw: Draw, n: int, loss: str) -> np.ndarray:
    """What the loss admits."""
    m = draw.integer(1, 2)
    if loss == "logistic":
        return draw.rng.integers(0, 2, (n, m)).astype(np.float64)
    if loss == "softmax":
        return np.eye(3)[draw.rng.integers(0, 3, n)]
    if loss == "poisson":
        return draw.rng.poisson(2.0, (n, m)).astype(np.float64)
    y = 10.0 ** draw.integer(-3, 3) * (draw.normal(n, m) + draw.integer(-9, 9))
    return y[:, 0] if draw.chance(0.3) else y


def _inputs(draw: Draw, n: int, n_in: int) -> np.ndarray:
    """Columns of unlike scales; some rows repeated, some columns constant."""
    x = draw.points(n, n_in) * 10.0 ** draw.rng.integers(-5, 6, n_in) + draw.rng.integers(-3, 4, n_in)
    if draw.chance(0.2):
        x[:, draw.integer(0, n_in - 1)] = draw.real()
    return x[draw.rng.integers(0, n, n)] if draw.chance(0.2) else x


@calls("fit", share=2)
def _(draw: Draw, name: str) -> Call:
    n, n_in = draw.integer(1, 40), draw.integer(1, 3)
    hidden: Any = draw.one((), (), (2,))
    given = draw.one(*LOSSES)
    y = _targets(draw, n, given)
    x = _inputs(draw, n, n_in)
    loss = given
    if given in ("squared", "huber", "quantile") and draw.chance(0.3):
        loss = draw.one(sk.SquaredError(), sk.Huber(0.5), sk.Quantile(0.8, 0.1))
    arguments = {
        "X": x,
        "y": y,
        "hidden": hidden,
        "degree": draw.integer(1, 7),
        "loss": loss,
        "sample_weight": draw.one(None, draw.points(n, low=0.1), 1.0 + draw.rng.integers(0, 3, n)),
        "held_out": draw.one(None, 0.0, 0.3, (x[: n // 2 + 1], y[: n // 2 + 1])),
        "first": draw.one(None, "splines") if hidden == () else draw.one(None, "splines", "affine"),
        "levels": 1,
        "smoothing": draw.one(None, draw.real(1e-6, 1.0)),
        "names": draw.one(None, tuple("abc"[:n_in])),
        "output_names": draw.one(None, tuple("uvw"[: 1 if y.ndim == 1 else y.shape[1]])),
        "seed": draw.integer(0, 99),
        "progress": draw.one(None, False),
    }

    def check(result: Any, args: Any) -> None:
        X, t = floats(args["X"]), floats(args["y"])
        assert X.ndim == 2
        assert len(X) == len(t)
        assert np.isfinite(X).all()
        assert np.isfinite(t).all()
        t = t.reshape(len(t), -1)
        assert (result.n_in, result.n_out) == (X.shape[1], t.shape[1])
        for named, kept in ((args["names"], result.names), (args["output_names"], result.output_names)):
            assert kept == (None if named is None else tuple(named))
        g = result(X)
        assert g.shape == t.shape
        assert np.isfinite(g).all()
        kept = result.record
        assert kept.loss in LOSSES
        assert kept.trials[-1].parameters == sum(
            layer.n_parameters for layer in result.network.layers if layer.n_parameters
        )
        low, high = np.array(kept.bounds).T
        used = np.ones(len(X), bool) if args["sample_weight"] is None else floats(args["sample_weight"]) > 0
        assert kept.n_samples == len(np.unique(np.column_stack([X, t])[used], axis=0))
        assert (X[used] >= low).all()
        assert (X[used] <= high).all()
        assert np.isfinite(result.history.loss).all()
        if args["loss"] == "squared" and finite(args) and moderate(args) and args["sample_weight"] is None:
            # No worse than the mean, but for what penalties and rounding do.
            rest, spread = (g - t) ** 2, (t - t.mean(axis=0)) ** 2
            assert rest.sum() <= spread.sum() * (1 + 1e-6) + 1e-18 * (t**2).sum() or args["smoothing"]
        again = sk.fit(**args)
        assert np.array_equal(again.theta, result.theta)
        assert again.record.choices == kept.choices

    held = arguments["held_out"]
    roles = {
        "hidden": Role("object", optional=True, accepts=("junk empty list", "junk generator")),
        "degree": Role("whole", low=1, high=7),
        "loss": Role("object"),
        "sample_weight": Role("array", low=0.0, optional=True),
        "held_out": Role("real", low=0.0, high=0.99, optional=True) if type(held) is float else OPTIONAL,
        "first": Role("word", optional=True),
        "levels": Role("whole", low=1, optional=True, most=2),
        "smoothing": FREE,  # 0 makes the criterion infinite, with a warning
        "names": OPTIONAL,
        "output_names": OPTIONAL,
        "seed": Role("whole", low=0),
        "progress": Role("flag", optional=True),
    }
    # The widths of losses may not suit the targets, that of "quantile" in their units included.
    strict = isinstance(loss, str) and loss != "quantile"
    return Call(sk.fit, arguments, check, roles, strict=strict, scale=1e9, names=("weights",))


@calls("FitRecord", "Choice", "Trial", "Coarsened")
def _(draw: Draw, name: str) -> Call:
    trial, choice = Trial("2 -> 1", 0, 3, 12, 0.5, -3.0, 0.6, 0.1), Choice("a", "b", "c")
    if name == "Coarsened":
        net = draw.network()
        return record(sk.Model(net, draw.theta(net)).coarsen(0.1, (0.0, 1.0)))
    bounds = ((0.0, 1.0),) * 2
    made = FitRecord(bounds, "squared", draw.integer(1, 9), (choice,), (trial,))
    return record({"FitRecord": made, "Choice": choice, "Trial": trial}[name])
