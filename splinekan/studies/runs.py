"""Runs in stages: one stage a level, kept on disk as it ends, so that an interrupted study goes on."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from splinekan._checks import Float64Array
from splinekan._files import write_json
from splinekan.multilevel import Hierarchy, TournamentResult
from splinekan.objectives.pinn import PINN
from splinekan.optimize import History, Result, Status
from splinekan.pdes import BoundaryValueProblem

Ended = TypeVar("Ended", Result, TournamentResult)


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

    @staticmethod
    def of(record: dict[str, Any]) -> Stage:
        """The inverse of `record`, to the last bit."""
        columns = {name: np.array(column) for name, column in record["history"].items()}
        return Stage(**record | {"theta": np.array(record["theta"]), "history": History(**columns)})


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
    def stages(self) -> int:
        """How many."""

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


def whole(result: Ended) -> Ended:
    """The result, unless the keyboard cut it short: a level that is not finished is not kept.

    Raises
    ------
    KeyboardInterrupt
        Again, if the optimiser caught it.
    """
    if result.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    return result


@dataclass(frozen=True)
class Checkpoints:
    """Files in a folder, one per run, each replaced as a whole when a stage ends."""

    folder: Path

    def load(self, name: str, settings: dict[str, Any]) -> list[Stage]:
        """The stages done; none if there is no file.

        Raises
        ------
        ValueError
            If the file was written with other settings, or is none of ours.
        """
        path = self._path(name)
        if not path.exists():
            return []
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            stages = [Stage.of(each) for each in record["stages"]]
            same = record["settings"] == fingerprint(settings)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no checkpoint of a study: {error}") from error
        if not same:
            raise ValueError(f"{path} was written with other settings: name another folder, or remove it")
        return stages

    def save(self, name: str, settings: dict[str, Any], stages: Sequence[Stage]) -> None:
        """Write the stages done."""
        record = {"settings": fingerprint(settings), "stages": [stage.record() for stage in stages]}
        write_json(self._path(name), record)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def fingerprint(settings: dict[str, Any]) -> str:
    """A short digest that changes with any setting."""
    text = json.dumps(settings, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def carry_out(
    name: str,
    settings: dict[str, Any],
    stages: int,
    advance: Callable[[int, Stage | None], Stage],
    checkpoints: Checkpoints | None,
) -> list[Stage]:
    """Stages 0, 1, ... of a run, those on disk taken from there.

    Every stage is on disk as soon as it is done, so an interrupt loses none; the one that it cuts short
    begins again, and a resumed run ends in the same numbers.
    """
    done = [] if checkpoints is None else checkpoints.load(name, settings)
    for index in range(len(done), stages):
        done.append(advance(index, done[-1] if done else None))
        if checkpoints is not None:
            checkpoints.save(name, settings, done)
    return done[:stages]
