"""Runs of studies on several processes and on a cluster: the same numbers, and nothing lost."""

import inspect
import json
import os
import signal
import sys
import time
import warnings
from dataclasses import replace
from importlib.util import find_spec
from math import inf, nan
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from small import always

import splinekan as sk
from splinekan import _threads, cli
from splinekan._processes import Call, Place, on_processes
from splinekan.multilevel import Correction
from splinekan.optimize import History
from splinekan.studies.registry import STUDIES
from splinekan.studies.regression import study as regression
from splinekan.studies.regression.training import Run as Trained
from splinekan.studies.skeleton import cluster
from splinekan.studies.skeleton.checkpoints import Checkpoints
from splinekan.studies.skeleton.plain import plain, rebuilt
from splinekan.studies.skeleton.results import Results
from splinekan.studies.skeleton.runs import Run as StagedRun
from splinekan.studies.skeleton.runs import Stage
from splinekan.studies.skeleton.staged import carry_out
from splinekan.studies.skeleton.sweep import Job, Sweep

pytest.importorskip("joblib")


@pytest.fixture(autouse=True)
def two_threads():
    """In this process; workers have their share of the cores, and the same bits."""
    before = sk.threads()
    sk.set_threads(2)
    yield
    sk.set_threads(before)


def children():
    """Processes that this process started, but for the trackers that end with it."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            words = (status.parent / "cmdline").read_text()
        except OSError:
            continue
        if parent == os.getpid() and "resource_tracker" not in words:
            found.add(int(status.parent.name))
    return found


def squares(count=5):
    """Runs of which the first take longest."""

    def square(n):
        time.sleep(0.02 * (count - n))
        return n**2

    return {f"square {n}": Job(square, (n,), n) for n in range(count)}


def dies_once(flag):
    def run():
        if not flag.exists():
            flag.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return "alive"

    return run


def numbers(study):
    """The record without times."""
    record = study.record()
    for row in record["rows"]:
        del row["seconds"]
    return json.dumps(record)


SMALL = {"seeds": (1, 2), "samples": 4000, "rows": ["spline-gauss-newton"]}


def test_several_processes_give_the_bits_of_this_process(tmp_path, monkeypatch):
    before = children()
    here = regression.run(**SMALL)
    there = regression.run(**SMALL, workers=2, checkpoints=tmp_path)
    assert numbers(here) == numbers(there)
    for (first, _), (second, _) in zip(
        here.histories["spline-gauss-newton"], there.histories["spline-gauss-newton"], strict=True
    ):
        assert first.loss.tobytes() == second.loss.tobytes()
    assert list(here.places) == list(there.places) == [f"spline-gauss-newton, seed {n}" for n in (1, 2)]
    assert {place.process for place in here.places.values()} == {os.getpid()}
    assert os.getpid() not in {place.process for place in there.places.values()}
    assert all(place.seconds > 0 and place.host and not place.worker for place in there.places.values())
    assert children() == before
    monkeypatch.setattr(regression, "train", None)
    again = regression.run(**SMALL, checkpoints=tmp_path)
    assert again.record() == there.record()
    assert again.places == there.places
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(ValueError, match=r"regression-spline.*written with other settings; remove it"):
        regression.run(**{**SMALL, "samples": 4001}, checkpoints=tmp_path)


def test_a_process_that_dies_is_replaced(tmp_path):
    runs = squares(4)
    runs = {"deadly": Job(dies_once(tmp_path / "flag")), **runs}
    swept = Sweep(workers=2).run("s", runs)
    assert swept.results == {"deadly": "alive", **{f"square {n}": n**2 for n in range(4)}}
    assert list(swept.results) == list(runs)


def test_runs_that_kill_their_processes_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("splinekan._processes.RESTARTS", 1)

    def die():
        time.sleep(0.5)
        (tmp_path / f"try-{time.time_ns()}").write_text("")
        os._exit(1)

    runs = {"quick": Job(lambda: 3), "deadly": Job(die)}
    kept = tmp_path / "kept"
    with pytest.raises(ChildProcessError, match=r"deadly: the process ended 2 times before the run did"):
        Sweep(workers=2, checkpoints=kept).run("s", runs)
    assert len(list(tmp_path.glob("try-*"))) == 2
    assert [path.name for path in kept.iterdir()] == [Results(kept, "s", {})._path("quick").name]


def test_errors_and_warnings_of_runs_reach_this_process():
    def warn():
        warnings.warn("outside", sk.DomainWarning, stacklevel=1)
        time.sleep(0.3)

    def fail():
        time.sleep(0.1)
        raise ValueError("no such thing")

    before = children()
    runs = {"a": Job(warn), "b": Job(warn), "c": Job(fail)}
    with (
        pytest.warns(sk.DomainWarning, match="outside"),
        pytest.raises(ValueError, match="no such thing"),
    ):
        Sweep(workers=2).run("s", runs)
    assert children() == before


def test_an_iteration_that_is_left_leaves_no_process():
    before = children()
    results = on_processes(((n, Call(abs, (-n,))) for n in range(9)), 2)
    assert next(results)[1].result in range(9)
    results.close()
    assert children() == before


def test_samples_are_split_as_by_another_number_of_threads():
    network = sk.KAN.splines([2, 5, 1], 3, 4)
    x = np.random.default_rng(0).uniform(0, 1, (7001, 2))
    objective, theta = sk.LeastSquares(network, x, x[:, 0]), sk.initialize(network, 0)

    def gradient(count, parts=None):
        sk.set_threads(count)
        if parts is None:
            return objective.value_and_gradient(theta)[1].tobytes()
        with _threads.parts(parts):
            return objective.value_and_gradient(theta)[1].tobytes()

    assert len({gradient(count) for count in (1, 2, 5)}) == 3
    assert {gradient(count, 5) for count in (1, 2, 3, 5, 7)} == {gradient(5)}
    assert gradient(1) == gradient(3, 1)


def test_errors_in_parts_end_the_call():
    def task(chunk, start, stop):
        if chunk == 3:
            raise ValueError("chunk 3")

    with _threads.parts(5), pytest.raises(ValueError, match="chunk 3"):
        _threads.run(task, _threads.split(5, 1))


HISTORY = History(*(np.array([1.0, nan, inf, 0.1]) for _ in range(3)), *(np.arange(4.0) for _ in range(3)))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [True, 3, "text", 0.1, 1e-310, -0.0, inf, -inf],
        {"a": (1, [2.5]), 3: {}, ("k", 1): None},
        (Correction(1, -0.5, 1.0, 2.0, 1.5),),
        Place("host", 3, "", 0.5),
        np.arange(6, dtype=np.int32).reshape(2, 3).T,
        np.array([[nan, inf, 5e-324]]),
        np.zeros((0, 3)),
        np.array([True, False]),
        [Trained(0.1, 0.2, HISTORY, ((0, 1),), 0.5, 7)],
        sk.Spectrum(np.array([2.0, 1.0]), np.array([0.1, inf]), "by hand"),
    ],
)
def test_results_are_read_back_to_the_last_bit(value):
    text = json.dumps(plain(value), allow_nan=False)
    back = rebuilt(json.loads(text))
    assert type(back) is type(value)
    assert json.dumps(plain(back)) == text
    if isinstance(value, np.ndarray):
        assert back.tobytes() == value.tobytes()
        assert (back.dtype, back.shape) == (value.dtype, value.shape)


def test_nan_is_read_back():
    assert np.isnan(rebuilt(plain([np.float64(nan)]))[0])
    assert rebuilt(plain(np.float64(0.1))) == 0.1


@pytest.mark.parametrize("value", [object(), 1j, np.array([1j]), {"a": {1, 2}}, lambda: 0, SMALL.keys()])
def test_other_results_are_refused(value):
    with pytest.raises(TypeError, match="must consist of numbers, texts and records"):
        plain(value)


@pytest.mark.parametrize(
    "value",
    [
        {"record": ["os:system", {}]},
        {"record": ["splinekan._files:os.system", {"command": "true"}]},
        {"record": ["splinekan.cli:main", {"arguments": []}]},
        {"record": ["splinekan._processes:Place", {"host": "x"}]},
        {"record": ["splinekan.nowhere:Place", {}]},
        {"array": ["O", [1], "AAAAAAAAAAA="]},
        {"array": ["<f8", [2], "AAAAAAAAAAA="]},
        {"float": 3},
        {"unknown": 1},
        {"a": 1, "b": 2},
        {"tuple": 3},
    ],
)
def test_files_make_no_other_objects(value):
    with pytest.raises((TypeError, ValueError, ImportError)):
        rebuilt(value)


def test_checkpoints_are_checked(tmp_path):
    runs = {"run 1": Job(lambda: [0.1, inf], settings={"samples": 3})}
    sweep = Sweep(checkpoints=tmp_path)
    first = sweep.run("s", runs)
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("s-run-1-")
    good = path.read_text()
    never = {"run 1": Job(None, settings={"samples": 3})}
    assert sweep.run("s", never) == first
    for damage, message in (
        ('"samples"', "not a checkpoint"),
        (good.replace("0.1,", "0.2,"), "not those that were written"),
        (good.replace('"version": "', '"version": "9.'), "written by version '9"),
        (good.replace('"run": "run 1"', '"run": "run 2"'), "other settings"),
        (good.replace('"format": 1', '"format": 2'), "version"),
        (good[:-5], "not a checkpoint"),
        ("{}", "missing"),
    ):
        path.write_text(damage)
        with pytest.raises(ValueError, match=message) as refused:
            sweep.run("s", never)
        assert f"{path} is not a checkpoint of this run" in str(refused.value)
        assert path.read_text() == damage
    path.write_text(good)
    with pytest.raises(ValueError, match="other settings"):
        sweep.run("s", {"run 1": Job(None, settings={"samples": 4})})


def test_a_run_on_which_another_process_works_is_refused_before_any_work(tmp_path):
    called = []
    runs = {"a": Job(called.append, (1,), 0), "b": Job(called.append, (2,), 0)}
    held = Results(tmp_path, "s", {"b": 0}).alone("b")
    with held, pytest.raises(ValueError, match=r"another process is at work on .*s-b-"):
        Sweep(checkpoints=tmp_path).run("s", runs)
    assert called == []
    Sweep(checkpoints=tmp_path).run("s", runs)
    assert called == [1, 2]
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"] * 2


def test_runs_that_another_process_ended_meanwhile_are_taken_from_disk(tmp_path):
    def other():
        Sweep(checkpoints=tmp_path).run("s", {"b": Job(lambda: "theirs")})
        return "ours"

    swept = Sweep(checkpoints=tmp_path).run("s", {"a": Job(other), "b": Job(lambda: "ours")})
    assert swept.results == {"a": "ours", "b": "theirs"}


def test_what_ended_before_an_error_is_kept(tmp_path):
    def fail():
        raise KeyboardInterrupt

    runs = {"a": Job(lambda: 1), "b": Job(fail), "c": Job(lambda: 3)}
    with pytest.raises(KeyboardInterrupt):
        Sweep(checkpoints=tmp_path).run("s", runs)
    runs["a"], runs["b"] = Job(None), Job(lambda: 2)
    assert Sweep(checkpoints=tmp_path).run("s", runs).results == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": 0}, "workers must be between 1 and 1024, got 0"),
        ({"workers": 2.5}, "workers must be an integer"),
        ({"workers": True}, "workers must be an integer"),
        ({"workers": 2, "scheduler": "tcp://x:1"}, "workers and scheduler must not both be given"),
        ({"scheduler": 3}, "scheduler must be of type str"),
        ({"checkpoints": 3}, "checkpoints must be a path"),
        ({"progress": 1}, "progress must be True or False"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Sweep(**arguments)


def test_every_study_takes_the_options():
    for name, entry in STUDIES.items():
        taken = inspect.signature(entry.module().run).parameters
        assert {"workers", "scheduler", "checkpoints"} <= set(taken), name
        arguments = [option.argument for option in entry.all_options]
        assert {"workers", "scheduler", "checkpoints"} <= set(arguments), name
        assert len(set(arguments)) == len(arguments)


def test_json_says_where_runs_were_carried_out(tmp_path, monkeypatch, capsys):
    always(monkeypatch, "regression", rows=("spline-coarse",), samples=50)
    path = tmp_path / "a.json"
    words = [
        "study",
        "regression",
        "--seeds",
        "3",
        "--json",
        str(path),
        "--checkpoint",
        str(tmp_path / "kept"),
    ]
    assert cli.main(words) == 0
    record = json.loads(path.read_text())
    ((run, place),) = record["places"].items()
    assert run == "spline-coarse, seed 3"
    assert set(place) == {"host", "process", "worker", "seconds"}
    assert place["process"] == os.getpid()
    printed = capsys.readouterr().out
    assert place["host"] not in printed
    assert cli.main([*words, "--force"]) == 0
    assert json.loads(path.read_text())["places"] == record["places"]
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers", "0"], "workers must be between 1 and 1024, got 0"),
        (["--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], "must not both be given"),
        (["--checkpoint", "/dev/null"], "is not a folder"),
    ],
)
def test_the_command_refuses(words, message, capsys):
    assert cli.main(["study", "toy", *words]) == 2
    assert message in capsys.readouterr().err


def test_tournaments_on_several_processes_end_in_the_same_bits():
    before = children()
    x = np.random.default_rng(0).uniform(0, 1, (2500, 2))
    levels = sk.Hierarchy(sk.KAN.splines([2, 2, 1], 2, 2), 2)

    def halved(**options):
        return sk.successive_halving(
            levels,
            lambda level, n: sk.LeastSquares(level.network, x[:n], np.sin(5 * x[:n, 0]), reduction="mean"),
            sk.LevenbergMarquardt(),
            (sk.Round(0, 4, 3), sk.Round(1, 2, 3)),
            lambda rng: sk.initialize(levels.network, rng, noise=0.3),
            0,
            **options,
        )

    here, there = halved(), halved(workers=2)
    assert here.values == there.values
    assert here.theta.tobytes() == there.theta.tobytes()
    assert here.evaluations == there.evaluations
    assert children() == before
    with pytest.raises(ValueError, match="workers must be between 1 and 1024, got 0"):
        halved(workers=0)


def staged(seed):
    """A run in two stages that takes no time."""

    class Staged(StagedRun):
        settings: ClassVar = {"a": 1}
        levels = (0, 1)

        def __init__(self, seed):
            self.seed, self.hierarchy = seed, sk.Hierarchy(sk.KAN.splines([1, 1], 1, 2), 2)

        def advance(self, index, before):
            network, loss = self.hierarchy[index].network, 1.0 + self.seed + index
            history = History(*(np.ones(1) for _ in range(6)))
            theta = np.full(network.n_parameters, loss)
            sizes = (network.intervals, network.n_parameters)
            return Stage(index, *sizes, theta, loss, loss, loss, 1.0 + index, 1.0 + index, history)

    return Staged(seed)


def test_runs_in_stages_continue_after_their_last_stage(tmp_path):
    runs = {f"p-row-{seed}": staged(seed) for seed in (0, 1)}
    here = carry_out("p", runs, Sweep())
    assert set(here.places) == set(runs)
    store = Checkpoints(tmp_path)
    begun = [replace(here.results["p-row-0"][0], loss=7.0)]
    store.save("p-row-0", runs["p-row-0"], begun)
    there = carry_out("p", runs, Sweep(workers=2, checkpoints=tmp_path))
    for name in runs:
        assert [stage.record() for stage in here.results[name][1:]] == [
            stage.record() for stage in there.results[name][1:]
        ]
    assert there.results["p-row-0"][0].loss == 7.0
    assert len(there.places) == 2
    again = carry_out("p", runs, Sweep(workers=2, checkpoints=tmp_path))
    assert [stage.loss for stage in again.results["p-row-1"]] == [2.0, 3.0]
    assert again.places == {}
    with store.alone("p-row-1"):
        path = tmp_path / "p-row-1.json"
        path.unlink()
        with pytest.raises(ValueError, match="another process is at work"):
            carry_out("p", runs, Sweep(workers=2, checkpoints=tmp_path))


@pytest.mark.parametrize(
    ("words", "module"), [(["--workers", "2"], "joblib"), (["--scheduler", "tcp://x:1"], "distributed")]
)
def test_packages_that_are_not_installed_are_named(words, module, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, module, None)
    assert cli.main(["study", "toy", *words]) == 2
    assert "install splinekan with its extra 'distributed'" in capsys.readouterr().err


dask = pytest.mark.skipif(find_spec("distributed") is None, reason="needs Dask")


@pytest.fixture(scope="module")
def address():
    """The scheduler of two workers."""
    distributed = pytest.importorskip("distributed")
    before = children()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as made:
        yield made.scheduler_address
    assert children() == before


@dask
def test_a_cluster_gives_the_bits_of_this_process(address, tmp_path):
    small = {**SMALL, "seeds": (1,)}
    here = regression.run(**small)
    there = regression.run(**small, scheduler=address, checkpoints=tmp_path)
    assert numbers(here) == numbers(there)
    assert all(place.worker.startswith("tcp://") for place in there.places.values())
    swept = Sweep(scheduler=address).run("s", squares(40))
    assert list(swept.results.values()) == [n**2 for n in range(40)]


@dask
def test_a_worker_that_dies_is_replaced(address, tmp_path):
    swept = Sweep(scheduler=address).run("s", {"deadly": Job(dies_once(tmp_path / "flag")), **squares(3)})
    assert swept.results["deadly"] == "alive"


@dask
def test_nothing_is_left_on_the_scheduler(address):
    from distributed import Client

    def fail():
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        Sweep(scheduler=address).run("s", {"a": Job(fail), **squares(9)})
    with Client(address, set_as_default=False) as client:
        for _ in range(50):
            left = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
            if not left:
                break
            time.sleep(0.1)
    assert left == 0


@dask
def test_workers_of_another_version_are_refused(address, monkeypatch):
    monkeypatch.setattr(cluster, "__version__", "9.9")
    with pytest.raises(ValueError, match=f"have splinekan {sk.__version__}, this process has splinekan 9.9"):
        Sweep(scheduler=address).run("s", squares())


@dask
def test_a_scheduler_that_is_not_there(monkeypatch, capsys):
    monkeypatch.setattr(cluster, "TIMEOUT", 0.3)
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:9 does not answer within"):
        Sweep(scheduler="tcp://127.0.0.1:9").run("s", squares())
    for text in ("", "nonsense", "foo://x:3", ":::"):
        with pytest.raises(ValueError, match="scheduler must be an address tcp://HOST:PORT"):
            Sweep(scheduler=text).run("s", squares())
    assert cli.main(["study", "toy", "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert "does not answer" in capsys.readouterr().err


@dask
def test_a_scheduler_without_workers(monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(cluster, "TIMEOUT", 0.5)
    with (
        LocalCluster(n_workers=0, dashboard_address=":0", processes=False, silence_logs=50) as made,
        pytest.raises(ConnectionError, match="has no workers"),
    ):
        Sweep(scheduler=made.scheduler_address).run("s", squares())


sklearn = pytest.mark.skipif(find_spec("sklearn") is None, reason="needs scikit-learn")


def searched(**options):
    from sklearn.model_selection import GridSearchCV

    rng = np.random.default_rng(0)
    x = rng.uniform(size=(60, 1))
    estimator = sk.KANRegressor(hidden=(), levels=1, smoothing=1e-6)
    search = GridSearchCV(estimator, {"degree": [2, 3]}, cv=2, **options)
    return search.fit(x, np.sin(5 * x[:, 0])).cv_results_["mean_test_score"].tolist()


@sklearn
@dask
def test_grid_searches_on_a_cluster(address):
    from distributed import Client
    from joblib import parallel_config

    sk.set_threads(1)
    here = searched()
    with Client(address, set_as_default=True), parallel_config("dask"):
        assert searched(n_jobs=2) == here
