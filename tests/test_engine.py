"""Which way a statement is solved, what each refuses, and its doubts; unknown constants, domains, layers."""

import warnings

import numpy as np
import pytest
from sympy import Abs, Eq, Function, Rational, cosh, exp, log, pi, sin, symbols

import splinekan as sk
from splinekan.solving import competition, doubts, engine, tensor
from splinekan.solving.meshes import uniform
from splinekan.solving.stating import stated

x, y, t = symbols("x y t")
w, u, v, f = Function("w")(x), Function("u")(x, y), Function("v")(x, t), Function("f")(t)
UNIT, SQUARE = {x: (0, 1)}, {x: (-1, 1), y: (-1, 1)}
DECAY = f.diff(t) + f
START = sk.initial(f, 1, t)
k = sk.Unknown("k", start=1.0)


def laplace(g, *variables):
    return sum(g.diff(s, 2) for s in variables)


# Which way


class TakenError(Exception):
    """Instead of an outcome."""


@pytest.fixture
def ways(monkeypatch):
    """Raise the name of the way that is taken."""

    def raising(name):
        def outcome(*arguments, **options):
            raise TakenError(name)

        return outcome

    monkeypatch.setattr(engine.Marching, "outcome", raising("marching"))
    monkeypatch.setattr(engine.Adaptive, "outcome", raising("adaptive"))
    monkeypatch.setattr(competition, "solve", raising("competition"))


FOUR = symbols("x1:5")
G = Function("g")(*FOUR)


@pytest.mark.parametrize(
    ("problem", "options", "way"),
    [
        ((DECAY, {t: (0, 1)}, [START]), {}, "marching"),
        ((DECAY, {t: (0, 1)}, [START]), {"network": "tensor"}, "marching"),
        ((DECAY, {t: (0, 1)}, [START]), {"slabs": 3}, "marching"),
        ((DECAY, {t: (0, 1)}, [START]), {"slabs": 1}, "adaptive"),
        ((DECAY, {t: (0, 1)}, [START]), {"hidden": (3,)}, "competition"),
        ((DECAY, {t: (0, 1)}, [START]), {"network": "spline"}, "competition"),
        ((DECAY, {t: (0, 1)}, [START]), {"network": sk.KAN.splines([1, 1], 5, 4)}, "competition"),
        ((f.diff(t) + k * f, {t: (0, 1)}, [START]), {"data": [sk.Data([[0.5]], [0.5])]}, "marching"),  # guide
        ((w.diff(x, 2) + 1, UNIT, [sk.dirichlet(w, 0)]), {}, "adaptive"),
        ((w.diff(x, 2) + 1, UNIT, [sk.dirichlet(w, 0)]), {"network": "compete"}, "competition"),
        ((laplace(G, *FOUR), dict.fromkeys(FOUR, (0, 1)), [sk.dirichlet(G, 1)]), {}, "competition"),
    ],
)  # fmt: skip
def test_the_way(ways, problem, options, way):
    with pytest.raises(TakenError, match=way):
        sk.solve(*problem, **options)


@pytest.mark.parametrize(
    ("problem", "options", "text"),
    [
        (
            (laplace(G, *FOUR), dict.fromkeys(FOUR, (0, 1)), [sk.dirichlet(G, 1)]),
            {"network": "tensor"},
            "at most 3 variables, got 4",
        ),
        ((DECAY, {t: (0, 1)}, [START]), {"hidden": (3,), "slabs": 2}, "slabs must be None or 1 for networks"),
        ((DECAY, {t: (0, 1)}, [START]), {"hidden": (3,), "network": "tensor"}, "hidden must be None"),
        (
            (w.diff(x, 2) + 1, UNIT, [sk.dirichlet(w, 0)]),
            {"slabs": 2},
            "do not determine an evolution, got 2",
        ),
    ],
)
def test_refused(ways, problem, options, text):
    with pytest.raises(ValueError, match=text):
        sk.solve(*problem, **options)


def test_slabs_and_the_whole_agree():
    whole, slabs = (sk.solve(DECAY, {t: (0, 2)}, [START], slabs=n) for n in (1, None))
    assert len(whole.pieces) == 1 < len(slabs.pieces)
    times = np.linspace(0, 2, 21)
    np.testing.assert_allclose(whole(times), slabs(times), atol=1e-10)


# Unknown constants in an evolution


TIMES = np.linspace(0.1, 2, 20)[:, None]


def rate(values, start=1.0, **options):
    constant = sk.Unknown("k", start=start)
    return sk.solve(f.diff(t) + constant * f, {t: (0, 2)}, [START], data=[sk.Data(TIMES, values)], **options)


