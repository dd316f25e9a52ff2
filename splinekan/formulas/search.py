"""The search for a formula: structures are trained as splines, snapped, polished and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy

from splinekan._checks import Float64Array
from splinekan.formulas.families import Family
from splinekan.formulas.rounding import rounded
from splinekan.formulas.snapping import FLOOR, Scored, Snapping, rank
from splinekan.formulas.structures import ALONE, STRUCTURES, refined, regauged, simplest, start
from splinekan.formulas.training import trained
from splinekan.formulas.trial import Part, Trial, built

INTERVALS = 6
"""Intervals of the coarsest splines."""
LEVELS = 3
STARTS = 4
FIRST, MORE, FINE, POLISH = 15, 20, 30, 60
"""Iterations of a start, after its inner knots were fitted, after a refinement, and at the end."""
SAMPLES = 600
"""Number of samples with which structures are trained and edges are snapped."""
HOPELESS = 1e-2
"""Structures with a larger error are dropped if another structure has less than 1e-4 of it."""
CLOSE, FINALISTS = 60.0, 4
"""Formulas whose criteria differ by less are compared with simple constants fixed, and at most this many."""
SURE = 1e-4
"""Level of the F-test of whether a structure explains more than a formula."""
GIVEN = "model"
"""The name of a given network among the names of structures."""
EXACT = 1e-18
"""A formula with this error equals the function up to rounding."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A structure as splines: the trial, its error, and the part of it that refinement would remove."""

    name: str
    trial: Trial
    error: float
    tau: float


@dataclass(frozen=True, eq=False)
class Attempt:
    """A structure and the result; `formula` has no splines if the search succeeded."""

    name: str
    splines: float
    scored: Scored = field(repr=False)

    @property
    def is_formula(self) -> bool:
        """Whether all edges are terms."""
        return next(self.scored.trial.splines(), None) is None


