"""The common part of all figures: line styles, axes, and a figure to draw on."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from splinekan._checks import each, instance, integer, one_of, real, sequence, shown
from splinekan._files import as_path, replacing

FORMATS = (".png", ".pdf")
"""The formats that `save` writes."""
MOST_PIXELS = 2**16
"""Most pixels on a side; matplotlib draws no more."""

# The palette of Okabe and Ito, safe for the colour-blind; dashes distinguish lines in black and white.
STYLES: dict[str, dict[str, Any]] = {
    "coarse": {"color": "#0072B2", "linestyle": ":"},
    "fine": {"color": "#E69F00", "linestyle": "--"},
    "multilevel": {"color": "#D55E00", "linestyle": "-"},
    "gauss-newton": {"color": "#009E73", "linestyle": "-."},
    "tournament": {"color": "#CC79A7", "linestyle": (0, (5, 1))},
}
PERCEPTRONS: tuple[Any, ...] = ((0, (8, 2)), (0, (8, 2, 1, 2, 1, 2)), (0, (2, 2)))
"""Dashes of the black lines of networks other than splines."""
SERIES: tuple[dict[str, Any], ...] = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    {"color": "#009E73", "linestyle": "-.", "marker": "^"},
    {"color": "#CC79A7", "linestyle": ":", "marker": "D"},
    {"color": "#E69F00", "linestyle": (0, (5, 1)), "marker": "v"},
    {"color": "#56B4E9", "linestyle": (0, (3, 1, 1, 1, 1, 1)), "marker": "P"},
)
"""Lines that differ in colour, dashes and markers."""
MAP = "cividis"
"""Colours of maps: lightness grows with the value, so that maps can be read in grey."""


def one_axes(name: str, value: Any) -> Any:
    """`value` if it is matplotlib axes.

    Raises
    ------
    TypeError
        If it is not.
    """
    from matplotlib.axes import Axes

    return instance(name, value, Axes)


def many_axes(name: str, value: Any, rows: int | None, columns: int | None = None) -> Any:
    """`value` as an array of axes: of shape (rows, columns), or (rows,) without `columns`.

    Raises
    ------
    TypeError, ValueError
        For another shape, or entries that are not axes.
    """
    wanted = (rows,) if columns is None else (rows, columns)
    axes = value if isinstance(value, np.ndarray) else np.array(sequence(name, value), dtype=object)
    fits = axes.ndim == len(wanted) and all(
        want is None or have == want for have, want in zip(axes.shape, wanted, strict=True)
    )
    if not fits:
        shape = tuple("any" if want is None else want for want in wanted)
        raise ValueError(f"{name} must be axes of shape {shape}, got shape {axes.shape}")
    for ax in axes.flat:
        one_axes(f"every entry of {name}", ax)
    return axes


def having(name: str, value: Any, kind: str, *attributes: str) -> Any:
    """`value` if it has these attributes: the types cannot be imported here, below the studies.

    Raises
    ------
    TypeError
        For a missing attribute, which the message names.
    """
    for attribute in attributes:
        if not hasattr(value, attribute):
            raise TypeError(f"{name} must be {kind}, got {shown(value)}, which has no {attribute}")
    return value


def rows_having(name: str, value: Any, kind: str, *attributes: str) -> tuple[Any, ...]:
    """A nonempty sequence of values that `having` accepts.

    Raises
    ------
    TypeError, ValueError
        If it is empty or not a sequence, or an entry lacks an attribute.
    """
    return tuple(each(name, value, lambda where, row: having(where, row, kind, *attributes)))


def line_style(name: str, number: int = 0) -> dict[str, Any]:
    """Colour and dashes by the last word of a row's name; the `number`-th perceptron is black."""
    known = next((style for key, style in STYLES.items() if name.endswith(key)), None)
    dashes = PERCEPTRONS[number % len(PERCEPTRONS)]
    return dict(known) if known else {"color": "#000000", "linestyle": dashes, "linewidth": 0.9}


def look(row: Any, number: int = 0) -> dict[str, Any]:
    """Schedules differ by colour and dashes, bases by markers: dots, open squares, triangles for none."""
    style = line_style("" if row.basis == "none" else row.name, number)
    marker = {"spline": "o", "relu": "s"}.get(row.basis, "^")
    shape = {**style, "marker": marker, "markersize": 5, "label": row.name.replace("-", " ")}
    return shape | {"fillstyle": "none" if row.basis == "relu" else "full"}


