"""Condition numbers against the number of intervals: sequences, fitted and predicted exponents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import comb, factorial, isfinite, log
from typing import Any

import numpy as np

from splinekan.multilevel import Hierarchy
from splinekan.network import KAN, initialize
from splinekan.objectives import LeastSquares
from splinekan.spectra import (
    Spectrum,
    change_of_basis_spectrum,
    gauss_newton_spectrum,
    gram_spectrum,
)
from splinekan.splines.knots import uniform_knots
from splinekan.studies.skeleton.tables import Column

COARSEST = 4
"""Intervals on which the network's function is drawn."""
LAST = 4
"""Number of the largest sizes that enter a fit."""


@dataclass(frozen=True)
class Growth:
    """Condition numbers of a matrix of one degree over the number of intervals G.

    Attributes
    ----------
    matrix, basis, degree
        The matrix, its basis and its degree.
    intervals, condition
        G, and the condition number of the values that are not zero to rounding; nan where float64 does not
        resolve the smallest, and such sizes enter no fit.
    nullity
        Values that are zero to rounding.
    slope, slope_error
        The least-squares slope of log condition over log G on the `LAST` largest sizes, and its standard
        error.
    corrected, corrected_error
        The same with an additional term in 1/G, which accounts for the difference of m = G + k from G.
    predicted
        The exponent that theory gives, None if it gives none.
    bounds
        Whether all sizes satisfy the bounds proved in `theory`; None without bounds.
    """

    matrix: str
    basis: str
    degree: int
    intervals: tuple[int, ...]
    condition: tuple[float, ...]
    nullity: tuple[int, ...]
    slope: float
    slope_error: float
    corrected: float
    corrected_error: float
    predicted: float | None
    bounds: bool | None


MATRICES = ("A", "A^T A", "mass", "layer 2-1", "block of 2-3-1", "network 2-3-1")
"""In the order of the table."""
COLUMNS = (
    Column("matrix", "matrix", left=True),
    Column("basis", "basis", left=True),
    Column("degree", "degree"),
    Column("G", lambda row: row.intervals[-1]),
    Column("condition", lambda row: _text(next(filter(isfinite, row.condition[::-1]), np.nan), ".2e")),
    Column("slope", lambda row: f"{_text(row.slope)} ({_text(row.slope_error)})"),
    Column("with 1/G", lambda row: f"{_text(row.corrected)} ({_text(row.corrected_error)})"),
    Column("predicted", lambda row: "-" if row.predicted is None else f"{row.predicted:g}"),
    Column("proved bounds", lambda row: _note(row), left=True),
)


def _note(row: Growth) -> str:
    """Sizes that are lost, or whether all sizes keep within the proved bounds."""
    lost = [g for g, c in zip(row.intervals, row.condition, strict=True) if not isfinite(c)]
    if lost:
        return f"unresolved at G = {', '.join(map(str, lost))}"
    return {None: "", True: "within", False: "VIOLATED"}[row.bounds]


def exponent(
    intervals: Sequence[int], condition: Sequence[float], correction: bool = False
) -> tuple[float, float]:
    """(p, its standard error) of condition = C G^p, or C G^p e^(d/G), on the largest resolved sizes.

    nan where there are fewer sizes than unknowns; the error is nan where there are as many.
    """
    pairs = [(g, c) for g, c in zip(intervals, condition, strict=True) if isfinite(c)][-LAST:]
    unknowns = 3 if correction else 2
    if len(pairs) < unknowns:
        return np.nan, np.nan
    g = np.array([p[0] for p in pairs], dtype=float)
    columns = [np.log(g), np.ones(len(g)), 1 / g][:unknowns]
    X, y = np.stack(columns, axis=1), np.log([p[1] for p in pairs])
    fit = np.linalg.lstsq(X, y, rcond=None)[0]
    free = len(g) - unknowns
    if free == 0:
        return float(fit[0]), np.nan
    variance = float(np.sum((y - X @ fit) ** 2)) / free
    return float(fit[0]), float(np.sqrt(variance * np.linalg.inv(X.T @ X)[0, 0]))


def growth(
    matrix: str,
    basis: str,
    degree: int,
    intervals: Sequence[int],
    spectrum: Callable[[int], Spectrum],
    predicted: float | None,
    bounds: Callable[[int, float], bool] | None = None,
) -> Growth:
    """Condition numbers of `spectrum` on every number of intervals, with fitted exponents."""
    spectra = [spectrum(count) for count in intervals]
    condition = [each.condition for each in spectra]
    held = None
    if bounds is not None:
        held = all(bounds(g, c) for g, c in zip(intervals, condition, strict=True) if isfinite(c))
    return Growth(
        matrix,
        basis,
        degree,
        tuple(intervals),
        tuple(condition),
        tuple(each.nullity for each in spectra),
        *exponent(intervals, condition),
        *exponent(intervals, condition, correction=True),
        predicted,
        held,
    )


