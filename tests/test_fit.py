"""`fit` from end to end: units, noise, choices, weights, losses, and what is refused."""

import warnings

import numpy as np
import pytest
from scipy.special import expit

import splinekan as sk
from splinekan.problems.regression import regression


def r2(model, x, truth):
    error = model(x)[:, 0] - truth
    return 1 - np.mean(error**2) / truth.var()


def wave(n=150, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(n, 2))
    f = np.sin(4 * x[:, 0]) + x[:, 1] ** 2
    return x, f + noise * rng.normal(size=n), rng.uniform(size=(400, 2))


def truth(x):
    return np.sin(4 * x[:, 0]) + x[:, 1] ** 2


def test_units_do_not_matter():
    x, y, xt = wave(noise=0.05)
    plain = sk.fit(x, y, hidden=(), levels=1)
    scale, shift = np.array([1e5, 70.0]), np.array([3e5, 1950.0])
    model = sk.fit(x * scale + shift, 1e4 * y + 1e7, hidden=(), levels=1)
    expected = 1e4 * plain(xt) + 1e7
    np.testing.assert_allclose(model(xt * scale + shift), expected, atol=1e4 * 1e-6)
    slopes = model.gradient(xt * scale + shift) * scale / 1e4
    np.testing.assert_allclose(slopes, plain.gradient(xt), atol=1e-4)


@pytest.mark.parametrize("loss", ["squared", "huber"])
@pytest.mark.parametrize("power", [-1040, -700, -520, 520, 700, 990])
def test_the_size_of_the_targets_does_not_matter_within_float64(power, loss):
    x, y, xt = wave()
    plain = sk.fit(x, y, hidden=(), levels=1, loss=loss)(xt)
    found = sk.fit(x, np.ldexp(y, power), hidden=(), levels=1, loss=loss)(xt)
    np.testing.assert_allclose(np.ldexp(found, -power), plain, rtol=0, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 5e-324, 1e-200, -1e-20, 0.1, 1e16, -1e300])
def test_constant_targets_of_any_size_are_predicted(value):
    x, y, _ = wave(40)
    found = sk.fit(x, np.column_stack([np.full(40, value), y]), hidden=(), levels=1)(x)
    np.testing.assert_allclose(found[:, 0], value, rtol=1e-14, atol=1e-40)
    assert np.abs(found[:, 1] - y).max() < 0.05


@pytest.mark.parametrize("loss", ["squared", "huber", "quantile"])
def test_held_out_targets_beyond_all_deviations_have_an_infinite_loss(loss):
    x = np.zeros((3, 1))
    model = sk.fit(x, np.full(3, 5e-324), hidden=(), levels=1, loss=loss, held_out=(x, np.ones(3)))
    assert model.record.trials[-1].held_out == np.inf
    assert np.array_equal(model(x)[:, 0], np.full(3, 5e-324))


@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_targets_whose_sums_may_overflow_are_refused(loss):
    x, y, _ = wave(40)
    with pytest.raises(ValueError, match=r"y must be at most 1e\+300 in modulus"):
        sk.fit(x, y * 1e301, hidden=(), levels=1, loss=loss)


def test_friedman_with_noise():
    """Ten inputs, five of them without effect, 250 samples, noise a tenth of the deviation."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(250, 10))
    problem = regression("friedman-1")
    f = problem.function(x)
    model = sk.fit(x, f + 0.1 * f.std() * rng.normal(size=250), seed=0)
    xt = rng.uniform(size=(3000, 10))
    assert r2(model, xt, problem.function(xt)) > 0.996
    found = {choice.quantity: choice.value for choice in model.record.choices}
    named = found.get("inputs without effect", "").split(", ")
    assert set(named) <= {"x6", "x7", "x8", "x9", "x10"}
    assert len(model.record.trials) > 10


def test_smooth_noiseless_targets():
    x, y = regression("exp-sine").sample(300, 0)
    model = sk.fit(x, y, seed=0)
    xt, yt = regression("exp-sine").sample(2000, 1)
    assert 1 - r2(model, xt, yt) < 1e-6


def test_noise_is_not_fitted():
    """Pure noise: next to no effective parameters, and predictions near the mean."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(size=(200, 3)), rng.normal(size=200)
    model = sk.fit(x, y)
    assert np.std(model(rng.uniform(size=(500, 3)))) < 0.35


