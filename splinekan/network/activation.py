"""Activations: elementwise layers without parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy

from splinekan._checks import Array, integer, one_of
from splinekan.network.elementwise import SIGMOID, TANH, Elementwise, polynomial_derivatives

MAX_POWER = 64
"""Of a power ReLU: beyond, it is a step from 0 to overflow."""


def _power_relu_derivatives(x: Array, degree: int, order: int) -> list[Array]:
    """degree!/(degree - d)! max(0, x)^(degree - d), right-continuous at 0, as the bases are."""
    positive, on = np.maximum(x, 0), (x >= 0).astype(x.dtype)
    return [
        math.perm(degree, d) * positive ** max(degree - d, 0) * (on if d >= degree else 1)
        for d in range(order + 1)
    ]


def _silu_derivatives(x: Array, order: int) -> list[Array]:
    """x s^(d) + d s^(d - 1), s the sigmoid."""
    s = polynomial_derivatives(scipy.special.expit(x), SIGMOID, order)
    return [x * s[0], *(x * s[d] + d * s[d - 1] for d in range(1, order + 1))]


@dataclass(frozen=True)
class Activation(Elementwise):
    """y = phi(x), elementwise.

    Parameters
    ----------
    width
        Number of inputs, and of outputs.
    kind
        "relu" max(0, x); "power_relu" max(0, x)^degree; "tanh"; "sigmoid" 1/(1 + exp(-x)); "silu"
        x/(1 + exp(-x)).
    degree
        The power of "power_relu", 1 to 64; unused by the others.

    Raises
    ------
    TypeError, ValueError
        For a width or degree that is not a positive integer, or an unknown kind.
    """

    width: int
    kind: str = "tanh"
    degree: int = 3

    kinds: ClassVar[tuple[str, ...]] = ("relu", "power_relu", "tanh", "sigmoid", "silu")

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", integer("width", self.width, low=1))
        object.__setattr__(self, "kind", one_of("kind", self.kind, self.kinds))
        object.__setattr__(self, "degree", integer("degree", self.degree, low=1, high=MAX_POWER))

    def _derivatives(self, x: Array, order: int) -> list[Array]:
        if self.kind == "tanh":
            return polynomial_derivatives(np.tanh(x), TANH, order)
        if self.kind == "sigmoid":
            return polynomial_derivatives(scipy.special.expit(x), SIGMOID, order)
        if self.kind == "silu":
            return _silu_derivatives(x, order)
        return _power_relu_derivatives(x, 1 if self.kind == "relu" else self.degree, order)
