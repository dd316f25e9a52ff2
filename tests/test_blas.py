"""The number of threads of BLAS: inside sections, after them, with Python threads, in forked processes."""

import os
import threading

import numpy as np
import pytest
from cases import start
from threadpoolctl import threadpool_info, threadpool_limits

import splinekan as sk
from splinekan import _blas, _threads
from splinekan.optimize import CG, SVD, Cholesky, Dual


class Library:
    """Stands in for a library that threadpoolctl has found."""

    def __init__(self, count, layer="pthreads"):
        self.count, self.internal_api, self.threading_layer = count, "openblas", layer
        self.calls = []

    def get_num_threads(self):
        return self.count

    def set_num_threads(self, count):
        self.count = count
        self.calls.append(count)


@pytest.fixture
def libraries(monkeypatch):
    """Two libraries with 5 and 7 threads, alone in sections of their own; the kernels have 3 threads."""
    found = [Library(5), Library(7)]
    monkeypatch.setattr(_blas, "_libraries", lambda: found)
    monkeypatch.setattr(_blas, "_sections", _blas._Sections())
    monkeypatch.setattr(_threads, "_threads", 3)
    return found


def counts(libraries):
    return [library.count for library in libraries]


def blas_threads():
    return [entry["num_threads"] for entry in threadpool_info() if entry["user_api"] == "blas"]


def test_sections_set_and_restore(libraries):
    large = _blas.several(_blas.PAYS)
    assert _blas.several(_blas.PAYS / 2) is _blas.one
    with _blas.one:
        assert counts(libraries) == [1, 1]
        with large:
            assert counts(libraries) == [3, 3]
            with _blas.one, large:  # nothing in a large section waits for its end
                assert counts(libraries) == [3, 3]
            assert counts(libraries) == [3, 3]
        assert counts(libraries) == [1, 1]
        with _blas.one:
            assert counts(libraries) == [1, 1]
        assert counts(libraries) == [1, 1]
    assert counts(libraries) == [5, 7]
    with large:
        assert counts(libraries) == [3, 3]
    assert counts(libraries) == [5, 7]
    libraries[0].count = 4  # the user's choice, between sections
    with _blas.one:
        pass
    assert counts(libraries) == [4, 7]


def test_with_one_thread_of_the_kernels_no_section_has_more(libraries, monkeypatch):
    monkeypatch.setattr(_threads, "_threads", 1)
    assert _blas.several(1e20) is _blas.one


def test_a_single_thread_is_not_set_again(libraries):
    for library in libraries:
        library.count = 1
    with _blas.one:
        pass
    assert all(not library.calls for library in libraries)


def test_errors_restore(libraries):
    @_blas.one
    def fails(message):
        raise ArithmeticError(message)

    with pytest.raises(ArithmeticError, match="small"):
        fails("small")
    assert counts(libraries) == [5, 7]
    with pytest.raises(ArithmeticError, match="large"), _blas.several(_blas.PAYS):
        fails("large")
    assert counts(libraries) == [5, 7]


def test_without_a_library_that_can_be_set(monkeypatch):
    monkeypatch.setattr(_blas, "_libraries", list)
    monkeypatch.setattr(_blas, "_sections", _blas._Sections())
    with _blas.one, _blas.several(1e20):
        assert _blas.dot(np.ones(3), np.ones(3)) == 3


def test_the_last_of_several_python_threads_restores(libraries):
    inside, leave = threading.Event(), threading.Event()

    def other():
        with _blas.one:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with _blas.one:
        thread.start()
        assert inside.wait(10)
    assert counts(libraries) == [1, 1]
    leave.set()
    thread.join()
    assert counts(libraries) == [5, 7]


def test_counts_of_threads_are_set_in_each(monkeypatch):
    library = Library(5, "openmp")
    monkeypatch.setattr(_blas, "_libraries", lambda: [library])
    monkeypatch.setattr(_blas, "_sections", _blas._Sections())

    def other():
        with _blas.one:
            pass

    with _blas.one:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert library.calls == [1, 1, 5, 5]


