"""The `splinekan` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from splinekan import threads
from splinekan.cli import export, fit, predict, show, spectra, studies
from splinekan.cli.console import REFUSALS, complain, flush, line, say, versions


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of the command.

    0 on success; 2 if something was refused or could not be written, with a line on standard error; 130 after
    an interrupt; 141 if the reader of the output is gone.
    """
    folder = None
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["theory"]:  # has a parser of its own, and brings sympy
            return _theory(words[1:]) or flush()
        options = parser().parse_args(words)
        folder = getattr(options, "checkpoints", None)
        threads()  # SPLINEKAN_NUM_THREADS may be wrong
        status: int = options.execute(options)
    except SystemExit:  # of argparse, which has printed the reason
        flush()
        raise
    except KeyboardInterrupt:
        goes_on = "" if folder is None else f"; the same command goes on with the checkpoints in {folder}"
        complain(f"interrupted{goes_on}")
        return 130
    except REFUSALS as error:
        complain(line(error))
        return 2
    return status or flush()


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    top = argparse.ArgumentParser(prog="splinekan", description="Spline Kolmogorov-Arnold networks.")
    commands = top.add_subparsers(dest="command", required=True)
    fit.add(commands)
    predict.add(commands)
    show.add(commands)
    export.add(commands)
    spectra.add(commands)
    studies.add_study(commands)
    studies.add_figure(commands)
    commands.add_parser("theory", help="verify the theorems in exact arithmetic")
    commands.add_parser("info", help="versions and threads").set_defaults(execute=_info)
    return top


def _info(_: argparse.Namespace) -> int:
    lines = {**versions(), "threads": str(threads())}
    return say("\n".join(f"{name:<12} {text}" for name, text in lines.items()))


def _theory(words: Sequence[str]) -> int:
    from splinekan_theory.command import main as verify

    status: int = verify(words, prog="splinekan theory")
    return status
