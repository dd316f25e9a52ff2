"""Batches and training in batches: against the whole objective, from disk, resumed, refused."""

import pickle
import tracemalloc
from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

import splinekan as sk
from splinekan.optimize import Constant, Cosine, Status
from splinekan.stochastic import minibatch
from splinekan.stochastic.loss import BatchLoss

RNG = np.random.default_rng(0)
X = RNG.uniform(0, 1, (103, 2))
Y = np.column_stack([np.sin(3 * X[:, 0]), X[:, 1] ** 2])
W = RNG.uniform(0.5, 2, 103)
NETWORK = sk.KAN.splines([2, 3, 2], degree=3, intervals=3, base="silu")
THETA = sk.initialize(NETWORK, 0)
FAST = sk.Adam(schedule=Constant(1e-2), weight_decay=1e-3)


class Softmax:
    """Cross-entropy of probabilities y."""

    mean_factor, squared = 1.0, False

    def value(self, g, y):
        return logsumexp(g, axis=1) - (y * g).sum(axis=1)

    def gradient(self, g, y):
        return softmax(g, axis=1) - y

    def root(self, g, y):
        raise AssertionError("first-order training needs no curvature")


def train(batches=None, theta0=THETA, network=NETWORK, **options):
    batches = sk.Batches(X, Y, size=20, seed=5) if batches is None else batches
    return sk.minibatch_training(network, batches, theta0, **{"optimizer": FAST, "epochs": 3} | options)


def same(a, b, but=("seconds", "model")):
    """Records are equal to the last bit, times and models excepted."""
    for column in fields(a):
        one, other = getattr(a, column.name), getattr(b, column.name)
        if column.name in but:
            continue
        if hasattr(one, "__dataclass_fields__"):
            same(one, other)
        else:
            np.testing.assert_array_equal(one, other, err_msg=column.name)


# Batches


