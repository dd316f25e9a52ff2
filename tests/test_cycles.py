"""Multigrid cycles: coherence of the coarse problems, twins in dense linear algebra, statuses, budgets."""

import numpy as np
import pytest

import splinekan as sk
from splinekan.multilevel.coarse_problems import Pulled, Tilted
from splinekan.optimize import Status

SCHEMES = ("FAS", "MG/OPT", "galerkin")


def one_layer(levels=3, basis="spline", degree=3):
    """A linear least-squares problem."""
    x = np.linspace(0, 1, 150)[:, None]
    y = np.sin(9 * x) + 0.1 * np.sin(70 * x)
    hierarchy = sk.Hierarchy(sk.KAN.splines([1, 1], degree, 4, basis=basis), levels)
    return hierarchy, lambda level: sk.LeastSquares(level.network, x, y, reduction="mean")


def network(levels=3, basis="spline"):
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (200, 2))
    y = np.sin(3 * x[:, 0]) * x[:, 1]
    hierarchy = sk.Hierarchy(sk.KAN.affine_first([2, 3, 1], intervals=3, basis=basis), levels)
    return hierarchy, lambda level: sk.LeastSquares(level.network, x, y, reduction="mean")


def start(hierarchy):
    theta = sk.initialize(hierarchy.network, 0)
    for level in hierarchy.levels[1:]:
        theta = level.P @ theta
    return theta + 0.05 * np.random.default_rng(1).normal(size=len(theta))


def coarse_problems(basis="spline"):
    """Both coarse problems at a point, with P^T times the fine gradient."""
    hierarchy, objective = network(2, basis)
    fine, coarse = objective(hierarchy[1]), objective(hierarchy[0])
    theta, P = start(hierarchy), hierarchy[1].P
    v0 = sk.network_projection(hierarchy[0].network, hierarchy[1].network) @ theta
    gradient = P.T @ fine.gradient(theta)
    tilted = Tilted(coarse, coarse.gradient(v0) - gradient, v0, 1.0)
    pulled = Pulled(fine, P, theta, v0, coarse, 2.0)
    return tilted, pulled, v0, gradient


@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_coarse_problems_are_coherent_to_first_order(basis):
    tilted, pulled, v0, gradient = coarse_problems(basis)
    size = np.abs(gradient).max()
    for problem in (tilted, pulled):
        np.testing.assert_allclose(problem.value_and_gradient(v0)[1], gradient, atol=1e-9 * size)
    assert pulled.value(v0) == pulled.problem.value(pulled._theta)
    assert tilted.value(v0) == tilted.problem.value(v0)