def test_deterministic_in_any_order():
    x, y, xt = wave(60, 0.1)
    first = sk.fit(x, y, hidden=(2,), levels=1, seed=3)
    order = np.random.default_rng(0).permutation(60)
    again = sk.fit(x[order], y[order], hidden=(2,), levels=1, seed=3)
    assert np.array_equal(first(xt), again(xt))
    other = sk.fit(x, y, hidden=(2,), levels=1, seed=4)
    assert not np.array_equal(first(xt), other(xt))


def test_weights_are_multiplicities():
    x, y, xt = wave(50, 0.1)
    counts = np.random.default_rng(0).integers(0, 4, 50)
    weighted = sk.fit(x, y, hidden=(), sample_weight=counts)
    repeated = sk.fit(np.repeat(x, counts, axis=0), np.repeat(y, counts), hidden=())
    assert np.array_equal(weighted(xt), repeated(xt))


def test_given_options_are_kept():
    x, y, _ = wave()
    model = sk.fit(x, y, hidden=(3,), degree=2, first="affine", levels=1, smoothing=1e-3, held_out=0.0)
    kinds = [type(layer).__name__ for layer in model.network.layers]
    assert kinds == ["Normalizer", "Affine", "SplineLayer", "Normalizer"]
    assert [layer.n_out for layer in model.network.layers] == [2, 3, 1, 1]
    assert model.network.layers[2].degree == 2
    assert model.network.intervals == 3
    assert {trial.network for trial in model.record.trials} == {"2 -> 3 -> 1, affine map first"}


def test_smoothing_is_the_penalty():
    """A sum of functions with a given weight is ridge regression in the modes."""
    from splinekan.fitting.modes import ModalCoordinates

    x, y, _ = wave(40, 0.1)
    model = sk.fit(x, y, hidden=(), levels=1, smoothing=0.01, held_out=0.0)
    normalizer, layer, _ = model.network.layers
    inner = sk.KAN((layer,))
    modes = ModalCoordinates(inner)
    J = inner.jacobian(np.zeros(inner.n_parameters), normalizer.value(np.zeros(0), x)).toarray()
    J = J @ modes.T.toarray()
    t = (y - y.mean()) / y.std()
    W = np.where(modes.group >= 0, 0.01 * 40, 1e-2)  # the last for means, which no penalty holds
    z = np.linalg.solve(J.T @ J + np.diag(W), J.T @ t)
    expected = inner(modes.T @ z, normalizer.value(np.zeros(0), x))
    np.testing.assert_allclose((model(x) - y.mean()) / y.std(), expected, atol=1e-3)


def test_several_outputs():
    x, y, xt = wave(120, 0.02)
    both = np.column_stack([1e3 * y, 5 - x[:, 0]])
    model = sk.fit(x, both, hidden=())
    assert model(xt).shape == (400, 2)
    np.testing.assert_allclose(model(xt)[:, 0], 1e3 * truth(xt), atol=60)
    np.testing.assert_allclose(model(xt)[:, 1], 5 - xt[:, 0], atol=0.05)


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    x, y, xt = wave(80)
    frame = pandas.DataFrame(x, columns=["pressure", "height"])
    model = sk.fit(frame, pandas.Series(y, name="yield"), hidden=(), levels=1)
    assert model.names == ("pressure", "height")
    assert model.output_names == ("yield",)
    turned = pandas.DataFrame({"height": xt[:, 1], "more": 0.0, "pressure": xt[:, 0]})
    assert np.array_equal(model(turned), model(xt))
    with pytest.raises(ValueError, match="lacks the columns 'height'"):
        model(turned[["pressure"]])
    # Labels other than text beside them do not make columns be taken in order.
    assert np.array_equal(model(turned.rename(columns={"more": 3})), model(xt))
    with pytest.raises(ValueError, match="lacks the columns 'pressure'"):
        model(turned[["height", "more"]].rename(columns={"more": 3}))


def test_held_out_samples_may_be_given():
    x, y, xt = wave(100, 0.1)
    model = sk.fit(x, y, hidden=(), held_out=(xt, truth(xt)))
    last = model.record.trials[-1]
    assert last.held_out < 0.1
    found = {choice.quantity: choice.value for choice in model.record.choices}
    assert found["held out"] == "400 samples"


