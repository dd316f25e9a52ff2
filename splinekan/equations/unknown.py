"""Unknown constants of equations, as symbols."""

from __future__ import annotations

from typing import Any

import sympy

from splinekan._checks import instance, real


class Unknown(sympy.Symbol):  # type: ignore[misc]
    """A real constant of an equation that is estimated together with the unknown functions.

    It is a symbol of sympy and may be used in place of a number in equations and conditions. `Equation`
    detects it, and `KAN.with_constants` appends its value to theta. Two constants are equal if their names
    and starting values are equal. For a constant that must remain positive write exp(c), with c unknown.

    Parameters
    ----------
    name
        The name.
    start
        The starting value, a finite number.

    Raises
    ------
    TypeError, ValueError
        For a name that is not a string or is empty, and a start that is not a finite number.

    Examples
    --------
    >>> k = Unknown("k", start=2.0)
    >>> k, k.start, (k**2).diff(k)
    (k, 2.0, 2*k)
    >>> Unknown("k", start=2.0) == k, Unknown("k") == k
    (True, False)
    """

    __slots__ = ("start",)
    start: float

    def __new__(cls, name: str, start: float = 1.0) -> Unknown:
        if not instance("name", name, str):
            raise ValueError("name must not be empty")
        value = real("start", start)
        # Past the cache of sympy, whose keys hold no starting value.
        symbol = sympy.Symbol.__xnew__(cls, name, real=True)
        symbol.start = value
        found: Unknown = symbol
        return found

    def __getnewargs_ex__(self) -> Any:
        return (self.name, self.start), {}

    def __reduce__(self) -> Any:
        return Unknown, (self.name, self.start)

    @classmethod
    def class_key(cls) -> Any:
        """The class key of symbols, so that terms are sorted by name alone."""
        return sympy.Symbol.class_key()

    def _sympyrepr(self, _printer: Any) -> str:
        return f"Unknown({self.name!r}, start={self.start!r})"

    def _hashable_content(self) -> Any:
        return (self.start, *super()._hashable_content())
