"""`splinekan fit`: a model from a table."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from splinekan import Model, fitting
from splinekan._checks import Float64Array, integer, real
from splinekan._files import write_json
from splinekan._outputs import check_outputs
from splinekan.cli.arguments import Parsers, add_table, table
from splinekan.cli.classes import LABELLED, Targets, encoded, mean, remembered
from splinekan.cli.console import attempt, note, progress, say, warnings_in_lines
from splinekan.cli.reports import described, errors, losses
from splinekan.studies.skeleton import options as known
from splinekan.tables import Table

LOSSES = ("squared", "huber", "logistic", "softmax", "poisson", "quantile")


class Roles(NamedTuple):
    """Positions of columns."""

    inputs: tuple[int, ...]
    targets: tuple[int, ...]
    weights: tuple[int, ...]


class Data(NamedTuple):
    """The data to which a model is fitted."""

    x: Float64Array
    targets: Targets
    weights: Float64Array | None
    inputs: tuple[str, ...]
    header: bool


def add(commands: Parsers) -> None:
    """`splinekan fit`."""
    command = commands.add_parser("fit", help="fit a model to the columns of a CSV file")
    command.add_argument("data", type=known.file, metavar="DATA", help="a CSV file")
    command.add_argument(
        "--target",
        action="append",
        required=True,
        metavar="COLUMN",
        help="the column to fit; repeat for several. Without a header, columns are numbered from 1",
    )
    columns = command.add_mutually_exclusive_group()
    columns.add_argument(
        "--inputs", nargs="+", metavar="COLUMN", help="the inputs; all other columns by default"
    )
    columns.add_argument(
        "--drop", nargs="+", default=[], metavar="COLUMN", help="columns that are not inputs"
    )
    command.add_argument("--weights", metavar="COLUMN", help="weights of the rows")
    command.add_argument("--hidden", type=int, nargs="*", metavar="N", help="widths of the hidden layers")
    command.add_argument(
        "--degree", type=int, default=3, metavar="K", help="degree of the splines, by default 3"
    )
    command.add_argument("--loss", choices=LOSSES, default="squared", help="the loss, by default squared")
    command.add_argument(
        "--held-out", type=float, metavar="SHARE", help="share of the rows held out to compare levels"
    )
    command.add_argument(
        "--levels",
        type=int,
        metavar="N",
        help="largest number of levels, 1 for the coarsest splines; by default as many as pay off",
    )
    command.add_argument(
        "--smoothing",
        type=float,
        metavar="X",
        help="weight of slopes and bending; chosen from the data by default",
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the starts, by default 0")
    add_table(command)
    command.add_argument("--output", type=known.file, metavar="FILE", help="write the model, MODEL.npz")
    command.add_argument("--figure", type=known.file, metavar="FILE", help="write a figure of the model")
    command.add_argument("--json", type=known.file, metavar="FILE", help="write errors, choices and trials")
    command.add_argument("--force", action="store_true", help="overwrite existing files")
    command.set_defaults(execute=run)


def run(options: argparse.Namespace) -> int:
    """Fit, print and write, and return the exit status."""
    outputs = {"--output": options.output, "--figure": options.figure, "--json": options.json}
    check_outputs(outputs, options.force, {"table": options.data})
    arguments = _arguments(options)
    with warnings_in_lines():
        with table(options.data, options) as opened:
            data = _read(opened, options)
        model = fitting.fit(
            data.x,
            data.targets.y,
            sample_weight=data.weights,
            names=data.inputs,
            output_names=data.targets.names,
            progress=progress(),
            **arguments,
        )
        model = remembered(model, options.target[0], data.targets.classes)
        expected = mean(model, model(data.x))
    found = errors(model, expected, data.targets.y, data.targets.classes)
    writers: dict[Path, Callable[[], object]] = {}
    if options.output is not None:
        writers[options.output] = partial(_save, model, options.output, options.force)
    if options.figure is not None:
        writers[options.figure] = partial(_draw, model, data.x, options.figure, options.data)
    if options.json is not None:
        record = {
            "data": str(options.data),
            "rows": len(data.x),
            "targets": options.target,
            "options": arguments,
            "errors": found,
            **described(model),
        }
        writers[options.json] = partial(write_json, options.json, record)
    failed = max([attempt(path, write) for path, write in writers.items()], default=0)
    if options.output is None:
        note("the model is not saved: give --output FILE")
    # The results are printed even if writing the files fails.
    printed = say(_summary(model, len(data.x), found))
    return failed or printed


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Arguments of `fit`, refused before the table is read."""
    integer("--degree", options.degree, low=1, high=7)
    integer("--seed", options.seed, low=0)
    for width in options.hidden or ():
        integer("--hidden", width, low=1)
    if options.levels is not None:
        integer("--levels", options.levels, low=1)
    if options.smoothing is not None:
        real("--smoothing", options.smoothing, low=0.0)
    if options.held_out is not None and not 0 < real("--held-out", options.held_out) < 1:
        raise ValueError(f"--held-out must lie between 0 and 1, got {options.held_out}")
    named = ("degree", "loss", "held_out", "levels", "smoothing", "seed")
    hidden = None if options.hidden is None else tuple(options.hidden)
    return {"hidden": hidden, **{name: getattr(options, name) for name in named}}


