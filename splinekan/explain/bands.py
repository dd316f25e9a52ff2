"""Confidence bands for the functions on the edges of a model, and for its outputs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, boolean, instance, integer, real, shown
from splinekan.explain.chain import (
    Chain,
    explained,
    node_names,
    samples_of,
    shares,
    without_record,
)
from splinekan.explain.losses import loss_of
from splinekan.explain.posterior import Posterior, last_unit, posterior
from splinekan.explain.text import aligned, columns
from splinekan.fitting.arguments import targets_of
from splinekan.fitting.samples import merged
from splinekan.model import Model
from splinekan.network import KAN, Affine, Normalizer, SplineLayer
from splinekan.objectives import QuadraticPenalty

CHUNK = 2**22
"""Numbers of a dense piece of the Jacobian."""
LARGEST = 5000
"""Parameters of a model, at most: their covariance is a dense matrix."""


class Band(NamedTuple):
    """Values and half the width of an interval about each.

    Attributes
    ----------
    values, half_width
        Of the same shape and in the same units; the half-width is infinite where the samples determine
        nothing.
    """

    values: Float64Array
    half_width: Float64Array


@dataclass(frozen=True, eq=False)
class EdgeBand:
    """The function of an edge with its band.

    Attributes
    ----------
    layer, input, output
        The number of the layer in `model.network.layers`, and those of input and output from 0.
    names
        Of input and output.
    grid
        Points from the least to the largest value of the input at the samples, (points,): in the units of x
        for inputs of the model, of the node otherwise.
    values, half_width
        The function less its mean over the samples, and half the width of the band, (points,); in the units
        of y for edges that lead to an output, of the node otherwise.
    """

    layer: int
    input: int
    output: int
    names: tuple[str, str]
    grid: Float64Array = field(repr=False)
    values: Float64Array = field(repr=False)
    half_width: Float64Array = field(repr=False)


@dataclass(frozen=True, eq=False)
class ConfidenceBands:
    """Bands for the edges of a model and, by a call with points, for its outputs.

    `print` shows a table; `pandas.DataFrame(bands.to_dict())` makes a data frame; `plot` draws the edges.

    Attributes
    ----------
    model
        The model.
    level
        The share of the points at which a band is to cover the truth.
    edges
        A band for every edge of a spline layer or an affine map.
    noise
        The estimated deviation of the noise of every output, (n_out,), in the units of y; NaN for
        likelihoods.
    effective
        Effective number of parameters.
    """

    model: Model = field(repr=False)
    level: float
    edges: tuple[EdgeBand, ...] = field(repr=False)
    noise: Float64Array
    effective: float
    posterior: Posterior = field(repr=False)

    def __call__(self, x: ArrayLike) -> Band:
        """The outputs at points x, (n, n_in), and the half-widths of their band, both (n, n_out).

        The band is for the expected value of y, not for another sample; for likelihoods it is for the outputs
        of the model, such as log-odds.
        """
        points = samples_of(self.model, x, least=1)
        model, factor = without_record(self.model), quantile(self.posterior, self.level)
        deviations = np.empty((len(points), model.n_out))
        size = max(CHUNK // max(model.n_parameters * model.n_out, 1), 1)
        for start in range(0, len(points), size):
            rows = model.jacobian(points[start : start + size]).tocsr()
            found = self.posterior.deviations(rows) if len(points) else np.zeros(0)
            deviations[start : start + size] = found.reshape(-1, model.n_out)
        return Band(np.asarray(model(points)), factor * deviations)

    def edge(self, layer: int, input: int, output: int) -> EdgeBand:
        """The band of an edge, by the number of the layer in `model.network.layers`, its input and output.

        Raises
        ------
        TypeError, ValueError
            For an edge without a band.
        """
        at = (
            integer("layer", layer, low=0),
            integer("input", input, low=0),
            integer("output", output, low=0),
        )
        for each in self.edges:
            if (each.layer, each.input, each.output) == at:
                return each
        raise ValueError(f"layer, input and output must name an edge with a band, got {at}")

    def to_dict(self) -> dict[str, list[Any]]:
        """Columns "layer", "from", "to", "at", "value" and "half_width", a row for every point of a grid."""
        rows = [
            (each.layer, *each.names, *map(float, point))
            for each in self.edges
            for point in zip(each.grid, each.values, each.half_width, strict=True)
        ]
        return columns(("layer", "from", "to", "at", "value", "half_width"), rows)

    def __str__(self) -> str:
        """A row for every edge: its range, its widest half-width, and where the band excludes 0."""
        rows = []
        for each in self.edges:
            with np.errstate(invalid="ignore"):
                away = np.mean(np.abs(each.values) > each.half_width)
            rows.append(
                (
                    *each.names,
                    f"{each.values.min():.3g}",
                    f"{each.values.max():.3g}",
                    f"{each.half_width.max():.2g}",
                    f"{100 * away:.0f} %",
                )
            )
        noise = ", ".join(f"{each:.3g}" for each in self.noise[:3]) + ", ..." * (len(self.noise) > 3)
        title = f"{100 * self.level:g} % bands, {self.effective:.0f} effective parameters"
        title += "" if np.isnan(self.noise).all() else f", noise {noise}"
        head = ("edge from", "to", "least", "largest", "half-width up to", "without 0")
        return f"{title}\n{aligned(head, rows, 2)}"

    def plot(self, most: int = 24) -> Any:
        """A figure with a panel for each of at most `most` edges, those with the largest ranges first."""
        from splinekan.plots import bands_figure  # matplotlib takes long to import

        return bands_figure(self, most)


def confidence_bands(
    model: Any,
    X: Any,
    y: Any,
    level: float = 0.95,
    *,
    sample_weight: ArrayLike | None = None,
    points: int = 101,
    with_mean: bool = True,
    loss: Any = None,
    penalty: Any = None,
) -> ConfidenceBands:
    """Confidence bands for the functions on the edges of a fitted model, and for its outputs.

    The parameters have the covariance phi (J^T J + W)^{-1} about their estimates, W the penalties of
    `splinekan.fit`, phi the deviance over (number of values of y - effective parameters). It is that of a
    Gaussian posterior (Wahba 1983), which counts the bias by smoothing as well as the noise: averaged over the
    points of a function, a band covers the truth as often as its level tells (Nychka 1988; Marra & Wood 2012,
    Scand. J. Stat. 39, 53). It need not do so at every single point, and it is not a band that contains the
    whole function with that probability. The choice of the weights of the penalties is not counted.

    Constants can move between the edges that lead to the same node; the function of an edge is given less its
    mean over the samples. Units of hidden nodes are arbitrary, too: a shift or a stretch of a node is made up
    for by the edges that leave it. The bands of edges from and to hidden nodes are those of the functions with
    every hidden node in units of its mean and its deviation over the samples, converted to those of the model:
    what such changes would do is not counted. The bands are local, for solutions next to this model; other
    minima, with other functions on their edges, may fit as well. Bands of outputs do not depend on any of
    this.

    Parameters
    ----------
    model
        Of `splinekan.fit`, or any `Model` at a minimum of its loss, such as a trained network.
    X, y
        The training samples, (n, n_in) and (n, n_out) or (n,).
    level
        Between 0 and 1.
    sample_weight
        Multiplicities, (n,), as in `splinekan.fit`.
    points
        Of the grid for every edge, at least 2.
    with_mean
        Whether the bands of edges that lead to an output contain the uncertainty of the mean of the output.
        Without it a band has next to no width where the function crosses its mean, and covers less than its
        level if the function is nearly straight (Marra & Wood 2012, section 3).
    loss
        "squared", "logistic", "softmax" or "poisson", or such a loss; None for that of the record, squares
        without one.
    penalty
        The `QuadraticPenalty` of a model trained by hand with a sum of losses, such as
        `LeastSquares(..., smoothing=1e-3).penalty`; None for that of the record, if there is one.

    Returns
    -------
    ConfidenceBands

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds or shapes, other losses, fewer values of y than effective parameters, and
        more than 5000 parameters.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(0, 1, (300, 2))
    >>> y = np.sin(6 * x[:, 0]) + x[:, 1] + 0.1 * rng.normal(size=300)
    >>> bands = confidence_bands(fit(x, y, hidden=()), x, y)
    >>> values, half_width = bands([[0.3, 0.5]])
    >>> bool(np.abs(values[0, 0] - np.sin(1.8) - 0.5) < 2 * half_width[0, 0])
    True
    """
    model = explained(model)
    width = real("level", level, low=0.0)
    if not 0 < width < 1:
        raise ValueError(f"level must lie between 0 and 1, got {width}")
    count, both = integer("points", points, low=2), boolean("with_mean", with_mean)
    x, t = samples_of(model, X), targets_of(y, names=model.output_names)
    if t.shape != (len(x), model.n_out):
        raise ValueError(f"y must have shape {(len(x), model.n_out)}, got {t.shape}")
    known = loss_of(model, loss, refused=("huber", "quantile", "custom"))
    if hasattr(known.loss, "check"):
        known.loss.check(t)
    if sample_weight is not None:
        shares(sample_weight, len(x))
    if model.n_parameters > LARGEST:
        raise ValueError(
            f"model must have at most {LARGEST} parameters, whose covariance is a dense matrix, "
            f"got {model.n_parameters}"
        )
    if penalty is not None:
        instance("penalty", penalty, QuadraticPenalty)
        if model.basis != "spline" or penalty.root.shape[1] != model.n_parameters:
            raise ValueError(
                f"penalty must act on {model.n_parameters} parameters in the spline basis, got "
                f"{shown(penalty.root.shape)} in the basis {model.basis!r}"
            )
        if model.record is not None:
            model = replace(model, record=replace(model.record, weights=()))
    x, t, w = merged(x, t, None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64))
    splines = model.with_basis("spline")
    found = posterior(splines, x, t, w, known.loss, known.likelihood, penalty)
    chain = Chain.of(splines.network, splines.theta, x, shares(w, len(x)))
    factor = quantile(found, width)
    edges = _Edges(splines, chain, found, count, both).all(factor)
    noise = np.full(model.n_out, np.nan) if found.known else np.sqrt(found.phi) * found.scales
    return ConfidenceBands(splines, width, edges, noise, found.effective, found)


def quantile(found: Posterior, level: float) -> float:
    """Of Student's distribution with the degrees of freedom that are left; normal if the noise is known."""
    from scipy.special import ndtri, stdtrit

    share = (1 + level) / 2
    return float(ndtri(share) if found.known else stdtrit(found.n - found.effective, share))


