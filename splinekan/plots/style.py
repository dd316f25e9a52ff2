"""What all figures share: line styles, axes, and a figure to draw on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from splinekan._checks import one_of

FORMATS = (".png", ".pdf")
"""What `save` writes."""

# Okabe and Ito's palette, safe for the colour-blind; dashes keep lines apart in black and white.
STYLES: dict[str, dict[str, Any]] = {
    "coarse": {"color": "#0072B2", "linestyle": ":"},
    "fine": {"color": "#E69F00", "linestyle": "--"},
    "multilevel": {"color": "#D55E00", "linestyle": "-"},
    "gauss-newton": {"color": "#009E73", "linestyle": "-."},
    "tournament": {"color": "#CC79A7", "linestyle": (0, (5, 1))},
}
SERIES: tuple[dict[str, Any], ...] = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    {"color": "#009E73", "linestyle": "-.", "marker": "^"},
    {"color": "#CC79A7", "linestyle": ":", "marker": "D"},
    {"color": "#E69F00", "linestyle": (0, (5, 1)), "marker": "v"},
    {"color": "#56B4E9", "linestyle": (0, (3, 1, 1, 1, 1, 1)), "marker": "P"},
)
"""Lines that are told apart by colour, dashes and markers."""
MAP = "cividis"
"""Colours of maps: lightness grows with the value, so they read the same in grey."""


def look(row: Any) -> dict[str, Any]:
    """Schedules differ by colour and dashes, bases by markers: dots, open squares, triangles for none."""
    style = next((s for key, s in STYLES.items() if row.name.endswith(key)), {"linestyle": ":"})
    marker = {"spline": "o", "relu": "s"}.get(row.basis, "^")
    look = {**style, "marker": marker, "markersize": 5, "label": row.name.replace("-", " ")}
    look["fillstyle"] = "none" if row.basis == "relu" else "full"
    return look | ({"color": "#000000"} if row.basis == "none" else {})


def log_axes(ax: Any, x: str, y: str) -> Any:
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.legend(frameon=False, fontsize=7)
    return ax


def canvas(rows: int = 1, columns: int = 1, size: tuple[float, float] = (6.0, 4.0)) -> tuple[Any, Any]:
    """A new figure of that size in inches and its axes, an array (rows, columns).

    No window system is touched, so figures can be made anywhere.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def save(figure: Any, path: Path, title: str, description: str, dpi: int = 150) -> None:
    """Write a figure as PNG or PDF, its title and description inside the file.

    PNG keeps them as "Title" and "Description", PDF as "Title" and "Subject". No date is written, so the same
    figure makes the same file.

    Raises
    ------
    ValueError
        For another ending.
    """
    kind = one_of("the ending of a figure's file", path.suffix.lower(), FORMATS)
    if kind == ".png":
        metadata = {"Title": title, "Description": description}
    else:
        metadata = {"Title": title, "Subject": description, "CreationDate": None}
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=dpi, metadata=metadata)
