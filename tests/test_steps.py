"""Solvers of the damped equations and corrections of steps, against dense linear algebra."""

import numpy as np
import pytest

import splinekan as sk
from splinekan.optimize import IdentityMap, ResidualProblem
from splinekan.optimize.corrections import Corrections
from splinekan.optimize.driver import Frame
from splinekan.optimize.systems import Normal, Triangular
from splinekan.optimize.triangular import damped_factor, solved, square

SOLVERS = [sk.Cholesky(), sk.QR(), sk.SVD(), sk.CG(tolerance=1e-13, iterations=500)]


def graded(n, m, condition, seed=0):
    """J with singular values from 1 to 1/condition, and a residual partly in its range."""
    rng = np.random.default_rng(seed)
    u, v = (np.linalg.qr(rng.normal(size=(k, min(n, m))))[0] for k in (n, m))
    J = (u * np.geomspace(1, 1 / condition, min(n, m))) @ v.T
    return J, J @ rng.normal(size=m) + 1e-3 * rng.normal(size=n)


def linear(J, r):
    return ResidualProblem(lambda t: r + J @ t, lambda t: J)


def framed(problem, z):
    frame = Frame(problem, IdentityMap(), IdentityMap())
    return frame, frame.point(np.asarray(z, float))


def least_squares(J, r, damping, scale):
    """The step by the singular values of the stacked matrix."""
    stacked = np.concatenate([J / scale, np.sqrt(damping) * np.eye(J.shape[1])])
    right = np.concatenate([-r, np.zeros(J.shape[1])])
    return np.linalg.lstsq(stacked, right, rcond=None)[0] / scale


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 100])
def test_a_damped_factor_is_that_of_the_stacked_triangles(n):
    rng = np.random.default_rng(n)
    upper, z, damping = np.triu(rng.normal(size=(n, n))), rng.normal(size=n), 0.3
    factor, moved = damped_factor(np.asfortranarray(upper), z, damping)
    assert np.array_equal(factor, np.triu(factor))
    wanted = upper.T @ upper + damping * np.eye(n)
    np.testing.assert_allclose(factor.T @ factor, wanted, atol=1e-13 * np.abs(wanted).max())
    np.testing.assert_allclose(factor.T @ moved, upper.T @ z, atol=1e-13 * np.abs(upper.T @ z).max() + 1e-13)
    v = rng.normal(size=n)
    np.testing.assert_allclose(solved(factor, factor.T @ v, transposed=True), v, rtol=1e-8, atol=1e-8)


def test_a_triangle_with_few_rows_becomes_square():
    upper = np.arange(1.0, 7.0).reshape(2, 3)
    full = square(upper)
    assert full.flags.f_contiguous
    np.testing.assert_array_equal(full, [[1, 2, 3], [4, 5, 6], [0, 0, 0]])


@pytest.mark.parametrize(("n", "m"), [(60, 20), (20, 20), (12, 20)])
@pytest.mark.parametrize("damping", [1.0, 1e-6, 1e-14])
def test_qr_steps_are_those_of_dense_least_squares(n, m, damping):
    J, r = graded(n, m, 1e5)
    scale = np.random.default_rng(1).uniform(0.5, 2.0, m)
    frame, point = framed(linear(J, r), np.zeros(m))
    step = sk.QR().linearize(frame, point, False).damped(scale)(damping)
    wanted = least_squares(J, r, damping, scale)
    # Perturbations of eps |J| move the step by about eps times the condition number, and its square.
    tolerance = 1e-14 / max(damping, 1e-10)
    np.testing.assert_allclose(step, wanted, atol=tolerance * np.abs(wanted).max())


def test_qr_resolves_what_normal_equations_lose():
    J, r = graded(200, 40, 1e10)
    damping, ones = 1e-18, np.ones(40)
    frame, point = framed(linear(J, r), np.zeros(40))
    wanted = J @ least_squares(J, r, damping, ones)
    errors = {
        solver: np.linalg.norm(J @ solver.linearize(frame, point, False).damped(ones)(damping) - wanted)
        for solver in (sk.QR(), sk.SVD())
    }
    normal = np.linalg.pinv(J.T @ J + damping * np.eye(40), rcond=1e-16) @ (J.T @ -r)
    assert errors[sk.QR()] < 10 * errors[sk.SVD()] + 1e-9 * np.linalg.norm(r)
    assert np.linalg.norm(J @ normal - wanted) > 1e3 * errors[sk.QR()]


def test_cholesky_falls_back_to_qr():
    J, r = graded(50, 20, 1e9)
    frame, point = framed(linear(J, r), np.zeros(20))
    normal = Normal(frame, point, 1e-14, False, None).damped(np.ones(20))
    triangular = Triangular(frame, point, 1e-14, False, values=False).damped(np.ones(20))
    assert np.array_equal(normal(1e-16), triangular(1e-16))
    assert not np.array_equal(normal(1e-16), normal(1e-3))
    assert np.array_equal(normal(1e-3), triangular(1e-3))  # once made, R serves larger dampings too


