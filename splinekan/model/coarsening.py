"""Coarsening: removal of knots that a network hardly needs, with a bound on the change of its outputs.

For every input of every spline layer the knots are removed one after another, always the knot whose removal
changes the outputs least, and every stage of this sequence has a cost: a bound on the change of the outputs,
were it the only change. The stages whose cost is below a level are taken, the level as high as the bound on
all changes together allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from splinekan._checks import Array, Float64Array
from splinekan.model.enclosures import Box, Change, Edge, edges_of, step, through
from splinekan.network import KAN, SplineLayer
from splinekan.network.layer import Layer
from splinekan.splines.knot_removal import Candidates, removals, tidied, without
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.prolongation import prolongation

ROUNDING = 2.0**-40
"""Knots that move no coefficient by more than this share of the largest count as not needed."""

CERTAIN = 2.0**-30
"""Without a tolerance, all knots that are not needed stay if the bound on their removal is above this share
of the outputs: continuations beyond the domain may amplify without limit."""


@dataclass(frozen=True, eq=False)
class Path:
    """The stages of the removal of knots of an input, starting with all of them.

    Attributes
    ----------
    layer, input
        The place of the input.
    order
        The knots that are removed, in turn.
    inside, ends
        The bounds of a `Change` for every stage, nondecreasing: (stages, m) and (stages, 2, terms, m).
    cost
        The cost of every stage, (stages,).
    unneeded
        The number of knots whose removal is rounding.
    """

    layer: int
    input: int
    order: list[int]
    inside: Float64Array
    ends: Float64Array
    cost: Float64Array
    unneeded: int

    def stage(self, level: float) -> int:
        """The number of knots that are removed at this level of the cost."""
        return max(int(np.searchsorted(self.cost, level, side="right")) - 1, self.unneeded)


def coarsened(
    network: KAN, theta: Float64Array, box: Box, tolerance: Float64Array, budget: int | None = None
) -> tuple[KAN, Float64Array, Float64Array]:
    """A network on fewer knots, its parameters, and bounds on the change of its outputs, (n_out,).

    The bounds hold for inputs in `box` and are at most `tolerance`, (n_out,), or what rounding may do, if
    that is more. With a `budget`, a largest number of parameters, the removal ends when it is reached.

    Raises
    ------
    TypeError
        For layers of other classes than those of the package.
    ValueError
        For a budget that the tolerance does not allow.
    """
    plain, params = network.with_basis("spline"), network.to_basis(theta, "spline")
    coefficients = [layer.unpack(piece) for layer, piece in plain._pieces(params)]
    pieces: list[Any] = [
        edges_of(layer, piece) if isinstance(layer, SplineLayer) else piece
        for layer, piece in plain._pieces(params)
    ]
    nothing = [None] * len(pieces)
    boxes = through(plain, pieces, box, nothing)
    relative = tolerance.all() and np.isfinite(tolerance).all()
    scale = tolerance / tolerance.max() if relative else np.ones(len(tolerance))
    weights = _sensitivities(plain, pieces, boxes)
    paths = [
        _path(number, p, edge, coefficients[number]["coefficients"][p], boxes[number], weight / scale)
        for number, weight in enumerate(weights)
        if isinstance(plain.layers[number], SplineLayer) and np.isfinite(weight).all()
        for p, edge in enumerate(pieces[number])
    ]

    def result(stages: list[int]) -> tuple[KAN, Float64Array, Float64Array]:
        if not any(stages):
            return network, theta, np.zeros(network.n_out)
        coarse, own = _built(network, theta, plain, coefficients, paths, stages)
        changes = _differences(network, pieces, coefficients, coarse, own)
        return coarse, own, through(plain, pieces, box, changes)[-1].moved

    def bound(stages: list[int]) -> Float64Array:
        changes = _planned(plain, paths, stages)
        return through(plain, pieces, box, changes)[-1].moved

    unneeded = [path.unneeded for path in paths]
    best = result(unneeded)
    size = np.maximum(np.abs(boxes[-1].low), np.abs(boxes[-1].high))
    if (
        not (best[2] <= np.where(tolerance > 0, tolerance, CERTAIN * size)).all()
        or not np.isfinite(best[2]).all()
    ):
        best = network, theta, np.zeros(network.n_out)
        paths, unneeded = [], []
    allowed = np.maximum(tolerance, best[2])
    levels = np.unique(np.concatenate([path.cost for path in paths] or [np.zeros(1)]))
    levels = levels[np.isfinite(levels)]
    low, high = -1, len(levels) - 1  # the last level known to be allowed, and the last that may be
    if budget is not None:
        if best[0].n_parameters <= budget:
            return best
        sizes = [_size(plain, paths, [path.stage(level) for path in paths]) for level in levels]
        high = next((at for at, size in enumerate(sizes) if size <= budget), high)
    while low < high:
        middle = (low + high + 1) // 2
        stages = [path.stage(levels[middle]) for path in paths]
        low, high = (middle, high) if (bound(stages) <= allowed).all() else (low, middle - 1)
    while low >= 0:  # the plan and the network built from it differ by rounding
        stages = [path.stage(levels[low]) for path in paths]
        if stages == unneeded:
            break
        found = result(stages)
        if (found[2] <= allowed).all() and np.isfinite(found[2]).all():
            best = found
            break
        low -= 1
    if budget is not None and best[0].n_parameters > budget:
        within = "with a bounded change" if np.isinf(tolerance).all() else "within the tolerance"
        raise ValueError(
            f"budget must be at least {best[0].n_parameters}, the fewest parameters {within}, got {budget}"
        )
    return best


def _size(network: KAN, paths: list[Path], stages: list[int]) -> int:
    """The number of parameters without the knots."""
    outputs = [network.layers[path.layer].n_out for path in paths]
    return network.n_parameters - sum(n * stage for n, stage in zip(outputs, stages, strict=True))


def _sensitivities(network: KAN, pieces: Sequence[Any], boxes: list[Box]) -> list[Float64Array]:
    """For every layer the bounds on d(outputs)/d(its outputs), (n_out of the layer, n_out)."""
    found = [np.eye(network.n_out)]
    each = list(zip(network.layers, pieces, boxes, strict=False))
    for layer, piece, box in reversed(each[1:]):
        slopes = np.empty((layer.n_in, layer.n_out))
        for p in range(layer.n_in):
            if isinstance(layer, SplineLayer):
                slopes[p] = piece[p].steepest(box.low[p], box.high[p])
            else:
                unit = np.eye(layer.n_in)[p]
                slopes[p] = step(layer, piece, Box(box.low, box.high, unit)).moved
        with np.errstate(invalid="ignore", over="ignore"):
            after = found[-1]
            terms = slopes[:, :, None] * after[None]
            terms[np.isnan(terms)] = 0.0  # 0 times infinity
            found.append(terms.sum(axis=1))
    return found[::-1]


def _path(layer: int, p: int, edge: Edge, c: Float64Array, box: Box, weight: Float64Array) -> Path:
    c = np.array(c)
    low, high = float(box.low[p]), float(box.high[p])
    total = np.zeros_like(c)
    order, inside, ends = [], [np.zeros(c.shape[1])], [np.zeros_like(edge.ends)]

    def choose(found: Candidates, rows: Float64Array) -> int:
        sizes = np.abs(found.sizes)
        at_ends = np.abs((rows[:, found.where] * found.signs).sum(axis=2))
        change = Change(sizes, at_ends.reshape(*edge.ends.shape[:2], len(sizes), 1) * sizes)
        return int(np.argmin(_cost(edge.change(change, low, high), weight)))

    rows = edge.at_ends.reshape(2 * edge.ends.shape[1], len(c))
    for state in removals(edge.knots, c, choose, rows):
        total += state.change
        order.append(state.at)
        inside.append(np.abs(total).max(axis=0))
        ends.append(np.abs(edge.at_ends @ total))
    unneeded = _unneeded(np.array(inside), np.abs(c).max(axis=0))
    most_inside, most_ends = np.maximum.accumulate(inside), np.maximum.accumulate(ends)
    changes = Change(most_inside, np.moveaxis(most_ends, 0, 2))
    cost = np.maximum.accumulate(_cost(edge.change(changes, low, high), weight))
    return Path(layer, p, order, most_inside, most_ends, cost, unneeded)


def _cost(size: Float64Array, weight: Float64Array) -> Float64Array:
    """The largest of `size` times `weight` in every row; NaN counts as infinite."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.nan_to_num((size @ weight).max(axis=1), nan=np.inf, posinf=np.inf))


