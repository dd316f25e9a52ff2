"""Calls of Spline, of its calculus and of local polynomials, against exact rationals."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

import splinekan as sk
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats
from fuzz.draw import FREE, MODES, ORDER, Draw
from fuzz.geometry import points_of
from fuzz.knots import valid_given
from fuzz.twins import Exact, number, numbers
from splinekan import splines


def _spline(draw: Draw, degree: int | None = None, tame: bool = True) -> tuple[sk.Spline, Exact, bool]:
    """A spline of any kind, its twin, and whether its knots are moderate."""
    while True:
        space, moderate = draw.space(degree)
        if moderate or not tame:
            break
    axis = draw.one(0, 0, 1, -1)
    shape = [draw.integer(1, 2) for _ in range(draw.integer(0, 2) if axis == 0 else 1)]
    shape.insert(axis if axis >= 0 else len(shape), space.n_basis)
    c = draw.normal(*shape).astype(draw.one(np.float64, np.float64, np.float32))
    mode = None if space.periodic else draw.one(None, *MODES, "periodic")
    return sk.Spline(space, c, axis=axis, extrapolate=mode), Exact.of(space, None), moderate


def _where(draw: Draw, spline: sk.Spline, n: int = 5) -> np.ndarray:
    beyond = 0.0 if spline.extrapolate == "error" else 0.7
    return draw.inside(spline.knots.t, spline.degree, n, beyond)


def _truth(spline: Any, exact: Exact, x: np.ndarray, order: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Values of the function and their sizes, the points along the axis of the coefficients."""
    table, sizes = exact.table(x, order, spline.extrapolate)
    c = np.moveaxis(floats(spline.c), spline.axis, -1)
    with np.errstate(all="ignore"):
        values = c @ table.T
        # B-splines are right to eps of the largest beside them.
        size = np.abs(c).max(axis=-1, initial=0.0)[..., None] * sizes.max(axis=1, initial=0.0) * len(table.T)
    return np.moveaxis(values, -1, spline.axis), np.moveaxis(size, -1, spline.axis)


def _inside(spline: Any, x: np.ndarray) -> bool:
    a, b = spline.domain
    return spline.extrapolate != "error" or bool(((x >= a) & (x <= b)).all())


def assert_same(
    result: Any, spline: Any, exact: Exact, x: np.ndarray, order: int = 0, factor: float = 1.0
) -> None:
    """`result` is the derivative of the spline."""
    want, size = _truth(spline, exact, x, order)
    single = result.c.dtype == np.float32 or spline.c.dtype == np.float32
    eps = float(np.finfo(np.float32).eps) if single else None
    assert_near(result(x), want, size, 1e3 * (exact.k + 1) * factor, eps=eps)


@calls("Spline", share=12)
def _(draw: Draw, name: str) -> Call:
    given, roles, tame = draw.given()
    space = splines.knot_vector(given["knots"], given["degree"])
    axis = draw.one(0, 1, -1)
    shape = (space.n_basis, 2) if axis == 0 else (2, space.n_basis)
    mode = None if space.periodic else draw.one(None, *MODES, "periodic")
    arguments = {**given, "c": draw.normal(*shape), "axis": axis, "extrapolate": mode}
    roles |= {"extrapolate": Role("word", optional=True), "axis": Role("whole", low=-2, high=1)}

    def check(result: Any, args: Any) -> None:
        assert valid_given(args)
        c = floats(args["c"])
        assert c.shape[args["axis"]] == Exact.of(args["knots"], args["degree"]).n
        assert np.isfinite(c).all()
        assert np.array_equal(result.c, c)
        assert not np.shares_memory(result.c, np.asarray(args["c"]))
        assert type(result.axis) is int

    return Call(sk.Spline, arguments, check, roles, tame)


