"""Meshes: nested, graded, divided where the parts of a residual are large; the parts predict its decay."""

import numpy as np
import pytest
from sympy import Function, cos, exp, pi, sin, symbols

import splinekan as sk
from splinekan.objectives.pinn import PINN
from splinekan.solving.balance import balanced
from splinekan.solving.meshes import SPARE, Mesh, constant_start, interpolated, measured, uniform
from splinekan.solving.newton import newton
from splinekan.solving.stating import stated

x, y = symbols("x y")
w, u = Function("w")(x), Function("u")(x, y)


def line(breaks, degree=5, periodic=False):
    return Mesh((np.asarray(breaks, float),), (degree,), (periodic,))


def graded(mesh, axis=0):
    widths = np.diff(mesh.breaks[axis])
    if mesh.periodic[axis]:
        widths = np.append(widths, widths[0])
    ratios = widths[1:] / widths[:-1]
    return ratios.max() < 2.01 and ratios.min() > 0.49


# Dividing and merging


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_divided_meshes_are_nested_and_graded(seed, periodic):
    rng = np.random.default_rng(seed)
    mesh = line(np.linspace(-2, 3, 9), periodic=periodic)
    for _ in range(4):
        n = mesh.intervals[0]
        finer = mesh.divided(0, 10 ** rng.uniform(-9, 0, n), 1e-3)
        assert np.isin(mesh.breaks[0], finer.breaks[0]).all()  # bit for bit
        assert (np.diff(finer.breaks[0]) > 0).all()
        assert graded(finer)
        assert mesh.layer(1).knots[0].is_nested_in(finer.layer(1).knots[0])
        mesh = finer


def test_intervals_with_large_parts_are_divided():
    mesh = line(np.linspace(0, 8, 9))
    parts = np.full(8, 1e-12)
    parts[5] = 1.0
    finer = mesh.divided(0, parts, 0.1)  # 20 times too large: two halvings in order 3, and grading
    widths = np.diff(finer.breaks[0])
    inside = (finer.breaks[0][:-1] >= 5) & (finer.breaks[0][:-1] < 6)
    np.testing.assert_allclose(widths[inside], 0.25)
    np.testing.assert_allclose(widths[:4], 1)
    assert graded(finer)
    np.testing.assert_allclose(np.diff(mesh.divided(0, parts, 0.1, 1).breaks[0])[5:7], 0.5)
    np.testing.assert_array_equal(mesh.divided(0, parts, 10.0).breaks[0], mesh.breaks[0])


def test_low_parts_need_more_halvings_in_low_degrees():
    parts = np.full(8, 4.0)
    assert line(np.linspace(0, 1, 9), 7).divided(0, parts, 1.0).intervals == (16,)
    assert line(np.linspace(0, 1, 9), 3).divided(0, parts, 1.0).intervals == (32,)


@pytest.mark.parametrize("periodic", [False, True])
def test_the_neighbours_of_periodic_ends_are_graded(periodic):
    parts = np.full(8, 1e-12)
    parts[0] = 1e9
    widths = np.diff(line(np.linspace(0, 8, 9), periodic=periodic).divided(0, parts, 1.0).breaks[0])
    assert widths[0] == 0.25
    assert widths[-1] == (0.5 if periodic else 1.0)


def test_only_the_axis_named_is_changed():
    mesh = uniform([(0, 1), (0, 2)], (4, 8), (3, 3), (False, False))
    finer = mesh.divided(1, np.ones(8), 0.1, 1)
    assert finer.intervals == (4, 16)
    assert finer.bounds == mesh.bounds == ((0.0, 1.0), (0.0, 2.0))
    assert finer.n_functions == 7 * 19
    assert uniform([(0, 1)], (8,), (3,), (True,)).n_functions == 8


