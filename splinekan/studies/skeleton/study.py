"""The outcome of an experiment: a table to print and a record for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeVar

from splinekan._files import finite_or_none
from splinekan._processes import Place
from splinekan.studies.skeleton.tables import Column, table

Row = TypeVar("Row")


@dataclass(frozen=True, eq=False)
class TableStudy(Generic[Row]):
    """A table and all settings that make it reproducible.

    Attributes
    ----------
    name
        As on the command line.
    columns
        The columns that are printed.
    rows
        Dataclasses, in the order of the table.
    settings
        All that the numbers depend on.
    places
        Where runs were carried out, by run; not part of the record, which holds the numbers only.
    """

    name: str
    columns: tuple[Column, ...] = field(repr=False)
    rows: tuple[Row, ...]
    settings: dict[str, Any]
    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False, kw_only=True)

    def table(self) -> str:
        """The table as text."""
        return table(self.columns, self.rows)

    def record(self) -> dict[str, Any]:
        """Everything in the table, for JSON."""
        return record(self.name, self.settings, rows=self.rows)


def record(name: str, settings: dict[str, Any], **parts: Sequence[Any]) -> dict[str, Any]:
    """A study as plain numbers, texts and lists: its name, its settings, and its rows part by part.

    NaN and infinities, which JSON does not have, become None.
    """
    lists = {part: [_plain(row) for row in rows] for part, rows in parts.items()}
    values: dict[str, Any] = finite_or_none({"study": name, **settings, **lists})
    return values


def _plain(row: Any) -> dict[str, Any]:
    record = getattr(row, "record", None)  # of rows of equations a number, the record of others
    values: dict[str, Any] = record() if callable(record) else asdict(row)
    return values
