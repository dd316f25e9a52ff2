"""Sums on the workers of a Dask cluster: those of one process, whatever dies; and what is refused."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import sympy

import splinekan as sk
from splinekan.distributed import (
    ClusterError,
    DaskExecutor,
    IncompleteSumError,
    SchedulerLostError,
    ShardedArray,
    WorkersLostError,
    memory,
)
from splinekan.distributed.packing import packed, packed_factor, unpacked, unpacked_factor
from splinekan.distributed.remote import added
from splinekan.distributed.sources import Mapped, source
from splinekan.objectives import sums
from splinekan.objectives.sharded import locals_of

dask = pytest.importorskip("dask", reason="Dask is not installed: pip install 'splinekan[distributed]'")
distributed = pytest.importorskip("distributed", reason="Dask distributed is not installed")

N = 601


@pytest.fixture(scope="module")
def client():
    """Two processes with one task thread each."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def wave(n=N, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(n, 2))
    return x, np.sin(5 * x[:, 0]) * x[:, 1], rng.uniform(0.5, 2.0, n)


NET = sk.KAN.splines([2, 3, 1], intervals=3)
THETA = sk.initialize(NET, 0)


def both(client, net=NET, loss=None, dtype=np.float64, shards=3, **options):
    """The same objective here and there."""
    x, y, w = wave()
    x = x.astype(dtype)
    if net.n_out > 1:
        y = np.eye(net.n_out)[(3 * x[:, 0]).astype(int)]
    make = sk.LeastSquares if loss is None else sk.DataLoss
    options |= {} if loss is None else {"loss": loss}
    here = make(net, x, y, w, smoothing=1e-3, **options)
    return here, replace(here, executor=DaskExecutor(client, shards=shards))


CASES = {
    "mean": ({"reduction": "mean"}, 1e-12),
    "huber": ({"loss": sk.Huber(0.1)}, 1e-12),
    "softmax": ({"loss": sk.Softmax(), "net": sk.KAN.affine_first([2, 2, 3], intervals=3)}, 1e-12),
    "relu": ({"net": NET.with_basis("relu")}, 1e-8),
    "float32": ({"dtype": np.float32}, 1e-4),
}


@pytest.mark.parametrize("case", CASES)
def test_sums_are_those_of_one_process(case, client):
    options, tolerance = CASES[case]
    here, there = both(client, **options)
    theta = sk.initialize(here.network, 0)
    v = np.random.default_rng(1).normal(size=len(theta))
    names = ["value", "value_and_gradient", "gradient", "residual", "normal_equations"]
    names += ["linear_equations"] if case in ("mean", "float32") else []
    calls = [(name, (theta,)) for name in names] + [("hessian_product", (theta, v))]
    for name, arguments in calls:
        want, got = (getattr(each, name)(*arguments) for each in (here, there))
        pairs = zip(want, got, strict=True) if isinstance(want, tuple) else [(want, got)]
        for a, b in pairs:
            np.testing.assert_allclose(b, a, rtol=0, atol=tolerance * np.abs(a).max(), err_msg=name)
    (value, R, z), (other, R2, z2) = (each.triangular_factor(theta) for each in (here, there))
    assert other == pytest.approx(value, rel=tolerance)
    np.testing.assert_allclose(R2.T @ R2, R.T @ R, rtol=0, atol=tolerance * np.abs(R.T @ R).max())
    np.testing.assert_allclose(R2.T @ z2, R.T @ z, rtol=0, atol=tolerance * np.abs(R.T @ z).max())
    assert there.n_residuals == here.n_residuals


def test_jacobians_stay_with_their_samples(client):
    here, there = both(client, reduction="mean")
    (value, rho, J), (value2, rho2, J2) = (each.linearized(THETA) for each in (here, there))
    rng = np.random.default_rng(2)
    v, r = rng.normal(size=J.shape[1]), rng.normal(size=J.shape[0])
    assert value2 == pytest.approx(value, rel=1e-14)
    assert J2.shape == J.shape
    assert rho2.shape == rho.shape == (len(rho2),)
    pairs = [(rho, np.asarray(rho2)), (J.matvec(v), J2.matvec(v)), (J.rmatvec(r), J2.rmatvec(r))]
    pairs += [(J.column_squares(), J2.column_squares()), (J.toarray(), J2.toarray())]
    pairs += [(J.rmatvec(J.matvec(v)), J2._normal_product(v))]
    pairs += [(J.normal_matrix(), sum(each.normal_matrix() for each in J2.chunks()))]
    for a, b in pairs:
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-13 * np.abs(a).max())
    with pytest.raises(ValueError, match="v must have shape"):
        J2.parts[0]._normal_product(v[:-1])


