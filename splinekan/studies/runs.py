"""Runs in stages: one stage a level, kept on disk as it ends, so that an interrupted study goes on."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np

from splinekan import __version__
from splinekan._checks import Float64Array, instance, integer, real, same_length, shown, vector
from splinekan._files import locked, write_json
from splinekan.multilevel import Hierarchy
from splinekan.objectives.pinn import PINN
from splinekan.optimize import History, Result
from splinekan.problems.boundary import BoundaryValueProblem


@dataclass(frozen=True, eq=False)
class Stage:
    """The end of a level.

    Attributes
    ----------
    level, intervals, parameters
        Which level, and its network.
    theta
        The parameters.
    loss, fresh_loss
        At the points of training, and at points between them.
    error
        Relative l2 error against the reference.
    work, seconds
        So far, all levels; work in evaluations on the coarsest one.
    history
        Of the level; of a tournament, its winner's last round.
    """

    level: int
    intervals: int
    parameters: int
    theta: Float64Array
    loss: float
    fresh_loss: float
    error: float
    work: float
    seconds: float
    history: History

    def record(self) -> dict[str, Any]:
        """As plain numbers and lists."""
        values = asdict(self) | {"theta": self.theta.tolist()}
        values["history"] = {name: column.tolist() for name, column in asdict(self.history).items()}
        return values

    @property
    def finite(self) -> bool:
        """Whether all of its numbers are finite."""
        numbers = (self.loss, self.fresh_loss, self.error, self.work, self.seconds)
        arrays = (self.theta, *(getattr(self.history, each.name) for each in fields(History)))
        return bool(np.isfinite(numbers).all() and all(np.isfinite(array).all() for array in arrays))


@dataclass(frozen=True, eq=False)
class Run(ABC):
    """One way to solve a problem, from one seed.

    Attributes
    ----------
    problem, seed
        What is solved, and what draws the starts.
    hierarchy
        The levels.
    """

    problem: BoundaryValueProblem
    seed: int
    hierarchy: Hierarchy = field(init=False, repr=False)

    @property
    @abstractmethod
    def words(self) -> tuple[str, str, str]:
        """Basis, schedule and optimiser, for the table."""

    @property
    @abstractmethod
    def levels(self) -> tuple[int, ...]:
        """The level of every stage."""

    @property
    def stages(self) -> int:
        """How many."""
        return len(self.levels)

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """All that the numbers depend on."""

    @abstractmethod
    def advance(self, index: int, before: Stage | None) -> Stage:
        """Stage `index` after the one before."""

    def solution(self, stage: Stage, points: Float64Array) -> Float64Array:
        """u at points (n, 2)."""
        return self.problem.solution(self.hierarchy[stage.level].network, stage.theta, points)

    def residual(self, stage: Stage, points: Float64Array) -> Float64Array:
        """The equation's residual at points (n, 2)."""
        return self.problem.residual(self.hierarchy[stage.level].network, stage.theta, points)

    def _stage(
        self, level: int, result: Result, loss: float, fresh: PINN, work: float, seconds: float
    ) -> Stage:
        network = self.hierarchy[level].network
        return Stage(
            level,
            network.intervals,
            network.n_parameters,
            result.theta,
            loss,
            fresh.value(result.theta),
            self.problem.relative_error(lambda at: self.problem.solution(network, result.theta, at)),
            work,
            seconds,
            result.history,
        )


FORMAT = 1
"""Of checkpoint files; it changes with what they hold."""
LARGEST = 2**28
"""Bytes; the largest runs take about a hundredth of it."""


