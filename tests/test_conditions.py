"""Conditions: what they say, where they hold, and what is refused."""

import copy
import pickle

import numpy as np
import pytest
from sympy import Eq, Function, cos, diff, exp, sin, symbols

import splinekan as sk
from splinekan.solving.conditions import NormalDerivative
from splinekan.solving.exact import exact_conditions
from splinekan.solving.posing import posed
from splinekan.solving.region import region
from splinekan.solving.rules import Cells, Sobol

x, y, t = symbols("x y t")
u, v = Function("u")(x, y), Function("v")(x, y)
BOX = {x: (0, 2), y: (-1, 3)}


def places(condition, where=None, rule=None, closed=(), order=2):
    """The posed residuals of a condition, each with its points."""
    where = where or region(None, BOX)
    rule = rule or Cells(where.uniform((3, 4)), 2)
    return [
        (each.residual, *each.places(rule))
        for each in posed(condition, 0, where, set(closed), lambda *_: order)
    ]


def test_residuals():
    assert sk.dirichlet(u, x).residual == u - x
    assert sk.neumann(u, 2).residual == NormalDerivative(u) - 2
    assert sk.robin(u, 3, x, y).residual == 3 * u + x * NormalDerivative(u) - y
    assert sk.initial(u.diff(y), 1, y).residual == u.diff(y) - 1
    assert sk.condition(Eq(u, v)).residual == u - v
    assert sk.dirichlet(u, 0.1).residual == u - 0.1
    assert sk.dirichlet(u, 0, on=[x, Eq(y, 3)]).on == (x, Eq(y, 3))
    assert sk.dirichlet(u, 0, on=Eq(3, y)).on == (Eq(y, 3),)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: sk.dirichlet(u + 1, 0), TypeError, "u must be an unknown, written u"),
        (lambda: sk.dirichlet(u, "0"), TypeError, "value must be a real number"),
        (lambda: sk.dirichlet(u, np.nan), ValueError, "value must be finite"),
        (lambda: sk.dirichlet(u, 0, on="x"), TypeError, "on must"),
        (lambda: sk.dirichlet(u, 0, on=x > 0), TypeError, "on must be a variable x"),
        (lambda: sk.dirichlet(u, 0, on=Eq(x, y)), TypeError, "on must be a variable x"),
        (lambda: sk.dirichlet(u, 0, on=[[np.nan, 1]]), ValueError, "on must be finite"),
        (lambda: sk.dirichlet(u, 0, weight=0), ValueError, "weight must be positive"),
        (lambda: sk.robin(u, 0, 0, 1), ValueError, "a and b must not both be 0"),
        (lambda: sk.periodic(u, t), ValueError, "x must be a variable of u"),
        (lambda: sk.initial(u, 0, t), ValueError, "t must be a variable of u"),
        (lambda: sk.initial(u.diff(x), 0, y), ValueError, "differentiated with respect to y only"),
        (lambda: sk.condition("u"), TypeError, "residual must be a sympy expression"),
        (lambda: sk.Condition(u, x, None, "cauchy"), ValueError, "kind must be one of"),
    ],
)
def test_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_points_are_copied_and_read_only():
    points = np.ones((3, 2))
    made = sk.dirichlet(u, 0, on=points)
    points[:] = 5
    assert (made.on == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        made.on[0, 0] = 2


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies(way):
    made = way(sk.robin(u, 1, 2, x, on=Eq(x, 0)))
    assert str(made) == "u(x, y) - x + 2*NormalDerivative(u(x, y)) = 0 on x = 0" or "NormalDerivative" in str(
        made
    )
    assert made.residual == sk.robin(u, 1, 2, x).residual


def test_faces():
    ((residual, points, weights, minus),) = places(sk.dirichlet(u, 0, on=x))
    assert residual == u
    assert minus is None
    assert set(points[:, 0]) == {0.0, 2.0}
    assert weights.sum() == pytest.approx(2)  # a mean over each of two faces
    assert weights @ points[:, 1] == pytest.approx(2)  # whose middle is y = 1
    ((_, points, _, _),) = places(sk.dirichlet(u, 0))
    assert len(points) == 2 * 8 + 2 * 6
    ((_, points, _, _),) = places(sk.dirichlet(u, 0), closed=[y])
    assert set(points[:, 0]) == {0.0, 2.0}
    ((_, points, _, _),) = places(sk.initial(u, 0, y))
    assert set(points[:, 1]) == {-1.0}


def test_normals_of_faces():
    found = places(sk.neumann(u, 0))
    assert {residual for residual, *_ in found} == {s * diff(u, a) for s in (1, -1) for a in (x, y)}
    for residual, points, _, _ in found:
        for variable, column in ((x, 0), (y, 1)):
            for sign, end in ((-1, 0), (1, 1)):
                if residual == sign * u.diff(variable):
                    assert set(points[:, column]) == {float(BOX[variable][end])}


def test_normals_of_a_disk_and_of_points():
    where = region(sk.SignedDistance(x**2 + y**2 / 4 - 1), {x: (-1, 1), y: (-2, 2)})
    ((residual, points, _, _),) = places(sk.neumann(u, 0), where)
    form = residual.subs(u, x**2 * y + y).doit()
    for p in points[::10]:
        n = np.array([2 * p[0], p[1] / 2])
        n /= np.linalg.norm(n)
        slope = np.array([2 * p[0] * p[1], p[0] ** 2 + 1])
        assert float(form.subs({x: p[0], y: p[1]})) == pytest.approx(n @ slope, abs=1e-12)
    ((again, some, _, _),) = places(sk.neumann(u, 0, on=points[:5]), where)
    assert again == residual
    np.testing.assert_array_equal(some, points[:5])
    with pytest.raises(ValueError, match="points must lie on the boundary"):
        places(sk.neumann(u, 0, on=[[0.0, 0.5]]), where)
    ((_, points, _, _), (_, others, _, _)) = places(sk.neumann(u, 1, on=[[0.0, 1.0], [1.0, 3.0]]))
    assert len(points) == len(others) == 1


def test_periodic_conditions_match_derivatives_too():
    found = places(sk.periodic(u, x), order=3)
    assert [residual for residual, *_ in found] == [u, u.diff(x), u.diff(x, 2)]
    for _, points, _, minus in found:
        assert (points[:, 0] == 2).all()
        assert (minus[:, 0] == 0).all()
        np.testing.assert_array_equal(points[:, 1], minus[:, 1])


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (sk.dirichlet(u, 0, on=Eq(x, 1)), r"conditions\[0\]: x = 1 is not a part of the boundary"),
        (sk.dirichlet(u, 0, on=t), r"conditions\[0\] must be on variables of bounds, got t"),
        (sk.dirichlet(u, 0, on=[[5.0, 0.0]]), r"conditions\[0\]: the point .* lies outside"),
        (sk.dirichlet(u, 0, on=[[1.0, 0.0, 0.0]]), r"conditions\[0\] must be on points of shape \(n, 2\)"),
    ],
)
def test_places_that_are_not_there(condition, text):
    with pytest.raises(ValueError, match=text):
        places(condition)


