"""Knots as plain arrays: the functions of `KnotVector` for an array and a degree.

Every function takes `(knots, degree)`, or a KnotVector alone, and returns the same kind: an array for an
array, a KnotVector for a KnotVector.
"""

from __future__ import annotations

from typing import overload

from numpy.typing import ArrayLike

from splinekan._checks import Float64Array
from splinekan.splines.knot_vector import KnotVector, knot_vector
from splinekan.splines.spacing import UNIFORM, unevenness

__all__ = [
    "UNIFORM",
    "KnotVector",
    "breakpoints",
    "clamped_knots",
    "extended_knots",
    "greville_points",
    "insert_knots",
    "is_clamped",
    "is_uniform",
    "knot_vector",
    "refine_knots",
    "unevenness",
    "uniform_knots",
    "validate_knots",
]


def uniform_knots(a: float, b: float, intervals: int, degree: int) -> Float64Array:
    """Extended uniform knots a + i (b - a)/G, i = -k..G+k.

    Parameters
    ----------
    a, b
        The ends of the domain, a < b.
    intervals
        G, the number of intervals on [a, b], at least 1.
    degree
        k, 0 to 9.

    Returns
    -------
    ndarray
        The knots (G + 2 k + 1,), in the units of a and b; a and b themselves are exact.

    Raises
    ------
    TypeError, ValueError
        Unless a < b are finite, `intervals` is at least 1 and `degree` in 0..9; for an interval so short
        or long that float64 does not distinguish the knots.
    MemoryError
        For more intervals than fit into memory.

    Examples
    --------
    >>> uniform_knots(0, 1, 2, 1)
    array([-0.5,  0. ,  0.5,  1. ,  1.5])
    """
    return KnotVector.uniform(a, b, intervals, degree).t.copy()


def clamped_knots(breakpoints: ArrayLike, degree: int) -> Float64Array:
    """Strictly increasing `breakpoints` with the first and the last repeated k more times.

    Parameters
    ----------
    breakpoints
        The ends t_0 < ... < t_G of the polynomial pieces, (G + 1,).
    degree
        k, 0 to 9.

    Returns
    -------
    ndarray
        The knots (G + 2 k + 1,), in the units of the breakpoints.

    Raises
    ------
    TypeError, ValueError
        Unless there are two or more finite, strictly increasing breakpoints; for a bad degree.

    Examples
    --------
    >>> clamped_knots([0, 1, 3], 2)
    array([0., 0., 0., 1., 3., 3., 3.])
    """
    return KnotVector.clamped(breakpoints, degree).t.copy()


def extended_knots(breakpoints: ArrayLike, degree: int) -> Float64Array:
    """Strictly increasing `breakpoints` with k ghost knots on each side, spaced as the end interval.

    Parameters
    ----------
    breakpoints
        The ends t_0 < ... < t_G of the polynomial pieces, (G + 1,).
    degree
        k, 0 to 9.

    Returns
    -------
    ndarray
        The knots (G + 2 k + 1,), in the units of the breakpoints.

    Raises
    ------
    TypeError, ValueError
        Unless there are two or more finite, strictly increasing breakpoints; for a bad degree.

    Examples
    --------
    >>> extended_knots([0, 1, 3], 2)
    array([-2., -1.,  0.,  1.,  3.,  5.,  7.])
    """
    return KnotVector.extended(breakpoints, degree).t.copy()


def validate_knots(knots: KnotVector | ArrayLike, degree: int | None = None) -> Float64Array:
    """`knots` as a read-only float64 vector, if it is a knot vector of that degree.

    Accepted: nondecreasing, none more than k+1 times, the end knots not repeated inside the domain; see
    `KnotVector`.

    Raises
    ------
    TypeError, ValueError
        Naming the offending entries; for a periodic KnotVector, whose period an array would not hold.
    """
    vector = knot_vector(knots, degree)
    if vector.periodic:
        raise ValueError(f"periodic knots are not supported here, got {vector}")
    return vector.t


def is_clamped(knots: KnotVector | ArrayLike, degree: int | None = None) -> bool:
    """Whether the first k+1 and the last k+1 knots are equal (never for degree 0)."""
    return knot_vector(knots, degree).is_clamped