@pytest.mark.parametrize("block", [1, 2, 7, 16, 103, 1000])
@pytest.mark.parametrize("size", [1, 20, 103, 500])
def test_an_epoch_visits_every_sample_once_in_an_order_of_its_own(block, size):
    n = len(X)
    batches = sk.Batches(np.arange(n)[:, None], 2.0 * np.arange(n), size=size, seed=3, block=block)
    assert len(batches) == -(-n // size)
    epochs = [list(batches.epoch(number)) for number in range(3)]
    for found in epochs:
        assert [len(x) for x, _ in found] == [size] * (n // size) + [n % size] * (n % size > 0)
        rows = [x[:, 0] for x, _ in found]
        assert all((np.diff(each) > 0).all() for each in rows)
        assert np.array_equal(np.sort(np.concatenate(rows)), np.arange(n))
        assert all(np.array_equal(y, 2 * each) for (_, y), each in zip(found, rows, strict=True))
    if size < n and block < n:
        first = [epoch[0][0].tolist() for epoch in epochs]
        assert first[0] != first[1] != first[2] != first[0]
        other = next(replace(batches, seed=4).epoch(0))[0].tolist()
        assert other != first[0]
    again = [x.tolist() for x, _ in batches.epoch(1, start=2)]
    assert again == [x.tolist() for x, _ in epochs[1][2:]]
    assert [x.tolist() for x, _ in batches] == [x.tolist() for x, _ in epochs[0]]


def test_blocks_keep_their_rows_together():
    batches = sk.Batches(np.arange(1000)[:, None], np.zeros(1000), size=100, block=50)
    jumps = [int((np.diff(x[:, 0]) != 1).sum()) for x, _ in batches]
    assert max(jumps) <= 3
    scattered = next(iter(replace(batches, block=1)))[0]
    assert (np.diff(scattered[:, 0]) != 1).sum() > 50


def test_the_places_of_a_sample_are_uniform():
    # Sample 0 is in the first of 5 batches a fifth of the time: 400 epochs, deviation 8.
    for block in (1, 4):
        batches = sk.Batches(np.arange(50)[:, None], np.zeros(50), size=10, block=block)
        hits = sum(0 in next(batches.epoch(number))[0] for number in range(400))
        assert abs(hits - 80) < 40


def test_without_shuffling_batches_are_slices_and_a_short_last_batch_can_be_left_out():
    batches = sk.Batches(X, Y, W, size=50, shuffle=False)
    found = list(batches.epoch(7))
    for part, whole in zip(zip(*found, strict=True), (X, Y, W), strict=True):
        assert np.array_equal(np.concatenate(part), whole)
    assert np.shares_memory(found[0][0], X)
    assert [len(x) for x, _, _ in replace(batches, drop_last=True)] == [50, 50]
    assert len(replace(batches, drop_last=True)) == 2
    with pytest.raises(ValueError, match="size must be at most the number of samples, 103"):
        sk.Batches(X, Y, size=104, drop_last=True)


@pytest.fixture
def stored(tmp_path):
    """The path of an array, by its entries."""

    def store(array, name):
        path = tmp_path / f"{name}.npy"
        np.save(path, array)
        return np.load(path, mmap_mode="r")

    return store


def test_memory_mapped_arrays_train_as_those_in_memory_to_the_last_bit(stored):
    here = train(sk.Batches(X, Y, W, size=20, seed=5))
    there = train(sk.Batches(stored(X, "x"), stored(Y, "y"), stored(W, "w"), size=20, seed=5))
    same(here, there)


def test_memory_stays_that_of_a_few_batches(stored):
    n, columns, size = 20_000, 100, 64
    rng = np.random.default_rng(0)
    x = stored(rng.uniform(0, 1, (n, columns)), "x")  # 16 MB
    rows = []

    def counted(taken):
        rows.append(len(taken))
        return taken

    network = sk.KAN.splines([columns, 1], degree=1, intervals=2)
    batches = sk.Batches(x, x[:, 0].copy(), size=size, transform=counted)
    train(batches, np.zeros(network.n_parameters), network, epochs=1)  # compiles
    rows.clear()
    tracemalloc.start()
    try:
        train(batches, np.zeros(network.n_parameters), network, epochs=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(rows) == n
    assert max(rows) == size
    assert peak < x.nbytes / 3  # the first 2048 samples wait for the warning


def test_integers_are_transformed_batch_by_batch():
    pixels = RNG.integers(0, 256, (60, 2), dtype=np.uint8)
    labels = RNG.integers(0, 2, 60)
    given = []

    def scaled(x):
        given.append(x.dtype)
        return x.astype(np.float32) / 255

    batches = sk.Batches(
        pixels, labels, size=16, transform=scaled, target_transform=lambda y: np.eye(2, dtype=np.float32)[y]
    )
    whole = sk.Batches(np.float32(pixels) / 255, np.eye(2, dtype=np.float32)[labels], size=16)
    same(train(batches), train(whole))
    assert set(given) == {np.dtype(np.uint8)}
    assert [x.dtype for x, _ in sk.Batches(pixels, labels)] == [np.float64]


def test_a_transform_cannot_write_to_the_arrays():
    def in_place(x):
        x /= 255
        return x

    x = X.copy()
    with pytest.raises(ValueError, match="read-only"):
        next(iter(sk.Batches(x, Y, shuffle=False, transform=in_place)))
    assert np.array_equal(x, X)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"y": Y[:50]}, ValueError, "y must have as many rows as x, 103, got 50"),
        ({"x": X[:0], "y": Y[:0]}, ValueError, "x must not be empty"),
        ({"x": 3.0}, ValueError, "x must have rows"),
        ({"x": X.astype(complex)}, TypeError, "x must be an array of real numbers"),
        ({"x": np.ma.masked_array(X, X > 0.5)}, TypeError, "x must not be a masked array"),
        ({"weights": W[:50]}, ValueError, r"weights must be None or have shape \(103,\)"),
        ({"size": 0}, ValueError, "size must be at least 1"),
        ({"size": 2.5}, TypeError, "size must be an integer"),
        ({"shuffle": 1}, TypeError, "shuffle must be True or False"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"block": 0}, ValueError, "block must be at least 1"),
        ({"transform": 255}, TypeError, "transform must be callable"),
    ],
)
def test_batches_refuse_what_they_cannot_take(arguments, error, message):
    with pytest.raises(error, match=message):
        sk.Batches(**{"x": X, "y": Y} | arguments)


@pytest.mark.parametrize("shuffle", [True, False])
def test_entries_that_are_not_finite_are_refused_with_their_row(shuffle):
    x, y, w = X.copy(), Y.copy(), W.copy()
    x[57, 1] = np.nan
    with pytest.raises(ValueError, match=r"x must be finite, got nan at row 57, column 1"):
        train(sk.Batches(x, Y, size=20, shuffle=shuffle))
    y[99, 0] = -np.inf
    with pytest.raises(ValueError, match=r"y must be finite, got -inf at row 99, column 0"):
        list(sk.Batches(X, y, size=20, shuffle=shuffle))
    w[3] = -1
    with pytest.raises(ValueError, match=r"weights must not be negative, got -1.0 at row 3"):
        list(sk.Batches(X, Y, w, size=20, shuffle=shuffle))
    with pytest.raises(ValueError, match=r"transform\(x\) must be finite, got inf at row"):
        list(sk.Batches(X, Y, shuffle=shuffle, transform=lambda x: x + np.inf))
    with pytest.raises(ValueError, match=r"transform\(x\) must have as many rows as its argument, 103"):
        list(sk.Batches(X, Y, shuffle=shuffle, transform=lambda x: x[1:]))