@pytest.mark.parametrize(
    "x",
    [
        np.ones((1, 2)),
        np.ones((5, 2)),
        np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]),
        np.random.default_rng(0).integers(0, 2, (30, 3)).astype(float),
        np.random.default_rng(0).normal(size=(8, 20)),
        1e-200 * np.random.default_rng(0).normal(size=(30, 2)),
        1e100 * np.random.default_rng(0).normal(size=(30, 2)),
        1e9 + 1e-4 * np.random.default_rng(0).normal(size=(30, 2)),
    ],
)
@pytest.mark.parametrize("target", ["constant", "linear", "large"])
def test_odd_data(x, target):
    """Few, constant, discrete, wide, tiny and far columns: finite predictions without a warning."""
    unit = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    y = {"constant": np.full(len(x), 7.0), "linear": unit.sum(axis=1), "large": 1e12 + unit[:, 0]}[target]
    model = sk.fit(x, y, hidden=(2,), levels=1)
    assert np.isfinite(model(x)).all()
    if target == "constant":
        np.testing.assert_allclose(model(x), 7.0, rtol=1e-9)
    if target == "large":
        np.testing.assert_allclose(model(x), 1e12, atol=10)


def test_outside_the_domain_warns_once_by_name():
    x, y, _ = wave(60)
    model = sk.fit(x, y, hidden=(), levels=1, names=["pressure", "height"])
    with pytest.warns(sk.DomainWarning, match="height"):
        model([[0.5, 3.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model([[0.5, 3.0]])


def test_constant_outputs_do_not_count_for_the_noise():
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (400, 2))
    y = np.sin(2 * x[:, 0]) + x[:, 1] + 0.1 * rng.normal(size=400)
    alone = sk.fit(x, y, hidden=()).record.noise
    beside = sk.fit(x, np.column_stack([y, np.full(400, 7.0), np.zeros(400)]), hidden=()).record.noise
    assert abs(beside[0] / 0.1 - 1) < 0.1
    assert np.isclose(beside[0], alone[0], rtol=0.03)
    assert max(beside[1:]) < 1e-6


def test_outputs_with_unlike_noise():
    """A column of noise does not flatten the others."""
    x, y, xt = wave(80)
    noise = np.random.default_rng(1).normal(size=80)
    model = sk.fit(x, np.column_stack([y, noise]), hidden=(), levels=1)
    alone = sk.fit(x, y, hidden=(), levels=1)
    error = np.abs(model(xt)[:, 0] - truth(xt)).max()
    assert error < 2 * np.abs(alone(xt)[:, 0] - truth(xt)).max()


def test_weights_that_are_no_multiplicities():
    x, y, xt = wave(60, 0.1)
    plain = sk.fit(x, y, hidden=(), levels=1)
    weighted = sk.fit(x, y, hidden=(), levels=1, sample_weight=np.full(60, 1 / 60))
    np.testing.assert_allclose(weighted(xt), plain(xt), atol=1e-6)


def test_without_smoothing():
    x, y, xt = wave(100)
    model = sk.fit(x, y, hidden=(), levels=1, smoothing=0.0)
    assert r2(model, xt, truth(xt)) > 0.999


def test_held_out_frames_are_read_by_name():
    pandas = pytest.importorskip("pandas")
    x, y, _ = wave(60)
    frame = pandas.DataFrame(x, columns=["a", "b"])
    model = sk.fit(frame, y, hidden=(), levels=1, held_out=(frame[["b", "a"]], y))
    assert model.record.trials[-1].held_out < 1e-3


@pytest.mark.filterwarnings("ignore::splinekan.DomainWarning")
def test_large_networks_with_few_samples_do_not_interpolate_noise():
    rng = np.random.default_rng(0)
    model = sk.fit(rng.uniform(size=(90, 130)), rng.normal(size=90), hidden=(5,), first="splines")
    assert np.std(model(rng.uniform(size=(300, 130)))) < 0.5


def test_a_loss_of_a_class_of_ones_own():
    class Twice(sk.Logistic):
        """The logistic loss, of another class."""

    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (300, 1))
    y = (rng.uniform(size=300) < expit(2 * x[:, 0])).astype(float)
    model = sk.fit(x, y, hidden=(), levels=1, loss=Twice())
    assert model.record.loss == "custom"
    plain = sk.fit(x, y, hidden=(), levels=1, loss="logistic")
    np.testing.assert_allclose(expit(model(x)), expit(plain(x)), atol=0.02)


@pytest.mark.filterwarnings("ignore::splinekan.DomainWarning")
def test_large_networks_without_held_out_samples():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(90, 130)), rng.normal(size=90)
    model = sk.fit(x, y, hidden=(5,), first="splines", held_out=0.0)
    found = {choice.quantity: choice for choice in model.record.choices}
    assert found["smoothing"].value == "1"
    assert found["smoothing"].reason == "no samples were held out to choose it"


