"""Calls of bases, transforms and Gram matrices, against exact rationals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

import splinekan as sk
from fuzz.core import Call, Role, assert_near, calls, floats, record
from fuzz.draw import DEGREE, KNOTS, MODES, ORDER, Draw
from fuzz.knots import check_property, steps_of, valid_given
from fuzz.twins import Exact, number, numbers, solve
from splinekan.splines import basis as basis_module
from splinekan.splines import gram, knots, quadrature

EPS = float(np.finfo(float).eps)


# Bases

CLASSES = {"BSplineBasis": basis_module.BSplineBasis, "PowerReLUBasis": basis_module.PowerReLUBasis}


@calls("BSplineBasis", "PowerReLUBasis")
def _(draw: Draw, name: str) -> Call:
    arguments, roles, tame = draw.given(repeated=name == "BSplineBasis")

    def check(result: Any, args: Any) -> None:
        assert valid_given(args)
        exact = Exact.of(args["knots"], args["degree"])
        assert np.array_equal(result.knots, floats(args["knots"]))
        assert type(result.degree) is int
        assert result.n_basis == exact.n
        assert result.domain == tuple(map(number, exact.domain))

    arguments["extrapolate"] = draw.one(*MODES)
    return Call(CLASSES[name], arguments, check, roles, tame)


def _basis(draw: Draw, name: str, mode: str | None = None) -> tuple[Any, bool]:
    kind = name.split(".")[0]
    space, tame = draw.space(repeated=kind == "BSplineBasis")
    chosen = mode or draw.one(*MODES)
    try:
        return CLASSES[kind](space, extrapolate=chosen), tame
    except ValueError:  # powers that leave the range of float64
        assert not tame
        t, k = draw.tame(repeated=False)
        return CLASSES[kind](t, k, chosen), True


def _points(draw: Draw, basis: Any) -> np.ndarray:
    beyond = 0.0 if basis.extrapolate == "error" and not basis.knots.periodic else 0.7
    x = draw.inside(basis.knots, basis.degree, draw.integer(0, 4), beyond)
    return x.astype(draw.one(np.float64, np.float64, np.float32)) if beyond else x


def points_of(x: Any) -> np.ndarray:
    """Points in float64, or as they are in float32: wrapped, they stay of their type."""
    single = np.asarray(x).dtype.kind == "f" and np.asarray(x).dtype.itemsize == 4
    return np.array(x, dtype=np.float32) if single else floats(x)


def _truth(basis: Any, x: Any, order: int) -> tuple[np.ndarray, np.ndarray]:
    exact = Exact.of(basis.knots, None)
    if basis.extrapolate == "error" and not basis.knots.periodic:
        a, b = basis.domain
        assert ((x >= a) & (x <= b)).all(), "points outside the domain were accepted"
    splines = isinstance(basis, basis_module.BSplineBasis)
    return (exact.table if splines else exact.power_table)(x, order, basis.extrapolate)


def _rows(size: np.ndarray) -> np.ndarray:
    return size.max(axis=1, keepdims=True, initial=0.0)


METHODS = ("tabulate", "design_matrix")


@calls(*(f"{kind}.{method}" for kind in CLASSES for method in METHODS), "BSplineBasis.active", share=12)
def _(draw: Draw, name: str) -> Call:
    basis, tame = _basis(draw, name)
    method = name.split(".")[1]

    def check(result: Any, args: Any) -> None:
        x, order = points_of(args["x"]), args["derivative"]
        assert x.ndim == 1
        assert np.isfinite(x).all()
        want, size = _truth(basis, x, order)
        if method == "active":
            active, first = result
            got = np.zeros(want.shape, active.dtype)
            fold = basis.knots.fold if basis.knots.periodic else np.arange(want.shape[1])
            for l in range(basis.degree + 1):
                got[np.arange(len(x)), fold[first + l]] += active[l]
        else:
            got = result if method == "tabulate" else result.toarray()
        # Continued, knots that are uniform to rounding count as uniform: relative to h that is eps |t|/h.
        t = basis.knots.t
        slack = 1 + np.abs(t).max() / np.diff(t)[np.diff(t) > 0].min() if basis.knots.is_uniform else 1
        beyond = (x < basis.domain[0]) | (x > basis.domain[1])
        bound = _rows(size) * np.where(beyond, slack, 1.0)[:, None]
        assert_near(got, want, bound, 100 * (basis.degree + 1))

    arguments = {
        "x": _points(draw, basis),
        "derivative": draw.one(0, 0, 1, 2, basis.degree, basis.degree + 1),
    }
    return Call(getattr(basis, method), arguments, check, {"derivative": ORDER}, tame, names=("knots",))


@calls("BSplineBasis.evaluate", "PowerReLUBasis.evaluate", share=12)
def _(draw: Draw, name: str) -> Call:
    basis, tame = _basis(draw, name)
    n = basis.n_basis
    letter = "c" if name.startswith("B") else "w"
    c = draw.normal(n) if draw.chance() else draw.normal(n, draw.integer(1, 2))
    if draw.chance(0.1):
        c = c[:, :, None][:, :0, 0] if c.ndim == 2 else c

    def check(result: Any, args: Any) -> None:
        x, c = points_of(args["x"]), floats(args[letter])
        assert x.ndim == 1
        assert c.ndim in (1, 2)
        if c.size and np.asarray(args[letter]).dtype != np.float32:
            x = x.astype(np.float64)
        want, size = _truth(basis, x, args["derivative"])
        if letter == "w":  # u = A^{-T} w by substitution, and what its rounding grows by
            exact = Exact.of(basis.knots, None)
            A, inverse = np.abs(numbers(exact.change())), numbers(exact.inverse())
            splines = exact.table(x, args["derivative"], basis.extrapolate)[1]
            with np.errstate(all="ignore"):
                size = size + splines @ (inverse.T @ (A.T @ inverse.T))
        with np.errstate(all="ignore"):
            bound = _rows(size) * np.abs(c).max(axis=0, initial=0.0) * n
            bound = bound[:, 0] if c.ndim == 1 else bound
            assert_near(result, want @ c, bound, 100 * (basis.degree + 1))

    # Rounding w to float32 may change the sum by cond(A) eps.
    scale = 1e3
    if letter == "w":
        exact = Exact.of(basis.knots, None)
        with np.errstate(all="ignore"):
            scale *= np.linalg.norm(numbers(exact.change())) * np.linalg.norm(numbers(exact.inverse()))
    arguments = {letter: c, "x": _points(draw, basis), "derivative": draw.one(0, 0, 1, basis.degree)}
    return Call(basis.evaluate, arguments, check, {"derivative": ORDER}, tame, scale, names=("c", "knots"))


@calls("BSplineBasis.tabulate_relu_form", share=12)
def _(draw: Draw, name: str) -> Call:
    t, k, tame = draw.knots(repeated=False)
    basis = basis_module.BSplineBasis(t, k)
    x = draw.inside(t, k, draw.integer(0, 4))

    def check(result: Any, args: Any) -> None:
        x = floats(args["x"])
        a, b = basis.domain
        assert ((x >= a) & (x <= b)).all()
        want, _ = _truth(basis, x, 0)
        A = np.abs(numbers(Exact(t, k).change()))
        reach = np.maximum(
            np.clip(x[:, None], t[None, : basis.n_basis], t[None, k + 1 :]) - t[: basis.n_basis], 0
        )
        with np.errstate(all="ignore"):
            size = np.array(
                [
                    [
                        sum(
                            A[i, j] * max(t[i] + reach[p, i] - t[j], 0) ** k
                            for j in range(i, min(i + k + 2, len(A)))
                        )
                        for i in range(len(A))
                    ]
                    for p in range(len(x))
                ]
            ).reshape(want.shape)
        assert_near(result, want, size + 1, 1000 * (k + 1))

    return Call(basis.tabulate_relu_form, {"x": x}, check, {}, tame, 1e5, names=("knots",))


@calls(
    *(f"{kind}.{p}" for kind in CLASSES for p in ("n_basis", "intervals", "domain", "degree")),
    "PowerReLUBasis.change_of_basis",
)
def _(draw: Draw, name: str) -> Call:
    basis, _ = _basis(draw, name)
    exact = Exact.of(basis.knots, None)

    def check(result: Any, _args: Any) -> None:
        if name.endswith("change_of_basis"):
            _check_change(result.toarray(), exact)
        elif name.endswith("degree"):
            assert result == exact.k
        else:
            check_property(result, exact, name.split(".")[1])

    return Call(
        lambda: getattr(basis, name.split(".")[1]), {}, check, strict=False, names=("knots", "degree")
    )


@calls("ChangeOfBasis")
def _(draw: Draw, name: str) -> Call:
    t, k = draw.tame(repeated=False)
    return record(sk.change_of_basis(t, k))


# Transforms


def _check_change(got: np.ndarray, exact: Exact) -> None:
    want = numbers(exact.change())
    assert_near(got, want, np.abs(want), 50 * (exact.k + 2))


@calls("change_of_basis", share=12)
def _(draw: Draw, name: str) -> Call:
    arguments, roles, tame = draw.given(repeated=draw.chance(0.2))
    relu = knots.knot_vector(arguments["knots"], arguments["degree"]).has_relu_basis

    def check(result: Any, args: Any) -> None:
        assert valid_given(args)
        exact = Exact.of(args["knots"], args["degree"])
        assert not exact.periodic
        assert min(steps_of(exact)) > 0, "repeated knots were accepted"
        _check_change(result.toarray(), exact)

    return Call(sk.change_of_basis, arguments, check, roles, tame and relu)


def _times(matrix: list[list[Fraction]], v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrix times v along axis 0, and the size of the sums."""
    flat = v.reshape(len(matrix), -1)
    A = numbers(matrix)
    size = np.abs(A) @ np.abs(flat)
    exact = [
        [sum(a * Fraction(b) for a, b in zip(row, column, strict=True)) for column in flat.T.tolist()]
        for row in matrix
    ]
    return numbers(exact).reshape(v.shape), size.reshape(v.shape)


