"""Calls from several threads and from forked workers."""

import os
import threading

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
        found = []
        callers = [
            threading.Thread(target=lambda: found.extend(net.vjp(theta, x, gy) for _ in range(5)))
            for _ in range(4)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert len(found) == 20
        assert all(np.array_equal(one, want) for one in found)
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


def test_an_error_in_a_worker_is_raised():
    def task(chunk, start, stop):
        if chunk == 1:
            raise ArithmeticError("in a worker")

    with pytest.raises(ArithmeticError, match="in a worker"):
        _threads.run(task, [(0, 1), (1, 2)])