def test_functions_have_no_boundary():
    where = region(lambda p: p[:, 0] < p[:, 1], {x: (-1, 1), y: (-1, 1)})
    with pytest.raises(ValueError, match="tells nothing of its boundary"):
        places(sk.dirichlet(u, 0), where)
    ((_, points, _, _),) = places(sk.dirichlet(u, 0, on=[[-0.5, 0.5]]), where)
    assert len(points) == 1


# Exact conditions


def lift(conditions, bounds, unknown=u):
    found = exact_conditions(conditions, [unknown], region(None, bounds))
    return found.lifts[0], found.factors[0], found


def test_boolean_sum_on_a_square():
    truth = exp(x) * sin(y) + x * y**3
    g, factor, found = lift([sk.dirichlet(u, truth)], BOX)
    for variable, ends in BOX.items():
        for end in ends:
            assert abs((g - truth).subs(variable, end).subs({x: 0.3, y: 0.7}).evalf()) < 1e-14
            assert factor.subs(variable, end) == 0
    assert not found.conditions
    assert found.imposes


def test_initial_velocity():
    w = Function("w")(x, t)
    bounds = {x: (0, 1), t: (1, 3)}
    truth = sin(3 * x) * cos(2 * t) + x
    conditions = [
        sk.initial(w, truth.subs(t, 1), t),
        sk.initial(w.diff(t), truth.diff(t).subs(t, 1), t),
        sk.dirichlet(w, truth, x),
    ]
    g, factor, found = lift(conditions, bounds, w)
    assert not found.conditions
    at = {x: 0.37, t: 1.7}
    for form in (g - truth, (g - truth).diff(t)):
        assert abs(form.subs(t, 1).subs(at).evalf()) < 1e-14
    assert abs((g - truth).subs(x, 1).subs(at).evalf()) < 1e-14
    assert factor.diff(t).subs(t, 1) == 0


def test_data_that_disagree_stay_conditions():
    conditions = [sk.dirichlet(u, 0, on=x), sk.dirichlet(u, 1, on=y)]
    _, factor, found = lift(conditions, BOX)
    assert factor == 1
    assert found.conditions == tuple(conditions)
    assert "disagree where faces meet" in found.notes[0]


def test_other_conditions_stay():
    stays = [
        sk.neumann(u, 0, on=Eq(x, 2)),
        sk.dirichlet(u, 0, on=[[1.0, 1.0]]),
        sk.condition(u - v, on=Eq(y, 3)),
    ]
    _, factor, found = lift([*stays, sk.dirichlet(u, 1, on=Eq(x, 0))], BOX)
    assert found.conditions == tuple(stays)
    assert factor == x / 2
    where = region(x**2 + y**2 < 1, {x: (-1, 1), y: (-1, 1)})
    assert not exact_conditions([sk.dirichlet(u, 0)], [u], where).imposes


def test_a_random_rule():
    ((_, points, weights, _),) = places(sk.dirichlet(u, 0, on=Eq(y, 3)), rule=Sobol(64, 0))
    assert (points[:, 1] == 3).all()
    assert len(points) == 64
    assert weights.sum() == pytest.approx(1)
