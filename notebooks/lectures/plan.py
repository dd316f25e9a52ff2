"""The plan of lectures, read from the table in docs/course.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROW = re.compile(r"^\|\s*(\d+)\s*\|([^|]*)\|([^|]*)\|([^|]*)\|\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Lecture:
    """A row of the table: number, numbers of notebooks, board, and homework by notebook."""

    number: int
    notebooks: tuple[str, ...]
    board: str
    homework: dict[str, tuple[int, ...]]

    @property
    def page(self) -> str:
        """The name of its file."""
        return f"lecture-{self.number:02d}.html"


def read_plan(text: str) -> list[Lecture]:
    """The lectures in the table of a course's page, in order.

    Raises ValueError if the text has no such table, or if the numbers are not 1, 2, ...
    """
    lectures = [
        Lecture(int(number), tuple(re.findall(r"\d\d", notebooks)), board.strip(), _homework(work))
        for number, notebooks, board, work in ROW.findall(text)
    ]
    if not lectures or [lecture.number for lecture in lectures] != list(range(1, len(lectures) + 1)):
        raise ValueError(
            "expected a table with the columns lecture, notebooks, board, homework and lectures 1, 2, ...; "
            f"found the lectures {[lecture.number for lecture in lectures]}"
        )
    return lectures


def _homework(text: str) -> dict[str, tuple[int, ...]]:
    """'09: 2, 3; 13: 2' as a dictionary; '1 to 3' is a range."""
    work = {}
    for part in text.split(";"):
        notebook, _, numbers = part.strip().partition(":")
        ends = [int(number) for number in re.findall(r"\d+", numbers)]
        if " to " in numbers:
            ends = list(range(ends[0], ends[1] + 1))
        work[notebook] = tuple(ends)
    return work


def find_notebook(folder: Path, number: str) -> Path:
    """The notebook of a folder whose name begins with the number; ValueError unless there is exactly one."""
    found = sorted(folder.glob(f"{number}_*.ipynb"))
    if len(found) != 1:
        raise ValueError(f"expected one notebook {number}_*.ipynb in {folder}, found {len(found)}")
    return found[0]
