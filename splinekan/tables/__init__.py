"""Tables in CSV files: columns of numbers by name, and a reason with a line number for what cannot be used."""

from splinekan.tables.table import Table, opened

__all__ = ["Table", "opened"]
