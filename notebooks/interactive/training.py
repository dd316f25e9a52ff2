"""Training on several levels, step by step (notebook 07)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

import splinekan as sk
from interactive.stage import BLACK, BLUE, GREEN, GREY, ORANGE, Choice, Slider, show

LEVELS = 4
ENTRIES = 72
"""Of every history."""
SCHEDULES = ("nested iteration", "V-cycles", "finest level alone")
X = np.linspace(-1, 1, 400)
Y = 0.8 * np.sin(np.pi * (X + 1)) + np.exp(-(((X + 0.4) / 0.08) ** 2))


class Entry(NamedTuple):
    """An accepted step, or the arrival on a level: the level, the network's values at X, the mean square
    error there, and the work so far."""

    level: int
    values: np.ndarray
    error: float
    work: float


class Counted:
    """A problem that counts its evaluations, in units of work."""

    def __init__(self, problem: Any, clock: list[float]) -> None:
        self._problem, self._clock = problem, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._problem, name)

    def value_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Those of the problem."""
        self._clock[0] += self._problem.cost
        return self._problem.value_and_gradient(theta)


@dataclass(frozen=True, kw_only=True)
class Watched(sk.GradientDescent):
    """Gradient descent that passes its start and all iterates to `note`."""

    note: Any = None

    def minimize(self, problem: Any, theta0: Any, *, callback: Any = None, **options: Any) -> Any:
        """As in `GradientDescent`."""
        self.note(theta0, arrived=True)

        def after(at: Any) -> Any:
            self.note(at.theta)
            return None if callback is None else callback(at)

        return super().minimize(problem, theta0, callback=after, **options)


@cache
def history(schedule: str) -> tuple[Entry, ...]:
    """All accepted steps of a run from the same start."""
    levels = sk.Hierarchy(sk.KAN.splines([1, 3, 1], degree=3, intervals=3, domain=(-1, 1)), LEVELS)
    theta = sk.initialize(levels.network, seed=1, scheme="greville")
    clock, entries = [0.0], []

    def objective(level: sk.Level) -> Counted:
        problem = sk.LeastSquares(level.network, X[:, None], Y, reduction="mean", cost=level.cost)
        return Counted(problem, clock)

    def method(level: sk.Level) -> Watched:
        def note(theta: np.ndarray, arrived: bool = False) -> None:
            values = level.network(theta, X[:, None])[:, 0]
            # the evaluation at the start follows the arrival
            work = clock[0] + level.cost * arrived
            entries.append(Entry(level.index, values, float(np.mean((values - Y) ** 2)), work))

        return Watched(step=1.0, search="armijo", note=note)

    methods = [method(level) for level in levels]
    if schedule == "nested iteration":
        sk.nested_iteration(levels, objective, methods, [ENTRIES // LEVELS - 1] * LEVELS, theta)
        return tuple(entries)
    for index in range(LEVELS - 1):
        theta = levels.prolong(theta, index)
    if schedule == "V-cycles":
        sk.multigrid(levels, objective, methods, theta, cycles=3, coarsest=5)
    else:
        methods[-1].minimize(objective(levels[-1]), theta, iterations=ENTRIES - 1)
    return tuple(entries)


def breakpoints(level: int) -> np.ndarray:
    """Of the first layer on a level."""
    return np.linspace(-1, 1, 3 * 2**level + 1)


def draw(figure: Figure, schedule: str, step: int) -> None:
    """The network after a step, its error, and where the step lies in all histories."""
    entries = history(schedule)
    now = entries[step]

    ax = figure.add_axes((0.08, 0.46, 0.39, 0.47))
    ax.plot(X, Y, color=GREY, linestyle="-", linewidth=4, label="data")
    ax.plot(X, now.values, color=BLUE, linestyle="-", label="network")
    marks = breakpoints(now.level)
    ax.plot(marks, np.full(len(marks), -1.38), "|", color=BLACK, markersize=7, clip_on=False)
    ax.set(ylim=(-1.4, 1.9), xlim=(-1, 1), ylabel="y")
    ax.set_xticks([-1, -0.5, 0, 0.5, 1], [])
    ax.set_title(f"level {now.level}: {len(marks) - 1} intervals (marks below the picture)")
    ax.legend(loc="upper right", ncols=2)

    ax = figure.add_axes((0.08, 0.12, 0.39, 0.28))
    ax.plot(X, Y - now.values, color=ORANGE, linestyle="-")
    ax.axhline(0, color=BLACK, linestyle="-", linewidth=0.8)
    size = max(0.02, 1.1 * float(np.abs(Y - now.values).max()))
    ax.set(
        xlim=(-1, 1), xticks=[-1, -0.5, 0, 0.5, 1], ylim=(-size, size), xlabel="x", ylabel="data - network"
    )

    loss = figure.add_axes((0.58, 0.46, 0.4, 0.47))
    stairs = figure.add_axes((0.58, 0.12, 0.4, 0.28))
    for name, colour in zip(SCHEDULES, (BLUE, ORANGE, GREEN), strict=True):
        work = [entry.work for entry in history(name)]
        look = {"linewidth": 2.2} if name == schedule else {"linewidth": 0.8, "alpha": 0.7}
        loss.semilogy(work, [entry.error for entry in history(name)], color=colour, linestyle="-", **look)
        loss.plot([], [], color=colour, linestyle="-", label=name)
        stairs.step(work, [e.level for e in history(name)], color=colour, linestyle="-", where="mid", **look)
    loss.plot(now.work, now.error, "o", color=BLACK, markersize=7)
    stairs.plot(now.work, now.level, "o", color=BLACK, markersize=7)
    end = 1.03 * max(history(name)[-1].work for name in SCHEDULES)
    loss.set(xlim=(0, end), ylabel="mean square error", title=f"step {step}: error {now.error:.1e}")
    loss.set_xticks(range(0, 501, 100), [])
    loss.set_yticks([1e-4, 1e-3, 0.01, 0.1], ["1e-4", "0.001", "0.01", "0.1"])
    loss.minorticks_off()
    loss.legend(loc="upper right")
    stairs.set(
        xlim=(0, end),
        xticks=range(0, 501, 100),
        yticks=range(LEVELS),
        ylim=(-0.4, LEVELS - 0.6),
        ylabel="level",
    )
    stairs.set_xlabel("work (evaluations on the coarsest level)")


def step_through_training() -> None:
    """Display the figure with a choice of the schedule and a slider for the step."""
    controls = {
        "schedule": Choice("schedule", SCHEDULES),
        "step": Slider("step", 0, ENTRIES - 1, 1, 30),
    }
    caption = "A network in training: fit and residual on its level, loss against work, levels"
    show(draw, controls, caption, (8.4, 4.6))
