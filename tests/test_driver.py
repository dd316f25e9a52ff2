"""What every optimiser shares: which iterate is returned, overflow, arguments, schedules, histories."""

import numpy as np
import pytest
from cases import METHODS
from test_optimize import rosenbrock

from splinekan.optimize import (
    LBFGS,
    SVD,
    Adam,
    Constant,
    Dual,
    ExponentialCyclic,
    FunctionProblem,
    GaussNewton,
    GradientDescent,
    History,
    LevenbergMarquardt,
    LinearRamp,
    ResidualProblem,
    Status,
)


@pytest.mark.parametrize(
    "method",
    [
        GradientDescent(step=1.5),
        Adam(schedule=Constant(10.0)),
        LBFGS(search="fixed", step=100.0),
        GaussNewton(),
        *(method() for method in METHODS),
    ],
    ids=repr,
)
@pytest.mark.parametrize("iterations", [1, 30])
def test_no_run_ends_above_its_start_unless_the_last_iterate_is_asked_for(method, iterations):
    # r = (arctan(3 t), t/100): full Gauss-Newton steps from 2 overshoot further and further.
    problem = ResidualProblem(
        lambda t: np.array([np.arctan(3 * t[0]), t[0] / 100]),
        lambda t: np.array([[3 / (1 + 9 * t[0] ** 2)], [0.01]]),
    )
    result = method.minimize(problem, [2.0], iterations=iterations)
    loss = result.history.loss
    assert result.value == problem.value(result.theta) <= loss[0]
    last = method.minimize(problem, [2.0], iterations=iterations, keep="last")
    assert last.value == problem.value(last.theta) == loss[-1]
    assert result.value == (loss.min() if loss[-1] > loss[0] else loss[-1])


def test_the_last_iterate_is_kept_unless_a_run_diverged():
    problem = FunctionProblem(lambda t: float(t @ t), lambda t: 2 * t)
    overshoots = GradientDescent(step=1.1)  # t <- -1.2 t
    assert overshoots.minimize(problem, [1.0], iterations=3).theta == 1.0
    assert overshoots.minimize(problem, [1.0], iterations=3, keep="last").theta == pytest.approx(-(1.2**3))
    bounded = FunctionProblem(lambda t: float(t @ t) if abs(t[0]) < 1.3 else np.nan, lambda t: 2 * t)
    for keep, theta in (("auto", 1.0), ("best", 1.0), ("last", -1.2)):
        result = overshoots.minimize(bounded, [1.0], iterations=9, keep=keep)
        assert result.status is Status.NON_FINITE
        assert result.theta == pytest.approx(theta)
        assert result.value == pytest.approx(theta**2)


@pytest.mark.parametrize("method", METHODS)
def test_steps_beyond_float64_are_not_evaluated(method):
    def finite(t):
        assert np.isfinite(t).all()
        return t

    problem = ResidualProblem(lambda t: 1e100 * finite(t), lambda t: np.array([[1e100]]))
    options = {"step": 1e200} if method is GradientDescent else {}
    options = {"schedule": Constant(1e308), "weight_decay": 1e308} if method is Adam else options
    result = method(**options).minimize(problem, [1e3], iterations=20)
    assert np.isfinite(result.theta).all()
    assert result.value <= problem.value([1e3])
    large = FunctionProblem(lambda t: float(abs(t[0])) * 1e200, lambda t: np.sign(t) * 1e200)
    if method in (Adam, LBFGS, GradientDescent):  # squares of the gradient overflow
        result = method().minimize(large, [1.0], iterations=5)
        assert 0 <= result.value <= 1e200


def test_exceptions_of_callbacks_and_problems_pass():
    class OwnError(Exception):
        pass

    def fail(*_):
        raise OwnError

    problem = rosenbrock()
    with pytest.raises(OwnError):
        Adam().minimize(problem, [0.0, 0.0], iterations=2, callback=fail)
    with pytest.raises(OwnError):
        Adam().minimize(FunctionProblem(fail, fail), [0.0, 0.0], iterations=2)
    with pytest.raises(TypeError, match="answer of callback must be True or False, got 'yes'"):
        Adam().minimize(problem, [0.0, 0.0], iterations=2, callback=lambda i: "yes")


