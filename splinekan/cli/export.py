"""`splinekan export`: a model as a Python module that needs only NumPy."""

from __future__ import annotations

import argparse

from splinekan._files import replacing
from splinekan._outputs import check_outputs
from splinekan.cli.arguments import Parsers
from splinekan.cli.console import attempt, say
from splinekan.studies.skeleton import options as known


def add(commands: Parsers) -> None:
    """`splinekan export`."""
    command = commands.add_parser("export", help="write a model as a Python module that needs only NumPy")
    command.add_argument("model", type=known.file, metavar="MODEL", help="a file that `splinekan fit` wrote")
    command.add_argument(
        "--output", type=known.file, metavar="FILE", help="write to this file instead of standard output"
    )
    command.add_argument("--name", default="predict", help="the name of the function")
    command.add_argument("--force", action="store_true", help="overwrite an existing file")
    command.set_defaults(execute=run)


def run(options: argparse.Namespace) -> int:
    """Export, and return the exit status."""
    from splinekan.exporting import export
    from splinekan.io import load

    check_outputs({"--output": options.output}, options.force, {"model": options.model})
    source: str = export(load(options.model), "numpy", name=options.name)
    if options.output is None:
        return say(source.rstrip("\n"))

    def write() -> None:
        with replacing(options.output) as file:
            file.write(source.encode())

    return attempt(options.output, write)
