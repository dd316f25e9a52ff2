"""Arrays from the tensors of other libraries, which are converted by their own methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from splinekan._checks import Float64Array, real_array, shown

State = Mapping[str, Any]
"""A state dictionary: tensors or arrays by name."""


def array(name: str, value: Any, shape: tuple[int | None, ...]) -> Float64Array:
    """A tensor or an array in float64, of that shape, all of it finite. Every smaller type fits exactly.

    Raises
    ------
    TypeError, ValueError
        Naming what is wrong with it.
    """
    if all(hasattr(value, method) for method in ("detach", "cpu", "double", "is_complex")):
        if value.is_complex():
            raise TypeError(f"{name} must be real, got a complex tensor")
        try:
            value = value.detach().cpu().double().numpy()
        except Exception as error:  # a sparse or a lazy tensor, or one without memory
            raise TypeError(f"{name} must be a dense tensor of numbers: {error}") from None
    return real_array(name, value, shape=shape).astype("f8")


def is_state(model: Any) -> bool:
    """Whether `model` is a state dictionary; its keys must be texts.

    Raises
    ------
    TypeError
        For a mapping with other keys.
    """
    if not isinstance(model, Mapping):
        return False
    other = [key for key in model if not isinstance(key, str)]
    if other:
        raise TypeError(f"model must be a state dictionary with names as keys, got the key {shown(other[0])}")
    return True


class Reader:
    """The entries of a state dictionary, each read once: what is left over was not understood.

    Parameters
    ----------
    state
        The dictionary.
    library
        The name of the library, in messages.
    """

    def __init__(self, state: State, library: str) -> None:
        self.state, self.library = state, library
        self.left = set(state)

    def __call__(self, key: str, *shape: int | None) -> Float64Array:
        """The entry as an array of that shape.

        Raises
        ------
        TypeError, ValueError
            If it is missing or another.
        """
        if key not in self.state:
            raise ValueError(f"model must be a network of {self.library}: its state lacks {key!r}")
        self.left.discard(key)
        return array(f"model[{key!r}]", self.state[key], shape)

    def finish(self) -> None:
        """Refuse entries that were not read: the network may compute with them.

        Raises
        ------
        ValueError
            Naming one.
        """
        if self.left:
            key = min(self.left)
            raise ValueError(
                f"model holds {key!r} and {len(self.left) - 1} more entries that are not those of "
                f"{self.library}"
                if len(self.left) > 1
                else f"model holds {key!r}, which is not an entry of {self.library}"
            )
