"""Options of the command line, as data: a study lists the options that its `run` takes."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from splinekan._files import as_path


def folder(text: str) -> Path:
    """A file or a folder on the command line."""
    try:
        return as_path("the path", text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def file(text: str) -> Path:
    """A file on the command line."""
    if text.endswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is a folder: name a file")
    return folder(text)


@dataclass(frozen=True)
class Option:
    """An option of a command. Without it the argument keeps its default.

    Attributes
    ----------
    flag
        As typed.
    argument
        The keyword argument that it sets.
    keywords
        Keyword arguments of `argparse.ArgumentParser.add_argument`.
    """

    flag: str
    argument: str
    keywords: Mapping[str, Any] = field(default_factory=dict)

    def add_to(self, parser: Any) -> None:
        """Declare the option."""
        parser.add_argument(self.flag, dest=self.argument, default=None, **self.keywords)

    def helped(self, text: str) -> Option:
        """The same option with another help text."""
        return replace(self, keywords={**self.keywords, "help": text})

    def words(self, value: Any) -> list[str]:
        """The option as typed."""
        if value is True:
            return [self.flag]
        values = value if isinstance(value, (list, tuple)) else [value]
        return [self.flag, *map(str, values)]


QUICK = Option("--quick", "quick", {"action": "store_true"})
FULL = Option("--full", "full", {"action": "store_true"})
SEEDS = Option("--seeds", "seeds", {"type": int, "nargs": "+", "metavar": "SEED"})
SAMPLES = Option("--samples", "samples", {"type": int, "metavar": "N"})
ROWS = Option("--rows", "rows", {"nargs": "+", "metavar": "NAME", "help": "these rows of the table only"})
CHECKPOINT = Option(
    "--checkpoint",
    "checkpoints",
    {
        "type": folder,
        "metavar": "DIR",
        "help": "write to this folder after every run, and go on from what it holds",
    },
)
WORKERS = Option(
    "--workers",
    "workers",
    {"type": int, "metavar": "N", "help": "carry out the runs on N processes of this machine"},
)
SCHEDULER = Option(
    "--scheduler",
    "scheduler",
    {"metavar": "ADDRESS", "help": "carry out the runs on a running Dask cluster, tcp://HOST:PORT"},
)
EVERYWHERE = (CHECKPOINT, WORKERS, SCHEDULER)
"""The options of all studies, which do not change any number."""


def given(options: Iterable[Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments whose options were given; 0 is a value."""
    named = {option.argument: values.get(option.argument) for option in options}
    return {name: value for name, value in named.items() if value is not None}


def typed(options: Iterable[Option], values: Mapping[str, Any]) -> str:
    """The options that were given, as typed; without those that change no number."""
    words = []
    silent = {option.argument for option in EVERYWHERE}
    for option in options:
        value = values.get(option.argument)
        if value is not None and value is not False and option.argument not in silent:
            words += option.words(value)
    return " ".join(words)
