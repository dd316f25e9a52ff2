"""Learning rates as functions of the iteration 0, 1, 2, ..."""

from __future__ import annotations

import math
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
    """A rate that is linear from `start` to `end` in `steps` iterations, then constant."""

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


@dataclass(frozen=True)
class Cosine:
    """A warm-up, then half a period of a cosine from `rate` to `end` (Loshchilov & Hutter 2017, equation 5).

    rate (i + 1)/warmup at the iterations i < warmup, then end + (rate - end) (1 + cos(pi s))/2 with
    s = (i - warmup)/(steps - warmup), and `end` from iteration `steps` on.

    Parameters
    ----------
    rate, end
        The largest rate, positive, and the last, from 0 to `rate`.
    steps
        The length of the schedule in iterations, the warm-up included. For training in batches that is the
        number of epochs times the number of batches.
    warmup
        The number of iterations in which the rate rises, fewer than `steps`.

    Raises
    ------
    TypeError, ValueError
        For numbers outside these ranges.

    Examples
    --------
    >>> schedule = Cosine(rate=1e-3, steps=100, warmup=10)
    >>> schedule(0), schedule(9), schedule(55), schedule(100)
    (0.0001, 0.001, 0.0005, 0.0)
    """

    rate: float = 1e-3
    steps: int = 1000
    warmup: int = 0
    end: float = 0.0

    def __post_init__(self) -> None:
        rate, steps = real("rate", self.rate, positive=True), integer("steps", self.steps, low=1)
        checked = {
            "rate": rate,
            "steps": steps,
            "warmup": integer("warmup", self.warmup, low=0, high=steps - 1),
            "end": real("end", self.end, low=0.0, high=rate),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __call__(self, iteration: int) -> float:
        """The rate."""
        count = integer("iteration", iteration, low=0)
        if count < self.warmup:
            return self.rate * ((count + 1) / self.warmup)
        if count >= self.steps:
            return self.end
        share = (count - self.warmup) / (self.steps - self.warmup)
        return self.end + (self.rate - self.end) * (1 + math.cos(math.pi * share)) / 2
