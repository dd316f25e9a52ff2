"""The gallery of differential equations: errors and times of `solve`, beside the records.

Errors are relative l2 errors against the problem's reference, at about 20,000 points of the closed domain; of
several unknowns, the largest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from splinekan._checks import boolean, one_of, real
from splinekan._processes import Done, Place
from splinekan.problems import gallery
from splinekan.solving.options import NETWORKS as KNOWN
from splinekan.studies.pde.outcomes import Outcome, Run, Store, carried_out
from splinekan.studies.skeleton.arguments import distinct_names, distinct_seeds
from splinekan.studies.skeleton.study import TableStudy
from splinekan.studies.skeleton.sweep import Job, Sweep
from splinekan.studies.skeleton.tables import Column

NAMES = tuple(gallery.PROBLEMS)
SEEDLESS = ("tensor",)
"""Networks whose solutions do not depend on the seed: they are solved once, without a limit of time."""
SEEDS = (0, 1, 2, 3, 4)
NETWORKS = ("default", *KNOWN)
"""Arguments of --networks: the choice of `solve`, or a network by name."""
QUICK_PROBLEMS = ("poisson", "heat", "disk", "epidemic")
QUICK_SECONDS = 5.0
"""The limit of `solve` in the quick setting."""
QUICK = {"quick": True}


@dataclass(frozen=True)
class Row:
    """A problem and a network, over all seeds.

    Attributes
    ----------
    name
        The name of the problem.
    network, parameters
        The network, and its size in the median.
    rel_l2_per_seed
        NaN for a seed without a solution.
    median, worst
        Median and largest of these errors; NaN if a seed lacks a solution.
    seconds, process_seconds
        Medians.
    record, record_seconds, record_hardware, record_source
        As for `Problem`.
    unknowns
        Per unknown the errors of all seeds.
    warnings, failures
        Per seed, as text.
    """

    name: str
    network: str
    parameters: int
    rel_l2_per_seed: list[float]
    median: float
    worst: float
    seconds: float
    process_seconds: float
    record: float | None
    record_seconds: float | None
    record_hardware: str
    record_source: str
    unknowns: dict[str, list[float]]
    warnings: list[list[str]]
    failures: list[str]


def _record(row: Row) -> str:
    if row.record is None:
        return "none known"
    time = "" if row.record_seconds is None else f", {row.record_seconds:.0f} s"
    return f"{row.record:.1e} ({row.record_hardware}{time})"


def _remarks(row: Row) -> str:
    failed = [text for text in row.failures if text]
    warned = sum(bool(texts) for texts in row.warnings)
    parts = [f"failed: {failed[0][:60]}"] if failed else []
    return "; ".join(parts + ([f"{warned} with warnings"] if warned else []))


COLUMNS = (
    Column("problem", "name", left=True),
    Column("network", "network", left=True),
    Column("parameters", "parameters"),
    Column("median", "median", ".1e"),
    Column("worst", "worst", ".1e"),
    Column("s/seed", "seconds", ".1f"),
    Column("processor s", "process_seconds", ".1f"),
    Column("record", _record, left=True),
    Column("source", "record_source", left=True),
    Column("remarks", _remarks, left=True),
)


def run(
    problems: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    networks: Sequence[str] | None = None,
    *,
    seconds: float | None = None,
    tolerance: float | None = None,
    quick: bool = False,
    checkpoints: str | Path | None = None,
    progress: bool = False,
    name: str = "pde",
    workers: int | None = None,
    scheduler: str | None = None,
) -> TableStudy[Row]:
    """Solve every problem with every network from every seed.

    Parameters
    ----------
    problems
        Names from `NAMES`; None for all of them, or `QUICK_PROBLEMS` if quick.
    seeds
        None for `SEEDS`, or the first of them if quick.
    networks
        Names from `NETWORKS`; None for the choice of `solve`. A network that cannot represent a problem gives
        a row without errors, with the reason.
    seconds
        The limit of every solution; None for none, or `QUICK_SECONDS` if quick. A solution that reaches the
        limit depends on the machine.
    tolerance
        The tolerance of `solve` for every problem; None for that of each problem.
    quick
        A few problems, a seed, a limit of a few seconds.
    checkpoints
        A folder that is written to after every solution. Solutions that it holds are not computed again.
    progress
        Show a bar (tqdm), a tick per solution.
    name
        The name of the study, for its record and its checkpoints.
    workers, scheduler
        As for `splinekan.studies.skeleton.sweep.Sweep`.

    Raises
    ------
    TypeError, ValueError
        For unknown or repeated names, no seeds or seeds given twice; for checkpoints of other settings or
        damaged ones, and while another process works on the same solution in the same folder.
    """
    one_of("name", name, ("pde", *NAMES))
    quick = boolean("quick", quick)
    sweep = Sweep(workers, scheduler, checkpoints, progress)
    chosen = distinct_names("problems", _given(problems, QUICK_PROBLEMS if quick else NAMES), NAMES)
    numbers = distinct_seeds(_given(seeds, SEEDS[:1] if quick else SEEDS))
    kinds = distinct_names("networks", _given(networks, NETWORKS[:1]), NETWORKS)
    limit = QUICK_SECONDS if seconds is None and quick else seconds
    limit = None if limit is None else real("seconds", limit, positive=True)
    aim = None if tolerance is None else real("tolerance", tolerance, low=0.0, high=1.0)
    store = None if sweep.checkpoints is None else Store(Path(sweep.checkpoints), name)
    runs = [Run(problem, kind, seed, limit, aim) for problem in chosen for kind in kinds for seed in numbers]
    made = {each: gallery.problem(each) for each in chosen}
    found = {} if store is None else {each: known for each in runs if (known := store.load(each))}
    firsts = [each for each in runs if each.seed == numbers[0] and each not in found]
    solved, places = _solved(name, firsts, sweep, store)
    found |= solved

    def other(each: Run) -> bool:
        # Tensor-product splines start from the same functions for every seed.
        first = found[Run(each.problem, each.network, numbers[0], limit, aim)]
        return first.network not in SEEDLESS or limit is not None

    others = [each for each in runs if each not in found and other(each)]
    solved, later = _solved(name, others, sweep, store)
    found |= solved
    rows = []
    for problem in chosen:
        for kind in kinds:
            first = found[Run(problem, kind, numbers[0], limit, aim)]
            outcomes = [found.get(Run(problem, kind, seed, limit, aim), first) for seed in numbers]
            rows.append(_row(made[problem], kind, outcomes))
    settings = {
        "problems": chosen,
        "networks": kinds,
        "seeds": numbers,
        "seconds_limit": limit,
        "tolerance": aim,
        "quick": quick,
        "titles": {each: made[each].title for each in chosen},
    }
    return TableStudy(name, COLUMNS, tuple(rows), settings, places=places | later)


def _given(value: Any, default: Sequence[Any]) -> Any:
    return default if value is None else value


def _solved(
    study: str, runs: Sequence[Run], sweep: Sweep, store: Store | None
) -> tuple[dict[Run, Outcome], dict[str, Place]]:
    """The outcomes of the runs, and where they were carried out."""
    labels = {f"{each.problem}, {each.network}, seed {each.seed}": each for each in runs}
    jobs = {label: Job(_outcome, (each,)) for label, each in labels.items()}
    swept = sweep.run(study, jobs, None if store is None else _Kept(store, labels))
    return {labels[label]: outcome for label, outcome in swept.results.items()}, swept.places


def _outcome(each: Run) -> Outcome:
    return carried_out(each, gallery.problem(each.problem))


@dataclass(frozen=True)
class _Kept:
    """Outcomes on disk, as `splinekan.studies.skeleton.sweep.Store`."""

    store: Store
    runs: Mapping[str, Run]

    def load(self, key: str) -> Done | None:
        outcome = self.store.load(self.runs[key])
        return None if outcome is None else Done(outcome, None)

    def save(self, key: str, done: Done) -> None:
        self.store.save(self.runs[key], done.result)

    def alone(self, key: str) -> AbstractContextManager[None]:
        return self.store.alone(self.runs[key])


def _row(problem: gallery.Problem, kind: str, outcomes: list[Outcome]) -> Row:
    errors = [each.worst for each in outcomes]
    kinds = list(dict.fromkeys(each.network for each in outcomes if not each.failure)) or [kind]
    names = dict.fromkeys(name for each in outcomes for name in each.errors)
    return Row(
        problem.name,
        " or ".join(kinds),
        int(np.median([each.parameters for each in outcomes])),
        errors,
        float(np.median(errors)),
        float(np.max(errors)),
        float(np.median([each.seconds for each in outcomes])),
        float(np.median([each.process_seconds for each in outcomes])),
        problem.record,
        problem.record_seconds,
        problem.record_hardware,
        problem.record_source,
        {name: [each.errors.get(name, float("nan")) for each in outcomes] for name in names},
        [each.warnings for each in outcomes],
        [each.failure for each in outcomes],
    )