@pytest.mark.parametrize("start", [1.0, 8.0])
def test_a_rate_from_exact_data(start):
    solution = rate(np.exp(-1.5 * TIMES[:, 0]), start)
    assert solution.constants["k"] == pytest.approx(1.5, abs=1e-8)
    assert solution.error(exp(-Rational(3, 2) * t)) < 1e-8
    assert solution.standard_errors["k"] < 1e-8
    assert not solution.warnings


def test_standard_errors_cover_noise():
    """Scores (k - 1.5) / error of 8 samples have a mean square near 1, and the error is that of the data."""
    scores, errors = [], []
    for seed in range(8):
        noise = 0.01 * np.random.default_rng(seed).normal(size=20)
        solution = rate(np.exp(-1.5 * TIMES[:, 0]) + noise, tolerance=1e-5)
        errors.append(solution.standard_errors["k"])
        scores.append((solution.constants["k"] - 1.5) / errors[-1])
    slope = TIMES[:, 0] * np.exp(-1.5 * TIMES[:, 0])
    assert np.median(errors) == pytest.approx(0.01 / np.linalg.norm(slope), rel=0.25)
    assert 0.3 < np.mean(np.square(scores)) < 2.5


def test_a_guide_that_the_time_allowed_cuts_short():
    with pytest.warns(sk.SolutionWarning):
        solution = rate(np.exp(-1.5 * TIMES[:, 0]), seconds=1e-9)
    assert solution.constants["k"] == 1.0  # nothing was done


# Boundary value problems


def test_bratu():
    solution = sk.solve(w.diff(x, 2) + exp(w), UNIT, [sk.dirichlet(w, 0)])
    c = 0.0
    for _ in range(200):  # w = -2 log(cosh((x - 1/2) c / 2) / cosh(c / 4)), c = sqrt(2) cosh(c / 4)
        c = np.sqrt(2) * np.cosh(c / 4)
    assert solution.error(-2 * log(cosh((x - 0.5) * c / 2) / np.cosh(c / 4))) < 1e-9
    assert not solution.warnings


@pytest.mark.parametrize("thin", [100, 1000])
def test_a_boundary_layer(thin):
    """Levels go on while nothing is resolved, though the residual does not fall."""
    residual = -w.diff(x, 2) / thin + w.diff(x) - 1
    solution = sk.solve(residual, UNIT, [sk.dirichlet(w, 0)])
    assert solution.error(x - (exp((x - 1) * thin) - exp(-thin)) / (1 - exp(-thin))) < 1e-6
    breaks = solution.pieces[0].model.network.layers[0].knots[0].breakpoints
    assert np.diff(breaks)[0] > 8 * np.diff(breaks)[-1]


def test_a_kink():
    place = Rational(1, 3)
    solution = sk.solve(w.diff(x) - Abs(x - place), UNIT, [sk.dirichlet(w, 0, Eq(x, 0))])
    assert solution.error(place**2 / 2 + Abs(x - place) * (x - place) / 2) < 1e-12
    assert not solution.warnings


def test_a_domain_of_inequalities():
    truth = exp(x) * sin(2 * y)
    domain = (x**2 + y**2 < 1) & (x**2 + y**2 > Rational(1, 4)) & (x + y > -Rational(1, 2))
    residual = laplace(u, x, y) + u - (laplace(truth, x, y) + truth)
    solution = sk.solve(residual, SQUARE, [sk.dirichlet(u, truth)], domain=domain, tolerance=1e-6)
    assert solution.error(truth) < 1e-6
    assert not solution.warnings


# Limits and doubts


def doubtful(function, *arguments, **options):
    """A solution, whose doubts are all issued."""
    with pytest.warns(sk.SolutionWarning) as caught:
        solution = function(*arguments, **options)
    assert [str(each.message) for each in caught] == list(solution.warnings)
    return solution


def waves(**options):
    truth = sin(9 * x) * sin(8 * y)
    return sk.solve(laplace(u, x, y) - laplace(truth, x, y), SQUARE, [sk.dirichlet(u, truth)], **options)


def test_the_largest_mesh(monkeypatch):
    monkeypatch.setitem(tensor.LARGEST, 2, 200)
    solution = doubtful(waves)
    assert "above the tolerance 1e-08" in solution.warnings[0]
    assert solution.n_parameters <= 200


