"""Calls of spectra by level, against the spectra that they are made of."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from scipy.sparse.linalg import aslinearoperator

import splinekan as sk
from fuzz.core import Call, Role, assert_alike, calls, floats, record
from fuzz.draw import SEED, Draw
from splinekan import plots, spectra


@cache
def _problem() -> tuple[Any, Any]:
    x = Draw(6).points(40, 2)
    network = sk.KAN.splines([2, 2, 1], intervals=2)
    return sk.LeastSquares(network, x, x[:, 0] * x[:, 1]), sk.Model(network, sk.initialize(network, 0))


@cache
def _found(method: str) -> Any:
    objective, model = _problem()
    return spectra.spectra_by_level([model], objective, method=method, layers=True, steps=10)


@calls("spectra_by_level")
def _(draw: Draw, name: str) -> Call:
    objective, model = _problem()
    models = [model.refine()] if draw.chance() else [model, model.refine()]
    arguments: dict[str, Any] = {
        "model": models,
        "objective": objective,
        "bases": draw.one(("spline",), ("relu", "mass")),
        "matrix": draw.one("gauss-newton", "hessian"),
        "method": draw.one("auto", "dense", "lanczos"),
        "layers": draw.chance(),
        "preconditioner": None,
        "probes": draw.integer(2, 3),
        "steps": draw.integer(1, 12),
        "seed": 3,
    }

    def check(result: Any, args: Any) -> None:
        for row in result.rows:
            if row.level == len(models) - 1 and row.layer is None and args["matrix"] == "gauss-newton":
                last = models[-1]
                exact = sk.gauss_newton_spectrum(
                    sk.LeastSquares(last.network, objective.x, objective.y), last.theta, row.basis
                )
                if row.method == "dense":
                    assert_alike(row.spectrum.values, exact.values, 1e-9)
                else:
                    assert row.spectrum.largest <= exact.largest * (1 + 1e-9)
                    assert not row.condition.low > spectra.ratios.dense_condition(exact).high * (1 + 1e-9)

    roles = {
        "model": Role("object"),
        "bases": Role("object"),
        "preconditioner": Role("object", optional=True, accepts=("junk function",)),
        "probes": Role("whole", low=2, most=20),
        "steps": Role("whole", low=1, most=100),
        "seed": SEED,
    }
    return Call(spectra.spectra_by_level, arguments, check, roles)


@calls("LevelSpectrum", "SpectraByLevel", "Ratio")
def _(draw: Draw, name: str) -> Call:
    found = _found(draw.one("dense", "lanczos"))
    made = {"LevelSpectrum": found.rows[0], "SpectraByLevel": found, "Ratio": found.rows[0].condition}
    return record(made[name])


@calls(*(f"LevelSpectrum.{each}" for each in ("method", "nullity", "condition", "record")))
def _(draw: Draw, name: str) -> Call:
    method = draw.one("dense", "lanczos")
    row, what = _found(method).rows[0], name.split(".")[1]

    def check(result: Any, _args: Any) -> None:
        if what == "method":
            assert result == method
        elif what == "nullity":
            assert (result is None) == (method == "lanczos")
        elif what == "record":
            assert result["condition"] == row.condition.record()
        else:
            assert result.low <= result.value <= result.high

    target = row.record if what == "record" else lambda: getattr(row, what)
    return Call(target, {}, check)


@calls("LevelSpectrum.quantile_ratio")
def _(draw: Draw, name: str) -> Call:
    row = _found(draw.one("dense", "lanczos")).rows[0]

    def check(result: Any, args: Any) -> None:
        assert 0 <= args["low"] < args["high"] <= 1
        assert not np.isfinite(result.value) or result.low <= result.high

    share = Role("real", low=0.0, high=1.0)
    return Call(
        row.quantile_ratio, {"high": 0.9, "low": 0.1}, check, {"high": share, "low": share}, strict=False
    )


@calls("Ratio.record", "Ratio.__str__")
def _(draw: Draw, name: str) -> Call:
    ratio = _found("lanczos").rows[0].condition
    target = ratio.record if name.endswith("record") else lambda: str(ratio)
    return Call(target, {}, lambda result, _: bool(result) or None)


@calls("SpectraByLevel.row")
def _(draw: Draw, name: str) -> Call:
    found = _found(draw.one("dense", "lanczos"))

    def check(result: Any, args: Any) -> None:
        assert (result.basis, result.layer) == (args["basis"], args["layer"])

    arguments = {
        "level": draw.one(0, -1),
        "basis": draw.one("spline", "relu"),
        "layer": draw.one(None, 0, 1),
        "preconditioned": False,
    }
    roles = {
        "level": Role("whole", low=-1, high=0),
        "layer": Role("whole", low=0, high=1, optional=True),
    }
    return Call(found.row, arguments, check, roles, strict=False)


@calls(*(f"SpectraByLevel.{each}" for each in ("table", "to_dict", "n_levels", "__len__", "__str__")))
def _(draw: Draw, name: str) -> Call:
    found, what = _found(draw.one("dense", "lanczos")), name.split(".")[1]

    def check(result: Any, _args: Any) -> None:
        if what == "n_levels":
            assert result == 1
        elif what == "__len__":
            assert result == 6
        elif what == "to_dict":
            assert len(result["spectra"]) == 6
        else:
            assert result.splitlines()[0].startswith("level")

    targets = {
        "n_levels": lambda: found.n_levels,
        "__len__": lambda: len(found),
        "__str__": lambda: str(found),
    }
    return Call(targets.get(what, getattr(found, what)), {}, check)


@calls("SpectraByLevel.to_json", share=1)
def _(draw: Draw, name: str) -> Call:
    found = _found("dense")
    roles = {"path": Role("object", optional=True, accepts=("junk text", "junk number as text"))}
    return Call(found.to_json, {"path": None, "force": draw.chance()}, None, roles)


@calls("SpectraByLevel.plot", "level_spectra", share=1)
def _(draw: Draw, name: str) -> Call:
    found = _found(draw.one("dense", "lanczos"))
    ax = draw.one(None, plots.canvas()[1][0, 0])
    arguments: dict[str, Any] = {"ax": ax, "layer": draw.one(None, 0, 1)}
    roles = {
        "ax": Role("object", optional=True),
        "layer": Role("whole", low=0, high=1, optional=True),
    }
    if name == "level_spectra":
        arguments["spectra"] = found
        roles["spectra"] = Role("object")
    target = plots.level_spectra if name == "level_spectra" else found.plot

    def check(result: Any, args: Any) -> None:
        assert result.lines
        assert args["ax"] is None or result is args["ax"]

    return Call(target, arguments, check, roles)


@calls("Density.cumulative", "Density.quantile")
def _(draw: Draw, name: str) -> Call:
    values = np.arange(1.0, 13.0)
    density = spectra.spectral_density(aslinearoperator(np.diag(values)), 3, 5)
    if name == "Density.quantile":

        def inside(result: Any, args: Any) -> None:
            exact = np.quantile(values, args["share"], method="inverted_cdf")
            assert result[0] <= exact <= result[1]

        roles = {"share": Role("real", low=0.0, high=1.0)}
        return Call(density.quantile, {"share": float(draw.rng.uniform())}, inside, roles)

    def check(result: Any, args: Any) -> None:
        at = floats(args["values"])
        assert result[0].shape == result[1].shape == at.shape
        assert (result[0] >= 0).all()
        assert (result[0] <= result[1]).all()
        assert (result[1] <= 1).all()

    return Call(density.cumulative, {"values": draw.points(5, low=0.5, high=13.0)}, check)
