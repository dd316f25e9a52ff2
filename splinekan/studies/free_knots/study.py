"""Free knots against uniform knots at equal numbers of unknowns.

A network on G uniform intervals is trained, then its knots are optimised together with its parameters: G - 1
further unknowns for every input whose knots move. On 2 G - 1 uniform intervals, every edge of a layer with a
single output has as many coefficients as G intervals have coefficients and knots; 8 G intervals show what
many coefficients do without moving. All methods take the same number of iterations. Errors are root mean
squares at held-out points, relative to the deviation of the target; samples carry no noise.

The methods: `LevenbergMarquardt` and `VariableProjection` on the logarithms of ratios of spacings (Jupp
1978), and `VariableProjection` on the knots themselves, which is exposed to lethargy (Jupp 1975).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from splinekan import problems
from splinekan._checks import Float64Array, integer
from splinekan.multilevel import FreeKnots
from splinekan.network import KAN, initialize
from splinekan.objectives import LeastSquares
from splinekan.optimize import LevenbergMarquardt, Optimizer, VariableProjection
from splinekan.studies.skeleton.arguments import affordable_samples, distinct_names, distinct_seeds
from splinekan.studies.skeleton.study import TableStudy
from splinekan.studies.skeleton.sweep import Sweep
from splinekan.studies.skeleton.tables import Column

SEEDS = (0, 1, 2, 3, 4)
HELD_OUT = 10_000
WIDTH = 1e-2
"""Width of the peak."""


@dataclass(frozen=True)
class Target:
    """A function, the box of its inputs, and the network on G intervals that is fitted."""

    function: Callable[[Float64Array], Float64Array]
    n_in: int
    bounds: tuple[float, float]
    intervals: int
    hidden: int
    """Hidden units behind an affine map; 0 for a spline of a single variable."""

    def network(self, intervals: int) -> KAN:
        """The network, cubic."""
        if not self.hidden:
            return KAN.splines([1, 1], 3, intervals, self.bounds)
        return KAN.affine_first([self.n_in, self.hidden, 1], 3, intervals, (0.0, 1.0))


WAVES = problems.regression("rotated-waves")


def _cusp(x: Float64Array) -> Float64Array:
    return np.asarray(np.abs(x[:, 0] - 0.3) ** 0.6)


TARGETS = {
    "cusp": Target(_cusp, 1, (0.0, 1.0), 8, 0),
    "cusp-16": Target(_cusp, 1, (0.0, 1.0), 16, 0),
    "cusp-32": Target(_cusp, 1, (0.0, 1.0), 32, 0),
    "peak": Target(lambda x: np.exp(-(((x[:, 0] - 0.4) / WIDTH) ** 2)), 1, (0.0, 1.0), 8, 0),
    "layer": Target(lambda x: np.tanh(100 * (x[:, 0] + x[:, 1])), 2, (-1.0, 1.0), 8, 1),
    "rotated-waves": Target(WAVES.function, 2, WAVES.bounds, 5, 5),
}
"""|x - 0.3|^0.6 on 8, 16 and 32 intervals, a Gaussian of width 1e-2, tanh(100 (x + y)), and the target of the
regression study."""


@dataclass(frozen=True)
class Method:
    """A treatment of the knots.

    Attributes
    ----------
    intervals
        Intervals for G of the target.
    shared
        Whether the inputs of a layer keep equal knots; None for knots that stay.
    optimizer
        The method of training, and of moving the knots.
    unknowns
        As for `FreeKnots`.
    """

    intervals: Callable[[int], int]
    shared: bool | None
    optimizer: Optimizer
    unknowns: str = "log-ratios"


def _same(intervals: int) -> int:
    return intervals


def _more(intervals: int) -> int:
    return 2 * intervals - 1


def _many(intervals: int) -> int:
    return 8 * intervals


METHODS = {
    "uniform, G": Method(_same, None, LevenbergMarquardt()),
    "uniform, 2G-1": Method(_more, None, LevenbergMarquardt()),
    "uniform, 8G": Method(_many, None, LevenbergMarquardt()),
    "free, shared": Method(_same, True, LevenbergMarquardt()),
    "free": Method(_same, False, LevenbergMarquardt()),
    "free, projected": Method(_same, False, VariableProjection()),
    "free, knots themselves": Method(_same, False, VariableProjection(), "knots"),
}

QUICK = {"seeds": (0, 1), "samples": 500, "iterations": 30}


@dataclass(frozen=True)
class Row:
    """A target by a method, over its seeds; `least` is the smallest spacing over the mean spacing."""

    problem: str
    method: str
    parameters: int
    error: float
    worst: float
    error_per_seed: tuple[float, ...]
    least: float
    seconds: float


COLUMNS = (
    Column("target", "problem", left=True),
    Column("method", "method", left=True),
    Column("unknowns", "parameters"),
    Column("median error", "error", ".1e"),
    Column("worst", "worst", ".1e"),
    Column("least spacing", "least", ".1e"),
    Column("s/seed", "seconds", ".1f"),
)


@dataclass(frozen=True)
class End:
    """A run: its held-out error, its number of unknowns, its smallest spacing, and its time."""

    error: float
    parameters: int
    least: float
    seconds: float


def run(
    seeds: Sequence[int] = SEEDS,
    samples: int = 2000,
    iterations: int = 150,
    targets: Sequence[str] | None = None,
    progress: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    checkpoints: str | Path | None = None,
) -> TableStudy[Row]:
    """Fit every target by every method from every seed.

    Parameters
    ----------
    seeds
        Each draws its own points and starts, the same for all methods.
    samples
        Training points, uniform in the box; 10,000 others are held out.
    iterations
        Number of iterations of every method; a third of them with uniform knots, before knots move.
    targets
        Names of `TARGETS`; None for all.
    progress
        Show a bar (tqdm), one tick per run.
    workers, scheduler, checkpoints
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError
        For an unknown target, seeds or targets given twice, fewer than 2 samples or 3 iterations.
    MemoryError
        If the samples do not fit in memory.
    """
    numbers = distinct_seeds(seeds)
    samples = affordable_samples(samples, low=2)
    count = integer("iterations", iterations, low=3)
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    names = list(TARGETS) if targets is None else distinct_names("targets", targets, TARGETS)
    pairs = {
        f"{name}: {method}": (name, method)
        for name in names
        for method in METHODS
        if TARGETS[name].hidden > 1 or not METHODS[method].shared  # a single input cannot share its knots
    }

    def train(pair: str, seed: int) -> End:
        name, method = pairs[pair]
        return fit(TARGETS[name], METHODS[method], seed, samples, count)

    ends, places = sweep.every_seed(
        "free-knots", train, dict.fromkeys(pairs, numbers), {pair: [samples, count] for pair in pairs}
    )
    rows = tuple(_row(*pairs[pair], found) for pair, found in ends.items())
    settings = {"seeds": numbers, "samples": samples, "iterations": count}
    return TableStudy("free-knots", COLUMNS, rows, settings, places=places)


def fit(target: Target, method: Method, seed: int, samples: int, iterations: int) -> End:
    """Train, and move the knots where the method does."""
    rng = np.random.default_rng(seed)
    low, high = target.bounds
    x = rng.uniform(low, high, (samples, target.n_in))
    held_out = rng.uniform(low, high, (HELD_OUT, target.n_in))
    y, truth = target.function(x), target.function(held_out)
    mean, deviation = y.mean(), y.std()
    network = target.network(method.intervals(target.intervals))
    objective = LeastSquares(network, x, (y - mean) / deviation, reduction="mean")
    theta = initialize(network, np.random.default_rng([seed, 1]), bounds=target.bounds, noise=0.5)
    began = perf_counter()
    first = iterations if method.shared is None else iterations // 3
    result = LevenbergMarquardt().minimize(objective, theta, iterations=first)
    unknowns = network.n_parameters
    if method.shared is not None:
        free = FreeKnots(objective, shared=method.shared, unknowns=method.unknowns)
        start = free.start(result.theta)
        result = method.optimizer.minimize(free, start, iterations=iterations - first)
        unknowns = free.n_parameters
    seconds = perf_counter() - began
    error = (result.model(held_out)[:, 0] - (truth - mean) / deviation).std()
    return End(float(error), unknowns, _least(result.model.network), seconds)


def _least(network: KAN) -> float:
    """The smallest spacing of knots, relative to the mean spacing."""
    vectors = [knots for _, layer, _ in network._splines for knots in layer.knots]
    steps = [np.diff(knots.breakpoints) for knots in vectors]
    return min(float(each.min() / each.mean()) for each in steps)


def _row(problem: str, method: str, ends: Sequence[End]) -> Row:
    errors = [end.error for end in ends]
    return Row(
        problem,
        method,
        ends[0].parameters,
        float(np.median(errors)),
        max(errors),
        tuple(errors),
        min(end.least for end in ends),
        float(np.mean([end.seconds for end in ends])),
    )