@pytest.mark.parametrize("values", [False, True])
def test_columns_of_zeros_do_not_move(values):
    J, r = graded(30, 10, 1e3)
    J[:, [0, 4]] = 0.0
    frame, point = framed(linear(J, r), np.zeros(10))
    scale = np.where(J.any(axis=0), 1.0, 1e-16)
    step = Triangular(frame, point, 1e-14, False, values=values).damped(scale)(1e-8)
    assert (step[[0, 4]] == 0.0).all()
    kept = J.any(axis=0)
    wanted = least_squares(J[:, kept], r, 1e-8, scale[kept])
    np.testing.assert_allclose(step[kept], wanted, rtol=1e-6, atol=1e-8 * np.abs(wanted).max())


def test_qr_without_damping_and_without_finite_numbers():
    J, r = graded(30, 10, 1e3)
    frame, point = framed(linear(J, r), np.zeros(10))
    step = sk.QR().linearize(frame, point, False).damped(np.ones(10))(0.0)
    np.testing.assert_allclose(step, np.linalg.lstsq(J, -r, rcond=None)[0], rtol=1e-9)
    J[3, 3] = np.nan
    step = sk.QR().linearize(frame, point, False).damped(np.ones(10))(1.0)
    assert np.isnan(step).all()


@pytest.mark.parametrize(
    ("solver", "n"), [*((each, 40) for each in SOLVERS), *((each, 8) for each in (*SOLVERS, sk.Dual()))]
)
@pytest.mark.parametrize("damping", [0.1, 1e-14])
def test_every_solver_takes_another_gradient(solver, n, damping):
    J, r = graded(n, 12, 1e2)
    rng = np.random.default_rng(2)
    scale = rng.uniform(0.5, 2.0, 12)
    frame, point = framed(linear(J, r), np.zeros(12))
    damped = solver.linearize(frame, point, False).damped(scale)
    step = damped(damping)
    gradient = J.T @ rng.normal(size=n) + damping * scale**2 * step
    found = damped(damping, gradient)
    matrix = (J / scale).T @ (J / scale) + damping * np.eye(12)
    residual = matrix @ (scale * found) + gradient / scale
    assert np.linalg.norm(residual) < 1e-9 * np.linalg.norm(gradient / scale)
    # The step itself is not affected.
    np.testing.assert_allclose(damped(damping), step, rtol=1e-10)


def bent(curvature=1.0, n=8, m=5):
    """r = r0 + J t + curvature t.K.t/2 for every residual, and r''(p, p)."""
    rng = np.random.default_rng(5)
    r0, J, K = rng.normal(size=n), rng.normal(size=(n, m)), rng.normal(size=(n, m, m))
    K = curvature * (K + K.transpose(0, 2, 1))
    problem = ResidualProblem(
        lambda t: r0 + J @ t + np.einsum("nij,i,j->n", K, t, t) / 2,
        lambda t: J + np.einsum("nij,j->ni", K, t),
    )
    return problem, lambda p: np.einsum("nij,i,j->n", K, p, p)


@pytest.mark.parametrize("solver", [*SOLVERS, sk.Dual()])
def test_the_first_correction_is_half_the_geodesic_acceleration(solver):
    n = 4 if isinstance(solver, sk.Dual) else 8
    problem, second = bent(0.02, n)
    z, damping, scale = np.array([0.1, -0.2, 0.3, 0.0, 0.5]), 0.3, np.array([1.0, 2.0, 1.0, 0.5, 1.0])
    frame, point = framed(problem, z)
    damped = solver.linearize(frame, point, False).damped(scale)
    step = damped(damping)
    J = np.asarray(problem.jacobian(z))
    acceleration = -np.linalg.solve(J.T @ J + damping * np.diag(scale**2), J.T @ second(step))
    moved = Corrections(frame, point, 1).corrected(damped, damping, scale, step)
    np.testing.assert_allclose(moved, step + acceleration / 2, rtol=1e-8, atol=1e-10)


def test_corrections_converge_to_the_curved_equations():
    problem, _ = bent(0.02)
    z, damping, scale = np.full(5, 0.1), 0.3, np.ones(5)
    frame, point = framed(problem, z)
    damped = sk.Cholesky().linearize(frame, point, False).damped(scale)
    J, step = np.asarray(problem.jacobian(z)), damped(damping)
    sizes = []
    for count in (1, 2, 4, 30):
        q = Corrections(frame, point, count).corrected(damped, damping, scale, step)
        sizes.append(np.linalg.norm(J.T @ problem.residual(z + q) + damping * q))
    assert sizes[0] > 3 * sizes[1] > 9 * sizes[2]
    assert sizes[-1] < 1e-12


@pytest.mark.parametrize(
    "problem",
    [
        bent(30.0)[0],
        ResidualProblem(lambda t: np.exp(500 * t), lambda t: 500 * np.diag(np.exp(500 * t))),
    ],
)
def test_steps_that_bend_too_much_or_overflow_are_rejected(problem):
    frame, point = framed(problem, np.zeros(5))
    ones = np.ones(5)
    damped = sk.Cholesky().linearize(frame, point, False).damped(ones)
    with np.errstate(over="ignore"):
        assert Corrections(frame, point, 2).corrected(damped, 1e-3, ones, 10 * ones) is None


