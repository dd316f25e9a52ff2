"""A claim: a statement with its hypotheses, its source, the strength of its verification, and its check."""

from __future__ import annotations

import sys
import time
import traceback
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
    """A misprint: the printed formula, a counterexample that can be checked by hand, the correction."""

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
            text = getattr(self, name)
            if not isinstance(text, str):
                raise TypeError(f"claim {self.id!r}: {name} must be text, got {text!r:.60}")
            if not text.strip():
                raise ValueError(f"claim {self.id!r} has no {name}")
        if self.strength not in (PROVED, EXACT, REFUTED):
            raise ValueError(f"claim {self.id!r}: strength must be one of the three, got {self.strength!r}")
        if (self.strength == REFUTED) != (self.misprint is not None):
            raise ValueError(
                f"claim {self.id!r}: a misprint belongs to refuted claims, and to every refuted claim"
            )


REGISTRY: dict[str, Claim] = {}
"""The claims by id: those of `theorems`, once it is imported, and those of the process."""


def claim(
    id: str,
    *,
    statement: str,
    hypotheses: str,
    source: str,
    strength: str,
    argument: str,
    misprint: Misprint | None = None,
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """A decorator that registers a check, a function without arguments, as a claim; ids are unique.

    A check verifies in exact arithmetic and raises AssertionError where it fails. `splinekan theory --module
    mine.py` verifies the claims of a file; docs/claims.md explains the fields.

    Parameters
    ----------
    id
        The name that the table and ``--only`` use.
    statement, hypotheses, source
        The statement, its hypotheses, and its first source.
    strength
        PROVED, EXACT or REFUTED.
    argument
        The reason why the checked algebra proves the statement, or the list of cases.
    misprint
        For a refuted statement: as printed, with a counterexample and the correction.

    Raises
    ------
    TypeError, ValueError
        For a field without text, an unknown strength, a misprint without a refutation or the converse, a
        check that cannot be called, and an id that is taken.
    """

    def register(check: Callable[[], None]) -> Callable[[], None]:
        if not callable(check):
            raise TypeError(f"claim {id!r}: the check must be a function, got {check!r:.60}")
        if id in REGISTRY:
            raise ValueError(f"two claims are called {id!r}")
        REGISTRY[id] = Claim(id, statement, hypotheses, source, strength, argument, check, misprint)
        return check

    return register


@dataclass(frozen=True)
class Outcome:
    """A claim after its check: the time that it took and, if it failed, the reason."""

    claim: Claim
    seconds: float
    failure: str = ""


def verify(claim: Claim) -> Outcome:
    """The outcome of a check; any exception is a failure of the claim, with a traceback on standard error."""
    start = time.perf_counter()
    failure = ""
    try:
        claim.check()
    except Exception as error:  # a check that raises an exception verifies nothing
        traceback.print_exc(file=sys.stderr)
        failure = f"{type(error).__name__}: {error}"
    return Outcome(claim, time.perf_counter() - start, failure)
