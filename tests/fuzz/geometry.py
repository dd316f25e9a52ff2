"""Calls of knots, bases, transforms, Gram matrices and quadrature, against exact rationals."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

import splinekan as sk
from fuzz.core import Call, Role, assert_alike, assert_near, calls
from fuzz.draw import ANY, DEGREE, FREE, KNOTS, MODES, ORDER, Draw
from fuzz.twins import Exact, number, numbers, rational, solve
from splinekan.splines import basis as basis_module
from splinekan.splines import gram, knots, quadrature

EPS = float(np.finfo(float).eps)


def floats(value: Any) -> np.ndarray:
    """A plain array of its own, whatever the value's layout."""
    return np.array(value, dtype=np.float64, order="C")


# Knots


@calls("uniform_knots", share=12)
def _(draw: Draw, name: str) -> Call:
    a = draw.one(0.0, draw.real(-3, 3), 10.0 ** draw.integer(-300, 8), -(10.0 ** draw.integer(0, 8)))
    b = a + abs(a) * draw.one(1e-6, 1e-3, 1.0) + draw.one(0.0, 1.0)
    b = b if b > a else a + 1.0

    def check(result: Any, args: Any) -> None:
        low, high, count, k = Fraction(args["a"]), Fraction(args["b"]), args["intervals"], args["degree"]
        want = [low + i * (high - low) / int(count) for i in range(-k, count + k + 1)]
        size = max(abs(low), abs(high), (k + 1) * (high - low) / count, high - low)
        assert_near(result, [number(w) for w in want], number(size), 8)

    arguments = {"a": a, "b": b, "intervals": draw.integer(1, 9), "degree": draw.integer(0, 7)}
    roles = {"a": ANY, "b": ANY, "degree": DEGREE}
    return Call(knots.uniform_knots, arguments, check, roles, strict=False)


@calls("clamped_knots", "extended_knots", share=12)
def _(draw: Draw, name: str) -> Call:
    t, k = draw.hostile(draw.integer(0, 3)) if draw.chance() else draw.tame(draw.integer(0, 3))
    ends = t[k : len(t) - k]

    def check(result: Any, args: Any) -> None:
        p, degree = [Fraction(v) for v in floats(args["breakpoints"]).tolist()], args["degree"]
        assert all(a < b for a, b in pairwise(p))
        assert len(p) > 1
        left, right = (p[1] - p[0], p[-1] - p[-2]) if name == "extended_knots" else (0, 0)
        want = [p[0] - j * left for j in range(degree, 0, -1)] + p
        want += [p[-1] + j * right for j in range(1, degree + 1)]
        assert_near(result, [number(w) for w in want], max(abs(number(w)) for w in want), 4)

    arguments = {"breakpoints": ends, "degree": draw.integer(0, 7)}
    return Call(
        getattr(knots, name), arguments, check, {"breakpoints": KNOTS, "degree": DEGREE}, strict=False
    )


def _valid(t: Any, k: int) -> bool:
    t = floats(t)
    if t.ndim != 1 or len(t) < 2 * k + 2 or not np.isfinite(t).all():
        return False
    inner = t[k : len(t) - k]
    ends = k > 0 and (t[: k + 1] == t[0]).all() and (t[len(t) - k - 1 :] == t[-1]).all()
    return bool((np.diff(inner if ends else t) > 0).all())


@calls(
    "validate_knots", "is_clamped", "is_uniform", "breakpoints", "greville_points", "refine_knots", share=12
)
def _(draw: Draw, name: str) -> Call:
    t, k, tame = draw.knots()

    def check(result: Any, args: Any) -> None:
        t, k = floats(args["knots"]), args["degree"]
        assert _valid(t, k), "knots that are none were accepted"
        exact, clamped = rational(t), k > 0 and t[0] == t[k]
        size = np.abs(t).max()
        if name == "validate_knots":
            assert np.array_equal(result, t)
        elif name == "is_clamped":
            assert result is bool(clamped)
        elif name == "is_uniform":
            steps = [b - a for a, b in pairwise(exact)]
            uneven = number((max(steps) - min(steps)) / max(steps))
            assert not result or uneven < 1e-6, f"uniform, though spacings differ by {uneven:.2g}"
            assert result or clamped or uneven > 1e-14, "not uniform, though exactly so"
        elif name == "breakpoints":
            assert np.array_equal(result, t[k : len(t) - k])
        elif name == "greville_points":
            n = len(t) - k - 1
            want = [
                sum(exact[i + 1 : i + k + 1]) / k if k else (exact[i] + exact[i + 1]) / 2 for i in range(n)
            ]
            assert_near(result, [number(w) for w in want], size, 8)
        else:
            inner, fine = t[k : len(t) - k], result[k : len(result) - k]
            assert len(fine) == 2 * len(inner) - 1
            assert (np.diff(fine) > 0).all()
            assert np.array_equal(fine[::2], inner) or knots.is_uniform(t, k)
            middle = [number((a + b) / 2) for a, b in zip(rational(inner), rational(inner[1:]), strict=False)]
            assert_near(fine[1::2], middle, np.abs(inner).max(), 8)
            assert knots.is_clamped(result, k) == bool(clamped)

    roles = {"knots": KNOTS, "degree": DEGREE}
    strict = tame or name != "refine_knots"
    return Call(getattr(knots, name), {"knots": t, "degree": k}, check, roles, strict)


