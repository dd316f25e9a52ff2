"""Edges of a trained network are, one after another, removed, replaced by terms, or left as splines.

After every change the rest is trained again, so that the splines can adapt to a term that is right; if it is
wrong, the error grows. Changes are compared by

    n log(E + tau) + K log n + 2 C,

E the mean square error over the variance of y, K the number of parameters and C the complexity of the terms
(Schwarz 1978, Ann. Stat. 6, 461, with a prior exp(-C)). tau is the part of E that refinement of the splines
would remove: errors below it are those of the splines, not of the terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from splinekan._checks import Float64Array
from splinekan.formulas.changes import MONOMIALS, with_polynomial, with_spline, with_term, without
from splinekan.formulas.curves import Candidate, candidates
from splinekan.formulas.families import Chain, Family
from splinekan.formulas.training import trained
from splinekan.formulas.trial import Edge, SplineEdge, Trial, built
from splinekan.network.functions import FUNCTIONS
from splinekan.network.term import Term

POINTS = 200
"""Number of points at which a curve is compared with the library."""
WITHIN = 8.0
"""Candidates are tried if their error is at most this times the least, or `NEAR`."""
NEAR = 1e-3
LINE = 0.5
"""Straight lines are tried up to this error: with redundant constants they are the simplest choice."""
TRIED = 5
EDGES = 2
"""Number of edges whose candidates are tried at a time, those with the clearest curve first."""
ITERATIONS = 20
HOPELESS = 3.0
"""Training ends early if the error stays above this multiple of E + tau."""
FLOOR = 1e-24
"""Smaller errors are rounding."""
EQUAL = 1e-3
"""Criteria that differ by less are equal."""
MARGIN, WIDTH = 40.0, 3
"""Trials whose criteria are this close to the least are followed, and at most this many."""
POLYNOMIALS = (3, 4)
"""Degrees of polynomials; those of degree 2 are squares."""
SWAPPED, SWAPS = 1.0, 10
"""Least decrease of the criterion for a term to be replaced, and most replacements."""
SPLINE = 6
"""Complexity of a spline, which has as many parameters as a term if its input takes few values."""
IRREGULAR = 100.0
"""Penalty in the criterion of a formula with a pole, or an end of its domain, between the samples."""
RANK = 1e-12
"""Smaller eigenvalues of the scaled J^T J belong to redundant parameters."""


@dataclass(frozen=True, eq=False)
class Scored:
    """A trained trial with its error and the criterion."""

    trial: Trial
    error: float
    criterion: float


@dataclass(frozen=True, eq=False)
class Snapping:
    """The common data of all comparisons.

    Attributes
    ----------
    x, y
        Samples, (n_in, n) and (n,).
    families
        The library.
    tau
        The error of the splines.
    tolerance
        Smaller errors count as equal.
    """

    x: Float64Array = field(repr=False)
    y: Float64Array = field(repr=False)
    families: Sequence[Family] = field(repr=False)
    tau: float
    tolerance: float = 0.0

    @property
    def polynomials(self) -> bool:
        """Whether the library has the powers of polynomials."""
        return {(FUNCTIONS[name],) for name in MONOMIALS.values()} <= {
            each.functions for each in self.families
        }

    def scored(self, trial: Trial, best: Scored | None = None) -> Scored:
        """The trial after training, which ends early if it has no chance against `best`."""
        hopeless = np.inf if best is None else HOPELESS * (best.error + self.tau)
        found, error = trained(trial, self.x, self.y, ITERATIONS, hopeless=hopeless)
        return Scored(found, error, self.criterion(found, error))

    def criterion(self, trial: Trial, error: float) -> float:
        """n log(E + tau) + K log n + 2 C, and `IRREGULAR`; infinite for an infinite error."""
        n = len(self.y)
        if not np.isfinite(error):
            return np.inf
        counted = max(error + self.tau, self.tolerance)
        value = n * np.log(counted) + np.log(n) * rank(trial, self.x) + 2 * complexity(trial)
        return float(value if trial.is_regular(self.x) else value + IRREGULAR)

    def pruned(self, best: Scored) -> Scored:
        """The trial without edges that are not needed; the least important are removed first."""
        refused: set[tuple[int, Edge]] = set()
        while True:
            order = sorted(self._effects(best.trial), key=lambda each: each[0])
            for _, s, e in order:
                edge = best.trial.stages[s].edges[e]
                if (s, edge) in refused:
                    continue
                trial = without(best.trial, s, e, self.x)
                if trial is None:
                    continue
                found = self.scored(trial, best)
                if found.criterion < best.criterion + EQUAL:  # splines of equal columns are redundant
                    best = found
                    break
                refused.add((s, edge))
            else:
                return best

    def snapped(self, best: Scored) -> list[Scored]:
        """The best trials with terms in place of splines, as long as the criterion falls.

        If several terms do about equally well, the search continues with each of them.
        """
        running, ended = [best], []
        while running:
            found: dict[object, Scored] = {}
            for each in running:
                after = self._expanded(each)
                if not after:
                    ended.append(each)
                for scored in after:
                    found.setdefault(scored.trial.stages, scored)
            least = min((each.criterion for each in found.values()), default=np.inf)
            close = [each for each in found.values() if each.criterion < least + MARGIN]
            running = [self.unbiased(each) for each in sorted(close, key=_criterion)[:WIDTH]]
        least = min(each.criterion for each in ended)
        return sorted((each for each in ended if each.criterion < least + MARGIN), key=_criterion)[:WIDTH]

    def _expanded(self, best: Scored) -> list[Scored]:
        """The trials with a further edge changed that lower the criterion, the best first."""
        waiting = []
        for s, e in best.trial.splines():
            found = self._candidates(best.trial, s, e)
            if found:
                waiting.append((found[0].error, s, e, found))
        waiting.sort(key=lambda each: each[0])
        better: list[Scored] = []
        for number, (_, s, e, found) in enumerate(waiting):
            changed = [self.scored(trial, best) for trial in self._changes(best.trial, s, e, found)]
            better += [each for each in changed if each.criterion < best.criterion]
            if better and number + 1 >= EDGES:
                break
        return sorted(better, key=_criterion)[:WIDTH]

    def regrown(self, best: Scored, first: Trial) -> Scored:
        """The trial with those splines of `first` restored and snapped that turn out to be needed.

        Pruning weighs an edge against the error of all splines. That is large where a logarithm nearly
        reaches its pole, and edges that it hides become visible once the logarithm is a term.
        """
        while True:
            stage = best.trial.stages[0]
            present = {(edge.input, edge.output) for edge in stage.edges}
            used = {node for groups in stage.products for group in groups for node in group}
            grown = [
                self.scored(with_spline(best.trial, edge), best)
                for edge in first.stages[0].edges
                if isinstance(edge, SplineEdge)
                and edge.output in used
                and (edge.input, edge.output) not in present
            ]
            better = min(grown, key=lambda each: each.criterion, default=best)
            if not better.criterion < best.criterion - SWAPPED:
                return best
            best = self.snapped(better)[0]

    def unbiased(self, best: Scored) -> Scored:
        """The trial without biases that are not needed.

        In (u + d) v + s the constant d is arbitrary as long as s may contain any multiple of v: s is simplest
        without it.
        """
        for s, stage in enumerate(best.trial.stages):
            for node, fixed in enumerate(stage.bias):
                if fixed is None:
                    parts = best.trial.parts()
                    parts[s].biases[node] = (0.0, 0.0)
                    found = self.scored(built(parts), best)
                    if found.criterion <= best.criterion + EQUAL:
                        best = found
        return best

    def swapped(self, best: Scored) -> Scored:
        """The trial with terms replaced by others as long as that clearly lowers the criterion."""
        for _ in range(SWAPS):
            better = self._swap(best)
            if better is None:
                break
            best = better
        return self.unbiased(best)

    def _swap(self, best: Scored) -> Scored | None:
        """The best replacement of the first edge for which a replacement clearly lowers the criterion."""
        for s, stage in enumerate(best.trial.stages):
            for e, edge in enumerate(stage.edges):
                others = [
                    each for each in self._candidates(best.trial, s, e) if each.functions != _chain(edge)
                ]
                changes = self._changes(best.trial, s, e, others) if others else ()
                scored = [self.scored(trial, best) for trial in changes]
                better = min(scored, key=lambda each: each.criterion, default=best)
                if better.criterion < best.criterion - SWAPPED:
                    return better
        return None

    def _changes(self, trial: Trial, s: int, e: int, found: Sequence[Candidate]) -> Iterator[Trial]:
        removed = without(trial, s, e, self.x)
        if removed is not None:
            yield removed
        limit = max(WITHIN * found[0].error, NEAR)
        tried = [each for each in found if each.error <= limit][:TRIED]
        tried += [each for each in found if not each.functions and each not in tried and each.error < LINE]
        for candidate in tried:
            changed = with_term(trial, s, e, candidate, self.x)
            if changed is not None:
                yield changed
        if self.polynomials and isinstance(trial.stages[s].edges[e], SplineEdge):
            for degree in POLYNOMIALS:
                yield with_polynomial(trial, s, e, degree, self.x)

    def _candidates(self, trial: Trial, s: int, e: int) -> list[Candidate]:
        """The candidates for a spline edge, weighted by the sensitivity of the output to it."""
        run = trial.run(trial.theta, self.x)[s]
        edge = trial.stages[s].edges[e]
        points, values = run.x[edge.input], run.edges[e]
        felt = trial.sensitivities(self.x)[s][edge.output] ** 2
        order = np.argsort(points)
        if len(order) > POINTS:
            order = order[np.linspace(0, len(order) - 1, POINTS).astype(int)]
        if not points[order[-1]] > points[order[0]] or not felt[order].any():
            return []
        weights = felt[order] + 1e-12 * felt[order].max()
        return candidates(points[order], values[order], weights, self.families)

    def _effects(self, trial: Trial) -> Iterator[tuple[float, int, int]]:
        """The effect of removing each edge on the output, to first order, in deviations of y."""
        runs, felt = trial.run(trial.theta, self.x), trial.sensitivities(self.x)
        for s, stage in enumerate(trial.stages):
            for e, edge in enumerate(stage.edges):
                moved = runs[s].edges[e] - runs[s].edges[e].mean()
                yield float(np.sqrt(np.mean((felt[s][edge.output] * moved) ** 2)) / self.y.std()), s, e


def _criterion(each: Scored) -> float:
    return each.criterion


def _chain(edge: Edge) -> Chain | None:
    return edge.functions if isinstance(edge, Term) else None


def rank(trial: Trial, x: Float64Array) -> int:
    """K, the number of parameters less that of redundant ones: the rank of the Jacobian."""
    _, J = trial.jacobian(trial.theta, x)
    largest = np.abs(J).max(axis=0)
    J = J[:, largest > 0] / largest[largest > 0]
    if not J.shape[1] or not np.isfinite(J).all():
        return int(J.shape[1])
    J = J / np.linalg.norm(J, axis=0)
    return int(np.count_nonzero(np.linalg.eigvalsh(J.T @ J) > RANK))


def complexity(trial: Trial) -> int:
    """The sum of the complexities of the edges; splines are more complex than equally good terms."""
    return sum(e.complexity if isinstance(e, Term) else SPLINE for stage in trial.stages for e in stage.edges)
