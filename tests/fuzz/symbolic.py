"""Calls that find formulas, and of what they return."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import splinekan as sk
from fuzz.core import Call, Role, calls, floats, record
from fuzz.draw import Draw

OPTIONS = {
    "library": Role("object"),
    "structures": Role("object", optional=True),
    "tolerance": Role("real", low=0.0, high=1e6, optional=True),
    "seed": Role("whole", low=0),
    "names": Role("object", optional=True),
    "output_names": Role("object", optional=True),
}


@cache
def _samples(seed: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).uniform(-1, 1, (40, 2))
    return x, np.sin(2 * x[:, 0]) + seed * x[:, 1] ** 2


@cache
def _found(seed: int) -> sk.Formula:
    x, y = _samples(seed)
    return sk.symbolic_regression(x, y, library=["square", "sin"], structures=["sum"])


@cache
def _model(seed: int) -> sk.Model:
    x, y = _samples(seed)
    return sk.fit(x, y, (), levels=1)


@calls("symbolic", "symbolic_regression", share=1)
def _(draw: Draw, name: str) -> Call:
    seed = draw.integer(0, 1)
    x, y = _samples(seed)
    arguments: dict[str, Any] = {"model": _model(seed)} if name == "symbolic" else {}
    arguments |= {
        "X": x.copy(),
        "y": y.copy(),
        "library": ["square", "sin"],
        "structures": ["sum"] if name == "symbolic_regression" else [],
        "tolerance": draw.one(0.0, 1e-6),
        "seed": draw.integer(0, 3),
    }

    def check(result: Any, args: Any) -> None:
        assert np.isfinite(result(floats(args["X"]))).all()
        assert len(result.expressions) == len(result.is_complete) == result.model.n_out

    roles = {key: OPTIONS[key] for key in arguments if key in OPTIONS}
    return Call(getattr(sk, name), arguments, check, roles, scale=1e30)


@calls("Formula")
def _(draw: Draw, name: str) -> Call:
    return record(_found(draw.integer(0, 1)))


@calls("Formula.__call__")
def _(draw: Draw, name: str) -> Call:
    found = _found(draw.integer(0, 1))

    def check(result: Any, args: Any) -> None:
        assert np.array_equal(result, found.model(floats(args["x"])), equal_nan=True)

    return Call(found, {"x": draw.points(draw.integer(1, 5), 2)}, check, scale=1e8)


@calls("Formula.expression", "Formula.latex", "Formula.__str__")
def _(draw: Draw, name: str) -> Call:
    found, way = _found(draw.integer(0, 1)), name.split(".")[1]

    def check(result: Any, args: Any) -> None:
        assert "sin" in str(result)

    return Call((lambda: found.expression) if way == "expression" else getattr(found, way), {}, check)