@dataclass(frozen=True, eq=False)
class Search:
    """The samples and the options of a search.

    Attributes
    ----------
    x, y
        Inputs (n_in, n), which vary, and targets (n,).
    families
        The library.
    seed
        The seed of the starts.
    report
        Called with every attempt.
    tolerance
        Mean square error, over the variance of y, below which errors count as equal.
    """

    x: Float64Array = field(repr=False)
    y: Float64Array = field(repr=False)
    families: Sequence[Family] = field(repr=False)
    seed: int
    report: Callable[[Attempt], object]
    tolerance: float = 0.0

    def run(self, structures: Sequence[str] = STRUCTURES, given: Sequence[Trial] = ()) -> list[Attempt]:
        """Attempts, the best first. Structures and networks are tried in the order of their sizes."""
        names = dict.fromkeys(simplest(name, len(self.x)) for name in structures)
        coarse = [*map(self.given, given), *map(self.trained, names)]
        coarse = sorted((each for each in coarse if np.isfinite(each.error)), key=_size)
        found: list[Attempt] = []
        least = min((each.error for each in coarse), default=0.0)
        enough = np.inf
        for each in coarse:
            hopeless = each.error > HOPELESS and each.error > 1e4 * least
            if _size(each) > enough or (hopeless and each.name != GIVEN):
                continue
            splines = self.fitted(each)
            if found and self._bound(splines) > min(a.scored.criterion for a in found):
                continue
            attempts = self.attempts(splines)
            found += attempts
            if any(self.suffices(attempt) for attempt in attempts):
                break
            if any(attempt.is_formula and self._explains(attempt, coarse) for attempt in attempts):
                enough = min(enough, _size(each))
        found.sort(key=_rank)
        constant = self.constant()
        if not found or constant.scored.criterion < found[0].scored.criterion:
            self.report(constant)
            found.insert(0, constant)
        return found

    def constant(self) -> Attempt:
        """The mean of y, which is the formula if no input matters."""
        trial = built([Part([], [(None, float(self.y.mean()))], ALONE)])
        n = len(self.y)
        criterion = n * np.log(max(1.0, self.tolerance)) + np.log(n)
        return Attempt("constant", 1.0, Scored(trial, 1.0, float(criterion)))

    def suffices(self, attempt: Attempt) -> bool:
        """Whether the attempt is a formula whose error is rounding, or below the tolerance."""
        return attempt.is_formula and attempt.scored.error <= max(EXACT, self.tolerance)

    @property
    def few(self) -> tuple[Float64Array, Float64Array]:
        """A random part of the samples."""
        n = len(self.y)
        if n <= SAMPLES:
            return self.x, self.y
        chosen = np.sort(np.random.default_rng([self.seed, 0]).permutation(n)[:SAMPLES])
        return np.ascontiguousarray(self.x[:, chosen]), self.y[chosen]

    def given(self, trial: Trial) -> Trained:
        """A network as a structure, on coarse knots: dense Jacobians suit a hundred parameters."""
        x, y = self.few
        return Trained(GIVEN, *trained(regauged(trial, x, INTERVALS), x, y, MORE), FLOOR)

    def trained(self, name: str) -> Trained:
        """The best of several starts of a structure, on coarse knots."""
        x, y = self.few
        best: tuple[Trial, float] | None = None
        for number in range(1 if name == "sum" else STARTS):
            rng = np.random.default_rng([self.seed, 1, STRUCTURES.index(name), number])
            trial, error = trained(start(name, x, y, INTERVALS, rng), x, y, FIRST)
            if np.isfinite(error):
                trial, error = trained(regauged(trial, x), x, y, MORE)
            if best is None or error < best[1]:
                best = trial, error
        assert best is not None
        return Trained(name, *best, FLOOR)

    def fitted(self, splines: Trained) -> Trained:
        """The structure on finer knots, as long as n log E + K log n falls, with tau."""
        (x, y), trial, error = self.few, splines.trial, splines.error
        n, gain = len(y), 0.0
        for _ in range(LEVELS):
            finer, less = trained(refined(trial), x, y, FINE)
            more = len(finer.theta) - len(trial.theta)
            gain = max(error - less, 0.0)
            if not n * np.log((less + FLOOR) / (error + FLOOR)) + np.log(n) * more < 0:
                break
            trial, error = finer, less
        return Trained(splines.name, trial, error, max(gain, FLOOR))

    def attempts(self, splines: Trained) -> list[Attempt]:
        """A structure with terms for its splines, trained with all samples; several versions if close."""
        x, y = self.few
        snapping = Snapping(x, y, self.families, splines.tau, self.tolerance)
        every = Snapping(self.x, self.y, self.families, FLOOR, self.tolerance)
        scored = Scored(splines.trial, splines.error, snapping.criterion(splines.trial, splines.error))
        found: list[Attempt] = []
        for number, each in enumerate(snapping.snapped(snapping.pruned(scored))):
            attempt = Attempt(splines.name, splines.error, self.polished(each))
            if number == 0 and attempt.is_formula:
                if not self.suffices(attempt):
                    attempt = replace(attempt, scored=every.regrown(attempt.scored, splines.trial))
                attempt = replace(attempt, scored=every.swapped(attempt.scored))
            self.report(attempt)
            found.append(attempt)
            if self.suffices(attempt):
                break
        return found

    def finished(self, found: Sequence[Attempt]) -> Attempt:
        """The best attempt after simple constants are fixed in those whose criteria are about equal."""
        best = found[0]
        if not best.is_formula:
            return best
        close = [a for a in found if a.is_formula and a.scored.criterion < best.scored.criterion + CLOSE]
        ends = [
            replace(a, scored=rounded(a.scored, self.x, self.y, self.tolerance)) for a in close[:FINALISTS]
        ]
        return min(ends, key=lambda a: a.scored.criterion)

    def polished(self, scored: Scored) -> Scored:
        """The trial trained to convergence with all samples."""
        every = Snapping(self.x, self.y, self.families, FLOOR, self.tolerance)
        trial, error = trained(scored.trial, self.x, self.y, POLISH, 1e-4)
        return Scored(trial, error, every.criterion(trial, error))

    def _bound(self, splines: Trained) -> float:
        """A lower bound on the criterion of a formula of this structure, whose error cannot be much less."""
        least = max(splines.error - 4 * splines.tau, FLOOR)
        return float(len(self.y) * np.log(0.9 * least))

    def _explains(self, attempt: Attempt, coarse: Sequence[Trained]) -> bool:
        """Whether no spline structure has a significantly lower error for its parameters, by the F-test."""
        x, y = self.few
        formula, error = trained(attempt.scored.trial, x, y, FIRST, 1e-4)
        n = len(y)
        for each in coarse:
            more, rest = rank(each.trial, x) - rank(formula, x), n - rank(each.trial, x)
            if more < 1 or rest < 1:
                continue
            ratio = (error - each.error) / more / ((each.error + FLOOR) / rest)
            if ratio > scipy.stats.f.isf(SURE, more, rest):
                return False
        return True


def _size(splines: Trained) -> int:
    return sum(len(stage.edges) for stage in splines.trial.stages)


def _rank(attempt: Attempt) -> tuple[bool, float]:
    return not attempt.is_formula, attempt.scored.criterion
