"""Sobol indices: the variance of a model split among its independent inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer
from splinekan.explain.chain import (
    explained,
    input_names,
    output_names,
    samples_of,
    shares,
    without_record,
)
from splinekan.explain.contributions import constant
from splinekan.explain.marginals import Empirical, Marginal, uniform
from splinekan.explain.sobol_rules import (
    CHUNK,
    GAUSS,
    by_sampling,
    by_tensor_rule,
    of_sums,
    points_of_tensor_rule,
)
from splinekan.explain.text import aligned, columns
from splinekan.model import Model
from splinekan.network import Affine, Normalizer, SplineLayer
from splinekan.network.domains import Interval
from splinekan.network.elementwise import Elementwise

MAX_INPUTS = 10_000
"""SciPy's Sobol sequence has 21,201 dimensions, and two samples are drawn from it."""


@dataclass(frozen=True, eq=False)
class SobolIndices:
    """First-order and total Sobol indices of the outputs with respect to the inputs.

    `print` shows a table; `pandas.DataFrame(indices.to_dict())` makes a data frame.

    Attributes
    ----------
    first, total
        The indices, (n_in, n_out); NaN for outputs without variance.
    first_error, total_error
        Estimates of their errors, of the same shape: for quadrature, the difference from a rule with one
        point less in every piece, a cautious bound; for quasi-Monte Carlo points, the standard error over 16
        scramblings. 0 if sums over all values are exact.
    mean, variance
        Means and variances of the outputs, (n_out,).
    method
        "additive", "tensor" or "quasi-Monte Carlo".
    evaluations
        The number of points at which the model was evaluated.
    names, output_names
        Names of inputs and outputs.
    """

    first: Float64Array
    total: Float64Array
    first_error: Float64Array = field(repr=False)
    total_error: Float64Array = field(repr=False)
    mean: Float64Array
    variance: Float64Array
    method: str
    evaluations: int
    names: tuple[str, ...]
    output_names: tuple[str, ...]

    def to_dict(self) -> dict[str, list[Any]]:
        """Columns "input", "output", "first", "first_error", "total" and "total_error"."""
        rows = [
            (name, output, *(float(each[p, o]) for each in self._columns))
            for o, output in enumerate(self.output_names)
            for p, name in enumerate(self.names)
        ]
        return columns(("input", "output", "first", "first_error", "total", "total_error"), rows)

    @property
    def _columns(self) -> tuple[Float64Array, ...]:
        return self.first, self.first_error, self.total, self.total_error

    def __str__(self) -> str:
        """A table with a row for every input and output."""
        rows = [
            (name, output, *(_digits(each[p, o]) for each in self._columns))
            for o, output in enumerate(self.output_names)
            for p, name in enumerate(self.names)
        ]
        head = ("input", "output", "first", "error", "total", "error")
        title = f"Sobol indices, {self.method}, {self.evaluations} evaluations"
        return f"{title}\n{aligned(head, rows, 2)}"


def _digits(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4f}" if value == 0 or abs(value) >= 1e-4 else f"{value:.0e}"


