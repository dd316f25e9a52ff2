"""Learning rates as functions of the iteration 0, 1, 2, ..."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

from splinekan._checks import integer, real


class Schedule(Protocol):
    """A learning rate for every iteration."""

    def __call__(self, iteration: int, /) -> float: ...


class _Rates:
    def __post_init__(self) -> None:
        for entry in fields(self):  # type: ignore[arg-type]
            value = getattr(self, entry.name)
            if entry.name in ("steps", "cycle"):
                value = integer(entry.name, value, low=1)
            elif entry.name == "gamma":
                value = real(entry.name, value, positive=True, high=1.0)
            else:
                value = real(entry.name, value, positive=True)
            object.__setattr__(self, entry.name, value)


@dataclass(frozen=True)
class Constant(_Rates):
    """A constant rate."""

    rate: float = 1e-3

    def __call__(self, iteration: int) -> float:
        """The rate."""
        integer("iteration", iteration, low=0)
        return self.rate


@dataclass(frozen=True)
class LinearRamp(_Rates):
    """From `start` to `end` in `steps` iterations, then `end`."""

    start: float = 1e-4
    end: float = 1e-2
    steps: int = 10

    def __call__(self, iteration: int) -> float:
        """start + (end - start) min(1, iteration/steps)."""
        done = integer("iteration", iteration, low=0) / self.steps
        return self.start + (self.end - self.start) * min(1.0, done)


@dataclass(frozen=True)
class ExponentialCyclic(_Rates):
    """Triangular waves between `low` and `high`, `cycle` iterations long, of decreasing height.

    low + (high - low) w gamma^iteration, where w rises from 0 to 1 and falls to 0 in every cycle, and 0 <
    gamma <= 1.
    """

    low: float = 1e-4
    high: float = 1e-3
    cycle: int = 100
    gamma: float = 0.9995

    def __call__(self, iteration: int) -> float:
        """The rate."""
        count = integer("iteration", iteration, low=0)
        wave = 1 - abs(2 * (count % self.cycle) / self.cycle - 1)
        return self.low + (self.high - self.low) * wave * self.gamma**count
