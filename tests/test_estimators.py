"""The estimators against `fit`, formulas, and in the company of scikit-learn, pandas and joblib."""

import pickle
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.datasets import load_iris, make_blobs
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils import compute_sample_weight

import splinekan as sk
from splinekan import _threads

TINY = {"hidden": (2,), "levels": 1, "degree": 2}
SUM = {"hidden": (), "levels": 1, "degree": 3}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (60, 2))
    return x, np.sin(2 * x[:, 0]) + x[:, 1] ** 2


@pytest.fixture
def blobs():
    return make_blobs(90, centers=3, random_state=0, cluster_std=0.5)


# The regressor


def test_the_regressor_is_a_wrapper_of_fit(data):
    x, y = data
    order = np.argsort(x[:, 0])  # samples are sorted: `splinekan.fitting.samples`
    want = sk.fit(x[order], y[order], (2,), degree=2, levels=1, smoothing=1e-3, seed=3)
    got = sk.KANRegressor((2,), degree=2, levels=1, smoothing=1e-3, random_state=3).fit(x, y)
    assert np.array_equal(got.predict(x), want(x)[:, 0])
    assert np.array_equal(got.model_.theta, want.theta)
    assert got.score(x, y) == r2_score(y, want(x)[:, 0])
    assert got.n_iter_ == len(want.record.history.loss) - 1


def test_several_outputs_keep_their_shape_units_and_names(data):
    x, y = data
    frame = pd.DataFrame(x, columns=["a", "b"])
    targets = pd.DataFrame({"height": y, "weight": 1e6 * x[:, 0]})
    regressor = sk.KANRegressor(**SUM).fit(frame, targets)
    assert regressor.predict(frame).shape == (60, 2)
    assert regressor.score(frame, targets) > 0.99
    assert regressor.feature_names_in_.tolist() == ["a", "b"]
    assert regressor.model_.names == ("a", "b")
    assert regressor.model_.output_names == ("height", "weight")
    assert np.array_equal(regressor.model_(frame[["b", "a"]]), regressor.predict(frame))
    with pytest.raises(ValueError, match="feature names should match"):
        regressor.predict(frame[["b", "a"]])
    assert regressor.fit(frame, targets["height"]).model_.output_names == ("height",)
    assert regressor.fit(x, y).model_.names is None


@pytest.mark.parametrize("kind", [sk.KANRegressor, sk.KANClassifier])
def test_weights_are_multiplicities_to_the_last_bit(kind):
    rng = np.random.default_rng(2)
    x, label = rng.uniform(-1, 1, (50, 2)), rng.integers(0, 3, 50)
    weights = rng.integers(0, 4, 50)
    repeated = rng.permutation(np.repeat(np.arange(50), weights))
    want = kind(**TINY).fit(x, label, weights).model_.theta
    got = kind(**TINY).fit(x[repeated], label[repeated]).model_.theta
    assert np.array_equal(got, want)
    assert not np.array_equal(kind(**TINY).fit(x, label).model_.theta, want)


def test_a_number_is_a_weight_for_all(data):
    x, y = data
    want = sk.KANRegressor(**SUM).fit(x, y, np.full(60, 2.0))
    assert np.array_equal(sk.KANRegressor(**SUM).fit(x, y, 2).predict(x), want.predict(x))


def test_rates_are_predicted_by_the_loss_of_counts(data):
    x, _ = data
    counts = np.random.default_rng(0).poisson(np.exp(1 + x[:, 0]))
    regressor = sk.KANRegressor(loss="poisson", **SUM).fit(x, counts)
    assert np.array_equal(regressor.predict(x), np.exp(regressor.model_(x)[:, 0]))
    assert np.abs(regressor.predict(x) / np.exp(1 + x[:, 0]) - 1).mean() < 0.3


def test_a_loss_may_be_an_object(data):
    x, y = data
    p = expit(y)
    regressor = sk.KANRegressor(loss=sk.Logistic(), smoothing=1e-6, **SUM).fit(x, p)
    assert np.array_equal(regressor.predict(x), sk.Logistic().mean(regressor.model_(x))[:, 0])
    assert np.abs(regressor.predict(x) - p).max() < 0.05


