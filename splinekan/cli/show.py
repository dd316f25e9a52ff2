"""`splinekan show`: what a file of a model holds."""

from __future__ import annotations

import argparse
import json

from splinekan._files import finite_or_none
from splinekan._outputs import check_outputs
from splinekan.cli.arguments import Parsers
from splinekan.cli.console import attempt, say, warnings_in_lines
from splinekan.cli.reports import described
from splinekan.studies.skeleton import options as known


def add(commands: Parsers) -> None:
    """`splinekan show`."""
    command = commands.add_parser("show", help="the layers of a model, and how it was fitted")
    command.add_argument("model", type=known.file, metavar="MODEL", help="a file that `splinekan fit` wrote")
    command.add_argument("--figure", type=known.file, metavar="FILE", help="write a figure of the model")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--force", action="store_true", help="overwrite an existing file")
    command.set_defaults(execute=run)


def run(options: argparse.Namespace) -> int:
    """Print and draw; the exit status."""
    from splinekan.io import load

    check_outputs({"--figure": options.figure}, options.force, {"model": options.model})
    model = load(options.model)
    failed = 0
    if options.figure is not None:
        from splinekan import plots

        title = f"The model {options.model.name}"
        with warnings_in_lines():
            failed = attempt(options.figure, lambda: plots.save(model.plot(), options.figure, title))
    if options.json:
        text = json.dumps(finite_or_none(described(model)), indent=2, allow_nan=False)
    else:
        text = model.summary()
    return failed or say(text)
