"""Arrays from the tensors of other libraries, which are converted by their own methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from splinekan._checks import Float64Array, real_array, shown

State = Mapping[str, Any]
"""A state dictionary: tensors or arrays by name."""


def array(name: str, value: Any, shape: tuple[int | None, ...]) -> Float64Array:
    """A finite tensor or array of that shape in float64, which represents all smaller types exactly.

    Raises
    ------
    TypeError, ValueError
        For anything else; the message gives the reason.
    """
    if all(hasattr(value, method) for method in ("detach", "cpu", "double", "is_complex")):
        if value.is_complex():
            raise TypeError(f"{name} must be real, got a complex tensor")
        try:
            value = value.detach().cpu().double().numpy()
        except Exception as error:  # a sparse or lazy tensor, or a tensor without memory
            raise TypeError(f"{name} must be a dense tensor of numbers: {error}") from None
    return real_array(name, value, shape=shape).astype("f8")


def is_state(model: Any) -> bool:
    """Whether `model` is a state dictionary, whose keys must be strings.

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
    """The entries of a state dictionary, each read once: entries left over are unknown.

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
            If it is missing, or of another kind or shape.
        """
        if key not in self.state:
            raise ValueError(f"model must be a network of {self.library}: its state lacks {key!r}")
        self.left.discard(key)
        return array(f"model[{key!r}]", self.state[key], shape)

    def finish(self) -> None:
        """Refuse entries that were not read: the values of the network may depend on them.

        Raises
        ------
        ValueError
            For such an entry, which the message names.
        """
        if self.left:
            key = min(self.left)
            raise ValueError(
                f"model holds {key!r} and {len(self.left) - 1} more entries that are not those of "
                f"{self.library}"
                if len(self.left) > 1
                else f"model holds {key!r}, which is not an entry of {self.library}"
            )
