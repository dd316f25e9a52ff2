"""Figures by name: check the request, then compute, draw and write."""

from __future__ import annotations

from pathlib import Path

from splinekan import plots
from splinekan._checks import function, instance, one_of, shown
from splinekan._files import as_path, check_writable
from splinekan.studies.registry import FIGURES, figure
from splinekan.studies.skeleton.figure import NAMES, Setting


def make(name: str, path: str | Path, setting: Setting | None = None) -> str:
    """Compute, draw and write a figure; return its caption.

    Raises
    ------
    TypeError, ValueError, OSError
        As `check`.
    """
    chosen = Setting() if setting is None else setting
    target = check(name, path, chosen)
    made = figure(name)
    compute = function("data", made.data)
    command = f"splinekan figure {name} {chosen.options}".rstrip()
    return made.write(compute(chosen), target, command, chosen.full if made.takes else None)


def check(name: str, path: str | Path, setting: Setting) -> Path:
    """Refuse requests that `make` cannot meet, before any work; return the path.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, a path that ends neither in .png nor in .pdf, settings that the figure does not
        depend on, or rows that its study does not have.
    OSError
        If the file cannot be written.
    """
    one_of("figure", name, FIGURES)
    target = as_path("path", path)
    plots.file_format(target)
    check_setting(name, instance("setting", setting, Setting))
    check_writable(target)
    return target


def check_setting(name: str, setting: Setting) -> None:
    """Refuse what a figure does not depend on, and rows that it does not have; "all" for any figure.

    Raises
    ------
    ValueError
        Naming what the figure takes, or its rows.
    """
    chosen = [figure(each) for each in FIGURES] if name == "all" else [figure(name)]
    takes = [option for option in NAMES if any(option in each.takes for each in chosen)]
    for option in setting.given:
        if option not in takes:
            accepted = f"takes {', '.join(takes)} only" if takes else "takes none of these"
            raise ValueError(f"{option} must not be given for figure {name}, which {accepted}")
    if name != "all":
        for option in chosen[0].single:
            values = getattr(setting, option)
            if values is not None and len(values) > 1:
                raise ValueError(f"{option} must name one only for figure {name}, got {shown(values)}")
    known = dict.fromkeys(row for each in chosen for row in each.rows())
    for row in setting.rows or ():
        one_of("row", row, known)
