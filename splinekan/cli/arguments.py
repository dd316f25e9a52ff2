"""The common part of `fit` and `predict`: how a table is named and read."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from splinekan.tables import Table, opened
from splinekan.tables.layout import SEPARATORS

Parsers = Any
"""The result of `add_subparsers`."""


def separator(text: str) -> str:
    """A separator on the command line: a word, or the character itself."""
    words = {**SEPARATORS, **{mark: mark for mark in SEPARATORS.values()}, "\\t": "\t"}
    if text not in words:
        raise argparse.ArgumentTypeError(f"must be comma, semicolon or tab, got {text!r}")
    return words[text]


def add_table(command: Any) -> None:
    """The options for the format of a table."""
    command.add_argument(
        "--separator",
        type=separator,
        help="comma, semicolon or tab; detected from the first lines by default",
    )
    command.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether the first line holds names; by default, if none of its cells is a number",
    )


def table(path: Path, options: argparse.Namespace) -> AbstractContextManager[Table]:
    """The table at `path`, opened."""
    return opened(path, separator=options.separator, header=options.header)
