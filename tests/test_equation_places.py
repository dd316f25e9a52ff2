"""Values at other places and integrals of the unknowns: against sympy, differences, and known solutions."""

import copy
import pickle

import numpy as np
import pytest
import scipy
import sympy as sp

import splinekan as sk

X, T, S, R = sp.symbols("x t s r")
F = sp.Function("u")
U, V = F(X), F(X, T)
EXACT = sp.sin(2 * X + sp.Rational(1, 3)) * sp.exp(X / 2)
FIELD = sp.sin(2 * X + T) * sp.exp(X * T / 3)
POINTS = np.random.default_rng(0).uniform(-0.9, 0.9, (12, 2))


def truth(residual, forms, variables, points):
    """The residual of given functions, by sympy; integrals by SciPy."""
    put = residual
    for unknown, form in forms.items():
        args = unknown.args
        put = put.replace(
            unknown.func, lambda *at, a=args, f=form: f.subs(dict(zip(a, at, strict=True)), simultaneous=True)
        )
    put = put.doit()
    return np.array([float(sp.N(put.subs(dict(zip(variables, p, strict=True))).doit())) for p in points])


def series(form, variables, points, channels):
    """Taylor coefficients of an expression at points along the directions of `channels`, by sympy."""
    s = sp.Symbol("s_")
    found = [form]
    for direction, order in zip(channels.directions, channels.orders, strict=True):
        moved = form.subs(
            {v: v + s * d for v, d in zip(variables, direction, strict=True)}, simultaneous=True
        )
        found += [moved.diff(s, m).subs(s, 0) / sp.factorial(m) for m in range(1, order + 1)]
    values = [np.broadcast_to(sp.lambdify(variables, f)(*points.T), len(points)) for f in found]
    return np.stack(values, axis=1)


def evaluated(equation, forms, variables, points):
    here = np.stack([series(f, variables, points, equation) for f in forms.values()], axis=2)
    there = []
    for place in equation.places:
        at = place.points(points)
        there.append(np.stack([series(f, variables, at, place.channels) for f in forms.values()], axis=2))
    return equation.evaluate(points, here, there)[0]


@pytest.mark.parametrize(
    "residual",
    [
        V.diff(T) - F(0, T) * V,
        V + F(-X, T) ** 2,
        F(T, X) - F(X, X),
        V.diff(X, 2) - F(X / 2, T).diff(X) * F(X, 0).diff(X),
        V.diff(X).subs(X, 0) * V + V.diff(X, T).subs(T, X / 3),
        sp.Subs(V.diff(X) + V**2 * sp.sin(X), X, T / 2) - X,
        sp.Subs(V.diff(X), T, X),
        sp.Piecewise((V, F(0, T) > 0), (X, True)) + F(sp.Max(X - 1, -1), T),
        sp.Sum(F(S / 4, T), (S, 0, 2)),
        F(0, 0) + V - sp.Abs(F(1, T)),
        V.diff(X, 4).subs(X, sp.Rational(1, 2)) + F(0, T).diff(T),
    ],
)
def test_values_and_derivatives_at_other_places_against_sympy(residual):
    equation = sk.Equation(residual, V, (X, T))
    assert equation.places
    found = evaluated(equation, {V: FIELD}, (X, T), POINTS)
    np.testing.assert_allclose(found, truth(residual, {V: FIELD}, (X, T), POINTS), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "residual",
    [
        V.diff(T) - sp.Integral(sp.exp(X - S) * F(S, T) ** 2, (S, 0, 1)),
        sp.sin(sp.Integral(F(S, T), (S, T, X))) * V,
        sp.Integral(F(X, S), (S, 0, T)) + sp.Integral(V, (X, 0, 1)),
        sp.Integral(sp.Derivative(F(S, T), S) * S + V * F(0, T), (S, -1, X)),
        sp.Derivative(sp.Integral(F(S, T) * sp.cos(X - S), (S, 0, X)), X),
        sp.Integral(F(S, R), (S, 0, R), (R, 0, X)),
        sp.Integral(R * sp.Integral(F(S, T), (S, 0, R)) + F(R, T), (R, 0, X)),  # merged below
        sp.Integral(sp.Derivative(F(S, T) ** 2, S), (S, 0, 1)) + sp.Integral(S**2, (S, 0, 3)),
    ],
)
def test_integrals_of_the_unknown_against_quadrature(residual):
    points = POINTS[:3]
    equation = sk.Equation(residual, V, (X, T))
    found = evaluated(equation, {V: FIELD}, (X, T), points)
    put = residual.replace(F, lambda a, b: FIELD.subs({X: a, T: b}, simultaneous=True)).doit(integrals=False)
    nested = [i for i in put.atoms(sp.Integral) if i.function.has(sp.Integral)]
    for i in nested:
        limits = ((S, 0, R), (R, 0, X))
        merged = sp.Integral(R * FIELD.subs(X, S), *limits) + sp.Integral(FIELD.subs(X, R), (R, 0, X))
        put = put.xreplace({i: merged})
    want = []
    for p in points:
        at = put.subs({X: sp.Float(p[0], 20), T: sp.Float(p[1], 20)})
        numbers = {i: _by_scipy(i) for i in at.atoms(sp.Integral)}
        want.append(float(at.xreplace(numbers).doit()))
    np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-13)


