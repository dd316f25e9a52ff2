"""A small boundary value problem with checkpoints, to be killed: `python solve.py FOLDER [SECONDS]`.

Prints a digest of all that was found; SECONDS are slept before every stage.
"""

import hashlib
import sys
import time

from splinekan.problems.networks import bounded
from splinekan.studies.boundary_value import gauss_newton, study

ROW = "gauss-newton"
SETTING = gauss_newton.Setting(
    ((4, 4), (5, 5), (6, 6), (7, 7)), (4, 4, 4, 4), ((2, 3), (1, 3)), network=bounded((2, 3, 1), 4, 2)
)
"""Burgers' equation on four levels, each of which takes some hundredths of a second."""


def solved(folder):
    """The study; what the folder holds is not computed again."""
    return study.run("burgers", [5], [ROW], checkpoints=folder, setting=SETTING)


def digest(solved):
    found = hashlib.sha256()
    for stage in solved.stages[ROW][0]:
        found.update(stage.theta.tobytes() + stage.history.loss.tobytes())
        found.update(repr((stage.level, stage.loss, stage.error, stage.work)).encode())
    return found.hexdigest()


def main(folder, pause=0.0):
    usual = gauss_newton.GaussNewtonRun.advance

    def advance(self, index, before):
        print("stage", index, file=sys.stderr, flush=True)
        time.sleep(pause)
        return usual(self, index, before)

    gauss_newton.GaussNewtonRun.advance = advance
    return digest(solved(folder))


if __name__ == "__main__":
    try:
        print(main(sys.argv[1], *map(float, sys.argv[2:])))
    except KeyboardInterrupt:
        sys.exit(130)
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
