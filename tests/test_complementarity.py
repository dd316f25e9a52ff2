"""Shares of updates outside the coarse tangent space, and sweeps against their symbols."""

from math import factorial

import numpy as np
import pytest
from cases import EPS

import splinekan as sk
from splinekan.complementarity import (
    CUTOFF,
    NOISE,
    ModelProblem,
    Sweep,
    TangentSplit,
    complement_symbol,
    cycle_factor,
    difference_symbol,
    first_updates,
    harmonics,
    mass_symbol,
    nested_factor,
    smoothing_factor,
    sweep_symbol,
)
from splinekan.complementarity.symbols import best_step
from splinekan.optimize import IdentityMap, MatrixMap, ResidualProblem

DEGREES = range(1, 6)
GEOMETRIES = ("spline", "relu")


def share_by_least_squares(jacobian, p, d):
    """The slow twin: min_c |J d - J P c|^2/|J d|^2."""
    y = jacobian @ d
    c = np.linalg.lstsq(jacobian @ p, y, rcond=CUTOFF)[0]
    return np.sum((y - jacobian @ p @ c) ** 2) / np.sum(y**2)


def refined_network(seed=0):
    rng = np.random.default_rng(seed)
    levels = sk.Hierarchy(sk.KAN.affine_first([2, 3, 1], intervals=3), 2)
    theta = sk.initialize(levels.network, rng, noise=0.5)
    x = rng.uniform(0, 1, (300, 2))
    p = np.stack([levels.prolong(e, 0) for e in np.eye(len(theta))], axis=1)
    fine = sk.LeastSquares(levels[1].network, x, np.sin(5 * x[:, 0] * x[:, 1]), 2 / len(x))
    return fine, p @ theta, p, rng


def projection_problem(degree=3, intervals=16, seed=0):
    """One layer in L2, the coarse level solved: (problem, theta, J, r, P), |J d| the L2 norm."""
    model = ModelProblem(degree, intervals)
    j = np.linalg.cholesky(model.mass).T
    target = np.random.default_rng(seed).normal(size=len(j))
    p = model.prolongation
    theta = p @ np.linalg.lstsq(j @ p, target, rcond=None)[0]
    maps = {"spline": IdentityMap(), "relu": MatrixMap(model.change.T)}
    problem = ResidualProblem(lambda u: j @ u - target, lambda u: j, maps)
    return problem, theta, j, j @ theta - target, p


def test_share_against_least_squares_on_a_network():
    fine, theta, p, rng = refined_network()
    j = fine.jacobian(theta).toarray()
    split = TangentSplit(j, p)
    # constants of the three edges add up to 1: J is rank deficient
    assert split.fine.shape[1] < j.shape[1]
    for _ in range(5):
        d = rng.normal(size=len(theta))
        assert split.share(d) == pytest.approx(share_by_least_squares(j, p, d), rel=1e-9, abs=NOISE)
    _, upper, z = fine.triangular_factor(theta)
    factored = TangentSplit(upper, p)
    assert factored.share(d) == pytest.approx(split.share(d), rel=1e-9)
    r = fine.residual(theta)
    for measure in ("reach", "corrected"):
        expected = getattr(split, measure)(d, r)
        assert getattr(factored, measure)(d, z) == pytest.approx(expected, rel=1e-7)
    assert factored.best(z) == pytest.approx(split.best(r), rel=1e-9)


def test_share_of_constructed_updates():
    fine, theta, p, rng = refined_network(1)
    j = fine.jacobian(theta).toarray()
    split = TangentSplit(j, p)
    inside = p @ rng.normal(size=p.shape[1])
    assert split.share(inside) < NOISE
    # d = new - P c with J d orthogonal to range(J P)
    new = rng.normal(size=len(theta))
    c = np.linalg.lstsq(j @ p, j @ new, rcond=CUTOFF)[0]
    outside = new - p @ c
    assert split.share(outside) == pytest.approx(1, abs=1e-9)
    for mix in (0.1, 3.0):
        ratio = mix**2 * np.sum((j @ outside) ** 2) / np.sum((j @ inside) ** 2)
        expected = ratio / (1 + ratio)
        assert split.share(inside + mix * outside) == pytest.approx(expected, rel=1e-6)


