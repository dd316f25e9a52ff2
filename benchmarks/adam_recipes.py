"""The effect of each choice that the paper leaves open on our runs with Adam, a factor at a time.

    OMP_NUM_THREADS=1 python benchmarks/adam_recipes.py burgers --rows spline-multilevel mlp
        [--factors ours rate-10 noise-0.01+sobol] [--seeds 1234] [--json FILE]

Southworth et al., arXiv:2603.04827, 6.2 (interface) and 6.3 (Burgers). "ours" is the recipe of
`splinekan.studies.boundary_value.first_order`; every other factor changes the settings that its entry in
`FACTORS` names, and a sum such as rate-10+no-faces changes several. Printed are the losses of training (best
and last iterate), the loss between the points of training, the relative l2 error on a grid, the share of
hidden values outside the domain of the next spline layer, processor seconds, and the losses level by level.
The file gets a line of JSON for every run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

import splinekan as sk
from splinekan.multilevel import Hierarchy
from splinekan.network import Affine, Normalizer, SplineLayer
from splinekan.objectives.attention import Attention
from splinekan.optimize.schedules import Constant, ExponentialCyclic, LinearRamp
from splinekan.problems import boundary
from splinekan.problems.boundary import BoundaryValueProblem
from splinekan.splines.knots import uniform_knots
from splinekan.studies.boundary_value.first_order import RECIPES, posed


@dataclass(frozen=True)
class Settings:
    """The settings of a run. The values for each problem are those of our recipe.

    Attributes
    ----------
    rates
        Of the schedule: its lowest and its highest rate.
    shape
        "cyclic", "ramp", "constant" (the highest rate) or "decay" (the highest rate times 0.9995^iteration).
    cycle
        Length of a cycle in iterations.
    carry
        The schedule goes on across levels instead of beginning anew.
    betas
        Whether beta1 moves against the rate, from 0.9 at the lowest to 0.8 at the highest (the default of
        PyTorch's CyclicLR).
    beta1, decay
        Of AdamW.
    start
        "ours": directions that fill the domain, coefficients `noise` N(0, 1). "linear": the same and a random
        linear function on every edge. "torch": uniform on +-1/sqrt(fan-in), as the default of PyTorch's
        linear layers; fan-in counts the basis functions. "unit": variance preserving.
        Perceptrons: "ours" and "unit" are weights N(0, 1/fan-in) without biases.
    noise
        Of the coefficients.
    reach
        Half the length of the domain of the splines.
    hidden
        "none", or "sigmoid" or "tanh": how hidden values are brought into the domain of the next layer.
    extrapolate, base
        As in `SplineLayer`.
    raw
        The network's inputs are x and t themselves, instead of both mapped to [-1, 1].
    inner, outer
        Points in the interior, per variable; along every face.
    kind
        Of the interior points, see `collocation`; "random" draws as many uniform ones.
    weights
        Of the mean squares: of the interior, then of each kind of condition.
    viscosity
        Of Burgers' equation.
    attention
        Rate of the residual-based attention; 0 for none.
    epochs
        Times the budgets of the levels.
    keep
        "best" or "last".
    """

    rates: tuple[float, float]
    shape: str
    cycle: int = 100
    carry: bool = False
    betas: bool = False
    beta1: float = 0.9
    decay: float = 0.0
    start: str = "ours"
    noise: float = 0.1
    reach: float = 1.0
    hidden: str = "none"
    extrapolate: str = "linear"
    base: str | None = None
    raw: bool = False
    inner: int = 64
    outer: int = 64
    kind: str = "grid"
    weights: tuple[float, ...] = (1.0, 1.0, 1.0)
    viscosity: float = 0.01
    attention: float = 0.0
    epochs: float = 1.0
    keep: str = "best"


OURS = {
    "burgers": Settings((1e-4, 1e-3), "cyclic", decay=1e-2),
    "interface": Settings(
        (1e-4, 1e-2), "ramp", inner=49, outer=50, kind="midpoints", weights=(24.01, 50.0, 4.9), attention=1e-4
    ),
}

FACTORS: dict[str, dict[str, Any]] = {
    "ours": {},
    "rate-low": {"rates": (1e-4, 2e-3)},
    "rate-10": {"rates": (1e-3, 1e-2)},
    "rate-wide": {"rates": (1e-4, 1e-2)},
    "constant": {"shape": "constant"},
    "constant-10": {"rates": (1e-2, 1e-2), "shape": "constant"},
    "cycle-200": {"cycle": 200},
    "carry": {"carry": True},
    "betas": {"betas": True},
    "no-decay": {"decay": 0.0},
    "no-faces": {"weights": (1.0, 1.0, 0.0)},
    "noise-0.01": {"noise": 0.01},
    "noise-0.001": {"noise": 0.001},
    "noise-0.03": {"noise": 0.03},
    "noise-0.3": {"noise": 0.3},
    "noise-1": {"noise": 1.0},
    "linear": {"start": "linear"},
    "linear-0.3": {"start": "linear", "noise": 0.3},
    "linear-0.01": {"start": "linear", "noise": 0.01},
    "torch": {"start": "torch"},
    "unit": {"start": "unit"},
    "reach-2": {"reach": 2.0},
    "raw": {"raw": True},
    "sigmoid": {"hidden": "sigmoid"},
    "tanh": {"hidden": "tanh"},
    "polynomial": {"extrapolate": "polynomial"},
    "zero": {"extrapolate": "zero"},
    "silu": {"base": "silu"},
    "random": {"kind": "random"},
    "sobol": {"kind": "sobol"},
    "midpoints": {"kind": "midpoints"},
    "nu-0.1": {"viscosity": 0.1},
    "points-32": {"inner": 32},
    "beta1-0.99": {"beta1": 0.99},
    "no-attention": {"attention": 0.0},
    "frames": {"start": "frames"},
    "epochs-0.267": {"epochs": 5000 / 18750},
    "last": {"keep": "last"},
}
"""The settings that each factor changes."""


@dataclass(frozen=True)
class Later:
    """A schedule from iteration `offset` on."""

    schedule: Callable[[int], float]
    offset: int

    def __call__(self, iteration: int) -> float:
        """The rate."""
        return self.schedule(iteration + self.offset)


@dataclass(frozen=True)
class Decay:
    """rate gamma^iteration."""

    rate: float
    gamma: float = 0.9995

    def __call__(self, iteration: int) -> float:
        """The rate."""
        return self.rate * self.gamma**iteration


@dataclass(frozen=True, kw_only=True)
class CyclicMomentum(sk.Adam):
    """beta1 moves linearly against the rate: 0.9 at `low`, 0.8 at `high`."""

    low: float
    high: float

    def _step(self, state: Any, z: Any, gradient: Any, out: Any) -> bool:
        rate = self.schedule(state["t"])
        beta1 = 0.9 - 0.1 * (rate - self.low) / (self.high - self.low)
        return sk.Adam(schedule=Constant(rate), beta1=beta1, weight_decay=self.weight_decay)._step(
            state, z, gradient, out
        )


def schedule(settings: Settings, done: int) -> Callable[[int], float]:
    """The rate at every iteration of a level, after `done` iterations on levels before."""
    low, high = settings.rates
    made: Callable[[int], float] = {
        "cyclic": lambda: ExponentialCyclic(low, high, settings.cycle),
        "ramp": lambda: LinearRamp(low, high, 10),
        "constant": lambda: Constant(high),
        "decay": lambda: Decay(high),
    }[settings.shape]()
    return Later(made, done) if settings.carry else made


def optimizer(settings: Settings, done: int) -> sk.Adam:
    """Adam for a level."""
    rates = schedule(settings, done)
    if settings.betas:
        low, high = settings.rates
        return CyclicMomentum(schedule=rates, weight_decay=settings.decay, low=low, high=high)
    return sk.Adam(schedule=rates, beta1=settings.beta1, weight_decay=settings.decay)


def network(problem: str, settings: Settings) -> sk.KAN:
    """The coarsest spline network."""
    domain = (-settings.reach, settings.reach)
    widths, intervals = ([2, 20, 20, 1], 5) if problem == "burgers" else ([3, 5, 1], 4)
    layers: list[Any] = []
    if problem == "burgers":
        layers.append(Affine(widths[0], widths[1], False))
        widths = widths[1:]
    knots = uniform_knots(*domain, intervals, 3)
    for number, (n_in, n_out) in enumerate(pairwise(widths)):
        if settings.hidden != "none" and number:
            layers.append(Normalizer(n_in, settings.hidden, domain))
        layers.append(SplineLayer(n_in, n_out, knots, 3, settings.extrapolate, "spline", settings.base))
    return sk.KAN.chain(layers)


def begin(net: sk.KAN, settings: Settings, rng: np.random.Generator) -> np.ndarray:
    """The start."""
    splines = any(isinstance(layer, SplineLayer) for layer in net.layers)
    scheme = {"ours": "frames", "linear": "greville", "torch": "noise", "unit": "noise", "frames": "frames"}[
        settings.start
    ]
    if not isinstance(net.layers[0], Affine) and settings.start == "ours":
        scheme = "greville"  # the study's choice for networks that begin with splines
    if not splines:
        scheme = "noise"
    theta = sk.initialize(net, rng, scheme, bounds=(-1.0, 1.0), noise=settings.noise)
    if settings.start == "torch":
        for layer, (first, last) in zip(net.layers, pairwise(net.offsets), strict=True):
            if first == last:
                continue
            fan = layer.n_in * (layer.knots[0].n_basis if isinstance(layer, SplineLayer) else 1)
            theta[first:last] = rng.uniform(-1, 1, last - first) / np.sqrt(fan)
    return theta


def blocks(
    problem: BoundaryValueProblem, settings: Settings, rng: np.random.Generator, fresh: bool
) -> list[Any]:
    """The points of training, or those between them."""
    drawn = settings.kind == "random"
    recipe = replace(
        RECIPES[problem.name],
        points=(settings.inner, settings.outer),
        kind="grid" if drawn else settings.kind,
        weights=settings.weights,
    )
    made = posed(problem, recipe, fresh)
    if drawn and not fresh:
        low, high = np.array(problem.bounds).T
        made[0] = replace(made[0], points=low + (high - low) * rng.uniform(size=made[0].points.shape))
    return made


def outside(objective: sk.PINN, theta: np.ndarray, points: np.ndarray) -> float:
    """The share of hidden values that leave the domain of the next spline layer."""
    net = objective.network
    values = objective._features.jets(points, (), ())[:, 0]
    outer, count = 0, 0
    for number, (layer, first, last) in enumerate(
        zip(net.layers, net.offsets, net.offsets[1:], strict=False)
    ):
        if isinstance(layer, SplineLayer) and number:
            low, high = np.array(layer.domain).T
            outer += int(((values < low) | (values > high)).sum())
            count += values.size
        values = layer.value(theta[first:last], np.ascontiguousarray(values))
    return outer / max(count, 1)


def run(name: str, row: str, seed: int, settings: Settings) -> dict[str, Any]:
    """A run: losses, errors and processor seconds at the end of every level."""
    problem = boundary.burgers(settings.viscosity) if name == "burgers" else boundary.problem(name)
    if settings.raw:
        problem = replace(problem, entering=((-1.0, 1.0), (-1.0, 1.0)))
    plan = next(each for each in RECIPES[name].schedules if each.name.startswith(row))
    used = [int(level) for level in np.flatnonzero(plan.budgets)]
    if plan.widths:
        hierarchy = Hierarchy(sk.MLP(plan.widths, "tanh"), 1)
    else:
        hierarchy = Hierarchy(network(name, settings), 1 + max(used))
    rng = np.random.default_rng(seed)
    theta = begin(hierarchy[used[0]].network, settings, rng)
    points = blocks(problem, settings, rng, False)
    levels, began, done = [], process_time(), 0
    for index in used:
        level = hierarchy[index]
        if index != used[0]:
            theta = np.asarray(level.P @ theta)
        objective = problem.pinn(level.network, points, level.cost)
        problem_ = Attention(objective, (0,), settings.attention) if settings.attention else objective
        epochs = max(int(plan.budgets[index] * settings.epochs), 1)
        result = optimizer(settings, done).minimize(
            problem_, theta, iterations=epochs, evaluations=epochs, keep=settings.keep
        )
        theta, done = result.theta, done + epochs
        between = problem.pinn(level.network, blocks(problem, settings, rng, True))
        values = result.history.loss
        levels.append(
            {
                "intervals": level.network.intervals,
                "parameters": level.network.n_parameters,
                "start": float(values[0]),
                "loss": objective.value(theta),
                "last": float(values[-1]),
                "fresh": between.value(theta),
                "rel_l2": problem.relative_error(
                    lambda at, net=level.network, theta=theta: problem.solution(net, theta, at)
                ),
                "outside": outside(objective, theta, points[0].points),
                "seconds": process_time() - began,
            }
        )
    return {"problem": name, "row": row, "seed": seed, "settings": asdict(settings), "levels": levels}


def settings_of(problem: str, factor: str) -> Settings:
    """Our settings with the changes of a factor, or of several joined by +."""
    changes: dict[str, Any] = {}
    for part in factor.split("+"):
        changes |= FACTORS[part]
    return replace(OURS[problem], **changes)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem", choices=sorted(OURS))
    parser.add_argument("--rows", nargs="+", default=["spline-multilevel"])
    parser.add_argument("--factors", nargs="+", default=["ours"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1234])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    for factor in args.factors:
        for row in args.rows:
            for seed in args.seeds:
                record = {"factor": factor, **run(args.problem, row, seed, settings_of(args.problem, factor))}
                end = record["levels"][-1]
                path = " ".join(f"{at['start']:.1e}>{at['loss']:.2e}" for at in record["levels"])
                print(
                    f"{factor:28s} {row:18s} {seed} loss {end['loss']:.2e} last {end['last']:.2e} "
                    f"fresh {end['fresh']:.1e} rel l2 {end['rel_l2']:.1e} "
                    f"outside {end['outside']:.2f} {end['seconds']:.0f} s | {path}",
                    flush=True,
                )
                if args.json:
                    with args.json.open("a") as out:
                        out.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
