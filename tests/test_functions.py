"""Functions by name: derivatives against mpmath, ends of domains, and expressions of the user."""

import copy
import pickle

import mpmath
import numpy as np
import pytest
import sympy

from splinekan.network import FUNCTIONS, Function, function

X = sympy.Symbol("x", real=True)
USER = {name: function(text, name) for name, text in (("J0", "besselj(0, x)"), ("bump", "x^2/(1 + x^2)"))}
ALL = {**FUNCTIONS, **USER}


def places(made, dtype):
    """Points of many sizes in the domain."""
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.normal(size=5) * size for size in (1e-6, 0.1, 1, 4, 20)] + [[0.0, 1.0, -1.0]])
    if np.isfinite(made.high):
        z = np.concatenate([rng.uniform(made.low, made.high, 20), [1 - 1e-4, -1 + 1e-3, 1e-5]])
    elif np.isfinite(made.low):
        z = made.low + np.abs(z[z != 0])
    z = z.astype(dtype)
    keep = (z > made.low) & (z < made.high) & (z != made.hole)
    if made.name in USER:
        keep &= np.abs(z) > 1e-3  # sympy's formula for the derivatives of Bessel functions cancels
    return z[keep]


def exact(made, order):
    expression = sympy.sympify(made.expression, {"x": X})
    if made.name in ("abs", "sign"):
        return [expression, sympy.sign(X) if made.name == "abs" else sympy.S.Zero, *[sympy.S.Zero] * 5][order]
    return expression.diff(X, order)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ALL)
def test_derivatives_against_mpmath(name, dtype):
    made = ALL[name]
    z = places(made, dtype)
    info = np.finfo(dtype)
    with mpmath.workdps(40):
        for order, got in enumerate(made.derivatives(z, 5)):
            assert got.dtype == dtype
            twin, slope = (sympy.lambdify(X, exact(made, order + more), "mpmath") for more in (0, 1))
            for point, value in zip(z, got, strict=True):
                at = mpmath.mpf(float(point))
                want, bend = twin(at), slope(at)
                if abs(want) > float(info.max):
                    assert abs(value) == np.inf
                    continue
                # Rounding of z, too, moves the value.
                allowed = 8 * float(info.eps) * (abs(want) + abs(at * bend)) + 1e9 * float(
                    info.smallest_subnormal
                )
                if name in USER:
                    allowed = 1e-4 * (abs(want) + abs(at * bend)) if dtype == np.float32 else allowed * 2**20
                assert abs(value - want) <= allowed, (point, order)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_outside_of_the_domain_everything_is_nan(name):
    made = FUNCTIONS[name]
    outside = [end for end in (made.low - 1e-3, made.high + 1e-3, made.low - 1e300) if np.isfinite(end)]
    outside += [end for end, inside in zip((made.low, made.high), made.closed, strict=True) if not inside]
    outside = [each for each in (*outside, made.hole) if each is not None and not np.isinf(each)]
    for each in made.derivatives(np.array(outside), 5):
        assert np.isnan(each).all()
        assert not made.regular(0.5, 0.75) or not np.isnan(made.derivatives([0.5, 0.75], 5)).any()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [name for name, each in FUNCTIONS.items() if any(each.closed)])
def test_derivatives_at_closed_ends_are_finite(name, dtype):
    made = FUNCTIONS[name]
    eps = np.finfo(dtype).eps
    for end, inwards, closed in ((made.low, 1, made.closed[0]), (made.high, -1, made.closed[1])):
        if not closed:
            continue
        values = made.derivatives(np.array([end], dtype), 3)
        near = made.derivatives(np.array([end + inwards * eps], dtype), 3)
        for value, beside in zip(values, near, strict=True):
            assert np.isfinite(value).all()
            # Infinite derivatives are those beside the end, the others their own.
            assert value == beside or abs(value - beside) <= 2 * np.sqrt(eps)


def test_exact_values():
    assert FUNCTIONS["abs"].derivatives(np.array([-2.0, 0.0, 3.0]), 2)[1].tolist() == [-1, 0, 1]
    assert FUNCTIONS["cube"].derivatives(2.0, 5) == [8, 12, 12, 6, 0, 0]
    assert FUNCTIONS["x^-2"].derivatives(2.0, 2) == [0.25, -0.25, 0.375]
    assert FUNCTIONS["x^(3/2)"].derivatives(0.0, 1) == [0, 0]
    assert FUNCTIONS["sqrt"].derivatives(np.zeros((2, 0)), 1)[1].shape == (2, 0)


def test_what_is_beyond_the_range_of_floats_is_silent():
    far = np.array([-np.inf, -1e300, 1e300, np.inf])
    for made in FUNCTIONS.values():
        made.derivatives(far, 5)
        made.derivatives(np.array([5e-324, 1e-310, -5e-324]), 5)
        made.derivatives(np.array([-1e38, 1e38, np.inf], "f4"), 5)
    assert FUNCTIONS["exp"].derivatives(1e3) == [np.inf]
    for name, want in (("tanh", [-1, -1, 1, 1]), ("sigmoid", [0, 0, 1, 1]), ("gaussian", [0] * 4)):
        values, *others = FUNCTIONS[name].derivatives(far, 5)
        assert values.tolist() == want
        assert not np.any(others)
    np.testing.assert_array_equal(FUNCTIONS["silu"].derivatives(far, 2)[1], [0, 0, 1, 1])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_regular_intervals(name):
    made = FUNCTIONS[name]
    rng = np.random.default_rng(1)
    for _ in range(200):
        low = float(rng.choice([-1, 0, 1, rng.normal()]))
        high = low + float(rng.choice([0, 1, rng.uniform(0, 2)]))
        points = np.unique(np.concatenate([np.linspace(low, high, 50), [low, high]]))
        points = np.append(points, 0.0) if low <= 0 <= high else points
        defined = np.isfinite(made.derivatives(points)[0]).all()
        if name == "tan":
            defined = not any(low <= pole <= high for pole in np.pi * (np.arange(-4, 4) + 0.5))
        assert made.regular(low, high) == defined


