"""Backward elimination of edges and nodes that the samples do not need."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import integer, real, shown
from splinekan.explain.chain import Mask, explained, input_names, node_names, samples_of, shares
from splinekan.explain.elimination import Elimination, Removal, mean_loss
from splinekan.explain.losses import loss_of
from splinekan.explain.posterior import floor_unit, penalties, units
from splinekan.explain.retraining import Task, Trained
from splinekan.explain.text import aligned, columns, percent
from splinekan.explain.thinned import Thinned
from splinekan.fitting.arguments import targets_of
from splinekan.fitting.samples import merged
from splinekan.model import Model
from splinekan.model.record import Choice
from splinekan.network import KAN, Activation, Affine, Normalizer, SplineLayer

LARGEST = 3000
"""Most parameters of a network: training factors a dense matrix in every iteration."""


@dataclass(frozen=True, eq=False)
class Pruned:
    """A pruned model, with the removals that were tried.

    `print` shows a table; `pandas.DataFrame(pruned.to_dict())` makes a data frame.

    Attributes
    ----------
    model
        The pruned model, in the spline basis; the original model if nothing could be removed.
    removals
        The removals that were tried, in order.
    idle
        Names of the inputs that no edge leaves any more. The model still takes their columns.
    loss_before, loss_after
        The mean loss of the samples for the original model and the pruned model; for squares the mean square
        error in the units of y.
    edges
        For every layer with edges, by its number in `model.network.layers`, a mask of the remaining edges,
        (n_in, n_out); the functions of the others are 0.
    reason
        The reason why the elimination ended.
    """

    model: Model
    removals: tuple[Removal, ...] = field(repr=False)
    idle: tuple[str, ...]
    loss_before: float
    loss_after: float
    edges: dict[int, Mask] = field(repr=False)
    reason: str

    @property
    def widths(self) -> tuple[int, ...]:
        """The numbers of nodes, inputs first, of the pruned model."""
        sizes = [mask.shape[0] for mask in self.edges.values()]
        return (*sizes, self.model.n_out)

    def to_dict(self) -> dict[str, list[Any]]:
        """Columns with the fields of `Removal`."""
        return columns(Removal._fields, self.removals)

    def __str__(self) -> str:
        """A table of the removals that were tried, in order, and the remaining network."""
        rows = [
            (
                each.kind,
                each.name,
                percent(each.share),
                f"{each.loss_before:.4g}",
                f"{each.loss_after:.4g}",
                "removed" if each.removed else "kept",
            )
            for each in self.removals
        ]
        head = ("", "removed", "share in %", "loss before", "after", "")
        left = sum(int(mask.sum()) for mask in self.edges.values())
        lines = [
            f"{' -> '.join(map(str, self.widths))} with {left} edges, loss {self.loss_after:.4g}, was "
            f"{self.loss_before:.4g}; {self.reason}"
        ]
        if rows:
            lines.append(aligned(head, rows, 2))
        if self.idle:
            lines.append(f"inputs without an edge: {', '.join(self.idle)}")
        return "\n".join(lines)


def prune(
    model: Any,
    X: Any,
    y: Any,
    *,
    sample_weight: ArrayLike | None = None,
    loss: Any = None,
    tolerance: float | None = None,
    floor: float = 1e-4,
    attempts: int | None = None,
    refinements: int = 2,
) -> Pruned:
    """A model without the edges and the hidden nodes that the samples do not need.

    Backward elimination: the edge or node with the least contribution to the outputs (`attribution`) is
    replaced by its mean, which is added to a remaining edge. The network is trained again by
    Levenberg-Marquardt with the remaining edges and the penalties of `splinekan.fit`, whose weights are
    chosen again. The removal is accepted if the criterion allows. Hidden nodes without edges are removed from
    their layers. The elimination ends when all remaining edges and nodes have been tried since the last
    removal.

    The criterion is BIC with the noise of the original model: a removal may raise the deviance (twice the
    loss) by phi log(n) for every effective parameter that it saves, and for a parameter at least, n the
    number of values of y. phi is the deviance of the original model over (n - effective parameters), 1 for
    likelihoods, and at least the square of `floor` times the deviation of y, as if y had noise of that size.

    If errors are below ten times `floor`, hidden nodes may only correct the errors of coarse splines. When
    nothing else can be removed, the knots of such networks are therefore refined, and the elimination
    continues; networks from which finer knots remove no node keep their knots.

    Parameters
    ----------
    model
        A model of `splinekan.fit`, or a `Model` of spline layers and affine maps, with elementwise layers
        between them, at a minimum of its loss. It is not changed.
    X, y
        The training samples, (n, n_in) and (n, n_out) or (n,).
    sample_weight
        Multiplicities, (n,), as in `splinekan.fit`.
    loss
        As in `splinekan.fit`; None for that of the record, or squares without a record. Huber's loss and
        quantiles must be given as objects, in the units of y.
    tolerance
        None for the criterion above; otherwise removals are accepted as long as the loss is at most
        1 + tolerance times that of the original model (whose noise counts as at least `floor`).
    floor
        The least deviation of the noise over that of y, from 0 to 1.
    attempts
        The largest number of removals that are tried; None for no limit.
    refinements
        The largest number of refinements of the knots, 0 to 2.

    Returns
    -------
    Pruned
        The pruned model, with the removals that were tried.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds or shapes, layers of other classes, a loss that is not known, and more
        than 3000 parameters.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).uniform(-1, 1, (300, 3))
    >>> y = np.sin(2 * x[:, 0]) + x[:, 1] ** 2
    >>> pruned = prune(fit(x, y, hidden=()), x, y)
    >>> pruned.idle, bool(pruned.loss_after < 1e-4)
    (('x3',), True)
    """
    model = _prunable(explained(model))
    x, t = samples_of(model, X), targets_of(y, names=model.output_names)
    if t.shape != (len(x), model.n_out):
        raise ValueError(f"y must have shape {(len(x), model.n_out)}, got {t.shape}")
    known = loss_of(model, loss)
    if hasattr(known.loss, "check"):
        known.loss.check(t)
    if sample_weight is not None:
        shares(sample_weight, len(x))
    allowed = None if tolerance is None else real("tolerance", tolerance, low=0.0)
    least = real("floor", floor, low=0.0, high=1.0)
    finer = integer("refinements", refinements, low=0, high=2)
    most = None if attempts is None else integer("attempts", attempts, low=0)
    x, t, w = merged(x, t, None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64))
    splines = model.with_basis("spline")
    squared = bool(known.loss.squared)
    scales = units(splines, x, t, w) if squared else np.ones(model.n_out)
    penalty = penalties(splines, 1.0)
    weights = None
    if penalty.diagonal.any():
        kept: Any = splines.record
        weights = np.array(kept.weights)
        if len(weights) == 1:
            weights = np.repeat(weights, _groups(splines.network))
    start = Thinned.whole(splines.network, splines.theta, weights)
    task = Task(x, t / scales, w, known.loss, known.likelihood, scales)
    floor_phi = 1.0 if known.likelihood else least**2 * floor_unit(t, w, scales)
    search = Elimination(task, start, node_names(model, start.mixing), allowed, floor_phi, most, finer)
    best, reason = search.run()
    removals = tuple(search.removals)
    before = mean_loss(model, x, t, w, known.loss)
    if not any(each.removed for each in removals):
        return Pruned(model, removals, _idle(model, start), before, before, start.masks, reason)
    state = best.state
    made = Model(state.network, state.theta, None, model.names, model.output_names, None)
    if model.record is not None:
        count = sum(each.removed for each in removals)
        done = Choice("pruned", f"{count} edges and nodes", reason)
        record = replace(
            model.record,
            choices=(*model.record.choices, done),
            weights=() if state.weights is None else tuple(map(float, state.weights)),
            noise=_noise(best, task) if model.record.noise else (),
        )
        made = replace(made, record=record)
    after = mean_loss(made, x, t, w, known.loss)
    return Pruned(made, removals, _idle(model, state), before, after, state.masks, reason)


def _prunable(model: Model) -> Model:
    for number, layer in enumerate(model.network.layers):
        if type(layer) not in (SplineLayer, Affine, Activation, Normalizer):
            raise ValueError(
                f"model must have spline layers, affine maps, activations and normalisers only, got layer "
                f"{number}: {shown(layer)}"
            )
    if model.n_parameters > LARGEST:
        raise ValueError(
            f"model must have at most {LARGEST} parameters, of which dense matrices are made, got "
            f"{model.n_parameters}"
        )
    return model


def _groups(network: KAN) -> int:
    from splinekan.fitting.modes import ModalCoordinates

    return len(ModalCoordinates(network).groups)


def _noise(best: Trained, task: Task) -> tuple[float, ...]:
    return tuple(float(np.sqrt(best.phi) * each) for each in task.scales)


def _idle(model: Model, state: Thinned) -> tuple[str, ...]:
    left = np.asarray(state.masks[state.mixing[0]].any(axis=1))
    return tuple(name for name, there in zip(input_names(model), left, strict=True) if not there)
