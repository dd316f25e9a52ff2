"""PINNs trained by Adam, coarse to fine: the experiments of Southworth et al., arXiv:2603.04827, 6.2 to 6.4.

Details that the paper leaves open are chosen here: starts, boundary points of Burgers' equation, points and
rates for Allen-Cahn, and that a level ends with the best of its iterates. (With a fixed step length the last
iterate fluctuates about the minimum, the more the smaller the intervals.) Losses are written with means; a
sum over n points in the paper is n times a mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.equations.collocation import collocation
from splinekan.multilevel import Hierarchy
from splinekan.network import KAN, MLP, Affine, Normalizer, SplineLayer, initialize
from splinekan.objectives.attention import Attention
from splinekan.objectives.pinn import Block
from splinekan.optimize import Adam
from splinekan.optimize.schedules import ExponentialCyclic, LinearRamp
from splinekan.problems.boundary import BoundaryValueProblem
from splinekan.splines.knots import uniform_knots
from splinekan.studies.boundary_value.runs import EquationRun
from splinekan.studies.skeleton.interrupts import whole
from splinekan.studies.skeleton.runs import Stage


@dataclass(frozen=True)
class Schedule:
    """A row of the table: epochs per level, coarsest first."""

    name: str
    kind: str
    basis: str
    budgets: tuple[int, ...]
    widths: tuple[int, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """The training of a problem.

    Attributes
    ----------
    network
        The coarsest network, by its name in `NETWORKS`.
    points
        Numbers of points per variable in the interior, and along every face.
    kind
        The kind of `collocation` in the interior.
    weights
        Weights of the mean squares: of the interior, then of each kind of condition.
    optimizer
        The optimiser, restarted on every level.
    attention
        Rate of the residual-based attention in the interior; 0 for none.
    noise
        Noise of the initial coefficients, see `initialize`.
    schedules
        The rows.
    """

    network: str
    points: tuple[int, int]
    kind: str
    weights: tuple[float, ...]
    optimizer: Adam
    attention: float
    noise: float
    schedules: tuple[Schedule, ...]


def _three_layers(basis: str) -> KAN:
    """2 -> 5 -> 5 -> 1, hidden values brought into [0, 1] by a sigmoid."""
    layers: list[Any] = []
    for n_in, n_out, low in ((2, 5, -1.0), (5, 5, 0.0), (5, 1, 0.0)):
        if layers:
            layers.append(Normalizer(n_in, "sigmoid", (0.0, 1.0)))
        layers.append(SplineLayer(n_in, n_out, uniform_knots(low, 1.0, 4, 3), 3, "linear", basis))
    return KAN.chain(layers)


def _affine_first(basis: str) -> KAN:
    return KAN.affine_first([2, 20, 20, 1], 3, 5, (-1.0, 1.0), bias=False, basis=basis)


def _two_layers(basis: str) -> KAN:
    return KAN.splines([3, 5, 1], 3, 4, (-1.0, 1.0), basis=basis)


def _two_layers_inside(basis: str) -> KAN:
    """3 -> 5 -> 1, hidden values brought into [-1, 1] by a sigmoid."""
    first, second = _two_layers(basis).layers
    return KAN.chain([first, Normalizer(5, "sigmoid", (-1.0, 1.0)), second])


NETWORKS: dict[str, Callable[[str], KAN]] = {
    "3-5-1": _two_layers,
    "3-5-1, sigmoid": _two_layers_inside,
    "2-20-20-1": _affine_first,
    "2-5-5-1": _three_layers,
}


def _schedules(
    levels: tuple[int, ...], *perceptrons: tuple[int, ...], work: int | None = None
) -> tuple[Schedule, ...]:
    """Multilevel training with the given epochs per level, against the coarsest and the finest level alone.

    Single levels are given `work`, in epochs on the coarsest level: None for that of multilevel training.
    """
    work = work or sum(2**level * epochs for level, epochs in enumerate(levels))
    none = (0,) * (len(levels) - 1)
    budgets = {
        "coarse": (work, *none),
        "fine": (*none, work // 2 ** (len(levels) - 1)),
        "multilevel": levels,
    }
    rows = [
        Schedule(f"{basis}-{kind}", kind, basis, counts)
        for basis in ("spline", "relu")
        for kind, counts in budgets.items()
    ]
    names = ["mlp-" + "-".join(map(str, widths[1:-1])) for widths in perceptrons]
    rows += [
        Schedule(name, "mlp", "none", (work,), widths)
        for name, widths in zip(names, perceptrons, strict=True)
    ]
    return tuple(rows)


RECIPES = {
    "interface": Recipe(
        "3-5-1",
        (49, 50),
        "midpoints",
        (24.01, 50.0, 4.9),
        Adam(schedule=LinearRamp(1e-4, 1e-2, 10)),
        1e-4,
        0.1,
        _schedules((1250, 1250, 1250, 1250), (3, 16, 16, 1)),
    ),
    "burgers": Recipe(
        "2-20-20-1",
        (64, 64),
        "grid",
        (1.0, 1.0, 1.0),
        Adam(schedule=ExponentialCyclic(), weight_decay=1e-2),
        0.0,
        0.1,
        _schedules((800, 400, 200), (2, 20, 20, 1), (2, 56, 56, 1), work=3200),
    ),
    "allen-cahn": Recipe(
        "2-5-5-1",
        (64, 64),
        "grid",
        (0.1, 1.0, 1.0, 1.0),
        Adam(schedule=LinearRamp(1e-4, 1e-2, 10)),
        1e-4,
        0.1,
        _schedules((2500, 2500, 2500, 2500), (2, 20, 20, 1)),
    ),
}


def posed(problem: BoundaryValueProblem, recipe: Recipe, fresh: bool = False) -> list[Block]:
    """The blocks of a recipe; `fresh` points lie between the points of training."""
    inner, outer = recipe.points
    kind = "midpoints" if fresh else recipe.kind
    if fresh:
        inner, outer = inner + 1, outer + 1
    points = collocation(kind, inner**2, problem.bounds)
    points[points == 0] = np.nextafter(0.0, 1.0)  # a point on an interface belongs to the right side
    along = []
    for interval in problem.bounds:
        on_face = collocation("midpoints" if fresh else "grid", outer, [interval])[:, 0]
        along.append((on_face, 1.0 / outer))
    weighted = problem.reweighted(*recipe.weights)
    return weighted.posed(points, 1.0 / len(points), along)


@dataclass(frozen=True, eq=False)
class FirstOrderRun(EquationRun):
    """A run of a schedule: a stage per level that has a budget.

    `shorter` divides all budgets.
    """

    recipe: Recipe
    schedule: Schedule
    shorter: int = 1
    used: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        used = tuple(int(level) for level in np.flatnonzero(self.schedule.budgets))
        if self.schedule.widths:
            hierarchy = Hierarchy(MLP(self.schedule.widths, "tanh"), 1)
        else:
            hierarchy = Hierarchy(NETWORKS[self.recipe.network](self.schedule.basis), 1 + max(used))
        object.__setattr__(self, "used", used)
        object.__setattr__(self, "hierarchy", hierarchy)

    @property
    def words(self) -> tuple[str, str, str]:
        """Basis, schedule and optimiser, for the table."""
        decay = self.recipe.optimizer.weight_decay
        return self.schedule.basis, self.schedule.kind, "AdamW" if decay else "Adam"

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that have a budget."""
        return self.used

    @property
    def settings(self) -> dict[str, Any]:
        """All that the numbers depend on."""
        recipe = asdict(replace(self.recipe, schedules=()))
        return {"recipe": recipe, "schedule": asdict(self.schedule), "shorter": self.shorter, "keep": "best"}

    def start(self) -> Float64Array:
        """theta on the first level that is trained."""
        network = self.hierarchy[self.used[0]].network
        rng = np.random.default_rng(self.seed)
        if self.schedule.widths:
            return initialize(network, rng, "noise", bounds=(-1.0, 1.0))
        scheme = "frames" if isinstance(network.layers[0], Affine) else "greville"
        return initialize(network, rng, scheme, bounds=(-1.0, 1.0), noise=self.recipe.noise)

    def advance(self, index: int, before: Stage | None) -> Stage:
        """Train on the next level."""
        level = self.hierarchy[self.used[index]]
        theta = self.start() if before is None else self._prolonged(before)
        objective = self.problem.pinn(level.network, posed(self.problem, self.recipe), level.cost)
        weighted = Attention(objective, (0,), self.recipe.attention) if self.recipe.attention else objective
        epochs = max(self.schedule.budgets[level.index] // self.shorter, 1)
        began = perf_counter()
        # The evaluation at the start counts as an epoch, so that all rows end at exactly equal work.
        result = whole(
            self.recipe.optimizer.minimize(
                weighted, theta, iterations=epochs, evaluations=epochs, keep="best"
            )
        )
        seconds = perf_counter() - began + (before.seconds if before else 0.0)
        work = float(result.history.work[-1]) + (before.work if before else 0.0)
        fresh = self.problem.pinn(level.network, posed(self.problem, self.recipe, fresh=True))
        return self._stage(level.index, result, objective.value(result.theta), fresh, work, seconds)
