"""Runs in stages, wherever they are carried out, each stage on disk as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from splinekan._processes import Call, Done, Place, carried_out
from splinekan.studies.skeleton.checkpoints import Checkpoints
from splinekan.studies.skeleton.runs import Run, Stage
from splinekan.studies.skeleton.seeds import progress_bar
from splinekan.studies.skeleton.sweep import Job, Sweep, Swept


def carry_out(study: str, runs: Mapping[str, Run], sweep: Sweep) -> Swept:
    """The stages of every run, by the name of its checkpoint.

    With a folder every stage is on disk as soon as it is done, so an interrupt loses none; the stage that it
    cuts short begins again, and a resumed run ends in the same numbers. A stage that ended in NaN or
    infinities is not kept, nor what follows it. While a run is carried out, a lock file beside its checkpoint
    keeps other processes from the same run. Workers on other machines write stages where they find the
    folder; elsewhere a run is written when it has ended.

    Raises
    ------
    ValueError, OSError
        As `Checkpoints.load` and `Checkpoints.alone`, before any work; and as `Sweep.run`.
    """
    folder = None if sweep.checkpoints is None else Path(sweep.checkpoints)
    if not sweep.elsewhere:
        return _here(runs, None if folder is None else Checkpoints(folder), sweep.progress)
    if folder is None:
        jobs = {name: Job(_stages, (name, run), steps=run.stages) for name, run in runs.items()}
        return sweep.run(study, jobs)
    where = folder.resolve()  # workers may have another current folder
    jobs = {name: Job(_stages, (name, run, where), steps=run.stages) for name, run in runs.items()}
    return sweep.run(study, jobs, _Kept(Checkpoints(where), runs))


def _here(runs: Mapping[str, Run], store: Checkpoints | None, progress: bool) -> Swept:
    """In this process, a tick of the bar for every stage."""
    stages: dict[str, list[Stage]] = {}
    places: dict[str, Place] = {}
    with ExitStack() as held, progress_bar(sum(run.stages for run in runs.values()), progress) as bar:
        begun = {name: [] if store is None else _begun(name, run, store, held) for name, run in runs.items()}
        for name, run in runs.items():
            bar.set_description(name)
            bar.update(len(begun[name]))
            before = len(begun[name])
            done = carried_out(Call(_advanced, (name, run, store, begun[name], partial(bar.update, 1))))
            stages[name] = done.result
            if done.place is not None and before < run.stages:
                places[name] = done.place
    return Swept(stages, places)


def _begun(name: str, run: Run, store: Checkpoints, held: ExitStack) -> list[Stage]:
    """The stages on disk; unless these are all, no other process may carry out the run meanwhile."""
    done = store.load(name, run)
    if len(done) == run.stages:
        return done
    held.enter_context(store.alone(name))
    return store.load(name, run)


def _advanced(
    name: str, run: Run, store: Checkpoints | None, done: list[Stage], tick: Callable[[], Any]
) -> list[Stage]:
    """All stages of a run, after those that are done."""
    for index in range(len(done), run.stages):
        done.append(run.advance(index, done[-1] if done else None))
        tick()
        if store is not None and all(stage.finite for stage in done):
            store.save(name, run, done)
    return done


def _stages(name: str, run: Run, folder: Path | None = None) -> list[Stage]:
    """All stages of a run on a worker, for which the process that handed it out holds the lock."""
    store = None if folder is None or not folder.is_dir() else Checkpoints(folder)
    return _advanced(name, run, store, [] if store is None else store.load(name, run), lambda: None)


@dataclass(frozen=True)
class _Kept:
    """Checkpoints of whole runs, as `splinekan.studies.skeleton.sweep.Store`."""

    checkpoints: Checkpoints
    runs: Mapping[str, Run]

    def load(self, key: str) -> Done | None:
        stages = self.checkpoints.load(key, self.runs[key])
        return Done(stages, None) if len(stages) == self.runs[key].stages else None

    def save(self, key: str, done: Done) -> None:
        if all(stage.finite for stage in done.result) and self.load(key) is None:
            self.checkpoints.save(key, self.runs[key], done.result)

    def alone(self, key: str) -> AbstractContextManager[None]:
        return self.checkpoints.alone(key)
