"""The page of the command: the help texts of its parsers."""

import argparse
import os
from pathlib import Path

from splinekan.cli import parser
from splinekan_theory.command import parser as theory

PAGE = Path(__file__).parent.parent / "reference" / "generated" / "command.rst"
OPENING = """The command
===========

:doc:`The guide </command-line>` explains fits and predictions for CSV files. ``--help`` after a command
prints what follows.
"""


def commands(top):
    """A parser and those of its commands."""
    yield top
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from commands(theory(each.prog) if each.prog.endswith(" theory") else each)


def section(each):
    """The help text of a command, under its name."""
    text = "".join(f"   {line}\n" for line in each.format_help().splitlines())
    return f"{each.prog}\n{'-' * len(each.prog)}\n\n.. code-block:: none\n\n{text}"


def write(app, config):
    """Write the page, if it changes."""
    os.environ["COLUMNS"] = "96"
    page = "\n".join([OPENING, *map(section, commands(parser()))])
    PAGE.parent.mkdir(exist_ok=True)
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        PAGE.write_text(page, encoding="utf-8")


def setup(app):
    app.connect("config-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
