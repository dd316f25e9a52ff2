"""Point sets in boxes."""

import numpy as np
import pytest

from splinekan.equations.collocation import collocation, equidistributed, gauss_cells, resampled

BOX = [(-1.0, 2.0), (0.0, 0.5)]


@pytest.mark.parametrize("kind", ["random", "sobol", "grid", "midpoints"])
def test_points_fill_the_box(kind):
    points = collocation(kind, 64, BOX, 3)
    assert points.shape == (64, 2)
    assert (points >= [-1, 0]).all()
    assert (points <= [2, 0.5]).all()
    assert len(np.unique(points, axis=0)) == 64
    np.testing.assert_allclose(points.mean(axis=0), [0.5, 0.25], atol=0.3)
    np.testing.assert_array_equal(points, collocation(kind, 64, BOX, 3))
    assert (points[0] == [-1, 0]).all() == (kind == "grid")


def test_sobol_points_integrate_better_than_random_ones():
    def error(kind):
        means = [np.prod(collocation(kind, 256, [(0, 1), (0, 1)], s), axis=1).mean() for s in range(20)]
        return np.sqrt(np.mean((np.array(means) - 0.25) ** 2))

    assert error("sobol") < error("random") / 10


def test_gauss_cells_integrate_polynomials_exactly():
    edges = [np.array([-1.0, -0.8, 0.3, 2.0]), np.array([0.0, 0.1, 0.5])]
    points, weights = gauss_cells(edges, 3)
    assert points.shape == (3 * 3 * 2 * 3, 2)
    x, y = points.T
    exact = (2**6 - 1) / 6 / 3 * (0.5**5 / 5) / 0.5
    assert weights @ (x**5 * y**4) == pytest.approx(exact, rel=1e-14)
    assert weights.sum() == pytest.approx(1, rel=1e-14)


def test_equidistributed_cells_share_the_monitor():
    fine = np.linspace(0, 1, 2001)
    middle = (fine[1:] + fine[:-1]) / 2
    ends = equidistributed(fine, 1 / np.sqrt(middle), 10, floor=0.0)
    np.testing.assert_allclose(ends, np.linspace(0, 1, 11) ** 2, atol=1e-2)
    np.testing.assert_allclose(equidistributed(fine, 0 * middle, 4), np.linspace(0, 1, 5))
    np.testing.assert_allclose(equidistributed(fine, middle, 4, floor=1.0), np.linspace(0, 1, 5))
    assert np.diff(equidistributed(fine, (middle > 0.9) * 1.0, 10)).max() < 0.2 + 1e-9


def test_resampled_points_follow_the_residual():
    points = resampled(lambda p: np.exp(-(((p[:, 0] - 1) / 0.1) ** 2)), 500, BOX, 0, power=2.0, floor=0.0)
    assert np.abs(points[:, 0] - 1).max() < 0.4
    assert len(np.unique(points, axis=0)) == 500
    everywhere = resampled(lambda p: 0 * p[:, 0], 500, BOX, 0)
    np.testing.assert_allclose(everywhere.mean(axis=0), [0.5, 0.25], atol=0.15)


