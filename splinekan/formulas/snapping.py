"""Edges of a trained network one after the other: removed, replaced by terms, or left as splines.

Every change is followed by training of everything that is left, so that the splines can adapt to a term that
is right; if it is wrong, the error grows. Changes are compared by

    n log(E + tau) + K log n + 2 C,

E the mean square error over the variance of y, K the number of parameters and C the complexity of the terms
(Schwarz 1978, Ann. Stat. 6, 461, with a prior exp(-C)). tau is what refinement of the splines would remove
from E: errors below it are those of the splines, not of the terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from splinekan._checks import Float64Array
from splinekan.formulas.curves import Candidate, candidates
from splinekan.formulas.families import Chain, Family
from splinekan.formulas.training import trained
from splinekan.formulas.trial import Edge, Part, SplineEdge, Trial, built
from splinekan.network.functions import FUNCTIONS
from splinekan.network.term import Term

POINTS = 200
"""Points at which a curve is compared with the library."""
WITHIN = 8.0
"""Candidates are tried whose error is at most this times the least, or `NEAR`."""
NEAR = 1e-3
LINE = 0.5
"""Straight lines are tried up to this error: with redundant constants they are the simplest choice."""
TRIED = 5
EDGES = 2
"""Edges whose candidates are tried at a time, those with the clearest curve first."""
ITERATIONS = 20
HOPELESS = 3.0
"""Training ends early if the error stays above this multiple of E + tau."""
FLOOR = 1e-24
"""Errors that are less are rounding."""
EQUAL = 1e-3
"""Criteria that differ by less are equal."""
MARGIN, WIDTH = 40.0, 3
"""Trials whose criteria are this close to the least are followed, and how many at most."""
MONOMIALS = {2: "square", 3: "cube", 4: "x^4"}
POLYNOMIALS = (3, 4)
"""Degrees of polynomials; those of degree 2 are squares."""
SWAPPED, SWAPS = 1.0, 10
"""What the criterion must fall by for a term to be replaced, and how many are replaced at most."""
RANK = 1e-12
"""Eigenvalues of the scaled J^T J that are less belong to redundant parameters."""


@dataclass(frozen=True, eq=False)
class Scored:
    """A trained trial with its error and the criterion."""

    trial: Trial
    error: float
    criterion: float


@dataclass(frozen=True, eq=False)
class Snapping:
    """What all comparisons share.

    Attributes
    ----------
    x, y
        Samples, (n_in, n) and (n,).
    families
        The library.
    tau
        The error of the splines.
    """

    x: Float64Array = field(repr=False)
    y: Float64Array = field(repr=False)
    families: Sequence[Family] = field(repr=False)
    tau: float

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
        """n log(E + tau) + K log n + 2 C; infinite for an infinite error."""
        n = len(self.y)
        if not np.isfinite(error):
            return np.inf
        return float(n * np.log(error + self.tau) + np.log(n) * rank(trial, self.x) + 2 * complexity(trial))

    def pruned(self, best: Scored) -> Scored:
        """Without edges that are not needed, those first that matter least."""
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
        """With terms in the place of splines, as long as the criterion falls: the best ends.

        Where several terms do about equally well, the search goes on with each of them.
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
        """With one more edge changed, where that lowers the criterion, the best first."""
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

    def unbiased(self, best: Scored) -> Scored:
        """Without biases that are not needed.

        In (u + d) v + s the constant d is arbitrary as long as s may contain any multiple of v: without it, s
        is the simplest.
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
        """With terms replaced by others as long as that lowers the criterion clearly."""
        for _ in range(SWAPS):
            better = self._swap(best)
            if better is None:
                break
            best = better
        return self.unbiased(best)

    def _swap(self, best: Scored) -> Scored | None:
        """The first edge's best replacement that lowers the criterion clearly."""
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
        """The library for a spline edge, weighted by what the output feels of it."""
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
        """What removing each edge would do to the output, to first order, in deviations of y."""
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
    scale = np.linalg.norm(J, axis=0)
    J = J[:, scale > 0] / scale[scale > 0]
    if not J.shape[1] or not np.isfinite(J).all():
        return int(J.shape[1])
    return int(np.count_nonzero(np.linalg.eigvalsh(J.T @ J) > RANK))


def complexity(trial: Trial) -> int:
    """The sum over the terms."""
    return sum(e.complexity for stage in trial.stages for e in stage.edges if isinstance(e, Term))


