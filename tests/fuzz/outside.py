"""Calls of figures, problems, threads and the command line."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats
from fuzz.draw import FREE, INDEX, Draw
from fuzz.layers import _params
from splinekan import plots, problems
from splinekan.optimize import History

# Figures


def _history(n: int = 6, scale: float = 1.0) -> History:
    work = np.linspace(1.0, 10.0, n)
    return History(scale / work, np.ones(n), np.ones(n), work, work, work)


def _stage(before: float) -> Any:
    history = _history()
    return SimpleNamespace(history=history, work=before + history.work[-1])


@cache
def _study() -> Any:
    """What studies hand to figures, made by hand."""
    names = ("spline-fine", "relu-multilevel")
    levels = [{"work": 5.0, "rel_l2": 0.1, "intervals": 4}, {"work": 9.0, "rel_l2": 0.01, "intervals": 8}]
    rows = [
        SimpleNamespace(name=name, basis=name.split("-")[0], levels=levels, schedule=name.split("-")[1])
        for name in names
    ]
    share = SimpleNamespace(
        coarse="solved", optimizer="adam", geometry="spline", steps=(1, 4), share=(0.5, 0.4), intervals=8
    )
    others = [
        SimpleNamespace(coarse="solved", optimizer=o, geometry=g, steps=s, share=(0.5,), intervals=8)
        for o, g, s in (("best", "", ()), ("random", "function space", ()))
    ]
    trained = [SimpleNamespace(**{**vars(one), "coarse": "trained"}) for one in (share, *others)]
    modes = [
        SimpleNamespace(method="gradient", geometry=g, kind=kind, frequency=(0.5, 2.0), reduction=(0.9, 0.1))
        for g in ("spline", "relu")
        for kind in ("predicted", "periodic")
    ]
    growths = [
        SimpleNamespace(
            matrix=m,
            degree=3,
            basis=b,
            predicted=None,
            corrected=2.0,
            intervals=(4, 8),
            condition=(10.0, 40.0),
        )
        for m in ("mass", "block of 2-3-1")
        for b in ("spline", "relu")
    ]
    spectrum = sk.Spectrum(np.array([3.0, 1.0, -0.5]), np.full(3, 1e-12), "by hand")
    spectra = [
        SimpleNamespace(
            basis=b,
            intervals=4,
            gauss_newton=spectrum,
            hessian=spectrum,
            preconditioned={"jacobi": spectrum, "bpx": spectrum},
        )
        for b in ("spline", "relu")
    ]
    return SimpleNamespace(
        name="by hand",
        histories={name: [(_history(), ((0, 0), (1, 3)))] for name in names},
        settings={"epoch_iterations": 1.0, "samples": 10},
        rows=rows,
        stages={name: [[_stage(0.0), _stage(10.0)]] for name in names},
        problem="by hand",
        shares=[share, *others, *trained],
        modes=modes,
        growths=growths,
        levels=spectra,
        orders=(2, 3),
        value={"a": (0.1, 0.2)},
        gradient={"a": (0.2, 0.3)},
    )


def _values() -> dict[str, Any]:
    x = np.linspace(0, 1, 5)
    u = np.outer(x, x) + 0.1
    return {
        "x": x,
        "y": x,
        "second": "t",
        "solution": u,
        "error": u,
        "residual": u,
        "spectra": [np.ones(4), np.ones(4)],
    }


def _solves() -> Any:
    rows = [
        SimpleNamespace(
            matrix=m,
            dimension=d,
            degree=k,
            levels=n,
            preconditioner=p,
            iterations=None if (p, n) == ("none", 5) else 10 * n,
            condition=float("nan") if p == "none" else 2.0**k,
        )
        for m in ("mass", "H1", "stiffness")
        for d in (1, 2)
        for k in (1, 2)
        for p in ("none", "bpx")
        for n in (3, 5)
    ]
    return SimpleNamespace(rows=rows)


def _fields() -> list[Any]:
    x = np.linspace(0, 1, 6)
    made = {
        "names": ("x", "t"),
        "intervals": 4,
        "axes": (x, x),
        "values": np.outer(x, x) + 0.1,
        "energy": np.ones((6, 6)),
        "waves": np.fft.fftfreq(6, 1 / 6),
        "cut": lambda v: (np.arange(3), np.ones(3)),
    }
    return [SimpleNamespace(**made)]


@cache
def _modes() -> dict[int, Any]:
    return {
        r: sk.change_of_basis_spectrum(sk.uniform_knots(0, 1, 6, r - 1), r - 1, vectors=True) for r in (1, 2)
    }


@cache
def _systems() -> Any:
    rows = tuple(
        SimpleNamespace(
            problem="p", damping=damping, preconditioner=name, intervals=intervals, loose_iterations=count
        )
        for damping in (1e-3, 1e-6)
        for name in ("none", "deflation")
        for intervals, count in ((5, 12), (10, None))
    )
    return SimpleNamespace(rows=rows, settings={"limit": 50})


@cache
def _folder() -> str:
    return tempfile.mkdtemp(prefix="fuzz-figures-")


def _arguments(draw: Draw, name: str) -> tuple[dict[str, Any], dict[str, Role]]:
    rows, columns = {
        "boundary_value_panels": (2, 3), "complementarity_panels": (1, 3), "conditioning_panels": (2, 3),
        "equation_losses": (1, 2),
        "extreme_modes": (2, 3), "regression_losses": (1, 2), "residuals_by_level": (1, 4),
        "preconditioning_panels": (2, 3), "seconds_by_order": (1, 2), "plots.spectra_by_level": (2, 2),
        "spectra_panels": (2, 3),
        "preconditioned_by_level": (2, 1), "iterations_panels": (2, 1),
    }.get(name, (1, 1))  # fmt: skip
    axes = plots.canvas(rows, columns)[1]
    ax = axes[0, 0] if (rows, columns) == (1, 1) else axes
    line = axes[0] if rows == 1 else axes
    study = _study()
    path = os.path.join(_folder(), draw.one("a.png", "b.pdf"))
    layer = draw.splines(2, 1, 3, "spline")
    net = sk.KAN.chain([layer]) if draw.chance() else sk.KAN.splines([2, 1], intervals=2)
    whole = Role("whole", low=1)
    table: dict[str, tuple[dict[str, Any], dict[str, Role]]] = {
        "canvas": (
            {"rows": draw.integer(1, 2), "columns": 1, "size": (4.0, 3.0)},
            {
                "rows": Role("whole", low=1, high=50),
                "columns": Role("whole", low=1, high=50),
                "size": Role("object"),
            },
        ),
        "complementarity_panels": ({"axes": axes, "study": study}, {}),
        "condition_by_basis": ({"ax": ax, "growths": study.growths, "matrix": "mass"}, {}),
        "condition_by_degree": ({"ax": ax, "rows": _solves().rows, "matrix": "mass"}, {}),
        "condition_growth": (
            {"ax": ax, "intervals": [8, 16, 32], "ratios": {2: [3.0, 40.0, 700.0]}},
            {"intervals": Role("object")},
        ),
        "conditioning_panels": ({"axes": axes, "study": study}, {}),
        "equation_losses": ({"axes": line, "study": study}, {}),
        "error_by_level": ({"ax": ax, "study": study}, {}),
        "extreme_modes": (
            {"axes": axes, "spectra": _modes(), "count": 2},
            {"count": Role("whole", low=1, high=6)},
        ),
        "field": ({"ax": ax, "values": _values(), "name": "error"}, {}),
        "file_format": ({"path": Path(path)}, {}),
        "iterations_by_level": (
            {"ax": ax, "rows": _solves().rows, "matrix": "mass", "degree": 2},
            {"degree": whole},
        ),
        "loss_against_work": (
            {"ax": ax, "runs": study.histories, "unit": 2.0, "scale": draw.one("log", "linear")},
            {"runs": Role("object", accepts=("junk dictionary",))},
        ),
        "loss_by_work": ({"ax": ax, "study": study}, {}),
        "median_history": (
            {"seeds": study.stages["spline-fine"], "points": 20},
            {"seeds": Role("object"), "points": Role("whole", low=2, most=10**6)},
        ),
        "network_diagram": (
            {
                "ax": ax,
                "network": net,
                "theta": draw.theta(net),
                "x": draw.points(5, 2),
                "names": draw.one(None, "abc"),
                "most": 3,
                "units": draw.chance(),
            },
            {"names": Role("object", optional=True, accepts=("junk text", "junk generator")), "most": INDEX},
        ),
        "boundary_value_panels": (
            {"axes": axes, "study": study, "values": _values(), "row": "spline-fine"},
            {},
        ),
        "reduction_by_wave": ({"ax": ax, "modes": study.modes}, {}),
        "regression_losses": ({"axes": line, "study": study, "scale": "log", "perceptrons": False}, {}),
        "preconditioning_panels": ({"axes": axes, "study": _solves()}, {}),
        "residual_spectra": (
            {"ax": ax, "values": _values(), "intervals": [4, 8]},
            {"intervals": Role("object", accepts=("junk set",))},
        ),
        "residuals_by_level": ({"axes": axes, "fields": _fields(), "waves": 2}, {}),
        "plots.save": (
            {
                "figure": ax.figure if rows * columns == 1 else axes[0, 0].figure,
                "path": Path(path),
                "title": "t",
                "description": "d",
                "dpi": 30,
            },
            {
                "title": Role("text"),
                "description": Role("text"),
                "dpi": Role("whole", low=1, most=300, accepts=("float",)),
            },
        ),
        "seconds_by_order": ({"axes": line, "speed": study}, {}),
        "share_by_level": (
            {"ax": ax, "shares": study.shares, "coarse": "solved", "steps": 1},
            {"steps": Role("whole", low=1)},
        ),
        "sign_change_counts": ({"ax": ax, "spectra": _modes(), "every": 3}, {"every": whole}),
        "plots.spectra_by_level": ({"axes": axes, "rows": study.levels}, {}),
        "spectra_panels": ({"axes": axes, "rows": study.levels}, {}),
        "preconditioned_by_level": ({"axes": axes, "rows": study.levels}, {}),
        "iterations_panels": ({"axes": axes, "study": _systems()}, {}),
        "iterations_shape": ({"rows": _solves().rows}, {}),
        "strengths": (
            {"layer": layer, "params": _params(draw, layer), "x": draw.points(6, 2)},
            {},
        ),
    }
    return table[name]


FIGURES = (
    "boundary_value_panels",
    "canvas",
    "complementarity_panels",
    "condition_by_basis",
    "condition_by_degree",
    "condition_growth",
    "conditioning_panels",
    "equation_losses",
    "error_by_level",
    "extreme_modes",
    "field",
    "file_format",
    "iterations_by_level",
    "loss_against_work",
    "loss_by_work",
    "iterations_panels",
    "iterations_shape",
    "median_history",
    "network_diagram",
    "preconditioning_panels",
    "preconditioned_by_level",
    "reduction_by_wave",
    "regression_losses",
    "residual_spectra",
    "residuals_by_level",
    "plots.save",
    "seconds_by_order",
    "share_by_level",
    "sign_change_counts",
    "plots.spectra_by_level",
    "spectra_panels",
    "strengths",
)


@calls("model_figure", "edge_figure", "Model.plot", "Model.plot_edge", share=1)
def _(draw: Draw, name: str) -> Call:
    net = sk.KAN.splines([2, 3, 1], intervals=draw.integer(1, 4))
    model = sk.Model(net, draw.theta(net), names=("a", "b"))
    x = draw.points(6, 2)
    optional = {"x": Role("array", optional=True)}
    if name.lower().endswith("edge") or name == "edge_figure":
        layer = draw.integer(0, 1)
        first = draw.one(0, "b") if layer == 0 else 2
        arguments: dict[str, Any] = {"layer": layer, "input": first, "output": 0, "x": draw.one(None, x)}
        whole = {"layer": INDEX, "input": Role("object"), "output": INDEX}
        roles = whole | optional
    else:
        arguments, roles = {"x": draw.one(None, x), "most": 4}, {"most": INDEX} | optional
        if name == "Model.plot" and draw.one(True, False):
            arguments["formula"] = draw.one(False, sympy.Symbol("a") * sympy.exp(sympy.Symbol("b")))
            roles["formula"] = Role("object", optional=True)
    target = getattr(model, name.split(".")[1]) if "." in name else getattr(plots, name)
    if "." not in name:
        arguments = {"model": model, **arguments}

    def check(figure: Any, args: Any) -> None:
        assert figure.axes
        if "most" in args:
            assert len(figure.axes[0].child_axes) == min(args["most"], 6) + min(args["most"], 3)

    return Call(target, arguments, check, roles)


@calls(*FIGURES, share=1)
def _(draw: Draw, name: str) -> Call:
    arguments, roles = _arguments(draw, name)

    def check(result: Any, args: Any) -> None:
        if name == "strengths":
            layer, params, x = args["layer"], floats(args["params"]), floats(args["x"])
            assert params.shape == (layer.n_parameters,)
            assert x.ndim == 2
            assert x.shape[1] == 2
            if finite(args) and moderate(args):
                zero = layer.unpack(np.zeros(layer.n_parameters))
                want = []
                for p in range(2):
                    alone = np.zeros(layer.n_parameters)
                    mine, whole = layer.unpack(alone), layer.unpack(params)
                    for key in zero:
                        mine[key][p][:] = whole[key][p]
                    want.append(layer.value(alone, x).std(axis=0))
                assert_near(result, want, 1 + np.abs(params).max() * (1 + np.abs(x).max()), 1e6)
        if name == "median_history":
            assert len(result[0]) == 2 * args["points"]
        if "path" in args and name != "file_format":
            assert Path(args["path"]).stat().st_size > 500

    roles = {
        key: Role("object") for key in arguments if isinstance(arguments[key], (list, dict, Path))
    } | roles
    if "path" in arguments:
        roles["path"] = Role("object")
    return Call(getattr(plots, name.removeprefix("plots.")), arguments, check, roles, names=("file",))


# Problems, and threads


@calls("regression", "RegressionProblem", "RegressionProblem.sample")
def _(draw: Draw, name: str) -> Call:
    known = list(problems.REGRESSION)
    if name == "regression":
        return Call(
            problems.regression,
            {"name": draw.one(*known)},
            lambda r, a: assert_alike(r.name, str(a["name"])),
            names=("problem",),
        )
    made = problems.regression(draw.one(*known))
    if name == "RegressionProblem":
        arguments = {
            "name": "a",
            "source": "b",
            "function": lambda x: x[:, 0],
            "n_in": 2,
            "bounds": (0.0, 1.0),
        }
        roles = {"name": Role("text"), "source": Role("text"), "function": Role("callable")}

        def same(result: Any, args: Any) -> None:
            assert not isinstance(result.n_in, np.generic), "n_in stays a NumPy scalar"

        return Call(problems.RegressionProblem, arguments, same, roles)

    def check(result: Any, args: Any) -> None:
        x, y = result
        assert x.shape == (args["n"], made.n_in)
        assert np.isfinite(y).all()
        assert ((x >= made.bounds[0]) & (x <= made.bounds[1])).all()
        assert np.array_equal(y, made.function(x))

    arguments = {"n": draw.integer(1, 9), "rng": np.random.default_rng(draw.integer(0, 9))}

    def sample(n: Any, rng: Any) -> Any:
        return made.sample(n, deepcopy(rng) if isinstance(rng, np.random.Generator) else rng)

    return Call(
        sample,
        arguments,
        check,
        {"n": Role("whole", low=1, most=10**6), "rng": Role("object", accepts=("junk huge integer",))},
    )


@calls("set_threads", "threads")
def _(draw: Draw, name: str) -> Call:
    before = sk.threads()
    if name == "threads":
        return Call(sk.threads, {}, lambda r, _: assert_alike(r, before))

    def set_and_back(count: Any) -> int:
        try:
            sk.set_threads(count)
            return sk.threads()
        finally:
            sk.set_threads(before)

    return Call(set_and_back, {"count": draw.integer(1, 4)}, lambda r, a: assert_alike(r, int(a["count"])))


# The command line

LINES = """\