def test_references():
    fine, theta, p, rng = refined_network(2)
    j = fine.jacobian(theta).toarray()
    split = TangentSplit(j, p)
    draws = rng.normal(size=(len(theta), 4000))
    y = j @ draws
    rest = y - split.coarse @ (split.coarse.T @ y)
    energies, total = np.sum(rest**2, axis=0), np.sum(y**2, axis=0)
    error = np.std(energies) / np.mean(total) / np.sqrt(draws.shape[1])
    assert split.random() == pytest.approx(energies.mean() / total.mean(), abs=6 * error)
    relu = fine.coordinates("relu").solve(np.eye(len(theta)))
    assert split.random(relu) < split.random()
    assert split.isotropic == 1 - np.linalg.matrix_rank(j @ p) / np.linalg.matrix_rank(j)
    assert split.dimension == 1 - p.shape[1] / p.shape[0]


def test_full_step_removes_all_that_is_reducible():
    problem, theta, j, r, p = projection_problem()
    split = TangentSplit(j, p)
    step = -np.linalg.lstsq(j, r, rcond=None)[0]
    assert split.best(r) == pytest.approx(1)
    for value in (split.share(step), split.reach(step, r), split.corrected(step, r)):
        assert value == pytest.approx(1)
    # the coarse level is solved, so the share bounds what a step removes, whatever its length
    rng = np.random.default_rng(0)
    for _ in range(20):
        d = rng.normal(size=len(theta))
        assert split.reach(d, r) <= split.share(d) * (1 + 1e-9)
        length = -(j @ d @ r) / np.sum((j @ d) ** 2)
        removed = 1 - 2 * problem.value(theta + length * d) / np.sum(r**2)
        assert split.reach(d, r) == pytest.approx(removed, rel=1e-6, abs=1e-12)
        both = np.column_stack([j @ d, j @ p])
        left = r - both @ np.linalg.lstsq(both, r, rcond=None)[0]
        assert split.corrected(d, r) == pytest.approx(1 - np.sum(left**2) / np.sum(r**2), rel=1e-6)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_first_updates_of_gradient_descent(degree):
    problem, theta, j, r, p = projection_problem(degree)
    split = TangentSplit(j, p)
    change = sk.change_of_basis(sk.uniform_knots(0, 1, 16, degree), degree)
    g = j.T @ r
    in_relu = change.solve(g)
    # a solved coarse level leaves ReLU gradients at the new knots alone
    old = np.r_[0 : degree + 1, degree + 2 : len(g) : 2]
    assert np.abs(in_relu[old]).max() < 1e-9 * np.abs(in_relu).max()
    expected = {"spline": split.share(g), "relu": split.share(change.solve_transpose(in_relu))}
    assert expected["relu"] < 0.1 * expected["spline"]
    for geometry in GEOMETRIES:
        columns = problem.coordinates(geometry).solve(np.eye(len(theta)))
        step = 1 / np.linalg.norm(j @ columns, 2) ** 2
        method = sk.GradientDescent(step=step, geometry=geometry)
        first, fourth = first_updates(problem, theta, split, r, method, (1, 4))
        assert (first.steps, fourth.steps) == (1, 4)
        assert first.share == pytest.approx(expected[geometry], rel=1e-6)
        assert fourth.loss <= first.loss <= 1
        assert 1 - first.loss <= first.reach + 1e-12
    full = first_updates(problem, theta, split, r, sk.GaussNewton(geometry="relu"), (1,))[0]
    assert full.share == pytest.approx(1)
    assert full.loss < 1e-12


def test_updates_that_are_none():
    problem, theta, j, r, p = projection_problem()
    split = TangentSplit(j, p)
    best = theta - np.linalg.lstsq(j, r, rcond=None)[0]
    stuck = first_updates(problem, best, split, r, sk.LevenbergMarquardt(), (1, 4))
    assert all(np.isnan(update.share) for update in stuck if update.loss == 1)
    for steps in ((), (0, 1), (4, 1), (1, 1)):
        with pytest.raises(ValueError, match=r"steps"):
            first_updates(problem, theta, split, r, sk.LBFGS(), steps)