@calls("Spline.__call__", share=12)
def _(draw: Draw, name: str) -> Call:
    spline, exact, tame = _spline(draw, tame=False)
    x = _where(draw, spline, draw.integer(0, 4)).astype(draw.one(np.float64, np.float64, np.float32))
    x = np.clip(x, *spline.domain) if spline.extrapolate == "error" else x
    x = x.reshape(-1, 1) if len(x) and draw.chance(0.2) else x

    def check(result: Any, args: Any) -> None:
        x = points_of(args["x"])
        x = x.astype(np.float64) if spline.c.dtype != np.float32 else x
        assert np.isfinite(x).all()
        assert _inside(spline, x)
        want, size = _truth(spline, exact, x.ravel(), args["nu"])
        shape = spline.c.shape[: spline.axis] + x.shape + spline.c.shape[spline.axis + 1 :]
        t = spline.knots.t
        slack = 1 + np.abs(t).max() / np.diff(t)[np.diff(t) > 0].min() if spline.knots.is_uniform else 1
        assert_near(result, want.reshape(shape), size.reshape(shape) * slack, 100 * (exact.k + 1))

    arguments = {"x": x, "nu": draw.one(0, 0, 1, 2, spline.degree + 1)}
    # Points of float32 may be rounded out of the domain.
    strict = tame and (x.dtype == np.float64 or spline.extrapolate != "error")
    return Call(spline, arguments, check, {"nu": ORDER}, strict, names=("knots", "c"))


@calls("Spline.degree", "Spline.domain")
def _(draw: Draw, name: str) -> Call:
    spline, exact, _ = _spline(draw)
    want = {"degree": exact.k, "domain": tuple(map(number, exact.domain))}[name.split(".")[1]]
    return Call(lambda: getattr(spline, name.split(".")[1]), {}, lambda r, _: assert_alike(r, want, 0.0))


@calls("Spline.derivative", "Spline.antiderivative")
def _(draw: Draw, name: str) -> Call:
    spline, exact, tame = _spline(draw, tame=draw.chance(0.8))
    up = name == "Spline.antiderivative"
    x = _where(draw, spline, 5)

    def check(result: Any, args: Any) -> None:
        nu = args["nu"]
        if not tame:
            assert np.isfinite(result.c).all()
            return
        if not up:
            at = np.clip(x, *spline.domain) if spline.extrapolate == "error" else x
            # Where the slopes of the two sides of an end differ, the end belongs to the domain.
            assert_same(result, spline, exact, at, nu, factor=10.0**nu)
            return
        assert result.degree == spline.degree + nu
        at = np.clip(x, *spline.domain) if result.extrapolate == "error" else x
        size = 1e-4 if result.c.dtype == np.float32 else 1e-9
        a, b = spline.domain
        # Rounding of the knots of higher antiderivatives is felt in proportion to the coefficients.
        scale = (1 + np.abs(result.c).max(initial=0.0) + np.abs(spline.c).max(initial=0.0)) * 10.0**nu
        for order in range(nu):
            assert np.abs(result(a, order)).max(initial=0.0) <= size * scale, "not 0 at a"
        middles = (spline.knots.breakpoints[1:] + spline.knots.breakpoints[:-1]) / 2
        inner = np.concatenate([middles, at if result.extrapolate != "error" else middles])
        inner = inner[(inner > a) & (inner < b)] if nu > 1 or result.extrapolate == "error" else inner
        back, want = result(inner, nu), spline(inner)
        assert np.abs(back - want).max(initial=0.0) <= size * scale * 10.0 ** (2 * nu)

    roles = {"nu": Role("whole", low=0, high=7 - spline.degree if up else None, most=100)}
    nu = draw.integer(0, min(3, 7 - spline.degree)) if up else draw.integer(0, spline.degree + 1)
    return Call(
        getattr(spline, name.split(".")[1]), {"nu": nu}, check, roles, tame, names=("degree", "knots")
    )


