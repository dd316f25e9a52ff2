"""The gallery of differential equations: solutions fit the equations, references are as good as stated."""

import copy
import pickle
from math import pi

import numpy as np
import pytest
import sympy

from splinekan.problems import gallery
from splinekan.problems.exact import Formulas, formulas
from splinekan.problems.references import cavity as cavities
from splinekan.problems.references import corner_flows, evolutions, periodic
from splinekan.problems.references.cole_hopf import cole_hopf
from splinekan.problems.references.epidemics import epidemic
from splinekan.problems.references.l_shape import torsion
from splinekan.solving import SolutionWarning, dirichlet

SLOW = ("allen-cahn", "cavity", "cavity-uniform")
"""References that take more than a second."""
COMPUTED = (
    *("burgers", "burgers-steep", "korteweg-de-vries", "kuramoto-sivashinsky", "epidemic"),
    *("l-shape", "l-shape-singular"),
    *SLOW,
)
"""References without formulas; a list, as making all problems to find them takes seconds."""
CLOSED = [name for name in gallery.PROBLEMS if name not in COMPUTED]
POINTS = np.random.default_rng(0).uniform(size=(200, 10))


def inside(problem, n=200):
    ends = np.array(list(problem.bounds.values()))
    points = ends[:, 0] + (ends[:, 1] - ends[:, 0]) * POINTS[:n, : len(ends)]
    return points[problem._region.contains(points)]


def values(problem, expression, points):
    """An expression in the unknowns, for a solution with formulas."""
    exact = dict(zip(problem.unknown, problem.reference.expressions, strict=True))
    return formulas(problem.variables, expression.subs(exact).doit())(points)


def relative(u, v):
    return np.linalg.norm(u - v) / np.linalg.norm(v)