def test_bad_splits():
    j, p = np.eye(4), np.eye(4)[:, :2]
    with pytest.raises(ValueError, match="shape"):
        TangentSplit(j, np.eye(3))
    with pytest.raises(ValueError, match="finite"):
        TangentSplit(np.full((2, 4), np.nan), p)
    with pytest.raises(ValueError, match="cutoff"):
        TangentSplit(j, p, cutoff=2.0)
    with pytest.raises(ValueError, match="J P is zero"):
        TangentSplit(np.eye(4)[2:], p)
    split = TangentSplit(j, p)
    with pytest.raises(ValueError, match="update must change the outputs"):
        split.share(np.zeros(4))
    with pytest.raises(ValueError, match="range of the Jacobian"):
        split.best(np.zeros(4))
    with pytest.raises(ValueError, match="update must have shape"):
        split.share(np.ones(3))
    with pytest.raises(ValueError, match="residual must have shape"):
        split.reach(np.ones(4), np.ones(3))


@pytest.mark.parametrize("degree", DEGREES)
def test_symbols_against_circulant_eigenvalues(degree):
    count = 12
    model, h = ModelProblem(degree, count, periodic=True), 1 / count
    theta = 2 * np.pi * np.arange(count) / count
    for matrix, symbol in (
        (model.mass, mass_symbol),
        (model.change @ model.change.T, difference_symbol),
    ):
        row = matrix[0]
        for i in range(count):  # circulant
            np.testing.assert_allclose(matrix[i], np.roll(row, i), rtol=0, atol=50 * EPS * np.abs(row).max())
        values = symbol(theta, degree, h)
        np.testing.assert_allclose(np.fft.fft(row), values, rtol=0, atol=200 * EPS * values.max())
    f = mass_symbol(theta, degree)
    power = 2 * degree + 2
    two_scale = np.cos(theta / 2) ** power * f + np.sin(theta / 2) ** power * mass_symbol(
        theta + np.pi, degree
    )
    np.testing.assert_allclose(two_scale, mass_symbol(2 * theta, degree), rtol=1e-13)
    np.testing.assert_allclose(mass_symbol(0.0, degree, 0.3), 0.3, rtol=1e-14)


def test_symbols_of_degree_one():
    theta = np.linspace(0.1, np.pi, 9)
    np.testing.assert_allclose(mass_symbol(theta, 1), (2 + np.cos(theta)) / 3, rtol=1e-14)
    # oscillatory lambda in [1/3, 2/3]
    angle = harmonics(64)
    assert smoothing_factor(mass_symbol(angle, 1), angle) == pytest.approx(1 / 3)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("degree", DEGREES)
def test_predicted_factors_are_the_measured_ones(degree, geometry):
    count = 16
    sweep = Sweep(ModelProblem(degree, count, periodic=True), geometry)
    theta = harmonics(count)
    values = sweep_symbol(theta, degree, geometry, 1 / count)
    step = float(1 / values.max())
    # waves at the far end feel A^{-1} of the near end's rounding
    growth = (2 / (2 * np.sin(np.pi / count))) ** (degree + 1) if geometry == "relu" else 1.0
    noise = 1e3 * EPS * growth
    for wave in (np.cos, np.sin):
        errors = wave(np.arange(count)[:, None] * theta[:-1] + 0.3)
        ratio = sweep.energy(sweep.apply(errors, step)) / sweep.energy(errors)
        np.testing.assert_allclose(ratio, np.abs(1 - step * values[:-1]), rtol=0, atol=noise)
        np.testing.assert_allclose(sweep.reductions(errors, step), step * values[:-1], rtol=0, atol=noise)
    for sweeps in (1, 3):
        predicted = nested_factor(degree, geometry, count, step, sweeps)
        assert sweep.nested_factor(step, sweeps) == pytest.approx(predicted, abs=noise)
    assert sweep.cycle_factor(step) == pytest.approx(cycle_factor(degree, geometry, count, step), abs=noise)
    q = complement_symbol(theta[:-1], degree, geometry, 1 / count)
    values = np.sort(sweep.complement_values)
    np.testing.assert_allclose(values[[0, -1]], [q.min(), q.max()], rtol=noise)
    # a long step amplifies smooth waves by its product with the largest eigenvalue before a coarse solve
    noise *= best_step(q) * values.max()
    expected = cycle_factor(degree, geometry, count)
    assert sweep.cycle_factor(sweep.step("complement")) == pytest.approx(expected, abs=noise)


