"""Calls from several threads and from forked workers."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from cases import networks, start

import splinekan as sk
from splinekan import _threads

NETWORKS = networks()


def test_same_threads_same_bits_and_concurrent_calls():
    net = NETWORKS["splines"]
    theta, _, rng = start(net)
    x, gy = rng.uniform(0, 1, (3000, 2)), rng.normal(size=(3000, 2))
    before = sk.threads()
    try:
        sk.set_threads(3)
        want = net.vjp(theta, x, gy)
        gradients = []
        callers = [
            threading.Thread(target=lambda: gradients.extend(net.vjp(theta, x, gy) for _ in range(5)))
            for _ in range(4)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert len(gradients) == 20
        assert all(np.array_equal(gradient, want) for gradient in gradients)
    finally:
        sk.set_threads(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_workers():
    net = NETWORKS["splines"]
    theta, _, rng = start(net)
    x = rng.uniform(0, 1, (3000, 2))
    before = sk.threads()
    try:
        sk.set_threads(2)
        want = net(theta, x)
        child = os.fork()
        if child == 0:
            os._exit(0 if np.array_equal(net(theta, x), want) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        sk.set_threads(before)


@pytest.mark.parametrize("count", [0, -1, 1025, 10**9, 2**80, 2.0, True, "2", None])
def test_an_impossible_number_of_threads_is_refused(count):
    with pytest.raises((TypeError, ValueError), match="count must be"):
        sk.set_threads(count)


@pytest.mark.parametrize("possible", [0, 1])
def test_where_the_system_gives_no_more_threads_fewer_do_the_work(monkeypatch, possible):
    started = []

    def start(self, usual=threading.Thread.start):
        if len(started) >= possible:
            raise RuntimeError("can't start new thread")
        started.append(self)
        usual(self)

    monkeypatch.setattr(_threads, "_workers", _threads._Workers())
    monkeypatch.setattr(threading.Thread, "start", start)
    done = []
    _threads.run(lambda chunk, start, stop: done.append(chunk), [(0, 1), (1, 2), (2, 3), (3, 4)])
    assert sorted(done) == [0, 1, 2, 3]


def test_ranges_of_a_range_run_in_its_worker():
    inner = []

    def task(chunk, start, stop):
        _threads.run(lambda *span: inner.append((chunk, threading.get_ident(), *span)), [(0, 1), (1, 2)])

    _threads.run(task, [(0, 1), (1, 2), (2, 3)])
    assert sorted((chunk, span) for chunk, _, *span in inner) == [
        (chunk, [part, part, part + 1]) for chunk in range(3) for part in range(2)
    ]
    for chunk in (1, 2):
        assert len({thread for outer, thread, *_ in inner if outer == chunk}) == 1


@pytest.mark.parametrize("failing", [0, 1])
def test_errors_are_raised_after_the_last_range_has_ended(failing):
    ended = threading.Event()

    def task(chunk, start, stop):
        if chunk == failing:
            raise ArithmeticError("early")
        time.sleep(0.1)
        ended.set()

    with pytest.raises(ArithmeticError, match="early"):
        _threads.run(task, [(0, 1), (1, 2)])
    assert ended.is_set()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads on this system")
def test_an_interrupt_waits_for_the_ranges():
    served, ended = threading.Event(), threading.Event()

    def task(chunk, start, stop):
        if chunk == 0:
            return
        time.sleep(0.1)  # the caller waits by now
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.1)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        _threads.run(task, [(0, 1), (1, 2)])
    assert ended.is_set()
    _threads.run(lambda chunk, start, stop: served.set() if chunk else None, [(0, 1), (1, 2)])
    assert served.is_set()


def test_an_error_in_a_worker_is_raised():
    def task(chunk, start, stop):
        if chunk == 1:
            raise ArithmeticError("in a worker")

    with pytest.raises(ArithmeticError, match="in a worker"):
        _threads.run(task, [(0, 1), (1, 2)])
