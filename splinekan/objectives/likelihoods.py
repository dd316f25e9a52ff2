"""Negative log-likelihoods of labels and counts, in the natural parameter g: logistic, softmax, Poisson.

Their gradients are the expected target minus the target. Constants that do not depend on g are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from splinekan._arrays import quiet
from splinekan._checks import Array, Float64Array, real_array
from splinekan.objectives.losses import admissible, matching, outputs

SUMS = 1e-5
"""Admitted deviation of a sum of probabilities from 1: they may have been rounded to float32."""


@dataclass(frozen=True)
class Logistic:
    """l = sum over outputs of log(1 + exp(g)) - y g: labels y in {0, 1}, or probabilities in [0, 1].

    g is the log-odds; every output is a separate binary label. For y in {0, 1}, l = -log P(y). A minimum
    exists unless the classes are separable; with `smoothing` in `DataLoss`, unless polynomials of the
    splines' degree separate them.

    Raises
    ------
    TypeError, ValueError
        `check`, for targets outside [0, 1]; the other methods, unless g and y are real matrices of the same
        shape.

    Examples
    --------
    >>> import numpy as np
    >>> Logistic().gradient(np.zeros((2, 1)), np.array([[0.0], [1.0]]))
    array([[ 0.5],
           [-0.5]])
    """

    mean_factor: ClassVar[float] = 1.0
    squared: ClassVar[bool] = False

    def check(self, y: Array) -> None:
        """Refuse targets outside [0, 1]."""
        y = real_array("y", y)
        admissible(y, (y < 0) | (y > 1), "lie in [0, 1] for the loss Logistic (labels are 0 and 1)")

    @quiet
    def value(self, g: Array, y: Array) -> Float64Array:
        """l, (n,)."""
        g, y = (each.astype(np.float64) for each in matching(g, y))
        # Both terms are positive for y in [0, 1]: nothing cancels.
        tail = np.log1p(np.exp(-np.abs(g)))
        yes, no = y * (np.maximum(-g, 0) + tail), (1 - y) * (np.maximum(g, 0) + tail)
        return np.asarray((yes + no).sum(axis=1))

    @quiet
    def gradient(self, g: Array, y: Array) -> Array:
        """dl/dg = p - y with p = 1/(1 + exp(-g))."""
        g, y = matching(g, y)
        difference: Array = (1 - y) * _expit(g) - y * _expit(-g)
        return np.asarray(difference, dtype=g.dtype)

    @quiet
    def root(self, g: Array, y: Array) -> Array:
        """sqrt(p (1 - p)) = exp(-|g|/2)/(1 + exp(-|g|))."""
        g, _ = matching(g, y)
        half = np.exp(-np.abs(g) / 2)
        return np.asarray(half / (1 + half * half))

    @quiet
    def mean(self, g: Array) -> Array:
        """The probability of the label 1, p = 1/(1 + exp(-g))."""
        return _expit(outputs(g))


@dataclass(frozen=True)
class Softmax:
    """l = -sum_k y_k log p_k, p = exp(g)/sum_k exp(g_k): rows y of probabilities, such as one-hot labels.

    The cross-entropy of mutually exclusive classes, with an output for each class. Adding a constant to all
    outputs of a sample leaves l unchanged. For one-hot labels, l = -log P(y). The Hessian is
    diag(p) - p p^T = S^T S with
    S = diag(sqrt p) (I - 1 p^T), of rank K - 1.

    Raises
    ------
    TypeError, ValueError
        `check`, for fewer than two columns, entries outside [0, 1] or rows that do not sum to 1 to 1e-5; the
        other methods, unless g and y are real matrices of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> Softmax().mean(np.log([[1.0, 3.0]]))
    array([[0.25, 0.75]])
    """

    mean_factor: ClassVar[float] = 1.0
    squared: ClassVar[bool] = False

    def check(self, y: Array) -> None:
        """Refuse targets that are not rows of probabilities."""
        y = real_array("y", y, ndim=2)
        if y.shape[1] < 2:
            raise ValueError(
                f"y must have a column for each of at least 2 classes for the loss Softmax, got {y.shape[1]} "
                "(Logistic takes a single output)"
            )
        admissible(y, (y < 0) | (y > 1), "lie in [0, 1] for the loss Softmax")
        sums = y.sum(axis=1, dtype=np.float64)
        admissible(sums, np.abs(sums - 1) > SUMS, "have rows that sum to 1 for the loss Softmax")

    @quiet
    def value(self, g: Array, y: Array) -> Float64Array:
        """l, (n,)."""
        g, y = (each.astype(np.float64) for each in matching(g, y))
        return np.asarray(np.einsum("ij,ij->i", y, -_log_softmax(g)))

    @quiet
    def gradient(self, g: Array, y: Array) -> Array:
        """p - y (p sum_k y_k - y where rounding keeps the sum from 1)."""
        g, y = matching(g, y)
        return np.asarray(_softmax(g) * y.sum(axis=1, keepdims=True) - y, dtype=g.dtype)

    @quiet
    def root(self, g: Array, y: Array) -> Array:
        """S = diag(s) (I - 1 p^T), s = sqrt p; times the root of sum_k y_k."""
        g, y = matching(g, y)
        logs = _log_softmax(g)
        s, p = np.exp(logs / 2) * np.sqrt(y.sum(axis=1, keepdims=True)), np.exp(logs)
        k = range(g.shape[1])
        root = -s[:, :, None] * p[:, None, :]
        root[:, k, k] = s * _others(p)
        return np.asarray(root, dtype=g.dtype)

    @quiet
    def residual(self, g: Array, y: Array) -> Array:
        """(p - y)/s: S^T of it is the gradient, and it is orthogonal to s, which S^T maps to 0."""
        g, y = matching(g, y)
        s = np.exp(_log_softmax(g) / 2) * np.sqrt(y.sum(axis=1, keepdims=True))
        rho = np.divide(self.gradient(g, y), s, out=np.zeros_like(s), where=s != 0)
        return np.asarray(rho, dtype=g.dtype)

    @quiet
    def mean(self, g: Array) -> Array:
        """The probabilities p of the classes."""
        return _softmax(outputs(g))


@dataclass(frozen=True)
class Poisson:
    """l = sum over outputs of exp(g) - y g: counts y >= 0 with the expectation exp(g).

    The negative log-likelihood without log y!, which does not depend on g: it may be negative. Rates, counts
    divided by an exposure, are admitted too, with the exposure as weight.

    Raises
    ------
    TypeError, ValueError
        `check`, for negative targets; the other methods, unless g and y are real matrices of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> Poisson().gradient(np.zeros((1, 1)), np.array([[3.0]]))
    array([[-2.]])
    """

    mean_factor: ClassVar[float] = 1.0
    squared: ClassVar[bool] = False

    def check(self, y: Array) -> None:
        """Refuse negative targets."""
        y = real_array("y", y)
        admissible(y, y < 0, "not be negative for the loss Poisson")

    @quiet
    def value(self, g: Array, y: Array) -> Float64Array:
        """l, (n,)."""
        g, y = (each.astype(np.float64) for each in matching(g, y))
        return np.asarray((np.exp(g) - y * g).sum(axis=1))

    @quiet
    def gradient(self, g: Array, y: Array) -> Array:
        """exp(g) - y."""
        g, y = matching(g, y)
        return np.asarray(np.exp(g) - y, dtype=g.dtype)

    @quiet
    def root(self, g: Array, y: Array) -> Array:
        """exp(g/2)."""
        return np.exp(matching(g, y)[0] / 2)

    @quiet
    def mean(self, g: Array) -> Array:
        """The expected count, exp(g)."""
        return np.exp(outputs(g))


def _expit(g: Array) -> Array:
    """1/(1 + exp(-g)), without overflow."""
    small = np.exp(-np.abs(g))
    return np.asarray(np.where(g >= 0, 1, small) / (1 + small))


def _log_softmax(g: Array) -> Array:
    """log p."""
    shifted = g - g.max(axis=1, keepdims=True, initial=-np.inf)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _softmax(g: Array) -> Array:
    e = np.exp(g - g.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _others(p: Array) -> Array:
    """1 - p, without the cancellation that p near 1 would bring."""
    rest, others, largest = 1 - p, p.copy(), (np.arange(len(p)), p.argmax(axis=1))
    others[largest] = 0
    rest[largest] = others.sum(axis=1)
    return np.asarray(rest)
