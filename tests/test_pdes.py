"""The problems: their references fulfil equations and conditions."""

import numpy as np
import pytest

import splinekan as sk
from splinekan import pdes

PROBLEMS = {name: make() for name, make in pdes.PROBLEMS.items()}
POSED = {name: problem for name, problem in PROBLEMS.items() if problem.form is None}


def jets_of(problem, equation, points):
    """Taylor coefficients of the reference, by polynomials fitted along the directions."""
    found = [problem.reference(points)]
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
            found.append(np.array(around))
    return np.stack(found, axis=1)[:, :, None]


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
        same = [one for one in problem.conditions if one.equation is block.equation]
        np.testing.assert_allclose(block.weight.sum(), 2 * sum(one.weight for one in same))
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
    assert [one.weight for one in problem.conditions] == [1.0, 1.0, 1.0, 1.0, 0.1]
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