def grid(low, high, end=1.0, n=60):
    axes = np.meshgrid(np.linspace(low, high, n), np.linspace(0, end, n), indexing="ij")
    return np.stack(axes, axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("name", CLOSED)
def test_solutions_with_formulas_satisfy_equations_and_conditions(name):
    problem = gallery.problem(name)
    assert isinstance(problem.reference, Formulas)
    points = inside(problem)
    for equation in problem.equations:
        terms = [equation] if not equation.is_Add else list(equation.args)
        size = max(np.abs(values(problem, term, points)).max() for term in terms)
        assert np.abs(values(problem, equation, points)).max() <= 1e-11 * size
    ends = dict(zip(problem.variables, np.array(list(problem.bounds.values())), strict=True))
    for condition in problem.conditions:
        if condition.kind in ("dirichlet", "initial", "periodic") and problem.domain is None:
            on = condition.on or problem.variables
            on = on if isinstance(on, tuple) else (on,)
            faces = []
            for place in on:
                variable = place if isinstance(place, sympy.Symbol) else place.lhs
                at = ends[variable] if isinstance(place, sympy.Symbol) else [float(place.rhs)]
                if condition.kind == "initial":
                    at = at[:1]
                for value in at:
                    face = points.copy()
                    face[:, problem.variables.index(variable)] = value
                    faces.append(face)
            found = [values(problem, condition.residual, face) for face in faces]
            if condition.kind == "periodic":
                np.testing.assert_allclose(found[0], found[1], atol=1e-13)
            elif condition.on is None and any(c.kind == "initial" for c in problem.conditions):
                continue
            else:
                assert max(np.abs(each).max() for each in found) < 1e-12


@pytest.mark.parametrize("name", COMPUTED)
def test_only_references_without_formulas_are_left_out(name):
    assert not isinstance(gallery.problem(name).reference, Formulas)


@pytest.mark.parametrize("name", [name for name in gallery.PROBLEMS if name not in SLOW])
def test_problems_have_points_errors_and_a_text(name):
    problem = gallery.problem(name)
    points = problem.points(500)
    d = len(problem.bounds)
    assert points.shape[1] == d
    assert 250 < len(points) < 1000
    exact = problem.reference(points)
    assert len(exact) == len(points)
    assert np.isfinite(exact).all()
    assert set(problem.error(problem.reference, points).values()) == {0.0}
    errors = problem.error(lambda at: 1.01 * problem.reference(at), points)
    assert set(errors) <= set(problem.unknown_names)
    np.testing.assert_allclose(list(errors.values()), 0.01, rtol=1e-6)
    assert str(problem).startswith(f"{name}(")
    assert (problem.record is None) == (problem.record_source == "") == (problem.record_hardware == "")


def test_problems_survive_pickles_and_copies():
    for name in ("burgers", "korteweg-de-vries", "l-shape", "schroedinger", "epidemic", "disk"):
        problem = gallery.problem(name)
        points = inside(problem)
        for again in (pickle.loads(pickle.dumps(problem)), copy.deepcopy(problem)):
            np.testing.assert_array_equal(again.reference(points), problem.reference(points))
            assert str(again.equations) == str(problem.equations)


# References


@pytest.mark.parametrize("viscosity", [1.0, 0.1, 0.01, 0.01 / pi, 1e-3, 1e-4])
def test_the_integral_of_cole_and_hopf_is_accurate(viscosity):
    points = grid(-1, 1)
    points[:, 0] **= 3  # most of them in the layer
    u = cole_hopf(viscosity, points)
    assert np.abs(u - cole_hopf(viscosity, points, 2.0)).max() < 3e-16 + 1e-15 / (pi * viscosity)
    start = points[:, 1] == 0
    np.testing.assert_allclose(u[start], -np.sin(pi * points[start, 0]), atol=1e-15)
    np.testing.assert_allclose(u[np.abs(points[:, 0]) == 1], 0, atol=1e-12)


def test_burgers_slope_at_the_origin_agrees_with_the_published_value():
    """-152.00516 at t = 1.6037/pi for viscosity 0.01/pi (Basdevant et al. 1986)."""
    h, t = 1e-7, 1.6037 / pi
    u = cole_hopf(0.01 / pi, np.array([[h, t], [-h, t]]))
    assert (u[0] - u[1]) / (2 * h) == pytest.approx(-152.00516, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "parameters", "bound"),
    [
        (evolutions.korteweg_de_vries, (0.022,), 1e-12),
        (evolutions.korteweg_de_vries, (0.1,), 1e-13),
        (evolutions.kuramoto_sivashinsky, (100 / 16, 100 / 256, 100 / 16**4, 1.0), 1e-10),
        (evolutions.kuramoto_sivashinsky, (1.0, 0.1, 1.0, 0.01), 1e-13),
    ],
)
def test_periodic_references_agree_with_twice_the_modes_and_half_the_steps(make, parameters, bound):
    once, twice = make(*parameters), make(*parameters, 2)
    points = grid(0, 2, once.edges[-1])
    assert relative(once(points), twice(points)) < bound
    assert once.tail < 1e-12


def test_allen_cahn_agrees_with_twice_the_modes_and_half_the_steps():
    once, twice = evolutions.allen_cahn(0.01, 1.0), evolutions.allen_cahn(0.01, 1.0, 2)
    points = grid(-1, 1)
    assert relative(once(points), twice(points)) < 1e-11
    start = points[points[:, 1] == 0]
    np.testing.assert_array_equal(once(start), start[:, 0] ** 2 * np.cos(pi * start[:, 0]))
    # Between the first modes and the last there is a linear tail: it matters near the kink.
    early = np.column_stack([np.linspace(0.9, 1, 50), np.full(50, 1e-6)])
    bare = once.solution(early) - twice(early)
    assert np.abs(once(early) - twice(early)).max() < 1e-2 * np.abs(bare).max()


def test_modes_of_the_kinked_initial_values():
    x, w = np.polynomial.legendre.leggauss(80)
    k = np.arange(12)
    found = (w * x**2 * np.cos(pi * x) * np.cos(pi * np.outer(k, x))).sum(axis=1) / (1 + (k == 0))
    np.testing.assert_allclose(evolutions._kinked(k), found, atol=1e-15)