@pytest.mark.parametrize(
    ("kind", "options", "error", "message"),
    [
        (GradientDescent, {"step": np.nan}, ValueError, "step must be finite"),
        (GradientDescent, {"step": "1"}, TypeError, "step must be a real number"),
        (GradientDescent, {"search": None}, ValueError, "search must be one of 'fixed', 'armijo'"),
        (GradientDescent, {"geometry": 3}, TypeError, "geometry must be the name of coordinates or None"),
        (GradientDescent, {"gradient": b"u"}, TypeError, "gradient must be the name of coordinates"),
        (Adam, {"schedule": 1e-3}, TypeError, "schedule must be callable"),
        (Adam, {"beta1": 1.0}, ValueError, "beta1 must be in"),
        (Adam, {"beta2": 1j}, TypeError, "beta2 must be a real number"),
        (Adam, {"eps": 0.0}, ValueError, "eps must be positive"),
        (Adam, {"weight_decay": -1.0}, ValueError, "weight_decay must be at least 0"),
        (GaussNewton, {"cutoff": 2.0}, ValueError, "cutoff must be in"),
        (LevenbergMarquardt, {"damping": 0.0}, ValueError, "damping must be positive"),
        (LevenbergMarquardt, {"damping": 10**400}, ValueError, "damping must be within the range"),
        (LevenbergMarquardt, {"trials": -1}, ValueError, "trials must be at least 1"),
        (LevenbergMarquardt, {"trials": 0}, ValueError, "trials must be at least 1"),
        (LevenbergMarquardt, {"trials": True}, TypeError, "trials must be an integer"),
        (SVD, {"cutoff": None}, TypeError, "cutoff must be a real number"),
        (LevenbergMarquardt, {"scaling": "rows"}, ValueError, "scaling must be one of"),
        (LevenbergMarquardt, {"solver": "qr"}, TypeError, "solver must be a solver such as Cholesky"),
        (LevenbergMarquardt, {"solver": Dual(), "geometry": "u", "gradient": "w"}, ValueError, "same coord"),
        (Constant, {"rate": -1.0}, ValueError, "rate must be positive"),
        (LinearRamp, {"steps": 0}, ValueError, "steps must be at least 1"),
        (LinearRamp, {"start": np.inf}, ValueError, "start must be finite"),
        (ExponentialCyclic, {"cycle": 1.5}, TypeError, "cycle must be an integer"),
        (ExponentialCyclic, {"gamma": 1.1}, ValueError, "gamma must be at most 1.0"),
    ],
)
def test_bad_options(kind, options, error, message):
    with pytest.raises(error, match=message):
        kind(**options)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"keep": "first"}, ValueError, "keep must be one of 'auto', 'last', 'best'"),
        ({"theta0": [[1.0]]}, ValueError, "theta0 must have shape"),
        ({"theta0": []}, ValueError, "theta0 must not be empty"),
        ({"theta0": [np.nan, 0.0]}, ValueError, "theta0 must be finite"),
        ({"theta0": np.ma.masked_equal([1.0, 0.0], 0.0)}, TypeError, "theta0 must not be a masked array"),
        ({"theta0": [1j, 0.0]}, TypeError, "theta0 must be an array of real"),
        ({"theta0": [0.0, 0.0, 0.0]}, ValueError, r"jacobian\(theta\) must have shape \(2, 3\)"),
        ({"iterations": 1.5}, TypeError, "iterations must be an integer"),
        ({"iterations": 10**30}, ValueError, "iterations must be at most"),
        ({"evaluations": 0}, ValueError, "evaluations must be at least 1"),
        ({"callback": 3}, TypeError, "callback must be callable"),
        ({"progress": "yes"}, TypeError, "progress must be True or False"),
        ({"gradient_tolerance": -1.0}, ValueError, "gradient_tolerance must be at least 0"),
        ({"value_tolerance": np.nan}, ValueError, "value_tolerance must be finite"),
        ({"value_tolerance": [0.0, 1.0]}, TypeError, "value_tolerance must be a real number"),
    ],
)
def test_bad_arguments(arguments, error, message):
    arguments = {"theta0": [0.0, 0.0], "iterations": 1} | arguments
    with pytest.raises(error, match=message):
        GradientDescent().minimize(rosenbrock(), **arguments)