@calls("Spline.integrate")
def _(draw: Draw, name: str) -> Call:
    spline, exact, tame = _spline(draw, tame=draw.chance(0.8))
    ends = _where(draw, spline, 2)

    def check(result: Any, args: Any) -> None:
        low, high = float(args["a"]), float(args["b"])
        assert _inside(spline, np.array([low, high]))
        a, b = spline.domain
        if not tame or max(abs(low), abs(high)) > 100 * (1 + abs(a) + abs(b)):
            return
        row, size = exact.integral(low, high, spline.extrapolate)
        c = np.moveaxis(floats(spline.c), spline.axis, -1)
        assert_near(result, c @ row, np.abs(c) @ size, 1e4)

    arguments = {"a": float(ends[0]), "b": float(ends[1])}
    return Call(
        spline.integrate,
        arguments,
        check,
        dict.fromkeys("ab", Role("real")),
        tame,
        names=("integral", "range", "knots"),
    )


@calls("Spline.on", "Spline.refine", "Spline.insert", "Spline.clamped")
def _(draw: Draw, name: str) -> Call:
    spline, exact, tame = _spline(draw, tame=draw.chance(0.8))
    method, space = name.split(".")[1], spline.knots
    x = _where(draw, spline, 4)
    x = np.clip(x, *spline.domain) if spline.extrapolate == "error" else x
    a, b = spline.domain
    new = a + draw.points(draw.integer(0, 2), low=0.05, high=0.95) * (b - a)
    marked = draw.one(None, [0], [space.intervals - 1])
    arguments: dict[str, Any] = {
        "on": lambda: {"finer": space.insert(new)},
        "refine": lambda: {"marked": marked},
        "insert": lambda: {"new": new},
        "clamped": dict,
    }[method]()

    def check(result: Any, args: Any) -> None:
        assert result.extrapolate == spline.extrapolate
        if method == "clamped":
            assert result.degree == 0 or result.knots.is_clamped
        if tame:
            assert_same(result, spline, exact, x, factor=100)

    roles = {"finer": Role("object"), "marked": Role("object", optional=True, accepts=("junk empty list",))}
    names = ("knots", "interval", "knot", "fine_knots", "coarse_knots")
    return Call(getattr(spline, method), arguments, check, roles, tame, names=names)


# SciPy's forms


def assert_function(made: Any, spline: Any, exact: Exact, x: np.ndarray) -> None:
    """A function of SciPy's, or a spline made of it, is the same inside the domain."""
    want, size = _truth(spline, exact, x)
    single = spline.c.dtype == np.float32
    assert_near(made(x), want, size, 1e6, eps=float(np.finfo(np.float32).eps) if single else None)


@calls("Spline.to_scipy", "Spline.to_ppoly", "Spline.from_scipy", "Spline.from_ppoly")
def _(draw: Draw, name: str) -> Call:
    spline, exact, tame = _spline(draw, tame=draw.chance(0.9))
    x = draw.inside(spline.knots.t, spline.degree, 4)
    x = x[x < spline.domain[1]]
    method = name.split(".")[1]
    to, back = (
        {"to_scipy": "to_scipy", "from_scipy": "to_scipy"}.get(method, "to_ppoly"),
        method[:4] == "from",
    )

    def check(result: Any, args: Any) -> None:
        if not tame:
            return
        assert_function(result, spline, exact, x)
        if not back:
            outside = spline.domain[1] + 1.0
            with np.errstate(all="ignore"):
                far = result(outside)
            if np.isfinite(far).all() and spline.extrapolate != "error":
                want, size = _truth(spline, exact, np.array([outside]))
                single = spline.c.dtype == np.float32
                eps = float(np.finfo(np.float32).eps) if single else None
                assert_near(far, np.take(want, 0, spline.axis), np.take(size, 0, spline.axis), 1e7, eps=eps)

    if not back:
        return Call(getattr(spline, method), {}, check, strict=tame, names=("knots",))
    try:
        made = getattr(spline, to)()
    except ValueError:
        assert not tame
        spline, exact, tame = _spline(draw)
        x = draw.inside(spline.knots.t, spline.degree, 4)
        x = x[x < spline.domain[1]]
        made = getattr(spline, to)()
    arguments = {"spline": made} if to == "to_scipy" else {"pieces": made, "tolerance": 2.0**-40}
    roles = {"spline": Role("object"), "pieces": Role("object"), "tolerance": Role("real", low=0.0)}

    def kept(result: Any, args: Any) -> None:
        if args.get("tolerance", 0.0) < 1e-9:
            check(result, args)

    names = ("spline.t", "knots", "breakpoints")
    return Call(getattr(sk.Spline, method), arguments, kept, roles, tame, names=names)


