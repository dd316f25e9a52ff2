"""Calls of knots: functions of arrays and the methods of KnotVector, against exact rationals."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

import splinekan as sk
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats
from fuzz.draw import ANY, DEGREE, FREE, KNOTS, Draw
from fuzz.twins import Exact, number, rational
from splinekan.splines import knots, quadrature
from splinekan.splines.spacing import UNIFORM

EPS = float(np.finfo(float).eps)


def valid(t: Any, k: int) -> bool:
    """Whether these are knots of splines of that degree, by the definition."""
    t = floats(t)
    if t.ndim != 1 or len(t) < 2 * k + 2 or not np.isfinite(t).all():
        return False
    ordered = (np.diff(t) >= 0).all() and (t[k + 1 :] > t[: -k - 1]).all()
    return bool(ordered and t[k] < t[k + 1] and t[-k - 2] < t[-k - 1])


def valid_given(args: Any) -> bool:
    """The same of `knots` and `degree` among arguments."""
    if isinstance(args["knots"], sk.KnotVector):
        return args["degree"] in (None, args["knots"].degree)
    return valid(args["knots"], args["degree"])


def steps_of(exact: Exact) -> list[Fraction]:
    return [b - a for a, b in pairwise(exact.t)]


def unevenness_of(points: Any) -> Fraction:
    """The largest distance from equally spaced points of the same ends, over the spacing."""
    spacing = (points[-1] - points[0]) / (len(points) - 1)
    return max(abs(x - points[0] - i * spacing) for i, x in enumerate(points)) / spacing


# Construction


@calls("uniform_knots", "KnotVector.uniform", share=12)
def _(draw: Draw, name: str) -> Call:
    a = draw.one(0.0, draw.real(-3, 3), 10.0 ** draw.integer(-300, 8), -(10.0 ** draw.integer(0, 8)))
    b = a + abs(a) * draw.one(1e-6, 1e-3, 1.0) + draw.one(0.0, 1.0)
    b = b if b > a else a + 1.0

    def check(result: Any, args: Any) -> None:
        low, high, count, k = Fraction(args["a"]), Fraction(args["b"]), args["intervals"], args["degree"]
        want = [low + i * (high - low) / int(count) for i in range(-k, count + k + 1)]
        size = max(abs(low), abs(high), (k + 1) * (high - low) / count, high - low)
        got = result if name == "uniform_knots" else result.t
        factor = 8
        if args.get("periodic"):
            assert result.periodic
            factor = 8 * (1 + k // int(count))
        assert_near(got, [number(w) for w in want], number(size), factor)

    arguments = {"a": a, "b": b, "intervals": draw.integer(1, 9), "degree": draw.integer(0, 7)}
    if name == "KnotVector.uniform":
        arguments["periodic"] = draw.chance()
    roles = {"a": ANY, "b": ANY, "degree": DEGREE}
    target = knots.uniform_knots if name == "uniform_knots" else sk.KnotVector.uniform
    return Call(target, arguments, check, roles, strict=False, names=("knots",))


@calls("clamped_knots", "extended_knots", "KnotVector.clamped", "KnotVector.extended", share=12)
def _(draw: Draw, name: str) -> Call:
    space, _tame = draw.space(draw.integer(0, 3), periodic=0.0)
    ends = space.breakpoints.copy()
    arguments: dict[str, Any] = {"breakpoints": ends, "degree": draw.integer(0, 7)}
    roles = {"breakpoints": KNOTS, "degree": DEGREE}
    extended, record = "extended" in name, name.startswith("KnotVector")
    if record:
        many = draw.chance()
        counts = [draw.integer(1, arguments["degree"] + 1) for _ in ends[1:-1]]
        arguments["multiplicity"] = counts if many else draw.integer(1, arguments["degree"] + 1)
        high = arguments["degree"] + 1
        roles["multiplicity"] = Role("wholes" if many else "whole", low=1, high=high, accepts=("number",))
        if extended:
            arguments["periodic"] = draw.chance()

    def check(result: Any, args: Any) -> None:
        p, degree = [Fraction(v) for v in floats(args["breakpoints"]).tolist()], args["degree"]
        assert all(a < b for a, b in pairwise(p))
        assert len(p) > 1
        given = args.get("multiplicity", 1)
        counts = [int(given)] * (len(p) - 2) if np.ndim(given) == 0 else [int(m) for m in given]
        assert all(1 <= m <= degree + 1 for m in counts)
        inner = [v for v, m in zip(p, [1, *counts, 1], strict=True) for _ in range(m)]
        left, right = (p[1] - p[0], p[-1] - p[-2]) if extended else (0, 0)
        want = [p[0] - j * left for j in range(degree, 0, -1)] + inner
        want += [p[-1] + j * right for j in range(1, degree + 1)]
        if args.get("periodic"):
            assert result.periodic
            outer = Exact([0.0] * degree + [float(v) for v in inner] + [0.0] * degree, degree, True)
            want = list(outer.t)
        got = result.t if record else result
        assert_near(got, [number(w) for w in want], max(abs(number(w)) for w in want), 4)

    target = getattr(sk.KnotVector if record else knots, name.rsplit(".", maxsplit=1)[-1])
    return Call(target, arguments, check, roles, strict=False, names=("knots",))


@calls("KnotVector", share=12)
def _(draw: Draw, name: str) -> Call:
    space, _tame = draw.space()
    arguments = {"t": space.t.copy(), "degree": space.degree, "periodic": space.periodic}

    def check(result: Any, args: Any) -> None:
        t, k = floats(args["t"]), int(args["degree"])
        assert len(t) >= 2 * k + 2
        if args["periodic"]:
            exact = Exact(t, k, True)
            assert_near(t, [number(v) for v in exact.t], np.abs(t).max(), 16)
            assert_near(result.t, [number(v) for v in exact.t], np.abs(t).max(), 1)
        else:
            assert valid(t, k), "what are no knots was accepted"
            assert np.array_equal(result.t, t)
        assert type(result.degree) is int
        assert result == sk.KnotVector(result.t, k, bool(args["periodic"]))
        assert not result.t.flags.writeable

    return Call(sk.KnotVector, arguments, check, {"t": KNOTS, "degree": DEGREE}, names=("knots", "knot"))


@calls("knot_vector")
def _(draw: Draw, name: str) -> Call:
    arguments, roles, tame = draw.given()

    def check(result: Any, args: Any) -> None:
        assert valid_given(args)
        if isinstance(args["knots"], sk.KnotVector):
            assert result is args["knots"]
        else:
            assert np.array_equal(result.t, floats(args["knots"]))

    return Call(knots.knot_vector, arguments, check, roles, tame)


# Properties


@calls(
    "validate_knots", "is_clamped", "is_uniform", "breakpoints", "greville_points", "refine_knots", share=12
)
def _(draw: Draw, name: str) -> Call:
    arguments, roles, tame = draw.given()
    k = arguments["degree"]

    def check(result: Any, args: Any) -> None:
        assert valid_given(args), "knots that are none were accepted"
        what = {"greville_points": "greville", "refine_knots": "refine"}.get(name, name)
        exact = Exact.of(args["knots"], args["degree"])
        if name == "validate_knots":
            assert np.array_equal(result, floats(args["knots"]))
            return
        if what == "refine":
            assert isinstance(result, sk.KnotVector) == isinstance(args["knots"], sk.KnotVector)
            result = knots.knot_vector(result, exact.k)
        check_property(result, exact, what)

    periodic = isinstance(arguments["knots"], sk.KnotVector) and arguments["knots"].periodic
    strict = tame and not (periodic and name == "validate_knots") and (k is None or k >= 0)
    return Call(getattr(knots, name), arguments, check, roles, strict, names=("interval",))


def check_property(result: Any, exact: Exact, what: str) -> None:
    """What knots tell of themselves, from their definitions."""
    t, k, ends, line = exact.t, exact.k, exact.ends, exact.line
    inner = list(t[k : line + 1])
    spans = [j for j, (a, b) in enumerate(pairwise(inner)) if a < b]
    size = number(max(map(abs, t)))
    if what == "is_clamped":
        assert result is bool(k > 0 and t[0] == t[k] and t[-1] == t[line])
    elif what == "is_uniform":
        points = inner if exact.periodic else t
        uneven = 1.0 if min(steps_of(exact)) == 0 else number(unevenness_of(points))
        assert not result or uneven <= 1.01 * UNIFORM, f"uniform, though points are {uneven:.2g} away"
        halves = max(abs(Fraction(number(m)) - m) / w for m, w in _middles(inner)) if uneven < 1 else 1
        assert result or max(uneven, halves) > 0.99 * UNIFORM, "not uniform, though exactly so"
        assert not result or halves <= 1.01 * UNIFORM, "uniform, though the middles are no numbers"
    elif what == "breakpoints":
        assert np.array_equal(result, [number(v) for v in ends])
    elif what == "greville":
        want = [sum(t[i + 1 : i + k + 1]) / k if k else (t[i] + t[i + 1]) / 2 for i in range(exact.n)]
        if exact.periodic:
            a, b = exact.domain
            assert ((result >= a) & (result < b)).all()
            want = [a + (w - a) % (b - a) for w in want]
            length = number(b - a)
            off = np.abs(result - [number(w) for w in want])
            assert (np.minimum(off, length - off) <= 16 * EPS * size + 8 * 5e-324).all()
            return
        assert_near(result, [number(w) for w in want], size, 8)
    elif what == "refine":
        check_refined(result, exact, range(len(ends) - 1))
    else:
        counts = [inner.count(v) for v in ends[1:-1]]
        fold = [j % exact.n for j in range(line)]
        want = {
            "domain": lambda: tuple(map(number, exact.domain)),
            "inner": lambda: np.array([number(v) for v in inner]),
            "n_basis": lambda: exact.n,
            "intervals": lambda: len(ends) - 1,
            "first_active": lambda: np.array(spans),
            "multiplicities": lambda: np.array(counts, int),
            "fold": lambda: np.array(fold),
            "has_relu_basis": lambda: not exact.periodic and min(steps_of(exact)) > 0,
            "__len__": lambda: len(t),
        }[what]()
        assert_alike(result, want, 0.0)


def _middles(inner: list[Fraction]) -> list[tuple[Fraction, Fraction]]:
    """The middle and the width of every interval."""
    return [((a + b) / 2, b - a) for a, b in pairwise(inner)]


def check_refined(result: Any, exact: Exact, halved: Any) -> None:
    """Old breakpoints, to rounding where knots count as uniform, their multiplicities, and new middles."""
    ends, fine = exact.ends, rational(result.breakpoints)
    inner = exact.t[exact.k : exact.line + 1]
    chosen, at, size = set(halved), 0, number(max(map(abs, ends)))
    exactly = not result.is_uniform
    for i, (a, b) in enumerate(pairwise(ends)):
        assert fine[at] == a or (not exactly and abs(fine[at] - a) <= 8 * EPS * size), f"{a} is missing"
        if i > 0:
            assert result.multiplicities[at - 1] == inner.count(a)
        at += 1
        if i in chosen:
            assert abs(fine[at] - (a + b) / 2) <= 8 * EPS * size
            assert result.multiplicities[at - 1] == 1
            at += 1
    assert at == len(fine) - 1
    assert fine[-1] == ends[-1]
    assert result.periodic == exact.periodic
    assert result.is_clamped == (not exact.periodic and exact.k > 0 and _clamped(exact))
    assert valid(result.t, exact.k) or result.periodic


def _clamped(exact: Exact) -> bool:
    return exact.t[0] == exact.t[exact.k] and exact.t[-1] == exact.t[exact.line]


PROPERTIES = (
    "domain",
    "inner",
    "n_basis",
    "intervals",
    "first_active",
    "breakpoints",
    "multiplicities",
    "fold",
    "greville",
    "is_clamped",
    "is_uniform",
    "has_relu_basis",
    "__len__",
)


@calls(*(f"KnotVector.{p}" for p in (*PROPERTIES, "middles", "exact")))
def _(draw: Draw, name: str) -> Call:
    (space, _tame), what = draw.space(), name.split(".")[1]
    exact = Exact.of(space, None)

    def check(result: Any, _args: Any) -> None:
        if what == "exact":
            integers, unit = result
            assert [Fraction(int(n), unit) for n in integers] == list(exact.t)
        elif what == "middles":
            for i, interval in enumerate(result):
                left, right = exact.ends[interval], exact.ends[interval + 1]
                assert exact.t[i] <= left < right <= exact.t[i + exact.k + 1]
        else:
            check_property(result, exact, what)

    return Call((lambda: len(space)) if what == "__len__" else lambda: getattr(space, what), {}, check)


@calls("KnotVector.__getitem__")
def _(draw: Draw, name: str) -> Call:
    space, _tame = draw.space()
    index = draw.integer(-len(space), len(space) - 1)
    # What an index may be is NumPy's affair.
    return Call(
        space.__getitem__, {"index": index}, lambda r, _: assert_alike(r, space.t[index]), {"index": FREE}
    )


@calls("KnotVector.check_relu_basis")
def _(draw: Draw, name: str) -> Call:
    space, _tame = draw.space()

    def refuses(what: str) -> bool:
        try:
            space.check_relu_basis(what)
        except ValueError as error:
            return str(error).startswith(what)
        return False

    return Call(
        refuses, {"what": "this"}, lambda r, _: assert_alike(r, not space.has_relu_basis), {"what": FREE}
    )


@calls("KnotVector.wrap")
def _(draw: Draw, name: str) -> Call:
    space, _tame = draw.space()
    exact = Exact.of(space, None)
    x = draw.inside(space.t, space.degree, draw.integer(0, 5), 1.0)
    a, b = space.domain
    far = draw.one(0.0, 1.0, 1e3, 1e9)
    with np.errstate(all="ignore"):
        moved = x + np.rint(far * draw.normal(len(x))) * (b - a)
    x = np.where(np.isfinite(moved), moved, x)

    def check(result: Any, args: Any) -> None:
        x = np.asarray(args["x"])
        x = floats(x) if x.dtype != np.float32 else np.array(x)
        known = np.isfinite(x)
        assert np.isnan(result[~known]).all()
        want = exact.wrapped(x[known].ravel())
        assert np.array_equal(result[known], want), f"{result} instead of {want}"

    return Call(space.wrap, {"x": x}, check, names=("number",))


# Other knots


@calls("KnotVector.refine")
def _(draw: Draw, name: str) -> Call:
    space, tame = draw.space()
    n = space.intervals
    some = np.flatnonzero(draw.rng.random(n) < 0.5)
    mask = np.isin(np.arange(n), some)
    marked = draw.one(None, mask, some.tolist())

    def check(result: Any, args: Any) -> None:
        marked = args["marked"]
        if marked is None:
            halved = np.arange(n)
        elif np.asarray(marked).dtype == bool:
            assert np.shape(marked) == (n,)
            halved = np.flatnonzero(marked)
        else:
            halved = np.asarray(marked, int)
            assert ((halved >= 0) & (halved < n)).all()
        check_refined(result, Exact.of(space, None), halved.tolist())

    roles = {"marked": Role("object" if marked is None or marked is mask else "wholes", low=0, high=n - 1)}
    roles["marked"] = Role(
        roles["marked"].kind, low=0, high=n - 1, optional=True, accepts=("junk empty list", "junk None")
    )
    return Call(space.refine, {"marked": marked}, check, roles, tame, names=("interval",))


@calls("insert_knots", "KnotVector.insert")
def _(draw: Draw, name: str) -> Call:
    arguments, roles, _tame = draw.given()
    space = knots.knot_vector(arguments["knots"], arguments["degree"])
    a, b = space.domain
    new = a + draw.points(draw.integer(0, 3), low=0.05, high=0.95) * (b - a)
    if draw.chance() and space.intervals > 1:  # knots once more
        new = np.concatenate([new, [draw.one(*space.breakpoints[1:-1])]])

    def check(result: Any, args: Any) -> None:
        held = space if name == "KnotVector.insert" else args["knots"]
        exact = Exact.of(held, args.get("degree"))
        new = floats(args["new"]).tolist()
        assert all(exact.domain[0] < v < exact.domain[1] for v in new)
        result = knots.knot_vector(result, exact.k)
        want = sorted([*exact.t[exact.k : exact.line + 1], *map(Fraction, new)])
        assert rational(result.inner) == tuple(want)
        assert result.periodic == exact.periodic
        if not exact.periodic:
            assert rational(result.t) == tuple(sorted([*exact.t, *map(Fraction, new)]))

    if name == "KnotVector.insert":
        return Call(space.insert, {"new": new}, check, strict=False, names=("knot", "knots"))
    return Call(
        knots.insert_knots, {**arguments, "new": new}, check, roles, strict=False, names=("knot", "knots")
    )


@calls("KnotVector.coarsen")
def _(draw: Draw, name: str) -> Call:
    space, _tame = draw.space()
    exact = Exact.of(space, None)

    def check(result: Any, _args: Any) -> None:
        assert space.intervals % 2 == 0
        size = np.abs(space.t).max()
        assert_near(result.breakpoints, space.breakpoints[::2], size, 8 if space.is_uniform else 0)
        assert np.array_equal(result.multiplicities, space.multiplicities[1::2])
        assert result.periodic == space.periodic
        assert result.is_clamped == (not space.periodic and space.degree > 0 and _clamped(exact))

    return Call(space.coarsen, {}, check, strict=False, names=("intervals",))


@calls("KnotVector.is_nested_in", "KnotVector.locate")
def _(draw: Draw, name: str) -> Call:
    space, _tame = draw.space()
    while True:
        try:
            fine = space.refine() if draw.chance() else draw.space(space.degree)[0]
        except ValueError:
            continue
        break
    coarse, finer = Exact.of(space, None), Exact.of(fine, None)

    def nested() -> bool:
        if coarse.k != finer.k or (finer.periodic and not coarse.periodic) or coarse.domain != finer.domain:
            return False
        a, b = coarse.t[coarse.k : coarse.line + 1], finer.t[finer.k : finer.line + 1]
        return all(b.count(v) >= a.count(v) for v in coarse.ends[1:-1])

    def check(result: Any, args: Any) -> None:
        if name == "KnotVector.locate":
            found = fine.breakpoints[result]
            assert_near(found, args["coarse"].breakpoints, np.abs(found).max(), 1e4)
        else:
            assert result is True or not nested()

    if name == "KnotVector.locate":
        names = ("fine_knots", "coarse_knots", "domains", "degrees")
        return Call(fine.locate, {"coarse": space}, check, strict=nested(), names=names)
    return Call(space.is_nested_in, {"finer": fine}, check)


@calls("unevenness")
def _(draw: Draw, name: str) -> Call:
    t, _k, tame = draw.knots(0)

    def check(result: Any, args: Any) -> None:
        p = rational(floats(args["points"]))
        assert all(a < b for a, b in pairwise(p))
        want = unevenness_of(p)
        assert result == np.inf or abs(result - number(want)) <= 1e-12 * len(p) * (1 + result)

    return Call(getattr(knots, name), {"points": t}, check, {"points": KNOTS}, tame)


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
