"""`splinekan show`: the content of a file of a model."""

from __future__ import annotations

import argparse
import json
from typing import Any

from splinekan._files import finite_or_none
from splinekan._outputs import check_outputs
from splinekan.cli.arguments import Parsers
from splinekan.cli.console import attempt, say, warnings_in_lines
from splinekan.cli.reports import described
from splinekan.studies.skeleton import options as known


def add(commands: Parsers) -> None:
    """`splinekan show`."""
    command = commands.add_parser("show", help="print the layers of a model, and how it was fitted")
    command.add_argument("model", type=known.file, metavar="MODEL", help="a file that `splinekan fit` wrote")
    command.add_argument("--figure", type=known.file, metavar="FILE", help="write a figure of the model")
    command.add_argument(
        "--formula",
        action="store_true",
        help="find formulas that explain the model, print them, and show them in the figure",
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--force", action="store_true", help="overwrite an existing file")
    command.set_defaults(execute=run)


def run(options: argparse.Namespace) -> int:
    """Print and draw, and return the exit status."""
    from splinekan.io import load

    check_outputs({"--figure": options.figure}, options.force, {"model": options.model})
    model = load(options.model)
    failed, found = 0, None
    lines: tuple[Any, ...] = ()
    if options.formula:
        from splinekan.formulas.reading import explained, is_formula, read

        found = None if is_formula(model) else explained(model)
        lines = read(model, found)
    if options.figure is not None:
        from splinekan import plots

        drawing = (options.formula if found is None else found) or False
        title = f"The model {options.model.name}"
        with warnings_in_lines():
            failed = attempt(
                options.figure, lambda: plots.save(model.plot(formula=drawing), options.figure, title)
            )
    if options.json:
        content = described(model)
        if options.formula:
            content["formulas"] = [{"name": n, "formula": str(e), "grid_error": d} for n, e, d in lines]
        text = json.dumps(finite_or_none(content), indent=2, allow_nan=False)
    else:
        text = model.summary()
        if options.formula:
            report = str(found) if found is not None else "\n".join(line.plain for line in lines)
            text = f"{text}\n\nFormulas\n{report}"
    return failed or say(text)
