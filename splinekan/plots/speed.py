"""Speed of the forms of a spline layer."""

from __future__ import annotations

from typing import Any

from splinekan.plots.style import SERIES, having, many_axes, same_heights


def seconds_by_order(axes: Any, speed: Any) -> Any:
    """Milliseconds per call against the order r: on the left the outputs, on the right outputs and gradient.

    Parameters
    ----------
    axes
        Two matplotlib axes.
    speed
        A `studies.speed.study.Speed`.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds.
    """
    axes = many_axes("axes", axes, 2)
    having("speed", speed, "a studies.speed.study.Speed", "orders", "value", "gradient", "settings")
    titles = ("outputs", "outputs and all gradients")
    for ax, title, times in zip(axes, titles, (speed.value, speed.gradient), strict=True):
        for at, (form, seconds) in enumerate(times.items()):
            values = [1e3 * each for each in seconds]
            ax.plot(speed.orders, values, label=form, markersize=5, linewidth=1.2, **SERIES[at])
        ax.set_yscale("log")
        ax.set_xticks(speed.orders)
        ax.set_xlabel("order r = degree + 1 (dimensionless)")
        ax.set_title(title, fontsize=10)
    axes[0].set_ylabel(f"time for {speed.settings['samples']} samples (ms)")
    axes[0].legend(frameon=False, fontsize=8)
    same_heights(axes)
    low, high = axes[0].get_ylim()
    high *= (high / low) ** 0.2  # room for the legend
    ticks = [step * 10.0**power for power in range(-4, 6) for step in (1, 2, 5)]
    for ax in axes:
        ax.set_yticks([tick for tick in ticks if low <= tick <= high], minor=False)
        ax.set_yticks([], minor=True)
        ax.set_yticklabels([f"{tick:g}" for tick in ax.get_yticks()])
        ax.set_ylim(low, high)
    return same_heights(axes)
