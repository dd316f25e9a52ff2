"""Weights as multiplicities."""

import numpy as np
import pytest

from splinekan.fitting.samples import merged


def cases():
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(40, 3))
    ties = rng.integers(0, 2, size=(40, 3)).astype(float)
    mixed = np.column_stack([ties[:, 0], plain[:, 1:]])
    return [pytest.param(x, id=name) for name, x in (("plain", plain), ("ties", ties), ("mixed", mixed))]


def twin(x, y, weights):
    """The same by a dictionary."""
    total = {}
    for row, target, weight in zip(x.tolist(), y.tolist(), weights, strict=True):
        if weight:
            total[tuple(row + target)] = total.get(tuple(row + target), 0) + weight
    rows = sorted(total)
    return np.array(rows)[:, : x.shape[1]], np.array(rows)[:, x.shape[1] :], [total[row] for row in rows]


@pytest.mark.parametrize("x", cases())
def test_repeated_weighted_and_shuffled_samples_have_the_same_bits(x):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, size=(len(x), 2)).astype(float)
    weights = rng.integers(0, 4, len(x))
    want = merged(x, y, weights)
    repeated = rng.permutation(np.repeat(np.arange(len(x)), weights))
    order = rng.permutation(len(x))
    for got in (merged(x[repeated], y[repeated]), merged(x[order], y[order], weights[order]), merged(*want)):
        assert all(np.array_equal(a, b) for a, b in zip(got, want, strict=True))
    for a, b in zip(want, twin(x, y, weights), strict=True):
        assert np.array_equal(a, b)


def test_weights_that_are_all_one_are_none():
    x = np.arange(4.0)[:, None]
    assert merged(x, x)[2] is None
    assert merged(x, x, [1, 0, 1, 1])[2] is None
    assert merged(x[[0, 0]], x[[0, 0]])[2].tolist() == [2.0]


def test_zeros_of_both_signs_are_equal():
    x, _, weights = merged([[0.0], [-0.0]], [[1.0], [1.0]])
    assert weights.tolist() == [2.0]
    assert not np.signbit(x).any()


@pytest.mark.parametrize(
    ("x", "y", "weights", "message"),
    [
        ([1.0], [[1.0]], None, "x must have 2 axes"),
        ([[1.0]], [1.0], None, "y must have shape"),
        ([[1.0]], [[1.0]], [-1.0], "weights must not be negative, got -1.0 at index 0"),
        ([[1.0]], [[1.0]], [0.0], "weights must not all be 0"),
        ([[np.nan]], [[1.0]], None, "x must be finite"),
    ],
)
def test_what_is_refused(x, y, weights, message):
    with pytest.raises(ValueError, match=message):
        merged(x, y, weights)
