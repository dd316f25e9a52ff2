"""Symbols of B-splines on uniform knots: mass and stiffness matrices, lower triangles, two-scale relation.

The waves u_j = exp(i theta.j) are eigenvectors of the matrices on an infinite grid; a symbol is the
eigenvalue as a function of the frequency theta.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import Float64Array, integer, real, real_array
from splinekan._records import Uncached
from splinekan.splines.gram import gram_stencil

Complex = NDArray[np.complexfloating]


@dataclass(frozen=True)
class Symbols(Uncached):
    """The symbols of a mass or stiffness matrix on uniform knots; parameters of `LocalFourier`."""

    degree: int
    derivative: int = 1
    dimension: int = 1
    reaction: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (
            ("degree", integer("degree", self.degree, low=1, high=7)),
            ("derivative", integer("derivative", self.derivative, low=0, high=1)),
            ("dimension", integer("dimension", self.dimension, low=1, high=3)),
            ("reaction", real("reaction", self.reaction, low=0.0, high=1e100)),
        ):
            object.__setattr__(self, name, value)
        if self.derivative == 0 and self.reaction:
            raise ValueError(f"reaction must be 0 for the mass matrix, got {self.reaction}")

    @cached_property
    def _stencils(self) -> tuple[Float64Array, ...]:
        return tuple(gram_stencil(self.degree, each) for each in range(self.derivative + 1))

    def _terms(self, coarsenings: int = 0) -> list[tuple[float, tuple[int, ...]]]:
        """The matrix as a sum of weight times Kronecker products, a derivative per axis."""
        d, widths = self.dimension, 2.0**coarsenings
        mass = (0,) * d
        if self.derivative == 0:
            return [(widths**d, mass)]
        stiff = [(widths ** (d - 2), (*mass[:a], 1, *mass[a + 1 :])) for a in range(d)]
        return stiff + ([(self.reaction * widths**d, mass)] if self.reaction else [])

    def _angles(self, theta: ArrayLike) -> Float64Array:
        angles = real_array("theta", theta).astype(np.float64)
        if self.dimension > 1 and (angles.ndim == 0 or angles.shape[-1] != self.dimension):
            raise ValueError(
                f"theta must have {self.dimension} entries along its last axis, got shape {angles.shape}"
            )
        if (np.abs(angles) > 1e8).any():  # their multiples modulo 2 pi lose too many digits
            raise ValueError(f"theta must be at most 1e8 in modulus, got {np.abs(angles).max()}")
        return angles if self.dimension > 1 else angles[..., None]

    def symbol(self, theta: ArrayLike) -> Float64Array:
        """a(theta) >= 0, the factor by which the matrix multiplies the wave.

        Parameters
        ----------
        theta
            Frequencies in radians, of any shape; with an axis of `dimension` entries at the end for more
            than one dimension.

        Returns
        -------
        ndarray
            In the shape of theta, without that axis.

        Raises
        ------
        TypeError, ValueError
            For frequencies of the wrong shape, or above 1e8.
        """
        return self._symbol(self._angles(theta))

    def _symbol(self, angles: Float64Array, coarsenings: int = 0) -> Float64Array:
        k, total = self.degree, np.zeros(angles.shape[:-1])
        for weight, orders in self._terms(coarsenings):
            part = np.full(angles.shape[:-1], weight)
            for axis, order in enumerate(orders):
                # |2 sin(theta/2)|^{2 d} f(theta), f the mass symbol of degree k - d: nothing cancels
                x = angles[..., axis]
                mass = gram_stencil(k - order)
                middle = len(mass) // 2
                values = mass[middle] + 2 * sum(
                    mass[middle + j] * np.cos(j * x) for j in range(1, middle + 1)
                )
                part = part * (2 * np.sin(x / 2)) ** (2 * order) * values
            total = total + part
        return total

    def _diagonal(self, coarsenings: int = 0) -> float:
        k = self.degree
        return sum(
            weight * float(np.prod([self._stencils[order][k] for order in orders]))
            for weight, orders in self._terms(coarsenings)
        )

    def _lower(self, angles: Float64Array, coarsenings: int) -> Complex:
        """The symbol of the lower triangle, diagonal included, with the last index running fastest."""
        k, waves = self.degree, np.exp(1j * np.arange(-self.degree, self.degree + 1) * angles[..., None])
        total = np.zeros(angles.shape[:-1], dtype=complex)
        for weight, orders in self._terms(coarsenings):
            strict = np.zeros(angles.shape[:-1], dtype=complex)
            whole = np.ones(angles.shape[:-1], dtype=complex)
            middle = 1.0
            for axis in reversed(range(self.dimension)):
                stencil, wave = self._stencils[orders[axis]], waves[..., axis, :]
                before = wave[..., :k] @ stencil[:k]
                strict = before * whole + stencil[k] * strict
                whole = whole * (wave @ stencil)
                middle *= stencil[k]
            total += weight * (strict + middle)
        return total

    def two_scale_symbol(self, theta: ArrayLike) -> Complex:
        """p(theta): a wave phi of the coarse level becomes the sum of p(theta)/2^d times its 2^d fine waves.

        prod_a 2^{-k} (1 + exp(-i theta_a))^{k+1}, from the two-scale relation; shape as for `symbol`.
        """
        angles = self._angles(theta)
        return self._two_scale(angles)

    def _two_scale(self, angles: Float64Array) -> Complex:
        k = self.degree
        return np.asarray(np.prod((1 + np.exp(-1j * angles)) ** (k + 1) / 2.0**k, axis=-1))
