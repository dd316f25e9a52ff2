"""Value and full backward pass of a cubic spline layer, against a plain kernel and SciPy; peers if installed.

    python benchmarks/layers.py [--samples N] [--shapes 2x5 8x8 64x64] [--grids 5 20 80 320] [--json FILE]

Prints milliseconds (best of several) and, in brackets, the ratio to ours. All in the same run, with two
threads. "plain" is a straightforward kernel: per sample and input the span and the four active functions,
then loops over the outputs. "scipy" takes products with `BSpline.design_matrix`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
from numba import njit
from peers import NO_PACKAGE, PEERS
from scipy.interpolate import BSpline

import splinekan as sk

THREADS = 2
Call = Callable[[], object]


@njit(nogil=True, fastmath=False)
def plain(x, c, gy, a, h, intervals, y, gc, gx, start, stop):
    """Value, gradient in the coefficients and in the inputs, the straightforward way."""
    n_in, n_out = x.shape[1], y.shape[1]
    b, d = np.empty(4), np.empty(4)
    for i in range(start, stop):
        for q in range(n_out):
            y[i, q] = 0.0
        for p in range(n_in):
            u = (x[i, p] - a) / h
            s = min(max(int(u), 0), intervals - 1)
            u -= s
            b[0], b[3] = (1 - u) ** 3 / 6, u**3 / 6
            b[1], b[2] = (3 * u**3 - 6 * u**2 + 4) / 6, (-3 * u**3 + 3 * u**2 + 3 * u + 1) / 6
            d[0], d[3] = -((1 - u) ** 2) / 2 / h, u**2 / 2 / h
            d[1], d[2] = (3 * u**2 - 4 * u) / 2 / h, (-3 * u**2 + 2 * u + 1) / 2 / h
            total = 0.0
            for q in range(n_out):
                g = gy[i, q]
                value = 0.0
                slope = 0.0
                for l in range(4):
                    value += b[l] * c[p, s + l, q]
                    slope += d[l] * c[p, s + l, q]
                    gc[p, s + l, q] += b[l] * g
                y[i, q] += value
                total += slope * g
            gx[i, p] = total


def best(function: Callable[[], object], seconds: float = 1.0) -> float:
    """Milliseconds of the fastest call after a first, compiling call."""
    function()
    times, began = [], perf_counter()
    while perf_counter() - began < seconds or len(times) < 3:
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return 1e3 * min(times)


def ours(layer: sk.SplineLayer, theta: np.ndarray, x: np.ndarray, gy: np.ndarray) -> Call:
    """splinekan's layer."""
    return lambda: (layer.value(theta, x), layer.vjp(theta, x, gy, True))


def plain_layer(
    layer: sk.SplineLayer, theta: np.ndarray, x: np.ndarray, gy: np.ndarray
) -> Callable[[], object]:
    """The plain kernel, samples split among threads."""
    knots = layer.common_knots
    c = theta.reshape(layer.n_in, knots.n_basis, layer.n_out)
    (a, b), n = knots.domain, len(x)
    ranges = [(n * i // THREADS, n * (i + 1) // THREADS) for i in range(THREADS)]
    pool = ThreadPoolExecutor(THREADS)

    def run() -> object:
        y, gx = np.empty((n, layer.n_out)), np.empty_like(x)
        gc = np.zeros((THREADS, *c.shape))
        h = (b - a) / layer.intervals
        jobs = [
            pool.submit(plain, x, c, gy, a, h, layer.intervals, y, gc[t], gx, *span)
            for t, span in enumerate(ranges)
        ]
        for job in jobs:
            job.result()
        return y, gc.sum(axis=0), gx

    return run


def scipy_layer(
    layer: sk.SplineLayer, theta: np.ndarray, x: np.ndarray, gy: np.ndarray
) -> Callable[[], object]:
    """Sparse products, input by input."""
    t = layer.common_knots.t
    c = theta.reshape(layer.n_in, layer.common_knots.n_basis, layer.n_out)

    def run() -> object:
        y, gx, gc = np.zeros((len(x), layer.n_out)), np.empty_like(x), np.empty_like(c)
        for p in range(layer.n_in):
            basis = BSpline.design_matrix(x[:, p], t, 3)
            y += basis @ c[p]
            gc[p] = basis.T @ gy
            slope = BSpline(t, c[p], 3).derivative()(x[:, p])
            gx[:, p] = np.einsum("iq,iq->i", slope, gy)
        return y, gc, gx

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=4096)
    parser.add_argument("--shapes", nargs="+", default=["2x5", "8x8", "64x64"])
    parser.add_argument("--grids", nargs="+", type=int, default=[5, 20, 80, 320])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.json is not None and options.json.exists():
        parser.error(f"{options.json} exists")
    sk.set_threads(THREADS)
    rng = np.random.default_rng(0)
    rows = []
    installed = {name: make for module, (name, make) in PEERS.items() if find_spec(module) is not None}
    names = ["plain", "scipy", *installed]
    head = "".join(f"{name:>18}" for name in names)
    print(f"{'shape':<7} {'intervals':>9} {'ours':>9}{head}   ms (times ours)")
    for shape in options.shapes:
        n_in, n_out = (int(n) for n in shape.split("x"))
        x, gy = rng.uniform(0, 1, (options.samples, n_in)), rng.normal(size=(options.samples, n_out))
        for intervals in options.grids:
            layer = sk.SplineLayer(n_in, n_out, sk.uniform_knots(0, 1, intervals, 3))
            theta = rng.normal(size=layer.n_parameters)
            check(layer, theta, x, gy)
            times = {
                name: best(make(layer, theta, x, gy))
                for name, make in (("ours", ours), ("plain", plain_layer), ("scipy", scipy_layer))
            }
            for name, peer in installed.items():
                times[name] = best(peer(n_in, n_out, intervals, x, gy, THREADS))
            rows.append({"shape": shape, "intervals": intervals, "samples": options.samples, **times})
            others = "".join(f"{times[n]:>10.2f} ({times[n] / times['ours']:5.1f})" for n in names)
            print(f"{shape:<7} {intervals:>9} {times['ours']:>9.2f}{others}", flush=True)
    missing = [name for module, (name, _) in PEERS.items() if find_spec(module) is None]
    if missing:
        print(f"skipped, not installed (the extra `bench` asks for them): {', '.join(missing)}")
    print(f"skipped, on no package index: {', '.join(NO_PACKAGE)}")
    if options.json is not None:
        options.json.write_text(json.dumps({"threads": THREADS, "rows": rows}, indent=2))


def check(layer: sk.SplineLayer, theta: np.ndarray, x: np.ndarray, gy: np.ndarray) -> None:
    """All compute the same, or the comparison means nothing."""
    y, (gc, gx) = ours(layer, theta, x, gy)()
    for make in (plain_layer, scipy_layer):
        other_y, other_gc, other_gx = make(layer, theta, x, gy)()
        np.testing.assert_allclose(other_y, y, atol=1e-10 * np.abs(y).max())
        np.testing.assert_allclose(other_gc.ravel(), gc, atol=1e-10 * np.abs(gc).max())
        np.testing.assert_allclose(other_gx, gx, atol=1e-10 * np.abs(gx).max())


if __name__ == "__main__":
    main()
