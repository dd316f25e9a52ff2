"""Spectral densities from random probes, with errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, boolean, function, integer, real, real_array, vector

EPS = float(np.finfo(np.float64).eps)
SPREAD = 2.0
"""Number of standard errors on either side of an estimate from probes."""


@dataclass(frozen=True)
class Moment:
    """A trace estimated from random probes, and the standard error of the mean (NaN for a single probe)."""

    value: float
    standard_error: float


@dataclass(frozen=True, eq=False)
class Density:
    """Gauss quadrature of a spectrum, a rule for every random probe (stochastic Lanczos quadrature).

    The trace of f(H), sum_i f(lambda_i), is approximately size times sum_k weights_k f(nodes_k), averaged
    over the probes (Ubaru, Chen & Saad 2017, SIAM J. Matrix Anal. Appl. 38). A rule of s nodes is exact for
    v^T f(H) v if f is a polynomial of degree 2s - 1; the error that remains is the scatter over the probes.

    Attributes
    ----------
    nodes, weights
        (probes, steps): Ritz values, and weights whose sum is 1 in every row; unused entries have weight 0.
    size
        n of the matrix.

    Raises
    ------
    TypeError, ValueError
        For nodes and weights that are not finite matrices of the same shape, or a size below 1.
    """

    nodes: Float64Array
    weights: Float64Array
    size: int

    def __post_init__(self) -> None:
        nodes = real_array("nodes", self.nodes, ndim=2, empty=False).astype(np.float64, copy=False)
        weights = real_array("weights", self.weights, shape=nodes.shape).astype(np.float64, copy=False)
        for name, value in (
            ("nodes", nodes),
            ("weights", weights),
            ("size", integer("size", self.size, low=1)),
        ):
            object.__setattr__(self, name, value)

    def moment(self, f: Callable[[Float64Array], Float64Array]) -> Moment:
        """The trace of f(H) for a vectorised f; for an indicator function, the number of eigenvalues.

        Raises
        ------
        TypeError, ValueError
            For f that cannot be called or does not return real numbers in the shape of its argument.
        """
        values = function("f", f)(self.nodes)
        values = real_array("f(nodes)", values, shape=self.nodes.shape, finite=False)
        return _over_probes(self.size * (self.weights * values).sum(axis=1))

    def broadened(
        self, grid: ArrayLike, width: float, logarithmic: bool = False
    ) -> tuple[Float64Array, Float64Array]:
        """The density of eigenvalues on a grid, with integral 1, and its standard error; for plots only.

        Every node becomes a Gaussian of standard deviation `width`. If `logarithmic`, this is the density of
        log10 |lambda|, the grid holds positive values of |lambda|, and the width is in decades.

        Raises
        ------
        TypeError, ValueError
            For a width that is not positive, or a logarithmic grid that is not.
        """
        at, width = vector("grid", grid), real("width", width, positive=True)
        logarithmic = boolean("logarithmic", logarithmic)
        nodes = self.nodes
        if logarithmic:
            if (at <= 0).any():
                raise ValueError(f"a logarithmic grid must be positive, got {at.min()}")
            at, nodes = np.log10(at), np.log10(np.maximum(np.abs(nodes), np.finfo(np.float64).tiny))
        with np.errstate(over="ignore"):  # far from its node a Gaussian underflows to 0
            scaled = (at[:, None, None] - nodes) / width
            bells = np.exp(-(scaled**2) / 2) / np.sqrt(2 * np.pi) / width
        moments = [_over_probes(row) for row in (bells * self.weights).sum(axis=2)]
        return np.array([m.value for m in moments]), np.array([m.standard_error for m in moments])

    def cumulative(self, values: ArrayLike) -> tuple[Float64Array, Float64Array]:
        """Bounds (low, high) on the fraction of the eigenvalues that do not exceed each of `values`.

        The distribution of a probe is bounded by the weights of its rule: between the nodes j and j + 1 it is
        at least w_1 + ... + w_(j-1) and at most w_1 + ... + w_(j+1) (Chebyshev, Markov and Stieltjes; Szego,
        Orthogonal Polynomials, section 3.41). These bounds, which are rigorous for each probe, are averaged
        over the probes, minus or plus two standard errors. A single probe, without standard errors, gives 0
        and 1.

        Raises
        ------
        TypeError, ValueError
            For values that are not finite numbers.
        """
        at = vector("values", values)
        rounding = self.size * EPS * float(np.abs(self.nodes).max())
        below, above = [], []
        for nodes, weights in zip(*self._sorted, strict=True):
            sums = np.concatenate([[0.0, 0.0], np.cumsum(weights), [1.0]])  # sums[j + 1]: of the first j
            below.append(sums[np.searchsorted(nodes, at - rounding, side="right")])
            above.append(sums[np.searchsorted(nodes, at + rounding, side="right") + 2])
        if len(below) == 1:
            return np.zeros(len(at)), np.ones(len(at))
        root = np.sqrt(len(below))
        spreads = [SPREAD * np.std(rows, axis=0, ddof=1) / root for rows in (below, above)]
        low = np.mean(below, axis=0) - spreads[0]
        high = np.mean(above, axis=0) + spreads[1]
        return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)

    def quantile(self, share: float) -> tuple[float, float]:
        """Bounds (low, high) on the quantile of the eigenvalues that belongs to `share`.

        They follow from `cumulative`, and are infinite on a side without a bound.

        Raises
        ------
        TypeError, ValueError
            For a share that does not lie between 0 and 1.
        """
        share = real("share", share, low=0.0, high=1.0)
        at = np.unique(self.nodes[self.weights > 0])
        below, above = self.cumulative(at)
        smaller, larger = np.flatnonzero(above < share), np.flatnonzero(below >= share)
        low = float(at[smaller[-1]]) if len(smaller) else -np.inf
        high = float(at[larger[0]]) if len(larger) else np.inf
        return low, high

    @property
    def _sorted(self) -> tuple[Float64Array, Float64Array]:
        """Nodes in increasing order, row by row, and their weights."""
        order = np.argsort(self.nodes, axis=1, kind="stable")
        return np.take_along_axis(self.nodes, order, axis=1), np.take_along_axis(self.weights, order, axis=1)

    def record(self) -> dict[str, Any]:
        """The nodes and weights as plain lists, for JSON."""
        return {"nodes": self.nodes.tolist(), "weights": self.weights.tolist(), "size": self.size}


def _over_probes(values: Float64Array) -> Moment:
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
    return Moment(float(values.mean()), error)
