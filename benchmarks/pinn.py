"""Residual and Jacobian of Burgers' equation, and an epoch of Adam: ours, and automatic differentiation.

    python benchmarks/pinn.py [--intervals 4 64] [--points 4096] [--json FILE]

Cubic spline network 2-5-5-1 in float64, all parameters differentiated. JAX (compiled; vmap of the gradient
of a residual that takes `grad` and `hessian` of the network) and torch.func (the same) run if installed.
They evaluate splines by the Cox-de Boor recursion over all basis functions, as KAN packages for JAX and torch
do; their residuals and Jacobians are compared with ours first. Milliseconds, best of several, two threads.
Then epochs of Adam: on the network 2-20-20-1 with 9700 parameters, and on the interface problem on its spline
network 3-5-1 and on the perceptron 3-16-16-1.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import splinekan as sk
from splinekan.equations.collocation import collocation
from splinekan.problems import boundary as pdes
from splinekan.studies.boundary_value import first_order

THREADS = 2
NU = 0.01
WIDTHS = [2, 5, 5, 1]


def ours(intervals: int, points: np.ndarray) -> tuple[Any, np.ndarray]:
    """The objective and a start."""
    problem = pdes.problem("burgers")
    network = sk.KAN.splines(WIDTHS, 3, intervals, (-1.0, 1.0))
    objective = sk.PINN(network, [sk.Block(problem.equation, points)], bounds=problem.bounds)
    # Hidden values stay inside the domain: the peers have no continuation beyond it.
    return objective, 0.8 * sk.initialize(network, 0, "greville", bounds=(-1.0, 1.0), noise=0.05)


def network(np_like: Any, intervals: int, theta: Any, z: Any) -> Any:
    """u at the point z = (x, t), written for a sample in the functions that JAX and torch share."""
    h, at = 2.0 / intervals, 0
    knots = np_like.asarray(-1.0 + h * np.arange(-3, intervals + 4))
    values = np_like.stack([z[0], 2.0 * z[1] - 1.0])
    for n_in, n_out in pairwise(WIDTHS):
        x = np_like.clip(values, -1.0, 1.0 - 1e-15)[:, None]
        b = np_like.where((x >= knots[:-1]) & (x < knots[1:]), 1.0, 0.0)
        for k in range(1, 4):
            left = (x - knots[: -k - 1]) / (k * h)
            right = (knots[k + 1 :] - x) / (k * h)
            b = left * b[:, :-1] + right * b[:, 1:]
        count = n_in * (intervals + 3) * n_out
        c = theta[at : at + count].reshape(n_in, intervals + 3, n_out)
        values = (b[:, :, None] * c).sum(0).sum(0)
        at += count
    return values[0]


def jax_pass(intervals: int, points: np.ndarray, theta: np.ndarray) -> Callable[[], Any]:
    """Residuals and their gradients in theta, compiled."""
    import jax

    jax.config.update("jax_enable_x64", True)

    def residual(theta: Any, z: Any) -> Any:
        def u(at: Any) -> Any:
            return network(jax.numpy, intervals, theta, at)

        slope, bend = jax.grad(u)(z), jax.hessian(u)(z)
        return slope[1] + u(z) * slope[0] - NU * bend[0, 0]

    both = jax.jit(jax.vmap(jax.value_and_grad(residual), in_axes=(None, 0)))
    arguments = jax.numpy.asarray(theta), jax.numpy.asarray(points)
    return lambda: jax.block_until_ready(both(*arguments))


def torch_pass(intervals: int, points: np.ndarray, theta: np.ndarray) -> Callable[[], Any]:
    """The same by torch.func."""
    import torch

    torch.set_num_threads(THREADS)
    torch.set_default_dtype(torch.float64)

    def residual(theta: Any, z: Any) -> tuple[Any, Any]:
        def u(at: Any) -> Any:
            return network(torch, intervals, theta, at)

        slope, bend = torch.func.grad(u)(z), torch.func.hessian(u)(z)
        r = slope[1] + u(z) * slope[0] - NU * bend[0, 0]
        return r, r

    both = torch.func.vmap(torch.func.grad(residual, has_aux=True), in_dims=(None, 0))
    arguments = torch.tensor(theta), torch.tensor(points)

    def run() -> Any:
        jacobian, r = both(*arguments)
        return r, jacobian

    return run


def best(call: Callable[[], Any], seconds: float = 2.0) -> float:
    """Milliseconds of the fastest call."""
    call()
    times: list[float] = []
    while sum(times) < seconds or len(times) < 3:
        began = perf_counter()
        call()
        times.append(perf_counter() - began)
    return 1e3 * min(times)


def adam_epoch(objective: Any, theta: np.ndarray) -> float:
    """Milliseconds of an epoch."""
    return best(lambda: sk.Adam().minimize(objective, theta, iterations=10)) / 11


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--intervals", type=int, nargs="+", default=[4, 64])
    parser.add_argument("--points", type=int, default=4096)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sk.set_threads(THREADS)
    peers = {name: make for name, make in (("jax", jax_pass), ("torch", torch_pass)) if find_spec(name)}
    points = collocation("random", options.points, [(-0.999, 0.999), (0.001, 0.999)], 0)
    rows = []
    print(f"{'intervals':>9} {'parameters':>10} {'ours':>8}" + "".join(f" {name:>20}" for name in peers))
    for intervals in options.intervals:
        objective, theta = ours(intervals, points)
        row: dict[str, float] = {"intervals": intervals, "parameters": len(theta)}
        row["ours"] = best(lambda o=objective, t=theta: o.linearized(t))
        line = f"{intervals:>9} {len(theta):>10} {row['ours']:>8.1f}"
        for name, make in peers.items():
            call = make(intervals, points, theta)
            _, r, rows_of_j = objective.linearized(theta)
            found_r, found_j = (np.asarray(part) for part in call())
            scale = np.abs(found_j).max()
            np.testing.assert_allclose(found_r, r, atol=1e-9 * np.abs(r).max())
            np.testing.assert_allclose(found_j, rows_of_j.toarray(), atol=1e-9 * scale)
            row[name] = best(call)
            line += f" {row[name]:>9.0f} ({row[name] / row['ours']:>5.1f} x)"
        print(line)
        rows.append(row)
    if len(rows) > 1:
        print(f"{rows[-1]['ours'] / rows[0]['ours']:.2f} times as long at {rows[-1]['intervals']} intervals")
    problem = pdes.problem("burgers")
    wide = sk.KAN.affine_first([2, 20, 20, 1], 3, 20, (-1.0, 1.0), bias=False)
    objective = sk.PINN(wide, [sk.Block(problem.equation, points, 2 / len(points))], bounds=problem.bounds)
    theta = sk.initialize(wide, 0, bounds=(-1.0, 1.0))
    epochs = {"2-20-20-1, Burgers": adam_epoch(objective, theta)}
    recipe, problem = first_order.RECIPES["interface"], pdes.problem("interface")
    posed = first_order.posed(problem, recipe)
    spline, perceptron = first_order.NETWORKS[recipe.network]("spline"), sk.MLP([3, 16, 16, 1], "tanh")
    theta = sk.initialize(spline, 0, "greville", bounds=(-1.0, 1.0), noise=recipe.noise)
    epochs["3-5-1, interface"] = adam_epoch(problem.pinn(spline, posed), theta)
    theta = sk.initialize(perceptron, 0, "noise", bounds=(-1.0, 1.0))
    epochs["perceptron 3-16-16-1, interface"] = adam_epoch(problem.pinn(perceptron, posed), theta)
    for name, milliseconds in epochs.items():
        print(f"epoch of Adam, {name}: {milliseconds:.1f} ms")
    if options.json:
        record = {"rows": rows, "adam_epoch_ms": epochs, "points": len(points), "threads": THREADS}
        options.json.write_text(json.dumps(record, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