@pytest.mark.parametrize("state", [None, np.random.RandomState(0)])
def test_seeds_may_be_drawn(data, state):
    x, y = data
    regressor = sk.KANRegressor(**TINY, random_state=state)
    first, second = regressor.fit(x, y).model_.theta, regressor.fit(x, y).model_.theta
    assert not np.array_equal(first, second)


# The classifier


def test_two_classes_have_the_log_odds_of_the_second(blobs):
    x, label = blobs[0], np.where(blobs[1] == 1, "yes", "no")
    classifier = sk.KANClassifier(**SUM).fit(x, label)
    odds = classifier.decision_function(x)
    assert classifier.classes_.tolist() == ["no", "yes"]
    assert np.array_equal(odds, classifier.model_(x)[:, 0])
    assert np.allclose(classifier.predict_proba(x), np.column_stack([expit(-odds), expit(odds)]), rtol=1e-14)
    assert np.allclose(np.exp(classifier.predict_log_proba(x)), classifier.predict_proba(x), rtol=1e-12)
    assert np.array_equal(classifier.predict(x) == "yes", odds > 0)
    assert classifier.score(x, label) == accuracy_score(label, classifier.predict(x)) > 0.9
    assert classifier.model_.output_names == ("yes",)


def test_several_classes_have_an_output_each(blobs):
    x, label = blobs[0], np.array([30, 10, 20])[blobs[1]]
    classifier = sk.KANClassifier(**SUM).fit(x, label)
    scores = classifier.decision_function(x)
    assert scores.shape == (90, 3)
    assert np.allclose(classifier.predict_proba(x), softmax(scores, axis=1), rtol=1e-14)
    assert np.allclose(classifier.predict_log_proba(x), log_softmax(scores, axis=1), rtol=1e-12)
    assert np.array_equal(classifier.predict(x), classifier.classes_[scores.argmax(axis=1)])
    assert classifier.score(x, label) > 0.95
    assert classifier.model_.output_names == ("10", "20", "30")


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_do_not_vanish(classes):
    x = np.linspace(0, 1, 30)[:, None]
    classifier = sk.KANClassifier(**SUM).fit(x, np.arange(30) * classes // 30)
    far = [[-1e6], [1e6]]
    assert np.abs(classifier.decision_function(far)).max() > 1e5
    assert classifier.predict_proba(far).min() == np.finfo(float).tiny
    assert np.allclose(classifier.predict_proba(far).sum(axis=1), 1)
    assert np.array_equal(classifier.predict_log_proba(far), np.log(classifier.predict_proba(far)))


@pytest.mark.parametrize("centers", [2, 3])
def test_class_weights_are_weights(centers):
    x, label = make_blobs([60, 20, 10][:centers], random_state=1, cluster_std=4.0)
    by_class = {0: 1.0, 1: 3.0, 2: 0.5}
    by_class = {key: value for key, value in by_class.items() if key < centers}
    weights = np.random.default_rng(0).integers(1, 3, len(x))

    def theta(class_weight, sample_weight):
        classifier = sk.KANClassifier(**SUM, class_weight=class_weight)
        return classifier.fit(x, label, sample_weight).model_.theta

    factors = np.array([by_class[each] for each in label])
    assert np.array_equal(theta(by_class, weights), theta(None, factors * weights))
    assert np.array_equal(theta("balanced", None), theta(None, compute_sample_weight("balanced", label)))
    twice = np.repeat(np.arange(len(x)), weights)
    repeated = sk.KANClassifier(**SUM, class_weight="balanced").fit(x[twice], label[twice])
    assert np.allclose(theta("balanced", weights), repeated.model_.theta, rtol=1e-6, atol=1e-8)


def test_a_class_of_weight_zero_does_not_count(blobs):
    x, label = blobs
    weights = (label != 2).astype(float)
    classifier = sk.KANClassifier(**SUM).fit(x, label, weights)
    assert classifier.classes_.tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"at least two classes of positive weight, got one class: \[1\]"):
        classifier.fit(x, label, label == 1)


