"""Families of curves, and curves against them."""

import warnings

import numpy as np
import pytest

from splinekan.formulas.curves import candidates
from splinekan.formulas.families import DEFAULT, EVEN, ODD, POWERS, library, plain
from splinekan.network.functions import FUNCTIONS, Function, function

ALL = [*FUNCTIONS, *(each for each in DEFAULT if isinstance(each, tuple)), ("sin", "exp"), ("log", "sqrt")]
CURVES = [each for each in ALL if each not in ("sign", ("log", "sqrt"))]  # of the last the grid is coarse


def chain(functions, constants, x):
    c, *inner = constants
    for i, each in enumerate(functions):
        x = each.derivatives(inner[2 * i] * x + inner[2 * i + 1])[0]
    return c * x


def named(each):
    return each if isinstance(each, str) else " of ".join(reversed(each))


@pytest.mark.parametrize("name", ALL, ids=named)
def test_grids_are_in_the_domain(name):
    _, family = library([name])
    grid, z = family.grid(), np.linspace(-1, 1, 101)
    assert len(grid) > 0
    assert np.isfinite(grid).all()
    for row in grid:
        values = chain(family.functions, [1.0, *row], z)
        assert np.isfinite(values).all()
        assert np.ptp(values) > 0
    assert len(family.free) == grid.shape[1] == 2 * len(family.functions)
    for row in grid[:: max(len(grid) // 20, 1)]:  # constants that are not free are plain already
        found, _ = plain(family.functions, np.array([1.0, *row]))
        fixed = ~np.array(family.free)
        assert np.allclose(np.abs(found[1:][fixed]), np.abs(row[fixed]), rtol=1e-14)


@pytest.mark.parametrize("name", ALL, ids=named)
def test_plain_constants_leave_the_curve_as_it_is(name):
    _, family = library([name])
    rng, z, seen = np.random.default_rng(3), np.linspace(-1, 1, 50), 0
    for _ in range(300):
        constants = rng.normal(size=1 + 2 * len(family.functions)) * 10.0 ** rng.uniform(-1, 0.5)
        want = chain(family.functions, constants, z)
        if not np.isfinite(want).all():
            continue
        seen += 1
        found, shift = plain(family.functions, constants)
        got = chain(family.functions, found, z) + shift
        size = np.abs(want).max() + abs(shift) + np.abs(constants).max()
        np.testing.assert_allclose(got, want, atol=1e-10 * size, rtol=1e-10)
        again, none = plain(family.functions, found)
        np.testing.assert_allclose(again, found, rtol=1e-12, atol=1e-300)
        assert none == pytest.approx(0.0, abs=1e-12)
        for i, each in enumerate(family.functions):
            if each.name in POWERS or each.name == "log":
                assert abs(found[1 + 2 * i]) == pytest.approx(1.0, abs=1e-14)
            if each.name == "exp":
                assert found[2 + 2 * i] == 0
            if each.name in EVEN or each.name in ODD:
                assert found[1 + 2 * i] > 0
    assert seen > 5


def test_even_and_odd_functions_and_powers_are_what_the_tables_name():
    z = np.linspace(0.05, 0.9, 7)
    for name, phi in FUNCTIONS.items():
        forward, back = phi.derivatives(z)[0], phi.derivatives(-z)[0]
        known = np.isfinite(back).all() and name not in ("cos", "sign")
        assert (name in EVEN) == (known and np.allclose(forward, back, rtol=1e-12)), name
        assert (name in ODD) == (known and np.allclose(forward, -back, rtol=1e-12)), name
        if name in POWERS:
            np.testing.assert_allclose(phi.derivatives(3 * z)[0], 3.0 ** POWERS[name] * forward, rtol=1e-12)


def constants_in_domain(functions, rng, z):
    """Moderate constants with which the chain bends on z."""
    while True:
        inner = rng.uniform(0.5, 2.0, 2 * len(functions))
        inner[1::2] = rng.uniform(-1.5, 3.0, len(functions))
        if functions[0].name == "square" and len(functions) > 1:  # the vertex is among the data
            inner[1] = rng.uniform(-0.9, 0.9) * inner[0]
        with np.errstate(all="ignore"):
            values = chain(functions, [1.0, *inner], z)
        line = np.polyval(np.polyfit(z, values, 1), z) if np.isfinite(values).all() else values
        if np.isfinite(values).all() and np.abs(values - line).max() > 0.03 * np.ptp(values):
            smooth = np.abs(np.diff(values)).max() < 0.3 * np.ptp(values)  # poles are not in between
            if smooth and np.abs(values).max() < 5 * np.ptp(values):
                return np.array([1.7, *inner])


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (1e5, 1e6), (-3e-9, 1e-9)])
@pytest.mark.parametrize("name", CURVES, ids=named)
def test_curves_are_recognised(name, low, high):
    _, family = library([name])
    rng = np.random.default_rng(len(named(name)))
    x = np.sort(rng.uniform(low, high, 150))
    z = (2 * x - low - high) / (high - low)
    for _ in range(2):
        given = constants_in_domain(family.functions, rng, z)
        f = 3.0 + chain(family.functions, given, z)
        best = candidates(x, f, np.ones(len(x)), [family])[0]
        got = chain(best.functions, best.constants, x)
        off = (got - got.mean()) - (f - f.mean())
        assert best.error < 1e-6, (given, best.error)
        assert np.abs(off).max() < 1e-5 * np.ptp(f)


