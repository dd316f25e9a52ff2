"""The outcomes of claims as a table, as JSON and as theory/README.md."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path

from .claims import EXACT, PROVED, REFUTED, Claim, Outcome
from .theorems import REGISTRY

README = Path(__file__).with_name("README.md")
PAPER = "arXiv:2603.04827, "
"""What sources in the paper begin with."""
COLUMNS = (("id", 28), ("statement", 60), ("source", 30), ("strength", 12), ("seconds", 7))
"""Heading and width of the columns of the printed table."""

INTRODUCTION = """# The theory, verified exactly

The theorems of Southworth, Actor, Harper, Cyr, *Multilevel Training for Kolmogorov Arnold Networks*
(arXiv:2603.04827), and ours, in exact arithmetic with sympy. Nothing here imports splinekan;
`tests/test_theory_vs_library.py` compares the library with these results. The package is installed as
`splinekan_theory`; in a checkout, `python -m theory` takes the same options as `splinekan theory`.

```
splinekan theory                   # verify all claims, print the table; exit status 1 if a claim fails
splinekan theory --only lemma-2    # this claim only (may be repeated)
splinekan theory --json FILE       # the table as JSON; an existing FILE needs --force
splinekan theory --latex           # the derived matrices in LaTeX
splinekan theory --knots 0,1/3,1/2,2,5/2,3,4,5,6,7 --degree 4    # the theorem for these knots
splinekan theory --module mine.py  # the claims of a file or a module of yours
```

As a library, `from splinekan_theory import verify_equivalence`; in the root folder of a checkout
`from theory import verify_equivalence` finds the same files under the name of their folder.

- the equivalence theorem for knots of your own, rational or symbolic, with A, its inverse, P, and every
  identity verified: `verify_equivalence(knots, degree)`;
- A and its inverse: `change_of_basis`, `change_of_basis_recursive`, `uniform_change_of_basis`,
  `inverse_change_of_basis`;
- exact refinement in both bases: `prolongation`, `relu_prolongation`, `two_scale`, `knot_insertion`,
  `midpoints`;
- mass matrices: `bspline_gram`, `relu_gram`;
- knots from text, numbers and symbols: `read_knots`, `symbolic_knots`, `uniform`, `rational_knots`; the
  variable `x`;
- exact tests for zero: `vanishes`, `all_vanish`, `equal`;
- claims, also your own (docs/claims.md): `claim`, `Claim`, `Misprint`, `verify`, `Outcome`, `load_claims`,
  `REGISTRY`, `PROVED`, `EXACT`, `REFUTED`.

```
>>> from splinekan_theory import verify_equivalence
>>> print(verify_equivalence("0, 1/3, 1/2, 2", degree=1).A_inverse)
Matrix([[1/3, 1/2], [0, 1/6]])
```

Sources without another name are places in arXiv:2603.04827.

Conventions: order r = k + 1 for degree k; knots `t_0 < ... < t_(m+r-1)` with k ghost knots on each side,
[a, b] = [t_k, t_m], m = intervals + k functions; index i stands for the paper's i - k. b = A psi; the
coefficients of the same spline are u in the B-splines and w = A^T u in the power ReLUs.

Strengths:

- **proved** ({proved}): for every order and all knots in the hypotheses. The algebra is checked with
  symbolic knots and symbolic order or index; the argument shows how it gives the statement and what it cites.
- **exact for listed cases** ({exact}): exact arithmetic in finitely many cases, which the argument lists.
- **refuted** ({refuted}): false as printed; the counterexample and the correction are both checked.

## The claims
"""


def table_row(cells: Sequence[str]) -> str:
    """A row of the printed table, its cells wrapped to the widths of COLUMNS."""
    wrapped = [textwrap.wrap(cell, width) for cell, (_, width) in zip(cells, COLUMNS, strict=True)]
    lines = []
    for parts in zip_longest(*wrapped, fillvalue=""):
        padded = [f"{part:{width}}" for part, (_, width) in zip(parts, COLUMNS, strict=True)]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def outcome_row(outcome: Outcome) -> str:
    """The row of a claim; FAILED replaces the strength of a claim that fails."""
    claim = outcome.claim
    strength = "FAILED" if outcome.failure else claim.strength
    row = table_row([claim.id, claim.statement, claim.source, strength, f"{outcome.seconds:7.2f}"])
    return f"{row}\n  FAILED: {outcome.failure}" if outcome.failure else row


def as_json(outcomes: Iterable[Outcome]) -> str:
    """{"claims": [{id, statement, source, strength, seconds}]}; "failure" where a check failed."""
    records = []
    for outcome in outcomes:
        claim = outcome.claim
        record = {
            "id": claim.id,
            "statement": claim.statement,
            "source": claim.source,
            "strength": claim.strength,
            "seconds": round(outcome.seconds, 3),
        }
        if outcome.failure:
            record["failure"] = outcome.failure
        records.append(record)
    return json.dumps({"claims": records}, indent=2) + "\n"


def markdown(text: str) -> str:
    """The text with the characters escaped that Markdown would read as a table, a tag, emphasis or a link."""
    return re.sub(r"([|<_*]|(?<=\])\()", r"\\\1", text)


def readme(claims: Iterable[Claim]) -> str:
    """The text of theory/README.md: the commands, the table, the misprints, and the arguments."""
    claims = list(claims)
    counts = {
        name: sum(c.strength == strength for c in claims)
        for name, strength in (("proved", PROVED), ("exact", EXACT), ("refuted", REFUTED))
    }
    lines = [INTRODUCTION.format(**counts), "| id | statement | source | strength |", "|---|---|---|---|"]
    for c in claims:
        lines.append(
            f"| {c.id} | {markdown(c.statement)} | {markdown(c.source.removeprefix(PAPER))} | {c.strength} |"
        )
    lines += ["", "## What the paper prints and what holds", ""]
    misprints = [(c, c.misprint) for c in claims if c.misprint is not None]
    for number, (c, misprint) in enumerate(misprints, start=1):
        lines += [f"### {number}. {c.source.removeprefix(PAPER)}", ""]
        lines += [f"Claim `{c.id}`: {markdown(c.statement)}.", ""]
        lines += [f"- Printed: {markdown(misprint.printed)}"]
        lines += [f"- Counterexample: {markdown(misprint.counterexample)}"]
        lines += [f"- What holds: {markdown(misprint.corrected)}", ""]
    precision = REGISTRY["float32"]
    lines += ["### Precision", ""]
    lines += [
        f"Not a misprint, but not stated either (claim `float32`): {markdown(precision.statement)}.",
        "",
    ]
    lines += ["## The argument for each claim", ""]
    for c in claims:
        lines += [f"### {c.id}", "", f"{markdown(c.statement)}.", ""]
        lines += [f"- Hypotheses: {markdown(c.hypotheses)}", f"- Source: {markdown(c.source)}"]
        lines += [f"- Strength: {c.strength}", f"- Argument: {markdown(c.argument)}", ""]
    lines += [
        "This page is generated by `python -m theory --write-readme`; a test fails when it is out of date."
    ]
    return "\n".join(lines).rstrip() + "\n"
