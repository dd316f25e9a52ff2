"""Reuse of the memory of workers.

Dask workers return freed memory to the system at once (MALLOC_TRIM_THRESHOLD_ of
`distributed.nanny.pre-spawn-environ`), so that the arrays of every chunk are mapped again: sums of J^T J then
take 1.4 times as long.
"""

from __future__ import annotations

import ctypes
from functools import cache

KEPT = 2**26
"""Number of bytes that a process keeps; arrays of chunks are smaller."""
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3), of the GNU C library."""


@cache
def keep_freed_memory() -> bool:
    """Let this process keep freed memory; return whether it does, which requires mallopt."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(mallopt(parameter, KEPT) for parameter in (TRIM_THRESHOLD, MMAP_THRESHOLD))