@pytest.mark.parametrize("nested", [False, True])
def test_large_sections_are_alone(libraries, nested):
    """Threads that alternate between both kinds always see the number of the section that they are in."""
    wrong, large = [], _blas.several(_blas.PAYS)

    def work(number):
        def check(count):
            for _ in range(20):
                if counts(libraries) != [count, count]:
                    wrong.append((number, count, counts(libraries)))

        for turn in range(200):
            if nested:
                with _blas.one:
                    check(1)
                    with large:
                        check(3)
                    check(1)
            else:
                with large if (turn + number) % 2 else _blas.one:
                    check(3 if (turn + number) % 2 else 1)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong
    assert counts(libraries) == [5, 7]


def test_no_section_waits_for_ever(libraries, monkeypatch):
    monkeypatch.setattr(_blas, "PATIENCE", 0.01)
    done = []

    def other():
        with _blas.several(_blas.PAYS):
            done.append(counts(libraries))
        with _blas.one:
            done.append(counts(libraries))

    thread = threading.Thread(target=other)
    with _blas.one:
        thread.start()
        thread.join(10)
        assert done == [[3, 3], [1, 1]]
    assert counts(libraries) == [5, 7]


def test_an_interrupted_wait_changes_nothing(libraries, monkeypatch):
    sections = _blas._sections
    with _blas.one:
        monkeypatch.setattr(sections.changed, "wait_for", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt), _blas.several(_blas.PAYS):
            pass
        monkeypatch.undo()
        monkeypatch.setattr(_blas, "_sections", sections)
        assert (sections.ones, sections.several, sections.waiting) == (1, 0, 0)
    assert counts(libraries) == [5, 7]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("kind", ["outside", "one", "several"])
def test_forked_processes(kind):
    before = blas_threads()
    inside, leave = threading.Event(), threading.Event()

    def other():
        with _blas.one:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    if kind == "outside":
        thread.start()
        assert inside.wait(10)
        child = os.fork()
        if child == 0:
            right = blas_threads() == before
            with _blas.one:
                right &= set(blas_threads()) <= {1}
            os._exit(0 if right and blas_threads() == before else 1)
        leave.set()
        thread.join()
    else:
        with _blas.one if kind == "one" else _blas._all:
            child = os.fork()
        if child == 0:
            os._exit(0 if blas_threads() == before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert blas_threads() == before


class Watching(sk.SquaredError):
    """A loss that notes the threads of BLAS."""

    def __init__(self):
        object.__setattr__(self, "seen", [])

    def gradient(self, g, y):
        self.seen.append(blas_threads())
        return super().gradient(g, y)


def test_the_callback_of_a_minimisation_has_the_threads_of_before():
    network = sk.KAN.affine_first([2, 3, 1], intervals=3)
    _, x, rng = start(network)
    loss = Watching()
    objective = sk.LeastSquares(network, x, rng.normal(size=len(x)), loss=loss)
    seen = []
    with threadpool_limits(2, user_api="blas"):
        sk.LevenbergMarquardt().minimize(
            objective, sk.initialize(network, 0), iterations=2, callback=lambda _: seen.append(blas_threads())
        )
        assert blas_threads() == [2] * len(blas_threads())
    assert seen
    assert all(set(threads) <= {2} for threads in seen)
    assert loss.seen
    assert all(set(threads) <= {1} for threads in loss.seen)


@pytest.mark.parametrize("solver", [Cholesky(), SVD(), Dual(), CG()])
def test_bits_do_not_depend_on_the_threads_of_blas(solver):
    network = sk.KAN.splines([2, 6, 1], intervals=12)
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (150 if isinstance(solver, Dual) else 2000, 2))
    objective = sk.LeastSquares(network, x, rng.normal(size=len(x)))
    results = []
    for count in (1, 2, 3):
        with threadpool_limits(count, user_api="blas"):
            method = sk.LevenbergMarquardt(solver=solver)
            results.append(method.minimize(objective, sk.initialize(network, 0), iterations=3).theta)
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_networks_with_affine_layers_do_not_depend_on_the_threads_of_blas():
    network = sk.KAN.affine_first([40, 30, 2], intervals=4)
    rng = np.random.default_rng(0)
    theta = rng.normal(size=network.n_parameters)
    x, gy = rng.uniform(0, 1, (5000, network.n_in)), rng.normal(size=(5000, network.n_out))
    results = []
    for count in (1, 3):
        with threadpool_limits(count, user_api="blas"):
            results.append((network(theta, x), network.vjp(theta, x, gy)))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
