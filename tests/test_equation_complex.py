"""Complex unknowns: parts against sympy's numbers, and Schroedinger's equation."""

import numpy as np
import pytest
import sympy as sp

import splinekan as sk
from splinekan.equations.collocation import collocation, gauss_cells
from splinekan.equations.complex_parts import is_complex

X, T, S = sp.symbols("x t s")
H = sp.Function("h")
h, p = H(X, T), sp.Function("p", real=True)(X, T)
FORM = sp.exp(sp.I * (X + 2 * T)) * (1 + X * T) + sp.Rational(3, 10) * X
REAL = sp.sin(X) + T
K = sk.Unknown("k")


def value(expression, real_parts):
    """An expression with functions put in, at a point."""
    real = {X: sp.Symbol("x", real=True), T: sp.Symbol("t", real=True)}
    put = expression.subs(K, sp.Rational(1, 2)).xreplace(real)
    for function, form in real_parts.items():
        put = put.replace(function, lambda a, b, f=form: f.subs({X: a, T: b}, simultaneous=True))
    at = {real[X]: sp.Rational(3, 10), real[T]: sp.Rational(7, 10)}
    put = put.doit(integrals=False).subs(at)
    numbers = {}
    for integral in put.atoms(sp.Integral):
        numbers[integral] = sp.Integral(integral.function.doit(), *integral.limits).evalf(20)
    return complex(sp.N(put.xreplace(numbers).doit()))


@pytest.mark.parametrize(
    "residual",
    [
        sp.I * h.diff(T) + h.diff(X, 2) / 2 + sp.Abs(h) ** 2 * h,
        h * sp.conjugate(h) - 1,
        sp.Eq(sp.I * K * h.diff(T), -h.diff(X, 2) + p * h),
        sp.exp(sp.I * X) * h + sp.re(h) - 2 * sp.im(h),
        sp.I * h.diff(X).subs(X, 0) + H(-X, T) * H(0, T),
        h.diff(T) - sp.I * sp.Integral(sp.exp(sp.I * (X - S)) * H(S, T), (S, 0, X)),
        sp.Piecewise((h, X < 0), (sp.I * h**2, True)),
        sp.Piecewise((h, sp.Abs(h) < 0), (sp.I * h, True)),
        sp.exp(h) / h + sp.sin(h),
        sp.conjugate(h).diff(X) + h.diff(X, T),
        sp.Abs(h).diff(X) + p.diff(X),
        sp.arg(h) + sp.sign(h),
    ],
)
def test_parts_are_those_of_the_complex_number(residual):
    parts = sk.split_complex(residual, (h, p))
    assert [str(u) for u in parts.unknowns] == ["h_re(x, t)", "h_im(x, t)", "p(x, t)"]
    whole = residual.lhs - residual.rhs if isinstance(residual, sp.Eq) else residual
    symbols = {X: sp.Symbol("x", real=True), T: sp.Symbol("t", real=True)}
    real = FORM.subs(symbols)
    re, im = (part.subs({v: k for k, v in symbols.items()}) for part in real.as_real_imag())
    want = value(whole, {H: FORM, p.func: REAL})
    found = [
        value(part, {parts.unknowns[0].func: re, parts.unknowns[1].func: im, p.func: REAL})
        for part in parts.split(residual)
    ]
    assert max(abs(part.imag) for part in found) < 1e-14
    assert complex(found[0].real, found[1].real) == pytest.approx(want, rel=1e-12, abs=1e-13)
    kept = [part for part in parts.split(residual) if part != 0]
    assert list(parts.residuals[0]) == kept
    for part in kept:
        sk.Equation(part, parts.unknowns, (X, T))


def test_conditions_are_split_alike_and_values_joined():
    parts = sk.split_complex([sp.I * h.diff(T) + h, H(0, T) - 1, h - sp.exp(sp.I * X)], h)
    assert [len(found) for found in parts.residuals] == [2, 2, 2]
    values = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(parts.assemble(values)[:, 0], values[:, 0] + 1j * values[:, 1])
    mixed = sk.split_complex(h + p, [p, h])
    np.testing.assert_array_equal(mixed.assemble([[1, 2, 3]]), [[1, 2 + 3j]])
    assert is_complex(sp.I * h, h)
    assert is_complex(h, sp.Function("h", complex=True)(X, T))
    assert not is_complex(p, p)


def test_a_soliton_of_the_nonlinear_schroedinger_equation():
    """i h_t + h_xx/2 + |h|^2 h = 0 with h = sech(x) exp(i t/2)."""
    exact = sp.sech(X) * sp.exp(sp.I * T / 2)
    equation = sp.I * h.diff(T) + h.diff(X, 2) / 2 + sp.Abs(h) ** 2 * h
    parts = sk.split_complex([equation, H(X, 0) - sp.sech(X), h - exact], h)
    inside, ends, sides = parts.residuals
    bounds = [(-4, 4), (0, 1)]
    points, _ = gauss_cells([np.linspace(-4, 4, 17), np.linspace(0, 1, 5)], 3)
    start = np.stack([np.linspace(-4, 4, 81), np.zeros(81)], axis=1)
    side = np.concatenate([[(-4, s), (4, s)] for s in np.linspace(0, 1, 21)])
    net = sk.KAN.splines([2, 5, 2], 5, 8, (-1, 1), extrapolate="polynomial")

    def blocks(residuals, at, weight):
        return [sk.Block.mean(sk.Equation(r, parts.unknowns, (X, T)), at, weight) for r in residuals]

    every = [*blocks(inside, points, 1), *blocks(ends, start, 10), *blocks(sides, side, 10)]
    problem = sk.PINN(net, every, bounds=bounds)
    start = sk.initialize(net, 1, "greville", bounds=(-1, 1))
    theta = sk.LevenbergMarquardt().minimize(problem, start, iterations=60).theta
    at = collocation("midpoints", 400, bounds)
    found = parts.assemble(problem.solution(theta, at))[:, 0]
    want = np.exp(0.5j * at[:, 1]) / np.cosh(at[:, 0])
    assert np.linalg.norm(found - want) / np.linalg.norm(want) < 5e-4


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sk.split_complex(h, "h"), "unknown must be written"),
        (lambda: sk.split_complex("h", h), "residuals must be a sympy expression"),
        (lambda: sk.split_complex([h, 1.0], h), r"residuals\[1\] must be a sympy expression"),
        (lambda: sk.split_complex([], h), "residuals must not be empty"),
        (lambda: sk.split_complex(h, H(0, T)), "different symbols"),
        (lambda: sk.split_complex(h + sp.Function("h_re")(X), h), "taken"),
        (lambda: sk.split_complex(sp.zeta(h), h), "cannot be split"),
        (
            lambda: sk.split_complex(sp.Piecewise((h, sp.Gt(sp.re(h) + X, 0)), (X, True)), h).split(3),
            "expression must",
        ),
        (lambda: sk.split_complex(h, h).assemble(np.zeros((2, 3))), "values must have shape"),
        (lambda: sk.Equation(sp.I * h.diff(T) + h, h, (X, T)), "split_complex converts it to real equations"),
        (
            lambda: sk.Equation(h, sp.Function("h", complex=True)(X, T), (X, T)),
            "declared complex: split_complex",
        ),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()
