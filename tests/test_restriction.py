"""Fixed parameters and linear equations: the same minima as by hand, held exactly by every optimiser."""

import numpy as np
import pytest
import scipy

import splinekan as sk
from splinekan.optimize import Constant, MatrixMap, Status
from splinekan.optimize.restriction import EXACT

pytestmark = pytest.mark.filterwarnings("ignore:x leaves the domain")
METHODS = {
    "descent": sk.GradientDescent(step=1e-3),
    "armijo": sk.GradientDescent(step=1.0, search="armijo"),
    "adam": sk.Adam(),
    "adamw": sk.Adam(weight_decay=0.1),
    "lbfgs": sk.LBFGS(),
    "gauss-newton": sk.GaussNewton(cutoff=1e-6),
    "cholesky": sk.LevenbergMarquardt(solver=sk.Cholesky()),
    "svd": sk.LevenbergMarquardt(solver=sk.SVD()),
    "dual": sk.LevenbergMarquardt(solver=sk.Dual()),
    "cg": sk.LevenbergMarquardt(solver=sk.CG()),
}


def linear(n=12, rows=40):
    """A linear least-squares problem: its matrix, right-hand side, and the problem."""
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(rows, n)), rng.normal(size=rows)
    maps = {"stretched": MatrixMap(np.diag(np.arange(1.0, n + 1)) + 0.3 * rng.normal(size=(n, n)))}
    return A, b, sk.ResidualProblem(lambda t: A @ t - b, lambda t: A, maps)


def subspace(theta, fixed, C, d):
    """(p, Z) by dense linear algebra: p the shortest solution beside the fixed entries."""
    n = len(theta)
    rows = np.vstack([np.eye(n)[fixed], C])
    right = np.concatenate([theta[fixed], d])
    return np.linalg.lstsq(rows, right, rcond=None)[0], scipy.linalg.null_space(rows)


def restriction(n=12):
    """Some fixed entries and equations, one of which involves a fixed entry; entries 0 and 1 are free."""
    rng = np.random.default_rng(1)
    C = np.zeros((3, n))
    C[:, 2:9] = rng.normal(size=(3, 7))
    return [4, n - 1], C, rng.normal(size=3)


@pytest.mark.parametrize("solver", [None, sk.Cholesky(), sk.SVD(), sk.Dual(), sk.CG(tolerance=1e-9)])
@pytest.mark.parametrize("geometry", [None, "stretched"])
@pytest.mark.parametrize("sparse", [False, True])
def test_linear_least_squares_against_the_equations_of_lagrange(solver, geometry, sparse):
    A, b, problem = linear()
    fixed, C, d = restriction()
    theta = np.random.default_rng(2).normal(size=12)
    rows = np.vstack([np.eye(12)[fixed], C])
    kkt = np.block([[A.T @ A, rows.T], [rows, np.zeros((5, 5))]])
    right = np.concatenate([A.T @ b, theta[fixed], d])
    exact = np.linalg.solve(kkt, right)[:12]
    restricted = sk.Restricted(problem, fixed, (scipy.sparse.csr_array(C) if sparse else C, d))
    method = sk.LevenbergMarquardt(solver=solver, geometry=geometry)
    result = method.minimize(restricted, theta, iterations=50)
    np.testing.assert_allclose(result.theta, exact, atol=1e-7)
    np.testing.assert_array_equal(result.theta[fixed], theta[fixed])
    np.testing.assert_allclose(C @ result.theta, d, atol=1e-14)


