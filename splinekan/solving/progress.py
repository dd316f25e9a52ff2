"""What is shown while a solution is sought."""

from __future__ import annotations

from types import TracebackType
from typing import Any


class Progress:
    """A bar (tqdm) with numbers behind it, which disappears at the end; nothing unless `shown`.

    Parameters
    ----------
    shown
        Whether to show it.
    total
        What `done` counts up to; None where the end is open.
    """

    def __init__(self, shown: bool, total: float | None = None) -> None:
        self._bar: Any = None
        if shown:
            from tqdm import tqdm

            layout = (
                "{desc}{elapsed}{postfix}"
                if total is None
                else "{desc}{percentage:3.0f}%|{bar}| {elapsed}{postfix}"
            )
            self._bar = tqdm(total=total, leave=False, bar_format=layout)

    def show(self, done: float, **numbers: Any) -> None:
        """Move the bar to `done`, with these numbers behind it."""
        if self._bar is not None:
            self._bar.n = done
            self._bar.set_postfix(numbers)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