def test_exponential_weights_against_formulas():
    """int_0^t exp(z (t - s)) s ds = (exp(z t) - 1 - z t)/z^2, for stiff, oscillatory and small exponents."""
    z = np.array([-1e5, -30.0, -1e-3, 25.0, 3e3j, 1j, -2 + 5j])
    nodes = (1 - np.cos(pi * np.arange(8) / 7)) / 2
    decay, weights = periodic.exponential_weights(z, nodes)
    np.testing.assert_allclose(decay, np.exp(np.outer(nodes, z)), rtol=1e-15)
    found = np.einsum("jmk,m->jk", weights, nodes)
    series = nodes[:, None] ** 2 * sum(
        np.outer(nodes, z) ** n / np.prod(np.arange(1.0, n + 3)) for n in range(6)
    )
    large = (np.exp(np.outer(nodes, z)) - 1 - np.outer(nodes, z)) / z**2
    expected = np.where(np.abs(z) < 0.1, series, large)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_a_linear_equation_is_solved_exactly_and_an_unresolved_one_refused():
    equation = periodic.PeriodicEquation(
        2 * pi, 1.0, lambda k: -(k**2) + 3j * k, lambda k: 0.0 * k, np.square, 2
    )
    solution = periodic.evolve(equation, np.array([0.5, 1.0, 0.25j]), 0.0, 0.5)
    x, t = np.array([[0.3, 0.0], [1.1, 0.7], [5.0, 1.0]]).T
    exact = 0.5 + np.exp(-t) * np.cos(x + 3 * t) - 0.25 * np.exp(-4 * t) * np.sin(2 * (x + 3 * t))
    np.testing.assert_allclose(solution(np.column_stack([x, t])), exact, atol=1e-14)
    blowing_up = periodic.PeriodicEquation(2.0, 1.0, lambda k: 0.0 * k, lambda k: 1.0 + 0.0 * k, np.square, 2)
    with pytest.raises(ArithmeticError, match=r"not resolved after t = 0\.4"):
        periodic.evolve(blowing_up, np.array([2.0, 0.0]), 0.0, 0.25)


def test_a_singular_function_with_an_unknown_coefficient():
    problem = gallery.problem("l-shape-singular")
    with pytest.warns(SolutionWarning, match="up to a relative residual of 0.004"):
        found = problem.solve(levels=3)
    assert problem.error(found)["v"] < 1e-3
    assert found.constants["c0"] == pytest.approx(torsion().coefficients[0] / 2 ** (1 / 3), abs=0.02)
    assert problem.error(problem.reference)["v"] == 0
    regular_part = problem.error(lambda points: found(points))  # a function is compared as it is
    assert regular_part["v"] > 0.1


def test_the_l_shape():
    u = torsion()
    assert u.boundary_error < 1e-12  # which bounds the error, by the maximum principle
    other = torsion(30, 30, 120)
    points = gallery.l_shape().points(3000)
    assert np.abs(u(points) - other(points)).max() < 2 * other.boundary_error < 1e-10
    mirrored = -points[:, ::-1]
    np.testing.assert_allclose(u(mirrored), u(points), atol=1e-13)
    h = 1e-3
    at = np.array([-0.4, 0.2])
    around = u(at + h * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]))
    assert (around[1:].sum() - 4 * around[0]) / h**2 == pytest.approx(-1, abs=1e-5)
    diagonal = np.linspace(0.2, 0.5, 3001)
    assert u(np.column_stack([-diagonal, diagonal])).max() == pytest.approx(0.149412398, abs=1e-8)


def test_the_integral_over_the_l_agrees_with_published_energies():
    """0.2140758, the square of the energy norm by adaptive finite elements."""
    edges = np.concatenate([[0.0], 2.0 ** -np.arange(20.0, 0, -1)])
    edges = np.concatenate([edges, 1 - edges[-2::-1]])
    y, w = np.polynomial.legendre.leggauss(8)
    length = np.diff(edges)
    x = ((edges[1:] + edges[:-1])[:, None] / 2 + length[:, None] / 2 * y).ravel()
    weight = np.outer(length / 2, w).ravel()
    total = 0.0
    for corner in ((0, 0), (-1, 0), (-1, -1)):
        points = np.stack(np.meshgrid(x + corner[0], x + corner[1], indexing="ij"), axis=-1).reshape(-1, 2)
        total += np.outer(weight, weight).ravel() @ torsion()(points)
    assert total == pytest.approx(0.2140758, abs=5e-8)