def _by_scipy(integral):
    limits = integral.limits
    f = sp.lambdify([limit[0] for limit in limits], integral.function.doit(), "scipy")
    ranges = []
    for i, (_, a, b) in enumerate(limits):
        ranges.append(sp.lambdify([limit[0] for limit in limits[i + 1 :]], (a, b)))
    return sp.Float(scipy.integrate.nquad(f, ranges, opts={"epsabs": 1e-14, "epsrel": 1e-13})[0], 20)


W = sp.Function("w")
K = sk.Unknown("k", 0.7)
SYSTEM = [
    V.diff(T) - K * sp.Integral(sp.exp(X - S) * F(S, T) * W(S, T), (S, -1, X)) ** 2 + W(0, T),
    W(X, T).diff(X) * V.diff(X).subs(X, 0) - sp.Integral(S * F(S, S).diff(S) * K, (S, 0, 1)) * V,
    F(-X, T) * W(X, 0) + sp.Integral(F(S, R) * W(R, T), (S, 0, R), (R, 0, X)) + F(0, 0),
    V.diff(X, T).subs(T, X / 2) ** 2 + V.diff(X, T) + sp.exp(W(X / 2, T / 2)),
]


@pytest.mark.parametrize("minus", [False, True])
@pytest.mark.parametrize("number", range(len(SYSTEM)))
@pytest.mark.parametrize("bounds", [None, ((-1.0, 1.0), (-4.0, 4.0))])
def test_every_product_of_a_pinn_agrees(number, minus, bounds, monkeypatch):
    net = sk.KAN.splines([2, 3, 2], 4, 3, (-1.0, 1.0), extrapolate="polynomial").with_constants([K])
    rng = np.random.default_rng(1)
    theta = 0.5 * rng.normal(size=net.n_parameters)
    equation = sk.Equation(SYSTEM[number], (V, W(X, T)), (X, T), quadrature=6)
    other = rng.uniform(-0.9, 0.9, (12, 2)) if minus else None
    block = sk.Block(equation, POINTS, rng.uniform(0.5, 2, 12), other, rng.normal(size=12))
    problem = sk.PINN(net, [block], bounds=bounds, smoothing=0.01)
    r, J = problem.residual(theta), problem.jacobian(theta)
    v, step = rng.normal(size=theta.shape), 1e-6
    change = (problem.residual(theta + step * v) - problem.residual(theta - step * v)) / (2 * step)
    np.testing.assert_allclose(J @ v, change, atol=1e-6 * np.abs(change).max())
    plain = problem.gradient(theta) - problem.penalty.product(theta)
    np.testing.assert_allclose(plain, J.T @ r, atol=1e-11 * np.abs(J.T @ r).max())
    matrix = problem.normal_equations(theta)[2]
    monkeypatch.setattr("splinekan.objectives.pinn.CHUNK_BYTES", 1)
    problem = sk.PINN(net, [block] * 8, bounds=bounds)
    np.testing.assert_allclose(problem.normal_equations(theta)[2], 8 * (J.T @ J), atol=1e-10 * matrix.max())
    again = pickle.loads(pickle.dumps(problem))
    assert again.value(theta) == problem.value(theta) == copy.deepcopy(problem).value(theta)


