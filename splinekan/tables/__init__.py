"""Tables in CSV files: columns by name, and errors with line and column."""

from splinekan.tables.table import Table, opened

__all__ = ["Table", "opened"]
