"""Hard inputs: jumps and narrow functions, stiff and long evolutions, rough solutions, other places."""

import warnings

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp
from scipy.special import erf
from sympy import (
    Abs,
    Eq,
    Function,
    Heaviside,
    Integral,
    Max,
    Mod,
    Piecewise,
    Rational,
    cos,
    exp,
    floor,
    pi,
    sign,
    sin,
    symbols,
)

import splinekan as sk
from splinekan.solving import marching, slabs
from splinekan.solving.across import looks_elsewhere
from splinekan.solving.balance import balanced
from splinekan.solving.evolution import evolution_variable, with_initial_conditions
from splinekan.solving.given import Given, breakpoints, kinks
from splinekan.solving.meshes import uniform, with_kinks
from splinekan.solving.progress import Progress
from splinekan.solving.stating import stated

x, y, t, s = symbols("x y t s")
F, G, G2 = Function("u"), Function("w"), Function("v")
u, w, f = F(x, t), G(t), F(x)
a, b, c = (Function(name)(t) for name in "abc")
AT = Rational(37, 100)


def reference(right, start, times, method="DOP853"):
    """Values of an initial value problem by SciPy, (n, number of unknowns)."""
    options = {"method": method, "rtol": 1e-12 if method == "DOP853" else 1e-11, "atol": 1e-13}
    return solve_ivp(right, (0, times[-1]), start, t_eval=times, **options).y.T


