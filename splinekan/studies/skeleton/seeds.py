"""The progress bar of a study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Silent:
    """A progress bar that is not shown."""

    def update(self, steps: int = 1) -> None:
        """Nothing."""

    def set_description(self, text: str) -> None:
        """Nothing."""


@contextmanager
def progress_bar(total: int, shown: bool) -> Iterator[Any]:
    """A bar of `total` steps that disappears at the end, with `update` and `set_description` as of tqdm."""
    if not shown:
        yield Silent()
        return
    from tqdm import tqdm

    with tqdm(total=total, leave=False) as bar:
        yield bar
