"""The paper's regression network trained level by level: spectra of its curvature in every basis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import factorial
from typing import Any

import numpy as np

from splinekan import problems
from splinekan._checks import each, integer
from splinekan.multilevel import Deflation, GaussNewtonBPX, Hierarchy, Level, nested_steps
from splinekan.network import KAN, initialize
from splinekan.objectives import LeastSquares
from splinekan.optimize import LevenbergMarquardt, Result
from splinekan.spectra import (
    Spectrum,
    gauss_newton_spectrum,
    hessian_matrix,
    hessian_spectrum,
    preconditioned_spectrum,
)
from splinekan.studies.skeleton.arguments import affordable_samples
from splinekan.studies.skeleton.interrupts import whole
from splinekan.studies.skeleton.tables import Column

BASES = ("spline", "relu", "scaled-relu", "mass")
WIDTHS = (2, 5, 1)
DEGREE = 3
COARSE = 5
BUDGETS = (40, 20, 20, 20)
"""Steps of Levenberg-Marquardt on 5, 10, 20 and 40 intervals."""
SAMPLES = 4000
MOST_LEVELS = 9
"""The matrices of the finest level are dense and grow fourfold with every level."""


@dataclass(frozen=True, eq=False)
class LevelSpectra:
    """Spectra of a level in a basis, at the parameters where its training ended.

    Attributes
    ----------
    level, intervals, parameters, loss
        Properties of the level; the loss is the mean square error.
    basis
        One of `BASES`; all belong to the same function.
    gauss_newton, hessian
        Spectra of the whole matrices. The spectrum of the tangent kernel is the first, continued by zeros.
    layers
        Spectra of the diagonal blocks of the Gauss-Newton matrix, layer by layer.
    preconditioned
        Spectra of the Gauss-Newton matrix in the spline basis, scaled by the norms of the columns of J and
        damped by 1e-6 of its largest eigenvalue: alone ("jacobi"), with BPX ("bpx") and deflated by the level
        below ("deflation"); the last two above the coarsest level. Empty for other bases.
    """

    level: int
    intervals: int
    parameters: int
    loss: float
    basis: str
    gauss_newton: Spectrum
    hessian: Spectrum
    layers: tuple[Spectrum, ...]
    preconditioned: dict[str, Spectrum] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """For JSON, spectra in full."""
        return {
            "level": self.level,
            "intervals": self.intervals,
            "parameters": self.parameters,
            "loss": self.loss,
            "basis": self.basis,
            "gauss_newton": self.gauss_newton.record(),
            "hessian": self.hessian.record(),
            "layers": [layer.record() for layer in self.layers],
            "preconditioned": {name: each.record() for name, each in self.preconditioned.items()},
        }


@dataclass(frozen=True)
class Kernel:
    """Theorem 2 on a level: tangent kernels of the splines and of the ReLUs scaled by h.

    Attributes
    ----------
    level, intervals
        The level, and its number of intervals.
    spline, scaled_relu
        The largest eigenvalues rho.
    ratio, worst
        Spline over scaled ReLU: of the largest eigenvalues, and the largest over all pairs in order that both
        are resolved.
    constant
        C = 4^r/((r-1)!)^2, which bounds both ratios.
    """

    level: int
    intervals: int
    spline: float
    scaled_relu: float
    ratio: float
    worst: float
    constant: float


def training(budgets: Any, samples: Any, seed: Any) -> tuple[list[int], int, int]:
    """Budgets, samples and seed, checked.

    Raises
    ------
    TypeError, ValueError, MemoryError
        For no or bad budgets, samples or seed.
    """
    steps = each("budgets", budgets, lambda name, value: integer(name, value, low=1))
    if len(steps) > MOST_LEVELS:
        raise ValueError(f"budgets must be at most {MOST_LEVELS}, one a level, got {len(steps)}")
    return steps, affordable_samples(samples), integer("seed", seed, low=0)


def trained(budgets: Sequence[int], samples: int, seed: int) -> tuple[list[LevelSpectra], list[Kernel]]:
    """Spectra at the end of every level of the paper's regression network, trained by nested iteration.

    Raises
    ------
    TypeError, ValueError, MemoryError
        For no or bad budgets, samples or seed.
    """
    budgets, samples, seed = training(budgets, samples, seed)
    rng = np.random.default_rng(seed)
    x, y = problems.regression("rotated-waves").sample(samples, rng)
    hierarchy = Hierarchy(KAN.affine_first(WIDTHS, DEGREE, COARSE), len(budgets))

    def objective(level: Level) -> LeastSquares:
        return LeastSquares(level.network, x, y, 2 / samples, level.cost)

    theta = initialize(hierarchy.network, rng)
    constant = 4.0 ** (DEGREE + 1) / factorial(DEGREE) ** 2
    levels: list[LevelSpectra] = []
    kernels = []
    for level, result in nested_steps(hierarchy, objective, LevenbergMarquardt(), budgets, theta):
        rows = _spectra(hierarchy, level, objective(level), whole(result))
        levels += rows.values()
        kernels.append(
            _theorem_2(level, rows["spline"].gauss_newton, rows["scaled-relu"].gauss_newton, constant)
        )
    return levels, kernels


def _spectra(
    hierarchy: Hierarchy, level: Level, problem: LeastSquares, result: Result
) -> dict[str, LevelSpectra]:
    """The spectra of a level by basis."""
    theta, layers = result.theta, range(len(level.network.layers))
    methods: dict[str, Any] = {"jacobi": None}
    if level.index:
        below = hierarchy[level.index - 1].network.n_parameters
        methods |= {"bpx": GaussNewtonBPX(hierarchy), "deflation": Deflation(hierarchy, below)}
    preconditioned = {
        name: preconditioned_spectrum(problem, theta, method) for name, method in methods.items()
    }
    hessian = hessian_matrix(problem, theta)
    return {
        basis: LevelSpectra(
            level.index,
            level.network.intervals,
            level.network.n_parameters,
            result.value,
            basis,
            gauss_newton_spectrum(problem, theta, basis),
            hessian_spectrum(problem, theta, basis, matrix=hessian),
            tuple(gauss_newton_spectrum(problem, theta, basis, number) for number in layers),
            preconditioned if basis == "spline" else {},
        )
        for basis in BASES
    }


def _theorem_2(level: Level, spline: Spectrum, scaled: Spectrum, constant: float) -> Kernel:
    """Tangent kernels of a level. The bound covers affine parameters, the same in both, because C > 1."""
    both = spline.resolved & scaled.resolved
    ratios = spline.values[both] / scaled.values[both]
    return Kernel(
        level.index,
        level.network.intervals,
        spline.largest,
        scaled.largest,
        spline.largest / scaled.largest,
        float(ratios.max()),
        constant,
    )


def _condition(spectrum: Spectrum) -> str:
    """The condition number, or a lower bound for it."""
    if np.isnan(spectrum.condition):
        return f">{spectrum.condition_seen:.1e}"
    return f"{spectrum.condition:.1e}"


def _least(spectrum: Spectrum) -> str:
    """The least value, if no unresolved value can be below it."""
    known = spectrum.unresolved == 0 or spectrum.least < -spectrum.noise
    return f"{spectrum.least:.1e}" if known else "-"


COLUMNS = (
    Column("G", "intervals"),
    Column("param.", "parameters"),
    Column("MSE", "loss", ".1e"),
    Column("basis", "basis", left=True),
    Column("zero", lambda row: row.gauss_newton.nullity),
    Column("GN max", lambda row: row.gauss_newton.largest, ".1e"),
    Column("GN min", lambda row: row.gauss_newton.smallest, ".1e"),
    Column("GN cond", lambda row: _condition(row.gauss_newton)),
    Column("lost", lambda row: row.gauss_newton.unresolved),
    Column("H max", lambda row: row.hessian.largest, ".1e"),
    Column("H least", lambda row: _least(row.hessian)),
    Column("H cond", lambda row: _condition(row.hessian)),
    Column("zero", lambda row: row.hessian.nullity),
    Column("lost", lambda row: row.hessian.unresolved),
)
KERNEL_COLUMNS = (
    Column("G", "intervals"),
    Column("spline", "spline", ".2e"),
    Column("scaled ReLU", "scaled_relu", ".2e"),
    Column("ratio", "ratio", ".2e"),
    Column("worst of all", "worst", ".2e"),
    Column("bound C", "constant", ".2f"),
)