# Calculus of knots


@calls("derivative_knots", "derivative_matrix", "antiderivative_knots", "antiderivative_matrix")
def _(draw: Draw, name: str) -> Call:
    up = name.startswith("anti")
    given, roles, tame = draw.given(draw.integer(0, 6) if up else draw.integer(1, 5))
    k = splines.knot_vector(given["knots"], given["degree"]).degree
    if "degree" in roles and given["degree"] is not None and roles["degree"].high == 7:
        roles["degree"] = Role("whole", low=0 if up else 1, high=6 if up else 7)
    x = splines.knot_vector(given["knots"], given["degree"]).breakpoints
    x = (x[1:] + x[:-1]) / 2

    def check(result: Any, args: Any) -> None:
        assert valid_given(args)
        below = Exact.of(args["knots"], args["degree"])
        space = splines.knot_vector(args["knots"], args["degree"])
        other = getattr(splines, name.replace("matrix", "knots"))(space)
        above = Exact.of(other, None)
        assert other.degree == below.k + (1 if up else -1)
        assert above.domain == below.domain
        assert above.periodic == below.periodic
        if name.endswith("knots"):
            assert result == other
            assert other.is_uniform or not space.is_uniform
            return
        if not tame or below.k != k:
            return
        matrix = result.toarray() if hasattr(result, "toarray") else result
        assert matrix.shape == (above.n, below.n)
        fine, rough = (above, below) if up else (below, above)
        left, size = fine.table(x, 1, "polynomial")
        right, _ = rough.table(x, 0, "polynomial")
        if up:
            assert_near(left @ matrix, right, size @ np.abs(matrix) + 1, 1e4)
            a = np.array([number(below.domain[0])])
            value, size = above.table(a, 0, "polynomial")
            assert_near(value @ matrix, np.zeros((1, below.n)), size @ np.abs(matrix) + 1e-300, 1e4)
        else:
            assert_near(right @ matrix, left, size.max(axis=1, keepdims=True), 1e4)

    periodic = isinstance(given["knots"], sk.KnotVector) and given["knots"].periodic
    return Call(getattr(splines, name), given, check, roles, tame and not (up and periodic), names=("knots",))


# Local polynomials


@calls("local_pieces", "highest_derivative")
def _(draw: Draw, name: str) -> Call:
    arguments, roles, tame = draw.given()
    if name == "local_pieces":
        arguments |= {"extrapolate": draw.one(*MODES), "dtype": draw.one(np.float64, np.float32)}
        arguments["derivatives"] = draw.one(None, draw.integer(1, 4))
        roles |= {"dtype": Role("dtype"), "derivatives": Role("whole", low=1, high=16, optional=True)}

    def check(result: Any, args: Any) -> None:
        assert valid_given(args)
        exact = Exact.of(args["knots"], args["degree"])
        space = splines.knot_vector(args["knots"], args["degree"])
        if name == "highest_derivative":
            widths = [b - a for a, b in pairwise(exact.ends)]
            rows = [exact.derivatives((a + b) / 2, exact.k) for a, b in pairwise(exact.ends)]
            want, sizes = (numbers(row[side] for row in rows) for side in (0, 1))
            slack = 1 + number(max(map(abs, exact.t)) / min(widths)) if space.is_uniform else 1
            assert_near(result, want, sizes.max(axis=1, keepdims=True), 1e3 * slack)
            return
        assert result.table.dtype == args["dtype"]
        assert len(result.table) == (exact.k + 1 if args["derivatives"] is None else args["derivatives"])
        spans = space.first_active
        halved = len(result.origins) == 2 * (len(space.inner) - 1) + 2
        eps = float(np.finfo(args["dtype"]).eps)
        for span in spans[:3]:
            piece = 1 + 2 * int(span) if halved else 1 + int(span)
            row = piece if halved else 1
            s = int(span) + exact.k
            width = exact.t[s + 1] - exact.t[s]
            for d in range(min(len(result.table), exact.k + 1, result.in_range)):
                y = Fraction(1, 4)
                origin = exact.t[s] if halved else (exact.t[s] + exact.t[s + 1]) / 2
                want, size = exact.piece(s, origin + y * width, d)
                got = [
                    sum(float(c) * 0.25**p for p, c in enumerate(column)) for column in result.table[d, row].T
                ]
                slack = 1.0 if halved else 1 + number(max(map(abs, exact.t)) / width)
                bound = 1e3 * slack * eps * max(number(z) for z in size)
                assert np.abs(np.array(got) - [number(w) for w in want]).max() <= bound

    # Tiny intervals have no local polynomials.
    return Call(getattr(splines, name), arguments, check, roles, tame, names=("knots",))


