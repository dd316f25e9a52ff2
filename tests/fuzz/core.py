"""What a call is, how it is made, and how it ends."""

from __future__ import annotations

import dataclasses
import inspect
import os
import reprlib
import resource
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sympy

SECONDS = 10.0
"""A call that computes for longer hangs."""
MEMORY = 4 * 2**30
"""Address space that calls may add to the process."""

RIGHT, REFUSED, PASSED = "right", "refused, argument named", "error of the user's own function"
UNNAMED, FOREIGN = "refused, argument not named", "foreign exception"
WRONG, ACCEPTED, DECLINED = "wrong number", "accepted what it must refuse", "refused what is valid"
WARNED, HUNG, CRASHED = "warning", "hang", "crash"
GOOD = (RIGHT, REFUSED, PASSED)
BAD = (UNNAMED, FOREIGN, WRONG, ACCEPTED, DECLINED, WARNED, HUNG, CRASHED)

Check = Callable[[Any, dict[str, Any]], None]


@dataclass(frozen=True)
class Role:
    """What an argument is, and so what can be done to it.

    `kind` is one of "array", "knots", "whole", "real", "flag", "word", "function", "object", "wholes",
    "interval", "seed", "text". Values outside [low, high] must be refused, and those above `most` are not
    tried: that much work may be asked for. `optional` arguments may be None; `accepts` names kinds of junk
    that are none here.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    optional: bool = False
    accepts: tuple[str, ...] = ()
    most: float = np.inf

    def holds(self, value: Any) -> bool:
        """Whether a number lies within the bounds."""
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        return bool(low <= value <= high)


def role_of(value: Any) -> Role:
    """The role of an argument whose valid value is this."""
    if isinstance(value, np.ndarray):
        return Role("array")
    if isinstance(value, bool):
        return Role("flag")
    if isinstance(value, int):
        return Role("whole", low=1)
    if isinstance(value, float):
        return Role("real", low=5e-324)
    if isinstance(value, str):
        return Role("word")
    if inspect.isfunction(value):
        return Role("function")
    if isinstance(value, (list, tuple)) and value and all(type(one) is int for one in value):
        return Role("wholes", low=1)
    if isinstance(value, tuple) and len(value) == 2 and all(type(one) is float for one in value):
        return Role("interval")
    return Role("object")


@dataclass
class Call:
    """A public callable with valid arguments, and what tells a right result from a wrong one.

    `check(result, arguments)` raises AssertionError for a wrong result, and recomputes from whatever
    arguments it is given. `strict`: these arguments must not be refused. `scale` is how much rounding of
    float32 data may be amplified, beyond eps times the largest entry of the result. Messages may also use
    `names`; `writes` marks arguments that the call changes, as it should; `also` holds exceptions that a
    protocol of Python asks for.
    """

    target: Callable[..., Any]
    arguments: dict[str, Any]
    check: Check | None = None
    roles: dict[str, Role] = field(default_factory=dict)
    strict: bool = True
    scale: float = 1e3
    names: tuple[str, ...] = ()
    writes: bool = False
    also: tuple[type[Exception], ...] = ()

    def role(self, name: str) -> Role:
        return self.roles.get(name) or role_of(self.arguments[name])


class Hang(BaseException):
    """Raised by the alarm."""


class OwnError(Exception):
    """What the users' functions of the campaign raise."""


@dataclass
class End:
    """How a call ended: with a value or an error, and warnings."""

    value: Any = None
    error: BaseException | None = None
    warnings: tuple[str, ...] = ()


@contextmanager
def limits() -> Iterator[None]:
    """An alarm for hanging calls, a limit on memory, and a folder for what is written by mistake.

    Only warnings of the calls themselves count: see `make`.
    """

    def ring(*_: Any) -> None:
        raise Hang

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGPROF, ring)
    limit = _address_space() + MEMORY
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    here = os.getcwd()
    try:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            os.chdir(folder)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    yield
            finally:
                os.chdir(here)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGPROF, before)


