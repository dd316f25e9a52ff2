"""Every public object survives pickle, deepcopy and copy: it behaves the same to the last bit."""

import copy
import inspect
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from fuzz import core, registry, surface
from fuzz.draw import Draw

import splinekan as sk
from splinekan import problems
from splinekan.objectives import Workers
from splinekan.optimize import Status
from splinekan.problems.boundary import PROBLEMS

WAYS = {"pickle": lambda x: pickle.loads(pickle.dumps(x)), "deepcopy": copy.deepcopy, "copy": copy.copy}
MOST = 5
"""Methods of a class that are tried, besides its constructor."""
OWN = (
    "FunctionProblem",
    "ResidualProblem",
    "RegressionProblem",
    "Restricted",
    "Workers",
    "DaskExecutor",
    "ShardedArray",
)
"""Classes that hold functions or executors of the user: see the tests below, and of clusters."""
KINDS = {
    thing.__name__: thing
    for thing in surface._things()
    if inspect.isclass(thing)
    and not getattr(thing, "_is_protocol", False)
    and not issubclass(thing, (Exception, Status))
    and thing.__name__ not in ("Operator", "Optimizer", *OWN)  # the base classes of others
}


def plain(made):
    """The object without the executor that the campaign gives to some objectives."""
    return replace(made, executor=None) if getattr(made, "executor", None) is not None else made


def uses(kind):
    """Objects of a class, each with what is called of it and arguments."""
    registry.load()
    methods = [name for name in core.CALLS if name.startswith(f"{kind}.")]
    chosen = np.random.default_rng(0).permutation(len(methods))[:MOST]
    for name in [kind, *(methods[i] for i in chosen)]:
        call = core.CALLS[name](Draw([7, 0]), name)
        if name == kind:
            end = core.make(call.target, call.arguments)
            if end.error is None:
                yield plain(end.value), None, {}
            continue
        made = call.target if type(call.target).__name__ == kind else getattr(call.target, "__self__", None)
        if type(made).__name__ == kind and not call.writes:
            method = "__call__" if call.target is made else call.target.__name__
            yield plain(made), method, call.arguments


def result(made, method, arguments):
    """What a call gives: numbers and texts, or the error."""
    if method is None:
        return core.leaves(made)
    end = core.make(getattr(made, method), arguments)
    if end.error is not None:
        return [type(end.error), str(end.error)]
    return core.leaves(list(end.value) if inspect.isgenerator(end.value) else end.value)


def assert_identical(first, second):
    assert len(first) == len(second)
    for mine, other in zip(first, second, strict=True):
        if isinstance(mine, np.ndarray) and mine.dtype != object:
            assert mine.shape == other.shape
            assert mine.tobytes() == other.tobytes()
        else:
            assert np.all(mine == other) or mine != mine


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_copies_behave_as_the_original(kind):
    tried = 0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for made, method, arguments in uses(kind):
            tried += 1
            before = len(pickle.dumps(made))
            copies = {way: through(made) for way, through in WAYS.items()}
            want = result(made, method, arguments)
            for other in copies.values():
                assert type(other) is type(made)
                assert_identical(result(other, method, arguments), want)
                assert_identical(core.leaves(other), core.leaves(made))
            assert_identical(result(WAYS["pickle"](made), method, arguments), want)  # after its use
            if method != "fit":  # which estimators keep
                assert len(pickle.dumps(made)) <= before + 64, f"{method} makes the pickle grow"
    assert tried


def square(x):
    return (x**2).sum()


def slope(x):
    return 2 * x


def jacobian(x):
    return np.eye(len(x))


def test_problems_of_functions_are_as_good_as_the_functions():
    start = np.array([1.0, -2.0])
    alone = sk.FunctionProblem(square, slope)
    for problem in (alone, sk.Restricted(alone, fixed=[0]), sk.ResidualProblem(slope, jacobian)):
        for way in WAYS.values():
            assert way(problem).value(start) == problem.value(start)
    assert (WAYS["pickle"](problem).residual(start) == problem.residual(start)).all()
    with pytest.raises((AttributeError, pickle.PicklingError), match=r"lambda|local"):
        pickle.dumps(sk.FunctionProblem(lambda x: 0.0, slope))


def test_every_problem_of_the_gallery():
    x = np.random.default_rng(0).uniform(0.1, 0.9, (20, 10))
    for name in problems.REGRESSION:
        made = problems.regression(name)
        for way in WAYS.values():
            np.testing.assert_array_equal(
                way(made).function(x[:, : made.n_in]), made.function(x[:, : made.n_in])
            )
    for name, make in PROBLEMS.items():
        made = make()
        again = WAYS["pickle"](made)
        assert str(again.equation.residual) == str(made.equation.residual)
        if "allen" not in name:  # whose solution takes seconds
            np.testing.assert_array_equal(again.reference(x[:, :2]), made.reference(x[:, :2]))


def test_executors_are_shared_by_copies_and_refused_by_pickles():
    x = np.linspace(0, 1, 50)[:, None]
    with ThreadPoolExecutor(1) as pool:
        workers = Workers(pool, 1)
        objective = sk.LeastSquares(sk.KAN.splines([1, 1]), x, x, executor=workers)
        theta = np.ones(8)
        for way in (copy.copy, copy.deepcopy):
            assert way(objective).executor is workers
            assert way(objective).value(theta) == objective.value(theta)
        with pytest.raises(TypeError, match="pickle the objective with executor=None"):
            pickle.dumps(objective)
        assert pickle.loads(pickle.dumps(replace(objective, executor=None))).value(theta) == objective.value(
            theta
        )


def test_results_of_training():
    x = np.random.default_rng(0).uniform(0, 1, (100, 2))
    levels = sk.Hierarchy(sk.KAN.splines([2, 1], intervals=2), 2)
    made = sk.nested_iteration(
        levels,
        lambda level: sk.LeastSquares(level.network, x, x[:, 0] * x[:, 1]),
        sk.LevenbergMarquardt(),
        [3, 3],
        sk.initialize(levels.network, 0),
    )
    made.model(x)
    for way in WAYS.values():
        again = way(made)
        assert (again.value, again.status, again.message) == (made.value, made.status, made.message)
        np.testing.assert_array_equal(again.history.loss, made.history.loss)
        np.testing.assert_array_equal(again.model(x), made.model(x))


def test_models_warn_anew_after_a_copy():
    x = np.random.default_rng(0).uniform(0, 1, (100, 1))
    model = sk.fit(x, x[:, 0], [1], levels=1)
    for _ in range(2):
        with pytest.warns(sk.DomainWarning, match="column 'x'"):
            model(x + 5)
        model(x + 5)  # without a warning
        model = WAYS["pickle"](model)
    assert "_warned" not in WAYS["copy"](model).__dict__