def test_equal_pairs_are_merged():
    tiny = 1e-30
    assert line(np.linspace(0, 1, 9)).merged(0, np.full(8, tiny), 1.0)[0].intervals == (4,)
    # widths 1, 1, 0.5, 0.5, 0.5, 0.5, 1, 1: the large ones wait for their neighbours
    mesh = line([0, 1, 2, 2.5, 3, 3.5, 4, 5, 6])
    once, parts = mesh.merged(0, np.full(8, tiny), 1.0)
    np.testing.assert_allclose(parts, np.array([1, 1, 32, 32, 1, 1]) * tiny)  # quintic
    np.testing.assert_array_equal(once.breaks[0], [0, 1, 2, 3, 4, 5, 6])
    assert np.isin(once.breaks[0], mesh.breaks[0]).all()
    assert graded(once)


def test_unequal_intervals_and_large_parts_stay():
    uneven = line(np.cumsum([0, 1, 1.5, 1, 1.5, 1, 1.5, 1, 1.5]))
    assert uneven.merged(0, np.zeros(8), 1.0)[0].intervals == (8,)
    mesh = line(np.linspace(0, 1, 17))
    limit = SPARE / 2.0**5
    assert mesh.merged(0, np.full(16, 1.01 * limit), 1.0)[0].intervals == (16,)
    assert mesh.merged(0, np.full(16, 0.99 * limit), 1.0)[0].intervals == (8,)
    parts = np.full(16, 1e-30)
    parts[5] = 1.0
    kept = mesh.merged(0, parts, 1.0)[0].breaks[0]
    assert {4 / 16, 5 / 16, 6 / 16} <= set(kept)
    assert len(kept) < 17


def test_at_least_four_intervals_stay():
    mesh = line(np.linspace(0, 1, 7))
    assert mesh.merged(0, np.zeros(6), 1.0)[0] is mesh


# What a residual consists of


def posed(residual, conditions, mesh, domain=None):
    """The statement of a problem in x, or x and y, and its PINN on a mesh."""
    names = (x, y)[: len(mesh.breaks)]
    bounds = dict(zip(names, mesh.bounds, strict=True))
    statement = balanced(stated(residual, bounds, conditions, None, domain, ()))
    if any(statement.periodic()):
        statement = statement.on_periodic_networks()
    return statement, PINN(mesh.network(1), statement.blocks(mesh.rule()), bounds=mesh.bounds)


def solved(*arguments):
    """The same, and theta."""
    statement, pinn = posed(*arguments)
    theta, _, _ = newton(pinn, constant_start(pinn, np.zeros(pinn.network.n_parameters)), 20)
    return statement, pinn, theta


def residual_of(statement, pinn, theta, mesh):
    return measured(pinn, theta, mesh, 1, statement.region, len(pinn.blocks) - 1)


@pytest.mark.parametrize(
    ("residual", "conditions", "periodic", "order"),
    [
        (w.diff(x, 2) + exp(w) / 2 + cos(5 * x), [sk.dirichlet(w, 1)], False, 2),
        (w.diff(x) + w**2 - sin(9 * x), [sk.initial(w, 1, x)], False, 1),
        (w.diff(x, 2) - w + exp(sin(2 * pi * x)), [sk.periodic(w, x)], True, 2),
    ],
)
@pytest.mark.parametrize("degree", [4, 5])
def test_parts_predict_the_decay_of_the_residual(residual, conditions, periodic, order, degree):
    """The last terms that a mesh has are O(h^(k - o)), and the residual O(h^(k - o + 1)): below them."""
    found = []
    for n in (16, 32, 64):
        mesh = uniform([(0, 1)], (n,), (degree,), (periodic,))
        found.append(residual_of(*solved(residual, conditions, mesh), mesh))
    relative = np.array([each.relative for each in found])
    parts = np.array([each.largest[0] for each in found])
    expected = degree - order
    assert np.log2(parts[1] / parts[2]) == pytest.approx(expected, abs=0.4)
    assert np.log2(relative[1] / relative[2]) == pytest.approx(expected + 1, abs=0.4)
    assert (relative < parts).all()
    assert parts[0] < 100 * relative[0]