OPTIMIZERS = {
    "Cholesky": sk.LevenbergMarquardt(),
    "QR": sk.LevenbergMarquardt(solver=sk.QR()),
    "CG": sk.LevenbergMarquardt(solver=sk.CG(tolerance=1e-12, iterations=8)),
    "corrections": sk.LevenbergMarquardt(corrections=1),
    "projection": sk.VariableProjection(),
    "LBFGS": sk.LBFGS(),
    "Adam": sk.Adam(),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimisers_take_the_same_steps(name, client):
    here, there = both(client, reduction="mean")
    runs = [OPTIMIZERS[name].minimize(each, THETA, iterations=2) for each in (here, there)]
    np.testing.assert_allclose(runs[1].history.loss, runs[0].history.loss, rtol=1e-6)
    np.testing.assert_allclose(runs[1].theta, runs[0].theta, atol=1e-3)
    if name == "CG":
        free = sk.Restricted(there, fixed=[0, 1])
        run = OPTIMIZERS[name].minimize(free, THETA, iterations=1)
        assert np.array_equal(run.theta[:2], THETA[:2])
        assert run.value < runs[1].history.loss[0]


def resident(client):
    return [key for keys in client.has_what().values() for key in keys if "Resident" in str(key)]


def test_levels_share_the_samples_and_nothing_is_left_behind(client):
    gc.collect()
    x, y, _ = wave()
    levels = sk.Hierarchy(NET, 2)
    first = sk.LeastSquares(NET, x, y, executor=client)

    def again(level):
        return sk.LeastSquares(level.network, x.copy(), y.copy(), executor=client)

    def shared(level, first=first):
        return replace(first, network=level.network)

    for make in (shared, again):
        result = sk.nested_iteration(levels, make, sk.LevenbergMarquardt(), [3, 2], THETA)
        want = sk.nested_iteration(
            levels, lambda level: sk.LeastSquares(level.network, x, y), sk.LevenbergMarquardt(), [3, 2], THETA
        )
        np.testing.assert_allclose(result.theta, want.theta, atol=1e-6)
        assert len(resident(client)) == 2
        assert make(levels[1]).x.shards is first.x.shards
    changed = x.copy()
    changed[0, 0] += 1e-9
    assert sk.LeastSquares(NET, changed, y, executor=client).x.shards is not first.x.shards
    del result, make, shared, again, first
    left = None
    for _ in range(100):
        held = [key for keys in client.has_what().values() for key in keys]
        known = client.run_on_scheduler(lambda dask_scheduler: list(map(str, dask_scheduler.tasks)))
        left = held + known
        if not left:
            break
        time.sleep(0.05)
    assert not left


def test_samples_come_from_files_and_dask_collections(client, tmp_path):
    import dask.array as da
    import dask.dataframe as dd
    import pandas as pd

    x, y, w = wave()
    want = sk.LeastSquares(NET, x, y, w).value_and_gradient(THETA)
    for name, array in (("x", x), ("wide", np.c_[x, w]), ("y", y)):
        np.save(tmp_path / f"{name}.npy", array)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r"), np.load(tmp_path / "y.npy", mmap_mode="r")
    wide = np.load(tmp_path / "wide.npy", mmap_mode="r")
    collection = da.from_array(x, chunks=(100, 1)), da.from_array(y, chunks=230), da.from_array(w, chunks=601)
    frame = dd.from_pandas(pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y, "w": w}), npartitions=5)
    cases = {
        "files": (*mapped, w),
        "columns of a file": (wide[:, :2], mapped[1], wide[:, 2]),
        "arrays": collection,
        "frames": (frame[["a", "b"]], frame["y"], frame["w"]),
        "both": (mapped[0], collection[1], w),
    }
    for name, given in cases.items():
        for shards in (2, 5):
            there = sk.LeastSquares(NET, *given, executor=DaskExecutor(client, shards=shards))
            got = there.value_and_gradient(THETA)
            assert got[0] == pytest.approx(want[0], rel=1e-13), name
            np.testing.assert_allclose(got[1], want[1], atol=1e-13 * np.abs(want[1]).max(), err_msg=name)
        assert isinstance(there.x, ShardedArray)
        np.testing.assert_array_equal(np.asarray(there.x), x)
        np.testing.assert_array_equal(np.asarray(there.weights), w)
        assert replace(there, executor=None).value(THETA) == pytest.approx(want[0], rel=1e-13)
    assert isinstance(source("x", wide[10:20, :2]), Mapped)
    np.testing.assert_array_equal(source("x", wide[10:20, 1:]).read("x"), wide[10:20, 1:])


