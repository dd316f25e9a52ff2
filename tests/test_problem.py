"""What optimisers are given: problems and maps, and what these return."""

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy

from splinekan.optimize import (
    CG,
    LBFGS,
    Adam,
    Cholesky,
    FunctionProblem,
    GaussNewton,
    GradientDescent,
    IdentityMap,
    LevenbergMarquardt,
    MatrixMap,
    ResidualProblem,
)
from splinekan.optimize.answers import real_number

A = np.array([[2.0, 1.0], [1.0, 3.0]])


@pytest.mark.parametrize("matrix", [A, np.triu(A), np.tril(A), A.tolist(), A.astype(np.float32)])
def test_maps_multiply_and_solve(matrix):
    map_, dense = MatrixMap(matrix), np.asarray(matrix, dtype=float)
    for v in (np.array([1.0, -2.0]), [1, -2], np.arange(6.0).reshape(2, 3)):
        np.testing.assert_allclose(map_.apply(v), dense @ v, rtol=1e-15)
        np.testing.assert_allclose(map_.solve(map_.apply(v)), v, rtol=1e-14)
        np.testing.assert_allclose(dense.T @ map_.solve_transpose(v), v, rtol=1e-14)
        same = IdentityMap().apply(v)
        np.testing.assert_array_equal(same, v)
        assert same is not v
    assert np.isnan(map_.solve([np.nan, 1.0])).any()


@pytest.mark.parametrize(
    ("matrix", "error", "message"),
    [
        (np.zeros((2, 3)), ValueError, "matrix must be square"),
        (np.zeros((0, 0)), ValueError, "matrix must not be empty"),
        (np.ones((2, 2)), ValueError, "matrix must be invertible"),
        (np.diag([1.0, 0.0]), ValueError, "matrix must be invertible"),
        (np.diag([1.0, np.nan]), ValueError, "matrix must be finite"),
        (A * 1j, TypeError, "matrix must be an array of real"),
        ("A", TypeError, "matrix must be an array of real"),
    ],
)
def test_bad_matrices(matrix, error, message):
    with pytest.raises(error, match=message):
        MatrixMap(matrix)


@pytest.mark.parametrize("product", ["apply", "solve", "solve_transpose"])
def test_vectors_of_wrong_lengths_are_refused(product):
    for v in (np.ones(3), np.ones(1), np.ones((3, 2)), 1.0, np.ones((2, 1, 1))):
        with pytest.raises(ValueError, match="v must have shape"):
            getattr(MatrixMap(A), product)(v)
    for map_ in (MatrixMap(A), IdentityMap()):
        for v in ("ab", None, [1j, 0.0], np.ma.masked_equal([1.0, 0.0], 0.0)):
            with pytest.raises(TypeError, match="v must"):
                getattr(map_, product)(v)


def test_rows_refuse_vectors_of_wrong_lengths():
    problem = ResidualProblem(lambda t: A @ t, lambda t: scipy.sparse.csr_array(A))
    rows = problem.linearized([1, 2])[2]
    np.testing.assert_array_equal(rows.matvec([1, 2]), A @ [1, 2])
    with pytest.raises(ValueError, match="v must have shape"):
        rows.matvec(np.ones(3))
    with pytest.raises(ValueError, match="r must have shape"):
        rows.rmatvec(np.ones((3, 1)))


def test_functions_may_write_into_theta_and_return_the_same_array():
    out = np.empty(2)

    def value(t):
        t -= 1
        return t @ t

    def gradient(t):
        return np.multiply(t - 1, 2, out=out)

    result = LBFGS().minimize(FunctionProblem(value, gradient), [3.0, -4.0], iterations=20)
    np.testing.assert_allclose(result.theta, 1.0, atol=1e-8)


def test_products_overflow_without_a_warning():
    problem = ResidualProblem(lambda t: 1e200 * t, lambda t: 1e200 * np.eye(2))
    assert problem.value([1.0, 1.0]) == np.inf
    np.testing.assert_array_equal(problem.value_and_gradient([1.0, -1.0])[1], [np.inf, -np.inf])
    assert np.isinf(problem.normal_equations([1.0, 1.0])[2][0, 0])
    assert np.isinf(MatrixMap(A * 1e300).apply([1e300, 0.0])).all()


def good(theta):
    return 2 * theta


@pytest.mark.parametrize("value", [np.ones(1), np.ones(2), "1", None, 1j, True, np.ma.masked, [1.0]])
def test_losses_that_are_not_real_numbers(value):
    for call in (
        lambda: FunctionProblem(lambda t: value, good).value([1.0]),
        lambda: GradientDescent().minimize(FunctionProblem(lambda t: value, good), [1.0], iterations=1),
    ):
        with pytest.raises(TypeError, match=r"function\(theta\) must be a real number"):
            call()


def test_real_numbers_of_every_kind():
    for value in (2.0, 2, Fraction(2), np.float32(2), np.array(2), np.int8(2), np.longdouble(2)):
        found = real_number("loss", value)
        assert (type(found), found) == (float, 2.0)
    assert real_number("loss", -(10**400)) == -math.inf
    assert math.isnan(real_number("loss", np.float64("nan")))


