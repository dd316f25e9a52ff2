"""Condition numbers against intervals, and the spectra of a trained network by level and basis.

Two tables. How fast condition numbers grow with the number of intervals, for degrees 1 to 5, against what
theory predicts: A^T A and everything measured in power ReLUs like G^(2r), r = degree + 1, in B-splines not at
all. And the ends of the spectra of Gauss-Newton matrix, exact Hessian and tangent kernel at the end of every
level of a trained network, in the coordinates of either basis (Southworth et al., arXiv:2603.04827, sections
3 and 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import factorial
from typing import Any

import numpy as np
from tqdm import tqdm

from splinekan import problems
from splinekan._checks import MAX_DEGREE, affordable, boolean, each, integer, shown
from splinekan.multilevel import Hierarchy, Level, nested_iteration
from splinekan.network import KAN, initialize
from splinekan.objectives import LeastSquares
from splinekan.optimize import LevenbergMarquardt
from splinekan.spectra import (
    Spectrum,
    change_of_basis_spectrum,
    gauss_newton_spectrum,
    hessian_matrix,
    hessian_spectrum,
)
from splinekan.splines.knots import uniform_knots
from splinekan.studies.arguments import affordable_samples
from splinekan.studies.growth import HEADER, Growth, of_layer, of_matrices, of_network
from splinekan.studies.interrupts import whole

DEGREES = (1, 2, 3, 4, 5)
INTERVALS = (8, 16, 32, 64, 128, 256)
LAYER_INTERVALS = (8, 16, 32, 64)
NETWORK_LEVELS = 4
BASES = ("spline", "relu", "scaled-relu", "mass")
WIDTHS = (2, 5, 1)
DEGREE = 3
COARSE = 5
BUDGETS = (40, 20, 20, 20)
"""Steps of Levenberg-Marquardt on 5, 10, 20 and 40 intervals."""
SAMPLES = 4000
MOST_LEVELS = 9
"""The matrices of the finest level are dense and grow fourfold with every level."""
QUICK: dict[str, Any] = {
    "degrees": (1, 3),
    "intervals": (8, 16, 32, 64),
    "layer_intervals": (8, 16, 32),
    "network_levels": 3,
    "budgets": (20, 10),
    "samples": 1000,
}
"""Under half a minute."""
MODES = ((0, 50), (2, 50))
"""(degree, intervals) of which the eigenvectors of A^T A are kept: the paper's r = 1 and 3."""


@dataclass(frozen=True, eq=False)
class LevelSpectra:
    """One level in one basis, at the parameters where its training ended.

    Attributes
    ----------
    level, intervals, parameters, loss
        Of the level; the loss is the mean square error.
    basis
        One of `BASES`; all belong to the same function.
    gauss_newton, hessian
        Spectra of the whole matrices. That of the tangent kernel is the first one, continued by zeros.
    layers
        Spectra of the Gauss-Newton matrix's diagonal blocks, one a layer.
    """

    level: int
    intervals: int
    parameters: int
    loss: float
    basis: str
    gauss_newton: Spectrum
    hessian: Spectrum
    layers: tuple[Spectrum, ...]

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
            "layers": [one.record() for one in self.layers],
        }


