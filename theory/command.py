"""The command ``python -m theory``, also available as ``splinekan theory``."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import latex
from .claims import Claim, verify
from .equivalence import verify_equivalence
from .own import load_claims
from .report import COLUMNS, README, as_json, outcome_row, readme, table_row
from .theorems import REGISTRY

LISTS = ("--knots", "--refined")
"""Options whose value may begin with a minus sign."""


def parser(prog: str = "python -m theory") -> argparse.ArgumentParser:
    """The options of ``python -m theory`` and of ``splinekan theory``."""
    p = argparse.ArgumentParser(
        prog=prog,
        description="Verify in exact arithmetic: the claims, claims of your own, or the equivalence theorem "
        "for given knots.",
    )
    p.add_argument("--only", metavar="ID", action="append", help="verify this claim only (repeatable)")
    p.add_argument(
        "--module",
        metavar="FILE",
        action="append",
        help="verify the claims of this file of Python code, or module, instead of the built-in claims "
        "(repeatable)",
    )
    p.add_argument(
        "--knots",
        metavar="T0,T1,...",
        help="verify the equivalence theorem for these extended knots: numbers such as 1/3 or 0.25, names, "
        "or arithmetic with both; 'symbolic' for t0, t1, ..., 'symbolic:G' for G intervals",
    )
    p.add_argument("--degree", metavar="K", type=int, help="degree, for --knots")
    p.add_argument(
        "--refined", metavar="T0,T1,...", help="finer extended knots (default: halve the intervals)"
    )
    p.add_argument("--json", metavar="FILE", type=Path, help="write the table, or the matrices, as JSON")
    p.add_argument("--force", action="store_true", help="overwrite FILE if it exists")
    p.add_argument(
        "--latex", action="store_true", help="print the derived matrices in LaTeX, of the knots if given"
    )
    p.add_argument("--write-readme", action="store_true", help="rewrite theory/README.md and stop")
    return p


def main(arguments: Sequence[str] | None = None, prog: str = "python -m theory") -> int:
    """The exit status of the command `prog`: 0, or 1 if any claim fails; 2 (SystemExit) for what is
    refused."""
    p = parser(prog)
    options = p.parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
    if options.knots is None and (options.degree is not None or options.refined is not None):
        p.error("--degree and --refined need --knots")
    if options.knots is not None:
        if options.degree is None:
            p.error("--knots needs --degree")
        if options.only or options.module or options.write_readme:
            p.error("--knots verifies the theorem alone, without --only, --module or --write-readme")
        return _equivalence(p, options)
    if options.latex and options.module:
        p.error("--latex prints the derived matrices, and not the claims of --module")
    others = options.module or options.only or options.json is not None
    if (options.latex and (others or options.write_readme)) or (options.write_readme and others):
        p.error("--latex without --knots, and --write-readme, are given alone")
    if options.latex:
        print(latex.document())
        return 0
    if options.write_readme:
        README.write_text(readme(REGISTRY.values()), encoding="utf-8")
        return 0
    return _claims(p, options)


def _joined(words: Sequence[str]) -> list[str]:
    """``--knots -1,0`` as ``--knots=-1,0``, which argparse does not read as two options."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in LISTS and word.startswith("-") and not word.startswith("--"):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _equivalence(p: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    _check_file(p, options)
    try:
        record = verify_equivalence(options.knots, options.degree, options.refined)
    except (TypeError, ValueError) as error:
        p.error(str(error))
    except ArithmeticError as error:
        print(f"FAILED: {error}")
        return 1
    if options.json is not None:
        _write(options.json, record.to_json())
    print(record.latex() if options.latex else record)
    return 0


def _claims(p: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    claims = _chosen(p, options)
    _check_file(p, options)
    print(table_row([heading for heading, _ in COLUMNS]))
    print(table_row(["-" * width for _, width in COLUMNS]))
    outcomes = []
    for claim in claims:
        outcomes.append(verify(claim))
        print(outcome_row(outcomes[-1]), flush=True)
    if options.json is not None:
        _write(options.json, as_json(outcomes))
    failed = [outcome.claim.id for outcome in outcomes if outcome.failure]
    seconds = sum(outcome.seconds for outcome in outcomes)
    noun = "claim" if len(outcomes) == 1 else "claims"
    print(
        f"\n{len(outcomes)} {noun}, {len(failed)} failed, {seconds:.1f} s"
        + "".join(f"\n  {f}" for f in failed)
    )
    return 1 if failed else 0


def _chosen(p: argparse.ArgumentParser, options: argparse.Namespace) -> list[Claim]:
    """The claims to verify: built-in or of the modules, all or those of --only."""
    among: Mapping[str, Claim] = REGISTRY
    if options.module:
        own: dict[str, Claim] = {}
        for source in options.module:
            try:
                loaded = load_claims(source)
            except (OSError, ValueError) as error:
                p.error(str(error))
            for claim in loaded:
                if own.setdefault(claim.id, claim) is not claim:
                    p.error(f"{source}: two claims are called {claim.id!r}")
        among = own
    for name in options.only or ():
        if name not in among:
            near = difflib.get_close_matches(name, among, n=3) or list(among)
            p.error(f"no claim is called {name!r}; perhaps {', '.join(near)}")
    return [among[name] for name in options.only or among]


def _check_file(p: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Refuse a file that cannot be written, before minutes of work."""
    file = options.json
    if file is None:
        return
    if file.exists() and not options.force:
        p.error(f"{file} exists; give --force to overwrite it")
    if file.exists() and not file.is_file():
        p.error(f"{file} is not a regular file")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        p.error(f"{file} cannot be written: {error}")
    if not os.access(file.parent, os.W_OK):
        p.error(f"{file} cannot be written: {file.parent} is read-only")


def _write(file: Path, text: str) -> None:
    """The file whole or not at all."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
