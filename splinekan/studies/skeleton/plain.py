"""Results of runs as plain JSON values and back, to the last bit.

Numbers, texts, lists, tuples, dictionaries, arrays, and the records of this package: dataclasses and named
tuples. Reading makes no other objects, whatever a file holds.
"""

from __future__ import annotations

import base64
import math
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

import numpy as np

from splinekan._checks import instance, shown

KINDS = "fiub"
"""Kinds of array types: numbers and truth values."""
PACKAGE = "splinekan."


def plain(value: Any) -> Any:
    """`value` in terms of JSON: what JSON lacks becomes an object with a single entry that names its kind.

    Raises
    ------
    TypeError
        For other objects.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, np.ndarray) and value.dtype.kind in KINDS:
        little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        data = base64.b64encode(little.tobytes()).decode()
        return {"array": [little.dtype.str, list(value.shape), data]}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {"dict": [[plain(key), plain(entry)] for key, entry in value.items()]}
    if type(value).__module__.startswith(PACKAGE) and (names := _fields(type(value))) is not None:
        kind = f"{type(value).__module__}:{type(value).__qualname__}"
        return {"record": [kind, {name: plain(getattr(value, name)) for name in names}]}
    if type(value) is tuple:
        return {"tuple": [plain(each) for each in value]}
    raise TypeError(f"a run's result must consist of numbers, texts and records, got {shown(value)}")


def rebuilt(value: Any) -> Any:
    """The inverse of `plain`.

    Raises
    ------
    TypeError, ValueError
        For what `plain` does not give.
    """
    if isinstance(value, list):
        return [rebuilt(each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise ValueError(f"an object must have a single entry, got {shown(value)}")
    ((kind, content),) = value.items()
    if kind == "float":
        return float(instance("float", content, str))
    parts = instance(kind, content, list)
    if kind == "tuple":
        return tuple(rebuilt(each) for each in parts)
    if kind == "dict":
        return {rebuilt(key): rebuilt(entry) for key, entry in parts}
    if kind == "array":
        return _array(*parts)
    if kind == "record":
        return _record(*parts)
    raise ValueError(f"unknown kind {shown(kind)}")


def _array(dtype: Any, shape: Any, data: Any) -> Any:
    kind = np.dtype(instance("dtype", dtype, str))
    if kind.kind not in KINDS:
        raise ValueError(f"dtype must be of numbers, got {shown(dtype)}")
    content = np.frombuffer(base64.b64decode(instance("data", data, str), validate=True), kind)
    return content.astype(kind.newbyteorder("=")).reshape(instance("shape", shape, list))


def _record(name: Any, content: Any) -> Any:
    module, _, path = instance("record", name, str).partition(":")
    if not module.startswith(PACKAGE):
        raise ValueError(f"records must belong to splinekan, got {shown(name)}")
    kind: Any = import_module(module)
    for part in path.split("."):
        kind = getattr(kind, part, None)
    names = _fields(kind)
    given = instance("the fields of a record", content, dict)
    if names is None or set(given) != set(names):
        raise ValueError(f"{shown(name)} is not a record with fields {shown(list(given))}")
    return kind(**{field: rebuilt(entry) for field, entry in given.items()})


def _fields(kind: Any) -> tuple[str, ...] | None:
    """The names with which a record is made; None if `kind` is another type."""
    if not isinstance(kind, type):
        return None
    if is_dataclass(kind):
        return tuple(each.name for each in fields(kind) if each.init)
    named: tuple[str, ...] | None = getattr(kind, "_fields", None) if issubclass(kind, tuple) else None
    return named
