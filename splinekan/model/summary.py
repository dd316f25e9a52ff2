"""The text of a model: its inputs and outputs, its layers, and how it was fitted."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import NamedTuple

import numpy as np

from splinekan.model.record import FitRecord
from splinekan.network import KAN, Normalizer
from splinekan.network.domains import one_each

WIDTH = 108
"""Largest width of a line."""
NAME = 28
"""Most characters of a name; longer names are cut."""
MOST = 12
"""Most rows of inputs, of outputs and of trials; the middle of longer tables is left out."""


class Described(NamedTuple):
    """The properties of a model that a summary shows.

    Attributes
    ----------
    network
        The network.
    names, output_names
        Names of the columns of x and of the outputs.
    bounds
        (low, high) of every column of x; None if unknown.
    record
        The record of the fit; None if unknown.
    """

    network: KAN
    names: Sequence[str]
    output_names: Sequence[str]
    bounds: Sequence[tuple[float, float]] | None
    record: FitRecord | None


def summary(model: Described) -> str:
    """Several aligned lines of at most `WIDTH` characters."""
    network, record = model.network, model.record
    counts = f"{_count(len(model.names), 'input')}, {_count(len(model.output_names), 'output')}"
    parts = [
        [f"Model with {_count(network.n_parameters, 'parameter')}: {counts}"],
        _inputs(model),
        _layers(network),
        _outputs(model),
    ]
    if record is not None:
        parts += [[*_fitted(record)], _choices(record), _trials(record, network)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)


def _inputs(model: Described) -> list[str]:
    rows = [["input"]] + [[_cut(name)] for name in model.names]
    if model.bounds is not None:
        rows[0] += ["domain from", "to"]
        for row, (low, high) in zip(rows[1:], model.bounds, strict=True):
            row += [f"{low:.5g}", f"{high:.5g}"]
    return _table(rows, left=1)


def _layers(network: KAN) -> list[str]:
    lines = ["layer  parameters"]
    for number, layer in enumerate(network.layers):
        text = str(layer)
        lines += wrap(
            f"{number:>5}  {layer.n_parameters:>10}  {text}",
            WIDTH,
            initial_indent="",
            subsequent_indent=" " * 19,
            drop_whitespace=True,
        )
    return lines


def _outputs(model: Described) -> list[str]:
    rows = [["output"]] + [[_cut(name)] for name in model.output_names]
    last = model.network.layers[-1]
    if isinstance(last, Normalizer) and last.kind == "affine":
        # The unit of the network's outputs is the deviation of the targets from their mean: see `fit`.
        rows[0] += ["offset", "unit"]
        ends = zip(one_each(last.domain, last.width), one_each(last.source, last.width), strict=True)
        for row, ((a, b), (c, d)) in zip(rows[1:], ends, strict=True):
            unit = (b - a) / (d - c)
            row += [f"{a - c * unit:.5g}", f"{unit:.5g}"]
    return _table(rows, left=1)


def _fitted(record: FitRecord) -> list[str]:
    text = f"Fitted to {_count(record.n_samples, 'sample')}, {record.loss} loss"
    if record.history is not None:
        history = record.history
        steps, seconds = len(history.loss) - 1, history.seconds[-1]
        text += f", {_count(steps, 'iteration')} in {seconds:.3g} s"
    return [text]


def _choices(record: FitRecord) -> list[str]:
    if not record.choices:
        return []
    lines = ["Chosen"]
    widths = [min(max(len(_cut(each[i])) for each in record.choices), NAME) for i in (0, 1)]
    for choice in record.choices:
        start = f"  {_cut(choice.quantity):<{widths[0]}}  {_cut(choice.value):<{widths[1]}}  "
        more = f"{choice.value}: " if len(choice.value) > NAME else ""
        lines += wrap(
            more + choice.reason,
            WIDTH,
            initial_indent=start,
            subsequent_indent=" " * len(start),
        ) or [start.rstrip()]
    return lines


def _trials(record: FitRecord, network: KAN) -> list[str]:
    if not record.trials:
        return []
    mine = [
        i
        for i, trial in enumerate(record.trials)
        if (trial.parameters, trial.intervals) == (network.n_parameters, network.intervals)
    ]
    head = ["", "trial", "level", "intervals", "parameters", "loss", "V", "held-out loss", "seconds"]
    rows = [head]
    for number, trial in enumerate(record.trials):
        mark = "*" if mine and number == mine[-1] else ""
        sizes = [str(trial.level), str(trial.intervals), str(trial.parameters)]
        values = ["" if np.isnan(v) else f"{v:.4g}" for v in (trial.loss, trial.score, trial.held_out)]
        rows.append([mark, _cut(trial.network), *sizes, *values, f"{trial.seconds:.3g}"])
    kept = [0, *(i for i in range(1, len(head)) if any(row[i] for row in rows[1:]))]
    rows = [[row[i] for i in kept] for row in rows]
    left = 2 if mine else 1  # the column of the mark is left out if it is empty
    notes = [
        "* this model" if mine else "This network was changed after its training, as by refine or coarsen."
    ]
    if "V" in rows[0]:
        notes.append("V is minus the logarithm of the restricted likelihood; smaller is better.")
    return [*_table(rows, left, mine[-1] if mine else None), *notes]


def _table(rows: Sequence[Sequence[str]], left: int, keep: int | None = None) -> list[str]:
    """Aligned columns, the first `left` to the left; long tables keep their ends, and row `keep`."""
    head, *body = rows
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = []
    for row in (head, *body):
        cells = [
            f"{cell:<{width}}" if i < left else f"{cell:>{width}}"
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    if len(body) <= MOST:
        return lines
    shown = [*range(MOST - 2), len(body) - 1]
    shown = sorted({*shown, *([] if keep is None else [keep])})
    short, before = [lines[0]], -1
    for number in shown:
        if number > before + 1:
            short.append(f"... {number - before - 1} more")
        short.append(lines[1 + number])
        before = number
    return short


def _cut(name: str) -> str:
    """A name on a line of its own length."""
    plain = " ".join(name.split())
    return plain if len(plain) <= NAME else plain[: NAME - 3] + "..."
