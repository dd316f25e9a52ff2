"""Layers of formulas as functions of NumPy."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from splinekan._checks import Array, shown
from splinekan.network import FUNCTIONS, FormulaLayer, Function

TEMPLATES = {
    "square": "{z} * {z}",
    "cube": "{z} * {z} * {z}",
    "x^4": "{z} ** 4",
    "x^5": "{z} ** 5",
    "reciprocal": "1 / {z}",
    "x^-2": "1 / ({z} * {z})",
    "x^-3": "1 / ({z} * {z} * {z})",
    "x^-4": "1 / {z} ** 4",
    "x^-5": "1 / {z} ** 5",
    "sqrt": "np.sqrt({z})",
    "x^(3/2)": "{z} * np.sqrt({z})",
    "rsqrt": "1 / np.sqrt({z})",
    "exp": "np.exp({z})",
    "log": "np.log({z})",
    "sin": "np.sin({z})",
    "cos": "np.cos({z})",
    "tan": "np.tan({z})",
    "sinh": "np.sinh({z})",
    "cosh": "np.cosh({z})",
    "tanh": "np.tanh({z})",
    "asin": "np.arcsin({z})",
    "acos": "np.arccos({z})",
    "atan": "np.arctan({z})",
    "asinh": "np.arcsinh({z})",
    "acosh": "np.arccosh({z})",
    "atanh": "np.arctanh({z})",
    "abs": "np.abs({z})",
    "sign": "np.sign({z})",
    "gaussian": "np.exp(-{z} * {z})",
    "erf": "_erf({z})",
    "sigmoid": "_sigmoid({z})",
    "silu": "{z} * _sigmoid({z})",
    "softplus": "np.logaddexp(0.0, {z})",
}
"""The functions of `splinekan.network.FUNCTIONS`. NumPy's are NaN outside closed ends too."""


def function(
    name: str,
    layer: FormulaLayer,
    params: Array,
    helper: Callable[[str], str],
    module: Callable[[str], Any],
) -> str:
    """The text of a function with the values of a layer."""
    constants, biases = layer.constants(params)
    lines = [
        f"def {name}(v):",
        f'    """{layer.n_out} formula{"s" * (layer.n_out > 1)} of {layer.n_in} '
        f'input{"s" * (layer.n_in > 1)}."""',
        f"    y = np.empty(({layer.n_out}, v.shape[1]))",
    ]
    for q, bias in enumerate(biases):
        lines.append(f"    y[{q}] = {bias!r}")
        for term, (c, *inner) in zip(layer.terms, constants, strict=True):
            if term.output != q:
                continue
            value = f"v[{term.input}]"
            for phi, a, b in zip(term.functions, inner[::2], inner[1::2], strict=True):
                lines += _masked(phi, f"{a!r} * {value} + {b!r}")
                value = _template(phi).format(z="z")
                lines.append(f"    z = {value}")
                value = "z"
                for needed, extra in NEEDED.items():
                    if needed in lines[-1]:
                        helper(needed)
                        for each in extra:
                            module(each)
            lines.append(f"    y[{q}] += {c!r} * {value}")
    return "\n".join([*lines, "    return y", ""])


NEEDED: dict[str, tuple[str, ...]] = {"_sigmoid": (), "_erf": ("math",)}
"""Functions that templates call, and the modules that these need."""


def _masked(phi: Function, argument: str) -> list[str]:
    """Lines for the argument z, with NaN outside the domain where NumPy would return a number."""
    lines = [f"    z = {argument}"]
    conditions = []
    if np.isfinite(phi.low) and not phi.closed[0]:
        conditions.append(f"(z > {phi.low!r})")
    if np.isfinite(phi.high) and not phi.closed[1]:
        conditions.append(f"(z < {phi.high!r})")
    if phi.hole is not None:
        conditions.append(f"(z != {phi.hole!r})")
    if conditions:
        lines.append(f"    z = np.where({' & '.join(conditions)}, z, np.nan)")
    return lines


def _template(phi: Function) -> str:
    """phi({z}) in NumPy."""
    if phi.name in FUNCTIONS:
        return TEMPLATES[phi.name]
    return _printed(phi)


def _printed(phi: Function) -> str:
    """The text of a user's function, from its expression; refused if it needs SciPy."""
    from sympy.printing.numpy import NumPyPrinter

    from splinekan.network.user_functions import X, parsed

    class Printer(NumPyPrinter):  # type: ignore[misc]
        """Prints functions of a number and an array, where sympy assumes arrays of equal shapes."""

        def _print_Max(self, expr: Any) -> str:  # noqa: N802 - sympy's name
            return self._pairs("maximum", expr)

        def _print_Min(self, expr: Any) -> str:  # noqa: N802
            return self._pairs("minimum", expr)

        def _pairs(self, name: str, expr: Any) -> str:
            first, *rest = (str(self._print(each)) for each in expr.args)
            return reduce(lambda a, b: f"numpy.{name}({a}, {b})", rest, first)

    settings = {"fully_qualified_modules": True, "allow_unknown_functions": True}
    text = Printer(settings).doprint(parsed(phi.expression)).replace("numpy.", "np.")
    points = np.array([0.3, 1.7])
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(eval(text, {"__builtins__": {}, "np": np, X.name: points}))  # our own text
        known = value.shape in ((), (2,)) and value.dtype.kind in "fiu"
    except Exception:
        known = False
    if not known:
        raise ValueError(
            f"model must have functions of NumPy to be written as source code, and {shown(phi.expression)} "
            "needs another package. Export the model as 'sympy'"
        )
    return re.sub(rf"\b{X.name}\b", "{z}", text)