def test_the_same_bits_for_the_same_shards_whatever_the_workers(client):
    x, y, w = wave(3000)
    names = ("value_and_gradient", "normal_equations", "triangular_factor")

    def answers(client):
        there = sk.LeastSquares(NET, x, y, w, executor=DaskExecutor(client, shards=19))
        return [part for name in names for part in getattr(there, name)(THETA)]

    two = answers(client)
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster, set_as_default=False) as other,
    ):
        single = answers(other)
    for a, b in zip(two, single, strict=True):
        np.testing.assert_array_equal(a, b)
    here = sk.LeastSquares(NET, x, y, w)
    want = [part for name in names[:2] for part in getattr(here, name)(THETA)]
    for a, b in zip(want, two, strict=False):
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-12 * np.abs(a).max())


def living(client):
    while True:
        found = client.run(os.getpid, on_error="return")
        pids = sorted(pid for pid in found.values() if isinstance(pid, int))
        if pids:
            return pids
        time.sleep(0.05)


@pytest.mark.parametrize("kind", ["array", "file"])
def test_a_killed_worker_changes_no_bit(kind, client, tmp_path):
    x, y, _ = wave(2000)
    if kind == "file":
        np.save(tmp_path / "x.npy", x)
        x = np.load(tmp_path / "x.npy", mmap_mode="r")

    def run(kill):
        there = sk.LeastSquares(NET, x, y, executor=DaskExecutor(client, shards=4))

        def callback(iterate):
            if kill and iterate.iteration == 2:
                os.kill(living(client)[-1], signal.SIGKILL)

        return sk.LevenbergMarquardt().minimize(there, THETA, iterations=5, callback=callback)

    want, got = run(False), run(True)
    np.testing.assert_array_equal(got.theta, want.theta)
    np.testing.assert_array_equal(got.history.loss, want.history.loss)


def test_arrays_that_changed_are_not_sent_again(client):
    x, y, _ = wave()
    there = sk.LeastSquares(NET, x, y, executor=client)
    there.value(THETA)
    x[0, 0] = 0.5
    there.x.shards.futures[0].cancel()
    there._locals.futures[0].cancel()
    with pytest.raises(ValueError, match="has changed since"):
        there.value(THETA)


def test_a_dead_scheduler_is_an_error_with_what_was_reached(tmp_path):
    """Scheduler and worker as processes of their own, as on a machine of theirs."""
    file = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    start = [sys.executable, "-m"]
    options = ["--scheduler-file", str(file)]
    scheduler = subprocess.Popen(
        [*start, "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard", *options], **quiet
    )
    worker = subprocess.Popen(
        [*start, "distributed.cli.dask_worker", "--no-nanny", "--nthreads", "1", "--no-dashboard", *options],
        **quiet,
    )
    try:
        until = time.monotonic() + 30
        while not file.exists() and time.monotonic() < until:
            time.sleep(0.05)
        with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
            client = distributed.Client(scheduler_file=str(file), set_as_default=False, timeout=2)
            client.wait_for_workers(1, timeout=30)
            x, y, _ = wave()
            first = sk.LeastSquares(NET, x, y, executor=client)
            levels = sk.Hierarchy(NET, 2)
            seen = []

            def callback(iterate):
                seen.append(iterate)
                if len(seen) == 5:
                    scheduler.kill()

            with pytest.raises(SchedulerLostError, match="start a cluster and a client anew") as caught:
                sk.nested_iteration(
                    levels,
                    lambda level: replace(first, network=level.network),
                    sk.LevenbergMarquardt(),
                    [3, 5],
                    THETA,
                    callback=callback,
                )
            result = caught.value.result
            assert isinstance(caught.value, (ClusterError, ConnectionError))
            assert result.level == 1
            assert len(result.theta) == levels[1].network.n_parameters
            assert result.value == min(each.value for each in seen[3:])
            assert "interrupted" in result.message.lower()
            assert "`result` of this error" in str(caught.value)
            with pytest.raises(SchedulerLostError):
                first.value(THETA)
            client.close(timeout=1)
    finally:
        scheduler.kill()
        worker.kill()
        scheduler.wait()
        worker.wait()