@pytest.mark.parametrize(("lid", "bound"), [("parabolic", 3e-6), ("uniform", 2e-4)])
def test_the_cavity_satisfies_its_conditions_and_converges(lid, bound):
    flow, finer = (cavities.cavity(100.0, lid, degree) for degree in (28, 36))
    s = np.linspace(0.01, 0.99, 99)
    zero, one = np.zeros_like(s), np.ones_like(s)
    top = np.column_stack([4 * s * (1 - s) if lid == "parabolic" else one, zero])
    np.testing.assert_allclose(flow(np.column_stack([s, one])), top, atol=1e-9)
    for wall in ((s, zero), (zero, s), (one, s)):
        np.testing.assert_allclose(flow(np.column_stack(wall)), 0, atol=1e-9)
    points = gallery.cavity(lid=lid).points(2500)
    assert relative(flow(points), finer(points)) < bound


def test_extrema_in_the_cavity_are_those_of_botella_and_peyret():
    """On the centre lines at Reynolds number 100: -0.2140424, 0.1795728 and -0.2538030."""
    flow = cavities.cavity(100.0, "uniform", 36)
    s = np.linspace(0.001, 0.999, 20001)
    half = np.full_like(s, 0.5)
    u, v = flow(np.column_stack([half, s]))[:, 0], flow(np.column_stack([s, half]))[:, 1]
    assert [u.min(), v.max(), v.min()] == pytest.approx([-0.2140424, 0.1795728, -0.2538030], abs=1e-7)


def test_corner_flows_satisfy_their_equations():
    """r F is biharmonic, and r^2 G balances its inertia; both by differences in the plane."""
    first, second = corner_flows.corner_flows(100.0, "uniform")
    h, at = 1e-2, np.array([0.4, 0.3])
    offsets = h * np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    along, below = (at + offsets).T

    def biharmonic(flow):
        omega = flow.evaluate(along, below)[3].reshape(5, 5)
        line = np.array([-1, 16, -30, 16, -1]) / (12 * h**2)
        return line @ omega[:, 2] + line @ omega[2]

    centre = [np.array([each]) for each in at]
    psi_a, psi_b, _, omega_a, omega_b = (first.evaluate(*centre)[i][0] for i in (1, 2, 3, 4, 5))
    assert biharmonic(first) == pytest.approx(0, abs=1e-4)
    inertia = 100.0 * (psi_a * omega_b - psi_b * omega_a)
    assert biharmonic(second) == pytest.approx(inertia, rel=1e-4)
    assert second.evaluate(*centre)[6][0] == pytest.approx(inertia, rel=1e-9)
    (third,) = corner_flows.corner_flows(100.0, "parabolic")
    assert biharmonic(third) == pytest.approx(0, abs=1e-4)


def test_epidemics():
    t = np.linspace(0, 60, 301)
    s, i, r = epidemic(t, 0.4, 0.1, 1e-3, 60.0).T
    np.testing.assert_allclose(s + i + r, 1, atol=1e-14)
    # The first integral of Kermack & McKendrick: I + S - (g/b) log S.
    first = i + s - 0.25 * np.log(s)
    np.testing.assert_allclose(first, first[0], atol=1e-13)
    np.testing.assert_allclose(epidemic(t, 0.4, 0.1, 1e-3, 60.0, 0.1)[:, 0], s, atol=1e-13)
    assert 0.02 < s[-1] < 0.03


# Arguments


