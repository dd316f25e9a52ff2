"""Packages that find a formula for samples, each in a process of its own.

    python benchmarks/formula_peers.py PACKAGE SAMPLES.npz RESULT.json LIMIT THREADS SEED

pykan takes the route of its tutorials (`hellokan`, "Interpretability 1", "Example 10"), with all choices
made by the error of the formula on held-out samples:

- float64; half of the samples train, as in `create_dataset`;
- L-BFGS, 20 steps with `lamb`; `prune`; 20 steps; `refine(10)` and 20 steps, kept if that lowers the
  held-out error;
- `auto_symbolic` with the default library, for `weight_simple` 0.8, its default, and 0; 50 steps to
  retrain, again with `singularity_avoiding` if values are not finite; `symbolic_formula`.

Shapes come in turn, with a new seed in every round, until the limit of processor time has passed or the
held-out error is rounding: [n, 1, 1], [n, 5, 1], [n, [2, 2], 1] with products, [n, 2, 1]. An attempt that
has begun is completed. The search for the constants of an edge (101 x 101 trial values for each function)
sees 50 samples, not all: it is the most expensive part, and fewer samples leave time for more attempts. On
networks of this size two threads of torch save a fifth of the time where nothing else runs, and take several
times as long on a busy machine: a single thread is the default.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from time import perf_counter, process_time
from typing import Any

import numpy as np
import sympy
from formula_cases import evaluated

Found = dict[str, Any]
STEPS, LAST_STEPS, INTERVALS, REFINED = 20, 50, 3, 10
WEIGHTS = (0.8, 0.0)
TRIALS = 50
"""Samples that pykan sees in its search for the constants of an edge."""
ROUNDING = 1e-9
"""Held-out error, in deviations of y, at which pykan's search ends."""
FIRST = 1
"""Number of the first input in the names of splinekan: x1, x2, ..."""


class Watch:
    """Seconds since it was made, on the clock and of processors."""

    def __init__(self) -> None:
        self.clock, self.started = perf_counter(), process_time()

    @property
    def processor(self) -> float:
        return process_time() - self.started

    @property
    def times(self) -> dict[str, float]:
        return {"seconds": perf_counter() - self.clock, "processor": self.processor}


def named(expression: sympy.Expr, first: int) -> sympy.Expr:
    """The expression with its inputs `x<p>` or `x_<p>`, numbered from `first`, called x1, x2, ...

    Raises
    ------
    ValueError
        For other names.
    """
    new = {}
    for symbol in expression.free_symbols:
        match = re.fullmatch(r"x_?(\d+)", symbol.name)
        if match is None:
            raise ValueError(f"cannot tell which input {symbol} is")
        new[symbol] = sympy.Symbol(f"x{int(match[1]) - first + 1}", real=True)
    return expression.xreplace(new)


def splinekan(x: np.ndarray, y: np.ndarray, limit: float, threads: int, seed: int) -> Found:
    """`splinekan.symbolic_regression` with its defaults."""
    import splinekan as sk

    sk.set_threads(threads)
    watch = Watch()
    result = sk.symbolic_regression(x, y)
    times = watch.times
    return {"expression": text(named(result.expressions[0], FIRST)), **times}


def text(expression: sympy.Expr) -> str:
    """All digits of an expression."""
    return sympy.sstr(expression, full_prec=True)


def attempts(n: int) -> Iterator[tuple[int, dict[str, Any], dict[str, float]]]:
    """Seeds, arguments of `KAN` and penalties of its first fit, without end.

    Networks with products have the base function and the penalties of pykan's tutorial on them.
    """
    plain, products = {"lamb": 1e-3}, {"lamb": 1e-2, "lamb_coef": 1.0}
    seed = 0
    while True:
        yield seed, {"width": [n, 1, 1]}, plain
        yield seed, {"width": [n, 5, 1]}, plain
        yield seed, {"width": [n, [2, 2], 1], "base_fun": "identity"}, products
        yield seed, {"width": [n, 2, 1]}, plain
        seed += 1


@dataclass
class Best:
    """The formula with the least held-out error so far."""

    rounding: float
    error: float = float("inf")
    expression: str = ""
    made_by: str = ""


