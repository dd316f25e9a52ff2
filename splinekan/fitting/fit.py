"""`fit`: a model from a table of inputs and targets."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, boolean, integer, one_of, real, real_array, sequence, shown
from splinekan._columns import checked_names, framed, names_of, numbered, table
from splinekan.fitting import path
from splinekan.fitting.evidence import State, improve
from splinekan.fitting.modes import ModalCoordinates
from splinekan.fitting.named_losses import LIKELIHOODS, ROBUST, in_deviations, middle, named
from splinekan.fitting.progress import Progress
from splinekan.fitting.samples import merged
from splinekan.fitting.scaling import Scaling, bounds_of, centred
from splinekan.fitting.search import Candidate, Found, Search
from splinekan.fitting.training import Architecture, Samples
from splinekan.model import Model
from splinekan.model.record import Choice, FitRecord
from splinekan.network import KAN
from splinekan.optimize import History

FIRST = ("splines", "affine")
INTERVALS = 3
"""Of the coarsest splines."""
DENSE = 1500
"""Parameters up to which the restricted likelihood chooses."""
LARGEST = 200_000
"""Parameters of the largest network that is tried unasked."""
HELD_OUT, ENOUGH, AT_MOST = 0.2, 100, 5000
"""The share of samples that is held out, from how many samples on, and how many at most."""
STARTS = (((), 1, 0), ((1,), 2, 1), ((2,), 2, 2), ((3,), 3, 0), ((5,), 3, 3))
"""Hidden widths with the number of starts, with splines and with an affine map first."""
WIDER = (((10,), 2, 2),)
LARGE = (((), 1, 0), ((10,), 1, 0), ((30,), 0, 1), ((100,), 0, 1))
"""As `STARTS`, for networks that are too large for the restricted likelihood."""
GIVEN = 4
"""Starts of an architecture that is given."""


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
) -> Model:
    """A spline network fitted to data of any scale and unit; what is not given is chosen from the data.

    Inputs are scaled to the domain of the splines, column by column and with a margin, targets to mean 0
    and deviation 1; the model has both maps as its first and last layer and takes and returns the units of
    the data.

    Slopes and bending of every edge are penalised, in modes that make these penalties diagonal, so that
    what the samples do not determine is straight or absent. A weight for every edge maximises the
    restricted likelihood in the Gauss-Newton approximation (MacKay 1992; Wood 2011; see
    `splinekan.fitting.evidence`). Its value compares networks: many starts of several widths on coarse
    knots, spline layers or an affine map first, the best of which are refined, level by level, as long as
    the likelihood rises and the loss of held-out samples does not. At the end the model is trained with all
    samples. Networks that are too large for this get equal weights, chosen by the held-out loss.
    `model.summary()` lists what was chosen, and why.

    Parameters
    ----------
    X
        Inputs, (n, n_in), in any units: an array or a data frame, whose column names are kept.
    y
        Targets, (n,) or (n, n_out). Labels 0 and 1 for "logistic", rows of probabilities (one-hot) for
        "softmax", counts for "poisson".
    hidden
        Widths of the hidden layers; () for a sum of functions of each input; None to choose them.
    degree
        Of the splines, 1 to 7.
    loss
        "squared", "huber", "quantile" (the median), "logistic", "softmax", "poisson"; or a loss such as
        `Quantile(0.9)`, in the units of y. By their names Huber's delta is 0.2 deviations of y (of its
        quartiles), the band of the quantile 0.02. The model returns g; `mean(g)` of the loss is the
        expected target.
    sample_weight
        Multiplicities, (n,): a sample of weight 2 counts as two samples, of weight 0 as none. Divide
        weights in other units by their mean.
    held_out
        The share of samples that is held out, 0 for none; or samples (X, y). None for a fifth, at most 5000
        and none of fewer than 100.
    first
        "splines" or "affine", the kind of the first layer; None to choose it.
    levels
        The largest number of levels, 1 for the coarsest splines only; None for as many as pay.
    smoothing
        The weight s of all penalties in (mean loss) + s/2 |z|^2, z the slopes and the bending of all edges
        (for squares the loss is half the square error, in deviations of y); None to choose a weight for
        every edge.
    names, output_names
        Of the columns of X and y; None for those of data frames.
    seed
        Of the starts and the held-out samples. The same data and seed give the same bits, in whatever order
        the samples come.
    progress
        Whether to show a progress bar, with level, loss and held-out loss; None for on a terminal.

    Returns
    -------
    Model
        With its `record`.

    Raises
    ------
    TypeError, ValueError
        For data that are not finite real numbers, masked arrays, shapes that do not fit, targets that the
        loss does not admit, and options that are not as above.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).uniform(0, 300, (200, 2))
    >>> model = fit(x, np.sin(x[:, 0] / 50) + x[:, 1] / 300, hidden=())
    >>> bool(np.abs(model([[150.0, 60.0]]) - np.sin(3) - 0.2) < 1e-3)
    True
    """
    x, t = table("X", X).astype(np.float64), _targets(y)
    if x.shape[1] == 0 or len(x) == 0:
        raise ValueError(f"X must have at least one row and one column, got shape {x.shape}")
    if len(t) != len(x):
        raise ValueError(f"X and y must have the same number of rows, got {len(x)} and {len(t)}")
    inputs = names_of(X) if names is None else checked_names("names", names, x.shape[1])
    outputs = names_of(y) if output_names is None else checked_names("output_names", output_names, t.shape[1])
    options = _Options.checked(hidden, degree, first, levels, smoothing, seed)
    kind, given = named(loss)
    if hasattr(given, "check"):
        given.check(t)
    if progress is not None:
        boolean("progress", progress)
    weights = None if sample_weight is None else real_array("sample_weight", sample_weight, shape=(len(x),))
    apart = _apart(held_out, x.shape[1], t.shape[1], given)
    x, t, weights = merged(x, t, None if weights is None else weights.astype(np.float64))
    if kind in LIKELIHOODS or kind == "custom":
        centre, deviation = np.zeros(t.shape[1]), np.ones(t.shape[1])
    else:
        centre, deviation = centred(t, weights, kind in ROBUST)
        if not isinstance(loss, str) and kind in ROBUST:  # whose units are those of y
            deviation = np.full_like(deviation, deviation.mean())
    scaling = Scaling(bounds_of(x), centre, deviation)
    scaled_loss = in_deviations(kind, given, not isinstance(loss, str), float(deviation[0]))
    known = kind in LIKELIHOODS or kind == "custom"
    samples = Samples(scaling.scaled(x), scaling.standard(t), weights, scaled_loss, known)
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
            report,
        )
        found = _search(search, options, x.shape[1], t.shape[1])
        began = perf_counter()
        state = found.best.state if train is samples else _finished(found, samples, options)
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
        *_described(scaling, kind),
        how,
        *found.choices,
        *_smoothing(state, samples, scaling, options, inputs),
    )
    layers = [scaling.inputs, *state.network.layers]
    if scaling.outputs is not None:
        layers.append(scaling.outputs)
    record = FitRecord(
        scaling.bounds, kind, len(x), choices, tuple(report.trials), History.join(state.histories)
    )
    return Model(KAN(tuple(layers)), state.theta, names=inputs, output_names=outputs, record=record)


class _Options(NamedTuple):
    """The options that were checked."""

    hidden: tuple[int, ...] | None
    degree: int
    first: str | None
    levels: int | None
    smoothing: float | None
    seed: int

    @classmethod
    def checked(
        cls, hidden: Any, degree: Any, first: Any, levels: Any, smoothing: Any, seed: Any
    ) -> _Options:
        if hidden is not None:
            listed = (
                (hidden,) if isinstance(hidden, (int, np.integer)) else sequence("hidden", hidden, empty=True)
            )
            hidden = tuple(integer(f"hidden[{i}]", width, low=1) for i, width in enumerate(listed))
        if first is not None:
            one_of("first", first, FIRST)
            if first == "affine" and hidden == ():
                raise ValueError("first='affine' needs a hidden layer, got hidden=()")
        return cls(
            hidden,
            integer("degree", degree, low=1, high=7),
            first,
            None if levels is None else integer("levels", levels, low=1),
            None if smoothing is None else real("smoothing", smoothing, low=0.0),
            integer("seed", seed, low=0),
        )

    def architectures(self, plan: Any, n_in: int, n_out: int) -> list[Architecture]:
        """The starts of a plan, or those of the hidden widths that were given."""
        if self.hidden is not None:
            plan = ((self.hidden, GIVEN if self.hidden else 1, GIVEN if self.hidden else 0),)
        found = []
        for hidden, splines, affine in plan:
            widths = (n_in, *hidden, n_out)
            found += [Architecture(widths, False)] * (splines if self.first != "affine" else 0)
            found += [Architecture(widths, True)] * (affine if self.first != "splines" else 0)
        return found


def _targets(y: Any) -> Float64Array:
    if framed(y):
        return table("y", y).astype(np.float64)
    t = real_array("y", y)
    if t.ndim not in (1, 2) or t.size == 0:
        raise ValueError(f"y must have shape (n,) or (n, n_out), not empty, got {t.shape}")
    return t.astype(np.float64).reshape(len(t), -1)


def _apart(held_out: Any, n_in: int, n_out: int, loss: Any) -> Any:
    """The share of held-out samples, None to choose it, or held-out samples."""
    if held_out is None:
        return None
    if isinstance(held_out, (list, tuple)):
        if len(held_out) != 2:
            raise ValueError(f"held_out must be a share or a pair (X, y), got {shown(held_out)}")
        x, t = table("held_out[0]", held_out[0], n_columns=n_in).astype(np.float64), _targets(held_out[1])
        if t.shape != (len(x), n_out):
            raise ValueError(f"held_out[1] must have shape {(len(x), n_out)}, got {t.shape}")
        if hasattr(loss, "check"):
            loss.check(t)
        return x, t
    share = real("held_out", held_out, low=0.0)
    if share >= 1:
        raise ValueError(f"held_out must be a share below 1, or a pair (X, y), got {share}")
    return share


def _divided(
    samples: Samples, share: float | Samples | None, options: _Options
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


def _search(search: Search, options: _Options, n_in: int, n_out: int) -> Found:
    starts = options.architectures(STARTS, n_in, n_out)
    sizes = [each.size(search.degree, search.intervals) for each in starts]
    if max(sizes) <= DENSE:
        return search.run(
            starts, () if options.hidden is not None else options.architectures(WIDER, n_in, n_out)
        )
    large = options.architectures(LARGE, n_in, n_out)
    if options.hidden is not None:
        large = large[:: max(GIVEN, 1)]
    else:
        large = [each for each in large if each.size(search.degree, search.intervals) <= LARGEST] or large[:1]
    return path.follow(search, large)


def _finished(found: Found, samples: Samples, options: _Options) -> State:
    """The state trained with all samples."""
    state = found.best.state
    if state.effective != state.effective:  # the restricted likelihood was not used
        return path.trained(state, samples, path.MORE)
    fixed = options.smoothing is not None
    data = samples.objective(state.network)
    return improve(state, data, rounds=8, iterations=10, known=samples.known, fixed=fixed, damping=1e-5)


def _described(scaling: Scaling, kind: str) -> tuple[Choice, ...]:
    units = ", ".join(
        f"({c:.4g}, {d:.4g})" for c, d in zip(scaling.centre[:3], scaling.deviation[:3], strict=True)
    )
    more = ", ..." if len(scaling.centre) > 3 else ""
    found = [Choice("loss", kind, "as given")]
    if scaling.outputs is not None:
        found.append(Choice("scale of y", units + more, "centre and deviation of the samples"))
    return tuple(found)


def _smoothing(
    state: State, samples: Samples, scaling: Scaling, options: _Options, names: Any
) -> tuple[Choice, ...]:
    """What became of the penalties."""
    if options.smoothing is not None:
        return (Choice("smoothing", f"{options.smoothing:g}", "as given"),)
    if state.effective != state.effective:
        return ()
    parameters = state.network.n_parameters
    found = [
        Choice(
            "smoothing",
            f"{state.effective:.0f} of {parameters} parameters are effective",
            f"restricted likelihood, a weight for each of {len(state.weights)} groups",
        )
    ]
    if not samples.known:
        noise = np.sqrt(state.phi) * scaling.deviation
        text = ", ".join(f"{each:.3g}" for each in noise[:3]) + (", ..." if len(noise) > 3 else "")
        found.append(Choice("noise", f"deviation {text} in y", "estimated from the residuals"))
    idle = _without_effect(state.coordinates, state)
    if idle:
        labels = numbered("x", len(scaling.bounds)) if names is None else names
        text = ", ".join(labels[p] for p in idle[:8]) + (", ..." if len(idle) > 8 else "")
        found.append(Choice("inputs without effect", text, "their penalties grew without bound"))
    return tuple(found)


def _without_effect(coordinates: ModalCoordinates, state: State) -> list[int]:
    """Inputs whose modes in the first layer all vanish beside those of the others."""
    z = np.abs(coordinates.inverse @ state.theta)
    largest = np.zeros(coordinates.network.n_in)
    for number, group in enumerate(coordinates.groups):
        if group.layer == 0:
            size = z[coordinates.group == number].max(initial=0.0)
            largest[group.input] = max(largest[group.input], size)
    return [int(p) for p in np.flatnonzero(largest <= 1e-3 * largest.max())]