@calls("insert_knots")
def _(draw: Draw, name: str) -> Call:
    t, k, _tame = draw.knots()
    a, b = t[k], t[-k - 1]
    new = a + draw.points(draw.integer(0, 3), low=0.05, high=0.95) * (b - a)

    def check(result: Any, args: Any) -> None:
        t, new = floats(args["knots"]), floats(args["new"])
        assert np.array_equal(result, np.sort(np.concatenate([t, new])))
        assert _valid(result, args["degree"])

    return Call(
        knots.insert_knots,
        {"knots": t, "new": new, "degree": k},
        check,
        {"knots": KNOTS, "degree": DEGREE},
        strict=False,
    )


@calls("gauss_points")
def _(draw: Draw, name: str) -> Call:
    t, _k, _tame = draw.knots(0)

    def check(result: Any, args: Any) -> None:
        t, n = floats(args["breakpoints"]), args["points"]
        x, w = result
        assert x.shape == w.shape == (n * (len(t) - 1),)
        assert (w > 0).all() or np.diff(t).min() < 1e-300
        assert_near(w.reshape(-1, n).sum(axis=1), np.diff(t), np.diff(t), 100)
        assert (x >= np.repeat(t[:-1], n)).all()
        assert (x <= np.repeat(t[1:], n)).all()

    arguments = {"breakpoints": t, "points": draw.integer(1, 6)}
    return Call(quadrature.gauss_points, arguments, check, {"breakpoints": KNOTS}, strict=False)


# Bases

CLASSES = {"BSplineBasis": basis_module.BSplineBasis, "PowerReLUBasis": basis_module.PowerReLUBasis}


@calls("BSplineBasis", "PowerReLUBasis")
def _(draw: Draw, name: str) -> Call:
    t, k, tame = draw.knots(clamped=name == "BSplineBasis")

    def check(result: Any, args: Any) -> None:
        t, k = floats(args["knots"]), args["degree"]
        assert _valid(t, k)
        assert np.array_equal(result.knots, t)
        assert type(result.degree) is int
        assert result.n_basis == len(t) - k - 1
        assert result.domain == (t[k], t[-k - 1])

    arguments = {"knots": t, "degree": k, "extrapolate": draw.one(*MODES)}
    return Call(CLASSES[name], arguments, check, {"knots": KNOTS, "degree": DEGREE}, tame)


def _basis(draw: Draw, name: str, mode: str | None = None) -> tuple[Any, bool]:
    kind = name.split(".")[0]
    t, k, tame = draw.knots(clamped=kind == "BSplineBasis")
    chosen = mode or draw.one(*MODES)
    try:
        return CLASSES[kind](t, k, chosen), tame
    except ValueError:  # powers that leave the range of float64
        assert not tame
        t, k = draw.tame(clamped=False)
        return CLASSES[kind](t, k, chosen), True


def _points(draw: Draw, basis: Any) -> np.ndarray:
    beyond = 0.0 if basis.extrapolate == "error" else 0.7
    x = draw.inside(basis.knots, basis.degree, draw.integer(0, 4), beyond)
    return x.astype(draw.one(np.float64, np.float64, np.float32)) if beyond else x