@dataclass(frozen=True)
class Kernel:
    """Theorem 2 on one level: tangent kernels of the splines and of the ReLUs scaled by h.

    Attributes
    ----------
    level, intervals
        Of the level.
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


@dataclass(frozen=True, eq=False)
class Study:
    """What was measured, and what makes it repeatable.

    Attributes
    ----------
    growths
        Condition numbers against intervals.
    levels
        Spectra by level and basis, coarsest level first.
    kernels
        Theorem 2 by level.
    modes
        Spectra of A^T A with eigenvectors, by (degree, intervals).
    settings
        All that the numbers depend on.
    """

    growths: tuple[Growth, ...]
    levels: tuple[LevelSpectra, ...]
    kernels: tuple[Kernel, ...]
    modes: dict[tuple[int, int], Spectrum]
    settings: dict[str, Any]

    def table(self) -> str:
        """All tables as text."""
        lines = ["condition number against intervals G: exponents (standard error)", HEADER]
        lines += [one.line() for one in self.growths]
        lines += ["", "trained network: ends of the spectra of Gauss-Newton matrix (GN) and Hessian (H)"]
        lines.append(
            f"{'G':>3} {'param.':>6} {'MSE':>8} {'basis':<11} {'zero':>4} {'GN max':>8} {'GN min':>8} "
            f"{'GN cond':>8} {'lost':>4}   {'H max':>8} {'H least':>9} {'H cond':>8} {'zero':>4} {'lost':>4}"
        )
        for row in self.levels:
            gn, h = row.gauss_newton, row.hessian
            lines.append(
                f"{row.intervals:>3} {row.parameters:>6} {row.loss:>8.1e} {row.basis:<11} {gn.nullity:>4} "
                f"{gn.largest:>8.1e} {gn.smallest:>8.1e} {_cond(gn)} {gn.unresolved:>4}   "
                f"{h.largest:>8.1e} {_least(h)} {_cond(h)} {h.nullity:>4} {h.unresolved:>4}"
            )
        lines.append(
            "zero: directions that are zero to rounding, left out of condition numbers; lost: values that "
            "float64 does not resolve; > a lower bound, from the others; H least: -, where it is lost"
        )
        lines += ["", "largest eigenvalue of the tangent kernel (Theorem 2)"]
        lines.append(
            f"{'G':>3} {'spline':>9} {'scaled ReLU':>11} {'ratio':>9} {'worst of all':>12} {'bound C':>8}"
        )
        for one in self.kernels:
            lines.append(
                f"{one.intervals:>3} {one.spline:>9.2e} {one.scaled_relu:>11.2e} {one.ratio:>9.2e} "
                f"{one.worst:>12.2e} {one.constant:>8.2f}"
            )
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """Everything in the tables and the whole spectra, for JSON."""
        return {
            "study": "conditioning",
            **self.settings,
            "growths": [one.record() for one in self.growths],
            "levels": [one.record() for one in self.levels],
            "kernels": [asdict(one) for one in self.kernels],
        }


def _cond(spectrum: Spectrum) -> str:
    """The condition number, or a lower bound for it, in eight places."""
    if np.isnan(spectrum.condition):
        return f"{'>' + format(spectrum.condition_seen, '.1e'):>8}"
    return f"{spectrum.condition:>8.1e}"


def _least(spectrum: Spectrum) -> str:
    """The least value, if no unresolved one can be below it, in nine places."""
    known = spectrum.unresolved == 0 or spectrum.least < -spectrum.noise
    return f"{spectrum.least:>9.1e}" if known else f"{'-':>9}"


def run(
    degrees: Sequence[int] = DEGREES,
    intervals: Sequence[int] = INTERVALS,
    layer_intervals: Sequence[int] = LAYER_INTERVALS,
    network_levels: int = NETWORK_LEVELS,
    budgets: Sequence[int] = BUDGETS,
    samples: int = SAMPLES,
    seed: int = 1234,
    progress: bool = False,
) -> Study:
    """Measure all of it.

    Parameters
    ----------
    degrees
        Of the sequences.
    intervals, layer_intervals
        Sizes for the matrices of a basis, and for the Gauss-Newton matrix of a layer.
    network_levels
        Levels from 4 intervals on for the Gauss-Newton matrix of a network.
    budgets
        Steps of Levenberg-Marquardt on every level of the trained network, from 5 intervals on.
    samples
        Points that it is trained on, uniform; the target is the regression study's.
    seed
        Draws points and starts.
    progress
        Show a bar (tqdm).

    Raises
    ------
    TypeError, ValueError
        For no or bad degrees, sizes, budgets, samples or seed.
    MemoryError
        If matrices or samples do not fit into this machine.
    """
    degrees = each("degrees", degrees, lambda name, value: integer(name, value, low=0, high=MAX_DEGREE))
    if len(set(degrees)) < len(degrees):
        raise ValueError(f"degrees must differ, got {shown(degrees)}")
    intervals, layer_intervals = _sizes("intervals", intervals), _sizes("layer_intervals", layer_intervals)
    budgets, samples, seed = _training(budgets, samples, seed)
    network_levels = integer("network_levels", network_levels, low=2, high=MOST_LEVELS)
    progress = boolean("progress", progress)
    growths: list[Growth] = []
    with tqdm(total=len(degrees) + len(budgets), disable=not progress, leave=False) as bar:
        for degree in degrees:
            growths += of_matrices(degree, intervals)
            growths += of_layer(degree, layer_intervals)
            growths += of_network(degree, network_levels, seed)
            bar.update()
        levels, kernels = trained(budgets, samples, seed, bar)
    names = ("A", "A^T A", "mass", "layer 2-1", "block of 2-3-1", "network 2-3-1")
    growths.sort(key=lambda one: (names.index(one.matrix), one.basis != "spline", one.degree))
    modes = {
        (degree, count): change_of_basis_spectrum(uniform_knots(0, 1, count, degree), degree, vectors=True)
        for degree, count in MODES
    }
    settings = {
        "degrees": list(degrees),
        "intervals": list(intervals),
        "layer_intervals": list(layer_intervals),
        "network_levels": network_levels,
        "budgets": list(budgets),
        "samples": samples,
        "seed": seed,
        "widths": list(WIDTHS),
        "degree": DEGREE,
    }
    return Study(tuple(growths), tuple(levels), tuple(kernels), modes, settings)


def _sizes(name: str, value: Any) -> list[int]:
    sizes = each(name, value, lambda where, size: integer(where, size, low=2))
    if len(sizes) < 2 or sorted(set(sizes)) != sizes:
        raise ValueError(f"{name} must name at least two increasing sizes, got {shown(value)}")
    # A layer 2 -> 1 has two splines to an interval, and some copies of its matrix are needed.
    affordable(f"{name}[-1]={sizes[-1]}", 4 * 8.0 * (2.0 * (sizes[-1] + MAX_DEGREE)) ** 2)
    return sizes


def _training(budgets: Any, samples: Any, seed: Any) -> tuple[list[int], int, int]:
    steps = each("budgets", budgets, lambda name, value: integer(name, value, low=1))
    if len(steps) > MOST_LEVELS:
        raise ValueError(f"budgets must be at most {MOST_LEVELS}, one a level, got {len(steps)}")
    return steps, affordable_samples(samples), integer("seed", seed, low=0)


def trained(
    budgets: Sequence[int], samples: int, seed: int, bar: Any = None
) -> tuple[list[LevelSpectra], list[Kernel]]:
    """Train the paper's regression network by nested iteration; spectra at the end of every level.

    Raises
    ------
    TypeError, ValueError, MemoryError
        For no or bad budgets, samples or seed.
    """
    budgets, samples, seed = _training(budgets, samples, seed)
    problem = problems.regression("rotated-waves")
    rng = np.random.default_rng(seed)
    x, y = problem.sample(samples, rng)
    hierarchy = Hierarchy(KAN.affine_first(WIDTHS, DEGREE, COARSE), len(budgets))

    def objective(level: Level) -> LeastSquares:
        return LeastSquares(level.network, x, y, 2 / samples, level.cost)

    theta = initialize(hierarchy.network, rng)
    constant = 4.0 ** (DEGREE + 1) / factorial(DEGREE) ** 2
    found, kernels = [], []
    for level, steps in zip(hierarchy.levels, budgets, strict=True):
        one = Hierarchy(level.network, 1)
        result = whole(nested_iteration(one, objective, LevenbergMarquardt(), [steps], theta))
        theta = result.theta
        of = objective(level)
        H = hessian_matrix(of, theta)
        rows = [
            LevelSpectra(
                level.index,
                level.network.intervals,
                level.network.n_parameters,
                result.value,
                basis,
                gauss_newton_spectrum(of, theta, basis),
                hessian_spectrum(of, theta, basis, matrix=H),
                tuple(
                    gauss_newton_spectrum(of, theta, basis, number)
                    for number in range(len(level.network.layers))
                ),
            )
            for basis in BASES
        ]
        found += rows
        spectra = {row.basis: row.gauss_newton for row in rows}
        kernels.append(_theorem_2(level, spectra["spline"], spectra["scaled-relu"], constant))
        if level.index + 1 < len(hierarchy):
            theta = hierarchy.prolong(theta, level.index)
        if bar is not None:
            bar.update()
    return found, kernels


def _theorem_2(level: Level, spline: Spectrum, scaled: Spectrum, constant: float) -> Kernel:
    """Affine parameters are the same in both, and C > 1: the bound covers the whole network."""
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