# Kinks and jumps of given functions


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Heaviside(x - AT), [0.37]),
        (Abs(3 * x - 1) + sign(x - 0.5), [1 / 3, 0.5]),
        (Mod(x, Rational(2, 5)), [0.4, 0.8]),
        (Max(x, 1 - x, 0.25), [0.25, 0.5, 0.75]),
        (Piecewise((1, (x > 0.2) & (x < 0.7)), (2, True)) * sin(x), [0.2, 0.7]),
        (floor(4 * x), [0.25, 0.5, 0.75]),
        (sign(sin(2 * pi * x)), [0.5]),
        (Abs(x**2), []),
        (Heaviside(x - 2), []),
        (Heaviside(x - t) + Abs(f), []),  # along a line, and in the unknown
        (exp(x), []),
    ],
)
def test_breakpoints(expression, expected):
    found, none = breakpoints([expression], (x, t), ((0.0, 1.0), (0.0, 1.0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)
    assert none == ()


def test_splines_are_as_smooth_as_the_equation_asks_for():
    (found,) = kinks(stated(f.diff(x, 2) - Heaviside(x - AT), {x: (0, 1)}, [sk.dirichlet(f, 0)]))
    assert found == {0.37: 1}
    mesh = with_kinks(uniform([(0, 1)], [8], [7], [False]), [found])
    assert 0.37 in mesh.breaks[0]
    finer = mesh.divided(0, np.ones(mesh.intervals[0]), 1.0, 1)
    for each in (mesh, finer, finer.merged(0, np.zeros(finer.intervals[0]), 1.0)[0]):
        (knots,) = each.layer(1).knots
        assert knots.multiplicities.max() == 6
        assert knots.n_basis == each.n_functions
        (edges,) = each.rule().edges
        assert 0.37 in edges
        assert (np.diff(edges) > 0).all()


@pytest.mark.parametrize("width", [1e-1, 1e-2, 1e-3])
def test_meshes_see_narrow_functions(width):
    made = stated(f.diff(x, 2) - exp(-(((x - 0.3) / width) ** 2)), {x: (0, 1)}, [sk.dirichlet(f, 0)])
    (breaks,) = Given(made).seeing(uniform([(0, 1)], [8], [7], [False]), [0], 1000).breaks
    at = np.searchsorted(breaks, 0.3)
    assert np.diff(breaks)[at - 1 : at + 1].max() < 4 * width
    assert len(breaks) < 60


def test_meshes_do_not_chase_jumps():
    made = stated(u.diff(t) + u - Heaviside(x - t), {x: (0, 1), t: (0, 1)}, [sk.initial(u, 0, t)])
    mesh = uniform([(0, 1)] * 2, [6, 6], [7, 7], [False] * 2)
    assert Given(made).seeing(mesh, [0, 1], 10**6).intervals == (6, 6)


def test_a_source_that_is_switched_on():
    grown = Piecewise((0, t < AT), (1 - exp(AT - t), True))
    solution = sk.solve(w.diff(t) + w - Heaviside(t - AT), {t: (0, 1)}, [sk.initial(w, 1, t)])
    assert solution.error(exp(-t) + grown) < 1e-12
    source = Piecewise((0, t < AT), (sin(pi * x), True))
    heat = sk.solve(
        u.diff(t) - u.diff(x, 2) - source,
        {x: (0, 1), t: (0, 1)},
        [sk.initial(u, 0, t), sk.dirichlet(u, 0, x)],
    )
    mode = Piecewise((0, t < AT), ((1 - exp(-(pi**2) * (t - AT))) / pi**2, True))
    assert heat.error(sin(pi * x) * mode) < 1e-8


def test_a_source_that_is_switched_on_without_slabs():
    source = Heaviside(t - AT) * sin(pi * x)
    heat = sk.solve(
        u.diff(t) - u.diff(x, 2) - source,
        {x: (0, 1), t: (0, 1)},
        [sk.initial(u, 0, t), sk.dirichlet(u, 0, x)],
        slabs=1,
    )
    assert heat.models[0].network.layers[0].knots[1].multiplicities.max() == 7
    mode = Piecewise((0, t < AT), ((1 - exp(-(pi**2) * (t - AT))) / pi**2, True))
    assert heat.error(sin(pi * x) * mode) < 1e-8


def test_sources_with_kinks_and_jumps():
    cubic = Abs(x - AT) ** 3 / 6
    solution = sk.solve(f.diff(x, 2) - Abs(x - AT), {x: (0, 1)}, [sk.dirichlet(f, 0)])
    assert solution.error(cubic - (1 - x) * cubic.subs(x, 0) - x * cubic.subs(x, 1)) < 1e-9
    bent = x**2 / 2 + Max(x - AT, 0) ** 2
    solution = sk.solve(f.diff(x, 2) - 1 - 2 * Heaviside(x - AT), {x: (0, 1)}, [sk.dirichlet(f, 0)])
    assert solution.error(bent - x * bent.subs(x, 1)) < 1e-9
    periodic = sk.solve(f.diff(x) + f - sign(x), {x: (-1, 1)}, [sk.dirichlet(f, 0, Eq(x, -1))])
    exact = Piecewise((exp(-x - 1) - 1, x < 0), (1 + (exp(-1) - 2) * exp(-x), True))
    assert periodic.error(exact) < 1e-12


def test_narrow_sources():
    e = 1e-3
    z = (x - Rational(3, 10)) / e
    second = e**2 * (z * sympy.sqrt(pi) / 2 * sympy.erf(z) + exp(-(z**2)) / 2)
    ends = [second.subs(x, value).evalf(30) for value in (0, 1)]
    solution = sk.solve(f.diff(x, 2) - exp(-(z**2)), {x: (0, 1)}, [sk.dirichlet(f, 0)])
    assert solution.error(second - ends[0] * (1 - x) - ends[1] * x) < 1e-8

    def pulse(points):
        time = points[:, 0] - 0.3
        return (
            np.exp(-time + e**2 / 4)
            * e
            * np.sqrt(np.pi)
            / 2
            * (erf(time / e - e / 2) - erf(-0.3 / e - e / 2))
        )

    source = exp(-(((t - Rational(3, 10)) / e) ** 2))
    assert sk.solve(w.diff(t) + w - source, {t: (0, 1)}, [sk.initial(w, 0, t)]).error(pulse) < 1e-8


def test_transport_of_a_narrow_pulse():
    e = Rational(1, 50)
    shape = exp(-(((x - Rational(3, 10)) / e) ** 2))
    solution = sk.solve(
        u.diff(t) + u.diff(x),
        {x: (0, 1), t: (0, Rational(1, 100))},
        [sk.initial(u, shape, t), sk.dirichlet(u, 0, Eq(x, 0))],
    )
    assert solution.error(shape.subs(x, x - t)) < 1e-8


# Ordinary equations


def test_van_der_pol():
    equations = [a.diff(t) - b, b.diff(t) - 10 * (1 - a**2) * b + a]
    solution = sk.solve(equations, {t: (0, 20)}, [sk.initial(a, 2, t), sk.initial(b, 0, t)])
    times = np.linspace(0, 20, 201)
    truth = reference(lambda _, y: [y[1], 10 * (1 - y[0] ** 2) * y[1] - y[0]], [2, 0], times)
    np.testing.assert_allclose(solution(times), truth, rtol=0, atol=2e-7)


def test_lotka_volterra_and_lorenz():
    times = np.linspace(0, 20, 201)
    start = [sk.initial(a, 2, t), sk.initial(b, 1, t)]
    solution = sk.solve([a.diff(t) - a + a * b, b.diff(t) + b - a * b], {t: (0, 20)}, start)
    truth = reference(lambda _, y: [y[0] - y[0] * y[1], y[0] * y[1] - y[1]], [2, 1], times)
    np.testing.assert_allclose(solution(times), truth, rtol=0, atol=1e-8)
    equations = [
        a.diff(t) - 10 * (b - a),
        b.diff(t) - a * (28 - c) + b,
        c.diff(t) - a * b + Rational(8, 3) * c,
    ]
    solution = sk.solve(equations, {t: (0, 3)}, [sk.initial(each, 1, t) for each in (a, b, c)])
    times = np.linspace(0, 3, 101)
    truth = reference(
        lambda _, y: [10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]],
        [1, 1, 1],
        times,
    )
    np.testing.assert_allclose(solution(times), truth, rtol=0, atol=1e-7)


def test_a_stiff_reaction_of_robertson():
    slow, middle, fast = Rational(4, 100) * a, 10**4 * b * c, 3 * 10**7 * b**2
    solution = sk.solve(
        [a.diff(t) + slow - middle, b.diff(t) - slow + middle + fast, c.diff(t) - fast],
        {t: (0, 40)},
        [sk.initial(a, 1, t), sk.initial(b, 0, t), sk.initial(c, 0, t)],
    )
    assert len({piece.statement.scales for piece in solution.pieces}) == 1  # found in the first slab

    def right(_, y):
        rates = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
        return [-rates[0] + rates[1], rates[0] - rates[1] - rates[2], rates[2]]

    times = np.linspace(0, 40, 101)
    truth = reference(right, [1, 0, 0], times, "Radau")
    assert (np.abs(solution(times) - truth).max(axis=0) < [1e-9, 1e-13, 1e-9]).all()


def test_an_oscillation_over_many_periods():
    solution = sk.solve(
        w.diff(t, 2) + 400 * w, {t: (0, 15)}, [sk.initial(w, 1, t), sk.initial(w.diff(t), 0, t)]
    )
    assert solution.error(cos(20 * t)) < 1e-7


def test_differential_algebraic_equations():
    solution = sk.solve([a.diff(t) + a - b, b - a**2], {t: (0, 8)}, [sk.initial(a, Rational(1, 2), t)])
    exact = 1 / (1 + exp(t))
    assert (solution.error([exact, exact**2]) < 1e-9).all()
    assert len(solution.pieces) > 1


def test_conditions_at_the_beginning_are_initial_conditions():
    solution = sk.solve(w.diff(t) + w, {t: (0, 20)}, [sk.dirichlet(w, 1, Eq(t, 0))])
    assert len(solution.pieces) > 1
    assert solution.error(exp(-t)) < 1e-10


@pytest.mark.parametrize(
    ("equations", "bounds", "conditions", "axis"),
    [
        (w.diff(t) + w, {t: (0, 1)}, [sk.condition(w - 1, [[0.0]])], 0),
        (w.diff(t, 2) + w, {t: (0, 1)}, [sk.dirichlet(w, 1, Eq(t, 0)), sk.condition(w.diff(t), Eq(t, 0))], 0),
        (w.diff(t, 2) + w, {t: (0, 1)}, [sk.dirichlet(w, 1, Eq(t, 0)), sk.dirichlet(w, 0, Eq(t, 1))], None),
        (f.diff(x, 2) + f, {x: (0, 1)}, [sk.dirichlet(f, 1, Eq(x, 0)), sk.neumann(f, 0, Eq(x, 0))], None),
        (
            u.diff(t) - u.diff(x, 2),
            {x: (0, 1), t: (0, 1)},
            [sk.dirichlet(u, 0, Eq(t, 0)), sk.dirichlet(u, 0, x)],
            1,
        ),
        (u.diff(t) - u.diff(x, 2), {x: (0, 1), t: (0, 1)}, [sk.dirichlet(u, 0)], None),
    ],
)  # fmt: skip
def test_which_conditions_are_initial(equations, bounds, conditions, axis):
    made = with_initial_conditions(balanced(stated(equations, bounds, conditions)))
    assert evolution_variable(made) == axis


# Limits of work


STEP = (
    u.diff(t) + u.diff(x),
    {x: (0, 1), t: (0, Rational(1, 2))},
    [sk.initial(u, Heaviside(Rational(3, 10) - x), t), sk.dirichlet(u, 1, Eq(x, 0))],
)


def test_searches_without_a_time_are_limited(monkeypatch):
    monkeypatch.setattr(marching, "MOST_SLABS", 2)
    with pytest.warns(sk.SolutionWarning, match=r"ended after 2 slabs \(`seconds` allows for more\)"):
        solution = sk.solve(w.diff(t) + w, {t: (0, 3)}, [sk.initial(w, 1, t)])
    assert len(solution.pieces) == 2
    assert sk.solve(w.diff(t) + w, {t: (0, 3)}, [sk.initial(w, 1, t)], seconds=60).error(exp(-t)) < 1e-12


def test_steps_are_not_refined_for_ever(monkeypatch):
    monkeypatch.setattr(slabs, "ROUGH", 600)
    monkeypatch.setattr(marching, "IN_VAIN", 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.SolutionWarning)
        solution = sk.solve(*STEP)
    assert solution.n_parameters < 10_000
    assert any("nothing lowers the residual enough" in text for text in solution.warnings)


def test_progress_is_shown(capsys):
    sk.solve(w.diff(t) + w, {t: (0, 3)}, [sk.initial(w, 1, t)], progress=True)
    shown = capsys.readouterr().err
    assert "t=0" in shown
    assert "residual=" in shown
    sk.solve(f.diff(x, 2) + f, {x: (0, 1)}, [sk.dirichlet(f, 1)], progress=True)
    assert "parameters=" in capsys.readouterr().err
    with Progress(False) as bar:
        bar.show(1.0, residual=1)
    assert capsys.readouterr().err == ""


# Integrals and other places across slabs


def test_integrals_and_places_across_slabs():
    solution = sk.solve(w.diff(t) + w, {t: (0, 3)}, [sk.initial(w, 1, t)])
    assert len(solution.pieces) > 1
    at = np.array([0.1, 1.5, 3.0])
    for expression, truth in [
        (Integral(G(s), (s, 0, t)), 1 - np.exp(-at)),
        (Integral(s * G(s) ** 2, (s, 0, 3)), np.full(3, (1 - 7 * np.exp(-6)) / 4)),
        (w - G(0) + G(t / 2), np.exp(-at) - 1 + np.exp(-at / 2)),
        (w.diff(t).subs(t, 0), -np.ones(3)),
    ]:
        np.testing.assert_allclose(solution.evaluate(expression, at), truth, rtol=0, atol=1e-11)
    with pytest.raises(ValueError, match=r"unknown at t = 6, where there is no solution"):
        solution.evaluate(G(2 * t), [3.0])
    assert np.isnan(solution.evaluate(G(t / 2), [4.0], outside="nan")).all()


def test_places_across_slabs_in_space_and_time():
    heat = sk.solve(
        u.diff(t) - u.diff(x, 2),
        {x: (0, 1), t: (0, Rational(1, 5))},
        [sk.initial(u, sin(pi * x), t), sk.dirichlet(u, 0, x)],
    )
    at = np.array([[0.3, 0.01], [0.5, 0.15]])
    decayed, mode = np.exp(-(np.pi**2) * at[:, 1]), np.sin(np.pi * at[:, 0])
    for expression, truth in [
        (Integral(F(s, t), (s, 0, 1)), 2 / np.pi * decayed),
        (Integral(F(x, s), (s, 0, t)), mode * (1 - decayed) / np.pi**2),
        (F(x, 0) * u.diff(x, t), -(np.pi**3) * mode * decayed * np.cos(np.pi * at[:, 0])),
    ]:
        np.testing.assert_allclose(heat.evaluate(expression, at), truth, rtol=0, atol=1e-6)


def test_what_looks_elsewhere():
    assert not looks_elsewhere(u.diff(x) + u**2 + x, (x, t))
    assert looks_elsewhere(F(x, 0), (x, t))
    assert looks_elsewhere(Integral(F(s, t), (s, 0, x)), (x, t))
    assert looks_elsewhere(u.diff(x).subs(x, 0), (x, t))


# What derivatives of branches omit, and what has no scale


def test_values_with_kinks_are_not_extended_into_the_domain():
    """The tent on a side of a square against its sine series."""
    u = G2(x, y)
    tent = Piecewise((y, y < 0.5), (1 - y, True))
    conditions = [sk.dirichlet(u, tent, Eq(x, 0)), sk.dirichlet(u, 0, [Eq(x, 1), y])]
    n = np.arange(1, 60, 2)
    size = 4 * np.sin(n * np.pi / 2) / (n * np.pi) ** 2
    series = np.sum(size * np.sinh(n * np.pi * 0.8) / np.sinh(n * np.pi) * np.sin(n * np.pi / 2))
    for options in ({}, {"exact": True}):
        with pytest.warns(sk.SolutionWarning):
            found = sk.solve(
                u.diff(x, 2) + u.diff(y, 2), {x: (0, 1), y: (0, 1)}, conditions, levels=5, **options
            )
        assert found([[0.2, 0.5]])[0] == pytest.approx(series, abs=1e-3)
    assert "kinks or jumps are imposed by weights" in " ".join(found.warnings)


def test_coefficients_that_jump():
    k = Piecewise((1, x < Rational(1, 2)), (10, True))
    ends = [sk.dirichlet(f, 0, Eq(x, 0)), sk.dirichlet(f, 1, Eq(x, 1))]
    with pytest.warns(sk.SolutionWarning, match=r"jumps at x = 0\.5, where .* is kept continuous"):
        sk.solve((k * f.diff(x)).diff(x), {x: (0, 1)}, ends)
    q = Function("q")(x)
    flux = sk.solve([q - k * f.diff(x), q.diff(x)], {x: (0, 1)}, ends)
    np.testing.assert_allclose(flux([[0.5]]), [[20 / 11, 10 / 11]], rtol=1e-9)
    with warnings.catch_warnings():  # smooth coefficients, and those that jump elsewhere
        warnings.simplefilter("error")
        sk.solve(((1 + x) * f.diff(x)).diff(x) + k, {x: (0, 1)}, ends)


def test_constant_solutions():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        still = sk.solve(w.diff(t), {t: (0, 1)}, [sk.initial(w, 1, t)])
        off = sk.solve(w.diff(t) - Piecewise((1, t < 0.5), (0, True)), {t: (0, 1)}, [sk.initial(w, 0, t)])
        heat = sk.solve(
            u.diff(t) - u.diff(x, 2), {x: (0, 1), t: (0, 1)}, [sk.initial(u, 1, t), sk.neumann(u, 0, x)]
        )
    np.testing.assert_allclose(
        [still([1.0])[0], off([1.0])[0], heat([[0.3, 1.0]])[0]], [1, 0.5, 1], rtol=1e-9
    )


# Messages


@pytest.mark.parametrize("options", [{}, {"network": "separable"}, {"hidden": (3,)}])
def test_degrees_that_are_too_low(options):
    with pytest.raises(ValueError, match=r"degree must be at least 3 for equations .* of order 2, got 1"):
        sk.solve(f.diff(x, 2) + 1, {x: (0, 1)}, [sk.dirichlet(f, 0)], degree=1, **options)
