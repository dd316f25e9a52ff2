"""The loop over rows and seeds, with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")


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


def every_seed(
    train: Callable[[str, int], Result], seeds: Mapping[str, Sequence[int]], progress: bool
) -> dict[str, list[Result]]:
    """`train(name, seed)` for each name and each of its seeds: a list per name, in the order of its seeds."""
    results: dict[str, list[Result]] = {name: [] for name in seeds}
    with progress_bar(sum(map(len, seeds.values())), progress) as bar:
        for name, numbers in seeds.items():
            for seed in numbers:
                bar.set_description(f"{name}, seed {seed}")
                results[name].append(train(name, seed))
                bar.update(1)
    return results
