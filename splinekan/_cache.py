"""Compiled kernels are cached on disk where possible; otherwise every process compiles them.

Numba refuses to define a function with `cache=True` when neither the package's folder nor the home directory
is writable, and the first call fails when the disk is full. Neither is a fault of the function, so numba's
cache is wrapped for the functions of this package. This module is imported before the first kernel.
"""

from __future__ import annotations

import warnings
from typing import Any

from numba.core.caching import FunctionCache, NullCache
from numba.core.dispatcher import Dispatcher

_enable_numba_caching = Dispatcher.enable_caching
_warned: list[str] = []


class _Lenient(FunctionCache):  # type: ignore[misc, unused-ignore]
    """A cache that ignores files it cannot read or write."""

    def load_overload(self, *arguments: Any) -> Any:
        try:
            return super().load_overload(*arguments)
        except Exception as error:  # a damaged file may raise anything
            _warn(error)
            return None

    def save_overload(self, *arguments: Any) -> None:
        try:
            super().save_overload(*arguments)
        except Exception as error:
            _warn(error)


def _enable_caching(self: Any) -> None:
    if not (self.py_func.__module__ or "").startswith("splinekan."):
        _enable_numba_caching(self)
        return
    try:
        self._cache = _Lenient(self.py_func)
    except (RuntimeError, OSError) as error:  # no writable folder
        self._cache = NullCache()
        _warn(error)


def _warn(reason: Exception) -> None:
    """Warn once per process."""
    if not _warned:
        _warned.append(str(reason))
        warnings.warn(
            f"compiled kernels cannot be cached on disk ({reason or type(reason).__name__}): every process "
            "compiles them again, which takes seconds; set NUMBA_CACHE_DIR to a writable folder",
            RuntimeWarning,
            stacklevel=2,
        )


Dispatcher.enable_caching = _enable_caching  # type: ignore[method-assign, unused-ignore]