@calls(*(f"ChangeOfBasis.{m}" for m in ("apply", "apply_transpose", "solve", "solve_transpose")))
def _(draw: Draw, name: str) -> Call:
    t, k = draw.tame(draw.integer(0, 4), repeated=False)
    A = sk.change_of_basis(t, k)
    n, method = A.shape[0], name.split(".")[1]
    v = draw.normal(n) if draw.chance() else draw.normal(n, draw.integer(0, 2))

    def check(result: Any, args: Any) -> None:
        v = floats(args["v"])
        assert v.ndim > 0
        assert len(v) == n
        assert result.shape == v.shape
        exact = Exact(t, k).change()
        if "transpose" in method:
            exact = [list(column) for column in zip(*exact, strict=True)]
        if not np.isfinite(v).all():
            return
        with np.errstate(all="ignore"):
            if method.startswith("apply"):
                want, size = _times(exact, v)
                assert_near(result, want, size, 50 * (k + 2))
            else:
                dense = numbers(exact)
                inverse = np.abs(np.linalg.inv(dense))
                back = np.tensordot(dense, result, axes=(1, 0)) - v
                bound = np.abs(dense) @ np.abs(result.reshape(n, -1)) if v.size else np.zeros((n, 0))
                assert inverse.shape == (n, n)
                assert (
                    np.abs(back.reshape(n, -1)) <= 100 * (k + 2) * EPS * bound + 1e-300
                ).all() or not np.isfinite(bound).all()

    return Call(getattr(A, method), {"v": v}, check)


