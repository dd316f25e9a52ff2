"""Machine code is kept on disk where that can be done; where it cannot, it is compiled anew by every process.

Numba refuses to define a function with `cache=True` when neither the package's folder nor the home directory
can be written, and its first call fails when the disk is full. Neither says anything about the function. So
numba's cache is wrapped, for the functions of this package only: imported before the first kernel.
"""

from __future__ import annotations

import warnings
from typing import Any

from numba.core.caching import FunctionCache, NullCache
from numba.core.dispatcher import Dispatcher

_usual = Dispatcher.enable_caching
_said: list[str] = []


class _Lenient(FunctionCache):  # type: ignore[misc, unused-ignore]
    """A cache that goes on without what it cannot read or write."""

    def load_overload(self, *arguments: Any) -> Any:
        try:
            return super().load_overload(*arguments)
        except Exception as error:  # a damaged file can raise anything
            _say(error)
            return None

    def save_overload(self, *arguments: Any) -> None:
        try:
            super().save_overload(*arguments)
        except Exception as error:
            _say(error)


def _enable_caching(self: Any) -> None:
    if not (self.py_func.__module__ or "").startswith("splinekan."):
        _usual(self)
        return
    try:
        self._cache = _Lenient(self.py_func)
    except (RuntimeError, OSError) as error:  # no folder that can be written
        self._cache = NullCache()
        _say(error)


def _say(reason: Exception) -> None:
    """Once in a process."""
    if not _said:
        _said.append(str(reason))
        warnings.warn(
            f"compiled kernels cannot be kept on disk ({reason or type(reason).__name__}): every process "
            "compiles them anew, which takes seconds; set NUMBA_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
            stacklevel=2,
        )


Dispatcher.enable_caching = _enable_caching  # type: ignore[method-assign, unused-ignore]
