"""A progress bar for the trials of a fit."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import numpy as np

from splinekan.model.record import Trial


class Progress:
    """Counts trials, on a bar with level, loss and held-out loss if it is shown."""

    def __init__(self, shown: bool | None) -> None:
        self.trials: list[Trial] = []
        self.best: Any = None
        """The candidate with the lowest held-out loss so far, or loss without held-out samples."""
        terminal = sys.stderr is not None and sys.stderr.isatty()
        self._bar: Any = None
        if terminal if shown is None else shown:
            from tqdm import tqdm

            self._bar = tqdm(unit=" networks", leave=False)

    def __call__(self, trial: Trial) -> None:
        self.trials.append(trial)
        if self._bar is not None:
            held = f", held out {trial.held_out:.3g}" if trial.held_out == trial.held_out else ""
            self._bar.set_description_str(f"level {trial.level}, {trial.network}", refresh=False)
            self._bar.set_postfix_str(f"loss {trial.loss:.3g}{held}", refresh=False)
            self._bar.update(1)

    def reach(self, candidate: Any) -> None:
        """Report a candidate, and keep it if it is the best."""
        self(candidate.trial())

        def rank(each: Any) -> float:
            return float(each.loss if np.isnan(each.held_out) else each.held_out)

        if self.best is None or rank(candidate) < rank(self.best):
            self.best = candidate

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
