"""A term of a formula: an edge that is a chain of functions with constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from splinekan._checks import integer, one_of, real, sequence, shown
from splinekan._records import Uncached
from splinekan.network.functions import FUNCTIONS, Function

LONGEST = 32
"""Most functions in a chain."""


@dataclass(frozen=True, init=False, repr=False)
class Term(Uncached):
    """A term c phi_m(a_m ... phi_2(a_2 phi_1(a_1 x_p + b_1) + b_2) ... + b_m) of the output y_q.

    Parameters
    ----------
    input, output
        The numbers p and q, counted from 0.
    functions
        (phi_1, ..., phi_m), the innermost first: functions, or names in `FUNCTIONS`. () for a term c x.
    fixed
        The constants (c, a_1, b_1, ..., a_m, b_m): a number, or None for a parameter. All of them are
        parameters by default.

    Raises
    ------
    TypeError, ValueError
        For numbers that are not indices, unknown functions, a wrong number of constants, and constants that
        are not finite.

    Examples
    --------
    >>> print(Term(0, 0, ("sin",), (None, 3.0, None)))
    c sin(3 x0 + b)
    """

    input: int
    output: int
    functions: tuple[Function, ...]
    fixed: tuple[float | None, ...]

    def __init__(
        self,
        input: int,
        output: int,
        functions: Sequence[Function | str] = (),
        fixed: Sequence[float | None] | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "input", integer("input", input, low=0))
        put(self, "output", integer("output", output, low=0))
        each = sequence("functions", functions, empty=True)
        if len(each) > LONGEST:
            raise ValueError(f"functions must hold at most {LONGEST} functions, got {len(each)}")
        chain = tuple(_function(f"functions[{i}]", function) for i, function in enumerate(each))
        put(self, "functions", chain)
        count = 1 + 2 * len(chain)
        given = (None,) * count if fixed is None else sequence("fixed", fixed)
        if len(given) != count:
            raise ValueError(
                f"fixed must hold {count} constants, 1 and 2 for each of {len(chain)} functions, got "
                f"{len(given)}"
            )
        numbers = (None if v is None else real(f"fixed[{i}]", v) for i, v in enumerate(given))
        put(self, "fixed", tuple(numbers))

    @property
    def n_free(self) -> int:
        """Number of parameters."""
        return sum(value is None for value in self.fixed)

    @property
    def complexity(self) -> int:
        """1 plus the sum of the complexities of the functions."""
        return 1 + sum(function.complexity for function in self.functions)

    def __repr__(self) -> str:
        names = ", ".join(repr(each.name if each.name in FUNCTIONS else each) for each in self.functions)
        names += "," if len(self.functions) == 1 else ""
        return f"Term({self.input}, {self.output}, ({names}), {self.fixed!r})"

    def __str__(self) -> str:
        c, *inner = self.fixed
        text = f"x{self.input}"
        for i, function in enumerate(self.functions):
            scale, shift = inner[2 * i], inner[2 * i + 1]
            text = function.of(_affine("a", scale, text, shift))
        if c == 1.0:
            return text
        factor = "c" if c is None else format(c, ".6g")
        return f"{factor}{text[1:]}" if text.startswith("1/") else f"{factor} {text}"


def _function(name: str, value: Any) -> Function:
    """`value`, a function or the name of a function in `FUNCTIONS`, as a function.

    Raises
    ------
    TypeError, ValueError
        For anything else.
    """
    if isinstance(value, Function):
        return value
    if isinstance(value, str):
        return FUNCTIONS[one_of(name, value, FUNCTIONS)]
    raise TypeError(f"{name} must be a Function or a name in FUNCTIONS, got {shown(value)}")


def _affine(name: str, scale: float | None, text: str, shift: float | None) -> str:
    factor = name if scale is None else format(scale, ".6g")
    text = text if scale == 1.0 else f"{factor} {text}"
    if shift is None:
        return f"{text} + b"
    return text if shift == 0 else f"{text} {'-' if shift < 0 else '+'} {abs(shift):.6g}"
