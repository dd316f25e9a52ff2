"""Networks that compete for a differential equation."""

import numpy as np
import pytest
from sympy import Function, Rational, cos, pi, sin, symbols

import splinekan as sk
from splinekan.network import KAN, Affine, SplineLayer, initialize
from splinekan.solving import competition, networks
from splinekan.solving.balance import balanced
from splinekan.solving.contenders import Contender
from splinekan.solving.hidden_domains import moved
from splinekan.solving.merging import merged
from splinekan.solving.options import Options
from splinekan.solving.stating import stated
from splinekan.splines.knot_vector import KnotVector

x, y, t = symbols("x y t")
u = Function("u")(x, y)
MANY = symbols("x1:5")
v = Function("v")(*MANY)


def laplace(f, *variables):
    return sum(f.diff(each, 2) for each in variables)


def square(*, nonlinear=False, value=0):
    residual = laplace(u, x, y) + sin(pi * x) + (u**2 if nonlinear else 0)
    return balanced(stated(residual, {x: (-1, 1), y: (-1, 1)}, [sk.dirichlet(u, value)]))


def contender(statement, name, hidden, exact=False, **options):
    architecture = networks.Architecture(name, hidden, exact)
    return Contender(architecture, statement, Options(**options), 0, np.inf)


# Which networks win


def test_an_additive_solution_in_many_variables_takes_a_step():
    truth = sum(cos(pi * each) for each in MANY)
    bounds = dict.fromkeys(MANY, (0, 1))
    solution = sk.solve(laplace(v, *MANY) + pi**2 * truth, bounds, [sk.dirichlet(v, truth)])
    assert solution.network_name == "spline 4-1"
    assert solution.error(truth) < 1e-11
    assert not solution.warnings


def test_a_quadratic_form_is_a_sum_of_squares_after_an_affine_map():
    truth = MANY[0] * MANY[1] + MANY[2] * MANY[3]
    bounds = dict.fromkeys(MANY, (0, 1))
    solution = sk.solve(laplace(v, *MANY), bounds, [sk.dirichlet(v, truth)])
    assert solution.network_name.startswith("ridge 4-")
    assert solution.error(truth) < 1e-10
    assert not solution.warnings
    losers = [level for level in solution.levels if not level.network.startswith("ridge")]
    assert {level.network for level in losers} >= {"spline 4-1"}
    assert all(level.held_out > solution.levels[-1].held_out for level in losers)


def test_ridge_functions_in_two_variables(monkeypatch):
    monkeypatch.setattr(competition, "STARTS", 2)
    truth = sin(x + 2 * y) * cos(x - y)
    residual = laplace(u, x, y) - laplace(truth, x, y)
    box = {x: (-1, 1), y: (-1, 1)}
    solution = sk.solve(residual, box, [sk.dirichlet(u, truth)], network="ridge", levels=2, exact=False)
    assert solution.network_name.startswith("ridge 2-")
    assert solution.error(truth) < 1e-6


