"""Results of finished runs on disk, a file for every run."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

from splinekan import __version__
from splinekan._checks import instance, shown
from splinekan._files import locked, write_json
from splinekan._processes import Done, Place
from splinekan.studies.skeleton.checkpoints import fingerprint
from splinekan.studies.skeleton.plain import plain, rebuilt
from splinekan.studies.skeleton.validation import parsed, refuse_other_fields

FORMAT = 1
"""The format of the files; it changes with their content."""
LARGEST = 2**28
"""Bytes of a file; the largest take about a tenth of it."""
ENTRIES = ("format", "version", "run", "settings", "result", "place", "digest")


@dataclass(frozen=True)
class Results:
    """Files in a folder, each written as a whole when its run has ended.

    Attributes
    ----------
    folder, study
        The folder of the files, and the beginning of their names.
    settings
        All that the result of a run depends on, by run.
    """

    folder: Path
    study: str
    settings: Mapping[str, Any]

    def load(self, key: str) -> Done | None:
        """The result of a run; None if there is no file.

        Raises
        ------
        ValueError
            If the file was written with other settings, by another version, or is damaged; it names the file
            and what is wrong with it.
        OSError
            If the file cannot be read.
        """
        path = self._path(key)
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        try:
            if not S_ISREG(status.st_mode) or status.st_size > LARGEST:
                raise ValueError("not a file of a result")
            record = parsed(path.read_bytes())
            refuse_other_fields("the file", record, ENTRIES)
            if (record["format"], record["version"]) != (FORMAT, __version__):
                raise ValueError(f"written by version {shown(record['version'])}, this is {__version__!r}")
            if record["run"] != key or record["settings"] != self._fingerprint(key):
                raise ValueError("written with other settings")
            if record["digest"] != fingerprint({"result": record["result"]}):
                raise ValueError("its numbers are not those that were written")
            place = Place(**instance("place", record["place"], dict))
            return Done(rebuilt(record["result"]), place)
        except (ValueError, TypeError, AttributeError, ImportError, RecursionError, MemoryError) as error:
            reason = str(error) or type(error).__name__
            raise ValueError(
                f"{path} is not a checkpoint of this run: {reason}; remove it, or name another folder"
            ) from error

    def save(self, key: str, done: Done) -> None:
        """Write a result."""
        result = plain(done.result)
        record = {
            "format": FORMAT,
            "version": __version__,
            "run": key,
            "settings": self._fingerprint(key),
            "result": result,
            "place": None if done.place is None else asdict(done.place),
            "digest": fingerprint({"result": result}),
        }
        write_json(self._path(key), record)

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Keep other processes from the same run in the same folder.

        Raises
        ------
        ValueError
            If another process is at work on it.
        """
        path = self._path(key)
        with ExitStack() as held:
            try:
                held.enter_context(locked(path.with_suffix(".lock")))
            except BlockingIOError:
                raise ValueError(f"another process is at work on {path}: wait for its end") from None
            yield

    def _fingerprint(self, key: str) -> str:
        return fingerprint({"study": self.study, "run": key, "settings": self.settings[key]})

    def _path(self, key: str) -> Path:
        """A readable name, and a number by which the names of unlike runs differ."""
        words = re.sub(r"[^A-Za-z0-9.]+", "-", key).strip("-.")[:80]
        return self.folder / f"{self.study}-{words}-{zlib.crc32(key.encode())}.json"