def _address_space() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:  # not on every system
        return 2**33
    return pages * resource.getpagesize()


def make(target: Callable[..., Any], arguments: dict[str, Any]) -> End:
    """The call, its warnings recorded and its time bounded."""
    parameters = _positional(target)
    first = [arguments[name] for name in parameters if name in arguments]
    rest = {name: value for name, value in arguments.items() if name not in parameters}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        signal.setitimer(signal.ITIMER_PROF, SECONDS, 1.0)
        try:
            end = End(target(*first, **rest))
        except BaseException as error:  # whatever it is, it is what the call ended in
            if isinstance(error, KeyboardInterrupt):
                raise
            end = End(error=error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    kept = [w for w in caught if w.category.__name__ != "DomainWarning"]
    end.warnings = tuple(f"{w.category.__name__}: {w.message}" for w in kept)
    return end


def _positional(target: Callable[..., Any]) -> tuple[str, ...]:
    """Parameters that cannot be named."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(p.name for p in parameters if p.kind is p.POSITIONAL_ONLY)


def parameters_of(call: Call) -> tuple[str, ...]:
    """Every name that a message may use for an argument."""
    try:
        found = tuple(inspect.signature(call.target).parameters)
    except (TypeError, ValueError):
        found = ()
    return tuple(dict.fromkeys((*found, *call.arguments, *call.names)))


def names_argument(message: str, names: tuple[str, ...]) -> bool:
    """Whether a message names one of the arguments (or one entry of it, in the singular).

    Names of a single letter are words of English, or could be: they need a verb, an index or a sign behind.
    """
    import re

    for name in names:
        if len(name) == 1:
            pattern = rf"(?<![\w.']){name}(?=\[| must| =|=| is| has| holds| and | needs| up to|\()"
        else:
            singular = name[:-1] if name.endswith("s") and len(name) > 3 else name
            pattern = rf"(?<!\w)({re.escape(name)}|{re.escape(singular)})(?!\w)"
        if re.search(pattern, message):
            return True
    return False


def verdict_of_error(error: BaseException, call: Call) -> tuple[str, str]:
    """The kind of outcome that an exception is, and its message."""
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, Hang):
        return HUNG, f"took more than {SECONDS:g} s"
    if isinstance(error, OwnError):
        return PASSED, message
    clear = type(error) in (ValueError, TypeError, MemoryError, *call.also)
    if not clear and not type(error).__module__.startswith("splinekan"):
        return FOREIGN, message
    return (REFUSED if names_argument(str(error), parameters_of(call)) else UNNAMED), message


SKIPPED = ("seconds", "times")
"""Fields that no two runs share."""


def leaves(value: Any, depth: int = 0) -> list[Any]:
    """The numbers, texts and other leaves of a result, in order."""
    if depth > 8 or value is None or isinstance(value, (str, bytes)):
        return [value]
    if scipy.sparse.issparse(value):
        return [np.asarray(value.toarray())]
    if isinstance(value, (np.ndarray, np.generic, int, float, complex)):
        return [np.asarray(value)]
    if isinstance(value, sympy.Basic):
        return [str(value)]
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return [leaf for key, one in value.items() if key not in SKIPPED for leaf in leaves(one, depth + 1)]
    if isinstance(value, (list, tuple)):
        return [leaf for one in value for leaf in leaves(one, depth + 1)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value) if f.name not in SKIPPED]
        return [leaf for name in names for leaf in leaves(getattr(value, name, None), depth + 1)]
    return [type(value).__name__]


def assert_alike(got: Any, want: Any, tolerance: float = 1e-11) -> None:
    """Both results hold the same numbers to `tolerance` times the largest of each array."""
    one, other = leaves(got), leaves(want)
    assert len(one) == len(other), f"{len(one)} parts instead of {len(other)}"
    for a, b in zip(one, other, strict=True):
        if not isinstance(b, np.ndarray):
            assert a == b, f"{a!r:.60} instead of {b!r:.60}"
            continue
        assert isinstance(a, np.ndarray)
        assert a.shape == b.shape, f"shape {a.shape} instead of {b.shape}"
        if b.size == 0 or b.dtype.kind not in "fiubc":
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        known = np.isfinite(b)
        assert np.array_equal(np.isnan(a), np.isnan(b)), f"{a} instead of {b}"
        assert np.array_equal(a[~known], b[~known], equal_nan=True), f"{a} instead of {b}"
        bound = tolerance * np.abs(b[known]).max(initial=0.0) + 1e-300
        worst = np.abs(a[known] - b[known]).max(initial=0.0)
        assert worst <= bound, f"off by {worst:.3g}, where {bound:.3g} is allowed: {a} instead of {b}"


def assert_near(got: Any, want: Any, size: Any, factor: float = 1e3, eps: float | None = None) -> None:
    """|got - want| <= factor eps size, entry by entry; eps that of the result's type."""
    a, b = np.asarray(got), np.asarray(want, dtype=np.float64)
    assert a.shape == b.shape, f"shape {a.shape} instead of {b.shape}"
    info = np.finfo(a.dtype if a.dtype.kind == "f" else np.float64)
    eps = float(info.eps) if eps is None else max(eps, float(info.eps))
    with np.errstate(all="ignore"):
        bound = factor * eps * np.broadcast_to(np.asarray(size, dtype=np.float64), b.shape)
        bound = bound + 8 * float(info.smallest_subnormal)
        beyond = np.abs(b) > float(info.max) / 2  # the truth leaves the range: infinite is right
        a = a.astype(np.float64)
        fine = np.abs(a - b) <= bound
        fine |= (a == b) | (np.isnan(a) & np.isnan(b)) | (beyond & ~np.isnan(a))
        fine |= ~np.isfinite(bound) & np.isfinite(a)
    if not fine.all():
        at = tuple(int(i) for i in np.argwhere(~fine)[0])
        raise AssertionError(f"{a[at]!r} instead of {b[at]!r} at {at}, allowed {bound[at]:.3g}")


def floats(value: Any) -> np.ndarray:
    """A plain array of its own, whatever the value's layout."""
    return np.array(value, dtype=np.float64, order="C")


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 300
_REPR.maxlist = _REPR.maxtuple = 40


def shown(value: Any) -> str:
    """A value for a reproducer: what makes it, if it is short."""
    if isinstance(value, np.ndarray):
        kind = type(value).__name__
        with np.printoptions(precision=17, threshold=60, linewidth=10**6, floatmode="unique"):
            body = " ".join(np.array2string(np.asarray(value), separator=", ").split())
        note = "" if value.flags.c_contiguous else ", not contiguous"
        return f"{kind}({body}, dtype={value.dtype}, shape={value.shape}{note})"
    try:
        return " ".join(_REPR.repr(value).split())
    except Exception:
        return f"<{type(value).__name__}>"


CALLS: dict[str, Callable[[Any, str], Call]] = {}
"""Per public callable what draws a call of it."""
SHARES: dict[str, int] = {}
"""How often each is drawn in a round: what takes long less, what has much to go wrong more often."""


def calls(*names: str, share: int = 4) -> Callable[[Any], Any]:
    """Register a function (draw, name) -> Call for these callables, each drawn `share` times a round."""

    def register(builder: Any) -> Any:
        for name in names:
            assert name not in CALLS, f"{name} is drawn twice"
            CALLS[name] = builder
            SHARES[name] = share
        return builder

    return register


def record(made: Any) -> Call:
    """What the package returns is made as it is: nothing is computed, and nothing checked."""
    named = hasattr(made, "_asdict")
    arguments = (
        made._asdict()
        if named
        else {f.name: getattr(made, f.name) for f in dataclasses.fields(made) if f.init}
    )

    def check(result: Any, _args: Any) -> None:
        assert_alike(result, made)

    return Call(type(made), arguments, check, dict.fromkeys(arguments, Role("free")))