def with_term(trial: Trial, s: int, e: int, candidate: Candidate, x: Float64Array) -> Trial | None:
    """The trial with a term for an edge, and the same mean of its node; None where it is not defined."""
    parts, run = trial.parts(), trial.run(trial.theta, x)[s]
    edge = parts[s].edges[e][0]
    fixed = [None if free else float(v) for v, free in zip(candidate.constants, candidate.free, strict=True)]
    term = Term(edge.input, edge.output, candidate.functions, fixed)
    values = candidate.constants[list(candidate.free)]
    parts[s].edges[e] = (term, values)
    points = run.x[edge.input]
    v = points
    with np.errstate(all="ignore"):
        for i, each in enumerate(candidate.functions):
            v = each.derivatives(candidate.constants[1 + 2 * i] * v + candidate.constants[2 + 2 * i])[0]
        shift = float(np.mean(run.edges[e] - candidate.constants[0] * v))
    if not np.isfinite(shift):
        return None
    _shift(parts[s], edge.output, shift)
    return built(parts)


def with_polynomial(trial: Trial, s: int, e: int, degree: int, x: Float64Array) -> Trial:
    """The trial with a term for each power up to the degree in the place of an edge, by least squares."""
    parts, run = trial.parts(), trial.run(trial.theta, x)[s]
    edge = parts[s].edges[e][0]
    points, values = run.x[edge.input], run.edges[e]
    coefficients = np.polynomial.Polynomial.fit(points, values, degree).convert().coef
    fit = np.zeros(degree + 1)
    fit[: len(coefficients)] = coefficients
    terms: list[tuple[Edge, Float64Array]] = [(Term(edge.input, edge.output), fit[1:2])]
    for power in range(2, degree + 1):
        term = Term(edge.input, edge.output, (MONOMIALS[power],), (None, 1.0, 0.0))
        terms.append((term, fit[power : power + 1]))
    parts[s].edges[e : e + 1] = terms
    _shift(parts[s], edge.output, float(fit[0]))
    return built(parts)


def without(trial: Trial, s: int, e: int, x: Float64Array) -> Trial | None:
    """The trial without an edge, whose mean stays; None if that leaves a constant output.

    A factor without edges is a number, which the other factors take.
    """
    parts, run = trial.parts(), trial.run(trial.theta, x)[s]
    part, edge = parts[s], parts[s].edges[e][0]
    mean = float(run.edges[e].mean())
    del part.edges[e]
    _shift(part, edge.output, mean)
    if not any(other.output == edge.output for other, _ in part.edges):
        if not part.edges:
            return None
        number = float(run.nodes[edge.output].mean())
        parts[s] = part = _without_factor(part, edge.output, number)
    return built(parts)


def _shift(part: Part, node: int, by: float) -> None:
    """Add to a node: to the coefficients of a spline if it has any, else to its bias, which becomes free."""
    for i, (edge, values) in enumerate(part.edges):
        if edge.output == node and isinstance(edge, SplineEdge):
            part.edges[i] = edge, values + by
            return
    _, value = part.biases[node]
    part.biases[node] = None, value + by


def _without_factor(part: Part, node: int, number: float) -> Part:
    """Products without a node that is constant; another factor is multiplied by its value.

    The node stays where all other factors are needed elsewhere.
    """
    products = []
    everywhere = [other for groups in part.products for group in groups for other in group]
    for groups in part.products:
        kept = []
        for group in groups:
            others = tuple(other for other in group if other != node)
            free = [other for other in others if everywhere.count(other) == 1]
            if len(others) == len(group) or not free:
                kept.append(group)
                continue
            _scale(part, free[0], number ** (len(group) - len(others)))
            kept.append(others)
        products.append(tuple(kept))
    used = {other for groups in products for group in groups for other in group}
    biases = list(part.biases)
    if node not in used:
        biases[node] = (0.0, 0.0)
    return Part(part.edges, biases, tuple(products))


def _scale(part: Part, node: int, by: float) -> None:
    """Multiply a node."""
    for i, (edge, values) in enumerate(part.edges):
        if edge.output == node:
            if isinstance(edge, SplineEdge):
                part.edges[i] = edge, values * by
            elif edge.fixed[0] is None:
                part.edges[i] = edge, np.concatenate([[values[0] * by], values[1:]])
            else:
                free = Term(edge.input, edge.output, edge.functions, (None, *edge.fixed[1:]))
                part.edges[i] = free, np.concatenate([[edge.fixed[0] * by], values])
    fixed, value = part.biases[node]
    part.biases[node] = (fixed if fixed is None else fixed * by), value * by