def test_corrections_of_a_linear_residual_vanish():
    J, r = graded(30, 6, 10.0)
    results = [
        sk.LevenbergMarquardt(corrections=count).minimize(linear(J, r), np.ones(6), iterations=3)
        for count in (0, 3)
    ]
    np.testing.assert_allclose(results[1].theta, results[0].theta, rtol=1e-9)
    # The residual at the end of a step is an evaluation, and so is J.
    assert results[1].history.evaluations[-1] > results[0].history.evaluations[-1]


def test_corrections_follow_a_curved_valley():
    valley = ResidualProblem(
        lambda t: np.array([100 * (t[1] - t[0] ** 2), 1 - t[0]]),
        lambda t: np.array([[-200 * t[0], 100.0], [-1.0, 0.0]]),
    )
    counts = [
        sk.LevenbergMarquardt(corrections=count)
        .minimize(valley, [-1.2, 1.0], iterations=400, value_tolerance=1e-20)
        .nit
        for count in (0, 2)
    ]
    assert counts[1] < counts[0] / 2


def network():
    x = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    y = np.sin(2 * x[:, 0] + x[:, 1] ** 2)
    net = sk.KAN.splines([2, 3, 1], 3, 4, (-1, 1), extrapolate="polynomial")
    return net, x, y, sk.initialize(net, 0, "greville")


@pytest.mark.parametrize("solver", [None, sk.QR(), sk.SVD(), sk.CG()])
def test_corrections_see_the_rows_of_a_penalty(solver):
    net, x, y, theta = network()
    objective = sk.LeastSquares(net, x, y, reduction="mean", smoothing=1e-6)
    frame, point = framed(objective, theta)
    corrections = Corrections(frame, point, 1)
    system = (solver or sk.Cholesky()).linearize(frame, point, False)
    damped = system.damped(np.maximum(system.columns, 1e-8))
    step = damped(0.1)
    corrections.corrected(damped, 0.1, np.maximum(system.columns, 1e-8), step)
    wanted = objective.linearized(theta + step)[1]
    np.testing.assert_allclose(corrections._at(step), wanted, atol=1e-12)
    result = sk.LevenbergMarquardt(corrections=2, solver=solver).minimize(objective, theta, iterations=5)
    assert result.value < objective.value(theta) / 10


def test_corrections_do_not_depend_on_the_basis():
    net, x, y, theta = network()
    relu = net.with_basis("relu")
    start = net.coordinates("relu").apply(theta)
    ends = []
    for each, at, geometry in ((net, theta, None), (relu, start, "spline")):
        objective = sk.LeastSquares(each, x, y, reduction="mean")
        method = sk.LevenbergMarquardt(corrections=2, geometry=geometry, damping=1.0)
        ends.append(method.minimize(objective, at, iterations=3).value)
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-5)


def test_corrections_on_a_subspace():
    net, x, y, theta = network()
    fixed = net.indices(0, input=0)
    problem = sk.Restricted(sk.LeastSquares(net, x, y, reduction="mean"), fixed=fixed)
    result = sk.LevenbergMarquardt(corrections=1).minimize(problem, theta, iterations=5)
    assert np.array_equal(result.theta[fixed], theta[fixed])
    assert result.value < problem.value(theta)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"corrections": -1}, ValueError, "corrections must be at least 0"),
        ({"corrections": 1.0}, TypeError, "corrections must be an integer"),
        ({"corrections": True}, TypeError, "corrections must be an integer"),
        (
            {"corrections": 1, "geometry": "spline", "gradient": "relu"},
            ValueError,
            "corrections need gradient and geometry",
        ),
    ],
)
def test_bad_corrections(options, error, message):
    with pytest.raises(error, match=message):
        sk.LevenbergMarquardt(**options)


def test_problems_without_corrections():
    net, x, y, theta = network()
    huber = sk.DataLoss(net, x, y, loss=sk.Huber(0.1))
    with pytest.raises(ValueError, match="half a sum of squares"):
        sk.LevenbergMarquardt(corrections=1).minimize(huber, theta, iterations=1)
    bowl = sk.FunctionProblem(lambda t: float(t @ t) / 2, lambda t: t)
    with pytest.raises(TypeError, match="linearized"):
        sk.LevenbergMarquardt(corrections=1, solver=sk.CG()).minimize(bowl, np.ones(2), iterations=1)
    with pytest.raises(ValueError, match="corrections must be 0"):
        sk.VariableProjection(corrections=1)


def test_qr_trains_a_network():
    net, x, y, theta = network()
    objective = sk.LeastSquares(net, x, y, reduction="mean")
    values = [
        sk.LevenbergMarquardt(solver=solver, damping=0.1).minimize(objective, theta, iterations=5).value
        for solver in (sk.QR(), sk.SVD())
    ]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-6)