def _truth(basis: Any, x: Any, order: int) -> tuple[np.ndarray, np.ndarray]:
    exact = Exact(basis.knots, basis.degree)
    if basis.extrapolate == "error":
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
        x, order = floats(args["x"]), args["derivative"]
        assert x.ndim == 1
        assert np.isfinite(x).all()
        want, size = _truth(basis, x, order)
        if method == "active":
            active, first = result
            got = np.zeros(want.shape, active.dtype)
            for l in range(basis.degree + 1):
                got[np.arange(len(x)), first + l] = active[l]
        else:
            got = result if method == "tabulate" else result.toarray()
        # Continued, knots that are uniform to rounding count as uniform: relative to h that is eps |t|/h.
        t = basis.knots
        slack = (
            1 + np.abs(t).max() / np.diff(t)[np.diff(t) > 0].min() if knots.is_uniform(t, basis.degree) else 1
        )
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
        x, c = floats(args["x"]), floats(args[letter])
        assert x.ndim == 1
        assert c.ndim in (1, 2)
        want, size = _truth(basis, x, args["derivative"])
        if letter == "w":  # u = A^{-T} w by substitution, and what its rounding grows by
            exact = Exact(basis.knots, basis.degree)
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
        exact = Exact(basis.knots, basis.degree)
        with np.errstate(all="ignore"):
            scale *= np.linalg.norm(numbers(exact.change())) * np.linalg.norm(numbers(exact.inverse()))
    arguments = {letter: c, "x": _points(draw, basis), "derivative": draw.one(0, 0, 1, basis.degree)}
    return Call(basis.evaluate, arguments, check, {"derivative": ORDER}, tame, scale, names=("c", "knots"))


@calls("BSplineBasis.tabulate_relu_form", share=12)
def _(draw: Draw, name: str) -> Call:
    t, k, tame = draw.knots(clamped=False)
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
    *(f"{kind}.{p}" for kind in CLASSES for p in ("n_basis", "intervals", "domain")),
    "PowerReLUBasis.change_of_basis",
)
def _(draw: Draw, name: str) -> Call:
    basis, _ = _basis(draw, name)
    t, k = basis.knots, basis.degree

    def check(result: Any, _args: Any) -> None:
        if name.endswith("change_of_basis"):
            _check_change(result.toarray(), t, k)
            return
        want = {"n_basis": len(t) - k - 1, "intervals": len(t) - 2 * k - 1, "domain": (t[k], t[-k - 1])}
        assert result == want[name.split(".")[1]]

    return Call(
        lambda: getattr(basis, name.split(".")[1]), {}, check, strict=False, names=("knots", "degree")
    )


@calls("unevenness")
def _(draw: Draw, name: str) -> Call:
    t, _k, tame = draw.knots(0)

    def check(result: Any, args: Any) -> None:
        p = rational(floats(args["points"]))
        assert all(a < b for a, b in pairwise(p))
        spacing = (p[-1] - p[0]) / (len(p) - 1)
        want = max(abs(x - p[0] - i * spacing) for i, x in enumerate(p)) / spacing
        assert result == np.inf or abs(result - number(want)) <= 1e-12 * len(p) * (1 + result)

    return Call(getattr(knots, name), {"points": t}, check, {"points": KNOTS}, tame)


@calls("ChangeOfBasis")
def _(draw: Draw, name: str) -> Call:
    t, k = draw.tame(clamped=False)
    return record(sk.change_of_basis(t, k))


def record(made: Any) -> Call:
    """What the package returns is made as it is: nothing is computed, and nothing checked."""
    from dataclasses import fields

    named = hasattr(made, "_asdict")
    arguments = made._asdict() if named else {f.name: getattr(made, f.name) for f in fields(made) if f.init}

    def check(result: Any, _args: Any) -> None:
        assert_alike(result, made)

    return Call(type(made), arguments, check, dict.fromkeys(arguments, FREE))


# Transforms


def _check_change(got: np.ndarray, t: Any, k: int) -> None:
    want = numbers(Exact(t, k).change())
    assert_near(got, want, np.abs(want), 50 * (k + 2))


@calls("change_of_basis", share=12)
def _(draw: Draw, name: str) -> Call:
    t, k, tame = draw.knots(clamped=False)

    def check(result: Any, args: Any) -> None:
        assert _valid(args["knots"], args["degree"])
        _check_change(result.toarray(), args["knots"], args["degree"])

    return Call(
        sk.change_of_basis, {"knots": t, "degree": k}, check, {"knots": KNOTS, "degree": DEGREE}, tame
    )


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
    t, k = draw.tame(draw.integer(0, 4), clamped=False)
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
    t, k = draw.tame(draw.integer(0, 3), clamped=False)
    A, what = sk.change_of_basis(t, k), name.split(".")[1]

    def check(result: Any, _args: Any) -> None:
        if what == "toarray":
            _check_change(result, t, k)
        elif what == "shape":
            assert result == (len(t) - k - 1,) * 2
        else:
            assert abs(result / np.linalg.cond(A.toarray()) - 1) < 1e-6

    return Call(
        A.toarray if what == "toarray" else A.condition_number if what != "shape" else lambda: A.shape,
        {},
        check,
    )