def _read(opened: Table, options: argparse.Namespace) -> Data:
    roles = _roles(opened, options)
    names = opened.names
    labels = roles.targets if options.loss in LABELLED and len(roles.targets) == 1 else ()
    numeric = (*roles.inputs, *(() if labels else roles.targets), *roles.weights)
    advice = (
        {}
        if options.inputs
        else {p: f"; leave the column out with --drop {shlex.quote(names[p])}" for p in roles.inputs}
    )
    if len(roles.targets) == 1:
        advice |= dict.fromkeys(roles.targets, "; labels are fitted with --loss softmax or logistic")
    columns = opened.read(numeric, labels, advice=advice)
    n_inputs, weighted = len(roles.inputs), len(roles.weights)
    x = columns.numbers[:, :n_inputs]
    weights = columns.numbers[:, -1] if weighted else None
    outputs = (
        tuple(names[p] for p in roles.targets)
        if opened.header
        else tuple("y" if len(roles.targets) == 1 else f"y{i + 1}" for i in range(len(roles.targets)))
    )
    if labels:
        targets = encoded(options.loss, outputs[0], columns.texts[0])
    else:
        targets = Targets(columns.numbers[:, n_inputs : n_inputs + len(roles.targets)], outputs)
    return Data(x, targets, weights, tuple(names[p] for p in roles.inputs), opened.header)


def _roles(opened: Table, options: argparse.Namespace) -> Roles:
    """The positions of all columns that are named, each of them once."""
    targets = tuple(opened.position(name, "--target") for name in options.target)
    weights = () if options.weights is None else (opened.position(options.weights, "--weights"),)
    if options.inputs is not None:
        inputs = tuple(opened.position(name, "--inputs") for name in options.inputs)
    else:
        dropped = {p for name in options.drop for p in _all(opened, name)}
        for p in (*targets, *weights):
            if p in dropped:
                raise ValueError(f"--drop: the column {opened.names[p]!r} is used")
        taken = {*dropped, *targets, *weights}
        inputs = tuple(p for p in range(len(opened.names)) if p not in taken)
        for p in inputs:
            _usable(opened, p)
    if not inputs:
        raise ValueError(f"{opened.name} has no columns left for the inputs")
    every = (*inputs, *targets, *weights)
    if len(set(every)) < len(every):
        twice = next(opened.names[p] for p in every if every.count(p) > 1)
        raise ValueError(f"the column {twice!r} is named twice: as target, input or weights")
    return Roles(inputs, targets, weights)


def _all(opened: Table, name: str) -> list[int]:
    """The positions of all columns of that name, of which there must be some."""
    return [p for p, each in enumerate(opened.names) if each == name] or [opened.position(name, "--drop")]


def _usable(opened: Table, p: int) -> None:
    """Refuse a column that cannot be distinguished from others."""
    if not opened.names[p]:
        raise ValueError(
            f"column {p + 1} of {opened.name} has no name: give --inputs, or leave it out with --drop ''"
        )
    opened.position(opened.names[p], "--inputs")


def _summary(model: Model, n: int, found: dict[str, float]) -> str:
    known_losses = losses(model)
    lines = [model.summary(), ""]
    if known_losses:
        lines.append("loss: " + ", ".join(f"{value:.4g} {name}" for name, value in known_losses.items()))
    lines += [f"{what}: {value:.4g} ({n} rows)" for what, value in found.items()]
    return "\n".join(lines)


def _save(model: Model, path: Path, force: bool) -> None:
    from splinekan.io import save

    save(path, model, force=force)


def _draw(model: Model, x: Float64Array, path: Path, data: Path) -> None:
    from splinekan import plots

    plots.save(model.plot(x), path, f"A model of {data.name}")
