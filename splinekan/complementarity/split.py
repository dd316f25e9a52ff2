"""The tangent space at a prolongated point, split into the coarse tangent space and a complement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._blas import one, several
from splinekan._checks import Array, Float64Array, affordable, not_too_large, real, real_array, vector

LARGEST = 1e100
"""Bound on entries, so that products and squares do not overflow."""
CUTOFF = 1e-10
"""Singular values below this times the largest count as zero, after scaling columns to length 1."""
NOISE = (float(np.finfo(np.float64).eps) / CUTOFF) ** 2
"""Shares below this may be rounding errors: the ranges are computed to eps/`CUTOFF`."""


@dataclass(frozen=True, eq=False)
class TangentSplit:
    """The outputs that first-order changes of theta can produce, range(J), split by its subspace range(J P).

    Updates are measured in function space, by |J d| on the samples (with their weights), so that the result
    does not depend on the basis of the parameters. J is often rank deficient (constants can move between the
    edges of a node; no sample may lie in the support of a coefficient's function). The ranges come from
    singular value decompositions with a relative cut-off, after scaling the columns to length 1.

    Parameters
    ----------
    jacobian
        J at theta = P theta_coarse, (rows, n), or R with J = Q R; residuals are then Q^T r.
    prolongation
        P, (n, n_coarse), dense or sparse.
    cutoff
        Relative cut-off of the singular values, dimensionless.

    Raises
    ------
    TypeError, ValueError
        For shapes that do not fit, entries that are not finite, a cut-off outside [0, 1], or J P = 0.

    Examples
    --------
    >>> import numpy as np
    >>> split = TangentSplit(np.eye(3), np.eye(3)[:, :2])
    >>> split.share([3.0, 0.0, 4.0])
    0.64
    """

    jacobian: Float64Array
    prolongation: Any
    cutoff: float = CUTOFF
    fine: Float64Array = field(init=False, repr=False)
    """Orthonormal basis of range(J)."""
    coarse: Float64Array = field(init=False, repr=False)
    """Orthonormal basis of range(J P)."""

    def __post_init__(self) -> None:
        jacobian = real_array("jacobian", self.jacobian, ndim=2, empty=False).astype(np.float64)
        sparse = scipy.sparse.issparse(self.prolongation)
        if sparse:
            affordable("the dense prolongation", 8.0 * float(np.prod(self.prolongation.shape)))
        dense = self.prolongation.toarray() if sparse else self.prolongation
        p = real_array("prolongation", dense, shape=(jacobian.shape[1], None), empty=False).astype(float)
        not_too_large("jacobian", jacobian, LARGEST)
        not_too_large("prolongation", p, LARGEST)
        cutoff = real("cutoff", self.cutoff, low=0.0, high=1.0)
        object.__setattr__(self, "cutoff", cutoff)
        with several(2.0 * jacobian.size * p.shape[1]):
            image = jacobian @ p
        coarse = _range(image, cutoff)
        if coarse.shape[1] == 0:
            raise ValueError(
                "jacobian, prolongation and cutoff: no coarse direction changes the outputs, J P is zero"
            )
        for name, value in (("jacobian", jacobian), ("prolongation", p), ("coarse", coarse)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "fine", _range(jacobian, self.cutoff))

    def share(self, update: ArrayLike) -> float:
        """min_c |J d - J P c|^2/|J d|^2, the share of an update's energy outside the coarse tangent space.

        0 for d in range(P), 1 for J d orthogonal to range(J P), dimensionless.

        If the coarse level is stationary (P^T J^T r = 0), a step of any length along d removes at most this
        share of the reducible loss: r is orthogonal to range(J P), so that by the Cauchy-Schwarz inequality
        <J d, r>^2/|J d|^2 <= share |r|^2.

        Raises
        ------
        TypeError, ValueError
            For a vector that does not have the shape (n,), is not finite, or does not change the outputs.
        """
        y = self._change(update)
        return _square(self._outside(y)) / _square(y)

    def reach(self, update: ArrayLike, residual: ArrayLike) -> float:
        """The largest share of the reducible loss that steps along +-d remove, cos^2(J d, r), r in range(J).

        The loss is linearised, 1/2 |r + J d|^2. The share is 1 for a full Gauss-Newton step.
        """
        return _cosine_squared(self._change(update), self._reducible(residual))

    def corrected(self, update: ArrayLike, residual: ArrayLike) -> float:
        """As `reach`, with an exact coarse solve before and after the step.

        cos^2 of the angle between the components of J d and r orthogonal to range(J P).
        """
        return _cosine_squared(self._outside(self._change(update)), self._outside(self._reducible(residual)))

    def best(self, residual: ArrayLike) -> float:
        """The share of the full Gauss-Newton step, |r outside range(J P)|^2/|r|^2 with r in range(J).

        1 where the coarse level is stationary.
        """
        r = self._reducible(residual)
        return float(_square(self._outside(r)) / _square(r))

    @one
    def random(self, directions: ArrayLike | None = None) -> float:
        """Share of a random update, its mean energy outside the coarse space over its mean energy.

        Parameters
        ----------
        directions
            (n, any): the update is this matrix times independent N(0, 1) variables; None for the identity,
            that is for random coefficients. T^{-1} gives random coefficients z = T theta.
        """
        columns = self.jacobian
        if directions is not None:
            shape = (self.jacobian.shape[1], None)
            columns = columns @ _unit(real_array("directions", directions, shape=shape, empty=False))
        columns = _nonzero_unit("directions must change the outputs: J directions", columns)
        return _square(self._outside(columns)) / _square(columns)

    @property
    def isotropic(self) -> float:
        """Expected share of an isotropic random change of the outputs, 1 - rank(J P)/rank(J)."""
        return float(1 - self.coarse.shape[1] / self.fine.shape[1])

    @property
    def dimension(self) -> float:
        """The fraction of new coefficients, 1 - n_coarse/n."""
        return float(1 - self.prolongation.shape[1] / self.prolongation.shape[0])

    @one
    def _change(self, update: ArrayLike) -> Float64Array:
        d = vector("update", update, self.jacobian.shape[1])
        return _nonzero_unit("update must change the outputs: J d", self.jacobian @ _unit(d))

    @one
    def _reducible(self, residual: ArrayLike) -> Float64Array:
        r = vector("residual", residual, self.jacobian.shape[0])
        inside = self.fine @ (self.fine.T @ _unit(r))
        return _nonzero_unit("residual must have a component in the range of the Jacobian: it", inside)

    @one
    def _outside(self, y: Float64Array) -> Float64Array:
        """The component orthogonal to range(J P); the second projection removes the rounding of the first."""
        for _ in range(2):
            y = y - self.coarse @ (self.coarse.T @ y)
        return y


def _unit(v: Array) -> Float64Array:
    """v divided by its largest modulus; the measures here do not depend on lengths."""
    size = float(np.abs(v).max(initial=0.0))
    return np.asarray(v / size if size > 0 else v, dtype=np.float64)


def _nonzero_unit(what: str, y: Float64Array) -> Float64Array:
    if not np.any(y):
        raise ValueError(f"{what} is 0")
    return _unit(y)


def _range(matrix: Float64Array, cutoff: float) -> Float64Array:
    matrix = _unit(matrix)
    lengths = np.sqrt(np.einsum("ij,ij->j", matrix, matrix))
    scaled = matrix[:, lengths > 0] / lengths[lengths > 0]
    if scaled.shape[1] == 0:
        return np.zeros((len(matrix), 0))
    with several(22.0 * scaled.size * min(scaled.shape)):
        u, s, _ = scipy.linalg.svd(scaled, full_matrices=False, check_finite=False)
    return np.ascontiguousarray(u[:, s > cutoff * s[0]])


def _square(y: Float64Array) -> float:
    return float(np.sum(y * y))


def _cosine_squared(y: Float64Array, r: Float64Array) -> float:
    lengths = _square(y) * _square(r)
    return float(np.sum(y * r) ** 2 / lengths) if lengths > 0 else 0.0