nothing
study
study nothing
figure 99
figure ../x
figure 2b --output a.svg
figure 2b --rows nope
figure 2b --seeds 99
figure 5 --seeds x
figure 1 --quick --full
figure all --seeds 1 --output /dev/null/x
study regression --samples 0 --quick
study regression --samples -5
study regression --samples 1e4
study regression --seeds -1 --samples 10
study regression --rows nope
study regression --seeds
study regression --start flat
study regression --json /dev/null/folder/x.json --quick
study toy --samples 0
study toy --samples -1
study toy --seeds -3
study toy --json /
study toy --figure a.png
study functions --names nope
study functions --samples 0
study functions --samples -7
study functions --seeds 1.5
study robustness --targets nope
study robustness --samples 0
study robustness --samples -1
study complementarity --samples 0 --quick
study complementarity --seeds -1 --quick
study complementarity --figure a.txt
study conditioning --figure a.svg
study conditioning --figure /dev/null/a.png --quick
study conditioning --quick --seeds 1
study poisson --rows nope
study poisson --seeds -1 --quick
study burgers --checkpoint /dev/null/x --quick
study kdv --figure a.jpg
study allen-cahn --rows
study nothing --quick
--version 3
info extra
study poisson --json . --quick
theory nope
figure complementarity --rows nope
figure 6 --rows nope
figure 6 --seeds -1
figure 7 --checkpoint /dev/null/x
study toy --checkpoint a
figure 2b --force --output /dev/null/a.png
figure all --rows nope --output x
study helmholtz --quick --full
study interface --json a.json --rows nope
fit
fit nothing.csv
fit nothing.csv --target y
fit . --target y
fit /dev/null --target y
fit nothing.csv --target y --degree 8
fit nothing.csv --target y --output /dev/null --force
fit nothing.csv --target y --output nothing.csv
predict nothing.npz
predict nothing.npz nothing.csv --output nothing.npz --force
predict /dev/null /dev/null
show nothing.npz --figure a.txt
show .
""".splitlines()
"""Command lines that must be refused, at once."""


def command(arguments: list[str]) -> int:
    """The exit status of the command; a message on standard error belongs to every refusal."""
    from splinekan import cli

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main(arguments)
        except SystemExit as stop:  # argparse
            status = int(stop.code or 0)
    if status != 0 and not err.getvalue().strip():
        raise AssertionError("a refusal without a message")
    return status


@calls("command line", share=1)
def _(draw: Draw, name: str) -> Call:
    line = draw.one(*LINES)

    def check(result: Any, args: Any) -> None:
        assert result == 2, f"exit status {result}"

    return Call(command, {"arguments": line.split()}, check, {"arguments": FREE})
