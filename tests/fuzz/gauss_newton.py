"""Calls of preconditioners of Gauss-Newton equations, and of the chunks of Jacobians they are made of."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import splinekan as sk
from fuzz.core import Call, Role, assert_near, calls
from fuzz.draw import FREE, SEED, Draw
from splinekan import multilevel, operators, spectra
from splinekan.optimize.problem import IdentityMap
from splinekan.optimize.scaled_jacobian import ScaledJacobian

SETTINGS: dict[str, Any] = {
    "GaussNewtonBPX": {"decay": 0.5, "coarse": "full"},
    "Deflation": {"parameters": 40},
    "LayerBlocks": {},
    "Nystrom": {"rank": 5, "seed": 0},
}
ROLES = {
    "levels": Role("object"),
    "network": Role("object"),
    "decay": Role("real", low=5e-324, high=1.0),
    "parameters": Role("whole", low=1),
    "rank": Role("whole", low=1),
    "seed": SEED,
}


@cache
def _levels() -> Any:
    return sk.Hierarchy(sk.KAN.splines([2, 2, 1], intervals=2), 3)


@cache
def _objective() -> Any:
    x = Draw(5).points(60, 2)
    return sk.LeastSquares(_levels()[-1].network, x, x[:, 0] * x[:, 1], smoothing=1e-4)


def _jacobian(draw: Draw) -> tuple[Any, np.ndarray]:
    """J in scaled coordinates, and its matrix."""
    theta = draw.normal(_levels()[-1].network.n_parameters)
    jacobian = _objective().linearized(theta)[2]
    size = np.sqrt(jacobian.column_squares())
    J = ScaledJacobian(jacobian, IdentityMap(), np.maximum(size, 1e-6 * size.max()))
    return J, jacobian.toarray() / J.scale


def _made(name: str) -> Any:
    settings = dict(SETTINGS[name])
    if name in ("GaussNewtonBPX", "Deflation"):
        settings["levels"] = _levels()
    if name == "LayerBlocks":
        settings["network"] = _levels()
    return settings


@calls(*SETTINGS)
def _(draw: Draw, name: str) -> Call:
    def check(result: Any, args: Any) -> None:
        for key, value in args.items():
            assert getattr(result, key) == value
            assert not isinstance(getattr(result, key), np.generic), f"{key} stays a NumPy scalar"

    return Call(getattr(multilevel, name), _made(name), check, ROLES)


@calls(*(f"{name}.{method}" for name in SETTINGS for method in ("prepared", "__call__")))
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    made = getattr(multilevel, kind)(**_made(kind))
    J, dense = _jacobian(draw)

    def check(result: Any, args: Any) -> None:
        damping = args.get("damping", 0.1)
        inverse = result(damping) if method == "prepared" else result
        A = dense.T @ dense + damping * np.eye(J.shape[1])
        v = np.ones(J.shape[1])
        # The inner product that conjugate gradients take is positive for residuals that they meet.
        start = getattr(inverse, "start", None)
        r = v if start is None else v - A @ start(v)
        assert np.isfinite(inverse @ r).all()
        assert float(r @ (inverse @ r)) > 0

    arguments: dict[str, Any] = {"J": J} | ({"damping": 0.1} if method == "__call__" else {})
    return Call(getattr(made, method), arguments, check, {"J": FREE, "damping": FREE})


@calls("Deflation.coarse_level")
def _(draw: Draw, name: str) -> Call:
    sizes = [level.network.n_parameters for level in _levels()]

    def check(result: Any, args: Any) -> None:
        assert result is None or sizes[result] < args["size"]

    made = multilevel.Deflation(_levels(), sizes[0])
    return Call(made.coarse_level, {"size": draw.one(*sizes)}, check, {"size": FREE}, names=("levels",))


CHUNKED = ("Coordinates", "Operator", "NetworkJacobian", "SparseRows", "Matrix", "Stacked")
CHUNKED = (*CHUNKED, "BPX", "VCycle", "KroneckerSum")


@calls(*(f"{name}.chunks" for name in CHUNKED))
def _(draw: Draw, name: str) -> Call:
    theta = draw.normal(_levels()[-1].network.n_parameters)
    jacobian = _objective().linearized(theta)[2]
    made: Any = {
        "Coordinates": _levels()[0].network.coordinates("relu"),
        "Stacked": jacobian,
        "NetworkJacobian": jacobian.parts[0],
        "SparseRows": _objective().jacobian(theta),
        "Matrix": operators.Matrix(draw.normal(12).reshape(4, 3)),
        "BPX": sk.BPX(np.diag([2.0, 3.0, 4.0]), [np.eye(3)[:, :2]]),
        "VCycle": sk.VCycle(np.diag([2.0, 3.0, 4.0]), [np.eye(3)[:, :2]]),
        "KroneckerSum": multilevel.KroneckerSum([(np.eye(2), draw.normal(6).reshape(2, 3))]),
    }.get(name.split(".")[0], jacobian.parts[0])
    method = operators.Operator.chunks if name == "Operator.chunks" else type(made).chunks

    def check(result: Any, args: Any) -> None:
        total = sum(part.normal_matrix() for part in result)
        want = made.toarray().T @ made.toarray()
        assert_near(total, want, np.abs(want).max(), 1e4)

    return Call(lambda: method(made), {}, check)


@calls("preconditioned_spectrum", share=1)
def _(draw: Draw, name: str) -> Call:
    theta = draw.normal(_levels()[-1].network.n_parameters)

    def check(result: Any, args: Any) -> None:
        assert (result.values > 0).all()

    arguments = {
        "objective": _objective(),
        "theta": theta,
        "preconditioner": draw.one(None, multilevel.GaussNewtonBPX(_levels())),
        "damping": 1e-3,
    }
    roles = {"preconditioner": FREE, "damping": Role("real", low=5e-324)}
    return Call(spectra.preconditioned_spectrum, arguments, check, roles)
