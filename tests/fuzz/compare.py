"""What checks share: derivatives by differences, and which arguments they compute with."""

from __future__ import annotations

from typing import Any

import numpy as np

from fuzz.core import floats


def slope(f: Any, h: float = 1e-6) -> np.ndarray:
    """f'(0), a central difference."""
    return (floats(f(h)) - floats(f(-h))) / (2 * h)


def assert_slope(got: Any, f: Any) -> None:
    """f'(0), to what differences of two sizes can tell, away from the kinks that they meet."""
    got, rough, fine = floats(got), slope(f, 1e-5), slope(f)
    assert got.shape == fine.shape, f"shape {got.shape} instead of {fine.shape}"
    middle = floats(f(0.0))
    sizes = (np.abs(each).max(initial=0.0) for each in (rough, fine, middle))
    tolerance = 1e-4 * sum(sizes) + 1e-8
    errors = np.minimum(np.abs(got - rough), np.abs(got - fine))
    # At a kink the two sides differ, or differences of two sizes do because one of them reaches it.
    sides = (floats(f(1e-6)) - 2 * middle + floats(f(-1e-6))) / 1e-6
    kinked = (np.abs(rough - fine) > tolerance) | (np.abs(sides) > tolerance)
    assert (errors[~kinked] <= tolerance).all(), f"derivative {got} instead of {fine}"


def finite(args: Any) -> bool:
    """Whether arrays among the arguments are finite."""
    return all(
        np.isfinite(floats(v)).all()
        for v in args.values()
        if isinstance(v, np.ndarray) and v.dtype.kind == "f"
    )


def moderate(args: Any) -> bool:
    """Whether arrays among the arguments are so small that differences are of use."""
    return all(
        np.abs(floats(v)).max(initial=0.0) < 1e4
        for v in args.values()
        if isinstance(v, np.ndarray) and v.dtype.kind == "f"
    )


def eps_of(x: Any) -> float:
    """The rounding of numbers of that type."""
    return float(np.finfo(np.asarray(x).dtype).eps) if np.asarray(x).dtype.kind == "f" else 2.3e-16