def test_the_same_seed_gives_the_same_solution(monkeypatch):
    monkeypatch.setattr(competition, "STARTS", 2)
    box = {x: (-1, 1), y: (-1, 1)}

    def solved(seed):
        residual = laplace(u, x, y) + x * y
        found = sk.solve(residual, box, [sk.dirichlet(u, 0)], hidden=(3,), levels=1, degree=3, seed=seed)
        return found.pieces[0].theta

    with pytest.warns(sk.SolutionWarning):
        first, again, other = solved(0), solved(0), solved(1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


# Who competes


def names(statement, **options):
    return [each.text(2, 1) for each in networks.architectures(statement, Options(**options))]


def test_conditions_exact_and_weighted_compete_where_both_are_possible():
    assert names(square(), hidden=(3,)) == [
        "spline 2-3-1, conditions weighted",
        "spline 2-3-1, conditions exact",
    ]
    assert names(square(), hidden=(3,), exact=True) == ["spline 2-3-1"]
    assert names(square(), hidden=(3,), exact=False) == ["spline 2-3-1"]
    disagreeing = balanced(
        stated(
            laplace(u, x, y),
            {x: (-1, 1), y: (-1, 1)},
            [sk.dirichlet(u, 1, x), sk.dirichlet(u, 0, y)],
        )
    )
    assert names(disagreeing, hidden=(3,)) == ["spline 2-3-1"]
    assert names(square()) == ["tensor"]
    assert len(names(square(), network="compete")) == 10


def test_no_expressions_for_exact_conditions_in_many_variables(monkeypatch):
    statement = balanced(stated(laplace(v, *MANY), dict.fromkeys(MANY, (0, 1)), [sk.dirichlet(v, 1)]))
    monkeypatch.setattr(type(statement), "exact", property(lambda _: pytest.fail("not needed")))
    assert len(networks.architectures(statement, Options())) == 4


def test_a_given_network_competes_alone():
    statement = square()
    network = KAN.splines([2, 3, 1], 5, 3, (-1, 1))
    assert names(statement, network=network, exact=False) == ["given"]
    mine = contender(statement, "given", (), network=network)
    assert mine.network == network
    with pytest.raises(ValueError, match="map 2 inputs to 1 outputs, got 3 to 1"):
        contender(statement, "given", (), network=KAN.splines([3, 1], 5, 3, (-1, 1)))


def test_half_of_those_that_stay_may_have_the_same_architecture():
    class Of:
        def __init__(self, architecture, score):
            self.architecture, self.score = architecture, score

    field = [Of("a", 1.0), Of("a", 2.0), Of("a", 3.0), Of("b", 4.0), Of("c", 1e9), Of("d", np.inf)]
    assert competition._staying(field, 4) == [field[0], field[1], field[3]]
    assert competition._staying(field, 1) == field[:1]
    assert competition._staying(field[:3], 2) == field[:2]


# Training


@pytest.mark.parametrize("nonlinear", [False, True])
def test_the_last_layer_is_solved_for_if_the_equation_is_linear(nonlinear):
    mine = contender(square(nonlinear=nonlinear), "ridge", (4,))
    assert (mine.projected is None) == nonlinear
    if not nonlinear:
        assert mine._last_layer() == (mine.network.offsets[1], mine.network.offsets[2])
        # The residual is affine: the Jacobian of the last layer does not depend on it.
        where = slice(*mine._last_layer())
        other = mine.theta.copy()
        other[where] += 1.0
        before, after = (mine.held_out.jacobian(theta)[:, where] for theta in (mine.theta, other))
        np.testing.assert_allclose(before, after, rtol=1e-9, atol=1e-9 * np.abs(before).max())


def test_training_never_raises_the_held_out_loss_and_refining_keeps_the_function():
    mine = contender(square(), "ridge", (4,), exact=True)
    scores = [mine.score]
    for _ in range(2):
        mine.train(10)
        scores.append(mine.score)
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 1e-2 * scores[0]
    assert mine.held_out.value(mine.theta) == mine.score
    record = mine.record()
    assert record.held_out == mine.score
    assert record.parameters == mine.network.n_parameters
    mine.refine()
    assert mine.network.intervals == 2 * record.intervals


def test_networks_linear_in_theta_are_exact_where_splines_are():
    statement = balanced(stated(laplace(u, x, y) - 4, {x: (0, 1), y: (0, 2)}, [sk.dirichlet(u, x**2 + y**2)]))
    mine = contender(statement, "spline", ())
    mine.train(1)
    assert mine.linear
    assert mine.score < 1e-19


def test_wider_networks_take_more_work():
    one, other = contender(square(), "ridge", (4,)), contender(square(), "ridge", (8,))
    assert other.work > 3 * one.work


# Hidden values and their domains


@pytest.mark.parametrize("first", ["affine", "splines"])
def test_hidden_values_are_moved_into_the_domain(first):
    knots = KnotVector.uniform(-1.5, 1.5, 8, 5)
    ends = [KnotVector.uniform(-1.0, 1.0, 3, 5), KnotVector.uniform(-1.0, 1.0, 4, 5)]
    before = Affine(2, 3) if first == "affine" else SplineLayer(2, 3, ends, extrapolate="polynomial")
    network = KAN((before, SplineLayer(3, 2, knots, extrapolate="polynomial")))
    theta = initialize(network, 0, "greville", bounds=(-1, 1))
    points = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    np.testing.assert_array_equal(moved(network, theta, points), theta)

    theta[: network.offsets[1]] *= 4.0
    c = theta[network.offsets[1] :].reshape(3, knots.n_basis, 2)
    powers = KnotVector.uniform(-1.5, 1.5, 8, 5).greville[:, None]
    c[:] = np.random.default_rng(1).normal(size=(3, 1, 2)) + powers * [1.0, -2.0]  # polynomials are kept
    want = network(theta, points)
    new = moved(network, theta, points)
    hidden = KAN((before,))(new[: network.offsets[1]], points)
    assert np.abs(KAN((before,))(theta[: network.offsets[1]], points)).max() > 2.0
    assert np.abs(hidden).max() <= 1.5
    np.testing.assert_allclose(network(new, points), want, rtol=1e-11, atol=1e-11)


def test_a_polynomial_of_the_full_degree_is_kept():
    knots = KnotVector.uniform(-1.5, 1.5, 4, 3)
    network = KAN((Affine(1, 1), SplineLayer(1, 1, knots, extrapolate="polynomial")))
    at = np.linspace(-1.5, 1.5, 50)
    one = SplineLayer(1, knots.n_basis, knots)
    matrix = one.value(np.eye(knots.n_basis).ravel(), at[:, None])
    cubic = np.linalg.lstsq(matrix, at**3, rcond=None)[0]
    theta = np.concatenate([[5.0, 0.5], cubic])
    points = np.linspace(-1, 1, 41)[:, None]
    want = (5 * points + 0.5) ** 3
    np.testing.assert_allclose(network(theta, points), want, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(network(moved(network, theta, points), points), want, rtol=1e-9, atol=1e-9)


def test_parallel_directions_are_merged():
    knots = KnotVector.uniform(-1.5, 1.5, 4, 3)
    network = KAN((Affine(2, 3), SplineLayer(3, 1, knots, extrapolate="polynomial")))
    theta = initialize(network, 0, "greville", bounds=(-1, 1))
    assert merged(network, theta)[0] is network
    weight = network.layers[0].unpack(theta[: network.offsets[1]])["weight"]
    weight[:, 2] = -0.5 * weight[:, 0]
    c = theta[network.offsets[1] :].reshape(3, knots.n_basis)
    c[2] = knots.greville  # z itself, which splines on all knots hold
    fewer, new = merged(network, theta)
    assert fewer.layers[0].n_out == 2
    points = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    np.testing.assert_allclose(fewer(new, points), network(theta, points), rtol=1e-12, atol=1e-12)


# Warnings


def test_an_unreached_equation_is_doubted():
    residual = u.diff(y) + u * u.diff(x) - Rational(1, 100) * u.diff(x, 2)
    conditions = [sk.initial(u, -sin(pi * x), y), sk.dirichlet(u, 0, x)]
    box = {x: (-1, 1), y: (0, 1)}
    with pytest.warns(sk.SolutionWarning, match="relative residual"):
        sk.solve(residual, box, conditions, hidden=(2,), levels=1, degree=3, exact=False, points=200)