def pykan(x: np.ndarray, y: np.ndarray, limit: float, threads: int, seed: int) -> Found:
    """The automatic route of pykan, as the module describes it."""
    import torch

    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float64)
    import kan  # noqa: F401  (not part of the time)

    watch, best, count, failures = Watch(), Best(ROUNDING * float(y.std())), 0, []
    half, order = len(x) // 2, np.random.default_rng(seed).permutation(len(x))
    train, held = order[:half], order[half:]
    pairs = ("train_input", x[train]), ("train_label", y[train, None])
    tests = ("test_input", x[held]), ("test_label", y[held, None])
    data = {name: torch.tensor(values) for name, values in (*pairs, *tests)}
    for number, arguments, penalties in attempts(x.shape[1]):
        if watch.processor > limit or best.error <= best.rounding:
            break
        count += 1
        try:
            attempt(data, 1000 * seed + number, arguments, penalties, best)
        except Exception as failure:  # everything pruned, least squares that fail
            failures.append(repr(failure)[:100])
    route = {"attempts": count, "failures": failures, "made_by": best.made_by}
    return {"expression": best.expression, **watch.times, **route}


def attempt(
    data: dict[str, Any], seed: int, arguments: dict[str, Any], penalties: dict[str, float], best: Best
) -> None:
    """Train, prune, refine a network and take formulas from it; `best` keeps the better."""
    from kan import KAN

    arguments = {**arguments, "width": list(arguments["width"])}  # KAN changes the list
    shape = str(arguments["width"])
    model = KAN(grid=INTERVALS, k=3, seed=seed, **arguments)
    model.fit(data, opt="LBFGS", steps=STEPS, **penalties)
    model = model.prune()
    before = model.fit(data, opt="LBFGS", steps=STEPS)["test_loss"][-1]
    chosen = model.copy()
    with suppress(Exception):  # of least squares, where a neuron has become constant
        finer = model.refine(REFINED)
        after = finer.fit(data, opt="LBFGS", steps=STEPS)["test_loss"][-1]
        chosen = finer if after < before else chosen
    for weight in WEIGHTS:
        error, expression = formula(chosen.copy(), data, weight)
        if error < best.error:
            made_by = f"width {shape}, seed {seed}, weight_simple {weight}"
            best.error, best.expression, best.made_by = error, text(expression), made_by
        if best.error <= best.rounding:
            break


def formula(model: Any, data: dict[str, Any], weight: float) -> tuple[float, sympy.Expr]:
    """The held-out error and the formula of a network with all edges snapped, and retrained."""
    import torch

    model.get_act(data["train_input"][:TRIALS])
    with torch.no_grad():
        model.auto_symbolic(weight_simple=weight)
    snapped = model.copy()
    x, y = data["test_input"].numpy(), data["test_label"].numpy()[:, 0]
    symbols = [sympy.Symbol(f"x{p + 1}", real=True) for p in range(x.shape[1])]
    best, found = float("inf"), sympy.nan
    for avoiding in (False, True):
        each = snapped.copy() if not avoiding else model
        each.fit(data, opt="LBFGS", steps=LAST_STEPS, singularity_avoiding=avoiding)
        expression = each.symbolic_formula(var=symbols)[0][0]
        error = float(np.sqrt(np.mean((evaluated(expression, symbols, x) - y) ** 2)))
        if error < best:
            best, found = error, expression
        if np.isfinite(error):
            break
    return best, found


@dataclass(frozen=True)
class Package:
    """How a package finds a formula, and the module that it needs."""

    find: Callable[[np.ndarray, np.ndarray, float, int, int], Found]
    module: str

    @property
    def missing(self) -> bool:
        return find_spec(self.module) is None


PACKAGES = {"splinekan": Package(splinekan, "splinekan"), "pykan": Package(pykan, "kan")}


def main(package: str, samples: str, result: str, limit: str, threads: str, seed: str) -> None:
    """Find a formula for the samples of a file; the result goes into another."""
    with np.load(samples) as arrays:
        x, y = arrays["x"], arrays["y"]
    result = os.path.abspath(result)
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nothing:
        os.chdir(folder)  # pykan writes checkpoints
        with redirect_stdout(nothing), redirect_stderr(nothing):
            found = PACKAGES[package].find(x, y, float(limit), int(threads), int(seed))
        os.chdir("/")
    with open(result, "w") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