# Training


@pytest.mark.parametrize("basis", ["spline", "relu"])
@pytest.mark.parametrize("smoothing", [0.0, 1e-2])
@pytest.mark.parametrize("loss", [sk.SquaredError(), Softmax()])
def test_the_loss_of_a_batch_is_that_of_its_samples(basis, smoothing, loss):
    network = NETWORK.with_basis(basis)
    theta = NETWORK.to_basis(THETA, basis)
    first = BatchLoss.of(network, (X[:7], Y[:7]), loss, smoothing)
    for rows, weights in ((slice(7, 40), None), (slice(40, 60), W[40:60]), (slice(7, 40), None)):
        samples = (X[rows], Y[rows]) if weights is None else (X[rows], Y[rows], weights)
        found = first.on(samples).value_and_gradient(theta)
        whole = sk.DataLoss(network, *samples, smoothing=smoothing, reduction="mean", loss=loss)
        wanted = whole.value_and_gradient(theta)
        assert found[0] == wanted[0]
        assert np.array_equal(found[1], wanted[1])


@pytest.mark.parametrize("geometry", [None, "relu"])
def test_an_epoch_of_a_single_batch_is_an_iteration_of_adam(geometry):
    optimizer = replace(FAST, geometry=geometry)
    batches = sk.Batches(X, Y, W, size=len(X))
    found = train(batches, optimizer=optimizer, epochs=4, smoothing=1e-3)
    whole = sk.LeastSquares(NETWORK, X, Y, W, reduction="mean", smoothing=1e-3)
    wanted = optimizer.minimize(whole, THETA, iterations=4, keep="last")
    np.testing.assert_array_equal(found.theta, wanted.theta)
    np.testing.assert_allclose(found.history.loss, wanted.history.loss[:-1], rtol=1e-15)
    assert found.history.steps.tolist() == [1, 2, 3, 4]


def test_the_steps_are_those_of_a_plain_loop():
    batches, theta = sk.Batches(X, Y, size=20, seed=5), THETA.copy()
    m, v, t, losses = np.zeros_like(theta), np.zeros_like(theta), 0, []
    for epoch in range(2):
        for x, y in batches.epoch(epoch):
            objective = sk.DataLoss(NETWORK, x, y, loss=Softmax(), reduction="mean")
            value, g = objective.value_and_gradient(theta)
            losses.append((len(x), value))
            t += 1
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            theta = theta - 1e-2 * (step + 1e-3 * theta)
    found = train(batches, epochs=2, loss=Softmax())
    np.testing.assert_allclose(found.theta, theta, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.history.loss[0], sum(n * l for n, l in losses[:6]) / len(X))
    assert found.value == found.history.loss[1]
    assert found.status is Status.ITERATION_LIMIT
    assert found.nit == 12
    assert not found.success
    assert np.array_equal(found.model(X), NETWORK(found.theta, X))


def test_runs_are_reproducible_and_leave_the_start_alone():
    before = THETA.copy()
    same(train(), train())
    assert np.array_equal(THETA, before)
    assert not np.array_equal(train().theta, train(sk.Batches(X, Y, size=20, seed=6)).theta)


def test_float32_is_computed_in_float32():
    single = train(sk.Batches(np.float32(X), Y, size=20, seed=5))
    double = train()
    assert not np.array_equal(single.theta, double.theta)
    np.testing.assert_allclose(single.theta, double.theta, atol=1e-3)


def test_training_lowers_the_loss():
    batches = sk.Batches(X, Y, size=10)
    schedule = Cosine(rate=3e-2, steps=100 * len(batches), warmup=20)
    found = train(batches, optimizer=sk.Adam(schedule=schedule), epochs=100)
    whole = sk.LeastSquares(NETWORK, X, Y, reduction="mean")
    assert whole.value(found.theta) < 1e-4 * whole.value(THETA)


# Held-out samples


