"""Sweeps: the independent runs of a study, in this process, on several processes, or on a cluster.

Results come in the order of the runs, and are bitwise the same (except for times), wherever and in whatever
order the runs are carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from splinekan._checks import boolean, instance, integer
from splinekan._files import as_path
from splinekan._processes import Call, Done, Place, carried_out, on_processes
from splinekan._threads import MOST
from splinekan.studies.skeleton.results import Results
from splinekan.studies.skeleton.seeds import progress_bar


@dataclass(frozen=True)
class Job(Call):
    """A run that depends on no other: a function and its arguments.

    Attributes
    ----------
    settings
        All that the result depends on, apart from the run's name; it identifies checkpoints of other runs.
    steps
        Ticks on the progress bar.
    """

    settings: Any = None
    steps: int = 1


@dataclass(frozen=True)
class Swept:
    """The result of a sweep.

    Attributes
    ----------
    results
        By run, in the order of the runs.
    places
        Where runs were carried out, where that is known.
    """

    results: dict[str, Any]
    places: dict[str, Place]

    def pick(self, names: Iterable[str]) -> list[Any]:
        """The results of these runs."""
        return [self.results[name] for name in names]


class Store(Protocol):
    """Results on disk by run: what `Results` does."""

    def load(self, key: str) -> Done | None: ...

    def save(self, key: str, done: Done) -> None: ...

    def alone(self, key: str) -> AbstractContextManager[None]: ...


class _Nowhere:
    """Results that are not kept."""

    def load(self, key: str) -> Done | None:
        return None

    def save(self, key: str, done: Done) -> None: ...

    def alone(self, key: str) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass(frozen=True)
class Sweep:
    """The places where the runs of a study are carried out, and where their results are kept.

    Attributes
    ----------
    workers
        The number of processes on this machine (joblib, loky), each with its share of the cores; None or 1
        for this process.
    scheduler
        The address of the scheduler of a running Dask cluster, tcp://HOST:PORT. None for this machine.
    checkpoints
        A folder to which every run is written when it has ended. Runs that it holds are not carried out
        again.
    progress
        Show a bar (tqdm).

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong type, fewer than 1 or more than 1024 workers, and for workers together with
        a scheduler.

    Examples
    --------
    >>> from math import factorial
    >>> runs = {f"{n}!": Job(factorial, (n,)) for n in (3, 5)}
    >>> Sweep().run("factorials", runs).results
    {'3!': 6, '5!': 120}
    """

    workers: int | None = None
    scheduler: str | None = None
    checkpoints: str | Path | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {"progress": boolean("progress", self.progress)}
        if self.workers is not None:
            checked["workers"] = integer("workers", self.workers, low=1, high=MOST)
        if self.scheduler is not None:
            instance("scheduler", self.scheduler, str)
            if self.workers is not None:
                raise ValueError("workers and scheduler must not both be given: name one of them")
        if self.checkpoints is not None:
            checked["checkpoints"] = as_path("checkpoints", self.checkpoints)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def elsewhere(self) -> bool:
        """Whether runs are carried out by other processes."""
        return self.scheduler is not None or (self.workers or 1) > 1

    def run(self, study: str, runs: Mapping[str, Job], store: Store | None = None) -> Swept:
        """Carry out the runs that are not on disk.

        Parameters
        ----------
        study
            Its name, with which the names of checkpoints begin.
        runs
            By name.
        store
            Where results are kept; None for files in the folder of checkpoints.

        Raises
        ------
        ValueError
            For checkpoints of other settings or damaged ones, and while another process works on the same run
            in the same folder, before any work; for what is wrong with a scheduler or its workers.
        ConnectionError
            If a scheduler cannot be reached, or is lost.
        ChildProcessError
            If the processes of a run end repeatedly.
        """
        kept: Store = _Nowhere()
        if store is not None:
            kept = store
        elif self.checkpoints is not None:
            settings = {name: run.settings for name, run in runs.items()}
            kept = Results(Path(self.checkpoints), study, settings)
        with progress_bar(sum(run.steps for run in runs.values()), self.progress) as bar:
            found = _Pending(runs, kept, bar).carried_out(self._backend)
        places = {name: done.place for name, done in found.items() if done.place is not None}
        return Swept({name: found[name].result for name in runs}, {n: places[n] for n in runs if n in places})

    def every_seed(
        self,
        study: str,
        train: Callable[[str, int], Any],
        seeds: Mapping[str, Sequence[int]],
        settings: Mapping[str, Any],
    ) -> tuple[dict[str, list[Any]], dict[str, Place]]:
        """`train(name, seed)` for each name and its seeds: a list per name, and the places.

        `settings` has, by name, all that results depend on besides the name and the seed.
        """
        names = {(name, seed): f"{name}, seed {seed}" for name, numbers in seeds.items() for seed in numbers}
        swept = self.run(study, {label: Job(train, pair, settings[pair[0]]) for pair, label in names.items()})
        results = {name: swept.pick(names[name, seed] for seed in numbers) for name, numbers in seeds.items()}
        return results, swept.places

    def _backend(self, calls: Iterator[tuple[str, Call]], bar: Any) -> Iterator[tuple[str, Done]]:
        if self.scheduler is not None:
            from splinekan.studies.skeleton.cluster import on_cluster

            yield from on_cluster(calls, self.scheduler)
        elif self.workers is not None and self.workers > 1:
            yield from on_processes(calls, self.workers)
        else:
            for name, call in calls:
                bar.set_description(name)
                yield name, carried_out(call)


@dataclass(frozen=True)
class _Pending:
    """The runs of a sweep, found on disk or to be carried out."""

    runs: Mapping[str, Job]
    store: Store
    bar: Any
    found: dict[str, Done] = field(default_factory=dict)
    held: dict[str, ExitStack] = field(default_factory=dict)
    refused: list[Exception] = field(default_factory=list)

    def carried_out(
        self, backend: Callable[[Iterator[tuple[str, Call]], Any], Iterator[tuple[str, Done]]]
    ) -> dict[str, Done]:
        """All results by run."""
        for name in self.runs:
            self._look(name)
        missing = [name for name in self.runs if name not in self.found]
        for name in missing:
            with self.store.alone(name):  # refused before any work
                pass
        if not missing:
            return self.found
        try:
            for name, done in backend(self._handed_out(missing), self.bar):
                self.store.save(name, done)
                self.held.pop(name).close()
                done.warn()
                self._add(name, done)
        finally:
            for lock in list(self.held.values()):
                lock.close()
        if self.refused:
            raise self.refused[0]
        return self.found

    def _handed_out(self, missing: Sequence[str]) -> Iterator[tuple[str, Call]]:
        """The runs, each locked until it has ended. Nothing is raised: other threads may take them."""
        for name in missing:
            lock = ExitStack()
            try:
                lock.enter_context(self.store.alone(name))
                ended = self._look(name)  # another process may have carried it out meanwhile
            except Exception as error:
                lock.close()
                self.refused.append(error)
                return
            if ended:
                lock.close()
                continue
            self.held[name] = lock
            yield name, Call(self.runs[name].function, self.runs[name].arguments)

    def _look(self, name: str) -> bool:
        done = self.store.load(name)
        if done is not None:
            self._add(name, done)
        return done is not None

    def _add(self, name: str, done: Done) -> None:
        self.found[name] = done
        self.bar.set_description(name)
        self.bar.update(self.runs[name].steps)
