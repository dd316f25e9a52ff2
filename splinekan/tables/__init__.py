"""Tables in CSV files: columns by name, and the line and column of what cannot be used."""

from splinekan.tables.table import Table, opened

__all__ = ["Table", "opened"]
