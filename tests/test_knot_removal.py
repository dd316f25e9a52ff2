"""Removal of knots from splines: nothing is lost where a knot is not needed, else by a known amount."""

import cases
import numpy as np
import pytest

import splinekan as sk
from splinekan.splines.knot_removal import removals, tidied, without
from splinekan.splines.prolongation import prolongation


def all_knots(degree):
    found = [sk.KnotVector(cases.knots(kind, degree), degree) for kind in cases.KINDS]
    names = ("double", "discontinuous", "half-clamped", "partly clamped", "repeated ghosts", "offset1e+06")
    found += [sk.KnotVector(cases.hostile(name, degree), degree) for name in names]
    found.append(sk.KnotVector.extended([0, 0.1, 0.5, 0.6, 1.0], degree))
    return found + [each for each in cases.periodic_knots(degree) if each.n_basis > degree]


def cheapest(found, _rows):
    return int(np.argmin(np.abs(found.sizes).max(axis=1)))


@pytest.mark.parametrize("degree", cases.DEGREES)
def test_refined_splines_are_recovered(degree):
    rng = np.random.default_rng(degree)
    for knots in all_knots(degree):
        c = rng.normal(size=(knots.n_basis, 2))
        fine = knots.refine().refine()
        C = prolongation(knots, fine) @ c
        states = list(removals(fine, C, cheapest, np.zeros((0, len(C)))))
        count = fine.n_basis - knots.n_basis
        order = [state.at for state in states[:count]]
        coarse, d = tidied(fine, *without(fine, C, order))
        np.testing.assert_array_equal(coarse.inner, knots.inner)
        np.testing.assert_allclose(prolongation(coarse, fine) @ d, C, atol=1e-13)
        if knots.is_uniform or knots.is_clamped or knots.periodic:
            assert coarse == knots
            np.testing.assert_allclose(d, c, atol=1e-12)


@pytest.mark.parametrize("degree", cases.DEGREES)
def test_every_stage_differs_by_what_it_says(degree):
    rng = np.random.default_rng(degree)
    for knots in all_knots(degree):
        c = rng.normal(size=(knots.n_basis, 2))
        rows, total, seen = rng.normal(size=(3, len(c))), np.zeros_like(c), []

        def choose(found, now, seen=seen):
            seen.append(now)
            return cheapest(found, now)

        previous = np.eye(len(c)), c
        for state in removals(knots, c, choose, rows):
            np.testing.assert_allclose(seen[-1] @ previous[1], rows @ (previous[0] @ previous[1]), atol=1e-9)
            total += state.change
            previous = prolongation(state.knots, knots), state.c
            scale = max(1.0, np.abs(state.c).max())
            np.testing.assert_allclose(previous[0] @ state.c + total, c, atol=1e-12 * scale)


def test_a_removal_is_the_nearest_in_the_maximum_norm():
    from scipy.optimize import linprog

    knots = sk.KnotVector.extended([0, 0.1, 0.5, 0.6, 1.0], 3)
    c = np.random.default_rng(0).normal(size=(knots.n_basis, 1))
    for which in range(3):
        state = next(removals(knots, c, lambda *_, which=which: which, np.zeros((0, len(c)))))
        P = prolongation(state.knots, knots).toarray()
        # min s with |c - P d| <= s
        one = np.ones((len(c), 1))
        A, b = np.block([[P, -one], [-P, -one]]), np.concatenate([c, -c])[:, 0]
        best = linprog([0] * P.shape[1] + [1], A, b, bounds=(None, None)).fun
        assert np.abs(state.change).max() == pytest.approx(best, rel=1e-9)


def test_the_last_knot_stays_on_each_side_and_periods_keep_their_spans():
    uniform = sk.KnotVector.uniform(0, 1, 9, 3)
    states = list(removals(uniform, np.ones((12, 1)), cheapest, np.zeros((0, 12))))
    assert [state.knots.intervals for state in states] == list(range(8, 0, -1))
    periodic = sk.KnotVector.uniform(0, 1, 9, 3, periodic=True)
    states = list(removals(periodic, np.ones((9, 1)), cheapest, np.zeros((0, 9))))
    assert [state.knots.n_basis for state in states] == [8, 7, 6, 5, 4]