# What is refused


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(59), "sample_weight must have shape"),
        (-np.ones(60), "sample_weight must not be negative, got -1.0 at index 0"),
        (0, "sample_weight must not be zero for all samples"),
        (np.full(60, np.nan), "sample_weight must be finite"),
    ],
)
def test_weights_that_are_refused(data, weights, message):
    for y in (data[1], data[1] > 0):
        kind = sk.KANClassifier if y.dtype == bool else sk.KANRegressor
        with pytest.raises(ValueError, match=message):
            kind(**TINY).fit(data[0], y, weights)


def test_data_that_would_lose_something_are_refused(data):
    x, y = data
    masked = np.ma.masked_greater(x, 0.5)
    for kind in (sk.KANRegressor, sk.KANClassifier):
        estimator = kind(**TINY).fit(x, y > 0)
        with pytest.raises(TypeError, match="X must not be a masked array"):
            kind(**TINY).fit(masked, y > 0)
        with pytest.raises(TypeError, match="X must not be a masked array"):
            estimator.predict(masked)
        with pytest.raises(TypeError, match="y must not be a masked array"):
            kind(**TINY).fit(x, np.ma.masked_array(y > 0, y > 1))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"degree": 9}, "degree must be"),
        ({"random_state": -1}, "random_state must be at least 0"),
        ({"random_state": 1.5}, "random_state must be an integer"),
        ({"verbose": "yes"}, "verbose must be True or False"),
        ({"loss": "cubic"}, "loss must be one of"),
    ],
)
def test_parameters_that_are_refused(data, parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        sk.KANRegressor(**TINY | parameters).fit(*data)


@pytest.mark.parametrize("weight", [{0: np.nan}, {0: -1.0}, {0: 0.0, 1: 0.0, 2: 0.0}, "equal"])
def test_class_weights_that_are_refused(blobs, weight):
    with pytest.raises(ValueError, match="class_weight"):
        sk.KANClassifier(**TINY, class_weight=weight).fit(*blobs)


# Company


def test_pipelines_searches_and_clones(data):
    x, y = data
    pipeline = make_pipeline(StandardScaler(), sk.KANRegressor(**SUM))
    search = GridSearchCV(pipeline, {"kanregressor__hidden": [(), (2,)]}, cv=2).fit(1e6 * x, y)
    assert search.best_params_ in ({"kanregressor__hidden": ()}, {"kanregressor__hidden": (2,)})
    assert search.best_score_ > 0.9
    assert cross_val_score(sk.KANRegressor(**SUM), x, y, cv=3).min() > 0.9
    copy = clone(search.best_estimator_).fit(1e6 * x, y)
    assert np.array_equal(copy.predict(1e6 * x), search.predict(1e6 * x))
    again = pickle.loads(pickle.dumps(copy))
    assert np.array_equal(again.predict(1e6 * x), copy.predict(1e6 * x))


def test_halving_search(blobs):
    search = HalvingGridSearchCV(
        sk.KANClassifier(**SUM), {"smoothing": [1e-4, 1e-2]}, cv=2, min_resources=40, random_state=0
    )
    assert search.fit(*blobs).score(*blobs) > 0.95


def test_a_transformed_target(data):
    x, y = data
    regressor = TransformedTargetRegressor(sk.KANRegressor(**SUM), func=np.log, inverse_func=np.exp)
    regressor.fit(x, np.exp(y))
    assert np.allclose(np.log(regressor.predict(x)), regressor.regressor_.predict(x))
    assert regressor.score(x, np.exp(y)) > 0.98


def test_columns_of_a_data_frame_under_their_names(data):
    x, y = data
    frame = pd.DataFrame({"u": x[:, 0], "v": x[:, 1], "colour": np.where(x[:, 0] > 0, "red", "blue")})
    columns = ColumnTransformer(
        [
            ("colours", OneHotEncoder(drop="first", sparse_output=False), ["colour"]),
            ("numbers", FunctionTransformer(feature_names_out="one-to-one"), make_column_selector("^[uv]$")),
        ],
        verbose_feature_names_out=False,
    )
    pipeline = make_pipeline(columns, sk.KANRegressor(**SUM)).set_output(transform="pandas")
    assert pipeline.fit(frame, y).score(frame, y) > 0.98
    assert pipeline[-1].model_.names == ("colour_red", "u", "v")


# Threads


def count(_):
    return sk.threads()


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_searches_in_parallel_give_the_same_models(data, backend):
    from joblib import parallel_config

    x, y = data
    search = GridSearchCV(sk.KANRegressor(**SUM), {"smoothing": [1e-6, 1e-3]}, cv=2)
    alone = clone(search).fit(x, y).cv_results_
    with parallel_config(backend, n_jobs=2):
        together = clone(search).fit(x, y).cv_results_
    assert np.allclose(alone["mean_test_score"], together["mean_test_score"], rtol=1e-12)


def test_workers_share_the_cores(monkeypatch):
    from joblib import Parallel, cpu_count, delayed, parallel_config

    for name in ("SPLINEKAN_NUM_THREADS", *_threads.LIMITS):
        monkeypatch.delenv(name, raising=False)
    each = Parallel(n_jobs=2)(delayed(count)(i) for i in range(2))
    assert max(each) <= max(1, cpu_count() // 2)
    with parallel_config("loky", inner_max_num_threads=1):
        assert Parallel(n_jobs=2)(delayed(count)(i) for i in range(2)) == [1, 1]


def test_fits_in_several_threads_share_their_workers(data):
    from joblib import Parallel, delayed

    x, y = (np.tile(each, (100,) + (1,) * (each.ndim - 1)) for each in data)
    x = x + np.linspace(0, 1e-3, len(x))[:, None]
    before, started = sk.threads(), threading.active_count()
    try:
        sk.set_threads(3)
        most = []

        def work(seed):
            regressor = sk.KANRegressor(**SUM, smoothing=seed + 1.0).fit(x, y)
            most.append(threading.active_count())
            return regressor.predict(x)

        want = [work(seed) for seed in range(4)]
        got = Parallel(n_jobs=4, backend="threading")(delayed(work)(seed) for seed in range(4))
    finally:
        sk.set_threads(before)
    assert np.array_equal(got, want)
    assert _threads._workers.started >= 2
    # The threads of joblib with its own, and two workers for all of them.
    assert max(most) <= started + 4 + 3 + 2


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, 8),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": " 4,2 ", "NUMBA_NUM_THREADS": "5"}, 4),
        ({"NUMBA_NUM_THREADS": "2", "OMP_NUM_THREADS": "16"}, 2),
        ({"OMP_NUM_THREADS": "many", "NUMBA_NUM_THREADS": ""}, 8),
        ({"OMP_NUM_THREADS": "0"}, 8),
        ({"OMP_NUM_THREADS": "1", "SPLINEKAN_NUM_THREADS": "6"}, 6),
    ],
)
def test_the_initial_number_of_threads(monkeypatch, variables, expected):
    for name in ("SPLINEKAN_NUM_THREADS", *_threads.LIMITS):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(_threads, "_available", lambda: 8)
    assert _threads._initial_threads() == expected


# The import


def run(code):
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_scikit_learn_is_imported_by_the_first_estimator_only():
    code = "import sys, splinekan as sk\nprint('sklearn' in sys.modules)\nsk.KANRegressor\n"
    assert run(code + "print('sklearn' in sys.modules)") == ["False", "True"]


def test_without_scikit_learn_the_error_names_the_extra():
    code = """
import sys
sys.modules["sklearn"] = None
import splinekan as sk
from splinekan import *
print("KANRegressor" in sk.__all__, "fit" in globals())
try:
    sk.KANRegressor
except ImportError as error:
    print(error)
"""
    words = run(code)
    assert words[:2] == ["False", "True"]
    assert "pip install 'splinekan[sklearn]'" in " ".join(words)


def test_iris():
    x, label = load_iris(return_X_y=True)
    assert cross_val_score(sk.KANClassifier(**SUM, smoothing=1e-2), x, label, cv=3).mean() > 0.9
