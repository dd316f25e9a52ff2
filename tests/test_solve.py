"""`solve`: exact solutions, units, all kinds of conditions, domains and unknowns; refusals and doubts."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from scipy.integrate import solve_bvp, solve_ivp
from sympy import Eq, Function, I, Rational, conjugate, cos, exp, pi, sin, symbols

import splinekan as sk
from splinekan.solving import competition
from splinekan.solving.balance import balanced
from splinekan.solving.doubts import sensitivity
from splinekan.solving.stating import stated

x, y, z, t = symbols("x y z t")
w, u, v = Function("w")(x), Function("u")(x, y), Function("u")(x, t)
a, b = Function("a")(t), Function("b")(t)
SQUARE = {x: (-1, 1), y: (-1, 1)}


def laplace(f, *variables):
    return sum(f.diff(s, 2) for s in variables)


def poisson(truth, domain=None, conditions=None, **options):
    """-Laplace u + u = f with a known solution."""
    residual = laplace(u, x, y) - u - (laplace(truth, x, y) - truth)
    conditions = [sk.dirichlet(u, truth)] if conditions is None else conditions
    return sk.solve(residual, SQUARE, conditions, domain=domain, **options)


# Ordinary equations


def test_against_solve_bvp():
    residual = w.diff(x, 2) + exp(w)  # Bratu's problem
    solution = sk.solve(residual, {x: (0, 1)}, [sk.dirichlet(w, 0)])
    grid = np.linspace(0, 1, 11)
    other = solve_bvp(
        lambda s, q: np.array([q[1], -np.exp(q[0])]),
        lambda p, q: np.array([p[0], q[0]]),
        grid,
        np.zeros((2, 11)),
        tol=1e-10,
        max_nodes=20000,
    )
    np.testing.assert_allclose(solution(grid), other.sol(grid)[0], atol=1e-9)
    np.testing.assert_allclose(solution.evaluate(w.diff(x), grid), other.sol(grid)[1], atol=1e-8)


def test_a_system_against_solve_ivp():
    equations = [a.diff(t) - a + a * b, b.diff(t) + b - a * b]
    solution = sk.solve(equations, {t: (0, 4)}, [sk.initial(a, 2, t), sk.initial(b, 1, t)], levels=5)
    other = solve_ivp(
        lambda s, q: [q[0] - q[0] * q[1], -q[1] + q[0] * q[1]],
        (0, 4),
        [2, 1],
        rtol=1e-12,
        atol=1e-12,
        dense_output=True,
    )
    assert solution.error(lambda p: other.sol(p[:, 0]).T).max() < 1e-8
    assert solution([[0.0], [1.0]]).shape == (2, 2)
    assert solution.residual([[0.5]]).shape == (1, 2)


def test_velocities():
    residual = w.diff(x, 2) + 4 * w
    conditions = [sk.initial(w, 1, x), sk.initial(w.diff(x), 2, x)]
    for exact in (True, False):
        solution = sk.solve(residual, {x: (0, 2)}, conditions, exact=exact, levels=4)
        assert solution.error(cos(2 * x) + sin(2 * x)) < 1e-7


def test_imposed_conditions_hold_to_rounding():
    solution = poisson(exp(x) * sin(y), levels=1)
    assert solution.statement.exact.imposes
    side = np.linspace(-1, 1, 9)
    edge = np.array([(s, e) for s in side for e in (-1, 1)])
    np.testing.assert_allclose(solution(edge), np.exp(edge[:, 0]) * np.sin(edge[:, 1]), atol=4e-15)


# Partial equations


@pytest.mark.parametrize("name", ["square", "disk", "ring", "boxes", "function"])
def test_domains(name):
    truth = x**3 - 2 * x * y**2 + y
    normal = x * truth.diff(x) + y * truth.diff(y)  # on the unit circle
    domain, conditions = {
        "square": (None, [sk.dirichlet(u, truth, on=x), sk.neumann(u, -truth.diff(y), on=Eq(y, -1)),
                          sk.robin(u, 1, -1, truth - truth.diff(y), on=Eq(y, 1))]),
        "disk": (sk.SignedDistance(x**2 + y**2 - 1), [sk.robin(u, 2, 1, 2 * truth + normal)]),
        "ring": ((x**2 + y**2 < 1) & (x**2 + y**2 > Rational(1, 4)), None),
        "boxes": (sk.Boxes([[(-1, 0), (-1, 1)], [(-1, 1), (0, 1)]]), None),
        "function": (
            lambda p: np.hypot(p[:, 0], p[:, 1]) < 1,
            [sk.dirichlet(u, truth, on=[(np.cos(s), np.sin(s)) for s in np.linspace(0, 6.2, 80)])],
        ),
    }[name]  # fmt: skip
    if name == "function":  # points that rounding puts outside
        domain = lambda p: np.hypot(p[:, 0], p[:, 1]) < 1 + 1e-12  # noqa: E731
    solution = poisson(truth, domain, conditions, levels=2)
    assert solution.error(truth) < 1e-7
    assert not solution.warnings


def test_the_heat_equation_with_a_flux():
    truth = exp(-t) * cos(x)
    conditions = [
        sk.initial(v, cos(x), t),
        sk.neumann(v, 0, Eq(x, 0)),
        sk.robin(v, 1, 2, exp(-t) * (cos(1) - 2 * sin(1)), Eq(x, 1)),
    ]
    solution = sk.solve(v.diff(t) - v.diff(x, 2), {x: (0, 1), t: (0, 1)}, conditions, levels=2)
    assert solution.error(truth) < 1e-8


def test_the_wave_equation():
    truth = sin(pi * x) * cos(2 * pi * t)
    conditions = [sk.initial(v, sin(pi * x), t), sk.initial(v.diff(t), 0, t), sk.dirichlet(v, 0, x)]
    solution = sk.solve(v.diff(t, 2) - 4 * v.diff(x, 2), {x: (0, 1), t: (0, 1)}, conditions, levels=2)
    assert solution.error(truth) < 1e-4


@pytest.mark.parametrize("network", ["tensor", None])
def test_periodic_solutions(network):
    truth = sin(pi * (x - t))
    conditions = [sk.initial(v, truth.subs(t, 0), t), sk.periodic(v, x)]
    options = {"network": network} if network else {"hidden": (2,), "levels": 1, "degree": 5}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.SolutionWarning)
        options.setdefault("levels", 3)
        solution = sk.solve(v.diff(t) + v.diff(x), {x: (-1, 1), t: (0, 1)}, conditions, **options)
    ends = np.array([[s, 0.7] for s in (-1.0, 1.0)])
    for expression in (v, v.diff(x), v.diff(x, 2)):
        left, right = solution.evaluate(expression, ends)
        assert left == pytest.approx(right, abs=1e-10)
    if network:
        assert solution.error(truth) < 1e-5


def test_three_variables():
    f = Function("f")(x, y, z)
    truth = exp(x) * sin(y) * z
    residual = laplace(f, x, y, z) - laplace(truth, x, y, z)
    box = {x: (0, 1), y: (0, 1), z: (0, 2)}
    solution = sk.solve(residual, box, [sk.dirichlet(f, truth)], levels=1, degree=4)
    assert solution.error(truth) < 1e-4


def test_four_variables_by_ridge_functions(monkeypatch):
    monkeypatch.setattr(competition, "STARTS", 2)
    variables = symbols("x1:5")
    f = Function("f")(*variables)
    truth = sum(variables) ** 2 / 4
    residual = laplace(f, *variables) - laplace(truth, *variables)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.SolutionWarning)
        solution = sk.solve(
            residual,
            dict.fromkeys(variables, (0, 1)),
            [sk.dirichlet(f, truth)],
            network="ridge",
            exact=False,
            degree=3,
            levels=1,
            points=300,
        )
    assert solution.network_name.startswith("ridge 4-")
    assert solution.error(truth) < 0.02


# Units


def test_units_do_not_matter():
    viscosity = Rational(1, 10)

    def solved(length, time, size):
        speed = length / time / size
        residual = v.diff(t) + speed * v * v.diff(x) - viscosity * length**2 / time * v.diff(x, 2)
        bounds = {x: (300, 300 + length), t: (0, time)}
        start = size * sin(pi * (x - 300) / length)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sk.SolutionWarning)
            solution = sk.solve(residual, bounds, [sk.initial(v, start, t), sk.dirichlet(v, 0, x)], levels=1)
        unit = np.random.default_rng(0).uniform(0, 1, (50, 2))
        points = [300, 0] + unit * [float(length), float(time)]
        return solution(points) / float(size)

    want = solved(1, 1, 1)
    for units in ((Rational(1, 1024), 1, 2**17), (2**10, Rational(1, 2**9), 2**-20)):
        np.testing.assert_allclose(solved(*units), want, atol=1e-7)


def test_scales_come_from_conditions_or_from_the_solution():
    def scale(residual, *conditions):
        return balanced(stated(residual, {x: (0, 2e-3)}, conditions)).scales[0]

    assert scale(w.diff(x) + 500 * w, sk.initial(w, 1e5, x)) == pytest.approx(1e5, rel=0.5)
    # w = 3e4 x (2e-3 - x) is at most 0.03
    assert scale(w.diff(x, 2) + 6e4, sk.dirichlet(w, 0)) == pytest.approx(0.03, rel=0.5)
    # a flux of 7 over a length of 2e-3
    flux = scale(w.diff(x, 2), sk.neumann(w, 7, Eq(x, 2e-3)), sk.dirichlet(w, 0, Eq(x, 0)))
    assert flux == pytest.approx(0.014, rel=0.5)


def test_sizes_of_residuals():
    residual = 1e-6 * laplace(u, x, y)
    made = balanced(
        stated(residual, {x: (0, 2), y: (0, 2)}, [sk.dirichlet(u, 3), sk.neumann(u, 0, Eq(x, 0))])
    )
    assert made.sizes.equations[0] == pytest.approx(1e-6 * made.scales[0] * 3, rel=0.9)
    assert made.sizes.conditions[0] == pytest.approx(made.scales[0], rel=0.3)


# Constants, data, complex unknowns


def test_a_diffusivity_from_data():
    k = sk.Unknown("k", start=1.0)
    truth = exp(-0.3 * pi**2 * t) * sin(pi * x)
    at = np.random.default_rng(0).uniform(0, 1, (30, 2))
    values = np.exp(-0.3 * np.pi**2 * at[:, 1]) * np.sin(np.pi * at[:, 0])
    conditions = [sk.initial(v, sin(pi * x), t), sk.dirichlet(v, 0, x)]
    solution = sk.solve(
        v.diff(t) - k * v.diff(x, 2), {x: (0, 1), t: (0, 1)}, conditions, data=[sk.Data(at, values)], levels=3
    )
    assert solution.constants["k"] == pytest.approx(0.3, abs=1e-8)
    assert solution.error(truth) < 1e-8
    assert solution.standard_errors["k"] < 1e-8
    assert "k          0.3" in str(solution)
    heat = solution.evaluate(k * v.diff(x, 2), at)  # constants have their values
    np.testing.assert_allclose(heat, -0.3 * np.pi**2 * values, atol=1e-6)


def test_noisy_data_lie_within_the_error_bars():
    k1, k2 = sk.Unknown("k1", start=1.0), sk.Unknown("k2", start=1.0)
    times = np.linspace(0.1, 4, 40)[:, None]
    truth = 0.7 / (0.2 - 0.7) * (np.exp(-0.7 * times[:, 0]) - np.exp(-0.2 * times[:, 0]))
    equations = [a.diff(t) + k1 * a, b.diff(t) - k1 * a + k2 * b]
    conditions = [sk.initial(a, 1, t), sk.initial(b, 0, t)]
    scores = []
    for seed in range(4):
        noise = 0.01 * np.random.default_rng(seed).normal(size=40)
        data = sk.Data(times, truth + noise, of=b)
        solution = sk.solve(equations, {t: (0, 4)}, conditions, data=[data], levels=2)
        for name, value in (("k1", 0.7), ("k2", 0.2)):
            scores.append((solution.constants[name] - value) / solution.standard_errors[name])
    assert 0.2 < np.sqrt(np.mean(np.square(scores))) < 2.5


def test_a_constant_that_nothing_determines():
    k, c = sk.Unknown("k", start=2.0), sk.Unknown("c", start=0.5)
    equation = w.diff(x) + k * c * w
    data = sk.Data([[0.5], [1.0]], np.exp([-0.5, -1.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.SolutionWarning)
        solution = sk.solve(equation, {x: (0, 1)}, [sk.initial(w, 1, x)], data=[data], levels=1)
    assert any("nothing determines c, k" in text for text in solution.warnings)
    assert solution.constants["k"] * solution.constants["c"] == pytest.approx(1, abs=1e-5)
    assert solution.standard_errors == {"k": np.inf, "c": np.inf}


def test_an_eigenvalue():
    l = sk.Unknown("l", start=8.0)
    conditions = [sk.dirichlet(w, 0), sk.condition(w.diff(x) - pi, on=Eq(x, 0))]
    solution = sk.solve(w.diff(x, 2) + l * w, {x: (0, 1)}, conditions, levels=3)
    assert solution.constants["l"] == pytest.approx(np.pi**2, abs=1e-8)


def test_complex_unknowns():
    h = Function("h")(x, t)
    truth = exp(I * (x - t / 2))
    side = float(pi)
    conditions = [sk.initial(h, exp(I * x), t), sk.periodic(h, x)]
    equation = I * h.diff(t) + h.diff(x, 2) / 2
    solution = sk.solve(equation, {x: (-side, side), t: (0, 1)}, conditions, levels=2)
    assert solution.unknown == (h,)
    assert solution.error(truth) < 1e-4
    points = np.array([[0.5, 0.5], [1.0, 1.0]])
    np.testing.assert_allclose(solution(points), np.exp(1j * (points[:, 0] - points[:, 1] / 2)), atol=1e-3)
    np.testing.assert_allclose(solution.evaluate(h * conjugate(h), points), 1, atol=1e-3)
    np.testing.assert_allclose(solution.evaluate(h.diff(x), points), 1j * solution(points), atol=1e-3)
    assert solution.residual(points).shape == (2, 2)


# The solution


@pytest.fixture(scope="module")
def solved():
    return poisson(exp(x) * sin(y), levels=2)


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies(solved, way):
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    again = way(solved)
    np.testing.assert_array_equal(again(points), solved(points))
    np.testing.assert_array_equal(again.residual(points), solved.residual(points))
    assert str(again) == str(solved)


def test_derivatives_and_residuals(solved):
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    step = 1e-5 * np.array([1.0, 0.0])
    slope = (solved(points * 0.9 + step) - solved(points * 0.9 - step)) / 2e-5
    np.testing.assert_allclose(solved.evaluate(u.diff(x), points * 0.9), slope, atol=1e-8)
    by_hand = solved.evaluate(laplace(u, x, y) - u, points) + np.exp(points[:, 0]) * np.sin(points[:, 1])
    np.testing.assert_allclose(solved.residual(points)[:, 0], by_hand, atol=1e-11)
    np.testing.assert_allclose(solved.evaluate(x * y, points), points.prod(axis=1))


def test_outside_of_the_domain(solved):
    with pytest.raises(ValueError, match=r"points must lie in the domain, got \[1\.5 0"):
        solved([[0.0, 0.0], [1.5, 0.0]])
    assert np.isnan(solved([[1.5, 0.0]], outside="nan")).all()
    assert solved([[1.01, 0.5]], outside="continue") == pytest.approx(np.exp(1.01) * np.sin(0.5), abs=1e-3)
    with pytest.raises(ValueError, match="outside must be one of"):
        solved([[0.0, 0.0]], outside="zero")
    with pytest.raises(ValueError, match=r"points must have shape \(any, 2\)"):
        solved([0.0, 0.0])


def test_errors(solved):
    truth = exp(x) * sin(y)
    by_points = solved.error(lambda p: np.exp(p[:, 0]) * np.sin(p[:, 1]))
    assert solved.error(truth) == pytest.approx(by_points, rel=1e-3)
    assert solved.error(truth + 1) == pytest.approx(
        np.sqrt(101**2 / np.sum((np.exp(p := solved.sample())[:, 0] * np.sin(p[:, 1]) + 1) ** 2)), rel=1e-6
    )
    with pytest.raises(ValueError, match="exact must not be 0"):
        solved.error(0)
    with pytest.raises(ValueError, match="exact must hold 1 expressions, got 2"):
        solved.error([truth, truth])
    with pytest.raises(ValueError, match=r"exact\(points\) must have shape"):
        solved.error(lambda p: p)
    with pytest.raises(ValueError, match="exact: the expression holds t"):
        solved.error(t)


def test_figures(solved):
    assert len(solved.plot().axes) == 4  # two maps with their colour bars
    with pytest.raises(ValueError, match="unknown must be one of u"):
        solved.plot(w)


def test_the_summary(solved):
    text = str(solved)
    assert "u(x, y) for x in (-1, 1), y in (-1, 1)" in text
    assert "tensor, 285 parameters" in text
    assert solved.n_parameters == 285
    assert len(solved.levels) == 2


def test_the_same_seed_gives_the_same_bits():
    first, second = (poisson(x * y**2, levels=1) for _ in range(2))
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    np.testing.assert_array_equal(first(points), second(points))


def test_a_network_of_the_user():
    network = sk.KAN.splines([1, 2, 1], 5, 4, (-1, 1), extrapolate="polynomial")
    conditions = [sk.initial(w, 1, x)]
    solution = sk.solve(w.diff(x) + w, {x: (0, 1)}, conditions, network=network, levels=1)
    assert solution.error(exp(-x)) < 1e-3
    with pytest.raises(ValueError, match="network must map 2 inputs to 1 outputs, got 1 to 1"):
        poisson(x, network=network)


def test_a_start_away_from_zero():
    solution = sk.solve(w.diff(x) + 1 / w, {x: (0, 1)}, [sk.initial(w, 2, x)], exact=False, levels=3)
    assert solution.error((4 - 2 * x) ** Rational(1, 2)) < 1e-6
    with pytest.raises(ValueError, match="equations must have a finite residual"):
        sk.solve(w.diff(x) + 1 / (w * (w - 2) * (w + 2)), {x: (0, 1)}, [sk.initial(w, 2, x)], exact=False)


# Doubts


def warned(*arguments, **options):
    with pytest.warns(sk.SolutionWarning) as caught:
        solution = sk.solve(*arguments, **options)
    assert [str(each.message) for each in caught] == list(solution.warnings)
    return " ".join(solution.warnings)


def test_missing_conditions():
    assert "0 of about 1 along x" in warned(w.diff(x) + w, {x: (0, 1)}, levels=1)
    one_side = [sk.dirichlet(u, 0, on=y), sk.dirichlet(u, 0, on=Eq(x, 1))]
    assert "1 of about 2 along x" in warned(laplace(u, x, y) + 1, SQUARE, one_side, levels=1)
    assert "up to a constant" in warned(laplace(u, x, y), SQUARE, [sk.neumann(u, 0)], levels=1)


def test_coarse_levels_are_doubted():
    text = warned(
        w.diff(x, 2) + 900 * w,
        {x: (0, 1)},
        [sk.initial(w, 1, x), sk.initial(w.diff(x), 0, x)],
        levels=1,
        slabs=1,
    )
    assert "satisfied only up to a relative residual" in text


def test_false_solutions_are_doubted():
    s, i = Function("s")(t), Function("i")(t)
    equations = [s.diff(t) + s * i / 2, i.diff(t) - s * i / 2 + i / 4]
    conditions = [sk.initial(s, 1, t), sk.initial(i, Rational(1, 1000), t)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.SolutionWarning)
        solution = sk.solve(equations, {t: (0, 60)}, conditions, levels=2, slabs=1)
    assert abs(solution([[60.0]])[0, 1] - 0.2032) > 0.1  # s at the end, by the equation for the final size
    assert solution.warnings


def test_sensitivity_of_a_good_solution(solved):
    statement = solved.pieces[0].statement
    from splinekan.solving.rules import Cells

    other = statement.pinn(solved.pieces[0].network, Cells(statement.region.uniform((11, 11)), 2))
    assert sensitivity(solved.pieces[0], other) < 1e-4


# Refused


UNIT = {x: (0, 1)}


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((w.diff(x), [0, 1]), {}, TypeError, "bounds must be a dictionary"),
        ((w.diff(x), {x: (1, 0)}), {}, ValueError, r"bounds\[x\] must be increasing"),
        ((3, UNIT), {}, TypeError, "equations must be a sequence"),
        ((x + 1, UNIT), {}, ValueError, "equations must hold an unknown function"),
        ((v.diff(x), {t: (0, 1), x: (0, 1)}), {}, ValueError, "bounds must name the variables"),
        ((a.diff(t) + b, {t: (0, 1)}), {}, ValueError, "equations must be at least as many as the unknowns"),
        ((w.diff(x) + y, UNIT), {}, ValueError, r"equations\[0\]: the expression holds y"),
        ((w.diff(x), UNIT, [w]), {}, TypeError, r"conditions\[0\] must be of type Condition"),
        ((w.diff(x), UNIT, [sk.dirichlet(w, y)]), {}, ValueError, r"conditions\[0\]: the expression holds y"),
        ((w.diff(x), UNIT, [sk.dirichlet(w, 0, Eq(x, 2))]), {}, ValueError, "not a part of the boundary"),
        ((w.diff(x), UNIT), {"data": [3]}, TypeError, r"data\[0\] must be Data"),
        ((w.diff(x), UNIT), {"data": [sk.Data([[2.0]], [1.0])]}, ValueError, r"data\[0\] must lie in"),
        ((w.diff(x), UNIT), {"network": "mlp"}, ValueError, "network must be one of"),
        ((w.diff(x), UNIT), {"hidden": (0,)}, ValueError, r"hidden\[0\] must be at least 1"),
        ((w.diff(x, 2), UNIT, [sk.dirichlet(w, 0)]), {"slabs": 2}, ValueError, "slabs must be None or 1"),
        ((w.diff(x), UNIT), {"levels": 0}, ValueError, "levels must be at least 1"),
        ((w.diff(x), UNIT), {"tolerance": 2.0}, ValueError, "tolerance must be in"),
        ((w.diff(x, 2), UNIT, [sk.dirichlet(w, 0)]), {"degree": 2}, ValueError, "degree must be at least 3"),
    ],
)  # fmt: skip
def test_refused(arguments, options, error, text):
    with pytest.raises(error, match=text):
        sk.solve(*arguments, **options)
