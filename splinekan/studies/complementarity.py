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
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from splinekan._checks import integer
from splinekan.complementarity import CUTOFF, NOISE
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
        found = {
            "study": "complementarity",
            **self.settings,
            "shares": [asdict(row) for row in self.shares],
            "factors": [asdict(row) for row in self.factors],
            "modes": [asdict(row) for row in self.modes],
        }
        clean: dict[str, Any] = _without_nan(found)
        return clean


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
        For no seeds, no ways to train, or numbers out of range.
    """
    chosen = (SEEDS[:2] if quick else SEEDS) if seeds is None else seeds
    numbers = [integer("every seed", seed, low=0) for seed in chosen]
    if not numbers:
        raise ValueError("seeds must name at least one seed, got none")
    if not coarse:
        raise ValueError("coarse must name at least one way to train, got none")
    samples = integer("samples", (4_000 if quick else 20_000) if samples is None else samples, low=1)
    integer("refinements", refinements, low=1, high=3)
    degrees, grids = ((1, 3), (16, 32)) if quick else ((1, 2, 3, 4, 5), (16, 32, 64))
    rows = one_layer(refinements)
    bar = tqdm(total=len(coarse) * len(numbers), disable=not progress, leave=False)
    for way in coarse:
        found = []
        for seed in numbers:
            bar.set_description(f"{way.name}, seed {seed}")
            found.append(network_shares(way, seed, samples, refinements, way is coarse[0]))
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
        "coarse": [asdict(way) | {"optimizer": repr(way.optimizer)} for way in coarse],
    }
    return Study(tuple(rows), tuple(factors), tuple(mode_reductions(DEGREE, 32)), settings)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and np.isnan(value) else value