def test_parameters_reach_the_problems():
    assert gallery.problem("burgers", viscosity=0.02).parameters == {"viscosity": 0.02}
    assert gallery.problem("burgers-steep").parameters["viscosity"] == 0.01 / pi
    assert gallery.problem("cavity-uniform").name == "cavity-uniform"
    assert gallery.burgers().record == 7.97e-14
    assert gallery.burgers(0.01 / pi).record == 8e-9
    assert gallery.burgers(0.02).record is None
    assert gallery.cavity(lid="uniform").record is None
    modes = gallery.helmholtz((2, 3), 5.0)
    assert "5" in modes.title
    assert gallery.problem("poisson-5d", dimensions=3).points(100).shape[1] == 3


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: gallery.problem("burger"), ValueError, "name must be one of 'burgers'"),
        (lambda: gallery.problem(3), ValueError, "name must be one of"),
        (
            lambda: gallery.problem("burgers", nu=0.1),
            TypeError,
            "nu is not a parameter of burgers, which takes",
        ),
        (lambda: gallery.problem("poisson", n=1), TypeError, "takes no parameters"),
        (lambda: gallery.burgers(1e-5), ValueError, "viscosity must be"),
        (lambda: gallery.burgers("0.1"), TypeError, "viscosity must be a real number"),
        (lambda: gallery.burgers(np.nan), ValueError, "viscosity must be finite"),
        (lambda: gallery.helmholtz((1, 2, 3)), ValueError, "modes must hold two integers"),
        (lambda: gallery.helmholtz((0, 2)), ValueError, r"modes\[0\] must be"),
        (lambda: gallery.helmholtz(wave_number=pi / 2**0.5), ValueError, "resonance"),
        (lambda: gallery.interface(0.3), ValueError, "contrast must be 1/n"),
        (lambda: gallery.poisson_products(3), ValueError, "dimensions must be even"),
        (lambda: gallery.poisson_additive(2.0), TypeError, "dimensions must be an integer"),
        (lambda: gallery.kuramoto_sivashinsky(beta=1.0), ValueError, "must be at most 30"),
        (lambda: gallery.cavity(500), ValueError, "reynolds must be"),
        (lambda: gallery.cavity(300, "uniform"), ValueError, "reynolds must be"),
        (lambda: gallery.cavity(lid="round"), ValueError, "lid must be one of"),
        (lambda: gallery.epidemic(10.0, 10.0), ValueError, "end must be"),
        (lambda: gallery.poisson().points(0), ValueError, "count must be at least 1"),
        (lambda: gallery.poisson().points(2**50), MemoryError, "points"),
        (lambda: gallery.poisson().error(3), TypeError, "solution must be callable"),
        (lambda: gallery.poisson().error(np.sum, [[0.0]]), ValueError, "points must have shape"),
        (lambda: gallery.poisson().error(np.sum, [[0.0, 2.0]]), ValueError, "points must lie in the domain"),
        (lambda: gallery.l_shape().error(np.sum, [[0.5, -0.5]]), ValueError, "points must lie in the domain"),
        (
            lambda: gallery.disk().error(lambda p: p[:, 0], [[1.0, 0.0]]),
            ValueError,
            "points must hold some where",
        ),
        (lambda: gallery.l_shape().reference([[0.5, -0.5]]), ValueError, "points must lie in the L"),
        (lambda: gallery.wave().reference([[0.5]]), ValueError, "points must have shape"),
        (lambda: gallery.kovasznay().error(lambda p: p), ValueError, "must have 3 columns"),
        (lambda: gallery.poisson().error(lambda p: p.astype(str)[:, 0]), TypeError, "must be numbers"),
    ],
)
def test_bad_input(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


KNOWN = ("burgers", "korteweg-de-vries", "kuramoto-sivashinsky", "l-shape", "epidemic")


@pytest.mark.parametrize("name", KNOWN)
def test_computed_references_refuse_points_where_they_are_not_known(name):
    problem = gallery.problem(name)
    points = problem.points(50)
    found = problem.reference(points)
    beyond = points.copy()
    beyond[3, -1] += 100
    with pytest.raises(ValueError, match=r"points must lie in the box .* at index 3"):
        problem.reference(beyond)
    with pytest.raises(ValueError, match="points must have shape"):
        problem.reference(points[:, :0])
    np.testing.assert_array_equal(problem.reference(points.tolist()), found)


def test_errors_leave_out_constants_and_read_parts_of_complex_values():
    flow = gallery.kovasznay()
    assert flow.error(lambda p: flow.reference(p) + np.array([0, 0, 5]))["p"] < 1e-14
    wave = gallery.schroedinger()
    both = lambda p: np.column_stack([wave.reference(p).real, wave.reference(p).imag])  # noqa: E731
    assert wave.error(both) == {"h": 0.0}


def test_a_problem_is_solved():
    x = sympy.symbols("x")
    u = sympy.Function("u")(x)
    made = gallery.Problem(
        "line",
        "",
        "",
        (u.diff(x, 2) + 2,),
        (u,),
        {x: (0, 1)},
        (dirichlet(u, 0),),
        formulas((x,), x * (1 - x)),
    )
    assert made.error(made.solve(seed=1, levels=1))["u"] < 1e-9
