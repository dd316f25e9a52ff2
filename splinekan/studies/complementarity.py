"""Complementarity, measured: where updates go after a refinement, and what sweeps reduce.

Southworth et al., arXiv:2603.04827, section 4, argue that after a refinement updates must go into the
new, oscillatory functions, and that spline geometry does this while ReLU geometry, preconditioned by
(A A^T)^{-1}, prefers the smooth functions that the coarse level has already. Here it is measured twice.

Shares: of the first updates of every optimiser in both geometries, the share of their energy that no coarse
update has (`TangentSplit.share`). In three settings: the L2 projection on one spline layer; the spline layer
of the regression study's network, its affine map fixed as trained; and that network as a whole, refined from
5 to 10, 20 and 40 intervals. In the first two the coarse level is solved exactly, as the argument supposes;
no training of the third solves it.

Sweeps: on that layer, what a sweep of gradient descent reduces wave by wave, and the factors of coarse
solves with sweeps, predicted by local Fourier analysis and measured.

What is found:

- With the coarse level solved the argument holds, and strongly. First-order updates in ReLU geometry are all
  but coarse functions, and since the share bounds what a step can remove, they go nowhere. In spline geometry
  a good part is new. Levenberg-Marquardt goes into what is new in both, but its damping costs it most of its
  reach in ReLU geometry.
- In the network as a whole it does not: the first steps of gradient descent, Adam and L-BFGS are all but
  coarse in spline geometry too. What the coarse level has left to do, however little of the loss, lies in
  stiff directions and fills the gradient, most of all in the affine map. Sixteen steps of Adam and L-BFGS
  find some of what is new in spline geometry, none in ReLU geometry.
- Sweeps reduce smooth waves first in both geometries: spline geometry does not prefer oscillations either, it
  neglects them less. Its worst factor does not depend on the number of intervals; that in ReLU geometry tends
  to 1 like 1 - c G^(-2r). So a coarse solve followed by sweeps, the order of nested iteration, works in
  spline geometry alone.
- With another coarse solve after every sweep, and a step chosen for what coarse solves leave, the factor is
  bounded in ReLU geometry too (`complement_symbol`): the multilevel conclusion is about nested iteration, not
  about cycles. There spline geometry is better by 2^k in the condition number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tqdm import tqdm

from splinekan._checks import boolean, each, instance, integer, sequence
from splinekan._files import finite_or_none
from splinekan.complementarity import CUTOFF, NOISE
from splinekan.studies.arguments import affordable_samples, distinct_seeds
from splinekan.studies.shares import (
    COARSE,
    DEGREE,
    FROZEN,
    GEOMETRIES,
    RATES,
    Coarse,
    Share,
    network_shares,
    one_layer,
    over_seeds,
    share_table,
)
from splinekan.studies.sweeps import Factors, Modes, factor_table, mode_reductions, sweep_factors

SEEDS = (1234, 1235, 1236, 1237, 1238)


@dataclass(frozen=True)
class Study:
    """What the study found."""

    shares: tuple[Share, ...]
    factors: tuple[Factors, ...]
    modes: tuple[Modes, ...]
    settings: dict[str, Any]

    def table(self) -> str:
        """Both tables as text."""
        return f"{share_table(self.shares)}\n\n{factor_table(self.factors)}"

    def record(self) -> dict[str, Any]:
        """Everything, for JSON; None where a method took no step."""
        found: dict[str, Any] = finite_or_none(
            {
                "study": "complementarity",
                **self.settings,
                "shares": [asdict(row) for row in self.shares],
                "factors": [asdict(row) for row in self.factors],
                "modes": [asdict(row) for row in self.modes],
            }
        )
        return found


def run(
    seeds: Sequence[int] | None = None,
    samples: int | None = None,
    *,
    quick: bool = False,
    refinements: int = 3,
    coarse: Sequence[Coarse] = COARSE,
    progress: bool = False,
) -> Study:
    """Measure.

    Parameters
    ----------
    seeds
        Each draws its own points and start, as in the regression study; None for five, or two if `quick`.
    samples
        Points; None for 20,000, or 4000 if `quick`.
    quick
        Sweeps for degrees 1 and 3 only, on up to 32 intervals.
    refinements
        1, 2 or 3: from 5 intervals to 10, 20, 40.
    coarse
        Ways to train the coarse levels.
    progress
        Show a bar (tqdm).

    Raises
    ------
    TypeError, ValueError
        For no seeds, the same seed twice, no ways to train, or numbers out of range.
    MemoryError
        If the samples do not fit into this machine.
    """
    quick = boolean("quick", quick)
    chosen = (SEEDS[:2] if quick else SEEDS) if seeds is None else seeds
    numbers = distinct_seeds(chosen)
    if not sequence("coarse", coarse, empty=True):
        raise ValueError("coarse must name at least one way to train, got none")
    ways = each("coarse", coarse, lambda name, value: instance(name, value, Coarse))
    samples = affordable_samples((4_000 if quick else 20_000) if samples is None else samples, low=2)
    refinements = integer("refinements", refinements, low=1, high=3)
    progress = boolean("progress", progress)
    degrees, grids = ((1, 3), (16, 32)) if quick else ((1, 2, 3, 4, 5), (16, 32, 64))
    rows = one_layer(refinements)
    bar = tqdm(total=len(ways) * len(numbers), disable=not progress, leave=False)
    for way in ways:
        found = []
        for seed in numbers:
            bar.set_description(f"{way.name}, seed {seed}")
            found.append(network_shares(way, seed, samples, refinements, way is ways[0]))
            bar.update(1)
        merged = [over_seeds(same) for same in zip(*found, strict=True)]
        rows += sorted(merged, key=lambda row: row.coarse != FROZEN)
    bar.close()
    factors = [
        sweep_factors(degree, geometry, count)
        for degree in degrees
        for geometry in GEOMETRIES
        for count in grids
    ]
    settings = {
        "seeds": numbers,
        "samples": samples,
        "start": "rough",
        "cutoff": CUTOFF,
        "noise": NOISE,
        "rates": RATES,
        "coarse": [asdict(way) | {"optimizer": repr(way.optimizer)} for way in ways],
    }
    return Study(tuple(rows), tuple(factors), tuple(mode_reductions(DEGREE, 32)), settings)
