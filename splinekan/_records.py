"""Records whose copies and pickles hold what they are made of, and nothing that was computed since."""

from __future__ import annotations

from functools import cached_property
from typing import Any


class Uncached:
    """What is kept by `cached_property` is left out of copies and pickles, which compute it when it is used.

    The size of a pickle then does not depend on what an object was used for.
    """

    def __getstate__(self) -> dict[str, Any]:
        kind = type(self)
        kept = self.__dict__.items()
        return {
            name: value for name, value in kept if not isinstance(getattr(kind, name, None), cached_property)
        }