@pytest.mark.parametrize("name", METHODS)
def test_fixed_entries_give_the_steps_of_the_smaller_problem(name):
    # Entry by entry and bit by bit: with fixed entries only, y are the other entries of theta.
    A, b, problem = linear()
    theta = np.random.default_rng(2).normal(size=12)
    mask = np.zeros(12, bool)
    mask[[0, 5, 6]] = True
    other = np.flatnonzero(~mask)
    rest = b - A[:, mask] @ theta[mask]
    smaller = sk.ResidualProblem(lambda t: A[:, other] @ t - rest, lambda t: A[:, other])
    result = METHODS[name].minimize(sk.Restricted(problem, mask), theta, iterations=15)
    expected = METHODS[name].minimize(smaller, theta[other], iterations=15)
    np.testing.assert_allclose(result.theta[other], expected.theta, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(result.theta[mask], theta[mask])
    if name != "cg":  # whose last steps are rounding
        np.testing.assert_allclose(result.history.loss, expected.history.loss[: result.nit + 1], rtol=1e-9)


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(80, 2))
    network = sk.KAN.splines([2, 3, 1], degree=2, intervals=3, basis="relu")
    objective = sk.LeastSquares(network, x, np.sin(6 * x[:, 0]) * x[:, 1], reduction="mean", smoothing=1e-6)
    theta = sk.KAN.to_basis(
        network.with_basis("spline"), sk.initialize(network.with_basis("spline"), 0), "relu"
    )
    return network, objective, theta


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("geometry", [None, "spline", "relu"])
def test_every_method_holds_them_in_every_geometry(name, geometry, fit):
    network, objective, theta = fit
    fixed = np.concatenate([network.indices(0, input=1), network.indices(1, input=0)[:2]])
    C, d = network.edge_rows(0, 0, 2, [0.0, 0.4, 1.0]), np.array([0.1, 0.5, 0.9])
    if name == "descent" and geometry != "spline":
        geometry = "spline"  # elsewhere a fixed step of this length diverges
    method = type(METHODS[name])(**(vars(METHODS[name]) | {"geometry": geometry}))
    seen = []
    result = method.minimize(
        sk.Restricted(objective, fixed, (C, d)),
        theta,
        iterations=6,
        callback=lambda at: seen.append(at.theta),
    )
    assert result.nit == len(seen) >= 1
    for each in (*seen, result.theta):
        np.testing.assert_array_equal(each[fixed], theta[fixed])
        size = abs(C) @ np.abs(each) + np.abs(d)
        assert (np.abs(C @ each - d) <= 1e-13 * size).all()
    if name not in ("gauss-newton", "adam", "adamw"):
        assert result.history.loss[-1] < result.history.loss[0]
    assert np.array_equal(result.model.theta, result.theta)
    assert result.value == pytest.approx(objective.value(result.theta), rel=1e-12)


@pytest.mark.parametrize("where", ["dense", "blocks"])
@pytest.mark.parametrize("tied", [False, True])
def test_a_step_of_gradient_descent_is_that_in_the_metric(where, tied, fit):
    if where == "dense":
        _, _, problem = linear()
        fixed, C, d = restriction()
        theta, name = np.random.default_rng(2).normal(size=12), "stretched"
    else:
        network, problem, theta = fit
        fixed = np.concatenate([network.indices(0, 1, 1), network.indices(1, 0)[:2]])
        C, name = network.edge_rows(0, 0, 2, [0.0, 1.0]).toarray(), "spline"
        d = C @ theta
    if not tied:
        C, d = C[:0], d[:0]
    n = len(theta)
    T = problem.coordinates(name).apply(np.eye(n))
    p, Z = subspace(theta, fixed, C, d)
    first = p + Z @ (Z.T @ (theta - p))
    gradient = problem.value_and_gradient(first)[1]
    step = Z @ np.linalg.solve((T @ Z).T @ (T @ Z), Z.T @ gradient)
    restricted = sk.Restricted(problem, fixed, (C, d) if tied else None)
    size = 1e-3
    result = sk.GradientDescent(step=size, geometry=name).minimize(
        restricted, theta, iterations=1, keep="last"
    )
    np.testing.assert_allclose(result.theta, first - size * step, atol=1e-9 * np.abs(first).max())