@pytest.mark.parametrize(
    ("gradient", "error", "message"),
    [
        (lambda t: t[:-1], ValueError, "must have shape"),
        (lambda t: np.append(t, 0.0), ValueError, "must have shape"),
        (lambda t: t[:, None], ValueError, "must have shape"),
        (lambda t: 1.0, ValueError, "must have shape"),
        (lambda t: t * 1j, TypeError, "array of real numbers"),
        (lambda t: "gradient", TypeError, "array of real numbers"),
        (lambda t: None, TypeError, "array of real numbers"),
    ],
)
def test_gradients_that_are_not_real_vectors(gradient, error, message):
    with pytest.raises(error, match=r"gradient\(theta\) " + f".*{message}"):
        Adam().minimize(FunctionProblem(lambda t: t @ t, gradient), [1.0, 2.0], iterations=1)


@pytest.mark.parametrize(
    ("residual", "jacobian", "message"),
    [
        (lambda t: t[:0], lambda t: np.eye(2)[:0], r"residual\(theta\) must not be empty"),
        (lambda t: 1.0, lambda t: np.eye(2), r"residual\(theta\) must have shape"),
        (lambda t: t, lambda t: np.ones((2, 3)), r"jacobian\(theta\) must have shape \(2, 2\)"),
        (lambda t: t, lambda t: None, r"jacobian\(theta\) must be an array"),
    ],
)
@pytest.mark.parametrize("method", [LevenbergMarquardt(), GaussNewton(), Adam()])
def test_residuals_and_jacobians_of_wrong_shapes(method, residual, jacobian, message):
    with pytest.raises((TypeError, ValueError), match=message):
        method.minimize(ResidualProblem(residual, jacobian), [1.0, 2.0], iterations=1)


@pytest.mark.parametrize("kind", [FunctionProblem, ResidualProblem])
def test_bad_problems(kind):
    for arguments, options, message in (
        ((1, good), {}, "must be callable"),
        ((good, None), {}, "must be callable"),
        ((good, good), {"maps": [MatrixMap(A)]}, "maps must be of type Mapping"),
        (
            (good, good),
            {"maps": {"w": A}},
            r"maps\['w'\] must have the methods apply, solve, solve_transpose",
        ),
        ((good, good), {"cost": "1"}, "cost must be a real number"),
    ):
        with pytest.raises(TypeError, match=message):
            kind(*arguments, **options)
    with pytest.raises(ValueError, match="cost must be at least 0"):
        kind(good, good, cost=-1.0)
    problem = kind(good, good, {"w": MatrixMap(A)})
    for name in ("u", 3, None):
        with pytest.raises(ValueError, match=r"unknown coordinates .*; this problem has 'w'"):
            problem.coordinates(name)
    with pytest.raises(TypeError, match="theta must be an array of real numbers"):
        problem.value("theta")
    with pytest.raises(ValueError, match="theta must be finite"):
        problem.value_and_gradient([np.nan])


class Own:
    """The least that Adam needs of a problem."""

    cost = 1.0
    answer = (1.0, np.zeros(2))

    def value_and_gradient(self, theta):
        return self.answer


def test_problems_that_lack_a_method():
    own = Own()
    assert Adam().minimize(own, [1.0, 2.0], iterations=1).value == 1.0
    plain = FunctionProblem(lambda t: t @ t, good)
    for method, problem, message in (
        (Adam(), None, "problem must have the methods value_and_gradient, which None lacks"),
        (Adam(geometry="w"), own, "problem must have the methods coordinates"),
        (GaussNewton(), plain, "problem must have the methods triangular_factor"),
        (LevenbergMarquardt(), plain, "problem must have n_residuals"),
        (LevenbergMarquardt(solver=CG()), plain, "problem must have the methods linearized"),
        (LevenbergMarquardt(solver=Cholesky()), plain, "methods normal_equations, triangular_factor"),
    ):
        with pytest.raises(TypeError, match=message):
            method.minimize(problem, [1.0, 2.0], iterations=1)
    for answer in (1.0, (1.0,), (1.0, np.zeros(2), 0)):
        own.answer = answer
        with pytest.raises(TypeError, match=r"problem.value_and_gradient\(theta\) must be a tuple of 2"):
            Adam().minimize(own, [1.0, 2.0], iterations=1)
    own.answer = (1.0, np.zeros(3))
    with pytest.raises(ValueError, match=r"problem.value_and_gradient\(theta\)\[1\] must have shape"):
        Adam().minimize(own, [1.0, 2.0], iterations=1)
    for name, value in (("loss", np.inf), ("gradient", 1.0)):
        problem = FunctionProblem(lambda t, f=value: f, lambda t: t * np.nan)
        with pytest.raises(ValueError, match=f"the {name} at theta0 must be finite"):
            Adam().minimize(problem, [1.0], iterations=1)


def test_a_residual_may_use_its_memory_again():
    a, b, memory = np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([1.0, 2, 4]), np.empty(3)

    def residual(theta):
        np.subtract(a @ theta**2, b, out=memory)
        return memory

    def jacobian(theta):
        residual(theta + 0.1)
        return 2 * a * theta

    problem, theta = ResidualProblem(residual, jacobian), np.array([1.0, 2.0])
    r = a @ theta**2 - b
    value, gradient = problem.value_and_gradient(theta)
    assert value == r @ r / 2 == problem.value(theta)
    np.testing.assert_allclose(gradient, (2 * a * theta).T @ r)
