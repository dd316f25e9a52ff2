"""The outcome of a solution from a seed as a few numbers, stored as soon as it is computed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from splinekan import __version__
from splinekan._checks import shown
from splinekan._files import locked, write_json
from splinekan.problems.gallery import Problem
from splinekan.studies.skeleton.checkpoints import fingerprint
from splinekan.studies.skeleton.validation import parsed, refuse_other_fields

FORMAT = 1
LARGEST = 2**20
"""Bytes of a file; they take about a thousandth of it."""
FAILURES = (ValueError, TypeError, NotImplementedError, ArithmeticError, MemoryError, np.linalg.LinAlgError)
"""Errors that end a solution but not the study: networks that do not fit a problem, and breakdowns."""


@dataclass(frozen=True)
class Run:
    """A run: a problem and the options of `solve`.

    Attributes
    ----------
    problem
        Its name in the gallery.
    network
        A network name of `solve`, or "default".
    seed
        The seed of `solve`.
    seconds
        The time limit of `solve`; None without a limit.
    tolerance
        The tolerance of `solve`; None for that of the problem.
    """

    problem: str
    network: str
    seed: int
    seconds: float | None
    tolerance: float | None = None


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run.

    Attributes
    ----------
    network, parameters
        The network that was chosen, and its size.
    errors
        Relative l2 error of every unknown that has a reference.
    seconds, process_seconds
        Wall time, and processor time of all threads.
    warnings
        The warnings of the solution.
    failure
        The reason for a missing solution, in which case the other entries are empty; otherwise "".
    """

    network: str
    parameters: int
    errors: dict[str, float]
    seconds: float
    process_seconds: float
    warnings: list[str]
    failure: str = ""

    @property
    def worst(self) -> float:
        """The largest error of an unknown, NaN without a solution."""
        return max(self.errors.values(), default=float("nan"))


def carried_out(run: Run, problem: Problem) -> Outcome:
    """The outcome of a run. Errors in `FAILURES` become an outcome without a solution."""
    began, processor = perf_counter(), process_time()
    options: dict[str, Any] = {} if run.network == "default" else {"network": run.network}
    if run.seconds is not None:
        options["seconds"] = run.seconds
    if run.tolerance is not None:
        options["tolerance"] = run.tolerance
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")  # the solution holds them
        try:
            solution = problem.solve(run.seed, **options)
            seconds, used = perf_counter() - began, process_time() - processor
            errors = problem.error(solution)  # refused beyond the end of a solution that ran out of time
        except FAILURES as error:
            reason = f"{type(error).__name__}: {error}"
            return Outcome(run.network, 0, {}, 0.0, 0.0, [], reason)
    return Outcome(
        solution.network_name, solution.n_parameters, errors, seconds, used, list(solution.warnings)
    )


@dataclass(frozen=True)
class Store:
    """Outcomes in a folder, a file for every run."""

    folder: Path
    study: str

    def load(self, run: Run) -> Outcome | None:
        """The outcome on disk; None if there is no file.

        Raises
        ------
        ValueError
            If the file was written with other settings, by another version, or is damaged.
        OSError
            If it cannot be read.
        """
        path = self._path(run)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return None
        try:
            if size > LARGEST or not path.is_file():
                raise ValueError("not a file of an outcome")
            record = parsed(path.read_bytes())
            refuse_other_fields("the file", record, ("format", "version", "run", "outcome", "digest"))
            if (record["format"], record["version"]) != (FORMAT, __version__):
                raise ValueError(f"written by version {shown(record['version'])}, this is {__version__!r}")
            if record["run"] != asdict(run):
                raise ValueError("written with other settings")
            if record["digest"] != fingerprint({"outcome": record["outcome"]}):
                raise ValueError("its numbers are not those that were written")
            refuse_other_fields("the outcome", record["outcome"], (each.name for each in fields(Outcome)))
            return Outcome(**record["outcome"])
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"{path} is not a checkpoint of this run: {error}; remove it, or name another folder"
            ) from error

    def save(self, run: Run, outcome: Outcome) -> None:
        """Write an outcome; failures and errors that are not finite are computed again next time."""
        if outcome.failure or not np.isfinite(outcome.worst):
            return
        values = asdict(outcome)
        record = {
            "format": FORMAT,
            "version": __version__,
            "run": asdict(run),
            "outcome": values,
            "digest": fingerprint({"outcome": values}),
        }
        write_json(self._path(run), record)

    @contextmanager
    def alone(self, run: Run) -> Iterator[None]:
        """Keep other processes from the same run in the same folder.

        Raises
        ------
        ValueError
            If another process is at work on it.
        """
        path = self._path(run)
        with ExitStack() as held:
            try:
                held.enter_context(locked(path.with_suffix(".lock")))
            except BlockingIOError:
                raise ValueError(f"another process is at work on {path}: wait for its end") from None
            yield

    def _path(self, run: Run) -> Path:
        return self.folder / f"{self.study}-{run.problem}-{run.network}-{run.seed}.json"
