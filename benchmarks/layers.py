"""Value and all gradients of spline layers with a SiLU base branch: ours, SciPy, and other packages.

    python benchmarks/layers.py [--samples N] [--shapes 2x5 8x8 64x64] [--grids 5 20 80 320]
        [--parts table flatness precision threads rate degrees knots] [--seconds S] [--compiled] [--markdown]
        [--json FILE]

Medians in milliseconds, two threads, cubic splines in float64 unless a row says otherwise. "no base" is ours
without the base branch; "plain" a straightforward kernel: per sample and input the span and the four active
functions, then a loop over the outputs; "SciPy" products with `BSpline.design_matrix`, which has no threads.
"ahead" is the time of the best other library (SciPy or a package) over ours. Values and gradients of all are
compared with SciPy's first. "*": fewer repetitions than usual, because a call is long; "~": so long, or so
large, that a part of the samples was timed and the time scaled. --compiled takes the compiled bases of inKAN
and FlashKAN. The other parts print ratios.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from cases import Case, agree, case, ours, plain, scipy, uniform
from numba import njit
from peers import PEERS, Peer
from tables import Table
from timing import BUDGET, Time, bind, elapsed, in_turn, measure, of
from timing import best as best  # for other benchmarks
from timing import load as load_average

import splinekan as sk
from splinekan.kernels._simd import WIDE, load, plus, splat, total

THREADS = 2
FEW = 256
"""Samples of the comparison with other packages, and of the prediction of their times."""
PACKAGES = ("numpy", "scipy", "numba", "torch", "jax", "inkan", "flashkan", "pykan", "jaxkan")
LONGEST = 30.0
"""Seconds of a call that is not made."""
Rows = list[dict[str, Any]]


def table(options: argparse.Namespace) -> Rows:
    """Milliseconds of value and all gradients, and how far ahead of the best other library."""
    peers = [peer for peer in PEERS if not peer.missing]
    own = ("ours", "no base", "plain", "SciPy")
    head = ("shape", "intervals", *own, *(peer.name for peer in peers), "best other", "ahead")
    title = f"Value and all gradients, {options.samples} samples, {THREADS} threads, milliseconds"
    printed, rows = Table(title, head, options.markdown), []
    for shape in options.shapes:
        for intervals in options.grids:
            at = uniform(sizes(shape), intervals, options.samples)
            checked(at)
            agree(plain(at, THREADS)(), scipy(at)(), 1e-10)
            calls = (ours(at), ours(at, None), plain(at, THREADS), scipy(at))
            times = {name: measure(call, options.seconds) for name, call in zip(own, calls, strict=True)}
            for peer in peers:
                times[peer.name] = time_of(peer, at, options)
            libraries = [name for name in times if name not in own[:3]]
            winner = min(libraries, key=lambda name: times[name].median)
            ahead = times[winner].median / times["ours"].median
            printed.row(shape, intervals, *times.values(), winner, f"{ahead:.1f} x")
            row = {"shape": shape, "intervals": intervals, "best": winner, "ahead": ahead}
            rows.append(row | {name: time.record for name, time in times.items()})
    for peer in PEERS:
        if peer.missing:
            print(f"{peer.name}: skipped, {peer.missing}")
    return rows


def time_of(peer: Peer, at: Case, options: argparse.Namespace) -> Time:
    """The time of a package, after a comparison of its values with SciPy's.

    A pass beyond the budget is made once; a pass beyond `LONGEST`, or beyond most of the memory that is free,
    on part of the samples.
    """
    few = at.first(FEW)
    call, (y, gx, *_) = peer.make(few, THREADS, options.compiled), scipy(few)()
    agree(call(), (y, gx), peer.tolerance)
    repeated = at.samples / few.samples
    predicted = repeated * elapsed(call)
    if predicted > LONGEST or peer.memory(at) > 0.7 * free():
        return of([predicted], "~")
    call = peer.make(at, THREADS, options.compiled)
    return of([elapsed(call)], "*") if predicted > BUDGET else measure(call, options.seconds)


def free() -> float:
    """Bytes of memory that are free, or could be; infinity where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return np.inf
    return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))


def checked(at: Case) -> Case:
    """The case, after a comparison of our values and gradients with SciPy's."""
    agree(ours(at)(), scipy(at)(), 1e-10)
    return at


def flatness(options: argparse.Namespace) -> Rows:
    """The ratio of the times with many and with few intervals, in turn."""
    few, many = min(options.grids), max(options.grids)
    title = f"Flatness: {few} and {many} intervals, milliseconds"
    printed, rows = Table(title, ("shape", str(few), str(many), "ratio"), options.markdown), []
    for shape in options.shapes:
        calls = {str(n): ours(uniform(sizes(shape), n, options.samples)) for n in (few, many)}
        rows.append(compared(printed, {"shape": shape}, calls, options))
    return rows


