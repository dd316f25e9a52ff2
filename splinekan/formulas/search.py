"""The search for a formula: structures trained as splines, snapped, polished, the best by the criterion."""

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
"""Of the coarsest splines."""
LEVELS = 3
STARTS = 4
FIRST, MORE, FINE, POLISH = 15, 20, 30, 60
"""Iterations of a start, after its inner knots were fitted, after a refinement, and at the end."""
SAMPLES = 600
"""Samples with which structures are trained and edges are snapped."""
HOPELESS = 1e-2
"""Structures with a larger error are left aside if another has an error of less than 1e-4 of theirs."""
CLOSE, FINALISTS = 60.0, 4
"""Simple constants decide between formulas whose criteria differ by less, and how many are compared."""
SURE = 1e-4
"""The level of the F-test by which a structure explains more than a formula."""
GIVEN = "model"
"""The name of a network that is given, among those of structures."""
EXACT = 1e-18
"""A formula with this error is the function, but for rounding."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A structure as splines: the trial, its error, and what refinement would remove from it."""

    name: str
    trial: Trial
    error: float
    tau: float


@dataclass(frozen=True, eq=False)
class Attempt:
    """A structure and what came of it; `formula` has no splines if the search for it succeeded."""

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
        (n_in, n) and (n,); columns that vary.
    families
        The library.
    seed
        Of the starts.
    report
        Called with every attempt.
    tolerance
        Mean square errors, over the variance of y, that do not count.
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
        """The mean of y, which is the formula where no input matters."""
        trial = built([Part([], [(None, float(self.y.mean()))], ALONE)])
        n = len(self.y)
        criterion = n * np.log(max(1.0, self.tolerance)) + np.log(n)
        return Attempt("constant", 1.0, Scored(trial, 1.0, float(criterion)))

    def suffices(self, attempt: Attempt) -> bool:
        """Whether it is a formula whose error is rounding, or does not count."""
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
        """A network as a structure, on coarse knots: dense Jacobians are for a hundred parameters."""
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
        """On finer knots, as long as n log E + K log n falls, with tau."""
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
        """A structure with terms for its splines, trained with all samples; several, if they are close."""
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
        """The best of the attempts when simple constants are fixed: of those that are about equal before."""
        best = found[0]
        if not best.is_formula:
            return best
        close = [a for a in found if a.is_formula and a.scored.criterion < best.scored.criterion + CLOSE]
        ends = [
            replace(a, scored=rounded(a.scored, self.x, self.y, self.tolerance)) for a in close[:FINALISTS]
        ]
        return min(ends, key=lambda a: a.scored.criterion)

    def polished(self, scored: Scored) -> Scored:
        """Trained with all samples to the end."""
        every = Snapping(self.x, self.y, self.families, FLOOR, self.tolerance)
        trial, error = trained(scored.trial, self.x, self.y, POLISH, 1e-4)
        return Scored(trial, error, every.criterion(trial, error))

    def _bound(self, splines: Trained) -> float:
        """What the criterion of a formula of this structure is at least: its error cannot be much less."""
        least = max(splines.error - 4 * splines.tau, FLOOR)
        return float(len(self.y) * np.log(0.9 * least))

    def _explains(self, attempt: Attempt, coarse: Sequence[Trained]) -> bool:
        """Whether no spline structure has less error than its parameters explain, by the F-test."""
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
