"""Identification of activations of other libraries: by name, and by value if they can be called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy

from splinekan._checks import Array, shown
from splinekan.network.functions import FUNCTIONS, Function, function

POINTS = np.concatenate([np.arange(-3.27, 4, 0.25), [-30.0, -11.0, 9.0, 25.0]])
"""Points at which functions are compared, none of them near a pole of the tangent."""
SINGLE, HALF = 1e-5, 3e-2
"""Relative deviations that rounding explains: in float32, and in shorter types."""
EXPRESSIONS = {"relu": "(x + abs(x))/2", "gelu": "x*(1 + erf(x/sqrt(2)))/2"}
"""Activations that are not among the named functions."""
NAMES = {
    "SiLU": "silu", "Identity": "identity", "Tanh": "tanh", "Sigmoid": "sigmoid", "ReLU": "relu",
    "GELU": "gelu", "Softplus": "softplus",
    "x": "identity", "0": "zero", "x^2": "square", "x^3": "cube", "1/x": "reciprocal",
    "1/x^2": "x^-2", "1/x^3": "x^-3", "1/x^4": "x^-4", "1/x^5": "x^-5", "x^0.5": "sqrt", "x^1.5": "x^(3/2)",
    "1/sqrt(x)": "rsqrt", "1/x^0.5": "rsqrt", "sgn": "sign", "arcsin": "asin", "arccos": "acos",
    "arctan": "atan", "arctanh": "atanh",
}  # fmt: skip
"""Names in PyTorch and in pykan that differ from those of this package."""
KNOWN = ("zero", "identity", *EXPRESSIONS, *FUNCTIONS)
"""Names of functions here."""


def chain(name: str) -> tuple[Function, ...]:
    """The functions of a `Term` that is the function of that name."""
    if name == "identity":
        return ()
    return (function(EXPRESSIONS[name], name) if name in EXPRESSIONS else FUNCTIONS[name],)


def named(what: str, given: Any, accepted: Iterable[str] = KNOWN) -> str:
    """The name here of a function that another library calls `given`.

    Raises
    ------
    TypeError, ValueError
        If it is not the name of a function.
    """
    if not isinstance(given, str):
        raise TypeError(f"{what} must be the name of a function, got {shown(given)}")
    name = NAMES.get(given, given)
    if name not in accepted:
        raise ValueError(f"{what} must be one of {', '.join(accepted)}, got {given!r}")
    return name


def identified(what: str, given: Any, called: Any, tensor: Any) -> str:
    """The name in this package of a function of another library, which has the same values.

    Parameters
    ----------
    what
        A description of the function for messages.
    given
        The function, from tensors to tensors.
    called
        Its name in that library, or None. Unknown names are ignored.
    tensor
        A tensor of the library, from which others are made.

    Raises
    ------
    ValueError
        If it is none of the known functions.
    """
    own = getattr(given, "__name__", type(given).__name__)
    names = [NAMES.get(each, each) for each in (called, own) if isinstance(each, str)]
    candidates = [name for name in names if name in KNOWN] or KNOWN
    for name in candidates:
        if _agrees(given, name, tensor):
            return name
    label = repr(called) if isinstance(called, str) else shown(given)
    raise ValueError(f"{what} is {label}, whose values are not those of {' or '.join(candidates)}")


def _agrees(given: Any, name: str, tensor: Any) -> bool:
    points = tensor.new_tensor(POINTS.tolist())
    at = points.double().cpu().numpy()
    try:
        got = given(points).detach().cpu().double().numpy()
    except Exception:  # whatever a user's function may raise
        return False
    with np.errstate(all="ignore"):
        want = _values(name, at)
        bound = (SINGLE if "float32" in str(points.dtype) or "float64" in str(points.dtype) else HALF) * (
            1 + np.abs(want)
        )
        same: Array = (np.abs(got - want) <= bound) | (np.isnan(got) & np.isnan(want)) | (got == want)
    return got.shape == at.shape and bool(same.all())


def _values(name: str, x: Array) -> Array:
    if name == "identity":
        return x
    if name == "zero":
        return np.zeros_like(x)
    if name == "relu":
        return np.maximum(x, 0)
    if name == "gelu":
        return np.asarray(x * (1 + scipy.special.erf(x / np.sqrt(2))) / 2)
    return FUNCTIONS[name].derivatives(x)[0]
