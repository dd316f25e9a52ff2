"""Formulas found from samples by splinekan and by pykan: success rates, times, and the formulas.

    python benchmarks/formulas.py [--quick] [--only NAME ...] [--packages NAME ...] [--noise LEVEL ...]
        [--draws N] [--limit SECONDS] [--threads N] [--jobs N] [--known FILE] [--out FILE] [--markdown]
        [--verbose]

2000 samples, uniform in a box, of every formula in `formula_cases.py`; noise in deviations of y. A package
runs in a process of its own, and its time is without imports: seconds on the clock, and of processors.
`formula_judge.py` judges all alike: "family" counts formulas that are the true one once their constants are
fitted to data without noise (largest error on fresh points at most 1e-6 deviations of y), "constants" those
that are so as they stand; 1 - R^2 on fresh points, without noise. `formula_peers.py` describes the route of
pykan; `--limit` is the processor time after which it begins no further attempt.

`--known` takes results of all packages but splinekan from an earlier `--out` file where that holds them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import sympy
from formula_cases import CASES, Case
from formula_judge import FAILED, judge
from formula_peers import PACKAGES
from tables import Table
from timing import bind, load

OURS = "splinekan"
QUICK = ("exp-sine", "I.16.6", "II.38.3", "additive")
NOISE = (0.0, 0.01, 0.05)
PATIENCE = 10
"""A process is ended after this many times the limit, and two minutes."""
SHOWN = 90
"""Characters of a formula in a table."""
Record = dict[str, Any]


def measured(case: Case, package: str, noise: float, draw: int, options: argparse.Namespace) -> Record:
    """The verdict on the formula that a package found, or the reason of its failure."""
    record: Record = {"case": case.name, "package": package, "noise": noise, "draw": draw, "load": load()}
    x, y = case.draw(noise, draw)
    with tempfile.TemporaryDirectory() as folder:
        samples, result = Path(folder) / "samples.npz", Path(folder) / "result.json"
        np.savez(samples, x=x, y=y)
        script = str(Path(__file__).with_name("formula_peers.py"))
        given = (package, samples, result, options.limit, options.threads, draw)
        try:
            done = subprocess.run(
                [sys.executable, script, *map(str, given)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=PATIENCE * options.limit + 120,
            )
        except subprocess.TimeoutExpired as late:
            return record | asdict(FAILED) | {"expression": "", "failure": "time", **times(late.timeout)}
        if done.returncode:
            failure = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1][:200]
            return record | asdict(FAILED) | {"expression": "", "failure": failure, **times(float("nan"))}
        record |= json.loads(result.read_text())
    if not record["expression"]:
        return record | asdict(FAILED) | {"failure": "no formula"}
    try:
        return record | asdict(judge(case, record["expression"]))
    except Exception as failure:  # a function that SymPy cannot compile, say: the run goes on
        return record | asdict(FAILED) | {"failure": repr(failure)[:200]}


def times(seconds: float) -> dict[str, float]:
    """Those of a process that has written none."""
    return {"seconds": seconds, "processor": seconds}


def chosen(names: list[str]) -> list[Case]:
    """The cases whose names begin so."""
    found = [case for case in CASES if not names or any(case.name.startswith(name) for name in names)]
    if not found:
        raise SystemExit(
            f"no case begins with {', '.join(names)}; there are {', '.join(c.name for c in CASES)}"
        )
    return found


def installed(names: list[str]) -> list[str]:
    """The packages that were asked for, or all that are there."""
    for name in names:
        if name not in PACKAGES:
            raise SystemExit(f"no package {name}; there are {', '.join(PACKAGES)}")
        if PACKAGES[name].missing:
            raise SystemExit(f"{name} is not installed")
    return names or [name for name, package in PACKAGES.items() if not package.missing]


def run(options: argparse.Namespace) -> list[Record]:
    """Every record, level by level; the file grows as they come."""
    if options.out is not None and options.out.exists() and options.out != options.known:
        raise SystemExit(f"{options.out} exists; choose another file, or give it to --known as well")
    known = {}
    if options.known is not None:
        for record in json.loads(options.known.read_text())["records"]:
            known[key(record)] = record
    plan = [
        (case, package, noise, draw)
        for noise in options.noise
        for draw in range(options.draws)
        for case in chosen(options.only)
        for package in installed(options.packages)
    ]
    records: list[Record] = []

    def result(task: tuple[Case, str, float, int]) -> Record:
        earlier = known.get((task[0].name, *task[1:])) if task[1] != OURS else None
        return earlier or measured(*task, options)

    with ThreadPoolExecutor(options.jobs) as pool:
        for record in pool.map(result, plan):
            records.append(record)
            known.pop(key(record), None)
            if options.verbose:
                print(json.dumps(record), flush=True)
            save(options, [*records, *known.values()])
    return records


def key(record: Record) -> tuple[str, str, float, int]:
    """The key that identifies a record."""
    return record["case"], record["package"], record["noise"], record["draw"]


def save(options: argparse.Namespace, records: list[Record]) -> None:
    """The records so far and the known ones that are not among them, whole at any moment."""
    if options.out is None:
        return
    settings = {name: getattr(options, name) for name in ("limit", "threads", "jobs")}
    settings |= {"machine": platform.processor(), "python": platform.python_version()}
    part = options.out.with_name(options.out.name + ".part")
    part.write_text(json.dumps({"settings": settings, "records": records}, indent=0))
    os.replace(part, options.out)


def shortened(expression: str) -> str:
    """A formula with four digits, cut where it is long."""
    if not expression:
        return ""
    tree = sympy.sympify(expression)
    rounded = tree.xreplace({number: sympy.Float(number, 4) for number in tree.atoms(sympy.Float)})
    shown = sympy.sstr(rounded)
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 3] + "..."


def share(records: list[Record], key: str) -> str:
    """Yes or no for a single draw, or how many draws of all."""
    yes = sum(record[key] for record in records)
    return ("no", "yes")[yes] if len(records) == 1 else f"{yes}/{len(records)}"


def show(records: list[Record], markdown: bool) -> None:
    """A table for every level of noise; totals, with medians over all formulas."""
    head = (
        "formula",
        "package",
        "family",
        "constants",
        "1 - R^2",
        "numbers",
        "size",
        "seconds",
        "processor",
        "found",
    )
    for noise in dict.fromkeys(record["noise"] for record in records):
        level = [record for record in records if record["noise"] == noise]
        title = f"noise {noise:.0%}" if noise else "no noise"
        widest = [
            max(map(len, column)) for column in zip(*((r["case"], r["package"]) for r in level), strict=True)
        ]
        columns = head if markdown else (head[0].rjust(widest[0]), head[1].rjust(widest[1]), *head[2:])
        table = Table(f"### {title}" if markdown else title, columns, markdown)
        pairs = list(dict.fromkeys((record["case"], record["package"]) for record in level))
        for case, package in pairs:
            mine = [r for r in level if (r["case"], r["package"]) == (case, package)]
            table.row(case, package, *summary(mine), shortened(mine[0]["expression"]))
        for package in dict.fromkeys(package for _, package in pairs):
            mine = [record for record in level if record["package"] == package]
            verdicts = [f"{sum(r[key] for r in mine)}/{len(mine)}" for key in ("family", "constants")]
            total = f"median; {sum(r['seconds'] for r in mine if np.isfinite(r['seconds'])):.0f} s in all"
            table.row("all", package, *verdicts, *summary(mine)[2:], total)


def summary(mine: list[Record]) -> tuple[object, ...]:
    """Verdicts of the draws, and medians."""
    keys = "unexplained", "numbers", "operations", "seconds", "processor"
    unexplained, *rest = (float(np.median([record[key] for record in mine])) for key in keys)
    return share(mine, "family"), share(mine, "constants"), f"{unexplained:.1e}", *rest


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="four formulas without noise, a limit of 20 s")
    parser.add_argument("--only", nargs="+", default=[], help="beginnings of names of formulas")
    parser.add_argument("--packages", nargs="+", default=[], help=f"of {', '.join(PACKAGES)}")
    parser.add_argument("--noise", nargs="+", type=float, help="levels; 0 0.01 0.05 if left out")
    parser.add_argument("--draws", type=int, default=1, help="draws of samples and noise")
    parser.add_argument("--limit", type=float, help="seconds of processor time; 120 if left out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--jobs", type=int, default=1, help="processes at a time; times are worth less with more"
    )
    parser.add_argument("--known", type=Path, help="take the others' results from this file")
    parser.add_argument("--out", type=Path, help="a file for all results, in JSON")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="a line for every formula")
    options = parser.parse_args()
    options.only = options.only or (list(QUICK) if options.quick else [])
    options.noise = options.noise or ([0.0] if options.quick else list(NOISE))
    options.limit = options.limit or (20.0 if options.quick else 120.0)
    bind(options.threads)
    show(run(options), options.markdown)


if __name__ == "__main__":
    main()
