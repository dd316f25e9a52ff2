"""Calls of spectra and of complementarity, against NumPy's eigenvalues and the definitions."""

from __future__ import annotations

from functools import cache
from math import factorial
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats, record
from fuzz.draw import DEGREE, KNOTS, NONNEGATIVE, ORDER, Draw
from fuzz.knots import valid
from fuzz.training import rosenbrock
from fuzz.twins import Exact, numbers
from splinekan import complementarity as comp
from splinekan import optimize, spectra

SEED = Role("seed")


def assert_spectrum(found: Any, matrix: np.ndarray, errors: float = 100.0) -> None:
    """Resolved values agree with NumPy's within their errors and its."""
    want = np.linalg.eigvalsh((matrix + matrix.T) / 2)[::-1]
    assert len(found) == len(want)
    told = found.resolved
    bound = found.error + errors * len(want) * 2.3e-16 * np.abs(want).max(initial=0.0)
    assert (np.abs(found.values - want)[told] <= bound[told]).all(), f"{found.values} instead of {want}"


@calls("change_of_basis_spectrum", "gram_spectrum")
def _(draw: Draw, name: str) -> Call:
    t, k, tame = draw.knots(draw.integer(0, 3), repeated=False)
    arguments: dict[str, Any] = {"knots": t, "degree": k}
    if name == "gram_spectrum":
        arguments |= {"derivative": draw.integer(0, 1), "basis": draw.one("spline", "spline", "relu", "mass")}
    else:
        arguments |= {"matrix": draw.one(*spectra.MATRICES)}
    arguments["vectors"] = draw.chance()

    def check(result: Any, args: Any) -> None:
        t, k = args["knots"], args["degree"]
        assert valid(t, k)
        assert (result.vectors is not None) == args["vectors"]
        assert np.isfinite(result.values).all()
        if not tame:
            return
        if name == "change_of_basis_spectrum":
            A = numbers(Exact(t, k).change())
            if args["matrix"] != "A^T A":
                return
            assert_spectrum(result, A.T @ A, 1e3)
        elif args["basis"] == "spline":
            assert_spectrum(result, sk.gram_matrix(t, k, args["derivative"]).toarray())

    return Call(
        getattr(spectra, name),
        arguments,
        check,
        {"knots": KNOTS, "degree": DEGREE, "derivative": ORDER},
        tame,
    )


def _symmetric(draw: Draw, n: int) -> np.ndarray:
    m = draw.normal(n, n)
    return m + m.T


@calls("symmetric_spectrum", "generalised_spectrum", "factor_spectrum")
def _(draw: Draw, name: str) -> Call:
    n = draw.integer(2, 5)
    H, M = _symmetric(draw, n), draw.normal(n, n)
    M = M @ M.T + np.eye(n)
    J = draw.normal(draw.integer(2, 7), n)

    def check(result: Any, args: Any) -> None:
        if name == "symmetric_spectrum":
            h = floats(args["H"])
            assert h.ndim == 2
            assert h.shape[0] == h.shape[1]
            assert np.isfinite(h).all()
            if args["noise"] == 0:
                assert_spectrum(result, h)
        elif name == "generalised_spectrum":
            h, m = floats(args["H"]), floats(args["M"])
            assert h.shape == m.shape
            L = np.linalg.inv(np.linalg.cholesky(m))
            assert_spectrum(result, L @ h @ L.T, 1e5)
        else:
            j = floats(args["J"])
            assert j.ndim == 2
            assert j.size
            assert np.isfinite(j).all()
            if args["scale"] is None:
                assert_spectrum(result, j.T @ j, 1e3)

    arguments = {
        "symmetric_spectrum": {"H": H, "noise": 0.0},
        "generalised_spectrum": {"H": H, "M": M},
        "factor_spectrum": {"J": J, "T": None, "scale": draw.one(None, draw.points(n, low=0.1))},
    }[name]
    arguments["vectors"] = draw.chance()
    roles = {"noise": NONNEGATIVE, "T": Role("object", optional=True), "scale": Role("array", optional=True)}
    return Call(getattr(spectra, name), arguments, check, roles)


@cache
def _objective(number: int) -> Any:
    draw = Draw([11, number])
    if draw.chance(0.3):
        return draw.loss("spline")
    return draw.objective(draw.one("spline", "relu"), 1)


def _trained(draw: Draw) -> tuple[Any, np.ndarray]:
    objective = _objective(draw.integer(0, 7))
    return objective, draw.theta(objective.network)


