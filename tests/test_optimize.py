"""Optimisers on classical problems; never a network."""

from types import SimpleNamespace

import numpy as np
import pytest
from cases import METHODS, knots
from scipy.optimize import least_squares

import splinekan as sk
from splinekan.optimize import (
    CG,
    LBFGS,
    SVD,
    Adam,
    Cholesky,
    Constant,
    Dual,
    ExponentialCyclic,
    FunctionProblem,
    GaussNewton,
    GradientDescent,
    History,
    LevenbergMarquardt,
    LinearRamp,
    MatrixMap,
    ResidualProblem,
    Status,
)
from splinekan.optimize.solvers import default_solver


def rosenbrock(maps=None):
    return ResidualProblem(
        lambda t: np.array([10 * (t[1] - t[0] ** 2), 1 - t[0]]),
        lambda t: np.array([[-20 * t[0], 10.0], [-1.0, 0.0]]),
        maps or {},
    )


def powell():
    def residual(t):
        return np.array(
            [t[0] + 10 * t[1], 5**0.5 * (t[2] - t[3]), (t[1] - 2 * t[2]) ** 2, 10**0.5 * (t[0] - t[3]) ** 2]
        )

    def jacobian(t):
        b, a = 2 * (t[1] - 2 * t[2]), 2 * 10**0.5 * (t[0] - t[3])
        return np.array([[1, 10, 0, 0], [0, 0, 5**0.5, -(5**0.5)], [0, b, -2 * b, 0], [a, 0, 0, -a]])

    return ResidualProblem(residual, jacobian)


def beale():
    y = np.array([1.5, 2.25, 2.625])
    p = np.arange(1, 4)
    return ResidualProblem(
        lambda t: y - t[0] * (1 - t[1] ** p),
        lambda t: np.stack([-(1 - t[1] ** p), t[0] * p * t[1] ** (p - 1)], axis=1),
    )


def linear(condition, seed=0):
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.normal(size=(30, 6)))[0]
    v = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    a = q * np.geomspace(1, 1 / condition, 6) @ v.T
    exact = rng.normal(size=6)
    return ResidualProblem(lambda t: a @ t - a @ exact, lambda t: a), exact


CLASSICS = {
    "rosenbrock": (rosenbrock(), [-1.2, 1.0], 1e-18),
    "powell": (powell(), [3.0, -1.0, 0.0, 1.0], 1e-9),
    "beale": (beale(), [1.0, 1.0], 1e-18),
}


