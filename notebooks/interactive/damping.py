"""The step of Levenberg-Marquardt in a curved valley, by damping (notebook 08)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from interactive.stage import BLACK, BLUE, GREEN, GREY, ORANGE, Slider, show

BEND = 3.0
EXPONENTS = np.linspace(-3, 3, 121)
WINDOW = (-1.6, 2.2, -2.6, 1.6)


def residual(theta: np.ndarray) -> np.ndarray:
    """rho, (..., 2), at theta, (..., 2): the loss rho.rho/2 has a valley along theta_2 = theta_1^2."""
    first, second = theta[..., 0], theta[..., 1]
    return np.stack([BEND * (second - first**2), 1 - first], axis=-1)


def loss(theta: np.ndarray) -> np.ndarray:
    """rho.rho/2."""
    return 0.5 * (residual(theta) ** 2).sum(axis=-1)


def jacobian(theta: np.ndarray) -> np.ndarray:
    """J, (2, 2)."""
    return np.array([[-2 * BEND * theta[0], BEND], [-1.0, 0.0]])


class Step(NamedTuple):
    """A damped step d with the decrease of the loss that the linear model predicts, and the true decrease."""

    d: np.ndarray
    predicted: float
    actual: float

    @property
    def gain(self) -> float:
        """The ratio by which Levenberg-Marquardt chooses its next damping."""
        return self.actual / self.predicted


def step(theta: np.ndarray, damping: float) -> Step:
    """d = -(J^T J + damping I)^{-1} J^T rho; damping 0 is Gauss-Newton."""
    rho, J = residual(theta), jacobian(theta)
    d = np.linalg.solve(J.T @ J + damping * np.eye(2), -J.T @ rho)
    linear = rho + J @ d
    return Step(d, float(rho @ rho - linear @ linear) / 2, float(loss(theta) - loss(theta + d)))


def steepest(theta: np.ndarray) -> np.ndarray:
    """The step of gradient descent to the minimum of the linear model along the gradient."""
    J = jacobian(theta)
    g = J.T @ residual(theta)
    return -(g @ g) / ((J @ g) @ (J @ g)) * g


def draw(figure: Figure, exponent: float, start: float) -> None:
    """Steps from the point (start, start^2 + 0.4) with the damping 10^exponent."""
    theta = np.array([start, start**2 + 0.4])
    now = step(theta, 10.0**exponent)
    family = [step(theta, 10.0**p) for p in EXPONENTS]

    ax = figure.add_axes((0.06, 0.11, 0.40, 0.82))
    axis = np.linspace(WINDOW[0], WINDOW[1], 120), np.linspace(WINDOW[2], WINDOW[3], 120)
    values = loss(np.stack(np.meshgrid(*axis), axis=-1))
    ax.contour(*axis, values, levels=np.geomspace(0.03, 100, 11), colors="0.75", linewidths=0.7)
    ax.plot(1, 1, "*", color=BLACK, markersize=9, linestyle="none", label="minimum")
    path = theta + np.array([member.d for member in family])
    ax.plot(*path.T, color=GREY, linestyle="-", linewidth=1)
    ax.add_patch(Circle(tuple(theta), np.linalg.norm(now.d), fill=False, color=GREY, linestyle=":"))
    ends = (
        (steepest(theta), GREEN, "gradient descent"),
        (step(theta, 0.0).d, BLUE, "Gauss-Newton"),
        (now.d, ORANGE, "Levenberg-Marquardt"),
    )
    for d, colour, label in ends:
        arrow = {"arrowstyle": "-|>", "color": colour, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.8}
        ax.annotate("", tuple(theta + d), tuple(theta), arrowprops=arrow)
        ax.plot([], [], color=colour, linestyle="-", label=label)
    ax.plot(*theta, "o", color=BLACK)
    ax.set_aspect("equal")
    ax.grid(False)
    ax.set(xlim=WINDOW[:2], ylim=WINDOW[2:], xlabel="θ₁", ylabel="θ₂")
    ax.set_title(f"damping {10.0**exponent:.2g}, length of its step {np.linalg.norm(now.d):.2g}")
    ax.legend(loc="lower left", fontsize=7, frameon=True)

    ax = figure.add_axes((0.56, 0.11, 0.42, 0.82))
    ax.semilogx(10**EXPONENTS, [member.predicted for member in family], color=BLUE, label="predicted")
    ax.semilogx(10**EXPONENTS, [member.actual for member in family], color=ORANGE, label="actual")
    ax.axhline(0, color=BLACK, linestyle="-", linewidth=0.8)
    top = 1.15 * step(theta, 0.0).predicted
    for value, colour in ((now.predicted, BLUE), (now.actual, ORANGE)):
        ax.plot(10.0**exponent, max(value, -top), "o", color=colour, markersize=7)
    ax.axvline(10.0**exponent, color=GREY, linestyle=":", linewidth=1)
    ax.set(ylim=(-1.05 * top, top), xlabel="damping", ylabel="decrease of the loss")
    ax.set_xticks([1e-3, 0.01, 0.1, 1, 10, 100, 1e3], ["0.001", "0.01", "0.1", "1", "10", "100", "1000"])
    ax.minorticks_off()
    verdict = "accepted" if now.actual > 0 else "rejected"
    ax.set_title(
        f"predicted {now.predicted:.3g}, actual {now.actual:.3g}: gain ratio {now.gain:.2g}, {verdict}"
    )
    ax.legend(loc="lower right")


def damp_a_step() -> None:
    """Display the figure with sliders for the damping and the point."""
    controls = {
        "exponent": Slider("log10 of the damping", -3.0, 3.0, 0.1, 0.5),
        "start": Slider("position in the valley", -0.8, 0.9, 0.1, -0.6),
    }
    caption = "Steps of gradient descent, Gauss-Newton and Levenberg-Marquardt; predicted and actual decrease"
    show(draw, controls, caption, (8.4, 4.2))