def test_fixed_places_are_evaluated_once():
    equation = sk.Equation(V.diff(T) - F(0, 1) - sp.Integral(F(S, 0) * X, (S, 0, 1)), V, (X, T))
    assert [place.shared for place in equation.places] == [True, True]
    assert [len(place.points(POINTS)) for place in equation.places] == [1, 32]
    moving = sk.Equation(V - F(0, T) - sp.Integral(F(S, T), (S, 0, 1)), V, (X, T))
    assert [place.shared for place in moving.places] == [False, False]
    assert [len(place.points(POINTS)) for place in moving.places] == [12, 12 * 32]


def solved(equations, degree=7, intervals=8, bounds=(0.0, 1.0), outputs=1, constants=None, points=60):
    """A spline fitted to equations of one variable: an equation and points, or None for points inside."""
    net = sk.KAN.splines([1, outputs], degree, intervals, bounds, extrapolate="polynomial")
    net = net if constants is None else net.with_constants(constants)
    inside = np.linspace(*bounds, points)[:, None]
    blocks = [sk.Block(e, inside if at is None else np.array(at, float)[:, None]) for e, at in equations]
    problem = sk.PINN(net, blocks)
    result = sk.LevenbergMarquardt().minimize(problem, np.zeros(net.n_parameters), iterations=50)
    return lambda x: problem.solution(result.theta, np.asarray(x)[:, None]), problem, result


FINE = np.linspace(0, 1, 201)


@pytest.mark.parametrize(
    ("residual", "condition", "exact"),
    [
        # Fredholm, second kind: u = x + int_0^1 x s u ds, u = 3x/2.
        (U - X - sp.Integral(X * S * F(S), (S, 0, 1)), None, lambda x: 1.5 * x),
        # Volterra: u = 1 + int_0^x u, u = exp(x).
        (U - 1 - sp.Integral(F(S), (S, 0, X)), None, np.exp),
        # Volterra with a kernel: u = x + int_0^x (s - x) u, u = sin x.
        (U - X - sp.Integral((S - X) * F(S), (S, 0, X)), None, np.sin),
        # Nonlinear Fredholm: u = 7x/8 + int_0^1 x s u^2/2, u = x.
        (U - X * sp.Rational(7, 8) - sp.Integral(X * S * F(S) ** 2, (S, 0, 1)) / 2, None, lambda x: x),
        # Integro-differential: u' = 1 - int_0^x u, u(0) = 0, u = sin x.
        (U.diff(X) - 1 + sp.Integral(F(S), (S, 0, X)), F(0), np.sin),
        # Pantograph: u' = u(x/2)^2 - ... with u = exp(x): u' = u(x/2)^2.
        (U.diff(X) - F(X / 2) ** 2, F(0) - 1, np.exp),
        # A derivative at a point: u'' = u'(0) u, u(0) = 1, u'(0) = 1, u = exp(x).
        (U.diff(X, 2) - U.diff(X).subs(X, 0) * U, None, np.exp),
        # Reflection: u'(x) = u(1 - x), u = sin x + c cos x.
        (U.diff(X) - F(1 - X), F(0) - 1, lambda x: np.cos(x) + np.sin(x) * (1 + np.sin(1)) / np.cos(1)),
    ],
)
def test_equations_with_known_solutions(residual, condition, exact):
    equations = [(sk.Equation(residual, U, (X,)), None)]
    if condition is not None:
        equations.append((sk.Equation(condition, U, (X,)), [0.0]))
    elif residual.has(sp.Derivative):
        equations += [(sk.Equation(c, U, (X,)), [0.0]) for c in (U - 1, U.diff(X) - 1)]
    u, _, result = solved(equations)
    assert np.abs(u(FINE)[:, 0] - exact(FINE)).max() < 1e-10, result


