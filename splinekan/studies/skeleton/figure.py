"""A figure as a record, the setting of its study, and the way in which all figures are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splinekan import plots
from splinekan._checks import boolean, each, instance
from splinekan._files import as_path
from splinekan.studies.skeleton.arguments import distinct_names, distinct_seeds
from splinekan.studies.skeleton.options import CHECKPOINT, FULL, ROWS, SEEDS, typed

OPTIONS = (FULL, SEEDS, ROWS, CHECKPOINT)
"""The options on which a figure can depend."""
NAMES = tuple(option.argument for option in OPTIONS)


@dataclass(frozen=True)
class Setting:
    """The setting in which the study of a figure is run.

    Attributes
    ----------
    full
        Whether to run the study's full setting (the paper's, where the paper has one) or its quick one.
    seeds, rows
        Seeds and rows of the study; None for its defaults.
    checkpoints
        A folder, as `boundary_value.study.run` takes it.
    progress
        Show a bar.

    Raises
    ------
    TypeError, ValueError
        For seeds or rows that are not sequences of different integers or names, or other wrong types.
    """

    full: bool = False
    seeds: tuple[int, ...] | None = None
    rows: tuple[str, ...] | None = None
    checkpoints: str | Path | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        checked = {
            "full": boolean("full", self.full),
            "seeds": None if self.seeds is None else tuple(distinct_seeds(self.seeds)),
            "rows": None if self.rows is None else self._names(),
            "checkpoints": None if self.checkpoints is None else as_path("checkpoints", self.checkpoints),
            "progress": boolean("progress", self.progress),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def _names(self) -> tuple[str, ...]:
        """The rows. Which of them exist is checked by the figure."""
        names = each("rows", self.rows, lambda name, row: instance(name, row, str))
        return tuple(distinct_names("rows", names, names))

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the options that were chosen, apart from the bar."""
        return tuple(name for name in NAMES if getattr(self, name))

    @property
    def options(self) -> str:
        """As typed after the figure's name."""
        return typed(OPTIONS, vars(self))

    def arguments(self, quick: Mapping[str, Any], **defaults: Any) -> dict[str, Any]:
        """Arguments of a study's `run`: `quick` unless `full`, then `defaults`, then the chosen options."""
        chosen = {name: getattr(self, name) for name in self.given if name != "full"}
        return {**({} if self.full else quick), **defaults, **chosen, "progress": self.progress}


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes
    ----------
    title
        One line.
    caption
        What the figure shows, and how it was computed.
    draw
        Takes axes, an array (rows, columns), and the data; returns the axes.
    data
        Computes the data of `draw` in a setting; None for a figure that is drawn from a finished study only.
    panels, size
        Rows and columns of axes, and inches; or functions of the data.
    takes
        The options of a `Setting` on which the data depend; none for a figure without a study.
    single
        Those of "seeds" and "rows" that take a single entry.
    rows
        The rows that can be chosen, if it takes rows.
    refuse
        Raises ValueError for arguments of a study's `run` whose result the figure cannot show.
    """

    title: str
    caption: str
    draw: Callable[[Any, Any], Any]
    data: Callable[[Setting], Any] | None = None
    panels: tuple[int, int] | Callable[[Any], tuple[int, int]] = (1, 1)
    size: tuple[float, float] | Callable[[Any], tuple[float, float]] = (6.0, 4.2)
    takes: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    rows: Callable[[], tuple[str, ...]] = tuple
    refuse: Callable[[Mapping[str, Any]], None] = lambda _: None

    def canvas(self, data: Any) -> tuple[Any, Any]:
        """An empty figure and its axes."""
        panels = self.panels(data) if callable(self.panels) else self.panels
        return plots.canvas(*panels, self.size(data) if callable(self.size) else self.size)

    def write(self, data: Any, path: str | Path, command: str, full: bool | None = None) -> str:
        """Draw the data and write the file; the caption.

        Parameters
        ----------
        data
            As `draw` takes them.
        path
            As `plots.save` takes it.
        command
            The command that makes the figure, for its caption.
        full
            Whether the data come from a study's full or its quick setting; None if it has one setting only.
        """
        sheet, axes = self.canvas(data)
        self.draw(axes, data)
        caption = self.described(command, full)
        plots.save(sheet, path, self.title, caption)
        return caption

    def described(self, command: str, full: bool | None = None) -> str:
        """The caption, the setting if there is a choice, and the command."""
        setting = "" if full is None else f" The study's {'full' if full else 'quick'} setting."
        return f"{self.caption}{setting} Made by `{command}`."

    def part_of(self, setting: Setting) -> Setting:
        """The part of a setting for many figures that this figure takes."""
        known = self.rows()
        chosen: dict[str, Any] = {
            name: getattr(setting, name) for name in setting.given if name in self.takes
        }
        if "rows" in chosen:
            chosen["rows"] = tuple(row for row in chosen["rows"] if row in known) or None
        for name in self.single:
            if chosen.get(name):
                chosen[name] = chosen[name][:1]
        return Setting(**chosen, progress=setting.progress)