def test_blocks_without_restrictions_keep_their_coordinates():
    network = sk.KAN.affine_first([2, 3, 1], degree=2, intervals=3)
    x = np.random.default_rng(0).uniform(size=(50, 2))
    problem = sk.LeastSquares(network, x, x[:, 0] * x[:, 1])
    theta = sk.initialize(network, 0)
    part = network.indices(0, part="bias")
    row = np.zeros((1, network.n_parameters))
    row[0, network.indices(0, part="weight")] = 1.0
    d = row @ theta
    for fixed, equations in ((part, None), (None, (row, d)), (part, (row, d))):
        reduced = sk.Restricted(problem, fixed, equations).reduced(theta, "relu")
        w = reduced.coordinates("relu").apply(reduced.start)
        z = network.to_basis(theta, "relu")
        splines = network.indices(1)
        places = np.searchsorted(reduced.space.free, splines)
        np.testing.assert_array_equal(w[places], z[splines])
        for back in ("solve", "solve_transpose"):
            assert getattr(reduced.coordinates("relu"), back)(np.eye(len(w))).shape == (len(w), len(w))
        np.testing.assert_allclose(reduced.coordinates("relu").solve(w), reduced.start, atol=1e-12)


@pytest.mark.parametrize("geometry", [None, "stretched"])
def test_weight_decay_goes_to_the_nearest_point_to_zero(geometry):
    _, _, problem = linear()
    fixed, C, d = restriction()
    theta = np.random.default_rng(2).normal(size=12)
    flat = sk.FunctionProblem(lambda t: 0.0, lambda t: np.full(12, 1e-30), problem.maps)
    T = np.eye(12) if geometry is None else problem.maps[geometry].apply(np.eye(12))
    p, Z = subspace(theta, fixed, C, d)
    first = p + Z @ (Z.T @ (theta - p))
    nearest = p - Z @ np.linalg.lstsq(T @ Z, T @ p, rcond=None)[0]
    method = sk.Adam(schedule=Constant(1e-3), weight_decay=20.0, geometry=geometry)
    result = method.minimize(sk.Restricted(flat, fixed, (C, d)), theta, iterations=10, keep="last")
    share = (1 - 20.0 * 1e-3) ** 10
    np.testing.assert_allclose(result.theta, nearest + share * (first - nearest), atol=1e-12)
    np.testing.assert_array_equal(result.theta[fixed], theta[fixed])


def test_the_start_is_projected_orthogonally():
    _, _, problem = linear()
    fixed, C, d = restriction()
    theta = np.random.default_rng(2).normal(size=12)
    p, Z = subspace(theta, fixed, C, d)
    result = sk.LBFGS().minimize(sk.Restricted(problem, fixed, (C, d)), theta, iterations=0)
    np.testing.assert_allclose(result.theta, p + Z @ (Z.T @ (theta - p)), atol=1e-13)
    np.testing.assert_array_equal(result.theta[[0, 1, 9, 10, *fixed]], theta[[0, 1, 9, 10, *fixed]])
    again = sk.LBFGS().minimize(sk.Restricted(problem, fixed, (C, d)), result.theta, iterations=0)
    np.testing.assert_allclose(again.theta, result.theta, atol=1e-14)


@pytest.mark.parametrize("tied", [7, EXACT + 20])
def test_the_reduced_problem_is_the_problem_times_z(tied):
    n = tied + 6
    A, _, problem = linear(n, 100)
    rng = np.random.default_rng(3)
    C, fixed = np.zeros((2, n)), [0, n - 1]
    C[:, :tied] = rng.normal(size=(2, tied))
    theta = rng.normal(size=n)
    reduced = sk.Restricted(problem, fixed, (C, C @ theta)).reduced(theta)
    space, m = reduced.space, reduced.space.dimension
    Z = space.lift(np.eye(m))
    np.testing.assert_allclose(Z.T @ Z, np.eye(m), atol=1e-14)
    np.testing.assert_allclose(C @ Z, 0, atol=1e-14)
    np.testing.assert_array_equal(Z[fixed], 0)
    assert m == n - 4
    g = rng.normal(size=n)
    np.testing.assert_allclose(space.pull(g), Z.T @ g, atol=1e-14)
    y = reduced.start + rng.normal(size=m)
    at = reduced.native(y)
    value, gradient, matrix = reduced.normal_equations(y)
    full = problem.normal_equations(at)
    assert value == full[0] == reduced.value(y)
    np.testing.assert_allclose(gradient, Z.T @ full[1], atol=1e-11)
    np.testing.assert_allclose(matrix, Z.T @ full[2] @ Z, atol=1e-11)
    np.testing.assert_allclose(reduced.value_and_gradient(y)[1], gradient, atol=1e-11)
    _, R, rotated = reduced.triangular_factor(y)
    np.testing.assert_allclose(R.T @ R, matrix, atol=1e-11)
    np.testing.assert_allclose(R.T @ rotated, gradient, atol=1e-11)
    _, r, J = reduced.linearized(y)
    np.testing.assert_allclose(J.toarray(), A @ Z, atol=1e-13)
    np.testing.assert_allclose(J.matvec(y), A @ Z @ y, atol=1e-12)
    np.testing.assert_allclose(J.rmatvec(r), gradient, atol=1e-11)
    squares = np.diag(matrix)
    if tied - 3 <= EXACT:
        np.testing.assert_allclose(J.column_squares(), squares, rtol=1e-12)
    else:
        free = len(space.free)
        np.testing.assert_allclose(J.column_squares()[:free], squares[:free], rtol=1e-12)
        assert 0.7 < J.column_squares()[free:].mean() / squares[free:].mean() < 1.4