class _Edges:
    """The functionals of theta that are the values of centred edges on grids."""

    def __init__(
        self, model: Model, chain: Chain, found: Posterior, count: int, with_mean: bool
    ) -> None:
        self.model, self.chain, self.found, self.count, self.with_mean = model, chain, found, count, with_mean
        self.names = node_names(model, chain.mixing)

    def all(self, factor: float) -> tuple[EdgeBand, ...]:
        """The bands, with half-widths of `factor` deviations."""
        edges = []
        for depth, number in enumerate(self.chain.mixing):
            layer = self.chain.network.layers[number]
            if not isinstance(layer, (SplineLayer, Affine)):
                continue
            for p in range(layer.n_in):
                for q in range(layer.n_out):
                    edges.append(self._band(depth, number, p, q, factor))
        return tuple(edges)

    def _band(self, depth: int, number: int, p: int, q: int, factor: float) -> EdgeBand:
        chain, w = self.chain, self.chain.weights
        grid, u = self._grid(number, p)
        at = chain.inputs[number][:, p]
        rows = self._rows(number, p, q, u, 0).toarray()
        average = scipy.sparse.csr_array(w[None]) @ self._rows(number, p, q, at, 0)
        values, means = rows @ chain.theta, average @ chain.theta
        rows -= average.toarray()
        if chain.network.offsets[number]:  # the input is a hidden node: its unit is the deviation
            mean, size, middle, spread = self._moments(number, p)
            if size > 0:
                slope = self._rows(number, p, q, u, 1) @ chain.theta
                rows += slope[:, None] * (mean + ((u - middle) / size)[:, None] * spread)
            slopes = self._rows(number, p, q, at, 1) @ chain.theta
            rows -= self._pulled(number, p, w * slopes)
        values = values - means
        last = number == chain.mixing[-1]
        ends = self._linear_end(number)
        unit = 1.0
        if last and ends:
            unit = float(last_unit(self.model)[q])
            if self.with_mean:
                rows += self._pulled_outputs(q, w) / unit
        elif not last:
            h = chain.values(number)[:, q]
            middle = float(w @ h)
            size = float(np.sqrt(w @ (h - middle) ** 2))
            if size > 0:
                spread = self._pulled(number + 1, q, w * (h - middle) / size)
                rows -= (values / size)[:, None] * spread
        names = (self.names[depth][p], self.names[depth + 1][q])
        half = factor * abs(unit) * self.found.deviations(rows)
        return EdgeBand(number, p, q, names, grid, unit * values, half)

    def _grid(self, number: int, p: int) -> tuple[Float64Array, Float64Array]:
        """Points in the units that are shown, and as they enter the layer."""
        chain = self.chain
        source = 0 if chain.network.offsets[number] == 0 else number
        column = chain.inputs[source][:, p]
        grid = np.linspace(column.min(), column.max(), self.count)
        values = np.repeat(chain.inputs[source][:1], self.count, axis=0)
        values[:, p] = grid
        for later in range(source, number):
            values = np.asarray(chain.network.layers[later].value(np.zeros(0), values))
        return grid, np.ascontiguousarray(values[:, p])

    def _rows(self, number: int, p: int, q: int, u: Float64Array, derivative: int) -> scipy.sparse.csr_array:
        """Rows whose products with theta are values, or derivatives, of an edge."""
        network = self.chain.network
        layer = network.layers[number]
        if isinstance(layer, SplineLayer):
            return network.edge_rows(number, p, q, u, derivative)
        column = network.indices(number, p, q, "weight")
        values = u if derivative == 0 else np.ones_like(u)
        at = (np.arange(len(u)), np.repeat(column, len(u)))
        return scipy.sparse.csr_array((values, at), shape=(len(u), network.n_parameters))

    def _moments(self, number: int, p: int) -> tuple[Float64Array, float, float, Float64Array]:
        """Rows of the mean of a node, and of its deviation, which are given too."""
        w, u = self.chain.weights, self.chain.inputs[number][:, p]
        middle = float(w @ u)
        size = float(np.sqrt(w @ (u - middle) ** 2))
        spread = w * (u - middle) / size if size > 0 else w
        return self._pulled(number, p, w), size, middle, self._pulled(number, p, spread)

    def _pulled(self, number: int, p: int, g: Float64Array) -> Float64Array:
        """The row of sum_i g_i (input p of layer `number`)_i as a functional of theta."""
        network = self.chain.network
        part = KAN(network.layers[:number])
        start = part.n_parameters
        gy = np.zeros((len(g), part.n_out))
        gy[:, p] = g
        row = np.zeros(network.n_parameters)
        row[:start] = part.vjp(self.chain.theta[:start], self.chain.inputs[0], gy)
        return row

    def _pulled_outputs(self, q: int, g: Float64Array) -> Float64Array:
        gy = np.zeros_like(self.chain.output)
        gy[:, q] = g
        return self.chain.network.vjp(self.chain.theta, self.chain.inputs[0], gy)

    def _linear_end(self, number: int) -> bool:
        """Whether nothing but an affine normaliser follows."""
        rest = self.chain.network.layers[number + 1 :]
        return not rest or (len(rest) == 1 and isinstance(rest[0], Normalizer) and rest[0].kind == "affine")


