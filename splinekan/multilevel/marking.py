"""Markings: the choice of intervals to halve, given the scores of an indicator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array, real, shown, vector
from splinekan.model.refinement import Key

Marks = dict[Key, NDArray[np.int64]]


def bulk_marking(scores: Mapping[Key, Float64Array], fraction: float = 0.5) -> Marks:
    """The fewest intervals whose scores make up `fraction` of the sum of all scores (Doerfler 1996, (4.2)).

    With scores that estimate squares of local errors, adaptive methods that mark in this way converge at
    the optimal rate for small fractions (Stevenson 2007).

    Parameters
    ----------
    scores
        A nonnegative number per interval for every key (layer, input), as indicators return.
    fraction
        The fraction, in (0, 1].

    Returns
    -------
    dict
        The indices of the marked intervals for every key (layer, input), the highest score first; keys
        without marks are omitted. Intervals with a score of 0 are not marked.

    Raises
    ------
    TypeError, ValueError
        For scores that are not such a dictionary, negative or not finite, and for fractions out of range.

    Examples
    --------
    >>> bulk_marking({(0, 0): [1.0, 5.0, 2.0], (1, 0): [2.5]}, 0.6)
    {(0, 0): array([1]), (1, 0): array([0])}
    """
    every, sizes = _flat(scores)
    share = _fraction(fraction)
    order = np.argsort(-sizes, kind="stable")
    running = np.cumsum(sizes[order])
    total = running[-1] if len(running) else 0.0
    count = int(np.searchsorted(running, share * total * (1 - 1e-12))) + 1
    return _marks(every, order[:count], sizes)


def maximum_marking(scores: Mapping[Key, Float64Array], fraction: float = 0.5) -> Marks:
    """The intervals whose scores are at least `fraction` times the largest of all (Babuska & Vogelius 1984).

    Parameters, result and errors are those of `bulk_marking`.

    Examples
    --------
    >>> maximum_marking({(0, 0): [1.0, 5.0, 3.0], (1, 0): [2.5]}, 0.6)
    {(0, 0): array([1, 2])}
    """
    every, sizes = _flat(scores)
    share = _fraction(fraction)
    order = np.argsort(-sizes, kind="stable")
    return _marks(every, order[sizes[order] >= share * sizes.max(initial=0.0)], sizes)


def _fraction(value: Any) -> float:
    share = real("fraction", value, positive=True)
    if share > 1:
        raise ValueError(f"fraction must be in (0, 1], got {share}")
    return share


def _flat(scores: Any) -> tuple[list[tuple[Any, int]], Float64Array]:
    if not isinstance(scores, Mapping):
        raise TypeError(f"scores must be a dictionary with keys (layer, input), got {shown(scores)}")
    every: list[tuple[Any, int]] = []
    values = [np.zeros(0)]
    for key, own in scores.items():
        found = vector(f"scores[{shown(key)}]", own)
        if (found < 0).any():
            raise ValueError(f"scores[{shown(key)}] must not be negative, got {found.min()}")
        every += [(key, i) for i in range(len(found))]
        values.append(found)
    return every, np.concatenate(values)


def _marks(every: list[tuple[Any, int]], chosen: NDArray[np.intp], sizes: Float64Array) -> Marks:
    marks: dict[Any, list[int]] = {}
    for at in chosen:
        if sizes[at] > 0:
            key, i = every[at]
            marks.setdefault(key, []).append(i)
    return {
        key: np.array(marks[key], np.int64) for key in dict.fromkeys(key for key, _ in every) if key in marks
    }