@dataclass(frozen=True)
class Checkpoints:
    """Files in a folder, one per run, each replaced as a whole when a stage ends."""

    folder: Path

    def load(self, name: str, run: Run) -> list[Stage]:
        """The stages done; none if there is no file.

        Raises
        ------
        ValueError
            If the file was written with other settings, by another version, or is damaged; it names the file
            and what is wrong with it.
        OSError
            If the file cannot be read.
        """
        path = self._path(name)
        try:
            status = path.stat()
        except FileNotFoundError:
            return []
        try:
            if not S_ISREG(status.st_mode):
                raise ValueError("not a regular file")
            if status.st_size > LARGEST:
                raise ValueError(f"{status.st_size} bytes are too many")
            record = _parsed(path.read_bytes())
            if record.get("format") != FORMAT:
                raise ValueError(f"its format must be {FORMAT}, got {shown(record.get('format'))}")
            if record.get("version") != __version__:
                written = shown(record.get("version"))
                raise ValueError(f"written by version {written}, this is {__version__!r}")
            _fields("the file", record, ("format", "version", "settings", "stages", "digest"))
            if record["settings"] != fingerprint({"seed": run.seed, **run.settings}):
                raise ValueError("written with other settings")
            if record["digest"] != fingerprint({"stages": record["stages"]}):
                raise ValueError("its numbers are not those that were written")
            return _stages(record["stages"], run)
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            reason = str(error) or type(error).__name__
            raise ValueError(
                f"{path} is not a checkpoint of this run: {reason}; remove it, or name another folder"
            ) from error

    def save(self, name: str, run: Run, stages: Sequence[Stage]) -> None:
        """Write the stages done."""
        records = [stage.record() for stage in stages]
        record = {
            "format": FORMAT,
            "version": __version__,
            "settings": fingerprint({"seed": run.seed, **run.settings}),
            "stages": records,
            "digest": fingerprint({"stages": records}),
        }
        write_json(self._path(name), record)

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Keep other processes from carrying out the same run in the same folder.

        Raises
        ------
        ValueError
            If another process does so now.
        OSError
            If the folder cannot be written.
        """
        with ExitStack() as held:
            try:
                held.enter_context(locked(self.folder / f"{name}.lock"))
            except BlockingIOError:
                path = self._path(name)
                raise ValueError(f"another process is at work on {path}: wait for its end") from None
            yield

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def _parsed(content: bytes) -> dict[str, Any]:
    """A JSON object without repeated names and without NaN and infinities."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name occurs twice in an object")
        return found

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not a number")

    record = json.loads(content.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)
    return instance("the file's content", record, dict)


def _fields(what: str, record: dict[str, Any], names: Iterable[str]) -> None:
    wanted = set(names)
    if set(record) != wanted:
        missing, extra = sorted(wanted - set(record)), sorted(set(record) - wanted)
        raise ValueError(f"{what} must have the entries {sorted(wanted)}: {missing} missing, {extra} unknown")


def _stages(records: Any, run: Run) -> list[Stage]:
    """The stages of a run, in order, with networks and numbers that the run could have left."""
    instance("stages", records, list)
    if not 1 <= len(records) <= run.stages:
        raise ValueError(f"stages must number between 1 and {run.stages}, got {len(records)}")
    done: list[Stage] = []
    for index, record in enumerate(records):
        name = f"stages[{index}]"
        _fields(name, instance(name, record, dict), (each.name for each in fields(Stage)))
        stage = _stage(name, record, run, run.levels[index])
        if done and not (stage.work >= done[-1].work and stage.seconds >= done[-1].seconds):
            raise ValueError(f"{name}: work and seconds must not be less than on the level before")
        done.append(stage)
    return done


def _stage(name: str, record: dict[str, Any], run: Run, level: int) -> Stage:
    network = run.hierarchy[level].network
    expected: dict[str, Any] = {
        "level": level,
        "intervals": network.intervals,
        "parameters": network.n_parameters,
    }
    for key, value in expected.items():
        if integer(f"{name}.{key}", record[key]) != value:
            raise ValueError(f"{name}.{key} must be {value}, got {shown(record[key])}")
    numbers: dict[str, Any] = {
        key: real(f"{name}.{key}", record[key], low=0.0)
        for key in ("loss", "fresh_loss", "error", "work", "seconds")
    }
    history = instance(f"{name}.history", record["history"], dict)
    names = [each.name for each in fields(History)]
    _fields(f"{name}.history", history, names)
    columns: dict[str, Any] = {key: _column(f"{name}.history.{key}", history[key]) for key in names}
    same_length(**columns)
    for key in ("evaluations", "work", "seconds"):
        if (np.diff(columns[key]) < 0).any():
            raise ValueError(f"{name}.history.{key} must not decrease")
    theta = _column(f"{name}.theta", record["theta"], network.n_parameters)
    return Stage(**expected, **numbers, theta=theta, history=History(**columns))


def _column(name: str, value: Any, length: int | None = None) -> Float64Array:
    """A list of finite numbers, not empty."""
    if any(type(each) not in (int, float) for each in instance(name, value, list)):
        raise TypeError(f"{name} must be a list of numbers")
    if not value:
        raise ValueError(f"{name} must not be empty")
    return vector(name, value, length)


def fingerprint(settings: dict[str, Any]) -> str:
    """A short digest that changes with any setting."""
    text = json.dumps(settings, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def carry_out(
    name: str,
    run: Run,
    done: Sequence[Stage],
    advance: Callable[[int, Stage | None], Stage],
    checkpoints: Checkpoints | None,
) -> list[Stage]:
    """The stages of a run that are not among those `done`.

    Every stage is on disk as soon as it is done, so an interrupt loses none; the stage that it cuts short
    begins again, and a resumed run ends in the same numbers. A stage that ended in NaN or infinities is not
    kept, nor what follows it.
    """
    stages = list(done)
    for index in range(len(stages), run.stages):
        stages.append(advance(index, stages[-1] if stages else None))
        if checkpoints is not None and all(stage.finite for stage in stages):
            checkpoints.save(name, run, stages)
    return stages
