"""The command with studies that take no time: what is looked at is what becomes of files.

A study leaves the file $WORKED, so that refusals before any work can be told from others.
"""

import os
import sys
from pathlib import Path

import numpy as np

from splinekan import cli
from splinekan.optimize import History
from splinekan.studies.regression import study as regression
from splinekan.studies.robustness import study as robustness
from splinekan.studies.toy import study as toy


class Study:
    def __init__(self):
        work = np.arange(1.0, 9.0)
        history = History(1 / work, work, work, work, work, work)
        self.histories = {f"{basis}-coarse": [(history, ((0, 0),))] for basis in ("spline", "relu")}
        self.settings = {"epoch_iterations": 1}

    def table(self):
        return "a table\n" * int(os.environ.get("LINES", "3"))

    def record(self):
        return {"study": "none", "numbers": [float(os.environ.get("FIRST", "0")), *range(1000)]}


def run(*_, **__):
    Path(os.environ["WORKED"]).touch()
    return Study()


if __name__ == "__main__":
    toy.run = regression.run = robustness.run = run
    sys.exit(cli.main())
