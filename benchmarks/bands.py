"""Coverage of confidence bands in simulations, averaged over the points of a function.

    python benchmarks/bands.py [--repetitions 200] [--markdown]

Simulated data, noise of a tenth of the deviation of the true function: three additive functions of
independent uniform inputs, fitted by `sk.fit(X, y, hidden=())`, with bands for the edges and the outputs; and
a function of a sum, fitted with a hidden layer, with bands for the outputs. Of every repetition the share of
the points (of a grid from the least to the largest sample for edges, of the samples for outputs) at which the
band covers the truth is averaged; the error is the standard error over the repetitions.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from tables import Table

import splinekan as sk

LEVELS = (0.8, 0.95, 0.99)
NOISE = 0.1
FUNCTIONS: tuple[Callable[[Any], Any], ...] = (
    lambda x: np.sin(2 * np.pi * x),
    lambda x: np.exp(3 * x) / 6,
    lambda x: x,
)


class Case(NamedTuple):
    """A simulated data set: its name, hidden widths and the number of samples."""

    name: str
    hidden: tuple[int, ...]
    n: int


CASES = (
    Case("additive, n = 200", (), 200),
    Case("additive, n = 500", (), 500),
    Case("exp(sin(pi x_1) + x_2^2), n = 500", (1,), 500),
)


def truth(case: Case, x: Any) -> Any:
    """The function, (n,)."""
    if case.hidden:
        return np.exp(np.sin(np.pi * (2 * x[:, 0] - 1)) + (2 * x[:, 1] - 1) ** 2)
    return sum(f(x[:, p]) for p, f in enumerate(FUNCTIONS))


def simulated(case: Case, repetition: int) -> tuple[Any, Any]:
    """Inputs and noisy targets."""
    rng = np.random.default_rng([repetition, case.n, len(case.hidden)])
    x = rng.uniform(0, 1, (case.n, 2 if case.hidden else len(FUNCTIONS)))
    f = truth(case, x)
    return x, f + NOISE * f.std() * rng.normal(size=case.n)


def shares(case: Case, repetition: int, options: dict[str, Any]) -> dict[str, list[float]]:
    """For every function the share of the points at which the band of every level covers the truth."""
    x, y = simulated(case, repetition)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sk.DomainWarning)
        first = "splines" if case.hidden else None
        model = sk.fit(x, y, case.hidden, first=first, progress=False, seed=repetition)
    found: dict[str, list[float]] = {}
    for level in LEVELS:
        bands = sk.confidence_bands(model, x, y, level, points=51, **options)
        at, half = bands(x)
        found.setdefault("outputs", []).append(
            float(np.mean(np.abs(at[:, 0] - truth(case, x)) <= half[:, 0]))
        )
        for edge in () if case.hidden else bands.edges:
            f = FUNCTIONS[edge.input]
            exact = f(edge.grid) - f(x[:, edge.input]).mean()
            share = float(np.mean(np.abs(edge.values - exact) <= edge.half_width))
            found.setdefault(f"edge of x{edge.input + 1}", []).append(share)
    return found


def study(case: Case, repetitions: int, **options: Any) -> dict[str, tuple[Any, Any]]:
    """Coverage and its standard error at every level, for every function."""
    runs = [shares(case, repetition, options) for repetition in range(repetitions)]
    table = {}
    for name in runs[0]:
        values = np.array([run[name] for run in runs])
        table[name] = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(repetitions)
    return table


def main() -> None:
    """The tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--markdown", action="store_true", help="tables in Markdown")
    options = parser.parse_args()
    for case in CASES:
        title = f"{case.name}: coverage in percent (standard error), {options.repetitions} repetitions"
        table = Table(title, [f"{'band':<26}", *(f"{100 * level:g} %" for level in LEVELS)], options.markdown)
        for with_mean in (True,) if case.hidden else (True, False):
            for name, (mean, error) in study(case, options.repetitions, with_mean=with_mean).items():
                if name == "outputs" and not with_mean:
                    continue
                label = name + ("" if with_mean else ", without mean")
                cells = [f"{100 * m:.1f} ({100 * e:.1f})" for m, e in zip(mean, error, strict=True)]
                table.row(f"{label:<26}", *cells)


if __name__ == "__main__":
    main()
