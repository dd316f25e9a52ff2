"""Evolution equations: which they are, exact solutions, tolerances, layers, limits of time."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from sympy import Eq, Function, Integral, Piecewise, Rational, cos, exp, pi, sin, symbols

import splinekan as sk
from splinekan.solving import engine, marching, newton, slabs
from splinekan.solving.balance import balanced
from splinekan.solving.evolution import evolution_variable
from splinekan.solving.stating import stated

x, t, s = symbols("x t s")
F, G = Function("u"), Function("w")
v, w, a, b = F(x, t), G(t), Function("a")(t), Function("b")(t)
BOX, UNIT = {x: (0, 1), t: (0, 1)}, {t: (0, 1)}
HEAT, WAVE = v.diff(t) - v.diff(x, 2), v.diff(t, 2) - 4 * v.diff(x, 2)
START, WALLS, REST = sk.initial(v, sin(pi * x), t), sk.dirichlet(v, 0, x), sk.initial(v.diff(t), 0, t)
LOGISTIC = w.diff(t) - w * (1 - w)
GROWN = 1 / (1 + 99 * exp(-t))
SMALL = sk.initial(w, Rational(1, 100), t)
MODE = exp(-(pi**2) * t) * sin(pi * x)


# Which equations evolve


@pytest.mark.parametrize(
    ("equations", "bounds", "conditions", "options", "axis"),
    [
        (HEAT, BOX, [START, WALLS], {}, 1),
        (HEAT, BOX, [START, sk.periodic(v, x)], {}, 1),
        (HEAT, BOX, [START, WALLS, sk.condition(v, on=Eq(t, 1))], {}, None),  # a final condition
        (HEAT, BOX, [WALLS], {}, None),
        (HEAT, BOX, [sk.periodic(v, t), WALLS], {}, None),
        (HEAT, BOX, [START, WALLS, sk.condition(v, on=[[0.5, 0.5]])], {}, None),  # at a point
        (HEAT, BOX, [START, WALLS], {"data": [sk.Data([[0.5, 0.5]], [0.1])]}, None),
        (HEAT - sk.Unknown("k", start=1.0), BOX, [START, WALLS], {}, None),
        (HEAT, BOX, [START, WALLS], {"domain": x + t < Rational(3, 2)}, None),
        (WAVE, BOX, [START, REST, WALLS], {}, 1),
        (WAVE, BOX, [START, WALLS], {}, None),  # without a velocity
        (w.diff(t) + w, UNIT, [sk.initial(w, 1, t)], {}, 0),
        (w.diff(t) + Integral(G(s), (s, 0, t)), UNIT, [sk.initial(w, 1, t)], {}, None),
        (w.diff(t) + G(t / 2), UNIT, [sk.initial(w, 1, t)], {}, None),  # a delay
        (w.diff(t) + w, UNIT, [sk.condition(w - 1, on=Eq(t, 1))], {}, None),
        ([a.diff(t) + b, b.diff(t) - a], UNIT, [sk.initial(a, 1, t), sk.initial(b, 0, t)], {}, 0),
        ([a.diff(t) + b, b.diff(t) - a], UNIT, [sk.initial(a, 1, t)], {}, None),
        ([a.diff(t) + b, b - a], UNIT, [sk.initial(a, 1, t)], {}, 0),  # differential-algebraic
    ],
)  # fmt: skip
def test_evolution_variable(equations, bounds, conditions, options, axis):
    made = stated(equations, bounds, conditions, None, options.get("domain"), options.get("data", ()))
    assert evolution_variable(balanced(made)) == axis


# Exact solutions


def decay(**options):
    return sk.solve(w.diff(t) + w, {t: (0, 3)}, [sk.initial(w, 1, t)], **options)


def heat(**options):
    return sk.solve(HEAT, {x: (0, 1), t: (0, Rational(1, 2))}, [START, WALLS], **options)


def test_decay():
    solution = decay()
    assert solution.error(exp(-t)) < 1e-13
    assert len(solution.pieces) > 1
    edges = [piece.interval for piece in solution.pieces]
    assert (edges[0][0], edges[-1][1]) == (0.0, 3.0)
    assert all(one[1] == other[0] for one, other in pairwise(edges))
    assert len(solution.levels) == len(edges)


def test_the_wave_equation():
    solution = sk.solve(WAVE, BOX, [START, REST, WALLS])
    assert solution.error(sin(pi * x) * cos(2 * pi * t)) < 1e-9


def test_slabs_join_smoothly():
    solution = heat()
    for piece, after in pairwise(solution.pieces):
        at = np.column_stack([np.linspace(0, 1, 9), np.full(9, piece.interval[1])])
        np.testing.assert_allclose(piece.values(at), after.values(at), atol=1e-9)


@pytest.mark.parametrize("problem", ["logistic", "heat"])
def test_errors_fall_with_the_tolerance(problem):
    errors = []
    for tolerance in (1e-3, 1e-6, 1e-9):
        if problem == "heat":
            errors.append(heat(tolerance=tolerance).error(MODE))
        else:
            solution = sk.solve(LOGISTIC, {t: (0, 40)}, [SMALL], tolerance=tolerance)
            errors.append(solution.error(GROWN))
        assert errors[-1] < tolerance
    assert errors[2] < max(0.1 * errors[1], 1e-11)
    assert errors[1] < max(0.1 * errors[0], 1e-11)


def test_a_tolerance_of_zero_gives_what_rounding_leaves():
    with pytest.warns(sk.SolutionWarning, match="above the tolerance 0"):
        solution = sk.solve(LOGISTIC, {t: (0, 2)}, [SMALL], tolerance=0.0)
    assert solution.error(GROWN) < 1e-13
    assert sk.solve(w.diff(t) + w, UNIT, [sk.initial(w, 0, t)], tolerance=0.0)([[0.5]]) == 0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_given_number_of_slabs(count):
    solution = heat(slabs=count)
    edges = [piece.interval for piece in solution.pieces]
    if count > 1:
        np.testing.assert_allclose(edges, np.linspace(0, 0.5, count + 1)[np.add.outer(range(count), (0, 1))])
    assert len(edges) == count
    assert solution.error(MODE) < 1e-8


def test_a_stiff_equation():
    slow = (10**6 * cos(t) + 1000 * sin(t)) / (10**6 + 1)
    solution = sk.solve(w.diff(t) + 1000 * (w - cos(t)), {t: (0, 1)}, [sk.initial(w, 0, t)], tolerance=1e-6)
    assert solution.error(slow - slow.subs(t, 0) * exp(-1000 * t)) < 1e-6
    lengths = [piece.interval[1] - piece.interval[0] for piece in solution.pieces]
    assert len(lengths) < 12  # steps are not as short as the layer
    times = solution.pieces[0].model.network.layers[0].knots[0].breakpoints
    assert np.diff(times).min() < np.diff(times).max() / 4  # intervals are divided there


def test_an_unstable_equation():
    solution = sk.solve(w.diff(t) - 10 * w, {t: (0, 2)}, [sk.initial(w, 1, t)])
    assert solution.error(exp(10 * t)) < 1e-7
    assert solution([[2.0]])[0] == pytest.approx(np.exp(20), rel=1e-7)


def test_an_epidemic():
    equations = [a.diff(t) + a * b / 2, b.diff(t) - a * b / 2 + b / 4]
    conditions = [sk.initial(a, 1, t), sk.initial(b, Rational(1, 1000), t)]
    solution = sk.solve(equations, {t: (0, 60)}, conditions)
    other = solve_ivp(
        lambda time, z: [-z[0] * z[1] / 2, z[0] * z[1] / 2 - z[1] / 4],
        (0, 60),
        [1, 1e-3],
        method="DOP853",
        rtol=1e-13,
        atol=1e-15,
        dense_output=True,
    )
    assert solution.error(lambda p: other.sol(p[:, 0]).T).max() < 1e-8
    np.testing.assert_allclose(solution([[60.0]])[0], other.y[:, -1], atol=1e-8)


def tent(place):
    return Piecewise((x / place, x < place), ((1 - x) / (1 - place), True))


@pytest.mark.parametrize("place", [Rational(3, 8), Rational(2, 5)])  # in the middle of an interval, and not
def test_the_first_mesh_is_fine_at_a_kink(place):
    with pytest.warns(sk.SolutionWarning):
        solution = sk.solve(HEAT, BOX, [sk.initial(v, tent(place), t), WALLS], tolerance=1e-4, seconds=1e-9)
    knots = (solution.pieces[0].model.network.layers[0].knots[0].breakpoints + 1) / 2
    widths = np.diff(knots)
    middle = (knots[1:] + knots[:-1]) / 2
    assert widths[np.abs(middle - float(place)) < 0.05].min() < widths.max() / 8


def test_a_kink_in_the_initial_values():
    end, place = 0.01, 0.4
    conditions = [sk.initial(v, tent(Rational(2, 5)), t), WALLS]
    solution = sk.solve(HEAT, {x: (0, 1), t: (0, end)}, conditions, tolerance=0.05)
    n = np.arange(1, 2000)[:, None]
    weights = 2 * np.sin(n * np.pi * place) / (n * np.pi) ** 2 / (place * (1 - place))
    places = np.linspace(0, 1, 41)
    want = np.sum(weights * np.exp(-((n * np.pi) ** 2) * end) * np.sin(n * np.pi * places), axis=0)
    found = solution(np.column_stack([places, np.full(41, end)]))
    assert np.abs(found - want).max() < 1e-4


# Units


def test_units_do_not_matter():
    errors = []
    for size, time in ((1, 1), (10**5, Rational(1, 10**6))):
        residual = w.diff(t) - 10 * w * (1 - w / size) / time
        bounds = {t: (0, time)}
        solution = sk.solve(residual, bounds, [sk.initial(w, Rational(size, 100), t)])
        errors.append(solution.error(size / (1 + 99 * exp(-10 * t / time))))
    assert max(errors) < 1e-9
    assert max(errors) < 20 * min(errors)


# Limits of time


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes forward by a second whenever the marching looks at it."""
    seconds = iter(range(1000))
    monkeypatch.setattr(marching, "perf_counter", lambda: float(next(seconds)))
    for module in (engine, slabs, newton):
        monkeypatch.setattr(module, "perf_counter", lambda: 0.0)