def looks(rows: Any) -> list[dict[str, Any]]:
    """`look` of every row, perceptrons numbered."""
    numbers = np.cumsum([row.basis == "none" for row in rows]) - 1
    return [look(row, int(number)) for row, number in zip(rows, numbers, strict=True)]


def log_axes(ax: Any, x: str, y: str) -> Any:
    """Make both axes logarithmic, with labels `x` and `y` and a legend; call it when everything is drawn."""
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.legend(frameon=False, fontsize=7)
    for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        _few_ticks(axis, limits)
    return ax


def _few_ticks(axis: Any, limits: tuple[float, float]) -> None:
    """Label powers of ten only, or 1, 2 and 5 times these where fewer than two powers are visible."""
    from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter

    low, high = np.log10(sorted(limits))
    if np.floor(high) - np.ceil(low) < 1:
        axis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0)))
        axis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)))
    axis.set_minor_formatter(NullFormatter())


def same_heights(axes: Any) -> Any:
    """Give all axes that show data the same range of y, and label only the first; blank the others."""
    drawn = [ax for ax in axes if ax.has_data()]
    low = min((ax.get_ylim()[0] for ax in drawn), default=0.0)
    high = max((ax.get_ylim()[1] for ax in drawn), default=1.0)
    for ax in axes:
        if ax in drawn:
            ax.set_ylim(low, high)
        else:
            ax.set_axis_off()
    for ax in axes[1:]:
        ax.tick_params(labelleft=False)
    return axes


def canvas(rows: int = 1, columns: int = 1, size: tuple[float, float] = (6.0, 4.0)) -> tuple[Any, Any]:
    """A new figure of that size in inches and its axes, an array (rows, columns).

    No window system is touched, so figures can be made anywhere. Jupyter shows the figure.

    Raises
    ------
    TypeError, ValueError
        For numbers of rows or columns that are not between 1 and 100, or a size that is not positive.
    """
    from matplotlib.figure import Figure

    rows = integer("rows", rows, low=1, high=100)
    columns = integer("columns", columns, low=1, high=100)
    sides = each("size", size, lambda name, side: real(name, side, positive=True))
    if len(sides) != 2:
        raise ValueError(f"size must hold width and height, got {shown(size)}")
    size = (sides[0], sides[1])
    figure: Any = Figure(figsize=size, layout="constrained")
    figure._repr_png_ = partial(_png, figure)  # Jupyter supports figures of pyplot only
    return figure, figure.subplots(rows, columns, squeeze=False)


def _png(figure: Any) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def file_format(path: str | Path) -> str:
    """The ending of a figure's file, one of `FORMATS`.

    Raises
    ------
    TypeError, ValueError
        For another ending, or if `path` is not a path.
    """
    return one_of("the ending of a figure's file", as_path("path", path).suffix.lower(), FORMATS)


def save(figure: Any, path: str | Path, title: str = "", description: str = "", dpi: float = 150) -> None:
    """Write a figure as PNG or PDF, its title and description inside the file.

    PNG keeps them as "Title" and "Description", PDF as "Title" and "Subject". No date is written, so that the
    same figure makes the same file. An existing file is replaced only when the new file is complete.

    Parameters
    ----------
    figure
        A matplotlib figure.
    path
        A name that ends in .png or .pdf; missing folders are made.
    title, description
        The title and the description, left out if empty.
    dpi
        Pixels per inch.

    Raises
    ------
    TypeError, ValueError
        For another ending, arguments of other kinds, or a path that is not a regular file.
    OSError
        If the file cannot be written.
    """
    from matplotlib.figure import Figure

    kind, target = file_format(path), as_path("path", path)
    instance("figure", figure, Figure)
    dpi = real("dpi", dpi, positive=True)
    if max(figure.get_size_inches()) * dpi > MOST_PIXELS:
        raise ValueError(f"dpi must leave at most {MOST_PIXELS} pixels on a side, got {dpi:g}")
    second = "Description" if kind == ".png" else "Subject"
    words = {"Title": instance("title", title, str), second: instance("description", description, str)}
    metadata: dict[str, Any] = {name: text for name, text in words.items() if text}
    if kind == ".pdf":
        metadata["CreationDate"] = None
    with replacing(target) as file:
        figure.savefig(file, format=kind[1:], dpi=dpi, metadata=metadata)


def untouched(key: str) -> bool:
    """Whether a setting of matplotlib has its default, so that it may be changed.

    Raises
    ------
    KeyError
        If there is no such setting.
    """
    from matplotlib import rcParams, rcParamsDefault

    now: Any = rcParams
    default: Any = rcParamsDefault
    return bool(now[key] == default[key])
