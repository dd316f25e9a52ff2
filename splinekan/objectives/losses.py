"""Losses of a sample, with their gradients and the roots of their Hessians.

A loss l(g, y) of outputs g and targets y enters training through three functions of a sample: its value, its
gradient in g, and a square root S of its Hessian, S^T S = d^2 l/dg^2 (positive semidefinite for a convex
loss). With J the Jacobian of g, the generalised Gauss-Newton matrix is sum_i (S_i J_i)^T (S_i J_i)
(Schraudolph 2002): the rows of a chunk are S_i J_i, whatever the loss.

Where the Hessian vanishes, as that of the Huber loss does far from the target, S^T S is a small fraction of
a majoriser: the curvature of the parabola that touches l at g and lies above l elsewhere. Steps by the whole
majoriser (iteratively reweighted least squares) always decrease l, but converge slowly; the damping of
Levenberg-Marquardt compensates for the missing part. The minimum is that of l for every choice of S.

`SquaredError` is here, Huber and quantile losses are in `splinekan.objectives.robust`, logistic, softmax and
Poisson losses in `splinekan.objectives.likelihoods`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Array, Float64Array, real_array


class Loss(Protocol):
    """A smooth, convex loss per sample; g and y are (n, n_out) and share a floating-point type.

    Optional methods:

    `mean(g)`
        The prediction that belongs to outputs, (n, n_out): a probability, an expected count.
    `check(y)`
        Raises ValueError for targets that the loss does not admit; called once, by `DataLoss`.
    `curvature(g, y)`
        The diagonal of d^2 l/dg^2, (n, n_out), where S^T S differs from it.
    `residual(g, y)`
        The rho of least norm with S^T rho = dl/dg, (n, n_out), where a formula is faster than solving.
    """

    @property
    def mean_factor(self) -> float:
        """The factor by which `reduction="mean"` multiplies the mean over the samples."""
        ...

    @property
    def squared(self) -> bool:
        """Whether the loss is 1/2 |rho|^2 with rho = gradient(g, y), so that a residual exists."""
        ...

    def value(self, g: Array, y: Array) -> Float64Array:
        """l, (n,), in float64."""
        ...

    def gradient(self, g: Array, y: Array) -> Array:
        """dl/dg, (n, n_out)."""
        ...

    def root(self, g: Array, y: Array) -> Array | None:
        """S: (n, n_out) if it is diagonal, (n, n_out, n_out) for full matrices, None for the identity.

        S^T S is the Hessian of l in g, or a positive definite matrix where that Hessian is singular.
        """
        ...


CUTOFF = 1e-12
"""Singular values of S below this times the largest are treated as zero."""
LOSS_METHODS = ("value", "gradient", "root")
LOSS_ATTRIBUTES = ("mean_factor", "squared")


@dataclass(frozen=True)
class SquaredError:
    """l = 1/2 |g - y|^2; with `reduction="mean"` the mean square error, without the factor 1/2.

    Raises
    ------
    TypeError, ValueError
        By `value` and `gradient`, unless g and y are real matrices of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> SquaredError().value(np.array([[3.0, 0.0], [1.0, 1.0]]), np.zeros((2, 2)))
    array([4.5, 1. ])
    """

    mean_factor: ClassVar[float] = 2.0
    squared: ClassVar[bool] = True

    def value(self, g: Array, y: Array) -> Float64Array:
        """1/2 |g - y|^2."""
        difference = self.gradient(g, y)
        return np.asarray(np.einsum("ij,ij->i", difference, difference, dtype=np.float64) / 2)

    def gradient(self, g: Array, y: Array) -> Array:
        """g - y."""
        g, y = matching(g, y)
        difference: Array = g - y
        return difference

    def root(self, g: Array, y: Array) -> None:
        """None, which stands for the identity."""

    def mean(self, g: Array) -> Array:
        """The expected target, g itself."""
        return outputs(g)


def outputs(g: Array) -> Array:
    """g as a matrix (n, n_out); NaN passes."""
    return real_array("g", g, ndim=2, finite=False)


def matching(g: Array, y: Array) -> tuple[Array, Array]:
    """g and y as matrices of the same shape; NaN passes."""
    g = outputs(g)
    return g, real_array("y", y, shape=g.shape, finite=False)


def admissible(y: Array, wrong: NDArray[np.bool_], needed: str) -> None:
    """Refuse targets if any of them is `wrong`.

    Raises
    ------
    ValueError
        With the value and the index of the first wrong target.
    """
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"y must {needed}, got {y[at]} at index {at}")


def curved(root: Array | None, v: Array) -> Array:
    """S^T S v for v (n, n_out)."""
    if root is None:
        return v
    if root.ndim == 2:
        return np.asarray(root * root * v)
    return np.asarray(np.einsum("nki,nkj,nj->ni", root, root, v))


def unrooted(root: Array | None, gradient: Array) -> Array:
    """rho of least norm with S^T rho = gradient, (n, n_out); where S is singular, in the range of S."""
    if root is None:
        return gradient
    if root.ndim == 2:
        return np.divide(gradient, root, out=np.zeros_like(gradient), where=root != 0)
    finite = np.isfinite(root).all(axis=(1, 2))
    rho = np.full_like(gradient, np.nan)
    inverse = np.linalg.pinv(root[finite].swapaxes(1, 2), rcond=CUTOFF)
    rho[finite] = np.einsum("nij,nj->ni", inverse, gradient[finite])
    return rho
