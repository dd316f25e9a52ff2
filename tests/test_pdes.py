"""The problems: their references satisfy equations and conditions."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

import splinekan as sk
from splinekan.problems import boundary as pdes
from splinekan.problems import networks

PROBLEMS = {name: make() for name, make in pdes.PROBLEMS.items()}
POSED = {name: problem for name, problem in PROBLEMS.items() if problem.form is None}


def jets_of(problem, equation, points):
    """Taylor coefficients of the reference, by polynomials fitted along the directions."""
    taylor = [problem.reference(points)]
    nodes = np.cos(np.pi * (np.arange(9) + 0.5) / 9)
    for direction, order in zip(equation.directions, equation.orders, strict=True):
        step = 0.004 if problem.name == "allen-cahn" else 0.02  # it has sharper layers
        # A point at the edge is left alone on its side: shift the nodes to where the solution is smooth.
        shift = np.zeros(len(points))
        if problem.name == "interface" and direction[0]:
            shift = np.where(np.abs(points[:, 0]) < step, step * np.sign(points[:, 0]), 0.0)
        if direction[1] and problem.variables_are_time:
            shift = np.where(points[:, 1] < step, step, shift)
        values = [
            problem.reference(points + (shift + step * s)[:, None] * np.array(direction)) for s in nodes
        ]
        fit = np.polynomial.Polynomial
        coefficients = np.linalg.solve(np.vander(nodes, increasing=True), np.array(values))
        for m in range(1, order + 1):
            around = [
                fit(c).deriv(m)(-s / step) / np.prod(np.arange(1, m + 1)) / step**m
                for c, s in zip(coefficients.T, shift, strict=True)
            ]
            taylor.append(np.array(around))
    return np.stack(taylor, axis=1)[:, :, None]


@pytest.mark.parametrize("name", POSED)
def test_the_reference_solves_the_problem(name):
    problem = PROBLEMS[name]
    object.__setattr__(problem, "variables_are_time", name in ("advection", "burgers", "allen-cahn", "kdv"))
    for block in problem.blocks(problem.uniform((6, 5)), 2):
        equation = block.equation
        sides = [block.points] if block.minus is None else [block.points, block.minus]
        residuals = [equation.evaluate(p, jets_of(problem, equation, p))[0] for p in sides]
        r = residuals[0] - (residuals[1] if len(sides) == 2 else 0)
        assert np.abs(r).max() < 2e-4 * 10**equation.order, equation.residual


@pytest.mark.parametrize("name", PROBLEMS)
def test_weights_are_those_of_means(name):
    problem = PROBLEMS[name]
    interior, *conditions = problem.blocks(problem.uniform((3, 4)))
    np.testing.assert_allclose(interior.weight.sum(), 2 * problem.scale)
    for block in conditions:
        same = [condition for condition in problem.conditions if condition.equation is block.equation]
        np.testing.assert_allclose(block.weight.sum(), 2 * sum(condition.weight for condition in same))
        assert (block.minus is None) == (same[0].minus is None)
    assert problem.source
    theta = np.zeros(problem.network.n_parameters)
    assert (
        problem.solution(problem.network, theta, problem.blocks(problem.uniform((2, 2)))[0].points).ndim == 1
    )
    assert problem.network.n_in == problem.n_inputs
    assert problem.relative_error(problem.reference) == 0
    assert problem.relative_error(lambda p: 2 * problem.reference(p)) == pytest.approx(1)


def test_adapted_cells_gather_where_the_solution_is_steep():
    problem = PROBLEMS["burgers"]
    x, t = problem.adapted(problem.reference, (40, 10))
    np.testing.assert_array_equal([x[0], x[-1], t[0], t[-1]], [-1, 1, 0, 1])
    assert np.diff(x).min() < 0.01  # the layer at x = 0 is about 0.03 wide
    assert np.diff(x).max() < 2 * 2 / 40 + 1e-12  # half of the cells are spread evenly


def test_reweighted_problems():
    problem = PROBLEMS["interface"].reweighted(1e-2, 1.0, 0.1)
    assert problem.scale == 1e-2
    assert [condition.weight for condition in problem.conditions] == [1.0, 1.0, 1.0, 1.0, 0.1]
    with pytest.raises(ValueError, match="2 different conditions"):
        problem.reweighted(1.0, 1.0)


def test_the_allen_cahn_reference_converges():
    x, t = np.random.default_rng(0).uniform(0, 1, (2, 4000))
    coarse, fine = (
        pdes.allen_cahn_solution(modes=m, steps=s)(2 * x - 1, t) for m, s in ((512, 250), (1024, 500))
    )
    best = pdes.allen_cahn_solution()(2 * x - 1, t)
    errors = [np.linalg.norm(u - best) / np.linalg.norm(best) for u in (coarse, fine)]
    assert errors[1] < errors[0] / 2
    assert errors[1] < 1e-5


def test_built_in_conditions_hold_for_any_network():
    soft, hard = PROBLEMS["allen-cahn"], PROBLEMS["allen-cahn-hard"]
    network = sk.KAN.splines([hard.n_inputs, 3, 1], 3, 4, (-1.0, 1.0))
    theta = np.random.default_rng(0).normal(size=network.n_parameters)
    x = np.linspace(0, 1, 41)

    def u(at_x, at_t):
        points = np.stack(np.broadcast_arrays(at_x, at_t), axis=1)
        return hard.solution(network, theta, points)

    np.testing.assert_allclose(u(x, 1e-20), x**2 * np.cos(np.pi * x), atol=1e-11)
    np.testing.assert_allclose(u(1e-4, x[1:]), u(0.0, x[1:]), atol=1e-6)  # no slope at 0, nor at 1
    np.testing.assert_allclose(u(1 - 1e-5, x[1:]), u(1.0, x[1:]), atol=1e-6)
    # Both residuals are the same function of u: differences of u against what the jets say.
    points = np.stack([x[5:15], np.linspace(0.2, 0.8, 10)], axis=1)
    h = 1e-3

    def at(dx, dt):
        return u(points[:, 0] + dx * h, points[:, 1] + dt * h)

    u_t = (8 * (at(0, 1) - at(0, -1)) - at(0, 2) + at(0, -2)) / (12 * h)
    u_xx = (at(1, 0) - 2 * at(0, 0) + at(-1, 0)) / h**2
    jets = np.stack([at(0, 0), u_t, at(0, 0), u_xx / 2], axis=1)
    order = [soft.equation.directions.index((0, 1)), soft.equation.directions.index((1, 0))]
    jets = jets if order == [0, 1] else jets[:, [0, 2, 3, 1]]
    expected, _ = soft.equation.evaluate(points, jets[:, :, None])
    np.testing.assert_allclose(hard.residual(network, theta, points), expected, rtol=1e-4, atol=1e-4)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="burgers"):
        pdes.problem("burger")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        *(
            (lambda f=f, v=v: f(v), "viscosity must be")
            for f in (pdes.burgers, pdes.burgers_hard)
            for v in (0, -1, np.nan, np.inf, "a", None, 1e-9, 1e9, 1j)
        ),
        *(
            (lambda f=f, v=v: f(v), "diffusion must be")
            for f in (pdes.allen_cahn, pdes.allen_cahn_hard, pdes.allen_cahn_solution)
            for v in (0, -1, np.nan, "a", 1e-12, 1e9)
        ),
        *(
            (lambda f=f, v=v: f(1e-4, v), "rate must be|at least rate")
            for f in (pdes.allen_cahn, pdes.allen_cahn_solution)
            for v in (-1, np.inf, "a", 1e9)
        ),
        *((lambda v=v: pdes.advection(v), "speed must be") for v in (np.nan, 1e300, "a", 1j)),
        (lambda: pdes.allen_cahn_solution(modes=1001), "modes must be even"),
        (lambda: pdes.allen_cahn_solution(modes=16), "diffusion must be at least"),
        (lambda: pdes.allen_cahn_solution(steps=5), "rate must be at most"),
        (lambda: pdes.allen_cahn_solution([1], {}), "diffusion"),
        (lambda: pdes.problem(3), "name must be one of"),
        (lambda: pdes.problem(None), "name must be one of"),
    ],
)
def test_parameters_beyond_what_a_reference_resolves_are_refused(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


def test_the_cole_hopf_quadrature_is_right_at_both_ends_of_its_range():
    """Against the trapezoidal rule in z, which converges faster than any power for an entire integrand."""
    for viscosity in (1e-3, 1.0):
        x, t = np.array([0.03, 0.5, 0.9]), np.array([1.0, 0.6, 0.3])
        z = np.linspace(-40, 40, 800001)
        want = []
        for place, time in zip(x, t, strict=True):
            exponent = -np.cos(np.pi * z) / (2 * np.pi * viscosity) - (place - z) ** 2 / (
                4 * viscosity * time
            )
            kernel = np.exp(exponent - exponent.max())
            want.append(-(np.sin(np.pi * z) @ kernel) / kernel.sum())
        got = pdes.burgers(viscosity).reference(np.stack([x, t], axis=1))
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-8)


def test_the_allen_cahn_reference_is_known_on_the_unit_interval_only():
    u = pdes.allen_cahn_solution(modes=512, steps=250)
    np.testing.assert_allclose(
        u(np.array([0.3, 2.3]), np.array([0.5, 0.5])), [u(np.array(0.3), np.array(0.5))] * 2
    )
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\]"):
        u(np.array([0.3]), np.array([1.1]))
    with pytest.raises(ValueError, match="same shape"):
        u(np.array([0.3]), np.array([0.1, 0.2]))


X, T = sp.symbols("x t")
U = sp.Function("u")(X, T)
VALUE = sk.Equation(U, U, (X, T))
LINE = sk.Equation(sp.Function("w")(X), sp.Function("w")(X), (X,))
POISSON = PROBLEMS["poisson"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"equation": 3}, "equation must be of type Equation"),
        ({"variable": 2}, "variable must be between 0 and 1"),
        ({"variable": 0.0}, "variable must be an integer"),
        ({"value": np.inf}, "value must be finite"),
        ({"weight": -1}, "weight must be"),
        ({"weight": np.nan}, "weight must be finite"),
        ({"minus": "a"}, "minus must be a real number"),
    ],
)
def test_fields_of_a_condition(fields, words):
    with pytest.raises((TypeError, ValueError), match=words):
        pdes.Condition(**{"equation": VALUE, "variable": 0, "value": 1.0, "weight": 1.0, **fields})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": 3}, "name must be of type str"),
        ({"equation": LINE}, "equation must have two variables"),
        ({"equation": VALUE}, r"conditions\[0\] has variables"),
        ({"bounds": (0,)}, r"bounds\[0\] must be a pair"),
        ({"bounds": ((0, 1),)}, "bounds must hold an interval for each of two variables"),
        ({"bounds": ((0, 1), (1, 1))}, r"bounds\[1\] must be increasing"),
        ({"conditions": (3,)}, r"conditions\[0\] must be of type Condition"),
        ({"reference": 3}, "reference must be callable"),
        ({"network": 3}, "network must be of type KAN"),
        ({"extra": 3}, "extra must be a sequence"),
        ({"scale": -1.0}, "scale must be"),
        ({"form": POISSON.equation}, "form must give u"),
        ({"entering": (None, None)}, "bounds must leave at least one input"),
    ],
)
def test_fields_of_a_problem(fields, words):
    with pytest.raises((TypeError, ValueError), match=words):
        replace(POISSON, **fields)


THETA = np.zeros(POISSON.network.n_parameters)
LINES = [(np.zeros(3), 1.0), (np.zeros(3), 1.0)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: p.blocks([[0, 1]]), "edges must hold two items"),
        (lambda p: p.blocks(3), "edges must be a sequence"),
        (lambda p: p.blocks([[0, 1], [0, 1]], 0), "order must be between"),
        (lambda p: p.uniform((3,)), "cells must hold two items"),
        (lambda p: p.uniform((3, 0)), r"cells\[1\] must be at least 1"),
        (lambda p: p.uniform((3, 2**60)), "cells"),
        (lambda p: p.adapted(3, (3, 3)), "solution must be callable"),
        (lambda p: p.adapted(lambda q: q, (3, 3)), r"solution\(points\) must have shape"),
        (lambda p: p.relative_error(lambda q: q[:, :1]), r"solution\(points\) must have shape"),
        (lambda p: p.relative_error(lambda q: q[:, 0], 1), "points must be at least 2"),
        (lambda p: p.relative_error(lambda q: q[:, 0], 2**40), "points"),
        (lambda p: p.reweighted(np.nan, 1.0), "scale must be finite"),
        (lambda p: p.reweighted(1.0, -1.0), r"weights\[0\] must be"),
        (lambda p: p.reweighted(1.0, "a"), r"weights\[0\] must be"),
        (lambda p: p.posed(np.zeros((3, 2)), "a", LINES), "weights must be"),
        (lambda p: p.posed(np.zeros((3, 2)), 1.0, [LINES[0]]), "along must hold two items"),
        (lambda p: p.posed(np.zeros((3, 2)), 1.0, [LINES[0], (np.zeros(3), np.ones(2))]), r"along\[1\]\[1\]"),
        (lambda p: p.posed(np.zeros(3), 1.0, LINES), "points must have shape"),
        (lambda p: p.pinn(3, []), "network must be of type KAN"),
        (lambda p: p.solution(p.network, THETA[:-1], np.zeros((3, 2))), "theta must have shape"),
        (lambda p: p.residual(p.network, THETA, np.zeros((3, 1))), "points must have shape"),
    ],
)
def test_arguments_of_a_problem(call, words):
    with pytest.raises((TypeError, ValueError, MemoryError), match=words):
        call(POISSON)


def test_an_equation_on_single_and_on_paired_faces_makes_two_blocks():
    faces = (pdes.Condition(VALUE, 0, -1.0, 1.0), pdes.Condition(VALUE, 1, 0.0, 1.0, 1.0))
    problem = replace(PROBLEMS["advection"], conditions=faces)
    _, single, paired = problem.blocks(problem.uniform((2, 2)))
    assert single.minus is None
    np.testing.assert_array_equal(single.points[:, 0], -1)
    np.testing.assert_array_equal(paired.points[:, 1], 0)
    np.testing.assert_array_equal(paired.minus[:, 1], 1)


@pytest.mark.parametrize("make", [networks.bounded, networks.free])
def test_widths_of_networks(make):
    for widths, words in ((3, "widths must be a sequence"), ([2], "at least two"), ([2, 0], r"widths\[1\]")):
        with pytest.raises((TypeError, ValueError), match=words):
            make(widths, 3, 2)