@calls(
    "gauss_newton_spectrum",
    "hessian_spectrum",
    "tangent_kernel_spectrum",
    "hessian_matrix",
    "curvature_operator",
)
def _(draw: Draw, name: str) -> Call:
    objective, theta = _trained(draw)
    net = objective.network
    arguments: dict[str, Any] = {"objective": objective, "theta": theta}
    if name == "curvature_operator":
        arguments["kind"] = draw.one("gauss-newton", "hessian", "tangent-kernel")
    if name != "hessian_matrix":
        arguments["basis"] = draw.one("spline", "spline", "relu", "scaled-relu", "mass")
    if name in ("gauss_newton_spectrum", "hessian_spectrum"):
        arguments |= {"layer": draw.one(None, len(net.layers) - 1), "vectors": draw.chance()}
    if name == "hessian_spectrum":
        arguments["matrix"] = draw.one(None, spectra.hessian_matrix(objective, theta))

    def check(result: Any, args: Any) -> None:
        theta = floats(args["theta"])
        assert theta.shape == (net.n_parameters,)
        assert np.isfinite(theta).all()
        if not moderate(args) or net.basis != "spline" or args.get("layer") is not None:
            return
        n = net.n_parameters
        H = np.stack([objective.hessian_product(theta, e) for e in np.eye(n)], axis=1)
        G = objective.normal_equations(theta)[2]
        if name == "hessian_matrix":
            assert_alike(result, H, 1e-9)
        elif name == "curvature_operator":
            if args["basis"] == "spline" and args["kind"] != "tangent-kernel":
                dense = np.stack([result.matvec(e) for e in np.eye(n)], axis=1)
                assert_alike(dense, G if args["kind"] == "gauss-newton" else H, 1e-8)
        elif args["basis"] == "spline" and name == "gauss_newton_spectrum":
            assert_spectrum(result, G, 1e4)
        elif args["basis"] == "spline" and name == "hessian_spectrum" and args["matrix"] is None:
            assert_spectrum(result, H, 1e5)

    roles = {
        "layer": Role("whole", low=0, high=len(net.layers) - 1, optional=True),
        "matrix": Role("array", optional=True),
    }
    return Call(getattr(spectra, name), arguments, check, roles)


def _operator(matrix: np.ndarray) -> Any:
    return LinearOperator(matrix.shape, matvec=lambda v: matrix @ v.ravel(), dtype=np.float64)


