"""The networks of the search: edges that are splines or terms, sums and products, dense Jacobians.

The search trains hundreds of small networks in which some edges are splines and others are formulas already.
Their Jacobians have a hundred columns, so that dense matrices are the fastest representation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy

from splinekan._checks import Float64Array
from splinekan.formulas.families import along, differentiated
from splinekan.network.term import Term
from splinekan.splines.knot_vector import KnotVector

INSIDE = 129
"""Number of points between the least and the largest input of a term at which its functions are evaluated."""
Products = tuple[tuple[tuple[int, ...], ...], ...]
"""For every output of a stage its products, each given by the numbers of its nodes."""


@dataclass(frozen=True)
class SplineEdge:
    """A spline from an input to a node, continued by straight lines."""

    input: int
    output: int
    knots: KnotVector

    @property
    def n_free(self) -> int:
        """The number of coefficients."""
        return self.knots.n_basis


Edge = SplineEdge | Term


@dataclass(frozen=True)
class Stage:
    """A stage: nodes s_q = d_q + the sum of the edges to q, and outputs that are sums of products of nodes.

    Attributes
    ----------
    edges
        The edges, splines and terms.
    bias
        For every node the number d_q, or None for a parameter.
    products
        See `Products`.
    """

    edges: tuple[Edge, ...]
    bias: tuple[float | None, ...]
    products: Products

    @property
    def n_free(self) -> int:
        """The number of parameters: those of the edges in their order, then free biases."""
        return sum(edge.n_free for edge in self.edges) + sum(each is None for each in self.bias)

    def nodes(self, edges: Sequence[Float64Array], n: int, bias: Float64Array) -> Float64Array:
        """The nodes, (n_nodes, n), from values of the edges."""
        s = np.repeat(bias[:, None], n, axis=1)
        for edge, value in zip(self.edges, edges, strict=True):
            s[edge.output] += value
        return s

    def outputs(self, s: Float64Array) -> Float64Array:
        """Sums of products of nodes, (n_out, n)."""
        return np.array(
            [sum(np.prod(s[list(group)], axis=0) for group in groups) for groups in self.products]
        )

    def pulled(self, s: Float64Array, by: Float64Array) -> Float64Array:
        """The sum over the outputs of by_j d out_j/d s_q, (n_nodes, n), for by of (n_out, n)."""
        found = np.zeros_like(s)
        for j, groups in enumerate(self.products):
            for group in groups:
                for i, node in enumerate(group):
                    others = [other for k, other in enumerate(group) if k != i]
                    found[node] += by[j] * np.prod(s[others], axis=0)
        return found


@dataclass(frozen=True)
class Trial:
    """A chain of stages with a single output.

    Attributes
    ----------
    stages
        The stages, first to last.
    theta
        The parameters, stage by stage.
    """

    stages: tuple[Stage, ...]
    theta: Float64Array = field(repr=False, compare=False)

    # Places in theta

    @cached_property
    def places(self) -> tuple[tuple[slice, ...], ...]:
        """For every stage the slices of its edges, and that of its free biases at the end."""
        at, found = 0, []
        for stage in self.stages:
            sizes = [edge.n_free for edge in stage.edges] + [sum(each is None for each in stage.bias)]
            ends = np.cumsum([at, *sizes])
            found.append(tuple(slice(int(a), int(b)) for a, b in pairwise(ends)))
            at = int(ends[-1])
        return tuple(found)

    def biases(self, stage: int, theta: Float64Array) -> Float64Array:
        """The biases d of a stage, fixed values included."""
        given = self.stages[stage].bias
        found = np.array([0.0 if each is None else each for each in given])
        found[[each is None for each in given]] = theta[self.places[stage][-1]]
        return found

    def splines(self) -> Iterator[tuple[int, int]]:
        """Stage and number of every edge that is a spline."""
        for s, stage in enumerate(self.stages):
            for e, edge in enumerate(stage.edges):
                if isinstance(edge, SplineEdge):
                    yield s, e

    def edge(self, stage: int, number: int) -> tuple[Edge, Float64Array]:
        """An edge with its parameters."""
        return self.stages[stage].edges[number], self.theta[self.places[stage][number]]

    def bias(self, stage: int, node: int) -> float:
        """The bias d of a node."""
        return float(self.biases(stage, self.theta)[node])

    # Other trials

    def parts(self) -> list[Part]:
        """The stages with the numbers of their edges and biases, to be changed and `built` again."""
        found = []
        for s, stage in enumerate(self.stages):
            edges = [self.edge(s, e) for e in range(len(stage.edges))]
            biases = list(zip(stage.bias, map(float, self.biases(s, self.theta)), strict=True))
            found.append(Part(edges, biases, stage.products))
        return found

    # Values and derivatives

    def run(self, theta: Float64Array, x: Float64Array) -> list[Run]:
        """The inputs, the edges and the nodes of every stage, for columns x, (n_in, n)."""
        found: list[Run] = []
        for s, stage in enumerate(self.stages):
            values = [
                value_of(edge, theta[at], x[edge.input])
                for edge, at in zip(stage.edges, self.places[s], strict=False)
            ]
            nodes = stage.nodes(values, x.shape[1], self.biases(s, theta))
            found.append(Run(x, values, nodes))
            x = stage.outputs(nodes)
        found.append(Run(x, [], x))
        return found

    def value(self, theta: Float64Array, x: Float64Array) -> Float64Array:
        """The output, (n,)."""
        found: Float64Array = self.run(theta, x)[-1].x[0]
        return found

    def jacobian(self, theta: Float64Array, x: Float64Array) -> tuple[Float64Array, Float64Array]:
        """The output, (n,), and its derivatives, (n, n_parameters), by a single reverse sweep."""
        runs = self.run(theta, x)
        n = x.shape[1]
        J = np.empty((len(theta), n))
        gradient = np.ones((1, n))
        for s in reversed(range(len(self.stages))):
            stage, run = self.stages[s], runs[s]
            by = stage.pulled(run.nodes, gradient)
            gradient = np.zeros_like(run.x)
            for edge, at in zip(stage.edges, self.places[s], strict=False):
                slope, rows = _derivatives(edge, theta[at], run.x[edge.input])
                J[at] = by[edge.output] * rows
                if s:
                    gradient[edge.input] += by[edge.output] * slope
            J[self.places[s][-1]] = by[[each is None for each in stage.bias]]
        return runs[-1].x[0], J.T

    def is_regular(self, x: Float64Array) -> bool:
        """Whether every term is defined between the least and the largest of its inputs at x.

        Samples that fill a connected set take all values in between, so that a pole there is a pole of the
        formula among the samples, or between them if they lie on both sides.
        """
        for stage, run, places in zip(self.stages, self.run(self.theta, x), self.places, strict=False):
            for edge, at in zip(stage.edges, places, strict=False):
                if isinstance(edge, Term):
                    inside = np.linspace(run.x[edge.input].min(), run.x[edge.input].max(), INSIDE)
                    if not _is_defined(edge, constants(edge, self.theta[at])[1:], inside):
                        return False
        return True

    def sensitivities(self, x: Float64Array) -> list[Float64Array]:
        """d output/d node of every stage, (n_nodes, n)."""
        runs, found = self.run(self.theta, x), []
        gradient = np.ones((1, x.shape[1]))
        for s in reversed(range(len(self.stages))):
            stage, run = self.stages[s], runs[s]
            by = stage.pulled(run.nodes, gradient)
            found.append(by)
            gradient = np.zeros_like(run.x)
            for edge, at in zip(stage.edges, self.places[s], strict=False):
                gradient[edge.input] += (
                    by[edge.output] * _derivatives(edge, self.theta[at], run.x[edge.input])[0]
                )
        return found[::-1]


class Run(NamedTuple):
    """The inputs of a stage, (n_in, n), the values of its edges, and its nodes, (n_nodes, n)."""

    x: Float64Array
    edges: list[Float64Array]
    nodes: Float64Array


class Part(NamedTuple):
    """A stage with its numbers: edges with parameters, biases (fixed, or None) with values, products."""

    edges: list[tuple[Edge, Float64Array]]
    biases: list[tuple[float | None, float]]
    products: Products


def built(parts: Sequence[Part]) -> Trial:
    """The trial of these stages."""
    stages, numbers = [], []
    for edges, biases, products in parts:
        stages.append(
            Stage(tuple(edge for edge, _ in edges), tuple(fixed for fixed, _ in biases), tuple(products))
        )
        numbers += [np.asarray(values, dtype=np.float64) for _, values in edges]
        numbers.append(np.array([value for fixed, value in biases if fixed is None]))
    return Trial(tuple(stages), np.concatenate(numbers))


def _is_defined(edge: Term, inner: Float64Array, v: Any) -> bool:
    """Whether a chain is defined on the whole of an interval; v holds points of it."""
    for i, each in enumerate(edge.functions):
        v = inner[2 * i] * v + inner[2 * i + 1]
        low, high = float(v.min()), float(v.max())
        if not (np.isfinite([low, high]).all() and each.regular(low, high)):
            return False
        if low < 0 < high:  # where squares are least
            v = np.append(v, 0.0)
        v = each.derivatives(v)[0]
    return True


def placed(edge: Edge, input: int, output: int) -> Edge:
    """The edge with another input and another node."""
    if isinstance(edge, SplineEdge):
        return SplineEdge(input, output, edge.knots)
    return Term(input, output, edge.functions, edge.fixed)


def relabelled(trial: Trial, inputs: Sequence[int]) -> Trial:
    """The trial with the inputs of its first stage numbered as in `inputs`."""
    first, *others = trial.parts()
    edges = [(placed(edge, int(inputs[edge.input]), edge.output), values) for edge, values in first.edges]
    return built([Part(edges, first.biases, first.products), *others])


def restricted(trial: Trial, inputs: Sequence[int], at: Float64Array) -> Trial:
    """The trial in some of its inputs, ascending, with the others at these values, (n_in,).

    Edges from the others are numbers, which are added to their nodes.
    """
    first, *others = trial.parts()
    place = {int(p): i for i, p in enumerate(inputs)}
    edges, biases = [], list(first.biases)
    for edge, values in first.edges:
        if edge.input in place:
            edges.append((placed(edge, place[edge.input], edge.output), values))
        else:
            _, value = biases[edge.output]
            number = value_of(edge, values, at[edge.input : edge.input + 1])
            biases[edge.output] = None, value + float(number[0])
    return built([Part(edges, biases, first.products), *others])


def constants(term: Term, params: Float64Array) -> Float64Array:
    """(c, a_1, b_1, ...) of a term, fixed constants included."""
    free = [each is None for each in term.fixed]
    found = np.array([0.0 if each is None else each for each in term.fixed])
    found[free] = params
    return found


@cache
def _basis(knots: KnotVector) -> tuple[Any, Any]:
    basis = scipy.interpolate.BSpline(knots.t, np.eye(knots.n_basis), knots.degree)
    return basis, basis.derivative()


def value_of(edge: Edge, params: Float64Array, x: Float64Array) -> Float64Array:
    if isinstance(edge, SplineEdge):
        return np.asarray(_rows(edge.knots, x) @ params)
    c, *inner = constants(edge, params)
    return np.asarray(c * along(edge.functions, inner, x))


def _rows(knots: KnotVector, x: Float64Array) -> Float64Array:
    """The B-splines at x, continued by straight lines, (n, n_basis)."""
    basis, slopes = _basis(knots)
    inside = np.clip(x, *knots.domain)
    beyond = x - inside
    rows: Float64Array = basis(inside)
    if beyond.any():
        rows = rows + beyond[:, None] * slopes(inside)
    return rows


def _derivatives(edge: Edge, params: Float64Array, x: Float64Array) -> tuple[Float64Array, Float64Array]:
    """d/dx, (n,), and d/d params, (n_free, n), of an edge."""
    if isinstance(edge, SplineEdge):
        _, slopes = _basis(edge.knots)
        return np.asarray(slopes(np.clip(x, *edge.knots.domain)) @ params), _rows(edge.knots, x).T
    c, *inner = constants(edge, params)
    free = [each is None for each in edge.fixed]
    v, slope, rows = differentiated(edge.functions, inner, free[1:], x)
    return c * slope, np.vstack([v[None], c * rows]) if free[0] else c * rows


def scale_node(part: Part, node: int, by: float, *, freeing: bool = False) -> bool:
    """Multiply a node of a stage in place; return whether that was possible.

    Fixed factors and biases forbid it; with `freeing` they become free, or other fixed numbers.
    """
    for i, (edge, values) in enumerate(part.edges):
        if edge.output != node:
            continue
        if isinstance(edge, SplineEdge):
            part.edges[i] = edge, values * by
        elif edge.fixed[0] is None:
            part.edges[i] = edge, np.concatenate([[values[0] * by], values[1:]])
        elif freeing:
            free = Term(edge.input, edge.output, edge.functions, (None, *edge.fixed[1:]))
            part.edges[i] = free, np.concatenate([[edge.fixed[0] * by], values])
        else:
            return False
    fixed, value = part.biases[node]
    if fixed and not freeing:
        return False
    part.biases[node] = (None if fixed is None else fixed * by), value * by
    return True