def _unneeded(inside: Float64Array, size: Float64Array) -> int:
    """The last stage that changes the spline by rounding only."""
    small = np.flatnonzero((inside <= ROUNDING * size).all(axis=1))
    return int(small[-1])


def _planned(network: KAN, paths: list[Path], stages: list[int]) -> list[list[Change | None] | None]:
    changes: list[list[Change | None] | None] = [None] * len(network.layers)
    for path, stage in zip(paths, stages, strict=True):
        own = changes[path.layer]
        if own is None:
            own = changes[path.layer] = [None] * network.layers[path.layer].n_in
        own[path.input] = Change(path.inside[stage], path.ends[stage]) if stage else None
    return changes


def _built(
    network: KAN,
    theta: Float64Array,
    plain: KAN,
    coefficients: Sequence[dict[str, Any]],
    paths: list[Path],
    stages: list[int],
) -> tuple[KAN, Float64Array]:
    """The network without the knots, in its own bases, and its parameters."""
    removed = {
        (path.layer, path.input): path.order[:stage] for path, stage in zip(paths, stages, strict=True)
    }
    layers: list[Layer] = []
    pieces: list[Array] = []
    for number, (layer, piece) in enumerate(network._pieces(theta)):
        if not isinstance(layer, SplineLayer) or not any(removed.get((number, p)) for p in range(layer.n_in)):
            layers.append(layer)
            pieces.append(piece)
            continue
        knots: list[KnotVector] = []
        own: list[Float64Array] = []
        for p, vector in enumerate(layer.knots):
            fine = coefficients[number]["coefficients"][p]
            coarse, c = without(vector, fine, removed.get((number, p), []))
            coarse, c = tidied(vector, coarse, c)
            knots.append(coarse)
            own.append(c.ravel())
        if "base" in coefficients[number]:
            own.append(coefficients[number]["base"].ravel())
        other = SplineLayer(
            layer.n_in, layer.n_out, knots, layer.degree, layer.extrapolate, "spline", layer.base
        )
        layers.append(other.with_basis(layer.basis))
        pieces.append(KAN((other,)).to_basis(np.concatenate(own), layer.basis))
    return KAN(tuple(layers)), np.concatenate(pieces)


def _differences(
    network: KAN,
    pieces: Sequence[Any],
    coefficients: Sequence[dict[str, Any]],
    coarse: KAN,
    theta: Float64Array,
) -> list[list[Change | None] | None]:
    """The differences between the splines of the two networks, as they are evaluated."""
    spline, params = coarse.with_basis("spline"), coarse.to_basis(theta, "spline")
    found: list[list[Change | None] | None] = []
    same = [layer is other for layer, other in zip(network.layers, coarse.layers, strict=True)]
    each = zip(same, pieces, coefficients, spline._pieces(params), strict=True)
    for unchanged, edges, views, (other, piece) in each:
        if unchanged or not isinstance(other, SplineLayer):
            found.append(None)
            continue
        c = other.unpack(piece)["coefficients"]
        own: list[Change | None] = []
        for edge, knots, before, after in zip(edges, other.knots, views["coefficients"], c, strict=True):
            P = prolongation(knots, edge.knots) if knots != edge.knots else np.eye(len(before))
            difference = np.asarray(before - P @ after)
            own.append(Change(np.abs(difference).max(axis=0), np.abs(edge.at_ends @ difference)))
        found.append(own)
    return found
