"""The `splinekan` command."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from splinekan import __version__, threads
from splinekan._checks import one_of
from splinekan._files import write_json

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="splinekan", description="Spline Kolmogorov-Arnold networks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("info", help="versions and threads")
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
            type=Path,
            metavar="DIR",
            help="write to this folder after every level, and go on from what it holds",
        )
        _add_outputs(one, figure=True)
    _add_figure(commands)
    options = parser.parse_args(arguments)
    try:
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
    except KeyboardInterrupt:
        print("splinekan: interrupted", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError) as error:
        print(f"splinekan: {error}", file=sys.stderr)
        return 2


def _add_outputs(study: Any, figure: bool = False) -> None:
    """What a study can leave behind."""
    study.add_argument("--json", type=Path, metavar="FILE", help="write the tables' figures")
    if figure:
        study.add_argument("--figure", type=Path, metavar="FILE", help="write the figure")
    study.add_argument("--force", action="store_true", help="overwrite existing files")


def _add_figure(commands: Any) -> None:
    """The parser of `splinekan figure`."""
    figure = commands.add_parser(
        "figure", help="make a figure of the paper, or of ours; without a name, list them"
    )
    figure.add_argument("name", nargs="?", metavar="NAME", help="a figure's name, or all")
    figure.add_argument(
        "--output",
        type=Path,
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
        type=Path,
        metavar="DIR",
        help="a folder as of `splinekan study`: runs that it holds are not computed again",
    )


def _figure(options: argparse.Namespace) -> int:
    from splinekan.studies.figure_data import Setting
    from splinekan.studies.figures import FIGURES, check, make

    if options.name is None:
        for name, figure in FIGURES.items():
            print(f"{name:<{max(map(len, FIGURES))}}  {figure.title}")
        return 0
    if options.name == "all":
        folder = options.output or Path("figures")
        paths = {name: folder / f"{name}.png" for name in FIGURES}
    else:
        paths = {options.name: options.output or Path(f"{options.name}.png")}
    setting = Setting(
        options.full,
        tuple(options.seeds) if options.seeds else None,
        tuple(options.rows) if options.rows else None,
        options.checkpoint,
        sys.stderr.isatty(),
    )
    for name, path in paths.items():
        check(name, path, setting)
        _refuse_existing(path, options.force)
    for name, path in paths.items():
        print(f"{path}: {make(name, path, setting)}", flush=True)
    return 0


def _toy(options: argparse.Namespace) -> int:
    from splinekan.studies import toy

    study = toy.run(options.seeds or toy.SEEDS, options.samples, progress=sys.stderr.isatty())
    _report(study, options)
    return 0


def _functions(options: argparse.Namespace) -> int:
    from splinekan.studies import functions

    study = functions.run(
        options.names or functions.NAMES,
        options.seeds or functions.SEEDS,
        options.samples,
        progress=sys.stderr.isatty(),
    )
    _report(study, options)
    return 0


def _robustness(options: argparse.Namespace) -> int:
    from splinekan.studies import robustness

    cases = dict(robustness.CASES)
    for name in options.targets or ():
        one_of("target", name, cases)
    chosen = [(name, count) for name, count in cases.items() if name in (options.targets or cases)]
    study = robustness.run(chosen, options.samples, progress=sys.stderr.isatty())
    _report(study, options)
    return 0


def _conditioning(options: argparse.Namespace) -> int:
    from splinekan import plots
    from splinekan.studies import conditioning

    quick = conditioning.QUICK if options.quick else {}
    study = conditioning.run(**quick, progress=sys.stderr.isatty())
    _report(study, options, plots.conditioning_figure)
    return 0


def _complementarity(options: argparse.Namespace) -> int:
    from splinekan import plots
    from splinekan.studies import complementarity

    study = complementarity.run(
        options.seeds,
        options.samples,
        quick=options.quick,
        progress=sys.stderr.isatty(),
    )
    _report(study, options, plots.complementarity_figure)
    return 0


def _pde(options: argparse.Namespace) -> int:
    from splinekan import plots
    from splinekan.studies import pde

    def draw(study: pde.Study, path: str) -> None:
        plots.pde_figure(study, pde.fields(study, study.best()), study.best(), path)

    study = pde.run(
        options.study,
        options.seeds,
        options.rows,
        quick=options.quick,
        checkpoints=options.checkpoint,
        progress=sys.stderr.isatty(),
    )
    _report(study, options, draw)
    return 0


def _info() -> int:
    for name, text in {**versions(), "threads": str(threads())}.items():
        print(f"{name:<12} {text}")
    return 0


def _regression(options: argparse.Namespace) -> int:
    from splinekan import plots
    from splinekan.studies import regression

    quick = options.quick
    study = regression.run(
        seeds=options.seeds or (regression.SEEDS[:2] if quick else regression.SEEDS),
        samples=options.samples or (4_000 if quick else 20_000),
        schedules=regression.select(options.rows, perceptrons=not quick),
        progress=sys.stderr.isatty(),
        start=options.start,
    )
    _report(study, options, plots.regression_figure)
    return 0


def _check_outputs(options: argparse.Namespace) -> None:
    """Refuse files that could not be written, before a study begins."""
    figure = getattr(options, "figure", None)
    if figure is not None:
        from splinekan.plots import file_format

        file_format(figure)
    for path in (options.json, figure):
        _refuse_existing(path, options.force)


def _refuse_existing(path: Path | None, force: bool) -> None:
    if path is not None and path.is_dir():
        raise ValueError(f"{path} is a folder: name a file")
    if path is not None and path.exists() and not force:
        raise ValueError(f"{path} exists; give --force to overwrite it")


def _report(study: Any, options: argparse.Namespace, draw: Callable[[Any, str], None] | None = None) -> None:
    """Print the table, write the JSON file, and last the figure, which cannot cost the others."""
    print(study.table())
    if options.json is not None:
        write_json(options.json, {**study.record(), "versions": versions(), "threads": threads()})
    if draw is not None and options.figure is not None:
        options.figure.parent.mkdir(parents=True, exist_ok=True)
        draw(study, str(options.figure))
