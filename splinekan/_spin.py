"""Busy waiting for another thread to change a number."""

from __future__ import annotations

from typing import Any

from numba import config, njit, types
from numba.extending import intrinsic


def _latest(typing: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        found = context.make_array(array)(context, builder, values[0])
        return builder.load_atomic(found.data, "acquire", 8)

    return types.int64(array), generate


if config.DISABLE_JIT:  # other threads do not run in the meantime

    def changed(number: Any, before: int, attempts: int, grace: int) -> bool:
        """Whether number[0] is not `before`."""
        return bool(number[0] != before)

    def change(number: Any, grace: int) -> None:
        """number[0] += 1."""
        number[0] += 1

else:
    latest = intrinsic(_latest)

    @njit(cache=True, nogil=True)
    def changed(number: Any, before: int, attempts: int, grace: int) -> bool:
        """Whether number[0], an int64, is seen to differ from `before` in that many attempts.

        If so, it returns `grace` attempts later: the thread that changed it still holds the GIL for a moment.
        """
        rest = attempts
        while rest > 0 and latest(number) == before:
            rest -= 1
        found = rest > 0
        while found and grace > 0:
            grace -= latest(number) != before
        return found

    @njit(cache=True, nogil=True)
    def change(number: Any, grace: int) -> None:
        """number[0] += 1, and a pause in which a watching thread can take the GIL."""
        number[0] += 1
        while grace > 0:
            grace -= latest(number) != 0
