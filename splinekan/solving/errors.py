"""Relative errors of solutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from splinekan._checks import Float64Array, real_array, sequence, shown
from splinekan.equations.complex_parts import ComplexParts
from splinekan.solving.formulas import numeric


def relative_error(
    values: NDArray[Any],
    exact: Any,
    points: Float64Array,
    variables: Sequence[Any],
    parts: ComplexParts | None,
) -> Float64Array:
    """The relative error |values - exact| / |exact| of every column in the l2 norm over the points, (m,).

    Raises
    ------
    TypeError, ValueError
        As for `Solution.error`.
    """
    truth = _truth(exact, points, values.shape[1], variables, parts)
    if not np.isfinite(truth).all():
        raise ValueError(f"exact must be finite, got {truth[~np.isfinite(truth)][0]}")
    size = np.linalg.norm(truth, axis=0)
    if not size.all():
        raise ValueError("exact must not be 0 at all points: the relative error is undefined")
    return np.asarray(np.linalg.norm(values - truth, axis=0) / size)


def _truth(
    exact: Any, points: Float64Array, m: int, variables: Sequence[Any], parts: ComplexParts | None
) -> NDArray[Any]:
    n = len(points)
    if callable(exact) and not isinstance(exact, (sympy.Basic, type)):
        given: NDArray[Any] = np.asarray(exact(points.copy()))
        if parts is None or given.dtype.kind != "c":
            given = real_array("exact(points)", given).astype(np.float64)
        if given.shape not in ((n, m), (n,) if m == 1 else (n, m)):
            raise ValueError(f"exact(points) must have shape ({n}, {m}), got {given.shape}")
        return given.reshape(n, m)
    forms = list(sequence("exact", exact)) if isinstance(exact, (list, tuple)) else [exact]
    if len(forms) != m:
        raise ValueError(f"exact must hold {m} expressions, got {len(forms)}")
    read = [_read(form) for form in forms]
    if parts is None:
        return numeric("exact", read, variables)(points)
    pairs = [parts.split(form) for form in read]
    real, imaginary = (numeric("exact", [pair[k] for pair in pairs], variables)(points) for k in (0, 1))
    return np.asarray(real + 1j * imaginary)


def _read(form: Any) -> Any:
    try:
        found = sympy.sympify(form, strict=True)
    except (sympy.SympifyError, TypeError, ValueError, AttributeError):  # invalid input
        found = None
    if not isinstance(found, sympy.Expr):
        raise TypeError(f"exact must be an expression of sympy or a function of points, got {shown(form)}")
    return found
