"""The `splinekan` command."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from splinekan import __version__, threads


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
    regression.add_argument("--json", type=Path, metavar="FILE", help="write the table's figures")
    regression.add_argument("--figure", type=Path, metavar="FILE", help="write the figure")
    regression.add_argument("--force", action="store_true", help="overwrite existing files")
    options = parser.parse_args(arguments)
    try:
        return _info() if options.command == "info" else _regression(options)
    except (ValueError, TypeError, OSError) as error:
        print(f"splinekan: {error}", file=sys.stderr)
        return 2


def _info() -> int:
    for name, text in {**versions(), "threads": str(threads())}.items():
        print(f"{name:<12} {text}")
    return 0


def _regression(options: argparse.Namespace) -> int:
    for path in (options.json, options.figure):
        _refuse_existing(path, options.force)
    from splinekan.studies import regression

    quick = options.quick
    study = regression.run(
        seeds=options.seeds or (regression.SEEDS[:2] if quick else regression.SEEDS),
        samples=options.samples or (4_000 if quick else 20_000),
        schedules=regression.select(options.rows, perceptrons=not quick),
        progress=sys.stderr.isatty(),
        start=options.start,
    )
    print(study.table())
    if options.json is not None:
        write_json(options.json, {**study.record(), "versions": versions(), "threads": threads()})
    if options.figure is not None:
        from splinekan.plots import regression_figure

        options.figure.parent.mkdir(parents=True, exist_ok=True)
        regression_figure(study, str(options.figure))
    return 0


def _refuse_existing(path: Path | None, force: bool) -> None:
    if path is not None and path.exists() and not force:
        raise ValueError(f"{path} exists; give --force to overwrite it")


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write whole or not at all: a new file replaces `path` when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=path.name, delete=False, encoding="utf-8"
    ) as file:
        json.dump(record, file, indent=2)
    os.replace(file.name, path)