def sobol_indices(
    model: Any,
    *,
    bounds: Any = None,
    X: Any = None,
    sample_weight: ArrayLike | None = None,
    evaluations: int = 2**19,
    seed: int = 0,
) -> SobolIndices:
    """First-order and total Sobol indices of a model's outputs, for independent inputs.

    S_i = Var E[f | x_i]/Var f is the share of the variance that x_i explains alone, and
    T_i = E Var[f | x_j, j != i]/Var f the share in which x_i takes part (Sobol 1993; Homma & Saltelli 1996).
    S_i = T_i for all i if f is a sum of functions of each input; then they add up to 1.

    Sums of functions are integrated input by input, between the breakpoints of their splines, exactly up to
    rounding. Functions of few inputs are integrated by a tensor rule with Gauss points between the
    breakpoints of the first layer. For more inputs, x_i is exchanged between two samples of a scrambled Sobol
    sequence (Saltelli et al. 2010, Comput. Phys. Commun. 181, 259, Table 2: estimator (b) for S_i, and
    Jansen's estimator (f) for T_i), in 16 scramblings, whose scatter is the standard error.

    Parameters
    ----------
    model
        A `Model` whose network takes x itself, without `features`.
    bounds
        Intervals on which the inputs are uniform: (low, high) for each, or for all. If neither `bounds` nor X
        is given, the bounds of the training data with their margin; without a record, the domain of the
        network.
    X
        Samples, (n, n_in), n at least 2: every input has the distribution of its column, independently of the
        others.
    sample_weight
        Multiplicities of the rows of X, (n,), nonnegative; None for 1.
    evaluations
        Approximate number of points of the quasi-Monte Carlo rule, at least 1024.
    seed
        Seed of its scramblings.

    Returns
    -------
    SobolIndices
        The indices with estimates of their errors.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds or shapes, both bounds and samples, no known bounds, and more than
        10,000 inputs.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).uniform(0, 1, (300, 2))
    >>> model = fit(x, 2 * x[:, 0] + x[:, 1], hidden=())
    >>> sobol_indices(model, bounds=(0, 1)).first[:, 0].round(3)
    array([0.8, 0.2])
    """
    model = explained(model)
    budget, start = integer("evaluations", evaluations, low=1024), integer("seed", seed, low=0)
    if model.n_in > MAX_INPUTS:
        raise ValueError(f"model must have at most {MAX_INPUTS} inputs, got {model.n_in}")
    exact = False
    marginals: tuple[Marginal, ...]
    if X is not None:
        if bounds is not None:
            raise ValueError("bounds must be None if X is given: the inputs have one distribution")
        x = samples_of(model, X)
        weights = shares(sample_weight, len(x))
        marginals, exact = tuple(Empirical.of(column, weights) for column in x.T), True
    else:
        if sample_weight is not None:
            raise ValueError("sample_weight must be None without X, whose rows it counts")
        box: Sequence[Interval] = model._box(bounds)
        marginals, _ = uniform(model, box)
    function = _Counted(without_record(model))
    rule, method = by_tensor_rule, "tensor"
    points = points_of_tensor_rule(marginals)
    if additive(model):
        rule, method, points = of_sums, "additive", GAUSS[0]
    if points:
        found = rule(function, [each.rule(points) for each in marginals])
        if not exact:
            found = found.compared(rule(function, [each.rule(points - 1) for each in marginals]))
    else:
        found, method = by_sampling(function, marginals, budget, start), "quasi-Monte Carlo"
    lacking = found.variance <= function.constant
    first, total, first_error, total_error = (np.where(lacking, np.nan, each) for each in found[2:])
    return SobolIndices(
        first,
        total,
        first_error,
        total_error,
        found.mean,
        np.where(lacking, 0.0, found.variance),
        method,
        function.count,
        input_names(model),
        output_names(model),
    )


class _Counted:
    """A model with the number of its evaluations, and the variance that rounding causes."""

    def __init__(self, model: Model) -> None:
        self.model, self.count, self.constant = model, 0, np.zeros(model.n_out)

    def __call__(self, x: Float64Array) -> Float64Array:
        """The outputs, (n, n_out)."""
        self.count += len(x)
        parts = [self.model(x[at : at + CHUNK]) for at in range(0, len(x), CHUNK)]
        values = np.concatenate(parts).astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("model must be finite wherever the inputs may lie, got NaN or infinite outputs")
        self.constant = np.maximum(self.constant, constant(values))
        return values


def additive(model: Model) -> bool:
    """Whether the outputs are sums of functions of each input, by the classes of the layers."""
    layers = model.network.layers
    mixing = [i for i, layer in enumerate(layers) if not isinstance(layer, Elementwise)]
    return (
        len(mixing) == 1
        and isinstance(layers[mixing[0]], (SplineLayer, Affine))
        and all(isinstance(each, Normalizer) and each.kind == "affine" for each in layers[mixing[0] + 1 :])
    )
