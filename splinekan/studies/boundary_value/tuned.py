"""Recipes for Adam that differ from the study's only in what the paper leaves open, and do better.

docs/adam-schedules.md has the measurements. They are arguments for `study.run(name, recipe=TUNED[name])`.
"""

from __future__ import annotations

from dataclasses import replace

from splinekan.studies.boundary_value.first_order import RECIPES, Recipe

TUNED: dict[str, Recipe] = {
    # On the finest level noise of 0.1 in the coefficients gives nu u_xx an amplitude of order 10; and a grid
    # of points leaves the lines between its own lines free.
    "burgers": replace(RECIPES["burgers"], noise=0.01, kind="sobol"),
    # Outside the domain of a layer its splines are straight lines: hidden values are kept inside.
    "interface": replace(RECIPES["interface"], network="3-5-1, sigmoid"),
}
"""Burgers: a tenth of the noise at the start, Sobol points. Interface: a sigmoid between the layers."""