def test_workers_share_the_cores_of_their_host(client):
    x, y, _ = wave()
    sk.LeastSquares(NET, x, y, executor=client).value(THETA)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    mine = sk.threads()
    assert set(client.run(sk.threads).values()) == {max(1, cores // 2)}
    sk.LeastSquares(NET, x, y, executor=DaskExecutor(client, threads=3)).value(THETA)
    assert set(client.run(sk.threads).values()) == {3}
    assert sk.threads() == mine
    if sys.platform == "linux":  # with the GNU C library; this process is left as it is
        assert set(client.run(lambda: memory.keep_freed_memory.cache_info().currsize).values()) == {1}
        assert memory.keep_freed_memory.cache_info().currsize == 0


def test_missing_and_doubled_shards_are_errors(client):
    _, there = both(client)
    cases = {
        "got 200 of 3": lambda local, _: (0.0, 200 - 200 * (local.shard.index > 0), local.shard.index),
        "without shards": lambda local, _: (0.0, local.objective.n_samples, 0),
    }
    for message, function in cases.items():
        with pytest.raises(IncompleteSumError, match=message):
            there._locals.sum(function, None, added)


def test_samples_that_exceed_the_workers_memory_are_refused_before_work(client, monkeypatch):
    survey = DaskExecutor._survey
    small = lambda self: [worker._replace(memory=20_000) for worker in survey(self)]  # noqa: E731
    monkeypatch.setattr(DaskExecutor, "_survey", small)
    x, y, _ = wave(1002)
    gc.collect()
    before = resident(client)
    with pytest.raises(MemoryError, match=r"1002 samples on 2 workers .* start at least 4 such workers"):
        sk.LeastSquares(NET, x, y, executor=client)
    assert resident(client) == before


def test_what_is_wrong_with_samples_is_found_on_workers(client, tmp_path):
    import dask.array as da

    x, y, w = wave()

    def there(x=x, y=y, w=None, **options):
        x, y = (da.from_array(each, chunks=(100, *each.shape[1:])) for each in (x, y))
        w = None if w is None else da.from_array(w, chunks=100)
        return sk.DataLoss(NET, x, y, w, executor=client, **options)

    hole, low, far = x.copy(), w.copy(), x.copy()
    hole[450, 1], low[333], far[:20] = np.nan, -1.0, 7.0
    cases = [
        ({"x": hole}, ValueError, r"x must be finite, got nan at index \(450, 1\)"),
        ({"y": np.where(w > 1.99, np.inf, y)}, ValueError, "y must be finite"),
        ({"w": low}, ValueError, r"weights must not be negative, got -1.0 at index 333"),
        ({"x": x[:, :1]}, ValueError, r"x must have shape \(any, 2\), got \(601, 1\)"),
        ({"y": y[:-1]}, ValueError, r"y must have shape \(601,\), got \(600,\)"),
        ({"x": x * 1j}, TypeError, "x must be an array of real numbers, got dtype complex128"),
        ({"x": x.astype(np.float32), "y": 1e9 + y}, ValueError, "y varies by .* float32 does not resolve"),
        ({"loss": sk.Logistic()}, ValueError, "y must"),
    ]
    for options, error, message in cases:
        with pytest.raises(error, match=message):
            there(**options)
    with pytest.warns(sk.DomainWarning, match=r"3.33 % of column 0 .* to 7") as caught:
        there(x=far)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        there()
    array = da.from_array(x, chunks=(100, 2))
    with pytest.raises(ValueError, match="known chunk sizes"):
        sk.LeastSquares(NET, array[array[:, 0] > 0.5], y, executor=client)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = source("x", mapped)
    os.utime(tmp_path / "x.npy", (1, 1))
    with pytest.raises(ValueError, match="which has changed since"):
        found.read("x")
    (tmp_path / "x.npy").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"workers need the same file system, or pass numpy.array\(x\)"
    ):
        found.read("x")


def test_columns_of_frames_are_numbers_or_refused_by_name(client):
    dd, pd = pytest.importorskip("dask.dataframe"), pytest.importorskip("pandas")
    x, y, _ = wave(90)
    table = pd.DataFrame({"a": x[:, 0], "flag": x[:, 1] > 0.5, "whole": (9 * y).astype(int)})
    table["maybe"] = table["flag"].astype("boolean")
    table["count"] = table["whole"].abs().astype("Int64")
    table["real"] = pd.array(y, dtype="Float64")
    table["kind"] = table["whole"].astype("category")
    table["gap"] = table["count"].where(table.index != 70)
    table["hole"] = table["real"].where(table.index != 50)

    def objectives(X, target, weights):
        yield lambda: sk.LeastSquares(NET, table[X], table[target], table[weights])
        yield lambda: sk.LeastSquares(NET, table[X], table[target], table[weights], executor=client)
        frame = dd.from_pandas(table, npartitions=3)
        yield lambda: sk.LeastSquares(NET, frame[X], frame[target], frame[weights], executor=client)

    good = [
        (["a", "flag"], "real", "count"),
        (["maybe", "a"], "whole", "flag"),
        (["a", "maybe"], "flag", "a"),
    ]
    for X, target, weights in good:
        arrays = (table[each].to_numpy(dtype=float) for each in (X, target, weights))
        want = sk.LeastSquares(NET, *arrays).value(THETA)
        for make in objectives(X, target, weights):
            assert make().value(THETA) == pytest.approx(want, rel=1e-13)
    bad = [
        (
            (["a", "kind"], "real", "count"),
            TypeError,
            r"x\['kind'\] must be a column of real numbers, got .*cat",
        ),
        (
            (["a", "flag"], "kind", "count"),
            TypeError,
            "y must be a column of real numbers, got dtype category",
        ),
        (
            (["a", "flag"], "real", "kind"),
            TypeError,
            "weights must be a column of real numbers, got .*category",
        ),
        ((["hole", "a"], "real", "gap"), ValueError, r"x\['hole'\] must be finite, got nan at index \(?50"),
        ((["a", "flag"], "hole", "gap"), ValueError, r"y must be finite, got nan at index \(?50"),
        ((["a", "flag"], "real", "gap"), ValueError, r"weights must be finite, got nan at index \(?70"),
    ]
    for columns, error, message in bad:
        for make in objectives(*columns):
            with pytest.raises(error, match=message):
                make()
    with pytest.raises(TypeError, match="sample_weight must be a column of real numbers"):
        sk.fit(table[["a"]], table["real"], sample_weight=table["kind"])


def test_the_first_of_several_faults_is_reported(client):
    import dask.array as da

    x, y, w = wave()
    w[[130, 555, 410]], w[20] = np.nan, -1.0
    there = da.from_array(w, chunks=50)
    for shards in (2, 6):
        executor = DaskExecutor(client, shards=shards)
        with pytest.raises(ValueError, match=r"weights must be finite, got nan at index \(130,\)"):
            sk.LeastSquares(NET, x, y, there, executor=executor)
        with pytest.raises(ValueError, match=r"weights must not be negative, got -1.0 at index 20$"):
            sk.LeastSquares(NET, x, y, da.nan_to_num(there), executor=executor)


def test_tables_whose_rows_do_not_belong_together_are_refused(client):
    dd, pd = pytest.importorskip("dask.dataframe"), pytest.importorskip("pandas")
    x, y, _ = wave(120)
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})
    mixed = table.sort_values("a")
    X, at = mixed[["a", "b"]], int(np.argmax(mixed.index != table.index))
    options = {"hidden": (), "levels": 1, "smoothing": 1e-4, "progress": False, "held_out": 0.0}
    message = f"must have the same index, got .*{mixed.index[at]}.* and .*{at}.* at row {at}; .*reset_index"
    unknown = dd.from_pandas(X, npartitions=3, sort=False)
    calls = [
        lambda: sk.LeastSquares(NET, X, table["y"]),
        lambda: sk.LeastSquares(NET, X, mixed["y"], table["a"], executor=client),
        lambda: sk.fit(X, table["y"], **options),
        lambda: sk.fit(X, mixed["y"], sample_weight=table["a"], **options),
        lambda: sk.fit(table[["a"]], table["y"], **options | {"held_out": (X[["a"]], table["y"])}),
        lambda: sk.fit(unknown, table["y"], **options),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call()
    frame, later = (dd.from_pandas(each, npartitions=3) for each in (table, table.set_index(table.index + 5)))
    message = "got divisions from 0 to 119 and from 5 to 124; rows are paired by position"
    for call in (
        lambda: sk.LeastSquares(NET, frame[["a", "b"]], later["y"], executor=client),
        lambda: sk.fit(frame[["a", "b"]], later["y"], **options),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    want = sk.LeastSquares(NET, x, y).value(THETA)
    pairs = [
        (mixed[["a", "b"]], mixed["y"]),
        (frame[["a", "b"]], frame["y"].repartition(npartitions=2)),
        (frame[["a", "b"]].reset_index(drop=True), later["y"].reset_index(drop=True)),
        (X.to_numpy(), mixed["y"]),
    ]
    for inputs, target in pairs:
        got = sk.LeastSquares(NET, inputs, target, executor=client)
        assert got.value(THETA) == pytest.approx(want, rel=1e-12)
    anew = pairs[2][0].repartition(npartitions=2)
    fits = [sk.fit(*each, **options)(x) for each in ((x, y), (anew, pairs[2][1]), (anew, table["y"]))]
    np.testing.assert_array_equal(fits[1], fits[0])
    np.testing.assert_array_equal(fits[2], fits[0])


class Held(sk.SquaredError):
    """A loss that cannot be pickled."""

    def __reduce__(self):
        raise TypeError("it holds a lock")


def test_what_cannot_be_sent_or_used_is_refused(client):
    x, y, w = wave()
    with pytest.raises(TypeError, match=r"loss cannot be sent to workers: .* it holds a lock"):
        sk.DataLoss(NET, x, y, loss=Held(), executor=client)
    there = sk.LeastSquares(NET, x, y, w, executor=client)
    with pytest.raises(ValueError, match="executor=None\\) brings them here"):
        there.jacobian(THETA)
    for broken in (lambda: pickle.dumps(there), lambda: pickle.dumps(there.x)):
        with pytest.raises(TypeError, match="executor=None"):
            broken()
    assert deepcopy(there).x.shards is there.x.shards
    with pytest.raises(ValueError, match="those of the same objective"):
        sk.LeastSquares(NET, there.x, y, executor=client)
    with pytest.raises(ValueError, match="weights must be those that are with x"):
        sk.LeastSquares(NET, there.x, there.y, 2 * w, executor=client)
    with pytest.raises(ValueError, match="x and y must have shapes"):
        replace(there, network=sk.KAN.splines([3, 1]))
    with pytest.raises(TypeError, match=r"client must be a distributed\.Client"):
        DaskExecutor(3)
    with pytest.raises(TypeError, match="a client of Dask directly"):
        sk.LeastSquares(NET, x, y, executor="passive")
    with pytest.raises(ValueError, match="shards must be at least 1"):
        DaskExecutor(client, shards=0)
    with pytest.raises(ValueError, match="theta must have shape"):
        there.value(THETA[:-1])
    single = sk.LeastSquares(NET, x, y, 2.0, executor="active")
    assert single.value(THETA) == pytest.approx(2 * sk.LeastSquares(NET, x, y).value(THETA))
    assert single.executor.client is client
    assert "2 shards" in repr(single.x)


def test_fits_sum_on_workers(client):
    import dask.array as da

    x, y, w = wave(700)
    options = {"hidden": (), "levels": 1, "sample_weight": np.round(w), "progress": False}
    want = sk.fit(x, y, **options)
    held = len(resident(client))
    given = da.from_array(x, chunks=(200, 2)), da.from_array(y, chunks=700)
    got = sk.fit(*given, **options, client=client)
    points = np.random.default_rng(5).uniform(size=(200, 2))
    np.testing.assert_allclose(got(points), want(points), atol=1e-6)
    assert got.record.choices == want.record.choices
    gc.collect()
    assert len(resident(client)) <= held


def test_fits_take_frames_of_dask(client, monkeypatch):
    dd, pd = pytest.importorskip("dask.dataframe"), pytest.importorskip("pandas")
    from splinekan.fitting import arguments

    x, y, w = wave(150)
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y, "w": np.round(w), "t": "text"})
    frame = dd.from_pandas(table, npartitions=3)
    options = {"hidden": (), "levels": 1, "smoothing": 1e-4, "progress": False, "held_out": 0.0}
    want = sk.fit(table[["a", "b"]], table["y"], sample_weight=table["w"], **options)
    cases = [(frame[["a", "b"]], frame["y"], frame["w"]), (table[["a", "b"]], frame[["y"]], table["w"])]
    for X, target, weight in cases:
        got = sk.fit(X, target, sample_weight=weight, **options)
        assert got.names == ("a", "b")
        assert got.output_names == ("y",)
        np.testing.assert_array_equal(got.theta, want.theta)
    X, target, weight = cases[0]
    there = sk.fit(X, target, sample_weight=weight, client=client, **options)
    np.testing.assert_allclose(there(x), want(x), atol=1e-6)
    with pytest.raises(TypeError, match=r"X\['t'\] must be a column of real numbers"):
        sk.fit(frame[["a", "t"]], frame["y"])
    with pytest.raises(TypeError, match="y must be an array, or an array, data frame or series of Dask"):
        sk.fit(X, frame["y"].sum())
    sizes = []
    monkeypatch.setattr(arguments, "affordable", lambda what, size: sizes.append((what, size)))
    arguments.collected("X", X)
    arguments.collected("y", target)
    assert sizes == [("X in one process", 2400.0), ("y in one process", 1200.0)]


