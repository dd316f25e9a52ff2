"""A share of `make faults`: damaged checkpoints, kills, two processes, places that cannot be written."""

import functools
import multiprocessing
import os
import random
import signal
import time
from itertools import islice
from pathlib import Path

import pytest
from faults import campaign, solve

from splinekan.studies.boundary_value import gauss_newton, study

PACKAGE = Path(__file__).parent.parent
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
IGNORED = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    """What the campaign changes for good."""
    monkeypatch.setattr(gauss_newton.GaussNewtonRun, "advance", gauss_newton.GaussNewtonRun.advance)
    monkeypatch.setattr(study.boundary, "problem", functools.cache(study.boundary.problem))


def assert_none(cases):
    complaints = [case for case in cases if case[1]]
    assert not complaints


def forked(folder, pause):
    """A process that solves and sends the digest of what it found, or why it refused."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def work():
        try:
            sender.send(solve.main(folder, pause))
        except ValueError as error:
            sender.send(str(error))

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    sender.close()
    return process, receiver


def test_damaged_checkpoints():
    assert_none(campaign.damages(PACKAGE, 1))


@FORKS
@IGNORED
def test_a_killed_run_ends_in_the_same_numbers(tmp_path):
    wanted, dice = solve.main(tmp_path / "whole"), random.Random(3)
    folder, sizes = tmp_path / "killed", [0]
    for _ in range(6):
        process, _ = forked(folder, 0.02)
        time.sleep(dice.uniform(0.05, 0.25))
        process.kill()
        process.join()
        sizes.append(sum(path.stat().st_size for path in folder.glob("*.json")))
    assert sizes == sorted(sizes)
    assert solve.main(folder) == wanted
    assert [path.name for path in folder.glob("*.lock")] == []


@FORKS
@IGNORED
def test_two_processes_on_one_checkpoint(tmp_path):
    wanted = solve.main(tmp_path / "whole")
    both = [forked(tmp_path / "shared", 0.3) for _ in range(2)]
    found = {receiver.recv() for _, receiver in both}
    for process, _ in both:
        process.join()
    assert wanted in found
    (refusal,) = found - {wanted}
    assert "another process is at work on" in refusal
    assert [path.name for path in (tmp_path / "shared").iterdir()] == ["burgers-gauss-newton-5.json"]


@FORKS
@IGNORED
def test_an_interrupt_keeps_what_is_done(tmp_path):
    process, _ = forked(tmp_path, 0.3)
    while not list(tmp_path.glob("*.json")):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    process.join()
    assert process.exitcode != 0
    assert [path.name for path in tmp_path.iterdir()] == ["burgers-gauss-newton-5.json"]


@pytest.mark.skipif(not campaign.CAN_BE_NOBODY, reason="needs root, to give its rights away")
def test_imports_where_nothing_can_be_written():
    cases = list(islice(campaign.surroundings(PACKAGE, 1), 2))
    assert "nowhere" in dict(cases)
    assert_none(cases)
