"""The figure of a network with the function of every edge."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan import plots
from splinekan.network import KAN, initialize
from splinekan.objectives import LeastSquares
from splinekan.optimize import LevenbergMarquardt
from splinekan.studies.skeleton.figure import Figure, Setting
from splinekan.studies.skeleton.interrupts import whole


def fitted_network(_: Setting) -> tuple[Any, ...]:
    """A network 2 -> 5 -> 1, fitted to exp(sin(pi x) + y^2) on [-1, 1]^2; its parameters, points, names."""
    x = np.random.default_rng(0).uniform(-1.0, 1.0, (2000, 2))
    y = np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)
    network = KAN.splines([2, 5, 1], degree=3, intervals=8, domain=(-1.0, 1.0))
    theta = initialize(network, 0, "greville", bounds=(-1.0, 1.0))
    objective = LeastSquares(network, x, (y - y.min()) / np.ptp(y), weights=2 / len(x))
    result = whole(LevenbergMarquardt().minimize(objective, theta, iterations=50))
    return network, result.theta, x, ("x", "y", "u")


FIGURES = {
    "network": Figure(
        "A network with the function of every edge",
        "A network 2 -> 5 -> 1 of cubic splines on 8 intervals, fitted to exp(sin(pi x) + y^2) on [-1, "
        "1]^2: on every edge its function over the range of the data, with ticks at the knots; heavier "
        "lines mark edges with a larger effect on their output.",
        lambda axes, data: plots.network_diagram(axes[0, 0], *data),
        fitted_network,
        size=(9.0, 5.0),
    ),
}
