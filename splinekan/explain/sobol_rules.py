"""Means, variances and Sobol indices of functions by quadrature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from splinekan._checks import Float64Array
from splinekan.explain.marginals import Marginal, Rule

TENSOR = 2**20
"""Most points of a tensor rule."""
GAUSS = (10, 8, 6, 5, 4)
"""Numbers of points per piece; the largest that the tensor rule admits is used."""
CHUNK = 2**16
"""Number of points that are evaluated at once."""
REPLICATES = 16
"""Number of independent scramblings, whose scatter is the error."""

Function = Callable[[Float64Array], Float64Array]


class Indices(NamedTuple):
    """Mean and variance, (n_out,), first-order and total indices and their errors, (n_in, n_out)."""

    mean: Float64Array
    variance: Float64Array
    first: Float64Array
    total: Float64Array
    first_error: Float64Array
    total_error: Float64Array

    def compared(self, cruder: Indices) -> Indices:
        """The indices with the differences from a cruder rule as errors."""
        first, total = np.abs(self.first - cruder.first), np.abs(self.total - cruder.total)
        return self._replace(first_error=first, total_error=total)


def points_of_tensor_rule(marginals: Sequence[Marginal]) -> int:
    """Number of points per piece for the tensor rule; 0 if none is small enough."""
    for points in GAUSS:
        if prod(float(len(each.rule(points).nodes)) for each in marginals) <= TENSOR:
            return points
    return 0


def _indices(
    mean: Float64Array, variance: Float64Array, alone: Float64Array, all_of: Float64Array
) -> Indices:
    safe = np.where(variance > 0, variance, 1.0)
    none = np.zeros_like(alone)
    return Indices(mean, variance, alone / safe, all_of / safe, none, none)


def of_sums(function: Function, rules: Sequence[Rule]) -> Indices:
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


def by_tensor_rule(function: Function, rules: Sequence[Rule]) -> Indices:
    """The indices of any function, by the product of the rules."""
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


def by_sampling(function: Function, marginals: Sequence[Marginal], budget: int, seed: int) -> Indices:
    """The indices of any function with standard errors, by scrambled Sobol points."""
    from scipy.stats.qmc import Sobol  # slow to import

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
    errors = []
    for parts, index in ((alone, found.first), (all_of, found.total)):
        rest = np.array(parts) - index * np.array(variances)[:, None]
        errors.append(rest.std(axis=0, ddof=1) / np.sqrt(REPLICATES) / safe)
    return found._replace(first_error=errors[0], total_error=errors[1])
