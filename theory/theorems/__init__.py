"""The claims, a module for each theorem or topic; importing this package registers all, in table order."""

from __future__ import annotations

from importlib import import_module

from ..claims import REGISTRY

MODULES = (
    "bspline_properties",
    "bases",
    "change_of_basis",
    "marsden",
    "uniform_knots",
    "equivalence",
    "finite_differences",
    "oscillation",
    "geometry",
    "tangent_kernel",
    "two_scale",
    "knot_insertion",
    "nestedness",
    "gram_matrices",
    "coarse_correction",
    "preconditioning",
    "outside",
)
"""Order of the table. A tuple and not import statements, which the formatter would sort."""

for _name in MODULES:
    import_module(f"{__name__}.{_name}")

__all__ = ["MODULES", "REGISTRY"]