def of_matrices(degree: int, intervals: Sequence[int]) -> list[Growth]:
    """A, A^T A and the mass matrices on [0, 1].

    With r = degree + 1: cond(A^T A) lies between C(2r, r) (C(m+r, r+1)/m)^2 and 4^r C(m+r-1, r)^2, m = G +
    degree (`theory`, claim lemma-4-growth). The B-spline mass matrix M is bounded. That of the ReLUs is
    A^{-1} M A^{-T}, at most cond(M) cond(A^T A), and at least C(2r, r) G^(2r+1)/((r!)^2 (r+1)^2 (G+r-1))
    (claim relu-gram-growth): it grows like G^(2r) exactly.
    """
    r = degree + 1

    def knots(count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        return uniform_knots(0, 1, count, degree)

    def square(count: int, condition: float) -> bool:
        m = count + degree
        low = comb(2 * r, r) * (comb(m + r, r + 1) / m) ** 2
        return low <= condition <= 4.0**r * comb(m + r - 1, r) ** 2 and m > r

    def root(count: int, condition: float) -> bool:
        return square(count, condition**2)

    def relu(count: int, condition: float) -> bool:
        low = comb(2 * r, r) * count ** (2 * r + 1) / ((factorial(r) * (r + 1)) ** 2 * (count + r - 1))
        return log(condition) >= log(low)

    def of_a(matrix: str, count: int) -> Spectrum:
        return change_of_basis_spectrum(knots(count), degree, matrix)

    def mass(basis: str, count: int) -> Spectrum:
        return gram_spectrum(knots(count), degree, basis=basis)

    return [
        growth("A", "-", degree, intervals, partial(of_a, "A"), r, root),
        growth("A^T A", "-", degree, intervals, partial(of_a, "A^T A"), 2 * r, square),
        growth("mass", "spline", degree, intervals, partial(mass, "spline"), 0),
        growth("mass", "relu", degree, intervals, partial(mass, "relu"), 2 * r, relu),
    ]


def of_layer(degree: int, intervals: Sequence[int]) -> list[Growth]:
    """The Gauss-Newton matrix of a spline layer 2 -> 1, on a grid of samples that resolves every interval.

    On evenly spread samples it is a mass matrix, summed instead of integrated, on two edges that share the
    constants (nullity 1): bounded in the spline basis, exponent 2r in the ReLU basis.
    """

    def spectrum(basis: str, count: int) -> Spectrum:
        x = _grid(3 * count)
        network = KAN.splines([2, 1], degree, count)
        objective = LeastSquares(network, x, np.zeros(len(x)), 1 / len(x))
        return gauss_newton_spectrum(objective, np.zeros(network.n_parameters), basis)

    return [
        growth("layer 2-1", "spline", degree, intervals, partial(spectrum, "spline"), 0),
        growth("layer 2-1", "relu", degree, intervals, partial(spectrum, "relu"), 2 * (degree + 1)),
    ]


def of_network(degree: int, levels: int, seed: int) -> list[Growth]:
    """The Gauss-Newton matrix of a network 2-3-1, an affine map and a spline layer, refined exactly.

    The function is drawn on 4 intervals and stays the same on all levels. The block of the spline layer sees
    the hidden values, whose density falls linearly to 0 at both ends of the domain: the functions there count
    h^2 instead of h, and the exponents grow by 1, to 1 and 2r + 1. The whole matrix also holds the directions
    in which the affine map moves and the splines undo the change, the more exactly the finer they are (the
    remainder of a shift is the distance of the functions' slope from the splines): no prediction.
    """
    hierarchy = Hierarchy(KAN.affine_first([2, 3, 1], degree, COARSEST), levels)
    theta = initialize(hierarchy.network, seed, noise=1.0)
    points = _grid(128)
    objectives, thetas = {}, {}
    for level in hierarchy.levels:
        if level.P is not None:
            theta = level.P @ theta
        count = level.network.intervals
        objectives[count] = LeastSquares(level.network, points, np.zeros(len(points)), 1 / len(points))
        thetas[count] = theta

    def spectrum(basis: str, layer: int | None, count: int) -> Spectrum:
        return gauss_newton_spectrum(objectives[count], thetas[count], basis, layer)

    exponents = {"spline": 1, "relu": 2 * degree + 3}
    counts = list(objectives)
    blocks = [
        growth("block of 2-3-1", basis, degree, counts, partial(spectrum, basis, 1), predicted)
        for basis, predicted in exponents.items()
    ]
    return blocks + [
        growth("network 2-3-1", basis, degree, counts, partial(spectrum, basis, None), None)
        for basis in exponents
    ]


def _grid(count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """count^2 midpoints of the unit square."""
    side = (np.arange(count) + 0.5) / count
    return np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)


def _text(value: float, form: str = ".2f") -> str:
    """A number, or a dash for what a fit of too few sizes does not give."""
    if not isfinite(value):
        return "-"
    return format(round(value, 2) + 0.0 if form == ".2f" else value, form)
