"""Structures of formulas, from simple to rich, as small spline networks with sums and products of nodes.

Let h_i, u_i, s_i be functions of the input x_i, p and q sums of such functions, g a function of a real
variable:

    sum         s_1 + ... + s_n
    g(sum)      g(h_1 + ... + h_n)
    u           u_1 ... u_n
    u+s         u_1 ... u_n + s_1 + ... + s_n
    g(u)        g(u_1 ... u_n)
    g(u+s)      g(u_1 ... u_n + s_1 + ... + s_n)
    pq+s        p q + s_1 + ... + s_n
    g(pq+s)     g(p q + s_1 + ... + s_n)
    g(w)+g(w)   g_1(w_1.x) + g_2(w_2.x)

A product by sums of squares, x y = ((x + y)^2 - (x - y)^2)/4, belongs to a continuous family of equal
networks: with x = sin s, y = sin t it is (cos(s - t) - cos(s + t))/2. A network with a node for the product
has no such freedom, and its edges can be recognised.
"""

from __future__ import annotations

import numpy as np

from splinekan._checks import Float64Array
from splinekan.formulas.trial import Edge, Part, SplineEdge, Trial, built
from splinekan.network.term import Term
from splinekan.splines.basis import BSplineBasis
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.prolongation import prolongation

STRUCTURES = ("sum", "g(sum)", "u", "u+s", "g(u)", "g(u+s)", "pq+s", "g(pq+s)", "g(w)+g(w)")
DEGREE = 3
SPREAD = 0.15
"""Deviation of the coefficients about a straight line at the start."""
ALONE = (((0,),),)
"""The products of a stage with a single node: that node."""


def start(
    structure: str, x: Float64Array, y: Float64Array, intervals: int, rng: np.random.Generator
) -> Trial:
    """Random splines for a structure.

    Parameters
    ----------
    structure
        A name in `STRUCTURES`.
    x, y
        The samples, (n_in, n) and (n,); no column is constant.
    intervals
        Number of intervals of every spline.
    rng
        The generator of the coefficients.
    """
    n = len(x)
    ends = [(float(column.min()), float(column.max())) for column in x]
    centre, deviation = float(y.mean()), float(y.std())

    def slope() -> float:
        return float(rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 1.0))

    def spline(
        i: int, q: int, domain: tuple[float, float], rise: float, shift: float = 0.0
    ) -> tuple[Edge, Float64Array]:
        knots = KnotVector.uniform(*domain, intervals, DEGREE)
        a, b = domain
        line = (2 * knots.greville - a - b) / (b - a)
        return SplineEdge(i, q, knots), shift + rise * line + SPREAD * abs(rise) * rng.standard_normal(
            len(line)
        )

    def splines(q: int, size: float) -> list[tuple[Edge, Float64Array]]:
        return [spline(i, q, ends[i], size * slope()) for i in range(n)]

    def last(g: bool) -> Part:
        if g:
            return Part([spline(0, 0, (-1.0, 1.0), deviation, centre)], [(0.0, 0.0)], ALONE)
        return Part([(Term(0, 0), np.array([deviation]))], [(None, centre)], ALONE)

    inside = structure[2:-1] if structure.startswith("g(") and structure != "g(w)+g(w)" else structure
    g = inside != structure
    fixed: tuple[float | None, float] = (0.0, 0.0)
    if inside == "sum":
        if not g:
            return built([Part(splines(0, deviation), [(0.0, 0.0)], ALONE)])
        return built([Part(splines(0, 1 / n), [fixed], ALONE), last(True)])
    if inside in ("u", "u+s"):
        edges = [spline(i, i, ends[i], slope()) for i in range(n)]
        groups: tuple[tuple[int, ...], ...] = (tuple(range(n)),)
        biases = [fixed] * n
        if inside == "u+s":
            edges += splines(n, 1 / n)
            groups, biases = (*groups, (n,)), [fixed] * (n + 1)
        return built([Part(edges, biases, (groups,)), last(g)])
    if inside == "pq+s":
        edges = [each for q in range(3) for each in splines(q, 1 / n)]
        return built([Part(edges, [fixed] * 3, (((0, 1), (2,)),)), last(g)])
    # Two ridge functions.
    half = [(high - low) / 2 for low, high in ends]
    lines: list[tuple[Edge, Float64Array]] = [
        (Term(i, q), np.array([slope() / (n * half[i])])) for q in range(2) for i in range(n)
    ]
    middles = [(high + low) / 2 for low, high in ends]
    shifts = [
        -sum(float(w[0]) * middles[edge.input] for edge, w in lines if edge.output == q) for q in range(2)
    ]
    first = Part(lines, [(None, each) for each in shifts], (((0,),), ((1,),)))
    ridges = [spline(q, 0, (-1.0, 1.0), deviation * slope(), centre / 2) for q in range(2)]
    return built([first, Part(ridges, [fixed], ALONE)])


def simplest(structure: str, n: int) -> str:
    """The structure that is the same for n inputs: all are "sum" or "g(sum)" for a single input."""
    if n > 1:
        return structure
    return "g(sum)" if structure.startswith("g(") and structure != "g(w)+g(w)" else "sum"


def refined(trial: Trial) -> Trial:
    """The same function with every interval of every spline halved."""
    parts = []
    for edges, biases, products in trial.parts():
        finer: list[tuple[Edge, Float64Array]] = []
        for edge, values in edges:
            if isinstance(edge, SplineEdge):
                knots = edge.knots.refine()
                values = np.asarray(prolongation(edge.knots, knots) @ values)
                edge = SplineEdge(edge.input, edge.output, knots)
            finer.append((edge, values))
        parts.append(Part(finer, biases, products))
    return built(parts)


def regauged(trial: Trial, x: Float64Array, intervals: int | None = None) -> Trial:
    """The trial with the domains of its splines fitted to the ranges of their inputs.

    A spline is given uniform knots on the range of its input, and approximates its former function there by
    least squares at the samples; training continues from there. Without `intervals` the splines keep their
    numbers of intervals, and those of the first stage keep their knots.
    """
    runs, parts = trial.run(trial.theta, x), []
    for s, (edges, biases, products) in enumerate(trial.parts()):
        moved: list[tuple[Edge, Float64Array]] = []
        for e, (edge, values) in enumerate(edges):
            if isinstance(edge, SplineEdge) and (s or intervals is not None):
                points = runs[s].x[edge.input]
                low, high = float(points.min()), float(points.max())
                if np.isfinite([low, high]).all() and high > low:
                    count = min(intervals or edge.knots.intervals, edge.knots.intervals)
                    knots = KnotVector.uniform(low, high, count, edge.knots.degree)
                    values = _projected(knots, points, runs[s].edges[e])
                    edge = SplineEdge(edge.input, edge.output, knots)
            moved.append((edge, values))
        parts.append(Part(moved, biases, products))
    return built(parts)


def _projected(knots: KnotVector, points: Float64Array, values: Float64Array) -> Float64Array:
    matrix = BSplineBasis(knots).tabulate(points)
    # Where no point lies, coefficients continue a straight line.
    n = knots.n_basis
    bend = np.diff(np.eye(n), 2, axis=0) * 1e-6 * np.sqrt(len(points))
    stacked = np.vstack([matrix, bend])
    return np.asarray(np.linalg.lstsq(stacked, np.concatenate([values, np.zeros(len(bend))]), rcond=None)[0])