def test_redundant_equations_are_admitted():
    _, _, problem = linear()
    C, d = np.ones((4, 12)), np.full(4, 2.0)
    C[2] *= 3
    d[2] *= 3
    C[3] = 0.0
    d[3] = 0.0
    theta = np.zeros(12)
    result = sk.LevenbergMarquardt().minimize(sk.Restricted(problem, None, (C, d)), theta, iterations=30)
    single = sk.LevenbergMarquardt().minimize(
        sk.Restricted(problem, None, (C[:1], d[:1])), theta, iterations=30
    )
    np.testing.assert_allclose(result.theta, single.theta, atol=1e-7)
    # Zeros on the right, up to rounding: sizes come from theta, not from the terms of the equation alone.
    zero = sk.KAN.splines([1, 1], intervals=4)
    slopes = zero.edge_rows(0, 0, 0, [0.0, 0.0, 1e-3], 1)
    both = scipy.sparse.vstack([slopes, zero.edge_rows(0, 0, 0, [0.0, 0.5, 1.0])])
    fit = sk.LeastSquares(zero, np.linspace(0, 1, 30)[:, None], np.linspace(0, 1, 30) ** 2)
    flat = sk.Restricted(fit, None, (both, [0.0, 0.0, 0.0, 0.0, 0.3, 1.0]))
    end = sk.LevenbergMarquardt().minimize(flat, np.zeros(7), iterations=5)
    np.testing.assert_allclose(both @ end.theta, flat.equations[1], atol=1e-13)
    huge = sk.LevenbergMarquardt().minimize(
        sk.Restricted(problem, None, (1e200 * C[:1], 1e200 * d[:1])), theta, iterations=30
    )
    np.testing.assert_allclose(huge.theta, single.theta, atol=1e-7)
    # An equation of fixed entries alone, which they satisfy.
    theta = np.full(12, 0.5)
    row = np.zeros((1, 12))
    row[0, :2] = 1.0
    kept = sk.LevenbergMarquardt().minimize(sk.Restricted(problem, [0, 1], (row, [1.0])), theta, iterations=9)
    np.testing.assert_array_equal(kept.theta[:2], 0.5)


