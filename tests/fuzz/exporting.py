"""Exports of models: source code is run beside the model, expressions are evaluated at a point."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import sympy

import splinekan as sk
from fuzz.core import Call, Role, calls
from fuzz.draw import Draw

FACTOR = 1e-9
"""Of the largest value: truncated powers of compositions lose digits."""


@calls("export", share=2)
def _(draw: Draw, name: str) -> Call:
    kind = draw.one("numpy", "numpy", "sympy")
    network = (
        draw.network() if kind == "numpy" else sk.KAN([draw.splines(2, 1, draw.integer(0, 3), "spline")])
    )
    theta = draw.theta(network)
    names = draw.one(None, tuple("abc"[: network.n_in]))
    arguments: dict[str, Any] = {"model": sk.Model(network, theta, names=names), "kind": kind}
    roles = {"path": Role("object", optional=True, accepts=("junk text", "junk number as text"))}
    if kind == "sympy":
        symbols = draw.one(None, sympy.symbols(f"u0:{network.n_in}"))
        arguments |= {"exact": draw.chance(), "symbols": symbols}
        roles["symbols"] = Role("object", optional=True)
    else:
        path = Path(tempfile.mkdtemp(prefix="fuzz-exports-")) / "model.py"
        arguments |= {"path": draw.one(None, path), "force": True, "name": draw.one("predict", "f_1")}
        roles["name"] = Role("text", optional=True, accepts=("junk text",))

    def check(result: Any, args: Any) -> None:
        model = args["model"]
        x = Draw(3).points(1 if kind == "sympy" else 20, model.n_in, low=-0.3, high=1.3)
        expected = model(x)
        if kind == "numpy":
            module: dict[str, Any] = {}
            exec(result, module)
            found = module[args["name"] or "predict"](x)
        else:
            known = args["symbols"] or sympy.symbols(model.names or ("x1", "x2"))
            point = dict(zip(known, map(sympy.Rational, x[0].tolist()), strict=True))
            found = np.array([[float(each.xreplace(point)) for each in result]])
        assert np.abs(found - expected).max() <= FACTOR * np.abs(expected).max() + 1e-300

    return Call(sk.export, arguments, check, roles, also=(FileExistsError,))
