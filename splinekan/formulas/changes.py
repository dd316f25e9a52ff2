"""Trials with edges removed, replaced and added, which snapping compares."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from splinekan._checks import Float64Array
from splinekan.formulas.curves import Candidate
from splinekan.formulas.trial import Edge, Part, SplineEdge, Trial, built, scale_node, value_of
from splinekan.network.term import Term

MONOMIALS = {2: "square", 3: "cube", 4: "x^4"}


def with_term(trial: Trial, s: int, e: int, candidate: Candidate, x: Float64Array) -> Trial | None:
    """The trial with a term in place of an edge, and the same mean of its node; None if it is not defined."""
    parts, run = trial.parts(), trial.run(trial.theta, x)[s]
    edge = parts[s].edges[e][0]
    fixed = [None if free else float(v) for v, free in zip(candidate.constants, candidate.free, strict=True)]
    term = Term(edge.input, edge.output, candidate.functions, fixed)
    values = candidate.constants[list(candidate.free)]
    parts[s].edges[e] = (term, values)
    with np.errstate(all="ignore"):
        shift = float(np.mean(run.edges[e] - value_of(term, values, run.x[edge.input])))
    if not np.isfinite(shift):
        return None
    _shift(parts[s], edge.output, shift)
    return built(parts)


def with_spline(trial: Trial, edge: SplineEdge) -> Trial:
    """The same function with a further spline, which is 0."""
    first, *others = trial.parts()
    return built([Part([*first.edges, (edge, np.zeros(edge.n_free))], first.biases, first.products), *others])


def without(trial: Trial, s: int, e: int, x: Float64Array) -> Trial | None:
    """The trial without an edge, whose mean is kept; None if that leaves a constant output.

    A factor without edges is a number, which is multiplied into the other factors.
    """
    parts, run = trial.parts(), trial.run(trial.theta, x)[s]
    part, edge = parts[s], parts[s].edges[e][0]
    mean = float(run.edges[e].mean())
    del part.edges[e]
    _shift(part, edge.output, mean)
    if not any(other.output == edge.output for other, _ in part.edges):
        if not part.edges:
            return None
        number = float(run.nodes[edge.output].mean())
        parts[s] = _without_factor(part, edge.output, number)
    return built(_connected(parts))


def _connected(parts: Sequence[Part]) -> list[Part]:
    """The stages without edges to unused nodes or unused outputs."""
    found: list[Part] = []
    wanted = set(range(len(parts[-1].products)))
    for edges, biases, products in reversed(parts):
        nodes = {node for j in wanted for group in products[j] for node in group}
        kept = [(edge, values) for edge, values in edges if edge.output in nodes]
        known = [each if node in nodes else (0.0, 0.0) for node, each in enumerate(biases)]
        found.append(Part(kept, known, products))
        wanted = {edge.input for edge, _ in kept}
    return found[::-1]


def _shift(part: Part, node: int, by: float) -> None:
    """Add to a node: to the coefficients of a spline if it has any, else to its bias, which becomes free."""
    for i, (edge, values) in enumerate(part.edges):
        if edge.output == node and isinstance(edge, SplineEdge):
            part.edges[i] = edge, values + by
            return
    _, value = part.biases[node]
    part.biases[node] = None, value + by


def _without_factor(part: Part, node: int, number: float) -> Part:
    """Products without a node that is constant; another factor is multiplied by its value.

    The node is kept if all other factors are needed elsewhere.
    """
    products = []
    everywhere = [other for groups in part.products for group in groups for other in group]
    for groups in part.products:
        kept = []
        for group in groups:
            others = tuple(other for other in group if other != node)
            free = [other for other in others if everywhere.count(other) == 1]
            if len(others) == len(group) or not free:
                kept.append(group)
                continue
            scale_node(part, free[0], number ** (len(group) - len(others)), freeing=True)
            kept.append(others)
        products.append(tuple(kept))
    used = {other for groups in products for group in groups for other in group}
    biases = list(part.biases)
    if node not in used:
        biases[node] = (0.0, 0.0)
    return Part(part.edges, biases, tuple(products))


def with_polynomial(trial: Trial, s: int, e: int, degree: int, x: Float64Array) -> Trial:
    """The trial with an edge replaced by a term for each power up to the degree, by least squares."""
    parts, run = trial.parts(), trial.run(trial.theta, x)[s]
    edge = parts[s].edges[e][0]
    points, values = run.x[edge.input], run.edges[e]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.RankWarning)  # of columns with few different values
        coefficients = np.polynomial.Polynomial.fit(points, values, degree).convert().coef
    fit = np.zeros(degree + 1)
    fit[: len(coefficients)] = coefficients
    terms: list[tuple[Edge, Float64Array]] = [(Term(edge.input, edge.output), fit[1:2])]
    for power in range(2, degree + 1):
        term = Term(edge.input, edge.output, (MONOMIALS[power],), (None, 1.0, 0.0))
        terms.append((term, fit[power : power + 1]))
    parts[s].edges[e : e + 1] = terms
    _shift(parts[s], edge.output, float(fit[0]))
    return built(parts)