@calls("ChangeOfBasis.toarray", "ChangeOfBasis.shape", "ChangeOfBasis.condition_number")
def _(draw: Draw, name: str) -> Call:
    t, k = draw.tame(draw.integer(0, 3), repeated=False)
    A, what = sk.change_of_basis(t, k), name.split(".")[1]

    def check(result: Any, _args: Any) -> None:
        if what == "toarray":
            _check_change(result, Exact(t, k))
        elif what == "shape":
            assert result == (len(t) - k - 1,) * 2
        else:
            assert abs(result / np.linalg.cond(A.toarray()) - 1) < 1e-6

    return Call(
        A.toarray if what == "toarray" else A.condition_number if what != "shape" else lambda: A.shape,
        {},
        check,
    )


def _finer(draw: Draw, space: sk.KnotVector) -> sk.KnotVector:
    """Knots in which these are nested."""
    what = draw.one("halved", "inserted", "inserted", "other ghosts")
    if what == "halved":
        return space.refine()
    a, b = space.domain
    if what == "inserted":
        new = a + np.unique(draw.points(draw.integer(1, 3), low=0.05, high=0.95)) * (b - a)
        free = space.breakpoints[1:-1][space.multiplicities <= space.degree]
        if len(free) and space.has_relu_basis is False and draw.chance():
            new = np.append(new, draw.one(*free))
        return space.insert(new[~np.isin(new, space.t)] if space.has_relu_basis else new)
    kind = draw.one("clamped", "extended") if not space.has_relu_basis else "extended"
    return getattr(sk.KnotVector, kind)(space.breakpoints, space.degree, space.multiplicities)


