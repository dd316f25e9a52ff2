"""Domains: points inside, boundaries, means; every kind against known areas and lengths."""

import pickle

import numpy as np
import pytest
from sympy import And, Function, Not, Or, Rational, cos, sin, symbols

import splinekan as sk
from splinekan.solving.patches import Face, Surface
from splinekan.solving.region import region
from splinekan.solving.rules import Cells, Sobol

x, y, t = symbols("x y t")
SQUARE = {x: (-1, 1), y: (-1, 1)}
L = [[(-1, 0), (-1, 1)], [(-1, 1), (0, 1)]]


def triangle(points):
    return points[:, 0] < points[:, 1]


DOMAINS = {
    "box": (None, SQUARE, 4.0),
    "disk": (sk.SignedDistance(x**2 + y**2 - 1), SQUARE, np.pi),
    "disk by an inequality": (x**2 + y**2 < 1, SQUARE, np.pi),
    "L of boxes": (sk.Boxes(L), SQUARE, 3.0),
    "L by inequalities": (Or(x < 0, y > 0), SQUARE, 3.0),
    "hole": (x**2 + y**2 > Rational(1, 4), SQUARE, 4 - np.pi / 4),
    "not a hole": (Not(x**2 + y**2 > Rational(1, 4)), SQUARE, np.pi / 4),
    "ring": (And(x**2 + y**2 < 1, x**2 + y**2 > Rational(1, 4)), SQUARE, 0.75 * np.pi),
    "function": (triangle, SQUARE, 2.0),
}


def rule(where, cells=16, order=3):
    return Cells(where.uniform((cells,) * where.n_variables), order)


@pytest.mark.parametrize("name", DOMAINS)
def test_means_over_the_domain(name):
    domain, bounds, area = DOMAINS[name]
    where = region(domain, bounds)
    points, weights = where.interior(rule(where))
    assert where.contains(points).all()
    assert weights.sum() == pytest.approx(1)
    fine = np.stack(np.meshgrid(*[np.linspace(-1, 1, 801)] * 2, indexing="ij"), -1).reshape(-1, 2)
    inside = fine[where.contains(fine)]
    assert 4 * len(inside) / len(fine) == pytest.approx(area, rel=5e-3)
    want = np.cos(inside[:, 0] + 2 * inside[:, 1]).mean()
    assert weights @ np.cos(points[:, 0] + 2 * points[:, 1]) == pytest.approx(want, abs=6e-3)
    some, share = where.interior(Sobol(512, 0))
    assert share.sum() == pytest.approx(1)
    assert len(some) == pytest.approx(512 * area / 4, rel=0.05)


@pytest.mark.parametrize("name", [name for name in DOMAINS if name != "function"])
def test_the_boundary_is_between_inside_and_outside(name):
    domain, bounds, _ = DOMAINS[name]
    where = region(domain, bounds)
    numbers = {x: lambda p: p[:, 0], y: lambda p: p[:, 1]}
    for patch in where.patches:
        points, weights = patch.points(rule(where))
        assert weights.sum() == pytest.approx(1)
        assert (weights > 0).all()
        assert patch.holds(points).all()
        normal = [np.array([float(n.subs({x: p[0], y: p[1]})) for n in patch.normal]) for p in points]
        np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1)
        step = 1e-5 * np.array(normal)
        assert not where.contains(points + step).any()
        assert where.contains(np.clip(points - step, -1, 1), 0.0).all()
    assert numbers


def test_points_of_a_circle():
    where = region(DOMAINS["disk"][0], SQUARE)
    (patch,) = where.patches
    points, weights = patch.points(rule(where, 20))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, rtol=1e-14)
    angles = np.sort(np.arctan2(points[:, 1], points[:, 0]))
    gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    assert gaps.max() < 2.5 * gaps.mean()  # no long arc without points
    assert weights @ points[:, 0] ** 2 == pytest.approx(0.5, abs=0.01)


def test_an_ellipse_in_unlike_units():
    where = region(
        sk.SignedDistance((x / 1e-6) ** 2 + (y / 1e5) ** 2 - 1), {x: (-1e-6, 1e-6), y: (-1e5, 1e5)}
    )
    (patch,) = where.patches
    points, _ = patch.points(rule(where))
    np.testing.assert_allclose(np.hypot(points[:, 0] / 1e-6, points[:, 1] / 1e5), 1, rtol=1e-13)


