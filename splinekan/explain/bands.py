"""Confidence bands for the functions on the edges of a model, and for its outputs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, boolean, instance, integer, real, shown
from splinekan.explain.chain import (
    Chain,
    explained,
    samples_of,
    shares,
    without_record,
)
from splinekan.explain.edge_bands import EdgeBand, Edges
from splinekan.explain.losses import loss_of
from splinekan.explain.posterior import Posterior, posterior
from splinekan.explain.text import aligned, columns
from splinekan.fitting.arguments import targets_of
from splinekan.fitting.samples import merged
from splinekan.model import Model
from splinekan.objectives import QuadraticPenalty

CHUNK = 2**22
"""Most numbers in a dense piece of the Jacobian."""
LARGEST = 5000
"""Most parameters of a model: their covariance is a dense matrix."""


class Band(NamedTuple):
    """Values and the half-width of an interval about each.

    Attributes
    ----------
    values, half_width
        Arrays of the same shape and in the same units; the half-width is infinite where the samples determine
        nothing.
    """

    values: Float64Array
    half_width: Float64Array


@dataclass(frozen=True, eq=False)
class ConfidenceBands:
    """Bands for the edges of a model and, by a call with points, for its outputs.

    `print` shows a table; `pandas.DataFrame(bands.to_dict())` makes a data frame; `plot` draws the edges.

    Attributes
    ----------
    model
        The model.
    level
        The nominal share of the points at which a band covers the truth.
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

        The band is for the expected value of y, not for a new sample; for likelihoods it is for the outputs
        of the model, such as log-odds.
        """
        points = samples_of(self.model, x, 1, "x")
        model = without_record(self.model)
        half_width = np.empty((len(points), model.n_out))
        size = max(CHUNK // max(model.n_parameters * model.n_out, 1), 1)
        for start in range(0, len(points), size):
            rows = model.jacobian(points[start : start + size]).tocsr()
            found = self.posterior.half_widths(rows, self.level) if len(points) else np.zeros(0)
            half_width[start : start + size] = found.reshape(-1, model.n_out)
        return Band(np.asarray(model(points)), half_width)

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
        """A table with a row for every edge: its range, its largest half-width, where the band excludes 0."""
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
        head = ("edge from", "to", "least", "largest", "largest half-width", "excludes 0")
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
    refinements: int | None = None,
) -> ConfidenceBands:
    """Confidence bands for the functions on the edges of a fitted model, and for its outputs.

    The parameters have the covariance phi (J^T J + W)^{-1} about their estimates, W the penalties of
    `splinekan.fit`, phi the deviance over (number of values of y - effective parameters). It is that of a
    Gaussian posterior (Wahba 1983), which accounts for the bias by smoothing as well as for the noise:
    averaged over the points of a function, a band covers the truth with the frequency `level` (Nychka 1988;
    Marra & Wood 2012, Scand. J. Stat. 39, 53). It need not do so at every single point, and it is not a band
    that contains the whole function with that probability. The uncertainty of the weights of the penalties is
    not included.

    With refined knots the mean of the distribution is the result of a Gauss-Newton step on these knots. A
    band is centred at the model itself, and wide enough to have the probability `level` in this distribution:
    it is wider where splines were too coarse for an output because another output is noisier.

    Constants can move between the edges that lead to the same node; the function of an edge is therefore
    given less its mean over the samples. The units of hidden nodes are arbitrary too: the edges that leave a
    node compensate a shift or scaling of the node. The bands of edges from and to hidden nodes are those of
    the functions with every hidden node shifted by its mean and scaled by its deviation over the samples,
    converted to the units of the model; such changes are not part of the uncertainty. The bands are local,
    for solutions near this model; other minima, with other functions on their edges, may fit equally well.
    Bands of outputs do not depend on these conventions.

    Parameters
    ----------
    model
        A model of `splinekan.fit`, or any `Model` at a minimum of its loss, such as a trained network.
    X, y
        The training samples, (n, n_in) and (n, n_out) or (n,).
    level
        The level of the bands, between 0 and 1.
    sample_weight
        Multiplicities, (n,), as in `splinekan.fit`.
    points
        Number of points of the grid for every edge, at least 2.
    with_mean
        Whether the bands of edges that lead to an output contain the uncertainty of the mean of the output.
        Without it a band has almost no width where the function crosses its mean, and covers less than its
        level if the function is nearly straight (Marra & Wood 2012, section 3).
    loss
        "squared", "logistic", "softmax" or "poisson", or such a loss; None for that of the record, or squares
        without a record.
    penalty
        The `QuadraticPenalty` of a model trained by hand with a sum of losses, such as
        `LeastSquares(..., smoothing=1e-3).penalty`; None for that of the record, if it has a penalty.
    refinements
        Number of refinements of the knots before the bands are computed: the bands of finer splines with the
        same penalties include functions that coarse splines cannot represent. None for 1 if the record has
        penalties and the finer model is not too large, otherwise 0.

    Returns
    -------
    ConfidenceBands
        The bands of the edges; a call with points returns the bands of the outputs.

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
    model = _refined(model, refinements, penalty)
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
    edges = Edges(splines, chain, found, count, both).all(width)
    noise = np.full(model.n_out, np.nan) if found.known else np.sqrt(found.phi) * found.scales
    return ConfidenceBands(splines, width, edges, noise, found.effective, found)


def _refined(model: Model, times: Any, penalty: Any) -> Model:
    """The model on the knots of the bands."""
    if times is not None:
        number = integer("refinements", times, low=0, high=8)
        if number and penalty is not None:
            raise ValueError("refinements must be 0 with a penalty, which acts on the parameters as they are")
        return model.refine(number)
    penalised = penalty is None and model.record is not None and len(model.record.weights) > 0
    finer = model.refine() if penalised and 2 * model.n_parameters <= LARGEST else model
    return finer if finer.n_parameters <= LARGEST else model