def test_a_delay_equation_with_a_kink_at_a_knot():
    """u' = -u(x - 1/2) with u = 1 before 0: quadratic from 1/2 on."""
    half = sp.Rational(1, 2)
    delayed = sp.Piecewise((1, sp.Lt(X, half)), (F(sp.Max(X - half, 0)), True))
    net = sk.KAN([sk.SplineLayer(1, 1, sk.KnotVector.clamped([0, 0.25, 0.5, 0.75, 1], 3, [1, 2, 1]))])
    blocks = [
        sk.Block(sk.Equation(U.diff(X) + delayed, U, (X,)), np.linspace(0, 1, 41)[:, None]),
        sk.Block(sk.Equation(F(0) - 1, U, (X,)), [[0.0]]),
    ]
    problem = sk.PINN(net, blocks)
    theta = sk.LevenbergMarquardt().minimize(problem, np.zeros(net.n_parameters), iterations=30).theta
    exact = np.where(FINE < 0.5, 1 - FINE, 1 - FINE + (FINE - 0.5) ** 2 / 2)
    assert np.abs(problem.solution(theta, FINE[:, None])[:, 0] - exact).max() < 1e-10


def test_the_error_of_the_quadrature_is_that_of_gauss_panels():
    """For exp(8 s) on n panels of 8 nodes the error falls by about 2^16 when n doubles."""
    errors = []
    for nodes in (8, 16, 64):
        equation = sk.Equation(U - sp.Integral(sp.exp(8 * S) * F(S), (S, 0, 1)), U, (X,), nodes)
        found = evaluated(equation, {U: X**0 + X}, (X,), np.zeros((1, 1)))
        exact = scipy.integrate.quad(lambda s: np.exp(8 * s) * (1 + s), 0, 1, epsabs=0, epsrel=1e-13)[0]
        errors.append(abs(1 - found[0] - exact) / exact)
    assert 2**14 < errors[0] / errors[1] < 2**18
    assert errors[2] < 1e-13


def test_places_outside_of_the_splines_warn_and_signs_are_kept():
    net = sk.KAN.splines([1, 1], 3, 4)
    equation = sk.Equation(U - F(X - 1), U, (X,))
    with pytest.warns(sk.DomainWarning):
        sk.PINN(net, [sk.Block(equation, [[0.5]])])
    with pytest.raises(
        ValueError, match=r"blocks\[0\] has an unknown at x = -0.5, outside of its bounds \(0, 1\)"
    ):
        sk.PINN(net, [sk.Block(equation, [[0.5]])], bounds=[(0, 1)])
    around = sk.KAN([sk.SplineLayer(1, 1, sk.KnotVector.uniform(-1, 1, 6, 3, periodic=True))])
    problem = sk.PINN(around, [sk.Block(equation, [[0.5], [0.7]])], bounds=[(0, 1)])
    np.testing.assert_allclose(problem.residual(np.arange(6.0)), 0, atol=1e-14)  # u(x) - u(x - 1)
    t = sp.Symbol("t", nonnegative=True)
    u = F(t)
    with pytest.raises(ValueError, match="t >= 0"):
        sk.PINN(net, [sk.Block(sk.Equation(u - F(t - 1), u, (t,)), [[0.5]])])


@pytest.mark.parametrize(
    ("residual", "words"),
    [
        (U + sp.Limit(U, X, 0), "unknowns under Limit are not supported"),
        (F(U), r"u\(u\(x\)\): places and limits"),
        (
            U + F(X - K),
            r"u\(-k \+ x\): the place of an unknown must be given by the variables and numbers, got k",
        ),
        (U + F(S), r"u\(s\): the place .* got s"),
        (sp.Integral(U, X), r"Integral\(u\(x\), x\): an integral of an unknown needs limits"),
        (sp.Integral(F(S), (S, 0, sp.oo)), "finite limits"),
        (sp.Integral(F(S), (S, 0, U)), r"places and limits of integrals that depend on an unknown"),
        (sp.Integral(sp.exp(sp.Integral(F(S), (S, 0, R))), (R, 0, X)), "may occur linearly only"),
        (U + sp.Sum(F(S * X), (S, 1, sp.Symbol("n"))), "Sum"),
        (sp.Integral(F(S) * sp.zeta(S), (S, 2, 3)), "zeta"),
        (U + F(X, T), "2|unknown has 1 arguments"),
        (sp.Subs(U.diff(X, 5), X, 0), "total order of 4"),
        (U + F(sp.I * X), "I"),
    ],
)
def test_what_is_refused_is_named(residual, words):
    with pytest.raises(ValueError, match=words):
        sk.Equation(residual, U, (X,))


