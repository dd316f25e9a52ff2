"""What is public: exported names, those of some modules, and the public attributes of public classes."""

from __future__ import annotations

import enum
import importlib
import inspect
from functools import cached_property
from typing import Any

EXPORTING = (
    "",
    ".distributed",
    ".splines",
    ".splines.knots",
    ".operators",
    ".network",
    ".explain",
    ".fitting",
    ".model",
    ".objectives",
    ".optimize",
    ".multilevel",
    ".stochastic",
    ".spectra",
    ".complementarity",
    ".equations",
    ".solving",
    ".problems",
    ".problems.boundary",
    ".problems.gallery",
    ".plots",
    ".formulas",
)
"""Packages and modules whose `__all__` is public."""
PLAIN = (
    ".equations.collocation",
    ".objectives.part",
    ".objectives.pinn",
    ".objectives.attention",
)
"""Modules whose names without an underscore are public, where they are defined."""
RETURNED = (
    ".equations.places:DerivativeTerm",
    ".equations.places:Place",
    ".network.jets:Jets",
    ".network.layer:Directions",
    ".network.slot:Slot",
    ".objectives.data:DataPart",
    ".objectives.data:NetworkJacobian",
)
"""Classes of what public functions take and return."""
SPECIAL = ("__call__", "__getitem__", "__len__", "__str__")


def public() -> dict[str, Any]:
    """Every public callable and property, by its short name."""
    found: dict[str, Any] = {}
    for thing in _things():
        if inspect.isclass(thing):
            if not getattr(thing, "_is_protocol", False) and not issubclass(thing, (enum.Enum, Exception)):
                _add_class(found, thing)
        elif callable(thing):
            _add(found, thing.__name__, thing)
    return found


def _things() -> list[Any]:
    things: list[Any] = []
    for name in EXPORTING:
        module = importlib.import_module(f"splinekan{name}")
        things += [getattr(module, each) for each in module.__all__]
    for name in PLAIN:
        module = importlib.import_module(f"splinekan{name}")
        things += [
            thing
            for each, thing in vars(module).items()
            if not each.startswith("_") and getattr(thing, "__module__", "") == module.__name__
        ]
    for path in RETURNED:
        module_name, name = path.split(":")
        things.append(getattr(importlib.import_module(f"splinekan{module_name}"), name))
    return list({id(thing): thing for thing in things}.values())


def _add(found: dict[str, Any], name: str, thing: Any) -> None:
    if name in found and found[name] is not thing:  # as sk.save and plots.save
        name = f"{thing.__module__.split('.')[1]}.{name}"
    assert name not in found or found[name] is thing, f"two public things are called {name}"
    found[name] = thing


def _add_class(found: dict[str, Any], kind: type) -> None:
    if inspect.isabstract(kind):
        return
    _add(found, kind.__name__, kind)
    ours = [base for base in kind.__mro__ if base.__module__.startswith("splinekan")]
    for name in dict.fromkeys(name for base in ours for name in vars(base)):
        if name.startswith("_") and name not in SPECIAL:
            continue
        thing = inspect.getattr_static(kind, name)
        if inspect.isfunction(thing) or isinstance(
            thing, (staticmethod, classmethod, property, cached_property)
        ):
            _add(found, f"{kind.__name__}.{name}", thing)
