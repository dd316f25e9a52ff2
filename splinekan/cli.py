"""The `splinekan` command."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from splinekan import __version__, threads
from splinekan._files import as_path, check_writable, destination, same_file, write_json

BOUNDARY_VALUE_PROBLEMS = (
    "poisson",
    "interface",
    "helmholtz",
    "advection",
    "burgers",
    "allen-cahn",
    "kdv",
)
"""As `splinekan.studies.pde` knows them; written here, because importing it takes a second."""


def versions() -> dict[str, str]:
    """Versions of Python and of what the numbers depend on."""
    packages = ("numpy", "scipy", "numba", "sympy", "matplotlib")
    return {
        "splinekan": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


REFUSALS = (ValueError, TypeError, OSError, MemoryError, RecursionError)
"""Errors that end in one line. UnicodeError is a ValueError."""
BROKEN_PIPE = 141
"""The status that shells report of a program that SIGPIPE ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status.

    0 if all went well; 2 if something was refused or could not be written, with a line on standard error; 130
    after an interrupt; 141 if nobody reads the output any more.
    """
    try:
        status = _main(arguments)
    except SystemExit:  # of argparse, which has said why
        _flush()
        raise
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    except REFUSALS as error:
        _complain(_line(error))
        return 2
    return status or _flush()


def _main(arguments: Sequence[str] | None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["theory"]:  # has a parser of its own, and brings sympy
        from splinekan_theory.report import main as verify

        status: int = verify(arguments[1:], prog="splinekan theory")
        return status
    parser = argparse.ArgumentParser(prog="splinekan", description="Spline Kolmogorov-Arnold networks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("info", help="versions and threads")
    commands.add_parser("theory", help="verify the theorems in exact arithmetic")
    study = commands.add_parser("study", help="run an experiment")
    studies = study.add_subparsers(dest="study", required=True)
    regression = studies.add_parser(
        "regression", help="multilevel against single-level training on a regression problem"
    )
    regression.add_argument(
        "--quick", action="store_true", help="4000 samples, two seeds unless given, no perceptrons"
    )
    regression.add_argument("--seeds", type=int, nargs="+", metavar="SEED")
    regression.add_argument("--samples", type=int, metavar="N")
    regression.add_argument("--start", choices=("rough", "smooth"), default="rough")
    regression.add_argument("--rows", nargs="+", metavar="NAME", help="these rows of the table only")
    _add_outputs(regression, figure=True)
    toy = studies.add_parser("toy", help="exp(sin(pi x) + y^2) to six digits, from 2 to 64 intervals")
    toy.add_argument("--seeds", type=int, nargs="+", metavar="SEED")
    toy.add_argument("--samples", type=int, metavar="N", default=4096)
    _add_outputs(toy)
    functions = studies.add_parser("functions", help="special functions and formulas of physics, a table")
    functions.add_argument("--names", nargs="+", metavar="NAME", help="these functions only")
    functions.add_argument("--seeds", type=int, nargs="+", metavar="SEED")
    functions.add_argument("--samples", type=int, metavar="N", default=4096)
    _add_outputs(functions)
    robustness = studies.add_parser("robustness", help="other seeds, other angles, other targets")
    robustness.add_argument("--targets", nargs="+", metavar="NAME", help="these targets only")
    robustness.add_argument("--samples", type=int, metavar="N", default=20_000)
    _add_outputs(robustness)
    complementarity = studies.add_parser(
        "complementarity", help="where updates go after a refinement, and what sweeps reduce"
    )
    complementarity.add_argument(
        "--quick", action="store_true", help="4000 samples, two seeds unless given, two degrees"
    )
    complementarity.add_argument("--seeds", type=int, nargs="+", metavar="SEED")
    complementarity.add_argument("--samples", type=int, metavar="N")
    _add_outputs(complementarity, figure=True)
    conditioning = studies.add_parser(
        "conditioning", help="condition numbers against intervals, spectra by level and basis"
    )
    conditioning.add_argument("--quick", action="store_true", help="two degrees, fewer and smaller sizes")
    _add_outputs(conditioning, figure=True)
    for name in BOUNDARY_VALUE_PROBLEMS:
        one = studies.add_parser(
            name, help="a differential equation, by Adam where the paper does, and Gauss-Newton"
        )
        one.add_argument("--quick", action="store_true", help="one seed, fewer rows, a tenth of the epochs")
        one.add_argument("--seeds", type=int, nargs="+", metavar="SEED")
        one.add_argument("--rows", nargs="+", metavar="NAME", help="these rows of the table only")
        one.add_argument(
            "--checkpoint",
            type=_folder,
            metavar="DIR",
            help="write to this folder after every level, and go on from what it holds",
        )
        _add_outputs(one, figure=True)
    _add_figure(commands)
    options = parser.parse_args(arguments)
    threads()  # SPLINEKAN_NUM_THREADS may be wrong
    if options.command == "info":
        return _info()
    if options.command == "figure":
        return _figure(options)
    known = {
        "regression": _regression,
        "toy": _toy,
        "functions": _functions,
        "robustness": _robustness,
        "conditioning": _conditioning,
        "complementarity": _complementarity,
    }
    _check_outputs(options)
    return known.get(options.study, _pde)(options)


def _path(text: str) -> Path:
    """A file on the command line."""
    if text.endswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is a folder: name a file")
    return _folder(text)


def _folder(text: str) -> Path:
    """A file or a folder on the command line."""
    try:
        return as_path("the path", text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_outputs(study: Any, figure: bool = False) -> None:
    """What a study can leave behind."""
    study.add_argument("--json", type=_path, metavar="FILE", help="write the tables' figures")
    if figure:
        study.add_argument("--figure", type=_path, metavar="FILE", help="write the figure")
    study.add_argument("--force", action="store_true", help="overwrite existing files")


def _add_figure(commands: Any) -> None:
    """The parser of `splinekan figure`."""
    figure = commands.add_parser(
        "figure", help="make a figure of the paper, or of ours; without a name, list them"
    )
    figure.add_argument("name", nargs="?", metavar="NAME", help="a figure's name, or all")
    figure.add_argument(
        "--output",
        type=_folder,
        metavar="FILE",
        help="a .png or .pdf file, NAME.png unless given; with all, a folder, figures unless given",
    )
    figure.add_argument("--force", action="store_true", help="overwrite existing files")
    size = figure.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", action="store_true", help="a study's quick setting, minutes at most; the default"
    )
    size.add_argument(
        "--full", action="store_true", help="a study's full setting, the paper's; may take hours"
    )
    figure.add_argument("--seeds", type=int, nargs="+", metavar="SEED", help="of the figure's study")
    figure.add_argument("--rows", nargs="+", metavar="NAME", help="these rows of the figure's study only")
    figure.add_argument(
        "--checkpoint",
        type=_folder,
        metavar="DIR",
        help="a folder as of `splinekan study`: runs that it holds are not computed again",
    )


def _figure(options: argparse.Namespace) -> int:
    from splinekan.studies.figure_data import Setting
    from splinekan.studies.figures import FIGURES, check, check_setting, make

    if options.name is None:
        given = [name for name, value in vars(options).items() if value and name != "command"]
        if given:
            raise ValueError(f"--{given[0]} needs a figure's name, or all")
        width = max(map(len, FIGURES))
        return _say("\n".join(f"{name:<{width}}  {figure.title}" for name, figure in FIGURES.items()))
    setting = Setting(options.full, options.seeds, options.rows, options.checkpoint, _progress())
    if options.name == "all":
        check_setting("all", setting)
        folder = _given(options.output, Path("figures"))
        paths = {name: folder / f"{name}.png" for name in FIGURES}
        settings = {name: figure.part_of(setting) for name, figure in FIGURES.items()}
    else:
        paths = {options.name: _given(options.output, Path(f"{options.name}.png"))}
        settings = {options.name: setting}
    _check_checkpoints(options)
    for name, path in paths.items():
        check(name, path, settings[name])
        if options.quick and options.name != "all" and "full" not in FIGURES[name].takes:
            raise ValueError(f"--quick must not be given for figure {name}, which has one setting only")
        _refuse_existing(path, options.force)
    status = 0
    for name, path in paths.items():
        status = _say(f"{path}: {make(name, path, settings[name])}") or status
    return status


def _toy(options: argparse.Namespace) -> int:
    from splinekan.studies import toy

    study = toy.run(_given(options.seeds, toy.SEEDS), options.samples, progress=_progress())
    return _report(study, options)


def _functions(options: argparse.Namespace) -> int:
    from splinekan.studies import functions

    study = functions.run(
        _given(options.names, functions.NAMES),
        _given(options.seeds, functions.SEEDS),
        options.samples,
        progress=_progress(),
    )
    return _report(study, options)


def _robustness(options: argparse.Namespace) -> int:
    from splinekan.studies import robustness
    from splinekan.studies.arguments import distinct_names

    cases = dict(robustness.CASES)
    targets = distinct_names("targets", _given(options.targets, tuple(cases)), cases)
    chosen = [(name, count) for name, count in cases.items() if name in targets]
    study = robustness.run(chosen, options.samples, progress=_progress())
    return _report(study, options)


def _conditioning(options: argparse.Namespace) -> int:
    from splinekan import plots
    from splinekan.studies import conditioning

    quick = conditioning.QUICK if options.quick else {}
    study = conditioning.run(**quick, progress=_progress())
    return _report(study, options, plots.conditioning_figure)


def _complementarity(options: argparse.Namespace) -> int:
    from splinekan import plots
    from splinekan.studies import complementarity

    study = complementarity.run(
        options.seeds,
        options.samples,
        quick=options.quick,
        progress=_progress(),
    )
    return _report(study, options, plots.complementarity_figure)


def _pde(options: argparse.Namespace) -> int:
    from splinekan import plots
    from splinekan.studies import pde

    def draw(study: pde.Study, path: Path) -> None:
        plots.pde_figure(study, pde.fields(study, study.best()), study.best(), path)

    _check_checkpoints(options)
    study = pde.run(
        options.study,
        options.seeds,
        options.rows,
        quick=options.quick,
        checkpoints=options.checkpoint,
        progress=_progress(),
    )
    return _report(study, options, draw)


def _info() -> int:
    found = {**versions(), "threads": str(threads())}
    return _say("\n".join(f"{name:<12} {text}" for name, text in found.items()))


def _regression(options: argparse.Namespace) -> int:
    from splinekan import plots
    from splinekan.studies import regression

    quick = options.quick
    schedules = regression.select(options.rows, perceptrons=not quick)
    if options.figure is not None and all(schedule.kind == "mlp" for schedule in schedules):
        raise ValueError("--figure shows spline and ReLU networks, and --rows names none of them")
    study = regression.run(
        seeds=_given(options.seeds, regression.SEEDS[:2] if quick else regression.SEEDS),
        samples=_given(options.samples, 4_000 if quick else 20_000),
        schedules=schedules,
        progress=_progress(),
        start=options.start,
    )
    return _report(study, options, plots.regression_figure)


def _given(value: Any, default: Any) -> Any:
    """An option's value; 0 is a value."""
    return default if value is None else value


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse files that could not be written, or would replace each other, before a study begins."""
    figure = getattr(options, "figure", None)
    if figure is not None:
        from splinekan import plots

        plots.file_format(figure)
        plots.canvas()  # matplotlib, too, needs a folder that it can write
    paths = {"--json": options.json, "--figure": figure}
    outputs = {name: path for name, path in paths.items() if path is not None}
    if len(outputs) == 2 and same_file(*outputs.values()):
        raise ValueError(f"--json {options.json} and --figure {figure} are the same file: name two")
    for name, path in outputs.items():
        _refuse_existing(path, options.force)
        check_writable(path)
        if any(_goes_to(stream, path) for stream in (sys.stdout, sys.stderr)):
            raise ValueError(f"{name} {path} is where the output goes: name another file")


def _check_checkpoints(options: argparse.Namespace) -> None:
    """Refuse checkpoints in a file, and outputs that would replace a checkpoint."""
    folder = options.checkpoint
    if folder is None:
        return
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--checkpoint {folder} is not a folder")
    for name in ("json", "figure"):
        path = getattr(options, name, None)
        if path is None or not same_file(path.parent, folder):
            continue
        if re.fullmatch(rf"{options.study}-.*-\d+\.(json|lock)", path.name):
            raise ValueError(f"--{name} {path} has the name of a checkpoint: name another file")


def _refuse_existing(path: Path, force: bool) -> None:
    destination(path)
    if path.exists() and not force:
        raise ValueError(f"{path} exists; give --force to overwrite it")


def _goes_to(stream: Any, path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except (OSError, ValueError, AttributeError):  # no such file, or a stream without one
        return False


def _report(study: Any, options: argparse.Namespace, draw: Callable[[Any, Path], None] | None = None) -> int:
    """Write the files, then print the table, whatever fails; the exit status."""
    writers: list[Callable[[], None]] = []
    if options.json is not None:
        record = {**study.record(), "versions": versions(), "threads": threads()}
        writers.append(partial(write_json, options.json, record))
    if draw is not None and options.figure is not None:
        writers.append(partial(draw, study, options.figure))
    failed = max([_attempt(write) for write in writers], default=0)
    printed = _say(study.table())
    return failed or printed


def _attempt(write: Callable[[], None]) -> int:
    """The exit status."""
    try:
        write()
    except REFUSALS as error:
        _complain(_line(error))
        return 2
    return 0


def _progress() -> bool:
    """Bars are for terminals."""
    return sys.stderr is not None and sys.stderr.isatty()


def _say(text: str) -> int:
    """Print; the exit status. Characters that the output's encoding does not have are escaped."""
    if sys.stdout is None:  # closed by whoever started the command
        return 0
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding))
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
    """Send what is left, and what may come, nowhere; the exit status."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    _complain(f"standard output: {_line(error)}")
    return 2


def _complain(text: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError):
            print(f"splinekan: {text}", file=sys.stderr, flush=True)


def _line(error: BaseException) -> str:
    """An error in one line."""
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    else:
        text = str(error)
    return " ".join(text.split()) or type(error).__name__
