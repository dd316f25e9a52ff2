"""Collocation points in a box, and quadrature weights for means over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._checks import (
    Float64Array,
    affordable,
    each,
    function,
    generator,
    increasing,
    integer,
    interval,
    one_of,
    real,
    shown,
    vector,
)

Box = Sequence[tuple[float, float]]

KINDS = ("random", "sobol", "grid", "midpoints")
MAX_AXES = 16
"""Largest number of variables of a tensor grid."""
MAX_SOBOL = scipy.stats.qmc.Sobol.MAXDIM, 2**30
"""Largest numbers of variables and points of SciPy's Sobol sequence."""
MAX_ORDER = 100
"""Largest order for which NumPy documents the accuracy of its Gauss points."""


def collocation(kind: str, count: int, bounds: Box, seed: int | np.random.Generator = 0) -> Float64Array:
    """`count` points in a box, (count, number of variables).

    Parameters
    ----------
    kind
        "random": independent and uniform; "sobol": a scrambled Sobol sequence (scipy.stats.qmc), most uniform
        for powers of two; "grid": a tensor grid that includes the boundary; "midpoints": the centres of the
        cells of a tensor grid. For "grid" and "midpoints" `count` must be a power n^d in d dimensions, with n
        at least 2 for "grid".
    count
        Number of points.
    bounds
        An interval (a, b), a < b, per variable.
    seed
        A seed or a NumPy Generator, for "random" and "sobol".

    Raises
    ------
    TypeError, ValueError
        For an unknown kind, bounds that are not intervals, or a count that is not a power n^d.
    MemoryError
        For more points than fit in memory.
    """
    one_of("kind", kind, KINDS)
    ends = _ends(bounds)
    d = len(ends)
    count = integer("count", count, low=1, high=MAX_SOBOL[1] if kind == "sobol" else None)
    affordable(f"count: {count} points", 24.0 * count * d)
    source = generator("seed", seed)
    if kind in ("grid", "midpoints"):
        _axes("bounds", d)
        n = round(count ** (1 / d))
        if n**d != count:
            raise ValueError(f"count must be n^{d} for a {kind} in {d} dimensions, got {count}")
        if kind == "grid" and n < 2:
            raise ValueError(f"count must be at least 2^{d} for a grid with its ends, got {count}")
        unit = np.linspace(0.0, 1.0, n) if kind == "grid" else (np.arange(n) + 0.5) / n
        axes = [np.clip(low + (high - low) * unit, low, high) for low, high in ends]
        if kind == "grid":
            for axis, (_, high) in zip(axes, ends, strict=True):
                axis[-1] = high
        return _product(axes)
    if kind == "random":
        points = source.random((count, d))
    else:
        if d > MAX_SOBOL[0]:
            raise ValueError(f"bounds must have at most {MAX_SOBOL[0]} variables for sobol, got {d}")
        whole = (count - 1).bit_length()  # SciPy warns unless the number is a power of two
        points = scipy.stats.qmc.Sobol(d, rng=source).random_base2(whole)[:count]
    return np.clip(ends[:, 0] + (ends[:, 1] - ends[:, 0]) * points, ends[:, 0], ends[:, 1])


def gauss_cells(edges: Sequence[ArrayLike], order: int) -> tuple[Float64Array, Float64Array]:
    """Points and weights of `order` Gauss points per variable in every cell of a tensor grid.

    The weights have the sum 1, and the weighted sum of a function is its mean over the box, exactly for
    polynomials of degree 2 order - 1 on each cell. With the knots as edges the points resolve a spline
    between its knots.

    Parameters
    ----------
    edges
        The increasing edges of the cells, for every variable.
    order
        Points per cell and variable, 1 to 100.

    Raises
    ------
    TypeError, ValueError
        For edges that do not increase, and for an order out of range.
    MemoryError
        For more points than fit in memory.
    """
    order = integer("order", order, low=1, high=MAX_ORDER)
    ends = each("edges", edges, _increasing)
    _axes("edges", len(ends))
    affordable(
        "order and edges: the points", 24.0 * len(ends) * prod(float(order * (len(t) - 1)) for t in ends)
    )
    nodes, weights = np.polynomial.legendre.leggauss(order)
    axes, shares = [], []
    for t in ends:
        size = np.diff(t)[:, None]
        axes.append((t[:-1, None] + size * (nodes + 1) / 2).ravel())
        shares.append((size * weights / 2).ravel() / (t[-1] - t[0]))
    share = shares[0]
    for other in shares[1:]:
        share = np.outer(share, other).ravel()
    return _product(axes), share


