"""The `splinekan` command, built from the registry of studies and figures."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from splinekan import __version__, threads
from splinekan._files import write_json
from splinekan._outputs import check_checkpoints, check_outputs, refuse_existing
from splinekan.studies.registry import FIGURES, STUDIES, figure
from splinekan.studies.skeleton import options as known

REFUSALS = (ValueError, TypeError, OSError, MemoryError, RecursionError)
"""Errors that end in a line. UnicodeError is a ValueError."""
BROKEN_PIPE = 141
"""The status that shells report of a program that SIGPIPE ended."""
FIGURE_OPTIONS = (
    known.SEEDS.helped("of the figure's study"),
    known.ROWS.helped("these rows of the figure's study only"),
    known.CHECKPOINT.helped("a folder as of `splinekan study`: runs that it holds are not computed again"),
)
Parsers = Any
"""What `add_subparsers` returns."""


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    packages = ("numpy", "scipy", "numba", "sympy", "matplotlib")
    return {
        "splinekan": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of the command.

    0 if all went well; 2 if something was refused or could not be written, with a line on standard error; 130
    after an interrupt; 141 if the reader of the output is gone.
    """
    folder = None
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["theory"]:  # has a parser of its own, and brings sympy
            return _theory(words[1:]) or _flush()
        options = parser().parse_args(words)
        folder = getattr(options, "checkpoints", None)
        threads()  # SPLINEKAN_NUM_THREADS may be wrong
        status: int = options.execute(options)
    except SystemExit:  # of argparse, which has printed the reason
        _flush()
        raise
    except KeyboardInterrupt:
        goes_on = "" if folder is None else f"; the same command goes on with the checkpoints in {folder}"
        _complain(f"interrupted{goes_on}")
        return 130
    except REFUSALS as error:
        _complain(_line(error))
        return 2
    return status or _flush()


def parser() -> argparse.ArgumentParser:
    """The parser of the command, with a subcommand for every study of the registry."""
    top = argparse.ArgumentParser(prog="splinekan", description="Spline Kolmogorov-Arnold networks.")
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("info", help="versions and threads").set_defaults(execute=_info)
    commands.add_parser("theory", help="verify the theorems in exact arithmetic")
    study = commands.add_parser("study", help="run an experiment")
    studies = study.add_subparsers(dest="study", required=True)
    for name, entry in STUDIES.items():
        command = studies.add_parser(name, help=entry.help)
        for option in entry.all_options:
            option.add_to(command)
        command.add_argument("--json", type=known.file, metavar="FILE", help="write the tables' figures")
        if entry.figure:
            command.add_argument("--figure", type=known.file, metavar="FILE", help="write the figure")
        command.add_argument("--force", action="store_true", help="overwrite existing files")
        command.set_defaults(execute=_study)
    _add_figure(commands)
    return top


def _add_figure(commands: Parsers) -> None:
    command = commands.add_parser(
        "figure", help="make a figure of the paper, or of ours; without a name, list them"
    )
    command.add_argument("name", nargs="?", metavar="NAME", help="a figure's name, or all")
    command.add_argument(
        "--output",
        type=known.folder,
        metavar="FILE",
        help="a .png or .pdf file, NAME.png unless given; with all, a folder, figures unless given",
    )
    command.add_argument("--force", action="store_true", help="overwrite existing files")
    size = command.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", action="store_true", help="a study's quick setting, minutes at most; the default"
    )
    size.add_argument(
        "--full", action="store_true", help="a study's full setting, the paper's; may take hours"
    )
    for option in FIGURE_OPTIONS:
        option.add_to(command)
    command.set_defaults(execute=_figure)


def _info(_: argparse.Namespace) -> int:
    lines = {**versions(), "threads": str(threads())}
    return _say("\n".join(f"{name:<12} {text}" for name, text in lines.items()))


def _theory(words: Sequence[str]) -> int:
    from splinekan_theory.report import main as verify

    status: int = verify(words, prog="splinekan theory")
    return status


