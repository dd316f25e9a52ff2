"""Every area's calls."""

from importlib import import_module

AREAS = (
    "knots",
    "geometry",
    "splines",
    "layers",
    "formulas",
    "networks",
    "operators",
    "preconditioners",
    "jets",
    "objectives",
    "clusters",
    "training",
    "free_knots",
    "cycles",
    "adaptive",
    "gauss_newton",
    "stochastic",
    "differential",
    "gallery",
    "solving",
    "unknowns",
    "analysis",
    "level_spectra",
    "outside",
    "estimators",
    "fitting",
    "exporting",
    "interop",
    "explaining",
    "symbolic",
)


def load() -> None:
    """Fill `core.CALLS`."""
    for area in AREAS:
        import_module(f"fuzz.{area}")
