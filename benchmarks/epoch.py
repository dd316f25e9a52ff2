"""Epochs of AdamW on 60,000 images of 784 pixels: ours and efficient-kan, in turn, and their accuracy.

    python benchmarks/epoch.py [--threads 1] [--epochs 5] [--samples 60000] [--batch 256] [--json FILE]

The images are random: float32, smooth functions of 16 numbers with noise, in ten classes that a random map of
these numbers chooses. Both train 784-64-10, cubic splines on 5 intervals of [-1, 1] with a SiLU base branch,
by the squared error of one-hot targets, from starts of their own, with batches in a new order in every epoch
and fused steps. An epoch of one follows an epoch of the other, so that other jobs on the machine disturb
both; the first pair, which compiles, is not timed. Ratios are efficient-kan over ours.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from classifier import efficient_kan
from peers import PEERS, torch_with
from timing import bind

import splinekan as sk
from splinekan.optimize import Constant

RATE, DECAY, LATENT = 1e-3, 1e-4, 16
Epoch = Callable[[], Callable[[np.ndarray], np.ndarray]]
"""A further epoch; returns the network."""


def images(samples: int, seed: int, widths: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels in [-1, 1], (samples, n_in) in float32, and their classes."""
    teacher, rng = np.random.default_rng(0), np.random.default_rng(seed)
    pixels = teacher.normal(size=(LATENT, widths[0])) / np.sqrt(LATENT)
    hidden = teacher.normal(size=(LATENT, 64)) / np.sqrt(LATENT)
    classes = teacher.normal(size=(64, widths[-1]))
    z = rng.normal(size=(samples, LATENT))
    x = np.tanh(z @ pixels + 0.5 * rng.normal(size=(samples, widths[0])))
    return x.astype(np.float32), np.argmax(np.tanh(z @ hidden) @ classes, axis=1)


def ours(options: argparse.Namespace, x: np.ndarray, y: np.ndarray) -> Epoch:
    """Epochs of `minibatch_training`."""
    network = sk.KAN.splines(options.widths, 3, options.intervals, (-1.0, 1.0), base="silu")
    batches = sk.Batches(x, y, size=options.batch)
    optimizer = sk.Adam(schedule=Constant(RATE), weight_decay=DECAY)
    done: list[Any] = []

    def epoch() -> Callable[[np.ndarray], np.ndarray]:
        start = {"resume": done[-1]} if done else {"theta0": sk.initialize(network, 0, noise=0.01)}
        count = len(done) + 1
        done.append(sk.minibatch_training(network, batches, optimizer=optimizer, epochs=count, **start))
        return done[-1].model

    return epoch


def peer(options: argparse.Namespace, x: np.ndarray, y: np.ndarray) -> Epoch:
    """Epochs of `efficient_kan.KAN`."""
    torch = torch_with(options.threads, "float32")
    network, pixels, targets = efficient_kan(options), torch.tensor(x), torch.tensor(y)
    adam = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY, fused=True)

    def predict(points: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.tensor(points)).numpy()

    def epoch() -> Callable[[np.ndarray], np.ndarray]:
        order = torch.randperm(len(pixels))
        for start in range(0, len(order), options.batch):
            rows = order[start : start + options.batch]
            adam.zero_grad()
            ((network(pixels[rows]) - targets[rows]) ** 2).sum(dim=1).mean().backward()
            adam.step()
        return predict

    return epoch


def timed(epoch: Epoch) -> tuple[Callable[[np.ndarray], np.ndarray], float, float]:
    """The network, and seconds of wall and of CPU time."""
    wall, cpu = perf_counter(), process_time()
    found = epoch()
    return found, perf_counter() - wall, process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--widths", nargs="+", type=int, default=[784, 64, 10])
    parser.add_argument("--intervals", type=int, default=5)
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.json is not None and options.json.exists():
        parser.error(f"{options.json} exists")
    bind(options.threads)
    sk.set_threads(options.threads)
    x, label = images(options.samples, 1, options.widths)
    points, truth = images(10_000, 2, options.widths)
    target = np.eye(options.widths[-1], dtype=np.float32)[label]
    missing = next(each.missing for each in PEERS if each.name == "efficient-kan")
    epochs = {"ours": ours(options, x, target)}
    if missing:
        print(f"efficient-kan: skipped, {missing}")
    else:
        epochs["efficient-kan"] = peer(options, x, target)
    print(f"\nEpochs of {options.samples} samples, {options.threads} threads: seconds, accuracy")
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in epochs}
    for number in range(options.epochs + 1):
        for name, epoch in epochs.items():
            network, wall, cpu = timed(epoch)
            right = float((np.argmax(network(points), axis=1) == truth).mean())
            rows[name].append((wall, cpu, right))
            print(f"{number}  {name:<14} wall {wall:7.2f}  CPU {cpu:7.2f}  accuracy {right:.3f}", flush=True)
    record: dict[str, Any] = {"threads": options.threads, "rows": rows}
    for column, clock in enumerate(("wall", "CPU")):
        times = {name: np.array([row[column] for row in rows[name][1:]]) for name in rows}
        for name, seconds in times.items():
            low, middle, high = np.percentile(seconds, (25, 50, 75))
            print(f"{name}, {clock}: {middle:.2f} s [{low:.2f}, {high:.2f}]")
        if not missing:
            low, middle, high = np.percentile(times["efficient-kan"] / times["ours"], (25, 50, 75))
            print(f"ratio of {clock} times: {middle:.2f} [{low:.2f}, {high:.2f}]")
            record[f"ratio of {clock} times"] = low, middle, high
    if options.json is not None:
        options.json.write_text(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