def noisy():
    """Few noisy samples, a rate at which the network soon fits the noise, and clean held-out samples."""
    y = Y[:30] + 0.5 * np.random.default_rng(1).normal(size=(30, 2))
    return {
        "batches": sk.Batches(X[:30], y, size=10),
        "held_out": (X[30:], Y[30:]),
        "optimizer": sk.Adam(schedule=Constant(3e-2)),
    }


def test_the_result_is_the_epoch_with_the_lowest_held_out_loss():
    models = {}
    found = train(**noisy(), epochs=60, callback=lambda epoch: models.update({epoch.epoch: epoch}) or False)
    held = sk.LeastSquares(NETWORK, X[30:], Y[30:], reduction="mean")
    losses = [held.value(models[i].model.theta) for i in range(1, 61)]
    np.testing.assert_allclose(found.history.held_out, losses, rtol=1e-12)
    best = int(np.argmin(losses))
    assert 0 < best < 50
    assert np.array_equal(found.theta, models[best + 1].model.theta)
    assert found.value == found.history.held_out[best] == models[best + 1].held_out
    stopped = train(**noisy(), epochs=60, patience=5)
    waits = [i - int(np.argmin(losses[: i + 1])) for i in range(60)]
    assert len(stopped.history.loss) == waits.index(5) + 1 < 60
    assert stopped.status is Status.STALLED
    assert stopped.success
    assert "not fallen for 5 epochs" in stopped.message
    ahead = int(np.argmin(losses[: waits.index(5) + 1]))
    assert np.array_equal(stopped.theta, models[ahead + 1].model.theta)


def test_the_start_is_returned_if_no_epoch_is_better():
    best = train(epochs=100, held_out=(X, Y)).theta
    start = sk.LeastSquares(NETWORK, X, Y, reduction="mean").value(best)
    found = train(
        theta0=best, optimizer=sk.Adam(schedule=Constant(1.0)), epochs=9, held_out=(X, Y), patience=2
    )
    assert np.array_equal(found.theta, best)
    assert found.value == pytest.approx(start, rel=1e-12)
    assert len(found.history.loss) == 2


def test_held_out_samples_may_be_batches_with_weights():
    tuples = train(held_out=(X[:50], Y[:50], W[:50]))
    batches = train(held_out=sk.Batches(X[:50], Y[:50], W[:50], size=7))
    np.testing.assert_allclose(tuples.history.held_out, batches.history.held_out, rtol=1e-12)
    whole = sk.LeastSquares(NETWORK, X[:50], Y[:50], W[:50], reduction="mean")
    assert tuples.value == pytest.approx(whole.value(tuples.theta), rel=1e-12)


# Sources of a user


def listed(epochs):
    batches = sk.Batches(X, Y, size=20, seed=5)
    return [list(batches.epoch(number)) for number in range(epochs)]


def test_functions_lists_and_generators_yield_the_same_as_batches():
    wanted = train(epochs=1)
    same(wanted, train(listed(1)[0], epochs=1))
    same(wanted, train(iter(listed(1)[0]), epochs=1))
    same(wanted, train((batch for batch in listed(1)[0]), epochs=1))
    epochs = iter(listed(3))
    same(train(epochs=3), train(lambda: next(epochs), epochs=3))

    def weighted():
        yield from sk.Batches(X, Y, W, size=30)

    same(train(weighted, epochs=2), train([*sk.Batches(X, Y, W, size=30)], epochs=2))


def test_a_generator_serves_a_single_epoch():
    used = []

    def batches():
        used.append(1)
        yield X, Y

    with pytest.raises(ValueError, match=r"batches is an iterator, .*, which serves a single epoch"):
        train(batches(), epochs=2)
    assert not used
    assert len(train(batches, epochs=2).history.loss) == 2