def test_a_fit_on_a_lost_cluster_keeps_its_best_model(client, monkeypatch):
    x, y, _ = wave(700)
    calls = []
    plain = sums.ChunkedSum.normal_equations

    def lost(self, theta):
        calls.append(1)
        if self.executor is not None and len(calls) > 60:
            raise WorkersLostError("gone")
        return plain(self, theta)

    monkeypatch.setattr(sk.DataLoss, "normal_equations", lost)
    with pytest.raises(WorkersLostError, match="gone") as caught:
        sk.fit(x, y, hidden=(2,), levels=2, client=client, progress=False)
    model = caught.value.result
    assert np.mean((model(x)[:, 0] - y) ** 2) < 0.1 * y.var()


def test_equations_travel_with_every_sum(client):
    x, t = sympy.symbols("x t")
    u = sympy.Function("u")(x, t)
    equation = sk.Equation(u.diff(t) - u.diff(x, 2) + u**3, unknown=u, variables=(x, t))
    points = np.random.default_rng(1).uniform(0, 1, (200, 2))
    net = sk.KAN.splines([2, 3, 1], 3, 4)
    here = sk.PINN(net, [sk.Block.mean(equation, points)])
    there = replace(here, executor=client)
    theta = sk.initialize(net, 0)
    assert there.value(theta) == pytest.approx(here.value(theta), rel=1e-13)
    assert there.executor.workers == 2
    assert there.executor.map(len, [[1], [], "ab"]) == [1, 0, 2]


