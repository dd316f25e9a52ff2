"""`splinekan predict`: the values of a model at the rows of a table."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from splinekan import Model, threads
from splinekan._checks import Array
from splinekan._files import replacing
from splinekan._outputs import check_outputs
from splinekan.cli.arguments import Parsers, add_table, table
from splinekan.cli.classes import classes_of, labelled, mean
from splinekan.cli.console import attempt, pour, say, versions, warnings_in_lines
from splinekan.cli.reports import names_of
from splinekan.studies.skeleton import options as known
from splinekan.tables import Table
from splinekan.tables.table import listed

ROWS = 4096
"""Number of rows that are written at a time."""
PREFIX = "predicted_"
"""Prefix of the names of outputs that are written beside the columns of the table."""


def add(commands: Parsers) -> None:
    """`splinekan predict`."""
    command = commands.add_parser("predict", help="evaluate a model at the rows of a CSV file")
    command.add_argument("model", type=known.file, metavar="MODEL", help="a file that `splinekan fit` wrote")
    command.add_argument(
        "data", type=known.file, metavar="DATA", help="a CSV file with the inputs of the model"
    )
    command.add_argument(
        "--output", type=known.file, metavar="FILE", help="write to this file instead of standard output"
    )
    command.add_argument(
        "--append", action="store_true", help="write the columns of DATA, unchanged, as well"
    )
    command.add_argument("--labels", action="store_true", help="write the most probable label as well")
    command.add_argument(
        "--raw", action="store_true", help="write the outputs of the network, not probabilities or counts"
    )
    add_table(command)
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--force", action="store_true", help="overwrite an existing file")
    command.set_defaults(execute=run)


def run(options: argparse.Namespace) -> int:
    """Predict and write, and return the exit status."""
    from splinekan.io import load

    check_outputs(
        {"--output": options.output}, options.force, {"model": options.model, "table": options.data}
    )
    model = load(options.model)
    classes = classes_of(model) if options.labels else ()
    with warnings_in_lines():
        with table(options.data, options) as opened:
            inputs = positions(opened, model)
            kept = tuple(range(len(opened.names))) if options.append else ()
            names = _header(opened, model, options)
            columns = opened.read(inputs, texts=kept)
        g = model(columns.numbers)
    expected = mean(model, g)
    values = g if options.raw else expected
    _finite(values, options.raw)
    labels = labelled(expected, classes) if classes else None
    failed = 0
    if options.output is not None:
        failed = attempt(options.output, lambda: _write(options.output, names, columns.texts, values, labels))
    elif not options.json:
        return pour(_pieces(names, columns.texts, values, labels))
    if not options.json:
        return failed
    record = {"model": str(options.model), "data": str(options.data), "rows": len(values)}
    record |= {"columns": list(names), "versions": versions(), "threads": threads()}
    if options.output is None:
        record["predictions"] = values.tolist()
        if labels is not None:
            record["labels"] = labels
    return failed or say(json.dumps(record, allow_nan=False))


def positions(opened: Table, model: Model, others: tuple[int, ...] = ()) -> tuple[int, ...]:
    """The columns of the model's inputs: by name, or by position if there are no names.

    Without names all columns but the `others` are inputs, in their order.

    Raises
    ------
    ValueError
        For missing names, another number of columns, and columns x1, x2, ... in another order.
    """
    left = tuple(p for p in range(len(opened.names)) if p not in others)
    n = len(left)
    by_name = model.names is not None and (opened.header or set(model.names) <= set(opened.names))
    if by_name and model.names is not None:
        missing = [name for name in model.names if name not in opened.names]
        if len(missing) > 1:
            raise ValueError(
                f"{opened.name} lacks the columns {listed(missing)}; it has {listed(opened.names)}"
            )
        return tuple(opened.position(name, "input of the model") for name in model.names)
    if n != model.n_in:
        why = "the table has no header" if model.names is not None else "the model has no names"
        inputs, _ = names_of(model)
        raise ValueError(
            f"{opened.name} must have {model.n_in} columns, {listed(inputs)}, for {why}; it has {n}"
        )
    found, (inputs, _) = tuple(opened.names[p] for p in left), names_of(model)
    if opened.header and model.names is None and found != tuple(inputs) and set(found) == set(inputs):
        raise ValueError(
            f"{opened.name} has the columns {listed(found)}, and inputs of a model without names are taken "
            "by position: put the columns in the order of the inputs, or rename them"
        )
    return left


def _header(opened: Table, model: Model, options: argparse.Namespace) -> tuple[str, ...]:
    """The names of all columns that are written."""
    _, outputs = names_of(model)
    before = opened.names if options.append else ()
    names = [*before, *(f"{PREFIX}{name}" if options.append else name for name in outputs)]
    names += ["label"] * options.labels
    added = names[len(before) :]
    twice = next((name for name in added if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two columns would be named {twice!r}: rename the column of {opened.name}")
    return tuple(names)


def _finite(values: Array, raw: bool) -> None:
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if bad.size:
        hint = "" if raw else "; --raw writes the outputs of the network"
        raise ValueError(f"the prediction of row {int(bad[0]) + 1} is beyond the range of float64{hint}")


def _pieces(
    names: Sequence[str], texts: Sequence[Sequence[str]], values: Array, labels: Sequence[str] | None
) -> Iterator[str]:
    """A CSV file in pieces; numbers have 17 digits, so that they are read back bit for bit."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    for start in range(0, len(values), ROWS):
        numbers = [[f"{value:.17g}" for value in row] for row in values[start : start + ROWS].tolist()]
        for i, row in enumerate(numbers, start):
            label = [] if labels is None else [labels[i]]
            writer.writerow([*(column[i] for column in texts), *row, *label])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _write(
    path: Path,
    names: Sequence[str],
    texts: Sequence[Sequence[str]],
    values: Array,
    labels: Sequence[str] | None,
) -> None:
    with replacing(path) as file:
        for piece in _pieces(names, texts, values, labels):
            file.write(piece.encode())