@pytest.mark.parametrize(
    "method", [LevenbergMarquardt(), LBFGS(search="wolfe", memory=10)], ids=["lm", "lbfgs"]
)
@pytest.mark.parametrize("name", CLASSICS)
def test_classics(name, method):
    problem, theta0, goal = CLASSICS[name]
    result = method.minimize(problem, theta0, iterations=300)
    assert result.value < goal
    reference = least_squares(
        problem.residual, theta0, jac=problem.jacobian, xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    assert result.value <= max(reference.cost, goal)
    assert (np.diff(result.history.evaluations) > 0).all()


@pytest.mark.parametrize("condition", [1e2, 1e6, 1e10])
def test_linear_least_squares(condition):
    problem, exact = linear(condition)
    step = GaussNewton().minimize(problem, np.zeros(6), iterations=1)
    assert np.abs(step.theta - exact).max() < 1e3 * np.finfo(float).eps * condition
    damped = LevenbergMarquardt().minimize(problem, np.zeros(6), iterations=60)
    assert np.abs(damped.theta - exact).max() < 1e4 * np.finfo(float).eps * condition


def test_rank_deficient_steps_have_minimum_norm():
    a = np.array([[1.0, 1.0], [2.0, 2.0]])
    problem = ResidualProblem(lambda t: a @ t - [1, 2], lambda t: a)
    result = GaussNewton().minimize(problem, np.zeros(2), iterations=1)
    np.testing.assert_allclose(result.theta, [0.5, 0.5], rtol=1e-14)
    assert LevenbergMarquardt().minimize(problem, np.zeros(2), iterations=30).value < 1e-28


def test_ill_conditioned_spline_fit():
    t = knots("uniform", 3, intervals=20)
    x = np.linspace(-1, 2, 300)
    psi = sk.PowerReLUBasis(t, 3).tabulate(x)
    y = np.exp(np.sin(3 * x))
    best = sk.BSplineBasis(t, 3).tabulate(x)
    best = best @ np.linalg.lstsq(best, y, rcond=None)[0] - y
    problem = ResidualProblem(lambda w: psi @ w - y, lambda w: psi)
    result = LevenbergMarquardt().minimize(problem, np.zeros(psi.shape[1]), iterations=100)
    assert result.value < 1.001 * (best @ best) / 2


def test_adam_against_a_reference_loop():
    problem = rosenbrock()
    method = Adam(schedule=LinearRamp(1e-3, 1e-2, 5), weight_decay=0.1)
    got = method.minimize(problem, [-1.2, 1.0], iterations=20).theta
    z, m, v = np.array([-1.2, 1.0]), np.zeros(2), np.zeros(2)
    for i in range(20):
        g = problem.value_and_gradient(z)[1]
        rate = 1e-3 + (1e-2 - 1e-3) * min(1, i / 5)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        z = z - rate * (m / (1 - 0.9 ** (i + 1)) / (np.sqrt(v / (1 - 0.999 ** (i + 1))) + 1e-8) + 0.1 * z)
    np.testing.assert_allclose(got, z, rtol=1e-12)


def test_schedules():
    assert Constant(0.5)(7) == 0.5
    wave = ExponentialCyclic(low=1.0, high=3.0, cycle=100, gamma=0.99)
    assert wave(0) == 1.0
    assert wave(50) == pytest.approx(1 + 2 * 0.99**50)
    assert wave(100) == 1.0
    assert wave(25) == pytest.approx(1 + 0.99**25)
    with pytest.raises(ValueError, match="positive"):
        Constant(-1.0)


T = np.array([[2.0, 0.0], [1.0, 0.5]])


@pytest.mark.parametrize("geometry", ["u", "w"])
@pytest.mark.parametrize("gradient", ["u", "w"])
def test_the_eight_updates_of_table_1(geometry, gradient):
    """u native, w = T u: each row, written in u and in w, is what gradient descent does."""
    problem = rosenbrock({"u": MatrixMap(np.eye(2)), "w": MatrixMap(T)})
    u, eta = np.array([0.3, -0.2]), 1e-3
    gu = problem.value_and_gradient(u)[1]
    a, inverse = T.T, np.linalg.inv(T.T)  # b = A psi, w = A^T u
    gw = inverse @ gu
    in_u = {
        ("w", "w"): u - eta * inverse.T @ inverse @ gu,
        ("w", "u"): u - eta * inverse.T @ gu,
        ("u", "u"): u - eta * gu,
        ("u", "w"): u - eta * inverse @ gu,
    }
    w = a.T @ u
    in_w = {
        ("w", "w"): w - eta * gw,
        ("w", "u"): w - eta * a @ gw,
        ("u", "u"): w - eta * a.T @ a @ gw,
        ("u", "w"): w - eta * a.T @ gw,
    }
    method = GradientDescent(step=eta, geometry=geometry, gradient=gradient)
    got = method.minimize(problem, u, iterations=1).theta
    np.testing.assert_allclose(got, in_u[geometry, gradient], rtol=1e-13)
    np.testing.assert_allclose(T @ got, in_w[geometry, gradient], rtol=1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs_in_every_row(method):
    problem = rosenbrock({"u": MatrixMap(np.eye(2)), "w": MatrixMap(T)})
    for geometry in (None, "u", "w"):
        for gradient in (None, "u", "w"):
            options = {"step": 1e-3} if method is GradientDescent else {}
            optimizer = method(geometry=geometry, gradient=gradient, **options)
            result = optimizer.minimize(problem, [0.9, 0.8], iterations=2)
            assert result.value == pytest.approx(problem.value(result.theta), rel=1e-12)
            if gradient in (None, geometry):  # else the step of Gauss-Newton need not descend
                assert result.value < problem.value([0.9, 0.8])


def test_gauss_newton_is_affine_invariant_and_plain_levenberg_is_not():
    problem = rosenbrock({"w": MatrixMap(T)})
    tolerance = 1e3 * np.finfo(float).eps * np.linalg.cond(T)
    one = GaussNewton().minimize(problem, [0.5, 0.5], iterations=1).theta
    other = GaussNewton(geometry="w").minimize(problem, [0.5, 0.5], iterations=1).theta
    np.testing.assert_allclose(one, other, rtol=tolerance)
    plain, moved = (
        LevenbergMarquardt(geometry=name, scaling="none", damping=0.1).minimize(
            problem, [0.5, 0.5], iterations=1
        )
        for name in (None, "w")
    )
    assert np.abs(plain.theta - moved.theta).max() > 1e-3


def test_levenberg_with_transformed_damping_is_invariant():
    def in_w(t):
        return np.linalg.solve(T, t)

    u_native = rosenbrock()
    w_native = ResidualProblem(
        lambda w: u_native.residual(in_w(w)),
        lambda w: u_native.jacobian(in_w(w)) @ np.linalg.inv(T),
        {"u": MatrixMap(np.linalg.inv(T))},
    )
    u = LevenbergMarquardt().minimize(u_native, [0.5, 0.5], iterations=3).theta
    w = LevenbergMarquardt(geometry="u").minimize(w_native, T @ [0.5, 0.5], iterations=3).theta
    np.testing.assert_allclose(in_w(w), u, rtol=1e-10)


def test_ends():
    problem = rosenbrock()
    start = np.array([-1.2, 1.0])
    copy = start.copy()
    assert LBFGS().minimize(problem, [1.0, 1.0], iterations=5).status is Status.CONVERGED
    stopped = GradientDescent(step=1e-4).minimize(
        problem, start, iterations=9, callback=lambda i: i.iteration == 3
    )
    assert (stopped.status, len(stopped.history.loss)) == (Status.STOPPED, 4)
    blown = GradientDescent(step=1.0).minimize(
        FunctionProblem(lambda t: float(t[0] ** 2) if abs(t[0]) < 50 else np.nan, lambda t: 20 * t),
        [1.0],
        iterations=9,
    )
    assert blown.status is Status.NON_FINITE
    assert np.isfinite(blown.value)

    def interrupt(iterate):
        if iterate.iteration == 2:
            raise KeyboardInterrupt

    halted = GradientDescent(step=1e-4).minimize(problem, start, iterations=9, callback=interrupt)
    assert halted.status is Status.INTERRUPTED
    assert halted.value == halted.history.loss.min()
    uphill = FunctionProblem(lambda t: float(t[0]), lambda t: np.array([-1.0]))
    assert (
        GradientDescent(search="armijo").minimize(uphill, [0.0], iterations=2).status
        is Status.LINE_SEARCH_FAILED
    )
    flat = ResidualProblem(lambda t: np.array([1.0 + t[0] ** 2]), lambda t: np.array([[2 * t[0]]]))
    assert LevenbergMarquardt().minimize(flat, [1e-9], iterations=99).status in (
        Status.STALLED,
        Status.CONVERGED,
    )
    assert np.array_equal(start, copy)
    joined = History.join([stopped.history, halted.history])
    assert (np.diff(joined.evaluations) >= 0).all()


def test_best_iterate():
    # sin(50 t) under a parabola: steps of fixed length jump over its minima.
    problem = FunctionProblem(
        lambda t: float(np.sin(50 * t[0]) + t[0] ** 2), lambda t: 50 * np.cos(50 * t) + 2 * t
    )
    adam = Adam(schedule=lambda _: 0.1)
    last = adam.minimize(problem, [1.0], iterations=30)
    best = adam.minimize(problem, [1.0], iterations=30, keep="best")
    assert last.value == last.history.loss[-1] > last.history.loss.min()
    assert best.value == best.history.loss.min() == problem.value(best.theta)
    np.testing.assert_array_equal(best.history.loss, last.history.loss)
    uphill = FunctionProblem(lambda t: float(t[0]), lambda t: np.array([-1.0]))
    start = np.array([0.1])
    assert GradientDescent().minimize(uphill, start, iterations=3, keep="best").theta == start


def curved(n, m, seed=0):
    rng = np.random.default_rng(seed)
    a, y = rng.normal(size=(n, m)), rng.normal(size=n)
    return ResidualProblem(
        lambda t: a @ t + 0.1 * np.sin(a @ t) - y, lambda t: a * (1 + 0.1 * np.cos(a @ t))[:, None]
    )


def exact_inverse(jacobian, damping):
    """The best preconditioner there is: one step of conjugate gradients solves the equations."""
    dense = jacobian.matmat(np.eye(jacobian.shape[1]))
    return np.linalg.inv(dense.T @ dense + damping * np.eye(jacobian.shape[1]))


@pytest.mark.parametrize(
    ("solver", "tolerance"),
    [
        (SVD(), 1e-12),
        (Dual(), 1e-12),
        (CG(tolerance=1e-12, iterations=200), 1e-9),
        (CG(exact_inverse, 1e-12, iterations=2), 1e-9),
    ],
)
@pytest.mark.parametrize(("n", "m"), [(40, 10), (10, 40)])
def test_every_solver_takes_the_same_first_step(solver, tolerance, n, m):
    problem = curved(n, m)
    steps = [
        LevenbergMarquardt(solver=each, damping=0.1).minimize(problem, np.zeros(m), iterations=1).theta
        for each in (Cholesky(), solver)
    ]
    np.testing.assert_allclose(steps[1], steps[0], atol=tolerance * np.abs(steps[0]).max())


def test_default_solvers_by_size():
    for n, m, kind in ((40, 10, Cholesky), (10, 40, Dual), (10, 5001, CG)):
        problem = SimpleNamespace(n_residuals=n)
        assert isinstance(default_solver(problem, m, False), kind)
    assert isinstance(default_solver(SimpleNamespace(n_residuals=10), 40, True), Cholesky)


PROBLEM = (
    "value",
    "value_and_gradient",
    "normal_equations",
    "triangular_factor",
    "linearized",
    "n_residuals",
)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: LevenbergMarquardt(solver="cg"), TypeError, "solver must be a solver such as Cholesky"),
        (lambda: LevenbergMarquardt(solver=Dual(), geometry="w", gradient="u"), ValueError, "Dual"),
        (lambda: CG(preconditioner=1), TypeError, "preconditioner must be callable"),
        (lambda: CG(tolerance=0.0), ValueError, "tolerance"),
        (lambda: CG(tolerance=1.5), ValueError, r"tolerance must be at most 1\.0"),
        (lambda: LevenbergMarquardt(solver=SVD), TypeError, "solver must be a solver such as Cholesky"),
        (lambda: CG(iterations=0), ValueError, "iterations"),
        (lambda: SVD(cutoff=2.0), ValueError, "cutoff"),
        (lambda: Cholesky("small"), TypeError, "cutoff"),
    ],
)
def test_bad_solvers(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_results_say_how_they_ended():
    problem, theta0, _ = CLASSICS["rosenbrock"]
    done = LevenbergMarquardt().minimize(problem, theta0, iterations=300, value_tolerance=1e-12)
    assert done.success
    assert done.status is Status.CONVERGED
    assert done.nit == len(done.history.loss) - 1 > 3
    short = LevenbergMarquardt().minimize(problem, theta0, iterations=3)
    assert (short.success, short.nit, short.model) == (False, 3, None)
    counted = LevenbergMarquardt().minimize(
        SimpleNamespace(**{name: getattr(problem, name) for name in PROBLEM}, cost=None),
        theta0,
        iterations=3,
        cost=5.0,
    )
    np.testing.assert_array_equal(counted.history.work, 5 * short.history.work)


@pytest.mark.parametrize("solver", [Cholesky(), SVD(), Dual(), CG()])
def test_every_solver_arrives(solver):
    for n, m in ((40, 10), (10, 40)):
        problem = curved(n, m)
        best = least_squares(
            problem.residual, np.zeros(m), problem.jacobian, xtol=1e-15, ftol=1e-15, gtol=1e-15
        )
        result = LevenbergMarquardt(solver=solver).minimize(problem, np.zeros(m), iterations=60)
        assert result.value <= best.cost * (1 + 1e-8) + 1e-20
    classic, theta0, goal = CLASSICS["rosenbrock"]
    assert LevenbergMarquardt(solver=solver).minimize(classic, theta0, iterations=300).value < goal


@pytest.mark.parametrize("solver", [Cholesky(), SVD(), Dual(), CG()])
def test_solvers_in_other_coordinates(solver):
    problem = rosenbrock({"w": MatrixMap(T)})
    method = LevenbergMarquardt(solver=solver, geometry="w")
    assert method.minimize(problem, [0.5, 0.5], iterations=60).value < 1e-18


@pytest.mark.parametrize("solver", [None, Cholesky(), SVD(), Dual(), CG()])
def test_unseen_coefficients_stay_where_they_are(solver):
    # Their columns of J are 0, and so is their scale: rounding must not be divided by it.
    rng = np.random.default_rng(0)
    net = sk.KAN.splines([2, 2, 1], intervals=12)
    x = rng.uniform(0, 0.45, (300, 2))
    problem = sk.LeastSquares(net, x, np.sin(8 * x[:, 0]) * x[:, 1] + 0.01 * rng.normal(size=300))
    start = sk.initialize(net, 0, "greville")
    result = LevenbergMarquardt(solver=solver).minimize(problem, start, iterations=20)
    before, after = (net.unpack(theta)[0]["coefficients"][:, 9:] for theta in (start, result.theta))
    np.testing.assert_array_equal(after, before)
