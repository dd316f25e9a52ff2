"""The records that a search for a formula returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Array, Float64Array
from splinekan._columns import numbered
from splinekan.model import Model


class Constant(NamedTuple):
    """A constant of a formula.

    Attributes
    ----------
    place
        The term or node to which it belongs, as text.
    value
        The value in the units of the data.
    deviation
        The standard error in the Gauss-Newton approximation, from the residuals and all other fitted
        constants; 0 for fixed constants.
    fixed
        Whether it was fixed at a simple value that the data allow; otherwise it was fitted.
    """

    place: str
    value: float
    deviation: float
    fixed: bool


class Tried(NamedTuple):
    """A structure that was tried for an output, with the result.

    Attributes
    ----------
    output
        The name of the output.
    structure
        The name of the structure; "model" for the edges of the model itself; "constant" for the mean of y
        if no input matters.
    splines
        Mean square error over the variance of y with splines on all edges, for a part of the samples.
    error
        The same error with terms, for all samples.
    criterion
        The criterion n log E + K log n + 2 C, by which structures are compared.
    is_formula
        Whether all edges became terms.
    """

    output: str
    structure: str
    splines: float
    error: float
    criterion: float
    is_formula: bool


@dataclass(frozen=True, eq=False)
class Formula:
    """Formulas for the outputs of a network or of data, as `symbolic` returns them.

    Attributes
    ----------
    model
        The formulas as a model: a network of `FormulaLayer` and `Product`. Edges for which no function was
        found are splines.
    expressions
        A sympy expression for each output, in symbols with the names of the inputs; with functions s1, s2,
        ... where edges are splines.
    is_complete
        For each output whether it is a formula without splines.
    is_regular
        For each output whether all its functions are defined between the least and the largest of their
        arguments at the samples. If not, it may be infinite or NaN between the samples.
    rms_error
        For each output the root of the mean square of formula - y over the samples, in the units of y.
    max_error
        For each output the largest |formula - y| over the samples.
    grid_error
        For each output the largest |formula - model| over points that fill the box of the samples; None
        without a model.
    constants
        The constants, fixed and fitted, with standard errors.
    dropped
        Names of inputs that no formula uses.
    tried
        The structures that were tried, in order.

    Examples
    --------
    >>> import numpy as np, splinekan as sk
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> formula = sk.symbolic_regression(x, x[:, 0] ** 2, structures=["sum"])
    >>> formula.expression, formula.is_complete
    (x**2, (True,))
    >>> formula([[0.5]])
    array([[0.25]])
    """

    model: Model
    expressions: tuple[Any, ...]
    is_complete: tuple[bool, ...]
    is_regular: tuple[bool, ...]
    rms_error: Float64Array
    max_error: Float64Array
    grid_error: Float64Array | None
    constants: tuple[Constant, ...] = field(repr=False)
    dropped: tuple[str, ...]
    tried: tuple[Tried, ...] = field(repr=False)

    def __call__(self, x: ArrayLike) -> Array:
        """Values of the formulas at the rows of x, (n, n_out)."""
        return self.model(x)

    @property
    def expression(self) -> Any:
        """The expression of the only output.

        Raises
        ------
        ValueError
            For several outputs: see `expressions`.
        """
        if len(self.expressions) != 1:
            raise ValueError(f"there are {len(self.expressions)} outputs: take one of `expressions`")
        return self.expressions[0]

    def latex(self) -> str:
        """The formulas in LaTeX, with an equation per line for each output."""
        import sympy

        names = self.model.output_names or numbered("y", self.model.n_out)
        lines = (
            f"{sympy.latex(sympy.Symbol(name))} = {sympy.latex(short(each))}"
            for name, each in zip(names, self.expressions, strict=True)
        )
        return "\n".join(lines)

    def __str__(self) -> str:
        """Formulas, errors, and what was fixed, fitted and dropped."""
        names = self.model.output_names or numbered("y", self.model.n_out)
        lines = []
        for o, (name, each) in enumerate(zip(names, self.expressions, strict=True)):
            lines.append(f"{name} = {short(each)}")
            if not self.is_complete[o]:
                lines.append("  (not a formula: for some edges no function was found)")
            if not self.is_regular[o]:
                lines.append("  (not defined everywhere between the samples: poles, or ends of domains)")
            errors = f"  error: root mean square {self.rms_error[o]:.3g}, largest {self.max_error[o]:.3g}"
            if self.grid_error is not None:
                errors += f"; from the model on a grid {self.grid_error[o]:.3g}"
            lines.append(errors)
        for title, fixed in (("fitted", False), ("fixed", True)):
            chosen = [each for each in self.constants if each.fixed == fixed]
            if fixed:  # 1 and 0 are not in the formula
                chosen = [each for each in chosen if abs(each.value) not in (0.0, 1.0)]
            if chosen:
                texts = (
                    f"{c.value:.6g}" + ("" if fixed else f" +- {c.deviation:.1g}") + f" in {c.place}"
                    for c in chosen
                )
                lines.append(f"{title}: {'; '.join(texts)}")
        if self.dropped:
            lines.append(f"dropped: {', '.join(self.dropped)}")
        return "\n".join(lines)


def short(expression: Any, digits: int = 6) -> Any:
    """An expression with its floats rounded to some digits, for reading."""
    import sympy

    return expression.xreplace({each: sympy.Float(each, digits) for each in expression.atoms(sympy.Float)})


def deviations(J: Float64Array, residual: Float64Array) -> Float64Array:
    """Standard errors of parameters, (sigma^2 (J^T J)^+)_jj^(1/2), whether or not J has full rank."""
    n, k = J.shape
    if not k:
        return np.zeros(0)
    scale = np.abs(J).max(axis=0)
    scale[scale == 0] = 1.0
    inverse = np.linalg.pinv((J / scale).T @ (J / scale), rcond=1e-12, hermitian=True)
    variance = float(residual @ residual) / max(n - k, 1)
    return np.asarray(np.sqrt(np.maximum(variance * np.diag(inverse), 0.0)) / scale)
