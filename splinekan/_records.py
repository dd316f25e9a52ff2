"""Records whose copies and pickles hold their fields only, not cached results."""

from __future__ import annotations

from functools import cached_property
from typing import Any


class Uncached:
    """A base class: values of `cached_property` are left out of copies and pickles, and computed on demand.

    The size of a pickle then does not depend on the use of an object.
    """

    def __getstate__(self) -> dict[str, Any]:
        kind = type(self)
        kept = self.__dict__.items()
        return {
            name: value for name, value in kept if not isinstance(getattr(kind, name, None), cached_property)
        }