def test_triangles_travel_without_zeros():
    rng = np.random.default_rng(0)
    for n in (1, 2, 7):
        lower = np.tril(rng.normal(size=(n, n)))
        assert packed(lower).shape == (n * (n + 1) // 2,)
        np.testing.assert_array_equal(unpacked(packed(lower)), lower)
        for rows in (0, 1, n):
            upper = np.triu(rng.normal(size=(rows, n)))
            np.testing.assert_array_equal(unpacked_factor(*packed_factor(upper)), upper)


def waited(pid):
    """Look for a process until it is gone, which is an error, or for two seconds."""
    for _ in range(100):
        os.kill(pid, 0)
        time.sleep(0.02)


def test_clusters_close_cleanly():
    """No warnings, no processes, no threads of ours."""
    x, y, _ = wave()
    before = threading.active_count()
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        pids = living(client)
        executor = DaskExecutor(client)
        there = sk.LeastSquares(NET, x, y, executor=executor)
        there.value(THETA)
        remote = locals_of(there)
        assert remote.every(lambda local, _: (len(local.shard.x), len(local.shard.x), local.shard.index)) == [
            N
        ]
    del there, remote
    gc.collect()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            waited(pid)
    assert threading.active_count() <= before + 8  # of Dask's own pools
    for closed, message in ((executor, "scheduler tcp://.* is closed"), (client, "is closed: it was closed")):
        for call in (lambda c: sk.LeastSquares(NET, x, y, executor=c), lambda c: sk.fit(x, y, client=c)):
            with pytest.raises(SchedulerLostError, match=message) as caught:
                call(closed)
            assert caught.value.result is None
            assert "result" not in str(caught.value)