def precision(options: argparse.Namespace) -> Rows:
    """Float32 against float64, in turn."""
    title = "Precision: float64 and float32, 20 intervals, milliseconds"
    printed, rows = Table(title, ("shape", "float64", "float32", "ratio"), options.markdown), []
    for shape in options.shapes:
        at = checked(uniform(sizes(shape), 20, options.samples))
        single = at.in_type(np.float32)
        agree(ours(single)(), scipy(at)(), 1e-4)
        rows.append(compared(printed, {"shape": shape}, {"64": ours(at), "32": ours(single)}, options))
    return rows


def threads(options: argparse.Namespace) -> Rows:
    """Two threads against one, in turn."""
    title = "Threads: 1 and 2, 20 intervals, milliseconds"
    printed, rows = Table(title, ("shape", "1 thread", "2 threads", "ratio"), options.markdown), []
    for shape in options.shapes:
        run = ours(uniform(sizes(shape), 20, options.samples))

        def with_threads(count: int, run: Callable[[], object] = run) -> Callable[[], object]:
            return lambda: (sk.set_threads(count), run())

        rows.append(
            compared(printed, {"shape": shape}, {str(n): with_threads(n) for n in (1, THREADS)}, options)
        )
    sk.set_threads(THREADS)
    return rows


def compared(
    printed: Table,
    labels: dict[str, Any],
    calls: dict[str, Callable[[], object]],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """A row, after printing it: two calls, and the time of the second over that of the first."""
    times = in_turn(calls, options.seconds)
    first, second = times.values()
    ratio = second.median / first.median
    printed.row(*labels.values(), first, second, f"{ratio:.2f}")
    return labels | {"ratio": ratio} | {name: time.record for name, time in times.items()}


@njit(nogil=True)
def _read(tile, repetitions):
    """The sum of an array, taken again and again in two long vectors, so that only the loads take time."""
    even = splat(WIDE, 0.0)
    odd = even
    for _ in range(repetitions):
        for i in range(0, tile.shape[0], 2 * len(WIDE)):
            even = plus(even, load(WIDE, tile, i))
            odd = plus(odd, load(WIDE, tile, i + len(WIDE)))
    return total(plus(even, odd))


def bandwidth(numbers: int, options: argparse.Namespace) -> float:
    """Gigabytes per second at which all threads together read arrays of that many float64s, each its own."""
    step = 2 * len(WIDE)
    numbers = -(-numbers // step) * step
    repetitions = 2**22 // numbers + 1
    tiles = []
    for _ in range(THREADS):
        memory = np.zeros(numbers + 8)
        shift = -memory.ctypes.data % 64 // 8  # vectors within lines of the cache
        tiles.append(memory[shift : shift + numbers])
    with ThreadPoolExecutor(THREADS) as pool:
        time = measure(lambda: list(pool.map(_read, tiles, [repetitions] * THREADS)), options.seconds)
    return 8e-6 * numbers * repetitions * THREADS / time.median


def product_rate(options: argparse.Namespace, n: int = 1024) -> float:
    """GFlop/s of NumPy's product of two n x n matrices."""
    a, b = np.random.default_rng(0).normal(size=(2, n, n))
    return 2e-6 * n**3 / measure(lambda: a @ b, options.seconds).median


def operations(at: Case) -> float:
    """Floating-point operations of value and all gradients: 6 samples n_in n_out (k + 2).

    For a sample, an input and an output the value takes k + 1 multiply-adds with the active functions, as do
    the gradient in the coefficients and, with their slopes, the gradient in the input: 3 x 2 (k + 1)
    operations. The base branch adds a function: 3 x 2. The evaluation of the functions, once for a sample and
    an input, is not counted, nor is the product of the slope of an edge with gy.
    """
    return 6.0 * at.samples * at.n_in * at.n_out * (at.knots.degree + 2)


def bound(gigabytes: float) -> float:
    """The bound on GFlop/s from memory traffic when tiles of many intervals exceed the first-level cache.

    The kernels (splinekan/kernels/layer.py) take up to 1024 samples at a time and go through the inputs, with
    the coefficients of an input in a tile of n_basis rows (splinekan/kernels/_tiles.py). A tile of 64 outputs
    and 323 functions has 165 kB: it lies in the second-level cache, with the gradient, of the same size, and
    the outputs of the block. For a sample, an input and an output

        the value                        loads k + 1 coefficients and y        for k + 2 multiply-adds,
        the gradient in the coefficients loads k + 1 of its entries and gy     for k + 2,
        the gradient in the input        loads k + 1 coefficients and gy       for k + 2,

    while functions, slopes and weights of the base branch are in registers or the first-level cache. So every
    multiply-add, two operations, loads 8 bytes from the second-level cache, and the rate is at most a quarter
    of the bandwidth. Stores, a third as many bytes, are not counted.
    """
    return gigabytes / 4


def rate(options: argparse.Namespace) -> Rows:
    """GFlop/s of the widest layers, against a matrix product and the bound from memory traffic."""
    shape = max(options.shapes, key=lambda each: np.prod(sizes(each)))
    product = product_rate(options)
    title = f"Rate of {shape}, {options.samples} samples; NumPy's matrix product: {product:.0f} GFlop/s"
    head = ("intervals", "GFlop/s", "of product", "tile, kB", "read, GB/s", "bound, GFlop/s", "of bound")
    printed, rows = Table(title, head, options.markdown), []
    for intervals in options.grids:
        at = uniform(sizes(shape), intervals, options.samples)
        reached = 1e-6 * operations(at) / measure(ours(at), options.seconds).median
        numbers = at.knots.n_basis * at.n_out
        read = bandwidth(numbers, options)
        row = {
            "intervals": intervals,
            "gflops": reached,
            "of_product": reached / product,
            "tile_kb": 8e-3 * numbers,
            "read_gb_s": read,
            "bound_gflops": bound(read),
            "of_bound": reached / bound(read),
        }
        printed.row(*(f"{100 * v:.0f} %" if key.startswith("of_") else v for key, v in row.items()))
        rows.append(row | {"shape": shape, "product_gflops": product})
    return rows


def degrees(options: argparse.Namespace) -> Rows:
    """Degrees 1 to 7 on 8 inputs and outputs."""
    title = "Degrees: 8x8, 20 intervals, milliseconds"
    printed, rows = Table(title, ("degree", "ours", "over cubic", "SciPy", "ahead"), options.markdown), []
    cases = {degree: checked(uniform((8, 8), 20, options.samples, degree)) for degree in range(1, 8)}
    mine = in_turn({str(degree): ours(at) for degree, at in cases.items()}, options.seconds)
    for degree, at in cases.items():
        time, other = mine[str(degree)], measure(scipy(at), options.seconds)
        growth, ahead = time.median / mine["3"].median, other.median / time.median
        printed.row(degree, time, f"{growth:.2f}", other, f"{ahead:.1f} x")
        record = {"degree": degree, "over_cubic": growth, "ahead": ahead}
        rows.append(record | {"ours": time.record, "SciPy": other.record})
    return rows


def dyadic(intervals: int) -> sk.KnotVector:
    """Knots whose left quarter is halved three times: 2/5 of the intervals to begin with."""
    knots = sk.KnotVector.uniform(0, 1, 2 * intervals // 5, 3)
    for _ in range(3):
        knots = knots.refine(range(intervals // 5))
    return knots


def knots(options: argparse.Namespace) -> Rows:
    """Knots that are not uniform, 8 inputs and outputs, in turn with uniform knots."""
    title = "Knots: 8x8, milliseconds, and the time over that on uniform knots"
    head = ("intervals", "uniform", "dyadic", "ratio", "random", "ratio")
    printed, rows = Table(title, head, options.markdown), []
    for intervals in (20, 320):
        inner = np.sort(np.random.default_rng(1).uniform(0, 1, intervals - 1))
        kinds = {
            "uniform": sk.KnotVector.uniform(0, 1, intervals, 3),
            "dyadic": dyadic(intervals),
            "random": sk.KnotVector.extended(np.concatenate([[0.0], inner, [1.0]]), 3),
        }
        cases = {name: checked(case((8, 8), each, options.samples)) for name, each in kinds.items()}
        times = in_turn({name: ours(at) for name, at in cases.items()}, options.seconds)
        ratio = {name: time.median / times["uniform"].median for name, time in times.items()}
        cells = [cell for name in ("dyadic", "random") for cell in (times[name], f"{ratio[name]:.2f}")]
        printed.row(intervals, times["uniform"], *cells)
        record = {"intervals": intervals, "ratio": ratio}
        rows.append(record | {name: time.record for name, time in times.items()})
    return rows


PARTS: dict[str, Callable[[argparse.Namespace], Rows]] = {
    "table": table,
    "flatness": flatness,
    "precision": precision,
    "threads": threads,
    "rate": rate,
    "degrees": degrees,
    "knots": knots,
}


def sizes(shape: str) -> tuple[int, int]:
    """(n_in, n_out) of "8x8"."""
    n_in, n_out = shape.split("x")
    return int(n_in), int(n_out)


def versions() -> dict[str, str]:
    """Versions of the packages that are installed."""
    return {name: version(name) for name in PACKAGES if find_spec(name.replace("pykan", "kan")) is not None}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=4096)
    parser.add_argument("--shapes", nargs="+", default=["2x5", "8x8", "64x64"])
    parser.add_argument("--grids", nargs="+", type=int, default=[5, 20, 80, 320])
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=1.0, help="repetitions of a call, at least 5")
    parser.add_argument("--compiled", action="store_true", help="compiled bases of inKAN and FlashKAN")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.json is not None and options.json.exists():
        parser.error(f"{options.json} exists")
    bind(THREADS)
    sk.set_threads(THREADS)
    busy = load_average()
    print(*(f"{name} {number}" for name, number in versions().items()), f"(load average {busy:.1f})")
    record: dict[str, Any] = {"threads": THREADS, "samples": options.samples, "load": busy}
    record["versions"] = versions()
    record["parts"] = {name: PARTS[name](options) for name in options.parts}
    if options.json is not None:
        options.json.write_text(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