def _study(options: argparse.Namespace) -> int:
    entry = STUDIES[options.study]
    path = getattr(options, "figure", None)
    check_outputs({"--json": options.json, "--figure": path}, options.force)
    check_checkpoints(getattr(options, "checkpoints", None), options.study, json=options.json, figure=path)
    chosen = known.given(entry.all_options, vars(options))
    arguments = entry.setting(chosen)
    if path is not None:
        entry.drawing().refuse(arguments)
    study = entry.module().run(**arguments, progress=_progress())
    writers: dict[Path, Callable[[], object]] = {}
    if options.json is not None:
        record = {**study.record(), "versions": versions(), "threads": threads()}
        writers[options.json] = partial(write_json, options.json, record)
    if path is not None:
        command = f"splinekan study {options.study} {known.typed(entry.all_options, chosen)}".rstrip()
        full = "quick" not in chosen if entry.quick else None
        writers[path] = partial(entry.drawing().write, study, path, command, full)
    failed = max([_attempt(target, write) for target, write in writers.items()], default=0)
    # Whatever happens to the files, the table is printed.
    printed = _say(study.table())
    return failed or printed


def _attempt(path: Path, write: Callable[[], object]) -> int:
    """Write a file and report it on standard error; the exit status."""
    try:
        write()
    except REFUSALS as error:
        _complain(_line(error))
        return 2
    _note(f"wrote {path}")
    return 0


def _figure(options: argparse.Namespace) -> int:
    from splinekan.studies.figures import check, check_setting, make
    from splinekan.studies.skeleton.figure import Setting

    if options.name is None:
        return _list_figures(options)
    setting = Setting(options.full, options.seeds, options.rows, options.checkpoints, _progress())
    if options.name == "all":
        check_setting("all", setting)
        folder = Path("figures") if options.output is None else options.output
        paths = {name: folder / f"{name}.png" for name in FIGURES}
        settings = {name: figure(name).part_of(setting) for name in FIGURES}
    else:
        paths = {options.name: Path(f"{options.name}.png") if options.output is None else options.output}
        settings = {options.name: setting}
    check_checkpoints(options.checkpoints)
    for name, path in paths.items():
        check(name, path, settings[name])
        if options.quick and options.name != "all" and "full" not in figure(name).takes:
            raise ValueError(f"--quick must not be given for figure {name}, which has one setting only")
        refuse_existing(path, options.force)
    status = 0
    for name, path in paths.items():
        status = _say(f"{path}: {make(name, path, settings[name])}") or status
    return status


def _list_figures(options: argparse.Namespace) -> int:
    names = {"checkpoints": "checkpoint"}
    given = [
        names.get(name, name)
        for name, value in vars(options).items()
        if value and name not in ("command", "execute")
    ]
    if given:
        raise ValueError(f"--{given[0]} needs a figure's name, or all")
    width = max(map(len, FIGURES))
    return _say("\n".join(f"{name:<{width}}  {figure(name).title}" for name in FIGURES))


def _progress() -> bool:
    """Bars are for terminals."""
    return sys.stderr is not None and sys.stderr.isatty()


def _say(text: str) -> int:
    """Print; the exit status."""
    if sys.stdout is None:  # closed by whoever started the command
        return 0
    try:
        print(_printable(text, sys.stdout))
    except OSError as error:
        return _unwritten(error)
    return _flush()


def _flush() -> int:
    """Now, and not when Python ends, which would complain about a broken pipe; the exit status."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        return _unwritten(error)
    return 0


def _unwritten(error: OSError) -> int:
    """Discard the rest of the output; the exit status."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    _complain(f"standard output: {_line(error)}")
    return 2


def _complain(text: str) -> None:
    """A reason, on standard error."""
    _note(f"splinekan: {text}")


def _note(text: str) -> None:
    """A line on standard error."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(_printable(text, sys.stderr), file=sys.stderr, flush=True)


def _printable(text: str, stream: Any) -> str:
    """The text, without the characters that the stream's encoding does not have: these are escaped."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _line(error: BaseException) -> str:
    """An error in one line."""
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    else:
        text = str(error)
    return " ".join(text.split()) or type(error).__name__