@pytest.mark.parametrize(
    ("batches", "error", "message"),
    [
        ((X, Y), TypeError, r"batch 0 of epoch 0 of batches must be \(x, y\) or \(x, y, weights\)"),
        ([(X, Y), (X,)], TypeError, "batch 1 of epoch 0 of batches must be"),
        (X, TypeError, "batches must be splinekan.Batches"),
        ("abc", TypeError, "batches must be splinekan.Batches"),
        (3, TypeError, "batches must be splinekan.Batches"),
        (lambda: 3, TypeError, r"batches\(\) must return an iterator"),
        ([], ValueError, "batches must hold a batch, epoch 0 has none"),
        ([(X, Y), (X[:0], Y[:0])], ValueError, "batch 1 of epoch 0 of batches: x must not be empty"),
        ([(X, Y), (X[:, :1], Y)], ValueError, r"batch 1 of epoch 0 of batches: x must have shape \(any, 2\)"),
        ([(X, Y), (X, Y[:5])], ValueError, r"batch 1 of epoch 0 of batches: y must have shape \(103, 2\)"),
        ([(X, Y), (X, Y, -W)], ValueError, "batch 1 of epoch 0 of batches: weights must not be negative"),
        ([(X, Y), (X + np.inf, Y)], ValueError, "x of batch 1 of epoch 0 of batches must be finite"),
        ([(X, Y), (np.float32(X), 1e39 * Y)], ValueError, "batch 1 .* y must be within the range of float32"),
        (sk.Batches(X[:, :1], Y), ValueError, r"x must have shape \(any, 2\)"),
    ],
)
def test_bad_batches_are_refused(batches, error, message):
    with pytest.raises(error, match=message):
        train(batches, epochs=1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"theta0": THETA[:5]}, ValueError, "theta0 must have shape"),
        ({"theta0": None}, TypeError, "theta0 must be an array, got None"),
        ({"network": None}, TypeError, "network must be of type KAN"),
        ({"optimizer": sk.LBFGS()}, TypeError, "optimizer must be of type Adam"),
        ({"loss": 3}, TypeError, "loss must have value"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"patience": 2}, ValueError, "patience needs held_out"),
        ({"patience": 0, "held_out": (X, Y)}, ValueError, "patience must be at least 1"),
        ({"held_out": X}, TypeError, r"held_out must be \(x, y\)"),
        ({"held_out": (X, Y[:3])}, ValueError, "held_out: y must have as many rows"),
        ({"held_out": (X, Y * np.inf)}, ValueError, "y must be finite"),
        ({"smoothing": -1.0}, ValueError, "smoothing must be at least 0"),
        ({"callback": 3}, TypeError, "callback must be callable"),
        ({"callback": lambda epoch: 3}, TypeError, "the answer of callback"),
        ({"progress": 1}, TypeError, "progress must be True or False"),
        ({"resume": 3, "theta0": None}, TypeError, "resume must be of type MinibatchResult or Checkpoint"),
        ({"theta0": 1e200 * THETA}, ValueError, "the loss of the first batch at theta0 must be finite"),
        ({"theta0": 1e200 * THETA, "held_out": (X, Y)}, ValueError, "held-out loss at theta0 must be finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_bad_arguments_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        train(**options)


def test_samples_outside_the_domain_make_a_single_warning():
    with pytest.warns(sk.DomainWarning, match="x leaves the domain") as caught:
        train(sk.Batches(3 * X, Y, size=20))
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_the_warning_counts_more_samples_than_a_batch(monkeypatch):
    x = np.random.default_rng(0).uniform(0, 1, (3000, 2))
    x[0] = 5.0  # 1/3000 is below the threshold, 1/20 would be above
    train(sk.Batches(x, x, size=20, shuffle=False), epochs=1)
    monkeypatch.setattr(minibatch, "LOOKED_AT", 10)
    with pytest.warns(sk.DomainWarning):
        train(sk.Batches(x, x, size=20, shuffle=False), epochs=1)


# Interruptions


@pytest.mark.parametrize("geometry", [None, "relu"])
@pytest.mark.parametrize("held_out", [None, (X[:50], Y[:50])])
def test_a_resumed_run_has_the_bits_of_a_run_without_a_break(held_out, geometry):
    options = {
        "optimizer": sk.Adam(schedule=Cosine(rate=0.1, steps=25, warmup=4), geometry=geometry),
        "held_out": held_out,
    }
    whole = train(**options, epochs=4)
    half = train(**options, epochs=2)
    kept = pickle.loads(pickle.dumps(half.checkpoint))
    same(whole, train(**options, epochs=4, theta0=None, resume=half))
    same(kept, half.checkpoint, but=())
    same(whole, train(**options, epochs=4, theta0=None, resume=kept))
    same(half, train(**options, epochs=1, theta0=None, resume=half))


@pytest.mark.parametrize("held_out", [None, (X[:50], Y[:50])])
@pytest.mark.parametrize("at", [0, 1, 8, 11, 12])
def test_a_run_can_be_interrupted_and_resumed_in_an_epoch(at, held_out):
    calls = []

    def rows(x):
        calls.append(1)
        if len(calls) == at + 1:
            raise KeyboardInterrupt
        return x

    batches = sk.Batches(X, Y, size=20, seed=5)
    broken = train(replace(batches, transform=rows), epochs=3, held_out=held_out)
    assert broken.status is Status.INTERRUPTED
    assert "interrupted" in broken.message
    assert broken.checkpoint.steps == at
    assert len(broken.history.loss) == at // 6
    if held_out is None:
        assert np.array_equal(broken.theta, broken.checkpoint.z)
    else:
        assert broken.value == min([np.inf, *broken.history.held_out], default=0) or at < 6
    same(train(held_out=held_out), train(batches, theta0=None, resume=broken, held_out=held_out))
    every = train(
        lambda: iter(batches.epoch(at // 6)),
        theta0=None,
        resume=broken,
        held_out=held_out,
        epochs=at // 6 + 1,
    )
    assert every.checkpoint.steps == 6 * (at // 6 + 1)


def test_the_checkpoint_of_an_epoch_resumes_the_run():
    kept = []
    whole = train(epochs=4, callback=lambda epoch: kept.append(epoch.checkpoint))
    same(whole, train(epochs=4, theta0=None, resume=kept[1]))
    stopped = train(epochs=4, callback=lambda epoch: epoch.epoch == 2)
    assert stopped.status is Status.STOPPED
    same(whole, train(epochs=4, theta0=None, resume=stopped))


def test_a_run_that_goes_on_must_fit():
    half = train()
    with pytest.raises(ValueError, match="theta0 must be None with resume"):
        train(resume=half)
    with pytest.raises(ValueError, match="held_out must be None, as in the run"):
        train(theta0=None, resume=half, held_out=(X, Y))
    with pytest.raises(ValueError, match="held_out must be samples"):
        train(theta0=None, resume=train(held_out=(X, Y)))
    with pytest.raises(ValueError, match="geometry and gradient must be"):
        train(theta0=None, resume=half, optimizer=sk.Adam(geometry="relu"))
    with pytest.raises(ValueError, match=r"resume\.z must have shape"):
        train(theta0=None, resume=half, network=NETWORK.refined())


@pytest.mark.parametrize("held_out", [None, (X, Y)])
def test_a_run_that_diverges_returns_its_best_epoch(held_out):
    def schedule(iteration):
        return 1e-2 if iteration < 14 else 1e200

    seen = []
    found = train(
        optimizer=sk.Adam(schedule=schedule), epochs=9, held_out=held_out, callback=lambda e: seen.append(e)
    )
    assert found.status is Status.NON_FINITE
    assert len(seen) == 2
    assert np.array_equal(found.theta, seen[1].model.theta)
    assert found.value == (seen[1].loss if held_out is None else seen[1].held_out)
    with pytest.raises(ValueError, match="the checkpoint of a run that diverged is None"):
        train(theta0=None, resume=found)


def test_an_overflowing_gradient_ends_the_run_at_the_start():
    found = train(sk.Batches(X, 1e152 * Y, size=20), optimizer=sk.Adam(schedule=Constant(1e-2)))
    assert found.status is Status.NON_FINITE or np.isfinite(found.theta).all()
    large = [(X, Y), (X, 1e300 * Y)]
    found = train(large, epochs=1)
    assert found.status is Status.NON_FINITE
    assert np.array_equal(found.theta, THETA)


def test_a_rising_loss_is_mentioned():
    optimizer = sk.Adam(schedule=lambda iteration: 1e-3 if iteration < 6 else 1.0)
    found = train(theta0=train(epochs=20).theta, optimizer=optimizer, epochs=2)
    assert "rose from" in found.message


# Schedules


def test_the_cosine_schedule():
    schedule = Cosine(rate=2.0, steps=110, warmup=10, end=0.5)
    rates = np.array([schedule(i) for i in range(130)])
    np.testing.assert_allclose(rates[:10], 0.2 * np.arange(1, 11))
    np.testing.assert_allclose(rates[10:110], 1.25 + 0.75 * np.cos(np.pi * np.arange(100) / 100))
    assert (rates[110:] == 0.5).all()
    assert Cosine(rate=1.0, steps=1)(0) == 1.0
    assert Cosine(rate=1.0, steps=1)(1) == 0.0


@pytest.mark.parametrize(
    "arguments",
    [{"rate": 0.0}, {"steps": 0}, {"warmup": 5, "steps": 5}, {"warmup": -1}, {"end": 2e-3}, {"end": -1.0}],
)
def test_the_cosine_schedule_refuses_other_numbers(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Cosine(**{"rate": 1e-3, "steps": 10} | arguments)