@calls("prolongation", share=12)
def _(draw: Draw, name: str) -> Call:
    basis = draw.one("spline", "spline", "relu")
    k = draw.integer(0, 4) if basis == "relu" else None
    space, tame = draw.space(k, repeated=basis == "spline")
    try:
        fine = _finer(draw, space)
    except ValueError:
        space = knots.knot_vector(*draw.tame(k, repeated=basis == "spline"))
        fine, tame = _finer(draw, space), True
    arrays = not space.periodic and not fine.periodic and draw.chance()
    k = space.degree

    def check(result: Any, args: Any) -> None:
        c, f, k = args["coarse_knots"], args["fine_knots"], args["degree"]
        for given in (c, f):
            assert valid_given({"knots": given, "degree": k})
        coarse, exact = Exact.of(c, k), Exact.of(f, k)
        inner_c, inner_f = (np.array([number(v) for v in each.ends]) for each in (coarse, exact))
        close = 64 * EPS * max(np.abs(inner_c).max(), np.ptp(inner_c))
        assert all(np.abs(inner_f - each).min() <= close for each in inner_c), "not nested"
        assert coarse.periodic or not exact.periodic
        want, size = coarse.prolongation(exact)
        if args["basis"] == "spline":
            # Breakpoints of the two sides may differ by rounding: uniform refinement makes them so.
            slack = 1 + np.abs(inner_c).max() / np.diff(inner_c).min()
            factor = 100 * (coarse.k + 1) * (slack if not np.isin(inner_c, inner_f).all() else 1)
            factor = max(factor, slack * 100) if knots.is_uniform(c, k) else factor
            assert_near(result.toarray(), want, np.maximum(size, 1), factor)
            return
        if not tame:
            return
        up, down, P = exact.change(), coarse.change(), coarse.exact_prolongation(exact)
        Q = [
            [sum(up[l][i] * P[l][j] for l in range(exact.n)) for j in range(coarse.n)] for i in range(exact.n)
        ]
        w = numbers(solve(down, row) for row in Q)  # W A_c^T = A_f^T P
        size = np.abs(numbers(up).T) @ np.abs(want) @ np.abs(np.linalg.inv(numbers(down).T))
        assert_near(result.toarray(), w, size, 1e4)

    degree = Role("whole", low=k, high=k, optional=True)
    arguments = {
        "coarse_knots": space.t.copy() if arrays else space,
        "fine_knots": fine.t.copy() if arrays else fine,
        "degree": k if arrays else draw.one(k, None),
        "basis": basis,
    }
    known = KNOTS if arrays else Role("object")
    roles = {"coarse_knots": known, "fine_knots": known, "degree": DEGREE if arrays else degree}
    names = ("knots", "domains", "degrees")
    return Call(sk.prolongation, arguments, check, roles, tame, names=names)