def test_bad_input_is_explained():
    with pytest.raises(ValueError, match="kind"):
        collocation("halton", 4, BOX)
    with pytest.raises(ValueError, match="count must be n\\^2 for a grid in 2 dimensions, got 5"):
        collocation("grid", 5, BOX)
    with pytest.raises(ValueError, match=r"bounds\[0\] must be increasing"):
        collocation("random", 5, [(1.0, 1.0)])
    with pytest.raises(ValueError, match=r"edges\[0\] must be strictly increasing"):
        gauss_cells([np.array([0.0, 0.0])], 2)
    with pytest.raises(ValueError, match="increasing"):
        equidistributed([1.0, 0.0], [1.0], 2)
    with pytest.raises(ValueError, match="negative"):
        equidistributed([0.0, 1.0], [-1.0], 2)
    with pytest.raises(ValueError, match="shape"):
        resampled(lambda p: p, 5, BOX, 0)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: collocation("random", 0, BOX), ValueError, "count must be at least 1"),
        (lambda: collocation("random", 2.0, BOX), TypeError, "count must be an integer"),
        (lambda: collocation("random", 2**70, BOX), ValueError, "count"),
        (lambda: collocation("random", 2**50, BOX), MemoryError, "count"),
        (lambda: collocation("sobol", 2**31, BOX), ValueError, "count must be between"),
        (lambda: collocation("grid", 1, BOX), ValueError, "count must be at least 2"),
        (lambda: collocation("grid", 1, [(0, 1)] * 40), ValueError, "at most 16 variables"),
        (lambda: collocation(3, 4, BOX), ValueError, "kind"),
        (lambda: collocation("random", 4, (0,)), TypeError, r"bounds\[0\] must be a pair"),
        (lambda: collocation("random", 4, "ab"), TypeError, "bounds must be a sequence"),
        (lambda: collocation("random", 4, []), ValueError, "bounds must not be empty"),
        (lambda: collocation("random", 4, [(0, np.nan)]), ValueError, "finite"),
        (lambda: collocation("random", 4, [(0, 1j)]), TypeError, "real"),
        (lambda: collocation("random", 4, [(-1e308, 1e308)]), ValueError, "range of float64"),
        (lambda: collocation("random", 4, np.ma.masked_array([[0.0, 1.0]])), TypeError, "masked"),
        (lambda: collocation("random", 4, BOX, -1), ValueError, "seed must be at least 0"),
        (lambda: collocation("random", 4, BOX, None), TypeError, "seed must be an integer"),
        (lambda: collocation("random", 4, BOX, 1.5), TypeError, "seed must be an integer"),
        (lambda: gauss_cells([], 2), ValueError, "edges must not be empty"),
        (lambda: gauss_cells(3, 2), TypeError, "edges must be a sequence"),
        (lambda: gauss_cells([[0, 1]], 0), ValueError, "order must be between 1 and 100"),
        (lambda: gauss_cells([[0, 1]], 10**9), ValueError, "order must be between 1 and 100"),
        (
            lambda: gauss_cells([np.ma.masked_array([0, 1.0])], 2),
            TypeError,
            r"edges\[0\] must not be a masked",
        ),
        (lambda: gauss_cells([[0.0, 1e-309]], 2), ValueError, r"edges\[0\] must span"),
        (lambda: gauss_cells([np.arange(10001.0)] * 4, 3), MemoryError, "edges"),
        (lambda: equidistributed([0, 1, 2], [1.0], 2), ValueError, "monitor must have shape"),
        (lambda: equidistributed([0, 1], [np.inf], 2), ValueError, "monitor must be finite"),
        (lambda: equidistributed([0, 1], [1], 2**50), MemoryError, "cells"),
        (lambda: equidistributed([0, 1], [1], 2, 1.5), ValueError, "floor must be in"),
        (lambda: resampled(3, 5, BOX, 0), TypeError, "residual must be callable"),
        (lambda: resampled(lambda p: p[:, :1], 5, BOX, 0), ValueError, r"residual\(points\) must have shape"),
        (lambda: resampled(lambda p: p[:, 0] * 1j, 5, BOX, 0), TypeError, r"residual\(points\)"),
        (lambda: resampled(lambda p: p[:, 0] * np.nan, 5, BOX, 0), ValueError, "finite"),
        (lambda: resampled(lambda p: p[:, 0], 5, BOX, 0, pool=1), ValueError, "pool must be at least 2"),
        (lambda: resampled(lambda p: p[:, 0], 5, BOX, 0, pool=2**50), MemoryError, "count"),
        (lambda: resampled(lambda p: p[:, 0], 5, BOX, 0, -1.0), ValueError, "power"),
        (
            lambda: resampled(lambda p: (p[:, 0] == p[0, 0]) * 1.0, 5, BOX, 0, floor=0.0),
            ValueError,
            "floor must be larger",
        ),
    ],
)
def test_arguments_that_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_extreme_arguments_that_serve():
    whole = collocation("sobol", 64, BOX, 3)
    np.testing.assert_array_equal(collocation("sobol", 50, BOX, 3), whole[:50])  # without SciPy's warning
    assert collocation("random", np.int8(100), BOX).shape == (100, 2)
    huge = equidistributed([0, 1, 2], [1e308, 1e308], 2)
    np.testing.assert_allclose(huge, [0, 1, 2])
    small, large = (resampled(lambda p, s=s: s * p[:, 0], 50, BOX, 0, 4.0, 0.1) for s in (1.0, 1e150))
    np.testing.assert_array_equal(small, large)
    assert len(resampled(lambda p: p[:, 0], 5, BOX, 0, floor=1e308)) == 5


@pytest.mark.parametrize("seed", range(20))
def test_points_stay_in_the_box_and_grids_hold_its_ends(seed):
    low, high = np.sort(np.random.default_rng(seed).normal(size=2))
    grid = collocation("grid", 7, [(low, high)])[:, 0]
    assert grid[0] == low
    assert grid[-1] == high
    for kind in ("grid", "midpoints", "random", "sobol"):
        points = collocation(kind, 8, [(low, high)], seed)
        assert (points >= low).all()
        assert (points <= high).all()
