"""`splinekan study` and `splinekan figure`, built from the registry of studies and figures."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from splinekan import threads
from splinekan._files import write_json
from splinekan._outputs import check_checkpoints, check_outputs, refuse_existing
from splinekan.cli.console import attempt, progress, say, versions
from splinekan.studies.registry import FIGURES, STUDIES, figure
from splinekan.studies.skeleton import options as known

FIGURE_OPTIONS = (
    known.SEEDS.helped("of the figure's study"),
    known.ROWS.helped("these rows of the figure's study only"),
    known.CHECKPOINT.helped("a folder as for `splinekan study`: runs that it holds are not computed again"),
)
Parsers = Any
"""The result of `add_subparsers`."""


def add_study(commands: Parsers) -> None:
    """`splinekan study`, with a subcommand for every study."""
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


def add_figure(commands: Parsers) -> None:
    """`splinekan figure`."""
    command = commands.add_parser(
        "figure", help="make a figure of the paper or of this package; without a name, list them"
    )
    command.add_argument("name", nargs="?", metavar="NAME", help="a figure's name, or all")
    command.add_argument(
        "--output",
        type=known.folder,
        metavar="FILE",
        help="a .png or .pdf file, by default NAME.png; with all, a folder, by default figures",
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


def _study(options: argparse.Namespace) -> int:
    entry = STUDIES[options.study]
    path = getattr(options, "figure", None)
    check_outputs({"--json": options.json, "--figure": path}, options.force)
    check_checkpoints(getattr(options, "checkpoints", None), options.study, json=options.json, figure=path)
    chosen = known.given(entry.all_options, vars(options))
    arguments = entry.setting(chosen)
    if path is not None:
        entry.drawing().refuse(arguments)
    study = entry.module().run(**arguments, progress=progress())
    writers: dict[Path, Callable[[], object]] = {}
    if options.json is not None:
        places = {run: asdict(place) for run, place in getattr(study, "places", {}).items()}
        record = {**study.record(), "versions": versions(), "threads": threads(), "places": places}
        writers[options.json] = partial(write_json, options.json, record)
    if path is not None:
        command = f"splinekan study {options.study} {known.typed(entry.all_options, chosen)}".rstrip()
        full = "quick" not in chosen if entry.quick else None
        writers[path] = partial(entry.drawing().write, study, path, command, full)
    failed = max([attempt(target, write) for target, write in writers.items()], default=0)
    # The table is printed even if writing the files fails.
    printed = say(study.table())
    return failed or printed


def _figure(options: argparse.Namespace) -> int:
    from splinekan.studies.figures import check, check_setting, make
    from splinekan.studies.skeleton.figure import Setting

    if options.name is None:
        return _list_figures(options)
    setting = Setting(options.full, options.seeds, options.rows, options.checkpoints, progress())
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
        status = say(f"{path}: {make(name, path, settings[name])}") or status
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
    return say("\n".join(f"{name:<{width}}  {figure(name).title}" for name in FIGURES))