@calls("extreme_eigenvalues", "spectral_density")
def _(draw: Draw, name: str) -> Call:
    n = draw.integer(8, 14)
    matrix = _symmetric(draw, n)
    arguments: dict[str, Any] = {"operator": _operator(matrix)}
    if name == "extreme_eigenvalues":
        arguments |= {"count": draw.integer(1, 2), "seed": 3, "tolerance": 1e-9, "iterations": 200}
        roles = {
            "count": Role("whole", low=1, high=(n - 1) // 3),
            "tolerance": Role("real", low=5e-324, high=np.inf),
        }
    else:
        arguments |= {"probes": draw.integer(1, 4), "steps": draw.integer(1, 20), "seed": 3}
        roles = {}

    def check(result: Any, args: Any) -> None:
        values = np.linalg.eigvalsh(matrix)
        if name == "extreme_eigenvalues":
            off = np.abs(result.values[:, None] - values).min(axis=1)
            assert (off <= result.error + 1e-10).all()
            if args["tolerance"] < 1e-6 and args["iterations"] >= 100:
                assert len(result) == 2 * args["count"]
        else:
            assert np.abs(result.weights.sum(axis=1) - 1).max() < 1e-9
            assert (result.nodes <= values[-1] + 1e-9).all()
            assert abs(result.moment(np.ones_like).value - n) < 1e-8

    roles |= {"seed": SEED, "operator": Role("object")}
    return Call(getattr(spectra, name), arguments, check, roles)


@cache
def _density() -> Any:
    return spectra.spectral_density(_operator(np.diag(np.arange(1.0, 9.0))), 3, 5)


@calls("Density", "Moment", "Spectrum")
def _(draw: Draw, name: str) -> Call:
    made = {
        "Density": _density(),
        "Moment": spectra.Moment(1.0, 2.0),
        "Spectrum": spectra.symmetric_spectrum(np.diag([3.0, 1.0])),
    }[name]
    return record(made)


@calls("Density.moment", "Density.broadened", "Density.record")
def _(draw: Draw, name: str) -> Call:
    density = _density()
    if name == "Density.record":
        return Call(density.record, {}, lambda r, _: assert_alike(r["size"], 8))
    if name == "Density.moment":
        return Call(
            density.moment,
            {"f": lambda x: x},
            lambda r, a: assert_near(
                r.value, 8 * (density.weights * a["f"](density.nodes)).sum(axis=1).mean(), 36, 1e6
            ),
        )

    def check(result: Any, args: Any) -> None:
        grid = floats(args["grid"])
        assert grid.ndim == 1
        assert np.isfinite(grid).all()
        assert not args["logarithmic"] or (grid > 0).all()
        assert result[0].shape == grid.shape
        assert np.isfinite(result[0]).all()
        assert (result[0] >= 0).all()

    arguments = {"grid": draw.points(5, low=0.5, high=9.0), "width": 0.3, "logarithmic": draw.chance()}
    return Call(density.broadened, arguments, check)


@calls(
    *(
        f"Spectrum.{p}"
        for p in (
            "resolved",
            "unresolved",
            "noise",
            "largest",
            "least",
            "smallest",
            "condition",
            "condition_seen",
            "negative",
            "record",
            "__len__",
        )
    )
)
def _(draw: Draw, name: str) -> Call:
    values = np.sort(draw.normal(draw.integer(1, 5)))[::-1]
    found, what = spectra.symmetric_spectrum(np.diag(values)), name.split(".")[1]
    size = np.abs(values)
    want = {
        "resolved": np.ones(len(values), bool),
        "unresolved": 0,
        "noise": 0.0,
        "largest": values.max(),
        "least": values.min(),
        "smallest": values[np.argmin(size)],
        "condition": size.max() / size.min(),
        "condition_seen": size.max() / size.min(),
        "negative": int((values < 0).sum()),
        "__len__": len(values),
    }
    target = {"record": found.record, "__len__": lambda: len(found)}.get(what, lambda: getattr(found, what))

    def check(result: Any, _args: Any) -> None:
        if what == "record":
            assert_alike(np.array(result["values"]), values, 1e-9)
        elif found.resolved.all():
            assert_alike(np.asarray(result, float), np.asarray(want[what], float), 1e-9)

    return Call(target, {}, check)


# Complementarity


@cache
def _model(degree: int, intervals: int, periodic: bool) -> Any:
    return comp.ModelProblem(degree, intervals, periodic)


@cache
def _sweep(degree: int, intervals: int, periodic: bool, geometry: str, method: str) -> Any:
    return comp.Sweep(_model(degree, intervals, periodic), geometry, method)


EVEN = Role("whole", low=4)


@calls("ModelProblem", "ModelProblem.size")
def _(draw: Draw, name: str) -> Call:
    arguments = {"degree": draw.integer(0, 3), "intervals": 2 * draw.integer(2, 6), "periodic": draw.chance()}
    if name == "ModelProblem.size":
        made = _model(*arguments.values())
        want = arguments["intervals"] + (0 if arguments["periodic"] else arguments["degree"])
        return Call(lambda: made.size, {}, lambda r, _: assert_alike(r, want))

    def check(result: Any, args: Any) -> None:
        assert args["intervals"] % 2 == 0
        assert result.size == args["intervals"] + (0 if args["periodic"] else args["degree"])
        assert abs(result.mass.sum() - 1) < 1e-10

    return Call(comp.ModelProblem, arguments, check, {"degree": DEGREE, "intervals": EVEN})


def _any_sweep(draw: Draw) -> Any:
    periodic = draw.chance()
    method = "gradient" if periodic else draw.one("gradient", "jacobi")
    return _sweep(draw.integer(0, 2), 2 * draw.integer(3, 4), periodic, draw.one("spline", "relu"), method)


@calls("Sweep")
def _(draw: Draw, name: str) -> Call:
    arguments = {
        "problem": _model(draw.integer(0, 2), 8, draw.chance()),
        "geometry": draw.one("spline", "relu"),
        "method": "gradient",
    }
    return Call(comp.Sweep, arguments, lambda r, a: assert_alike(bool((r.values > 0).all()), True))


@calls(
    *(
        f"Sweep.{m}"
        for m in (
            "step",
            "complement_values",
            "apply",
            "solve_coarse",
            "energy",
            "reductions",
            "nested_factor",
            "cycle_factor",
        )
    )
)
def _(draw: Draw, name: str) -> Call:
    sweep, method = _any_sweep(draw), name.split(".")[1]
    problem = sweep.problem
    n, M, P = problem.size, problem.mass, problem.prolongation
    e = draw.normal(n) if draw.chance() else draw.normal(n, 2)
    step = 0.5 * float(1 / sweep.values[0])
    arguments: dict[str, Any] = {
        "step": {"kind": draw.one("stable", "smoothing", "complement")},
        "complement_values": {},
        "apply": {"error": e, "step": step, "sweeps": draw.integer(0, 4)},
        "solve_coarse": {"error": e},
        "energy": {"error": e},
        "reductions": {"errors": e, "step": step},
        "nested_factor": {"step": step, "sweeps": draw.integer(0, 4)},
        "cycle_factor": {"step": step},
    }[method]

    def check(result: Any, args: Any) -> None:
        for letter in ("error", "errors"):
            if letter in args:
                v = floats(args[letter])
                assert v.ndim in (1, 2)
                assert len(v) == n
                if not np.isfinite(v).all() or not moderate(args):
                    return
        if not args.get("step", 1.0) < 1e6:
            return
        if method == "apply":
            D = sweep.root @ sweep.root.T
            for _ in range(min(args["sweeps"], 100)):
                v = v - args["step"] * D @ (M @ v)
            if args["sweeps"] <= 100:
                assert_near(result, v, 1 + np.abs(v).max(initial=0.0), 1e6)
        elif method == "solve_coarse":
            want = v - P @ np.linalg.solve(P.T @ M @ P, P.T @ (M @ v))
            assert_near(result, want, 1e-3 + np.abs(v).max(initial=0.0), 1e8)
        elif method == "energy":
            assert_near(result**2, np.einsum("i...,ij,j...->...", v, M, v), (v**2).sum(axis=0), 1e4)
        elif method == "step":
            assert 0 < result < np.inf
        elif method == "complement_values":
            assert (result > 0).all()

    roles = {"sweeps": Role("whole", low=0, most=10**4)}
    return Call(
        sweep.step
        if method == "step"
        else (lambda: sweep.complement_values)
        if method == "complement_values"
        else getattr(sweep, method),
        arguments,
        check,
        roles,
        names=("step",),
    )


@calls("harmonics")
def _(draw: Draw, name: str) -> Call:
    def check(result: Any, args: Any) -> None:
        assert args["intervals"] % 2 == 0
        assert_alike(result, 2 * np.pi * np.arange(1, args["intervals"] // 2 + 1) / args["intervals"])

    return Call(
        comp.harmonics, {"intervals": 2 * draw.integer(2, 9)}, check, {"intervals": Role("whole", low=4)}
    )


@calls("mass_symbol", "difference_symbol", "sweep_symbol", "complement_symbol")
def _(draw: Draw, name: str) -> Call:
    arguments: dict[str, Any] = {
        "theta": draw.points(draw.integer(1, 4), low=0.2, high=3.0),
        "degree": draw.integer(0, 5),
    }
    if name in ("sweep_symbol", "complement_symbol"):
        arguments["geometry"] = draw.one("spline", "relu")
    arguments["spacing"] = draw.real(0.1, 2.0)

    def check(result: Any, args: Any) -> None:
        angle, k, h = floats(args["theta"]), args["degree"], args["spacing"]
        assert np.isfinite(angle).all()
        assert result.shape == angle.shape
        assert np.isfinite(result).all()
        if np.abs(angle).max(initial=0.0) > 1e3:
            return
        mass = _mass(angle, k, h)
        difference = (2 * np.sin(angle / 2)) ** (2 * k + 2) / (factorial(k) * h**k) ** 2
        want = {"mass_symbol": lambda: mass, "difference_symbol": lambda: difference}.get(name)
        if want is None and name == "sweep_symbol":
            want = lambda: mass if args["geometry"] == "spline" else mass / difference  # noqa: E731
        if want is not None:
            assert_near(result, want(), np.abs(want()) + h * 1e-6, 1e6)
        else:
            assert (result > 0).all()

    return Call(getattr(comp, name), arguments, check, {"degree": DEGREE})


@cache
def _row(k: int) -> np.ndarray:
    """The mass matrix's row of cardinal splines of degree k."""
    M = sk.gram_matrix(sk.uniform_knots(0, 4 * k + 4, 4 * k + 4, k), k).toarray()
    middle = len(M) // 2
    return M[middle, middle - k : middle + k + 1]


def _mass(angle: np.ndarray, k: int, h: float) -> np.ndarray:
    return np.asarray(h * sum(m * np.cos((j - k) * angle) for j, m in enumerate(_row(k))))


@calls("smoothing_factor", "cycle_factor", "nested_factor")
def _(draw: Draw, name: str) -> Call:
    if name == "smoothing_factor":
        theta = comp.harmonics(8)
        arguments: dict[str, Any] = {
            "values": draw.points(4, low=0.5),
            "theta": theta,
            "step": draw.one(None, 0.5),
        }
    else:
        arguments = {
            "degree": draw.integer(0, 3),
            "geometry": draw.one("spline", "relu"),
            "intervals": 2 * draw.integer(2, 6),
        }
        arguments["step"] = 0.5 if name == "nested_factor" else draw.one(None, 0.5)
        if name == "nested_factor":
            arguments["sweeps"] = draw.integer(0, 3)

    def check(result: Any, args: Any) -> None:
        assert result >= 0
        if name == "smoothing_factor":
            v, angle = floats(args["values"]), floats(args["theta"])
            assert v.shape == angle.shape
            rough = v[angle >= np.pi / 2]
            if args["step"] is not None:
                assert_near(result, np.abs(1 - args["step"] * rough).max(), 1 + result, 100)

    roles = {
        "step": Role("real", low=5e-324, optional=name != "nested_factor"),
        "degree": DEGREE,
        "intervals": Role("whole", low=4),
        "sweeps": Role("whole", low=0, most=10**6),
    }
    return Call(getattr(comp, name), arguments, check, roles)


@calls("TangentSplit")
def _(draw: Draw, name: str) -> Call:
    arguments = {"jacobian": draw.normal(5, 4), "prolongation": draw.normal(4, 2), "cutoff": 1e-10}

    def check(result: Any, args: Any) -> None:
        J, P = floats(args["jacobian"]), floats(args["prolongation"])
        assert J.ndim == P.ndim == 2
        assert J.shape[1] == len(P)
        assert np.isfinite(J).all()
        assert np.isfinite(P).all()
        if args["cutoff"] < 1e-6:
            assert result.coarse.shape[1] == np.linalg.matrix_rank(J @ P)

    return Call(comp.TangentSplit, arguments, check, {"cutoff": Role("real", low=0.0, high=1.0)})


@calls(
    *(
        f"TangentSplit.{m}"
        for m in ("share", "reach", "corrected", "best", "random", "isotropic", "dimension")
    )
)
def _(draw: Draw, name: str) -> Call:
    J, P = draw.normal(5, 4), draw.normal(4, 2)
    split, method = comp.TangentSplit(J, P), name.split(".")[1]
    arguments: dict[str, Any] = {
        "share": {"update": draw.normal(4)},
        "reach": {"update": draw.normal(4), "residual": draw.normal(5)},
        "corrected": {"update": draw.normal(4), "residual": draw.normal(5)},
        "best": {"residual": draw.normal(5)},
        "random": {"directions": draw.one(None, draw.normal(4, 3))},
        "isotropic": {},
        "dimension": {},
    }[method]

    def outside(y: np.ndarray) -> np.ndarray:
        C = J @ P
        return y - C @ np.linalg.lstsq(C, y, rcond=None)[0]

    def check(result: Any, args: Any) -> None:
        for letter, length in (("update", 4), ("residual", 5)):
            if letter in args:
                assert np.shape(args[letter]) == (length,)
                assert np.isfinite(floats(args[letter])).all()
        assert -1e-12 <= result <= 1 + 1e-9
        if not finite(args) or not moderate(args):
            return
        if method == "share":
            y = J @ (floats(args["update"]) / np.abs(floats(args["update"])).max())
            assert abs(result - (outside(y) ** 2).sum() / (y**2).sum()) < 1e-8
        elif method in ("isotropic", "dimension"):
            assert result == 0.5

    roles = {"directions": Role("array", optional=True)}
    return Call(
        (lambda: getattr(split, method)) if not arguments else getattr(split, method), arguments, check, roles
    )


@calls("first_updates", "Update")
def _(draw: Draw, name: str) -> Call:
    if name == "Update":
        return record(comp.Update(1, 0.1, 0.2, 0.3, 0.4))
    problem, theta = rosenbrock(), draw.normal(2)
    split = comp.TangentSplit(problem.jacobian(theta), np.array([[1.0], [0.5]]))
    arguments = {
        "problem": problem,
        "theta0": theta,
        "split": split,
        "residual": problem.residual(theta),
        "optimizer": optimize.LevenbergMarquardt(),
        "steps": [1, draw.integer(2, 4)],
    }

    def check(result: Any, args: Any) -> None:
        steps = [int(n) for n in args["steps"]]
        assert [one.steps for one in result] == steps
        assert all(0 <= one.share <= 1 + 1e-9 or np.isnan(one.share) for one in result)
        assert all(one.loss <= 1 + 1e-9 for one in result)

    return Call(comp.first_updates, arguments, check, {"steps": Role("wholes", low=1, most=200)})
