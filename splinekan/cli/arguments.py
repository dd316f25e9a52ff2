"""What `fit` and `predict` share: how a table is named and read."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from splinekan.tables import Table, opened
from splinekan.tables.layout import SEPARATORS

Parsers = Any
"""What `add_subparsers` returns."""


def separator(text: str) -> str:
    """A separator on the command line: a word, or the character itself."""
    words = {**SEPARATORS, **{mark: mark for mark in SEPARATORS.values()}, "\\t": "\t"}
    if text not in words:
        raise argparse.ArgumentTypeError(f"must be comma, semicolon or tab, got {text!r}")
    return words[text]


def add_table(command: Any) -> None:
    """The options that say how a table is written."""
    command.add_argument(
        "--separator",
        type=separator,
        help="comma, semicolon or tab; looked for in the first lines unless given",
    )
    command.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether there are names in the first line; unless given, if none of them is a number",
    )


def table(path: Path, options: argparse.Namespace) -> AbstractContextManager[Table]:
    """The table at `path`, opened."""
    return opened(path, separator=options.separator, header=options.header)