def is_uniform(knots: KnotVector | ArrayLike, degree: int | None = None) -> bool:
    """Whether all knots, ghosts too, are equally spaced to within `UNIFORM` times the spacing.

    Far from 0, knots are rounded to multiples of eps |t|; spacings that differ by such a multiple count as
    unequal.
    """
    return knot_vector(knots, degree).is_uniform


def breakpoints(knots: KnotVector | ArrayLike, degree: int | None = None) -> Float64Array:
    """The ends t_0 < ... < t_G of the polynomial pieces on [a, b]."""
    return knot_vector(knots, degree).breakpoints


def greville_points(knots: KnotVector | ArrayLike, degree: int | None = None) -> Float64Array:
    """Greville points: means of k neighbouring knots, (t_{i+1} + ... + t_{i+k})/k.

    They are the coefficients of the identity, x = sum_i greville_i b_i(x). For degree 0 they are the
    midpoints of the intervals.

    Parameters
    ----------
    knots
        A KnotVector, or an array of knots.
    degree
        k, 0 to 9; omitted with a KnotVector.

    Returns
    -------
    ndarray
        The points (n_basis,), in the units of the knots; those of periodic knots lie in [a, b).

    Raises
    ------
    TypeError, ValueError
        For bad knots or degree.

    Examples
    --------
    >>> greville_points([0, 0, 0, 1, 3, 3, 3], 2)
    array([0. , 0.5, 2. , 3. ])
    """
    return knot_vector(knots, degree).greville.copy()


@overload
def refine_knots(knots: KnotVector, degree: int | None = None) -> KnotVector: ...
@overload
def refine_knots(knots: ArrayLike, degree: int) -> Float64Array: ...
def refine_knots(knots: KnotVector | ArrayLike, degree: int | None = None) -> KnotVector | Float64Array:
    """Knots with every interval halved, ghost intervals included: G becomes 2 G.

    The k ghost knots nearest to the domain are kept on each side, so uniform knots stay uniform, with
    half the spacing; clamped knots stay clamped. The coarse breakpoints are fine breakpoints, bit for bit.

    Parameters
    ----------
    knots
        A KnotVector, or an array of knots.
    degree
        k, 0 to 9; omitted with a KnotVector.

    Returns
    -------
    KnotVector or ndarray
        Of the kind of `knots`.

    Raises
    ------
    TypeError, ValueError
        For bad knots, or an interval that holds no float64 number between its ends.

    Examples
    --------
    >>> refine_knots([0, 0, 1, 3, 3], 1)
    array([0. , 0. , 0.5, 1. , 2. , 3. , 3. ])
    """
    fine = knot_vector(knots, degree).refine()
    return fine if isinstance(knots, KnotVector) else fine.t.copy()


@overload
def insert_knots(knots: KnotVector, new: ArrayLike, degree: int | None = None) -> KnotVector: ...
@overload
def insert_knots(knots: ArrayLike, new: ArrayLike, degree: int) -> Float64Array: ...
def insert_knots(
    knots: KnotVector | ArrayLike, new: ArrayLike, degree: int | None = None
) -> KnotVector | Float64Array:
    """Knots together with the `new` knots; see `KnotVector.insert`.

    Parameters
    ----------
    knots
        A KnotVector, or an array of knots.
    new
        The knots to add, strictly inside (a, b), in any order. Each copy of a knot removes a continuous
        derivative there.
    degree
        k, 0 to 9; omitted with a KnotVector.

    Returns
    -------
    KnotVector or ndarray
        Of the kind of `knots`.

    Raises
    ------
    TypeError, ValueError
        For a new knot outside (a, b), or equal to k + 1 others.

    Examples
    --------
    >>> insert_knots([0, 0, 1, 3, 3], [2, 0.5], 1)
    array([0. , 0. , 0.5, 1. , 2. , 3. , 3. ])
    """
    fine = knot_vector(knots, degree).insert(new)
    return fine if isinstance(knots, KnotVector) else fine.t.copy()
