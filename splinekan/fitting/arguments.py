"""Targets and held-out samples: the arguments of `fit`, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import Float64Array, affordable, real, real_array, shown
from splinekan._columns import check_columns, framed, table
from splinekan.distributed.rows import check_rows
from splinekan.distributed.sources import is_collection, is_frame

PAIR = 2
"""Longest list or tuple whose items are searched for Dask collections."""


def paired(given: dict[str, Any], client: Any = None) -> list[Any]:
    """X, y, weights and held-out samples as arrays, data frames and series of this process.

    Tables whose indices differ are refused.

    Raises
    ------
    MemoryError, TypeError, ValueError
        As `collected`, and for tables whose indices differ. An index of Dask that restarts with every
        partition is not compared.
    """
    check_rows(given)
    found = {name: collected(name, value, client) for name, value in given.items()}
    check_rows(
        {
            name: value
            for name, value in found.items()
            if not is_collection(given[name]) or getattr(getattr(value, "index", None), "is_unique", False)
        }
    )
    return list(found.values())


def collected(name: str, value: Any, client: Any = None) -> Any:
    """Collections of Dask as arrays and data frames of this process; everything else unchanged.

    They are computed by `client`, or by Dask's default without it, after a check that they fit into memory.

    Raises
    ------
    MemoryError
        For collections that the machine cannot hold as float64.
    TypeError, ValueError
        For collections other than arrays, data frames and series, and columns that are not numbers, by name.
    """
    if isinstance(value, (list, tuple)) and len(value) <= PAIR and any(map(is_collection, value)):
        return [collected(f"{name}[{i}]", each, client) for i, each in enumerate(value)]
    if not is_collection(value):
        return value
    import dask

    with dask.config.set({} if client is None else {"scheduler": client}):
        affordable(f"{name} in one process", _size(name, value))
        return value.compute()


def _size(name: str, value: Any) -> float:
    """Bytes as float64; 0 for an array of unknown length."""
    if is_frame(value):
        check_columns(name, value)
        return 8.0 * len(value) * (len(value.columns) if value.ndim == 2 else 1)
    if not hasattr(value, "chunks"):
        raise TypeError(
            f"{name} must be an array, or an array, data frame or series of Dask, got {shown(value)}"
        )
    size = 8.0 * float(np.prod(value.shape))
    return 0.0 if np.isnan(size) else size


def inputs_of(name: str, X: Any, names: Any = None, n_columns: int | None = None) -> Float64Array:
    """Inputs, (n, n_in).

    Raises
    ------
    TypeError, ValueError
        For anything else; for a single column the message gives the remedy.
    """
    if isinstance(X, np.ndarray) and X.ndim == 1:
        raise ValueError(
            f"{name} must have shape (n, n_in), got {X.shape}: pass {name}[:, None] for a single input"
        )
    return table(name, X, names, n_columns=n_columns).astype(np.float64)


def targets_of(y: Any, name: str = "y", names: Any = None) -> Float64Array:
    """Targets, (n, n_out).

    Raises
    ------
    TypeError, ValueError
        For anything but real numbers in one or two axes.
    """
    kind = getattr(getattr(y, "dtype", None), "kind", "f")
    if isinstance(kind, str) and kind in "OSU":
        raise TypeError(
            f"{name} must be numbers, got {shown(y)}: KANClassifier takes labels, and fit a column of zeros "
            "and ones for each class, with loss='softmax'"
        )
    if framed(y):
        return table(name, y, names).astype(np.float64)
    t = real_array(name, y)
    if t.ndim not in (1, 2) or t.size == 0:
        raise ValueError(f"{name} must have shape (n,) or (n, n_out), not empty, got {t.shape}")
    return t.astype(np.float64).reshape(len(t), -1)


def check_targets(name: str, t: Float64Array, loss: Any, kind: str, by_name: bool) -> None:
    """Refuse targets that the loss does not admit; the band of "quantile", by its name, fits any targets."""
    if not hasattr(loss, "check") or (kind == "quantile" and by_name):
        return
    try:
        loss.check(t)
    except ValueError as error:
        raise ValueError(str(error).replace("y must", f"{name} must", 1)) from None


def apart_of(held_out: Any, inputs: Any, outputs: Any, n_in: int, n_out: int) -> Any:
    """The share of held-out samples, None to choose it, or held-out samples."""
    if held_out is None:
        return None
    if isinstance(held_out, (list, tuple)):
        if len(held_out) != 2:
            raise ValueError(f"held_out must be a share or a pair (X, y), got {shown(held_out)}")
        check_rows({f"held_out[{i}]": each for i, each in enumerate(held_out)})
        x = inputs_of("held_out[0]", held_out[0], inputs, n_in)
        t = targets_of(held_out[1], "held_out[1]", outputs)
        if len(x) == 0 or t.shape != (len(x), n_out):
            raise ValueError(f"held_out[1] must have shape {(max(len(x), 1), n_out)}, got {t.shape}")
        return x, t
    share = real("held_out", held_out, low=0.0)
    if share >= 1:
        raise ValueError(f"held_out must be a share below 1, or a pair (X, y), got {share}")
    return share