@pytest.mark.parametrize("rate", [np.nan, -1.0, "0.1", np.ones(2), None])
def test_rates_of_a_schedule_are_checked(rate):
    with pytest.raises((TypeError, ValueError), match=r"schedule\(iteration\)"):
        Adam(schedule=lambda _: rate).minimize(rosenbrock(), [0.0, 0.0], iterations=1)
    with pytest.raises((TypeError, ValueError), match="iteration must be"):
        LinearRamp()(-1 if rate is None else rate)


def test_numpy_scalars_become_python_numbers():
    method = LevenbergMarquardt(damping=np.float32(0.5), trials=np.uint8(200))
    assert (type(method.damping), type(method.trials), method.trials * 2) == (float, int, 400)
    assert LinearRamp(steps=np.int8(100))(np.int8(100)) == 1e-2
    assert ExponentialCyclic(gamma=0.5)(2**40) == 1e-4


def test_histories_are_checked():
    column = np.arange(3.0)
    history = History(*[column] * 6)
    assert History.join([history, history]).work[-1] == 4
    assert history.ending_at(9, 9, 9).seconds[0] == 7
    with pytest.raises(ValueError, match="lengths differ"):
        History(*[column] * 5, column[:2])
    with pytest.raises(TypeError, match=r"parts\[1\] must be of type History"):
        History.join([history, None])
    with pytest.raises(ValueError, match="parts must not be empty"):
        History.join([])


def test_evaluations_of_a_search_that_failed_count():
    calls = []

    def bowl(theta):
        calls.append(1)
        return float(theta @ theta)

    problem = FunctionProblem(bowl, lambda theta: -2 * theta)  # the wrong sign: no step lowers the loss
    result = LBFGS().minimize(problem, [1.0, 2.0], iterations=5)
    assert result.status is Status.LINE_SEARCH_FAILED
    assert result.history.evaluations[-1] == len(calls) > 1


def test_a_run_that_ends_above_its_start_says_so():
    stiff = FunctionProblem(lambda t: float(500 * t @ t), lambda t: 1000 * t)
    result = GradientDescent().minimize(stiff, [1.0], iterations=5)
    assert result.value == 500
    assert "the loss rose from 500 to" in result.message
    assert "theta is the best iterate" in result.message
    last = GradientDescent().minimize(stiff, [1.0], iterations=5, keep="last")
    assert "the loss rose from 500 to" in last.message
    assert "best" not in last.message


@pytest.mark.parametrize("kind", METHODS)
def test_callbacks_cannot_change_the_iterates(kind):
    problem = ResidualProblem(lambda t: t - 1, lambda t: np.eye(2))

    def spoil(iterate):
        iterate.theta[:] = 7

    plain = kind().minimize(problem, [3.0, 4.0], iterations=3)
    spoilt = kind().minimize(problem, [3.0, 4.0], iterations=3, callback=spoil)
    np.testing.assert_array_equal(plain.theta, spoilt.theta)
    assert plain.value == spoilt.value


@pytest.mark.parametrize("kind", METHODS)
def test_a_model_that_cannot_be_made_fails_before_the_work(kind):
    problem = ResidualProblem(lambda t: t - 1, lambda t: np.eye(2))
    object.__setattr__(problem, "model", "of something")  # an attribute, not a method
    assert kind().minimize(problem, [3.0, 4.0], iterations=3).model is None
    object.__setattr__(problem, "model", lambda theta: theta.tolist())
    result = kind().minimize(problem, [3.0, 4.0], iterations=3)
    assert result.model == result.theta.tolist()
    object.__setattr__(problem, "model", lambda theta, x: 0)
    iterates = []
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        kind().minimize(problem, [3.0, 4.0], iterations=3, callback=iterates.append)
    assert not iterates
