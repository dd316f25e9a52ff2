"""`fit`: a model from a table of inputs and targets."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, boolean, real_array
from splinekan._columns import checked_names, names_of, numbered, numbers
from splinekan.distributed import ClusterError, DaskExecutor
from splinekan.fitting import path
from splinekan.fitting.arguments import apart_of, check_targets, inputs_of, paired, targets_of
from splinekan.fitting.balance import balanced
from splinekan.fitting.constant import flattened
from splinekan.fitting.description import described, noise_of, penalties_of, smoothing_of, without_effect
from splinekan.fitting.evidence import State, improve
from splinekan.fitting.named_losses import ROBUST, in_deviations, middle, named
from splinekan.fitting.options import DENSE, INTERVALS, STARTS, WIDER, Options
from splinekan.fitting.progress import Progress
from splinekan.fitting.samples import merged
from splinekan.fitting.scaling import Scaling, bounds_of, centred, warn_of_outliers
from splinekan.fitting.search import Candidate, Found, Search
from splinekan.fitting.training import Samples
from splinekan.model import Model
from splinekan.model.record import LIKELIHOODS, Choice, FitRecord
from splinekan.network import KAN
from splinekan.optimize import History

HELD_OUT, ENOUGH, AT_MOST = 0.2, 100, 5000
"""The share of samples that is held out, the fewest samples of which any are, and the most held out."""


def fit(
    X: Any,
    y: Any,
    hidden: Sequence[int] | int | None = None,
    *,
    degree: int = 3,
    loss: Any = "squared",
    sample_weight: ArrayLike | None = None,
    held_out: Any = None,
    first: str | None = None,
    levels: int | None = None,
    smoothing: float | None = None,
    names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    seed: int = 0,
    progress: bool | None = None,
    client: Any = None,
) -> Model:
    """A spline network fitted to data in any units; options that are not given are chosen from the data.

    Inputs are scaled to the domain of the splines, column by column and with a margin, targets to mean 0
    and deviation 1. The model has both maps as its first and last layer: it takes and returns the units of
    the data.

    Slopes and bending of every edge are penalised, in modes that make these penalties diagonal, so that
    features that the samples do not determine are straight or absent. The weights of the penalties, chosen
    for every edge, maximise the restricted likelihood in the Gauss-Newton approximation (MacKay 1992; Wood
    2011; see `splinekan.fitting.evidence`). Its value also compares networks: many starts of several widths
    on coarse knots, with spline layers or an affine map first. The best are refined, level by level, as long
    as the likelihood rises and the loss of held-out samples does not. Finally the model is trained with all
    samples. Networks that are too large for this, and networks for quantiles, have equal weights, chosen by
    the held-out loss. `model.summary()` lists the choices and the reasons for them.

    Parameters
    ----------
    X
        Inputs, (n, n_in), in any units: an array or a data frame, whose column names are kept. X, y, weights
        and held-out samples may be arrays, data frames and series of Dask. Rows are paired by position; data
        frames and series whose indices differ are refused.
    y
        Targets, (n,) or (n, n_out). Labels 0 and 1 for "logistic", rows of probabilities (one-hot) for
        "softmax", counts for "poisson".
    hidden
        Widths of the hidden layers; () for a sum of functions of each input; None to choose them.
    degree
        The degree of the splines, 1 to 7.
    loss
        "squared", "huber", "quantile" (the median), "logistic", "softmax", "poisson"; or a loss such as
        `Quantile(0.9)`, in the units of y. For losses given by name, Huber's delta is 0.2 deviations of y
        (estimated from its quartiles), the band of the quantile 0.02. The model returns g; `mean(g)` of the
        loss is the expected target. A user-defined loss is taken for a negative log-likelihood.
    sample_weight
        Multiplicities, (n,): a sample of weight 2 counts as two samples, a sample of weight 0 is ignored.
        Divide weights in other units by their mean.
    held_out
        The share of samples that is held out, 0 for none; or samples (X, y). None for a fifth, at most 5000
        samples, and no samples if there are fewer than 100.
    first
        "splines" or "affine", the kind of the first layer; None to choose it.
    levels
        The largest number of levels, 1 for the coarsest splines only; None for as many as improve the fit.
    smoothing
        The weight s of all penalties in (mean loss) + s/2 |z|^2, z the slopes and the bending of all edges
        (for squares the loss is half the square error, in deviations of y); None to choose a weight for
        every edge.
    names, output_names
        Names of the columns of X and y; None for those of data frames.
    seed
        Seed of the starts and the held-out samples. The same data and seed give the same bits, whatever the
        order of the samples.
    progress
        Whether to show a progress bar, with level, loss and held-out loss; None to show it on a terminal.
    client
        None to compute in this process; a `distributed.Client`, "active" for the client in scope, or a
        `DaskExecutor`, to sum over the samples on the workers of a Dask cluster. This process scales and
        divides the samples, and must hold them in float64, even if they come from Dask collections.

    Returns
    -------
    Model
        The model, with the `record` of the fit.

    Raises
    ------
    TypeError, ValueError
        For data that are not finite real numbers, masked arrays, shapes that do not fit, targets that the
        loss does not admit, and options other than those above.
    MemoryError
        For samples that exceed the memory of this process, or with a client that of the workers.
    ClusterError
        If the cluster of the client is lost; with the best `Model` so far, if any, as its `result`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).uniform(0, 300, (200, 2))
    >>> model = fit(x, np.sin(x[:, 0] / 50) + x[:, 1] / 300, hidden=())
    >>> bool(np.abs(model([[150.0, 60.0]]) - np.sin(3) - 0.2) < 1e-3)
    True
    """
    executor = None if client is None else DaskExecutor.of(client)
    if executor is not None:
        executor._require_scheduler()
    data = {"X": X, "y": y, "sample_weight": sample_weight, "held_out": held_out}
    X, y, sample_weight, held_out = paired(data, None if executor is None else executor.client)
    x, t = inputs_of("X", X), targets_of(y)
    if x.shape[1] == 0 or len(x) == 0:
        raise ValueError(f"X must have at least one row and one column, got shape {x.shape}")
    if len(t) != len(x):
        raise ValueError(f"X and y must have the same number of rows, got {len(x)} and {len(t)}")
    inputs = names_of(X) if names is None else checked_names("names", names, x.shape[1])
    outputs = names_of(y) if output_names is None else checked_names("output_names", output_names, t.shape[1])
    options = Options.checked(hidden, degree, first, levels, smoothing, seed)
    kind, given = named(loss)
    by_name = isinstance(loss, str)
    check_targets("y", t, given, kind, by_name)
    if progress is not None:
        boolean("progress", progress)
    weights = None if sample_weight is None else numbers("sample_weight", sample_weight)
    weights = None if weights is None else real_array("sample_weight", weights, shape=(len(x),))
    apart = apart_of(held_out, inputs, outputs, x.shape[1], t.shape[1])
    if isinstance(apart, tuple):
        check_targets("held_out[1]", apart[1], given, kind, by_name)
    n_samples = len(x)
    warn_of_outliers(x, numbered("x", x.shape[1]) if inputs is None else inputs, stacklevel=2)
    x, t, weights = merged(x, t, None if weights is None else weights.astype(np.float64))
    known = kind in LIKELIHOODS or kind == "custom"
    if known:  # the targets are not scaled
        centre, deviation = np.zeros(t.shape[1]), np.ones(t.shape[1])
    else:
        centre, deviation = centred(t, weights, kind in ROBUST)
        if not by_name and kind in ROBUST:  # its widths are in the units of y
            deviation = np.full_like(deviation, deviation.mean())
    scaling = Scaling(bounds_of(x), centre, deviation)
    scaled_loss = in_deviations(kind, given, not by_name, float(deviation[0]))
    samples = Samples(scaling.scaled(x), scaling.standard(t), weights, scaled_loss, known, executor)
    # The restricted likelihood needs curvature, which quantiles have in a narrow band only.
    by_path = kind == "quantile" or options.is_large(x.shape[1], t.shape[1])
    if apart is None and by_path and options.smoothing is None and len(samples) < ENOUGH:
        apart = HELD_OUT  # it alone chooses the weight of the penalties then
    if isinstance(apart, tuple):
        others = scaling.scaled(apart[0]), scaling.standard(apart[1])
        apart = Samples(*others, None, scaled_loss, known)
    train, held, how = _divided(samples, apart, options)
    with Progress(progress) as report:
        search = Search(
            train,
            held,
            middle(kind, t, weights),
            options.degree,
            INTERVALS,
            options.levels,
            None if options.smoothing is None else options.smoothing * samples.total,
            DENSE,
            options.seed,
            report.reach,
        )
        try:
            found = _search(search, options, by_path, x.shape[1], t.shape[1])
        except ClusterError as error:
            error.result = (
                None if report.best is None else _model(report.best.state, scaling, inputs, outputs)
            )
            raise
        began = perf_counter()
        try:
            found, state, noise = _finished(found, samples, train is samples, options)
        except ClusterError as error:
            error.result = _model(found.best.state, scaling, inputs, outputs)
            raise
        state, constant = flattened(state, samples.x)
        final = Candidate.of(
            found.best.architecture,
            state,
            found.best.level,
            samples,
            held if train is samples else None,
            began,
        )
        report(final.trial())
    choices = (
        *described(scaling, kind),
        how,
        *found.choices,
        *smoothing_of(state, samples, scaling, noise, options),
        *without_effect(state, constant, inputs),
    )
    record = FitRecord(
        scaling.bounds,
        kind,
        n_samples,
        choices,
        tuple(report.trials),
        History.join(state.histories),
        penalties_of(state),
        noise_of(state, samples, scaling, noise),
    )
    return _model(state, scaling, inputs, outputs, record)


def _model(
    state: State, scaling: Scaling, inputs: Any, outputs: Any, record: FitRecord | None = None
) -> Model:
    """The model in the units of the data."""
    layers = [scaling.inputs, *state.network.layers]
    if scaling.outputs is not None:
        layers.append(scaling.outputs)
    return Model(KAN(tuple(layers)), state.theta, names=inputs, output_names=outputs, record=record)


def _divided(
    samples: Samples, share: float | Samples | None, options: Options
) -> tuple[Samples, Samples | None, Choice]:
    """Samples to train with and to confirm with."""
    if isinstance(share, Samples):
        return samples, share, Choice("held out", f"{len(share)} samples", "as given")
    n = len(samples)
    count = round(n * share) if share is not None else min(round(HELD_OUT * n), AT_MOST) if n >= ENOUGH else 0
    if count == 0 or n - count < 1:
        reason = "as asked" if share is not None else f"fewer than {ENOUGH} samples"
        return samples, None, Choice("held out", "none", reason)
    order = np.random.default_rng([options.seed, 0]).permutation(n)
    held, train = samples.at(np.sort(order[:count])), samples.at(np.sort(order[count:]))
    why = "to confirm choices; the model was then trained with all samples"
    return train, held, Choice("held out", f"{count} of {n} samples", why)


def _search(search: Search, options: Options, by_path: bool, n_in: int, n_out: int) -> Found:
    if by_path:
        return path.follow(search, options.paths(n_in, n_out))
    wider = () if options.hidden is not None else options.architectures(WIDER, n_in, n_out)
    return search.run(options.architectures(STARTS, n_in, n_out), wider)


def _finished(
    found: Found, samples: Samples, alone: bool, options: Options
) -> tuple[Found, State, Float64Array]:
    """The best candidate when trained with all samples, its state, and the noise of outputs over their mean.

    `alone` if no samples were held out: further training is needed only if the outputs differ in noise.
    """
    state, equal = found.best.state, np.ones(samples.y.shape[1])
    if not state.assessed:
        return found, (state if alone else path.trained(state, samples, path.MORE)), equal
    fixed = options.smoothing is not None

    def train(state: State, samples: Samples) -> State:
        data = samples.objective(state.network)
        return improve(state, data, rounds=8, iterations=10, known=samples.known, fixed=fixed, damping=1e-5)

    if len(equal) > 1 and not fixed:
        return found, *balanced(state, samples, train)
    if alone:
        return found, state, equal
    ends = [(each, train(each.best.state, samples)) for each in (found, *found.others)]
    best = min(ends, key=lambda end: end[1].criterion)
    return *best, equal