@pytest.mark.parametrize("degree", DEGREES)
def test_cycles_are_bounded_in_both_geometries_and_nested_sweeps_in_one(degree):
    half, end = mass_symbol(np.array([np.pi / 2, np.pi]), degree)
    kappa = {"relu": (half / end) ** 2, "spline": (half / end) ** 2 / 2**degree}
    counts = np.array([8, 16, 32, 64, 128])
    missing = {}
    for geometry in GEOMETRIES:
        factors = [cycle_factor(degree, geometry, int(count)) for count in counts]
        limit = (kappa[geometry] - 1) / (kappa[geometry] + 1)
        assert np.all(np.diff(factors) > 0)
        assert factors[-1] < limit
        assert factors[-1] == pytest.approx(limit, abs=0.01)
        # the part of the worst wave that a stable sweep removes
        missing[geometry] = [
            sweep_symbol(np.pi, degree, geometry, 1 / n).item()
            / sweep_symbol(harmonics(n), degree, geometry, 1 / n).max()
            for n in counts.tolist()
        ]
    assert min(missing["spline"]) > end * (1 - 1e-12)
    orders = -np.diff(np.log2(missing["relu"]))
    assert orders[-1] == pytest.approx(2 * (degree + 1), rel=0.01)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_cycle_factor_is_what_cycles_converge_with(geometry):
    sweep = Sweep(ModelProblem(2, 8), geometry)
    for kind in ("stable", "complement"):
        step = sweep.step(kind)
        e = sweep.solve_coarse(np.random.default_rng(0).normal(size=sweep.problem.size))
        for _ in range(300):
            before = sweep.energy(e)
            e = sweep.solve_coarse(sweep.apply(e, step))
            factor = float(sweep.energy(e) / before)
            e = e / sweep.energy(e)
        # from below, and slowly: the next eigenvalue may be 0.15 per cent smaller
        assert 0.998 < factor / sweep.cycle_factor(step) < 1 + 1e-9


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_modes_are_ordered_by_sign_changes(degree, geometry):
    sweep = Sweep(ModelProblem(degree, 8), geometry)
    signs = np.sign(sweep.modes)
    changes = np.sum(signs[1:] != signs[:-1], axis=0)
    np.testing.assert_array_equal(changes, np.arange(sweep.problem.size))
    step = sweep.step("stable")
    swept = sweep.apply(sweep.modes, step)
    scale = 1e4 * EPS * np.abs(sweep.modes).max() * np.sqrt(sweep.values[0] / sweep.values[-1])
    np.testing.assert_allclose(swept, sweep.modes * (1 - step * sweep.values), rtol=0, atol=scale)


