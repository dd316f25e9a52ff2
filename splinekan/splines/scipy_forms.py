"""Conversion between splines and SciPy's BSpline and PPoly."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan._checks import MAX_DEGREE, Array, Float64Array, instance, integer, real_array, shown
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.pp_form import KEPT, power_coefficients

Parts = tuple[KnotVector, Array, int, str]
"""Knots, coefficients, their axis and the mode of continuation."""


def to_bspline(knots: KnotVector, c: Array, axis: int, extrapolate: str) -> scipy.interpolate.BSpline:
    """See `Spline.to_scipy`."""
    active = np.take(c, knots.fold, axis)
    mode = _scipy_mode(knots, extrapolate)
    return scipy.interpolate.BSpline(knots.t.copy(), active, knots.degree, extrapolate=mode, axis=axis)


def from_bspline(spline: Any) -> Parts:
    """See `Spline.from_scipy`."""
    instance("spline", spline, scipy.interpolate.BSpline)
    k = _degree(int(spline.k))
    t = real_array("spline.t", spline.t, ndim=1).astype(np.float64)
    c = real_array("spline.c", spline.c)[: len(t) - k - 1]  # SciPy ignores further coefficients
    mode = _mode(spline.extrapolate)
    knots, c = _without_vanishing(t, c, k)
    if mode == "periodic":
        knots, c = _closed(knots, c)
    axis = integer("spline.axis", spline.axis)
    return knots, np.moveaxis(c, 0, axis), axis, mode


def _without_vanishing(t: Float64Array, c: Array, k: int) -> tuple[KnotVector, Array]:
    """The spline without the B-splines that vanish on its domain."""
    kept = t[k + 1 :] > t[: -k - 1]  # a knot more than k + 1 times
    t, c = np.concatenate([t[: -k - 1][kept], t[len(t) - k - 1 :]]), c[kept]
    a, b = t[k], t[-k - 1]
    first = int(np.searchsorted(t, a, side="right")) - 1 - k
    last = len(t) - k - 1 - int(np.searchsorted(t, b, side="left"))
    return KnotVector(t[first : len(t) - last], k), c[first : len(c) - last]


def _closed(knots: KnotVector, c: Array) -> tuple[KnotVector, Array]:
    """Periodic knots, if ghost knots and coefficients repeat with the period."""
    k = knots.degree
    try:
        closed = KnotVector(knots.t, k, periodic=True)
    except ValueError:
        return knots, c
    whole = c[: closed.n_basis]
    return (closed, whole) if np.array_equal(whole[closed.fold], c) else (knots, c)


def to_ppoly(
    knots: KnotVector, matrix: Array, shape: tuple[int, ...], axis: int, extrapolate: str
) -> scipy.interpolate.PPoly:
    """See `Spline.to_ppoly`."""
    k, powers = knots.degree, power_coefficients(knots)
    active = knots.fold[knots.first_active[:, None] + np.arange(k + 1)]
    with np.errstate(over="ignore", invalid="ignore"):
        c = np.einsum("psl,sln->psn", powers, matrix[active].astype(np.float64, copy=False))[::-1]
    if not np.isfinite(c).all():
        raise ValueError(
            f"powers of x - t scale as spacing^-{k} and leave the range of float64: got knots from "
            f"{knots.t[0]} to {knots.t[-1]}; rescale x"
        )
    c = np.ascontiguousarray(c.reshape(k + 1, knots.intervals, *shape))
    mode = _scipy_mode(knots, extrapolate)
    return scipy.interpolate.PPoly.construct_fast(c, knots.breakpoints.copy(), mode, axis)


def from_ppoly(pieces: Any, tolerance: float) -> Parts:
    """See `Spline.from_ppoly`."""
    instance("pieces", pieces, scipy.interpolate.PPoly)
    given = real_array("pieces.c", pieces.c).astype(np.float64, copy=False)
    ends = real_array("pieces.x", pieces.x, ndim=1).astype(np.float64, copy=False)
    k = _degree(len(given) - 1)
    if ends[0] > ends[-1]:
        raise ValueError(f"pieces.x must increase, got {ends[0]} before {ends[-1]}")
    kept = np.flatnonzero(np.diff(ends) > 0)  # PPoly.from_spline has empty pieces between repeated knots
    if not kept.size:
        raise ValueError(f"pieces.x must not all be equal, got {ends[0]}")
    given, ends = given[:, kept], np.append(ends[kept], ends[-1])
    shape = given.shape[2:]
    powers = given[::-1].reshape(k + 1, len(ends) - 1, int(np.prod(shape, dtype=np.int64)))
    mode = _mode(pieces.extrapolate)
    jumps = _jumps(powers, np.diff(ends), tolerance)
    multiplicity = np.clip(k + 1 - jumps, 1, k + 1)
    # The last entry belongs to the seam.
    if mode == "periodic" and multiplicity[-1] == 1:
        knots = KnotVector.extended(ends, k, multiplicity[:-1], periodic=True)
    else:
        knots = KnotVector.clamped(ends, k, multiplicity[:-1])
    # Coefficients are values of the blossom: of x^p at u_1, ..., u_k the p-th symmetric mean of them.
    piece, u = _best_pieces(knots, powers)
    c = np.einsum("pi,pin->in", _symmetric_means(u), powers[:, piece]).reshape(knots.n_basis, *shape)
    axis = integer("pieces.axis", pieces.axis)
    return knots, np.moveaxis(c, 0, axis), axis, mode


def _best_pieces(knots: KnotVector, powers: Float64Array) -> tuple[NDArray[np.int64], Float64Array]:
    """For every coefficient a piece in its support, and the knots u_1, ..., u_k less its left end.

    It is the piece whose blossom has the smallest terms: the terms of a short piece beside long pieces, and
    of a piece on which the spline is large elsewhere, cancel.
    """
    k = knots.degree
    piece = np.repeat(np.arange(knots.intervals), k + 1)
    function = (knots.first_active[:, None] + np.arange(k + 1)).ravel()
    u = knots.t[function[:, None] + np.arange(1, k + 1)] - knots.breakpoints[piece][:, None]
    size = np.abs(powers[0]).max(axis=0)
    terms = np.einsum("pi,pin->in", _symmetric_means(np.abs(u)), np.abs(powers[:, piece]))
    rounding = (terms / np.where(size > 0, size, 1.0)).max(axis=1, initial=0.0)
    coefficient = knots.fold[function]
    order = np.lexsort((rounding, coefficient))
    first = order[np.append(True, np.diff(coefficient[order]) > 0)]
    return piece[first], u[first]


def _symmetric_means(u: Float64Array) -> Float64Array:
    """The elementary symmetric polynomials of the rows of u, (n, k), over their numbers of terms."""
    n, k = u.shape
    means = np.zeros((k + 1, n))
    means[0] = 1
    for j in range(k):
        means[1:] += means[:-1] * u[:, j]
    terms = np.array([comb(k, p) for p in range(k + 1)], dtype=np.float64)
    return np.asarray(means / terms[:, None])


def _jumps(powers: Float64Array, widths: Float64Array, tolerance: float) -> NDArray[np.int64]:
    """The lowest derivative that jumps at each inner breakpoint, and from b to a; k + 1 if none does.

    A jump of the d-th derivative moves the pieces beside it by the jump times width^d/d!.
    """
    k = len(powers) - 1
    right, after = np.roll(powers, -1, axis=1), np.roll(widths, -1)
    reach = np.maximum(widths, after)
    sizes = (np.abs(powers) * widths[:, None] ** np.arange(k + 1)[:, None, None]).sum(axis=0)
    size = np.maximum(sizes, np.roll(sizes, -1, axis=0))
    lowest = np.full(len(widths), k + 1)
    for d in reversed(range(k + 1)):
        steps = [comb(p, d) * powers[p] * widths[:, None] ** (p - d) for p in range(d, k + 1)]
        moved = np.abs(sum(steps) - right[d]) * reach[:, None] ** d
        lowest[(moved > tolerance * size).any(axis=1)] = d
    return lowest


def _degree(k: int) -> int:
    if k > MAX_DEGREE:
        raise ValueError(f"degrees go up to {MAX_DEGREE}, got {k}")
    return k


def _mode(extrapolate: Any) -> str:
    if isinstance(extrapolate, str) and extrapolate == "periodic":
        return "periodic"
    if isinstance(extrapolate, (bool, np.bool_, int)):
        return "polynomial" if extrapolate else "error"
    raise TypeError(f"extrapolate must be True, False or 'periodic', got {shown(extrapolate)}")


def _scipy_mode(knots: KnotVector, extrapolate: str) -> bool | str:
    if extrapolate == "periodic":
        return "periodic"
    kept = {"polynomial": knots.degree + 1, "error": 0} | KEPT
    return kept[extrapolate] > knots.degree  # the whole end polynomials