G = sp.Function("g")(X, T)


@pytest.mark.parametrize(
    "of",
    [sp.Abs, sp.sign, sp.Heaviside, lambda u: sp.Max(u, X), lambda u: sp.Min(u, 0), lambda u: sp.sqrt(u**2)],
)
@pytest.mark.parametrize("number", range(4))  # the derivative of sign(u) u is refused below
def test_kinks_of_functions_without_assumptions(of, number):
    """Here, at other places, under derivatives and under integrals."""
    u = G.func
    residual = [
        of(G) * G,
        of(u(-X, 0)) * G + of(G.diff(X).subs(X, 0)),
        sp.Integral(of(u(S, T)) * sp.Abs(S + 2), (S, X, 1)) + G,
        (of(G) * G).diff(X) + of(u(X / 2, T)),
    ][number]
    if number == 3 and of is sp.sign:
        residual = of(G) * G.diff(X) + of(u(X / 2, T))
    form = sp.exp(X + T) - sp.Rational(1, 5)  # positive on the points: no kink on the way
    if number == 3:
        residual = residual.replace(sp.DiracDelta, lambda *_: sp.Integer(0))
    equation = sk.Equation(residual, G, (X, T))
    points = np.abs(POINTS[: 1 if number == 2 else 4])
    found = evaluated(equation, {G: form}, (X, T), points)
    put = residual.replace(u, lambda a, b: form.subs({X: a, T: b}, simultaneous=True)).doit(integrals=False)
    put = put.xreplace({i: _gauss(i) for i in put.atoms(sp.Integral)}).doit()
    real = {X: sp.Symbol("x", real=True), T: sp.Symbol("t", real=True)}
    want = [float(put.xreplace(real).doit().subs({real[X]: a, real[T]: b}).doit()) for a, b in points]
    np.testing.assert_allclose(found, want, rtol=1e-7)


def _gauss(integral):
    """An integral over (s, a, b) as a sum over 10 nodes."""
    ((s, a, b),) = integral.limits
    nodes, weights = np.polynomial.legendre.leggauss(10)
    total = sum(
        sp.Float(w) * integral.function.subs(s, (a + b) / 2 + (b - a) * z / 2)
        for z, w in zip(nodes, weights, strict=True)
    )
    return total * (b - a) / 2


@pytest.mark.parametrize(
    "residual", [U.diff(X, 2) - sp.DiracDelta(X), (sp.Heaviside(X) * U).diff(X), sp.sign(U).diff(X)]
)
def test_point_loads_are_refused_with_what_to_do(residual):
    with pytest.raises(ValueError, match=r"narrow Gaussian.*jump that it makes in a derivative as.*minus"):
        sk.Equation(residual, U, (X,))


def test_arguments():
    for quadrature, error in ((0, ValueError), (2000, ValueError), (3.0, TypeError), ("a", TypeError)):
        with pytest.raises(error, match="quadrature"):
            sk.Equation(U, U, (X,), quadrature)
    equation = sk.Equation(U - F(0), U, (X,))
    points, jets = np.zeros((3, 1)), np.zeros((3, 1, 1))
    with pytest.raises(ValueError, match="elsewhere must hold Taylor coefficients for each of 1 places"):
        equation.evaluate(points, jets)
    with pytest.raises(ValueError, match=r"elsewhere\[0\] must have shape \(1, 1, 1\)"):
        equation.evaluate(points, jets, [jets])
    assert equation.evaluate(points, jets, [np.ones((1, 1, 1))])[0].tolist() == [-1, -1, -1]
