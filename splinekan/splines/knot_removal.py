"""Removal of knots: splines on fewer knots, at a known distance in the coefficients.

Among the splines on knots with a further knot, those on the coarse knots have n.c = 0 for a vector n
of k + 2 neighbouring entries (Boehm 1980; Lyche & Moerken 1987). The nearest of them in the maximum norm of
the coefficients is c - (n.c/|n|_1) sign(n), and |s| <= max |c| on the domain bounds the change of the spline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.prolongation import prolongation


class Candidates(NamedTuple):
    """The knots that may be removed, and what their removal takes from the coefficients.

    Attributes
    ----------
    at
        Indices in the array of knots, (candidates,).
    where
        The coefficients that change, (candidates, k + 2).
    signs
        Signs of the entries of n, (candidates, k + 2).
    sizes
        n.c/|n|_1, (candidates, m): the change is `sizes` times `signs`.
    """

    at: NDArray[np.int64]
    where: NDArray[np.int64]
    signs: Float64Array
    sizes: Float64Array


class Removed(NamedTuple):
    """A spline after a removal.

    Attributes
    ----------
    at
        The index of the knot before its removal.
    knots, c
        The spline, m columns of coefficients.
    change
        The amount that the removal took from the coefficients on the original knots.
    """

    at: int
    knots: KnotVector
    c: Float64Array
    change: Float64Array


def removals(
    knots: KnotVector,
    c: Float64Array,
    choose: Callable[[Candidates, Float64Array], int],
    rows: Float64Array,
) -> Iterator[Removed]:
    """The splines that arise when the knots inside the domain are removed, in turn.

    `choose` picks among the candidates. It is also given the functionals `rows` of the original coefficients,
    (r, n_basis), as functionals of the present ones. Periodic knots keep k + 1 spans at least, so that no
    B-spline overlaps itself.
    """
    prolongation, c = list(np.eye(knots.n_basis)), np.array(c)
    while _may_go(knots):
        found = _candidates(knots, c)
        at = int(found.at[choose(found, rows)])
        step = _step(knots, c, at)
        window = slice(step.first, step.first + knots.degree + 2)
        columns = prolongation[step.shift :] + prolongation[: step.shift]
        change = np.stack(columns[window], axis=1) @ step.taken
        columns[window] = step.combined(columns[window])
        prolongation = columns[len(columns) - step.shift :] + columns[: len(columns) - step.shift]
        turned = list(np.roll(rows, -step.shift, axis=1).T)
        turned[window] = step.combined(turned[window])
        rows = np.roll(np.array(turned).T, step.shift, axis=1)
        knots, c = step.knots, step.c
        yield Removed(at, knots, c, change)


def without(knots: KnotVector, c: Float64Array, order: Sequence[int]) -> tuple[KnotVector, Float64Array]:
    """The spline that arises when these knots are removed, in turn."""
    c = np.array(c)
    for at in order:
        step = _step(knots, c, at)
        knots, c = step.knots, step.c
    return knots, c


def tidied(original: KnotVector, knots: KnotVector, c: Float64Array) -> tuple[KnotVector, Float64Array]:
    """The same spline, its ghost knots spaced as those of the original: uniform or as the end intervals.

    Knots that were made by `KnotVector.uniform` and `extended` and refined since are then those knots again.
    """
    if knots.periodic or original.is_clamped or not knots.degree:
        return knots, c
    a, b, k = *knots.domain, knots.degree
    other = None
    if original.is_uniform:
        uniform = KnotVector.uniform(a, b, knots.intervals, k)
        other = uniform if np.array_equal(uniform.inner, knots.inner) else None
    if other is None:
        mine = KnotVector.extended(original.breakpoints, k, original.multiplicities)
        spacing = np.diff(original.breakpoints)[[0, -1]].min()
        if np.abs(mine.t - original.t).max() <= 1e-9 * spacing:
            other = KnotVector.extended(knots.breakpoints, k, knots.multiplicities)
    if other is None or other == knots:
        return knots, c
    return other, prolongation(knots, other) @ c


def _vectors(knots: KnotVector, at: NDArray[np.int64]) -> tuple[Float64Array, Float64Array]:
    """n of every candidate, (candidates, k + 2), |n|_1 = 1, and alpha, (candidates, k), of Boehm's rule.

    Fine coefficients are c_i = alpha_i d_i + (1 - alpha_i) d_{i-1}.
    """
    t, k = knots.t, knots.degree
    i = at[:, None] - np.arange(k, 0, -1)
    alpha = (t[at][:, None] - t[i]) / (t[i + k + 1] - t[i])
    n = np.ones((len(at), k + 2))
    for j in range(k):
        n[:, j + 1] = -n[:, j] * (alpha[:, j - 1] if j else 1.0) / (1 - alpha[:, j])
    n[:, k + 1] = -n[:, k] * (alpha[:, k - 1] if k else 1.0)
    return n / np.abs(n).sum(axis=1, keepdims=True), alpha


def _candidates(knots: KnotVector, c: Float64Array) -> Candidates:
    t, k = knots.t, knots.degree
    inside = np.arange(k + 1, len(t) - k - 1)
    at = inside[t[inside] < t[inside + 1]]  # of equal knots the last
    n, _ = _vectors(knots, at)
    where = (at[:, None] - np.arange(k + 1, -1, -1)) % knots.n_basis
    sizes = np.einsum("ij,ijm->im", n, c[where])
    return Candidates(at, where, np.sign(n), sizes)


class _Step(NamedTuple):
    """A removal: k + 2 coefficients from `first` change, periodic coefficients being rotated by `shift`."""

    first: int
    shift: int
    taken: Float64Array
    alpha: Float64Array
    knots: KnotVector
    c: Float64Array

    def combined(self, columns: Sequence[Float64Array]) -> list[Float64Array]:
        """The k + 2 changed columns of a matrix that acts on c, as the k + 1 of one that acts on d."""
        alpha = [1.0, *self.alpha, 0.0]
        each = zip(alpha, columns, alpha[1:], columns[1:], strict=False)
        return [weight * left + (1 - other) * right for weight, left, other, right in each]


def _may_go(knots: KnotVector) -> bool:
    """Whether a knot may be removed."""
    return len(knots.inner) > 2 and not (knots.periodic and knots.n_basis < knots.degree + 2)


def _step(knots: KnotVector, c: Float64Array, at: int) -> _Step:
    """The removal of knot `at` from a spline; c is changed."""
    k = knots.degree
    n, alpha = (each[0] for each in _vectors(knots, np.array([at])))
    first = at - k - 1
    shift = first % knots.n_basis if knots.periodic else 0
    c, first = np.roll(c, -shift, axis=0), 0 if knots.periodic else first
    own = c[first : first + k + 2]
    taken = np.sign(n)[:, None] * (n @ own)
    own -= taken
    # c_i = alpha_i d_i + (1 - alpha_i) d_{i-1}. The first and last d are known. The others are computed from
    # the left where alpha, which decreases, is large, else from the right.
    d = np.delete(own, 0, axis=0)
    d[0] = own[0]
    half = min(int((alpha >= 0.5).sum()), max(k - 1, 0))
    for i in range(half):
        d[i + 1] = (own[i + 1] - (1 - alpha[i]) * d[i]) / alpha[i]
    for i in range(k - 1, half, -1):
        d[i] = (own[i + 1] - alpha[i] * d[i + 1]) / (1 - alpha[i])
    d = np.concatenate([c[:first], d, c[first + k + 2 :]])
    inner = np.delete(knots.inner, at - k)
    coarse = knots._like(knots.t[:k], inner, knots.t[len(knots.t) - k :])
    return _Step(first, shift, taken, alpha, coarse, np.roll(d, shift, axis=0))