@calls("relu_from_spline", "spline_from_relu")
def _(draw: Draw, name: str) -> Call:
    t, k = draw.tame(draw.integer(0, 4), repeated=False)
    n = len(t) - k - 1
    letter = "u" if name == "relu_from_spline" else "w"
    axis = draw.one(0, -1, 1)
    shape = {0: (n, 2), 1: (2, n), -1: (2, n)}[axis]
    if draw.chance(0.3):
        axis, shape = 0, (n,)

    def check(result: Any, args: Any) -> None:
        v, axis = floats(args[letter]), args["axis"]
        knots_, k = args["knots"], args["degree"]
        A = [list(column) for column in zip(*Exact(knots_, k).change(), strict=True)]
        v, got = np.moveaxis(v, axis, 0), np.moveaxis(np.asarray(result), axis, 0)
        assert v.shape == got.shape
        if letter == "w":
            v, got = got, v
        want, size = _times(A, v)
        assert_near(got, want, size, 200 * (k + 2))

    arguments = {letter: draw.normal(*shape), "knots": t, "degree": k, "axis": axis}
    roles = {"knots": KNOTS, "degree": DEGREE, "axis": Role("whole", low=-len(shape), high=len(shape) - 1)}
    return Call(getattr(sk, name), arguments, check, roles, names=("coefficients",))


@calls("gram_factor")
def _(draw: Draw, name: str) -> Call:
    arguments, roles, tame = draw.given(draw.integer(0, 4))

    def check(result: Any, args: Any) -> None:
        assert valid_given(args)
        whole = gram.gram_matrix(**args).toarray()
        size = np.abs(whole).max(initial=0.0)
        assert_near((result.T @ result).toarray(), whole, size, 1e4)

    arguments["derivative"] = draw.integer(0, 2)
    roles["derivative"] = ORDER
    return Call(getattr(gram, name), arguments, check, roles, tame)


@calls("gram_matrix", share=12)
def _(draw: Draw, name: str) -> Call:
    basis = draw.one("spline", "spline", "relu")
    arguments, roles, tame = draw.given(draw.integer(0, 4), repeated=basis == "spline")

    def check(result: Any, args: Any) -> None:
        d = args["derivative"]
        assert valid_given(args)
        exact = Exact.of(args["knots"], args["degree"])
        got = result.toarray() if args["basis"] == "spline" else result
        ends = np.array([number(v) for v in exact.ends])
        x, w = quadrature.gauss_points(ends, exact.k + 1)
        splines = args["basis"] == "spline"
        with np.errstate(all="ignore"):
            b, size = (exact.table if splines else exact.power_table)(x, d, "polynomial")
            size = _rows(size) if splines else size
            want, bound = b.T @ (w[:, None] * b), (size * w[:, None]).T @ size
            # Where all Gauss points are rounded to a knot, the twin misses what lies beside it.
            bound = bound + np.finfo(float).eps * np.max(bound, initial=0.0)
        # Gauss points next to a far origin are rounded: relative to the spacing that is eps |x|/h.
        slack = 1 + np.abs(floats(args["knots"])).max() / np.diff(ends).min()
        assert_near(got, want, bound, 1e3 * slack)

    arguments |= {"derivative": draw.one(0, 0, 1, 2), "basis": basis}
    return Call(gram.gram_matrix, arguments, check, roles | {"derivative": ORDER}, tame)
