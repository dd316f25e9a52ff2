"""Calls of the estimators for scikit-learn, against the models that they hold."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np
from scipy.special import softmax

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, Role, assert_near, calls, floats
from fuzz.draw import FREE, Draw

TINY = {"hidden": (), "levels": 1, "degree": 2}
WORDS = (
    "Input X",
    "Input y",
    "array",
    "Sparse data",
    "Complex data",
    "samples",
    "label type",
    "input",
    "data",
)
"""What scikit-learn's messages call the data."""
KINDS = {"KANRegressor": sk.KANRegressor, "KANClassifier": sk.KANClassifier}


@cache
def _fitted(kind: str, classes: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (30, 2))
    y = rng.normal(size=30) if kind == "KANRegressor" else np.arange(30) % classes
    return KINDS[kind](**TINY).fit(x, y)


def _estimator(draw: Draw, kind: str) -> Any:
    return _fitted(kind, draw.integer(2, 3), draw.integer(0, 1))


@calls("KANRegressor", "KANClassifier")
def _(draw: Draw, name: str) -> Call:
    # Parameters are kept as they are, and checked by `fit`: the convention of scikit-learn.
    arguments = {"hidden": draw.one(None, (2,)), "degree": draw.integer(0, 7), "smoothing": draw.real(0, 1)}

    def check(result: Any, args: Any) -> None:
        assert {key: result.get_params()[key] for key in args} == args
        assert set(inspect.signature(KINDS[name]).parameters) == set(result.get_params())

    return Call(KINDS[name], arguments, check, dict.fromkeys(arguments, FREE))


@calls("KANRegressor.fit", "KANClassifier.fit", share=1)
def _(draw: Draw, name: str) -> Call:
    kind, n = name.split(".")[0], draw.integer(6, 20)
    y: Any = draw.normal(n) if kind == "KANRegressor" else np.arange(n) % draw.integer(2, 3)
    arguments = {"X": draw.points(n, 2), "y": y, "sample_weight": 0.5 + draw.points(n)}

    def check(result: Any, args: Any) -> None:
        x = floats(args["X"])
        if finite(args) and moderate(args):
            assert np.isfinite(result.predict(x).astype(float)).all()
            assert result.n_features_in_ == x.shape[1] == result.model_.n_in

    roles = {"sample_weight": Role("array", low=0.0, optional=True)}
    if kind == "KANClassifier":
        roles["y"] = FREE  # labels of any type
    return Call(KINDS[kind](**TINY).fit, arguments, check, roles, scale=1e9, names=WORDS)


@calls(
    "KANRegressor.predict",
    *(f"KANClassifier.{m}" for m in ("predict", "predict_proba", "predict_log_proba", "decision_function")),
)
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    estimator = _estimator(draw, kind)

    def check(result: Any, args: Any) -> None:
        x = floats(args["X"])
        assert x.ndim == 2
        if not finite(args) or not moderate(args):
            return
        g = estimator.model_(x)
        if kind == "KANRegressor" or method == "decision_function":
            assert_near(result, g[:, 0] if g.shape[1] == 1 else g, 1 + np.abs(g).max())
            return
        scores = np.column_stack([np.zeros(len(g)), g]) if g.shape[1] == 1 else g
        if method == "predict":
            assert np.array_equal(result, scores.argmax(axis=1))
        else:
            want = np.maximum(softmax(scores, axis=1), np.finfo(float).tiny)
            assert_near(
                result if method == "predict_proba" else np.exp(result), want, 1 + np.abs(scores).max()
            )

    return Call(
        getattr(estimator, method), {"X": draw.points(draw.integer(1, 4), 2)}, check, scale=1e9, names=WORDS
    )