def test_outliers_of_a_column_are_reported():
    x, y, _ = wave(60)
    x[0, 1] = 1000.0
    with pytest.warns(sk.DomainWarning, match=r"'height' \(0.09"):
        sk.fit(x, y, hidden=(), levels=1, names=["pressure", "height"])


def test_small_targets_by_the_name_of_the_quantile():
    x, y, xt = wave(60)
    model = sk.fit(x, 1e-3 * y, hidden=(), levels=1, loss="quantile")
    assert r2(model, xt, 1e-3 * truth(xt)) > 0.99


@pytest.mark.parametrize(
    "options", [{"hidden": ()}, {"hidden": (2,)}, {"hidden": (3,), "first": "affine"}, {}]
)
def test_constant_columns_have_no_effect(options):
    x, y, xt = wave(120, 0.05)
    model = sk.fit(np.column_stack([x, np.full(120, 7.0)]), y, levels=1, names=["a", "b", "site"], **options)
    at = np.column_stack([xt, np.full(400, 7.0)])
    other = at + np.array([0, 0, 3.0])
    np.testing.assert_allclose(model(other), model(at), atol=1e-12)
    assert r2(model, at, truth(xt)) > 0.95
    found = {choice.quantity: choice.value for choice in model.record.choices}
    assert found["constant inputs"] == "site"


def test_scores_are_for_targets():
    x, y, _ = wave(60)
    model = sk.fit(x, (y > 0.5).astype(float), hidden=(), levels=1, loss="logistic")
    with pytest.raises(ValueError, match="score is R"):
        model.score(x, y)


# Losses


def test_logistic():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (600, 2))
    p = expit(3 * np.sin(2 * x[:, 0]) + x[:, 1])
    model = sk.fit(x, (rng.uniform(size=600) < p).astype(float), hidden=(), loss="logistic")
    assert np.abs(expit(model(x)[:, 0]) - p).mean() < 0.05
    assert model.record.loss == "logistic"


def test_softmax():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (400, 2))
    label = np.digitize(np.hypot(*x.T), [0.8, 1.6])
    model = sk.fit(x, np.eye(3)[label], hidden=(), loss="softmax")
    xt = rng.uniform(-2, 2, (1000, 2))
    assert np.mean(model(xt).argmax(axis=1) == np.digitize(np.hypot(*xt.T), [0.8, 1.6])) > 0.95


def test_poisson():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(500, 1))
    rate = np.exp(3 + np.sin(6 * x[:, 0]))
    model = sk.fit(x, rng.poisson(rate).astype(float), hidden=(), loss="poisson")
    np.testing.assert_allclose(np.exp(model(x)[:, 0]), rate, rtol=0.15)


@pytest.mark.parametrize("loss", ["huber", sk.Huber(0.3), "quantile", sk.Quantile(0.5, 0.05)])
def test_outliers(loss):
    x, y, xt = wave(300, 0.1)
    y = y + 1e3 * (np.random.default_rng(5).uniform(size=300) < 0.04)
    model = sk.fit(x, y, hidden=(), loss=loss, levels=1)
    error = model(xt)[:, 0] - truth(xt)
    assert np.sqrt(np.mean(error**2)) < 0.15
    plain = sk.fit(x, y, hidden=(), levels=1)
    assert np.sqrt(np.mean((plain(xt)[:, 0] - truth(xt)) ** 2)) > 5


def test_quantiles_have_their_shares():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(1000, 1))
    y = 100 * (x[:, 0] + (0.2 + x[:, 0]) * rng.normal(size=1000))
    model = sk.fit(x, y, hidden=(), loss=sk.Quantile(0.9, 1.0), levels=1)
    assert np.mean(y < model(x)[:, 0]) == pytest.approx(0.9, abs=0.02)
    low = x[:, 0] < 0.3
    assert np.mean(y[low] < model(x)[low, 0]) == pytest.approx(0.9, abs=0.05)


