"""A claim: a statement, what it assumes, where it comes from, how strongly it is verified, and its check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

PROVED = "proved"
"""For every degree and all knots in the hypotheses: checked with symbolic knots and index or order."""
EXACT = "exact for listed cases"
"""Exact arithmetic in finitely many cases, which the claim names."""
REFUTED = "refuted"
"""False as printed: checked counterexample and checked correction."""


@dataclass(frozen=True)
class Misprint:
    """What the paper prints, where it fails in numbers that a reader can redo by hand, and what holds."""

    printed: str
    counterexample: str
    corrected: str


@dataclass(frozen=True)
class Claim:
    """A line of the table that ``python -m theory`` prints.

    ``check`` takes no argument and raises AssertionError if the claim fails. ``argument`` explains why the
    algebra that is checked proves the statement (strength "proved"), or lists the cases (strength "exact for
    listed cases"); ``misprint`` belongs to refuted claims.
    """

    id: str
    statement: str
    hypotheses: str
    source: str
    strength: str
    argument: str
    check: Callable[[], None]
    misprint: Misprint | None = None

    def __post_init__(self) -> None:
        for name in ("id", "statement", "hypotheses", "source", "argument"):
            if not str(getattr(self, name)).strip():
                raise ValueError(f"claim {self.id!r} has no {name}")
        if self.strength not in (PROVED, EXACT, REFUTED):
            raise ValueError(f"claim {self.id!r}: strength must be one of the three, got {self.strength!r}")
        if (self.strength == REFUTED) != (self.misprint is not None):
            raise ValueError(
                f"claim {self.id!r}: a misprint belongs to refuted claims, and to every refuted claim"
            )


REGISTRY: dict[str, Claim] = {}


def claim(
    id: str,  # the name that the record and --only use
    *,
    statement: str,
    hypotheses: str,
    source: str,
    strength: str,
    argument: str,
    misprint: Misprint | None = None,
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register the decorated check; ids are unique."""

    def register(check: Callable[[], None]) -> Callable[[], None]:
        if id in REGISTRY:
            raise ValueError(f"two claims are called {id!r}")
        REGISTRY[id] = Claim(id, statement, hypotheses, source, strength, argument, check, misprint)
        return check

    return register
