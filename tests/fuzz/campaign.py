"""Calls by number: the same number and seed make the same call, in any process."""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import subprocess
import sys
import time
import traceback
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fuzz import core, registry, surface
from fuzz.core import CALLS, Call
from fuzz.draw import Draw
from fuzz.hostile import NOTHING, REFUSE, SAME, Mutant, mutant

VALID = 0.3
"""Share of calls whose arguments are left as they are."""


@dataclass(frozen=True)
class Outcome:
    """How one numbered call ended."""

    number: int
    name: str
    argument: str
    kind: str
    outcome: str
    message: str
    reproducer: str

    @property
    def bad(self) -> bool:
        return self.outcome in core.BAD


def order(only: str = "") -> list[str]:
    """Names, those alone that match `only`, in the order in which they are called: a round."""
    registry.load()
    known = {*surface.public(), "command line"}
    names = [n for n in CALLS if n in known and re.match(only, n) for _ in range(core.SHARES[n])]
    shuffled = np.random.default_rng(0).permutation(len(names))
    return [names[i] for i in shuffled]


def once(seed: int, number: int, schedule: list[str], told: Any = lambda _: None) -> Outcome:
    """Draw and make call `number`; `told` gets what is known of it before it is made."""
    name = schedule[number % len(schedule)]
    draw = Draw([seed, number])
    try:
        with np.errstate(all="ignore"):
            call = CALLS[name](draw, name)
    except Exception as error:  # the package fails on the way to the call
        message = f"{type(error).__name__}: {error} at {_line(error)}"
        return Outcome(number, name, "", "drawn", core.FOREIGN, message.splitlines()[0], f"{name}(?)")
    changed, made = _changed(draw, call)
    arguments = dict(call.arguments) | ({} if made is None else {changed: made.value})
    text = f"{name}({', '.join(f'{key}={core.shown(value)}' for key, value in arguments.items())})"
    kind = "valid" if made is None else made.kind
    told(Outcome(number, name, changed, kind, core.CRASHED, "", text))
    before = {key: value.copy() for key, value in arguments.items() if type(value) is np.ndarray}
    end = core.make(call.target, arguments)
    outcome, message = _judged(call, arguments, end, changed, made)
    if outcome in core.GOOD and not call.writes:
        for key, value in before.items():
            if not np.array_equal(value, arguments[key], equal_nan=value.dtype.kind in "fc"):
                outcome, message = core.WRONG, f"{key} was changed by the call"
    message = " ".join(message.split())[:300]
    return Outcome(number, name, changed, kind, outcome, message, text)


def _changed(draw: Draw, call: Call) -> tuple[str, Mutant | None]:
    names = [name for name in call.arguments if call.role(name).kind != "free"]
    if not names or draw.chance(VALID):
        return "", None
    name = draw.one(*names)
    return name, mutant(call.arguments[name], call.role(name), draw.rng)


def _judged(
    call: Call, arguments: dict[str, Any], end: core.End, changed: str, made: Mutant | None
) -> tuple[str, str]:
    if end.error is not None:
        outcome, message = core.verdict_of_error(end.error, call)
        declined = outcome == core.REFUSED and (made is None or made.verdict == SAME) and call.strict
        return (core.DECLINED if declined else outcome), message
    if end.warnings:
        return core.WARNED, end.warnings[0]
    if made is not None and made.verdict == REFUSE:
        return core.ACCEPTED, f"accepted {changed}={core.shown(made.value)}"
    try:
        if made is not None and made.reference is not NOTHING:
            plain = core.make(call.target, {**call.arguments, changed: made.reference})
            if plain.error is not None:
                if getattr(made.reference, "dtype", None) == np.float32:  # whose range is narrower
                    return core.RIGHT, ""
                return core.ACCEPTED, f"accepted, although the plain value is refused: {plain.error}"
            rounding = made.tolerance > 1e-10
            core.assert_alike(end.value, plain.value, made.tolerance * (call.scale if rounding else 1.0))
            return core.RIGHT, ""
        if call.check is not None:
            with np.errstate(all="ignore"):
                call.check(end.value, arguments)
    except AssertionError as error:
        return core.WRONG, " ".join(str(error).split())[:200] or _line(error)
    except Exception as error:
        if made is None:
            return core.WRONG, f"the check fails: {type(error).__name__}: {error}; {_line(error)}"
        return core.ACCEPTED, f"accepted what no twin computes: {type(error).__name__}: {error}"[:200]
    return core.RIGHT, ""


def _line(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.line} ({Path(frame.filename).name}:{frame.lineno})"


def run(seed: int, numbers: Any, only: str = "") -> list[Outcome]:
    """Several calls in this process."""
    schedule = order(only)
    with core.limits():
        return [once(seed, number, schedule) for number in numbers]


# Many calls, in processes that may crash


def _work(seed: int, start: int, stop: int, step: int, only: str) -> None:
    schedule = order(only)
    with core.limits():
        for number in range(start, stop, step):
            print(json.dumps({"number": number}), flush=True)
            found = once(seed, number, schedule, _tell)
            print(json.dumps(found.__dict__), flush=True)