def test_straight_lines_and_the_order_of_candidates():
    x = np.linspace(2.0, 5.0, 30)
    found = candidates(x, 4 - 3 * x, np.ones(30), library())
    assert found[0].error < 1e-14
    line = next(each for each in found if not each.functions)
    assert line.constants == pytest.approx([-3.0])
    assert line.complexity == 1
    errors = [each.error for each in found]
    assert errors == sorted(errors)


def test_weights_count():
    x = np.linspace(-1, 1, 100)
    f = np.where(x < 0, np.exp(x), np.sin(9 * x))
    best = candidates(x, f, (x < 0).astype(float), library())[0]
    assert [each.name for each in best.functions] == ["exp"]
    assert best.constants == pytest.approx([1.0, 1.0, 0.0], rel=1e-5)


def test_constants_beyond_the_range_of_numbers_are_no_candidates():
    x = 1e9 + np.linspace(-1, 1, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for f in (np.exp(-3 * (x - 1e9)), (x - 1e9) ** 2, np.full(100, 2.0)):
            for each in candidates(x, f, np.ones(100), library()):
                assert np.isfinite(each.constants).all()


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["sin"], ["sin"]),
        ([("square", "exp")], ["square exp"]),
        (["besselj(0, x)"], ["besselj(0, x)"]),
        ([FUNCTIONS["erf"], function("t*exp(t)", "lambert")], ["erf", "lambert"]),
        ([("sin", "x*exp(x)")], ["sin x*exp(x)"]),
        (["exp", "exp", ("exp",)], ["exp"]),
        ((each for each in ("log", "tan")), ["log", "tan"]),
    ],
)
def test_libraries(given, names):
    line, *found = library(given)
    assert line.functions == ()
    assert line.complexity == 1
    assert [" ".join(phi.name for phi in each.functions) for each in found] == names


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ("sin", TypeError, "library must be a sequence, got 'sin'"),
        ([], ValueError, "library must not be empty"),
        (7, TypeError, "library must be a sequence, got 7"),
        (["nonsense"], ValueError, r"library\[0\] must be an expression .* or one of .* got 'nonsense'"),
        (["sin", "x*y"], ValueError, r"library\[1\] .* single free symbol"),
        (["__import__('os')"], ValueError, r"library\[0\]"),
        ([3], TypeError, r"library\[0\] must be .* got 3"),
        ([np.sin], TypeError, r"library\[0\]"),
        ([()], ValueError, r"library\[0\] must name functions, got \(\)"),
        ([("sin", "nonsense")], ValueError, r"library\[0\]"),
        ([("sin", ("exp",))], TypeError, r"library\[0\]"),
        ([["sin", "exp"]], TypeError, r"library\[0\]"),
    ],
)
def test_bad_libraries_are_refused(given, error, text):
    with pytest.raises(error, match=text):
        library(given)


def test_names_of_functions_are_those_of_the_tables():
    assert set(POWERS) | set(EVEN) | set(ODD) <= set(FUNCTIONS)
    assert all(isinstance(each, Function) for family in library() for each in family.functions)
