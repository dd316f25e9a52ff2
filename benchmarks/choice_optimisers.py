"""Optimisers at equal seconds: a part of `choices.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import process_time

import numpy as np
from choice_cases import SEEDS, Target, friedman, peak, smooth, target, within
from tables import Table

import splinekan as sk
from splinekan.optimize import Cosine

CASES = (([2, 5, 1], 8, 1000, 1.0), ([2, 5, 1], 8, 200_000, 6.0), ([5, 20, 1], 16, 5000, 6.0))
LARGE = ([5, 30, 30, 1], 8, 5000, 10.0)
METHODS: dict[str, sk.LevenbergMarquardt | sk.LBFGS] = {
    "LM, Cholesky": sk.LevenbergMarquardt(solver=sk.Cholesky()),
    "LM, CG": sk.LevenbergMarquardt(solver=sk.CG()),
    "variable projection": sk.VariableProjection(),
    "L-BFGS": sk.LBFGS(),
}


def optimiser(markdown: bool) -> None:
    """Loss, error at equal seconds from the same start, single level; then the peak memory of the arrays."""
    head = ("network", "parameters", "samples", "seconds", *METHODS, "Adam", "Adam, batches of 256")
    table = Table(f"Optimiser. {optimiser.__doc__}", head, markdown)
    memory = []
    for widths, g, samples, seconds in (*CASES, LARGE):
        at = target(smooth if widths[0] == 2 else friedman, samples, inputs=widths[0])
        network = sk.KAN.splines(widths, 3, g)
        problem = sk.LeastSquares(network, at.x, at.y, reduction="mean")
        seeds = SEEDS if seconds == 1.0 else SEEDS[:1]
        starts = [sk.initialize(network, seed, "greville") for seed in seeds]
        named = ("-".join(map(str, widths)), network.n_parameters, samples)
        cells, megabytes = [], []
        for name, method in METHODS.items():
            if network.n_parameters > 5000 and name in ("LM, Cholesky", "variable projection"):
                cells.append("")  # J^T J takes 1.1 GB
                megabytes.append("")
                continue
            few = partial(method.minimize, problem, starts[0], iterations=2)
            few()
            megabytes.append(f"{peak(few):.0f}")
            ends = [
                method.minimize(problem, start, iterations=10**6, keep="best", callback=within(seconds)).model
                for start in starts
            ]
            cells.append(_ends(at, problem, ends))
        few = partial(sk.Adam().minimize, problem, starts[0], iterations=10)
        steps = max(10, int(seconds / _seconds(few) * 10))
        ends = [
            sk.Adam(schedule=Cosine(1e-2, steps))
            .minimize(problem, start, iterations=steps, keep="best", callback=within(seconds))
            .model
            for start in starts
        ]
        cells.append(_ends(at, problem, ends))
        ends = [_batches(at, network, seconds, seed) for seed in seeds]
        cells.append(_ends(at, problem, ends))
        table.row(*named, f"{seconds:.0f}", *cells)
        memory.append((*named, *megabytes, f"{peak(few):.0f}"))
    head = ("network", "parameters", "samples", *METHODS, "Adam")
    table = Table(
        "Peak memory of the arrays of an iteration, megabytes, besides the samples.", head, markdown
    )
    for row in memory:
        table.row(*row)


def _ends(at: Target, problem: sk.LeastSquares, models: list[sk.Model]) -> str:
    """The medians of loss and error."""
    losses = [problem.value(model.theta) for model in models]
    return f"{np.median(losses):.0e}, {np.median([at.error(model) for model in models]):.0e}"


def _seconds(call: Callable[[], object]) -> float:
    """Processor seconds of a call."""
    began = process_time()
    call()
    return process_time() - began


def _batches(at: Target, network: sk.KAN, seconds: float, seed: int) -> sk.Model:
    """Adam on batches: the number of epochs that fit into the time, with a cosine schedule."""
    train = partial(
        sk.minibatch_training,
        network,
        sk.Batches(at.x, at.y, size=256, seed=seed),
        sk.initialize(network, seed, "greville"),
    )
    train(epochs=1)
    epochs = max(1, int(seconds / _seconds(partial(train, epochs=1))))
    steps = -(-len(at.x) // 256)
    return train(epochs=epochs, optimizer=sk.Adam(schedule=Cosine(1e-2, epochs * steps))).model
