"""Losses that grow linearly far from the target: Huber's, and the smoothed quantile loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from splinekan._arrays import quiet
from splinekan._checks import Array, Float64Array, real, real_array
from splinekan.objectives.losses import matching, outputs

SHARE = 0.01
"""Fraction of the majoriser that is used where the curvature is 0. Levenberg-Marquardt needs about as many
iterations with 0.001 or 0, three to ten times as many with 1; a positive value keeps columns of J from
vanishing."""


@dataclass(frozen=True)
class Huber:
    """l = sum over outputs of d^2/2 for |d| <= delta, delta |d| - delta^2/2 beyond; d = g - y.

    The loss is quadratic for small residuals and linear for large residuals, so that the influence of
    outliers is bounded (Huber 1964, Robust estimation of a location parameter, Ann. Math. Statist. 35,
    section 4). For delta above all residuals it is half the squared error. The second derivative is 0 beyond
    delta: `root` takes a hundredth of the weight delta/|d| of iteratively reweighted least squares there
    (Huber & Ronchetti 2009, Robust Statistics, section 7.8).

    Parameters
    ----------
    delta
        Half-width of the quadratic part, in the units of y; 1.345 standard deviations of the noise cost 5 %
        of the efficiency for normal errors.

    Raises
    ------
    TypeError, ValueError
        For a delta that is not a positive number; the methods, unless g and y are real matrices of the same
        shape.

    Examples
    --------
    >>> import numpy as np
    >>> Huber(delta=1.0).value(np.array([[0.5], [3.0]]), np.zeros((2, 1)))
    array([0.125, 2.5  ])
    """

    delta: float = 1.0

    mean_factor: ClassVar[float] = 1.0
    squared: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "delta", real("delta", self.delta, positive=True))

    @quiet
    def value(self, g: Array, y: Array) -> Float64Array:
        """l, (n,)."""
        far = np.abs(_difference(g, y))
        near = np.minimum(far, self.delta)
        return np.asarray((near * (far - near / 2)).sum(axis=1))

    @quiet
    def gradient(self, g: Array, y: Array) -> Array:
        """dl/dg: d clipped to [-delta, delta]."""
        g, y = matching(g, y)
        return np.clip(g - y, -self.delta, self.delta)

    @quiet
    def root(self, g: Array, y: Array) -> Array:
        """1 for |d| <= delta, sqrt(delta/(100 |d|)) beyond."""
        far = np.abs(_difference(g, y))
        beyond = np.sqrt(SHARE * self.delta / np.maximum(far, self.delta))
        return np.where(far <= self.delta, 1.0, beyond).astype(_type(g))

    @quiet
    def curvature(self, g: Array, y: Array) -> Array:
        """The second derivative: 1 for |d| <= delta, 0 beyond."""
        return (np.abs(_difference(g, y)) <= self.delta).astype(_type(g))

    def mean(self, g: Array) -> Array:
        """The prediction, g itself."""
        return outputs(g)


@dataclass(frozen=True)
class Quantile:
    """The pinball loss of the quantile q, max((1-q) d, -q d) with d = g - y, smoothed for |d| < width.

    Inside the band l = ((1-q) (width + d)^2 + q (width - d)^2)/(4 width), the mean of the pinball loss over
    d - width ... d + width (convolution with a uniform kernel: Fernandes, Guerre & Horta 2021, Smoothing
    quantile regressions, J. Bus. Econ. Stat. 39; He, Pan, Tan & Zhou 2023, J. Econometrics 232). Outside it
    is the pinball loss (Koenker & Bassett 1978, Econometrica 46). Summed over outputs.

    The smoothed loss exceeds the pinball loss of every output by 0 to width/4, and so does its minimum. The
    function fitted is the quantile of y plus uniform noise on [-width, width]: if y has the density f, it
    lies width^2 f'/(6 f) below the quantile of y, to leading order, with f and f' evaluated at the quantile.
    A narrow band reduces this bias and requires more iterations.

    The second derivative is 0 outside the band: `root` takes a hundredth of the majoriser 1/(2 |d|) there
    (Hunter & Lange 2000, Quantile regression via an MM algorithm, J. Comput. Graph. Stat. 9).

    Parameters
    ----------
    q
        The quantile, between 0 and 1, both excluded; 0.5 for the median.
    width
        Half-width of the band, in the units of y.

    Raises
    ------
    TypeError, ValueError
        For parameters outside these ranges; `check`, for a width above the standard deviation of y;
        the other methods, unless g and y are real matrices of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> Quantile(0.9).value(np.array([[1.0], [-1.0]]), np.zeros((2, 1)))
    array([0.1, 0.9])
    """

    q: float = 0.5
    width: float = 0.01

    mean_factor: ClassVar[float] = 1.0
    squared: ClassVar[bool] = False

    def __post_init__(self) -> None:
        q = real("q", self.q, low=0.0, high=1.0)
        if q in (0.0, 1.0):
            raise ValueError(f"q must lie between 0 and 1, both excluded, got {q}")
        object.__setattr__(self, "q", q)
        object.__setattr__(self, "width", real("width", self.width, positive=True))

    def check(self, y: Array) -> None:
        """Refuse a width above the standard deviation of the targets, which would not give a quantile."""
        targets = real_array("y", y, ndim=2, empty=False)
        spread = targets.astype(np.float64).std(axis=0)
        bad = np.flatnonzero((spread < self.width) & (spread > 0))
        if bad.size:
            raise ValueError(
                f"y must have a standard deviation well above the width {self.width:g} of the loss Quantile, "
                f"got {spread[bad[0]]:.3g} in column {bad[0]}"
            )

    @quiet
    def value(self, g: Array, y: Array) -> Float64Array:
        """l, (n,)."""
        d = _difference(g, y)
        t = np.clip(d / self.width, -1, 1)
        smooth = self.width / 4 * ((1 - self.q) * (1 + t) ** 2 + self.q * (1 - t) ** 2)
        sharp = np.maximum((1 - self.q) * d, -self.q * d)
        return np.asarray(np.where(np.abs(d) < self.width, smooth, sharp).sum(axis=1))

    @quiet
    def gradient(self, g: Array, y: Array) -> Array:
        """1/2 - q + d/(2 width) inside the band; 1 - q above it, -q below."""
        d = _difference(g, y)
        return np.clip(0.5 - self.q + d / self.width / 2, -self.q, 1 - self.q).astype(_type(g))

    @quiet
    def root(self, g: Array, y: Array) -> Array:
        """1/sqrt(2 width) inside the band, 1/sqrt(200 |d|) outside."""
        far = np.abs(_difference(g, y))
        outside = np.sqrt(SHARE * 0.5 / np.maximum(far, self.width))
        return np.where(far <= self.width, np.sqrt(0.5 / self.width), outside).astype(_type(g))

    @quiet
    def curvature(self, g: Array, y: Array) -> Array:
        """The second derivative: 1/(2 width) inside the band, 0 outside."""
        return np.where(np.abs(_difference(g, y)) <= self.width, 0.5 / self.width, 0.0).astype(_type(g))

    def mean(self, g: Array) -> Array:
        """The prediction of the quantile, g itself."""
        return outputs(g)


def _difference(g: Array, y: Array) -> Float64Array:
    """g - y in float64."""
    g, y = matching(g, y)
    return g.astype(np.float64) - y


def _type(g: Array) -> np.dtype[np.floating]:
    return outputs(g).dtype
