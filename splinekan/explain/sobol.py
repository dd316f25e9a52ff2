"""Sobol indices: the variance of a model split among its inputs, which are independent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer
from splinekan.explain.attribution import constant
from splinekan.explain.chain import (
    explained,
    input_names,
    output_names,
    samples_of,
    shares,
    without_record,
)
from splinekan.explain.marginals import Empirical, Marginal, Rule, uniform
from splinekan.explain.text import aligned, columns
from splinekan.model import Model
from splinekan.network import Affine, Normalizer, SplineLayer
from splinekan.network.domains import Interval
from splinekan.network.elementwise import Elementwise

TENSOR = 2**20
"""Points of a tensor rule, at most."""
GAUSS = (10, 8, 6, 5, 4)
"""Points in a piece, of which the largest number is taken that the tensor rule admits."""
CHUNK = 2**16
"""Points that are evaluated at once."""
REPLICATES = 16
"""Independent scramblings, whose scatter is the error."""
MAX_INPUTS = 10_000
"""SciPy's Sobol sequence has 21,201 dimensions, and two samples are drawn from it."""

Function = Callable[[Float64Array], Float64Array]


@dataclass(frozen=True, eq=False)
class SobolIndices:
    """First-order and total Sobol indices of the outputs with respect to the inputs.

    `print` shows a table; `pandas.DataFrame(indices.to_dict())` makes a data frame.

    Attributes
    ----------
    first, total
        (n_in, n_out). NaN for outputs without variance.
    first_error, total_error
        Estimates of their errors, of the same shape: for quadrature the difference to a rule with a point
        less in every piece, a cautious bound; for quasi-Monte Carlo points the standard error over 16
        scramblings. 0 where sums over all values are exact.
    mean, variance
        Of the outputs, (n_out,).
    method
        "additive", "tensor" or "quasi-Monte Carlo".
    evaluations
        The number of points at which the model was evaluated.
    names, output_names
        Of inputs and outputs.
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

    Sums of functions are integrated input by input, between the breakpoints of their splines, exactly but for
    rounding. Functions of few inputs are integrated by a tensor rule with Gauss points between the breakpoints
    of the first layer. For more, x_i is exchanged in one of two samples of a scrambled Sobol sequence
    (Saltelli et al. 2010, Comput. Phys. Commun. 181, 259, Table 2: the estimator (b) for S_i, and that of
    Jansen, (f), for T_i), in 16 scramblings, whose scatter is the standard error.

    Parameters
    ----------
    model
        A `Model` whose network takes x as it is.
    bounds
        The inputs are uniform on these intervals: (low, high) for each, or for all. If neither `bounds` nor X
        is given, the bounds of the training data with their margin; without a record the domain of the
        network.
    X
        Samples, (n, n_in), n at least 2: every input has the distribution of its column, independently of the
        others.
    sample_weight
        Multiplicities of the rows of X, (n,), not negative; None for 1.
    evaluations
        About the number of points of the quasi-Monte Carlo rule, at least 1024.
    seed
        Of its scramblings.

    Returns
    -------
    SobolIndices

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds or shapes, bounds and samples at once, no known bounds, and more than
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
    if additive(model):
        best = GAUSS[0]
        found = _additive(function, [each.rule(best) for each in marginals])
        cruder = None if exact else _additive(function, [each.rule(best - 1) for each in marginals])
        method = "additive"
    elif points := _affordable(marginals):
        found = _tensor(function, [each.rule(points) for each in marginals])
        cruder = None if exact else _tensor(function, [each.rule(points - 1) for each in marginals])
        method = "tensor"
    else:
        found, cruder, method = _sampled(function, marginals, budget, start), None, "quasi-Monte Carlo"
    mean, variance, first, total, *errors = found
    if not errors:
        errors = [np.zeros_like(first)] * 2 if cruder is None else _differences(found, cruder)
    lacking = variance <= function.constant
    shown = [np.where(lacking, np.nan, each) for each in (first, total, *errors)]
    return SobolIndices(
        *shown,
        mean,
        np.where(lacking, 0.0, variance),
        method,
        function.count,
        input_names(model),
        output_names(model),
    )


class _Counted:
    """A model with the number of its evaluations, and the variance that is rounding."""

    def __init__(self, model: Model) -> None:
        self.model, self.count, self.constant = model, 0, np.zeros(model.n_out)

    def __call__(self, x: Float64Array) -> Float64Array:
        """The outputs, (n, n_out)."""
        self.count += len(x)
        parts = [self.model(x[at : at + CHUNK]) for at in range(0, len(x), CHUNK)]
        values = np.concatenate(parts).astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("model must be finite wherever the inputs may lie, got outputs that are not")
        self.constant = np.maximum(self.constant, constant(values))
        return values


def additive(model: Model) -> bool:
    """Whether the outputs are sums of functions of each input, as the classes of the layers tell."""
    layers = model.network.layers
    mixing = [i for i, layer in enumerate(layers) if not isinstance(layer, Elementwise)]
    return (
        len(mixing) == 1
        and isinstance(layers[mixing[0]], (SplineLayer, Affine))
        and all(isinstance(each, Normalizer) and each.kind == "affine" for each in layers[mixing[0] + 1 :])
    )


def _affordable(marginals: Sequence[Marginal]) -> int:
    """Points in a piece for the tensor rule; 0 if none is small enough."""
    for points in GAUSS:
        if prod(float(len(each.rule(points).nodes)) for each in marginals) <= TENSOR:
            return points
    return 0


def _indices(
    mean: Float64Array, variance: Float64Array, alone: Float64Array, all_of: Float64Array
) -> list[Float64Array]:
    safe = np.where(variance > 0, variance, 1.0)
    return [mean, variance, alone / safe, all_of / safe]


def _differences(found: list[Float64Array], cruder: list[Float64Array]) -> list[Float64Array]:
    return [np.abs(found[i] - cruder[i]) for i in (2, 3)]


def _additive(function: Function, rules: Sequence[Rule]) -> list[Float64Array]:
    """Mean, variance, first-order and total indices of a sum of functions of each input."""
    origin = np.array([rule.nodes[0] for rule in rules])
    base = function(origin[None])[0]
    mean, parts = base.copy(), []
    for p, rule in enumerate(rules):
        x = np.repeat(origin[None], len(rule.nodes), axis=0)
        x[:, p] = rule.nodes
        values = function(x)
        middle = rule.weights @ values
        mean += middle - base
        parts.append(rule.weights @ (values - middle) ** 2)
    alone = np.array(parts)
    return _indices(mean, alone.sum(axis=0), alone, alone)


def _tensor(function: Function, rules: Sequence[Rule]) -> list[Float64Array]:
    """The same of any function, by the product of the rules."""
    sizes = tuple(len(rule.nodes) for rule in rules)
    parts = []
    for start in range(0, prod(sizes), CHUNK):
        at = np.unravel_index(np.arange(start, min(start + CHUNK, prod(sizes))), sizes)
        x = np.column_stack([rule.nodes[i] for rule, i in zip(rules, at, strict=True)])
        parts.append(function(x))
    values = np.concatenate(parts).reshape(*sizes, -1)
    mean = _averaged(values, rules, range(len(rules)))
    values = values - mean
    variance = _averaged(values**2, rules, range(len(rules)))
    alone, all_of = [], []
    for p, rule in enumerate(rules):
        others = [j for j in range(len(rules)) if j != p]
        alone.append(rule.weights @ _averaged(values, rules, others) ** 2)
        centred = values - np.expand_dims(_averaged(values, rules, [p]), p)
        all_of.append(_averaged(centred**2, rules, range(len(rules))))
    return _indices(mean, variance, np.array(alone), np.array(all_of))


def _averaged(values: Float64Array, rules: Sequence[Rule], axes: Sequence[int]) -> Float64Array:
    """Means over some of the axes."""
    for p in sorted(axes, reverse=True):
        values = np.tensordot(rules[p].weights, values, (0, p))
    return values


def _sampled(
    function: Function, marginals: Sequence[Marginal], budget: int, seed: int
) -> list[Float64Array]:
    """The same with standard errors, by scrambled Sobol points."""
    from scipy.stats.qmc import Sobol  # which takes long to import

    d = len(marginals)
    power = max(int(np.log2(max(budget / (REPLICATES * (d + 2)), 1))), 3)
    variances, alone, all_of, means = [], [], [], []
    shift: Any = None
    for replicate in range(REPLICATES):
        rng = np.random.default_rng([seed, replicate])
        u = Sobol(2 * d, rng=rng).random_base2(power)
        a, b = (
            np.column_stack([each.quantile(part[:, p]) for p, each in enumerate(marginals)])
            for part in (u[:, :d], u[:, d:])
        )
        fa, fb = function(a), function(b)
        means.append((fa.mean(axis=0) + fb.mean(axis=0)) / 2)
        shift = means[0] if shift is None else shift
        fa, fb = fa - shift, fb - shift
        variances.append((np.mean(fa**2, axis=0) + np.mean(fb**2, axis=0)) / 2 - (means[-1] - shift) ** 2)
        first, total = np.empty((2, d, fa.shape[1]))
        for p in range(d):
            x = a.copy()
            x[:, p] = b[:, p]
            mixed = function(x) - shift
            first[p] = np.mean(fb * (mixed - fa), axis=0)
            total[p] = np.mean((fa - mixed) ** 2, axis=0) / 2
        alone.append(first)
        all_of.append(total)
    variance = np.mean(variances, axis=0)
    found = _indices(np.mean(means, axis=0), variance, np.mean(alone, axis=0), np.mean(all_of, axis=0))
    safe = np.where(variance > 0, variance, 1.0)
    for parts, index in ((alone, found[2]), (all_of, found[3])):
        rest = np.array(parts) - index * np.array(variances)[:, None]
        found.append(rest.std(axis=0, ddof=1) / np.sqrt(REPLICATES) / safe)
    return found