def test_parts_are_large_where_the_solution_is_rough():
    truth = 1 / (1 + 400 * (x - 0.3) ** 2)
    mesh = uniform([(0, 1)], (20,), (5,), (False,))
    residual = w.diff(x, 2) - w - (truth.diff(x, 2) - truth)
    found = residual_of(*solved(residual, [sk.dirichlet(w, truth)], mesh), mesh)
    middle = (mesh.breaks[0][1:] + mesh.breaks[0][:-1]) / 2
    assert abs(middle[np.argmax(found.parts[0])] - 0.3) < 0.1
    assert found.parts[0][-5:].max() < 1e-2 * found.largest[0]


def test_parts_by_axis():
    mesh = uniform([(0, 1), (0, 1)], (6, 6), (5, 5), (False, False))
    truth = sin(8 * x) * (1 + y)  # linear in y
    residual = u.diff(x, 2) + u.diff(y, 2) - (truth.diff(x, 2) + truth.diff(y, 2))
    found = residual_of(*solved(residual, [sk.dirichlet(u, truth)], mesh), mesh)
    assert found.largest[1] < 0.1 * found.largest[0]


def test_conditions_that_a_mesh_cannot_represent():
    truth = sin(30 * y) * 1e-3  # on one side only
    conditions = [sk.dirichlet(u, truth * (1 - x))]
    mesh = uniform([(0, 1), (0, 1)], (4, 4), (5, 5), (False, False))
    statement, pinn = posed(u.diff(x, 2) + u.diff(y, 2) - truth.diff(y, 2) * (1 - x), conditions, mesh)
    layer = pinn.network.layers[0]
    theta = interpolated(layer, mesh, lambda p: np.sin(30 * p[:, 1:]) * (1 - p[:, :1]))
    found = residual_of(statement, pinn, theta, mesh)
    assert found.relative > 1e-3
    assert found.largest[1] > found.largest[0]


def test_exact_solutions_leave_rounding():
    mesh = uniform([(0, 2)], (6,), (5,), (False,))
    found = residual_of(*solved(w.diff(x, 2) - 2, [sk.dirichlet(w, x**2)], mesh), mesh)
    assert found.relative < 1e-12


def test_coefficients_outside_of_the_domain_do_not_count():
    mesh = uniform([(-1, 1), (-1, 1)], (16, 16), (3, 3), (False, False))
    corner = sk.Boxes([[(-1, 0), (-1, 1)], [(-1, 1), (0, 1)]])  # without x > 0, y < 0
    truth = exp(x) * cos(y)
    residual = u.diff(x, 2) + u.diff(y, 2)
    statement, pinn = posed(residual, [sk.dirichlet(u, truth)], mesh, corner)
    layer = pinn.network.layers[0]
    theta = interpolated(layer, mesh, lambda p: np.exp(p[:, :1]) * np.cos(p[:, 1:]))
    before = residual_of(statement, pinn, theta, mesh)
    wild = theta.reshape(layer.shape).copy()
    wild[-3:, :3] += 1e6
    after = residual_of(statement, pinn, wild.ravel(), mesh)
    assert after.relative == before.relative
    for one, other in zip(after.parts, before.parts, strict=True):
        np.testing.assert_array_equal(one, other)
    wild[:3, :3] += 1e6  # these are inside
    assert residual_of(statement, pinn, wild.ravel(), mesh).largest[0] > 10 * before.largest[0]


def test_held_out_points_are_others():
    mesh = uniform([(0, 1)], (6,), (5,), (False,))
    trained, held_out = mesh.rule().gauss()[0], mesh.rule(shifted=True).gauss()[0]
    assert not np.isin(held_out[3:-3], trained).any()
    assert len(trained) >= mesh.n_functions
    weights = mesh.rule().gauss()[1]
    assert weights.sum() == pytest.approx(1)
