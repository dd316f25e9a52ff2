"""Checks of the arguments that studies share: seeds, names of rows, numbers of samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from splinekan._checks import affordable, each, instance, integer, one_of, sequence, shown
from splinekan.multilevel import Round

BYTES_PER_SAMPLE = 512
"""Points, outputs and what a network of a few hidden units keeps of them."""


def distinct_seeds(value: Any) -> list[int]:
    """Seeds as integers.

    Raises
    ------
    TypeError, ValueError
        If they are not a sequence of different integers, at least one, none negative.
    """
    if not sequence("seeds", value, empty=True):
        raise ValueError("seeds must name at least one seed, got none")
    seeds = each("seeds", value, lambda name, seed: integer(name, seed, low=0))
    _refuse_repeats("seeds", seeds)
    return seeds


def distinct_names(name: str, value: Any, accepted: Iterable[str]) -> list[str]:
    """Names that are among `accepted`.

    Raises
    ------
    TypeError, ValueError
        If they are not a sequence of different names, at least one.
    """
    known = list(accepted)
    names = each(name, value, lambda where, text: one_of(where, text, known))
    _refuse_repeats(name, names)
    return names


def rounds_of(value: Any) -> list[Round]:
    """Rounds of successive halving.

    Raises
    ------
    TypeError, ValueError
        If they are not a sequence of rounds, at least one.
    """
    return each("rounds", value, lambda name, entry: instance(name, entry, Round))


def affordable_samples(value: Any, low: int = 1) -> int:
    """A number of samples that fit in memory.

    Raises
    ------
    TypeError, ValueError
        If it is not an integer of at least `low`.
    MemoryError
        If they do not fit.
    """
    count = integer("samples", value, low=low)
    affordable(f"samples={count}", float(BYTES_PER_SAMPLE) * count)
    return count


def _refuse_repeats(name: str, values: list[Any]) -> None:
    repeated = [value for at, value in enumerate(values) if value in values[:at]]
    if repeated:
        raise ValueError(f"{name} must differ, got {shown(repeated[0])} more than once")
