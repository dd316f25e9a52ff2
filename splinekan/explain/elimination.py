"""The elimination of edges and nodes: candidates, their order, and the criterion of acceptance."""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import Any, NamedTuple

import numpy as np

from splinekan._checks import Float64Array
from splinekan.explain.contributions import WORK, contributions, work
from splinekan.explain.retraining import Task, Trained, retrained
from splinekan.explain.thinned import Thinned
from splinekan.model import Model

TRIAL = (3, 12)
"""Rounds and iterations after a removal."""
END = (6, 40)
"""The same at the end."""
LARGEST_REFINED = 1500
"""Most parameters with which knots are refined by default."""
COARSE = 100.0
"""Errors up to the root of this times `floor` may be those of coarse splines."""
NEGLIGIBLE = 1e-2
"""Largest increase of the deviance, over the price of a parameter, by edges that are removed together."""


class Removal(NamedTuple):
    """An edge or a node whose removal was tried.

    Attributes
    ----------
    kind
        "edge" or "node".
    name
        "x1 -> h1.2" for an edge, "h1.2" for a node, numbered as in the original model.
    share
        E[(f - f_without)^2]/Var f before its removal, as in `attribution`, the largest of all outputs.
    loss_before, loss_after
        The mean loss of the samples (for squares the mean square error) before the removal, and after it and
        training. Edges with negligible shares are removed together, with the same losses.
    removed
        Whether the removal was accepted.
    """

    kind: str
    name: str
    share: float
    loss_before: float
    loss_after: float
    removed: bool


def mean_loss(
    model: Model, x: Float64Array, y: Float64Array, weights: Float64Array | None, loss: Any
) -> float:
    """The mean loss of samples, for squares the mean square error, in the units of y."""
    values = loss.mean_factor * loss.value(replace(model, record=None)(x), y)
    return float(np.average(values, weights=weights))


class _Candidate(NamedTuple):
    """An edge (layer, p, q), or a node: input p of a layer, with q = -1."""

    layer: int
    p: int
    q: int


class Elimination:
    """The elimination."""

    def __init__(
        self,
        task: Task,
        start: Thinned,
        names: tuple[tuple[str, ...], ...],
        tolerance: float | None,
        floor: float,
        attempts: int | None,
        refinements: int,
    ) -> None:
        self.task, self.start, self.names = task, start, names
        self.tolerance, self.floor, self.attempts = tolerance, floor, attempts
        self.refinements = refinements
        self.removals: list[Removal] = []
        weights = task.weights
        n = len(task.x)
        self.shares = np.full(n, 1 / n) if weights is None else weights / weights.sum()

    def run(self) -> tuple[Trained, str]:
        """The final network, and the reason why the elimination ended."""
        # Without retraining: the network is at a minimum.
        now = retrained(self.start, self.task, rounds=1, iterations=0)
        n = self.task.total
        phi = max(now.phi, self.floor)
        self.price = phi * log(max(n, 2.0))
        self.limit = (
            None if self.tolerance is None else (1 + self.tolerance) * max(now.deviance, n * self.floor)
        )
        now, reason = self._pass(now)
        finer, known = now, len(self.removals)
        for number in range(self.refinements):
            if self._exhausted or not self._worth_refining(finer):
                break
            rounds, iterations = TRIAL
            finer = retrained(finer.state.refined(), self.task, rounds=rounds, iterations=iterations)
            finer, why = self._pass(finer)
            if finer.state.n_nodes < now.state.n_nodes:
                now, known = finer, len(self.removals)
                reason = f"{why}, on knots that were refined {('once', 'twice')[number]}"
        del self.removals[known:]  # on finer knots that did not make nodes superfluous
        return self._ended(now), reason

    @property
    def _exhausted(self) -> bool:
        return self.attempts is not None and len(self.removals) >= self.attempts

    def _worth_refining(self, now: Trained) -> bool:
        """Whether hidden nodes may only correct errors of coarse splines, which noise would hide."""
        state = now.state
        hidden = [layer.n_in for layer in state.network.layers[state.mixing[0] + 1 :]]
        few = 2 * state.network.n_parameters <= LARGEST_REFINED
        return (
            now.phi < COARSE * self.floor and max(hidden, default=1) > 1 and few and not self.task.likelihood
        )

    def _pass(self, now: Trained) -> tuple[Trained, str]:
        """Removals until nothing else can be removed."""
        now = self._together(now)
        tried: set[tuple[str, str]] = set()
        while True:
            if self._exhausted:
                return now, f"{self.attempts} attempts"
            chain = now.state.chain(self.task.x, self.shares)
            waiting = [
                (amount, share, each)
                for amount, share, each in self._candidates(now, chain)
                if self._name(now.state, each) not in tried
            ]
            if not waiting:
                return now, "nothing else can be removed"
            _, share, each = min(waiting, key=lambda item: (item[0], item[2]))
            name = self._name(now.state, each)
            trial = self._trial(now, [each], chain)
            accepted = self._accepts(now, trial)
            self.removals.append(Removal(*name, share, self._loss(now), self._loss(trial), accepted))
            if accepted:
                now = trial
                if each.q < 0:  # the nodes that are left have changed
                    tried.clear()
            else:
                tried.add(name)

    def _together(self, now: Trained) -> Trained:
        """The network without the edges whose contributions are negligible."""
        chain = now.state.chain(self.task.x, self.shares)
        found = sorted(item for item in self._candidates(now, chain) if item[2].q >= 0)
        if not found:
            return now
        amplitudes = np.cumsum(np.sqrt([item[0] for item in found]))
        count = int((self.task.total * amplitudes**2 <= NEGLIGIBLE * self.price).sum())
        if self.attempts is not None:
            count = min(count, self.attempts - len(self.removals))
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
        """Contributions in the units of the task, the largest share of an output, and the candidates."""
        nodes, edges = contributions(chain, work(chain) <= WORK)
        variance = self.shares @ (chain.output - self.shares @ chain.output) ** 2
        safe = np.where(variance > 0, variance, np.inf)
        units = self.task.scales**2
        found = []
        for depth, number in enumerate(chain.mixing):
            mask = now.state.masks[number]
            if depth and mask.shape[0] > 1:
                for p, each in enumerate(nodes[depth]):
                    found.append(
                        (float((each / units).sum()), float((each / safe).max()), _Candidate(number, p, -1))
                    )
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
        return found if self._accepts(now, found) else now

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