@pytest.mark.parametrize("made", [*FUNCTIONS.values(), *USER.values()], ids=str)
def test_copies_are_equal(made):
    made.derivatives(0.5, 2)
    for again in (copy.deepcopy(made), pickle.loads(pickle.dumps(made)), Function(**dict(vars_of(made)))):
        assert again == made
        assert hash(again) == hash(made)
        np.testing.assert_array_equal(again.derivatives(0.3, 5), made.derivatives(0.3, 5))


def vars_of(made):
    return [(name, getattr(made, name)) for name in made.__dataclass_fields__]


def test_equal_expressions_are_equal_functions():
    s = sympy.Symbol("s", positive=True)
    assert function("sin(t)^2 + 1") == function(sympy.sin(s) ** 2 + 1) == function("1 + sin(x)**2")
    assert function("1/sqrt(y)") is FUNCTIONS["rsqrt"]
    assert function(sympy.exp(-(s**2))) is FUNCTIONS["gaussian"]
    for known in FUNCTIONS.values():
        assert function(known.expression) is known
    assert function("sin(x)", "sine") != FUNCTIONS["sin"]
    # All digits of floats are kept.
    third = function(sympy.Float(1 / 3) * s + 0.1)
    assert third.derivatives(1.0, 1) == [1 / 3 + 0.1, 1 / 3]
    assert function(third.expression, third.name) == third


def test_undefined_values_are_undefined_derivatives():
    made = function("log(x) + 2")
    assert np.isnan(made.derivatives(-1.0, 3)).all()
    assert function("x^(1/3)").derivatives([-1.0, 8.0])[0][1] == pytest.approx(2)
    kinked = function("Max(x, 0)*x + floor(x)")
    np.testing.assert_allclose(kinked.derivatives([-0.5, 1.5], 2), [[-1, 3.25], [0, 3], [0, 2]])


@pytest.mark.parametrize(
    ("expression", "kind", "message"),
    [
        (3, TypeError, "expression must be a text or a sympy expression"),
        (None, TypeError, "expression must be"),
        ("", ValueError, "expression must be a formula"),
        ("3", ValueError, "single free symbol, got none"),
        ("x*y", ValueError, "single free symbol, got x, y"),
        (sympy.Symbol("a") * sympy.Symbol("b"), ValueError, "single free symbol, got a, b"),
        ("__import__('os').system('true')", ValueError, "expression must have a single free symbol"),
        ("x + __import__('os').system('true')", ValueError, "expression must be arithmetic"),
        ("x + getattr(x, x)", ValueError, "expression must be made of"),
        ("x.__class__", ValueError, "expression must be arithmetic"),
        ("(lambda: x)()", ValueError, "expression must be"),
        ("[x]", ValueError, "expression must be"),
        ("exec(x)", ValueError, "expression must be made of exp, log"),
        ("sin(x, evaluate=False)", ValueError, "expression must be arithmetic"),
        ("sin(x, x)", ValueError, "cannot be read by sympy"),
        ("x + 9**9**9", ValueError, "expression holds"),
        ("x + gamma(10**6)", ValueError, "expression holds"),
        ("x + 1e400", ValueError, "expression holds"),
        ("x + sqrt(-1)", ValueError, "expression"),
        ("x/0", ValueError, "expression must be a real function"),
        ("x - x", ValueError, "expression must be a real function"),
        ("x +" * 2000 + "x", ValueError, "at most 2000 characters"),
        ("-" * 500 + "x", ValueError, "at most 60 levels"),
        (sympy.Piecewise((X, X > 0), (0, True)), ValueError, "expression"),
        (sympy.Function("f")(X), ValueError, "made of"),
    ],
)
def test_what_is_not_a_function_of_a_number_is_refused(expression, kind, message):
    with pytest.raises(kind, match=message):
        function(expression)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: function("x^2 + x", "sin"), "name must not be that of another"),
        (lambda: function("x^2 + x", 3), "name must be a text or None"),
        (lambda: Function("sin", "cos(x)"), "name must not be that of another"),
        (lambda: Function("f", ""), "expression must not be empty"),
        (lambda: Function("f", "x^2", low=1.0, high=0.0), "low must be less"),
        (lambda: Function("f", "x^2", low=np.nan), "low must be finite"),
        (lambda: Function("f", "x^2", closed=(1, 0)), r"closed\[0\] must be True or False"),
        (lambda: Function("f", "x^2", closed=True), "closed must be a pair"),
        (lambda: Function("f", "y*z"), "single free symbol"),
        (lambda: FUNCTIONS["sin"].derivatives([0.0], 6), "order must be between 0 and 5"),
        (lambda: FUNCTIONS["sin"].derivatives("text"), "z must be an array"),
        (lambda: FUNCTIONS["sin"].regular(1, 0), "low must be at most high"),
        (lambda: FUNCTIONS["sin"].of(3), "argument must be a text"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_domains_of_the_user():
    made = Function("half", "x^3 + x", low=0.0, closed=(True, False), hole=2.0)
    np.testing.assert_array_equal(made.derivatives([-1.0, 0.0, 1.0, 2.0])[0], [np.nan, 0, 2, np.nan])
    assert made.regular(0, 1)
    assert not made.regular(0, 3)
