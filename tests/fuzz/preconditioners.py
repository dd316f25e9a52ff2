"""Calls of preconditioners, smoothers and Kronecker sums, against dense matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

import splinekan as sk
from fuzz.compare import finite, moderate
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats
from fuzz.draw import Draw
from splinekan import multilevel
from splinekan.multilevel import Chebyshev, GaussSeidel, Jacobi, KroneckerSum

OBJECT = Role("object")
SMOOTHERS = ("jacobi", "gauss-seidel", "chebyshev", Jacobi(1.0), GaussSeidel(True), Chebyshev(2, 5.0))


def spaces(draw: Draw, boundary: bool = False) -> list[sk.KnotVector]:
    """Nested moderate knots, coarsest first."""
    degree = draw.integer(1 if boundary else 0, 3)
    coarse = sk.KnotVector.clamped(np.linspace(0, 1, draw.integer(2, 4) + boundary), degree)
    knots = [coarse]
    for _ in range(draw.integer(0, 2)):
        knots.append(knots[-1].refine([0] if draw.chance(0.3) else None))
    return knots


def problem(draw: Draw) -> tuple[Any, Any, np.ndarray]:
    """A matrix, prolongations of some kind, and the dense matrix."""
    knots = spaces(draw)
    M, K = sk.gram_matrix(knots[-1]), sk.gram_matrix(knots[-1], derivative=1)
    P = multilevel.spline_prolongations(knots)
    if draw.chance(0.3):
        A: Any = KroneckerSum([(M, K), (K, M), (M, M)])
        return A, [(each, each) for each in P], A.toarray()
    A = M + draw.real(0, 1) * K
    dense = A.toarray()
    kinds: tuple[Any, ...] = (knots, P, [each.toarray() for each in P])
    return draw.one(A, dense, scipy.sparse.csc_matrix(A)), draw.one(*kinds), dense


@calls("BPX", "VCycle", share=2)
def _(draw: Draw, name: str) -> Call:
    A, P, dense = problem(draw)
    arguments: dict[str, Any] = {"matrix": A, "prolongations": P}
    roles = {"matrix": OBJECT, "prolongations": Role("object", accepts=("junk empty list",))}
    if name == "BPX":
        arguments["decay"], roles["decay"] = 0.5, Role("real", low=0.0, high=1.0)
    else:
        arguments |= {"smoother": draw.one(*SMOOTHERS), "steps": draw.integer(1, 2), "unknowns": "new"}
        roles |= {"smoother": OBJECT, "unknowns": Role("word"), "steps": Role("whole", low=1, most=10)}

    def check(result: Any, _args: Any) -> None:
        found = result.toarray()
        assert found.shape == result.shape == dense.shape
        assert_near(found, found.T, np.abs(found).max(), 1e4)

    return Call(getattr(sk, name), arguments, check, roles, strict=False)


def _made(draw: Draw, kind: str) -> Any:
    A, P, _ = problem(draw)
    return sk.BPX(A, P) if kind == "BPX" else sk.VCycle(A, P, draw.one(*SMOOTHERS))


@calls(*(f"{kind}.{m}" for kind in ("BPX", "VCycle") for m in ("matvec", "rmatvec")), share=2)
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    B = _made(draw, kind)
    dense, letter = B.toarray(), "v" if method == "matvec" else "r"

    def check(result: Any, args: Any) -> None:
        v = floats(args[letter])
        assert v.shape in ((len(dense),), (len(dense), 1)), f"shape {v.shape} was accepted"
        if finite(args) and moderate(args):
            assert_near(result, dense @ v, np.abs(dense).max() * np.abs(v).sum() + 1e-12, 1e5)

    return Call(getattr(B, method), {letter: draw.normal(len(dense))}, check, scale=1e6)


PROPERTIES = ("n_levels", "sizes")
OPERATOR = ("normal_matrix", "column_squares", "column_norms", "toarray")


@calls(*(f"{kind}.{m}" for kind in ("BPX", "VCycle") for m in (*PROPERTIES, *OPERATOR)), share=1)
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    B = _made(draw, kind)
    dense = B.toarray()

    def check(result: Any, _args: Any) -> None:
        squares = (dense**2).sum(axis=0)
        want = {
            "n_levels": len(B.sizes),
            "sizes": (*B.sizes[:-1], len(dense)),
            "normal_matrix": dense.T @ dense,
            "column_squares": squares,
            "column_norms": np.sqrt(squares),
            "toarray": dense,
        }[method]
        assert_alike(result if method in PROPERTIES else floats(result), want, 1e-9)

    return Call((lambda: getattr(B, method)) if method in PROPERTIES else getattr(B, method), {}, check)


@calls("Jacobi", "GaussSeidel", "Chebyshev")
def _(draw: Draw, name: str) -> Call:
    kind = getattr(multilevel, name)
    arguments: dict[str, Any] = {
        "Jacobi": {"damping": draw.real(0.1, 1.9)},
        "GaussSeidel": {"symmetric": draw.chance()},
        "Chebyshev": {"degree": draw.integer(1, 5), "ratio": draw.real(1.5, 50.0)},
    }[name]
    roles = {
        "damping": Role("real", low=5e-324, high=2.0),
        "degree": Role("whole", low=1, high=100),
        "ratio": Role("real", low=1.0, high=1e8),
    }

    def check(result: Any, args: Any) -> None:
        for each, value in args.items():
            assert_alike(getattr(result, each), value)

    return Call(kind, arguments, check, {k: r for k, r in roles.items() if k in arguments})


@calls("Jacobi.on", "GaussSeidel.on", "Chebyshev.on", share=1)
def _(draw: Draw, name: str) -> Call:
    kind = getattr(multilevel, name.split(".")[0])()
    A, _, dense = problem(draw)

    def check(result: Any, _args: Any) -> None:
        S = np.stack([result.apply(e) for e in np.eye(len(dense))], axis=1)
        T = np.stack([result.apply_transpose(e) for e in np.eye(len(dense))], axis=1)
        assert_near(S, T.T, np.abs(S).max(), 1e4)

    return Call(kind.on, {"matrix": A}, check, {"matrix": Role("free")})


def kronecker(draw: Draw, square: bool = False) -> KroneckerSum:
    shapes = [(draw.integer(1, 3), draw.integer(1, 3)) for _ in range(draw.integer(1, 3))]
    shapes = [(rows, rows) for rows, _ in shapes] if square else shapes
    return KroneckerSum([[draw.normal(*shape) for shape in shapes] for _ in range(draw.integer(1, 2))])


def dense_form(A: KroneckerSum) -> np.ndarray:
    total = np.zeros(A.shape)
    for factors in A.terms:
        product = np.ones((1, 1))
        for factor in factors:
            product = np.kron(product, factor.toarray())
        total += product
    return total


@calls("KroneckerSum", *(f"KroneckerSum.{m}" for m in (*OPERATOR, "tocsr", "matvec", "rmatvec")))
def _(draw: Draw, name: str) -> Call:
    A = kronecker(draw)
    dense, method = dense_form(A), name.partition(".")[2]
    if not method:
        return Call(
            KroneckerSum,
            {"terms": [list(factors) for factors in A.terms]},
            lambda result, _: assert_alike(result.toarray(), dense, 1e-12),
            {"terms": OBJECT},
            strict=False,
        )
    if method in ("matvec", "rmatvec"):
        letter, matrix = ("v", dense) if method == "matvec" else ("r", dense.T)

        def product(result: Any, args: Any) -> None:
            v = floats(args[letter])
            assert v.shape in ((matrix.shape[1],), (matrix.shape[1], 1)), f"shape {v.shape} was accepted"
            if finite(args) and moderate(args):
                assert_near(result, matrix @ v, np.abs(matrix) @ np.abs(v) + 1e-12, 1e4)

        return Call(getattr(A, method), {letter: draw.normal(matrix.shape[1])}, product, scale=1e6)

    def check(result: Any, _args: Any) -> None:
        squares = (dense**2).sum(axis=0)
        want = {
            "normal_matrix": dense.T @ dense,
            "column_squares": squares,
            "column_norms": np.sqrt(squares),
        }.get(method, dense)
        assert_alike(result.toarray() if method == "tocsr" else floats(result), want, 1e-10)

    return Call(getattr(A, method), {}, check)


@calls(*(f"KroneckerSum.{m}" for m in ("diagonal", "absolute_row_sums", "galerkin")))
def _(draw: Draw, name: str) -> Call:
    A = kronecker(draw, square=True)
    dense, method = dense_form(A), name.split(".")[1]
    if method == "galerkin":
        P = KroneckerSum([[draw.normal(n, draw.integer(1, 2)) for n in A.rows]])
        lift = dense_form(P)
        return Call(
            A.galerkin,
            {"prolongation": P},
            lambda result, _: assert_alike(result.toarray(), lift.T @ dense @ lift, 1e-10),
            {"prolongation": OBJECT},
            strict=False,
        )

    def check(result: Any, _args: Any) -> None:
        if method == "diagonal":
            assert_alike(result, np.diag(dense), 1e-12)
        else:
            assert (result >= np.abs(dense).sum(axis=1) * (1 - 1e-12)).all()

    return Call(getattr(A, method), {}, check)


@calls("spline_prolongations")
def _(draw: Draw, name: str) -> Call:
    boundary = draw.one("free", "zero")
    knots = spaces(draw, boundary == "zero")
    inner = slice(1, -1) if boundary == "zero" else slice(None)

    def check(result: Any, args: Any) -> None:
        for P, coarse, fine in zip(result, args["knots"][:-1], args["knots"][1:], strict=True):
            c = np.zeros(coarse.n_basis)
            c[inner] = 1.0 + np.arange(len(c[inner]))
            d = np.zeros(fine.n_basis)
            d[inner] = P @ c[inner]
            x = np.linspace(0, 1, 17)
            assert_near(sk.Spline(fine, d)(x), sk.Spline(coarse, c)(x), np.abs(c).max(), 1e4)

    return Call(
        multilevel.spline_prolongations,
        {"knots": knots, "boundary": boundary},
        check,
        {"knots": OBJECT, "boundary": Role("word")},
        strict=False,
    )


ANALYSES = {"degree": Role("whole", low=1, high=7), "derivative": Role("whole", low=0, high=1)}
ANALYSES |= {"dimension": Role("whole", low=1, high=3), "reaction": Role("real", low=0.0, high=1e100)}


def analysis(draw: Draw) -> multilevel.LocalFourier:
    degree, derivative = draw.integer(1, 5), draw.integer(0, 1)
    reaction = draw.real(0, 2) if derivative else 0.0
    return multilevel.LocalFourier(degree, derivative, draw.integer(1, 2), reaction)


@calls("LocalFourier", share=2)
def _(draw: Draw, name: str) -> Call:
    made = analysis(draw)
    arguments = {each: getattr(made, each) for each in ANALYSES}
    return Call(
        multilevel.LocalFourier,
        arguments,
        lambda result, args: [assert_alike(getattr(result, k), v) for k, v in args.items()] and None,
        dict(ANALYSES),
        strict=False,
    )


@calls("LocalFourier.symbol", "LocalFourier.two_scale_symbol")
def _(draw: Draw, name: str) -> Call:
    made, method = analysis(draw), name.split(".")[1]
    d = made.dimension
    theta = draw.normal(3, d) if d > 1 else draw.normal(3)

    def check(result: Any, args: Any) -> None:
        given = floats(args["theta"])
        shape = given.shape[:-1] if d > 1 else given.shape
        assert result.shape == shape
        angles = given.reshape(-1, d)
        if method == "two_scale_symbol":
            want = np.prod(2 * np.abs(np.cos(angles / 2)) ** (made.degree + 1), axis=-1)
            assert_near(np.abs(result).ravel(), want, 2.0**d, 1e8)
        else:
            assert (result >= -1e-7 * (1 + made.reaction)).all()
            assert (result <= 20.0**d * (1 + made.reaction)).all()

    return Call(getattr(made, method), {"theta": theta}, check, scale=1e6)


@calls("LocalFourier.eigenvalue_bound", "LocalFourier.oscillation_ratio", share=1)
def _(draw: Draw, name: str) -> Call:
    made, method = analysis(draw), name.split(".")[1]

    def check(result: Any, _args: Any) -> None:
        assert 1 <= result < 1e12

    return Call(lambda: getattr(made, method), {}, check)


@calls("LocalFourier.smoothing_factor", "LocalFourier.cycle_factor", "LocalFourier.bpx_condition", share=2)
def _(draw: Draw, name: str) -> Call:
    made, method = analysis(draw), name.split(".")[1]
    smoother = draw.one(*SMOOTHERS)
    numbers = {"levels": Role("whole", low=2, high=12, most=4), "intervals": Role("whole", low=2, most=8)}
    levels = {"levels": 2, "intervals": 4}
    arguments: dict[str, Any] = {
        "smoothing_factor": {"smoother": smoother, "steps": 1},
        "cycle_factor": {"smoother": smoother, "steps": 1, **levels},
        "bpx_condition": {"decay": 0.5, **levels},
    }[method]
    roles = {
        "smoother": OBJECT,
        "steps": Role("whole", low=1, most=10),
        "decay": Role("real", low=0.0, high=1.0),
    }

    def check(result: Any, _args: Any) -> None:
        if method == "bpx_condition":
            assert result >= 1 - 1e-9
        elif method == "cycle_factor":
            assert 0 <= result < 1
        else:
            assert 0 <= result <= 4

    return Call(getattr(made, method), arguments, check, {**roles, **numbers}, strict=False)