def test_jacobi():
    periodic = ModelProblem(3, 8, periodic=True)
    for geometry in GEOMETRIES:  # a constant diagonal
        ratio = Sweep(periodic, geometry, "jacobi").values / Sweep(periodic, geometry).values
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-8)
    ends = ModelProblem(3, 8)
    sweep = Sweep(ends, "spline", "jacobi")
    np.testing.assert_allclose(sweep.root @ sweep.root.T, np.diag(1 / np.diag(ends.mass)), rtol=1e-13)
    relu = sk.gram_matrix(sk.uniform_knots(0, 1, 8, 3), 3, basis="relu")
    inverse = np.linalg.inv(ends.change)
    expected = inverse.T @ np.diag(1 / np.diag(relu)) @ inverse
    root = Sweep(ends, "relu", "jacobi").root
    np.testing.assert_allclose(root @ root.T, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    diagonal = np.diag(relu)
    knots = sk.uniform_knots(0, 1, 8, 3)[4:-4]  # inside
    np.testing.assert_allclose(diagonal[4:], (1 - knots) ** 7 / 7, rtol=1e-12)


def test_bad_sweeps():
    for count in (2, 7):
        with pytest.raises(ValueError, match="intervals"):
            ModelProblem(2, count)
        with pytest.raises(ValueError, match="intervals"):
            harmonics(count)
    model = ModelProblem(2, 4)
    with pytest.raises(ValueError, match="geometry"):
        Sweep(model, "fourier")
    with pytest.raises(ValueError, match="method"):
        Sweep(model, "spline", "newton")
    sweep = Sweep(model, "spline")
    with pytest.raises(ValueError, match="6 entries"):
        sweep.apply(np.ones(5), 1.0)
    with pytest.raises(ValueError, match="step must be positive"):
        sweep.apply(np.ones(6), 0.0)
    with pytest.raises(ValueError, match="'stable'"):
        sweep.step("long")
    with pytest.raises(ValueError, match="multiple of 2 pi"):
        sweep_symbol([0.0], 2, "relu")
    with pytest.raises(ValueError, match="at least pi/2"):
        smoothing_factor([1.0], [0.1])
    with pytest.raises(ValueError, match="spacing"):
        mass_symbol([0.1], 2, 0.0)
    assert difference_symbol(np.pi, 2).item() == pytest.approx(4**3 / factorial(2) ** 2)


def test_numpy_integers_are_degrees_and_counts():
    for kind in (np.int8, np.uint64):
        assert mass_symbol(0.3, kind(7)) == mass_symbol(0.3, 7)
        assert difference_symbol(0.3, kind(7), 0.01) == difference_symbol(0.3, 7, 0.01)
        assert nested_factor(kind(2), "relu", kind(100), 0.1, kind(3)) == nested_factor(
            2, "relu", 100, 0.1, 3
        )
        assert cycle_factor(kind(2), "relu", kind(100)) == cycle_factor(2, "relu", 100)
        np.testing.assert_array_equal(ModelProblem(kind(2), kind(8)).mass, ModelProblem(2, 8).mass)


def test_sweeps_that_diverge_are_infinite():
    sweep = Sweep(ModelProblem(2, 8), "relu")
    assert sweep.nested_factor(1e200, 3) == np.inf
    assert sweep.cycle_factor(1e308) == pytest.approx(sweep.cycle_factor(1e300) * 1e8)
    assert nested_factor(2, "relu", 8, 1e300, 3) == np.inf


MODEL = ModelProblem(2, 8)
SPLIT = TangentSplit(np.eye(4), np.eye(4)[:, :2])
VECTOR = np.arange(1.0, 5.0)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: ModelProblem(2, 8, 1), TypeError, "periodic"),
        (lambda: ModelProblem(2, 2**40), MemoryError, "intervals"),
        (lambda: ModelProblem(10, 8), ValueError, "degree"),
        (lambda: Sweep("model", "relu"), TypeError, "problem"),
        (lambda: Sweep(MODEL, "relu").step(1.0), ValueError, "kind"),
        (lambda: Sweep(MODEL, "relu").apply(np.ones(10), 0.1, 10**9), ValueError, "sweeps"),
        (lambda: Sweep(MODEL, "relu").reductions(np.zeros(10), 0.1), ValueError, "errors must not be zero"),
        (lambda: Sweep(MODEL, "relu").reductions(np.ones(9), 0.1), ValueError, "errors must have 10"),
        (lambda: Sweep(MODEL, "relu").energy("error"), TypeError, "error"),
        (lambda: harmonics(2**50), MemoryError, "intervals"),
        (lambda: mass_symbol(1e300, 2), ValueError, "theta must be at most 1e8"),
        (lambda: mass_symbol(0.1, 2.0), TypeError, "degree"),
        (lambda: difference_symbol(0.1, 7, 1e-300), ValueError, "spacing"),
        (lambda: best_step(np.array([1.0, -1.0])), ValueError, "values must be positive"),
        (lambda: smoothing_factor([1.0, 2.0], [3.0]), ValueError, "theta must have shape"),
        (lambda: nested_factor("2", "relu", 8, 0.1), TypeError, "degree"),
        (lambda: cycle_factor(2, "relu", 8.0), TypeError, "intervals"),
        (lambda: TangentSplit(np.eye(4), "P"), TypeError, "prolongation"),
        (lambda: SPLIT.random(np.zeros((4, 2))), ValueError, "directions must change"),
        (lambda: SPLIT.share(np.append(VECTOR, 1.0)), ValueError, "update must have shape"),
        (lambda: updates(split=None), TypeError, "split"),
        (lambda: updates(steps=3), TypeError, "steps"),
        (lambda: updates(steps=(1.0,)), TypeError, "steps"),
        (lambda: updates(theta0=VECTOR[1:]), ValueError, "theta0"),
        (lambda: updates(residual=VECTOR[1:]), ValueError, "residual"),
        (lambda: updates(optimizer="Adam"), TypeError, "optimizer must have a method minimize"),
        (lambda: updates(problem=None), TypeError, "problem must have a method"),
    ],
)
def test_other_kinds_and_sizes_are_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def updates(**changes):
    problem = ResidualProblem(lambda u: u - VECTOR, lambda u: np.eye(4))
    arguments = {
        "problem": problem,
        "theta0": np.zeros(4),
        "split": SPLIT,
        "residual": VECTOR,
        "optimizer": sk.GaussNewton(),
        **changes,
    }
    return first_updates(**arguments)