@pytest.mark.parametrize(
    ("fixed", "equations", "message"),
    [
        (None, ([[1.0, 0, 0], [2.0, 0, 0]], [1.0, 3.0]), "equations must have a solution.*misses equation"),
        ([0], ([[1.0, 0, 0]], [1.0]), "equations must have a solution.*misses equation 0 by 1"),
        (None, ([[0.0, 0, 0]], [1.0]), "misses equation 0 by 1"),
        ([0, 1, 2], None, "must leave parameters to train"),
        ([0], ([[0, 1.0, 0], [0, 0, 1.0]], [1.0, 1.0]), "must leave parameters to train"),
        ([3], None, "fixed must be indices below the length 3 of theta0, got 3"),
        ([True, False], None, "fixed must have as many entries as theta0, 3, got 2"),
        (
            None,
            ([[1.0, 1.0]], [1.0]),
            "equations must have a column for each of the 3 entries of theta0, got 2",
        ),
    ],
)
def test_restrictions_that_do_not_fit_the_start(fixed, equations, message):
    problem = sk.FunctionProblem(lambda t: t @ t, lambda t: 2 * t)
    with pytest.raises(ValueError, match=message):
        sk.LBFGS().minimize(sk.Restricted(problem, fixed, equations), np.zeros(3), iterations=5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"fixed": [0.5]}, TypeError, "fixed must be a mask or indices"),
        ({"fixed": [0, True]}, TypeError, "fixed must be a mask or indices"),
        ({"fixed": [-1]}, ValueError, "fixed must be indices from 0, got -1"),
        ({"fixed": [[1]]}, ValueError, "fixed must have 1 axis"),
        ({"equations": np.ones((2, 3))}, TypeError, "equations must be a pair"),
        ({"equations": (np.ones(3), [1.0])}, ValueError, r"equations\[0\] must have 2 axes"),
        ({"equations": (np.ones((1, 3)), [1.0, 2.0])}, ValueError, r"equations\[1\] must have shape \(1,\)"),
        ({"equations": ([[np.nan, 1.0]], [1.0])}, ValueError, r"equations\[0\] must be finite"),
        (
            {"equations": (scipy.sparse.csr_array([[np.inf, 1.0]]), [1.0])},
            ValueError,
            r"equations\[0\] must be finite",
        ),
    ],
)
def test_bad_arguments_are_refused_at_once(arguments, error, message):
    problem = sk.FunctionProblem(lambda t: t @ t, lambda t: 2 * t)
    with pytest.raises(error, match=message):
        sk.Restricted(problem, **arguments)
    with pytest.raises(TypeError, match="must not be Restricted itself"):
        sk.Restricted(sk.Restricted(problem))
    with pytest.raises(TypeError, match="problem must have the methods"):
        sk.Restricted(3)


def test_methods_that_the_problem_lacks_are_named_before_the_run():
    problem = sk.Restricted(sk.FunctionProblem(lambda t: t @ t, lambda t: 2 * t), [0])
    with pytest.raises(TypeError, match="problem must have n_residuals"):
        sk.LevenbergMarquardt().minimize(problem, np.ones(3), iterations=5)
    with pytest.raises(TypeError, match="must have the methods normal_equations, triangular_factor"):
        sk.LevenbergMarquardt(solver=sk.Cholesky()).minimize(problem, np.ones(3), iterations=5)
    with pytest.raises(TypeError, match="must have the methods triangular_factor"):
        sk.GaussNewton().minimize(problem, np.ones(3), iterations=5)
    with pytest.raises(ValueError, match="unknown coordinates"):
        sk.LBFGS(geometry="relu").minimize(problem, np.ones(3), iterations=5)
    wrong = sk.Restricted(
        type("Wrong", (), {"cost": 1.0, "value_and_gradient": lambda self, t: (0.0, t[:2])})()
    )
    with pytest.raises(ValueError, match=r"problem.value_and_gradient\(theta\)\[1\] must have shape \(3,\)"):
        sk.GradientDescent().minimize(wrong, np.ones(3), iterations=5)


def test_no_dense_basis_for_fixed_entries():
    n = 200_000  # of which a dense basis would take 150 GB
    problem = sk.FunctionProblem(lambda t: t @ t / 2, lambda t: t)
    mask = np.arange(n) % 2 == 0
    for equations in (None, (scipy.sparse.csr_array(np.ones((1, n))), [0.0])):
        result = sk.LBFGS().minimize(sk.Restricted(problem, mask, equations), np.ones(n), iterations=3)
        np.testing.assert_array_equal(result.theta[mask], 1.0)
        np.testing.assert_allclose(result.theta[~mask], 0.0 if equations is None else -1.0, atol=1e-9)


def test_callbacks_stop_and_results_are_in_theta():
    _, _, problem = linear()
    theta = np.ones(12)
    seen = []

    def stop(at):
        seen.append(at)
        return at.iteration == 3

    result = sk.LBFGS().minimize(sk.Restricted(problem, [1]), theta, iterations=50, callback=stop)
    assert result.status is Status.STOPPED
    assert [at.iteration for at in seen] == [1, 2, 3]
    np.testing.assert_array_equal(seen[-1].theta, result.theta)
    assert result.theta.shape == (12,)
    np.testing.assert_array_equal(theta, 1.0)
    with pytest.raises(TypeError, match="callback must be callable"):
        sk.LBFGS().minimize(sk.Restricted(problem, [1]), theta, iterations=5, callback=3)