@pytest.mark.parametrize("which", [0, 1])
def test_coarse_problems_against_finite_differences_and_dense_algebra(which):
    problem, v0 = coarse_problems()[which], coarse_problems()[2]
    rng = np.random.default_rng(2)
    v, d = v0 + 0.1 * rng.normal(size=len(v0)), rng.normal(size=len(v0))
    value, gradient = problem.value_and_gradient(v)
    assert value == pytest.approx(problem.value(v), rel=1e-12)
    slope = (problem.value(v + 1e-5 * d) - problem.value(v - 1e-5 * d)) / 2e-5
    assert gradient @ d == pytest.approx(slope, rel=1e-6)
    again, same, matrix = problem.normal_equations(v)
    assert again == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(same, gradient, rtol=1e-9, atol=1e-12)
    _, r, jacobian = problem.linearized(v)
    dense = jacobian.toarray()
    np.testing.assert_allclose(dense.T @ dense, matrix, atol=1e-12 * np.abs(matrix).max())
    np.testing.assert_allclose(jacobian.matvec(d), dense @ d, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(jacobian.rmatvec(r), dense.T @ r, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(jacobian.column_squares(), (dense**2).sum(axis=0), rtol=1e-9, atol=1e-14)
    _, upper, _ = problem.triangular_factor(v)
    np.testing.assert_allclose(upper.T @ upper, matrix, atol=1e-11 * np.abs(matrix).max())
    assert problem.squared == (which == 1)
    assert problem.n_residuals == 200


def test_levenberg_marquardt_takes_the_linear_term_into_account():
    """A step on the tilted problem solves (J^T J + damping S^2) d = -(gradient with the linear term)."""
    tilted, _, v0, gradient = coarse_problems()
    _, _, matrix = tilted.normal_equations(v0)
    scale = np.maximum(np.sqrt(np.diag(matrix)), np.sqrt(np.diag(matrix)).max() * np.finfo(float).eps)
    want = -np.linalg.solve(matrix + 100 * np.diag(scale**2), gradient)
    for solver in (sk.Cholesky(), sk.SVD(), sk.CG(tolerance=1e-12, iterations=500)):
        method = sk.LevenbergMarquardt(damping=100.0, solver=solver)
        taken = method.minimize(tilted, v0, iterations=1).theta - v0
        np.testing.assert_allclose(taken, want, atol=1e-6 * np.abs(want).max())


@pytest.mark.parametrize("cycle", ["V", "W", "FMG"])
@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_the_schemes_agree_for_linear_problems(basis, cycle):
    hierarchy, objective = one_layer(basis=basis, degree=2)
    theta = np.zeros(hierarchy[0 if cycle == "FMG" else -1].network.n_parameters)
    method = sk.GradientDescent(step=8.0, search="armijo", geometry="spline")
    runs = [
        sk.multigrid(hierarchy, objective, method, theta, scheme=scheme, cycle=cycle, cycles=3)
        for scheme in SCHEMES
    ]
    for run in runs:
        assert run.value < 0.1 * run.losses[0]
        np.testing.assert_allclose(run.losses, runs[0].losses, rtol=1e-6)
    assert runs[2].history.work[-1] > runs[0].history.work[-1]


def test_a_two_level_cycle_against_dense_linear_algebra():
    """Without smoothing, the coarse level solved: the error is multiplied by I - P (P^T H P)^{-1} P^T H."""
    hierarchy, objective = one_layer(2)
    fine, P = objective(hierarchy[1]), hierarchy[1].P.toarray()
    theta = np.random.default_rng(0).normal(size=P.shape[0])
    _, gradient, H = fine.normal_equations(theta)
    want = theta - P @ np.linalg.solve(P.T @ H @ P, P.T @ gradient)
    for scheme in SCHEMES:
        run = sk.multigrid(
            hierarchy, objective, sk.GaussNewton(), theta, scheme=scheme, cycles=1, pre=0, post=0, coarsest=1
        )
        np.testing.assert_allclose(run.theta, want, atol=1e-9)
        assert [correction.step for correction in run.corrections] == [1.0]


def test_a_correction_of_an_improved_convex_model_is_a_descent_direction():
    hierarchy, objective = one_layer(2)
    for seed in range(5):
        theta = np.random.default_rng(seed).normal(size=hierarchy[-1].network.n_parameters)
        run = sk.multigrid(hierarchy, objective, sk.LBFGS(), theta, cycles=2, pre=1, post=1)
        assert all(made.slope < 0 and made.after < made.before for made in run.corrections)
        assert np.all(np.diff(run.losses) < 0)


@pytest.mark.parametrize("basis", ["spline", "relu"])
@pytest.mark.parametrize("method", [sk.LevenbergMarquardt(), sk.LBFGS(search="armijo"), sk.Adam()])
def test_networks_with_any_optimiser(method, basis):
    hierarchy, objective = network(3, basis)
    theta = start(hierarchy)
    for scheme in SCHEMES:
        run = sk.multigrid(hierarchy, objective, method, theta, scheme=scheme, cycles=2)
        assert run.value <= run.losses[0]
        assert objective(hierarchy[run.level]).value(run.theta) == pytest.approx(run.value, rel=1e-9)
        assert np.all(np.diff(run.history.work) >= 0)
        assert np.all(np.diff(run.history.seconds) >= 0)
        assert run.nit == 2
        if scheme == "MG/OPT":  # no correction raises the loss
            assert all(made.after <= made.before for made in run.corrections)
    np.testing.assert_array_equal(run.model.theta, run.theta)


def test_a_stationary_point_is_a_fixed_point():
    hierarchy, objective = one_layer(2)
    fine = objective(hierarchy[1])
    _, gradient, H = fine.normal_equations(np.zeros(11))
    solution = -np.linalg.solve(H, gradient)
    run = sk.multigrid(
        hierarchy, objective, sk.GaussNewton(), solution, scheme="FAS", cycles=1, pre=0, post=0, coarsest=1
    )
    np.testing.assert_allclose(run.theta, solution, atol=1e-9)


def test_full_multigrid_ends_on_the_finest_level_and_marks_its_cycles():
    hierarchy, objective = network()
    theta = sk.initialize(hierarchy.network, 0)
    run = sk.multigrid(
        hierarchy, objective, sk.LevenbergMarquardt(), theta, cycle="FMG", cycles=[3, 0, 1], coarsest=2
    )
    assert run.level == 2
    assert [level for level, _ in run.marks] == [0, 0, 0, 2, 2]
    nested = sk.nested_iteration(hierarchy, objective, sk.LevenbergMarquardt(), [2, 0, 0], theta)
    assert run.losses[1] == pytest.approx(nested.value, rel=1e-12)
    assert run.losses[3] == pytest.approx(run.history.loss[run.marks[3][1] - 1], rel=1e-9)


def test_w_cycles_visit_coarser_levels_twice():
    hierarchy, objective = network(4)
    theta, visits = start(hierarchy), {}
    for cycle in ("V", "W"):
        run = sk.multigrid(hierarchy, objective, sk.LevenbergMarquardt(), theta, cycle=cycle, cycles=1)
        visits[cycle] = [sum(made.level == level for made in run.corrections) for level in (1, 2, 3)]
    assert visits == {"V": [1, 1, 1], "W": [4, 2, 1]}


def test_a_single_level_needs_no_correction():
    hierarchy, objective = one_layer(1)
    run = sk.multigrid(hierarchy, objective, sk.GaussNewton(), np.zeros(7), coarsest=1, cycles=1)
    twin = sk.GaussNewton().minimize(objective(hierarchy[0]), np.zeros(7), iterations=1)
    np.testing.assert_array_equal(run.theta, twin.theta)
    assert run.corrections == ()


def test_budgets_end_a_run():
    hierarchy, objective = network()
    theta = start(hierarchy)
    method = sk.LBFGS(search="armijo")
    for work in (1.0, 40.0, 150.0):
        run = sk.multigrid(hierarchy, objective, method, theta, cycles=10**6, work=work)
        assert run.status is Status.ITERATION_LIMIT
        assert work <= run.history.work[-1] <= work + 60
        assert run.value <= objective(hierarchy[-1]).value(theta)
    run = sk.multigrid(hierarchy, objective, method, theta, cycles=10**6, seconds=0.05)
    assert run.status is Status.ITERATION_LIMIT
    fewer = sk.multigrid(hierarchy, objective, method, theta, cycles=2, unit="evaluations", pre=3, post=3)
    assert fewer.history.evaluations[-1] < 100


def test_callbacks_tolerances_and_interrupts():
    hierarchy, objective = network()
    theta, seen = start(hierarchy), []

    def stop(iterate):
        seen.append((iterate.iteration, iterate.value))
        return iterate.iteration == 2

    method = sk.LevenbergMarquardt()
    run = sk.multigrid(hierarchy, objective, method, theta, cycles=9, callback=stop)
    assert (run.status, run.nit, [number for number, _ in seen]) == (Status.STOPPED, 2, [1, 2])
    assert seen[-1][1] == run.losses[-1]
    met = sk.multigrid(hierarchy, objective, method, theta, cycles=50, value_tolerance=1e-3)
    assert (met.status, met.success) == (Status.CONVERGED, True)
    assert met.value <= 1e-3
    small = sk.multigrid(hierarchy, objective, method, theta, cycles=50, gradient_tolerance=1e-4)
    assert small.status is Status.CONVERGED

    calls = []

    class Interrupting(sk.LeastSquares):
        def value_and_gradient(self, v):
            calls.append(1)
            if len(calls) > 12:
                raise KeyboardInterrupt
            return super().value_and_gradient(v)

    run = sk.multigrid(
        hierarchy,
        lambda level: Interrupting(level.network, objective(level).x, objective(level).y, reduction="mean"),
        sk.LBFGS(search="armijo"),
        theta,
    )
    assert run.status is Status.INTERRUPTED
    assert run.value == pytest.approx(objective(hierarchy[2]).value(run.theta), rel=1e-12)
    assert run.value <= run.losses[0]


def test_keep_names_the_point_that_is_returned():
    hierarchy, objective = one_layer(2)
    theta, method = np.zeros(11), sk.GradientDescent(step=40.0)  # too long: sweeps diverge
    last = sk.multigrid(hierarchy, objective, method, theta, cycles=2, keep="last", scheme="FAS")
    auto = sk.multigrid(hierarchy, objective, method, theta, cycles=2, scheme="FAS")
    assert last.value > last.losses[0]
    assert "rose" in last.message
    assert auto.value <= auto.losses[0]


def test_coarse_points_without_a_finite_loss_are_left_alone():
    hierarchy, objective = one_layer(2)

    def stated(level):
        if level.index == 1:
            return objective(level)
        return sk.FunctionProblem(lambda v: np.nan, lambda v: v)

    theta = np.random.default_rng(0).normal(size=11)
    run = sk.multigrid(hierarchy, stated, sk.GradientDescent(step=8.0, search="armijo"), theta, cycles=1)
    assert [made.step for made in run.corrections] == [0.0]
    assert run.value < run.losses[0]


def test_bad_arguments():
    hierarchy, objective = one_layer()
    good = {
        "hierarchy": hierarchy,
        "objective": objective,
        "optimizer": sk.LBFGS(),
        "theta0": np.zeros(hierarchy[-1].network.n_parameters),
    }
    restricted = sk.Restricted(objective(hierarchy[0]), fixed=[0])
    for bad, error, message in (
        ({"hierarchy": [1]}, TypeError, "hierarchy must be of type Hierarchy"),
        ({"objective": None}, TypeError, "objective must be callable"),
        ({"objective": lambda level: 1}, TypeError, r"objective\(level\) must have the methods"),
        ({"objective": lambda level: restricted}, TypeError, "must not be Restricted"),
        ({"optimizer": "LBFGS"}, TypeError, "optimizer must be an optimiser or a sequence"),
        ({"optimizer": [sk.LBFGS()]}, ValueError, "optimizer must have as many entries .* 3, got 1"),
        ({"theta0": np.zeros(7)}, ValueError, "theta0 must have shape"),
        ({"theta0": np.full(19, np.nan)}, ValueError, "theta0 must be finite"),
        ({"cycle": "F"}, ValueError, "cycle must be one of 'V', 'W', 'FMG'"),
        ({"scheme": "FMG"}, ValueError, "scheme must be one of"),
        ({"cycles": 0}, ValueError, "cycles must be at least 1"),
        ({"cycles": [1, 1, 1]}, TypeError, "cycles must be an integer"),
        ({"pre": -1}, ValueError, "pre must be at least 0"),
        ({"post": 1.5}, TypeError, "post must be an integer"),
        ({"coarsest": 0}, ValueError, "coarsest must be at least 1"),
        ({"unit": "epochs"}, ValueError, "unit must be one of"),
        ({"work": 0}, ValueError, "work must be positive"),
        ({"seconds": np.inf}, ValueError, "seconds must be finite"),
        ({"projection": "best"}, ValueError, "projection must be one of"),
        ({"projection": "injection"}, ValueError, "kind must be one of"),
        ({"callback": 3}, TypeError, "callback must be callable"),
        ({"progress": 1}, TypeError, "progress must be True or False"),
        ({"gradient_tolerance": -1}, ValueError, "gradient_tolerance must be at least 0"),
        ({"value_tolerance": "0"}, TypeError, "value_tolerance must be a real number"),
        ({"keep": "first"}, ValueError, "keep must be one of"),
    ):
        with pytest.raises(error, match=message):
            sk.multigrid(**(good | bad))
    full = good | {"cycle": "FMG", "theta0": np.zeros(7)}
    for cycles, message in (([1, 1], "cycles must have as many"), ([0, 0, 0], "must allow a cycle")):
        with pytest.raises(ValueError, match=message):
            sk.multigrid(**(full | {"cycles": cycles}))
    with pytest.raises(ValueError, match="loss and gradient at theta0 must be finite"):
        sk.multigrid(
            **(good | {"objective": lambda level: sk.FunctionProblem(lambda v: np.inf, lambda v: v)})
        )


@pytest.mark.parametrize("degree", [1, 2])
def test_v_cycles_are_independent_of_the_level_in_the_spline_basis_and_not_in_the_relu_basis(degree):
    from splinekan.studies.cycles.model_problems import factor

    spline = [factor("H1", degree, "spline", "stable", "V", levels).factor for levels in (3, 4, 5)]
    relu = [factor("H1", degree, "relu", "stable", "V", levels).factor for levels in (3, 4)]
    assert max(spline) < 0.5
    assert 1 - spline[2] > 0.8 * (1 - spline[1])
    assert min(relu) > (0.98 if degree == 1 else 0.999)
    assert degree > 1 or 1 - relu[1] < 0.5 * (1 - relu[0])