def _finer(draw: Draw, t: np.ndarray, k: int) -> np.ndarray:
    if draw.chance():
        return sk.refine_knots(t, k)
    a, b = t[k], t[-k - 1]
    new = a + np.unique(draw.points(draw.integer(1, 3), low=0.05, high=0.95)) * (b - a)
    new = new[~np.isin(new, t)]
    return sk.insert_knots(t, new, k)


@calls("prolongation", share=12)
def _(draw: Draw, name: str) -> Call:
    basis = draw.one("spline", "spline", "relu")
    t, k, tame = draw.knots(draw.integer(0, 4) if basis == "relu" else None, clamped=basis == "spline")
    try:
        fine = _finer(draw, t, k)
    except ValueError:
        t, k = draw.tame(k, clamped=basis == "spline")
        fine, tame = _finer(draw, t, k), True

    def check(result: Any, args: Any) -> None:
        c, f, k = args["coarse_knots"], args["fine_knots"], args["degree"]
        assert _valid(c, k)
        assert _valid(f, k)
        inner_c, inner_f = floats(c)[k : len(c) - k], floats(f)[k : len(f) - k]
        close = 64 * EPS * max(np.abs(inner_c).max(), np.ptp(inner_c))
        assert all(np.abs(inner_f - each).min() <= close for each in inner_c), "not nested"
        coarse, exact = Exact(c, k), Exact(f, k)
        want, size = coarse.prolongation(exact)
        if args["basis"] == "spline":
            # Breakpoints of the two sides may differ by rounding: uniform refinement makes them so.
            slack = 1 + np.abs(inner_c).max() / np.diff(inner_c).min()
            factor = 100 * (k + 1) * (slack if not np.isin(inner_c, inner_f).all() else 1)
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

    arguments = {"coarse_knots": t, "fine_knots": fine, "degree": k, "basis": basis}
    roles = {"coarse_knots": KNOTS, "fine_knots": KNOTS, "degree": DEGREE}
    return Call(sk.prolongation, arguments, check, roles, tame, names=("knots",))


@calls("relu_from_spline", "spline_from_relu")
def _(draw: Draw, name: str) -> Call:
    t, k = draw.tame(draw.integer(0, 4), clamped=False)
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
    t, k, tame = draw.knots(draw.integer(0, 4))

    def check(result: Any, args: Any) -> None:
        assert _valid(args["knots"], args["degree"])
        whole = gram.gram_matrix(**args).toarray()
        size = np.abs(whole).max(initial=0.0)
        assert_near((result.T @ result).toarray(), whole, size, 1e4)

    arguments = {"knots": t, "degree": k, "derivative": draw.integer(0, 2)}
    roles = {"knots": KNOTS, "degree": DEGREE, "derivative": ORDER}
    return Call(getattr(gram, name), arguments, check, roles, tame)


@calls("gram_matrix", share=12)
def _(draw: Draw, name: str) -> Call:
    basis = draw.one("spline", "spline", "relu")
    t, k, tame = draw.knots(draw.integer(0, 4), clamped=basis == "spline")

    def check(result: Any, args: Any) -> None:
        t, k, d = args["knots"], args["degree"], args["derivative"]
        assert _valid(t, k)
        exact = Exact(t, k)
        got = result.toarray() if args["basis"] == "spline" else result
        x, w = quadrature.gauss_points(floats(t)[k : len(t) - k], k + 1)
        splines = args["basis"] == "spline"
        with np.errstate(all="ignore"):
            b, size = (exact.table if splines else exact.power_table)(x, d, "polynomial")
            size = _rows(size) if splines else size
            want, bound = b.T @ (w[:, None] * b), (size * w[:, None]).T @ size
            # Where all Gauss points are rounded to a knot, the twin misses what lies beside it.
            bound = bound + np.finfo(float).eps * np.max(bound, initial=0.0)
        # Gauss points next to a far origin are rounded: relative to the spacing that is eps |x|/h.
        slack = 1 + np.abs(floats(t)).max() / np.diff(floats(t)[k : len(t) - k]).min()
        assert_near(got, want, bound, 1e3 * slack)

    arguments = {"knots": t, "degree": k, "derivative": draw.one(0, 0, 1, 2), "basis": basis}
    return Call(
        gram.gram_matrix, arguments, check, {"knots": KNOTS, "degree": DEGREE, "derivative": ORDER}, tame
    )
