"""`splinekan spectra`: eigenvalues of a model's curvature on a table."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from splinekan import Model, threads
from splinekan._checks import Float64Array, integer
from splinekan._files import write_json
from splinekan._outputs import check_outputs
from splinekan.cli.arguments import Parsers, add_table, table
from splinekan.cli.classes import mean
from splinekan.cli.console import attempt, say, versions, warnings_in_lines
from splinekan.cli.predict import positions
from splinekan.fitting.named_losses import LOSSES, ROBUST
from splinekan.model.record import LIKELIHOODS
from splinekan.objectives import DataLoss
from splinekan.studies.skeleton import options as known
from splinekan.tables import Table

BASES = {"spline": ("spline",), "relu": ("relu",), "both": ("spline", "relu")}
METHODS = ("auto", "dense", "lanczos")
MATRICES = ("gauss-newton", "hessian")


def add(commands: Parsers) -> None:
    """`splinekan spectra`."""
    command = commands.add_parser("spectra", help="print eigenvalues of a model's curvature on a table")
    command.add_argument("model", type=known.file, metavar="MODEL", help="a file that `splinekan fit` wrote")
    command.add_argument(
        "data", type=known.file, metavar="DATA", help="a CSV file with the inputs of the model"
    )
    command.add_argument(
        "--target",
        action="append",
        metavar="COLUMN",
        help="a column of targets, one for each output; needed for the Hessian only",
    )
    command.add_argument("--basis", choices=tuple(BASES), default="both", help="by default both")
    command.add_argument(
        "--matrix", choices=MATRICES, default="gauss-newton", help="the matrix, by default gauss-newton"
    )
    command.add_argument(
        "--method",
        choices=METHODS,
        default="auto",
        help="dense decompositions, or Lanczos with products; by default chosen by size",
    )
    command.add_argument("--layers", action="store_true", help="print the blocks of all layers as well")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the probes, by default 0")
    add_table(command)
    command.add_argument("--figure", type=known.file, metavar="FILE", help="write a figure, PNG or PDF")
    command.add_argument("--pdf", type=known.file, metavar="FILE", help="write a figure as PDF")
    command.add_argument("--json", type=known.file, metavar="FILE", help="write all numbers")
    command.add_argument("--force", action="store_true", help="overwrite existing files")
    command.set_defaults(execute=run)


def run(options: argparse.Namespace) -> int:
    """Compute, print and write, and return the exit status."""
    from splinekan.io import load
    from splinekan.spectra import spectra_by_level

    integer("--seed", options.seed, low=0)
    figures = {"--figure": options.figure, "--pdf": options.pdf}
    if options.pdf is not None and options.pdf.suffix.lower() != ".pdf":
        raise ValueError(f"--pdf {options.pdf} must end in .pdf")
    check_outputs(
        {**figures, "--json": options.json}, options.force, {"model": options.model, "table": options.data}
    )
    model = load(options.model)
    _check_loss(model, options)
    _check_basis(model, options)
    with warnings_in_lines():
        with table(options.data, options) as opened:
            x, y = _read(opened, model, options)
        objective = _objective(model, x, y)
        found = spectra_by_level(
            model,
            objective,
            BASES[options.basis],
            matrix=options.matrix,
            method=options.method,
            layers=options.layers,
            seed=options.seed,
        )
    writers: dict[Path, Callable[[], object]] = {}
    for path in figures.values():
        if path is not None:
            writers[path] = partial(_draw, found, path, options.model.name)
    if options.json is not None:
        record: dict[str, Any] = {"model": str(options.model), "data": str(options.data), "rows": len(x)}
        record |= {**found.to_dict(), "versions": versions(), "threads": threads()}
        writers[options.json] = partial(write_json, options.json, record)
    failed = max([attempt(path, write) for path, write in writers.items()], default=0)
    printed = say(found.table())
    return failed or printed


def _check_loss(model: Model, options: argparse.Namespace) -> None:
    """Refuse, before the table is read, models whose curvature their file does not determine."""
    if model.features is not None:
        raise ValueError("the model solves a differential equation: use splinekan.spectra_by_level in Python")
    loss = "squared" if model.record is None else model.record.loss
    if loss not in ("squared", *LIKELIHOODS):
        widths = "whose width" if loss in ROBUST else "which"
        raise ValueError(
            f"{options.model} was fitted with the loss {loss!r}, {widths} the file does not hold: use "
            "splinekan.spectra_by_level in Python"
        )
    if options.target is None:
        if options.matrix == "hessian":
            raise ValueError("--matrix hessian needs --target: the Hessian depends on the residuals")
    elif loss in ("logistic", "softmax"):
        raise ValueError(f"--target must be left out for the loss {loss!r}: J^T J depends on no labels")
    elif len(options.target) != model.n_out:
        raise ValueError(f"--target must be given {model.n_out} times, got {len(options.target)}")


def _check_basis(model: Model, options: argparse.Namespace) -> None:
    """Refuse knots without power ReLUs (repeated, periodic, of several variables) where these are wanted."""
    from splinekan.spectra.coordinates import coordinates

    if "relu" in BASES[options.basis]:
        try:
            coordinates(model.network.with_basis("spline"), "relu")
        except ValueError as error:
            raise ValueError(f"{error}; --basis spline leaves this basis out") from None


def _read(
    opened: Table, model: Model, options: argparse.Namespace
) -> tuple[Float64Array, Float64Array | None]:
    """The inputs, and the targets if any are named."""
    targets = tuple(opened.position(name, "--target") for name in options.target or ())
    inputs = positions(opened, model, others=targets)
    numbers = opened.read((*inputs, *targets)).numbers
    return numbers[:, : len(inputs)], numbers[:, len(inputs) :] if targets else None


def _objective(model: Model, x: Float64Array, y: Float64Array | None) -> DataLoss:
    """The mean loss; without targets the model's own values, on which J^T J does not depend."""
    loss = LOSSES["squared" if model.record is None else model.record.loss]
    if y is None:
        y = np.asarray(mean(model, model(x)), dtype=np.float64)
    return DataLoss(model.network, x, y, reduction="mean", loss=loss)


def _draw(found: Any, path: Path, name: str) -> None:
    from splinekan import plots

    plots.save(found.plot().figure, path, f"Spectra of {name}")
