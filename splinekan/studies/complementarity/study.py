"""Complementarity, measured: where updates go after a refinement, and what sweeps reduce.

Southworth et al., arXiv:2603.04827, section 4, argue that after a refinement updates must go into the
new, oscillatory functions, and that spline geometry does this while ReLU geometry, preconditioned by
(A A^T)^{-1}, prefers the smooth functions that the coarse level has already. The study measures this twice.

Shares: of the first updates of every optimiser in both geometries, the share of their energy that no coarse
update has (`TangentSplit.share`). In three settings: the L2 projection on one spline layer; the spline layer
of the regression study's network, its affine map fixed as trained; and that network as a whole, refined from
5 to 10, 20 and 40 intervals. In the first two the coarse level is solved exactly, as the argument supposes;
no training of the third solves it.

Sweeps: on that layer, what a sweep of gradient descent reduces wave by wave, and the factors of coarse
solves with sweeps, predicted by local Fourier analysis and measured.

Results:

- With the coarse level solved the argument holds, and strongly. First-order updates in ReLU geometry are
  almost entirely coarse functions, and since the share bounds the possible reduction of a step, they make no
  progress. In spline geometry a good part is new. Levenberg-Marquardt moves into the new functions in both
  geometries, but its damping costs most of its reach in ReLU geometry.
- In the network as a whole the argument fails: the first steps of gradient descent, Adam and L-BFGS are
  almost entirely coarse in spline geometry too. The remaining error of the coarse level, however small a part
  of the loss, lies in stiff directions and dominates the gradient, most of all in the affine map. Within
  sixteen steps Adam and L-BFGS reach some of the new functions in spline geometry, none in ReLU geometry.
- Sweeps reduce smooth waves first in both geometries: spline geometry does not prefer oscillations either,
  but neglects them less. Its worst factor does not depend on the number of intervals; in ReLU geometry the
  worst factor tends to 1 like 1 - c G^(-2r). A coarse solve followed by sweeps, the order of nested
  iteration, therefore works in spline geometry only.
- With another coarse solve after every sweep, and a step chosen for the complement of the coarse space, the
  factor is bounded in ReLU geometry too (`complement_symbol`): the multilevel conclusion concerns nested
  iteration, not cycles. There spline geometry is better by 2^k in the condition number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from splinekan._checks import MAX_DEGREE, each, instance, integer, real, sequence
from splinekan._processes import Place
from splinekan.complementarity import CUTOFF, NOISE
from splinekan.studies.complementarity.settings import (
    COARSE,
    DEGREE,
    FROZEN,
    Coarse,
    network_shares,
    one_layer,
)
from splinekan.studies.complementarity.shares import GEOMETRIES, RATES, Share, over_seeds, share_table
from splinekan.studies.complementarity.sweeps import (
    Factors,
    Modes,
    factor_table,
    mode_reductions,
    sweep_factors,
)
from splinekan.studies.skeleton.arguments import affordable_samples, distinct_names, distinct_seeds
from splinekan.studies.skeleton.study import record
from splinekan.studies.skeleton.sweep import Sweep

SEEDS = (1234, 1235, 1236, 1237, 1238)
QUICK: dict[str, Any] = {"seeds": SEEDS[:2], "samples": 4_000, "degrees": (1, 3), "grids": (16, 32)}


@dataclass(frozen=True)
class Study:
    """Shares, factors of sweeps, reductions by wave, all that they depend on, and places of runs."""

    shares: tuple[Share, ...]
    factors: tuple[Factors, ...]
    modes: tuple[Modes, ...]
    settings: dict[str, Any]
    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)

    def table(self) -> str:
        """Both tables as text."""
        return f"{share_table(self.shares)}\n\n{factor_table(self.factors)}"

    def record(self) -> dict[str, Any]:
        """Everything, for JSON; None where a method took no step."""
        parts = {"shares": self.shares, "factors": self.factors, "modes": self.modes}
        return record("complementarity", self.settings, **parts)


def run(
    seeds: Sequence[int] = SEEDS,
    samples: int = 20_000,
    *,
    degrees: Sequence[int] = (1, 2, 3, 4, 5),
    grids: Sequence[int] = (16, 32, 64),
    refinements: int = 3,
    coarse: Sequence[Coarse] = COARSE,
    rates: Sequence[float] = RATES,
    progress: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    checkpoints: str | Path | None = None,
) -> Study:
    """Measure shares and sweeps.

    Parameters
    ----------
    seeds
        Each draws its own points and start, as in the regression study.
    samples
        Points.
    degrees, grids
        Degrees and even numbers of intervals on which sweeps are measured.
    refinements
        1, 2 or 3: from 5 intervals to 10, 20, 40.
    coarse
        Ways to train the coarse levels.
    rates
        Rates of Adam, of which the rate with the lowest loss after the last step is used in each geometry.
    progress
        Show a bar (tqdm).
    workers, scheduler, checkpoints
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError
        For no seeds, the same seed twice, no ways to train, or numbers out of range.
    MemoryError
        If the samples do not fit in memory.
    """
    numbers = distinct_seeds(seeds)
    if not sequence("coarse", coarse, empty=True):
        raise ValueError("coarse must name at least one way to train, got none")
    ways = each("coarse", coarse, lambda name, value: instance(name, value, Coarse))
    names = [way.name for way in ways]
    distinct_names("coarse", names, names)
    samples = affordable_samples(samples, low=2)
    orders = each("degrees", degrees, lambda name, value: integer(name, value, low=1, high=MAX_DEGREE))
    counts = each("grids", grids, _even)
    refinements = integer("refinements", refinements, low=1, high=3)
    tried = each("rates", rates, lambda name, value: real(name, value, positive=True))
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    by_name = dict(zip(names, ways, strict=True))
    measured, places = sweep.every_seed(
        "complementarity",
        lambda name, seed: network_shares(
            by_name[name], seed, samples, refinements, tried, frozen=name == names[0]
        ),
        dict.fromkeys(names, numbers),
        {name: [repr(by_name[name]), name == names[0], samples, refinements, tried] for name in names},
    )
    rows = one_layer(refinements, tried)
    for by_seed in measured.values():
        merged = [over_seeds(same) for same in zip(*by_seed, strict=True)]
        rows += sorted(merged, key=lambda row: row.coarse != FROZEN)
    factors = [
        sweep_factors(degree, geometry, count)
        for degree in orders
        for geometry in GEOMETRIES
        for count in counts
    ]
    settings = {
        "seeds": numbers,
        "samples": samples,
        "start": "rough",
        "cutoff": CUTOFF,
        "noise": NOISE,
        "rates": tried,
        "coarse": [asdict(way) | {"optimizer": repr(way.optimizer)} for way in ways],
    }
    return Study(tuple(rows), tuple(factors), tuple(mode_reductions(DEGREE, 32)), settings, places)


def _even(name: str, value: Any) -> int:
    count = integer(name, value, low=4)
    if count % 2:
        raise ValueError(f"{name} must be even, got {count}")
    return count
