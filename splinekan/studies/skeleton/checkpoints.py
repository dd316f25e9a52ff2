"""Checkpoints: the stages of a run on disk, each file replaced as a whole when a stage ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

from splinekan import __version__
from splinekan._checks import shown
from splinekan._files import locked, write_json
from splinekan.studies.skeleton.runs import Run, Stage
from splinekan.studies.skeleton.validation import parsed, refuse_other_fields, validated

FORMAT = 1
"""The format of checkpoint files; it changes with their content."""
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
            record = parsed(path.read_bytes())
            if record.get("format") != FORMAT:
                raise ValueError(f"its format must be {FORMAT}, got {shown(record.get('format'))}")
            if record.get("version") != __version__:
                written = shown(record.get("version"))
                raise ValueError(f"written by version {written}, this is {__version__!r}")
            refuse_other_fields("the file", record, ("format", "version", "settings", "stages", "digest"))
            if record["settings"] != fingerprint({"seed": run.seed, **run.settings}):
                raise ValueError("written with other settings")
            if record["digest"] != fingerprint({"stages": record["stages"]}):
                raise ValueError("its numbers are not those that were written")
            return validated(record["stages"], run)
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


def fingerprint(settings: dict[str, Any]) -> str:
    """A short digest that changes with any setting."""
    text = json.dumps(settings, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