def _tell(begun: Outcome) -> None:
    print(json.dumps({"begun": begun.__dict__}), flush=True)


def _gather(seed: int, calls: int, processes: int, only: str) -> list[Outcome]:
    """All outcomes; a process that dies or stands still is a crash or a hang, and the next call goes on."""
    schedule = order(only)
    found: list[Outcome] = []
    workers = [_Worker(seed, first, calls, processes, only) for first in range(processes)]
    while running := [worker for worker in workers if worker.process is not None]:
        ready, _, _ = select.select([worker.process.stdout for worker in running], [], [], 5.0)
        for worker in running:
            found += worker.read(worker.process.stdout in ready, schedule)
        if sys.stderr.isatty():
            print(f"\r{len(found)} of {calls}", end="", file=sys.stderr, flush=True)
    return sorted(found, key=lambda one: one.number)


class _Worker:
    """A process that makes every so many-th call, begun again behind a call that it did not survive."""

    def __init__(self, seed: int, first: int, stop: int, step: int, only: str) -> None:
        self.seed, self.stop, self.step, self.only = seed, stop, step, only
        self.spawn(first)

    def spawn(self, number: int) -> None:
        self.process: Any = None
        if number >= self.stop:
            return
        settings = f"{self.seed}, {number}, {self.stop}, {self.step}, {self.only!r}"
        code = f"from fuzz.campaign import _work; _work({settings})"
        self.process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, bufsize=0)
        self.rest, self.number, self.begun, self.heard = b"", number, None, time.monotonic()

    def read(self, ready: bool, schedule: list[str]) -> list[Outcome]:
        found, ended = [], False
        if ready:
            chunk = os.read(self.process.stdout.fileno(), 2**16)
            ended, self.heard = not chunk, time.monotonic()
            *lines, self.rest = (self.rest + chunk).split(b"\n")
            for told in map(json.loads, lines):
                if "outcome" in told:
                    found.append(Outcome(**told))
                    self.number, self.begun = told["number"] + self.step, None
                else:
                    self.begun = Outcome(**told["begun"]) if "begun" in told else None
        hung = time.monotonic() - self.heard > 6 * core.SECONDS
        if not ended and not hung:
            return found
        if hung:
            self.process.kill()
        status = self.process.wait()
        if self.number < self.stop:
            name = schedule[self.number % len(schedule)]
            lost = self.begun or Outcome(self.number, name, "", "drawn", core.CRASHED, "", f"{name}(?)")
            what = core.HUNG if hung else core.CRASHED
            found.append(replace(lost, outcome=what, message=f"exit status {status}"))
        self.spawn(self.number + self.step)
        return found


def tables(found: list[Outcome]) -> str:
    """Counts by callable and by kind of outcome."""
    columns = [kind for kind in (*core.GOOD, *core.BAD) if any(one.outcome == kind for one in found)]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in found:
        counts[one.name][one.outcome] += 1
    width = max(map(len, counts))
    short = {kind: f"({chr(97 + at)})" for at, kind in enumerate(columns)}
    lines = [f"{short[kind]} {kind}: {sum(c[kind] for c in counts.values())}" for kind in columns]
    lines += ["", f"{'':<{width}} " + "".join(f"{short[kind]:>6}" for kind in columns)]
    for name in sorted(counts):
        row = "".join(f"{counts[name][kind] or '.':>6}" for kind in columns)
        lines.append(f"{name:<{width}} {row}")
    return "\n".join(lines)


def failures(found: list[Outcome]) -> str:
    """The distinct failures, each with its shortest reproducer."""
    groups: dict[tuple[str, ...], list[Outcome]] = defaultdict(list)
    for one in found:
        if one.bad:
            shape = "".join(c for c in one.message if not c.isdigit())[:60]
            groups[one.name, one.argument, one.outcome, shape].append(one)
    lines = []
    for (name, argument, outcome, _), members in sorted(groups.items(), key=lambda item: item[0]):
        least = min(members, key=lambda one: len(one.reproducer))
        lines += [
            f"{name}  [{argument or 'valid'}: {least.kind}]  {outcome}  x{len(members)}",
            f"    {least.message}",
            f"    call {least.number}: {least.reproducer}"[:1200],
        ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign; 1 if a call ends badly."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default="", metavar="PATTERN", help="calls of what this matches alone")
    parser.add_argument("--number", type=int, help="this call alone, in this process")
    parser.add_argument("--output", type=Path, default=Path("results/fuzz.txt"))
    options = parser.parse_args(arguments)
    registry.load()
    if options.number is not None:
        (one,) = run(options.seed, [options.number], options.only)
        print(f"{one.outcome}: {one.message}\n{one.reproducer}")
        return int(one.bad)
    found = _gather(options.seed, options.calls, options.processes, options.only)
    print(tables(found))
    bad = failures(found)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(f"{tables(found)}\n\n{bad}\n", encoding="utf-8")
    print(f"\n{sum(one.bad for one in found)} of {len(found)} calls end badly: {options.output}")
    return int(any(one.bad for one in found))
