"""What is done to arguments: other layouts, types and subclasses of the same numbers, and junk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from fuzz.core import OwnError, Role

EPS32 = float(np.finfo(np.float32).eps)


class Metres(np.ndarray):
    """A user's subclass with a unit."""

    unit = "m"


class Quantity:
    """A user's number with a unit."""

    unit = "m"

    def __init__(self, value: Any) -> None:
        self.value = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.value, dtype=dtype)

    def __float__(self) -> float:
        return float(self.value)


class Strange:
    """An object that fails whatever it is asked."""

    def __repr__(self) -> str:
        raise OwnError("no representation")

    def __len__(self) -> int:
        raise OwnError("no length")


class Wrapped:
    """A user's container that knows `__array__`, as a pandas Series does."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.value, dtype=dtype)


NOTHING = object()

SAME, LIKE, CHECK, REFUSE = "must be the same", "the same, or refused", "right, or refused", "must be refused"


@dataclass(frozen=True)
class Mutant:
    """An argument in place of a valid one, what must become of it, and the value it stands for."""

    kind: str
    value: Any
    verdict: str
    reference: Any = NOTHING
    tolerance: float = 1e-11


Maker = Callable[[Any, np.random.Generator], Any]


@cache
def _folder() -> str:
    return tempfile.mkdtemp(prefix="fuzz-")


def _memmap(a: np.ndarray) -> np.ndarray:
    path = os.path.join(_folder(), "array")
    if a.size == 0 or a.ndim == 0:
        return a
    a.tofile(path)
    return np.memmap(path, dtype=a.dtype, mode="r", shape=a.shape)


def _strided(a: np.ndarray) -> np.ndarray:
    if a.ndim == 0:
        return a
    kind = a.dtype.kind  # integers stay integers: a layout is not a type
    between = np.iinfo(a.dtype).max if kind in "iu" else np.nan
    wide = np.full(tuple(2 * n for n in a.shape), between, a.dtype if kind in "fiu" else np.float64)
    view = wide[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def _reversed(a: np.ndarray) -> np.ndarray:
    if a.ndim == 0:
        return a
    flip = tuple(slice(None, None, -1) for _ in a.shape)
    return np.ascontiguousarray(a[flip]).reshape(a.shape)[flip]


def _read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


def _unaligned(a: np.ndarray) -> np.ndarray:
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = raw[1:].view(a.dtype)[: a.size].reshape(a.shape)
    view[...] = a
    return view


def _layouts(a: np.ndarray) -> dict[str, Any]:
    return {
        "Fortran order": lambda: np.array(a, order="F"),
        "strided": lambda: _strided(a),
        "reversed": lambda: _reversed(a),
        "read-only": lambda: _read_only(a),
        "memory-mapped": lambda: _memmap(a),
        "not aligned": lambda: _unaligned(a),
    }


TYPES = ("f4", "f2", "g", ">f8", ">f4", "i8", "i4", "i1", "u1", "u8", ">i4", "?")


def _cast(a: np.ndarray, name: str) -> Mutant | None:
    with np.errstate(all="ignore"):
        value = a.astype(name)
        reference = value.astype(a.dtype if a.dtype.kind in "iu" else np.float64)
    if name in ("i8", "i4", "i1", "u1", "u8", ">i4") and not (np.abs(a) < 100).all():
        return None
    single = name in ("f4", ">f4") or a.dtype == np.float32
    return Mutant(f"dtype {name}", value, LIKE, reference, EPS32 if single else 1e-11)


def _junk_arrays(a: np.ndarray) -> dict[str, Any]:
    return {
        "complex": lambda: a + 1j,
        "complex, real valued": lambda: a.astype(complex),
        "text array": lambda: a.astype(str),
        "object array of junk": lambda: np.full(a.shape, None, object),
        "dates": lambda: np.zeros(a.shape, "M8[s]"),
        "records": lambda: np.rec.fromarrays([a.ravel(), a.ravel()], names="p,q") if a.size else None,
        "masked": lambda: np.ma.masked_array(a, np.arange(a.size).reshape(a.shape) == 0),
        "masked, nothing hidden": lambda: np.ma.masked_array(a),
        "subclass with a unit": lambda: a.copy().view(Metres),
        "object with a unit": lambda: Quantity(a),
        "list of masked": lambda: [np.ma.masked_array(a, True)],
    }


def _shapes(a: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    filler = float(a.flat[0]) if a.size else 0.5
    return {
        "0-d": lambda: np.array(filler),
        "empty": lambda: np.zeros((0, *a.shape[1:])),
        "empty, one axis": lambda: np.zeros(0),
        "last dropped": lambda: a[:-1] if a.ndim else None,
        "first dropped": lambda: a[1:] if a.ndim else None,
        "one more": lambda: np.concatenate([a, a[-1:]]) if a.ndim and a.size else None,
        "doubled": lambda: np.concatenate([a, a]) if a.ndim else None,
        "new axis": lambda: a[None],
        "last axis new": lambda: a[..., None],
        "transposed": lambda: a.T if a.ndim > 1 and a.shape[0] != a.shape[1] else None,
        "flat": lambda: a.ravel() if a.ndim > 1 else None,
        "column dropped": lambda: a[..., :-1] if a.ndim > 1 else None,
        "column doubled": lambda: np.concatenate([a, a], axis=-1) if a.ndim > 1 else None,
        "ragged": lambda: [[1.0], [1.0, 2.0]],
    }


def _entries(a: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    def put(number: float) -> Any:
        if a.size == 0:
            return None
        b = np.array(a, dtype=np.float64)
        b.flat[rng.integers(a.size)] = number
        return b

    return {
        "NaN": lambda: put(np.nan),
        "inf": lambda: put(np.inf),
        "-inf": lambda: put(-np.inf),
        "1e308": lambda: put(1e308),
        "denormal": lambda: put(5e-324),
        "all zero": lambda: np.zeros_like(a, dtype=np.float64),
        "negated": lambda: -a if a.dtype.kind == "f" else None,
        "times 2^1000": lambda: a * 2.0**1000,
        "times 2^-1000": lambda: a * 2.0**-1000,
        "times 2^20": lambda: a * 2.0**20,
        "offset 1e8": lambda: a + 1e8,
        "sorted backwards": lambda: a[::-1] if a.ndim else None,
        "repeated entries": lambda: np.repeat(a[::2], 2, axis=0)[: len(a)] if a.ndim else None,
    }


def anything() -> dict[str, Any]:
    """Objects of wrong kinds."""
    return {
        "None": None,
        "text": "abc",
        "number as text": "3",
        "bytes": b"3",
        "dictionary": {"a": 1},
        "set": {1, 2},
        "function": abs,
        "type": int,
        "object": object(),
        "strange object": Strange(),
        "huge integer": 10**30,
        "complex number": 1 + 2j,
        "empty list": [],
        "list of None": [None],
        "ellipsis": ...,
        "module": np,
        "exception": ValueError("x"),
        "generator": (i for i in range(3)),
        "masked constant": np.ma.masked,
        "date": np.datetime64("2020-01-01"),
    }


def _array(value: Any, rng: np.random.Generator) -> list[Mutant | None]:
    a = np.asarray(value, dtype=None)
    if a.dtype.kind not in "fiub":
        return [None]
    group = rng.integers(6)
    if group == 0:
        name, make = _pick(_layouts(a), rng)
        with np.errstate(all="ignore"):
            return [Mutant(f"layout {name}", make(), SAME, a)]
    if group == 1:
        return [_cast(a, str(rng.choice(TYPES)))]
    if group == 2:
        others = {
            "list": lambda: a.tolist(),
            "tuple": lambda: tuple(a.tolist()) if a.ndim else a.tolist(),
            "object array of floats": lambda: a.astype(object),
            "matrix": lambda: a.view(np.matrix) if a.ndim == 2 else None,
            "wrapped": lambda: Wrapped(a),
            "list of arrays": lambda: list(a) if a.ndim else None,
        }
        name, make = _pick(others, rng)
        found = make()
        rounding = EPS32 if a.dtype == np.float32 else 1e-11
        return [None if found is None else Mutant(name, found, LIKE, a, rounding)]
    if group == 3:
        name, make = _pick(_junk_arrays(a), rng)
        found = make()
        return [None if found is None else Mutant(name, found, REFUSE)]
    if group == 4:
        name, make = _pick(_shapes(a, rng), rng)
        return [_checked(f"shape {name}", make)]
    name, make = _pick(_entries(a, rng), rng)
    return [_checked(f"entries {name}", make)]


def _checked(name: str, make: Callable[[], Any]) -> Mutant | None:
    with np.errstate(all="ignore"):
        try:
            found = make()
        except (ValueError, IndexError):
            return None
    return None if found is None else Mutant(name, found, CHECK)


def _pick(table: dict[str, Any], rng: np.random.Generator) -> tuple[str, Any]:
    name = list(table)[rng.integers(len(table))]
    return name, table[name]


WHOLES = (0, -1, 1, 2, 7, 8, 255, 2**31, 2**33, 10**9, 2**62, 2**63, 10**19, 10**30, -(2**63), -(10**30))


def _whole(value: Any, rng: np.random.Generator, role: Role) -> list[Mutant | None]:
    group = rng.integers(3)
    if group == 0 and value is not None:
        kinds = [np.int64, np.int32, np.uint8, np.int8, np.uint64, np.int16]
        kind = kinds[rng.integers(len(kinds))]
        if value is not None and np.iinfo(kind).min <= value <= np.iinfo(kind).max:
            return [Mutant(kind.__name__, kind(value), LIKE, value)]
        return [None]
    if group == 1:
        number = WHOLES[rng.integers(len(WHOLES))]
        if role.most < number <= 2**62:
            return [None]
        return [Mutant(f"integer {number:.3g}", number, CHECK if role.holds(number) else REFUSE)]
    good = value if value is not None else 3
    others = {
        "float": float(good) if abs(good) < 2**50 else 3.0,
        "half": good + 0.5 if abs(good) < 2**50 else 3.5,
        "NaN": np.nan,
        "inf": np.inf,
        "boolean": True,
        "NumPy boolean": np.True_,
        "0-d array": np.array(good) if abs(good) < 2**63 else np.array(3),
        "1-d array": np.array([3]),
        "number as text": "3",
        "fraction": Fraction(3),
        "decimal": Decimal(3),
        "complex number": 3 + 0j,
        "masked constant": np.ma.masked,
        "unit": Quantity(3),
    }
    name, found = _pick(others, rng)
    if name == "0-d array":
        return [Mutant(name, found, LIKE, value)]
    return [Mutant(name, found, REFUSE)]


REALS = (0.0, -0.0, -1.0, 1.0, 1e-300, 1e300, 5e-324, -1e300, 1e-16, 1e16, np.nan, np.inf, -np.inf)


def _real(value: Any, rng: np.random.Generator, role: Role) -> list[Mutant | None]:
    group = rng.integers(3)
    good = 0.5 if value is None else float(value)
    if group == 0 and value is not None:
        whole = abs(good) < 2**50 and good == int(good)
        others = {
            "float64": np.float64(good),
            "float32": np.float32(good) if float(np.float32(good)) == good else None,
            "float16": np.float16(good) if abs(good) < 6e4 and float(np.float16(good)) == good else None,
            "long double": np.longdouble(good),
            "integer": int(good) if whole else None,
            "NumPy integer": np.int64(good) if whole else None,
            "fraction": Fraction(good),
            "0-d array": np.array(good),
        }
        name, found = _pick(others, rng)
        return [None if found is None else Mutant(name, found, LIKE, good)]
    if group == 1:
        number = REALS[rng.integers(len(REALS))]
        fine = bool(np.isfinite(number)) and role.holds(number)
        return [Mutant(f"number {number}", number, CHECK if fine else REFUSE)]
    others = {
        "boolean": True,
        "number as text": "0.5",
        "huge integer": 10**400,
        "complex number": good + 0j,
        "NumPy complex": np.complex128(good),
        "1-d array": np.array([good]),
        "masked constant": np.ma.masked,
        "unit": Quantity(good),
        "list": [good],
        "decimal": Decimal("0.5"),
        "date": np.timedelta64(3, "s"),
    }
    name, found = _pick(others, rng)
    return [
        Mutant(name, found, LIKE if name == "decimal" else REFUSE, good if name == "decimal" else NOTHING)
    ]


def _flag(value: Any, rng: np.random.Generator) -> list[Mutant | None]:
    others: dict[str, Any] = {"text": "yes", "array": np.array([True, False]), "list": [False]}
    if rng.integers(2) == 0:
        good = bool(value)
        kinds = {"NumPy boolean": np.bool_(good), "integer": int(good), "float": float(good)}
        name, found = _pick(kinds, rng)
        return [Mutant(name, found, LIKE, good)]
    name, found = _pick(others, rng)
    return [Mutant(name, found, REFUSE)]


def _word(value: Any, rng: np.random.Generator) -> list[Mutant | None]:
    good = "abc" if value is None else value
    if rng.integers(4) == 0:
        return [Mutant("NumPy text", np.str_(good), LIKE, good)]
    others = {
        "unknown": good + "x",
        "capitals": good.upper() if good.upper() != good else good + " ",
        "empty": "",
        "blank": " " + good,
        "bytes": good.encode(),
        "array of texts": np.array([good]),
        "list of texts": [good],
        "0": 0,
    }
    name, found = _pick(others, rng)
    return [Mutant(name, found, REFUSE)]


def _function(value: Any, rng: np.random.Generator) -> list[Mutant | None]:
    def fails(*_: Any, **__: Any) -> Any:
        raise OwnError("the user's own")

    results = {
        "None": None,
        "text": "abc",
        "NaN": np.nan,
        "empty array": np.zeros(0),
        "long array": np.zeros(12345),
        "complex": 1j,
        "masked": np.ma.masked_array([1.0, 2.0], [True, False]),
        "dictionary": {},
        "object": object(),
    }
    if rng.integers(4) == 0:
        return [Mutant("function that fails", fails, CHECK)]
    name, found = _pick(results, rng)
    if name == "NaN":
        return [Mutant("function that returns NaN", lambda *_, **__: found, CHECK)]
    return [Mutant(f"function that returns {name}", lambda *_, **__: found, REFUSE)]


def _wholes(value: Any, rng: np.random.Generator, role: Role) -> list[Mutant | None]:
    items = list(value)
    if rng.integers(3) == 0:
        others = {
            "list": items,
            "tuple": tuple(items),
            "array": np.array(items),
            "array of int8": np.array(items, np.int8) if max(items, default=0) < 128 else None,
            "array of uint8": np.array(items, np.uint8) if max(items, default=0) < 256 else None,
            "generator": (item for item in items),
        }
        name, found = _pick(others, rng)
        return [None if found is None else Mutant(name, found, LIKE, items)]
    if rng.integers(2) == 0 and items:
        place = int(rng.integers(len(items)))
        made = _whole(items[place], rng, role)[0]
        made = made or Mutant("float", 2.0, REFUSE)
        changed = [*items[:place], made.value, *items[place + 1 :]]
        reference = NOTHING if made.reference is NOTHING else items
        return [Mutant(f"item {made.kind}", changed, made.verdict, reference)]
    others = {
        "empty": [],
        "one fewer": items[:-1],
        "one more": [*items, items[-1]] if items else None,
        "array of floats": np.array(items, float),
        "2-d array": np.array([items]),
        "text": "123",
        "dictionary": dict.fromkeys(items),
        "number": 3,
    }
    name, found = _pick(others, rng)
    verdict = CHECK if name in ("one fewer", "one more", "empty") else REFUSE
    return [None if found is None else Mutant(name, found, verdict)]


def _interval(value: Any, rng: np.random.Generator) -> list[Mutant | None]:
    a, b = value if value is not None else (0.0, 1.0)
    if rng.integers(3) == 0:
        others = {"list": [a, b], "array": np.array([a, b]), "NumPy numbers": (np.float64(a), np.float64(b))}
        name, found = _pick(others, rng)
        return [Mutant(name, found, LIKE, (a, b))]
    others = {
        "backwards": (b, a),
        "empty interval": (a, a),
        "one end": (a,),
        "three ends": (a, b, b + 1),
        "NaN": (a, np.nan),
        "inf": (a, np.inf),
        "text": ("0", "1"),
        "word": "ab",
        "None inside": (None, b),
        "booleans": (False, True),
        "complex": (a + 0j, b + 0j),
        "whole line": (-1.7e308, 1.7e308),
        "masked": np.ma.masked_array([a, b], [True, False]),
        "0-d array": np.array(a),
        "nested": ((a, b), (a, b), (a, b), (a, b), (a, b), (a, b), (a, b)),
    }
    name, found = _pick(others, rng)
    return [Mutant(f"interval {name}", found, REFUSE)]


def _seed(value: Any, rng: np.random.Generator) -> list[Mutant | None]:
    if rng.integers(3) == 0:
        return [Mutant("NumPy integer", np.int64(value), LIKE, value)]
    if rng.integers(4) == 0:
        return [Mutant("generator", np.random.default_rng(int(value)), LIKE, value)]
    others = {"-1": -1, "float": 1.0, "text": "1", "list": [1, 2], "NaN": np.nan, "boolean": True}
    others |= {"-huge": -(10**30), "RandomState": np.random.RandomState(0), "array": np.array([1, 2])}
    name, found = _pick(others, rng)
    return [Mutant(name, found, REFUSE)]


def _knots(value: Any, rng: np.random.Generator) -> list[Mutant | None]:
    t = np.asarray(value)
    if rng.integers(2) or len(t) < 4:
        return _array(value, rng)
    at = int(rng.integers(1, len(t) - 2))

    def swapped() -> Any:
        s = t.copy()
        s[[at, at + 1]] = s[[at + 1, at]]
        return s

    def joined() -> Any:
        s = t.copy()
        s[at] = s[at + 1]
        return s

    def close() -> Any:
        s = t.copy()
        s[at] = np.nextafter(s[at + 1], -np.inf)
        return s

    others = {"two swapped": swapped, "two equal": joined, "two neighbours in float64": close}
    name, make = _pick(others, rng)
    return [Mutant(f"knots {name}", make(), CHECK)]


LEGITIMATE = {
    "function": ("function", "type"),
    "callable": ("function", "type"),
    "callback": ("function", "type"),
    "schedule": ("function", "type"),
    "dtype": ("function", "type", "None", "object"),
    "text": ("text", "number as text"),
    "word": (),
    "coordinates": ("text", "number as text"),
}
"""Per role the junk that is none."""
RIGHT = {
    "array": ("empty list",),
    "knots": ("empty list",),
    "wholes": ("set",),
    "real": ("huge integer",),
    "seed": ("huge integer",),
}
"""Per role the junk from which a right result may come."""


def mutant(value: Any, role: Role, rng: np.random.Generator) -> Mutant | None:
    """One thing to try in place of a valid argument; None if this one does not apply."""
    makers: dict[str, Maker] = {
        "array": _array,
        "knots": _knots,
        "whole": lambda v, r: _whole(v, r, role),
        "real": lambda v, r: _real(v, r, role),
        "flag": _flag,
        "word": _word,
        "function": _function,
        "wholes": lambda v, r: _wholes(v, r, role),
        "interval": _interval,
        "seed": _seed,
    }
    if role.kind not in makers or rng.integers(4) == 0:
        others = anything()
        for known in LEGITIMATE.get(role.kind, ()):
            del others[known]
        name, found = _pick(others, rng)
        right = name in RIGHT.get(role.kind, ())
        made = Mutant(f"junk {name}", found, CHECK if right else REFUSE)
    else:
        made = makers[role.kind](value, rng)[0]
    if made is None:
        return None
    if made.kind in role.accepts or (made.value is None and role.optional):
        return Mutant(made.kind, made.value, CHECK, made.reference, made.tolerance)
    return made
