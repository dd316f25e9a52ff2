"""What all figures share: line styles, axes, and a figure to draw on."""

from __future__ import annotations

from typing import Any

# Okabe and Ito's palette, safe for the colour-blind; dashes keep lines apart in black and white.
STYLES: dict[str, dict[str, Any]] = {
    "coarse": {"color": "#0072B2", "linestyle": ":"},
    "fine": {"color": "#E69F00", "linestyle": "--"},
    "multilevel": {"color": "#D55E00", "linestyle": "-"},
    "gauss-newton": {"color": "#009E73", "linestyle": "-."},
    "tournament": {"color": "#CC79A7", "linestyle": (0, (5, 1))},
}


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
