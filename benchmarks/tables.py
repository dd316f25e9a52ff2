"""Tables that are printed row by row, as text or in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


class Table:
    """A table; the title and the head are printed at once."""

    def __init__(self, title: str, columns: Sequence[str], markdown: bool) -> None:
        self.columns, self.markdown = columns, markdown
        self.widths = [max(len(name), 9) for name in columns]
        print(f"\n{title}\n" if markdown else f"\n{title}")
        self.row(*columns)
        if markdown:
            print("|" + " --- |" * len(columns), flush=True)

    def row(self, *cells: object) -> None:
        """Print a row; numbers with three digits."""
        shown = [f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in cells]
        if self.markdown:
            print(f"| {' | '.join(shown)} |", flush=True)
        else:
            print(
                "  ".join(f"{cell:>{width}}" for cell, width in zip(shown, self.widths, strict=True)),
                flush=True,
            )
