"""A share of `make faults`: damaged checkpoints, kills, two processes, places that cannot be written."""

import functools
import signal
from itertools import islice
from pathlib import Path

import pytest
from faults import campaign

from splinekan.studies import gauss_newton, pde

PACKAGE = Path(__file__).parent.parent


def assert_none(cases):
    complaints = [case for case in cases if case[1]]
    assert not complaints


def test_damaged_checkpoints(monkeypatch):
    # The campaign changes these for good.
    monkeypatch.setitem(gauss_newton.SETTINGS, "burgers", gauss_newton.SETTINGS["burgers"])
    monkeypatch.setattr(gauss_newton.GaussNewtonRun, "advance", gauss_newton.GaussNewtonRun.advance)
    monkeypatch.setattr(pde.pdes, "problem", functools.cache(pde.pdes.problem))
    assert_none(campaign.damages(PACKAGE, 1))


def test_a_killed_run_ends_in_the_same_numbers():
    assert_none(campaign.kills(PACKAGE, 1, signals=(signal.SIGKILL,)))


def test_two_processes_on_one_checkpoint():
    assert_none(islice(campaign.pairs(PACKAGE, 1), 1))


@pytest.mark.skipif(not campaign.CAN_BE_NOBODY, reason="needs root, to give its rights away")
def test_imports_where_nothing_can_be_written():
    cases = list(islice(campaign.surroundings(PACKAGE, 1), 2))
    assert "nowhere" in dict(cases)
    assert_none(cases)