def test_levels_keep_an_edge_and_the_ends():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(300, 1))
    y = np.sin(9 * x) + 0.1 * rng.normal(size=x.shape)
    levels = sk.Hierarchy(sk.KAN.splines([1, 1], intervals=2), 3)

    def objective(level):
        problem = sk.LeastSquares(level.network, x, y, reduction="mean")
        return sk.Restricted(problem, equations=(level.network.edge_rows(0, 0, 0, [0.0, 1.0]), [0.5, -0.5]))

    for method in (sk.LevenbergMarquardt(), sk.LBFGS(geometry="spline")):
        result = sk.nested_iteration(levels, objective, method, [5, 5, 5], np.zeros(5))
        np.testing.assert_allclose(result.model([[0.0], [1.0]])[:, 0], [0.5, -0.5], atol=1e-14)
        assert result.value < 0.1

    deep = sk.Hierarchy(sk.KAN.splines([2, 2, 1], intervals=2), 2)
    points = rng.uniform(size=(200, 2))
    theta = sk.initialize(deep.network, 0, "greville")

    def frozen(level, n=None):
        problem = sk.LeastSquares(level.network, points[:n], points[:n, 0] * points[:n, 1], reduction="mean")
        return sk.Restricted(problem, fixed=level.network.indices(0, input=1))

    result = sk.nested_iteration(deep, frozen, sk.LevenbergMarquardt(), [5, 5], theta)
    fine = deep[1].network
    at = fine.indices(0, input=1)
    np.testing.assert_array_equal(result.theta[at], deep.prolong(theta, 0)[at])
    assert result.value < 1e-3
    rounds = [sk.Round(0, 3, 3, 100), sk.Round(1, 1, 3)]
    winner = sk.successive_halving(
        deep, frozen, sk.LevenbergMarquardt(), rounds, lambda rng: sk.initialize(deep.network, rng), 0
    )
    assert winner.value < 0.1


@pytest.mark.parametrize(
    "method", [sk.LevenbergMarquardt(), sk.LevenbergMarquardt(solver=sk.CG()), sk.LBFGS()]
)
def test_boundary_values_of_a_differential_equation_as_equations(method):
    from sympy import Function, pi, sin, symbols

    x = symbols("x")
    u = Function("u")(x)
    poisson = sk.Equation(u.diff(x, 2) + pi**2 * sin(pi * x), unknown=u, variables=(x,))
    network = sk.KAN.splines([1, 1], degree=5, intervals=6)
    objective = sk.PINN(network, [sk.Block.mean(poisson, np.linspace(0, 1, 40)[:, None])])
    C = network.edge_rows(0, 0, 0, [0.0, 1.0])
    start = np.random.default_rng(0).normal(size=network.n_parameters)
    result = method.minimize(sk.Restricted(objective, equations=(C, [0.0, 0.0])), start, iterations=150)
    at = np.linspace(0, 1, 11)[:, None]
    np.testing.assert_allclose(result.model(at), np.sin(np.pi * at), atol=1e-4)
    np.testing.assert_allclose(result.model([[0.0], [1.0]]), 0.0, atol=1e-14)


def test_fixed_zeros_keep_their_sign():
    _, _, problem = linear()
    theta = np.ones(12)
    theta[[2, 3]] = -0.0
    result = sk.LBFGS().minimize(sk.Restricted(problem, [2, 3]), theta, iterations=5)
    assert np.signbit(result.theta[[2, 3]]).all()


def test_restricted_problems_are_evaluated_without_the_restrictions():
    _, _, problem = linear()
    restricted, theta = sk.Restricted(problem, [0]), np.ones(12)
    assert restricted.value(theta) == problem.value(theta)
    np.testing.assert_array_equal(
        restricted.value_and_gradient(theta)[1], problem.value_and_gradient(theta)[1]
    )
    assert restricted.coordinates("stretched") is problem.maps["stretched"]
    assert restricted.cost == problem.cost
