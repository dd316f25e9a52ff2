"""A step of Adam for a network 784-64-10: CPU time of ours, inKAN and efficient-kan, on one thread.

    python benchmarks/classifier.py [--widths 784 64 10] [--intervals 5] [--batch 1024] [--steps N]
        [--markdown] [--json FILE]

A step is value and gradient of a mean of squares, and the update. Cubic splines with a SiLU base branch in
all layers. torch's Adam runs fused, its fastest form on CPUs. Each row has its own network, optimiser and
random data; the first step is not counted. Medians in milliseconds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from peers import PEERS, torch_with
from tables import Table
from timing import Time, bind, of

import splinekan as sk

THREADS = 1
TYPES = ("float64", "float32")


def data(options: argparse.Namespace, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs uniform on [-1, 1] and random one-hot targets."""
    rng, (n_in, *_, n_out) = np.random.default_rng(0), options.widths
    x = rng.uniform(-1, 1, (options.batch, n_in))
    return x.astype(dtype), np.eye(n_out, dtype=dtype)[rng.integers(0, n_out, options.batch)]


def ours(options: argparse.Namespace, dtype: str) -> tuple[int, Time]:
    """Parameters, and the time of an iteration of `Adam`."""
    network = sk.KAN.splines(options.widths, 3, options.intervals, (-1.0, 1.0), base="silu")
    objective = sk.LeastSquares(network, *data(options, dtype), reduction="mean")
    theta = sk.initialize(network, 0)
    ends: list[float] = []
    sk.Adam().minimize(
        objective, theta, iterations=options.steps + 1, callback=lambda _: ends.append(process_time())
    )
    return network.n_parameters, of(list(np.diff(ends)))


def torch_network(make: Callable[[argparse.Namespace], Any]) -> Callable[..., tuple[int, Time]]:
    """Parameters, and the time of a step, of a network of torch."""

    def run(options: argparse.Namespace, dtype: str) -> tuple[int, Time]:
        torch = torch_with(THREADS, dtype)
        network = make(options)
        x, y = (torch.tensor(each) for each in data(options, dtype))
        adam = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
        ends = []
        for _ in range(options.steps + 1):
            adam.zero_grad()
            ((network(x) - y) ** 2).mean().backward()
            adam.step()
            ends.append(process_time())
        return sum(each.numel() for each in network.parameters()), of(list(np.diff(ends)))

    return run


def inkan(options: argparse.Namespace) -> Any:
    """`inkan.KANNetwork`, uncompiled."""
    from inkan import KANNetwork

    return KANNetwork(options.widths, options.intervals, compile_basis=False)


def efficient_kan(options: argparse.Namespace) -> Any:
    """`efficient_kan.KAN`."""
    from efficient_kan import KAN

    return KAN(options.widths, options.intervals)


NETWORKS = {"inKAN": torch_network(inkan), "efficient-kan": torch_network(efficient_kan)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--widths", nargs="+", type=int, default=[784, 64, 10])
    parser.add_argument("--intervals", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.json is not None and options.json.exists():
        parser.error(f"{options.json} exists")
    bind(THREADS)
    sk.set_threads(THREADS)
    missing = {peer.name: peer.missing for peer in PEERS if peer.name in NETWORKS}
    networks = {"ours": ours} | {name: run for name, run in NETWORKS.items() if not missing[name]}
    title = (
        f"A step of Adam: {'-'.join(map(str, options.widths))}, {options.intervals} intervals, "
        f"batch of {options.batch}, CPU time on one thread, milliseconds"
    )
    head = ("type", "network", "parameters", "time", "times ours")
    printed, rows = Table(title, head, options.markdown), []
    for dtype in TYPES:
        mine = None
        for name, run in networks.items():
            parameters, time = run(options, dtype)
            mine = mine or time
            ratio = time.median / mine.median
            printed.row(dtype, name, parameters, time, f"{ratio:.2f}")
            row = {"type": dtype, "network": name, "parameters": parameters, "ratio": ratio}
            rows.append(row | {"time": time.record})
    for name, why in missing.items():
        if why:
            print(f"{name}: skipped, {why}")
    if options.json is not None:
        options.json.write_text(json.dumps({"threads": THREADS, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