@calls(
    "LocalPieces",
    *(
        f"LocalPieces.{m}"
        for m in ("samples", "arguments", "of_derivatives", "check_derivatives", "check_inside")
    ),
)
def _(draw: Draw, name: str) -> Call:
    while True:
        space, tame = draw.space()
        if tame:
            break
    pieces, exact = splines.local_pieces(space), Exact.of(space, None)
    k, what = space.degree, name.split(".")[-1]
    if name == "LocalPieces":
        fields = ("breakpoints", "search", "origins", "scales", "table")
        arguments = {field: getattr(pieces, field) for field in fields}
        return Call(
            splines.LocalPieces,
            arguments,
            lambda r, _: assert_alike(r.in_range, pieces.in_range),
            dict.fromkeys(arguments, FREE),
        )
    if what == "arguments":
        want = (pieces.origins, pieces.scales, pieces.table)
        return Call(lambda: pieces.arguments, {}, lambda r, _: assert_alike(r[5:8], want))
    if what == "of_derivatives":
        tables = [pieces.table[d : d + 1] for d in range(len(pieces.table))]
        return Call(lambda: pieces.of_derivatives, {}, lambda r, _: assert_alike([p[7] for p in r], tables))
    if what == "check_derivatives":
        return Call(
            pieces.check_derivatives,
            {"count": draw.integer(0, k + 1)},
            lambda r, _: assert_alike(r, None),
            {"count": ORDER},
        )
    if what == "check_inside":
        a, b = space.domain

        def inside(result: Any, args: Any) -> None:
            x = floats(args["x"])
            assert args["extrapolate"] != "error" or ((x >= a) & (x <= b)).all()

        mode = draw.one("error", "linear")
        arguments = {"x": draw.inside(space.t, k, 3, 0.3), "extrapolate": mode}
        roles = {} if mode == "error" else {"x": FREE}
        return Call(pieces.check_inside, arguments, inside, roles, strict=False)

    def check(result: Any, args: Any) -> None:
        m, d = args["points"], args["derivative"]
        assert result.values.shape[1:] == (m, k + 1)
        a, b = exact.domain
        assert abs(result.weights.sum() - number(b - a)) <= 1e-10 * number(b - a)
        if 2 * m - 1 >= k and d == 0:
            total = np.zeros(exact.line)
            for span, weights, values in zip(result.spans, result.weights, result.values, strict=True):
                total[span : span + k + 1] += weights @ values
            want = numbers([exact.folded(list(map(Fraction, total)))])[0]
            row, size = exact.integral(number(a), number(b), "polynomial")
            assert_near(want, row, size + 1e-300, 1e4)

    arguments = {"points": draw.integer(1, 9), "derivative": draw.integer(0, k)}
    roles = {"points": Role("whole", low=1, high=100), "derivative": Role("whole", low=0, high=k)}
    return Call(pieces.samples, arguments, check, roles)