def test_a_cylinder_in_time():
    where = region(x**2 + y**2 < 1, SQUARE | {t: (0, 2)})
    kinds = [patch.shape for patch in where.patches]
    assert sorted((s.variable, s.value) for s in kinds if isinstance(s, Face)) == [(2, 0.0), (2, 2.0)]
    (side,) = [patch for patch in where.patches if isinstance(patch.shape, Surface)]
    points, _ = side.points(rule(where, 5))
    np.testing.assert_allclose(np.linalg.norm(points[:, :2], axis=1), 1, rtol=1e-13)
    assert points[:, 2].min() < 0.05
    assert points[:, 2].max() > 1.95
    assert side.normal[2] == 0


def test_faces_of_boxes():
    where = region(sk.Boxes(L), SQUARE)
    lengths = {}
    for patch in where.patches:
        face = patch.shape
        low, high = face.bounds[1 - face.variable]
        key = (face.variable, face.value, face.side)
        lengths[key] = lengths.get(key, 0.0) + high - low
    assert lengths == {
        (0, -1.0, -1): 2.0,
        (0, 1.0, 1): 1.0,
        (0, 0.0, 1): 1.0,
        (1, -1.0, -1): 1.0,
        (1, 1.0, 1): 2.0,
        (1, 0.0, -1): 1.0,
    }
    edges = where.uniform((5, 5))
    assert all(0.0 in t for t in edges)


def test_overlapping_boxes_have_no_inner_faces():
    where = region(sk.Boxes([[(0, 2), (0, 1)], [(1, 3), (0, 1)]]), {x: (0, 3), y: (0, 1)})
    assert {p.shape.value for p in where.patches if p.shape.variable == 0} == {0.0, 3.0}


def test_rounding_at_the_boundary_is_inside():
    for name in ("box", "disk", "ring", "L of boxes"):
        where = region(DOMAINS[name][0], SQUARE)
        points = np.concatenate([patch.points(rule(where))[0] for patch in where.patches])
        assert where.contains(points * (1 + 1e-14)).all()
        assert not where.contains(np.array([[1.1, 0.0]])).any()


@pytest.mark.parametrize(
    ("domain", "bounds", "text"),
    [
        (sk.SignedDistance(x**2 + y**2 + 1), SQUARE, "domain must have points inside"),
        (x > 3, SQUARE, "domain must have points inside"),
        (x**2 + t**2 < 1, SQUARE, "domain: the expression holds t"),
        (sk.Boxes([[(0, 1)]]), SQUARE, "domain must have an interval for each of 2 variables"),
        (sk.Boxes(L), {x: (-1, 2), y: (-1, 1)}, "bounds must be the smallest box around domain"),
        (lambda p: p[:, 0], SQUARE, r"domain\(points\) must be booleans"),
        (None, {x: (1, 0)}, r"bounds\[x\] must be increasing"),
        (None, {x: (0, np.nan)}, r"bounds\[x\]\[1\] must be finite"),
    ],
)
def test_refused_values(domain, bounds, text):
    with pytest.raises(ValueError, match=text):
        region(domain, bounds)


def test_refused_types():
    with pytest.raises(TypeError, match="domain must be None, a SignedDistance"):
        region(3.0, SQUARE)
    with pytest.raises(TypeError, match="expression must be an expression of sympy"):
        sk.SignedDistance(lambda p: p)
    with pytest.raises(TypeError, match=r"boxes\[0\] must be a sequence"):
        sk.Boxes([3])
    with pytest.raises(ValueError, match="same number of intervals"):
        sk.Boxes([[(0, 1)], [(0, 1), (0, 1)]])


def test_pickles():
    for name, (domain, bounds, _) in DOMAINS.items():
        where = region(domain, bounds)
        again = pickle.loads(pickle.dumps(where))
        points = np.random.default_rng(0).uniform(-1, 1, (50, 2))
        np.testing.assert_array_equal(where.contains(points), again.contains(points), err_msg=name)


def test_a_gradient_without_closed_form_is_fine():
    where = region(sk.SignedDistance(sin(x) + cos(3 * y) - 1), SQUARE)
    for patch in where.patches:
        assert len(patch.points(rule(where))[0])
    assert Function("u")(x, y) not in where.variables
