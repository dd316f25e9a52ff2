"""Tables behind docs/choose.md: degree, intervals, basis, optimiser, preconditioner, hidden nodes, loss.

    python benchmarks/choices.py [--parts degree intervals ...] [--markdown]

One thread; all parts together take less than five minutes of a processor. Errors are root mean squares at
fresh points, without noise, in deviations of the target: the median over three seeds of the start, and the
worst in brackets. Seconds are those of a processor.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import scipy
from choice_cases import NOISE, SEEDS, friedman, kinked, nested, smooth, spread, target, wave
from choice_optimisers import optimiser
from tables import Table
from timing import bind

import splinekan as sk

BUDGETS = [30, 15, 15]
"""Iterations on the levels."""


def degree(markdown: bool) -> None:
    """Degrees 1 to 5, 2000 samples, three levels: a curve sin(6 x) (network 1-1), then networks 2-5-1."""
    head = ("target", "degree", *(f"{g} intervals: parameters, error" for g in (4, 8, 16)), "seconds")
    table = Table(f"Degree. {degree.__doc__}", head, markdown)
    targets = {
        "curve": target(wave, 2000, inputs=1),
        "smooth": target(smooth, 2000),
        "kink": target(kinked, 2000),
        "smooth, noise": target(smooth, 2000, NOISE),
    }
    for name, at in targets.items():
        for k in range(1, 6):
            network = sk.KAN.splines([1, 1] if name == "curve" else [2, 5, 1], k, 4)
            began = process_time()
            runs = [
                [at.error(result.model) for _, result in nested(at, network, 3, seed, BUDGETS)]
                for seed in SEEDS
            ]
            seconds = (process_time() - began) / len(SEEDS)
            cells = [
                f"{network.n_parameters // (4 + k) * (g + k)}, {spread(errors)}"
                for g, errors in zip((4, 8, 16), zip(*runs, strict=True), strict=True)
            ]
            table.row(name, k, *cells, f"{seconds:.1f}")


def intervals(markdown: bool) -> None:
    """Cubic splines, network 2-5-1, 500 samples; training and fresh errors by the number of intervals."""
    head = ("intervals", "parameters", "no noise", "noise: training", "noise: fresh", "noise, smoothing")
    table = Table(f"Intervals. {intervals.__doc__}", head, markdown)
    clean, noisy = target(smooth, 500), target(smooth, 500, NOISE)
    network, budgets = sk.KAN.splines([2, 5, 1], 3, 2), [30] + 5 * [15]
    columns: list[list[list[float]]] = []
    for seed in SEEDS:
        runs = (
            nested(clean, network, 6, seed, budgets),
            nested(noisy, network, 6, seed, budgets),
            nested(noisy, network, 6, seed, budgets, 1e-4),
        )
        columns.append(
            [
                [
                    clean.error(a.model),
                    float(np.sqrt(b.value)),
                    noisy.error(b.model),
                    noisy.error(c.model),
                ]
                for (_, a), (_, b), (_, c) in zip(*runs, strict=True)
            ]
        )
    for level in range(6):
        g = 2 * 2**level
        cells = [spread([run[level][column] for run in columns]) for column in range(4)]
        table.row(g, 15 * (g + 3), *cells)
    for name, at in (("sk.fit, no noise", clean), ("sk.fit, noise", noisy)):
        model = sk.fit(at.x, at.y, progress=False)
        chosen = {each.quantity: each.value for each in model.record.choices}
        print(f"\n{name}: error {at.error(model):.1e}, {model.n_parameters} parameters, {chosen}", flush=True)


def basis(markdown: bool) -> None:
    """Networks 2-5-1, 2000 samples: condition of J^T J; loss after 300 iterations of L-BFGS, and 30 of LM."""
    head = (
        "degree",
        "intervals",
        "condition, spline",
        "condition, ReLU",
        "L-BFGS, spline",
        "L-BFGS, ReLU",
        "LM, spline",
        "LM, ReLU",
        "LM, ReLU network, spline geometry",
    )
    table = Table(f"Basis. {basis.__doc__}", head, markdown)
    at = target(smooth, 2000)
    for k, g in ((1, 4), (1, 16), (3, 4), (3, 16)):
        network = sk.KAN.splines([2, 5, 1], k, g)
        other = network.with_basis("relu")
        problems = [sk.LeastSquares(each, at.x, at.y, reduction="mean") for each in (network, other)]
        starts = [sk.initialize(network, seed, "greville") for seed in SEEDS]
        conditions = [
            sk.gauss_newton_spectrum(problems[0], starts[0], kind).condition_seen
            for kind in ("spline", "relu")
        ]
        runs: list[tuple[Any, int, int]] = [
            (sk.LBFGS(), 0, 300),
            (sk.LBFGS(), 1, 300),
            (sk.LevenbergMarquardt(), 0, 30),
            (sk.LevenbergMarquardt(), 1, 30),
            (sk.LevenbergMarquardt(geometry="spline"), 1, 30),
        ]
        cells = []
        for method, which, iterations in runs:
            losses = []
            for start in starts:
                theta = network.to_basis(start, "relu") if which else start
                losses.append(method.minimize(problems[which], theta, iterations=iterations).value)
            cells.append(spread(losses))
        table.row(k, g, *(f"{each:.0e}" for each in conditions), *cells)


def cg(markdown: bool) -> None:
    """Iterations of conjugate gradients to 1e-8, cubic splines, one dimension: 64 and 2048 intervals."""
    head = ("matrix", "none", "Jacobi", "BPX", "V-cycle, Gauss-Seidel")
    table = Table(f"Preconditioner. {cg.__doc__}", head, markdown)
    for name, orders in (("mass", (0,)), ("mass + stiffness", (0, 1))):
        counts: list[list[int]] = [[] for _ in head[1:]]
        for levels in (5, 10):
            knots = [sk.KnotVector.clamped(np.linspace(0, 1, 5), 3)]
            for _ in range(levels - 1):
                knots.append(knots[-1].refine())
            A = scipy.sparse.csr_array(sum(sk.gram_matrix(knots[-1], derivative=m) for m in orders))
            b = np.random.default_rng(0).normal(size=A.shape[0])
            jacobi = scipy.sparse.diags_array(1 / A.diagonal())
            choices = (None, jacobi, sk.BPX(A, knots), sk.VCycle(A, knots, "gauss-seidel"))
            for column, M in zip(counts, choices, strict=True):
                found: list[Any] = []
                scipy.sparse.linalg.cg(A, b, rtol=1e-8, M=M, callback=found.append)
                column.append(len(found))
        table.row(name, *(", ".join(map(str, each)) for each in counts))


def hidden(markdown: bool) -> None:
    """Hidden nodes of cubic networks, 4 and 8 intervals, 1000 samples; fresh error on the last level."""
    head = ("hidden", "smooth", "smooth, noise", "Friedman-1", "Friedman-1, noise")
    table = Table(f"Hidden nodes. {hidden.__doc__}", head, markdown)
    targets = [
        target(function, 1000, noise, inputs)
        for function, inputs in ((smooth, 2), (friedman, 5))
        for noise in (0.0, NOISE)
    ]
    for width in (0, 1, 2, 3, 5, 10):
        cells = []
        for at in targets:
            widths = [at.x.shape[1], width, 1] if width else [at.x.shape[1], 1]
            network = sk.KAN.splines(widths, 3, 4)
            errors = []
            for seed in SEEDS:
                *_, (_, result) = nested(at, network, 2, seed, [40, 20], 1e-5)
                errors.append(at.error(result.model))
            cells.append(spread(errors))
        table.row(width or "none", *cells)
    cells = []
    for at in targets:
        model = sk.fit(at.x, at.y, progress=False)
        chosen = {each.quantity: each.value for each in model.record.choices}
        cells.append(f"{at.error(model):.1e}, {chosen.get('network', '')}")
    table.row("`sk.fit`", *cells)


def loss(markdown: bool) -> None:
    """`sk.fit`, a sum of functions, 500 samples with noise of 0.1; a share is wrong by 5 deviations."""
    losses: dict[str, Any] = {name: name for name in ("squared", "huber", "quantile")}
    head = ("wrong", *losses, "seconds: squared, huber, quantile")
    table = Table(f"Loss. {loss.__doc__}", head, markdown)
    for share in (0.0, 0.02, 0.1, 0.3):
        at = target(kinked, 500, NOISE)
        rng = np.random.default_rng(1)
        y = at.y + 5 * (rng.uniform(size=len(at.y)) < share)
        cells, seconds = [], []
        for kind in losses.values():
            began = process_time()
            model = sk.fit(at.x, y, hidden=(), loss=kind, progress=False)
            seconds.append(process_time() - began)
            cells.append(f"{at.error(model):.3f}")
        table.row(f"{100 * share:.0f} %", *cells, ", ".join(f"{each:.1f}" for each in seconds))


PARTS: dict[str, Callable[[bool], None]] = {
    "degree": degree,
    "intervals": intervals,
    "basis": basis,
    "optimiser": optimiser,
    "cg": cg,
    "hidden": hidden,
    "loss": loss,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    bind(1)
    sk.set_threads(1)
    warnings.simplefilter("ignore", sk.DomainWarning)  # hidden values of a start may leave the domain
    for name in options.parts:
        began = process_time()
        PARTS[name](options.markdown)
        print(f"\n{name}: {process_time() - began:.0f} s of a processor", flush=True)


if __name__ == "__main__":
    main()