def test_large_networks_follow_a_path():
    """More parameters than the restricted likelihood takes: the held-out loss chooses the smoothing."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(300, 60))
    y = np.sin(5 * x[:, 0]) + x[:, 1] + 0.1 * rng.normal(size=300)
    model = sk.fit(x, y, hidden=(5,), first="splines")
    found = {choice.quantity for choice in model.record.choices}
    assert "smoothing" in found
    xt = rng.uniform(size=(1000, 60))
    assert r2(model, xt, np.sin(5 * xt[:, 0]) + xt[:, 1]) > 0.5


# Refusals


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"X": [[np.nan, 1.0]] * 3}, ValueError, "X must be finite"),
        ({"X": np.ma.masked_array(np.ones((3, 2)), mask=True)}, TypeError, "masked"),
        ({"y": np.ma.masked_array(np.ones(3), mask=True)}, TypeError, "masked"),
        ({"y": [1.0, np.inf, 0.0]}, ValueError, "y must be finite"),
        ({"y": np.ones(4)}, ValueError, "same number of rows, got 3 and 4"),
        ({"X": np.ones(3)}, ValueError, r"pass X\[:, None\]"),
        ({"y": np.array(["a", "b", "a"])}, TypeError, "KANClassifier takes labels"),
        ({"X": np.ones((0, 2)), "y": np.ones(0)}, ValueError, "not empty"),
        ({"X": [["a", "b"]] * 3}, TypeError, "real numbers"),
        ({"hidden": (0,)}, ValueError, "hidden"),
        ({"hidden": "5"}, TypeError, "hidden"),
        ({"degree": 0}, ValueError, "degree must be between 1 and 7"),
        ({"loss": "absolute"}, ValueError, "loss must be one of"),
        ({"loss": "logistic", "y": [0.0, 2.0, 1.0]}, ValueError, r"lie in \[0, 1\]"),
        ({"loss": "softmax"}, ValueError, "at least 2 classes"),
        ({"loss": "poisson", "y": [0.0, -2.0, 1.0]}, ValueError, "not be negative"),
        ({"loss": object()}, TypeError, "loss must have"),
        ({"sample_weight": [1.0, -1.0, 1.0]}, ValueError, "not be negative"),
        ({"sample_weight": [0.0, 0.0, 0.0]}, ValueError, "not all be 0"),
        ({"sample_weight": [1e308, 1e308, 1.0]}, ValueError, "sum within float64"),
        ({"held_out": (np.ones((2, 2)), [1.0, np.nan])}, ValueError, r"held_out\[1\] must be finite"),
        ({"sample_weight": [1.0]}, ValueError, "sample_weight must have shape"),
        ({"held_out": 1.0}, ValueError, "share below 1"),
        ({"held_out": (np.ones((2, 3)), np.ones(2))}, ValueError, "2 columns|any, 2"),
        ({"first": "spline"}, ValueError, "first must be one of"),
        ({"first": "affine", "hidden": ()}, ValueError, "needs a hidden layer"),
        ({"levels": 0}, ValueError, "levels"),
        ({"smoothing": -1.0}, ValueError, "smoothing"),
        ({"names": ["a"]}, ValueError, "names must hold 2 names"),
        ({"names": ["a", "a"]}, ValueError, "different"),
        ({"seed": -1}, ValueError, "seed"),
        ({"progress": 1}, TypeError, "progress"),
        ({"X": [[-1.7e308, 0.0], [1.7e308, 1.0], [0.0, 0.0]]}, ValueError, "range within float64"),
    ],
)
def test_refusals(change, error, message):
    arguments = {"X": np.arange(6.0).reshape(3, 2), "y": np.arange(3.0)} | change
    with pytest.raises(error, match=message):
        sk.fit(**arguments)


def test_missing_values_of_frames_are_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, None, 2.0], "b": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match=r"X\['a'\] must be finite"):
        sk.fit(frame, [1.0, 2.0, 3.0])
    frame = pandas.DataFrame({"a": ["x", "y", "z"], "b": [1.0, 2.0, 3.0]})
    with pytest.raises(TypeError, match=r"X\['a'\] must be a column of real numbers"):
        sk.fit(frame, [1.0, 2.0, 3.0])