def test_the_largest_slab(monkeypatch):
    from splinekan.solving import marching, slabs

    for module in (marching, slabs):
        monkeypatch.setattr(module, "LARGEST", 400)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.SolutionWarning)
        solution = sk.solve(
            v.diff(t) - v.diff(x, 2) / 1000,
            {x: (0, 1), t: (0, 1)},
            [sk.initial(v, sin(40 * pi * x), t), sk.dirichlet(v, 0, x)],
            slabs=2,
        )
    assert max(piece.network.n_parameters for piece in solution.pieces) <= 400
    assert any("relative residual is up to" in text for text in solution.warnings)


def test_a_number_of_levels():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.SolutionWarning)
        assert [len(waves(levels=n).levels) for n in (1, 2)] == [1, 2]


def test_a_looser_tolerance_ends_earlier():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.SolutionWarning)
        loose = waves(tolerance=1e-3)
    tight = waves(tolerance=1e-6)
    assert loose.n_parameters < tight.n_parameters
    truth = sin(9 * x) * sin(8 * y)
    assert tight.error(truth) < 1e-6
    assert tight.error(truth) < loose.error(truth) < 1e-2


def test_no_solution():
    beyond = w.diff(x, 2) + 10 * exp(w)  # the fold of Bratu's problem
    solution = doubtful(sk.solve, beyond, UNIT, [sk.dirichlet(w, 0)])
    assert "the relative residual is 1, above" in solution.warnings[0]


def test_a_false_solution_over_the_whole_interval():
    a, b = Function("a")(t), Function("b")(t)
    equations = [a.diff(t) + a * b / 2, b.diff(t) - a * b / 2 + b / 4]
    conditions = [sk.initial(a, 1, t), sk.initial(b, Rational(1, 1000), t)]
    doubtful(sk.solve, equations, {t: (0, 60)}, conditions, slabs=1, levels=2)


def test_hardly_any_time():
    solution = doubtful(waves, seconds=1e-9)
    assert "the relative residual is" in solution.warnings[0]
    assert len(solution.levels) == 1


@pytest.mark.parametrize(
    ("equation", "conditions", "bounds", "text"),
    [
        (
            f.diff(t, 2) - 100 * f,
            [sk.initial(f, 1, t), sk.initial(f.diff(t), -10, t)],
            {t: (0, 3)},
            "small errors grow",
        ),
        (
            f.diff(t, 2) + pi**2 * f,
            [sk.dirichlet(f, 0)],
            {t: (0, 1)},
            "other functions near the solution",
        ),
        (
            f.diff(t, 2) - f,
            2 * [sk.dirichlet(f, 1, Eq(t, 0))],
            {t: (0, 1)},
            "conditions on f seem to be missing",
        ),
        (
            v.diff(t) + v.diff(x),
            [sk.initial(v, sin(pi * x), t)],
            {x: (0, 1), t: (0, 1)},
            "conditions on v seem to be missing",
        ),
    ],
)
def test_solutions_that_may_be_wrong_are_doubted(equation, conditions, bounds, text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.SolutionWarning)
        solution = sk.solve(equation, bounds, conditions, tolerance=1e-6)
    assert any(text in warning for warning in solution.warnings), solution.warnings


def test_sources_between_the_points_are_doubted():
    pulse = 100 * exp(-((100 * t - 631) ** 2))
    statement = stated(f.diff(t) + f - pulse, {t: (0, 10)}, [sk.initial(f, 1, t)])
    missed = {}
    for count in (4, 4096):
        rule = uniform([(0, 10)], (count,), (7,), (False,)).rule()
        missed[count] = doubts.missed(statement, [(rule, 1.0)], {})
    assert not missed[4096]
    assert "given functions in equations[0] vary between the points" in missed[4][0]


def test_networks_of_any_size_are_examined(monkeypatch):
    monkeypatch.setattr(doubts, "MANY", 5)
    with pytest.warns(sk.SolutionWarning, match="other functions near the solution"):
        sk.solve(f.diff(t, 2) + pi**2 * f, {t: (0, 1)}, [sk.dirichlet(f, 0)])


def test_a_constant_that_nothing_determines():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.SolutionWarning)
        solution = sk.solve(f.diff(t) + k * f, {t: (0, 1)}, [START])
    assert solution.standard_errors == {"k": np.inf}
    assert any("nothing determines k" in text for text in solution.warnings)


def test_exact_conditions_are_those_of_the_whole_domain():
    solution = sk.solve(DECAY, {t: (0, 1)}, [START], exact=True)
    assert solution.pieces[0].interval is None
    assert solution([0.0])[0] == 1.0
    with pytest.raises(ValueError, match="slabs must be None or 1 with exact=True, got 3"):
        sk.solve(DECAY, {t: (0, 1)}, [START], exact=True, slabs=3)
