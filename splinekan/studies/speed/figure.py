"""Figure 3: speed of the forms of a spline layer."""

from __future__ import annotations

from splinekan import plots
from splinekan.studies.skeleton.figure import Figure
from splinekan.studies.speed import study

FIGURES = {
    "3": Figure(
        "Figure 3: speed of the forms of a spline layer",
        "Time of one evaluation of a network with three hidden layers of width 64 (2 inputs, 1 output, 10 "
        "intervals) against the order r: Cox-de Boor recursion, ReLU form b = A psi and ReLU layer W psi "
        "as whole-array NumPy programs over all basis functions, and this package's kernels, which touch "
        "the active functions only. Fastest of several runs, on the machine that made the figure.",
        lambda axes, speed: plots.seconds_by_order(axes[0], speed),
        lambda _: study.run(),
        panels=(1, 2),
        size=(9.0, 3.8),
    ),
}
