"""Collocation points in a box, and weights that make sums over them means over the box."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer, one_of, real, real_array

Box = Sequence[tuple[float, float]]

KINDS = ("random", "sobol", "grid", "midpoints")


def collocation(kind: str, count: int, box: Box, seed: int | np.random.Generator = 0) -> Float64Array:
    """`count` points in a box, one row each.

    Parameters
    ----------
    kind
        "random": independent and uniform; "sobol": a scrambled Sobol sequence (scipy.stats.qmc), at its best
        for powers of two; "grid": a tensor grid with its ends; "midpoints": one without. For the last two
        `count` must be a power n^d in d dimensions.
    count
        How many.
    box
        One interval (a, b), a < b, per variable.
    seed
        A seed or a NumPy Generator, for the first two.

    Raises
    ------
    TypeError, ValueError
        For an unknown kind, a box that is none, or a count that no grid has.
    """
    one_of("kind", kind, KINDS)
    ends = _ends(box)
    integer("count", count, low=1)
    if kind in ("grid", "midpoints"):
        n = round(count ** (1 / len(ends)))
        if n ** len(ends) != count:
            raise ValueError(f"a {kind} in {len(ends)} dimensions has n^{len(ends)} points, got {count}")
        unit = np.linspace(0.0, 1.0, n) if kind == "grid" else (np.arange(n) + 0.5) / n
        return _product([low + (high - low) * unit for low, high in ends])
    generator = np.random.default_rng(seed)
    if kind == "random":
        points = generator.random((count, len(ends)))
    else:
        points = scipy.stats.qmc.Sobol(len(ends), rng=generator).random(count)
    return np.asarray(ends[:, 0] + (ends[:, 1] - ends[:, 0]) * points)


def gauss_cells(edges: Sequence[ArrayLike], order: int) -> tuple[Float64Array, Float64Array]:
    """`order` Gauss points per variable in every cell of a tensor grid, and weights summing to 1.

    Their weighted sum is the mean over the box, exact where a cell holds a polynomial of degree
    2 order - 1. Points inside cells see what a spline does between its knots.

    Parameters
    ----------
    edges
        Per variable the increasing ends of its cells.
    order
        Points per cell and variable.

    Raises
    ------
    TypeError, ValueError
        For edges that do not increase, or an order below 1.
    """
    nodes, weights = np.polynomial.legendre.leggauss(integer("order", order, low=1))
    axes, shares = [], []
    for i, given in enumerate(edges):
        t = real_array(f"edges[{i}]", given, ndim=1).astype(np.float64)
        if len(t) < 2 or not (np.diff(t) > 0).all():
            raise ValueError(f"edges[{i}] must hold at least two increasing numbers, got {t}")
        size = np.diff(t)[:, None]
        axes.append((t[:-1, None] + size * (nodes + 1) / 2).ravel())
        shares.append((size * weights / 2).ravel() / (t[-1] - t[0]))
    share = shares[0]
    for other in shares[1:]:
        share = np.outer(share, other).ravel()
    return _product(axes), share


def equidistributed(edges: ArrayLike, monitor: ArrayLike, cells: int, floor: float = 0.5) -> Float64Array:
    """Ends of `cells` cells that share the integral of a monitor function evenly (de Boor 1974).

    Parameters
    ----------
    edges
        Increasing ends of pieces, (n + 1,).
    monitor
        The monitor's value on each, (n,), not negative.
    cells
        How many cells.
    floor
        Part of the cells, in [0, 1], that are spread evenly whatever the monitor says.

    Raises
    ------
    TypeError, ValueError
        For edges that do not increase, or a monitor that is negative or does not match.
    """
    t = real_array("edges", edges, ndim=1, empty=False).astype(np.float64)
    if len(t) < 2 or not (np.diff(t) > 0).all():
        raise ValueError(f"edges must hold at least two increasing numbers, got {t}")
    density = real_array("monitor", monitor, shape=(len(t) - 1,)).astype(np.float64)
    if (density < 0).any():
        raise ValueError(f"monitor must not be negative, got {density.min()}")
    integer("cells", cells, low=1)
    real("floor", floor, low=0.0, high=1.0)
    sizes = np.diff(t)
    total = density @ sizes
    even = 1.0 / (t[-1] - t[0])
    density = floor * even + (1 - floor) * (density / total if total > 0 else even)
    mass = np.concatenate([[0.0], np.cumsum(density * sizes)])
    found = np.interp(np.linspace(0.0, mass[-1], cells + 1), mass, t)
    found[[0, -1]] = t[[0, -1]]
    return np.asarray(found)


def resampled(
    residual: Callable[[Float64Array], Float64Array],
    count: int,
    box: Box,
    seed: int | np.random.Generator,
    power: float = 1.0,
    floor: float = 1.0,
    pool: int = 10,
) -> Float64Array:
    """`count` points drawn with density |r|^power / mean(|r|^power) + floor (Wu et al. 2023, RAD).

    Parameters
    ----------
    residual
        (n, d) points -> (n,) residuals.
    count, box, seed
        As in `collocation`.
    power, floor
        The larger the power and the smaller the floor, the more points go where the residual is large.
    pool
        Drawn without replacement from `pool` times as many uniform points.

    Raises
    ------
    TypeError, ValueError
        For residuals that are not finite or of another shape, or a negative power or floor.
    """
    real("power", power, low=0.0, high=np.inf)
    real("floor", floor, low=0.0, high=np.inf)
    generator = np.random.default_rng(seed)
    points = collocation(
        "random", integer("count", count, low=1) * integer("pool", pool, low=2), box, generator
    )
    sizes = np.abs(real_array("residual", residual(points), shape=(len(points),)).astype(np.float64)) ** power
    mean = sizes.mean()
    density = (sizes / mean if mean > 0 else np.ones_like(sizes)) + floor
    return points[generator.choice(len(points), count, replace=False, p=density / density.sum())]


def _ends(box: Box) -> Float64Array:
    ends = real_array("box", np.asarray(box, dtype=np.float64), shape=(None, 2), empty=False)
    if not (ends[:, 0] < ends[:, 1]).all():
        raise ValueError(f"box must hold intervals (a, b), a < b, got {box}")
    return ends.astype(np.float64)


def _product(axes: Sequence[Float64Array]) -> Float64Array:
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
