"""Backward elimination: edges and nodes that the samples do not need are taken out of a network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer, real, shown
from splinekan.explain.attribution import WORK, contributions, work
from splinekan.explain.chain import Mask, explained, input_names, node_names, samples_of, shares
from splinekan.explain.losses import loss_of
from splinekan.explain.posterior import deviations_of, penalties, units
from splinekan.explain.retraining import Task, Trained, retrained
from splinekan.explain.text import aligned, columns, percent
from splinekan.explain.thinned import Thinned
from splinekan.fitting.arguments import targets_of
from splinekan.fitting.samples import merged
from splinekan.model import Model
from splinekan.model.record import Choice
from splinekan.network import KAN, Activation, Affine, Normalizer, SplineLayer

LARGEST = 3000
"""Parameters of a network, at most: training factors a dense matrix in every iteration."""
TRIAL = (3, 12)
"""Rounds and iterations after a removal."""
END = (6, 40)
"""The same at the end."""
NEGLIGIBLE = 1e-2
"""Edges whose contributions together raise the deviance by less than this, over the price of a parameter."""


class Removal(NamedTuple):
    """An edge or a node whose removal was tried.

    Attributes
    ----------
    kind
        "edge" or "node".
    name
        "x1 -> h1.2" for an edge, "h1.2" for a node, numbered as in the original model.
    share
        E[(f - f_without)^2]/Var f before its removal, as `attribution` computes it, the largest of all outputs.
    loss_before, loss_after
        The mean loss of the samples (for squares the mean square error) before it, and without it after
        training. Edges whose shares are negligible are removed together, with the same losses.
    removed
        Whether it stayed out.
    """

    kind: str
    name: str
    share: float
    loss_before: float
    loss_after: float
    removed: bool


@dataclass(frozen=True, eq=False)
class Pruned:
    """A model without what it does not need.

    `print` shows a table; `pandas.DataFrame(pruned.to_dict())` makes a data frame.

    Attributes
    ----------
    model
        The pruned model, in the spline basis; the original model if nothing could be removed.
    removals
        What was tried, in order.
    idle
        Names of the inputs that no edge leaves any more. The model takes their columns still.
    loss_before, loss_after
        The mean loss of the samples for the original model and the pruned model; for squares the mean square
        error in the units of y.
    edges
        For every layer with edges, by its number in `model.network.layers`, which of them are there,
        (n_in, n_out); the functions of the others are 0.
    reason
        Why the elimination ended.
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
        """What was tried, in order, and what is left."""
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
) -> Pruned:
    """A model without the edges and the hidden nodes that the samples do not need.

    Backward elimination: the edge or node with the least contribution to the outputs (`attribution`) is
    replaced by its mean, which moves to an edge that stays; the network is trained again by
    Levenberg-Marquardt with the remaining edges, the penalties of `splinekan.fit` included, whose weights are
    chosen again; and it stays out if the criterion allows. Hidden nodes without edges are taken out of their
    layers. It ends when all that is left has been tried since the last removal.

    The criterion is BIC with the noise of the original model: a removal may raise the deviance (twice the
    loss) by phi log(n) for every effective parameter that it saves, and for a parameter at least, n the number
    of values of y. phi is the
    deviance of the original model over (n - effective parameters), 1 for likelihoods, and at least the square
    of `floor` times the deviation of y: errors below count as none.

    Parameters
    ----------
    model
        Of `splinekan.fit`, or a `Model` of spline layers and affine maps, with elementwise layers between them,
        at a minimum of its loss. It is not changed.
    X, y
        The training samples, (n, n_in) and (n, n_out) or (n,).
    sample_weight
        Multiplicities, (n,), as in `splinekan.fit`.
    loss
        As in `splinekan.fit`; None for that of the record, squares without a record. Huber's loss and quantiles
        have to be given as objects, in the units of y.
    tolerance
        None for the criterion above; else removals are accepted as long as the loss is at most 1 + tolerance
        times that of the original model (whose noise counts as at least `floor`).
    floor
        The relative error that counts as none, not negative.
    attempts
        The largest number of removals that are tried; None for as many as it takes.

    Returns
    -------
    Pruned

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
    least = real("floor", floor, low=0.0)
    most = None if attempts is None else integer("attempts", attempts, low=0)
    x, t, w = merged(x, t, None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64))
    splines = model.with_basis("spline")
    squared = bool(known.loss.squared)
    scales = units(splines, x, t, w) if squared else np.ones(model.n_out)
    spread = deviations_of(t, w) / scales
    penalty = penalties(splines, 1.0)
    weights = None
    if penalty.diagonal.any():
        kept: Any = splines.record
        weights = np.array(kept.weights)
        if len(weights) == 1:
            weights = np.repeat(weights, _groups(splines.network))
    start = Thinned.whole(splines.network, splines.theta, weights)
    task = Task(x, t / scales, w, known.loss, known.likelihood, scales)
    floor_phi = 1.0 if known.likelihood else least**2 * float(np.mean(spread**2))
    search = _Search(task, start, node_names(model, start.mixing), allowed, floor_phi, most)
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


def mean_loss(
    model: Model, x: Float64Array, y: Float64Array, weights: Float64Array | None, loss: Any
) -> float:
    """The mean loss of samples, for squares the mean square error, in the units of y."""
    values = loss.mean_factor * loss.value(replace(model, record=None)(x), y)
    return float(np.average(values, weights=weights))


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
    left = state.masks[state.mixing[0]].any(axis=1)
    return tuple(name for name, there in zip(input_names(model), left, strict=True) if not there)


class _Candidate(NamedTuple):
    """An edge (layer, p, q), or a node: input p of a layer, with q = -1."""

    layer: int
    p: int
    q: int


class _Search:
    """The elimination."""

    def __init__(
        self,
        task: Task,
        start: Thinned,
        names: tuple[tuple[str, ...], ...],
        tolerance: float | None,
        floor: float,
        attempts: int | None,
    ) -> None:
        self.task, self.start, self.names = task, start, names
        self.tolerance, self.floor, self.attempts = tolerance, floor, attempts
        self.removals: list[Removal] = []
        weights = task.weights
        n = len(task.x)
        self.shares = np.full(n, 1 / n) if weights is None else weights / weights.sum()

    def run(self) -> tuple[Trained, str]:
        """The network at the end, and why it ended."""
        # Without retraining: the network is at a minimum.
        now = retrained(self.start, self.task, rounds=1, iterations=0)
        n = self.task.total
        phi = max(now.phi, self.floor)
        self.price = phi * log(max(n, 2.0))
        self.limit = None if self.tolerance is None else (1 + self.tolerance) * max(now.deviance, n * phi)
        now = self._together(now)
        tried: set[tuple[str, str]] = set()
        while True:
            if self.attempts is not None and len(self.removals) >= self.attempts:
                return self._ended(now), f"{self.attempts} attempts"
            chain = now.state.chain(self.task.x, self.shares)
            waiting = [
                (amount, share, each)
                for amount, share, each in self._candidates(now, chain)
                if self._name(now.state, each) not in tried
            ]
            if not waiting:
                return self._ended(now), "nothing else can be removed"
            _, share, each = min(waiting, key=lambda item: (item[0], item[2]))
            name = self._name(now.state, each)
            trial = self._trial(now, [each], chain)
            accepted = self._accepts(now, trial)
            self.removals.append(
                Removal(*name, share, self._loss(now), self._loss(trial), accepted)
            )
            if accepted:
                now = trial
                if each.q < 0:  # the nodes that are left have changed
                    tried.clear()
            else:
                tried.add(name)

    def _together(self, now: Trained) -> Trained:
        """Without the edges that contribute next to nothing."""
        chain = now.state.chain(self.task.x, self.shares)
        found = sorted(item for item in self._candidates(now, chain) if item[2].q >= 0)
        if not found:
            return now
        amplitudes = np.cumsum(np.sqrt([item[0] for item in found]))
        count = int((self.task.total * amplitudes**2 <= NEGLIGIBLE * self.price).sum())
        if self.attempts is not None:
            count = min(count, self.attempts)
        if not count:
            return now
        trial = self._trial(now, [item[2] for item in found[:count]], chain)
        if not self._accepts(now, trial):
            return now
        for _, share, each in found[:count]:
            name = self._name(now.state, each)
            self.removals.append(Removal(*name, share, self._loss(now), self._loss(trial), True))
        return trial

    def _candidates(self, now: Trained, chain: Any) -> list[tuple[float, float, _Candidate]]:
        """Contributions in the units of the task, the largest share of an output, and what would go."""
        nodes, edges = contributions(chain, work(chain) <= WORK)
        variance = self.shares @ (chain.output - self.shares @ chain.output) ** 2
        safe = np.where(variance > 0, variance, np.inf)
        units = self.task.scales**2
        found = []
        for depth, number in enumerate(chain.mixing):
            mask = now.state.masks[number]
            if depth and mask.shape[0] > 1:
                for p, each in enumerate(nodes[depth]):
                    found.append((float((each / units).sum()), float((each / safe).max()), _Candidate(number, p, -1)))
            entering, leaving = mask.sum(axis=0), mask.sum(axis=1)
            last = depth + 1 == len(chain.mixing)
            for p, q in np.argwhere(mask):
                # The only edge to a node, or from it, is removed with the node.
                if (depth and len(leaving) > 1 and leaving[p] == 1) or (
                    not last and len(entering) > 1 and entering[q] == 1
                ):
                    continue
                each = edges[depth][p, q]
                at = _Candidate(number, int(p), int(q))
                found.append((float((each / units).sum()), float((each / safe).max()), at))
        return found

    def _trial(self, now: Trained, candidates: list[_Candidate], chain: Any) -> Trained:
        state = now.state
        edges = {number: np.zeros_like(mask) for number, mask in state.masks.items()}
        for each in candidates:
            if each.q >= 0:
                edges[each.layer][each.p, each.q] = True
            else:
                edges[each.layer][each.p] = True
        slim = state.without(edges, chain).narrowed(chain)
        rounds, iterations = TRIAL
        goal = now.deviance + self.price / 2
        return retrained(slim, self.task, rounds=rounds, iterations=iterations, goal=goal)

    def _accepts(self, now: Trained, trial: Trained) -> bool:
        if not np.isfinite(trial.deviance):
            return False
        if self.limit is not None:
            return trial.deviance <= self.limit
        saved = max(now.effective - trial.effective, 1.0)
        return trial.deviance <= now.deviance + self.price * saved

    def _ended(self, now: Trained) -> Trained:
        """The network after its last training, if anything was removed."""
        if not any(each.removed for each in self.removals):
            return now
        rounds, iterations = END
        found = retrained(now.state, self.task, rounds=rounds, iterations=iterations)
        return found if found.deviance <= max(now.deviance, self.price) else now

    def _loss(self, found: Trained) -> float:
        network, theta = found.state.network, found.state.theta
        y = self.task.y * self.task.scales
        return mean_loss(Model(network, theta), self.task.x, y, self.task.weights, self.task.loss)

    def _name(self, state: Thinned, each: _Candidate) -> tuple[str, str]:
        depth = state.mixing.index(each.layer)
        start = self.names[depth][state.labels[each.layer][each.p]]
        if each.q < 0:
            return "node", start
        following = state.mixing[depth + 1] if depth + 1 < len(state.mixing) else None
        q = each.q if following is None else int(state.labels[following][each.q])
        return "edge", f"{start} -> {self.names[depth + 1][q]}"
