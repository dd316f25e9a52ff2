"""The display of progress while a solution is computed."""

from __future__ import annotations

from types import TracebackType
from typing import Any


class Progress:
    """A bar (tqdm) followed by numbers, which disappears at the end; nothing unless `shown`.

    Parameters
    ----------
    shown
        Whether to show it.
    total
        The final value of `done`; None if it is unknown.
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
        """Move the bar to `done`, followed by these numbers."""
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
