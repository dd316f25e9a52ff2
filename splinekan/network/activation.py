"""Activations: elementwise layers without parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from splinekan._checks import integer, one_of
from splinekan.kernels import elementwise
from splinekan.network.elementwise import Elementwise

MAX_POWER = 64
"""Highest power of a power ReLU, which beyond it is a step from 0 to overflow."""


_FUNCTIONS = {
    "relu": elementwise.POWER,
    "power_relu": elementwise.POWER,
    "tanh": elementwise.TANH,
    "sigmoid": elementwise.SIGMOID,
    "silu": elementwise.SILU,
}


@dataclass(frozen=True)
class Activation(Elementwise):
    """The layer y = phi(x), elementwise, without parameters.

    Parameters
    ----------
    width
        Number of inputs, and of outputs.
    kind
        "relu" max(0, x); "power_relu" max(0, x)^degree; "tanh"; "sigmoid" 1/(1 + exp(-x)); "silu"
        x/(1 + exp(-x)).
    degree
        The power of "power_relu", 1 to 64; unused by the other kinds.

    Raises
    ------
    TypeError, ValueError
        For a width or degree that is not a positive integer, or an unknown kind.

    Examples
    --------
    >>> import numpy as np
    >>> Activation(2, "power_relu", degree=2).value(np.zeros(0), np.array([[-1.0, 3.0]]))
    array([[0., 9.]])
    """

    width: int
    kind: str = "tanh"
    degree: int = 3

    kinds: ClassVar[tuple[str, ...]] = ("relu", "power_relu", "tanh", "sigmoid", "silu")

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", integer("width", self.width, low=1))
        object.__setattr__(self, "kind", one_of("kind", self.kind, self.kinds))
        object.__setattr__(self, "degree", integer("degree", self.degree, low=1, high=MAX_POWER))

    @property
    def _function(self) -> tuple[int, int]:
        return _FUNCTIONS[self.kind], self.degree if self.kind == "power_relu" else 1