def test_the_end_of_the_time_allowed(clock):
    with pytest.warns(sk.SolutionWarning, match="the time limit ended the search at t = ") as caught:
        solution = decay(seconds=6.5)
    assert len(caught) == 1  # what there is meets the tolerance
    end = solution.pieces[-1].interval[1]
    assert 0 < end < 3
    times = np.linspace(0, end, 20)
    np.testing.assert_allclose(solution(times), np.exp(-times), atol=1e-12)
    with pytest.raises(ValueError, match=r"the search ended at t = .*: there is no solution at \[2\.5\]"):
        solution([[0.1], [2.5]])
    assert np.isnan(solution([[0.1], [2.5]], outside="nan")).tolist() == [False, True]
    full = decay()
    assert len(full.pieces) > len(solution.pieces)


def test_hardly_any_time():
    with pytest.warns(sk.SolutionWarning) as caught:
        solution = decay(seconds=1e-9)
    text = " ".join(str(each.message) for each in caught)
    assert "the time limit ended the search" in text
    assert "the relative residual is up to 1" in text
    assert np.isfinite(solution([[0.0]])).all()


def test_an_unfinished_slab_is_left_out(monkeypatch):
    began = iter([0.0] * 3)  # the second slab begins in time, and has none

    monkeypatch.setattr(marching, "perf_counter", lambda: next(began, 10.0))
    monkeypatch.setattr(engine, "perf_counter", lambda: 0.0)
    calls = []
    attempt = slabs.SlabSolver._attempt

    def counted(self, *arguments):
        found = attempt(self, *arguments)
        calls.append(found.residual.relative)
        return found

    monkeypatch.setattr(slabs.SlabSolver, "_attempt", counted)
    monkeypatch.setattr(slabs, "perf_counter", lambda: 10.0 if len(calls) > 1 else 0.0)
    monkeypatch.setattr(newton, "perf_counter", lambda: 10.0 if calls else 0.0)
    with pytest.warns(sk.SolutionWarning, match="ended the search at t = 0.1875") as caught:
        solution = decay(seconds=5.0)
    assert len(caught) == 1
    assert len(calls) == 2
    assert calls[1] > 1e-3
    assert len(solution.pieces) == 1


def test_searches_end_where_solutions_do():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.SolutionWarning)
        solution = sk.solve(w.diff(t) - w**2, {t: (0, 2)}, [sk.initial(w, 1, t)])
    assert any("there is no solution beyond" in text for text in solution.warnings)
    assert solution.pieces[-1].interval[1] < 1.2
    at = np.linspace(0, 0.4, 5)
    np.testing.assert_allclose(solution(at), 1 / (1 - at), rtol=1e-6)
    with pytest.raises(ValueError, match="there is no solution at"):
        solution([1.9])