def equidistributed(edges: ArrayLike, monitor: ArrayLike, cells: int, floor: float = 0.5) -> Float64Array:
    """Edges of `cells` cells with equal integrals of a monitor function (de Boor 1974), (cells + 1,).

    Parameters
    ----------
    edges
        Increasing edges of the pieces of the monitor function, (n + 1,).
    monitor
        The value of the monitor function on each piece, (n,), not negative.
    cells
        Number of cells.
    floor
        Fraction of the cells, in [0, 1], that is distributed uniformly.

    Raises
    ------
    TypeError, ValueError
        For edges that do not increase, or a monitor that is negative or does not match.
    """
    t = _increasing("edges", edges)
    density = vector("monitor", monitor, len(t) - 1)
    if (density < 0).any():
        raise ValueError(f"monitor must not be negative, got {density.min()}")
    cells = integer("cells", cells, low=1)
    affordable(f"{cells} cells", 32.0 * cells)
    floor = real("floor", floor, low=0.0, high=1.0)
    sizes = np.diff(t)
    with np.errstate(over="ignore"):
        total = density @ sizes
    if not np.isfinite(total):
        density = density / density.max()
        total = density @ sizes
    even = 1.0 / (t[-1] - t[0])
    density = floor * even + (1 - floor) * (density / total if total > 0 else even)
    mass = np.concatenate([[0.0], np.cumsum(density * sizes)])
    ends = np.interp(np.linspace(0.0, mass[-1], cells + 1), mass, t)
    ends[[0, -1]] = t[[0, -1]]
    return np.asarray(ends)


def resampled(
    residual: Callable[[Float64Array], Float64Array],
    count: int,
    bounds: Box,
    seed: int | np.random.Generator,
    power: float = 1.0,
    floor: float = 1.0,
    pool: int = 10,
) -> Float64Array:
    """`count` points drawn with density |r|^power / mean(|r|^power) + floor (Wu et al. 2023, RAD).

    Parameters
    ----------
    residual
        A function from points (n, d) to residuals (n,).
    count, bounds, seed
        As in `collocation`.
    power, floor
        A larger power and a smaller floor place more points where the residual is large.
    pool
        The points are drawn without replacement from `pool` * `count` uniform points.

    Raises
    ------
    TypeError, ValueError
        For residuals that are not finite or of the wrong shape, a negative power or floor, or if fewer than
        `count` points of the pool have a positive density (raise the floor).
    """
    function("residual", residual)
    power = real("power", power, low=0.0, high=np.inf)
    floor = real("floor", floor, low=0.0, high=np.inf)
    count, pool = integer("count", count, low=1), integer("pool", pool, low=2)
    source = generator("seed", seed)
    points = collocation("random", count * pool, bounds, source)
    sizes = np.abs(vector("residual(points)", residual(points.copy()), len(points)))
    largest = sizes.max()
    # Relative to the largest, so that powers do not overflow.
    sizes = (sizes / largest if largest > 0 else np.ones_like(sizes)) ** power
    density = sizes / sizes.mean() + floor
    density /= density.max()
    density /= density.sum()
    if np.count_nonzero(density) < count:
        raise ValueError(
            f"floor must be larger, got {floor}: {count} points are to be drawn, but only "
            f"{np.count_nonzero(density)} of {len(points)} points have a positive density"
        )
    return points[source.choice(len(points), count, replace=False, p=density)]


def _ends(bounds: Box) -> Float64Array:
    return np.array(each("bounds", bounds, interval), dtype=np.float64)


def _increasing(name: str, value: ArrayLike) -> Float64Array:
    """`value` as increasing numbers whose range has a finite inverse."""
    t = increasing(name, value)
    with np.errstate(over="ignore"):
        length = t[-1] - t[0]
        if not np.isfinite([length, 1 / length]).all():
            raise ValueError(f"{name} must span a length within the range of float64, got {shown(t)}")
    return t


def _axes(name: str, count: int) -> None:
    if count > MAX_AXES:
        raise ValueError(f"{name} must have at most {MAX_AXES} variables for a tensor grid, got {count}")


def _product(axes: Sequence[Float64Array]) -> Float64Array:
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
