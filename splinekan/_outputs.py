"""Files that the command writes: refused before any work, or written completely."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from splinekan._files import check_writable, destination, same_file


def refuse_existing(path: Path, force: bool) -> None:
    """Refuse a file that exists, unless forced, and paths that cannot be files.

    Raises
    ------
    ValueError, OSError
        For such a path, which the message names.
    """
    destination(path)
    if path.exists() and not force:
        raise ValueError(f"{path} exists; give --force to overwrite it")


def check_outputs(
    paths: Mapping[str, Path | None], force: bool, inputs: Mapping[str, Path] | None = None
) -> None:
    """Refuse files that could not be written, or would replace each other, by the options that name them.

    The files in `inputs`, a dictionary from descriptions to paths, must not be replaced even if forced.

    Raises
    ------
    ValueError, OSError
        For such a file; the message names the option or the path.
    """
    if paths.get("--figure") is not None:
        from splinekan import plots

        plots.file_format(str(paths["--figure"]))
        plots.canvas()  # matplotlib also needs a writable folder
    outputs = {option: path for option, path in paths.items() if path is not None}
    for pair in combinations(outputs.items(), 2):
        if same_file(pair[0][1], pair[1][1]):
            both = " and ".join(f"{option} {path}" for option, path in pair)
            raise ValueError(f"{both} are the same file: name two")
    for option, path in outputs.items():
        for what, source in (inputs or {}).items():
            if same_file(path, source):
                raise ValueError(
                    f"{option} {path} is the {what}, which is not overwritten: name another file"
                )
        refuse_existing(path, force)
        check_writable(path)
        if any(_goes_to(stream, path) for stream in (sys.stdout, sys.stderr)):
            raise ValueError(f"{option} {path} is where the output goes: name another file")


def check_checkpoints(folder: Path | None, study: str = "", **paths: Path | None) -> None:
    """Refuse checkpoints in a file, and outputs of a study that would replace a checkpoint.

    Raises
    ------
    ValueError
        For such a path; the message names the option.
    """
    if folder is None:
        return
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--checkpoint {folder} is not a folder")
    for name, path in paths.items():
        if path is None or not same_file(path.parent, folder):
            continue
        if re.fullmatch(rf"{study}-.*-\d+\.(json|lock)", path.name):
            raise ValueError(f"--{name} {path} has the name of a checkpoint: name another file")


def _goes_to(stream: Any, path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except (OSError, ValueError, AttributeError):  # no such file, or a stream without one
        return False
